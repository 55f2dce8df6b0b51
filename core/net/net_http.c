/*
 * net_http.c: one request, from URL to verdict.
 *
 *   wit_net_fetch ──> RESOLVING ──> (HELD ──>) RECEIVING ──> ENDED (callback; freed when its
 *        │                └────────────┴────────────┴───────────^ timer is closed)
 *        │                                                 deadline, refusal, cancel
 *        └──> DECIDED ─────────────────────────────^   the verdict was known at once: told by timer
 *
 * libcurl gets one address from us (CURLOPT_CONNECT_TO) and may not look up any itself; the socket
 * callback judges the address that is really connected to. Where that fails and the name has
 * another one, the request begins again with it: RECEIVING -> (HELD ->) RECEIVING.
 */
#include "net_private.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum fetch_state {
    FETCH_RESOLVING,
    FETCH_HELD, /* on_address said so; the deadline stands still */
    FETCH_RECEIVING,
    FETCH_DECIDED,
    FETCH_ENDED
};

struct wit_net_transfer {
    struct wit_net *net;
    struct wit_net_transfer *older, *newer;
    enum fetch_state state;
    struct net_dns_wait wait;
    uv_timer_t timer;
    CURL *easy;
    CURLSH *names; /* as struct net_easy */
    struct curl_slist *connect_to, *header_lines;
    struct wit_net_address addresses[NET_DNS_ADDRESSES_MAX]; /* that may be connected to */
    size_t address_count, address_at;                        /* at: the one of now */
    char *url;
    char host[NET_HOST_MAX + 1]; /* without brackets */
    char port[8];
    bool literal; /* the host is an address */
    struct wit_net_request req;
    wit_net_done_fn done;
    void *user;
    uint64_t start_ms;      /* later by what it had to wait */
    uint64_t heard_ms;      /* as struct wit_net_response */
    uint64_t held_since_ms; /* of HELD */
    const char *reason;     /* our own verdict, before libcurl's */
    const char *verdict;    /* of on_headers, which was asked if `judged` */
    int status;
    bool denied, cut, drop, judged;
    bool head_ended; /* the empty line behind the headers has come */
    struct wit_buf body, headers;
    size_t header_bytes;
    uint32_t header_lines_seen;
    uint64_t discarded; /* bytes of an error body */
};

/* ---- reasons ---- */

static char http_reasons[1000][sizeof "http_999"];
static pthread_once_t http_reasons_once = PTHREAD_ONCE_INIT;

static void http_reasons_init(void) {
    for (int i = 0; i < 1000; i++)
        snprintf(http_reasons[i], sizeof http_reasons[i], "http_%03u", (unsigned)i % 1000);
}

static const char *http_reason(int status) {
    return status >= 100 && status < 1000 ? http_reasons[status] : "bad_response";
}

bool wit_net_reason_heals(const char *reason) {
    static const char *const heal[] = { "dns_timeout",     "dns_failed",     "connect_timeout",
                                        "connect_refused", "connect_failed", "timeout",
                                        "too_slow",        "truncated",      "reset",
                                        "no_memory",       "http_408",       "http_429",
                                        "address_busy" };
    for (size_t i = 0; i < WIT_COUNT_OF(heal); i++)
        if (strcmp(reason, heal[i]) == 0)
            return true;
    return strncmp(reason, "http_5", 6) == 0;
}

static const char *curl_reason(const struct wit_net_transfer *f, CURLcode code) {
    long os_error = 0;
    curl_off_t connected_us = 0;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "dns_failed";
    case CURLE_COULDNT_CONNECT:
        if (f->denied)
            return "address_denied";
        curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &os_error);
        return os_error == ECONNREFUSED ? "connect_refused"
               : os_error == ETIMEDOUT  ? "connect_timeout"
                                        : "connect_failed";
    case CURLE_OPERATION_TIMEDOUT:
        curl_easy_getinfo(f->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
        return connected_us > 0 ? "too_slow" : "connect_timeout";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ISSUER_ERROR:
        return "tls";
    case CURLE_PARTIAL_FILE:
        return "truncated";
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return "reset";
    case CURLE_FILESIZE_EXCEEDED:
        return "too_big";
    case CURLE_URL_MALFORMAT:
        return "bad_url";
    case CURLE_OUT_OF_MEMORY: /* libcurl's word for a line over its own ceiling, too */
        curl_easy_getinfo(f->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
        return connected_us > 0 && !f->head_ended ? "headers_too_big" : "no_memory";
    default:
        return "bad_response";
    }
}

/* ---- the end of a request ---- */

static void on_timer_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void easy_destroy(struct net_easy e) {
    curl_easy_cleanup(e.easy);
    curl_share_cleanup(e.names);
}

/* easy is NULL when there is no memory. */
static struct net_easy easy_create(void) {
    struct net_easy e = { curl_easy_init(), curl_share_init() };
    if (e.easy && e.names &&
        curl_share_setopt(e.names, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK &&
        curl_easy_setopt(e.easy, CURLOPT_SHARE, e.names) == CURLE_OK)
        return e;
    easy_destroy(e);
    return (struct net_easy){ NULL, NULL };
}

static void easy_acquire(struct wit_net_transfer *f) {
    struct wit_net *net = f->net;
    struct net_easy e = net->pool_count ? net->pool[--net->pool_count] : easy_create();
    f->easy = e.easy;
    f->names = e.names;
}

static void easy_release(struct wit_net_transfer *f) {
    struct wit_net *net = f->net;
    struct net_easy e = { f->easy, f->names };
    if (f->easy) {
        curl_multi_remove_handle(net->multi, f->easy);
        net->transfers -= f->state == FETCH_RECEIVING;
        curl_easy_reset(f->easy); /* the share stays */
        if (net->pool_count < NET_EASY_POOL_MAX)
            net->pool[net->pool_count++] = e;
        else
            easy_destroy(e);
        f->easy = NULL;
        f->names = NULL;
    }
    curl_slist_free_all(f->connect_to);
    curl_slist_free_all(f->header_lines);
    f->connect_to = f->header_lines = NULL;
}

/* When the request left: libcurl counts from its own start, so backwards from now. */
static uint64_t sent_ms_of(const struct wit_net_transfer *f) {
    curl_off_t left_us = 0, total_us = 0;
    curl_easy_getinfo(f->easy, CURLINFO_PRETRANSFER_TIME_T, &left_us);
    curl_easy_getinfo(f->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    if (left_us <= 0)
        return 0;
    return wit_clock_ms() - (total_us > left_us ? (uint64_t)(total_us - left_us) / 1000 : 0);
}

/* The clock counts whole milliseconds, and what happened in one of them may be at its end. */
static uint64_t clock_up_ms(void) {
    return wit_clock_ms() + 1;
}

/* From a loop callback only, so the caller of wit_net_fetch has long got its 0. */
static void fetch_end(struct wit_net_transfer *f, const char *reason) {
    struct wit_net *net = f->net;
    curl_off_t received = 0;
    long header_size = 0;
    uint64_t sent_ms = 0;
    if (f->easy) {
        sent_ms = sent_ms_of(f);
        f->heard_ms = f->heard_ms ? f->heard_ms : clock_up_ms();
        curl_easy_getinfo(f->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
        curl_easy_getinfo(f->easy, CURLINFO_HEADER_SIZE, &header_size);
    }
    net_dns_cancel(&f->wait);
    easy_release(f);
    *(f->older ? &f->older->newer : &net->active.first) = f->newer;
    *(f->newer ? &f->newer->older : &net->active.last) = f->older;
    net->active_count--;
    f->state = FETCH_ENDED;
    if (reason) {
        atomic_fetch_sub(&net->held, f->body.len);
        wit_buf_finish(&f->body);
    }
    struct wit_net_response response = {
        .reason = reason,
        .status = f->status,
        .cut = f->cut,
        .body = f->body,
        .headers = wit_buf_view(&f->headers),
        .wire_bytes = (uint64_t)received + (uint64_t)header_size,
        .elapsed_ms = (uint32_t)(wit_clock_ms() - f->start_ms),
        .sent_ms = sent_ms,
        .heard_ms = f->heard_ms,
    };
    net->depth++;
    f->done(f->user, &response);
    net->depth--;
    if (response.body.data) { /* not taken */
        atomic_fetch_sub(&net->held, response.body.len);
        wit_buf_finish(&response.body);
    }
    wit_buf_finish(&f->headers);
    free(f->url);
    f->url = NULL;
    uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

/* Also tells a verdict that wit_net_fetch already knew. */
static void on_deadline(uv_timer_t *timer) {
    struct wit_net_transfer *f = timer->data;
    fetch_end(f, f->state == FETCH_DECIDED     ? f->reason
                 : f->state == FETCH_RESOLVING ? "dns_timeout"
                                               : "timeout");
}

static void fetch_decide(struct wit_net_transfer *f, const char *reason) {
    f->state = FETCH_DECIDED;
    f->reason = reason;
    uv_timer_start(&f->timer, on_deadline, 0, 0);
}

/* ---- libcurl's callbacks on one transfer ---- */

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *sa) {
    struct wit_net_transfer *f = user;
    struct wit_net_address address;
    if (!net_address_from_sockaddr(&sa->addr, &address) ||
        wit_net_address_refused(&address, f->net->cfg.allow, f->net->cfg.allow_count)) {
        f->denied = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(sa->family, sa->socktype | SOCK_CLOEXEC, sa->protocol);
    f->net->sockets += fd >= 0;
    return fd;
}

/* A connection outlives its request, so `user` is the client. */
static int on_close_socket(void *user, curl_socket_t fd) {
    struct wit_net *net = user;
    net->sockets--;
    return close(fd);
}

/* Are there as many idle connections as may be kept? Then this one is closed behind its transfer:
 * libcurl would look for the oldest of all, each time. */
static bool is_crowded(const struct wit_net *net) {
    return net->sockets >= net->transfers + net->cfg.max_connections;
}

/* libcurl is about to look a name up. Only an address, which needs no look-up, may pass. */
static int on_resolver_start(void *resolver, void *reserved, void *user) {
    const struct wit_net_transfer *f = user;
    return f->literal || f->connect_to ? 0 : 1;
}

static size_t on_header(char *data, size_t size, size_t count, void *user) {
    struct wit_net_transfer *f = user;
    size_t len = size * count;
    struct wit_str line = wit_str_trim(wit_str_of(data, len));
    const struct wit_net_config *cfg = &f->net->cfg;
    if (!f->heard_ms) {
        f->heard_ms = clock_up_ms();
        if (f->req.on_answer)
            f->req.on_answer(f->user);
    }
    f->header_bytes += len;
    f->header_lines_seen++;
    if (f->header_bytes > cfg->max_header_bytes || f->header_lines_seen > cfg->max_header_lines) {
        f->reason = "headers_too_big";
        return 0;
    }
    if (wit_str_starts_with(line, WIT_STR("HTTP/"))) { /* a new response: 1xx came before it */
        wit_buf_reset(&f->headers);
        f->head_ended = false;
        return len;
    }
    f->head_ended |= data[0] == '\r' || data[0] == '\n';
    ptrdiff_t colon = wit_str_find_byte(line, ':', 0);
    if (colon <= 0)
        return len; /* the empty line, or nothing we could name */
    struct wit_str value = wit_str_trim(wit_str_slice(line, (size_t)colon + 1, line.len));
    size_t name_at = f->headers.len;
    if (wit_buf_append(&f->headers, line.data, (size_t)colon) < 0 ||
        wit_buf_append_cstr(&f->headers, ": ") < 0 || wit_buf_append_str(&f->headers, value) < 0 ||
        wit_buf_append_byte(&f->headers, '\n') < 0) {
        f->reason = "no_memory";
        return 0;
    }
    for (size_t i = name_at; i < name_at + (size_t)colon; i++) {
        char *c = &f->headers.data[i];
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    }
    return len;
}

/* Room for the announced length at once, but no more than this on a stranger's word. */
static void body_begin(struct wit_net_transfer *f) {
    curl_off_t announced = 0;
    if (f->req.max_body_by && f->req.cut)
        f->body.max = f->req.max_body_by(f->user, wit_buf_view(&f->headers));
    curl_easy_getinfo(f->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced > (1 << 20))
        announced = 1 << 20;
    if (announced > 0 && (uint64_t)announced <= f->body.max)
        (void)wit_buf_reserve(&f->body, (size_t)announced); /* else it grows as it comes */
}

/* Above the ceiling of all bodies only the oldest of them goes on. One that is still looking for an
 * address, or waits for its first byte, holds nothing up. */
static bool is_oldest_body(const struct wit_net_transfer *f) {
    for (const struct wit_net_transfer *g = f->net->active.first; g != f; g = g->newer)
        if (g->body.len)
            return false;
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *user) {
    struct wit_net_transfer *f = user;
    struct wit_net *net = f->net;
    size_t len = size * count, want = len;
    long status = 0;
    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 && !f->judged) {
        f->judged = true;
        if (f->req.on_headers)
            f->verdict = f->req.on_headers(f->user, wit_buf_view(&f->headers));
    }
    if (status != 200 || f->verdict) { /* read a little: then the connection can be used again */
        f->discarded += len;
        f->drop = f->discarded > NET_ERROR_BODY_MAX;
        return f->drop ? 0 : len;
    }
    if (f->body.len == 0)
        body_begin(f);
    if (len > f->body.max - f->body.len) {
        want = f->body.max - f->body.len;
        if (f->req.cut)
            f->cut = true;
        else
            f->reason = "too_big";
    }
    bool full = atomic_load(&net->held) + want > net->cfg.max_held_bytes;
    if (!f->reason && ((full && !is_oldest_body(f)) || wit_buf_append(&f->body, data, want) < 0))
        f->reason = "no_memory";
    if (f->reason)
        return 0;
    atomic_fetch_add(&net->held, want);
    return f->cut ? 0 : len;
}

/* ---- starting ---- */

static int easy_setup(struct wit_net_transfer *f) {
    const struct wit_net_config *cfg = &f->net->cfg;
    CURL *e = f->easy;
    CURLcode rc = CURLE_OK;
    char accept[512];
    snprintf(accept, sizeof accept, "Accept: %s", f->req.accept);
    f->header_lines = curl_slist_append(NULL, accept);
    if (!f->header_lines)
        return WIT_ENOMEM;
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (rc == CURLE_OK)                                                                        \
            rc = curl_easy_setopt(e, option, value);                                               \
    } while (0)
    SET(CURLOPT_URL, f->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L); /* the caller's URL is canonical */
    SET(CURLOPT_PROXY, "");      /* nor one from the environment */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_USERAGENT, cfg->user_agent);
    SET(CURLOPT_HTTPHEADER, f->header_lines);
    if (f->req.compressed)
        SET(CURLOPT_ACCEPT_ENCODING, "gzip");
    if (f->connect_to)
        SET(CURLOPT_CONNECT_TO, f->connect_to);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, (long)NET_EASY_NAMES_S);
    SET(CURLOPT_RESOLVER_START_FUNCTION, on_resolver_start);
    SET(CURLOPT_RESOLVER_START_DATA, f);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, f);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, f->net);
    SET(CURLOPT_MAXAGE_CONN, (long)NET_IDLE_S);
    SET(CURLOPT_FORBID_REUSE, is_crowded(f->net) ? 1L : 0L);
    /* Of several addresses two have the time of one. */
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        (long)(f->address_count > 1 ? cfg->connect_timeout_ms / 2 : cfg->connect_timeout_ms));
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)cfg->low_speed_bytes);
    SET(CURLOPT_LOW_SPEED_TIME, (long)cfg->low_speed_s);
    if (!f->req.cut)
        SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->req.max_body_bytes);
    SET(CURLOPT_BUFFERSIZE, 65536L);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, f);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, f);
    SET(CURLOPT_PRIVATE, f);
#undef SET
    return rc == CURLE_OK ? 0 : rc == CURLE_OUT_OF_MEMORY ? WIT_ENOMEM : WIT_EINTERNAL;
}

/* Those that may be connected to, IPv4 first: a machine without IPv6 learns so at once or after a
 * long wait, one without IPv4 at once. A reason, or NULL. */
static const char *addresses_take(struct wit_net_transfer *f,
                                  const struct wit_net_address *addresses, size_t count) {
    const struct wit_net_config *cfg = &f->net->cfg;
    for (int family = 4; family <= 6; family += 2)
        for (size_t i = 0; i < count && f->address_count < NET_DNS_ADDRESSES_MAX; i++)
            if (addresses[i].family == family &&
                !wit_net_address_refused(&addresses[i], cfg->allow, cfg->allow_count))
                f->addresses[f->address_count++] = addresses[i];
    return f->address_count ? NULL : "address_denied";
}

/* Tell libcurl which address to connect to, in place of the host, whose name it keeps for all else:
 * so a connection that is kept serves requests to that address only. */
static int connect_to_set(struct wit_net_transfer *f) {
    const struct wit_net_address *a = &f->addresses[f->address_at];
    char address[INET6_ADDRSTRLEN], entry[INET6_ADDRSTRLEN + 8];
    curl_slist_free_all(f->connect_to);
    f->connect_to = NULL;
    if (f->literal)
        return 0;
    if (net_address_format(a, address, sizeof address) < 0)
        return WIT_EINTERNAL;
    snprintf(entry, sizeof entry, a->family == 6 ? "::[%s]:" : "::%s:", address);
    f->connect_to = curl_slist_append(NULL, entry);
    return f->connect_to ? 0 : WIT_ENOMEM;
}

/* Hand over to libcurl. A reason, or NULL when it is on its way. */
static const char *transfer_start(struct wit_net_transfer *f) {
    struct wit_net *net = f->net;
    easy_acquire(f);
    if (!f->easy || connect_to_set(f) < 0 || easy_setup(f) < 0 ||
        curl_multi_add_handle(net->multi, f->easy) != CURLM_OK)
        return "no_memory";
    f->state = FETCH_RECEIVING;
    net->transfers++;
    return NULL;
}

/* The wait is over, and the deadline goes on where it stood. */
void wit_net_go(struct wit_net_transfer *f) {
    assert(f->state == FETCH_HELD);
    uint64_t used_ms = f->held_since_ms - f->start_ms;
    f->start_ms += wit_clock_ms() - f->held_since_ms;
    uv_update_time(&f->net->loop);
    uv_timer_start(&f->timer, on_deadline,
                   used_ms < f->req.deadline_ms ? f->req.deadline_ms - used_ms : 0, 0);
    const char *reason = transfer_start(f);
    if (reason)
        fetch_decide(f, reason);
}

/* The address whose turn it is. A reason, or NULL when it goes on. */
static const char *address_ask(struct wit_net_transfer *f) {
    const struct wit_net_address *address = &f->addresses[f->address_at];
    switch (f->req.on_address ? f->req.on_address(f->user, address, f) : WIT_NET_GO) {
    case WIT_NET_BUSY:
        return "address_busy";
    case WIT_NET_HOLD:
        f->state = FETCH_HELD;
        f->held_since_ms = wit_clock_ms();
        uv_timer_stop(&f->timer);
        return NULL;
    case WIT_NET_GO:
        break;
    }
    return transfer_start(f);
}

static const char *fetch_address(struct wit_net_transfer *f,
                                 const struct wit_net_address *addresses, size_t count) {
    const char *reason = addresses_take(f, addresses, count);
    return reason ? reason : address_ask(f);
}

/* Nothing could be connected to. Is there another address? Then the request goes on with it. */
static bool fetch_elsewhere(struct wit_net_transfer *f, const char *reason) {
    if (!reason || !wit_str_starts_with(wit_str_from(reason), WIT_STR("connect_")) ||
        f->address_at + 1 >= f->address_count)
        return false;
    easy_release(f);
    f->address_at++;
    reason = address_ask(f);
    if (reason)
        fetch_end(f, reason);
    return true;
}

static void on_resolved(void *user, const struct net_dns_answer *answer) {
    struct wit_net_transfer *f = user;
    const char *reason = answer->reason;
    if (!reason)
        reason = fetch_address(f, answer->addresses, answer->count);
    if (reason)
        fetch_end(f, reason);
}

/* The URL as libcurl reads it, less user, password and fragment. False: it does not like it. */
static bool url_take_apart(struct wit_net_transfer *f, struct wit_str url) {
    bool good = false;
    char *scheme = NULL, *host = NULL, *port = NULL;
    char text[WIT_NET_URL_MAX_BYTES + 1];
    CURLU *u = curl_url();
    memcpy(text, url.data, url.len);
    text[url.len] = 0;
    if (!u || strlen(text) != url.len ||
        curl_url_set(u, CURLUPART_URL, text, CURLU_PATH_AS_IS) != CURLUE_OK ||
        curl_url_set(u, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
        curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK ||
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        goto out;
    size_t len = strlen(host);
    const char *name = host;
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        name++;
        len -= 2;
    }
    if ((strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) || len == 0 ||
        len > NET_HOST_MAX || strlen(port) >= sizeof f->port)
        goto out;
    for (size_t i = 0; i < len; i++)
        f->host[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
    f->host[len] = 0;
    memcpy(f->port, port, strlen(port) + 1);
    char *whole = NULL;
    if (curl_url_get(u, CURLUPART_URL, &whole, 0) == CURLUE_OK) {
        f->url = strdup(whole);
        good = f->url != NULL;
        curl_free(whole);
    }
out:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return good;
}

struct wit_net_request wit_net_request_default(struct wit_str url) {
    return (struct wit_net_request){
        .url = url, .accept = "*/*", .max_body_bytes = (size_t)16 << 20, .deadline_ms = 30000
    };
}

int wit_net_fetch(struct wit_net *net, const struct wit_net_request *req, wit_net_done_fn done,
                  void *user, struct wit_error *err) {
    if (req->url.len == 0 || req->url.len > WIT_NET_URL_MAX_BYTES)
        return wit_error_set(err, WIT_EINVAL, "a URL has 1 to %u bytes, not %zu",
                             WIT_NET_URL_MAX_BYTES, req->url.len);
    struct wit_net_transfer *f = calloc(1, sizeof *f);
    if (!f)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for a request");
    f->net = net;
    f->req = *req;
    f->done = done;
    f->user = user;
    f->start_ms = wit_clock_ms();
    f->body = (struct wit_buf)WIT_BUF_INIT(req->max_body_bytes);
    f->headers = (struct wit_buf)WIT_BUF_INIT(net->cfg.max_header_bytes + 1024);
    f->wait = (struct net_dns_wait){ .fn = on_resolved, .user = f };
    uv_timer_init(&net->loop, &f->timer);
    f->timer.data = f;
    f->older = net->active.last;
    *(f->older ? &f->older->newer : &net->active.first) = f;
    net->active.last = f;
    net->active_count++;
    uv_update_time(&net->loop);
    uv_timer_start(&f->timer, on_deadline, req->deadline_ms, 0);

    const char *reason = NULL;
    struct wit_net_address literal;
    struct net_dns_answer answer;
    if (!url_take_apart(f, req->url)) {
        reason = "bad_url";
    } else if (wit_net_address_parse(wit_str_from(f->host), &literal, NULL) == 0) {
        f->literal = true;
        reason = fetch_address(f, &literal, 1);
    } else {
        int found = net_dns_lookup(net->dns, f->host, req->names_since_ms, &f->wait, &answer);
        if (found < 0)
            reason = "no_memory";
        else if (found > 0)
            reason =
                answer.reason ? answer.reason : fetch_address(f, answer.addresses, answer.count);
    }
    if (reason)
        fetch_decide(f, reason);
    return 0;
}

void wit_net_cancel_all(struct wit_net *net) {
    /* Requests that a callback starts go to the end and are cancelled too. */
    while (net->active.first)
        fetch_end(net->active.first, "cancelled");
}

size_t wit_net_active(const struct wit_net *net) {
    return net->active_count;
}

void wit_net_body_release(struct wit_net *net, size_t bytes) {
    atomic_fetch_sub(&net->held, bytes);
}

size_t wit_net_held_bytes(const struct wit_net *net) {
    return atomic_load(&net->held);
}

/* ---- libcurl's multi interface on libuv ---- */

struct watch {
    uv_poll_t poll;
    struct wit_net *net;
    curl_socket_t fd;
};

static void completions_take(struct wit_net *net) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(net->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        CURL *easy = message->easy_handle;
        struct wit_net_transfer *f = NULL;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &f);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        f->status = (int)status;
        bool whole = code == CURLE_OK || (code == CURLE_WRITE_ERROR && (f->cut || f->drop));
        const char *reason = f->reason ? f->reason : f->verdict;
        if (!reason && code == CURLE_OK && !f->head_ended) /* libcurl takes that for an end */
            reason = "truncated";
        if (!reason)
            reason = !whole ? curl_reason(f, code) : status == 200 ? NULL : http_reason(f->status);
        if (!fetch_elsewhere(f, reason)) /* either ends the life of `message` */
            fetch_end(f, reason);
    }
}

static void on_socket_ready(uv_poll_t *poll, int status, int events) {
    struct watch *w = poll->data;
    struct wit_net *net = w->net;
    int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(net->multi, w->fd, flags, &running); /* may close w */
    completions_take(net);
}

static void on_curl_timer(uv_timer_t *timer) {
    struct wit_net *net = timer->data;
    int running;
    curl_multi_socket_action(net->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    completions_take(net);
}

static int on_timer_wish(CURLM *multi, long timeout_ms, void *user) {
    struct wit_net *net = user;
    if (timeout_ms < 0) {
        uv_timer_stop(&net->curl_timer);
    } else {
        uv_update_time(&net->loop);
        uv_timer_start(&net->curl_timer, on_curl_timer, (uint64_t)timeout_ms, 0);
    }
    return 0;
}

static void on_watch_closed(uv_handle_t *handle) {
    free(handle->data);
}

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user) {
    struct wit_net *net = user;
    struct watch *w = socket_user;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            curl_multi_assign(net->multi, fd, NULL);
            uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        /* Without a watch the transfer sees nothing and ends by its deadline. */
        if (!w || uv_poll_init_socket(&net->loop, &w->poll, fd) != 0) {
            free(w);
            return 0;
        }
        w->poll.data = w;
        w->net = net;
        w->fd = fd;
        curl_multi_assign(net->multi, fd, w);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&w->poll, events, on_socket_ready);
    return 0;
}

int net_http_init(struct wit_net *net, struct wit_error *err) {
    pthread_once(&http_reasons_once, http_reasons_init);
    net->multi = curl_multi_init();
    if (!net->multi)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for libcurl");
    curl_multi_setopt(net->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
    curl_multi_setopt(net->multi, CURLMOPT_SOCKETDATA, net);
    curl_multi_setopt(net->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    curl_multi_setopt(net->multi, CURLMOPT_TIMERDATA, net);
    curl_multi_setopt(net->multi, CURLMOPT_MAXCONNECTS, (long)NET_CONNECTIONS_MAX);
    return 0;
}

void net_http_finish(struct wit_net *net) {
    while (net->pool_count)
        easy_destroy(net->pool[--net->pool_count]);
    if (net->multi)
        curl_multi_cleanup(net->multi);
    net->multi = NULL;
}
