/*
 * list_source.h: the bytes of one list, decompressed where they are gzip, through a window that
 * grows only as far as a record needs.
 */
#ifndef CRAWLER_LIST_SOURCE_H
#define CRAWLER_LIST_SOURCE_H

#include "base/wit_base.h"

struct list_gunzip; /* zlib's state and the compressed bytes that wait */

struct list_source {
    int fd; /* -1: not open */
    const char *path;
    struct list_gunzip *gunzip; /* NULL: the file is plain */
    struct wit_buf window;      /* what was read and not given back begins at `from` */
    size_t from, chunk_bytes;
    uint64_t offset; /* of the window's first byte in the decompressed stream */
    bool ended;      /* the window reaches to the end */
};

#define LIST_SOURCE_INIT                                                                           \
    { .fd = -1 }

/* Open the file; gzip is known by its first bytes. `path` is borrowed, window_max bounds what may
 * be unread at one time. WIT_ENOTFOUND, WIT_EIO, WIT_ENOMEM. */
int list_source_open(struct list_source *s, const char *path, size_t chunk_bytes, size_t window_max,
                     struct wit_error *err);
void list_source_close(struct list_source *s); /* memory of the window stays for the next file */
void list_source_finish(struct list_source *s);

/* What is read and not skipped; valid until the next call of anything below. */
struct wit_str list_source_window(const struct list_source *s);
/* Read on: 1, or 0 at the end. WIT_ECORRUPT (no gzip, or cut short), WIT_EIO, WIT_ELIMIT. */
int list_source_more(struct list_source *s, struct wit_error *err);
void list_source_skip(struct list_source *s, size_t n); /* n <= the window's length */
/* Go forward to an offset of the decompressed stream: a plain file seeks, gzip reads and skips. 1,
 * or 0 when the stream ends before it. */
int list_source_seek(struct list_source *s, uint64_t offset, struct wit_error *err);

#endif
