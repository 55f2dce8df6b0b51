/*
 * seal_write.h: the shard of a plan. It is named after all that goes into it, so that a repeated
 * seal takes up what an interrupted one had finished, and read back before it counts.
 */
#ifndef SHARDS_SEAL_WRITE_H
#define SHARDS_SEAL_WRITE_H

#include "manifest.h"
#include "seal_plan.h"

/**
 * Make shards/<file> of a dataset hold the records of a plan, or of a part of one.
 * @param shard  in: prefix and run; out: everything, as read back from the file
 * @return 0; what shard_write and shard_file_measure say, with nothing left behind
 */
int plan_shard_make(struct planner *planner, const struct plan *plan, const char *dir,
                    int shard_bits, struct manifest_shard *shard, struct wit_error *err);

#endif
