/*
 * test_trainer_golden.c: the case $WIT_SHARED/golden/trainer/tiny_vit is met by every backend, a
 * case that was altered is not, and one with a ResNet tower is refused by name. Other directories
 * of that format may be given as arguments.
 */
#include "trainer_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

enum { FILE_MAX_BYTES = 64 << 20 };

static char golden[WIT_PATH_MAX];
static int n_args;
static char **args;
static struct wit_error err;

static bool in_golden(const char *name, char out[WIT_PATH_MAX]) {
    const char *shared = getenv("WIT_SHARED");
    if (!shared || wit_path_join(golden, shared, "golden/trainer") < 0 ||
        wit_path_join(out, golden, name) < 0)
        return false;
    return wit_file_exists(out);
}

struct lines {
    size_t count, bad;
    char bad_file[64];
};

static void on_line(void *user, const struct wit_trainer_check_line *l) {
    struct lines *lines = user;
    lines->count++;
    if (l->ok)
        return;
    lines->bad++;
    snprintf(lines->bad_file, sizeof(lines->bad_file), "%s", l->file);
    print_message("%s: %s %s %g of %g\n", l->file, l->tensor, l->measure, l->deviation,
                  l->tolerance);
}

static void assert_met(const char *dir) {
    static const char *const backends[] = { "ref", "cpu" };
    for (size_t i = 0; i < WIT_COUNT_OF(backends); i++) {
        struct lines lines = { 0 };
        int st = wit_trainer_check(dir, backends[i], 2, on_line, &lines, &err);
        if (st < 0)
            print_error("%s\n", err.text);
        assert_int_equal(st, 0);
        assert_int_equal(lines.bad, 0);
        assert_true(lines.count >= 5);
    }
}

static void test_tiny_vit(void **state) {
    char dir[WIT_PATH_MAX];
    for (int i = 0; i < n_args; i++)
        assert_met(args[i]);
    if (!in_golden("tiny_vit", dir)) {
        print_message("skipped: no golden/trainer/tiny_vit under $WIT_SHARED\n");
        skip();
    }
    assert_met(dir);
}

static void test_tiny_rn_is_refused(void **state) {
    char dir[WIT_PATH_MAX];
    struct lines lines = { 0 };
    if (!in_golden("tiny_rn", dir)) {
        print_message("skipped: no golden/trainer/tiny_rn under $WIT_SHARED\n");
        skip();
    }
    assert_int_equal(wit_trainer_check(dir, "ref", 1, on_line, &lines, &err), WIT_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "ResNet towers are not supported yet"));
}

static void copy_file(const char *from, const char *to, const char *name, size_t flip) {
    struct wit_buf bytes = WIT_BUF_INIT(FILE_MAX_BYTES);
    char path[WIT_PATH_MAX];
    assert_int_equal(wit_path_join(path, from, name), 0);
    assert_int_equal(wit_file_read(path, &bytes, &err), 0);
    if (flip) /* the sign of the number that ends `flip` bytes before the end */
        bytes.data[bytes.len - flip - 1] ^= (char)0x80;
    assert_int_equal(wit_path_join(path, to, name), 0);
    assert_int_equal(wit_file_write_atomic(path, wit_buf_view(&bytes), &err), 0);
    wit_buf_finish(&bytes);
}

/* One wrong sign in any file is found, and named. */
static void test_altered(void **state) {
    static const char *const files[] = {
        "config.json",          "weights.safetensors",    "inputs.safetensors",
        "expected.safetensors", "grads.safetensors",      "after_1.safetensors",
        "after_5.safetensors",  "other_gelu.safetensors", "activations.safetensors"
    };
    char dir[WIT_PATH_MAX], altered[WIT_PATH_MAX];
    if (!in_golden("tiny_vit", dir)) {
        print_message("skipped: no golden/trainer/tiny_vit under $WIT_SHARED\n");
        skip();
    }
    for (size_t i = 3; i < WIT_COUNT_OF(files); i++) {
        struct lines lines = { 0 };
        case_dir_make(altered);
        for (size_t j = 0; j < WIT_COUNT_OF(files); j++)
            copy_file(dir, altered, files[j], j == i ? 4 : 0);
        const int st = wit_trainer_check(altered, "cpu", 2, on_line, &lines, &err);
        if (st <= 0)
            print_error("%s: %d %s\n", files[i], st, err.text);
        assert_int_equal(st, 1);
        assert_string_equal(lines.bad_file, files[i]);
        case_dir_remove(altered);
    }
}

static void test_missing(void **state) {
    struct lines lines = { 0 };
    char dir[WIT_PATH_MAX];
    case_dir_make(dir);
    assert_int_equal(wit_trainer_check(dir, "ref", 1, on_line, &lines, &err), WIT_ENOTFOUND);
    case_dir_remove(dir);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiny_vit),
        cmocka_unit_test(test_tiny_rn_is_refused),
        cmocka_unit_test(test_altered),
        cmocka_unit_test(test_missing),
    };
    n_args = argc - 1;
    args = argv + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
