/*
 * test_list_parquet.c: lists in parquet give the rows of the same lists in jsonl, from their start
 * and from anywhere; broken files end in a sentence. Skipped in builds without Arrow.
 */
#include "../shards/collection.h"
#include "table/wit_table.h"
#include "wit_crawler_list.h"

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { SKIPPED = 77, ROWS = 3000 };

static struct wit_error err;
static char folder[WIT_PATH_MAX];
static char last_complaint[1024];
static unsigned complaints;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void on_complaint(void *user, const char *file, uint64_t line, const char *why) {
    snprintf(last_complaint, sizeof last_complaint, "%s", why);
    complaints++;
}

static const char *path_of(const char *name) {
    static char path[WIT_PATH_MAX];
    must(wit_path_join(path, folder, name));
    return path;
}

static void hash_text(struct wit_hasher *h, struct wit_str text) {
    uint64_t len = text.len;
    wit_hasher_update(h, &len, sizeof len);
    wit_hasher_update(h, text.data, text.len);
}

static void row_hash(struct wit_hasher *h, const struct wit_crawler_list_row *row) {
    hash_text(h, wit_str_from(row->reason));
    hash_text(h, row->url);
    hash_text(h, row->extra);
    hash_text(h, row->digest);
    wit_hasher_update(h, &row->line, sizeof row->line);
    for (size_t i = 0; i < row->caption_count; i++)
        hash_text(h, row->captions[i]);
}

static struct wit_crawler_list *list_of(const char *name) {
    static const char *path;
    static const char *const captions[] = { "TEXT" };
    static const char *const keep[] = { "punsafe", "n",   "big", "small", "yes",
                                        "tags",    "box", "o",   "kind",  "TEXT" };
    struct wit_crawler_list *list = NULL;
    path = path_of(name);
    const struct wit_crawler_list_config cfg = {
        .paths = &path,
        .path_count = 1,
        .url_column = "URL",
        .caption_columns = captions,
        .caption_count = 1,
        .keep_columns = keep,
        .keep_count = WIT_COUNT_OF(keep),
        .hash_column = "sha256",
        .hash_kind = WIT_DIGEST_SHA256,
        .complain = on_complaint,
    };
    must(wit_crawler_list_open(&cfg, &list, &err));
    return list;
}

/* Hash of the rows from `from` on, and where the reader was before row `note`. */
static struct wit_hash128 rows_hash(const char *name, const struct wit_crawler_list_position *from,
                                    uint64_t skip, struct wit_crawler_list_position *note,
                                    uint64_t *count) {
    struct wit_crawler_list *list = list_of(name);
    struct wit_crawler_list_row row;
    struct wit_hasher *h = wit_hasher_create();
    assert_non_null(h);
    if (from)
        must(wit_crawler_list_seek(list, from, &err));
    int st;
    for (*count = 0; (st = wit_crawler_list_next(list, &row, &err)) > 0; ++*count) {
        if (*count >= skip)
            row_hash(h, &row);
        if (note && *count + 1 == skip)
            *note = wit_crawler_list_tell(list);
    }
    must(st);
    struct wit_hash128 hash = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    wit_crawler_list_close(list);
    return hash;
}

static void test_rows_are_those_of_jsonl(void **state) {
    static const char *const names[] = { "snappy.parquet", "zstd.parquet", "gzip.parquet",
                                         "plain.parquet" };
    uint64_t count;
    complaints = 0;
    struct wit_hash128 want = rows_hash("same.jsonl", NULL, 0, NULL, &count);
    unsigned bad = complaints;
    assert_int_equal(count, ROWS);
    assert_true(bad > 10);
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++) {
        complaints = 0;
        assert_true(wit_hash128_eq(rows_hash(names[i], NULL, 0, NULL, &count), want));
        assert_int_equal(count, ROWS);
        assert_int_equal(complaints, bad);
    }
}

/* A reader that goes on anywhere gives what follows there. */
static void test_seek(void **state) {
    static const uint64_t skips[] = { 1, 169, 170, 171, 1024, 2890, 2999, 3000 };
    for (size_t i = 0; i < WIT_COUNT_OF(skips); i++) {
        struct wit_crawler_list_position at = { .rows = 0 };
        uint64_t count;
        struct wit_hash128 want = rows_hash("snappy.parquet", NULL, skips[i], &at, &count);
        assert_int_equal(at.next.offset, skips[i]);
        assert_int_equal(at.next.line, skips[i] + 1);
        struct wit_hash128 got = rows_hash("snappy.parquet", &at, 0, NULL, &count);
        assert_int_equal(count, ROWS - skips[i]);
        assert_true(wit_hash128_eq(got, want));
    }
    struct wit_crawler_list_position behind = { .next = { .offset = ROWS + 1, .line = 1 },
                                                .rows = 1 };
    uint64_t count;
    complaints = 0;
    (void)rows_hash("snappy.parquet", &behind, 0, NULL, &count);
    assert_int_equal(count, 0);
    assert_int_equal(complaints, 1);
    assert_non_null(strstr(last_complaint, "shorter"));
}

static struct wit_table_reader *table_of(const char *name, const char *column, const char *other) {
    static const char *columns[2];
    struct wit_table_reader *r = NULL;
    columns[0] = column;
    columns[1] = other;
    must(wit_table_reader_open(path_of(name), columns, other ? 2 : 1, 4 << 20, &r, &err));
    return r;
}

static void next_is(struct wit_table_reader *r, const char *want) {
    struct wit_str row;
    int st = wit_table_reader_next(r, &row, &err);
    must(st);
    assert_int_equal(st, want ? 1 : 0);
    if (want && !wit_str_eq(row, wit_str_from(want)))
        print_error("%.*s\n", WIT_STR_FMT(row));
    assert_true(!want || wit_str_eq(row, wit_str_from(want)));
}

static void test_odd_values(void **state) {
    struct wit_table_reader *r = table_of("odd.parquet", "url", "caption");
    next_is(r, "{\"url\":\"http://x.test/1\",\"caption\":\"caf\xEF\xBF\xBD\"}");
    next_is(r, "{\"url\":\"http://x.test/\xEF\xBF\xBD\",\"caption\":\"\xE7\x8C\xAB\"}");
    next_is(r, "{\"url\":\"http://x.test/3\",\"caption\":null}");
    next_is(r, NULL);
    next_is(r, NULL);
    wit_table_reader_close(r);
    r = table_of("odd.parquet", "day", "year");
    next_is(r, "{\"day\":\"1970-01-01\",\"year\":2020}");
    wit_table_reader_close(r);
    r = table_of("empty.parquet", "url", NULL);
    next_is(r, NULL);
    wit_table_reader_close(r);
    r = table_of("long.parquet", "caption", NULL);
    next_is(r, "{\"caption\":\"a\"}");
    next_is(r, "");
    next_is(r, "{\"caption\":\"c\"}");
    wit_table_reader_close(r);
    wit_table_reader_close(NULL);
}

static void test_refusals(void **state) {
    static const char *const columns[] = { "caption" };
    struct wit_table_reader *r = NULL;
    struct wit_str row;
    assert_int_equal(wit_table_reader_open(path_of("snappy.parquet"), columns, 1, 1 << 20, &r,
                                           &err),
                     WIT_EFORMAT);
    assert_non_null(strstr(err.text, "'caption', but unused, TEXT, URL"));
    assert_int_equal(wit_table_reader_open(path_of("same.jsonl"), columns, 1, 1 << 20, &r, &err),
                     WIT_EFORMAT);
    assert_true(wit_table_reader_open(path_of("none.parquet"), columns, 1, 1 << 20, &r, &err) < 0);
    assert_null(r);
    r = table_of("bomb.parquet", "url", NULL);
    assert_int_equal(wit_table_reader_next(r, &row, &err), WIT_ELIMIT);
    wit_table_reader_close(r);
}

/* Whatever a byte becomes: rows, or a sentence, and the list goes on. */
static void test_broken_files(void **state) {
    struct wit_buf bytes = WIT_BUF_INIT(1 << 26);
    unsigned failed = 0;
    must(wit_file_read(path_of("zstd.parquet"), &bytes, &err));
    for (uint64_t m = 0; m < 150; m++) {
        struct wit_random rng;
        wit_random_init(&rng, 91, 0, m);
        size_t len = bytes.len, at = (size_t)wit_random_below(&rng, len);
        if (m % 3 == 0) /* the footer steers */
            at = len - 1 - (size_t)wit_random_below(&rng, len / 40);
        if (m % 10 == 9)
            len = at;
        char flip = (char)(1 + wit_random_below(&rng, 255));
        bytes.data[at] ^= flip;
        must(wit_file_write_atomic(path_of("broken.parquet"), wit_str_of(bytes.data, len), &err));
        bytes.data[at] ^= flip;
        struct wit_crawler_list *list = list_of("broken.parquet");
        struct wit_crawler_list_row row;
        int st;
        while ((st = wit_crawler_list_next(list, &row, &err)) > 0)
            ;
        must(st);
        failed += wit_crawler_list_unreadable(list) > 0;
        wit_crawler_list_close(list);
    }
    print_message("%u of 150 broken files were not read to their end\n", failed);
    assert_true(failed > 25);
    wit_buf_finish(&bytes);
}

static int set_up(void **state) {
    char line[3 * WIT_PATH_MAX];
    const char *python = getenv("WIT_ARROW_PYTHON"), *root = getenv("WIT_SOURCE_ROOT");
    scratch_make(folder);
    snprintf(line, sizeof line, "'%s' '%s/tests/crawler/make_parquet.py' %s", python, root, folder);
    return python && root && system(line) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
    scratch_remove(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_those_of_jsonl),
        cmocka_unit_test(test_seek),
        cmocka_unit_test(test_odd_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_broken_files),
    };
    if (!wit_table_is_supported())
        return SKIPPED;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
