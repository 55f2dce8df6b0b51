/* synth_expect.h: what a crawl from the first pages of all domains must come to, computed from the
 * world alone: the graph of links is walked as robots.txt, redirects and failures allow. */
#ifndef SYNTH_EXPECT_H
#define SYNTH_EXPECT_H

#include "synth_world.h"

enum { SYNTH_REASONS_MOST = 64 };

struct synth_count {
    const char *subject; /* "page", "image", "candidate", as wit's reports name them */
    const char *reason;
    uint64_t count;
};

struct synth_expect {
    uint64_t pages;  /* read */
    uint64_t images; /* stored */
    uint64_t pairs;  /* distinct */
    uint64_t urls;   /* asked for, robots.txt left out */
    struct synth_count refused[SYNTH_REASONS_MOST];
    size_t refused_count;
    uint8_t *asked; /* by cell: requests that an uninterrupted crawl makes for it */
};

/* `retries`: further tries of a crawler of what may heal; at least 1, or what heals does not.
 * WIT_ENOMEM. The caller finishes it. */
int synth_expect_make(const struct synth_world *w, uint32_t retries, struct synth_expect *out,
                      struct wit_error *err);
void synth_expect_finish(struct synth_expect *x);
/* As members of the JSON object that is open. */
void synth_expect_put(const struct synth_expect *x, struct wit_json_writer *json);

#endif
