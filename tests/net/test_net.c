/* test_net.c: the HTTP client against servers that misbehave: each failure has its name and comes
 * within its deadline. Loopback only. */
#include "crawler/test_server.h"
#include "dns_server.h"
#include "net/wit_net.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

#define BODY_MAX ((size_t)1 << 20)

static const struct dns_record records[] = {
    { "good.test", "127.0.0.1", 60, NULL },
    { "far.test", "10.1.2.3 169.254.169.254", 60, NULL },
    { "mixed.test", "10.1.2.3 127.0.0.1", 60, NULL },
    { "silent.test", NULL, 0, NULL },
    { "twice.test", "127.0.0.7 127.0.0.1", 60, NULL }, /* nobody is at the first one */
    { "gone.test", "127.0.0.7 127.0.0.8", 60, NULL },
    { "rebind.test", "127.0.0.1", 0, "192.168.1.1" },
    { "heals.test", DNS_SERVER_FAILS, 60, "127.0.0.1" },
};

struct fixture {
    struct test_server *server;
    struct dns_server *dns;
    struct wit_net *net;
    struct wit_net_cidr allow;
    char big[65536];
    char long_line[200000];        /* a head with a line that is longer than libcurl takes */
    struct wit_net_transfer *held; /* until the alarm */
};

static void handle(void *user, const struct test_request *req, struct test_reply *reply) {
    static const char hello[] = "hello, world";
    struct fixture *f = user;
    const char *p = req->path;
    reply->type = "text/plain";
    reply->body = hello;
    reply->body_len = sizeof hello - 1;
    if (strcmp(p, "/404") == 0)
        reply->status = 404;
    else if (strcmp(p, "/503") == 0)
        reply->status = 503, reply->headers = "Retry-After: 7\r\n";
    else if (strcmp(p, "/moved") == 0)
        reply->status = 302, reply->headers = "Location: http://10.0.0.1/\r\n";
    else if (strcmp(p, "/drip") == 0)
        reply->drip_ms = 300;
    else if (strcmp(p, "/tardy") == 0)
        reply->wait_ms = 300;
    else if (strcmp(p, "/late") == 0)
        reply->hang = true;
    else if (strcmp(p, "/endless") == 0)
        reply->endless = true, reply->body = f->big, reply->body_len = sizeof f->big;
    else if (strcmp(p, "/endless-big") == 0)
        reply->endless = true, reply->body = f->big, reply->body_len = sizeof f->big,
        reply->headers = "X-Big: yes\r\n";
    else if (strcmp(p, "/claims-more") == 0)
        reply->claim_len = 1000;
    else if (strcmp(p, "/claims-huge") == 0)
        reply->claim_len = (int64_t)1 << 40;
    else if (strcmp(p, "/flood") == 0)
        reply->flood = true;
    else if (strcmp(p, "/hang-up") == 0)
        reply->hang_up = true;
    else if (strcmp(p, "/garbage") == 0)
        reply->raw = "SSH-2.0-OpenSSH_9.2\r\n";
    else if (strcmp(p, "/head-cut") == 0)
        reply->raw = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Cut: ";
    else if (strcmp(p, "/long-line") == 0)
        reply->raw = f->long_line;
    else if (strcmp(p, "/echo") == 0)
        reply->body = req->headers, reply->body_len = strlen(req->headers);
}

static void let_go(void *user) {
    struct fixture *f = user;
    wit_net_go(f->held);
}

static struct wit_net_config config_of(struct fixture *f) {
    struct wit_net_config cfg = wit_net_config_default();
    cfg.user_agent = "testbot/1 (+https://example.org/bot)";
    cfg.allow = &f->allow;
    cfg.allow_count = 1;
    cfg.dns_servers = dns_server_address(f->dns);
    cfg.dns_timeout_ms = 100;
    cfg.dns_tries = 2;
    cfg.connect_timeout_ms = 300;
    cfg.low_speed_bytes = 100;
    cfg.low_speed_s = 1;
    cfg.on_alarm = let_go;
    cfg.user = f;
    return cfg;
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    struct wit_error err = WIT_ERROR_INIT;
    memset(f->big, 'x', sizeof f->big);
    memset(f->long_line, 'x', sizeof f->long_line - 1);
    memcpy(f->long_line, "HTTP/1.1 200 OK\r\nX: ", 20);
    assert_int_equal(wit_net_cidr_parse(WIT_STR("127.0.0.0/8"), &f->allow, &err), 0);
    f->dns = dns_server_start(records, WIT_COUNT_OF(records));
    f->server = test_server_start("127.0.0.1", handle, f);
    const struct wit_net_config cfg = config_of(f);
    assert_int_equal(wit_net_create(&cfg, &f->net, &err), 0);
    *state = f;
    return 0;
}

/* The fixture's client has 300 ms for a connection, with its TLS: what a busy machine may take for
 * a peer on loopback. This one, which is the fixture's until it is given back, has time. */
static struct wit_net *patient_client(struct fixture *f) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_net_config cfg = config_of(f);
    struct wit_net *usual = f->net;
    cfg.connect_timeout_ms = 30000;
    f->net = NULL;
    assert_int_equal(wit_net_create(&cfg, &f->net, &err), 0);
    return usual;
}

static void patient_client_end(struct fixture *f, struct wit_net *usual) {
    wit_net_destroy(f->net);
    f->net = usual;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    wit_net_destroy(f->net);
    test_server_stop(f->server);
    dns_server_stop(f->dns);
    free(f);
    return 0;
}

/* What came of a request, copied out of the callback. */
struct outcome {
    struct wit_net *net;
    unsigned calls, expected;
    unsigned asked; /* for a ceiling */
    const char *reason;
    int status;
    bool cut;
    char body[4096], headers[4096];
    size_t body_len;
    uint32_t elapsed_ms;
    uint64_t wire_bytes;
    /* of on_address and on_headers */
    struct fixture *f;
    uint64_t wait_ms; /* UINT64_MAX: there is no place to wait */
    unsigned addresses_asked, headers_asked;
    struct wit_net_address address;
    const char *verdict;
    uint64_t sent_ms, heard_ms;
    unsigned answers; /* calls of on_answer */
    uint64_t answered_ms;
};

static void on_done(void *user, struct wit_net_response *r) {
    struct outcome *o = user;
    o->calls++;
    o->reason = r->reason;
    o->status = r->status;
    o->cut = r->cut;
    o->body_len = r->body.len;
    o->elapsed_ms = r->elapsed_ms;
    o->wire_bytes = r->wire_bytes;
    o->sent_ms = r->sent_ms;
    o->heard_ms = r->heard_ms;
    snprintf(o->body, sizeof o->body, "%.*s", WIT_STR_FMT(wit_buf_view(&r->body)));
    snprintf(o->headers, sizeof o->headers, "%.*s", WIT_STR_FMT(r->headers));
    if (o->calls == o->expected)
        wit_net_stop(o->net);
}

static void url_make(char *out, size_t size, const struct fixture *f, const char *host,
                     const char *path) {
    snprintf(out, size, "http://%s:%u%s", host, test_server_port(f->server), path);
}

static void note_answer(void *user) {
    struct outcome *o = user;
    o->answers++;
    o->answered_ms = wit_clock_ms();
}

static struct outcome ask_url(struct wit_net *net, const char *url, uint32_t deadline_ms) {
    struct wit_error err = WIT_ERROR_INIT;
    struct outcome o = { .net = net, .expected = 1 };
    struct wit_net_request req = wit_net_request_default(wit_str_from(url));
    req.max_body_bytes = BODY_MAX;
    req.deadline_ms = deadline_ms;
    req.on_answer = note_answer;
    assert_int_equal(wit_net_fetch(net, &req, on_done, &o, &err), 0);
    assert_int_equal(o.calls, 0); /* never from inside the call */
    wit_net_run(net);
    assert_int_equal(o.calls, 1);
    assert_int_equal(wit_net_active(net), 0);
    assert_int_equal(wit_net_held_bytes(net), 0);
    return o;
}

static struct outcome ask(struct fixture *f, const char *host, const char *path) {
    char url[256];
    url_make(url, sizeof url, f, host, path);
    return ask_url(f->net, url, 5000);
}

static void test_fetches_and_names_itself(void **state) {
    struct fixture *f = *state;
    struct outcome o = ask(f, "127.0.0.1", "/hello?q=1#part");
    assert_null(o.reason);
    assert_int_equal(o.status, 200);
    assert_string_equal(o.body, "hello, world");
    assert_non_null(strstr(o.headers, "content-type: text/plain\n"));
    o = ask(f, "good.test", "/echo");
    assert_null(o.reason);
    assert_non_null(strstr(o.body, "User-Agent: testbot/1 (+https://example.org/bot)\r\n"));
    assert_non_null(strstr(o.body, "Accept: */*\r\n"));
    assert_null(strstr(o.body, "Accept-Encoding"));
    assert_int_equal(test_server_count(f->server, "/hello?q=1"), 1);
}

static void test_credentials_in_a_url_are_not_sent(void **state) {
    struct fixture *f = *state;
    char url[256];
    snprintf(url, sizeof url, "http://user:secret@127.0.0.1:%u/echo", test_server_port(f->server));
    struct outcome o = ask_url(f->net, url, 5000);
    assert_null(o.reason);
    assert_null(strstr(o.body, "Authorization"));
}

static void test_each_failure_has_its_name(void **state) {
    static const struct {
        const char *host, *path, *reason;
        uint64_t within_ms;
    } cases[] = {
        { "127.0.0.1", "/404", "http_404", 1000 },
        { "127.0.0.1", "/503", "http_503", 1000 },
        { "127.0.0.1", "/moved", "http_302", 1000 },
        { "127.0.0.1", "/drip", "too_slow", 4000 },
        { "127.0.0.1", "/endless", "too_big", 2000 },
        { "127.0.0.1", "/claims-more", "truncated", 4000 },
        { "127.0.0.1", "/claims-huge", "too_big", 1000 },
        { "127.0.0.1", "/flood", "headers_too_big", 2000 },
        { "127.0.0.1", "/hang-up", "reset", 1000 },
        { "127.0.0.1", "/garbage", "bad_response", 1000 },
        { "127.0.0.1", "/head-cut", "truncated", 1000 },
        { "127.0.0.1", "/long-line", "headers_too_big", 1000 },
        { "nowhere.test", "/", "dns_nxdomain", 1000 },
        { "silent.test", "/", "dns_timeout", 3000 },
        { "far.test", "/", "address_denied", 1000 },
        { "169.254.169.254", "/", "address_denied", 500 },
        { "2852039166", "/", "address_denied", 500 }, /* 169.254.169.254 as one number */
        { "0x0a.1", "/", "address_denied", 500 },
        { "[::1]", "/", "address_denied", 500 },
        { "[::ffff:127.0.0.1]", "/", "address_denied", 500 },
        { "[64:ff9b::7f00:1]", "/", "address_denied", 500 },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        uint64_t start = wit_clock_ms();
        struct outcome o = ask(f, cases[i].host, cases[i].path);
        uint64_t took = wit_clock_ms() - start;
        if (!o.reason || strcmp(o.reason, cases[i].reason) != 0)
            fail_msg("%s%s: %s, not %s", cases[i].host, cases[i].path,
                     o.reason ? o.reason : "fetched", cases[i].reason);
        if (took > cases[i].within_ms)
            fail_msg("%s%s: took %u ms", cases[i].host, cases[i].path, (unsigned)took);
        assert_int_equal(o.body_len, 0);
    }
}

static void test_deadline_bounds_everything(void **state) {
    struct fixture *f = *state;
    char url[256];
    url_make(url, sizeof url, f, "127.0.0.1", "/late");
    uint64_t start = wit_clock_ms();
    assert_string_equal(ask_url(f->net, url, 400).reason, "timeout");
    assert_in_range(wit_clock_ms() - start, 390, 2000);
    url_make(url, sizeof url, f, "silent.test", "/");
    start = wit_clock_ms();
    assert_string_equal(ask_url(f->net, url, 60).reason, "dns_timeout");
    assert_in_range(wit_clock_ms() - start, 50, 1000);
}

static enum wit_net_turn wait_for_address(void *user, const struct wit_net_address *address,
                                          struct wit_net_transfer *transfer) {
    struct outcome *o = user;
    o->addresses_asked++;
    o->address = *address;
    if (o->wait_ms == UINT64_MAX)
        return WIT_NET_BUSY;
    if (o->wait_ms == 0)
        return WIT_NET_GO;
    o->f->held = transfer;
    wit_net_alarm(o->f->net, wit_clock_ms() + o->wait_ms);
    return WIT_NET_HOLD;
}

static const char *judge_headers(void *user, struct wit_str headers) {
    struct outcome *o = user;
    o->headers_asked++;
    assert_true(wit_str_find(headers, WIT_STR("content-length: "), 0) >= 0);
    return o->verdict;
}

static void ask_hooked(struct fixture *f, struct outcome *o, const char *host, const char *path,
                       uint32_t deadline_ms) {
    struct wit_error err = WIT_ERROR_INIT;
    char url[256];
    url_make(url, sizeof url, f, host, path);
    struct wit_net_request req = wit_net_request_default(wit_str_from(url));
    req.deadline_ms = deadline_ms;
    req.on_address = wait_for_address;
    req.on_headers = judge_headers;
    o->f = f;
    o->net = f->net;
    o->expected = 1;
    assert_int_equal(wit_net_fetch(f->net, &req, on_done, o, &err), 0);
    wit_net_run(f->net);
    assert_int_equal(o->calls, 1);
    assert_int_equal(wit_net_active(f->net), 0);
}

static void test_waits_for_its_turn_at_an_address(void **state) {
    static const char *const hosts[] = { "good.test", "127.0.0.1", "good.test" }; /* known then */
    struct fixture *f = *state;
    for (size_t i = 0; i < WIT_COUNT_OF(hosts); i++) {
        struct outcome o = { .wait_ms = 400 };
        uint64_t start = wit_clock_ms();
        ask_hooked(f, &o, hosts[i], "/hello", 300); /* the wait is longer than the deadline */
        assert_null(o.reason);
        assert_int_equal(o.addresses_asked, 1);
        assert_int_equal(o.address.family, 4);
        assert_memory_equal(o.address.bytes, "\x7f\0\0\1", 4);
        assert_true(wit_clock_ms() - start >= 395);
        assert_true(o.elapsed_ms < 300);
    }
    /* what is left of the deadline begins behind the wait */
    struct outcome late = { .wait_ms = 150 };
    uint64_t start = wit_clock_ms();
    ask_hooked(f, &late, "good.test", "/late", 200);
    assert_string_equal(late.reason, "timeout");
    assert_in_range(wit_clock_ms() - start, 340, 1500);
    struct outcome busy = { .wait_ms = UINT64_MAX }, known = busy, denied = { .wait_ms = 0 };
    ask_hooked(f, &busy, "127.0.0.1", "/hello", 1000);
    assert_string_equal(busy.reason, "address_busy");
    assert_true(wit_net_reason_heals(busy.reason));
    ask_hooked(f, &known, "good.test", "/hello", 1000);
    assert_string_equal(known.reason, "address_busy");
    ask_hooked(f, &denied, "far.test", "/", 1000);
    assert_string_equal(denied.reason, "address_denied");
    assert_int_equal(denied.addresses_asked, 0);
}

/* A turn is taken at each address that is connected to. */
static void test_the_next_address_is_asked_too(void **state) {
    struct fixture *f = *state;
    struct wit_net *usual = patient_client(f);
    for (int i = 0; i < 2; i++) { /* a connection is kept, and it is that address's */
        struct outcome o = { .wait_ms = 200 };
        uint64_t start = wit_clock_ms();
        ask_hooked(f, &o, "twice.test", "/hello", 30000);
        assert_null(o.reason);
        assert_int_equal(o.addresses_asked, 2);
        assert_memory_equal(o.address.bytes, "\x7f\0\0\1", 4);
        assert_true(wit_clock_ms() - start >= 395);
        assert_true(o.sent_ms && o.heard_ms);
    }
    struct outcome gone = { .wait_ms = 0 };
    ask_hooked(f, &gone, "gone.test", "/hello", 30000);
    assert_string_equal(gone.reason, "connect_refused");
    assert_int_equal(gone.addresses_asked, 2);
    patient_client_end(f, usual);
}

static void test_waiting_can_be_cancelled(void **state) {
    struct fixture *f = *state;
    struct wit_error err = WIT_ERROR_INIT;
    struct outcome o = { .f = f, .net = f->net, .expected = 1, .wait_ms = 60000 };
    char url[256];
    url_make(url, sizeof url, f, "127.0.0.1", "/hello");
    struct wit_net_request req = wit_net_request_default(wit_str_from(url));
    req.on_address = wait_for_address;
    assert_int_equal(wit_net_fetch(f->net, &req, on_done, &o, &err), 0);
    wit_net_cancel_all(f->net);
    assert_int_equal(o.calls, 1);
    assert_string_equal(o.reason, "cancelled");
    assert_int_equal(test_server_count(f->server, "/hello"), 0);
}

static void test_headers_can_refuse_the_body(void **state) {
    struct fixture *f = *state;
    struct outcome refused = { .verdict = "not_wanted" }, taken = { .verdict = NULL };
    ask_hooked(f, &refused, "127.0.0.1", "/claims-more", 2000);
    assert_string_equal(refused.reason, "not_wanted");
    assert_int_equal(refused.status, 200);
    assert_int_equal(refused.headers_asked, 1);
    assert_int_equal(refused.body_len, 0);
    ask_hooked(f, &taken, "127.0.0.1", "/hello", 2000);
    assert_null(taken.reason);
    assert_int_equal(taken.headers_asked, 1);
    assert_string_equal(taken.body, "hello, world");
    struct outcome missing = { .verdict = "not_wanted" }; /* not asked: it has a reason already */
    ask_hooked(f, &missing, "127.0.0.1", "/404", 2000);
    assert_string_equal(missing.reason, "http_404");
    assert_int_equal(missing.headers_asked, 0);
}

static struct outcome ask_since(struct fixture *f, const char *host, uint64_t since_ms) {
    struct wit_error err = WIT_ERROR_INIT;
    struct outcome o = { .net = f->net, .expected = 1 };
    char url[256];
    url_make(url, sizeof url, f, host, "/hello");
    struct wit_net_request req = wit_net_request_default(wit_str_from(url));
    req.names_since_ms = since_ms;
    assert_int_equal(wit_net_fetch(f->net, &req, on_done, &o, &err), 0);
    wit_net_run(f->net);
    return o;
}

/* Two tries a lookup: the first lookup fails, the second one heals. */
static void test_who_failed_before_asks_for_the_name_again(void **state) {
    struct fixture *f = *state;
    uint64_t start_ms = wit_clock_ms();
    assert_string_equal(ask_since(f, "heals.test", 0).reason, "dns_failed");
    unsigned asked = dns_server_asked(f->dns, "heals.test");
    assert_int_equal(asked, 2);
    assert_string_equal(ask_since(f, "heals.test", 0).reason, "dns_failed"); /* believed */
    assert_string_equal(ask_since(f, "heals.test", start_ms - 1).reason, "dns_failed");
    assert_int_equal(dns_server_asked(f->dns, "heals.test"), asked);
    assert_null(ask_since(f, "heals.test", wit_clock_ms()).reason);
    assert_int_equal(dns_server_asked(f->dns, "heals.test"), 4);
    assert_null(ask_since(f, "heals.test", wit_clock_ms()).reason); /* what is known stays known */
    assert_string_equal(ask_since(f, "nowhere.test", 0).reason, "dns_nxdomain");
    assert_string_equal(ask_since(f, "nowhere.test", wit_clock_ms()).reason, "dns_nxdomain");
    assert_int_equal(dns_server_asked(f->dns, "heals.test"), 4);
    assert_int_equal(dns_server_asked(f->dns, "nowhere.test"), 1);
}

static void test_says_when_it_left_and_was_heard(void **state) {
    struct fixture *f = *state;
    char url[256];
    uint64_t start = wit_clock_ms();
    struct outcome o = ask(f, "good.test", "/tardy"); /* answers after 300 ms */
    assert_null(o.reason);
    assert_in_range(o.sent_ms, start, wit_clock_ms() - 250);
    assert_in_range(o.heard_ms, o.sent_ms + 250, wit_clock_ms() + 1);
    assert_int_equal(o.answers, 1);
    assert_in_range(o.answered_ms, o.heard_ms - 1, o.heard_ms);
    start = wit_clock_ms();
    o = ask(f, "127.0.0.1", "/drip"); /* heard long before its end */
    assert_in_range(o.heard_ms, start, wit_clock_ms() - 100);
    url_make(url, sizeof url, f, "127.0.0.1", "/late");
    start = wit_clock_ms();
    o = ask_url(f->net, url, 300);
    assert_string_equal(o.reason, "timeout");
    assert_in_range(o.heard_ms, start + 295, wit_clock_ms() + 1); /* it may have been, all along */
    assert_int_equal(o.answers, 0);
    o = ask(f, "nowhere.test", "/");
    assert_int_equal(o.sent_ms, 0);
    assert_int_equal(o.heard_ms, 0);
    assert_int_equal(ask(f, "10.0.0.1", "/").sent_ms, 0);
}

static void test_connections_refused_and_hanging(void **state) {
    struct fixture *f = *state;
    struct test_blackhole hole;
    char url[256];
    test_blackhole_open(&hole, "127.0.0.1");
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", hole.port);
    assert_string_equal(ask_url(f->net, url, 30000).reason, "connect_timeout");
    test_blackhole_close(&hole);
    struct wit_net *usual = patient_client(f);
    assert_string_equal(ask_url(f->net, url, 30000).reason, "connect_refused");
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", test_server_port(f->server));
    assert_string_equal(ask_url(f->net, url, 30000).reason, "tls");
    patient_client_end(f, usual);
}

static void test_denied_addresses_of_a_name_are_left_out(void **state) {
    struct fixture *f = *state;
    struct outcome o = ask(f, "mixed.test", "/hello");
    assert_null(o.reason);
}

static void test_rebinding_is_caught(void **state) {
    struct fixture *f = *state;
    assert_null(ask(f, "rebind.test", "/hello").reason);
    /* A client that has not cached the first answer gets the second one, and judges it anew. */
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_net *net = NULL;
    const struct wit_net_config cfg = config_of(f);
    assert_int_equal(wit_net_create(&cfg, &net, &err), 0);
    char url[256];
    url_make(url, sizeof url, f, "rebind.test", "/hello");
    assert_string_equal(ask_url(net, url, 5000).reason, "address_denied");
    wit_net_destroy(net);
}

static void test_names_are_asked_once(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        assert_null(ask(f, "good.test", "/hello").reason);
    assert_int_equal(dns_server_asked(f->dns, "good.test"), 1);
    for (int i = 0; i < 3; i++)
        assert_string_equal(ask(f, "nowhere.test", "/").reason, "dns_nxdomain");
    assert_int_equal(dns_server_asked(f->dns, "nowhere.test"), 1);
}

static void test_cut_keeps_the_beginning(void **state) {
    struct fixture *f = *state;
    char url[256];
    url_make(url, sizeof url, f, "127.0.0.1", "/endless");
    struct wit_error err = WIT_ERROR_INIT;
    struct outcome o = { .net = f->net, .expected = 1 };
    struct wit_net_request req = wit_net_request_default(wit_str_from(url));
    req.max_body_bytes = 100000;
    req.cut = true;
    assert_int_equal(wit_net_fetch(f->net, &req, on_done, &o, &err), 0);
    wit_net_run(f->net);
    assert_null(o.reason);
    assert_true(o.cut);
    assert_int_equal(o.body_len, 100000);
}

static size_t ceiling_by_type(void *user, struct wit_str headers) {
    struct outcome *o = user;
    struct wit_str value;
    size_t at = 0;
    o->asked++;
    return wit_net_header_next(headers, WIT_STR("x-big"), &at, &value) ? 50000 : 10000;
}

static void test_headers_may_choose_the_ceiling(void **state) {
    struct fixture *f = *state;
    const struct {
        const char *path;
        size_t want;
        unsigned asked;
    } cases[] = { { "/endless-big", 50000, 1 }, { "/endless", 10000, 1 }, { "/404", 0, 0 } };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        char url[256];
        url_make(url, sizeof url, f, "127.0.0.1", cases[i].path);
        struct wit_error err = WIT_ERROR_INIT;
        struct outcome o = { .net = f->net, .expected = 1 };
        struct wit_net_request req = wit_net_request_default(wit_str_from(url));
        req.max_body_bytes = 100;
        req.max_body_by = ceiling_by_type;
        req.cut = true;
        assert_int_equal(wit_net_fetch(f->net, &req, on_done, &o, &err), 0);
        wit_net_run(f->net);
        assert_int_equal(o.body_len, cases[i].want);
        assert_int_equal(o.asked, cases[i].asked);
    }
}

static void test_many_at_once_call_back_once_each(void **state) {
    struct fixture *f = *state;
    struct wit_error err = WIT_ERROR_INIT;
    char url[256];
    struct outcome o = { .net = f->net, .expected = 200 };
    for (unsigned i = 0; i < 200; i++) {
        static const char *const paths[] = { "/hello", "/404", "/hang-up", "/echo" };
        url_make(url, sizeof url, f, i % 3 ? "127.0.0.1" : "good.test", paths[i % 4]);
        struct wit_net_request req = wit_net_request_default(wit_str_from(url));
        assert_int_equal(wit_net_fetch(f->net, &req, on_done, &o, &err), 0);
    }
    wit_net_run(f->net);
    assert_int_equal(o.calls, 200);
    assert_int_equal(wit_net_active(f->net), 0);
}

static void test_cancel_calls_back_once(void **state) {
    struct fixture *f = *state;
    struct wit_error err = WIT_ERROR_INIT;
    char url[256];
    struct outcome o = { .net = f->net, .expected = 1000 };
    static const struct {
        const char *host, *path;
    } targets[] = { { "127.0.0.1", "/late" }, { "silent.test", "/" }, { "10.0.0.1", "/" } };
    for (size_t i = 0; i < WIT_COUNT_OF(targets); i++) {
        url_make(url, sizeof url, f, targets[i].host, targets[i].path);
        struct wit_net_request req = wit_net_request_default(wit_str_from(url));
        assert_int_equal(wit_net_fetch(f->net, &req, on_done, &o, &err), 0);
    }
    wit_net_cancel_all(f->net);
    assert_int_equal(o.calls, 3);
    assert_string_equal(o.reason, "cancelled");
}

/* Twenty endless bodies of up to 1 MiB each, but room for a quarter of one. */
static void test_memory_is_bounded(void **state) {
    struct fixture *f = *state;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_net *net = NULL;
    struct wit_net_config cfg = config_of(f);
    char url[256];
    cfg.max_held_bytes = BODY_MAX / 4;
    assert_int_equal(wit_net_create(&cfg, &net, &err), 0);
    url_make(url, sizeof url, f, "127.0.0.1", "/endless");
    struct outcome o = { .net = net, .expected = 20 };
    for (int i = 0; i < 20; i++) {
        struct wit_net_request req = wit_net_request_default(wit_str_from(url));
        req.max_body_bytes = BODY_MAX;
        assert_int_equal(wit_net_fetch(net, &req, on_done, &o, &err), 0);
    }
    wit_net_run(net);
    assert_int_equal(o.calls, 20);
    assert_int_equal(wit_net_held_bytes(net), 0);
    wit_net_destroy(net);
}

/* A request that has no byte yet is older, but it must not keep the one body there is from going
 * on. */
static void test_who_waits_holds_no_memory_up(void **state) {
    struct fixture *f = *state;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_net *net = NULL;
    struct wit_net_config cfg = config_of(f);
    char url[256];
    cfg.max_held_bytes = BODY_MAX / 4;
    assert_int_equal(wit_net_create(&cfg, &net, &err), 0);
    struct outcome late = { .net = net, .expected = 2 }, big = { .net = net, .expected = 1 };
    url_make(url, sizeof url, f, "127.0.0.1", "/late");
    struct wit_net_request req = wit_net_request_default(wit_str_from(url));
    assert_int_equal(wit_net_fetch(net, &req, on_done, &late, &err), 0);
    url_make(url, sizeof url, f, "127.0.0.1", "/endless");
    req = wit_net_request_default(wit_str_from(url));
    req.max_body_bytes = BODY_MAX;
    req.cut = true;
    assert_int_equal(wit_net_fetch(net, &req, on_done, &big, &err), 0);
    wit_net_run(net);
    assert_null(big.reason);
    assert_int_equal(big.body_len, BODY_MAX);
    wit_net_destroy(net);
    assert_string_equal(late.reason, "cancelled");
}

static void test_bad_urls(void **state) {
    struct fixture *f = *state;
    struct wit_error err = WIT_ERROR_INIT;
    static const char *const urls[] = {
        "file:///etc/passwd", "ftp://127.0.0.1/",       "http://",
        "http:///x",          "gopher://127.0.0.1:70/", "nonsense"
    };
    for (size_t i = 0; i < WIT_COUNT_OF(urls); i++) {
        struct outcome o = ask_url(f->net, urls[i], 1000);
        if (!o.reason ||
            (strcmp(o.reason, "bad_url") != 0 && strcmp(o.reason, "dns_nxdomain") != 0))
            fail_msg("%s: %s", urls[i], o.reason ? o.reason : "fetched");
    }
    struct wit_net_request req = wit_net_request_default(WIT_STR(""));
    assert_int_equal(wit_net_fetch(f->net, &req, on_done, f, &err), WIT_EINVAL);
}

struct restless {
    struct wit_net *net;
    unsigned alarms, wakes;
};

static void on_restless_alarm(void *user) {
    struct restless *r = user;
    if (r->alarms++ == 0)
        wit_net_wake(r->net);
    if (r->alarms < 1000)
        wit_net_alarm(r->net, wit_clock_ms());
    else
        wit_net_stop(r->net);
}

static void on_restless_wake(void *user) {
    struct restless *r = user;
    r->wakes++;
    wit_net_stop(r->net);
}

/* Each alarm sets another one for now: what comes to a socket is seen all the same. */
static void test_an_alarm_set_anew_starves_nobody(void **state) {
    struct restless r = { .alarms = 0 };
    struct wit_net_config cfg = wit_net_config_default();
    cfg.on_alarm = on_restless_alarm;
    cfg.on_wake = on_restless_wake;
    cfg.user = &r;
    assert_int_equal(wit_net_create(&cfg, &r.net, NULL), 0);
    wit_net_alarm(r.net, wit_clock_ms());
    wit_net_run(r.net);
    assert_int_equal(r.wakes, 1);
    assert_true(r.alarms < 1000);
    wit_net_destroy(r.net);
}

static void test_retry_after(void **state) {
    uint32_t s = 0;
    assert_true(wit_net_retry_after(WIT_STR("a: b\nretry-after: 7\n"), 0, &s));
    assert_int_equal(s, 7);
    assert_true(
        wit_net_retry_after(WIT_STR("retry-after: Thu, 01 Jan 1970 00:01:40 GMT\n"), 40, &s));
    assert_int_equal(s, 60);
    assert_true(
        wit_net_retry_after(WIT_STR("retry-after: Thu, 01 Jan 1970 00:01:40 GMT\n"), 400, &s));
    assert_int_equal(s, 0);
    assert_true(wit_net_retry_after(WIT_STR("retry-after: 99999999999\n"), 0, &s));
    assert_int_equal(s, UINT32_MAX);
    assert_false(wit_net_retry_after(WIT_STR("retry-after: soon\n"), 0, &s));
    assert_false(wit_net_retry_after(WIT_STR("retry-after:\n"), 0, &s));
    assert_false(wit_net_retry_after(WIT_STR("x-retry-after: 3\n"), 0, &s));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fetches_and_names_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_credentials_in_a_url_are_not_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_failure_has_its_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_bounds_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waits_for_its_turn_at_an_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_next_address_is_asked_too, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting_can_be_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers_can_refuse_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_failed_before_asks_for_the_name_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_says_when_it_left_and_was_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connections_refused_and_hanging, setup, teardown),
        cmocka_unit_test_setup_teardown(test_denied_addresses_of_a_name_are_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_rebinding_is_caught, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_are_asked_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_keeps_the_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers_may_choose_the_ceiling, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once_call_back_once_each, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_calls_back_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_waits_holds_no_memory_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_urls, setup, teardown),
        cmocka_unit_test(test_an_alarm_set_anew_starves_nobody),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
