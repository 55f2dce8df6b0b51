/*
 * bench_index.c: what an index of many small samples takes.
 *
 *     bench_index make DIR MILLIONS BITS   a dataset of images of 8 bytes with a caption each
 *     bench_index read DIR                 walk every key shard by shard, then keep all open, find
 *
 * `read` prints a JSON object a step: seconds of CPU, resident memory now and at its most.
 */
#include "dataset.h"
#include "publish.h"
#include "record.h"
#include "shard_make.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FINDS = 1000000 };

static struct wit_error err;

static void check(int st) {
    if (st >= 0)
        return;
    fprintf(stderr, "bench_index: %s\n", err.text[0] ? err.text : wit_status_meaning(st));
    exit(1);
}

/* ---- make ------------------------------------------------------------------------------------ */

struct sample {
    struct wit_hash128 key; /* of the 8 bytes of number */
    uint64_t number;
};

static int sample_order(const void *a, const void *b) {
    return wit_hash128_cmp(((const struct sample *)a)->key, ((const struct sample *)b)->key);
}

static int body_give(void *user, uint64_t index, void *out, struct wit_error *e) {
    const struct sample *samples = user;
    wit_store_le64(out, samples[index].number);
    return 0;
}

static void shard_fill(const char *dir, int bits, const struct sample *samples, size_t count,
                       struct manifest_shard *shard) {
    static const char origin[] = "{\"url\":\"http://x/\",\"final_url\":\"\",\"fetched_at_s\":0,"
                                 "\"headers\":\"\",\"rights\":\"\",\"seen\":[],\"seen_total\":0}\n";
    struct shard_writer_record *records = wit_alloc_array(count, sizeof *records);
    struct wit_buf fronts = WIT_BUF_INIT((size_t)1 << 34);
    const struct record_caption caption = { .text = WIT_STR("a caption"),
                                            .source = WIT_SHARDS_ALT };
    check(records ? 0 : WIT_ENOMEM);
    check(wit_buf_reserve(&fronts, count * 128));
    for (size_t i = 0; i < count; i++) {
        const struct record_image image = { .info = { .width = 1, .height = 1 },
                                            .bytes = sizeof samples->number,
                                            .hash = samples[i].key };
        size_t at = fronts.len;
        check(record_front_encode(samples[i].key, &image, &caption, 1, &fronts));
        records[i] = (struct shard_writer_record){
            .key = samples[i].key,
            .front = wit_str_of(fronts.data + at, fronts.len - at),
            .origin = WIT_STR(origin),
            .body_bytes = sizeof samples->number,
        };
    }
    const struct shard_writer_input input = {
        .records = records, .count = count, .body = body_give, .user = (void *)(uintptr_t)samples
    };
    shard->pairs = count;
    shard->image_bytes = count * sizeof samples->number;
    check(shard_plan_digest(records, count, &shard->plan, &err));
    check(shard_make(dir, bits, &input, shard, &err));
    wit_buf_finish(&fronts);
    free(records);
}

static void make(const char *dir, uint64_t count, int bits) {
    struct sample *samples = wit_alloc_array((size_t)count, sizeof *samples);
    struct manifest m = { .shard_bits = bits, .next_run = 1, .tool = WIT_STR("bench_index") };
    char path[WIT_PATH_MAX];
    m.shards = wit_alloc_array((size_t)1 << bits, sizeof *m.shards);
    check(samples && m.shards ? 0 : WIT_ENOMEM);
    check(manifest_shard_path(path, dir, "", &err));
    check(wit_dir_make(path, &err));
    for (uint64_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        wit_store_le64(bytes, i);
        samples[i] = (struct sample){ wit_hash128_of(bytes, sizeof bytes), i };
    }
    qsort(samples, (size_t)count, sizeof *samples, sample_order);
    for (uint64_t from = 0, to; from < count; from = to) {
        uint32_t prefix = manifest_prefix(samples[from].key, bits);
        for (to = from + 1; to < count && manifest_prefix(samples[to].key, bits) == prefix;)
            to++;
        m.shards[m.count].prefix = prefix;
        shard_fill(dir, bits, samples + from, (size_t)(to - from), &m.shards[m.count++]);
    }
    manifest_total(&m);
    check(dataset_publish(dir, &m, &err));
    free(samples);
    manifest_finish(&m);
}

/* ---- read ------------------------------------------------------------------------------------ */

static double cpu_s(void) {
    return (double)clock() / CLOCKS_PER_SEC;
}

static double resident_mib(void) {
    unsigned long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%lu %lu", &all, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void tell(const char *step, uint64_t samples, double since) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"bench\":\"shards.index\",\"step\":\"%s\",\"samples\":%" PRIu64
           ",\"cpu_s\":%.2f,\"resident_mib\":%.1f,\"most_mib\":%.1f}\n",
           step, samples, cpu_s() - since, resident_mib(), (double)usage.ru_maxrss / 1024);
}

static uint64_t walk(struct wit_shards_dataset *ds, bool release) {
    struct wit_hash128 key, sum = { 0, 0 };
    uint64_t samples = 0;
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++) {
        for (uint64_t i = 0; i < wit_shards_shard_samples(ds, s); i++, samples++) {
            check(wit_shards_key(ds, s, i, &key, &err));
            sum = wit_hash128_add(sum, key);
        }
        if (release)
            wit_shards_shard_release(ds, s);
    }
    return samples;
}

static void read_all(const char *dir) {
    struct wit_shards_dataset *ds = NULL;
    double since = cpu_s();
    check(wit_shards_dataset_open(dir, NULL, &ds, &err));
    const uint64_t samples = wit_shards_dataset_samples(ds);
    tell("open", samples, since);
    since = cpu_s();
    tell("walk, each shard released", walk(ds, true), since);
    since = cpu_s();
    tell("walk, all shards kept open", walk(ds, false), since);
    since = cpu_s();
    for (uint64_t i = 0; i < FINDS; i++) {
        uint8_t bytes[8];
        uint64_t index;
        size_t shard;
        wit_store_le64(bytes, wit_permute(i, samples, 1));
        check(wit_shards_find(ds, wit_hash128_of(bytes, sizeof bytes), &shard, &index, &err));
    }
    tell("a million keys found", FINDS, since);
    wit_shards_dataset_close(ds);
}

int main(int argc, char **argv) {
    uint64_t millions, bits;
    if (argc == 3 && strcmp(argv[1], "read") == 0) {
        read_all(argv[2]);
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "make") == 0 &&
        wit_str_to_u64(wit_str_from(argv[3]), &millions) == 0 && millions > 0 && millions <= 1000 &&
        wit_str_to_u64(wit_str_from(argv[4]), &bits) == 0 && bits <= WIT_SHARDS_MAX_BITS) {
        make(argv[2], millions * 1000000, (int)bits);
        return 0;
    }
    fprintf(stderr, "usage: bench_index make DIR MILLIONS BITS | bench_index read DIR\n");
    return 2;
}
