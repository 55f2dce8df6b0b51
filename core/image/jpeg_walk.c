/*
 * jpeg_walk.c: from SOI to EOI of a JPEG, marker by marker, without entropy decoding.
 *
 * Source: ITU-T T.81, annex B. Where real decoders forgive, so does the walk, since a refused image
 * is lost: bytes between segments are skipped (libjpeg's next_marker, Pillow), restart markers may
 * come out of turn, and sequential files may lack Huffman tables (motion JPEG: decoders bring the
 * standard ones). What no decoder can do without is required: frame, quantisation tables, a scan
 * and the end marker. Every byte is looked at most once, so time is linear in the size of the file.
 */
#include "walk.h"

enum marker {
    M_TEM = 0x01,
    M_SOF0 = 0xc0, /* baseline */
    M_SOF1 = 0xc1, /* extended sequential */
    M_SOF2 = 0xc2, /* progressive */
    M_DHT = 0xc4,
    M_JPG = 0xc8,
    M_SOF9 = 0xc9,  /* sequential, arithmetic coding */
    M_SOF10 = 0xca, /* progressive, arithmetic coding */
    M_DAC = 0xcc,
    M_SOF15 = 0xcf,
    M_RST0 = 0xd0,
    M_RST7 = 0xd7,
    M_SOI = 0xd8,
    M_EOI = 0xd9,
    M_SOS = 0xda,
    M_DQT = 0xdb,
    M_DRI = 0xdd,
    M_APP1 = 0xe1
};

enum { MAX_COMPONENTS = 4 };

struct component {
    uint8_t id, quant_table;
};

struct jpeg {
    const uint8_t *data;
    size_t len, pos;
    const struct wit_image_limits *limits;
    struct wit_error *err;
    struct wit_image_info info; /* width 0 until the frame header */
    struct component components[MAX_COMPONENTS];
    uint32_t scans;
    unsigned quant_defined; /* bit i: table i was seen */
    bool huffman_seen, exif_seen, arithmetic;
};

/* A segment's payload: behind the two length bytes. */
struct segment {
    const uint8_t *data;
    size_t len;
    size_t at; /* offset in the file, for sentences */
};

static int truncated(const struct jpeg *j, const char *what) {
    return wit_error_set(j->err, WIT_EFORMAT, "truncated JPEG: the file ends at byte %zu %s",
                         j->len, what);
}

/* To the marker code behind the next FF that is followed by neither 00 nor FF. */
static int next_marker(struct jpeg *j, uint8_t *marker) {
    while (j->pos < j->len) {
        const uint8_t *ff = memchr(j->data + j->pos, 0xff, j->len - j->pos);
        if (!ff)
            break;
        j->pos = (size_t)(ff - j->data) + 1;
        while (j->pos < j->len && j->data[j->pos] == 0xff)
            j->pos++; /* fill bytes, B.1.1.2 */
        if (j->pos >= j->len)
            break;
        uint8_t code = j->data[j->pos++];
        if (code) {
            *marker = code;
            return 0;
        }
    }
    j->pos = j->len;
    return truncated(j, "without an end marker (EOI)");
}

static int read_segment(struct jpeg *j, uint8_t marker, struct segment *out) {
    if (j->len - j->pos < 2)
        return truncated(j, "inside a segment");
    size_t len = wit_load_be16(j->data + j->pos);
    if (len < 2)
        return wit_error_set(j->err, WIT_EFORMAT,
                             "JPEG segment of marker FF%02X at byte %zu has length %zu", marker,
                             j->pos, len);
    if (len > j->len - j->pos)
        return truncated(j, "inside a segment");
    *out = (struct segment){ j->data + j->pos + 2, len - 2, j->pos };
    j->pos += len;
    return 0;
}

static int bad_segment(const struct jpeg *j, const struct segment *s, const char *what) {
    return wit_error_set(j->err, WIT_EFORMAT, "JPEG %s at byte %zu", what, s->at);
}

/* B.2.2: precision, lines, samples a line, then id, sampling and table of each component. */
static int read_frame(struct jpeg *j, uint8_t marker, const struct segment *s) {
    if (j->info.width)
        return bad_segment(j, s, "has a second frame header");
    if (marker != M_SOF0 && marker != M_SOF1 && marker != M_SOF2 && marker != M_SOF9 &&
        marker != M_SOF10)
        return wit_error_set(j->err, WIT_EUNSUPPORTED,
                             "JPEG process of marker FF%02X is not supported", marker);
    if (s->len < 6 || s->len != 6 + 3 * (size_t)s->data[5])
        return bad_segment(j, s, "frame header has a wrong length");
    uint8_t precision = s->data[0], count = s->data[5];
    uint32_t height = wit_load_be16(s->data + 1), width = wit_load_be16(s->data + 3);
    int st = check_dimensions(width, height, j->limits, j->err);
    if (st < 0)
        return st;
    if (precision != 8)
        return wit_error_set(j->err, WIT_EUNSUPPORTED,
                             "JPEG with %u bits a sample is not supported", precision);
    if (count != 1 && count != 3 && count != 4)
        return wit_error_set(j->err, WIT_EUNSUPPORTED, "JPEG with %u components is not supported",
                             count);
    for (size_t c = 0; c < count; c++) {
        const uint8_t *p = s->data + 6 + 3 * c;
        unsigned h = p[1] >> 4, v = p[1] & 15u;
        if (h < 1 || h > 4 || v < 1 || v > 4 || p[2] > 3)
            return bad_segment(j, s, "frame header has a broken component");
        j->components[c] = (struct component){ p[0], p[2] };
    }
    j->info.width = width;
    j->info.height = height;
    j->info.components = count;
    j->info.bit_depth = precision;
    j->info.progressive = marker == M_SOF2 || marker == M_SOF10;
    j->arithmetic = marker == M_SOF9 || marker == M_SOF10;
    return 0;
}

/* B.2.4.1: each table is precision << 4 | id and 64 entries of one or two bytes. */
static int read_quant_tables(struct jpeg *j, const struct segment *s) {
    size_t at = 0;
    while (at < s->len) {
        unsigned wide = s->data[at] >> 4, id = s->data[at] & 15u;
        size_t bytes = wide ? 128 : 64;
        if (wide > 1 || id > 3 || s->len - at - 1 < bytes)
            return bad_segment(j, s, "has a broken quantisation table");
        j->quant_defined |= 1u << id;
        at += 1 + bytes;
    }
    return 0;
}

/* B.2.4.2: each table is class << 4 | id, 16 counts and as many symbols as they add up to. */
static int read_huffman_tables(struct jpeg *j, const struct segment *s) {
    size_t at = 0;
    while (at < s->len) {
        if (s->len - at < 17 || s->data[at] >> 4 > 1 || (s->data[at] & 15) > 3)
            return bad_segment(j, s, "has a broken Huffman table");
        size_t symbols = 0;
        for (size_t i = 1; i <= 16; i++)
            symbols += s->data[at + i];
        if (symbols > 256 || symbols > s->len - at - 17)
            return bad_segment(j, s, "has a broken Huffman table");
        j->huffman_seen = true;
        at += 17 + symbols;
    }
    return 0;
}

/* B.2.3, then the entropy-coded data up to the next marker that is not a restart. */
static int read_scan(struct jpeg *j, const struct segment *s) {
    if (!j->info.width)
        return bad_segment(j, s, "has a scan before its frame header");
    if (s->len < 1 || s->data[0] < 1 || s->data[0] > j->info.components ||
        s->len != 4 + 2 * (size_t)s->data[0])
        return bad_segment(j, s, "has a broken scan header");
    for (size_t i = 0; i < s->data[0]; i++) {
        size_t c = 0;
        while (c < j->info.components && j->components[c].id != s->data[1 + 2 * i])
            c++;
        if (c == j->info.components)
            return bad_segment(j, s, "scan names a component that the frame does not have");
        if (!(j->quant_defined & 1u << j->components[c].quant_table))
            return bad_segment(j, s, "scan uses a quantisation table that was not defined");
    }
    if (j->info.progressive && !j->arithmetic && !j->huffman_seen)
        return bad_segment(j, s, "scan comes before any Huffman table");
    if (++j->scans > j->limits->max_scans)
        return wit_error_set(j->err, WIT_ELIMIT, "JPEG has more than %u scans",
                             j->limits->max_scans);
    while (j->pos < j->len) {
        const uint8_t *ff = memchr(j->data + j->pos, 0xff, j->len - j->pos);
        if (!ff || ff + 1 == j->data + j->len)
            break;
        uint8_t code = ff[1];
        j->pos = (size_t)(ff - j->data);
        if (code == 0xff) {
            j->pos++; /* fill byte: the second FF may start the marker */
        } else if (code == 0 || (code >= M_RST0 && code <= M_RST7)) {
            j->pos += 2;
        } else {
            return 0;
        }
    }
    j->pos = j->len;
    return truncated(j, "inside the data of a scan");
}

static void read_exif(struct jpeg *j, const struct segment *s) {
    struct wit_str payload = wit_str_of(s->data, s->len);
    if (j->exif_seen || !wit_str_starts_with(payload, WIT_STR("Exif\0")) || payload.len < 6)
        return;
    j->exif_seen = true;
    j->info.orientation = exif_orientation(wit_str_slice(payload, 6, payload.len));
}

static bool is_frame_header(uint8_t marker) {
    return marker >= M_SOF0 && marker <= M_SOF15 && marker != M_DHT && marker != M_JPG &&
           marker != M_DAC;
}

static int read_marker(struct jpeg *j, uint8_t marker) {
    if (marker == M_TEM || (marker >= M_RST0 && marker <= M_RST7))
        return 0; /* stand alone */
    if (marker == M_SOI)
        return wit_error_set(j->err, WIT_EFORMAT, "JPEG has a second start (SOI) at byte %zu",
                             j->pos - 2);
    struct segment s = { 0 };
    int st = read_segment(j, marker, &s);
    if (st < 0)
        return st;
    if (is_frame_header(marker))
        return read_frame(j, marker, &s);
    switch (marker) {
    case M_DHT:
        return read_huffman_tables(j, &s);
    case M_DQT:
        return read_quant_tables(j, &s);
    case M_DRI:
        return s.len == 2 ? 0 : bad_segment(j, &s, "restart interval has a wrong length");
    case M_SOS:
        return read_scan(j, &s);
    case M_APP1:
        read_exif(j, &s);
        return 0;
    default:
        return 0; /* other application data, comments, DNL, DAC ... */
    }
}

int jpeg_walk(struct wit_str bytes, const struct wit_image_limits *limits,
              struct wit_image_info *info, struct wit_error *err) {
    struct jpeg j = {
        .data = (const uint8_t *)bytes.data,
        .len = bytes.len,
        .pos = 2,
        .limits = limits,
        .err = err,
        .info = { .format = WIT_IMAGE_JPEG, .orientation = 1 },
    };
    if (!wit_str_starts_with(bytes, WIT_STR("\xff\xd8")))
        return wit_error_set(err, WIT_EFORMAT, "no JPEG: it does not begin with a start marker");
    for (;;) {
        uint8_t marker = 0;
        int st = next_marker(&j, &marker);
        if (st < 0)
            return st;
        if (marker == M_EOI)
            break;
        st = read_marker(&j, marker);
        if (st < 0)
            return st;
    }
    if (!j.scans)
        return wit_error_set(err, WIT_EFORMAT, "JPEG ends at byte %zu without any scan", j.pos);
    j.info.trailing_bytes = j.len - j.pos;
    *info = j.info;
    return 0;
}
