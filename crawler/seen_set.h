/*
 * seen_set.h: which URLs, or pairs, are known: a set of 64-bit hashes that only grows, for
 * billions. New ones go to a small LMDB database; when it is full they become a sorted file, and
 * files of one size are merged into a larger one in a thread of its own. A file begins with a
 * filter, so that a hash that is not there costs one cache line a file.
 *
 * Random inserts into one B-tree collapse once it is larger than memory; here everything on disk is
 * written in order. Sources: Heydon & Najork 1999 (Mercator's sieve), Lee et al. 2008 (IRLbot).
 *
 * Two things with one hash are taken for the same: among 10^9 it happens to one with probability
 * 0.03. Belongs to one thread. Changes are in the caller's transaction: a kill brings back the last
 * commit.
 */
#ifndef CRAWLER_SEEN_SET_H
#define CRAWLER_SEEN_SET_H

#include "base/wit_base.h"

#include <lmdb.h>

struct seen_set;

struct seen_set_config {
    const char *folder;   /* holds NAME-<n>.run; is there */
    const char *name;     /* up to 31 bytes; NULL: "seen" */
    const char *prefix;   /* of its databases, PREFIXrecent and PREFIXruns, up to 31; NULL: none */
    uint64_t recent_most; /* hashes in LMDB before they become a file; 0: one million */
};

/* Opens two databases in txn and removes files of its name that no commit knows.
 * WIT_ECORRUPT (a file is missing or not of its size), WIT_EIO, WIT_ENOMEM. */
int seen_set_open(const struct seen_set_config *cfg, MDB_txn *txn, struct seen_set **out,
                  struct wit_error *err);
/* Waits for a merge that is running to give up. NULL is fine. */
void seen_set_close(struct seen_set *s);

/* 1: new, and known from now on; 0: known already. */
int seen_set_add(struct seen_set *s, MDB_txn *txn, uint64_t hash, struct wit_error *err);

/* 1: known; 0: not, and not noted either. */
int seen_set_has(struct seen_set *s, MDB_txn *txn, uint64_t hash, struct wit_error *err);

/* Around the commit of txn: what belongs to it, and what may be done once it is durable. */
int seen_set_commit_begin(struct seen_set *s, MDB_txn *txn, struct wit_error *err);
int seen_set_commit_end(struct seen_set *s, struct wit_error *err);

size_t seen_set_runs(const struct seen_set *s);

#endif
