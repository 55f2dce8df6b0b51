/*
 * warc_stream.c: plain or gzip bytes with places. Source: RFC 1952 (members follow each other
 * without a mark, so a lost one is looked for by the magic number).
 */
#include "warc_stream.h"

#include <errno.h>
#include <stdlib.h>

enum { MAGIC_BYTES = 4, LOOK_BACK_BYTES = 4096 };

static uint64_t input_offset(const struct warc_stream *s) {
    return s->in_end - (s->in_to - s->in_from);
}

static size_t input_left(const struct warc_stream *s) {
    return s->in_to - s->in_from;
}

/* Read until `least` bytes are there or the file ends: 0, WIT_EIO. */
static int input_least(struct warc_stream *s, size_t least, struct wit_error *err) {
    while (input_left(s) < least) {
        if (s->in_from) {
            memmove(s->in, s->in + s->in_from, input_left(s));
            s->in_to -= s->in_from;
            s->in_from = 0;
        }
        size_t got = fread(s->in + s->in_to, 1, s->chunk, s->file);
        if (got == 0 && ferror(s->file))
            return wit_error_errno(err, errno, "cannot read '%s' at byte %llu", s->name,
                                   (unsigned long long)s->in_end);
        if (got == 0)
            break;
        s->in_to += got;
        s->in_end += got;
    }
    return 0;
}

/* Deflate is the only method; the three high flags are reserved and zero. */
static bool is_magic(const uint8_t *p) {
    return p[0] == 0x1F && p[1] == 0x8B && p[2] == 8 && (p[3] & 0xE0) == 0;
}

/* Of the first member, two of three bytes will do: one that is damaged must not turn the whole file
 * into text. */
static bool is_nearly_magic(const uint8_t *p) {
    return (p[0] == 0x1F) + (p[1] == 0x8B) + (p[2] == 8) >= 2;
}

int warc_stream_init(struct warc_stream *s, FILE *file, const char *name, size_t chunk,
                     struct wit_error *err) {
    off_t offset = ftello(file);
    *s = (struct warc_stream){ .file = file, .name = name, .chunk = chunk, .last = '\n' };
    s->seekable = offset >= 0 && fseeko(file, offset, SEEK_SET) == 0;
    s->in_end = offset >= 0 ? (uint64_t)offset : 0;
    s->in = malloc(2 * chunk);
    s->window = malloc(chunk);
    s->z_ready = inflateInit2(&s->z, MAX_WBITS + 16) == Z_OK;
    if (!s->in || !s->window || !s->z_ready)
        return wit_error_set(err, WIT_ENOMEM, "no memory for reading '%s'", name);
    int st = input_least(s, MAGIC_BYTES, err);
    if (st < 0)
        return st;
    s->gzip = input_left(s) >= MAGIC_BYTES && is_nearly_magic(s->in);
    s->member_over = s->gzip;
    return 0;
}

void warc_stream_finish(struct warc_stream *s) {
    if (s->z_ready)
        inflateEnd(&s->z);
    free(s->in);
    free(s->window);
    *s = (struct warc_stream){ .file = NULL };
}

/* ---- gzip ----------------------------------------------------------------------------------- */

/* 1, 0 at the end of the file, WIT_EFORMAT, WIT_EIO. */
static int member_begin(struct warc_stream *s, struct wit_error *err) {
    int st = input_least(s, MAGIC_BYTES, err);
    if (st < 0 || input_left(s) == 0)
        return st;
    s->member = input_offset(s);
    s->inner = 0;
    s->from = s->to = 0;
    s->member_over = false;
    s->last = '\n';
    if (input_left(s) < MAGIC_BYTES || !is_magic(s->in + s->in_from)) {
        s->fault = "there is no gzip member";
        return 1;
    }
    inflateReset(&s->z);
    return 1;
}

/* More text behind the window's, or its end, or a fault: 0, WIT_EIO. */
static int member_more(struct warc_stream *s, struct wit_error *err) {
    int st = input_left(s) ? 0 : input_least(s, 1, err);
    if (st < 0)
        return st;
    if (s->from) {
        memmove(s->window, s->window + s->from, s->to - s->from);
        s->inner += s->from;
        s->to -= s->from;
        s->from = 0;
    }
    size_t in = input_left(s);
    s->z.next_in = s->in + s->in_from;
    s->z.avail_in = (uInt)in;
    s->z.next_out = (Bytef *)s->window + s->to;
    s->z.avail_out = (uInt)(s->chunk - s->to);
    int rc = inflate(&s->z, Z_NO_FLUSH);
    s->in_from = s->in_to - s->z.avail_in;
    s->to = s->chunk - s->z.avail_out;
    if (rc == Z_STREAM_END)
        s->member_over = true;
    else if (rc == Z_BUF_ERROR && in == 0)
        s->fault = "the file ends inside a gzip member";
    else if (rc == Z_MEM_ERROR)
        return wit_error_set(err, WIT_ENOMEM, "no memory for reading '%s'", s->name);
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        s->fault = "the gzip member is damaged";
    return 0;
}

static int text_peek(struct warc_stream *s, size_t least, bool within, struct wit_error *err) {
    for (;;) {
        int st = 1;
        if (s->to - s->from >= least)
            return 1;
        if (s->fault || s->member_over) {
            if (s->to > s->from)
                return 1;
            if (s->fault)
                return wit_error_set(err, WIT_EFORMAT, "%s", s->fault);
            st = within ? 0 : member_begin(s, err);
        } else {
            st = member_more(s, err);
            st = st < 0 ? st : 1;
        }
        if (st <= 0)
            return st;
    }
}

/* ---- both kinds ----------------------------------------------------------------------------- */

int warc_stream_peek(struct warc_stream *s, size_t least, bool within, struct wit_str *text,
                     struct wit_error *err) {
    int st;
    *text = wit_str_of(NULL, 0);
    if (s->gzip) {
        st = text_peek(s, least, within, err);
        if (st > 0)
            *text = wit_str_of(s->window + s->from, s->to - s->from);
        return st;
    }
    st = input_least(s, least, err);
    if (st < 0 || input_left(s) == 0)
        return st;
    *text = wit_str_of(s->in + s->in_from, input_left(s));
    return 1;
}

void warc_stream_skip(struct warc_stream *s, size_t bytes) {
    if (bytes == 0)
        return;
    if (s->gzip) {
        s->from += bytes;
        s->last = s->window[s->from - 1];
    } else {
        s->in_from += bytes;
        s->last = (char)s->in[s->in_from - 1];
    }
}

struct wit_crawler_warc_place warc_stream_place(const struct warc_stream *s) {
    if (!s->gzip)
        return (struct wit_crawler_warc_place){ input_offset(s), 0 };
    return (struct wit_crawler_warc_place){ s->member, s->inner + s->from };
}

static int input_seek(struct warc_stream *s, uint64_t offset, struct wit_error *err) {
    if (!s->seekable)
        return wit_error_set(err, WIT_EIO, "'%s' is a pipe and cannot be sought", s->name);
    if (offset > INT64_MAX || fseeko(s->file, (off_t)offset, SEEK_SET) != 0)
        return wit_error_errno(err, errno, "cannot seek to byte %llu of '%s'",
                               (unsigned long long)offset, s->name);
    s->in_from = s->in_to = s->from = s->to = 0;
    s->in_end = offset;
    s->fault = NULL;
    s->member_over = true;
    s->last = '\n';
    return 0;
}

int warc_stream_seek(struct warc_stream *s, struct wit_crawler_warc_place place,
                     struct wit_error *err) {
    struct wit_str text;
    int st = input_seek(s, place.offset, err);
    /* What stands in a member is found by reading to it. The first look begins the member. */
    for (bool begun = false; st >= 0 && place.inner > 0; begun = true) {
        st = warc_stream_peek(s, 1, begun, &text, err);
        if (st == WIT_EFORMAT || (st >= 0 && (text.len == 0 || s->member != place.offset)))
            return wit_error_set(err, WIT_EFORMAT, "%s:%llu: a text of %llu bytes is not there",
                                 s->name, (unsigned long long)place.offset,
                                 (unsigned long long)place.inner);
        size_t step = text.len < place.inner ? text.len : (size_t)place.inner;
        warc_stream_skip(s, step);
        place.inner -= step;
    }
    return st < 0 ? st : 0;
}

/* Where to look for a member behind the damage: damage may have been taken for text, the next
 * member's too, so a little back, if the input can be read again. How far back depends on nothing
 * but where it stopped, so that going on from a place finds the same; and it is little, so that
 * forged members inside each other cost a file's length a few hundred times and not squared.
 * Whole units: the decompressor stops some bytes sooner or later by how its input was cut. */
static uint64_t recover_from(const struct warc_stream *s) {
    uint64_t units = input_offset(s) / LOOK_BACK_BYTES;
    uint64_t from = units ? (units - 1) * LOOK_BACK_BYTES : 0;
    return from > s->member ? from : s->member + 1;
}

int warc_stream_recover(struct warc_stream *s, struct wit_error *err) {
    uint64_t from = recover_from(s);
    int st = 0;
    if (s->seekable && from < input_offset(s))
        st = input_seek(s, from, err);
    s->from = s->to = 0;
    while (st >= 0) {
        st = input_least(s, MAGIC_BYTES, err);
        while (input_left(s) >= MAGIC_BYTES && !is_magic(s->in + s->in_from))
            s->in_from++;
        if (st < 0 || input_left(s) >= MAGIC_BYTES)
            break;
        if (feof(s->file)) {
            s->in_from = s->in_to;
            break;
        }
    }
    s->fault = NULL;
    s->member_over = true;
    return st < 0 ? st : input_left(s) > 0;
}
