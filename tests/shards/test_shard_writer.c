/*
 * test_shard_writer.c: what shard_writer lays down is an LMDB file: LMDB finds each key in it,
 * scans it in order, and copies it; the walker finds the same.
 */
#include "collection.h"
#include "manifest.h"
#include "shard_writer.h"
#include "walker.h"

#include <fcntl.h>
#include <lmdb.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* Sizes around which the form of a node changes: the value in the leaf, or on pages of its own. */
enum { INLINE_MOST = 2038 - 8 - 16, RUN_MOST = 4096 - 16 };
static const size_t edges[] = { 1,
                                2,
                                INLINE_MOST - 1,
                                INLINE_MOST,
                                INLINE_MOST + 1,
                                RUN_MOST,
                                RUN_MOST + 1,
                                4096 + RUN_MOST,
                                4097 + RUN_MOST };

struct shard {
    struct shard_writer_record *records;
    uint64_t count;
    uint64_t seed;
    int fail_at; /* the body that fails; -1: none */
};

static uint8_t byte_of(const struct shard *s, uint64_t i, size_t at) {
    return (uint8_t)(s->seed + i * 131 + at * 7 + (at >> 8));
}

static int body_give(void *user, uint64_t i, void *out, struct wit_error *e) {
    const struct shard *s = user;
    if ((int64_t)i == s->fail_at)
        return wit_error_set(e, WIT_EIO, "no such body");
    for (size_t k = 0; k < s->records[i].body_bytes; k++)
        ((uint8_t *)out)[k] = byte_of(s, i, k);
    return 0;
}

static const char texts[8192] = "front and origin, then zeros";

/* Keys ascend; sizes are edges, random ones below `most`, and now and then a large one. */
static void make(struct shard *s, uint64_t count, size_t most, uint64_t seed) {
    struct wit_random rng;
    wit_random_init(&rng, seed, 0, 0);
    *s = (struct shard){ .count = count, .seed = seed, .fail_at = -1 };
    s->records = wit_alloc_array(count, sizeof *s->records);
    assert_non_null(s->records);
    for (uint64_t i = 0; i < count; i++) {
        size_t front = 1 + (size_t)wit_random_below(&rng, 80);
        size_t body = (size_t)wit_random_below(&rng, most);
        if (i % 4 == 0)
            body = edges[wit_random_below(&rng, WIT_COUNT_OF(edges))];
        if (i % 1000 == 999)
            body = 3 << 20;
        size_t origin = i % 5 ? 1 + (size_t)wit_random_below(&rng, 600)
                              : edges[wit_random_below(&rng, WIT_COUNT_OF(edges))];
        body = body > front ? body - front : 0;
        s->records[i] = (struct shard_writer_record){
            .key = { .hi = (i + 1) << 20, .lo = wit_random_u32(&rng) },
            .front = wit_str_of(texts, front),
            .origin = wit_str_of(texts, origin < sizeof texts ? origin : sizeof texts),
            .body_bytes = body,
        };
    }
}

static void write_it(const struct shard *s, const char *dir, char path[WIT_PATH_MAX]) {
    const struct shard_writer_input input = {
        .records = s->records, .count = s->count, .body = body_give, .user = (void *)s
    };
    must(manifest_shard_path(path, dir, "", &err));
    must(wit_dir_make(path, &err));
    must(shard_write_unsynced(dir, "x.lmdb", &input, &err));
    must(manifest_shard_path(path, dir, "x.lmdb", &err));
    assert_false(wit_file_exists(path));
    shard_write_discard(dir, "x.lmdb");
    assert_true(shard_write_finish(dir, "x.lmdb", &err) < 0);
    must(shard_write(dir, "x.lmdb", &input, &err));
    assert_true(wit_file_exists(path));
}

static void value_is(const struct shard *s, uint64_t i, bool sample, MDB_val v) {
    const struct shard_writer_record *r = &s->records[i];
    if (!sample) {
        assert_true(wit_str_eq(wit_str_of(v.mv_data, v.mv_size), r->origin));
        return;
    }
    assert_int_equal(v.mv_size, r->front.len + r->body_bytes);
    assert_memory_equal(v.mv_data, r->front.data, r->front.len);
    const uint8_t *body = (const uint8_t *)v.mv_data + r->front.len;
    for (size_t k = 0; k < r->body_bytes; k++)
        if (body[k] != byte_of(s, i, k))
            fail_msg("record %llu differs at byte %zu, seed %llu", (unsigned long long)i, k,
                     (unsigned long long)s->seed);
}

/* By cursor in order, and by key: the latter follows the keys of the branch pages. */
static void lmdb_reads(const struct shard *s, MDB_txn *txn, const char *name, bool sample) {
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_stat stat;
    uint8_t bytes[16];
    assert_int_equal(mdb_dbi_open(txn, name, 0, &dbi), 0);
    assert_int_equal(mdb_stat(txn, dbi, &stat), 0);
    assert_int_equal(stat.ms_entries, s->count);
    assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
    for (uint64_t i = 0; i < s->count; i++) {
        wit_hash128_to_bytes(s->records[i].key, bytes);
        assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_NEXT), 0);
        assert_int_equal(key.mv_size, 16);
        assert_memory_equal(key.mv_data, bytes, 16);
        value_is(s, i, sample, value);
        MDB_val asked = { sizeof bytes, bytes };
        assert_int_equal(mdb_get(txn, dbi, &asked, &value), 0);
        value_is(s, i, sample, value);
        bytes[15] ^= 1; /* no key has it: the others are 2^20 apart */
        assert_int_equal(mdb_get(txn, dbi, &asked, &value), MDB_NOTFOUND);
    }
    assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_NEXT), MDB_NOTFOUND);
    mdb_cursor_close(cursor);
}

static void lmdb_agrees(const struct shard *s, const char *path, const char *copy) {
    MDB_env *env;
    MDB_txn *txn;
    struct stat info;
    MDB_envinfo about;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 2), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0), 0);
    assert_int_equal(mdb_env_info(env, &about), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(about.me_mapsize, info.st_size);
    assert_int_equal((about.me_last_pgno + 1) * 4096, info.st_size);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    lmdb_reads(s, txn, "samples", true);
    lmdb_reads(s, txn, "origin", false);
    mdb_txn_abort(txn);
    if (copy) { /* its own walk over every page */
        int fd = open(copy, O_RDWR | O_CREAT | O_TRUNC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(mdb_env_copyfd2(env, fd, MDB_CP_COMPACT), 0);
        close(fd);
    }
    mdb_env_close(env);
}

static void walker_agrees(const struct shard *s, const char *path) {
    struct walker_source source = { .fd = open(path, O_RDONLY), .name = path };
    struct walker *w = NULL;
    struct walker_table t;
    struct stat info;
    assert_true(source.fd >= 0 && fstat(source.fd, &info) == 0);
    source.bytes = (uint64_t)info.st_size;
    must(walker_create(&source, &w, &err));
    must(walker_table_read(w, "samples", &t, &err));
    assert_int_equal(t.count, s->count);
    uint64_t end = 0;
    for (uint64_t i = 0; i < t.count; i++) {
        assert_int_equal(t.entries[i].bytes, s->records[i].front.len + s->records[i].body_bytes);
        if (t.entries[i].overflow) { /* in the order of the keys */
            assert_true(t.entries[i].offset >= end);
            end = t.entries[i].offset + t.entries[i].bytes;
        }
    }
    walker_table_finish(&t);
    must(walker_table_read(w, "origin", &t, &err));
    assert_int_equal(t.count, s->count);
    walker_table_finish(&t);
    walker_destroy(w);
    close(source.fd);
}

static void lmdb_reads_what_was_written(void **state) {
    /* One leaf; two; a branch page nearly full, full, and one over (157 leaves of 2 values); three
     * levels; many small values beside few large ones. */
    const struct {
        uint64_t count;
        size_t most;
    } cases[] = { { 1, 10 },     { 2, 60000 },  { 3, 2015 },    { 119, 9000 },  { 313, 2016 },
                  { 314, 2016 }, { 316, 2016 }, { 700, 30000 }, { 3000, 2016 }, { 30000, 300 } };
    for (size_t k = 0; k < WIT_COUNT_OF(cases); k++) {
        struct shard s;
        char dir[WIT_PATH_MAX], path[WIT_PATH_MAX], copy[WIT_PATH_MAX];
        scratch_make(dir);
        make(&s, cases[k].count, cases[k].most, k);
        write_it(&s, dir, path);
        must(wit_path_join(copy, dir, "copy.lmdb"));
        lmdb_agrees(&s, path, copy);
        lmdb_agrees(&s, path, NULL);
        walker_agrees(&s, path);
        walker_agrees(&s, copy);
        free(s.records);
        scratch_remove(dir);
    }
}

static void values_in_leaves_and_three_levels(void **state) {
    struct shard s;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    scratch_make(dir);
    make(&s, 60000, 1, 5);
    for (uint64_t i = 0; i < s.count; i++) { /* two a leaf, 157 leaves a branch: 30,000 leaves */
        s.records[i].body_bytes = 1990 - s.records[i].front.len;
        s.records[i].origin = wit_str_of(texts, 30);
    }
    write_it(&s, dir, path);
    lmdb_agrees(&s, path, NULL);
    walker_agrees(&s, path);
    free(s.records);
    scratch_remove(dir);
}

static void a_failing_body_leaves_nothing(void **state) {
    struct shard s;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX], temporary[WIT_PATH_MAX];
    scratch_make(dir);
    make(&s, 50, 9000, 1);
    s.fail_at = 30;
    const struct shard_writer_input input = {
        .records = s.records, .count = s.count, .body = body_give, .user = &s
    };
    must(manifest_shard_path(path, dir, "", &err));
    must(wit_dir_make(path, &err));
    assert_int_equal(shard_write_unsynced(dir, "x.lmdb", &input, &err), WIT_EIO);
    must(manifest_shard_path(path, dir, "x.lmdb", &err));
    must(manifest_shard_path(temporary, dir, "x.lmdb" SHARD_WRITER_SUFFIX, &err));
    assert_false(wit_file_exists(path));
    assert_false(wit_file_exists(temporary));
    assert_true(shard_write_finish(dir, "x.lmdb", &err) < 0);
    free(s.records);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lmdb_reads_what_was_written),
        cmocka_unit_test(values_in_leaves_and_three_levels),
        cmocka_unit_test(a_failing_body_leaves_nothing),
    };
    return cmocka_run_group_tests_name("shard_writer", tests, NULL, NULL);
}
