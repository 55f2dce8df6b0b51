/*
 * wit_shards_repair.h: a damaged dataset, made whole with what is left of it.
 *
 *     struct wit_shards_repair_options options = { .out = NULL };
 *     struct wit_shards_repair_report report;
 *     if (wit_shards_repair("data", &options, &report, &err) == 0)
 *         printf("%llu samples lost\n", (unsigned long long)report.lost);
 *
 * Shards in which verify finds a fault are searched page by page; every record whose own hashes
 * prove it is kept. Nothing is deleted: damaged files go to DIR/damaged/N/, or stay where they are
 * when the result goes elsewhere.
 */
#ifndef WIT_SHARDS_REPAIR_H
#define WIT_SHARDS_REPAIR_H

#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What became of one damaged shard. */
struct wit_shards_repaired {
    const char *file;
    const char *fault;     /* the first that verify found */
    const char *new_file;  /* what holds its samples now, in the result's shards/; NULL: none do */
    uint64_t samples;      /* that it had */
    uint64_t kept, lost;   /* of them */
    uint64_t lost_unnamed; /* of the lost: those whose keys are not known */
    /* Of the kept: those whose origin (URLs, pages, rights) is gone; it says nothing now. */
    uint64_t origins_lost;
};

struct wit_shards_repair_options {
    const char
        *out;     /* a folder that is not there yet, or empty, for the result; NULL: DIR itself */
    bool dry_run; /* say what would be kept and lost, write nothing */
    bool salvage; /* also where DIR/collect could give everything again */
    unsigned threads;    /* for verify and seal; 0: one per core */
    struct wit_str tool; /* program and version, stored as "wit" where the dataset is sealed */
    void (*repaired)(void *user, const struct wit_shards_repaired *shard); /* may be NULL */
    /* A key whose record is gone, after its shard's line. A key that itself was damaged may be
     * among them. May be NULL. */
    void (*lost)(void *user, const char *file, struct wit_hash128 key);
    void *user;
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};

struct wit_shards_repair_report {
    uint64_t damaged; /* shards with faults */
    uint64_t lost, lost_unnamed, origins_lost;
    uint64_t samples, pairs, shards; /* of the result */
    struct wit_hash128 hash;         /* dataset hash of the result: that of what it holds */
    bool rebuilt; /* dataset.json was gone or damaged, and made anew from the shards: it has no
                   * recipe and no lineage any more */
    bool sealed;  /* DIR/collect made it anew: nothing is lost, and newer commits are in it */
    char aside[WIT_PATH_MAX]; /* where the damaged files are now; empty: nothing was moved */
};

/**
 * Verify a dataset and repair what is damaged.
 *
 * Where DIR/collect is there and no recipe chose the pairs, the damaged shards are sealed anew from
 * it instead (unless options->salvage or out is set). Killed anywhere, the old dataset or the
 * repaired one is in place and the damaged files are still there; the same call ends the work.
 * Where dataset.json is gone or damaged it is made anew from the names and contents of the shards.
 * @return 0 (report->lost says whether all is well); WIT_ENOTFOUND (no shard, or nothing that could
 *         be kept), WIT_ECORRUPT (what counts is not known: a list of hidden keys is damaged, or
 *         without dataset.json two runs hold the same sample; err says what to do), WIT_EEXIST (out
 * is in use; DIR/collect or a 'wit build' should make it anew; a collector is open), WIT_ENOSPC,
 * WIT_EIO, WIT_ECANCELED, WIT_EUNSUPPORTED (samples that lie in tars: wit_shards_index)
 */
int wit_shards_repair(const char *dir, const struct wit_shards_repair_options *options,
                      struct wit_shards_repair_report *report, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
