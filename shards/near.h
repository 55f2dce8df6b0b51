/*
 * near.h: all pairs of perceptual hashes within a Hamming distance, exactly, without comparing all.
 *
 * Multi-index search. Source: Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with
 * Multi-Index Hashing" (2014): the bits are split into m bands; two hashes within distance d agree
 * in some band up to floor(d / m) bits, and more sharply, where the bands' radii r add up to
 * sum(r + 1) > d, in some band within its own radius. Here the radii are 0 and 1: of 256 bits at
 * distance 31, 16 bands of 16 bits. Bands are taken one after the other: the hashes lie sorted by
 * the band's bits, and each is compared with those of its own value and of the values one bit away.
 *
 * Bits of a band are not neighbours in the hash but spread over it: neighbouring coefficients of a
 * photograph are alike, and values of a band of them crowd together.
 */
#ifndef SHARDS_NEAR_H
#define SHARDS_NEAR_H

#include "image/wit_image_phash.h"

/* Up to here the bands are wide enough to be of use. */
enum { NEAR_DISTANCE_MOST = 63 };

struct near_search {
    const struct wit_image_phash *hashes;
    uint32_t count;    /* below 2^32 - 1 */
    uint32_t split;    /* 0: all pairs; else only those of one below split and one from there on */
    unsigned distance; /* 0 to NEAR_DISTANCE_MOST */
    unsigned threads;  /* 0: one per core */
    /* Called for each pair once, a < b, by one thread at a time, in no order. Not 0 ends the search
     * with that value. */
    int (*found)(void *user, uint32_t a, uint32_t b, unsigned distance);
    void *user;
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};

/**
 * Memory: 40 bytes for each hash beside the hashes, whatever the number of pairs. Time: at distance
 * 31 about 130 comparisons of a thousand million hashes... of hashes of a crowd all with all.
 * @return 0, WIT_EINVAL, WIT_ENOMEM, WIT_ECANCELED, or what found() ended it with
 */
int near_pairs(const struct near_search *search, struct wit_error *err);

#endif
