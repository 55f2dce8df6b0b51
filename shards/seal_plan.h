/*
 * seal_plan.h: what one prefix of the dataset will consist of: the second half of sealing, before
 * anything is written. A plan is a function of the set of images and words and of keep(), never of
 * their order; its digest covers every byte that the shard will hold.
 */
#ifndef SHARDS_SEAL_PLAN_H
#define SHARDS_SEAL_PLAN_H

#include "seal_join.h"

struct plan_record {
    struct wit_hash128 key;
    uint64_t image; /* index into the join: whose body to take */
    uint32_t captions;
    size_t body_bytes;
    size_t front_at, front_bytes;   /* in fronts */
    size_t origin_at, origin_bytes; /* in origins */
};

struct plan {
    struct plan_record *records; /* by key */
    size_t count, cap;
    struct wit_buf fronts, origins;
    struct wit_hash128 digest;
    uint64_t pairs, image_bytes;
    uint64_t dropped_pairs, duplicate_images, collisions, captions_cut;
};

struct planner; /* one thread: open logs and scratch memory */
int planner_create(const struct join *join, const struct wit_shards_seal_config *cfg,
                   struct planner **out, struct wit_error *err);
void planner_destroy(struct planner *p);

/* The plan of by_key positions [from, to), whole keys. The caller finishes it. */
int planner_plan(struct planner *p, uint64_t from, uint64_t to, struct plan *out,
                 struct wit_error *err);
void plan_finish(struct plan *plan);
/* Read and verify the body of join image `image` into `out`. */
int planner_body(struct planner *p, uint64_t image, void *out, struct wit_error *err);

#endif
