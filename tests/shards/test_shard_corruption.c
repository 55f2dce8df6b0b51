/*
 * test_shard_corruption.c: 12,000 damaged datasets, each of a number that makes it again
 * (WIT_CASE=N). A shard, dataset.json or a list of hidden keys has flipped bits, runs of other
 * bytes, is cut or longer, has pages exchanged or repeated, or pages that were made to lead astray:
 * branches in a circle, nodes over each other, offsets, lengths and counts that can't be. Whatever
 * it is,
 *
 *   - a full verify names the file; a fast one may miss it;
 *   - what is read and called right has the bytes that it had before; all else is refused with a
 *     sentence that names the file;
 *   - nothing crashes, also where no hash is asked for (the sanitizers' part).
 */
#include "collection.h"
#include "damage.h"
#include "publish.h"
#include "shard_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CASES = 12000, WORKERS = 2, SAMPLES_MOST = 256, FILE_MOST = 1 << 20 };

static struct wit_error err;

/* A dataset of one shard: branch pages, values in leaves and in overflow pages, hidden records. */
struct fixture {
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX], manifest_path[WIT_PATH_MAX],
        hidden_path[WIT_PATH_MAX];
    char file[MANIFEST_FILE_MAX], hidden_file[MANIFEST_FILE_MAX];
    struct wit_buf shard, manifest, hidden;
    struct wit_buf values[SAMPLES_MOST]; /* as they should be */
    struct wit_hash128 keys[SAMPLES_MOST];
    uint64_t samples;
};

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* Every ninth record is hidden. */
static void hide_some(struct fixture *x, struct manifest *m) {
    struct wit_hash128 keys[SAMPLES_MOST], key;
    struct hidden_keys hidden = { keys, 0 };
    struct shard_file *f = NULL;
    struct manifest_shard *s = &m->shards[0];
    must(shard_file_open(x->dir, s->file, NULL, 0, &f, &err));
    for (uint64_t i = 0; shard_file_key(f, i, &key); i++)
        if (i % 9 == 4)
            keys[hidden.count++] = key;
    shard_file_unref(f);
    must(hidden_write(x->dir, s, &hidden, &err));
    must(shard_file_measure(x->dir, s->file, 0, NULL, NULL, NULL, s, &err));
    manifest_total(m);
    m->tool = WIT_STR("test");
    must(dataset_publish(x->dir, m, &err));
    manifest_hidden_name(s, x->hidden_file);
}

static struct fixture *fixture_make(void) {
    const struct collection c = { .seed = 61, .urls = 230, .images = 200, .candidates = 700 };
    struct wit_shards_seal_report report;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_sample sample;
    struct manifest m;
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    x->shard = x->manifest = x->hidden = (struct wit_buf)WIT_BUF_INIT(FILE_MOST);
    scratch_make(x->dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, x->dir, &err));
    must(seal_simple(x->dir, 1, 0, &report, &err));
    must(manifest_load(x->dir, &m, &err));
    memcpy(x->file, m.shards[0].file, sizeof x->file);
    hide_some(x, &m);
    manifest_finish(&m);
    must(manifest_shard_path(x->path, x->dir, x->file, &err));
    must(manifest_shard_path(x->hidden_path, x->dir, x->hidden_file, &err));
    must(manifest_path(x->manifest_path, x->dir, &err));
    must(wit_file_read(x->path, &x->shard, &err));
    must(wit_file_read(x->manifest_path, &x->manifest, &err));
    must(wit_file_read(x->hidden_path, &x->hidden, &err));
    must(wit_shards_dataset_open(x->dir, NULL, &ds, &err));
    x->samples = wit_shards_dataset_samples(ds);
    assert_true(x->samples > 100 && x->samples < SAMPLES_MOST);
    for (uint64_t i = 0; i < x->samples; i++) {
        x->values[i] = (struct wit_buf)WIT_BUF_INIT(FILE_MOST);
        struct wit_buf read = WIT_BUF_INIT(FILE_MOST);
        must(wit_shards_read(ds, 0, i, &read, &sample, &err));
        must(wit_buf_append_str(&x->values[i], sample.value));
        x->keys[i] = sample.key;
        wit_buf_finish(&read);
    }
    wit_shards_dataset_close(ds);
    return x;
}

static void fixture_remove(struct fixture *x) {
    scratch_remove(x->dir);
    wit_buf_finish(&x->shard);
    wit_buf_finish(&x->manifest);
    wit_buf_finish(&x->hidden);
    for (uint64_t i = 0; i < x->samples; i++)
        wit_buf_finish(&x->values[i]);
    free(x);
}

/* ---- one case ------------------------------------------------------------------------------- */

struct tally {
    unsigned number; /* of the case at work */
    unsigned refused, right, fast_missed;
};

static void give_up(const struct tally *t, const char *what) {
    print_error("WIT_CASE=%u: %s: %s\n", t->number, what, err.text);
    _exit(1);
}

static void expect(const struct tally *t, bool holds, const char *what) {
    if (!holds)
        give_up(t, what);
}

static void put_file(const char *path, const void *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || wit_fd_write_all(fd, bytes, len, path, NULL) < 0 || close(fd) < 0)
        abort();
}

struct named {
    const char *file;
    bool seen;
};

static void on_fault(void *user, const struct wit_shards_fault *fault) {
    struct named *n = user;
    n->seen = n->seen || strstr(fault->text, n->file) || strcmp(fault->file, n->file) == 0;
}

static int verify(const struct fixture *x, enum wit_shards_verify_depth depth, struct named *n) {
    const struct wit_shards_verify_options options = {
        .threads = 1, .depth = depth, .fault = on_fault, .user = n
    };
    struct wit_shards_verify_report report;
    return wit_shards_verify(x->dir, &options, &report, &err);
}

/* Is it a sample of the dataset, with its bytes? */
static bool is_as_it_was(const struct fixture *x, const struct wit_shards_sample *s) {
    for (uint64_t i = 0; i < x->samples; i++)
        if (wit_hash128_eq(x->keys[i], s->key))
            return wit_str_eq(s->value, wit_buf_view(&x->values[i]));
    return false;
}

/* Everything that a reader does. True: all samples are there and right. */
static bool read_all(const struct fixture *x, const struct tally *t, bool hashes,
                     const char *damaged) {
    const struct wit_shards_open_options options = { .skip_hashes = !hashes };
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_buf origin = WIT_BUF_INIT(FILE_MOST);
    uint64_t right = 0;
    if (wit_shards_dataset_open(x->dir, &options, &ds, &err) < 0) {
        expect(t, strstr(err.text, damaged), "the file is not named");
        return false;
    }
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++) {
        wit_shards_prefetch(ds, s, 0, 1000);
        for (uint64_t i = 0; i < wit_shards_shard_samples(ds, s) && i < SAMPLES_MOST; i++) {
            struct wit_shards_sample sample;
            if (wit_shards_read(ds, s, i, &buf, &sample, &err) < 0) {
                expect(t, !hashes || strstr(err.text, damaged), "the file is not named");
                continue;
            }
            struct wit_shards_caption_iter it = wit_shards_captions(&sample);
            struct wit_shards_caption caption;
            while (wit_shards_caption_next(&it, &caption))
                expect(t, hashes ? caption.text.len < 1000 : true, "a caption");
            expect(t, !hashes || is_as_it_was(x, &sample), "a wrong sample is called right");
            wit_buf_reset(&origin);
            (void)wit_shards_origin(ds, sample.key, &origin, NULL);
            right++;
        }
    }
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    wit_buf_finish(&origin);
    return right == x->samples;
}

static void case_run(const struct fixture *x, struct tally *t, uint8_t *scratch) {
    struct damage d = { .p = scratch };
    wit_random_init(&d.rng, 62, 0, t->number);
    uint64_t which = wit_random_below(&d.rng, 10);
    const struct wit_buf *good = which < 8 ? &x->shard : which == 8 ? &x->manifest : &x->hidden;
    const char *path = which < 8 ? x->path : which == 8 ? x->manifest_path : x->hidden_path;
    const char *file = which < 8 ? x->file : which == 8 ? "dataset.json" : x->hidden_file;
    memcpy(scratch, good->data, good->len);
    d.len = good->len;
    bool lied = false;
    if (which < 8)
        damage_shard(&d);
    else if (which == 8 && (lied = wit_random_below(&d.rng, 2)))
        damage_manifest(&d);
    else
        damage_any(&d);
    bool same = d.len == good->len && memcmp(scratch, good->data, d.len) == 0;
    put_file(path, scratch, d.len);

    /* What a lie in dataset.json is about may be some other file, or nothing that can be checked
     * (when it was sealed). */
    struct named full = { .file = lied ? "" : file }, fast = full;
    int st = verify(x, WIT_SHARDS_VERIFY_FULL, &full);
    expect(t, st == 0 || st == WIT_ECORRUPT || lied, "verify could not be done");
    expect(t, same || lied || (st == WIT_ECORRUPT && full.seen), "verify does not name the file");
    expect(t, !same || st == 0, "verify faults what is as it was");
    int quick = verify(x, WIT_SHARDS_VERIFY_FAST, &fast);
    expect(t, quick == 0 || (st < 0 && strlen(err.text) > 20), "a fast verify sees more");
    t->fast_missed += quick == 0 && st < 0;
    bool right = read_all(x, t, true, lied ? "" : file);
    expect(t, right || st < 0, "verify is content, reading is not");
    t->right += right;
    t->refused += !right;
    (void)read_all(x, t, false, lied ? "" : file);
    put_file(path, good->data, good->len);
}

/* Half of the cases each, in processes of their own: the first that crashes is named. */
static void test_damaged_files(void **state) {
    const char *only = getenv("WIT_CASE");
    struct tally *t =
        mmap(NULL, WORKERS * sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct tally sum = { .refused = 0 };
    pid_t pids[WORKERS];
    assert_true(t != MAP_FAILED);
    for (unsigned w = 0; w < WORKERS; w++) {
        if ((pids[w] = fork()) > 0)
            continue;
        uint8_t *scratch = malloc(FILE_MOST);
        assert_true(pids[w] == 0 && scratch);
        struct fixture *x = fixture_make();
        for (t[w].number = w; t[w].number < CASES; t[w].number += WORKERS)
            if (!only || (unsigned)atoi(only) == t[w].number)
                case_run(x, &t[w], scratch);
        fixture_remove(x);
        free(scratch);
        _exit(0);
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        int status;
        assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
        if (WIFSIGNALED(status))
            print_error("signal %d in WIT_CASE=%u\n", WTERMSIG(status), t[w].number);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        sum.refused += t[w].refused;
        sum.right += t[w].right;
        sum.fast_missed += t[w].fast_missed;
    }
    print_message("%u cases: %u refused, %u read as they were (bytes that nobody reads); a fast "
                  "verify saw all but %u of what a full one saw\n",
                  sum.refused + sum.right, sum.refused, sum.right, sum.fast_missed);
    assert_true(only || (sum.refused > CASES / 2 && sum.right > 100 && sum.fast_missed > 100));
    assert_int_equal(munmap(t, WORKERS * sizeof *t), 0);
}

int main(void) {
    scratch_in_memory();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_damaged_files) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
