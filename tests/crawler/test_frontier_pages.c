/* test_frontier_pages.c: pages of the frontier, one by one: known, taken, done, left; stopped and
 * full domains; rounds. Windows and files of parked pages are test_frontier.c's. */
#include "frontier.h"
#include "shards/collection.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static const struct frontier_context context = { .collection = { 1, 2 }, .scope = { 3, 4 } };

static int page_add(struct frontier *f, const char *url, const char *domain, uint32_t depth) {
    const struct frontier_page page = { .url = wit_str_from(url),
                                        .domain = wit_str_from(domain),
                                        .depth = depth };
    int st = frontier_add(f, &page, &err);
    must(st);
    return st;
}

static void take(struct frontier *f, uint32_t most, const char *want, struct frontier_taken *out) {
    int st = frontier_take(f, most, out, &err);
    must(st);
    assert_int_equal(st, want != NULL);
    if (want) {
        assert_int_equal(out->url.len, strlen(want));
        assert_memory_equal(out->url.data, want, out->url.len);
    }
}

static void domains_take_turns_and_depth_decides(void **state) {
    struct frontier *f = NULL;
    struct frontier_taken page, first;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    assert_int_equal(page_add(f, "http://a/deep", "a", 3), 1);
    assert_int_equal(page_add(f, "http://a/1", "a", 1), 1);
    assert_int_equal(page_add(f, "http://a/2", "a", 1), 1);
    assert_int_equal(page_add(f, "http://a/1", "a", 0), 0); /* known */
    assert_int_equal(page_add(f, "http://b/1", "b", 2), 1);
    take(f, 2, "http://a/1", &first);
    assert_int_equal(first.depth, 1);
    take(f, 2, "http://b/1", &page);
    take(f, 2, "http://a/2", &page);
    take(f, 2, NULL, &page); /* a has two on their way */
    must(frontier_done(f, first.id, WIT_STR("http://a/1"), NULL, &err));
    take(f, 2, "http://a/deep", &page);
    assert_int_equal(page.depth, 3);
    must(frontier_done(f, page.id, WIT_STR("http://a/deep"), "http_404", &err));
    struct frontier_totals t = frontier_totals(f);
    assert_int_equal(t.read, 1);
    assert_int_equal(t.refused, 1);
    assert_int_equal(t.taken, 2);
    assert_int_equal(t.waiting, 0);
    frontier_close(f);
    scratch_remove(dir);
}

static int count_reasons(void *user, enum wit_crawler_subject subject, struct wit_str reason,
                         uint64_t count) {
    struct wit_buf *out = user;
    return wit_buf_printf(out, "%s %.*s %llu, ", wit_crawler_subject_name(subject),
                          WIT_STR_FMT(reason), (unsigned long long)count);
}

static void what_was_not_committed_never_was(void **state) {
    struct frontier *f = NULL;
    struct frontier_taken one, two;
    struct wit_buf reasons = WIT_BUF_INIT(4096);
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    page_add(f, "http://a/1", "a", 0);
    page_add(f, "http://a/2", "a", 0);
    page_add(f, "http://a/3", "a", 0);
    take(f, 9, "http://a/1", &one);
    take(f, 9, "http://a/2", &two);
    must(frontier_done(f, one.id, WIT_STR("http://a/1"), "timeout", &err));
    must(frontier_count(f, WIT_CRAWLER_CANDIDATE, "noai", 4, &err));
    must(frontier_commit(f, &err));
    must(frontier_done(f, two.id, WIT_STR("http://a/2"), NULL, &err)); /* lost */
    page_add(f, "http://a/4", "a", 0);                                 /* lost */
    frontier_close(f);

    f = NULL;
    must(frontier_open(dir, &context, &f, &err));
    struct frontier_totals t = frontier_totals(f);
    assert_int_equal(t.waiting, 2);
    assert_int_equal(t.taken, 0);
    assert_int_equal(t.read, 0);
    assert_int_equal(t.refused, 1);
    take(f, 9, "http://a/2", &two); /* before the third, as it was found */
    take(f, 9, "http://a/3", &two);
    assert_int_equal(page_add(f, "http://a/1", "a", 0), 0);
    assert_int_equal(page_add(f, "http://a/4", "a", 0), 1);
    must(frontier_reasons(f, count_reasons, &reasons, &err));
    must(wit_buf_terminate(&reasons));
    assert_string_equal(reasons.data, "page timeout 1, candidate noai 4, ");
    wit_buf_finish(&reasons);
    frontier_close(f);
    scratch_remove(dir);
}

static void a_refused_page_can_be_asked_for_again(void **state) {
    const struct frontier_page page = { .url = WIT_STR("http://a/1"), .domain = WIT_STR("a") };
    struct frontier *f = NULL;
    struct frontier_taken taken;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    page_add(f, "http://a/1", "a", 0);
    assert_int_equal(frontier_add_again(f, &page, &err), 0); /* it waits already */
    take(f, 9, "http://a/1", &taken);
    must(frontier_done(f, taken.id, page.url, "connect_refused", &err));
    assert_int_equal(page_add(f, "http://a/1", "a", 0), 0);
    assert_int_equal(frontier_add_again(f, &page, &err), 1);
    assert_int_equal(frontier_totals(f).refused, 0);
    must(frontier_reasons(f, count_reasons, NULL, &err)); /* there is none to tell */
    take(f, 9, "http://a/1", &taken);
    must(frontier_done(f, taken.id, page.url, NULL, &err));
    assert_int_equal(frontier_add_again(f, &page, &err), 0); /* it was read */
    frontier_close(f);
    scratch_remove(dir);
}

static void a_frontier_remembers_what_is_a_sitemap_only(void **state) {
    char dir[WIT_PATH_MAX];
    struct frontier *f = NULL;
    struct frontier_taken taken;
    const struct frontier_page sitemap = {
        .url = WIT_STR("http://a/s.xml"), .domain = WIT_STR("a"), .hops = 5, .sitemap_only = true
    };
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    must(frontier_add(f, &sitemap, &err));
    page_add(f, "http://a/1", "a", 1);
    take(f, 9, "http://a/s.xml", &taken);
    frontier_count_sitemap(f);
    must(frontier_commit(f, &err)); /* taken and not done: it waits again */
    frontier_close(f);
    f = NULL;
    must(frontier_open(dir, &context, &f, &err));
    assert_int_equal(frontier_totals(f).sitemaps, 1);
    take(f, 9, "http://a/s.xml", &taken);
    assert_true(taken.sitemap_only);
    assert_int_equal(taken.hops, 5);
    take(f, 9, "http://a/1", &taken);
    assert_false(taken.sitemap_only);
    assert_int_equal(taken.hops, 0);
    frontier_close(f);
    scratch_remove(dir);
}

static void deep_pages_wait_for_another_run(void **state) {
    struct frontier *f = NULL;
    struct frontier_taken taken;
    const struct frontier_limits shallow = { .depth_most = 1, .number_most = UINT64_MAX };
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    page_add(f, "http://a/2", "a", 2);
    page_add(f, "http://b/1", "b", 1);
    must(frontier_limit(f, &shallow, &err));
    take(f, 9, "http://b/1", &taken);
    take(f, 9, NULL, &taken);
    page_add(f, "http://a/1", "a", 1); /* found later, and not too deep */
    take(f, 9, "http://a/1", &taken);
    take(f, 9, NULL, &taken);
    must(frontier_commit(f, &err));
    frontier_close(f);
    f = NULL;
    must(frontier_open(dir, &context, &f, &err));
    assert_int_equal(frontier_totals(f).waiting, 3);
    take(f, 9, "http://b/1", &taken); /* domains come back by their hashes */
    take(f, 9, "http://a/1", &taken);
    take(f, 9, "http://a/2", &taken);
    frontier_close(f);
    scratch_remove(dir);
}

/* ---- rounds ---- */

enum { ROUND_PAGES = 500, ROUND_BUDGET = 123 };

static int url_order(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Everything that is taken within a budget, round by round, sorted; pages were added in an order
 * that the seed says. */
static size_t rounds_take(uint64_t seed, char out[ROUND_PAGES][64]) {
    const struct frontier_context rounds = { .rounds = true };
    struct frontier *f = NULL;
    struct frontier_limits limits;
    struct frontier_taken page;
    char dir[WIT_PATH_MAX], url[64], domain[16];
    uint64_t left = ROUND_BUDGET;
    uint32_t depth = 0;
    size_t n = 0;
    scratch_make(dir);
    must(frontier_open(dir, &rounds, &f, &err));
    for (uint64_t i = 0; i < ROUND_PAGES; i++) {
        uint64_t which = wit_permute(i, ROUND_PAGES, seed);
        snprintf(url, sizeof url, "http://d%u/%u", (unsigned)(which % 7), (unsigned)which);
        snprintf(domain, sizeof domain, "d%u", (unsigned)(which % 7));
        page_add(f, url, domain, which < 30 ? 0 : which < 80 ? 1 : 2);
    }
    int st;
    while ((st = frontier_round(f, left, &limits, &err)) > 0) {
        must(frontier_limit(f, &limits, &err));
        while ((st = frontier_take(f, 1000, &page, &err)) > 0) {
            assert_true(page.depth >= depth); /* no shallower one was left */
            depth = page.depth;
            snprintf(out[n++], 64, "%.*s", WIT_STR_FMT(page.url));
            must(frontier_done(f, page.id, page.url, NULL, &err));
            left--;
        }
        must(st);
    }
    must(st);
    frontier_close(f);
    scratch_remove(dir);
    qsort(out, n, 64, url_order);
    return n;
}

static void rounds_do_not_depend_on_the_order_of_discovery(void **state) {
    static char first[ROUND_PAGES][64], other[ROUND_PAGES][64];
    assert_int_equal(rounds_take(1, first), ROUND_BUDGET);
    for (uint64_t seed = 2; seed < 6; seed++) {
        assert_int_equal(rounds_take(seed, other), ROUND_BUDGET);
        for (size_t i = 0; i < ROUND_BUDGET; i++)
            assert_string_equal(first[i], other[i]);
    }
}

static void a_frontier_knows_its_collection_and_scope(void **state) {
    struct frontier_context other = context;
    struct frontier *f = NULL;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    assert_false(frontier_scope_changed(f));
    must(frontier_commit(f, &err));
    frontier_close(f);
    f = NULL;
    other.scope.lo++;
    must(frontier_open(dir, &other, &f, &err));
    assert_true(frontier_scope_changed(f));
    frontier_close(f);
    f = NULL;
    other.keeps_scope = true; /* no page is asked for: neither is the scope another one */
    must(frontier_open(dir, &other, &f, &err));
    assert_false(frontier_scope_changed(f));
    must(frontier_commit(f, &err));
    frontier_close(f);
    f = NULL;
    must(frontier_open(dir, &context, &f, &err));
    assert_false(frontier_scope_changed(f));
    frontier_close(f);
    f = NULL;
    other.collection.lo++;
    assert_int_equal(frontier_open(dir, &other, &f, &err), WIT_EINVAL);
    assert_non_null(strstr(err.text, "frontier.lmdb tells what was read for another collection"));
    scratch_remove(dir);
}

struct refused_rows {
    uint64_t rows, pages;
};

static int refused_count(void *user, enum wit_crawler_subject subject, struct wit_str reason,
                         uint64_t count) {
    struct refused_rows *r = user;
    *(subject == WIT_CRAWLER_ROW ? &r->rows : &r->pages) += count;
    return 0;
}

static void refused_are(struct frontier *f, uint64_t rows, uint64_t pages) {
    struct refused_rows r = { .rows = 0 };
    must(frontier_reasons(f, refused_count, &r, &err));
    assert_int_equal(r.rows, rows);
    assert_int_equal(r.pages, pages);
}

static void a_frontier_keeps_the_feeds_position(void **state) {
    const struct wit_hash128 one = { 1, 1 }, two = { 2, 2 };
    struct wit_crawler_feed_position at = { .rows = 9 }, to = { 7, 3, { 1, 2, 3 } };
    struct frontier *f = NULL;
    bool replaces = true;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    assert_int_equal(frontier_feed_begin(f, one, &at, &replaces, &err), 0);
    assert_true(at.rows == 0 && at.len == 0 && !replaces);
    must(frontier_count(f, WIT_CRAWLER_ROW, "bad_row", 2, &err));
    must(frontier_count(f, WIT_CRAWLER_ROW, "bad_url", 3, &err));
    must(frontier_count(f, WIT_CRAWLER_CANDIDATE, "noai", 4, &err));
    frontier_feed_reached(f, &to);
    must(frontier_commit(f, &err));
    to.rows = 100; /* not committed */
    frontier_feed_reached(f, &to);
    must(frontier_count(f, WIT_CRAWLER_ROW, "bad_row", 50, &err));
    frontier_close(f);
    f = NULL;
    must(frontier_open(dir, &context, &f, &err));
    assert_int_equal(frontier_feed_begin(f, one, &at, &replaces, &err), 1);
    assert_true(at.rows == 7 && at.len == 3 && at.bytes[2] == 3 && !replaces);
    refused_are(f, 5, 4);
    assert_int_equal(frontier_feed_begin(f, two, &at, &replaces, &err), 0);
    assert_true(at.rows == 0 && replaces);
    refused_are(f, 0, 4); /* those of the other feed are gone */
    must(frontier_commit(f, &err));
    assert_int_equal(frontier_feed_begin(f, two, &at, &replaces, &err), 1);
    frontier_close(f);
    scratch_remove(dir);
}

static void a_full_domain_takes_no_more(void **state) {
    struct frontier *f = NULL;
    struct frontier_taken page;
    char dir[WIT_PATH_MAX];
    const struct frontier_context limited = { .collection = { 1, 2 },
                                              .scope = { 3, 4 },
                                              .domain_pages_most = 2 };
    const struct frontier_page seed = { .url = WIT_STR("http://a/seed"), .domain = WIT_STR("a") };
    scratch_make(dir);
    must(frontier_open(dir, &limited, &f, &err));
    assert_int_equal(page_add(f, "http://a/1", "a", 0), FRONTIER_WAITS);
    take(f, 2, "http://a/1", &page);
    must(frontier_done(f, page.id, WIT_STR("http://a/1"), "http_404", &err));
    assert_int_equal(page_add(f, "http://a/2", "a", 0), FRONTIER_WAITS);
    assert_int_equal(page_add(f, "http://a/3", "a", 0), FRONTIER_FULL);
    assert_int_equal(page_add(f, "http://a/2", "a", 0), FRONTIER_KNOWN);
    assert_int_equal(page_add(f, "http://b/1", "b", 0), FRONTIER_WAITS);
    must(frontier_commit(f, &err));
    frontier_close(f);
    must(frontier_open(dir, &limited, &f, &err)); /* a further run counts on */
    assert_int_equal(page_add(f, "http://a/3", "a", 0), FRONTIER_FULL);
    assert_int_equal(frontier_add_again(f, &seed, &err), FRONTIER_WAITS);
    frontier_close(f);
    must(frontier_open(dir, &context, &f, &err));
    assert_int_equal(page_add(f, "http://a/3", "a", 0), FRONTIER_WAITS);
    frontier_close(f);
    scratch_remove(dir);
}

/* Take and read the next page, with or without a new pair; what frontier_yield says. */
static int page_yields(struct frontier *f, const char *want, bool new_pair) {
    struct frontier_taken page;
    take(f, 1, want, &page);
    int st = frontier_yield(f, page.id, new_pair, &err);
    must(st);
    must(frontier_done(f, page.id, wit_str_from(want), NULL, &err));
    return st;
}

/* What was left keeps its page for the next run, and its domain from nothing. */
static void a_page_that_was_left_waits_for_another_run(void **state) {
    struct frontier *f = NULL;
    struct frontier_taken page;
    struct frontier_limits round;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    page_add(f, "http://a/1", "a", 0);
    page_add(f, "http://a/2", "a", 0);
    take(f, 1, "http://a/1", &page);
    must(frontier_leave(f, page.id, &err));
    assert_int_equal(frontier_round(f, 1, &round, &err), 1);
    take(f, 1, "http://a/2", &page);
    must(frontier_done(f, page.id, WIT_STR("http://a/2"), NULL, &err));
    assert_int_equal(frontier_round(f, 1, &round, &err), 0);
    assert_int_equal(frontier_totals(f).taken, 1);
    must(frontier_commit(f, &err));
    frontier_close(f);
    must(frontier_open(dir, &context, &f, &err));
    take(f, 1, "http://a/1", &page);
    frontier_close(f);
    scratch_remove(dir);
}

static void a_barren_domain_stops(void **state) {
    struct frontier *f = NULL;
    struct frontier_taken page;
    struct wit_buf reasons = WIT_BUF_INIT(4096);
    char dir[WIT_PATH_MAX], url[32];
    struct frontier_limits round;
    struct frontier_context limited = context;
    limited.barren_most = 3;
    scratch_make(dir);
    must(frontier_open(dir, &limited, &f, &err));
    for (int i = 0; i < 9; i++) {
        snprintf(url, sizeof url, "http://a/%d", i);
        page_add(f, url, "a", 0);
    }
    assert_int_equal(page_yields(f, "http://a/0", false), 0);
    assert_int_equal(page_yields(f, "http://a/1", false), 0);
    assert_int_equal(page_yields(f, "http://a/2", true), 0);
    assert_int_equal(page_yields(f, "http://a/3", false), 0);
    assert_int_equal(page_yields(f, "http://a/4", false), 0);
    assert_int_equal(page_yields(f, "http://a/5", false), 1);
    take(f, 9, NULL, &page);
    assert_int_equal(frontier_round(f, 100, &round, &err), 0); /* nor does a round wait for it */
    must(frontier_reasons(f, count_reasons, &reasons, &err));
    assert_true(wit_str_eq(wit_buf_view(&reasons), WIT_STR("domain domain_not_novel 1, ")));
    must(frontier_commit(f, &err));
    frontier_close(f);
    must(frontier_open(dir, &limited, &f, &err)); /* a further run knows */
    take(f, 9, NULL, &page);
    frontier_close(f);
    limited.barren_most = 4; /* and goes on under a higher limit */
    must(frontier_open(dir, &limited, &f, &err));
    wit_buf_reset(&reasons);
    must(frontier_reasons(f, count_reasons, &reasons, &err));
    assert_int_equal(reasons.len, 0);
    assert_int_equal(page_yields(f, "http://a/6", false), 1);
    take(f, 9, NULL, &page);
    assert_int_equal(frontier_totals(f).waiting, 2);
    frontier_close(f);
    wit_buf_finish(&reasons);
    scratch_remove(dir);
}

static void pairs_are_new_once(void **state) {
    struct frontier *f = NULL;
    char dir[WIT_PATH_MAX];
    const struct wit_hash128 pair = { 7, 8 };
    scratch_make(dir);
    must(frontier_open(dir, &context, &f, &err));
    assert_int_equal(frontier_pair_add(f, pair, &err), 1);
    assert_int_equal(frontier_pair_add(f, pair, &err), 0);
    must(frontier_commit(f, &err));
    frontier_close(f);
    must(frontier_open(dir, &context, &f, &err));
    assert_int_equal(frontier_pair_add(f, pair, &err), 0);
    frontier_close(f);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_take_turns_and_depth_decides),
        cmocka_unit_test(what_was_not_committed_never_was),
        cmocka_unit_test(a_full_domain_takes_no_more),
        cmocka_unit_test(a_page_that_was_left_waits_for_another_run),
        cmocka_unit_test(a_barren_domain_stops),
        cmocka_unit_test(pairs_are_new_once),
        cmocka_unit_test(a_refused_page_can_be_asked_for_again),
        cmocka_unit_test(a_frontier_remembers_what_is_a_sitemap_only),
        cmocka_unit_test(deep_pages_wait_for_another_run),
        cmocka_unit_test(rounds_do_not_depend_on_the_order_of_discovery),
        cmocka_unit_test(a_frontier_knows_its_collection_and_scope),
        cmocka_unit_test(a_frontier_keeps_the_feeds_position),
    };
    return cmocka_run_group_tests_name("frontier_pages", tests, NULL, NULL);
}
