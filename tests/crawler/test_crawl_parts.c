/* test_crawl_parts.c: frontier and politeness of the crawler, each by itself. Time is an
 * argument: nothing here sleeps. */
#include "frontier.h"
#include "politeness.h"
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

/* ---- frontier ------------------------------------------------------------------------------- */

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

/* ---- politeness ----------------------------------------------------------------------------- */

struct fixture {
    bool tdmrep; /* tdmrep.json is asked for too; most of what follows is about other things */
    struct wit_crawler_config cfg;
    struct polite *p;
    struct polite_turn turn;
};

static void begin(struct fixture *f) {
    if (!f->tdmrep)
        f->cfg.ignore |= WIT_CRAWLER_IGNORE_TDM;
    must(polite_create(&f->cfg, &f->p, &err));
}

static struct crawl_task *push(struct fixture *f, const char *url, uint64_t now_ms) {
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_IMAGE, wit_str_from(url));
    assert_non_null(t);
    must(polite_push(f->p, t, now_ms));
    return t;
}

static void expect(struct fixture *f, uint64_t now_ms, enum polite_step step) {
    assert_int_equal(polite_next(f->p, now_ms, &f->turn), step);
}

static void expect_fetch(struct fixture *f, uint64_t now_ms, const struct crawl_task *t) {
    expect(f, now_ms, POLITE_FETCH);
    assert_ptr_equal(f->turn.task, t);
}

static void expect_refused(struct fixture *f, uint64_t now_ms, const char *reason) {
    expect(f, now_ms, POLITE_REFUSED);
    assert_string_equal(f->turn.reason, reason);
    crawl_task_destroy(f->turn.task);
}

static void done(struct fixture *f, struct crawl_task *t, uint64_t now_ms) {
    polite_done(f->p, t, PACE_FINE, 0, now_ms);
    crawl_task_destroy(t);
}

static void rules(struct fixture *f, const char *text, uint64_t now_ms) {
    struct wit_crawler_robots *robots = NULL;
    must(wit_crawler_robots_parse(text, strlen(text), &robots, &err));
    polite_robots_allow(f->p, f->turn.origin, robots, now_ms);
}

static void robots_come_first_and_count_as_a_request(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    struct crawl_task *a = push(&f, "http://x.test/a?b", 0), *b = push(&f, "http://x.test/b", 0);
    expect(&f, 0, POLITE_ROBOTS);
    struct wit_str name = polite_origin_name(f.turn.origin);
    assert_true(wit_str_eq(name, WIT_STR("http://x.test")));
    expect(&f, 0, POLITE_NOTHING);
    expect(&f, 5000, POLITE_NOTHING); /* one request at a time */
    assert_int_equal(polite_due_ms(f.p), UINT64_MAX);
    rules(&f, "User-agent: *\nDisallow: /private\n", 400);
    expect(&f, 1399, POLITE_NOTHING);
    assert_int_equal(polite_due_ms(f.p), 1400);
    expect_fetch(&f, 1400, a);
    expect(&f, 1400, POLITE_NOTHING);
    polite_heard(f.p, a->origin, a, 1500);
    done(&f, a, 1600);
    expect(&f, 2499, POLITE_NOTHING); /* from the first byte of the answer */
    expect_fetch(&f, 2500, b);
    polite_heard(f.p, b->origin, b, 2600);
    done(&f, b, 5000); /* that was long ago: the next may start at once */
    a = push(&f, "http://x.test/c", 5000);
    expect_fetch(&f, 5000, a);
    done(&f, a, 5001);
    polite_destroy(f.p);
}

static void rules_refuse_by_path_and_by_origin(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.delay_ms = 0;
    f.cfg.concurrency = 4;
    begin(&f);
    push(&f, "http://x.test/private/a.png", 0);
    expect(&f, 0, POLITE_ROBOTS);
    rules(&f, "User-agent: *\nDisallow: /private\n", 0);
    expect_refused(&f, 0, "robots_denied");
    /* another port is another origin with rules of its own, and the same domain */
    struct crawl_task *t = push(&f, "http://x.test:81/private/a.png", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    expect_fetch(&f, 0, t);
    done(&f, t, 0);
    push(&f, "https://x.test/", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_robots_deny(f.p, f.turn.origin, "dns_nxdomain", 0);
    expect_refused(&f, 0, "dns_nxdomain");
    assert_int_equal(polite_totals(f.p).domains, 1);
    assert_int_equal(polite_totals(f.p).origins, 3);
    polite_destroy(f.p);
}

/* A name, a connection or a busy machine take their time: the server has had the request when it
 * answers, and nobody knows more. */
static void the_delay_counts_from_when_a_request_was_heard(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    struct crawl_task *a = push(&f, "http://x.test/a", 0), *b = push(&f, "http://x.test/b", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_leaves(f.p, f.turn.origin, 800);
    polite_heard(f.p, f.turn.origin, NULL, 850);
    rules(&f, "User-agent: *\nCrawl-delay: 2\n", 900);
    expect(&f, 2849, POLITE_NOTHING); /* the longer delay, from the same moment */
    expect_fetch(&f, 2850, a);
    polite_leaves(f.p, a->origin, 0); /* it never left: its turn counts */
    polite_heard(f.p, a->origin, a, 0);
    done(&f, a, 2900);
    expect(&f, 4849, POLITE_NOTHING);
    expect_fetch(&f, 4850, b);
    done(&f, b, 5000); /* no answer, but it may have arrived */
    a = push(&f, "http://x.test/a", 5000);
    expect(&f, 6999, POLITE_NOTHING);
    expect_fetch(&f, 7000, a);
    done(&f, a, 7000);
    polite_destroy(f.p);
}

/* More than one request at a time: answers overlap, requests don't. */
static void nothing_starts_before_the_last_one_was_heard(void **state) {
    static const struct wit_crawler_host mine = { "mine.test", 100, 3 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    struct crawl_task *t[4];
    f.cfg.concurrency = 3;
    f.cfg.hosts = &mine;
    f.cfg.host_count = 1;
    begin(&f);
    for (int i = 0; i < 4; i++)
        t[i] = push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    expect_fetch(&f, 1000, t[0]);
    expect(&f, 9000, POLITE_NOTHING);
    assert_int_equal(polite_due_ms(f.p), UINT64_MAX);
    polite_heard(f.p, t[0]->origin, t[0], 9000);
    assert_int_equal(polite_due_ms(f.p), 10000);
    expect(&f, 9999, POLITE_NOTHING);
    expect_fetch(&f, 10000, t[1]);
    polite_heard(f.p, t[1]->origin, t[1], 10001);
    done(&f, t[0], 10500); /* heard long ago: adds nothing */
    expect(&f, 11000, POLITE_NOTHING);
    expect_fetch(&f, 11001, t[2]);
    done(&f, t[1], 11100);
    done(&f, t[2], 11200); /* heard now */
    expect(&f, 12199, POLITE_NOTHING);
    expect_fetch(&f, 12200, t[3]);
    done(&f, t[3], 12200);
    /* at the user's own it counts from when they leave */
    for (int i = 0; i < 3; i++)
        t[i] = push(&f, "http://mine.test/a", 20000);
    expect(&f, 20000, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 20000);
    expect_fetch(&f, 20100, t[0]);
    polite_leaves(f.p, t[0]->origin, 20110);
    expect(&f, 20209, POLITE_NOTHING);
    expect_fetch(&f, 20210, t[1]);
    expect_fetch(&f, 20310, t[2]);
    for (int i = 0; i < 3; i++)
        done(&f, t[i], 30000);
    polite_destroy(f.p);
}

static void a_crawl_that_goes_on_waits_one_delay(void **state) {
    static const struct wit_crawler_host mine = { "mine.test", 0, 8 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.hosts = &mine;
    f.cfg.host_count = 1;
    begin(&f);
    polite_go_on(f.p, 5000);
    push(&f, "http://x.test/", 5001);
    push(&f, "http://mine.test/", 5001);
    expect(&f, 5001, POLITE_ROBOTS); /* of mine.test */
    expect(&f, 5999, POLITE_NOTHING);
    expect(&f, 6000, POLITE_ROBOTS);
    polite_destroy(f.p);
}

/* Paths are judged one a turn, not all that wait in one. */
static void paths_are_judged_when_the_files_are_there(void **state) {
    struct fixture f = { .tdmrep = true, .cfg = wit_crawler_config_default() };
    f.cfg.delay_ms = 0;
    f.cfg.concurrency = 4;
    begin(&f);
    struct crawl_task *a = push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    rules(&f, "User-agent: *\nDisallow: /no\n", 0);
    expect(&f, 0, POLITE_TDMREP);
    struct polite_origin *o = f.turn.origin;
    push(&f, "http://x.test/no", 0);
    expect(&f, 0, POLITE_NOTHING);
    polite_tdmrep(f.p, o, NULL, true, 0);
    expect_fetch(&f, 0, a);
    expect_refused(&f, 0, "robots_denied");
    done(&f, a, 0);
    polite_destroy(f.p);
}

/* A domain is due when its delay is over, or when it gets something to do after that. */
static void lateness_is_what_a_due_domain_waits(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    struct crawl_task *a = push(&f, "http://x.test/a", 100), *b = push(&f, "http://x.test/b", 100);
    expect(&f, 130, POLITE_ROBOTS); /* 30 late */
    polite_robots_allow(f.p, f.turn.origin, NULL, 140);
    expect_fetch(&f, 1140, a); /* in time: due since then only */
    done(&f, a, 1200);
    expect_fetch(&f, 2207, b); /* 7 late */
    done(&f, b, 2210);
    struct crawl_task *c = push(&f, "http://x.test/c", 9000);
    expect_fetch(&f, 9001, c); /* 1 late */
    done(&f, c, 9002);
    const struct lateness *late = polite_lateness(f.p);
    assert_int_equal(late->total, 4);
    assert_int_equal(late->most_ms, 30);
    assert_int_equal(lateness_quantile_ms(late, 0.5), 4);
    assert_int_equal(lateness_quantile_ms(late, 0.75), 8);
    assert_int_equal(lateness_quantile_ms(late, 1), 30);
    struct lateness wide = { .total = 0 };
    for (uint64_t ms = 1; ms < 1000000; ms += 7)
        lateness_note(&wide, ms);
    lateness_note(&wide, UINT64_MAX);
    assert_in_range(lateness_quantile_ms(&wide, 0.0005), 500, 504);
    assert_in_range(lateness_quantile_ms(&wide, 0.1), 100000, 112500);
    assert_in_range(lateness_quantile_ms(&wide, 0.9), 900000, 1000000);
    polite_destroy(f.p);
}

static void subdomains_share_the_delay(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    push(&f, "http://a.example.co.uk/", 0);
    push(&f, "http://b.example.co.uk/", 0);
    struct crawl_task *other = push(&f, "http://example.org/", 0);
    expect(&f, 0, POLITE_ROBOTS);
    struct polite_origin *a = f.turn.origin;
    expect(&f, 0, POLITE_ROBOTS); /* of example.org */
    polite_robots_allow(f.p, f.turn.origin, NULL, 10);
    polite_robots_allow(f.p, a, NULL, 10);
    expect(&f, 1009, POLITE_NOTHING);
    bool seen_other = false;
    for (int i = 0; i < 2; i++) {
        expect(&f, 1010, POLITE_FETCH);
        seen_other |= f.turn.task == other;
        done(&f, f.turn.task, 1010);
    }
    assert_true(seen_other);
    expect(&f, 2009, POLITE_NOTHING);
    expect(&f, 2010, POLITE_ROBOTS); /* of b.example.co.uk, a second after the page of a */
    polite_robots_allow(f.p, f.turn.origin, NULL, 2000);
    polite_destroy(f.p);
}

static void crawl_delay_is_obeyed_and_bounded(void **state) {
    static const struct wit_crawler_host mine = { "mine.test", 0, 8 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.hosts = &mine;
    f.cfg.host_count = 1;
    begin(&f);
    struct crawl_task *a = push(&f, "http://x.test/a", 0), *b = push(&f, "http://x.test/b", 0);
    expect(&f, 0, POLITE_ROBOTS);
    rules(&f, "User-agent: witbot\nCrawl-delay: 7.5\n", 100);
    expect(&f, 7599, POLITE_NOTHING);
    expect_fetch(&f, 7600, a);
    done(&f, a, 7600);
    expect(&f, 15099, POLITE_NOTHING);
    expect_fetch(&f, 15100, b);
    done(&f, b, 15100);
    a = push(&f, "http://y.test/a", 0);
    expect(&f, 15000, POLITE_ROBOTS);
    rules(&f, "User-agent: *\nCrawl-delay: 86400\n", 15000);
    assert_int_equal(polite_due_ms(f.p), 15000 + 300000);
    /* what the user says of his own host goes before what the host says */
    a = push(&f, "http://mine.test/a", 0);
    expect(&f, 15000, POLITE_ROBOTS);
    rules(&f, "User-agent: *\nCrawl-delay: 10\n", 15000);
    expect_fetch(&f, 15000, a);
    done(&f, a, 15000);
    polite_destroy(f.p);
}

static void concurrency_is_a_ceiling(void **state) {
    static const struct wit_crawler_host mine = { "127.0.0.1", 0, 3 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    struct crawl_task *running[3];
    f.cfg.hosts = &mine;
    f.cfg.host_count = 1;
    begin(&f);
    for (int i = 0; i < 5; i++)
        push(&f, "http://127.0.0.1:8080/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    for (int i = 0; i < 3; i++) {
        expect(&f, 0, POLITE_FETCH);
        running[i] = f.turn.task;
    }
    expect(&f, 99999, POLITE_NOTHING);
    done(&f, running[1], 0);
    expect(&f, 0, POLITE_FETCH);
    running[1] = f.turn.task;
    expect(&f, 0, POLITE_NOTHING);
    for (int i = 0; i < 3; i++)
        done(&f, running[i], 0);
    polite_destroy(f.p);
}

static void overload_rests_the_domain(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    for (int i = 0; i < 4; i++)
        push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    expect(&f, 1000, POLITE_FETCH);
    polite_done(f.p, f.turn.task, PACE_OVERLOADED, 12345, 1000);
    crawl_task_destroy(f.turn.task);
    assert_int_equal(polite_due_ms(f.p), 1000 + 12345);
    expect(&f, 13345, POLITE_FETCH);
    polite_done(f.p, f.turn.task, PACE_OVERLOADED, 0, 14000); /* the second in a row */
    crawl_task_destroy(f.turn.task);
    assert_int_equal(polite_due_ms(f.p), 14000 + 2 * 15 * 2000);
    expect(&f, 74000, POLITE_FETCH);
    polite_done(f.p, f.turn.task, PACE_OVERLOADED, 300000, 74000);
    crawl_task_destroy(f.turn.task);
    assert_int_equal(polite_due_ms(f.p), 74000 + 300000); /* max_wait_ms */
    expect(&f, 374000, POLITE_FETCH);
    done(&f, f.turn.task, 374000);
    /* three rests made the delay 1 + 1 * 2 * 2 s; thirty good answers halve what they added */
    struct crawl_task *t = push(&f, "http://x.test/b", 374000);
    expect(&f, 378999, POLITE_NOTHING);
    uint64_t now_ms = 379000;
    for (int i = 0; i < 29; i++, now_ms += 5000) {
        expect_fetch(&f, now_ms, t);
        done(&f, t, now_ms);
        t = push(&f, "http://x.test/b", now_ms);
    }
    expect_fetch(&f, now_ms, t);
    done(&f, t, now_ms);
    t = push(&f, "http://x.test/b", now_ms);
    expect(&f, now_ms + 2999, POLITE_NOTHING);
    expect_fetch(&f, now_ms + 3000, t);
    done(&f, t, now_ms + 3000);
    polite_destroy(f.p);
}

/* A longer rest than one waits for is kept all the same: nobody waits, and nothing is asked. */
static void a_long_rest_is_kept_and_not_waited_for(void **state) {
    enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, WAIT_MS = 300000 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    for (int i = 0; i < 3; i++)
        push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    expect(&f, 1000, POLITE_FETCH);
    polite_done(f.p, f.turn.task, PACE_OVERLOADED, HOUR_MS, 2000);
    crawl_task_destroy(f.turn.task);
    for (int i = 0; i < 2; i++)
        expect_refused(&f, 2000, "host_rests"); /* at once */
    expect(&f, 2000, POLITE_NOTHING);
    push(&f, "http://sub.x.test/b", HOUR_MS); /* too long still? */
    assert_int_equal(polite_due_ms(f.p), 2000 + HOUR_MS);
    expect(&f, 1999 + HOUR_MS, POLITE_NOTHING);
    expect(&f, 2000 + HOUR_MS, POLITE_ROBOTS);
    polite_robots_answered(f.p, f.turn.origin, PACE_OVERLOADED, 10 * (uint64_t)DAY_MS,
                           HOUR_MS + 3000);
    polite_robots_deny(f.p, f.turn.origin, "robots_unreachable", HOUR_MS + 3000);
    expect_refused(&f, HOUR_MS + 3000, "host_rests");
    /* a day at the most; what comes when a wait is left waits */
    push(&f, "http://x.test/c", HOUR_MS + 3000 + DAY_MS - WAIT_MS - 1);
    expect_refused(&f, HOUR_MS + 3000 + DAY_MS - WAIT_MS - 1, "host_rests");
    push(&f, "http://x.test/c", HOUR_MS + 3000 + DAY_MS - WAIT_MS - 1);
    expect(&f, HOUR_MS + 3000 + DAY_MS - WAIT_MS, POLITE_NOTHING); /* came to wait just so */
    assert_int_equal(polite_due_ms(f.p), HOUR_MS + 3000 + DAY_MS);
    expect(&f, HOUR_MS + 3000 + DAY_MS, POLITE_ROBOTS); /* a day is over: rules anew */
    polite_destroy(f.p);
}

static void a_domain_that_rests_again_and_again_is_given_up(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.max_rests = 3;
    begin(&f);
    for (int i = 0; i < 40; i++)
        push(&f, i % 2 ? "http://x.test/a" : "http://sub.x.test/a", 0);
    uint64_t now_ms = 0;
    unsigned fetched = 0;
    enum polite_step step;
    while ((step = polite_next(f.p, now_ms, &f.turn)) != POLITE_REFUSED) {
        if (step == POLITE_NOTHING) {
            now_ms = polite_due_ms(f.p);
        } else if (step == POLITE_ROBOTS) {
            polite_robots_allow(f.p, f.turn.origin, NULL, now_ms);
        } else {
            fetched++;
            polite_done(f.p, f.turn.task, PACE_FORBIDDEN, 0, now_ms);
            crawl_task_destroy(f.turn.task);
        }
    }
    assert_int_equal(fetched, 4 * 5); /* each five times 403 is a rest, the fourth the end */
    assert_true(now_ms >= 30000 + 60000 + 120000);
    assert_string_equal(f.turn.reason, "host_gave_up");
    crawl_task_destroy(f.turn.task);
    for (int i = 0; i < 19; i++)
        expect_refused(&f, now_ms, "host_gave_up"); /* at once */
    push(&f, "http://x.test/late", now_ms + 1);
    expect_refused(&f, now_ms + 1, "host_gave_up");
    polite_destroy(f.p);
}

enum { IDLE_BYTES = (16 << 20) + 65536 }; /* that are kept, and one domain of many origins */

static void a_domain_that_was_given_up_is_not_forgotten(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.max_rests = 1;
    begin(&f);
    for (int i = 0; i < 2; i++)
        push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    uint64_t now_ms = 1000;
    for (int i = 0; i < 2; i++, now_ms += 30000) {
        expect(&f, now_ms, POLITE_FETCH);
        polite_done(f.p, f.turn.task, PACE_OVERLOADED, 0, now_ms);
        crawl_task_destroy(f.turn.task);
    }
    for (int i = 0; i < 140000; i++) { /* strangers come and go */
        char url[64];
        snprintf(url, sizeof url, "http://d%d.test/", i);
        push(&f, url, now_ms);
        expect(&f, now_ms, POLITE_ROBOTS);
        polite_robots_deny(f.p, f.turn.origin, "dns_nxdomain", now_ms);
        now_ms += 1000;
        expect_refused(&f, now_ms, "dns_nxdomain");
    }
    assert_true(polite_totals(f.p).idle_bytes < IDLE_BYTES);
    push(&f, "http://x.test/a", now_ms);
    expect_refused(&f, now_ms, "host_gave_up");
    polite_destroy(f.p);
}

static void rules_are_asked_for_again(void **state) {
    enum { DAY_MS = 24 * 3600 * 1000, HOUR_MS = 3600 * 1000 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    struct crawl_task *t = push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    assert_int_equal(polite_origin_tries(f.turn.origin), 0);
    polite_robots_retry(f.p, f.turn.origin, 2500, 100);
    expect(&f, 2599, POLITE_NOTHING);
    expect(&f, 2600, POLITE_ROBOTS);
    assert_int_equal(polite_origin_tries(f.turn.origin), 1);
    rules(&f, "User-agent: *\nDisallow: /b\n", 3000);
    expect_fetch(&f, 4000, t);
    done(&f, t, 4100);
    push(&f, "http://x.test/b", DAY_MS);
    expect_refused(&f, DAY_MS, "robots_denied"); /* still the rules of yesterday */
    push(&f, "http://x.test/b", DAY_MS + 3000);
    expect(&f, DAY_MS + 3000, POLITE_ROBOTS);
    polite_robots_deny(f.p, f.turn.origin, "robots_unreachable", DAY_MS + 4000);
    expect_refused(&f, DAY_MS + 5000, "robots_unreachable");
    push(&f, "http://x.test/b", DAY_MS + 6000);
    expect_refused(&f, DAY_MS + 6000, "robots_unreachable");
    push(&f, "http://x.test/b", DAY_MS + HOUR_MS + 4000);
    expect(&f, DAY_MS + HOUR_MS + 4000, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, DAY_MS + HOUR_MS + 4000);
    polite_destroy(f.p);
}

static void strangers_are_forgotten_but_not_their_delays(void **state) {
    enum { MANY = 150000, SUBDOMAINS = 256 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    uint64_t now_ms = 0;
    begin(&f);
    for (int i = 0; i < MANY; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://d%d.test/", i);
        push(&f, url, now_ms);
        expect(&f, now_ms, POLITE_ROBOTS);
        polite_robots_deny(f.p, f.turn.origin, "dns_nxdomain", now_ms);
        now_ms += 1000; /* denied tasks come out when the delay of the request is over */
        expect_refused(&f, now_ms, "dns_nxdomain");
    }
    assert_true(polite_totals(f.p).domains < MANY / 2);
    assert_true(polite_totals(f.p).idle_bytes < IDLE_BYTES);
    /* one domain with endless subdomains */
    for (int i = 0; i < 2000; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://s%d.spam.test/", i);
        push(&f, url, now_ms);
        expect(&f, now_ms, POLITE_ROBOTS);
        polite_robots_deny(f.p, f.turn.origin, "dns_nxdomain", now_ms);
        now_ms += 1000;
        expect_refused(&f, now_ms, "dns_nxdomain");
    }
    assert_true(polite_totals(f.p).origins <= polite_totals(f.p).domains + SUBDOMAINS);
    polite_destroy(f.p);
}

static void rules_have_a_ceiling(void **state) {
    enum { ORIGINS = 250, RULES = 10000, MOST_BYTES = 128 << 20, ONE_BYTES = 3 << 20 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    struct wit_buf text = WIT_BUF_INIT(WIT_CRAWLER_ROBOTS_MAX_BYTES);
    size_t most_bytes = 0;
    wit_buf_append_cstr(&text, "User-agent: *\nAllow: /\n");
    for (int i = 0; i < RULES; i++)
        wit_buf_printf(&text, "Disallow: /n/%d\n", i);
    f.cfg.delay_ms = 0;
    begin(&f);
    /* subdomains that all have tasks waiting, so none of them is idle */
    for (int i = 0; i < 2 * ORIGINS; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://s%d.spam.test/", i % ORIGINS);
        push(&f, url, 0);
    }
    for (int i = 0; i < ORIGINS; i++) {
        struct wit_crawler_robots *robots = NULL;
        expect(&f, (uint64_t)i, POLITE_ROBOTS);
        must(wit_crawler_robots_parse(text.data, text.len, &robots, &err));
        polite_robots_allow(f.p, f.turn.origin, robots, (uint64_t)i);
        size_t bytes = polite_totals(f.p).robots_bytes;
        assert_true(bytes <= MOST_BYTES + ONE_BYTES);
        most_bytes = bytes > most_bytes ? bytes : most_bytes;
        expect(&f, (uint64_t)i, POLITE_FETCH);
        done(&f, f.turn.task, (uint64_t)i);
    }
    assert_true(most_bytes > MOST_BYTES - ONE_BYTES); /* it was reached */
    wit_buf_finish(&text);
    polite_destroy(f.p);
}

static void a_burst_of_overload_counts_once(void **state) {
    static const struct wit_crawler_host own = { "x.test", 0, 8 };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    struct crawl_task *running[8];
    f.cfg.hosts = &own;
    f.cfg.host_count = 1;
    begin(&f);
    for (int i = 0; i < 9; i++)
        push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 0);
    for (int i = 0; i < 8; i++) {
        expect(&f, 0, POLITE_FETCH);
        running[i] = f.turn.task;
    }
    for (int i = 0; i < 8; i++) {
        polite_done(f.p, running[i], PACE_OVERLOADED, 0, 100 + (uint64_t)i);
        crawl_task_destroy(running[i]);
    }
    assert_int_equal(polite_due_ms(f.p), 100 + 15 * 2000);
    polite_destroy(f.p);
}

static void tdmrep(struct fixture *f, const char *text, uint64_t now_ms) {
    struct wit_crawler_tdmrep *t = NULL;
    must(wit_crawler_tdmrep_parse(text, strlen(text), &t, &err));
    polite_tdmrep(f->p, f->turn.origin, t, true, now_ms);
}

static void tdmrep_comes_second_and_counts_as_a_request(void **state) {
    enum { DAY_MS = 24 * 3600 * 1000, HOUR_MS = 3600 * 1000 };
    struct fixture f = { .tdmrep = true, .cfg = wit_crawler_config_default() };
    begin(&f);
    struct crawl_task *a = push(&f, "http://x.test/a", 0), *b = push(&f, "http://x.test/b", 0);
    expect(&f, 0, POLITE_ROBOTS);
    rules(&f, "User-agent: *\nContent-Usage: train-ai=y\n", 100);
    expect(&f, 1099, POLITE_NOTHING);
    expect(&f, 1100, POLITE_TDMREP);
    expect(&f, 9000, POLITE_NOTHING);
    polite_robots_retry(f.p, f.turn.origin, 2500, 9000);
    expect(&f, 11499, POLITE_NOTHING);
    expect(&f, 11500, POLITE_TDMREP);
    assert_int_equal(polite_origin_tries(f.turn.origin), 1);
    tdmrep(&f, "[{\"location\":\"/a\",\"tdm-reservation\":1}]", 11600);
    expect_fetch(&f, 12600, a); /* the answer may still take it back */
    assert_int_equal(a->directives, WIT_CRAWLER_TDM_RESERVED);
    assert_true(wit_str_eq(wit_buf_view(&a->rights), WIT_STR("robots.content-usage: train-ai=y\n"
                                                             "tdmrep.tdm-reservation: 1\n")));
    done(&f, a, 12600);
    expect_fetch(&f, 13600, b);
    assert_int_equal(b->directives, 0);
    done(&f, b, 13600);
    /* a day later both are asked for again; without an answer nothing is said for an hour */
    a = push(&f, "http://x.test/a", 2 * DAY_MS);
    expect(&f, 2 * DAY_MS, POLITE_ROBOTS);
    polite_robots_allow(f.p, f.turn.origin, NULL, 2 * DAY_MS);
    expect(&f, 2 * DAY_MS + 1000, POLITE_TDMREP);
    polite_tdmrep(f.p, f.turn.origin, NULL, false, 2 * DAY_MS + 1000);
    expect_fetch(&f, 2 * DAY_MS + 2000, a);
    assert_int_equal(a->directives, 0);
    done(&f, a, 2 * DAY_MS + 2000);
    a = push(&f, "http://x.test/a", 2 * DAY_MS + HOUR_MS + 1000);
    expect(&f, 2 * DAY_MS + HOUR_MS + 1000, POLITE_TDMREP);
    polite_tdmrep(f.p, f.turn.origin, NULL, true, 2 * DAY_MS + HOUR_MS + 1000);
    polite_destroy(f.p);
}

static void tdmrep_that_the_rules_forbid_says_nothing(void **state) {
    struct fixture f = { .tdmrep = true, .cfg = wit_crawler_config_default() };
    begin(&f);
    struct crawl_task *a = push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    rules(&f, "User-agent: *\nDisallow: /.well-known/\n", 0);
    expect_fetch(&f, 1000, a);
    done(&f, a, 1000);
    polite_destroy(f.p);
}

static void robots_reserve_images_and_pages_pairs(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.delay_ms = 0;
    begin(&f);
    push(&f, "http://x.test/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    rules(&f, "User-agent: *\nContent-Usage: /a train-ai=n\nContent-Signal: /b ai-train=no\n", 0);
    expect_refused(&f, 0, "content_usage");
    push(&f, "http://x.test/b", 0);
    expect_refused(&f, 0, "content_signal");
    struct crawl_task *page = crawl_task_create(WIT_CRAWLER_PAGE, WIT_STR("http://x.test/a"));
    assert_non_null(page);
    must(polite_push(f.p, page, 0));
    expect_fetch(&f, 0, page); /* its links may be followed */
    assert_int_equal(page->directives, WIT_CRAWLER_USAGE_RESERVED);
    done(&f, page, 0);
    f.cfg.ignore |= WIT_CRAWLER_IGNORE_AIPREF;
    struct crawl_task *a = push(&f, "http://x.test/a", 0);
    expect_fetch(&f, 0, a);
    assert_int_equal(a->directives, 0);
    done(&f, a, 0);
    polite_destroy(f.p);
}

static void other_agents_groups_count_where_they_are_named(void **state) {
    static const char *const others[] = { "CCBot", "GPTBot" };
    struct fixture f = { .cfg = wit_crawler_config_default() };
    f.cfg.delay_ms = 0;
    f.cfg.obey_agents = others;
    f.cfg.obey_agent_count = 2;
    begin(&f);
    push(&f, "http://x.test/gpt/a", 0);
    expect(&f, 0, POLITE_ROBOTS);
    rules(&f,
          "User-agent: *\nDisallow: /star\nUser-agent: witbot\nDisallow: /wit\n"
          "User-agent: gptbot\nDisallow: /gpt\n",
          0);
    expect_refused(&f, 0, "robots_other_agent");
    push(&f, "http://x.test/wit", 0);
    expect_refused(&f, 0, "robots_denied");
    struct crawl_task *t = push(&f, "http://x.test/star", 0); /* nobody names CCBot */
    expect_fetch(&f, 0, t);
    done(&f, t, 0);
    f.cfg.ignore |= WIT_CRAWLER_IGNORE_ROBOTS; /* that is our own rules */
    t = push(&f, "http://x.test/wit", 0);
    expect_fetch(&f, 0, t);
    done(&f, t, 0);
    push(&f, "http://x.test/gpt", 0);
    expect_refused(&f, 0, "robots_other_agent");
    polite_destroy(f.p);
}

static void an_address_must_be_canonical(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_IMAGE, WIT_STR("http://x.test/./a"));
    assert_int_equal(polite_push(f.p, t, 0), WIT_EFORMAT);
    crawl_task_destroy(t);
    polite_destroy(f.p);
}

static void what_is_no_address_stays_the_callers(void **state) {
    struct fixture f = { .cfg = wit_crawler_config_default() };
    begin(&f);
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_PAGE, WIT_STR("mailto:a@b"));
    assert_int_equal(polite_push(f.p, t, 0), WIT_EFORMAT);
    crawl_task_destroy(t);
    push(&f, "http://left.test/", 0); /* destroyed with the queue */
    expect(&f, 0, POLITE_ROBOTS);
    polite_destroy(f.p);
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
        cmocka_unit_test(robots_come_first_and_count_as_a_request),
        cmocka_unit_test(rules_refuse_by_path_and_by_origin),
        cmocka_unit_test(the_delay_counts_from_when_a_request_was_heard),
        cmocka_unit_test(nothing_starts_before_the_last_one_was_heard),
        cmocka_unit_test(a_crawl_that_goes_on_waits_one_delay),
        cmocka_unit_test(paths_are_judged_when_the_files_are_there),
        cmocka_unit_test(lateness_is_what_a_due_domain_waits),
        cmocka_unit_test(subdomains_share_the_delay),
        cmocka_unit_test(crawl_delay_is_obeyed_and_bounded),
        cmocka_unit_test(concurrency_is_a_ceiling),
        cmocka_unit_test(overload_rests_the_domain),
        cmocka_unit_test(a_long_rest_is_kept_and_not_waited_for),
        cmocka_unit_test(a_domain_that_rests_again_and_again_is_given_up),
        cmocka_unit_test(a_domain_that_was_given_up_is_not_forgotten),
        cmocka_unit_test(rules_are_asked_for_again),
        cmocka_unit_test(strangers_are_forgotten_but_not_their_delays),
        cmocka_unit_test(rules_have_a_ceiling),
        cmocka_unit_test(a_burst_of_overload_counts_once),
        cmocka_unit_test(tdmrep_comes_second_and_counts_as_a_request),
        cmocka_unit_test(tdmrep_that_the_rules_forbid_says_nothing),
        cmocka_unit_test(robots_reserve_images_and_pages_pairs),
        cmocka_unit_test(other_agents_groups_count_where_they_are_named),
        cmocka_unit_test(an_address_must_be_canonical),
        cmocka_unit_test(what_is_no_address_stays_the_callers),
    };
    return cmocka_run_group_tests_name("crawl_parts", tests, NULL, NULL);
}
