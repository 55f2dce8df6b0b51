/*
 * test_warc.c: WARC and WAT files: records, HTTP messages, damage, places, pages and their rights.
 * The property tests print the seed that replays them.
 */
#include "warc_http.h"
#include "warc_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

enum { FILE_MOST_BYTES = 1 << 24, PACKED_MOST_BYTES = 1 << 20 };

/* How records become a file. */
enum packing { PLAIN, MEMBERS, WHOLE, PACKINGS };

static void deflate_put(struct wit_buf *out, struct wit_str text, int bits) {
    z_stream z = { .zalloc = Z_NULL };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(wit_buf_reserve(out, deflateBound(&z, text.len) + 64), 0);
    z.next_in = (Bytef *)(uintptr_t)text.data;
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)(out->cap - out->len);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len = out->cap - z.avail_out;
    deflateEnd(&z);
}

/* One record, with CRLF lines; `extra` are whole header lines. */
static void record_put(struct wit_buf *out, const char *type, const char *target, const char *extra,
                       struct wit_str block) {
    assert_int_equal(wit_buf_printf(out,
                                    "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: %s\r\n%s"
                                    "Content-Length: %zu\r\n\r\n",
                                    type, target, extra, block.len),
                     0);
    assert_int_equal(wit_buf_append_str(out, block), 0);
    assert_int_equal(wit_buf_append_cstr(out, "\r\n\r\n"), 0);
}

static void response_put(struct wit_buf *out, const char *target, const char *message) {
    record_put(out, "response", target, "Content-Type: application/http\r\n",
               wit_str_from(message));
}

/* Records cut where `ends` say. */
static void pack(const struct wit_buf *records, const size_t *ends, size_t count, enum packing how,
                 struct wit_buf *out) {
    if (how == PLAIN)
        assert_int_equal(wit_buf_append_str(out, wit_buf_view(records)), 0);
    else if (how == WHOLE)
        deflate_put(out, wit_buf_view(records), MAX_WBITS + 16);
    for (size_t i = 0; i < count && how == MEMBERS; i++)
        deflate_put(out, wit_str_slice(wit_buf_view(records), i ? ends[i - 1] : 0, ends[i]),
                    MAX_WBITS + 16);
}

/* The walk of a file as text without places; NUL behind it. */
static char *walk_text(struct wit_str file, size_t chunk) {
    struct warc_walk w;
    struct wit_buf out = WIT_BUF_INIT((size_t)1 << 30);
    warc_walk(file, chunk, NULL, &w);
    for (size_t i = 0; i < w.count; i++) {
        size_t from = w.starts[i], to = i + 1 < w.count ? w.starts[i + 1] : w.text.len;
        from += strcspn(w.text.data + from, " ") + 1;
        assert_int_equal(wit_buf_append(&out, w.text.data + from, to - from), 0);
    }
    for (size_t i = 0; i < out.len; i++) /* damage may be NUL */
        out.data[i] = out.data[i] ? out.data[i] : '?';
    assert_int_equal(wit_buf_terminate(&out), 0);
    warc_walk_finish(&w);
    return out.data;
}

static void assert_has(const char *text, const char *part) {
    text = text ? text : "";
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void assert_has_not(const char *text, const char *part) {
    text = text ? text : "";
    if (strstr(text, part))
        fail_msg("'%s' is in:\n%s", part, text);
}

/* ---- records -------------------------------------------------------------------------------- */

static void three_records(struct wit_buf *records, size_t ends[3]) {
    record_put(records, "warcinfo", "x", "", WIT_STR("software: s\r\n"));
    ends[0] = records->len;
    response_put(records, "<http://h/a>",
                 "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>\nWARC/ is no record");
    ends[1] = records->len;
    record_put(records, "metadata", "http://h/a", "X-Long: one\r\n two\r\n\tthree\r\n",
               WIT_STR(""));
    ends[2] = records->len;
}

static void records_are_the_same_however_they_are_packed(void **state) {
    struct wit_buf records = WIT_BUF_INIT(FILE_MOST_BYTES);
    size_t ends[3];
    three_records(&records, ends);
    for (enum packing how = PLAIN; how < PACKINGS; how++) {
        struct wit_buf file = WIT_BUF_INIT(FILE_MOST_BYTES);
        pack(&records, ends, 3, how, &file);
        char *text = walk_text(wit_buf_view(&file), 4096);
        assert_has(text, "type 1 <http://h/a> 66\n");
        assert_has(text, "http 200 page <p>\nWARC/ is no record\n");
        assert_has(text, "type 3 <http://h/a> 0\n");
        assert_has(text, "x-long: one two three\ncontent-length: 0\n");
        free(text);
        wit_buf_finish(&file);
    }
    wit_buf_finish(&records);
}

static void lines_may_end_with_lf_alone(void **state) {
    char *text = walk_text(WIT_STR("\n\nWARC/1.1\nWARC-Type: revisit\ncontent-length:3\n\nabc\n\n"
                                   "WARC/1.0\nContent-Length: 0\n\n"),
                           64);
    assert_has(text, "type 4 <> 3\n");
    assert_has(text, "type 0 <> 0\n");
    assert_has_not(text, "f:");
    free(text);
}

static void broken_records_are_named_and_passed(void **state) {
    static const struct {
        const char *file, *sentence;
    } cases[] = {
        { "WARC/1.0\r\nWARC-Type: x\r\n\r\nabc\r\n", "f:0: the record has no Content-Length" },
        { "WARC/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab\r\n",
          "f:0: the record has no Content-Length" },
        { "WARC/1.0\r\nContent-Length: -1\r\n\r\nab\r\n", "f:0: the record has no Content-Length" },
        { "WARC/1.x\r\nContent-Length: 1\r\n\r\na\r\n", "f:0: the record's version" },
        { "WARC/0.18\r\nContent-Length: 1\r\n\r\na\r\n", "f:0: no record begins" },
        { "\r\n\r\njunk\njunk\n", "f:4: no record begins" },
        { "WARC/1.0\r\nnothing\r\nContent-Length: 1\r\n\r\na\r\n", "f:0: a header line" },
        { " WARC/1.0\r\n", "f:0: no record begins" },
        { "WARC/1.0\r\nContent-Length: 2\r\n\r\nabc\r\n\r\n",
          "f:0: the record does not end where" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_buf file = WIT_BUF_INIT(FILE_MOST_BYTES);
        assert_int_equal(wit_buf_append_cstr(&file, cases[i].file), 0);
        response_put(&file, "http://h/after", "HTTP/1.0 404 No\r\n\r\n");
        char *text = walk_text(wit_buf_view(&file), 64);
        assert_has(text, cases[i].sentence);
        assert_null(strstr(strstr(text, "f:") + 1, "f:")); /* once */
        assert_has(text, "type 1 <http://h/after> 19\n");
        assert_has(text, "http 404 http_404");
        free(text);
        wit_buf_finish(&file);
    }
}

static void headers_have_a_ceiling(void **state) {
    struct wit_buf file = WIT_BUF_INIT(FILE_MOST_BYTES);
    assert_int_equal(wit_buf_printf(&file, "WARC/1.0\r\nX: %0300000d\r\n", 0), 0);
    response_put(&file, "http://h/1", "HTTP/1.1 204 None\r\n\r\n");
    assert_int_equal(wit_buf_append_cstr(&file, "WARC/1.0\r\n"), 0);
    for (int i = 0; i < 1001; i++)
        assert_int_equal(wit_buf_append_cstr(&file, "X: y\r\n"), 0);
    response_put(&file, "http://h/2", "HTTP/1.1 204 None\r\n\r\n");
    char *text = walk_text(wit_buf_view(&file), 4096);
    assert_has(text, "f:0: the record's headers are over the ceiling\ntype 1 <http://h/1>");
    assert_has(strstr(text, "http://h/1"), "the record's headers are over the ceiling\ntype 1 "
                                           "<http://h/2>");
    free(text);
    wit_buf_finish(&file);
}

static void a_cut_file_says_where(void **state) {
    struct wit_buf records = WIT_BUF_INIT(FILE_MOST_BYTES), file = WIT_BUF_INIT(FILE_MOST_BYTES);
    size_t ends[3];
    three_records(&records, ends);
    char *text = walk_text(wit_str_slice(wit_buf_view(&records), 0, ends[1] - 20), 64);
    assert_has(text, ": the file ends inside the record");
    free(text);
    text = walk_text(wit_str_slice(wit_buf_view(&records), 0, ends[0] + 20), 64);
    assert_has(text, ": the file ends inside a record's headers");
    free(text);
    pack(&records, ends, 3, MEMBERS, &file);
    text = walk_text(wit_str_slice(wit_buf_view(&file), 0, file.len - 5), 64);
    assert_has(text, ": the file ends inside a gzip member");
    assert_has(text, "http 200 page");
    free(text);
    wit_buf_finish(&file);
    wit_buf_finish(&records);
}

static void a_record_longer_than_its_member_takes_no_other(void **state) {
    struct wit_buf records = WIT_BUF_INIT(FILE_MOST_BYTES), file = WIT_BUF_INIT(FILE_MOST_BYTES);
    size_t ends[2];
    assert_int_equal(wit_buf_append_cstr(&records, "WARC/1.0\r\nWARC-Type: response\r\n"
                                                   "Content-Length: 900\r\n\r\nshort\r\n\r\n"),
                     0);
    ends[0] = records.len;
    response_put(&records, "http://h/b", "HTTP/1.1 200 OK\r\n\r\nwhole");
    ends[1] = records.len;
    pack(&records, ends, 2, MEMBERS, &file);
    char *text = walk_text(wit_buf_view(&file), 64);
    assert_has(text, "f:0: another record begins inside the record");
    assert_has(text, "http 200 page whole\n");
    free(text);
    wit_buf_finish(&file);
    wit_buf_finish(&records);
}

/* ---- HTTP messages -------------------------------------------------------------------------- */

/* The body of a message, or the reason why it has none, in pieces of `piece`. */
static void message_read(struct warc_http *h, struct wit_str message, size_t piece) {
    warc_http_begin(h);
    for (size_t at = 0; at < message.len; at += piece) {
        size_t end = message.len - at < piece ? message.len : at + piece;
        assert_true(warc_http_feed(h, wit_str_slice(message, at, end)) >= 0);
    }
    assert_int_equal(warc_http_end(h), 0);
}

static void assert_message(struct wit_str message, const char *reason, const char *body) {
    struct warc_http h;
    warc_http_init(&h, 12);
    for (size_t piece = 1; piece <= message.len + 1; piece += piece < 5 ? 1 : piece) {
        message_read(&h, message, piece);
        if (reason) {
            assert_non_null(h.reason);
            assert_string_equal(h.reason, reason);
        } else {
            assert_null(h.reason);
            struct wit_str got = wit_buf_view(&h.body);
            if (!wit_str_eq(got, wit_str_from(body)))
                fail_msg("'%.*s' instead of '%s'", WIT_STR_FMT(got), body);
        }
    }
    warc_http_finish(&h);
}

static void messages_are_read_as_a_browser_would(void **state) {
    assert_message(WIT_STR("HTTP/1.1 200 OK\r\n\r\nbody"), NULL, "body");
    assert_message(WIT_STR("HTTP/2 200\r\ncontent-type: Text/HTML; charset=x\r\n\r\nb"), NULL, "b");
    assert_message(WIT_STR("HTTP/1.1 200 OK\nA: b\n\n0123456789abXYZ"), NULL, "0123456789ab");
    assert_message(WIT_STR("HTTP/1.1 200 OK\r\nno colon\r\n\r\nb"), NULL, "b");
    assert_message(WIT_STR("HTTP/1.1 301 Moved\r\n\r\nbody"), "http_301", NULL);
    assert_message(WIT_STR("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"), "not_html", NULL);
    assert_message(WIT_STR("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nx"), "content_encoding",
                   NULL);
    assert_message(WIT_STR("HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\nx"),
                   "content_encoding", NULL);
    assert_message(WIT_STR("HTTP/1.1 2"), "bad_response", NULL);
    assert_message(WIT_STR("ICY 200 OK\r\n\r\n"), "bad_response", NULL);
    assert_message(WIT_STR("HTTP/1.1 20x OK\r\n\r\n"), "bad_response", NULL);
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void chunks_are_joined(void **state) {
    assert_message(WIT_STR(CHUNKED "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), NULL, "abcde");
    assert_message(WIT_STR(CHUNKED "A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"), NULL,
                   "0123456789");
    assert_message(WIT_STR(CHUNKED "a\n0123456789\n5\nabcde\n0\n\n"), NULL, "0123456789ab");
    assert_message(WIT_STR(CHUNKED "5\r\nab"), NULL, "ab"); /* cut by the archive */
    assert_message(WIT_STR(CHUNKED "2\r\nabc"), "bad_response", NULL);
    assert_message(WIT_STR(CHUNKED "2\r\nab\r\nz\r\n"), "bad_response", NULL);
    assert_message(WIT_STR(CHUNKED "2\r\nab\r\nfffffffffffffffff\r\n"), "bad_response", NULL);
    /* An archive that undid the coding and kept the header. */
    assert_message(WIT_STR(CHUNKED "<p>\nx"), NULL, "<p>\nx");
    assert_message(WIT_STR(CHUNKED "<p>"), NULL, "<p>");
}

static void codings_are_undone(void **state) {
    static const struct {
        const char *name;
        int bits;
    } codings[] = { { "gzip", MAX_WBITS + 16 },
                    { "x-gzip", MAX_WBITS + 16 },
                    { "Deflate", MAX_WBITS },
                    { "deflate", -MAX_WBITS } };
    for (size_t i = 0; i < WIT_COUNT_OF(codings); i++) {
        struct wit_buf m = WIT_BUF_INIT(PACKED_MOST_BYTES);
        wit_buf_printf(&m, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n", codings[i].name);
        size_t head = m.len;
        deflate_put(&m, WIT_STR("<p>0123456"), codings[i].bits);
        assert_message(wit_buf_view(&m), NULL, "<p>0123456");
        m.len = head;
        deflate_put(&m, WIT_STR("<p>0123456789, longer than the ceiling"), codings[i].bits);
        assert_message(wit_buf_view(&m), NULL, "<p>012345678");
        m.len = head;
        wit_buf_append_cstr(&m, "<p>plain");
        assert_message(wit_buf_view(&m), NULL, "<p>plain");
        m.len = head + 1;
        m.data[head] = '<';
        assert_message(wit_buf_view(&m), NULL, "<");
        wit_buf_finish(&m);
    }
    assert_message(WIT_STR("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b junk"),
                   "bad_response", NULL);
}

/* ---- archives ------------------------------------------------------------------------------- */

struct folder {
    char dir[64], one[96], two[96];
};

static void file_write(const char *path, struct wit_str bytes) {
    assert_int_equal(wit_file_write_atomic(path, bytes, NULL), 0);
}

static int folder_make(void **state) {
    struct folder *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    strcpy(f->dir, "/tmp/wit-warc-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->one, sizeof f->one, "%s/1.warc.gz", f->dir);
    snprintf(f->two, sizeof f->two, "%s/2.warc", f->dir);
    *state = f;
    return 0;
}

static int folder_remove(void **state) {
    struct folder *f = *state;
    int st = wit_dir_remove(f->dir, NULL);
    free(f);
    return st;
}

static struct wit_crawler_archive *archive_of(const char *const *paths, size_t count) {
    struct wit_crawler_archive *a = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_crawler_archive_config cfg = wit_crawler_archive_config_default();
    cfg.paths = paths;
    cfg.path_count = count;
    if (wit_crawler_archive_open(&cfg, &a, &err) < 0)
        fail_msg("%s", err.text);
    return a;
}

/* What is left of an archive: a line for each page: address, reason, pairs. */
static void archive_tell_rest(struct wit_crawler_archive *a, struct wit_buf *out) {
    struct wit_crawler_archive_page p;
    struct wit_error err = WIT_ERROR_INIT;
    int st;
    while ((st = wit_crawler_archive_next(a, &p, &err)) > 0) {
        wit_buf_printf(out, "%.*s %s", WIT_STR_FMT(p.url), p.reason ? p.reason : "ok");
        for (size_t i = 0; i < p.page.pair_count; i++)
            wit_buf_printf(out, " [%.*s %.*s %s]", WIT_STR_FMT(p.page.pairs[i].url),
                           WIT_STR_FMT(p.page.pairs[i].text),
                           wit_shards_source_name(p.page.pairs[i].source));
        wit_buf_printf(out, "%s%s\n", p.fault ? " " : "", p.fault ? strrchr(p.fault, ':') : "");
        assert_int_equal(p.refused_by_rights, p.reason && p.page.pair_count > 0);
    }
    if (st < 0)
        fail_msg("%s", err.text);
    assert_int_equal(wit_buf_terminate(out), 0);
}

static void assert_pages(const char *path, const char *want) {
    struct wit_buf got = WIT_BUF_INIT(FILE_MOST_BYTES);
    struct wit_crawler_archive *a = archive_of(&path, 1);
    archive_tell_rest(a, &got);
    assert_string_equal(got.data ? got.data : "", want);
    wit_crawler_archive_close(a);
    wit_buf_finish(&got);
}

static void warc_put(struct wit_buf *out) {
    record_put(out, "warcinfo", "", "", WIT_STR("a: b\r\n"));
    record_put(out, "request", "http://h.org/d/a", "", WIT_STR("GET /d/a HTTP/1.1\r\n\r\n"));
    response_put(out, "http://H.org:80/d/a#f",
                 "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=latin1\r\n\r\n"
                 "<base href=i/><img src=x.png alt='\xE9' title=T><figure><img src=y>"
                 "<figcaption>C</figcaption></figure>");
    response_put(out, "http://h.org/no", "HTTP/1.1 404 No\r\n\r\n<img src=a alt=b>");
    response_put(out, "http://h.org/png", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nx");
    response_put(out, "http://h.org/ai",
                 "HTTP/1.1 200 OK\r\nX-Robots-Tag: other: noml\r\nX-Robots-Tag: noai\r\n\r\n"
                 "<img src=a alt=b>");
    response_put(out, "http://h.org/meta",
                 "HTTP/1.1 200 OK\r\n\r\n<meta name=witbot content=noimageindex><img src=a alt=b>");
    response_put(out, "http://h.org/tdm",
                 "HTTP/1.1 200 OK\r\nTDM-Reservation: 1\r\n\r\n<img src=a alt=b>");
    response_put(out, "dns:h.org", "20260101000000\nh.org. 300 IN A 192.0.2.1\n");
    response_put(out, "http://h org/", "HTTP/1.1 200 OK\r\n\r\n<img src=a alt=b>");
    record_put(out, "revisit", "http://h.org/d/a", "", WIT_STR("HTTP/1.1 200 OK\r\n\r\n"));
    record_put(out, "resource", "http://h.org/r", "Content-Type: text/html\r\n",
               WIT_STR("<img src=/r.png alt=r>"));
    record_put(out, "resource", "http://h.org/s", "Content-Type: text/css\r\n", WIT_STR("s"));
    record_put(out, "metadata", "http://h.org/r", "Content-Type: application/warc-fields\r\n",
               WIT_STR("fetchTimeMs: 3\r\n"));
}

static const char warc_pages[] =
    "http://h.org/d/a ok [http://h.org/d/i/x.png \xC3\xA9 alt] [http://h.org/d/i/x.png T title] "
    "[http://h.org/d/i/y C figcaption]\n"
    "http://h.org/no http_404\n"
    "http://h.org/png not_html\n"
    "http://h.org/ai noai [http://h.org/a b alt]\n"
    "http://h.org/meta noimageindex [http://h.org/a b alt]\n"
    "http://h.org/tdm tdm_reserved [http://h.org/a b alt]\n"
    "http://h org/ bad_url\n"
    "http://h.org/d/a revisit\n"
    "http://h.org/r ok [http://h.org/r.png r alt]\n"
    "http://h.org/s not_html\n";

static void a_warc_gives_pages_and_reasons(void **state) {
    const struct folder *f = *state;
    struct wit_buf file = WIT_BUF_INIT(FILE_MOST_BYTES);
    warc_put(&file);
    file_write(f->two, wit_buf_view(&file));
    assert_pages(f->two, warc_pages);
    wit_buf_finish(&file);
}

static void wat_put(struct wit_buf *out, const char *json) {
    record_put(out, "metadata", "http://h.org/ignored", "Content-Type: application/json\r\n",
               wit_str_from(json));
}

#define WAT_HEAD                                                                                   \
    "{\"Envelope\":{\"WARC-Header-Metadata\":{\"WARC-Type\":\"response\","                         \
    "\"WARC-Target-URI\":\"http://h.org/d/a\"},\"Payload-Metadata\":{\"HTTP-Response-Metadata\":{" \
    "\"Response-Message\":{\"Status\":\"200\"},\"Headers\":"

static void a_wat_gives_what_it_holds(void **state) {
    const struct folder *f = *state;
    struct wit_buf file = WIT_BUF_INIT(FILE_MOST_BYTES);
    wat_put(&file, WAT_HEAD "{\"Content-Type\":\"text/html; charset=latin1\"},\"HTML-Metadata\":{"
                            "\"Head\":{\"Base\":\"i/\",\"Metas\":[{\"name\":\"robots\","
                            "\"content\":\"noarchive\"}]},\"Links\":["
                            "{\"path\":\"A@/href\",\"url\":\"z\",\"title\":\"link\"},"
                            "{\"path\":\"IMG@/src\",\"url\":\"x.png?a&amp;b=\\\"\",\"alt\":"
                            "\" \\u00e9 \\n&amp;<b>\\\"q\\\" \",\"title\":\"T\"},"
                            "{\"path\":\"IMG@/src\",\"url\":\"x.png\",\"alt\":\"\"},"
                            "{\"path\":\"IMG@/src\",\"url\":\"data:image/gif\",\"alt\":\"d\"},"
                            "{\"path\":\"IMG@/longdesc\",\"url\":\"l\",\"alt\":\"l\"},"
                            "{\"path\":\"IMG@/src\",\"url\":\"//o.org/y\",\"alt\":\"y\"},"
                            "{\"path\":\"IMG@/src\",\"url\":\"//o.org/y\",\"alt\":\"y\"}]}}}}}");
    wat_put(&file,
            WAT_HEAD "{\"x-robots-tag\":[\"other: noai\",\"noml\"]},\"HTML-Metadata\":"
                     "{\"Links\":[{\"path\":\"IMG@/src\",\"url\":\"/a\",\"alt\":\"b\"}]}}}}}");
    wat_put(&file,
            WAT_HEAD "{},\"HTML-Metadata\":{\"Head\":{\"Metas\":[{\"name\":\"tdm-reservation\","
                     "\"content\":\"1\"}]},\"Links\":[{\"path\":\"IMG@/src\",\"url\":\"/a\","
                     "\"alt\":\"b\"}]}}}}}");
    wat_put(&file, WAT_HEAD "{}}}}}");
    wat_put(&file, "{\"Envelope\":{\"WARC-Header-Metadata\":{\"WARC-Type\":\"request\"}}}");
    wat_put(&file, "{\"Envelope\":{\"WARC-Header-Metadata\":{\"WARC-Type\":\"revisit\","
                   "\"WARC-Target-URI\":\"http://h.org/v\"}}}");
    wat_put(&file, "{\"Envelope\":{\"WARC-Header-Metadata\":{\"WARC-Type\":\"response\","
                   "\"WARC-Target-URI\":\"http://h.org/g\"},\"Payload-Metadata\":{"
                   "\"HTTP-Response-Metadata\":{\"Response-Message\":{\"Status\":410}}}}}");
    wat_put(&file, "{\"envelope\":{}}");
    file_write(f->two, wit_buf_view(&file));
    assert_pages(f->two, "http://h.org/d/a ok "
                         "[http://h.org/d/i/x.png?a&amp;b=%22 \xC3\xA9 &amp;<b>\"q\" alt] "
                         "[http://h.org/d/i/x.png?a&amp;b=%22 T title] [http://o.org/y y alt]\n"
                         "http://h.org/d/a noml [http://h.org/a b alt]\n"
                         "http://h.org/d/a tdm_reserved [http://h.org/a b alt]\n"
                         "http://h.org/d/a not_html\n"
                         "http://h.org/v revisit\n"
                         "http://h.org/g http_410\n"
                         " bad_record : the WAT record has no Envelope\n");
    wit_buf_finish(&file);
}

static void pages_are_cut_at_their_ceiling(void **state) {
    const struct folder *f = *state;
    struct wit_buf file = WIT_BUF_INIT(FILE_MOST_BYTES);
    const char *path = f->two;
    struct wit_crawler_archive_config cfg = wit_crawler_archive_config_default();
    struct wit_crawler_archive *a = NULL;
    struct wit_crawler_archive_page p;
    response_put(&file, "http://h/", "HTTP/1.1 200 OK\r\n\r\n<img src=a alt=b><img src=c alt=d>");
    file_write(f->two, wit_buf_view(&file));
    cfg.paths = &path;
    cfg.path_count = 1;
    cfg.max_page_bytes = 20;
    assert_int_equal(wit_crawler_archive_open(&cfg, &a, NULL), 0);
    assert_int_equal(wit_crawler_archive_next(a, &p, NULL), 1);
    assert_int_equal(p.page.pair_count, 1);
    wit_crawler_archive_close(a);
    wit_buf_finish(&file);
}

/* A WARC with damage in two places, in members, and a plain one behind it. */
static void two_files_write(const struct folder *f) {
    struct wit_buf records = WIT_BUF_INIT(FILE_MOST_BYTES), file = WIT_BUF_INIT(FILE_MOST_BYTES);
    size_t ends[6];
    for (size_t i = 0; i < 6; i++) {
        char url[32];
        snprintf(url, sizeof url, "http://h.org/%zu", i);
        if (i == 4) /* broken in itself: a fault at a place of its own */
            wit_buf_append_cstr(&records, "WARC/1.0\r\nContent-Type: x\r\n\r\n");
        else
            response_put(&records, url, "HTTP/1.1 200 OK\r\n\r\n<img src=a alt=b>");
        ends[i] = records.len;
    }
    pack(&records, ends, 2, MEMBERS, &file);
    size_t checksum = file.len - 8; /* of the second one's member */
    file.len = 0;
    pack(&records, ends, 6, MEMBERS, &file);
    file.data[checksum] ^= 1;
    file_write(f->one, wit_buf_view(&file));
    file.len = 0;
    warc_put(&file);
    file_write(f->two, wit_buf_view(&file));
    wit_buf_finish(&records);
    wit_buf_finish(&file);
}

static void a_position_goes_on_exactly(void **state) {
    const struct folder *f = *state;
    const char *const paths[] = { f->one, f->two };
    struct wit_buf all = WIT_BUF_INIT(FILE_MOST_BYTES);
    struct wit_crawler_archive_page p;
    uint8_t position[WIT_CRAWLER_ARCHIVE_POSITION_BYTES], again[WIT_CRAWLER_ARCHIVE_POSITION_BYTES];
    two_files_write(f);
    struct wit_crawler_archive *a = archive_of(paths, 2);
    archive_tell_rest(a, &all);
    wit_crawler_archive_close(a);
    assert_has(all.data, "bad_record : the gzip member is damaged");
    assert_has(all.data, "bad_record : the record has no Content-Length");
    assert_has(all.data, "http://h.org/5 ok");
    a = archive_of(paths, 2);
    const char *rest = all.data;
    for (;;) {
        struct wit_buf got = WIT_BUF_INIT(FILE_MOST_BYTES);
        struct wit_crawler_archive *b = archive_of(paths, 2);
        wit_crawler_archive_tell(a, position);
        assert_int_equal(wit_crawler_archive_seek(b, position, NULL), 0);
        wit_crawler_archive_tell(b, again);
        assert_memory_equal(position, again, sizeof position);
        archive_tell_rest(b, &got);
        assert_string_equal(got.data, rest);
        wit_crawler_archive_close(b);
        wit_buf_finish(&got);
        if (wit_crawler_archive_next(a, &p, NULL) == 0)
            break;
        rest = strchr(rest, '\n') + 1;
    }
    assert_string_equal(rest, "");
    wit_crawler_archive_close(a);
    wit_buf_finish(&all);
}

/* ---- feeds ---------------------------------------------------------------------------------- */

static void complain(void *user, const char *sentence) {
    assert_non_null(strchr(sentence, ':'));
    ++*(unsigned *)user;
}

static struct wit_crawler_feed *feed_of(struct wit_crawler_archive *a, unsigned *complaints) {
    struct wit_crawler_feed *feed = NULL;
    assert_int_equal(wit_crawler_archive_feed_create(a, complain, complaints, &feed, NULL), 0);
    return feed;
}

/* One item as a line; false at the end. */
static bool item_tell(struct wit_crawler_feed *feed, struct wit_buf *out) {
    struct wit_crawler_feed_item item = { .reason = NULL };
    int st = feed->next(feed->user, &item, NULL);
    assert_true(st >= 0);
    if (st > 0 && item.reason)
        wit_buf_printf(out, "%s %.*s\n", item.reason, WIT_STR_FMT(item.where));
    else if (st > 0)
        wit_buf_printf(out, "%.*s %.*s %.*s %s\n", WIT_STR_FMT(item.candidate.page),
                       WIT_STR_FMT(item.candidate.url), WIT_STR_FMT(item.candidate.text),
                       wit_shards_source_name(item.candidate.source));
    assert_int_equal(wit_buf_terminate(out), 0);
    return st > 0;
}

/* Of an archive a candidate carries what its page said, headers and licence links among it. */
static void a_feed_carries_what_pages_said(void **state) {
    static const char *const want[] = {
        "x-robots-tag: noarchive\ntdm-policy: http://p.org/\nmeta.robots: noarchive\n"
        "page.license: http://h.org/by\n",
        "content-usage: search=n\nmeta.robots: noarchive\npage.license: http://h.org/by\n"
        "page.license: http://h.org/sa\n",
    };
    const struct folder *f = *state;
    struct wit_buf file = WIT_BUF_INIT(FILE_MOST_BYTES);
    const char *path = f->two;
    unsigned complaints = 0;
    response_put(&file, "http://h.org/a",
                 "HTTP/1.1 200 OK\r\nX-Robots-Tag: noarchive\r\nTDM-Policy: http://p.org/\r\n"
                 "Content-Type: text/html\r\n\r\n<link rel=license href=/by>"
                 "<meta name=robots content=noarchive><img src=a alt=b>");
    wat_put(&file, WAT_HEAD "{\"Content-Usage\":\"search=n\"},\"HTML-Metadata\":{\"Head\":{"
                            "\"Metas\":[{\"name\":\"robots\",\"content\":\"noarchive\"}],"
                            "\"Link\":[{\"path\":\"LINK@/href\",\"url\":\"/css\",\"rel\":"
                            "\"stylesheet\"},{\"path\":\"LINK@/href\",\"url\":\"/by\",\"rel\":"
                            "\"license\"}]},\"Links\":[{\"path\":\"A@/href\",\"url\":\"/sa\","
                            "\"rel\":\"nofollow license\"},{\"path\":\"A@/href\",\"url\":\"/x\"},"
                            "{\"path\":\"IMG@/src\",\"url\":\"/a\",\"alt\":\"b\"}]}}}}}");
    response_put(&file, "http://h.org/silent",
                 "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<img src=a alt=b>");
    file_write(path, wit_buf_view(&file));
    struct wit_crawler_archive *a = archive_of(&path, 1);
    struct wit_crawler_feed *feed = feed_of(a, &complaints);
    struct wit_crawler_feed_item item;
    for (size_t i = 0; i < WIT_COUNT_OF(want); i++) {
        assert_int_equal(feed->next(feed->user, &item, NULL), 1);
        assert_null(item.reason);
        if (!wit_str_eq(item.candidate.rights, wit_str_from(want[i])))
            fail_msg("%zu: '%.*s'", i, WIT_STR_FMT(item.candidate.rights));
    }
    assert_int_equal(feed->next(feed->user, &item, NULL), 1);
    assert_int_equal(item.candidate.rights.len, 0);
    wit_crawler_archive_feed_destroy(feed);
    wit_crawler_archive_close(a);
    wit_buf_finish(&file);
}

static void a_feed_goes_on_exactly(void **state) {
    const struct folder *f = *state;
    const char *const paths[] = { f->one, f->two };
    struct wit_buf all = WIT_BUF_INIT(FILE_MOST_BYTES), line = WIT_BUF_INIT(FILE_MOST_BYTES);
    struct wit_crawler_feed_position at, again;
    unsigned complaints = 0, others = 0;
    two_files_write(f);
    struct wit_crawler_archive *a = archive_of(paths, 2), *b;
    struct wit_crawler_feed *feed = feed_of(a, &complaints), *other;
    while (item_tell(feed, &all))
        continue;
    assert_int_equal(complaints, 2);
    assert_has(all.data, "http://h.org/d/a http://h.org/d/i/x.png T title\n");
    assert_has(all.data, "\nhttp_404 http://h.org/no\nnot_html http://h.org/png\n"
                         "noai http://h.org/ai\n");
    assert_has(all.data, "/1.warc.gz:");
    feed->tell(feed->user, &at);
    assert_int_equal(at.rows, 16);
    wit_crawler_archive_feed_destroy(feed);
    wit_crawler_archive_close(a);
    a = archive_of(paths, 2);
    feed = feed_of(a, &complaints);
    const char *rest = all.data;
    do {
        struct wit_buf got = WIT_BUF_INIT(FILE_MOST_BYTES);
        feed->tell(feed->user, &at);
        b = archive_of(paths, 2);
        other = feed_of(b, &others);
        assert_int_equal(other->seek(other->user, &at, NULL), 0);
        other->tell(other->user, &again);
        assert_memory_equal(&at, &again, sizeof at);
        while (item_tell(other, &got))
            continue;
        assert_string_equal(got.data ? got.data : "", rest);
        other->tell(other->user, &again);
        assert_int_equal(again.rows, 16);
        wit_crawler_archive_feed_destroy(other);
        wit_crawler_archive_close(b);
        wit_buf_finish(&got);
        rest += strcspn(rest, "\n");
        rest += *rest == '\n';
        line.len = 0;
    } while (item_tell(feed, &line));
    wit_crawler_archive_feed_destroy(feed);
    wit_crawler_archive_close(a);
    wit_buf_finish(&all);
    wit_buf_finish(&line);
}

static void a_position_is_of_its_files(void **state) {
    const struct folder *f = *state;
    const char *const both[] = { f->one, f->two }, *const swapped[] = { f->two, f->one };
    struct wit_buf rest = WIT_BUF_INIT(FILE_MOST_BYTES);
    struct wit_error err = WIT_ERROR_INIT;
    uint8_t position[WIT_CRAWLER_ARCHIVE_POSITION_BYTES];
    two_files_write(f);
    struct wit_crawler_archive *a = archive_of(both, 1);
    archive_tell_rest(a, &rest);
    wit_crawler_archive_tell(a, position);
    wit_crawler_archive_close(a);
    a = archive_of(both, 2); /* another file behind those of the position */
    assert_int_equal(wit_crawler_archive_seek(a, position, &err), 0);
    rest.len = 0;
    archive_tell_rest(a, &rest);
    assert_string_equal(rest.data, warc_pages);
    wit_crawler_archive_close(a);
    a = archive_of(swapped, 2);
    assert_int_equal(wit_crawler_archive_seek(a, position, &err), WIT_EINVAL);
    assert_has(err.text, "not those of the run before");
    position[0] = 9;
    assert_int_equal(wit_crawler_archive_seek(a, position, &err), WIT_EFORMAT);
    wit_crawler_archive_close(a);
    wit_buf_finish(&rest);
}

static void files_that_are_not_there_are_named(void **state) {
    const char *path = "/nowhere/x.warc";
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_crawler_archive_page p;
    struct wit_crawler_archive_config cfg = wit_crawler_archive_config_default();
    struct wit_crawler_archive *a = archive_of(&path, 1);
    assert_int_equal(wit_crawler_archive_next(a, &p, &err), WIT_ENOTFOUND);
    assert_has(err.text, path);
    wit_crawler_archive_close(a);
    assert_int_equal(wit_crawler_archive_open(&cfg, &a, &err), WIT_EINVAL);
}

/* ---- properties ----------------------------------------------------------------------------- */

static void random_records(struct wit_random *r, struct wit_buf *records, size_t *ends,
                           size_t count) {
    for (size_t i = 0; i < count; i++) {
        char message[600], url[32];
        size_t len =
            (size_t)snprintf(message, sizeof message, "HTTP/1.1 200 OK\r\n\r\nbody %zu ", i);
        size_t more = (size_t)wit_random_below(r, sizeof message - len - 1);
        for (; more > 0; more--)
            message[len++] = (char)(' ' + wit_random_below(r, 90));
        message[len] = 0;
        snprintf(url, sizeof url, "http://h/%zu", i);
        response_put(records, url, message);
        ends[i] = records->len;
    }
}

/* One byte changed in one of the members: all other records are still there. */
static void damage_costs_one_record(void **state) {
    enum { RECORDS = 12 };
    uint64_t seed = wit_clock_ns();
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t n = 0; n < 300; n++) {
        struct wit_random r;
        struct wit_buf records = WIT_BUF_INIT(FILE_MOST_BYTES),
                       file = WIT_BUF_INIT(FILE_MOST_BYTES);
        size_t ends[RECORDS];
        wit_random_init(&r, seed, 1, n);
        random_records(&r, &records, ends, RECORDS);
        pack(&records, ends, RECORDS, MEMBERS, &file);
        size_t at = (size_t)wit_random_below(&r, file.len);
        file.data[at] ^= (char)(1 + wit_random_below(&r, 255));
        char *text = walk_text(wit_buf_view(&file), 16 + (size_t)wit_random_below(&r, 500));
        unsigned whole = 0;
        for (size_t i = 0; i < RECORDS; i++) {
            char body[32];
            snprintf(body, sizeof body, "page body %zu ", i);
            whole += strstr(text, body) != NULL;
        }
        if (whole < RECORDS - 1)
            fail_msg("seed %llu, n %llu: byte %zu of %zu, %u of %d records:\n%s",
                     (unsigned long long)seed, (unsigned long long)n, at, file.len, whole, RECORDS,
                     text);
        free(text);
        wit_buf_finish(&file);
        wit_buf_finish(&records);
    }
}

static void damage_put(struct wit_random *r, struct wit_buf *file) {
    for (uint64_t n = wit_random_below(r, 4); n && file->len > 1; n--) {
        size_t at = (size_t)wit_random_below(r, file->len);
        switch (wit_random_below(r, 3)) {
        case 0:
            file->data[at] = (char)wit_random_u32(r);
            break;
        case 1:
            file->len = at + 1;
            break;
        default: /* a stretch is lost */
            memmove(file->data + at / 2, file->data + at, file->len - at);
            file->len -= at - at / 2;
        }
    }
}

/* Whatever a file is: pieces do not matter, and every place goes on as it did. */
static void pieces_and_places_do_not_matter(void **state) {
    enum { RECORDS = 6 };
    uint64_t seed = wit_clock_ns();
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t n = 0; n < 200; n++) {
        struct wit_random r;
        struct wit_buf records = WIT_BUF_INIT(FILE_MOST_BYTES),
                       file = WIT_BUF_INIT(FILE_MOST_BYTES);
        struct warc_walk whole, other;
        size_t ends[RECORDS];
        wit_random_init(&r, seed, 2, n);
        random_records(&r, &records, ends, RECORDS);
        pack(&records, ends, RECORDS, (enum packing)(n % PACKINGS), &file);
        damage_put(&r, &file);
        warc_walk(wit_buf_view(&file), 1 << 16, NULL, &whole);
        for (size_t i = 0; i <= whole.count; i++) {
            const struct wit_crawler_warc_place *p = whole.places;
            bool again = i > 1 && p[i - 1].offset == p[i - 2].offset &&
                         p[i - 1].inner == p[i - 2].inner; /* starts with its first line */
            warc_walk(wit_buf_view(&file), 16 + (size_t)wit_random_below(&r, 300),
                      i ? &p[i - 1] : NULL, &other);
            struct wit_str want = wit_str_slice(wit_buf_view(&whole.text),
                                                i ? whole.starts[i - 1] : 0, whole.text.len);
            if (!again && !wit_str_eq(want, wit_buf_view(&other.text)))
                fail_msg("seed %llu, n %llu, from line %zu:\n%.*s\nbut\n%.*s",
                         (unsigned long long)seed, (unsigned long long)n, i, WIT_STR_FMT(want),
                         WIT_STR_FMT(wit_buf_view(&other.text)));
            warc_walk_finish(&other);
        }
        warc_walk_finish(&whole);
        wit_buf_finish(&file);
        wit_buf_finish(&records);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_the_same_however_they_are_packed),
        cmocka_unit_test(lines_may_end_with_lf_alone),
        cmocka_unit_test(broken_records_are_named_and_passed),
        cmocka_unit_test(headers_have_a_ceiling),
        cmocka_unit_test(a_cut_file_says_where),
        cmocka_unit_test(a_record_longer_than_its_member_takes_no_other),
        cmocka_unit_test(messages_are_read_as_a_browser_would),
        cmocka_unit_test(chunks_are_joined),
        cmocka_unit_test(codings_are_undone),
        cmocka_unit_test(a_warc_gives_pages_and_reasons),
        cmocka_unit_test(a_wat_gives_what_it_holds),
        cmocka_unit_test(pages_are_cut_at_their_ceiling),
        cmocka_unit_test(a_position_goes_on_exactly),
        cmocka_unit_test(a_position_is_of_its_files),
        cmocka_unit_test(a_feed_carries_what_pages_said),
        cmocka_unit_test(a_feed_goes_on_exactly),
        cmocka_unit_test(files_that_are_not_there_are_named),
        cmocka_unit_test(damage_costs_one_record),
        cmocka_unit_test(pieces_and_places_do_not_matter),
    };
    return cmocka_run_group_tests_name("warc", tests, folder_make, folder_remove);
}
