/*
 * test_server.h: an HTTP server on loopback whose every answer a test scripts: right ones, slow
 * ones, endless ones, lies. A thread accepts, each connection has its own thread.
 */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_request {
    char method[8];
    char path[2048]; /* with the query */
    char host[256];
    char headers[8192]; /* the whole head, as it came */
};

/* Zero is an empty 200. All strings are borrowed until the answer is sent. */
struct test_reply {
    int status;          /* 0: 200 */
    const char *headers; /* further lines, each ending in "\r\n" */
    const char *type;    /* Content-Type; NULL: none */
    const void *body;
    size_t body_len;
    int64_t claim_len; /* Content-Length to claim instead; 0: the true one */
    bool no_length;    /* none, close at the end */
    bool endless;      /* the body again and again until the peer goes */
    uint32_t drip_ms;  /* wait before every byte of the body */
    uint32_t wait_ms;  /* wait before answering */
    bool hang;         /* never answer */
    bool hang_up;      /* close at once */
    bool flood;        /* header lines without end */
    const char *raw;   /* send exactly this and close */
};

typedef void (*test_handler)(void *user, const struct test_request *req, struct test_reply *reply);

struct test_server;

/* Listen on ip, any port. Aborts the test program on failure. */
struct test_server *test_server_start(const char *ip, test_handler handler, void *user);
/* Listen on ip and that port. */
struct test_server *test_server_start_at(const char *ip, uint16_t port, test_handler handler,
                                         void *user);
void test_server_stop(struct test_server *s);
uint16_t test_server_port(const struct test_server *s);

struct test_seen {
    uint64_t at_ms;   /* wit_clock_ms when the request had arrived */
    uint32_t running; /* requests in work then, this one included */
    char path[256];
};
/* Requests so far, oldest first: copies up to max of them, returns how many there were. */
size_t test_server_seen(struct test_server *s, struct test_seen *out, size_t max);
/* How often that path was asked for. */
size_t test_server_count(struct test_server *s, const char *path);

/* A port on ip that accepts no connection and refuses none: its queue is full. */
struct test_blackhole {
    int fds[16];
    size_t count;
    uint16_t port;
};
void test_blackhole_open(struct test_blackhole *b, const char *ip);
void test_blackhole_close(struct test_blackhole *b);

#endif
