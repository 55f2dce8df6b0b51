/*
 * bench_near.c: all near pairs among made hashes: bench_near HASHES DISTANCE THREADS. Three sets, a
 * JSON object each: random bits; bits that lean to one side as those of photographs do, each by its
 * own probability, so that values of a band crowd; and those with clusters, whose sizes fall as
 * 1 / rank, a third of all hashes, spread over twice the distance.
 */
#include "near.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int on_pair(void *user, uint32_t a, uint32_t b, unsigned distance) {
    uint64_t *pairs = user;
    ++*pairs;
    return 0;
}

static struct wit_image_phash hash_make(struct wit_random *r, const double *leaning) {
    struct wit_image_phash h = { { 0 } };
    for (unsigned k = 0; k < 256; k++)
        h.words[k / 64] |= (uint64_t)(wit_random_unit(r) < leaning[k]) << (k % 64);
    return h;
}

static void clusters_make(struct wit_random *r, struct wit_image_phash *h, uint32_t count,
                          unsigned distance) {
    for (uint32_t at = 0, rank = 1; at < count / 3; rank++) {
        const uint32_t size = 2 + count / 300 / rank, first = at;
        for (at++; at < first + size && at < count / 3; at++) {
            h[at] = h[first];
            for (uint64_t n = wit_random_below(r, distance + 1); n; n--) {
                uint64_t bit = wit_random_below(r, 256);
                h[at].words[bit / 64] ^= 1ULL << (bit % 64);
            }
        }
    }
}

static void measure(const char *what, const struct wit_image_phash *h, uint32_t count,
                    unsigned distance, unsigned threads) {
    uint64_t pairs = 0;
    const struct near_search search = { .hashes = h,
                                        .count = count,
                                        .distance = distance,
                                        .threads = threads,
                                        .found = on_pair,
                                        .user = &pairs };
    double wall = -seconds(CLOCK_MONOTONIC), cpu = -seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (near_pairs(&search, NULL) != 0)
        exit(1);
    wall += seconds(CLOCK_MONOTONIC);
    cpu += seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("{\"bench\":\"near\",\"hashes\":\"%s\",\"count\":%u,\"distance\":%u,\"threads\":%u,"
           "\"pairs\":%" PRIu64 ",\"wall_s\":%.1f,\"cpu_s\":%.1f}\n",
           what, count, distance, threads, pairs, wall, cpu);
    fflush(stdout);
}

int main(int argc, char **argv) {
    double even[256], leaning[256];
    struct wit_random r;
    if (argc != 4) {
        fprintf(stderr, "usage: bench_near HASHES DISTANCE THREADS\n");
        return 2;
    }
    const uint32_t count = (uint32_t)strtoul(argv[1], NULL, 10);
    const unsigned distance = (unsigned)strtoul(argv[2], NULL, 10);
    const unsigned threads = (unsigned)strtoul(argv[3], NULL, 10);
    struct wit_image_phash *h = wit_alloc_array((size_t)count + 1, sizeof *h);
    if (!h)
        return 1;
    wit_random_init(&r, 1, 2, 3);
    for (unsigned k = 0; k < 256; k++) {
        even[k] = 0.5;
        leaning[k] = 0.2 + 0.6 * wit_random_unit(&r);
    }
    for (uint32_t i = 0; i < count; i++)
        h[i] = hash_make(&r, even);
    measure("random", h, count, distance, threads);
    for (uint32_t i = 0; i < count; i++)
        h[i] = hash_make(&r, leaning);
    measure("leaning", h, count, distance, threads);
    clusters_make(&r, h, count, distance);
    measure("clustered", h, count, distance, threads);
    free(h);
    return 0;
}
