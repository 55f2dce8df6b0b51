/*
 * frontier_domains.c: what the frontier knows of a domain, in memory while it is active and in the
 * database else; and whose turn is next. Not which pages it has: that is frontier_waiting.c's.
 *
 * Turns: a wheel of ticks. A domain waits for its next turn as many ticks as its class says: one
 * that has been giving new pairs 1, one that has not 8. So it gets up to 8 times the turns, nobody
 * waits for more than 8 ticks, and the order follows from what came alone. Shares of attention by
 * what a site has been giving: Lee et al. 2008 (IRLbot's budgets), Abiteboul et al. 2003 (OPIC).
 */
#include "frontier_state.h"

#include <stdlib.h>

enum {
    CAP_LEAST = 256,
    RECORD_BYTES = 8 + 4 + 1 + 2,
    RECORD_BYTES_3 = 8 + 4 + 1 /* version 3: without novelty */
};

/* ---- novelty -------------------------------------------------------------------------------- */

/* Of 65,536: 1/2 and above, 1/4, 1/8, below. */
unsigned novelty_class(uint16_t novelty) {
    return novelty >= 32768 ? 3 : novelty >= 16384 ? 2 : novelty >= 8192 ? 1 : 0;
}

uint32_t novelty_stride(uint16_t novelty) {
    return 8u >> novelty_class(novelty);
}

/* A new page counts for 1/2^shift. */
static uint16_t novelty_after(uint16_t novelty, bool has_new_pair, unsigned shift) {
    int32_t step = ((has_new_pair ? 65535 : 0) - (int32_t)novelty) / (1 << shift);
    return (uint16_t)(novelty + step);
}

/* ---- the table ------------------------------------------------------------------------------ */

static size_t home_of(uint64_t hash, size_t cap) {
    return (size_t)wit_mix64(hash) & (cap - 1);
}

static struct domain **slot_of(struct domain **slots, size_t cap, uint64_t hash) {
    size_t i = home_of(hash, cap);
    while (slots[i] && slots[i]->hash != hash)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static int table_grow(struct frontier *f) {
    size_t cap = f->domain_cap ? 2 * f->domain_cap : CAP_LEAST;
    struct domain **slots = wit_alloc_array(cap, sizeof *slots);
    if (!slots)
        return WIT_ENOMEM;
    for (size_t i = 0; i < f->domain_cap; i++)
        if (f->domains[i])
            *slot_of(slots, cap, f->domains[i]->hash) = f->domains[i];
    free(f->domains);
    f->domains = slots;
    f->domain_cap = cap;
    return 0;
}

/* The entries behind move up, so that each is found from its home on. */
static void table_remove(struct frontier *f, struct domain *d) {
    size_t mask = f->domain_cap - 1;
    size_t hole = (size_t)(slot_of(f->domains, f->domain_cap, d->hash) - f->domains);
    for (size_t i = (hole + 1) & mask; f->domains[i]; i = (i + 1) & mask) {
        size_t home = home_of(f->domains[i]->hash, f->domain_cap);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            f->domains[hole] = f->domains[i];
            hole = i;
        }
    }
    f->domains[hole] = NULL;
    f->domain_count--;
}

int domains_init(struct frontier *f, struct wit_error *err) {
    return table_grow(f) < 0 ? frontier_no_memory(err) : 0;
}

void domains_finish(struct frontier *f) {
    for (size_t i = 0; i < f->domain_cap; i++)
        free(f->domains[i]);
    free(f->domains);
}

struct domain *domain_find(const struct frontier *f, uint64_t hash) {
    return *slot_of(f->domains, f->domain_cap, hash);
}

/* ---- the database --------------------------------------------------------------------------- */

static void record_write(const struct domain *d, uint8_t record[RECORD_BYTES]) {
    wit_store_le64(record, d->known);
    wit_store_le32(record + 8, d->barren);
    record[12] = d->stopped;
    wit_store_le16(record + 13, d->novelty);
}

static int record_read(const struct frontier *f, const MDB_val *value, struct domain *d,
                       struct wit_error *err) {
    const uint8_t *p = value->mv_data;
    if (value->mv_size != RECORD_BYTES && value->mv_size != RECORD_BYTES_3)
        return wit_error_set(err, WIT_ECORRUPT, "%s holds a domain of %zu bytes", f->path,
                             value->mv_size);
    d->known = wit_load_le64(p);
    d->barren = wit_load_le32(p + 8);
    d->stopped = p[12] != 0;
    d->novelty =
        value->mv_size == RECORD_BYTES ? wit_load_le16(p + 13) : (uint16_t)FRONTIER_NOVELTY_FIRST;
    return 0;
}

/* What the database holds, or what a new domain begins with. */
static int domain_load(struct frontier *f, struct domain *d, struct wit_error *err) {
    uint8_t name[8];
    wit_store_be64(name, d->hash);
    MDB_val key = { sizeof name, name }, value;
    d->novelty = FRONTIER_NOVELTY_FIRST;
    int rc = mdb_get(f->txn, f->domains_db, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    return rc ? frontier_fail(f, rc, "read", err) : record_read(f, &value, d, err);
}

int domain_of(struct frontier *f, uint64_t hash, struct domain **out, struct wit_error *err) {
    if (2 * (f->domain_count + 1) > f->domain_cap && table_grow(f) < 0)
        return frontier_no_memory(err);
    struct domain **slot = slot_of(f->domains, f->domain_cap, hash);
    if (!*slot) {
        struct domain *d = calloc(1, sizeof *d);
        if (!d)
            return frontier_no_memory(err);
        d->hash = hash;
        int st = domain_load(f, d, err);
        if (st < 0) {
            free(d);
            return st;
        }
        *slot = d;
        f->domain_count++;
    }
    *out = *slot;
    return 0;
}

int domain_is_stopped(struct frontier *f, uint64_t hash, bool *out, struct wit_error *err) {
    struct domain stranger = { .hash = hash };
    const struct domain *d = domain_find(f, hash);
    int st = d ? 0 : domain_load(f, &stranger, err);
    if (st >= 0)
        *out = d ? d->stopped : stranger.stopped;
    return st;
}

void domain_change(struct frontier *f, struct domain *d) {
    if (d->changed)
        return;
    d->changed = true;
    d->next_changed = f->changed;
    f->changed = d;
    f->changed_count++;
}

void domain_let_go(struct frontier *f, struct domain *d) {
    if (d->waiting == 0 && d->taken == 0 && d->active)
        domain_leave(f, d);
    if (d->waiting || d->taken || d->queued || d->changed)
        return;
    table_remove(f, d);
    free(d);
}

int domains_store(struct frontier *f, struct wit_error *err) {
    for (struct domain *d; (d = f->changed);) {
        uint8_t name[8], record[RECORD_BYTES];
        wit_store_be64(name, d->hash);
        record_write(d, record);
        MDB_val key = { sizeof name, name }, value = { sizeof record, record };
        int rc = mdb_put(f->txn, f->domains_db, &key, &value, 0);
        if (rc != 0)
            return frontier_fail(f, rc, "change", err);
        f->changed = d->next_changed;
        f->changed_count--;
        d->changed = false;
        domain_let_go(f, d);
    }
    return 0;
}

/* ---- stopping ------------------------------------------------------------------------------- */

static bool is_barren(const struct frontier *f, const struct domain *d) {
    return f->context.barren_most && d->barren >= f->context.barren_most;
}

/* Inside a transaction, and before a domain is in memory. */
int domains_judge_all(struct frontier *f, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int64_t more = 0;
    int st = 0, rc = mdb_cursor_open(f->txn, f->domains_db, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct domain d = { .hash = 0 };
        uint8_t name[8], record[RECORD_BYTES];
        st = key.mv_size == sizeof name ? record_read(f, &value, &d, err)
                                        : frontier_fail(f, MDB_CORRUPTED, "read", err);
        if (st < 0 || d.stopped == is_barren(f, &d))
            continue;
        memcpy(name, key.mv_data, sizeof name); /* the entry moves */
        key.mv_data = name;
        d.stopped = !d.stopped;
        more += d.stopped ? 1 : -1;
        record_write(&d, record);
        value = (MDB_val){ sizeof record, record };
        rc = mdb_cursor_put(cursor, &key, &value, MDB_CURRENT);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    if (st >= 0 && rc != 0 && rc != MDB_NOTFOUND)
        st = frontier_fail(f, rc, "read", err);
    return st < 0 || more == 0
               ? st
               : frontier_reason_count(f, WIT_CRAWLER_DOMAIN, FRONTIER_NOT_NOVEL, more, err);
}

/* A domain that has stopped stays so in this run, whatever pages that were on their way have. */
int frontier_yield(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], bool has_new_pair,
                   struct wit_error *err) {
    struct domain *d = NULL;
    int st = frontier_begin(f, err);
    if (st >= 0)
        st = domain_of(f, frontier_id_domain(id), &d, err);
    if (st < 0 || d->stopped)
        return st;
    struct bucket *b = &f->parked.buckets[parked_bucket(d->hash)];
    d->barren = has_new_pair ? 0 : d->barren < UINT32_MAX ? d->barren + 1 : d->barren;
    d->novelty = novelty_after(d->novelty, has_new_pair, 4);
    b->novelty = novelty_after(b->novelty, has_new_pair, 6);
    d->stopped = is_barren(f, d);
    domain_change(f, d);
    if (!d->stopped)
        return 0;
    turn_push(f, d); /* its pages leave the tree when its turn comes */
    st = frontier_reason_count(f, WIT_CRAWLER_DOMAIN, FRONTIER_NOT_NOVEL, 1, err);
    return st < 0 ? st : 1;
}

/* ---- turns ---------------------------------------------------------------------------------- */

void domain_enter(struct frontier *f, struct domain *d) {
    if (d->active)
        return;
    d->active = true;
    d->stay = 0;
    f->active++;
}

void domain_leave(struct frontier *f, struct domain *d) {
    if (!d->active)
        return;
    d->active = false;
    f->active--;
    if (d->surplus)
        parked_call(f, d->hash);
    d->surplus = false;
}

void turn_push(struct frontier *f, struct domain *d) {
    if (d->queued || d->waiting == 0)
        return;
    uint32_t tick = (f->turns.now + novelty_stride(d->novelty)) % FRONTIER_TICKS;
    d->queued = true;
    d->next_turn = NULL;
    if (f->turns.ticks[tick].last)
        f->turns.ticks[tick].last->next_turn = d;
    else
        f->turns.ticks[tick].first = d;
    f->turns.ticks[tick].last = d;
    f->turns.count++;
}

struct domain *turn_pop(struct frontier *f) {
    if (f->turns.count == 0)
        return NULL;
    while (!f->turns.ticks[f->turns.now % FRONTIER_TICKS].first)
        f->turns.now++;
    uint32_t tick = f->turns.now % FRONTIER_TICKS;
    struct domain *d = f->turns.ticks[tick].first;
    f->turns.ticks[tick].first = d->next_turn;
    if (!d->next_turn)
        f->turns.ticks[tick].last = NULL;
    f->turns.count--;
    d->queued = false;
    return d;
}
