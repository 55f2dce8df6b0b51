/*
 * remake_plan.h: what one prefix of a dataset will consist of that is made from sealed ones:
 * samples with the same key become one, by the rules of a seal (docs/formats/shard.md, merging).
 * Image bytes stay where they are, but where two datasets have the same key: then they are
 * compared.
 */
#ifndef SHARDS_REMAKE_PLAN_H
#define SHARDS_REMAKE_PLAN_H

#include "remake.h"
#include "shard_writer.h"

/* Whose image a record has. */
struct remake_source {
    struct wit_hash128 hash; /* of the image bytes */
    uint64_t index;
    uint32_t input, shard;
    uint8_t changed;
};

struct remake_plan {
    struct shard_writer_record *records; /* by key */
    struct remake_source *sources;       /* of records */
    size_t count;
    struct wit_buf fronts, origins; /* what records point into */
    uint64_t pairs, image_bytes;
    struct remake_counts counts;
};

struct remake_planner; /* one thread */
int remake_planner_create(const struct remake *job, struct remake_planner **out,
                          struct wit_error *err);
void remake_planner_destroy(struct remake_planner *p);
/* The plan of a prefix; the caller finishes it. */
int remake_planner_plan(struct remake_planner *p, uint32_t prefix, struct remake_plan *out,
                        struct wit_error *err);
void remake_plan_finish(struct remake_plan *plan);

#endif
