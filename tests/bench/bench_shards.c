/*
 * bench_shards.c: what bench_seal.py times beside wit, in programs of their own.
 *
 *     bench_shards make OUT SAMPLES BYTES CANDIDATES [FIRST]   a collection of web-like sizes
 *     bench_shards hash [FILE...]    XXH3-128 of files or of stdin, as xxh128sum reads them
 *     bench_shards values DIR        XXH3-128 of every value of a dataset through the reader
 *     bench_shards origins DIR       bytes of all origins
 *     bench_shards read DIR          the same with every check that the reader makes
 */
#include "wit_shards.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { HASH_BLOCK_BYTES = 64 * 1024, POOL_BYTES = 8 << 20, COMMIT_EVERY = 50000 };
#define SIZE_SIGMA 0.9 /* of the logarithm: median two thirds of the mean, a long tail */

struct maker {
    struct wit_shards_collector *collector;
    uint8_t *pool; /* random bytes; an image is a slice with its number in front */
    struct wit_random rng;
    uint64_t mean_bytes, candidates;
};

static double uniform(struct wit_random *rng) {
    return ((double)wit_random_u32(rng) + 0.5) / 4294967296.0;
}

/* Log-normal with the mean asked for. */
static size_t image_bytes(struct maker *m) {
    double gauss = sqrt(-2 * log(uniform(&m->rng))) * cos(2 * M_PI * uniform(&m->rng));
    double bytes = (double)m->mean_bytes * exp(SIZE_SIGMA * gauss - SIZE_SIGMA * SIZE_SIGMA / 2);
    if (bytes < 16)
        bytes = 16;
    return bytes > POOL_BYTES / 2 ? POOL_BYTES / 2 : (size_t)bytes;
}

static int sample_add(struct maker *m, uint64_t number, struct wit_error *err) {
    char url[128], final_url[160], text[128], page[128];
    size_t bytes = image_bytes(m);
    size_t at = (size_t)wit_random_below(&m->rng, POOL_BYTES - bytes) & ~(size_t)15;
    wit_store_le64(m->pool + at, number);
    snprintf(url, sizeof url, "https://images.example/%llu/photo-%llu.jpg",
             (unsigned long long)number % 977, (unsigned long long)number);
    snprintf(final_url, sizeof final_url, "https://cdn.example/%llu/photo.jpg",
             (unsigned long long)number);
    const struct wit_shards_fetched fetched = {
        .url = wit_str_from(url),
        .final_url = wit_str_from(final_url),
        .bytes = wit_str_of(m->pool + at, bytes),
        .info = { .format = WIT_IMAGE_JPEG, .width = 640, .height = 480, .components = 3 },
        .fetched_at_s = 1700000000 + (int64_t)(number % 86400),
        .headers = WIT_STR("content-type: image/jpeg\n"),
    };
    int st = wit_shards_collector_add_image(m->collector, &fetched, err);
    for (uint64_t i = 0; i < m->candidates && st >= 0; i++) {
        snprintf(text, sizeof text, "photograph %llu of a harbour, seen from page %llu",
                 (unsigned long long)number, (unsigned long long)i);
        snprintf(page, sizeof page, "https://site-%llu.example/articles/%llu.html",
                 (unsigned long long)number % 1013, (unsigned long long)(number + i));
        const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                                   .text = wit_str_from(text),
                                                   .source = WIT_SHARDS_ALT,
                                                   .page = wit_str_from(page) };
        st = wit_shards_collector_add_candidate(m->collector, &cand, err);
    }
    return st;
}

static int make(int argc, char **argv, struct wit_error *err) {
    struct maker m = { .pool = malloc(POOL_BYTES + 16) };
    uint64_t samples = strtoull(argv[3], NULL, 10);
    uint64_t first = argc > 6 ? strtoull(argv[6], NULL, 10) : 0;
    m.mean_bytes = strtoull(argv[4], NULL, 10);
    m.candidates = strtoull(argv[5], NULL, 10);
    if (!m.pool)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the images");
    wit_random_init(&m.rng, 1, first, 0);
    for (size_t i = 0; i < POOL_BYTES; i += 4)
        wit_store_le32(m.pool + i, wit_random_u32(&m.rng));
    int st = wit_dir_make(argv[2], err);
    if (st >= 0)
        st = wit_shards_collector_open(argv[2], &m.collector, err);
    for (uint64_t i = first; st >= 0 && i < first + samples; i++) {
        st = sample_add(&m, i, err);
        if (st >= 0 && i % COMMIT_EVERY == COMMIT_EVERY - 1)
            st = wit_shards_collector_commit(m.collector, err);
    }
    if (st >= 0)
        st = wit_shards_collector_commit(m.collector, err);
    wit_shards_collector_close(m.collector);
    free(m.pool);
    return st;
}

static int hash_fd(int fd, const char *name, struct wit_hasher *h, struct wit_error *err) {
    static uint8_t block[HASH_BLOCK_BYTES];
    char hex[WIT_HASH128_HEX];
    ssize_t n;
    wit_hasher_reset(h);
    while ((n = read(fd, block, sizeof block)) > 0)
        wit_hasher_update(h, block, (size_t)n);
    if (n < 0)
        return wit_error_set(err, WIT_EIO, "cannot read %s", name);
    wit_hash128_to_hex(wit_hasher_digest(h), hex);
    printf("%s  %s\n", hex, name);
    return 0;
}

static int hash(int argc, char **argv, struct wit_error *err) {
    struct wit_hasher *h = wit_hasher_create();
    int st = h ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory to hash");
    if (st >= 0 && argc == 2)
        st = hash_fd(STDIN_FILENO, "-", h, err);
    for (int i = 2; i < argc && st >= 0; i++) {
        int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
        st = fd < 0 ? wit_error_set(err, WIT_ENOTFOUND, "cannot open %s", argv[i])
                    : hash_fd(fd, argv[i], h, err);
        if (fd >= 0)
            close(fd);
    }
    wit_hasher_destroy(h);
    return st;
}

/* Prints the value bytes read, origins not counted. */
static int values(const char *dir, bool check, struct wit_error *err) {
    const struct wit_shards_open_options options = { .skip_hashes = !check };
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_hash128 sum = { 0, 0 };
    char hex[WIT_HASH128_HEX];
    uint64_t bytes = 0;
    int st = wit_shards_dataset_open(dir, &options, &ds, err);
    for (size_t s = 0; st >= 0 && s < wit_shards_dataset_shards(ds); s++)
        for (uint64_t i = 0; st >= 0 && i < wit_shards_shard_samples(ds, s); i++) {
            struct wit_shards_sample sample;
            st = wit_shards_read(ds, s, i, &buf, &sample, err);
            if (st < 0)
                break;
            bytes += sample.value.len;
            sum = wit_hash128_add(sum, check ? sample.hash
                                             : wit_hash128_of(sample.value.data, sample.value.len));
        }
    wit_hash128_to_hex(sum, hex);
    printf("%llu %s\n", (unsigned long long)bytes, hex);
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    return st;
}

static int origins(const char *dir, struct wit_error *err) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT((size_t)1 << 30);
    uint64_t bytes = 0;
    int st = wit_shards_dataset_open(dir, NULL, &ds, err);
    for (size_t s = 0; st >= 0 && s < wit_shards_dataset_shards(ds); s++)
        for (uint64_t i = 0; st >= 0 && i < wit_shards_shard_samples(ds, s); i++) {
            struct wit_hash128 key;
            wit_buf_reset(&buf);
            st = wit_shards_key(ds, s, i, &key, err);
            if (st >= 0)
                st = wit_shards_origin(ds, key, &buf, err);
            bytes += buf.len;
        }
    printf("%llu\n", (unsigned long long)bytes);
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    return st;
}

int main(int argc, char **argv) {
    struct wit_error err = WIT_ERROR_INIT;
    int st = WIT_EINVAL;
    if (argc >= 6 && strcmp(argv[1], "make") == 0)
        st = make(argc, argv, &err);
    else if (argc >= 2 && strcmp(argv[1], "hash") == 0)
        st = hash(argc, argv, &err);
    else if (argc == 3 && strcmp(argv[1], "values") == 0)
        st = values(argv[2], false, &err);
    else if (argc == 3 && strcmp(argv[1], "origins") == 0)
        st = origins(argv[2], &err);
    else if (argc == 3 && strcmp(argv[1], "read") == 0)
        st = values(argv[2], true, &err);
    else
        wit_error_set(&err, st,
                      "make OUT SAMPLES BYTES CANDIDATES [FIRST] | hash [FILE...] | "
                      "values DIR | origins DIR | read DIR");
    if (st < 0)
        fprintf(stderr, "bench_shards: %s\n", err.text);
    return st == WIT_EINVAL ? 2 : st < 0;
}
