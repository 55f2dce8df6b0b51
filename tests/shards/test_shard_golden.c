/*
 * test_shard_golden.c: the dataset in tests/golden/shards is read, and the collection that it was
 * made of gives its hash again. `test_shard_golden --make DIR` writes one (new formats only). The
 * Python reader there is run on it where its two wheels are installed.
 */
#include "collection.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { GOLDEN_BITS = 1, SKIPPED = 77 };

static const struct collection golden = { .seed = 9, .urls = 30, .images = 20, .candidates = 150 };
static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void golden_dir(char out[WIT_PATH_MAX]) {
    const char *root = getenv("WIT_SOURCE_ROOT");
    snprintf(out, WIT_PATH_MAX, "%s/tests/golden/shards/dataset", root ? root : ".");
}

static void golden_verifies(void **state) {
    struct wit_shards_verify_report report;
    char dir[WIT_PATH_MAX];
    golden_dir(dir);
    must(wit_shards_verify(dir, NULL, &report, &err));
    assert_true(report.samples > 4 && report.pairs > report.samples);
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
    const char *root = getenv("WIT_SOURCE_ROOT");
    char command[2 * WIT_PATH_MAX + 64];
    snprintf(command, sizeof command,
             "cd '%s' && python=python3; [ -x .venv/bin/python ] && python=.venv/bin/python; "
             "$python tests/golden/shards/read_shard.py tests/golden/shards/dataset",
             root ? root : ".");
    int status = system(command);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--make") == 0) {
        struct wit_shards_seal_report report;
        int st = collection_run(&golden, 0, collection_steps(&golden), 1, argv[2], &err);
        if (st >= 0)
            st = seal_simple(argv[2], 1, GOLDEN_BITS, &report, &err);
        if (st < 0)
            fprintf(stderr, "%s\n", err.text);
        return st < 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_verifies),
        cmocka_unit_test(golden_is_made_again),
        cmocka_unit_test(independent_reader_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
