/* test_retry_reasons.c: which refusals are asked for again, and that docs/crawler.md names them
 * all. */
#include "retry_reasons.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

static void wants(const char *list, const char *reason, bool want) {
    assert_int_equal(retry_reasons_check(list, NULL), 0);
    if (retry_reasons_want(list, wit_str_from(reason)) != want)
        fail_msg("'%s' of '%s'", reason, list);
}

static void names_and_classes_are_known(void **state) {
    wants("may-heal", "timeout", true);
    wants("may-heal", "http_503", true);
    wants("may-heal", "robots_unreachable", true);
    wants("may-heal", "host_gave_up", true);
    wants("may-heal", "http_404", false);
    wants("may-heal", "noai", false);
    wants("all", "noai", true);
    wants("http_404,tls", "tls", true);
    wants("http_404, tls", "tls", true);
    wants("http_404,tls", "http_40", false);
    wants("http_404,may-heal", "reset", true);
    wants("http_404,may-heal", "http_403", false);
}

static void what_is_no_reason_is_named(void **state) {
    static const char *const bad[][2] = {
        { "bogus", "'bogus'" },
        { "", "''" },
        { "http_404,", "''" },
        { "timeout,htp_404", "htp" },
        { "http_4", "http_4" },
        { "http_4o4", "http_4o4" },
        { "blocked_hash", "blocked_hash" }, /* never asked for again */
    };
    for (size_t i = 0; i < WIT_COUNT_OF(bad); i++) {
        struct wit_error err = WIT_ERROR_INIT;
        assert_int_equal(retry_reasons_check(bad[i][0], &err), WIT_EINVAL);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("'%s' is not in: %s", bad[i][1], err.text);
    }
}

/* The words in backquotes of a row's second cell. Returns how many. */
static unsigned row_check(struct wit_str row) {
    ptrdiff_t end = wit_str_find(row, WIT_STR(" | "), 1), open;
    struct wit_error err = WIT_ERROR_INIT;
    char name[64];
    unsigned count = 0;
    struct wit_str cell = wit_str_slice(row, (size_t)end + 3, row.len);
    ptrdiff_t stop = wit_str_find(cell, WIT_STR(" | "), 0);
    cell.len = stop < 0 ? cell.len : (size_t)stop;
    for (size_t at = 0; (open = wit_str_find_byte(cell, '`', at)) >= 0;) {
        ptrdiff_t close = wit_str_find_byte(cell, '`', (size_t)open + 1);
        assert_true(close > open);
        snprintf(name, sizeof name, "%.*s", (int)(close - open - 1), cell.data + open + 1);
        if (strcmp(name, "http_NNN") == 0)
            snprintf(name, sizeof name, "http_418");
        bool never = strcmp(name, "no_memory") == 0 || strcmp(name, "redirected") == 0 ||
                     strcmp(name, "blocked_hash") == 0; /* no refusals, and no second time */
        if (!never && retry_reasons_check(name, &err) < 0)
            fail_msg("%s", err.text);
        at = (size_t)close + 1;
        count++;
    }
    return count;
}

/* Of the table: rows of pages and images, and those below that name no subject of their own. */
static void every_reason_of_the_manual_is_known(void **state) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX];
    snprintf(path, sizeof path, "%s/docs/crawler.md", getenv("WIT_SOURCE_ROOT"));
    assert_int_equal(wit_file_read(path, &text, NULL), 0);
    struct wit_str all = wit_buf_view(&text);
    ptrdiff_t from = wit_str_find(all, WIT_STR("\n## Reasons\n"), 0);
    assert_true(from > 0);
    unsigned count = 0;
    bool ours = false;
    for (size_t at = (size_t)from + 12; at < all.len;) {
        ptrdiff_t end = wit_str_find_byte(all, '\n', at);
        struct wit_str row = wit_str_slice(all, at, (size_t)end);
        at = (size_t)end + 1;
        if (wit_str_starts_with(row, WIT_STR("## ")))
            break;
        if (!wit_str_starts_with(row, WIT_STR("| ")))
            continue;
        if (!wit_str_starts_with(row, WIT_STR("| | ")))
            ours = wit_str_starts_with(row, WIT_STR("| page")) ||
                   wit_str_starts_with(row, WIT_STR("| image"));
        count += ours ? row_check(row) : 0;
    }
    assert_in_range(count, 45, 100);
    wit_buf_finish(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_classes_are_known),
        cmocka_unit_test(what_is_no_reason_is_named),
        cmocka_unit_test(every_reason_of_the_manual_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
