/*
 * synthweb: a synthetic web on loopback for the tests of the crawler (synth_world.h says what is in
 * it): one thread serves HTTP/1.1 with keep-alive at any address of 127.0.0.0/8 and DNS at
 * 127.0.0.1, and notes whether who asks is polite (synth_ledger.h).
 *
 *     synthweb --domains 2000 --pages 16 --seed 7 --delay-ms 100 --seeds seeds.txt
 *
 * It prints one JSON line when it listens ("port", "dns", "expected") and serves until SIGTERM. The
 * host control.test answers /summary (the ledger so far, as JSON) and /restart (the crawler was
 * killed). --expect prints what a crawl must come to, and ends.
 */
#include "due_heap.h"
#include "synth_answer.h"
#include "synth_ledger.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MOST = 4096, NAME_MESSAGE_MOST = 512, EVENTS = 256, RESPONSE_MOST = 1 << 20 };

struct connection {
    struct due_item due; /* first: when the answer leaves, of a slow host */
    int fd;
    uint32_t address; /* at our end, host order */
    bool waiting;     /* a request is noted in the ledger and not yet answered */
    bool closing;     /* when what is in `rest` has left */
    struct synth_url url;
    uint32_t run;
    unsigned asked_before;
    size_t request_len;
    char request[REQUEST_MOST];
    struct wit_buf rest; /* of an answer, when the socket takes no more now */
    struct connection *older, *newer;
};

/* An answer to a name that leaves later; all leave after the same time, so in their order. */
struct delayed_name {
    uint64_t at_ms;
    struct sockaddr_in to;
    uint16_t len;
    uint8_t message[NAME_MESSAGE_MOST];
};

struct server {
    struct synth_world world;
    struct synth_expect expect;
    struct synth_ledger ledger;
    uint32_t retries, name_latency_ms;
    const char *seeds;
    bool only_expect;
    int epoll, listener, names, signals, refused;
    struct due_heap slow;
    struct connection *newest;
    struct wit_buf out;
    struct delayed_name *ring; /* of ring_cap places */
    size_t ring_head, ring_count, ring_cap;
    bool stopping;
};

static void die(const char *what) {
    fprintf(stderr, "synthweb: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void die_of(const struct wit_error *err) {
    fprintf(stderr, "synthweb: %s\n", err->text);
    exit(1);
}

/* ---- sockets -------------------------------------------------------------------------------- */

/* On loopback only, whatever the address. Listens if it shall. */
static int socket_open(int type, uint32_t address, bool listens, uint16_t *port) {
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(*port) };
    socklen_t len = sizeof sa;
    int one = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sa.sin_addr.s_addr = htonl(address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0)
        die("a socket on loopback");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one); /* connections inherit it */
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 || (listens && listen(fd, 4096) != 0) ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        die("listening");
    *port = ntohs(sa.sin_port);
    return fd;
}

static void watch(struct server *s, int op, int fd, uint32_t events, void *what) {
    struct epoll_event e = { .events = events, .data.ptr = what };
    if (epoll_ctl(s->epoll, op, fd, &e) != 0)
        die("epoll");
}

/* ---- connections ---------------------------------------------------------------------------- */

static void connection_close(struct server *s, struct connection *c) {
    if (c->waiting)
        synth_ledger_end(&s->ledger, &c->url, c->run, 0, wit_clock_ms());
    due_heap_remove(&s->slow, &c->due);
    *(c->newer ? &c->newer->older : &s->newest) = c->older;
    if (c->older)
        c->older->newer = c->newer;
    close(c->fd);
    wit_buf_finish(&c->rest);
    free(c);
}

static void connection_accept(struct server *s) {
    int one = 1, fd;
    while ((fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct sockaddr_in sa;
        socklen_t len = sizeof sa;
        struct connection *c = calloc(1, sizeof *c);
        if (!c || getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
            die("a connection");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->address = ntohl(sa.sin_addr.s_addr);
        c->rest = (struct wit_buf)WIT_BUF_INIT(RESPONSE_MOST);
        c->older = s->newest;
        if (c->older)
            c->older->newer = c;
        s->newest = c;
        watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, c);
    }
}

/* Now as much as the socket takes. The connection may be gone after it. */
static void rest_send(struct server *s, struct connection *c, struct wit_str bytes) {
    ssize_t n = send(c->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        connection_close(s, c);
        return;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    s->ledger.bytes += sent;
    if (sent == bytes.len) {
        if (c->rest.len)
            watch(s, EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
        wit_buf_reset(&c->rest);
        if (c->closing)
            connection_close(s, c);
        return;
    }
    bool first = c->rest.len == 0;
    struct wit_buf left = WIT_BUF_INIT(RESPONSE_MOST);
    if (wit_buf_append(&left, bytes.data + sent, bytes.len - sent) < 0)
        die("memory");
    wit_buf_finish(&c->rest);
    c->rest = left;
    if (first)
        watch(s, EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
}

static void answer(struct server *s, struct connection *c) {
    struct synth_answer a;
    if (synth_answer_write(&s->world, &c->url, c->asked_before, &s->out, &a) < 0)
        die("an answer");
    c->waiting = false;
    c->closing = a.cut;
    synth_ledger_end(&s->ledger, &c->url, c->run, a.status, wit_clock_ms());
    rest_send(s, c, wit_buf_view(&s->out));
}

static void control(struct server *s, struct connection *c, struct wit_str path) {
    struct wit_buf body = WIT_BUF_INIT(1 << 16);
    struct wit_json_writer json;
    wit_json_writer_init(&json, &body);
    wit_json_object_begin(&json);
    if (wit_str_eq(path, WIT_STR("/restart")))
        synth_ledger_restart(&s->ledger);
    synth_ledger_put(&s->ledger, &s->expect, &json);
    wit_json_object_end(&json);
    if (synth_answer_plain(200, "application/json", wit_buf_view(&body), &s->out) < 0)
        die("a summary");
    wit_buf_finish(&body);
    rest_send(s, c, wit_buf_view(&s->out));
}

static void plain(struct server *s, struct connection *c, int status, const char *text) {
    if (synth_answer_plain(status, "text/plain", wit_str_from(text), &s->out) < 0)
        die("an answer");
    rest_send(s, c, wit_buf_view(&s->out));
}

/* A whole request head, arrived at that time of wit_clock_ms. */
static void request_take(struct server *s, struct connection *c, struct wit_str head,
                         uint64_t arrived_ms) {
    ptrdiff_t host_at = wit_str_find(head, WIT_STR("\r\nHost: "), 0);
    ptrdiff_t path_end = wit_str_find_byte(head, ' ', 4);
    uint32_t domain;
    bool image_host;
    if (!wit_str_starts_with(head, WIT_STR("GET ")) || host_at < 0 || path_end < 0) {
        plain(s, c, 400, "GET with a Host is all there is\n");
        return;
    }
    struct wit_str path = wit_str_slice(head, 4, (size_t)path_end);
    size_t from = (size_t)host_at + sizeof "\r\nHost: " - 1;
    struct wit_str host = wit_str_slice(head, from, (size_t)wit_str_find_byte(head, '\r', from));
    if (wit_str_starts_with(host, WIT_STR("control.test"))) {
        control(s, c, path);
        return;
    }
    if (!synth_name_parse(&s->world, host, &domain, &image_host)) {
        s->ledger.breaches.wrong_address++;
        plain(s, c, 421, "no such host\n");
        return;
    }
    c->url = synth_url_parse(&s->world, domain, image_host, path);
    c->asked_before = synth_ledger_begin(&s->ledger, &c->url, c->address, arrived_ms);
    c->run = s->ledger.run;
    c->waiting = true;
    uint32_t latency_ms = synth_domain_of(&s->world, domain).latency_ms;
    if (!latency_ms)
        answer(s, c);
    else if (due_heap_put(&s->slow, &c->due, wit_clock_ms() + latency_ms) < 0)
        die("memory");
}

/* That wall time by wit_clock_ms. Both clocks are read at one instant, or again: what happens to
 * this process between the two would count as the crawler's haste. */
static uint64_t monotonic_ms_of(const struct timespec *then) {
    enum { APART_MOST_NS = 20000, TRIES = 1000 };
    struct timespec now;
    uint64_t before_ns, after_ns;
    int tries = 0;
    do {
        before_ns = wit_clock_ns();
        clock_gettime(CLOCK_REALTIME, &now);
        after_ns = wit_clock_ns();
    } while (after_ns - before_ns > APART_MOST_NS && ++tries < TRIES);
    int64_t age_ns =
        (now.tv_sec - then->tv_sec) * INT64_C(1000000000) + now.tv_nsec - then->tv_nsec;
    return (before_ns - (age_ns > 0 ? (uint64_t)age_ns : 0)) / 1000000;
}

/* Reads on. The kernel noted when the bytes came, which this process may see later: who waits for
 * the processor must not call others impolite. */
static ssize_t receive(struct connection *c, uint64_t *arrived_ms) {
    union {
        struct cmsghdr head; /* aligns it */
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec space = { c->request + c->request_len, sizeof c->request - c->request_len };
    struct msghdr message = { .msg_iov = &space,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
    struct timespec then;
    ssize_t n = recvmsg(c->fd, &message, 0);
    for (struct cmsghdr *m = n > 0 ? CMSG_FIRSTHDR(&message) : NULL; m;
         m = CMSG_NXTHDR(&message, m)) {
        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&then, CMSG_DATA(m), sizeof then);
        *arrived_ms = monotonic_ms_of(&then);
    }
    return n;
}

static void connection_ready(struct server *s, struct connection *c, uint32_t events) {
    if (events & EPOLLOUT) {
        rest_send(s, c, wit_buf_view(&c->rest));
        return;
    }
    uint64_t arrived_ms = wit_clock_ms();
    ssize_t n = receive(c, &arrived_ms);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        connection_close(s, c);
        return;
    }
    c->request_len += (size_t)n;
    struct wit_str head = wit_str_of(c->request, c->request_len);
    if (c->waiting || !wit_str_ends_with(head, WIT_STR("\r\n\r\n"))) {
        if (c->request_len == sizeof c->request)
            connection_close(s, c);
        return;
    }
    c->request_len = 0;
    request_take(s, c, head, arrived_ms);
}

static void slow_answer(struct server *s, uint64_t now_ms) {
    for (struct due_item *item; (item = due_heap_first(&s->slow)) && item->at_ms <= now_ms;) {
        due_heap_remove(&s->slow, item);
        answer(s, (struct connection *)item);
    }
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct delayed_name *ring_place(struct server *s) {
    if (s->ring_count == s->ring_cap) {
        size_t cap = s->ring_cap ? 2 * s->ring_cap : 1024;
        struct delayed_name *ring = wit_alloc_array(cap, sizeof *ring);
        if (!ring)
            die("memory");
        for (size_t i = 0; i < s->ring_count; i++)
            ring[i] = s->ring[(s->ring_head + i) % s->ring_cap];
        free(s->ring);
        s->ring = ring;
        s->ring_head = 0;
        s->ring_cap = cap;
    }
    return &s->ring[(s->ring_head + s->ring_count++) % s->ring_cap];
}

static void names_read(struct server *s) {
    for (;;) {
        struct delayed_name *n = ring_place(s);
        socklen_t len = sizeof n->to;
        ssize_t got =
            recvfrom(s->names, n->message, sizeof n->message, 0, (struct sockaddr *)&n->to, &len);
        size_t bytes =
            got > 0 ? synth_answer_name(&s->world, n->message, (size_t)got, sizeof n->message) : 0;
        s->ledger.names += got > 0;
        n->at_ms = wit_clock_ms() + s->name_latency_ms;
        n->len = (uint16_t)bytes;
        if (bytes == 0)
            s->ring_count--;
        if (got < 0)
            return;
    }
}

static void names_answer(struct server *s, uint64_t now_ms) {
    while (s->ring_count && s->ring[s->ring_head].at_ms <= now_ms) {
        struct delayed_name *n = &s->ring[s->ring_head];
        sendto(s->names, n->message, n->len, 0, (struct sockaddr *)&n->to, sizeof n->to);
        s->ring_head = (s->ring_head + 1) % s->ring_cap;
        s->ring_count--;
    }
}

/* ---- the loop ------------------------------------------------------------------------------- */

static int timeout_ms(const struct server *s, uint64_t now_ms) {
    const struct due_item *slow = due_heap_first(&s->slow);
    uint64_t at_ms = slow ? slow->at_ms : UINT64_MAX;
    if (s->ring_count && s->ring[s->ring_head].at_ms < at_ms)
        at_ms = s->ring[s->ring_head].at_ms;
    return at_ms == UINT64_MAX ? -1 : at_ms <= now_ms ? 0 : (int)(at_ms - now_ms);
}

static void serve(struct server *s) {
    struct epoll_event events[EVENTS];
    while (!s->stopping) {
        int n = epoll_wait(s->epoll, events, EVENTS, timeout_ms(s, wit_clock_ms()));
        if (n < 0 && errno != EINTR)
            die("epoll");
        for (int i = 0; i < n; i++) {
            void *what = events[i].data.ptr;
            if (what == &s->listener)
                connection_accept(s);
            else if (what == &s->names)
                names_read(s);
            else if (what == &s->signals)
                s->stopping = true;
            else
                connection_ready(s, what, events[i].events);
        }
        uint64_t now_ms = wit_clock_ms();
        names_answer(s, now_ms);
        slow_answer(s, now_ms);
    }
}

/* ---- starting ------------------------------------------------------------------------------- */

static void options_read(struct server *s, int argc, char **argv) {
    uint32_t port = 0;
    struct synth_world *w = &s->world;
    const struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {
        { "domains", &w->domains },
        { "pages", &w->mean_pages },
        { "domains-per-address", &w->domains_per_address },
        { "dead-permille", &w->dead_permille },
        { "slow-ms", &w->slow_ms },
        { "delay-ms", &w->delay_ms },
        { "page-bytes", &w->page_bytes },
        { "image-bytes", &w->image_bytes },
        { "retries", &s->retries },
        { "dns-latency-ms", &s->name_latency_ms },
        { "tolerance-ms", &s->ledger.tolerance_ms },
        { "address-delay-ms", &s->ledger.address_delay_ms },
        { "port", &port },
    };
    enum { SEED = WIT_COUNT_OF(numbers), SEEDS, EXPECT };
    struct option longs[] = { [SEED] = { "seed", required_argument, NULL, SEED },
                              [SEEDS] = { "seeds", required_argument, NULL, SEEDS },
                              [EXPECT] = { "expect", no_argument, NULL, EXPECT },
                              [EXPECT + 1] = { NULL, 0, NULL, 0 } };
    for (size_t i = 0; i < WIT_COUNT_OF(numbers); i++)
        longs[i] = (struct option){ numbers[i].name, required_argument, NULL, (int)i };
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == SEED)
            w->seed = strtoull(optarg, NULL, 10);
        else if (c == SEEDS)
            s->seeds = optarg;
        else if (c == EXPECT)
            s->only_expect = true;
        else if (c == '?')
            exit(2);
        else
            *numbers[c].value = (uint32_t)strtoul(optarg, NULL, 10);
    }
    w->port = (uint16_t)port;
}

/* Every domain's first page. */
static void seeds_write(const struct server *s) {
    char url[SYNTH_URL_MAX];
    FILE *f = fopen(s->seeds, "w");
    if (!f)
        die(s->seeds);
    for (uint32_t d = 0; d < s->world.domains; d++) {
        struct synth_url u = synth_page_url(d, 0);
        synth_url_write(&s->world, &u, url);
        fprintf(f, "%s\n", url);
    }
    if (fclose(f) != 0)
        die(s->seeds);
}

static void json_say(struct server *s, uint16_t names_port) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    struct wit_json_writer json;
    char dns[32];
    snprintf(dns, sizeof dns, "127.0.0.1:%u", names_port);
    wit_json_writer_init(&json, &text);
    wit_json_object_begin(&json);
    wit_json_key(&json, "port");
    wit_json_put_u64(&json, s->world.port);
    wit_json_key(&json, "dns");
    wit_json_put_cstr(&json, dns);
    wit_json_key(&json, "expected");
    wit_json_object_begin(&json);
    synth_expect_put(&s->expect, &json);
    wit_json_object_end(&json);
    wit_json_object_end(&json);
    printf("%.*s\n", WIT_STR_FMT(wit_buf_view(&text)));
    fflush(stdout);
    wit_buf_finish(&text);
}

static void world_make(struct server *s) {
    struct wit_error err = WIT_ERROR_INIT;
    uint32_t tolerance_ms = s->ledger.tolerance_ms, address_ms = s->ledger.address_delay_ms;
    if (synth_world_init(&s->world, &err) < 0 ||
        synth_expect_make(&s->world, s->retries, &s->expect, &err) < 0 ||
        synth_ledger_init(&s->ledger, &s->world, &err) < 0)
        die_of(&err);
    s->ledger.tolerance_ms = tolerance_ms;
    s->ledger.address_delay_ms = address_ms;
}

static void sockets_open(struct server *s, uint16_t *names_port) {
    struct rlimit files;
    sigset_t set;
    int buffer = 4 << 20;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->listener = socket_open(SOCK_STREAM, INADDR_ANY, true, &s->world.port);
    s->refused = socket_open(SOCK_STREAM, INADDR_ANY, false, &s->world.refused_port);
    s->names = socket_open(SOCK_DGRAM, INADDR_LOOPBACK, false, names_port);
    setsockopt(s->names, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    watch(s, EPOLL_CTL_ADD, s->listener, EPOLLIN, &s->listener);
    watch(s, EPOLL_CTL_ADD, s->names, EPOLLIN, &s->names);
    watch(s, EPOLL_CTL_ADD, s->signals, EPOLLIN, &s->signals);
}

static void finish(struct server *s) {
    while (s->newest)
        connection_close(s, s->newest);
    due_heap_finish(&s->slow);
    wit_buf_finish(&s->out);
    free(s->ring);
    synth_ledger_finish(&s->ledger);
    synth_expect_finish(&s->expect);
    synth_world_finish(&s->world);
}

int main(int argc, char **argv) {
    static struct server s = {
        .world = { .seed = 1,
                   .domains = 100,
                   .mean_pages = 16,
                   .domains_per_address = 4,
                   .dead_permille = 10,
                   .slow_ms = 400,
                   .delay_ms = 1000,
                   .page_bytes = 2000,
                   .image_bytes = 1000 },
        .retries = 1,
    };
    uint16_t names_port = 0;
    s.out = (struct wit_buf)WIT_BUF_INIT(RESPONSE_MOST);
    options_read(&s, argc, argv);
    if (!s.only_expect)
        sockets_open(&s, &names_port);
    world_make(&s);
    if (s.seeds)
        seeds_write(&s);
    json_say(&s, names_port);
    if (!s.only_expect)
        serve(&s);
    finish(&s);
    return 0;
}
