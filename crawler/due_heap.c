/* due_heap.c: a binary heap by time. */
#include "due_heap.h"

#include <assert.h>
#include <stdlib.h>

void due_heap_finish(struct due_heap *h) {
    free(h->items);
    *h = (struct due_heap){ .items = NULL };
}

static void place(struct due_heap *h, struct due_item *item, size_t slot) {
    h->items[slot - 1] = item;
    item->slot = slot;
}

static void sift_up(struct due_heap *h, struct due_item *item) {
    size_t slot = item->slot;
    for (; slot > 1 && h->items[slot / 2 - 1]->at_ms > item->at_ms; slot /= 2)
        place(h, h->items[slot / 2 - 1], slot);
    place(h, item, slot);
}

static void sift_down(struct due_heap *h, struct due_item *item) {
    size_t slot = item->slot;
    for (size_t child; (child = 2 * slot) <= h->count; slot = child) {
        if (child < h->count && h->items[child]->at_ms < h->items[child - 1]->at_ms)
            child++;
        if (h->items[child - 1]->at_ms >= item->at_ms)
            break;
        place(h, h->items[child - 1], slot);
    }
    place(h, item, slot);
}

int due_heap_reserve(struct due_heap *h, size_t n) {
    if (n <= h->cap)
        return 0;
    size_t cap = h->cap ? h->cap : 64;
    while (cap < n)
        cap *= 2;
    struct due_item **items = wit_realloc_array(h->items, cap, sizeof *items);
    if (!items)
        return WIT_ENOMEM;
    h->items = items;
    h->cap = cap;
    return 0;
}

int due_heap_put(struct due_heap *h, struct due_item *item, uint64_t at_ms) {
    if (item->slot == 0) {
        if (due_heap_reserve(h, h->count + 1) < 0)
            return WIT_ENOMEM;
        h->count++;
        place(h, item, h->count);
    }
    assert(h->items[item->slot - 1] == item);
    item->at_ms = at_ms;
    sift_up(h, item);
    sift_down(h, item);
    return 0;
}

void due_heap_remove(struct due_heap *h, struct due_item *item) {
    if (item->slot == 0)
        return;
    struct due_item *last = h->items[--h->count];
    size_t slot = item->slot;
    item->slot = 0;
    if (last == item)
        return;
    place(h, last, slot);
    sift_up(h, last);
    sift_down(h, last);
}

struct due_item *due_heap_first(const struct due_heap *h) {
    return h->count ? h->items[0] : NULL;
}
