/* test_loader.c: batches: complete, the same for any threads and ranks, resumable, and honest about
 * what is broken. */
#include "loader_dataset.h"
#include "wit_loader.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

enum { GOOD = 150, SIZE = 24 };

static char shared_dir[WIT_PATH_MAX]; /* GOOD pictures in four shards, read by most tests */

static int group_setup(void **state) {
    dataset_make(GOOD, 0, 2, shared_dir);
    return 0;
}

static int group_teardown(void **state) {
    dataset_remove(shared_dir);
    return 0;
}

static struct wit_loader_config small_config(const char *dir) {
    struct wit_loader_config cfg = wit_loader_config_default();
    cfg.dir = dir;
    cfg.batch_size = 12;
    cfg.image_size = SIZE;
    cfg.seed = 42;
    cfg.threads = 2;
    cfg.pixels = WIT_LOADER_U8_NHWC;
    cfg.captions = true;
    return cfg;
}

static struct wit_loader *open_loader(const struct wit_loader_config *cfg) {
    struct wit_loader *l = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_loader_create(cfg, &l, &err) < 0)
        fail_msg("%s", err.text);
    return l;
}

static void next(struct wit_loader *l, struct wit_loader_batch *b) {
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_loader_batch_next(l, b, &err) < 0)
        fail_msg("%s", err.text);
}

/* One number for sample i of a batch: key, pixels, caption. */
static uint64_t fingerprint(const struct wit_loader_batch *b, uint32_t i) {
    const size_t bytes = 3 * SIZE * SIZE;
    uint64_t h = wit_hash64_of(b->images_u8 + i * bytes, bytes, b->keys[i].hi ^ b->keys[i].lo);
    return wit_hash64_of(b->captions[i].data, b->captions[i].len, h);
}

/* Fingerprints of the first n samples of a stream. */
static void read_stream(const struct wit_loader_config *cfg, uint64_t *out, size_t n) {
    struct wit_loader *l = open_loader(cfg);
    for (size_t at = 0; at < n;) {
        struct wit_loader_batch b;
        next(l, &b);
        for (uint32_t i = 0; i < b.size && at < n; i++)
            out[at++] = fingerprint(&b, i);
        wit_loader_batch_release(l, &b);
    }
    wit_loader_destroy(l);
}

static int compare_hashes(const void *a, const void *b) {
    return wit_hash128_cmp(*(const struct wit_hash128 *)a, *(const struct wit_hash128 *)b);
}

static void an_epoch_has_every_sample_once(void **state) {
    struct wit_loader_config cfg = small_config(shared_dir);
    struct wit_loader *l = open_loader(&cfg);
    struct wit_hash128 keys[2][GOOD];
    assert_int_equal(wit_loader_samples(l), GOOD);
    for (size_t at = 0; at < 2 * GOOD;) {
        struct wit_loader_batch b;
        next(l, &b);
        assert_int_equal(b.size, 12);
        assert_int_equal(b.position, at);
        assert_int_equal(b.next_position, at + 12);
        for (uint32_t i = 0; i < b.size && at < 2 * GOOD; i++, at++)
            keys[at / GOOD][at % GOOD] = b.keys[i]; /* batch 12 of 13 spans both epochs */
        wit_loader_batch_release(l, &b);
    }
    assert_memory_not_equal(keys[0], keys[1], sizeof keys[0]);
    for (int e = 0; e < 2; e++) {
        qsort(keys[e], GOOD, sizeof keys[e][0], compare_hashes);
        for (size_t i = 1; i < GOOD; i++)
            assert_int_not_equal(wit_hash128_cmp(keys[e][i - 1], keys[e][i]), 0);
    }
    assert_memory_equal(keys[0], keys[1], sizeof keys[0]);
    wit_loader_destroy(l);
}

static void threads_and_prefetch_change_nothing(void **state) {
    uint64_t want[2 * GOOD], got[2 * GOOD];
    struct wit_loader_config cfg = small_config(shared_dir);
    cfg.threads = 1;
    cfg.prefetch = 1;
    read_stream(&cfg, want, WIT_COUNT_OF(want));
    for (uint32_t threads = 2; threads <= 5; threads++) {
        cfg.threads = threads;
        cfg.prefetch = threads - 1;
        cfg.pool_shards = 0;
        read_stream(&cfg, got, WIT_COUNT_OF(got));
        assert_memory_equal(got, want, sizeof want);
    }
    cfg.seed = 43;
    read_stream(&cfg, got, WIT_COUNT_OF(got));
    assert_memory_not_equal(got, want, sizeof want);
}

static void every_world_size_sees_the_same_batches(void **state) {
    uint64_t want[120], got[120];
    struct wit_loader_config cfg = small_config(shared_dir);
    read_stream(&cfg, want, WIT_COUNT_OF(want));
    for (uint32_t world = 2; world <= 12; world++) {
        if (12 % world)
            continue;
        const uint32_t local = 12 / world;
        for (uint32_t rank = 0; rank < world; rank++) {
            uint64_t part[120];
            cfg.world_size = world;
            cfg.rank = rank;
            read_stream(&cfg, part, WIT_COUNT_OF(part) / world);
            for (size_t i = 0; i < WIT_COUNT_OF(part) / world; i++)
                got[i / local * 12 + rank * local + i % local] = part[i];
        }
        assert_memory_equal(got, want, sizeof want);
    }
}

static void resume_is_the_suffix(void **state) {
    uint64_t whole[240], rest[240];
    struct wit_loader_config cfg = small_config(shared_dir);
    read_stream(&cfg, whole, WIT_COUNT_OF(whole));
    for (size_t from = 12; from < 240; from += 84) {
        cfg.start_position = from;
        read_stream(&cfg, rest, 240 - from);
        assert_memory_equal(rest, whole + from, (240 - from) * sizeof *rest);
    }
}

static void pools_deliver_the_same_samples(void **state) {
    struct wit_loader_config cfg = small_config(shared_dir);
    uint64_t all = 0, pooled = 0;
    for (int p = 0; p < 2; p++) {
        cfg.pool_shards = p ? 1 : 0;
        struct wit_loader *l = open_loader(&cfg);
        uint64_t *sum = p ? &pooled : &all;
        for (size_t at = 0; at < GOOD;) {
            struct wit_loader_batch b;
            next(l, &b);
            for (uint32_t i = 0; i < b.size && at < GOOD; i++, at++)
                *sum += b.keys[i].lo;
            wit_loader_batch_release(l, &b);
        }
        wit_loader_destroy(l);
    }
    assert_int_equal(all, pooled);
}

/* What stands in a batch, made again by hand from the record. */
static void pixels_are_those_of_the_transform(void **state) {
    const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf record = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct wit_loader_transformer *tr = wit_loader_transformer_create();
    struct wit_image_pixels px = WIT_IMAGE_PIXELS_INIT;
    assert_int_equal(wit_shards_dataset_open(shared_dir, NULL, &ds, NULL), 0);
    for (int t = WIT_LOADER_TRAIN; t <= WIT_LOADER_WHOLE; t++) {
        struct wit_loader_config cfg = small_config(shared_dir);
        struct wit_loader_batch b, f;
        cfg.transform = (enum wit_loader_transform)t;
        struct wit_loader *l = open_loader(&cfg);
        cfg.pixels = WIT_LOADER_F32_NCHW;
        struct wit_loader *floats = open_loader(&cfg);
        next(l, &b);
        next(floats, &f);
        for (uint32_t i = 0; i < b.size; i++) {
            uint8_t want[3 * SIZE * SIZE];
            struct wit_shards_sample sample;
            size_t shard;
            uint64_t index;
            assert_int_equal(wit_shards_find(ds, b.keys[i], &shard, &index, NULL), 0);
            assert_int_equal(wit_shards_read(ds, shard, index, &record, &sample, NULL), 0);
            assert_int_equal(wit_image_decode_rgb(dec, sample.image, &limits, &px, NULL), 0);
            struct wit_image_view view = wit_image_view_of(&px);
            struct wit_loader_box box = { 0, 0, px.width, px.height };
            if (t == WIT_LOADER_TRAIN)
                box = wit_loader_train_box(px.width, px.height, cfg.seed, b.position + i);
            if (t == WIT_LOADER_EVAL)
                assert_int_equal(wit_loader_eval_resize(tr, &view, SIZE, cfg.pillow, want, NULL),
                                 0);
            else
                assert_int_equal(wit_loader_crop_resize(tr, &view, box, SIZE, cfg.pillow, want,
                                                        NULL),
                                 0);
            assert_memory_equal(b.images_u8 + i * sizeof want, want, sizeof want);
            const float mean[] = WIT_LOADER_MEAN, std[] = WIT_LOADER_STD;
            for (size_t p = 0; p < SIZE * SIZE; p++)
                for (size_t c = 0; c < 3; c++) {
                    float v = ((float)want[3 * p + c] / 255.0f - mean[c]) / std[c];
                    assert_true(f.images_f32[(i * 3 + c) * SIZE * SIZE + p] == v);
                }
            bool found = false;
            for (uint32_t k = 0; k < sample.caption_count; k++)
                found |= wit_str_eq(wit_shards_sample_caption(&sample, k).text, b.captions[i]);
            assert_true(found);
        }
        wit_loader_destroy(l);
        wit_loader_destroy(floats);
    }
    wit_image_pixels_finish(&px);
    wit_loader_transformer_destroy(tr);
    wit_image_decoder_destroy(dec);
    wit_buf_finish(&record);
    wit_shards_dataset_close(ds);
}

static void captions_are_chosen_evenly(void **state) {
    struct wit_loader_config cfg = small_config(shared_dir);
    struct wit_loader *l = open_loader(&cfg);
    unsigned counts[3] = { 0 }, of_three = 0;
    for (int k = 0; k < 60 * GOOD / 12; k++) {
        struct wit_loader_batch b;
        next(l, &b);
        for (uint32_t i = 0; i < b.size; i++) {
            unsigned c, n;
            char text[64];
            snprintf(text, sizeof text, "%.*s", WIT_STR_FMT(b.captions[i]));
            assert_int_equal(sscanf(text, "caption %u of %u", &c, &n), 2);
            if (n % 3 == 2) {
                counts[c]++;
                of_three++;
            }
        }
        wit_loader_batch_release(l, &b);
    }
    for (int c = 0; c < 3; c++) /* five standard deviations of a third of about 3,000 */
        assert_true(fabs(counts[c] - of_three / 3.0) < 5 * sqrt(of_three * 2.0 / 9.0));
    wit_loader_destroy(l);
}

static void broken_images_are_replaced_alike(void **state) {
    enum { BROKEN = 20, N = 180 };
    char dir[WIT_PATH_MAX];
    uint64_t want[N], got[N];
    dataset_make(40, BROKEN, 1, dir);
    struct wit_loader_config cfg = small_config(dir);
    read_stream(&cfg, want, N);
    cfg.threads = 4;
    cfg.prefetch = 3;
    read_stream(&cfg, got, N);
    assert_memory_equal(got, want, sizeof want);

    struct wit_loader *l = open_loader(&cfg);
    struct wit_loader_stats stats;
    for (int k = 0; k < 5; k++) { /* one epoch: 60 samples */
        struct wit_loader_batch b;
        next(l, &b);
        wit_loader_batch_release(l, &b);
    }
    wit_loader_stats(l, &stats);
    assert_int_equal(stats.samples, 60);
    assert_true(stats.failed_format >= BROKEN);
    assert_int_equal(stats.failed_limit, 0);
    assert_true(stats.first_batch_s > 0 && stats.bytes > 0);
    wit_loader_destroy(l);
    dataset_remove(dir);
}

static void a_dataset_of_broken_images_ends_with_a_sentence(void **state) {
    char dir[WIT_PATH_MAX];
    dataset_make(0, 30, 0, dir);
    struct wit_loader_config cfg = small_config(dir);
    struct wit_loader *l = open_loader(&cfg);
    struct wit_loader_batch b;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(wit_loader_batch_next(l, &b, &err), WIT_EFORMAT);
    assert_non_null(strstr(err.text, "did not decode"));
    assert_int_equal(wit_loader_batch_next(l, &b, &err), WIT_EFORMAT);
    wit_loader_destroy(l);
    dataset_remove(dir);
}

static void flip_byte(const char *path, long at) {
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 1, f);
    assert_int_equal(fclose(f), 0);
}

static void a_flipped_byte_ends_the_stream_and_is_named(void **state) {
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX + 300], name[256];
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_shard_info info;
    struct wit_shards_sample sample;
    struct wit_buf record = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_buf file = WIT_BUF_INIT(64 << 20);
    dataset_make(30, 0, 0, dir);
    assert_int_equal(wit_shards_dataset_open(dir, NULL, &ds, NULL), 0);
    wit_shards_shard_info(ds, 0, &info);
    snprintf(name, sizeof name, "%s", info.file); /* outlives the dataset */
    snprintf(path, sizeof path, "%s/shards/%s", dir, name);
    assert_int_equal(wit_shards_read(ds, 0, 7, &record, &sample, NULL), 0);
    assert_int_equal(wit_file_read(path, &file, NULL), 0);
    ptrdiff_t at = wit_str_find(wit_buf_view(&file), sample.image, 0);
    assert_true(at > 0);
    wit_shards_dataset_close(ds);
    flip_byte(path, (long)at + 50);

    struct wit_loader_config cfg = small_config(dir);
    struct wit_loader *l = open_loader(&cfg);
    struct wit_loader_batch b;
    struct wit_error err = WIT_ERROR_INIT;
    int st = 0;
    for (int k = 0; k < 3 && st == 0; k++) { /* one epoch is 2.5 batches */
        st = wit_loader_batch_next(l, &b, &err);
        if (st == 0)
            wit_loader_batch_release(l, &b);
    }
    assert_int_equal(st, WIT_ECORRUPT);
    if (!strstr(err.text, name))
        fail_msg("'%s' does not name %s", err.text, name);
    wit_loader_destroy(l);
    wit_buf_finish(&file);
    wit_buf_finish(&record);
    dataset_remove(dir);
}

static void held_batches_stay_and_are_bounded(void **state) {
    struct wit_loader_config cfg = small_config(shared_dir);
    cfg.prefetch = 2;
    struct wit_loader *l = open_loader(&cfg);
    struct wit_loader_batch a, b, c;
    next(l, &a);
    uint64_t before = fingerprint(&a, 0);
    next(l, &b);
    assert_int_equal(wit_loader_batch_next(l, &c, NULL), WIT_EAGAIN);
    wit_loader_batch_release(l, &b); /* the younger first */
    assert_int_equal(fingerprint(&a, 0), before);
    assert_int_equal(wit_loader_batch_next(l, &c, NULL), WIT_EAGAIN); /* its turn is a's slot */
    wit_loader_batch_release(l, &a);
    next(l, &c);
    assert_int_equal(c.position, 24);
    wit_loader_destroy(l); /* with c held */
}

static void bad_configs_are_refused(void **state) {
    struct wit_loader *l = (struct wit_loader *)&l;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_loader_config cfg = small_config(shared_dir);
    cfg.world_size = 5;
    assert_int_equal(wit_loader_create(&cfg, &l, &err), WIT_EINVAL);
    assert_null(l);
    cfg = small_config(shared_dir);
    cfg.rank = 1;
    assert_int_equal(wit_loader_create(&cfg, &l, NULL), WIT_EINVAL);
    cfg = small_config(shared_dir);
    cfg.batch_size = 0;
    assert_int_equal(wit_loader_create(&cfg, &l, NULL), WIT_EINVAL);
    cfg = small_config("/nonexistent/dataset");
    assert_true(wit_loader_create(&cfg, &l, &err) < 0);
    assert_non_null(strstr(err.text, "/nonexistent/dataset"));
    cfg = small_config(shared_dir);
    cfg.vocab = "/nonexistent/vocab";
    assert_int_equal(wit_loader_create(&cfg, &l, &err), WIT_ENOTFOUND);
}

/* Fallback and sampled boxes of RandomResizedCrop: inside, of allowed area and shape. */
static void train_boxes_follow_the_rule(void **state) {
    unsigned whole_fallbacks = 0;
    for (uint64_t p = 0; p < 3000; p++) {
        struct wit_loader_box b = wit_loader_train_box(400, 300, 1, p);
        assert_true(b.x + b.width <= 400 && b.y + b.height <= 300);
        double area = (double)b.width * b.height / (400.0 * 300.0);
        assert_true(area > 0.88 && area <= 1.0);
        if (b.width == 400 && b.height == 300)
            whole_fallbacks++;
    }
    assert_true(whole_fallbacks > 900 && whole_fallbacks < 1400); /* 37 % expected, see the field */
    struct wit_loader_box wide = wit_loader_train_box(600, 200, 1, 5);
    assert_int_equal(wide.width, 267); /* round(200 * 4 / 3) */
    assert_int_equal(wide.x, 166);     /* (600 - 267) / 2, cut */
    assert_int_equal(wide.height, 200);
    struct wit_loader_box tall = wit_loader_train_box(30, 90, 1, 5);
    assert_int_equal(tall.height, 40);
    assert_int_equal(tall.y, 25);
    struct wit_loader_box dot = wit_loader_train_box(1, 1, 1, 5);
    assert_true(dot.width == 1 && dot.height == 1 && dot.x == 0 && dot.y == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_has_every_sample_once),
        cmocka_unit_test(threads_and_prefetch_change_nothing),
        cmocka_unit_test(every_world_size_sees_the_same_batches),
        cmocka_unit_test(resume_is_the_suffix),
        cmocka_unit_test(pools_deliver_the_same_samples),
        cmocka_unit_test(pixels_are_those_of_the_transform),
        cmocka_unit_test(captions_are_chosen_evenly),
        cmocka_unit_test(broken_images_are_replaced_alike),
        cmocka_unit_test(a_dataset_of_broken_images_ends_with_a_sentence),
        cmocka_unit_test(a_flipped_byte_ends_the_stream_and_is_named),
        cmocka_unit_test(held_batches_stay_and_are_bounded),
        cmocka_unit_test(bad_configs_are_refused),
        cmocka_unit_test(train_boxes_follow_the_rule),
    };
    return cmocka_run_group_tests_name("loader", tests, group_setup, group_teardown);
}
