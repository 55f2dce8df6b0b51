/*
 * test_filter_parity.c: ids, counts and keep-probabilities equal the golden ones. Runs on the cases
 * in tests/golden/filter and, where it is there, on the directory $WIT_SHARED/golden/filter; other
 * directories of the same format may be given as arguments.
 */
#include "wit_filter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

enum { T = 20 };

struct golden {
    char dir[WIT_PATH_MAX];
    const char *entries; /* file name of the list */
    bool whole;          /* counts.tsv and stats.json are of just these captions */
};

static struct golden cases[8];
static size_t n_cases;

static const char *in_dir(const struct golden *g, const char *name, char out[WIT_PATH_MAX]) {
    assert_int_equal(wit_path_join(out, g->dir, name), 0);
    return out;
}

struct totals {
    uint64_t captions, unmatched, matches;
    double expected_kept, variance;
};

static void check_line(const struct wit_json *line, struct wit_filter_matcher *m,
                       const uint64_t *counts, uint64_t *counted, struct totals *sum) {
    struct wit_str text;
    const uint32_t *ids;
    size_t n;
    double keep, want;
    const struct wit_json *golden_ids = wit_json_get(line, "ids");
    assert_int_equal(wit_json_string(wit_json_get(line, "text"), &text), 0);
    assert_int_equal(wit_filter_match(m, text, &ids, &n, NULL), 0);
    assert_int_equal(n, wit_json_size(golden_ids));
    for (size_t i = 0; i < n; i++) {
        int64_t id;
        assert_int_equal(wit_json_int(wit_json_at(golden_ids, i), &id), 0);
        assert_int_equal(ids[i], id);
        counted[id]++;
    }
    keep = wit_filter_keep_probability(counts, ids, n, T);
    assert_int_equal(wit_json_number(wit_json_get(line, "keep"), &want), 0);
    /* The golden number has 12 decimal places: ours has to round to the same ones. */
    if (fabs(round(keep * 1e12) - want * 1e12) > 0.01)
        fail_msg("keep is %.17g, golden %.17g", keep, want);
    sum->captions++;
    sum->unmatched += n == 0;
    sum->matches += n;
    sum->expected_kept += keep;
    sum->variance += keep * (1 - keep);
}

static double number_of(const struct wit_json *stats, const char *key) {
    double v;
    assert_int_equal(wit_json_number(wit_json_get(stats, key), &v), 0);
    return v;
}

static void check_totals(const struct golden *g, const uint64_t *counted, size_t n,
                         const struct totals *sum) {
    char path[WIT_PATH_MAX];
    struct wit_json *stats = NULL;
    struct wit_buf want = WIT_BUF_INIT(1 << 24), got = WIT_BUF_INIT(1 << 24);
    uint64_t matched = 0, over = 0, all = 0, tail = 0;
    assert_int_equal(wit_json_load(in_dir(g, "stats.json", path), 1 << 16, &stats, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        matched += counted[i] > 0;
        over += counted[i] > T;
        all += counted[i];
        tail += counted[i] < T ? counted[i] : 0;
    }
    assert_int_equal(sum->captions, (uint64_t)number_of(stats, "captions"));
    assert_int_equal(sum->unmatched, (uint64_t)number_of(stats, "unmatched"));
    assert_int_equal(sum->matches, (uint64_t)number_of(stats, "matches"));
    assert_int_equal(n, (uint64_t)number_of(stats, "entries"));
    assert_int_equal(matched, (uint64_t)number_of(stats, "entries_matched"));
    assert_int_equal(over, (uint64_t)number_of(stats, "entries_over_t"));
    assert_true(fabs(sum->expected_kept - number_of(stats, "expected_kept")) < 1e-8);
    assert_true(fabs(sqrt(sum->variance) - number_of(stats, "sd_kept")) < 1e-8);
    assert_true(fabs((double)tail / (double)all - number_of(stats, "tail_share_p")) < 1e-12);
    /* Our counts file is theirs, byte for byte. */
    assert_int_equal(wit_file_read(in_dir(g, "counts.tsv", path), &want, NULL), 0);
    assert_int_equal(wit_filter_counts_format(counted, n, T, &got, NULL), 0);
    assert_true(wit_str_eq(wit_buf_view(&want), wit_buf_view(&got)));
    wit_buf_finish(&want);
    wit_buf_finish(&got);
    wit_json_destroy(stats);
}

static void check_case(const struct golden *g) {
    char path[WIT_PATH_MAX];
    struct wit_filter_allowlist *list = NULL;
    struct wit_filter_matcher *m = NULL;
    struct wit_lines *lines = NULL;
    struct wit_str line;
    struct totals sum = { .captions = 0 };
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_filter_allowlist_load(in_dir(g, g->entries, path), &list, &err) < 0)
        fail_msg("%s", err.text);
    size_t n = wit_filter_allowlist_count(list);
    uint64_t *counts = wit_alloc_array(n, sizeof *counts),
             *counted = wit_alloc_array(n, sizeof *counts);
    assert_true(counts && counted);
    assert_int_equal(wit_filter_counts_load(in_dir(g, "counts.tsv", path), counts, n, NULL), 0);
    assert_int_equal(wit_filter_matcher_create(list, &m, NULL), 0);
    FILE *f = fopen(in_dir(g, "captions.jsonl", path), "rb");
    assert_non_null(f);
    assert_int_equal(wit_lines_open(f, 1 << 24, &lines, NULL), 0);
    while (wit_lines_next(lines, &line, NULL) > 0) {
        struct wit_json *root = NULL;
        if (wit_json_parse(line, "captions.jsonl", &root, &err) < 0)
            fail_msg("%s", err.text);
        check_line(root, m, counts, counted, &sum);
        wit_json_destroy(root);
    }
    assert_true(sum.captions > 0);
    if (g->whole)
        check_totals(g, counted, n, &sum);
    print_message("%s: %llu captions equal\n", g->dir, (unsigned long long)sum.captions);
    wit_lines_close(lines);
    fclose(f);
    wit_filter_matcher_destroy(m);
    wit_filter_allowlist_destroy(list);
    free(counts);
    free(counted);
}

static void golden_captions_are_equal(void **state) {
    for (size_t i = 0; i < n_cases; i++)
        check_case(&cases[i]);
}

static void add_case(const char *dir, const char *below, const char *entries, bool whole) {
    struct golden *g = &cases[n_cases];
    if (n_cases == WIT_COUNT_OF(cases) || wit_path_join(g->dir, dir, below) < 0)
        exit(1);
    g->entries = entries;
    g->whole = whole;
    if (wit_file_exists(g->dir))
        n_cases++;
    else
        printf("no %s: its cases are skipped\n", g->dir);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(golden_captions_are_equal) };
    const char *root = getenv("WIT_SOURCE_ROOT"), *shared = getenv("WIT_SHARED");
    add_case(root ? root : ".", "tests/golden/filter", "entries.json", false);
    if (shared)
        add_case(shared, "golden/filter", "metadata_subset.json", true);
    for (int i = 1; i < argc; i++)
        add_case(argv[i], ".", "metadata_subset.json", true);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
