/* fuzz_counts.c: what is read as a counts file is written and read again to the same counts. */
#include "wit_filter.h"

#include <stdlib.h>

enum { ENTRIES = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t first[ENTRIES], again[ENTRIES];
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    if (wit_filter_counts_parse(wit_str_of(data, size), "c", first, ENTRIES, &err) < 0) {
        if (strncmp(err.text, "c:", 2) != 0)
            abort();
        return 0;
    }
    if (wit_filter_counts_format(first, ENTRIES, 20, &text, NULL) < 0 ||
        wit_filter_counts_parse(wit_buf_view(&text), "c", again, ENTRIES, NULL) < 0 ||
        memcmp(first, again, sizeof first) != 0)
        abort();
    wit_buf_finish(&text);
    return 0;
}
