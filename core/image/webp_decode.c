/*
 * webp_decode.c: WebP to RGB through libwebp, as Pillow sees it: alpha is dropped, and of an
 * animation the first frame stands on a black canvas. Or, where that is wanted, all over white.
 *
 * The library gets the one image that the walk found, an alpha chunk and an image chunk at most:
 * neither its container parser nor its animation decoder sees bytes from outside.
 */
#include "decode.h"
#include "walk.h"

#include <stdlib.h>

#include <webp/decode.h>

static int broken(VP8StatusCode code, struct wit_error *err) {
    static const char *const words[] = {
        [VP8_STATUS_INVALID_PARAM] = "invalid parameter",
        [VP8_STATUS_BITSTREAM_ERROR] = "broken bitstream",
        [VP8_STATUS_UNSUPPORTED_FEATURE] = "unsupported feature",
        [VP8_STATUS_SUSPENDED] = "the image data end too early",
        [VP8_STATUS_NOT_ENOUGH_DATA] = "the image data end too early",
    };
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for a WebP");
    const bool known = (size_t)code < WIT_COUNT_OF(words) && words[code];
    return wit_error_set(err, WIT_EFORMAT, "broken WebP: %s", known ? words[code] : "unknown");
}

struct webp_decoder {
    uint8_t *rgba;
    size_t cap_bytes;
};

struct webp_decoder *webp_decoder_create(void) {
    return calloc(1, sizeof(struct webp_decoder));
}

void webp_decoder_destroy(struct webp_decoder *dec) {
    if (!dec)
        return;
    free(dec->rgba);
    free(dec);
}

/* The frame into `out`, rows stride bytes apart. */
static int decode_frame(const struct webp_layout *l, WEBP_CSP_MODE mode, uint8_t *out,
                        size_t stride, size_t out_bytes, struct wit_error *err) {
    const struct wit_str data = mode == MODE_RGBA ? l->image_with_alpha : l->image;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return wit_error_set(err, WIT_EUNSUPPORTED, "libwebp is of another version than expected");
    config.output.colorspace = mode;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out;
    config.output.u.RGBA.stride = (int)stride; /* width <= 2^24: no overflow */
    config.output.u.RGBA.size = out_bytes;
    VP8StatusCode code = WebPDecode((const uint8_t *)data.data, data.len, &config);
    return code == VP8_STATUS_OK ? 0 : broken(code, err);
}

static int decode_over_white(struct webp_decoder *dec, const struct webp_layout *l, uint8_t *rgb,
                             size_t stride, struct wit_error *err) {
    const size_t row_bytes = (size_t)4 * l->frame_width, bytes = row_bytes * l->frame_height;
    int st = scratch_reserve(&dec->rgba, &dec->cap_bytes, bytes, err);
    if (st == 0)
        st = decode_frame(l, MODE_RGBA, dec->rgba, row_bytes, bytes, err);
    for (uint32_t y = 0; y < l->frame_height && st == 0; y++) {
        const uint8_t *in = dec->rgba + y * row_bytes;
        for (uint32_t x = 0; x < l->frame_width; x++, in += 4)
            for (size_t c = 0; c < 3; c++)
                rgb[y * stride + (size_t)3 * x + c] = over_white(in[c], in[3]);
    }
    return st;
}

int webp_decode(struct webp_decoder *dec, struct wit_str bytes,
                const struct wit_image_limits *limits, struct decode_how *how,
                struct wit_image_pixels *px, struct wit_error *err) {
    struct webp_layout layout;
    int st = webp_layout_read(bytes, limits, &layout, err);
    if (st == 0)
        st = pixels_reserve(px, layout.info.width, layout.info.height, err);
    if (st < 0)
        return st;
    const size_t stride = (size_t)3 * px->width, canvas_bytes = stride * px->height;
    const size_t at = layout.frame_y * stride + (size_t)3 * layout.frame_x;
    if (layout.frame_width != px->width || layout.frame_height != px->height)
        memset(px->data, how->on_white ? 255 : 0, canvas_bytes);
    if (how->on_white && layout.info.alpha)
        return decode_over_white(dec, &layout, px->data + at, stride, err);
    return decode_frame(&layout, MODE_RGB, px->data + at, stride, canvas_bytes - at, err);
}
