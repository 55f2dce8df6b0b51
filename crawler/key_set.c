/* key_set.c: linear probing with backward shift deletion (Knuth, TAOCP 3, 6.4, algorithm R). */
#include "key_set.h"

#include <stdlib.h>

enum { CAP_LEAST = 256 };

static struct wit_hash128 held_as(struct wit_hash128 key) {
    return key.hi == 0 && key.lo == 0 ? (struct wit_hash128){ 0, 1 } : key;
}

static bool is_free(struct wit_hash128 slot) {
    return slot.hi == 0 && slot.lo == 0;
}

/* Where the key is, or the free slot where it would be. */
static size_t slot_of(const struct key_set *s, struct wit_hash128 key) {
    size_t i = (size_t)key.lo & (s->cap - 1);
    while (!is_free(s->slots[i]) && !wit_hash128_eq(s->slots[i], key))
        i = (i + 1) & (s->cap - 1);
    return i;
}

static int grow(struct key_set *s) {
    struct key_set bigger = { .cap = s->cap ? 2 * s->cap : CAP_LEAST, .count = s->count };
    bigger.slots = wit_alloc_array(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return WIT_ENOMEM;
    for (size_t i = 0; i < s->cap; i++)
        if (!is_free(s->slots[i]))
            bigger.slots[slot_of(&bigger, s->slots[i])] = s->slots[i];
    free(s->slots);
    *s = bigger;
    return 0;
}

void key_set_finish(struct key_set *s) {
    free(s->slots);
    *s = (struct key_set){ .slots = NULL };
}

int key_set_add(struct key_set *s, struct wit_hash128 key) {
    key = held_as(key);
    if (2 * (s->count + 1) > s->cap && grow(s) < 0)
        return WIT_ENOMEM;
    size_t i = slot_of(s, key);
    if (!is_free(s->slots[i]))
        return 0;
    s->slots[i] = key;
    s->count++;
    return 1;
}

bool key_set_has(const struct key_set *s, struct wit_hash128 key) {
    return s->count && !is_free(s->slots[slot_of(s, held_as(key))]);
}

void key_set_remove(struct key_set *s, struct wit_hash128 key) {
    if (!key_set_has(s, key))
        return;
    size_t mask = s->cap - 1, hole = slot_of(s, held_as(key));
    s->count--;
    for (size_t i = (hole + 1) & mask; !is_free(s->slots[i]); i = (i + 1) & mask) {
        size_t home = (size_t)s->slots[i].lo & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) { /* its home is not behind the hole */
            s->slots[hole] = s->slots[i];
            hole = i;
        }
    }
    s->slots[hole] = (struct wit_hash128){ 0, 0 };
}
