/* fuzz_match.c: the fast matcher equals the definition. The input is a list, an entry a line, then
 * a line of "=", then texts with 0xff between them; all texts go in one batch. */
#include "filter_private.h"

#include <stdlib.h>

enum { TEXTS_MOST = 64, ENTRIES_MOST = 512, SIZE_MOST = 16 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct wit_filter_allowlist *list, const struct wit_str *texts, size_t n) {
    uint32_t want[ENTRIES_MOST];
    const uint32_t *ids;
    size_t ends[TEXTS_MOST];
    struct wit_filter_matcher *m = NULL;
    if (wit_filter_matcher_create(list, &m, NULL) < 0 ||
        wit_filter_match_batch(m, texts, n, &ids, ends, NULL) < 0)
        abort();
    for (size_t i = 0; i < n; i++) {
        size_t from = i ? ends[i - 1] : 0;
        int64_t found = filter_match_ref(list, texts[i], want);
        if (found != (int64_t)(ends[i] - from) ||
            (found && memcmp(want, ids + from, (size_t)found * sizeof *want) != 0))
            abort();
    }
    wit_filter_matcher_destroy(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_str all = wit_str_of(data, size), texts[TEXTS_MOST];
    struct wit_filter_allowlist *list = NULL;
    ptrdiff_t middle = wit_str_find(all, WIT_STR("\n=\n"), 0);
    if (middle < 0 || size > SIZE_MOST)
        return 0;
    if (wit_filter_allowlist_parse(wit_str_slice(all, 0, (size_t)middle + 1), "list", &list, NULL) <
        0)
        return 0;
    size_t n = 0;
    for (size_t from = (size_t)middle + 3; n < TEXTS_MOST && from <= size; n++) {
        ptrdiff_t end = wit_str_find_byte(all, '\xff', from);
        texts[n] = wit_str_slice(all, from, end < 0 ? size : (size_t)end);
        from += texts[n].len + 1;
    }
    if (wit_filter_allowlist_count(list) <= ENTRIES_MOST)
        check(list, texts, n);
    wit_filter_allowlist_destroy(list);
    return 0;
}
