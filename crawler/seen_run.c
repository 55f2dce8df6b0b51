/* seen_run.c: files of sorted hashes. */
#include "seen_run.h"

#include "run_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 32,
    BLOCK_BYTES = 64,
    KEYS_A_BLOCK = 42, /* 12 bits a hash: 0.6 % of those that are not there pass the filter */
    BITS_A_KEY = 6,
    NEAR = 16, /* so few candidates are looked at one after the other */
    WRITE_BYTES = 1 << 20
};

#define COUNT_MOST (UINT64_C(1) << 36)

static const char magic[8] = { 'w', 'i', 't', 's', 'e', 'e', 'n', '1' };

/* ---- the filter ----------------------------------------------------------------------------- */

/* The block of a hash, and the bits in it. The hashes in a file are uniform, but the filter must
 * not use the bits by which they are sorted alone. */
static uint64_t filter_block(uint64_t mixed, uint64_t blocks) {
    return (mixed >> 32) * blocks >> 32; /* below blocks, which are fewer than 2^32 */
}

static void filter_set(uint8_t *filter, uint64_t blocks, uint64_t hash) {
    uint64_t mixed = wit_mix64(hash), bits = wit_mix64(mixed);
    uint8_t *block = filter + filter_block(mixed, blocks) * BLOCK_BYTES;
    for (int i = 0; i < BITS_A_KEY; i++, bits >>= 9)
        block[(bits & 511) >> 3] |= (uint8_t)(1 << (bits & 7));
}

static bool filter_may_have(const uint8_t *filter, uint64_t blocks, uint64_t hash) {
    uint64_t mixed = wit_mix64(hash), bits = wit_mix64(mixed);
    const uint8_t *block = filter + filter_block(mixed, blocks) * BLOCK_BYTES;
    for (int i = 0; i < BITS_A_KEY; i++, bits >>= 9)
        if (!(block[(bits & 511) >> 3] & 1 << (bits & 7)))
            return false;
    return true;
}

static uint64_t blocks_for(uint64_t count) {
    return count / KEYS_A_BLOCK + 1;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int header_check(const struct seen_run *run, const uint8_t header[HEADER_BYTES]) {
    if (memcmp(header, magic, sizeof magic) != 0 ||
        wit_load_le64(header + 24) != wit_hash64_of(header, 24, 0) ||
        wit_load_le64(header + 8) != run->count ||
        wit_load_le64(header + 16) != blocks_for(run->count))
        return WIT_ECORRUPT;
    uint64_t bytes = HEADER_BYTES + blocks_for(run->count) * BLOCK_BYTES + run->count * 8;
    return bytes == run->map_bytes ? 0 : WIT_ECORRUPT;
}

int seen_run_open(struct seen_run *run, const char *folder, const char *name,
                  struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = run_file_path(path, folder, name, run->number, err);
    if (st >= 0)
        st = run_file_map(path, HEADER_BYTES, &run->map, &run->map_bytes, err);
    if (st < 0)
        return st;
    if (run->count > COUNT_MOST || header_check(run, run->map) < 0) {
        seen_run_close(run);
        return wit_error_set(err, WIT_ECORRUPT, "%s is not the file of %llu hashes that it was",
                             path, (unsigned long long)run->count);
    }
    run->blocks = blocks_for(run->count);
    return 0;
}

void seen_run_close(struct seen_run *run) {
    run_file_unmap(&run->map, run->map_bytes);
}

uint64_t seen_run_at(const struct seen_run *run, uint64_t index) {
    return wit_load_le64(run->map + HEADER_BYTES + run->blocks * BLOCK_BYTES + index * 8);
}

/* Where a uniform hash must stand in [low, high), first and last being those at its ends. */
static uint64_t place_of(uint64_t hash, uint64_t first, uint64_t last, uint64_t low,
                         uint64_t high) {
    double share = last > first ? (double)(hash - first) / (double)(last - first) : 0;
    uint64_t step = (uint64_t)(share * (double)(high - 1 - low));
    return step < high - low ? low + step : high - 1;
}

/* A few steps end it. Should the hashes not be uniform, every other step halves. */
static bool keys_have(const struct seen_run *run, uint64_t hash) {
    uint64_t low = 0, high = run->count; /* it stands in [low, high) if anywhere */
    bool halve = false;
    while (high - low > NEAR) {
        uint64_t first = seen_run_at(run, low), last = seen_run_at(run, high - 1);
        if (hash < first || hash > last)
            return false;
        uint64_t middle = halve ? low + (high - low) / 2 : place_of(hash, first, last, low, high);
        uint64_t there = seen_run_at(run, middle);
        if (there == hash)
            return true;
        if (there < hash)
            low = middle + 1;
        else
            high = middle;
        halve = !halve;
    }
    for (; low < high; low++)
        if (seen_run_at(run, low) == hash)
            return true;
    return false;
}

bool seen_run_has(const struct seen_run *run, uint64_t hash) {
    return filter_may_have(run->map + HEADER_BYTES, run->blocks, hash) && keys_have(run, hash);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The filter stands in front of the hashes and is known last: its place in the file is mapped. */
struct seen_writer {
    int fd;
    char path[WIT_PATH_MAX], temporary[WIT_PATH_MAX];
    char folder[WIT_PATH_MAX];
    uint64_t count, put, blocks, last;
    uint8_t *filter; /* mapped from the file */
    size_t filter_bytes;
    struct wit_buf keys; /* not written yet */
    uint64_t written;    /* bytes of the file behind the filter */
};

static int fail(const struct seen_writer *w, const char *what, struct wit_error *err) {
    return wit_error_errno(err, wit_write_errno(errno, w->temporary), "cannot %s %s", what,
                           w->temporary);
}

int seen_writer_create(const char *folder, const char *name, uint64_t number, uint64_t count,
                       struct seen_writer **out, struct wit_error *err) {
    struct seen_writer *w = calloc(1, sizeof *w);
    if (!w)
        return wit_error_set(err, WIT_ENOMEM, "no memory to write a set of hashes");
    w->fd = -1;
    w->count = count;
    w->blocks = blocks_for(count);
    w->filter_bytes = HEADER_BYTES + w->blocks * BLOCK_BYTES;
    w->keys = (struct wit_buf)WIT_BUF_INIT(WRITE_BYTES);
    int n = snprintf(w->folder, sizeof w->folder, "%s", folder);
    int st = run_file_path(w->path, folder, name, number, err);
    if (st >= 0 && (n >= WIT_PATH_MAX ||
                    snprintf(w->temporary, sizeof w->temporary, "%s.tmp", w->path) >= WIT_PATH_MAX))
        st = wit_error_set(err, WIT_ELIMIT, "path is too long: %s", folder);
    if (st >= 0) {
        w->fd = open(w->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (w->fd < 0)
            st = fail(w, "create", err);
    }
    if (st >= 0) { /* room for the filter, now: a full disk must not be a signal at the mapping */
        int rc = posix_fallocate(w->fd, 0, (off_t)w->filter_bytes);
        if (rc)
            st = wit_error_errno(err, rc, "cannot write %s", w->temporary);
    }
    if (st >= 0) {
        void *map = mmap(NULL, w->filter_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
        w->filter = map == MAP_FAILED ? NULL : map;
        if (!w->filter)
            st = fail(w, "map", err);
    }
    if (st < 0)
        seen_writer_destroy(w);
    else
        *out = w;
    return st;
}

static int keys_write(struct seen_writer *w, struct wit_error *err) {
    const char *p = w->keys.data;
    for (size_t left = w->keys.len; left;) {
        ssize_t n = pwrite(w->fd, p, left, (off_t)(w->filter_bytes + w->written));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return fail(w, "write", err);
        p += n;
        left -= (size_t)n;
        w->written += (uint64_t)n;
    }
    wit_buf_reset(&w->keys);
    return 0;
}

int seen_writer_put(struct seen_writer *w, uint64_t hash, struct wit_error *err) {
    uint8_t bytes[8];
    if (w->put == w->count || (w->put && hash <= w->last))
        return wit_error_set(err, WIT_ECORRUPT, "%s: hashes must ascend, %llu of them",
                             w->temporary, (unsigned long long)w->count);
    if (w->keys.len == WRITE_BYTES) {
        int st = keys_write(w, err);
        if (st < 0)
            return st;
    }
    wit_store_le64(bytes, hash);
    if (wit_buf_append(&w->keys, bytes, sizeof bytes) < 0)
        return wit_error_set(err, WIT_ENOMEM, "no memory to write a set of hashes");
    filter_set(w->filter + HEADER_BYTES, w->blocks, hash);
    w->last = hash;
    w->put++;
    return 0;
}

int seen_writer_finish(struct seen_writer *w, struct wit_error *err) {
    if (w->put != w->count)
        return wit_error_set(err, WIT_ECORRUPT, "%s: %llu hashes came, %llu were told",
                             w->temporary, (unsigned long long)w->put,
                             (unsigned long long)w->count);
    int st = keys_write(w, err);
    memcpy(w->filter, magic, sizeof magic);
    wit_store_le64(w->filter + 8, w->count);
    wit_store_le64(w->filter + 16, w->blocks);
    wit_store_le64(w->filter + 24, wit_hash64_of(w->filter, 24, 0));
    if (st >= 0 && msync(w->filter, w->filter_bytes, MS_SYNC) < 0)
        st = fail(w, "sync", err);
    if (st >= 0)
        st = wit_fd_sync(w->fd, w->temporary, err);
    if (st >= 0 && rename(w->temporary, w->path) < 0)
        st = fail(w, "rename", err);
    if (st < 0)
        return st;
    w->temporary[0] = '\0';
    return wit_dir_sync(w->folder, err);
}

void seen_writer_destroy(struct seen_writer *w) {
    if (!w)
        return;
    if (w->filter)
        munmap(w->filter, w->filter_bytes);
    if (w->fd >= 0)
        close(w->fd);
    if (w->temporary[0])
        unlink(w->temporary);
    wit_buf_finish(&w->keys);
    free(w);
}
