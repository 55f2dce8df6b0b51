/*
 * parked_run.h: a file of waiting pages of many domains, in the order of their ids: domain, depth,
 * number. Never changed once it is there; which parts of it have been given back its owner notes.
 *
 *   "witpark1", u64 count, u64 bytes, 1,025 offsets u64, u64 XXH3-64 of all these
 *   count records: u32 low half of the XXH3-64 of what follows, u32 bytes of the page, id, page
 *
 * Numbers are little-endian, those in an id big-endian. A bucket is the domains whose hashes begin
 * with the same 10 bits: the records of bucket b stand in offsets [b] to [b + 1].
 */
#ifndef CRAWLER_PARKED_RUN_H
#define CRAWLER_PARKED_RUN_H

#include "frontier.h"

enum { PARKED_BUCKETS = 1024, PARKED_PAGE_MOST_BYTES = 1 << 17 };

#define PARKED_RUN_NAME "parked" /* parked-<n>.run */

struct parked_page {
    const uint8_t *id;   /* FRONTIER_ID_BYTES */
    struct wit_str page; /* as the frontier's databases hold it */
};

unsigned parked_bucket(uint64_t domain);

/* Write a file of these pages, which are in order, and make it durable. */
int parked_run_write(const char *folder, uint64_t number, const struct parked_page *pages,
                     size_t count, struct wit_error *err);

struct parked_run {
    const uint8_t *map;
    size_t bytes;
    uint64_t number, count;
    char path[WIT_PATH_MAX];
};

/* number is filled in. WIT_ECORRUPT, WIT_ENOTFOUND, WIT_EIO. */
int parked_run_open(struct parked_run *run, const char *folder, struct wit_error *err);
void parked_run_close(struct parked_run *run);
uint64_t parked_run_begin(const struct parked_run *run, unsigned bucket); /* up to 1,024: the end */
/* The record at *at, which goes on behind it. WIT_ECORRUPT. */
int parked_run_read(const struct parked_run *run, uint64_t *at, struct parked_page *out,
                    struct wit_error *err);

#endif
