/*
 * fuzz_wat.c: any JSON in a WAT record is read or refused, and what is read makes a page whose
 * every pair has an http address and one line of words.
 */
#include "crawl_rights.h"
#include "warc_wat.h"
#include "wit_crawler_page.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
    if (!ok)
        abort();
}

static void page_check(const struct warc_wat *wat, struct wit_crawler_extractor *x) {
    struct wit_crawler_page page;
    const struct wit_crawler_page_source from = {
        .url = WIT_STR("http://h.org/d/p"),
        .charset = WIT_STR("utf-8"),
        .agent = WIT_STR("witbot"),
    };
    must(wit_crawler_page_extract(x, &from, wit_buf_view(&wat->html), &page, NULL) == 0);
    for (size_t i = 0; i < page.pair_count; i++) {
        must(wit_str_starts_with(page.pairs[i].url, WIT_STR("http")));
        must(page.pairs[i].text.len > 0 && wit_str_find_byte(page.pairs[i].text, '\n', 0) < 0);
    }
    must(page.link_count == 0);
    crawl_rights_of_headers(wit_buf_view(&wat->headers), from.agent, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct warc_wat wat;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_crawler_extractor *x = wit_crawler_extractor_create();
    must(x != NULL);
    warc_wat_init(&wat);
    int st = warc_wat_read(&wat, wit_str_of(data, size), &err);
    must(st == 0 || st == 1 || st == WIT_EFORMAT);
    if (st == 1 && !wat.reason)
        page_check(&wat, x);
    if (st < 0)
        must(err.text[0] != 0);
    warc_wat_finish(&wat);
    wit_crawler_extractor_destroy(x);
    return 0;
}
