/* draw.c: probabilities, pair keys and the keyed draw. */
#include "filter_private.h"

#include <assert.h>
#include <stdlib.h>

enum { KEY_STACK_BYTES = 2048 };

double wit_filter_probability(uint64_t count, uint64_t t) {
    return (double)t / (double)(count > t ? count : t);
}

double wit_filter_keep_probability(const uint64_t *counts, const uint32_t *ids, size_t n,
                                   uint64_t t) {
    double none = 1.0; /* probability that no entry succeeds */
    for (size_t i = 0; i < n; i++)
        none *= 1.0 - wit_filter_probability(counts[ids[i]], t);
    return n ? 1.0 - none : 0.0;
}

int wit_filter_pair_key(struct wit_str url, struct wit_str text, struct wit_hash128 *out,
                        struct wit_error *err) {
    char stack[KEY_STACK_BYTES], *bytes = stack;
    size_t total;
    if (wit_size_add(url.len, text.len, &total) < 0 || wit_size_add(total, 1, &total) < 0)
        return wit_error_set(err, WIT_ELIMIT, "a pair of more bytes than memory has");
    if (total > sizeof stack)
        bytes = malloc(total);
    if (!bytes)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the key of a pair of %zu bytes",
                             total);
    if (url.len)
        memcpy(bytes, url.data, url.len);
    bytes[url.len] = '\0';
    if (text.len)
        memcpy(bytes + url.len + 1, text.data, text.len);
    *out = wit_hash128_of(bytes, total);
    if (bytes != stack)
        free(bytes);
    return 0;
}

double wit_filter_draw(uint64_t seed, struct wit_hash128 pair_key, struct wit_str entry) {
    uint8_t bytes[16 + WIT_FILTER_ENTRY_MAX_BYTES];
    assert(entry.len <= WIT_FILTER_ENTRY_MAX_BYTES); /* allowlists are checked when loaded */
    wit_hash128_to_bytes(pair_key, bytes);
    if (entry.len)
        memcpy(bytes + 16, entry.data, entry.len);
    return (double)(wit_hash64_of(bytes, 16 + entry.len, seed) >> 11) * 0x1p-53;
}

bool wit_filter_decide(const struct wit_filter_allowlist *list, const uint64_t *counts, uint64_t t,
                       uint64_t seed, struct wit_hash128 pair_key, const uint32_t *ids, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double p = wit_filter_probability(counts[ids[i]], t);
        /* p = 1 needs no draw: u is below 1. */
        if (p >= 1.0 || wit_filter_draw(seed, pair_key, filter_entry(list, ids[i])) < p)
            return true;
    }
    return false;
}
