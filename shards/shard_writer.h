/*
 * shard_writer.h: writes one sealed shard: `samples` in key order, then `origin`, then never again.
 */
#ifndef SHARDS_SHARD_WRITER_H
#define SHARDS_SHARD_WRITER_H

#include "wit_shards.h"

/* One sample: the value is front and body together. */
struct shard_writer_record {
    struct wit_hash128 key;
    struct wit_str front, origin; /* borrowed; origin is not empty */
    size_t body_bytes;
};

struct shard_writer_input {
    const struct shard_writer_record *records; /* keys ascend */
    uint64_t count;                            /* at least 1 */
    /* Put the body of record `index` into `out`, body_bytes long. Each is asked for once, nearly in
     * order: the small values of a page before the large ones. */
    int (*body)(void *user, uint64_t index, void *out, struct wit_error *err);
    void *user;
    const volatile int *interrupt; /* may be NULL */
};

#define SHARD_WRITER_SUFFIX ".tmp"

/**
 * Write DIR/shards/<file> by way of <file>.tmp: fsync, then rename; the folder is the caller's to
 * sync. Memory: 1 MiB or the largest value, and 24 bytes a leaf page. On failure neither name is
 * left behind.
 * @return 0, WIT_ENOSPC, WIT_EIO, WIT_ECANCELED, what body() returned ...
 */
int shard_write(const char *dir, const char *file, const struct shard_writer_input *input,
                struct wit_error *err);

/* The same in two steps: <file>.tmp, of which the disk has begun to take what was written; */
int shard_write_unsynced(const char *dir, const char *file, const struct shard_writer_input *input,
                         struct wit_error *err);
/* then fsync and rename. */
int shard_write_finish(const char *dir, const char *file, struct wit_error *err);
/* Or do without it. */
void shard_write_discard(const char *dir, const char *file);

#endif
