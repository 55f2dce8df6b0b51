/* test_remake_cli.c: wit shards merge, compact, split and diff as a user or a script meets them. */
#include "../command.h"
#include "collection.h"
#include "runs.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;
static struct wit_buf out = WIT_BUF_INIT(1 << 24), second = WIT_BUF_INIT(1 << 24);

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* The exit code; stdout is in `out` then, stderr in `second`. */
static int run(const char *args) {
    int code = command_run(args);
    command_get("out", &out);
    command_get("err", &second);
    return code;
}

static bool says(const char *words) {
    return strstr(out.data, words) != NULL;
}

static bool complains(const char *words) {
    return strstr(second.data, words) != NULL;
}

static unsigned lines_with(const char *words) {
    unsigned count = 0;
    for (const char *at = out.data; (at = strstr(at, words)); at++)
        count++;
    return count;
}

/* Part `part` of `of` of a collection, sealed as folder `name`. */
static void seal_part(const char *name, unsigned part, unsigned of) {
    const struct collection c = { .seed = 51, .urls = 60, .images = 50, .candidates = 300 };
    struct wit_shards_collector *collector = NULL;
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX];
    must(wit_path_join(dir, command_folder(), name));
    must(wit_shards_collector_open(dir, &collector, &err));
    for (unsigned i = 0; i < collection_steps(&c); i++)
        if (collection_step_url(&c, i) % of == part || of == 1)
            must(collection_step(&c, i, collector, &err));
    must(wit_shards_collector_commit(collector, &err));
    wit_shards_collector_close(collector);
    must(seal_simple(dir, 1, 2, &report, &err));
}

static void merge_and_diff(void **state) {
    seal_part("a", 0, 2);
    seal_part("b", 1, 2);
    seal_part("joint", 0, 1);
    assert_int_equal(run("shards merge a b --out c --bits 1 --json"), 0);
    assert_true(says("{\"schema\":\"wit.shards.merge/1\",\"hash\":\""));
    assert_true(says("\"changed\":true") && says("\"shards\":2,"));
    assert_int_equal(run("shards merge b a --out c --bits 1"), 0);
    assert_true(says("nothing changed"));
    assert_int_equal(run("shards diff c joint"), 0);
    assert_true(says("0 samples only in the first, 0 only in the second, 0 of both differ"));
    assert_int_equal(run("shards verify c"), 0);
    assert_int_equal(run("shards diff a joint --json"), 1);
    assert_true(lines_with("\"in\":\"b\"") > 0 && lines_with("\"in\":\"a\"") == 0);
    assert_int_equal(lines_with("wit.shards.diffed/1"), 1);
    unsigned all = lines_with("wit.shards.diff/1");
    assert_int_equal(run("shards diff a joint"), 1);
    assert_int_equal(lines_with("\n"), all + 1);
    assert_int_equal(lines_with("> ") + lines_with("! "), all);
    assert_int_equal(run("shards diff a joint --totals"), 1);
    assert_int_equal(lines_with("\n"), 1);
    assert_int_equal(run("shards diff a nowhere"), 3);
    assert_true(complains("nowhere"));
    assert_int_equal(run("shards diff a"), 2);

    assert_int_equal(run("shards merge a --out b"), 1);
    assert_true(complains("another dataset"));
    assert_int_equal(run("shards merge a b"), 2);
    assert_int_equal(run("shards merge --out x"), 2);
    assert_int_equal(run("shards merge a --out x --bits 1 --shard-bytes 5"), 2);
    assert_int_equal(run("shards merge a --out x --purge"), 2);
    assert_true(complains("does not take --purge"));
    assert_int_equal(run("shards merge a nowhere --out x"), 1);
    assert_int_equal(run("shards merge --help"), 0);
}

static void compact_in_place(void **state) {
    char dir[WIT_PATH_MAX];
    seal_part("runs", 0, 1);
    must(wit_path_join(dir, command_folder(), "runs"));
    must(runs_split(dir, false, &err));
    assert_int_equal(run("shards compact runs --dry-run"), 0);
    assert_int_equal(lines_with(".lmdb"), 8);
    assert_true(says("would rewrite 8 shards"));
    assert_int_equal(run("shards compact runs --json"), 0);
    assert_int_equal(lines_with("wit.shards.compact/1"), 8);
    assert_true(says("\"shards\":4,") && says("\"shards_gone\":8") && says("\"dry_run\":false"));
    assert_int_equal(run("shards compact runs --purge"), 0);
    assert_true(says("nothing to do"));
    assert_int_equal(run("shards compact runs --bits 0"), 0);
    assert_true(says("in 1 shards; rewrote 4 shards"));
    assert_int_equal(run("shards verify runs"), 0);
    assert_int_equal(run("shards compact runs other"), 2);
    assert_int_equal(run("shards compact nowhere"), 1);
}

static void split_three_ways(void **state) {
    char key[64];
    seal_part("whole", 0, 1);
    assert_int_equal(run("shards split whole --out s --share 0.8,0.2 --seed 3 --json"), 0);
    assert_int_equal(lines_with("wit.shards.split/1"), 2);
    assert_true(says("\"dir\":\"s/part-0\"") && says("\"dir\":\"s/part-1\""));
    assert_int_equal(run("shards merge s/part-1 s/part-0 --out s/again"), 0);
    assert_int_equal(run("shards diff s/again whole"), 0);
    assert_int_equal(run("shards split whole --out p --parts 3"), 0);
    assert_int_equal(lines_with("\n"), 3);
    assert_int_equal(run("shards split whole --out p --parts 3"), 0);
    assert_int_equal(lines_with("nothing changed"), 3);

    assert_int_equal(run("shards show whole --index 4 --json"), 0);
    snprintf(key, sizeof key, "%.32s\n\n", strstr(out.data, "\"key\":\"") + 7);
    command_put("list", wit_str_from(key));
    assert_int_equal(run("shards split whole --out k --keys list"), 0);
    assert_true(says("k/match: ") && says("  1 samples"));
    command_put("list", WIT_STR("no key\n"));
    assert_int_equal(run("shards split whole --out k2 --keys list"), 1);
    assert_true(complains("list:1:"));
    command_put("in", WIT_STR(""));
    assert_int_equal(run("shards split whole --out k3 --keys -"), 0);
    assert_true(says("k3/match: ") && says("  0 samples"));
    assert_int_equal(run("shards split whole --out d --match-domain x.test --match-domain y.test"),
                     0);
    assert_true(says("d/match: ") && says("  0 samples")); /* the rest */

    assert_int_equal(run("shards split whole --out x --share 0.8,0.1"), 1);
    assert_true(complains("add up to 0.9"));
    assert_int_equal(run("shards split whole --out x --share 0.8,"), 2);
    assert_int_equal(run("shards split whole --out x --parts 2 --share 1"), 2);
    assert_int_equal(run("shards split whole --parts 2"), 2);
    assert_int_equal(run("shards split whole --out x"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(merge_and_diff, command_setup, command_teardown),
        cmocka_unit_test_setup_teardown(compact_in_place, command_setup, command_teardown),
        cmocka_unit_test_setup_teardown(split_three_ways, command_setup, command_teardown),
    };
    int failed = cmocka_run_group_tests_name("remake", tests, NULL, NULL);
    wit_buf_finish(&out);
    wit_buf_finish(&second);
    return failed;
}
