/*
 * test_match.c: the fast matcher equals the definition, on examples that show each rule and on
 * random lists and texts made of what could go wrong. Replay with WIT_TEST_SEED=<printed seed>.
 */
#include "filter_private.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

static struct wit_filter_allowlist *list_of(const char *const *entries, size_t n) {
    struct wit_str views[64];
    struct wit_filter_allowlist *list = NULL;
    assert_true(n <= WIT_COUNT_OF(views));
    for (size_t i = 0; i < n; i++)
        views[i] = wit_str_from(entries[i]);
    assert_int_equal(wit_filter_allowlist_create(views, n, &list, NULL), 0);
    return list;
}

/* Both matchers find exactly `want` (ids as digits and spaces) in the text. */
static void check(const struct wit_filter_allowlist *list, struct wit_str text, const char *want) {
    struct wit_filter_matcher *m = NULL;
    const uint32_t *ids;
    uint32_t ref[64];
    size_t n;
    char got[512] = "", slow[512] = "";
    assert_int_equal(wit_filter_matcher_create(list, &m, NULL), 0);
    assert_int_equal(wit_filter_match(m, text, &ids, &n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        sprintf(got + strlen(got), i ? " %u" : "%u", ids[i]);
    int64_t n_ref = filter_match_ref(list, text, ref);
    for (int64_t i = 0; i < n_ref; i++)
        sprintf(slow + strlen(slow), i ? " %u" : "%u", ref[i]);
    assert_string_equal(slow, want);
    assert_string_equal(got, want);
    wit_filter_matcher_destroy(m);
}

static void entries_match_between_spaces(void **state) {
    static const char *const entries[] = {
        "cat", "red car", "car", "red", "photo of a cat", "of a"
    };
    struct wit_filter_allowlist *l = list_of(entries, WIT_COUNT_OF(entries));
    check(l, WIT_STR("cat"), "0");
    check(l, WIT_STR("a photo of a cat"), "0 4 5");
    check(l, WIT_STR("cats concat Cat CAT"), "");
    check(l, WIT_STR("red car red car car"), "1 2 3");
    check(l, WIT_STR(""), "");
    check(l, WIT_STR(" "), "");
    check(l, WIT_STR("  cat  "), "0");
    check(l, WIT_STR("photo of a"), "5");
    wit_filter_allowlist_destroy(l);
}

static void only_seven_marks_are_wrapped(void **state) {
    static const char *const entries[] = { "cat", "red car", ".", "cat ,", "U.S.", "`" };
    struct wit_filter_allowlist *l = list_of(entries, WIT_COUNT_OF(entries));
    check(l, WIT_STR("cat,dog"), "0 3");
    check(l, WIT_STR("cat,cat.cat;cat:cat?cat!cat`cat"), "0 2 3 5");
    check(l, WIT_STR("(cat)"), "");
    check(l, WIT_STR("\"cat\""), "");
    check(l, WIT_STR("cat's cat-fish cat/"), "");
    check(l, WIT_STR("red, car"), "");
    check(l, WIT_STR("red,car"), "");
    check(l, WIT_STR("U.S."), "2"); /* falls apart into U . S . */
    wit_filter_allowlist_destroy(l);
}

static void white_space_is_not_collapsed(void **state) {
    static const char *const entries[] = { "red car", "red  car", "", " ", " red", "car " };
    struct wit_filter_allowlist *l = list_of(entries, WIT_COUNT_OF(entries));
    check(l, WIT_STR("red car"), "0");
    check(l, WIT_STR("red\tcar"), "0");
    check(l, WIT_STR("red\ncar"), "0");
    check(l, WIT_STR("red\rcar"), "0");
    check(l, WIT_STR("red\r\ncar"), "1 2");
    check(l, WIT_STR("red  car"), "1 2");
    check(l,
          WIT_STR("red\xc2\xa0"
                  "car"),
          ""); /* no-break space */
    check(l,
          WIT_STR("red\xe3\x80\x80"
                  "car"),
          ""); /* ideographic space */
    check(l,
          WIT_STR("red\xe2\x80\xa8"
                  "car"),
          ""); /* line separator */
    check(l, WIT_STR("red\vcar red\fcar"), "");
    check(l, WIT_STR(""), "2");
    check(l, WIT_STR(" "), "2 3");
    check(l, WIT_STR(" red"), "2 4");
    check(l, WIT_STR("car "), "2 5");
    wit_filter_allowlist_destroy(l);
}

static void nul_is_an_ordinary_character(void **state) {
    struct wit_str entries[] = { WIT_STR("a"), WIT_STR("a\0"), WIT_STR("\0"), WIT_STR("a\0b c") };
    struct wit_filter_allowlist *l = NULL;
    assert_int_equal(wit_filter_allowlist_create(entries, 4, &l, NULL), 0);
    check(l, WIT_STR("a"), "0");
    check(l, WIT_STR("a\0"), "1");
    check(l, WIT_STR("\0 a a\0b c"), "0 2 3");
    wit_filter_allowlist_destroy(l);
}

static void words_longer_than_a_slot_are_compared_whole(void **state) {
    static const char *const entries[] = { "0123456789abcdef",  /* fits exactly */
                                           "0123456789abcdefg", /* one more */
                                           "a 0123456789abcdefgh b", "01234567", "012345678" };
    struct wit_filter_allowlist *l = list_of(entries, WIT_COUNT_OF(entries));
    check(l, WIT_STR("0123456789abcdef"), "0");
    check(l, WIT_STR("0123456789abcdefg"), "1");
    check(l, WIT_STR("0123456789abcdeg 0123456789abcdefh"), "");
    check(l, WIT_STR("a 0123456789abcdefgh b 01234567 012345678"), "2 3 4");
    wit_filter_allowlist_destroy(l);
}

static void repeated_entries_all_match(void **state) {
    static const char *const entries[] = { "cat", "dog", "cat", "red car", "cat", "red car" };
    struct wit_filter_allowlist *l = list_of(entries, WIT_COUNT_OF(entries));
    check(l, WIT_STR("red car cat cat"), "0 2 3 4 5");
    wit_filter_allowlist_destroy(l);
}

static void a_list_may_be_empty(void **state) {
    struct wit_filter_allowlist *l = NULL;
    assert_int_equal(wit_filter_allowlist_create(NULL, 0, &l, NULL), 0);
    check(l, WIT_STR("a cat, a dog"), "");
    wit_filter_allowlist_destroy(l);
}

/* A phrase that the text repeats at every word yields each id once, in bounded memory. */
static void nested_phrases_of_a_long_text(void **state) {
    enum { DEPTH = 60, WORDS = 100000 };
    static const char phrase[] =
        "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a "
        "a a a a a a a a a a a a a a a a a a a a a a a a";
    struct wit_str entries[DEPTH];
    struct wit_filter_allowlist *l = NULL;
    struct wit_filter_matcher *m = NULL;
    const uint32_t *ids;
    size_t n;
    for (size_t i = 0; i < DEPTH; i++)
        entries[i] = wit_str_of(phrase, 2 * (DEPTH - i) - 1);
    assert_int_equal(wit_filter_allowlist_create(entries, DEPTH, &l, NULL), 0);
    assert_int_equal(wit_filter_matcher_create(l, &m, NULL), 0);
    char *text = malloc(2 * WORDS);
    assert_non_null(text);
    for (size_t i = 0; i < WORDS; i++)
        memcpy(text + 2 * i, "a ", 2);
    assert_int_equal(wit_filter_match(m, wit_str_of(text, 2 * WORDS - 1), &ids, &n, NULL), 0);
    assert_int_equal(n, DEPTH);
    for (uint32_t i = 0; i < DEPTH; i++)
        assert_int_equal(ids[i], i);
    free(text);
    wit_filter_matcher_destroy(m);
    wit_filter_allowlist_destroy(l);
}

static void a_text_over_its_ceiling_is_refused(void **state) {
    static const char *const entries[] = { "cat" };
    struct wit_filter_allowlist *l = list_of(entries, 1);
    struct wit_filter_matcher *m = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    const uint32_t *ids;
    size_t n, len = WIT_FILTER_TEXT_MAX_BYTES + 1;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, ',', len);
    assert_int_equal(wit_filter_matcher_create(l, &m, NULL), 0);
    assert_int_equal(wit_filter_match(m, wit_str_of(text, len), &ids, &n, &err), WIT_ELIMIT);
    assert_non_null(strstr(err.text, "at most"));
    assert_int_equal(wit_filter_match(m, wit_str_of(text, len - 1), &ids, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(wit_filter_match(m, WIT_STR("cat"), &ids, &n, &err), 0);
    assert_int_equal(n, 1);
    free(text);
    wit_filter_matcher_destroy(m);
    wit_filter_allowlist_destroy(l);
}

/* ---- random lists and texts ---------------------------------------------------------------- */

static const char *const pieces[] = { "a",
                                      "b",
                                      "ab",
                                      "cat",
                                      "red",
                                      " ",
                                      " ",
                                      " ",
                                      "  ",
                                      ",",
                                      ".",
                                      ";",
                                      ":",
                                      "?",
                                      "!",
                                      "`",
                                      "\t",
                                      "\n",
                                      "\r",
                                      "\r\n",
                                      "'s",
                                      "-",
                                      "\xc2\xa0",
                                      "\xe3\x80\x80",
                                      "\xff",
                                      "\xf0\x9f\x93\xb7",
                                      "internationalisation",
                                      "0123456789abcdef" };

/* Appends up to `most` pieces; one in thirty is a NUL, one in sixty a random byte. */
static void random_text(struct wit_random *rng, struct wit_buf *out, size_t most) {
    wit_buf_reset(out);
    for (uint64_t n = wit_random_below(rng, most + 1); n; n--) {
        uint64_t kind = wit_random_below(rng, 60);
        const char *piece = pieces[wit_random_below(rng, WIT_COUNT_OF(pieces))];
        if (kind < 2)
            assert_int_equal(wit_buf_append_byte(out, '\0'), 0);
        else if (kind == 2)
            assert_int_equal(wit_buf_append_byte(out, (char)wit_random_u32(rng)), 0);
        else
            assert_int_equal(wit_buf_append_cstr(out, piece), 0);
    }
}

enum { LIST = 200, TEXTS = 100, ROUNDS = 60 };

static void one_round(uint64_t seed, uint64_t round) {
    struct wit_random rng;
    struct wit_buf all = WIT_BUF_INIT(1 << 24), text = WIT_BUF_INIT(1 << 20);
    struct wit_str entries[LIST], texts[TEXTS];
    size_t ends[TEXTS], starts[TEXTS + 1];
    struct wit_filter_allowlist *l = NULL;
    struct wit_filter_matcher *m = NULL;
    const uint32_t *ids;
    wit_random_init(&rng, seed, round, 0);
    size_t n_entries = (size_t)wit_random_below(&rng, LIST) + 1;
    for (size_t i = 0; i < n_entries; i++) {
        random_text(&rng, &text, 1 + wit_random_below(&rng, 6));
        assert_int_equal(wit_buf_append_str(&all, wit_buf_view(&text)), 0);
        entries[i].len = text.len;
    }
    for (size_t i = 0, at = 0; i < n_entries; at += entries[i++].len)
        entries[i].data = all.data + at;
    assert_int_equal(wit_filter_allowlist_create(entries, n_entries, &l, NULL), 0);
    assert_int_equal(wit_filter_matcher_create(l, &m, NULL), 0);
    wit_buf_reset(&all);
    for (size_t i = 0; i < TEXTS; i++) {
        random_text(&rng, &text, i % 20 == 0 ? 3000 : 40);
        starts[i] = all.len;
        assert_int_equal(wit_buf_append_str(&all, wit_buf_view(&text)), 0);
    }
    starts[TEXTS] = all.len;
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = wit_str_of(all.data + starts[i], starts[i + 1] - starts[i]);
    assert_int_equal(wit_filter_match_batch(m, texts, TEXTS, &ids, ends, NULL), 0);
    for (size_t i = 0; i < TEXTS; i++) {
        uint32_t want[LIST];
        size_t from = i ? ends[i - 1] : 0;
        int64_t n = filter_match_ref(l, texts[i], want);
        if (n != (int64_t)(ends[i] - from) ||
            (n && memcmp(want, ids + from, (size_t)n * sizeof *want) != 0))
            fail_msg("round %llu, text %zu differs from the definition: WIT_TEST_SEED=%llu",
                     (unsigned long long)round, i, (unsigned long long)seed);
    }
    wit_filter_matcher_destroy(m);
    wit_filter_allowlist_destroy(l);
    wit_buf_finish(&all);
    wit_buf_finish(&text);
}

static void random_texts_match_as_defined(void **state) {
    const char *given = getenv("WIT_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : wit_clock_ns();
    print_message("WIT_TEST_SEED=%llu\n", (unsigned long long)seed);
    const char *rounds_given = getenv("WIT_TEST_ROUNDS"); /* 10000: a million texts, minutes */
    uint64_t rounds = rounds_given ? strtoull(rounds_given, NULL, 10) : ROUNDS;
    for (uint64_t round = 0; round < rounds; round++)
        one_round(seed, round);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_match_between_spaces),
        cmocka_unit_test(only_seven_marks_are_wrapped),
        cmocka_unit_test(white_space_is_not_collapsed),
        cmocka_unit_test(nul_is_an_ordinary_character),
        cmocka_unit_test(words_longer_than_a_slot_are_compared_whole),
        cmocka_unit_test(repeated_entries_all_match),
        cmocka_unit_test(a_list_may_be_empty),
        cmocka_unit_test(nested_phrases_of_a_long_text),
        cmocka_unit_test(a_text_over_its_ceiling_is_refused),
        cmocka_unit_test(random_texts_match_as_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
