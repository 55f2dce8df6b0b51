/* polite_domains.c: domains and their origins: found, made, kept while there is room, forgotten. */
#include "polite_state.h"

#include <stdlib.h>

enum {
    IDLE_MOST = 131072,           /* domains kept with nothing to do, for their rules and clocks */
    IDLE_RESTED_MOST = 262144,    /* up to so many, those that had to rest are kept */
    IDLE_LOOKED_MOST = 64,        /* kept ones looked at in one turn */
    ORIGINS_MOST = 256,           /* of one domain: its subdomains and ports */
    ROBOTS_MOST_BYTES = 128 << 20 /* of rules, estimated */
};

/* ---- origins -------------------------------------------------------------------------------- */

void polite_origin_forget_rules(struct polite *p, struct polite_origin *o) {
    wit_crawler_robots_destroy(o->robots);
    p->totals.robots_bytes -= o->robots_bytes;
    o->robots = NULL;
    o->robots_bytes = 0;
    o->state = ORIGIN_UNKNOWN;
}

void polite_origin_forget_tdmrep(struct polite *p, struct polite_origin *o) {
    wit_crawler_tdmrep_destroy(o->tdmrep);
    p->totals.robots_bytes -= o->tdmrep_bytes;
    o->tdmrep = NULL;
    o->tdmrep_bytes = 0;
    o->tdm_state = TDM_UNKNOWN;
}

static void origin_destroy(struct polite *p, struct polite_origin *o) {
    for (struct crawl_task *t; (t = crawl_list_pop(&o->waiting));)
        crawl_task_destroy(t);
    polite_origin_forget_rules(p, o);
    polite_origin_forget_tdmrep(p, o);
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
}

void polite_idle_enter(struct polite *p, struct polite_domain *d) {
    d->older = p->idle_newest;
    *(d->older ? &d->older->newer : &p->idle_oldest) = d;
    p->idle_newest = d;
    d->idle = true;
    p->idle_count++;
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

/* Forget those that have been idle longest, but none whose delay is still running, and as long as
 * there is room none that had to rest: it would be asked at full pace again. Those go to the end.
 */
static void idle_trim(struct polite *p, uint64_t now_ms) {
    struct polite_domain *d = p->idle_oldest, *newer;
    for (unsigned kept = 0; d && p->idle_count > IDLE_MOST && kept < IDLE_LOOKED_MOST; d = newer) {
        newer = d->newer;
        bool rested = (d->gave_up || d->pace.rests) && p->idle_count <= IDLE_RESTED_MOST;
        if (d->next_ms > now_ms || rested) {
            polite_idle_leave(p, d);
            polite_idle_enter(p, d);
            kept++;
        } else {
            domain_destroy(p, d);
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
    for (size_t i = 0; i < POLITE_BUCKETS && p->totals.robots_bytes > ROBOTS_MOST_BYTES; i++) {
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
    limits_set(p->cfg, d);
    if (p->went_on_ms) {
        d->last_ms = p->went_on_ms;
        d->next_ms = p->went_on_ms + d->delay_ms;
    }
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
}
