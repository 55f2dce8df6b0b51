/*
 * walker.h: reads the page graph of a sealed shard (an LMDB 0.9 file) without LMDB, whose 0.9 line
 * trusts every pointer in the file. Every page number, offset and length is checked against the
 * file before it is followed; no page is reached twice; keys ascend; depth is bounded. Overflow
 * pages are claimed but read only with their record (shard_file.c).
 */
#ifndef SHARDS_WALKER_H
#define SHARDS_WALKER_H

#include "base/wit_base.h"

/* Where the file's bytes come from: a descriptor, or memory when `memory` is set (tests). */
struct walker_source {
    int fd;
    const uint8_t *memory;
    uint64_t bytes;   /* of the file */
    const char *name; /* for sentences */
};
int walker_source_read(const struct walker_source *s, void *out, size_t len, uint64_t offset,
                       struct wit_error *err);

/* One record of a named database. */
struct walker_entry {
    struct wit_hash128 key;
    uint64_t offset; /* of the value in the file */
    uint32_t bytes;  /* of the value */
    bool overflow;   /* the value begins behind the header of its own run of pages */
};

/* The ordinal tables, in key order. */
struct walker_table {
    struct walker_entry *entries;
    uint64_t count;
};

struct walker;

/**
 * Check the meta pages and the main database: names and places of the two others.
 * @return 0; WIT_ECORRUPT with the fault, WIT_EIO, WIT_ENOMEM. Destroy it at any time after.
 */
int walker_create(const struct walker_source *source, struct walker **out, struct wit_error *err);
void walker_destroy(struct walker *w);
uint32_t walker_page_bytes(const struct walker *w);

/* Walk database `name` ("samples", "origin"), each once: pages seen in one are not free for the
 * other. WIT_ECORRUPT, WIT_EIO, WIT_ENOMEM. */
int walker_table_read(struct walker *w, const char *name, struct walker_table *out,
                      struct wit_error *err);
void walker_table_finish(struct walker_table *t);
/* Index of a key, or -1. */
int64_t walker_table_find(const struct walker_table *t, struct wit_hash128 key);

/* Is this header that of an overflow run for a value of `bytes`, at the offset given by its entry?
 */
enum { WALKER_PAGE_HEADER_BYTES = 16 };
bool walker_overflow_fits(const uint8_t header[WALKER_PAGE_HEADER_BYTES],
                          const struct walker_entry *e, uint32_t page_bytes);

#endif
