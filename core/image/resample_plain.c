/* resample_plain.c: the passes of a resize in C, and the list of all forms. */
#include "resample.h"

static bool always(void) {
    return true;
}

static void horizontal(const struct resample_axis *a, const struct wit_image_view *src,
                       uint32_t from, uint32_t to, uint8_t *out) {
    for (uint32_t y = from; y < to; y++) {
        const uint8_t *row = src->data + y * src->stride_bytes;
        for (uint32_t x = 0; x < a->out; x++, out += RESAMPLE_CHANNELS)
            for (size_t c = 0; c < RESAMPLE_CHANNELS; c++)
                out[c] = resample_value(row + (size_t)RESAMPLE_CHANNELS * a->first[x] + c,
                                        RESAMPLE_CHANNELS, a->weights + (size_t)x * a->ksize,
                                        a->count[x]);
    }
}

/* Row by row, so that memory is read in order. */
static void vertical(const struct resample_axis *a, const struct wit_image_view *src, uint32_t top,
                     int32_t *restrict sums, uint8_t *restrict out) {
    const size_t n = (size_t)RESAMPLE_CHANNELS * src->width;
    for (uint32_t y = 0; y < a->out; y++, out += n) {
        const int32_t *w = a->weights + (size_t)y * a->ksize;
        for (size_t i = 0; i < n; i++)
            sums[i] = 1 << (RESAMPLE_BITS - 1);
        for (uint32_t t = 0; t < a->count[y]; t++) {
            const uint8_t *restrict row = src->data + (a->first[y] - top + t) * src->stride_bytes;
            const int32_t k = w[t];
            for (size_t i = 0; i < n; i++)
                sums[i] += row[i] * k;
        }
        for (size_t i = 0; i < n; i++) {
            const int32_t v = sums[i] >> RESAMPLE_BITS;
            out[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

const struct resample_passes resample_passes_plain = { "plain", always, horizontal, vertical };

const struct resample_passes *const resample_passes_all[] = {
    &resample_passes_plain,
#if defined(__x86_64__)
    &resample_passes_avx2,
#endif
    NULL,
};
