/* politeness.c: the heap of domains that are due, and what moves them in it. */
#include "crawl_rights.h"
#include "polite_state.h"
#include "robots.h"

#include <stdlib.h>

enum {
    CRAWL_DELAY_MOST_MS = 300000,
    RULES_LIFE_MS = 24 * 3600 * 1000, /* RFC 9309, 2.4 */
    DENIAL_LIFE_MS = 3600 * 1000,
    OVERLOAD_FACTOR = 15
};

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
        (void)st; /* polite_domain_find reserved its place */
    } else {
        due_heap_remove(&p->due, &d->due);
    }
    bool idle = d->queue.count == 0 && d->active == 0;
    if (idle && !d->idle)
        polite_idle_enter(p, d);
    else if (!idle)
        polite_idle_leave(p, d);
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
    if (polite_domains_init(p) < 0) {
        free(p);
        return wit_error_set(err, WIT_ENOMEM, "no memory for the queues of a reactor");
    }
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
    polite_domains_finish(p);
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
    struct polite_domain *d =
        polite_domain_find(p, wit_domain_registrable(wit_url_host(&p->url)), now_ms);
    struct polite_origin *o = d ? polite_origin_find(p, d, wit_buf_view(&p->origin_name)) : NULL;
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
        polite_origin_forget_tdmrep(p, o);
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
        polite_origin_forget_rules(p, o);
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
                         struct wit_crawler_robots *robots, uint64_t now_ms) {
    p->now_ms = now_ms;
    polite_origin_set_rules(p, o, robots);
    o->expires_ms = now_ms + RULES_LIFE_MS;
    int64_t delay_ms = robots ? wit_crawler_robots_crawl_delay_ms(robots, p->agent) : -1;
    if (delay_ms > CRAWL_DELAY_MOST_MS)
        delay_ms = CRAWL_DELAY_MOST_MS;
    struct polite_domain *d = o->domain;
    if (delay_ms > (int64_t)d->crawl_delay_ms)
        d->crawl_delay_ms = (uint32_t)delay_ms;
    next_set(p, d); /* the new delay counts from the last request */
    rules_arrived(p, o, ORIGIN_ALLOWED);
    polite_rules_trim(p, o);
}

void polite_robots_deny(struct polite *p, struct polite_origin *o, const char *reason,
                        uint64_t now_ms) {
    p->now_ms = now_ms;
    o->reason = reason;
    o->expires_ms = now_ms + DENIAL_LIFE_MS;
    rules_arrived(p, o, ORIGIN_DENIED);
}

void polite_tdmrep(struct polite *p, struct polite_origin *o, struct wit_crawler_tdmrep *tdmrep,
                   bool answered, uint64_t now_ms) {
    p->now_ms = now_ms;
    polite_origin_set_tdmrep(p, o, tdmrep);
    o->tdm_expires_ms = now_ms + (answered ? RULES_LIFE_MS : DENIAL_LIFE_MS);
    o->tdm_state = TDM_KNOWN;
    file_over(p, o, 0);
    polite_rules_trim(p, o);
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
    totals.idle_bytes = p->idle_bytes;
    return totals;
}
