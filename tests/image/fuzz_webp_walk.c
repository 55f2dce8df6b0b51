/* fuzz_webp_walk.c: the WebP walker on any bytes; what it hands to the decoder lies inside them. */
#include "image/walk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct wit_str part, const uint8_t *data, size_t size) {
    const char *start = (const char *)data;
    if (part.len &&
        (part.data < start || part.len > size || part.data - start > (ptrdiff_t)(size - part.len)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct wit_image_limits limits = { 1 << 24, 64 };
    struct webp_layout l;
    struct wit_error err = WIT_ERROR_INIT;
    int st = webp_layout_read(wit_str_of(data, size), &limits, &l, &err);
    if (st < 0) {
        if (!err.text[0])
            abort();
        return 0;
    }
    if ((uint64_t)l.info.width * l.info.height > limits.max_pixels || !l.frame_width ||
        !l.frame_height || l.frame_x > l.info.width - l.frame_width ||
        l.frame_y > l.info.height - l.frame_height || l.info.orientation < 1 ||
        l.info.orientation > 8 || l.info.trailing_bytes >= size)
        abort();
    check_inside(l.image, data, size);
    check_inside(l.image_with_alpha, data, size);
    return 0;
}
