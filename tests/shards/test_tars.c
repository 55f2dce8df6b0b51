/*
 * test_tars.c: tars byte by byte: cut anywhere they give what was whole before the cut and a
 * failure; and a dataset in place whose tar changes while it is open, or has hidden records.
 */
#include "collection.h"
#include "publish.h"
#include "shard_file.h"
#include "tar_index.h"
#include "tar_reader.h"
#include "tar_writer.h"
#include "wit_shards_import.h"

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const images[] = { "jpeg-420.jpg", "jpeg-progressive.jpg", "jpeg-grey.jpg",
                                      "png-rgb.png",  "webp-lossy.webp",      "gif-palette.gif" };
enum { IMAGES = WIT_COUNT_OF(images) };

static struct wit_error err;
static char dir[WIT_PATH_MAX], tar_path[WIT_PATH_MAX], data_path[WIT_PATH_MAX];

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void golden(const char *name, struct wit_buf *out) {
    char path[WIT_PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/golden/image/images/%s", getenv("WIT_SOURCE_ROOT"), name);
    wit_buf_reset(out);
    must(wit_file_read(path, out, &err));
}

static int set_up(void **state) {
    struct wit_buf image = WIT_BUF_INIT(1 << 22);
    struct tar_writer *w = NULL;
    struct wit_hash128 hash;
    uint64_t bytes;
    char name[64];
    scratch_make(dir);
    must(wit_path_join(tar_path, dir, "a.tar"));
    must(wit_path_join(data_path, dir, "data"));
    must(tar_writer_open(tar_path, &w, &err));
    for (int i = 0; i < IMAGES; i++) {
        golden(images[i], &image);
        snprintf(name, sizeof name, "%d%s", i, strrchr(images[i], '.'));
        must(tar_writer_add(w, name, wit_buf_view(&image), &err));
        snprintf(name, sizeof name, "%d.txt", i);
        must(tar_writer_add(w, name, wit_str_from(images[i]), &err));
    }
    must(tar_writer_finish(w, &bytes, &hash, &err));
    tar_writer_close(w);
    wit_buf_finish(&image);
    return 0;
}

static int tear_down(void **state) {
    scratch_remove(dir);
    return 0;
}

/* Members that can be read whole; *st: how it ended. */
static unsigned members_of(struct wit_str bytes, int *st) {
    struct tar_reader *r = NULL;
    struct tar_member m;
    unsigned whole = 0;
    must(tar_reader_open_memory(bytes, "a cut tar", &r, &err));
    while ((*st = tar_reader_next(r, &m, &err)) > 0) {
        char *data = malloc((size_t)m.bytes + 1);
        *st = tar_reader_read(r, data, (size_t)m.bytes, &err);
        if (*st >= 0) {
            assert_memory_equal(data, bytes.data + m.offset, (size_t)m.bytes);
            whole++;
        }
        free(data);
        if (*st < 0) {
            assert_int_equal(tar_reader_next(r, &m, &err), *st);
            break;
        }
    }
    if (*st == 0 && bytes.len >= 2 * TAR_BLOCK_BYTES)
        assert_true(tar_reader_was_ended(r) || bytes.len % TAR_BLOCK_BYTES == 0);
    tar_reader_close(r);
    return whole;
}

static void cut_tars_give_what_was_whole(void **state) {
    struct wit_buf tar = WIT_BUF_INIT(1 << 24);
    unsigned last = 0;
    int st;
    must(wit_file_read(tar_path, &tar, &err));
    for (size_t len = 0; len <= tar.len; len += len % TAR_BLOCK_BYTES < 2 ? 1 : 101) {
        char *exact = malloc(len + 1); /* so that a sanitizer sees a byte too far */
        memcpy(exact, tar.data, len);
        unsigned whole = members_of(wit_str_of(exact, len), &st);
        assert_true(whole >= last && whole <= 2 * IMAGES);
        assert_true(st == 0 || st == WIT_ECORRUPT);
        last = whole;
        free(exact);
    }
    assert_int_equal(last, 2 * IMAGES);
    wit_buf_finish(&tar);
}

static void index_it(void) {
    const char *const sources[] = { tar_path };
    struct wit_shards_import_config cfg = wit_shards_import_config_default();
    struct wit_shards_import_report report;
    struct wit_shards_seal_report dataset;
    cfg.sources = sources;
    cfg.source_count = 1;
    must(wit_shards_index(data_path, &cfg, NULL, &report, &dataset, &err));
    assert_int_equal(dataset.samples, IMAGES);
    assert_int_equal(report.stored, IMAGES);
}

static void changes_under_a_reader_are_failures(void **state) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf record = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_buf tar = WIT_BUF_INIT(1 << 24);
    struct wit_shards_sample sample;
    index_it();
    must(wit_file_read(tar_path, &tar, &err));
    must(wit_shards_dataset_open(data_path, NULL, &ds, &err));
    for (uint64_t i = 0; i < IMAGES; i++)
        must(wit_shards_read(ds, 0, i, &record, &sample, &err));
    /* It is open: another byte in the last image, then the end gone, then everything. */
    size_t at = (size_t)wit_str_find(wit_buf_view(&tar), sample.image, 0) + sample.image.len / 2;
    FILE *file = fopen(tar_path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(putc(tar.data[at] ^ 1, file), (uint8_t)(tar.data[at] ^ 1));
    assert_int_equal(fflush(file), 0);
    assert_int_equal(wit_shards_read(ds, 0, IMAGES - 1, &record, &sample, &err), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "hash"));
    must(wit_shards_read(ds, 0, 0, &record, &sample, &err));
    assert_int_equal(ftruncate(fileno(file), (off_t)at), 0);
    assert_true(wit_shards_read(ds, 0, IMAGES - 1, &record, &sample, &err) < 0);
    assert_non_null(strstr(err.text, "a.tar"));
    must(wit_shards_read(ds, 0, 0, &record, &sample, &err));
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    assert_true(wit_shards_read(ds, 0, 0, &record, &sample, &err) < 0);
    wit_shards_shard_release(ds, 0);
    assert_int_equal(wit_shards_read(ds, 0, 0, &record, &sample, &err), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "cut or changed"));
    fclose(file);
    wit_shards_dataset_close(ds);
    must(wit_file_write_atomic(tar_path, wit_buf_view(&tar), &err));
    wit_buf_finish(&record);
    wit_buf_finish(&tar);
}

static void hidden_records_are_not_there(void **state) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_verify_report report;
    struct wit_hash128 keys[2];
    struct hidden_keys hidden = { keys, 2 };
    struct manifest m;
    size_t shard;
    uint64_t index;
    index_it();
    must(wit_shards_dataset_open(data_path, NULL, &ds, &err));
    must(wit_shards_key(ds, 0, 1, &keys[0], &err));
    must(wit_shards_key(ds, 0, 4, &keys[1], &err));
    wit_shards_dataset_close(ds);
    if (wit_hash128_cmp(keys[0], keys[1]) > 0) {
        struct wit_hash128 swap = keys[0];
        keys[0] = keys[1];
        keys[1] = swap;
    }
    must(manifest_load(data_path, &m, &err));
    must(hidden_write(data_path, &m.shards[0], &hidden, &err));
    must(shard_file_measure(data_path, m.shards[0].file, MANIFEST_IN_PLACE, NULL, NULL, NULL,
                            &m.shards[0], &err));
    manifest_total(&m);
    must(dataset_publish(data_path, &m, &err));
    manifest_finish(&m);
    must(wit_shards_verify(data_path, NULL, &report, &err));
    assert_int_equal(report.samples, IMAGES - 2);
    must(wit_shards_dataset_open(data_path, NULL, &ds, &err));
    assert_int_equal(wit_shards_dataset_samples(ds), IMAGES - 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(wit_shards_find(ds, keys[i], &shard, &index, &err), WIT_ENOTFOUND);
    for (uint64_t i = 0; i < IMAGES - 2; i++) {
        struct wit_hash128 key;
        must(wit_shards_key(ds, 0, i, &key, &err));
        must(wit_shards_find(ds, key, &shard, &index, &err));
        assert_int_equal(index, i);
    }
    wit_shards_dataset_close(ds);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_tars_give_what_was_whole),
        cmocka_unit_test(changes_under_a_reader_are_failures),
        cmocka_unit_test(hidden_records_are_not_there),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
