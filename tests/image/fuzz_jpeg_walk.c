/* fuzz_jpeg_walk.c: the JPEG walker on any bytes. */
#include "image/walk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_image_limits limits = { 1 << 24, 64 };
    struct wit_image_info info;
    struct wit_error err = WIT_ERROR_INIT;
    int st = jpeg_walk(wit_str_of(data, size), &limits, &info, &err);
    if (st < 0 && !err.text[0])
        abort();
    if (st == 0 && (!info.width || (uint64_t)info.width * info.height > limits.max_pixels ||
                    info.orientation < 1 || info.orientation > 8 || info.trailing_bytes >= size))
        abort();
    return 0;
}
