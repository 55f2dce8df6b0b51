/* test_crawl_tools.c: the heap of due times, the set of keys, what a Content-Type says. */
#include "due_heap.h"
#include "key_set.h"
#include "page_type.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* ---- heap and set --------------------------------------------------------------------------- */

static void heap_gives_the_earliest(void **state) {
    enum { ITEMS = 300, STEPS = 20000 };
    static struct due_item items[ITEMS];
    struct due_heap heap = { NULL, 0, 0 };
    struct wit_random r;
    wit_random_init(&r, 5, 0, 0);
    memset(items, 0, sizeof items);
    for (int step = 0; step < STEPS; step++) {
        struct due_item *item = &items[wit_random_below(&r, ITEMS)];
        if (wit_random_below(&r, 3) == 0)
            due_heap_remove(&heap, item);
        else
            must(due_heap_put(&heap, item, wit_random_below(&r, 1000)));
        uint64_t least = UINT64_MAX;
        size_t in = 0;
        for (int i = 0; i < ITEMS; i++) {
            in += items[i].slot != 0;
            if (items[i].slot && items[i].at_ms < least)
                least = items[i].at_ms;
        }
        assert_int_equal(heap.count, in);
        const struct due_item *first = due_heap_first(&heap);
        assert_true(first ? first->at_ms == least : in == 0);
    }
    due_heap_finish(&heap);
}

static void set_agrees_with_a_list(void **state) {
    enum { KEYS = 500, STEPS = 20000 };
    struct key_set set = { NULL, 0, 0 };
    bool in[KEYS] = { false };
    struct wit_random r;
    wit_random_init(&r, 6, 0, 0);
    for (int step = 0; step < STEPS; step++) {
        size_t i = wit_random_below(&r, KEYS);
        /* Few homes, so that runs are long; key 0 is the hash 0. */
        const struct wit_hash128 key = { i, i % 7 };
        if (wit_random_below(&r, 2)) {
            assert_int_equal(key_set_add(&set, key), !in[i]);
            in[i] = true;
        } else {
            key_set_remove(&set, key);
            in[i] = false;
        }
        size_t probe = wit_random_below(&r, KEYS);
        assert_int_equal(key_set_has(&set, (struct wit_hash128){ probe, probe % 7 }), in[probe]);
    }
    size_t count = 0;
    for (int i = 0; i < KEYS; i++)
        count += in[i];
    assert_int_equal(set.count, count);
    key_set_finish(&set);
}

/* ---- types ---------------------------------------------------------------------------------- */

static void a_page_is_what_type_and_name_say(void **state) {
    static const struct {
        const char *headers, *target;
        enum page_type want;
        const char *charset;
    } cases[] = {
        { "", "/", PAGE_TYPE_HTML, "" },
        { "", "/s.xml", PAGE_TYPE_SITEMAP, "" },
        { "content-type: \n", "/", PAGE_TYPE_HTML, "" },
        { "content-type: text/html; charset=big5\n", "/s.xml", PAGE_TYPE_HTML, "big5" },
        { "content-type: Application/XHTML+xml\n", "/", PAGE_TYPE_HTML, "" },
        { "content-type: text/xml;charset=utf-8\n", "/map", PAGE_TYPE_SITEMAP, "utf-8" },
        { "content-type: application/atom+xml\n", "/", PAGE_TYPE_SITEMAP, "" },
        { "content-type: image/svg+xml\n", "/a.xml", PAGE_TYPE_OTHER, "" },
        { "content-type: text/plain\n", "/robots", PAGE_TYPE_OTHER, "" },
        { "content-type: text/plain\n", "/urls.TXT?a=b.c", PAGE_TYPE_SITEMAP, "" },
        { "content-type: text/plain\n", "/urls?a=b.txt", PAGE_TYPE_OTHER, "" },
        { "content-type: application/x-gzip\n", "/a.xml.gz", PAGE_TYPE_SITEMAP, "" },
        { "content-type: application/gzip\n", "/a.tar.gz", PAGE_TYPE_OTHER, "" },
        { "content-type: application/octet-stream\n", "/a.xml.gz", PAGE_TYPE_SITEMAP, "" },
        { "content-type: application/pdf\n", "/a.txt", PAGE_TYPE_OTHER, "" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_str charset;
        enum page_type got =
            page_type_of(wit_str_from(cases[i].headers), wit_str_from(cases[i].target), &charset);
        if (got != cases[i].want || !wit_str_eq(charset, wit_str_from(cases[i].charset)))
            fail_msg("'%s' of %s is %d", cases[i].headers, cases[i].target, (int)got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_gives_the_earliest),
        cmocka_unit_test(set_agrees_with_a_list),
        cmocka_unit_test(a_page_is_what_type_and_name_say),
    };
    return cmocka_run_group_tests_name("crawl_tools", tests, NULL, NULL);
}
