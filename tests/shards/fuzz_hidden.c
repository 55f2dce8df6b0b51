/* fuzz_hidden.c: a list of hidden keys from a stranger. */
#include "hidden.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hidden_keys h;
    if (hidden_decode(wit_str_of(data, size), &h, NULL) < 0)
        return 0;
    for (uint64_t i = 0; i < h.count; i++)
        if (!hidden_has(&h, h.keys[i]) || (i > 0 && wit_hash128_cmp(h.keys[i - 1], h.keys[i]) >= 0))
            abort();
    hidden_finish(&h);
    return 0;
}
