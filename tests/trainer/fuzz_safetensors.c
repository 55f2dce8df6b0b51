/* Fuzz target: any bytes as a safetensors file; every tensor of what parses is read. */
#include "safetensors.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_buf bytes = WIT_BUF_INIT(1 << 20);
    struct safetensors file;
    if (wit_buf_append(&bytes, data, size) < 0)
        return 0;
    if (safetensors_parse(bytes, "input", &file, NULL) < 0) {
        wit_buf_finish(&bytes);
        return 0;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < file.count; i++) {
        const struct safetensors_entry *e = &file.entries[i];
        if (safetensors_find(&file, e->name) != e)
            __builtin_trap();
        for (size_t j = 0; j < e->bytes; j++)
            sum += ((const uint8_t *)e->data)[j];
    }
    if (sum > UINT64_C(255) * size)
        __builtin_trap();
    safetensors_finish(&file);
    return 0;
}
