/* metrics.c: a page of numbers, by libmicrohttpd. */
#include "metrics.h"

#include "net/wit_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>

enum { TEXT_MOST_BYTES = 1 << 20, CONNECTIONS_MOST = 8, IDLE_S = 10 };

struct metrics {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* guards text */
    struct wit_buf text;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct wit_str body) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data,
                                        MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    enum MHD_Result sent = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return sent;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state) {
    struct metrics *m = user;
    if (strcmp(method, "GET") != 0)
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, WIT_STR("only GET\n"));
    if (strcmp(url, "/metrics") != 0)
        return answer(connection, MHD_HTTP_NOT_FOUND, WIT_STR("numbers are at /metrics\n"));
    pthread_mutex_lock(&m->lock);
    enum MHD_Result sent = answer(connection, MHD_HTTP_OK, wit_buf_view(&m->text));
    pthread_mutex_unlock(&m->lock);
    return sent;
}

/* "127.0.0.1:9100", "[::1]:9100". */
static int address_parse(const char *text, struct sockaddr_storage *out, struct wit_error *err) {
    const char *colon = strrchr(text, ':');
    struct wit_str host = wit_str_of(text, colon ? (size_t)(colon - text) : 0);
    struct wit_net_address address;
    uint64_t port;
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = wit_str_slice(host, 1, host.len - 1);
    if (!colon || wit_net_address_parse(host, &address, NULL) < 0 ||
        wit_str_to_u64(wit_str_from(colon + 1), &port) < 0 || port > 65535)
        return wit_error_set(err, WIT_EINVAL,
                             "'%s' is not an address with a port, such as 127.0.0.1:9100", text);
    *out = (struct sockaddr_storage){ .ss_family = address.family == 4 ? AF_INET : AF_INET6 };
    if (address.family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_port = htons((uint16_t)port);
        memcpy(&in->sin_addr, address.bytes, 4);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
        in6->sin6_port = htons((uint16_t)port);
        memcpy(&in6->sin6_addr, address.bytes, 16);
    }
    return 0;
}

int metrics_check(const char *address, struct wit_error *err) {
    struct sockaddr_storage at;
    return address_parse(address, &at, err);
}

int metrics_start(const char *address, struct metrics **out, struct wit_error *err) {
    struct sockaddr_storage at;
    int st = address_parse(address, &at, err);
    if (st < 0)
        return st;
    struct metrics *m = calloc(1, sizeof *m);
    if (!m)
        return wit_error_set(err, WIT_ENOMEM, "no memory for metrics");
    pthread_mutex_init(&m->lock, NULL);
    m->text = (struct wit_buf)WIT_BUF_INIT(TEXT_MOST_BYTES);
    unsigned flags =
        MHD_USE_INTERNAL_POLLING_THREAD | (at.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    m->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, m, MHD_OPTION_SOCK_ADDR, &at,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
    if (!m->daemon) {
        metrics_stop(m);
        return wit_error_errno(err, errno, "cannot serve metrics at %s", address);
    }
    *out = m;
    return 0;
}

uint16_t metrics_port(const struct metrics *m) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

void metrics_set(struct metrics *m, struct wit_str text) {
    pthread_mutex_lock(&m->lock);
    wit_buf_reset(&m->text);
    if (wit_buf_append_str(&m->text, text) < 0)
        wit_buf_reset(&m->text);
    pthread_mutex_unlock(&m->lock);
}

void metrics_stop(struct metrics *m) {
    if (!m)
        return;
    if (m->daemon)
        MHD_stop_daemon(m->daemon); /* joins its thread */
    pthread_mutex_destroy(&m->lock);
    wit_buf_finish(&m->text);
    free(m);
}

void metrics_put(struct wit_buf *out, const char *name, const char *type, const char *labels,
                 uint64_t value) {
    if (type)
        wit_buf_printf(out, "# TYPE wit_%s %s\n", name, type);
    wit_buf_printf(out, "wit_%s%s%s%s %" PRIu64 "\n", name, *labels ? "{" : "", labels,
                   *labels ? "}" : "", value);
}
