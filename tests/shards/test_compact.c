/* test_compact.c: datasets rewritten in place, split into several, and compared. */
#include "collection.h"
#include "dataset.h"
#include "runs.h"
#include "wit_shards_merge.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;
static const struct collection content = {
    .seed = 6, .urls = 200, .images = 150, .candidates = 900
};

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void path_of(char out[WIT_PATH_MAX], const char *base, const char *name) {
    must(wit_path_join(out, base, name));
}

static void seal_content(char dir[WIT_PATH_MAX], int bits) {
    struct wit_shards_seal_report report;
    scratch_make(dir);
    must(collection_run(&content, 0, collection_steps(&content), 1, dir, &err));
    must(seal_simple(dir, 2, bits, &report, &err));
}

static struct wit_hash128 hash_of(const char *dir) {
    struct wit_shards_dataset *ds = NULL;
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    struct wit_hash128 hash = wit_shards_dataset_hash(ds);
    wit_shards_dataset_close(ds);
    return hash;
}

static void verify_clean(const char *dir) {
    struct wit_shards_verify_report report;
    must(wit_shards_verify(dir, NULL, &report, &err));
}

/* Nothing lies in shards/ but what the manifest names. */
static size_t files_of(const char *dir) {
    struct wit_strings names;
    char path[WIT_PATH_MAX];
    path_of(path, dir, "shards");
    must(wit_dir_list(path, &names, &err));
    size_t count = names.count;
    wit_strings_finish(&names);
    return count;
}

/* ---- compact --------------------------------------------------------------------------------- */

static void count_going(void *user, const struct wit_shards_compacting *shard) {
    ++*(unsigned *)user;
}

static int compact(const char *dir, struct wit_shards_compact_config *cfg,
                   struct wit_shards_compacted *out) {
    cfg->make.threads = 2;
    return wit_shards_compact(dir, cfg, out, &err);
}

static void runs_become_one(void **state) {
    for (int removed = 0; removed < 2; removed++) {
        struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
        struct wit_shards_compacted report, again;
        struct manifest before, after;
        unsigned going = 0;
        char dir[WIT_PATH_MAX];
        seal_content(dir, 3);
        must(runs_split(dir, removed, &err));
        verify_clean(dir);
        must(manifest_load(dir, &before, &err));
        assert_int_equal(before.count, 16);
        cfg.going = count_going;
        cfg.user = &going;
        cfg.dry_run = true;
        must(compact(dir, &cfg, &report));
        assert_int_equal(going, 16);
        assert_int_equal(report.shards_gone, 16);
        assert_int_equal(files_of(dir), 32); /* shards and lists */
        cfg.dry_run = false;
        cfg.batch_bytes = removed ? 150000 : 1; /* a few prefixes, or one */
        must(compact(dir, &cfg, &report));
        assert_true(report.made.changed);
        assert_int_equal(report.made.shards, 8);
        assert_int_equal(files_of(dir), 8);
        verify_clean(dir);
        must(manifest_load(dir, &after, &err));
        assert_true(wit_hash128_eq(before.hash, after.hash));
        assert_true(wit_hash128_eq(before.collect, after.collect));
        assert_true(wit_hash128_eq(before.inputs, after.inputs));
        uint32_t batches = after.next_run - before.next_run;
        assert_true(removed ? batches > 1 && batches < 8 : batches == 8);
        assert_int_equal(after.duplicate_images, before.duplicate_images);
        for (size_t i = 0; i < after.count; i++)
            assert_int_equal(after.shards[i].hidden_count, 0);
        must(compact(dir, &cfg, &again));
        assert_false(again.made.changed);
        assert_int_equal(again.shards_gone, 0);
        manifest_finish(&before);
        manifest_finish(&after);
        scratch_remove(dir);
    }
}

/* What compacts to the content of a seal is what the seal wrote: the plan is the same. */
static void a_seal_after_it_keeps_the_shards(void **state) {
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_compacted report;
    struct wit_shards_seal_report sealed;
    struct manifest first, last;
    char dir[WIT_PATH_MAX];
    seal_content(dir, 2);
    must(manifest_load(dir, &first, &err));
    must(runs_split(dir, false, &err));
    must(compact(dir, &cfg, &report));
    must(seal_simple(dir, 1, 2, &sealed, &err));
    assert_false(sealed.changed);
    must(manifest_load(dir, &last, &err));
    assert_int_equal(first.count, last.count);
    for (size_t i = 0; i < first.count; i++) {
        assert_true(wit_hash128_eq(first.shards[i].plan, last.shards[i].plan));
        assert_int_equal(last.shards[i].run, 2);
    }
    manifest_finish(&first);
    manifest_finish(&last);
    scratch_remove(dir);
}

/* A few hidden records stay unless they are to be purged; many go. */
static void hidden_records_go(void **state) {
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_compacted report;
    struct manifest m;
    struct hidden_keys few = { NULL, 1 };
    struct wit_shards_dataset *ds = NULL;
    struct wit_hash128 key;
    char dir[WIT_PATH_MAX];
    seal_content(dir, 1);
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    must(wit_shards_key(ds, 0, 2, &key, &err));
    wit_shards_dataset_close(ds);
    must(manifest_load(dir, &m, &err));
    few.keys = &key;
    must(hidden_write(dir, &m.shards[0], &few, &err));
    must(shard_file_measure(dir, m.shards[0].file, 1, NULL, NULL, NULL, &m.shards[0], &err));
    must(runs_hide(dir, 1, &m.shards[1], 2, true, &err)); /* a third */
    must(runs_publish(dir, &m, m.shards, m.count, &err));
    manifest_finish(&m);
    struct wit_hash128 hash = hash_of(dir);
    must(compact(dir, &cfg, &report));
    assert_int_equal(report.shards_gone, 1);
    assert_int_equal(report.hidden_kept, 1);
    assert_true(report.bytes_left < report.bytes_gone);
    assert_int_equal(files_of(dir), 3);
    verify_clean(dir);
    cfg.purge = true;
    must(compact(dir, &cfg, &report));
    assert_int_equal(report.shards_gone, 1);
    assert_int_equal(report.hidden_gone, 1);
    assert_int_equal(files_of(dir), 2);
    verify_clean(dir);
    assert_true(wit_hash128_eq(hash_of(dir), hash));
    scratch_remove(dir);
}

static void another_number_of_prefixes(void **state) {
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_compacted report;
    char dir[WIT_PATH_MAX];
    seal_content(dir, 3);
    must(runs_split(dir, true, &err));
    struct wit_hash128 hash = hash_of(dir);
    cfg.reshard = true;
    for (int bits = 0; bits <= 6; bits += 2) {
        cfg.make.shard_bits = bits;
        must(compact(dir, &cfg, &report));
        struct manifest m;
        must(manifest_load(dir, &m, &err));
        assert_int_equal(m.shard_bits, bits);
        assert_int_equal(m.count, report.made.shards);
        manifest_finish(&m);
        assert_true(report.made.shards <= 1u << bits && report.made.shards > 1u << bits >> 1);
        assert_true(wit_hash128_eq(hash_of(dir), hash));
        assert_int_equal(files_of(dir), report.made.shards);
        verify_clean(dir);
    }
    cfg.make.shard_bits = -1;
    cfg.make.shard_bytes = 1 << 20;
    must(compact(dir, &cfg, &report));
    assert_true(report.made.shards > 0 && report.made.shards < 64);
    assert_true(wit_hash128_eq(hash_of(dir), hash));
    scratch_remove(dir);
}

/* A reader goes on with what it has open, and is told of what it has not. */
static void open_readers_read_on(void **state) {
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_compacted report;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_sample sample;
    struct wit_buf buf = WIT_BUF_INIT(1 << 20);
    char dir[WIT_PATH_MAX];
    seal_content(dir, 1);
    must(runs_split(dir, false, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    must(wit_shards_read(ds, 0, 0, &buf, &sample, &err));
    must(compact(dir, &cfg, &report));
    for (uint64_t i = 0; i < wit_shards_shard_samples(ds, 0); i++) {
        must(wit_shards_read(ds, 0, i, &buf, &sample, &err));
        wit_buf_reset(&buf);
        must(wit_shards_origin(ds, sample.key, &buf, &err));
    }
    assert_int_equal(wit_shards_read(ds, 3, 0, &buf, &sample, &err), WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, "open it again"));
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    scratch_remove(dir);
}

static void a_collector_keeps_it_out(void **state) {
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_collector *c = NULL;
    struct wit_shards_compacted report;
    char dir[WIT_PATH_MAX];
    seal_content(dir, 1);
    must(wit_shards_collector_open(dir, &c, &err));
    assert_int_equal(compact(dir, &cfg, &report), WIT_EEXIST);
    cfg.dry_run = true;
    must(compact(dir, &cfg, &report));
    wit_shards_collector_close(c);
    cfg.dry_run = false;
    must(compact(dir, &cfg, &report));
    scratch_remove(dir);
}

/* ---- split ----------------------------------------------------------------------------------- */

struct parts {
    unsigned count;
    char dirs[4][WIT_PATH_MAX];
    uint64_t samples[4];
    bool changed;
};

static void on_part(void *user, const char *dir, const struct wit_shards_remade *made) {
    struct parts *p = user;
    assert_true(p->count < 4);
    snprintf(p->dirs[p->count], WIT_PATH_MAX, "%s", dir);
    p->samples[p->count++] = made->samples;
    p->changed |= made->changed;
}

static void split(const char *dir, const char *out, struct wit_shards_split_config *cfg,
                  struct parts *parts) {
    *parts = (struct parts){ .count = 0 };
    cfg->part = on_part;
    cfg->user = parts;
    cfg->make.threads = 2;
    must(wit_shards_split(dir, out, cfg, &err));
}

/* The parts are disjoint, and merged they are the whole. */
static void assert_parts(const char *dir, const char *base, const struct parts *parts) {
    struct wit_shards_remake_config cfg = wit_shards_remake_config_default();
    struct wit_shards_remade made;
    const char *dirs[4];
    char out[WIT_PATH_MAX];
    path_of(out, base, "again");
    for (unsigned i = 0; i < parts->count; i++) {
        dirs[i] = parts->dirs[i];
        verify_clean(dirs[i]);
    }
    must(wit_shards_merge(dirs, parts->count, out, &cfg, &made, &err));
    assert_int_equal(made.shared, 0);
    assert_true(wit_hash128_eq(made.hash, hash_of(dir)));
    must(wit_dir_remove(out, &err));
}

static void by_shares(void **state) {
    struct wit_shards_split_config cfg = wit_shards_split_config_default();
    const double shares[] = { 0.7, 0.2, 0.1 }, wrong[] = { 0.7, 0.2 };
    struct parts parts, again;
    struct manifest m;
    char dir[WIT_PATH_MAX], base[WIT_PATH_MAX];
    seal_content(dir, 2);
    scratch_make(base);
    must(runs_split(dir, false, &err));
    cfg.shares = shares;
    cfg.share_count = 3;
    cfg.seed = 7;
    split(dir, base, &cfg, &parts);
    assert_int_equal(parts.count, 3);
    assert_true(parts.changed);
    assert_parts(dir, base, &parts);
    uint64_t all = parts.samples[0] + parts.samples[1] + parts.samples[2];
    assert_true(parts.samples[0] * 100 > all * 55 && parts.samples[0] * 100 < all * 85);
    must(manifest_load(parts.dirs[1], &m, &err));
    assert_true(wit_str_find(m.made_by, WIT_STR("\"part\":\"part-1\",\"of\":3,\"seed\":7,"), 0) >
                0);
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(hash_of(dir), hex);
    assert_true(wit_str_find(m.parents, wit_str_from(hex), 0) > 0);
    manifest_finish(&m);
    split(dir, base, &cfg, &again);
    assert_false(again.changed);
    assert_memory_equal(again.samples, parts.samples, sizeof parts.samples);
    cfg.seed = 8;
    assert_int_equal(wit_shards_split(dir, base, &cfg, &err), WIT_EEXIST);
    cfg.shares = wrong;
    cfg.share_count = 2;
    assert_int_equal(wit_shards_split(dir, base, &cfg, &err), WIT_EINVAL);
    scratch_remove(base);
    scratch_remove(dir);
}

static void by_keys(void **state) {
    struct wit_shards_split_config cfg = wit_shards_split_config_default();
    struct wit_shards_dataset *ds = NULL;
    struct wit_hash128 keys[6] = { { 1, 2 } }; /* one that is not there */
    struct parts parts;
    char dir[WIT_PATH_MAX], base[WIT_PATH_MAX];
    seal_content(dir, 1);
    scratch_make(base);
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    for (uint64_t i = 1; i < 6; i++)
        must(wit_shards_key(ds, i % 2, 5 * i, &keys[i], &err));
    cfg.keys = keys;
    cfg.key_count = 6;
    split(dir, base, &cfg, &parts);
    assert_int_equal(parts.samples[0], 5);
    assert_int_equal(parts.samples[1], wit_shards_dataset_samples(ds) - 5);
    assert_parts(dir, base, &parts);
    wit_shards_dataset_close(ds);
    must(wit_shards_dataset_open(parts.dirs[0], NULL, &ds, &err));
    for (unsigned i = 1; i < 6; i++) {
        size_t shard;
        uint64_t index;
        must(wit_shards_find(ds, keys[i], &shard, &index, &err));
    }
    wit_shards_dataset_close(ds);
    scratch_remove(base);
    scratch_remove(dir);
}

static void by_domain(void **state) {
    struct wit_shards_split_config cfg = wit_shards_split_config_default();
    static const char *const urls[] = { "http://a.example.com/1", "http://Example.com/2",
                                        "http://notexample.com/3", "http://x.test/4" };
    const struct wit_str domains[] = { WIT_STR("EXAMPLE.com") }, none[] = { WIT_STR("a/b") };
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    struct parts parts;
    char dir[WIT_PATH_MAX], base[WIT_PATH_MAX];
    scratch_make(dir);
    scratch_make(base);
    must(wit_shards_collector_open(dir, &c, &err));
    for (size_t i = 0; i < WIT_COUNT_OF(urls); i++) {
        const struct wit_shards_fetched f = { .url = wit_str_from(urls[i]),
                                              .final_url = wit_str_from(urls[i]),
                                              .bytes = wit_str_from(urls[i]),
                                              .info = { .format = WIT_IMAGE_PNG, .width = 1 } };
        const struct wit_shards_candidate cand = { .url = f.url,
                                                   .text = WIT_STR("words"),
                                                   .source = WIT_SHARDS_ALT };
        must(wit_shards_collector_add_image(c, &f, &err));
        must(wit_shards_collector_add_candidate(c, &cand, &err));
    }
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 1, &report, &err));
    cfg.domains = domains;
    cfg.domain_count = 1;
    split(dir, base, &cfg, &parts);
    assert_int_equal(parts.samples[0], 2);
    assert_int_equal(parts.samples[1], 2);
    assert_parts(dir, base, &parts);
    cfg.domains = none;
    assert_int_equal(wit_shards_split(dir, base, &cfg, &err), WIT_EINVAL);
    assert_non_null(strstr(err.text, "is no domain"));
    scratch_remove(base);
    scratch_remove(dir);
}

/* ---- diff ------------------------------------------------------------------------------------ */

struct differences {
    struct wit_hash128 last;
    uint64_t only_a, only_b, captions, image;
};

static int on_difference(void *user, const struct wit_shards_difference *d, struct wit_error *e) {
    struct differences *all = user;
    assert_true(wit_hash128_cmp(all->last, d->key) < 0);
    all->last = d->key;
    all->only_a += !d->in_b;
    all->only_b += !d->in_a;
    all->captions += d->captions;
    all->image += d->image;
    return 0;
}

static void differences_are_found(void **state) {
    struct wit_shards_diff_report report;
    struct differences found = { .only_a = 0 };
    struct wit_shards_seal_report sealed;
    struct wit_shards_dataset *a = NULL, *b = NULL;
    char dir[WIT_PATH_MAX], more[WIT_PATH_MAX];
    seal_content(dir, 3);
    scratch_make(more);
    /* All of it but some words and images of the end, and other images. */
    const struct collection others = { .seed = 99, .urls = 9, .images = 9, .candidates = 60 };
    must(collection_run(&content, 0, collection_steps(&content) - 300, 1, more, &err));
    must(collection_run(&others, 0, collection_steps(&others), 1, more, &err));
    must(seal_simple(more, 1, 1, &sealed, &err));
    must(wit_shards_diff(dir, more, on_difference, &found, NULL, &report, &err));
    assert_true(found.only_a == report.only_a && found.only_b == report.only_b);
    assert_true(found.captions == report.captions && found.image == report.image);
    assert_true(report.only_a > 0 && report.only_b > 0 && report.captions > 0);
    assert_int_equal(report.image, 0);
    assert_int_equal(report.differ, report.captions);
    must(wit_shards_dataset_open(dir, NULL, &a, &err));
    must(wit_shards_dataset_open(more, NULL, &b, &err));
    assert_int_equal(wit_shards_dataset_samples(a), report.only_a + report.differ + report.same);
    assert_int_equal(wit_shards_dataset_samples(b), report.only_b + report.differ + report.same);
    /* By hand. */
    uint64_t only_b = 0;
    for (size_t s = 0; s < wit_shards_dataset_shards(b); s++)
        for (uint64_t i = 0; i < wit_shards_shard_samples(b, s); i++) {
            struct wit_hash128 key;
            size_t shard;
            uint64_t index;
            must(wit_shards_key(b, s, i, &key, &err));
            only_b += wit_shards_find(a, key, &shard, &index, NULL) == WIT_ENOTFOUND;
        }
    assert_int_equal(only_b, report.only_b);
    wit_shards_dataset_close(a);
    wit_shards_dataset_close(b);
    must(wit_shards_diff(dir, dir, NULL, NULL, NULL, &report, &err));
    assert_true(report.same > 0 && report.only_a + report.only_b + report.differ == 0);
    assert_int_equal(wit_shards_diff(dir, "/nowhere", NULL, NULL, NULL, &report, &err),
                     WIT_ENOTFOUND);
    scratch_remove(dir);
    scratch_remove(more);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_become_one),
        cmocka_unit_test(a_seal_after_it_keeps_the_shards),
        cmocka_unit_test(hidden_records_go),
        cmocka_unit_test(another_number_of_prefixes),
        cmocka_unit_test(open_readers_read_on),
        cmocka_unit_test(a_collector_keeps_it_out),
        cmocka_unit_test(by_shares),
        cmocka_unit_test(by_keys),
        cmocka_unit_test(by_domain),
        cmocka_unit_test(differences_are_found),
    };
    return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
