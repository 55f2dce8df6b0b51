/*
 * test_change_under.c: a shard is cut, emptied, overwritten, replaced or removed while a command
 * reads it. Each ends with 0 (it had what it needed) or with 1 and a sentence that names the file:
 * never by a signal, never by waiting, and what it printed or wrote before is right. `wit` gets
 * change_under.c preloaded, so the moment is a number of reads.
 */
#include "../loader/loader_dataset.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SECONDS = 60, EXIT_TIMEOUT = 124 };

static char dir[WIT_PATH_MAX];
static struct wit_strings shards;

static int shell(const char *fmt, const char *a, const char *b) {
    char line[4 * WIT_PATH_MAX];
    snprintf(line, sizeof line, fmt, a, b);
    int status = system(line);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int set_up(void **state) {
    char path[WIT_PATH_MAX];
    dataset_make(150, 0, 1, dir);
    assert_int_equal(wit_path_join(path, dir, "shards"), 0);
    assert_int_equal(wit_dir_list(path, &shards, NULL), 0);
    assert_int_equal(shards.count, 2);
    return shell("cp -r '%s' '%s.good'", dir, dir);
}

static int tear_down(void **state) {
    wit_strings_finish(&shards);
    dataset_remove(dir);
    return shell("rm -rf '%s.good' '%s.out'", dir, dir);
}

static bool names_a_shard(const struct wit_buf *out) {
    for (size_t i = 0; i < shards.count; i++)
        if (strstr(out->data, shards.items[i]))
            return true;
    return false;
}

/* `wit <before> DIR <behind>` while a shard changes after `reads` reads. Its exit code. */
static int run(const char *before, const char *behind, const char *how, int reads) {
    char command[3 * WIT_PATH_MAX], path[WIT_PATH_MAX + 8];
    struct wit_buf out = WIT_BUF_INIT(1 << 24);
    assert_int_equal(shell("rm -rf '%s' '%s.out'", dir, dir), 0);
    assert_int_equal(shell("cp -r '%s.good' '%s'", dir, dir), 0);
    snprintf(command, sizeof command,
             "LD_PRELOAD='%s' WIT_CHANGE_HOW=%s WIT_CHANGE_AFTER=%d timeout %d '%s' %s '%s' %s "
             ">'%s.out' 2>&1",
             getenv("WIT_CHANGE_UNDER"), how, reads, SECONDS, getenv("WIT"), before, dir, behind,
             dir);
    int status = system(command);
    snprintf(path, sizeof path, "%s.out", dir);
    assert_int_equal(wit_file_read(path, &out, NULL), 0);
    assert_int_equal(wit_buf_terminate(&out), 0);
    assert_true(WIFEXITED(status)); /* the shell hands a signal on as 128 and its number */
    int code = WEXITSTATUS(status);
    if (code > 1 || (code == 1 && !names_a_shard(&out)))
        print_error("wit %s DIR %s, %s after %d reads: exit %d%s: %s\n", before, behind, how, reads,
                    code, code == EXIT_TIMEOUT ? " (waits for ever)" : "", out.data);
    assert_true(code == 0 || (code == 1 && names_a_shard(&out)));
    wit_buf_finish(&out);
    return code;
}

static void test_every_reader(void **state) {
    static const struct {
        const char *before, *behind;
    } readers[] = {
        { "shards ls", "" },
        { "shards stat", "--json" },
        { "shards show", "--index 40" },
        { "shards verify", "--threads 2" },
        { "shards verify", "--fast" },
        { "shards repair", "--salvage --dry-run" },
        { "shards export", "--to webdataset --out export-of-it" },
        { "shards export", "--to files --out export-of-it" },
        { "load", "--batch 16 --size 32 --steps 20" },
        { "load", "--batch 16 --size 32 --steps 20 --bench" },
    };
    static const char *const ways[] = { "cut", "empty", "zeros", "replaced", "gone" };
    static const int moments[] = { 0, 3, 9, 40, 150 };
    char place[WIT_PATH_MAX];
    unsigned refused = 0, done = 0;
    if (!getenv("WIT_CHANGE_UNDER")) {
        print_message("skipped: nothing can be preloaded before a sanitizer\n");
        skip();
    }
    assert_non_null(getcwd(place, sizeof place));
    char work[] = "/tmp/wit-change-XXXXXX";
    assert_non_null(mkdtemp(work));
    assert_int_equal(chdir(work), 0);
    for (size_t r = 0; r < WIT_COUNT_OF(readers); r++) {
        unsigned refused_before = refused;
        for (size_t w = 0; w < WIT_COUNT_OF(ways); w++)
            for (size_t m = 0; m < WIT_COUNT_OF(moments); m++) {
                (void)shell("rm -rf %s%s", "export-of-it", "");
                if (run(readers[r].before, readers[r].behind, ways[w], moments[m]))
                    refused++;
                else
                    done++;
            }
        assert_true(refused > refused_before); /* a reader that notices nothing reads nothing */
    }
    assert_int_equal(chdir(place), 0);
    (void)shell("rm -rf %s%s", work, "");
    print_message("%u ended with a sentence, %u had what they needed\n", refused, done);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_reader) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
