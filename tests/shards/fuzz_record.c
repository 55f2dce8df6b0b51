/* fuzz_record.c: the value of a sample. */
#include "record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_shards_sample s = { .caption_count = 0 };
    struct wit_shards_caption c;
    if (record_decode(wit_str_of(data, size), &s, NULL) < 0)
        return 0;
    s.key = wit_hash128_of(s.image.data, s.image.len);
    (void)record_verify(&s, NULL);
    struct wit_shards_caption_iter it = wit_shards_captions(&s);
    uint32_t count = 0;
    size_t sum = 0;
    while (wit_shards_caption_next(&it, &c)) {
        for (size_t i = 0; i < c.text.len; i++)
            sum += (uint8_t)c.text.data[i];
        count++;
    }
    if (count != s.caption_count || sum > 255 * size)
        abort(); /* decode promised that all of them can be read */
    return 0;
}
