/* decode.h: the decoders behind wit_image_decode_rgb, one for each format. Private to this folder.
 */
#ifndef WIT_IMAGE_DECODE_H
#define WIT_IMAGE_DECODE_H

#include "wit_image.h"

/* What a decode may do beside wit_image_decode_rgb, which asks for none of it. */
struct decode_how {
    bool on_white; /* alpha is a share of the colour over white, not dropped */
    /* A JPEG may come out smaller, at 1/8, 1/4 or 1/2 of its size, as long as it covers this many
     * px; 0: it may not. */
    uint32_t fit_width, fit_height;
    uint32_t eighths; /* out: of its size that the image has; 8 unless it came out smaller */
};
int image_decode(struct wit_image_decoder *dec, struct wit_str bytes,
                 const struct wit_image_limits *limits, struct decode_how *how,
                 struct wit_image_pixels *px, struct wit_error *err);

/* A colour over white, rounded. */
static inline uint8_t over_white(uint8_t colour, uint8_t alpha) {
    return (uint8_t)((colour * alpha + 127) / 255 + 255 - alpha);
}

/* Room for width * height RGB pixels in px, which then has that size. 0, WIT_ELIMIT, WIT_ENOMEM. */
int pixels_reserve(struct wit_image_pixels *px, uint32_t width, uint32_t height,
                   struct wit_error *err);

/* Room for `bytes` in a scratch buffer that only grows. 0, WIT_ENOMEM. */
int scratch_reserve(uint8_t **scratch, size_t *cap_bytes, size_t bytes, struct wit_error *err);

/* All have the contract of image_decode. */
struct jpeg_decoder;                            /* libjpeg's state */
struct jpeg_decoder *jpeg_decoder_create(void); /* NULL: out of memory */
void jpeg_decoder_destroy(struct jpeg_decoder *dec);
int jpeg_decode(struct jpeg_decoder *dec, struct wit_str bytes,
                const struct wit_image_limits *limits, struct decode_how *how,
                struct wit_image_pixels *px, struct wit_error *err);

struct png_decoder; /* row buffers; libspng's context lives for one image */
struct png_decoder *png_decoder_create(void);
void png_decoder_destroy(struct png_decoder *dec);
int png_decode(struct png_decoder *dec, struct wit_str bytes, const struct wit_image_limits *limits,
               struct decode_how *how, struct wit_image_pixels *px, struct wit_error *err);

struct webp_decoder; /* pixels with alpha */
struct webp_decoder *webp_decoder_create(void);
void webp_decoder_destroy(struct webp_decoder *dec);
int webp_decode(struct webp_decoder *dec, struct wit_str bytes,
                const struct wit_image_limits *limits, struct decode_how *how,
                struct wit_image_pixels *px, struct wit_error *err);

struct gif_decoder; /* a row and a palette; giflib's state lives for one image */
struct gif_decoder *gif_decoder_create(void);
void gif_decoder_destroy(struct gif_decoder *dec);
int gif_decode(struct gif_decoder *dec, struct wit_str bytes, const struct wit_image_limits *limits,
               struct decode_how *how, struct wit_image_pixels *px, struct wit_error *err);

#endif
