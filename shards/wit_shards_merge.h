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
 * Memory: for each thread the captions and origins of one prefix of the result, 96 bytes for each
 * sample of it (twice that while the arrays grow), twice the largest image and 32 MiB; and 64 bytes
 * for each sample of the shards that are open at that moment: one prefix of each input for each
 * thread. A file of each input is open for each thread.
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

/* ---- compacting ------------------------------------------------------------------------------ */

/* A shard file that goes. */
struct wit_shards_compacting {
    const char *file;
    uint64_t samples, file_bytes;  /* samples of the dataset in it */
    uint64_t hidden, hidden_bytes; /* records that are no part of the dataset any more */
};

struct wit_shards_compact_config {
    struct wit_shards_remake_config make; /* shard_bits and shard_bytes: see reshard */
    bool reshard; /* into as many prefixes as `make` says; else as many as there are */
    bool purge;   /* no hidden record is left anywhere */
    bool dry_run; /* say what would be done */
    /* Old shards go each time so many bytes of them have been written anew, 64 GiB by default. */
    uint64_t batch_bytes;
    void (*going)(void *user, const struct wit_shards_compacting *shard); /* may be NULL */
    void *user;
};
struct wit_shards_compact_config wit_shards_compact_config_default(void);

struct wit_shards_compacted {
    struct wit_shards_remade made;    /* of the dataset afterwards; in a dry run, now */
    uint64_t shards_gone, bytes_gone; /* files that are, or would be, written anew */
    uint64_t hidden_gone;             /* records that leave with them */
    uint64_t bytes_left;              /* of what stays of them: about what is written */
    uint64_t hidden_kept;             /* records that stay hidden in shards that are kept */
};

/**
 * Rewrite the prefixes of a dataset that have more than one run, or a shard of which hidden
 * records are more than a fifth; with `purge` every one that has any; with `reshard`, where the
 * number of prefixes differs, all. Hidden records are not written. Content and dataset hash stay as
 * they are. Old files go when a new dataset.json is durable, batch by batch: it needs the room of a
 * batch, or, where the number of prefixes changes, of the whole dataset. A reader keeps the shards
 * that it has open; one that it opens later may be gone, and the sentence says so.
 * @return 0; WIT_EEXIST (another process collects into, seals or makes the dataset), WIT_ENOTFOUND,
 *         WIT_ECORRUPT, WIT_ENOSPC, WIT_EIO, WIT_ECANCELED, WIT_EINVAL, WIT_ENOMEM: the old dataset
 *         is in place
 */
int wit_shards_compact(const char *dir, const struct wit_shards_compact_config *cfg,
                       struct wit_shards_compacted *out, struct wit_error *err);

/* ---- splitting ------------------------------------------------------------------------------- */

#define WIT_SHARDS_SPLIT_MOST 1000 /* parts */

/* By shares, by keys or by domains: one of them. */
struct wit_shards_split_config {
    struct wit_shards_remake_config make;
    const double *shares; /* each above 0, together 1 */
    size_t share_count;   /* at most WIT_SHARDS_SPLIT_MOST */
    uint64_t seed;        /* of shares */
    const struct wit_hash128 *keys;
    size_t key_count;
    const struct wit_str *domains; /* "example.com": it and all below it */
    size_t domain_count;
    /* Each part when it is published. May be NULL. */
    void (*part)(void *user, const char *dir, const struct wit_shards_remade *made);
    void *user;
};
struct wit_shards_split_config wit_shards_split_config_default(void);

/**
 * Make several datasets of one: OUT/part-0, OUT/part-1 ... by shares, else OUT/match and OUT/rest.
 * Each sample goes to one. By shares that is decided by XXH3-64(key, seed), evenly spread over all
 * prefixes: sample and seed alone decide, so a share stays the same as the dataset grows, and with
 * the same seed the samples of the first 0.1 are among those of the first 0.2. By domains a sample
 * matches when the host of one of the URLs of its image does (those listed in its origins).
 * That the parts add up to the input, sum for sum, is checked before any is published.
 * @return as wit_shards_merge; WIT_EINVAL (not one way to split, shares that don't add up to 1)
 */
int wit_shards_split(const char *dir, const char *out, const struct wit_shards_split_config *cfg,
                     struct wit_error *err);

/* ---- comparing ------------------------------------------------------------------------------- */

struct wit_shards_difference {
    struct wit_hash128 key;
    bool in_a, in_b;
    bool captions; /* in both, with other captions */
    bool image;    /* in both, with other bytes or facts of the image */
};

struct wit_shards_diff_report {
    uint64_t only_a, only_b;  /* samples */
    uint64_t captions, image; /* samples of both that differ so; some in both ways */
    uint64_t differ, same;    /* samples of both */
};

/**
 * Compare two datasets by key, captions and the hashes of their images; image bytes are not read.
 * Where the dataset hashes are equal nothing is.
 * @param fn  called for each difference, by key; returns 0 to go on, another value stops and is
 *            returned; may be NULL
 * @return 0 compared (report says whether they differ); WIT_ENOTFOUND, WIT_ECORRUPT, WIT_EIO ...
 */
typedef int (*wit_shards_difference_fn)(void *user, const struct wit_shards_difference *difference,
                                        struct wit_error *err);
int wit_shards_diff(const char *a, const char *b, wit_shards_difference_fn fn, void *user,
                    const volatile int *interrupt, struct wit_shards_diff_report *report,
                    struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
