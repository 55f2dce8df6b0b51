/*
 * warc_wat.h: what a WAT record says about a page, written back as the few tags that it was made
 * of: base, meta and img. The extractor reads those like any page, so that addresses, words, rights
 * and ceilings are the same by construction.
 */
#ifndef CRAWLER_WARC_WAT_H
#define CRAWLER_WARC_WAT_H

#include "base/wit_base.h"

struct warc_wat {
    struct wit_buf url;     /* of the page, as written */
    struct wit_buf headers; /* of the response: see page_headers.h */
    struct wit_buf html;    /* UTF-8 */
    const char *reason;     /* why there is no page: "http_404", "revisit"...; NULL: there is */
    char status_reason[16];
};

void warc_wat_init(struct warc_wat *w);
void warc_wat_finish(struct warc_wat *w);

/* 1; 0: the record is about no response (a request, the file itself), and about no page;
 * WIT_EFORMAT (no JSON, or none with an Envelope), WIT_ELIMIT (more comes out of it than goes in),
 * WIT_ENOMEM. */
int warc_wat_read(struct warc_wat *w, struct wit_str json, struct wit_error *err);

#endif
