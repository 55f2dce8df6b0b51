/* polite_fixture.c: see polite_fixture.h. */
#include "polite_fixture.h"

struct wit_error polite_err;

void polite_must(int st) {
    if (st < 0)
        print_error("%s\n", polite_err.text);
    assert_true(st >= 0);
}

void fixture_begin(struct polite_fixture *f) {
    if (!f->tdmrep)
        f->cfg.ignore |= WIT_CRAWLER_IGNORE_TDM;
    polite_must(polite_create(&f->cfg, &f->p, &polite_err));
}

struct crawl_task *fixture_push(struct polite_fixture *f, const char *url, uint64_t now_ms) {
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_IMAGE, wit_str_from(url));
    assert_non_null(t);
    polite_must(polite_push(f->p, t, now_ms));
    return t;
}

void fixture_expect(struct polite_fixture *f, uint64_t now_ms, enum polite_step step) {
    assert_int_equal(polite_next(f->p, now_ms, &f->turn), step);
}

void fixture_expect_fetch(struct polite_fixture *f, uint64_t now_ms, const struct crawl_task *t) {
    fixture_expect(f, now_ms, POLITE_FETCH);
    assert_ptr_equal(f->turn.task, t);
}

void fixture_expect_refused(struct polite_fixture *f, uint64_t now_ms, const char *reason) {
    fixture_expect(f, now_ms, POLITE_REFUSED);
    assert_string_equal(f->turn.reason, reason);
    crawl_task_destroy(f->turn.task);
}

void fixture_done(struct polite_fixture *f, struct crawl_task *t, uint64_t now_ms) {
    polite_done(f->p, t, PACE_FINE, 0, now_ms);
    crawl_task_destroy(t);
}

void fixture_rules(struct polite_fixture *f, const char *text, uint64_t now_ms) {
    struct wit_crawler_robots *robots = NULL;
    polite_must(wit_crawler_robots_parse(text, strlen(text), &robots, &polite_err));
    polite_robots_allow(f->p, f->turn.origin, robots, now_ms);
}
