/* test_page_rights.c: what a page said of use, as its candidates carry it, and never too much. */
#include "page_rights.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

static struct page_rights rights;

static int begin(void **state) {
    page_rights_init(&rights);
    return 0;
}

static int finish(void **state) {
    page_rights_finish(&rights);
    return 0;
}

static struct wit_str rights_of(const struct wit_crawler_pair *pair) {
    struct wit_str out;
    assert_int_equal(page_rights_of(&rights, pair, &out), 0);
    return out;
}

static void expect(const struct wit_crawler_pair *pair, const char *want) {
    struct wit_str got = rights_of(pair);
    if (!wit_str_eq(got, wit_str_from(want)))
        fail_msg("got '%.*s'", WIT_STR_FMT(got));
}

static const struct wit_crawler_signal signals[] = {
    { { "ROBOTS", 6 }, { "noarchive", 9 } },
    { { "robots", 6 }, { "noarchive", 9 } },
    { { "tdm-policy", 10 }, { "http://p/", 9 } },
};
static const struct wit_str licenses[] = { { "http://l/1", 10 }, { "http://l/2", 10 } };
static const struct wit_crawler_pair plain = { .url = { "http://i/", 9 } };
static const struct wit_crawler_pair licensed = { .license = { "http://l/own", 12 } };
static const struct wit_crawler_page page = { .pair_count = 1,
                                              .signals = signals,
                                              .signal_count = WIT_COUNT_OF(signals),
                                              .licenses = licenses,
                                              .license_count = WIT_COUNT_OF(licenses) };

static void each_word_stands_once(void **state) {
    const struct wit_str seen = WIT_STR("x-robots-tag: noarchive\nrobots.license: http://r/\n"
                                        "x-robots-tag: noarchive\n");
    assert_int_equal(page_rights_begin(&rights, seen, WIT_CRAWLER_HTML, &page), 0);
    expect(&plain, "x-robots-tag: noarchive\nrobots.license: http://r/\nmeta.robots: noarchive\n"
                   "meta.tdm-policy: http://p/\npage.license: http://l/1\n"
                   "page.license: http://l/2\n");
    expect(&licensed, "image.license: http://l/own\nx-robots-tag: noarchive\n"
                      "robots.license: http://r/\nmeta.robots: noarchive\n"
                      "meta.tdm-policy: http://p/\npage.license: http://l/1\n"
                      "page.license: http://l/2\n");
    expect(&plain, "x-robots-tag: noarchive\nrobots.license: http://r/\nmeta.robots: noarchive\n"
                   "meta.tdm-policy: http://p/\npage.license: http://l/1\n"
                   "page.license: http://l/2\n");
}

static void silence_takes_nothing(void **state) {
    const struct wit_crawler_page silent = { .pair_count = 1 };
    assert_int_equal(page_rights_begin(&rights, WIT_STR(""), WIT_CRAWLER_HTML, &silent), 0);
    expect(&plain, "");
}

/* A sitemap's licences are those of its images, each its own. */
static void licences_of_a_sitemap_are_its_images(void **state) {
    const struct wit_crawler_page sitemap = { .pair_count = 2,
                                              .licenses = licenses,
                                              .license_count = WIT_COUNT_OF(licenses) };
    assert_int_equal(page_rights_begin(&rights, WIT_STR("x-robots-tag: all\n"), WIT_CRAWLER_SITEMAP,
                                       &sitemap),
                     0);
    expect(&plain, "x-robots-tag: all\n");
    expect(&licensed, "image.license: http://l/own\nx-robots-tag: all\n");
}

/* Lines stay whole, and what found no room is counted. */
static void what_has_no_room_is_counted(void **state) {
    enum { LINES = 60, LINE_BYTES = 400 };
    struct wit_buf seen = WIT_BUF_INIT(1 << 16);
    struct wit_crawler_page many = page;
    for (int i = 0; i < LINES; i++)
        assert_true(wit_buf_printf(&seen, "tdm-policy: http://p/%0*d\n", LINE_BYTES, i) >= 0);
    for (size_t pairs = 1; pairs < 1000000; pairs *= 10) {
        size_t most = pairs < 2048 ? 2048 : pairs < 16384 ? (4 << 20) / pairs : 256;
        size_t whole = 0, left_out = 0;
        many.pair_count = pairs;
        assert_int_equal(page_rights_begin(&rights, wit_buf_view(&seen), WIT_CRAWLER_HTML, &many),
                         0);
        struct wit_str got = rights_of(&licensed);
        assert_true(got.len <= most && got.len > most / 8);
        assert_true(wit_str_starts_with(got, WIT_STR("image.license: http://l/own\n")));
        for (size_t at = 0; at < got.len; at++)
            whole += got.data[at] == '\n';
        ptrdiff_t tail = wit_str_find(got, WIT_STR("\nleft-out: "), 0);
        assert_true(tail > 0);
        for (size_t at = (size_t)tail + 11; got.data[at] != '\n'; at++)
            left_out = 10 * left_out + (size_t)(got.data[at] - '0');
        /* image.license and left-out itself; of the signals one repeats */
        assert_int_equal(whole - 2 + left_out, LINES + 2 + WIT_COUNT_OF(licenses));
    }
    wit_buf_finish(&seen);
}

/* A page can have any number of signals: work and memory are bounded all the same. */
static void a_flood_of_signals_is_cut(void **state) {
    enum { FLOOD = 100000 };
    struct wit_crawler_signal *flood = calloc(FLOOD, sizeof *flood);
    assert_non_null(flood);
    for (size_t i = 0; i < FLOOD; i++)
        flood[i] = (struct wit_crawler_signal){ WIT_STR("robots"), WIT_STR("noarchive") };
    const struct wit_crawler_page flooded = { .pair_count = 1,
                                              .signals = flood,
                                              .signal_count = FLOOD };
    assert_int_equal(page_rights_begin(&rights, WIT_STR("no line\n: \n"), WIT_CRAWLER_HTML,
                                       &flooded),
                     0);
    expect(&plain, ": \nmeta.robots: noarchive\nleft-out: 99936\n");
    free(flood);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_word_stands_once, begin, finish),
        cmocka_unit_test_setup_teardown(silence_takes_nothing, begin, finish),
        cmocka_unit_test_setup_teardown(licences_of_a_sitemap_are_its_images, begin, finish),
        cmocka_unit_test_setup_teardown(what_has_no_room_is_counted, begin, finish),
        cmocka_unit_test_setup_teardown(a_flood_of_signals_is_cut, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
