/*
 * test_disk_faults.c: every call by which a dataset reaches the disk fails in turn, in several
 * ways, and the power goes after each of them, with several kinds of loss. Afterwards
 *
 *   - what a commit or a seal had promised is there: sealing what is there gives the hash of one of
 *     the commits from the promised one on;
 *   - a dataset.json that is there verifies, and its hash is that of such a commit too;
 *   - the same commands again, undisturbed, end with the dataset of an undisturbed run, and nothing
 *     else lies beside it.
 *
 * The commands are a list: add yours. It must be repeatable from the beginning at any time, and
 * may take as many calls as it likes, but its time counts some thousand times.
 *
 * A failing schedule prints its name; WIT_SCHEDULE=NAME runs it alone.
 */
#include "collection.h"
#include "fault_fs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the scenario --------------------------------------------------------------------------- */

static const struct collection content = { .seed = 51, .urls = 14, .images = 11, .candidates = 40 };
enum { STEPS = 54, HALF = 30, COMMIT_STEPS = 11, BITS = 1 };

enum { COLLECTED, SEALED, STARTED }; /* promises: that many steps; and: command of that number */

struct run {
    const char *dir;
    struct disk *history; /* or NULL: nobody is promised anything */
    struct wit_error err;
};

/* The hash of a dataset of the first `steps` steps. */
static struct wit_hash128 hashes[STEPS + 1];

/* How many steps a dataset of this hash was made of, from `least` on; -1: no such number. */
static int steps_of(struct wit_hash128 hash, int64_t least) {
    for (int64_t steps = least < 0 ? 0 : least; steps <= STEPS; steps++)
        if (wit_hash128_eq(hashes[steps], hash))
            return (int)steps;
    return -1;
}

static int collect(struct run *r, unsigned from, unsigned to) {
    struct wit_shards_collector *c = NULL;
    int st = wit_shards_collector_open(r->dir, &c, &r->err);
    for (unsigned i = from; i < to && st >= 0; i++) {
        st = collection_step(&content, i, c, &r->err);
        if (st < 0 || ((i + 1) % COMMIT_STEPS && i + 1 < to))
            continue;
        st = wit_shards_collector_commit(c, &r->err);
        if (st >= 0 && r->history)
            disk_promise(r->history, COLLECTED, i + 1);
    }
    wit_shards_collector_close(c);
    return st;
}

static int collect_half(struct run *r) {
    return collect(r, 0, HALF);
}

static int collect_rest(struct run *r) {
    return collect(r, HALF, STEPS);
}

static int seal(struct run *r) {
    struct wit_shards_seal_report report;
    int st = seal_simple(r->dir, 1, BITS, &report, &r->err);
    if (st >= 0 && r->history)
        disk_promise(r->history, SEALED, steps_of(report.hash, 0));
    return st;
}

static const struct command {
    const char *name;
    int (*run)(struct run *r);
} commands[] = {
    { "collect the first half", collect_half },
    { "seal", seal },
    { "collect the rest", collect_rest },
    { "seal again", seal },
};

/* From command `first` on. */
static int commands_run(struct run *r, int64_t first) {
    int st = 0;
    for (size_t i = first < 0 ? 0 : (size_t)first; i < WIT_COUNT_OF(commands) && st >= 0; i++) {
        if (r->history)
            disk_promise(r->history, STARTED, (int64_t)i);
        st = commands[i].run(r);
    }
    return st;
}

/* ---- one schedule after the other -------------------------------------------------------------
 */

enum { SEEN = 1 << 16, WORKERS = 4, RANDOMS = 4 };

struct counts {
    atomic_ulong schedules, distinct, failures, late_successes;
};

struct worker {
    struct counts *counts; /* shared by all */
    char *schedule;        /* shared with the parent: what is being done, for when it crashes */
    unsigned number, of;
    const char *only;
    struct wit_hash128 seen[SEEN]; /* states that were looked at; a hash table */
};
enum { SCHEDULE_BYTES = 128 };

static void give_up(const struct worker *w, const char *what, const struct wit_error *err) {
    print_error("WIT_SCHEDULE='%s': %s%s%s\n", w->schedule, what, err ? ": " : "",
                err ? err->text : "");
    _exit(1);
}

static void expect(const struct worker *w, bool holds, const char *what,
                   const struct wit_error *err) {
    if (!holds)
        give_up(w, what, err);
}

/* Is this schedule one to run? Notes its name. */
static bool take(struct worker *w, const char *name) {
    if (w->only && strcmp(w->only, name) != 0)
        return false;
    snprintf(w->schedule, SCHEDULE_BYTES, "%s", name);
    atomic_fetch_add(&w->counts->schedules, 1);
    return true;
}

static bool is_new(struct worker *w, struct wit_hash128 state, int64_t collected, int64_t sealed) {
    uint8_t bytes[32];
    wit_hash128_to_bytes(state, bytes);
    wit_store_le64(bytes + 16, (uint64_t)collected);
    wit_store_le64(bytes + 24, (uint64_t)sealed);
    struct wit_hash128 h = wit_hash128_of(bytes, sizeof bytes);
    for (size_t at = h.lo % SEEN;; at = (at + 1) % SEEN) {
        if (wit_hash128_eq(w->seen[at], h))
            return false;
        if (w->seen[at].hi || w->seen[at].lo)
            continue;
        w->seen[at] = h;
        atomic_fetch_add(&w->counts->distinct, 1);
        return true;
    }
}

static void paths_make(char root[WIT_PATH_MAX], char dir[WIT_PATH_MAX]) {
    scratch_make(root);
    if (wit_path_join(dir, root, "data") < 0)
        abort();
}

/* A dataset.json that is there is of a commit from `least` on, and every byte of it is right. */
static void check_dataset(struct worker *w, const char *dir, int64_t least) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_shards_verify_report report;
    struct wit_shards_dataset *ds = NULL;
    char path[WIT_PATH_MAX];
    if (wit_path_join(path, dir, "dataset.json") < 0)
        abort();
    if (!wit_file_exists(path)) {
        expect(w, least < 0, "a sealed dataset is gone", NULL);
        return;
    }
    expect(w, wit_shards_verify(dir, NULL, &report, &err) >= 0, "it does not verify", &err);
    expect(w, wit_shards_dataset_open(dir, NULL, &ds, &err) >= 0, "it does not open", &err);
    expect(w, steps_of(wit_shards_dataset_hash(ds), least) >= 0, "it lacks what was sealed", NULL);
    wit_shards_dataset_close(ds);
}

/* What was committed is in the logs: sealed, it has the hash of one of the commits. */
static void check_logs(struct worker *w, const char *dir, int64_t least) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_shards_seal_report report;
    if (least < 0)
        return;
    expect(w, seal_simple(dir, 1, BITS, &report, &err) >= 0, "what is there can't be sealed", &err);
    expect(w, steps_of(report.hash, least) >= 0, "what was committed is not there, or twice", NULL);
}

/* The same commands again; the end is that of an undisturbed run. */
static void check_recovery(struct worker *w, const char *dir) {
    struct run r = { .dir = dir };
    struct wit_strings names;
    struct wit_shards_dataset *ds = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    char path[WIT_PATH_MAX];
    expect(w, commands_run(&r, 0) >= 0, "the same commands again", &r.err);
    check_dataset(w, dir, STEPS);
    expect(w, wit_shards_dataset_open(dir, NULL, &ds, &err) >= 0, "it does not open", &err);
    if (wit_path_join(path, dir, "shards") < 0 || wit_dir_list(path, &names, NULL) < 0)
        abort();
    expect(w, names.count == wit_shards_dataset_shards(ds), "something lies beside the shards",
           NULL);
    wit_strings_finish(&names);
    if (wit_dir_list(dir, &names, NULL) < 0)
        abort();
    expect(w, names.count == 3, "something lies beside dataset.json, shards, collect", NULL);
    wit_strings_finish(&names);
    wit_shards_dataset_close(ds);
}

/* What the first `length` events and a loss left, in a folder of its own. */
static void check_cut(struct worker *w, const struct disk *d, size_t length, enum disk_loss loss,
                      uint64_t seed) {
    int64_t collected = disk_promised(d, length, COLLECTED);
    int64_t sealed = disk_promised(d, length, SEALED);
    char root[WIT_PATH_MAX], dir[WIT_PATH_MAX];
    if (!is_new(w, disk_hash(d, length, loss, seed), collected, sealed))
        return;
    paths_make(root, dir);
    disk_make(d, length, loss, seed, root);
    fault_fs_begin(root, NULL, (struct fault){ .kind = FAULT_NONE }); /* quick syncs */
    check_dataset(w, dir, sealed);
    check_logs(w, dir, collected);
    (void)fault_fs_end();
    scratch_remove(root);
    paths_make(root, dir);
    disk_make(d, length, loss, seed, root);
    fault_fs_begin(root, NULL, (struct fault){ .kind = FAULT_NONE });
    check_recovery(w, dir);
    (void)fault_fs_end();
    scratch_remove(root);
}

/* Run the commands in `root` under a fault and note it all in d: those that d has not yet, and the
 * last one that it has again. The status. */
static int run_under(struct disk *d, const char *root, const char *dir, struct fault fault,
                     struct run *r, long *calls) {
    *r = (struct run){ .dir = dir, .history = d };
    fault_fs_begin(root, d, fault);
    int st = commands_run(r, disk_promised(d, disk_length(d), STARTED));
    long n = fault_fs_end();
    if (calls)
        *calls = n;
    return st;
}

/* ---- the power goes ---------------------------------------------------------------------------
 */

static void cuts_from(struct worker *w, const struct disk *d, size_t from, size_t step,
                      const char *lead) {
    for (size_t k = from + w->number * step; k <= disk_length(d); k += step * w->of)
        for (unsigned loss = 0; loss < DISK_LOSSES; loss++)
            for (uint64_t seed = 0; seed < (loss == LOSS_RANDOM ? RANDOMS : 1); seed++) {
                char name[SCHEDULE_BYTES];
                snprintf(name, sizeof name, "%scut after event %zu, %s %llu", lead, k,
                         disk_loss_name((enum disk_loss)loss), (unsigned long long)seed);
                if (take(w, name))
                    check_cut(w, d, k, (enum disk_loss)loss, seed);
            }
}

static void power_cuts(struct worker *w) {
    struct disk *d = disk_create();
    char root[WIT_PATH_MAX], dir[WIT_PATH_MAX];
    struct run r;
    paths_make(root, dir);
    expect(w, run_under(d, root, dir, (struct fault){ .kind = FAULT_NONE }, &r, NULL) >= 0,
           "an undisturbed run", &r.err);
    expect(w, wit_hash128_eq(disk_hash(d, disk_length(d), LOSS_NOTHING, 0), disk_hash_folder(root)),
           "the history is not all that happened", NULL);
    scratch_remove(root);
    cuts_from(w, d, 0, 1, "");
    disk_destroy(d);
}

/* Some cuts behind event `from`, at places that follow from a seed. */
static void some_cuts(struct worker *w, const struct disk *d, size_t from, uint64_t seed,
                      const char *lead) {
    static const enum disk_loss losses[] = { LOSS_ALL,    LOSS_ALL,  LOSS_RANDOM, LOSS_RANDOM,
                                             LOSS_RANDOM, LOSS_DATA, LOSS_NAMES,  LOSS_ZEROS };
    struct wit_random rng;
    wit_random_init(&rng, 52, 0, seed);
    for (size_t i = 0; i < WIT_COUNT_OF(losses); i++) {
        size_t k = from + (size_t)wit_random_below(&rng, disk_length(d) - from + 1);
        char name[SCHEDULE_BYTES];
        snprintf(name, sizeof name, "%s, again, cut after event %zu, %s %zu", lead, k,
                 disk_loss_name(losses[i]), i);
        if (take(w, name))
            check_cut(w, d, k, losses[i], i);
    }
}

/* Killed after event k, started again, then the power goes: what the killed one had not synced is
 * still at stake. */
static void kills(struct worker *w) {
    size_t length = SIZE_MAX;
    for (size_t k = w->number; k < length; k += w->of) {
        struct disk *d = disk_create();
        char root[WIT_PATH_MAX], dir[WIT_PATH_MAX], name[SCHEDULE_BYTES];
        struct run r;
        paths_make(root, dir);
        (void)run_under(d, root, dir, (struct fault){ .kind = FAULT_NONE }, &r, NULL);
        scratch_remove(root);
        length = disk_length(d);
        if (k < length) {
            disk_rewind(d, k);
            paths_make(root, dir);
            disk_make(d, k, LOSS_NOTHING, 0, root);
            snprintf(name, sizeof name, "killed after event %zu", k);
            snprintf(w->schedule, SCHEDULE_BYTES, "%s", name);
            expect(w, run_under(d, root, dir, (struct fault){ .kind = FAULT_NONE }, &r, NULL) >= 0,
                   "the same commands again", &r.err);
            scratch_remove(root);
            some_cuts(w, d, k, k, name);
        }
        disk_destroy(d);
    }
}

/* ---- calls fail -------------------------------------------------------------------------------
 */

struct failing {
    const char *name;
    enum fault_kind kind;
    int errnum, status;
};

/* Call n fails: what is said, what is there, the next run, the power that goes after either. False:
 * the commands were over before. */
static bool fail_call(struct worker *w, const struct failing *f, long n) {
    struct disk *d = disk_create();
    char root[WIT_PATH_MAX], dir[WIT_PATH_MAX], name[SCHEDULE_BYTES - 64];
    struct run r;
    long calls;
    paths_make(root, dir);
    snprintf(name, sizeof name, "%s at call %ld", f->name, n);
    bool taken = take(w, name);
    if (!taken)
        snprintf(w->schedule, SCHEDULE_BYTES, "%s", name);
    int st = run_under(d, root, dir, (struct fault){ f->kind, f->errnum, n }, &r, &calls);
    size_t length = disk_length(d);
    if (st < 0) {
        atomic_fetch_add(&w->counts->failures, 1);
        expect(w, st == f->status, "another status than expected", &r.err);
        expect(w, strlen(r.err.text) > 20, "no sentence", &r.err);
    } else if (calls > n) {
        atomic_fetch_add(&w->counts->late_successes, 1);
    }
    expect(w, wit_hash128_eq(disk_hash(d, length, LOSS_NOTHING, 0), disk_hash_folder(root)),
           "the history is not all that happened", NULL);
    if (taken) {
        check_cut(w, d, length, LOSS_NOTHING, 0);
        check_cut(w, d, length, LOSS_ALL, 0);
    }
    expect(w, run_under(d, root, dir, (struct fault){ .kind = FAULT_NONE }, &r, NULL) >= 0,
           "the same commands again", &r.err);
    if (calls > n && (f->kind == FAULT_ONCE || f->kind == FAULT_LATE))
        some_cuts(w, d, length, (uint64_t)n, name);
    scratch_remove(root);
    disk_destroy(d);
    return calls > n;
}

static void failing_calls(struct worker *w) {
    static const struct failing ways[] = {
        { "EIO", FAULT_ONCE, EIO, WIT_EIO },
        { "ENOSPC", FAULT_ONCE, ENOSPC, WIT_ENOSPC },
        { "full disk", FAULT_FROM, ENOSPC, WIT_ENOSPC },
        { "full disk in a write", FAULT_SHORT, ENOSPC, WIT_ENOSPC },
        { "EIO after the work", FAULT_LATE, EIO, WIT_EIO },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(ways); i++)
        for (long n = w->number; fail_call(w, &ways[i], n); n += w->of)
            continue;
}

/* ---- the test ---------------------------------------------------------------------------------
 */

/* Every worker takes its share of the schedules, in a process of its own. */
static void in_workers(void (*part)(struct worker *w), unsigned long least) {
    struct counts *counts = mmap(NULL, sizeof *counts + WORKERS * SCHEDULE_BYTES,
                                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(counts != MAP_FAILED);
    pid_t pids[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] > 0)
            continue;
        struct worker *w = calloc(1, sizeof *w);
        if (!w)
            abort();
        *w = (struct worker){ .counts = counts,
                              .schedule = (char *)(counts + 1) + i * SCHEDULE_BYTES,
                              .number = i,
                              .of = WORKERS,
                              .only = getenv("WIT_SCHEDULE") };
        part(w);
        free(w);
        _exit(0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        if (WIFSIGNALED(status))
            print_error("signal %d in WIT_SCHEDULE='%s'\n", WTERMSIG(status),
                        (char *)(counts + 1) + i * SCHEDULE_BYTES);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    print_message("%lu schedules, %lu distinct states on disk, %lu runs that failed, %lu that went "
                  "on over it\n",
                  atomic_load(&counts->schedules), atomic_load(&counts->distinct),
                  atomic_load(&counts->failures), atomic_load(&counts->late_successes));
    assert_true(getenv("WIT_SCHEDULE") || atomic_load(&counts->schedules) > least);
    assert_int_equal(munmap(counts, sizeof *counts + WORKERS * SCHEDULE_BYTES), 0);
}

static void test_power_cuts(void **state) {
    in_workers(power_cuts, 1000);
}

static void test_kills_then_power_cuts(void **state) {
    in_workers(kills, 500);
}

static void test_failing_calls(void **state) {
    in_workers(failing_calls, 1000);
}

/* The hashes of all commits; no two are the same where an image came in between. */
static int set_up(void **state) {
    assert_int_equal(collection_steps(&content), STEPS);
    for (unsigned steps = 1; steps <= STEPS; steps++) {
        struct wit_shards_seal_report report = { .samples = 0 };
        char root[WIT_PATH_MAX], dir[WIT_PATH_MAX];
        paths_make(root, dir);
        struct run r = { .dir = dir };
        fault_fs_begin(root, NULL, (struct fault){ .kind = FAULT_NONE }); /* quick syncs */
        int st = collect(&r, 0, steps);
        if (st >= 0)
            st = seal_simple(dir, 1, BITS, &report, &r.err);
        (void)fault_fs_end();
        /* Images come first: a few steps make no sample. */
        hashes[steps] = report.hash;
        scratch_remove(root);
        if (st < 0 && steps > content.urls + 3) {
            print_error("%s\n", r.err.text);
            return -1;
        }
    }
    return 0;
}

int main(void) {
    scratch_in_memory();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_kills_then_power_cuts),
        cmocka_unit_test(test_failing_calls),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
