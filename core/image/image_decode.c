/* image_decode.c: pixels, views of them, and the choice of a decoder by the first bytes. */
#include "decode.h"
#include "walk.h"

#include <stdlib.h>

struct wit_image_decoder {
    struct jpeg_decoder *jpeg;
    struct png_decoder *png;
    struct webp_decoder *webp;
    struct gif_decoder *gif;
};

struct wit_image_decoder *wit_image_decoder_create(void) {
    struct wit_image_decoder *dec = calloc(1, sizeof *dec);
    if (!dec)
        return NULL;
    dec->jpeg = jpeg_decoder_create();
    dec->png = png_decoder_create();
    dec->webp = webp_decoder_create();
    dec->gif = gif_decoder_create();
    if (!dec->jpeg || !dec->png || !dec->webp || !dec->gif) {
        wit_image_decoder_destroy(dec);
        return NULL;
    }
    return dec;
}

void wit_image_decoder_destroy(struct wit_image_decoder *dec) {
    if (!dec)
        return;
    jpeg_decoder_destroy(dec->jpeg);
    png_decoder_destroy(dec->png);
    webp_decoder_destroy(dec->webp);
    gif_decoder_destroy(dec->gif);
    free(dec);
}

int image_decode(struct wit_image_decoder *dec, struct wit_str bytes,
                 const struct wit_image_limits *limits, struct decode_how *how,
                 struct wit_image_pixels *px, struct wit_error *err) {
    int st;
    how->eighths = 8;
    switch (wit_image_sniff(bytes)) {
    case WIT_IMAGE_JPEG:
        st = jpeg_decode(dec->jpeg, bytes, limits, how, px, err);
        break;
    case WIT_IMAGE_PNG:
        st = png_decode(dec->png, bytes, limits, how, px, err);
        break;
    case WIT_IMAGE_WEBP:
        st = webp_decode(dec->webp, bytes, limits, how, px, err);
        break;
    case WIT_IMAGE_GIF:
        st = gif_decode(dec->gif, bytes, limits, how, px, err);
        break;
    case WIT_IMAGE_UNKNOWN:
    default:
        st = image_unknown(err);
    }
    if (st < 0)
        px->width = px->height = 0;
    return st;
}

int wit_image_decode_rgb(struct wit_image_decoder *dec, struct wit_str bytes,
                         const struct wit_image_limits *limits, struct wit_image_pixels *px,
                         struct wit_error *err) {
    struct decode_how plain = { .on_white = false };
    return image_decode(dec, bytes, limits, &plain, px, err);
}

int scratch_reserve(uint8_t **scratch, size_t *cap_bytes, size_t bytes, struct wit_error *err) {
    if (bytes <= *cap_bytes)
        return 0;
    /* Old contents are not wanted, so free first: a peak of one buffer, not two. */
    free(*scratch);
    *cap_bytes = 0;
    *scratch = malloc(bytes);
    if (!*scratch)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for %zu bytes of pixels", bytes);
    *cap_bytes = bytes;
    return 0;
}

int pixels_reserve(struct wit_image_pixels *px, uint32_t width, uint32_t height,
                   struct wit_error *err) {
    size_t bytes;
    if (wit_size_mul(width, height, &bytes) < 0 || wit_size_mul(bytes, 3, &bytes) < 0)
        return wit_error_set(err, WIT_ELIMIT, "%ux%u px do not fit in memory", width, height);
    int st = scratch_reserve(&px->data, &px->cap_bytes, bytes, err);
    if (st < 0)
        return st;
    px->width = width;
    px->height = height;
    return 0;
}

void wit_image_pixels_finish(struct wit_image_pixels *px) {
    if (!px)
        return;
    free(px->data);
    *px = (struct wit_image_pixels)WIT_IMAGE_PIXELS_INIT;
}

struct wit_image_view wit_image_view_of(const struct wit_image_pixels *px) {
    return (struct wit_image_view){ px->data, (size_t)3 * px->width, px->width, px->height };
}

int wit_image_view_crop(const struct wit_image_view *src, uint32_t x, uint32_t y, uint32_t w,
                        uint32_t h, struct wit_image_view *out, struct wit_error *err) {
    if (!w || !h || x >= src->width || y >= src->height || w > src->width - x ||
        h > src->height - y)
        return wit_error_set(err, WIT_EINVAL, "box %u,%u,%u,%u is empty or not inside %ux%u px", x,
                             y, w, h, src->width, src->height);
    *out = (struct wit_image_view){ src->data + y * src->stride_bytes + (size_t)3 * x,
                                    src->stride_bytes, w, h };
    return 0;
}
