/* synth_answer.h: the bytes of the world: what an HTTP request for a URL of it gets. */
#ifndef SYNTH_ANSWER_H
#define SYNTH_ANSWER_H

#include "synth_world.h"

struct synth_answer {
    int status;
    bool cut; /* the connection ends here, within what was announced */
};

/* The whole response (HTTP/1.1, keep-alive) in `out`, which is reset before. asked_before: how
 * often this URL was asked for already: what heals has healed then. WIT_ENOMEM, WIT_ELIMIT. */
int synth_answer_write(const struct synth_world *w, const struct synth_url *u,
                       unsigned asked_before, struct wit_buf *out, struct synth_answer *answer);
/* The head and body of any other answer. */
int synth_answer_plain(int status, const char *type, struct wit_str body, struct wit_buf *out);

/* The answer to a DNS query (RFC 1035, 4), made of the query in place; returns its length, 0: none.
 * A records of names of the world; their other types are empty, other names do not exist. */
size_t synth_answer_name(const struct synth_world *w, uint8_t *message, size_t len, size_t size);

#endif
