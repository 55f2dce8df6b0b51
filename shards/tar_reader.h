/*
 * tar_reader.h: the members of a tar file one after the other, read once from front to end: what
 * webdataset, img2dataset, Python and GNU tar write. Plain or gzipped; found out by its bytes.
 *
 * Formats: ustar with its prefix, pax (path, size, mtime), GNU (long names, numbers in base 256)
 * and the old format before ustar. Links, folders, devices and sparse files are told and have no
 * bytes. Nothing is unpacked to disk: a name is a name, whatever folders it points to.
 */
#ifndef SHARDS_TAR_READER_H
#define SHARDS_TAR_READER_H

#include "base/wit_base.h"

enum { TAR_MEMBER_NAME_MOST = 4096, TAR_EXTENDED_MOST_BYTES = 1 << 20 };

struct tar_member {
    struct wit_str
        name;        /* 1 to TAR_MEMBER_NAME_MOST bytes, none of them NUL; until the next call */
    uint64_t bytes;  /* 0 where is_file is false */
    uint64_t offset; /* of its bytes in the tar; in the unpacked one of a gzipped file */
    int64_t mtime_s; /* seconds since 1970, as the tar says */
    bool is_file;
};

struct tar_reader; /* one thread */

/* WIT_ENOTFOUND, WIT_EIO, WIT_ENOMEM. Whether it is a tar shows at the first member. */
int tar_reader_open(const char *path, struct tar_reader **out, struct wit_error *err);
/* The same of bytes in memory, which are borrowed and plain. `name` is for sentences. */
int tar_reader_open_memory(struct wit_str bytes, const char *name, struct tar_reader **out,
                           struct wit_error *err);
/* Is it gzipped? Then offsets are none of the file's. */
bool tar_reader_is_packed(const struct tar_reader *r);
/**
 * Go to the next member, past what was not read of this one.
 * @return 1; 0 at the end; WIT_ECORRUPT (no tar, cut, or a header that can't be: err names file and
 *         byte), WIT_EIO, WIT_ENOMEM. After a failure there is nothing more to read.
 */
int tar_reader_next(struct tar_reader *r, struct tar_member *out, struct wit_error *err);
/* The next `len` bytes of the member at hand; more than it has left is WIT_EINVAL. WIT_ECORRUPT:
 * the file ends before them. */
int tar_reader_read(struct tar_reader *r, void *out, size_t len, struct wit_error *err);
/* At the end: did the block of zeros stand there that ends a tar? One that a writer was stopped in
 * may have none. */
bool tar_reader_was_ended(const struct tar_reader *r);
void tar_reader_close(struct tar_reader *r); /* NULL is fine */

#endif
