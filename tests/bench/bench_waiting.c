/*
 * bench_waiting.c: what a waiting page costs as more of them wait: the frontier as it is, which
 * parks the pages of all but 16,384 domains in sorted files, beside the same frontier with a window
 * and a share without end, which holds all of them in one B-tree (what it did before):
 * bench_waiting FOLDER MILLIONS [DOMAINS]. Both get the same pages, a million at a time in turn, of
 * 100,000 domains at random; after ten pages one is taken and read, after 20,000 is a commit. A
 * JSON object a million: CPU and wall seconds and MiB written of each, and the ratios. The set of
 * known URLs is in both; both are on the disk of FOLDER.
 */
#include "frontier.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 1000000, COMMIT = 20000, READ = 10, DOMAINS = 100000 };

static void check(int st, const struct wit_error *err) {
    if (st >= 0)
        return;
    fprintf(stderr, "bench_waiting: %s\n", err->text);
    exit(1);
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* MiB that this process has had written to disks. */
static double written_mib(void) {
    char line[128];
    unsigned long long bytes = 0;
    FILE *io = fopen("/proc/self/io", "r");
    while (io && fgets(line, sizeof line, io))
        if (strncmp(line, "write_bytes: ", 13) == 0)
            bytes = strtoull(line + 13, NULL, 10);
    if (io)
        fclose(io);
    return (double)bytes / (1 << 20);
}

struct cost {
    double cpu_s, wall_s, mib;
    uint64_t read;
};

static void page_add(struct frontier *f, uint64_t i, uint64_t domains) {
    struct wit_error err = WIT_ERROR_INIT;
    char domain[32], url[128];
    snprintf(domain, sizeof domain, "site%" PRIu64 ".test", wit_mix64(i) % domains);
    snprintf(url, sizeof url, "https://www.%s/section/some-words-of-a-title-%" PRIu64 ".html",
             domain, i);
    const struct frontier_page page = { .url = wit_str_from(url),
                                        .domain = wit_str_from(domain),
                                        .depth = (uint32_t)(i / BLOCK) };
    check(frontier_add(f, &page, &err), &err);
}

static bool page_read(struct frontier *f) {
    struct wit_error err = WIT_ERROR_INIT;
    struct frontier_taken page;
    char url[128];
    int st = frontier_take(f, 1, &page, &err);
    check(st, &err);
    if (st == 0)
        return false;
    snprintf(url, sizeof url, "%.*s", WIT_STR_FMT(page.url));
    check(frontier_done(f, page.id, wit_str_from(url), NULL, &err), &err);
    return true;
}

static struct cost block_add(struct frontier *f, uint64_t from, uint64_t domains) {
    struct wit_error err = WIT_ERROR_INIT;
    struct cost c = { -seconds(CLOCK_PROCESS_CPUTIME_ID), -seconds(CLOCK_MONOTONIC), -written_mib(),
                      0 };
    for (uint64_t i = from; i < from + BLOCK; i++) {
        page_add(f, i, domains);
        if (i % READ == READ - 1)
            c.read += page_read(f);
        if (i % COMMIT == COMMIT - 1)
            check(frontier_commit(f, &err), &err);
    }
    c.cpu_s += seconds(CLOCK_PROCESS_CPUTIME_ID);
    c.wall_s += seconds(CLOCK_MONOTONIC);
    c.mib += written_mib();
    return c;
}

static struct frontier *open_in(const char *folder, const char *name, uint32_t most) {
    const struct frontier_context context = { .window = most, .share = most };
    struct wit_error err = WIT_ERROR_INIT;
    struct frontier *f = NULL;
    char path[WIT_PATH_MAX];
    check(wit_path_join(path, folder, name), &err);
    check(frontier_open(path, &context, &f, &err), &err);
    return f;
}

int main(int argc, char **argv) {
    uint64_t millions, domains = DOMAINS;
    if (argc < 3 || argc > 4 || wit_str_to_u64(wit_str_from(argv[2]), &millions) < 0 ||
        (argc == 4 && wit_str_to_u64(wit_str_from(argv[3]), &domains) < 0) || domains == 0) {
        fprintf(stderr, "usage: bench_waiting FOLDER MILLIONS [DOMAINS]\n");
        return 2;
    }
    struct frontier *ours = open_in(argv[1], "parked", 0);
    struct frontier *tree = open_in(argv[1], "tree", UINT32_MAX);
    for (uint64_t m = 0; m < millions; m++) {
        struct cost a = block_add(ours, m * BLOCK, domains);
        struct cost b = block_add(tree, m * BLOCK, domains);
        if (a.read != b.read) {
            fprintf(stderr, "bench_waiting: they read %" PRIu64 " and %" PRIu64 " pages\n", a.read,
                    b.read);
            return 1;
        }
        printf("{\"bench\":\"crawler.waiting\",\"waiting\":%" PRIu64 ",\"domains\":%" PRIu64
               ",\"cpu_s\":%.3f,\"tree_cpu_s\":%.3f,\"cpu_ratio\":%.2f,\"wall_s\":%.3f,"
               "\"tree_wall_s\":%.3f,\"wall_ratio\":%.2f,\"written_mib\":%.0f,"
               "\"tree_written_mib\":%.0f,\"written_ratio\":%.2f}\n",
               frontier_totals(ours).waiting, domains, a.cpu_s, b.cpu_s, b.cpu_s / a.cpu_s,
               a.wall_s, b.wall_s, b.wall_s / a.wall_s, a.mib, b.mib, b.mib / a.mib);
        fflush(stdout);
    }
    frontier_close(ours);
    frontier_close(tree);
    return 0;
}
