/* test_filter_cli.c: `wit filter` and `wit allowlist` as a user calls them. */
#include "command.h"

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
    check_output("o.tsv", "0\twords\tlayer\n1\twords\tlayer mask\n");
    assert_int_equal(command_run("allowlist show made.txt"), 0);
    check_output_has("out", "\"entries\":2,\"one_word\":1,\"two_words\":1,");
    assert_int_equal(command_run("allowlist show made.txt --entry 'layer mask'"), 0);
    check_output("out",
                 "{\"schema\":\"wit.allowlist.entry/1\",\"entry\":\"layer mask\",\"ids\":[1]}\n");
    assert_int_equal(command_run("allowlist build --wordnet . --out made.txt"), 1);
    check_output("made.txt", "layer\nlayer mask\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match_writes_ids_and_keep),
        cmocka_unit_test(a_bad_line_is_named_and_the_rest_is_done),
        cmocka_unit_test(clean_keeps_what_no_rule_refuses),
        cmocka_unit_test(compiled_lists_are_lists),
        cmocka_unit_test(count_and_balance_work_together),
        cmocka_unit_test(balance_keeps_about_its_share_and_depends_on_the_seed),
        cmocka_unit_test(wrong_use_is_refused),
        cmocka_unit_test(one_interrupt_ends_the_wait_for_input),
        cmocka_unit_test(a_list_is_built_and_shown),
    };
    return cmocka_run_group_tests(tests, command_setup, command_teardown);
}
