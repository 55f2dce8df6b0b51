/*
 * wit_shards_merge.h: sealed datasets into other sealed datasets: merged, compacted, split, and
 * compared. Logs are not needed; every record is checked as it is read, and what was written is
 * read back before it counts.
 *
 *     struct wit_shards_remake_config cfg = wit_shards_remake_config_default();
 *     const char *const parts[] = { "a", "b" };
 *     struct wit_shards_remade made;
 *     if (wit_shards_merge(parts, 2, "c", &cfg, &made, &err) < 0)
 *         puts(err.text);
 *
 * A merge has the dataset hash that collecting together would have given, where each URL had one
 * image and its words were in a dataset that has the image (docs/formats/shard.md, merging). All of
 * it is idempotent: killed anywhere and called again it ends with the same dataset.
 *
 * Memory: for each thread the captions and origins of one prefix of the result, twice the largest
 * image and 32 MiB; 72 bytes for each sample of it and 56 more while it is written; 64 bytes for
 * each sample of the shards open at that moment: one prefix of each input for each thread.
 */
#ifndef WIT_SHARDS_MERGE_H
#define WIT_SHARDS_MERGE_H

#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

struct wit_shards_remake_config {
    uint64_t shard_bytes; /* target size of a shard file; decides the number of prefixes */
    int shard_bits;       /* log2 of the number of prefixes; -1: from shard_bytes */
    unsigned threads;     /* 0: one per core */
    struct wit_str tool;  /* program and version, stored as "wit" */
    /* Samples written, of about `total`; any thread, one at a time. May be NULL. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};
struct wit_shards_remake_config wit_shards_remake_config_default(void); /* 1.5 GiB, -1, 0 */

struct wit_shards_remade {
    uint64_t samples, pairs, image_bytes, shards; /* of the dataset afterwards */
    uint64_t shared;                              /* samples that more than one input had */
    uint64_t collisions;   /* URLs whose bytes lost to different ones under the same key, now */
    uint64_t captions_cut; /* captions over the ceilings of a sample, now */
    bool changed;          /* false: it was there already */
    struct wit_hash128 hash;
};

/**
 * Make OUT the union of datasets: samples with the same key become one, with the captions and the
 * origins of all. OUT has no collect/, so it can't be sealed again; its lineage has the inputs as
 * parents, each with its recipe. Pairs that the recipe of an input dropped are not in that input,
 * so they are not in OUT either.
 * @param out  a folder that is missing, empty, or holds this very merge, whole or interrupted
 * @return 0; WIT_EEXIST (out holds something else, or another process works there), WIT_ENOTFOUND,
 *         WIT_ECORRUPT (names shard and record), WIT_ENOSPC, WIT_EIO, WIT_ECANCELED, WIT_EINVAL (no
 *         inputs, bits out of range), WIT_ENOMEM. OUT has no dataset.json then, or the old one.
 */
int wit_shards_merge(const char *const *dirs, size_t count, const char *out,
                     const struct wit_shards_remake_config *cfg, struct wit_shards_remade *made,
                     struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
