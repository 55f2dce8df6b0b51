/* fuzz_decode.c: every decoder on any bytes, small pictures only so that time goes into parsing. */
#include "image/wit_image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct wit_image_decoder *dec; /* reused, as the loader does */
    static struct wit_image_pixels px;
    struct wit_image_limits limits = { 1 << 16, 16 };
    struct wit_error err = WIT_ERROR_INIT;
    if (!dec && !(dec = wit_image_decoder_create()))
        return 0;
    int st = wit_image_decode_rgb(dec, wit_str_of(data, size), &limits, &px, &err);
    if (st < 0 && (!err.text[0] || px.width))
        abort();
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)3 * px.width * px.height; i++)
        sum += px.data[i];
    if (sum > (uint64_t)255 * 3 * limits.max_pixels)
        abort();
    return 0;
}
