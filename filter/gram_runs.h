/*
 * gram_runs.h: sorted files of counts, written once and read in order, and their merge. The spill
 * of counting that does not fit in memory, and what a finished input leaves.
 *
 * Words are sorted by (hash, bytes). A pair of words is kept by the hashes alone: key =
 * first ^ rotl(second, 29), which with `second` gives `first` back.
 */
#ifndef FILTER_GRAM_RUNS_H
#define FILTER_GRAM_RUNS_H

#include "words.h"

enum gram_kind { GRAM_WORDS, GRAM_PAIRS };

struct gram {
    uint64_t key;        /* words: XXH3-64 of the word */
    uint64_t second;     /* pairs: hash of the second word; words: 0 */
    uint64_t count;      /* > 0 */
    struct wit_str text; /* words: at most WORDS_MAX_BYTES; pairs: empty */
};

static inline uint64_t gram_pair_key(uint64_t first, uint64_t second) {
    return first ^ (second << 29 | second >> 35);
}
int gram_cmp(const struct gram *a, const struct gram *b); /* by key, second, text */

/* Writes a run; grams ascend, no two are equal. One thread. */
struct gram_writer;
int gram_writer_open(const char *path, enum gram_kind kind, struct gram_writer **out,
                     struct wit_error *err);
int gram_writer_put(struct gram_writer *w, const struct gram *g, struct wit_error *err);
/* Flushes, with `sync` to the disk, and closes; w is gone either way. 0, WIT_EIO, WIT_ENOSPC. */
int gram_writer_close(struct gram_writer *w, bool sync, struct wit_error *err);
void gram_writer_abandon(struct gram_writer *w); /* closes whatever came of it; NULL is fine */

#define GRAM_FAN_IN 128 /* runs that are merged at once */

/**
 * Calls fn for every gram of the runs, ascending, counts of equal ones added up. g is valid for the
 * call; fn returns 0 or a negative status, which ends the walk.
 * @param n  up to GRAM_FAN_IN runs
 * @return 0, what fn returned, WIT_EIO, WIT_ENOMEM, WIT_ECORRUPT (a run is cut or out of order, or
 * two words have one hash, which the sentence names)
 */
int gram_merge(char *const *paths, size_t n, enum gram_kind kind,
               int (*fn)(void *user, const struct gram *g), void *user, struct wit_error *err);

#endif
