/*
 * test_remove_kills.c: removals and purges, whatever ends them: the process dies, or calls fail, at
 * each of their calls in turn. The dataset is the old one or the new one, what was asked for stays
 * asked for, the same call again ends the work and counts nothing twice, and after a purge no file
 * of the folder holds the bytes.
 */
/* Both names of each call are needed, the plain one for liblmdb: no redirection by the headers. */
#undef _FILE_OFFSET_BITS

#include "collection.h"
#include "hidden_call.h"
#include "manifest.h"
#include "wit_shards_merge.h"
#include "wit_shards_removed.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- calls that end it ----------------------------------------------------------------------- */

enum { LIVES, DIES, FAILS };
static long calls_left = -1; /* the call that finds 0 is the last, or fails, as all after it do */
static int then = LIVES;

static bool must_fail(void) {
    if (then == LIVES || calls_left-- > 0)
        return false;
    if (then == DIES)
        kill(getpid(), SIGKILL);
    calls_left = 0;
    errno = ENOSPC;
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

int fsync(int fd) {
    return must_fail() ? -1 : ((int (*)(int))hidden("fsync"))(fd);
}

int fdatasync(int fd) {
    return must_fail() ? -1 : ((int (*)(int))hidden("fdatasync"))(fd);
}

int rename(const char *from, const char *to) {
    return must_fail() ? -1 : ((int (*)(const char *, const char *))hidden("rename"))(from, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    return must_fail() ? -1
                       : ((int (*)(int, const char *, int, const char *, unsigned))hidden(
                             "renameat2"))(a, from, b, to, flags);
}

int unlink(const char *path) {
    return must_fail() ? -1 : ((int (*)(const char *))hidden("unlink"))(path);
}

/* ---- the work -------------------------------------------------------------------------------- */

static struct wit_error err;
static char start[WIT_PATH_MAX], undisturbed[WIT_PATH_MAX];
static const struct collection content = {
    .seed = 21, .urls = 24, .images = 16, .candidates = 120
};
static struct wit_hash128 hash_before, hash_after, removed_key;
static uint64_t samples_gone, pairs_gone;
static uint8_t removed_bytes[48]; /* from the middle of an image that goes */

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static int remove_it(const char *dir, struct wit_shards_removal_report *report) {
    const struct wit_str urls[] = { WIT_STR("http://x.test/3.jpg"),
                                    WIT_STR("http://cdn.test/5.jpg") };
    const struct wit_shards_removal_caption pattern = { WIT_STR("HARBOUR"), true };
    const struct wit_shards_removal what = { .keys = &removed_key,
                                             .key_count = 1,
                                             .urls = urls,
                                             .url_count = 2,
                                             .captions = &pattern,
                                             .caption_count = 1,
                                             .reason = WIT_STR("test") };
    struct wit_shards_remove_config cfg = wit_shards_remove_config_default();
    cfg.threads = 1;
    return wit_shards_remove(dir, &what, &cfg, report, &err);
}

static int purge_it(const char *dir) {
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_compacted compacted;
    struct wit_shards_purge_report report;
    cfg.make.threads = 1;
    cfg.purge = true;
    int st = wit_shards_compact(dir, &cfg, &compacted, &err);
    return st < 0 ? st : wit_shards_collect_purge(dir, NULL, &report, &err);
}

static int job(const char *dir, bool purges) {
    struct wit_shards_removal_report report;
    return purges ? purge_it(dir) : remove_it(dir, &report);
}

static void copy(const char *from, char to[WIT_PATH_MAX]) {
    char command[3 * WIT_PATH_MAX];
    scratch_make(to);
    snprintf(command, sizeof command, "cp -r '%s/.' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* In how many files below a folder do the bytes stand? */
static unsigned files_with(const char *dir, const void *bytes, size_t len) {
    struct wit_strings names;
    unsigned found = 0;
    must(wit_dir_list(dir, &names, &err));
    for (size_t i = 0; i < names.count; i++) {
        char path[WIT_PATH_MAX];
        struct wit_buf text = WIT_BUF_INIT((size_t)1 << 30);
        struct stat info;
        must(wit_path_join(path, dir, names.items[i]));
        assert_int_equal(stat(path, &info), 0);
        if (S_ISDIR(info.st_mode)) {
            found += files_with(path, bytes, len);
            continue;
        }
        must(wit_file_read(path, &text, &err));
        found += wit_str_find(wit_buf_view(&text), wit_str_of(bytes, len), 0) >= 0;
        wit_buf_finish(&text);
    }
    wit_strings_finish(&names);
    return found;
}

struct faults {
    unsigned waiting, others;
};

static void on_fault(void *user, const struct wit_shards_fault *f) {
    struct faults *x = user;
    if (strstr(f->text, "was to be removed"))
        x->waiting++;
    else
        x->others++;
}

/* Whole, and one of the two. */
static struct wit_hash128 check(const char *dir) {
    struct faults faults = { 0, 0 };
    const struct wit_shards_verify_options options = { .fault = on_fault, .user = &faults };
    struct wit_shards_verify_report report;
    struct manifest m;
    (void)wit_shards_verify(dir, &options, &report, &err);
    assert_int_equal(faults.others, 0);
    must(manifest_load(dir, &m, &err));
    const struct wit_hash128 hash = m.hash;
    const bool is_old = wit_hash128_eq(hash, hash_before);
    assert_true(is_old || wit_hash128_eq(hash, hash_after));
    if (faults.waiting)
        assert_true(is_old);
    manifest_finish(&m);
    return hash;
}

/* The audit of a removal that has ended, however often it was begun. */
static void check_audit(const char *dir) {
    struct wit_shards_removed *removed = NULL;
    uint64_t samples = 0, pairs = 0, requests = 0;
    must(wit_shards_removed_open(dir, &removed, &err));
    for (size_t i = 0; i < wit_shards_removed_entries(removed); i++) {
        const struct wit_shards_removed_entry *e = wit_shards_removed_entry(removed, i);
        requests += e->kind == WIT_SHARDS_REMOVED_REQUEST;
        if (e->kind == WIT_SHARDS_REMOVED_REQUEST)
            assert_true(e->done_by > 0);
        if (e->kind != WIT_SHARDS_REMOVED_DONE)
            continue;
        const struct wit_shards_removed_entry *change =
            wit_shards_removed_entry(removed, (size_t)e->refers - 1);
        assert_true(wit_hash128_eq(change->after, hash_after));
        samples += change->samples;
        pairs += change->pairs;
    }
    assert_int_equal(requests, 1);
    assert_int_equal(samples, samples_gone);
    assert_int_equal(pairs, pairs_gone);
    wit_shards_removed_close(removed);
}

static size_t files_in(const char *dir, const char *name) {
    struct wit_strings names;
    char path[WIT_PATH_MAX];
    must(wit_path_join(path, dir, name));
    must(wit_dir_list(path, &names, &err));
    size_t count = names.count;
    wit_strings_finish(&names);
    return count;
}

/* The collection goes on where it was, and a seal of it is what it was. */
static void check_collection(const char *dir) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report sealed;
    must(seal_simple(dir, 1, 1, &sealed, &err));
    assert_true(wit_hash128_eq(sealed.hash, hash_after));
    must(wit_shards_collector_open(dir, &c, &err));
    assert_int_equal(wit_shards_collector_find(c, WIT_STR("http://x.test/3.jpg")), 2);
    wit_shards_collector_close(c);
}

static void check_purged(const char *dir) {
    char path[WIT_PATH_MAX];
    assert_int_equal(files_with(dir, removed_bytes, sizeof removed_bytes), 0);
    assert_int_equal(files_with(dir, "the harbour at night", 20), 0);
    must(wit_path_join(path, dir, "purging"));
    assert_false(wit_file_exists(path));
    check_collection(dir);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static int prepare(void **state) {
    struct wit_shards_seal_report sealed;
    struct wit_shards_removal_report report;
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_shards_sample sample = { .caption_count = 0 };
    scratch_make(start);
    must(collection_run(&content, 0, collection_steps(&content), 1, start, &err));
    must(seal_simple(start, 1, 1, &sealed, &err));
    hash_before = sealed.hash;
    must(wit_shards_dataset_open(start, NULL, &ds, &err));
    for (uint64_t i = 0; sample.image.len < 200; i++)
        must(wit_shards_read(ds, 0, i, &buf, &sample, &err));
    removed_key = sample.key;
    memcpy(removed_bytes, sample.image.data + 100, sizeof removed_bytes);
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    copy(start, undisturbed);
    must(remove_it(undisturbed, &report));
    assert_true(report.samples > 0 && report.changed_samples > 0);
    hash_after = report.after;
    samples_gone = report.samples;
    pairs_gone = report.pairs;
    return 0;
}

static int tidy(void **state) {
    scratch_remove(start);
    scratch_remove(undisturbed);
    return 0;
}

/* Let it end at its nth call, in a process of its own; true: it came to its own end. */
static bool run_until(const char *dir, bool purges, int how, long n) {
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        calls_left = n;
        then = how;
        _exit(job(dir, purges) < 0 ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void each_call_ends_a_removal(void **state) {
    for (int how = DIES; how <= FAILS; how++) {
        long n = 0;
        for (bool ended = false; !ended; n++) {
            struct wit_shards_removal_report report;
            char dir[WIT_PATH_MAX], log[WIT_PATH_MAX];
            copy(start, dir);
            ended = run_until(dir, false, how, n);
            const struct wit_hash128 is = check(dir);
            must(wit_path_join(log, dir, "removed.log"));
            if (wit_hash128_eq(is, hash_after))
                assert_true(wit_file_exists(log)); /* noted before anything changed */
            must(remove_it(dir, &report));
            assert_true(wit_hash128_eq(check(dir), hash_after));
            check_audit(dir);
            assert_int_equal(files_in(dir, "shards"), files_in(undisturbed, "shards"));
            scratch_remove(dir);
        }
        assert_true(n > 10);
        print_message("%ld calls\n", n);
    }
}

static void each_call_ends_a_purge(void **state) {
    assert_true(files_with(undisturbed, removed_bytes, sizeof removed_bytes) >= 2);
    for (int how = DIES; how <= FAILS; how++) {
        long n = 0;
        for (bool ended = false; !ended; n++) {
            char dir[WIT_PATH_MAX];
            copy(undisturbed, dir);
            ended = run_until(dir, true, how, n);
            assert_true(wit_hash128_eq(check(dir), hash_after));
            if (how == FAILS || n % 4 == 0) { /* the logs are whole in between */
                struct wit_shards_seal_report sealed;
                must(seal_simple(dir, 1, 1, &sealed, &err));
                assert_true(wit_hash128_eq(sealed.hash, hash_after));
            }
            must(purge_it(dir));
            check_purged(dir);
            scratch_remove(dir);
        }
        assert_true(n > 20);
        print_message("%ld calls\n", n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_ends_a_removal),
        cmocka_unit_test(each_call_ends_a_purge),
    };
    return cmocka_run_group_tests(tests, prepare, tidy);
}
