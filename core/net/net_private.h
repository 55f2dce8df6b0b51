/* net_private.h: what the files of core/net share. */
#ifndef WIT_NET_PRIVATE_H
#define WIT_NET_PRIVATE_H

#include "wit_net.h"

#include <ares.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <uv.h>

#define NET_HOST_MAX 255              /* RFC 1035, 3.1 */
#define NET_DNS_CACHE_MAX 65536       /* names; about 250 bytes each */
#define NET_DNS_ADDRESSES_MAX 16      /* of one name; more are not used */
#define NET_DNS_PENDING_MAX 1024      /* lookups at one time, of two queries each */
#define NET_DNS_BUFFER_BYTES 1048576  /* of a socket for answers; the system may give less */
#define NET_DNS_MIN_TTL_S 10          /* an answer is good for at least this long */
#define NET_ERROR_BODY_MAX (64 << 10) /* read on of what is not 200: keeps the connection */
#define NET_EASY_POOL_MAX 256         /* idle easy handles kept */
#define NET_EASY_NAMES_S 2            /* libcurl keeps our addresses; it needs them at once */
#define NET_IDLE_S 30                 /* a connection kept longer without use is closed */
#define NET_CONNECTIONS_MAX 1000000   /* libcurl's own bound, never reached: see is_crowded */

struct wit_net_transfer;

/* ---- DNS (net_dns.c) ---- */

/* The answer for a name; reason is set when there is no address. Lent. */
struct net_dns_answer {
    const char *reason;
    const struct wit_net_address *addresses;
    size_t count;
};
struct net_dns;
typedef void (*net_dns_fn)(void *user, const struct net_dns_answer *answer);

int net_dns_create(uv_loop_t *loop, const struct wit_net_config *cfg, struct net_dns **out,
                   struct wit_error *err);
/* Ends lookups without calling back; frees once the loop has run its close callbacks. */
void net_dns_destroy(struct net_dns *dns);

/* One wait for one name, embedded in its owner. */
struct net_dns_wait {
    net_dns_fn fn;
    void *user;
    struct net_dns_wait *next, **link; /* list of the lookup; link NULL: not waiting */
};
/* 1: `answer` is filled from the cache now, fn will not run. 0: fn runs once, later, unless it is
 * cancelled. WIT_ENOMEM. A failure that may heal and was learned at since_ms or before is no
 * answer. */
int net_dns_lookup(struct net_dns *dns, const char *host, uint64_t since_ms,
                   struct net_dns_wait *wait, struct net_dns_answer *answer);
void net_dns_cancel(struct net_dns_wait *wait); /* fine when it does not wait */

/* ---- addresses (net_address.c) ---- */

bool net_address_from_sockaddr(const struct sockaddr *sa, struct wit_net_address *out);
int net_address_format(const struct wit_net_address *a, char *out, size_t size);

/* ---- the client (net_loop.c, net_http.c) ---- */

/* A handle of libcurl with a cache of addresses of its own. At the end of every transfer libcurl
 * walks through the whole cache; one that all share holds every name of the last minute, and the
 * walk was a third of a crawl's time. */
struct net_easy {
    CURL *easy;
    CURLSH *names;
};

struct net_list {
    struct wit_net_transfer *first, *last; /* oldest first */
};

struct wit_net {
    struct wit_net_config cfg;
    char *user_agent;
    struct wit_net_cidr *allow;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t alarm;
    uv_idle_t alarm_now; /* an alarm whose time has come already */
    uv_timer_t curl_timer;
    bool loop_ready;
    atomic_bool stopping;
    CURLM *multi;
    struct net_dns *dns;
    struct net_list active;
    size_t active_count;
    struct net_easy pool[NET_EASY_POOL_MAX];
    size_t pool_count;
    size_t transfers, sockets; /* at libcurl: requests; connections, idle ones too */
    atomic_size_t held;        /* bytes of bodies, received or taken */
    int depth;                 /* inside a completion callback: asserts the rules of the header */
};

int net_http_init(struct wit_net *net, struct wit_error *err);
void net_http_finish(struct wit_net *net); /* after wit_net_cancel_all */

#endif
