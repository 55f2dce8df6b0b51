/* test_reencode.c: sizes beside img2dataset's, filters beside their formulas, files that come out.
 */
#include "image/encode.h"
#include "image/wit_image_reencode.h"

#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct wit_image_limits defaults = WIT_IMAGE_LIMITS_DEFAULT;
static struct wit_error err;

static void must(int st) {
    if (st < 0)
        fail_msg("%s", err.text);
}

static struct wit_buf read_golden(const char *name) {
    struct wit_buf b = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/golden/image/%s", getenv("WIT_SOURCE_ROOT"), name);
    must(wit_file_read(path, &b, &err));
    return b;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

enum { KEEP, RATIO, LARGEST, BORDER, CROP };

/* What img2dataset 1.47.0 with albumentations 1.4.24 made of images of these sizes. */
static const struct {
    int mode;
    bool only_if_bigger;
    uint32_t size, width, height, out_width, out_height;
} sizes[] = {
    { KEEP, false, 333, 1, 1, 1, 1 },
    { KEEP, false, 256, 3, 500, 3, 500 },
    { KEEP, false, 100, 500, 3, 500, 3 },
    { KEEP, false, 100, 100, 100, 100, 100 },
    { KEEP, false, 333, 255, 255, 255, 255 },
    { KEEP, false, 333, 256, 256, 256, 256 },
    { KEEP, false, 333, 257, 100, 257, 100 },
    { KEEP, false, 100, 333, 517, 333, 517 },
    { KEEP, false, 100, 640, 480, 640, 480 },
    { KEEP, false, 100, 481, 640, 481, 640 },
    { KEEP, false, 333, 1000, 7, 1000, 7 },
    { KEEP, false, 64, 13, 29, 13, 29 },
    { KEEP, false, 64, 244, 607, 244, 607 },
    { KEEP, false, 100, 558, 134, 558, 134 },
    { KEEP, false, 64, 379, 619, 379, 619 },
    { KEEP, false, 256, 486, 641, 486, 641 },
    { KEEP, false, 64, 595, 68, 595, 68 },
    { KEEP, false, 256, 621, 14, 621, 14 },
    { RATIO, false, 256, 1, 1, 256, 256 },
    { RATIO, false, 333, 3, 500, 333, 55500 },
    { RATIO, false, 333, 500, 3, 55500, 333 },
    { RATIO, false, 64, 100, 100, 64, 64 },
    { RATIO, false, 64, 255, 255, 64, 64 },
    { RATIO, false, 64, 256, 256, 64, 64 },
    { RATIO, false, 333, 257, 100, 856, 333 },
    { RATIO, false, 256, 333, 517, 256, 397 },
    { RATIO, false, 256, 640, 480, 341, 256 },
    { RATIO, false, 100, 481, 640, 100, 133 },
    { RATIO, false, 64, 1000, 7, 9143, 64 },
    { RATIO, false, 256, 13, 29, 256, 571 },
    { RATIO, false, 64, 292, 128, 146, 64 },
    { RATIO, false, 64, 65, 494, 64, 486 },
    { RATIO, false, 64, 655, 496, 85, 64 },
    { RATIO, false, 64, 91, 353, 64, 248 },
    { RATIO, false, 100, 69, 421, 100, 610 },
    { RATIO, false, 333, 155, 21, 2458, 333 },
    { RATIO, true, 333, 1, 1, 1, 1 },
    { RATIO, true, 64, 3, 500, 3, 500 },
    { RATIO, true, 256, 500, 3, 500, 3 },
    { RATIO, true, 333, 100, 100, 100, 100 },
    { RATIO, true, 100, 255, 255, 100, 100 },
    { RATIO, true, 256, 256, 256, 256, 256 },
    { RATIO, true, 333, 257, 100, 257, 100 },
    { RATIO, true, 256, 333, 517, 256, 397 },
    { RATIO, true, 256, 640, 480, 341, 256 },
    { RATIO, true, 256, 481, 640, 256, 341 },
    { RATIO, true, 64, 1000, 7, 1000, 7 },
    { RATIO, true, 333, 13, 29, 13, 29 },
    { RATIO, true, 256, 299, 626, 256, 536 },
    { RATIO, true, 64, 270, 160, 108, 64 },
    { RATIO, true, 333, 44, 348, 44, 348 },
    { RATIO, true, 100, 322, 369, 100, 115 },
    { RATIO, true, 64, 142, 387, 64, 174 },
    { RATIO, true, 256, 386, 472, 256, 313 },
    { LARGEST, false, 256, 1, 1, 256, 256 },
    { LARGEST, false, 256, 3, 500, 2, 256 },
    { LARGEST, false, 333, 500, 3, 333, 2 },
    { LARGEST, false, 256, 100, 100, 256, 256 },
    { LARGEST, false, 256, 255, 255, 256, 256 },
    { LARGEST, false, 100, 256, 256, 100, 100 },
    { LARGEST, false, 256, 257, 100, 256, 100 },
    { LARGEST, false, 100, 333, 517, 64, 100 },
    { LARGEST, false, 256, 640, 480, 256, 192 },
    { LARGEST, false, 256, 481, 640, 192, 256 },
    { LARGEST, false, 256, 1000, 7, 256, 2 },
    { LARGEST, false, 256, 13, 29, 115, 256 },
    { LARGEST, false, 333, 478, 362, 333, 252 },
    { LARGEST, false, 64, 696, 362, 64, 33 },
    { LARGEST, false, 64, 624, 286, 64, 29 },
    { LARGEST, false, 100, 502, 23, 100, 5 },
    { LARGEST, false, 256, 604, 63, 256, 27 },
    { LARGEST, false, 100, 693, 22, 100, 3 },
    { LARGEST, true, 256, 1, 1, 1, 1 },
    { LARGEST, true, 100, 3, 500, 1, 100 },
    { LARGEST, true, 333, 500, 3, 333, 2 },
    { LARGEST, true, 100, 100, 100, 100, 100 },
    { LARGEST, true, 64, 255, 255, 64, 64 },
    { LARGEST, true, 256, 256, 256, 256, 256 },
    { LARGEST, true, 100, 257, 100, 100, 39 },
    { LARGEST, true, 333, 333, 517, 214, 333 },
    { LARGEST, true, 256, 640, 480, 256, 192 },
    { LARGEST, true, 100, 481, 640, 75, 100 },
    { LARGEST, true, 64, 1000, 7, 64, 1 },
    { LARGEST, true, 64, 13, 29, 13, 29 },
    { LARGEST, true, 100, 670, 276, 100, 41 },
    { LARGEST, true, 256, 245, 336, 187, 256 },
    { LARGEST, true, 100, 192, 695, 28, 100 },
    { LARGEST, true, 256, 446, 666, 171, 256 },
    { LARGEST, true, 256, 100, 105, 100, 105 },
    { LARGEST, true, 64, 616, 330, 64, 34 },
    { BORDER, false, 256, 1, 1, 256, 256 },
    { BORDER, false, 333, 3, 500, 333, 333 },
    { BORDER, false, 333, 500, 3, 333, 333 },
    { BORDER, false, 64, 100, 100, 64, 64 },
    { BORDER, false, 333, 255, 255, 333, 333 },
    { BORDER, false, 100, 256, 256, 100, 100 },
    { BORDER, false, 100, 257, 100, 100, 100 },
    { BORDER, false, 64, 333, 517, 64, 64 },
    { BORDER, false, 333, 640, 480, 333, 333 },
    { BORDER, false, 333, 481, 640, 333, 333 },
    { BORDER, false, 100, 1000, 7, 100, 100 },
    { BORDER, false, 64, 13, 29, 64, 64 },
    { BORDER, false, 333, 635, 354, 333, 333 },
    { BORDER, false, 256, 604, 133, 256, 256 },
    { BORDER, false, 256, 432, 299, 256, 256 },
    { BORDER, false, 100, 531, 278, 100, 100 },
    { BORDER, false, 64, 476, 355, 64, 64 },
    { BORDER, false, 256, 650, 427, 256, 256 },
    { BORDER, true, 100, 1, 1, 1, 1 },
    { BORDER, true, 256, 3, 500, 256, 256 },
    { BORDER, true, 100, 500, 3, 100, 100 },
    { BORDER, true, 64, 100, 100, 64, 64 },
    { BORDER, true, 333, 255, 255, 255, 255 },
    { BORDER, true, 64, 256, 256, 64, 64 },
    { BORDER, true, 64, 257, 100, 64, 64 },
    { BORDER, true, 256, 333, 517, 256, 256 },
    { BORDER, true, 100, 640, 480, 100, 100 },
    { BORDER, true, 256, 481, 640, 256, 256 },
    { BORDER, true, 333, 1000, 7, 333, 333 },
    { BORDER, true, 64, 13, 29, 13, 29 },
    { BORDER, true, 256, 123, 251, 123, 251 },
    { BORDER, true, 100, 47, 36, 47, 36 },
    { BORDER, true, 100, 525, 204, 100, 100 },
    { BORDER, true, 64, 441, 591, 64, 64 },
    { BORDER, true, 64, 51, 14, 51, 14 },
    { BORDER, true, 100, 493, 124, 100, 100 },
    { CROP, false, 333, 1, 1, 333, 333 },
    { CROP, false, 64, 3, 500, 64, 64 },
    { CROP, false, 333, 500, 3, 333, 333 },
    { CROP, false, 256, 100, 100, 256, 256 },
    { CROP, false, 64, 255, 255, 64, 64 },
    { CROP, false, 64, 256, 256, 64, 64 },
    { CROP, false, 100, 257, 100, 100, 100 },
    { CROP, false, 64, 333, 517, 64, 64 },
    { CROP, false, 64, 640, 480, 64, 64 },
    { CROP, false, 64, 481, 640, 64, 64 },
    { CROP, false, 64, 1000, 7, 64, 64 },
    { CROP, false, 333, 13, 29, 333, 333 },
    { CROP, false, 64, 246, 281, 64, 64 },
    { CROP, false, 64, 132, 8, 64, 64 },
    { CROP, false, 333, 500, 644, 333, 333 },
    { CROP, false, 256, 585, 410, 256, 256 },
    { CROP, false, 100, 52, 278, 100, 100 },
    { CROP, false, 256, 255, 276, 256, 256 },
    { CROP, true, 64, 1, 1, 1, 1 },
    { CROP, true, 100, 3, 500, 3, 500 },
    { CROP, true, 64, 500, 3, 500, 3 },
    { CROP, true, 333, 100, 100, 100, 100 },
    { CROP, true, 64, 255, 255, 64, 64 },
    { CROP, true, 100, 256, 256, 100, 100 },
    { CROP, true, 64, 257, 100, 64, 64 },
    { CROP, true, 256, 333, 517, 256, 256 },
    { CROP, true, 333, 640, 480, 333, 333 },
    { CROP, true, 333, 481, 640, 333, 333 },
    { CROP, true, 64, 1000, 7, 1000, 7 },
    { CROP, true, 333, 13, 29, 13, 29 },
    { CROP, true, 64, 74, 360, 64, 64 },
    { CROP, true, 256, 396, 663, 256, 256 },
    { CROP, true, 333, 399, 601, 333, 333 },
    { CROP, true, 256, 312, 370, 256, 256 },
    { CROP, true, 333, 272, 196, 272, 196 },
    { CROP, true, 333, 337, 439, 333, 333 },
};

static void sizes_are_those_of_img2dataset(void **state) {
    for (size_t i = 0; i < WIT_COUNT_OF(sizes); i++) {
        struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
        struct wit_image_resize_plan plan;
        cfg.mode = (enum wit_image_resize_mode)sizes[i].mode;
        cfg.size_px = sizes[i].size;
        cfg.only_if_bigger = sizes[i].only_if_bigger;
        must(wit_image_resize_plan(&cfg, sizes[i].width, sizes[i].height, &plan, &err));
        if (plan.out_width != sizes[i].out_width || plan.out_height != sizes[i].out_height)
            fail_msg("case %zu: %ux%u", i, plan.out_width, plan.out_height);
        /* Cut or padded, the scaled image and the result lie inside one another. */
        if (plan.crop_x + plan.out_width > plan.scaled_width)
            assert_true(plan.pad_x + plan.scaled_width <= plan.out_width);
        if (plan.crop_y + plan.out_height > plan.scaled_height)
            assert_true(plan.pad_y + plan.scaled_height <= plan.out_height);
        assert_true(plan.changed ||
                    (plan.out_width == sizes[i].width && plan.out_height == sizes[i].height));
    }
}

static void thin_images_do_not_grow_without_end(void **state) {
    struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
    struct wit_image_resize_plan plan = { .out_width = 77 };
    cfg.mode = WIT_IMAGE_KEEP_RATIO;
    cfg.size_px = WIT_IMAGE_RESIZE_MOST_PX;
    assert_int_equal(wit_image_resize_plan(&cfg, 1, 65535, &plan, &err), WIT_ELIMIT);
    assert_int_equal(plan.out_width, 77);
}

static void sizes_are_refused_by_name(void **state) {
    struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
    const struct wit_image_info info = { .width = 300, .height = 100 };
    assert_null(wit_image_reencode_refuse(&cfg, &info));
    cfg.min_size_px = 100, cfg.max_area_px = 30000, cfg.max_aspect = 3;
    assert_null(wit_image_reencode_refuse(&cfg, &info));
    cfg.max_aspect = 2.99;
    assert_string_equal(wit_image_reencode_refuse(&cfg, &info), "image_aspect");
    cfg.max_area_px = 29999;
    assert_string_equal(wit_image_reencode_refuse(&cfg, &info), "image_too_large");
    cfg.min_size_px = 101;
    assert_string_equal(wit_image_reencode_refuse(&cfg, &info), "image_too_small");
}

static void settings_are_checked(void **state) {
    static const struct {
        enum wit_image_format format;
        int quality;
        int want;
    } cases[] = {
        { WIT_IMAGE_JPEG, 100, 0 },        { WIT_IMAGE_JPEG, 0, WIT_EINVAL },
        { WIT_IMAGE_PNG, 0, 0 },           { WIT_IMAGE_PNG, 95, WIT_EINVAL },
        { WIT_IMAGE_WEBP, 101, 0 },        { WIT_IMAGE_WEBP, 102, WIT_EINVAL },
        { WIT_IMAGE_GIF, 90, WIT_EINVAL },
    };
    enum wit_image_resize_mode mode = WIT_IMAGE_KEEP_SIZE;
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
        cfg.format = cases[i].format;
        cfg.quality = cases[i].quality;
        assert_int_equal(wit_image_reencode_config_check(&cfg, &err), cases[i].want);
    }
    must(wit_image_resize_mode_parse(WIT_STR("center_crop"), &mode));
    assert_int_equal(mode, WIT_IMAGE_CENTER_CROP);
    assert_int_equal(wit_image_resize_mode_parse(WIT_STR("crop"), &mode), WIT_EINVAL);
}

/* ---- filters -------------------------------------------------------------------------------- */

static struct wit_image_view noise(uint8_t *pixels, uint32_t w, uint32_t h, uint64_t seed) {
    for (size_t i = 0; i < (size_t)3 * w * h; i++)
        pixels[i] = (uint8_t)wit_mix64(seed + i);
    return (struct wit_image_view){ pixels, (size_t)3 * w, w, h };
}

/* The mean over what an output pixel covers, in both directions at once. */
static double area_of(const struct wit_image_view *v, uint32_t ow, uint32_t oh, uint32_t x,
                      uint32_t y, uint32_t c) {
    const double sx = (double)v->width / ow, sy = (double)v->height / oh;
    double sum = 0;
    for (uint32_t j = 0; j < v->height; j++)
        for (uint32_t i = 0; i < v->width; i++) {
            double w = fmin(i + 1.0, (x + 1) * sx) - fmax(i, x * sx);
            double h = fmin(j + 1.0, (y + 1) * sy) - fmax(j, y * sy);
            if (w > 0 && h > 0)
                sum += w * h * v->data[j * v->stride_bytes + 3 * i + c];
        }
    return sum / (sx * sy);
}

static double lanczos(double x) {
    const double px = 3.14159265358979323846 * x;
    return x == 0 ? 1 : fabs(x) >= 4 ? 0 : sin(px) / px * sin(px / 4) / (px / 4);
}

/* Eight by eight taps, those outside read from the border, negative results and overflow cut. */
static double lanczos_of(const struct wit_image_view *v, uint32_t ow, uint32_t oh, uint32_t x,
                         uint32_t y, uint32_t c) {
    const double cx = (x + 0.5) * v->width / ow - 0.5, cy = (y + 0.5) * v->height / oh - 0.5;
    double sum = 0, weights = 0;
    for (int j = (int)floor(cy) - 3; j <= (int)floor(cy) + 4; j++)
        for (int i = (int)floor(cx) - 3; i <= (int)floor(cx) + 4; i++) {
            const int ci = i < 0 ? 0 : i >= (int)v->width ? (int)v->width - 1 : i;
            const int cj = j < 0 ? 0 : j >= (int)v->height ? (int)v->height - 1 : j;
            const double w = lanczos(cx - i) * lanczos(cy - j);
            sum += w * v->data[(size_t)cj * v->stride_bytes + 3 * (size_t)ci + c];
            weights += w;
        }
    return fmin(fmax(sum / weights, 0), 255);
}

static void check_filter(enum wit_image_filter filter, uint32_t w, uint32_t h, uint32_t ow,
                         uint32_t oh, double most) {
    static uint8_t pixels[64 * 64 * 3], out[64 * 64 * 3];
    struct wit_image_resizer *rs = wit_image_resizer_create();
    struct wit_image_view v = noise(pixels, w, h, w * 1000 + h);
    const float box[4] = { 0, 0, (float)w, (float)h };
    if (filter == WIT_IMAGE_LANCZOS4) /* so that the 8 bits between the passes cut nothing off */
        for (size_t i = 0; i < sizeof pixels; i++)
            pixels[i] = (uint8_t)(96 + pixels[i] / 4);
    must(wit_image_resample(rs, &v, box, filter, ow, oh, out, &err));
    for (uint32_t y = 0; y < oh; y++)
        for (uint32_t x = 0; x < ow; x++)
            for (uint32_t c = 0; c < 3; c++) {
                const double want = filter == WIT_IMAGE_AREA ? area_of(&v, ow, oh, x, y, c)
                                                             : lanczos_of(&v, ow, oh, x, y, c);
                const double got = out[(y * ow + x) * 3 + c];
                if (fabs(got - want) > most)
                    fail_msg("%ux%u to %ux%u at %u,%u: %g, not %g", w, h, ow, oh, x, y, got, want);
            }
    wit_image_resizer_destroy(rs);
}

/* Rounding happens twice, once behind each pass. */
static void filters_equal_their_formulas(void **state) {
    static const uint32_t smaller[][4] = { { 64, 64, 32, 32 }, { 61, 47, 13, 10 }, { 64, 3, 21, 1 },
                                           { 9, 64, 1, 7 },    { 50, 40, 49, 39 }, { 5, 5, 5, 4 } };
    static const uint32_t larger[][4] = {
        { 16, 16, 32, 32 }, { 13, 7, 64, 34 }, { 1, 1, 9, 9 }, { 3, 2, 64, 43 }, { 30, 31, 32, 33 }
    };
    for (size_t i = 0; i < WIT_COUNT_OF(smaller); i++)
        check_filter(WIT_IMAGE_AREA, smaller[i][0], smaller[i][1], smaller[i][2], smaller[i][3],
                     1.01);
    for (size_t i = 0; i < WIT_COUNT_OF(larger); i++)
        check_filter(WIT_IMAGE_LANCZOS4, larger[i][0], larger[i][1], larger[i][2], larger[i][3],
                     1.3);
}

/* ---- files ---------------------------------------------------------------------------------- */

struct reencoded {
    struct wit_buf file;
    struct wit_image_info stored;
    struct wit_image_pixels px; /* what the file decodes to */
};

/* One image through the reencoder and back to pixels. */
static void reencode(const struct wit_image_reencode_config *cfg, struct wit_str bytes,
                     struct reencoded *out) {
    struct wit_image_reencoder *re = wit_image_reencoder_create();
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct wit_image_info info, walked;
    *out = (struct reencoded){ .file = WIT_BUF_INIT(1 << 22), .px = WIT_IMAGE_PIXELS_INIT };
    must(wit_image_walk(bytes, &defaults, &info, &err));
    int st = wit_image_reencode(re, cfg, bytes, &info, &out->file, &out->stored, &err);
    must(st);
    assert_int_equal(st, 1);
    must(wit_image_walk(wit_buf_view(&out->file), &defaults, &walked, &err));
    assert_int_equal(walked.format, cfg->format);
    assert_int_equal(walked.width, out->stored.width);
    assert_int_equal(walked.height, out->stored.height);
    assert_int_equal(walked.components, out->stored.components);
    assert_false(walked.alpha);
    assert_int_equal(out->stored.orientation, info.orientation);
    must(wit_image_decode_rgb(dec, wit_buf_view(&out->file), &defaults, &out->px, &err));
    wit_image_decoder_destroy(dec);
    wit_image_reencoder_destroy(re);
}

static void reencoded_finish(struct reencoded *r) {
    wit_buf_finish(&r->file);
    wit_image_pixels_finish(&r->px);
}

static void assert_near(const char *what, const struct wit_image_pixels *px, struct wit_str want,
                        int most) {
    assert_int_equal(want.len, (size_t)3 * px->width * px->height);
    for (size_t i = 0; i < want.len; i++)
        if (abs(px->data[i] - (uint8_t)want.data[i]) > most)
            fail_msg("%s: byte %zu is %u, not %u", what, i, px->data[i], (uint8_t)want.data[i]);
}

/* Alpha is a share of the colour over white; the golden files are Pillow's. */
static void alpha_lies_on_white(void **state) {
    static const char *const names[] = { "png-rgba.png",
                                         "png-grey-alpha.png",
                                         "png-palette-trns.png",
                                         "png-rgb-trns.png",
                                         "png-rgba-16bit.png",
                                         "webp-lossy-alpha.webp",
                                         "webp-lossless-alpha.webp",
                                         "gif-transparent.gif",
                                         "gif-inset-transparent.gif" };
    struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
    cfg.format = WIT_IMAGE_PNG;
    cfg.quality = 1;
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++) {
        char path[128];
        snprintf(path, sizeof path, "images/%s", names[i]);
        struct wit_buf in = read_golden(path);
        snprintf(path, sizeof path, "white/%.*s.rgb", (int)(strchr(names[i], '.') - names[i]),
                 names[i]);
        struct wit_buf want = read_golden(path);
        struct reencoded r;
        reencode(&cfg, wit_buf_view(&in), &r);
        assert_near(names[i], &r.px, wit_buf_view(&want), 1);
        reencoded_finish(&r);
        wit_buf_finish(&want);
        wit_buf_finish(&in);
    }
}

static double mean_difference(const uint8_t *a, const uint8_t *b, size_t bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum += (uint64_t)abs(a[i] - b[i]);
    return (double)sum / (double)bytes;
}

static void every_format_comes_back(void **state) {
    static const struct {
        enum wit_image_format format;
        int quality;
        double most; /* levels, in the mean: colours of this picture are finer than 4:2:0 */
    } cases[] = { { WIT_IMAGE_PNG, 9, 0 },
                  { WIT_IMAGE_WEBP, 101, 0 },
                  { WIT_IMAGE_WEBP, 95, 16 },
                  { WIT_IMAGE_JPEG, 95, 16 } };
    struct wit_buf in = read_golden("images/jpeg-444.jpg"),
                   want = read_golden("images/jpeg-444.rgb");
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
        struct reencoded r;
        cfg.format = cases[i].format;
        cfg.quality = cases[i].quality;
        reencode(&cfg, wit_buf_view(&in), &r);
        const double mean = mean_difference(r.px.data, (const uint8_t *)want.data, want.len);
        if (mean > cases[i].most)
            fail_msg("case %zu differs by %.2f", i, mean);
        reencoded_finish(&r);
    }
    wit_buf_finish(&in);
    wit_buf_finish(&want);
}

/* Waves, so that a shift by half a pixel would show. */
static struct wit_buf large_jpeg(uint32_t w, uint32_t h) {
    struct wit_buf file = WIT_BUF_INIT(1 << 22);
    uint8_t *pixels = malloc((size_t)3 * w * h);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (uint32_t c = 0; c < 3; c++)
                pixels[((size_t)y * w + x) * 3 + c] =
                    (uint8_t)(128 + 90 * sin(x * 0.02 * (c + 1)) * cos(y * 0.03));
    const struct wit_image_view v = { pixels, (size_t)3 * w, w, h };
    must(jpeg_encode(&v, 95, &file, &err));
    free(pixels);
    return file;
}

/* Decoded at a fraction of its size, a JPEG gives what it gives when it is decoded whole. */
static void a_cheap_decode_is_near_the_whole_one(void **state) {
    static const uint32_t px[][2] = { { 801, 607 }, { 1023, 300 }, { 403, 1201 } };
    struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
    struct wit_image_resizer *rs = wit_image_resizer_create();
    struct wit_image_decoder *dec = wit_image_decoder_create();
    cfg.mode = WIT_IMAGE_KEEP_RATIO_LARGEST;
    cfg.format = WIT_IMAGE_PNG;
    cfg.quality = 1;
    for (size_t i = 0; i < WIT_COUNT_OF(px); i++)
        for (uint32_t size = 60; size <= 240; size *= 2) {
            struct wit_buf file = large_jpeg(px[i][0], px[i][1]);
            struct wit_image_pixels whole = WIT_IMAGE_PIXELS_INIT;
            struct reencoded r;
            cfg.size_px = size;
            reencode(&cfg, wit_buf_view(&file), &r);
            must(wit_image_decode_rgb(dec, wit_buf_view(&file), &defaults, &whole, &err));
            const struct wit_image_view v = wit_image_view_of(&whole);
            const float box[4] = { 0, 0, (float)v.width, (float)v.height };
            const size_t bytes = (size_t)3 * r.px.width * r.px.height;
            uint8_t *want = malloc(bytes);
            must(wit_image_resample(rs, &v, box, WIT_IMAGE_AREA, r.px.width, r.px.height, want,
                                    &err));
            const double mean = mean_difference(want, r.px.data, bytes);
            if (mean > 1.0)
                fail_msg("%ux%u to %u: differs by %.2f", px[i][0], px[i][1], size, mean);
            free(want);
            reencoded_finish(&r);
            wit_image_pixels_finish(&whole);
            wit_buf_finish(&file);
        }
    wit_image_decoder_destroy(dec);
    wit_image_resizer_destroy(rs);
}

/* White beside a landscape's top and bottom, and the picture's own middle. */
static void borders_are_white_and_crops_central(void **state) {
    struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
    struct wit_buf in = read_golden("images/png-rgb.png"),
                   whole = read_golden("images/png-rgb.rgb");
    struct reencoded r;
    cfg.format = WIT_IMAGE_PNG;
    cfg.quality = 1;
    cfg.size_px = 31; /* its width: nothing is resampled */
    cfg.mode = WIT_IMAGE_BORDER;
    reencode(&cfg, wit_buf_view(&in), &r);
    assert_int_equal(r.px.height, 31);
    for (uint32_t y = 0; y < 31; y++)
        for (uint32_t i = 0; i < 93; i++) {
            const uint8_t want = y < 7 || y >= 24 ? 255 : (uint8_t)whole.data[(y - 7) * 93 + i];
            assert_int_equal(r.px.data[y * 93 + i], want);
        }
    reencoded_finish(&r);
    cfg.size_px = 17; /* its height */
    cfg.mode = WIT_IMAGE_CENTER_CROP;
    reencode(&cfg, wit_buf_view(&in), &r);
    assert_int_equal(r.px.width, 17);
    for (uint32_t y = 0; y < 17; y++)
        assert_memory_equal(r.px.data + y * 51, whole.data + y * 93 + 21, 51);
    reencoded_finish(&r);
    wit_buf_finish(&in);
    wit_buf_finish(&whole);
}

static void bytes_may_stay_as_they_are(void **state) {
    struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
    struct wit_image_reencoder *re = wit_image_reencoder_create();
    struct wit_buf in = read_golden("images/jpeg-420.jpg"), out = WIT_BUF_INIT(1 << 20);
    struct wit_image_info info, stored;
    cfg.skip_reencode = cfg.only_if_bigger = true;
    cfg.mode = WIT_IMAGE_KEEP_RATIO_LARGEST;
    must(wit_image_walk(wit_buf_view(&in), &defaults, &info, &err));
    assert_int_equal(wit_image_reencode(re, &cfg, wit_buf_view(&in), &info, &out, &stored, &err),
                     0);
    assert_int_equal(out.len, 0);
    assert_int_equal(stored.width, info.width);
    cfg.size_px = 20;
    assert_int_equal(wit_image_reencode(re, &cfg, wit_buf_view(&in), &info, &out, &stored, &err),
                     1);
    cfg.size_px = 256, cfg.format = WIT_IMAGE_WEBP;
    assert_int_equal(wit_image_reencode(re, &cfg, wit_buf_view(&in), &info, &out, &stored, &err),
                     1);
    wit_buf_finish(&in);
    wit_buf_finish(&out);
    wit_image_reencoder_destroy(re);
}

static void failures_are_named(void **state) {
    static const enum wit_image_format formats[] = { WIT_IMAGE_JPEG, WIT_IMAGE_PNG,
                                                     WIT_IMAGE_WEBP };
    struct wit_image_reencoder *re = wit_image_reencoder_create();
    struct wit_buf in = read_golden("images/jpeg-420.jpg"), small = WIT_BUF_INIT(100);
    struct wit_image_info info, stored;
    must(wit_image_walk(wit_buf_view(&in), &defaults, &info, &err));
    for (size_t i = 0; i < WIT_COUNT_OF(formats); i++) {
        struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
        cfg.format = formats[i];
        cfg.quality = 5;
        assert_int_equal(wit_image_reencode(re, &cfg, wit_buf_view(&in), &info, &small, &stored,
                                            &err),
                         WIT_ELIMIT);
        wit_buf_finish(&small);
        struct wit_buf out = WIT_BUF_INIT(1 << 20);
        assert_int_equal(wit_image_reencode(re, &cfg, wit_str_of(in.data, in.len / 2), &info, &out,
                                            &stored, &err),
                         WIT_EFORMAT);
        wit_buf_finish(&out);
    }
    must(wit_image_reencoder_verify(re, wit_buf_view(&in), &err));
    assert_int_equal(wit_image_reencoder_verify(re, wit_str_of(in.data, in.len - 2), &err),
                     WIT_EFORMAT);
    wit_buf_finish(&in);
    wit_image_reencoder_destroy(re);
}

/* glibc's count of what is mapped for large blocks; a sanitizer's allocator has none and says 0. */
static size_t mapped_bytes(void) {
    return mallinfo2().hblkhd;
}

static void what_a_large_image_took_is_given_back(void **state) {
    enum { SIDE_PX = 6000 };
    struct wit_image_pixels px = { .data = calloc(SIDE_PX, (size_t)3 * SIDE_PX),
                                   .width = SIDE_PX,
                                   .height = SIDE_PX };
    const struct wit_image_view view = wit_image_view_of(&px);
    struct wit_buf png = WIT_BUF_INIT(64 << 20), out = png;
    struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
    struct wit_image_info info, stored;
    assert_non_null(px.data);
    must(png_encode(&view, 1, &png, &err));
    wit_image_pixels_finish(&px);
    must(wit_image_walk(wit_buf_view(&png), &defaults, &info, &err));
    struct wit_image_reencoder *re = wit_image_reencoder_create();
    assert_non_null(re);
    cfg.mode = WIT_IMAGE_KEEP_RATIO;
    cfg.size_px = 64;
    for (int i = 0; i < 2; i++) { /* it works again afterwards */
        const size_t before = mapped_bytes();
        must(wit_image_reencode(re, &cfg, wit_buf_view(&png), &info, &out, &stored, &err));
        assert_int_equal(stored.width, 64);
        assert_in_range(mapped_bytes(), 0, before + (16 << 20));
        must(wit_image_reencoder_verify(re, wit_buf_view(&png), &err));
        assert_in_range(mapped_bytes(), 0, before + (16 << 20));
    }
    wit_image_reencoder_destroy(re);
    wit_buf_finish(&png);
    wit_buf_finish(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_img2dataset),
        cmocka_unit_test(thin_images_do_not_grow_without_end),
        cmocka_unit_test(sizes_are_refused_by_name),
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test(filters_equal_their_formulas),
        cmocka_unit_test(alpha_lies_on_white),
        cmocka_unit_test(every_format_comes_back),
        cmocka_unit_test(a_cheap_decode_is_near_the_whole_one),
        cmocka_unit_test(borders_are_white_and_crops_central),
        cmocka_unit_test(bytes_may_stay_as_they_are),
        cmocka_unit_test(failures_are_named),
        cmocka_unit_test(what_a_large_image_took_is_given_back),
    };
    return cmocka_run_group_tests_name("reencode", tests, NULL, NULL);
}
