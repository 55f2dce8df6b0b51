/*
 * tar_reader.c: headers are checked before they are believed; bytes come through zlib, which hands
 * on what is not gzipped as it is.
 *
 * Sources: POSIX.1-2008 (pax, 4.10.1), POSIX.1-1988 (ustar, 10.1.1), GNU tar's manual, "Basic Tar
 * Format" (types L, K, S; base 256). Where they are silent: what Python's tarfile takes.
 */
#include "tar_reader.h"
#include "tar_header.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER_BYTES = 1 << 18, SKIP_MOST_BYTES = 1 << 20 };
#define MEMBER_MOST_BYTES ((uint64_t)1 << 60) /* sums of sizes stay below 2^63 */

/* What an extended header or a GNU long name said of the member behind it. */
struct extended {
    struct wit_buf name;
    uint64_t bytes;
    int64_t mtime_s;
    bool has_name, has_bytes, has_mtime, is_sparse;
};

struct tar_reader {
    gzFile file; /* NULL: the bytes are in memory */
    struct wit_str memory;
    uint64_t offset;        /* of the next byte */
    uint64_t left, padding; /* of the member at hand: bytes not read yet, zeros behind it */
    bool is_packed, was_ended;
    int failed;
    struct wit_buf name, text; /* text: an extended header */
    struct extended extended;
    char *path;
};

/* ---- bytes ---------------------------------------------------------------------------------- */

static int create(const char *name, struct tar_reader **out, struct wit_error *err) {
    struct tar_reader *r = calloc(1, sizeof *r);
    if (r)
        r->path = strdup(name);
    if (!r || !r->path) {
        free(r);
        return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", name);
    }
    r->name = (struct wit_buf)WIT_BUF_INIT(TAR_MEMBER_NAME_MOST);
    r->text = (struct wit_buf)WIT_BUF_INIT(TAR_EXTENDED_MOST_BYTES + 1);
    r->extended.name = (struct wit_buf)WIT_BUF_INIT(TAR_EXTENDED_MOST_BYTES + 1);
    *out = r;
    return 0;
}

int tar_reader_open(const char *path, struct tar_reader **out, struct wit_error *err) {
    struct tar_reader *r = NULL;
    int st = create(path, &r, err);
    if (st < 0)
        return st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        st = wit_error_errno(err, errno, "cannot open %s", path);
    } else if (!(r->file = gzdopen(fd, "rb"))) {
        close(fd);
        st = wit_error_set(err, WIT_ENOMEM, "no memory to read %s", path);
    }
    if (st < 0) {
        tar_reader_close(r);
        return st;
    }
    (void)gzbuffer(r->file, BUFFER_BYTES); /* a wish */
    r->is_packed = !gzdirect(r->file);
    *out = r;
    return 0;
}

int tar_reader_open_memory(struct wit_str bytes, const char *name, struct tar_reader **out,
                           struct wit_error *err) {
    struct tar_reader *r = NULL;
    int st = create(name, &r, err);
    if (st < 0)
        return st;
    r->memory = bytes;
    *out = r;
    return 0;
}

void tar_reader_close(struct tar_reader *r) {
    if (!r)
        return;
    if (r->file)
        (void)gzclose(r->file);
    wit_buf_finish(&r->name);
    wit_buf_finish(&r->text);
    wit_buf_finish(&r->extended.name);
    free(r->path);
    free(r);
}

bool tar_reader_is_packed(const struct tar_reader *r) {
    return r->is_packed;
}

bool tar_reader_was_ended(const struct tar_reader *r) {
    return r->was_ended;
}

static int broken(struct tar_reader *r, const char *what, struct wit_error *err) {
    return wit_error_set(err, WIT_ECORRUPT, "%s: byte %llu%s: %s", r->path,
                         (unsigned long long)r->offset, r->is_packed ? " unpacked" : "", what);
}

static int file_fail(struct tar_reader *r, struct wit_error *err) {
    int number = Z_OK;
    const char *text = gzerror(r->file, &number);
    if (number == Z_ERRNO)
        return wit_error_errno(err, errno, "cannot read %s", r->path);
    if (number == Z_MEM_ERROR)
        return wit_error_set(err, WIT_ENOMEM, "no memory to unpack %s", r->path);
    return wit_error_set(err, WIT_ECORRUPT, "%s is no whole gzip file: %s", r->path, text);
}

/* Up to `len` bytes; fewer only at the end of the file. */
static int fill(struct tar_reader *r, void *out, size_t len, size_t *got, struct wit_error *err) {
    *got = 0;
    if (!r->file) {
        size_t left = r->memory.len - (size_t)r->offset;
        *got = len < left ? len : left;
        if (*got)
            memcpy(out, r->memory.data + r->offset, *got);
        r->offset += *got;
        return 0;
    }
    while (*got < len) {
        size_t most = len - *got < INT_MAX ? len - *got : INT_MAX;
        int n = gzread(r->file, (char *)out + *got, (unsigned)most);
        int number = Z_OK;
        if (n < 0)
            return file_fail(r, err);
        *got += (size_t)n;
        r->offset += (uint64_t)n;
        if (n == 0)
            return gzerror(r->file, &number), number < 0 ? file_fail(r, err) : 0;
    }
    return 0;
}

static int fill_all(struct tar_reader *r, void *out, size_t len, struct wit_error *err) {
    size_t got;
    int st = fill(r, out, len, &got, err);
    if (st >= 0 && got < len)
        st = broken(r, "the file ends within a member: it was cut", err);
    return st;
}

/* Past `bytes` bytes, the last of which is read: a seek alone goes beyond the end unnoticed. */
static int skip(struct tar_reader *r, uint64_t bytes, struct wit_error *err) {
    char scratch[4 * TAR_BLOCK_BYTES];
    if (!r->file) {
        uint64_t left = r->memory.len - r->offset;
        r->offset += bytes < left ? bytes : left;
        return bytes <= left ? 0 : broken(r, "the file ends within a member: it was cut", err);
    }
    if (bytes > SKIP_MOST_BYTES) {
        if (gzseek(r->file, (z_off_t)(bytes - 1), SEEK_CUR) < 0)
            return file_fail(r, err);
        r->offset += bytes - 1;
        bytes = 1;
    }
    int st = 0;
    while (bytes && st >= 0) {
        size_t step = bytes < sizeof scratch ? (size_t)bytes : sizeof scratch;
        st = fill_all(r, scratch, step, err);
        bytes -= step;
    }
    return st;
}

/* ---- headers -------------------------------------------------------------------------------- */

/* Octal digits after blanks, or a big-endian number with the top bit set (GNU). False: neither, or
 * it is negative or too large. An empty field is 0. */
static bool number_get(const char *field, size_t len, uint64_t *out) {
    const unsigned char *p = (const unsigned char *)field;
    uint64_t v = 0;
    size_t i = 0;
    if (p[0] & 0x80) {
        if (p[0] & 0x40)
            return false; /* negative */
        for (v = p[0] & 0x3f, i = 1; i < len; i++) {
            if (v >> 52)
                return false;
            v = v << 8 | p[i];
        }
    } else {
        while (i < len && p[i] == ' ')
            i++;
        for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
            v = v << 3 | (unsigned)(p[i] - '0'); /* 12 digits at most */
        if (i < len && p[i] != '\0' && p[i] != ' ')
            return false;
    }
    *out = v;
    return v <= MEMBER_MOST_BYTES;
}

static bool checksum_fits(const struct tar_header *h) {
    const unsigned char *bytes = (const unsigned char *)h;
    unsigned sum = tar_header_sum(h), high = 0;
    uint64_t said;
    for (size_t i = 0; i < sizeof *h; i++)
        if (i < offsetof(struct tar_header, checksum) || i >= offsetof(struct tar_header, type))
            high += bytes[i] >> 7;
    /* Old writers added signed characters. */
    return number_get(h->checksum, sizeof h->checksum, &said) &&
           (said == sum || said == (uint64_t)sum - 256u * (uint64_t)high);
}

static bool is_zero(const struct tar_header *h) {
    const char *bytes = (const char *)h;
    for (size_t i = 0; i < sizeof *h; i++)
        if (bytes[i])
            return false;
    return true;
}

static struct wit_str field_of(const char *field, size_t len) {
    return wit_str_of(field, strnlen(field, len));
}

static bool type_is_file(char type) {
    return type == '0' || type == '\0' || type == '7';
}

/* Types that POSIX gives no bytes, whatever their size says: links, devices, folders, pipes. */
static bool type_is_empty(char type) {
    return type >= '1' && type <= '6';
}

/* ---- extended headers ----------------------------------------------------------------------- */

static int text_read(struct tar_reader *r, uint64_t bytes, struct wit_error *err) {
    if (bytes > TAR_EXTENDED_MOST_BYTES)
        return broken(r, "an extended header of over 1 MiB", err);
    wit_buf_reset(&r->text);
    if (wit_buf_reserve(&r->text, (size_t)bytes + 1) < 0 && bytes)
        return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", r->path);
    int st = bytes ? fill_all(r, r->text.data, (size_t)bytes, err) : 0;
    if (st < 0)
        return st;
    r->text.len = (size_t)bytes;
    return skip(r, -bytes % TAR_BLOCK_BYTES, err);
}

static int name_note(struct tar_reader *r, struct wit_str name, struct wit_error *err) {
    struct extended *x = &r->extended;
    wit_buf_reset(&x->name);
    if (wit_buf_append_str(&x->name, field_of(name.data, name.len)) < 0)
        return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", r->path);
    x->has_name = true;
    return 0;
}

static int keyword_take(struct tar_reader *r, struct wit_str key, struct wit_str value,
                        struct wit_error *err) {
    struct extended *x = &r->extended;
    if (wit_str_eq(key, WIT_STR("path")) && value.len)
        return name_note(r, value, err);
    if (wit_str_eq(key, WIT_STR("size")) && value.len) {
        x->has_bytes = true;
        if (wit_str_to_u64(value, &x->bytes) < 0 || x->bytes > MEMBER_MOST_BYTES)
            return broken(r, "an extended header's size is no number", err);
    }
    if (wit_str_eq(key, WIT_STR("mtime"))) { /* with a fraction, which is dropped */
        ptrdiff_t dot = wit_str_find_byte(value, '.', 0);
        uint64_t s;
        x->has_mtime =
            wit_str_to_u64(wit_str_slice(value, 0, dot < 0 ? value.len : (size_t)dot), &s) == 0 &&
            s <= INT64_MAX;
        x->mtime_s = x->has_mtime ? (int64_t)s : 0;
    }
    x->is_sparse |= wit_str_starts_with(key, WIT_STR("GNU.sparse."));
    return 0;
}

/* Records of "<length of all of it> <key>=<value>\n". */
static int pax_parse(struct tar_reader *r, struct wit_error *err) {
    struct wit_str text = wit_buf_view(&r->text);
    int st = 0;
    for (size_t at = 0; at < text.len && st >= 0 && text.data[at];) {
        ptrdiff_t blank = wit_str_find_byte(text, ' ', at);
        uint64_t len = 0;
        if (blank < 0 || wit_str_to_u64(wit_str_slice(text, at, (size_t)blank), &len) < 0 ||
            len > text.len - at || len < (size_t)blank - at + 3 || text.data[at + len - 1] != '\n')
            return broken(r, "an extended header's lengths do not add up", err);
        struct wit_str record = wit_str_slice(text, (size_t)blank + 1, at + (size_t)len - 1);
        ptrdiff_t sign = wit_str_find_byte(record, '=', 0);
        if (sign < 0)
            return broken(r, "an extended header's record has no '='", err);
        st = keyword_take(r, wit_str_slice(record, 0, (size_t)sign),
                          wit_str_slice(record, (size_t)sign + 1, record.len), err);
        at += (size_t)len;
    }
    return st;
}

/* Is this header one that says more of the next? Then it is taken: 1; 0; or a failure. */
static int extended_take(struct tar_reader *r, const struct tar_header *h, uint64_t bytes,
                         struct wit_error *err) {
    int st;
    switch (h->type) {
    case 'x':
        st = text_read(r, bytes, err);
        return st < 0 ? st : (st = pax_parse(r, err)) < 0 ? st : 1;
    case 'L':
        st = text_read(r, bytes, err);
        return st < 0 ? st : (st = name_note(r, wit_buf_view(&r->text), err)) < 0 ? st : 1;
    case 'K': /* the name that a link points to */
    case 'g': /* of all members: comments, where there are any */
        st = text_read(r, bytes, err);
        return st < 0 ? st : 1;
    default:
        return 0;
    }
}

/* GNU's maps of sparse files go on in blocks of their own. */
static int sparse_skip(struct tar_reader *r, const struct tar_header *h, struct wit_error *err) {
    enum { MORE_AT = 482, MORE_AT_IN_NEXT = 504 };
    char block[TAR_BLOCK_BYTES];
    int st = 0;
    for (char more = ((const char *)h)[MORE_AT]; more && st >= 0; more = block[MORE_AT_IN_NEXT]) {
        st = fill_all(r, block, sizeof block, err);
        if (st < 0)
            break;
    }
    return st;
}

/* ---- members -------------------------------------------------------------------------------- */

static int name_make(struct tar_reader *r, const struct tar_header *h, struct wit_error *err) {
    struct wit_str name = field_of(h->name, sizeof h->name);
    struct wit_str prefix = field_of(h->prefix, sizeof h->prefix);
    /* GNU's magic "ustar  " has other things where the prefix would be. */
    bool ustar = memcmp(h->magic, "ustar", sizeof h->magic) == 0;
    int st = 0;
    wit_buf_reset(&r->name);
    if (r->extended.has_name)
        name = wit_buf_view(&r->extended.name);
    else if (ustar && prefix.len && (st = wit_buf_append_str(&r->name, prefix)) >= 0)
        st = wit_buf_append_byte(&r->name, '/');
    if (st >= 0)
        st = wit_buf_append_str(&r->name, name);
    if (st == WIT_ENOMEM)
        return wit_error_set(err, st, "no memory to read %s", r->path);
    return st < 0        ? broken(r, "a member's name of over 4096 bytes", err)
           : r->name.len ? 0
                         : broken(r, "a member without a name", err);
}

static int member_make(struct tar_reader *r, const struct tar_header *h, uint64_t bytes,
                       struct tar_member *out, struct wit_error *err) {
    const struct extended *x = &r->extended;
    uint64_t mtime;
    int st = name_make(r, h, err);
    if (st >= 0 && h->type == 'S')
        st = sparse_skip(r, h, err);
    if (st < 0)
        return st;
    struct tar_member m = { .name = wit_buf_view(&r->name), .offset = r->offset };
    bool folder = r->name.data[r->name.len - 1] == '/';
    m.is_file = type_is_file(h->type) && !x->is_sparse && !folder;
    if (x->has_bytes)
        bytes = x->bytes;
    r->left = type_is_empty(h->type) || (h->type == '\0' && folder) ? 0 : bytes;
    r->padding = -r->left % TAR_BLOCK_BYTES;
    m.bytes = m.is_file ? r->left : 0;
    if (x->has_mtime)
        m.mtime_s = x->mtime_s;
    else if (number_get(h->mtime, sizeof h->mtime, &mtime))
        m.mtime_s = (int64_t)mtime;
    *out = m;
    return 1;
}

/* What lies behind the end says nothing, but a gzipped file's checksum stands there. */
static int rest_read(struct tar_reader *r, struct wit_error *err) {
    char scratch[4 * TAR_BLOCK_BYTES];
    size_t got = sizeof scratch;
    int st = 0;
    for (size_t left = SKIP_MOST_BYTES; st >= 0 && left && got == sizeof scratch; left -= got)
        st = fill(r, scratch, sizeof scratch, &got, err);
    return st;
}

static int header_read(struct tar_reader *r, struct tar_member *out, struct wit_error *err) {
    struct tar_header h;
    for (;;) {
        size_t got;
        uint64_t bytes;
        int st = fill(r, &h, sizeof h, &got, err);
        if (st < 0 || got == 0)
            return st; /* the end of the file, without that of the tar */
        if (got < sizeof h)
            return broken(r, "the file ends within a header: it was cut", err);
        if (is_zero(&h)) {
            st = r->is_packed ? rest_read(r, err) : 0;
            r->was_ended = st >= 0;
            return st;
        }
        if (!checksum_fits(&h) || !number_get(h.size, sizeof h.size, &bytes)) {
            r->offset -= sizeof h;
            return broken(r, "no header of a tar's member stands there", err);
        }
        st = extended_take(r, &h, bytes, err);
        if (st <= 0)
            return st < 0 ? st : member_make(r, &h, bytes, out, err);
    }
}

int tar_reader_next(struct tar_reader *r, struct tar_member *out, struct wit_error *err) {
    if (r->failed)
        return wit_error_set(err, r->failed, "%s failed before", r->path);
    if (r->was_ended)
        return 0;
    int st = skip(r, r->left + r->padding, err);
    r->left = r->padding = 0;
    r->extended.has_name = r->extended.has_bytes = r->extended.has_mtime = false;
    r->extended.is_sparse = false;
    if (st >= 0)
        st = header_read(r, out, err);
    if (st < 0)
        r->failed = st;
    return st;
}

int tar_reader_read(struct tar_reader *r, void *out, size_t len, struct wit_error *err) {
    if (r->failed)
        return wit_error_set(err, r->failed, "%s failed before", r->path);
    if (len > r->left)
        return wit_error_set(err, WIT_EINVAL, "%s: %zu bytes asked for of a member that has %llu",
                             r->path, len, (unsigned long long)r->left);
    int st = fill_all(r, out, len, err);
    if (st >= 0)
        r->left -= len;
    else
        r->failed = st;
    return st;
}
