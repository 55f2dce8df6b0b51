/* test_rights.c: signals of use, each by its own family's rules. */
#include "crawl_rights.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void content_usage_is_a_dictionary(void **state) {
    static const struct {
        const char *value;
        bool reserved;
    } table[] = {
        { "train-ai=n", true },
        { "train-ai=y", false },
        { "", false },
        { "  train-ai=n  ", true },
        { "search=y, train-ai=n", true },
        { "search=y ,\ttrain-ai=n", true },
        { "search=n", false }, /* no category of ours */
        { "ai-output=n, inference=n", false },
        /* every name that it has had */
        { "train-genai=n", true },
        { "ai=n", true },
        { "genai=n", true },
        { "tdm=n", true },
        { "ai-use=n", true },
        { "all=n", true },
        { "bots=n", true },
        { "tdm=n, train-ai=y", true }, /* of several statements any n */
        /* what is not the token n */
        { "train-ai", false },
        { "train-ai=?0", false },
        { "train-ai=\"n\"", false },
        { "train-ai=N", false },
        { "train-ai=no", false },
        { "train-ai=1", false },
        { "train-ai=(n)", false },
        { "train-ai=:bg==:", false },
        { "train-ai=n;a=\"b\";c", true }, /* parameters are ignored */
        { "train-ai=n; a=1.5;b=@12;d=%\"f%c3%bc\"", true },
        /* the last of a repeated key */
        { "train-ai=n, train-ai=y", false },
        { "train-ai=y, train-ai=n", true },
        { "train-ai=n, train-ai", false },
        { "train-ai=n, train-ai=\"x\"", false },
        { "train-ai=y, ai=n, train-ai=y", true },
        /* a dictionary that does not parse says nothing */
        { "Train-AI=n", false },
        { "train-ai=n,", false },
        { "train-ai=n, ", false },
        { ", train-ai=n", false },
        { "train-ai=n search=y", false },
        { "train-ai =n", false },
        { "train-ai= n", false },
        { "train-ai=n;", false },
        { "train-ai=n;=1", false },
        { "train-ai=n, x=\"", false },
        { "train-ai=n, x=\"\\a\"", false },
        { "train-ai=n, x=\"\\\\\"", true },
        { "train-ai=n, x=1234567890123456", false },
        { "train-ai=n, x=123456789012345", true },
        { "train-ai=n, x=-1.5", true },
        { "train-ai=n, x=1.", false },
        { "train-ai=n, x=1.2345", false },
        { "train-ai=n, x=(a b;c \"d\")", true },
        { "train-ai=n, x=( )", true },
        { "train-ai=n, x=(a", false },
        { "train-ai=n, x=(a,b)", false },
        { "train-ai=n, x=((a))", false },
        { "train-ai=n, x=:ab", false },
        { "train-ai=n, x=?2", false },
        { "train-ai=n, x=%\"%C3\"", false },
        { "train-ai=n, x=", false },
        { "train-ai=n, *x=*a/b:c", true },
        { "train-ai=n\nsearch=y", false },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        unsigned want = table[i].reserved ? WIT_CRAWLER_USAGE_RESERVED : 0;
        if (wit_crawler_content_usage_parse(wit_str_from(table[i].value)) != want)
            fail_msg("'%s' is %sreserved", table[i].value, table[i].reserved ? "not " : "");
    }
    assert_int_equal(wit_crawler_content_usage_parse(WIT_STR("ai=n\0")), 0);
    assert_int_equal(wit_crawler_content_usage_parse(wit_str_of(NULL, 0)), 0);
}

static void content_signals_are_read_leniently(void **state) {
    static const struct {
        const char *value;
        bool reserved;
    } table[] = {
        { "ai-train=no", true },
        { "search=yes, ai-train=no", true },
        { "search=yes,ai-train = NO,ai-input=yes", true },
        { "ai-train=yes", false },
        { "ai-train=no, ai-train=yes", true },
        { "search=no, ai-input=no", false },
        { "ai-train", false },
        { "ai-train=n", false },
        { "", false },
        { ",,=,ai-train=no", true },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        unsigned want = table[i].reserved ? WIT_CRAWLER_SIGNAL_RESERVED : 0;
        if (wit_crawler_content_signal_parse(wit_str_from(table[i].value)) != want)
            fail_msg("'%s' is %sreserved", table[i].value, table[i].reserved ? "not " : "");
    }
}

/* TDMRep: file, then header, then document: the later one replaces, silence does not. */
static void a_later_reservation_replaces(void **state) {
    enum { RESERVED = WIT_CRAWLER_TDM_RESERVED, OPEN = WIT_CRAWLER_TDM_OPEN };
    static const struct {
        unsigned file, header, document, want;
    } table[] = {
        { RESERVED, 0, 0, RESERVED },
        { RESERVED, OPEN, 0, OPEN },
        { OPEN, RESERVED, 0, RESERVED },
        { OPEN, RESERVED, OPEN, OPEN },
        { 0, 0, RESERVED, RESERVED },
        { RESERVED, 0, OPEN, OPEN },
        { OPEN, 0, 0, OPEN },
        { 0, 0, 0, 0 },
        { WIT_CRAWLER_NOAI | RESERVED, OPEN, 0, WIT_CRAWLER_NOAI | OPEN },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        unsigned got = wit_crawler_directives_combine(table[i].file, table[i].header);
        got = wit_crawler_directives_combine(got, table[i].document);
        assert_int_equal(got, table[i].want);
    }
    assert_null(wit_crawler_directives_refuse(OPEN | WIT_CRAWLER_NOFOLLOW | WIT_CRAWLER_NOARCHIVE));
    assert_string_equal(wit_crawler_directives_refuse(RESERVED | OPEN), "tdm_reserved");
    assert_string_equal(wit_crawler_directives_refuse(WIT_CRAWLER_USAGE_RESERVED), "content_usage");
    assert_string_equal(wit_crawler_directives_refuse(WIT_CRAWLER_SIGNAL_RESERVED),
                        "content_signal");
}

/* ---- tdmrep.json ---------------------------------------------------------------------------- */

static struct wit_crawler_tdmrep *tdmrep_of(const char *text) {
    struct wit_crawler_tdmrep *t = NULL;
    assert_int_equal(wit_crawler_tdmrep_parse(text, strlen(text), &t, NULL), 0);
    assert_non_null(t);
    return t;
}

static void the_first_location_counts(void **state) {
    enum { R = WIT_CRAWLER_TDM_RESERVED, O = WIT_CRAWLER_TDM_OPEN };
    static const char text[] =
        "\xef\xbb\xbf[{\"location\":\"/a/open/\",\"tdm-reservation\":0},"
        "{\"location\":\"/a/\",\"tdm-reservation\":1,\"tdm-policy\":\"https://h/p.json\"},"
        "{\"location\":\"/*.jpg$\",\"tdm-reservation\":\"1\"},"
        "{\"location\":\"/odd\",\"tdm-reservation\":2},"
        "{\"location\":\"/bool\",\"tdm-reservation\":true},"
        "7,{\"location\":5,\"tdm-reservation\":1},{\"tdm-reservation\":1},"
        "{\"location\":\"rel/\",\"tdm-reservation\":1},"
        "{\"location\":\"/caf\u00e9\",\"tdm-reservation\":1},"
        "{\"location\":\"/odd\",\"tdm-reservation\":1}]";
    static const struct {
        const char *path;
        unsigned want;
    } table[] = {
        { "/a/x", R },       { "/a/open/x", O }, { "/b", 0 },          { "/b.jpg", R },
        { "/b.jpg?c", 0 },   { "/odd", 0 },      { "/bool", 0 },       { "/rel/x", R },
        { "/caf%C3%A9", R }, { "/", 0 },         { "/a/open.jpg", R },
    };
    struct wit_crawler_tdmrep *t = tdmrep_of(text);
    struct wit_buf raw = WIT_BUF_INIT(256);
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        unsigned got = wit_crawler_tdmrep_of(t, wit_str_from(table[i].path), NULL);
        if (got != table[i].want)
            fail_msg("%s: %u, not %u", table[i].path, got, table[i].want);
    }
    assert_int_equal(wit_crawler_tdmrep_of(t, WIT_STR("/a/x"), &raw), R);
    assert_int_equal(wit_buf_terminate(&raw), 0);
    assert_string_equal(raw.data,
                        "tdmrep.tdm-reservation: 1\ntdmrep.tdm-policy: https://h/p.json\n");
    wit_buf_finish(&raw);
    wit_crawler_tdmrep_destroy(t);
    t = tdmrep_of("[]");
    assert_int_equal(wit_crawler_tdmrep_of(t, WIT_STR("/"), NULL), 0);
    wit_crawler_tdmrep_destroy(t);
    wit_crawler_tdmrep_destroy(NULL);
}

static void what_is_no_array_is_no_file(void **state) {
    static const char *const table[] = { "", "<html>not here</html>", "{}", "[", "1", "[1]x" };
    struct wit_crawler_tdmrep *t = NULL;
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++)
        assert_int_equal(wit_crawler_tdmrep_parse(table[i], strlen(table[i]), &t, NULL),
                         WIT_EFORMAT);
    struct wit_buf big = WIT_BUF_INIT(2 * WIT_CRAWLER_TDMREP_MAX_BYTES);
    while (big.len <= WIT_CRAWLER_TDMREP_MAX_BYTES)
        assert_int_equal(wit_buf_append_byte(&big, ' '), 0);
    assert_int_equal(wit_crawler_tdmrep_parse(big.data, big.len, &t, NULL), WIT_ELIMIT);
    assert_null(t);
    wit_buf_finish(&big);
}

static void a_costly_tdmrep_reserves(void **state) {
    struct wit_buf b = WIT_BUF_INIT(WIT_CRAWLER_TDMREP_MAX_BYTES), path = WIT_BUF_INIT(16384);
    assert_int_equal(wit_buf_append_cstr(&b, "[1"), 0);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(wit_buf_printf(&b, ",{\"location\":\"/*b%d\",\"tdm-reservation\":0}", i),
                         0);
    assert_int_equal(wit_buf_append_cstr(&b, "]"), 0);
    assert_int_equal(wit_buf_terminate(&b), 0);
    for (int i = 0; i < 8000; i++)
        assert_int_equal(wit_buf_append_byte(&path, i ? 'a' : '/'), 0);
    struct wit_crawler_tdmrep *t = tdmrep_of(b.data);
    assert_int_equal(wit_crawler_tdmrep_of(t, wit_buf_view(&path), NULL), WIT_CRAWLER_TDM_RESERVED);
    assert_int_equal(wit_crawler_tdmrep_of(t, WIT_STR("/a"), NULL), 0);
    wit_crawler_tdmrep_destroy(t);
    wit_buf_finish(&path);
    wit_buf_finish(&b);
}

/* ---- switches ------------------------------------------------------------------------------- */

static void headers_speak_unless_switched_off(void **state) {
    static const struct {
        const char *headers;
        unsigned ignore, want;
    } table[] = {
        { "x-robots-tag: noai\n", 0, WIT_CRAWLER_NOAI },
        { "x-robots-tag: noai\n", WIT_CRAWLER_IGNORE_X_ROBOTS_TAG, 0 },
        { "x-robots-tag: noai\n", WIT_CRAWLER_IGNORE_META, WIT_CRAWLER_NOAI },
        { "tdm-reservation: 1\n", 0, WIT_CRAWLER_TDM_RESERVED },
        { "tdm-reservation: 0\n", 0, WIT_CRAWLER_TDM_OPEN },
        { "tdm-reservation: 2\n", 0, 0 },
        { "tdm-reservation: 1\n", WIT_CRAWLER_IGNORE_TDM, 0 },
        { "content-usage: search=y\ncontent-usage: train-ai=n\n", 0, WIT_CRAWLER_USAGE_RESERVED },
        { "content-usage: train-ai=n\ncontent-usage: train-ai=y\n", 0, 0 }, /* one dictionary */
        { "content-usage: train-ai=n\ncontent-usage: ?\n", 0, 0 },
        { "content-usage: train-ai=n\n", WIT_CRAWLER_IGNORE_AIPREF, 0 },
        { "content-signal: ai-train=no\n", 0, WIT_CRAWLER_SIGNAL_RESERVED },
        { "content-signal: ai-train=no\n", WIT_CRAWLER_IGNORE_CONTENT_SIGNAL, 0 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        unsigned got = crawl_rights_of_headers(wit_str_from(table[i].headers), WIT_STR("witbot"),
                                               table[i].ignore);
        if (got != table[i].want)
            fail_msg("%u, not %u, with %u ignored: %s", got, table[i].want, table[i].ignore,
                     table[i].headers);
    }
    const unsigned all = WIT_CRAWLER_NOAI | WIT_CRAWLER_TDM_RESERVED;
    assert_int_equal(crawl_rights_of_page(all, 0), all);
    assert_int_equal(crawl_rights_of_page(all, WIT_CRAWLER_IGNORE_META), WIT_CRAWLER_TDM_RESERVED);
    assert_int_equal(crawl_rights_of_page(all, WIT_CRAWLER_IGNORE_TDM), WIT_CRAWLER_NOAI);
}

static void switches_have_names(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    unsigned ignore = 0;
    assert_int_equal(wit_crawler_ignore_parse(WIT_STR("robots, tdm"), &ignore, &err), 0);
    assert_int_equal(ignore, WIT_CRAWLER_IGNORE_ROBOTS | WIT_CRAWLER_IGNORE_TDM);
    for (unsigned bit = 1; wit_crawler_ignore_name(bit); bit <<= 1) {
        unsigned again = 0;
        struct wit_str name = wit_str_from(wit_crawler_ignore_name(bit));
        assert_int_equal(wit_crawler_ignore_parse(name, &again, &err), 0);
        assert_int_equal(again, bit);
    }
    static const char *const wrong[] = { "", "noai", "robots,", "robots;tdm", "ROBOTS" };
    for (size_t i = 0; i < WIT_COUNT_OF(wrong); i++)
        assert_int_equal(wit_crawler_ignore_parse(wit_str_from(wrong[i]), &ignore, &err),
                         WIT_EINVAL);
    assert_int_equal(ignore, WIT_CRAWLER_IGNORE_ROBOTS | WIT_CRAWLER_IGNORE_TDM);
    size_t n;
    const char *const *agents = wit_crawler_ai_agents(&n);
    assert_true(n > 10 && agents[0][0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_usage_is_a_dictionary),
        cmocka_unit_test(content_signals_are_read_leniently),
        cmocka_unit_test(a_later_reservation_replaces),
        cmocka_unit_test(the_first_location_counts),
        cmocka_unit_test(what_is_no_array_is_no_file),
        cmocka_unit_test(a_costly_tdmrep_reserves),
        cmocka_unit_test(headers_speak_unless_switched_off),
        cmocka_unit_test(switches_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
