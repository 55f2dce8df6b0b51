/* key_set.h: a set of 128-bit hashes that grows and shrinks: URLs on their way. */
#ifndef CRAWLER_KEY_SET_H
#define CRAWLER_KEY_SET_H

#include "base/wit_base.h"

/* Zero bytes: empty. Open addressing; memory: 16 bytes at a load of at most 1/2. */
struct key_set {
    struct wit_hash128
        *slots;        /* all zero: free. The hash 0 is held as 1, a collision nobody sees. */
    size_t count, cap; /* cap is a power of two */
};

void key_set_finish(struct key_set *s);
int key_set_add(struct key_set *s, struct wit_hash128 key); /* 1 new, 0 was there, WIT_ENOMEM */
void key_set_remove(struct key_set *s, struct wit_hash128 key);
bool key_set_has(const struct key_set *s, struct wit_hash128 key);

#endif
