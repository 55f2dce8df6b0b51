/*
 * png_decode.c: PNG to RGB through libspng, with Pillow's conversions.
 *
 * Rows come as they are coded and are converted here, for Pillow's rules are its own: 16-bit grey
 * is cut off at 255 (mode I;16), other 16-bit samples keep their high byte, alpha and tRNS are
 * dropped unless white is to shine through, indices past the palette are black. Interlaced images
 * come as rows of seven passes; the pixels of a pass are scattered as they arrive.
 */
#include "decode.h"

#include <stdlib.h>

#include <spng.h>

enum { PALETTE_ENTRIES = 256, MAX_CHUNK_BYTES = 64 << 20 };

struct png_decoder {
    uint8_t *row;
    size_t row_cap_bytes;
    uint8_t palette[PALETTE_ENTRIES][3];
    struct spng_trns trns; /* of the image in work */
    bool on_white, has_trns;
};

struct png_decoder *png_decoder_create(void) {
    return calloc(1, sizeof(struct png_decoder));
}

void png_decoder_destroy(struct png_decoder *dec) {
    if (!dec)
        return;
    free(dec->row);
    free(dec);
}

static int broken(int code, struct wit_error *err) {
    int status = code == SPNG_EMEM ? WIT_ENOMEM : WIT_EFORMAT;
    return wit_error_set(err, status, "broken PNG: %s", spng_strerror(code));
}

static int read_palette(struct png_decoder *dec, spng_ctx *ctx, struct wit_error *err) {
    struct spng_plte plte;
    int code = spng_get_plte(ctx, &plte);
    if (code)
        return broken(code, err);
    memset(dec->palette, 0, sizeof dec->palette);
    for (uint32_t i = 0; i < plte.n_entries && i < PALETTE_ENTRIES; i++) {
        dec->palette[i][0] = plte.entries[i].red;
        dec->palette[i][1] = plte.entries[i].green;
        dec->palette[i][2] = plte.entries[i].blue;
    }
    return 0;
}

static unsigned packed_sample(const uint8_t *row, uint32_t x, unsigned depth) {
    size_t bit = (size_t)x * depth;
    return row[bit / 8] >> (8 - depth - bit % 8) & ((1u << depth) - 1);
}

/* How opaque pixel x of a coded row is. */
static uint8_t pixel_alpha(const struct png_decoder *dec, const struct spng_ihdr *ihdr,
                           const uint8_t *row, uint32_t x) {
    const unsigned depth = ihdr->bit_depth;
    const uint16_t *wide = (const uint16_t *)(const void *)row;
    const size_t at = (size_t)x * (ihdr->color_type == SPNG_COLOR_TYPE_TRUECOLOR ? 3 : 4);
    const size_t grey_at = 2 * (size_t)x + 1;
    switch (ihdr->color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
        return depth == 16 ? (uint8_t)(wide[grey_at] >> 8) : row[grey_at];
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
        return depth == 16 ? (uint8_t)(wide[at + 3] >> 8) : row[at + 3];
    default:
        break;
    }
    if (!dec->has_trns)
        return 255;
    if (ihdr->color_type == SPNG_COLOR_TYPE_INDEXED) {
        const unsigned entry = packed_sample(row, x, depth);
        return entry < dec->trns.n_type3_entries ? dec->trns.type3_alpha[entry] : 255;
    }
    if (ihdr->color_type == SPNG_COLOR_TYPE_GRAYSCALE)
        return (depth == 16 ? wide[x] : packed_sample(row, x, depth)) == dec->trns.gray ? 0 : 255;
    const uint16_t wanted[3] = { dec->trns.red, dec->trns.green, dec->trns.blue };
    for (size_t c = 0; c < 3; c++)
        if ((depth == 16 ? wide[at + c] : row[at + c]) != wanted[c])
            return 255;
    return 0;
}

/* Pixel x of a coded row (host byte order) as RGB. */
static void pixel_to_rgb(const struct png_decoder *dec, const struct spng_ihdr *ihdr,
                         const uint8_t *row, uint32_t x, uint8_t rgb[3]) {
    const unsigned depth = ihdr->bit_depth;
    const uint16_t *wide = (const uint16_t *)(const void *)row;
    switch (ihdr->color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE: {
        unsigned v;
        if (depth == 16)
            v = wide[x] > 255 ? 255 : wide[x];
        else
            v = packed_sample(row, x, depth) * 255 / ((1u << depth) - 1); /* divides evenly */
        rgb[0] = rgb[1] = rgb[2] = (uint8_t)v;
        break;
    }
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
        rgb[0] = rgb[1] = rgb[2] =
            depth == 16 ? (uint8_t)(wide[2 * (size_t)x] >> 8) : row[2 * (size_t)x];
        break;
    case SPNG_COLOR_TYPE_INDEXED:
        memcpy(rgb, dec->palette[packed_sample(row, x, depth)], 3);
        break;
    default: {
        size_t at = (size_t)x * (ihdr->color_type == SPNG_COLOR_TYPE_TRUECOLOR ? 3 : 4);
        for (size_t c = 0; c < 3; c++)
            rgb[c] = depth == 16 ? (uint8_t)(wide[at + c] >> 8) : row[at + c];
    }
    }
}

/* The columns of Adam7's passes; PNG 8.2. */
static void pass_columns(const struct spng_ihdr *ihdr, int pass, uint32_t *first, uint32_t *step) {
    static const uint8_t starts[7] = { 0, 4, 0, 2, 0, 1, 0 };
    static const uint8_t steps[7] = { 8, 8, 4, 4, 2, 2, 1 };
    *first = ihdr->interlace_method ? starts[pass] : 0;
    *step = ihdr->interlace_method ? steps[pass] : 1;
}

static int read_rows(struct png_decoder *dec, spng_ctx *ctx, const struct spng_ihdr *ihdr,
                     size_t row_bytes, struct wit_image_pixels *px, struct wit_error *err) {
    int code = spng_decode_image(ctx, NULL, 0, SPNG_FMT_PNG, SPNG_DECODE_PROGRESSIVE);
    while (!code) {
        struct spng_row_info info;
        code = spng_get_row_info(ctx, &info);
        if (code)
            break;
        if (ihdr->interlace_method)
            memset(dec->row, 0, row_bytes); /* libspng ORs packed samples into the row */
        code = spng_decode_row(ctx, dec->row, row_bytes);
        if (code && code != SPNG_EOI)
            break;
        uint32_t first, step;
        pass_columns(ihdr, info.pass, &first, &step);
        uint8_t *rgb = px->data + (size_t)3 * px->width * info.row_num;
        for (uint32_t x = first; x < px->width; x += step) {
            pixel_to_rgb(dec, ihdr, dec->row, x, rgb + (size_t)3 * x);
            const uint8_t alpha = dec->on_white ? pixel_alpha(dec, ihdr, dec->row, x) : 255;
            for (size_t c = 0; c < 3 && alpha != 255; c++)
                rgb[(size_t)3 * x + c] = over_white(rgb[(size_t)3 * x + c], alpha);
        }
    }
    return code == SPNG_EOI ? 0 : broken(code, err);
}

int png_decode(struct png_decoder *dec, struct wit_str bytes, const struct wit_image_limits *limits,
               struct decode_how *how, struct wit_image_pixels *px, struct wit_error *err) {
    struct spng_ihdr ihdr;
    size_t image_bytes = 0;
    int st, code;
    spng_ctx *ctx = spng_ctx_new(0);
    if (!ctx)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for a PNG decoder");
    code = spng_set_png_buffer(ctx, bytes.data, bytes.len);
    if (!code)
        code = spng_set_chunk_limits(ctx, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES);
    if (!code)
        code = spng_get_ihdr(ctx, &ihdr);
    if (code) {
        st = broken(code, err);
        goto out;
    }
    if ((uint64_t)ihdr.width * ihdr.height > limits->max_pixels) {
        st = wit_error_set(err, WIT_ELIMIT, "%ux%u px is over the limit of %llu pixels", ihdr.width,
                           ihdr.height, (unsigned long long)limits->max_pixels);
        goto out;
    }
    code = spng_decoded_image_size(ctx, SPNG_FMT_PNG, &image_bytes);
    if (code) {
        st = broken(code, err);
        goto out;
    }
    st = ihdr.color_type == SPNG_COLOR_TYPE_INDEXED ? read_palette(dec, ctx, err) : 0;
    dec->on_white = how->on_white;
    dec->has_trns = how->on_white && spng_get_trns(ctx, &dec->trns) == 0;
    if (st == 0)
        st = scratch_reserve(&dec->row, &dec->row_cap_bytes, image_bytes / ihdr.height, err);
    if (st == 0)
        st = pixels_reserve(px, ihdr.width, ihdr.height, err);
    if (st == 0)
        st = read_rows(dec, ctx, &ihdr, image_bytes / ihdr.height, px, err);
out:
    spng_ctx_free(ctx);
    return st;
}
