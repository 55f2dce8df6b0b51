/*
 * resample_avx2.c: the passes of a resize with AVX2.
 *
 * A weight of 24 bits doesn't fit a 16-bit multiply, so it is split: w = (w >> 12) * 4096 + (w &
 * 4095). Both parts fit, pmaddwd multiplies and adds two taps at once, and (high << 12) + low is
 * the sum that 32-bit multiplies would give: modulo 2^32 at every step, and exact because the sum
 * fits.
 */
#include "resample.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

enum { ROWS = 4, COLUMNS = 16, LOAD_BYTES = 16 };

static bool usable(void) {
    return __builtin_cpu_supports("avx2");
}

/* Of weight >> 12 and of weight & 4095. */
struct sums {
    __m256i high, low;
};

/* Eight sums to 32-bit results, rounded and shifted down to pixel values. */
AVX2 static inline __m256i finish(const struct sums *s) {
    const __m256i half = _mm256_set1_epi32(1 << (RESAMPLE_BITS - 1));
    const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(s->high, RESAMPLE_LOW_BITS), s->low);
    return _mm256_srai_epi32(_mm256_add_epi32(sum, half), RESAMPLE_BITS);
}

/* Four taps of one row, at p. */
AVX2 static inline void add_group(struct sums *s, const uint8_t *p, __m256i wh, __m256i wl) {
    /* Lane 0: taps 0 and 1 as pairs of red, green, blue; lane 1: taps 2 and 3. */
    const __m256i pairs =
        _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                         -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m256i taps = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(
                                                 _mm_loadu_si128((const __m128i *)(const void *)p)),
                                             pairs);
    s->high = _mm256_add_epi32(s->high, _mm256_madd_epi16(taps, wh));
    s->low = _mm256_add_epi32(s->low, _mm256_madd_epi16(taps, wl));
}

/* Both lanes together: red, green, blue and nothing, as pixel values. */
AVX2 static inline __m128i finish_pixel(const struct sums *s) {
    const __m256i v = _mm256_add_epi32(_mm256_slli_epi32(s->high, RESAMPLE_LOW_BITS), s->low);
    const __m128i both = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i half = _mm_set1_epi32(1 << (RESAMPLE_BITS - 1));
    return _mm_srai_epi32(_mm_add_epi32(both, half), RESAMPLE_BITS);
}

/* One output pixel of ROWS rows at once: one look at the weights serves all. At each group's first
 * tap LOAD_BYTES must be readable. Returns red, green, blue, nothing of each row. The rows are
 * written out, not looped over, so that the sums stay in registers. */
AVX2 static inline __m128i horizontal_pixel(const uint8_t *const rows[ROWS], size_t at,
                                            const int16_t *split, uint32_t groups) {
    const __m256i take_high = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256i take_low = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
    struct sums s0, s1, s2, s3;
    s0.high = s0.low = s1.high = s1.low = _mm256_setzero_si256();
    s2.high = s2.low = s3.high = s3.low = _mm256_setzero_si256();
    for (uint32_t g = 0; g < groups; g++, split += 8, at += RESAMPLE_GROUP * RESAMPLE_CHANNELS) {
        const __m256i w =
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)split));
        const __m256i wh = _mm256_permutevar8x32_epi32(w, take_high);
        const __m256i wl = _mm256_permutevar8x32_epi32(w, take_low);
        add_group(&s0, rows[0] + at, wh, wl);
        add_group(&s1, rows[1] + at, wh, wl);
        add_group(&s2, rows[2] + at, wh, wl);
        add_group(&s3, rows[3] + at, wh, wl);
    }
    return _mm_packus_epi16(_mm_packs_epi32(finish_pixel(&s0), finish_pixel(&s1)),
                            _mm_packs_epi32(finish_pixel(&s2), finish_pixel(&s3)));
}

/* Four bytes go out for three: the fourth is the next pixel's first and is written again after. */
AVX2 static inline void store_rows(__m128i pixels, uint8_t *out, size_t out_bytes) {
    const int32_t p[ROWS] = { _mm_extract_epi32(pixels, 0), _mm_extract_epi32(pixels, 1),
                              _mm_extract_epi32(pixels, 2), _mm_extract_epi32(pixels, 3) };
    memcpy(out, &p[0], 4);
    memcpy(out + out_bytes, &p[1], 4);
    memcpy(out + 2 * out_bytes, &p[2], 4);
    memcpy(out + 3 * out_bytes, &p[3], 4);
}

AVX2 static void horizontal(const struct resample_axis *a, const struct wit_image_view *src,
                            uint32_t from, uint32_t to, uint8_t *out) {
    const size_t row_bytes = (size_t)RESAMPLE_CHANNELS * src->width;
    const size_t out_bytes = (size_t)RESAMPLE_CHANNELS * a->out;
    /* Loads go past the last tap and stores past the pixel: those at the right end are left to
     * plain code. */
    uint32_t safe = 0;
    while (safe + 1 < a->out) {
        const uint32_t groups = (a->count[safe] + RESAMPLE_GROUP - 1) / RESAMPLE_GROUP;
        const size_t taps = a->first[safe] + (size_t)RESAMPLE_GROUP * groups;
        if (taps * RESAMPLE_CHANNELS + LOAD_BYTES > row_bytes)
            break;
        safe++;
    }
    uint32_t y = from;
    for (; y + ROWS <= to; y += ROWS, out += ROWS * out_bytes) {
        const uint8_t *rows[ROWS];
        for (uint32_t r = 0; r < ROWS; r++)
            rows[r] = src->data + (y + r) * src->stride_bytes;
        for (uint32_t x = 0; x < safe; x++) {
            const uint32_t groups = (a->count[x] + RESAMPLE_GROUP - 1) / RESAMPLE_GROUP;
            const __m128i pixels = horizontal_pixel(rows, (size_t)RESAMPLE_CHANNELS * a->first[x],
                                                    a->split + (size_t)x * a->groups * 8, groups);
            store_rows(pixels, out + (size_t)x * RESAMPLE_CHANNELS, out_bytes);
        }
        for (uint32_t r = 0; r < ROWS; r++)
            for (size_t i = (size_t)safe * RESAMPLE_CHANNELS; i < out_bytes; i++) {
                const size_t x = i / RESAMPLE_CHANNELS, c = i % RESAMPLE_CHANNELS;
                out[r * out_bytes + i] =
                    resample_value(rows[r] + (size_t)RESAMPLE_CHANNELS * a->first[x] + c,
                                   RESAMPLE_CHANNELS, a->weights + x * a->ksize, a->count[x]);
            }
    }
    if (y < to)
        resample_passes_plain.horizontal(a, src, y, to, out);
}

/* Two rows' bytes of 16 columns as pairs of 16 bits, times a pair of weights, in two halves. */
AVX2 static inline void add_rows(struct sums *left, struct sums *right, __m128i p, __m128i q,
                                 __m256i wh, __m256i wl) {
    const __m256i l = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(p, q));
    const __m256i r = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(p, q));
    left->high = _mm256_add_epi32(left->high, _mm256_madd_epi16(l, wh));
    left->low = _mm256_add_epi32(left->low, _mm256_madd_epi16(l, wl));
    right->high = _mm256_add_epi32(right->high, _mm256_madd_epi16(r, wh));
    right->low = _mm256_add_epi32(right->low, _mm256_madd_epi16(r, wl));
}

static inline int32_t pair(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a & 0xffffu) | (int32_t)((uint32_t)b << 16);
}

AVX2 static void vertical(const struct resample_axis *a, const struct wit_image_view *src,
                          uint32_t top, int32_t *sums_unused, uint8_t *out) {
    const size_t n = (size_t)RESAMPLE_CHANNELS * src->width;
    const int32_t low_mask = (1 << RESAMPLE_LOW_BITS) - 1;
    (void)sums_unused;
    for (uint32_t y = 0; y < a->out; y++, out += n) {
        const int32_t *w = a->weights + (size_t)y * a->ksize;
        const uint8_t *first = src->data + (size_t)(a->first[y] - top) * src->stride_bytes;
        const uint32_t count = a->count[y];
        size_t i = 0;
        for (; i + COLUMNS <= n; i += COLUMNS) {
            struct sums left, right;
            left.high = left.low = right.high = right.low = _mm256_setzero_si256();
            const uint8_t *p = first + i;
            for (uint32_t t = 0; t < count; t += 2, p += 2 * src->stride_bytes) {
                /* An odd last tap is paired with itself at weight 0. */
                const bool two = t + 1 < count;
                const int32_t k0 = w[t], k1 = two ? w[t + 1] : 0;
                const __m128i row0 = _mm_loadu_si128((const __m128i *)(const void *)p);
                const __m128i row1 = _mm_loadu_si128(
                    (const __m128i *)(const void *)(p + (two ? src->stride_bytes : 0)));
                add_rows(&left, &right, row0, row1,
                         _mm256_set1_epi32(pair(k0 >> RESAMPLE_LOW_BITS, k1 >> RESAMPLE_LOW_BITS)),
                         _mm256_set1_epi32(pair(k0 & low_mask, k1 & low_mask)));
            }
            const __m256i words =
                _mm256_permute4x64_epi64(_mm256_packs_epi32(finish(&left), finish(&right)), 0xd8);
            const __m128i bytes =
                _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
            _mm_storeu_si128((__m128i *)(void *)(out + i), bytes);
        }
        for (; i < n; i++)
            out[i] = resample_value(first + i, src->stride_bytes, w, count);
    }
}

const struct resample_passes resample_passes_avx2 = { "avx2", usable, horizontal, vertical };

#else
typedef int resample_avx2_is_for_x86_64; /* ISO C wants a declaration in every file */
#endif
