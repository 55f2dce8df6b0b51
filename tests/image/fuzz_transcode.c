/* fuzz_transcode.c: progressive JPEGs into sequential ones. */
#include "image/wit_image_transcode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct wit_image_limits limits = { .max_pixels = 1 << 18, .max_scans = 30 };
    struct wit_buf out = WIT_BUF_INIT(1 << 22);
    struct wit_image_info info;
    if (wit_image_transcode_baseline(wit_str_of(data, size), &limits, &out, &info, NULL) > 0 &&
        (info.progressive || out.len == 0))
        abort();
    wit_buf_finish(&out);
    return 0;
}
