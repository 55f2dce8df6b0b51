/* test_transcode.c: progressive JPEGs as sequential ones: the same coefficients, the same pixels,
 * the same markers, or left alone. */
#include "image/wit_image_transcode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jpeglib.h>

static const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void golden(const char *name, struct wit_buf *out) {
    char path[WIT_PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/golden/image/images/%s", getenv("WIT_SOURCE_ROOT"), name);
    wit_buf_reset(out);
    must(wit_file_read(path, out, &err));
}

/* ---- files to begin with --------------------------------------------------------------------- */

enum { WIDTH = 61, HEIGHT = 47 };

struct made {
    int components, h, v, quality;
    J_COLOR_SPACE space; /* of the file */
    bool partial;        /* a scan script that leaves the last bits out */
};

static unsigned char row_value(unsigned x, unsigned y, unsigned c) {
    return (unsigned char)((x * 7 + y * 13 * (c + 1) + (x * y) / 3 + (x ^ y) * c) & 0xff);
}

static void jpeg_make(const struct made *m, struct wit_buf *out) {
    static const jpeg_scan_info partial[] = {
        { 1, { 0 }, 0, 0, 0, 0 }, { 1, { 0 }, 1, 63, 0, 2 } /* and its bits never */
    };
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned char *file = NULL;
    unsigned long bytes = 0;
    unsigned char row[4 * WIDTH], icc[300];
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &file, &bytes);
    cinfo.image_width = WIDTH;
    cinfo.image_height = HEIGHT;
    cinfo.input_components = m->components;
    cinfo.in_color_space = m->components == 1   ? JCS_GRAYSCALE
                           : m->components == 4 ? JCS_CMYK
                                                : JCS_RGB;
    jpeg_set_defaults(&cinfo);
    jpeg_set_colorspace(&cinfo, m->space);
    jpeg_set_quality(&cinfo, m->quality, FALSE);
    cinfo.comp_info[0].h_samp_factor = m->h;
    cinfo.comp_info[0].v_samp_factor = m->v;
    if (m->partial) {
        cinfo.scan_info = partial;
        cinfo.num_scans = 2;
    } else {
        jpeg_simple_progression(&cinfo);
    }
    jpeg_start_compress(&cinfo, TRUE);
    memcpy(icc, "ICC_PROFILE\0\1\1", 14);
    for (unsigned i = 14; i < sizeof icc; i++)
        icc[i] = (unsigned char)i;
    jpeg_write_marker(&cinfo, JPEG_APP0 + 2, icc, sizeof icc);
    jpeg_write_marker(&cinfo, JPEG_COM, (const JOCTET *)"a comment", 9);
    while (cinfo.next_scanline < HEIGHT) {
        JSAMPROW rows = row;
        for (unsigned i = 0; i < (unsigned)m->components * WIDTH; i++)
            row[i] = row_value(i / (unsigned)m->components, cinfo.next_scanline,
                               i % (unsigned)m->components);
        jpeg_write_scanlines(&cinfo, &rows, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    wit_buf_reset(out);
    must(wit_buf_append(out, file, bytes));
    free(file);
}

/* ---- what must be the same ------------------------------------------------------------------- */

/* Everything that decoding depends on, and application segments, as bytes. */
static void essence(struct wit_str file, struct wit_buf *out, bool *progressive) {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    wit_buf_reset(out);
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, (const unsigned char *)file.data, (unsigned long)file.len);
    jpeg_save_markers(&cinfo, JPEG_COM, 0xffff);
    for (int n = 1; n < 16; n++)
        jpeg_save_markers(&cinfo, JPEG_APP0 + n, 0xffff);
    jpeg_read_header(&cinfo, TRUE);
    jvirt_barray_ptr *arrays = jpeg_read_coefficients(&cinfo);
    *progressive = cinfo.progressive_mode;
    must(wit_buf_printf(out, "%ux%u %d %d jfif %d adobe %d %d;", cinfo.image_width,
                        cinfo.image_height, cinfo.num_components, (int)cinfo.jpeg_color_space,
                        cinfo.saw_JFIF_marker, cinfo.saw_Adobe_marker, cinfo.Adobe_transform));
    for (const struct jpeg_marker_struct *m = cinfo.marker_list; m; m = m->next) {
        must(wit_buf_printf(out, "%02x:", m->marker));
        must(wit_buf_append(out, m->data, m->data_length));
    }
    for (int c = 0; c < cinfo.num_components; c++) {
        const jpeg_component_info *info = &cinfo.comp_info[c];
        must(wit_buf_printf(out, "[%d %d %d", info->component_id, info->h_samp_factor,
                            info->v_samp_factor));
        must(wit_buf_append(out, info->quant_table->quantval, sizeof info->quant_table->quantval));
        for (JDIMENSION y = 0; y < info->height_in_blocks; y++) {
            JBLOCKARRAY rows =
                cinfo.mem->access_virt_barray((j_common_ptr)&cinfo, arrays[c], y, 1, FALSE);
            must(wit_buf_append(out, rows[0], info->width_in_blocks * sizeof(JBLOCK)));
        }
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
}

static void same_pixels(struct wit_str a, struct wit_str b) {
    struct wit_image_decoder *dec = wit_image_decoder_create();
    struct wit_image_pixels x = WIT_IMAGE_PIXELS_INIT, y = WIT_IMAGE_PIXELS_INIT;
    assert_non_null(dec);
    must(wit_image_decode_rgb(dec, a, &limits, &x, &err));
    must(wit_image_decode_rgb(dec, b, &limits, &y, &err));
    assert_int_equal(x.width, y.width);
    assert_int_equal(x.height, y.height);
    assert_memory_equal(x.data, y.data, (size_t)3 * x.width * x.height);
    wit_image_pixels_finish(&x);
    wit_image_pixels_finish(&y);
    wit_image_decoder_destroy(dec);
}

static void check(struct wit_str file) {
    struct wit_buf out = WIT_BUF_INIT(1 << 24), again = WIT_BUF_INIT(1 << 24);
    struct wit_buf before = WIT_BUF_INIT(1 << 28), after = WIT_BUF_INIT(1 << 28);
    struct wit_image_info was, is;
    bool progressive;
    must(wit_image_walk(file, &limits, &was, &err));
    assert_true(was.progressive);
    int st = wit_image_transcode_baseline(file, &limits, &out, &is, &err);
    must(st);
    assert_int_equal(st, 1);
    assert_false(is.progressive);
    assert_int_equal(is.width, was.width);
    assert_int_equal(is.orientation, was.orientation);
    essence(file, &before, &progressive);
    assert_true(progressive);
    essence(wit_buf_view(&out), &after, &progressive);
    assert_false(progressive);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    same_pixels(file, wit_buf_view(&out));
    must(wit_image_transcode_baseline(file, &limits, &again, &is, &err));
    assert_true(wit_str_eq(wit_buf_view(&out), wit_buf_view(&again)));
    assert_int_equal(wit_image_transcode_baseline(wit_buf_view(&out), &limits, &again, &is, &err),
                     0);
    assert_int_equal(again.len, 0);
    wit_buf_finish(&out);
    wit_buf_finish(&again);
    wit_buf_finish(&before);
    wit_buf_finish(&after);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_same_picture(void **state) {
    static const struct made files[] = {
        { 3, 2, 2, 75, JCS_YCbCr, false },     { 3, 1, 1, 95, JCS_YCbCr, false },
        { 3, 2, 1, 1, JCS_YCbCr, false },      { 3, 1, 2, 40, JCS_YCbCr, false },
        { 1, 1, 1, 80, JCS_GRAYSCALE, false }, { 3, 1, 1, 90, JCS_RGB, false },
        { 4, 1, 1, 85, JCS_CMYK, false },      { 4, 2, 2, 85, JCS_YCCK, false },
    };
    struct wit_buf file = WIT_BUF_INIT(1 << 24);
    for (size_t i = 0; i < WIT_COUNT_OF(files); i++) {
        jpeg_make(&files[i], &file);
        check(wit_buf_view(&file));
    }
    golden("jpeg-progressive.jpg", &file);
    check(wit_buf_view(&file));
    wit_buf_finish(&file);
}

/* A copy whose APP0 is another kind: no JFIF header may come in. */
static void test_markers_stay_as_they_were(void **state) {
    static const struct made plain = { 3, 1, 1, 90, JCS_YCbCr, false };
    struct wit_buf file = WIT_BUF_INIT(1 << 24);
    jpeg_make(&plain, &file);
    assert_memory_equal(file.data + 6, "JFIF", 4);
    memcpy(file.data + 6, "XXXX", 4);
    check(wit_buf_view(&file));
    wit_buf_finish(&file);
}

static void test_left_alone(void **state) {
    static const char *const others[] = { "jpeg-420.jpg", "jpeg-restart.jpg", "png-rgb.png",
                                          "webp-lossy.webp", "gif-palette.gif" };
    static const struct made partial = { 1, 1, 1, 90, JCS_GRAYSCALE, true };
    struct wit_buf file = WIT_BUF_INIT(1 << 24), out = WIT_BUF_INIT(1 << 24);
    struct wit_buf small = WIT_BUF_INIT(100);
    struct wit_image_info info = { .width = 7 };
    for (size_t i = 0; i < WIT_COUNT_OF(others); i++) {
        golden(others[i], &file);
        assert_int_equal(wit_image_transcode_baseline(wit_buf_view(&file), &limits, &out, &info,
                                                      &err),
                         0);
        assert_int_equal(out.len, 0);
    }
    jpeg_make(&partial, &file);
    assert_int_equal(wit_image_transcode_baseline(wit_buf_view(&file), &limits, &out, &info, &err),
                     WIT_EFORMAT);
    assert_non_null(strstr(err.text, "all of its scans"));
    golden("jpeg-progressive.jpg", &file);
    assert_int_equal(wit_image_transcode_baseline(wit_buf_view(&file), &limits, &small, &info,
                                                  &err),
                     WIT_ELIMIT);
    assert_int_equal(small.len, 0);
    assert_int_equal(info.width, 7);
    wit_buf_finish(&file);
    wit_buf_finish(&out);
    wit_buf_finish(&small);
}

/* Damage gives a failure, or a file whose coefficients are those that were read without a warning;
 * never less. */
static void test_damage(void **state) {
    struct wit_buf file = WIT_BUF_INIT(1 << 24), out = WIT_BUF_INIT(1 << 24);
    struct wit_image_info info;
    unsigned taken = 0, refused = 0;
    golden("jpeg-progressive.jpg", &file);
    for (size_t at = 2; at < file.len; at += 1 + at / 97) {
        char was = file.data[at];
        file.data[at] = (char)(was ^ 0x5a);
        int st = wit_image_transcode_baseline(wit_buf_view(&file), &limits, &out, &info, NULL);
        taken += st > 0;
        refused += st < 0;
        if (st > 0)
            same_pixels(wit_buf_view(&file), wit_buf_view(&out));
        file.data[at] = was;
    }
    for (size_t len = 0; len < file.len; len += 1 + len / 10)
        assert_true(wit_image_transcode_baseline(wit_str_of(file.data, len), &limits, &out, &info,
                                                 NULL) <= 0);
    assert_true(refused > 20 && taken > 0);
    wit_buf_finish(&file);
    wit_buf_finish(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_picture),
        cmocka_unit_test(test_markers_stay_as_they_were),
        cmocka_unit_test(test_left_alone),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
