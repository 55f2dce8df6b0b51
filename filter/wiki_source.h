/*
 * wiki_source.h: a Wikipedia dump in pieces that threads unpack side by side.
 *
 * A piece of a bzip2 file is one block (at most 900 kB before bzip2's first run-length step), found
 * by the 48 bits that begin it, at any bit. So multistream dumps and files of one stream go the
 * same way. A file that does not begin with "BZh" is taken as plain XML.
 */
#ifndef FILTER_WIKI_SOURCE_H
#define FILTER_WIKI_SOURCE_H

#include "base/wit_base.h"

/* What bzip2 makes of one block: 900,000 bytes, of which 5 may stand for 259. */
#define WIKI_PIECE_MAX_BYTES (47u << 20)
/* A block as it is stored: at worst 20 bits a byte, and tables. */
#define WIKI_PACKED_MAX_BYTES (3u << 20)

struct wiki_piece {
    struct wit_buf bytes; /* WIT_BUF_INIT(WIKI_PACKED_MAX_BYTES) */
    bool packed;          /* a bzip2 stream of one block; else plain text */
    uint64_t at;          /* where it begins in the file, bytes */
};

/* Reads the pieces in order. One thread at a time. */
struct wiki_source;

/* @return 0, WIT_ENOTFOUND, WIT_EIO, WIT_ENOMEM. The path is borrowed for the source's life. */
int wiki_source_open(const char *path, struct wiki_source **out, struct wit_error *err);
void wiki_source_close(struct wiki_source *s); /* NULL is fine */
/* @return 1, 0 at the end, WIT_EFORMAT (no bzip2, cut off), WIT_ECORRUPT (damaged), WIT_EIO,
 * WIT_ENOMEM; sentences name file and byte */
int wiki_source_next(struct wiki_source *s, struct wiki_piece *piece, struct wit_error *err);
uint64_t wiki_source_taken(const struct wiki_source *s); /* bytes of the file read so far */

/* Unpacks pieces; keeps its working memory of 4 MB from one to the next. One thread. */
struct wiki_unpacker;
struct wiki_unpacker *wiki_unpacker_create(void); /* NULL: out of memory */
void wiki_unpacker_destroy(struct wiki_unpacker *u);
/* Append the piece's plain text; its checksum is compared. `name` is for the sentence.
 * @return 0, WIT_ECORRUPT, WIT_ELIMIT, WIT_ENOMEM */
int wiki_unpacker_append(struct wiki_unpacker *u, const struct wiki_piece *piece, const char *name,
                         struct wit_buf *plain, struct wit_error *err);

#endif
