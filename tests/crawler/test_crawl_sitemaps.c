/*
 * test_crawl_sitemaps.c: whole crawls that find pages and pairs by sitemaps: a site on 127.0.0.1,
 * another one on 127.0.0.2.
 */
#include "crawl_site.h"

#include <stdlib.h>

#define XML "application/xml"
#define TEXT "text/plain; charset=utf-8"

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* Both sites give the same answers: {P} is the one that is crawled, {I} another one. */
static void sites_start(struct world *w, const struct answer *answers, size_t count) {
    world_start(w, answers, count, answers, count);
    w->cfg.retries = 1;
}

static void crawl(struct world *w) {
    must(wit_crawler_run(&w->cfg, &w->report, &err));
}

struct expected_pair {
    const struct world *w;
    const char *text, *page, *rights;
    unsigned found;
};

static int pair_look(void *user, const struct wit_shards_candidate *c, struct wit_error *e) {
    struct expected_pair *want = user;
    char page[256];
    snprintf(page, sizeof page, "%s%s", want->w->pages.pages, want->page);
    want->found += wit_str_eq(c->text, wit_str_from(want->text)) &&
                   wit_str_eq(c->page, wit_str_from(page)) && c->source == WIT_SHARDS_SITEMAP &&
                   wit_str_starts_with(c->rights, wit_str_from(want->rights));
    return 0;
}

/* Is there one such pair of a sitemap in the log, on that page, with rights that begin so? */
static void expect_pair(const struct world *w, const char *text, const char *page,
                        const char *rights) {
    struct expected_pair want = { .w = w, .text = text, .page = page, .rights = rights };
    uint64_t position = 0;
    must(wit_shards_candidates_from(w->dir, &position, pair_look, &want, &err));
    assert_int_equal(want.found, 1);
}

/* ---- what is found -------------------------------------------------------------------------- */

static void sitemaps_lead_to_pages_and_pairs(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt",
          .type = TEXT,
          .body =
              "User-agent: *\nDisallow: /private\nSitemap: {P}/index.xml#x\nSitemap: /list.txt\n"
              "Sitemap:\nSitemap: ftp://127.0.0.1/no.xml\nSitemap: {I}/cross.xml\nSitemap: "
              "{P}/private/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "no link at all" },
        { .path = "/index.xml",
          .type = XML,
          .body = "<sitemapindex><sitemap><loc>{P}/a.xml.gz</loc></sitemap><sitemap><loc>{P}/"
                  "index.xml</"
                  "loc>"
                  "</sitemap><sitemap><loc>{I}/foreign.xml</loc></sitemap></sitemapindex>" },
        { .path = "/a.xml.gz",
          .type = "application/x-gzip",
          .body =
              "<urlset><url><loc>{P}/only-here</loc><image:image><image:loc>{I}/1.jpg</image:loc>"
              "<image:caption>A cat</image:caption><image:license>{I}/by</image:license>"
              "</image:image></url><url><loc>{I}/outside</loc>"
              "<image:image><image:loc>{I}/2.jpg</image:loc><image:title>elsewhere</image:title>"
              "</image:image></url><url><loc>{P}/private/x</loc></url></urlset>",
          .gzip = true },
        { .path = "/list.txt", .type = TEXT, .body = "{P}/listed\n{P}/start\n" },
        { .path = "/cross.xml",
          .type = "text/xml; charset=utf-8",
          .body = "<urlset><url><loc>{P}/crossed</loc></url><url><loc>{I}/outside</loc></url></"
                  "urlset>" },
        { .path = "/only-here", .type = HTML, .body = "<a href=/linked>x</a>" },
        { .path = "/linked", .type = HTML, .body = "x" },
        { .path = "/listed", .type = HTML, .body = "x" },
        { .path = "/crossed", .type = HTML, .body = "x" },
    };
    struct world w;
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    crawl(&w);
    assert_int_equal(w.report.pages, 9);
    assert_int_equal(w.report.sitemaps, 4);
    assert_int_equal(w.report.pages_refused, 2);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_denied"), 2);
    assert_int_equal(asked(&w.pages, "/index.xml"), 1);
    assert_int_equal(asked(&w.pages, "/only-here"), 1);
    assert_int_equal(asked(&w.pages, "/linked"), 1);
    assert_int_equal(asked(&w.pages, "/listed"), 1);
    assert_int_equal(asked(&w.pages, "/crossed"), 1);
    assert_int_equal(asked(&w.pages, "/private/s.xml"), 0);
    assert_int_equal(asked(&w.pages, "/"), 0);
    assert_int_equal(test_server_count(w.images.server, "/cross.xml"), 1);
    assert_int_equal(test_server_count(w.images.server, "/outside"), 0);
    assert_int_equal(test_server_count(w.images.server, "/foreign.xml"), 0);
    assert_int_equal(w.report.candidates, 1);
    expect_pair(&w, "A cat", "/only-here", "image.license: http://127.0.0.2:");
    /* the other site's robots.txt names sitemaps too, and has no page for us */
    assert_int_equal(test_server_count(w.images.server, "/robots.txt"), 1);
    assert_int_equal(test_server_count(w.images.server, "/list.txt"), 0);
    size_t before = test_server_seen(w.pages.server, NULL, 0);
    crawl(&w);
    assert_int_equal(test_server_seen(w.pages.server, NULL, 0), before);
    assert_int_equal(w.report.sitemaps, 4);
    world_stop(&w);
}

static void without_them_nothing_changes(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: {P}/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "<a href=/linked.xml>x</a>" },
        { .path = "/s.xml",
          .type = XML,
          .body = "<urlset><url><loc>{P}/only-here</loc></url></urlset>" },
        { .path = "/linked.xml",
          .type = XML,
          .body = "<urlset><url><loc>{P}/only-here</loc></url></urlset>" },
    };
    struct world w;
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.sitemaps = false;
    crawl(&w);
    assert_int_equal(asked(&w.pages, "/s.xml"), 0);
    assert_int_equal(asked(&w.pages, "/linked.xml"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "not_html"), 1);
    assert_int_equal(w.report.pages, 1);
    world_stop(&w);
}

/* Large, and nothing else wakes the reactor: it goes on by itself from turn to turn. */
static void a_seed_may_be_a_sitemap(void **state) {
    struct answer answers[] = {
        { .path = "/start", .type = "application/rss+xml" },
        { .path = "/post", .type = HTML, .body = "x" },
    };
    struct wit_buf feed = WIT_BUF_INIT(SITE_BODY_MOST_BYTES);
    struct world w;
    must(wit_buf_append_cstr(&feed, "<rss><channel>"));
    for (int i = 0; i < 100000; i++)
        must(wit_buf_append_cstr(&feed, "<item><guid isPermaLink='false'>x</guid></item>"));
    must(wit_buf_append_cstr(&feed, "<item><link>{P}/post</link></item></channel></rss>"));
    must(wit_buf_terminate(&feed));
    answers[0].body = feed.data;
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    crawl(&w);
    assert_int_equal(w.report.pages, 2);
    assert_int_equal(w.report.sitemaps, 1);
    world_stop(&w);
    wit_buf_finish(&feed);
}

/* Sitemaps and what they name may lie outside the scope; pages may not, whatever they are called.
 */
static void the_scope_holds_for_pages(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt",
          .type = TEXT,
          .body = "Sitemap: {P}/moved.xml\nSitemap: {P}/page.xml\nSitemap: {P}/away.xml\n" },
        { .path = "/blog/start", .type = HTML, .body = "x" },
        { .path = "/moved.xml", .status = 301, .headers = "Location: /index.xml\r\n" },
        { .path = "/index.xml",
          .type = XML,
          .body = "<sitemapindex><sitemap><loc>/child.xml</loc></sitemap></sitemapindex>" },
        { .path = "/child.xml",
          .type = XML,
          .body = "<urlset><url><loc>/blog/a</loc></url><url><loc>/shop/b</loc></url></urlset>" },
        { .path = "/page.xml",
          .type = HTML,
          .body = "<a href=/blog/trick>x</a><img src=/i.jpg alt='a trick'>" },
        { .path = "/away.xml", .status = 302, .headers = "Location: /shop/page\r\n" },
        { .path = "/shop/page", .type = HTML, .body = "<img src=/i.jpg alt='a trick'>" },
        { .path = "/blog/a", .type = HTML, .body = "x" },
    };
    struct world w;
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    snprintf(w.seed, sizeof w.seed, "%s/blog/start", w.pages.pages);
    snprintf(w.scope, sizeof w.scope, "%s/blog/", w.pages.pages);
    w.seed_str = wit_str_from(w.seed);
    w.scope_str = wit_str_from(w.scope);
    crawl(&w);
    assert_int_equal(asked(&w.pages, "/blog/a"), 1);
    assert_int_equal(asked(&w.pages, "/shop/b"), 0);
    assert_int_equal(asked(&w.pages, "/blog/trick"), 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "not_a_sitemap"), 2);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "redirected"), 2);
    assert_int_equal(w.report.pages, 4);
    assert_int_equal(w.report.candidates, 0);
    world_stop(&w);
}

/* A run ends, for what reason ever, while sitemaps wait: the next one reads them. */
static void sitemaps_wait_for_the_next_run(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: {P}/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "x" },
        { .path = "/s.xml",
          .type = XML,
          .body = "<urlset><url><loc>{P}/only-here</loc></url></urlset>" },
        { .path = "/only-here", .type = HTML, .body = "x" },
    };
    struct world w;
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.max_pages = 1;
    crawl(&w);
    assert_int_equal(asked(&w.pages, "/s.xml"), 0);
    assert_int_equal(w.report.pages_left, 1);
    w.cfg.max_pages = 0;
    w.cfg.max_depth = 0; /* a sitemap stands beside the seeds, its pages are links of it */
    crawl(&w);
    assert_int_equal(asked(&w.pages, "/s.xml"), 1);
    assert_int_equal(asked(&w.pages, "/only-here"), 0);
    w.cfg.max_depth = 1;
    crawl(&w);
    assert_int_equal(asked(&w.pages, "/only-here"), 1);
    assert_int_equal(w.report.pages, 3);
    world_stop(&w);
}

static void in_rounds_sitemaps_come_behind_the_round(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: {P}/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "x" },
        { .path = "/s.xml",
          .type = XML,
          .body = "<urlset><url><loc>{P}/only-here</loc></url></urlset>" },
        { .path = "/only-here", .type = HTML, .body = "x" },
    };
    struct world w;
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.rounds = true;
    w.cfg.max_depth = 1;
    crawl(&w);
    assert_int_equal(w.report.pages, 2);
    assert_int_equal(asked(&w.pages, "/s.xml"), 1);
    w.cfg.max_depth = 2;
    crawl(&w);
    assert_int_equal(w.report.pages, 3);
    world_stop(&w);
}

/* The origin of an image is met when the last round is over: its sitemap begins another one. */
static void in_rounds_a_late_sitemap_is_asked_for(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: /s.xml\n" },
        { .path = "/start", .type = HTML, .body = "<a href=last>l</a>" },
        { .path = "/last", .type = HTML, .body = "<img src='{I}/i.png' alt=i>" },
        { .path = "/s.xml", .type = XML, .body = "<urlset></urlset>" },
    };
    struct world w;
    struct wit_str scope[2];
    char other[128];
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    snprintf(other, sizeof other, "%s/", w.pages.images);
    scope[0] = w.scope_str;
    scope[1] = wit_str_from(other);
    w.cfg.scope = scope;
    w.cfg.scope_count = 2;
    w.cfg.rounds = true;
    crawl(&w);
    assert_int_equal(w.report.pages, 4);
    assert_int_equal(asked(&w.pages, "/s.xml"), 1);
    assert_int_equal(test_server_count(w.images.server, "/s.xml"), 1);
    world_stop(&w);
}

/* ---- ceilings and refusals ------------------------------------------------------------------ */

static void a_sitemap_has_its_own_ceilings(void **state) {
    enum { LINKS = 12000 }; /* of a page, 10,000 are followed */
    char filler[300];       /* makes it more than is read in one turn of the loop */
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: {P}/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "<a href=/in>x</a>" },
        { .path = "/s.xml", .type = XML, .body = "" },
        { .path = "/in", .type = HTML, .body = "x" },
    };
    struct wit_buf urls = WIT_BUF_INIT(SITE_BODY_MOST_BYTES), page = urls;
    struct world w;
    memset(filler, 'x', sizeof filler);
    filler[sizeof filler - 1] = 0;
    must(wit_buf_append_cstr(&urls, "<urlset>"));
    for (int i = 0; i < LINKS; i++)
        must(wit_buf_printf(&urls, "<url><loc>/u%d</loc><x>%s</x></url>", i, filler));
    must(wit_buf_terminate(&urls));
    answers[2].body = urls.data;
    must(wit_buf_append_cstr(&page, "<a href=/in>x</a>"));
    for (int i = 0; i < 2000; i++)
        must(wit_buf_append_byte(&page, ' '));
    must(wit_buf_append_cstr(&page, "<a href=/beyond>x</a>"));
    must(wit_buf_terminate(&page));
    answers[1].body = page.data;
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.max_page_bytes = 1000;
    w.cfg.max_depth = 1;
    w.cfg.max_pages = 3; /* start, sitemap, /in or a link of the sitemap */
    crawl(&w);
    assert_int_equal(asked(&w.pages, "/s.xml"), 1);
    assert_int_equal(asked(&w.pages, "/beyond"), 0);
    assert_int_equal(w.report.pages + w.report.pages_refused, 3);
    assert_int_equal(w.report.pages_left, LINKS);
    world_stop(&w);
    wit_buf_finish(&urls);
    wit_buf_finish(&page);
}

static void what_a_sitemap_cannot_be_is_counted(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt",
          .type = TEXT,
          .body = "Sitemap: {P}/bomb.xml\nSitemap: {P}/busy.xml\nSitemap: {P}/words.txt\n"
                  "Sitemap: {P}/lost.xml\nSitemap: {P}/loop.xml\nSitemap: {P}/page.xml\n"
                  "Sitemap: {P}/words\nSitemap: {P}/gzip.xml.gz\n" },
        { .path = "/start", .type = HTML, .body = "x" },
        { .path = "/bomb.xml",
          .type = XML,
          .body =
              "<!DOCTYPE l [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
              "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]>"
              "<urlset><url><loc>{P}/&d;</loc></url></urlset>" },
        { .path = "/busy.xml", .status = 503 },
        { .path = "/words.txt", .type = TEXT, .body = "these are words" },
        { .path = "/words", .type = TEXT, .body = "{P}/listed" },
        { .path = "/loop.xml", .status = 302, .headers = "Location: /loop.xml\r\n" },
        { .path = "/page.xml",
          .type = HTML,
          .body = "<a href=/soft404>x</a>" }, /* in scope: a page like any other */
        { .path = "/soft404", .type = HTML, .body = "x" },
        { .path = "/gzip.xml.gz", .type = "application/gzip", .body = "this is not gzip" },
    };
    struct world w;
    sites_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.max_wait_ms = 50;
    crawl(&w);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "not_a_sitemap"), 3);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_503"), 1);
    assert_int_equal(asked(&w.pages, "/busy.xml"), 2);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_404"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "redirected"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "not_html"), 1);
    assert_int_equal(asked(&w.pages, "/loop.xml"), 1);
    assert_int_equal(w.report.pages, 3); /* start page.xml soft404 */
    assert_int_equal(w.report.sitemaps, 0);
    world_stop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sitemaps_lead_to_pages_and_pairs),
        cmocka_unit_test(without_them_nothing_changes),
        cmocka_unit_test(a_seed_may_be_a_sitemap),
        cmocka_unit_test(the_scope_holds_for_pages),
        cmocka_unit_test(sitemaps_wait_for_the_next_run),
        cmocka_unit_test(in_rounds_sitemaps_come_behind_the_round),
        cmocka_unit_test(in_rounds_a_late_sitemap_is_asked_for),
        cmocka_unit_test(a_sitemap_has_its_own_ceilings),
        cmocka_unit_test(what_a_sitemap_cannot_be_is_counted),
    };
    return cmocka_run_group_tests_name("crawl_sitemaps", tests, NULL, NULL);
}
