/* pictures.c: blots, encoded, collected, sealed. */
#include "pictures.h"
#include "collection.h"
#include "image/encode.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BLOTS = 150 };

static void must(int st, const struct wit_error *err) {
    if (st < 0)
        fail_msg("%s", err->text);
}

static uint8_t level(double v) {
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

void picture_encode(const struct picture *p, struct wit_buf *out) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_random r;
    double blots[BLOTS][6];
    uint8_t *rgb = wit_alloc_array((size_t)p->width * p->height, 3);
    assert_non_null(rgb);
    wit_random_init(&r, p->seed, 1, 1);
    for (int b = 0; b < BLOTS; b++)
        for (int k = 0; k < 6; k++)
            blots[b][k] = wit_random_unit(&r);
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++) {
            double v[3] = { 110, 110, 110 };
            for (int b = 0; b < BLOTS && p->seed; b++) {
                const double dx = (x + 0.5) / p->width - blots[b][0];
                const double dy = (y + 0.5) / p->height - blots[b][1];
                const double far = (dx * dx + dy * dy) / (0.0004 + 0.004 * blots[b][2]);
                for (int c = 0; c < 3 && far < 9; c++)
                    v[c] += 260 * (blots[b][3 + c] - 0.5) * exp(-far);
            }
            for (size_t c = 0; c < 3; c++)
                rgb[((size_t)y * p->width + x) * 3 + c] = level(v[c] + p->lighter);
        }
    const struct wit_image_view view = { rgb, 3 * (size_t)p->width, p->width, p->height };
    if (p->format == WIT_IMAGE_JPEG)
        must(jpeg_encode(&view, p->quality, out, &err), &err);
    else if (p->format == WIT_IMAGE_WEBP)
        must(webp_encode(&view, p->quality, out, &err), &err);
    else
        must(png_encode(&view, 1, out, &err), &err);
    free(rgb);
}

static void collect(struct wit_shards_collector *c, struct wit_str url, struct wit_str text,
                    struct wit_str bytes, const struct wit_image_info *info) {
    struct wit_error err = WIT_ERROR_INIT;
    const struct wit_shards_candidate candidate = {
        .url = url, .text = text, .source = WIT_SHARDS_ALT, .page = WIT_STR("http://p.test/")
    };
    const struct wit_shards_fetched fetched = {
        .url = url, .final_url = url, .bytes = bytes, .info = *info, .fetched_at_s = 1700000000
    };
    must(wit_shards_collector_add_candidate(c, &candidate, &err), &err);
    must(wit_shards_collector_add_image(c, &fetched, &err), &err);
}

void pictures_seal(const char *dir, const struct picture *pictures, size_t count, unsigned junk) {
    static const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    struct wit_buf bytes = WIT_BUF_INIT(1 << 24);
    struct wit_image_info info = { .format = WIT_IMAGE_JPEG,
                                   .width = 9,
                                   .height = 9,
                                   .components = 3,
                                   .bit_depth = 8,
                                   .orientation = 1 };
    must(wit_shards_collector_open(dir, &c, &err), &err);
    for (size_t i = 0; i < count; i++) {
        wit_buf_reset(&bytes);
        picture_encode(&pictures[i], &bytes);
        must(wit_image_walk(wit_buf_view(&bytes), &limits, &info, &err), &err);
        collect(c, wit_str_from(pictures[i].url), wit_str_from(pictures[i].text),
                wit_buf_view(&bytes), &info);
    }
    for (unsigned i = 0; i < junk; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://x.test/junk-%u", i);
        collect(c, wit_str_from(url), WIT_STR("broken"), wit_str_from(url), &info);
    }
    must(wit_shards_collector_commit(c, &err), &err);
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 1, &report, &err), &err);
    wit_buf_finish(&bytes);
}
