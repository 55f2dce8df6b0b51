/*
 * seen_run.h: a file of sorted 64-bit hashes with a filter in front. Never changed once it is
 * there.
 *
 *   "witseen1", u64 count, u64 filter blocks, u64 XXH3-64 of these 24 bytes
 *   filter: blocks of 64 bytes; a hash sets 6 bits of one block
 *   count hashes, u64 little-endian, ascending
 */
#ifndef CRAWLER_SEEN_RUN_H
#define CRAWLER_SEEN_RUN_H

#include "base/wit_base.h"

struct seen_run {
    uint64_t number; /* of the file */
    uint32_t level;  /* how often merged */
    uint64_t count;
    const uint8_t *map;
    size_t map_bytes;
    uint64_t blocks;
};

/* FOLDER/NAME-<n>.run. number, level and count are filled in; they must agree with the file. */
int seen_run_open(struct seen_run *run, const char *folder, const char *name,
                  struct wit_error *err);
void seen_run_close(struct seen_run *run);
bool seen_run_has(const struct seen_run *run, uint64_t hash);
uint64_t seen_run_at(const struct seen_run *run, uint64_t index); /* ascending */

/* Writes a file of `count` ascending hashes: create, put each, finish, which makes it durable.
 * Before that there is no file of that name. */
struct seen_writer;
int seen_writer_create(const char *folder, const char *name, uint64_t number, uint64_t count,
                       struct seen_writer **out, struct wit_error *err);
int seen_writer_put(struct seen_writer *w, uint64_t hash, struct wit_error *err);
int seen_writer_finish(struct seen_writer *w, struct wit_error *err);
void seen_writer_destroy(struct seen_writer *w); /* NULL is fine */

#endif
