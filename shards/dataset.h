/* dataset.h: what is below a dataset open for reading: its manifest and its files. */
#ifndef SHARDS_DATASET_H
#define SHARDS_DATASET_H

#include "shard_file.h"

const char *dataset_dir(const struct wit_shards_dataset *ds);
const struct manifest *dataset_manifest(const struct wit_shards_dataset *ds);
/* Open a dataset whose records are in sealed shards, by key; of others WIT_EUNSUPPORTED. */
int dataset_sealed_open(const char *dir, struct wit_shards_dataset **out, struct wit_error *err);
/* A reference to a shard, opened now if need be: the caller's to unref. Any thread. */
int dataset_file(struct wit_shards_dataset *ds, size_t shard, struct shard_file **out,
                 struct wit_error *err);
/* The first shard of a prefix, or of a later one; the number of shards where there is none. */
size_t dataset_prefix_begin(const struct wit_shards_dataset *ds, uint32_t prefix);

#endif
