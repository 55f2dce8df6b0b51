/* test_export.c: datasets in img2dataset's layouts: what Python's tarfile reads of them, the same
 * bytes whatever the shards were, and what a second run keeps or refuses. */
#include "collection.h"
#include "export_sample.h"
#include "tar_writer.h"
#include "wit_shards_export.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct wit_error err;
static char dataset[WIT_PATH_MAX], scratch[WIT_PATH_MAX];

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void shell(const char *fmt, ...) WIT_PRINTF(1, 2);
static void shell(const char *fmt, ...) {
    char line[3 * WIT_PATH_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    assert_true(len > 0 && (size_t)len < sizeof line);
    int status = system(line);
    if (status != 0)
        print_error("%s\n", line);
    assert_int_equal(status, 0);
}

/* "NAME" in the scratch folder. */
static const char *in_scratch(const char *name) {
    static char paths[4][WIT_PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    must(wit_path_join(path, scratch, name));
    return path;
}

/* ---- a dataset of all formats and awkward words --------------------------------------------- */

static void put_image(struct wit_shards_collector *c, const char *url, struct wit_str bytes,
                      enum wit_image_format format) {
    const struct wit_shards_fetched f = {
        .url = wit_str_from(url),
        .final_url = wit_str_from(url),
        .bytes = bytes,
        .info = { .format = format,
                  .width = 31,
                  .height = 17,
                  .components = 3,
                  .bit_depth = 8,
                  .orientation = 1 },
        .fetched_at_s = 1700000000,
    };
    must(wit_shards_collector_add_image(c, &f, &err));
}

static void put_smaller_image(struct wit_shards_collector *c, const char *url) {
    const struct wit_shards_fetched f = {
        .url = wit_str_from(url),
        .final_url = wit_str_from(url),
        .bytes = WIT_STR("what is left of it"),
        .info = { .format = WIT_IMAGE_JPEG,
                  .width = 256,
                  .height = 192,
                  .components = 3,
                  .bit_depth = 8,
                  .orientation = 1 },
        .changed = WIT_SHARDS_RESIZED,
        .fetched_key = wit_hash128_of("much more", 9),
        .fetched_width = 4000,
        .fetched_height = 3000,
        .fetched_at_s = 1700000000,
    };
    must(wit_shards_collector_add_image(c, &f, &err));
}

static void put_words(struct wit_shards_collector *c, const char *url, struct wit_str text,
                      const char *page, const char *extra) {
    const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                               .text = text,
                                               .source = WIT_SHARDS_LIST,
                                               .page = wit_str_from(page),
                                               .extra = wit_str_from(extra) };
    must(wit_shards_collector_add_candidate(c, &cand, &err));
}

static void special_samples(struct wit_shards_collector *c) {
    static char long_body[3 << 20]; /* longer than the tar's buffer */
    for (size_t i = 0; i < sizeof long_body; i++)
        long_body[i] = (char)(i * 2654435761u >> 13);
    put_image(c, "http://a.test/1.png", WIT_STR("png, not really"), WIT_IMAGE_PNG);
    put_words(c, "http://a.test/1.png", WIT_STR("z: the last of three"), "http://a.test/p", "");
    put_words(c, "http://a.test/1.png", WIT_STR("a line\nand \"another\"\r\n\tone"), "",
              "{\"punsafe\":0.25,\"n\":[1,null,true],\"page\":\"taken\",\"o\":{\"x\":\"y\"}}");
    put_words(c, "http://a.test/1.png", WIT_STR("\xE7\x8C\xAB \xF0\x9F\x90\x88"), "", "");
    put_image(c, "http://a.test/2.webp", WIT_STR("webp, not really"), WIT_IMAGE_WEBP);
    put_words(c, "http://a.test/2.webp", WIT_STR(""), "", "{\"uid\":\"0042\"}");
    put_image(c, "http://a.test/3.gif", wit_str_of(long_body, sizeof long_body), WIT_IMAGE_GIF);
    put_words(c, "http://a.test/3.gif", WIT_STR("under two names"), "http://a.test/q", "");
    put_image(c, "http://b.test/3.gif", wit_str_of(long_body, sizeof long_body), WIT_IMAGE_GIF);
    put_words(c, "http://b.test/3.gif", WIT_STR("a second name"), "http://b.test/r", "");
    /* 512 bytes: a member that needs no padding. */
    put_image(c, "http://a.test/4.jpg", wit_str_of(long_body, 512), WIT_IMAGE_JPEG);
    put_words(c, "http://a.test/4.jpg", WIT_STR("exactly one block"), "", "");
    put_smaller_image(c, "http://a.test/5.jpg");
    put_words(c, "http://a.test/5.jpg", WIT_STR("stored smaller"), "", "");
}

static void dataset_make(const char *dir, uint64_t order, int bits) {
    const struct collection c = { .seed = 51, .urls = 30, .images = 24, .candidates = 120 };
    struct wit_shards_collector *collector = NULL;
    struct wit_shards_seal_report report;
    must(collection_run(&c, 0, collection_steps(&c), order, dir, &err));
    must(wit_shards_collector_open(dir, &collector, &err));
    special_samples(collector);
    must(wit_shards_collector_commit(collector, &err));
    wit_shards_collector_close(collector);
    must(seal_simple(dir, 1, bits, &report, &err));
}

static int set_up(void **state) {
    scratch_make(dataset);
    scratch_make(scratch);
    dataset_make(dataset, 1, 2);
    return 0;
}

static int tear_down(void **state) {
    scratch_remove(dataset);
    scratch_remove(scratch);
    return 0;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_tar(void **state) {
    struct tar_writer *w = NULL;
    struct wit_buf file = WIT_BUF_INIT(1 << 20);
    struct wit_hash128 hash;
    uint64_t bytes;
    char longest[TAR_NAME_MOST + 2];
    const char *path = in_scratch("one.tar");
    memset(longest, 'n', sizeof longest);
    longest[TAR_NAME_MOST + 1] = '\0';
    must(tar_writer_open(path, &w, &err));
    assert_int_equal(tar_writer_add(w, longest, WIT_STR("x"), &err), WIT_EINVAL);
    assert_int_equal(tar_writer_add(w, "", WIT_STR("x"), &err), WIT_EINVAL);
    assert_int_equal(tar_writer_add(w, "a/b", WIT_STR("x"), &err), WIT_EINVAL);
    must(tar_writer_add(w, longest + 1, WIT_STR("0123456789"), &err));
    must(tar_writer_add(w, "empty", WIT_STR(""), &err));
    must(tar_writer_finish(w, &bytes, &hash, &err));
    tar_writer_close(w);
    must(wit_file_read(path, &file, &err));
    assert_int_equal(bytes, TAR_RECORD_BYTES);
    assert_int_equal(file.len, bytes);
    assert_true(wit_hash128_eq(hash, wit_hash128_of(file.data, file.len)));
    shell("tar tvf %s > %s && grep -q ' 10 .* %s$' %s && grep -q ' 0 .* empty$' %s", path,
          in_scratch("list"), longest + 1, in_scratch("list"), in_scratch("list"));
    shell("tar xOf %s %s | grep -qx 0123456789", path, longest + 1);
    wit_buf_finish(&file);
}

static void test_python_reads_it(void **state) {
    static const char *const layouts[] = { "webdataset", "files" };
    static const char *const captions[] = { "first", "all", "join" };
    static const unsigned per_shard[] = { 7, 10, 1 };
    const char *root = getenv("WIT_SOURCE_ROOT");
    assert_non_null(root);
    for (unsigned i = 0; i < 2 * WIT_COUNT_OF(per_shard); i++) {
        char out[64];
        snprintf(out, sizeof out, "layout%u", i);
        shell("'%s' shards export %s --to %s --out %s --captions %s --per-shard %u >%s",
              getenv("WIT"), dataset, layouts[i % 2], in_scratch(out), captions[i / 2],
              per_shard[i / 2], in_scratch("said"));
        shell("python3 %s/tests/shards/export_check.py %s %s %s %s %u", root, dataset,
              in_scratch(out), layouts[i % 2], captions[i / 2], per_shard[i / 2]);
    }
}

static void read_any(struct wit_buf *record, struct wit_shards_sample *sample) {
    struct wit_shards_dataset *ds = NULL;
    must(wit_shards_dataset_open(dataset, NULL, &ds, &err));
    must(wit_shards_read(ds, 0, 0, record, sample, &err));
    wit_shards_dataset_close(ds);
}

static void test_an_image_stored_smaller(void **state) {
    struct wit_buf record = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_buf json = WIT_BUF_INIT(1 << 20);
    struct export_facts facts;
    struct wit_shards_sample sample;
    const char *const origins = "{\"url\":\"http://a/\",\"seen\":[],\"fetched\":{\"width\":4000,"
                                "\"height\":3000}}\n{\"urls_left_out\":3}\n";
    read_any(&record, &sample);
    sample.changed = WIT_SHARDS_RESIZED;
    must(export_facts_make(&sample, "0", WIT_STR("words"), wit_str_from(origins), &facts, &err));
    must(export_facts_json(&facts, &json, &err));
    export_facts_finish(&facts);
    must(wit_buf_terminate(&json));
    assert_non_null(strstr(json.data, "\"original_width\":4000,\"original_height\":3000"));
    assert_non_null(strstr(json.data, "\"sha256\":null"));
    assert_non_null(strstr(json.data, "\"url\":\"http://a/\",\"caption\":\"words\""));
    assert_non_null(strstr(json.data, "\"page\":null"));
    assert_int_equal(export_facts_make(&sample, "0", WIT_STR(""), WIT_STR("{\"url\":"), &facts,
                                       &err),
                     WIT_EFORMAT);
    wit_buf_finish(&record);
    wit_buf_finish(&json);
}

/* The defaults are those of img2dataset: keys of nine digits. */
static void test_defaults(void **state) {
    struct wit_shards_export_config cfg = wit_shards_export_config_default();
    struct wit_shards_export_report report;
    cfg.out = in_scratch("defaults");
    must(wit_shards_export(dataset, &cfg, &report, &err));
    assert_int_equal(report.shards, 1);
    shell("tar tf %s/00000.tar | head -n 1 | grep -qE '^000000000\\.(jpg|png|webp|gif)$'", cfg.out);
    must(wit_shards_export(dataset, &cfg, &report, &err));
    assert_int_equal(report.kept, 1);
    assert_true(report.samples > 20);
}

/* Other shards, another order of collecting: the same bytes. */
static void test_same_bytes(void **state) {
    struct wit_shards_export_config cfg = wit_shards_export_config_default();
    struct wit_shards_export_report report;
    char other[WIT_PATH_MAX];
    cfg.per_shard = 5;
    scratch_make(other);
    dataset_make(other, 99, 0);
    cfg.out = in_scratch("same-a");
    must(wit_shards_export(dataset, &cfg, &report, &err));
    cfg.out = in_scratch("same-b");
    must(wit_shards_export(other, &cfg, &report, &err));
    shell("diff -r --exclude=export.json %s %s", in_scratch("same-a"), in_scratch("same-b"));
    /* But they are not mixed: the files that they come from are not the same. */
    assert_int_equal(wit_shards_export(dataset, &cfg, &report, &err), WIT_EEXIST);
    scratch_remove(other);
}

static void test_refusals(void **state) {
    struct wit_shards_export_config cfg = wit_shards_export_config_default();
    struct wit_shards_export_report report = { .samples = 77 };
    const char *foreign = in_scratch("foreign");
    cfg.out = in_scratch("settings");
    must(wit_shards_export(dataset, &cfg, &report, &err));
    report.samples = 77;
    cfg.captions = WIT_SHARDS_EXPORT_ALL;
    assert_int_equal(wit_shards_export(dataset, &cfg, &report, &err), WIT_EEXIST);
    assert_non_null(strstr(err.text, "settings"));
    shell("mkdir %s && touch %s/mine", foreign, foreign);
    cfg.out = foreign;
    assert_int_equal(wit_shards_export(dataset, &cfg, &report, &err), WIT_EEXIST);
    assert_non_null(strstr(err.text, "mine"));
    cfg.out = in_scratch("never");
    cfg.per_shard = 0;
    assert_int_equal(wit_shards_export(dataset, &cfg, &report, &err), WIT_EINVAL);
    cfg.per_shard = 1;
    cfg.parquet = true;
    cfg.per_shard = 1;
    if (!wit_table_is_supported())
        assert_int_equal(wit_shards_export(dataset, &cfg, &report, &err), WIT_EUNSUPPORTED);
    cfg.parquet = false;
    cfg.out = "";
    assert_int_equal(wit_shards_export(dataset, &cfg, &report, &err), WIT_EINVAL);
    cfg.out = in_scratch("never");
    assert_int_equal(wit_shards_export(scratch, &cfg, &report, &err), WIT_ENOTFOUND);
    assert_false(wit_file_exists(cfg.out));
    assert_int_equal(report.samples, 77);
}

/* What a second run finds wanting it writes again, and only that. */
static void test_a_second_run(void **state) {
    struct wit_shards_export_config cfg = wit_shards_export_config_default();
    struct wit_shards_export_report first, report;
    cfg.per_shard = 5;
    for (unsigned files = 0; files < 2; files++) {
        const char *whole = in_scratch(files ? "whole-files" : "whole-tars");
        const char *again = in_scratch(files ? "again-files" : "again-tars");
        cfg.layout = files ? WIT_SHARDS_EXPORT_FILES : WIT_SHARDS_EXPORT_WEBDATASET;
        cfg.out = whole;
        must(wit_shards_export(dataset, &cfg, &first, &err));
        assert_true(first.shards > 4 && first.kept == 0);
        cfg.out = again;
        must(wit_shards_export(dataset, &cfg, &report, &err));
        shell(files ? "cd %s && rm 00000_stats.json 00001/000012.txt && rm -r 00003 && "
                      "mkdir 00003.part && touch 00003.part/x && echo '{' > 00004_stats.json"
                    : "cd %s && rm 00000_stats.json 00003.tar && truncate -s -512 00001.tar && "
                      "echo x > 00003.tar.part && echo '{' > 00004_stats.json",
              again);
        must(wit_shards_export(dataset, &cfg, &report, &err));
        assert_int_equal(report.shards, first.shards);
        assert_int_equal(report.bytes, first.bytes);
        assert_int_equal(report.kept, first.shards - 4);
        shell("diff -r %s %s", whole, again);
    }
}

/* Tables beside an export and of outcomes, as pyarrow reads them. */
static void test_parquet(void **state) {
    const char *python = getenv("WIT_ARROW_PYTHON"), *root = getenv("WIT_SOURCE_ROOT");
    const char *wit = getenv("WIT");
    if (!wit_table_is_supported()) {
        skip();
        return;
    }
    const char *out = in_scratch("tables"), *jsonl = in_scratch("outcomes.jsonl");
    const char *parquet = in_scratch("outcomes.parquet");
    shell("'%s' shards export %s --to webdataset --per-shard 9 --parquet --out %s", wit, dataset,
          out);
    shell("'%s' %s/tests/shards/parquet_check.py export %s", python, root, out);
    shell("'%s' shards export %s --to metadata --per-shard 9 --out %s-facts >%s && cmp "
          "%s-facts/00001.parquet %s/00001.parquet",
          wit, dataset, out, in_scratch("said"), out, out);
    shell("cp -r %s %s-old && cd %s && rm 00001.parquet && '%s' shards export %s --to webdataset "
          "--per-shard 9 --parquet --out . && diff -r . %s-old",
          out, out, out, wit, dataset, out);
    shell("'%s' crawl outcomes %s --format parquet --out %s", wit, dataset, parquet);
    shell("'%s' crawl outcomes %s --format jsonl > %s", wit, dataset, jsonl);
    shell("'%s' %s/tests/shards/parquet_check.py rows %s %s", python, root, parquet, jsonl);
    shell("! test -e %s.tmp && ! '%s' crawl outcomes %s --format parquet --out %s/none/x 2>%s",
          parquet, wit, dataset, scratch, in_scratch("said"));
}

/* What a full disk leaves of a table: nothing. */
static void test_table_without_room(void **state) {
    static const struct wit_table_column columns[] = { { "a", WIT_TABLE_TEXT } };
    struct wit_table_writer *w = NULL;
    if (!wit_table_is_supported()) {
        skip();
        return;
    }
    const char *path = in_scratch("full.parquet");
    shell("ln -s /dev/full %s.tmp", path);
    int st = wit_table_writer_open(path, columns, 1, &w, &err);
    for (int i = 0; i < 3 && st >= 0; i++) {
        wit_table_put_text(w, WIT_STR("bytes that are not UTF-8: \xFF"));
        st = wit_table_row_end(w, &err);
    }
    if (st >= 0)
        st = wit_table_writer_finish(w, NULL, &err);
    assert_int_equal(st, WIT_ENOSPC);
    wit_table_writer_close(w);
    assert_false(wit_file_exists(path));
    shell("! test -L %s.tmp", path);
}

static void stop_after(void *user, uint64_t done, uint64_t total) {
    volatile int *stop = user;
    assert_true(total > done || total == done);
    *stop = done >= 12;
}

static void test_an_interrupt(void **state) {
    volatile int stop = 0;
    struct wit_shards_export_config cfg = wit_shards_export_config_default();
    struct wit_shards_export_report report;
    cfg.per_shard = 5;
    cfg.out = in_scratch("interrupted");
    cfg.progress = stop_after;
    cfg.user = (void *)&stop;
    cfg.interrupt = &stop;
    assert_int_equal(wit_shards_export(dataset, &cfg, &report, &err), WIT_ECANCELED);
    assert_non_null(strstr(err.text, "00002.tar"));
    shell("test \"$(ls %s | tr '\\n' ' ')\" = '00000.tar 00000_stats.json 00001.tar "
          "00001_stats.json export.json '",
          cfg.out);
    stop = 0;
    cfg.progress = NULL;
    must(wit_shards_export(dataset, &cfg, &report, &err));
    assert_int_equal(report.kept, 2);
}

static int cli(const char *args) {
    char line[3 * WIT_PATH_MAX];
    snprintf(line, sizeof line, "cd %s && '%s' shards export %s >out.txt 2>&1", scratch,
             getenv("WIT"), args);
    int status = system(line);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_the_command(void **state) {
    char args[2 * WIT_PATH_MAX];
    assert_int_equal(cli("--help"), 0);
    assert_int_equal(cli(""), 2);
    assert_int_equal(cli(". --to tfrecord --out x"), 2);
    assert_int_equal(cli(". --to files --out x --captions some"), 2);
    assert_int_equal(cli(". --to files --out x --per-shard 0"), 2);
    assert_int_equal(cli(". --to files"), 2);
    assert_int_equal(cli(". --out x"), 2);
    assert_int_equal(cli("a b --to files --out x"), 2);
    assert_int_equal(cli(". --to files --out x"), 1); /* no dataset there */
    snprintf(args, sizeof args, "%s --to webdataset --out cli --per-shard 20 --json", dataset);
    assert_int_equal(cli(args), 0);
    shell("cd %s && grep -q 'wit.shards.export/1.*00001.tar.*\"kept\":false' out.txt && "
          "tail -n 1 out.txt | grep -q 'wit.shards.exported/1.*\"kept\":0'",
          scratch);
    assert_int_equal(cli(args), 0);
    shell("cd %s && test $(grep -c '\"kept\":true' out.txt) = 2", scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tar),
        cmocka_unit_test(test_python_reads_it),
        cmocka_unit_test(test_an_image_stored_smaller),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_second_run),
        cmocka_unit_test(test_parquet),
        cmocka_unit_test(test_table_without_room),
        cmocka_unit_test(test_an_interrupt),
        cmocka_unit_test(test_the_command),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
