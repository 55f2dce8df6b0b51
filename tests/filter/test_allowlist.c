/* test_allowlist.c: loading lists and counts files, WordNet's names, building a list. */
#include "wit_filter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

static char scratch[64];

static const char *scratch_path(const char *name) {
    static char path[WIT_PATH_MAX];
    assert_int_equal(wit_path_join(path, scratch, name), 0);
    return path;
}

static int setup(void **state) {
    snprintf(scratch, sizeof scratch, "/tmp/wit-test-allowlist-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static int teardown(void **state) {
    return wit_dir_remove(scratch, NULL);
}

/* Entries with a bar between them, or the failure's sentence. */
static void check_list(struct wit_str bytes, const char *name, const char *want) {
    struct wit_filter_allowlist *l = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf got = WIT_BUF_INIT(1 << 20);
    if (wit_filter_allowlist_parse(bytes, name, &l, &err) < 0) {
        assert_null(l);
        assert_string_equal(err.text, want);
        return;
    }
    for (uint32_t id = 0; id < wit_filter_allowlist_count(l); id++) {
        if (id)
            wit_buf_append_byte(&got, '|');
        wit_buf_append_str(&got, wit_filter_allowlist_entry(l, id));
    }
    assert_int_equal(wit_buf_terminate(&got), 0);
    assert_string_equal(got.data, want);
    wit_buf_finish(&got);
    wit_filter_allowlist_destroy(l);
}

/* ---- compiled lists ------------------------------------------------------------------------- */

static const char compiled_source[] =
    "[\"cat\", \"black cat\", \"\", \"New York\", \"cat\", \"internationalisation\", \"a b c d\"]";

/* The source compiled into a file, whose bytes are in `out`. */
static const char *compiled_make(struct wit_buf *out) {
    struct wit_filter_allowlist *l = NULL;
    const char *path = scratch_path("list.compiled");
    assert_int_equal(wit_filter_allowlist_parse(wit_str_from(compiled_source), "l", &l, NULL), 0);
    assert_int_equal(wit_filter_allowlist_compile(l, path, NULL), 0);
    wit_filter_allowlist_destroy(l);
    wit_buf_reset(out);
    assert_true(wit_file_read(path, out, NULL) >= 0);
    return path;
}

static void check_matches(const struct wit_filter_allowlist *l, struct wit_str text,
                          const uint32_t *want, size_t n_want) {
    struct wit_filter_matcher *m = NULL;
    const uint32_t *ids;
    size_t n;
    assert_int_equal(wit_filter_matcher_create(l, &m, NULL), 0);
    assert_int_equal(wit_filter_match(m, text, &ids, &n, NULL), 0);
    assert_int_equal(n, n_want);
    assert_memory_equal(ids, want, n * sizeof *ids);
    wit_filter_matcher_destroy(m);
}

static void a_compiled_list_is_the_list(void **state) {
    struct wit_filter_allowlist *l = NULL, *again = NULL;
    struct wit_filter_allowlist_stat a, b;
    struct wit_buf bytes = WIT_BUF_INIT(1 << 20), twice = WIT_BUF_INIT(1 << 20);
    const char *path = compiled_make(&bytes);
    compiled_make(&twice);
    assert_true(wit_str_eq(wit_buf_view(&bytes), wit_buf_view(&twice)));
    assert_int_equal(wit_filter_allowlist_load(path, &l, NULL), 0);
    assert_int_equal(wit_filter_allowlist_parse(wit_str_from(compiled_source), "l", &again, NULL),
                     0);
    wit_filter_allowlist_stat(l, &a);
    wit_filter_allowlist_stat(again, &b);
    a.memory_bytes = b.memory_bytes;
    assert_memory_equal(&a, &b, sizeof a);
    for (uint32_t id = 0; id < a.entries; id++)
        assert_true(
            wit_str_eq(wit_filter_allowlist_entry(l, id), wit_filter_allowlist_entry(again, id)));
    check_matches(l, WIT_STR("a black cat"), (uint32_t[]){ 0, 1, 4 }, 3);
    check_matches(l, WIT_STR("a b c d, internationalisation"), (uint32_t[]){ 2, 5, 6 }, 3);
    wit_filter_allowlist_destroy(l);
    wit_filter_allowlist_destroy(again);
    wit_buf_finish(&bytes);
    wit_buf_finish(&twice);
}

/* Over the bytes that are there: a file that is emptied and filled again goes to the disk each
 * time. */
static void file_put(const char *path, struct wit_str bytes) {
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
}

static void a_damaged_compiled_list_is_refused(void **state) {
    struct wit_buf bytes = WIT_BUF_INIT(1 << 20);
    const char *path = compiled_make(&bytes);
    struct wit_filter_allowlist *l = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    for (size_t i = 8; i < bytes.len; i++) { /* the first eight say that it is one */
        bytes.data[i] ^= (char)(1 << i % 8);
        file_put(path, wit_buf_view(&bytes));
        assert_true(wit_filter_allowlist_load(path, &l, &err) < 0);
        assert_non_null(strstr(err.text, path));
        bytes.data[i] ^= (char)(1 << i % 8);
    }
    file_put(path, wit_buf_view(&bytes));
    for (size_t len = bytes.len - 1; len >= 8; len -= len > 14 ? 7 : 1) {
        assert_int_equal(truncate(path, (off_t)len), 0);
        assert_int_equal(wit_filter_allowlist_load(path, &l, &err), WIT_ECORRUPT);
    }
    wit_buf_finish(&bytes);
}

/* ---- lists in words ------------------------------------------------------------------------- */

static void text_lists(void **state) {
    check_list(WIT_STR("cat\nred car\n"), "l", "cat|red car");
    check_list(WIT_STR("cat\r\nred car"), "l", "cat|red car");
    check_list(WIT_STR("\xef\xbb\xbf"
                       "cat\n"),
               "l", "cat");
    check_list(WIT_STR("a\n\n b \n"), "l", "a|| b ");
    check_list(WIT_STR(""), "l", "");
    check_list(WIT_STR("[\n]\n[a]\n"), "l", "[|]|[a]"); /* not JSON: no string behind the bracket */
    check_list(WIT_STR("[]\nb\n"), "l", "[]|b");
}

static void json_lists(void **state) {
    check_list(WIT_STR("[\"cat\", \"red car\"]"), "l", "cat|red car");
    check_list(WIT_STR(" \n[\n \"\", \"\\u00e9\\n\"]\n"), "l", "|\xc3\xa9\n");
    check_list(WIT_STR("[ ]\n"), "l", "");
    check_list(WIT_STR("[\"a\""), "l", "l:1:4: ']' expected near end of file");
    check_list(WIT_STR("[\"a\", 3]"), "l", "l: item 1 of the list is not a string");
    check_list(WIT_STR("{\"a\": 3}"), "l.json",
               "l.json: an allowlist in JSON is an array of strings");
    check_list(WIT_STR("{\"a\": 3}"), "l", "{\"a\": 3}"); /* a text list of one odd entry */
}

static void entries_have_a_ceiling(void **state) {
    static char bytes[WIT_FILTER_ENTRY_MAX_BYTES + 3];
    memset(bytes, 'x', sizeof bytes);
    bytes[1] = '\n';
    check_list(wit_str_of(bytes, sizeof bytes), "l",
               "l: entry 1 has 4097 bytes, at most 4096 are allowed");
}

static void an_empty_line_keeps_its_place_and_matches_nothing(void **state) {
    struct wit_filter_allowlist *l = NULL;
    struct wit_filter_matcher *m = NULL;
    struct wit_filter_allowlist_stat s;
    const uint32_t *ids;
    size_t n;
    assert_int_equal(wit_filter_allowlist_parse(WIT_STR("a\n\nb\nb\nU.S.\n"), "l", &l, NULL), 0);
    assert_int_equal(wit_filter_matcher_create(l, &m, NULL), 0);
    assert_int_equal(wit_filter_match(m, WIT_STR("a  b"), &ids, &n, NULL), 0);
    assert_int_equal(n, 3);
    assert_true(ids[0] == 0 && ids[1] == 2 && ids[2] == 3);
    wit_filter_allowlist_stat(l, &s);
    assert_int_equal(s.entries, 5);
    assert_int_equal(s.empty, 1);
    assert_int_equal(s.one_word, 4);
    assert_int_equal(s.repeated, 1);
    assert_int_equal(s.dead, 1);
    assert_int_equal(s.longest_bytes, 4);
    wit_filter_matcher_destroy(m);
    wit_filter_allowlist_destroy(l);
}

/* Marks bring their own spaces, so ", ," would need a text whose two marks are one space apart. */
static void dead_entries_are_those_no_text_can_hold(void **state) {
    static const struct {
        const char *entry;
        bool dead;
    } cases[] = {
        { "a", false },    { "a,", true },     { ",a", true },      { "a ,", false },
        { ", a", false },  { ",", false },     { ",,", true },      { ", ,", true },
        { ",  ,", false }, { ",   ;", false }, { "x . ! y", true }, { "x .  ! y", false },
        { " ,", false },   { ", ", false },    { "a\tb", true },    { "a\rb", true },
        { "a\nb", true },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_str entry = wit_str_from(cases[i].entry);
        struct wit_filter_allowlist *l = NULL;
        struct wit_filter_allowlist_stat s;
        assert_int_equal(wit_filter_allowlist_create(&entry, 1, &l, NULL), 0);
        wit_filter_allowlist_stat(l, &s);
        if ((s.dead == 1) != cases[i].dead)
            fail_msg("entry '%s': dead is %d", cases[i].entry, (int)s.dead);
        wit_filter_allowlist_destroy(l);
    }
}

static void a_missing_list_is_named(void **state) {
    struct wit_filter_allowlist *l = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(wit_filter_allowlist_load(scratch_path("none.txt"), &l, &err), WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, "none.txt"));
}

/* ---- counts files -------------------------------------------------------------------------- */

static void counts_are_read_as_written(void **state) {
    uint64_t counts[6] = { 0, 1, 0, 35, UINT64_MAX, 0 }, got[6];
    struct wit_buf out = WIT_BUF_INIT(1 << 16);
    memset(got, 0xff, sizeof got);
    assert_int_equal(wit_filter_counts_format(counts, 6, 20, &out, NULL), 0);
    assert_true(
        wit_str_starts_with(wit_buf_view(&out),
                            WIT_STR("entry_id\tcount\tprob(t=20)\n1\t1\t1\n"
                                    "3\t35\t0.5714285714285714\n4\t18446744073709551615\t")));
    assert_int_equal(wit_filter_counts_parse(wit_buf_view(&out), "c", got, 6, NULL), 0);
    assert_memory_equal(got, counts, sizeof counts);
    wit_buf_finish(&out);
    assert_int_equal(wit_filter_counts_save(scratch_path("c.tsv"), counts, 6, 0, NULL), 0);
    memset(got, 0xff, sizeof got);
    assert_int_equal(wit_filter_counts_load(scratch_path("c.tsv"), got, 6, NULL), 0);
    assert_memory_equal(got, counts, sizeof counts);
}

static void check_counts_fail(struct wit_str bytes, const char *want) {
    uint64_t got[2] = { 7, 7 };
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(wit_filter_counts_parse(bytes, "c", got, 2, &err), WIT_EFORMAT);
    assert_string_equal(err.text, want);
    assert_true(got[0] == 7 && got[1] == 7);
}

static void bad_counts_files_name_their_line(void **state) {
    check_counts_fail(WIT_STR(""), "c:1: a counts file begins 'entry_id<TAB>count'");
    check_counts_fail(WIT_STR("entry_id\tcount\n0\t1\n2\t1\n"),
                      "c:3: entry 2, but the allowlist has 2");
    check_counts_fail(WIT_STR("entry_id\tcount\n0\t1\n\n0\t1\n"),
                      "c:4: entry 0 stands here a second time");
    check_counts_fail(WIT_STR("entry_id\tcount\n0\t-1\n"),
                      "c:2: not an entry id, a tab and a count");
    check_counts_fail(WIT_STR("entry_id\tcount\n0 1\n"), "c:2: not an entry id, a tab and a count");
    uint64_t got[2];
    assert_int_equal(wit_filter_counts_parse(WIT_STR("entry_id\tcount\r\n1\t5\r\n"), "c", got, 2,
                                             NULL),
                     0);
    assert_true(got[0] == 0 && got[1] == 5);
}

/* ---- WordNet and building ------------------------------------------------------------------ */

static int put_lemma(void *user, struct wit_str lemma) {
    struct wit_buf *out = user;
    int st = wit_buf_append_str(out, lemma);
    return st < 0 ? st : wit_buf_append_byte(out, '|');
}

static void check_names(struct wit_str bytes, int status, const char *want) {
    struct wit_buf got = WIT_BUF_INIT(1 << 16);
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(wit_filter_wordnet_names(bytes, "data.x", put_lemma, &got, &err), status);
    if (status == 0) {
        assert_int_equal(wit_buf_terminate(&got), 0);
        assert_string_equal(got.data, want);
    } else {
        assert_string_equal(err.text, want);
    }
    wit_buf_finish(&got);
}

static void synsets_are_named_by_their_first_lemma(void **state) {
    check_names(WIT_STR("  1 licence text\n"
                        "00001740 02 r 01 A_cappella 0 000 | sung\n"
                        "00001740 00 s 0a galore(ip) 0 x 0 000 | in plenty\n"
                        "00001740 00 a 01 former(a) 0 000 | \n"
                        "00001740 00 a 01 asleep(p) 0 000 | \n"
                        "00001740 15 n 02 St._Louis 0 x 0 000 | city\n"
                        "00001740 15 n 02 .22 0 x 0 000 | rifle"),
                0, "a cappella|galore|former|asleep|st||");
    check_names(WIT_STR(""), 0, "");
    static const char bad[] = "data.x:2: not a line of a WordNet data file";
    check_names(WIT_STR("  l\n00001740 02 q 01 a 0 000 | \n"), WIT_EFORMAT, bad);
    check_names(WIT_STR("  l\n0001740 02 r 01 a 0 000 | \n"), WIT_EFORMAT, bad);
    check_names(WIT_STR("  l\n00001740 02 r 00 a 0 000 | \n"), WIT_EFORMAT, bad);
    check_names(WIT_STR("  l\n00001740 02 r 01 \n"), WIT_EFORMAT, bad);
    check_names(WIT_STR("  l\n\n"), WIT_EFORMAT, bad);
}

static void write_scratch(const char *name, struct wit_str data) {
    assert_int_equal(wit_file_write_atomic(scratch_path(name), data, NULL), 0);
}

static void check_file(const char *name, const char *want) {
    struct wit_buf got = WIT_BUF_INIT(1 << 20);
    assert_int_equal(wit_file_read(scratch_path(name), &got, NULL), 0);
    assert_int_equal(wit_buf_terminate(&got), 0);
    assert_string_equal(got.data, want);
    wit_buf_finish(&got);
}

static void a_list_is_the_union_of_its_sources_in_order(void **state) {
    char dir[WIT_PATH_MAX], first[WIT_PATH_MAX], second[WIT_PATH_MAX], origins[WIT_PATH_MAX];
    write_scratch("data.adv",
                  WIT_STR("00000001 02 r 01 zed 0 000 | \n00000002 02 r 01 . 0 000 | \n"));
    write_scratch("data.noun",
                  WIT_STR("00000001 02 n 01 yak 0 000 | \n00000002 02 n 01 7 0 000 | \n"));
    write_scratch("first", WIT_STR("\xef\xbb\xbf"
                                   "yak\n  gimp tool \n\n-\nThe\n"));
    write_scratch("second", WIT_STR("the\nThe\r\n100\n42\n"));
    snprintf(dir, sizeof dir, "%s", scratch);
    snprintf(first, sizeof first, "%s", scratch_path("first"));
    snprintf(second, sizeof second, "%s", scratch_path("second"));
    snprintf(origins, sizeof origins, "%s", scratch_path("origins"));
    const char *words[] = { first, second };
    struct wit_filter_build_report r;
    struct wit_filter_build_config cfg = wit_filter_build_config_default();
    assert_int_equal(cfg.size, 500000);
    cfg.extra = words;
    cfg.n_extra = 2;
    cfg.report = &r;
    cfg.origins_path = origins;
    assert_int_equal(wit_filter_allowlist_build(&cfg, scratch_path("words.txt"), NULL), 6);
    check_file("words.txt", "yak\ngimp tool\nThe\nthe\n100\n42\n");
    check_file("origins", "0\textra\t-\tyak\n1\textra\t-\tgimp tool\n2\textra\t-\tThe\n"
                          "3\textra\t-\tthe\n4\textra\t-\t100\n5\textra\t-\t42\n");
    assert_int_equal(r.punctuation, 1);
    assert_int_equal(r.empty, 1);
    assert_int_equal(r.repeated, 1);
    cfg.wordnet_dir = dir;
    assert_int_equal(wit_filter_allowlist_build(&cfg, scratch_path("all.txt"), NULL), 106);
    assert_int_equal(r.wordnet_files, 2);
    assert_int_equal(r.by_origin[WIT_FILTER_WORDNET], 3);
    assert_int_equal(r.by_origin[WIT_FILTER_NUMBERS], 99); /* 7 came as a noun */
    assert_int_equal(r.by_origin[WIT_FILTER_EXTRA], 4);
    cfg.size = 5;
    assert_int_equal(wit_filter_allowlist_build(&cfg, scratch_path("cut.txt"), NULL), 5);
    check_file("cut.txt", "yak\n7\nzed\n0\n1\n");
    assert_int_equal(r.over_size, 97 + 5 + 1); /* numbers, new words and 42, "The" again */
}

static void building_says_what_is_missing(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_filter_build_config cfg = wit_filter_build_config_default();
    char out[WIT_PATH_MAX], dir[WIT_PATH_MAX];
    snprintf(out, sizeof out, "%s", scratch_path("not-made"));
    assert_int_equal(wit_filter_allowlist_build(&cfg, out, &err), WIT_EINVAL);
    snprintf(dir, sizeof dir, "%s", scratch_path("no-such-dir"));
    cfg.wordnet_dir = dir;
    assert_int_equal(wit_filter_allowlist_build(&cfg, out, &err), WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, "no-such-dir"));
    const char *words[] = { dir };
    cfg.wordnet_dir = NULL;
    cfg.extra = words;
    cfg.n_extra = 1;
    assert_int_equal(wit_filter_allowlist_build(&cfg, out, &err), WIT_ENOTFOUND);
    assert_false(wit_file_exists(out));
}

/* The names of the real data.adv, where the reference files are. */
static void wordnets_adverbs_have_the_expected_names(void **state) {
    const char *shared = getenv("WIT_SHARED");
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    if (!shared || wit_path_join(dir, shared, "golden/allowlist") < 0 || !wit_file_exists(dir)) {
        print_message("no golden/allowlist: skipped\n");
        skip();
    }
    struct wit_filter_build_config cfg = wit_filter_build_config_default();
    struct wit_filter_allowlist *got = NULL, *want = NULL;
    cfg.wordnet_dir = dir;
    assert_int_equal(wit_filter_allowlist_build(&cfg, scratch_path("adv.txt"), NULL), 3150);
    assert_int_equal(wit_filter_allowlist_load(scratch_path("adv.txt"), &got, NULL), 0);
    assert_int_equal(wit_path_join(path, dir, "data.adv.expected.txt"), 0);
    assert_int_equal(wit_filter_allowlist_load(path, &want, NULL), 0);
    assert_int_equal(wit_filter_allowlist_count(want), 3050);
    /* Both are sets of 3,050, so it is enough that each expected name is found. */
    for (uint32_t i = 0; i < 3050; i++) {
        bool found = false;
        for (uint32_t k = 0; k < 3050 && !found; k++)
            found =
                wit_str_eq(wit_filter_allowlist_entry(want, i), wit_filter_allowlist_entry(got, k));
        assert_true(found);
    }
    wit_filter_allowlist_destroy(got);
    wit_filter_allowlist_destroy(want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_compiled_list_is_the_list),
        cmocka_unit_test(a_damaged_compiled_list_is_refused),
        cmocka_unit_test(text_lists),
        cmocka_unit_test(json_lists),
        cmocka_unit_test(entries_have_a_ceiling),
        cmocka_unit_test(an_empty_line_keeps_its_place_and_matches_nothing),
        cmocka_unit_test(dead_entries_are_those_no_text_can_hold),
        cmocka_unit_test(a_missing_list_is_named),
        cmocka_unit_test(counts_are_read_as_written),
        cmocka_unit_test(bad_counts_files_name_their_line),
        cmocka_unit_test(synsets_are_named_by_their_first_lemma),
        cmocka_unit_test(a_list_is_the_union_of_its_sources_in_order),
        cmocka_unit_test(building_says_what_is_missing),
        cmocka_unit_test(wordnets_adverbs_have_the_expected_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
