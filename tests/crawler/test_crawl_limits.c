/* test_crawl_limits.c: what reactors share, with a simulated clock and from several threads. */
#include "crawl_limits.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

static struct crawl_limits *limits_of(uint32_t ip_delay_ms, uint32_t max_rate, uint64_t bandwidth) {
    struct wit_crawler_config cfg = wit_crawler_config_default();
    struct crawl_limits *l = NULL;
    cfg.ip_delay_ms = ip_delay_ms;
    cfg.max_rate = max_rate;
    cfg.max_bandwidth = bandwidth;
    assert_int_equal(crawl_limits_create(&cfg, &l, NULL), 0);
    return l;
}

static struct wit_net_address address_of(const char *text) {
    struct wit_net_address a;
    assert_int_equal(wit_net_address_parse(wit_str_from(text), &a, NULL), 0);
    return a;
}

static uint64_t wait_of(struct crawl_limits *l, const char *address, uint64_t now_ms) {
    const struct wit_net_address a = address_of(address);
    return crawl_limits_address(l, &a, now_ms);
}

static void addresses_take_turns(void **state) {
    struct crawl_limits *l = limits_of(100, 0, 0);
    assert_int_equal(wait_of(l, "192.0.2.1", 1000), 0);
    assert_int_equal(wait_of(l, "192.0.2.1", 1000), 100);
    assert_int_equal(wait_of(l, "192.0.2.1", 1030), 170);
    assert_int_equal(wait_of(l, "192.0.2.2", 1030), 0); /* another one */
    assert_int_equal(wait_of(l, "192.0.2.1", 9000), 0);
    assert_int_equal(wait_of(l, "2001:db8::1", 9000), 0);
    assert_int_equal(wait_of(l, "2001:db8::2", 9000), 100); /* of one network */
    assert_int_equal(wait_of(l, "2001:db8:0:1::2", 9000), 0);
    crawl_limits_destroy(l);
}

static void a_full_queue_takes_no_turn(void **state) {
    struct crawl_limits *l = limits_of(1000, 0, 0);
    for (uint64_t i = 0; i <= 5; i++)
        assert_int_equal(wait_of(l, "192.0.2.1", 0), 1000 * i);
    for (int i = 0; i < 100; i++)
        assert_int_equal(wait_of(l, "192.0.2.1", 0), UINT64_MAX);
    assert_int_equal(wait_of(l, "192.0.2.1", 1000), 5000);
    crawl_limits_destroy(l);
}

static uint64_t go_of(struct crawl_limits *l, const char *address, uint64_t now_ms) {
    const struct wit_net_address a = address_of(address);
    return crawl_limits_address_go(l, &a, now_ms);
}

static void heard_of(struct crawl_limits *l, const char *address, uint64_t started_ms,
                     uint64_t heard_ms) {
    const struct wit_net_address a = address_of(address);
    crawl_limits_address_heard(l, &a, started_ms, heard_ms);
}

/* The delay counts from when the address has had a request. */
static void an_address_is_asked_when_the_last_one_was_heard(void **state) {
    static const char a[] = "192.0.2.1";
    struct crawl_limits *l = limits_of(100, 0, 0);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(wait_of(l, a, 1000), 100 * i);
    assert_int_equal(go_of(l, a, 1000), 0);
    assert_int_equal(go_of(l, a, 1100), 25); /* not heard yet: look again soon */
    assert_int_equal(go_of(l, "192.0.2.2", 1100), 0);
    heard_of(l, a, 1000, 1150);
    assert_int_equal(go_of(l, a, 1240), 10); /* now it is known */
    assert_int_equal(go_of(l, a, 1249), 1);
    assert_int_equal(go_of(l, a, 1250), 0);
    assert_int_equal(wait_of(l, a, 1250), 300); /* later by what it took: three wait before it */
    heard_of(l, a, 1250, 0);                    /* never sent: its turn counts */
    assert_int_equal(go_of(l, a, 1349), 1);
    assert_int_equal(go_of(l, a, 1350), 0);
    /* one that is silent holds the others up for a while, and what it says then is too late */
    assert_int_equal(go_of(l, a, 1350 + CRAWL_LIMITS_SILENT_MS + 99), 1);
    assert_int_equal(go_of(l, a, 1350 + CRAWL_LIMITS_SILENT_MS + 100), 0);
    heard_of(l, a, 1350, 1350 + CRAWL_LIMITS_SILENT_MS + 110);
    assert_int_equal(go_of(l, a, 1350 + CRAWL_LIMITS_SILENT_MS + 250), 25);
    crawl_limits_destroy(l);
}

static void addresses_of_ones_own_have_no_delay_unless_asked_for(void **state) {
    struct crawl_limits *l = limits_of(WIT_CRAWLER_IP_DELAY_DEFAULT, 0, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wait_of(l, "127.0.0.1", 0), 0);
    assert_int_equal(wait_of(l, "8.8.8.8", 0), 0);
    assert_int_equal(wait_of(l, "8.8.8.8", 0), 100);
    for (int i = 0; i < 3; i++)
        assert_int_equal(go_of(l, "127.0.0.1", 0), 0);
    crawl_limits_destroy(l);
    l = limits_of(0, 0, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wait_of(l, "8.8.8.8", 0), 0);
    crawl_limits_destroy(l);
}

static void requests_have_a_rate(void **state) {
    static const uint32_t rates[] = { 1, 7, 1000, 30000 };
    for (size_t i = 0; i < WIT_COUNT_OF(rates); i++) {
        struct crawl_limits *l = limits_of(0, rates[i], 0);
        uint64_t started = 0, now_ms = 1000000;
        for (; now_ms < 1010000; now_ms++) { /* ten seconds of asking all the time */
            while (crawl_limits_start(l, now_ms))
                started++;
            assert_true(crawl_limits_due_ms(l) > now_ms);
        }
        /* Costs are whole microseconds, rounded up; a tenth of a second may be made up for. */
        assert_in_range(started, 10 * rates[i] - rates[i] / 4 - 1,
                        10 * rates[i] + rates[i] / 10 + 1);
        /* after a pause of an hour too */
        now_ms += 3600 * 1000;
        for (started = 0; crawl_limits_start(l, now_ms);)
            started++;
        assert_true(started <= rates[i] / 10 + 1);
        crawl_limits_unstart(l);
        assert_true(crawl_limits_start(l, now_ms));
        crawl_limits_destroy(l);
    }
    struct crawl_limits *l = limits_of(0, 0, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(crawl_limits_start(l, 5));
    assert_int_equal(crawl_limits_due_ms(l), 0);
    crawl_limits_destroy(l);
}

static void bytes_are_paid_for_with_time(void **state) {
    struct crawl_limits *l = limits_of(0, 0, 1000000);
    uint64_t now_ms = 5000, bytes = 0;
    assert_true(crawl_limits_start(l, now_ms));
    crawl_limits_received(l, 500000, now_ms);
    assert_false(crawl_limits_start(l, now_ms + 499));
    assert_int_equal(crawl_limits_due_ms(l), now_ms + 500);
    assert_true(crawl_limits_start(l, now_ms + 500));
    for (; now_ms < 25000; now_ms += 3) {
        if (crawl_limits_start(l, now_ms)) {
            crawl_limits_received(l, 70000, now_ms);
            bytes += 70000;
        }
    }
    assert_in_range(bytes, 18500000, 20000000);
    crawl_limits_received(l, UINT64_MAX, now_ms); /* nobody can, and nothing wraps */
    assert_false(crawl_limits_start(l, now_ms + 1000000));
    crawl_limits_destroy(l);
}

/* Four threads queue at one address at one instant: no turn is given twice. */
enum { THREADS = 4, TURNS = 1000 };
static uint8_t turns[THREADS * TURNS];

static void *queue_up(void *user) {
    struct crawl_limits *l = user;
    const struct wit_net_address a = address_of("192.0.2.1");
    for (int i = 0; i < TURNS; i++)
        __atomic_fetch_add(&turns[crawl_limits_address(l, &a, 77)], 1, __ATOMIC_RELAXED);
    return NULL;
}

static void no_turn_is_given_twice(void **state) {
    struct crawl_limits *l = limits_of(1, 0, 0);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, queue_up, l), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS * TURNS; i++)
        assert_int_equal(turns[i], 1);
    crawl_limits_destroy(l);
}

/* Four threads whose turns have come at one instant: one of them goes. */
static void *go_often(void *user) {
    struct crawl_limits *l = user;
    uintptr_t went = 0;
    for (int i = 0; i < TURNS; i++)
        went += go_of(l, "192.0.2.1", 77) == 0;
    return (void *)went;
}

static void one_goes_at_a_time(void **state) {
    struct crawl_limits *l = limits_of(1, 0, 0);
    pthread_t threads[THREADS];
    uintptr_t went = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, go_often, l), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        went += (uintptr_t)result;
    }
    assert_int_equal(went, 1);
    crawl_limits_destroy(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_take_turns),
        cmocka_unit_test(a_full_queue_takes_no_turn),
        cmocka_unit_test(an_address_is_asked_when_the_last_one_was_heard),
        cmocka_unit_test(addresses_of_ones_own_have_no_delay_unless_asked_for),
        cmocka_unit_test(requests_have_a_rate),
        cmocka_unit_test(bytes_are_paid_for_with_time),
        cmocka_unit_test(no_turn_is_given_twice),
        cmocka_unit_test(one_goes_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
