/*
 * wiki_source.c: cuts a bzip2 file into its blocks without unpacking it.
 *
 * A bzip2 stream is "BZh" and a digit, then blocks, then an end mark; blocks and end mark begin
 * with 48 bits each and a checksum of 32, at any bit; then zero bits up to a whole byte. A block
 * becomes a stream of its own: header, its bits, an end mark whose checksum is the block's. The 48
 * bits could stand inside a block by chance (once in 10^14 bits): that block then fails to unpack,
 * with a sentence.
 */
#include "wiki_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_MAGIC UINT64_C(0x314159265359)
#define END_MAGIC UINT64_C(0x177245385090)

enum { READ_BYTES = 1 << 20, HEAD_BITS = 48 + 32 };

enum source_state { AT_START, AT_HEADER, AT_BLOCK, AT_PLAIN };

struct wiki_source {
    const char *path;
    int fd;
    bool eof;
    enum source_state state;
    struct wit_buf window; /* bytes of the file from `base` on */
    uint64_t base;
    uint64_t bit;  /* next bit to read, from the window's start */
    uint32_t crc;  /* of the stream's blocks so far */
    char level;    /* '1' to '9': blocks of so many 100 kB */
    bool streamed; /* some stream has ended */
    /* For each byte value, at which of the 8 alignments it may be the 2nd, 3rd, 4th byte of a
     * block's (bits 0 to 7) or the end's (8 to 15) beginning. */
    uint16_t second[256], third[256], fourth[256];
};

static void tables_fill(struct wiki_source *s) {
    static const uint64_t magics[] = { BLOCK_MAGIC, END_MAGIC };
    for (unsigned m = 0; m < 2; m++) {
        for (unsigned shift = 0; shift < 8; shift++) {
            uint16_t flag = (uint16_t)(1u << (8 * m + shift));
            s->second[magics[m] >> (32 + shift) & 0xff] |= flag;
            s->third[magics[m] >> (24 + shift) & 0xff] |= flag;
            s->fourth[magics[m] >> (16 + shift) & 0xff] |= flag;
        }
    }
}

int wiki_source_open(const char *path, struct wiki_source **out, struct wit_error *err) {
    struct wiki_source *s = calloc(1, sizeof *s);
    if (!s)
        return wit_error_set(err, WIT_ENOMEM, "'%s': no memory to read it", path);
    s->path = path;
    s->window = (struct wit_buf)WIT_BUF_INIT(WIKI_PACKED_MAX_BYTES + 2 * READ_BYTES);
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) {
        int st = wit_error_errno(err, errno, "cannot open '%s'", path);
        free(s);
        return st;
    }
    tables_fill(s);
    *out = s;
    return 0;
}

void wiki_source_close(struct wiki_source *s) {
    if (!s)
        return;
    close(s->fd);
    wit_buf_finish(&s->window);
    free(s);
}

uint64_t wiki_source_taken(const struct wiki_source *s) {
    return s->base + s->bit / 8;
}

/* Drops what is done with and reads more. */
static int window_fill(struct wiki_source *s, struct wit_error *err) {
    size_t done = (size_t)(s->bit / 8);
    if (done) {
        memmove(s->window.data, s->window.data + done, s->window.len - done);
        s->window.len -= done;
        s->base += done;
        s->bit -= 8 * (uint64_t)done;
    }
    int st = wit_buf_reserve(&s->window, READ_BYTES);
    if (st == WIT_ELIMIT)
        return wit_error_set(err, WIT_ECORRUPT,
                             "'%s': no bzip2 block ends within %u bytes of byte %llu", s->path,
                             WIKI_PACKED_MAX_BYTES, (unsigned long long)s->base);
    if (st < 0)
        return wit_error_set(err, st, "'%s': no memory to read it", s->path);
    ssize_t n;
    do
        n = read(s->fd, s->window.data + s->window.len, READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return wit_error_errno(err, errno, "cannot read '%s'", s->path);
    s->window.len += (size_t)n;
    s->eof = n == 0;
    return 0;
}

/* Tries to have `bits` bits from the next one on; fewer are there only at the file's end. */
static int window_want(struct wiki_source *s, uint64_t bits, struct wit_error *err) {
    int st = 0;
    while (st >= 0 && !s->eof && 8 * (uint64_t)s->window.len < s->bit + bits)
        st = window_fill(s, err);
    return st;
}

static uint64_t bits_left(const struct wiki_source *s) {
    return 8 * (uint64_t)s->window.len - s->bit;
}

/* n <= 48 bits from bit `at` of the window, which holds them. */
static uint64_t bits_at(const struct wiki_source *s, uint64_t at, unsigned n) {
    const uint8_t *p = (const uint8_t *)s->window.data + at / 8;
    uint64_t v = 0;
    unsigned have = 8 * ((n + at % 8 + 7) / 8);
    for (unsigned i = 0; i < have / 8; i++)
        v = v << 8 | p[i];
    return v >> (have - at % 8 - n) & ((UINT64_C(1) << n) - 1);
}

static int cut_off(const struct wiki_source *s, struct wit_error *err) {
    return wit_error_set(err, WIT_EFORMAT,
                         "'%s': the file is cut off: it ends at byte %llu within a bzip2 stream",
                         s->path, (unsigned long long)(s->base + s->window.len));
}

static int damaged(const struct wiki_source *s, const char *what, struct wit_error *err) {
    return wit_error_set(err, WIT_ECORRUPT, "'%s': the file is damaged: %s at byte %llu", s->path,
                         what, (unsigned long long)(s->base + s->bit / 8));
}

/* The first bit at or behind `from` where a block or an end mark begins; UINT64_MAX: not in the
 * window, and *seen is how far it was looked through. */
static uint64_t magic_find(const struct wiki_source *s, uint64_t from, uint64_t *seen) {
    const uint8_t *p = (const uint8_t *)s->window.data;
    size_t i = (size_t)(from / 8), end = s->window.len < 8 ? 0 : s->window.len - 8;
    for (; i < end; i++) {
        unsigned maybe = s->second[p[i + 1]] & s->third[p[i + 2]];
        if (!maybe || !(maybe &= s->fourth[p[i + 3]]))
            continue;
        maybe = (maybe | maybe >> 8) & 0xff;
        for (unsigned shift = 0; shift < 8; shift++) {
            if (!(maybe >> shift & 1) || 8 * (uint64_t)i + shift < from)
                continue;
            uint64_t bits = wit_load_be64(p + i) << shift >> 16;
            if (bits == BLOCK_MAGIC || bits == END_MAGIC)
                return 8 * (uint64_t)i + shift;
        }
    }
    *seen = 8 * (uint64_t)i > from ? 8 * (uint64_t)i : from;
    return UINT64_MAX;
}

/* Where the block at the next bit ends, as a bit of the window. */
static int block_end(struct wiki_source *s, uint64_t *end, struct wit_error *err) {
    uint64_t looked = HEAD_BITS; /* from the block's start: the window moves */
    for (;;) {
        uint64_t seen = 0, at = magic_find(s, s->bit + looked, &seen);
        if (at != UINT64_MAX) {
            *end = at;
            return 0;
        }
        looked = seen - s->bit;
        if (s->eof)
            return cut_off(s, err);
        int st = window_fill(s, err);
        if (st < 0)
            return st;
    }
}

/* Appends the low n bits of v to the out->len bytes, of which the last has `spare` free bits. */
static int bits_put(struct wit_buf *out, unsigned *spare, uint64_t v, unsigned n) {
    while (n) {
        if (!*spare) {
            int st = wit_buf_append_byte(out, 0);
            if (st < 0)
                return st;
            *spare = 8;
        }
        unsigned take = n < *spare ? n : *spare;
        unsigned part = (unsigned)(v >> (n - take)) & ((1u << take) - 1);
        out->data[out->len - 1] =
            (char)((uint8_t)out->data[out->len - 1] | part << (*spare - take));
        *spare -= take;
        n -= take;
    }
    return 0;
}

/* The block's bits [s->bit, end) as a stream of their own. */
static int block_wrap(const struct wiki_source *s, uint64_t end, struct wit_buf *out) {
    const uint8_t *from = (const uint8_t *)s->window.data + s->bit / 8;
    unsigned shift = s->bit % 8;
    uint64_t bits = end - s->bit;
    size_t whole = (size_t)(bits / 8);
    wit_buf_reset(out);
    int st = wit_buf_reserve(out, whole + 16);
    if (st < 0)
        return st;
    memcpy(out->data, "BZh", 3);
    out->data[3] = s->level;
    uint8_t *to = (uint8_t *)out->data + 4;
    for (size_t i = 0; i < whole; i++) /* an end mark follows: from[i + 1] is in the window */
        to[i] = (uint8_t)(from[i] << shift | from[i + 1] >> (8 - shift));
    out->len = 4 + whole;
    unsigned spare = 0, rest = (unsigned)(bits % 8);
    uint64_t last = rest ? bits_at(s, end - rest, rest) : 0;
    st = bits_put(out, &spare, last, rest);
    if (st >= 0)
        st = bits_put(out, &spare, END_MAGIC, 48);
    return st < 0 ? st : bits_put(out, &spare, bits_at(s, s->bit + 48, 32), 32);
}

/* At a stream's header, or the file's end. 1: a stream begins, 0: the end. */
static int header_read(struct wiki_source *s, struct wit_error *err) {
    int st = window_want(s, 32, err);
    if (st < 0)
        return st;
    const char *p = s->window.data + s->bit / 8;
    uint64_t left = bits_left(s) / 8;
    if (left == 0)
        return s->streamed ? 0 : cut_off(s, err);
    if (left < 4)
        return cut_off(s, err);
    if (memcmp(p, "BZh", 3) != 0 || p[3] < '1' || p[3] > '9')
        return damaged(s, "no bzip2 stream begins", err);
    s->level = p[3];
    s->bit += 32;
    s->crc = 0;
    s->state = AT_BLOCK;
    return 1;
}

/* 1: a piece; 0: the stream has ended. */
static int block_read(struct wiki_source *s, struct wiki_piece *piece, struct wit_error *err) {
    uint64_t end = 0;
    int st = window_want(s, HEAD_BITS, err);
    if (st < 0)
        return st;
    if (bits_left(s) < HEAD_BITS)
        return cut_off(s, err);
    uint64_t magic = bits_at(s, s->bit, 48);
    uint32_t crc = (uint32_t)bits_at(s, s->bit + 48, 32);
    if (magic == END_MAGIC) {
        if (crc != s->crc)
            return damaged(s, "a bzip2 stream does not match its checksum", err);
        s->bit = (s->bit + HEAD_BITS + 7) / 8 * 8;
        s->streamed = true;
        s->state = AT_HEADER;
        return 0;
    }
    if (magic != BLOCK_MAGIC)
        return damaged(s, "no bzip2 block begins", err);
    st = block_end(s, &end, err);
    if (st < 0)
        return st;
    piece->at = s->base + s->bit / 8;
    piece->packed = true;
    st = block_wrap(s, end, &piece->bytes);
    if (st < 0)
        return wit_error_set(err, st, "'%s': no room for the block at byte %llu", s->path,
                             (unsigned long long)piece->at);
    s->crc = (s->crc << 1 | s->crc >> 31) ^ crc;
    s->bit = end;
    return 1;
}

static int plain_read(struct wiki_source *s, struct wiki_piece *piece, struct wit_error *err) {
    int st = window_want(s, 8, err);
    if (st < 0 || bits_left(s) == 0)
        return st;
    piece->at = s->base + s->bit / 8;
    piece->packed = false;
    wit_buf_reset(&piece->bytes);
    st = wit_buf_append(&piece->bytes, s->window.data + s->bit / 8, (size_t)(bits_left(s) / 8));
    s->bit = 8 * (uint64_t)s->window.len;
    return st < 0 ? wit_error_set(err, st, "'%s': no memory to read it", s->path) : 1;
}

int wiki_source_next(struct wiki_source *s, struct wiki_piece *piece, struct wit_error *err) {
    int st = 0;
    if (s->state == AT_START) {
        st = window_want(s, 32, err);
        if (st < 0)
            return st;
        bool bzip2 = s->window.len >= 3 && memcmp(s->window.data, "BZh", 3) == 0;
        s->state = bzip2 ? AT_HEADER : AT_PLAIN;
    }
    if (s->state == AT_PLAIN)
        return plain_read(s, piece, err);
    do { /* empty streams hold no block */
        st = s->state == AT_HEADER ? header_read(s, err) : 1;
        if (st > 0)
            st = block_read(s, piece, err);
        else
            break;
    } while (st == 0);
    return st;
}
