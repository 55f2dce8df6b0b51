/* test_pixels.c: decode and resize against Pillow's results, and the resize against its plain twin.
 */
#include "image/resample.h"
#include "image/wit_image.h"
#include "resample_ref.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct wit_image_limits defaults = WIT_IMAGE_LIMITS_DEFAULT;

static struct wit_buf read_golden(const char *name) {
    struct wit_buf b = WIT_BUF_INIT(1 << 20);
    struct wit_error err = WIT_ERROR_INIT;
    char path[WIT_PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/golden/image/%s", getenv("WIT_SOURCE_ROOT"), name);
    if (wit_file_read(path, &b, &err) < 0)
        fail_msg("%s", err.text);
    return b;
}

static void decode(struct wit_image_decoder *dec, const char *name, struct wit_image_pixels *px) {
    char path[256];
    snprintf(path, sizeof path, "images/%s", name);
    struct wit_buf b = read_golden(path);
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_image_decode_rgb(dec, wit_buf_view(&b), &defaults, px, &err) < 0)
        fail_msg("%s: %s", name, err.text);
    wit_buf_finish(&b);
}

static void assert_bytes(const char *what, const uint8_t *got, const struct wit_buf *want,
                         size_t bytes) {
    assert_int_equal(want->len, bytes);
    for (size_t i = 0; i < bytes; i++)
        if (got[i] != (uint8_t)want->data[i])
            fail_msg("%s: byte %zu is %u, Pillow has %u", what, i, got[i], (uint8_t)want->data[i]);
}

static void decodes_as_pillow(void **state) {
    struct wit_strings names;
    char path[WIT_PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/golden/image/images", getenv("WIT_SOURCE_ROOT"));
    assert_int_equal(wit_dir_list(path, &names, NULL), 0);
    struct wit_image_decoder *dec = wit_image_decoder_create(); /* one for all: reuse is the rule */
    struct wit_image_pixels px = WIT_IMAGE_PIXELS_INIT;
    size_t cases = 0;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        if (wit_str_ends_with(wit_str_from(name), WIT_STR(".rgb")))
            continue;
        decode(dec, name, &px);
        snprintf(path, sizeof path, "images/%.*s.rgb", (int)(strrchr(name, '.') - name), name);
        struct wit_buf want = read_golden(path);
        assert_bytes(name, px.data, &want, (size_t)3 * px.width * px.height);
        wit_buf_finish(&want);
        cases++;
    }
    assert_true(cases >= 50);
    wit_image_pixels_finish(&px);
    wit_image_decoder_destroy(dec);
    wit_strings_finish(&names);
}

/* A cut file fails whatever came out before the cut; the next good one decodes as ever. */
static void cut_files_fail_and_leave_the_decoder_usable(void **state) {
    static const char *const names[] = { "jpeg-420.jpg",    "jpeg-progressive.jpg",
                                         "png-rgb.png",     "png-interlaced.png",
                                         "webp-lossy.webp", "webp-animated.webp",
                                         "gif-palette.gif", "gif-inset.gif" };
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct wit_image_pixels px = WIT_IMAGE_PIXELS_INIT;
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++) {
        char path[256];
        snprintf(path, sizeof path, "images/%s", names[i]);
        struct wit_buf b = read_golden(path);
        /* Behind a PNG's last row stand a checksum and the empty IEND: not needed for pixels. */
        size_t needed = strstr(names[i], "png") ? b.len - 24 : b.len - 1;
        for (size_t len = 0; len < needed; len += 1 + len / 16) {
            struct wit_error err = WIT_ERROR_INIT;
            uint8_t *exact = malloc(len ? len : 1);
            memcpy(exact, b.data, len);
            int st = wit_image_decode_rgb(dec, wit_str_of(exact, len), &defaults, &px, &err);
            if (st == 0)
                fail_msg("%s: %zu of %zu bytes decode", names[i], len, b.len);
            assert_true(err.text[0]);
            assert_null(strstr(err.text, "scans")); /* it is cut, not over a limit */
            assert_int_equal(px.width, 0);
            free(exact);
        }
        decode(dec, names[i], &px);
        wit_buf_finish(&b);
    }
    wit_image_pixels_finish(&px);
    wit_image_decoder_destroy(dec);
}

/* The structure is sound, what the decoder itself finds is not. */
static void broken_data_fail_though_the_walk_passes(void **state) {
    static const struct {
        const char *name;
        size_t at; /* from the end */
    } cases[] = { { "images/webp-lossless.webp", 1000 }, { "images/gif-past-table.gif", 30 } };
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct wit_image_pixels px = WIT_IMAGE_PIXELS_INIT;
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_buf b = read_golden(cases[i].name);
        struct wit_image_info info;
        struct wit_error err = WIT_ERROR_INIT;
        const size_t from = b.len > cases[i].at ? b.len - cases[i].at : b.len / 2;
        memset(b.data + from, 0xff, 12);
        assert_int_equal(wit_image_walk(wit_buf_view(&b), &defaults, &info, NULL), 0);
        if (wit_image_decode_rgb(dec, wit_buf_view(&b), &defaults, &px, &err) != WIT_EFORMAT)
            fail_msg("%s decodes", cases[i].name);
        assert_true(err.text[0]);
        wit_buf_finish(&b);
    }
    wit_image_pixels_finish(&px);
    wit_image_decoder_destroy(dec);
}

static void decoding_holds_the_limits(void **state) {
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct wit_image_pixels px = WIT_IMAGE_PIXELS_INIT;
    struct wit_buf jpeg = read_golden("images/jpeg-progressive.jpg");
    struct wit_buf png = read_golden("images/png-rgb.png");
    const struct wit_image_limits small = { 500, 500 }, few = { 1 << 20, 3 };
    assert_int_equal(wit_image_decode_rgb(dec, wit_buf_view(&jpeg), &small, &px, NULL), WIT_ELIMIT);
    assert_int_equal(wit_image_decode_rgb(dec, wit_buf_view(&jpeg), &few, &px, NULL), WIT_ELIMIT);
    assert_int_equal(wit_image_decode_rgb(dec, wit_buf_view(&png), &small, &px, NULL), WIT_ELIMIT);
    struct wit_buf webp = read_golden("images/webp-lossy.webp");
    struct wit_buf gif = read_golden("images/gif-palette.gif");
    assert_int_equal(wit_image_decode_rgb(dec, wit_buf_view(&webp), &small, &px, NULL), WIT_ELIMIT);
    assert_int_equal(wit_image_decode_rgb(dec, wit_buf_view(&gif), &small, &px, NULL), WIT_ELIMIT);
    assert_int_equal(wit_image_decode_rgb(dec, WIT_STR("BM bitmap"), &few, &px, NULL),
                     WIT_EUNSUPPORTED);
    wit_buf_finish(&webp);
    wit_buf_finish(&gif);
    wit_buf_finish(&jpeg);
    wit_buf_finish(&png);
    wit_image_pixels_finish(&px);
    wit_image_decoder_destroy(dec);
}

static void resizes_as_pillow(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_json *cases = NULL;
    struct wit_buf text = read_golden("resize/cases.json");
    assert_int_equal(wit_json_parse(wit_buf_view(&text), "cases.json", &cases, &err), 0);
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct wit_image_resizer *rs = wit_image_resizer_create();
    struct wit_image_pixels px = WIT_IMAGE_PIXELS_INIT;
    assert_true(wit_json_size(cases) >= 10);
    for (size_t i = 0; i < wit_json_size(cases); i++) {
        const struct wit_json *c = wit_json_at(cases, i);
        struct wit_str image, name;
        float box[4];
        int64_t size[2];
        assert_int_equal(wit_json_string(wit_json_get(c, "image"), &image), 0);
        assert_int_equal(wit_json_string(wit_json_get(c, "out"), &name), 0);
        for (size_t k = 0; k < 4; k++) {
            double v;
            assert_int_equal(wit_json_number(wit_json_at(wit_json_get(c, "box"), k), &v), 0);
            box[k] = (float)v;
        }
        for (size_t k = 0; k < 2; k++)
            assert_int_equal(wit_json_int(wit_json_at(wit_json_get(c, "size"), k), &size[k]), 0);
        char path[256];
        snprintf(path, sizeof path, "%.*s", WIT_STR_FMT(image));
        decode(dec, path, &px);
        snprintf(path, sizeof path, "resize/%.*s", WIT_STR_FMT(name));
        struct wit_buf want = read_golden(path);
        const size_t bytes = (size_t)(3 * size[0] * size[1]);
        uint8_t *out = malloc(bytes);
        struct wit_image_view view = wit_image_view_of(&px);
        if (wit_image_resize(rs, &view, box, (uint32_t)size[0], (uint32_t)size[1],
                             WIT_IMAGE_PILLOW_13_0, out, &err) < 0)
            fail_msg("%s: %s", path, err.text);
        assert_bytes(path, out, &want, bytes);
        free(out);
        wit_buf_finish(&want);
    }
    wit_image_pixels_finish(&px);
    wit_image_resizer_destroy(rs);
    wit_image_decoder_destroy(dec);
    wit_json_destroy(cases);
    wit_buf_finish(&text);
}

static uint32_t random_size(struct wit_random *r) {
    return 1 + (uint32_t)wit_random_below(r, wit_random_below(r, 4) ? 40 : 400);
}

/* One random request on both; the seed of a failure is printed and can be put in `only`. */
static void check_against_twin(struct wit_image_resizer *rs, uint64_t seed) {
    struct wit_random r;
    wit_random_init(&r, 20, 0, seed);
    const uint32_t w = random_size(&r), h = random_size(&r);
    const uint32_t out_w = wit_random_below(&r, 8) ? random_size(&r) : w;
    const uint32_t out_h = wit_random_below(&r, 8) ? random_size(&r) : h;
    const size_t stride = (size_t)3 * w + wit_random_below(&r, 9);
    uint8_t *pixels = malloc(stride * h);
    const uint64_t style = wit_random_below(&r, 3); /* noise, black and white, all equal */
    for (size_t i = 0; i < stride * h; i++)
        pixels[i] = style == 0   ? (uint8_t)wit_random_u32(&r)
                    : style == 1 ? (uint8_t)(wit_random_u32(&r) & 1 ? 255 : 0)
                                 : 200;
    float box[4] = { 0, 0, (float)w, (float)h };
    if (wit_random_below(&r, 2)) {
        double x = wit_random_unit(&r) * w, y = wit_random_unit(&r) * h;
        box[0] = (float)(x * 0.9), box[1] = (float)(y * 0.9);
        box[2] = (float)(box[0] + (w - (double)box[0]) * (0.1 + 0.9 * wit_random_unit(&r)));
        box[3] = (float)(box[1] + (h - (double)box[1]) * (0.1 + 0.9 * wit_random_unit(&r)));
        box[2] = box[2] > (float)w ? (float)w : box[2];
        box[3] = box[3] > (float)h ? (float)h : box[3];
    }
    const struct wit_image_view view = { pixels, stride, w, h };
    const size_t bytes = (size_t)3 * out_w * out_h;
    uint8_t *got = malloc(bytes), *want = malloc(bytes);
    for (int p = WIT_IMAGE_PILLOW_12_1; p <= WIT_IMAGE_PILLOW_13_0; p++) {
        struct wit_error err = WIT_ERROR_INIT;
        memset(got, 0x55, bytes);
        if (wit_image_resize(rs, &view, box, out_w, out_h, (enum wit_image_pillow)p, got, &err) < 0)
            fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
        resample_ref(&view, box, out_w, out_h, (enum wit_image_pillow)p, want);
        if (memcmp(got, want, bytes) != 0)
            fail_msg("seed %llu: %ux%u to %ux%u differs from the plain twin",
                     (unsigned long long)seed, w, h, out_w, out_h);
    }
    free(got);
    free(want);
    free(pixels);
}

static void resize_equals_its_plain_twin(void **state) {
    struct wit_image_resizer *rs = wit_image_resizer_create();
    for (size_t i = 0; resample_passes_all[i]; i++) {
        if (!resample_passes_all[i]->usable()) {
            print_message("%s: not on this processor\n", resample_passes_all[i]->name);
            continue;
        }
        resizer_use(rs, resample_passes_all[i]);
        for (uint64_t seed = 0; seed < 150; seed++)
            check_against_twin(rs, seed);
    }
    wit_image_resizer_destroy(rs);
}

static void pass_orders_differ_where_they_should(void **state) {
    enum { W = 40, H = 90, OUT = 24 };
    static uint8_t pixels[W * H * 3], a[OUT * OUT * 3], b[OUT * OUT * 3];
    struct wit_image_resizer *rs = wit_image_resizer_create();
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)wit_mix64(i);
    const struct wit_image_view view = { pixels, W * 3, W, H };
    const float box[4] = { 0, 0, W, H };
    wit_image_resize(rs, &view, box, OUT, OUT, WIT_IMAGE_PILLOW_12_1, a, NULL);
    wit_image_resize(rs, &view, box, OUT, OUT, WIT_IMAGE_PILLOW_13_0, b, NULL);
    assert_memory_not_equal(a, b, sizeof a);
    wit_image_resize(rs, &view, box, OUT, OUT, WIT_IMAGE_PILLOW_12_3, b, NULL);
    assert_memory_equal(a, b, sizeof a);
    wit_image_resizer_destroy(rs);
}

static void bad_requests_are_refused(void **state) {
    uint8_t pixels[4 * 4 * 3] = { 0 }, out[4 * 4 * 3];
    struct wit_image_resizer *rs = wit_image_resizer_create();
    const struct wit_image_view view = { pixels, 12, 4, 4 };
    const float bad[][4] = {
        { 0, 0, 5, 4 }, { -1, 0, 4, 4 }, { 2, 0, 2, 4 }, { 0, 3, 4, 2 }, { 0.0f / 0.0f, 0, 4, 4 }
    };
    for (size_t i = 0; i < WIT_COUNT_OF(bad); i++)
        assert_int_equal(wit_image_resize(rs, &view, bad[i], 2, 2, WIT_IMAGE_PILLOW_13_0, out,
                                          NULL),
                         WIT_EINVAL);
    const float whole[4] = { 0, 0, 4, 4 };
    assert_int_equal(wit_image_resize(rs, &view, whole, 0, 2, WIT_IMAGE_PILLOW_13_0, out, NULL),
                     WIT_EINVAL);
    assert_int_equal(wit_image_resize(rs, &view, whole, 1 << 20, 1 << 20, WIT_IMAGE_PILLOW_13_0,
                                      out, NULL),
                     WIT_ELIMIT);
    struct wit_image_view part;
    assert_int_equal(wit_image_view_crop(&view, 1, 1, 4, 1, &part, NULL), WIT_EINVAL);
    assert_int_equal(wit_image_view_crop(&view, 4, 0, 1, 1, &part, NULL), WIT_EINVAL);
    assert_int_equal(wit_image_view_crop(&view, 1, 2, 3, 2, &part, NULL), 0);
    assert_ptr_equal(part.data, pixels + 2 * 12 + 3);
    wit_image_resizer_destroy(rs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_pillow),
        cmocka_unit_test(cut_files_fail_and_leave_the_decoder_usable),
        cmocka_unit_test(broken_data_fail_though_the_walk_passes),
        cmocka_unit_test(decoding_holds_the_limits),
        cmocka_unit_test(resizes_as_pillow),
        cmocka_unit_test(resize_equals_its_plain_twin),
        cmocka_unit_test(pass_orders_differ_where_they_should),
        cmocka_unit_test(bad_requests_are_refused),
    };
    return cmocka_run_group_tests_name("pixels", tests, NULL, NULL);
}
