/* pair_counter.c: sorted runs of hashes in a temporary file, and their merge. */
#include "pair_counter.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    AT_ONCE = 1 << 20,
    READ_AHEAD = 4096, /* hashes of a run that a merge holds */
    RUNS_MOST = 1 << 16
};

struct pair_counter {
    uint64_t *buffer; /* bit 0: marked; above it the hash */
    size_t count, at_once;
    FILE *file;        /* runs one after another; NULL while there is none */
    uint64_t *lengths; /* of the runs, in hashes */
    size_t runs, runs_cap;
    char path[WIT_PATH_MAX]; /* of the file, while it has one */
};

int pair_counter_create(const char *folder, size_t at_once, struct pair_counter **out,
                        struct wit_error *err) {
    struct pair_counter *c = calloc(1, sizeof *c);
    if (c && wit_path_join(c->path, folder, "pairs-XXXXXX") < 0) {
        free(c);
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", folder);
    }
    if (c) {
        c->at_once = at_once ? at_once : AT_ONCE;
        c->buffer = wit_alloc_array(c->at_once, sizeof *c->buffer);
    }
    if (!c || !c->buffer) {
        pair_counter_destroy(c);
        return wit_error_set(err, WIT_ENOMEM, "no memory to count pairs");
    }
    *out = c;
    return 0;
}

void pair_counter_destroy(struct pair_counter *c) {
    if (!c)
        return;
    if (c->file)
        fclose(c->file);
    free(c->buffer);
    free(c->lengths);
    free(c);
}

static int order(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The buffer sorted, each hash once. */
static void buffer_sort(struct pair_counter *c) {
    size_t kept = 0;
    qsort(c->buffer, c->count, sizeof *c->buffer, order);
    for (size_t i = 0; i < c->count; i++)
        if (kept == 0 || c->buffer[kept - 1] != c->buffer[i])
            c->buffer[kept++] = c->buffer[i];
    c->count = kept;
}

static int file_fail(struct wit_error *err) {
    return wit_error_errno(err, errno ? errno : EIO, "cannot keep the pairs that were counted");
}

/* A file that is gone with the process, however it ends. */
static int file_open(struct pair_counter *c, struct wit_error *err) {
    int fd = mkstemp(c->path);
    if (fd < 0)
        return file_fail(err);
    (void)unlink(c->path);
    c->file = fdopen(fd, "w+b");
    if (c->file)
        return 0;
    close(fd);
    return file_fail(err);
}

static int run_write(struct pair_counter *c, struct wit_error *err) {
    buffer_sort(c);
    if (c->count <= c->at_once / 2) /* mostly repeats: there is room again */
        return 0;
    if (c->runs == RUNS_MOST)
        return wit_error_set(err, WIT_ELIMIT, "too many pairs to count");
    if (c->runs == c->runs_cap) {
        size_t cap = c->runs_cap ? 2 * c->runs_cap : 64;
        uint64_t *lengths = wit_realloc_array(c->lengths, cap, sizeof *lengths);
        if (!lengths)
            return wit_error_set(err, WIT_ENOMEM, "no memory to count pairs");
        c->lengths = lengths;
        c->runs_cap = cap;
    }
    errno = 0;
    int st = c->file ? 0 : file_open(c, err);
    if (st < 0)
        return st;
    if (fseek(c->file, 0, SEEK_END) < 0 ||
        fwrite(c->buffer, sizeof *c->buffer, c->count, c->file) != c->count || fflush(c->file) != 0)
        return file_fail(err);
    c->lengths[c->runs++] = c->count;
    c->count = 0;
    return 0;
}

int pair_counter_add(struct pair_counter *c, struct wit_str url, struct wit_str text, bool marked,
                     struct wit_error *err) {
    const uint64_t hash = wit_hash64_of(text.data, text.len, wit_hash64_of(url.data, url.len, 0));
    int st = c->count == c->at_once ? run_write(c, err) : 0;
    if (st < 0)
        return st;
    c->buffer[c->count++] = (hash & ~UINT64_C(1)) | marked;
    return 0;
}

/* ---- merging -------------------------------------------------------------------------------- */

/* A run as it is read, or the buffer. */
struct source {
    uint64_t *hashes; /* (READ_AHEAD) of its own, or the buffer */
    size_t at, len;
    long next;     /* where in the file it goes on */
    uint64_t left; /* hashes still in the file */
};

/* The next part of a run. */
static int source_fill(struct pair_counter *c, struct source *s, struct wit_error *err) {
    size_t want = s->left < READ_AHEAD ? (size_t)s->left : READ_AHEAD;
    errno = 0;
    if (fseek(c->file, s->next, SEEK_SET) < 0 ||
        fread(s->hashes, sizeof *s->hashes, want, c->file) != want)
        return file_fail(err);
    s->at = 0;
    s->len = want;
    s->left -= want;
    s->next += (long)(want * sizeof *s->hashes);
    return 0;
}

static bool is_less(const struct source *a, const struct source *b) {
    return a->hashes[a->at] < b->hashes[b->at];
}

/* A heap of sources by their next hash: let the first sink to its place. */
static void sink(struct source **heap, size_t n, size_t at) {
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_less(heap[child + 1], heap[child]))
            child++;
        if (!is_less(heap[child], heap[at]))
            return;
        struct source *t = heap[at];
        heap[at] = heap[child];
        heap[child] = t;
    }
}

static int merge(struct pair_counter *c, struct source **heap, size_t n, uint64_t *distinct,
                 uint64_t *marked, struct wit_error *err) {
    uint64_t last = 0;
    bool any = false;
    for (size_t i = n; i-- > 0;)
        sink(heap, n, i);
    while (n) {
        struct source *s = heap[0];
        uint64_t hash = s->hashes[s->at++];
        if (!any || hash != last) {
            ++*distinct;
            *marked += hash & 1;
        }
        last = hash;
        any = true;
        if (s->at == s->len && s->left) {
            int st = source_fill(c, s, err);
            if (st < 0)
                return st;
        } else if (s->at == s->len) {
            heap[0] = heap[--n];
        }
        sink(heap, n, 0);
    }
    return 0;
}

int pair_counter_count(struct pair_counter *c, uint64_t *distinct, uint64_t *marked,
                       struct wit_error *err) {
    struct source *sources = wit_alloc_array(c->runs + 1, sizeof *sources);
    struct source **heap = wit_alloc_array(c->runs + 1, sizeof *heap);
    uint64_t *ahead = wit_alloc_array(c->runs + 1, READ_AHEAD * sizeof *ahead);
    size_t n = 0;
    long at = 0;
    int st =
        sources && heap && ahead ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory to count pairs");
    *distinct = *marked = 0;
    if (st >= 0)
        buffer_sort(c);
    for (size_t i = 0; i < c->runs && st >= 0; i++) {
        sources[i] = (struct source){ ahead + i * READ_AHEAD, 0, 0, at, c->lengths[i] };
        at += (long)(c->lengths[i] * sizeof *c->buffer);
        st = source_fill(c, &sources[i], err);
        heap[n++] = &sources[i];
    }
    if (st >= 0 && c->count) {
        sources[c->runs] = (struct source){ c->buffer, 0, c->count, 0, 0 };
        heap[n++] = &sources[c->runs];
    }
    if (st >= 0)
        st = merge(c, heap, n, distinct, marked, err);
    free(sources);
    free(heap);
    free(ahead);
    return st;
}
