/* test_names.c: 50,000 names at once through a name server that takes 200 ms and fails for 2 %, and
 * some of them fetched: no stall, no thread but the caller's, no name looked up by libcurl. The
 * server is synthweb, in a process of its own. Loopback only. */
#include "net/wit_net.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NAMES = 50000,
    FETCHED = 4000, /* of them */
    FETCHES_AT_ONCE = 200,
    LATENCY_MS = 200,
    DEAD_PERMILLE = 20,
    LONGEST_MS = 60000
};

struct web {
    pid_t pid;
    uint16_t port;
    char dns[64];
};

static void web_start(struct web *web) {
    const char *program = getenv("SYNTHWEB");
    char line[65536], domains[32], dead[32], latency[32];
    int out[2];
    assert_non_null(program);
    snprintf(domains, sizeof domains, "--domains=%d", NAMES);
    snprintf(dead, sizeof dead, "--dead-permille=%d", DEAD_PERMILLE);
    snprintf(latency, sizeof latency, "--dns-latency-ms=%d", LATENCY_MS);
    assert_int_equal(pipe(out), 0);
    web->pid = fork();
    assert_true(web->pid >= 0);
    if (web->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(program, program, domains, dead, latency, "--pages=1", "--slow-ms=0", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    struct wit_json *json = NULL;
    struct wit_str dns;
    int64_t port;
    assert_int_equal(wit_json_parse(wit_str_from(line), "synthweb", &json, NULL), 0);
    assert_int_equal(wit_json_int(wit_json_get(json, "port"), &port), 0);
    assert_int_equal(wit_json_string(wit_json_get(json, "dns"), &dns), 0);
    web->port = (uint16_t)port;
    snprintf(web->dns, sizeof web->dns, "%.*s", WIT_STR_FMT(dns));
    wit_json_destroy(json);
}

static void web_stop(struct web *web) {
    int status;
    kill(web->pid, SIGTERM);
    assert_int_equal(waitpid(web->pid, &status, 0), web->pid);
    assert_int_equal(status, 0);
}

static size_t threads(void) {
    struct wit_strings tasks = { NULL, 0 };
    assert_int_equal(wit_dir_list("/proc/self/task", &tasks, NULL), 0);
    size_t count = tasks.count;
    wit_strings_finish(&tasks);
    return count;
}

struct run {
    struct wit_net *net;
    const struct web *web;
    uint32_t next, end, done;
    struct wit_counters *reasons;
    size_t most_threads;
};

static void ask_next(struct run *r);

static void on_done(void *user, struct wit_net_response *response) {
    struct run *r = user;
    wit_counters_add(r->reasons, response->reason ? response->reason : "fetched", 1);
    if (r->done++ % 1000 == 0) {
        size_t now = threads();
        r->most_threads = now > r->most_threads ? now : r->most_threads;
    }
    if (r->next < r->end)
        ask_next(r);
    else if (r->done == r->end)
        wit_net_stop(r->net);
}

static void ask_next(struct run *r) {
    char url[64];
    snprintf(url, sizeof url, "http://d%u.test:%u/", r->next++, r->web->port);
    struct wit_net_request req = wit_net_request_default(wit_str_from(url));
    req.deadline_ms = LONGEST_MS;
    assert_int_equal(wit_net_fetch(r->net, &req, on_done, r, NULL), 0);
}

/* Ask for the first `count` names, so many at a time; returns how long it took. */
static uint64_t run(struct run *r, const struct wit_net_cidr *allow, uint32_t count,
                    uint32_t at_once) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_net_config cfg = wit_net_config_default();
    cfg.dns_servers = r->web->dns;
    cfg.dns_timeout_ms = 1000;
    cfg.dns_tries = 2;
    cfg.allow = allow;
    cfg.allow_count = allow ? 1 : 0;
    assert_int_equal(wit_net_create(&cfg, &r->net, &err), 0);
    r->reasons = wit_counters_create();
    r->end = count;
    uint64_t start_ms = wit_clock_ms();
    for (uint32_t i = 0; i < at_once; i++)
        ask_next(r);
    wit_net_run(r->net);
    uint64_t took_ms = wit_clock_ms() - start_ms;
    wit_net_destroy(r->net);
    print_message("%u names: %llu ms, at most %zu threads, %llu fetched\n", count,
                  (unsigned long long)took_ms, r->most_threads,
                  (unsigned long long)wit_counters_get(r->reasons, "fetched"));
    return took_ms;
}

static uint64_t count_of(const struct run *r, const char *reason) {
    return wit_counters_get(r->reasons, reason);
}

static void many_names_do_not_stall(void **state) {
    struct run r = { .web = *state };
    size_t before = threads();
    uint64_t took_ms = run(&r, NULL, NAMES, NAMES);
    assert_int_equal(r.most_threads, before);
    assert_in_range(took_ms, LATENCY_MS, LONGEST_MS);
    /* nobody connects: what has an address is refused for it */
    uint64_t dead =
        count_of(&r, "dns_nxdomain") + count_of(&r, "dns_failed") + count_of(&r, "dns_timeout");
    assert_int_equal(dead + count_of(&r, "address_denied"), NAMES);
    assert_in_range(dead, NAMES * DEAD_PERMILLE / 1000 / 2, NAMES * DEAD_PERMILLE / 1000);
    assert_true(count_of(&r, "dns_nxdomain") && count_of(&r, "dns_failed") &&
                count_of(&r, "dns_timeout"));
    wit_counters_destroy(r.reasons);
}

static void libcurl_looks_nothing_up(void **state) {
    struct run r = { .web = *state };
    struct wit_net_cidr loopback;
    assert_int_equal(wit_net_cidr_parse(WIT_STR("127.0.0.0/8"), &loopback, NULL), 0);
    size_t before = threads();
    run(&r, &loopback, FETCHED, FETCHES_AT_ONCE);
    assert_int_equal(r.most_threads, before); /* Debian's libcurl resolves in threads */
    uint64_t dead = count_of(&r, "dns_nxdomain") + count_of(&r, "dns_failed") +
                    count_of(&r, "dns_timeout") + count_of(&r, "connect_refused");
    assert_int_equal(count_of(&r, "fetched") + dead, FETCHED);
    assert_in_range(dead, 1, FETCHED * DEAD_PERMILLE / 1000 * 2);
    wit_counters_destroy(r.reasons);
}

int main(void) {
    static struct web web;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(many_names_do_not_stall, &web),
        cmocka_unit_test_prestate(libcurl_looks_nothing_up, &web),
    };
    if (!getenv("SYNTHWEB")) {
        fprintf(stderr, "test_names: SYNTHWEB names no program\n");
        return 77;
    }
    web_start(&web);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    web_stop(&web);
    return failed;
}
