/*
 * frontier_rounds.c: the limits of a round, found by passes over the ids of all pages that wait, in
 * the tree and parked, wherever they are: so they don't depend on what is active. Nothing is moved.
 */
#include "frontier_state.h"

#include <stdlib.h>

/* Up to that depth, of domains that have not stopped. */
static int waiting_each(struct frontier *f, uint32_t depth_most,
                        void (*fn)(void *user, const uint8_t *id), void *user,
                        struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int rc = mdb_cursor_open(f->txn, f->waiting, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        const struct domain *d = key.mv_size == FRONTIER_ID_BYTES
                                     ? domain_find(f, frontier_id_domain(key.mv_data))
                                     : NULL;
        if (d && !d->stopped && frontier_id_depth(key.mv_data) <= depth_most)
            fn(user, key.mv_data);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == 0 || rc == MDB_NOTFOUND ? parked_each(f, depth_most, fn, user, err)
                                         : frontier_fail(f, rc, "read", err);
}

struct least_depth {
    uint32_t depth;
    uint64_t pages;
};

static void depth_note(void *user, const uint8_t *id) {
    struct least_depth *l = user;
    if (frontier_id_depth(id) < l->depth)
        *l = (struct least_depth){ .depth = frontier_id_depth(id) };
    l->pages += frontier_id_depth(id) == l->depth;
}

/* The n-th lowest number of a depth, found by 16 bits a pass, so in 512 KiB for any count. */
enum { PASS_BITS = 16, PASS_BINS = 1 << PASS_BITS };

struct number_pass {
    uint32_t depth;
    unsigned shift;  /* of the bits of this pass */
    uint64_t prefix; /* what the bits above them must be */
    uint64_t bins[PASS_BINS];
};

static void number_note(void *user, const uint8_t *id) {
    struct number_pass *p = user;
    uint64_t number = frontier_id_number(id);
    bool above = p->shift + PASS_BITS == 64 || number >> (p->shift + PASS_BITS) == p->prefix;
    if (frontier_id_depth(id) == p->depth && above)
        p->bins[number >> p->shift & (PASS_BINS - 1)]++;
}

static int number_find(struct frontier *f, uint32_t depth, uint64_t n, uint64_t *out,
                       struct wit_error *err) {
    struct number_pass *p = calloc(1, sizeof *p);
    int st = p ? 0 : frontier_no_memory(err);
    for (unsigned pass = 1; st >= 0 && pass <= 64 / PASS_BITS; pass++) {
        p->depth = depth;
        p->shift = 64 - pass * PASS_BITS;
        memset(p->bins, 0, sizeof p->bins);
        st = waiting_each(f, depth, number_note, p, err);
        uint64_t bin = 0;
        while (bin < PASS_BINS - 1 && n > p->bins[bin])
            n -= p->bins[bin++];
        p->prefix = p->prefix << PASS_BITS | bin;
    }
    if (st >= 0)
        *out = p->prefix;
    free(p);
    return st;
}

int frontier_round(struct frontier *f, uint64_t budget, struct frontier_limits *out,
                   struct wit_error *err) {
    struct least_depth least = { .depth = UINT32_MAX };
    int st = budget ? frontier_begin(f, err) : 0;
    if (st >= 0 && budget)
        st = waiting_each(f, UINT32_MAX, depth_note, &least, err);
    if (st < 0 || least.pages == 0)
        return st;
    *out = (struct frontier_limits){ .depth_most = least.depth, .number_most = UINT64_MAX };
    if (least.pages > budget)
        st = number_find(f, least.depth, budget, &out->number_most, err);
    return st < 0 ? st : 1;
}
