/* planner.c: see planner.h. */
#include "planner.h"

#include <stdlib.h>

struct ordered {
    const struct plan_item *item;
    size_t index;
};

static int by_size(const void *a, const void *b) {
    const struct ordered *x = a, *y = b;
    if (x->item->size != y->item->size)
        return x->item->size > y->item->size ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool meet(const struct plan_item *a, const struct plan_item *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest place for items[index] among those placed already, which are sorted by place. */
static size_t lowest_place(const struct plan_item *items, const size_t *placed, size_t count,
                           size_t index) {
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        const struct plan_item *other = &items[placed[i]];
        if (!meet(other, &items[index]) || other->place + other->size <= place)
            continue;
        if (other->place >= place + items[index].size)
            break; /* the gap before it is wide enough */
        place = other->place + other->size;
    }
    return place;
}

static void insert(const struct plan_item *items, size_t *placed, size_t count, size_t index) {
    size_t at = count;
    while (at > 0 && items[placed[at - 1]].place > items[index].place) {
        placed[at] = placed[at - 1];
        at--;
    }
    placed[at] = index;
}

int planner_place(struct plan_item *items, size_t count, size_t *total, struct wit_error *err) {
    struct ordered *order = wit_alloc_array(count + 1, sizeof(*order));
    size_t *placed = wit_alloc_array(count + 1, sizeof(*placed));
    size_t sum = 0, most = 0;
    int st = 0;
    if (!order || !placed) {
        st = wit_error_set(err, WIT_ENOMEM, "no memory to plan %zu tensors", count);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = (struct ordered){ &items[i], i };
        if (wit_size_add(sum, items[i].size, &sum) < 0) {
            st = wit_error_set(err, WIT_ELIMIT, "the tensors are larger than memory can be");
            goto out;
        }
    }
    if (count)
        qsort(order, count, sizeof(*order), by_size);
    for (size_t i = 0; i < count; i++) {
        const size_t index = order[i].index;
        items[index].place = lowest_place(items, placed, i, index);
        insert(items, placed, i, index);
        if (items[index].place + items[index].size > most)
            most = items[index].place + items[index].size;
    }
    *total = most;
out:
    free(order);
    free(placed);
    return st;
}
