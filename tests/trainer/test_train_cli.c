/* test_train_cli.c: `wit train` and `wit train check` as a user or a script meets them. */
#include "../loader/loader_dataset.h"
#include "trainer_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>

static struct wit_error err;

/* Run `wit train <args>`; stdout and stderr together into out. Returns the exit code. */
static int run(struct wit_buf *out, const char *args) {
    char command[6 * WIT_PATH_MAX], chunk[4096];
    const char *wit = getenv("WIT");
    snprintf(command, sizeof(command), "'%s' train %s 2>&1", wit ? wit : "wit", args);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    wit_buf_reset(out);
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), pipe)) > 0)
        assert_int_equal(wit_buf_append(out, chunk, n), 0);
    assert_int_equal(wit_buf_terminate(out), 0);
    const int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_usage(void **state) {
    static const char *const bad[] = {
        "",
        "data",
        "data --vocab v",
        "data --out o",
        "data --vocab v --out o --batch 1",
        "data --vocab v --out o --steps many",
        "data --vocab v --out o --lr 0",
        "data more --vocab v --out o",
        "data --vocab v --out o --frobnicate",
        "check",
        "check a b",
        "check a --dtype bf16",
    };
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    for (size_t i = 0; i < WIT_COUNT_OF(bad); i++)
        assert_int_equal(run(&out, bad[i]), 2);
    assert_int_equal(run(&out, "--help"), 0);
    assert_non_null(strstr(out.data, "usage: wit train"));
    assert_int_equal(run(&out, "check --help"), 0);
    assert_int_equal(run(&out, "/no/such --vocab v --out /tmp/never"), 1);
    assert_non_null(strstr(out.data, "/no/such"));
    assert_int_equal(run(&out, "/no/such --vocab v --out o --model nothing"), 1);
    assert_non_null(strstr(out.data, "nothing"));
    assert_int_equal(run(&out, "check /no/such"), 1);
    wit_buf_finish(&out);
}

static void write_config(const char *dir, char path[WIT_PATH_MAX]) {
    static const char text[] =
        "{\"embed_dim\":16,\"quick_gelu\":true,\"vision_cfg\":{\"image_size\":32,"
        "\"patch_size\":16,\"width\":32,\"layers\":1,\"head_width\":16},\"text_cfg\":"
        "{\"context_length\":16,\"vocab_size\":49408,\"width\":16,\"heads\":2,\"layers\":1}}";
    assert_int_equal(wit_path_join(path, dir, "model.json"), 0);
    assert_int_equal(wit_file_write_atomic(path, WIT_STR(text), &err), 0);
}

/* Every line is JSON; the last has this schema and is returned. */
static struct wit_json *last_line(const struct wit_buf *out, const char *schema) {
    struct wit_json *line = NULL;
    struct wit_str text = wit_buf_view(out), name;
    for (size_t at = 0; at < text.len;) {
        const ptrdiff_t end = wit_str_find_byte(text, '\n', at);
        assert_true(end >= 0);
        wit_json_destroy(line);
        assert_int_equal(wit_json_parse(wit_str_slice(text, at, (size_t)end), "line", &line, &err),
                         0);
        at = (size_t)end + 1;
    }
    assert_non_null(line);
    assert_int_equal(wit_json_string(wit_json_get(line, "schema"), &name), 0);
    assert_true(wit_str_eq(name, wit_str_from(schema)));
    return line;
}

/* A dataset made by the collector, trained on; once more is refused, --resume is done at once. */
static void test_trains(void **state) {
    const char *shared = getenv("WIT_SHARED");
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    char data[WIT_PATH_MAX], dir[WIT_PATH_MAX], config[WIT_PATH_MAX], vocab[WIT_PATH_MAX];
    char args[5 * WIT_PATH_MAX];
    double first, last;
    int64_t steps, samples;
    if (!shared ||
        wit_path_join(vocab, shared, "golden/tokenizer/bpe_simple_vocab_16e6.txt.gz") < 0 ||
        !wit_file_exists(vocab)) {
        print_message("skipped: no golden/tokenizer under $WIT_SHARED\n");
        skip();
    }
    dataset_make(20, 0, 1, data);
    case_dir_make(dir);
    write_config(dir, config);
    snprintf(args, sizeof(args),
             "'%s' --vocab '%s' --out '%s/out' --model '%s' --batch 8 --steps 12 --warmup 2 "
             "--lr 1e-3 --threads 2 --log-every 4 --save-every 5 --json",
             data, vocab, dir, config);
    assert_int_equal(run(&out, args), 0);
    struct wit_json *line = last_line(&out, "wit.train/1");
    assert_int_equal(wit_json_int(wit_json_get(line, "steps"), &steps), 0);
    assert_int_equal(wit_json_int(wit_json_get(line, "samples"), &samples), 0);
    assert_int_equal(wit_json_number(wit_json_get(line, "first_loss"), &first), 0);
    assert_int_equal(wit_json_number(wit_json_get(line, "last_loss"), &last), 0);
    assert_int_equal(steps, 12);
    assert_int_equal(samples, 96);
    assert_true(first > 1.5 && first < 3 && last < first);
    wit_json_destroy(line);
    assert_int_equal(run(&out, args), 1);
    assert_non_null(strstr(out.data, "holds a run already"));
    strcat(args, " --resume");
    assert_int_equal(run(&out, args), 0);
    line = last_line(&out, "wit.train/1");
    assert_int_equal(wit_json_int(wit_json_get(line, "samples"), &samples), 0);
    assert_int_equal(samples, 0);
    wit_json_destroy(line);
    case_dir_remove(dir);
    dataset_remove(data);
    wit_buf_finish(&out);
}

static void test_check_lines(void **state) {
    const char *shared = getenv("WIT_SHARED");
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    char dir[WIT_PATH_MAX], args[2 * WIT_PATH_MAX];
    if (!shared || wit_path_join(dir, shared, "golden/trainer") < 0 || !wit_file_exists(dir)) {
        print_message("skipped: no golden/trainer under $WIT_SHARED\n");
        skip();
    }
    snprintf(args, sizeof(args), "check '%s/tiny_vit' --backend cpu --json", dir);
    assert_int_equal(run(&out, args), 0);
    wit_json_destroy(last_line(&out, "wit.train.check/1"));
    snprintf(args, sizeof(args), "check '%s/tiny_vit' --backend ref --dtype f32", dir);
    assert_int_equal(run(&out, args), 0);
    assert_non_null(strstr(out.data, "grads.safetensors"));
    assert_null(strstr(out.data, "FAIL"));
    snprintf(args, sizeof(args), "check '%s/tiny_rn'", dir);
    assert_int_equal(run(&out, args), 1);
    assert_non_null(strstr(out.data, "ResNet towers are not supported yet"));
    wit_buf_finish(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_trains),
        cmocka_unit_test(test_check_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
