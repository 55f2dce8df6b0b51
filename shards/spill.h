/*
 * spill.h: sorts more records than memory takes. Records of one size are added in any order; what
 * does not fit is written as sorted runs to a file without a name, so that nothing is left behind
 * whatever ends the program; settling merges them into one sorted sequence, which is then read by
 * place. Order is that of memcmp over whole records, so the result does not depend on the memory.
 */
#ifndef SHARDS_SPILL_H
#define SHARDS_SPILL_H

#include "base/wit_base.h"

enum { SPILL_RECORD_MOST_BYTES = 64 };
#define SPILL_LEAST_BYTES ((size_t)64 << 10)

struct spill; /* one thread until it is settled, then any number may read */

/**
 * @param folder        where the file goes, should one be needed; kept as a copy
 * @param record_bytes  1 to SPILL_RECORD_MOST_BYTES
 * @param memory_bytes  at most this is held, and at least SPILL_LEAST_BYTES
 * @param interrupt     not 0: WIT_ECANCELED from a merge; may be NULL
 */
int spill_create(const char *folder, size_t record_bytes, size_t memory_bytes,
                 const volatile int *interrupt, struct spill **out, struct wit_error *err);
void spill_destroy(struct spill *s); /* NULL is allowed */

/* 0, WIT_ENOSPC, WIT_EIO, WIT_ENOMEM, WIT_ECANCELED: after a failure it is of no more use. */
int spill_add(struct spill *s, const void *record, struct wit_error *err);
/* No more are added: sort them all. */
int spill_settle(struct spill *s, struct wit_error *err);

uint64_t spill_count(const struct spill *s);
/* Bytes written to the file so far; 0: all were held. */
uint64_t spill_file_bytes(const struct spill *s);
/* Records [from, from + count) of the settled sequence into `out`; they must exist. */
int spill_read(const struct spill *s, uint64_t from, uint64_t count, void *out,
               struct wit_error *err);

/* Reads a settled range in order through a buffer of its own. */
struct spill_cursor {
    const struct spill *spill;
    uint64_t next, end; /* places; of the next record to be read into the buffer */
    uint8_t *buf;
    size_t at, held; /* records */
};
int spill_cursor_begin(struct spill_cursor *c, const struct spill *s, uint64_t from, uint64_t to,
                       struct wit_error *err);
/* 1 with the record, which stays until the next call; 0: the end. */
int spill_cursor_next(struct spill_cursor *c, const uint8_t **record, struct wit_error *err);
void spill_cursor_finish(struct spill_cursor *c);

#endif
