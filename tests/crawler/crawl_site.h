/*
 * crawl_site.h: a small site on loopback for whole crawls: pages on 127.0.0.1, images on 127.0.0.2,
 * and a canary on 127.0.0.3 that nobody may touch. Each answers what a table says.
 */
#ifndef CRAWL_SITE_H
#define CRAWL_SITE_H

#include "shards/collection.h"
#include "test_server.h"
#include "wit_crawler.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdatomic.h>

#define HTML "text/html; charset=utf-8"

enum { SITE_BODY_MOST_BYTES = 8 << 20 };

struct answer {
    const char *path;
    int status;
    const char *headers;
    const char *type;
    const char *body; /* {P} the page host, {I} the image host, {C} the canary */
    int fails;        /* so many times it hangs up first */
    int busy;         /* so many times it says 429 first */
    uint32_t wait_ms;
    bool gzip; /* the body is packed */
};

struct site {
    const struct answer *answers;
    size_t count;
    struct test_server *server;
    atomic_int asked[64];
    char pages[64], images[64], canary[64]; /* "http://127.0.0.1:8080" */
    struct wit_buf bodies[64], locations[64];
};

struct world {
    struct site pages, images, canary;
    struct wit_net_cidr allow[2];
    struct wit_crawler_host hosts[2];
    struct wit_crawler_config cfg;
    struct wit_crawler_report report;
    char dir[WIT_PATH_MAX], seed[160], scope[128];
    struct wit_str seed_str, scope_str;
    unsigned wanted;
    struct held *held;
};

/* A 1x1 PNG. Bytes behind its end are allowed and make images differ. */
struct wit_str site_png(void);

/* Bodies, once every port is known. "png:x" is a PNG with x behind its end, "golden:NAME" a file of
 * tests/golden/image/images. */
void site_fill(struct site *s, const char *pages, const char *images, const char *canary);
size_t asked(struct site *s, const char *path); /* how often */

/* Settings for a crawl of these pages, which may lead to these images; seed is /start. */
void world_start(struct world *w, const struct answer *pages, size_t page_count,
                 const struct answer *images, size_t image_count);
void world_stop(struct world *w); /* and nobody has asked the canary */

/* ---- sites that several tests crawl (crawl_webs.c) ---- */

/* One with a bit of everything. */
enum { SITE_PAGES = 15, SITE_IMAGES = 21 };
extern const struct answer site_pages[SITE_PAGES], site_images[SITE_IMAGES];
#define SITE site_pages, SITE_PAGES, site_images, SITE_IMAGES

/* A chain of pages, each with one image of its own; chain_text holds path, body and image path of
 * each, and chain_make begins them anew. */
enum { CHAIN = 12, CHAIN_TEXT_BYTES = 128 };
extern struct answer chain_pages[CHAIN + 1], chain_images[CHAIN];
extern char chain_text[3 * CHAIN][CHAIN_TEXT_BYTES];
void chain_make(void);
#define CHAIN_SITE chain_pages, CHAIN + 1, chain_images, CHAIN

/* A judge that has no memory. */
int judge_fails(void *user, const struct wit_shards_candidate *cand, bool *want,
                struct wit_error *e);

/* Of the report. */
uint64_t refused(const struct world *w, enum wit_crawler_subject subject, const char *reason);

#endif
