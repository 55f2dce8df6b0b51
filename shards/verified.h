/*
 * verified.h: which shard files had their whole hash checked, and how they looked then. A cache in
 * DIR/shards/verified.json that may go at any time.
 *
 * It can say that a file has not been written to since: size, times of the last change of its bytes
 * and of its inode (which nobody can set back), inode number. It can't say that the disk still
 * gives the same bytes; only reading them can. So a full verify never believes it.
 */
#ifndef SHARDS_VERIFIED_H
#define SHARDS_VERIFIED_H

#include "manifest.h"

/* How a file looked when its hash was checked. */
struct verified_file {
    char file[MANIFEST_FILE_MAX];
    struct wit_hash128 file_hash;
    uint64_t bytes, inode;
    int64_t mtime_ns, ctime_ns;
    int64_t checked_at_s; /* seconds since 1970; 0: not known */
};

struct verified {
    struct verified_file *files;
    size_t count;
};

/* What is remembered of a dataset; nothing where the cache is missing, damaged or another
 * version's. WIT_ENOMEM. */
int verified_load(const char *dir, struct verified *out, struct wit_error *err);
/* The text of the cache; WIT_ECORRUPT, WIT_ENOMEM. For tests, too. */
int verified_decode(struct wit_str text, struct verified *out, struct wit_error *err);
/* Write it anew. */
int verified_save(const char *dir, const struct verified *v, struct wit_error *err);
void verified_finish(struct verified *v);

/* A shard's file as it looks now; checked_at_s is left alone. WIT_ENOTFOUND, WIT_EIO. */
int verified_look(const char *dir, const struct manifest_shard *shard, struct verified_file *out,
                  struct wit_error *err);
/* Are these the same file, and not written to in between? */
bool verified_same(const struct verified_file *a, const struct verified_file *b);
/* When this file was checked; 0: not as it looks now. */
int64_t verified_at(const struct verified *v, const struct verified_file *now);

#endif
