/*
 * resample.c: Pillow's bicubic resize, bit for bit, and the two filters that make images smaller or
 * larger for storing. docs/image.md tells the arithmetic; its plain twin is
 * tests/image/resample_ref.c, and a test holds the two equal.
 *
 * An axis is a table: for each output pixel the first tap, their number, and their weights in
 * fixed point. A pass applies a table to rows or to columns and rounds to 8 bits. Any deviation in
 * the order of the floating-point steps below changes results by a level here and there, so the
 * file must be compiled without contraction of products and sums (-ffp-contract=off).
 */
#include "resample.h"

#include <math.h>
#include <stdlib.h>

/* How an output pixel of an axis weighs input pixels. `scale` is input px an output px. */
struct filter {
    double support_px; /* to either side of the centre */
    bool antialiased;  /* the support grows with the scale */
    /* The taps of output pixel i, as doubles that add up to 1; returns their number. */
    uint32_t (*taps)(double *taps, uint32_t in, double b0, double scale, uint32_t i,
                     uint32_t *first);
};

struct wit_image_resizer {
    const struct resample_passes *passes;
    struct resample_axis x, y;
    double *taps; /* (ksize) of the pixel in work */
    uint8_t *middle;
    int32_t *sums; /* (width, 3) of the row in work */
    size_t taps_cap, middle_cap, sums_cap;
};

struct wit_image_resizer *wit_image_resizer_create(void) {
    struct wit_image_resizer *rs = calloc(1, sizeof *rs);
    for (size_t i = 0; rs && resample_passes_all[i]; i++)
        if (resample_passes_all[i]->usable())
            rs->passes = resample_passes_all[i];
    return rs;
}

void resizer_use(struct wit_image_resizer *rs, const struct resample_passes *passes) {
    rs->passes = passes;
}

static void axis_finish(struct resample_axis *a) {
    free(a->first);
    free(a->count);
    free(a->weights);
    free(a->split);
}

void wit_image_resizer_destroy(struct wit_image_resizer *rs) {
    if (!rs)
        return;
    axis_finish(&rs->x);
    axis_finish(&rs->y);
    free(rs->taps);
    free(rs->middle);
    free(rs->sums);
    free(rs);
}

/* Memory for n items, which only grows and forgets what it held: `old` when that is large enough.
 * NULL when out of memory; old is gone then. */
static void *reserve(void *old, size_t *cap, size_t n, size_t size) {
    if (n <= *cap)
        return old;
    free(old);
    void *p = wit_alloc_array(n, size);
    *cap = p ? n : 0;
    return p;
}

#define BICUBIC_SUPPORT_PX 2.0

static double bicubic(double x) {
    const double a = -0.5;
    if (x < 0.0)
        x = -x;
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static uint32_t bicubic_taps(double *taps, uint32_t in, double b0, double scale, uint32_t i,
                             uint32_t *first) {
    const double filter_scale = scale < 1.0 ? 1.0 : scale;
    const double support = BICUBIC_SUPPORT_PX * filter_scale;
    const double inverse = 1.0 / filter_scale;
    const double center = b0 + (i + 0.5) * scale;
    int64_t lo = (int64_t)(center - support + 0.5);
    int64_t hi = (int64_t)(center + support + 0.5);
    lo = lo < 0 ? 0 : lo;
    hi = hi > (int64_t)in ? (int64_t)in : hi;
    const uint32_t n = hi > lo ? (uint32_t)(hi - lo) : 0;
    double sum = 0.0;
    for (uint32_t t = 0; t < n; t++) {
        taps[t] = bicubic(((double)t + (double)lo - center + 0.5) * inverse);
        sum += taps[t];
    }
    for (uint32_t t = 0; t < n && sum != 0.0; t++)
        taps[t] /= sum;
    *first = (uint32_t)lo;
    return n;
}

/* Each input pixel counts by the share of it that the output pixel covers. */
static uint32_t area_taps(double *taps, uint32_t in, double b0, double scale, uint32_t i,
                          uint32_t *first) {
    const double from = b0 + i * scale, to = fmin(from + scale, in);
    const uint32_t lo = (uint32_t)fmin(floor(from), in - 1.0);
    const uint32_t hi = (uint32_t)fmax(ceil(to), lo + 1.0);
    double sum = 0.0;
    for (uint32_t j = lo; j < hi; j++) {
        taps[j - lo] = fmax(fmin(to, j + 1.0) - fmax(from, j), 0.0);
        sum += taps[j - lo];
    }
    for (uint32_t t = 0; t < hi - lo && sum > 0.0; t++)
        taps[t] /= sum;
    *first = lo;
    return hi - lo;
}

static double sinc(double x) {
    const double px = 3.14159265358979323846 * x;
    return fabs(px) < 1e-9 ? 1.0 : sin(px) / px;
}

/* Eight taps around the place of the output pixel; those outside the image fall on its border. */
static uint32_t lanczos4_taps(double *taps, uint32_t in, double b0, double scale, uint32_t i,
                              uint32_t *first) {
    enum { BEFORE = 3, AFTER = 4 };
    const double center = b0 + (i + 0.5) * scale - 0.5;
    const int64_t base = (int64_t)floor(center), last = (int64_t)in - 1;
    const int64_t lo = base - BEFORE < 0 ? 0 : base - BEFORE > last ? last : base - BEFORE;
    const int64_t hi = base + AFTER > last ? last : base + AFTER < 0 ? 0 : base + AFTER;
    double sum = 0.0;
    for (int64_t t = 0; t <= hi - lo; t++)
        taps[t] = 0.0;
    for (int64_t j = base - BEFORE; j <= base + AFTER; j++) {
        const double d = center - (double)j, w = sinc(d) * sinc(d / 4.0);
        taps[(j < lo ? lo : j > hi ? hi : j) - lo] += w;
        sum += w;
    }
    for (int64_t t = 0; t <= hi - lo; t++)
        taps[t] /= sum;
    *first = (uint32_t)lo;
    return (uint32_t)(hi - lo) + 1;
}

static const struct filter filter_bicubic = { BICUBIC_SUPPORT_PX, true, bicubic_taps };
static const struct filter filter_area = { 0.5, true, area_taps };
static const struct filter filter_lanczos4 = { 4.0, false, lanczos4_taps };

static int axis_reserve(struct wit_image_resizer *rs, struct resample_axis *a,
                        const struct filter *filter, uint32_t in, double scale, uint32_t out,
                        struct wit_error *err) {
    const double support = filter->support_px * (scale < 1.0 || !filter->antialiased ? 1.0 : scale);
    const size_t ksize = (size_t)ceil(support) * 2 + 1;
    const size_t groups = (ksize + RESAMPLE_GROUP - 1) / RESAMPLE_GROUP;
    size_t weights, split;
    if (ksize > UINT32_MAX || wit_size_mul(ksize, out, &weights) < 0 ||
        wit_size_mul(groups * 2 * RESAMPLE_GROUP, out, &split) < 0)
        return wit_error_set(err, WIT_ELIMIT, "resize from %u to %u px needs too many weights", in,
                             out);
    a->first = reserve(a->first, &a->first_cap, out, sizeof *a->first);
    a->count = reserve(a->count, &a->count_cap, out, sizeof *a->count);
    a->weights = reserve(a->weights, &a->weights_cap, weights, sizeof *a->weights);
    a->split = reserve(a->split, &a->split_cap, split, sizeof *a->split);
    rs->taps = reserve(rs->taps, &rs->taps_cap, ksize, sizeof *rs->taps);
    if (!a->first || !a->count || !a->weights || !a->split || !rs->taps)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for the weights of a resize");
    a->out = out;
    a->ksize = (uint32_t)ksize;
    a->groups = (uint32_t)groups;
    return 0;
}

static int axis_fill(struct wit_image_resizer *rs, struct resample_axis *a,
                     const struct filter *filter, uint32_t in, float b0, float b1, uint32_t out,
                     struct wit_error *err) {
    const double scale = (double)(b1 - b0) / out; /* the difference is a float in Pillow too */
    int st = axis_reserve(rs, a, filter, in, scale, out, err);
    if (st < 0)
        return st;
    memset(a->weights, 0, (size_t)a->ksize * out * sizeof *a->weights);
    memset(a->split, 0, (size_t)a->groups * 2 * RESAMPLE_GROUP * out * sizeof *a->split);
    for (uint32_t i = 0; i < out; i++) {
        int32_t *w = a->weights + (size_t)i * a->ksize;
        int16_t *split = a->split + (size_t)i * a->groups * 2 * RESAMPLE_GROUP;
        a->count[i] = filter->taps(rs->taps, in, b0, scale, i, &a->first[i]);
        for (uint32_t t = 0; t < a->count[i]; t++) {
            const double v = rs->taps[t] * (1 << RESAMPLE_BITS);
            w[t] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
            int16_t *group = split + t / RESAMPLE_GROUP * 2 * RESAMPLE_GROUP;
            group[t % RESAMPLE_GROUP] = (int16_t)(w[t] >> RESAMPLE_LOW_BITS);
            group[RESAMPLE_GROUP + t % RESAMPLE_GROUP] =
                (int16_t)(w[t] & ((1 << RESAMPLE_LOW_BITS) - 1));
        }
    }
    return 0;
}

static void copy_rows(const struct wit_image_view *src, uint8_t *out) {
    const size_t n = (size_t)RESAMPLE_CHANNELS * src->width;
    for (uint32_t y = 0; y < src->height; y++)
        memcpy(out + y * n, src->data + y * src->stride_bytes, n);
}

static bool vertical_goes_first(enum wit_image_pillow pillow, const struct wit_image_view *src,
                                uint32_t out_w, uint32_t out_h) {
    const int64_t w = src->width, h = src->height, ow = out_w, oh = out_h;
    switch (pillow) {
    case WIT_IMAGE_PILLOW_12_1:
        return false;
    case WIT_IMAGE_PILLOW_12_3:
        return h > 100 * w && oh < h;
    case WIT_IMAGE_PILLOW_13_0:
        break;
    }
    return oh < h && h - oh > 2 * (w - ow);
}

static int reserve_pass(struct wit_image_resizer *rs, uint64_t width, uint64_t height,
                        struct wit_error *err) {
    if (width * height > WIT_IMAGE_MAX_PIXELS)
        return wit_error_set(err, WIT_ELIMIT,
                             "the intermediate image of a resize would have %llu x %llu px",
                             (unsigned long long)width, (unsigned long long)height);
    rs->middle =
        reserve(rs->middle, &rs->middle_cap, (size_t)(width * height * RESAMPLE_CHANNELS), 1);
    if (!rs->middle)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for %llu x %llu px",
                             (unsigned long long)width, (unsigned long long)height);
    return 0;
}

/* Sums of one row of the vertical pass. */
static int reserve_sums(struct wit_image_resizer *rs, uint32_t width, struct wit_error *err) {
    rs->sums =
        reserve(rs->sums, &rs->sums_cap, (size_t)RESAMPLE_CHANNELS * width, sizeof *rs->sums);
    return rs->sums ? 0 : wit_error_set(err, WIT_ENOMEM, "out of memory for a row of a resize");
}

/* Only the rows that the vertical pass will read go through the horizontal one. */
static int resize_horizontal_first(struct wit_image_resizer *rs, const struct wit_image_view *src,
                                   uint8_t *out, struct wit_error *err) {
    const struct resample_axis *y = &rs->y;
    const uint32_t top = y->first[0];
    const uint32_t bottom = y->first[y->out - 1] + y->count[y->out - 1];
    int st = reserve_pass(rs, rs->x.out, bottom - top, err);
    if (st < 0)
        return st;
    rs->passes->horizontal(&rs->x, src, top, bottom, rs->middle);
    const struct wit_image_view middle = { rs->middle, (size_t)RESAMPLE_CHANNELS * rs->x.out,
                                           rs->x.out, bottom - top };
    rs->passes->vertical(y, &middle, top, rs->sums, out);
    return 0;
}

static int resize_vertical_first(struct wit_image_resizer *rs, const struct wit_image_view *src,
                                 uint8_t *out, struct wit_error *err) {
    int st = reserve_pass(rs, src->width, rs->y.out, err);
    if (st < 0)
        return st;
    rs->passes->vertical(&rs->y, src, 0, rs->sums, rs->middle);
    const struct wit_image_view middle = { rs->middle, (size_t)RESAMPLE_CHANNELS * src->width,
                                           src->width, rs->y.out };
    rs->passes->horizontal(&rs->x, &middle, 0, rs->y.out, out);
    return 0;
}

static int check_request(const struct wit_image_view *src, const float box[4], uint32_t out_w,
                         uint32_t out_h, struct wit_error *err) {
    if (!out_w || !out_h)
        return wit_error_set(err, WIT_EINVAL, "cannot resize to %ux%u px", out_w, out_h);
    if ((uint64_t)out_w * out_h > WIT_IMAGE_MAX_PIXELS)
        return wit_error_set(err, WIT_ELIMIT, "resize to %ux%u px is over the limit", out_w, out_h);
    /* Written so that a NaN fails. */
    if (!(box[0] >= 0 && box[1] >= 0 && box[0] < box[2] && box[1] < box[3] &&
          box[2] <= (float)src->width && box[3] <= (float)src->height))
        return wit_error_set(err, WIT_EINVAL, "box %g,%g - %g,%g is empty or not inside %ux%u px",
                             (double)box[0], (double)box[1], (double)box[2], (double)box[3],
                             src->width, src->height);
    return 0;
}

/* A box of whole pixels and of the size wanted is a copy. */
static bool is_plain_crop(const float box[4], uint32_t out_w, uint32_t out_h) {
    return box[0] == floorf(box[0]) && box[1] == floorf(box[1]) &&
           box[2] - box[0] == (float)out_w && box[3] - box[1] == (float)out_h;
}

int wit_image_resize(struct wit_image_resizer *rs, const struct wit_image_view *src,
                     const float box[4], uint32_t out_w, uint32_t out_h,
                     enum wit_image_pillow pillow, uint8_t *out, struct wit_error *err) {
    int st = check_request(src, box, out_w, out_h, err);
    if (st < 0)
        return st;
    if (is_plain_crop(box, out_w, out_h)) {
        struct wit_image_view part;
        st = wit_image_view_crop(src, (uint32_t)box[0], (uint32_t)box[1], out_w, out_h, &part, err);
        if (st == 0)
            copy_rows(&part, out);
        return st;
    }
    const bool horizontal =
        out_w != src->width || box[0] != 0 || box[2] != (float)out_w; /* else the identity */
    const bool vertical = out_h != src->height || box[1] != 0 || box[3] != (float)out_h;
    if (horizontal)
        st = axis_fill(rs, &rs->x, &filter_bicubic, src->width, box[0], box[2], out_w, err);
    if (st == 0 && vertical)
        st = axis_fill(rs, &rs->y, &filter_bicubic, src->height, box[1], box[3], out_h, err);
    if (st == 0 && vertical)
        st = reserve_sums(rs, src->width > out_w ? src->width : out_w, err);
    if (st < 0)
        return st;
    if (!vertical)
        rs->passes->horizontal(&rs->x, src, 0, src->height, out);
    else if (!horizontal)
        rs->passes->vertical(&rs->y, src, 0, rs->sums, out);
    else if (vertical_goes_first(pillow, src, out_w, out_h))
        st = resize_vertical_first(rs, src, out, err);
    else
        st = resize_horizontal_first(rs, src, out, err);
    return st;
}

int wit_image_resample(struct wit_image_resizer *rs, const struct wit_image_view *src,
                       const float box[4], enum wit_image_filter filter, uint32_t out_w,
                       uint32_t out_h, uint8_t *out, struct wit_error *err) {
    const struct filter *f = filter == WIT_IMAGE_AREA ? &filter_area : &filter_lanczos4;
    int st = check_request(src, box, out_w, out_h, err);
    if (st == 0)
        st = axis_fill(rs, &rs->x, f, src->width, box[0], box[2], out_w, err);
    if (st == 0)
        st = axis_fill(rs, &rs->y, f, src->height, box[1], box[3], out_h, err);
    if (st == 0)
        st = reserve_sums(rs, out_w, err);
    return st < 0 ? st : resize_horizontal_first(rs, src, out, err);
}
