/*
 * collect.h: what DIR/collect holds: names of its files, heads of its frames, committed lengths.
 */
#ifndef SHARDS_COLLECT_H
#define SHARDS_COLLECT_H

#include "segment.h"
#include "wit_shards.h"

#include <lmdb.h>

/* One log per prefix group: the images of a group share the top four bits of their keys. */
enum { COLLECT_GROUPS = 16, COLLECT_GROUP_BITS = 4 };

enum {
    COLLECT_CANDIDATE_HEAD_BYTES = 16,
    COLLECT_CANDIDATE_HEAD_MOST = 28, /* of a candidate with extra or digest, and rights */
    COLLECT_IMAGE_HEAD_BYTES = 56,
    COLLECT_IMAGE_HEAD_MOST = 80 /* of an image that is not stored as it was fetched */
};
enum { COLLECT_COMMIT_BYTES = 16 + 8 * (1 + COLLECT_GROUPS + 4) };

/* Frame types. */
enum { FRAME_CANDIDATE = 1, FRAME_IMAGE = 2 };

/* What the last commit covers. */
struct collect_commit {
    struct wit_hash128 id;           /* random, of this collection; zero: nothing was committed */
    uint64_t candidates;             /* bytes of candidates.log */
    uint64_t images[COLLECT_GROUPS]; /* bytes of images-<group>.log */
    struct wit_shards_collected totals;
};

int collect_path(char out[WIT_PATH_MAX], const char *dir, const char *name, struct wit_error *err);
int collect_images_path(char out[WIT_PATH_MAX], const char *dir, unsigned group,
                        struct wit_error *err);
/* Lock DIR/collect for this process: the descriptor to close, or WIT_EEXIST naming the holder. */
int collect_lock(const char *dir, struct wit_error *err);
/* The last commit, from the index; zeros where nothing was collected. */
int collect_commit_load(const char *dir, struct collect_commit *out, struct wit_error *err);
void collect_commit_put(const struct collect_commit *c, uint8_t out[COLLECT_COMMIT_BYTES]);
void collect_commit_get(const uint8_t in[COLLECT_COMMIT_BYTES], struct collect_commit *c);

/* The fixed part of a candidate's head; url, text, page, extra, digest and rights follow it. Its
 * length, or WIT_ELIMIT. */
int collect_candidate_encode(const struct wit_shards_candidate *c,
                             uint8_t head[COLLECT_CANDIDATE_HEAD_MOST]);
/* Has it a URL and a text, or is it an image that a list names alone? */
bool collect_candidate_complete(const struct wit_shards_candidate *c);
/* Views into the head. WIT_ECORRUPT. */
int collect_candidate_decode(struct wit_str head, struct wit_shards_candidate *out,
                             struct wit_error *err);

struct collect_image {
    struct wit_hash128 key;            /* of the bytes as fetched */
    struct wit_hash128 stored;         /* of the bytes; the same unless fetched.changed */
    struct wit_shards_fetched fetched; /* bytes are the frame's body */
};
/* The fixed part of an image's head; url, final url, headers and rights follow it. Its length, or
 * WIT_ELIMIT. */
int collect_image_encode(const struct collect_image *image, uint8_t head[COLLECT_IMAGE_HEAD_MOST]);
int collect_image_decode(struct wit_str head, struct collect_image *out, struct wit_error *err);

/* ---- the index ---- */

enum { COLLECT_STORED = 1, COLLECT_REFUSED = 2 }; /* statuses of a URL; 0: nothing known */
enum { COLLECT_REASON_MOST_BYTES = 63, COLLECT_OUTCOME_MOST_BYTES = 64 };

/* Value of a URL in the index: its length. A longer reason is cut. */
size_t collect_outcome_encode(const struct wit_shards_outcome *o,
                              uint8_t out[COLLECT_OUTCOME_MOST_BYTES]);
/* What is not there is zero; the reason is a view. */
void collect_outcome_decode(struct wit_str value, struct wit_shards_outcome *out);

/* The caller's lock must keep other processes out, or flags hold MDB_RDONLY and one read is all. */
int collect_index_open(const char *dir, unsigned flags, MDB_env **out, struct wit_error *err);
int collect_index_fail(struct wit_error *err, int rc, const char *dir, const char *what);

#endif
