/* address_queue.c: see address_queue.h. */
#include "address_queue.h"

static struct address_turn *turn_of(struct due_item *item) {
    return (struct address_turn *)((char *)item - offsetof(struct address_turn, due));
}

void address_queue_finish(struct address_queue *q) {
    due_heap_finish(&q->waiting);
}

/* Milliseconds until it may be asked for again whether it may go; 0: it goes now. */
static uint64_t turn_go(struct address_queue *q, struct address_turn *turn, uint64_t now_ms) {
    uint64_t wait_ms = crawl_limits_address_go(q->limits, &turn->address, now_ms);
    if (wait_ms == 0)
        turn->started_ms = now_ms;
    return wait_ms;
}

enum wit_net_turn address_queue_enter(struct address_queue *q, struct address_turn *turn,
                                      const struct wit_net_address *address,
                                      struct wit_net_transfer *transfer, uint64_t now_ms,
                                      uint64_t *leaves_ms) {
    *turn = (struct address_turn){ .address = *address, .transfer = transfer };
    uint64_t wait_ms = crawl_limits_address(q->limits, address, now_ms);
    if (wait_ms == UINT64_MAX)
        return WIT_NET_BUSY;
    if (wait_ms == 0)
        wait_ms = turn_go(q, turn, now_ms);
    *leaves_ms = now_ms + wait_ms;
    if (wait_ms == 0)
        return WIT_NET_GO;
    return due_heap_put(&q->waiting, &turn->due, *leaves_ms) < 0 ? WIT_NET_BUSY : WIT_NET_HOLD;
}

struct wit_net_transfer *address_queue_next(struct address_queue *q, uint64_t now_ms) {
    for (struct due_item *item; (item = due_heap_first(&q->waiting)) && item->at_ms <= now_ms;) {
        struct address_turn *turn = turn_of(item);
        uint64_t wait_ms = turn_go(q, turn, now_ms);
        if (wait_ms == 0) {
            due_heap_remove(&q->waiting, item);
            return turn->transfer;
        }
        due_heap_put(&q->waiting, item, now_ms + wait_ms); /* it is there: that can't fail */
    }
    return NULL;
}

uint64_t address_queue_due_ms(const struct address_queue *q) {
    const struct due_item *item = due_heap_first(&q->waiting);
    return item ? item->at_ms : UINT64_MAX;
}

void address_queue_heard(struct address_queue *q, struct address_turn *turn, uint64_t heard_ms) {
    if (turn->started_ms)
        crawl_limits_address_heard(q->limits, &turn->address, turn->started_ms, heard_ms);
    turn->started_ms = 0;
}

bool address_queue_holds(const struct address_turn *turn) {
    return turn->due.slot != 0;
}

void address_queue_leave(struct address_queue *q, struct address_turn *turn) {
    due_heap_remove(&q->waiting, &turn->due);
}
