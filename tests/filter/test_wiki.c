/* test_wiki.c: pieces of bzip2 files, pages of an export, wikitext, words, page views. */
#include "pageviews.h"
#include "wiki_source.h"
#include "wiki_text.h"
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>

#include <bzlib.h>
#include <cmocka.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

static char folder[WIT_PATH_MAX];

static int make_folder(void **state) {
    snprintf(folder, sizeof folder, "/tmp/wit-test-wiki-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    return wit_dir_remove(folder, NULL);
}

static const char *file_put(struct wit_str data) {
    static char path[WIT_PATH_MAX];
    assert_int_equal(wit_path_join(path, folder, "file"), 0);
    assert_int_equal(wit_file_write_atomic(path, data, NULL), 0);
    return path;
}

/* ---- wikitext -------------------------------------------------------------------------------- */

static void wikitext_becomes_what_a_reader_sees(void **state) {
    static const struct {
        const char *in, *want;
    } cases[] = {
        { "plain text", "plain text" },
        { "'''bold''' and ''italic'', '''''both''''' and don't",
          "bold and italic, both and don't" },
        { "a [[link]] and [[target|its words]], [[dog]]s", "a link and its words, dogs" },
        { "[[File:x.jpg|thumb|a [[red]] fox]]after", "after" },
        { "[[Bild:x.jpg|mini|Text]]after", "after" },
        { "[[Category:Foxes]][[:Category:Foxes|foxes]]", "foxes" },
        { "[[fr:Renard]][[de:Fuchs|the fox]]", "the fox" },
        { "[[category : Foxes]]x", "x" },
        { "[http://x.org/a?b a site], [https://x.org], [//x.org y]", "a site, , y" },
        { "see https://x.org/a(b) now", "see  now" },
        { "time 10:30 and a: b", "time 10:30 and a: b" },
        { "a {{t|x={{u|[[v]]}}}}b", "a \nb" },
        { "{{{1|default}}} b", "\n} b" },
        { "a {{never closed [[b|c]] d", "a never closed c d" },
        { "a }} b ]] c", "a }} b ]] c" },
        { "a [[b {{c]] d}} e]]", "a b \n e" },
        { "{|\n! head\n|-\n| cell {{t|}}\n{|\n| inner\n|}\n|}\nafter", "\n\nafter" },
        { "{{t|\n{| class=x\n|}}\nafter", "\n\nafter" },
        { "== Heading ==\ntext\n=== ''Sub'' ===", "Heading\ntext\nSub" },
        { "* one\n** two\n# three\n; term\n: text", "one\ntwo\nthree\nterm\ntext" },
        { "----\nafter a rule", "\nafter a rule" },
        { "a<ref name=\"x\">gone [[b]]</ref> b<ref name=x /> c", "a b c" },
        { "a<!-- gone\n\n -->b<!-- never closed", "ab" },
        { "a<math>x^2</math>b<MATH>y</Math>c", "a\nb\nc" },
        { "<nowiki>[[x]] ''y'' &amp;</nowiki> z", "[[x]] ''y'' & z" },
        { "H<sub>2</sub>O<br/>next <span class=\"a\">x</span>", "H2O\nnext x" },
        { "a < b and 3<5, <3", "a < b and 3<5, <3" },
        { "<ref>never closed b", "never closed b" },
        { "caf&eacute;&nbsp;au lait &#8212; &lt;b&gt; &bogus;",
          "caf\xc3\xa9\xc2\xa0"
          "au lait \xe2\x80\x94 <b> &bogus;" },
        { "__NOTOC__a __b__ c_d", "a __b__ c_d" },
        { "[[a\n\nb|c]]", "a\n\nb|c]]" },
        { "[[a|b|c]]", "b|c" },
        { "", "" },
    };
    static const char head[] = "<mediawiki><siteinfo><namespaces>"
                               "<namespace key=\"0\" case=\"first-letter\" />"
                               "<namespace key=\"6\" case=\"first-letter\">Bild</namespace>"
                               "<namespace key=\"4\" case=\"first-letter\">Wikipedia</namespace>";
    struct wiki_names names = { 0 };
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    assert_int_equal(wiki_names_read(&names, wit_str_from(head)), 0);
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        wit_buf_reset(&out);
        assert_int_equal(wiki_text_append(wit_str_from(cases[i].in), &names, &out), 0);
        assert_int_equal(wit_buf_terminate(&out), 0);
        if (strcmp(out.data, cases[i].want) != 0)
            print_message("case %zu: %s\n", i, cases[i].in);
        assert_string_equal(out.data, cases[i].want);
    }
    wit_buf_finish(&out);
    wiki_names_finish(&names);
}

/* Deep and unclosed nesting in a megabyte takes the time of a megabyte. */
static void nasty_nesting_takes_linear_time(void **state) {
    static const char *const units[] = { "{{",       "[[",   "[[a|",  "{|\n", "<ref>",
                                         "<math>",   "<!-",  "}}",    "]]",   "<a<a",
                                         "''",       "[[a:", "[//x ", "a://", "{{[[a|}}]]",
                                         "<nowiki>", "__A",  "&amp" };
    enum { BYTES = 1 << 20 };
    struct wiki_names names = { 0 };
    struct wit_buf in = WIT_BUF_INIT(2 * BYTES), out = WIT_BUF_INIT(4 * BYTES);
    assert_int_equal(wiki_names_read(&names, WIT_STR("")), 0);
    for (size_t i = 0; i < WIT_COUNT_OF(units); i++) {
        wit_buf_reset(&in);
        wit_buf_reset(&out);
        while (in.len < BYTES)
            assert_int_equal(wit_buf_append_cstr(&in, units[i]), 0);
        clock_t start = clock();
        assert_int_equal(wiki_text_append(wit_buf_view(&in), &names, &out), 0);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (seconds > 5) /* quadratic would be a thousand times this */
            fail_msg("'%s' took %.1f s of CPU", units[i], seconds);
        assert_true(out.len <= 2 * in.len + 16);
    }
    wit_buf_finish(&in);
    wit_buf_finish(&out);
    wiki_names_finish(&names);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void pages_are_found_and_articles_known(void **state) {
    const struct wit_str xml =
        WIT_STR("<page><title>A &amp; B</title><ns>0</ns><model>wikitext</model>"
                "<text xml:space=\"preserve\">x &lt;ref&gt;</text></page>"
                "<page><title>R</title><ns>0</ns><redirect title=\"A\" /><text>#R</text></page>"
                "<page><title>T</title><ns>10</ns><text>t</text></page>"
                "<page><title>E</title><ns>0</ns><text bytes=\"0\" /></page>"
                "<page><title>J</title><ns>0</ns><model>json</model><text>{}</text></page>"
                "<page><title>cut");
    static const struct {
        const char *title, *text;
        bool article;
    } want[] = { { "A &amp; B", "x &lt;ref&gt;", true },
                 { "R", "#R", false },
                 { "T", "t", false },
                 { "E", "", true },
                 { "J", "{}", false } };
    struct wiki_page page;
    size_t at = 0, n = 0;
    while (wiki_page_next(xml, &at, &page)) {
        assert_true(n < WIT_COUNT_OF(want));
        assert_true(wit_str_eq(page.title, wit_str_from(want[n].title)));
        assert_true(wit_str_eq(page.text, wit_str_from(want[n].text)));
        assert_int_equal(page.article, want[n].article);
        n++;
    }
    assert_int_equal(n, WIT_COUNT_OF(want));
    struct wit_buf out = WIT_BUF_INIT(1000);
    assert_int_equal(wiki_xml_decode(WIT_STR("&lt;b&gt; &amp;amp; &quot;&apos;&#65;&#x42; & &x;"),
                                     &out),
                     0);
    assert_true(wit_str_eq(wit_buf_view(&out), WIT_STR("<b> &amp; \"'AB & &x;")));
    wit_buf_finish(&out);
}

/* ---- words ----------------------------------------------------------------------------------- */

/* Words joined by "|", or by "+" where the two make a bigram. */
static void check_words(const struct words_cutter *c, const char *text, const char *want) {
    struct words_list l = { 0 };
    struct wit_buf got = WIT_BUF_INIT(4096);
    assert_int_equal(words_cut(c, wit_str_from(text), &l), 0);
    for (size_t i = 0; i < l.count; i++) {
        if (i)
            assert_int_equal(wit_buf_append_byte(&got, l.items[i].follows ? '+' : '|'), 0);
        assert_int_equal(wit_buf_append(&got, text + l.items[i].at, l.items[i].len), 0);
    }
    assert_int_equal(wit_buf_terminate(&got), 0);
    assert_string_equal(got.data, want);
    wit_buf_finish(&got);
    words_list_finish(&l);
}

static void words_are_cut_by_the_rule(void **state) {
    struct words_cutter *c = words_cutter_create();
    char long_one[300];
    check_words(c, "The red  fox, it's well-known.", "The+red+fox|it's+well-known");
    check_words(c, "-a- 'b' c-'d e--f", "a|b|c|d+e|f");
    check_words(c, "one\ntwo\tthree", "one|two+three");
    check_words(c, "3.5 km2 in 1914", "3|5+km2+in+1914");
    check_words(c,
                "l\xe2\x80\x99\xc3\xa9t\xc3\xa9\xc2\xa0"
                "\xc3\xa0 \xc2\xab vu \xc2\xbb",
                "l\xe2\x80\x99\xc3\xa9t\xc3\xa9+\xc3\xa0|vu");
    check_words(c, "e\xcc\x81t\xc3\xa9", "e\xcc\x81t\xc3\xa9"); /* a combining accent */
    check_words(c, "\xe6\x97\xa5\xe6\x9c\xac\xe3\x80\x82is", "\xe6\x97\xa5+\xe6\x9c\xac|is");
    check_words(c, "\xe0\xb8\x81\xe0\xb8\xb4\xe0\xb8\x99",
                "\xe0\xb8\x81\xe0\xb8\xb4+\xe0\xb8\x99"); /* Thai, with a vowel sign */
    check_words(c,
                "\xd0\x9c\xd0\xb8\xd1\x80 a\xff"
                "b",
                "\xd0\x9c\xd0\xb8\xd1\x80+a|b");
    memset(long_one, 'x', sizeof long_one);
    long_one[256] = 0;
    check_words(c, long_one, ""); /* 256 bytes: no word */
    long_one[255] = 0;
    check_words(c, long_one, long_one);
    words_cutter_destroy(c);
}

/* ---- bzip2 ----------------------------------------------------------------------------------- */

static void compress_to(struct wit_buf *out, const char *data, size_t len, int level) {
    unsigned n = (unsigned)(len + len / 50 + 1000);
    assert_int_equal(wit_buf_reserve(out, n), 0);
    assert_int_equal(BZ2_bzBuffToBuffCompress(out->data + out->len, &n, (char *)(uintptr_t)data,
                                              (unsigned)len, level, 0, 0),
                     BZ_OK);
    out->len += n;
}

/* 0, or what failed; plain gets everything. */
static int unpack_file(const char *path, struct wit_buf *plain, size_t *pieces,
                       struct wit_error *err) {
    struct wiki_source *s = NULL;
    struct wiki_piece piece = { .bytes = WIT_BUF_INIT(WIKI_PACKED_MAX_BYTES + 1024) };
    struct wiki_unpacker *u = wiki_unpacker_create();
    int st = wiki_source_open(path, &s, err);
    *pieces = 0;
    while (st >= 0 && (st = wiki_source_next(s, &piece, err)) > 0) {
        st = wiki_unpacker_append(u, &piece, path, plain, err);
        ++*pieces;
    }
    wiki_source_close(s);
    wiki_unpacker_destroy(u);
    wit_buf_finish(&piece.bytes);
    return st;
}

static void data_make(struct wit_buf *b, size_t bytes) {
    struct wit_random r;
    wit_random_init(&r, 7, 0, 0);
    while (b->len < bytes) /* little repetition, so that blocks are many kilobytes */
        assert_int_equal(wit_buf_printf(b, "%u ", wit_random_u32(&r) >> 12), 0);
}

static void blocks_of_one_and_of_many_streams_unpack(void **state) {
    struct wit_buf data = WIT_BUF_INIT(1 << 24), packed = WIT_BUF_INIT(1 << 24),
                   plain = WIT_BUF_INIT(1 << 24);
    struct wit_error err = WIT_ERROR_INIT;
    size_t pieces;
    data_make(&data, 1500000);
    compress_to(&packed, data.data, data.len, 1);
    assert_int_equal(unpack_file(file_put(wit_buf_view(&packed)), &plain, &pieces, &err), 0);
    assert_true(pieces >= 15);
    assert_true(wit_str_eq(wit_buf_view(&plain), wit_buf_view(&data)));
    wit_buf_reset(&packed);
    wit_buf_reset(&plain);
    for (size_t at = 0; at < data.len; at += 100000) {
        compress_to(&packed, data.data + at, data.len - at < 100000 ? data.len - at : 100000,
                    1 + (int)(at / 100000 % 9));
        compress_to(&packed, "", 0, 9); /* an empty stream */
    }
    assert_int_equal(unpack_file(file_put(wit_buf_view(&packed)), &plain, &pieces, &err), 0);
    assert_true(wit_str_eq(wit_buf_view(&plain), wit_buf_view(&data)));
    wit_buf_reset(&plain);
    assert_int_equal(unpack_file(file_put(wit_buf_view(&data)), &plain, &pieces, &err), 0);
    assert_true(wit_str_eq(wit_buf_view(&plain), wit_buf_view(&data)));
    wit_buf_finish(&data);
    wit_buf_finish(&packed);
    wit_buf_finish(&plain);
}

static void cut_and_damaged_files_are_told_apart(void **state) {
    struct wit_buf data = WIT_BUF_INIT(1 << 24), packed = WIT_BUF_INIT(1 << 24),
                   plain = WIT_BUF_INIT(1 << 24);
    size_t pieces;
    data_make(&data, 600000);
    compress_to(&packed, data.data, data.len, 1);
    for (size_t cut = 3; cut < packed.len; cut += 1 + packed.len / 40) {
        struct wit_error err = WIT_ERROR_INIT;
        wit_buf_reset(&plain);
        const char *path = file_put(wit_str_of(packed.data, cut));
        assert_int_equal(unpack_file(path, &plain, &pieces, &err), WIT_EFORMAT);
        assert_non_null(strstr(err.text, "cut off"));
    }
    for (size_t at = 4; at < packed.len; at += 1 + packed.len / 60) {
        struct wit_error err = WIT_ERROR_INIT;
        wit_buf_reset(&plain);
        packed.data[at] ^= 0x10;
        int st = unpack_file(file_put(wit_buf_view(&packed)), &plain, &pieces, &err);
        packed.data[at] ^= 0x10;
        /* A damaged end mark leaves none to find: the file seems cut off. */
        assert_true(st == WIT_ECORRUPT || st == WIT_EFORMAT);
        assert_non_null(strstr(err.text, "/file'"));
    }
    assert_int_equal(wit_buf_append_cstr(&packed, "rubbish"), 0);
    struct wit_error err = WIT_ERROR_INIT;
    wit_buf_reset(&plain);
    assert_int_equal(unpack_file(file_put(wit_buf_view(&packed)), &plain, &pieces, &err),
                     WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "no bzip2 stream begins at byte"));
    wit_buf_finish(&data);
    wit_buf_finish(&packed);
    wit_buf_finish(&plain);
}

/* ---- page views ------------------------------------------------------------------------------ */

static int views_of(struct wit_str data, bool cut, uint64_t *titles, uint64_t *bad,
                    struct wit_error *err) {
    char path[WIT_PATH_MAX], stem[WIT_PATH_MAX];
    struct gram_table *t = NULL;
    struct gram_spill *spill = NULL;
    assert_int_equal(wit_path_join(path, folder, "views.gz"), 0);
    assert_int_equal(wit_path_join(stem, folder, "spill"), 0);
    gzFile f = gzopen(path, "wb");
    assert_int_equal(gzwrite(f, data.data, (unsigned)data.len), data.len);
    assert_int_equal(gzclose(f), Z_OK);
    uint64_t bytes;
    assert_int_equal(wit_file_size(path, &bytes, NULL), 0);
    if (cut)
        assert_int_equal(truncate(path, (off_t)bytes - 9), 0);
    assert_int_equal(gram_spill_create(stem, &spill, NULL), 0);
    assert_int_equal(gram_table_create(GRAM_WORDS, 1 << 16, &t, NULL), 0);
    gram_table_spill_to(t, spill);
    int st = pageviews_count(path, WIT_STR("en"), 50, NULL, t, titles, bad, err);
    gram_table_destroy(t);
    gram_spill_destroy(spill);
    return st;
}

static void page_views_are_read_and_faults_named(void **state) {
    const struct wit_str good = WIT_STR("en A_b 50 1\nen A_b 49 1\nen.m A 90 1\nen X:Y 90 1\nbad\n"
                                        "en C 1234567 0");
    struct wit_error err = WIT_ERROR_INIT;
    uint64_t titles = 0, bad = 0;
    assert_int_equal(views_of(good, false, &titles, &bad, &err), 0);
    assert_int_equal(titles, 2);
    assert_int_equal(bad, 1);
    assert_int_equal(views_of(good, true, &titles, &bad, &err), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "views.gz': the gzip file is cut off or damaged"));
    assert_int_equal(views_of(WIT_STR("a\nb\n"), false, &titles, &bad, &err), WIT_EFORMAT);
    struct pageviews_line l;
    assert_true(pageviews_line_parse(WIT_STR("en T 7"), &l)); /* without bytes */
    assert_int_equal(l.views, 7);
    assert_false(pageviews_line_parse(WIT_STR("en T"), &l));
    assert_false(pageviews_line_parse(WIT_STR("en T -7 1"), &l));
    assert_false(pageviews_line_parse(WIT_STR("en  7 1"), &l));
    assert_false(pageviews_line_parse(WIT_STR(""), &l));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wikitext_becomes_what_a_reader_sees),
        cmocka_unit_test(nasty_nesting_takes_linear_time),
        cmocka_unit_test(pages_are_found_and_articles_known),
        cmocka_unit_test(words_are_cut_by_the_rule),
        cmocka_unit_test(blocks_of_one_and_of_many_streams_unpack),
        cmocka_unit_test(cut_and_damaged_files_are_told_apart),
        cmocka_unit_test(page_views_are_read_and_faults_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
