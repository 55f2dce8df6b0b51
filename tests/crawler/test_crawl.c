/*
 * test_crawl.c: whole crawls of a small site: what it gives, limits, interruption, rounds.
 */
#include "crawl_site.h"

#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

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

/* ---- more images than may wait in memory ---------------------------------------------------- */

static const struct wit_crawler_host all_at_once = { "127.0.0.2", 0, 64 };

static void note_most(void *user, const struct wit_crawler_progress *p) {
    struct world *w = user;
    if (p->in_flight > w->wanted)
        w->wanted = (unsigned)p->in_flight;
}

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
    site_fill(&w.pages, "", "http://127.0.0.2:1", "");
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
        cmocka_unit_test(images_beyond_the_ceiling_wait_in_the_log),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(a_limited_crawl_in_rounds_finds_the_same),
    };
    return cmocka_run_group_tests_name("crawl", tests, NULL, NULL);
}
