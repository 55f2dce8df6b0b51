/*
 * remake.h: shards from sealed shards: what merge, compact and split have in common. Prefixes of
 * the new dataset are made side by side by several threads, each in one pass over its keys for the
 * plan and one for the image bytes.
 */
#ifndef SHARDS_REMAKE_H
#define SHARDS_REMAKE_H

#include "dataset.h"
#include "removed_set.h"
#include "wit_shards_merge.h"

struct remake_counts {
    uint64_t duplicate_images; /* URLs of an image beside its first */
    uint64_t collisions, captions_cut;
    uint64_t shared; /* keys that several inputs had */
    uint64_t removed_samples, removed_pairs; /* that `removed` kept out */
};

struct remake {
    struct wit_shards_dataset *const *inputs;
    size_t input_count;
    const char *out; /* folder of the new dataset; its shards/ is there */
    int shard_bits;
    uint32_t run;
    unsigned threads;   /* 0: one per core */
    const bool *wanted; /* by prefix: which to make; NULL: all */
    const struct removed_set *removed; /* what stays out; NULL: nothing does */
    /* Does this sample belong in? NULL: all do. Several threads at once. */
    int (*select)(void *user, struct wit_hash128 key, struct wit_str origins, bool *take,
                  struct wit_error *err);
    bool select_by_origin; /* select needs origins; else they are empty */
    void *user;
    /* Samples written so far, of about `total`; any thread, one at a time. May be NULL. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *progress_user;
    uint64_t progress_total;
    const volatile int *interrupt; /* may be NULL */
};

struct remade {
    struct manifest_shard *shards; /* by prefix; one of each that has samples */
    size_t count;
    struct remake_counts counts;
};

/**
 * Make the shards and sync each; their names, and that they count, are the caller's to settle
 * (dataset_publish). What an interrupted run finished is taken up.
 * @return 0; WIT_ECORRUPT, WIT_EIO, WIT_ENOSPC, WIT_ENOMEM, WIT_ECANCELED, what select said
 */
int remake_run(const struct remake *job, struct remade *out, struct wit_error *err);
void remade_finish(struct remade *r);

/* What a caller is told of the dataset that there is now. counts: NULL if nothing was made. */
void remade_report(const struct manifest *m, const struct remake_counts *counts,
                   struct wit_shards_remade *out);
/* Settings that can't be. WIT_EINVAL. */
int remake_config_check(const struct wit_shards_remake_config *cfg, struct wit_error *err);

/* log2 of the number of prefixes for shards of about so many bytes: as a seal chooses. */
int remake_bits(uint64_t image_bytes, uint64_t samples, uint64_t shard_bytes);

#endif
