/* test_outcomes.c: candidates with what came of their images, also beside who collects. */
#include "collection.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void add(struct wit_shards_collector *c, const char *url, const char *text, const char *page,
                const char *extra) {
    const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                               .text = wit_str_from(text),
                                               .source = WIT_SHARDS_LIST,
                                               .page = wit_str_from(page),
                                               .extra = wit_str_from(extra) };
    must(wit_shards_collector_add_candidate(c, &cand, &err));
}

static void image(struct wit_shards_collector *c, const char *url, const char *bytes) {
    const struct wit_shards_fetched f = { .url = wit_str_from(url),
                                          .final_url = wit_str_from(url),
                                          .bytes = wit_str_from(bytes),
                                          .info = { .format = WIT_IMAGE_PNG, .width = 1 } };
    must(wit_shards_collector_add_image(c, &f, &err));
}

static int tell(void *user, const struct wit_shards_candidate *cand,
                const struct wit_shards_outcome *o, struct wit_error *e) {
    must(wit_buf_printf(user, "%.*s|%.*s|%.*s|%d%.*s\n", WIT_STR_FMT(cand->url),
                        WIT_STR_FMT(cand->text), WIT_STR_FMT(cand->extra), o->status,
                        WIT_STR_FMT(o->reason)));
    return 0;
}

static void expect(const char *dir, const char *want) {
    struct wit_buf got = WIT_BUF_INIT(1 << 16);
    must(wit_shards_outcomes_each(dir, tell, &got, &err));
    must(wit_buf_terminate(&got));
    assert_string_equal(got.data, want);
    wit_buf_finish(&got);
}

static void what_was_read_twice_stands_once(void **state) {
    struct wit_shards_collector *c = NULL;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    for (int twice = 0; twice < 2; twice++) {
        add(c, "http://a/", "one", "", "");
        add(c, "http://a/", "two", "", "");
        add(c, "http://b/", "one", "", "{\"id\":1}");
        add(c, "http://b/", "one", "", "{\"id\":2}");
        add(c, "http://c/", "one", "http://p/", "");
        must(wit_shards_collector_commit(c, &err));
    }
    image(c, "http://a/", "bytes");
    must(wit_shards_collector_add_refusal(c, WIT_STR("http://b/"), WIT_STR("http_404"), &err));
    must(wit_shards_collector_commit(c, &err));
    const char *const rows = "http://a/|one||1\nhttp://a/|two||1\n"
                             "http://b/|one|{\"id\":1}|2http_404\n"
                             "http://b/|one|{\"id\":2}|2http_404\nhttp://c/|one||0\n";
    expect(dir, rows); /* while it is collected there */
    add(c, "http://d/", "not committed", "", "");
    image(c, "http://c/", "late");
    expect(dir, rows);
    wit_shards_collector_close(c);
    expect(dir, rows);
    scratch_remove(dir);
}

static void nothing_is_written(void **state) {
    struct wit_shards_collector *c = NULL;
    struct wit_strings before = { NULL, 0 }, after = { NULL, 0 };
    char dir[WIT_PATH_MAX], collect[WIT_PATH_MAX], lock[WIT_PATH_MAX];
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    add(c, "http://a/", "one", "", "");
    expect(dir, ""); /* nothing is committed yet */
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(wit_path_join(collect, dir, "collect"));
    must(wit_path_join(lock, collect, "lock"));
    assert_int_equal(remove(lock), 0);
    must(wit_dir_list(collect, &before, &err));
    expect(dir, "http://a/|one||0\n");
    must(wit_dir_list(collect, &after, &err));
    assert_int_equal(before.count, after.count);
    wit_strings_finish(&before);
    wit_strings_finish(&after);
    scratch_remove(dir);
}

/* ---- beside a collector that commits all the time ------------------------------------------- */

enum { URLS = 20000 };

struct hurry {
    char dir[WIT_PATH_MAX];
    struct wit_shards_collector *c;
    atomic_bool over;
    unsigned commits;
};

/* URL n: "http://h/n"; refused for "n", again and again with new ones, so that pages of the index
 * are freed and used again. */
static void *hurry_on(void *user) {
    struct hurry *h = user;
    char url[32], reason[32];
    for (unsigned i = 0; !atomic_load(&h->over); i++) {
        for (unsigned k = 0; k < 200; k++) {
            unsigned n = (i * 200 + k) * 7919u % URLS;
            snprintf(url, sizeof url, "http://h/%u", n);
            snprintf(reason, sizeof reason, "r%u-%u", n, i);
            if (wit_shards_collector_add_refusal(h->c, wit_str_from(url), wit_str_from(reason),
                                                 NULL) < 0)
                return h;
        }
        if (wit_shards_collector_commit(h->c, NULL) < 0)
            return h;
        h->commits++;
    }
    return NULL;
}

struct looked {
    unsigned rows;
};

static int look(void *user, const struct wit_shards_candidate *cand,
                const struct wit_shards_outcome *o, struct wit_error *e) {
    struct looked *l = user;
    char want[40];
    int n = snprintf(want, sizeof want, "r%.*s-", (int)(cand->url.len - 9), cand->url.data + 9);
    assert_int_equal(o->status, 2);
    assert_true(wit_str_starts_with(o->reason, wit_str_of(want, (size_t)n)));
    l->rows++;
    return 0;
}

static void commits_do_not_tear_what_is_read(void **state) {
    struct hurry h = { .c = NULL };
    char text[32];
    pthread_t thread;
    void *failed;
    scratch_make(h.dir);
    must(wit_shards_collector_open(h.dir, &h.c, &err));
    for (unsigned n = 0; n < URLS; n++) {
        snprintf(text, sizeof text, "http://h/%u", n);
        add(h.c, text, "words", "", "");
        char reason[32];
        snprintf(reason, sizeof reason, "r%u-first", n);
        must(wit_shards_collector_add_refusal(h.c, wit_str_from(text), wit_str_from(reason), &err));
    }
    must(wit_shards_collector_commit(h.c, &err));
    assert_int_equal(pthread_create(&thread, NULL, hurry_on, &h), 0);
    for (int i = 0; i < 8; i++) {
        struct looked l = { 0 };
        must(wit_shards_outcomes_each(h.dir, look, &l, &err));
        assert_int_equal(l.rows, URLS);
    }
    atomic_store(&h.over, true);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_true(h.commits > 3);
    wit_shards_collector_close(h.c);
    scratch_remove(h.dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_twice_stands_once),
        cmocka_unit_test(nothing_is_written),
        cmocka_unit_test(commits_do_not_tear_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
