/* fuzz_shard_file.c: the page graph of a shard, and the records that it leads to. */
#include "record.h"
#include "walker.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void records(const struct walker_source *source, const struct walker_table *t,
                    uint32_t page_bytes) {
    for (uint64_t i = 0; i < t->count; i++) {
        const struct walker_entry *e = &t->entries[i];
        uint8_t header[WALKER_PAGE_HEADER_BYTES];
        if (e->offset > source->bytes || e->bytes > source->bytes - e->offset)
            abort(); /* the walker promised that values lie in the file */
        if (walker_table_find(t, e->key) != (int64_t)i)
            abort();
        if (e->overflow) {
            if (walker_source_read(source, header, sizeof header, e->offset - sizeof header, NULL) <
                0)
                abort();
            if (!walker_overflow_fits(header, e, page_bytes))
                continue;
        }
        struct wit_shards_sample s = { .key = e->key };
        if (record_decode(wit_str_of(source->memory + e->offset, e->bytes), &s, NULL) == 0)
            (void)record_verify(&s, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct walker_source source = { .fd = -1, .memory = data, .bytes = size, .name = "fuzz" };
    struct walker *w = NULL;
    struct walker_table samples, origin;
    if (size == 0 || walker_create(&source, &w, NULL) < 0)
        return 0;
    if (walker_table_read(w, "samples", &samples, NULL) == 0) {
        records(&source, &samples, walker_page_bytes(w));
        walker_table_finish(&samples);
    }
    if (walker_table_read(w, "origin", &origin, NULL) == 0) {
        records(&source, &origin, walker_page_bytes(w));
        walker_table_finish(&origin);
    }
    walker_destroy(w);
    return 0;
}
