/* test_url_traps.c: which links are traps, which session ids are taken out, and what holds of any
 * URL. */
#include "url_trap_properties.h"
#include "url_traps.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

static void parse(struct wit_url *url, const char *text) {
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_url_parse(url, wit_str_from(text), NULL, &err) < 0)
        fail_msg("%s: %s", text, err.text);
}

static void rules_have_names(void **state) {
    static const struct {
        const char *url, *trap;
    } rows[] = {
        { "http://a.test/", NULL },
        { "http://a.test/2011/11/11/11", NULL },
        { "http://a.test/en/tools/en/tools", NULL },
        { "http://a.test/a/a/a/", NULL },
        { "http://a.test/a/a/a/a", "trap_repeats" },
        { "http://a.test/a/x/a/y/a/z/a", "trap_repeats" },
        { "http://a.test/a/A/a/%61/a/b", NULL }, /* by bytes */
        { "http://a.test/a/b/a/b/a/b", "trap_cycle" },
        { "http://a.test/x/a/b/c/a/b/c/a/b/c/y", "trap_cycle" },
        { "http://a.test/a/b/a/b/a/c", NULL },
        { "http://a.test/x////", NULL },
        { "http://a.test/x//////", "trap_repeats" },
        { "http://a.test/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20", NULL },
        { "http://a.test/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/", NULL },
        { "http://a.test/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21", "trap_depth" },
        { "http://a.test/?a=1&a=2&a=3&a=4&a=5", NULL },
        { "http://a.test/?a=1&b&a=1&c&a=1", NULL },
        { "http://a.test/?a=1&b&a=1&c&a=1&a=1", "trap_repeats" },
        { "http://a.test/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&22&23&24&25&26&27&"
          "28&29&30",
          NULL },
        { "http://a.test/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&22&23&24&25&26&27&"
          "28&29&30&31",
          "trap_parameters" },
    };
    struct wit_url url = WIT_URL_INIT;
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++) {
        parse(&url, rows[i].url);
        const char *trap = url_trap(&url);
        if (!trap != !rows[i].trap || (trap && strcmp(trap, rows[i].trap) != 0))
            fail_msg("%s: %s", rows[i].url, trap ? trap : "no trap");
    }
    wit_url_finish(&url);
}

static void length_counts_the_whole_url(void **state) {
    struct wit_url url = WIT_URL_INIT;
    char text[URL_TRAP_BYTES_MOST + 2] = "http://a.test/?";
    memset(text + strlen(text), 'x', sizeof text - 1 - strlen(text));
    text[URL_TRAP_BYTES_MOST] = 0;
    parse(&url, text);
    assert_null(url_trap(&url));
    text[URL_TRAP_BYTES_MOST] = 'x';
    text[URL_TRAP_BYTES_MOST + 1] = 0;
    parse(&url, text);
    assert_string_equal(url_trap(&url), "trap_length");
    wit_url_finish(&url);
}

static void sessions_are_taken_out(void **state) {
    static const struct {
        const char *with, *without; /* NULL: nothing is taken out */
    } rows[] = {
        { "http://a.test/x?PHPSESSID=1", "http://a.test/x" },
        { "http://a.test/x?a=1&phpsessid=0123&b=2#f", "http://a.test/x?a=1&b=2#f" },
        { "http://a.test/x?ASPSESSIONIDQQRT=AB&a", "http://a.test/x?a" },
        { "http://a.test/x;jsessionid=AB12!7?a", "http://a.test/x?a" },
        { "http://a.test/x;v=1;JSESSIONID=A/y;jsessionid=B", "http://a.test/x;v=1/y" },
        { "http://a.test/(S(lit3py55t21z5v55vlm25s55))/x", "http://a.test/x" },
        { "http://a.test/(S(lit3py55t21z5v55vlm25s55))", "http://a.test/" },
        { "http://a.test/?sid=0123456789abcdef0123456789abcdef", "http://a.test/" },
        { "http://a.test/?CFID=1&CFTOKEN=2&x=", "http://a.test/?x=" },
        { "http://a.test/?sid=7", NULL },
        { "http://a.test/?session=spring-collection-of-images", NULL },
        { "http://a.test/?sid", NULL },
        { "http://a.test/?q=0123456789abcdef0123456789abcdef", NULL },
        { "http://a.test/?", NULL },
        { "http://a.test/?&&", NULL },
        { "http://a.test/(S)/x;v=1", NULL },
        { "data:text/plain;sid=0123456789abcdef", NULL },
    };
    struct wit_url url = WIT_URL_INIT;
    struct wit_buf scratch = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++) {
        parse(&url, rows[i].with);
        assert_int_equal(url_session_remove(&url, &scratch), rows[i].without != NULL);
        const char *want = rows[i].without ? rows[i].without : rows[i].with;
        if (!wit_str_eq(wit_url_href(&url), wit_str_from(want)))
            fail_msg("%s: %.*s", rows[i].with, WIT_STR_FMT(wit_url_href(&url)));
    }
    wit_buf_finish(&scratch);
    wit_url_finish(&url);
}

static void no_room_changes_nothing(void **state) {
    struct wit_url url = WIT_URL_INIT;
    struct wit_buf small = WIT_BUF_INIT(20);
    parse(&url, "http://a.test/longer/than/that?PHPSESSID=1");
    assert_int_equal(url_session_remove(&url, &small), WIT_ELIMIT);
    assert_true(wit_str_ends_with(wit_url_href(&url), WIT_STR("?PHPSESSID=1")));
    wit_buf_finish(&small);
    wit_url_finish(&url);
}

/* Whatever grows by rule is refused before long. */
static void spaces_that_grow_end(void **state) {
    static const char *const steps[] = { "/a", "/a/b", "/a/b/c/d", "/", "/%d", "/x/%d", "/%d/%d" };
    struct wit_url url = WIT_URL_INIT;
    for (size_t i = 0; i < WIT_COUNT_OF(steps); i++) {
        struct wit_buf text = WIT_BUF_INIT(1 << 16);
        const char *trap = NULL;
        assert_int_equal(wit_buf_append_cstr(&text, "http://a.test"), 0);
        for (int n = 0; n <= URL_TRAP_SEGMENTS_MOST && !trap; n++) {
            char step[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(step, sizeof step, steps[i], n, n + 1000);
#pragma GCC diagnostic pop
            assert_int_equal(wit_buf_append_cstr(&text, step), 0);
            assert_int_equal(wit_buf_terminate(&text), 0);
            parse(&url, text.data);
            trap = url_trap(&url);
        }
        assert_non_null(trap);
        wit_buf_finish(&text);
    }
    wit_url_finish(&url);
}

/* URLs put together at random of parts that the rules know. */
static void properties_hold(void **state) {
    static const char *const parts[] = { "/",          "a",    "b",           "?",   "&",
                                         ";",          "=",    "jsessionid=", "sid", "(S(x1",
                                         "0123456789", "abcd", "PHPSESSID=1", "%2f", "..",
                                         "))",         ".",    "#",           "//",  "\\",
                                         "\xff" };
    struct wit_random r;
    uint64_t seed = 1;
    wit_random_init(&r, seed, 0, 0);
    for (int round = 0; round < 100000; round++) {
        struct wit_buf text = WIT_BUF_INIT(1 << 12);
        assert_int_equal(wit_buf_append_cstr(&text, "http://u:p@a.test:81/"), 0);
        for (uint64_t n = wit_random_below(&r, 30); n > 0; n--)
            assert_int_equal(wit_buf_append_cstr(&text,
                                                 parts[wit_random_below(&r, WIT_COUNT_OF(parts))]),
                             0);
        const char *fault = url_trap_fault(wit_buf_view(&text));
        if (fault)
            fail_msg("seed %llu, round %d: %s: '%.*s'", (unsigned long long)seed, round, fault,
                     WIT_STR_FMT(wit_buf_view(&text)));
        wit_buf_finish(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_have_names),       cmocka_unit_test(length_counts_the_whole_url),
        cmocka_unit_test(sessions_are_taken_out), cmocka_unit_test(no_room_changes_nothing),
        cmocka_unit_test(spaces_that_grow_end),   cmocka_unit_test(properties_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
