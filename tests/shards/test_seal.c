/* test_seal.c: the dataset depends on what was collected and on nothing else. */
#include "collection.h"
#include "manifest.h"
#include "record.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void hex_of(struct wit_hash128 h, char out[WIT_HASH128_HEX]) {
    wit_hash128_to_hex(h, out);
}

static void assert_hash(struct wit_hash128 a, struct wit_hash128 b, uint64_t seed) {
    char x[WIT_HASH128_HEX], y[WIT_HASH128_HEX];
    hex_of(a, x);
    hex_of(b, y);
    if (strcmp(x, y) != 0)
        print_error("seed=%llu\n", (unsigned long long)seed);
    assert_string_equal(x, y);
}

/* A dataset read with nothing but the public functions: its hash from the records alone. */
static struct wit_hash128 hash_by_hand(const char *dir, uint64_t *pairs) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_hash128 sum = { 0, 0 }, last = { 0, 0 };
    uint64_t samples = 0;
    uint8_t bytes[28];
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    *pairs = 0;
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++)
        for (uint64_t i = 0; i < wit_shards_shard_samples(ds, s); i++) {
            struct wit_shards_sample sample;
            size_t found;
            uint64_t at;
            must(wit_shards_read(ds, s, i, &buf, &sample, &err));
            assert_true(samples == 0 || wit_hash128_cmp(last, sample.key) < 0);
            last = sample.key;
            assert_true(
                wit_hash128_eq(sample.key, wit_hash128_of(sample.image.data, sample.image.len)));
            uint8_t two[32];
            wit_hash128_to_bytes(sample.key, two);
            wit_hash128_to_bytes(wit_hash128_of(sample.value.data, sample.value.len), two + 16);
            struct wit_hash128 h = wit_hash128_of(two, sizeof two);
            assert_true(wit_hash128_eq(h, sample.hash));
            sum = wit_hash128_add(sum, h);
            for (uint32_t c = 0; c + 1 < sample.caption_count; c++) {
                struct wit_shards_caption a = wit_shards_sample_caption(&sample, c);
                struct wit_shards_caption b = wit_shards_sample_caption(&sample, c + 1);
                int order = wit_str_cmp(a.text, b.text);
                assert_true(order < 0 || (order == 0 && a.source < b.source));
            }
            *pairs += sample.caption_count;
            samples++;
            must(wit_shards_find(ds, sample.key, &found, &at, &err));
            assert_true(found == s && at == i);
        }
    assert_int_equal(samples, wit_shards_dataset_samples(ds));
    assert_int_equal(*pairs, wit_shards_dataset_pairs(ds));
    wit_store_be32(bytes, 1);
    wit_store_be64(bytes + 4, samples);
    wit_hash128_to_bytes(sum, bytes + 12);
    struct wit_hash128 hash = wit_hash128_of(bytes, sizeof bytes);
    assert_true(wit_hash128_eq(hash, wit_shards_dataset_hash(ds)));
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    return hash;
}

static void on_fault(void *user, const struct wit_shards_fault *fault) {
    print_error("%s: %s\n", fault->file, fault->text);
}

static void verify_clean(const char *dir, uint64_t samples) {
    struct wit_shards_verify_report report;
    must(wit_shards_verify(dir, 2, on_fault, NULL, &report, &err));
    assert_int_equal(report.samples, samples);
    assert_int_equal(report.bad, 0);
}

static void test_small_whole(void **state) {
    const struct collection c = { .seed = 5, .urls = 60, .images = 40, .candidates = 200 };
    struct wit_shards_seal_report report, again;
    char dir[WIT_PATH_MAX];
    uint64_t pairs;
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 2, &report, &err));
    assert_true(report.changed);
    assert_true(report.samples > 20 && report.pairs > report.samples);
    assert_hash(hash_by_hand(dir, &pairs), report.hash, c.seed);
    assert_int_equal(pairs, report.pairs);
    verify_clean(dir, report.samples);
    must(seal_simple(dir, 1, 2, &again, &err));
    assert_false(again.changed);
    assert_hash(again.hash, report.hash, c.seed);
    assert_int_equal(again.duplicate_images, report.duplicate_images);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
