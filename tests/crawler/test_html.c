/*
 * test_html.c: the tokenizer says what the standard's says: html5lib's cases (tests/golden/html),
 * examples of what those leave to a tree builder, and, however the bytes were cut, the same.
 * Replay with WIT_TEST_SEED=<printed seed>.
 */
#include "html_skim.h"
#include "html_tokens.h"
#include "text/wit_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

enum { MAX_TOKEN = 1 << 20, RANDOM_CUTS = 3, SOUPS = 4000, SOUP_PIECES_MAX = 30 };

static struct wit_random rng;

static int setup(void **state) {
    const char *given = getenv("WIT_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : wit_clock_ns();
    print_message("WIT_TEST_SEED=%llu\n", (unsigned long long)seed);
    wit_random_init(&rng, seed, 0, 0);
    return 0;
}

/* ---- running --------------------------------------------------------------------------------- */

/* How a tokenizer is to start. */
struct start {
    enum html_text_mode mode;
    struct wit_str last_start_tag;
    size_t max_token;
    const struct html_wants *wants; /* NULL: everything */
};

static const struct html_skim *skim = &html_skim_none; /* the fast path under test */

static size_t one_byte(void *user) {
    return 1;
}

static size_t some_bytes(void *user) {
    return (size_t)wit_random_below(&rng, 12);
}

static void tokenize(const struct start *start, struct wit_str input, size_t (*next)(void *user),
                     struct html_tokens *out) {
    html_tokens_init(out);
    struct html_tokenizer *t = html_tokenizer_create(start->max_token, html_tokens_take, out);
    assert_non_null(t);
    html_tokenizer_use(t, skim);
    html_tokenizer_set_text(t, start->mode, start->last_start_tag);
    if (start->wants)
        html_tokenizer_want(t, *start->wants);
    html_tokens_feed(t, input, next, NULL);
    html_tokens_end(out);
    html_tokenizer_destroy(t);
}

static void assert_lines(struct wit_str input, struct wit_str got, struct wit_str want,
                         const char *what) {
    if (!wit_str_eq(got, want))
        fail_msg("%s: '%.*s'\n-- got\n%.*s-- wanted\n%.*s", what, WIT_STR_FMT(input),
                 WIT_STR_FMT(got), WIT_STR_FMT(want));
}

/* By the machine alone, whole. */
static void tokenize_by_machine(const struct start *start, struct wit_str input,
                                struct html_tokens *out) {
    skim = &html_skim_none;
    tokenize(start, input, NULL, out);
}

/* Whole, byte by byte and cut at random, by the machine alone and by every fast path. */
static void check_ways(const struct start *start, struct wit_str input, struct wit_str want) {
    for (size_t k = 0; html_skims_all[k]; k++) {
        skim = html_skims_all[k];
        for (int i = 0; i <= RANDOM_CUTS + 1 && skim->usable(); i++) {
            struct html_tokens got;
            char how[64];
            tokenize(start, input, i == 0 ? NULL : i == 1 ? one_byte : some_bytes, &got);
            snprintf(how, sizeof how, "fast path %s, %s", skim->name,
                     i == 0   ? "whole"
                     : i == 1 ? "cut to bytes"
                              : "cut at random");
            assert_lines(input, wit_buf_view(&got.lines), want, how);
            html_tokens_finish(&got);
        }
    }
}

/* However the input is read, `want` comes out; with want.data NULL what the machine says of it. So
 * it must with a text behind it, without which fast paths leave short inputs to the machine. */
static void check(const struct start *start, struct wit_str input, struct wit_str want,
                  const char *what) {
    struct html_tokens whole;
    tokenize_by_machine(start, input, &whole);
    if (want.data)
        assert_lines(input, wit_buf_view(&whole.lines), want, what);
    check_ways(start, input, wit_buf_view(&whole.lines));
    html_tokens_finish(&whole);

    struct wit_buf longer = WIT_BUF_INIT(1 << 21);
    assert_int_equal(wit_buf_append_str(&longer, input), 0);
    assert_int_equal(wit_buf_printf(&longer, "%064d", 0), 0);
    tokenize_by_machine(start, wit_buf_view(&longer), &whole);
    check_ways(start, wit_buf_view(&longer), wit_buf_view(&whole.lines));
    html_tokens_finish(&whole);
    wit_buf_finish(&longer);
}

/* ---- html5lib's cases ------------------------------------------------------------------------ */

/* A string of a case: as it is, or with "\uHHHH" once more resolved. False: a lone surrogate, which
 * no bytes decode to. */
static bool case_string(struct wit_str s, bool escaped, struct wit_buf *out) {
    uint32_t high = 0;
    wit_buf_reset(out);
    for (size_t at = 0; at < s.len;) {
        char utf8[4];
        uint32_t unit;
        if (escaped && s.len - at >= 6 && s.data[at] == '\\' && s.data[at + 1] == 'u') {
            char digits[5] = "";
            memcpy(digits, s.data + at + 2, 4);
            unit = (uint32_t)strtoul(digits, NULL, 16);
            at += 6;
        } else {
            unit = wit_utf8_next(s, &at);
        }
        if (high && unit >= 0xDC00 && unit < 0xE000)
            unit = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
        else if (high || (unit >= 0xDC00 && unit < 0xE000))
            return false;
        high = unit >= 0xD800 && unit < 0xDC00 ? unit : 0;
        if (!high)
            assert_int_equal(wit_buf_append(out, utf8, wit_utf8_encode(unit, utf8)), 0);
    }
    return !high;
}

/* A value of the expected tokens, in the form of html_tokens. */
static bool put_value(struct wit_json_writer *w, const struct wit_json *v, bool escaped,
                      struct wit_buf *scratch) {
    struct wit_str s;
    bool flag, good = true;
    switch (wit_json_type_of(v)) {
    case WIT_JSON_STRING:
        assert_int_equal(wit_json_string(v, &s), 0);
        good = case_string(s, escaped, scratch);
        wit_json_put_str(w, scratch->data ? wit_buf_view(scratch) : WIT_STR(""));
        break;
    case WIT_JSON_BOOL:
        assert_int_equal(wit_json_bool(v, &flag), 0);
        wit_json_put_bool(w, flag);
        break;
    case WIT_JSON_OBJECT:
        wit_json_object_begin(w);
        for (void *it = wit_json_first(v); it; it = wit_json_next(v, it)) {
            good = case_string(wit_str_from(wit_json_iter_key(it)), escaped, scratch) && good;
            assert_int_equal(wit_buf_terminate(scratch), 0);
            wit_json_key(w, scratch->data);
            good = put_value(w, wit_json_iter_value(it), escaped, scratch) && good;
        }
        wit_json_object_end(w);
        break;
    default:
        wit_json_put_null(w);
        break;
    }
    return good;
}

static bool put_tokens(const struct wit_json *tokens, bool escaped, struct wit_buf *scratch,
                       struct wit_buf *out) {
    bool good = true;
    wit_buf_reset(out);
    for (size_t i = 0; i < wit_json_size(tokens); i++) {
        const struct wit_json *token = wit_json_at(tokens, i);
        struct wit_json_writer w;
        wit_json_writer_init(&w, out);
        wit_json_array_begin(&w);
        for (size_t k = 0; k < wit_json_size(token); k++)
            good = put_value(&w, wit_json_at(token, k), escaped, scratch) && good;
        wit_json_array_end(&w);
        assert_int_equal(wit_json_writer_finish(&w), 0);
        assert_int_equal(wit_buf_append_byte(out, '\n'), 0);
    }
    return good;
}

static enum html_text_mode mode_of(const struct wit_json *name) {
    static const char *const names[] = {
        [HTML_MODE_DATA] = "Data state",           [HTML_MODE_RCDATA] = "RCDATA state",
        [HTML_MODE_RAWTEXT] = "RAWTEXT state",     [HTML_MODE_SCRIPT] = "Script data state",
        [HTML_MODE_PLAINTEXT] = "PLAINTEXT state", [HTML_MODE_CDATA] = "CDATA section state"
    };
    struct wit_str s;
    assert_int_equal(wit_json_string(name, &s), 0);
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++)
        if (wit_str_eq(s, wit_str_from(names[i])))
            return (enum html_text_mode)i;
    fail_msg("no state '%.*s'", WIT_STR_FMT(s));
    return HTML_MODE_DATA;
}

struct tally {
    size_t run, skipped;
    struct wit_buf input, want, scratch;
};

static void run_case(const struct wit_json *c, const char *file, size_t index,
                     struct tally *tally) {
    struct start start = { HTML_MODE_DATA, { "", 0 }, MAX_TOKEN, NULL };
    struct wit_str text;
    bool escaped = false;
    char what[300];
    (void)wit_json_bool(wit_json_get(c, "doubleEscaped"), &escaped);
    (void)wit_json_string(wit_json_get(c, "lastStartTag"), &start.last_start_tag);
    assert_int_equal(wit_json_string(wit_json_get(c, "input"), &text), 0);
    if (!case_string(text, escaped, &tally->input) ||
        !put_tokens(wit_json_get(c, "output"), escaped, &tally->scratch, &tally->want)) {
        tally->skipped++;
        return;
    }
    snprintf(what, sizeof what, "%s, case %zu", file, index);
    const struct wit_json *states = wit_json_get(c, "initialStates");
    size_t state_count = states ? wit_json_size(states) : 1;
    struct wit_str want = wit_str_of(tally->want.data ? tally->want.data : "", tally->want.len);
    for (size_t s = 0; s < state_count; s++, tally->run++) {
        start.mode = states ? mode_of(wit_json_at(states, s)) : HTML_MODE_DATA;
        check(&start, wit_buf_view(&tally->input), want, what);
    }
}

static void html5lib_cases_give_their_tokens(void **state) {
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    struct wit_strings files;
    struct wit_error err = WIT_ERROR_INIT;
    struct tally tally = { 0, 0, WIT_BUF_INIT(1 << 20), WIT_BUF_INIT(1 << 20),
                           WIT_BUF_INIT(1 << 20) };
    snprintf(dir, sizeof dir, "%s/tests/golden/html/tokenizer", getenv("WIT_SOURCE_ROOT"));
    if (wit_dir_list(dir, &files, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t f = 0; f < files.count; f++) {
        struct wit_json *root = NULL;
        assert_int_equal(wit_path_join(path, dir, files.items[f]), 0);
        if (wit_json_load(path, 1 << 24, &root, &err) < 0)
            fail_msg("%s", err.text);
        const struct wit_json *tests = wit_json_get(root, "tests");
        for (size_t i = 0; i < wit_json_size(tests); i++)
            run_case(wit_json_at(tests, i), files.items[f], i, &tally);
        wit_json_destroy(root);
    }
    print_message("%zu cases, %zu with lone surrogates left out\n", tally.run, tally.skipped);
    assert_true(tally.run > 2000 && tally.skipped < 10);
    wit_strings_finish(&files);
    wit_buf_finish(&tally.input);
    wit_buf_finish(&tally.want);
    wit_buf_finish(&tally.scratch);
}

/* ---- what a tree builder would tell a tokenizer ------------------------------------------------
 */

static void raw_elements_switch_the_text(void **state) {
    static const struct {
        const char *input, *want;
    } cases[] = {
        { "<title>a<b>&amp;</title><i>", "[\"StartTag\",\"title\",{}]\n[\"Character\",\"a<b>&\"]\n"
                                         "[\"EndTag\",\"title\"]\n[\"StartTag\",\"i\",{}]\n" },
        { "<TEXTAREA>\n<img></Textarea >", "[\"StartTag\",\"textarea\",{}]\n"
                                           "[\"Character\",\"\\n<img>\"]\n"
                                           "[\"EndTag\",\"textarea\"]\n" },
        { "<style>a{}<img>&amp;</b></style/>", "[\"StartTag\",\"style\",{}]\n"
                                               "[\"Character\",\"a{}<img>&amp;</b>\"]\n"
                                               "[\"EndTag\",\"style\"]\n" },
        { "<xmp></xm></xmpp></xmp>", "[\"StartTag\",\"xmp\",{}]\n"
                                     "[\"Character\",\"</xm></xmpp>\"]\n[\"EndTag\",\"xmp\"]\n" },
        { "<iframe><img></iframe>", "[\"StartTag\",\"iframe\",{}]\n[\"Character\",\"<img>\"]\n"
                                    "[\"EndTag\",\"iframe\"]\n" },
        { "<noembed><img></noembed>", "[\"StartTag\",\"noembed\",{}]\n[\"Character\",\"<img>\"]\n"
                                      "[\"EndTag\",\"noembed\"]\n" },
        { "<noframes><img></noframes>", "[\"StartTag\",\"noframes\",{}]\n"
                                        "[\"Character\",\"<img>\"]\n[\"EndTag\",\"noframes\"]\n" },
        { "<plaintext><img></plaintext>", "[\"StartTag\",\"plaintext\",{}]\n"
                                          "[\"Character\",\"<img></plaintext>\"]\n" },
        /* Scripting is off: what stands in noscript is markup. */
        { "<noscript><img></noscript>", "[\"StartTag\",\"noscript\",{}]\n"
                                        "[\"StartTag\",\"img\",{}]\n[\"EndTag\",\"noscript\"]\n" },
        { "<script><!--<script></script>--></script><b>",
          "[\"StartTag\",\"script\",{}]\n[\"Character\",\"<!--<script></script>-->\"]\n"
          "[\"EndTag\",\"script\"]\n[\"StartTag\",\"b\",{}]\n" },
        { "<script><!--<script </script >x--></script>",
          "[\"StartTag\",\"script\",{}]\n[\"Character\",\"<!--<script </script >x-->\"]\n"
          "[\"EndTag\",\"script\"]\n" },
        { "<script><!--<scripts></script>", "[\"StartTag\",\"script\",{}]\n"
                                            "[\"Character\",\"<!--<scripts>\"]\n"
                                            "[\"EndTag\",\"script\"]\n" },
        { "<script><!-<script></script>", "[\"StartTag\",\"script\",{}]\n"
                                          "[\"Character\",\"<!-<script>\"]\n"
                                          "[\"EndTag\",\"script\"]\n" },
        { "<script><!--></script>", "[\"StartTag\",\"script\",{}]\n[\"Character\",\"<!-->\"]\n"
                                    "[\"EndTag\",\"script\"]\n" },
        { "<script><!--<script>--><!--</script>", "[\"StartTag\",\"script\",{}]\n"
                                                  "[\"Character\",\"<!--<script>--><!--\"]\n"
                                                  "[\"EndTag\",\"script\"]\n" },
        { "<script>a</scrip", "[\"StartTag\",\"script\",{}]\n[\"Character\",\"a</scrip\"]\n" },
        { "<title/>x</title>", "[\"StartTag\",\"title\",{},true]\n[\"Character\",\"x\"]\n"
                               "[\"EndTag\",\"title\"]\n" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++)
        check(&(struct start){ HTML_MODE_DATA, { "", 0 }, MAX_TOKEN, NULL },
              wit_str_from(cases[i].input), wit_str_from(cases[i].want), "switch");
}

static void cdata_exists_in_foreign_content_only(void **state) {
    static const struct {
        const char *input, *want;
    } cases[] = {
        { "<![CDATA[a]]>", "[\"Comment\",\"[CDATA[a]]\"]\n" },
        { "<svg><![CDATA[a<b>]]]>&amp;", "[\"StartTag\",\"svg\",{}]\n"
                                         "[\"Character\",\"a<b>]&\"]\n" },
        { "<math><![CDATA[]]></math><![CDATA[b]]>",
          "[\"StartTag\",\"math\",{}]\n[\"EndTag\",\"math\"]\n[\"Comment\",\"[CDATA[b]]\"]\n" },
        { "<svg><![cdata[a]]>", "[\"StartTag\",\"svg\",{}]\n[\"Comment\",\"[cdata[a]]\"]\n" },
        { "<svg/><![CDATA[a]]>", "[\"StartTag\",\"svg\",{},true]\n[\"Comment\",\"[CDATA[a]]\"]\n" },
        { "<svg><p><![CDATA[a]]>", "[\"StartTag\",\"svg\",{}]\n[\"StartTag\",\"p\",{}]\n"
                                   "[\"Comment\",\"[CDATA[a]]\"]\n" },
        { "<svg></p><![CDATA[a]]>", "[\"StartTag\",\"svg\",{}]\n[\"EndTag\",\"p\"]\n"
                                    "[\"Comment\",\"[CDATA[a]]\"]\n" },
        { "<div><svg></div><title><i></title>",
          "[\"StartTag\",\"div\",{}]\n[\"StartTag\",\"svg\",{}]\n[\"EndTag\",\"div\"]\n"
          "[\"StartTag\",\"title\",{}]\n[\"Character\",\"<i>\"]\n[\"EndTag\",\"title\"]\n" },
        { "<svg><desc><![CDATA[a]]></desc><![CDATA[b]]>",
          "[\"StartTag\",\"svg\",{}]\n[\"StartTag\",\"desc\",{}]\n"
          "[\"Comment\",\"[CDATA[a]]\"]\n[\"EndTag\",\"desc\"]\n[\"Character\",\"b\"]\n" },
        { "<svg><title>a<b>&lt;</b></title><style>a<i></style>",
          "[\"StartTag\",\"svg\",{}]\n[\"StartTag\",\"title\",{}]\n[\"Character\",\"a\"]\n"
          "[\"StartTag\",\"b\",{}]\n[\"Character\",\"<\"]\n[\"EndTag\",\"b\"]\n"
          "[\"EndTag\",\"title\"]\n[\"StartTag\",\"style\",{}]\n[\"Character\",\"a\"]\n"
          "[\"StartTag\",\"i\",{}]\n[\"EndTag\",\"style\"]\n" },
        { "<svg><font><![CDATA[a]]>", "[\"StartTag\",\"svg\",{}]\n[\"StartTag\",\"font\",{}]\n"
                                      "[\"Character\",\"a\"]\n" },
        { "<svg><font x Size=1><![CDATA[a]]>",
          "[\"StartTag\",\"svg\",{}]\n[\"StartTag\",\"font\",{\"x\":\"\",\"size\":\"1\"}]\n"
          "[\"Comment\",\"[CDATA[a]]\"]\n" },
        { "<math><annotation-xml><![CDATA[a]]>",
          "[\"StartTag\",\"math\",{}]\n[\"StartTag\",\"annotation-xml\",{}]\n"
          "[\"Character\",\"a\"]\n" },
        { "<math><annotation-xml encoding=Text/HTML><![CDATA[a]]>",
          "[\"StartTag\",\"math\",{}]\n"
          "[\"StartTag\",\"annotation-xml\",{\"encoding\":\"Text/HTML\"}]\n"
          "[\"Comment\",\"[CDATA[a]]\"]\n" },
        { "<svg><![CDATA[a]]", "[\"StartTag\",\"svg\",{}]\n[\"Character\",\"a]]\"]\n" },
        { "<svg><![CDATA[a]", "[\"StartTag\",\"svg\",{}]\n[\"Character\",\"a]\"]\n" },
        { "<svg><![CDAT", "[\"StartTag\",\"svg\",{}]\n[\"Comment\",\"[CDAT\"]\n" },
        { "<svg><![CDATA[]]]]]]]x]]]]]>y", "[\"StartTag\",\"svg\",{}]\n"
                                           "[\"Character\",\"]]]]]]]x]]]y\"]\n" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++)
        check(&(struct start){ HTML_MODE_DATA, { "", 0 }, MAX_TOKEN, NULL },
              wit_str_from(cases[i].input), wit_str_from(cases[i].want), "foreign");
}

static void a_text_keeps_its_bytes_until_decoded(void **state) {
    const struct start start = { HTML_MODE_DATA, { "", 0 }, MAX_TOKEN, NULL };
    check(&start, WIT_STR("&am</>p; &am</><!>p;"),
          WIT_STR("[\"Character\",\"&amp; &am\"]\n[\"Comment\",\"\"]\n[\"Character\",\"p;\"]\n"),
          "no token between texts");
    check(&start, WIT_STR("a\r\nb\rc\n\r&#13;\r&amp\r;"),
          WIT_STR("[\"Character\",\"a\\nb\\nc\\n\\n\\r\\n&\\n;\"]\n"), "newlines");
    check(&start, WIT_STR("<a b='x\r\ny\0'>"),
          WIT_STR("[\"StartTag\",\"a\",{\"b\":\"x\\ny\xEF\xBF\xBD\"}]\n"), "newlines in a value");
    check(&start, WIT_STR("<A\0B C\0=d><!--\0\r--></a\0b>"),
          WIT_STR("[\"StartTag\",\"a\xEF\xBF\xBD"
                  "b\",{\"c\xEF\xBF\xBD\":\"d\"}]\n"
                  "[\"Comment\",\"\xEF\xBF\xBD\\n\"]\n[\"EndTag\",\"a\xEF\xBF\xBD"
                  "b\"]\n"),
          "NULs");
    check(&start, WIT_STR("<a b=1 B=2 c c=3 =d e=&notit; f='&notit;' g='&not=' h='&not;='>"),
          WIT_STR("[\"StartTag\",\"a\",{\"b\":\"1\",\"c\":\"\",\"=d\":\"\",\"e\":\"&notit;\","
                  "\"f\":\"&notit;\",\"g\":\"&not=\",\"h\":\"\xC2\xAC=\"}]\n"),
          "attributes");
}

/* ---- ceilings -------------------------------------------------------------------------------- */

#define FIFTY "01234567890123456789012345678901234567890123456789"

static void a_token_over_the_ceiling_is_cut(void **state) {
    const struct start start = { HTML_MODE_DATA, { "", 0 }, HTML_TOKEN_LEAST_BYTES, NULL };
    check(&start, WIT_STR("<a b='" FIFTY "123456'>x"),
          WIT_STR("[\"StartTag\",\"a\",{\"b\":\"" FIFTY "123456\"}]\n[\"Character\",\"x\"]\n"),
          "64 bytes");
    check(&start, WIT_STR("<a b='" FIFTY "1234567'>x"),
          WIT_STR("[\"StartTag\",\"a\",{},\"cut\"]\n[\"Character\",\"x\"]\n"), "65 bytes");
    check(&start, WIT_STR("<a" FIFTY "1234567890>x"),
          WIT_STR("[\"StartTag\",\"a" FIFTY "1234567890\",{}]\n[\"Character\",\"x\"]\n"), "a name");
    check(&start, WIT_STR("<a" FIFTY FIFTY ">x"),
          WIT_STR("[\"StartTag\",\"\",{},\"cut\"]\n[\"Character\",\"x\"]\n"), "a long name");
    check(&start, WIT_STR("<script b='" FIFTY FIFTY "'>a<b></script c='" FIFTY FIFTY "'>x"),
          WIT_STR("[\"StartTag\",\"script\",{},\"cut\"]\n[\"Character\",\"a<b>\"]\n"
                  "[\"EndTag\",\"script\",\"cut\"]\n[\"Character\",\"x\"]\n"),
          "a cut script is one all the same");
    check(&start, WIT_STR("<!--" FIFTY "1234567-->b<!--" FIFTY "12345678--!>c"),
          WIT_STR("[\"Comment\",\"" FIFTY "1234567\"]\n[\"Character\",\"b\"]\n"
                  "[\"Comment\",\"\",\"cut\"]\n[\"Character\",\"c\"]\n"),
          "comments");
    check(&start, WIT_STR("<!--" FIFTY FIFTY), WIT_STR("[\"Comment\",\"\",\"cut\"]\n"),
          "to the end");
    check(&start, WIT_STR("<!doctype html" FIFTY FIFTY ">c"),
          WIT_STR("[\"DOCTYPE\",null,null,null,false,\"cut\"]\n[\"Character\",\"c\"]\n"),
          "doctype");
}

static void attributes_over_the_ceiling_are_left_out(void **state) {
    struct wit_buf in = WIT_BUF_INIT(1 << 16), want = WIT_BUF_INIT(1 << 16);
    assert_int_equal(wit_buf_printf(&in, "<a"), 0);
    assert_int_equal(wit_buf_printf(&want, "[\"StartTag\",\"a\",{"), 0);
    for (int i = 0; i < HTML_ATTRIBUTES_MAX + 3; i++) {
        assert_int_equal(wit_buf_printf(&in, " a%d=%d", i, i), 0);
        if (i < HTML_ATTRIBUTES_MAX)
            assert_int_equal(wit_buf_printf(&want, "%s\"a%d\":\"%d\"", i ? "," : "", i, i), 0);
    }
    assert_int_equal(wit_buf_printf(&in, ">x"), 0);
    assert_int_equal(wit_buf_printf(&want, "},\"cut\"]\n[\"Character\",\"x\"]\n"), 0);
    check(&(struct start){ HTML_MODE_DATA, { "", 0 }, MAX_TOKEN, NULL }, wit_buf_view(&in),
          wit_buf_view(&want), "many attributes");
    wit_buf_finish(&in);
    wit_buf_finish(&want);
}

static void what_a_tag_is_asked_for(void **state) {
    struct html_attr attrs[] = { { { "SRC", 3 }, { "1", 1 } },
                                 { { "src", 3 }, { "2", 1 } },
                                 { { "srcset", 6 }, { "3", 1 } } };
    const struct html_token token = { .kind = HTML_START_TAG, .attrs = attrs, .attr_count = 3 };
    assert_ptr_equal(html_token_attr(&token, WIT_STR("src")), &attrs[0]);
    assert_ptr_equal(html_token_attr(&token, WIT_STR("srcset")), &attrs[2]);
    assert_null(html_token_attr(&token, WIT_STR("s")));
    assert_int_equal(html_element_find(WIT_STR("ImG")), HTML_IMG);
    assert_int_equal(html_element_find(WIT_STR("annotation-XML")), HTML_ANNOTATION_XML);
#define CHECK_ELEMENT(id, name) assert_int_equal(html_element_find(WIT_STR(name)), HTML_##id);
    HTML_ELEMENT_TABLE(CHECK_ELEMENT)
#undef CHECK_ELEMENT
    static const char *const breakouts[] = { "b",     "big",  "code",   "em",     "embed",
                                             "head",  "i",    "nobr",   "ruby",   "s",
                                             "small", "span", "strike", "strong", "sub",
                                             "sup",   "tt",   "u",      "var" };
    static const char *const breakout_blocks[] = { "blockquote", "body",    "br",   "center", "dd",
                                                   "div",        "dl",      "dt",   "h1",     "h2",
                                                   "h3",         "h4",      "h5",   "h6",     "hr",
                                                   "li",         "listing", "menu", "ol",     "p",
                                                   "pre",        "table",   "ul" };
    static const char *const blocks[] = { "address",  "article", "aside", "caption", "details",
                                          "fieldset", "footer",  "form",  "header",  "hgroup",
                                          "legend",   "main",    "nav",   "option",  "section",
                                          "summary",  "td",      "th",    "tr" };
    for (size_t i = 0; i < WIT_COUNT_OF(breakouts); i++)
        assert_int_equal(html_element_find(wit_str_from(breakouts[i])), HTML_BREAKOUT);
    for (size_t i = 0; i < WIT_COUNT_OF(breakout_blocks); i++)
        assert_int_equal(html_element_find(wit_str_from(breakout_blocks[i])), HTML_BREAKOUT_BLOCK);
    for (size_t i = 0; i < WIT_COUNT_OF(blocks); i++)
        assert_int_equal(html_element_find(wit_str_from(blocks[i])), HTML_BLOCK);
    assert_int_equal(html_element_find(WIT_STR("im")), HTML_OTHER);
    assert_int_equal(html_element_find(WIT_STR("IMGS")), HTML_OTHER);
    assert_int_equal(html_element_find(WIT_STR("zzzzzzzzzzzzzz")), HTML_OTHER);
    assert_int_equal(html_element_find(WIT_STR("annotation-xmls")), HTML_OTHER);
    assert_int_equal(html_element_find(WIT_STR("")), HTML_OTHER);
}

/* ---- however it was cut ---------------------------------------------------------------------- */

/* Pieces that lead into every state and out of it; "" stands for a NUL. */
static const char *const soup_pieces[] = { "<",
                                           ">",
                                           "/",
                                           "</",
                                           "<!",
                                           "<!-",
                                           "<!--",
                                           "-->",
                                           "--!>",
                                           "--",
                                           "-",
                                           "!",
                                           "<?",
                                           "=",
                                           "\"",
                                           "'",
                                           " ",
                                           "\r",
                                           "\n",
                                           "",
                                           "a",
                                           "x=y",
                                           "<a ",
                                           "<script>",
                                           "</script",
                                           "<script",
                                           "script",
                                           "<style>",
                                           "</style>",
                                           "<title>",
                                           "</title ",
                                           "<textarea>",
                                           "</textarea",
                                           "<svg>",
                                           "</svg>",
                                           "<math>",
                                           "<mi>",
                                           "<![CDATA[",
                                           "]",
                                           "]]>",
                                           "<p>",
                                           "<!doctype",
                                           " html",
                                           "public",
                                           "system",
                                           "&amp;",
                                           "&no",
                                           "tit;",
                                           "&#",
                                           "13;",
                                           "\xC3\xA9",
                                           "\xE2\x82",
                                           "<img alt='",
                                           "<IMG SRC = \"a b\" alt=c/ d/>",
                                           "<a\thref='x\"y'z w\f=v>",
                                           "</b c=d>",
                                           "<p =e==f g=>",
                                           "<i/h / =j>",
                                           "\xC1\xBE\x8D",
                                           "<plaintext>",
                                           "<iframe x/>",
                                           "</iframe>",
                                           "<desc>",
                                           "<font>",
                                           "<font color=x>",
                                           "<annotation-xml>",
                                           "<annotation-xml encoding=text/html>",
                                           "</desc>",
                                           "0123456789012345678901234567890123456789",
                                           "<s" };

static void make_soup(struct wit_buf *soup) {
    wit_buf_reset(soup);
    for (uint64_t n = 1 + wit_random_below(&rng, SOUP_PIECES_MAX); n; n--) {
        const char *piece = soup_pieces[wit_random_below(&rng, WIT_COUNT_OF(soup_pieces))];
        assert_int_equal(wit_buf_append(soup, piece, *piece ? strlen(piece) : 1), 0);
    }
}

static void any_cut_gives_the_same_tokens(void **state) {
    struct wit_buf soup = WIT_BUF_INIT(1 << 16);
    for (int i = 0; i < SOUPS; i++) {
        static const size_t ceilings[] = { MAX_TOKEN, MAX_TOKEN, HTML_TOKEN_LEAST_BYTES, 70 };
        struct start start = { HTML_MODE_DATA, { "script", 6 }, ceilings[i % 4], NULL };
        make_soup(&soup);
        if (i % 8 == 7)
            start.mode = (enum html_text_mode)wit_random_below(&rng, HTML_MODE_CDATA + 1);
        check(&start, wit_buf_view(&soup), wit_str_of(NULL, 0), "soup");
    }
    wit_buf_finish(&soup);
}

/* What html_wants means: a callback that gets everything and passes on what is wanted. */
struct filter {
    struct html_tokens *out;
    struct html_wants wants;
};

static void take_wanted(void *user, const struct html_token *token) {
    const struct filter *f = user;
    bool wanted = token->kind == HTML_START_TAG ? f->wants.start_tags >> token->element & 1
                  : token->kind == HTML_END_TAG ? f->wants.end_tags >> token->element & 1
                                                : f->wants.text;
    if (wanted)
        html_tokens_take(f->out, token);
}

static void what_is_not_wanted_changes_nothing_else(void **state) {
    struct wit_buf soup = WIT_BUF_INIT(1 << 16);
    for (int i = 0; i < SOUPS / 4; i++) {
        struct html_tokens all;
        const struct html_wants wants = { wit_random_u64(&rng), wit_random_u64(&rng), i % 2 };
        const struct start start = { HTML_MODE_DATA, { "", 0 }, i % 3 ? MAX_TOKEN : 70, &wants };
        struct filter filter = { &all, wants };
        make_soup(&soup);
        html_tokens_init(&all);
        struct html_tokenizer *t = html_tokenizer_create(start.max_token, take_wanted, &filter);
        assert_non_null(t);
        html_tokenizer_use(t, &html_skim_none);
        html_tokens_feed(t, wit_buf_view(&soup), NULL, NULL);
        html_tokens_end(&all);
        check(&start, wit_buf_view(&soup), wit_buf_view(&all.lines), "wanted");
        html_tokenizer_destroy(t);
        html_tokens_finish(&all);
    }
    wit_buf_finish(&soup);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html5lib_cases_give_their_tokens),
        cmocka_unit_test(raw_elements_switch_the_text),
        cmocka_unit_test(cdata_exists_in_foreign_content_only),
        cmocka_unit_test(a_text_keeps_its_bytes_until_decoded),
        cmocka_unit_test(a_token_over_the_ceiling_is_cut),
        cmocka_unit_test(attributes_over_the_ceiling_are_left_out),
        cmocka_unit_test(what_a_tag_is_asked_for),
        cmocka_unit_test(any_cut_gives_the_same_tokens),
        cmocka_unit_test(what_is_not_wanted_changes_nothing_else),
    };
    return cmocka_run_group_tests_name("html", tests, setup, NULL);
}
