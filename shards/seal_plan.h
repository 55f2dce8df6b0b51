/*
 * seal_plan.h: what one prefix of the dataset will consist of: the second half of sealing, before
 * anything is written. A plan is a function of the set of images and words and of keep(), never of
 * their order; its digest covers every byte that the shard will hold.
 */
#ifndef SHARDS_SEAL_PLAN_H
#define SHARDS_SEAL_PLAN_H

#include "seal_join.h"

/* Where the bytes of an image are in the log of its key's group. */
struct plan_body {
    uint64_t frame, hash; /* offset of the frame; XXH3-64 of the body */
    uint32_t lead;        /* bytes of the frame before the body */
    uint32_t bytes;       /* of the body: SEGMENT_MAX_BODY_BYTES at most */
};

struct plan_record {
    struct wit_hash128 key;
    struct plan_body body;
    uint32_t captions;
    bool transcoded;              /* the body is made of the image's bytes, */
    size_t body_at;               /* and lies in the plan's bodies; PLAN_NOT_HELD: make it again */
    size_t body_bytes;            /* as stored */
    size_t front_at, front_bytes; /* in fronts */
    size_t origin_at, origin_bytes; /* in origins */
};
#define PLAN_NOT_HELD SIZE_MAX

struct plan {
    struct plan_record *records; /* by key */
    size_t count, cap;
    struct wit_buf fronts, origins;
    struct wit_buf bodies; /* transcoded ones, up to a ceiling */
    struct wit_hash128 digest;
    uint64_t pairs, image_bytes;
    uint64_t dropped_pairs, duplicate_images, collisions, captions_cut;
    uint64_t removed_images, removed_pairs; /* tombstones kept them out: places, pairs by words */
    uint64_t transcoded, not_transcoded;
};

struct planner; /* one thread: open logs and scratch memory */
int planner_create(const struct join *join, const struct wit_shards_seal_config *cfg,
                   struct planner **out, struct wit_error *err);
void planner_destroy(struct planner *p);
const volatile int *planner_interrupt(const struct planner *p); /* of its configuration */

/* The plan of entries [from, to) of the join, whole keys. The caller finishes it. */
int planner_plan(struct planner *p, uint64_t from, uint64_t to, struct plan *out,
                 struct wit_error *err);
void plan_finish(struct plan *plan);
/* Fill the digest from records, fronts and origins. WIT_ENOMEM. */
int plan_digest(struct plan *plan, struct wit_error *err);
/* Digest, pairs and image bytes of a plan whose records are a part of another's. WIT_ENOMEM. */
int plan_part_total(struct plan *part, struct wit_error *err);
/* Put the body of record `index` of a plan, or of a part of it, into `out`, body_bytes long:
 * verified, or transcoded again where the plan does not hold it. */
int planner_body(struct planner *p, const struct plan *plan, uint64_t index, void *out,
                 struct wit_error *err);
/* It will be asked for soon; a hint. */
void planner_expect(struct planner *p, const struct plan_record *record);

#endif
