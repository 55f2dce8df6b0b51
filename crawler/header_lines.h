/*
 * header_lines.h: a block of header lines as WARC records and HTTP messages begin with, in pieces:
 * a first line, "Name: value" lines, an empty line. Lines end with LF or CRLF; one that begins with
 * a space or a tab goes on with the value before it (RFC 9112, 5.2; ISO 28500, 4).
 */
#ifndef CRAWLER_HEADER_LINES_H
#define CRAWLER_HEADER_LINES_H

#include "base/wit_base.h"

struct header_lines {
    bool strict;          /* a line without a name is a failure; otherwise it is passed over */
    struct wit_buf first; /* the first line */
    struct wit_buf lines; /* the others: "name: value\n", names in lower case, values trimmed */
    struct wit_buf line;  /* the one that has begun */
    uint32_t count;
    size_t bytes;
    bool begun;
};

void header_lines_init(struct header_lines *h, bool strict);
void header_lines_reset(struct header_lines *h); /* another block begins */
void header_lines_finish(struct header_lines *h);

/* Take bytes up to the end of the block; *used is how many. 1: the block is whole; 0: more is
 * wanted; WIT_EFORMAT (strict), WIT_ELIMIT (more than WIT_CRAWLER_WARC_MAX_HEADER_BYTES or _LINES),
 * WIT_ENOMEM. */
int header_lines_feed(struct header_lines *h, struct wit_str bytes, size_t *used);

#endif
