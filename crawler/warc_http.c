/*
 * warc_http.c: responses in WARC records. Source: RFC 9112 (status line, chunked transfer coding),
 * RFC 9110, 8.4 (content codings: gzip, deflate, which is zlib's format or, from some servers, bare
 * deflate).
 */
#include "warc_http.h"

#include "net/wit_net.h"
#include "page_type.h"

enum { INFLATED_PIECE_BYTES = 16 << 10 };

void warc_http_init(struct warc_http *h, size_t max_body_bytes) {
    *h = (struct warc_http){ .max_body_bytes = max_body_bytes };
    header_lines_init(&h->head, false);
    h->body.max = max_body_bytes;
}

void warc_http_finish(struct warc_http *h) {
    if (h->z_ready)
        inflateEnd(&h->z);
    h->z_ready = false;
    header_lines_finish(&h->head);
    wit_buf_finish(&h->body);
}

void warc_http_begin(struct warc_http *h) {
    if (h->z_ready)
        inflateEnd(&h->z);
    header_lines_reset(&h->head);
    wit_buf_reset(&h->body);
    h->state = WARC_HTTP_HEAD;
    h->status = 0;
    h->reason = NULL;
    h->size_len = h->coded_len = 0;
    h->coding = WARC_HTTP_IDENTITY;
    h->z_ready = h->chunked_for_sure = h->coding_known = false;
    h->charset = wit_str_of(NULL, 0);
}

static int done(struct warc_http *h, const char *reason) {
    h->reason = reason;
    h->state = WARC_HTTP_DONE;
    return 1;
}

/* ---- content coding ------------------------------------------------------------------------- */

/* As much as there is room for; 1 when there is no more. */
static int body_append(struct warc_http *h, struct wit_str bytes) {
    size_t room = h->max_body_bytes - h->body.len;
    bool full = bytes.len >= room;
    if (full)
        bytes.len = room;
    if (wit_buf_append_str(&h->body, bytes) < 0)
        return WIT_ENOMEM;
    return full ? done(h, NULL) : 0;
}

static int body_inflate(struct warc_http *h, struct wit_str bytes) {
    char piece[INFLATED_PIECE_BYTES];
    int st = 0;
    h->z.next_in = (Bytef *)(uintptr_t)bytes.data;
    h->z.avail_in = (uInt)bytes.len;
    do {
        h->z.next_out = (Bytef *)piece;
        h->z.avail_out = sizeof piece;
        int rc = inflate(&h->z, Z_NO_FLUSH);
        if (rc == Z_MEM_ERROR)
            return WIT_ENOMEM;
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return done(h, "bad_response");
        st = body_append(h, wit_str_of(piece, sizeof piece - h->z.avail_out));
        if (st == 0 && rc == Z_STREAM_END)
            return done(h, NULL);
    } while (st == 0 && (h->z.avail_in || h->z.avail_out == 0));
    return st;
}

/* Do the first two bytes begin what the header names? The window bits for zlib in *bits. */
static bool coding_begins(enum warc_http_coding coding, const uint8_t head[2], int *bits) {
    if (coding == WARC_HTTP_GZIP) {
        *bits = MAX_WBITS + 16;
        return head[0] == 0x1F && head[1] == 0x8B;
    }
    bool zlib = (head[0] & 0x0F) == 8 && (head[0] << 8 | head[1]) % 31 == 0;
    *bits = zlib ? MAX_WBITS : -MAX_WBITS;
    return zlib || head[0] != '<'; /* bare deflate has no mark; a page decoded before has this */
}

static int coding_decide(struct warc_http *h) {
    int bits = 0;
    h->coding_known = true;
    if (h->coded_len < sizeof h->coded || !coding_begins(h->coding, h->coded, &bits)) {
        h->coding = WARC_HTTP_IDENTITY;
        return body_append(h, wit_str_of(h->coded, h->coded_len));
    }
    h->z = (z_stream){ .zalloc = Z_NULL };
    if (inflateInit2(&h->z, bits) != Z_OK)
        return WIT_ENOMEM;
    h->z_ready = true;
    return body_inflate(h, wit_str_of(h->coded, h->coded_len));
}

static int body_take(struct warc_http *h, struct wit_str bytes) {
    int st = 0;
    if (h->coding == WARC_HTTP_IDENTITY)
        return body_append(h, bytes);
    while (!h->coding_known && bytes.len && st == 0) {
        h->coded[h->coded_len++] = (uint8_t)bytes.data[0];
        bytes = wit_str_slice(bytes, 1, bytes.len);
        if (h->coded_len == sizeof h->coded)
            st = coding_decide(h);
    }
    if (st != 0 || bytes.len == 0)
        return st;
    return h->coding == WARC_HTTP_IDENTITY ? body_append(h, bytes) : body_inflate(h, bytes);
}

/* ---- transfer coding ------------------------------------------------------------------------ */

/* Hexadecimal digits, then nothing, a space or an extension. */
static bool chunk_size_parse(struct wit_str line, uint64_t *size) {
    size_t i = 0;
    *size = 0;
    for (; i < line.len; i++) {
        char c = line.data[i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0')
                         : (c | 0x20) >= 'a' && (c | 0x20) <= 'f'
                             ? (unsigned)((c | 0x20) - 'a' + 10)
                             : 16;
        if (digit == 16)
            break;
        if (*size >> 60)
            return false;
        *size = *size << 4 | digit;
    }
    return i > 0 && (i == line.len || line.data[i] == ';' || line.data[i] == ' ' ||
                     line.data[i] == '\t' || line.data[i] == '\r');
}

/* What was to be a chunk's size is none. Of the first, it is the body itself. */
static int chunk_size_wrong(struct warc_http *h) {
    if (h->chunked_for_sure)
        return done(h, "bad_response");
    h->state = WARC_HTTP_PLAIN;
    return body_take(h, wit_str_of(h->size_line, h->size_len));
}

static int chunk_size_end(struct warc_http *h) {
    if (!chunk_size_parse(wit_str_of(h->size_line, h->size_len - 1), &h->chunk_left))
        return chunk_size_wrong(h);
    h->chunked_for_sure = true;
    if (h->chunk_left == 0)
        return done(h, NULL); /* trailers say nothing that we ask for */
    h->state = WARC_HTTP_CHUNK;
    return 0;
}

/* One step in the body; *used: bytes taken. */
static int body_step(struct warc_http *h, struct wit_str bytes, size_t *used) {
    *used = 1;
    switch (h->state) {
    case WARC_HTTP_CHUNK_SIZE:
        h->size_line[h->size_len++] = bytes.data[0];
        if (bytes.data[0] == '\n')
            return chunk_size_end(h);
        return h->size_len == sizeof h->size_line ? chunk_size_wrong(h) : 0;
    case WARC_HTTP_CHUNK:
        *used = bytes.len < h->chunk_left ? bytes.len : (size_t)h->chunk_left;
        h->chunk_left -= *used;
        if (h->chunk_left == 0)
            h->state = WARC_HTTP_CHUNK_END;
        return body_take(h, wit_str_slice(bytes, 0, *used));
    case WARC_HTTP_CHUNK_END:
        if (bytes.data[0] == '\n') {
            h->state = WARC_HTTP_CHUNK_SIZE;
            h->size_len = 0;
        } else if (bytes.data[0] != '\r') {
            return done(h, "bad_response");
        }
        return 0;
    default:
        *used = bytes.len;
        return body_take(h, bytes);
    }
}

/* ---- head ----------------------------------------------------------------------------------- */

/* "HTTP/1.1 200 OK": its number, 0 when it is none. */
static int status_parse(struct wit_str line) {
    ptrdiff_t space = wit_str_find_byte(line, ' ', 0);
    uint64_t number;
    if (!wit_str_starts_with(line, WIT_STR("HTTP/")) || space < 0 || line.len < (size_t)space + 4)
        return 0;
    struct wit_str digits = wit_str_slice(line, (size_t)space + 1, (size_t)space + 4);
    return wit_str_to_u64(digits, &number) == 0 && number >= 100 ? (int)number : 0;
}

/* False: a coding that we do not undo (br, zstd, several at once). */
static bool coding_parse(struct warc_http *h, struct wit_str headers) {
    struct wit_str value;
    for (size_t at = 0; wit_net_header_next(headers, WIT_STR("content-encoding"), &at, &value);) {
        if (value.len == 0 || wit_str_eq_nocase(value, WIT_STR("identity")))
            continue;
        if (h->coding != WARC_HTTP_IDENTITY)
            return false;
        if (wit_str_eq_nocase(value, WIT_STR("gzip")) ||
            wit_str_eq_nocase(value, WIT_STR("x-gzip")))
            h->coding = WARC_HTTP_GZIP;
        else if (wit_str_eq_nocase(value, WIT_STR("deflate")))
            h->coding = WARC_HTTP_DEFLATE;
        else
            return false;
    }
    return true;
}

static int body_begin(struct warc_http *h) {
    struct wit_str headers = wit_buf_view(&h->head.lines), value;
    size_t at = 0;
    if (page_type_of(headers, WIT_STR(""), &h->charset) != PAGE_TYPE_HTML)
        return done(h, "not_html");
    if (!coding_parse(h, headers))
        return done(h, "content_encoding");
    bool chunked = wit_net_header_next(headers, WIT_STR("transfer-encoding"), &at, &value) &&
                   wit_str_eq_nocase(value, WIT_STR("chunked"));
    h->state = chunked ? WARC_HTTP_CHUNK_SIZE : WARC_HTTP_PLAIN;
    return 0;
}

static int head_end(struct warc_http *h) {
    h->status = status_parse(wit_buf_view(&h->head.first));
    if (h->status == 0)
        return done(h, "bad_response");
    if (h->status == 200)
        return body_begin(h);
    snprintf(h->status_reason, sizeof h->status_reason, "http_%d", h->status);
    return done(h, h->status_reason);
}

int warc_http_begin_resource(struct warc_http *h, struct wit_str headers) {
    struct wit_str type;
    size_t at = 0;
    warc_http_begin(h);
    if (wit_net_header_next(headers, WIT_STR("content-type"), &at, &type) &&
        wit_buf_printf(&h->head.lines, "content-type: %.*s\n", WIT_STR_FMT(type)) < 0)
        return WIT_ENOMEM;
    h->status = 200;
    int st = body_begin(h);
    return st < 0 ? st : 0;
}

int warc_http_feed(struct warc_http *h, struct wit_str bytes) {
    int st = h->state == WARC_HTTP_DONE;
    while (st == 0 && bytes.len) {
        size_t used;
        if (h->state == WARC_HTTP_HEAD) {
            st = header_lines_feed(&h->head, bytes, &used);
            if (st == WIT_ELIMIT)
                return done(h, "headers_too_big");
            if (st == 1)
                st = head_end(h);
        } else {
            st = body_step(h, bytes, &used);
        }
        if (st < 0)
            return st;
        bytes = wit_str_slice(bytes, used, bytes.len);
    }
    return st;
}

int warc_http_end(struct warc_http *h) {
    int st = 0;
    if (h->state == WARC_HTTP_HEAD)
        st = done(h, "bad_response");
    else if (h->state == WARC_HTTP_CHUNK_SIZE && !h->chunked_for_sure)
        st = chunk_size_wrong(h);
    if (st >= 0 && h->state != WARC_HTTP_DONE && !h->coding_known && h->coded_len)
        st = coding_decide(h);
    return st < 0 ? st : 0;
}
