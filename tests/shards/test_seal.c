/* test_seal.c: the dataset depends on what was collected and on nothing else. */
#include "collection.h"
#include "manifest.h"
#include "record.h"

#include <pthread.h>
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
            assert_true(i == 0 || wit_hash128_cmp(last, sample.key) < 0);
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
    const struct wit_shards_verify_options options = { .threads = 2, .fault = on_fault };
    must(wit_shards_verify(dir, &options, &report, &err));
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

/* shards/ holds what the manifest names and nothing else. Its most runs of a prefix. */
static unsigned assert_no_strays(const char *dir) {
    struct manifest m;
    struct wit_strings names;
    char path[WIT_PATH_MAX], hidden[MANIFEST_FILE_MAX];
    size_t named = 0;
    unsigned most = 0, runs = 0;
    must(manifest_load(dir, &m, &err));
    must(wit_path_join(path, dir, "shards"));
    must(wit_dir_list(path, &names, &err));
    for (size_t i = 0; i < m.count; i++) {
        runs = i && m.shards[i].prefix == m.shards[i - 1].prefix ? runs + 1 : 1;
        most = runs > most ? runs : most;
        must(manifest_shard_path(path, dir, m.shards[i].file, &err));
        assert_true(wit_file_exists(path));
        named++;
        if (m.shards[i].hidden_count == 0)
            continue;
        manifest_hidden_name(&m.shards[i], hidden);
        must(manifest_shard_path(path, dir, hidden, &err));
        assert_true(wit_file_exists(path));
        named++;
    }
    assert_int_equal(names.count, named);
    wit_strings_finish(&names);
    manifest_finish(&m);
    return most;
}

/* Any threads, any number of shards, any order, any repeats, any number of seals: one hash. */
static void test_hash_depends_on_content_only(void **state) {
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const struct collection c = { .seed = seed,
                                      .urls = 20 + 40 * (unsigned)seed,
                                      .images = 15 + 25 * (unsigned)seed,
                                      .candidates = 150 * (unsigned)seed };
        const unsigned steps = collection_steps(&c);
        struct wit_shards_seal_report first, report;
        char dir[WIT_PATH_MAX], other[WIT_PATH_MAX];
        uint64_t pairs;
        scratch_make(dir);
        must(collection_run(&c, 0, steps, 1, dir, &err));
        must(seal_simple(dir, 1, 0, &first, &err));
        for (unsigned threads = 1; threads <= 4; threads *= 2)
            for (int bits = 1; bits <= 5; bits += 2) {
                must(seal_simple(dir, threads, bits, &report, &err));
                assert_hash(report.hash, first.hash, seed);
                assert_int_equal(report.pairs, first.pairs);
                assert_int_equal(report.duplicate_images, first.duplicate_images);
            }
        assert_hash(hash_by_hand(dir, &pairs), first.hash, seed);
        assert_no_strays(dir);

        /* Three seals on the way, another order, the last third collected twice. */
        scratch_make(other);
        must(collection_run(&c, 0, steps / 3, 7, other, &err));
        must(seal_simple(other, 2, 3, &report, &err));
        must(collection_run(&c, steps / 3, 2 * steps / 3, 8, other, &err));
        must(seal_simple(other, 1, 3, &report, &err));
        must(collection_run(&c, steps / 2, steps, 9, other, &err));
        must(seal_simple(other, 3, 3, &report, &err));
        assert_true(report.changed);
        assert_hash(report.hash, first.hash, seed);
        assert_hash(hash_by_hand(other, &pairs), first.hash, seed);
        verify_clean(other, report.samples);
        assert_no_strays(other);
        scratch_remove(dir);
        scratch_remove(other);
    }
}

static void add(struct wit_shards_collector *c, const char *url, struct wit_str bytes,
                const char *text);
static uint32_t count_captions(const char *dir, struct wit_hash128 key, struct wit_str bytes);

/* Random sequences of collecting and sealing, by several threads and limits: the dataset of one
 * seal at the end; each seal again changes nothing; some of the prefixes have runs. */
static void test_later_seals_add_runs(void **state) {
    unsigned most = 0;
    for (uint64_t seed = 30; seed < 36; seed++) {
        struct wit_random rng;
        struct wit_shards_seal_report once, report, again;
        struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
        char dir[WIT_PATH_MAX], other[WIT_PATH_MAX];
        uint64_t pairs;
        wit_random_init(&rng, seed, 0, 0);
        const struct collection c = { .seed = seed,
                                      .urls = 100 + (unsigned)wit_random_below(&rng, 300),
                                      .images = 80 + (unsigned)wit_random_below(&rng, 200),
                                      .candidates = 300 + (unsigned)wit_random_below(&rng, 900) };
        const unsigned steps = collection_steps(&c);
        scratch_make(dir);
        must(collection_run(&c, 0, steps, 1, dir, &err));
        must(seal_simple(dir, 1, 0, &once, &err));
        scratch_make(other);
        cfg.shard_bits = (int)wit_random_below(&rng, 3);
        cfg.max_runs = 1 + (unsigned)wit_random_below(&rng, 9);
        cfg.rewrite_percent = (unsigned)wit_random_below(&rng, 101);
        for (unsigned at = 0, to; at < steps; at = to) {
            to = at + 1 + (unsigned)wit_random_below(&rng, at ? steps / 12 : steps / 2);
            to = to > steps ? steps : to;
            cfg.threads = 1 + (unsigned)wit_random_below(&rng, 3);
            /* Some of what came before is collected once more: repeats change nothing. */
            must(collection_run(&c, at - at / 9, to, seed + at, other, &err));
            must(wit_shards_seal(other, &cfg, &report, &err));
            unsigned runs = assert_no_strays(other);
            assert_true(runs <= cfg.max_runs);
            most = runs > most ? runs : most;
            cfg.tool = WIT_STR("another"); /* does not count */
            must(wit_shards_seal(other, &cfg, &again, &err));
            assert_false(again.changed);
            assert_hash(again.hash, report.hash, seed);
            verify_clean(other, report.samples);
        }
        assert_hash(report.hash, once.hash, seed);
        assert_int_equal(report.pairs, once.pairs);
        assert_int_equal(report.image_bytes, once.image_bytes);
        assert_int_equal(report.duplicate_images, once.duplicate_images);
        assert_hash(hash_by_hand(other, &pairs), once.hash, seed);
        /* The comparison goes by what lies there: with other inputs it finds the same again. */
        cfg.recipe = WIT_STR("{\"name\":\"the same\"}");
        must(wit_shards_seal(other, &cfg, &again, &err));
        assert_false(again.changed);
        cfg.max_runs = 1;
        cfg.recipe = WIT_STR("{\"name\":\"one run\"}");
        must(wit_shards_seal(other, &cfg, &again, &err));
        assert_hash(again.hash, once.hash, seed);
        assert_int_equal(assert_no_strays(other), 1);
        scratch_remove(dir);
        scratch_remove(other);
    }
    assert_true(most > 4);
}

static uint64_t bytes_of_shards(const char *dir, uint64_t *hidden) {
    struct manifest m;
    uint64_t bytes = 0;
    *hidden = 0;
    must(manifest_load(dir, &m, &err));
    for (size_t i = 0; i < m.count; i++) {
        bytes += m.shards[i].file_bytes;
        *hidden += m.shards[i].hidden_count;
    }
    manifest_finish(&m);
    return bytes;
}

/* A new caption of an old image and a new image are a small run; the old version is hidden; what
 * leaves is hidden; when the most is hidden the prefix is made anew. */
static void test_a_run_holds_what_changed(void **state) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX], url[64], body[5000];
    uint64_t hidden;
    memset(body, 'x', sizeof body);
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    for (int i = 0; i < 100; i++) {
        snprintf(url, sizeof url, "http://a/%d", i);
        memcpy(body, &i, sizeof i);
        add(c, url, wit_str_of(body, sizeof body), "first");
    }
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 0, &report, &err));
    uint64_t first = bytes_of_shards(dir, &hidden);
    must(wit_shards_collector_open(dir, &c, &err));
    memcpy(body, &(int){ 7 }, sizeof(int));
    add(c, "http://a/7", wit_str_of(body, sizeof body), "second");
    add(c, "http://a/new", WIT_STR("another"), "new");
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 0, &report, &err));
    assert_int_equal(report.samples, 101);
    assert_int_equal(report.pairs, 102);
    assert_int_equal(report.shards, 2);
    assert_true(bytes_of_shards(dir, &hidden) < first + first / 10);
    assert_int_equal(hidden, 1);
    assert_int_equal(count_captions(dir, wit_hash128_of(body, sizeof body),
                                    wit_str_of(body, sizeof body)),
                     2);
    verify_clean(dir, 101);
    /* A list that is lost, while nothing else has changed, is a reason to seal. */
    struct manifest m;
    struct wit_shards_seal_report again;
    char path[WIT_PATH_MAX];
    must(manifest_load(dir, &m, &err));
    assert_int_equal(m.shards[0].hidden_count, 1);
    manifest_hidden_name(&m.shards[0], url);
    must(manifest_shard_path(path, dir, url, &err));
    assert_int_equal(remove(path), 0);
    must(seal_simple(dir, 1, 0, &again, &err));
    assert_hash(again.hash, report.hash, 0);
    verify_clean(dir, 101);
    manifest_finish(&m);
    scratch_remove(dir);
}

/* An old shard that can't be read is no reason to fail: the logs have everything. */
static void test_damaged_runs_are_made_anew(void **state) {
    const struct collection c = { .seed = 41, .urls = 120, .images = 100, .candidates = 400 };
    struct wit_shards_seal_report once, report;
    struct manifest m;
    struct wit_buf bytes = WIT_BUF_INIT(64 << 20);
    char dir[WIT_PATH_MAX], other[WIT_PATH_MAX], path[WIT_PATH_MAX];
    scratch_make(dir);
    scratch_make(other);
    must(collection_run(&c, 0, collection_steps(&c), 1, other, &err));
    must(seal_simple(other, 1, 1, &once, &err));
    must(collection_run(&c, 0, collection_steps(&c) - 20, 1, dir, &err));
    must(seal_simple(dir, 1, 1, &report, &err));
    must(manifest_load(dir, &m, &err));
    must(manifest_shard_path(path, dir, m.shards[0].file, &err));
    must(wit_file_read(path, &bytes, &err));
    memset(bytes.data + 2 * 4096, 0xff, bytes.len - 3 * 4096); /* of the right size */
    must(wit_file_write_atomic(path, wit_buf_view(&bytes), &err));
    must(collection_run(&c, collection_steps(&c) - 20, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 1, &report, &err));
    assert_hash(report.hash, once.hash, c.seed);
    verify_clean(dir, report.samples);
    wit_buf_finish(&bytes);
    manifest_finish(&m);
    scratch_remove(dir);
    scratch_remove(other);
}

/* The dataset of one collection and the logs of another. */
static void test_another_collection_is_refused(void **state) {
    const struct collection c = { .seed = 51, .urls = 40, .images = 30, .candidates = 100 };
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX], collect[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 1, &report, &err));
    const uint64_t samples = report.samples;
    must(wit_path_join(collect, dir, "collect"));
    must(wit_dir_remove(collect, &err));
    must(collection_run(&c, 0, 60, 1, dir, &err));
    assert_int_equal(seal_simple(dir, 1, 1, &report, &err), WIT_EEXIST);
    assert_non_null(strstr(err.text, collect));
    verify_clean(dir, samples);
    must(manifest_path(collect, dir, &err));
    assert_int_equal(remove(collect), 0);
    must(seal_simple(dir, 1, 1, &report, &err));
    verify_clean(dir, report.samples);
    assert_no_strays(dir);
    scratch_remove(dir);
}

/* Whether the join fits in memory or is sorted on disk: the same files to the byte. */
static void test_memory_decides_nothing(void **state) {
    const struct collection c = { .seed = 21, .urls = 4000, .images = 2500, .candidates = 9000 };
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report report;
    struct manifest whole, spilled;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    cfg.shard_bits = 2;
    must(wit_shards_seal(dir, &cfg, &report, &err));
    assert_int_equal(report.spilled_bytes, 0);
    must(manifest_load(dir, &whole, &err));
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        must(manifest_path(path, dir, &err));
        assert_int_equal(remove(path), 0);
        must(manifest_shard_path(path, dir, "", &err));
        must(wit_dir_remove(path, &err));
        cfg.memory_bytes = 1; /* the least there is */
        cfg.threads = threads;
        must(wit_shards_seal(dir, &cfg, &report, &err));
        assert_true(report.spilled_bytes > 0);
        must(manifest_load(dir, &spilled, &err));
        assert_int_equal(spilled.count, whole.count);
        for (size_t i = 0; i < whole.count; i++)
            assert_hash(spilled.shards[i].file_hash, whole.shards[i].file_hash, c.seed);
        assert_int_equal(spilled.duplicate_images, whole.duplicate_images);
        manifest_finish(&spilled);
    }
    verify_clean(dir, report.samples);
    assert_no_strays(dir);
    manifest_finish(&whole);
    scratch_remove(dir);
}

/* keep() of a balancer: a text stays while it is rare. */
struct rarity {
    unsigned most;
    uint64_t counts[64];
};

static int count_text(void *user, const struct wit_shards_candidate *c, struct wit_error *e) {
    struct rarity *r = user;
    r->counts[wit_hash64_of(c->text.data, c->text.len, 0) % 64]++;
    return 0;
}

static int keep_rare(void *user, const struct wit_shards_candidate *c, bool *keep,
                     struct wit_error *e) {
    const struct rarity *r = user;
    *keep = r->counts[wit_hash64_of(c->text.data, c->text.len, 0) % 64] <= r->most;
    return 0;
}

static void seal_rare(const char *dir, int bits, struct wit_shards_seal_report *report) {
    struct rarity r = { .most = 60 };
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    must(wit_shards_candidates_each(dir, count_text, &r, &err));
    cfg.shard_bits = bits;
    cfg.threads = 2;
    cfg.keep = keep_rare;
    cfg.user = &r;
    cfg.recipe = WIT_STR("{\"most\":60}");
    must(wit_shards_seal(dir, &cfg, report, &err));
}

/* A pair that an earlier seal kept leaves when the counts have grown: as if sealed once. */
static void test_growing_counts(void **state) {
    const struct collection c = { .seed = 11, .urls = 150, .images = 120, .candidates = 900 };
    const unsigned steps = collection_steps(&c);
    struct wit_shards_seal_report joint, early, late;
    char dir[WIT_PATH_MAX], other[WIT_PATH_MAX];
    uint64_t pairs;
    scratch_make(dir);
    scratch_make(other);
    must(collection_run(&c, 0, steps, 1, dir, &err));
    seal_rare(dir, 2, &joint);
    must(collection_run(&c, 0, steps / 2, 0, other, &err));
    seal_rare(other, 2, &early);
    must(collection_run(&c, steps / 2, steps, 0, other, &err));
    seal_rare(other, 2, &late);
    assert_true(joint.dropped_pairs > early.dropped_pairs);
    assert_int_equal(joint.dropped_pairs, late.dropped_pairs);
    assert_int_equal(joint.pairs, late.pairs);
    assert_hash(late.hash, joint.hash, c.seed);
    assert_hash(hash_by_hand(other, &pairs), joint.hash, c.seed);
    verify_clean(other, late.samples);
    scratch_remove(dir);
    scratch_remove(other);
}

static int keep_fails(void *user, const struct wit_shards_candidate *c, bool *keep,
                      struct wit_error *e) {
    return wit_error_set(e, WIT_ENOMEM, "no memory to judge a pair");
}

static void test_failing_keep_ends_the_seal(void **state) {
    const struct collection c = { .seed = 12, .urls = 20, .images = 20, .candidates = 60 };
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report before, report;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c) / 2, 0, dir, &err));
    must(wit_shards_seal(dir, &cfg, &before, &err));
    must(collection_run(&c, collection_steps(&c) / 2, collection_steps(&c), 0, dir, &err));
    cfg.keep = keep_fails;
    assert_int_equal(wit_shards_seal(dir, &cfg, &report, &err), WIT_ENOMEM);
    assert_non_null(strstr(err.text, "no memory to judge a pair"));
    verify_clean(dir, before.samples);
    scratch_remove(dir);
}

static void add(struct wit_shards_collector *c, const char *url, struct wit_str bytes,
                const char *text) {
    const struct wit_shards_fetched f = { .url = wit_str_from(url),
                                          .final_url = wit_str_from(url),
                                          .bytes = bytes,
                                          .info = { .format = WIT_IMAGE_PNG, .width = 1 } };
    const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                               .text = wit_str_from(text),
                                               .source = WIT_SHARDS_ALT,
                                               .page = WIT_STR("http://p/") };
    must(wit_shards_collector_add_image(c, &f, &err));
    must(wit_shards_collector_add_candidate(c, &cand, &err));
}

static uint32_t count_captions(const char *dir, struct wit_hash128 key, struct wit_str bytes) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_shards_sample sample;
    uint64_t index;
    size_t shard;
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    must(wit_shards_find(ds, key, &shard, &index, &err));
    must(wit_shards_read(ds, shard, index, &buf, &sample, &err));
    assert_true(wit_str_eq(sample.image, bytes));
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    return sample.caption_count;
}

static void test_two_images_under_one_key(void **state) {
    uint8_t a[1200], b[1200];
    collide(a, b);
    struct wit_str x = wit_str_of(a, sizeof a), y = wit_str_of(b, sizeof b);
    struct wit_hash128 key = wit_hash128_of(a, sizeof a), other = wit_hash128_of(b, sizeof b);
    assert_true(wit_hash128_eq(key, other) && !wit_str_eq(x, y));
    struct wit_hash128 hashes[2];
    for (int order = 0; order < 2; order++) {
        struct wit_shards_collector *c = NULL;
        struct wit_shards_seal_report report;
        char dir[WIT_PATH_MAX];
        scratch_make(dir);
        must(wit_shards_collector_open(dir, &c, &err));
        add(c, order ? "http://a/" : "http://b/", order ? x : y, order ? "one" : "two");
        add(c, order ? "http://b/" : "http://a/", order ? y : x, order ? "two" : "one");
        add(c, "http://c/", x, "three");
        must(wit_shards_collector_commit(c, &err));
        wit_shards_collector_close(c);
        must(seal_simple(dir, 1, 0, &report, &err));
        assert_int_equal(report.samples, 1);
        assert_int_equal(report.collisions, 1);
        assert_int_equal(report.duplicate_images, 1);
        struct wit_str smaller = wit_str_cmp(x, y) < 0 ? x : y;
        assert_int_equal(count_captions(dir, key, smaller), smaller.data == x.data ? 2 : 1);
        hashes[order] = report.hash;
        scratch_remove(dir);
    }
    assert_hash(hashes[0], hashes[1], 0);
}

static void add_smaller(struct wit_shards_collector *c, const char *url, const char *fetched,
                        const char *stored, const char *text) {
    const struct wit_shards_fetched f = { .url = wit_str_from(url),
                                          .final_url = wit_str_from(url),
                                          .bytes = wit_str_from(stored),
                                          .info = { .format = WIT_IMAGE_JPEG, .width = 8 },
                                          .changed = WIT_SHARDS_RESIZED,
                                          .fetched_key = wit_hash128_of(fetched, strlen(fetched)),
                                          .fetched_width = 800,
                                          .fetched_height = 600 };
    const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                               .text = wit_str_from(text),
                                               .source = WIT_SHARDS_ALT };
    must(wit_shards_collector_add_image(c, &f, &err));
    must(wit_shards_collector_add_candidate(c, &cand, &err));
}

/* Images that are stored smaller keep the key of what was fetched; the same one in two sizes is one
 * sample with the words of both. */
static void test_smaller_images(void **state) {
    struct wit_hash128 hashes[2];
    for (int order = 0; order < 2; order++) {
        struct wit_shards_collector *c = NULL;
        struct wit_shards_seal_report report;
        struct wit_shards_dataset *ds = NULL;
        struct wit_buf origin = WIT_BUF_INIT(1 << 16);
        char dir[WIT_PATH_MAX];
        scratch_make(dir);
        must(wit_shards_collector_open(dir, &c, &err));
        if (order == 0)
            add_smaller(c, "http://a/", "large", "of 512 px", "one");
        add_smaller(c, "http://b/", "large", "of 256 px", "two");
        if (order == 1)
            add_smaller(c, "http://a/", "large", "of 512 px", "one");
        must(wit_shards_collector_commit(c, &err));
        wit_shards_collector_close(c);
        must(seal_simple(dir, 1, 0, &report, &err));
        assert_int_equal(report.samples, 1);
        assert_int_equal(report.pairs, 2);
        assert_int_equal(report.collisions, 0);
        hashes[order] = report.hash;
        struct wit_hash128 key = wit_hash128_of("large", 5);
        assert_int_equal(count_captions(dir, key, WIT_STR("of 256 px")), 2);
        must(wit_shards_verify(dir, NULL, &(struct wit_shards_verify_report){ .bad = 0 }, &err));
        must(wit_shards_dataset_open(dir, NULL, &ds, &err));
        must(wit_shards_origin(ds, key, &origin, &err));
        must(wit_buf_terminate(&origin));
        assert_non_null(strstr(origin.data, "\"fetched\":{\"width\":800,\"height\":600}"));
        wit_shards_dataset_close(ds);
        wit_buf_finish(&origin);
        scratch_remove(dir);
    }
    assert_hash(hashes[0], hashes[1], 0);
}

static void add_listed(struct wit_shards_collector *c, const char *url, const char *bytes,
                       const char *text, const char *extra) {
    const struct wit_shards_fetched f = { .url = wit_str_from(url),
                                          .final_url = wit_str_from(url),
                                          .bytes = wit_str_from(bytes),
                                          .info = { .format = WIT_IMAGE_PNG, .width = 1 } };
    const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                               .text = wit_str_from(text),
                                               .source = WIT_SHARDS_LIST,
                                               .extra = wit_str_from(extra) };
    must(wit_shards_collector_add_image(c, &f, &err));
    must(wit_shards_collector_add_candidate(c, &cand, &err));
}

static void origin_is(struct wit_shards_dataset *ds, const char *bytes, const char *seen) {
    struct wit_buf origin = WIT_BUF_INIT(1 << 16);
    must(wit_shards_origin(ds, wit_hash128_of(bytes, strlen(bytes)), &origin, &err));
    must(wit_buf_terminate(&origin));
    if (!strstr(origin.data, seen))
        fail_msg("'%s' is not in: %s", seen, origin.data);
    wit_buf_finish(&origin);
}

static void add_seen(struct wit_shards_collector *c, const char *url, const char *page,
                     const char *rights) {
    const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                               .text = WIT_STR("words"),
                                               .source = WIT_SHARDS_ALT,
                                               .page = wit_str_from(page),
                                               .rights = wit_str_from(rights) };
    must(wit_shards_collector_add_candidate(c, &cand, &err));
}

/* Beside the place where an image was seen stands what the page said; a place that was read twice
 * is one, unless it said something else. No content hash depends on it. */
static void test_rights_of_pages(void **state) {
    static const char *const rights[] = { "meta.robots: noarchive\n", "" };
    struct wit_shards_seal_report report[2];
    for (size_t i = 0; i < 2; i++) {
        struct wit_shards_collector *c = NULL;
        struct wit_shards_dataset *ds = NULL;
        char dir[WIT_PATH_MAX];
        scratch_make(dir);
        must(wit_shards_collector_open(dir, &c, &err));
        add_listed(c, "http://a/", "image", "words", "");
        add_seen(c, "http://a/", "http://p/1", rights[i]);
        add_seen(c, "http://a/", "http://p/2", "");
        add_seen(c, "http://a/", "http://p/1", rights[i]);
        add_seen(c, "http://a/", "http://p/2", "page.license: http://l/\n");
        must(wit_shards_collector_commit(c, &err));
        wit_shards_collector_close(c);
        must(seal_simple(dir, 1, 0, &report[i], &err));
        must(wit_shards_dataset_open(dir, NULL, &ds, &err));
        origin_is(ds, "image",
                  i ? "{\"caption\":0,\"page\":\"http://p/1\"},"
                    : "{\"caption\":0,\"page\":\"http://p/1\","
                      "\"rights\":\"meta.robots: noarchive\\n\"},");
        origin_is(ds, "image",
                  "{\"caption\":0,\"page\":\"http://p/2\"},{\"caption\":0,\"page\":\"http://p/2\","
                  "\"rights\":\"page.license: http://l/\\n\"}");
        origin_is(ds, "image", "\"seen_total\":4}");
        wit_shards_dataset_close(ds);
        scratch_remove(dir);
    }
    assert_hash(report[0].hash, report[1].hash, 0);
}

static int keep_words(void *user, const struct wit_shards_candidate *cand, bool *keep,
                      struct wit_error *e) {
    *keep = cand->text.len > 0;
    return 0;
}

/* A list may name images without words: they are samples, with one caption that is empty. */
static void test_images_without_words(void **state) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    struct wit_shards_dataset *ds = NULL;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    add_listed(c, "http://a/", "alone", "", "{\"id\":\"7\"}");
    add_listed(c, "http://b/", "worded", "", "{\"id\":\"8\"}");
    add_listed(c, "http://c/", "worded", "some words", "");
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 0, &report, &err));
    assert_int_equal(report.samples, 2);
    assert_int_equal(report.pairs, 2);
    assert_int_equal(report.captions_cut, 0);
    assert_int_equal(count_captions(dir, wit_hash128_of("alone", 5), WIT_STR("alone")), 1);
    must(wit_shards_verify(dir, NULL, &(struct wit_shards_verify_report){ .bad = 0 }, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    origin_is(ds, "alone", "\"seen\":[{\"caption\":0,\"page\":\"\",\"extra\":{\"id\":\"7\"}}]");
    origin_is(ds, "worded", "\"seen\":[{\"caption\":null,\"page\":\"\",\"extra\":{\"id\":\"8\"}}]");
    origin_is(ds, "worded", "\"seen\":[{\"caption\":0,\"page\":\"\"}]");
    wit_shards_dataset_close(ds);
    cfg.keep = keep_words; /* is asked about the empty text too */
    must(wit_shards_seal(dir, &cfg, &report, &err));
    assert_int_equal(report.samples, 1);
    assert_int_equal(report.dropped_pairs, 2);
    scratch_remove(dir);
}

static void test_words_decide(void **state) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    struct wit_buf origin = WIT_BUF_INIT(1 << 16);
    struct wit_shards_dataset *ds = NULL;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    assert_int_equal(wit_shards_collector_find(c, WIT_STR("http://a/")), 0);
    add(c, "http://a/", WIT_STR("same bytes"), "b");
    add(c, "http://a/", WIT_STR("same bytes"), "b");
    add(c, "http://z/", WIT_STR("same bytes"), "a");
    assert_int_equal(wit_shards_collector_find(c, WIT_STR("http://a/")), 1);
    must(wit_shards_collector_add_refusal(c, WIT_STR("http://r/"), WIT_STR("robots"), &err));
    must(wit_shards_collector_add_refusal(c, WIT_STR("http://a/"), WIT_STR("robots"), &err));
    assert_int_equal(wit_shards_collector_find(c, WIT_STR("http://r/")), 2);
    assert_int_equal(wit_shards_collector_find(c, WIT_STR("http://a/")), 1);
    const struct wit_shards_fetched wordless = { .url = WIT_STR("http://w/"),
                                                 .bytes = WIT_STR("x") };
    must(wit_shards_collector_add_image(c, &wordless, &err));
    const struct wit_shards_candidate unfetched = { .url = WIT_STR("http://u/"),
                                                    .text = WIT_STR("t") };
    must(wit_shards_collector_add_candidate(c, &unfetched, &err));
    const struct wit_shards_candidate empty = { .url = WIT_STR("http://u/") };
    assert_int_equal(wit_shards_collector_add_candidate(c, &empty, &err), WIT_EINVAL);
    must(wit_shards_collector_commit(c, &err));

    struct wit_shards_collector *second = NULL;
    assert_int_equal(wit_shards_collector_open(dir, &second, &err), WIT_EEXIST);
    assert_non_null(strstr(err.text, "in use by process"));
    assert_int_equal(seal_simple(dir, 1, 0, &report, &err), WIT_EEXIST);
    wit_shards_collector_close(c);

    must(seal_simple(dir, 1, 0, &report, &err));
    assert_int_equal(report.samples, 1);
    assert_int_equal(report.pairs, 2);
    assert_int_equal(report.duplicate_images, 1);
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    must(wit_shards_origin(ds, wit_hash128_of("same bytes", 10), &origin, &err));
    must(wit_buf_terminate(&origin));
    assert_string_equal(origin.data,
                        "{\"url\":\"http://a/\",\"final_url\":\"http://a/\",\"fetched_at_s\":0,"
                        "\"headers\":\"\",\"rights\":\"\",\"seen\":[{\"caption\":1,\"page\":"
                        "\"http://p/\"}],\"seen_total\":1}\n"
                        "{\"url\":\"http://z/\",\"final_url\":\"http://z/\",\"fetched_at_s\":0,"
                        "\"headers\":\"\",\"rights\":\"\",\"seen\":[{\"caption\":0,\"page\":"
                        "\"http://p/\"}],\"seen_total\":1}\n");
    wit_buf_reset(&origin);
    assert_int_equal(wit_shards_origin(ds, (struct wit_hash128){ 1, 2 }, &origin, &err),
                     WIT_ENOTFOUND);
    wit_shards_dataset_close(ds);
    wit_buf_finish(&origin);
    scratch_remove(dir);
}

/* Captions that only differ in the page are one; more captions than the ceiling: the first stay. */
static void test_many_captions(void **state) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX], text[32];
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    add(c, "http://a/", WIT_STR("bytes"), "caption");
    for (unsigned i = 0; i < WIT_SHARDS_MAX_CAPTIONS + 10; i++) {
        snprintf(text, sizeof text, "%06u",
                 (unsigned)wit_permute(i, WIT_SHARDS_MAX_CAPTIONS + 10, 3));
        const struct wit_shards_candidate cand = { .url = WIT_STR("http://a/"),
                                                   .text = wit_str_from(text),
                                                   .source = WIT_SHARDS_ALT };
        must(wit_shards_collector_add_candidate(c, &cand, &err));
    }
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 0, &report, &err));
    assert_int_equal(report.pairs, WIT_SHARDS_MAX_CAPTIONS);
    assert_int_equal(report.captions_cut, 11);
    verify_clean(dir, 1);
    scratch_remove(dir);
}

static void test_empty_collection(void **state) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX];
    uint64_t pairs;
    scratch_make(dir);
    assert_int_equal(seal_simple(dir, 1, -1, &report, &err), WIT_ENOTFOUND);
    must(wit_shards_collector_open(dir, &c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 2, -1, &report, &err));
    assert_int_equal(report.samples, 0);
    assert_hash(hash_by_hand(dir, &pairs), report.hash, 0);
    verify_clean(dir, 0);
    scratch_remove(dir);
}

/* Logs that are gone, or new and empty, take nothing from the dataset that is there. */
static void test_a_dataset_is_not_emptied(void **state) {
    const struct collection c = { .seed = 5, .urls = 30, .images = 30, .candidates = 100 };
    struct wit_shards_collector *collector = NULL;
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX], collect[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 1, &report, &err));
    const uint64_t samples = report.samples;
    assert_true(samples > 0);
    must(wit_path_join(collect, dir, "collect"));
    must(wit_dir_remove(collect, &err));
    assert_int_equal(seal_simple(dir, 1, 1, &report, &err), WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, collect));
    assert_false(wit_file_exists(collect));
    verify_clean(dir, samples);
    must(wit_shards_collector_open(dir, &collector, &err));
    wit_shards_collector_close(collector);
    assert_int_equal(seal_simple(dir, 1, 1, &report, &err), WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, collect));
    verify_clean(dir, samples);
    scratch_remove(dir);
}

/* A seal that keeps every pair does not undo one that chose, unless it is meant to. */
static void test_recipe_is_guarded(void **state) {
    const struct collection c = { .seed = 6, .urls = 150, .images = 120, .candidates = 900 };
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report rare, report;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    cfg.guard_recipe = true;
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    seal_rare(dir, 1, &rare);
    assert_true(rare.dropped_pairs > 0);
    assert_int_equal(wit_shards_seal(dir, &cfg, &report, &err), WIT_EEXIST);
    assert_non_null(strstr(err.text, "recipe"));
    verify_clean(dir, rare.samples);
    seal_rare(dir, 1, &report);
    assert_false(report.changed);
    must(manifest_path(path, dir, &err));
    assert_int_equal(remove(path), 0);
    must(wit_shards_seal(dir, &cfg, &report, &err));
    assert_int_equal(report.dropped_pairs, 0);
    must(wit_shards_seal(dir, &cfg, &report, &err));
    assert_false(report.changed);
    scratch_remove(dir);
}

/* A damaged shard is made anew once it has been removed; a damaged dataset.json at once. */
static void test_seal_heals(void **state) {
    const struct collection c = { .seed = 3, .urls = 50, .images = 50, .candidates = 200 };
    struct wit_shards_seal_report first, again;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_shard_info info;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 1, &first, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    wit_shards_shard_info(ds, 1, &info);
    must(manifest_shard_path(path, dir, info.file, &err));
    wit_shards_dataset_close(ds);
    assert_int_equal(remove(path), 0);
    must(seal_simple(dir, 1, 1, &again, &err));
    assert_hash(again.hash, first.hash, c.seed);
    verify_clean(dir, first.samples);
    must(manifest_path(path, dir, &err));
    must(wit_file_write_atomic(path, WIT_STR("{}"), &err));
    must(seal_simple(dir, 1, 1, &again, &err));
    assert_hash(again.hash, first.hash, c.seed);
    verify_clean(dir, first.samples);
    scratch_remove(dir);
}

struct reader {
    struct wit_shards_dataset *ds;
    uint64_t seed, read, failed;
};

static void *read_at_random(void *arg) {
    struct reader *r = arg;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_random rng;
    wit_random_init(&rng, r->seed, 0, 0);
    for (int k = 0; k < 300; k++) {
        struct wit_shards_sample sample;
        size_t shard = (size_t)wit_random_below(&rng, wit_shards_dataset_shards(r->ds));
        uint64_t index = wit_random_below(&rng, wit_shards_shard_samples(r->ds, shard));
        if (k % 9 == 0)
            wit_shards_shard_release(r->ds, shard);
        if (k % 5 == 0)
            wit_shards_prefetch(r->ds, shard, index, 4);
        if (wit_shards_read(r->ds, shard, index, &buf, &sample, NULL) == 0)
            r->read++;
        else
            r->failed++;
        if (k % 7 == 0) {
            wit_buf_reset(&buf);
            r->failed += wit_shards_origin(r->ds, sample.key, &buf, NULL) < 0;
        }
    }
    wit_buf_finish(&buf);
    return NULL;
}

/* Any thread may read while another releases the shard under it. */
static void test_readers_and_releases(void **state) {
    const struct collection c = { .seed = 13, .urls = 80, .images = 70, .candidates = 300 };
    struct wit_shards_seal_report report;
    struct wit_shards_dataset *ds = NULL;
    struct reader readers[4];
    pthread_t threads[4];
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 2, 2, &report, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    for (unsigned t = 0; t < 4; t++) {
        readers[t] = (struct reader){ .ds = ds, .seed = t };
        assert_int_equal(pthread_create(&threads[t], NULL, read_at_random, &readers[t]), 0);
    }
    for (unsigned t = 0; t < 4; t++) {
        pthread_join(threads[t], NULL);
        assert_int_equal(readers[t].read, 300);
        assert_int_equal(readers[t].failed, 0);
    }
    wit_shards_dataset_close(ds);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_whole),
        cmocka_unit_test(test_words_decide),
        cmocka_unit_test(test_rights_of_pages),
        cmocka_unit_test(test_images_without_words),
        cmocka_unit_test(test_empty_collection),
        cmocka_unit_test(test_two_images_under_one_key),
        cmocka_unit_test(test_smaller_images),
        cmocka_unit_test(test_hash_depends_on_content_only),
        cmocka_unit_test(test_later_seals_add_runs),
        cmocka_unit_test(test_a_run_holds_what_changed),
        cmocka_unit_test(test_damaged_runs_are_made_anew),
        cmocka_unit_test(test_another_collection_is_refused),
        cmocka_unit_test(test_memory_decides_nothing),
        cmocka_unit_test(test_growing_counts),
        cmocka_unit_test(test_failing_keep_ends_the_seal),
        cmocka_unit_test(test_many_captions),
        cmocka_unit_test(test_a_dataset_is_not_emptied),
        cmocka_unit_test(test_recipe_is_guarded),
        cmocka_unit_test(test_seal_heals),
        cmocka_unit_test(test_readers_and_releases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
