/* test_polite_rules.c: rules of origins, what they say of use, and what is forgotten of both. */
#include "polite_fixture.h"

#include <stdlib.h>

static void rules_refuse_by_path_and_by_origin(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.delay_ms = 0;
    f.cfg.concurrency = 4;
    fixture_begin(&f);
    fixture_push(&f, "http://x.test/private/a.png", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    fixture_rules(&f, "User-agent: *\nDisallow: /private\n", 0);
    fixture_expect_refused(&f, 0, "robots_denied");
    /* another port is another origin with rules of its own, and the same domain */
    struct crawl_task *t = fixture_push(&f, "http://x.test:81/private/a.png", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    fixture_expect_fetch(&f, 0, t);
    fixture_done(&f, t, 0);
    fixture_push(&f, "https://x.test/", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_robots_deny(f.p, f.turn.origin, "dns_nxdomain", 0);
    fixture_expect_refused(&f, 0, "dns_nxdomain");
    assert_int_equal(polite_totals(f.p).domains, 1);
    assert_int_equal(polite_totals(f.p).origins, 3);
    polite_destroy(f.p);
}

/* Paths are judged one a turn, not all that wait in one. */
static void paths_are_judged_when_the_files_are_there(void **state) {
    struct polite_fixture f = { .tdmrep = true, .cfg = wit_crawler_config_default() };
    f.cfg.delay_ms = 0;
    f.cfg.concurrency = 4;
    fixture_begin(&f);
    struct crawl_task *a = fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    fixture_rules(&f, "User-agent: *\nDisallow: /no\n", 0);
    fixture_expect(&f, 0, POLITE_TDMREP);
    struct polite_origin *o = f.turn.origin;
    fixture_push(&f, "http://x.test/no", 0);
    fixture_expect(&f, 0, POLITE_NOTHING);
    polite_tdmrep(f.p, o, NULL, true, 0);
    fixture_expect_fetch(&f, 0, a);
    fixture_expect_refused(&f, 0, "robots_denied");
    fixture_done(&f, a, 0);
    polite_destroy(f.p);
}

enum { IDLE_BYTES = (16 << 20) + 65536 }; /* that are kept, and one domain of many origins */

static void a_domain_that_was_given_up_is_not_forgotten(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.max_rests = 1;
    fixture_begin(&f);
    for (int i = 0; i < 2; i++)
        fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    uint64_t now_ms = 1000;
    for (int i = 0; i < 2; i++, now_ms += 30000) {
        fixture_expect(&f, now_ms, POLITE_FETCH);
        polite_done(f.p, f.turn.task, PACE_OVERLOADED, 0, now_ms);
        crawl_task_destroy(f.turn.task);
    }
    for (int i = 0; i < 140000; i++) { /* strangers come and go */
        char url[64];
        snprintf(url, sizeof url, "http://d%d.test/", i);
        fixture_push(&f, url, now_ms);
        fixture_expect(&f, now_ms, POLITE_ROBOTS);
        polite_robots_deny(f.p, f.turn.origin, "dns_nxdomain", now_ms);
        now_ms += 1000;
        fixture_expect_refused(&f, now_ms, "dns_nxdomain");
    }
    assert_true(polite_totals(f.p).idle_bytes < IDLE_BYTES);
    fixture_push(&f, "http://x.test/a", now_ms);
    fixture_expect_refused(&f, now_ms, "host_gave_up");
    polite_destroy(f.p);
}

static void rules_are_asked_for_again(void **state) {
    enum { DAY_MS = 24 * 3600 * 1000, HOUR_MS = 3600 * 1000 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    struct crawl_task *t = fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    assert_int_equal(polite_origin_tries(f.turn.origin), 0);
    polite_robots_retry(f.p, f.turn.origin, 2500, 100);
    fixture_expect(&f, 2599, POLITE_NOTHING);
    fixture_expect(&f, 2600, POLITE_ROBOTS);
    assert_int_equal(polite_origin_tries(f.turn.origin), 1);
    fixture_rules(&f, "User-agent: *\nDisallow: /b\n", 3000);
    fixture_expect_fetch(&f, 4000, t);
    fixture_done(&f, t, 4100);
    fixture_push(&f, "http://x.test/b", DAY_MS);
    fixture_expect_refused(&f, DAY_MS, "robots_denied"); /* still the rules of yesterday */
    fixture_push(&f, "http://x.test/b", DAY_MS + 3000);
    fixture_expect(&f, DAY_MS + 3000, POLITE_ROBOTS);
    polite_robots_deny(f.p, f.turn.origin, "robots_unreachable", DAY_MS + 4000);
    fixture_expect_refused(&f, DAY_MS + 5000, "robots_unreachable");
    fixture_push(&f, "http://x.test/b", DAY_MS + 6000);
    fixture_expect_refused(&f, DAY_MS + 6000, "robots_unreachable");
    fixture_push(&f, "http://x.test/b", DAY_MS + HOUR_MS + 4000);
    fixture_expect(&f, DAY_MS + HOUR_MS + 4000, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, DAY_MS + HOUR_MS + 4000);
    polite_destroy(f.p);
}

static void strangers_are_forgotten_but_not_their_delays(void **state) {
    enum { MANY = 150000, SUBDOMAINS = 256 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    uint64_t now_ms = 0;
    fixture_begin(&f);
    for (int i = 0; i < MANY; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://d%d.test/", i);
        fixture_push(&f, url, now_ms);
        fixture_expect(&f, now_ms, POLITE_ROBOTS);
        polite_robots_deny(f.p, f.turn.origin, "dns_nxdomain", now_ms);
        now_ms += 1000; /* denied tasks come out when the delay of the request is over */
        fixture_expect_refused(&f, now_ms, "dns_nxdomain");
    }
    assert_true(polite_totals(f.p).domains < MANY / 2);
    assert_true(polite_totals(f.p).idle_bytes < IDLE_BYTES);
    /* one domain with endless subdomains */
    for (int i = 0; i < 2000; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://s%d.spam.test/", i);
        fixture_push(&f, url, now_ms);
        fixture_expect(&f, now_ms, POLITE_ROBOTS);
        polite_robots_deny(f.p, f.turn.origin, "dns_nxdomain", now_ms);
        now_ms += 1000;
        fixture_expect_refused(&f, now_ms, "dns_nxdomain");
    }
    assert_true(polite_totals(f.p).origins <= polite_totals(f.p).domains + SUBDOMAINS);
    polite_destroy(f.p);
}

static void rules_have_a_ceiling(void **state) {
    enum { ORIGINS = 250, RULES = 10000, MOST_BYTES = 128 << 20, ONE_BYTES = 3 << 20 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    struct wit_buf text = WIT_BUF_INIT(WIT_CRAWLER_ROBOTS_MAX_BYTES);
    size_t most_bytes = 0;
    wit_buf_append_cstr(&text, "User-agent: *\nAllow: /\n");
    for (int i = 0; i < RULES; i++)
        wit_buf_printf(&text, "Disallow: /n/%d\n", i);
    f.cfg.delay_ms = 0;
    fixture_begin(&f);
    /* subdomains that all have tasks waiting, so none of them is idle */
    for (int i = 0; i < 2 * ORIGINS; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://s%d.spam.test/", i % ORIGINS);
        fixture_push(&f, url, 0);
    }
    for (int i = 0; i < ORIGINS; i++) {
        struct wit_crawler_robots *robots = NULL;
        fixture_expect(&f, (uint64_t)i, POLITE_ROBOTS);
        polite_must(wit_crawler_robots_parse(text.data, text.len, &robots, &polite_err));
        polite_robots_allow(f.p, f.turn.origin, robots, (uint64_t)i);
        size_t bytes = polite_totals(f.p).robots_bytes;
        assert_true(bytes <= MOST_BYTES + ONE_BYTES);
        most_bytes = bytes > most_bytes ? bytes : most_bytes;
        fixture_expect(&f, (uint64_t)i, POLITE_FETCH);
        fixture_done(&f, f.turn.task, (uint64_t)i);
    }
    assert_true(most_bytes > MOST_BYTES - ONE_BYTES); /* it was reached */
    wit_buf_finish(&text);
    polite_destroy(f.p);
}

static void tdmrep(struct polite_fixture *f, const char *text, uint64_t now_ms) {
    struct wit_crawler_tdmrep *t = NULL;
    polite_must(wit_crawler_tdmrep_parse(text, strlen(text), &t, &polite_err));
    polite_tdmrep(f->p, f->turn.origin, t, true, now_ms);
}

static void tdmrep_comes_second_and_counts_as_a_request(void **state) {
    enum { DAY_MS = 24 * 3600 * 1000, HOUR_MS = 3600 * 1000 };
    struct polite_fixture f = { .tdmrep = true, .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    struct crawl_task *a = fixture_push(&f, "http://x.test/a", 0),
                      *b = fixture_push(&f, "http://x.test/b", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    fixture_rules(&f, "User-agent: *\nContent-Usage: train-ai=y\n", 100);
    fixture_expect(&f, 1099, POLITE_NOTHING);
    fixture_expect(&f, 1100, POLITE_TDMREP);
    fixture_expect(&f, 9000, POLITE_NOTHING);
    polite_robots_retry(f.p, f.turn.origin, 2500, 9000);
    fixture_expect(&f, 11499, POLITE_NOTHING);
    fixture_expect(&f, 11500, POLITE_TDMREP);
    assert_int_equal(polite_origin_tries(f.turn.origin), 1);
    tdmrep(&f, "[{\"location\":\"/a\",\"tdm-reservation\":1}]", 11600);
    fixture_expect_fetch(&f, 12600, a); /* the answer may still take it back */
    assert_int_equal(a->directives, WIT_CRAWLER_TDM_RESERVED);
    assert_true(wit_str_eq(wit_buf_view(&a->rights), WIT_STR("robots.content-usage: train-ai=y\n"
                                                             "tdmrep.tdm-reservation: 1\n")));
    fixture_done(&f, a, 12600);
    fixture_expect_fetch(&f, 13600, b);
    assert_int_equal(b->directives, 0);
    fixture_done(&f, b, 13600);
    /* a day later both are asked for again; without an answer nothing is said for an hour */
    a = fixture_push(&f, "http://x.test/a", 2 * DAY_MS);
    fixture_expect(&f, 2 * DAY_MS, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 2 * DAY_MS);
    fixture_expect(&f, 2 * DAY_MS + 1000, POLITE_TDMREP);
    polite_tdmrep(f.p, f.turn.origin, NULL, false, 2 * DAY_MS + 1000);
    fixture_expect_fetch(&f, 2 * DAY_MS + 2000, a);
    assert_int_equal(a->directives, 0);
    fixture_done(&f, a, 2 * DAY_MS + 2000);
    a = fixture_push(&f, "http://x.test/a", 2 * DAY_MS + HOUR_MS + 1000);
    fixture_expect(&f, 2 * DAY_MS + HOUR_MS + 1000, POLITE_TDMREP);
    polite_tdmrep(f.p, f.turn.origin, NULL, true, 2 * DAY_MS + HOUR_MS + 1000);
    polite_destroy(f.p);
}

static void tdmrep_that_the_rules_forbid_says_nothing(void **state) {
    struct polite_fixture f = { .tdmrep = true, .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    struct crawl_task *a = fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    fixture_rules(&f, "User-agent: *\nDisallow: /.well-known/\n", 0);
    fixture_expect_fetch(&f, 1000, a);
    fixture_done(&f, a, 1000);
    polite_destroy(f.p);
}

static void robots_reserve_images_and_pages_pairs(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.delay_ms = 0;
    fixture_begin(&f);
    fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    fixture_rules(&f,
                  "User-agent: *\nContent-Usage: /a train-ai=n\nContent-Signal: /b ai-train=no\n",
                  0);
    fixture_expect_refused(&f, 0, "content_usage");
    fixture_push(&f, "http://x.test/b", 0);
    fixture_expect_refused(&f, 0, "content_signal");
    struct crawl_task *page = crawl_task_create(WIT_CRAWLER_PAGE, WIT_STR("http://x.test/a"));
    assert_non_null(page);
    polite_must(polite_push(f.p, page, 0));
    fixture_expect_fetch(&f, 0, page); /* its links may be followed */
    assert_int_equal(page->directives, WIT_CRAWLER_USAGE_RESERVED);
    fixture_done(&f, page, 0);
    f.cfg.ignore |= WIT_CRAWLER_IGNORE_AIPREF;
    struct crawl_task *a = fixture_push(&f, "http://x.test/a", 0);
    fixture_expect_fetch(&f, 0, a);
    assert_int_equal(a->directives, 0);
    fixture_done(&f, a, 0);
    polite_destroy(f.p);
}

static void other_agents_groups_count_where_they_are_named(void **state) {
    static const char *const others[] = { "CCBot", "GPTBot" };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.delay_ms = 0;
    f.cfg.obey_agents = others;
    f.cfg.obey_agent_count = 2;
    fixture_begin(&f);
    fixture_push(&f, "http://x.test/gpt/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    fixture_rules(&f,
                  "User-agent: *\nDisallow: /star\nUser-agent: witbot\nDisallow: /wit\n"
                  "User-agent: gptbot\nDisallow: /gpt\n",
                  0);
    fixture_expect_refused(&f, 0, "robots_other_agent");
    fixture_push(&f, "http://x.test/wit", 0);
    fixture_expect_refused(&f, 0, "robots_denied");
    struct crawl_task *t = fixture_push(&f, "http://x.test/star", 0); /* nobody names CCBot */
    fixture_expect_fetch(&f, 0, t);
    fixture_done(&f, t, 0);
    f.cfg.ignore |= WIT_CRAWLER_IGNORE_ROBOTS; /* that is our own rules */
    t = fixture_push(&f, "http://x.test/wit", 0);
    fixture_expect_fetch(&f, 0, t);
    fixture_done(&f, t, 0);
    fixture_push(&f, "http://x.test/gpt", 0);
    fixture_expect_refused(&f, 0, "robots_other_agent");
    polite_destroy(f.p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_refuse_by_path_and_by_origin),
        cmocka_unit_test(paths_are_judged_when_the_files_are_there),
        cmocka_unit_test(a_domain_that_was_given_up_is_not_forgotten),
        cmocka_unit_test(rules_are_asked_for_again),
        cmocka_unit_test(strangers_are_forgotten_but_not_their_delays),
        cmocka_unit_test(rules_have_a_ceiling),
        cmocka_unit_test(tdmrep_comes_second_and_counts_as_a_request),
        cmocka_unit_test(tdmrep_that_the_rules_forbid_says_nothing),
        cmocka_unit_test(robots_reserve_images_and_pages_pairs),
        cmocka_unit_test(other_agents_groups_count_where_they_are_named),
    };
    return cmocka_run_group_tests_name("polite_rules", tests, NULL, NULL);
}
