/*
 * wit_image_reencode.h: images as they are fetched, made smaller and encoded anew.
 *
 * For users who want small sets. Modes and rounding are img2dataset's, so that sizes agree with
 * sets made by it; docs/image.md tells where pixels differ.
 *
 *     struct wit_image_reencode_config cfg = wit_image_reencode_config_default();
 *     cfg.mode = WIT_IMAGE_KEEP_RATIO_LARGEST;
 *     cfg.size_px = 256;
 *     const char *reason = wit_image_reencode_refuse(&cfg, &info);     // "image_too_small" or NULL
 *     if (!reason && wit_image_reencode(re, &cfg, bytes, &info, &out, &stored, &err) > 0)
 *         keep(wit_buf_view(&out), &stored);
 *
 * EXIF and colour profiles are not carried over; the orientation is kept in `stored`.
 */
#ifndef WIT_IMAGE_REENCODE_H
#define WIT_IMAGE_REENCODE_H

#include "wit_image.h"
#include "wit_image_phash.h"

#ifdef __cplusplus
extern "C" {
#endif

enum wit_image_resize_mode {
    WIT_IMAGE_KEEP_SIZE,          /* "no" */
    WIT_IMAGE_KEEP_RATIO,         /* the smaller side becomes size_px */
    WIT_IMAGE_KEEP_RATIO_LARGEST, /* the larger side becomes size_px */
    WIT_IMAGE_BORDER,             /* the larger side becomes size_px, white fills a square */
    WIT_IMAGE_CENTER_CROP         /* the smaller side becomes size_px, the middle square stays */
};
/* "no", "keep_ratio", "keep_ratio_largest", "border", "center_crop". WIT_EINVAL. */
int wit_image_resize_mode_parse(struct wit_str name, enum wit_image_resize_mode *out);
const char *wit_image_resize_mode_name(enum wit_image_resize_mode mode);

struct wit_image_reencode_config {
    enum wit_image_resize_mode mode;
    uint32_t size_px;    /* 1 to WIT_IMAGE_RESIZE_MOST_PX; not used by WIT_IMAGE_KEEP_SIZE */
    bool only_if_bigger; /* smaller images keep their size, without border or crop */
    enum wit_image_format format; /* WIT_IMAGE_JPEG, _PNG or _WEBP */
    int quality;                  /* JPEG 1 to 100; PNG 0 to 9; WebP 1 to 100, 101: lossless */
    bool skip_reencode;           /* bytes stay that are of the format and keep size and alpha */
    /* What is refused, by the size as fetched. */
    uint32_t min_size_px; /* least smaller side */
    uint64_t max_area_px; /* width * height; 0: no limit */
    double max_aspect;    /* larger by smaller side; 0: no limit */
};
#define WIT_IMAGE_RESIZE_MOST_PX 8192u
/* Size kept, JPEG of quality 95, nothing refused. */
struct wit_image_reencode_config wit_image_reencode_config_default(void);
int wit_image_reencode_config_check(const struct wit_image_reencode_config *cfg,
                                    struct wit_error *err);

/* What becomes of a size: scale, then cut (crop) or lie on white (pad). */
struct wit_image_resize_plan {
    uint32_t scaled_width, scaled_height; /* px */
    uint32_t crop_x, crop_y;              /* of the scaled image; 0 unless cropped */
    uint32_t pad_x, pad_y;                /* place of the scaled image; 0 unless padded */
    uint32_t out_width, out_height;
    bool larger;  /* the image grows */
    bool changed; /* anything is done at all */
};
/* Sides of at least 1 px are taken. Fails for none of them, except that a result over
 * WIT_IMAGE_MAX_PIXELS (a thin image whose smaller side grows) is WIT_ELIMIT. */
int wit_image_resize_plan(const struct wit_image_reencode_config *cfg, uint32_t width,
                          uint32_t height, struct wit_image_resize_plan *out,
                          struct wit_error *err);

/* "image_too_small", "image_too_large", "image_aspect", or NULL: it may stay. */
const char *wit_image_reencode_refuse(const struct wit_image_reencode_config *cfg,
                                      const struct wit_image_info *info);

/* Decoder, resizer and pixels, reused from image to image; one thread at a time. NULL: no memory.
 */
struct wit_image_reencoder;
struct wit_image_reencoder *wit_image_reencoder_create(void);
void wit_image_reencoder_destroy(struct wit_image_reencoder *re);

/**
 * Decode, resize and encode. Alpha lies on white. A JPEG much larger than wanted is decoded at 1/2,
 * 1/4 or 1/8 of its size, which the resize then refines.
 * @param info    what wit_image_walk said of bytes
 * @param out     replaced by the encoded image; its ceiling is the caller's
 * @param stored  out: what is in `out`
 * @return 1 encoded; 0 the bytes may stay as they are (skip_reencode), out is empty and stored is
 *         info; WIT_EFORMAT (does not decode), WIT_ELIMIT, WIT_ENOMEM, WIT_EUNSUPPORTED
 */
int wit_image_reencode(struct wit_image_reencoder *re, const struct wit_image_reencode_config *cfg,
                       struct wit_str bytes, const struct wit_image_info *info, struct wit_buf *out,
                       struct wit_image_info *stored, struct wit_error *err);

/* Does it decode to its end? As wit_image_decode_rgb, without giving pixels. */
int wit_image_reencoder_verify(struct wit_image_reencoder *re, struct wit_str bytes,
                               struct wit_error *err);
/* The same, and the perceptual hashes of its pixels, in its full size. */
int wit_image_reencoder_phash(struct wit_image_reencoder *re, struct wit_str bytes,
                              struct wit_image_phashes *out, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
