/*
 * wit_base.h: the vocabulary every part of wit speaks.
 *
 * Errors, byte views and buffers, arenas, checked sizes, content hashes, counter-based random
 * numbers, clocks, logging, JSON, files, counters, progress lines and bounded queues. Nothing here
 * knows what an image, a page or a shard is.
 *
 *     struct wit_error err = WIT_ERROR_INIT;
 *     struct wit_buf text = WIT_BUF_INIT(1 << 20);
 *     if (wit_file_read("dataset.json", &text, &err) < 0)
 *         wit_log_error("demo", "%s", err.text);
 *     struct wit_hash128 h = wit_hash128_of(text.data, text.len);
 *     char hex[WIT_HASH128_HEX];
 *     wit_hash128_to_hex(h, hex);
 *     printf("%s\n", hex);
 *     wit_buf_finish(&text);
 *
 * Conventions of the whole project: a fallible call returns int, 0 or a count on success and a
 * negative enum wit_status on failure; its last parameter is a struct wit_error * (NULL allowed)
 * that gets a sentence. Outputs change only on success. Unless a comment says otherwise a function
 * may be called from any thread, on objects no other thread uses at that moment.
 */
#ifndef WIT_BASE_H
#define WIT_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WIT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define WIT_PRINTF(fmt, args)
#endif

#define WIT_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- errors ------------------------------------------------------------------------------- */

/* One table for codes, names and meanings: X(name, value, meaning). */
#define WIT_STATUS_TABLE(X)                                                                        \
    X(OK, 0, "success")                                                                            \
    X(EINVAL, -1, "invalid argument or option")                                                    \
    X(ENOMEM, -2, "out of memory")                                                                 \
    X(EIO, -3, "input or output failed")                                                           \
    X(ELIMIT, -4, "a stated ceiling was reached")                                                  \
    X(EFORMAT, -5, "input is not in the expected format")                                          \
    X(ECORRUPT, -6, "stored data does not match its hash or structure")                            \
    X(ENOTFOUND, -7, "not found")                                                                  \
    X(EEXIST, -8, "exists already")                                                                \
    X(EAGAIN, -9, "would block; try again")                                                        \
    X(ECANCELED, -10, "cancelled")                                                                 \
    X(ETIMEOUT, -11, "deadline passed")                                                            \
    X(EDENIED, -12, "refused by policy")                                                           \
    X(EUNSUPPORTED, -13, "not supported by this build or format")                                  \
    X(EDEVICE, -14, "an accelerator or compute library failed")                                    \
    X(ENOSPC, -15, "no space left")                                                                \
    X(EINTERNAL, -16, "internal error")

enum wit_status {
#define WIT_STATUS_ENUM(name, value, meaning) WIT_##name = (value),
    WIT_STATUS_TABLE(WIT_STATUS_ENUM)
#undef WIT_STATUS_ENUM
};

#define WIT_ERROR_TEXT_MAX 768

struct wit_error {
    int status;                    /* enum wit_status; 0 while nothing failed */
    char text[WIT_ERROR_TEXT_MAX]; /* one sentence, UTF-8, NUL-terminated; cut at the size */
};

#define WIT_ERROR_INIT                                                                             \
    { 0, "" }

/* Name ("EINVAL") and meaning of a status; never NULL, also for unknown values. */
const char *wit_status_name(int status);
const char *wit_status_meaning(int status);

/* Record a failure: what was tried, on what, what came back. Returns `status`; err may be NULL. */
int wit_error_set(struct wit_error *err, int status, const char *fmt, ...) WIT_PRINTF(3, 4);

/* Like wit_error_set with ": <strerror>" appended and the status derived from the errno value
 * (ENOENT -> ENOTFOUND, ENOSPC/EDQUOT -> ENOSPC, ENOMEM -> ENOMEM, ... else EIO). */
int wit_error_errno(struct wit_error *err, int errnum, const char *fmt, ...) WIT_PRINTF(3, 4);

/* Put "context: " before the sentence that err already holds. Returns err->status
 * (WIT_EINTERNAL when err is NULL, so pass the original status on yourself in that case). */
int wit_error_wrap(struct wit_error *err, const char *fmt, ...) WIT_PRINTF(2, 3);

/* ---- checked sizes ------------------------------------------------------------------------ */

/* *out = a op b; WIT_ELIMIT and *out untouched on overflow. */
int wit_size_add(size_t a, size_t b, size_t *out);
int wit_size_mul(size_t a, size_t b, size_t *out);

/* malloc/calloc/realloc of n items of `size` bytes with overflow checks. NULL on failure. */
void *wit_alloc_array(size_t n, size_t size);              /* zeroed */
/* The same for a large table that is read at random: in pages of 2 MiB where the system gives them,
 * since a look at each of thousands of small pages costs a walk of their directory, too. */
void *wit_alloc_table(size_t n, size_t size);
void *wit_realloc_array(void *old, size_t n, size_t size); /* old stays valid on failure */

/* ---- little- and big-endian loads and stores ---------------------------------------------- */

/* The casts in what is inline are for C++, which takes no void * without one. */

static inline uint16_t wit_load_be16(const void *p) {
    const uint8_t *b = (const uint8_t *)p;
    return (uint16_t)(b[0] << 8 | b[1]);
}
static inline uint16_t wit_load_le16(const void *p) {
    const uint8_t *b = (const uint8_t *)p;
    return (uint16_t)(b[1] << 8 | b[0]);
}
static inline uint32_t wit_load_be32(const void *p) {
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}
static inline uint32_t wit_load_le32(const void *p) {
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}
static inline uint64_t wit_load_be64(const void *p) {
    return (uint64_t)wit_load_be32(p) << 32 | wit_load_be32((const uint8_t *)p + 4);
}
static inline uint64_t wit_load_le64(const void *p) {
    return (uint64_t)wit_load_le32((const uint8_t *)p + 4) << 32 | wit_load_le32(p);
}
static inline void wit_store_le16(void *p, uint16_t v) {
    uint8_t *b = (uint8_t *)p;
    b[0] = (uint8_t)v, b[1] = (uint8_t)(v >> 8);
}
static inline void wit_store_le32(void *p, uint32_t v) {
    uint8_t *b = (uint8_t *)p;
    b[0] = (uint8_t)v, b[1] = (uint8_t)(v >> 8), b[2] = (uint8_t)(v >> 16),
    b[3] = (uint8_t)(v >> 24);
}
static inline void wit_store_le64(void *p, uint64_t v) {
    wit_store_le32(p, (uint32_t)v);
    wit_store_le32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}
static inline void wit_store_be32(void *p, uint32_t v) {
    uint8_t *b = (uint8_t *)p;
    b[3] = (uint8_t)v, b[2] = (uint8_t)(v >> 8), b[1] = (uint8_t)(v >> 16),
    b[0] = (uint8_t)(v >> 24);
}
static inline void wit_store_be64(void *p, uint64_t v) {
    wit_store_be32(p, (uint32_t)(v >> 32));
    wit_store_be32((uint8_t *)p + 4, (uint32_t)v);
}

/* ---- byte views --------------------------------------------------------------------------- */

/* A view of bytes somebody else owns. May hold any byte, NUL included; data may be NULL iff len is
 * 0. */
struct wit_str {
    const char *data;
    size_t len;
};

#define WIT_STR(literal) ((struct wit_str){ (literal), sizeof(literal) - 1 })
/* For printf("%.*s"): two arguments. */
#define WIT_STR_FMT(s) (int)(s).len, (s).data ? (s).data : ""

static inline struct wit_str wit_str_of(const void *data, size_t len) {
    return (struct wit_str){ (const char *)data, len };
}
static inline struct wit_str wit_str_from(const char *cstr) {
    return (struct wit_str){ cstr, cstr ? strlen(cstr) : 0 };
}
static inline bool wit_str_eq(struct wit_str a, struct wit_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline struct wit_str wit_str_slice(struct wit_str s, size_t from, size_t to) {
    return (struct wit_str){ s.data ? s.data + from : NULL, to - from }; /* from <= to <= s.len */
}

int wit_str_cmp(struct wit_str a, struct wit_str b);        /* memcmp order, shorter first */
bool wit_str_eq_nocase(struct wit_str a, struct wit_str b); /* ASCII case-insensitive */
bool wit_str_starts_with(struct wit_str s, struct wit_str prefix);
bool wit_str_ends_with(struct wit_str s, struct wit_str suffix);
ptrdiff_t wit_str_find(struct wit_str s, struct wit_str needle, size_t from); /* -1: absent */
ptrdiff_t wit_str_find_byte(struct wit_str s, char c, size_t from);           /* -1: absent */
/* The next line of a text, without its LF; false behind the last. Start with *at = 0. */
bool wit_str_line_next(struct wit_str text, size_t *at, struct wit_str *line);
struct wit_str wit_str_trim(struct wit_str s); /* ASCII whitespace (HTML's five) off both ends */

/* Decimal digits only, no sign or spaces. WIT_EFORMAT or WIT_ELIMIT (overflow). */
int wit_str_to_u64(struct wit_str s, uint64_t *out);
/* Whole string as a C locale double. WIT_EFORMAT on anything else. */
int wit_str_to_double(struct wit_str s, double *out);

/* ---- growing buffers with a ceiling -------------------------------------------------------- */

/* Owns its bytes. Born with the largest size it may reach; every append that would pass it fails
 * with WIT_ELIMIT and changes nothing. data is NULL until the first byte. */
struct wit_buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
};

#define WIT_BUF_INIT(max_bytes)                                                                    \
    { NULL, 0, 0, (max_bytes) }

int wit_buf_append(struct wit_buf *b, const void *data, size_t len); /* 0, ELIMIT, ENOMEM */
int wit_buf_append_str(struct wit_buf *b, struct wit_str s);
int wit_buf_append_cstr(struct wit_buf *b, const char *s);
int wit_buf_append_byte(struct wit_buf *b, char c);
int wit_buf_printf(struct wit_buf *b, const char *fmt, ...) WIT_PRINTF(2, 3);
int wit_buf_reserve(struct wit_buf *b, size_t more); /* room for `more` further bytes */
int wit_buf_terminate(struct wit_buf *b); /* NUL after the last byte, not counted in len */
void wit_buf_reset(struct wit_buf *b);    /* len = 0, memory kept */
void wit_buf_finish(struct wit_buf *b);   /* frees; the buffer may be used again */
static inline struct wit_str wit_buf_view(const struct wit_buf *b) {
    return (struct wit_str){ b->data, b->len };
}

/* ---- arena: things that die together ------------------------------------------------------- */

struct wit_arena; /* one thread at a time */

/* NULL when out of memory. max_bytes bounds the sum of all allocations. */
struct wit_arena *wit_arena_create(size_t max_bytes);
void wit_arena_destroy(struct wit_arena *a);
void *wit_arena_alloc(struct wit_arena *a, size_t size,
                      size_t align); /* uninitialised; NULL: full */
void *wit_arena_copy(struct wit_arena *a, const void *data, size_t len); /* NUL added after it */
void wit_arena_reset(struct wit_arena *a); /* forget everything, keep the memory */
/* Forget everything and keep no more than so many bytes of the memory. */
void wit_arena_trim(struct wit_arena *a, size_t keep_bytes);
size_t wit_arena_used(const struct wit_arena *a); /* bytes handed out since the last reset */
size_t wit_arena_held(const struct wit_arena *a); /* bytes of memory, handed out or not */

/* ---- hashes --------------------------------------------------------------------------------- */

/* XXH3-128 (xxHash 0.8, seed 0). Bytes are big-endian on disk and in hex: canonical form. */
struct wit_hash128 {
    uint64_t hi, lo;
};
#define WIT_HASH128_HEX 33 /* 32 digits and NUL */

struct wit_hash128 wit_hash128_of(const void *data, size_t len);
uint64_t wit_hash64_of(const void *data, size_t len, uint64_t seed); /* XXH3-64 */
static inline int wit_hash128_cmp(struct wit_hash128 a, struct wit_hash128 b) {
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return a.lo < b.lo ? -1 : a.lo > b.lo;
}
static inline bool wit_hash128_eq(struct wit_hash128 a, struct wit_hash128 b) {
    return a.hi == b.hi && a.lo == b.lo;
}
/* (a + b) mod 2^128 and (a - b) mod 2^128. */
struct wit_hash128 wit_hash128_add(struct wit_hash128 a, struct wit_hash128 b);
struct wit_hash128 wit_hash128_sub(struct wit_hash128 a, struct wit_hash128 b);
void wit_hash128_to_bytes(struct wit_hash128 h, uint8_t out[16]);
struct wit_hash128 wit_hash128_from_bytes(const uint8_t in[16]);
void wit_hash128_to_hex(struct wit_hash128 h, char out[WIT_HASH128_HEX]);
int wit_hash128_from_hex(struct wit_str hex,
                         struct wit_hash128 *out); /* 32 digits or WIT_EFORMAT */

/* The same hash over pieces; create may return NULL (out of memory). */
struct wit_hasher;
struct wit_hasher *wit_hasher_create(void);
void wit_hasher_destroy(struct wit_hasher *h);
void wit_hasher_reset(struct wit_hasher *h);
void wit_hasher_update(struct wit_hasher *h, const void *data, size_t len);
struct wit_hash128 wit_hasher_digest(const struct wit_hasher *h);

/* ---- digests that others publish --------------------------------------------------------------
 */

/* What lists of images name their bytes by. Our own keys are wit_hash128. */
enum wit_digest_kind { WIT_DIGEST_MD5 = 1, WIT_DIGEST_SHA1, WIT_DIGEST_SHA256, WIT_DIGEST_SHA512 };
#define WIT_DIGEST_MAX_BYTES 64
int wit_digest_find(struct wit_str name, enum wit_digest_kind *out); /* "sha256"; WIT_ENOTFOUND */
const char *wit_digest_name(enum wit_digest_kind kind);
size_t wit_digest_bytes(enum wit_digest_kind kind);
/* Bytes written, or WIT_EUNSUPPORTED (libcrypto was built or configured without it). */
int wit_digest_of(enum wit_digest_kind kind, struct wit_str data, uint8_t out[WIT_DIGEST_MAX_BYTES],
                  struct wit_error *err);
/* Of a file's bytes; also what reading it says. */
int wit_digest_file(enum wit_digest_kind kind, const char *path, uint8_t out[WIT_DIGEST_MAX_BYTES],
                    struct wit_error *err);
/* Is `data` what `named` ("sha256:<lower-case hex>") says? 1 or 0; WIT_EINVAL when that names no
 * digest; WIT_EUNSUPPORTED. */
int wit_digest_match(struct wit_str named, struct wit_str data, struct wit_error *err);
/* Two lower-case digits a byte, and NUL: out has room for 2 * len + 1. */
void wit_digest_to_hex(struct wit_str digest, char *out);

/* ---- random numbers -------------------------------------------------------------------------- */

/* Philox4x32-10 (Salmon et al., SC 2011): pure function of key and counter, so results depend on
 * nothing but what is named in them. */
void wit_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A stream of numbers for one (seed, stream, index): e.g. seed, epoch, sample position. */
struct wit_random {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    unsigned used;
};
void wit_random_init(struct wit_random *r, uint64_t seed, uint64_t stream, uint64_t index);
uint32_t wit_random_u32(struct wit_random *r);
uint64_t wit_random_u64(struct wit_random *r);
double wit_random_unit(struct wit_random *r); /* [0, 1), 53 bits */
uint64_t wit_random_below(struct wit_random *r,
                          uint64_t bound);      /* [0, bound), unbiased; bound > 0 */
double wit_random_normal(struct wit_random *r); /* mean 0, variance 1 (Box-Muller) */

/* A bijection of [0, n) keyed by (key, n): the permutation of an epoch without an array.
 * Cycle-walked Feistel network. n > 0, index < n. */
uint64_t wit_permute(uint64_t index, uint64_t n, uint64_t key);
uint64_t wit_mix64(uint64_t x); /* SplitMix64's finaliser: bijective, good avalanche */

/* ---- clocks ---------------------------------------------------------------------------------- */

uint64_t wit_clock_ms(void);    /* monotonic, milliseconds */
uint64_t wit_clock_ns(void);    /* monotonic, nanoseconds */
int64_t wit_clock_wall_s(void); /* seconds since 1970, UTC */

/* ---- log ------------------------------------------------------------------------------------- */

enum wit_log_level { WIT_LOG_DEBUG, WIT_LOG_INFO, WIT_LOG_WARN, WIT_LOG_ERROR };

/* One line to stderr, written whole: "2026-11-24T14:00:00Z warn crawler: ..." or, in JSON mode,
 * {"time":...,"level":...,"area":...,"message":...}. Quote outside text, name what happens next,
 * put facts as key=value. Control characters are escaped. Any thread. */
void wit_log(enum wit_log_level level, const char *area, const char *fmt, ...) WIT_PRINTF(3, 4);
void wit_log_set_level(enum wit_log_level least);
void wit_log_set_json(bool on);
#define wit_log_debug(area, ...) wit_log(WIT_LOG_DEBUG, area, __VA_ARGS__)
#define wit_log_info(area, ...) wit_log(WIT_LOG_INFO, area, __VA_ARGS__)
#define wit_log_warn(area, ...) wit_log(WIT_LOG_WARN, area, __VA_ARGS__)
#define wit_log_error(area, ...) wit_log(WIT_LOG_ERROR, area, __VA_ARGS__)

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A parsed tree (jansson inside). Strings may hold NUL. Values returned by the getters are borrowed
 * from the root and die with it. */
struct wit_json;

enum wit_json_type {
    WIT_JSON_NULL,
    WIT_JSON_BOOL,
    WIT_JSON_INT,
    WIT_JSON_REAL,
    WIT_JSON_STRING,
    WIT_JSON_ARRAY,
    WIT_JSON_OBJECT
};

/* Parse one complete value; `name` (a file name, "stdin:12") starts the sentence of an error, which
 * gives line and column. *out is the caller's until wit_json_destroy. WIT_EFORMAT, WIT_ENOMEM. */
int wit_json_parse(struct wit_str text, const char *name, struct wit_json **out,
                   struct wit_error *err);
int wit_json_load(const char *path, size_t max_bytes, struct wit_json **out, struct wit_error *err);
void wit_json_destroy(struct wit_json *root);

enum wit_json_type wit_json_type_of(const struct wit_json *v);
size_t wit_json_size(const struct wit_json *v); /* members of an array or object, else 0 */
const struct wit_json *wit_json_at(const struct wit_json *array, size_t index); /* NULL: absent */
const struct wit_json *wit_json_get(const struct wit_json *object,
                                    const char *key); /* NULL: absent */
/* Members in order of the text: for (it = first(o); it; it = next(o, it)). */
void *wit_json_first(const struct wit_json *object);
void *wit_json_next(const struct wit_json *object, void *iter);
const char *wit_json_iter_key(void *iter);
const struct wit_json *wit_json_iter_value(void *iter);
/* The value, or WIT_EFORMAT and out untouched when v is NULL or of another type. */
int wit_json_string(const struct wit_json *v, struct wit_str *out);
int wit_json_int(const struct wit_json *v, int64_t *out);
int wit_json_number(const struct wit_json *v, double *out); /* int or real */
int wit_json_bool(const struct wit_json *v, bool *out);

/* Streaming writer into a buffer. Commas are placed for you; errors stick in the buffer's status:
 * check wit_json_writer_finish. Invalid UTF-8 bytes are written as U+FFFD. */
struct wit_json_writer {
    struct wit_buf *out;
    int status;
    unsigned depth;
    bool need_comma;
};
void wit_json_writer_init(struct wit_json_writer *w, struct wit_buf *out);
int wit_json_writer_finish(struct wit_json_writer *w); /* 0, or the first failure */
void wit_json_object_begin(struct wit_json_writer *w);
void wit_json_object_end(struct wit_json_writer *w);
void wit_json_array_begin(struct wit_json_writer *w);
void wit_json_array_end(struct wit_json_writer *w);
void wit_json_key(struct wit_json_writer *w, const char *key);
void wit_json_put_str(struct wit_json_writer *w, struct wit_str s);
void wit_json_put_cstr(struct wit_json_writer *w, const char *s); /* NULL writes null */
void wit_json_put_int(struct wit_json_writer *w, int64_t v);
void wit_json_put_u64(struct wit_json_writer *w, uint64_t v);
void wit_json_put_double(struct wit_json_writer *w,
                         double v); /* shortest text that reads back equal;
                                       NaN and infinities write null */
void wit_json_put_bool(struct wit_json_writer *w, bool v);
void wit_json_put_null(struct wit_json_writer *w);
void wit_json_put_raw(struct wit_json_writer *w, struct wit_str json); /* a value, written before */
/* A parsed value again, as deep as the parser goes; NULL writes null. */
void wit_json_put_value(struct wit_json_writer *w, const struct wit_json *v);

/* ---- files ----------------------------------------------------------------------------------- */

/* Append the whole file to buf (its ceiling bounds the size). ENOTFOUND, EIO, ELIMIT, ENOMEM. */
int wit_file_read(const char *path, struct wit_buf *buf, struct wit_error *err);
/* Write path.tmp, fsync, rename over path, fsync the directory. The old file stays on failure. A
 * link to a file stays one: its target is replaced. A device or a pipe is written through, neither
 * atomic nor synced; a directory is WIT_EIO. */
int wit_file_write_atomic(const char *path, struct wit_str data, struct wit_error *err);
/* What an errno of a write to `path` means: EIO is ENOSPC if another 64 KiB have no room there
 * either, which is tried. A full disk cuts the write before the first that fails, and LMDB calls
 * that EIO. */
int wit_write_errno(int cause, const char *path);
int wit_file_size(const char *path, uint64_t *bytes, struct wit_error *err);
bool wit_file_exists(const char *path);
/* Full write or read at an offset, restarting after EINTR. Short read -> WIT_ECORRUPT. `name` is
 * for the sentence. */
int wit_fd_write_all(int fd, const void *data, size_t len, const char *name, struct wit_error *err);
int wit_fd_read_at(int fd, void *data, size_t len, uint64_t offset, const char *name,
                   struct wit_error *err);
int wit_fd_sync(int fd, const char *name, struct wit_error *err); /* fdatasync */
int wit_dir_make(const char *path, struct wit_error *err);        /* mkdir -p; exists is success */
int wit_dir_sync(const char *path, struct wit_error *err);        /* fsync of the directory */
/* wit_dir_make, and the last name, and those of folders that were made on the way, survive a power
 * cut. Also when it is there: who made it may have been killed before it could sync. */
int wit_dir_make_synced(const char *path, struct wit_error *err);
int wit_dir_remove(const char *path, struct wit_error *err);      /* rm -r; absent is success */
/* Names in a directory, sorted by bytes, without "." and "..". Free with wit_strings_finish. */
struct wit_strings {
    char **items;
    size_t count;
};
int wit_dir_list(const char *path, struct wit_strings *out, struct wit_error *err);
void wit_strings_finish(struct wit_strings *s);
/* "a/b" into out. WIT_ELIMIT when it does not fit. */
#define WIT_PATH_MAX 4096
int wit_path_join(char out[WIT_PATH_MAX], const char *a, const char *b);

/* Lines of a stream with a ceiling per line (LF or CRLF removed). Returns 1 with *line valid until
 * the next call, 0 at the end, WIT_ELIMIT for a line that is too long (the rest of it is skipped
 * and the next call goes on behind it), WIT_EIO. */
struct wit_lines;
int wit_lines_open(FILE *stream, size_t max_line_bytes, struct wit_lines **out,
                   struct wit_error *err);
int wit_lines_next(struct wit_lines *l, struct wit_str *line, struct wit_error *err);
uint64_t wit_lines_number(const struct wit_lines *l); /* of the last line, from 1 */
void wit_lines_close(struct wit_lines *l); /* the stream stays open: it is the caller's */

/* ---- counters by reason ---------------------------------------------------------------------- */

/* Named counts, any thread (one lock inside). Names must outlive the table (string literals). */
struct wit_counters;
struct wit_counters *wit_counters_create(void); /* NULL: out of memory */
void wit_counters_destroy(struct wit_counters *c);
void wit_counters_add(struct wit_counters *c, const char *name, uint64_t n);
uint64_t wit_counters_get(struct wit_counters *c, const char *name);
/* Calls back with every name in byte order; the lock is held: do not re-enter. */
void wit_counters_each(struct wit_counters *c, void (*fn)(void *user, const char *name, uint64_t n),
                       void *user);

/* ---- progress line --------------------------------------------------------------------------- */

/* One line on stderr that rewrites itself on a terminal (at most 5 times a second); elsewhere a
 * line every 30 s, so that a log tells how far a job is, or with json an object a second. One
 * thread. */
#define WIT_PROGRESS_LINE_MS 30000u
struct wit_progress {
    const char *what;             /* "crawl" */
    const char *unit;             /* "pages" */
    uint64_t done, total, failed; /* total 0: unknown */
    uint64_t start_ms, last_ms;
    bool tty, json, shown;
};
void wit_progress_start(struct wit_progress *p, const char *what, const char *unit, uint64_t total,
                        bool json);
void wit_progress_update(struct wit_progress *p, uint64_t done, uint64_t failed, const char *note);
void wit_progress_finish(struct wit_progress *p, const char *note);

/* ---- bounded queue between threads ------------------------------------------------------------
 */

/* Pointers, first in first out, any number of producers and consumers (mutex and condition
 * variables). After a push the pointer is the queue's, after a pop the caller's. */
struct wit_queue;
struct wit_queue *wit_queue_create(size_t capacity); /* NULL: out of memory; capacity > 0 */
void wit_queue_destroy(struct wit_queue *q);         /* empty it first: items are not freed */
int wit_queue_push(struct wit_queue *q, void *item); /* waits for room; WIT_ECANCELED when closed */
int wit_queue_try_push(struct wit_queue *q, void *item); /* WIT_EAGAIN when full */
int wit_queue_pop(struct wit_queue *q,
                  void **item); /* waits; WIT_ECANCELED when closed and empty */
int wit_queue_try_pop(struct wit_queue *q, void **item); /* WIT_EAGAIN when empty */
void wit_queue_close(struct wit_queue *q); /* wakes everybody; pops drain what is left */
size_t wit_queue_count(struct wit_queue *q);

#ifdef __cplusplus
}
#endif
#endif
