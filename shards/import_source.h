/*
 * import_source.h: where samples come from that others have written: a tar as webdataset groups its
 * members, or a folder of files. It gives the parts of one sample at a time; what they mean is
 * import_sample.h's.
 */
#ifndef SHARDS_IMPORT_SOURCE_H
#define SHARDS_IMPORT_SOURCE_H

#include "wit_shards_import.h"

enum { IMPORT_KEY_MOST = 4096 };
#define IMPORT_FACTS_MAX_BYTES ((size_t)64 << 20) /* of a .json */

/* A member that belongs to a sample. */
struct import_part {
    struct wit_buf bytes;
    uint64_t length; /* said; bytes is empty where it is over the ceiling */
    uint64_t offset; /* in the tar */
    int64_t mtime_s;
    bool is_there, is_too_large;
};

struct import_parts {
    char key[IMPORT_KEY_MOST + 1]; /* what the names have in common; with the folders before it */
    struct import_part image, words, facts; /* jpg ... gif; txt, caption; json */
    uint64_t ignored;                       /* members with other suffixes, or one more of these */
};
void import_parts_init(struct import_parts *p);
void import_parts_finish(struct import_parts *p);

/* The tars that a path means: itself, or those of a folder, by name; of a folder without any the
 * folder. fn returns 0 to go on. */
int import_tars_each(const char *path,
                     int (*fn)(void *user, const char *path, struct wit_error *err), void *user,
                     struct wit_error *err);

struct import_source; /* one thread */

/* WIT_ENOTFOUND, WIT_EIO, WIT_ENOMEM. */
int import_source_open(const char *path, enum wit_shards_import_from from,
                       struct import_source **out, struct wit_error *err);
/**
 * The parts of the next sample. Of a tar: members one behind the other whose names are the same up
 * to the first dot of the last part, as webdataset has it. Of a folder: files whose names are the
 * same up to the last dot, in the order of these names.
 * @return 1; 0 at the end; WIT_ECORRUPT (the tar is cut or broken: the sample that it broke off in
 *         is not given), WIT_EIO, WIT_ENOMEM
 */
int import_source_next(struct import_source *s, struct import_parts *out, struct wit_error *err);
bool import_source_was_ended(const struct import_source *s); /* as tar_reader_was_ended */
/* Changes with the place, size and time of the tar, or of any file in the folder. WIT_EIO,
 * WIT_ENOMEM.
 */
int import_source_mark(const struct import_source *s, struct wit_hash128 *out,
                       struct wit_error *err);
bool import_source_is_packed(const struct import_source *s); /* offsets are not of the file */
void import_source_close(struct import_source *s);           /* NULL is fine */

#endif
