/*
 * seal_join.h: which images and which words belong together: the first half of sealing. Reads every
 * committed frame's head once; image bytes stay where they are.
 */
#ifndef SHARDS_SEAL_JOIN_H
#define SHARDS_SEAL_JOIN_H

#include "collect.h"

/* Where a stored image is. 48 bytes, and 8 in by_key: what sealing holds for each image. */
struct join_image {
    struct wit_hash128 url; /* hash of the URL */
    struct wit_hash128 key;
    uint64_t offset; /* of its frame in the log of its group */
    uint64_t bytes;
};

/* A committed candidate of a URL that has an image: 16 bytes. */
struct join_candidate {
    uint64_t image;  /* index of the first image of its URL */
    uint64_t offset; /* of its frame in the candidate log */
};

struct join {
    char dir[WIT_PATH_MAX];
    struct collect_commit commit;
    struct join_image *images; /* by (url, key, offset) */
    uint64_t image_count;
    struct join_candidate *candidates; /* by (image, offset) */
    uint64_t candidate_count;
    uint64_t *by_key; /* indices into images, by (key, url, offset) */
};

int join_make(const char *dir, const volatile int *interrupt, struct join *out,
              struct wit_error *err);
void join_finish(struct join *j);

/* Index of the first image with the URL of images[i]. */
uint64_t join_url_first(const struct join *j, uint64_t i);
/* The candidates of that URL: a range of j->candidates. */
void join_candidates_of(const struct join *j, uint64_t first, uint64_t *from, uint64_t *to);
/* First position in by_key whose key's top `bits` bits are at least `prefix`. */
uint64_t join_prefix_begin(const struct join *j, int bits, uint64_t prefix);

#endif
