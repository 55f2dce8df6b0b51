/*
 * seal_join.h: which images and which words belong together: the first half of sealing. Reads every
 * committed frame's head once; image bytes and texts stay where they are. What does not fit in the
 * memory allowed is sorted on disk (spill.h), with the same result.
 */
#ifndef SHARDS_SEAL_JOIN_H
#define SHARDS_SEAL_JOIN_H

#include "collect.h"
#include "spill.h"
#include "wit_shards_removed.h"

/* An image that has words, or one of its words: in the order (key, URL, frame of the image), the
 * image before its words. 48 bytes each. */
struct join_entry {
    struct wit_hash128 key, url; /* of the image; hash of its URL */
    uint64_t image;              /* offset of the image's frame in the log of its group */
    bool is_word;
    uint64_t candidate; /* of a word: offset of its frame in the candidate log */
    uint64_t bytes;     /* of an image */
};

struct join {
    char dir[WIT_PATH_MAX];
    struct collect_commit commit;
    struct wit_shards_removed *removed; /* what stays out, whatever the logs hold; join's */
    struct spill *entries;
    uint64_t spilled_bytes; /* written to the disk on the way */
};

/* commit is set. `memory_bytes` bounds what is held while joining, and afterwards. */
int join_make(const char *dir, uint64_t memory_bytes, const volatile int *interrupt,
              struct join *out, struct wit_error *err);
void join_finish(struct join *j);

/* What the images take in shards, each key once; about. */
int join_image_bytes(const struct join *j, uint64_t *out, struct wit_error *err);
/* The first entry whose key's top `bits` bits are at least `prefix`. */
int join_prefix_begin(const struct join *j, int bits, uint64_t prefix, uint64_t *out,
                      struct wit_error *err);
/* The entry in a record of a cursor over j->entries. */
struct join_entry join_entry_get(const uint8_t *record);

#endif
