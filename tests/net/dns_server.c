/* dns_server.c: see dns_server.h. RFC 1035, 4: message format. */
#include "dns_server.h"
#include "base/wit_base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKED_MAX 256

struct dns_server {
    const struct dns_record *records;
    size_t count;
    int fd;
    char address[32];
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t lock; /* of what follows */
    char asked[ASKED_MAX][256];
    size_t asked_count;
};

/* The question's name in dots, lower case; returns its length in the message, 0: malformed. */
static size_t name_read(const uint8_t *p, size_t len, char *out, size_t size) {
    size_t at = 0, used = 0;
    while (at < len && p[at]) {
        size_t n = p[at++];
        if (n > 63 || at + n > len || used + n + 2 > size)
            return 0;
        for (size_t i = 0; i < n; i++)
            out[used++] = (char)(p[at + i] >= 'A' && p[at + i] <= 'Z' ? p[at + i] + 32 : p[at + i]);
        out[used++] = '.';
        at += n;
    }
    out[used ? used - 1 : 0] = 0;
    return at < len ? at + 1 : 0;
}

static unsigned asked_add(struct dns_server *s, const char *name, bool count) {
    unsigned n = 0;
    pthread_mutex_lock(&s->lock);
    if (count && s->asked_count < ASKED_MAX)
        snprintf(s->asked[s->asked_count++], sizeof s->asked[0], "%s", name);
    for (size_t i = 0; i < s->asked_count; i++)
        n += strcmp(s->asked[i], name) == 0;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* Turn the query in m into its answer; 0: stay silent. */
static size_t answer(struct dns_server *s, uint8_t *m, size_t len, size_t size) {
    char name[256];
    size_t name_len = len > 12 ? name_read(m + 12, len - 12, name, sizeof name) : 0;
    if (name_len == 0 || 12 + name_len + 4 > len)
        return 0;
    size_t end = 12 + name_len + 4;
    bool is_a = wit_load_be16(m + 12 + name_len) == 1;
    const struct dns_record *record = NULL;
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->records[i].name, name) == 0)
            record = &s->records[i];
    unsigned times = asked_add(s, name, is_a), answers = 0;
    if (record && !record->addresses)
        return 0;
    bool fails = record && strcmp(record->addresses, DNS_SERVER_FAILS) == 0;
    bool then = record && record->then && times > (fails ? 3 : 1);
    fails &= !then;
    const char *list = !record || !is_a || fails ? "" : then ? record->then : record->addresses;
    while (*list) {
        char one[INET_ADDRSTRLEN];
        size_t n = strcspn(list, " ");
        if (n >= sizeof one || end + 16 > size)
            break;
        memcpy(one, list, n);
        one[n] = 0;
        list += n + (list[n] == ' ');
        uint8_t *r = m + end;
        r[0] = 0xc0, r[1] = 12; /* the name of the question */
        r[2] = 0, r[3] = 1, r[4] = 0, r[5] = 1;
        wit_store_be32(r + 6, record->ttl_s);
        r[10] = 0, r[11] = 4;
        if (inet_pton(AF_INET, one, r + 12) != 1)
            break;
        end += 16;
        answers++;
    }
    m[2] = 0x84, m[3] = !record ? 0x83 : fails ? 0x82 : 0x80; /* NXDOMAIN, SERVFAIL */
    m[6] = 0, m[7] = (uint8_t)answers;
    memset(m + 8, 0, 4); /* no authority, no additional (an OPT of the query is dropped) */
    return end;
}

static void *serve(void *user) {
    struct dns_server *s = user;
    uint8_t m[1024];
    while (!atomic_load(&s->stopping)) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        struct sockaddr_in from;
        socklen_t from_len = sizeof from;
        if (poll(&p, 1, 20) <= 0)
            continue;
        ssize_t n = recvfrom(s->fd, m, sizeof m, 0, (struct sockaddr *)&from, &from_len);
        size_t len = n > 0 ? answer(s, m, (size_t)n, sizeof m) : 0;
        if (len)
            sendto(s->fd, m, len, 0, (struct sockaddr *)&from, from_len);
    }
    return NULL;
}

struct dns_server *dns_server_start(const struct dns_record *records, size_t count) {
    struct sockaddr_in sa = { .sin_family = AF_INET };
    socklen_t len = sizeof sa;
    struct dns_server *s = calloc(1, sizeof *s);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!s || (s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0 ||
        bind(s->fd, (struct sockaddr *)&sa, sizeof sa) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&sa, &len) != 0) {
        perror("dns_server");
        abort();
    }
    s->records = records;
    s->count = count;
    snprintf(s->address, sizeof s->address, "127.0.0.1:%u", ntohs(sa.sin_port));
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->thread, NULL, serve, s) != 0)
        abort();
    return s;
}

void dns_server_stop(struct dns_server *s) {
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    pthread_join(s->thread, NULL);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *dns_server_address(const struct dns_server *s) {
    return s->address;
}

unsigned dns_server_asked(struct dns_server *s, const char *name) {
    return asked_add(s, name, false);
}
