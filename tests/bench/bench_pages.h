/*
 * bench_pages.h: pages of a list, a path a line, over and over until so many bytes have been given
 * out, in batches that are read before the clock runs: a corpus of any length in little memory. For
 * bench_html.c and its peers in C, so nothing of wit is used. Whatever fails ends the program.
 */
#ifndef BENCH_PAGES_H
#define BENCH_PAGES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_BATCH_BYTES = 32 << 20 };

struct bench_pages {
    char *list, *name;               /* the list and the next name in it */
    unsigned long long bytes_left;   /* still to be given out */
    unsigned long long pages, bytes; /* given out so far */
    char *data;                      /* the batch: pages one behind the other */
    size_t len, cap, *ends, count, ends_cap;
    double cpu_s, wall_s; /* between bench_start and bench_stop */
};

static inline void *bench_grow(void *old, size_t bytes) {
    void *p = realloc(old, bytes);
    if (!p) {
        fputs("bench: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

static inline double bench_seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void bench_start(struct bench_pages *p) {
    p->cpu_s -= bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    p->wall_s -= bench_seconds(CLOCK_MONOTONIC);
}

static inline void bench_stop(struct bench_pages *p) {
    p->cpu_s += bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    p->wall_s += bench_seconds(CLOCK_MONOTONIC);
}

/* Append a file to the batch, with a NUL behind it that does not count. */
static inline size_t bench_read(struct bench_pages *p, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) {
        fprintf(stderr, "bench: cannot open %s\n", path);
        exit(1);
    }
    const size_t size = (size_t)ftell(f);
    rewind(f);
    if (p->len + size + 1 > p->cap) {
        p->cap = 2 * (p->len + size + 1);
        p->data = bench_grow(p->data, p->cap);
    }
    if (fread(p->data + p->len, 1, size, f) != size) {
        fprintf(stderr, "bench: cannot read %s\n", path);
        exit(1);
    }
    fclose(f);
    p->len += size;
    p->data[p->len] = '\0';
    return size;
}

/* From the arguments LIST [BYTES]; without BYTES the pages come once. */
static inline void bench_open(struct bench_pages *p, int argc, char **argv) {
    memset(p, 0, sizeof *p);
    if (argc < 2) {
        fprintf(stderr, "usage: %s LIST [BYTES]\n", argv[0]);
        exit(2);
    }
    bench_read(p, argv[1]);
    p->list = p->name = p->data;
    p->data = NULL;
    p->len = p->cap = 0;
    p->bytes_left = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (p->bytes_left == 0)
        for (char *at = p->list; *at;) { /* as many as the files hold */
            char *end = strchr(at, '\n');
            *end = '\0';
            p->bytes_left += bench_read(p, at);
            *end = '\n';
            at = end + 1;
            p->len = 0;
        }
}

/* The next batch; 0 when there is none. */
static inline int bench_next(struct bench_pages *p) {
    p->len = p->count = 0;
    while (p->bytes_left && p->len < BENCH_BATCH_BYTES) {
        char *end = strchr(p->name, '\n');
        if (!end) {
            if (p->name == p->list)
                break; /* an empty list */
            p->name = p->list;
            continue;
        }
        *end = '\0';
        const size_t size = bench_read(p, p->name);
        *end = '\n';
        p->name = end + 1;
        if (p->count == p->ends_cap) {
            p->ends_cap = p->ends_cap ? 2 * p->ends_cap : 256;
            p->ends = bench_grow(p->ends, p->ends_cap * sizeof *p->ends);
        }
        p->ends[p->count++] = p->len;
        p->bytes_left -= size < p->bytes_left ? size : p->bytes_left;
        p->bytes += size;
        p->pages++;
    }
    return p->count > 0;
}

/* Page i of the batch. */
static inline const char *bench_page(const struct bench_pages *p, size_t i, size_t *len) {
    const size_t from = i ? p->ends[i - 1] : 0;
    *len = p->ends[i] - from;
    return p->data + from;
}

static inline void bench_close(struct bench_pages *p) {
    free(p->list);
    free(p->data);
    free(p->ends);
}

#endif
