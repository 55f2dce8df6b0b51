/*
 * bench_merge.c: a merge beside collecting together.
 *
 *     bench_merge DIR MEGABYTES [THREADS]
 *
 * Collects two datasets of so many megabytes each, images of 10 to 60 kB, one image in ten in both
 * with other words, and all of it again in one; seals the three; merges the two; compares the
 * hashes. One JSON object a step: seconds, MB/s of image bytes, the most memory. Each step is a
 * process of its own. DIR is empty before.
 */
#include "wit_shards_merge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES_LEAST = 10000, BYTES_SPAN = 50000, SHARED_EVERY = 10, COMMIT_EVERY = 2000 };

static struct wit_error err;
static uint64_t megabytes, threads;
static char base[WIT_PATH_MAX];

static void check(int st) {
    if (st >= 0)
        return;
    fprintf(stderr, "bench_merge: %s\n", err.text[0] ? err.text : wit_status_meaning(st));
    _exit(1);
}

static void path_of(char out[WIT_PATH_MAX], const char *name) {
    check(wit_path_join(out, base, name));
}

/* Image `number` with a caption of set `set`; its length. */
static size_t add(struct wit_shards_collector *c, uint64_t number, unsigned set) {
    static uint8_t bytes[BYTES_LEAST + BYTES_SPAN + 8];
    char url[64], text[64];
    struct wit_random rng;
    wit_random_init(&rng, 1, 0, number);
    size_t len = BYTES_LEAST + (size_t)wit_random_below(&rng, BYTES_SPAN);
    for (size_t i = 0; i < len; i += 8)
        wit_store_le64(bytes + i, wit_random_u64(&rng));
    snprintf(url, sizeof url, "http://x.test/%" PRIu64 ".jpg", number);
    snprintf(text, sizeof text, "words %" PRIu64 " of set %u", number, set);
    const struct wit_shards_fetched f = {
        .url = wit_str_from(url),
        .final_url = wit_str_from(url),
        .bytes = wit_str_of(bytes, len),
        .info = { .format = WIT_IMAGE_JPEG, .width = 640, .height = 480, .components = 3 },
        .headers = WIT_STR("content-type: image/jpeg\n"),
        .fetched_at_s = 1700000000,
    };
    const struct wit_shards_candidate cand = { .url = f.url,
                                               .text = wit_str_from(text),
                                               .source = WIT_SHARDS_ALT,
                                               .page = WIT_STR("http://x.test/page") };
    check(wit_shards_collector_add_image(c, &f, &err));
    check(wit_shards_collector_add_candidate(c, &cand, &err));
    return len;
}

/* Sets `first` to `last` into one collection. Image n of set s is s + 2 n, but each tenth is of
 * both. */
static void collect(const char *name, unsigned first, unsigned last) {
    struct wit_shards_collector *c = NULL;
    char dir[WIT_PATH_MAX];
    path_of(dir, name);
    check(wit_shards_collector_open(dir, &c, &err));
    for (unsigned set = first; set <= last; set++) {
        uint64_t bytes = 0;
        for (uint64_t n = 0; bytes < megabytes * 1000000; n++) {
            bytes += add(c, 2 * n + (n % SHARED_EVERY ? set : 0), set);
            if (n % COMMIT_EVERY == 0)
                check(wit_shards_collector_commit(c, &err));
        }
    }
    check(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
}

static void seal(const char *name) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX];
    path_of(dir, name);
    cfg.threads = (unsigned)threads;
    cfg.shard_bytes = 256 << 20;
    check(wit_shards_seal(dir, &cfg, &report, &err));
}

static void collect_a(void) {
    collect("a", 0, 0);
}
static void collect_b(void) {
    collect("b", 1, 1);
}
static void collect_joint(void) {
    collect("joint", 0, 1);
}
static void seal_a(void) {
    seal("a");
}
static void seal_b(void) {
    seal("b");
}
static void seal_joint(void) {
    seal("joint");
}

static void merge(void) {
    struct wit_shards_remake_config cfg = wit_shards_remake_config_default();
    struct wit_shards_remade made;
    char a[WIT_PATH_MAX], b[WIT_PATH_MAX], out[WIT_PATH_MAX];
    const char *const dirs[] = { a, b };
    path_of(a, "a");
    path_of(b, "b");
    path_of(out, "merged");
    cfg.threads = (unsigned)threads;
    cfg.shard_bytes = 256 << 20;
    check(wit_shards_merge(dirs, 2, out, &cfg, &made, &err));
}

static struct wit_shards_dataset *dataset(const char *name) {
    struct wit_shards_dataset *ds = NULL;
    char dir[WIT_PATH_MAX];
    path_of(dir, name);
    check(wit_shards_dataset_open(dir, NULL, &ds, &err));
    return ds;
}

static uint64_t image_bytes(const char *name) {
    struct wit_shards_dataset *ds = dataset(name);
    uint64_t bytes = 0;
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++) {
        struct wit_shards_shard_info info;
        wit_shards_shard_info(ds, s, &info);
        bytes += info.image_bytes;
    }
    wit_shards_dataset_close(ds);
    return bytes;
}

static double seconds(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Run a step in a process of its own; `name` is the dataset it leaves, NULL if none. */
static void step(const char *what, void (*fn)(void), const char *name) {
    struct rusage usage;
    int status;
    uint64_t ms = wit_clock_ms();
    pid_t pid = fork();
    check(pid < 0 ? WIT_ENOMEM : 0);
    if (pid == 0) {
        fn();
        _exit(0);
    }
    if (wait4(pid, &status, 0, &usage) != pid || status != 0)
        _exit(1);
    double wall = (double)(wit_clock_ms() - ms) / 1000;
    double cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    printf("{\"bench\":\"shards.merge\",\"step\":\"%s\",\"wall_s\":%.1f,\"cpu_s\":%.1f,"
           "\"most_mib\":%.1f",
           what, wall, cpu, (double)usage.ru_maxrss / 1024);
    if (name) {
        double mb = (double)image_bytes(name) / 1e6;
        printf(",\"image_mb\":%.0f,\"mb_per_s\":%.0f,\"mb_per_cpu_s\":%.0f", mb, mb / wall,
               mb / cpu);
    }
    puts("}");
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4 || wit_str_to_u64(wit_str_from(argv[2]), &megabytes) < 0 ||
        (argc == 4 && wit_str_to_u64(wit_str_from(argv[3]), &threads) < 0)) {
        fprintf(stderr, "usage: bench_merge DIR MEGABYTES [THREADS]\n");
        return 2;
    }
    snprintf(base, sizeof base, "%s", argv[1]);
    step("collect a", collect_a, NULL);
    step("collect b", collect_b, NULL);
    step("collect joint", collect_joint, NULL);
    step("seal a", seal_a, "a");
    step("seal b", seal_b, "b");
    step("seal joint", seal_joint, "joint");
    step("merge a b", merge, "merged");
    struct wit_shards_dataset *joint = dataset("joint"), *merged = dataset("merged");
    bool equal = wit_hash128_eq(wit_shards_dataset_hash(joint), wit_shards_dataset_hash(merged));
    printf("{\"bench\":\"shards.merge\",\"step\":\"compare\",\"samples\":%" PRIu64
           ",\"equal\":%s}\n",
           wit_shards_dataset_samples(merged), equal ? "true" : "false");
    wit_shards_dataset_close(joint);
    wit_shards_dataset_close(merged);
    return equal ? 0 : 1;
}
