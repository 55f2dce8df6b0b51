/* phash_ref.h: the plain twin of core/image/phash.c. */
#ifndef WIT_PHASH_REF_H
#define WIT_PHASH_REF_H

#include "image/wit_image_phash.h"

/* As wit_image_phash_compute, for sides of at least 5 px; allocates, and aborts when it cannot.
 * margin: how far from the median a coefficient (at most 8,160) must be for its bit to be certain;
 * unsure gets a 1 for each that is nearer. */
void phash_ref(const struct wit_image_view *view, double margin, struct wit_image_phashes *out,
               struct wit_image_phashes *unsure);

#endif
