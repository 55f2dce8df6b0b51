/* fuzz_verified.c: verified.json, the cache of checked hashes. */
#include "verified.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct verified v = { .files = NULL };
    if (verified_decode(wit_str_of(data, size), &v, NULL) == 0)
        for (size_t i = 0; i < v.count; i++)
            if (!verified_same(&v.files[i], &v.files[i]) || strlen(v.files[i].file) > size)
                abort();
    verified_finish(&v);
    return 0;
}
