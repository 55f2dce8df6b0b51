/*
 * crawl_limits.c: clocks that run ahead. Each says when the next one may go; whoever goes moves it
 * on by what that costs. A clock that fell behind is taken to be at most LAG_US old, so that
 * requests that could not be made are not made up for all at once.
 */
#include "crawl_limits.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SLOTS = 65536, LAG_US = 100000, SECOND_US = 1000000, IP_DELAY_DEFAULT_MS = 100 };

typedef _Atomic uint64_t atomic_time;

/* Of an address. Turns are given ahead, `gate` says when the next one may really go: a delay after
 * the last one was heard, and while that is not known CRAWL_LIMITS_SILENT_MS later still. */
struct address_clock {
    atomic_time next_ms, gate_ms;
};

struct crawl_limits {
    uint32_t ip_delay_ms;
    bool own_free;       /* special addresses, which the user named, have no delay */
    uint64_t start_us;   /* what a request costs; 0: nothing */
    uint64_t bandwidth;  /* bytes a second; 0: no limit */
    atomic_time next_us; /* the next request */
    atomic_time paid_us; /* the bytes that came are paid for */
    struct address_clock slots[SLOTS];
};

int crawl_limits_create(const struct wit_crawler_config *cfg, struct crawl_limits **out,
                        struct wit_error *err) {
    struct crawl_limits *l = calloc(1, sizeof *l);
    if (!l)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the limits of a crawl");
    l->own_free = cfg->ip_delay_ms == WIT_CRAWLER_IP_DELAY_DEFAULT;
    l->ip_delay_ms = l->own_free ? IP_DELAY_DEFAULT_MS : cfg->ip_delay_ms;
    l->start_us = cfg->max_rate ? (SECOND_US + cfg->max_rate - 1) / cfg->max_rate : 0;
    l->bandwidth = cfg->max_bandwidth;
    *out = l;
    return 0;
}

void crawl_limits_destroy(struct crawl_limits *l) {
    free(l);
}

/* An IPv6 network of 64 bits is one machine or one owner. */
static struct address_clock *slot_of(struct crawl_limits *l, const struct wit_net_address *a) {
    size_t len = a->family == 4 ? 4 : 8;
    return &l->slots[wit_hash64_of(a->bytes, len, a->family) % SLOTS];
}

static bool is_free(const struct crawl_limits *l, const struct wit_net_address *address) {
    return l->ip_delay_ms == 0 || (l->own_free && wit_net_address_refused(address, NULL, 0));
}

uint64_t crawl_limits_address(struct crawl_limits *l, const struct wit_net_address *address,
                              uint64_t now_ms) {
    if (is_free(l, address))
        return 0;
    atomic_time *slot = &slot_of(l, address)->next_ms;
    uint64_t next_ms = atomic_load(slot), at_ms;
    do {
        at_ms = next_ms > now_ms ? next_ms : now_ms;
        if (at_ms - now_ms > CRAWL_LIMITS_WAIT_MOST_MS)
            return UINT64_MAX;
    } while (!atomic_compare_exchange_weak(slot, &next_ms, at_ms + l->ip_delay_ms));
    return at_ms - now_ms;
}

/* While the last one is not heard it is looked for again and again. */
static uint64_t look_ms(const struct crawl_limits *l) {
    enum { LEAST_MS = 5, MOST_MS = 100 };
    uint64_t ms = l->ip_delay_ms / 4;
    return ms < LEAST_MS ? LEAST_MS : ms > MOST_MS ? MOST_MS : ms;
}

static uint64_t unheard_ms(const struct crawl_limits *l, uint64_t started_ms) {
    return started_ms + CRAWL_LIMITS_SILENT_MS + l->ip_delay_ms;
}

uint64_t crawl_limits_address_go(struct crawl_limits *l, const struct wit_net_address *address,
                                 uint64_t now_ms) {
    if (is_free(l, address))
        return 0;
    atomic_time *gate = &slot_of(l, address)->gate_ms;
    uint64_t gate_ms = atomic_load(gate);
    do {
        if (gate_ms > now_ms)
            return gate_ms - now_ms < look_ms(l) ? gate_ms - now_ms : look_ms(l);
    } while (!atomic_compare_exchange_weak(gate, &gate_ms, unheard_ms(l, now_ms)));
    return 0;
}

/* The turns that are given from now on are later by what this one took: else they would all come at
 * once and wait before the gate. */
void crawl_limits_address_heard(struct crawl_limits *l, const struct wit_net_address *address,
                                uint64_t started_ms, uint64_t heard_ms) {
    if (is_free(l, address))
        return;
    struct address_clock *slot = slot_of(l, address);
    uint64_t waited_ms = heard_ms > started_ms ? heard_ms - started_ms : 0;
    uint64_t gate_ms = unheard_ms(l, started_ms);
    if (waited_ms > CRAWL_LIMITS_SILENT_MS)
        return; /* the gate has opened by itself */
    if (atomic_compare_exchange_strong(&slot->gate_ms, &gate_ms,
                                       started_ms + waited_ms + l->ip_delay_ms))
        atomic_fetch_add(&slot->next_ms, waited_ms);
}

bool crawl_limits_start(struct crawl_limits *l, uint64_t now_ms) {
    uint64_t now_us = now_ms * 1000;
    if (l->bandwidth && atomic_load(&l->paid_us) > now_us)
        return false;
    if (l->start_us == 0)
        return true;
    uint64_t next_us = atomic_load(&l->next_us), from_us;
    do {
        if (next_us > now_us)
            return false;
        from_us = next_us + LAG_US > now_us ? next_us : now_us - LAG_US;
    } while (!atomic_compare_exchange_weak(&l->next_us, &next_us, from_us + l->start_us));
    return true;
}

void crawl_limits_unstart(struct crawl_limits *l) {
    if (l->start_us)
        atomic_fetch_sub(&l->next_us, l->start_us);
}

uint64_t crawl_limits_due_ms(const struct crawl_limits *l) {
    uint64_t due_us = l->start_us ? atomic_load(&l->next_us) : 0;
    uint64_t paid_us = l->bandwidth ? atomic_load(&l->paid_us) : 0;
    if (paid_us > due_us)
        due_us = paid_us;
    return (due_us + 999) / 1000;
}

void crawl_limits_received(struct crawl_limits *l, uint64_t bytes, uint64_t now_ms) {
    if (l->bandwidth == 0)
        return;
    uint64_t now_us = now_ms * 1000, cost_us = bytes > UINT64_MAX / SECOND_US
                                                   ? UINT64_MAX / 4
                                                   : bytes * SECOND_US / l->bandwidth;
    uint64_t paid_us = atomic_load(&l->paid_us), from_us;
    do {
        from_us = paid_us > now_us ? paid_us : now_us;
    } while (!atomic_compare_exchange_weak(&l->paid_us, &paid_us, from_us + cost_us));
}
