/*
 * phash.c: both hashes from one look at the pixels.
 *
 * Two passes of a box filter followed by taking every n/64th sample are linear, so each of PDQ's 64
 * samples of a direction is a weighted sum of at most 2 w - 1 neighbours (w: width of the box); an
 * area mean is one of n/64 neighbours. The weights are made once for a size; then each pixel is
 * looked at once, where the description has four passes. tests/image/phash_ref.c has those passes.
 */
#include "wit_image_phash.h"

#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 64, COEFFS = 16, SIDE_LEAST_PX = 5 };
enum kind { PDQ, AREA, KINDS };
#define PI 3.14159265358979323846

/* Sample k of a direction is the sum of weights[first[k] + i] times element from[k] + i, i <
 * count[k]. */
struct weights {
    uint32_t size; /* elements; 0: not made yet */
    uint32_t from[SAMPLES], count[SAMPLES];
    size_t first[SAMPLES];
    float *values;
    size_t cap;
};

struct wit_image_phasher {
    struct weights down[KINDS], across[KINDS];
    float *rows; /* (KINDS, 64, width) partial sums, then one row of luma */
    size_t rows_cap;
    double dct[COEFFS][SAMPLES];
    double samples[KINDS][SAMPLES][SAMPLES];
    double coeffs[KINDS][COEFFS][COEFFS];
};

struct wit_image_phasher *wit_image_phasher_create(void) {
    struct wit_image_phasher *ph = calloc(1, sizeof *ph);
    if (!ph)
        return NULL;
    for (int i = 0; i < COEFFS; i++)
        for (int j = 0; j < SAMPLES; j++)
            ph->dct[i][j] = sqrt(2.0 / SAMPLES) * cos(PI / (2 * SAMPLES) * (i + 1) * (2 * j + 1));
    return ph;
}

void wit_image_phasher_destroy(struct wit_image_phasher *ph) {
    if (!ph)
        return;
    for (int kind = 0; kind < KINDS; kind++) {
        free(ph->down[kind].values);
        free(ph->across[kind].values);
    }
    free(ph->rows);
    free(ph);
}

/* ---- weights -------------------------------------------------------------------------------- */

/* The box around element i, cut at the ends: what an even width has more lies behind. */
static void box_at(uint32_t i, uint32_t width, uint32_t size, uint32_t *from, uint32_t *to) {
    uint32_t half = (width + 2) / 2;
    *from = i + half > width ? i + half - width : 0;
    *to = i + half < size ? i + half : size;
}

/* Is larger where one is needed; 0 or WIT_ENOMEM. */
static int floats_grow(float **values, size_t *cap, size_t count) {
    if (count <= *cap)
        return 0;
    float *larger = wit_realloc_array(*values, count, sizeof **values);
    if (!larger)
        return WIT_ENOMEM;
    *values = larger;
    *cap = count;
    return 0;
}

static uint32_t box_width(uint32_t size) {
    return (uint32_t)(((uint64_t)size + 2 * SAMPLES - 1) / (2 * SAMPLES));
}

/* The mean of means around the middle of block k. */
static void tent_make(struct weights *w, uint32_t size, uint32_t k) {
    const uint32_t width = box_width(size), centre = (uint32_t)((k + 0.5) * size / SAMPLES);
    uint32_t outer_from, outer_to, from, to;
    box_at(centre, width, size, &outer_from, &outer_to);
    box_at(outer_from, width, size, &w->from[k], &to);
    box_at(outer_to - 1, width, size, &from, &to);
    w->count[k] = to - w->from[k];
    for (uint32_t i = 0; i < w->count[k]; i++) {
        const uint32_t y = w->from[k] + i;
        double sum = 0;
        for (uint32_t j = outer_from; j < outer_to; j++) {
            box_at(j, width, size, &from, &to);
            sum += y >= from && y < to ? 1.0 / (to - from) : 0;
        }
        w->values[w->first[k] + i] = (float)(sum / (outer_to - outer_from));
    }
}

/* The mean of what block k covers, to parts of a pixel. */
static void area_make(struct weights *w, uint32_t size, uint32_t k) {
    const double from = (double)k * size / SAMPLES, to = (k + 1.0) * size / SAMPLES;
    w->from[k] = (uint32_t)from;
    w->count[k] = (uint32_t)ceil(to) - w->from[k];
    for (uint32_t i = 0; i < w->count[k]; i++) {
        const double y = w->from[k] + i;
        w->values[w->first[k] + i] = (float)((fmin(y + 1, to) - fmax(y, from)) * SAMPLES / size);
    }
}

static int weights_make(struct weights *w, uint32_t size, enum kind kind) {
    const size_t most = 2 * (size_t)box_width(size) + 2; /* of one sample */
    if (w->size == size)
        return 0;
    w->size = 0;
    if (floats_grow(&w->values, &w->cap, SAMPLES * most) < 0)
        return WIT_ENOMEM;
    for (uint32_t k = 0; k < SAMPLES; k++) {
        w->first[k] = k * most;
        if (kind == PDQ)
            tent_make(w, size, k);
        else
            area_make(w, size, k);
    }
    w->size = size;
    return 0;
}

/* ---- samples -------------------------------------------------------------------------------- */

static void luma_row(const uint8_t *restrict rgb, uint32_t width, float *restrict out) {
    for (uint32_t x = 0; x < width; x++)
        out[x] = 0.299f * rgb[3 * (size_t)x] + 0.587f * rgb[3 * (size_t)x + 1] +
                 0.114f * rgb[3 * (size_t)x + 2];
}

static void row_add(float *restrict sum, const float *restrict row, float weight, uint32_t width) {
    for (uint32_t x = 0; x < width; x++)
        sum[x] += weight * row[x];
}

/* Add row y of the image to the sums that it belongs to; those before *begin are complete. */
static void row_spread(const struct weights *down, uint32_t y, uint32_t *begin, const float *luma,
                       float *sums, uint32_t width) {
    while (*begin < SAMPLES && down->from[*begin] + down->count[*begin] <= y)
        ++*begin;
    for (uint32_t k = *begin; k < SAMPLES && down->from[k] <= y; k++)
        if (y - down->from[k] < down->count[k])
            row_add(sums + (size_t)k * width, luma,
                    down->values[down->first[k] + y - down->from[k]], width);
}

static double row_sum(const struct weights *across, uint32_t k, const float *row) {
    const float *weight = across->values + across->first[k];
    double sum = 0;
    for (uint32_t x = 0; x < across->count[k]; x++)
        sum += (double)row[across->from[k] + x] * (double)weight[x];
    return sum;
}

static int room_make(struct wit_image_phasher *ph, const struct wit_image_view *view) {
    size_t floats;
    if (wit_size_mul(view->width, KINDS * SAMPLES + 1, &floats) < 0 ||
        floats_grow(&ph->rows, &ph->rows_cap, floats) < 0)
        return WIT_ENOMEM;
    for (int kind = 0; kind < KINDS; kind++)
        if (weights_make(&ph->down[kind], view->height, (enum kind)kind) < 0 ||
            weights_make(&ph->across[kind], view->width, (enum kind)kind) < 0)
            return WIT_ENOMEM;
    memset(ph->rows, 0, floats * sizeof *ph->rows);
    return 0;
}

static int samples_make(struct wit_image_phasher *ph, const struct wit_image_view *view) {
    const uint32_t width = view->width;
    const size_t plane = (size_t)SAMPLES * width;
    uint32_t begin[KINDS] = { 0 };
    if (room_make(ph, view) < 0)
        return WIT_ENOMEM;
    float *luma = ph->rows + KINDS * plane;
    for (uint32_t y = 0; y < view->height; y++) {
        luma_row(view->data + y * view->stride_bytes, width, luma);
        for (int kind = 0; kind < KINDS; kind++)
            row_spread(&ph->down[kind], y, &begin[kind], luma, ph->rows + (size_t)kind * plane,
                       width);
    }
    for (int kind = 0; kind < KINDS; kind++)
        for (uint32_t i = 0; i < SAMPLES; i++)
            for (uint32_t k = 0; k < SAMPLES; k++)
                ph->samples[kind][i][k] =
                    row_sum(&ph->across[kind], k, ph->rows + kind * plane + (size_t)i * width);
    return 0;
}

/* Whole percents of the range between neighbours, added up; 90 of them are one point. */
static int quality_of(double s[SAMPLES][SAMPLES]) {
    long sum = 0;
    for (int i = 0; i < SAMPLES; i++)
        for (int j = 0; j < SAMPLES; j++) {
            if (i > 0)
                sum += labs((long)((s[i][j] - s[i - 1][j]) * 100 / 255));
            if (j > 0)
                sum += labs((long)((s[i][j] - s[i][j - 1]) * 100 / 255));
        }
    return sum / 90 > 100 ? 100 : (int)(sum / 90);
}

static void coeffs_make(struct wit_image_phasher *ph, enum kind kind) {
    for (int i = 0; i < COEFFS; i++) {
        double row[SAMPLES] = { 0 };
        for (int k = 0; k < SAMPLES; k++)
            for (int x = 0; x < SAMPLES; x++)
                row[x] += ph->dct[i][k] * ph->samples[kind][k][x];
        for (int j = 0; j < COEFFS; j++) {
            double sum = 0;
            for (int x = 0; x < SAMPLES; x++)
                sum += row[x] * ph->dct[j][x];
            ph->coeffs[kind][i][j] = sum;
        }
    }
}

/* ---- bits ----------------------------------------------------------------------------------- */

static int order_double(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/*
 * Mirroring a direction negates its odd frequencies, transposing swaps the directions. Frequencies
 * are index + 1, so the odd ones have even indices.
 */
static double coeff_turned(double c[COEFFS][COEFFS], enum wit_image_turn turn, int i, int j) {
    static const struct {
        bool swap, flip_down, flip_across; /* of the result, after the swap */
    } turns[WIT_IMAGE_TURNS] = {
        [WIT_IMAGE_AS_IT_IS] = { false, false, false },
        [WIT_IMAGE_TURNED_90] = { true, true, false },
        [WIT_IMAGE_TURNED_180] = { false, true, true },
        [WIT_IMAGE_TURNED_270] = { true, false, true },
        [WIT_IMAGE_MIRRORED] = { false, false, true },
        [WIT_IMAGE_UPSIDE_DOWN] = { false, true, false },
        [WIT_IMAGE_TRANSPOSED] = { true, false, false },
        [WIT_IMAGE_ANTI_TRANSPOSED] = { true, true, true },
    };
    double v = turns[turn].swap ? c[j][i] : c[i][j];
    bool negate = (turns[turn].flip_down && i % 2 == 0) != (turns[turn].flip_across && j % 2 == 0);
    return negate ? -v : v;
}

static struct wit_image_phash bits_of(double c[COEFFS][COEFFS], enum wit_image_turn turn) {
    struct wit_image_phash h = { { 0 } };
    double all[COEFFS * COEFFS], sorted[COEFFS * COEFFS];
    for (int k = 0; k < COEFFS * COEFFS; k++)
        all[k] = coeff_turned(c, turn, k / COEFFS, k % COEFFS);
    memcpy(sorted, all, sizeof all);
    qsort(sorted, COEFFS * COEFFS, sizeof *sorted, order_double);
    const double median = sorted[COEFFS * COEFFS / 2 - 1]; /* the lower of the two in the middle */
    for (int k = 0; k < COEFFS * COEFFS; k++)
        h.words[k / 64] |= (uint64_t)(all[k] > median) << (k % 64);
    return h;
}

int wit_image_phash_variants(struct wit_image_phasher *ph, const struct wit_image_view *view,
                             struct wit_image_phashes out[], unsigned turns,
                             struct wit_error *err) {
    const bool tiny = view->width < SIDE_LEAST_PX || view->height < SIDE_LEAST_PX;
    if (!tiny && samples_make(ph, view) < 0)
        return wit_error_set(err, WIT_ENOMEM, "no memory to hash %ux%u px", view->width,
                             view->height);
    for (int kind = 0; kind < KINDS && !tiny; kind++)
        coeffs_make(ph, (enum kind)kind);
    for (unsigned t = 0; t < turns; t++) {
        out[t] = (struct wit_image_phashes){ .quality = 0 };
        if (tiny)
            continue;
        out[t].pdq = bits_of(ph->coeffs[PDQ], (enum wit_image_turn)t);
        out[t].area = bits_of(ph->coeffs[AREA], (enum wit_image_turn)t);
        out[t].quality = quality_of(ph->samples[PDQ]);
    }
    return 0;
}

int wit_image_phash_compute(struct wit_image_phasher *ph, const struct wit_image_view *view,
                            struct wit_image_phashes *out, struct wit_error *err) {
    return wit_image_phash_variants(ph, view, out, 1, err);
}

/* ---- forms ---------------------------------------------------------------------------------- */

void wit_image_phash_to_bytes(const struct wit_image_phash *h, uint8_t out[WIT_IMAGE_PHASH_BYTES]) {
    for (int i = 0; i < 4; i++)
        wit_store_be64(out + 8 * (size_t)i, h->words[3 - i]);
}

struct wit_image_phash wit_image_phash_from_bytes(const uint8_t in[WIT_IMAGE_PHASH_BYTES]) {
    struct wit_image_phash h;
    for (int i = 0; i < 4; i++)
        h.words[3 - i] = wit_load_be64(in + 8 * (size_t)i);
    return h;
}

void wit_image_phash_to_hex(const struct wit_image_phash *h, char out[WIT_IMAGE_PHASH_HEX]) {
    uint8_t bytes[WIT_IMAGE_PHASH_BYTES];
    wit_image_phash_to_bytes(h, bytes);
    wit_digest_to_hex(wit_str_of(bytes, sizeof bytes), out);
}

int wit_image_phash_from_hex(struct wit_str hex, struct wit_image_phash *out) {
    struct wit_hash128 high, low; /* hex of 128 bits has a reader already */
    if (hex.len != WIT_IMAGE_PHASH_HEX - 1 ||
        wit_hash128_from_hex(wit_str_slice(hex, 0, 32), &high) < 0 ||
        wit_hash128_from_hex(wit_str_slice(hex, 32, 64), &low) < 0)
        return WIT_EFORMAT;
    *out = (struct wit_image_phash){ { low.lo, low.hi, high.lo, high.hi } };
    return 0;
}
