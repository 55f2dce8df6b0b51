/*
 * tar_writer.h: tar files that depend on nothing but names and bytes of their members: no owner, no
 * time, no padding that is not zero.
 *
 * The format is POSIX.1-1988's ustar, which every reader knows. Its limits (names of 100 bytes,
 * members under 8 GiB) are wider than what is written here, so there are no pax headers.
 */
#ifndef SHARDS_TAR_WRITER_H
#define SHARDS_TAR_WRITER_H

#include "base/wit_base.h"
#include "tar_header.h"

enum { TAR_RECORD_BYTES = 20 * TAR_BLOCK_BYTES, TAR_NAME_MOST = 100 };

struct tar_writer; /* one thread */

/* Make `path` anew, or empty it. */
int tar_writer_open(const char *path, struct tar_writer **out, struct wit_error *err);
/**
 * Append a regular file.
 * @param name  without directories, 1 to 100 bytes
 * @return 0; WIT_EINVAL (name), WIT_ELIMIT (8 GiB and more), WIT_ENOSPC, WIT_EIO. After a failure
 *         the file is of no use.
 */
int tar_writer_add(struct tar_writer *w, const char *name, struct wit_str data,
                   struct wit_error *err);
/* End the archive and bring it to disk. *bytes and *hash (XXH3-128) are those of the whole file. */
int tar_writer_finish(struct tar_writer *w, uint64_t *bytes, struct wit_hash128 *hash,
                      struct wit_error *err);
void tar_writer_close(struct tar_writer *w); /* NULL is fine; the file stays as it is */

#endif
