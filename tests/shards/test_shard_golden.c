/*
 * test_shard_golden.c: the datasets in tests/golden/shards are read, and the collection that they
 * were made of gives the hash again. `test_shard_golden --make DIR` and `--make-hidden DIR` write
 * them (new formats only). The Python reader there, which shares nothing with wit but the format
 * pages, reads them too.
 */
#include "collection.h"
#include "publish.h"
#include "shard_file.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { GOLDEN_BITS = 1 };

static const struct collection golden = { .seed = 9, .urls = 30, .images = 20, .candidates = 150 };
static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void golden_path(char out[WIT_PATH_MAX], const char *name) {
    const char *root = getenv("WIT_SOURCE_ROOT");
    snprintf(out, WIT_PATH_MAX, "%s/tests/golden/shards/%s", root ? root : ".", name);
}

static void golden_dir(char out[WIT_PATH_MAX]) {
    golden_path(out, "dataset");
}

/* Exit code of the Python reader. */
static int reader_run(const char *dir) {
    const char *root = getenv("WIT_SOURCE_ROOT");
    char command[3 * WIT_PATH_MAX];
    snprintf(command, sizeof command,
             "python3 -B '%s/tests/golden/shards/read_shard.py' '%s' >/dev/null 2>&1",
             root ? root : ".", dir);
    int status = system(command);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void golden_verifies(void **state) {
    struct wit_shards_verify_report report;
    char dir[WIT_PATH_MAX];
    golden_dir(dir);
    must(wit_shards_verify(dir, NULL, &report, &err));
    assert_true(report.samples > 4 && report.pairs > report.samples);
}

/* The same with every fifth record of its second shard hidden. */
static void hidden_golden_verifies(void **state) {
    struct wit_shards_verify_report report, hidden;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_shard_info info;
    char dir[WIT_PATH_MAX];
    golden_dir(dir);
    must(wit_shards_verify(dir, NULL, &report, &err));
    golden_path(dir, "dataset-hidden");
    must(wit_shards_verify(dir, NULL, &hidden, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    wit_shards_shard_info(ds, 1, &info);
    assert_true(info.hidden > 0);
    assert_int_equal(hidden.samples + info.hidden, report.samples);
    wit_shards_dataset_close(ds);
    assert_int_equal(reader_run(dir), 0);
}

static void golden_is_made_again(void **state) {
    struct wit_shards_seal_report report;
    struct wit_shards_dataset *ds = NULL;
    char dir[WIT_PATH_MAX], fresh[WIT_PATH_MAX];
    golden_dir(dir);
    scratch_make(fresh);
    must(collection_run(&golden, 0, collection_steps(&golden), 1, fresh, &err));
    must(seal_simple(fresh, 1, GOLDEN_BITS, &report, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    assert_true(wit_hash128_eq(wit_shards_dataset_hash(ds), report.hash));
    wit_shards_dataset_close(ds);
    scratch_remove(fresh);
}

static void independent_reader_agrees(void **state) {
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX], fresh[WIT_PATH_MAX];
    golden_dir(dir);
    assert_int_equal(reader_run(dir), 0);
    /* What is written today: branch pages, values of every length, none that is not read. */
    const struct collection c = { .seed = 10, .urls = 150, .images = 140, .candidates = 400 };
    scratch_make(fresh);
    must(collection_run(&c, 0, collection_steps(&c), 1, fresh, &err));
    must(seal_simple(fresh, 1, 0, &report, &err));
    assert_int_equal(reader_run(fresh), 0);
    scratch_remove(fresh);
}

/* It would say so if it did not agree. */
static void independent_reader_notices(void **state) {
    char dir[WIT_PATH_MAX], fresh[WIT_PATH_MAX], command[3 * WIT_PATH_MAX];
    golden_dir(dir);
    scratch_make(fresh);
    snprintf(command, sizeof command, "cp -r '%s'/. '%s'", dir, fresh);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command,
             "cd '%s'/shards && for f in 0-*; do printf x | dd of=$f bs=1 seek=9000 conv=notrunc "
             "2>/dev/null; done",
             fresh);
    assert_int_equal(system(command), 0);
    assert_int_equal(reader_run(fresh), 1);
    scratch_remove(fresh);
}

/* Hide every fifth record of the second shard. */
static int hide(const char *dir) {
    struct wit_hash128 keys[64], key;
    struct hidden_keys hidden = { keys, 0 };
    struct shard_file *f = NULL;
    struct manifest m = { .count = 0 };
    int st = manifest_load(dir, &m, &err);
    if (st >= 0)
        st = shard_file_open(dir, m.shards[1].file, NULL, m.shard_bits, &f, &err);
    for (uint64_t i = 0; st >= 0 && shard_file_key(f, i, &key); i++)
        if (i % 5 == 0 && hidden.count < WIT_COUNT_OF(keys))
            keys[hidden.count++] = key;
    if (st >= 0)
        st = hidden_write(dir, &m.shards[1], &hidden, &err);
    if (st >= 0)
        st = shard_file_measure(dir, m.shards[1].file, m.shard_bits, NULL, NULL, NULL, &m.shards[1],
                                &err);
    manifest_total(&m);
    m.tool = WIT_STR("test_shard_golden");
    if (st >= 0)
        st = dataset_publish(dir, &m, &err);
    shard_file_unref(f);
    manifest_finish(&m);
    return st;
}

static int make(const char *dir, bool hidden) {
    struct wit_shards_seal_report report;
    int st = collection_run(&golden, 0, collection_steps(&golden), 1, dir, &err);
    if (st >= 0)
        st = seal_simple(dir, 1, GOLDEN_BITS, &report, &err);
    if (st >= 0 && hidden)
        st = hide(dir);
    if (st < 0)
        fprintf(stderr, "%s\n", err.text);
    return st < 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strncmp(argv[1], "--make", 6) == 0)
        return make(argv[2], strcmp(argv[1], "--make-hidden") == 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_verifies),
        cmocka_unit_test(hidden_golden_verifies),
        cmocka_unit_test(golden_is_made_again),
        cmocka_unit_test(independent_reader_agrees),
        cmocka_unit_test(independent_reader_notices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
