/* test_filter_cli.c: `wit filter` and `wit allowlist` as a user calls them. */
#include "command.h"
#include "wit_filter_hygiene.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_output(const char *name, const char *want) {
    struct wit_buf got = WIT_BUF_INIT(1 << 24);
    command_get(name, &got);
    assert_string_equal(got.data, want);
    wit_buf_finish(&got);
}

static void check_output_has(const char *name, const char *want) {
    struct wit_buf got = WIT_BUF_INIT(1 << 24);
    command_get(name, &got);
    if (!strstr(got.data, want))
        fail_msg("'%s' is not in: %s", want, got.data);
    wit_buf_finish(&got);
}

static const char lists[] = "cat\nred car\nred\n";

static void match_writes_ids_and_keep(void **state) {
    command_put("list.txt", wit_str_from(lists));
    command_put("list.json", WIT_STR("[\"cat\", \"red car\", \"red\"]"));
    command_put("counts.tsv", WIT_STR("entry_id\tcount\tprob(t=20)\n0\t40\t0.5\n2\t80\t0.25\n"));
    command_put(
        "in",
        WIT_STR(
            "{\"text\": \"red cat\"}\n{\"text\": \"a red car\"}\n\n{\"text\": \"a\\u0000b\"}\n"));
    assert_int_equal(command_run("filter match --allowlist list.txt"), 0);
    check_output("out", "{\"ids\":[0,2]}\n{\"ids\":[1,2]}\n{\"ids\":[]}\n");
    check_output("err", "");
    assert_int_equal(command_run(
                         "filter match --allowlist list.json --per-query 20 --counts counts.tsv"),
                     0);
    check_output("out", "{\"ids\":[0,2],\"keep\":0.625}\n{\"ids\":[1,2],\"keep\":1.0}\n"
                        "{\"ids\":[],\"keep\":0.0}\n");
}

static void a_bad_line_is_named_and_the_rest_is_done(void **state) {
    command_put("list.txt", wit_str_from(lists));
    command_put("in", WIT_STR("{\"text\": \"cat\"}\n{\"text\": 3}\n[]\n{\"text\": \"\\ud800\"}\nx\n"
                              "{\"text\": \"red\"}"));
    assert_int_equal(command_run("filter match --allowlist list.txt"), 1);
    check_output_has("err", "wit filter: stdin:2: there is no string \"text\"\n");
    check_output_has("err", "wit filter: stdin:5:");
    check_output_has("out", "{\"ids\":[0]}\n{\"error\":\"stdin:2: ");
    check_output_has("out", "\"}\n{\"ids\":[2]}\n");
}

static void clean_keeps_what_no_rule_refuses(void **state) {
    command_put("in",
                WIT_STR("{\"text\": \"a black cat\", \"n\": 1}\n{\"text\": \"DSC_0042.JPG\"}\n"
                        "{\"text\": \"cats &amp; dogs\"}\n{\"text\": \"a red car\"}\n"));
    command_put("blocked.txt", WIT_STR("red car\n"));
    assert_int_equal(command_run("filter clean --blocklist blocked.txt"), 0);
    check_output("out", "{\"text\": \"a black cat\", \"n\": 1}\n");
    check_output("err", "wit filter: kept 1 of 4, file_name 1, markup 1, blocked 1\n");
    assert_int_equal(command_run("filter clean --explain --off markup,phone"), 0);
    check_output("out", "{\"rule\":null}\n{\"rule\":\"file_name\"}\n{\"rule\":null}\n"
                        "{\"rule\":null}\n");
    assert_int_equal(command_run("filter clean --off bogus"), 2);
    check_output_has("err", "there is no rule 'bogus'");
    assert_int_equal(command_run("filter clean --allowlist blocked.txt"), 2);
    check_output_has("err", "clean has no use for --allowlist");
}

static void match_explains_itself(void **state) {
    command_put("list.txt", wit_str_from(lists));
    command_put("counts.tsv", WIT_STR("entry_id\tcount\n0\t40\n2\t80\n"));
    command_put("in", WIT_STR("{\"text\": \"red cat\"}\n{\"text\": \"dog\"}\n"));
    assert_int_equal(
        command_run(
            "filter match --explain --allowlist list.txt --per-query 20 --counts counts.tsv"),
        0);
    check_output("out", "{\"ids\":[0,2],\"entries\":[{\"id\":0,\"entry\":\"cat\",\"count\":40,"
                        "\"prob\":0.5},{\"id\":2,\"entry\":\"red\",\"count\":80,\"prob\":0.25}],"
                        "\"keep\":0.625}\n{\"ids\":[],\"entries\":[],\"keep\":0.0}\n");
    assert_int_equal(command_run("filter match --explain --allowlist list.txt"), 0);
    check_output("out", "{\"ids\":[0,2],\"entries\":[{\"id\":0,\"entry\":\"cat\"},"
                        "{\"id\":2,\"entry\":\"red\"}]}\n{\"ids\":[],\"entries\":[]}\n");
}

static void columns_are_read(void **state) {
    command_put("list.txt", wit_str_from(lists));
    command_put("counts.tsv", WIT_STR("entry_id\tcount\n0\t1\n"));
    command_put("in", WIT_STR("http://a/1\tcat \"x\"\t7\nhttp://a/2\tDSC_0042.JPG\n\nno\n"
                              "http://a/1\tcat \"x\"\n"));
    assert_int_equal(command_run("filter match --allowlist list.txt --format tsv --text-column 2"),
                     1);
    check_output("out", "{\"ids\":[0]}\n{\"ids\":[]}\n"
                        "{\"error\":\"stdin:4: there is no column 2, only 1\"}\n{\"ids\":[0]}\n");
    assert_int_equal(command_run("filter balance --allowlist list.txt --counts counts.tsv --format "
                                 "tsv --text-column 2 --url-column 1"),
                     1);
    check_output("out", "http://a/1\tcat \"x\"\t7\nhttp://a/1\tcat \"x\"\n");
    assert_int_equal(command_run("filter clean --format tsv --text-column 2 --off mostly_marks"),
                     1);
    check_output("out", "http://a/1\tcat \"x\"\t7\nhttp://a/1\tcat \"x\"\n");
    check_output_has("err", "stdin:4: there is no column 2, only 1");
    command_put("in", WIT_STR("http://a/1\tcat\nhttp://a/1\tcat\n"));
    assert_int_equal(command_run(
                         "filter count --allowlist list.txt --format tsv --text-column 2 --t 3"),
                     0);
    check_output("out", "entry_id\tcount\tprob(t=3)\n0\t2\t1\n");
    assert_int_equal(command_run("filter count --allowlist list.txt --format tsv --text-column 2 "
                                 "--url-column 1 --t 3"),
                     0);
    check_output("out", "entry_id\tcount\tprob(t=3)\n0\t1\t1\n");
    assert_int_equal(command_run("filter match --allowlist list.txt --format tsv"), 2);
    assert_int_equal(command_run("filter match --allowlist list.txt --text-column 1"), 2);
    assert_int_equal(command_run("filter match --allowlist list.txt --format csv"), 2);
    assert_int_equal(command_run("filter balance --allowlist list.txt --counts counts.tsv --format "
                                 "tsv --text-column 2"),
                     2);
}

static void counts_of_parts_are_merged(void **state) {
    command_put("list.txt", wit_str_from(lists));
    command_put("a.tsv", WIT_STR("entry_id\tcount\n0\t3\n2\t1\n"));
    command_put("b.tsv", WIT_STR("entry_id\tcount\tprob(t=9)\n2\t4\t1\n"));
    command_put("in", WIT_STR(""));
    assert_int_equal(
        command_run("filter count --allowlist list.txt --per-query 2 --merge a.tsv b.tsv a.tsv"),
        0);
    check_output("out", "entry_id\tcount\tprob(t=2)\n0\t6\t0.33333333333333331\n"
                        "2\t6\t0.33333333333333331\n");
    command_put("bad.tsv", WIT_STR("entry_id\tcount\n3\t4\n"));
    assert_int_equal(command_run("filter count --allowlist list.txt --merge a.tsv bad.tsv"), 1);
    check_output_has("err", "bad.tsv:2: entry 3, but the allowlist has 3");
    assert_int_equal(command_run("filter count --allowlist list.txt --merge"), 2);
    assert_int_equal(command_run("filter count --allowlist list.txt a.tsv"), 2);
}

/* In the other list 6 of 64 matches are of entries below 4 ({1,1,2,2} of {1,1,2,2,10,48}); here the
 * cumulative counts are 10, 30, 60, 100: 10 of 100 is nearest. */
static void t_follows_another_list(void **state) {
    command_put("list.txt", WIT_STR("a\nb\nc\nd\n"));
    command_put("here.tsv", WIT_STR("entry_id\tcount\n0\t40\n1\t30\n2\t20\n3\t10\n"));
    command_put("en.tsv", WIT_STR("entry_id\tcount\n0\t1\n1\t2\n5\t48\n9\t2\n70\t1\n80\t10\n"));
    command_put("in", WIT_STR("{\"text\": \"a\"}\n{\"text\": \"d\"}\n"));
    assert_int_equal(
        command_run("filter match --allowlist list.txt --counts here.tsv --t-from en.tsv --t 4"),
        0);
    check_output("out", "{\"ids\":[0],\"keep\":0.25}\n{\"ids\":[3],\"keep\":1.0}\n");
    check_output("err", "wit filter: t is 10, for a tail share of 0.09375\n");
    assert_int_equal(command_run(
                         "filter match --allowlist list.txt --counts here.tsv --tail-share 0.31"),
                     0);
    check_output("out", "{\"ids\":[0],\"keep\":0.5}\n{\"ids\":[3],\"keep\":1.0}\n");
    check_output_has("err", "t is 20,");
    assert_int_equal(command_run("filter match --allowlist list.txt --counts here.tsv --tail-share "
                                 "0.3 --t 4"),
                     2);
    assert_int_equal(command_run(
                         "filter match --allowlist list.txt --counts here.tsv --t-from absent.tsv"),
                     1);
    check_output_has("err", "absent.tsv");
}

static void clean_knows_the_furniture_of_a_site(void **state) {
    struct wit_buf in = WIT_BUF_INIT(1 << 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(wit_buf_printf(&in,
                                        "{\"text\": \"Our logo\", \"page\": \"http://a.org/%d\"}\n"
                                        "{\"text\": \"cat number %c\", \"page\": "
                                        "\"http://a.org/%d\"}\n",
                                        i, 'a' + i, i),
                         0);
    command_put("all.jsonl", wit_buf_view(&in));
    command_put("in", WIT_STR("{\"text\": \"Our logo\", \"page\": \"http://www.a.org/x\"}\n"
                              "{\"text\": \"Our logo\", \"page\": \"http://b.org/x\"}\n"
                              "{\"text\": \"Our logo\"}\n"
                              "{\"text\": \"cat number b\", \"page\": \"http://a.org/1\"}\n"));
    assert_int_equal(command_run("filter clean --explain --boilerplate all.jsonl"), 0);
    check_output("out", "{\"rule\":\"boilerplate\"}\n{\"rule\":null}\n{\"rule\":null}\n"
                        "{\"rule\":null}\n");
    check_output("err", "wit filter: kept 3 of 4, boilerplate 1\n");
    assert_int_equal(command_run(
                         "filter clean --explain --boilerplate all.jsonl --boilerplate-pages 21"),
                     0);
    check_output("err", "wit filter: kept 4 of 4\n");
    assert_int_equal(command_run("filter clean --boilerplate absent.jsonl"), 1);
    check_output_has("err", "absent.jsonl");
    command_put("in", WIT_STR("{\"text\": \"Our logo\", \"page\": \"no url\"}\n"));
    assert_int_equal(command_run("filter clean --boilerplate all.jsonl"), 1);
    wit_buf_finish(&in);
}

static void languages_are_asked_for(void **state) {
    command_put("in",
                WIT_STR("{\"text\": \"A black cat sleeps on the roof of an old house\"}\n"
                        "{\"text\": \"Un chat noir dort sur le toit d'une vieille maison\"}\n"));
    if (!wit_filter_language_is_supported()) {
        assert_int_equal(command_run("filter clean --langs en"), 1);
        check_output_has("err", "this build knows no languages (it has no cld2)");
        return;
    }
    assert_int_equal(command_run("filter clean --langs fr,de --explain"), 0);
    check_output("out", "{\"rule\":\"language\"}\n{\"rule\":null}\n");
    assert_int_equal(command_run("filter clean --langs english"), 1);
    check_output_has("err", "there is no language 'english'");
}

static void compiled_lists_are_lists(void **state) {
    command_put("list.txt", wit_str_from(lists));
    command_put("in", WIT_STR("{\"text\": \"a red car\"}\n"));
    assert_int_equal(command_run("allowlist compile list.txt --out list.compiled"), 0);
    check_output_has("out", "\"entries\":3");
    assert_int_equal(command_run("filter match --allowlist list.compiled"), 0);
    check_output("out", "{\"ids\":[1,2]}\n");
    assert_int_equal(command_run("allowlist compile list.txt"), 2);
    assert_int_equal(command_run("allowlist compile none.txt --out x"), 1);
}

static void count_and_balance_work_together(void **state) {
    command_put("list.txt", wit_str_from(lists));
    command_put("in", WIT_STR("{\"url\": \"http://a/1\", \"text\": \"red cat\"}\n"
                              "{\"url\": \"http://a/1\", \"text\": \"red cat\"}\n"
                              "{\"url\": \"http://a/2\", \"text\": \"red cat\", \"more\": [1]}\n"
                              "{\"url\": \"http://a/3\", \"text\": \"dog\"}\n"));
    assert_int_equal(command_run("filter count --allowlist list.txt --per-query 1"), 0);
    check_output("out", "entry_id\tcount\tprob(t=1)\n0\t2\t0.5\n2\t2\t0.5\n");
    command_put("counts.tsv", WIT_STR("entry_id\tcount\n0\t2\n2\t2\n"));
    assert_int_equal(command_run(
                         "filter balance --allowlist list.txt --counts counts.tsv --per-query 2"),
                     0);
    check_output("out", "{\"url\": \"http://a/1\", \"text\": \"red cat\"}\n"
                        "{\"url\": \"http://a/1\", \"text\": \"red cat\"}\n"
                        "{\"url\": \"http://a/2\", \"text\": \"red cat\", \"more\": [1]}\n");
    command_put("in", WIT_STR("{\"text\": \"red cat\"}\n{\"text\": \"red cat\"}\n"));
    assert_int_equal(command_run("filter count --allowlist list.txt --per-query 20"), 0);
    check_output("out", "entry_id\tcount\tprob(t=20)\n0\t2\t1\n2\t2\t1\n");
    assert_int_equal(command_run("filter balance --allowlist list.txt --counts counts.tsv"), 1);
    check_output_has("err", "stdin:1: there is no string \"url\"");
}

static void balance_keeps_about_its_share_and_depends_on_the_seed(void **state) {
    enum { N = 4000 };
    struct wit_buf in = WIT_BUF_INIT(1 << 24), first = WIT_BUF_INIT(1 << 24), again = first;
    command_put("list.txt", wit_str_from(lists));
    command_put("counts.tsv", WIT_STR("entry_id\tcount\n0\t4000\n"));
    for (int i = 0; i < N; i++)
        assert_int_equal(wit_buf_printf(&in, "{\"url\": \"http://a/%d\", \"text\": \"cat\"}\n", i),
                         0);
    command_put("in", wit_buf_view(&in));
    assert_int_equal(
        command_run("filter balance --allowlist list.txt --counts counts.tsv --per-query 1000"), 0);
    command_get("out", &first);
    size_t lines = 0;
    for (size_t i = 0; i < first.len; i++)
        lines += first.data[i] == '\n';
    assert_true(lines > 800 && lines < 1200); /* 1000 +- 27.4: seven standard deviations */
    assert_int_equal(command_run(
                         "filter balance --allowlist list.txt --counts counts.tsv --per-query 1000 "
                         "--seed 0"),
                     0);
    command_get("out", &again);
    assert_true(wit_str_eq(wit_buf_view(&first), wit_buf_view(&again)));
    assert_int_equal(command_run(
                         "filter balance --allowlist list.txt --counts counts.tsv --per-query 1000 "
                         "--seed 1"),
                     0);
    command_get("out", &again);
    assert_false(wit_str_eq(wit_buf_view(&first), wit_buf_view(&again)));
    wit_buf_finish(&in);
    wit_buf_finish(&first);
    wit_buf_finish(&again);
}

static void wrong_use_is_refused(void **state) {
    command_put("in", WIT_STR(""));
    command_put("list.txt", wit_str_from(lists));
    assert_int_equal(command_run("filter"), 2);
    assert_int_equal(command_run("filter sort"), 2);
    assert_int_equal(command_run("filter match"), 2);
    assert_int_equal(command_run("filter match --allowlist list.txt --per-query 0"), 2);
    assert_int_equal(command_run("filter match --allowlist list.txt extra"), 2);
    assert_int_equal(command_run("filter balance --allowlist list.txt"), 2);
    assert_int_equal(command_run("filter match --allowlist list.txt --seed 1"), 2);
    assert_int_equal(command_run("filter count --allowlist list.txt --counts counts.tsv"), 2);
    check_output_has("err", "count has no use for --counts");
    assert_int_equal(command_run("allowlist build --out x"), 2);
    assert_int_equal(command_run("allowlist show"), 2);
    assert_int_equal(command_run("filter match --allowlist absent.txt"), 1);
    check_output_has("err", "absent.txt");
    assert_int_equal(command_run("filter --help"), 0);
    assert_int_equal(command_run("filter match --help"), 0);
    assert_int_equal(command_run("allowlist build --help"), 0);
    assert_int_equal(command_run("allowlist show --help"), 0);
}

enum { FED_LINES = 64 * 1024 /* more than it takes at once */ };

/* A caught SIGINT once restarted the read, and a second one was needed. */
static void one_interrupt_ends_the_wait_for_input(void **state) {
    char list[WIT_PATH_MAX], sentence[256];
    int in[2], err[2], status;
    command_put("list.txt", wit_str_from(lists));
    assert_int_equal(wit_path_join(list, command_folder(), "list.txt"), 0);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(err), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGINT, SIG_DFL);
        dup2(in[0], 0);
        dup2(open("/dev/null", O_WRONLY), 1);
        dup2(err[1], 2);
        close(in[1]);
        execl(getenv("WIT"), "wit", "filter", "match", "--allowlist", list, (char *)NULL);
        _exit(127);
    }
    close(err[1]);
    for (int i = 0; i < FED_LINES; i++)
        assert_int_equal(write(in[1], "[]\n", 3), 3);
    assert_true(read(err[0], sentence, sizeof sentence) > 0); /* it reads */
    assert_int_equal(kill(child, SIGINT), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    close(err[0]);
    close(in[0]);
    close(in[1]);
}

static void a_list_is_built_and_shown(void **state) {
    command_put("in", WIT_STR(""));
    command_put("words", WIT_STR("layer\nlayer mask\nlayer\n"));
    assert_int_equal(command_run("allowlist build --words words --out made.txt --origins o.tsv"),
                     0);
    check_output_has("out", "\"entries\":2,");
    check_output("made.txt", "layer\nlayer mask\n");
    check_output("o.tsv", "0\textra\t-\tlayer\n1\textra\t-\tlayer mask\n");
    assert_int_equal(command_run("allowlist show made.txt"), 0);
    check_output_has("out", "\"entries\":2,\"one_word\":1,\"two_words\":1,");
    assert_int_equal(command_run("allowlist show made.txt --entry 'layer mask'"), 0);
    check_output("out",
                 "{\"schema\":\"wit.allowlist.entry/1\",\"entry\":\"layer mask\",\"ids\":[1]}\n");
    assert_int_equal(command_run("allowlist show made.txt --entry layer --origins o.tsv"), 0);
    check_output_has("out", "\"ids\":[0],\"origin\":\"extra\"}");
    assert_int_equal(command_run("allowlist build --wordnet . --out made.txt"), 1);
    check_output("made.txt", "layer\nlayer mask\n");
}

static void a_list_is_counted_from_a_dump_and_page_views(void **state) {
    command_put("in", WIT_STR(""));
    command_put("dump.xml",
                WIT_STR("<mediawiki>\n<page><title>A</title><ns>0</ns><text>a red fox. a red fox"
                        "</text></page>\n<page><title>T</title><ns>1</ns><text>talk talk talk"
                        "</text></page>\n</mediawiki>\n"));
    command_put("views",
                WIT_STR("en Red_fox 60 1\nen Red_fox 49 1\nen Help:Me 99 1\nde Fuchs 99 1\n"
                        "en Paris 80 1\n"));
    assert_int_equal(command_run("allowlist build --wiki dump.xml --min-count 2 --bigrams pmi:1 "
                                 "--pageviews views --titles views:60 --out wiki.txt --threads 2"),
                     0);
    check_output("wiki.txt", "a\nfox\nred\na red\nred fox\nParis\nRed fox\n");
    check_output("wiki.txt.origins", "0\twords\t2\ta\n1\twords\t2\tfox\n2\twords\t2\tred\n"
                                     "3\tbigrams\t1.5850\ta red\n4\tbigrams\t1.5850\tred fox\n"
                                     "5\ttitles\t80\tParis\n6\ttitles\t60\tRed fox\n");
    check_output_has("out", "\"pages\":2,\"articles\":1,\"words_counted\":6,");
    assert_int_equal(command_run("allowlist show wiki.txt --entry 'Red fox'"), 0);
    check_output_has("out", "\"ids\":[6],\"origin\":\"titles\",\"score\":60.0}");
    assert_int_equal(command_run("allowlist build --wiki dump.xml --bigrams some --out w"), 2);
    assert_int_equal(command_run("allowlist build --wiki views --out w"), 1);
    check_output_has("err", "'views' does not begin as an export of MediaWiki");
    assert_int_equal(command_run("allowlist build --pageviews none --out w"), 1);
    check_output_has("err", "cannot open 'none'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match_writes_ids_and_keep),
        cmocka_unit_test(a_bad_line_is_named_and_the_rest_is_done),
        cmocka_unit_test(clean_keeps_what_no_rule_refuses),
        cmocka_unit_test(match_explains_itself),
        cmocka_unit_test(columns_are_read),
        cmocka_unit_test(counts_of_parts_are_merged),
        cmocka_unit_test(t_follows_another_list),
        cmocka_unit_test(clean_knows_the_furniture_of_a_site),
        cmocka_unit_test(languages_are_asked_for),
        cmocka_unit_test(compiled_lists_are_lists),
        cmocka_unit_test(count_and_balance_work_together),
        cmocka_unit_test(balance_keeps_about_its_share_and_depends_on_the_seed),
        cmocka_unit_test(wrong_use_is_refused),
        cmocka_unit_test(one_interrupt_ends_the_wait_for_input),
        cmocka_unit_test(a_list_is_built_and_shown),
        cmocka_unit_test(a_list_is_counted_from_a_dump_and_page_views),
    };
    return cmocka_run_group_tests(tests, command_setup, command_teardown);
}
