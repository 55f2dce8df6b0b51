/* encode.h: RGB to a file, one function for each format. Private to this folder. */
#ifndef WIT_IMAGE_ENCODE_H
#define WIT_IMAGE_ENCODE_H

#include "wit_image.h"

/* Append the file to out. 0, WIT_ELIMIT (out's ceiling, a side the format cannot say), WIT_ENOMEM.
 */
int jpeg_encode(const struct wit_image_view *src, int quality, struct wit_buf *out,
                struct wit_error *err); /* 4:2:0, as libjpeg sets it */
int png_encode(const struct wit_image_view *src, int level, struct wit_buf *out,
               struct wit_error *err); /* zlib's level */
int webp_encode(const struct wit_image_view *src, int quality, struct wit_buf *out,
                struct wit_error *err); /* above 100: lossless */

#endif
