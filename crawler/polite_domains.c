/* polite_domains.c: domains and their origins: found, made, kept while there is room, forgotten. */
#include "polite_state.h"

#include <assert.h>
#include <stdlib.h>

enum {
    /* Of all reactors. Domains with nothing to do are kept for their rules: some 16,000 as most
     * are, whose robots.txt is a few lines. */
    IDLE_MOST_BYTES = 16 << 20,
    NOTES_MOST = 262144, /* 8 MiB */
    RULES_MOST_BYTES = 128 << 20,
    SHARE_LEAST_BYTES = 1 << 20, /* of a reactor */
    IDLE_LOOKED_MOST = 64,       /* idle domains that are looked at in vain in one turn */
    ORIGINS_MOST = 256,          /* of one domain: its subdomains and ports */
    OVERHEAD_BYTES = 16          /* of an allocation */
};

static size_t share_of(const struct polite *p, size_t bytes) {
    size_t share = bytes / p->cfg->reactors;
    return share < SHARE_LEAST_BYTES ? SHARE_LEAST_BYTES : share;
}

int polite_domains_init(struct polite *p) {
    p->idle_most_bytes = share_of(p, IDLE_MOST_BYTES);
    p->rules_most_bytes = share_of(p, RULES_MOST_BYTES);
    return polite_notes_init(&p->notes, NOTES_MOST / p->cfg->reactors);
}

/* ---- origins -------------------------------------------------------------------------------- */

/* Some memory of the domain is another amount now. */
static void bytes_change(struct polite *p, struct polite_domain *d, size_t from, size_t to) {
    d->bytes = d->bytes - from + to;
    if (d->idle)
        p->idle_bytes = p->idle_bytes - from + to;
}

static void rules_bytes_set(struct polite *p, struct polite_origin *o, size_t *bytes, size_t to) {
    bytes_change(p, o->domain, *bytes, to);
    p->totals.robots_bytes = p->totals.robots_bytes - *bytes + to;
    *bytes = to;
}

void polite_origin_set_rules(struct polite *p, struct polite_origin *o,
                             struct wit_crawler_robots *robots) {
    wit_crawler_robots_destroy(o->robots);
    o->robots = robots;
    rules_bytes_set(p, o, &o->robots_bytes, robots ? wit_crawler_robots_bytes(robots) : 0);
}

void polite_origin_set_tdmrep(struct polite *p, struct polite_origin *o,
                              struct wit_crawler_tdmrep *tdmrep) {
    wit_crawler_tdmrep_destroy(o->tdmrep);
    o->tdmrep = tdmrep;
    rules_bytes_set(p, o, &o->tdmrep_bytes, tdmrep ? wit_crawler_tdmrep_bytes(tdmrep) : 0);
}

void polite_origin_forget_rules(struct polite *p, struct polite_origin *o) {
    polite_origin_set_rules(p, o, NULL);
    o->state = ORIGIN_UNKNOWN;
}

void polite_origin_forget_tdmrep(struct polite *p, struct polite_origin *o) {
    polite_origin_set_tdmrep(p, o, NULL);
    o->tdm_state = TDM_UNKNOWN;
}

static size_t origin_bytes(const struct polite_origin *o) {
    return OVERHEAD_BYTES + sizeof *o + o->name_len + 1;
}

static void origin_destroy(struct polite *p, struct polite_origin *o) {
    for (struct crawl_task *t; (t = crawl_list_pop(&o->waiting));)
        crawl_task_destroy(t);
    polite_origin_forget_rules(p, o);
    polite_origin_forget_tdmrep(p, o);
    bytes_change(p, o->domain, origin_bytes(o), 0);
    p->totals.origins--;
    free(o);
}

/* A domain with endless subdomains keeps the rules of a few. */
static void origins_trim(struct polite *p, struct polite_domain *d) {
    struct polite_origin **link = &d->origins;
    while (d->origin_count >= ORIGINS_MOST && *link) {
        struct polite_origin *o = *link;
        if (o->refs || o->state == ORIGIN_FETCHING || o->tdm_state == TDM_FETCHING) {
            link = &o->next;
            continue;
        }
        *link = o->next;
        d->origin_count--;
        origin_destroy(p, o);
    }
}

struct polite_origin *polite_origin_find(struct polite *p, struct polite_domain *d,
                                         struct wit_str name) {
    for (struct polite_origin *o = d->origins; o; o = o->next)
        if (wit_str_eq(wit_str_of(o->name, o->name_len), name))
            return o;
    origins_trim(p, d);
    struct polite_origin *o = calloc(1, sizeof *o + name.len + 1);
    if (!o)
        return NULL;
    o->domain = d;
    o->name_len = name.len;
    memcpy(o->name, name.data, name.len);
    o->next = d->origins;
    d->origins = o;
    d->origin_count++;
    bytes_change(p, d, 0, origin_bytes(o));
    p->totals.origins++;
    return o;
}

struct wit_str polite_origin_name(const struct polite_origin *o) {
    return wit_str_of(o->name, o->name_len);
}

bool polite_origin_is_own(const struct polite_origin *o) {
    return o->domain->fixed;
}

unsigned polite_origin_tries(const struct polite_origin *o) {
    return o->tries;
}

/* ---- domains -------------------------------------------------------------------------------- */

void polite_idle_leave(struct polite *p, struct polite_domain *d) {
    if (!d->idle)
        return;
    *(d->older ? &d->older->newer : &p->idle_oldest) = d->newer;
    *(d->newer ? &d->newer->older : &p->idle_newest) = d->older;
    d->newer = d->older = NULL;
    d->idle = false;
    p->idle_count--;
    p->idle_bytes -= d->bytes;
}

void polite_idle_enter(struct polite *p, struct polite_domain *d) {
    d->older = p->idle_newest;
    *(d->older ? &d->older->newer : &p->idle_oldest) = d;
    p->idle_newest = d;
    d->idle = true;
    p->idle_count++;
    p->idle_bytes += d->bytes;
}

static void domain_destroy(struct polite *p, struct polite_domain *d) {
    struct polite_domain **link = &p->buckets[d->hash % POLITE_BUCKETS];
    while (*link != d)
        link = &(*link)->next_in_bucket;
    *link = d->next_in_bucket;
    polite_idle_leave(p, d);
    due_heap_remove(&p->due, &d->due);
    for (struct crawl_task *t; (t = crawl_list_pop(&d->queue));)
        crawl_task_destroy(t);
    while (d->origins) {
        struct polite_origin *o = d->origins;
        d->origins = o->next;
        origin_destroy(p, o);
    }
    p->totals.domains--;
    free(d);
}

/* What is to be remembered of a domain that goes is noted. False: there is no place for it. */
static bool domain_note(struct polite *p, const struct polite_domain *d, uint64_t now_ms) {
    const struct polite_note note = {
        .hash = d->hash,
        .next_ms = d->next_ms,
        .rest_end_ms = d->pace.rest_end_ms,
        .extra_ms = (uint16_t)d->pace.extra_ms,
        .rests = d->pace.rests < UINT16_MAX ? (uint16_t)d->pace.rests : UINT16_MAX,
        .gave_up = d->gave_up,
    };
    static_assert(PACE_EXTRA_MOST_MS <= UINT16_MAX, "a note has room for it");
    return !polite_note_matters(&note, now_ms) || polite_notes_keep(&p->notes, &note, now_ms);
}

static void domain_recall(struct polite *p, struct polite_domain *d) {
    struct polite_note note;
    if (!polite_notes_take(&p->notes, d->hash, &note))
        return;
    d->next_ms = note.next_ms > d->next_ms ? note.next_ms : d->next_ms;
    d->pace.rest_end_ms = note.rest_end_ms;
    d->pace.extra_ms = note.extra_ms;
    d->pace.rests = note.rests;
    d->gave_up = note.gave_up;
}

/* Forget those that have been idle longest until there is room. One whose note finds no place
 * stays, as the newest. */
static void idle_trim(struct polite *p, uint64_t now_ms) {
    struct polite_domain *d = p->idle_oldest, *newer;
    for (unsigned kept = 0; d && p->idle_bytes > p->idle_most_bytes && kept < IDLE_LOOKED_MOST;
         d = newer) {
        newer = d->newer;
        if (domain_note(p, d, now_ms)) {
            domain_destroy(p, d);
        } else {
            polite_idle_leave(p, d);
            polite_idle_enter(p, d);
            kept++;
        }
    }
}

static void origin_trim(struct polite *p, struct polite_origin *o) {
    if (o->state == ORIGIN_ALLOWED && o->robots)
        polite_origin_forget_rules(p, o);
    if (o->tdm_state == TDM_KNOWN && o->tdmrep)
        polite_origin_forget_tdmrep(p, o);
}

/* Rules of other origins go, wherever they are, until there is room: whoever needs them again asks
 * again. A hand that goes round, so that all are hit in turn. */
void polite_rules_trim(struct polite *p, const struct polite_origin *keep) {
    for (size_t i = 0; i < POLITE_BUCKETS && p->totals.robots_bytes > p->rules_most_bytes; i++) {
        p->hand = (p->hand + 1) % POLITE_BUCKETS;
        for (struct polite_domain *d = p->buckets[p->hand]; d; d = d->next_in_bucket)
            for (struct polite_origin *o = d->origins; o; o = o->next)
                if (o != keep)
                    origin_trim(p, o);
    }
}

/* The user's limits for the domain, or for everybody. */
static void limits_set(const struct wit_crawler_config *cfg, struct polite_domain *d) {
    d->delay_ms = cfg->delay_ms;
    d->concurrency = cfg->concurrency;
    for (size_t i = 0; i < cfg->host_count && !d->fixed; i++) {
        const struct wit_crawler_host *host = &cfg->hosts[i];
        if (strlen(host->name) != d->name_len || memcmp(host->name, d->name, d->name_len) != 0)
            continue;
        d->fixed = true;
        d->delay_ms = host->delay_ms;
        d->concurrency = host->concurrency;
    }
}

struct polite_domain *polite_domain_find(struct polite *p, struct wit_str name, uint64_t now_ms) {
    uint64_t hash = wit_hash64_of(name.data, name.len, 0);
    struct polite_domain **bucket = &p->buckets[hash % POLITE_BUCKETS];
    for (struct polite_domain *d = *bucket; d; d = d->next_in_bucket)
        if (d->hash == hash && wit_str_eq(wit_str_of(d->name, d->name_len), name))
            return d;
    idle_trim(p, now_ms);
    struct polite_domain *d = calloc(1, sizeof *d + name.len + 1);
    if (!d || due_heap_reserve(&p->due, p->totals.domains + 1) < 0) {
        free(d);
        return NULL;
    }
    d->hash = hash;
    d->name_len = name.len;
    memcpy(d->name, name.data, name.len);
    d->bytes = OVERHEAD_BYTES + sizeof *d + name.len + 1;
    limits_set(p->cfg, d);
    if (p->went_on_ms) {
        d->last_ms = p->went_on_ms;
        d->next_ms = p->went_on_ms + d->delay_ms;
    }
    domain_recall(p, d);
    d->next_in_bucket = *bucket;
    *bucket = d;
    p->totals.domains++;
    polite_idle_enter(p, d);
    return d;
}

void polite_domains_finish(struct polite *p) {
    for (size_t i = 0; i < POLITE_BUCKETS; i++)
        while (p->buckets[i])
            domain_destroy(p, p->buckets[i]);
    polite_notes_finish(&p->notes);
}
