/*
 * caption_lines.h: captions from a stream: a JSON object a line, or columns parted by tabs. What is
 * wrong with a line is that line's fault: it is named and the others are read.
 */
#ifndef WIT_CAPTION_LINES_H
#define WIT_CAPTION_LINES_H

#include "base/wit_base.h"

/* Columns from 1; 0: there is none. A column's bytes are taken as they are. */
struct caption_format {
    bool tsv;
    unsigned text_column, url_column, page_column;
};

struct caption {
    struct wit_str line, text, url, page;
    bool has_url, has_page;
};

struct captions {
    const char *command;          /* "filter", for sentences */
    const char *name;             /* "stdin", or a path */
    struct caption_format format; /* JSON, unless set */
    bool need_url;
    uint64_t bad;  /* lines that could not be used; the first are named on stderr */
    uint64_t line; /* number of the one at hand, from 1 */
};

/* One caption; strings last for the call. 0 to go on; above 0 ends the walk and is returned;
 * WIT_EFORMAT and WIT_ELIMIT are the line's own fault; another failure ends the walk. */
typedef int (*caption_fn)(void *user, const struct caption *c, struct wit_error *err);
/* What is said in place of a line that could not be used; NULL: nothing. 0 or a failure. */
typedef int (*caption_bad_fn)(void *user, const struct wit_error *err);

/* Blank lines are skipped. 0, what ended the walk, or a failure of the stream. */
int captions_each(struct captions *s, FILE *stream, caption_fn fn, caption_bad_fn bad, void *user,
                  struct wit_error *err);
/* "wit filter: 12 further lines could not be used", where some were not named. */
void captions_finish(const struct captions *s);

#endif
