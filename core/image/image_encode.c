/* image_encode.c: RGB to PNG through libspng and to WebP through libwebp. */
#include "encode.h"

#include <stdlib.h>

#include <spng.h>
#include <webp/encode.h>

static int failed(const struct wit_image_view *src, int status, const char *format, const char *why,
                  struct wit_error *err) {
    return wit_error_set(err, status, "cannot encode %ux%u px as %s: %s", src->width, src->height,
                         format, why);
}

static int png_rows(spng_ctx *ctx, const struct wit_image_view *src, int level) {
    struct spng_ihdr ihdr = { .width = src->width,
                              .height = src->height,
                              .bit_depth = 8,
                              .color_type = SPNG_COLOR_TYPE_TRUECOLOR };
    int code = spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1);
    if (!code)
        code = spng_set_option(ctx, SPNG_IMG_COMPRESSION_LEVEL, level);
    if (!code)
        code = spng_set_ihdr(ctx, &ihdr);
    if (!code)
        code = spng_encode_image(ctx, NULL, 0, SPNG_FMT_PNG,
                                 SPNG_ENCODE_PROGRESSIVE | SPNG_ENCODE_FINALIZE);
    for (uint32_t y = 0; y < src->height && !code; y++)
        code = spng_encode_row(ctx, src->data + y * src->stride_bytes, (size_t)3 * src->width);
    return code == SPNG_EOI ? 0 : code;
}

int png_encode(const struct wit_image_view *src, int level, struct wit_buf *out,
               struct wit_error *err) {
    spng_ctx *ctx = spng_ctx_new(SPNG_CTX_ENCODER);
    if (!ctx)
        return failed(src, WIT_ENOMEM, "PNG", "out of memory", err);
    size_t bytes = 0;
    void *png = NULL;
    int code = png_rows(ctx, src, level), st = 0;
    if (!code)
        png = spng_get_png_buffer(ctx, &bytes, &code);
    if (!png)
        st = failed(src, code == SPNG_EMEM ? WIT_ENOMEM : WIT_ELIMIT, "PNG", spng_strerror(code),
                    err);
    else if ((st = wit_buf_append(out, png, bytes)) < 0)
        failed(src, st, "PNG", "there is no room for it", err);
    free(png);
    spng_ctx_free(ctx);
    return st;
}

int webp_encode(const struct wit_image_view *src, int quality, struct wit_buf *out,
                struct wit_error *err) {
    if (src->width > WEBP_MAX_DIMENSION || src->height > WEBP_MAX_DIMENSION)
        return failed(src, WIT_ELIMIT, "WebP", "a side is longer than 16383 px", err);
    uint8_t *webp = NULL;
    const int w = (int)src->width, h = (int)src->height, stride = (int)src->stride_bytes;
    size_t bytes = quality > 100 ? WebPEncodeLosslessRGB(src->data, w, h, stride, &webp)
                                 : WebPEncodeRGB(src->data, w, h, stride, (float)quality, &webp);
    if (!bytes)
        return failed(src, WIT_ENOMEM, "WebP", "out of memory", err);
    int st = wit_buf_append(out, webp, bytes);
    WebPFree(webp);
    return st < 0 ? failed(src, st, "WebP", "there is no room for it", err) : 0;
}
