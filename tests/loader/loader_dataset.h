/* loader_dataset.h: a small sealed dataset for tests, made through the collector. */
#ifndef WIT_TEST_LOADER_DATASET_H
#define WIT_TEST_LOADER_DATASET_H

#include "wit_shards.h"

/* Makes a dataset of `good` pictures (the golden ones, told apart by bytes behind their end) and
 * `broken` ones that pass for PNG and do not decode, in 2^shard_bits shards, under a new directory
 * whose name goes to dir. Picture i has 1 + i % 3 captions "caption c of i". Fails the test on
 * error. */
void dataset_make(uint32_t good, uint32_t broken, int shard_bits, char dir[WIT_PATH_MAX]);
void dataset_remove(const char *dir);

#endif
