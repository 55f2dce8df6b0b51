/* fuzz_origin.c: origin lines of two datasets from a stranger; what comes out merges again. */
#include "origin_merge.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint32_t captions[] = { UINT32_MAX, 0, ORIGIN_CAPTION_GONE, 5 };
    const size_t half = size / 2;
    const struct origin_input in[2] = {
        { wit_str_of(data, half), captions, 4, size % 2 },
        { wit_str_of(data + half, size - half), captions + 1, 3, false },
    };
    struct wit_buf out = WIT_BUF_INIT((size_t)64 << 20), again = WIT_BUF_INIT((size_t)64 << 20);
    struct origin_counts counts, counted;
    if (origin_merge(in, 2, 5, &out, &counts, NULL) == 0) {
        static const uint32_t same[] = { 0, 1, 2, 3, 4 };
        const struct origin_input merged = { wit_buf_view(&out), same, 5, false };
        if (origin_count(merged.lines, &counted, NULL) < 0 || counted.urls != counts.urls ||
            origin_merge(&merged, 1, 5, &again, &counted, NULL) < 0 ||
            !wit_str_eq(wit_buf_view(&out), wit_buf_view(&again)))
            abort(); /* merging is not stable */
    }
    wit_buf_finish(&out);
    wit_buf_finish(&again);
    return 0;
}
