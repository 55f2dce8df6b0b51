/*
 * frontier_parked.c: how parked pages come back, and which of them may. Which pages are parked
 * frontier_waiting.c says; where they lie is frontier_journal.c's.
 *
 *   append -> journal --full--> files of sorted pages --a bucket at a time--> tree, or the journal
 *
 * All pages of a bucket come back together, merged from all files, in the order of their ids; where
 * the window is full it stops, and goes on from there. Those that still may not be taken go to the
 * journal again. A bucket is marked when something comes to be there that may be taken, and only
 * marked ones come back: so what can't be taken is not read again and again.
 *
 * A page is written in order three times: to the journal, to a file, and among others of its domain
 * into a tree that stays small. Random inserts into one tree of everything collapse once it is
 * larger than memory. Source of the shape: Lee et al. 2008 (IRLbot's DRUM).
 */
#include "frontier_state.h"

#include <stdlib.h>

enum {
    JOURNAL_EARLY = 4096, /* pages that are worth a file before the journal is full */
    STATE_BYTES = 3 * 8 + 4 + 4 + 1 + 4 + 8 + 4 + 4 + FRONTIER_ID_BYTES
};

/* ---- what may come in ------------------------------------------------------------------------ */

static bool is_emptied(const struct parked_file *file, unsigned bucket) {
    return file->emptied[bucket / 8] & 1 << bucket % 8;
}

bool parked_file_has(const struct parked_file *file, unsigned bucket) {
    return parked_run_begin(&file->run, bucket) < parked_run_begin(&file->run, bucket + 1) &&
           !is_emptied(file, bucket);
}

/* May pages of the file be taken? Those of stopped domains may when the limit has changed since. */
static bool may_give(const struct parked_file *file, uint32_t depth_most, uint32_t epoch) {
    return file->depth_least <= depth_most && (file->held_in == 0 || file->held_in < epoch);
}

void parked_call(struct frontier *f, uint64_t domain) {
    struct bucket *b = &f->parked.buckets[parked_bucket(domain)];
    b->in_files = b->in_journal = true;
    f->parked.may_wait = true;
}

bool parked_waits(struct frontier *f) {
    struct parked *p = &f->parked;
    if (p->pass.on)
        return true;
    for (unsigned b = 0; b < PARKED_BUCKETS && p->may_wait; b++)
        if (p->buckets[b].in_files || p->buckets[b].in_journal)
            return true;
    p->may_wait = false;
    return false;
}

static int entry_review(struct frontier *f, void *user, const struct parked_page *page, bool held,
                        struct wit_error *err) {
    bool stopped = held;
    int st = held ? 0 : domain_is_stopped(f, frontier_id_domain(page->id), &stopped, err);
    (void)user;
    if (st >= 0 && !stopped && frontier_is_within(f, page->id))
        f->parked.buckets[parked_bucket(frontier_id_domain(page->id))].in_journal = true;
    return st;
}

int parked_review(struct frontier *f, struct wit_error *err) {
    struct parked *p = &f->parked;
    p->may_wait = true;
    for (unsigned b = 0; b < PARKED_BUCKETS; b++)
        p->buckets[b].in_files = p->buckets[b].in_journal = false;
    if (f->limits.number_most == 0) /* nothing may be taken */
        return 0;
    for (size_t i = 0; i < p->file_count; i++)
        for (unsigned b = 0; b < PARKED_BUCKETS; b++)
            p->buckets[b].in_files |= may_give(p->files[i], f->limits.depth_most, p->epoch) &&
                                      parked_file_has(p->files[i], b);
    return parked_journal_each(f, entry_review, NULL, err);
}

/* ---- a bucket comes back --------------------------------------------------------------------- */

static bool takes_part(const struct parked_pass *pass, const struct parked_file *file) {
    return file->run.number <= pass->newest && may_give(file, pass->depth_most, pass->epoch) &&
           parked_file_has(file, pass->bucket);
}

static bool is_before(const struct parked_cursor *a, const struct parked_cursor *b) {
    int order = memcmp(a->page.id, b->page.id, FRONTIER_ID_BYTES);
    return order < 0 || (order == 0 && a->file->run.number < b->file->run.number);
}

/* The first of the heap, which may be too late, finds its place. */
static void heap_sink(struct parked_pass *pass) {
    struct parked_cursor *heap = pass->heap;
    for (size_t i = 0, child; (child = 2 * i + 1) < pass->heap_count; i = child) {
        if (child + 1 < pass->heap_count && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &heap[i]))
            return;
        struct parked_cursor early = heap[child];
        heap[child] = heap[i];
        heap[i] = early;
    }
}

static void heap_push(struct parked_pass *pass, const struct parked_cursor *c) {
    size_t i = pass->heap_count++;
    for (; i > 0 && is_before(c, &pass->heap[(i - 1) / 2]); i = (i - 1) / 2)
        pass->heap[i] = pass->heap[(i - 1) / 2];
    pass->heap[i] = *c;
}

/* Read on, past what has come in already: 1; 0: the file has no more. */
static int cursor_next(struct parked_cursor *c, const uint8_t from[FRONTIER_ID_BYTES],
                       struct wit_error *err) {
    int st = 0;
    while (c->at < c->end && (st = parked_run_read(&c->file->run, &c->at, &c->page, err)) >= 0)
        if (memcmp(c->page.id, from, FRONTIER_ID_BYTES) >= 0)
            return 1;
    return st;
}

static int pass_open(struct frontier *f, struct wit_error *err) {
    struct parked *p = &f->parked;
    struct parked_pass *pass = &p->pass;
    int st = 0;
    pass->heap_count = 0;
    pass->heap = wit_alloc_array(p->file_count + 1, sizeof *pass->heap);
    if (!pass->heap)
        return frontier_no_memory(err);
    for (size_t i = 0; i < p->file_count && st >= 0; i++) {
        struct parked_cursor c = { .file = p->files[i] };
        if (!takes_part(pass, c.file))
            continue;
        c.at = parked_run_begin(&c.file->run, pass->bucket);
        c.end = parked_run_begin(&c.file->run, pass->bucket + 1);
        st = cursor_next(&c, pass->next, err);
        if (st > 0)
            heap_push(pass, &c);
    }
    return st < 0 ? st : 0;
}

static void pass_close(struct parked_pass *pass) {
    free(pass->heap);
    *pass = (struct parked_pass){ .on = false };
}

/* The bucket whose turn comes: that with the least `due`. It moves on by 1 to 8 as its domains have
 * been giving new pairs or not, so no bucket waits for more than 8 turns of each other. -1: none.
 */
static int bucket_choose(const struct parked *p) {
    int least = -1;
    for (unsigned b = 0; b < PARKED_BUCKETS; b++)
        if (p->buckets[b].in_files && (least < 0 || p->buckets[b].due < p->buckets[least].due))
            least = (int)b;
    return least;
}

/* Is the journal worth a file? Where nothing else can go on it must be; else once a commit. */
static bool may_seal_early(const struct frontier *f) {
    const struct parked *p = &f->parked;
    return f->flying == 0 || p->journal_pages >= JOURNAL_EARLY ||
           (f->turns.count == 0 && !p->sealed_early);
}

/* -1 in *bucket: none. */
static int bucket_find(struct frontier *f, int *bucket, struct wit_error *err) {
    struct parked *p = &f->parked;
    *bucket = -1;
    if (!parked_waits(f))
        return 0;
    *bucket = bucket_choose(p);
    if (*bucket >= 0 || !may_seal_early(f))
        return 0;
    int st = parked_seal(f, err);
    p->sealed_early = true;
    *bucket = bucket_choose(p);
    return st;
}

/* 1: a bucket begins to come back; 0: there is none. */
static int pass_begin(struct frontier *f, struct wit_error *err) {
    struct parked *p = &f->parked;
    int bucket, st = bucket_find(f, &bucket, err);
    if (st < 0 || bucket < 0)
        return st;
    struct bucket *b = &p->buckets[bucket];
    p->due = b->due > p->due ? b->due : p->due;
    b->due = p->due + novelty_stride(b->novelty);
    b->in_files = false;
    p->pass = (struct parked_pass){ .on = true,
                                    .bucket = (uint32_t)bucket,
                                    .newest = p->next_file - 1,
                                    .depth_most = f->limits.depth_most,
                                    .epoch = p->epoch };
    st = pass_open(f, err);
    return st < 0 ? st : 1;
}

/* All of the bucket has come back. */
static int pass_end(struct frontier *f, struct wit_error *err) {
    struct parked *p = &f->parked;
    int st = 0;
    for (size_t i = p->file_count; i > 0 && st >= 0; i--) {
        struct parked_file *file = p->files[i - 1];
        if (!takes_part(&p->pass, file))
            continue;
        file->emptied[p->pass.bucket / 8] |= (uint8_t)(1 << p->pass.bucket % 8);
        st = --file->live ? parked_list_put(f, file, err) : parked_file_retire(f, i - 1, err);
    }
    pass_close(&p->pass);
    return st;
}

/* The first page of the heap, whose domain is d, goes where it may. */
static int page_place(struct frontier *f, struct domain *d, const struct parked_page *page,
                      struct wit_error *err) {
    bool within = frontier_is_within(f, page->id);
    f->parked.pages--;
    f->totals.waiting--;
    if (within && !d->stopped && d->waiting < frontier_share(f))
        return tree_put(f, d, page->id, page->page, err);
    d->surplus |= within && !d->stopped;
    return parked_append(f, page->id, page->page, d->stopped, false, err);
}

static void id_increment(uint8_t id[FRONTIER_ID_BYTES]) {
    for (int i = FRONTIER_ID_BYTES - 1; i >= 0 && ++id[i] == 0; i--)
        continue;
}

/* 1: something was done; 0: the window is full. */
static int pass_step(struct frontier *f, unsigned most, struct wit_error *err) {
    struct parked_pass *pass = &f->parked.pass;
    for (unsigned n = 0; n < most && pass->heap_count; n++) {
        struct parked_cursor *first = &pass->heap[0];
        struct domain *d = NULL;
        int st = domain_of(f, frontier_id_domain(first->page.id), &d, err);
        if (st < 0)
            return st;
        if (!d->active && f->active >= f->context.window) {
            domain_let_go(f, d);
            return n > 0;
        }
        memcpy(pass->next, first->page.id, FRONTIER_ID_BYTES);
        id_increment(pass->next);
        st = page_place(f, d, &first->page, err);
        domain_let_go(f, d);
        if (st >= 0)
            st = cursor_next(first, pass->next, err);
        if (st < 0)
            return st;
        if (st == 0)
            pass->heap[0] = pass->heap[--pass->heap_count];
        heap_sink(pass);
    }
    int st = pass->heap_count ? 0 : pass_end(f, err);
    return st < 0 ? st : 1;
}

/* Between two marks, so that buckets come back whole rather than a domain at a time. */
static bool window_has_room(struct frontier *f) {
    if (f->active >= f->context.window)
        f->filling = false;
    else if (f->active < f->context.window - f->context.window / 4)
        f->filling = true;
    return f->filling;
}

int parked_admit(struct frontier *f, unsigned most, struct wit_error *err) {
    if (!window_has_room(f) || f->limits.number_most == 0)
        return 0;
    int st = f->parked.pass.on ? 1 : pass_begin(f, err);
    return st <= 0 ? st : pass_step(f, most, err);
}

/* ---- looking through all of them ------------------------------------------------------------- */

struct looking {
    uint32_t depth_most;
    void (*fn)(void *user, const uint8_t *id);
    void *user;
    uint64_t domain; /* the last one looked up */
    bool known, stopped;
};

static int page_look(struct frontier *f, void *user, const struct parked_page *page, bool held,
                     struct wit_error *err) {
    struct looking *l = user;
    uint64_t domain = frontier_id_domain(page->id);
    int st = 0;
    if (held || frontier_id_depth(page->id) > l->depth_most)
        return 0;
    if (!l->known || l->domain != domain)
        st = domain_is_stopped(f, domain, &l->stopped, err);
    l->known = st >= 0;
    l->domain = domain;
    if (st >= 0 && !l->stopped)
        l->fn(l->user, page->id);
    return st;
}

static int file_look(struct frontier *f, const struct parked_file *file, struct looking *l,
                     struct wit_error *err) {
    const struct parked_pass *pass = &f->parked.pass;
    static const uint8_t from_the_first[FRONTIER_ID_BYTES];
    int st = 0;
    for (unsigned b = 0; b < PARKED_BUCKETS && st >= 0; b++) {
        struct parked_cursor c = { .file = file };
        if (!parked_file_has(file, b))
            continue;
        bool coming = pass->on && pass->bucket == b && takes_part(pass, file);
        c.at = parked_run_begin(&file->run, b);
        c.end = parked_run_begin(&file->run, b + 1);
        while (st >= 0 && (st = cursor_next(&c, coming ? pass->next : from_the_first, err)) > 0)
            st = page_look(f, l, &c.page, false, err);
    }
    return st < 0 ? st : 0;
}

int parked_each(struct frontier *f, uint32_t depth_most, void (*fn)(void *user, const uint8_t *id),
                void *user, struct wit_error *err) {
    const struct parked *p = &f->parked;
    struct looking l = { .depth_most = depth_most, .fn = fn, .user = user };
    int st = parked_journal_each(f, page_look, &l, err);
    for (size_t i = 0; i < p->file_count && st >= 0; i++)
        if (may_give(p->files[i], depth_most, p->epoch))
            st = file_look(f, p->files[i], &l, err);
    return st;
}

/* ---- opening and committing ------------------------------------------------------------------ */

static MDB_val state_key(void) {
    static char name[] = "parked";
    return (MDB_val){ sizeof name - 1, name };
}

static int state_write(struct frontier *f) {
    const struct parked *p = &f->parked;
    uint8_t state[STATE_BYTES];
    wit_store_le64(state, p->pages);
    wit_store_le64(state + 8, p->next_entry);
    wit_store_le64(state + 16, p->next_file);
    wit_store_le32(state + 24, p->barren_most);
    wit_store_le32(state + 28, p->epoch);
    state[32] = p->pass.on;
    wit_store_le32(state + 33, p->pass.bucket);
    wit_store_le64(state + 37, p->pass.newest);
    wit_store_le32(state + 45, p->pass.depth_most);
    wit_store_le32(state + 49, p->pass.epoch);
    memcpy(state + 53, p->pass.next, FRONTIER_ID_BYTES);
    MDB_val key = state_key(), value = { sizeof state, state };
    return mdb_put(f->txn, f->meta, &key, &value, 0);
}

/* 1: there was one; 0: nothing has ever been parked here. */
static int state_read(struct frontier *f, struct wit_error *err) {
    struct parked *p = &f->parked;
    MDB_val key = state_key(), value;
    int rc = mdb_get(f->txn, f->meta, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return frontier_fail(f, rc, "read", err);
    const uint8_t *state = value.mv_data;
    if (value.mv_size != STATE_BYTES || wit_load_le32(state + 33) >= PARKED_BUCKETS)
        return wit_error_set(err, WIT_ECORRUPT, "%s does not say what is parked", f->path);
    p->pages = wit_load_le64(state);
    p->next_entry = wit_load_le64(state + 8);
    p->next_file = wit_load_le64(state + 16);
    p->barren_most = wit_load_le32(state + 24);
    p->epoch = wit_load_le32(state + 28);
    p->pass.on = state[32] != 0;
    p->pass.bucket = wit_load_le32(state + 33);
    p->pass.newest = wit_load_le64(state + 37);
    p->pass.depth_most = wit_load_le32(state + 45);
    p->pass.epoch = wit_load_le32(state + 49);
    memcpy(p->pass.next, state + 53, FRONTIER_ID_BYTES);
    return 1;
}

/* Domains stop and go on as the limit of this run says: an epoch begins, and pages that were held
 * in one before may come in, or are held again. */
static int stops_review(struct frontier *f, bool is_first, struct wit_error *err) {
    struct parked *p = &f->parked;
    if (!is_first && p->barren_most == f->context.barren_most)
        return 0;
    int st = p->journal_pages ? parked_seal(f, err) : 0;
    p->barren_most = f->context.barren_most;
    p->epoch++;
    return st < 0 ? st : domains_judge_all(f, err);
}

int parked_open(struct frontier *f, struct wit_error *err) {
    struct parked *p = &f->parked;
    p->next_file = 1;
    for (unsigned b = 0; b < PARKED_BUCKETS; b++)
        p->buckets[b].novelty = FRONTIER_NOVELTY_FIRST;
    int found = state_read(f, err);
    int st = found < 0 ? found : parked_files_open(f, err);
    if (st >= 0 && p->pass.on)
        st = pass_open(f, err);
    if (st >= 0)
        st = stops_review(f, found == 0, err);
    if (st >= 0)
        st = parked_review(f, err);
    f->totals.waiting += p->pages;
    return st < 0 ? st : 0;
}

int parked_commit_begin(struct frontier *f, struct wit_error *err) {
    int rc = state_write(f);
    return rc ? frontier_fail(f, rc, "change", err) : 0;
}

void parked_close(struct frontier *f) {
    pass_close(&f->parked.pass);
    parked_files_close(f);
}
