/*
 * wit_image_phash.h: perceptual hashes: 256 bits that stay nearly the same when a picture is
 * encoded anew, resized, or made a little lighter.
 *
 * Two of them, from the same look at the pixels:
 *
 * - *pdq* is PDQ, for comparing with other programs and with lists that are exchanged. Source:
 *   Davis and Rosen, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm"
 *   (Meta, 2019). Luma; two passes of a box filter (Jarosz) in each direction; 64 x 64 samples of
 *   the result; 16 x 16 coefficients of a cosine transform, the constant ones left out; each bit
 *   says whether a coefficient is above the median of all.
 * - *area* differs in the samples: each is the mean of the 64th part of each side that it stands
 *   for, to parts of a pixel. PDQ's lie up to a pixel off the middle of that, which moves bits when
 *   a small picture is resized; these don't. Near-duplicates are found by it.
 *
 *     struct wit_image_phasher *ph = wit_image_phasher_create();
 *     struct wit_image_view whole = wit_image_view_of(&px);         // decoded
 *     struct wit_image_phashes a;
 *     wit_image_phash_compute(ph, &whole, &a, &err);
 *     if (a.quality >= 50 && wit_image_phash_distance(&a.pdq, &listed) <= WIT_IMAGE_PHASH_NEAR) ...
 *
 * An EXIF orientation is not applied and alpha is not looked at, as everywhere in wit; a picture
 * that was turned has one of the eight variants.
 */
#ifndef WIT_IMAGE_PHASH_H
#define WIT_IMAGE_PHASH_H

#include "wit_image.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WIT_IMAGE_PHASH_BITS 256
#define WIT_IMAGE_PHASH_BYTES 32
#define WIT_IMAGE_PHASH_HEX 65 /* 64 digits and NUL */
/* Distance up to which PDQ's publishers call two pictures the same, in bits. */
#define WIT_IMAGE_PHASH_NEAR 31
/* Least quality at which they compare hashes with lists. */
#define WIT_IMAGE_PHASH_QUALITY 50

/* Bit k is words[k / 64] >> (k % 64) & 1: coefficient (k / 16 + 1, k % 16 + 1) of (vertical,
 * horizontal) frequencies. */
struct wit_image_phash {
    uint64_t words[4];
};

/* Differing bits, 0 to 256. */
static inline unsigned wit_image_phash_distance(const struct wit_image_phash *a,
                                                const struct wit_image_phash *b) {
    unsigned bits = 0;
    for (int i = 0; i < 4; i++)
        bits += (unsigned)__builtin_popcountll(a->words[i] ^ b->words[i]);
    return bits;
}

/**
 * The first of `count` hashes that lies within its own distance of h, by looking at all: two words
 * of each decide mostly, so a million take about 5 ms.
 * @param within  most bits for each of them
 * @return its index, or count
 */
size_t wit_image_phash_scan(const struct wit_image_phash *h, const struct wit_image_phash *list,
                            const uint8_t *within, size_t count);

/* The form that is exchanged: bit 255 first. */
void wit_image_phash_to_bytes(const struct wit_image_phash *h, uint8_t out[WIT_IMAGE_PHASH_BYTES]);
struct wit_image_phash wit_image_phash_from_bytes(const uint8_t in[WIT_IMAGE_PHASH_BYTES]);
void wit_image_phash_to_hex(const struct wit_image_phash *h, char out[WIT_IMAGE_PHASH_HEX]);
int wit_image_phash_from_hex(struct wit_str hex,
                             struct wit_image_phash *out); /* 64 digits or WIT_EFORMAT */

/* Tables and rows, reused from image to image; one thread at a time. NULL: no memory. */
struct wit_image_phasher;
struct wit_image_phasher *wit_image_phasher_create(void);
void wit_image_phasher_destroy(struct wit_image_phasher *ph);

struct wit_image_phashes {
    struct wit_image_phash pdq, area;
    int quality; /* PDQ's: 0 (flat) to 100: how much there is to hash */
};

/**
 * The hashes of a decoded image. pdq equals the published reference's on the same pixels but for
 * bits whose coefficient is within rounding of the median.
 * @return 0; WIT_ENOMEM. A side below 5 px gives hashes of zeros and quality 0.
 */
int wit_image_phash_compute(struct wit_image_phasher *ph, const struct wit_image_view *view,
                            struct wit_image_phashes *out, struct wit_error *err);

/* What was done to a picture. */
enum wit_image_turn {
    WIT_IMAGE_AS_IT_IS,
    WIT_IMAGE_TURNED_90, /* counter-clockwise */
    WIT_IMAGE_TURNED_180,
    WIT_IMAGE_TURNED_270,
    WIT_IMAGE_MIRRORED,       /* left and right change places */
    WIT_IMAGE_UPSIDE_DOWN,    /* top and bottom change places */
    WIT_IMAGE_TRANSPOSED,     /* rows become columns */
    WIT_IMAGE_ANTI_TRANSPOSED /* the same about the other diagonal */
};
#define WIT_IMAGE_TURNS 8
/* The hashes of the pictures that turning and mirroring give, out[turn] for turn < turns, from one
 * look at the pixels. Those of turned pixels differ from these in a few bits of pdq, since its
 * samples lie elsewhere. Otherwise as wit_image_phash_compute. */
int wit_image_phash_variants(struct wit_image_phasher *ph, const struct wit_image_view *view,
                             struct wit_image_phashes out[], unsigned turns, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
