/*
 * warc_stream.h: the bytes of a file that may be plain or gzip in members, each of which can be
 * found again. What is read out of it never spans a member, so that a place is a member's offset
 * and a distance in its text.
 *
 * Damage in a gzip file is not the end: what was decompressed before it is still given, then
 * WIT_EFORMAT, and warc_stream_recover looks for the next member.
 */
#ifndef CRAWLER_WARC_STREAM_H
#define CRAWLER_WARC_STREAM_H

#include "wit_crawler_warc.h"

#include <zlib.h>

enum { WARC_STREAM_CHUNK_BYTES = 64 << 10 };

struct warc_stream {
    FILE *file;
    const char *name;
    bool seekable, gzip;
    char last; /* the byte consumed last; '\n' where a file or member begins */

    uint8_t *in; /* read and not yet used: [in_from, in_to) of 2 * chunk */
    size_t chunk, in_from, in_to;
    uint64_t in_end; /* file offset of in[in_to] */

    z_stream z;
    bool z_ready;
    uint64_t member, inner; /* of the first byte of the window */
    bool member_over;       /* the window holds its last text, and its checksum was right */
    const char *fault;      /* what is wrong behind the window; NULL: nothing so far */
    char *window;           /* text: [from, to) of chunk */
    size_t from, to;
};

/* The file is the caller's. `chunk`: bytes read at one time, WARC_STREAM_CHUNK_BYTES but in tests;
 * at least 16. WIT_EIO, WIT_ENOMEM; finish in any case. */
int warc_stream_init(struct warc_stream *s, FILE *file, const char *name, size_t chunk,
                     struct wit_error *err);
void warc_stream_finish(struct warc_stream *s);

/* The text ahead: at least `least` bytes (at most 16), fewer only at the end of a member or before
 * damage. Moves on to the next member where this one is over, unless `within`. 1, 0 at the end (of
 * the member, if `within`), WIT_EFORMAT (s->fault says what), WIT_EIO. */
int warc_stream_peek(struct warc_stream *s, size_t least, bool within, struct wit_str *text,
                     struct wit_error *err);
void warc_stream_skip(struct warc_stream *s, size_t bytes); /* at most what peek gave */

/* Of the next byte, once peek has given it. */
struct wit_crawler_warc_place warc_stream_place(const struct warc_stream *s);
int warc_stream_seek(struct warc_stream *s, struct wit_crawler_warc_place place,
                     struct wit_error *err);

/* After WIT_EFORMAT: to what may be a member behind the damage. 1, 0 there is none, WIT_EIO. */
int warc_stream_recover(struct warc_stream *s, struct wit_error *err);

#endif
