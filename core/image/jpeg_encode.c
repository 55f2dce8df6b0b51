/*
 * jpeg_encode.c: RGB to JPEG through libjpeg-turbo, with the library's defaults: ISLOW transform,
 * 4:2:0, standard Huffman tables. As in jpeg_decode.c failures leave by longjmp.
 */
#include "encode.h"
#include "jpeg_destination.h"

#include <setjmp.h>

#include <jerror.h>

struct encoder {
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_destination destination;
    jmp_buf leave;
    struct wit_buf *out;
    int status;
};

static void on_error(j_common_ptr common) {
    struct encoder *e = common->client_data;
    if (e->errors.msg_code == JERR_OUT_OF_MEMORY)
        e->status = WIT_ENOMEM;
    longjmp(e->leave, 1);
}

static void on_message(j_common_ptr common, int level) {}

static void on_output(j_common_ptr common) {}

static void write_image(struct encoder *e, const struct wit_image_view *src, int quality) {
    struct jpeg_compress_struct *cinfo = &e->cinfo;
    jpeg_create_compress(cinfo);
    jpeg_destination_init(&e->destination, cinfo, e->out);
    cinfo->image_width = src->width;
    cinfo->image_height = src->height;
    cinfo->input_components = 3;
    cinfo->in_color_space = JCS_RGB;
    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, quality, TRUE);
    jpeg_start_compress(cinfo, TRUE);
    while (cinfo->next_scanline < cinfo->image_height) {
        /* libjpeg takes rows that it does not change as not const. */
        JSAMPROW row = (JSAMPROW)(uintptr_t)(src->data + cinfo->next_scanline * src->stride_bytes);
        jpeg_write_scanlines(cinfo, &row, 1);
    }
    jpeg_finish_compress(cinfo);
}

/* The caller holds the encoder, so that what changed in it is there after a longjmp. */
static bool try_write(struct encoder *e, const struct wit_image_view *src, int quality) {
    if (setjmp(e->leave))
        return false;
    write_image(e, src, quality);
    return true;
}

int jpeg_encode(const struct wit_image_view *src, int quality, struct wit_buf *out,
                struct wit_error *err) {
    struct encoder e = { .out = out, .status = WIT_ELIMIT };
    e.cinfo.err = jpeg_std_error(&e.errors);
    e.errors.error_exit = on_error;
    e.errors.emit_message = on_message;
    e.errors.output_message = on_output;
    e.cinfo.client_data = &e;
    bool written = try_write(&e, src, quality);
    jpeg_destroy_compress(&e.cinfo);
    if (e.destination.status < 0)
        e.status = e.destination.status;
    return written ? 0
                   : wit_error_set(err, e.status, "cannot encode %ux%u px as JPEG", src->width,
                                   src->height);
}
