/* test_seal_transcode.c: progressive JPEGs that are sealed sequential: keys and pixels stay, bytes
 * and hashes change, and follow from the collection and the setting alone. */
#include "collection.h"
#include "image/wit_image_transcode.h"
#include "wit_shards_repair.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;
static char dir[WIT_PATH_MAX];
static const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void golden(const char *name, struct wit_buf *out) {
    char path[WIT_PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/golden/image/images/%s", getenv("WIT_SOURCE_ROOT"), name);
    wit_buf_reset(out);
    must(wit_file_read(path, out, &err));
}

static void put(struct wit_shards_collector *c, const char *url, struct wit_str bytes,
                uint8_t changed) {
    struct wit_shards_fetched f = { .url = wit_str_from(url),
                                    .final_url = wit_str_from(url),
                                    .bytes = bytes,
                                    .changed = changed,
                                    .fetched_key = { 7, 7 },
                                    .fetched_width = 700,
                                    .fetched_height = 500,
                                    .fetched_at_s = 1700000000 };
    const struct wit_shards_candidate cand = { .url = f.url,
                                               .text = WIT_STR("words"),
                                               .source = WIT_SHARDS_ALT };
    must(wit_image_walk(bytes, &limits, &f.info, &err));
    must(wit_shards_collector_add_candidate(c, &cand, &err));
    must(wit_shards_collector_add_image(c, &f, &err));
}

enum { PROGRESSIVE = 5, SAMPLES = PROGRESSIVE + 4 };

/* Change a byte so that decoders have to guess and do: the first that can be found. */
static void damage(struct wit_buf *file) {
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct wit_image_pixels pixels = WIT_IMAGE_PIXELS_INIT;
    struct wit_buf out = WIT_BUF_INIT(1 << 22);
    struct wit_image_info info;
    for (size_t at = 2; at < file->len; at++) {
        struct wit_str bytes = wit_buf_view(file);
        file->data[at] ^= 0x5a;
        if (wit_image_walk(bytes, &limits, &info, NULL) == 0 && info.progressive &&
            wit_image_decode_rgb(dec, bytes, &limits, &pixels, NULL) == 0 &&
            wit_image_transcode_baseline(bytes, &limits, &out, &info, NULL) < 0)
            goto found;
        file->data[at] ^= 0x5a;
    }
    fail_msg("no byte of the file makes decoders guess");
found:
    wit_image_decoder_destroy(dec);
    wit_image_pixels_finish(&pixels);
    wit_buf_finish(&out);
}

/* Bytes behind the end make other images of one. */
static int set_up(void **state) {
    struct wit_shards_collector *c = NULL;
    struct wit_buf file = WIT_BUF_INIT(1 << 22);
    char url[64];
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    golden("jpeg-progressive.jpg", &file);
    for (int i = 0; i < PROGRESSIVE; i++) {
        snprintf(url, sizeof url, "http://a.test/%d", i);
        must(wit_buf_append_byte(&file, (char)('a' + i)));
        put(c, url, wit_buf_view(&file), i == 4 ? WIT_SHARDS_RESIZED : 0);
    }
    put(c, "http://b.test/again", wit_buf_view(&file), WIT_SHARDS_RESIZED); /* as number 4 */
    damage(&file);
    put(c, "http://a.test/damaged", wit_buf_view(&file), 0);
    golden("jpeg-420.jpg", &file);
    for (int i = 0; i < 1 << 18; i++) /* most of the bytes of all: the others may be a run */
        must(wit_buf_append_byte(&file, 0));
    put(c, "http://a.test/baseline", wit_buf_view(&file), 0);
    golden("png-interlaced.png", &file);
    put(c, "http://a.test/png", wit_buf_view(&file), 0);
    golden("webp-lossy.webp", &file);
    put(c, "http://a.test/webp", wit_buf_view(&file), 0);
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    wit_buf_finish(&file);
    return 0;
}

static int tear_down(void **state) {
    scratch_remove(dir);
    return 0;
}

static struct wit_shards_seal_report seal_within(enum wit_shards_transcode transcode,
                                                 unsigned threads, int bits, unsigned percent) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report report;
    cfg.threads = threads;
    cfg.shard_bits = bits;
    cfg.transcode = transcode;
    cfg.rewrite_percent = percent;
    must(wit_shards_seal(dir, &cfg, &report, &err));
    must(wit_shards_verify(dir, NULL, &(struct wit_shards_verify_report){ .bad = 0 }, &err));
    assert_int_equal(report.samples, SAMPLES);
    return report;
}

static struct wit_shards_seal_report seal(enum wit_shards_transcode transcode, unsigned threads,
                                          int bits) {
    return seal_within(transcode, threads, bits, 0); /* each change writes a prefix anew */
}

struct seen {
    struct wit_hash128 keys[SAMPLES];
    struct wit_image_pixels pixels[SAMPLES];
    unsigned count, transcoded, progressive;
};

static void look(struct seen *s) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_buf origin = WIT_BUF_INIT(1 << 20);
    struct wit_image_decoder *dec = wit_image_decoder_create();
    *s = (struct seen){ .count = 0 };
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    for (size_t n = 0; n < wit_shards_dataset_shards(ds); n++)
        for (uint64_t i = 0; i < wit_shards_shard_samples(ds, n); i++) {
            struct wit_shards_sample x;
            struct wit_image_info info;
            must(wit_shards_read(ds, n, i, &buf, &x, &err));
            must(wit_image_walk(x.image, &limits, &info, &err));
            assert_int_equal(info.progressive, x.info.progressive);
            s->transcoded += (x.changed & WIT_SHARDS_TRANSCODED) != 0;
            s->progressive += info.format == WIT_IMAGE_JPEG && info.progressive;
            must(wit_image_decode_rgb(dec, x.image, &limits, &s->pixels[s->count], &err));
            wit_buf_reset(&origin);
            must(wit_shards_origin(ds, x.key, &origin, &err));
            must(wit_buf_terminate(&origin));
            assert_int_equal(strstr(origin.data, "\"fetched\":{") != NULL, x.changed != 0);
            s->keys[s->count++] = x.key;
        }
    wit_image_decoder_destroy(dec);
    wit_buf_finish(&buf);
    wit_buf_finish(&origin);
    wit_shards_dataset_close(ds);
}

static void test_baseline(void **state) {
    struct seen before, after;
    struct wit_shards_seal_report plain = seal(WIT_SHARDS_TRANSCODE_NONE, 1, 0);
    look(&before);
    assert_int_equal(plain.transcoded, 0);
    assert_int_equal(before.progressive, PROGRESSIVE + 1);
    struct wit_shards_seal_report made = seal(WIT_SHARDS_TRANSCODE_BASELINE, 1, 0);
    look(&after);
    assert_true(made.changed);
    assert_int_equal(made.transcoded, PROGRESSIVE);
    assert_int_equal(made.not_transcoded, 1);
    assert_false(wit_hash128_eq(plain.hash, made.hash));
    assert_int_equal(after.transcoded, PROGRESSIVE);
    assert_int_equal(after.progressive, 1);
    for (unsigned i = 0; i < SAMPLES; i++) {
        assert_true(wit_hash128_eq(before.keys[i], after.keys[i]));
        assert_int_equal(before.pixels[i].width, after.pixels[i].width);
        assert_memory_equal(before.pixels[i].data, after.pixels[i].data,
                            (size_t)3 * after.pixels[i].width * after.pixels[i].height);
        wit_image_pixels_finish(&before.pixels[i]);
        wit_image_pixels_finish(&after.pixels[i]);
    }
    struct wit_shards_seal_report again = seal(WIT_SHARDS_TRANSCODE_BASELINE, 1, 0);
    assert_false(again.changed);
    assert_int_equal(again.transcoded, PROGRESSIVE);
    again = seal(WIT_SHARDS_TRANSCODE_BASELINE, 3, 3);
    assert_true(wit_hash128_eq(again.hash, made.hash));
    again = seal(WIT_SHARDS_TRANSCODE_NONE, 2, 1);
    assert_true(wit_hash128_eq(again.hash, plain.hash));
}

/* A later seal with another setting: the samples that it changes are a further run, a part of the
 * plan, and the others stay where they are. */
static void test_runs(void **state) {
    struct seen s;
    struct wit_shards_seal_report made = seal(WIT_SHARDS_TRANSCODE_BASELINE, 1, 3);
    struct wit_shards_seal_report plain = seal(WIT_SHARDS_TRANSCODE_NONE, 1, 0);
    assert_int_equal(plain.shards, 1);
    struct wit_shards_seal_report run = seal_within(WIT_SHARDS_TRANSCODE_BASELINE, 1, 0, 100);
    assert_int_equal(run.shards, 2);
    assert_true(wit_hash128_eq(run.hash, made.hash));
    assert_int_equal(run.image_bytes, made.image_bytes);
    assert_int_equal(run.transcoded, PROGRESSIVE);
    look(&s);
    assert_int_equal(s.count, SAMPLES);
    assert_int_equal(s.transcoded, PROGRESSIVE);
    for (unsigned i = 0; i < SAMPLES; i++)
        wit_image_pixels_finish(&s.pixels[i]);
    run = seal_within(WIT_SHARDS_TRANSCODE_NONE, 1, 0, 100);
    assert_int_equal(run.shards, 2); /* the run that was transcoded has nothing left */
    assert_true(wit_hash128_eq(run.hash, plain.hash));
    assert_int_equal(run.transcoded, 0);
}

/* What is sealed anew because its shard is damaged is transcoded as it was. */
static void test_repair(void **state) {
    struct wit_shards_repair_options options = { .tool = WIT_STR("test") };
    struct wit_shards_repair_report report;
    struct wit_shards_shard_info info;
    struct wit_shards_dataset *ds = NULL;
    char path[2 * WIT_PATH_MAX];
    struct wit_shards_seal_report made = seal(WIT_SHARDS_TRANSCODE_BASELINE, 1, 0);
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    wit_shards_shard_info(ds, 0, &info);
    snprintf(path, sizeof path, "%s/shards/%s", dir, info.file);
    wit_shards_dataset_close(ds);
    must(wit_file_write_atomic(path, WIT_STR("damaged"), &err));
    must(wit_shards_repair(dir, &options, &report, &err));
    assert_true(report.sealed);
    assert_true(wit_hash128_eq(report.hash, made.hash));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_baseline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_repair, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
