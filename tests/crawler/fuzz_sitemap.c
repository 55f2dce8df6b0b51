/*
 * fuzz_sitemap.c: a sitemap cut into pieces gives the same links and pairs as the whole one, and
 * its ceilings hold. The first byte of the input chooses encoding and pieces; the sitemap follows.
 */
#include "html_pages.h"

#include <stdlib.h>

enum { SIZE_MOST = 256 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t next_piece(void *user) {
    return 1 + *(const uint8_t *)user / 4;
}

static int read_into(struct wit_str text, uint8_t choice, bool cut, struct wit_buf *out) {
    static const char *const labels[] = { "", "utf-8", "utf-16le", "shift_jis" };
    const struct wit_crawler_page_source from = {
        .url = WIT_STR("http://example.com/dir/sitemap.xml"),
        .charset = wit_str_from(labels[choice % WIT_COUNT_OF(labels)]),
        .document = WIT_CRAWLER_SITEMAP,
    };
    struct wit_crawler_page page;
    struct wit_crawler_extractor *x = wit_crawler_extractor_create();
    if (!x)
        abort();
    int st = html_pages_extract(x, &from, text, cut ? next_piece : NULL, &choice, &page, NULL);
    if (st != 0 && st != WIT_EFORMAT)
        abort();
    if (st == 0) {
        if (page.link_count > WIT_CRAWLER_SITEMAP_MAX_URLS)
            abort();
        html_pages_put_all(&page, out);
    }
    wit_crawler_extractor_destroy(x);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > SIZE_MOST)
        return 0;
    struct wit_str text = wit_str_of(data + 1, size - 1);
    struct wit_buf whole = WIT_BUF_INIT(HTML_PAGES_MAX_BYTES), pieces = whole;
    if (read_into(text, data[0], false, &whole) != read_into(text, data[0], true, &pieces) ||
        !wit_str_eq(wit_buf_view(&whole), wit_buf_view(&pieces)))
        abort();
    wit_buf_finish(&whole);
    wit_buf_finish(&pieces);
    return 0;
}
