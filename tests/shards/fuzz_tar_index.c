/* fuzz_tar_index.c: the file that says where the samples of a tar are. */
#include "tar_index.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Hashes in a header keep a fuzzer out: they are made right before the second look. */
static void look(uint8_t *data, size_t size) {
    const struct walker_source source = {
        .fd = -1, .memory = data, .bytes = size, .name = "input"
    };
    struct wit_buf origin = WIT_BUF_INIT(1 << 20);
    struct tar_index *t = NULL;
    if (tar_index_load(&source, &t, NULL) < 0)
        return;
    for (uint64_t i = 0; i < tar_index_samples(t); i++) {
        const struct tar_entry *e = tar_index_entry(t, i);
        wit_buf_reset(&origin);
        if (tar_index_find(t, e->key) != (int64_t)i)
            abort();
        if (tar_index_origin(t, e, &origin, NULL) == 0 && origin.len != e->origin_bytes)
            abort();
    }
    tar_index_destroy(t);
    wit_buf_finish(&origin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    look(copy, size);
    if (size >= TAR_INDEX_HEADER_BYTES) {
        uint64_t path = ((uint64_t)wit_load_le32(copy + 12) + 15) / 16 * 16;
        uint64_t table = path + wit_load_le64(copy + 48) % (1 << 20) * TAR_INDEX_ENTRY_BYTES;
        wit_store_le64(copy + 56, size);
        if (table <= size - TAR_INDEX_HEADER_BYTES)
            wit_hash128_to_bytes(wit_hash128_of(copy + TAR_INDEX_HEADER_BYTES, (size_t)table),
                                 copy + 64);
        wit_hash128_to_bytes(wit_hash128_of(copy, 112), copy + 112);
        look(copy, size);
    }
    free(copy);
    return 0;
}
