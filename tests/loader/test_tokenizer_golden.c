/*
 * test_tokenizer_golden.c: captions and their ids as open_clip's tokenizer gave them, through the
 * library and through `wit tokenizer encode`. Other files of the format may be named as arguments.
 */
#include "tokenizer_testing.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINE_MAX_BYTES = 8 << 20 };

static char **named_files;
static int named_count;

struct tally {
    size_t lines, full, plain; /* equal with ftfy, equal only without */
};

static bool ids_equal(const struct wit_json *want, const int32_t *ids) {
    for (size_t i = 0; i < WIT_TOKENIZER_CONTEXT; i++) {
        int64_t id;
        if (wit_json_int(wit_json_at(want, i), &id) < 0 || id != ids[i])
            return false;
    }
    return wit_json_size(want) == WIT_TOKENIZER_CONTEXT;
}

static void check_line(struct wit_loader_tokenizer_scratch *scratch, struct wit_str line,
                       const char *path, uint64_t number, struct tally *tally) {
    struct wit_json *root = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_str text = { NULL, 0 };
    int32_t ids[WIT_TOKENIZER_CONTEXT];
    size_t n = 0;
    int64_t want_n = -1;
    if (wit_json_parse(line, path, &root, &err) < 0 ||
        wit_json_string(wit_json_get(root, "text"), &text) < 0 ||
        wit_loader_tokenizer_encode(scratch, text, WIT_TOKENIZER_CONTEXT, ids, &n, &err) < 0)
        fail_msg("%s:%llu: %s", path, (unsigned long long)number, err.text);
    wit_json_int(wit_json_get(root, "n"), &want_n);
    tally->lines++;
    if (ids_equal(wit_json_get(root, "ids"), ids) && (size_t)want_n == n)
        tally->full++;
    else if (ids_equal(wit_json_get(root, "noftfy"), ids))
        tally->plain++;
    else
        fail_msg("%s:%llu: other ids for '%.*s'", path, (unsigned long long)number,
                 WIT_STR_FMT(text));
    wit_json_destroy(root);
}

static void check_file(const char *path) {
    char vocab[WIT_PATH_MAX];
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_loader_tokenizer *tok = NULL;
    struct wit_loader_tokenizer_scratch *scratch = NULL;
    struct wit_lines *lines = NULL;
    struct wit_str line;
    struct tally tally = { 0, 0, 0 };
    if (!find_vocab(vocab)) {
        print_message("no " VOCAB_NAME ": run tools/fetch-vocab\n");
        skip();
    }
    FILE *file = fopen(path, "r");
    if (!file) {
        print_message("no %s\n", path);
        skip();
    }
    if (wit_loader_tokenizer_load(vocab, &tok, &err) < 0 ||
        wit_loader_tokenizer_scratch_create(tok, &scratch, &err) < 0 ||
        wit_lines_open(file, LINE_MAX_BYTES, &lines, &err) < 0)
        fail_msg("%s", err.text);
    while (wit_lines_next(lines, &line, &err) > 0)
        check_line(scratch, line, path, wit_lines_number(lines), &tally);
    print_message("%s: %zu lines, %zu equal, %zu equal only without ftfy\n", path, tally.lines,
                  tally.full, tally.plain);
    assert_true(tally.lines > 0);
    wit_lines_close(lines);
    fclose(file);
    wit_loader_tokenizer_scratch_destroy(scratch);
    wit_loader_tokenizer_destroy(tok);
}

static void path_in(char path[WIT_PATH_MAX], const char *variable, const char *rest) {
    const char *dir = getenv(variable);
    snprintf(path, WIT_PATH_MAX, "%s/%s", dir ? dir : ".", rest);
}

static void captions_of_the_tree(void **state) {
    char path[WIT_PATH_MAX];
    path_in(path, "WIT_SOURCE_ROOT", "tests/golden/tokenizer/captions.jsonl");
    check_file(path);
}

static void shared_captions(void **state) {
    char path[WIT_PATH_MAX];
    path_in(path, "WIT_SHARED", "golden/tokenizer/captions.jsonl");
    check_file(path);
}

static void captions_named_on_the_command_line(void **state) {
    for (int i = 0; i < named_count; i++)
        check_file(named_files[i]);
}

/* ---- the command --------------------------------------------------------------------------------
 */

/* Runs `wit tokenizer encode` on `input`; its exit code. */
static int run_command(const char *options, const char *input, char *output, size_t size) {
    char vocab[WIT_PATH_MAX], in_path[] = "/tmp/wit-tokenizer-XXXXXX", command[3 * WIT_PATH_MAX];
    int fd = mkstemp(in_path);
    assert_true(fd >= 0 && find_vocab(vocab));
    assert_int_equal(wit_fd_write_all(fd, input, strlen(input), in_path, NULL), 0);
    close(fd);
    snprintf(command, sizeof(command), "'%s' tokenizer encode --vocab '%s' %s < %s 2>&1",
             getenv("WIT"), vocab, options, in_path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(output, 1, size - 1, pipe);
    output[n] = '\0';
    int status = pclose(pipe);
    unlink(in_path);
    return WEXITSTATUS(status);
}

static void command_encodes_lines(void **state) {
    char vocab[WIT_PATH_MAX], out[4096];
    if (!find_vocab(vocab) || !getenv("WIT")) {
        print_message("no " VOCAB_NAME ": run tools/fetch-vocab\n");
        skip();
    }
    assert_int_equal(run_command("--context 6", "{\"text\":\"A cat\\u0000!\"}\n{\"text\":\"\"}\n",
                                 out, sizeof(out)),
                     0);
    assert_string_equal(out, "{\"ids\":[49406,320,2368,256,49407,0],\"n\":5}\n"
                             "{\"ids\":[49406,49407,0,0,0,0],\"n\":2}\n");
    assert_int_equal(run_command("--context 2", "{\"text\":\"a\"}\nno json\n{\"tex\":1}\n", out,
                                 sizeof(out)),
                     1);
    assert_non_null(strstr(out, "{\"ids\":[49406,49407],\"n\":3}\n"));
    assert_non_null(strstr(out, "wit tokenizer: stdin:2: "));
    assert_non_null(strstr(out, "wit tokenizer: stdin:3: no string \"text\" in it\n"));
    assert_int_equal(run_command("--context 0", "", out, sizeof(out)), 2);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_of_the_tree),
        cmocka_unit_test(shared_captions),
        cmocka_unit_test(captions_named_on_the_command_line),
        cmocka_unit_test(command_encodes_lines),
    };
    named_files = argv + 1;
    named_count = argc - 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
