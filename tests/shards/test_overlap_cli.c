/* test_overlap_cli.c: `wit shards overlap` as a user meets it. */
#include "command.h"
#include "pictures.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct wit_error err;

static const struct picture trained[] = {
    { 1, 300, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/1", "one" },
    { 2, 300, 200, WIT_IMAGE_JPEG, 90, 0, "http://x.test/2", "two" },
    { 3, 300, 200, WIT_IMAGE_WEBP, 90, 0, "http://x.test/3", "three" },
    { 4, 300, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/4", "four" },
    { 0, 90, 90, WIT_IMAGE_PNG, 0, 0, "http://x.test/0", "grey" },
};
/* url: the file; text: what it should be. */
static const struct picture asked[] = {
    { 1, 150, 100, WIT_IMAGE_JPEG, 70, 0, "eval/cats/1.jpg", "overlap" },
    { 2, 300, 200, WIT_IMAGE_JPEG, 50, 10, "eval/cats/2.jpg", "overlap" },
    { 3, 450, 300, WIT_IMAGE_PNG, 0, -10, "eval/dogs/3.png", "overlap" },
    { 0, 90, 90, WIT_IMAGE_PNG, 0, 0, "eval/grey.png", "overlap" }, /* the same bytes */
    { 0, 91, 90, WIT_IMAGE_PNG, 0, 0, "eval/grey2.png", "clean" },
    { 11, 150, 100, WIT_IMAGE_JPEG, 70, 0, "eval/cats/11.jpg", "clean" },
    { 12, 150, 100, WIT_IMAGE_JPEG, 70, 0, "eval/dogs/11.jpg", "clean" },
    { 13, 150, 100, WIT_IMAGE_JPEG, 70, 0, "eval/dogs/13.jpg", "clean" },
    { 14, 150, 100, WIT_IMAGE_JPEG, 70, 0, "eval/dogs/14.jpg", "clean" },
    { 15, 150, 100, WIT_IMAGE_JPEG, 70, 0, "eval/dogs/15.jpg", "clean" },
};

static int setup(void **state) {
    char path[WIT_PATH_MAX];
    struct wit_buf bytes = WIT_BUF_INIT(1 << 24);
    command_setup(state);
    assert_int_equal(wit_path_join(path, command_folder(), "trained"), 0);
    pictures_seal(path, trained, WIT_COUNT_OF(trained), 0);
    assert_int_equal(wit_path_join(path, command_folder(), "eval/cats"), 0);
    assert_int_equal(wit_dir_make(path, &err), 0);
    assert_int_equal(wit_path_join(path, command_folder(), "eval/dogs"), 0);
    assert_int_equal(wit_dir_make(path, &err), 0);
    for (size_t i = 0; i < WIT_COUNT_OF(asked); i++) {
        wit_buf_reset(&bytes);
        picture_encode(&asked[i], &bytes);
        command_put(asked[i].url, wit_buf_view(&bytes));
    }
    command_put("eval/labels.txt", WIT_STR("no image\n"));
    command_put("eval/broken.jpg", WIT_STR("\xff\xd8\xff\xe0 begins like one"));
    assert_int_equal(wit_path_join(path, command_folder(), "eval/dogs/up"), 0);
    assert_int_equal(symlink("..", path), 0); /* a circle, were it followed */
    wit_buf_finish(&bytes);
    return 0;
}

static struct wit_json *printed(void) {
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    struct wit_json *json = NULL;
    command_get("out", &out);
    assert_int_equal(wit_json_parse(wit_buf_view(&out), "out", &json, &err), 0);
    wit_buf_finish(&out);
    return json;
}

static void number_is(const struct wit_json *object, const char *name, double want) {
    double v = NAN;
    (void)wit_json_number(wit_json_get(object, name), &v);
    if (!(fabs(v - want) < 1e-9))
        fail_msg("%s is %.17g, not %.17g", name, v, want);
}

static void lists_of_a_folder(void **state) {
    struct wit_buf all = WIT_BUF_INIT(1 << 20), overlap = WIT_BUF_INIT(1 << 20),
                   clean = WIT_BUF_INIT(1 << 20);
    assert_int_equal(command_run("shards overlap trained --against eval --to lists --json"), 0);
    struct wit_json *line = printed();
    number_is(line, "trained", 5);
    number_is(line, "all", 10);
    number_is(line, "overlap", 4);
    number_is(line, "clean", 6);
    number_is(line, "share", 0.4);
    /* SciPy 1.17.1: binomtest(4, 10).proportion_ci(0.95, method="exact") */
    number_is(line, "share_low", 0.12155225811982723);
    number_is(line, "share_high", 0.7376219233930549);
    number_is(line, "low_quality", 2);
    number_is(line, "undecodable", 1);
    number_is(line, "ignored", 1);
    assert_null(wit_json_get(line, "p_value"));
    wit_json_destroy(line);
    command_get("lists/all.txt", &all);
    command_get("lists/overlap.txt", &overlap);
    command_get("lists/clean.txt", &clean);
    for (size_t i = 0; i < WIT_COUNT_OF(asked); i++) {
        char plain[128], full[128];
        const char *name = asked[i].url + strlen("eval/");
        snprintf(plain, sizeof plain, "%s\n", name);
        snprintf(full, sizeof full, "%s\t%s\t", name, asked[i].text);
        assert_true(wit_str_find(wit_buf_view(&all), wit_str_from(full), 0) >= 0);
        bool is_overlap = strcmp(asked[i].text, "overlap") == 0;
        assert_true((wit_str_find(wit_buf_view(&overlap), wit_str_from(plain), 0) >= 0) ==
                    is_overlap);
        assert_true((wit_str_find(wit_buf_view(&clean), wit_str_from(plain), 0) >= 0) ==
                    !is_overlap);
    }
    wit_buf_finish(&all);
    wit_buf_finish(&overlap);
    wit_buf_finish(&clean);
}

static void accuracies_as_the_paper_has_them(void **state) {
    command_put("p.csv", WIT_STR("label,file,correct\n"
                                 "cat,cats/1.jpg,1\n"
                                 "\"cat, \"\"two\"\"\",cats/2.jpg,1\r\n"
                                 "dog,3,1\n" /* without folder and suffix */
                                 "grey,grey.png,0\n"
                                 "cat,cats/11,1\n"
                                 "dog,dogs/11.jpg,0\n"
                                 "dog,13.jpg,1\n"
                                 "dog,14,0\n"
                                 "dog,dogs/15.jpg,0\n"
                                 "dog,elsewhere.jpg,1\n"));
    assert_int_equal(command_run(
                         "shards overlap trained --against eval --predictions p.csv --json"),
                     0);
    struct wit_json *line = printed();
    const struct wit_json *overlap = wit_json_get(line, "accuracy_overlap");
    const struct wit_json *clean = wit_json_get(line, "accuracy_clean");
    number_is(overlap, "images", 4);
    number_is(overlap, "correct", 3);
    number_is(clean, "images", 5);
    number_is(clean, "correct", 2);
    number_is(wit_json_get(line, "accuracy_all"), "accuracy", 5 / 9.0);
    number_is(line, "unpredicted", 1);
    number_is(line, "unknown_names", 1);
    number_is(line, "all_less_clean", 5 / 9.0 - 0.4);
    number_is(line, "overlap_less_clean", 0.35);
    /* SciPy 1.17.1: binom.sf(2, 4, 0.4); binomtest(3, 4).proportion_ci(0.995, method="exact") */
    number_is(line, "p_value", 0.1792);
    number_is(line, "overlap_low", 0.08745425689345986);
    number_is(line, "overlap_high", 0.9993744132065364);
    wit_json_destroy(line);
    assert_int_equal(command_run("shards overlap trained --against eval --predictions p.csv"), 0);
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    command_get("out", &out);
    assert_true(wit_str_find(wit_buf_view(&out), WIT_STR("overlap less clean +35.00 points"), 0) >=
                0);
    wit_buf_finish(&out);
}

static void json_lines_and_a_dataset(void **state) {
    char dir[WIT_PATH_MAX];
    struct wit_buf text = WIT_BUF_INIT(1 << 20), bytes = WIT_BUF_INIT(1 << 24);
    const struct picture set[] = {
        { 4, 100, 80, WIT_IMAGE_JPEG, 80, 0, "http://e.test/4", "four" },
        { 21, 100, 80, WIT_IMAGE_JPEG, 80, 0, "http://e.test/21", "new" },
    };
    assert_int_equal(wit_path_join(dir, command_folder(), "set"), 0);
    pictures_seal(dir, set, 2, 0);
    for (size_t i = 0; i < 2; i++) {
        char key[WIT_HASH128_HEX];
        wit_buf_reset(&bytes);
        picture_encode(&set[i], &bytes);
        wit_hash128_to_hex(wit_hash128_of(bytes.data, bytes.len), key);
        assert_int_equal(wit_buf_printf(&text, "{\"key\":\"%s\",\"correct\":%s}\n", key,
                                        i ? "0" : "true"),
                         0);
    }
    command_put("p.jsonl", wit_buf_view(&text));
    assert_int_equal(command_run("shards overlap trained --against set --predictions p.jsonl "
                                 "--json"),
                     0);
    struct wit_json *line = printed();
    number_is(line, "overlap", 1);
    number_is(wit_json_get(line, "accuracy_overlap"), "correct", 1);
    number_is(wit_json_get(line, "accuracy_clean"), "correct", 0);
    wit_json_destroy(line);
    wit_buf_finish(&text);
    wit_buf_finish(&bytes);
}

static void bad_predictions_are_named(void **state) {
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "file,right\na,1\n", "p.csv:1: a header" },
        { "file,correct\n", "no prediction" },
        { "", "no prediction" },
        { "file,correct\ncats/1.jpg,2\n", "p.csv:2: 'correct' is neither" },
        { "file,correct\n11,1\n", "p.csv:2: '11' names more than one image" },
        { "file,correct\ncats/1.jpg,1\n1,1\n", "p.csv:3: a second prediction" },
        { "file,correct\n\"cats,1\n", "p.csv:2: quotes" },
        { "file,correct\ncats/1.jpg\n", "p.csv:2: fewer fields" },
        { "file,correct\nnowhere,1\n", "names no image" },
        { "{\"file\":\"cats/1.jpg\",\"correct\":1}\n{\"file\":7}\n", "p.csv:2: no text under" },
        { "{\"file\":\"cats/1.jpg\"}\n", "p.csv:1: 'correct' is neither" },
        { "{\"file\"\n", "p.csv:1: not a JSON object" },
    };
    struct wit_buf said = WIT_BUF_INIT(1 << 20);
    for (size_t i = 0; i < WIT_COUNT_OF(bad); i++) {
        command_put("p.csv", wit_str_from(bad[i].text));
        assert_int_equal(command_run("shards overlap trained --against eval --predictions p.csv"),
                         1);
        command_get("err", &said);
        if (wit_str_find(wit_buf_view(&said), wit_str_from(bad[i].says), 0) < 0)
            fail_msg("%s: %s", bad[i].says, said.data);
    }
    wit_buf_finish(&said);
}

static void what_is_refused(void **state) {
    assert_int_equal(command_run("shards overlap trained"), 2);
    assert_int_equal(command_run("shards overlap --against eval"), 2);
    assert_int_equal(command_run("shards overlap trained --against nowhere"), 1);
    assert_int_equal(command_run("shards overlap trained --against eval --predictions none"), 1);
    assert_int_equal(command_run("shards overlap --help"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_a_folder),
        cmocka_unit_test(accuracies_as_the_paper_has_them),
        cmocka_unit_test(json_lines_and_a_dataset),
        cmocka_unit_test(bad_predictions_are_named),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, command_teardown);
}
