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
    /* Put the body of record `index` into `out`, body_bytes long. */
    int (*body)(void *user, uint64_t index, void *out, struct wit_error *err);
    void *user;
    const volatile int *interrupt; /* may be NULL */
};

/**
 * Write DIR/shards/<file> by way of <file>.tmp: fsync, then rename; the folder is the caller's to
 * sync. On failure neither name is left behind.
 * @return 0, WIT_ENOSPC, WIT_EIO, WIT_ECANCELED, what body() returned ...
 */
int shard_write(const char *dir, const char *file, const struct shard_writer_input *input,
                struct wit_error *err);

#endif
