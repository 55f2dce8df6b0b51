/*
 * wit_image.h: image bytes from strangers, made safe and turned into pixels.
 *
 * Sniff by magic bytes, walk the structure of a file to its end without decoding it, decode to RGB,
 * and resample exactly as Pillow does. Formats: JPEG, PNG, WebP and GIF; of an animation the first
 * frame.
 *
 *     struct wit_image_info info;
 *     if (wit_image_walk(bytes, &limits, &info, &err) < 0)
 *         return refuse(err.text);                  // "truncated: no EOI after byte 10240"
 *     struct wit_image_pixels px = WIT_IMAGE_PIXELS_INIT;
 *     if (wit_image_decode_rgb(dec, bytes, &limits, &px, &err) == 0) {
 *         struct wit_image_view whole = wit_image_view_of(&px);
 *         const float box[4] = { 0, 0, (float)px.width, (float)px.height };
 *         wit_image_resize(resizer, &whole, box, 224, 224, WIT_IMAGE_PILLOW_13_0, rgb, &err);
 *     }
 */
#ifndef WIT_IMAGE_H
#define WIT_IMAGE_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Values are on disk (shard format): never renumber. */
enum wit_image_format {
    WIT_IMAGE_UNKNOWN = 0,
    WIT_IMAGE_JPEG = 1,
    WIT_IMAGE_PNG = 2,
    WIT_IMAGE_WEBP = 3,
    WIT_IMAGE_GIF = 4
};

/* Pillow's own decompression-bomb limit, in pixels. */
#define WIT_IMAGE_MAX_PIXELS 89478484u
#define WIT_IMAGE_MAX_JPEG_SCANS 500u

struct wit_image_limits {
    uint64_t max_pixels; /* width * height */
    uint32_t max_scans;  /* of a progressive JPEG */
};
#define WIT_IMAGE_LIMITS_DEFAULT                                                                   \
    { WIT_IMAGE_MAX_PIXELS, WIT_IMAGE_MAX_JPEG_SCANS }

struct wit_image_info {
    enum wit_image_format format;
    uint32_t width, height;  /* px, as coded: EXIF orientation is not applied */
    uint8_t components;      /* as coded: JPEG components, or channels (palette is 1) */
    uint8_t bit_depth;       /* bits a component */
    uint8_t orientation;     /* EXIF 1..8; 1 when absent or broken */
    bool progressive;        /* progressive JPEG, interlaced PNG or GIF */
    bool alpha;              /* alpha channel, PNG's tRNS, a transparent colour of a GIF */
    uint64_t trailing_bytes; /* behind the end marker: allowed, ignored by decoders, noted */
};

/* By the first bytes alone; WIT_IMAGE_UNKNOWN for everything else. */
enum wit_image_format wit_image_sniff(struct wit_str bytes);
const char *wit_image_format_name(enum wit_image_format f); /* "jpeg", ... "unknown" */

/**
 * Walk the structure of a whole file: markers and segments of a JPEG to EOI, chunks of a PNG to
 * IEND with their CRCs, chunks of a WebP to the end of its RIFF, blocks of a GIF to its trailer,
 * without entropy decoding. Proves that the file is complete and within limits. Sizes are those of
 * the canvas, which the first frame of an animation need not fill.
 * @return 0; WIT_EUNSUPPORTED (none of the four), WIT_EFORMAT (broken or truncated), WIT_ELIMIT
 *         (pixels, scans). `info` is written only on success. Any thread.
 */
int wit_image_walk(struct wit_str bytes, const struct wit_image_limits *limits,
                   struct wit_image_info *info, struct wit_error *err);
/* What its failures are counted as: "not_an_image", "image_broken", "image_over_limits",
 * "no_memory". */
const char *wit_image_walk_reason(int status);

/* 8-bit RGB, rows without padding. data belongs to the struct; free with wit_image_pixels_finish. A
 * decode reuses memory that is large enough. */
struct wit_image_pixels {
    uint8_t *data;          /* (height, width, 3) */
    size_t cap_bytes;       /* allocated */
    uint32_t width, height; /* px */
};
#define WIT_IMAGE_PIXELS_INIT                                                                      \
    { NULL, 0, 0, 0 }
void wit_image_pixels_finish(struct wit_image_pixels *px);

/* Reusable decoder state; one thread at a time. create gives NULL when out of memory. */
struct wit_image_decoder;
struct wit_image_decoder *wit_image_decoder_create(void);
void wit_image_decoder_destroy(struct wit_image_decoder *dec);

/**
 * Full decode to RGB, bit for bit what Pillow's Image.open(...).convert("RGB") gives (libjpeg-turbo
 * ISLOW + fancy upsampling, Adobe CMYK inverted, alpha dropped, 16-bit grey saturated as Pillow
 * does, of an animation the first frame on its canvas). A premature end of the file is an error,
 * other warnings of the decoders are not.
 * @return 0, WIT_EFORMAT, WIT_ELIMIT, WIT_EUNSUPPORTED, WIT_ENOMEM. On failure px keeps its memory
 *         and is 0 x 0.
 */
int wit_image_decode_rgb(struct wit_image_decoder *dec, struct wit_str bytes,
                         const struct wit_image_limits *limits, struct wit_image_pixels *px,
                         struct wit_error *err);

/* RGB rows that somebody else owns: an image or a rectangle of one. */
struct wit_image_view {
    const uint8_t *data;    /* (height, width, 3), rows stride_bytes apart */
    size_t stride_bytes;    /* >= 3 * width */
    uint32_t width, height; /* px */
};
struct wit_image_view wit_image_view_of(const struct wit_image_pixels *px);
/* The rectangle as an image of its own: nothing is copied, and a resize knows nothing of the pixels
 * around it. WIT_EINVAL when it is empty or not inside. */
int wit_image_view_crop(const struct wit_image_view *src, uint32_t x, uint32_t y, uint32_t w,
                        uint32_t h, struct wit_image_view *out, struct wit_error *err);

/* Which Pillow's pass order to follow: they differ in about a fifth of portrait crops by one level.
 */
enum wit_image_pillow {
    WIT_IMAGE_PILLOW_12_1, /* up to 12.1: always horizontal first */
    WIT_IMAGE_PILLOW_12_3, /* 12.2, 12.3: vertical first for extreme portraits */
    WIT_IMAGE_PILLOW_13_0  /* 13.0: vertical first where it shrinks more */
};

/* Reusable tables and intermediate rows of wit_image_resize; one thread at a time. create gives
 * NULL when out of memory. */
struct wit_image_resizer;
struct wit_image_resizer *wit_image_resizer_create(void);
void wit_image_resizer_destroy(struct wit_image_resizer *rs);

/**
 * Bicubic resize (a = -0.5, antialiased) of the box of `src` to out_w x out_h, bit for bit Pillow's
 * Image.resize((w, h), BICUBIC, box). docs/image.md tells the arithmetic. Source: the published
 * behaviour of Pillow 12.1 to 13.0.
 * @param box   left, top, right, bottom in px of src, float as Pillow holds it; inside src
 * @param out   (out_h, out_w, 3) bytes without padding, the caller's; must not overlap src
 * @return 0, WIT_EINVAL (empty box or size, box outside), WIT_ENOMEM, WIT_ELIMIT (out or the
 *         intermediate image over WIT_IMAGE_MAX_PIXELS)
 */
int wit_image_resize(struct wit_image_resizer *rs, const struct wit_image_view *src,
                     const float box[4], uint32_t out_w, uint32_t out_h,
                     enum wit_image_pillow pillow, uint8_t *out, struct wit_error *err);

/* Filters for images that are stored: each is as close to OpenCV's as 8 bits between two passes
 * allow (docs/image.md). */
enum wit_image_filter {
    WIT_IMAGE_AREA,    /* mean over the area that a pixel covers: for smaller images */
    WIT_IMAGE_LANCZOS4 /* eight taps, not antialiased: for larger ones */
};
/* The box of src to out_w x out_h; otherwise as wit_image_resize. */
int wit_image_resample(struct wit_image_resizer *rs, const struct wit_image_view *src,
                       const float box[4], enum wit_image_filter filter, uint32_t out_w,
                       uint32_t out_h, uint8_t *out, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
