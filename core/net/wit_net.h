/*
 * wit_net.h: an HTTP client for asking strangers.
 *
 * One client is one event loop (libuv), one set of connections (libcurl) and one DNS cache (c-ares),
 * all on the thread that calls wit_net_run. It asks exactly one request at a time per call: no
 * redirect is followed, no proxy is used, no cookie is kept. Every address is judged when its socket
 * is opened, whatever the name or its spelling was. Every transfer has a deadline that includes DNS,
 * a least speed and a largest body, and every failure has a reason with a name.
 *
 *     static void on_page(void *user, struct wit_net_response *r) {
 *         if (r->reason)
 *             printf("refused: %s\n", r->reason);      // "http_404", "dns_nxdomain", "too_slow"
 *         else
 *             fwrite(r->body.data, 1, r->body.len, stdout);
 *         wit_net_stop(user);
 *     }
 *     struct wit_net_config cfg = wit_net_config_default();
 *     cfg.user_agent = "examplebot/1.0 (+https://example.org/bot)";
 *     struct wit_net *net = NULL;
 *     wit_net_create(&cfg, &net, &err);
 *     struct wit_net_request req = wit_net_request_default(WIT_STR("https://example.org/"));
 *     wit_net_fetch(net, &req, on_page, net, &err);    // 0: on_page will run once
 *     wit_net_run(net);
 *     wit_net_destroy(net);
 *
 * Threads: everything on the loop's thread, except wit_net_wake, wit_net_stop and
 * wit_net_body_release.
 */
#ifndef WIT_NET_H
#define WIT_NET_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- addresses ------------------------------------------------------------------------------ */

struct wit_net_address {
    uint8_t bytes[16]; /* network order; an IPv4 address uses the first four */
    uint8_t family;    /* 4 or 6 */
};

struct wit_net_cidr {
    struct wit_net_address address;
    uint8_t bits;
};

/* "192.0.2.1", "2001:db8::1"; no brackets, no zone. WIT_EFORMAT. */
int wit_net_address_parse(struct wit_str text, struct wit_net_address *out, struct wit_error *err);
/* "10.0.0.0/8", or an address alone (all bits). Bits behind the prefix must be 0. WIT_EFORMAT. */
int wit_net_cidr_parse(struct wit_str text, struct wit_net_cidr *out, struct wit_error *err);
/**
 * Why an address may not be connected to: a static name such as "loopback", "private", "v4_mapped".
 * NULL: it may. Everything the IANA special-purpose registries mark as not globally reachable is
 * refused, all multicast and all of IPv6 outside 2000::/3, forms that carry an IPv4 address inside
 * (mapped, compatible, NAT64, 6to4, Teredo), and cloud metadata addresses that lie in public space.
 * A range in `allow` that holds the address wins; families do not mix, so 127.0.0.0/8 does not allow
 * ::ffff:127.0.0.1.
 */
const char *wit_net_address_refused(const struct wit_net_address *a, const struct wit_net_cidr *allow,
                                    size_t allow_count);

/* Can these be name servers (struct wit_net_config)? WIT_EINVAL with a sentence. */
int wit_net_dns_check(const char *servers, struct wit_error *err);

/* ---- the client ----------------------------------------------------------------------------- */

struct wit_net; /* opaque */

struct wit_net_config {
    const char *user_agent;           /* borrowed until create returns */
    const struct wit_net_cidr *allow; /* addresses that are ours; borrowed until create returns */
    size_t allow_count;
    const char *dns_servers; /* "192.0.2.53,192.0.2.54:5353"; NULL: as the system is set up */
    uint32_t dns_timeout_ms; /* for the first try of one server; doubles with each of dns_tries */
    uint32_t dns_tries;
    uint32_t dns_negative_s; /* how long "no such name" is believed */
    uint32_t dns_max_ttl_s;  /* longest time an answer is believed */
    uint32_t connect_timeout_ms;
    uint32_t low_speed_bytes; /* fewer bytes a second than this over low_speed_s: too_slow */
    uint32_t low_speed_s;
    uint32_t max_connections;  /* kept open while idle */
    size_t max_header_bytes;   /* of one response, all header lines together */
    uint32_t max_header_lines;
    /* Bodies held at one time: those being received and those taken and not yet released. Above it
     * only the oldest transfer goes on receiving; the others end with reason "no_memory", which the
     * caller is meant to ask again. The real bound is this plus one max_body_bytes. */
    size_t max_held_bytes;
    void (*on_wake)(void *user);  /* loop thread, some time after wit_net_wake; NULL: nothing */
    void (*on_alarm)(void *user); /* loop thread, when the time of wit_net_alarm has come */
    void *user;
};

struct wit_net_config wit_net_config_default(void);

/* WIT_EINVAL (a DNS server that is none), WIT_ENOMEM, WIT_EIO. *out stays NULL on failure. */
int wit_net_create(const struct wit_net_config *cfg, struct wit_net **out, struct wit_error *err);
/* Cancels what is running (callbacks run with reason "cancelled"), closes everything, frees. Not
 * from inside a callback. NULL is fine. */
void wit_net_destroy(struct wit_net *net);

/* Serve until wit_net_stop. */
void wit_net_run(struct wit_net *net);
void wit_net_stop(struct wit_net *net); /* any thread; a stop before the run ends it at once */
void wit_net_wake(struct wit_net *net); /* any thread: on_wake runs soon, several calls may merge */
/* One alarm per client: on_alarm at this time of wit_clock_ms, or as soon as possible after it. A
 * new time replaces the old one; UINT64_MAX takes it off. Between two alarms the sockets are looked
 * at, also where the second one's time has come already. */
void wit_net_alarm(struct wit_net *net, uint64_t at_ms);

/* ---- asking --------------------------------------------------------------------------------- */

/* Servers refuse longer ones (RFC 9110, 4.1 asks them for 8,000 bytes). */
#define WIT_NET_URL_MAX_BYTES 8192u

struct wit_net_transfer; /* opaque: a request on its way */

enum wit_net_turn {
    WIT_NET_GO,
    WIT_NET_HOLD, /* nothing connects until wit_net_go */
    WIT_NET_BUSY  /* the request ends as "address_busy" */
};

struct wit_net_request {
    struct wit_str url;     /* absolute, http or https; copied */
    const char *accept;     /* value of the Accept header; borrowed until the callback */
    bool compressed;        /* ask for gzip; max_body_bytes counts decoded bytes */
    bool cut;               /* a body above max_body_bytes is cut there instead of refused */
    size_t max_body_bytes;
    /* Another ceiling, when the headers of a 200 are there: called with the request's user pointer
     * before the first byte of the body. Only where `cut` is set. NULL: max_body_bytes it is. */
    size_t (*max_body_by)(void *user, struct wit_str headers);
    uint32_t deadline_ms;   /* for everything, DNS included */
    /* A failure to resolve the name that may heal is believed for a few seconds, so that many
     * requests to a dead host do not wait each. One that is older than this is not: the name is
     * asked for again. By wit_clock_ms; 0: it is believed. */
    uint64_t names_since_ms;
    /* Called with the user pointer of the request before the first byte of a body with status 200:
     * a reason (a static string) ends the request with it, and the body is not kept. NULL: nobody
     * asks. */
    const char *(*on_headers)(void *user, struct wit_str headers);
    /* Called with the user pointer of the request when the address to ask is known, perhaps from
     * inside wit_net_fetch, and again with the next one of the name where none could be connected
     * to: may anything connect to it? Neither deadline_ms nor elapsed_ms
     * count while it is held. NULL: it may. */
    enum wit_net_turn (*on_address)(void *user, const struct wit_net_address *address,
                                    struct wit_net_transfer *transfer);
    /* Called with the user pointer of the request when the first line of an answer is there, once:
     * the server has had the request. May not start requests. NULL: nobody is told. */
    void (*on_answer)(void *user);
};
/* Accept anything, plain, 16 MiB, 30 s. */
struct wit_net_request wit_net_request_default(struct wit_str url);

/**
 * How a request ended. Reasons are static strings, made to be counted:
 *   dns_nxdomain dns_timeout dns_failed      no address for the name
 *   address_denied                           none of its addresses may be connected to
 *   connect_refused connect_timeout connect_failed   no connection
 *   tls                                      handshake or certificate
 *   timeout too_slow                         deadline_ms; low_speed_bytes
 *   too_big headers_too_big                  ceilings
 *   truncated                                connection ended before the body did
 *   bad_response                             not HTTP, or broken framing or encoding
 *   reset                                    connection lost
 *   bad_url                                  libcurl does not agree that this is an http(s) URL
 *   no_memory cancelled address_busy         ours: ask again
 *   http_NNN                                 any status but 200; body empty, headers there
 * and those of on_headers.
 */
struct wit_net_response {
    const char *reason; /* NULL: status 200 and the whole body */
    int status;         /* HTTP status, 0 when none came */
    bool cut;           /* the body is only its first max_body_bytes */
    /* Lent for the call. To keep it, copy the struct and set body to WIT_BUF_INIT(0): then the bytes
     * are yours, and count as held until wit_net_body_release with their length. */
    struct wit_buf body;
    struct wit_str headers;      /* "name: value\n" lines, names in lower case; lent for the call */
    uint64_t wire_bytes;         /* received, header and body */
    uint32_t elapsed_ms;
    uint64_t sent_ms; /* when it left, by wit_clock_ms: names and connections take their time; 0: it
                       * did not */
    uint64_t heard_ms; /* the server has had it then, if ever: when the first line of the answer was
                        * there, or when it ended without one; by wit_clock_ms, rounded up. 0: no
                        * connection was begun */
};
typedef void (*wit_net_done_fn)(void *user, struct wit_net_response *response);

/**
 * Start a request. After 0, `done` runs exactly once on the loop thread, never before this call has
 * returned; it may start further requests. After a failure it never runs.
 * @return 0, WIT_EINVAL (URL empty or above WIT_NET_URL_MAX_BYTES), WIT_ENOMEM
 */
int wit_net_fetch(struct wit_net *net, const struct wit_net_request *req, wit_net_done_fn done,
                  void *user, struct wit_error *err);
/* Let go what on_address held, once. Not from inside on_address, on_headers or on_answer; `done` does
 * not run inside. */
void wit_net_go(struct wit_net_transfer *transfer);
/* End all requests now with reason "cancelled". Not from inside a callback of a request. */
void wit_net_cancel_all(struct wit_net *net);
size_t wit_net_active(const struct wit_net *net);
/* Give back `bytes` of bodies that were taken. Any thread. */
void wit_net_body_release(struct wit_net *net, size_t bytes);
size_t wit_net_held_bytes(const struct wit_net *net); /* any thread */

/* Value of the next header of that lower-case name at or behind *from (start with 0), trimmed; false
 * when there is none. */
bool wit_net_header_next(struct wit_str headers, struct wit_str name, size_t *from,
                         struct wit_str *value);
/* Will the same request perhaps succeed later? Timeouts, lost connections, 408, 429, 5xx. */
bool wit_net_reason_heals(const char *reason);
/* Seconds to wait by Retry-After, which is a number or an HTTP date; false when it says nothing. */
bool wit_net_retry_after(struct wit_str headers, int64_t now_wall_s, uint32_t *seconds);

#ifdef __cplusplus
}
#endif
#endif
