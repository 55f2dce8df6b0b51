/* walk.h: the walkers behind wit_image_walk, one for each format. Private to this folder. */
#ifndef WIT_IMAGE_WALK_H
#define WIT_IMAGE_WALK_H

#include "wit_image.h"

/* All have the contract of wit_image_walk; the bytes need not have been sniffed. */
int jpeg_walk(struct wit_str bytes, const struct wit_image_limits *limits,
              struct wit_image_info *info, struct wit_error *err);
int png_walk(struct wit_str bytes, const struct wit_image_limits *limits,
             struct wit_image_info *info, struct wit_error *err);
int webp_walk(struct wit_str bytes, const struct wit_image_limits *limits,
              struct wit_image_info *info, struct wit_error *err);
int gif_walk(struct wit_str bytes, const struct wit_image_limits *limits,
             struct wit_image_info *info, struct wit_error *err);

/* What a walk finds for the decoder, so that a library sees the one image that is wanted of a
 * container and nothing else. Views into the bytes; offsets and sizes in px. The frame lies inside
 * info.width x info.height, which is the canvas. */
struct webp_layout {
    struct wit_image_info info;
    uint32_t frame_x, frame_y, frame_width, frame_height; /* of the first frame */
    struct wit_str image;                                 /* its VP8 or VP8L chunk */
    struct wit_str image_with_alpha; /* from its ALPH chunk on, where it has one */
};
int webp_layout_read(struct wit_str bytes, const struct wit_image_limits *limits,
                     struct webp_layout *out, struct wit_error *err);

struct gif_layout {
    struct wit_image_info info;
    uint32_t frame_x, frame_y, frame_width, frame_height; /* of the first frame */
    struct wit_str head;  /* signature, screen descriptor, global colour table */
    struct wit_str frame; /* descriptor, local table, data of the first frame */
    struct wit_str table; /* RGB triples: the frame's colours; empty: numbers are greys */
    int transparent;      /* colour number; -1: none */
};
int gif_layout_read(struct wit_str bytes, const struct wit_image_limits *limits,
                    struct gif_layout *out, struct wit_error *err);

/* Orientation 1..8 from the first directory of a TIFF block (the payload of Exif); 1 when it is
 * absent or the block is broken: the field is advice, never a reason to refuse an image. */
uint8_t exif_orientation(struct wit_str tiff);

/* WIT_EUNSUPPORTED and the sentence for bytes that are no image by their first ones. */
int image_unknown(struct wit_error *err);

/* 0, WIT_EFORMAT for an empty image, WIT_ELIMIT when width * height is over the limit. */
int check_dimensions(uint32_t width, uint32_t height, const struct wit_image_limits *limits,
                     struct wit_error *err);

#endif
