/*
 * phash_ref.c: PDQ pass by pass, as the publication describes it, in double. Nothing is shared with
 * the fast one.
 */
#include "phash_ref.h"

#include <math.h>
#include <stdlib.h>

static double *doubles(size_t n) {
    double *d = calloc(n, sizeof *d);
    if (!d)
        abort();
    return d;
}

/* Mean of the elements in a box of `width` around each of n elements that lie `step` apart: one
 * more of them behind the middle than before it where the width is even; fewer at the ends. */
static void box_filter(const double *in, double *out, long n, long step, long width) {
    for (long i = 0; i < n; i++) {
        double sum = 0;
        long count = 0;
        for (long j = i - (width - 1) / 2; j <= i + width / 2; j++)
            if (j >= 0 && j < n) {
                sum += in[j * step];
                count++;
            }
        out[i * step] = sum / (double)count;
    }
}

static void blur(double *a, double *b, long width, long height) {
    long across = (width + 127) / 128, down = (height + 127) / 128;
    for (int pass = 0; pass < 2; pass++) {
        for (long y = 0; y < height; y++)
            box_filter(a + y * width, b + y * width, width, 1, across);
        for (long x = 0; x < width; x++)
            box_filter(b + x, a + x, height, width, down);
    }
}

static int order(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* c[u, v] = 2/64 sum over y, x of s[y, x] cos(pi u (2 y + 1) / 128) cos(pi v (2 x + 1) / 128), u
 * and v from 1 to 16. */
static void bits(double s[64][64], double margin, struct wit_image_phash *out,
                 struct wit_image_phash *unsure) {
    const double pi = acos(-1.0);
    double c[256], sorted[256];
    for (int k = 0; k < 256; k++) {
        double u = k / 16 + 1, v = k % 16 + 1, sum = 0;
        for (int y = 0; y < 64; y++)
            for (int x = 0; x < 64; x++)
                sum += s[y][x] * cos(pi * u * (2 * y + 1) / 128) * cos(pi * v * (2 * x + 1) / 128);
        c[k] = sorted[k] = sum * 2 / 64;
    }
    qsort(sorted, 256, sizeof *sorted, order);
    for (int k = 0; k < 256; k++) {
        out->words[k / 64] |= (uint64_t)(c[k] > sorted[127]) << (k % 64);
        unsure->words[k / 64] |= (uint64_t)(fabs(c[k] - sorted[127]) <= margin) << (k % 64);
    }
}

static int quality_of(double s[64][64]) {
    long gradient = 0;
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++) {
            gradient += i < 63 ? labs((long)((s[i][j] - s[i + 1][j]) * 100 / 255)) : 0;
            gradient += j < 63 ? labs((long)((s[i][j] - s[i][j + 1]) * 100 / 255)) : 0;
        }
    return gradient / 90 > 100 ? 100 : (int)(gradient / 90);
}

/* Mean over [top, bottom) x [left, right), in pixels, of an image whose pixels are unit squares. */
static double mean(const double *luma, long width, double top, double bottom, double left,
                   double right) {
    double sum = 0;
    for (long y = (long)top; (double)y < bottom; y++)
        for (long x = (long)left; (double)x < right; x++)
            sum += luma[y * width + x] * (fmin((double)y + 1, bottom) - fmax((double)y, top)) *
                   (fmin((double)x + 1, right) - fmax((double)x, left));
    return sum / ((bottom - top) * (right - left));
}

void phash_ref(const struct wit_image_view *view, double margin, struct wit_image_phashes *out,
               struct wit_image_phashes *unsure) {
    const long width = view->width, height = view->height;
    const double w = (double)width / 64, h = (double)height / 64;
    double *a = doubles((size_t)(width * height)), *b = doubles((size_t)(width * height));
    double s[64][64];
    memset(out, 0, sizeof *out);
    memset(unsure, 0, sizeof *unsure);
    for (long y = 0; y < height; y++)
        for (long x = 0; x < width; x++) {
            const uint8_t *p = view->data + (size_t)y * view->stride_bytes + 3 * (size_t)x;
            a[y * width + x] = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
        }
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++)
            s[i][j] = mean(a, width, i * h, (i + 1) * h, j * w, (j + 1) * w);
    bits(s, margin, &out->area, &unsure->area);
    blur(a, b, width, height);
    for (long i = 0; i < 64; i++)
        for (long j = 0; j < 64; j++)
            s[i][j] = a[(2 * i + 1) * height / 128 * width + (2 * j + 1) * width / 128];
    bits(s, margin, &out->pdq, &unsure->pdq);
    out->quality = quality_of(s);
    free(a);
    free(b);
}
