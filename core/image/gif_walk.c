/*
 * gif_walk.c: the blocks of a GIF from header to trailer; nothing is decompressed.
 *
 * Source: GIF89a specification, sections 15 to 27. Every frame is walked, the first one is what a
 * decode gives. Forgiven, because decoders forgive it: zero bytes between blocks, and frames that
 * reach beyond the screen, which then counts as larger. A file that ends without its trailer is
 * truncated.
 */
#include "walk.h"

enum { HEADER_BYTES = 13, DESCRIPTOR_BYTES = 9 };
enum { EXTENSION = 0x21, IMAGE = 0x2c, TRAILER = 0x3b, GRAPHIC_CONTROL = 0xf9 };
enum packed { HAS_TABLE = 0x80, INTERLACED = 0x40, TABLE_BITS = 0x07 };
enum { LEAST_CODE_BITS = 1, MOST_CODE_BITS = 8 }; /* before the two codes that LZW adds */

struct gif {
    const uint8_t *data;
    size_t len, pos;
    const struct wit_image_limits *limits;
    struct wit_error *err;
    struct gif_layout out; /* frame_width 0 until the first frame */
};

static int truncated(const struct gif *g, const char *what) {
    return wit_error_set(g->err, WIT_EFORMAT, "truncated GIF: the file ends at byte %zu %s", g->len,
                         what);
}

static int bad_block(const struct gif *g, const char *what) {
    return wit_error_set(g->err, WIT_EFORMAT, "GIF %s at byte %zu", what, g->pos);
}

static size_t left(const struct gif *g) {
    return g->len - g->pos;
}

/* The colour table that a packed byte announces; empty when there is none. */
static int read_table(struct gif *g, uint8_t packed, struct wit_str *out) {
    size_t bytes = packed & HAS_TABLE ? (size_t)6 << (packed & TABLE_BITS) : 0;
    if (bytes > left(g))
        return truncated(g, "inside a colour table");
    *out = wit_str_of(g->data + g->pos, bytes);
    g->pos += bytes;
    return 0;
}

/* Sub-blocks up to the empty one; `payload` counts their bytes. */
static int skip_sub_blocks(struct gif *g, size_t *payload) {
    *payload = 0;
    for (;;) {
        if (!left(g))
            return truncated(g, "inside a data block");
        size_t bytes = g->data[g->pos++];
        if (!bytes)
            return 0;
        if (bytes > left(g))
            return truncated(g, "inside a data block");
        g->pos += bytes;
        *payload += bytes;
    }
}

static int read_extension(struct gif *g) {
    size_t payload;
    if (left(g) < 2)
        return truncated(g, "inside an extension");
    const uint8_t *p = g->data + g->pos; /* label, length of the first sub-block, its bytes */
    g->pos++;
    if (p[0] == GRAPHIC_CONTROL && p[1] >= 4 && left(g) > 4 && p[2] & 1 && !g->out.frame_width)
        g->out.transparent = p[5]; /* of the frame that follows */
    return skip_sub_blocks(g, &payload);
}

static int keep_frame(struct gif *g, size_t from, const uint8_t *d, struct wit_str table) {
    struct gif_layout *out = &g->out;
    uint32_t right = (uint32_t)wit_load_le16(d) + wit_load_le16(d + 4);
    uint32_t bottom = (uint32_t)wit_load_le16(d + 2) + wit_load_le16(d + 6);
    if (right > out->info.width)
        out->info.width = right;
    if (bottom > out->info.height)
        out->info.height = bottom;
    out->frame_x = wit_load_le16(d);
    out->frame_y = wit_load_le16(d + 2);
    out->frame_width = wit_load_le16(d + 4);
    out->frame_height = wit_load_le16(d + 6);
    out->frame = wit_str_of(g->data + from, g->pos - from);
    out->info.progressive = d[8] & INTERLACED;
    out->info.alpha = out->transparent >= 0;
    if (table.len)
        out->table = table;
    for (out->info.bit_depth = 1; (size_t)3 << out->info.bit_depth < out->table.len;)
        out->info.bit_depth++;
    if (!out->table.len)
        out->info.bit_depth = 8;
    return check_dimensions(out->info.width, out->info.height, g->limits, g->err);
}

static int read_image(struct gif *g) {
    const size_t from = g->pos - 1;
    struct wit_str table = { NULL, 0 };
    size_t payload = 0;
    if (left(g) < DESCRIPTOR_BYTES)
        return truncated(g, "inside an image descriptor");
    const uint8_t *d = g->data + g->pos; /* left, top, width, height, packed */
    if (!wit_load_le16(d + 4) || !wit_load_le16(d + 6))
        return bad_block(g, "frame is empty");
    g->pos += DESCRIPTOR_BYTES;
    int st = read_table(g, d[8], &table);
    if (st < 0)
        return st;
    if (!left(g))
        return truncated(g, "before the data of an image");
    if (g->data[g->pos] < LEAST_CODE_BITS || g->data[g->pos] > MOST_CODE_BITS)
        return bad_block(g, "image has a code size that is not allowed");
    g->pos++;
    st = skip_sub_blocks(g, &payload);
    if (st == 0 && !payload)
        return bad_block(g, "image without data ends");
    if (st == 0 && !g->out.frame_width)
        st = keep_frame(g, from, d, table);
    return st;
}

int gif_layout_read(struct wit_str bytes, const struct wit_image_limits *limits,
                    struct gif_layout *out, struct wit_error *err) {
    struct gif g = {
        .data = (const uint8_t *)bytes.data,
        .len = bytes.len,
        .pos = HEADER_BYTES,
        .limits = limits,
        .err = err,
        .out = { .info = { .format = WIT_IMAGE_GIF, .components = 1, .orientation = 1 },
                 .transparent = -1 },
    };
    if (wit_image_sniff(bytes) != WIT_IMAGE_GIF)
        return wit_error_set(err, WIT_EFORMAT, "no GIF: it does not begin with the signature");
    if (bytes.len < HEADER_BYTES)
        return truncated(&g, "inside its header");
    g.out.info.width = wit_load_le16(g.data + 6);
    g.out.info.height = wit_load_le16(g.data + 8);
    int st = read_table(&g, g.data[10], &g.out.table);
    g.out.head = wit_str_of(g.data, g.pos);
    for (bool ended = false; st == 0 && !ended;) {
        if (!left(&g))
            return truncated(&g, "without a trailer");
        switch (g.data[g.pos++]) {
        case EXTENSION:
            st = read_extension(&g);
            break;
        case IMAGE:
            st = read_image(&g);
            break;
        case TRAILER:
            ended = true;
            break;
        case 0:
            break;
        default:
            g.pos--;
            st = bad_block(&g, "has an unknown block");
        }
    }
    if (st < 0)
        return st;
    if (!g.out.frame_width)
        return wit_error_set(err, WIT_EFORMAT, "GIF ends at byte %zu without an image", g.pos);
    g.out.info.trailing_bytes = left(&g);
    *out = g.out;
    return 0;
}

int gif_walk(struct wit_str bytes, const struct wit_image_limits *limits,
             struct wit_image_info *info, struct wit_error *err) {
    struct gif_layout layout;
    int st = gif_layout_read(bytes, limits, &layout, err);
    if (st == 0)
        *info = layout.info;
    return st;
}
