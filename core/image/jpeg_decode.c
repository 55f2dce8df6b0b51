/*
 * jpeg_decode.c: JPEG to RGB through libjpeg-turbo, with Pillow's choices.
 *
 * Those are: ISLOW transform, fancy upsampling and block smoothing (the library's defaults), its
 * guess of the colour space, and four components read as inverted CMYK, whatever Adobe's marker
 * says. libjpeg leaves its functions by longjmp, so no object with its own clean-up may live in
 * jpeg_decode.
 */
#include "decode.h"

#include <setjmp.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

/* A progressive file holds all coefficients until its end: at WIT_IMAGE_MAX_PIXELS and four
 * components that is 716 MB. */
#define JPEG_MAX_MEMORY_BYTES (1024L * 1024 * 1024)

struct jpeg_decoder {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    uint32_t max_scans;
    int status; /* of the failure that is leaving: WIT_EFORMAT unless memory or scans ran out */
    bool too_many_scans;
    bool created;
    uint8_t *row; /* one row of CMYK */
    size_t row_bytes;
};

static void on_error(j_common_ptr common) {
    struct jpeg_decoder *dec = common->client_data;
    if (dec->errors.msg_code == JERR_OUT_OF_MEMORY)
        dec->status = WIT_ENOMEM;
    else if (dec->errors.msg_code == JERR_NO_BACKING_STORE) /* JPEG_MAX_MEMORY_BYTES is full */
        dec->status = WIT_ELIMIT;
    longjmp(dec->leave, 1);
}

/* Warnings: Pillow ignores them all. A premature end never gets here, see on_fill. */
static void on_message(j_common_ptr common, int level) {}

static void on_output(j_common_ptr common) {}

static void on_init(j_decompress_ptr cinfo) {}

static void on_term(j_decompress_ptr cinfo) {}

/* The whole file is in memory, so wanting more means that it was cut off. */
static boolean on_fill(j_decompress_ptr cinfo) {
    ERREXIT(cinfo, JERR_INPUT_EOF);
    return FALSE;
}

static void on_skip(j_decompress_ptr cinfo, long bytes) {
    if (bytes <= 0)
        return;
    if ((size_t)bytes > cinfo->src->bytes_in_buffer)
        ERREXIT(cinfo, JERR_INPUT_EOF);
    cinfo->src->next_input_byte += bytes;
    cinfo->src->bytes_in_buffer -= (size_t)bytes;
}

/* A few kilobytes of empty scans over a huge frame would keep the decoder busy for minutes. */
static void on_progress(j_common_ptr common) {
    struct jpeg_decoder *dec = common->client_data;
    if ((uint32_t)dec->cinfo.input_scan_number <= dec->max_scans)
        return;
    dec->status = WIT_ELIMIT;
    dec->too_many_scans = true;
    longjmp(dec->leave, 1);
}

static bool create_decompress(struct jpeg_decoder *dec) {
    if (setjmp(dec->leave))
        return false;
    jpeg_create_decompress(&dec->cinfo);
    dec->created = true;
    return true;
}

struct jpeg_decoder *jpeg_decoder_create(void) {
    struct jpeg_decoder *dec = calloc(1, sizeof *dec);
    if (!dec)
        return NULL;
    dec->cinfo.err = jpeg_std_error(&dec->errors);
    dec->errors.error_exit = on_error;
    dec->errors.emit_message = on_message;
    dec->errors.output_message = on_output;
    dec->cinfo.client_data = dec;
    if (!create_decompress(dec)) {
        jpeg_decoder_destroy(dec);
        return NULL;
    }
    dec->source = (struct jpeg_source_mgr){
        .init_source = on_init,
        .fill_input_buffer = on_fill,
        .skip_input_data = on_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = on_term,
    };
    dec->progress.progress_monitor = on_progress;
    dec->cinfo.src = &dec->source;
    dec->cinfo.progress = &dec->progress;
    dec->cinfo.mem->max_memory_to_use = JPEG_MAX_MEMORY_BYTES;
    return dec;
}

void jpeg_decoder_destroy(struct jpeg_decoder *dec) {
    if (!dec)
        return;
    if (dec->created)
        jpeg_destroy_decompress(&dec->cinfo);
    free(dec->row);
    free(dec);
}

/* Pillow's CMYK to RGB, on inverted input: v = 255 - k, then v - v * c / 255, rounded; not below 0.
 */
static void cmyk_to_rgb(const uint8_t *cmyk, uint32_t width, uint8_t *rgb) {
    for (uint32_t x = 0; x < width; x++, cmyk += 4, rgb += 3) {
        int light = cmyk[3]; /* stored inverted: 255 - k */
        for (int c = 0; c < 3; c++) {
            int t = (255 - cmyk[c]) * light + 128;
            int v = light - ((t + (t >> 8)) >> 8);
            rgb[c] = (uint8_t)(v < 0 ? 0 : v);
        }
    }
}

/* The least of the cheap scales that still covers what is wanted. */
static void choose_scale(struct jpeg_decompress_struct *cinfo, struct decode_how *how) {
    enum { WHOLE = 8 };
    unsigned eighths = 1;
    cinfo->scale_denom = WHOLE;
    if (!how->fit_width || !how->fit_height)
        eighths = WHOLE;
    while (eighths < WHOLE &&
           ((uint64_t)cinfo->image_width * eighths < (uint64_t)how->fit_width * WHOLE ||
            (uint64_t)cinfo->image_height * eighths < (uint64_t)how->fit_height * WHOLE))
        eighths *= 2;
    cinfo->scale_num = how->eighths = eighths;
}

static int read_header(struct jpeg_decoder *dec, const struct wit_image_limits *limits,
                       struct decode_how *how, struct wit_error *err) {
    struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    jpeg_read_header(cinfo, TRUE);
    if ((uint64_t)cinfo->image_width * cinfo->image_height > limits->max_pixels)
        return wit_error_set(err, WIT_ELIMIT, "%ux%u px is over the limit of %llu pixels",
                             cinfo->image_width, cinfo->image_height,
                             (unsigned long long)limits->max_pixels);
    switch (cinfo->num_components) {
    case 1:
    case 3:
        cinfo->out_color_space = JCS_RGB;
        break;
    case 4:
        cinfo->out_color_space = JCS_CMYK;
        break;
    default:
        return wit_error_set(err, WIT_EUNSUPPORTED, "JPEG with %d components is not supported",
                             cinfo->num_components);
    }
    choose_scale(cinfo, how);
    jpeg_calc_output_dimensions(cinfo);
    return 0;
}

static void read_rows(struct jpeg_decoder *dec, struct wit_image_pixels *px) {
    struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    bool cmyk = cinfo->out_color_space == JCS_CMYK;
    while (cinfo->output_scanline < cinfo->output_height) {
        uint8_t *rgb = px->data + (size_t)3 * px->width * cinfo->output_scanline;
        JSAMPROW row = cmyk ? dec->row : rgb;
        jpeg_read_scanlines(cinfo, &row, 1);
        if (cmyk)
            cmyk_to_rgb(dec->row, px->width, rgb);
    }
}

int jpeg_decode(struct jpeg_decoder *dec, struct wit_str bytes,
                const struct wit_image_limits *limits, struct decode_how *how,
                struct wit_image_pixels *px, struct wit_error *err) {
    struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    int st;
    dec->max_scans = limits->max_scans;
    dec->status = WIT_EFORMAT;
    dec->too_many_scans = false;
    dec->source.next_input_byte = (const JOCTET *)bytes.data;
    dec->source.bytes_in_buffer = bytes.len;
    if (setjmp(dec->leave)) {
        if (dec->too_many_scans) {
            wit_error_set(err, WIT_ELIMIT, "JPEG has more than %u scans", dec->max_scans);
        } else {
            char message[JMSG_LENGTH_MAX];
            dec->errors.format_message((j_common_ptr)cinfo, message);
            wit_error_set(err, dec->status, "broken JPEG: %s", message);
        }
        jpeg_abort_decompress(cinfo);
        return dec->status;
    }
    st = read_header(dec, limits, how, err);
    if (st == 0)
        st = pixels_reserve(px, cinfo->output_width, cinfo->output_height, err);
    if (st == 0 && cinfo->out_color_space == JCS_CMYK)
        st = scratch_reserve(&dec->row, &dec->row_bytes, (size_t)4 * cinfo->output_width, err);
    if (st < 0) {
        jpeg_abort_decompress(cinfo);
        return st;
    }
    jpeg_start_decompress(cinfo);
    read_rows(dec, px);
    jpeg_finish_decompress(cinfo); /* reads up to EOI: a missing one is an error */
    return 0;
}
