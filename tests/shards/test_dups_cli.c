/* test_dups_cli.c: `wit shards dups` as a user meets it. */
#include "command.h"
#include "pictures.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;

/* a is one picture four times, b another twice, c and d stand alone, two are flat. */
static const struct picture ours[] = {
    { 1, 300, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/a.png", "a as it is" },
    { 1, 300, 200, WIT_IMAGE_JPEG, 40, 0, "http://x.test/a40.jpg", "a at 40" },
    { 1, 150, 100, WIT_IMAGE_WEBP, 60, 0, "http://x.test/half.webp", "half of a" },
    { 1, 450, 300, WIT_IMAGE_JPEG, 80, 25, "http://x.test/large.jpg", "a, larger and lighter" },
    { 2, 320, 240, WIT_IMAGE_JPEG, 60, 0, "http://x.test/b.jpg", "b" },
    { 2, 320, 240, WIT_IMAGE_JPEG, 50, -20, "http://x.test/dark.jpg", "b,\ndarker" },
    { 3, 200, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/c.png", "c" },
    { 3, 200, 200, WIT_IMAGE_PNG, 0, 0, "http://y.test/c.png", "c elsewhere" },
    { 4, 200, 200, WIT_IMAGE_PNG, 0, 0, "http://x.test/d.png", "d" },
    { 0, 90, 90, WIT_IMAGE_PNG, 0, 0, "http://x.test/grey1.png", "grey" },
    { 0, 80, 90, WIT_IMAGE_PNG, 0, 0, "http://x.test/grey2.png", "grey too" },
};
static const struct picture theirs[] = {
    { 4, 100, 100, WIT_IMAGE_JPEG, 70, 0, "http://t.test/d.jpg", "d, small" },
    { 0, 90, 90, WIT_IMAGE_PNG, 0, 0, "http://t.test/grey.png", "the same grey" },
    { 5, 100, 100, WIT_IMAGE_JPEG, 70, 0, "http://t.test/e.jpg", "e" },
};

static int setup(void **state) {
    char dir[WIT_PATH_MAX];
    command_setup(state);
    assert_int_equal(wit_path_join(dir, command_folder(), "ours"), 0);
    pictures_seal(dir, ours, WIT_COUNT_OF(ours), 1);
    assert_int_equal(wit_path_join(dir, command_folder(), "theirs"), 0);
    pictures_seal(dir, theirs, WIT_COUNT_OF(theirs), 0);
    return 0;
}

/* Line n of what was printed, parsed; NULL: there is none. */
static struct wit_json *line_of(unsigned n) {
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    struct wit_json *json = NULL;
    command_get("out", &out);
    struct wit_str line;
    for (size_t at = 0; !json && wit_str_line_next(wit_buf_view(&out), &at, &line); n--)
        if (n == 0)
            assert_int_equal(wit_json_parse(line, "line", &json, &err), 0);
    wit_buf_finish(&out);
    return json;
}

static int64_t number(const struct wit_json *object, const char *name) {
    int64_t v = -1;
    (void)wit_json_int(wit_json_get(object, name), &v);
    return v;
}

static void text_is(const struct wit_json *object, const char *name, const char *want) {
    struct wit_str v = { NULL, 0 };
    (void)wit_json_string(wit_json_get(object, name), &v);
    if (!wit_str_eq(v, wit_str_from(want)))
        fail_msg("%s is '%.*s', not '%s'", name, WIT_STR_FMT(v), want);
}

static void clusters_by_size(void **state) {
    assert_int_equal(command_run("shards dups ours --json --urls --threads 2"), 0);
    struct wit_json *first = line_of(0), *second = line_of(1), *total = line_of(2);
    assert_null(line_of(3));
    text_is(first, "schema", "wit.shards.dups/1");
    assert_int_equal(number(first, "size"), 4);
    const struct wit_json *samples = wit_json_get(first, "samples");
    assert_int_equal(wit_json_size(samples), 4);
    const struct wit_json *best = wit_json_at(samples, 0), *last = wit_json_at(samples, 3);
    text_is(best, "caption", "a, larger and lighter"); /* most pixels */
    assert_int_equal(number(best, "width"), 450);
    assert_int_equal(number(best, "distance"), 0);
    text_is(last, "caption", "half of a");
    assert_in_range(number(last, "distance"), 1, 36);
    const struct wit_json *urls = wit_json_get(last, "url_list");
    struct wit_str url = { NULL, 0 };
    assert_int_equal(wit_json_size(urls), 1);
    assert_int_equal(wit_json_string(wit_json_at(urls, 0), &url), 0);
    assert_true(wit_str_eq(url, WIT_STR("http://x.test/half.webp")));
    assert_int_equal(number(second, "size"), 2);
    text_is(total, "schema", "wit.shards.dups_total/1");
    assert_int_equal(number(total, "samples"), 11);
    assert_int_equal(number(total, "clusters"), 2);
    assert_int_equal(number(total, "in_clusters"), 6);
    assert_int_equal(number(total, "duplicates"), 4);
    assert_int_equal(number(total, "several_urls"), 1);
    assert_int_equal(number(total, "more_urls"), 1);
    assert_int_equal(number(total, "several_captions"), 1);
    assert_int_equal(number(total, "undecodable"), 1);
    assert_int_equal(number(total, "low_quality"), 2);
    wit_json_destroy(first);
    wit_json_destroy(second);
    wit_json_destroy(total);
}

static void removal_only_as_a_list(void **state) {
    struct wit_buf before = WIT_BUF_INIT(1 << 20), after = WIT_BUF_INIT(1 << 20);
    struct wit_buf keys = WIT_BUF_INIT(1 << 20);
    command_get("ours/dataset.json", &before);
    assert_int_equal(command_run("shards dups ours --remove-to keys.txt"), 0);
    command_get("keys.txt", &keys);
    assert_int_equal(keys.len, 4 * 33);
    for (size_t at = 0; at < keys.len; at += 33) {
        struct wit_hash128 key;
        assert_int_equal(wit_hash128_from_hex(wit_str_of(keys.data + at, 32), &key), 0);
        assert_int_equal(keys.data[at + 32], '\n');
    }
    command_get("ours/dataset.json", &after);
    assert_true(wit_str_eq(wit_buf_view(&before), wit_buf_view(&after)));
    wit_buf_finish(&keys);
    command_get("out", &keys); /* the text of a caption stays on its line */
    assert_true(wit_str_find(wit_buf_view(&keys), WIT_STR("b, darker"), 0) >= 0);
    assert_true(wit_str_find(wit_buf_view(&keys), WIT_STR("cluster 2: 2 images\n"), 0) >= 0);
    wit_buf_finish(&before);
    wit_buf_finish(&after);
    wit_buf_finish(&keys);
}

static void several_datasets_as_one(void **state) {
    assert_int_equal(command_run("shards dups ours theirs --json"), 0);
    struct wit_json *second = line_of(1), *third = line_of(2), *fourth = line_of(3),
                    *total = line_of(4);
    bool had_d = false, had_grey = false;
    const struct wit_json *pairs[] = { second, third, fourth };
    for (size_t i = 0; i < 3; i++) {
        const struct wit_json *samples = wit_json_get(pairs[i], "samples");
        assert_int_equal(wit_json_size(samples), 2);
        struct wit_str caption = { NULL, 0 };
        (void)wit_json_string(wit_json_get(wit_json_at(samples, 0), "caption"), &caption);
        if (wit_str_eq(caption, WIT_STR("d"))) {
            text_is(wit_json_at(samples, 0), "dataset", "ours");
            text_is(wit_json_at(samples, 1), "dataset", "theirs");
            had_d = true;
        }
        had_grey = had_grey || wit_str_eq(caption, WIT_STR("grey")); /* flat, but the same bytes */
    }
    assert_true(had_d && had_grey);
    assert_int_equal(number(total, "samples"), 14);
    wit_json_destroy(second);
    wit_json_destroy(third);
    wit_json_destroy(fourth);
    wit_json_destroy(total);
    assert_int_equal(command_run("shards dups ours theirs --remove-to x"), 2);
}

static void a_distance_of_one_s_own(void **state) {
    assert_int_equal(command_run("shards dups ours --json --distance 0 --quality 0"), 0);
    struct wit_json *total = line_of(0);
    text_is(total, "schema", "wit.shards.dups_total/1");
    assert_int_equal(number(total, "clusters"), 0);
    assert_int_equal(number(total, "distance"), 0);
    assert_int_equal(number(total, "low_quality"), 0);
    wit_json_destroy(total);
}

static void what_is_refused(void **state) {
    assert_int_equal(command_run("shards dups"), 2);
    assert_int_equal(command_run("shards dups ours --distance 64"), 2);
    assert_int_equal(command_run("shards dups ours --quality 101"), 2);
    assert_int_equal(command_run("shards dups nowhere"), 1);
    assert_int_equal(command_run("shards dups --help"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_by_size),        cmocka_unit_test(removal_only_as_a_list),
        cmocka_unit_test(several_datasets_as_one), cmocka_unit_test(a_distance_of_one_s_own),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, command_teardown);
}
