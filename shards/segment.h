/*
 * segment.h: append-only logs of framed records. docs/formats/shard.md has the bytes.
 *
 * A frame has a head (small, the facts) and a body (image bytes, may be empty) with a hash each, so
 * that a pass over the heads is a pass over verified bytes without reading a single image. What
 * lies behind the committed length is not the log's: it is cut off when the log is opened for
 * appending and never looked at by readers.
 */
#ifndef SHARDS_SEGMENT_H
#define SHARDS_SEGMENT_H

#include "base/wit_base.h"

enum { SEGMENT_HEADER_BYTES = 16, SEGMENT_FRAME_BYTES = 32 };
#define SEGMENT_MAX_HEAD_BYTES ((size_t)8 << 20)
#define SEGMENT_MAX_BODY_BYTES ((size_t)256 << 20)

enum segment_kind { SEGMENT_CANDIDATES = 1, SEGMENT_IMAGES = 2 };

/* ---- appending ------------------------------------------------------------------------------ */

struct segment_writer {
    int fd;
    uint64_t length; /* bytes appended, buffered ones included */
    uint64_t synced; /* bytes known to be on the disk */
    struct wit_buf pending;
    char path[WIT_PATH_MAX];
};

/* Open or create; `committed` is the length to keep (0: the log is begun anew). WIT_ECORRUPT when
 * the file is shorter than that or has another header. */
int segment_writer_open(struct segment_writer *w, const char *path, enum segment_kind kind,
                        uint64_t committed, struct wit_error *err);
/* Append a frame; its head is given in pieces. WIT_ELIMIT before anything was appended; after other
 * failures the writer is of no more use. */
int segment_writer_append(struct segment_writer *w, uint32_t type, const struct wit_str *pieces,
                          size_t count, struct wit_str body, struct wit_error *err);
/* Write what is buffered and fdatasync. */
int segment_writer_sync(struct segment_writer *w, struct wit_error *err);
void segment_writer_close(struct segment_writer *w); /* buffered frames are dropped */

/* ---- reading -------------------------------------------------------------------------------- */

struct segment_frame {
    uint32_t type;
    uint64_t offset;     /* of the frame */
    struct wit_str head; /* verified; valid until the next call */
    uint64_t body_offset, body_bytes, body_hash;
};

/* Reads frames in order from a file whose first `committed` bytes count. */
struct segment_reader {
    int fd;
    enum segment_kind kind;
    uint64_t offset, committed;
    uint64_t window_at; /* offset of what `window` holds of the file */
    uint64_t hinted,
        hint_until; /* the disk was asked for the bytes before it; and is until there */
    struct wit_buf window;
    char path[WIT_PATH_MAX];
};

/* With committed == 0 the file need not be there. */
int segment_reader_open(struct segment_reader *r, const char *path, enum segment_kind kind,
                        uint64_t committed, struct wit_error *err);
/* 1 with the frame, 0 at the end, WIT_ECORRUPT (file, offset and fault in err), WIT_EIO ... */
int segment_reader_next(struct segment_reader *r, struct segment_frame *out, struct wit_error *err);
/* The frame at an offset that an earlier pass has seen. */
int segment_reader_at(struct segment_reader *r, uint64_t offset, struct segment_frame *out,
                      struct wit_error *err);
/* Read the body of a frame into `out` (body_bytes long) and verify it. */
int segment_reader_body(struct segment_reader *r, const struct segment_frame *frame, void *out,
                        struct wit_error *err);
/* A body will be read soon; a hint. */
void segment_reader_expect(const struct segment_reader *r, uint64_t body_offset,
                           uint64_t body_bytes);
void segment_reader_close(struct segment_reader *r);

#endif
