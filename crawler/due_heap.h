/* due_heap.h: things that wait for a time: a binary heap whose items know their place. */
#ifndef CRAWLER_DUE_HEAP_H
#define CRAWLER_DUE_HEAP_H

#include "base/wit_base.h"

/* Embedded in what waits; zero bytes: waits for nothing. */
struct due_item {
    uint64_t at_ms;
    size_t slot; /* place in the heap, from 1; 0: not in it */
};

struct due_heap {
    struct due_item **items;
    size_t count, cap;
};

void due_heap_finish(struct due_heap *h); /* items are their owners' */
/* Room for n items: up to so many, due_heap_put can't fail. 0 or WIT_ENOMEM. */
int due_heap_reserve(struct due_heap *h, size_t n);
/* Insert, or move to another time. 0 or WIT_ENOMEM (an item that is in the heap always moves). */
int due_heap_put(struct due_heap *h, struct due_item *item, uint64_t at_ms);
void due_heap_remove(struct due_heap *h, struct due_item *item); /* fine when it is not in it */
struct due_item *due_heap_first(const struct due_heap *h);       /* the earliest, or NULL */

#endif
