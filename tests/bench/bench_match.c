/*
 * bench_match.c: matches every line of a text file against an allowlist and counts entries, once,
 * on one core: bench_match LIST CAPTIONS [BATCH]. Prints one JSON object; cpu_s covers everything
 * from opening the captions to the last count, load_cpu_s the allowlist.
 */
#include "wit_filter.h"

#include <stdlib.h>
#include <time.h>

enum { BATCH_MOST = 256 };

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct run {
    struct wit_filter_matcher *m;
    struct wit_str texts[BATCH_MOST];
    size_t ends[BATCH_MOST];
    size_t n, batch;
    uint64_t captions, matches, bytes, id_sum;
    uint64_t *counts;
};

static int run_batch(struct run *r, struct wit_error *err) {
    const uint32_t *ids;
    int st = wit_filter_match_batch(r->m, r->texts, r->n, &ids, r->ends, err);
    if (st < 0 || r->n == 0)
        return st;
    size_t total = r->ends[r->n - 1];
    for (size_t i = 0; i < total; i++)
        r->counts[ids[i]]++, r->id_sum += ids[i];
    r->captions += r->n;
    r->matches += total;
    r->n = 0;
    return 0;
}

static int run_file(struct run *r, const char *path, struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT((size_t)1 << 32);
    int st = wit_file_read(path, &bytes, err);
    for (size_t from = 0; st >= 0 && from < bytes.len;) {
        const char *start = bytes.data + from, *end = memchr(start, '\n', bytes.len - from);
        size_t len = end ? (size_t)(end - start) : bytes.len - from;
        r->texts[r->n++] = wit_str_of(start, len);
        r->bytes += len;
        from += len + 1;
        if (r->n == r->batch)
            st = run_batch(r, err);
    }
    if (st >= 0)
        st = run_batch(r, err);
    wit_buf_finish(&bytes);
    return st;
}

int main(int argc, char **argv) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_filter_allowlist *list = NULL;
    struct run r = { .batch = argc > 3 ? (size_t)atoi(argv[3]) : 32 };
    if (argc < 3 || r.batch < 1 || r.batch > BATCH_MOST) {
        fputs("usage: bench_match LIST CAPTIONS [BATCH]\n", stderr);
        return 2;
    }
    double start = cpu_seconds();
    int st = wit_filter_allowlist_load(argv[1], &list, &err);
    double loaded = cpu_seconds();
    if (st >= 0)
        st = wit_filter_matcher_create(list, &r.m, &err);
    if (st >= 0) {
        r.counts = wit_alloc_array(wit_filter_allowlist_count(list) + 1, sizeof *r.counts);
        if (!r.counts)
            st = wit_error_set(&err, WIT_ENOMEM, "no memory for counts");
    }
    double began = cpu_seconds();
    uint64_t wall_ns = wit_clock_ns();
    if (st >= 0)
        st = run_file(&r, argv[2], &err);
    double cpu = cpu_seconds() - began;
    wall_ns = wit_clock_ns() - wall_ns;
    if (st < 0)
        fprintf(stderr, "bench_match: %s\n", err.text);
    else
        printf("{\"captions\": %llu, \"bytes\": %llu, \"matches\": %llu, \"id_sum\": %llu, "
               "\"cpu_s\": %.6f, \"wall_s\": %.6f, \"load_cpu_s\": %.6f}\n",
               (unsigned long long)r.captions, (unsigned long long)r.bytes,
               (unsigned long long)r.matches, (unsigned long long)r.id_sum, cpu,
               1e-9 * (double)wall_ns, loaded - start);
    free(r.counts);
    wit_filter_matcher_destroy(r.m);
    wit_filter_allowlist_destroy(list);
    return st < 0;
}
