/*
 * damage.h: the bytes of a file of a dataset, damaged in a way that follows from random numbers:
 * the same numbers, the same damage.
 */
#ifndef TESTS_DAMAGE_H
#define TESTS_DAMAGE_H

#include "base/wit_base.h"

enum { DAMAGE_ROOM = 3 * 4096 }; /* by which it may become longer */

struct damage {
    struct wit_random rng;
    uint8_t *p; /* the file; DAMAGE_ROOM bytes behind it */
    size_t len; /* at least two pages of a shard */
};

/* One bit. */
void damage_bit(struct damage *d);
/* Of any file: bits, runs of other bytes or zeros, a cut, something behind the end. */
void damage_any(struct damage *d);
/* Of a shard, that too, and: pages exchanged or repeated; branches that lead in a circle or
 * outside; nodes over each other; lengths, counts, kinds, offsets and keys that can't be. */
void damage_shard(struct damage *d);
/* Digits of dataset.json, with its hash mended: a lie that hangs together. */
void damage_manifest(struct damage *d);

#endif
