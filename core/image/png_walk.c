/*
 * png_walk.c: the chunks of a PNG from signature to IEND with their CRCs; nothing is inflated.
 *
 * Source: PNG (Third Edition), W3C; sections 5 (chunks and their order) and 11 (their content).
 * Chunks that only advise (text, time, colour spaces) are checked for length and CRC alone.
 */
#include "walk.h"

#include <zlib.h>

enum { SIGNATURE_BYTES = 8, CHUNK_FRAME_BYTES = 12, IHDR_BYTES = 13 };

enum colour_type { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6 };

struct png {
    const uint8_t *data;
    size_t len, pos;
    const struct wit_image_limits *limits;
    struct wit_error *err;
    struct wit_image_info info;
    uint8_t colour_type;
    uint32_t palette_entries; /* 0 until PLTE */
    bool idat_seen, idat_over, trns_seen, exif_seen, ended;
};

struct chunk {
    char type[5];
    const uint8_t *data;
    uint32_t len;
    size_t at; /* offset of the chunk, for sentences */
};

static int bad_chunk(const struct png *p, const struct chunk *c, const char *what) {
    return wit_error_set(p->err, WIT_EFORMAT, "PNG chunk %s at byte %zu %s", c->type, c->at, what);
}

static int next_chunk(struct png *p, struct chunk *out) {
    size_t left = p->len - p->pos;
    if (left < CHUNK_FRAME_BYTES)
        return wit_error_set(p->err, WIT_EFORMAT,
                             "truncated PNG: the file ends at byte %zu without an IEND chunk",
                             p->len);
    const uint8_t *at = p->data + p->pos;
    struct chunk c = { .len = wit_load_be32(at), .data = at + 8, .at = p->pos };
    memcpy(c.type, at + 4, 4);
    for (size_t i = 0; i < 4; i++) {
        char letter = (char)(c.type[i] | 0x20);
        if (letter < 'a' || letter > 'z')
            return wit_error_set(p->err, WIT_EFORMAT,
                                 "PNG chunk at byte %zu has a type that is not four letters",
                                 p->pos);
    }
    if (c.len > INT32_MAX)
        return bad_chunk(p, &c, "is longer than a chunk may be");
    if (c.len > left - CHUNK_FRAME_BYTES)
        return wit_error_set(p->err, WIT_EFORMAT,
                             "truncated PNG: the file ends at byte %zu inside chunk %s", p->len,
                             c.type);
    uint32_t crc = (uint32_t)crc32_z(0, at + 4, (size_t)c.len + 4);
    if (crc != wit_load_be32(c.data + c.len))
        return bad_chunk(p, &c, "has a wrong CRC");
    p->pos += CHUNK_FRAME_BYTES + c.len;
    *out = c;
    return 0;
}

static bool depth_is_allowed(uint8_t colour_type, uint8_t depth) {
    switch (colour_type) {
    case GREY:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PALETTE:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case RGB:
    case GREY_ALPHA:
    case RGB_ALPHA:
        return depth == 8 || depth == 16;
    default:
        return false;
    }
}

static uint8_t channels_of(uint8_t colour_type) {
    static const uint8_t channels[] = {
        [GREY] = 1, [RGB] = 3, [PALETTE] = 1, [GREY_ALPHA] = 2, [RGB_ALPHA] = 4
    };
    return channels[colour_type];
}

static int read_header(struct png *p, const struct chunk *c) {
    if (strcmp(c->type, "IHDR") != 0 || c->len != IHDR_BYTES)
        return bad_chunk(p, c, "stands where the header belongs");
    uint32_t width = wit_load_be32(c->data), height = wit_load_be32(c->data + 4);
    uint8_t depth = c->data[8], colour_type = c->data[9];
    if (width > INT32_MAX || height > INT32_MAX)
        return bad_chunk(p, c, "gives a size that PNG does not allow");
    int st = check_dimensions(width, height, p->limits, p->err);
    if (st < 0)
        return st;
    if (!depth_is_allowed(colour_type, depth))
        return bad_chunk(p, c, "gives a colour type and bit depth that PNG does not allow");
    if (c->data[10] || c->data[11] || c->data[12] > 1)
        return bad_chunk(p, c, "gives an unknown compression, filter or interlace method");
    p->colour_type = colour_type;
    p->info = (struct wit_image_info){
        .format = WIT_IMAGE_PNG,
        .width = width,
        .height = height,
        .components = channels_of(colour_type),
        .bit_depth = depth,
        .orientation = 1,
        .progressive = c->data[12] == 1,
        .alpha = colour_type == GREY_ALPHA || colour_type == RGB_ALPHA,
    };
    return 0;
}

static int read_palette(struct png *p, const struct chunk *c) {
    if (p->palette_entries || p->idat_seen || p->trns_seen)
        return bad_chunk(p, c, "comes twice or too late");
    if (p->colour_type == GREY || p->colour_type == GREY_ALPHA)
        return bad_chunk(p, c, "stands in a grey image");
    if (c->len == 0 || c->len % 3 || c->len > 3 * 256)
        return bad_chunk(p, c, "has a wrong length");
    uint32_t entries = c->len / 3;
    if (p->colour_type == PALETTE && entries > 1u << p->info.bit_depth)
        return bad_chunk(p, c, "has more entries than the bit depth allows");
    p->palette_entries = entries;
    return 0;
}

static int read_transparency(struct png *p, const struct chunk *c) {
    bool fits = false;
    if (p->trns_seen || p->idat_seen)
        return bad_chunk(p, c, "comes twice or too late");
    if (p->colour_type == GREY)
        fits = c->len == 2;
    else if (p->colour_type == RGB)
        fits = c->len == 6;
    else if (p->colour_type == PALETTE)
        fits = c->len >= 1 && c->len <= p->palette_entries;
    if (!fits)
        return bad_chunk(p, c, "does not fit the colour type or palette");
    p->trns_seen = true;
    p->info.alpha = true;
    return 0;
}

static int read_image_data(struct png *p, const struct chunk *c) {
    if (p->idat_over)
        return bad_chunk(p, c, "does not follow the other IDAT chunks");
    if (p->colour_type == PALETTE && !p->palette_entries)
        return bad_chunk(p, c, "comes without a palette before it");
    p->idat_seen = true;
    return 0;
}

static int read_chunk(struct png *p, const struct chunk *c) {
    if (strcmp(c->type, "IDAT") == 0)
        return read_image_data(p, c);
    if (p->idat_seen)
        p->idat_over = true;
    if (strcmp(c->type, "PLTE") == 0)
        return read_palette(p, c);
    if (strcmp(c->type, "tRNS") == 0)
        return read_transparency(p, c);
    if (strcmp(c->type, "IEND") == 0) {
        if (c->len)
            return bad_chunk(p, c, "is not empty");
        if (!p->idat_seen)
            return bad_chunk(p, c, "comes before any image data");
        p->ended = true;
        return 0;
    }
    if (strcmp(c->type, "eXIf") == 0 && !p->exif_seen) {
        p->exif_seen = true;
        p->info.orientation = exif_orientation(wit_str_of(c->data, c->len));
        return 0;
    }
    if (!(c->type[0] & 0x20))
        return bad_chunk(p, c, "is critical and unknown");
    return 0;
}

int png_walk(struct wit_str bytes, const struct wit_image_limits *limits,
             struct wit_image_info *info, struct wit_error *err) {
    struct png p = {
        .data = (const uint8_t *)bytes.data,
        .len = bytes.len,
        .pos = SIGNATURE_BYTES,
        .limits = limits,
        .err = err,
    };
    if (!wit_str_starts_with(bytes, WIT_STR("\x89PNG\r\n\x1a\n")))
        return wit_error_set(err, WIT_EFORMAT, "no PNG: it does not begin with the signature");
    struct chunk c;
    int st = next_chunk(&p, &c);
    if (st == 0)
        st = read_header(&p, &c);
    while (st == 0 && !p.ended) {
        st = next_chunk(&p, &c);
        if (st == 0)
            st = read_chunk(&p, &c);
    }
    if (st < 0)
        return st;
    p.info.trailing_bytes = p.len - p.pos;
    *info = p.info;
    return 0;
}
