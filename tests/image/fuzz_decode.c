/* fuzz_decode.c: every decoder on any bytes, small pictures only so that time goes into parsing; as
 * the loader asks, and as what encodes anew does. */
#include "image/decode.h"

#include <stdlib.h>

enum { PIXELS_MOST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int st, const struct wit_image_pixels *px, const struct wit_error *err) {
    if (st < 0 && (!err->text[0] || px->width))
        abort();
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)3 * px->width * px->height; i++)
        sum += px->data[i];
    if (sum > (uint64_t)255 * 3 * PIXELS_MOST)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct wit_image_decoder *dec; /* reused, as the loader does */
    static struct wit_image_pixels px;
    struct wit_image_limits limits = { PIXELS_MOST, 16 };
    struct wit_error err = WIT_ERROR_INIT;
    if (!dec && !(dec = wit_image_decoder_create()))
        return 0;
    check(wit_image_decode_rgb(dec, wit_str_of(data, size), &limits, &px, &err), &px, &err);
    struct decode_how how = { .on_white = true, .fit_width = 20, .fit_height = 20 };
    err = (struct wit_error)WIT_ERROR_INIT;
    check(image_decode(dec, wit_str_of(data, size), &limits, &how, &px, &err), &px, &err);
    return 0;
}
