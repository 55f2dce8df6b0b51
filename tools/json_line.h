/* json_line.h: one documented JSON object a line, to standard output. */
#ifndef WIT_JSON_LINE_H
#define WIT_JSON_LINE_H

#include "base/wit_base.h"

struct json_line {
    struct wit_buf buf; /* reused from line to line */
    struct wit_json_writer json;
};

void json_line_init(struct json_line *l, size_t most_bytes);
void json_line_finish(struct json_line *l);
void json_line_begin(struct json_line *l, const char *schema);
/* Members of the object that is open. */
void json_line_text(struct json_line *l, const char *name, const char *text);
void json_line_str(struct json_line *l, const char *name, struct wit_str text);
void json_line_count(struct json_line *l, const char *name, uint64_t v);
void json_line_double(struct json_line *l, const char *name, double v);
void json_line_bool(struct json_line *l, const char *name, bool v);
void json_line_key(struct json_line *l, const char *name, struct wit_hash128 key);
/* Print it. WIT_ELIMIT (too long), WIT_EIO (standard output). */
int json_line_end(struct json_line *l, struct wit_error *err);

/* Print bytes from outside on one line of a terminal, at most so many, cut between characters:
 * control characters become spaces. */
void json_line_print_plain(struct wit_str s, size_t most);

#endif
