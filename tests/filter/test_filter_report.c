/* test_filter_report.c: `wit filter report` on a collection whose numbers are known. */
#include "command.h"
#include "wit_shards.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;

static void add(struct wit_shards_collector *c, const char *url, const char *text,
                enum wit_shards_source source, const char *page) {
    const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                               .text = wit_str_from(text),
                                               .source = source,
                                               .page = wit_str_from(page) };
    assert_int_equal(wit_shards_collector_add_candidate(c, &cand, &err), 0);
}

/* Seven pairs: one is in two sources, one repeated, one a site's logo on 20 pages. */
static void collection_make(void) {
    char path[WIT_PATH_MAX], page[64];
    struct wit_shards_collector *c = NULL;
    assert_int_equal(wit_path_join(path, command_folder(), "data"), 0);
    assert_int_equal(wit_shards_collector_open(path, &c, &err), 0);
    add(c, "http://i/1", "a black cat", WIT_SHARDS_ALT, "http://a.org/1");
    add(c, "http://i/2", "a red car", WIT_SHARDS_ALT, "http://a.org/1");
    add(c, "http://i/3", "DSC_0042.JPG", WIT_SHARDS_ALT, "http://a.org/1");
    add(c, "http://i/4", "nothing here", WIT_SHARDS_ALT, "http://a.org/1");
    add(c, "http://i/1", "a black cat", WIT_SHARDS_ALT, "http://a.org/2");
    add(c, "http://i/1", "a black cat", WIT_SHARDS_TITLE, "http://a.org/2");
    add(c, "http://i/5", "red cat", WIT_SHARDS_TITLE, "http://a.org/2");
    add(c, "http://i/6", "a red dog &amp; cat", WIT_SHARDS_TITLE, "http://a.org/2");
    for (int i = 0; i < 20; i++) {
        snprintf(page, sizeof page, "http://www.b.org/%d", i);
        add(c, "http://i/logo", "Our red logo", WIT_SHARDS_ALT, page);
    }
    assert_int_equal(wit_shards_collector_commit(c, &err), 0);
    wit_shards_collector_close(c);
    command_put("list.txt", WIT_STR("cat\nred car\nred\ndog\nunicorn\n"));
    command_put("in", WIT_STR(""));
}

static int setup(void **state) {
    int failed = command_setup(state);
    if (!failed)
        collection_make();
    return failed;
}

static void check(const char *name, const char *want) {
    struct wit_buf got = WIT_BUF_INIT(1 << 24);
    command_get(name, &got);
    assert_string_equal(got.data, want);
    wit_buf_finish(&got);
}

static void check_has(const char *name, const char *want) {
    struct wit_buf got = WIT_BUF_INIT(1 << 24);
    command_get(name, &got);
    if (!strstr(got.data, want))
        fail_msg("'%s' is not in: %s", want, got.data);
    wit_buf_finish(&got);
}

static void numbers_of_a_collection(void **state) {
    assert_int_equal(command_run("filter report data --allowlist list.txt --per-query 2 --json "
                                 "--unmatched none.jsonl --refused refused.jsonl"),
                     0);
    /* The logo counts until the crawl ends: "red" has 3 pairs, of which 2 stay. */
    check("out", "{\"schema\":\"wit.filter.report/1\",\"entries\":5,\"entries_unmatched\":2,"
                 "\"matches\":6,\"matches_after\":5,\"t\":2,\"tail_share\":0.16666666666666666,"
                 "\"first_percent_entries\":1,\"first_percent_share\":0.5,"
                 "\"captions_of_an_entry\":[{\"captions\":\"0\",\"entries\":2,\"entries_after\":2},"
                 "{\"captions\":\"1\",\"entries\":1,\"entries_after\":1},"
                 "{\"captions\":\"2-10\",\"entries\":2,\"entries_after\":2}],"
                 "\"most_frequent\":[{\"id\":2,\"entry\":\"red\",\"count\":3,\"after\":2},"
                 "{\"id\":0,\"entry\":\"cat\",\"count\":2,\"after\":2},"
                 "{\"id\":1,\"entry\":\"red car\",\"count\":1,\"after\":1}],"
                 "\"pairs\":{\"found\":7,\"refused\":3,\"unmatched\":1,\"over_share\":0,\"kept\":3,"
                 "\"kept_share\":0.42857142857142855},"
                 "\"sources\":{\"alt\":{\"found\":5,\"refused\":2,\"unmatched\":1,\"over_share\":0,"
                 "\"kept\":2,\"kept_share\":0.4},"
                 "\"title\":{\"found\":3,\"refused\":1,\"unmatched\":0,\"over_share\":0,\"kept\":2,"
                 "\"kept_share\":0.6666666666666666}},"
                 "\"rules\":{\"file_name\":1,\"markup\":1,\"boilerplate\":1}}\n");
    check("none.jsonl", "{\"id\":3,\"entry\":\"dog\"}\n{\"id\":4,\"entry\":\"unicorn\"}\n");
    check("refused.jsonl",
          "{\"url\":\"http://i/3\",\"text\":\"DSC_0042.JPG\",\"page\":\"http://a.org/1\","
          "\"source\":\"alt\",\"rule\":\"file_name\"}\n"
          "{\"url\":\"http://i/6\",\"text\":\"a red dog &amp; cat\",\"page\":\"http://a.org/2\","
          "\"source\":\"title\",\"rule\":\"markup\"}\n"
          "{\"url\":\"http://i/logo\",\"text\":\"Our red logo\",\"page\":\"http://www.b.org/0\","
          "\"source\":\"alt\",\"rule\":\"boilerplate\"}\n");
}

static void rules_may_be_off(void **state) {
    assert_int_equal(command_run(
                         "filter report data --allowlist list.txt --off all --json --refused none"),
                     0);
    check_has("out", "\"found\":7,\"refused\":0,\"unmatched\":2,\"over_share\":0,\"kept\":5,");
    check_has("out", "\"rules\":{}");
    check("none", "");
}

static void lines_for_the_eyes(void **state) {
    assert_int_equal(command_run("filter report data --allowlist list.txt --per-query 2"), 0);
    check_has("out", "entries      5 in the list, 3 with a caption, 2 without\n");
    check_has("out", "first 1 %    1 entries have 50.00 % of all matches\n");
    check_has("out", "  refused by boilerplate  1, 14.29 %\n");
    check_has("out", "3          2  red\n");
}

static void a_counts_file_alone(void **state) {
    command_put("counts.tsv", WIT_STR("entry_id\tcount\n0\t4000\n1\t10\n2\t11\n3\t1\n"));
    assert_int_equal(command_run("filter report --counts counts.tsv --allowlist list.txt "
                                 "--per-query 50 --json --svg plot.svg"),
                     0);
    check_has("out", "\"matches\":4022,\"matches_after\":72,\"t\":50,");
    check_has("out", "{\"captions\":\"11-100\",\"entries\":1,\"entries_after\":2},"
                     "{\"captions\":\"101-1000\",\"entries\":0,\"entries_after\":0},"
                     "{\"captions\":\"1001-10000\",\"entries\":1,\"entries_after\":0}]");
    /* Four decades of counts on 388 px from y = 436 upwards, ranks 1 to 10 on 652 px from 84:
     * rank 1 of 4000 is at 436 - 388 * log10(4000) / 4, rank 4 of 1 at 84 + 652 * log10(4). */
    check_has("plot.svg", "points=\"84.0,86.6 ");
    check_has("plot.svg", " 476.5,436.0 \"/>");
    check_has("plot.svg", ">t = 50</text>");
    check_has("plot.svg", "</svg>\n");
}

static void an_empty_list_has_a_picture_too(void **state) {
    command_put("empty.txt", WIT_STR(""));
    command_put("counts.tsv", WIT_STR("entry_id\tcount\n"));
    assert_int_equal(command_run("filter report --counts counts.tsv --allowlist empty.txt --json "
                                 "--svg plot.svg"),
                     0);
    check_has("out", "\"entries\":0,\"entries_unmatched\":0,\"matches\":0,");
    check_has("plot.svg", "</svg>\n");
}

static void wrong_use_is_refused(void **state) {
    command_put("counts.tsv", WIT_STR("entry_id\tcount\n"));
    assert_int_equal(command_run("filter report --allowlist list.txt"), 2);
    assert_int_equal(command_run("filter report data"), 2);
    assert_int_equal(command_run("filter report data data --allowlist list.txt"), 2);
    assert_int_equal(command_run("filter report data --allowlist list.txt --counts counts.tsv"), 2);
    assert_int_equal(command_run(
                         "filter report --allowlist list.txt --counts counts.tsv --refused x"),
                     2);
    assert_int_equal(command_run("filter report absent --allowlist list.txt"), 1);
    assert_int_equal(command_run(
                         "filter report data --allowlist list.txt --unmatched no/such/place"),
                     1);
    check_has("err", "no/such/place");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_a_collection),
        cmocka_unit_test(rules_may_be_off),
        cmocka_unit_test(lines_for_the_eyes),
        cmocka_unit_test(a_counts_file_alone),
        cmocka_unit_test(an_empty_list_has_a_picture_too),
        cmocka_unit_test(wrong_use_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, command_teardown);
}
