/*
 * remanifest.h: a manifest from the shards alone, where dataset.json is gone or damaged. Names of
 * files tell prefix, run and the first half of the plan; their contents must agree with it.
 */
#ifndef SHARDS_REMANIFEST_H
#define SHARDS_REMANIFEST_H

#include "manifest.h"

enum { VERDICT_BYTES = 256 };

/* What was found out about a shard. */
struct verdict {
    bool bad;
    char fault[VERDICT_BYTES]; /* the first */
};

/**
 * Read every file in DIR/shards that has the name of a shard. What dataset.json alone knows
 * (recipe, lineage, maker) stays empty. Of a damaged shard `samples` is what its pages tell.
 * @param verdicts  out, one for each shard of *out; the caller frees it
 * @return 0; WIT_ENOTFOUND (no shard), WIT_ECORRUPT (what belongs to the dataset can't be told: a
 *         damaged list of hidden keys, one sample in two runs of a prefix, files of two datasets),
 *         WIT_EIO, WIT_ENOMEM, WIT_ECANCELED
 */
int manifest_rebuild(const char *dir, const volatile int *interrupt, struct manifest *out,
                     struct verdict **verdicts, struct wit_error *err);

#endif
