/*
 * address_queue.h: requests of one reactor that wait until their address may be asked (its clock is
 * in crawl_limits.h). They are no requests yet: they take no connection and no place of
 * max_in_flight, so that a busy address does not keep the others from being asked.
 */
#ifndef CRAWLER_ADDRESS_QUEUE_H
#define CRAWLER_ADDRESS_QUEUE_H

#include "crawl_limits.h"
#include "due_heap.h"

/* So many may wait; beyond it nothing else starts. Each has a client's request and its task. */
#define ADDRESS_QUEUE_MOST 16384u

/* The place of a request there, embedded in its owner. Zero bytes: it is not waiting. */
struct address_turn {
    struct due_item due;
    struct wit_net_address address;
    struct wit_net_transfer *transfer;
    uint64_t started_ms; /* it is the address's last request since then; 0: it is not */
};

struct address_queue {
    struct crawl_limits *limits;
    struct due_heap waiting;
};

void address_queue_finish(struct address_queue *q); /* turns are their owners' */
/* For on_address of the client: may the transfer go on, does it wait here, or has it to come
 * later? *leaves_ms is when it may go at the earliest. */
enum wit_net_turn address_queue_enter(struct address_queue *q, struct address_turn *turn,
                                      const struct wit_net_address *address,
                                      struct wit_net_transfer *transfer, uint64_t now_ms,
                                      uint64_t *leaves_ms);
/* One whose address may be asked now: it has left the queue, and the caller lets it go. NULL: none.
 */
struct wit_net_transfer *address_queue_next(struct address_queue *q, uint64_t now_ms);
uint64_t address_queue_due_ms(const struct address_queue *q); /* UINT64_MAX: nothing waits */
/* The first byte of its answer came, or it ended without one (a time rounded up), or it was never
 * sent (0): others may be next. Fine when it is not waiting for that. */
void address_queue_heard(struct address_queue *q, struct address_turn *turn, uint64_t heard_ms);
bool address_queue_holds(const struct address_turn *turn);
void address_queue_leave(struct address_queue *q, struct address_turn *turn);

#endif
