/*
 * reactor.c: a loop that asks. All of it but what reactor.h names runs in the
 * reactor's thread.
 *
 * A task: inbox -> politeness -> client -> results
 *                      ^            |
 *                      +-- later <--+  (what may heal)
 */
#include "reactor_state.h"

#include <stdlib.h>

enum {
    TURNS_MS = 10,  /* requests are started so long before the loop looks elsewhere, */
    REFUSALS_MS = 2 /* or so long, where rules refuse: see path_pattern.h */
};

static void alarm_set(struct reactor *r);

/* ---- requests ------------------------------------------------------------------------------- */

bool reactor_is_overload(int status) {
    return status == 429 || status == 503;
}

/* Milliseconds by Retry-After, 0 without one. */
uint64_t reactor_retry_after_of(const struct wit_net_response *response) {
    uint32_t seconds;
    if (!wit_net_retry_after(response->headers, wit_clock_wall_s(), &seconds))
        return 0;
    return (uint64_t)seconds * 1000;
}

/* What the answer says of the server's mood. */
enum pace_answer reactor_pace_of(const struct wit_net_response *response) {
    static const char *const failed[] = {
        "connect_refused", "connect_timeout", "connect_failed", "timeout",
        "too_slow",        "truncated",       "reset"
    };
    if (reactor_is_overload(response->status))
        return PACE_OVERLOADED;
    if (response->status == 403)
        return PACE_FORBIDDEN;
    if (response->status >= 500)
        return PACE_FAILED;
    for (size_t i = 0; i < WIT_COUNT_OF(failed) && response->reason; i++)
        if (strcmp(response->reason, failed[i]) == 0)
            return PACE_FAILED;
    return response->status ? PACE_FINE : PACE_SILENT;
}

/* One that found its address busy has not been sent, so it was no start. */
void reactor_limits_settle(struct reactor *r, const struct wit_net_response *response) {
    crawl_limits_received(r->cfg.limits, response->wire_bytes, wit_clock_ms());
    if (response->reason && strcmp(response->reason, "address_busy") == 0)
        crawl_limits_unstart(r->cfg.limits);
}

/* A request is over: one that still waited for its address was none. */
void reactor_request_over(struct reactor *r, struct address_turn *turn,
                          const struct wit_net_response *response) {
    r->active -= !address_queue_holds(turn);
    address_queue_leave(&r->held, turn);
    address_queue_heard(&r->held, turn, response->heard_ms);
}

static void on_response(void *user, struct wit_net_response *response) {
    struct crawl_task *t = user;
    struct reactor *r = t->reactor;
    t->reactor = NULL; /* no body of the client's in it */
    reactor_request_over(r, &t->turn, response);
    if (atomic_load(&r->stopping)) { /* its page or image is asked for again by the next run */
        t->origin = NULL;
        crawl_task_destroy(t);
        return;
    }
    polite_leaves(r->polite, t->origin, response->sent_ms);
    polite_heard(r->polite, t->origin, t, response->heard_ms);
    uint64_t retry_after_ms =
        reactor_is_overload(response->status) ? reactor_retry_after_of(response) : 0;
    if (response->status)
        polite_took(r->polite, t->origin, response->elapsed_ms);
    reactor_limits_settle(r, response);
    polite_done(r->polite, t, reactor_pace_of(response), retry_after_ms, wit_clock_ms());
    t->wire_bytes += response->wire_bytes;
    if (reactor_is_redirect(response->status))
        reactor_task_redirect(r, t, response);
    else if (response->reason)
        reactor_task_failed(r, t, response->reason, retry_after_ms);
    else if (t->subject == WIT_CRAWLER_PAGE)
        reactor_page_arrived(r, t, response);
    else
        reactor_image_arrived(r, t, response);
    reactor_pump(r);
}

/* A domain that may be asked for more than one at a time may be due by it; what is due now is asked
 * for by the alarm, since we are inside the client. */
void reactor_answer_begins(struct reactor *r, struct polite_origin *o, struct crawl_task *t,
                           struct address_turn *turn) {
    uint64_t due_ms = polite_due_ms(r->polite), heard_ms = wit_clock_ms() + 1;
    address_queue_heard(&r->held, turn, heard_ms);
    polite_heard(r->polite, o, t, heard_ms);
    if (polite_due_ms(r->polite) < due_ms && !atomic_load(&r->stopping))
        alarm_set(r);
}

static void on_task_answer(void *user) {
    struct crawl_task *t = user;
    reactor_answer_begins(t->reactor, t->origin, t, &t->turn);
}

/* The address is known: its turn there, and the delay of the domain counts from it. */
enum wit_net_turn reactor_address_take(struct reactor *r, struct polite_origin *o,
                                       struct address_turn *turn,
                                       const struct wit_net_address *address,
                                       struct wit_net_transfer *transfer) {
    uint64_t leaves_ms = 0;
    address_queue_heard(&r->held, turn, 0); /* the address before did not answer */
    enum wit_net_turn st =
        address_queue_enter(&r->held, turn, address, transfer, wit_clock_ms(), &leaves_ms);
    if (st != WIT_NET_HOLD)
        return st;
    r->active--;
    polite_leaves(r->polite, o, leaves_ms);
    alarm_set(r);
    return st;
}

static enum wit_net_turn on_task_address(void *user, const struct wit_net_address *address,
                                         struct wit_net_transfer *transfer) {
    struct crawl_task *t = user;
    return reactor_address_take(t->reactor, t->origin, &t->turn, address, transfer);
}

static void task_fetch(struct reactor *r, struct crawl_task *t) {
    const struct wit_crawler_config *cfg = r->cfg.crawl;
    struct wit_net_request req = wit_net_request_default(crawl_task_address(t));
    bool page = t->subject == WIT_CRAWLER_PAGE;
    req.accept = !page           ? "image/jpeg,image/png,image/webp,image/gif"
                 : cfg->sitemaps ? "text/html,application/xhtml+xml;q=0.9,application/xml;q=0.8,"
                                   "text/xml;q=0.8,application/rss+xml;q=0.8,"
                                   "application/atom+xml;q=0.8,application/gzip;q=0.5,"
                                   "text/plain;q=0.5"
                                 : "text/html,application/xhtml+xml;q=0.9";
    req.compressed = page;
    req.cut = page;
    req.max_body_bytes = page ? cfg->max_page_bytes : cfg->max_image_bytes;
    req.max_body_by = page ? reactor_max_page_bytes : NULL;
    req.on_headers = page ? NULL : reactor_on_image_headers;
    req.on_address = polite_origin_is_own(t->origin) ? NULL : on_task_address;
    req.on_answer = on_task_answer;
    req.deadline_ms = cfg->deadline_ms;
    req.names_since_ms = t->failed_ms;
    t->reactor = r;
    t->turn = (struct address_turn){ .started_ms = 0 };
    r->active++;
    int st = wit_net_fetch(r->net, &req, on_response, t, NULL);
    if (st < 0) {
        r->active--;
        t->reactor = NULL;
        polite_done(r->polite, t, PACE_FINE, 0, wit_clock_ms());
        reactor_task_refuse(r, t, st == WIT_ENOMEM ? "no_memory" : "bad_url");
    }
}

/* ---- the loop ------------------------------------------------------------------------------- */

static struct crawl_task *task_of(struct due_item *item) {
    return (struct crawl_task *)((char *)item - offsetof(struct crawl_task, due));
}

static struct robots_fetch *hop_of(struct due_item *item) {
    return (struct robots_fetch *)((char *)item - offsetof(struct robots_fetch, due));
}

/* Images that the pool has not looked at count as requests: else bodies would pile up when it is
 * slower than the network. */
static bool has_room(const struct reactor *r) {
    return r->active + atomic_load(&r->at_pool) < r->cfg.max_in_flight;
}

/* For a request that is not at its address yet. */
static bool may_ask(const struct reactor *r) {
    return has_room(r) && r->held.waiting.count < ADDRESS_QUEUE_MOST;
}

/* Those whose address may be asked, before any others: they have waited. */
static void held_go(struct reactor *r, uint64_t now_ms) {
    for (struct wit_net_transfer *transfer;
         has_room(r) && (transfer = address_queue_next(&r->held, now_ms));) {
        r->active++;
        wit_net_go(transfer);
    }
}

/* When the first of them is due. */
static uint64_t hops_due_ms(const struct reactor *r) {
    const struct due_item *item = due_heap_first(&r->hops);
    return item ? item->at_ms : UINT64_MAX;
}

/* Requests like any other, as far as the limits of all of them go. */
static void hops_ask(struct reactor *r, uint64_t now_ms) {
    while (hops_due_ms(r) <= now_ms && may_ask(r) && crawl_limits_start(r->cfg.limits, now_ms)) {
        struct due_item *item = due_heap_first(&r->hops);
        struct robots_fetch *f = hop_of(item);
        due_heap_remove(&r->hops, item);
        if (reactor_file_ask(f) == 0)
            continue;
        polite_robots_again(r->polite, f->origin, REACTOR_NO_MEMORY_WAIT_MS, now_ms);
        reactor_file_destroy(f);
    }
}

/* What waited long enough queues again. */
static void later_queue(struct reactor *r, uint64_t now_ms) {
    for (struct due_item *item; (item = due_heap_first(&r->later)) && item->at_ms <= now_ms;) {
        due_heap_remove(&r->later, item);
        reactor_task_queue(r, task_of(item));
    }
}

/* Whoever is due, as long as there is room and the limits of all reactors allow. Refusals take no
 * turn of their domain, so a host may have thousands in a row, and hostile rules make each cost a
 * millisecond: the others' answers are looked at in between. */
static void turns_take(struct reactor *r, uint64_t now_ms) {
    struct polite_turn turn;
    const uint64_t begin_ms = wit_clock_ms();
    uint64_t until_ms = begin_ms + TURNS_MS;
    while (may_ask(r) && polite_due_ms(r->polite) <= now_ms && wit_clock_ms() < until_ms &&
           crawl_limits_start(r->cfg.limits, now_ms)) {
        enum polite_step step = polite_next(r->polite, now_ms, &turn);
        if (step == POLITE_NOTHING || step == POLITE_REFUSED)
            crawl_limits_unstart(r->cfg.limits);
        if (step == POLITE_REFUSED)
            until_ms = begin_ms + REFUSALS_MS;
        if (step == POLITE_FETCH)
            task_fetch(r, turn.task);
        else if (step == POLITE_ROBOTS || step == POLITE_TDMREP)
            reactor_file_start(r, turn.origin, step == POLITE_TDMREP);
        else if (step == POLITE_REFUSED)
            reactor_task_refuse(r, turn.task, turn.reason);
    }
}

/* When held_go, hops_ask or turns_take may find something to do. */
static uint64_t asking_due_ms(const struct reactor *r) {
    uint64_t due_ms = polite_due_ms(r->polite), limits_ms = crawl_limits_due_ms(r->cfg.limits);
    uint64_t held_ms = has_room(r) ? address_queue_due_ms(&r->held) : UINT64_MAX;
    if (!may_ask(r))
        return held_ms;
    if (hops_due_ms(r) < due_ms)
        due_ms = hops_due_ms(r);
    if (limits_ms > due_ms)
        due_ms = limits_ms;
    return held_ms < due_ms ? held_ms : due_ms;
}

/* To when pump may find something to do. A reactor that pauses is woken by reactor_pause. */
static void alarm_set(struct reactor *r) {
    const struct due_item *retry = due_heap_first(&r->later);
    uint64_t alarm_ms = asking_due_ms(r);
    if (retry && retry->at_ms < alarm_ms)
        alarm_ms = retry->at_ms;
    if (atomic_load(&r->paused))
        alarm_ms = UINT64_MAX;
    if (reactor_is_extracting(r))
        alarm_ms = 0; /* after a look at the sockets */
    wit_net_alarm(r->net, alarm_ms);
}

/* Start what may start, and set the alarm to when more may. */
void reactor_pump(struct reactor *r) {
    uint64_t now_ms = wit_clock_ms();
    if (atomic_load(&r->stopping))
        return;
    reactor_unread_extract(r);
    if (!atomic_load(&r->paused)) {
        held_go(r, now_ms);
        hops_ask(r, now_ms);
        later_queue(r, now_ms);
        turns_take(r, now_ms);
    }
    alarm_set(r);
    atomic_store_explicit(&r->hosts, polite_totals(r->polite).busy, memory_order_relaxed);
}

static void on_wake(void *user) {
    struct reactor *r = user;
    struct crawl_list arrived = crawl_mailbox_take(&r->inbox, 0);
    for (struct crawl_task *t; (t = crawl_list_pop(&arrived));) {
        if (atomic_load(&r->stopping))
            crawl_task_destroy(t);
        else
            reactor_task_queue(r, t);
    }
    reactor_pump(r);
}

static void on_alarm(void *user) {
    reactor_pump(user);
}

static void *reactor_main(void *user) {
    struct reactor *r = user;
    wit_net_run(r->net);
    return NULL;
}

/* ---- from outside --------------------------------------------------------------------------- */

static int client_create(struct reactor *r, struct wit_error *err) {
    const struct wit_crawler_config *crawl = r->cfg.crawl;
    struct wit_net_config cfg = wit_net_config_default();
    struct wit_buf agent = WIT_BUF_INIT(4096);
    int st = wit_buf_printf(&agent, "%s/%s", crawl->user_agent, crawl->version);
    if (st >= 0 && crawl->contact)
        st = wit_buf_printf(&agent, " (+%s)", crawl->contact);
    if (st >= 0)
        st = wit_buf_terminate(&agent);
    if (st < 0) {
        wit_error_set(err, st, "user agent and contact are too long");
    } else {
        cfg.user_agent = agent.data;
        cfg.allow = crawl->allow_net;
        cfg.allow_count = crawl->allow_net_count;
        cfg.dns_servers = crawl->dns_servers;
        cfg.max_held_bytes = r->cfg.max_held_bytes;
        cfg.on_wake = on_wake;
        cfg.on_alarm = on_alarm;
        cfg.user = r;
        st = wit_net_create(&cfg, &r->net, err);
    }
    wit_buf_finish(&agent);
    return st < 0 ? st : 0;
}

int reactor_create(const struct reactor_config *cfg, struct reactor **out, struct wit_error *err) {
    struct reactor *r = calloc(1, sizeof *r);
    if (!r)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a reactor");
    r->cfg = *cfg;
    r->url = r->base = (struct wit_url)WIT_URL_INIT;
    r->held.limits = cfg->limits;
    int st = crawl_mailbox_init(&r->inbox, err);
    if (st >= 0)
        st = polite_create(cfg->crawl, &r->polite, err);
    if (st >= 0 && cfg->goes_on)
        polite_go_on(r->polite, wit_clock_ms());
    if (st >= 0)
        st = client_create(r, err);
    if (st >= 0) {
        int rc = pthread_create(&r->thread, NULL, reactor_main, r);
        r->running = rc == 0;
        st = rc ? wit_error_errno(err, rc, "cannot start the thread of a reactor") : 0;
    }
    if (st < 0)
        reactor_destroy(r);
    else
        *out = r;
    return st;
}

void reactor_push(struct reactor *r, struct crawl_task *t) {
    crawl_mailbox_push(&r->inbox, t);
    wit_net_wake(r->net);
}

void reactor_wake(struct reactor *r) {
    wit_net_wake(r->net);
}

void reactor_pause(struct reactor *r, bool paused) {
    atomic_store(&r->paused, paused);
    wit_net_wake(r->net);
}

static void files_add(const struct file_counts *counts, struct wit_crawler_files *out) {
    out->read += atomic_load(&counts->read);
    out->absent += atomic_load(&counts->absent);
    out->unreachable += atomic_load(&counts->unreachable);
}

void reactor_files(const struct reactor *r, struct wit_crawler_files *robots,
                   struct wit_crawler_files *tdmrep) {
    files_add(&r->robots, robots);
    files_add(&r->tdmrep, tdmrep);
}

size_t reactor_hosts(const struct reactor *r) {
    return atomic_load_explicit(&r->hosts, memory_order_relaxed);
}

void reactor_work_done(struct reactor *r) {
    atomic_fetch_sub(&r->at_pool, 1);
    wit_net_wake(r->net);
}

void reactor_body_release(struct reactor *r, size_t bytes) {
    wit_net_body_release(r->net, bytes);
}

void reactor_stop(struct reactor *r) {
    atomic_store(&r->stopping, true);
    if (!r->running)
        return;
    wit_net_stop(r->net);
    pthread_join(r->thread, NULL);
    r->running = false;
}

void reactor_lateness(const struct reactor *r, struct lateness *sum) {
    lateness_add(sum, polite_lateness(r->polite));
}

void reactor_destroy(struct reactor *r) {
    if (!r)
        return;
    reactor_stop(r);
    wit_net_destroy(r->net); /* ends what is on its way: on_response, on_robots */
    for (struct due_item *item; (item = due_heap_first(&r->later));) {
        due_heap_remove(&r->later, item);
        crawl_task_destroy(task_of(item));
    }
    for (struct due_item *item; (item = due_heap_first(&r->hops));) {
        due_heap_remove(&r->hops, item);
        reactor_file_destroy(hop_of(item));
    }
    for (struct crawl_task *t; (t = crawl_list_pop(&r->unread));)
        crawl_task_destroy(t);
    due_heap_finish(&r->later);
    due_heap_finish(&r->hops);
    address_queue_finish(&r->held);
    polite_destroy(r->polite);
    crawl_mailbox_finish(&r->inbox);
    wit_url_finish(&r->url);
    wit_url_finish(&r->base);
    free(r);
}
