/*
 * test_wiki_list.c: lists from dumps are what plain counting gives, byte for byte, whatever the
 * threads, the memory, the number of files and interruptions. The twin counts by sorting all words.
 */
#include "wiki_text.h"
#include "wit_filter.h"
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

enum { MIN_COUNT = 3, PAIR_COUNT = 2, DUMPS = 3 };

#define PMI 4.0

static char folder[WIT_PATH_MAX];
static uint64_t seed = 20261127;

static int make_folder(void **state) {
    snprintf(folder, sizeof folder, "/tmp/wit-test-wiki-list-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    return wit_dir_remove(folder, NULL);
}

static const char *in_folder(const char *name) {
    static char paths[8][WIT_PATH_MAX]; /* what is kept longer is copied */
    static unsigned next;
    char *path = paths[next++ % 8];
    assert_int_equal(wit_path_join(path, folder, name), 0);
    return path;
}

static void must(int st, const struct wit_error *err) {
    if (st < 0)
        fail_msg("%s", err->text);
}

/* ---- the twin -------------------------------------------------------------------------------- */

struct counted {
    struct wit_str a, b; /* b: of a bigram's second word */
    uint64_t n;
    double score;
};

struct tally {
    struct counted *items;
    size_t n, cap;
};

static void tally_add(struct tally *t, struct wit_str a, struct wit_str b) {
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 4096;
        t->items = wit_realloc_array(t->items, t->cap, sizeof *t->items);
        assert_non_null(t->items);
    }
    t->items[t->n++] = (struct counted){ a, b, 1, 0 };
}

static int by_text(const void *x, const void *y) {
    const struct counted *a = x, *b = y;
    int order = wit_str_cmp(a->a, b->a);
    return order ? order : wit_str_cmp(a->b, b->b);
}

static void tally_join(struct tally *t) {
    size_t n = 0;
    if (t->n)
        qsort(t->items, t->n, sizeof *t->items, by_text);
    for (size_t i = 0; i < t->n; i++) {
        if (n && by_text(&t->items[n - 1], &t->items[i]) == 0)
            t->items[n - 1].n++;
        else
            t->items[n++] = t->items[i];
    }
    t->n = n;
}

static uint64_t tally_of(const struct tally *t, struct wit_str word) {
    const struct counted key = { .a = word, .b = { "", 0 } };
    const struct counted *found = bsearch(&key, t->items, t->n, sizeof key, by_text);
    assert_non_null(found);
    return found->n;
}

struct line {
    double score;
    uint64_t n;
    char text[600];
};

static int by_rank(const void *x, const void *y) {
    const struct line *a = x, *b = y;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    return strcmp(a->text, b->text);
}

static void lines_append(struct line *lines, size_t n, struct wit_buf *out) {
    if (n)
        qsort(lines, n, sizeof *lines, by_rank);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(wit_buf_printf(out, "%s\n", lines[i].text), 0);
    free(lines);
}

static bool is_mark(struct wit_str s) {
    return s.len == 1 && !strchr("0123456789", s.data[0]) && (s.data[0] < 'A' || s.data[0] > 'z');
}

static void twin_list(const struct tally *words, const struct tally *pairs,
                      const struct words_cutter *cutter, uint64_t total, struct wit_buf *out) {
    struct line *lines = wit_alloc_array(words->n + 1, sizeof *lines);
    size_t n = 0;
    for (size_t i = 0; i < words->n; i++) {
        const struct counted *w = &words->items[i];
        if (w->n < MIN_COUNT || is_mark(w->a))
            continue;
        lines[n].score = (double)w->n;
        lines[n].n = w->n;
        snprintf(lines[n++].text, sizeof lines->text, "%.*s", WIT_STR_FMT(w->a));
    }
    lines_append(lines, n, out);
    lines = wit_alloc_array(pairs->n + 1, sizeof *lines);
    n = 0;
    for (size_t i = 0; i < pairs->n; i++) {
        const struct counted *p = &pairs->items[i];
        double c1 = (double)tally_of(words, p->a), c2 = (double)tally_of(words, p->b);
        double ratio = (double)p->n * (double)total / (c1 * c2);
        bool close = words_is_alone(cutter, p->a) && words_is_alone(cutter, p->b);
        if (p->n < PAIR_COUNT || ratio < exp2(PMI))
            continue;
        lines[n].score = ratio;
        lines[n].n = p->n;
        snprintf(lines[n++].text, sizeof lines->text, "%.*s%s%.*s", WIT_STR_FMT(p->a),
                 close ? "" : " ", WIT_STR_FMT(p->b));
    }
    lines_append(lines, n, out);
}

/* The list of dumps that are in memory, by the plainest means. */
static void twin(const struct wit_str *dumps, size_t n, struct wit_buf *out) {
    struct words_cutter *cutter = words_cutter_create();
    struct wit_buf texts[4] = { 0 }, page_text = WIT_BUF_INIT(1 << 26);
    struct tally words = { 0 }, pairs = { 0 };
    struct words_list list = { 0 };
    uint64_t total = 0;
    for (size_t d = 0; d < n; d++) {
        struct wiki_names names = { 0 };
        struct wiki_page page;
        assert_int_equal(wiki_names_read(&names, dumps[d]), 0);
        texts[d] = (struct wit_buf)WIT_BUF_INIT(1 << 26);
        assert_int_equal(wit_buf_reserve(&texts[d], 3 * dumps[d].len), 0); /* views stay */
        for (size_t at = 0; wiki_page_next(dumps[d], &at, &page);) {
            if (!page.article)
                continue;
            size_t from = texts[d].len;
            wit_buf_reset(&page_text);
            assert_int_equal(wiki_xml_decode(page.text, &page_text), 0);
            if (from + 2 * page_text.len + 16 > texts[d].cap)
                fail_msg("the twin's memory is too small");
            assert_int_equal(wiki_text_append(wit_buf_view(&page_text), &names, &texts[d]), 0);
            struct wit_str plain = wit_str_slice(wit_buf_view(&texts[d]), from, texts[d].len);
            assert_int_equal(words_cut(cutter, plain, &list), 0);
            for (size_t i = 0; i < list.count; i++) {
                struct wit_str w = wit_str_of(plain.data + list.items[i].at, list.items[i].len);
                tally_add(&words, w, WIT_STR(""));
                if (list.items[i].follows)
                    tally_add(&pairs,
                              wit_str_of(plain.data + list.items[i - 1].at, list.items[i - 1].len),
                              w);
            }
            total += list.count;
        }
        wiki_names_finish(&names);
    }
    tally_join(&words);
    tally_join(&pairs);
    twin_list(&words, &pairs, cutter, total, out);
    for (size_t d = 0; d < n; d++)
        wit_buf_finish(&texts[d]);
    wit_buf_finish(&page_text);
    words_list_finish(&list);
    words_cutter_destroy(cutter);
    free(words.items);
    free(pairs.items);
}

/* ---- dumps ----------------------------------------------------------------------------------- */

static void word_append(struct wit_random *r, struct wit_buf *b) {
    static const char *const odd[] = {
        "don't ",   "{{t|x}} ",   "[[a|b c]] ", "&lt;ref&gt;x&lt;/ref&gt;",
        ". ",       "\n",         "\n\n* ",     "\xe6\x97\xa5\xe6\x9c\xac",
        "'''b''' ", "&amp;nbsp;", "[[fr:x]]",   "&lt;!-- {{ --&gt;"
    };
    uint64_t pick = wit_random_below(r, 20);
    if (pick < WIT_COUNT_OF(odd) / 2)
        assert_int_equal(wit_buf_append_cstr(b, odd[wit_random_below(r, WIT_COUNT_OF(odd))]), 0);
    double skew = wit_random_unit(r);
    uint64_t rank = (uint64_t)(skew * skew * skew * skew * 60000);
    assert_int_equal(wit_buf_printf(b, "w%llu ", (unsigned long long)rank), 0);
}

static void dump_make(struct wit_buf *b, uint64_t number, size_t bytes) {
    struct wit_random r;
    wit_random_init(&r, seed, 1, number);
    assert_int_equal(wit_buf_append_cstr(b, "<mediawiki>\n"), 0);
    while (b->len < bytes) {
        uint64_t words = wit_random_below(&r, 50) ? wit_random_below(&r, 400) : 60000;
        assert_int_equal(wit_buf_printf(b, "<page><title>x</title><ns>%d</ns><text>",
                                        (int)(wit_random_below(&r, 9) / 8)),
                         0);
        for (uint64_t i = 0; i < words; i++)
            word_append(&r, b);
        assert_int_equal(wit_buf_append_cstr(b, "</text></page>\n"), 0);
    }
    assert_int_equal(wit_buf_append_cstr(b, "</mediawiki>\n"), 0);
}

static struct wit_filter_build_config config(const char *const *dumps, size_t n, unsigned threads,
                                             size_t memory) {
    struct wit_filter_build_config cfg = wit_filter_build_config_default();
    cfg.wiki = dumps;
    cfg.n_wiki = n;
    cfg.min_count = MIN_COUNT;
    cfg.bigrams.least = PMI;
    cfg.bigram_count = PAIR_COUNT;
    cfg.threads = threads;
    cfg.memory_bytes = memory;
    return cfg;
}

static void check_built(const struct wit_filter_build_config *cfg, struct wit_str want) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf got = WIT_BUF_INIT(1 << 26);
    char work[WIT_PATH_MAX];
    const char *path = in_folder("list");
    must(wit_filter_allowlist_build(cfg, path, &err), &err);
    assert_int_equal(wit_file_read(path, &got, NULL), 0);
    if (!wit_str_eq(wit_buf_view(&got), want)) {
        size_t i = 0;
        while (i < got.len && i < want.len && got.data[i] == want.data[i])
            i++;
        fail_msg("threads %u, memory %zu: %zu bytes, not %zu; other from byte %zu on: '%.40s'",
                 cfg->threads, cfg->memory_bytes, got.len, want.len, i, got.data + i);
    }
    snprintf(work, sizeof work, "%s.work", path);
    assert_false(wit_file_exists(work));
    wit_buf_finish(&got);
}

static void lists_do_not_depend_on_threads_memory_and_files(void **state) {
    static const size_t memories[] = { 4u << 20, 64u << 20 };
    struct wit_buf dumps[DUMPS], want = WIT_BUF_INIT(1 << 26);
    struct wit_str views[DUMPS];
    char stored[DUMPS][WIT_PATH_MAX];
    const char *paths[DUMPS];
    for (size_t d = 0; d < DUMPS; d++) {
        char name[16];
        dumps[d] = (struct wit_buf)WIT_BUF_INIT(1 << 24);
        dump_make(&dumps[d], d, 700000 + 500000 * d);
        snprintf(name, sizeof name, "dump%zu", d);
        assert_int_equal(wit_path_join(stored[d], folder, name), 0);
        paths[d] = stored[d];
        assert_int_equal(wit_file_write_atomic(paths[d], wit_buf_view(&dumps[d]), NULL), 0);
        views[d] = wit_buf_view(&dumps[d]);
    }
    twin(views, DUMPS, &want);
    assert_true(want.len > 10000);
    for (unsigned threads = 1; threads <= 4; threads++) {
        for (size_t m = 0; m < WIT_COUNT_OF(memories); m++) {
            struct wit_filter_build_config cfg = config(paths, DUMPS, threads, memories[m]);
            check_built(&cfg, wit_buf_view(&want));
        }
    }
    for (size_t d = 0; d < DUMPS; d++)
        wit_buf_finish(&dumps[d]);
    wit_buf_finish(&want);
}

static int file_get(const char *path, struct wit_buf *out) {
    return wit_file_read(path, out, NULL);
}

/* The sample of the English Wikipedia, one bzip2 stream of 7 blocks, where it is there. */
static void the_golden_sample_gives_what_its_text_gives(void **state) {
    const char *shared = getenv("WIT_SHARED");
    char sample[WIT_PATH_MAX], command[3 * WIT_PATH_MAX];
    const char *plain = in_folder("sample.xml");
    if (!shared || wit_path_join(sample, shared, "golden/allowlist/enwiki-sample.xml.bz2") < 0 ||
        !wit_file_exists(sample)) {
        print_message("no golden/allowlist: skipped\n");
        skip();
    }
    snprintf(command, sizeof command, "bzip2 -dc '%s' > '%s'", sample, plain);
    if (system(command) != 0)
        skip();
    struct wit_buf text = WIT_BUF_INIT(1 << 26), want = WIT_BUF_INIT(1 << 26);
    assert_int_equal(file_get(plain, &text), 0);
    const struct wit_str view = wit_buf_view(&text);
    twin(&view, 1, &want);
    const char *paths[] = { sample };
    struct wit_filter_build_report r;
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        struct wit_filter_build_config cfg = config(paths, 1, threads, 8u << 20);
        cfg.report = &r;
        check_built(&cfg, wit_buf_view(&want));
        assert_int_equal(r.pages, 206);
        assert_int_equal(r.articles, 106);
    }
    wit_buf_finish(&text);
    wit_buf_finish(&want);
}

/* A build that fails at its second dump goes on there, and ends as one that never failed. */
static void a_build_goes_on_behind_finished_files(void **state) {
    struct wit_buf dumps[2], want = WIT_BUF_INIT(1 << 26);
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_filter_build_report r;
    struct wit_str views[2];
    const char *paths[2] = { in_folder("go0"), in_folder("go1") };
    int cancel = 1;
    for (size_t d = 0; d < 2; d++) {
        dumps[d] = (struct wit_buf)WIT_BUF_INIT(1 << 22);
        dump_make(&dumps[d], 10 + d, 400000);
        views[d] = wit_buf_view(&dumps[d]);
    }
    assert_int_equal(wit_file_write_atomic(paths[0], views[0], NULL), 0);
    assert_int_equal(wit_file_write_atomic(paths[1], wit_str_slice(views[1], 0, views[1].len - 20),
                                           NULL),
                     0);
    struct wit_filter_build_config cfg = config(paths, 2, 2, 4u << 20);
    cfg.report = &r;
    assert_int_equal(wit_filter_allowlist_build(&cfg, in_folder("list"), &err), WIT_EFORMAT);
    assert_non_null(strstr(err.text, "go1': the file is cut off"));
    assert_int_equal(wit_file_write_atomic(paths[1], views[1], NULL), 0);
    cfg.cancel = &cancel;
    assert_int_equal(wit_filter_allowlist_build(&cfg, in_folder("list"), &err), WIT_ECANCELED);
    cfg.cancel = NULL;
    twin(views, 2, &want);
    check_built(&cfg, wit_buf_view(&want));
    assert_int_equal(r.resumed, 1);
    const char *twice[2] = { paths[0], paths[0] };
    cfg.wiki = twice;
    assert_int_equal(wit_filter_allowlist_build(&cfg, in_folder("list"), &err), WIT_EINVAL);
    assert_non_null(strstr(err.text, "are the same file"));
    for (size_t d = 0; d < 2; d++)
        wit_buf_finish(&dumps[d]);
    wit_buf_finish(&want);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_do_not_depend_on_threads_memory_and_files),
        cmocka_unit_test(the_golden_sample_gives_what_its_text_gives),
        cmocka_unit_test(a_build_goes_on_behind_finished_files),
    };
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    print_message("seed %llu (replay: test_wiki_list SEED)\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
