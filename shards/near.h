/*
 * near.h: all pairs of perceptual hashes within a Hamming distance, exactly, without comparing all.
 *
 * Multi-index search. Source: Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with
 * Multi-Index Hashing" (2014): the bits are split into bands; where the bands' radii r satisfy
 * sum(r + 1) > d, two hashes within distance d agree in some band up to its radius, for otherwise
 * they would differ in sum(r + 1) bits. Radii here are 0 to 2, and as many bands as cost least: for
 * a million hashes at distance 31, 14 bands of 18 and 19 bits. Bands are taken one after the other:
 * the hashes lie sorted by the band's bits, and each is compared with those of its own value and of
 * the values within the radius.
 *
 * Bits of a band are spread over the hash: neighbouring coefficients of pictures are alike, and
 * values of a band of them would crowd together.
 */
#ifndef SHARDS_NEAR_H
#define SHARDS_NEAR_H

#include "image/wit_image_phash.h"

enum { NEAR_DISTANCE_MOST = 63 }; /* beyond, bands of 8 bits tell nothing apart */

struct near_search {
    const struct wit_image_phash *hashes;
    uint32_t count;
    uint32_t split;    /* 0: all pairs; else only those of one below split and one from there on */
    unsigned distance; /* 0 to NEAR_DISTANCE_MOST */
    unsigned threads;  /* 0: one per core */
    /* Called once for each pair, a < b, by one thread at a time, in no order. Not 0 ends the search
     * with that value. */
    int (*found)(void *user, uint32_t a, uint32_t b, unsigned distance);
    void *user;
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};

/**
 * Memory: 36 bytes for each hash beside the hashes, and 4 MiB, whatever comes out. Time:
 * tests/bench/ bench_near.c; near 63 bits nearly all with all. Hashes that are alike are compared
 * all with all: hand in equal ones once.
 * @return 0, WIT_EINVAL (distance), WIT_ENOMEM, WIT_ECANCELED, or what found() ended it with
 */
int near_pairs(const struct near_search *search, struct wit_error *err);

/**
 * Clusters: hashes belong together that a chain of pairs within `distance` joins. group[i] is the
 * least index of the cluster of i, i itself where it stands alone.
 * @param group  out: (count) ; written only on success
 */
int near_groups(const struct wit_image_phash *hashes, uint32_t count, unsigned distance,
                unsigned threads, const volatile int *interrupt, uint32_t *group,
                struct wit_error *err);

/* Sets of numbers: parent[i] leads to the least number of the set of i, i itself at first. */
uint32_t near_root(uint32_t *parent, uint32_t i);
void near_join(uint32_t *parent, uint32_t a, uint32_t b);

#endif
