/*
 * warc_walk.h: everything that a reader says about a file of records, as a text, so that two ways
 * of reading can be compared.
 */
#ifndef WARC_WALK_H
#define WARC_WALK_H

#include "warc_record.h"

struct warc_walk {
    struct wit_buf
        text; /* a line for each record or failure, and HTTP messages as they were read */
    struct wit_crawler_warc_place *places; /* of each line's record or failure */
    size_t *starts;                        /* of each line in text */
    size_t count;
};

/* Read `bytes` in pieces of `chunk`, from a place on, or from the beginning (NULL). Blocks of
 * responses are read as HTTP, in pieces of `chunk` too. Aborts where a promise of the header is
 * broken: an unknown status, an endless file. */
void warc_walk(struct wit_str bytes, size_t chunk, const struct wit_crawler_warc_place *from,
               struct warc_walk *out);
void warc_walk_finish(struct warc_walk *w);

#endif
