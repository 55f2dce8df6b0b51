/* test_looks.c: perceptual hashes of a dataset, kept beside its shards; clusters and matches. */
#include "collection.h"
#include "look_file.h"
#include "manifest.h"
#include "pictures.h"

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct wit_error err;
static char dir[WIT_PATH_MAX];

/* 0 to 3 are one picture, 4 and 5 another, 6 to 8 stand alone, 9 and 10 are flat. */
static const struct picture pictures[] = {
    { 1, 300, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/a.png", "a" },
    { 1, 300, 200, WIT_IMAGE_JPEG, 40, 0, "http://x.test/a40.jpg", "a at 40" },
    { 1, 150, 100, WIT_IMAGE_WEBP, 60, 0, "http://x.test/half.webp", "half of a" },
    { 1, 450, 300, WIT_IMAGE_JPEG, 80, 25, "http://x.test/large.jpg", "a, larger and lighter" },
    { 2, 320, 240, WIT_IMAGE_PNG, 0, 0, "http://x.test/b.png", "b" },
    { 2, 320, 240, WIT_IMAGE_JPEG, 60, -20, "http://x.test/b.jpg", "b, darker" },
    { 3, 200, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/c.png", "c" },
    { 4, 200, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/d.png", "d" },
    { 5, 200, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/e.png", "e" },
    { 0, 90, 90, WIT_IMAGE_PNG, 0, 0, "http://x.test/grey1.png", "grey" },
    { 0, 80, 90, WIT_IMAGE_PNG, 0, 0, "http://x.test/grey2.png", "grey too" },
    /* the bytes of c again */
    { 3, 200, 200, WIT_IMAGE_PNG, 0, 0, "http://y.test/c.png", "c elsewhere" },
    { 3, 200, 200, WIT_IMAGE_PNG, 0, 0, "http://z.test/c.png", "c elsewhere" },
};
enum { SAMPLES = 11, JUNK = 2 };
static struct wit_hash128 keys[WIT_COUNT_OF(pictures)];

static struct wit_hash128 key_of(const struct picture *p) {
    struct wit_buf bytes = WIT_BUF_INIT(1 << 24);
    picture_encode(p, &bytes);
    struct wit_hash128 key = wit_hash128_of(bytes.data, bytes.len);
    wit_buf_finish(&bytes);
    return key;
}

static void count_progress(void *user, uint64_t done, uint64_t total) {
    assert_true(done <= total);
    ++*(unsigned *)user;
}

/* All looks of dir; how many were computed. */
static unsigned looks_of(struct wit_shards_look **looks, uint64_t *count) {
    unsigned computed = 0;
    const struct wit_shards_looks_options options = { .threads = 2,
                                                      .progress = count_progress,
                                                      .user = &computed };
    if (wit_shards_looks(dir, &options, looks, count, &err) < 0)
        fail_msg("%s", err.text);
    return computed;
}

static const struct wit_shards_look *look_of(const struct wit_shards_look *looks, uint64_t count,
                                             const struct picture *p) {
    const struct wit_hash128 key = keys[p - pictures];
    for (uint64_t i = 0; i < count; i++)
        if (wit_hash128_eq(looks[i].key, key))
            return &looks[i];
    fail_msg("%s is not there", p->url);
    return NULL;
}

/* By the bytes that are kept of them: structs have padding. */
static void assert_same(struct wit_shards_look *a, struct wit_shards_look *b, uint64_t count) {
    struct wit_buf x = WIT_BUF_INIT(1 << 20), y = WIT_BUF_INIT(1 << 20);
    assert_int_equal(look_file_encode(&(struct looks){ a, count }, &x), 0);
    assert_int_equal(look_file_encode(&(struct looks){ b, count }, &y), 0);
    assert_true(wit_str_eq(wit_buf_view(&x), wit_buf_view(&y)));
    wit_buf_finish(&x);
    wit_buf_finish(&y);
}

static void shard_path(char out[WIT_PATH_MAX], const char *name) {
    assert_int_equal(manifest_shard_path(out, dir, name, &err), 0);
}

static void phash_paths(struct wit_strings *names) {
    char path[WIT_PATH_MAX];
    struct wit_strings all = { NULL, 0 };
    assert_int_equal(wit_path_join(path, dir, "shards"), 0);
    assert_int_equal(wit_dir_list(path, &all, &err), 0);
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++)
        if (wit_str_ends_with(wit_str_from(all.items[i]), WIT_STR(".phash"))) {
            char *name = all.items[i];
            all.items[i] = all.items[kept];
            all.items[kept++] = name;
        }
    for (size_t i = kept; i < all.count; i++)
        free(all.items[i]);
    all.count = kept;
    *names = all;
}

static int dataset_make(void **state) {
    scratch_make(dir);
    for (size_t i = 0; i < WIT_COUNT_OF(pictures); i++)
        keys[i] = key_of(&pictures[i]);
    pictures_seal(dir, pictures, WIT_COUNT_OF(pictures), JUNK);
    return 0;
}

static int dataset_remove(void **state) {
    scratch_remove(dir);
    return 0;
}

static void looks_are_computed_once(void **state) {
    struct wit_shards_look *looks = NULL, *again = NULL;
    uint64_t count = 0, count_again = 0;
    assert_int_equal(looks_of(&looks, &count), SAMPLES + JUNK);
    assert_int_equal(count, SAMPLES + JUNK);
    assert_int_equal(looks_of(&again, &count_again), 0);
    assert_int_equal(count_again, count);
    assert_same(looks, again, count);
    const struct wit_shards_look *a = look_of(looks, count, &pictures[0]);
    assert_true(a->decodes && a->width == 300 && a->height == 200 && a->hashes.quality > 30);
    assert_true(a->urls == 1 && a->captions == 1 && a->image_bytes > 1000);
    const struct wit_shards_look *c = look_of(looks, count, &pictures[6]);
    assert_true(c->urls == 3 && c->captions == 2);
    assert_int_equal(look_of(looks, count, &pictures[9])->hashes.quality, 0);
    unsigned broken = 0;
    for (uint64_t i = 0; i < count; i++)
        broken += !looks[i].decodes;
    assert_int_equal(broken, JUNK);
    free(looks);
    free(again);
}

static void a_spoilt_file_is_made_anew(void **state) {
    struct wit_shards_look *looks = NULL, *again = NULL;
    struct wit_strings names;
    struct wit_buf bytes = WIT_BUF_INIT(1 << 20), old = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX], stray[WIT_PATH_MAX];
    uint64_t count = 0;
    (void)looks_of(&looks, &count);
    phash_paths(&names);
    assert_int_equal(names.count, 2);
    shard_path(path, names.items[0]);
    assert_int_equal(wit_file_read(path, &old, &err), 0);
    assert_int_equal(wit_buf_append_str(&bytes, wit_buf_view(&old)), 0);
    bytes.data[60] ^= 1;
    assert_int_equal(wit_file_write_atomic(path, wit_buf_view(&bytes), &err), 0);
    shard_path(stray, "0-7-0123456789abcdef.phash");
    assert_int_equal(wit_file_write_atomic(stray, wit_buf_view(&bytes), &err), 0);
    assert_in_range(looks_of(&again, &count), 1, SAMPLES + JUNK - 1);
    assert_same(looks, again, count);
    assert_false(wit_file_exists(stray)); /* its shard is not there */
    wit_buf_reset(&bytes);
    assert_int_equal(wit_file_read(path, &bytes, &err), 0);
    assert_true(wit_str_eq(wit_buf_view(&bytes), wit_buf_view(&old)));
    wit_strings_finish(&names);
    wit_buf_finish(&bytes);
    wit_buf_finish(&old);
    free(looks);
    free(again);
}

static volatile int interrupt_flag;

static void interrupt_at_five(void *user, uint64_t done, uint64_t total) {
    interrupt_flag = done >= 5;
}

static void interrupted_it_goes_on_there(void **state) {
    const struct wit_shards_looks_options options = { .threads = 1,
                                                      .progress = interrupt_at_five,
                                                      .interrupt = &interrupt_flag };
    struct wit_shards_look *looks = NULL;
    struct wit_strings names;
    uint64_t count = 0;
    phash_paths(&names);
    for (size_t i = 0; i < names.count; i++) {
        char path[WIT_PATH_MAX];
        shard_path(path, names.items[i]);
        assert_int_equal(unlink(path), 0);
    }
    wit_strings_finish(&names);
    interrupt_flag = 0;
    assert_int_equal(wit_shards_looks(dir, &options, &looks, &count, &err), WIT_ECANCELED);
    assert_null(looks);
    assert_int_equal(looks_of(&looks, &count), SAMPLES + JUNK - 5);
    free(looks);
}

static void nothing_is_written_where_nothing_can_be(void **state) {
    struct wit_shards_look *looks = NULL;
    char path[WIT_PATH_MAX], gone[WIT_PATH_MAX];
    struct wit_strings names;
    uint64_t count = 0;
    phash_paths(&names);
    for (size_t i = 0; i < names.count; i++) { /* a folder in its place: root may write anywhere */
        shard_path(path, names.items[i]);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(wit_path_join(gone, path, "full"), 0);
        assert_int_equal(wit_dir_make(gone, &err), 0);
    }
    wit_log_set_level(WIT_LOG_ERROR);
    assert_int_equal(looks_of(&looks, &count), SAMPLES + JUNK);
    wit_log_set_level(WIT_LOG_INFO);
    free(looks);
    for (size_t i = 0; i < names.count; i++) {
        shard_path(path, names.items[i]);
        assert_int_equal(wit_dir_remove(path, &err), 0);
    }
    wit_strings_finish(&names);
}

static void clusters_of_what_looks_the_same(void **state) {
    struct wit_shards_near_config cfg = wit_shards_near_config_default();
    static const int expected[SAMPLES] = { 0, 0, 0, 0, 4, 4, 6, 7, 8, 9, 10 };
    struct wit_shards_look *looks = NULL;
    uint32_t cluster[SAMPLES + JUNK];
    uint64_t count = 0;
    (void)looks_of(&looks, &count);
    assert_int_equal(wit_shards_near_clusters(looks, (uint32_t)count, &cfg, cluster, &err), 0);
    for (int i = 0; i < SAMPLES; i++)
        for (int j = 0; j < SAMPLES; j++) {
            ptrdiff_t a = look_of(looks, count, &pictures[i]) - looks;
            ptrdiff_t b = look_of(looks, count, &pictures[j]) - looks;
            if ((cluster[a] == cluster[b]) != (expected[i] == expected[j]))
                fail_msg("%s and %s", pictures[i].url, pictures[j].url);
        }
    /* twice the same dataset: every key meets itself, flat and broken ones too */
    struct wit_shards_look *twice = wit_alloc_array(2 * (size_t)count, sizeof *twice);
    uint32_t clusters[2 * (SAMPLES + JUNK)];
    memcpy(twice, looks, (size_t)count * sizeof *twice);
    memcpy(twice + count, looks, (size_t)count * sizeof *twice);
    assert_int_equal(wit_shards_near_clusters(twice, 2 * (uint32_t)count, &cfg, clusters, &err), 0);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(clusters[i], cluster[i]);
        assert_int_equal(clusters[count + i], cluster[i]);
    }
    free(looks);
    free(twice);
}

static void the_one_to_keep(void **state) {
    const struct wit_shards_look large = { .key = { 9, 9 }, .width = 10, .height = 10 };
    const struct wit_shards_look heavy = {
        .key = { 8, 9 }, .width = 5, .height = 10, .image_bytes = 77
    };
    const struct wit_shards_look low = {
        .key = { 1, 1 }, .width = 10, .height = 5, .image_bytes = 76
    };
    struct wit_shards_look lower = low;
    lower.key.lo = 0;
    assert_true(wit_shards_look_is_better(&large, &heavy));
    assert_false(wit_shards_look_is_better(&heavy, &large));
    assert_true(wit_shards_look_is_better(&heavy, &low));
    assert_true(wit_shards_look_is_better(&lower, &low));
    assert_false(wit_shards_look_is_better(&low, &low));
}

static void the_nearest_of_another_set(void **state) {
    struct wit_shards_near_config cfg = wit_shards_near_config_default();
    struct wit_shards_looker *looker = wit_shards_looker_create();
    struct wit_buf bytes = WIT_BUF_INIT(1 << 24);
    struct wit_shards_look *looks = NULL, eval[4];
    uint32_t nearest[4], distance[4];
    uint64_t count = 0;
    const struct picture others[] = {
        { 2, 200, 150, WIT_IMAGE_JPEG, 70, 5, "", "" }, /* b */
        { 77, 200, 150, WIT_IMAGE_JPEG, 70, 0, "", "" },
        { 0, 90, 90, WIT_IMAGE_PNG, 0, 0, "", "" }, /* flat, the same bytes */
        { 0, 90, 91, WIT_IMAGE_PNG, 0, 0, "", "" }, /* flat, others */
    };
    (void)looks_of(&looks, &count);
    for (size_t i = 0; i < 4; i++) {
        wit_buf_reset(&bytes);
        picture_encode(&others[i], &bytes);
        assert_int_equal(wit_shards_looker_look(looker, wit_buf_view(&bytes), &eval[i], &err), 0);
    }
    assert_int_equal(wit_shards_near_match(eval, 4, looks, (uint32_t)count, &cfg, nearest, distance,
                                           &err),
                     0);
    uint32_t b = (uint32_t)(look_of(looks, count, &pictures[4]) - looks);
    uint32_t darker = (uint32_t)(look_of(looks, count, &pictures[5]) - looks);
    assert_true(nearest[0] == b || nearest[0] == darker);
    assert_int_equal(distance[0], wit_image_phash_distance(&eval[0].hashes.area,
                                                           &looks[nearest[0]].hashes.area));
    assert_true(nearest[1] == UINT32_MAX && nearest[3] == UINT32_MAX);
    assert_int_equal(nearest[2], look_of(looks, count, &pictures[9]) - looks);
    assert_int_equal(distance[2], 0);
    wit_shards_looker_destroy(looker);
    wit_buf_finish(&bytes);
    free(looks);
}

/* What a shard's images look like goes with the shard. */
static void a_seal_removes_files_of_shards_that_go(void **state) {
    const struct picture more = { 9, 64, 64, WIT_IMAGE_PNG, 0, 0, "http://x.test/more.png", "9" };
    struct wit_shards_look *looks = NULL;
    struct wit_strings before, after;
    uint64_t count = 0;
    (void)looks_of(&looks, &count);
    free(looks);
    phash_paths(&before);
    assert_int_equal(before.count, 2);
    wit_strings_finish(&before);
    char path[WIT_PATH_MAX];
    shard_path(path, "0-7-0123456789abcdef.phash");
    assert_int_equal(wit_file_write_atomic(path, WIT_STR("of no shard"), &err), 0);
    pictures_seal(dir, &more, 1, 0);
    phash_paths(&after);
    assert_false(wit_file_exists(path));
    assert_in_range(after.count, 1, 2); /* that of the other prefix at least */
    wit_strings_finish(&after);
    assert_true(look_file_is_of("0-0-aa.lmdb", "0-0-aa.phash"));
    assert_false(look_file_is_of("0-0-aa.lmdb", "0-0-ab.phash"));
    assert_false(look_file_is_of("0-0-aa.lmdb", "0-0-aa.lmdb"));
}

static void files_of_looks(void **state) {
    struct wit_shards_look items[3] = {
        { .key = { 1, 2 },
          .decodes = true,
          .width = 3,
          .height = 4,
          .image_bytes = 5,
          .captions = 6,
          .urls = 7,
          .hashes = { { { 1, 2, 3, 4 } }, { { 5, 6, 7, 8 } }, 100 } },
        { .key = { 1, 3 } },
        { .key = { 2, 0 } },
    };
    struct looks l = { items, 3 }, got = { NULL, 0 };
    struct wit_buf bytes = WIT_BUF_INIT(4096);
    assert_int_equal(look_file_encode(&l, &bytes), 0);
    assert_int_equal(bytes.len, 48 + 3 * 104);
    const uint8_t *first = (const uint8_t *)bytes.data + 48; /* as docs/formats/shard.md has it */
    assert_true(memcmp(bytes.data, "WITPHASH\1\0\0\0\x68\0\0\0\3", 17) == 0);
    assert_true(first[7] == 1 && first[15] == 2 && first[16 + 7] == 4 && first[16 + 31] == 1);
    assert_true(first[48 + 7] == 8 && first[48 + 31] == 5 && first[80] == 100 && first[81] == 1);
    assert_true(first[84] == 3 && first[88] == 4 && first[92] == 5 && first[96] == 6 &&
                first[100] == 7);
    assert_int_equal(look_file_decode(wit_buf_view(&bytes), &got, &err), 0);
    assert_int_equal(got.count, 3);
    assert_same(got.items, items, 3);
    assert_ptr_equal(looks_find(&got, items[1].key), &got.items[1]);
    assert_null(looks_find(&got, (struct wit_hash128){ 1, 4 }));
    looks_finish(&got);
    for (size_t i = 0; i < bytes.len; i++) { /* no byte may change, none be missing */
        bytes.data[i] ^= 4;
        assert_true(look_file_decode(wit_buf_view(&bytes), &got, &err) < 0);
        bytes.data[i] ^= 4;
        assert_true(look_file_decode(wit_str_of(bytes.data, i), &got, &err) < 0);
    }
    items[2].key = items[1].key; /* twice the same */
    wit_buf_reset(&bytes);
    assert_int_equal(look_file_encode(&l, &bytes), 0);
    assert_int_equal(look_file_decode(wit_buf_view(&bytes), &got, &err), WIT_ECORRUPT);
    wit_buf_finish(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_are_computed_once),
        cmocka_unit_test(a_spoilt_file_is_made_anew),
        cmocka_unit_test(interrupted_it_goes_on_there),
        cmocka_unit_test(nothing_is_written_where_nothing_can_be),
        cmocka_unit_test(clusters_of_what_looks_the_same),
        cmocka_unit_test(the_one_to_keep),
        cmocka_unit_test(the_nearest_of_another_set),
        cmocka_unit_test(files_of_looks),
        cmocka_unit_test(a_seal_removes_files_of_shards_that_go),
    };
    return cmocka_run_group_tests(tests, dataset_make, dataset_remove);
}
