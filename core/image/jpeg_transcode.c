/*
 * jpeg_transcode.c: coefficients from one JPEG into another, through libjpeg-turbo. As in
 * jpeg_decode.c failures leave by longjmp; here a warning is a failure too: what had to be guessed
 * is not passed on as if it had been there.
 */
#include "jpeg_destination.h"
#include "wit_image_transcode.h"

#include <setjmp.h>
#include <stdlib.h>

#include <jerror.h>

enum { MARKER_MOST_BYTES = 0xFFFF };
#define MAX_MEMORY_BYTES (1024L * 1024 * 1024) /* as of decoding */

struct transcoder {
    struct jpeg_decompress_struct in;
    struct jpeg_compress_struct out;
    struct jpeg_error_mgr errors;
    jmp_buf leave;
    struct jpeg_destination destination;
    struct wit_buf *file;
    int status;
    bool incomplete;
};

static void on_error(j_common_ptr common) {
    struct transcoder *t = common->client_data;
    if (t->errors.msg_code == JERR_OUT_OF_MEMORY)
        t->status = WIT_ENOMEM;
    else if (t->errors.msg_code == JERR_NO_BACKING_STORE)
        t->status = WIT_ELIMIT;
    longjmp(t->leave, 1);
}

static void on_message(j_common_ptr common, int level) {
    if (level < 0)
        on_error(common);
}

static void on_output(j_common_ptr common) {}

/* Every bit of every coefficient was sent: no scan of the usual ones is missing. */
static bool is_complete(const struct jpeg_decompress_struct *in) {
    for (int c = 0; in->coef_bits && c < in->num_components; c++)
        for (int k = 0; k < DCTSIZE2; k++)
            if (in->coef_bits[c][k] != 0)
                return false;
    return in->coef_bits != NULL;
}

static bool is_written_anyway(const struct transcoder *t, const struct jpeg_marker_struct *m) {
    static const unsigned char jfif[] = "JFIF", adobe[] = "Adobe";
    if (t->out.write_JFIF_header && m->marker == JPEG_APP0 && m->data_length >= sizeof jfif &&
        memcmp(m->data, jfif, sizeof jfif) == 0)
        return true;
    return t->out.write_Adobe_marker && m->marker == JPEG_APP0 + 14 &&
           m->data_length >= sizeof adobe - 1 && memcmp(m->data, adobe, sizeof adobe - 1) == 0;
}

static void run(struct transcoder *t, struct wit_str bytes) {
    jpeg_create_decompress(&t->in);
    jpeg_create_compress(&t->out);
    t->in.mem->max_memory_to_use = t->out.mem->max_memory_to_use = MAX_MEMORY_BYTES;
    jpeg_mem_src(&t->in, (const unsigned char *)bytes.data, (unsigned long)bytes.len);
    jpeg_save_markers(&t->in, JPEG_COM, MARKER_MOST_BYTES);
    for (int n = 0; n < 16; n++)
        jpeg_save_markers(&t->in, JPEG_APP0 + n, MARKER_MOST_BYTES);
    jpeg_read_header(&t->in, TRUE);
    jvirt_barray_ptr *coefficients = jpeg_read_coefficients(&t->in);
    t->incomplete = !is_complete(&t->in);
    if (t->incomplete)
        return;
    jpeg_copy_critical_parameters(&t->in, &t->out);
    /* Readers take the colour space from these markers: there where they were, and only there. */
    t->out.write_JFIF_header = t->in.saw_JFIF_marker;
    t->out.write_Adobe_marker = t->in.saw_Adobe_marker;
    t->out.optimize_coding = TRUE;
    jpeg_destination_init(&t->destination, &t->out, t->file);
    jpeg_write_coefficients(&t->out, coefficients);
    for (const struct jpeg_marker_struct *m = t->in.marker_list; m; m = m->next)
        if (!is_written_anyway(t, m))
            jpeg_write_marker(&t->out, m->marker, m->data, m->data_length);
    jpeg_finish_compress(&t->out);
    jpeg_finish_decompress(&t->in);
}

/* The caller holds the transcoder, so that what changed in it is there after a longjmp. */
static bool try_run(struct transcoder *t, struct wit_str bytes) {
    if (setjmp(t->leave))
        return false;
    run(t, bytes);
    return true;
}

static int transcode(struct wit_str bytes, struct wit_buf *out, struct wit_error *err) {
    struct transcoder *t = calloc(1, sizeof *t);
    char message[JMSG_LENGTH_MAX] = "";
    if (!t)
        return wit_error_set(err, WIT_ENOMEM, "no memory to transcode a JPEG");
    t->status = WIT_EFORMAT;
    t->file = out;
    t->in.err = t->out.err = jpeg_std_error(&t->errors);
    t->errors.error_exit = on_error;
    t->errors.emit_message = on_message;
    t->errors.output_message = on_output;
    t->in.client_data = t->out.client_data = t;
    int st = try_run(t, bytes) ? 0 : t->status;
    if (t->destination.status < 0) {
        st = wit_error_set(err, t->destination.status, "no room for a transcoded JPEG: %s",
                           wit_status_meaning(t->destination.status));
    } else if (st < 0) {
        t->errors.format_message((j_common_ptr)&t->in, message);
        wit_error_set(err, st, "broken JPEG: %s", message);
    } else if (t->incomplete) {
        st = wit_error_set(err, WIT_EFORMAT, "progressive JPEG without all of its scans");
    }
    jpeg_destroy_compress(&t->out);
    jpeg_destroy_decompress(&t->in);
    free(t);
    return st;
}

int wit_image_transcode_baseline(struct wit_str bytes, const struct wit_image_limits *limits,
                                 struct wit_buf *out, struct wit_image_info *info,
                                 struct wit_error *err) {
    struct wit_image_info was, is;
    wit_buf_reset(out);
    if (wit_image_sniff(bytes) != WIT_IMAGE_JPEG)
        return 0;
    int st = wit_image_walk(bytes, limits, &was, err);
    if (st < 0 || !was.progressive)
        return st;
    st = transcode(bytes, out, err);
    if (st >= 0)
        st = wit_image_walk(wit_buf_view(out), limits, &is, err);
    if (st >= 0 && (is.progressive || is.width != was.width || is.height != was.height ||
                    is.components != was.components || is.orientation != was.orientation))
        st = wit_error_set(err, WIT_EINTERNAL, "a transcoded JPEG is another image");
    if (st < 0) {
        wit_buf_reset(out);
        return st;
    }
    *info = is;
    return 1;
}
