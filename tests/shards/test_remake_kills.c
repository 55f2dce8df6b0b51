/*
 * test_remake_kills.c: merge, split and compact, whatever ends them: kill -9 at random moments,
 * interruptions, calls that fail in turn. At every moment the dataset is the old one, the new one
 * or not there; the same job again ends with the hash of an undisturbed one and nothing beside it.
 */
/* Both names of each call are needed, the plain one for liblmdb: no redirection by the headers. */
#undef _FILE_OFFSET_BITS

#include "collection.h"
#include "hidden_call.h"
#include "manifest.h"
#include "runs.h"
#include "wit_shards_merge.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- calls that fail ------------------------------------------------------------------------- */

static atomic_long calls_left = -1; /* the call that finds 0 fails, and all after it: a full disk */
static atomic_int fail_with;

static bool must_fail(void) {
    if (atomic_load(&calls_left) < 0)
        return false;
    if (atomic_fetch_sub(&calls_left, 1) > 0)
        return false;
    atomic_store(&calls_left, 0);
    errno = atomic_load(&fail_with);
    return true;
}

ssize_t write(int fd, const void *data, size_t len) {
    return must_fail() ? -1 : ((write_fn)hidden("write"))(fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    return must_fail() ? -1 : ((pwrite_fn)hidden("pwrite64"))(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    return must_fail() ? -1 : ((pwrite_fn)hidden("pwrite64"))(fd, data, len, at);
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) {
    return must_fail() ? -1 : ((pwritev_fn)hidden("pwritev64"))(fd, v, n, at);
}

int fsync(int fd) {
    return must_fail() ? -1 : ((int (*)(int))hidden("fsync"))(fd);
}

int rename(const char *from, const char *to) {
    return must_fail() ? -1 : ((int (*)(const char *, const char *))hidden("rename"))(from, to);
}

/* ---- memory that runs out -------------------------------------------------------------------- */

/* Sanitizers have their own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#endif
#ifndef IS_SANITIZED
#define ALLOCATIONS_FAIL 1
static atomic_long allocations_left = -1; /* the one that finds 0 fails */

static bool is_refused(void) {
    if (atomic_load(&allocations_left) < 0 || atomic_fetch_sub(&allocations_left, 1) != 0)
        return false;
    errno = ENOMEM;
    return true;
}

/* glibc's own names for what the next three hide. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

void *malloc(size_t bytes) {
    return is_refused() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes) {
    return is_refused() ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *old, size_t bytes) {
    return is_refused() ? NULL : __libc_realloc(old, bytes);
}
#endif

/* ---- the jobs -------------------------------------------------------------------------------- */

static struct wit_error err;
static char base[WIT_PATH_MAX];
static char parts[2][WIT_PATH_MAX], whole[WIT_PATH_MAX], several[WIT_PATH_MAX];
static struct wit_hash128 whole_hash;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static int job_merge(const char *at, unsigned threads, const volatile int *interrupt) {
    struct wit_shards_remake_config cfg = wit_shards_remake_config_default();
    const char *const dirs[] = { parts[0], parts[1] };
    struct wit_shards_remade made;
    char out[WIT_PATH_MAX];
    must(wit_path_join(out, at, "made"));
    cfg.threads = threads;
    cfg.shard_bits = 2;
    cfg.interrupt = interrupt;
    return wit_shards_merge(dirs, 2, out, &cfg, &made, &err);
}

static int job_split(const char *at, unsigned threads, const volatile int *interrupt) {
    struct wit_shards_split_config cfg = wit_shards_split_config_default();
    static const double shares[] = { 0.6, 0.4 };
    cfg.shares = shares;
    cfg.share_count = 2;
    cfg.make.threads = threads;
    cfg.make.shard_bits = 1;
    cfg.make.interrupt = interrupt;
    return wit_shards_split(whole, at, &cfg, &err);
}

static int job_compact(const char *at, unsigned threads, const volatile int *interrupt) {
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_compacted report;
    char dir[WIT_PATH_MAX];
    must(wit_path_join(dir, at, "made"));
    cfg.make.threads = threads;
    cfg.make.interrupt = interrupt;
    cfg.batch_bytes = 1; /* each prefix by itself */
    return wit_shards_compact(dir, &cfg, &report, &err);
}

/* Where a job starts: an empty folder, or a dataset of several runs as at/made. */
static void start_empty(const char *at) {
    assert_true(wit_file_exists(at));
}

static void start_several(const char *at) {
    char command[3 * WIT_PATH_MAX];
    snprintf(command, sizeof command, "cp -r '%s' '%s/made'", several, at);
    assert_int_equal(system(command), 0);
}

/* The hash of a dataset that is whole, with nothing beside it if `last`. */
static struct wit_hash128 check(const char *at, const char *name, bool last,
                                struct wit_hash128 *sum, uint64_t *samples) {
    struct wit_shards_verify_report report;
    struct manifest m;
    struct wit_strings names;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    must(wit_path_join(dir, at, name));
    must(wit_shards_verify(dir, NULL, &report, &err));
    must(manifest_load(dir, &m, &err));
    struct wit_hash128 hash = m.hash;
    if (last) {
        size_t files = m.count;
        for (size_t i = 0; i < m.count; i++)
            assert_int_equal(m.shards[i].hidden_count, 0);
        must(manifest_shard_path(path, dir, "", &err));
        must(wit_dir_list(path, &names, &err));
        assert_int_equal(names.count, files);
        wit_strings_finish(&names);
        must(wit_path_join(path, dir, "making.json"));
        assert_false(wit_file_exists(path));
    }
    *sum = wit_hash128_add(*sum, m.sum);
    *samples += m.samples;
    manifest_finish(&m);
    return hash;
}

/* After the job has ended well. */
static void check_one(const char *at) {
    struct wit_hash128 sum = { 0, 0 };
    uint64_t samples = 0;
    assert_true(wit_hash128_eq(check(at, "made", true, &sum, &samples), whole_hash));
}

static void check_two(const char *at) {
    struct wit_hash128 sum = { 0, 0 };
    uint64_t samples = 0;
    (void)check(at, "part-0", true, &sum, &samples);
    (void)check(at, "part-1", true, &sum, &samples);
    assert_true(wit_hash128_eq(manifest_dataset_hash(samples, sum), whole_hash));
}

/* After it has ended somehow: what is named is whole. */
static void check_named(const char *at) {
    static const char *const names[] = { "made", "part-0", "part-1" };
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++) {
        struct wit_hash128 sum = { 0, 0 };
        uint64_t samples = 0;
        char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
        must(wit_path_join(dir, at, names[i]));
        must(manifest_path(path, dir, &err));
        if (wit_file_exists(path) && i == 0)
            assert_true(wit_hash128_eq(check(at, names[i], false, &sum, &samples), whole_hash));
        else if (wit_file_exists(path))
            (void)check(at, names[i], false, &sum, &samples);
    }
}

static const struct job {
    const char *name;
    void (*start)(const char *at);
    int (*run)(const char *at, unsigned threads, const volatile int *interrupt);
    void (*check)(const char *at);
} jobs[] = {
    { "merge", start_empty, job_merge, check_one },
    { "split", start_empty, job_split, check_two },
    { "compact", start_several, job_compact, check_one },
};

/* ---- what ends them -------------------------------------------------------------------------- */

static void kill_nine(void **state) {
    struct wit_random rng;
    uint64_t seed = wit_clock_ns();
    unsigned killed = 0;
    print_message("seed=%llu\n", (unsigned long long)seed);
    wit_random_init(&rng, seed, 0, 0);
    for (size_t j = 0; j < WIT_COUNT_OF(jobs); j++) {
        char at[WIT_PATH_MAX];
        scratch_make(at);
        jobs[j].start(at);
        uint64_t job_us = wit_clock_ns();
        must(jobs[j].run(at, 2, NULL));
        job_us = (wit_clock_ns() - job_us) / 1000;
        scratch_remove(at);
        for (int round = 0; round < 6; round++) {
            scratch_make(at);
            jobs[j].start(at);
            for (uint64_t kills = 1 + wit_random_below(&rng, 4); kills; kills--) {
                int status;
                pid_t pid = fork();
                assert_true(pid >= 0);
                if (pid == 0)
                    _exit(jobs[j].run(at, 2, NULL) < 0);
                usleep((useconds_t)wit_random_below(&rng, job_us + job_us / 4 + 1));
                kill(pid, SIGKILL);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                killed += WIFSIGNALED(status);
                if (WIFEXITED(status))
                    assert_int_equal(WEXITSTATUS(status), 0);
                check_named(at);
            }
            must(jobs[j].run(at, 2, NULL));
            jobs[j].check(at);
            scratch_remove(at);
        }
    }
    print_message("%u processes killed at work\n", killed);
    assert_true(killed > 10);
}

static void fail_each(const struct job *job, int errnum, int want, long stride) {
    unsigned failures = 0;
    for (long n = 0;; n += stride) {
        char at[WIT_PATH_MAX];
        scratch_make(at);
        job->start(at);
        atomic_store(&fail_with, errnum);
        atomic_store(&calls_left, n);
        int st = job->run(at, 1, NULL);
        atomic_store(&calls_left, -1);
        if (st < 0) {
            failures++;
            if (st != want)
                print_error("%s, call %ld: %s\n", job->name, n, err.text);
            assert_int_equal(st, want);
            assert_true(strlen(err.text) > 20);
            check_named(at);
        }
        must(job->run(at, 1, NULL));
        job->check(at);
        scratch_remove(at);
        if (st >= 0)
            break;
        assert_true(n < 10000);
    }
    print_message("%s: %u failures\n", job->name, failures);
    assert_true(failures > 8);
}

/* A shard that an interrupted merge had finished is taken up, not written again. */
static void finished_shards_are_taken_up(void **state) {
    unsigned taken_up = 0;
    for (long n = 0;; n++) {
        char at[WIT_PATH_MAX], folder[WIT_PATH_MAX], path[2 * WIT_PATH_MAX];
        struct wit_strings names = { NULL, 0 };
        struct stat before[8], after;
        scratch_make(at);
        atomic_store(&fail_with, ENOSPC);
        atomic_store(&calls_left, n);
        int st = job_merge(at, 1, NULL);
        atomic_store(&calls_left, -1);
        must(wit_path_join(folder, at, "made/shards"));
        if (st < 0 && wit_file_exists(folder))
            must(wit_dir_list(folder, &names, &err));
        assert_true(names.count <= 8);
        for (size_t i = 0; i < names.count; i++) {
            snprintf(path, sizeof path, "%s/%s", folder, names.items[i]);
            assert_true(wit_str_ends_with(wit_str_from(path), WIT_STR(".lmdb"))); /* no halves */
            assert_int_equal(stat(path, &before[i]), 0);
        }
        must(job_merge(at, 1, NULL));
        for (size_t i = 0; i < names.count; i++) {
            snprintf(path, sizeof path, "%s/%s", folder, names.items[i]);
            assert_int_equal(stat(path, &after), 0);
            assert_true(before[i].st_ino == after.st_ino);
            taken_up++;
        }
        wit_strings_finish(&names);
        scratch_remove(at);
        if (st >= 0)
            break;
    }
    print_message("%u shards taken up\n", taken_up);
    assert_true(taken_up > 4);
}

#ifdef ALLOCATIONS_FAIL
/* Whatever allocation fails: an error or the dataset, and then the dataset. */
static void allocations_fail(void **state) {
    for (size_t j = 0; j < WIT_COUNT_OF(jobs); j++) {
        unsigned failures = 0;
        long n = 0;
        for (bool over = false; !over; n += n < 400 ? 7 : 101) {
            char at[WIT_PATH_MAX];
            scratch_make(at);
            jobs[j].start(at);
            atomic_store(&allocations_left, n);
            int st = jobs[j].run(at, 1, NULL);
            over = atomic_exchange(&allocations_left, -1) >= 0;
            /* jansson may take what it has no memory for as bad text. */
            bool known = st >= 0 || st == WIT_ENOMEM || st == WIT_EFORMAT || st == WIT_ECORRUPT;
            if (!known)
                print_error("%s, allocation %ld: %s %s\n", jobs[j].name, n, wit_status_name(st),
                            err.text);
            assert_true(known && (st >= 0 || strlen(err.text) > 10));
            failures += st < 0;
            check_named(at);
            must(jobs[j].run(at, 1, NULL));
            jobs[j].check(at);
            scratch_remove(at);
        }
        print_message("%s: %u of %ld allocations\n", jobs[j].name, failures, n);
        assert_true(failures > 10);
    }
}
#endif

static void full_disk(void **state) {
    for (size_t j = 0; j < WIT_COUNT_OF(jobs); j++)
        fail_each(&jobs[j], ENOSPC, WIT_ENOSPC, 2);
}

static void failing_device(void **state) {
    for (size_t j = 0; j < WIT_COUNT_OF(jobs); j++)
        fail_each(&jobs[j], EIO, WIT_EIO, 3);
}

static void interrupted(void **state) {
    static const volatile int now = 1;
    for (size_t j = 0; j < WIT_COUNT_OF(jobs); j++) {
        char at[WIT_PATH_MAX];
        scratch_make(at);
        jobs[j].start(at);
        assert_int_equal(jobs[j].run(at, 2, &now), WIT_ECANCELED);
        check_named(at);
        must(jobs[j].run(at, 2, NULL));
        jobs[j].check(at);
        scratch_remove(at);
    }
}

/* Who holds the folder keeps others out. */
static void one_at_a_time(void **state) {
    for (size_t j = 0; j < WIT_COUNT_OF(jobs); j++) {
        char at[WIT_PATH_MAX], dir[WIT_PATH_MAX];
        scratch_make(at);
        jobs[j].start(at);
        must(wit_path_join(dir, at, jobs[j].run == job_split ? "part-0" : "made"));
        must(wit_dir_make(dir, &err));
        int fd = open(dir, O_RDONLY | O_DIRECTORY);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        assert_int_equal(jobs[j].run(at, 1, NULL), WIT_EEXIST);
        assert_non_null(strstr(err.text, "another process"));
        close(fd);
        must(jobs[j].run(at, 1, NULL));
        jobs[j].check(at);
        scratch_remove(at);
    }
}

/* ---- the datasets ---------------------------------------------------------------------------- */

static void seal_some(char dir[WIT_PATH_MAX], const char *name, unsigned remainder, unsigned of) {
    const struct collection c = { .seed = 61, .urls = 120, .images = 90, .candidates = 500 };
    struct wit_shards_collector *collector = NULL;
    struct wit_shards_seal_report report;
    must(wit_path_join(dir, base, name));
    must(wit_shards_collector_open(dir, &collector, &err));
    for (unsigned i = 0; i < collection_steps(&c); i++)
        if (collection_step_url(&c, i) % of == remainder)
            must(collection_step(&c, i, collector, &err));
    must(wit_shards_collector_commit(collector, &err));
    wit_shards_collector_close(collector);
    must(seal_simple(dir, 1, 2, &report, &err));
    whole_hash = report.hash;
}

static int setup(void **state) {
    scratch_make(base);
    seal_some(parts[0], "a", 0, 2);
    seal_some(parts[1], "b", 1, 2);
    seal_some(several, "several", 0, 1);
    must(runs_split(several, false, &err));
    seal_some(whole, "whole", 0, 1);
    return 0;
}

static int teardown(void **state) {
    scratch_remove(base);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef ALLOCATIONS_FAIL
        cmocka_unit_test(allocations_fail),
#endif
        cmocka_unit_test(kill_nine),        cmocka_unit_test(full_disk),
        cmocka_unit_test(failing_device),   cmocka_unit_test(interrupted),
        cmocka_unit_test(one_at_a_time),    cmocka_unit_test(finished_shards_are_taken_up),
    };
    return cmocka_run_group_tests_name("remake kills", tests, setup, teardown);
}
