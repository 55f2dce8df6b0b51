/*
 * resample_ref.c: the definition of Pillow's bicubic resize as loops over docs/image.md. Every
 * value is computed where it is used: no tables, no skipped rows, no shortcuts.
 */
#include "resample_ref.h"

#include <math.h>
#include <stdlib.h>

static double kernel(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

/* Weighted sum of the line p[0], p[step], ... of `in` bytes for output pixel i. */
static uint8_t resample_pixel(const uint8_t *p, size_t step, uint32_t in, float b0, float b1,
                              uint32_t out, uint32_t i) {
    double scale = (double)(b1 - b0) / out;
    double fs = fmax(scale, 1.0);
    double support = 2.0 * fs;
    double center = b0 + (i + 0.5) * scale;
    int lo = (int)(center - support + 0.5), hi = (int)(center + support + 0.5);
    lo = lo < 0 ? 0 : lo;
    hi = hi > (int)in ? (int)in : hi;
    double total = 0.0;
    for (int j = lo; j < hi; j++)
        total += kernel(((j - lo) + lo - center + 0.5) * (1.0 / fs));
    int32_t sum = 1 << 21;
    for (int j = lo; j < hi; j++) {
        double w = kernel(((j - lo) + lo - center + 0.5) * (1.0 / fs));
        if (total != 0.0)
            w /= total;
        sum += p[(size_t)j * step] * (int32_t)(w * 4194304 + (w < 0 ? -0.5 : 0.5));
    }
    sum >>= 22;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static uint8_t *rows(const struct wit_image_view *src, uint32_t w, uint32_t h) {
    uint8_t *p = malloc((size_t)3 * w * h);
    if (!p)
        abort();
    for (uint32_t y = 0; src && y < h; y++)
        memcpy(p + (size_t)3 * w * y, src->data + y * src->stride_bytes, (size_t)3 * w);
    return p;
}

/* (h, w) to (h, ow); frees its input. */
static uint8_t *horizontal(uint8_t *in, uint32_t w, uint32_t h, float b0, float b1, uint32_t ow) {
    if (ow == w && b0 == 0 && b1 == (float)ow)
        return in;
    uint8_t *out = rows(NULL, ow, h);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < ow; x++)
            for (size_t c = 0; c < 3; c++)
                out[((size_t)y * ow + x) * 3 + c] =
                    resample_pixel(in + (size_t)y * w * 3 + c, 3, w, b0, b1, ow, x);
    free(in);
    return out;
}

/* (h, w) to (oh, w); frees its input. */
static uint8_t *vertical(uint8_t *in, uint32_t w, uint32_t h, float b0, float b1, uint32_t oh) {
    if (oh == h && b0 == 0 && b1 == (float)oh)
        return in;
    uint8_t *out = rows(NULL, w, oh);
    for (uint32_t y = 0; y < oh; y++)
        for (size_t x = 0; x < (size_t)3 * w; x++)
            out[(size_t)y * w * 3 + x] = resample_pixel(in + x, (size_t)3 * w, h, b0, b1, oh, y);
    free(in);
    return out;
}

void resample_ref(const struct wit_image_view *src, const float box[4], uint32_t out_w,
                  uint32_t out_h, enum wit_image_pillow pillow, uint8_t *out) {
    const int64_t w = src->width, h = src->height, ow = out_w, oh = out_h;
    bool vertical_first = (pillow == WIT_IMAGE_PILLOW_12_3 && h > 100 * w && oh < h) ||
                          (pillow == WIT_IMAGE_PILLOW_13_0 && oh < h && h - oh > 2 * (w - ow));
    uint8_t *p = rows(src, src->width, src->height);
    if (vertical_first) {
        p = vertical(p, src->width, src->height, box[1], box[3], out_h);
        p = horizontal(p, src->width, out_h, box[0], box[2], out_w);
    } else {
        p = horizontal(p, src->width, src->height, box[0], box[2], out_w);
        p = vertical(p, out_w, src->height, box[1], box[3], out_h);
    }
    memcpy(out, p, (size_t)3 * out_w * out_h);
    free(p);
}
