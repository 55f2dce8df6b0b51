/* test_server.c: see test_server.h. */
#include "test_server.h"
#include "base/wit_base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define SEEN_MAX 65536

struct connection {
    struct test_server *server;
    pthread_t thread;
    int fd;
};

struct test_server {
    int fd;
    uint16_t port;
    test_handler handler;
    void *user;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t lock; /* of what follows */
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
    struct test_seen *seen;
    size_t seen_count;
    uint32_t running;
};

static void die(const char *what) {
    fprintf(stderr, "test_server: %s: %s\n", what, strerror(errno));
    abort();
}

static int listen_on(const char *ip, uint16_t port, int backlog, uint16_t *port_out) {
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
    socklen_t len = sizeof sa;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, ip, &sa.sin_addr) != 1)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(fd, backlog) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        die("listen");
    *port_out = ntohs(sa.sin_port);
    return fd;
}

/* Sleep in small steps; false when the server stops. */
static bool rest(struct test_server *s, uint32_t ms) {
    uint64_t until = wit_clock_ms() + ms;
    while (!atomic_load(&s->stopping)) {
        uint64_t now = wit_clock_ms();
        if (now >= until)
            return true;
        poll(NULL, 0, (int)(until - now < 20 ? until - now : 20));
    }
    return false;
}

static bool send_all(int fd, const void *data, size_t len) {
    const char *p = data;
    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* One request head into `head`. False: the connection is over. */
static bool head_read(int fd, char *head, size_t size) {
    size_t len = 0;
    while (len + 1 < size) {
        ssize_t n = recv(fd, head + len, 1, 0);
        if (n <= 0)
            return false;
        head[++len] = 0;
        if (head[0] == 0x16) { /* a TLS handshake: what a plain HTTP server says to that */
            send_all(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
            return false;
        }
        if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static void head_parse(struct test_request *req) {
    if (sscanf(req->headers, "%7s %2047s", req->method, req->path) != 2)
        req->path[0] = 0;
    const char *host = strcasestr(req->headers, "\r\nHost: ");
    if (host)
        sscanf(host + 8, "%255[^\r]", req->host);
}

static bool body_send(struct test_server *s, int fd, const struct test_reply *r) {
    if (r->drip_ms == 0 && !r->endless)
        return send_all(fd, r->body, r->body_len);
    do {
        size_t step = r->drip_ms ? 1 : r->body_len;
        for (size_t at = 0; at < r->body_len; at += step)
            if ((r->drip_ms && !rest(s, r->drip_ms)) || atomic_load(&s->stopping) ||
                !send_all(fd, (const char *)r->body + at, step))
                return false;
    } while (r->endless);
    return true;
}

/* True: the connection may carry another request. */
static bool reply_send(struct test_server *s, int fd, const struct test_reply *r) {
    char head[4096];
    if (r->hang_up)
        return false;
    if (r->hang) {
        while (rest(s, 1000))
            ;
        return false;
    }
    if (r->wait_ms && !rest(s, r->wait_ms))
        return false;
    if (r->raw) {
        send_all(fd, r->raw, strlen(r->raw));
        return false;
    }
    int status = r->status ? r->status : 200;
    int n =
        snprintf(head, sizeof head, "HTTP/1.1 %d Test\r\n%s", status, r->headers ? r->headers : "");
    if (r->type)
        n += snprintf(head + n, sizeof head - (size_t)n, "Content-Type: %s\r\n", r->type);
    if (!r->no_length && !r->endless)
        n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %lld\r\n",
                      r->claim_len ? (long long)r->claim_len : (long long)r->body_len);
    if (!send_all(fd, head, (size_t)n))
        return false;
    while (r->flood && !atomic_load(&s->stopping))
        if (!send_all(fd, "X-Flood: more and more and more\r\n", 33))
            return false;
    return send_all(fd, "\r\n", 2) && body_send(s, fd, r) && !r->no_length && !r->claim_len;
}

static void *connection_main(void *user) {
    struct connection *c = user;
    struct test_server *s = c->server;
    struct test_request *req = malloc(sizeof *req);
    bool more = req != NULL;
    while (more) {
        memset(req, 0, sizeof *req);
        if (!head_read(c->fd, req->headers, sizeof req->headers))
            break;
        head_parse(req);
        pthread_mutex_lock(&s->lock);
        s->running++;
        if (s->seen_count < SEEN_MAX) {
            struct test_seen *seen = &s->seen[s->seen_count++];
            seen->at_ms = wit_clock_ms();
            seen->running = s->running;
            snprintf(seen->path, sizeof seen->path, "%.255s", req->path);
        }
        pthread_mutex_unlock(&s->lock);
        struct test_reply reply = { 0 };
        s->handler(s->user, req, &reply);
        more = reply_send(s, c->fd, &reply);
        pthread_mutex_lock(&s->lock);
        s->running--;
        pthread_mutex_unlock(&s->lock);
    }
    free(req);
    shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

static void *accept_main(void *user) {
    struct test_server *s = user;
    while (!atomic_load(&s->stopping)) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        if (poll(&p, 1, 20) <= 0)
            continue;
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        pthread_mutex_lock(&s->lock);
        struct connection *c = &s->connections[s->connection_count];
        bool room = s->connection_count < CONNECTIONS_MAX;
        if (room) {
            *c = (struct connection){ .server = s, .fd = fd };
            if (pthread_create(&c->thread, NULL, connection_main, c) != 0)
                die("pthread_create");
            s->connection_count++;
        }
        pthread_mutex_unlock(&s->lock);
        if (!room)
            close(fd);
    }
    return NULL;
}

struct test_server *test_server_start_at(const char *ip, uint16_t port, test_handler handler,
                                         void *user) {
    struct test_server *s = calloc(1, sizeof *s);
    if (!s || !(s->seen = calloc(SEEN_MAX, sizeof *s->seen)))
        die("calloc");
    s->fd = listen_on(ip, port, 512, &s->port);
    s->handler = handler;
    s->user = user;
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->thread, NULL, accept_main, s) != 0)
        die("pthread_create");
    return s;
}

struct test_server *test_server_start(const char *ip, test_handler handler, void *user) {
    return test_server_start_at(ip, 0, handler, user);
}

void test_server_stop(struct test_server *s) {
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->connection_count; i++) {
        shutdown(s->connections[i].fd, SHUT_RDWR);
        pthread_join(s->connections[i].thread, NULL);
        close(s->connections[i].fd);
    }
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s->seen);
    free(s);
}

uint16_t test_server_port(const struct test_server *s) {
    return s->port;
}

size_t test_server_seen(struct test_server *s, struct test_seen *out, size_t max) {
    pthread_mutex_lock(&s->lock);
    size_t count = s->seen_count;
    if (out)
        memcpy(out, s->seen, (count < max ? count : max) * sizeof *out);
    pthread_mutex_unlock(&s->lock);
    return count;
}

size_t test_server_count(struct test_server *s, const char *path) {
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->seen_count; i++)
        n += strcmp(s->seen[i].path, path) == 0;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void test_blackhole_open(struct test_blackhole *b, const char *ip) {
    struct sockaddr_in sa = { .sin_family = AF_INET };
    b->count = 0;
    b->fds[b->count++] = listen_on(ip, 0, 0, &b->port);
    sa.sin_port = htons(b->port);
    inet_pton(AF_INET, ip, &sa.sin_addr);
    for (int i = 0; i < 4;
         i++) { /* the queue of a backlog of 0 holds one; further SYNs are dropped */
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fd, (struct sockaddr *)&sa, sizeof sa);
        b->fds[b->count++] = fd;
    }
    poll(NULL, 0, 50);
}

void test_blackhole_close(struct test_blackhole *b) {
    for (size_t i = 0; i < b->count; i++)
        close(b->fds[i]);
}
