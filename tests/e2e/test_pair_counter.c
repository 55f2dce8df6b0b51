/* test_pair_counter.c: distinct pairs are counted as a plain table counts them, whatever fits in
 * memory and however often each comes. */
#include "pair_counter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PAIRS = 3000 };

static void pair_of(uint64_t i, char url[64], char text[32]) {
    snprintf(url, 64, "http://a.test/%llu", (unsigned long long)(i / 3));
    snprintf(text, 32, "%s%u", i % 2 ? "a cat " : "cat", (unsigned)(i % 7));
}

static void one(uint64_t seed, size_t at_once, uint64_t offers) {
    struct pair_counter *c = NULL;
    struct wit_random rng;
    bool seen[PAIRS] = { false };
    uint64_t distinct = 0, marked = 0, want = 0, want_marked = 0;
    wit_random_init(&rng, seed, at_once, 0);
    assert_int_equal(pair_counter_create("/tmp", at_once, &c, NULL), 0);
    for (uint64_t k = 0; k < offers; k++) {
        uint64_t i = wit_random_below(&rng, PAIRS);
        char url[64], text[32];
        pair_of(i, url, text);
        bool mark = i % 2;
        want += !seen[i];
        want_marked += !seen[i] && mark;
        seen[i] = true;
        assert_int_equal(pair_counter_add(c, wit_str_from(url), wit_str_from(text), mark, NULL), 0);
        if (k == offers / 2) { /* in between, too */
            assert_int_equal(pair_counter_count(c, &distinct, &marked, NULL), 0);
            assert_int_equal(distinct, want);
        }
    }
    assert_int_equal(pair_counter_count(c, &distinct, &marked, NULL), 0);
    assert_int_equal(distinct, want);
    assert_int_equal(marked, want_marked);
    pair_counter_destroy(c);
}

static void counts_as_a_table_does(void **state) {
    uint64_t seed = wit_clock_ns();
    print_message("seed %llu\n", (unsigned long long)seed);
    const size_t sizes[] = { 2, 3, 17, 100, 1000, 5000, 0 };
    for (size_t i = 0; i < WIT_COUNT_OF(sizes); i++)
        for (uint64_t offers = 1; offers < 9000; offers = 3 * offers + 1)
            one(seed, sizes[i], offers);
}

static void nothing_is_none(void **state) {
    struct pair_counter *c = NULL;
    uint64_t distinct = 7, marked = 7;
    assert_int_equal(pair_counter_create("/tmp", 0, &c, NULL), 0);
    assert_int_equal(pair_counter_count(c, &distinct, &marked, NULL), 0);
    assert_true(distinct == 0 && marked == 0);
    pair_counter_destroy(c);
    pair_counter_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_as_a_table_does),
        cmocka_unit_test(nothing_is_none),
    };
    return cmocka_run_group_tests_name("pair_counter", tests, NULL, NULL);
}
