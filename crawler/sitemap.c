/*
 * sitemap.c: see sitemap.h.
 *
 *     bytes -> inflate, if they are gzip -> blocks -> UTF-8 -> XML, or lines
 *
 * Blocks have one size, however the bytes come, so that the pieces do not matter behind them.
 */
#include "sitemap.h"

#include "html_charset.h"
#include "sitemap_xml.h"

#include <stdlib.h>
#include <zlib.h>

enum {
    BLOCK_BYTES = 16384,
    PIECE_MOST_BYTES = 1 << 30, /* what zlib's counters hold */
    GZIP_WINDOW = 15 + 16       /* the largest window, and a gzip head */
};

enum packing { PACKING_UNKNOWN, PACKING_NONE, PACKING_GZIP };

enum form {
    FORM_UNKNOWN,
    FORM_XML,
    FORM_LINES,
    FORM_NONE /* not a sitemap */
};

struct sitemap {
    struct wit_crawler_extractor *x;
    enum packing packing;
    enum form form;
    uint8_t head[2]; /* until we know whether it is gzip */
    size_t head_len;
    z_stream z;
    bool z_open;
    size_t plain_bytes; /* unpacked so far */
    size_t url_count;   /* of lines */
    char block[BLOCK_BYTES];
    size_t block_len;
    struct wit_buf utf8; /* of one block */
    struct wit_buf line; /* the open one */
    bool line_too_long;
    struct sitemap_xml *xml;
    bool over; /* nothing that comes counts any more */
    bool lost; /* what came last may go on in bytes that nobody has */
};

struct sitemap *sitemap_create(struct wit_crawler_extractor *x) {
    struct sitemap *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->x = x;
    s->utf8 = (struct wit_buf)WIT_BUF_INIT(8 * BLOCK_BYTES);
    s->line = (struct wit_buf)WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    return s;
}

static void inflate_close(struct sitemap *s) {
    if (s->z_open)
        inflateEnd(&s->z);
    s->z_open = false;
}

void sitemap_destroy(struct sitemap *s) {
    if (!s)
        return;
    inflate_close(s);
    sitemap_xml_destroy(s->xml);
    wit_buf_finish(&s->utf8);
    wit_buf_finish(&s->line);
    free(s);
}

int sitemap_begin(struct sitemap *s) {
    inflate_close(s);
    sitemap_xml_destroy(s->xml);
    s->xml = sitemap_xml_create(s->x);
    wit_buf_reset(&s->line);
    s->packing = PACKING_UNKNOWN;
    s->form = FORM_UNKNOWN;
    s->head_len = s->plain_bytes = s->block_len = s->url_count = 0;
    s->line_too_long = s->over = s->lost = false;
    return s->xml ? 0 : WIT_ENOMEM;
}

static void cut_off(struct sitemap *s) {
    s->x->truncated = true;
    s->over = true;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static bool is_http(struct wit_str s) {
    return wit_str_eq_nocase(wit_str_slice(s, 0, s.len < 7 ? s.len : 7), WIT_STR("http://")) ||
           wit_str_eq_nocase(wit_str_slice(s, 0, s.len < 8 ? s.len : 8), WIT_STR("https://"));
}

static void line_end(struct sitemap *s) {
    struct wit_crawler_extractor *x = s->x;
    struct wit_str line = wit_str_trim(wit_buf_view(&s->line));
    if (s->line_too_long)
        x->truncated = true;
    else if (is_http(line) && !sitemap_url_count(&s->url_count))
        cut_off(s);
    else if (is_http(line) && html_extract_resolve(x, line))
        html_link_add(x, wit_url_href(&x->url), false);
    s->line_too_long = false;
    wit_buf_reset(&s->line);
}

static int lines_take(struct sitemap *s, struct wit_str text, bool last) {
    for (size_t at = 0; at < text.len && !s->over; at++) {
        if (text.data[at] == '\n' || text.data[at] == '\r')
            line_end(s);
        else if (wit_buf_append_byte(&s->line, text.data[at]) < 0) {
            if (s->line.len < s->line.max)
                return WIT_ENOMEM;
            s->line_too_long = true;
        }
    }
    if (last && !s->over && !s->lost)
        line_end(s);
    return s->x->status;
}

/* ---- blocks --------------------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* A byte order mark, then the header, then the declaration (RFC 7303, 3); UTF-8 without any. */
static int charset_decide(struct sitemap *s, struct wit_str *block) {
    struct wit_crawler_extractor *x = s->x;
    struct wit_str head =
        wit_str_slice(*block, 0,
                      block->len < HTML_CHARSET_PRESCAN_BYTES ? block->len
                                                              : HTML_CHARSET_PRESCAN_BYTES);
    size_t bom_bytes = 0;
    const struct wit_charset *c = wit_charset_from_bom(head, &bom_bytes);
    *block = wit_str_slice(*block, bom_bytes, block->len);
    if (!c)
        c = x->header_charset;
    if (!c)
        c = html_charset_prescan(head);
    x->charset = c ? c : wit_charset_utf8();
    return wit_charset_decoder_create(x->charset, &x->stream_decoder, NULL);
}

/* By what the text begins with. White space before it is left out: scripts write empty lines there,
 * and XML forbids them. */
static void form_decide(struct sitemap *s, struct wit_str *text) {
    while (text->len && is_space(text->data[0]))
        *text = wit_str_slice(*text, 1, text->len);
    if (text->len == 0)
        return;
    s->form = text->data[0] == '<' ? FORM_XML : is_http(*text) ? FORM_LINES : FORM_NONE;
    s->over = s->form == FORM_NONE;
}

static int block_take(struct sitemap *s, bool last) {
    struct wit_crawler_extractor *x = s->x;
    struct wit_str block = wit_str_of(s->block, s->block_len);
    int st = x->stream_decoder ? 0 : charset_decide(s, &block);
    s->block_len = 0;
    wit_buf_reset(&s->utf8);
    if (st == 0)
        st = wit_charset_decode(x->stream_decoder, block, last, &s->utf8);
    if (st < 0)
        return st;
    struct wit_str text = wit_buf_view(&s->utf8);
    if (s->form == FORM_UNKNOWN)
        form_decide(s, &text);
    if (s->form == FORM_LINES)
        return lines_take(s, text, last);
    if (s->form == FORM_XML)
        st = sitemap_xml_feed(s->xml, text, last);
    s->over = s->over || st > 0;
    return st < 0 ? st : 0;
}

/* So many bytes have been written behind block_len. */
static int block_grow(struct sitemap *s, size_t bytes) {
    size_t room = WIT_CRAWLER_SITEMAP_MAX_BYTES - s->plain_bytes;
    if (bytes > room) {
        bytes = room;
        s->lost = true;
        cut_off(s);
    }
    s->plain_bytes += bytes;
    s->block_len += bytes;
    return s->block_len == BLOCK_BYTES ? block_take(s, false) : 0;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static int plain_feed(struct sitemap *s, struct wit_str bytes) {
    int st = 0;
    while (bytes.len && st == 0 && !s->over) {
        size_t room = BLOCK_BYTES - s->block_len;
        size_t taken = bytes.len < room ? bytes.len : room;
        memcpy(s->block + s->block_len, bytes.data, taken);
        st = block_grow(s, taken);
        bytes = wit_str_slice(bytes, taken, bytes.len);
    }
    return st;
}

/* Members may follow each other (RFC 1952, 2.2); what else follows one is left out. */
static int gzip_feed(struct sitemap *s, struct wit_str bytes) {
    int st = 0;
    s->z.next_in = (Bytef *)(uintptr_t)bytes.data; /* zlib does not write there */
    s->z.avail_in = (uInt)bytes.len;
    while (st == 0 && !s->over) {
        s->z.next_out = (Bytef *)s->block + s->block_len;
        s->z.avail_out = (uInt)(BLOCK_BYTES - s->block_len);
        uInt room = s->z.avail_out;
        int rc = inflate(&s->z, Z_NO_FLUSH);
        if (rc == Z_MEM_ERROR)
            return WIT_ENOMEM;
        st = block_grow(s, room - s->z.avail_out);
        if (rc == Z_STREAM_END)
            rc = inflateReset(&s->z);
        if (rc == Z_BUF_ERROR || (rc == Z_OK && s->z.avail_in == 0 && s->z.avail_out > 0))
            break;
        if (rc != Z_OK) {
            s->lost = s->z.total_out > 0;
            cut_off(s);
        }
    }
    return st;
}

static int unpacked_feed(struct sitemap *s, struct wit_str bytes) {
    return s->packing == PACKING_GZIP ? gzip_feed(s, bytes) : plain_feed(s, bytes);
}

static int packing_decide(struct sitemap *s) {
    bool gzip = s->head_len == 2 && s->head[0] == 0x1F && s->head[1] == 0x8B;
    s->packing = gzip ? PACKING_GZIP : PACKING_NONE;
    if (gzip) {
        s->z = (z_stream){ .zalloc = NULL };
        if (inflateInit2(&s->z, GZIP_WINDOW) != Z_OK)
            return WIT_ENOMEM;
        s->z_open = true;
    }
    return unpacked_feed(s, wit_str_of(s->head, s->head_len));
}

int sitemap_feed(struct sitemap *s, struct wit_str bytes) {
    int st = 0;
    while (s->packing == PACKING_UNKNOWN && bytes.len && st == 0) {
        s->head[s->head_len++] = (uint8_t)bytes.data[0];
        bytes = wit_str_slice(bytes, 1, bytes.len);
        if (s->head_len == sizeof s->head)
            st = packing_decide(s);
    }
    while (bytes.len && st == 0 && !s->over) {
        size_t piece = bytes.len < PIECE_MOST_BYTES ? bytes.len : PIECE_MOST_BYTES;
        st = unpacked_feed(s, wit_str_slice(bytes, 0, piece));
        bytes = wit_str_slice(bytes, piece, bytes.len);
    }
    return st;
}

int sitemap_end(struct sitemap *s, bool *is_index) {
    int st = s->packing == PACKING_UNKNOWN ? packing_decide(s) : 0;
    if (s->z_open && s->z.total_in) { /* the last member has no end */
        s->lost |= s->z.total_out > 0;
        s->x->truncated = true;
    }
    /* What came before a broken member or the ceiling counts all the same. */
    s->over = s->form == FORM_NONE;
    if (st == 0 && !s->over)
        st = block_take(s, true);
    if (st < 0)
        return st;
    enum sitemap_xml_kind kind = sitemap_xml_end(s->xml);
    *is_index = s->form == FORM_XML && kind == SITEMAP_XML_INDEX;
    if (s->form == FORM_XML ? kind == SITEMAP_XML_NONE : s->form != FORM_LINES)
        return WIT_EFORMAT;
    return s->x->status;
}
