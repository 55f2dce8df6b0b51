/*
 * manifest.h: dataset.json, which says what a dataset consists of. docs/formats/manifest.md.
 */
#ifndef SHARDS_MANIFEST_H
#define SHARDS_MANIFEST_H

#include "wit_shards.h"

#define MANIFEST_MAX_BYTES ((size_t)256 << 20)
enum {
    MANIFEST_FILE_MAX = 64,
    MANIFEST_PARENTS_DEEP = 32 /* parents of parents ...: what is older is left out */
};
/* shard_bits of a dataset whose samples lie in tars: its shards are indexes of tars (tar_index.h),
 * numbered by prefix in the order that they were given, and any of them may hold any key. */
enum { MANIFEST_IN_PLACE = -1 };

struct manifest_shard {
    /* <prefix>-<run>-<16 digits of plan>.lmdb; in place <number>-<16 digits of plan>.tarx */
    char file[MANIFEST_FILE_MAX];
    uint32_t prefix, run;
    uint64_t samples, pairs, file_bytes, image_bytes;
    struct wit_hash128 sum;       /* of the sample hashes, mod 2^128 */
    struct wit_hash128 plan;      /* of everything that goes into the file; names it */
    struct wit_hash128 file_hash; /* of the file's bytes */
    /* Records of the file that are no part of the dataset (hidden.h); the numbers above but
     * file_bytes leave them out. */
    uint64_t hidden_count;
    struct wit_hash128 hidden_hash; /* of the bytes of their list; names it */
};

struct manifest {
    struct wit_hash128 hash, sum;
    uint64_t samples, pairs, image_bytes;
    int shard_bits;
    struct manifest_shard *shards; /* by (prefix, run); a key is in one of its prefix at most */
    size_t count;
    /* JSON values or empty; borrowed for encoding, the manifest's own when decoded */
    struct wit_str recipe;
    struct wit_str parents; /* list: the datasets that it was made from, without a collection */
    struct wit_str made_by; /* object: what made it from them */
    struct wit_str tool;    /* program and version: text */
    struct wit_arena *texts;
    bool has_recipe; /* when decoded: it isn't null */
    /* lineage: what it was made from and what that left out */
    struct wit_hash128 collect, inputs;
    uint32_t next_run;
    int64_t sealed_at_s;
    uint64_t dropped_pairs, duplicate_images, collisions, captions_cut;
    uint64_t transcoded, not_transcoded;
};

/* The dataset hash of `samples` samples whose hashes add up to `sum`. */
struct wit_hash128 manifest_dataset_hash(uint64_t samples, struct wit_hash128 sum);
void manifest_file_name(const struct manifest_shard *s, int shard_bits,
                        char out[MANIFEST_FILE_MAX]);
/* The name of its list of hidden keys, of which there are some. */
void manifest_hidden_name(const struct manifest_shard *s, char out[MANIFEST_FILE_MAX]);
/* Prefix of a key: its top bits. */
uint32_t manifest_prefix(struct wit_hash128 key, int shard_bits);
/* Totals, sum and hash from the shards. */
void manifest_total(struct manifest *m);

int manifest_path(char out[WIT_PATH_MAX], const char *dir, struct wit_error *err);
int manifest_shard_path(char out[WIT_PATH_MAX], const char *dir, const char *file,
                        struct wit_error *err);
/* Append the text of dataset.json. WIT_ELIMIT, WIT_ENOMEM. */
int manifest_encode(const struct manifest *m, struct wit_buf *out);
/* Append the entry of a dataset in its child's list of parents, as one JSON object. */
int manifest_parent_encode(const struct manifest *m, struct wit_buf *out, struct wit_error *err);
/* Parse and check it: hash of the text, names, prefixes, sums, totals. */
int manifest_decode(struct wit_str text, struct manifest *out, struct wit_error *err);
/* The manifest of a dataset. WIT_ENOTFOUND: there is none. */
int manifest_load(const char *dir, struct manifest *out, struct wit_error *err);
void manifest_finish(struct manifest *m);

#endif
