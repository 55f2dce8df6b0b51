/*
 * loader_transform.c: from a decoded picture to the square that the model sees, with the rounding
 * of torchvision 0.x on Pillow images. docs/loader.md quotes the rules.
 */
#include "loader_private.h"

#include <math.h>
#include <stdlib.h>

struct wit_loader_transformer {
    struct wit_image_resizer *resizer;
    uint8_t *whole; /* the resized picture before its central square is taken */
    size_t whole_cap_bytes;
};

struct wit_loader_transformer *wit_loader_transformer_create(void) {
    struct wit_loader_transformer *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->resizer = wit_image_resizer_create();
    if (!t->resizer) {
        wit_loader_transformer_destroy(t);
        return NULL;
    }
    return t;
}

void wit_loader_transformer_destroy(struct wit_loader_transformer *t) {
    if (!t)
        return;
    wit_image_resizer_destroy(t->resizer);
    free(t->whole);
    free(t);
}

/* Python's round(): to the nearest, halves to the even neighbour; the default rounding mode. */
static uint32_t round_half_even(double v) {
    return (uint32_t)nearbyint(v);
}

struct wit_loader_box wit_loader_train_box(uint32_t width, uint32_t height, uint64_t seed,
                                           uint64_t position) {
    enum { TRIES = 10 };
    const double least_scale = 0.9, least_ratio = 3.0 / 4.0, most_ratio = 4.0 / 3.0;
    const double area = (double)width * height;
    struct wit_random r;
    wit_random_init(&r, seed, CROP_STREAM, position);
    for (int i = 0; i < TRIES; i++) {
        const double target = area * (least_scale + (1.0 - least_scale) * wit_random_unit(&r));
        const double log_ratio =
            log(least_ratio) + (log(most_ratio) - log(least_ratio)) * wit_random_unit(&r);
        const double ratio = exp(log_ratio);
        const uint32_t w = round_half_even(sqrt(target * ratio));
        const uint32_t h = round_half_even(sqrt(target / ratio));
        if (w > 0 && w <= width && h > 0 && h <= height) {
            const uint32_t y = (uint32_t)wit_random_below(&r, (uint64_t)height - h + 1);
            const uint32_t x = (uint32_t)wit_random_below(&r, (uint64_t)width - w + 1);
            return (struct wit_loader_box){ x, y, w, h };
        }
    }
    uint32_t w = width, h = height; /* the largest central part of an allowed shape */
    const double ratio = (double)width / height;
    if (ratio < least_ratio)
        h = round_half_even(width / least_ratio);
    else if (ratio > most_ratio)
        w = round_half_even(height * most_ratio);
    return (struct wit_loader_box){ (width - w) / 2, (height - h) / 2, w, h };
}

int wit_loader_crop_resize(struct wit_loader_transformer *t, const struct wit_image_view *src,
                           struct wit_loader_box box, uint32_t size, enum wit_image_pillow pillow,
                           uint8_t *out, struct wit_error *err) {
    struct wit_image_view part;
    int st = wit_image_view_crop(src, box.x, box.y, box.width, box.height, &part, err);
    if (st < 0)
        return st;
    const float whole[4] = { 0, 0, (float)part.width, (float)part.height };
    return wit_image_resize(t->resizer, &part, whole, size, size, pillow, out, err);
}

int wit_loader_eval_resize(struct wit_loader_transformer *t, const struct wit_image_view *src,
                           uint32_t size, enum wit_image_pillow pillow, uint8_t *out,
                           struct wit_error *err) {
    const bool tall = src->height > src->width;
    const uint64_t side_short = tall ? src->width : src->height;
    const uint64_t side_long = tall ? src->height : src->width;
    if (!side_short || !size)
        return wit_error_set(err, WIT_EINVAL, "cannot resize %ux%u px to %u", src->width,
                             src->height, size);
    const uint64_t scaled = side_short == size ? side_long : size * side_long / side_short;
    if (scaled * size > WIT_IMAGE_MAX_PIXELS)
        return wit_error_set(err, WIT_ELIMIT, "%ux%u px is too long a strip for %u px", src->width,
                             src->height, size);
    const uint32_t w = tall ? size : (uint32_t)scaled, h = tall ? (uint32_t)scaled : size;
    const size_t stride = (size_t)3 * w, bytes = stride * h;
    if (bytes > t->whole_cap_bytes) {
        free(t->whole);
        t->whole_cap_bytes = 0;
        t->whole = malloc(bytes);
        if (!t->whole)
            return wit_error_set(err, WIT_ENOMEM, "no memory for %ux%u px", w, h);
        t->whole_cap_bytes = bytes;
    }
    const float box[4] = { 0, 0, (float)src->width, (float)src->height };
    int st = wit_image_resize(t->resizer, src, box, w, h, pillow, t->whole, err);
    if (st < 0)
        return st;
    const size_t top = round_half_even((h - size) / 2.0), left = round_half_even((w - size) / 2.0);
    for (size_t y = 0; y < size; y++)
        memcpy(out + y * size * 3, t->whole + (top + y) * stride + left * 3, (size_t)size * 3);
    return 0;
}
