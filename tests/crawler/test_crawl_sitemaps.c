/*
 * test_crawl_sitemaps.c: whole crawls that find pages and pairs by sitemaps: a site on 127.0.0.1,
 * another one on 127.0.0.2.
 */
#include "shards/collection.h"
#include "test_server.h"
#include "wit_crawler.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <zlib.h>

#define BODY_MOST_BYTES (8 << 20)
#define HTML "text/html"
#define XML "application/xml"
#define TEXT "text/plain; charset=utf-8"

struct answer {
    const char *path, *type, *body, *headers; /* {A} is the site, {B} the other one */
    int status;
    bool gzip;
    struct wit_buf sent, sent_headers; /* made of body and headers */
};

/* Both sites give the same answers. */
struct world {
    struct test_server *site, *other;
    struct answer *answers;
    size_t answer_count;
    struct wit_net_cidr allow;
    struct wit_crawler_host hosts[2];
    struct wit_crawler_config cfg;
    struct wit_crawler_report report;
    char dir[WIT_PATH_MAX], names[2][64], seed[128], scope[128];
    struct wit_str seed_str, scope_str;
};

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void handle(void *user, const struct test_request *req, struct test_reply *reply) {
    struct world *w = user;
    reply->status = 404;
    for (size_t i = 0; i < w->answer_count; i++) {
        const struct answer *a = &w->answers[i];
        if (strcmp(a->path, req->path) != 0)
            continue;
        reply->status = a->status ? a->status : 200;
        reply->type = a->type;
        reply->headers = a->headers ? a->sent_headers.data : NULL;
        reply->body = a->sent.data;
        reply->body_len = a->sent.len;
        return;
    }
}

static void fill(const struct world *w, const char *text, struct wit_buf *out) {
    for (; text && *text; text++) {
        bool named = strncmp(text, "{A}", 3) == 0 || strncmp(text, "{B}", 3) == 0;
        must(named ? wit_buf_append_cstr(out, w->names[text[1] - 'A'])
                   : wit_buf_append_byte(out, *text));
        text += named ? 2 : 0;
    }
    must(wit_buf_terminate(out));
}

static void gzip(struct wit_buf *b) {
    struct wit_buf packed = WIT_BUF_INIT(1 << 20);
    z_stream z = { .next_in = (Bytef *)b->data, .avail_in = (uInt)b->len };
    must(wit_buf_reserve(&packed, b->len + 1000));
    z.next_out = (Bytef *)packed.data;
    z.avail_out = (uInt)packed.cap;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed.len = z.total_out;
    deflateEnd(&z);
    wit_buf_finish(b);
    *b = packed;
}

static void world_start(struct world *w, struct answer *answers, size_t count) {
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    w->answers = answers;
    w->answer_count = count;
    w->site = test_server_start("127.0.0.1", handle, w);
    w->other = test_server_start("127.0.0.2", handle, w);
    snprintf(w->names[0], sizeof w->names[0], "http://127.0.0.1:%u", test_server_port(w->site));
    snprintf(w->names[1], sizeof w->names[1], "http://127.0.0.2:%u", test_server_port(w->other));
    for (size_t i = 0; i < count; i++) {
        answers[i].sent = answers[i].sent_headers = (struct wit_buf)WIT_BUF_INIT(BODY_MOST_BYTES);
        fill(w, answers[i].body, &answers[i].sent);
        fill(w, answers[i].headers, &answers[i].sent_headers);
        if (answers[i].gzip)
            gzip(&answers[i].sent);
    }
    snprintf(w->scope, sizeof w->scope, "%s/", w->names[0]);
    snprintf(w->seed, sizeof w->seed, "%s/start", w->names[0]);
    w->seed_str = wit_str_from(w->seed);
    w->scope_str = wit_str_from(w->scope);
    must(wit_net_cidr_parse(WIT_STR("127.0.0.0/8"), &w->allow, &err));
    w->hosts[0] = (struct wit_crawler_host){ "127.0.0.1", 0, 4 };
    w->hosts[1] = (struct wit_crawler_host){ "127.0.0.2", 0, 4 };
    w->cfg = wit_crawler_config_default();
    w->cfg.dir = w->dir;
    w->cfg.seeds = &w->seed_str;
    w->cfg.seed_count = 1;
    w->cfg.scope = &w->scope_str;
    w->cfg.scope_count = 1;
    w->cfg.allow_net = &w->allow;
    w->cfg.allow_net_count = 1;
    w->cfg.hosts = w->hosts;
    w->cfg.host_count = 2;
    w->cfg.retries = 1;
    w->cfg.retry_ms = 10;
    w->cfg.deadline_ms = 5000;
    w->cfg.commit_ms = 20;
}

static void world_stop(struct world *w) {
    test_server_stop(w->site);
    test_server_stop(w->other);
    for (size_t i = 0; i < w->answer_count; i++) {
        wit_buf_finish(&w->answers[i].sent);
        wit_buf_finish(&w->answers[i].sent_headers);
    }
    wit_crawler_report_finish(&w->report);
    scratch_remove(w->dir);
}

static void crawl(struct world *w) {
    must(wit_crawler_run(&w->cfg, &w->report, &err));
}

static uint64_t refused(const struct world *w, const char *reason) {
    for (size_t i = 0; i < w->report.refusal_count; i++)
        if (w->report.refusals[i].subject == WIT_CRAWLER_PAGE &&
            strcmp(w->report.refusals[i].reason, reason) == 0)
            return w->report.refusals[i].count;
    return 0;
}

static size_t asked(const struct world *w, const char *path) {
    return test_server_count(w->site, path);
}

struct expected_pair {
    const struct world *w;
    const char *text, *page, *rights;
    unsigned found;
};

static int pair_look(void *user, const struct wit_shards_candidate *c, struct wit_error *e) {
    struct expected_pair *want = user;
    char page[256];
    snprintf(page, sizeof page, "%s%s", want->w->names[0], want->page);
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
              "User-agent: *\nDisallow: /private\nSitemap: {A}/index.xml#x\nSitemap: /list.txt\n"
              "Sitemap:\nSitemap: ftp://127.0.0.1/no.xml\nSitemap: {B}/cross.xml\nSitemap: "
              "{A}/private/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "no link at all" },
        { .path = "/index.xml",
          .type = XML,
          .body = "<sitemapindex><sitemap><loc>{A}/a.xml.gz</loc></sitemap><sitemap><loc>{A}/"
                  "index.xml</"
                  "loc>"
                  "</sitemap><sitemap><loc>{B}/foreign.xml</loc></sitemap></sitemapindex>" },
        { .path = "/a.xml.gz",
          .type = "application/x-gzip",
          .body =
              "<urlset><url><loc>{A}/only-here</loc><image:image><image:loc>{B}/1.jpg</image:loc>"
              "<image:caption>A cat</image:caption><image:license>{B}/by</image:license>"
              "</image:image></url><url><loc>{B}/outside</loc>"
              "<image:image><image:loc>{B}/2.jpg</image:loc><image:title>elsewhere</image:title>"
              "</image:image></url><url><loc>{A}/private/x</loc></url></urlset>",
          .gzip = true },
        { .path = "/list.txt", .type = TEXT, .body = "{A}/listed\n{A}/start\n" },
        { .path = "/cross.xml",
          .type = "text/xml; charset=utf-8",
          .body = "<urlset><url><loc>{A}/crossed</loc></url><url><loc>{B}/outside</loc></url></"
                  "urlset>" },
        { .path = "/only-here", .type = HTML, .body = "<a href=/linked>x</a>" },
        { .path = "/linked", .type = HTML, .body = "x" },
        { .path = "/listed", .type = HTML, .body = "x" },
        { .path = "/crossed", .type = HTML, .body = "x" },
    };
    struct world w;
    world_start(&w, answers, WIT_COUNT_OF(answers));
    crawl(&w);
    assert_int_equal(w.report.pages, 9);
    assert_int_equal(w.report.sitemaps, 4);
    assert_int_equal(w.report.pages_refused, 2);
    assert_int_equal(refused(&w, "robots_denied"), 2);
    assert_int_equal(asked(&w, "/index.xml"), 1);
    assert_int_equal(asked(&w, "/only-here"), 1);
    assert_int_equal(asked(&w, "/linked"), 1);
    assert_int_equal(asked(&w, "/listed"), 1);
    assert_int_equal(asked(&w, "/crossed"), 1);
    assert_int_equal(asked(&w, "/private/s.xml"), 0);
    assert_int_equal(asked(&w, "/"), 0);
    assert_int_equal(test_server_count(w.other, "/cross.xml"), 1);
    assert_int_equal(test_server_count(w.other, "/outside"), 0);
    assert_int_equal(test_server_count(w.other, "/foreign.xml"), 0);
    assert_int_equal(w.report.candidates, 1);
    expect_pair(&w, "A cat", "/only-here", "image.license: http://127.0.0.2:");
    /* the other site's robots.txt names sitemaps too, and has no page for us */
    assert_int_equal(test_server_count(w.other, "/robots.txt"), 1);
    assert_int_equal(test_server_count(w.other, "/list.txt"), 0);
    size_t before = test_server_seen(w.site, NULL, 0);
    crawl(&w);
    assert_int_equal(test_server_seen(w.site, NULL, 0), before);
    assert_int_equal(w.report.sitemaps, 4);
    world_stop(&w);
}

static void without_them_nothing_changes(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: {A}/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "<a href=/linked.xml>x</a>" },
        { .path = "/s.xml",
          .type = XML,
          .body = "<urlset><url><loc>{A}/only-here</loc></url></urlset>" },
        { .path = "/linked.xml",
          .type = XML,
          .body = "<urlset><url><loc>{A}/only-here</loc></url></urlset>" },
    };
    struct world w;
    world_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.sitemaps = false;
    crawl(&w);
    assert_int_equal(asked(&w, "/s.xml"), 0);
    assert_int_equal(asked(&w, "/linked.xml"), 1);
    assert_int_equal(refused(&w, "not_html"), 1);
    assert_int_equal(w.report.pages, 1);
    world_stop(&w);
}

/* Large, and nothing else wakes the reactor: it goes on by itself from turn to turn. */
static void a_seed_may_be_a_sitemap(void **state) {
    struct answer answers[] = {
        { .path = "/start", .type = "application/rss+xml" },
        { .path = "/post", .type = HTML, .body = "x" },
    };
    struct wit_buf feed = WIT_BUF_INIT(BODY_MOST_BYTES);
    struct world w;
    must(wit_buf_append_cstr(&feed, "<rss><channel>"));
    for (int i = 0; i < 100000; i++)
        must(wit_buf_append_cstr(&feed, "<item><guid isPermaLink='false'>x</guid></item>"));
    must(wit_buf_append_cstr(&feed, "<item><link>{A}/post</link></item></channel></rss>"));
    must(wit_buf_terminate(&feed));
    answers[0].body = feed.data;
    world_start(&w, answers, WIT_COUNT_OF(answers));
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
          .body = "Sitemap: {A}/moved.xml\nSitemap: {A}/page.xml\nSitemap: {A}/away.xml\n" },
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
    world_start(&w, answers, WIT_COUNT_OF(answers));
    snprintf(w.seed, sizeof w.seed, "%s/blog/start", w.names[0]);
    snprintf(w.scope, sizeof w.scope, "%s/blog/", w.names[0]);
    w.seed_str = wit_str_from(w.seed);
    w.scope_str = wit_str_from(w.scope);
    crawl(&w);
    assert_int_equal(asked(&w, "/blog/a"), 1);
    assert_int_equal(asked(&w, "/shop/b"), 0);
    assert_int_equal(asked(&w, "/blog/trick"), 0);
    assert_int_equal(refused(&w, "not_a_sitemap"), 2);
    assert_int_equal(refused(&w, "redirected"), 2);
    assert_int_equal(w.report.pages, 4);
    assert_int_equal(w.report.candidates, 0);
    world_stop(&w);
}

/* A run ends, for what reason ever, while sitemaps wait: the next one reads them. */
static void sitemaps_wait_for_the_next_run(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: {A}/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "x" },
        { .path = "/s.xml",
          .type = XML,
          .body = "<urlset><url><loc>{A}/only-here</loc></url></urlset>" },
        { .path = "/only-here", .type = HTML, .body = "x" },
    };
    struct world w;
    world_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.max_pages = 1;
    crawl(&w);
    assert_int_equal(asked(&w, "/s.xml"), 0);
    assert_int_equal(w.report.pages_left, 1);
    w.cfg.max_pages = 0;
    w.cfg.max_depth = 0; /* a sitemap stands beside the seeds, its pages are links of it */
    crawl(&w);
    assert_int_equal(asked(&w, "/s.xml"), 1);
    assert_int_equal(asked(&w, "/only-here"), 0);
    w.cfg.max_depth = 1;
    crawl(&w);
    assert_int_equal(asked(&w, "/only-here"), 1);
    assert_int_equal(w.report.pages, 3);
    world_stop(&w);
}

static void in_rounds_sitemaps_come_behind_the_round(void **state) {
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: {A}/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "x" },
        { .path = "/s.xml",
          .type = XML,
          .body = "<urlset><url><loc>{A}/only-here</loc></url></urlset>" },
        { .path = "/only-here", .type = HTML, .body = "x" },
    };
    struct world w;
    world_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.rounds = true;
    w.cfg.max_depth = 1;
    crawl(&w);
    assert_int_equal(w.report.pages, 2);
    assert_int_equal(asked(&w, "/s.xml"), 1);
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
        { .path = "/last", .type = HTML, .body = "<img src='{B}/i.png' alt=i>" },
        { .path = "/s.xml", .type = XML, .body = "<urlset></urlset>" },
    };
    struct world w;
    struct wit_str scope[2];
    char other[128];
    world_start(&w, answers, WIT_COUNT_OF(answers));
    snprintf(other, sizeof other, "%s/", w.names[1]);
    scope[0] = w.scope_str;
    scope[1] = wit_str_from(other);
    w.cfg.scope = scope;
    w.cfg.scope_count = 2;
    w.cfg.rounds = true;
    crawl(&w);
    assert_int_equal(w.report.pages, 4);
    assert_int_equal(asked(&w, "/s.xml"), 1);
    assert_int_equal(test_server_count(w.other, "/s.xml"), 1);
    world_stop(&w);
}

/* ---- ceilings and refusals ------------------------------------------------------------------ */

static void a_sitemap_has_its_own_ceilings(void **state) {
    enum { LINKS = 12000 }; /* of a page, 10,000 are followed */
    char filler[300];       /* makes it more than is read in one turn of the loop */
    struct answer answers[] = {
        { .path = "/robots.txt", .type = TEXT, .body = "Sitemap: {A}/s.xml\n" },
        { .path = "/start", .type = HTML, .body = "<a href=/in>x</a>" },
        { .path = "/s.xml", .type = XML, .body = "" },
        { .path = "/in", .type = HTML, .body = "x" },
    };
    struct wit_buf urls = WIT_BUF_INIT(BODY_MOST_BYTES), page = urls;
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
    world_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.max_page_bytes = 1000;
    w.cfg.max_depth = 1;
    w.cfg.max_pages = 3; /* start, sitemap, /in or a link of the sitemap */
    crawl(&w);
    assert_int_equal(asked(&w, "/s.xml"), 1);
    assert_int_equal(asked(&w, "/beyond"), 0);
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
          .body = "Sitemap: {A}/bomb.xml\nSitemap: {A}/busy.xml\nSitemap: {A}/words.txt\n"
                  "Sitemap: {A}/lost.xml\nSitemap: {A}/loop.xml\nSitemap: {A}/page.xml\n"
                  "Sitemap: {A}/words\nSitemap: {A}/gzip.xml.gz\n" },
        { .path = "/start", .type = HTML, .body = "x" },
        { .path = "/bomb.xml",
          .type = XML,
          .body =
              "<!DOCTYPE l [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
              "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]>"
              "<urlset><url><loc>{A}/&d;</loc></url></urlset>" },
        { .path = "/busy.xml", .status = 503 },
        { .path = "/words.txt", .type = TEXT, .body = "these are words" },
        { .path = "/words", .type = TEXT, .body = "{A}/listed" },
        { .path = "/loop.xml", .status = 302, .headers = "Location: /loop.xml\r\n" },
        { .path = "/page.xml",
          .type = HTML,
          .body = "<a href=/soft404>x</a>" }, /* in scope: a page like any other */
        { .path = "/soft404", .type = HTML, .body = "x" },
        { .path = "/gzip.xml.gz", .type = "application/gzip", .body = "this is not gzip" },
    };
    struct world w;
    world_start(&w, answers, WIT_COUNT_OF(answers));
    w.cfg.max_wait_ms = 50;
    crawl(&w);
    assert_int_equal(refused(&w, "not_a_sitemap"), 3);
    assert_int_equal(refused(&w, "http_503"), 1);
    assert_int_equal(asked(&w, "/busy.xml"), 2);
    assert_int_equal(refused(&w, "http_404"), 1);
    assert_int_equal(refused(&w, "redirected"), 1);
    assert_int_equal(refused(&w, "not_html"), 1);
    assert_int_equal(asked(&w, "/loop.xml"), 1);
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
