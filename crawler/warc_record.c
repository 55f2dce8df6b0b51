/*
 * warc_record.c: the records of a WARC file. Source: ISO 28500:2017 (WARC 1.1) and its forerunner
 * 1.0, which differ in nothing that matters here but the <> around a target URI.
 *
 * A record is read strictly and a file forgivingly: what is no record is one failure, and reading
 * goes on where a member or a line begins with "WARC/1.".
 */
#include "warc_record.h"

#include "header_lines.h"
#include "net/wit_net.h"
#include "warc_stream.h"

#include <errno.h>
#include <stdlib.h>

static const struct wit_str mark = { "WARC/1.", 7 };

struct wit_crawler_warc {
    struct warc_stream stream;
    FILE *owned; /* to be closed; NULL: the caller's */
    char *name;
    struct header_lines head;
    struct wit_crawler_warc_place place;
    uint64_t left; /* bytes of the block that were not read */
    bool in_block; /* the block and what ends it are still ahead */
    bool lost;     /* the next record must be looked for */
};

/* ---- life ----------------------------------------------------------------------------------- */

int warc_open_chunked(FILE *stream, const char *name, size_t chunk, struct wit_crawler_warc **out,
                      struct wit_error *err) {
    struct wit_crawler_warc *w = calloc(1, sizeof *w);
    int st = 0;
    if (w)
        w->name = strdup(name);
    if (!w || !w->name)
        st = wit_error_set(err, WIT_ENOMEM, "no memory for reading '%s'", name);
    if (st >= 0) {
        header_lines_init(&w->head, true);
        st = warc_stream_init(&w->stream, stream, w->name, chunk, err);
    }
    if (st >= 0)
        *out = w;
    else
        wit_crawler_warc_close(w);
    return st;
}

int wit_crawler_warc_open_stream(FILE *stream, const char *name, struct wit_crawler_warc **out,
                                 struct wit_error *err) {
    return warc_open_chunked(stream, name, WARC_STREAM_CHUNK_BYTES, out, err);
}

int wit_crawler_warc_open(const char *path, struct wit_crawler_warc **out, struct wit_error *err) {
    struct wit_crawler_warc *w = NULL;
    FILE *f = fopen(path, "rb");
    if (!f)
        return wit_error_errno(err, errno, "cannot open '%s'", path);
    int st = wit_crawler_warc_open_stream(f, path, &w, err);
    if (st < 0) {
        fclose(f);
        return st;
    }
    w->owned = f;
    *out = w;
    return 0;
}

void wit_crawler_warc_close(struct wit_crawler_warc *w) {
    if (!w)
        return;
    warc_stream_finish(&w->stream);
    header_lines_finish(&w->head);
    if (w->owned)
        fclose(w->owned);
    free(w->name);
    free(w);
}

struct wit_crawler_warc_place wit_crawler_warc_tell(const struct wit_crawler_warc *w) {
    return w->place;
}

int wit_crawler_warc_seek(struct wit_crawler_warc *w, struct wit_crawler_warc_place place,
                          struct wit_error *err) {
    int st = warc_stream_seek(&w->stream, place, err);
    w->in_block = w->lost = false;
    w->place = place;
    return st;
}

/* ---- damage --------------------------------------------------------------------------------- */

/* One sentence for the record at w->place, and the way on is lost. */
static int fault(struct wit_crawler_warc *w, const char *what, struct wit_error *err) {
    char inner[32] = "";
    if (w->place.inner)
        snprintf(inner, sizeof inner, "+%llu", (unsigned long long)w->place.inner);
    w->lost = true;
    w->in_block = false;
    return wit_error_set(err, WIT_EFORMAT, "%s:%llu%s: %s", w->name,
                         (unsigned long long)w->place.offset, inner, what);
}

/* What peek came back with: damage becomes a fault, the rest is passed on. */
static int peek_failed(struct wit_crawler_warc *w, int st, struct wit_error *err) {
    return st == WIT_EFORMAT ? fault(w, w->stream.fault, err) : st;
}

/* To the next line that begins like a record: 1; 0 at the end; WIT_EIO. */
static int resynchronise(struct wit_crawler_warc *w, struct wit_error *err) {
    struct warc_stream *s = &w->stream;
    struct wit_str text;
    for (;;) {
        int st = warc_stream_peek(s, mark.len, false, &text, err);
        if (st == WIT_EFORMAT) { /* damage upon damage was told already */
            st = warc_stream_recover(s, err);
            if (st > 0)
                continue;
        }
        if (st <= 0)
            return st;
        if (s->last == '\n' && wit_str_starts_with(text, mark))
            break;
        ptrdiff_t newline = wit_str_find_byte(text, '\n', 0);
        warc_stream_skip(s, newline < 0 ? text.len : (size_t)newline + 1);
    }
    w->lost = false;
    return 1;
}

/* ---- headers -------------------------------------------------------------------------------- */

/* To the first byte that ends no line: 1; 0 at the end of the file. */
static int gap_skip(struct wit_crawler_warc *w, struct wit_error *err) {
    struct wit_str text;
    for (;;) {
        int st = warc_stream_peek(&w->stream, 1, false, &text, err);
        w->place = warc_stream_place(&w->stream);
        if (st <= 0)
            return st == 0 ? 0 : peek_failed(w, st, err);
        size_t n = 0;
        while (n < text.len && (text.data[n] == '\r' || text.data[n] == '\n'))
            n++;
        if (n < text.len) {
            warc_stream_skip(&w->stream, n);
            w->place = warc_stream_place(&w->stream);
            return 1;
        }
        warc_stream_skip(&w->stream, n);
    }
}

/* The header block at w->place into w->head: 1; 0 at the end of the file; WIT_EFORMAT. */
static int head_read(struct wit_crawler_warc *w, struct wit_error *err) {
    struct wit_str text;
    size_t used;
    int st = warc_stream_peek(&w->stream, mark.len, false, &text, err);
    header_lines_reset(&w->head);
    if (st > 0 && !wit_str_starts_with(text, mark))
        return fault(w, "no record begins where one should", err);
    for (bool whole = false; st > 0 && !whole;) {
        int fed = header_lines_feed(&w->head, text, &used);
        warc_stream_skip(&w->stream, used);
        if (fed == WIT_EFORMAT)
            return fault(w, "a header line of the record has no name", err);
        if (fed == WIT_ELIMIT)
            return fault(w, "the record's headers are over the ceiling", err);
        if (fed < 0)
            return wit_error_set(err, fed, "no memory for the headers of '%s'", w->name);
        whole = fed == 1;
        if (!whole)
            st = warc_stream_peek(&w->stream, 1, false, &text, err);
    }
    if (st == 0)
        return fault(w, "the file ends inside a record's headers", err);
    return st < 0 ? peek_failed(w, st, err) : 1;
}

static struct wit_str header_of(const struct wit_crawler_warc *w, struct wit_str name) {
    struct wit_str value = { NULL, 0 };
    size_t at = 0;
    wit_net_header_next(wit_buf_view(&w->head.lines), name, &at, &value);
    return value;
}

/* Exactly one Content-Length: two would make two readings of what follows. */
static bool length_of(const struct wit_crawler_warc *w, uint64_t *bytes) {
    struct wit_str lines = wit_buf_view(&w->head.lines), value;
    size_t at = 0;
    return wit_net_header_next(lines, WIT_STR("content-length"), &at, &value) &&
           wit_str_to_u64(value, bytes) == 0 &&
           !wit_net_header_next(lines, WIT_STR("content-length"), &at, &value);
}

static enum wit_crawler_warc_type type_of(struct wit_str name) {
    static const struct {
        const char *name;
        enum wit_crawler_warc_type type;
    } types[] = {
        { "response", WIT_CRAWLER_WARC_RESPONSE },
        { "resource", WIT_CRAWLER_WARC_RESOURCE },
        { "metadata", WIT_CRAWLER_WARC_METADATA },
        { "revisit", WIT_CRAWLER_WARC_REVISIT },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(types); i++)
        if (wit_str_eq(name, wit_str_from(types[i].name)))
            return types[i].type;
    return WIT_CRAWLER_WARC_OTHER;
}

int wit_crawler_warc_next(struct wit_crawler_warc *w, struct wit_crawler_warc_record *out,
                          struct wit_error *err) {
    int st = w->in_block ? wit_crawler_warc_block(w, NULL, NULL, err) : 0;
    if (st < 0)
        return st;
    if (w->lost && (st = resynchronise(w, err)) <= 0)
        return st;
    st = gap_skip(w, err);
    if (st > 0)
        st = head_read(w, err);
    if (st <= 0)
        return st;
    struct wit_str version = wit_buf_view(&w->head.first);
    if (version.len != mark.len + 1 || version.data[mark.len] < '0' || version.data[mark.len] > '9')
        return fault(w, "the record's version is not WARC/1.0 or 1.1", err);
    if (!length_of(w, &w->left))
        return fault(w, "the record has no Content-Length, or an unclear one", err);
    struct wit_str target = header_of(w, WIT_STR("warc-target-uri"));
    if (target.len >= 2 && target.data[0] == '<' && target.data[target.len - 1] == '>')
        target = wit_str_slice(target, 1, target.len - 1);
    w->in_block = true;
    *out = (struct wit_crawler_warc_record){
        .type = type_of(header_of(w, WIT_STR("warc-type"))),
        .target = target,
        .headers = wit_buf_view(&w->head.lines),
        .block_bytes = w->left,
        .place = w->place,
    };
    return 1;
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* A member that begins with a record while a block of an earlier one should go on: it was cut. */
static bool is_next_record(const struct wit_crawler_warc *w, struct wit_str text) {
    struct wit_crawler_warc_place here = warc_stream_place(&w->stream);
    return w->stream.gzip && here.inner == 0 && here.offset != w->place.offset &&
           wit_str_starts_with(text, mark);
}

/* What must stand behind the block: line ends, then the end of the member with its checksum, or
 * another record. Anything else says that the length was wrong, or the text. */
static int block_end(struct wit_crawler_warc *w, struct wit_error *err) {
    struct wit_str text;
    int st;
    w->in_block = false;
    while ((st = warc_stream_peek(&w->stream, mark.len, true, &text, err)) > 0) {
        if (wit_str_starts_with(text, mark))
            return 0;
        if (text.data[0] != '\r' && text.data[0] != '\n')
            return fault(w, "the record does not end where its length says", err);
        warc_stream_skip(&w->stream, 1);
    }
    return st < 0 ? peek_failed(w, st, err) : 0;
}

int wit_crawler_warc_block(struct wit_crawler_warc *w, wit_crawler_warc_sink_fn sink, void *user,
                           struct wit_error *err) {
    struct wit_str text;
    while (w->left) {
        int st = warc_stream_peek(&w->stream, mark.len, false, &text, err);
        if (st == 0)
            return fault(w, "the file ends inside the record", err);
        if (st < 0)
            return peek_failed(w, st, err);
        if (is_next_record(w, text))
            return fault(w, "another record begins inside the record", err);
        if (text.len > w->left)
            text.len = (size_t)w->left;
        int taken = sink ? sink(user, text) : 1;
        if (taken < 0)
            return taken;
        if (taken > 0)
            sink = NULL;
        warc_stream_skip(&w->stream, text.len);
        w->left -= text.len;
    }
    return w->in_block ? block_end(w, err) : 0;
}
