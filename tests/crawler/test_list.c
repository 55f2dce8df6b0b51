/*
 * test_list.c: lists of URLs: what each format means, how bad rows end, and that neither the pieces
 * in which a file is read, nor gzip, nor going on from a position changes a row.
 */
#include "shards/collection.h"
#include "table/wit_table.h"
#include "wit_crawler_list.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static struct wit_error err;
static char dir[WIT_PATH_MAX];

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static int setup(void **state) {
    scratch_make(dir);
    return 0;
}

static int teardown(void **state) {
    scratch_remove(dir);
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *path_of(const char *name, char out[WIT_PATH_MAX]) {
    must(wit_path_join(out, dir, name));
    return out;
}

static void put(const char *name, struct wit_str text) {
    char path[WIT_PATH_MAX];
    must(wit_file_write_atomic(path_of(name, path), text, &err));
}

static void gzip_append(struct wit_str text, struct wit_buf *out) {
    z_stream z = { .next_in = (unsigned char *)(uintptr_t)text.data,
                   .avail_in = (unsigned)text.len };
    assert_int_equal(deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                                  Z_DEFAULT_STRATEGY),
                     Z_OK);
    must(wit_buf_reserve(out, deflateBound(&z, text.len)));
    z.next_out = (unsigned char *)out->data + out->len;
    z.avail_out = (unsigned)(out->cap - out->len);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

/* As `members` members of gzip, padded as tapes are. */
static void put_gzip(const char *name, struct wit_str text, size_t members) {
    struct wit_buf out = WIT_BUF_INIT(64 << 20);
    for (size_t i = 0; i < members; i++)
        gzip_append(wit_str_slice(text, text.len * i / members, text.len * (i + 1) / members),
                    &out);
    for (int i = 0; i < 100; i++)
        must(wit_buf_append_byte(&out, '\0'));
    put(name, wit_buf_view(&out));
    wit_buf_finish(&out);
}

/* ---- transcripts ---------------------------------------------------------------------------- */

/* A line a row: "URL|caption|caption;page;extra;digest", or "!line reason". Control bytes as \xNN.
 */
static void put_clean(struct wit_buf *out, struct wit_str s) {
    for (size_t i = 0; i < s.len; i++)
        must((uint8_t)s.data[i] < 0x20 ? wit_buf_printf(out, "\\x%02x", (unsigned)s.data[i])
                                       : wit_buf_append_byte(out, s.data[i]));
}

static void put_row(struct wit_buf *out, const struct wit_crawler_list_row *row) {
    if (row->reason) {
        must(wit_buf_printf(out, "!%" PRIu64 " %s\n", row->line, row->reason));
        return;
    }
    put_clean(out, row->url);
    for (size_t i = 0; i < row->caption_count; i++) {
        must(wit_buf_append_byte(out, '|'));
        put_clean(out, row->captions[i]);
    }
    const struct wit_str rest[] = { row->page, row->extra, row->digest };
    for (size_t i = 0; i < WIT_COUNT_OF(rest); i++) {
        if (rest[i].len) {
            must(wit_buf_append_byte(out, ';'));
            put_clean(out, rest[i]);
        }
    }
    must(wit_buf_append_byte(out, '\n'));
}

static struct wit_buf complaints = WIT_BUF_INIT(1 << 20);

static void complain(void *user, const char *file, uint64_t line, const char *why) {
    const char *name = strrchr(file, '/');
    must(wit_buf_printf(&complaints, "%s:%" PRIu64 ": %s\n", name ? name + 1 : file, line, why));
}

static void complaint_has(const char *text) {
    must(wit_buf_terminate(&complaints));
    if (!strstr(complaints.data, text))
        fail_msg("'%s' is not in: %s", text, complaints.data);
}

enum { ROWS_MOST = 4096 };
static size_t ends[ROWS_MOST]; /* of the transcript, after each row */
static struct wit_crawler_list_position positions[ROWS_MOST];

/* Read all that is left; positions and ends of the rows on the way. */
static size_t transcribe(struct wit_crawler_list *list, struct wit_buf *out) {
    struct wit_crawler_list_row row;
    size_t n = 0;
    int st;
    while ((st = wit_crawler_list_next(list, &row, &err)) > 0) {
        put_row(out, &row);
        assert_true(n < ROWS_MOST);
        positions[n] = wit_crawler_list_tell(list);
        ends[n++] = out->len;
    }
    must(st);
    must(wit_buf_terminate(out));
    return n;
}

static struct wit_crawler_list *list_open(const struct wit_crawler_list_config *cfg) {
    struct wit_crawler_list *list = NULL;
    struct wit_crawler_list_config told = *cfg;
    told.complain = complain;
    wit_buf_reset(&complaints);
    must(wit_crawler_list_open(&told, &list, &err));
    return list;
}

/* From every position on, the rest is the rest. */
static void positions_check(const struct wit_crawler_list_config *cfg, const struct wit_buf *whole,
                            size_t rows) {
    struct wit_buf rest = WIT_BUF_INIT(64 << 20);
    struct wit_crawler_list_position to[ROWS_MOST];
    size_t from[ROWS_MOST];
    memcpy(to, positions, rows * sizeof *to);
    memcpy(from, ends, rows * sizeof *from);
    for (size_t i = 0; i < rows; i += 1 + rows / 16) {
        struct wit_crawler_list *list = list_open(cfg);
        must(wit_crawler_list_seek(list, &to[i], &err));
        struct wit_crawler_list_position same = wit_crawler_list_tell(list);
        assert_memory_equal(&same, &to[i], sizeof same);
        wit_buf_reset(&rest);
        transcribe(list, &rest);
        assert_string_equal(rest.data, whole->data + from[i]);
        assert_int_equal(to[i].rows, i + 1);
        assert_int_equal(wit_crawler_list_seek(list, &to[i], &err), WIT_EINVAL);
        wit_crawler_list_close(list);
    }
    wit_buf_finish(&rest);
}

/* The rows of the text, read in all manners, are these. */
static void expect(const struct wit_crawler_list_config *settings, const char *name,
                   struct wit_str text, const char *rows) {
    static const size_t chunks[] = { 1, 2, 5, 64, 65536 };
    struct wit_buf got = WIT_BUF_INIT(64 << 20);
    char path[WIT_PATH_MAX];
    const char *paths[] = { path_of(name, path) };
    for (size_t members = 0; members < 4; members++) {
        if (members == 0)
            put(name, text);
        else
            put_gzip(name, text, members);
        for (size_t i = 0; i < WIT_COUNT_OF(chunks); i++) {
            struct wit_crawler_list_config cfg = *settings;
            cfg.paths = paths;
            cfg.path_count = 1;
            cfg.chunk_bytes = chunks[i];
            struct wit_crawler_list *list = list_open(&cfg);
            wit_buf_reset(&got);
            size_t n = transcribe(list, &got);
            wit_crawler_list_close(list);
            assert_string_equal(got.data, rows);
            positions_check(&cfg, &got, n);
        }
    }
    struct wit_crawler_list_config last = *settings; /* complaints of one plain reading */
    last.paths = paths;
    last.path_count = 1;
    struct wit_crawler_list *list = list_open(&last);
    wit_buf_reset(&got);
    transcribe(list, &got);
    wit_crawler_list_close(list);
    wit_buf_finish(&got);
}

#define EXPECT(cfg, name, text, rows) expect(cfg, name, WIT_STR(text), rows)

static const char *const caption_column[] = { "caption" };
static const char *const two_captions[] = { "caption", "alt" };
static const char *const kept[] = { "id", "n" };
static const struct wit_crawler_list_config plain = { .path_count = 0 };
static const struct wit_crawler_list_config captioned = { .caption_columns = caption_column,
                                                          .caption_count = 1 };
static const struct wit_crawler_list_config everything = {
    .caption_columns = two_captions, .caption_count = 2, .keep_columns = kept, .keep_count = 2
};

/* ---- formats -------------------------------------------------------------------------------- */

static void txt_is_a_url_a_line(void **state) {
    EXPECT(&plain, "a.txt",
           "http://a/1.jpg\r\n"
           "http://a/2,3.jpg?x=\"y\" z\n"
           "\n  \t\n# a comment\n#\n"
           "  http://a/3.jpg \n"
           "url\n"
           "http://a/4.jpg",
           "http://a/1.jpg\nhttp://a/2,3.jpg?x=\"y\" z\nhttp://a/3.jpg\nurl\nhttp://a/4.jpg\n");
    EXPECT(&plain, "b.txt", "\xEF\xBB\xBFhttp://a/1\n", "http://a/1\n");
    EXPECT(&plain, "c.txt", "", "");
    EXPECT(&plain, "d.txt", "\n", "");
}

static void csv_follows_rfc_4180(void **state) {
    EXPECT(&captioned, "a.csv",
           "caption,url\n"
           "plain,http://a/1\n"
           "\"with, comma\",http://a/2\n"
           "\"with \"\"quotes\"\"\",http://a/3\r\n"
           "\"two\nlines\r\nthree\",\"http://a/4\"\n"
           "\n   \n"
           "a \"quote\" inside,http://a/5\n"
           "\"closed\" and on,http://a/6\n"
           ",http://a/7\n"
           "short\n"
           "many,http://a/8,too\n"
           "\"\",http://a/9\r"
           "after a CR,http://a/10",
           "http://a/1|plain\n"
           "http://a/2|with, comma\n"
           "http://a/3|with \"quotes\"\n"
           "http://a/4|two\\x0alines\\x0d\\x0athree\n"
           "http://a/5|a \"quote\" inside\n"
           "http://a/6|closed and on\n"
           "http://a/7\n"
           "!13 bad_row\n"
           "!14 bad_row\n"
           "http://a/9\n"
           "http://a/10|after a CR\n");
    complaint_has("a.csv:13: it has no URL\n");
    complaint_has("a.csv:14: it has more fields than the first row's 2\n");
    EXPECT(&captioned, "b.csv", "\xEF\xBB\xBF\"url\",\"caption\"\nhttp://a/1,x\n",
           "http://a/1|x\n");
    EXPECT(&captioned, "c.csv", "\r\nurl,caption,url\r\nhttp://a/1,x,http://b/\r\n",
           "http://a/1|x\n");
}

static void an_open_quote_costs_its_line_only(void **state) {
    EXPECT(&captioned, "a.csv",
           "url,caption\n"
           "http://a/1,\"open\n"
           "http://a/2,two\n"
           "http://a/3,three",
           "!2 bad_row\nhttp://a/2|two\nhttp://a/3|three\n");
    complaint_has("a.csv:2: a quoted field has no end\n");
    /* which ends as rows end in this file */
    EXPECT(&captioned, "b.csv", "url,caption\rhttp://a/1,\"open\rhttp://a/2,two\r\rhttp://a/3,3\r",
           "!2 bad_row\nhttp://a/2|two\nhttp://a/3|3\n");
    EXPECT(&captioned, "c.csv", "url,caption\r\nhttp://a/1,\"open\r\nhttp://a/2,two\r\n",
           "!2 bad_row\nhttp://a/2|two\n");
}

static void tsv_has_the_same_quotes(void **state) {
    EXPECT(&captioned, "a.tsv",
           "url\tcaption\n"
           "http://a/1,2\tone, two\n"
           "http://a/3\t\"a\ttab\"\n"
           "http://a/4\t5\" wide\n"
           "\t\n"
           "http://a/5\t\"a \"\"b\"\"\nc\"\n",
           "http://a/1,2|one, two\nhttp://a/3|a\\x09tab\nhttp://a/4|5\" wide\n!5 bad_row\n"
           "http://a/5|a \"b\"\\x0ac\n");
}

static void jsonl_and_json_have_types(void **state) {
    EXPECT(&everything, "a.jsonl",
           "{\"url\":\"http://a/1\",\"caption\":\"one\",\"alt\":\"eins\",\"id\":7,\"n\":"
           "[1,{\"x\":null,\"y\":1.5}]}\n"
           "\r\n"
           "{\"url\":\"http://a/2\",\"caption\":null,\"n\":true}\r\n"
           "{\"url\":\"http://a/3\",\"caption\":12,\"alt\":\"\\u0000\\t\"}\n"
           "{\"url\":\"http://a/4\",\"caption\":[1]}\n"
           "{\"url\":\"http://a/5\"\n"
           "[\"http://a/6\"]\n"
           "{\"caption\":\"x\"}\n"
           "{\"url\":\"http://a/7\",\"id\":\"\xFF\"}",
           "http://a/1|one|eins;{\"id\":7,\"n\":[1,{\"x\":null,\"y\":1.5}]}\n"
           "http://a/2;{\"id\":null,\"n\":true}\n"
           "http://a/3|12|\\x00\\x09;{\"id\":null,\"n\":null}\n"
           "!5 bad_row\n!6 bad_row\n!7 bad_row\n!8 bad_row\n"
           "http://a/7;{\"id\":\"\xEF\xBF\xBD\",\"n\":null}\n");
    complaint_has("a.jsonl:5: column 'caption' holds neither text nor a whole number\n");
    complaint_has("a.jsonl:7: it is no JSON object\n");
    EXPECT(&captioned, "b.json",
           " [ {\"url\":\"http://a/1\",\"caption\":\"],[\\\"}\"} ,\n"
           "{\n\"url\":\"http://a/2\",\n\"caption\":\"x\"\n},\n"
           "{\"url\" \"http://a/3\"},\n"
           "3 , \"a,b\",[[]], null,\n"
           "{\"url\":\"http://a/4\"}]\n",
           "http://a/1|],[\"}\nhttp://a/2|x\n!6 bad_row\n!7 bad_row\n!7 bad_row\n!7 bad_row\n"
           "!7 bad_row\nhttp://a/4\n");
    EXPECT(&plain, "c.json", "[]", "");
    EXPECT(&plain, "d.json", "\xEF\xBB\xBF[{\"url\":\"http://a/1\"}]", "http://a/1\n");
}

static void what_is_no_array_is_left(void **state) {
    EXPECT(&plain, "a.json", "{\"url\":\"http://a/1\"}\n", "");
    complaint_has("a.json:0: it is no JSON array; of objects one a line the format is jsonl\n");
    EXPECT(&plain, "b.json", "[{\"url\":\"http://a/1\"},{\"url\":\"http://a/2\"", "http://a/1\n");
    complaint_has("b.json:0: it ends within its array\n");
    EXPECT(&plain, "c.json", "[{\"url\":\"http://a/1\"} {\"url\":\"http://a/2\"}]", "http://a/1\n");
    complaint_has("c.json:0: there is no ',' between two values");
    EXPECT(&plain, "d.json", "[{\"url\":\"http://a/1\"}] x", "http://a/1\n");
    EXPECT(&plain, "e.json", "[{\"url\":\"http://a/1\"},]", "http://a/1\n");
    EXPECT(&plain, "f.json", "", "");
    EXPECT(&plain, "g.json", "[3}]", "!1 bad_row\n");
    complaint_has("g.json:0: there is no ','");
}

static void captions_become_utf8(void **state) {
    EXPECT(&captioned, "a.csv", "url,caption\nhttp://a/1,caf\xE9 \xF0\x9F\x98\n",
           "http://a/1|caf\xEF\xBF\xBD \xEF\xBF\xBD\n");
    EXPECT(&captioned, "b.csv", "url,caption\nhttp://a/1,a\0b\nhttp://a/2,\" \t\"\n",
           "http://a/1|a\\x00b\nhttp://a/2\n");
}

static void wikipedia_rows_have_their_own_columns(void **state) {
    static const char wikipedia[] =
        "language\tpage_url\timage_url\tpage_title\tsection_title\tcaption_reference_description\t"
        "caption_attribution_description\tcaption_alt_text_description\tcontext_page_description\t"
        "context_section_description\n"
        "en\thttps://en.wikipedia.org/wiki/A\thttps://u/1.jpg\tA\t\tref\tEnglish: attr\talt\tpage\t"
        "section\n"
        "de\thttps://de.wikipedia.org/wiki/B\thttps://u/2.jpg\tB\t\tBild\t\t\tSeite\t\n"
        "en\thttps://en.wikipedia.org/wiki/C\thttps://u/3.jpg\tC\t\t\t\t\tonly page\t\n";
    static const char *const english[] = { "en" };
    static const char *const chosen[] = { "alt", "context" };
    static const char *const title[] = { "page_title" };
    struct wit_crawler_list_config cfg = { .format = WIT_CRAWLER_LIST_WIT };
    EXPECT(&cfg, "a.tsv", wikipedia,
           "https://u/1.jpg|ref|English: attr|alt;https://en.wikipedia.org/wiki/A\n"
           "https://u/2.jpg|Bild;https://de.wikipedia.org/wiki/B\n"
           "https://u/3.jpg;https://en.wikipedia.org/wiki/C\n");
    cfg.languages = english;
    cfg.language_count = 1;
    cfg.caption_columns = chosen;
    cfg.caption_count = 2;
    cfg.keep_columns = title;
    cfg.keep_count = 1;
    EXPECT(&cfg, "a.tsv", wikipedia,
           "https://u/1.jpg|alt|page;https://en.wikipedia.org/wiki/A;{\"page_title\":\"A\"}\n"
           "!3 other_language\n"
           "https://u/3.jpg|only page;https://en.wikipedia.org/wiki/C;{\"page_title\":\"C\"}\n");
    assert_int_equal(complaints.len, 0); /* as it was asked for */
    cfg.caption_count = 1;
    cfg.need_caption = true;
    EXPECT(&cfg, "a.tsv", wikipedia,
           "https://u/1.jpg|alt;https://en.wikipedia.org/wiki/A;{\"page_title\":\"A\"}\n"
           "!3 other_language\n!4 no_caption\n");
}

static void hashes_stay_with_the_row(void **state) {
    struct wit_crawler_list_config cfg = { .hash_column = "md5", .hash_kind = WIT_DIGEST_MD5 };
    EXPECT(&cfg, "a.csv",
           "url,md5\nhttp://a/1,D41D8CD98F00B204E9800998ECF8427E\nhttp://a/2,\n"
           "http://a/3,d41d8cd98f00b204e9800998ecf8427g\n",
           "http://a/1;md5:d41d8cd98f00b204e9800998ecf8427e\n!3 bad_row\n!4 bad_row\n");
    complaint_has("a.csv:3: column 'md5' holds no md5 of 32 hex digits\n");
}

/* ---- ceilings ------------------------------------------------------------------------------- */

static void long_rows_are_left_out(void **state) {
    struct wit_crawler_list_config cfg = captioned;
    cfg.row_bytes_most = 40;
    EXPECT(&cfg, "a.csv",
           "url,caption\n"
           "http://a/1,012345678901234567890123456x\n"    /* 39 bytes */
           "http://a/2,0123456789012345678901234567x\r\n" /* 40 */
           "http://a/3,01234567890123456789012345678x\n"  /* 41 */
           "http://a/4,four\n"
           "http://a/5,\"0123456789\n01234567890123456789012345678901234567890123456789\"\n"
           "http://a/6,six\n",
           "http://a/1|012345678901234567890123456x\n"
           "http://a/2|0123456789012345678901234567x\n"
           "!4 row_too_long\n"
           "http://a/4|four\n"
           "!6 row_too_long\n!7 row_too_long\n"
           "http://a/6|six\n");
    struct wit_crawler_list_config bare = { .row_bytes_most = 40 };
    EXPECT(&bare, "a.txt",
           "http://a/1\nhttp://a/0123456789012345678901234567890123456789\nhttp://a/2\n",
           "http://a/1\n!2 row_too_long\nhttp://a/2\n");
    EXPECT(
        &bare, "a.json",
        "[{\"url\":\"http://a/1\"},\n                                                          \n"
        "{\"url\":\"http://a/2\",\"x\":\"0123456789[{,\\\"\n0123456789\"} ,\n"
        "{\"url\":\"http://a/3\"}]",
        "http://a/1\n!3 row_too_long\nhttp://a/3\n");
    complaint_has("a.json:3: it has more than 40 bytes\n");
    EXPECT(&bare, "b.json", "[{\"url\":\"0123456789012345678901234567890123456789", "");
}

static void wide_rows_are_left_out(void **state) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX];
    must(wit_buf_append_cstr(&text, "url"));
    for (unsigned i = 1; i < WIT_CRAWLER_LIST_FIELDS; i++)
        must(wit_buf_append_cstr(&text, ",x"));
    must(wit_buf_append_cstr(&text, "\nhttp://a/1\n"));
    expect(&plain, "a.csv", wit_buf_view(&text), "http://a/1\n");
    text.data[text.len - 12] = ',';
    expect(&plain, "a.csv", wit_buf_view(&text), "");
    complaint_has("a.csv:0: its first row has more than 4096 columns\n");
    wit_buf_finish(&text);
    must(wit_file_write_atomic(path_of("b.csv", path), WIT_STR("URL,TEXT\nx,y\n"), &err));
    EXPECT(&plain, "b.csv", "URL,TEXT\nx,y\n", "");
    complaint_has("b.csv:0: its first row names no column 'url', but URL, TEXT\n");
}

/* A field of more than a megabyte can't go into the log. */
static void long_captions_are_left_out(void **state) {
    struct wit_buf text = WIT_BUF_INIT(8 << 20), got = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX];
    const char *paths[] = { path_of("a.csv", path) };
    struct wit_crawler_list_config cfg = captioned;
    must(wit_buf_append_cstr(&text, "url,caption\nhttp://a/1,"));
    for (size_t i = 0; i <= WIT_SHARDS_MAX_FIELD_BYTES; i++)
        must(wit_buf_append_byte(&text, 'x'));
    must(wit_buf_append_cstr(&text, "\nhttp://a/2,\xFF"));
    put("a.csv", wit_buf_view(&text));
    cfg.paths = paths;
    cfg.path_count = 1;
    struct wit_crawler_list *list = list_open(&cfg);
    transcribe(list, &got);
    assert_string_equal(got.data, "!2 row_too_long\nhttp://a/2|\xEF\xBF\xBD\n");
    wit_crawler_list_close(list);
    wit_buf_finish(&text);
    wit_buf_finish(&got);
}

/* Whatever state it is in before, a line of this kind leaves a quote open behind it. */
static void open_quotes_cost_their_lines_once(void **state) {
    enum { LINES = 200000 };
    struct wit_buf text = WIT_BUF_INIT(4 << 20);
    struct wit_crawler_list_row row;
    char path[WIT_PATH_MAX];
    const char *const paths[] = { path_of("quotes.csv", path) };
    struct wit_crawler_list_config cfg = { .paths = paths, .path_count = 1 };
    for (int way = 0; way < 4; way++) {
        const char *end = way & 1 ? "\r" : "\n";
        wit_buf_reset(&text);
        must(wit_buf_printf(&text, "url,caption%s", end));
        for (int i = 0; i < LINES; i++)
            must(wit_buf_printf(&text, "\"ab\"c,\"%s", end));
        must(wit_buf_printf(&text, "http://a/,good%s", end));
        put("quotes.csv", wit_buf_view(&text));
        /* the end of the file, or of what a row may have */
        cfg.row_bytes_most = way & 2 ? 1 << 16 : 0;
        struct wit_crawler_list *list = NULL;
        must(wit_crawler_list_open(&cfg, &list, &err));
        const uint64_t began_ms = wit_clock_ms();
        int rows = 0, st;
        while ((st = wit_crawler_list_next(list, &row, &err)) > 0 && row.reason)
            rows++;
        must(st);
        assert_int_equal(rows, LINES);
        assert_true(wit_str_eq(row.url, WIT_STR("http://a/")));
        assert_in_range(wit_clock_ms() - began_ms, 0, 20000); /* it takes minutes otherwise */
        wit_crawler_list_close(list);
    }
    wit_buf_finish(&text);
}

/* ---- files and settings --------------------------------------------------------------------- */

static void broken_files_are_left_and_named(void **state) {
    struct wit_buf packed = WIT_BUF_INIT(1 << 16), got = WIT_BUF_INIT(1 << 16);
    char path[4][WIT_PATH_MAX];
    const char *paths[4];
    static const char *const names[] = { "cut.txt.gz", "absent.txt", "utf16.txt", "good.txt" };
    for (size_t i = 0; i < 4; i++)
        paths[i] = path_of(names[i], path[i]);
    gzip_append(WIT_STR("http://a/1\nhttp://a/2\n"), &packed);
    put(names[0], wit_str_slice(wit_buf_view(&packed), 0, packed.len - 9));
    put(names[2], WIT_STR("\xFF\xFEh\0t\0"));
    put(names[3], WIT_STR("http://a/3\n"));
    struct wit_crawler_list_config cfg = { .paths = paths, .path_count = 4 };
    struct wit_crawler_list *list = list_open(&cfg);
    transcribe(list, &got);
    assert_true(wit_str_ends_with(wit_buf_view(&got), WIT_STR("http://a/3\n")));
    assert_int_equal(wit_crawler_list_unreadable(list), 3);
    complaint_has("ends within a gzip member");
    complaint_has("cannot open");
    complaint_has("UTF-16");
    wit_crawler_list_close(list);

    wit_buf_reset(&packed);
    gzip_append(WIT_STR("http://a/1\n"), &packed);
    must(wit_buf_append_cstr(&packed, "rubbish"));
    put(names[0], wit_buf_view(&packed));
    cfg.path_count = 1;
    list = list_open(&cfg);
    wit_buf_reset(&got);
    transcribe(list, &got);
    assert_string_equal(got.data, "http://a/1\n");
    complaint_has("no whole gzip file");
    wit_crawler_list_close(list);
    wit_buf_finish(&packed);
    wit_buf_finish(&got);
}

static struct wit_crawler_list_position end_of(struct wit_crawler_list *list, struct wit_buf *got) {
    transcribe(list, got);
    return wit_crawler_list_tell(list);
}

static void a_file_that_is_not_there_is_not_done(void **state) {
    struct wit_crawler_list_row row;
    struct wit_hash128 before, after;
    char absent[WIT_PATH_MAX], good[WIT_PATH_MAX];
    put("here.txt", WIT_STR("http://a/1\n"));
    const char *paths[] = { path_of("later.txt", absent), path_of("here.txt", good) };
    const struct wit_crawler_list_config cfg = { .paths = paths, .path_count = 2 };
    struct wit_crawler_list *list = list_open(&cfg);
    must(wit_crawler_list_identity(list, &before, &err));
    while (wit_crawler_list_next(list, &row, &err) > 0)
        continue;
    const struct wit_crawler_list_position end = wit_crawler_list_tell(list);
    wit_crawler_list_close(list);

    list = list_open(&cfg);
    must(wit_crawler_list_seek(list, &end, &err));
    assert_int_equal(wit_crawler_list_next(list, &row, &err), 0);
    assert_int_equal(wit_crawler_list_unreadable(list), 1);
    complaint_has("later.txt");
    wit_crawler_list_close(list);

    put("later.txt", WIT_STR("http://a/2\n"));
    list = list_open(&cfg);
    must(wit_crawler_list_identity(list, &after, &err));
    assert_false(wit_hash128_eq(before, after));
    wit_crawler_list_close(list);
}

/* What could not be read to its end is tried again from there, and only that; meanwhile the list
 * has one position more. */
static void a_file_that_breaks_off_is_tried_again(void **state) {
    struct wit_buf packed = WIT_BUF_INIT(1 << 20), rows = WIT_BUF_INIT(1 << 20),
                   got = WIT_BUF_INIT(1 << 20);
    char path[3][WIT_PATH_MAX];
    const char *paths[] = { path_of("1.txt.gz", path[0]), path_of("2.txt.gz", path[1]),
                            path_of("3.txt", path[2]) };
    struct wit_crawler_list_row row;
    uint64_t random = 1;
    for (int i = 0; i < 3000; i++)
        must(wit_buf_printf(&rows, "http://a/%d-%" PRIx64 "\n", i,
                            random = random * 6364136223846793005u + 1442695040888963407u));
    gzip_append(wit_buf_view(&rows), &packed);
    const struct wit_str half = wit_str_slice(wit_buf_view(&packed), 0, packed.len / 2);
    put("1.txt.gz", half);
    put("2.txt.gz", half);
    put("3.txt", WIT_STR("http://b/1\nhttp://b/2\n"));
    struct wit_crawler_list_config cfg = { .paths = paths, .path_count = 3 };
    struct wit_crawler_list *list = list_open(&cfg);
    const struct wit_crawler_list_position broken = end_of(list, &got);
    assert_int_equal(wit_crawler_list_unreadable(list), 2);
    assert_int_equal(broken.left_count, 2);
    assert_int_equal(broken.left[1].file, 1);
    assert_true(broken.left[0].offset > 1000 && broken.left[0].line > 100);
    assert_int_equal(broken.next.file, 3);
    assert_int_equal(broken.rows, 2 * (broken.left[0].line - 1) + 2);
    wit_crawler_list_close(list);

    put("1.txt.gz", wit_buf_view(&packed)); /* as a disk that failed and does no more */
    list = list_open(&cfg);
    must(wit_crawler_list_seek(list, &broken, &err));
    assert_int_equal(wit_crawler_list_next(list, &row, &err), 1);
    assert_int_equal(row.line, broken.left[0].line);
    const struct wit_crawler_list_position within = wit_crawler_list_tell(list);
    assert_int_equal(within.left_count, 2);
    assert_true(within.left[0].offset > broken.left[0].offset);
    assert_int_equal(within.next.file, 3);
    wit_crawler_list_close(list);

    list = list_open(&cfg); /* killed there, and gone on */
    must(wit_crawler_list_seek(list, &within, &err));
    wit_buf_reset(&got);
    const struct wit_crawler_list_position mended = end_of(list, &got);
    assert_int_equal(wit_crawler_list_unreadable(list), 1);
    complaint_has("2.txt.gz");
    assert_int_equal(mended.left_count, 1);
    assert_memory_equal(&mended.left[0], &broken.left[1], sizeof mended.left[0]);
    assert_int_equal(mended.rows, 3000 + broken.left[0].line - 1 + 2);
    assert_true(wit_str_ends_with(wit_buf_view(&rows), wit_buf_view(&got)));
    wit_crawler_list_close(list);
    wit_buf_finish(&packed);
    wit_buf_finish(&rows);
    wit_buf_finish(&got);
}

/* Only so many can be remembered: rather than forget one the list is read no further. */
static void too_many_broken_files_hold_the_list(void **state) {
    enum { FILES = WIT_CRAWLER_LIST_LEFT + 5 };
    static char path[FILES][WIT_PATH_MAX];
    const char *paths[FILES];
    char name[32];
    struct wit_crawler_list_row row;
    for (size_t i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "none-%zu.txt", i);
        paths[i] = path_of(name, path[i]);
    }
    paths[FILES - 1] = path_of("there.txt", path[FILES - 1]);
    put("there.txt", WIT_STR("http://a/\n"));
    struct wit_crawler_list_config cfg = { .paths = paths, .path_count = FILES };
    struct wit_crawler_list *list = list_open(&cfg);
    assert_int_equal(wit_crawler_list_next(list, &row, &err), 0);
    assert_int_equal(wit_crawler_list_next(list, &row, &err), 0);
    complaint_has("33 files could not be read to their end: reading stops here");
    const struct wit_crawler_list_position at = wit_crawler_list_tell(list);
    assert_int_equal(at.left_count, WIT_CRAWLER_LIST_LEFT);
    assert_int_equal(at.next.file, WIT_CRAWLER_LIST_LEFT);
    wit_crawler_list_close(list);
    for (size_t i = 0; i + 1 < FILES; i++) {
        snprintf(name, sizeof name, "none-%zu.txt", i);
        put(name, WIT_STR("http://b/\n"));
    }
    list = list_open(&cfg);
    must(wit_crawler_list_seek(list, &at, &err));
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(wit_crawler_list_next(list, &row, &err), 1);
    assert_int_equal(wit_crawler_list_next(list, &row, &err), 0);
    assert_int_equal(wit_crawler_list_tell(list).left_count, 0);
    assert_int_equal(wit_crawler_list_unreadable(list), 0);
    wit_crawler_list_close(list);
}

static void folders_give_their_files_in_order(void **state) {
    struct wit_buf got = WIT_BUF_INIT(1 << 16);
    struct wit_crawler_list *list = NULL;
    char folder[WIT_PATH_MAX], empty[WIT_PATH_MAX];
    must(wit_dir_make(path_of("folder", folder), &err));
    must(wit_dir_make(path_of("empty", empty), &err));
    put("folder/b.csv", WIT_STR("url,caption\nhttp://b/,b\n"));
    put_gzip("folder/a.csv.gz", WIT_STR("caption,url\na,http://a/\n"), 1);
    put("folder/README", WIT_STR("no list\n"));
    const char *paths[] = { folder, empty };
    struct wit_crawler_list_config cfg = captioned;
    cfg.paths = paths;
    cfg.path_count = 2;
    list = list_open(&cfg);
    transcribe(list, &got);
    assert_string_equal(got.data, "http://a/|a\nhttp://b/|b\n");
    assert_int_equal(wit_crawler_list_unreadable(list), 1);
    complaint_has("empty:0: the folder holds no list of that format\n");
    wit_crawler_list_close(list);

    put("folder/c.txt", WIT_STR("http://c/\n"));
    list = NULL;
    assert_int_equal(wit_crawler_list_open(&cfg, &list, &err), WIT_EINVAL);
    assert_non_null(strstr(err.text, "'b.csv' and 'c.txt'"));
    cfg = plain;
    cfg.paths = paths;
    cfg.path_count = 1;
    cfg.format = WIT_CRAWLER_LIST_TXT;
    list = list_open(&cfg);
    wit_buf_reset(&got);
    transcribe(list, &got);
    assert_string_equal(got.data, "http://c/\n");
    wit_crawler_list_close(list);
    wit_buf_finish(&got);
}

static void refused(const struct wit_crawler_list_config *settings, const char *name, int status,
                    const char *sentence) {
    struct wit_crawler_list *list = NULL;
    char path[WIT_PATH_MAX];
    const char *paths[] = { path_of(name, path) };
    struct wit_crawler_list_config cfg = *settings;
    cfg.paths = paths;
    cfg.path_count = 1;
    assert_int_equal(wit_crawler_list_open(&cfg, &list, &err), status);
    assert_null(list);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' is not in: %s", sentence, err.text);
}

static void wrong_settings_are_named(void **state) {
    static const char *const reserved[] = { "original_width" };
    static const char *const twice[] = { "a", "a" };
    static const char *const english[] = { "en" };
    struct wit_crawler_list_config cfg = { .path_count = 0 };
    struct wit_crawler_list *list = NULL;
    assert_int_equal(wit_crawler_list_open(&cfg, &list, &err), WIT_EINVAL);
    if (!wit_table_is_supported())
        refused(&plain, "a.parquet", WIT_EUNSUPPORTED, "parquet is not read");
    refused(&plain, "a.list", WIT_EINVAL, "tells no format");
    refused(&captioned, "a.txt", WIT_EINVAL, "has no columns");
    cfg = (struct wit_crawler_list_config){ .keep_columns = reserved, .keep_count = 1 };
    refused(&cfg, "a.csv", WIT_EINVAL, "reserved name 'original_width'");
    cfg = (struct wit_crawler_list_config){ .keep_columns = twice, .keep_count = 2 };
    refused(&cfg, "a.csv", WIT_EINVAL, "'a' is to be kept twice");
    cfg = (struct wit_crawler_list_config){ .languages = english, .language_count = 1 };
    refused(&cfg, "a.csv", WIT_EINVAL, "only the wit format has a language");
    cfg = (struct wit_crawler_list_config){ .format = WIT_CRAWLER_LIST_WIT,
                                            .caption_columns = twice,
                                            .caption_count = 1 };
    refused(&cfg, "a.tsv", WIT_EINVAL, "reference, attribution, alt, context or section, not 'a'");
    enum wit_crawler_list_format format;
    assert_int_equal(wit_crawler_list_format_find(WIT_STR("parquet"), &format, &err),
                     wit_table_is_supported() ? 0 : WIT_EUNSUPPORTED);
    assert_int_equal(wit_crawler_list_format_find(WIT_STR("xml"), &format, &err), WIT_EINVAL);
    must(wit_crawler_list_format_find(WIT_STR("jsonl"), &format, &err));
    assert_int_equal(format, WIT_CRAWLER_LIST_JSONL);
}

static void another_list_has_another_identity(void **state) {
    struct wit_hash128 ids[5];
    const struct timespec long_ago[] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    char path[WIT_PATH_MAX];
    const char *paths[] = { path_of("id.csv", path) };
    for (size_t i = 0; i < WIT_COUNT_OF(ids); i++) {
        struct wit_crawler_list_config cfg = i == 2 ? plain : captioned;
        if (i == 0 || i == 3)
            put("id.csv", i == 3 ? WIT_STR("url,caption\nx\n") : WIT_STR("url,caption\n"));
        if (i == 4) /* as if other bytes of the same number had been put there */
            assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
        cfg.paths = paths;
        cfg.path_count = 1;
        cfg.chunk_bytes = i; /* is no matter */
        struct wit_crawler_list *list = list_open(&cfg);
        must(wit_crawler_list_identity(list, &ids[i], &err));
        wit_crawler_list_close(list);
    }
    assert_true(wit_hash128_eq(ids[0], ids[1]));
    assert_false(wit_hash128_eq(ids[0], ids[2]));
    assert_false(wit_hash128_eq(ids[0], ids[3]));
    assert_false(wit_hash128_eq(ids[3], ids[4]));
}

/* ---- property: the format is no matter --------------------------------------------------------
 */

static void random_text(struct wit_random *r, struct wit_buf *out) {
    static const char *const pieces[] = { "a",    "word",     " ",    ",", "\t", "\"",
                                          "\"\"", "\n",       "\r\n", "'", "\\", "{",
                                          "]",    "\xC3\xA9", "#",    ";", "|" };
    wit_buf_reset(out);
    must(wit_buf_append_byte(out, 'x'));
    for (uint64_t n = wit_random_below(r, 12); n; n--)
        must(wit_buf_append_cstr(out, pieces[wit_random_below(r, WIT_COUNT_OF(pieces))]));
}

static void put_quoted(struct wit_buf *out, struct wit_str s, bool always, char delimiter) {
    bool quote = always || wit_str_find_byte(s, delimiter, 0) >= 0 ||
                 wit_str_find_byte(s, '"', 0) >= 0 || wit_str_find_byte(s, '\n', 0) >= 0 ||
                 wit_str_find_byte(s, '\r', 0) >= 0;
    if (quote)
        must(wit_buf_append_byte(out, '"'));
    for (size_t i = 0; i < s.len; i++) {
        if (quote && s.data[i] == '"')
            must(wit_buf_append_byte(out, '"'));
        must(wit_buf_append_byte(out, s.data[i]));
    }
    if (quote)
        must(wit_buf_append_byte(out, '"'));
}

static void put_object(struct wit_buf *out, struct wit_str url, struct wit_str text,
                       struct wit_str id) {
    struct wit_json_writer w;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "n");
    wit_json_put_str(&w, WIT_STR("same"));
    wit_json_key(&w, "caption");
    wit_json_put_str(&w, text);
    wit_json_key(&w, "id");
    wit_json_put_str(&w, id);
    wit_json_key(&w, "url");
    wit_json_put_str(&w, url);
    wit_json_object_end(&w);
    must(wit_json_writer_finish(&w));
}

static void every_format_gives_the_same_rows(void **state) {
    enum { SEEDS = 12, ROWS = 12 };
    struct wit_crawler_list_config cfg = everything;
    struct wit_buf csv = WIT_BUF_INIT(1 << 20), tsv = csv, jsonl = csv, json = csv, txt = csv,
                   want = csv, urls = csv, text = csv, id = csv;
    cfg.caption_count = 1;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct wit_random r;
        struct wit_buf *all[] = { &csv, &tsv, &jsonl, &json, &txt, &want, &urls };
        for (size_t i = 0; i < WIT_COUNT_OF(all); i++)
            wit_buf_reset(all[i]);
        wit_random_init(&r, seed, 0, 0);
        must(wit_buf_append_cstr(&csv, "n,caption,id,url\n"));
        must(wit_buf_append_cstr(&tsv, "n\tcaption\tid\turl\n"));
        must(wit_buf_append_byte(&json, '['));
        for (int i = 0; i < ROWS; i++) {
            char url[64];
            snprintf(url, sizeof url, "http://h/%d,%d \"x\"?a=b", (int)seed, i);
            struct wit_str u = wit_str_from(url);
            random_text(&r, &text);
            random_text(&r, &id);
            const struct wit_str fields[] = { WIT_STR("same"), wit_buf_view(&text),
                                              wit_buf_view(&id), u };
            bool always = wit_random_below(&r, 2);
            for (size_t k = 0; k < WIT_COUNT_OF(fields); k++) {
                put_quoted(&csv, fields[k], always, ',');
                put_quoted(&tsv, fields[k], always, '\t');
                must(wit_buf_append_byte(&csv, k < 3 ? ',' : '\n'));
                must(wit_buf_append_byte(&tsv, k < 3 ? '\t' : '\n'));
            }
            put_object(&jsonl, u, fields[1], fields[2]);
            must(wit_buf_append_byte(&jsonl, '\n'));
            must(wit_buf_append_cstr(&json, i ? " ,\n" : "\n"));
            put_object(&json, u, fields[1], fields[2]);
            must(wit_buf_printf(&txt, "%s\n", url));
            must(wit_buf_printf(&urls, "%s\n", url));
            struct wit_buf extra = WIT_BUF_INIT(1 << 16);
            struct wit_json_writer w;
            wit_json_writer_init(&w, &extra);
            wit_json_object_begin(&w);
            wit_json_key(&w, "id");
            wit_json_put_str(&w, fields[2]);
            wit_json_key(&w, "n");
            wit_json_put_str(&w, fields[0]);
            wit_json_object_end(&w);
            const struct wit_crawler_list_row row = {
                .url = u, .captions = &fields[1], .caption_count = 1, .extra = wit_buf_view(&extra)
            };
            put_row(&want, &row);
            wit_buf_finish(&extra);
        }
        must(wit_buf_append_byte(&json, ']'));
        must(wit_buf_terminate(&want));
        must(wit_buf_terminate(&urls));
        expect(&cfg, "p.csv", wit_buf_view(&csv), want.data);
        expect(&cfg, "p.tsv", wit_buf_view(&tsv), want.data);
        expect(&cfg, "p.jsonl", wit_buf_view(&jsonl), want.data);
        expect(&cfg, "p.json", wit_buf_view(&json), want.data);
        expect(&plain, "p.txt", wit_buf_view(&txt), urls.data);
    }
    struct wit_buf *all[] = { &csv, &tsv, &jsonl, &json, &txt, &want, &urls, &text, &id };
    for (size_t i = 0; i < WIT_COUNT_OF(all); i++)
        wit_buf_finish(all[i]);
}

/* Bytes of every kind: whatever the pieces, the rows are the same, and so are the complaints. */
/* What is remembered of an open quote changes no row: a list that is begun anew behind it has none
 * of it. */
static void open_quotes_are_the_same_from_anywhere(void **state) {
    static const char alphabet[] = "\"\"\",,\n\na\r";
    struct wit_buf text = WIT_BUF_INIT(1 << 16), got = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX];
    const char *const paths[] = { path_of("o.csv", path) };
    for (uint64_t seed = 0; seed < 300; seed++) {
        const struct wit_crawler_list_config cfg = { .paths = paths,
                                                     .path_count = 1,
                                                     .row_bytes_most = 20 + seed % 50,
                                                     .chunk_bytes = 1 + seed % 7 };
        struct wit_random r;
        wit_random_init(&r, seed, 2, 0);
        wit_buf_reset(&text);
        must(wit_buf_append_cstr(&text, "url,b,c,d,e,f,g,h,i,j,k,l,m,n\n"));
        for (uint64_t n = wit_random_below(&r, 300); n; n--)
            must(wit_buf_append_byte(&text, alphabet[wit_random_below(&r, sizeof alphabet - 1)]));
        put("o.csv", wit_buf_view(&text));
        struct wit_crawler_list *list = list_open(&cfg);
        wit_buf_reset(&got);
        size_t rows = transcribe(list, &got);
        wit_crawler_list_close(list);
        positions_check(&cfg, &got, rows);
    }
    wit_buf_finish(&text);
    wit_buf_finish(&got);
}

static void pieces_never_matter(void **state) {
    static const char *const names[] = { "r.csv", "r.tsv", "r.jsonl", "r.json", "r.txt" };
    static const char alphabet[] = "\",\t\n\r{}[]:u \\x\xFF";
    struct wit_buf text = WIT_BUF_INIT(1 << 16), first = text, next = text;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct wit_random r;
        char path[WIT_PATH_MAX];
        const char *name = names[seed % WIT_COUNT_OF(names)];
        const char *paths[] = { path_of(name, path) };
        wit_random_init(&r, seed, 1, 0);
        wit_buf_reset(&text);
        must(wit_buf_append_cstr(&text, seed % 5 < 2    ? (seed % 5 ? "url\tx\n" : "url,x\n")
                                        : seed % 5 == 3 ? "["
                                                        : ""));
        for (uint64_t n = wit_random_below(&r, 200); n; n--)
            must(wit_buf_append_byte(&text, alphabet[wit_random_below(&r, sizeof alphabet - 1)]));
        put(name, wit_buf_view(&text));
        for (size_t chunk = 1; chunk < 1000; chunk = 3 * chunk + 1) {
            struct wit_crawler_list_config cfg = {
                .paths = paths, .path_count = 1, .row_bytes_most = 30, .chunk_bytes = chunk
            };
            struct wit_crawler_list *list = list_open(&cfg);
            wit_buf_reset(&next);
            transcribe(list, &next);
            wit_crawler_list_close(list);
            must(wit_buf_append(&next, complaints.data, complaints.len));
            must(wit_buf_terminate(&next));
            if (chunk == 1) {
                wit_buf_reset(&first);
                must(wit_buf_append(&first, next.data, next.len + 1));
            } else if (strcmp(first.data, next.data) != 0) {
                fail_msg("seed %" PRIu64 ", chunk %zu: '%s' is not '%s'", seed, chunk, next.data,
                         first.data);
            }
        }
    }
    wit_buf_finish(&text);
    wit_buf_finish(&first);
    wit_buf_finish(&next);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(txt_is_a_url_a_line),
        cmocka_unit_test(csv_follows_rfc_4180),
        cmocka_unit_test(an_open_quote_costs_its_line_only),
        cmocka_unit_test(tsv_has_the_same_quotes),
        cmocka_unit_test(jsonl_and_json_have_types),
        cmocka_unit_test(what_is_no_array_is_left),
        cmocka_unit_test(captions_become_utf8),
        cmocka_unit_test(wikipedia_rows_have_their_own_columns),
        cmocka_unit_test(hashes_stay_with_the_row),
        cmocka_unit_test(long_rows_are_left_out),
        cmocka_unit_test(wide_rows_are_left_out),
        cmocka_unit_test(long_captions_are_left_out),
        cmocka_unit_test(broken_files_are_left_and_named),
        cmocka_unit_test(open_quotes_cost_their_lines_once),
        cmocka_unit_test(a_file_that_is_not_there_is_not_done),
        cmocka_unit_test(a_file_that_breaks_off_is_tried_again),
        cmocka_unit_test(too_many_broken_files_hold_the_list),
        cmocka_unit_test(folders_give_their_files_in_order),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(another_list_has_another_identity),
        cmocka_unit_test(every_format_gives_the_same_rows),
        cmocka_unit_test(open_quotes_are_the_same_from_anywhere),
        cmocka_unit_test(pieces_never_matter),
    };
    int failed = cmocka_run_group_tests_name("lists", tests, setup, teardown);
    wit_buf_finish(&complaints);
    return failed;
}
