/*
 * test_seen_set.c: the set of seen URLs beside a plain one, with files so small that all levels of
 * merging are passed, closed without a commit at random moments, as by a kill.
 */
#include "run_files.h"
#include "seen_run.h"
#include "seen_set.h"
#include "shards/collection.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

static struct wit_error err;
static char dir[WIT_PATH_MAX];

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static int setup(void **state) {
    scratch_make(dir);
    return 0;
}

static int teardown(void **state) {
    scratch_remove(dir);
    return 0;
}

/* ---- one file -------------------------------------------------------------------------------- */

static void run_write(uint64_t number, const uint64_t *hashes, uint64_t count) {
    struct seen_writer *w = NULL;
    must(seen_writer_create(dir, "seen", number, count, &w, &err));
    for (uint64_t i = 0; i < count; i++)
        must(seen_writer_put(w, hashes[i], &err));
    must(seen_writer_finish(w, &err));
    seen_writer_destroy(w);
}

/* Uniform ones, as they are; all in a row at either end; and steps that grow: whatever
 * interpolation could trip over. */
static void a_file_has_what_was_put(void **state) {
    enum { N = 5000 };
    static uint64_t hashes[N];
    for (int shape = 0; shape < 4; shape++) {
        for (uint64_t i = 0; i < N; i++)
            hashes[i] = shape == 0   ? i * (UINT64_MAX / N) + wit_mix64(i) % 1000
                        : shape == 1 ? i
                        : shape == 2 ? UINT64_MAX - N + 1 + i
                                     : i * i * i * i + 7;
        run_write(7, hashes, N);
        struct seen_run run = { .number = 7, .count = N };
        must(seen_run_open(&run, dir, "seen", &err));
        for (size_t i = 0; i < N; i++) {
            assert_true(seen_run_has(&run, hashes[i]));
            assert_true(seen_run_at(&run, i) == hashes[i]);
            if (i + 1 < N && hashes[i + 1] > hashes[i] + 1)
                assert_false(seen_run_has(&run, hashes[i] + 1));
        }
        seen_run_close(&run);
    }
}

static void a_file_that_is_another_one_is_refused(void **state) {
    const uint64_t hashes[] = { 1, 5, 9 };
    char path[WIT_PATH_MAX];
    run_write(3, hashes, 3);
    must(run_file_path(path, dir, "seen", 3, &err));
    struct seen_run other = { .number = 3, .count = 4 };
    assert_int_equal(seen_run_open(&other, dir, "seen", &err), WIT_ECORRUPT);
    struct seen_run none = { .number = 4, .count = 3 };
    assert_int_equal(seen_run_open(&none, dir, "seen", &err), WIT_ENOTFOUND);
    assert_int_equal(truncate(path, 100), 0);
    struct seen_run cut = { .number = 3, .count = 3 };
    assert_int_equal(seen_run_open(&cut, dir, "seen", &err), WIT_ECORRUPT);
    assert_int_equal(truncate(path, 0), 0);
    struct seen_run empty = { .number = 3, .count = 3 };
    assert_int_equal(seen_run_open(&empty, dir, "seen", &err), WIT_ECORRUPT);
}

static void a_writer_takes_only_what_it_was_told(void **state) {
    struct seen_writer *w = NULL;
    char path[WIT_PATH_MAX];
    must(run_file_path(path, dir, "seen", 9, &err));
    must(seen_writer_create(dir, "seen", 9, 3, &w, &err));
    must(seen_writer_put(w, 5, &err));
    assert_int_equal(seen_writer_put(w, 5, &err), WIT_ECORRUPT);
    assert_int_equal(seen_writer_put(w, 4, &err), WIT_ECORRUPT);
    assert_int_equal(seen_writer_finish(w, &err), WIT_ECORRUPT);
    seen_writer_destroy(w);
    assert_false(wit_file_exists(path));
    struct wit_strings names;
    must(wit_dir_list(dir, &names, &err));
    for (size_t i = 0; i < names.count; i++)
        assert_false(wit_str_ends_with(wit_str_from(names.items[i]), WIT_STR(".tmp")));
    wit_strings_finish(&names);
}

/* ---- the set --------------------------------------------------------------------------------- */

enum { UNIVERSE = 30000, RECENT = 200 };

struct opened {
    MDB_env *env;
    MDB_txn *txn;
    struct seen_set *set, *other;
};

static void set_open(struct opened *o) {
    char path[WIT_PATH_MAX];
    const struct seen_set_config cfg = { .folder = dir, .recent_most = RECENT }, other = {
        .folder = dir, .recent_most = 3 * RECENT, .name = "pairs", .prefix = "pairs_"
    };
    must(wit_path_join(path, dir, "set.lmdb"));
    assert_int_equal(mdb_env_create(&o->env), 0);
    assert_int_equal(mdb_env_set_maxdbs(o->env, 4), 0);
    assert_int_equal(mdb_env_set_mapsize(o->env, (size_t)1 << 30), 0);
    assert_int_equal(mdb_env_open(o->env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK | MDB_NOSYNC,
                                  0644),
                     0);
    assert_int_equal(mdb_txn_begin(o->env, NULL, 0, &o->txn), 0);
    must(seen_set_open(&cfg, o->txn, &o->set, &err));
    must(seen_set_open(&other, o->txn, &o->other, &err));
}

static void set_commit(struct opened *o) {
    must(seen_set_commit_begin(o->set, o->txn, &err));
    must(seen_set_commit_begin(o->other, o->txn, &err));
    assert_int_equal(mdb_txn_commit(o->txn), 0);
    must(seen_set_commit_end(o->set, &err));
    must(seen_set_commit_end(o->other, &err));
    assert_int_equal(mdb_txn_begin(o->env, NULL, 0, &o->txn), 0);
}

static void set_close(struct opened *o) {
    seen_set_close(o->set);
    seen_set_close(o->other);
    mdb_txn_abort(o->txn);
    mdb_env_close(o->env);
}

static size_t files(void) {
    struct wit_strings names;
    size_t n = 0;
    must(wit_dir_list(dir, &names, &err));
    for (size_t i = 0; i < names.count; i++)
        n += wit_str_starts_with(wit_str_from(names.items[i]), WIT_STR("seen-"));
    wit_strings_finish(&names);
    return n;
}

static void the_set_is_a_set(void **state) {
    uint64_t seed = getenv("WIT_SEED") ? strtoull(getenv("WIT_SEED"), NULL, 10) : wit_clock_ns();
    static bool committed[UNIVERSE], now[UNIVERSE];
    struct wit_random r;
    struct opened o;
    size_t most_runs = 0, kills = 0;
    print_message("seed %llu (WIT_SEED replays it)\n", (unsigned long long)seed);
    wit_random_init(&r, seed, 0, 0);
    memset(committed, 0, sizeof committed);
    memset(now, 0, sizeof now);
    set_open(&o);
    for (int step = 0; step < 400; step++) {
        for (int i = 0; i < 150; i++) {
            /* the domain grows, so that old and new ones are asked for */
            uint64_t which = wit_random_below(&r, 100 + (UNIVERSE - 100) * (uint64_t)step / 400);
            int st = seen_set_add(o.set, o.txn, wit_mix64(which + 1), &err);
            must(st);
            assert_int_equal(st, !now[which]);
            now[which] = true;
            /* a second one in the same folder: what has a number that three divides */
            if (which % 3 == 0)
                assert_int_equal(seen_set_add(o.other, o.txn, wit_mix64(which + 1), &err), st);
        }
        uint64_t dice = wit_random_below(&r, 20);
        if (dice < 12) {
            set_commit(&o);
            memcpy(committed, now, sizeof now);
        } else if (dice < 14) { /* killed: perhaps after the file was written */
            if (dice == 13)
                must(seen_set_commit_begin(o.set, o.txn, &err));
            set_close(&o);
            set_open(&o);
            memcpy(now, committed, sizeof now);
            kills++;
        }
        if (seen_set_runs(o.set) > most_runs)
            most_runs = seen_set_runs(o.set);
    }
    set_commit(&o);
    for (int i = 0; i < 1000 && seen_set_runs(o.set) >= 40; i++) { /* merging has its own pace */
        usleep(10000);
        set_commit(&o);
    }
    for (uint64_t which = 0; which < UNIVERSE; which++) {
        int st = seen_set_add(o.set, o.txn, wit_mix64(which + 1), &err);
        must(st);
        assert_int_equal(st, !now[which]);
        assert_int_equal(seen_set_has(o.other, o.txn, wit_mix64(which + 1), &err),
                         which % 3 == 0 && now[which]);
    }
    size_t runs = seen_set_runs(o.set);
    set_close(&o);
    set_open(&o);
    assert_int_equal(files(), seen_set_runs(o.set)); /* nothing is left behind */
    assert_int_equal(seen_set_runs(o.set), runs);
    set_close(&o);
    assert_true(kills > 0 && most_runs >= 3 && runs < 40); /* merged: 30,000 are 150 files else */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_has_what_was_put, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_another_one_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_writer_takes_only_what_it_was_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_set_is_a_set, setup, teardown),
    };
    return cmocka_run_group_tests_name("seen_set", tests, NULL, NULL);
}
