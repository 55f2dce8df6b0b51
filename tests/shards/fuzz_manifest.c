/* fuzz_manifest.c: dataset.json from a stranger. Its hash would stop every mutation at the door, so
 * the text is given a right one, too. */
#include "manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct manifest m;
    struct wit_buf text = WIT_BUF_INIT(MANIFEST_MAX_BYTES);
    char hex[WIT_HASH128_HEX];
    const size_t tail = 17 + 1 + 32 + 3;
    if (manifest_decode(wit_str_of(data, size), &m, NULL) == 0)
        manifest_finish(&m);
    size_t body = size > tail ? size - tail : size;
    wit_hash128_to_hex(wit_hash128_of(data, body), hex);
    if (wit_buf_append(&text, data, body) == 0 &&
        wit_buf_printf(&text, ",\"manifest_hash\":\"%s\"}\n", hex) == 0 &&
        manifest_decode(wit_buf_view(&text), &m, NULL) == 0) {
        if (m.samples && m.count == 0)
            abort(); /* it does not add up and was believed */
        manifest_finish(&m);
    }
    wit_buf_finish(&text);
    return 0;
}
