/*
 * seal_runs.h: what a later seal does with the shards that a prefix has. Where few records are new
 * or have changed, they become a further run and the old versions are hidden; where much has, or
 * much of the files is hidden already, the prefix is written anew, whole.
 */
#ifndef SHARDS_SEAL_RUNS_H
#define SHARDS_SEAL_RUNS_H

#include "hidden.h"
#include "seal_plan.h"

struct runs_limits {
    unsigned runs;    /* of a prefix; 1: every change makes it anew */
    unsigned percent; /* of the prefix's bytes: more fresh or more hidden ones make it anew */
};

/* A shard that stays, and which of its records do not. */
struct runs_kept {
    struct manifest_shard shard; /* numbers without those records */
    struct hidden_keys hide;     /* to be hidden besides those that are */
};

struct runs_change {
    bool whole;        /* make it anew; nothing else is set */
    struct plan fresh; /* new and changed records: a part of the plan, whose texts it shares */
    struct runs_kept *kept;
    size_t kept_count;
};

/**
 * Compare what the shards of a prefix hold with its plan: sizes, fronts (captions, facts, hash of
 * the image bytes) and origins, byte by byte; bodies are not read, but for those that go.
 * @param shards  of one prefix, as dataset.json has them, which are there; none: all is fresh
 * @return 0 (a shard that is damaged: whole, with a warning), WIT_ENOMEM, WIT_ECANCELED
 */
int runs_compare(const char *dir, int shard_bits, const struct manifest_shard *shards, size_t count,
                 const struct plan *plan, const struct runs_limits *limits,
                 const volatile int *interrupt, struct runs_change *out, struct wit_error *err);
void runs_change_finish(struct runs_change *c);

/* Write the longer list of a shard that keeps some records and hides others, and note it there. */
int runs_kept_hide(const char *dir, struct runs_kept *kept, struct wit_error *err);

#endif
