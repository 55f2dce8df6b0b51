/* politeness.c: domains, their origins, and the heap of those that are due. */
#include "politeness.h"

#include "crawl_rights.h"
#include "robots.h"
#include "text/wit_text.h"

#include <stdlib.h>

enum {
    BUCKETS = 131072,              /* of the table of domains, by hash */
    IDLE_MOST = 131072,            /* domains kept with nothing to do, for their rules and clocks */
    IDLE_RESTED_MOST = 262144,     /* up to so many, those that had to rest are kept */
    IDLE_LOOKED_MOST = 64,         /* kept ones looked at in one turn */
    ORIGINS_MOST = 256,            /* of one domain: its subdomains and ports */
    ROBOTS_MOST_BYTES = 128 << 20, /* of rules, estimated */
    ROBOTS_MEMORY_FACTOR = 4,      /* parsed rules to their text */
    ROBOTS_LEAST_BYTES = 1500,     /* of rules without a word */
    CRAWL_DELAY_MOST_MS = 300000,
    RULES_LIFE_MS = 24 * 3600 * 1000, /* RFC 9309, 2.4 */
    DENIAL_LIFE_MS = 3600 * 1000,
    OVERLOAD_FACTOR = 15
};

enum origin_state {
    /* UNKNOWN -> FETCHING -> ALLOWED or DENIED -> (life over) -> UNKNOWN; FETCHING -> UNKNOWN to
     * try again */
    ORIGIN_UNKNOWN,
    ORIGIN_FETCHING,
    ORIGIN_ALLOWED,
    ORIGIN_DENIED
};

/* What is known of its tdmrep.json, while it is ALLOWED. */
enum tdm_state {
    /* UNKNOWN -> FETCHING -> KNOWN -> (life over) -> UNKNOWN; FETCHING -> UNKNOWN to try again */
    TDM_UNKNOWN,
    TDM_FETCHING,
    TDM_KNOWN
};

struct polite_origin {
    struct polite_origin *next; /* of the domain */
    struct polite_domain *domain;
    enum origin_state state;
    struct wit_crawler_robots *robots; /* of ALLOWED; NULL allows all */
    size_t robots_bytes;
    const char *reason; /* of DENIED */
    uint64_t expires_ms;
    enum tdm_state tdm_state;
    struct wit_crawler_tdmrep *tdmrep; /* of KNOWN; NULL says nothing */
    size_t tdmrep_bytes;
    uint64_t tdm_expires_ms;
    unsigned tries;            /* for the file that is asked for now */
    bool unheard;              /* the request for that file: see polite_heard */
    size_t refs;               /* tasks that point here */
    struct crawl_list waiting; /* for the rules */
    size_t name_len;
    char name[];
};

struct polite_domain {
    struct due_item due; /* first: the heap's item is the domain */
    struct polite_domain *next_in_bucket;
    struct polite_domain *newer, *older; /* idle ones, by the time they became idle */
    bool idle;
    uint64_t hash;
    struct crawl_list queue;
    unsigned active;           /* requests on their way */
    unsigned unheard;          /* of them, those that may not have arrived: see polite_heard */
    uint64_t last_ms, next_ms; /* start of the last request; not before this */
    uint64_t heard_ms;         /* the last one had arrived then, at the latest */
    struct pace pace;
    uint32_t delay_ms, concurrency, crawl_delay_ms;
    bool fixed; /* the user knows the host: what robots.txt says of delays does not count */
    bool gave_up;
    struct polite_origin *origins;
    size_t origin_count;
    size_t name_len;
    char name[];
};

struct polite {
    const struct wit_crawler_config *cfg;
    struct wit_str agent;
    struct due_heap due; /* domains with a task queued and a slot free */
    struct polite_domain *buckets[BUCKETS];
    struct polite_domain *idle_oldest, *idle_newest;
    size_t idle_count;
    size_t hand; /* of rules_trim */
    struct polite_totals totals;
    struct lateness lateness;
    uint64_t now_ms;     /* the latest time that was told */
    uint64_t went_on_ms; /* of polite_go_on; 0: nobody asked before us */
    struct wit_url url;  /* scratch */
    struct wit_buf origin_name;
};

/* ---- origins -------------------------------------------------------------------------------- */

static void origin_forget_rules(struct polite *p, struct polite_origin *o) {
    wit_crawler_robots_destroy(o->robots);
    p->totals.robots_bytes -= o->robots_bytes;
    o->robots = NULL;
    o->robots_bytes = 0;
    o->state = ORIGIN_UNKNOWN;
}

static void origin_forget_tdmrep(struct polite *p, struct polite_origin *o) {
    wit_crawler_tdmrep_destroy(o->tdmrep);
    p->totals.robots_bytes -= o->tdmrep_bytes;
    o->tdmrep = NULL;
    o->tdmrep_bytes = 0;
    o->tdm_state = TDM_UNKNOWN;
}

static void origin_destroy(struct polite *p, struct polite_origin *o) {
    for (struct crawl_task *t; (t = crawl_list_pop(&o->waiting));)
        crawl_task_destroy(t);
    origin_forget_rules(p, o);
    origin_forget_tdmrep(p, o);
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

static struct polite_origin *origin_of(struct polite *p, struct polite_domain *d,
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

static void idle_leave(struct polite *p, struct polite_domain *d) {
    if (!d->idle)
        return;
    *(d->older ? &d->older->newer : &p->idle_oldest) = d->newer;
    *(d->newer ? &d->newer->older : &p->idle_newest) = d->older;
    d->newer = d->older = NULL;
    d->idle = false;
    p->idle_count--;
}

static void idle_enter(struct polite *p, struct polite_domain *d) {
    d->older = p->idle_newest;
    *(d->older ? &d->older->newer : &p->idle_oldest) = d;
    p->idle_newest = d;
    d->idle = true;
    p->idle_count++;
}

static void domain_destroy(struct polite *p, struct polite_domain *d) {
    struct polite_domain **link = &p->buckets[d->hash % BUCKETS];
    while (*link != d)
        link = &(*link)->next_in_bucket;
    *link = d->next_in_bucket;
    idle_leave(p, d);
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
            idle_leave(p, d);
            idle_enter(p, d);
            kept++;
        } else {
            domain_destroy(p, d);
        }
    }
}

static void origin_trim(struct polite *p, struct polite_origin *o) {
    if (o->state == ORIGIN_ALLOWED && o->robots)
        origin_forget_rules(p, o);
    if (o->tdm_state == TDM_KNOWN && o->tdmrep)
        origin_forget_tdmrep(p, o);
}

/* Rules of other origins go, wherever they are, until there is room: whoever needs them again asks
 * again. A hand that goes round, so that all are hit in turn. */
static void rules_trim(struct polite *p, const struct polite_origin *keep) {
    for (size_t i = 0; i < BUCKETS && p->totals.robots_bytes > ROBOTS_MOST_BYTES; i++) {
        p->hand = (p->hand + 1) % BUCKETS;
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

static struct polite_domain *domain_of(struct polite *p, struct wit_str name, uint64_t now_ms) {
    uint64_t hash = wit_hash64_of(name.data, name.len, 0);
    struct polite_domain **bucket = &p->buckets[hash % BUCKETS];
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
    idle_enter(p, d);
    return d;
}

/* What a site may rely on between two requests. */
static uint32_t floor_of(const struct polite_domain *d) {
    return !d->fixed && d->crawl_delay_ms > d->delay_ms ? d->crawl_delay_ms : d->delay_ms;
}

/* Does the delay count from when the server has had a request? */
static bool counts_arrivals(const struct polite_domain *d) {
    return floor_of(d) > 0 && !(d->fixed && d->concurrency > 1);
}

/* Why nothing that queues there is waited for; NULL: it is. */
static const char *gone_reason(const struct polite *p, const struct polite_domain *d) {
    if (d->gave_up)
        return "host_gave_up";
    return d->pace.rest_end_ms > p->now_ms + p->cfg->max_wait_ms ? "host_rests" : NULL;
}

static bool has_slot(const struct polite_domain *d) {
    return d->active < d->concurrency && !(d->unheard && counts_arrivals(d));
}

/* Into the heap, out of it, or to the idle ones: whatever its state says. */
static void domain_settle(struct polite *p, struct polite_domain *d) {
    if (d->queue.count && gone_reason(p, d)) {
        (void)due_heap_put(&p->due, &d->due, p->now_ms);
    } else if (d->queue.count && has_slot(d)) {
        uint64_t since_ms = d->due.slot ? d->due.at_ms : p->now_ms; /* it waits for its turn */
        int st = due_heap_put(&p->due, &d->due, since_ms > d->next_ms ? since_ms : d->next_ms);
        (void)st; /* domain_of reserved its place */
    } else {
        due_heap_remove(&p->due, &d->due);
    }
    bool idle = d->queue.count == 0 && d->active == 0;
    if (idle && !d->idle)
        idle_enter(p, d);
    else if (!idle)
        idle_leave(p, d);
}

static struct pace_limits limits_of(const struct polite *p, const struct polite_domain *d) {
    const struct wit_crawler_config *cfg = p->cfg;
    uint64_t first_ms = (uint64_t)OVERLOAD_FACTOR * cfg->retry_ms;
    return (struct pace_limits){
        .floor_ms = floor_of(d),
        .own = d->fixed,
        .rest_first_ms = first_ms < cfg->max_wait_ms ? (uint32_t)first_ms : cfg->max_wait_ms,
        .rest_most_ms = cfg->max_wait_ms,
    };
}

static void next_raise(struct polite_domain *d, uint64_t at_ms) {
    d->next_ms = at_ms > d->next_ms ? at_ms : d->next_ms;
}

/* The delay, as it is now, counts from the start of the last request, what of it a site may rely on
 * from when that had arrived; a rest goes before. */
static void next_set(const struct polite *p, struct polite_domain *d) {
    const struct pace_limits limits = limits_of(p, d);
    next_raise(d, d->last_ms + pace_delay_ms(&d->pace, &limits));
    if (d->heard_ms && counts_arrivals(d))
        next_raise(d, d->heard_ms + floor_of(d));
    next_raise(d, d->pace.rest_end_ms);
}

static void slot_take(const struct polite *p, struct polite_domain *d, bool *unheard,
                      uint64_t now_ms) {
    d->active++;
    d->unheard++;
    *unheard = true;
    d->last_ms = now_ms;
    next_set(p, d);
}

static void request_heard(const struct polite *p, struct polite_domain *d, bool *unheard,
                          uint64_t at_ms) {
    if (!*unheard)
        return;
    *unheard = false;
    d->unheard--;
    d->heard_ms = at_ms > d->heard_ms ? at_ms : d->heard_ms;
    next_set(p, d);
}

static void task_leave(struct crawl_task *t) {
    t->origin->refs--;
    t->origin = NULL;
}

/* ---- the queue ------------------------------------------------------------------------------ */

int polite_create(const struct wit_crawler_config *cfg, struct polite **out,
                  struct wit_error *err) {
    struct polite *p = calloc(1, sizeof *p);
    if (!p)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the queues of a reactor");
    p->cfg = cfg;
    p->agent = wit_str_from(cfg->user_agent);
    p->url = (struct wit_url)WIT_URL_INIT;
    p->origin_name = (struct wit_buf)WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    *out = p;
    return 0;
}

void polite_go_on(struct polite *p, uint64_t now_ms) {
    p->went_on_ms = now_ms;
}

void polite_destroy(struct polite *p) {
    if (!p)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (p->buckets[i])
            domain_destroy(p, p->buckets[i]);
    due_heap_finish(&p->due);
    wit_url_finish(&p->url);
    wit_buf_finish(&p->origin_name);
    free(p);
}

int polite_push(struct polite *p, struct crawl_task *t, uint64_t now_ms) {
    if (crawl_task_address(t).len > WIT_NET_URL_MAX_BYTES)
        return WIT_ELIMIT;
    int st = wit_url_parse(&p->url, crawl_task_address(t), NULL, NULL);
    if (st == 0 && !wit_url_is_http(&p->url))
        st = WIT_EFORMAT;
    wit_buf_reset(&p->origin_name);
    if (st == 0)
        st = wit_url_origin(&p->url, &p->origin_name);
    if (st < 0)
        return st;
    /* The rules are asked for what stands in the address, so it must be what is asked for. */
    if (!wit_str_eq(wit_url_href(&p->url), crawl_task_address(t)))
        return WIT_EFORMAT;
    struct wit_str target = wit_url_target(&p->url);
    struct polite_domain *d = domain_of(p, wit_domain_registrable(wit_url_host(&p->url)), now_ms);
    struct polite_origin *o = d ? origin_of(p, d, wit_buf_view(&p->origin_name)) : NULL;
    if (!o)
        return WIT_ENOMEM;
    t->target_at = (size_t)(target.data - wit_url_href(&p->url).data);
    t->target_len = target.len;
    t->origin = o;
    o->refs++;
    p->now_ms = now_ms;
    crawl_list_push(&d->queue, t);
    domain_settle(p, d);
    return 0;
}

static struct wit_str target_of(const struct crawl_task *t) {
    struct wit_str address = crawl_task_address(t);
    return wit_str_slice(address, t->target_at, t->target_at + t->target_len);
}

/* Why the rules keep this path from us; NULL: they don't. What it may cost is for all agents. */
static const char *rules_refuse(const struct polite *p, const struct polite_origin *o,
                                struct wit_str target) {
    const struct wit_crawler_config *cfg = p->cfg;
    uint64_t work = 0;
    if (!o->robots)
        return NULL;
    if (!(cfg->ignore & WIT_CRAWLER_IGNORE_ROBOTS) &&
        !robots_decide(o->robots, p->agent, target, &work))
        return "robots_denied";
    for (size_t i = 0; i < cfg->obey_agent_count; i++) {
        struct wit_str agent = wit_str_from(cfg->obey_agents[i]);
        if (wit_crawler_robots_names(o->robots, agent) &&
            !robots_decide(o->robots, agent, target, &work))
            return "robots_other_agent";
    }
    return NULL;
}

/* Is the tdmrep.json to be asked for before anything else? Not where the rules keep it from us:
 * then it says nothing. */
static bool tdmrep_is_wanted(struct polite *p, struct polite_origin *o, uint64_t now_ms) {
    if (p->cfg->ignore & WIT_CRAWLER_IGNORE_TDM)
        return false;
    if (o->tdm_state == TDM_KNOWN && o->tdm_expires_ms <= now_ms)
        origin_forget_tdmrep(p, o);
    if (o->tdm_state == TDM_UNKNOWN && rules_refuse(p, o, WIT_STR(POLITE_TDMREP_PATH))) {
        o->tdm_state = TDM_KNOWN;
        o->tdm_expires_ms = o->expires_ms;
    }
    return o->tdm_state != TDM_KNOWN;
}

/* What the files of its origin say of the use of what is asked for. */
static void rights_read(const struct polite *p, struct crawl_task *t) {
    const struct polite_origin *o = t->origin;
    struct wit_str target = target_of(t);
    unsigned said = 0;
    wit_buf_reset(&t->rights);
    if (o->robots)
        said = wit_crawler_robots_usage(o->robots, p->agent, target, &t->rights);
    t->directives = crawl_rights_of_robots(said, p->cfg->ignore);
    if (o->tdmrep)
        t->directives |= wit_crawler_tdmrep_of(o->tdmrep, target, &t->rights);
}

/* An image that robots.txt reserves is not worth a request. A page may have links, and what
 * tdmrep.json says the answer itself may take back. */
static const char *rights_refuse(const struct crawl_task *t) {
    const unsigned tdm = WIT_CRAWLER_TDM_RESERVED | WIT_CRAWLER_TDM_OPEN;
    return t->subject == WIT_CRAWLER_IMAGE ? wit_crawler_directives_refuse(t->directives & ~tdm)
                                           : NULL;
}

/* A task whose origin may be asked. False: it now waits for the tdmrep.json. */
static bool task_admit(struct polite *p, struct crawl_task *t, uint64_t now_ms,
                       enum polite_step *step, struct polite_turn *turn) {
    struct polite_origin *o = t->origin;
    if (o->tdm_state == TDM_FETCHING) { /* before its path is judged, which may cost milliseconds */
        crawl_list_push(&o->waiting, t);
        return false;
    }
    turn->reason = rules_refuse(p, o, target_of(t));
    if (!turn->reason && tdmrep_is_wanted(p, o, now_ms)) {
        crawl_list_push(&o->waiting, t);
        o->tdm_state = TDM_FETCHING;
        slot_take(p, o->domain, &o->unheard, now_ms);
        turn->task = NULL;
        *step = POLITE_TDMREP;
        return true;
    }
    if (!turn->reason) {
        rights_read(p, t);
        turn->reason = rights_refuse(t);
    }
    if (!turn->reason) {
        slot_take(p, o->domain, &t->unheard, now_ms);
        *step = POLITE_FETCH;
        return true;
    }
    task_leave(t);
    *step = POLITE_REFUSED;
    return true;
}

/* The first task of a domain that is due. False: it now waits for its origin's rules. */
static bool task_step(struct polite *p, struct polite_domain *d, uint64_t now_ms,
                      enum polite_step *step, struct polite_turn *turn) {
    struct crawl_task *t = crawl_list_pop(&d->queue);
    struct polite_origin *o = t->origin;
    *turn = (struct polite_turn){ .task = t, .origin = o, .reason = gone_reason(p, d) };
    if (turn->reason) {
        task_leave(t);
        *step = POLITE_REFUSED;
        return true;
    }
    if (o->state >= ORIGIN_ALLOWED && o->expires_ms <= now_ms)
        origin_forget_rules(p, o);
    switch (o->state) {
    case ORIGIN_FETCHING:
        crawl_list_push(&o->waiting, t);
        return false;
    case ORIGIN_UNKNOWN:
        crawl_list_push(&o->waiting, t);
        if (o->tdm_state == TDM_FETCHING) /* one file of an origin at a time */
            return false;
        o->state = ORIGIN_FETCHING;
        slot_take(p, d, &o->unheard, now_ms);
        turn->task = NULL;
        *step = POLITE_ROBOTS;
        return true;
    case ORIGIN_ALLOWED:
        return task_admit(p, t, now_ms, step, turn);
    case ORIGIN_DENIED:
        turn->reason = o->reason;
        break;
    }
    task_leave(t);
    *step = POLITE_REFUSED;
    return true;
}

enum polite_step polite_next(struct polite *p, uint64_t now_ms, struct polite_turn *turn) {
    p->now_ms = now_ms;
    for (struct due_item *item; (item = due_heap_first(&p->due)) && item->at_ms <= now_ms;) {
        struct polite_domain *d = (struct polite_domain *)item;
        if (!gone_reason(p, d) && (d->next_ms > now_ms || !has_slot(d))) { /* no longer gone */
            domain_settle(p, d);
            continue;
        }
        enum polite_step step = POLITE_NOTHING;
        uint64_t late_ms = now_ms - item->at_ms;
        bool turned = task_step(p, d, now_ms, &step, turn);
        domain_settle(p, d);
        if (turned && step != POLITE_REFUSED)
            lateness_note(&p->lateness, late_ms);
        if (turned)
            return step;
    }
    return POLITE_NOTHING;
}

uint64_t polite_due_ms(const struct polite *p) {
    const struct due_item *item = due_heap_first(&p->due);
    return item ? item->at_ms : UINT64_MAX;
}

void polite_leaves(struct polite *p, struct polite_origin *o, uint64_t at_ms) {
    struct polite_domain *d = o->domain;
    if (at_ms <= d->last_ms)
        return;
    d->last_ms = at_ms;
    next_set(p, d);
    domain_settle(p, d);
}

void polite_heard(struct polite *p, struct polite_origin *o, struct crawl_task *task,
                  uint64_t at_ms) {
    p->now_ms = at_ms > p->now_ms ? at_ms : p->now_ms;
    request_heard(p, o->domain, task ? &task->unheard : &o->unheard, at_ms);
    domain_settle(p, o->domain);
}

void polite_took(struct polite *p, struct polite_origin *o, uint32_t elapsed_ms) {
    pace_took(&o->domain->pace, elapsed_ms);
}

static void answer_count(struct polite *p, struct polite_domain *d, enum pace_answer answer,
                         uint64_t retry_after_ms, uint64_t now_ms) {
    const struct pace_limits limits = limits_of(p, d);
    p->now_ms = now_ms;
    pace_answered(&d->pace, &limits, answer, retry_after_ms, now_ms);
    next_set(p, d);
    d->gave_up |= p->cfg->max_rests && d->pace.rests > p->cfg->max_rests;
}

void polite_done(struct polite *p, struct crawl_task *t, enum pace_answer answer,
                 uint64_t retry_after_ms, uint64_t now_ms) {
    struct polite_domain *d = t->origin->domain;
    task_leave(t);
    p->now_ms = now_ms;
    d->active--;
    request_heard(p, d, &t->unheard, now_ms);
    answer_count(p, d, answer, retry_after_ms, now_ms);
    domain_settle(p, d);
}

void polite_robots_answered(struct polite *p, struct polite_origin *o, enum pace_answer answer,
                            uint64_t retry_after_ms, uint64_t now_ms) {
    request_heard(p, o->domain, &o->unheard, now_ms);
    answer_count(p, o->domain, answer, retry_after_ms, now_ms);
    domain_settle(p, o->domain);
}

uint64_t polite_robots_hop(struct polite *p, struct polite_origin *o, uint64_t now_ms) {
    struct polite_domain *d = o->domain;
    request_heard(p, d, &o->unheard, now_ms);
    uint64_t at_ms = d->next_ms > now_ms ? d->next_ms : now_ms;
    d->active--; /* slot_take counts it again */
    slot_take(p, d, &o->unheard, at_ms);
    domain_settle(p, d);
    return at_ms;
}

/* ---- robots.txt ----------------------------------------------------------------------------- */

/* The request for a file of the origin is over: its tasks queue again. */
static void file_over(struct polite *p, struct polite_origin *o, unsigned tries) {
    struct polite_domain *d = o->domain;
    d->active--;
    request_heard(p, d, &o->unheard, p->now_ms);
    o->tries = tries;
    crawl_list_prepend(&d->queue, &o->waiting);
    domain_settle(p, d);
}

static void rules_arrived(struct polite *p, struct polite_origin *o, enum origin_state state) {
    o->state = state;
    file_over(p, o, 0);
}

void polite_robots_allow(struct polite *p, struct polite_origin *o,
                         struct wit_crawler_robots *robots, size_t robots_bytes, uint64_t now_ms) {
    p->now_ms = now_ms;
    o->robots = robots;
    o->robots_bytes = robots ? ROBOTS_LEAST_BYTES + ROBOTS_MEMORY_FACTOR * robots_bytes : 0;
    o->expires_ms = now_ms + RULES_LIFE_MS;
    p->totals.robots_bytes += o->robots_bytes;
    int64_t delay_ms = robots ? wit_crawler_robots_crawl_delay_ms(robots, p->agent) : -1;
    if (delay_ms > CRAWL_DELAY_MOST_MS)
        delay_ms = CRAWL_DELAY_MOST_MS;
    struct polite_domain *d = o->domain;
    if (delay_ms > (int64_t)d->crawl_delay_ms)
        d->crawl_delay_ms = (uint32_t)delay_ms;
    next_set(p, d); /* the new delay counts from the last request */
    rules_arrived(p, o, ORIGIN_ALLOWED);
    rules_trim(p, o);
}

void polite_robots_deny(struct polite *p, struct polite_origin *o, const char *reason,
                        uint64_t now_ms) {
    p->now_ms = now_ms;
    o->reason = reason;
    o->expires_ms = now_ms + DENIAL_LIFE_MS;
    rules_arrived(p, o, ORIGIN_DENIED);
}

void polite_tdmrep(struct polite *p, struct polite_origin *o, struct wit_crawler_tdmrep *tdmrep,
                   size_t tdmrep_bytes, bool answered, uint64_t now_ms) {
    p->now_ms = now_ms;
    o->tdmrep = tdmrep;
    o->tdmrep_bytes = tdmrep ? ROBOTS_MEMORY_FACTOR * tdmrep_bytes : 0;
    o->tdm_expires_ms = now_ms + (answered ? RULES_LIFE_MS : DENIAL_LIFE_MS);
    o->tdm_state = TDM_KNOWN;
    p->totals.robots_bytes += o->tdmrep_bytes;
    file_over(p, o, 0);
    rules_trim(p, o);
}

static void file_again(struct polite *p, struct polite_origin *o, unsigned tries, uint64_t wait_ms,
                       uint64_t now_ms) {
    p->now_ms = now_ms;
    if (now_ms + wait_ms > o->domain->next_ms)
        o->domain->next_ms = now_ms + wait_ms;
    if (o->state == ORIGIN_FETCHING)
        o->state = ORIGIN_UNKNOWN;
    else
        o->tdm_state = TDM_UNKNOWN;
    file_over(p, o, tries);
}

void polite_robots_retry(struct polite *p, struct polite_origin *o, uint64_t wait_ms,
                         uint64_t now_ms) {
    file_again(p, o, o->tries + 1, wait_ms, now_ms);
}

void polite_robots_again(struct polite *p, struct polite_origin *o, uint64_t wait_ms,
                         uint64_t now_ms) {
    file_again(p, o, o->tries, wait_ms, now_ms);
}

const struct lateness *polite_lateness(const struct polite *p) {
    return &p->lateness;
}

struct polite_totals polite_totals(const struct polite *p) {
    struct polite_totals totals = p->totals;
    totals.busy = totals.domains - p->idle_count;
    return totals;
}
