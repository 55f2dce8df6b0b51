/*
 * warc_http.h: an HTTP response as a WARC record holds it, in pieces: status, headers, the body
 * without its transfer coding and content coding, cut at a ceiling.
 *
 * Archives differ in what they undo before they write: Common Crawl undoes both codings and renames
 * the headers, others keep the bytes of the wire, some undo a coding and keep its header. So a body
 * that does not begin like its coding is taken as it is.
 */
#ifndef CRAWLER_WARC_HTTP_H
#define CRAWLER_WARC_HTTP_H

#include "header_lines.h"

#include <zlib.h>

enum warc_http_state {
    WARC_HTTP_HEAD,
    WARC_HTTP_PLAIN,      /* body without transfer coding */
    WARC_HTTP_CHUNK_SIZE, /* the line before a chunk, in `size_line` */
    WARC_HTTP_CHUNK,
    WARC_HTTP_CHUNK_END, /* the line end behind it */
    WARC_HTTP_DONE
};

enum warc_http_coding { WARC_HTTP_IDENTITY, WARC_HTTP_GZIP, WARC_HTTP_DEFLATE };

struct warc_http {
    size_t max_body_bytes;
    enum warc_http_state state;
    struct header_lines head;
    int status;
    const char *reason; /* why there is no page in it; NULL: there is */
    char status_reason[16];

    uint64_t chunk_left;
    char size_line[64];
    size_t size_len;
    bool chunked_for_sure; /* a first chunk was there */

    enum warc_http_coding coding;
    uint8_t coded[2]; /* the first bytes, until it is known whether they are coded */
    size_t coded_len;
    bool coding_known;
    z_stream z;
    bool z_ready;

    struct wit_str charset; /* of the Content-Type; a view into head */
    struct wit_buf body;
};

void warc_http_init(struct warc_http *h, size_t max_body_bytes);
void warc_http_finish(struct warc_http *h);

/* A message begins. */
void warc_http_begin(struct warc_http *h);
/* A body begins whose headers are these lines: a resource record's. */
int warc_http_begin_resource(struct warc_http *h, struct wit_str headers);

/* The next bytes. 0: go on; 1: no more are needed; WIT_ENOMEM. */
int warc_http_feed(struct warc_http *h, struct wit_str bytes);
/* No more bytes come: h->reason, headers and body are final. A message that ends early is a page
 * cut short, as the archive's own ceiling leaves it. */
int warc_http_end(struct warc_http *h);

#endif
