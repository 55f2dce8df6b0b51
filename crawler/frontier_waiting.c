/*
 * frontier_waiting.c: pages of the frontier: added, taken, done, and which of them are parked. How
 * parked ones are kept and come back is frontier_parked.c's.
 *
 * A page that is found goes into the tree where its domain is active and has not got its share
 * there, or where there is room in the window and nobody waits for it; else it is parked, and so is
 * one that is beyond the limits. A domain's pages leave the tree when it stops, and when it has had
 * its stay and others wait. So the tree holds at most a share for each place in the window.
 */
#include "frontier_state.h"

enum {
    REASON_MOST_BYTES = 63,
    SHARE = 4096,           /* pages of a domain in the tree */
    CHANGED_MOST = 1 << 16, /* domains in memory before they are stored */
    ADMIT_STEP = 64,        /* pages that come in for each that is taken */
    ADMIT_BURST = 64        /* such steps while nobody has a turn and pages are on their way */
};

static uint64_t url_hash(struct wit_str url) {
    return wit_hash64_of(url.data, url.len, 0);
}

static MDB_val hash_key(uint64_t hash, uint8_t bytes[8]) {
    wit_store_be64(bytes, hash);
    return (MDB_val){ 8, bytes };
}

uint32_t frontier_share(const struct frontier *f) {
    return f->context.share ? f->context.share : SHARE;
}

/* ---- the tree -------------------------------------------------------------------------------- */

int tree_put(struct frontier *f, struct domain *d, const uint8_t id[FRONTIER_ID_BYTES],
             struct wit_str page, struct wit_error *err) {
    uint8_t copy[FRONTIER_ID_BYTES];
    memcpy(copy, id, sizeof copy);
    MDB_val key = { sizeof copy, copy }, value = { page.len, (void *)(uintptr_t)page.data };
    int rc = mdb_put(f->txn, f->waiting, &key, &value, 0);
    if (rc != 0)
        return frontier_fail(f, rc, "change", err);
    d->waiting++;
    f->totals.waiting++;
    domain_enter(f, d);
    turn_push(f, d);
    return 0;
}

/* The page at the cursor into f->record and `id`. */
static int record_copy(struct frontier *f, const MDB_val *key, const MDB_val *value,
                       uint8_t id[FRONTIER_ID_BYTES], struct wit_error *err) {
    wit_buf_reset(&f->record);
    if (key->mv_size != FRONTIER_ID_BYTES || value->mv_size < 2)
        return wit_error_set(err, WIT_ECORRUPT, "%s holds a page without id or URL", f->path);
    memcpy(id, key->mv_data, FRONTIER_ID_BYTES);
    if (wit_buf_append(&f->record, value->mv_data, value->mv_size) < 0)
        return frontier_no_memory(err);
    return 0;
}

/* The first page of the domain from the tree into f->record: 1; 0: it is beyond the limits. */
static int tree_pop(struct frontier *f, struct domain *d, bool limited,
                    uint8_t id[FRONTIER_ID_BYTES], struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    uint8_t from[FRONTIER_ID_BYTES];
    MDB_val key = { sizeof from, from }, value;
    frontier_id_make(from, d->hash, 0, 0);
    int rc = mdb_cursor_open(f->txn, f->waiting, &cursor);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    int st = rc ? frontier_fail(f, rc, "read", err) : record_copy(f, &key, &value, id, err);
    if (st >= 0 && frontier_id_domain(id) != d->hash)
        st = wit_error_set(err, WIT_ECORRUPT, "%s lost a page that waited", f->path);
    if (st >= 0)
        st = !limited || frontier_is_within(f, id);
    if (st > 0 && (rc = mdb_cursor_del(cursor, 0)) != 0)
        st = frontier_fail(f, rc, "change", err);
    if (cursor)
        mdb_cursor_close(cursor);
    if (st <= 0)
        return st;
    d->waiting--;
    f->totals.waiting--;
    return 1;
}

/* The pages of the domain leave the tree, and it the window. It may be gone afterwards. */
static int domain_park(struct frontier *f, struct domain *d, struct wit_error *err) {
    uint8_t id[FRONTIER_ID_BYTES];
    int st = 1;
    while (st > 0 && d->waiting) {
        st = tree_pop(f, d, false, id, err);
        if (st > 0)
            st = parked_append(f, id, wit_buf_view(&f->record), d->stopped,
                               !d->stopped && frontier_is_within(f, id), err);
        st = st < 0 ? st : 1;
    }
    if (st < 0)
        return st;
    domain_leave(f, d);
    domain_let_go(f, d);
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int tree_count(struct frontier *f, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = 0, rc = mdb_cursor_open(f->txn, f->waiting, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct domain *d = NULL;
        st = key.mv_size == FRONTIER_ID_BYTES
                 ? domain_of(f, frontier_id_domain(key.mv_data), &d, err)
                 : wit_error_set(err, WIT_ECORRUPT, "%s holds a page without an id", f->path);
        if (st < 0)
            break;
        d->waiting++;
        f->totals.waiting++;
        domain_enter(f, d);
        turn_push(f, d);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    return rc == MDB_NOTFOUND ? 0 : frontier_fail(f, rc, "read", err);
}

/* What a killed run had taken waits again. */
static int taken_back(struct frontier *f, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    uint8_t id[FRONTIER_ID_BYTES];
    int st = 0, rc = mdb_cursor_open(f->txn, f->taken, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct domain *d = NULL;
        st = record_copy(f, &key, &value, id, err);
        if (st >= 0)
            st = domain_of(f, frontier_id_domain(id), &d, err);
        if (st >= 0)
            st = tree_put(f, d, id, wit_buf_view(&f->record), err);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    if (rc == MDB_NOTFOUND)
        rc = mdb_drop(f->txn, f->taken, 0);
    return rc ? frontier_fail(f, rc, "change", err) : 0;
}

int tree_open(struct frontier *f, struct wit_error *err) {
    int st = tree_count(f, err);
    return st < 0 ? st : taken_back(f, err);
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* A page that was refused waits again: 2; 0: it was not refused, or for its target's sake. */
static int refusal_forget(struct frontier *f, uint64_t hash, struct wit_error *err) {
    uint8_t bytes[8];
    char reason[REASON_MOST_BYTES + 1];
    MDB_val key = hash_key(hash, bytes), value;
    int rc = mdb_get(f->txn, f->refused, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0 || value.mv_size > REASON_MOST_BYTES)
        return frontier_fail(f, rc ? rc : MDB_CORRUPTED, "read", err);
    memcpy(reason, value.mv_data, value.mv_size);
    reason[value.mv_size] = 0;
    if (strcmp(reason, FRONTIER_REDIRECTED) == 0) /* its target has been seen in its place */
        return 0;
    rc = mdb_del(f->txn, f->refused, &key, NULL);
    if (rc != 0)
        return frontier_fail(f, rc, "change", err);
    f->totals.refused--;
    int st = frontier_reason_count(f, WIT_CRAWLER_PAGE, reason, -1, err);
    return st < 0 ? st : 2;
}

/* Note the URL as seen. 1: it is new; 2: it shall wait again; 0: it was known, and not refused or
 * not wanted `again`. */
static int seen_add(struct frontier *f, struct wit_str url, bool again, struct wit_error *err) {
    uint64_t hash = url_hash(url);
    int st = seen_set_add(f->seen, f->txn, hash, err);
    return st == 0 && again ? refusal_forget(f, hash, err) : st;
}

static bool domain_is_full(const struct frontier *f, const struct domain *d) {
    return f->context.domain_pages_most && d->known >= f->context.domain_pages_most;
}

/* Where a new page waits. */
static int page_place(struct frontier *f, struct domain *d, const uint8_t id[FRONTIER_ID_BYTES],
                      struct wit_str page, struct wit_error *err) {
    bool within = frontier_is_within(f, id), has_share = d->waiting >= frontier_share(f);
    bool may_enter = d->active || (f->active < f->context.window && !parked_waits(f));
    if (within && !d->stopped && !has_share && may_enter)
        return tree_put(f, d, id, page, err);
    d->surplus |= within && d->active;
    return parked_append(f, id, page, d->stopped, within && !d->stopped && !d->active, err);
}

static int page_wait(struct frontier *f, struct domain *d, const struct frontier_page *page,
                     bool seed, struct wit_error *err) {
    uint8_t id[FRONTIER_ID_BYTES];
    if (!seed && domain_is_full(f, d)) {
        int known = seen_set_has(f->seen, f->txn, url_hash(page->url), err);
        return known < 0 ? known : known ? FRONTIER_KNOWN : FRONTIER_FULL;
    }
    int st = seen_add(f, page->url, seed, err);
    if (st <= 0)
        return st;
    d->known += st == 1;
    domain_change(f, d);
    wit_buf_reset(&f->record);
    uint8_t head = (uint8_t)(page->hops | (page->sitemap_only ? FRONTIER_SITEMAP_ONLY : 0));
    if (wit_buf_append_byte(&f->record, (char)head) < 0 ||
        wit_buf_append_str(&f->record, page->url) < 0)
        return frontier_no_memory(err);
    /* another hash than that of the set of seen URLs, so that it doesn't inherit its collisions */
    uint64_t number =
        f->context.rounds ? wit_hash64_of(page->url.data, page->url.len, 1) : f->next_number++;
    frontier_id_make(id, d->hash, page->depth, number);
    st = page_place(f, d, id, wit_buf_view(&f->record), err);
    return st < 0 ? st : FRONTIER_WAITS;
}

/* Most links lead to what is known: for those of strangers no domain is read. */
static int page_add(struct frontier *f, const struct frontier_page *page, bool seed,
                    struct wit_error *err) {
    uint64_t hash = wit_hash64_of(page->domain.data, page->domain.len, 0);
    int st = frontier_begin(f, err);
    if (st >= 0 && f->changed_count >= CHANGED_MOST)
        st = domains_store(f, err);
    if (st >= 0 && !seed && !domain_find(f, hash))
        st = seen_set_has(f->seen, f->txn, url_hash(page->url), err);
    if (st != 0)
        return st < 0 ? st : FRONTIER_KNOWN;
    struct domain *d = NULL;
    st = domain_of(f, hash, &d, err);
    if (st < 0)
        return st;
    st = page_wait(f, d, page, seed, err);
    domain_let_go(f, d);
    return st;
}

int frontier_add(struct frontier *f, const struct frontier_page *page, struct wit_error *err) {
    return page_add(f, page, false, err);
}

int frontier_add_again(struct frontier *f, const struct frontier_page *page,
                       struct wit_error *err) {
    return page_add(f, page, true, err);
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Pages for which a domain may stay while others wait: more for those that have been giving. */
static bool stay_is_over(struct frontier *f, const struct domain *d) {
    uint32_t most = frontier_share(f) / novelty_stride(d->novelty);
    return d->stay >= (most ? most : 1) && parked_waits(f);
}

/* The domain's first page, for its turn: 1; 0: none of it may be taken, now or until something
 * changes. */
static int turn_use(struct frontier *f, struct domain *d, uint32_t most, struct frontier_taken *out,
                    struct wit_error *err) {
    if (d->stopped || (d->taken < most && stay_is_over(f, d)))
        return domain_park(f, d, err);
    if (d->taken >= most) /* frontier_done gives it its turn back */
        return 0;
    int st = tree_pop(f, d, true, out->id, err);
    if (st == 0) /* nor is any other of it within the limits */
        return domain_park(f, d, err);
    if (st < 0)
        return st;
    MDB_val key = { FRONTIER_ID_BYTES, out->id }, value = { f->record.len, f->record.data };
    int rc = mdb_put(f->txn, f->taken, &key, &value, 0);
    if (rc != 0)
        return frontier_fail(f, rc, "change", err);
    d->taken++;
    d->stay++;
    f->totals.taken++;
    f->flying++;
    turn_push(f, d);
    if (d->surplus && d->waiting <= frontier_share(f) / 4) {
        d->surplus = false;
        parked_call(f, d->hash);
    }
    return 1;
}

int frontier_take(struct frontier *f, uint32_t most, struct frontier_taken *out,
                  struct wit_error *err) {
    int st = frontier_begin(f, err);
    unsigned steps = 0;
    if (f->limits.number_most == 0) /* nothing may be taken: it stays where it is */
        return st;
    while (st == 0) {
        int came = parked_admit(f, ADMIT_STEP, err);
        struct domain *d = came < 0 ? NULL : turn_pop(f);
        if (d)
            st = turn_use(f, d, most, out, err);
        else if (came <= 0 || (f->flying && ++steps == ADMIT_BURST))
            return came < 0 ? came : 0;
    }
    if (st <= 0)
        return st;
    out->url = wit_str_slice(wit_buf_view(&f->record), 1, f->record.len);
    out->hops = (uint8_t)f->record.data[0] & ~(unsigned)FRONTIER_SITEMAP_ONLY;
    out->sitemap_only = (uint8_t)f->record.data[0] & FRONTIER_SITEMAP_ONLY;
    out->depth = frontier_id_depth(out->id);
    return 1;
}

int frontier_limit(struct frontier *f, const struct frontier_limits *limits,
                   struct wit_error *err) {
    int st = frontier_begin(f, err);
    if (st < 0)
        return st;
    f->limits = *limits;
    return parked_review(f, err);
}

/* ---- done ------------------------------------------------------------------------------------ */

/* The reason stands with the URL, so that a page can be asked for again. */
static int refusal_note(struct frontier *f, struct wit_str url, const char *reason,
                        struct wit_error *err) {
    uint8_t bytes[8];
    char text[REASON_MOST_BYTES + 1];
    snprintf(text, sizeof text, "%s", reason);
    MDB_val key = hash_key(url_hash(url), bytes), value = { strlen(text), text };
    int rc = mdb_put(f->txn, f->refused, &key, &value, 0);
    if (rc != 0)
        return frontier_fail(f, rc, "change", err);
    return frontier_reason_count(f, WIT_CRAWLER_PAGE, text, 1, err);
}

static void page_landed(struct frontier *f, struct domain *d) {
    d->taken--;
    f->flying--;
    turn_push(f, d);
    domain_let_go(f, d);
}

int frontier_leave(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], struct wit_error *err) {
    struct domain *d = NULL;
    int st = frontier_begin(f, err);
    if (st >= 0)
        st = domain_of(f, frontier_id_domain(id), &d, err);
    if (st >= 0)
        page_landed(f, d);
    return st;
}

int frontier_done(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], struct wit_str url,
                  const char *reason, struct wit_error *err) {
    uint8_t copy[FRONTIER_ID_BYTES];
    memcpy(copy, id, sizeof copy);
    struct domain *d = NULL;
    MDB_val key = { sizeof copy, copy };
    int st = frontier_begin(f, err);
    if (st >= 0)
        st = domain_of(f, frontier_id_domain(copy), &d, err);
    if (st < 0)
        return st;
    int rc = mdb_del(f->txn, f->taken, &key, NULL);
    if (rc != 0)
        return frontier_fail(f, rc, "change", err);
    page_landed(f, d);
    f->totals.taken--;
    *(reason ? &f->totals.refused : &f->totals.read) += 1;
    return reason ? refusal_note(f, url, reason, err) : 0;
}

int frontier_pair_add(struct frontier *f, struct wit_hash128 pair, struct wit_error *err) {
    int st = frontier_begin(f, err);
    return st < 0 ? st : seen_set_add(f->pairs, f->txn, pair.lo, err);
}
