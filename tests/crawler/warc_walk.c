/* warc_walk.c: a file of records as a text. */
#include "warc_walk.h"

#include "warc_http.h"

#include <stdlib.h>

enum { BODY_MOST_BYTES = 5000 };

static void must(bool ok) {
    if (!ok)
        abort();
}

struct sink {
    struct warc_http *http;
    size_t piece;
    struct wit_hasher *hasher;
};

static int take(void *user, struct wit_str bytes) {
    struct sink *s = user;
    int st = 0;
    wit_hasher_update(s->hasher, bytes.data, bytes.len);
    for (size_t at = 0; at < bytes.len && st >= 0; at += s->piece) {
        size_t end = bytes.len - at < s->piece ? bytes.len : at + s->piece;
        st = warc_http_feed(s->http, wit_str_slice(bytes, at, end));
        must(st >= 0);
    }
    return 0; /* all of it, so that the hash is of all of it */
}

static void line_begin(struct warc_walk *w, struct wit_crawler_warc_place place) {
    w->places = wit_realloc_array(w->places, w->count + 1, sizeof *w->places);
    w->starts = wit_realloc_array(w->starts, w->count + 1, sizeof *w->starts);
    must(w->places && w->starts);
    w->places[w->count] = place;
    w->starts[w->count++] = w->text.len;
    must(wit_buf_printf(&w->text, "%llu+%llu ", (unsigned long long)place.offset,
                        (unsigned long long)place.inner) >= 0);
}

static void block_tell(struct warc_walk *w, struct wit_crawler_warc *reader, struct sink *s) {
    struct wit_error err = WIT_ERROR_INIT;
    char hex[WIT_HASH128_HEX];
    warc_http_begin(s->http);
    wit_hasher_reset(s->hasher);
    int st = wit_crawler_warc_block(reader, take, s, &err);
    must(st == 0 || st == WIT_EFORMAT);
    if (st < 0) {
        must(wit_buf_printf(&w->text, "block: %s\n", err.text) >= 0);
        return;
    }
    must(warc_http_end(s->http) == 0);
    wit_hash128_to_hex(wit_hasher_digest(s->hasher), hex);
    must(wit_buf_printf(&w->text, "block %s http %d %s ", hex, s->http->status,
                        s->http->reason ? s->http->reason : "page") >= 0);
    must(s->http->body.len <= BODY_MOST_BYTES);
    if (!s->http->reason)
        must(wit_buf_append_str(&w->text, wit_buf_view(&s->http->body)) >= 0);
    must(wit_buf_append_byte(&w->text, '\n') >= 0);
}

void warc_walk(struct wit_str bytes, size_t chunk, const struct wit_crawler_warc_place *from,
               struct warc_walk *out) {
    struct wit_crawler_warc *reader = NULL;
    struct wit_crawler_warc_record record;
    struct warc_http http;
    struct wit_error err = WIT_ERROR_INIT;
    struct sink sink = { &http, chunk, wit_hasher_create() };
    FILE *file = bytes.len ? fmemopen((void *)(uintptr_t)bytes.data, bytes.len, "rb")
                           : fopen("/dev/null", "rb");
    must(file && sink.hasher);
    setvbuf(file, NULL, _IONBF, 0);
    *out = (struct warc_walk){ .text = WIT_BUF_INIT((size_t)1 << 30) };
    warc_http_init(&http, BODY_MOST_BYTES);
    must(warc_open_chunked(file, "f", chunk, &reader, &err) == 0);
    int st = from ? wit_crawler_warc_seek(reader, *from, &err) : 0;
    must(st == 0);
    while ((st = wit_crawler_warc_next(reader, &record, &err)) != 0) {
        must(st == 1 || st == WIT_EFORMAT);
        must(out->count <= 2 * bytes.len + 2);
        line_begin(out, wit_crawler_warc_tell(reader));
        if (st < 0) {
            must(wit_buf_printf(&out->text, "%s\n", err.text) >= 0);
            continue;
        }
        must(wit_buf_printf(&out->text, "type %d <%.*s> %llu\n", (int)record.type,
                            WIT_STR_FMT(record.target),
                            (unsigned long long)record.block_bytes) >= 0);
        must(wit_buf_append_str(&out->text, record.headers) >= 0);
        if (record.type == WIT_CRAWLER_WARC_RESPONSE)
            block_tell(out, reader, &sink);
    }
    wit_crawler_warc_close(reader);
    warc_http_finish(&http);
    wit_hasher_destroy(sink.hasher);
    fclose(file);
}

void warc_walk_finish(struct warc_walk *w) {
    wit_buf_finish(&w->text);
    free(w->places);
    free(w->starts);
    *w = (struct warc_walk){ .count = 0 };
}
