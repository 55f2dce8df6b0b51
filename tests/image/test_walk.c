/* test_walk.c: sniffing and the structural walks, on real files and on broken ones. */
#include "image/wit_image.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct wit_image_limits defaults = WIT_IMAGE_LIMITS_DEFAULT;

static struct wit_buf read_golden(const char *name) {
    struct wit_buf b = WIT_BUF_INIT(1 << 20);
    struct wit_error err = WIT_ERROR_INIT;
    char path[WIT_PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/golden/image/images/%s", getenv("WIT_SOURCE_ROOT"), name);
    if (wit_file_read(path, &b, &err) < 0)
        fail_msg("%s", err.text);
    return b;
}

static int walk(struct wit_str bytes, struct wit_image_info *info, struct wit_error *err) {
    *err = (struct wit_error)WIT_ERROR_INIT;
    int st = wit_image_walk(bytes, &defaults, info, err);
    if (st < 0)
        assert_true(err->text[0]);
    return st;
}

static void sniffs_by_magic(void **state) {
    assert_int_equal(wit_image_sniff(WIT_STR("\xff\xd8\xff\xe0")), WIT_IMAGE_JPEG);
    assert_int_equal(wit_image_sniff(WIT_STR("\x89PNG\r\n\x1a\n")), WIT_IMAGE_PNG);
    assert_int_equal(wit_image_sniff(WIT_STR("GIF89a...")), WIT_IMAGE_GIF);
    assert_int_equal(wit_image_sniff(WIT_STR("RIFF\x10\0\0\0WEBPVP8 ")), WIT_IMAGE_WEBP);
    assert_int_equal(wit_image_sniff(WIT_STR("RIFF\x10\0\0\0WAVE")), WIT_IMAGE_UNKNOWN);
    assert_int_equal(wit_image_sniff(WIT_STR("<html>")), WIT_IMAGE_UNKNOWN);
    assert_int_equal(wit_image_sniff(WIT_STR("")), WIT_IMAGE_UNKNOWN);
    assert_string_equal(wit_image_format_name(WIT_IMAGE_JPEG), "jpeg");
    assert_string_equal(wit_image_format_name((enum wit_image_format)99), "unknown");
}

static void reports_what_the_header_says(void **state) {
    static const struct {
        const char *name;
        struct wit_image_info want;
    } cases[] = {
        { "jpeg-420.jpg", { WIT_IMAGE_JPEG, 37, 29, 3, 8, 1, false, false, 0 } },
        { "jpeg-progressive.jpg", { WIT_IMAGE_JPEG, 37, 29, 3, 8, 1, true, false, 0 } },
        { "jpeg-restart.jpg", { WIT_IMAGE_JPEG, 37, 29, 3, 8, 1, false, false, 0 } },
        { "jpeg-grey.jpg", { WIT_IMAGE_JPEG, 37, 29, 1, 8, 1, false, false, 0 } },
        { "jpeg-cmyk.jpg", { WIT_IMAGE_JPEG, 21, 19, 4, 8, 1, false, false, 0 } },
        { "jpeg-orientation-6.jpg", { WIT_IMAGE_JPEG, 37, 29, 3, 8, 6, false, false, 0 } },
        { "jpeg-trailing.jpg", { WIT_IMAGE_JPEG, 37, 29, 3, 8, 1, false, false, 20 } },
        { "png-rgb.png", { WIT_IMAGE_PNG, 31, 17, 3, 8, 1, false, false, 0 } },
        { "png-rgba-16bit.png", { WIT_IMAGE_PNG, 10, 9, 4, 16, 1, false, true, 0 } },
        { "png-palette-trns.png", { WIT_IMAGE_PNG, 31, 17, 1, 4, 1, false, true, 0 } },
        { "png-bilevel.png", { WIT_IMAGE_PNG, 31, 17, 1, 1, 1, false, false, 0 } },
        { "png-grey-alpha.png", { WIT_IMAGE_PNG, 15, 14, 2, 8, 1, false, true, 0 } },
        { "png-interlaced.png", { WIT_IMAGE_PNG, 5, 3, 1, 8, 1, true, false, 0 } },
        { "webp-lossy.webp", { WIT_IMAGE_WEBP, 33, 27, 3, 8, 1, false, false, 0 } },
        { "webp-lossless-alpha.webp", { WIT_IMAGE_WEBP, 21, 18, 4, 8, 1, false, true, 0 } },
        { "webp-lossy-alpha.webp", { WIT_IMAGE_WEBP, 21, 18, 4, 8, 1, false, true, 0 } },
        { "webp-orientation-6.webp", { WIT_IMAGE_WEBP, 33, 27, 3, 8, 6, false, false, 0 } },
        { "webp-trailing.webp", { WIT_IMAGE_WEBP, 33, 27, 3, 8, 1, false, false, 20 } },
        { "webp-animated-inset.webp", { WIT_IMAGE_WEBP, 40, 30, 3, 8, 1, false, false, 0 } },
        { "gif-palette.gif", { WIT_IMAGE_GIF, 31, 22, 1, 6, 1, false, false, 0 } },
        { "gif-interlaced.gif", { WIT_IMAGE_GIF, 31, 22, 1, 7, 1, true, false, 0 } },
        { "gif-transparent.gif", { WIT_IMAGE_GIF, 31, 22, 1, 4, 1, true, true, 0 } },
        { "gif-no-table.gif", { WIT_IMAGE_GIF, 7, 5, 1, 8, 1, false, true, 0 } },
        { "gif-local-table.gif", { WIT_IMAGE_GIF, 7, 5, 1, 3, 1, false, false, 0 } },
        { "gif-beyond-screen.gif", { WIT_IMAGE_GIF, 8, 6, 1, 2, 1, false, false, 0 } },
        { "gif-trailing.gif", { WIT_IMAGE_GIF, 31, 22, 1, 3, 1, true, false, 6 } },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_buf b = read_golden(cases[i].name);
        struct wit_image_info got;
        struct wit_error err;
        if (walk(wit_buf_view(&b), &got, &err) < 0)
            fail_msg("%s: %s", cases[i].name, err.text);
        const struct wit_image_info *want = &cases[i].want;
        if (got.format != want->format || got.width != want->width || got.height != want->height ||
            got.components != want->components || got.bit_depth != want->bit_depth ||
            got.orientation != want->orientation || got.progressive != want->progressive ||
            got.alpha != want->alpha || got.trailing_bytes != want->trailing_bytes)
            fail_msg("%s: another answer", cases[i].name);
        wit_buf_finish(&b);
    }
}

/* No proper prefix of a file is complete. */
static void refuses_every_truncation(void **state) {
    static const char *const names[] = {
        "jpeg-420.jpg",         "jpeg-progressive.jpg",  "jpeg-restart.jpg",   "png-rgb.png",
        "png-palette-trns.png", "webp-lossy-alpha.webp", "webp-animated.webp", "webp-lossless.webp",
        "gif-animated.gif",     "gif-transparent.gif",   "gif-local-table.gif"
    };
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++) {
        struct wit_buf b = read_golden(names[i]);
        for (size_t len = 0; len < b.len; len++) {
            uint8_t *exact = malloc(len ? len : 1); /* so that ASan sees a read past the end */
            memcpy(exact, b.data, len);
            struct wit_image_info info = { .width = 77 };
            struct wit_error err;
            if (walk(wit_str_of(exact, len), &info, &err) == 0)
                fail_msg("%s: the first %zu of %zu bytes pass", names[i], len, b.len);
            assert_int_equal(info.width, 77); /* untouched on failure */
            free(exact);
        }
        wit_buf_finish(&b);
    }
}

static void holds_the_limits(void **state) {
    struct wit_buf b = read_golden("jpeg-progressive.jpg"), p = read_golden("png-rgb.png");
    struct wit_image_info info;
    struct wit_image_limits small = { 37 * 29 - 1, 500 }, few = { 1 << 20, 3 };
    assert_int_equal(wit_image_walk(wit_buf_view(&b), &small, &info, NULL), WIT_ELIMIT);
    assert_int_equal(wit_image_walk(wit_buf_view(&b), &few, &info, NULL), WIT_ELIMIT);
    assert_int_equal(wit_image_walk(wit_buf_view(&p), &few, &info, NULL), 0);
    small.max_pixels = 31 * 17 - 1;
    assert_int_equal(wit_image_walk(wit_buf_view(&p), &small, &info, NULL), WIT_ELIMIT);
    static const struct {
        const char *name;
        uint64_t pixels;
    } others[] = { { "webp-lossy.webp", 33 * 27 },
                   { "webp-animated-inset.webp", 40 * 30 },
                   { "gif-palette.gif", 31 * 22 },
                   { "gif-beyond-screen.gif", 8 * 6 } };
    for (size_t i = 0; i < WIT_COUNT_OF(others); i++) {
        struct wit_buf o = read_golden(others[i].name);
        small.max_pixels = others[i].pixels;
        assert_int_equal(wit_image_walk(wit_buf_view(&o), &small, &info, NULL), 0);
        small.max_pixels--;
        assert_int_equal(wit_image_walk(wit_buf_view(&o), &small, &info, NULL), WIT_ELIMIT);
        wit_buf_finish(&o);
    }
    wit_buf_finish(&b);
    wit_buf_finish(&p);
}

/* PNG pieces by hand: CRC as in annex D of the specification. */
static uint32_t crc_of(const uint8_t *p, size_t len) {
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < len; i++) {
        c ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static void put_chunk(struct wit_buf *b, const char *type, const char *data, size_t len) {
    uint8_t word[4];
    wit_store_be32(word, (uint32_t)len);
    wit_buf_append(b, word, 4);
    size_t from = b->len;
    wit_buf_append(b, type, 4);
    wit_buf_append(b, data, len);
    wit_store_be32(word, crc_of((const uint8_t *)b->data + from, b->len - from));
    wit_buf_append(b, word, 4);
}

/* Chunks are given as "TYPE:byte count:colour type for IHDR", one letter each. */
struct piece {
    const char *type;
    const char *data;
    size_t len;
};
#define HEADER(depth, colour)                                                                      \
    { "IHDR", "\0\0\0\2\0\0\0\2" depth colour "\0\0\0", 13 }
#define PIECE(type, data)                                                                          \
    { type, data, sizeof(data) - 1 }

static int walk_pieces(const struct piece *pieces, size_t n, struct wit_error *err) {
    struct wit_buf b = WIT_BUF_INIT(1 << 16);
    struct wit_image_info info;
    wit_buf_append_str(&b, WIT_STR("\x89PNG\r\n\x1a\n"));
    for (size_t i = 0; i < n; i++)
        put_chunk(&b, pieces[i].type, pieces[i].data, pieces[i].len);
    int st = walk(wit_buf_view(&b), &info, err);
    wit_buf_finish(&b);
    return st;
}

static void png_chunks_keep_their_order(void **state) {
    static const struct {
        const char *what;
        struct piece pieces[6];
        size_t n;
        bool good;
    } cases[] = {
        { "plain", { HEADER("\x08", "\x02"), PIECE("IDAT", "x"), PIECE("IEND", "") }, 3, true },
        { "split IDAT",
          { HEADER("\x08", "\x02"), PIECE("IDAT", "x"), PIECE("IDAT", "y"), PIECE("IEND", "") },
          4,
          true },
        { "IDAT not contiguous",
          { HEADER("\x08", "\x02"), PIECE("IDAT", "x"), PIECE("tEXt", "k"), PIECE("IDAT", "y"),
            PIECE("IEND", "") },
          5,
          false },
        { "no IDAT", { HEADER("\x08", "\x02"), PIECE("IEND", "") }, 2, false },
        { "no IHDR", { PIECE("IDAT", "x"), PIECE("IEND", "") }, 2, false },
        { "palette missing",
          { HEADER("\x08", "\x03"), PIECE("IDAT", "x"), PIECE("IEND", "") },
          3,
          false },
        { "palette",
          { HEADER("\x01", "\x03"), PIECE("PLTE", "abcdef"), PIECE("tRNS", "\x10\x20"),
            PIECE("IDAT", "x"), PIECE("IEND", "") },
          5,
          true },
        { "palette too long",
          { HEADER("\x01", "\x03"), PIECE("PLTE", "abcdefghi"), PIECE("IDAT", "x"),
            PIECE("IEND", "") },
          4,
          false },
        { "palette after data",
          { HEADER("\x08", "\x02"), PIECE("IDAT", "x"), PIECE("PLTE", "abc"), PIECE("IEND", "") },
          4,
          false },
        { "more transparency than palette",
          { HEADER("\x01", "\x03"), PIECE("PLTE", "abcdef"), PIECE("tRNS", "abc"),
            PIECE("IDAT", "x"), PIECE("IEND", "") },
          5,
          false },
        { "bad depth",
          { HEADER("\x03", "\x02"), PIECE("IDAT", "x"), PIECE("IEND", "") },
          3,
          false },
        { "bad colour type",
          { HEADER("\x08", "\x05"), PIECE("IDAT", "x"), PIECE("IEND", "") },
          3,
          false },
        { "unknown critical chunk",
          { HEADER("\x08", "\x02"), PIECE("CgBI", "x"), PIECE("IDAT", "x"), PIECE("IEND", "") },
          4,
          false },
        { "unknown ancillary chunk",
          { HEADER("\x08", "\x02"), PIECE("zzZz", "x"), PIECE("IDAT", "x"), PIECE("IEND", "") },
          4,
          true },
        { "type of no letters",
          { HEADER("\x08", "\x02"), PIECE("a1Zz", "x"), PIECE("IDAT", "x"), PIECE("IEND", "") },
          4,
          false },
        { "second header",
          { HEADER("\x08", "\x02"), HEADER("\x08", "\x02"), PIECE("IDAT", "x"), PIECE("IEND", "") },
          4,
          false },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_error err;
        int st = walk_pieces(cases[i].pieces, cases[i].n, &err);
        if ((st == 0) != cases[i].good)
            fail_msg("%s: %s", cases[i].what, st ? err.text : "was accepted");
    }
}

static void png_crc_is_checked_everywhere(void **state) {
    struct wit_buf b = read_golden("png-palette-trns.png");
    for (size_t i = 8; i < b.len; i++) {
        struct wit_image_info info;
        struct wit_error err;
        b.data[i] ^= 0x10;
        if (walk(wit_buf_view(&b), &info, &err) == 0)
            fail_msg("a flipped bit in byte %zu passes", i);
        b.data[i] ^= 0x10;
    }
    wit_buf_finish(&b);
}

static void jpeg_structure_is_required(void **state) {
    const struct {
        const char *what;
        struct wit_str bytes;
        int want;
    } cases[] = {
#define SOI "\xff\xd8"
#define EOI "\xff\xd9"
#define SOF "\xff\xc0\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0"
#define SOS "\xff\xda\0\x08\x01\x01\0\0\x3f\0"
#define SIXTEEN "0123456789abcdef"
#define DQT "\xff\xdb\0\x43\0" SIXTEEN SIXTEEN SIXTEEN SIXTEEN
#define DHT "\xff\xc4\0\x14\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07"
        { "minimal", WIT_STR(SOI DQT SOF DHT SOS "data" EOI), 0 },
        { "stuffed FF and restarts", WIT_STR(SOI DQT SOF DHT SOS "a\xff\0b\xff\xd0" EOI), 0 },
        { "fill bytes before markers", WIT_STR(SOI "\xff\xff" DQT SOF DHT SOS "a\xff\xff" EOI), 0 },
        { "junk between segments", WIT_STR(SOI DQT "junk" SOF DHT SOS "a" EOI), 0 },
        { "standard Huffman tables", WIT_STR(SOI DQT SOF SOS "a" EOI), 0 },
        { "no scan", WIT_STR(SOI DQT SOF DHT EOI), WIT_EFORMAT },
        { "no frame", WIT_STR(SOI DQT DHT SOS "a" EOI), WIT_EFORMAT },
        { "two frames", WIT_STR(SOI DQT SOF SOF DHT SOS "a" EOI), WIT_EFORMAT },
        { "two starts", WIT_STR(SOI SOI DQT SOF DHT SOS "a" EOI), WIT_EFORMAT },
        { "no quantisation table", WIT_STR(SOI SOF DHT SOS "a" EOI), WIT_EFORMAT },
        { "no end", WIT_STR(SOI DQT SOF DHT SOS "data"), WIT_EFORMAT },
        { "FF at the end", WIT_STR(SOI DQT SOF DHT SOS "data\xff"), WIT_EFORMAT },
        { "segment of length 1", WIT_STR(SOI "\xff\xfe\0\1" DQT SOF DHT SOS "a" EOI), WIT_EFORMAT },
        { "segment past the end", WIT_STR(SOI "\xff\xfe\xff\xff" EOI), WIT_EFORMAT },
        { "lossless", WIT_STR(SOI DQT "\xff\xc3\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0" EOI),
          WIT_EUNSUPPORTED },
        { "12 bits", WIT_STR(SOI DQT "\xff\xc1\0\x0b\x0c\0\x10\0\x10\x01\x01\x11\0" EOI),
          WIT_EUNSUPPORTED },
        { "height 0", WIT_STR(SOI DQT "\xff\xc0\0\x0b\x08\0\0\0\x10\x01\x01\x11\0" EOI),
          WIT_EFORMAT },
        { "sampling 5", WIT_STR(SOI DQT "\xff\xc0\0\x0b\x08\0\x10\0\x10\x01\x01\x51\0" EOI),
          WIT_EFORMAT },
        { "Huffman counts past the segment",
          WIT_STR(SOI DQT SOF "\xff\xc4\0\x14\0\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07" SOS "a" EOI),
          WIT_EFORMAT },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_image_info info;
        struct wit_error err;
        int st = walk(cases[i].bytes, &info, &err);
        if (st != cases[i].want)
            fail_msg("%s: %s (%s)", cases[i].what, wit_status_name(st), err.text);
    }
}

/* A WebP from chunks, each given whole; the RIFF size is filled in. */
static int walk_webp(const char *chunks, size_t len, struct wit_error *err) {
    struct wit_buf b = WIT_BUF_INIT(1 << 16);
    struct wit_image_info info;
    uint8_t size[4];
    wit_store_le32(size, (uint32_t)len + 4);
    wit_buf_append(&b, "RIFF", 4);
    wit_buf_append(&b, size, 4);
    wit_buf_append(&b, "WEBP", 4);
    wit_buf_append(&b, chunks, len);
    int st = walk(wit_buf_view(&b), &info, err);
    wit_buf_finish(&b);
    return st;
}

static void webp_structure_is_required(void **state) {
/* Lossy images of 2x2 px and 3x2 px with no data behind their headers, a lossless one of 2x2, a
 * canvas of 2x2. */
#define VP8(width) "VP8 \x0c\0\0\0\x30\0\0\x9d\x01\x2a" width "\0\x02\0xx"
#define VP8L "VP8L\x06\0\0\0\x2f\x01\x40\0\0x"
#define VP8X(flags) "VP8X\x0a\0\0\0" flags "\0\0\0\x01\0\0\x01\0\0"
#define ANIM "ANIM\x06\0\0\0\0\0\0\0\0\0"
/* 16 bytes of place and size, then a lossy image of 20 bytes. */
#define ANMF(x, width) "ANMF\x24\0\0\0" x "\0\0\0\0\0" width "\0\0\x01\0\0\0\0\0\0"
#define ANIMATED VP8X("\x02")
#define CASE(what, chunks, good)                                                                   \
    { what, chunks, sizeof(chunks) - 1, good }
    static const struct {
        const char *what, *chunks;
        size_t len;
        bool good;
    } cases[] = {
        CASE("lossy", VP8("\x02"), true),
        CASE("lossless", VP8L, true),
        CASE("extended", VP8X("\0") VP8("\x02"), true),
        CASE("unknown chunks", VP8X("\0") "abcd\x01\0\0\0x\0" VP8L "efgh\0\0\0\0", true),
        CASE("animation", ANIMATED ANIM ANMF("\0", "\x01") VP8("\x02"), true),
        CASE("no chunk", "", false),
        CASE("no image", VP8X("\0"), false),
        CASE("simple file that begins otherwise", "EXIF\0\0\0\0" VP8L, false),
        CASE("two images", VP8X("\0") VP8L VP8L, false),
        CASE("two canvases", VP8X("\0") VP8X("\0") VP8L, false),
        CASE("image of another size", VP8X("\0") VP8("\x03"), false),
        CASE("chunk past the end", "VP8L\x20\0\0\0\x2f\x01\x40\0\0x", false),
        CASE("odd chunk without padding", "VP8L\x05\0\0\0\x2f\x01\x40\0\0", false),
        CASE("half a chunk header", VP8X("\0") VP8L "EXI", false),
        CASE("no key frame", "VP8 \x0c\0\0\0\x31\0\0\x9d\x01\x2a\x02\0\x02\0xx", false),
        CASE("not shown", "VP8 \x0c\0\0\0\x20\0\0\x9d\x01\x2a\x02\0\x02\0xx", false),
        CASE("wrong start code", "VP8 \x0c\0\0\0\x30\0\0\x9d\x01\x2b\x02\0\x02\0xx", false),
        CASE("partition past the chunk", "VP8 \x0c\0\0\0\xb0\x01\0\x9d\x01\x2a\x02\0\x02\0xx",
             false),
        CASE("width 0", VP8("\0"), false),
        CASE("lossless version 1", "VP8L\x06\0\0\0\x2f\x01\x40\0\x20x", false),
        CASE("lossless signature", "VP8L\x06\0\0\0\x2e\x01\x40\0\0x", false),
        CASE("frame in a still", VP8X("\0") ANIM ANMF("\0", "\x01") VP8("\x02"), false),
        CASE("frame before ANIM", ANIMATED ANMF("\0", "\x01") VP8("\x02"), false),
        CASE("still in an animation", ANIMATED ANIM VP8L, false),
        CASE("frame outside the canvas", ANIMATED ANIM ANMF("\x01", "\x01") VP8("\x02"), false),
        CASE("frame of another size", ANIMATED ANIM ANMF("\0", "\0") VP8("\x02"), false),
        CASE("frame without image",
             ANIMATED ANIM "ANMF\x10\0\0\0\0\0\0\0\0\0\x01\0\0\x01\0\0\0\0\0\0", false),
        CASE("second frame broken",
             ANIMATED ANIM ANMF("\0", "\x01") VP8("\x02") ANMF("\0", "\x01") VP8("\x03"), false),
    };
#undef CASE
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_error err;
        int st = walk_webp(cases[i].chunks, cases[i].len, &err);
        if ((st == 0) != cases[i].good)
            fail_msg("%s: %s", cases[i].what, st ? err.text : "was accepted");
    }
}

static void gif_structure_is_required(void **state) {
/* A screen of 4x4 px without a table, a frame of 2x2 px, and pieces to go between. */
#define SCREEN "GIF89a\4\0\4\0\0\0\0"
#define FRAME ",\0\0\0\0\2\0\2\0\0\2\2\x4c\1\0"
#define COMMENT "!\xfe\3abc\0"
    const struct {
        const char *what;
        struct wit_str bytes;
        bool good;
    } cases[] = {
        { "one frame", WIT_STR(SCREEN FRAME ";"), true },
        { "two frames", WIT_STR(SCREEN FRAME COMMENT FRAME ";"), true },
        { "zeros between blocks", WIT_STR(SCREEN "\0" FRAME "\0\0;"), true },
        { "short graphic control", WIT_STR(SCREEN "!\xf9\1\1\0" FRAME ";"), true },
        { "no frame", WIT_STR(SCREEN COMMENT ";"), false },
        { "no trailer", WIT_STR(SCREEN FRAME), false },
        { "unknown block", WIT_STR(SCREEN FRAME "x;"), false },
        { "frame of no width", WIT_STR(SCREEN ",\0\0\0\0\0\0\2\0\0\2\2\x4c\1\0;"), false },
        { "code size 0", WIT_STR(SCREEN ",\0\0\0\0\2\0\2\0\0\0\2\x4c\1\0;"), false },
        { "code size 9", WIT_STR(SCREEN ",\0\0\0\0\2\0\2\0\0\x09\2\x4c\1\0;"), false },
        { "frame without data", WIT_STR(SCREEN ",\0\0\0\0\2\0\2\0\0\2\0;"), false },
        { "sub-block past the end", WIT_STR(SCREEN ",\0\0\0\0\2\0\2\0\0\2\x09\x4c;"), false },
        { "table past the end", WIT_STR("GIF89a\4\0\4\0\x87\0\0abc;"), false },
        { "second frame broken", WIT_STR(SCREEN FRAME ",\0\0\0\0\2\0\2\0\0\x09\2\x4c\1\0;"),
          false },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_image_info info;
        struct wit_error err;
        int st = walk(cases[i].bytes, &info, &err);
        if ((st == 0) != cases[i].good)
            fail_msg("%s: %s", cases[i].what, st ? err.text : "was accepted");
    }
}

static void broken_exif_means_no_orientation(void **state) {
    struct wit_buf b = read_golden("jpeg-orientation-6.jpg");
    struct wit_image_info info;
    struct wit_error err;
    ptrdiff_t tag = wit_str_find(wit_buf_view(&b), WIT_STR("\x01\x12\0\x03"), 0);
    assert_true(tag > 0);
    uint8_t *entry = (uint8_t *)b.data + tag;
    entry[9] = 9; /* no such orientation */
    assert_int_equal(walk(wit_buf_view(&b), &info, &err), 0);
    assert_int_equal(info.orientation, 1);
    ptrdiff_t tiff = wit_str_find(wit_buf_view(&b), WIT_STR("MM\0*"), 0);
    memset(b.data + tiff + 4, 0xff, 4); /* first directory far outside */
    assert_int_equal(walk(wit_buf_view(&b), &info, &err), 0);
    assert_int_equal(info.orientation, 1);
    wit_buf_finish(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sniffs_by_magic),
        cmocka_unit_test(reports_what_the_header_says),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(holds_the_limits),
        cmocka_unit_test(png_chunks_keep_their_order),
        cmocka_unit_test(png_crc_is_checked_everywhere),
        cmocka_unit_test(jpeg_structure_is_required),
        cmocka_unit_test(webp_structure_is_required),
        cmocka_unit_test(gif_structure_is_required),
        cmocka_unit_test(broken_exif_means_no_orientation),
    };
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
