/* walk.h: the walkers behind wit_image_walk, one for each format. Private to this folder. */
#ifndef WIT_IMAGE_WALK_H
#define WIT_IMAGE_WALK_H

#include "wit_image.h"

/* Both have the contract of wit_image_walk; the bytes need not have been sniffed. */
int jpeg_walk(struct wit_str bytes, const struct wit_image_limits *limits,
              struct wit_image_info *info, struct wit_error *err);
int png_walk(struct wit_str bytes, const struct wit_image_limits *limits,
             struct wit_image_info *info, struct wit_error *err);

/* Orientation 1..8 from the first directory of a TIFF block (the payload of Exif); 1 when it is
 * absent or the block is broken: the field is advice, never a reason to refuse an image. */
uint8_t exif_orientation(struct wit_str tiff);

/* 0, WIT_EFORMAT for an empty image, WIT_ELIMIT when width * height is over the limit. */
int check_dimensions(uint32_t width, uint32_t height, const struct wit_image_limits *limits,
                     struct wit_error *err);

#endif
