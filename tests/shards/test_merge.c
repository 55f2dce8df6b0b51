/*
 * test_merge.c: datasets made from datasets. What was collected apart and merged is what was
 * collected together: hash for hash and origin for origin.
 */
#include "collection.h"
#include "dataset.h"
#include "manifest.h"
#include "wit_shards_merge.h"

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void assert_hash(struct wit_hash128 a, struct wit_hash128 b, uint64_t seed) {
    if (!wit_hash128_eq(a, b))
        print_error("seed=%llu\n", (unsigned long long)seed);
    assert_true(wit_hash128_eq(a, b));
}

static void path_of(char out[WIT_PATH_MAX], const char *base, const char *name) {
    must(wit_path_join(out, base, name));
}

static int merge(const char *const *dirs, size_t count, const char *out, unsigned threads, int bits,
                 struct wit_shards_remade *made) {
    struct wit_shards_remake_config cfg = wit_shards_remake_config_default();
    cfg.threads = threads;
    cfg.shard_bits = bits;
    cfg.tool = WIT_STR("test");
    return wit_shards_merge(dirs, count, out, &cfg, made, &err);
}

/* Of every key and its origins. */
static struct wit_hash128 origins_hash(const char *dir) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_hasher *h = wit_hasher_create();
    struct wit_buf origin = WIT_BUF_INIT(1 << 24);
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++)
        for (uint64_t i = 0; i < wit_shards_shard_samples(ds, s); i++) {
            struct wit_hash128 key;
            must(wit_shards_key(ds, s, i, &key, &err));
            wit_buf_reset(&origin);
            must(wit_shards_origin(ds, key, &origin, &err));
            wit_hasher_update(h, &key, sizeof key);
            wit_hasher_update(h, origin.data, origin.len);
        }
    struct wit_hash128 hash = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    wit_buf_finish(&origin);
    wit_shards_dataset_close(ds);
    return hash;
}

static void verify_clean(const char *dir, uint64_t samples) {
    struct wit_shards_verify_report report;
    must(wit_shards_verify(dir, NULL, &report, &err));
    assert_int_equal(report.samples, samples);
}

/* No file lies in shards/ that the manifest does not name, and nothing else in the folder. */
static void assert_no_strays(const char *dir) {
    struct manifest m;
    struct wit_strings names;
    char path[WIT_PATH_MAX];
    must(manifest_load(dir, &m, &err));
    path_of(path, dir, "shards");
    must(wit_dir_list(path, &names, &err));
    assert_int_equal(names.count, m.count);
    wit_strings_finish(&names);
    must(wit_dir_list(dir, &names, &err));
    assert_int_equal(names.count, 2); /* dataset.json, shards */
    wit_strings_finish(&names);
    manifest_finish(&m);
}

/* ---- collected apart ------------------------------------------------------------------------- */

enum { PARTS_MOST = 5 };

struct apart {
    char base[WIT_PATH_MAX], joint[WIT_PATH_MAX];
    char parts[PARTS_MOST][WIT_PATH_MAX];
    unsigned count;
    struct wit_shards_seal_report report; /* of joint */
};

/*
 * Steps of a collection in some of the parts each, all of them in `joint`. A URL's image goes to a
 * set of parts, its words to parts of that set.
 */
static void collect_apart(struct apart *a, const struct collection *c, unsigned count) {
    struct wit_shards_collector *joint = NULL, *parts[PARTS_MOST] = { NULL };
    struct wit_random rng;
    scratch_make(a->base);
    path_of(a->joint, a->base, "joint");
    a->count = count;
    must(wit_shards_collector_open(a->joint, &joint, &err));
    for (unsigned k = 0; k < count; k++) {
        char name[8];
        snprintf(name, sizeof name, "p%u", k);
        path_of(a->parts[k], a->base, name);
        must(wit_shards_collector_open(a->parts[k], &parts[k], &err));
    }
    for (unsigned i = 0; i < collection_steps(c); i++) {
        wit_random_init(&rng, c->seed, 9, collection_step_url(c, i));
        unsigned owners = 1 + (unsigned)wit_random_below(&rng, (1u << count) - 1), chosen = owners;
        if (i >= c->urls) {
            wit_random_init(&rng, c->seed, 10, i);
            do
                chosen = owners & (unsigned)wit_random_below(&rng, 1u << count);
            while (chosen == 0);
        }
        must(collection_step(c, i, joint, &err));
        for (unsigned k = 0; k < count; k++)
            if (chosen >> k & 1)
                must(collection_step(c, i, parts[k], &err));
    }
    must(wit_shards_collector_commit(joint, &err));
    wit_shards_collector_close(joint);
    must(seal_simple(a->joint, 2, 1, &a->report, &err));
    wit_random_init(&rng, c->seed, 11, 0);
    for (unsigned k = 0; k < count; k++) {
        struct wit_shards_seal_report report;
        must(wit_shards_collector_commit(parts[k], &err));
        wit_shards_collector_close(parts[k]);
        must(seal_simple(a->parts[k], 1, (int)wit_random_below(&rng, 6), &report, &err));
    }
}

static void assert_is_joint(const struct apart *a, const char *dir, uint64_t seed) {
    struct wit_shards_dataset *ds = NULL;
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    assert_hash(wit_shards_dataset_hash(ds), a->report.hash, seed);
    assert_int_equal(wit_shards_dataset_pairs(ds), a->report.pairs);
    assert_int_equal(dataset_manifest(ds)->duplicate_images, a->report.duplicate_images);
    wit_shards_dataset_close(ds);
    assert_hash(origins_hash(dir), origins_hash(a->joint), seed);
    verify_clean(dir, a->report.samples);
    assert_no_strays(dir);
}

static void merged_is_collected_together(void **state) {
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const struct collection c = { .seed = seed,
                                      .urls = 30 + 30 * (unsigned)seed,
                                      .images = 20 + 25 * (unsigned)seed,
                                      .candidates = 200 * (unsigned)seed };
        struct apart a;
        struct wit_shards_remade made;
        const char *dirs[PARTS_MOST];
        char out[WIT_PATH_MAX];
        unsigned count = 2 + (unsigned)(seed % 4);
        collect_apart(&a, &c, count);
        for (unsigned k = 0; k < count; k++)
            dirs[k] = a.parts[wit_permute(k, count, seed)];
        for (int bits = 0; bits <= 6; bits += 3) {
            char name[16];
            snprintf(name, sizeof name, "out%d", bits);
            path_of(out, a.base, name);
            must(merge(dirs, count, out, 1 + (unsigned)bits % 4, bits, &made));
            assert_true(made.changed && made.shared > 0);
            assert_int_equal(made.samples, a.report.samples);
            assert_is_joint(&a, out, seed);
        }
        scratch_remove(a.base);
    }
}

/* ((p0 p1) p2) ... and pairs merged first: whatever the grouping. */
static void grouping_does_not_matter(void **state) {
    for (uint64_t seed = 20; seed < 24; seed++) {
        const struct collection c = { .seed = seed, .urls = 80, .images = 50, .candidates = 500 };
        struct apart a;
        struct wit_shards_remade made;
        char step[2 * PARTS_MOST][WIT_PATH_MAX];
        const char *left[2 * PARTS_MOST];
        size_t have = 4, steps = 0;
        struct wit_random rng;
        collect_apart(&a, &c, 4);
        wit_random_init(&rng, seed, 12, 0);
        for (unsigned k = 0; k < 4; k++)
            left[k] = a.parts[k];
        while (have > 1) { /* merge two that chance picks */
            char name[8];
            size_t x = (size_t)wit_random_below(&rng, have), y;
            do
                y = (size_t)wit_random_below(&rng, have);
            while (y == x);
            const char *pair[2] = { left[x], left[y] };
            snprintf(name, sizeof name, "s%zu", steps);
            path_of(step[steps], a.base, name);
            must(merge(pair, 2, step[steps], 2, (int)wit_random_below(&rng, 5), &made));
            left[x < y ? x : y] = step[steps++];
            left[x < y ? y : x] = left[--have];
        }
        assert_is_joint(&a, left[0], seed);
        scratch_remove(a.base);
    }
}

static void the_same_again_does_nothing(void **state) {
    const struct collection c = { .seed = 31, .urls = 60, .images = 40, .candidates = 300 };
    struct apart a;
    struct wit_shards_remade first, made;
    struct wit_shards_seal_report report;
    char out[WIT_PATH_MAX], path[WIT_PATH_MAX];
    struct wit_buf before = WIT_BUF_INIT(1 << 20), after = WIT_BUF_INIT(1 << 20);
    collect_apart(&a, &c, 3);
    const char *dirs[] = { a.parts[0], a.parts[1] }, *turned[] = { a.parts[1], a.parts[0] };
    const char *others[] = { a.parts[0], a.parts[2] };
    path_of(out, a.base, "out");
    path_of(path, out, "dataset.json");
    must(merge(dirs, 2, out, 1, 2, &first));
    must(wit_file_read(path, &before, &err));
    must(merge(turned, 2, out, 2, 2, &made));
    assert_false(made.changed);
    assert_hash(made.hash, first.hash, 31);
    must(wit_file_read(path, &after, &err));
    assert_true(wit_str_eq(wit_buf_view(&before), wit_buf_view(&after)));

    assert_int_equal(merge(others, 2, out, 1, 2, &made), WIT_EEXIST);
    assert_int_equal(merge(dirs, 2, out, 1, 3, &made), WIT_EEXIST);
    assert_int_equal(merge(dirs, 2, a.parts[0], 1, 2, &made), WIT_EEXIST);
    assert_non_null(strstr(err.text, "another dataset"));
    assert_int_equal(merge(dirs, 2, a.base, 1, 2, &made), WIT_EEXIST);
    verify_clean(out, first.samples);

    /* A shard that is gone is made again. */
    struct manifest m;
    char shard[WIT_PATH_MAX];
    must(manifest_load(out, &m, &err));
    must(manifest_shard_path(shard, out, m.shards[1].file, &err));
    assert_int_equal(unlink(shard), 0);
    manifest_finish(&m);
    must(merge(dirs, 2, out, 1, 2, &made));
    assert_true(made.changed);
    assert_hash(made.hash, first.hash, 31);
    verify_clean(out, first.samples);

    /* Its own collection does not replace it. */
    must(collection_run(&c, 0, 5, 1, out, &err));
    assert_int_equal(seal_simple(out, 1, 2, &report, &err), WIT_EEXIST);
    assert_non_null(strstr(err.text, "made from other datasets"));
    verify_clean(out, first.samples);
    wit_buf_finish(&before);
    wit_buf_finish(&after);
    scratch_remove(a.base);
}

/* ---- lineage --------------------------------------------------------------------------------- */

static void seal_with_recipe(const char *dir, const char *recipe) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report report;
    cfg.recipe = wit_str_from(recipe);
    must(wit_shards_seal(dir, &cfg, &report, &err));
}

static void recipes_stay_with_the_parents(void **state) {
    const struct collection c = { .seed = 32, .urls = 40, .images = 30, .candidates = 200 };
    struct apart a;
    struct wit_shards_remade made;
    struct manifest m;
    struct wit_json *parents = NULL;
    char one[WIT_PATH_MAX], two[WIT_PATH_MAX];
    collect_apart(&a, &c, 3);
    for (unsigned k = 0; k < 3; k++) {
        char recipe[32];
        snprintf(recipe, sizeof recipe, "{\"most\":%u}", k);
        seal_with_recipe(a.parts[k], recipe);
    }
    path_of(one, a.base, "one");
    path_of(two, a.base, "two");
    const char *first[] = { a.parts[0], a.parts[1] }, *second[] = { one, a.parts[2] };
    must(merge(first, 2, one, 1, 1, &made));
    must(merge(second, 2, two, 1, 1, &made));
    assert_is_joint(&a, two, 32);
    must(manifest_load(two, &m, &err));
    assert_false(m.has_recipe);
    assert_true(wit_hash128_eq(m.collect, (struct wit_hash128){ 0, 0 }));
    must(wit_json_parse(m.parents, "parents", &parents, &err));
    assert_int_equal(wit_json_size(parents), 2);
    unsigned recipes = 0, deeper = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct wit_json *more = wit_json_get(wit_json_at(parents, i), "parents");
        recipes +=
            wit_json_type_of(wit_json_get(wit_json_at(parents, i), "recipe")) == WIT_JSON_OBJECT;
        for (size_t k = 0; k < wit_json_size(more); k++)
            deeper +=
                wit_json_type_of(wit_json_get(wit_json_at(more, k), "recipe")) == WIT_JSON_OBJECT;
    }
    assert_int_equal(recipes, 1);
    assert_int_equal(deeper, 2);
    wit_json_destroy(parents);
    manifest_finish(&m);
    scratch_remove(a.base);
}

static void a_merge_with_itself_is_itself(void **state) {
    const struct collection c = { .seed = 33, .urls = 60, .images = 40, .candidates = 300 };
    struct wit_shards_seal_report report;
    struct wit_shards_remade made;
    char dir[WIT_PATH_MAX], out[WIT_PATH_MAX];
    scratch_make(dir);
    scratch_make(out);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 2, &report, &err));
    const char *dirs[] = { dir, dir };
    must(merge(dirs, 2, out, 2, 1, &made));
    assert_int_equal(made.shared, report.samples);
    assert_hash(made.hash, report.hash, 33);
    assert_hash(origins_hash(out), origins_hash(dir), 33);
    scratch_remove(dir);
    scratch_remove(out);
}

/* ---- single samples -------------------------------------------------------------------------- */

struct one {
    const char *url, *text, *page, *extra;
    struct wit_str bytes; /* empty: words alone */
    const char *fetched;  /* what came before it was made smaller; NULL: as it came */
    int64_t at_s;
    enum wit_shards_source source;
};

static void seal_ones(const char *base, const char *name, const struct one *ones, size_t count,
                      char dir[WIT_PATH_MAX]) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    path_of(dir, base, name);
    must(wit_shards_collector_open(dir, &c, &err));
    for (size_t i = 0; i < count; i++) {
        const struct one *o = &ones[i];
        struct wit_shards_fetched f = { .url = wit_str_from(o->url),
                                        .final_url = wit_str_from(o->url),
                                        .bytes = o->bytes,
                                        .fetched_at_s = o->at_s,
                                        .info = { .format = WIT_IMAGE_PNG, .width = 1 } };
        const struct wit_shards_candidate cand = {
            .url = wit_str_from(o->url),
            .text = wit_str_from(o->text),
            .page = wit_str_from(o->page),
            .extra = wit_str_from(o->extra),
            .source = o->source ? o->source : WIT_SHARDS_ALT,
        };
        if (o->fetched) {
            f.changed = WIT_SHARDS_RESIZED;
            f.fetched_key = wit_hash128_of(o->fetched, strlen(o->fetched));
            f.fetched_width = 800;
            f.fetched_height = 600;
        }
        if (o->bytes.len)
            must(wit_shards_collector_add_image(c, &f, &err));
        must(wit_shards_collector_add_candidate(c, &cand, &err));
    }
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 0, &report, &err));
}

/* However often a dataset is merged on, its lineage stays one that can be read. */
static void lineage_has_an_end(void **state) {
    struct one a = { "http://a/", "words", "", "", WIT_STR("x"), NULL, 3, 0 };
    struct one b = { "http://b/", "others", "", "", WIT_STR("y"), NULL, 3, 0 };
    struct wit_shards_remade made;
    struct manifest m;
    char base[WIT_PATH_MAX], at[WIT_PATH_MAX], with[WIT_PATH_MAX], next[WIT_PATH_MAX], name[8];
    scratch_make(base);
    seal_ones(base, "a", &a, 1, at);
    seal_ones(base, "b", &b, 1, with);
    for (int i = 0; i < MANIFEST_PARENTS_DEEP + 3; i++) {
        const char *dirs[] = { at, with };
        snprintf(name, sizeof name, "m%d", i);
        path_of(next, base, name);
        must(merge(dirs, 2, next, 1, 0, &made));
        memcpy(at, next, sizeof at);
    }
    must(manifest_load(at, &m, &err));
    unsigned lists = 0;
    for (ptrdiff_t p = 0; (p = wit_str_find(m.parents, WIT_STR("\"parents\":"), (size_t)p)) >= 0;
         p++)
        lists++;
    assert_int_equal(lists, MANIFEST_PARENTS_DEEP - 1);
    verify_clean(at, 2);
    manifest_finish(&m);
    scratch_remove(base);
}

/* Seal two lists apart and together; the merge of the first two must be the third. */
static void merge_ones(const struct one *ones, size_t first, size_t all,
                       struct wit_shards_remade *made, struct wit_buf *origin) {
    char base[WIT_PATH_MAX], a[WIT_PATH_MAX], b[WIT_PATH_MAX], joint[WIT_PATH_MAX];
    char out[WIT_PATH_MAX];
    struct wit_shards_dataset *ds = NULL;
    struct wit_hash128 key;
    scratch_make(base);
    seal_ones(base, "a", ones, first, a);
    seal_ones(base, "b", ones + first, all - first, b);
    seal_ones(base, "joint", ones, all, joint);
    path_of(out, base, "out");
    const char *dirs[] = { a, b };
    must(merge(dirs, 2, out, 1, 0, made));
    must(wit_shards_dataset_open(joint, NULL, &ds, &err));
    assert_hash(made->hash, wit_shards_dataset_hash(ds), 0);
    assert_int_equal(made->collisions, dataset_manifest(ds)->collisions);
    wit_shards_dataset_close(ds);
    assert_hash(origins_hash(out), origins_hash(joint), 0);
    must(wit_shards_dataset_open(out, NULL, &ds, &err));
    must(wit_shards_key(ds, 0, 0, &key, &err));
    wit_buf_reset(origin);
    must(wit_shards_origin(ds, key, origin, &err));
    must(wit_buf_terminate(origin));
    wit_shards_dataset_close(ds);
    scratch_remove(base);
}

static void two_images_under_one_key(void **state) {
    uint8_t x[1200], y[1200];
    struct wit_shards_remade made;
    struct wit_buf origin = WIT_BUF_INIT(1 << 20);
    collide(x, y);
    struct one ones[] = {
        { "http://b/", "of the second", "", "", wit_str_of(y, sizeof y), NULL, 5, 0 },
        { "http://b2/", "of the second", "", "", wit_str_of(y, sizeof y), NULL, 5, 0 },
        { "http://a/", "of the first", "", "", wit_str_of(x, sizeof x), NULL, 6, 0 },
    };
    merge_ones(ones, 2, 3, &made, &origin);
    assert_int_equal(made.samples, 1);
    assert_int_equal(made.pairs, 1);
    assert_int_equal(made.collisions, 2);
    assert_null(strstr(origin.data, "http://b"));
    wit_buf_finish(&origin);
}

/* One image in two sizes: the bytes that sort first stay, the words of both. */
static void smaller_images_are_one(void **state) {
    struct wit_shards_remade made;
    struct wit_buf origin = WIT_BUF_INIT(1 << 20);
    struct one ones[] = {
        { "http://a/", "of 512", "", "", WIT_STR("of 512 px"), "large", 5, 0 },
        { "http://b/", "of 256", "", "", WIT_STR("of 256 px"), "large", 4, 0 },
        { "http://c/", "whole", "", "", WIT_STR("large"), NULL, 4, 0 },
    };
    for (size_t first = 1; first <= 2; first++) {
        merge_ones(ones, first, 3, &made, &origin);
        assert_int_equal(made.samples, 1);
        assert_int_equal(made.pairs, 3);
        assert_int_equal(made.collisions, 0);
        assert_non_null(strstr(origin.data, "\"fetched\":{\"width\":800,\"height\":600}"));
    }
    wit_buf_finish(&origin);
}

/* A URL of both: the earlier fetch stands, the places of both are listed, an empty caption leaves
 * when the other dataset has words. */
static void one_url_of_two_datasets(void **state) {
    struct wit_shards_remade made;
    struct wit_buf origin = WIT_BUF_INIT(1 << 20);
    struct one ones[] = {
        { "http://a/", "", "p9", "{\"id\":\"7\"}", WIT_STR("x"), NULL, 9, WIT_SHARDS_LIST },
        { "http://a/", "zebra", "p1", "", WIT_STR("x"), NULL, 3, 0 },
        { "http://a/", "ant", "p1", "{\"n\":1.5,\"s\":\"e\"}", WIT_STR("x"), NULL, 3, 0 },
    };
    merge_ones(ones, 1, 3, &made, &origin);
    assert_int_equal(made.samples, 1);
    assert_int_equal(made.pairs, 2);
    assert_non_null(strstr(origin.data, "\"fetched_at_s\":3,"));
    assert_non_null(strstr(origin.data, "\"seen\":[{\"caption\":null,\"page\":\"p9\",\"extra\":"
                                        "{\"id\":\"7\"}},{\"caption\":0,"));
    assert_non_null(strstr(origin.data, "\"seen_total\":3}"));
    wit_buf_finish(&origin);
}

enum { PLACES = 100 };

static void many_places(void **state) {
    static char texts[PLACES][16];
    struct one ones[PLACES];
    struct wit_shards_remade made;
    struct wit_buf origin = WIT_BUF_INIT(1 << 20);
    for (unsigned i = 0; i < PLACES; i++) {
        snprintf(texts[i], sizeof texts[i], "%03u", (unsigned)wit_permute(i, PLACES, 5));
        ones[i] = (struct one){ "http://a/", texts[i], "p", "", WIT_STR("x"), NULL, 3, 0 };
    }
    merge_ones(ones, PLACES / 2, PLACES, &made, &origin);
    assert_int_equal(made.pairs, PLACES);
    assert_non_null(strstr(origin.data, "{\"caption\":63,\"page\":\"p\"}],\"seen_total\":100}"));
    wit_buf_finish(&origin);
}

/* The captions that sort first stay, as if collected together. */
static void many_captions(void **state) {
    enum { ALL = WIT_SHARDS_MAX_CAPTIONS + 4000 };
    char(*texts)[16] = wit_alloc_array(ALL, sizeof *texts);
    struct one *ones = wit_alloc_array(ALL, sizeof *ones);
    struct wit_shards_remade made;
    struct wit_buf origin = WIT_BUF_INIT(1 << 20);
    assert_true(texts && ones);
    for (unsigned i = 0; i < ALL; i++) {
        struct wit_str bytes = wit_str_of("x", i == 0 || i == ALL / 3);
        snprintf(texts[i], sizeof texts[i], "%06u", (unsigned)wit_permute(i, ALL, 6));
        ones[i] = (struct one){ "http://a/", texts[i], "p", "", bytes, NULL, 3, 0 };
    }
    merge_ones(ones, ALL / 3, ALL, &made, &origin);
    assert_int_equal(made.pairs, WIT_SHARDS_MAX_CAPTIONS);
    assert_int_equal(made.captions_cut, 4000);
    wit_buf_finish(&origin);
    free(texts);
    free(ones);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_is_collected_together),
        cmocka_unit_test(grouping_does_not_matter),
        cmocka_unit_test(the_same_again_does_nothing),
        cmocka_unit_test(a_merge_with_itself_is_itself),
        cmocka_unit_test(recipes_stay_with_the_parents),
        cmocka_unit_test(lineage_has_an_end),
        cmocka_unit_test(two_images_under_one_key),
        cmocka_unit_test(smaller_images_are_one),
        cmocka_unit_test(one_url_of_two_datasets),
        cmocka_unit_test(many_places),
        cmocka_unit_test(many_captions),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
