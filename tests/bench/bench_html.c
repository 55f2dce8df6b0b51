/*
 * bench_html.c: extracts pages on one core, as bench_pages.h gives them out: bench_html LIST
 * [BYTES]. Prints one JSON object; its seconds are of the extraction alone.
 */
#include "bench_pages.h"
#include "wit_crawler_page.h"

int main(int argc, char **argv) {
    const struct wit_crawler_page_source from = { .url =
                                                      WIT_STR("http://manual.example/en/x.html") };
    unsigned long long images = 0, pairs = 0, links = 0;
    struct wit_error err = WIT_ERROR_INIT;
    struct bench_pages pages;
    int st = 0;
    bench_open(&pages, argc, argv);
    struct wit_crawler_extractor *x = wit_crawler_extractor_create();
    if (!x)
        st = wit_error_set(&err, WIT_ENOMEM, "no memory for an extractor");
    while (st >= 0 && bench_next(&pages)) {
        bench_start(&pages);
        for (size_t i = 0; i < pages.count && st >= 0; i++) {
            struct wit_crawler_page page;
            struct wit_str html;
            html.data = bench_page(&pages, i, &html.len);
            st = wit_crawler_page_extract(x, &from, html, &page, &err);
            if (st < 0)
                break;
            images += page.images;
            pairs += page.pair_count;
            links += page.link_count;
        }
        bench_stop(&pages);
    }
    if (st < 0)
        fprintf(stderr, "bench_html: %s\n", err.text);
    else
        printf("{\"bytes\": %llu, \"pages\": %llu, \"images\": %llu, \"pairs\": %llu, "
               "\"links\": %llu, \"cpu_s\": %.6f, \"wall_s\": %.6f}\n",
               pages.bytes, pages.pages, images, pairs, links, pages.cpu_s, pages.wall_s);
    wit_crawler_extractor_destroy(x);
    bench_close(&pages);
    return st < 0;
}
