/* test_tokenizer.c: the cleaning step by step, vocabularies that are refused, words, captions. */
#include "tokenizer.h"
#include "tokenizer_testing.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_loader_tokenizer *tok;
static struct wit_loader_tokenizer_scratch *scratch;

static int setup(void **state) {
    tok = made_up_tokenizer();
    return wit_loader_tokenizer_scratch_create(tok, &scratch, NULL);
}

static int teardown(void **state) {
    wit_loader_tokenizer_scratch_destroy(scratch);
    wit_loader_tokenizer_destroy(tok);
    return 0;
}

/* ---- cleaning ---------------------------------------------------------------------------------
 */

struct row {
    const char *in, *out; /* out as open_clip 3.3.0 with ftfy 6.3.1 on Python 3.11 has it */
};

static void check_rows(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct wit_str out;
        struct wit_error err = WIT_ERROR_INIT;
        if (wit_loader_tokenizer_clean(scratch, wit_str_from(rows[i].in), &out, &err) < 0)
            fail_msg("'%s': %s", rows[i].in, err.text);
        if (!wit_str_eq(out, wit_str_from(rows[i].out)))
            fail_msg("'%s' became '%.*s', not '%s'", rows[i].in, WIT_STR_FMT(out), rows[i].out);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, WIT_COUNT_OF(rows))

static void quotes_become_straight(void **state) {
    static const struct row rows[] = {
        { "it’s ‘so’ ‚low‛", "it's 'so' 'low'" },
        { "“a” „b‟", "\"a\" \"b\"" },
        { "rock ʼn roll", "rock 'n roll" },
        { "′prime″ «guillemets»", "′prime″ «guillemets»" },
    };
    CHECK_ROWS(rows);
}

static void width_becomes_standard(void **state) {
    static const struct row rows[] = {
        { "ＬＯＵＤ　ＮＯＩＳＥＳ！", "loud noises!" },
        { "Ｕﾀｰﾝ ｶﾞ", "uターン ガ" },
        { "￡５ ￣ ￭", "£5 ̄ ■" },
        { "＆ａｍｐ；＜", "&<" },
    };
    CHECK_ROWS(rows);
}

static void references_are_replaced(void **state) {
    static const struct row rows[] = {
        { "caf&eacute; &lt;b&gt; &amp;", "café <b> &" },
        { "&amp;amp;amp;amp;lt;", "<" },
        { "P&EACUTE;REZ &SZLIG; &nTILDE;", "pérez ss &ntilde;" },
        { "this&not that &notit;", "this¬ that ¬it;" },
        { "&#65;&#x42;&#X43 &#0; &#xD800; &#x110000;", "abc � � �" },
        { "&#150; &#x80; &#129;", "– € \302\201" },
        { "x&#1;y&#xFFFE;z&#11;", "xyz" },
        { "&#59; &#; &#x; &# &;", "; &#; &#x; &# &;" },
        { "&#00000000000000000000000000000000065;", "a" },
        { "&nosuch; &unknown &x", "&nosuch; &unknown &x" },
        { "&NotEqualTilde; &nvlt;", "≂̸ <⃒" },
        /* A '<' keeps ftfy from references, in its line and all behind it; html.unescape is next.
         */
        { "< &EACUTE;", "< &eacute;" },
        { "&EACUTE;\n< &EACUTE;\n&EACUTE;", "é < &eacute; &eacute;" },
        { "a &amp;amp;amp;lt; <", "a &amp;lt; <" },
    };
    CHECK_ROWS(rows);
}

static void ligatures_come_apart(void **state) {
    static const struct row rows[] = {
        { "ﬂuﬃeﬆ oﬀ ﬁ ﬄ ﬅ", "fluffiest off fi ffl ſt" },
        { "Ĳsselmeer ŉ ǅ Ǆ ǆ Ǉ Ǌ ǳ", "ijsselmeer 'n dž dž dž lj nj dz" },
        { "Æon œuvre ﬔ", "æon œuvre ﬔ" },
    };
    CHECK_ROWS(rows);
}

static void controls_and_escapes_go(void **state) {
    static const struct row rows[] = {
        { "\033[36;44mblue\033[0m \033[1", "blue [1" },
        { "\033[\u0661mred", "red" },
        { "\033\033[1m[1mx", "[1mx" },
        { "a\vb\001c\177d\037e", "abcde" },
        { "\ufeffbom \u206a\ufff9\ufffc.", "bom ." },
        { "soft\u00adhyphen zero\u200bwidth", "soft\u00adhyphen zero\u200bwidth" },
        { "a\302\205b", "a…b" },
        { "\302\222\302\223", "'\"" },
    };
    CHECK_ROWS(rows);
}

static void white_space_becomes_one(void **state) {
    static const struct row rows[] = {
        { "  a \t b\r\n\r\nc\fd  ", "a b c d" },
        { "a\u00a0b\u2003c\u2028d\u3000e\u1680f", "a b c d e f" },
        { "", "" },
        { " \n ", "" },
    };
    CHECK_ROWS(rows);
}

static void characters_are_composed(void **state) {
    static const struct row rows[] = {
        { "e\u0301 A\u030a", "é å" },         { "u\u0308\u0304 u\u0304\u0308", "ǖ ṻ" },
        { "q\u0307\u0323", "q\u0323\u0307" }, { "\u1100\u1161\u11a8", "각" },
        { "\u212b \u2126", "å ω" },           { "\U0001d15e", "\U0001d157\U0001d165" },
    };
    CHECK_ROWS(rows);
}

static void letters_become_small(void **state) {
    static const struct row rows[] = {
        { "ÀÉ ЖЮ ΑΩ Ⓐ Ⅷ ẞ Ա", "àé жю αω ⓐ ⅷ ß ա" },
        { "ΟΔΟΣ ΣΑΣ Σ AΣ. AΣB", "οδος σας σ aς. aσb" },
        { "ΑΣ\u0301 ΑΣ\u0301Β Α\u00b7Σ", "ας\u0301 ασ\u0301β α·ς" },
        { "İstanbul I ı", "i\u0307stanbul i ı" },
        { "\U00010400 \U0001e900", "\U00010428 \U0001e922" },
    };
    CHECK_ROWS(rows);
}

static void wrong_encodings_are_repaired(void **state) {
    static const struct row rows[] = {
        { "cafÃ© schÃ¶n", "café schön" },
        { "CafÃƒÂ©", "café" },
        { "â€œquoteâ€\302\235 doesnâ€™t", "\"quote\" doesn't" },
        { "â€œ like this â€\ufffd", "\" like this �" },
        { "voilÃ le travail, Ã la mode", "voilà le travail, à la mode" },
        { "Â£5 ðŸ˜‚", "£5 😂" },
        { "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "привет" },
        { "WГ¤hlen Sie вЂ“ вЂ¦", "wählen sie – …" },
        { "donn├⌐es b├╢t", "données böt" },
        { "l’humanitÃ©", "l'humanité" },
        { "IMG é vs cafÃ©", "img é vs café" },
        { "naïve façade – “ok” £5 10° × 3²", "naïve façade – \"ok\" £5 10° × 3²" },
        { "Москва Ελλάδα 東京 °□°", "москва ελλάδα 東京 °□°" },
        { "\u00ed\u00a0\u00bd\u00ed\u00b8\302\202", "😂" },
    };
    CHECK_ROWS(rows);
}

static void invalid_bytes_count_as_replacement(void **state) {
    static const struct row rows[] = {
        { "a\377b\303(", "a�b�(" },
        { "\355\240\200", "���" },
    };
    CHECK_ROWS(rows);
}

/* Each of these took time in proportion to the square of its length if every layer or every
 * character had a round of its own. */
static void nested_text_ends_in_time(void **state) {
    struct wit_buf text = WIT_BUF_INIT(WIT_TOKENIZER_TEXT_MAX_BYTES);
    static const struct row parts[] = { { "&", "amp;" }, { "Ã", "ƒ" }, { "Σ", "\u0301" } };
    for (size_t p = 0; p < WIT_COUNT_OF(parts); p++) {
        struct wit_str out;
        wit_buf_reset(&text);
        wit_buf_append_cstr(&text, parts[p].in);
        while (wit_buf_append_cstr(&text, parts[p].out) == 0) {
        }
        uint64_t start = wit_clock_ms();
        assert_int_equal(wit_loader_tokenizer_clean(scratch, wit_buf_view(&text), &out, NULL), 0);
        if (wit_clock_ms() - start > 60000)
            fail_msg("'%s%s...' took %llu ms", parts[p].in, parts[p].out,
                     (unsigned long long)(wit_clock_ms() - start));
    }
    wit_buf_finish(&text);
}

/* ---- vocabularies ------------------------------------------------------------------------------
 */

static void check_refused(struct wit_str text, int status, const char *sentence) {
    struct wit_loader_tokenizer *none = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(wit_loader_tokenizer_parse(text, "v", &none, &err), status);
    assert_null(none);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void a_bad_vocabulary_is_refused(void **state) {
    check_refused(WIT_STR(""), WIT_EFORMAT, "v:1: no '#version'");
    check_refused(WIT_STR("i n\n"), WIT_EFORMAT, "v:1: no '#version'");
    check_refused(WIT_STR("#version: 0.2\ni n\n"), WIT_EFORMAT, "ends after 1 of 48894 merges");
    check_refused(WIT_STR("#version\ni n\nno_space\n"), WIT_EFORMAT, "v:3: a merge is two symbols");
    check_refused(WIT_STR("#version\na b c\n"), WIT_EFORMAT, "v:2: a merge is two symbols");
    check_refused(WIT_STR("#version\n\n"), WIT_EFORMAT, "v:2: a merge is two symbols");
    check_refused(WIT_STR("#version\na \n"), WIT_EFORMAT,
                  "v:2: no line before made this symbol: ''");
    check_refused(WIT_STR("#version\nab c\n"), WIT_EFORMAT,
                  "no line before made this symbol: 'ab'");
    check_refused(WIT_STR("#version\na b\na b\n"), WIT_EFORMAT,
                  "v:3: a line before made this symbol");
    check_refused(WIT_STR("#version\na b\nb c\na bc\nab c\n"), WIT_EFORMAT,
                  "v:5: a line before made");
    check_refused(WIT_STR("#version\na</w> b\n"), WIT_EFORMAT,
                  "the left side of a merge ends a word");
    check_refused(WIT_STR("#version\na \u4e2d\n"), WIT_EFORMAT, "not a letter of this vocabulary");
    check_refused(WIT_STR("#version\na \377\n"), WIT_EFORMAT, "not a letter of this vocabulary");
    check_refused(WIT_STR("\x1f\x8b\x08"), WIT_EFORMAT, "damaged or cut gzip data");
}

static void a_long_symbol_is_refused(void **state) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    char symbol[1024] = "a";
    wit_buf_append_cstr(&text, "#version\n");
    for (size_t n = 1; n < 300; n *= 2) {
        wit_buf_printf(&text, "%s %s\n", symbol, symbol);
        memcpy(symbol + n, symbol, n);
        symbol[2 * n] = '\0';
    }
    check_refused(wit_buf_view(&text), WIT_EFORMAT, "v:9: a symbol of more than 255 bytes");
    wit_buf_finish(&text);
}

static void a_vocabulary_may_end_in_crlf_and_more_lines(void **state) {
    struct wit_buf text = WIT_BUF_INIT(4 << 20), crlf = WIT_BUF_INIT(4 << 20);
    struct wit_loader_tokenizer *t = NULL;
    made_up_vocab(&text, 48900);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            wit_buf_append_byte(&crlf, '\r');
        wit_buf_append_byte(&crlf, text.data[i]);
    }
    assert_int_equal(wit_loader_tokenizer_parse(wit_buf_view(&crlf), "v", &t, NULL), 0);
    wit_loader_tokenizer_destroy(t);
    wit_buf_finish(&text);
    wit_buf_finish(&crlf);
}

static void a_missing_file_is_named(void **state) {
    struct wit_loader_tokenizer *none = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(wit_loader_tokenizer_load("/nonexistent/v.gz", &none, &err), WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nonexistent/v.gz"));
}

/* ---- ids ----------------------------------------------------------------------------------------
 */

enum { BANG = 0, END_OF_WORD = 256 }; /* ids of '!' within a word, and what ends one adds */

static int32_t letter_id(char c) {
    return c - '!';
}

static size_t encode(const char *text, size_t context, int32_t *ids) {
    size_t n = 0;
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_loader_tokenizer_encode(scratch, wit_str_from(text), context, ids, &n, &err) < 0)
        fail_msg("%s", err.text);
    return n;
}

static void bytes_have_clips_order(void **state) {
    int32_t ids[8];
    assert_int_equal(encode("a", 8, ids), 3);
    assert_int_equal(ids[1], letter_id('a') + END_OF_WORD);
    assert_int_equal(encode("é", 8, ids), 4); /* bytes C3 A9: 94 ASCII, A1 to AC, then AE to FF */
    assert_int_equal(ids[1], 94 + 12 + 0xC3 - 0xAE);
    assert_int_equal(ids[2], 94 + 0xA9 - 0xA1 + END_OF_WORD);
    assert_int_equal(encode("\u0440", 8, ids),
                     4); /* D1 80: 0x80 is the 34th that is not printable */
    assert_int_equal(ids[2], 188 + 34 + END_OF_WORD);
}

static void a_long_caption_is_cut_and_a_short_one_padded(void **state) {
    int32_t ids[6];
    assert_int_equal(encode("1 2 3 4 5", 6, ids), 7);
    assert_int_equal(ids[0], WIT_TOKENIZER_START_ID);
    assert_int_equal(ids[4], letter_id('4') + END_OF_WORD);
    assert_int_equal(ids[5], WIT_TOKENIZER_END_ID);
    assert_int_equal(encode("1", 6, ids), 3);
    assert_int_equal(ids[2], WIT_TOKENIZER_END_ID);
    assert_int_equal(ids[3] | ids[4] | ids[5], 0);
    assert_int_equal(encode("", 6, ids), 2);
    assert_int_equal(encode("1 2", 1, ids), 4);
    assert_int_equal(ids[0], WIT_TOKENIZER_END_ID);
}

static void contexts_and_texts_have_limits(void **state) {
    int32_t ids[1];
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf text = WIT_BUF_INIT(WIT_TOKENIZER_TEXT_MAX_BYTES + 1);
    assert_int_equal(wit_loader_tokenizer_encode(scratch, WIT_STR("a"), 0, ids, NULL, &err),
                     WIT_EINVAL);
    while (text.len <= WIT_TOKENIZER_TEXT_MAX_BYTES)
        wit_buf_append_byte(&text, 'a');
    assert_int_equal(wit_loader_tokenizer_encode(scratch, wit_buf_view(&text), 1, ids, NULL, &err),
                     WIT_ELIMIT);
    assert_non_null(strstr(err.text, "1000001 bytes"));
    text.len--;
    assert_int_equal(wit_loader_tokenizer_encode(scratch, wit_buf_view(&text), 1, ids, NULL, &err),
                     0);
    wit_buf_finish(&text);
}

static void words_are_cut_as_the_pattern_says(void **state) {
    static const struct {
        const char *text;
        size_t words; /* of at most three letters: one id each in the made-up vocabulary */
    } rows[] = {
        { "ab cd", 2 },
        { "ab1cd", 3 },
        { "123", 3 },
        { "ab!!cd", 3 },
        { "ab's", 2 },
        { "ab'sx", 3 },
        { "ab'x", 3 },
        { "i'm i'd", 4 },
        { "!'s", 2 },
        { "a'd'm", 3 },
        { "<start_of_text>", 1 },
        { "<end_of_text>", 1 },
        { "<END_OF_TEXT>", 1 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++) {
        int32_t ids[16];
        if (encode(rows[i].text, 16, ids) - 2 != rows[i].words)
            fail_msg("'%s': %zu words", rows[i].text, encode(rows[i].text, 16, ids) - 2);
    }
}

static void special_tokens_have_their_ids(void **state) {
    int32_t ids[8];
    assert_int_equal(encode("<start_of_text>x<end_of_text>", 8, ids), 5);
    assert_int_equal(ids[1], WIT_TOKENIZER_START_ID);
    assert_int_equal(ids[3], WIT_TOKENIZER_END_ID);
    /* A long s makes it a word of the pattern, but not the token. */
    assert_true(encode("<\u017ftart_of_text>", 8, ids) > 3);
    /* In the regex module's eyes U+0345 is neither letter nor anything else. */
    assert_int_equal(encode("a\u0345b", 8, ids), 4);
}

/* Both ways to merge a word give the same, on words with many repeats. */
static void heap_and_scan_agree(void **state) {
    enum { WORDS = 3000, LONGEST = 400 };
    uint64_t seed = wit_clock_ns();
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < WORDS; i++) {
        uint8_t word[LONGEST];
        uint16_t want[LONGEST];
        struct wit_random rng;
        wit_random_init(&rng, seed, 0, i);
        size_t longest = i % 10 ? 60 : LONGEST; /* around the length where the way changes */
        size_t len = 1 + wit_random_below(&rng, longest), letters = 1 + wit_random_below(&rng, 30);
        for (size_t k = 0; k < len; k++)
            word[k] = (uint8_t)('a' + wit_random_below(&rng, letters));
        int n = tokenizer_bpe_ref(scratch, word, len);
        memcpy(want, scratch->symbols, (size_t)n * sizeof(want[0]));
        assert_int_equal(tokenizer_bpe(scratch, word, len), n);
        assert_memory_equal(want, scratch->symbols, (size_t)n * sizeof(want[0]));
    }
}

/* Plain ASCII takes a short way, which ends where all steps end. */
static void short_and_long_way_clean_alike(void **state) {
    enum { TEXTS = 20000 };
    static const char plain[] = "aZ \t\n\r.'<bQ  _~!-";
    static const char any[] = "aZ \t\n\r.'&;<\x0b\x0c\x1b\x1f\x7f\xc3\xa9";
    uint64_t seed = wit_clock_ns();
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < TEXTS; i++) {
        struct wit_random rng;
        char text[100], got[400];
        wit_random_init(&rng, seed, 2, i);
        size_t len = wit_random_below(&rng, sizeof text);
        const char *from = i % 2 ? plain : any;
        for (size_t k = 0; k < len; k++)
            text[k] = from[wit_random_below(&rng, strlen(from))];
        char *exact = malloc(len + 1); /* so that ASan sees a step beyond */
        assert_non_null(exact);
        memcpy(exact, text, len);
        assert_int_equal(tokenizer_clean(scratch, wit_str_of(exact, len)), 0);
        size_t n = scratch->clean_len;
        assert_true(n <= sizeof got);
        memcpy(got, scratch->clean, n);
        assert_int_equal(tokenizer_clean_steps(scratch, wit_str_of(exact, len)), 0);
        assert_int_equal(scratch->clean_len, n);
        assert_memory_equal(scratch->clean, got, n);
        free(exact);
    }
}

/* A text keeps its ids whatever was encoded before it: the cache does not mix words up. */
static void the_cache_changes_nothing(void **state) {
    enum { TEXTS = 2000, CONTEXT = 32 };
    uint64_t seed = wit_clock_ns();
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < TEXTS; i++) {
        struct wit_loader_tokenizer_scratch *fresh = NULL;
        char text[64];
        int32_t ids[CONTEXT], want[CONTEXT];
        struct wit_random rng;
        wit_random_init(&rng, seed, 1, i);
        size_t len = wit_random_below(&rng, sizeof(text));
        for (size_t k = 0; k < len; k++)
            text[k] = (i % 3 ? "ab ab'.1" : "abcbabcc")[wit_random_below(&rng, 8)];
        assert_int_equal(wit_loader_tokenizer_encode(scratch, wit_str_of(text, len), CONTEXT, ids,
                                                     NULL, NULL),
                         0);
        if (i % 20)
            continue;
        assert_int_equal(wit_loader_tokenizer_scratch_create(tok, &fresh, NULL), 0);
        assert_int_equal(wit_loader_tokenizer_encode(fresh, wit_str_of(text, len), CONTEXT, want,
                                                     NULL, NULL),
                         0);
        assert_memory_equal(ids, want, sizeof(ids));
        wit_loader_tokenizer_scratch_destroy(fresh);
    }
}

static void *encode_many(void *arg) {
    struct wit_loader_tokenizer_scratch *s = NULL;
    int32_t *first = arg, ids[WIT_TOKENIZER_CONTEXT];
    if (wit_loader_tokenizer_scratch_create(tok, &s, NULL) < 0)
        return NULL;
    for (int i = 0; i < 200; i++)
        if (wit_loader_tokenizer_encode(s, WIT_STR("It’s a cafÃ© in ΟΔΟΣ &amp; İstanbul e\u0301"),
                                        WIT_TOKENIZER_CONTEXT, i == 0 ? first : ids, NULL,
                                        NULL) < 0 ||
            (i > 0 && memcmp(first, ids, sizeof(ids)) != 0))
            first[0] = -1;
    wit_loader_tokenizer_scratch_destroy(s);
    return NULL;
}

static void threads_share_a_vocabulary(void **state) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int32_t ids[THREADS][WIT_TOKENIZER_CONTEXT] = { { 0 } };
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_many, ids[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_memory_equal(ids[i], ids[0], sizeof(ids[0]));
    assert_int_equal(ids[0][0], WIT_TOKENIZER_START_ID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_become_straight),
        cmocka_unit_test(width_becomes_standard),
        cmocka_unit_test(references_are_replaced),
        cmocka_unit_test(ligatures_come_apart),
        cmocka_unit_test(controls_and_escapes_go),
        cmocka_unit_test(white_space_becomes_one),
        cmocka_unit_test(characters_are_composed),
        cmocka_unit_test(letters_become_small),
        cmocka_unit_test(wrong_encodings_are_repaired),
        cmocka_unit_test(invalid_bytes_count_as_replacement),
        cmocka_unit_test(nested_text_ends_in_time),
        cmocka_unit_test(a_bad_vocabulary_is_refused),
        cmocka_unit_test(a_long_symbol_is_refused),
        cmocka_unit_test(a_vocabulary_may_end_in_crlf_and_more_lines),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(bytes_have_clips_order),
        cmocka_unit_test(a_long_caption_is_cut_and_a_short_one_padded),
        cmocka_unit_test(contexts_and_texts_have_limits),
        cmocka_unit_test(words_are_cut_as_the_pattern_says),
        cmocka_unit_test(special_tokens_have_their_ids),
        cmocka_unit_test(heap_and_scan_agree),
        cmocka_unit_test(short_and_long_way_clean_alike),
        cmocka_unit_test(the_cache_changes_nothing),
        cmocka_unit_test(threads_share_a_vocabulary),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
