/*
 * test_crawl_list.c: whole crawls from lists of image URLs, against a server on loopback. /i/N is a
 * PNG of its own, unless 7 divides N: then there is none.
 */
#include "shards/collection.h"
#include "test_server.h"
#include "wit_crawler_list.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* A 1x1 PNG. Bytes behind its end are allowed and make images differ. */
static const uint8_t png[] = { 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00,
                               0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x01,
                               0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90,
                               0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41,
                               0x54, 0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03,
                               0x01, 0x01, 0x00, 0x18, 0xdd, 0x8d, 0xb0, 0x00, 0x00, 0x00,
                               0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82 };

enum { IMAGES = 700, IMAGE_BYTES = sizeof png + 1 };

/* Image n ends in one byte of n and, so that all differ, as many zeros as n has in 256. */
static uint8_t bodies[IMAGES][IMAGE_BYTES + IMAGES / 256];

static void bodies_make(void) {
    for (unsigned n = 0; n < IMAGES; n++) {
        memcpy(bodies[n], png, sizeof png);
        bodies[n][sizeof png] = (uint8_t)n;
    }
}

static struct wit_str image_of(unsigned n) {
    return wit_str_of(bodies[n], IMAGE_BYTES + n / 256);
}

static void handle(void *user, const struct test_request *req, struct test_reply *reply) {
    unsigned n;
    reply->status = 404;
    reply->wait_ms = *(const unsigned *)user;
    if (strcmp(req->path, "/page") == 0) {
        reply->status = 200;
        reply->type = "text/html";
        reply->body = "<img src='/i/1' alt='of the page'>";
        reply->body_len = strlen(reply->body);
    } else if (sscanf(req->path, "/i/%u", &n) == 1 && n < IMAGES && n % 7 != 0) {
        reply->status = 200;
        reply->type = "image/png";
        reply->body_len = image_of(n).len;
        reply->body = image_of(n).data;
    }
}

struct world {
    struct test_server *server;
    unsigned wait_ms;
    char dir[WIT_PATH_MAX], list_path[WIT_PATH_MAX], origin[64];
    const char *paths[1];
    struct wit_net_cidr allow;
    struct wit_crawler_host host;
    struct wit_crawler_list_config list_cfg;
    struct wit_crawler_config cfg;
    struct wit_crawler_report report;
    uint64_t most_in_flight, judged, fail_at;
};

/* Settings of a crawl in w->dir; the server's port comes later. */
static void world_prepare(struct world *w) {
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    must(wit_net_cidr_parse(WIT_STR("127.0.0.1/32"), &w->allow, &err));
    w->host = (struct wit_crawler_host){ "127.0.0.1", 0, 8 };
    w->cfg = wit_crawler_config_default();
    w->cfg.dir = w->dir;
    w->cfg.allow_net = &w->allow;
    w->cfg.allow_net_count = 1;
    w->cfg.hosts = &w->host;
    w->cfg.host_count = 1;
    w->cfg.retries = 0;
    w->cfg.deadline_ms = 5000;
    w->cfg.commit_ms = 20;
    w->cfg.user = w;
}

static void world_start(struct world *w) {
    world_prepare(w);
    w->server = test_server_start("127.0.0.1", handle, &w->wait_ms);
    snprintf(w->origin, sizeof w->origin, "http://127.0.0.1:%u", test_server_port(w->server));
}

static void world_stop(struct world *w) {
    test_server_stop(w->server);
    wit_crawler_report_finish(&w->report);
    scratch_remove(w->dir);
}

/* The list; {O} is the server. */
static void list_put(struct world *w, const char *name, const char *text) {
    struct wit_buf out = WIT_BUF_INIT(64 << 20);
    for (; *text; text++) {
        bool origin = strncmp(text, "{O}", 3) == 0;
        must(origin ? wit_buf_append_cstr(&out, w->origin) : wit_buf_append_byte(&out, *text));
        text += origin ? 2 : 0;
    }
    must(wit_path_join(w->list_path, w->dir, name));
    must(wit_file_write_atomic(w->list_path, wit_buf_view(&out), &err));
    wit_buf_finish(&out);
    w->paths[0] = w->list_path;
    w->list_cfg.paths = w->paths;
    w->list_cfg.path_count = 1;
}

/* Crawl from the list; what wit_crawler_run says. */
static int crawl(struct world *w) {
    struct wit_crawler_list *list = NULL;
    struct wit_crawler_feed *feed = NULL;
    must(wit_crawler_list_open(&w->list_cfg, &list, &err));
    must(wit_crawler_list_feed_create(list, &feed, &err));
    w->cfg.feed = feed;
    int st = wit_crawler_run(&w->cfg, &w->report, &err);
    wit_crawler_list_feed_destroy(feed);
    wit_crawler_list_close(list);
    return st;
}

static uint64_t refused(const struct world *w, enum wit_crawler_subject subject,
                        const char *reason) {
    for (size_t i = 0; i < w->report.refusal_count; i++)
        if (w->report.refusals[i].subject == subject &&
            strcmp(w->report.refusals[i].reason, reason) == 0)
            return w->report.refusals[i].count;
    return 0;
}

static size_t requests(struct world *w) {
    return test_server_seen(w->server, NULL, 0);
}

static void origin_has(const struct world *w, unsigned image, const char *text) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf origin = WIT_BUF_INIT(1 << 16);
    must(wit_shards_dataset_open(w->dir, NULL, &ds, &err));
    must(wit_shards_origin(ds, wit_hash128_of(image_of(image).data, image_of(image).len), &origin,
                           &err));
    must(wit_buf_terminate(&origin));
    if (!strstr(origin.data, text))
        fail_msg("'%s' is not in: %s", text, origin.data);
    wit_shards_dataset_close(ds);
    wit_buf_finish(&origin);
}

/* ---- what a list gives ---------------------------------------------------------------------- */

static void images_without_words_are_kept(void **state) {
    struct wit_shards_seal_report sealed;
    struct world w;
    world_start(&w);
    list_put(&w, "urls.txt", "{O}/i/1\n# comment\n{O}/i/2#fragment\n{O}/i/7\n{O}/i/1\nfile:///x\n");
    must(crawl(&w));
    assert_int_equal(w.report.rows, 5);
    assert_int_equal(w.report.pages, 0);
    assert_int_equal(w.report.images, 2);
    assert_int_equal(w.report.candidates, 4);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "http_404"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_ROW, "bad_url"), 1);
    assert_int_equal(test_server_count(w.server, "/i/1"), 1);
    must(seal_simple(w.dir, 1, 0, &sealed, &err));
    assert_int_equal(sealed.samples, 2);
    origin_has(&w, 2, "\"seen\":[{\"caption\":0,\"page\":\"\"}]");

    /* again: nothing is read or asked for, the counts are the same */
    size_t before = requests(&w);
    must(crawl(&w));
    assert_int_equal(requests(&w), before);
    assert_int_equal(w.report.rows, 5);
    assert_int_equal(w.report.candidates, 4);
    assert_int_equal(refused(&w, WIT_CRAWLER_ROW, "bad_url"), 1);
    assert_false(w.report.feed_changed);
    world_stop(&w);
}

static void columns_reach_the_dataset(void **state) {
    static const char *const captions[] = { "caption", "alt" };
    static const char *const keep[] = { "id" };
    struct wit_shards_seal_report sealed;
    struct world w;
    world_start(&w);
    list_put(&w, "urls.csv",
             "id,caption,alt,url\n7,one,\"a\tb\",{O}/i/1\n8,,,{O}/i/2\n9,\"x\",\"x\",{O}/i/3\n");
    w.list_cfg.caption_columns = captions;
    w.list_cfg.caption_count = 2;
    w.list_cfg.keep_columns = keep;
    w.list_cfg.keep_count = 1;
    must(crawl(&w));
    assert_int_equal(w.report.candidates, 5);
    must(seal_simple(w.dir, 1, 0, &sealed, &err));
    assert_int_equal(sealed.samples, 3);
    assert_int_equal(sealed.pairs, 4);
    origin_has(&w, 1, "{\"caption\":0,\"page\":\"\",\"extra\":{\"id\":\"7\"}}");
    origin_has(&w, 2, "{\"caption\":0,\"page\":\"\",\"extra\":{\"id\":\"8\"}}");
    world_stop(&w);
}

static void hashes_are_held_against_the_bytes(void **state) {
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    char hex[2 * WIT_DIGEST_MAX_BYTES + 1], text[1024];
    struct world w;
    world_start(&w);
    int n = wit_digest_of(WIT_DIGEST_SHA256, image_of(1), digest, &err);
    wit_digest_to_hex(wit_str_of(digest, (size_t)n), hex);
    /* the last one is a page: what it is not is what the list promised */
    snprintf(text, sizeof text, "url,h\n{O}/i/1,%s\n{O}/i/2,%s\n{O}/i/3,\n{O}/page,%s\n", hex, hex,
             hex);
    list_put(&w, "urls.csv", text);
    w.list_cfg.hash_column = "h";
    w.list_cfg.hash_kind = WIT_DIGEST_SHA256;
    must(crawl(&w));
    assert_int_equal(w.report.images, 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "hash_mismatch"), 2);
    assert_int_equal(refused(&w, WIT_CRAWLER_ROW, "bad_row"), 1);
    assert_int_equal(test_server_count(w.server, "/i/3"), 0);
    world_stop(&w);
}

static void another_list_begins_anew(void **state) {
    struct world w;
    world_start(&w);
    list_put(&w, "urls.txt", "{O}/i/1\nx\n");
    must(crawl(&w));
    assert_int_equal(refused(&w, WIT_CRAWLER_ROW, "bad_url"), 1);
    list_put(&w, "urls.txt", "{O}/i/1\nx\n{O}/i/2\ny\n");
    must(crawl(&w));
    assert_true(w.report.feed_changed);
    assert_int_equal(w.report.rows, 4);
    assert_int_equal(w.report.images, 2);
    assert_int_equal(refused(&w, WIT_CRAWLER_ROW, "bad_url"), 2); /* of this list */
    assert_int_equal(test_server_count(w.server, "/i/1"), 1);
    world_stop(&w);
}

/* As one from pages: the run before may have asked a moment ago. */
static void a_list_that_goes_on_waits_one_delay(void **state) {
    enum { DELAY_MS = 400, SLACK_MS = 100, SEEN_MOST = 16 };
    struct test_seen seen[SEEN_MOST];
    struct world w;
    world_start(&w);
    w.cfg.host_count = 0;
    w.cfg.delay_ms = DELAY_MS;
    list_put(&w, "one.txt", "{O}/i/1\n");
    must(crawl(&w));
    size_t before = test_server_seen(w.server, NULL, 0);
    list_put(&w, "two.txt", "{O}/i/2\n");
    must(crawl(&w));
    assert_int_equal(w.report.images, 2);
    size_t n = test_server_seen(w.server, seen, SEEN_MOST);
    assert_true(before > 0 && n > before && n <= SEEN_MOST);
    assert_true(seen[before].at_ms - seen[before - 1].at_ms + SLACK_MS >= DELAY_MS);
    world_stop(&w);
}

static void seeds_and_lists_go_together(void **state) {
    char seed[128];
    struct world w;
    world_start(&w);
    list_put(&w, "urls.txt", "{O}/i/1\n{O}/i/2\n");
    snprintf(seed, sizeof seed, "%s/page", w.origin);
    const struct wit_str seeds[] = { wit_str_from(seed) };
    w.cfg.seeds = seeds;
    w.cfg.seed_count = 1;
    must(crawl(&w));
    assert_int_equal(w.report.pages, 1);
    assert_int_equal(w.report.images, 2);
    assert_int_equal(w.report.candidates, 3);
    assert_int_equal(test_server_count(w.server, "/i/1"), 1);
    w.cfg.seed_count = 0; /* the scope stays that of the pages */
    must(crawl(&w));
    assert_false(w.report.scope_changed);
    world_stop(&w);
}

/* ---- bounds, failures ------------------------------------------------------------------------ */

static void note_most(void *user, const struct wit_crawler_progress *p) {
    struct world *w = user;
    if (p->in_flight > w->most_in_flight)
        w->most_in_flight = p->in_flight;
}

/* More of one domain than its share and than may be parked: the rest is read in the log again. */
static void a_long_list_waits_for_room(void **state) {
    enum { ROWS = 20000, CEILING = 20000, NAME_BYTES = 2000 };
    struct wit_buf text = WIT_BUF_INIT(64 << 20);
    char name[NAME_BYTES + 1];
    struct world w;
    world_start(&w);
    memset(name, 'a', NAME_BYTES);
    name[NAME_BYTES] = 0;
    for (int i = 0; i < ROWS; i++) /* nobody listens there */
        must(wit_buf_printf(&text, "http://127.0.0.1:1/%s%d\n", name, i));
    must(wit_buf_terminate(&text));
    list_put(&w, "urls.txt", text.data);
    w.cfg.progress = note_most;
    w.host.concurrency = 64;
    must(crawl(&w));
    assert_int_equal(w.report.rows, ROWS);
    assert_int_equal(w.report.candidates, ROWS); /* none was asked about twice */
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "connect_refused"), ROWS);
    assert_true(w.most_in_flight <= CEILING);
    wit_buf_finish(&text);
    world_stop(&w);
}

static volatile int enough;

static void stop_with_the_quick_ones(void *user, const struct wit_crawler_progress *p) {
    struct world *w = user;
    enough = p->images >= w->judged || wit_clock_ms() > w->fail_at;
}

/* A list that is sorted: first many of a domain that takes its time, then a few of another one. */
static void a_slow_domain_holds_no_other_up(void **state) {
    enum { SLOW = 40000, QUICK = 18 };
    struct wit_buf text = WIT_BUF_INIT(4 << 20);
    struct world w;
    world_start(&w);
    must(wit_net_cidr_parse(WIT_STR("127.0.0.0/8"), &w.allow, &err));
    struct test_server *slow = test_server_start("127.0.0.9", handle, &w.wait_ms);
    for (int i = 0; i < SLOW; i++)
        must(wit_buf_printf(&text, "http://127.0.0.9:%u/i/%d\n", test_server_port(slow),
                            IMAGES + i));
    for (int i = 0; i < QUICK * 7 / 6; i++)
        must(wit_buf_printf(&text, "{O}/i/%d\n", i));
    must(wit_buf_terminate(&text));
    list_put(&w, "urls.txt", text.data);
    w.judged = QUICK - 3;
    enough = 0;
    w.cfg.progress = stop_with_the_quick_ones;
    w.cfg.interrupt = &enough;
    w.fail_at = wit_clock_ms() + 30000; /* the first domain needs eleven hours */
    assert_int_equal(crawl(&w), WIT_ECANCELED);
    assert_true(w.report.images >= w.judged);
    assert_true(w.report.rows > SLOW);
    assert_true(test_server_seen(slow, NULL, 0) < 100);
    wit_buf_finish(&text);
    test_server_stop(slow);
    world_stop(&w);
}

static int judge_until(void *user, const struct wit_shards_candidate *cand, bool *want,
                       struct wit_error *e) {
    struct world *w = user;
    *want = false;
    return ++w->judged == w->fail_at ? wit_error_set(e, WIT_EIO, "the judge has left") : 0;
}

static int words_sum(void *user, const struct wit_shards_candidate *cand, struct wit_error *e) {
    struct wit_hash128 *set = user; /* of each row and caption: how often */
    unsigned row, caption;
    char text[32];
    snprintf(text, sizeof text, "%.*s", WIT_STR_FMT(cand->text));
    assert_int_equal(sscanf(text, "%u-%u", &row, &caption), 2);
    set[3 * row + caption].lo++;
    return 0;
}

/* Three captions a row and slices of a thousand: a commit falls between the captions of a row. */
static void no_caption_is_lost_between_commits(void **state) {
    enum { ROWS = 2000 };
    static const char *const captions[] = { "a", "b", "c" };
    struct wit_hash128 *set = wit_alloc_array(3 * ROWS, sizeof *set);
    struct wit_buf text = WIT_BUF_INIT(4 << 20);
    struct world w;
    world_start(&w);
    must(wit_buf_append_cstr(&text, "url,a,b,c\n"));
    for (int i = 0; i < ROWS; i++)
        must(wit_buf_printf(&text, "{O}/i/%d,%d-0,%d-1,%d-2\n", i, i, i, i));
    must(wit_buf_terminate(&text));
    list_put(&w, "urls.csv", text.data);
    w.list_cfg.caption_columns = captions;
    w.list_cfg.caption_count = 3;
    w.cfg.judge = judge_until;
    w.cfg.commit_ms = 0;
    for (w.fail_at = 700; w.fail_at; w.fail_at = w.fail_at < 6000 ? w.fail_at + 900 : 0) {
        w.judged = 0;
        int st = crawl(&w);
        assert_true(st == WIT_EIO || (st == 0 && w.report.rows == ROWS));
    }
    must(crawl(&w));
    assert_int_equal(w.report.rows, ROWS);
    must(wit_shards_candidates_each(w.dir, words_sum, set, &err));
    for (int i = 0; i < 3 * ROWS; i++)
        assert_true(set[i].lo >= 1);
    free(set);
    wit_buf_finish(&text);
    world_stop(&w);
}

/* ---- kill -9 --------------------------------------------------------------------------------- */

enum { RUNS = 6 };

static void rows_put(struct world *w) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    for (int i = 0; i < IMAGES; i++)
        must(wit_buf_printf(&text, "{\"url\":\"{O}/i/%d\",\"caption\":\"number %d\"}\n%s", i, i,
                            i % 10 ? "" : "{\n"));
    must(wit_buf_terminate(&text));
    list_put(w, "urls.jsonl", text.data);
    wit_buf_finish(&text);
}

/* In a child that was forked before any thread was started: crawl once the port is known. */
static void child(struct world *w, int pipe_end) {
    static const char *const captions[] = { "caption" };
    if (read(pipe_end, w->origin, sizeof w->origin) != (ssize_t)sizeof w->origin)
        _exit(2);
    must(wit_path_join(w->list_path, w->dir, "urls.jsonl"));
    w->paths[0] = w->list_path;
    w->list_cfg = (struct wit_crawler_list_config){
        .paths = w->paths, .path_count = 1, .caption_columns = captions, .caption_count = 1
    };
    _exit(crawl(w) < 0);
}

static void a_killed_crawl_goes_on(void **state) {
    static const char *const captions[] = { "caption" };
    struct wit_shards_seal_report killed, whole;
    struct world w;
    pid_t pids[RUNS];
    int pipes[RUNS][2], status;
    world_prepare(&w);
    for (int i = 0; i < RUNS; i++) {
        assert_int_equal(pipe(pipes[i]), 0);
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            child(&w, pipes[i][0]);
    }
    w.wait_ms = 3;
    w.server = test_server_start("127.0.0.1", handle, &w.wait_ms);
    snprintf(w.origin, sizeof w.origin, "http://127.0.0.1:%u", test_server_port(w.server));
    rows_put(&w);
    w.list_cfg.caption_columns = captions;
    w.list_cfg.caption_count = 1;
    for (int i = 0; i < RUNS; i++) {
        assert_int_equal(write(pipes[i][1], w.origin, sizeof w.origin), sizeof w.origin);
        if (i < RUNS - 1) { /* the last one runs to its end */
            usleep(20000 * (unsigned)(i + 1));
            kill(pids[i], SIGKILL);
        }
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    must(crawl(&w)); /* finds all done */
    assert_int_equal(w.report.rows, IMAGES + IMAGES / 10);
    assert_int_equal(refused(&w, WIT_CRAWLER_ROW, "bad_row"), IMAGES / 10);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "http_404"), IMAGES / 7);
    assert_false(w.report.feed_changed);
    must(seal_simple(w.dir, 1, 0, &killed, &err));
    scratch_remove(w.dir);
    wit_crawler_report_finish(&w.report);

    scratch_make(w.dir);
    rows_put(&w);
    must(crawl(&w));
    must(seal_simple(w.dir, 1, 0, &whole, &err));
    assert_int_equal(whole.samples, IMAGES - IMAGES / 7);
    assert_true(wit_hash128_eq(killed.hash, whole.hash));
    world_stop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_crawl_goes_on), /* first: it forks, and no thread may be there */
        cmocka_unit_test(images_without_words_are_kept),
        cmocka_unit_test(columns_reach_the_dataset),
        cmocka_unit_test(hashes_are_held_against_the_bytes),
        cmocka_unit_test(another_list_begins_anew),
        cmocka_unit_test(a_list_that_goes_on_waits_one_delay),
        cmocka_unit_test(seeds_and_lists_go_together),
        cmocka_unit_test(a_long_list_waits_for_room),
        cmocka_unit_test(a_slow_domain_holds_no_other_up),
        cmocka_unit_test(no_caption_is_lost_between_commits),
    };
    bodies_make();
    return cmocka_run_group_tests_name("crawl_list", tests, NULL, NULL);
}
