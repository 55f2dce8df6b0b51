/* reencode.c: decode, resize by the plan, encode. */
#include "wit_image_reencode.h"

#include "decode.h"
#include "encode.h"

#include <stdlib.h>

/* Scans cost time, not bytes: hundreds of empty ones over a large frame would hold a thread for
 * minutes. Files that people made have a dozen. */
static const struct wit_image_limits limits = { WIT_IMAGE_MAX_PIXELS, 100 };

/* Pixels that stay for the next image. */
static const size_t kept_bytes = (size_t)64 << 20;

struct wit_image_reencoder {
    struct wit_image_decoder *decoder; /* these two are NULL until an image needs them */
    struct wit_image_resizer *resizer;
    struct wit_image_phasher *phasher; /* NULL until an image is hashed */
    struct wit_image_pixels decoded, scaled, canvas;
};

static void empty(struct wit_image_reencoder *re) {
    wit_image_decoder_destroy(re->decoder);
    wit_image_resizer_destroy(re->resizer);
    wit_image_phasher_destroy(re->phasher);
    wit_image_pixels_finish(&re->decoded);
    wit_image_pixels_finish(&re->scaled);
    wit_image_pixels_finish(&re->canvas);
    *re = (struct wit_image_reencoder){ .decoder = NULL };
}

static int fill(struct wit_image_reencoder *re, struct wit_error *err) {
    if (!re->decoder)
        re->decoder = wit_image_decoder_create();
    if (!re->resizer)
        re->resizer = wit_image_resizer_create();
    return re->decoder && re->resizer
               ? 0
               : wit_error_set(err, WIT_ENOMEM, "no memory for encoding an image anew");
}

/* What a large image took is given back, with what decoder and resizer hold of it: there is a
 * reencoder for each thread, as long as a crawl. */
static void give_back(struct wit_image_reencoder *re) {
    if (re->decoded.cap_bytes + re->scaled.cap_bytes + re->canvas.cap_bytes > kept_bytes)
        empty(re);
}

struct wit_image_reencoder *wit_image_reencoder_create(void) {
    struct wit_image_reencoder *re = calloc(1, sizeof *re);
    if (re && fill(re, NULL) < 0) {
        wit_image_reencoder_destroy(re);
        return NULL;
    }
    return re;
}

void wit_image_reencoder_destroy(struct wit_image_reencoder *re) {
    if (!re)
        return;
    empty(re);
    free(re);
}

/* The scaled image in the middle of a white square. */
static int pad(struct wit_image_reencoder *re, const struct wit_image_resize_plan *plan,
               const struct wit_image_view *scaled, struct wit_image_view *out,
               struct wit_error *err) {
    int st = pixels_reserve(&re->canvas, plan->out_width, plan->out_height, err);
    if (st < 0)
        return st;
    *out = wit_image_view_of(&re->canvas);
    memset(re->canvas.data, 255, out->stride_bytes * out->height);
    for (uint32_t y = 0; y < scaled->height; y++)
        memcpy(re->canvas.data + (plan->pad_y + y) * out->stride_bytes + (size_t)3 * plan->pad_x,
               scaled->data + y * scaled->stride_bytes, (size_t)3 * scaled->width);
    return 0;
}

/* Pixels as the plan wants them; the view is of the reencoder's own memory. */
static int resize(struct wit_image_reencoder *re, const struct wit_image_resize_plan *plan,
                  const struct wit_image_info *info, uint32_t eighths, struct wit_image_view *out,
                  struct wit_error *err) {
    struct wit_image_view scaled = wit_image_view_of(&re->decoded);
    /* The last column of a JPEG at an eighth of its size stands for one to eight of the image's. */
    const float box[4] = { 0, 0, (float)(info->width * (eighths / 8.0)),
                           (float)(info->height * (eighths / 8.0)) };
    int st = 0;
    if (scaled.width != plan->scaled_width || scaled.height != plan->scaled_height) {
        const struct wit_image_view whole = scaled;
        st = pixels_reserve(&re->scaled, plan->scaled_width, plan->scaled_height, err);
        if (st == 0)
            st = wit_image_resample(re->resizer, &whole, box,
                                    plan->larger ? WIT_IMAGE_LANCZOS4 : WIT_IMAGE_AREA,
                                    plan->scaled_width, plan->scaled_height, re->scaled.data, err);
        if (st < 0)
            return st;
        scaled = wit_image_view_of(&re->scaled);
    }
    *out = scaled;
    if (plan->out_width > scaled.width || plan->out_height > scaled.height)
        return pad(re, plan, &scaled, out, err);
    if (plan->out_width < scaled.width || plan->out_height < scaled.height)
        return wit_image_view_crop(&scaled, plan->crop_x, plan->crop_y, plan->out_width,
                                   plan->out_height, out, err);
    return 0;
}

static int encode(const struct wit_image_reencode_config *cfg, const struct wit_image_view *view,
                  struct wit_buf *out, struct wit_error *err) {
    switch (cfg->format) {
    case WIT_IMAGE_JPEG:
        return jpeg_encode(view, cfg->quality, out, err);
    case WIT_IMAGE_PNG:
        return png_encode(view, cfg->quality, out, err);
    case WIT_IMAGE_WEBP:
        return webp_encode(view, cfg->quality, out, err);
    default:
        return wit_error_set(err, WIT_EUNSUPPORTED, "images are not encoded as %s",
                             wit_image_format_name(cfg->format));
    }
}

int wit_image_reencode(struct wit_image_reencoder *re, const struct wit_image_reencode_config *cfg,
                       struct wit_str bytes, const struct wit_image_info *info, struct wit_buf *out,
                       struct wit_image_info *stored, struct wit_error *err) {
    struct wit_image_resize_plan plan;
    struct wit_image_view view;
    int st = wit_image_resize_plan(cfg, info->width, info->height, &plan, err);
    if (st < 0)
        return st;
    wit_buf_reset(out);
    if (cfg->skip_reencode && !plan.changed && !info->alpha && info->format == cfg->format) {
        *stored = *info;
        return 0;
    }
    const bool smaller = plan.changed && !plan.larger;
    struct decode_how how = { .on_white = true,
                              .fit_width = smaller ? plan.scaled_width : 0,
                              .fit_height = smaller ? plan.scaled_height : 0 };
    st = fill(re, err);
    if (st == 0)
        st = image_decode(re->decoder, bytes, &limits, &how, &re->decoded, err);
    if (st == 0)
        st = resize(re, &plan, info, how.eighths, &view, err);
    if (st == 0)
        st = encode(cfg, &view, out, err);
    give_back(re); /* of the view only its size is left */
    if (st < 0)
        return st;
    *stored = (struct wit_image_info){ .format = cfg->format,
                                       .width = view.width,
                                       .height = view.height,
                                       .components = 3,
                                       .bit_depth = 8,
                                       .orientation = info->orientation };
    return 1;
}

int wit_image_reencoder_phash(struct wit_image_reencoder *re, struct wit_str bytes,
                              struct wit_image_phashes *out, struct wit_error *err) {
    int st = fill(re, err);
    if (st == 0)
        st = wit_image_decode_rgb(re->decoder, bytes, &limits, &re->decoded, err);
    if (st == 0 && !re->phasher && !(re->phasher = wit_image_phasher_create()))
        st = wit_error_set(err, WIT_ENOMEM, "no memory for hashing an image");
    if (st == 0) {
        const struct wit_image_view whole = wit_image_view_of(&re->decoded);
        st = wit_image_phash_compute(re->phasher, &whole, out, err);
    }
    give_back(re);
    return st;
}

int wit_image_reencoder_verify(struct wit_image_reencoder *re, struct wit_str bytes,
                               struct wit_error *err) {
    int st = fill(re, err);
    if (st == 0)
        st = wit_image_decode_rgb(re->decoder, bytes, &limits, &re->decoded, err);
    give_back(re);
    return st;
}
