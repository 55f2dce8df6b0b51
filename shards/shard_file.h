/*
 * shard_file.h: one sealed shard, open for reading. Nothing of the file is mapped: every byte comes
 * by pread after a bounds check, so a file that is cut, replaced or failing gives an error.
 */
#ifndef SHARDS_SHARD_FILE_H
#define SHARDS_SHARD_FILE_H

#include "hidden.h"
#include "record.h"
#include "walker.h"

/* Immutable after opening, but for the origin table (origin_lock). Any thread may read. */
struct shard_file;

/**
 * Open shards/<file> of a dataset and walk its samples, without those that are hidden.
 * @param expect  size, counts, prefix and hidden keys to hold it to; NULL: anything goes and
 *                nothing is hidden (measuring)
 * @return 0; WIT_ENOTFOUND, WIT_ECORRUPT (file and fault in err), WIT_EIO, WIT_ENOMEM
 */
int shard_file_open(const char *dir, const char *file, const struct manifest_shard *expect,
                    int shard_bits, struct shard_file **out, struct wit_error *err);
struct shard_file *shard_file_ref(struct shard_file *f);
void shard_file_unref(struct shard_file *f); /* the last one closes; NULL is allowed */

uint64_t shard_file_samples(const struct shard_file *f);
/* Key of a record, in key order; false: there is no such record. */
bool shard_file_key(const struct shard_file *f, uint64_t index, struct wit_hash128 *out);
int64_t shard_file_find(const struct shard_file *f, struct wit_hash128 key);
int shard_file_read(const struct shard_file *f, uint64_t index, bool verify, struct wit_buf *buf,
                    struct wit_shards_sample *out, struct wit_error *err);
/* A record without its image bytes, checked; buf is replaced by it and lends the views. */
int shard_file_front(const struct shard_file *f, uint64_t index, struct wit_buf *buf,
                     struct record_front *out, struct wit_error *err);
/* The image bytes of a record into out, front->image.bytes long, checked. */
int shard_file_body(const struct shard_file *f, uint64_t index, const struct record_front *front,
                    void *out, struct wit_error *err);
/* First record whose key is at least `key`; the number of records where there is none. */
uint64_t shard_file_seek(const struct shard_file *f, struct wit_hash128 key);
/* Bytes of the records that are hidden. */
uint64_t shard_file_hidden_bytes(const struct shard_file *f);
/* The first `most` bytes of a record's value, unchecked, and how long it is. buf is replaced. */
int shard_file_head(const struct shard_file *f, uint64_t index, size_t most, struct wit_buf *buf,
                    struct wit_str *out, uint64_t *bytes, struct wit_error *err);
/* Append the origin lines of a key. WIT_ENOTFOUND. */
int shard_file_origin(struct shard_file *f, struct wit_hash128 key, struct wit_buf *out,
                      struct wit_error *err);
void shard_file_prefetch(const struct shard_file *f, uint64_t from, uint64_t count);

/* What can be checked of an open shard without its values: each record, hidden or not, has one
 * origin under its key. */
int shard_file_skim(struct shard_file *f, struct wit_error *err);

/* Every fault of a shard goes to `fault`; what could be read is added up in `measured` (samples,
 * pairs, bytes, sum, file hash; its names, plan and hidden keys, which it goes by, are left alone).
 * 0, or the last fault's status.
 */
typedef void (*shard_fault_fn)(void *user, const char *text);
int shard_file_measure(const char *dir, const char *file, int shard_bits,
                       const volatile int *interrupt, shard_fault_fn fault, void *user,
                       struct manifest_shard *measured, struct wit_error *err);

#endif
