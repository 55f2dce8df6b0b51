/*
 * workplace.h: the folder of a dataset that is made from others. OUT/making.json says what is being
 * made there, until it is: so a repeated job takes up an interrupted one, and nothing else.
 */
#ifndef SHARDS_WORKPLACE_H
#define SHARDS_WORKPLACE_H

#include "dataset.h"
#include "publish.h"

#define WORKPLACE_INIT                                                                             \
    { .lock = DATASET_LOCK_INIT }

struct workplace {
    char dir[WIT_PATH_MAX];
    struct dataset_lock lock;
};

/* Digest of what a dataset is, with its origins: hash, file hashes, hidden keys. WIT_ENOMEM. */
int dataset_identity(const struct manifest *m, struct wit_hash128 *out, struct wit_error *err);

/**
 * Take a folder to make in it what `inputs` stands for.
 * @param made  set to its manifest where it is there already, whole; the caller's to finish
 * @return 1 it is there already; 0 it is to be made: shards/ is there; WIT_EEXIST (it holds
 *         something else, or another process has it), WIT_EIO, ...
 */
int workplace_open(struct workplace *w, const char *dir, struct wit_hash128 inputs,
                   struct manifest *made, struct wit_error *err);
/* The dataset counts: publish it and forget what was being made. */
int workplace_publish(struct workplace *w, const struct manifest *m, struct wit_error *err);
void workplace_close(struct workplace *w);

#endif
