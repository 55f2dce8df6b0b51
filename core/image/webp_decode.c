/*
 * webp_decode.c: WebP to RGB through libwebp, as Pillow sees it: alpha is dropped, and of an
 * animation the first frame stands on a black canvas.
 *
 * The library gets the one image chunk that the walk found and nothing else: neither its container
 * parser nor its animation decoder sees bytes from outside.
 */
#include "decode.h"
#include "walk.h"

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

int webp_decode(struct wit_str bytes, const struct wit_image_limits *limits,
                struct wit_image_pixels *px, struct wit_error *err) {
    struct webp_layout layout;
    WebPDecoderConfig config;
    int st = webp_layout_read(bytes, limits, &layout, err);
    if (st == 0)
        st = pixels_reserve(px, layout.info.width, layout.info.height, err);
    if (st < 0)
        return st;
    if (!WebPInitDecoderConfig(&config))
        return wit_error_set(err, WIT_EUNSUPPORTED, "libwebp is of another version than expected");
    const size_t stride = (size_t)3 * px->width, canvas_bytes = stride * px->height;
    const size_t at = layout.frame_y * stride + (size_t)3 * layout.frame_x;
    if (layout.frame_width != px->width || layout.frame_height != px->height)
        memset(px->data, 0, canvas_bytes);
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = px->data + at;
    config.output.u.RGBA.stride = (int)stride; /* width <= 2^24: no overflow */
    config.output.u.RGBA.size = canvas_bytes - at;
    VP8StatusCode code = WebPDecode((const uint8_t *)layout.image.data, layout.image.len, &config);
    return code == VP8_STATUS_OK ? 0 : broken(code, err);
}
