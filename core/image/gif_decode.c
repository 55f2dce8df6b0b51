/*
 * gif_decode.c: the first frame of a GIF to RGB through giflib, as Pillow sees it: pixels that the
 * frame does not cover have the transparent colour, else colour 0; transparency itself is dropped.
 *
 * The library gets the header and the one frame that the walk found, and nothing between or behind
 * them: of its parser only tables, descriptor and LZW see bytes from outside.
 */
#include "decode.h"
#include "walk.h"

#include <stdlib.h>

#include <gif_lib.h>

enum { COLOURS = 256 };

struct gif_decoder {
    uint8_t *row; /* one row of colour numbers */
    size_t row_cap_bytes;
    uint8_t palette[COLOURS][3];
};

/* What giflib reads: two pieces of the file, one behind the other. */
struct source {
    struct wit_str pieces[2];
};

struct gif_decoder *gif_decoder_create(void) {
    return calloc(1, sizeof(struct gif_decoder));
}

void gif_decoder_destroy(struct gif_decoder *dec) {
    if (!dec)
        return;
    free(dec->row);
    free(dec);
}

static int on_read(GifFileType *file, GifByteType *out, int wanted) {
    struct source *s = file->UserData;
    int given = 0;
    for (size_t i = 0; i < WIT_COUNT_OF(s->pieces) && given < wanted; i++) {
        struct wit_str *piece = &s->pieces[i];
        size_t n = (size_t)(wanted - given) < piece->len ? (size_t)(wanted - given) : piece->len;
        if (n)
            memcpy(out + given, piece->data, n);
        *piece = wit_str_slice(*piece, n, piece->len);
        given += (int)n;
    }
    return given;
}

static int broken(int code, struct wit_error *err) {
    const char *words = GifErrorString(code);
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for a GIF");
    return wit_error_set(err, WIT_EFORMAT, "broken GIF: %s", words ? words : "unknown");
}

/* Without a table, or where entry i of it is grey i, a colour number is a grey; else numbers past
 * the table are black. */
static void palette_fill(struct gif_decoder *dec, struct wit_str table) {
    const size_t entries = table.len / 3;
    bool grey = true;
    memset(dec->palette, 0, sizeof dec->palette);
    if (entries)
        memcpy(dec->palette, table.data, table.len);
    for (size_t i = 0; i < entries && grey; i++)
        grey = dec->palette[i][0] == i && dec->palette[i][1] == i && dec->palette[i][2] == i;
    for (size_t i = entries; i < COLOURS && grey; i++)
        memset(dec->palette[i], (int)i, 3);
}

static void row_to_rgb(const struct gif_decoder *dec, uint32_t width, uint8_t *rgb) {
    for (uint32_t x = 0; x < width; x++, rgb += 3)
        memcpy(rgb, dec->palette[dec->row[x]], 3);
}

static void canvas_fill(const struct gif_decoder *dec, const struct gif_layout *l,
                        struct wit_image_pixels *px) {
    const uint8_t *colour = dec->palette[l->transparent < 0 ? 0 : l->transparent];
    const size_t pixels = (size_t)px->width * px->height;
    for (size_t i = 0; i < pixels; i++)
        memcpy(px->data + 3 * i, colour, 3);
}

/* GIF89a, appendix E: rows of an interlaced image come in four passes. */
static int read_rows(struct gif_decoder *dec, GifFileType *file, const struct gif_layout *l,
                     struct wit_image_pixels *px) {
    static const uint8_t starts[] = { 0, 4, 2, 1 }, steps[] = { 8, 8, 4, 2 };
    const bool interlaced = l->info.progressive;
    for (size_t pass = 0; pass < (interlaced ? WIT_COUNT_OF(starts) : 1); pass++) {
        const uint32_t step = interlaced ? steps[pass] : 1;
        for (uint32_t y = interlaced ? starts[pass] : 0; y < l->frame_height; y += step) {
            if (DGifGetLine(file, dec->row, (int)l->frame_width) != GIF_OK)
                return file->Error;
            row_to_rgb(dec, l->frame_width,
                       px->data + 3 * ((size_t)(l->frame_y + y) * px->width + l->frame_x));
        }
    }
    return D_GIF_SUCCEEDED;
}

static int read_frame(struct gif_decoder *dec, const struct gif_layout *l,
                      struct wit_image_pixels *px, struct wit_error *err) {
    struct source source = { { l->head, l->frame } };
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    int code = D_GIF_SUCCEEDED;
    GifFileType *file = DGifOpen(&source, on_read, &code);
    if (!file)
        return broken(code, err);
    if (DGifGetRecordType(file, &record) != GIF_OK || record != IMAGE_DESC_RECORD_TYPE ||
        DGifGetImageDesc(file) != GIF_OK)
        code = file->Error ? file->Error : D_GIF_ERR_WRONG_RECORD;
    else
        code = read_rows(dec, file, l, px);
    int unused;
    DGifCloseFile(file, &unused);
    return code == D_GIF_SUCCEEDED ? 0 : broken(code, err);
}

int gif_decode(struct gif_decoder *dec, struct wit_str bytes, const struct wit_image_limits *limits,
               struct decode_how *how, struct wit_image_pixels *px, struct wit_error *err) {
    struct gif_layout layout;
    int st = gif_layout_read(bytes, limits, &layout, err);
    if (st == 0)
        st = scratch_reserve(&dec->row, &dec->row_cap_bytes, layout.frame_width, err);
    if (st == 0)
        st = pixels_reserve(px, layout.info.width, layout.info.height, err);
    if (st < 0)
        return st;
    palette_fill(dec, layout.table);
    if (how->on_white && layout.transparent >= 0)
        memset(dec->palette[layout.transparent], 255, 3);
    if (layout.frame_width != px->width || layout.frame_height != px->height)
        canvas_fill(dec, &layout, px);
    return read_frame(dec, &layout, px, err);
}
