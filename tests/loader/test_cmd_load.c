/* test_cmd_load.c: the verbs of `wit load` as a user meets them: output, exit codes, sentences. */
#include "loader_dataset.h"
#include "wit_loader.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 50 };

static char dir[WIT_PATH_MAX];

static int group_setup(void **state) {
    dataset_make(SAMPLES, 0, 1, dir);
    return 0;
}

static int group_teardown(void **state) {
    dataset_remove(dir);
    return 0;
}

/* Exit code of "$WIT load ..." with both outputs in `out`, NUL-terminated. */
static int run(struct wit_buf *out, const char *fmt, ...) {
    char arguments[2 * WIT_PATH_MAX], command[4 * WIT_PATH_MAX], chunk[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(arguments, sizeof arguments, fmt, args);
    va_end(args);
    snprintf(command, sizeof command, "'%s' load %s 2>&1", getenv("WIT"), arguments);
    wit_buf_reset(out);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        assert_int_equal(wit_buf_append(out, chunk, n), 0);
    assert_int_equal(wit_buf_terminate(out), 0);
    int status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect(struct wit_buf *out, int code, int want, const char *text) {
    if (code != want || !strstr(out->data, text))
        fail_msg("exit %d, wanted %d and '%s': %s", code, want, text, out->data);
}

/* Keys of all steps of a plan, one after the other; returns their number. */
static size_t plan_keys(struct wit_buf *out, char (*keys)[WIT_HASH128_HEX], size_t most) {
    size_t n = 0, from = 0;
    struct wit_str text = wit_buf_view(out);
    for (ptrdiff_t end; (end = wit_str_find_byte(text, '\n', from)) >= 0; from = (size_t)end + 1) {
        struct wit_json *root = NULL;
        assert_int_equal(wit_json_parse(wit_str_slice(text, from, (size_t)end), "plan", &root,
                                        NULL),
                         0);
        const struct wit_json *list = wit_json_get(root, "keys");
        for (size_t i = 0; i < wit_json_size(list); i++) {
            struct wit_str key;
            assert_true(n < most);
            assert_int_equal(wit_json_string(wit_json_at(list, i), &key), 0);
            snprintf(keys[n++], WIT_HASH128_HEX, "%.*s", WIT_STR_FMT(key));
        }
        wit_json_destroy(root);
    }
    return n;
}

static void plans_of_all_ranks_make_the_epoch(void **state) {
    struct wit_buf out = WIT_BUF_INIT(1 << 22);
    static char whole[SAMPLES][WIT_HASH128_HEX], part[SAMPLES][WIT_HASH128_HEX];
    assert_int_equal(run(&out, "'%s' --plan --batch 12 --epoch 3 --seed 9", dir), 0);
    assert_int_equal(plan_keys(&out, whole, SAMPLES), SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(whole[i], whole[j]);
    for (size_t rank = 0; rank < 3; rank++) {
        assert_int_equal(run(&out, "'%s' --plan --batch 12 --epoch 3 --seed 9 --world 3 --rank %zu",
                             dir, rank),
                         0);
        size_t n = plan_keys(&out, part, SAMPLES);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(part[i], whole[i / 4 * 12 + rank * 4 + i % 4]);
    }
    assert_int_equal(run(&out, "'%s' --plan --batch 12 --epoch 3 --seed 9 --start 24", dir), 0);
    assert_int_equal(plan_keys(&out, part, SAMPLES), SAMPLES - 24);
    for (size_t i = 24; i < SAMPLES; i++)
        assert_string_equal(part[i - 24], whole[i]);
    wit_buf_finish(&out);
}

static void bench_prints_rates(void **state) {
    struct wit_buf out = WIT_BUF_INIT(1 << 22);
    struct wit_json *root = NULL;
    double rate;
    int64_t samples;
    int code = run(&out, "'%s' --batch 8 --size 16 --steps 4 --bench --json", dir);
    expect(&out, code, 0, "\"first_batch_s\"");
    assert_int_equal(wit_json_parse(wit_buf_view(&out), "bench", &root, NULL), 0);
    assert_int_equal(wit_json_number(wit_json_get(root, "samples_per_s"), &rate), 0);
    assert_int_equal(wit_json_int(wit_json_get(root, "samples"), &samples), 0);
    assert_true(rate > 0);
    assert_int_equal(samples, 32);
    wit_json_destroy(root);
    code = run(&out, "'%s' --batch 8 --size 16 --bench", dir);
    expect(&out, code, 0, "samples      56 in 7 batches");
    wit_buf_finish(&out);
}

static void samples_are_printed_with_their_captions(void **state) {
    struct wit_buf out = WIT_BUF_INIT(1 << 22);
    int code = run(&out, "'%s' --batch 10 --size 16", dir);
    expect(&out, code, 0, "\tcaption ");
    size_t lines = 0;
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    assert_int_equal(lines, SAMPLES);
    wit_buf_finish(&out);
}

static void bad_usage_exits_2(void **state) {
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    const char *const bad[] = { "",
                                "'%s' --batch 0",
                                "'%s' --batch 10 --world 3",
                                "'%s' --rank 1",
                                "'%s' --pillow 9",
                                "'%s' --transform sideways",
                                "'%s' more",
                                "image x.jpg --transform eval",
                                "image x.jpg --out y.npy",
                                "image x.jpg --transform train --box 1,2,3 --out y.npy",
                                "image x.jpg --transform train --box 1,2,3,4 --seed 1 --out y" };
    for (size_t i = 0; i < WIT_COUNT_OF(bad); i++) {
        char arguments[2 * WIT_PATH_MAX];
        const char *at = strstr(bad[i], "%s");
        if (at)
            snprintf(arguments, sizeof arguments, "'%s%s", dir, at + 2);
        else
            snprintf(arguments, sizeof arguments, "%s", bad[i]);
        expect(&out, run(&out, "%s", arguments), 2, "wit load: ");
    }
    wit_buf_finish(&out);
}

static void an_image_becomes_an_array(void **state) {
    struct wit_buf out = WIT_BUF_INIT(1 << 20), array = WIT_BUF_INIT(1 << 20);
    struct wit_buf want = WIT_BUF_INIT(1 << 20);
    char images[WIT_PATH_MAX], path[2 * WIT_PATH_MAX];
    snprintf(images, sizeof images, "%s/tests/golden/image/images", getenv("WIT_SOURCE_ROOT"));
    int code = run(&out, "image '%s/png-rgb.png' --transform none --out '%s/x.npy'", images, dir);
    expect(&out, code, 0, "{\"box\":[0,0,31,17],\"width\":31,\"height\":17}");
    snprintf(path, sizeof path, "%s/x.npy", dir);
    assert_int_equal(wit_file_read(path, &array, NULL), 0);
    snprintf(path, sizeof path, "%s/png-rgb.rgb", images);
    assert_int_equal(wit_file_read(path, &want, NULL), 0);
    assert_int_equal(array.len, 128 + want.len); /* NumPy: data from a multiple of 64 on */
    assert_memory_equal(array.data, "\x93NUMPY\1\0\x76\0", 10);
    assert_memory_equal(array.data + 128, want.data, want.len);
    code = run(&out,
               "image '%s/png-rgb.png' --transform train --size 8 --box 3,2,20,15 --out "
               "'%s/x.npy'",
               images, dir);
    expect(&out, code, 0, "{\"box\":[3,2,20,15],\"width\":31,\"height\":17}");
    code = run(&out, "image '%s/png-rgb.png' --transform train --box 30,0,2,2 --out '%s/x.npy'",
               images, dir);
    expect(&out, code, 1, "not inside 31x17 px");
    code = run(&out, "image '%s/png-rgb.rgb' --transform eval --out '%s/x.npy'", images, dir);
    expect(&out, code, 1, "neither JPEG, PNG, WebP nor GIF");
    code = run(&out, "image /nonexistent.jpg --transform eval --out '%s/x.npy'", dir);
    expect(&out, code, 1, "/nonexistent.jpg");
    wit_buf_finish(&out);
    wit_buf_finish(&array);
    wit_buf_finish(&want);
}

/* Each fault in a dataset of its own: exit 1, and a sentence that names the file. */
static void damage_is_named(void **state) {
    static const char *const faults[] = { "flipped", "cut", "missing", "manifest" };
    struct wit_buf out = WIT_BUF_INIT(1 << 22);
    for (size_t k = 0; k < WIT_COUNT_OF(faults); k++) {
        char d[WIT_PATH_MAX], path[WIT_PATH_MAX + 300], name[256] = "dataset.json";
        struct wit_shards_dataset *ds = NULL;
        struct wit_shards_shard_info info;
        dataset_make(20, 0, 1, d);
        assert_int_equal(wit_shards_dataset_open(d, NULL, &ds, NULL), 0);
        wit_shards_shard_info(ds, 1, &info);
        if (k < 3)
            snprintf(name, sizeof name, "%s", info.file);
        const uint64_t bytes = info.file_bytes;
        wit_shards_dataset_close(ds);
        snprintf(path, sizeof path, k < 3 ? "%s/shards/%s" : "%s/%s", d, name);
        if (k == 0) {
            FILE *f = fopen(path, "r+b");
            assert_non_null(f);
            fseek(f, (long)bytes / 2, SEEK_SET);
            int c = fgetc(f);
            fseek(f, (long)bytes / 2, SEEK_SET);
            fputc(c ^ 0x20, f);
            fclose(f);
        } else if (k == 1) {
            assert_int_equal(truncate(path, (off_t)bytes / 2), 0);
        } else if (k == 2) {
            assert_int_equal(remove(path), 0);
        } else {
            struct wit_buf text = WIT_BUF_INIT(1 << 20);
            assert_int_equal(wit_file_read(path, &text, NULL), 0);
            ptrdiff_t at = wit_str_find(wit_buf_view(&text), WIT_STR("\"samples\""), 0);
            assert_true(at > 0);
            while (text.data[at] < '0' || text.data[at] > '9')
                at++;
            text.data[at] = (char)(text.data[at] == '9' ? '8' : text.data[at] + 1);
            assert_int_equal(wit_file_write_atomic(path, wit_buf_view(&text), NULL), 0);
            wit_buf_finish(&text);
        }
        expect(&out, run(&out, "'%s' --batch 5 --size 16 --bench", d), 1, name);
        dataset_remove(d);
    }
    wit_buf_finish(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_of_all_ranks_make_the_epoch),
        cmocka_unit_test(bench_prints_rates),
        cmocka_unit_test(samples_are_printed_with_their_captions),
        cmocka_unit_test(bad_usage_exits_2),
        cmocka_unit_test(an_image_becomes_an_array),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests_name("cmd_load", tests, group_setup, group_teardown);
}
