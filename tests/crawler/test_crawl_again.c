/*
 * test_crawl_again.c: whole crawls that ask again, are held, and are looked at.
 */
#include "crawl_site.h"

#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* ---- asking again, holding, looking ---------------------------------------------------------- */

static const struct answer weak_pages[] = {
    { "/start", .type = HTML,
      .body = "<a href=weak>w</a><a href=gone>g</a><img src='{I}/weak.png' alt='a weak one'>"
              "<img src='{I}/gone.png' alt='a lost one'>" },
    { "/weak", .type = HTML, .busy = 1, .body = "<a href=deep>d</a>" },
    { "/deep", .type = HTML, .body = "<img src='{I}/strong.png' alt='a strong one'>" },
};

static const struct answer weak_images[] = {
    { "/weak.png", .type = "image/png", .busy = 1, .body = "png:weak" },
    { "/strong.png", .type = "image/png", .body = "png:strong" },
};

#define WEAK weak_pages, WIT_COUNT_OF(weak_pages), weak_images, WIT_COUNT_OF(weak_images)

static void what_was_refused_is_asked_for_again_when_told_to(void **state) {
    struct world w;
    world_start(&w, WEAK);
    w.cfg.retries = 0;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    must(wit_crawler_run(&w.cfg, &w.report, &err)); /* not told to */
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_429"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "http_429"), 1);
    assert_int_equal(asked(&w.pages, "/weak"), 1);
    assert_int_equal(asked(&w.images, "/weak.png"), 1);

    w.cfg.retry_failed = "may-heal";
    w.cfg.max_depth = 1; /* the page keeps its depth: what it links to is too deep */
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 2);
    assert_int_equal(w.report.pages_left, 1);
    assert_int_equal(w.report.images, 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_429"), 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "http_429"), 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "http_404"), 1);
    assert_int_equal(asked(&w.images, "/gone.png"), 1);

    w.cfg.max_depth = 10;
    w.cfg.retry_failed = "http_429,http_404";
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 3);
    assert_int_equal(w.report.images, 2);
    assert_int_equal(asked(&w.images, "/gone.png"), 2);
    assert_int_equal(asked(&w.pages, "/gone"), 2);
    assert_int_equal(asked(&w.images, "/weak.png"), 2); /* it is stored: nothing to ask again */
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "http_404"), 1);
    world_stop(&w);
}

/* The member of the status as text, quotes included. */
static void assert_status(const struct world *w, const char *member) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    must(wit_crawler_status(w->dir, &text, &err));
    if (wit_str_find(wit_buf_view(&text), wit_str_from(member), 0) < 0)
        fail_msg("%s is not in %.*s", member, WIT_STR_FMT(wit_buf_view(&text)));
    wit_buf_finish(&text);
}

static size_t lines_in(const struct world *w, const char *name) {
    char path[WIT_PATH_MAX];
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    size_t lines = 0;
    snprintf(path, sizeof path, "%.4000s/crawl/%s", w->dir, name);
    must(wit_file_read(path, &text, &err));
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    wit_buf_finish(&text);
    return lines;
}

static void the_status_tells_how_a_run_ended(void **state) {
    struct world w;
    char path[WIT_PATH_MAX];
    world_start(&w, SITE);
    struct wit_buf none = WIT_BUF_INIT(64);
    assert_int_equal(wit_crawler_status(w.dir, &none, &err), WIT_ENOTFOUND);
    assert_int_equal(wit_crawler_pause(w.dir, true, &err), WIT_ENOTFOUND);
    w.cfg.judge = judge_fails;
    assert_int_equal(wit_crawler_run(&w.cfg, &w.report, &err), WIT_ENOMEM);
    assert_status(&w, "\"state\":\"failed\"");
    assert_int_equal(lines_in(&w, "runs.jsonl"), 1);
    w.cfg.judge = NULL;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_status(&w, "\"state\":\"done\"");
    assert_status(&w, "{\"subject\":\"candidate\",\"reason\":\"noai\",\"count\":1}");
    assert_status(&w, "{\"subject\":\"image\",\"reason\":\"address_denied\",\"count\":3}");
    assert_int_equal(lines_in(&w, "runs.jsonl"), 2);

    /* what a killed run leaves: it says that it runs, and nobody holds the folder */
    snprintf(path, sizeof path, "%.4000s/crawl/status.json", w.dir);
    must(wit_file_write_atomic(path, WIT_STR("{\"state\":\"running\",\"pid\":1}\n"), &err));
    assert_status(&w, "\"state\":\"killed\"");
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(lines_in(&w, "runs.jsonl"), 4); /* the killed one's line is made up for */
    world_stop(&w);
}

struct held {
    struct world *w;
    uint64_t since_ms;
    size_t asked_when_paused;
    bool resumed;
};

/* Once the crawl is held and the requests on their way are over, nothing is asked for. */
static void watch_pause(void *user, const struct wit_crawler_progress *p) {
    struct held *h = ((struct world *)user)->held;
    if (!p->paused || h->resumed)
        return;
    if (h->since_ms == 0) {
        h->since_ms = wit_clock_ms();
    } else if (wit_clock_ms() - h->since_ms < 600) {
        h->asked_when_paused = test_server_seen(h->w->pages.server, NULL, 0);
    } else if (wit_clock_ms() - h->since_ms > 1200) {
        assert_status(h->w, "\"state\":\"paused\"");
        h->resumed = true;
        must(wit_crawler_pause(h->w->dir, false, &err));
        assert_int_equal(test_server_seen(h->w->pages.server, NULL, 0), h->asked_when_paused);
    }
}

static void a_paused_crawl_starts_nothing(void **state) {
    struct world w;
    struct held held = { .w = &w };
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.max_pages = 2;
    must(wit_crawler_run(&w.cfg, &w.report, &err)); /* there is a crawl that can be held */
    must(wit_crawler_pause(w.dir, true, &err));
    w.held = &held;
    w.cfg.max_pages = 0;
    w.cfg.progress = watch_pause;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_true(held.resumed);
    assert_int_equal(w.report.pages, CHAIN + 1);
    world_stop(&w);
}

struct outcomes {
    size_t rows, stored, refused;
};

static int count_outcome(void *user, const struct wit_shards_candidate *cand,
                         const struct wit_shards_outcome *o, struct wit_error *e) {
    struct outcomes *n = user;
    n->rows++;
    n->stored += o->status == 1;
    n->refused += o->status == 2;
    if (wit_str_ends_with(cand->url, WIT_STR("/one.png"))) {
        struct wit_buf bytes = WIT_BUF_INIT(1024);
        must(wit_buf_append_str(&bytes, site_png()));
        must(wit_buf_append_byte(&bytes, '1'));
        assert_true(wit_hash128_eq(o->key, wit_hash128_of(bytes.data, bytes.len)));
        assert_int_equal(o->width_px, 1);
        assert_int_equal(o->fetched_height_px, 1);
        wit_buf_finish(&bytes);
    }
    if (wit_str_ends_with(cand->url, WIT_STR("/reserved.png")))
        assert_true(wit_str_eq(o->reason, WIT_STR("tdm_reserved")));
    return 0;
}

static void every_candidate_has_its_outcome(void **state) {
    struct world w;
    struct outcomes n = { 0, 0, 0 };
    world_start(&w, SITE);
    assert_int_equal(wit_shards_outcomes_each(w.dir, count_outcome, &n, &err), WIT_ENOTFOUND);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    must(wit_shards_outcomes_each(w.dir, count_outcome, &n, &err));
    assert_int_equal(n.rows, w.report.candidates);
    assert_int_equal(n.stored, w.report.images + 1); /* one.png has two texts */
    assert_int_equal(n.refused, w.report.images_refused);
    assert_int_equal(n.stored + n.refused, n.rows);
    world_stop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_refused_is_asked_for_again_when_told_to),
        cmocka_unit_test(the_status_tells_how_a_run_ended),
        cmocka_unit_test(a_paused_crawl_starts_nothing),
        cmocka_unit_test(every_candidate_has_its_outcome),
    };
    return cmocka_run_group_tests_name("crawl_again", tests, NULL, NULL);
}
