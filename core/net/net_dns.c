/*
 * net_dns.c: names to addresses on the loop, with a cache.
 *
 * c-ares does the asking; its sockets are polled by libuv. One entry a name: while a lookup runs,
 * all who want that name wait in the entry. What came back is believed for its TTL (bounded both
 * ways), "no such name" for a configured time, and a failure for a few seconds, so that a thousand
 * URLs of a host whose servers are silent do not wait a thousand times; but not by who failed
 * before and tries again: one that finds its own failure in the cache would have tried nothing.
 *
 * So many lookups run at one time and no more, others queue: a burst of thousands of answers has no
 * room in a socket's buffer, and what is lost there costs a timeout each.
 */
#include "net_private.h"

#include <search.h>
#include <stdlib.h>

#define FAILURE_TTL_MS 5000

struct name {
    struct net_dns *dns;
    char *host; /* key */
    struct name *older, *newer;
    bool pending; /* queued, or being asked */
    struct name *next_queued;
    uint64_t learned_ms, expires_ms;
    const char *reason;
    struct wit_net_address *addresses;
    size_t count;
    struct net_dns_wait *waits;
};

/* One of c-ares's sockets; lives until its handle is closed. */
struct watch {
    uv_poll_t poll;
    struct net_dns *dns;
    ares_socket_t fd;
    struct watch *next;
};

struct net_dns {
    uv_loop_t *loop;
    ares_channel channel;
    uv_timer_t timer; /* drives c-ares's own timeouts while something is asked */
    uint64_t tick_ms;
    uint64_t negative_ms, max_ttl_ms;
    struct watch *watches;
    void *tree; /* tsearch over entries by host */
    struct name *oldest, *newest;
    size_t entries, pending; /* pending: being asked */
    struct name *queue_first, *queue_last;
    bool starting, closing;
};

static int name_compare(const void *a, const void *b) {
    return strcmp(((const struct name *)a)->host, ((const struct name *)b)->host);
}

static void name_free(struct name *e) {
    if (!e)
        return;
    free(e->addresses);
    free(e->host);
    free(e);
}

static void name_unlink(struct net_dns *dns, struct name *e) {
    *(e->older ? &e->older->newer : &dns->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &dns->newest) = e->older;
}

static void name_link(struct net_dns *dns, struct name *e) {
    e->older = dns->newest;
    e->newer = NULL;
    *(e->older ? &e->older->newer : &dns->oldest) = e;
    dns->newest = e;
}

static void name_forget(struct net_dns *dns, struct name *e) {
    tdelete(e, &dns->tree, name_compare);
    name_unlink(dns, e);
    dns->entries--;
    name_free(e);
}

/* Two names are looked at for each that comes: one whose answer is over goes, another goes to the
 * end of the list. So what a crawl has passed by does not stay until the cache is full. */
static void names_expire(struct net_dns *dns) {
    for (int looked = 0; looked < 2 && dns->oldest; looked++) {
        struct name *e = dns->oldest;
        if (!e->pending && e->expires_ms <= wit_clock_ms()) {
            name_forget(dns, e);
        } else {
            name_unlink(dns, e);
            name_link(dns, e);
        }
    }
}

/* The entry of a name, made when there is none. NULL: out of memory. */
static struct name *name_of(struct net_dns *dns, const char *host) {
    const struct name key = { .host = (char *)(uintptr_t)host };
    struct name *const *found = tfind(&key, &dns->tree, name_compare);
    if (found)
        return *found;
    names_expire(dns);
    for (struct name *e = dns->oldest; e && dns->entries >= NET_DNS_CACHE_MAX;) {
        struct name *next = e->newer;
        if (!e->pending)
            name_forget(dns, e);
        e = next;
    }
    struct name *e = calloc(1, sizeof *e);
    if (!e || !(e->host = strdup(host)) || !tsearch(e, &dns->tree, name_compare)) {
        name_free(e);
        return NULL;
    }
    e->dns = dns;
    name_link(dns, e);
    dns->entries++;
    return e;
}

static struct net_dns_answer name_answer(const struct name *e) {
    return (struct net_dns_answer){ e->reason, e->addresses, e->count };
}

/* ---- c-ares on libuv ---- */

static void on_tick(uv_timer_t *timer) {
    struct net_dns *dns = timer->data;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void pending_change(struct net_dns *dns, int by) {
    dns->pending += (size_t)by;
    if (dns->closing)
        return;
    if (dns->pending == 0)
        uv_timer_stop(&dns->timer);
    else if (!uv_is_active((uv_handle_t *)&dns->timer))
        uv_timer_start(&dns->timer, on_tick, dns->tick_ms, dns->tick_ms);
}

static void on_socket_ready(uv_poll_t *poll, int status, int events) {
    struct watch *w = poll->data;
    ares_socket_t in = events & UV_READABLE || status < 0 ? w->fd : ARES_SOCKET_BAD;
    ares_socket_t out = events & UV_WRITABLE || status < 0 ? w->fd : ARES_SOCKET_BAD;
    ares_process_fd(w->dns->channel, in, out);
}

static void on_watch_closed(uv_handle_t *handle) {
    free(handle->data);
}

/* c-ares: this socket now wants these events, or none because it is about to be closed. */
static void on_socket_state(void *user, ares_socket_t fd, int readable, int writable) {
    struct net_dns *dns = user;
    struct watch **link = &dns->watches;
    while (*link && (*link)->fd != fd)
        link = &(*link)->next;
    struct watch *w = *link;
    if (!readable && !writable) {
        if (w) {
            *link = w->next;
            uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        /* Without a watch the query runs into its timeout, which is all there is left to do. */
        if (!w || uv_poll_init(dns->loop, &w->poll, fd) != 0) {
            free(w);
            return;
        }
        *w = (struct watch){ .poll = w->poll, .dns = dns, .fd = fd, .next = dns->watches };
        w->poll.data = w;
        dns->watches = w;
    }
    uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                  on_socket_ready);
}

static const char *reason_of(int status) {
    switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME:
        return "dns_nxdomain";
    case ARES_ETIMEOUT:
        return "dns_timeout";
    default:
        return "dns_failed";
    }
}

/* Take over what came back; reason and lifetime follow. */
static void name_fill(struct name *e, int status, const struct ares_addrinfo *info) {
    uint64_t ttl_ms = e->dns->max_ttl_ms;
    size_t count = 0;
    free(e->addresses);
    e->addresses = NULL;
    e->count = 0;
    e->reason = status == ARES_SUCCESS ? NULL : reason_of(status);
    if (!e->reason) {
        for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
            count += count < NET_DNS_ADDRESSES_MAX;
        e->addresses = wit_alloc_array(count ? count : 1, sizeof *e->addresses);
        for (const struct ares_addrinfo_node *n = info->nodes; n && e->addresses; n = n->ai_next) {
            uint64_t node_ms = n->ai_ttl > 0 ? (uint64_t)n->ai_ttl * 1000 : 0;
            ttl_ms = node_ms < ttl_ms ? node_ms : ttl_ms;
            if (e->count < count && net_address_from_sockaddr(n->ai_addr, &e->addresses[e->count]))
                e->count++;
        }
        if (ttl_ms < NET_DNS_MIN_TTL_S * 1000)
            ttl_ms = NET_DNS_MIN_TTL_S * 1000;
        if (e->count == 0)
            e->reason = e->addresses ? "dns_nxdomain" : "no_memory";
    }
    if (e->reason)
        ttl_ms = strcmp(e->reason, "dns_nxdomain") == 0 ? e->dns->negative_ms : FAILURE_TTL_MS;
    e->learned_ms = wit_clock_ms();
    e->expires_ms = e->learned_ms + ttl_ms;
}

static void on_answer(void *user, int status, int timeouts, struct ares_addrinfo *info);

static void name_ask(struct net_dns *dns, struct name *e) {
    const struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT,
                                               .ai_family = AF_UNSPEC,
                                               .ai_socktype = SOCK_STREAM };
    e->pending = true;
    pending_change(dns, +1);
    ares_getaddrinfo(dns->channel, e->host, NULL, &hints, on_answer, e); /* may answer at once */
}

/* Ask for what queues, as far as there is room; what nobody waits for any more is not asked for. An
 * answer that comes at once ends in here again, and leaves the rest to the loop that runs. */
static void queue_ask(struct net_dns *dns) {
    if (dns->starting || dns->closing)
        return;
    dns->starting = true;
    while (dns->queue_first && dns->pending < NET_DNS_PENDING_MAX) {
        struct name *e = dns->queue_first;
        dns->queue_first = e->next_queued;
        if (e->waits)
            name_ask(dns, e);
        else
            e->pending = false;
    }
    dns->starting = false;
}

static void queue_enter(struct net_dns *dns, struct name *e) {
    e->pending = true;
    e->next_queued = NULL;
    *(dns->queue_first ? &dns->queue_last->next_queued : &dns->queue_first) = e;
    dns->queue_last = e;
}

static void on_answer(void *user, int status, int timeouts, struct ares_addrinfo *info) {
    struct name *e = user;
    struct net_dns *dns = e->dns;
    name_fill(e, status, info);
    if (info)
        ares_freeaddrinfo(info);
    while (e->waits) { /* stays pending meanwhile, so that nobody drops the entry under us */
        struct net_dns_wait *w = e->waits;
        net_dns_cancel(w);
        if (!dns->closing) {
            const struct net_dns_answer answer = name_answer(e);
            w->fn(w->user, &answer);
        }
    }
    e->pending = false;
    pending_change(dns, -1);
    queue_ask(dns);
}

/* ---- for the client ---- */

/* Is what the cache says good enough for whoever wants no failure from before since_ms? */
static bool is_fresh(const struct name *e, uint64_t since_ms) {
    bool failed = e->reason && wit_net_reason_heals(e->reason);
    return e->expires_ms > wit_clock_ms() && !(failed && e->learned_ms <= since_ms);
}

int net_dns_lookup(struct net_dns *dns, const char *host, uint64_t since_ms,
                   struct net_dns_wait *wait, struct net_dns_answer *answer) {
    struct name *e = name_of(dns, host);
    if (!e)
        return WIT_ENOMEM;
    bool fresh = is_fresh(e, since_ms);
    if (!fresh && !e->pending) {
        if (dns->queue_first || dns->pending >= NET_DNS_PENDING_MAX)
            queue_enter(dns, e);
        else
            name_ask(dns, e);
    }
    if (fresh || !e->pending) {
        *answer = name_answer(e);
        return 1;
    }
    wait->next = e->waits;
    wait->link = &e->waits;
    if (wait->next)
        wait->next->link = &wait->next;
    e->waits = wait;
    return 0;
}

void net_dns_cancel(struct net_dns_wait *wait) {
    if (!wait->link)
        return;
    *wait->link = wait->next;
    if (wait->next)
        wait->next->link = wait->link;
    wait->link = NULL;
}

int net_dns_create(uv_loop_t *loop, const struct wit_net_config *cfg, struct net_dns **out,
                   struct wit_error *err) {
    char dns_only[] = "b"; /* servers were named: the hosts file is not asked */
    struct ares_options options = { .timeout = (int)cfg->dns_timeout_ms,
                                    .tries = (int)cfg->dns_tries,
                                    .ndomains = 0, /* names are whole: no search list */
                                    .lookups = dns_only,
                                    .socket_receive_buffer_size = NET_DNS_BUFFER_BYTES,
                                    .sock_state_cb = on_socket_state };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB |
               ARES_OPT_SOCK_RCVBUF;
    if (cfg->dns_servers)
        mask |= ARES_OPT_LOOKUPS;
    struct net_dns *dns = calloc(1, sizeof *dns);
    if (!dns)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for the DNS cache");
    dns->loop = loop;
    dns->negative_ms = (uint64_t)cfg->dns_negative_s * 1000;
    dns->max_ttl_ms = (uint64_t)cfg->dns_max_ttl_s * 1000;
    dns->tick_ms = cfg->dns_timeout_ms / 4 < 20 ? 20 : cfg->dns_timeout_ms / 4;
    options.sock_state_cb_data = dns;
    int rc = ares_init_options(&dns->channel, &options, mask);
    if (rc != ARES_SUCCESS) {
        free(dns);
        return wit_error_set(err, WIT_EIO, "cannot start c-ares: %s", ares_strerror(rc));
    }
    if (cfg->dns_servers &&
        (rc = ares_set_servers_ports_csv(dns->channel, cfg->dns_servers)) != ARES_SUCCESS) {
        ares_destroy(dns->channel);
        free(dns);
        return wit_error_set(err, WIT_EINVAL, "DNS servers '%s': %s", cfg->dns_servers,
                             ares_strerror(rc));
    }
    uv_timer_init(loop, &dns->timer);
    dns->timer.data = dns;
    *out = dns;
    return 0;
}

int wit_net_dns_check(const char *servers, struct wit_error *err) {
    ares_channel channel = NULL;
    int rc = ares_init(&channel);
    if (rc != ARES_SUCCESS)
        return wit_error_set(err, WIT_EIO, "cannot start c-ares: %s", ares_strerror(rc));
    rc = ares_set_servers_ports_csv(channel, servers);
    ares_destroy(channel);
    if (rc == ARES_SUCCESS)
        return 0;
    return wit_error_set(err, WIT_EINVAL,
                         "name servers are addresses parted by commas, such as 192.0.2.53:53, not "
                         "'%s'",
                         servers);
}

static void on_timer_closed(uv_handle_t *handle) {
    free(handle->data);
}

void net_dns_destroy(struct net_dns *dns) {
    if (!dns)
        return;
    dns->closing = true;
    ares_destroy(dns->channel); /* answers everything pending; closes the sockets */
    while (dns->oldest)
        name_forget(dns, dns->oldest);
    uv_close((uv_handle_t *)&dns->timer, on_timer_closed);
}
