/*
 * test_crawl.c: whole crawls of a small site on loopback: pages on 127.0.0.1, images on 127.0.0.2,
 * and a canary on 127.0.0.3 that nobody may touch.
 */
#include "net/dns_server.h"
#include "shards/collection.h"
#include "test_server.h"
#include "wit_crawler.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* A 1x1 PNG. Bytes behind its end are allowed and make images differ. */
static const uint8_t png[] = { 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00,
                               0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x01,
                               0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90,
                               0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41,
                               0x54, 0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03,
                               0x01, 0x01, 0x00, 0x18, 0xdd, 0x8d, 0xb0, 0x00, 0x00, 0x00,
                               0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82 };

struct answer {
    const char *path;
    int status;
    const char *headers;
    const char *type;
    const char *body; /* {I} the image host, {C} the canary */
    int fails;        /* so many times it hangs up first */
    int busy;         /* so many times it says 429 first */
    uint32_t wait_ms;
};

struct site {
    const struct answer *answers;
    size_t count;
    struct test_server *server;
    atomic_int asked[64];
    char images[64], canary[64];
    struct wit_buf bodies[64], locations[64];
};

struct world {
    struct site pages, images, canary;
    struct wit_net_cidr allow[2];
    struct wit_crawler_host hosts[2];
    struct wit_crawler_config cfg;
    struct wit_crawler_report report;
    char dir[WIT_PATH_MAX], seed[128], scope[64];
    struct wit_str seed_str, scope_str;
    unsigned wanted;
    struct held *held;
};

/* The text with {I} and {C} filled in. */
static struct wit_str fill(const struct site *s, const char *text, struct wit_buf *out) {
    wit_buf_reset(out);
    for (; text && *text; text++) {
        if (strncmp(text, "{I}", 3) == 0 || strncmp(text, "{C}", 3) == 0) {
            assert_int_equal(wit_buf_append_cstr(out, text[1] == 'I' ? s->images : s->canary), 0);
            text += 2;
        } else {
            assert_int_equal(wit_buf_append_byte(out, *text), 0);
        }
    }
    assert_int_equal(wit_buf_terminate(out), 0);
    return wit_buf_view(out);
}

static void handle(void *user, const struct test_request *req, struct test_reply *reply) {
    struct site *s = user;
    reply->status = 404;
    for (size_t i = 0; i < s->count; i++) {
        const struct answer *a = &s->answers[i];
        if (strcmp(a->path, req->path) != 0)
            continue;
        int asked = atomic_fetch_add(&s->asked[i], 1);
        if (asked < a->fails) {
            reply->hang_up = true;
            return;
        }
        if (asked < a->fails + a->busy) {
            reply->status = 429;
            reply->headers = "Retry-After: 1\r\n";
            return;
        }
        reply->status = a->status ? a->status : 200;
        reply->headers = a->headers ? s->locations[i].data : NULL;
        reply->type = a->type;
        reply->body = s->bodies[i].data;
        reply->body_len = s->bodies[i].len;
        reply->wait_ms = a->wait_ms;
        return;
    }
}

static void site_start(struct site *s, const char *ip, const struct answer *answers, size_t count) {
    s->answers = answers;
    s->count = count;
    for (size_t i = 0; i < WIT_COUNT_OF(s->bodies); i++)
        s->bodies[i] = s->locations[i] = (struct wit_buf)WIT_BUF_INIT(1 << 16);
    s->server = test_server_start(ip, handle, s);
}

/* Bodies, once every port is known. "png:x" is a PNG with x behind its end, "golden:NAME" a file of
 * tests/golden/image/images. */
static void site_fill(struct site *s, const char *images, const char *canary) {
    snprintf(s->images, sizeof s->images, "%s", images);
    snprintf(s->canary, sizeof s->canary, "%s", canary);
    for (size_t i = 0; i < s->count; i++) {
        const struct answer *a = &s->answers[i];
        fill(s, a->headers, &s->locations[i]);
        if (a->body && strncmp(a->body, "png:", 4) == 0) {
            assert_int_equal(wit_buf_append(&s->bodies[i], png, sizeof png), 0);
            assert_int_equal(wit_buf_append_cstr(&s->bodies[i], a->body + 4), 0);
        } else if (a->body && strncmp(a->body, "golden:", 7) == 0) {
            char path[WIT_PATH_MAX];
            snprintf(path, sizeof path, "%s/tests/golden/image/images/%s",
                     getenv("WIT_SOURCE_ROOT"), a->body + 7);
            assert_int_equal(wit_file_read(path, &s->bodies[i], NULL), 0);
        } else {
            fill(s, a->body, &s->bodies[i]);
        }
    }
}

static void site_stop(struct site *s) {
    if (s->server)
        test_server_stop(s->server);
    for (size_t i = 0; i < WIT_COUNT_OF(s->bodies); i++) {
        wit_buf_finish(&s->bodies[i]);
        wit_buf_finish(&s->locations[i]);
    }
}

static void world_start(struct world *w, const struct answer *pages, size_t page_count,
                        const struct answer *images, size_t image_count) {
    char images_at[64], canary_at[64];
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    site_start(&w->pages, "127.0.0.1", pages, page_count);
    site_start(&w->images, "127.0.0.2", images, image_count);
    site_start(&w->canary, "127.0.0.3", NULL, 0);
    snprintf(images_at, sizeof images_at, "http://127.0.0.2:%u",
             test_server_port(w->images.server));
    snprintf(canary_at, sizeof canary_at, "http://127.0.0.3:%u",
             test_server_port(w->canary.server));
    site_fill(&w->pages, images_at, canary_at);
    site_fill(&w->images, images_at, canary_at);
    snprintf(w->scope, sizeof w->scope, "http://127.0.0.1:%u/", test_server_port(w->pages.server));
    snprintf(w->seed, sizeof w->seed, "%sstart", w->scope);
    w->seed_str = wit_str_from(w->seed);
    w->scope_str = wit_str_from(w->scope);
    must(wit_net_cidr_parse(WIT_STR("127.0.0.1/32"), &w->allow[0], &err));
    must(wit_net_cidr_parse(WIT_STR("127.0.0.2/32"), &w->allow[1], &err));
    w->hosts[0] = (struct wit_crawler_host){ "127.0.0.1", 0, 8 };
    w->hosts[1] = (struct wit_crawler_host){ "127.0.0.2", 0, 8 };
    w->cfg = wit_crawler_config_default();
    w->cfg.dir = w->dir;
    w->cfg.seeds = &w->seed_str;
    w->cfg.seed_count = 1;
    w->cfg.scope = &w->scope_str;
    w->cfg.scope_count = 1;
    w->cfg.allow_net = w->allow;
    w->cfg.allow_net_count = 2;
    w->cfg.hosts = w->hosts;
    w->cfg.host_count = 2;
    w->cfg.retry_ms = 10;
    w->cfg.deadline_ms = 5000;
    w->cfg.commit_ms = 20;
    w->cfg.user = w;
}

static void world_stop(struct world *w) {
    assert_int_equal(test_server_seen(w->canary.server, NULL, 0), 0);
    site_stop(&w->pages);
    site_stop(&w->images);
    site_stop(&w->canary);
    wit_crawler_report_finish(&w->report);
    scratch_remove(w->dir);
}

static uint64_t refused(const struct world *w, enum wit_crawler_subject subject,
                        const char *reason) {
    for (size_t i = 0; i < w->report.refusal_count; i++)
        if (w->report.refusals[i].subject == subject &&
            strcmp(w->report.refusals[i].reason, reason) == 0)
            return w->report.refusals[i].count;
    return 0;
}

static size_t asked(struct site *s, const char *path) {
    return test_server_count(s->server, path);
}

#define HTML "text/html; charset=utf-8"

static const struct answer site_pages[] = {
    { "/robots.txt", .type = "text/plain", .body = "User-agent: *\nDisallow: /private\n" },
    { "/start", .type = HTML,
      .body = "<a href=two>2</a> <a href=/private/x>p</a> <a href=gone>g</a> <a href=moved>m</a>"
              "<a href=text>t</a><a href=noai>n</a><a rel=nofollow href=shy>s</a>"
              "<a href='{C}/out'>out of scope</a><a href=busy>b</a><a href=header>h</a>"
              "<a href=leave>l</a><a href=round>r</a><a href=flaky>f</a>"
              "<img src='{I}/one.png' alt='one picture'><img src='{I}/one.png' alt='again one'>"
              "<img src='{I}/lost.png' alt='lost picture'>" },
    { "/two", .type = HTML,
      .body = "<a href=start>back</a><img src='{I}/moved.png' alt='moved picture'>"
              "<img src='{I}/loop.png' alt='loop'><img src='{I}/broken.png' alt='broken'>"
              "<img src='{I}/html.png' alt='a page'><img src='{I}/webp.png' alt='webp'>"
              "<img src='{I}/gif.png' alt='moving picture'>"
              "<img src='{I}/flaky.png' alt='flaky picture'>"
              "<img src='{I}/tagged.png' alt='tagged'><img src='{I}/reserved.png' alt='reserved'>"
              "<img src='{C}/canary.png' alt='forbidden address'>"
              "<img src='{I}/to-canary.png' alt='forbidden by redirect'>"
              "<img src='{I}/closed/x.png' alt='closed by robots'>"
              "<img src='http://169.254.169.254/latest' alt='metadata'>"
              "<img src='http://2130706433/x.png' alt='spelled otherwise'>" },
    { "/private/x", .type = HTML, .body = "<img src='{I}/private.png' alt='never seen'>" },
    { "/moved", .status = 301, .headers = "Location: /target\r\n" },
    { "/target", .type = HTML, .body = "<img src='{I}/target.png' alt='behind a redirect'>" },
    { "/text", .type = "text/plain", .body = "<img src='{I}/text.png' alt='not html'>" },
    { "/noai", .type = HTML,
      .body = "<meta name=robots content='noai'><a href=three>3</a>"
              "<img src='{I}/noai.png' alt='not for training'>" },
    { "/three", .type = HTML, .body = "<img src='{I}/three.png' alt='third picture'>" },
    { "/shy", .type = HTML, .body = "<img src='{I}/shy.png' alt='shy'>" },
    { "/busy", .type = HTML, .busy = 1, .body = "<img src='{I}/busy.png' alt='busy picture'>" },
    { "/header", .type = HTML, .headers = "X-Robots-Tag: noimageai\r\n",
      .body = "<img src='{I}/header.png' alt='header says no'>" },
    { "/leave", .status = 302, .headers = "Location: {C}/there\r\n" },
    { "/round", .status = 302, .headers = "Location: /round\r\n" },
    { "/flaky", .type = HTML, .fails = 2, .body = "flaky" },
};

static const struct answer site_images[] = {
    { "/robots.txt", .type = "text/plain", .body = "User-agent: witbot\nDisallow: /closed/\n" },
    { "/one.png", .type = "image/png", .body = "png:1" },
    { "/moved.png", .status = 302, .headers = "Location: /real.png\r\n" },
    { "/real.png", .type = "image/png", .headers = "ETag: \"e\"\r\n", .body = "png:2" },
    { "/loop.png", .status = 302, .headers = "Location: /loop.png\r\n" },
    { "/broken.png", .type = "image/png", .body = "\x89PNG\r\n\x1a\nnothing else" },
    { "/html.png", .type = "image/png", .body = "<html>an error page</html>" },
    { "/webp.png", .type = "image/png", .body = "golden:webp-lossy.webp" },
    { "/gif.png", .type = "image/png", .body = "golden:gif-animated.gif" },
    { "/flaky.png", .type = "image/png", .fails = 2, .body = "png:3" },
    { "/tagged.png", .type = "image/png", .headers = "X-Robots-Tag: otherbot: x, noai\r\n",
      .body = "png:4" },
    { "/reserved.png", .type = "image/png", .headers = "TDM-Reservation: 1\r\n", .body = "png:5" },
    { "/to-canary.png", .status = 302, .headers = "Location: {C}/secret\r\n" },
    { "/target.png", .type = "image/png", .body = "png:6" },
    { "/three.png", .type = "image/png", .body = "png:7" },
    { "/busy.png", .type = "image/png", .body = "png:8" },
    { "/closed/x.png", .type = "image/png", .body = "png:9" },
    { "/private.png", .type = "image/png", .body = "png:10" },
    { "/noai.png", .type = "image/png", .body = "png:11" },
    { "/shy.png", .type = "image/png", .body = "png:12" },
    { "/header.png", .type = "image/png", .body = "png:13" },
};

#define SITE site_pages, WIT_COUNT_OF(site_pages), site_images, WIT_COUNT_OF(site_images)

static void check_site(struct world *w) {
    assert_int_equal(w->report.pages, 8); /* start two target noai three busy header flaky */
    assert_int_equal(w->report.pages_left, 0);
    assert_int_equal(refused(w, WIT_CRAWLER_PAGE, "robots_denied"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_PAGE, "http_404"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_PAGE, "not_html"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_PAGE, "redirected"), 3);
    assert_int_equal(w->report.pages_refused, 6);
    assert_int_equal(refused(w, WIT_CRAWLER_CANDIDATE, "noai"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_CANDIDATE, "noimageai"), 1);

    assert_int_equal(w->report.images, 8); /* one real flaky target three busy webp gif */
    assert_int_equal(refused(w, WIT_CRAWLER_IMAGE, "http_404"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_IMAGE, "too_many_redirects"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_IMAGE, "image_broken"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_IMAGE, "not_an_image"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_IMAGE, "tdm_reserved"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_IMAGE, "robots_denied"), 1);
    assert_int_equal(refused(w, WIT_CRAWLER_IMAGE, "address_denied"), 3);

    assert_int_equal(asked(&w->pages, "/robots.txt"), 1);
    assert_int_equal(asked(&w->images, "/robots.txt"), 1);
    assert_int_equal(asked(&w->pages, "/private/x"), 0);
    assert_int_equal(asked(&w->pages, "/shy"), 0);
    assert_int_equal(asked(&w->pages, "/start"), 1);
    assert_int_equal(asked(&w->pages, "/gone"), 1); /* a 404 is not asked for again */
    assert_int_equal(asked(&w->pages, "/round"), 1);
    assert_int_equal(asked(&w->pages, "/busy"), 2);
    assert_int_equal(asked(&w->pages, "/flaky"), 3);
    assert_int_equal(asked(&w->images, "/one.png"), 1);
    assert_int_equal(asked(&w->images, "/flaky.png"), 3);
    assert_int_equal(asked(&w->images, "/closed/x.png"), 0);
    assert_int_equal(asked(&w->images, "/private.png"), 0);
    assert_int_equal(asked(&w->images, "/noai.png"), 0);
    assert_int_equal(asked(&w->images, "/header.png"), 0);
}

static void a_site_gives_what_it_allows(void **state) {
    struct world w;
    struct wit_shards_seal_report sealed;
    world_start(&w, SITE);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    /* "otherbot: x, noai" is addressed to somebody else */
    assert_int_equal(asked(&w.images, "/tagged.png"), 1);
    w.report.images -= 1;
    check_site(&w);
    must(seal_simple(w.dir, 1, 0, &sealed, &err));
    assert_int_equal(sealed.samples, 9);
    assert_int_equal(sealed.pairs, 10); /* one.png has two texts */

    /* again: nothing is asked for, the counts are the same */
    size_t before = test_server_seen(w.pages.server, NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(test_server_seen(w.pages.server, NULL, 0), before);
    w.report.images -= 1;
    check_site(&w);
    world_stop(&w);
}

static void several_reactors_give_the_same(void **state) {
    struct wit_hash128 first = { 0, 0 };
    struct wit_shards_seal_report sealed;
    for (unsigned reactors = 1; reactors <= 3; reactors++) {
        struct world w;
        world_start(&w, SITE);
        w.cfg.reactors = reactors;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        must(seal_simple(w.dir, reactors, 0, &sealed, &err));
        if (reactors == 1)
            first = sealed.hash;
        assert_true(wit_hash128_eq(sealed.hash, first));
        world_stop(&w);
    }
}

/* ---- limits, interruption ------------------------------------------------------------------- */

enum { CHAIN = 12 };
static struct answer chain_pages[CHAIN + 1], chain_images[CHAIN];
static char chain_text[3 * CHAIN][128];

static void chain_make(void) {
    chain_pages[CHAIN] = (struct answer){ "/start", .type = HTML, .body = "<a href=p0>first</a>" };
    for (int i = 0; i < CHAIN; i++) {
        char *path = chain_text[3 * i], *body = chain_text[3 * i + 1],
             *image = chain_text[3 * i + 2];
        snprintf(path, sizeof chain_text[0], "/p%d", i);
        snprintf(body, sizeof chain_text[0],
                 "<a href=p%d>next</a><img src='{I}/i%d.png' alt='no %d'>", i + 1, i, i);
        snprintf(image, sizeof chain_text[0], "/i%d.png", i);
        chain_pages[i] = (struct answer){ path, .type = HTML, .body = body };
        chain_images[i] = (struct answer){ image, .type = "image/png", .body = "png:same" };
    }
}

#define CHAIN_SITE chain_pages, CHAIN + 1, chain_images, CHAIN

static void limits_hold_over_runs(void **state) {
    struct world w;
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.max_pages = 3;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 3);
    assert_int_equal(w.report.pages_left, 1);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 3);
    w.cfg.max_pages = 0;
    w.cfg.max_depth = 6; /* the start is 0, p0 is 1 */
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 7);
    assert_int_equal(w.report.images, 6);
    w.cfg.max_depth = 8; /* what was too deep waited */
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 9);
    world_stop(&w);
}

static void a_domain_has_its_most_of_pages(void **state) {
    struct world w;
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.max_domain_pages = 4;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 4);
    assert_int_equal(w.report.pages_left, 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_LINK, "domain_full"), 1);
    world_stop(&w);
}

static const struct answer trap_pages[] = {
    { "/start", .type = HTML,
      .body = "<a href=/a/b/a/b/a/b>c</a><a href='x?PHPSESSID=1'>x</a>"
              "<a href='x?PHPSESSID=2'>x</a><a href=grown>g</a><a href=strict>s</a>" },
    { "/x", .type = HTML, .body = "<img src='{I}/x.png' alt='once a picture'>" },
    { "/grown", .status = 302, .headers = "Location: /a/a/a/a\r\n" },
    /* a server that insists on a session is given what it sent */
    { "/strict", .status = 302, .headers = "Location: /strict?PHPSESSID=3\r\n" },
    { "/strict?PHPSESSID=3", .type = HTML,
      .body = "<a href='x?PHPSESSID=3'>x</a><img src='{I}/s.png' alt='strict picture'>" },
};

static const struct answer trap_images[] = {
    { "/x.png", .type = "image/png", .body = "png:1" },
    { "/s.png", .type = "image/png", .body = "png:2" },
};

static void traps_are_counted_and_sessions_left_out(void **state) {
    struct world w;
    world_start(&w, trap_pages, WIT_COUNT_OF(trap_pages), trap_images, WIT_COUNT_OF(trap_images));
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 3); /* start x strict */
    assert_int_equal(w.report.images, 2);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "redirected"), 2);
    assert_int_equal(refused(&w, WIT_CRAWLER_LINK, "trap_cycle"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_LINK, "trap_repeats"), 1);
    assert_int_equal(asked(&w.pages, "/x"), 1);
    assert_int_equal(asked(&w.pages, "/strict"), 1);
    world_stop(&w);
}

/* Every page shows the same two pictures and leads to the next. */
static void a_domain_without_new_pairs_is_stopped(void **state) {
    struct world w;
    chain_make();
    for (int i = 0; i < CHAIN; i++)
        snprintf(chain_text[3 * i + 1], sizeof chain_text[0],
                 "<a href=p%d>next</a><img src='{I}/i%d.png' alt='the same'>", i + 1, i % 2);
    world_start(&w, CHAIN_SITE);
    w.cfg.max_barren_pages = 5;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 8); /* the start, two that give, five that do not */
    assert_int_equal(w.report.pages_left, 1);
    assert_int_equal(w.report.images, 2);
    assert_int_equal(refused(&w, WIT_CRAWLER_DOMAIN, "domain_not_novel"), 1);
    w.cfg.max_barren_pages = 0; /* what was left waited */
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 1 + CHAIN);
    assert_int_equal(refused(&w, WIT_CRAWLER_DOMAIN, "domain_not_novel"), 0);
    world_stop(&w);
}

static void a_seed_that_was_refused_is_asked_for_again(void **state) {
    struct wit_buf lines = WIT_BUF_INIT(1 << 16);
    struct world w;
    char path[WIT_PATH_MAX], line[256];
    world_start(&w, SITE);
    w.cfg.allow_net_count = 0;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "address_denied"), 1);
    w.cfg.allow_net_count = 2;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    w.report.images -= 1;
    check_site(&w);
    snprintf(path, sizeof path, "%.4000s/crawl/refused.jsonl", w.dir);
    must(wit_file_read(path, &lines, &err));
    snprintf(line, sizeof line,
             "{\"subject\":\"page\",\"url\":\"%s\",\"depth\":0,\"reason\":\"address_denied\"}\n",
             w.seed);
    assert_true(wit_str_starts_with(wit_buf_view(&lines), wit_str_from(line)));
    assert_true(wit_str_find(wit_buf_view(&lines),
                             WIT_STR("gone\",\"depth\":1,\"reason\":\"http_404\""), 0) > 0);
    wit_buf_finish(&lines);
    world_stop(&w);
}

static void a_crawl_without_its_collection_is_refused(void **state) {
    struct world w;
    char collect[WIT_PATH_MAX];
    world_start(&w, SITE);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    must(wit_path_join(collect, w.dir, "collect"));
    must(wit_dir_remove(collect, &err));
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_EINVAL);
    assert_non_null(strstr(err.text, "another collection"));
    world_stop(&w);
}

static volatile int raised;

static int judge_and_raise(void *user, const struct wit_shards_candidate *cand, bool *want,
                           struct wit_error *e) {
    struct world *w = user;
    if (++w->wanted == 3)
        raised = 1;
    *want = true;
    return 0;
}

static void an_interrupted_crawl_goes_on(void **state) {
    struct world w;
    chain_make();
    world_start(&w, CHAIN_SITE);
    raised = 0;
    w.cfg.judge = judge_and_raise;
    w.cfg.interrupt = &raised;
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_ECANCELED);
    assert_true(w.report.pages >= 3 && w.report.pages < CHAIN);
    raised = 0;
    w.wanted = 1000;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, CHAIN + 1);
    assert_int_equal(w.report.images, CHAIN);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_404"), 1);
    world_stop(&w);
}

static int judge_none(void *user, const struct wit_shards_candidate *cand, bool *want,
                      struct wit_error *e) {
    *want = false;
    return 0;
}

static int judge_fails(void *user, const struct wit_shards_candidate *cand, bool *want,
                       struct wit_error *e) {
    return wit_error_set(e, WIT_ENOMEM, "the judge is tired");
}

static void the_judge_decides_and_may_change_its_mind(void **state) {
    struct world w;
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.judge = judge_none;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.candidates, CHAIN);
    assert_int_equal(w.report.images, 0);
    assert_int_equal(test_server_seen(w.images.server, NULL, 0), 0);
    w.cfg.judge = judge_fails;
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_ENOMEM);
    assert_non_null(strstr(err.text, "the judge is tired"));
    w.cfg.judge = NULL; /* wants all: the candidates of the log are asked for */
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.images, CHAIN);
    assert_int_equal(asked(&w.pages, "/p0"), 1);
    world_stop(&w);
}

/* ---- politeness, as the server sees it ------------------------------------------------------ */

static void the_server_sees_the_delay(void **state) {
    enum { DELAY_MS = 60, SEEN_MOST = 64 };
    struct test_seen seen[SEEN_MOST];
    struct world w;
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.host_count = 0;
    w.cfg.delay_ms = DELAY_MS;
    w.cfg.reactors = 2;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.images, CHAIN);
    struct test_server *servers[] = { w.pages.server, w.images.server };
    for (size_t s = 0; s < 2; s++) {
        size_t n = test_server_seen(servers[s], seen, SEEN_MOST);
        assert_true(n > CHAIN && n <= SEEN_MOST);
        for (size_t i = 1; i < n; i++) {
            assert_int_equal(seen[i].running, 1);
            assert_true(seen[i].at_ms - seen[i - 1].at_ms >= DELAY_MS);
        }
    }
    world_stop(&w);
}

/* Three domains on one address: each keeps its own delay, and all together the address's. */
static void domains_on_one_address_wait_for_each_other(void **state) {
    enum { IP_DELAY_MS = 100, SEEN_MOST = 64, REQUESTS = 9 };
    static const struct dns_record records[] = { { "a.test", "127.0.0.1", 60, NULL },
                                                 { "b.test", "127.0.0.1", 60, NULL },
                                                 { "c.test", "127.0.0.1", 60, NULL } };
    static const struct answer pages[] = { { "/start", .type = HTML, .body = "hello" } };
    struct dns_server *dns = dns_server_start(records, WIT_COUNT_OF(records));
    struct test_seen seen[SEEN_MOST];
    char urls[3][64];
    struct wit_str seeds[3];
    for (int own = 0; own < 2; own++) {
        static const struct wit_crawler_host mine[] = { { "a.test", 0, 9 },
                                                        { "b.test", 0, 9 },
                                                        { "c.test", 0, 9 } };
        struct world w;
        world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
        for (int i = 0; i < 3; i++) {
            snprintf(urls[i], sizeof urls[i], "http://%s:%u/start", records[i].name,
                     test_server_port(w.pages.server));
            seeds[i] = wit_str_from(urls[i]);
        }
        w.cfg.dns_servers = dns_server_address(dns);
        w.cfg.seeds = seeds;
        w.cfg.seed_count = 3;
        w.cfg.scope_count = 0;
        w.cfg.hosts = mine;
        w.cfg.host_count = own ? 3 : 0;
        w.cfg.delay_ms = 0;
        w.cfg.concurrency = 9;
        w.cfg.reactors = 3;
        w.cfg.ip_delay_ms = own ? 2000 : IP_DELAY_MS; /* which does not count for one's own */
        uint64_t start_ms = wit_clock_ms();
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        assert_int_equal(w.report.pages, 3);
        size_t n = test_server_seen(w.pages.server, seen, SEEN_MOST);
        assert_int_equal(n, REQUESTS); /* robots.txt, tdmrep.json and the page, thrice */
        for (size_t i = 1; i < n && !own; i++)
            assert_true(seen[i].at_ms - seen[i - 1].at_ms >= IP_DELAY_MS);
        if (own)
            assert_true(wit_clock_ms() - start_ms < 8000); /* four turns */
        world_stop(&w);
    }
    dns_server_stop(dns);
}

/* A name whose server is in trouble for one lookup, as long as a client's tries go: one retry, well
 * before that failure would be forgotten, finds it. */
static void a_name_that_heals_is_asked_for_again(void **state) {
    static const struct dns_record records[] = {
        { "x.test", DNS_SERVER_FAILS, 60, "127.0.0.1" },
    };
    static const struct answer pages[] = { { "/start", .type = HTML, .body = "hello" } };
    struct dns_server *dns = dns_server_start(records, WIT_COUNT_OF(records));
    struct world w;
    world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
    snprintf(w.seed, sizeof w.seed, "http://x.test:%u/start", test_server_port(w.pages.server));
    w.seed_str = wit_str_from(w.seed);
    w.cfg.scope_count = 0;
    w.cfg.dns_servers = dns_server_address(dns);
    w.cfg.delay_ms = 0;
    w.cfg.retries = 1;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 1);
    world_stop(&w);
    dns_server_stop(dns);
}

/* Eight domains wait for one address, with two places in flight: a ninth elsewhere does not. */
static void a_busy_address_keeps_no_place(void **state) {
    enum { DOMAINS = 8, IP_DELAY_MS = 150, SEEN_MOST = 64, REQUESTS = 3 };
    static const struct answer start[] = { { "/start", .type = HTML, .body = "hello" } };
    struct dns_record records[DOMAINS];
    struct test_seen seen[SEEN_MOST];
    char names[DOMAINS][16], urls[DOMAINS + 1][64];
    struct wit_str seeds[DOMAINS + 1];
    struct world w;
    world_start(&w, start, 1, start, 1);
    for (int i = 0; i < DOMAINS; i++) {
        snprintf(names[i], sizeof names[i], "d%d.test", i);
        records[i] = (struct dns_record){ names[i], "127.0.0.1", 60, NULL };
        snprintf(urls[i], sizeof urls[i], "http://%s:%u/start", names[i],
                 test_server_port(w.pages.server));
    }
    snprintf(urls[DOMAINS], sizeof urls[0], "http://127.0.0.2:%u/start",
             test_server_port(w.images.server));
    for (int i = 0; i <= DOMAINS; i++)
        seeds[i] = wit_str_from(urls[i]);
    struct dns_server *dns = dns_server_start(records, DOMAINS);
    w.cfg.dns_servers = dns_server_address(dns);
    w.cfg.seeds = seeds;
    w.cfg.seed_count = DOMAINS + 1;
    w.cfg.scope_count = 0;
    w.cfg.host_count = 0;
    w.cfg.delay_ms = 0;
    w.cfg.max_in_flight = 2;
    w.cfg.ip_delay_ms = IP_DELAY_MS;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, DOMAINS + 1);
    assert_int_equal(test_server_seen(w.images.server, seen, SEEN_MOST), REQUESTS);
    uint64_t last_ms = seen[REQUESTS - 1].at_ms;
    size_t n = test_server_seen(w.pages.server, seen, SEEN_MOST), before = 0;
    assert_int_equal(n, DOMAINS * REQUESTS);
    for (size_t i = 0; i < n; i++)
        before += seen[i].at_ms <= last_ms;
    assert_true(before <=
                2 * REQUESTS); /* as fast as its own address allows, not behind 20 turns */
    world_stop(&w);
    dns_server_stop(dns);
}

static void all_together_keep_a_rate(void **state) {
    enum { RATE = 25, SLACK_MS = 150 };
    struct world w;
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.max_rate = RATE;
    w.cfg.reactors = 2;
    uint64_t start_ms = wit_clock_ms();
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    uint64_t took_ms = wit_clock_ms() - start_ms;
    assert_int_equal(w.report.images, CHAIN);
    size_t n =
        test_server_seen(w.pages.server, NULL, 0) + test_server_seen(w.images.server, NULL, 0);
    assert_true(n >= 2 * CHAIN + 4);
    assert_true(took_ms + SLACK_MS >= (n - 1) * 1000 / RATE);
    world_stop(&w);
}

/* What a robots.txt that moves leads to counts as well. */
static void moved_robots_keep_the_rate(void **state) {
    enum { RATE = 5, SLACK_MS = 250, REQUESTS = 6 };
    static const struct answer pages[] = {
        { "/robots.txt", .status = 301, .headers = "Location: /robots.txt\r\n" },
        { "/start", .type = HTML, .body = "hello" },
    };
    struct test_seen seen[REQUESTS];
    struct world w;
    world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
    w.cfg.max_rate = RATE;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 1);
    assert_int_equal(asked(&w.pages, "/robots.txt"), REQUESTS);
    test_server_seen(w.pages.server, seen, REQUESTS);
    for (size_t i = 1; i < REQUESTS; i++)
        assert_true(seen[i].at_ms - seen[0].at_ms + SLACK_MS >= i * 1000 / RATE);
    world_stop(&w);
}

/* Each path that these rules are asked for costs all the work that one may cost. */
static void rules_that_cost_hold_nobody_else(void **state) {
    enum { IMAGES = 100, RULES = 4000, PATH_BYTES = 1500 };
    static const struct answer pages[] = { { "/start", .type = HTML, .body = "" },
                                           { "/next", .type = HTML, .wait_ms = 300, .body = "b" } };
    static const struct answer images[] = { { "/robots.txt", .wait_ms = 100, .body = "" } };
    struct wit_buf *start, *rules;
    char long_name[PATH_BYTES + 1];
    struct world w;
    memset(long_name, 'a', PATH_BYTES);
    long_name[PATH_BYTES] = 0;
    world_start(&w, pages, WIT_COUNT_OF(pages), images, WIT_COUNT_OF(images));
    start = &w.pages.bodies[0];
    rules = &w.images.bodies[0];
    start->max = rules->max = 4 << 20;
    assert_int_equal(wit_buf_append_cstr(start, "<a href=next>next</a>"), 0);
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(wit_buf_printf(start, "<img src='%s/%s%d' alt='no %d'>", w.pages.images,
                                        long_name, i, i),
                         0);
    assert_int_equal(wit_buf_append_cstr(rules, "User-agent: *\n"), 0);
    for (int i = 0; i < RULES; i++)
        assert_int_equal(wit_buf_append_cstr(rules, "Disallow: /*aaab\n"), 0);
    w.cfg.deadline_ms = 1000;
    w.cfg.retries = 0;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "robots_denied"), IMAGES);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "timeout"), 0);
    assert_int_equal(w.report.pages, 2);
    world_stop(&w);
}

static const struct wit_crawler_host all_at_once = { "127.0.0.2", 0, 64 };

static void note_most(void *user, const struct wit_crawler_progress *p) {
    struct world *w = user;
    if (p->in_flight > w->wanted)
        w->wanted = (unsigned)p->in_flight;
}

static void unreachable_robots_deny(void **state) {
    static const struct answer pages[] = { { "/robots.txt", .status = 503 },
                                           { "/start", .type = HTML, .body = "hello" } };
    static const struct answer gone[] = { { "/robots.txt", .status = 410 },
                                          { "/start", .type = HTML, .body = "hello" } };
    static const struct answer moved[] = {
        { "/robots.txt", .status = 301, .headers = "Location: /r2\r\n" },
        { "/r2", .type = "text/plain", .body = "User-agent: witbot\nDisallow: /start" },
        { "/start", .type = HTML, .body = "hello" },
    };
    static const struct answer broken[] = {
        { "/robots.txt", .headers = "Content-Encoding: gzip\r\n", .type = "text/plain",
          .body = "User-agent: *\nDisallow: /" },
        { "/start", .type = HTML, .body = "hello" },
    };
    struct world w;
    world_start(&w, broken, WIT_COUNT_OF(broken), NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_unreachable"), 1);
    assert_int_equal(asked(&w.pages, "/start"), 0);
    world_stop(&w);
    world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
    w.cfg.max_wait_ms = 50;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_unreachable"), 1);
    assert_int_equal(asked(&w.pages, "/robots.txt"), 3);
    assert_int_equal(asked(&w.pages, "/start"), 0);
    world_stop(&w);
    world_start(&w, gone, WIT_COUNT_OF(gone), NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 1);
    world_stop(&w);
    struct test_seen seen[8];
    world_start(&w, moved, WIT_COUNT_OF(moved), NULL, 0);
    w.cfg.host_count = 0;
    w.cfg.delay_ms = 80;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_denied"), 1);
    assert_int_equal(test_server_seen(w.pages.server, seen, 8), 2);
    assert_true(seen[1].at_ms - seen[0].at_ms + 50 >= 80); /* the hop waits as any request */
    world_stop(&w);
}

/* RFC 9309, 2.3.1: what has no rules allows, what cannot be had denies. */
static void every_status_of_robots_has_its_class(void **state) {
    static const struct {
        int status;
        bool allows;
    } table[] = { { 401, true },  { 403, true },  { 410, true }, { 204, true },
                  { 429, false }, { 408, false }, { 500, false } };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        const struct answer pages[] = {
            { "/robots.txt", .status = table[i].status, .type = "text/plain",
              .body = table[i].status == 204 ? "" : "User-agent: *\nDisallow: /" },
            { "/start", .type = HTML, .body = "hello" },
        };
        struct world w;
        world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
        w.cfg.max_wait_ms = 20;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        if ((w.report.pages == 1) != table[i].allows)
            fail_msg("a robots.txt with status %d %s", table[i].status,
                     table[i].allows ? "denies" : "allows");
        assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_unreachable"), !table[i].allows);
        assert_int_equal(w.report.robots.read, 0);
        assert_int_equal(w.report.robots.absent, table[i].allows);
        assert_int_equal(w.report.robots.unreachable, !table[i].allows);
        assert_int_equal(w.report.tdmrep.absent, table[i].allows);
        world_stop(&w);
    }
    /* one that does not come in time denies too, and so does one that is lost; the host itself is
     * the trouble then */
    for (int lost = 0; lost < 2; lost++) {
        const struct answer pages[] = { { "/robots.txt", .wait_ms = lost ? 0 : 600,
                                          .fails = 9 * lost },
                                        { "/start", .type = HTML, .body = "hello" } };
        struct world w;
        world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
        w.cfg.deadline_ms = 200;
        w.cfg.retries = 1;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        assert_int_equal(w.report.pages, 0);
        assert_int_equal(w.report.pages_refused, 1);
        assert_int_equal(asked(&w.pages, "/robots.txt"), 2);
        assert_int_equal(asked(&w.pages, "/start"), 0);
        world_stop(&w);
    }
}

static void robots_may_move_five_times(void **state) {
    static const struct answer pages[] = {
        { "/robots.txt", .status = 301, .headers = "Location: /r1\r\n" },
        { "/r1", .status = 302, .headers = "Location: /r2\r\n" },
        { "/r2", .status = 303, .headers = "Location: /r3\r\n" },
        { "/r3", .status = 307, .headers = "Location: /r4\r\n" },
        { "/r4", .status = 308, .headers = "Location: /r5\r\n" },
        { "/r5", .type = "text/plain", .body = "User-agent: *\nDisallow: /start" },
        { "/start", .type = HTML, .body = "hello" },
    };
    struct world w;
    world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_denied"), 1);
    world_stop(&w);
    /* a sixth time is as if there were none */
    static const struct answer longer[] = {
        { "/robots.txt", .status = 301, .headers = "Location: /robots.txt\r\n" },
        { "/start", .type = HTML, .body = "hello" },
    };
    world_start(&w, longer, WIT_COUNT_OF(longer), NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(asked(&w.pages, "/robots.txt"), 6);
    assert_int_equal(w.report.pages, 1);
    world_stop(&w);
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
    must(wit_buf_append(&bytes, png, sizeof png));
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
        must(wit_buf_append(&w.images.bodies[0], png, sizeof png));
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "noai"), 1);
    assert_true(w.report.fetched_bytes < 1 << 20);
    world_stop(&w);
}

/* ---- more images than may wait in memory ---------------------------------------------------- */

static void images_beyond_the_ceiling_wait_in_the_log(void **state) {
    enum { IMAGES = 30000, CEILING = 20000 };
    struct wit_buf body = WIT_BUF_INIT(4 << 20);
    struct answer pages[] = { { "/start", .type = HTML, .body = "" } };
    struct world w;
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(wit_buf_printf(&body, "<img src='{I}/n%d' alt='no %d'>", i, i), 0);
    assert_int_equal(wit_buf_terminate(&body), 0);
    world_start(&w, pages, 0, NULL, 0);
    w.pages.count = 1;
    w.pages.answers = pages;
    pages[0].body = body.data;
    for (size_t i = 0; i < WIT_COUNT_OF(w.pages.bodies); i++)
        w.pages.bodies[i].max = 4 << 20;
    site_fill(&w.pages, "http://127.0.0.2:1", "");
    w.cfg.progress = note_most;
    w.cfg.retries = 0;
    w.cfg.hosts = &all_at_once;
    w.cfg.host_count = 1;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.candidates, IMAGES);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "connect_refused"), IMAGES);
    assert_true(w.wanted <= CEILING + 1);
    wit_buf_finish(&body);
    world_stop(&w);
}

static void wrong_settings_are_named(void **state) {
    struct world w;
    world_start(&w, SITE);
    const struct wit_str bad = WIT_STR("ftp://example.org/");
    w.cfg.seeds = &bad;
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_EINVAL);
    assert_non_null(strstr(err.text, "seed 'ftp://example.org/'"));
    w.cfg.seeds = &w.seed_str;
    w.cfg.user_agent = "Mozilla/5.0";
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_EINVAL);
    w.cfg.user_agent = "witbot";
    w.cfg.contact = "x\r\nCookie: a=b";
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_EINVAL);
    w.cfg.contact = NULL;
    w.cfg.reactors = 0;
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_EINVAL);
    w.cfg.reactors = 1;
    struct wit_shards_collector *other = NULL;
    must(wit_shards_collector_open(w.dir, &other, &err));
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_EEXIST);
    wit_shards_collector_close(other);
    world_stop(&w);
}

/* ---- asking again, holding, looking ---------------------------------------------------------- */

static const struct answer weak_pages[] = {
    { "/start", .type = HTML,
      .body = "<a href=weak>w</a><a href=gone>g</a><img src='{I}/weak.png' alt='a weak one'>"
              "<img src='{I}/gone.png' alt='a lost one'>" },
    { "/weak", .type = HTML, .busy = 1, .body = "<a href=deep>d</a>" },
    { "/deep", .type = HTML, .body = "<img src='{I}/strong.png' alt='a strong one'>" },
};

static const struct answer weak_images[] = {
    { "/weak.png", .type = "image/png", .busy = 1, .body = "png:weak" },
    { "/strong.png", .type = "image/png", .body = "png:strong" },
};

#define WEAK weak_pages, WIT_COUNT_OF(weak_pages), weak_images, WIT_COUNT_OF(weak_images)

static void what_was_refused_is_asked_for_again_when_told_to(void **state) {
    struct world w;
    world_start(&w, WEAK);
    w.cfg.retries = 0;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    must(wit_crawler_run(&w.cfg, &w.report, &err)); /* not told to */
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_429"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "http_429"), 1);
    assert_int_equal(asked(&w.pages, "/weak"), 1);
    assert_int_equal(asked(&w.images, "/weak.png"), 1);

    w.cfg.retry_failed = "may-heal";
    w.cfg.max_depth = 1; /* the page keeps its depth: what it links to is too deep */
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 2);
    assert_int_equal(w.report.pages_left, 1);
    assert_int_equal(w.report.images, 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_429"), 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "http_429"), 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_404"), 1);
    assert_int_equal(asked(&w.images, "/gone.png"), 1);

    w.cfg.max_depth = 10;
    w.cfg.retry_failed = "http_429,http_404";
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 3);
    assert_int_equal(w.report.images, 2);
    assert_int_equal(asked(&w.images, "/gone.png"), 2);
    assert_int_equal(asked(&w.pages, "/gone"), 2);
    assert_int_equal(asked(&w.images, "/weak.png"), 2); /* it is stored: nothing to ask again */
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "http_404"), 1);
    world_stop(&w);
}

/* The member of the status as text, quotes included. */
static void assert_status(const struct world *w, const char *member) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    must(wit_crawler_status(w->dir, &text, &err));
    if (wit_str_find(wit_buf_view(&text), wit_str_from(member), 0) < 0)
        fail_msg("%s is not in %.*s", member, WIT_STR_FMT(wit_buf_view(&text)));
    wit_buf_finish(&text);
}

static size_t lines_in(const struct world *w, const char *name) {
    char path[WIT_PATH_MAX];
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    size_t lines = 0;
    snprintf(path, sizeof path, "%.4000s/crawl/%s", w->dir, name);
    must(wit_file_read(path, &text, &err));
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    wit_buf_finish(&text);
    return lines;
}

static void the_status_tells_how_a_run_ended(void **state) {
    struct world w;
    char path[WIT_PATH_MAX];
    world_start(&w, SITE);
    struct wit_buf none = WIT_BUF_INIT(64);
    assert_int_equal(wit_crawler_status(w.dir, &none, &err), WIT_ENOTFOUND);
    assert_int_equal(wit_crawler_pause(w.dir, true, &err), WIT_ENOTFOUND);
    w.cfg.judge = judge_fails;
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_ENOMEM);
    assert_status(&w, "\"state\":\"failed\"");
    assert_int_equal(lines_in(&w, "runs.jsonl"), 1);
    w.cfg.judge = NULL;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_status(&w, "\"state\":\"done\"");
    assert_status(&w, "{\"subject\":\"candidate\",\"reason\":\"noai\",\"count\":1}");
    assert_status(&w, "{\"subject\":\"image\",\"reason\":\"address_denied\",\"count\":3}");
    assert_int_equal(lines_in(&w, "runs.jsonl"), 2);

    /* what a killed run leaves: it says that it runs, and nobody holds the folder */
    snprintf(path, sizeof path, "%.4000s/crawl/status.json", w.dir);
    must(wit_file_write_atomic(path, WIT_STR("{\"state\":\"running\",\"pid\":1}\n"), &err));
    assert_status(&w, "\"state\":\"killed\"");
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(lines_in(&w, "runs.jsonl"), 4); /* the killed one's line is made up for */
    world_stop(&w);
}

struct held {
    struct world *w;
    uint64_t since_ms;
    size_t asked_when_paused;
    bool resumed;
};

/* Once the crawl is held and the requests on their way are over, nothing is asked for. */
static void watch_pause(void *user, const struct wit_crawler_progress *p) {
    struct held *h = ((struct world *)user)->held;
    if (!p->paused || h->resumed)
        return;
    if (h->since_ms == 0) {
        h->since_ms = wit_clock_ms();
    } else if (wit_clock_ms() - h->since_ms < 600) {
        h->asked_when_paused = test_server_seen(h->w->pages.server, NULL, 0);
    } else if (wit_clock_ms() - h->since_ms > 1200) {
        assert_status(h->w, "\"state\":\"paused\"");
        h->resumed = true;
        must(wit_crawler_pause(h->w->dir, false, &err));
        assert_int_equal(test_server_seen(h->w->pages.server, NULL, 0), h->asked_when_paused);
    }
}

static void a_paused_crawl_starts_nothing(void **state) {
    struct world w;
    struct held held = { .w = &w };
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.max_pages = 2;
    must(wit_crawler_run(&w.cfg, &w.report, &err)); /* there is a crawl that can be held */
    must(wit_crawler_pause(w.dir, true, &err));
    w.held = &held;
    w.cfg.max_pages = 0;
    w.cfg.progress = watch_pause;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_true(held.resumed);
    assert_int_equal(w.report.pages, CHAIN + 1);
    world_stop(&w);
}

struct outcomes {
    size_t rows, stored, refused;
};

static int count_outcome(void *user, const struct wit_shards_candidate *cand,
                         const struct wit_shards_outcome *o, struct wit_error *e) {
    struct outcomes *n = user;
    n->rows++;
    n->stored += o->status == 1;
    n->refused += o->status == 2;
    if (wit_str_ends_with(cand->url, WIT_STR("/one.png"))) {
        struct wit_buf bytes = WIT_BUF_INIT(1024);
        must(wit_buf_append(&bytes, png, sizeof png));
        must(wit_buf_append_byte(&bytes, '1'));
        assert_true(wit_hash128_eq(o->key, wit_hash128_of(bytes.data, bytes.len)));
        assert_int_equal(o->width_px, 1);
        assert_int_equal(o->fetched_height_px, 1);
        wit_buf_finish(&bytes);
    }
    if (wit_str_ends_with(cand->url, WIT_STR("/reserved.png")))
        assert_true(wit_str_eq(o->reason, WIT_STR("tdm_reserved")));
    return 0;
}

static void every_candidate_has_its_outcome(void **state) {
    struct world w;
    struct outcomes n = { 0, 0, 0 };
    world_start(&w, SITE);
    assert_int_equal(wit_shards_outcomes_each(w.dir, count_outcome, &n, &err), WIT_ENOTFOUND);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    must(wit_shards_outcomes_each(w.dir, count_outcome, &n, &err));
    assert_int_equal(n.rows, w.report.candidates);
    assert_int_equal(n.stored, w.report.images + 1); /* one.png has two texts */
    assert_int_equal(n.refused, w.report.images_refused);
    assert_int_equal(n.stored + n.refused, n.rows);
    world_stop(&w);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* Thirty pages linked from the start, each to two of thirty more, and answering late by turns:
 * which of the others are found first depends on that. A limit cuts within them. */
enum { WIDE = 30, WIDE_LIMIT = 45 };
static struct answer wide_pages[1 + 2 * WIDE];
static char wide_text[4 * WIDE][128], wide_start[WIDE * 32];

static void wide_make(unsigned salt) {
    size_t at = 0;
    for (unsigned i = 0; i < WIDE; i++) {
        char *path = wide_text[4 * i], *body = wide_text[4 * i + 1], *leaf = wide_text[4 * i + 2],
             *words = wide_text[4 * i + 3];
        at += (size_t)snprintf(wide_start + at, sizeof wide_start - at, "<a href=m%u>m</a>", i);
        snprintf(path, sizeof wide_text[0], "/m%u", i);
        snprintf(body, sizeof wide_text[0], "<a href=l%u>l</a><a href=l%u>l</a>", i,
                 (i * 7 + 1) % WIDE);
        snprintf(leaf, sizeof wide_text[0], "/l%u", i);
        snprintf(words, sizeof wide_text[0], "<img src='{I}/same.png' alt='leaf %u'>", i);
        wide_pages[2 * i] =
            (struct answer){ path, .type = HTML, .body = body,
                             .wait_ms = (uint32_t)(wit_mix64(i + 100 * salt) % 150) };
        wide_pages[2 * i + 1] = (struct answer){ leaf, .type = HTML, .body = words };
    }
    wide_pages[2 * WIDE] = (struct answer){ "/start", .type = HTML, .body = wide_start };
}

static void a_limited_crawl_in_rounds_finds_the_same(void **state) {
    static const struct answer image = { "/same.png", .type = "image/png", .body = "png:same" };
    struct wit_hash128 first = { 0, 0 };
    struct world w;
    char dir[WIT_PATH_MAX];
    wide_make(0);
    world_start(&w, wide_pages, 1 + 2 * WIDE, &image,
                1); /* one port for all: it is in the hashes */
    w.cfg.rounds = true;
    w.hosts[0].concurrency = WIDE;
    w.cfg.dir = dir;
    for (unsigned salt = 0; salt < 4; salt++) {
        struct wit_shards_seal_report sealed;
        scratch_make(dir);
        wide_make(salt); /* nobody asks now: the server's threads wait */
        w.cfg.max_pages = WIDE_LIMIT;
        w.cfg.reactors = 1 + salt % 2;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        assert_int_equal(w.report.pages, WIDE_LIMIT);
        assert_int_equal(w.report.pages_left, 1 + 2 * WIDE - WIDE_LIMIT);
        for (unsigned i = 0; i < WIDE; i++) /* the whole of the second round */
            assert_int_equal(asked(&w.pages, wide_text[4 * i]), salt + 1);
        must(seal_simple(dir, 1, 0, &sealed, &err));
        assert_int_equal(sealed.pairs, WIDE_LIMIT - 1 - WIDE);
        if (salt == 0)
            first = sealed.hash;
        assert_true(wit_hash128_eq(sealed.hash, first));
        scratch_remove(dir);
    }
    world_stop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_gives_what_it_allows),
        cmocka_unit_test(several_reactors_give_the_same),
        cmocka_unit_test(limits_hold_over_runs),
        cmocka_unit_test(a_domain_has_its_most_of_pages),
        cmocka_unit_test(traps_are_counted_and_sessions_left_out),
        cmocka_unit_test(a_domain_without_new_pairs_is_stopped),
        cmocka_unit_test(a_seed_that_was_refused_is_asked_for_again),
        cmocka_unit_test(a_crawl_without_its_collection_is_refused),
        cmocka_unit_test(an_interrupted_crawl_goes_on),
        cmocka_unit_test(the_judge_decides_and_may_change_its_mind),
        cmocka_unit_test(the_server_sees_the_delay),
        cmocka_unit_test(domains_on_one_address_wait_for_each_other),
        cmocka_unit_test(a_name_that_heals_is_asked_for_again),
        cmocka_unit_test(a_busy_address_keeps_no_place),
        cmocka_unit_test(all_together_keep_a_rate),
        cmocka_unit_test(moved_robots_keep_the_rate),
        cmocka_unit_test(rules_that_cost_hold_nobody_else),
        cmocka_unit_test(unreachable_robots_deny),
        cmocka_unit_test(every_status_of_robots_has_its_class),
        cmocka_unit_test(robots_may_move_five_times),
        cmocka_unit_test(every_family_of_signals_refuses),
        cmocka_unit_test(every_switch_lets_its_family_through),
        cmocka_unit_test(what_is_refused_by_headers_is_not_loaded),
        cmocka_unit_test(images_beyond_the_ceiling_wait_in_the_log),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(what_was_refused_is_asked_for_again_when_told_to),
        cmocka_unit_test(the_status_tells_how_a_run_ended),
        cmocka_unit_test(a_paused_crawl_starts_nothing),
        cmocka_unit_test(every_candidate_has_its_outcome),
        cmocka_unit_test(a_limited_crawl_in_rounds_finds_the_same),
    };
    return cmocka_run_group_tests_name("crawl", tests, NULL, NULL);
}
