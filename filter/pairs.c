/* pairs.c: a set of pair keys. Open addressing, linear probing; the all-zero key means "free", so
 * that one key is remembered beside the table. */
#include "filter_private.h"

#include <stdlib.h>

enum { SET_BITS_LEAST = 10 };

struct wit_filter_pairs {
    struct wit_hash128 *slots; /* 1 << bits; NULL: empty */
    unsigned bits;
    uint64_t count;
    bool has_zero;
};

struct wit_filter_pairs *wit_filter_pairs_create(void) {
    return calloc(1, sizeof(struct wit_filter_pairs));
}

void wit_filter_pairs_destroy(struct wit_filter_pairs *s) {
    if (s)
        free(s->slots);
    free(s);
}

static bool key_is_zero(struct wit_hash128 key) {
    return key.hi == 0 && key.lo == 0;
}

static struct wit_hash128 *key_slot(struct wit_hash128 *slots, unsigned bits,
                                    struct wit_hash128 key) {
    size_t mask = ((size_t)1 << bits) - 1, at = key.lo & mask;
    while (!key_is_zero(slots[at]) && !wit_hash128_eq(slots[at], key))
        at = (at + 1) & mask;
    return &slots[at];
}

static int grow(struct wit_filter_pairs *s) {
    unsigned bits = s->slots ? s->bits + 1 : SET_BITS_LEAST;
    struct wit_hash128 *slots = wit_alloc_array((size_t)1 << bits, sizeof *slots);
    if (!slots)
        return WIT_ENOMEM;
    for (size_t i = 0; s->slots && i < (size_t)1 << s->bits; i++)
        if (!key_is_zero(s->slots[i]))
            *key_slot(slots, bits, s->slots[i]) = s->slots[i];
    free(s->slots);
    s->slots = slots;
    s->bits = bits;
    return 0;
}

int wit_filter_pairs_add(struct wit_filter_pairs *s, struct wit_hash128 key) {
    if (key_is_zero(key)) {
        int is_new = !s->has_zero;
        s->has_zero = true;
        s->count += (uint64_t)is_new;
        return is_new;
    }
    if (!s->slots || s->count + 1 > ((uint64_t)3 << s->bits) / 4)
        if (grow(s) < 0)
            return WIT_ENOMEM;
    struct wit_hash128 *slot = key_slot(s->slots, s->bits, key);
    if (!key_is_zero(*slot))
        return 0;
    *slot = key;
    s->count++;
    return 1;
}

bool wit_filter_pairs_has(const struct wit_filter_pairs *s, struct wit_hash128 key) {
    if (key_is_zero(key))
        return s->has_zero;
    return s->slots && !key_is_zero(*key_slot(s->slots, s->bits, key));
}

uint64_t wit_filter_pairs_count(const struct wit_filter_pairs *s) {
    return s->count;
}

uint64_t wit_filter_pairs_bytes(const struct wit_filter_pairs *s) {
    return s->slots ? sizeof *s->slots << s->bits : 0;
}
