/*
 * extract_testing.h: what the tests of the extractor share: one extractor, random cuts from a seed
 * that is printed, and the text that is compared.
 */
#ifndef EXTRACT_TESTING_H
#define EXTRACT_TESTING_H

#include "html_pages.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

static struct wit_crawler_extractor *x;
static struct wit_random rng;
static struct wit_buf got = WIT_BUF_INIT(HTML_PAGES_MAX_BYTES);

static int setup(void **state) {
    const char *given = getenv("WIT_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : wit_clock_ns();
    print_message("WIT_TEST_SEED=%llu\n", (unsigned long long)seed);
    wit_random_init(&rng, seed, 0, 0);
    x = wit_crawler_extractor_create();
    return x ? 0 : -1;
}

static int teardown(void **state) {
    wit_crawler_extractor_destroy(x);
    wit_buf_finish(&got);
    return 0;
}

static size_t one_byte(void *user) {
    return 1;
}

static size_t some_bytes(void *user) {
    return (size_t)wit_random_below(&rng, 700);
}

/* Is this what `got` holds? */
static void expect_got(struct wit_str html, const char *want) {
    assert_int_equal(wit_buf_terminate(&got), 0);
    if (strcmp(got.data, want) != 0)
        fail_msg("'%.*s'\n-- got\n%s-- wanted\n%s", WIT_STR_FMT(html), got.data, want);
}

#endif
