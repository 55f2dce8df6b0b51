/* fuzz_look_file.c: a file of perceptual hashes from a stranger. Its hash would stop every mutation
 * at the door, so the bytes are given a right one, too. */
#include "look_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is believed is in order, and encodes to the same bytes. */
static void check(struct wit_str bytes) {
    struct looks l;
    struct wit_buf again = WIT_BUF_INIT((size_t)1 << 30);
    if (look_file_decode(bytes, &l, NULL) < 0)
        return;
    for (uint64_t i = 0; i < l.count; i++)
        if (looks_find(&l, l.items[i].key) != &l.items[i])
            abort();
    if (look_file_encode(&l, &again) == 0 && !wit_str_eq(wit_buf_view(&again), bytes))
        abort();
    wit_buf_finish(&again);
    looks_finish(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_hasher *hasher = wit_hasher_create();
    uint8_t *copy = malloc(size + 1);
    check(wit_str_of(data, size));
    if (hasher && copy && size >= 48) {
        memcpy(copy, data, size);
        wit_hasher_update(hasher, copy, 32);
        wit_hasher_update(hasher, copy + 48, size - 48);
        wit_hash128_to_bytes(wit_hasher_digest(hasher), copy + 32);
        check(wit_str_of(copy, size));
    }
    free(copy);
    wit_hasher_destroy(hasher);
    return 0;
}
