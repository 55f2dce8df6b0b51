/*
 * gram_work.h: the folder where a build keeps its counts, so that a killed build goes on with the
 * next input file. A finished input has runs "KEY.words.N" and "KEY.pairs.N" and, written last,
 * "KEY.done"; KEY is a hash of the file's size, time of change and first 64 KB, and of what is
 * counted how. Runs without it are removed when their input is counted anew.
 */
#ifndef FILTER_GRAM_WORK_H
#define FILTER_GRAM_WORK_H

#include "gram_runs.h"

struct gram_work;

/* Made when absent, and locked. 0, WIT_EAGAIN (another process has it), WIT_EIO, WIT_ENOMEM. */
int gram_work_open(const char *dir, struct gram_work **out, struct wit_error *err);
/* `remove` takes the folder away, too, when nothing of anybody else is in it. NULL is fine. */
void gram_work_close(struct gram_work *w, bool remove);

enum { GRAM_WORK_NUMBERS = 4 };
struct gram_input {
    char stem[WIT_PATH_MAX];             /* DIR/KEY */
    uint64_t bytes;                      /* size of the file */
    bool done;                           /* numbers and runs hold */
    size_t runs[2];                      /* by gram_kind */
    uint64_t numbers[GRAM_WORK_NUMBERS]; /* the caller's */
};

/* Look up an input; `how` names what is counted by which rule. 0, WIT_ENOTFOUND, WIT_EIO. */
int gram_work_find(struct gram_work *w, const char *path, const char *how, struct gram_input *out,
                   struct wit_error *err);
/* Remove what an unfinished count has left. */
int gram_work_clear(struct gram_work *w, const struct gram_input *in, struct wit_error *err);
/* Its runs are complete. */
int gram_work_done(struct gram_work *w, struct gram_input *in, struct wit_error *err);

/**
 * gram_merge over all runs of n finished inputs; what are too many runs at once goes through merged
 * runs in the folder, which are gone afterwards.
 */
int gram_work_merge(struct gram_work *w, const struct gram_input *inputs, size_t n,
                    enum gram_kind kind, int (*fn)(void *user, const struct gram *g), void *user,
                    struct wit_error *err);
/* A file in the folder that is removed with it: "DIR/name". 0 or WIT_ELIMIT. */
int gram_work_path(const struct gram_work *w, const char *name, char out[WIT_PATH_MAX]);

#endif
