/* fuzz_url_traps.c: the rules about traps and session ids hold of any URL. */
#include "url_trap_properties.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *fault = url_trap_fault(wit_str_of(data, size));
    if (fault) {
        fprintf(stderr, "%s\n", fault);
        abort();
    }
    return 0;
}
