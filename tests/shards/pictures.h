/*
 * pictures.h: datasets of made-up pictures, for the tests of near-duplicates: soft blots of colour
 * that follow from a seed, in any size, format and quality.
 */
#ifndef TESTS_PICTURES_H
#define TESTS_PICTURES_H

#include "wit_shards.h"

struct picture {
    uint64_t seed;          /* 0: flat */
    uint32_t width, height; /* px */
    enum wit_image_format format;
    int quality;            /* of the encoder */
    int lighter;            /* levels added */
    const char *url, *text; /* of a dataset */
};

/* Append its file to out; fails the test where it cannot. */
void picture_encode(const struct picture *p, struct wit_buf *out);
/* DIR becomes a sealed dataset of these, with one candidate each; equal URLs and equal pictures may
 * be there. `junk` > 0: so many images more that do not decode. */
void pictures_seal(const char *dir, const struct picture *pictures, size_t count, unsigned junk);

#endif
