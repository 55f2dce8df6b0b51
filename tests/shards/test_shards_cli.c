/* test_shards_cli.c: the verbs of `wit shards` as a user or a script meets them. */
#include "collection.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct wit_error err;
static char dir[WIT_PATH_MAX];

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* Run `wit shards <args>`; stdout and stderr together into out. Returns the exit code. */
static int run(struct wit_buf *out, const char *args) {
    char command[2 * WIT_PATH_MAX], chunk[4096];
    const char *wit = getenv("WIT");
    snprintf(command, sizeof command, "cd '%s' && '%s' shards %s 2>&1", dir, wit ? wit : "wit",
             args);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    wit_buf_reset(out);
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, pipe)) > 0)
        must(wit_buf_append(out, chunk, n));
    must(wit_buf_terminate(out));
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The wait status of `wit <command> <verb> <arg>` when nobody reads its stdout. */
static int run_into_closed_pipe(const char *command, const char *verb, const char *arg) {
    int ends[2], status;
    const char *wit = getenv("WIT");
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL); /* whatever started this test may ignore it */
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        execlp(wit ? wit : "wit", "wit", command, verb, arg, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Every line of stdout is a JSON object; the number of those with this schema. A sentence on stderr
 * begins with the program's name. */
static unsigned count_schema(const struct wit_buf *out, const char *schema) {
    struct wit_str text = wit_buf_view(out);
    unsigned count = 0;
    for (size_t at = 0; at < text.len;) {
        ptrdiff_t end = wit_str_find_byte(text, '\n', at);
        struct wit_json *line = NULL;
        struct wit_str name;
        assert_true(end >= 0);
        if (wit_str_starts_with(wit_str_slice(text, at, text.len), WIT_STR("wit shards: "))) {
            at = (size_t)end + 1;
            continue;
        }
        must(wit_json_parse(wit_str_slice(text, at, (size_t)end), "line", &line, &err));
        must(wit_json_string(wit_json_get(line, "schema"), &name));
        count += wit_str_eq(name, wit_str_from(schema));
        wit_json_destroy(line);
        at = (size_t)end + 1;
    }
    return count;
}

static void test_verbs(void **state) {
    const struct collection c = { .seed = 41, .urls = 40, .images = 30, .candidates = 150 };
    struct wit_buf out = WIT_BUF_INIT(1 << 24);
    char args[256], key[64];
    scratch_make(dir);
    assert_int_equal(run(&out, "ls ."), 1);
    assert_non_null(strstr(out.data, "dataset.json"));
    assert_int_equal(run(&out, "seal ."), 1);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    assert_int_equal(run(&out, "seal . --bits 2 --threads 2 --memory 1048576 --json"), 0);
    assert_int_equal(count_schema(&out, "wit.shards.seal/1"), 1);
    assert_non_null(strstr(out.data, "\"changed\":true"));
    assert_int_equal(run(&out, "seal . --bits 2"), 0);
    assert_non_null(strstr(out.data, "nothing changed"));
    assert_int_equal(run(&out, "ls . --json"), 0);
    unsigned samples = count_schema(&out, "wit.shards.sample/1");
    assert_true(samples > 10);
    const char *first = strstr(out.data, "\"key\":\"");
    assert_non_null(first);
    snprintf(key, sizeof key, "%.32s", first + 7);
    int status = run_into_closed_pipe("shards", "ls", dir);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    status = run_into_closed_pipe("train", "check", "--help");
    assert_true(WIFEXITED(status)); /* a long job is not killed by it */
    assert_int_equal(run(&out, ". --shards --json"), 0);
    assert_int_equal(count_schema(&out, "wit.shards.shard/1"), 4);
    assert_int_equal(run(&out, "stat . --json"), 0);
    assert_int_equal(count_schema(&out, "wit.shards.stat/1"), 1);
    snprintf(args, sizeof args, "show . %s --json --image x.img", key);
    assert_int_equal(run(&out, args), 0);
    assert_int_equal(count_schema(&out, "wit.shards.show/1"), 1);
    struct wit_buf image = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX], hex[WIT_HASH128_HEX];
    must(wit_path_join(path, dir, "x.img"));
    must(wit_file_read(path, &image, &err));
    wit_hash128_to_hex(wit_hash128_of(image.data, image.len), hex);
    assert_string_equal(hex, key);
    wit_buf_finish(&image);
    snprintf(args, sizeof args, "show . --index %u", samples);
    assert_int_equal(run(&out, args), 1);
    assert_int_equal(run(&out, "verify . --json"), 0);
    assert_int_equal(count_schema(&out, "wit.shards.verify/1"), 4);
    assert_int_equal(count_schema(&out, "wit.shards.verified/1"), 1);

    assert_int_equal(run(&out, "verify . --bits 3"), 2);
    assert_int_equal(run(&out, "show ."), 2);
    assert_int_equal(run(&out, "ls . extra"), 2);
    assert_int_equal(run(&out, "seal . --bits 17"), 2);
    assert_int_equal(run(&out, "seal . --memory 1"), 2);
    assert_int_equal(run(&out, "seal . --max-runs 0"), 2);
    assert_int_equal(run(&out, "verify . --memory 2000000"), 2);
    assert_int_equal(run(&out, "verify --help"), 0);
    wit_buf_finish(&out);
}

static void test_verify_names_the_file(void **state) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_shard_info info;
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX], file[128];
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    wit_shards_shard_info(ds, 2, &info);
    snprintf(file, sizeof file, "%s", info.file);
    must(wit_path_join(path, dir, "shards"));
    must(wit_buf_printf(&out, "%s/%s", path, file));
    must(wit_buf_terminate(&out));
    wit_shards_dataset_close(ds);
    assert_int_equal(truncate(out.data, (off_t)info.file_bytes - 1000), 0);
    assert_int_equal(run(&out, "verify ."), 1);
    assert_non_null(strstr(out.data, file));
    assert_non_null(strstr(out.data, "cut"));
    struct wit_str text = wit_buf_view(&out);
    ptrdiff_t end = wit_str_find_byte(text, '\n', 0);
    ptrdiff_t name = wit_str_find(text, wit_str_from(file), 0);
    assert_true(name >= 0 && name < end);
    name = wit_str_find(text, wit_str_from(file), (size_t)name + 1);
    assert_true(name < 0 || name > end); /* a line names it once */
    assert_int_equal(run(&out, "verify . --json"), 1);
    assert_true(count_schema(&out, "wit.shards.fault/1") > 0);
    assert_int_equal(run(&out, "ls ."), 1);
    assert_non_null(strstr(out.data, file));
    wit_buf_finish(&out);
    scratch_remove(dir);
}

/* A byte of an image in the first shard that keeps the file's size and the time of its bytes. */
static void damage_quietly(void) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_shard_info info;
    struct wit_buf buf = WIT_BUF_INIT(1 << 20), file = WIT_BUF_INIT(1 << 24);
    struct wit_shards_sample sample;
    char shards[WIT_PATH_MAX], path[WIT_PATH_MAX];
    struct stat before;
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    wit_shards_shard_info(ds, 0, &info);
    must(wit_shards_read(ds, 0, 0, &buf, &sample, &err));
    must(wit_path_join(shards, dir, "shards"));
    must(wit_path_join(path, shards, info.file));
    must(wit_file_read(path, &file, &err));
    ptrdiff_t at = wit_str_find(wit_buf_view(&file), sample.value, 0);
    assert_true(at > 0);
    off_t last = (off_t)((size_t)at + sample.value.len - 1);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char byte = (char)~file.data[last];
    assert_true(fd >= 0 && fstat(fd, &before) == 0);
    assert_int_equal(pwrite(fd, &byte, 1, last), 1);
    const struct timespec times[] = { before.st_atim, before.st_mtim };
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    wit_buf_finish(&file);
}

static void test_verify_depths(void **state) {
    const struct collection c = { .seed = 43, .urls = 40, .images = 30, .candidates = 150 };
    struct wit_shards_seal_report report;
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 2, &report, &err));
    assert_int_equal(run(&out, "verify . --full"), 0);
    assert_int_equal(run(&out, "verify . --fast"), 0); /* too young to be remembered */
    assert_non_null(strstr(out.data, "0 read in full, 0 checked before and not written to since, "
                                     "4 never"));
    sleep(4);
    assert_int_equal(run(&out, "verify . --new"), 0);
    assert_non_null(strstr(out.data, "all well"));
    assert_int_equal(run(&out, "verify . --new"), 0);
    assert_non_null(strstr(out.data, "0 read in full, 4 checked before"));
    assert_int_equal(run(&out, "verify . --fast --json"), 0);
    assert_int_equal(count_schema(&out, "wit.shards.verify/1"), 4);
    assert_null(strstr(out.data, "\"checked_at_s\":null"));
    assert_int_equal(run(&out, "verify . --json"), 0);
    assert_null(strstr(out.data, "\"depth\":\"fast\""));
    /* The structure of the file is as it was, and its times too, but for the inode's. */
    damage_quietly();
    assert_int_equal(run(&out, "verify . --fast"), 0);
    assert_non_null(strstr(out.data, "3 checked before and not written to since, 1 never"));
    assert_int_equal(run(&out, "verify . --new"), 1);
    assert_non_null(strstr(out.data, "do not match their hash"));
    assert_int_equal(run(&out, "verify ."), 1);
    /* A cache that is damaged is none. */
    must(wit_path_join(path, dir, "shards/verified.json"));
    assert_int_equal(truncate(path, 40), 0);
    assert_int_equal(run(&out, "verify . --fast"), 0);
    assert_non_null(strstr(out.data, "4 never"));
    wit_buf_finish(&out);
    scratch_remove(dir);
}

static void test_repair(void **state) {
    const struct collection c = { .seed = 44, .urls = 40, .images = 30, .candidates = 150 };
    struct wit_shards_seal_report report;
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    char collect[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 1, &report, &err));
    must(wit_path_join(collect, dir, "collect"));
    must(wit_dir_remove(collect, &err));
    assert_int_equal(run(&out, "repair ."), 0);
    assert_non_null(strstr(out.data, "nothing is damaged"));
    damage_quietly();
    assert_int_equal(run(&out, "repair . --dry-run"), 1);
    assert_non_null(strstr(out.data, "nothing was written"));
    assert_non_null(strstr(out.data, "  lost "));
    assert_int_equal(run(&out, "repair . --out fixed --json"), 1);
    assert_int_equal(count_schema(&out, "wit.shards.repair/1"), 1);
    assert_int_equal(count_schema(&out, "wit.shards.lost/1"), 1);
    assert_int_equal(count_schema(&out, "wit.shards.repaired/1"), 1);
    assert_int_equal(run(&out, "verify fixed"), 0);
    assert_int_equal(run(&out, "verify ."), 1);
    assert_int_equal(run(&out, "repair ."), 1);
    assert_non_null(strstr(out.data, "./damaged/1"));
    assert_int_equal(run(&out, "verify ."), 0);
    assert_int_equal(run(&out, "repair ."), 0);
    assert_int_equal(run(&out, "repair . --bits 2"), 2);
    assert_int_equal(run(&out, "repair"), 2);
    wit_buf_finish(&out);
    scratch_remove(dir);
}

static void test_seal_keeps_a_balanced_dataset(void **state) {
    const struct collection c = { .seed = 42, .urls = 20, .images = 20, .candidates = 60 };
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report report;
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    cfg.recipe = WIT_STR("{\"per_query\":20}");
    must(wit_shards_seal(dir, &cfg, &report, &err));
    assert_int_equal(run(&out, "seal ."), 1);
    assert_non_null(strstr(out.data, "wit build"));
    assert_int_equal(run(&out, "verify ."), 0);
    wit_buf_finish(&out);
    scratch_remove(dir);
}

static void test_stat_names_every_source(void **state) {
    struct wit_shards_collector *collector = NULL;
    struct wit_shards_seal_report report;
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    unsigned source = 1;
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &collector, &err));
    const struct wit_shards_fetched image = {
        .url = WIT_STR("http://x.test/1.gif"),
        .final_url = WIT_STR("http://x.test/1.gif"),
        .bytes = WIT_STR("bytes"),
        .info = { .format = WIT_IMAGE_GIF,
                  .width = 1,
                  .height = 1,
                  .components = 1,
                  .bit_depth = 8 },
    };
    must(wit_shards_collector_add_image(collector, &image, &err));
    for (; strcmp(wit_shards_source_name((enum wit_shards_source)source), "unknown") != 0;
         source++) {
        const struct wit_shards_candidate cand = { .url = image.url,
                                                   .text = WIT_STR("words"),
                                                   .source = (enum wit_shards_source)source };
        must(wit_shards_collector_add_candidate(collector, &cand, &err));
    }
    assert_true(source > 6);
    must(wit_shards_collector_commit(collector, &err));
    wit_shards_collector_close(collector);
    must(seal_simple(dir, 1, 0, &report, &err));
    assert_int_equal(run(&out, "stat . --json"), 0);
    while (--source) {
        char count[64];
        snprintf(count, sizeof count, "\"%s\":1",
                 wit_shards_source_name((enum wit_shards_source)source));
        assert_non_null(strstr(out.data, count));
    }
    assert_non_null(strstr(out.data, "\"gif\":1"));
    assert_null(strstr(out.data, "unknown"));
    wit_buf_finish(&out);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_verify_names_the_file),
        cmocka_unit_test(test_verify_depths),
        cmocka_unit_test(test_repair),
        cmocka_unit_test(test_seal_keeps_a_balanced_dataset),
        cmocka_unit_test(test_stat_names_every_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
