/*
 * publish.h: a dataset takes the place of the one before it. Whoever makes shards (a seal, a merge,
 * a removal) writes and syncs them first, under names that no manifest has yet, and ends here.
 */
#ifndef SHARDS_PUBLISH_H
#define SHARDS_PUBLISH_H

#include "manifest.h"

/**
 * Sync the names in shards/, replace dataset.json, remove what it does not name. Killed or failing
 * anywhere, the old dataset or the new one is in place. The manifest is encoded as it is: totals
 * are the caller's (manifest_total).
 * @return 0; WIT_EIO, WIT_ENOSPC, WIT_ELIMIT, WIT_ENOMEM
 */
int dataset_publish(const char *dir, const struct manifest *m, struct wit_error *err);

/* Who replaces a dataset keeps others out until it is done: other processes that make or change it,
 * and those that collect where there is a collection. */
struct dataset_lock {
    int folder, collect; /* descriptors; -1 */
};
#define DATASET_LOCK_INIT                                                                          \
    { -1, -1 }
/* WIT_EEXIST: another process has it, err says which if it collects. WIT_ENOTFOUND, WIT_EIO. */
int dataset_lock(const char *dir, struct dataset_lock *out, struct wit_error *err);
void dataset_unlock(struct dataset_lock *lock);
/* Of a lock that stays, let go of collect/: for what locks it itself. */
void dataset_lock_collect_give(struct dataset_lock *lock);

/* Remove what a killed program left half-written in shards/. */
int dataset_halves_remove(const char *dir, struct wit_error *err);
/* And every shard and list that the manifest, which is the one on the disk, does not name; its name
 * is synced first. */
int dataset_strays_remove(const char *dir, const struct manifest *m, struct wit_error *err);

#endif
