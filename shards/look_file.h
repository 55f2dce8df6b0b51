/*
 * look_file.h: what near-duplicates are found by, kept beside a shard: shards/<name>.phash for
 * shards/<name>.lmdb, or the index <name>.tarx of a tar. Sealed shards never change, so it can't be in them; it can be removed at any
 * time and is made anew. docs/formats/shard.md has every byte.
 */
#ifndef SHARDS_LOOK_FILE_H
#define SHARDS_LOOK_FILE_H

#include "wit_shards_near.h"

/* Looks by ascending key, none twice. */
struct looks {
    struct wit_shards_look *items;
    uint64_t count;
};
void looks_finish(struct looks *l);
/* The look of a key, or NULL. */
const struct wit_shards_look *looks_find(const struct looks *l, struct wit_hash128 key);

/* Append the bytes of a file. WIT_ELIMIT, WIT_ENOMEM. */
int look_file_encode(const struct looks *l, struct wit_buf *out);
/* WIT_ECORRUPT (err says what is wrong), WIT_EUNSUPPORTED (a later version), WIT_ENOMEM. */
int look_file_decode(struct wit_str bytes, struct looks *out, struct wit_error *err);

/* Path of the file beside a shard. WIT_ELIMIT. */
int look_file_path(char out[WIT_PATH_MAX], const char *dir, const char *shard,
                   struct wit_error *err);
/* Is `name` that of the file beside a shard? */
bool look_file_is_of(const char *shard, const char *name);
/* WIT_ENOTFOUND, and what decode says, with the path. */
int look_file_read(const char *dir, const char *shard, struct looks *out, struct wit_error *err);
/* Atomically. */
int look_file_write(const char *dir, const char *shard, const struct looks *l,
                    struct wit_error *err);
/* Remove those beside shards that are there no more. */
int look_file_strays_remove(const char *dir, struct wit_error *err);

#endif
