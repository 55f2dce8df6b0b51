/* test_shard_faults.c: a dataset that was damaged is refused in words: cut and missing files, a
 * manifest that was edited or lies, damaged logs. test_shard_corruption.c damages the bytes of a
 * shard in every other way. */
#include "collection.h"
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
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

struct fixture {
    char dir[WIT_PATH_MAX], shard_path[WIT_PATH_MAX], manifest_path[WIT_PATH_MAX];
    struct wit_shards_shard_info shard;
    char shard_file[MANIFEST_FILE_MAX];
    struct wit_buf shard_bytes, manifest_bytes;
    uint64_t samples;
};

static void put_file(const char *path, struct wit_str bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    must(wit_fd_write_all(fd, bytes.data, bytes.len, path, &err));
    close(fd);
}

static int set_up(void **state) {
    static struct fixture f;
    const struct collection c = { .seed = 21, .urls = 40, .images = 40, .candidates = 160 };
    struct wit_shards_seal_report report;
    struct wit_shards_dataset *ds = NULL;
    f = (struct fixture){ .shard_bytes = WIT_BUF_INIT(1 << 24),
                          .manifest_bytes = WIT_BUF_INIT(1 << 20) };
    scratch_make(f.dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, f.dir, &err));
    must(seal_simple(f.dir, 1, 1, &report, &err));
    must(wit_shards_dataset_open(f.dir, NULL, &ds, &err));
    wit_shards_shard_info(ds, 1, &f.shard);
    snprintf(f.shard_file, sizeof f.shard_file, "%s", f.shard.file);
    f.samples = wit_shards_dataset_samples(ds);
    wit_shards_dataset_close(ds);
    must(manifest_shard_path(f.shard_path, f.dir, f.shard_file, &err));
    must(manifest_path(f.manifest_path, f.dir, &err));
    must(wit_file_read(f.shard_path, &f.shard_bytes, &err));
    must(wit_file_read(f.manifest_path, &f.manifest_bytes, &err));
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    scratch_remove(f->dir);
    wit_buf_finish(&f->shard_bytes);
    wit_buf_finish(&f->manifest_bytes);
    return 0;
}

static void restore(const struct fixture *f) {
    put_file(f->shard_path, wit_buf_view(&f->shard_bytes));
    put_file(f->manifest_path, wit_buf_view(&f->manifest_bytes));
}

struct faults {
    char last_file[128], last_text[1024];
    uint64_t count;
};

static void on_fault(void *user, const struct wit_shards_fault *fault) {
    struct faults *f = user;
    snprintf(f->last_file, sizeof f->last_file, "%s", fault->file);
    snprintf(f->last_text, sizeof f->last_text, "%s", fault->text);
    f->count++;
}

static int verify(const struct fixture *f, struct faults *faults) {
    const struct wit_shards_verify_options options = { .threads = 2,
                                                       .fault = on_fault,
                                                       .user = faults };
    struct wit_shards_verify_report report = { .bad = 0 };
    *faults = (struct faults){ .count = 0 };
    int st = wit_shards_verify(f->dir, &options, &report, &err);
    assert_int_equal(report.bad, faults->count);
    return st;
}

/* Read everything as a loader would. The number of samples read; *st is the first failure. */
static uint64_t read_all(const struct fixture *f, bool skip_hashes, int *st) {
    const struct wit_shards_open_options options = { .skip_hashes = skip_hashes };
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_buf origin = WIT_BUF_INIT(1 << 24);
    uint64_t read = 0;
    *st = wit_shards_dataset_open(f->dir, &options, &ds, &err);
    if (*st < 0)
        return 0;
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++) {
        wit_shards_prefetch(ds, s, 0, 1000);
        for (uint64_t i = 0; i < wit_shards_shard_samples(ds, s); i++) {
            struct wit_shards_sample sample;
            int got = wit_shards_read(ds, s, i, &buf, &sample, &err);
            if (got < 0) {
                *st = got;
                continue;
            }
            struct wit_shards_caption_iter it = wit_shards_captions(&sample);
            struct wit_shards_caption caption;
            while (wit_shards_caption_next(&it, &caption))
                assert_true(caption.text.len < 1000);
            wit_buf_reset(&origin);
            (void)wit_shards_origin(ds, sample.key, &origin, NULL);
            read++;
        }
    }
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    wit_buf_finish(&origin);
    return read;
}

static void test_cut_and_missing(void **state) {
    struct fixture *f = *state;
    struct faults faults;
    int st;
    const size_t lengths[] = { 0,
                               1,
                               4095,
                               4096,
                               8192,
                               8193,
                               12288,
                               f->shard_bytes.len - 4096,
                               f->shard_bytes.len - 1,
                               f->shard_bytes.len / 2 };
    for (size_t i = 0; i < WIT_COUNT_OF(lengths); i++) {
        put_file(f->shard_path, wit_str_of(f->shard_bytes.data, lengths[i]));
        assert_int_equal(verify(f, &faults), WIT_ECORRUPT);
        assert_string_equal(faults.last_file, f->shard_file);
        (void)read_all(f, false, &st);
        assert_int_equal(st, WIT_ECORRUPT);
        assert_non_null(strstr(err.text, f->shard_file));
    }
    assert_int_equal(unlink(f->shard_path), 0);
    assert_int_equal(verify(f, &faults), WIT_ECORRUPT);
    assert_non_null(strstr(faults.last_text, f->shard_file));
    (void)read_all(f, false, &st);
    assert_int_equal(st, WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, f->shard_file));
    restore(f);
    assert_int_equal(verify(f, &faults), 0);
}

/* A file cut under an open reader: an error, not a signal. */
static void test_cut_while_open(void **state) {
    struct fixture *f = *state;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_sample sample;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    must(wit_shards_dataset_open(f->dir, NULL, &ds, &err));
    must(wit_shards_read(ds, 1, 0, &buf, &sample, &err));
    assert_int_equal(truncate(f->shard_path, 8192), 0);
    for (uint64_t i = 0; i < f->shard.samples; i++) {
        assert_int_equal(wit_shards_read(ds, 1, i, &buf, &sample, &err), WIT_ECORRUPT);
        assert_non_null(strstr(err.text, f->shard_file));
    }
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    restore(f);
}

/* Any edit of dataset.json is noticed. */
static void test_manifest_edits(void **state) {
    struct fixture *f = *state;
    struct wit_buf *b = &f->manifest_bytes;
    for (size_t at = 0; at < b->len; at++) {
        struct faults faults;
        int st;
        b->data[at] ^= 1;
        put_file(f->manifest_path, wit_buf_view(b));
        b->data[at] ^= 1;
        st = verify(f, &faults);
        if (st != WIT_ECORRUPT)
            print_error("byte %zu\n", at);
        assert_int_equal(st, WIT_ECORRUPT);
        assert_string_equal(faults.last_file, "dataset.json");
        (void)read_all(f, false, &st);
        assert_int_equal(st, WIT_ECORRUPT);
        assert_non_null(strstr(err.text, "dataset.json"));
    }
    for (size_t len = 0; len < b->len; len += 7) {
        struct faults faults;
        put_file(f->manifest_path, wit_str_of(b->data, len));
        assert_int_equal(verify(f, &faults), WIT_ECORRUPT);
    }
    restore(f);
}

/* Replace `from` by `to` and give the text a right manifest_hash: a lie that hangs together. */
static void lie(const struct fixture *f, const char *from, const char *to) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    const size_t tail = 17 + 1 + 32 + 3;
    struct wit_str old =
        wit_str_slice(wit_buf_view(&f->manifest_bytes), 0, f->manifest_bytes.len - tail);
    char hex[WIT_HASH128_HEX];
    ptrdiff_t at = wit_str_find(old, wit_str_from(from), 0);
    assert_true(at >= 0);
    must(wit_buf_append(&text, old.data, (size_t)at));
    must(wit_buf_append_cstr(&text, to));
    must(wit_buf_append_str(&text, wit_str_slice(old, (size_t)at + strlen(from), old.len)));
    wit_hash128_to_hex(wit_hash128_of(text.data, text.len), hex);
    must(wit_buf_printf(&text, ",\"manifest_hash\":\"%s\"}\n", hex));
    put_file(f->manifest_path, wit_buf_view(&text));
    wit_buf_finish(&text);
}

static void test_manifest_lies(void **state) {
    struct fixture *f = *state;
    char from[128], to[128];
    struct faults faults;
    static const char *const edits[][2] = {
        { "\"samples\":", "\"samples\":1" },
        { "\"samples\":", "\"samples\":-" },
        { "\"pairs\":", "\"pairs\":2" },
        { "\"hash\":\"", "\"hash\":\"z" },
        { "\"shards\":[", "\"shards\":[{}," },
        { "\"shards\":[", "\"shards\":[7," },
        { "\"shards\":[", "\"shards_\":[" },
        { "\"file\":\"", "\"file\":\"../" },
        { "\"shard_bits\":1", "\"shard_bits\":64" },
        { "\"prefix\":0", "\"prefix\":1" },
        { "\"run\":0", "\"run\":1" },
        { "\"sum\":\"", "\"sum\":\"0000000000000000000000000000000\",\"x\":\"" },
        { "wit.dataset/1", "wit.dataset/2" },
        { "\"lineage\"", "\"lineage_\"" },
    };
    restore(f);
    lie(f, "\"samples\":", "\"samples\":"); /* no lie: the tool works */
    assert_int_equal(verify(f, &faults), 0);
    for (size_t i = 0; i < WIT_COUNT_OF(edits); i++) {
        lie(f, edits[i][0], edits[i][1]);
        int st = verify(f, &faults);
        if (st != WIT_ECORRUPT)
            print_error("%s -> %s\n", edits[i][0], edits[i][1]);
        assert_int_equal(st, WIT_ECORRUPT);
        assert_string_equal(faults.last_file, "dataset.json");
        (void)read_all(f, false, &st);
        assert_true(st == WIT_ECORRUPT || st == WIT_EFORMAT);
        assert_non_null(strstr(err.text, "dataset.json"));
    }
    lie(f, "\"major\":1", "\"major\":2");
    assert_int_equal(verify(f, &faults), WIT_EUNSUPPORTED);
    /* Facts about a file that only the file can refute. */
    lie(f, "\"shard_bits\":1", "\"shard_bits\":2");
    assert_int_equal(verify(f, &faults), WIT_ECORRUPT);
    assert_string_equal(faults.last_file, f->shard_file);
    assert_non_null(strstr(faults.last_text, "another prefix"));
    snprintf(from, sizeof from, "\"image_bytes\":%llu,\"file_bytes\":%llu",
             (unsigned long long)f->shard.image_bytes, (unsigned long long)f->shard.file_bytes);
    snprintf(to, sizeof to, "\"image_bytes\":%llu,\"file_bytes\":%llu",
             (unsigned long long)f->shard.image_bytes,
             (unsigned long long)f->shard.file_bytes + 4096);
    lie(f, from, to);
    assert_int_equal(verify(f, &faults), WIT_ECORRUPT);
    assert_string_equal(faults.last_file, f->shard_file);
    restore(f);
}

/* The logs are believed no more than the shards: a flipped byte stops sealing with a sentence, or
 * lies behind what was committed. */
static void test_damaged_logs(void **state) {
    const struct collection c = { .seed = 22, .urls = 12, .images = 12, .candidates = 40 };
    struct wit_shards_seal_report clean, report;
    struct wit_strings names;
    char dir[WIT_PATH_MAX], collect[WIT_PATH_MAX], shards[WIT_PATH_MAX], manifest[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 0, &clean, &err));
    must(wit_path_join(collect, dir, "collect"));
    must(wit_path_join(shards, dir, "shards"));
    must(manifest_path(manifest, dir, &err));
    must(wit_dir_list(collect, &names, &err));
    unsigned damaged = 0;
    for (size_t i = 0; i < names.count; i++) {
        struct wit_buf bytes = WIT_BUF_INIT(1 << 20);
        char path[WIT_PATH_MAX];
        if (!strstr(names.items[i], ".log"))
            continue;
        must(wit_path_join(path, collect, names.items[i]));
        must(wit_file_read(path, &bytes, &err));
        for (uint64_t m = 0; m < 40; m++) {
            struct wit_random rng;
            wit_random_init(&rng, 79, i, m);
            size_t at = (size_t)wit_random_below(&rng, bytes.len);
            bytes.data[at] ^= 0x10;
            put_file(path, wit_buf_view(&bytes));
            bytes.data[at] ^= 0x10;
            must(wit_dir_remove(shards, &err));
            assert_true(unlink(manifest) == 0 || errno == ENOENT);
            int st = seal_simple(dir, 1, 0, &report, &err);
            /* The body of an image without words is never read. */
            assert_true(st == WIT_ECORRUPT || (st == 0 && wit_hash128_eq(report.hash, clean.hash)));
            if (st == WIT_ECORRUPT) {
                damaged++;
                assert_non_null(strstr(err.text, names.items[i]));
            }
        }
        put_file(path, wit_str_of(bytes.data, bytes.len / 2));
        assert_true(unlink(manifest) == 0 || errno == ENOENT);
        assert_int_equal(seal_simple(dir, 1, 0, &report, &err), WIT_ECORRUPT);
        assert_non_null(strstr(err.text, "committed"));
        put_file(path, wit_buf_view(&bytes));
        wit_buf_finish(&bytes);
    }
    assert_true(damaged > 100);
    must(seal_simple(dir, 1, 0, &report, &err));
    assert_true(wit_hash128_eq(report.hash, clean.hash));
    wit_strings_finish(&names);
    /* Logs that lost their index are not cut to nothing. */
    struct wit_shards_collector *again = NULL;
    char index[WIT_PATH_MAX];
    must(wit_path_join(index, collect, "index.lmdb"));
    assert_int_equal(unlink(index), 0);
    assert_int_equal(wit_shards_collector_open(dir, &again, &err), WIT_ECORRUPT);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_and_missing), cmocka_unit_test(test_cut_while_open),
        cmocka_unit_test(test_manifest_edits),  cmocka_unit_test(test_manifest_lies),
        cmocka_unit_test(test_damaged_logs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
