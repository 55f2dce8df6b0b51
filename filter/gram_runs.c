/*
 * gram_runs.c: runs on disk. A gram is the difference of its key from the last one (LEB128), for
 * pairs the second hash (8 bytes, little-endian), the count (LEB128), for words a byte of length
 * and the word. A count of 0 ends the run.
 */
#include "gram_runs.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 17, GRAM_BYTES_MAX = 10 + 8 + 10 + 1 + 255 };

int gram_cmp(const struct gram *a, const struct gram *b) {
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->second != b->second)
        return a->second < b->second ? -1 : 1;
    return wit_str_cmp(a->text, b->text);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct gram_writer {
    FILE *file;
    char *path;
    enum gram_kind kind;
    uint64_t last; /* key */
    size_t used;
    uint8_t bytes[BUFFER_BYTES];
};

int gram_writer_open(const char *path, enum gram_kind kind, struct gram_writer **out,
                     struct wit_error *err) {
    struct gram_writer *w = malloc(sizeof *w);
    if (!w)
        return wit_error_set(err, WIT_ENOMEM, "'%s': no memory to write it", path);
    w->kind = kind;
    w->last = 0;
    w->used = 0;
    w->path = strdup(path);
    w->file = w->path ? fopen(path, "wbe") : NULL;
    if (!w->file) {
        int st = w->path ? wit_error_errno(err, errno, "cannot write '%s'", path)
                         : wit_error_set(err, WIT_ENOMEM, "'%s': no memory to write it", path);
        gram_writer_abandon(w);
        return st;
    }
    setvbuf(w->file, NULL, _IONBF, 0);
    *out = w;
    return 0;
}

void gram_writer_abandon(struct gram_writer *w) {
    if (!w)
        return;
    if (w->file)
        fclose(w->file);
    free(w->path);
    free(w);
}

static size_t varint_put(uint8_t *to, uint64_t v) {
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        to[n++] = (uint8_t)(v | 0x80);
    to[n++] = (uint8_t)v;
    return n;
}

static int flush(struct gram_writer *w, struct wit_error *err) {
    if (fwrite(w->bytes, 1, w->used, w->file) != w->used)
        return wit_error_errno(err, errno, "cannot write '%s'", w->path);
    w->used = 0;
    return 0;
}

int gram_writer_put(struct gram_writer *w, const struct gram *g, struct wit_error *err) {
    if (w->used + GRAM_BYTES_MAX > BUFFER_BYTES) {
        int st = flush(w, err);
        if (st < 0)
            return st;
    }
    uint8_t *to = w->bytes + w->used;
    to += varint_put(to, g->key - w->last);
    w->last = g->key;
    if (w->kind == GRAM_PAIRS) {
        wit_store_le64(to, g->second);
        to += 8;
    }
    to += varint_put(to, g->count);
    if (w->kind == GRAM_WORDS) {
        *to++ = (uint8_t)g->text.len;
        memcpy(to, g->text.data, g->text.len);
        to += g->text.len;
    }
    w->used = (size_t)(to - w->bytes);
    return 0;
}

int gram_writer_close(struct gram_writer *w, bool sync, struct wit_error *err) {
    struct gram end = { .key = w->last };
    end.text = WIT_STR("");
    int st = gram_writer_put(w, &end, err);
    if (st >= 0)
        st = flush(w, err);
    if (st >= 0 && sync)
        st = wit_fd_sync(fileno(w->file), w->path, err);
    gram_writer_abandon(w);
    return st;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct run {
    const char *path;
    FILE *file;
    enum gram_kind kind;
    struct gram g; /* the one that is next */
    size_t at, have;
    char text[WORDS_MAX_BYTES];
    uint8_t bytes[BUFFER_BYTES / 2];
};

static int run_broken(const struct run *r, struct wit_error *err) {
    return wit_error_set(err, WIT_ECORRUPT, "'%s': the counts in it are cut off or damaged",
                         r->path);
}

/* Sees to it that a whole gram is in the buffer, unless the file ends. */
static int run_fill(struct run *r, struct wit_error *err) {
    if (r->have - r->at >= GRAM_BYTES_MAX)
        return 0;
    memmove(r->bytes, r->bytes + r->at, r->have - r->at);
    r->have -= r->at;
    r->at = 0;
    r->have += fread(r->bytes + r->have, 1, sizeof r->bytes - r->have, r->file);
    return ferror(r->file) ? wit_error_errno(err, errno, "cannot read '%s'", r->path) : 0;
}

static bool varint_take(struct run *r, uint64_t *v) {
    *v = 0;
    for (unsigned shift = 0; r->at < r->have && shift < 64; shift += 7) {
        uint8_t b = r->bytes[r->at++];
        *v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80)
            return true;
    }
    return false;
}

/* 1: r->g is the next gram; 0: the end. */
static int run_next(struct run *r, struct wit_error *err) {
    uint64_t step;
    struct gram old = r->g;
    int st = run_fill(r, err);
    if (st < 0)
        return st;
    if (!varint_take(r, &step) || step > UINT64_MAX - r->g.key)
        return run_broken(r, err);
    r->g.key += step;
    if (r->kind == GRAM_PAIRS) {
        if (r->have - r->at < 8)
            return run_broken(r, err);
        r->g.second = wit_load_le64(r->bytes + r->at);
        r->at += 8;
    }
    if (!varint_take(r, &r->g.count))
        return run_broken(r, err);
    if (r->kind == GRAM_WORDS) {
        size_t len = r->at < r->have ? r->bytes[r->at++] : SIZE_MAX;
        if (len > r->have - r->at)
            return run_broken(r, err);
        memcpy(r->text, r->bytes + r->at, len);
        r->at += len;
        r->g.text = wit_str_of(r->text, len);
    }
    if (r->g.count == 0)
        return 0;
    if (r->kind == GRAM_PAIRS && old.count && gram_cmp(&old, &r->g) >= 0)
        return run_broken(r, err);
    return 1;
}

static int run_open(const char *path, enum gram_kind kind, struct run **out,
                    struct wit_error *err) {
    struct run *r = malloc(sizeof *r);
    if (!r)
        return wit_error_set(err, WIT_ENOMEM, "'%s': no memory to read it", path);
    r->path = path;
    r->kind = kind;
    r->g = (struct gram){ 0 };
    r->at = r->have = 0;
    r->file = fopen(path, "rbe");
    if (!r->file) {
        int st = wit_error_errno(err, errno, "cannot read '%s'", path);
        free(r);
        return st;
    }
    setvbuf(r->file, NULL, _IONBF, 0);
    *out = r;
    return 0;
}

static void run_close(struct run *r) {
    if (!r)
        return;
    fclose(r->file);
    free(r);
}

/* ---- merging --------------------------------------------------------------------------------- */

/* A heap: the run whose gram is least is first. */
struct merge {
    struct run *runs[GRAM_FAN_IN];
    size_t n;
};

static void sink(struct merge *m, size_t at) {
    struct run *r = m->runs[at];
    for (size_t child; (child = 2 * at + 1) < m->n; at = child) {
        if (child + 1 < m->n && gram_cmp(&m->runs[child + 1]->g, &m->runs[child]->g) < 0)
            child++;
        if (gram_cmp(&r->g, &m->runs[child]->g) <= 0)
            break;
        m->runs[at] = m->runs[child];
    }
    m->runs[at] = r;
}

/* Takes the least gram into *g, whose text is copied to `text`. */
static int merge_take(struct merge *m, struct gram *g, char *text, struct wit_error *err) {
    struct run *r = m->runs[0];
    *g = r->g;
    if (g->text.len)
        memcpy(text, g->text.data, g->text.len);
    g->text.data = text;
    int st = run_next(r, err);
    if (st < 0)
        return st;
    if (st == 0) {
        run_close(r);
        m->runs[0] = m->runs[--m->n];
    }
    if (m->n)
        sink(m, 0);
    return 0;
}

static int merge_walk(struct merge *m, int (*fn)(void *user, const struct gram *g), void *user,
                      struct wit_error *err) {
    char text[2][WORDS_MAX_BYTES];
    struct gram g, other;
    unsigned side = 0;
    if (!m->n)
        return 0;
    int st = merge_take(m, &g, text[side], err);
    if (st < 0)
        return st;
    for (;;) {
        bool more = m->n > 0;
        if (more)
            st = merge_take(m, &other, text[!side], err);
        if (st < 0)
            return st;
        if (more && gram_cmp(&g, &other) == 0) {
            g.count += other.count;
            continue;
        }
        if (more && g.text.len && g.key == other.key)
            return wit_error_set(err, WIT_ECORRUPT,
                                 "'%.*s' and '%.*s' have the same hash: they cannot be told apart",
                                 WIT_STR_FMT(g.text), WIT_STR_FMT(other.text));
        st = fn(user, &g);
        if (st < 0 || !more)
            return st;
        g = other;
        side = !side;
    }
}

int gram_merge(char *const *paths, size_t n, enum gram_kind kind,
               int (*fn)(void *user, const struct gram *g), void *user, struct wit_error *err) {
    struct merge m = { .n = 0 };
    int st = n > GRAM_FAN_IN ? wit_error_set(err, WIT_ELIMIT, "%zu runs of counts at once", n) : 0;
    for (size_t i = 0; i < n && st >= 0; i++) {
        st = run_open(paths[i], kind, &m.runs[m.n], err);
        if (st < 0)
            break;
        st = run_next(m.runs[m.n], err);
        if (st > 0)
            m.n++;
        else
            run_close(m.runs[m.n]);
    }
    for (size_t at = m.n / 2; st >= 0 && at-- > 0;)
        sink(&m, at);
    if (st >= 0)
        st = merge_walk(&m, fn, user, err);
    while (m.n)
        run_close(m.runs[--m.n]);
    return st;
}
