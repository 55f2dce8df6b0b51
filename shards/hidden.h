/*
 * hidden.h: keys of a sealed shard whose records are no part of the dataset any more, because a
 * later run holds them or they were removed. A shard file never changes; its list of hidden keys is
 * another file beside it, which never changes either: a longer list has another name, and
 * dataset.json says which one counts. docs/formats/shard.md has every byte.
 */
#ifndef SHARDS_HIDDEN_H
#define SHARDS_HIDDEN_H

#include "manifest.h"

struct hidden_keys {
    struct wit_hash128 *keys; /* ascend */
    uint64_t count;
};

/**
 * Write the list of a shard and note it there (hidden_count, hidden_hash); what the shard's other
 * numbers say is the caller's. The file is durable afterwards, its name once shards/ is synced.
 * @param keys  ascending, none twice, at least one
 * @return 0; WIT_EIO, WIT_ENOSPC, WIT_ENOMEM: the shard is as it was
 */
int hidden_write(const char *dir, struct manifest_shard *shard, const struct hidden_keys *keys,
                 struct wit_error *err);
/* The list that the manifest names; empty where it names none. WIT_ENOTFOUND, WIT_ECORRUPT (names
 * file and fault), WIT_EIO, WIT_ENOMEM. */
int hidden_read(const char *dir, const struct manifest_shard *shard, struct hidden_keys *out,
                struct wit_error *err);
/* The list in the bytes of a file. WIT_ECORRUPT, WIT_ENOMEM. */
int hidden_decode(struct wit_str bytes, struct hidden_keys *out, struct wit_error *err);
void hidden_finish(struct hidden_keys *h);
/* Bytes of the list of so many keys. */
uint64_t hidden_bytes(uint64_t count);
bool hidden_has(const struct hidden_keys *h, struct wit_hash128 key);

#endif
