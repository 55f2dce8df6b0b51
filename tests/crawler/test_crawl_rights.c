/*
 * test_crawl_rights.c: whole crawls of sites that say what may be done with what they have.
 */
#include "crawl_site.h"

#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* ---- rights --------------------------------------------------------------------------------- */

static const struct answer rights_pages[] = {
    { "/robots.txt", .type = "text/plain",
      .body = "User-agent: *\nDisallow: /closed\nContent-Usage: /used train-ai=n\n"
              "Content-Usage: /start search=n\n"
              "User-agent: GPTBot\nDisallow: /gpt\n" },
    { "/.well-known/tdmrep.json", .type = "application/json",
      .body = "[{\"location\":\"/tdm\",\"tdm-reservation\":1}]" },
    { "/start", .type = HTML, .headers = "X-Robots-Tag: noarchive\r\n",
      .body =
          "<meta name=robots content=nosnippet><a rel=license href='https://l.test/by'></a>"
          "<a href=closed></a><a href=used></a><a href=gpt></a><a href=meta></a><a href=tdm></a>"
          "<a href=tdm-open></a><a href=header></a>"
          "<img src='{I}/ok.png' alt=ok><img src='{I}/cu.png' alt=cu><img src='{I}/cs.png' alt=cs>"
          "<img src='{I}/tdm/a.png' alt=a><img src='{I}/tdm/h.png' alt=h>"
          "<img src='{I}/tdm/open.png' alt=open><img src='{I}/hu.png' alt=hu>"
          "<img src='{I}/hs.png' alt=hs><img src='{I}/x.png' alt=x>"
          "<img src='{I}/tdm/moved.png' alt=moved>" },
    { "/closed", .type = HTML, .body = "<img src='{I}/p1.png' alt=p1>" },
    { "/used", .type = HTML, .body = "<img src='{I}/p2.png' alt=p2><a href=behind></a>" },
    { "/gpt", .type = HTML, .body = "<img src='{I}/p3.png' alt=p3>" },
    { "/meta", .type = HTML,
      .body = "<meta name=robots content=noimageai><img src='{I}/p4.png' alt=p4>" },
    { "/tdm", .type = HTML, .body = "<img src='{I}/p5.png' alt=p5>" },
    { "/tdm-open", .type = HTML, /* the document takes back what the file says */
      .body = "<meta name=tdm-reservation content=0><img src='{I}/p6.png' alt=p6>" },
    { "/header", .type = HTML, .headers = "Content-Usage: ai=n\r\n",
      .body = "<img src='{I}/p7.png' alt=p7>" },
    { "/behind", .type = HTML, .body = "<img src='{I}/p8.png' alt=p8>" },
};
static const struct answer rights_images[] = {
    { "/robots.txt", .type = "text/plain",
      .body = "License: https://x.test/l\nUser-agent: *\nContent-Usage: /cu train-ai=n\n"
              "Content-Signal: /cs ai-train=no\n" },
    { "/.well-known/tdmrep.json", .type = "application/json",
      .body =
          "[{\"location\":\"/tdm/open\",\"tdm-reservation\":0},"
          "{\"location\":\"/tdm/*\",\"tdm-reservation\":1,\"tdm-policy\":\"https://x.test/p\"}]" },
    { "/ok.png", .headers = "Content-Usage: search=n\r\nX-Robots-Tag: noarchive\r\n",
      .body = "png:ok" },
    { "/cu.png", .body = "png:cu" },
    { "/cs.png", .body = "png:cs" },
    { "/tdm/a.png", .body = "png:a" },
    { "/tdm/h.png", .headers = "TDM-Reservation: 0\r\n", .body = "png:h" },
    { "/tdm/moved.png", .status = 302, .headers = "Location: /moved.png\r\n" },
    { "/moved.png", .body = "png:moved" },
    { "/tdm/open.png", .body = "png:open" },
    { "/hu.png", .headers = "Content-Usage: search=y\r\nContent-Usage: train-ai=n\r\n",
      .body = "png:hu" },
    { "/hs.png", .headers = "Content-Signal: ai-train=no\r\n", .body = "png:hs" },
    { "/x.png", .headers = "X-Robots-Tag: noai\r\n", .body = "png:x" },
    { "/p1.png", .body = "png:p1" },
    { "/p2.png", .body = "png:p2" },
    { "/p3.png", .body = "png:p3" },
    { "/p4.png", .body = "png:p4" },
    { "/p5.png", .body = "png:p5" },
    { "/p6.png", .body = "png:p6" },
    { "/p7.png", .body = "png:p7" },
    { "/p8.png", .body = "png:p8" },
};
#define RIGHTS rights_pages, WIT_COUNT_OF(rights_pages), rights_images, WIT_COUNT_OF(rights_images)

/* Is `words` in what is kept of where the PNG with this tail came from? */
static void origin_says(const char *dir, const char *tail, const char *words) {
    struct wit_buf bytes = WIT_BUF_INIT(4096), origin = WIT_BUF_INIT(1 << 16);
    struct wit_shards_dataset *ds = NULL;
    must(wit_buf_append_str(&bytes, site_png()));
    must(wit_buf_append_cstr(&bytes, tail));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    must(wit_shards_origin(ds, wit_hash128_of(bytes.data, bytes.len), &origin, &err));
    must(wit_buf_terminate(&origin));
    if (!strstr(origin.data, words))
        fail_msg("'%s' is not in %s", words, origin.data);
    wit_shards_dataset_close(ds);
    wit_buf_finish(&origin);
    wit_buf_finish(&bytes);
}

static void every_family_of_signals_refuses(void **state) {
    static const char *const others[] = { "CCBot", "GPTBot" };
    struct wit_shards_seal_report sealed;
    struct world w;
    world_start(&w, RIGHTS);
    w.cfg.obey_agents = others;
    w.cfg.obey_agent_count = 2;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_denied"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_other_agent"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_CANDIDATE, "content_usage"), 2); /* used, header */
    assert_int_equal(refused(&w, WIT_CRAWLER_CANDIDATE, "noimageai"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_CANDIDATE, "tdm_reserved"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "content_usage"), 2);  /* cu hu */
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "content_signal"), 2); /* cs hs */
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "tdm_reserved"), 2);   /* a moved */
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "noai"), 1);
    assert_int_equal(w.report.images, 5); /* ok h open p6 p8 */
    assert_int_equal(asked(&w.images, "/cu.png") + asked(&w.images, "/cs.png"), 0);
    assert_int_equal(asked(&w.images, "/.well-known/tdmrep.json"), 1);
    assert_int_equal(asked(&w.pages, "/.well-known/tdmrep.json"), 1);
    assert_int_equal(w.report.ignored, 0);
    assert_int_equal(w.report.robots.read, 2);
    assert_int_equal(w.report.tdmrep.read, 2);
    must(seal_simple(w.dir, 1, 0, &sealed, &err));
    origin_says(w.dir, "ok", "content-usage: search=n");
    origin_says(w.dir, "ok", "x-robots-tag: noarchive");
    origin_says(w.dir, "ok", "robots.license: https://x.test/l");
    origin_says(w.dir, "h", "tdmrep.tdm-policy: https://x.test/p");
    origin_says(w.dir, "h", "tdm-reservation: 0");
    /* and what its page said, beside the place where it was seen */
    origin_says(w.dir, "ok",
                "/start\",\"rights\":\"robots.content-usage: /start search=n\\n"
                "x-robots-tag: noarchive\\nmeta.robots: nosnippet\\n"
                "page.license: https://l.test/by\\n\"}]");
    origin_says(w.dir, "p6", "tdmrep.tdm-reservation: 1\\nmeta.tdm-reservation: 0\\n\"}]");
    world_stop(&w);
}

static void every_switch_lets_its_family_through(void **state) {
    static const struct {
        unsigned ignore;
        unsigned images; /* stored */
    } table[] = {
        { WIT_CRAWLER_IGNORE_ROBOTS, 6 + 1 },         /* p1 */
        { WIT_CRAWLER_IGNORE_X_ROBOTS_TAG, 6 + 1 },   /* x */
        { WIT_CRAWLER_IGNORE_META, 6 + 1 },           /* p4 */
        { WIT_CRAWLER_IGNORE_TDM, 6 + 3 },            /* a moved p5 */
        { WIT_CRAWLER_IGNORE_AIPREF, 6 + 4 },         /* cu hu p2 p7 */
        { WIT_CRAWLER_IGNORE_CONTENT_SIGNAL, 6 + 2 }, /* cs hs */
        { 63, 6 + 12 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        struct world w;
        world_start(&w, RIGHTS);
        w.cfg.ignore = table[i].ignore;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        if (w.report.images != table[i].images)
            fail_msg("%u, not %u images, with %u ignored", (unsigned)w.report.images,
                     table[i].images, table[i].ignore);
        assert_int_equal(w.report.ignored, table[i].ignore);
        if (i + 1 == WIT_COUNT_OF(table)) {
            w.cfg.ignore = 0; /* the directory remembers */
            must(wit_crawler_run(&w.cfg, &w.report, &err));
            assert_int_equal(w.report.ignored, table[i].ignore);
        }
        world_stop(&w);
    }
}

/* An image that may not be used is not loaded: its headers are enough. */
static void what_is_refused_by_headers_is_not_loaded(void **state) {
    enum { IMAGE_BYTES = 8 << 20 };
    static const struct answer pages[] = { { "/start", .type = HTML,
                                             .body = "<img src='{I}/big.png' alt=big>" } };
    struct answer images[] = { { "/big.png", .headers = "X-Robots-Tag: noai\r\n", .body = "" } };
    struct world w;
    world_start(&w, pages, WIT_COUNT_OF(pages), images, WIT_COUNT_OF(images));
    w.images.bodies[0].max = IMAGE_BYTES;
    while (w.images.bodies[0].len < IMAGE_BYTES / 2)
        must(wit_buf_append_str(&w.images.bodies[0], site_png()));
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "noai"), 1);
    assert_true(w.report.fetched_bytes < 1 << 20);
    world_stop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_of_signals_refuses),
        cmocka_unit_test(every_switch_lets_its_family_through),
        cmocka_unit_test(what_is_refused_by_headers_is_not_loaded),
    };
    return cmocka_run_group_tests_name("crawl_rights", tests, NULL, NULL);
}
