/*
 * fuzz_warc.c: a file of records gives the same records, bodies and failures whatever the pieces in
 * which it is read, and from each place that was told it goes on as it did. The first byte chooses
 * the pieces; the file follows.
 */
#include "warc_walk.h"

#include <stdlib.h>

enum { SIZE_MOST = 64 * 1024, PLACES_MOST = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct warc_walk whole, cut, rest;
    if (size == 0 || size > SIZE_MOST)
        return 0;
    struct wit_str file = wit_str_of(data + 1, size - 1);
    warc_walk(file, 64 * 1024, NULL, &whole);
    warc_walk(file, 16 + data[0], NULL, &cut);
    must(wit_str_eq(wit_buf_view(&whole.text), wit_buf_view(&cut.text)));
    warc_walk_finish(&cut);
    for (size_t i = 0; i < whole.count && i < PLACES_MOST; i++) {
        /* A place may have given several lines: it goes on with the first of them. */
        const struct wit_crawler_warc_place *p = whole.places;
        if (i && p[i].offset == p[i - 1].offset && p[i].inner == p[i - 1].inner)
            continue;
        warc_walk(file, 16 + data[0], &p[i], &rest);
        struct wit_str want =
            wit_str_slice(wit_buf_view(&whole.text), whole.starts[i], whole.text.len);
        must(wit_str_eq(want, wit_buf_view(&rest.text)));
        warc_walk_finish(&rest);
    }
    warc_walk_finish(&whole);
    return 0;
}
