/*
 * tar_index.h: the samples of one tar, read in place: a file beside the tar says where each image
 * lies, and holds the front and the origin that a sealed shard would. docs/formats/tar-index.md has
 * every byte.
 *
 * A tar that was cut, replaced or changed since is refused when it is opened, as far as size, time
 * and the hash of its ends tell, and a record that has changed when it is read, by its hash.
 */
#ifndef SHARDS_TAR_INDEX_H
#define SHARDS_TAR_INDEX_H

#include "hidden.h"
#include "record.h"
#include "walker.h"

enum { TAR_INDEX_HEADER_BYTES = 128, TAR_INDEX_ENTRY_BYTES = 48, TAR_INDEX_ENDS_BYTES = 65536 };
#define TAR_INDEX_MAX_SAMPLES ((uint64_t)1 << 32)

/* What is known of the tar. */
struct tar_facts {
    uint64_t bytes;
    int64_t mtime_ns;        /* nanoseconds since 1970 */
    struct wit_hash128 ends; /* H of its first and last 64 KiB; of a smaller one of all, twice */
};
/* WIT_ENOTFOUND, WIT_EIO, WIT_ECORRUPT (no file). */
int tar_facts_read(int fd, const char *path, struct tar_facts *out, struct wit_error *err);

struct tar_entry {
    struct wit_hash128 key;
    uint64_t image_at, image_bytes; /* in the tar */
    uint64_t front_at;              /* in the index; the origin stands behind it */
    uint32_t front_bytes, origin_bytes;
};

struct tar_index; /* immutable; any thread may read */

/**
 * Read an index and check everything that does not need the tar.
 * @param source  borrowed for the index's life
 * @return 0; WIT_ECORRUPT with the fault, WIT_EIO, WIT_ENOMEM
 */
int tar_index_load(const struct walker_source *source, struct tar_index **out,
                   struct wit_error *err);
/* Open its tar and see whether it is the one. A path that is not absolute is below `dir`. */
int tar_index_attach(struct tar_index *t, const char *dir, struct wit_error *err);
void tar_index_destroy(struct tar_index *t); /* NULL is fine */
/* Take hidden keys out; all of them must be there. WIT_ECORRUPT. Before it is shared. */
int tar_index_hide(struct tar_index *t, const struct hidden_keys *hidden, struct wit_error *err);

uint64_t tar_index_samples(const struct tar_index *t);
/* In the order of the tar. */
const struct tar_entry *tar_index_entry(const struct tar_index *t, uint64_t index);
int64_t tar_index_find(const struct tar_index *t, struct wit_hash128 key); /* -1: not there */
/* Append the record to buf, as it would stand in a sealed shard. */
int tar_index_read(const struct tar_index *t, const struct tar_entry *e, struct wit_buf *buf,
                   struct wit_str *value, struct wit_error *err);
int tar_index_origin(const struct tar_index *t, const struct tar_entry *e, struct wit_buf *out,
                     struct wit_error *err);
void tar_index_prefetch(const struct tar_index *t, uint64_t from, uint64_t count);

/* Bytes of an index. Entries as above but for front_at, which counts from the first text; `texts`
 * are the fronts and origins. ELIMIT, ENOMEM. */
int tar_index_encode(const char *path, const struct tar_facts *tar, const struct tar_entry *entries,
                     uint64_t count, struct wit_str texts, struct wit_buf *out);

#endif
