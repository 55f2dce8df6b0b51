/* fuzz_salvage.c: what a repair takes out of any bytes is a record that its hashes prove. */
#include "record.h"
#include "salvage.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct walker_source source = { .fd = -1, .memory = data, .bytes = size, .name = "fuzz" };
    const struct hidden_keys none = { NULL, 0 };
    struct salvage found;
    if (size == 0) /* memory that is NULL means a descriptor */
        return 0;
    if (salvage_source(&source, 0, 0, &none, NULL, &found, NULL) < 0)
        abort();
    if (found.plan.count != found.count)
        abort();
    for (uint64_t i = 0; i < found.count; i++) {
        const struct salvage_record *r = &found.records[i];
        struct wit_shards_sample s = { .key = r->key };
        if (r->offset > size || r->bytes > size - r->offset ||
            (i > 0 && wit_hash128_cmp(found.records[i - 1].key, r->key) >= 0) ||
            record_decode(wit_str_of(data + r->offset, r->bytes), &s, NULL) < 0 ||
            record_verify(&s, NULL) < 0 || !wit_hash128_eq(s.hash, r->hash))
            abort();
    }
    salvage_finish(&found);
    return 0;
}
