/*
 * resample.h: the two passes of a resize, in a plain form and in forms for instruction sets. They
 * give the same bytes: integers are added, and integer sums don't depend on order. Private to this
 * folder and its tests.
 */
#ifndef WIT_IMAGE_RESAMPLE_H
#define WIT_IMAGE_RESAMPLE_H

#include "wit_image.h"

enum {
    RESAMPLE_BITS = 22, /* weights are 22-bit fixed point, signed; |weight| < 2^5 in value */
    RESAMPLE_CHANNELS = 3,
    RESAMPLE_GROUP = 4, /* taps that a horizontal pass may take at a time */
    RESAMPLE_LOW_BITS = 12
};

/* What each output pixel of an axis is made of. */
struct resample_axis {
    uint32_t out;            /* pixels */
    uint32_t ksize;          /* most taps of a pixel */
    uint32_t groups;         /* ksize / RESAMPLE_GROUP, rounded up */
    uint32_t *first, *count; /* (out): first tap and number of taps */
    int32_t *weights;        /* (out, ksize); zero behind the last tap */
    /* (out, groups, 8): the same weights for 16-bit multiplies. Of a group's four taps first
     * weight >> 12, then weight & 4095; zero behind the last tap. */
    int16_t *split;
    size_t first_cap, count_cap, weights_cap, split_cap; /* items allocated */
};

struct resample_passes {
    const char *name;
    bool (*usable)(void); /* by this processor */
    /* Rows [from, to) of src to as many rows of a->out pixels. */
    void (*horizontal)(const struct resample_axis *a, const struct wit_image_view *src,
                       uint32_t from, uint32_t to, uint8_t *out);
    /* src, of which row 0 is row `top` for the table, to a->out rows. sums: 3 * src->width. */
    void (*vertical)(const struct resample_axis *a, const struct wit_image_view *src, uint32_t top,
                     int32_t *sums, uint8_t *out);
};

/* Best last; the first is plain and always usable. Ends with NULL. */
extern const struct resample_passes *const resample_passes_all[];
extern const struct resample_passes resample_passes_plain;
#if defined(__x86_64__)
extern const struct resample_passes resample_passes_avx2;
#endif

/* Tests choose; wit_image_resizer_create takes the best usable ones. */
void resizer_use(struct wit_image_resizer *rs, const struct resample_passes *passes);

/* One output value of a pass: `step` bytes between the taps at p. */
static inline uint8_t resample_value(const uint8_t *p, size_t step, const int32_t *weights,
                                     uint32_t count) {
    int32_t sum = 1 << (RESAMPLE_BITS - 1);
    for (uint32_t t = 0; t < count; t++, p += step)
        sum += *p * weights[t];
    sum >>= RESAMPLE_BITS; /* arithmetic on every compiler we build with */
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

#endif
