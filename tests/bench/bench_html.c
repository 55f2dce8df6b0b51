/*
 * bench_html.c: extracts every page of a list on one core: bench_html LIST [REPEATS], LIST holding
 * a path a line. Pages are read before the clock starts. Prints one JSON object.
 */
#include "wit_crawler_page.h"

#include <stdlib.h>
#include <time.h>

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct pages {
    struct wit_buf bytes; /* one behind the other */
    size_t *ends;
    size_t count, cap;
};

static int pages_load(struct pages *p, const char *list, struct wit_error *err) {
    struct wit_buf names = WIT_BUF_INIT(1 << 26);
    int st = wit_file_read(list, &names, err);
    for (size_t at = 0; st >= 0 && at < names.len;) {
        char path[WIT_PATH_MAX];
        ptrdiff_t end = wit_str_find_byte(wit_buf_view(&names), '\n', at);
        size_t to = end < 0 ? names.len : (size_t)end;
        snprintf(path, sizeof path, "%.*s", (int)(to - at), names.data + at);
        at = to + 1;
        if (p->count == p->cap) {
            size_t cap = p->cap ? 2 * p->cap : 256;
            size_t *ends = wit_realloc_array(p->ends, cap, sizeof *ends);
            if (!ends) {
                st = wit_error_set(err, WIT_ENOMEM, "no memory for %zu pages", cap);
                break;
            }
            p->ends = ends;
            p->cap = cap;
        }
        st = wit_file_read(path, &p->bytes, err);
        p->ends[p->count++] = p->bytes.len;
    }
    wit_buf_finish(&names);
    return st;
}

struct tally {
    uint64_t pages, images, pairs, links;
};

static int extract_all(struct wit_crawler_extractor *x, const struct pages *p, struct tally *tally,
                       struct wit_error *err) {
    const struct wit_crawler_page_source from = { .url =
                                                      WIT_STR("http://manual.example/en/x.html") };
    int st = 0;
    for (size_t i = 0; i < p->count && st >= 0; i++) {
        struct wit_crawler_page page;
        struct wit_str html =
            wit_str_slice(wit_buf_view(&p->bytes), i ? p->ends[i - 1] : 0, p->ends[i]);
        st = wit_crawler_page_extract(x, &from, html, &page, err);
        if (st < 0)
            break;
        tally->pages++;
        tally->images += page.images;
        tally->pairs += page.pair_count;
        tally->links += page.link_count;
    }
    return st;
}

int main(int argc, char **argv) {
    struct wit_error err = WIT_ERROR_INIT;
    struct pages pages = { .bytes = WIT_BUF_INIT((size_t)1 << 32) };
    struct tally tally = { 0 };
    int repeats = argc > 2 ? atoi(argv[2]) : 1;
    if (argc < 2 || repeats < 1) {
        fputs("usage: bench_html LIST [REPEATS]\n", stderr);
        return 2;
    }
    struct wit_crawler_extractor *x = wit_crawler_extractor_create();
    int st = x ? pages_load(&pages, argv[1], &err)
               : wit_error_set(&err, WIT_ENOMEM, "no memory for an extractor");
    double cpu = cpu_seconds();
    uint64_t wall_ns = wit_clock_ns();
    for (int r = 0; r < repeats && st >= 0; r++)
        st = extract_all(x, &pages, &tally, &err);
    cpu = cpu_seconds() - cpu;
    wall_ns = wit_clock_ns() - wall_ns;
    if (st < 0)
        fprintf(stderr, "bench_html: %s\n", err.text);
    else
        printf("{\"bytes\": %llu, \"pages\": %llu, \"images\": %llu, \"pairs\": %llu, "
               "\"links\": %llu, \"cpu_s\": %.6f, \"wall_s\": %.6f}\n",
               (unsigned long long)pages.bytes.len * (unsigned)repeats,
               (unsigned long long)tally.pages, (unsigned long long)tally.images,
               (unsigned long long)tally.pairs, (unsigned long long)tally.links, cpu,
               1e-9 * (double)wall_ns);
    wit_crawler_extractor_destroy(x);
    wit_buf_finish(&pages.bytes);
    free(pages.ends);
    return st < 0;
}
