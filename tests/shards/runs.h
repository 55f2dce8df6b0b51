/*
 * runs.h: datasets as later seals and removals leave them: several runs of a prefix, and records
 * that are hidden, made out of a sealed one.
 */
#ifndef TESTS_RUNS_H
#define TESTS_RUNS_H

#include "manifest.h"

/* Hide the records of a shard whose index has the remainder `rest` by 3 (`equal`), or all others;
 * its numbers follow. */
int runs_hide(const char *dir, int bits, struct manifest_shard *s, uint64_t rest, bool equal,
              struct wit_error *err);
/* The same file again as run 1, nothing hidden. */
int runs_again(const char *dir, int bits, struct manifest_shard *s, struct wit_error *err);
/* `like` with these shards. */
int runs_publish(const char *dir, const struct manifest *like, struct manifest_shard *shards,
                 size_t count, struct wit_error *err);
/* A third of the records of each shard of a dataset come from a second run of its prefix, where the
 * others are hidden; with `remove` another third is in neither. */
int runs_split(const char *dir, bool remove, struct wit_error *err);

#endif
