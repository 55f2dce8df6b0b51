/*
 * key_walk.h: the visible records of several datasets in the order of their keys, those of one key
 * together. One thread; several walks may share the datasets.
 */
#ifndef SHARDS_KEY_WALK_H
#define SHARDS_KEY_WALK_H

#include "dataset.h"

/* Where a record is. */
struct key_record {
    size_t input, shard;     /* which of the datasets, which of its shards */
    uint64_t index;          /* of the shard */
    struct shard_file *file; /* the walk's */
};

struct key_walk;

/**
 * Walk the keys whose top `bits` bits are `prefix`. A shard is opened when its turn comes and
 * released when it is over, unless it has keys of other such prefixes too.
 * @param datasets  borrowed; at least one
 * @return 0, WIT_ENOMEM
 */
int key_walk_create(struct wit_shards_dataset *const *datasets, size_t count, int bits,
                    uint32_t prefix, struct key_walk **out, struct wit_error *err);
/* The records of the next key, one of each dataset that has it, by dataset: 1; 0: no key is left;
 * WIT_EIO, WIT_ECORRUPT ... The list is the walk's until the next call. */
int key_walk_next(struct key_walk *w, struct wit_hash128 *key, const struct key_record **records,
                  size_t *count, struct wit_error *err);
void key_walk_destroy(struct key_walk *w);

/* Does a shard of this dataset hold keys of several prefixes of `bits` bits? */
bool key_shards_are_shared(const struct wit_shards_dataset *ds, int bits);
/* Close the shards of a dataset's own prefix. */
void key_prefix_release(struct wit_shards_dataset *ds, uint32_t prefix);

#endif
