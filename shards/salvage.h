/*
 * salvage.h: what can still be had of a damaged shard. No pointer of the file is needed: every page
 * is looked at, and a record counts when its own hashes prove it under its key, wherever it was
 * found. Origins have no hash; those that read as what they should be are taken.
 */
#ifndef SHARDS_SALVAGE_H
#define SHARDS_SALVAGE_H

#include "hidden.h"
#include "seal_plan.h"
#include "walker.h"

struct salvage_record {
    struct wit_hash128 key, hash; /* of the sample */
    uint64_t offset;              /* of its value in the file */
    uint32_t bytes, captions, image_bytes;
};

struct salvage {
    struct walker_source source; /* the damaged file, open for the bodies; its name is path */
    char path[WIT_PATH_MAX];
    struct salvage_record *records; /* by key, none hidden */
    uint64_t count;
    /* Header, captions and origin of each record; image is its index above. Digest and totals as
     * those of a seal. */
    struct plan plan;
    uint64_t origins_lost; /* records whose origin is not there any more: a line that says nothing
                            * stands in for it */
    struct wit_hash128 sum;
    struct wit_hash128 *lost; /* keys that were seen, but no record of them; not the hidden ones */
    uint64_t lost_count;
};

/**
 * Search a shard of a dataset. A file that is not there or can't be read gives no records.
 * @param shard   name and prefix
 * @param hidden  keys that do not count
 * @return 0; WIT_ENOMEM, WIT_ECANCELED, WIT_ELIMIT. The caller finishes it in any case.
 */
int salvage_shard(const char *dir, const struct manifest_shard *shard, int shard_bits,
                  const struct hidden_keys *hidden, const volatile int *interrupt,
                  struct salvage *out, struct wit_error *err);
/* The same of a file that is open, or of memory; closed by salvage_finish. */
int salvage_source(const struct walker_source *source, uint32_t prefix, int shard_bits,
                   const struct hidden_keys *hidden, const volatile int *interrupt,
                   struct salvage *out, struct wit_error *err);
void salvage_finish(struct salvage *s);

/* Write what was found as shards/<shard->file> of a dataset and read it back: fills all numbers of
 * *shard but prefix, run and plan, which name it. */
int salvage_write(struct salvage *s, const char *dir, int shard_bits, const volatile int *interrupt,
                  struct manifest_shard *shard, struct wit_error *err);

#endif
