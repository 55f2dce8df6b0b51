/*
 * removal.h: what tombstones do to records of a sealed dataset, and to a dataset as a whole.
 */
#ifndef SHARDS_REMOVAL_H
#define SHARDS_REMOVAL_H

#include "dataset.h"
#include "removed_set.h"

/* ---- one record ------------------------------------------------------------------------------ */

enum removal_fate { REMOVAL_STAYS, REMOVAL_CHANGES, REMOVAL_GOES };

struct removal_verdict {
    enum removal_fate fate;
    uint32_t captions;            /* that are left */
    uint64_t unsure;              /* captions that leave because no listed place has them */
    struct wit_str front, origin; /* of one that changes; until the next call */
};

struct removal; /* one thread: scratch memory */
int removal_create(const struct removed_set *set, struct removal **out, struct wit_error *err);
void removal_destroy(struct removal *r);
/* Can keys alone decide? Then no text of a record need be read. */
bool removal_is_by_key(const struct removal *r);
/* origin: the lines of the sample. WIT_ECORRUPT, WIT_ENOMEM, WIT_ELIMIT. */
int removal_judge(struct removal *r, struct wit_hash128 key, const struct record_front *front,
                  struct wit_str origin, struct removal_verdict *out, struct wit_error *err);

/* ---- a dataset ------------------------------------------------------------------------------- */

struct removal_counts {
    uint64_t samples, pairs; /* that leave */
    uint64_t changed_samples, unsure_pairs;
};

struct removal_job {
    const char *dir;
    const struct manifest *old;
    const struct removed_set *set;
    unsigned threads; /* 0: one per core */
    bool dry_run;
    const volatile int *interrupt; /* may be NULL */
};

/**
 * Make the shards of the dataset without what `set` names: records that leave or change are hidden,
 * changed ones become a further run of their prefix. Everything is written and synced under names
 * that the old manifest does not have; publishing is the caller's.
 * @param shards  the list that the new manifest has, by (prefix, run); the caller's to free. NULL
 *                in a dry run
 */
int removal_run(const struct removal_job *job, struct manifest_shard **shards, size_t *count,
                struct removal_counts *counts, struct wit_error *err);

#endif
