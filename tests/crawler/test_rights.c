/* test_rights.c: signals of use, each by its own family's rules. */
#include "wit_crawler_page.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_usage_is_a_dictionary),
        cmocka_unit_test(content_signals_are_read_leniently),
        cmocka_unit_test(a_later_reservation_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
