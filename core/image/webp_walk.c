/*
 * webp_walk.c: the RIFF chunks of a WebP from header to end; nothing is entropy decoded.
 *
 * Source: WebP Container Specification; RFC 6386, 9.1 (the frame header of VP8); WebP Lossless
 * Bitstream Specification, 3 (its header). An animation is walked through all of its frames, and
 * the first one is what a decode gives. Chunks that only advise (colour profile, EXIF, XMP, unknown
 * ones) must lie inside the file.
 */
#include "walk.h"

enum {
    RIFF_BYTES = 12,
    CHUNK_BYTES = 8,
    FRAME_BYTES = 16, /* of an ANMF chunk, before its own chunks */
    CANVAS_BYTES = 10,
    ANIM_BYTES = 6,
    VP8_HEADER_BYTES = 10,
    VP8L_HEADER_BYTES = 5
};

enum canvas_flag { HAS_ANIMATION = 0x02, HAS_ALPHA = 0x10 };

struct webp {
    const uint8_t *data;
    size_t end; /* of the RIFF chunk */
    const struct wit_image_limits *limits;
    struct wit_error *err;
    struct webp_layout out; /* width 0 until the canvas is known, frame_width 0 until frame 1 is */
    bool extended, animated, anim_seen, exif_seen;
    size_t alpha_at; /* of an ALPH chunk that an image may follow; 0: none */
};

struct chunk {
    char type[5];
    const uint8_t *data;
    uint32_t len;
    size_t at; /* offset of the chunk, for sentences */
};

/* What a VP8 or VP8L bitstream says of itself. */
struct bitstream {
    uint32_t width, height;
    bool alpha;
};

static uint32_t load_le24(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static bool is(const struct chunk *c, const char *type) {
    return memcmp(c->type, type, 4) == 0;
}

/* Types are any four bytes; a sentence shows the printable ones. */
static int bad_chunk(const struct webp *w, const struct chunk *c, const char *what) {
    char name[5] = "";
    for (size_t i = 0; i < 4; i++)
        name[i] = c->type[i] >= ' ' && c->type[i] <= '~' ? c->type[i] : '?';
    return wit_error_set(w->err, WIT_EFORMAT, "WebP chunk '%s' at byte %zu %s", name, c->at, what);
}

/* The chunk at *pos, which must end, padded to an even length, before `end`. */
static int next_chunk(const struct webp *w, size_t *pos, size_t end, struct chunk *out) {
    struct chunk c = { .data = w->data + *pos + CHUNK_BYTES, .at = *pos };
    if (end - *pos < CHUNK_BYTES)
        return wit_error_set(w->err, WIT_EFORMAT, "WebP ends at byte %zu inside a chunk header",
                             end);
    memcpy(c.type, w->data + *pos, 4);
    c.len = wit_load_le32(w->data + *pos + 4);
    size_t room = end - *pos - CHUNK_BYTES;
    if (c.len > room || (c.len & 1 && c.len == room))
        return bad_chunk(w, &c, "is longer than what holds it");
    *pos += CHUNK_BYTES + (size_t)c.len + (c.len & 1);
    *out = c;
    return 0;
}

/* RFC 6386, 9.1: a key frame that is shown, the start code, 14 bits of width and of height. */
static int read_lossy(const struct webp *w, const struct chunk *c, struct bitstream *out) {
    if (c->len < VP8_HEADER_BYTES)
        return bad_chunk(w, c, "is too short for an image");
    uint32_t tag = load_le24(c->data);
    bool key_frame = !(tag & 1), shown = tag >> 4 & 1;
    if (!key_frame || (tag >> 1 & 7) > 3 || !shown || tag >> 5 >= c->len ||
        memcmp(c->data + 3, "\x9d\x01\x2a", 3) != 0)
        return bad_chunk(w, c, "has a broken frame header");
    *out = (struct bitstream){ .width = wit_load_le16(c->data + 6) & 0x3fffu,
                               .height = wit_load_le16(c->data + 8) & 0x3fffu };
    return 0;
}

/* A signature, 14 bits of width - 1 and of height - 1, alpha, three bits of version. */
static int read_lossless(const struct webp *w, const struct chunk *c, struct bitstream *out) {
    if (c->len < VP8L_HEADER_BYTES)
        return bad_chunk(w, c, "is too short for an image");
    uint32_t bits = wit_load_le32(c->data + 1);
    if (c->data[0] != 0x2f || bits >> 29)
        return bad_chunk(w, c, "has a broken image header");
    *out = (struct bitstream){ .width = (bits & 0x3fffu) + 1,
                               .height = (bits >> 14 & 0x3fffu) + 1,
                               .alpha = bits >> 28 & 1 };
    return 0;
}

static bool is_bitstream(const struct chunk *c) {
    return is(c, "VP8 ") || is(c, "VP8L");
}

static int read_bitstream(const struct webp *w, const struct chunk *c, struct bitstream *out) {
    int st = is(c, "VP8L") ? read_lossless(w, c, out) : read_lossy(w, c, out);
    return st < 0 ? st : check_dimensions(out->width, out->height, w->limits, w->err);
}

/* The image that a decode gives: the first one. */
static void keep_image(struct webp *w, const struct chunk *c, const struct bitstream *b, uint32_t x,
                       uint32_t y) {
    if (w->out.frame_width)
        return;
    w->out.frame_x = x;
    w->out.frame_y = y;
    w->out.frame_width = b->width;
    w->out.frame_height = b->height;
    w->out.image = wit_str_of(c->data - CHUNK_BYTES, CHUNK_BYTES + (size_t)c->len);
    w->out.image_with_alpha = w->out.image;
    if (w->alpha_at && is(c, "VP8 ")) {
        w->out.image_with_alpha =
            wit_str_of(w->data + w->alpha_at, c->at - w->alpha_at + w->out.image.len);
        w->out.info.alpha = true;
    }
    w->out.info.alpha |= b->alpha;
}

static int read_canvas(struct webp *w, const struct chunk *c) {
    if (c->len < CANVAS_BYTES)
        return bad_chunk(w, c, "is too short");
    uint32_t width = load_le24(c->data + 4) + 1, height = load_le24(c->data + 7) + 1;
    int st = check_dimensions(width, height, w->limits, w->err);
    if (st < 0)
        return st;
    w->extended = true;
    w->animated = c->data[0] & HAS_ANIMATION;
    w->out.info.alpha = c->data[0] & HAS_ALPHA;
    w->out.info.width = width;
    w->out.info.height = height;
    return 0;
}

/* A frame of an animation: its place on the canvas, then chunks of its own, one of them an image.
 */
static int read_frame(struct webp *w, const struct chunk *c) {
    if (!w->anim_seen || c->len < FRAME_BYTES)
        return bad_chunk(w, c, "comes before ANIM or is too short");
    uint32_t x = 2 * load_le24(c->data), y = 2 * load_le24(c->data + 3);
    uint32_t width = load_le24(c->data + 6) + 1, height = load_le24(c->data + 9) + 1;
    if (x >= w->out.info.width || width > w->out.info.width - x || y >= w->out.info.height ||
        height > w->out.info.height - y)
        return bad_chunk(w, c, "lies outside the canvas");
    size_t pos = (size_t)(c->data - w->data) + FRAME_BYTES;
    const size_t end = (size_t)(c->data - w->data) + c->len;
    bool image_seen = false;
    w->alpha_at = 0;
    while (pos < end) {
        struct chunk part;
        struct bitstream b;
        int st = next_chunk(w, &pos, end, &part);
        if (st == 0 && is(&part, "ALPH"))
            w->alpha_at = part.at;
        if (st == 0 && is_bitstream(&part)) {
            if (image_seen)
                return bad_chunk(w, &part, "is a second image of one frame");
            image_seen = true;
            st = read_bitstream(w, &part, &b);
            if (st == 0 && (b.width != width || b.height != height))
                return bad_chunk(w, &part, "is of another size than its frame");
            if (st == 0)
                keep_image(w, &part, &b, x, y);
        }
        if (st < 0)
            return st;
    }
    return image_seen ? 0 : bad_chunk(w, c, "holds no image");
}

static int read_still(struct webp *w, const struct chunk *c) {
    struct bitstream b;
    if (w->animated || w->out.frame_width)
        return bad_chunk(w, c, "is an image too many");
    int st = read_bitstream(w, c, &b);
    if (st < 0)
        return st;
    if (!w->extended) {
        w->out.info.width = b.width;
        w->out.info.height = b.height;
    } else if (b.width != w->out.info.width || b.height != w->out.info.height) {
        return bad_chunk(w, c, "is of another size than the canvas");
    }
    keep_image(w, c, &b, 0, 0);
    return 0;
}

/* The payload is a TIFF block; some writers leave JPEG's prefix before it. */
static void read_exif(struct webp *w, const struct chunk *c) {
    struct wit_str tiff = wit_str_of(c->data, c->len);
    if (wit_str_starts_with(tiff, WIT_STR("Exif\0\0")))
        tiff = wit_str_slice(tiff, 6, tiff.len);
    if (!w->exif_seen)
        w->out.info.orientation = exif_orientation(tiff);
    w->exif_seen = true;
}

static int read_chunk(struct webp *w, const struct chunk *c) {
    if (is_bitstream(c))
        return read_still(w, c);
    if (!w->extended)
        return bad_chunk(w, c, "stands in a simple file");
    if (is(c, "VP8X"))
        return bad_chunk(w, c, "comes twice");
    if (is(c, "ANIM")) {
        w->anim_seen = c->len >= ANIM_BYTES;
        return w->anim_seen ? 0 : bad_chunk(w, c, "is too short");
    }
    if (is(c, "ANMF"))
        return w->animated ? read_frame(w, c) : bad_chunk(w, c, "stands in a still image");
    if (is(c, "EXIF"))
        read_exif(w, c);
    else if (is(c, "ALPH"))
        w->alpha_at = c->at;
    return 0;
}

int webp_layout_read(struct wit_str bytes, const struct wit_image_limits *limits,
                     struct webp_layout *out, struct wit_error *err) {
    struct webp w = {
        .data = (const uint8_t *)bytes.data,
        .limits = limits,
        .err = err,
        .out.info = { .format = WIT_IMAGE_WEBP, .bit_depth = 8, .orientation = 1 },
    };
    if (wit_image_sniff(bytes) != WIT_IMAGE_WEBP)
        return wit_error_set(err, WIT_EFORMAT, "no WebP: it does not begin with a RIFF header");
    size_t riff_bytes = wit_load_le32(w.data + 4), pos = RIFF_BYTES;
    if (riff_bytes > bytes.len - CHUNK_BYTES)
        return wit_error_set(err, WIT_EFORMAT, "truncated WebP: %zu bytes of %zu", bytes.len,
                             riff_bytes + CHUNK_BYTES);
    w.end = riff_bytes + CHUNK_BYTES;
    if (w.end <= RIFF_BYTES)
        return wit_error_set(err, WIT_EFORMAT, "WebP holds no chunk");
    while (pos < w.end) {
        struct chunk c;
        const bool first = pos == RIFF_BYTES;
        int st = next_chunk(&w, &pos, w.end, &c);
        if (st == 0)
            st = first && is(&c, "VP8X") ? read_canvas(&w, &c) : read_chunk(&w, &c);
        if (st < 0)
            return st;
        if (!w.extended)
            break; /* whatever follows the image of a simple file is nobody's */
    }
    if (!w.out.frame_width)
        return wit_error_set(err, WIT_EFORMAT, "WebP ends at byte %zu without an image", w.end);
    w.out.info.components = w.out.info.alpha ? 4 : 3;
    w.out.info.trailing_bytes = bytes.len - w.end;
    *out = w.out;
    return 0;
}

int webp_walk(struct wit_str bytes, const struct wit_image_limits *limits,
              struct wit_image_info *info, struct wit_error *err) {
    struct webp_layout layout;
    int st = webp_layout_read(bytes, limits, &layout, err);
    if (st == 0)
        *info = layout.info;
    return st;
}
