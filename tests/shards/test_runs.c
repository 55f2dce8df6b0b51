/*
 * test_runs.c: several runs of a prefix, and records that are hidden: what readers, verify and the
 * independent reader make of them. One shard file stands for two runs here, in each of which other
 * records are hidden, so that together they are the dataset that it came from.
 */
#include "collection.h"
#include "runs.h"
#include "shard_file.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static const struct collection content = { .seed = 4, .urls = 60, .images = 40, .candidates = 200 };
static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

struct fixture {
    char dir[WIT_PATH_MAX];
    struct manifest manifest; /* as sealed: one shard */
    struct wit_hash128 hash;
};

static int setup(void **state) {
    struct fixture *x = calloc(1, sizeof *x);
    struct wit_shards_seal_report report;
    scratch_make(x->dir);
    must(collection_run(&content, 0, collection_steps(&content), 1, x->dir, &err));
    must(seal_simple(x->dir, 1, 0, &report, &err));
    must(manifest_load(x->dir, &x->manifest, &err));
    assert_int_equal(x->manifest.count, 1);
    x->hash = report.hash;
    *state = x;
    return 0;
}

static int teardown(void **state) {
    struct fixture *x = *state;
    manifest_finish(&x->manifest);
    scratch_remove(x->dir);
    free(x);
    return 0;
}

static void publish(const struct fixture *x, struct manifest_shard *shards, size_t count) {
    must(runs_publish(x->dir, &x->manifest, shards, count, &err));
}

static void reader_agrees(const struct fixture *x) {
    const char *root = getenv("WIT_SOURCE_ROOT");
    char command[3 * WIT_PATH_MAX];
    snprintf(command, sizeof command, "python3 -B '%s/tests/golden/shards/read_shard.py' '%s'",
             root ? root : ".", x->dir);
    int status = system(command);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void hidden_records_are_not_there(void **state) {
    struct fixture *x = *state;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_verify_report report;
    struct manifest_shard shard = x->manifest.shards[0];
    struct hidden_keys hidden = { NULL, 0 };
    uint64_t all = shard.samples, index;
    size_t at;
    must(runs_hide(x->dir, 0, &shard, 0, true, &err));
    publish(x, &shard, 1);
    must(wit_shards_verify(x->dir, NULL, &report, &err));
    assert_int_equal(report.samples, all - (all + 2) / 3);
    must(wit_shards_dataset_open(x->dir, NULL, &ds, &err));
    assert_int_equal(wit_shards_dataset_samples(ds), report.samples);
    assert_false(wit_hash128_eq(wit_shards_dataset_hash(ds), x->hash));
    must(hidden_read(x->dir, &shard, &hidden, &err));
    assert_int_equal(hidden.count, (all + 2) / 3);
    for (uint64_t i = 0; i < hidden.count; i++) {
        struct wit_buf origin = WIT_BUF_INIT(1 << 20);
        assert_int_equal(wit_shards_find(ds, hidden.keys[i], &at, &index, &err), WIT_ENOTFOUND);
        assert_int_equal(wit_shards_origin(ds, hidden.keys[i], &origin, &err), WIT_ENOTFOUND);
        wit_buf_finish(&origin);
    }
    for (uint64_t i = 0; i < report.samples; i++) {
        struct wit_hash128 key;
        must(wit_shards_key(ds, 0, i, &key, &err));
        assert_false(hidden_has(&hidden, key));
        must(wit_shards_find(ds, key, &at, &index, &err));
        assert_int_equal(index, i);
    }
    hidden_finish(&hidden);
    wit_shards_dataset_close(ds);
    reader_agrees(x);
}

static void runs_make_the_dataset_together(void **state) {
    struct fixture *x = *state;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_verify_report report;
    struct manifest_shard shards[2] = { x->manifest.shards[0], x->manifest.shards[0] };
    must(runs_again(x->dir, 0, &shards[1], &err));
    must(runs_hide(x->dir, 0, &shards[0], 1, true, &err));
    must(runs_hide(x->dir, 0, &shards[1], 1, false, &err));
    publish(x, shards, 2);
    must(wit_shards_verify(x->dir, NULL, &report, &err));
    must(wit_shards_dataset_open(x->dir, NULL, &ds, &err));
    assert_true(wit_hash128_eq(wit_shards_dataset_hash(ds), x->hash));
    for (size_t s = 0; s < 2; s++)
        for (uint64_t i = 0; i < shards[s].samples; i++) {
            struct wit_hash128 key;
            uint64_t index;
            size_t at;
            must(wit_shards_key(ds, s, i, &key, &err));
            must(wit_shards_find(ds, key, &at, &index, &err));
            assert_true(at == s && index == i);
        }
    wit_shards_dataset_close(ds);
    reader_agrees(x);
}

static void a_key_in_two_runs_is_a_fault(void **state) {
    struct fixture *x = *state;
    struct wit_shards_verify_report report;
    struct manifest_shard shards[2] = { x->manifest.shards[0], x->manifest.shards[0] };
    must(runs_again(x->dir, 0, &shards[1], &err));
    must(runs_hide(x->dir, 0, &shards[0], 1, true, &err));
    must(runs_hide(x->dir, 0, &shards[1], 0, true, &err)); /* remainder 2 is in both */
    publish(x, shards, 2);
    assert_int_equal(wit_shards_verify(x->dir, NULL, &report, &err), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "in another run of its prefix too"));
}

static void a_wrong_list_is_a_fault(void **state) {
    struct fixture *x = *state;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_verify_report report;
    struct manifest_shard shard = x->manifest.shards[0];
    char name[MANIFEST_FILE_MAX], path[WIT_PATH_MAX];
    struct wit_buf bytes = WIT_BUF_INIT(1 << 20);
    struct wit_hash128 key;
    must(runs_hide(x->dir, 0, &shard, 2, true, &err));
    publish(x, &shard, 1);
    manifest_hidden_name(&shard, name);
    must(manifest_shard_path(path, x->dir, name, &err));
    must(wit_file_read(path, &bytes, &err));
    bytes.data[bytes.len - 1] ^= 1;
    must(wit_file_write_atomic(path, wit_buf_view(&bytes), &err));
    wit_buf_finish(&bytes);
    assert_int_equal(wit_shards_verify(x->dir, NULL, &report, &err), WIT_ECORRUPT);
    must(wit_shards_dataset_open(x->dir, NULL, &ds, &err));
    assert_int_equal(wit_shards_key(ds, 0, 0, &key, &err), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, name));
    wit_shards_dataset_close(ds);
}

/* A seal takes runs as it finds them, whoever made them: what is the same stays. */
static void the_next_seal_goes_on_from_runs(void **state) {
    struct fixture *x = *state;
    struct wit_shards_seal_report report;
    struct manifest_shard shards[2] = { x->manifest.shards[0], x->manifest.shards[0] };
    const struct collection more = { .seed = 77, .urls = 3, .images = 3, .candidates = 9 };
    must(runs_again(x->dir, 0, &shards[1], &err));
    must(runs_hide(x->dir, 0, &shards[0], 1, true, &err));
    must(runs_hide(x->dir, 0, &shards[1], 1, false, &err));
    publish(x, shards, 2);
    must(collection_run(&more, 0, collection_steps(&more), 1, x->dir, &err));
    must(seal_simple(x->dir, 1, 0, &report, &err));
    assert_true(report.changed);
    char again[WIT_PATH_MAX];
    struct wit_shards_seal_report once;
    scratch_make(again);
    must(collection_run(&content, 0, collection_steps(&content), 1, again, &err));
    must(collection_run(&more, 0, collection_steps(&more), 1, again, &err));
    must(seal_simple(again, 1, 0, &once, &err));
    assert_true(wit_hash128_eq(report.hash, once.hash));
    scratch_remove(again);
    struct wit_shards_verify_report verified;
    must(wit_shards_verify(x->dir, NULL, &verified, &err));
    assert_true(verified.samples >= x->manifest.samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hidden_records_are_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_make_the_dataset_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_in_two_runs_is_a_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_list_is_a_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(the_next_seal_goes_on_from_runs, setup, teardown),
    };
    return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}
