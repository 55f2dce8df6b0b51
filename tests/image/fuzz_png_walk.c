/*
 * fuzz_png_walk.c: the PNG walker on any bytes, and again with every chunk's CRC put right, since a
 * mutated file would otherwise never get past its first chunk.
 */
#include "image/walk.h"

#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const uint8_t *data, size_t size) {
    struct wit_image_limits limits = { 1 << 24, 64 };
    struct wit_image_info info;
    struct wit_error err = WIT_ERROR_INIT;
    int st = png_walk(wit_str_of(data, size), &limits, &info, &err);
    if (st < 0 && !err.text[0])
        abort();
    if (st == 0 && (!info.width || (uint64_t)info.width * info.height > limits.max_pixels ||
                    info.components < 1 || info.components > 4 || info.trailing_bytes >= size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    walk(data, size);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    for (size_t at = 8; at + 12 <= size;) {
        uint32_t len = wit_load_be32(copy + at);
        if (len > size - at - 12)
            break;
        wit_store_be32(copy + at + 8 + len, (uint32_t)crc32_z(0, copy + at + 4, (size_t)len + 4));
        at += 12 + (size_t)len;
    }
    walk(copy, size);
    free(copy);
    return 0;
}
