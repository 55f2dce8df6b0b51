/* test_polite_turns.c: whose turn it is: delays, slots, rests, and what may not be asked at all. */
#include "polite_fixture.h"

#include <stdlib.h>

static void robots_come_first_and_count_as_a_request(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    struct crawl_task *a = fixture_push(&f, "http://x.test/a?b", 0),
                      *b = fixture_push(&f, "http://x.test/b", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    struct wit_str name = polite_origin_name(f.turn.origin);
    assert_true(wit_str_eq(name, WIT_STR("http://x.test")));
    fixture_expect(&f, 0, POLITE_NOTHING);
    fixture_expect(&f, 5000, POLITE_NOTHING); /* one request at a time */
    assert_int_equal(polite_due_ms(f.p), UINT64_MAX);
    fixture_rules(&f, "User-agent: *\nDisallow: /private\n", 400);
    fixture_expect(&f, 1399, POLITE_NOTHING);
    assert_int_equal(polite_due_ms(f.p), 1400);
    fixture_expect_fetch(&f, 1400, a);
    fixture_expect(&f, 1400, POLITE_NOTHING);
    polite_heard(f.p, a->origin, a, 1500);
    fixture_done(&f, a, 1600);
    fixture_expect(&f, 2499, POLITE_NOTHING); /* from the first byte of the answer */
    fixture_expect_fetch(&f, 2500, b);
    polite_heard(f.p, b->origin, b, 2600);
    fixture_done(&f, b, 5000); /* that was long ago: the next may start at once */
    a = fixture_push(&f, "http://x.test/c", 5000);
    fixture_expect_fetch(&f, 5000, a);
    fixture_done(&f, a, 5001);
    polite_destroy(f.p);
}

/* A name, a connection or a busy machine take their time: the server has had the request when it
 * answers, and nobody knows more. */
static void the_delay_counts_from_when_a_request_was_heard(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    struct crawl_task *a = fixture_push(&f, "http://x.test/a", 0),
                      *b = fixture_push(&f, "http://x.test/b", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_leaves(f.p, f.turn.origin, 800);
    polite_heard(f.p, f.turn.origin, NULL, 850);
    fixture_rules(&f, "User-agent: *\nCrawl-delay: 2\n", 900);
    fixture_expect(&f, 2849, POLITE_NOTHING); /* the longer delay, from the same moment */
    fixture_expect_fetch(&f, 2850, a);
    polite_leaves(f.p, a->origin, 0); /* it never left: its turn counts */
    polite_heard(f.p, a->origin, a, 0);
    fixture_done(&f, a, 2900);
    fixture_expect(&f, 4849, POLITE_NOTHING);
    fixture_expect_fetch(&f, 4850, b);
    fixture_done(&f, b, 5000); /* no answer, but it may have arrived */
    a = fixture_push(&f, "http://x.test/a", 5000);
    fixture_expect(&f, 6999, POLITE_NOTHING);
    fixture_expect_fetch(&f, 7000, a);
    fixture_done(&f, a, 7000);
    polite_destroy(f.p);
}

/* More than one request at a time: answers overlap, requests don't. */
static void nothing_starts_before_the_last_one_was_heard(void **state) {
    static const struct wit_crawler_host mine = { "mine.test", 100, 3 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    struct crawl_task *t[4];
    f.cfg.concurrency = 3;
    f.cfg.hosts = &mine;
    f.cfg.host_count = 1;
    fixture_begin(&f);
    for (int i = 0; i < 4; i++)
        t[i] = fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    fixture_expect_fetch(&f, 1000, t[0]);
    fixture_expect(&f, 9000, POLITE_NOTHING);
    assert_int_equal(polite_due_ms(f.p), UINT64_MAX);
    polite_heard(f.p, t[0]->origin, t[0], 9000);
    assert_int_equal(polite_due_ms(f.p), 10000);
    fixture_expect(&f, 9999, POLITE_NOTHING);
    fixture_expect_fetch(&f, 10000, t[1]);
    polite_heard(f.p, t[1]->origin, t[1], 10001);
    fixture_done(&f, t[0], 10500); /* heard long ago: adds nothing */
    fixture_expect(&f, 11000, POLITE_NOTHING);
    fixture_expect_fetch(&f, 11001, t[2]);
    fixture_done(&f, t[1], 11100);
    fixture_done(&f, t[2], 11200); /* heard now */
    fixture_expect(&f, 12199, POLITE_NOTHING);
    fixture_expect_fetch(&f, 12200, t[3]);
    fixture_done(&f, t[3], 12200);
    /* at the user's own it counts from when they leave */
    for (int i = 0; i < 3; i++)
        t[i] = fixture_push(&f, "http://mine.test/a", 20000);
    fixture_expect(&f, 20000, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 20000);
    fixture_expect_fetch(&f, 20100, t[0]);
    polite_leaves(f.p, t[0]->origin, 20110);
    fixture_expect(&f, 20209, POLITE_NOTHING);
    fixture_expect_fetch(&f, 20210, t[1]);
    fixture_expect_fetch(&f, 20310, t[2]);
    for (int i = 0; i < 3; i++)
        fixture_done(&f, t[i], 30000);
    polite_destroy(f.p);
}

static void a_crawl_that_goes_on_waits_one_delay(void **state) {
    static const struct wit_crawler_host mine = { "mine.test", 0, 8 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.hosts = &mine;
    f.cfg.host_count = 1;
    fixture_begin(&f);
    polite_go_on(f.p, 5000);
    fixture_push(&f, "http://x.test/", 5001);
    fixture_push(&f, "http://mine.test/", 5001);
    fixture_expect(&f, 5001, POLITE_ROBOTS); /* of mine.test */
    fixture_expect(&f, 5999, POLITE_NOTHING);
    fixture_expect(&f, 6000, POLITE_ROBOTS);
    polite_destroy(f.p);
}

/* A domain is due when its delay is over, or when it gets something to do after that. */
static void lateness_is_what_a_due_domain_waits(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    struct crawl_task *a = fixture_push(&f, "http://x.test/a", 100),
                      *b = fixture_push(&f, "http://x.test/b", 100);
    fixture_expect(&f, 130, POLITE_ROBOTS); /* 30 late */
    polite_robots_allow(f.p, f.turn.origin, NULL, 140);
    fixture_expect_fetch(&f, 1140, a); /* in time: due since then only */
    fixture_done(&f, a, 1200);
    fixture_expect_fetch(&f, 2207, b); /* 7 late */
    fixture_done(&f, b, 2210);
    struct crawl_task *c = fixture_push(&f, "http://x.test/c", 9000);
    fixture_expect_fetch(&f, 9001, c); /* 1 late */
    fixture_done(&f, c, 9002);
    const struct lateness *late = polite_lateness(f.p);
    assert_int_equal(late->total, 4);
    assert_int_equal(late->most_ms, 30);
    assert_int_equal(lateness_quantile_ms(late, 0.5), 4);
    assert_int_equal(lateness_quantile_ms(late, 0.75), 8);
    assert_int_equal(lateness_quantile_ms(late, 1), 30);
    struct lateness wide = { .total = 0 };
    for (uint64_t ms = 1; ms < 1000000; ms += 7)
        lateness_note(&wide, ms);
    lateness_note(&wide, UINT64_MAX);
    assert_in_range(lateness_quantile_ms(&wide, 0.0005), 500, 504);
    assert_in_range(lateness_quantile_ms(&wide, 0.1), 100000, 112500);
    assert_in_range(lateness_quantile_ms(&wide, 0.9), 900000, 1000000);
    polite_destroy(f.p);
}

static void subdomains_share_the_delay(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    fixture_push(&f, "http://a.example.co.uk/", 0);
    fixture_push(&f, "http://b.example.co.uk/", 0);
    struct crawl_task *other = fixture_push(&f, "http://example.org/", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    struct polite_origin *a = f.turn.origin;
    fixture_expect(&f, 0, POLITE_ROBOTS); /* of example.org */
    polite_robots_allow(f.p, f.turn.origin, NULL, 10);
    polite_robots_allow(f.p, a, NULL, 10);
    fixture_expect(&f, 1009, POLITE_NOTHING);
    bool seen_other = false;
    for (int i = 0; i < 2; i++) {
        fixture_expect(&f, 1010, POLITE_FETCH);
        seen_other |= f.turn.task == other;
        fixture_done(&f, f.turn.task, 1010);
    }
    assert_true(seen_other);
    fixture_expect(&f, 2009, POLITE_NOTHING);
    fixture_expect(&f, 2010, POLITE_ROBOTS); /* of b.example.co.uk, a second after the page of a */
    polite_robots_allow(f.p, f.turn.origin, NULL, 2000);
    polite_destroy(f.p);
}

static void crawl_delay_is_obeyed_and_bounded(void **state) {
    static const struct wit_crawler_host mine = { "mine.test", 0, 8 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.hosts = &mine;
    f.cfg.host_count = 1;
    fixture_begin(&f);
    struct crawl_task *a = fixture_push(&f, "http://x.test/a", 0),
                      *b = fixture_push(&f, "http://x.test/b", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    fixture_rules(&f, "User-agent: witbot\nCrawl-delay: 7.5\n", 100);
    fixture_expect(&f, 7599, POLITE_NOTHING);
    fixture_expect_fetch(&f, 7600, a);
    fixture_done(&f, a, 7600);
    fixture_expect(&f, 15099, POLITE_NOTHING);
    fixture_expect_fetch(&f, 15100, b);
    fixture_done(&f, b, 15100);
    a = fixture_push(&f, "http://y.test/a", 0);
    fixture_expect(&f, 15000, POLITE_ROBOTS);
    fixture_rules(&f, "User-agent: *\nCrawl-delay: 86400\n", 15000);
    assert_int_equal(polite_due_ms(f.p), 15000 + 300000);
    /* what the user says of his own host goes before what the host says */
    a = fixture_push(&f, "http://mine.test/a", 0);
    fixture_expect(&f, 15000, POLITE_ROBOTS);
    fixture_rules(&f, "User-agent: *\nCrawl-delay: 10\n", 15000);
    fixture_expect_fetch(&f, 15000, a);
    fixture_done(&f, a, 15000);
    polite_destroy(f.p);
}

static void concurrency_is_a_ceiling(void **state) {
    static const struct wit_crawler_host mine = { "127.0.0.1", 0, 3 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    struct crawl_task *running[3];
    f.cfg.hosts = &mine;
    f.cfg.host_count = 1;
    fixture_begin(&f);
    for (int i = 0; i < 5; i++)
        fixture_push(&f, "http://127.0.0.1:8080/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    for (int i = 0; i < 3; i++) {
        fixture_expect(&f, 0, POLITE_FETCH);
        running[i] = f.turn.task;
    }
    fixture_expect(&f, 99999, POLITE_NOTHING);
    fixture_done(&f, running[1], 0);
    fixture_expect(&f, 0, POLITE_FETCH);
    running[1] = f.turn.task;
    fixture_expect(&f, 0, POLITE_NOTHING);
    for (int i = 0; i < 3; i++)
        fixture_done(&f, running[i], 0);
    polite_destroy(f.p);
}

static void overload_rests_the_domain(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    for (int i = 0; i < 4; i++)
        fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    fixture_expect(&f, 1000, POLITE_FETCH);
    polite_done(f.p, f.turn.task, PACE_OVERLOADED, 12345, 1000);
    crawl_task_destroy(f.turn.task);
    assert_int_equal(polite_due_ms(f.p), 1000 + 12345);
    fixture_expect(&f, 13345, POLITE_FETCH);
    polite_done(f.p, f.turn.task, PACE_OVERLOADED, 0, 14000); /* the second in a row */
    crawl_task_destroy(f.turn.task);
    assert_int_equal(polite_due_ms(f.p), 14000 + 2 * 15 * 2000);
    fixture_expect(&f, 74000, POLITE_FETCH);
    polite_done(f.p, f.turn.task, PACE_OVERLOADED, 300000, 74000);
    crawl_task_destroy(f.turn.task);
    assert_int_equal(polite_due_ms(f.p), 74000 + 300000); /* max_wait_ms */
    fixture_expect(&f, 374000, POLITE_FETCH);
    fixture_done(&f, f.turn.task, 374000);
    /* three rests made the delay 1 + 1 * 2 * 2 s; thirty good answers halve what they added */
    struct crawl_task *t = fixture_push(&f, "http://x.test/b", 374000);
    fixture_expect(&f, 378999, POLITE_NOTHING);
    uint64_t now_ms = 379000;
    for (int i = 0; i < 29; i++, now_ms += 5000) {
        fixture_expect_fetch(&f, now_ms, t);
        fixture_done(&f, t, now_ms);
        t = fixture_push(&f, "http://x.test/b", now_ms);
    }
    fixture_expect_fetch(&f, now_ms, t);
    fixture_done(&f, t, now_ms);
    t = fixture_push(&f, "http://x.test/b", now_ms);
    fixture_expect(&f, now_ms + 2999, POLITE_NOTHING);
    fixture_expect_fetch(&f, now_ms + 3000, t);
    fixture_done(&f, t, now_ms + 3000);
    polite_destroy(f.p);
}

/* A longer rest than one waits for is kept all the same: nobody waits, and nothing is asked. */
static void a_long_rest_is_kept_and_not_waited_for(void **state) {
    enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, WAIT_MS = 300000 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    for (int i = 0; i < 3; i++)
        fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    fixture_expect(&f, 1000, POLITE_FETCH);
    polite_done(f.p, f.turn.task, PACE_OVERLOADED, HOUR_MS, 2000);
    crawl_task_destroy(f.turn.task);
    for (int i = 0; i < 2; i++)
        fixture_expect_refused(&f, 2000, "host_rests"); /* at once */
    fixture_expect(&f, 2000, POLITE_NOTHING);
    fixture_push(&f, "http://sub.x.test/b", HOUR_MS); /* too long still? */
    assert_int_equal(polite_due_ms(f.p), 2000 + HOUR_MS);
    fixture_expect(&f, 1999 + HOUR_MS, POLITE_NOTHING);
    fixture_expect(&f, 2000 + HOUR_MS, POLITE_ROBOTS);
    polite_robots_answered(f.p, f.turn.origin, PACE_OVERLOADED, 10 * (uint64_t)DAY_MS,
                           HOUR_MS + 3000);
    polite_robots_deny(f.p, f.turn.origin, "robots_unreachable", HOUR_MS + 3000);
    fixture_expect_refused(&f, HOUR_MS + 3000, "host_rests");
    /* a day at the most; what comes when a wait is left waits */
    fixture_push(&f, "http://x.test/c", HOUR_MS + 3000 + DAY_MS - WAIT_MS - 1);
    fixture_expect_refused(&f, HOUR_MS + 3000 + DAY_MS - WAIT_MS - 1, "host_rests");
    fixture_push(&f, "http://x.test/c", HOUR_MS + 3000 + DAY_MS - WAIT_MS - 1);
    fixture_expect(&f, HOUR_MS + 3000 + DAY_MS - WAIT_MS,
                   POLITE_NOTHING); /* came to wait just so */
    assert_int_equal(polite_due_ms(f.p), HOUR_MS + 3000 + DAY_MS);
    fixture_expect(&f, HOUR_MS + 3000 + DAY_MS, POLITE_ROBOTS); /* a day is over: rules anew */
    polite_destroy(f.p);
}

static void a_domain_that_rests_again_and_again_is_given_up(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.max_rests = 3;
    fixture_begin(&f);
    for (int i = 0; i < 40; i++)
        fixture_push(&f, i % 2 ? "http://x.test/a" : "http://sub.x.test/a", 0);
    uint64_t now_ms = 0;
    unsigned fetched = 0;
    enum polite_step step;
    while ((step = polite_next(f.p, now_ms, &f.turn)) != POLITE_REFUSED) {
        if (step == POLITE_NOTHING) {
            now_ms = polite_due_ms(f.p);
        } else if (step == POLITE_ROBOTS) {
            polite_robots_allow(f.p, f.turn.origin, NULL, now_ms);
        } else {
            fetched++;
            polite_done(f.p, f.turn.task, PACE_FORBIDDEN, 0, now_ms);
            crawl_task_destroy(f.turn.task);
        }
    }
    assert_int_equal(fetched, 4 * 5); /* each five times 403 is a rest, the fourth the end */
    assert_true(now_ms >= 30000 + 60000 + 120000);
    assert_string_equal(f.turn.reason, "host_gave_up");
    crawl_task_destroy(f.turn.task);
    for (int i = 0; i < 19; i++)
        fixture_expect_refused(&f, now_ms, "host_gave_up"); /* at once */
    fixture_push(&f, "http://x.test/late", now_ms + 1);
    fixture_expect_refused(&f, now_ms + 1, "host_gave_up");
    polite_destroy(f.p);
}

static void a_burst_of_overload_counts_once(void **state) {
    static const struct wit_crawler_host own = { "x.test", 0, 8 };
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    struct crawl_task *running[8];
    f.cfg.hosts = &own;
    f.cfg.host_count = 1;
    fixture_begin(&f);
    for (int i = 0; i < 9; i++)
        fixture_push(&f, "http://x.test/a", 0);
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    for (int i = 0; i < 8; i++) {
        fixture_expect(&f, 0, POLITE_FETCH);
        running[i] = f.turn.task;
    }
    for (int i = 0; i < 8; i++) {
        polite_done(f.p, running[i], PACE_OVERLOADED, 0, 100 + (uint64_t)i);
        crawl_task_destroy(running[i]);
    }
    assert_int_equal(polite_due_ms(f.p), 100 + 15 * 2000);
    polite_destroy(f.p);
}

static void an_address_must_be_canonical(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_IMAGE, WIT_STR("http://x.test/./a"));
    assert_int_equal(polite_push(f.p, t, 0), WIT_EFORMAT);
    crawl_task_destroy(t);
    polite_destroy(f.p);
}

static void what_is_no_address_stays_the_callers(void **state) {
    struct polite_fixture f = { .cfg = wit_crawler_config_default() };
    fixture_begin(&f);
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_PAGE, WIT_STR("mailto:a@b"));
    assert_int_equal(polite_push(f.p, t, 0), WIT_EFORMAT);
    crawl_task_destroy(t);
    fixture_push(&f, "http://left.test/", 0); /* destroyed with the queue */
    fixture_expect(&f, 0, POLITE_ROBOTS);
    polite_destroy(f.p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(robots_come_first_and_count_as_a_request),
        cmocka_unit_test(the_delay_counts_from_when_a_request_was_heard),
        cmocka_unit_test(nothing_starts_before_the_last_one_was_heard),
        cmocka_unit_test(a_crawl_that_goes_on_waits_one_delay),
        cmocka_unit_test(lateness_is_what_a_due_domain_waits),
        cmocka_unit_test(subdomains_share_the_delay),
        cmocka_unit_test(crawl_delay_is_obeyed_and_bounded),
        cmocka_unit_test(concurrency_is_a_ceiling),
        cmocka_unit_test(overload_rests_the_domain),
        cmocka_unit_test(a_long_rest_is_kept_and_not_waited_for),
        cmocka_unit_test(a_domain_that_rests_again_and_again_is_given_up),
        cmocka_unit_test(a_burst_of_overload_counts_once),
        cmocka_unit_test(an_address_must_be_canonical),
        cmocka_unit_test(what_is_no_address_stays_the_callers),
    };
    return cmocka_run_group_tests_name("polite_turns", tests, NULL, NULL);
}
