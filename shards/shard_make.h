/*
 * shard_make.h: the shard of a plan: named after all that goes into it, so that a repeated job
 * takes up what an interrupted one had finished, and read back before it counts.
 */
#ifndef SHARDS_SHARD_MAKE_H
#define SHARDS_SHARD_MAKE_H

#include "manifest.h"
#include "shard_writer.h"

/* The digest of a plan (docs/formats/shard.md). WIT_ENOMEM. */
int shard_plan_digest(const struct shard_writer_record *records, uint64_t count,
                      struct wit_hash128 *out, struct wit_error *err);

/**
 * Name shards/<file> of a dataset after its prefix, run and plan; take up the file of that name if
 * it holds what it should, else write it; measure it.
 * @param shard  in: prefix, run, plan, pairs and image_bytes that it will hold; out: everything
 * @return 0; what shard_write and shard_file_measure say
 */
int shard_make(const char *dir, int shard_bits, const struct shard_writer_input *input,
               struct manifest_shard *shard, struct wit_error *err);

#endif
