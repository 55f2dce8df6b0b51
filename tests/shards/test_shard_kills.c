/*
 * test_shard_kills.c: whatever ends a job, the same job resumes. Processes are killed at random
 * moments while collecting, sealing and exporting, and every write, sync and rename fails once in
 * turn; each time the job is run again and must end with the hash of an undisturbed one.
 *
 * The failing calls are this program's own definitions of the libc functions: they stand before
 * libc's in symbol resolution, also for calls out of liblmdb.
 */
/* Both names of each call are needed, the plain one for liblmdb: no redirection by the headers. */
#undef _FILE_OFFSET_BITS

#include "collection.h"
#include "hidden_call.h"
#include "manifest.h"
#include "wit_shards_export.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- calls that fail ------------------------------------------------------------------------ */

static atomic_long calls_left = -1; /* the call that finds 0 fails; negative: none does */
static atomic_int fail_with;
static atomic_bool fail_sticky; /* all further calls fail as well: a disk stays full */

static bool must_fail(void) {
    if (atomic_load(&calls_left) < 0)
        return false;
    long left = atomic_fetch_sub(&calls_left, 1);
    if (left > 0)
        return false;
    if (atomic_load(&fail_sticky))
        atomic_store(&calls_left, 0);
    errno = atomic_load(&fail_with);
    return true;
}

typedef int (*sync_fn)(int);
typedef int (*rename_fn)(const char *, const char *);
typedef int (*truncate_fn)(int, off64_t);

ssize_t write(int fd, const void *data, size_t len) {
    return must_fail() ? -1 : ((write_fn)hidden("write"))(fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    return must_fail() ? -1 : ((pwrite_fn)hidden("pwrite64"))(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    return must_fail() ? -1 : ((pwrite_fn)hidden("pwrite64"))(fd, data, len, at);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
    return must_fail() ? -1 : ((pwritev_fn)hidden("pwritev64"))(fd, v, n, at);
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) {
    return must_fail() ? -1 : ((pwritev_fn)hidden("pwritev64"))(fd, v, n, at);
}

int fsync(int fd) {
    return must_fail() ? -1 : ((sync_fn)hidden("fsync"))(fd);
}

int fdatasync(int fd) {
    return must_fail() ? -1 : ((sync_fn)hidden("fdatasync"))(fd);
}

int syncfs(int fd) {
    return must_fail() ? -1 : ((sync_fn)hidden("syncfs"))(fd);
}

int rename(const char *from, const char *to) {
    return must_fail() ? -1 : ((rename_fn)hidden("rename"))(from, to);
}

int ftruncate(int fd, off_t len) {
    return must_fail() ? -1 : ((truncate_fn)hidden("ftruncate64"))(fd, len);
}

int ftruncate64(int fd, off64_t len) {
    return must_fail() ? -1 : ((truncate_fn)hidden("ftruncate64"))(fd, len);
}

/* ---- the job -------------------------------------------------------------------------------- */

static struct wit_error err;
static const struct collection small = { .seed = 31, .urls = 30, .images = 24, .candidates = 90 };
static const struct collection large = {
    .seed = 32, .urls = 400, .images = 300, .candidates = 1600
};

/* Collect what the logs lack (everything is offered again: repeats are harmless), then seal. */
static int job(const struct collection *c, const char *dir, unsigned threads,
               struct wit_shards_seal_report *report) {
    int st = collection_run(c, 0, collection_steps(c), 1, dir, &err);
    return st < 0 ? st : seal_simple(dir, threads, 2, report, &err);
}

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static struct wit_hash128 undisturbed(const struct collection *c) {
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(job(c, dir, 1, &report));
    scratch_remove(dir);
    return report.hash;
}

/* The dataset is whole, has this hash, and nothing else lies beside it. */
static void assert_whole(const char *dir, struct wit_hash128 hash, const char *after) {
    struct wit_shards_verify_report report;
    struct wit_shards_dataset *ds = NULL;
    struct wit_strings names;
    char path[WIT_PATH_MAX];
    must(wit_shards_verify(dir, NULL, &report, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    if (!wit_hash128_eq(wit_shards_dataset_hash(ds), hash))
        print_error("another hash after %s\n", after);
    assert_true(wit_hash128_eq(wit_shards_dataset_hash(ds), hash));
    must(wit_path_join(path, dir, "shards"));
    must(wit_dir_list(path, &names, &err));
    size_t files = wit_shards_dataset_shards(ds);
    for (size_t i = 0; i < wit_shards_dataset_shards(ds); i++) {
        struct wit_shards_shard_info info;
        wit_shards_shard_info(ds, i, &info);
        files += info.hidden > 0; /* its list */
    }
    assert_int_equal(names.count, files);
    wit_strings_finish(&names);
    must(wit_dir_list(dir, &names, &err));
    assert_int_equal(names.count, 3); /* collect, dataset.json, shards */
    wit_strings_finish(&names);
    wit_shards_dataset_close(ds);
}

/* The same in several seals, of which the later ones add runs. */
static int job_in_parts(const struct collection *c, const char *dir, unsigned threads,
                        struct wit_shards_seal_report *report) {
    const unsigned ends[] = { 0, collection_steps(c) * 9 / 10, collection_steps(c) - 30,
                              collection_steps(c) };
    int st = 0;
    for (unsigned part = 1; part < WIT_COUNT_OF(ends) && st >= 0; part++) {
        st = collection_run(c, ends[part - 1], ends[part], 1, dir, &err);
        if (st >= 0)
            st = seal_simple(dir, threads, 2, report, &err);
    }
    return st;
}

typedef int (*job_fn)(const struct collection *c, const char *dir, unsigned threads,
                      struct wit_shards_seal_report *report);

static void kill_nine(job_fn work, int rounds) {
    struct wit_hash128 hash = undisturbed(&large);
    struct wit_shards_seal_report whole;
    char once[WIT_PATH_MAX];
    uint64_t job_ms = wit_clock_ms();
    scratch_make(once);
    must(work(&large, once, 2, &whole));
    scratch_remove(once);
    job_ms = wit_clock_ms() - job_ms;
    struct wit_random rng;
    uint64_t seed = wit_clock_ns();
    unsigned killed = 0;
    print_message("seed=%llu, a job takes %llu ms\n", (unsigned long long)seed,
                  (unsigned long long)job_ms);
    wit_random_init(&rng, seed, 0, 0);
    for (int round = 0; round < rounds; round++) {
        struct wit_shards_seal_report report;
        char dir[WIT_PATH_MAX];
        scratch_make(dir);
        /* Up to four kills in one folder, each at a moment of its own. */
        for (uint64_t kills = 1 + wit_random_below(&rng, 4); kills; kills--) {
            pid_t pid = fork();
            assert_true(pid >= 0);
            if (pid == 0)
                _exit(work(&large, dir, 2, &report) < 0);
            usleep((useconds_t)(1000 * wit_random_below(&rng, job_ms + job_ms / 4 + 1)));
            int status;
            kill(pid, SIGKILL);
            assert_int_equal(waitpid(pid, &status, 0), pid);
            killed += WIFSIGNALED(status);
            if (WIFEXITED(status))
                assert_int_equal(WEXITSTATUS(status), 0);
        }
        must(work(&large, dir, 2, &report));
        assert_whole(dir, hash, "kill -9");
        scratch_remove(dir);
    }
    print_message("%u processes killed at work\n", killed);
    assert_true(killed > 0);
}

static void test_kill_nine(void **state) {
    kill_nine(job, 10);
}

static void test_kill_later_seals(void **state) {
    kill_nine(job_in_parts, 5);
}

/* Fail call n of the job for n = 0, 1, 2 ... until a whole job is over before it comes to that. */
static void fail_each(int errnum, bool sticky, int want, long stride) {
    struct wit_hash128 hash = undisturbed(&small);
    unsigned failures = 0;
    for (long n = 0;; n += stride) {
        struct wit_shards_seal_report report;
        char dir[WIT_PATH_MAX], after[64];
        scratch_make(dir);
        atomic_store(&fail_with, errnum);
        atomic_store(&fail_sticky, sticky);
        atomic_store(&calls_left, n);
        int st = job(&small, dir, 1, &report);
        bool reached = atomic_load(&calls_left) < 0 || (sticky && atomic_load(&calls_left) == 0);
        atomic_store(&calls_left, -1);
        snprintf(after, sizeof after, "call %ld failed", n);
        /* The note of the process number in the lock file may fail: it is for a sentence only. */
        if (st < 0) {
            failures++;
            if (st != want || err.text[0] == '\0')
                print_error("%s: %s %s\n", after, wit_status_name(st), err.text);
            assert_int_equal(st, want);
            assert_true(strlen(err.text) > 20);
        }
        must(job(&small, dir, 1, &report));
        assert_whole(dir, hash, after);
        scratch_remove(dir);
        if (!reached)
            break;
        assert_true(n < 10000);
    }
    print_message("%u failures\n", failures);
    assert_true(failures > 20);
}

static void test_full_disk(void **state) {
    fail_each(ENOSPC, true, WIT_ENOSPC, 3);
}

static void test_one_full_write(void **state) {
    fail_each(ENOSPC, false, WIT_ENOSPC, 2);
}

static void test_failing_device(void **state) {
    fail_each(EIO, false, WIT_EIO, 2);
}

/* A dataset that was there stays as it was while a later seal of the steps from `first` on fails.
 */
static void old_dataset_stays(const struct collection *c, unsigned from, uint64_t shards_least) {
    struct wit_shards_seal_report first, report;
    char dir[WIT_PATH_MAX];
    const unsigned steps = collection_steps(c);
    scratch_make(dir);
    must(collection_run(c, 0, from, 1, dir, &err));
    must(seal_simple(dir, 1, 2, &first, &err));
    must(collection_run(c, from, steps, 1, dir, &err));
    unsigned failures = 0;
    for (long n = 0;; n++) {
        atomic_store(&fail_with, ENOSPC);
        atomic_store(&fail_sticky, true);
        atomic_store(&calls_left, n);
        int st = seal_simple(dir, 1, 2, &report, &err);
        atomic_store(&calls_left, -1);
        if (st == 0)
            break;
        failures++;
        struct wit_shards_verify_report verified;
        struct wit_shards_dataset *ds = NULL;
        must(wit_shards_verify(dir, NULL, &verified, &err));
        must(wit_shards_dataset_open(dir, NULL, &ds, &err));
        /* The new dataset.json may be in place already when the sync of its folder fails. */
        if (!wit_hash128_eq(wit_shards_dataset_hash(ds), first.hash))
            assert_true(wit_hash128_eq(wit_shards_dataset_hash(ds), undisturbed(c)));
        wit_shards_dataset_close(ds);
    }
    assert_true(failures > 5);
    assert_true(report.shards >= shards_least);
    assert_true(wit_hash128_eq(report.hash, undisturbed(c)));
    assert_whole(dir, report.hash, "a full disk");
    scratch_remove(dir);
}

static void test_old_dataset_stays(void **state) {
    const struct collection more = { .seed = 34, .urls = 120, .images = 100, .candidates = 200 };
    old_dataset_stays(&small, collection_steps(&small) / 2, 4);
    /* Further runs, and lists of what they hide. */
    old_dataset_stays(&more, collection_steps(&more) - 4, 5);
}

/* Sorting on the disk fails like everything else, and leaves nothing. */
static void test_full_disk_while_sorting(void **state) {
    const struct collection c = { .seed = 33, .urls = 2500, .images = 300, .candidates = 4000 };
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX];
    unsigned failures = 0;
    cfg.memory_bytes = 1;
    cfg.threads = 1;
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    for (long n = 0;; n++) {
        atomic_store(&fail_with, ENOSPC);
        atomic_store(&fail_sticky, true);
        atomic_store(&calls_left, n);
        int st = wit_shards_seal(dir, &cfg, &report, &err);
        atomic_store(&calls_left, -1);
        if (st == 0)
            break;
        failures++;
        assert_int_equal(st, WIT_ENOSPC);
    }
    assert_true(report.spilled_bytes > 0 && failures > 10);
    assert_whole(dir, report.hash, "a full disk");
    scratch_remove(dir);
}

/* ---- exports -------------------------------------------------------------------------------- */

static int export_job(const char *dir, const char *out, enum wit_shards_export_layout layout) {
    struct wit_shards_export_config cfg = wit_shards_export_config_default();
    struct wit_shards_export_report report;
    cfg.out = out;
    cfg.layout = layout;
    cfg.per_shard = 7;
    return wit_shards_export(dir, &cfg, &report, &err);
}

/* Of the names and bytes of everything in a folder. */
static void tree_hash(const char *dir, struct wit_hasher *h) {
    struct wit_strings names;
    must(wit_dir_list(dir, &names, &err));
    for (size_t i = 0; i < names.count; i++) {
        struct wit_buf bytes = WIT_BUF_INIT(1 << 24);
        char path[WIT_PATH_MAX];
        must(wit_path_join(path, dir, names.items[i]));
        wit_hasher_update(h, names.items[i], strlen(names.items[i]) + 1);
        if (wit_file_read(path, &bytes, NULL) < 0)
            tree_hash(path, h);
        wit_hasher_update(h, bytes.data, bytes.len);
        wit_buf_finish(&bytes);
    }
    wit_strings_finish(&names);
}

static struct wit_hash128 export_hash(const char *out) {
    struct wit_hasher *h = wit_hasher_create();
    assert_non_null(h);
    tree_hash(out, h);
    struct wit_hash128 hash = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return hash;
}

static struct wit_hash128 export_undisturbed(const char *dir,
                                             enum wit_shards_export_layout layout) {
    char out[WIT_PATH_MAX];
    scratch_make(out);
    must(export_job(dir, out, layout));
    struct wit_hash128 hash = export_hash(out);
    scratch_remove(out);
    return hash;
}

static void export_fail_each(const char *dir, enum wit_shards_export_layout layout, int errnum,
                             bool sticky, int want) {
    struct wit_hash128 hash = export_undisturbed(dir, layout);
    unsigned failures = 0;
    for (long n = 0;; n++) {
        char out[WIT_PATH_MAX];
        scratch_make(out);
        atomic_store(&fail_with, errnum);
        atomic_store(&fail_sticky, sticky);
        atomic_store(&calls_left, n);
        int st = export_job(dir, out, layout);
        atomic_store(&calls_left, -1);
        if (st < 0) {
            failures++;
            assert_int_equal(st, want);
            assert_true(strlen(err.text) > 20);
        }
        must(export_job(dir, out, layout));
        if (!wit_hash128_eq(export_hash(out), hash))
            print_error("another export after call %ld failed\n", n);
        assert_true(wit_hash128_eq(export_hash(out), hash));
        scratch_remove(out);
        if (st == 0)
            break;
    }
    print_message("%u failures\n", failures);
    assert_true(failures > 12);
}

static void test_export_failures(void **state) {
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(job(&small, dir, 1, &report));
    export_fail_each(dir, WIT_SHARDS_EXPORT_WEBDATASET, ENOSPC, true, WIT_ENOSPC);
    export_fail_each(dir, WIT_SHARDS_EXPORT_WEBDATASET, EIO, false, WIT_EIO);
    export_fail_each(dir, WIT_SHARDS_EXPORT_FILES, ENOSPC, true, WIT_ENOSPC);
    scratch_remove(dir);
}

static void export_kill(const char *dir, enum wit_shards_export_layout layout, uint64_t seed) {
    uint64_t job_ms = wit_clock_ms();
    struct wit_hash128 hash = export_undisturbed(dir, layout);
    struct wit_random rng;
    unsigned killed = 0;
    job_ms = wit_clock_ms() - job_ms;
    wit_random_init(&rng, seed, 1, 0);
    for (int round = 0; round < 5; round++) {
        char out[WIT_PATH_MAX];
        scratch_make(out);
        for (uint64_t kills = 1 + wit_random_below(&rng, 3); kills; kills--) {
            int status;
            pid_t pid = fork();
            assert_true(pid >= 0);
            if (pid == 0)
                _exit(export_job(dir, out, layout) < 0);
            usleep((useconds_t)(1000 * wit_random_below(&rng, job_ms + 1)));
            kill(pid, SIGKILL);
            assert_int_equal(waitpid(pid, &status, 0), pid);
            killed += WIFSIGNALED(status);
            if (WIFEXITED(status))
                assert_int_equal(WEXITSTATUS(status), 0);
        }
        must(export_job(dir, out, layout));
        assert_true(wit_hash128_eq(export_hash(out), hash));
        scratch_remove(out);
    }
    print_message("%u exports killed at work, of %llu ms\n", killed, (unsigned long long)job_ms);
    assert_true(killed > 0);
}

static void test_export_kill_nine(void **state) {
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX];
    uint64_t seed = wit_clock_ns();
    print_message("seed=%llu\n", (unsigned long long)seed);
    scratch_make(dir);
    must(job(&large, dir, 1, &report));
    export_kill(dir, WIT_SHARDS_EXPORT_WEBDATASET, seed);
    export_kill(dir, WIT_SHARDS_EXPORT_FILES, seed);
    scratch_remove(dir);
}

int main(void) {
    scratch_in_memory();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_nine),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_one_full_write),
        cmocka_unit_test(test_failing_device),
        cmocka_unit_test(test_kill_later_seals),
        cmocka_unit_test(test_old_dataset_stays),
        cmocka_unit_test(test_full_disk_while_sorting),
        cmocka_unit_test(test_export_failures),
        cmocka_unit_test(test_export_kill_nine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
