/* resample_ref.h: the plain twin of core/image/resample.c. */
#ifndef WIT_RESAMPLE_REF_H
#define WIT_RESAMPLE_REF_H

#include "image/wit_image.h"

/* As wit_image_resize, for valid requests; allocates, and aborts when it cannot. */
void resample_ref(const struct wit_image_view *src, const float box[4], uint32_t out_w,
                  uint32_t out_h, enum wit_image_pillow pillow, uint8_t *out);

#endif
