/*
 * test_crawl_images.c: what a crawl does with images before it stores them: smaller ones, whole
 * decodes, lists of blocked hashes. One page and its images on loopback.
 */
#include "image/wit_image_reencode.h"
#include "shards/collection.h"
#include "test_server.h"
#include "wit_crawler.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* Golden pictures of test_pixels; the last is one whose structure is sound and whose data are not.
 */
static const char *const names[] = { "jpeg-420.jpg", "png-rgba.png", "webp-lossy.webp",
                                     "gif-animated.gif", "jpeg-one-wide.jpg" };
enum { GOOD = 5, BROKEN = GOOD, IMAGES };

struct world {
    struct test_server *server;
    struct wit_buf images[IMAGES];
    struct wit_buf page;
    struct wit_net_cidr allow;
    struct wit_crawler_host host;
    struct wit_crawler_config cfg;
    struct wit_crawler_report report;
    char dir[WIT_PATH_MAX], seed[128];
    struct wit_str seed_str;
};

static void handle(void *user, const struct test_request *req, struct test_reply *reply) {
    struct world *w = user;
    unsigned i;
    if (strcmp(req->path, "/page") == 0) {
        reply->type = "text/html";
        reply->body = w->page.data;
        reply->body_len = w->page.len;
    } else if (sscanf(req->path, "/i%u", &i) == 1 && i < IMAGES) {
        reply->body = w->images[i].data;
        reply->body_len = w->images[i].len;
    } else {
        reply->status = 404;
    }
}

static void golden_read(const char *name, struct wit_buf *out) {
    char path[WIT_PATH_MAX];
    *out = (struct wit_buf)WIT_BUF_INIT(1 << 20);
    snprintf(path, sizeof path, "%s/tests/golden/image/images/%s", getenv("WIT_SOURCE_ROOT"), name);
    must(wit_file_read(path, out, &err));
}

static void world_start(struct world *w) {
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    for (size_t i = 0; i < GOOD; i++)
        golden_read(names[i], &w->images[i]);
    golden_read("webp-lossless.webp", &w->images[BROKEN]);
    memset(w->images[BROKEN].data + w->images[BROKEN].len / 2, 0xff, 12);
    w->page = (struct wit_buf)WIT_BUF_INIT(1 << 16);
    for (size_t i = 0; i < IMAGES; i++)
        must(wit_buf_printf(&w->page, "<img src=/i%zu alt='picture %zu'>", i, i));
    w->server = test_server_start("127.0.0.1", handle, w);
    snprintf(w->seed, sizeof w->seed, "http://127.0.0.1:%u/page", test_server_port(w->server));
    w->seed_str = wit_str_from(w->seed);
    must(wit_net_cidr_parse(WIT_STR("127.0.0.1/32"), &w->allow, &err));
    w->host = (struct wit_crawler_host){ "127.0.0.1", 0, 8 };
    w->cfg = wit_crawler_config_default();
    w->cfg.dir = w->dir;
    w->cfg.seeds = &w->seed_str;
    w->cfg.seed_count = 1;
    w->cfg.allow_net = &w->allow;
    w->cfg.allow_net_count = 1;
    w->cfg.hosts = &w->host;
    w->cfg.host_count = 1;
    w->cfg.retry_ms = 10;
    w->cfg.commit_ms = 20;
}

static void world_stop(struct world *w) {
    test_server_stop(w->server);
    for (size_t i = 0; i < IMAGES; i++)
        wit_buf_finish(&w->images[i]);
    wit_buf_finish(&w->page);
    wit_crawler_report_finish(&w->report);
    scratch_remove(w->dir);
}

static uint64_t refused(const struct world *w, const char *reason) {
    for (size_t i = 0; i < w->report.refusal_count; i++)
        if (w->report.refusals[i].subject == WIT_CRAWLER_IMAGE &&
            strcmp(w->report.refusals[i].reason, reason) == 0)
            return w->report.refusals[i].count;
    return 0;
}

static struct wit_hash128 key_of(const struct world *w, size_t image) {
    return wit_hash128_of(w->images[image].data, w->images[image].len);
}

/* The sample of an image; false: there is none. */
static bool sample_find(const struct world *w, size_t image, struct wit_shards_dataset *ds,
                        struct wit_buf *buf, struct wit_shards_sample *out) {
    size_t shard;
    uint64_t index;
    if (wit_shards_find(ds, key_of(w, image), &shard, &index, &err) < 0)
        return false;
    must(wit_shards_read(ds, shard, index, buf, out, &err));
    return true;
}

/* Every good image stands under the key of its bytes as fetched, and is 20 px long. */
static void check_smaller(const struct world *w) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    must(wit_shards_verify(w->dir, NULL, &(struct wit_shards_verify_report){ .bad = 0 }, &err));
    must(wit_shards_dataset_open(w->dir, NULL, &ds, &err));
    for (size_t i = 0; i < GOOD; i++) {
        struct wit_shards_sample s;
        struct wit_image_info info;
        const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
        assert_true(sample_find(w, i, ds, &buf, &s));
        must(wit_image_walk(s.image, &limits, &info, &err));
        assert_int_equal(info.format, WIT_IMAGE_JPEG);
        assert_int_equal(info.width > info.height ? info.width : info.height, 20);
        assert_int_equal(s.info.width, info.width);
        assert_int_equal(s.changed, WIT_SHARDS_TRANSCODED | WIT_SHARDS_RESIZED);
    }
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
}

static void resize_to_20(struct world *w) {
    w->cfg.reencode = true;
    w->cfg.images.mode = WIT_IMAGE_KEEP_RATIO_LARGEST;
    w->cfg.images.size_px = 20;
}

/* And the dataset depends on neither threads nor reactors. */
static void images_are_stored_smaller(void **state) {
    struct wit_hash128 first = { 0, 0 };
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        struct world w;
        struct wit_shards_seal_report sealed;
        world_start(&w);
        resize_to_20(&w);
        w.cfg.image_threads = threads;
        w.cfg.reactors = threads;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        assert_int_equal(w.report.images, GOOD);
        assert_int_equal(refused(&w, "image_undecodable"), 1);
        must(seal_simple(w.dir, 1, 0, &sealed, &err));
        assert_int_equal(sealed.samples, GOOD);
        check_smaller(&w);
        if (threads == 1)
            first = sealed.hash;
        assert_true(wit_hash128_eq(first, sealed.hash));
        world_stop(&w);
    }
}

struct stopper {
    int judged, stop_at;
    volatile int raised;
};

static int judge(void *user, const struct wit_shards_candidate *cand, bool *want,
                 struct wit_error *e) {
    struct stopper *stop = user;
    *want = true;
    if (++stop->judged == stop->stop_at)
        stop->raised = 1;
    return 0;
}

/* Stopped while images are on their way and at the threads, it goes on to the same dataset. */
static void a_stopped_crawl_goes_on(void **state) {
    struct wit_hash128 first = { 0, 0 };
    for (int stop_at = 0; stop_at <= IMAGES; stop_at++) {
        struct stopper stop = { .stop_at = stop_at };
        struct world w;
        struct wit_shards_seal_report sealed;
        world_start(&w);
        resize_to_20(&w);
        w.cfg.image_threads = 2;
        w.cfg.judge = judge;
        w.cfg.user = &stop;
        w.cfg.interrupt = &stop.raised;
        int st = wit_crawler_run(&w.cfg, &w.report, &err);
        assert_int_equal(st, stop_at ? WIT_ECANCELED : 0);
        stop.raised = 0;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        assert_int_equal(w.report.images, GOOD);
        must(seal_simple(w.dir, 1, 0, &sealed, &err));
        if (stop_at == 0)
            first = sealed.hash;
        assert_true(wit_hash128_eq(first, sealed.hash));
        world_stop(&w);
    }
}

static void bytes_stay_where_they_may(void **state) {
    struct world w;
    struct wit_shards_seal_report sealed;
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_shards_sample s;
    world_start(&w);
    w.cfg.reencode = w.cfg.images.skip_reencode = true;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    must(seal_simple(w.dir, 1, 0, &sealed, &err));
    must(wit_shards_dataset_open(w.dir, NULL, &ds, &err));
    assert_true(sample_find(&w, 0, ds, &buf, &s)); /* a JPEG */
    assert_int_equal(s.changed, 0);
    assert_true(wit_str_eq(s.image, wit_buf_view(&w.images[0])));
    assert_true(sample_find(&w, 1, ds, &buf, &s)); /* a PNG */
    assert_int_equal(s.changed, WIT_SHARDS_TRANSCODED);
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    world_stop(&w);
}

static void what_does_not_decode_is_refused_if_asked(void **state) {
    for (int decode = 0; decode < 2; decode++) {
        struct world w;
        world_start(&w);
        w.cfg.verify_decode = decode;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        assert_int_equal(w.report.images, decode ? GOOD : IMAGES);
        assert_int_equal(refused(&w, "image_undecodable"), decode);
        world_stop(&w);
    }
}

/* By the size as fetched: 37x29, 19x13, 33x27, 31x22, 1x23 and 33x27. */
static void sizes_are_refused(void **state) {
    struct world w;
    world_start(&w);
    w.cfg.images.min_size_px = 13;
    w.cfg.images.max_area_px = 33 * 27;
    w.cfg.images.max_aspect = 1.45;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, "image_too_small"), 1);
    assert_int_equal(refused(&w, "image_too_large"), 1);
    assert_int_equal(refused(&w, "image_aspect"), 1);
    assert_int_equal(w.report.images, 3);
    world_stop(&w);
}

/* ---- blocked hashes ------------------------------------------------------------------------- */

static void file_write(const char *dir, const char *name, const char *text,
                       char path[WIT_PATH_MAX]) {
    must(wit_path_join(path, dir, name));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void digest_hex(const struct wit_buf *bytes, enum wit_digest_kind kind, char out[129]) {
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    int n = wit_digest_of(kind, wit_buf_view(bytes), digest, &err);
    must(n);
    wit_digest_to_hex(wit_str_of(digest, (size_t)n), out);
}

static struct wit_buf file_of(const struct world *w, const char *name) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX];
    must(wit_path_join(path, w->dir, name));
    if (wit_file_exists(path))
        must(wit_file_read(path, &text, &err));
    must(wit_buf_terminate(&text));
    return text;
}

static size_t lines_of(const struct wit_buf *text) {
    size_t lines = 0;
    for (size_t i = 0; i < text->len; i++)
        lines += text->data[i] == '\n';
    return lines;
}

static bool is_stored(const struct world *w, struct wit_str bytes) {
    for (unsigned g = 0; g < 16; g++) {
        struct wit_buf log = WIT_BUF_INIT(1 << 24);
        char path[WIT_PATH_MAX], name[32];
        snprintf(name, sizeof name, "collect/images-%x.log", g);
        must(wit_path_join(path, w->dir, name));
        must(wit_file_read(path, &log, &err));
        bool found = wit_str_find(wit_buf_view(&log), bytes, 0) >= 0;
        wit_buf_finish(&log);
        if (found)
            return true;
    }
    return false;
}

static void blocked_images_leave_no_trace(void **state) {
    struct world w;
    char hex[3][129], path[WIT_PATH_MAX];
    struct wit_buf list = WIT_BUF_INIT(1 << 16);
    world_start(&w);
    digest_hex(&w.images[0], WIT_DIGEST_MD5, hex[0]);
    digest_hex(&w.images[1], WIT_DIGEST_SHA1, hex[1]);
    digest_hex(&w.images[2], WIT_DIGEST_SHA256, hex[2]);
    must(wit_buf_printf(&list, "# partners\r\n%s\r\n\n %s \n%032d\n%s\n", hex[0], hex[1], 7,
                        hex[2]));
    must(wit_buf_terminate(&list));
    file_write(w.dir, "list.txt", list.data, path);
    struct wit_crawler_blocklist *blocked = wit_crawler_blocklist_create();
    assert_int_equal(wit_crawler_blocklist_add_file(blocked, path, "partners", &err), 4);
    w.cfg.blocklist = blocked;
    resize_to_20(&w);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, "blocked_hash"), 3);
    assert_int_equal(w.report.images, 2);
    for (size_t i = 0; i < 3; i++)
        assert_false(is_stored(&w, wit_str_slice(wit_buf_view(&w.images[i]), 20, 80)));

    struct wit_buf audit = file_of(&w, "crawl/blocked.jsonl"),
                   refusals = file_of(&w, "crawl/refused.jsonl");
    assert_int_equal(lines_of(&audit), 3);
    assert_non_null(strstr(audit.data, "\"list\":\"partners\",\"kind\":\"sha256\""));
    for (size_t i = 0; i < 3; i++) {
        hex[i][12] = '\0'; /* not even a part of it */
        assert_null(strstr(audit.data, hex[i]));
        assert_null(strstr(refusals.data, hex[i]));
    }
    assert_null(strstr(audit.data, "127.0.0.1"));
    assert_null(strstr(refusals.data, "/i0"));
    assert_non_null(strstr(refusals.data, "image_undecodable"));

    /* It is not asked for again, whatever is asked for again. */
    w.cfg.retry_failed = "all";
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(test_server_count(w.server, "/i0"), 1);
    assert_int_equal(test_server_count(w.server, "/i5"), 2);
    wit_buf_finish(&audit);
    wit_buf_finish(&refusals);
    wit_buf_finish(&list);
    wit_crawler_blocklist_destroy(blocked);
    world_stop(&w);
}

/* What looks like a listed image is blocked too, and what does not decode can't be looked up. */
static void images_that_look_like_listed_ones(void **state) {
    struct world w;
    char hex[WIT_IMAGE_PHASH_HEX], text[256], path[WIT_PATH_MAX];
    struct wit_image_phashes hashes[GOOD];
    unsigned listed = 0;
    world_start(&w);
    struct wit_image_reencoder *re = wit_image_reencoder_create();
    for (unsigned i = 0; i < GOOD; i++)
        must(wit_image_reencoder_phash(re, wit_buf_view(&w.images[i]), &hashes[i], &err));
    wit_image_reencoder_destroy(re);
    while (listed < GOOD && hashes[listed].quality < WIT_IMAGE_PHASH_QUALITY)
        listed++;
    assert_in_range(listed, 0, GOOD - 1);
    struct wit_image_phash near = hashes[listed].pdq;
    near.words[0] ^= 0x1F; /* five bits away */
    wit_image_phash_to_hex(&near, hex);

    struct wit_crawler_blocklist *blocked = wit_crawler_blocklist_create();
    snprintf(text, sizeof text, "pdq:%s,4\n", hex); /* too near is asked for */
    file_write(w.dir, "near.txt", text, path);
    assert_int_equal(wit_crawler_blocklist_add_file(blocked, path, "near", &err), 1);
    w.cfg.blocklist = blocked;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, "blocked_hash"), 0);
    assert_int_equal(refused(&w, "image_undecodable"), 1);
    assert_int_equal(w.report.images, GOOD);
    world_stop(&w);

    world_start(&w);
    snprintf(text, sizeof text, "# partners\npdq:%s, 5\r\n", hex);
    file_write(w.dir, "list.txt", text, path);
    assert_int_equal(wit_crawler_blocklist_add_file(blocked, path, "partners", &err), 1);
    w.cfg.blocklist = blocked;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, "blocked_hash"), 1);
    assert_int_equal(w.report.images, GOOD - 1);
    struct wit_buf audit = file_of(&w, "crawl/blocked.jsonl");
    assert_non_null(strstr(audit.data, "\"list\":\"partners\",\"kind\":\"pdq\""));
    hex[12] = '\0';
    assert_null(strstr(audit.data, hex));
    wit_buf_finish(&audit);
    wit_crawler_blocklist_destroy(blocked);
    world_stop(&w);
}

static void flat_images_look_like_no_listed_one(void **state) {
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    struct wit_crawler_blocklist *blocked = wit_crawler_blocklist_create();
    struct wit_crawler_blocked found;
    struct wit_image_phashes hashes = { .quality = WIT_IMAGE_PHASH_QUALITY };
    scratch_make(dir);
    file_write(dir, "none.txt", "00112233445566778899aabbccddeeff\n", path);
    must(wit_crawler_blocklist_add_file(blocked, path, "digests", &err));
    assert_false(wit_crawler_blocklist_has_perceptual(blocked));
    file_write(dir, "pdq.txt",
               "pdq:0000000000000000000000000000000000000000000000000000000000000000\n", path);
    must(wit_crawler_blocklist_add_file(blocked, path, "zeros", &err));
    assert_true(wit_crawler_blocklist_has_perceptual(blocked));
    hashes.pdq.words[3] = 0x7FFFFFFF; /* 31 bits: the distance where none is named */
    assert_int_equal(wit_crawler_blocklist_find_perceptual(blocked, &hashes, &found), 1);
    assert_string_equal(wit_crawler_blocklist_name(blocked, found.list), "zeros");
    hashes.pdq.words[0] = 1;
    assert_int_equal(wit_crawler_blocklist_find_perceptual(blocked, &hashes, &found), 0);
    hashes = (struct wit_image_phashes){ .quality = WIT_IMAGE_PHASH_QUALITY - 1 };
    assert_int_equal(wit_crawler_blocklist_find_perceptual(blocked, &hashes, &found), 0);
    wit_crawler_blocklist_destroy(blocked);
    scratch_remove(dir);
}

/* Salt and digest make the item, so that who knows a hash can look for it. */
static void an_audit_line_can_be_checked(void **state) {
    struct world w;
    char hex[129], path[WIT_PATH_MAX], want[129];
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    struct wit_buf salted = WIT_BUF_INIT(1 << 10);
    world_start(&w);
    digest_hex(&w.images[0], WIT_DIGEST_MD5, hex);
    file_write(w.dir, "list.txt", hex, path);
    struct wit_crawler_blocklist *blocked = wit_crawler_blocklist_create();
    must(wit_crawler_blocklist_add_file(blocked, path, "partners", &err));
    w.cfg.blocklist = blocked;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    must(wit_path_join(path, w.dir, "crawl/blocked.salt"));
    must(wit_file_read(path, &salted, &err));
    assert_int_equal(salted.len, 32);
    must(wit_digest_of(WIT_DIGEST_MD5, wit_buf_view(&w.images[0]), digest, &err));
    must(wit_buf_append(&salted, digest, 16));
    digest_hex(&salted, WIT_DIGEST_SHA256, want);
    want[32] = '\0';
    struct wit_buf audit = file_of(&w, "crawl/blocked.jsonl");
    assert_non_null(strstr(audit.data, want));
    wit_buf_finish(&audit);
    wit_buf_finish(&salted);
    wit_crawler_blocklist_destroy(blocked);
    world_stop(&w);
}

/* A list is taken whole or not at all, and a sentence about it shows nothing of it. */
static void a_broken_list_is_refused(void **state) {
    static const char *const texts[] = { "",
                                         "# nothing\n",
                                         "00112233445566778899aabbccddeeff\nhidden-line\n",
                                         "00112233445566778899aabbccddeefg\n",
                                         "00112233445566778899aabbccddee\n",
                                         "00112233445566778899aabbccddeeff 1\n",
                                         "pdq:0011223344556677001122334455667700112233445566770"
                                         "011223344556677,64\n",
                                         "pdq:0011223344556677001122334455667700112233445566770"
                                         "01122334455667\n",
                                         "pdq:0011223344556677001122334455667700112233445566770"
                                         "011223344556677,\n" };
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    struct wit_crawler_blocklist *blocked = wit_crawler_blocklist_create();
    scratch_make(dir);
    for (size_t i = 0; i < WIT_COUNT_OF(texts); i++) {
        struct wit_crawler_blocked found;
        file_write(dir, "list.txt", texts[i], path);
        assert_int_equal(wit_crawler_blocklist_add_file(blocked, path, "x", &err), WIT_EFORMAT);
        assert_null(strstr(err.text, "hidden"));
        assert_null(strstr(err.text, "0011"));
        assert_int_equal(wit_crawler_blocklist_find(blocked, WIT_STR("x"), &found, &err), 0);
    }
    must(wit_path_join(path, dir, "absent"));
    assert_int_equal(wit_crawler_blocklist_add_file(blocked, path, "x", &err), WIT_ENOTFOUND);
    wit_crawler_blocklist_destroy(blocked);
    wit_crawler_blocklist_destroy(NULL);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_stored_smaller),
        cmocka_unit_test(a_stopped_crawl_goes_on),
        cmocka_unit_test(bytes_stay_where_they_may),
        cmocka_unit_test(what_does_not_decode_is_refused_if_asked),
        cmocka_unit_test(sizes_are_refused),
        cmocka_unit_test(blocked_images_leave_no_trace),
        cmocka_unit_test(images_that_look_like_listed_ones),
        cmocka_unit_test(flat_images_look_like_no_listed_one),
        cmocka_unit_test(an_audit_line_can_be_checked),
        cmocka_unit_test(a_broken_list_is_refused),
    };
    return cmocka_run_group_tests_name("crawl images", tests, NULL, NULL);
}
