/*
 * test_crawl_manners.c: whole crawls as servers see them: delays, rates, robots.txt in every
 * state.
 */
#include "crawl_site.h"
#include "net/dns_server.h"

#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* ---- politeness, as the server sees it ------------------------------------------------------ */

static void the_server_sees_the_delay(void **state) {
    enum { DELAY_MS = 60, SEEN_MOST = 64 };
    struct test_seen seen[SEEN_MOST];
    struct world w;
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.host_count = 0;
    w.cfg.delay_ms = DELAY_MS;
    w.cfg.reactors = 2;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.images, CHAIN);
    struct test_server *servers[] = { w.pages.server, w.images.server };
    for (size_t s = 0; s < 2; s++) {
        size_t n = test_server_seen(servers[s], seen, SEEN_MOST);
        assert_true(n > CHAIN && n <= SEEN_MOST);
        for (size_t i = 1; i < n; i++) {
            assert_int_equal(seen[i].running, 1);
            assert_true(seen[i].at_ms - seen[i - 1].at_ms >= DELAY_MS);
        }
    }
    world_stop(&w);
}

/* Three domains on one address: each keeps its own delay, and all together the address's. So do
 * those whose first address nobody answers at, and which share their second. */
static void domains_on_one_address_wait_for_each_other(void **state) {
    enum { IP_DELAY_MS = 100, SEEN_MOST = 64, REQUESTS = 9, OWN = 1, SECOND = 2 };
    static const struct dns_record first[] = { { "a.test", "127.0.0.1", 60, NULL },
                                               { "b.test", "127.0.0.1", 60, NULL },
                                               { "c.test", "127.0.0.1", 60, NULL } };
    static const struct dns_record second[] = { { "a.test", "127.0.0.7 127.0.0.1", 60, NULL },
                                                { "b.test", "127.0.0.8 127.0.0.1", 60, NULL },
                                                { "c.test", "127.0.0.9 127.0.0.1", 60, NULL } };
    static const struct answer pages[] = { { "/start", .type = HTML, .body = "hello" } };
    struct test_seen seen[SEEN_MOST];
    char urls[3][64];
    struct wit_str seeds[3];
    for (int how = 0; how <= SECOND; how++) {
        const bool own = how == OWN;
        const struct dns_record *records = how == SECOND ? second : first;
        struct dns_server *dns = dns_server_start(records, WIT_COUNT_OF(first));
        static const struct wit_crawler_host mine[] = { { "a.test", 0, 9 },
                                                        { "b.test", 0, 9 },
                                                        { "c.test", 0, 9 } };
        struct world w;
        world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
        for (int i = 0; i < 3; i++) {
            snprintf(urls[i], sizeof urls[i], "http://%s:%u/start", records[i].name,
                     test_server_port(w.pages.server));
            seeds[i] = wit_str_from(urls[i]);
        }
        w.cfg.dns_servers = dns_server_address(dns);
        w.cfg.seeds = seeds;
        w.cfg.seed_count = 3;
        w.cfg.scope_count = 0;
        w.cfg.hosts = mine;
        w.cfg.host_count = own ? 3 : 0;
        w.cfg.delay_ms = 0;
        w.cfg.concurrency = 9;
        w.cfg.reactors = 3;
        w.cfg.ip_delay_ms = own ? 2000 : IP_DELAY_MS; /* which does not count for one's own */
        uint64_t start_ms = wit_clock_ms();
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        assert_int_equal(w.report.pages, 3);
        size_t n = test_server_seen(w.pages.server, seen, SEEN_MOST);
        assert_int_equal(n, REQUESTS); /* robots.txt, tdmrep.json and the page, thrice */
        for (size_t i = 1; i < n && !own; i++)
            assert_true(seen[i].at_ms - seen[i - 1].at_ms >= IP_DELAY_MS);
        if (own)
            assert_true(wit_clock_ms() - start_ms < 8000); /* four turns */
        world_stop(&w);
        dns_server_stop(dns);
    }
}

/* A name whose server is in trouble for one lookup, as long as a client's tries go: one retry, well
 * before that failure would be forgotten, finds it. */
static void a_name_that_heals_is_asked_for_again(void **state) {
    static const struct dns_record records[] = {
        { "x.test", DNS_SERVER_FAILS, 60, "127.0.0.1" },
    };
    static const struct answer pages[] = { { "/start", .type = HTML, .body = "hello" } };
    struct dns_server *dns = dns_server_start(records, WIT_COUNT_OF(records));
    struct world w;
    world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
    snprintf(w.seed, sizeof w.seed, "http://x.test:%u/start", test_server_port(w.pages.server));
    w.seed_str = wit_str_from(w.seed);
    w.cfg.scope_count = 0;
    w.cfg.dns_servers = dns_server_address(dns);
    w.cfg.delay_ms = 0;
    w.cfg.retries = 1;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 1);
    world_stop(&w);
    dns_server_stop(dns);
}

/* Eight domains wait for one address, with two places in flight: a ninth elsewhere does not. */
static void a_busy_address_keeps_no_place(void **state) {
    enum { DOMAINS = 8, IP_DELAY_MS = 150, SEEN_MOST = 64, REQUESTS = 3 };
    static const struct answer start[] = { { "/start", .type = HTML, .body = "hello" } };
    struct dns_record records[DOMAINS];
    struct test_seen seen[SEEN_MOST];
    char names[DOMAINS][16], urls[DOMAINS + 1][64];
    struct wit_str seeds[DOMAINS + 1];
    struct world w;
    world_start(&w, start, 1, start, 1);
    for (int i = 0; i < DOMAINS; i++) {
        snprintf(names[i], sizeof names[i], "d%d.test", i);
        records[i] = (struct dns_record){ names[i], "127.0.0.1", 60, NULL };
        snprintf(urls[i], sizeof urls[i], "http://%.15s:%u/start", names[i],
                 test_server_port(w.pages.server));
    }
    snprintf(urls[DOMAINS], sizeof urls[0], "http://127.0.0.2:%u/start",
             test_server_port(w.images.server));
    for (int i = 0; i <= DOMAINS; i++)
        seeds[i] = wit_str_from(urls[i]);
    struct dns_server *dns = dns_server_start(records, DOMAINS);
    w.cfg.dns_servers = dns_server_address(dns);
    w.cfg.seeds = seeds;
    w.cfg.seed_count = DOMAINS + 1;
    w.cfg.scope_count = 0;
    w.cfg.host_count = 0;
    w.cfg.delay_ms = 0;
    w.cfg.max_in_flight = 2;
    w.cfg.ip_delay_ms = IP_DELAY_MS;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, DOMAINS + 1);
    assert_int_equal(test_server_seen(w.images.server, seen, SEEN_MOST), REQUESTS);
    uint64_t last_ms = seen[REQUESTS - 1].at_ms;
    size_t n = test_server_seen(w.pages.server, seen, SEEN_MOST), before = 0;
    assert_int_equal(n, DOMAINS * REQUESTS);
    for (size_t i = 0; i < n; i++)
        before += seen[i].at_ms <= last_ms;
    assert_true(before <=
                2 * REQUESTS); /* as fast as its own address allows, not behind 20 turns */
    world_stop(&w);
    dns_server_stop(dns);
}

static void all_together_keep_a_rate(void **state) {
    enum { RATE = 25, SLACK_MS = 150 };
    struct world w;
    chain_make();
    world_start(&w, CHAIN_SITE);
    w.cfg.max_rate = RATE;
    w.cfg.reactors = 2;
    uint64_t start_ms = wit_clock_ms();
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    uint64_t took_ms = wit_clock_ms() - start_ms;
    assert_int_equal(w.report.images, CHAIN);
    size_t n =
        test_server_seen(w.pages.server, NULL, 0) + test_server_seen(w.images.server, NULL, 0);
    assert_true(n >= 2 * CHAIN + 4);
    assert_true(took_ms + SLACK_MS >= (n - 1) * 1000 / RATE);
    world_stop(&w);
}

/* What a robots.txt that moves leads to counts as well. */
static void moved_robots_keep_the_rate(void **state) {
    enum { RATE = 5, SLACK_MS = 250, REQUESTS = 6 };
    static const struct answer pages[] = {
        { "/robots.txt", .status = 301, .headers = "Location: /robots.txt\r\n" },
        { "/start", .type = HTML, .body = "hello" },
    };
    struct test_seen seen[REQUESTS];
    struct world w;
    world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
    w.cfg.max_rate = RATE;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 1);
    assert_int_equal(asked(&w.pages, "/robots.txt"), REQUESTS);
    test_server_seen(w.pages.server, seen, REQUESTS);
    for (size_t i = 1; i < REQUESTS; i++)
        assert_true(seen[i].at_ms - seen[0].at_ms + SLACK_MS >= i * 1000 / RATE);
    world_stop(&w);
}

/* Each path that these rules are asked for costs all the work that one may cost. */
static void rules_that_cost_hold_nobody_else(void **state) {
    enum { IMAGES = 100, RULES = 4000, PATH_BYTES = 1500 };
    static const struct answer pages[] = { { "/start", .type = HTML, .body = "" },
                                           { "/next", .type = HTML, .wait_ms = 300, .body = "b" } };
    static const struct answer images[] = { { "/robots.txt", .wait_ms = 100, .body = "" } };
    struct wit_buf *start, *rules;
    char long_name[PATH_BYTES + 1];
    struct world w;
    memset(long_name, 'a', PATH_BYTES);
    long_name[PATH_BYTES] = 0;
    world_start(&w, pages, WIT_COUNT_OF(pages), images, WIT_COUNT_OF(images));
    start = &w.pages.bodies[0];
    rules = &w.images.bodies[0];
    start->max = rules->max = 4 << 20;
    assert_int_equal(wit_buf_append_cstr(start, "<a href=next>next</a>"), 0);
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(wit_buf_printf(start, "<img src='%s/%s%d' alt='no %d'>", w.pages.images,
                                        long_name, i, i),
                         0);
    assert_int_equal(wit_buf_append_cstr(rules, "User-agent: *\n"), 0);
    for (int i = 0; i < RULES; i++)
        assert_int_equal(wit_buf_append_cstr(rules, "Disallow: /*aaab\n"), 0);
    w.cfg.deadline_ms = 1000;
    w.cfg.retries = 0;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "robots_denied"), IMAGES);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "timeout"), 0);
    assert_int_equal(w.report.pages, 2);
    world_stop(&w);
}

static void unreachable_robots_deny(void **state) {
    static const struct answer pages[] = { { "/robots.txt", .status = 503 },
                                           { "/start", .type = HTML, .body = "hello" } };
    static const struct answer gone[] = { { "/robots.txt", .status = 410 },
                                          { "/start", .type = HTML, .body = "hello" } };
    static const struct answer moved[] = {
        { "/robots.txt", .status = 301, .headers = "Location: /r2\r\n" },
        { "/r2", .type = "text/plain", .body = "User-agent: witbot\nDisallow: /start" },
        { "/start", .type = HTML, .body = "hello" },
    };
    static const struct answer broken[] = {
        { "/robots.txt", .headers = "Content-Encoding: gzip\r\n", .type = "text/plain",
          .body = "User-agent: *\nDisallow: /" },
        { "/start", .type = HTML, .body = "hello" },
    };
    struct world w;
    world_start(&w, broken, WIT_COUNT_OF(broken), NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_unreachable"), 1);
    assert_int_equal(asked(&w.pages, "/start"), 0);
    world_stop(&w);
    world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
    w.cfg.max_wait_ms = 50;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_unreachable"), 1);
    assert_int_equal(asked(&w.pages, "/robots.txt"), 3);
    assert_int_equal(asked(&w.pages, "/start"), 0);
    world_stop(&w);
    world_start(&w, gone, WIT_COUNT_OF(gone), NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(w.report.pages, 1);
    world_stop(&w);
    struct test_seen seen[8];
    world_start(&w, moved, WIT_COUNT_OF(moved), NULL, 0);
    w.cfg.host_count = 0;
    w.cfg.delay_ms = 80;
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_denied"), 1);
    assert_int_equal(test_server_seen(w.pages.server, seen, 8), 2);
    assert_true(seen[1].at_ms - seen[0].at_ms + 50 >= 80); /* the hop waits as any request */
    world_stop(&w);
}

/* RFC 9309, 2.3.1: what has no rules allows, what cannot be had denies. */
static void every_status_of_robots_has_its_class(void **state) {
    static const struct {
        int status;
        bool allows;
    } table[] = { { 401, true },  { 403, true },  { 410, true }, { 204, true },
                  { 429, false }, { 408, false }, { 500, false } };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        const struct answer pages[] = {
            { "/robots.txt", .status = table[i].status, .type = "text/plain",
              .body = table[i].status == 204 ? "" : "User-agent: *\nDisallow: /" },
            { "/start", .type = HTML, .body = "hello" },
        };
        struct world w;
        world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
        w.cfg.max_wait_ms = 20;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        if ((w.report.pages == 1) != table[i].allows)
            fail_msg("a robots.txt with status %d %s", table[i].status,
                     table[i].allows ? "denies" : "allows");
        assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_unreachable"), !table[i].allows);
        assert_int_equal(w.report.robots.read, 0);
        assert_int_equal(w.report.robots.absent, table[i].allows);
        assert_int_equal(w.report.robots.unreachable, !table[i].allows);
        assert_int_equal(w.report.tdmrep.absent, table[i].allows);
        world_stop(&w);
    }
    /* one that does not come in time denies too, and so does one that is lost; the host itself is
     * the trouble then */
    for (int lost = 0; lost < 2; lost++) {
        const struct answer pages[] = { { "/robots.txt", .wait_ms = lost ? 0 : 600,
                                          .fails = 9 * lost },
                                        { "/start", .type = HTML, .body = "hello" } };
        struct world w;
        world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
        w.cfg.deadline_ms = 200;
        w.cfg.retries = 1;
        must(wit_crawler_run(&w.cfg, &w.report, &err));
        assert_int_equal(w.report.pages, 0);
        assert_int_equal(w.report.pages_refused, 1);
        assert_int_equal(asked(&w.pages, "/robots.txt"), 2);
        assert_int_equal(asked(&w.pages, "/start"), 0);
        world_stop(&w);
    }
}

static void robots_may_move_five_times(void **state) {
    static const struct answer pages[] = {
        { "/robots.txt", .status = 301, .headers = "Location: /r1\r\n" },
        { "/r1", .status = 302, .headers = "Location: /r2\r\n" },
        { "/r2", .status = 303, .headers = "Location: /r3\r\n" },
        { "/r3", .status = 307, .headers = "Location: /r4\r\n" },
        { "/r4", .status = 308, .headers = "Location: /r5\r\n" },
        { "/r5", .type = "text/plain", .body = "User-agent: *\nDisallow: /start" },
        { "/start", .type = HTML, .body = "hello" },
    };
    struct world w;
    world_start(&w, pages, WIT_COUNT_OF(pages), NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "robots_denied"), 1);
    world_stop(&w);
    /* a sixth time is as if there were none */
    static const struct answer longer[] = {
        { "/robots.txt", .status = 301, .headers = "Location: /robots.txt\r\n" },
        { "/start", .type = HTML, .body = "hello" },
    };
    world_start(&w, longer, WIT_COUNT_OF(longer), NULL, 0);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(asked(&w.pages, "/robots.txt"), 6);
    assert_int_equal(w.report.pages, 1);
    world_stop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_sees_the_delay),
        cmocka_unit_test(domains_on_one_address_wait_for_each_other),
        cmocka_unit_test(a_name_that_heals_is_asked_for_again),
        cmocka_unit_test(a_busy_address_keeps_no_place),
        cmocka_unit_test(all_together_keep_a_rate),
        cmocka_unit_test(moved_robots_keep_the_rate),
        cmocka_unit_test(rules_that_cost_hold_nobody_else),
        cmocka_unit_test(unreachable_robots_deny),
        cmocka_unit_test(every_status_of_robots_has_its_class),
        cmocka_unit_test(robots_may_move_five_times),
    };
    return cmocka_run_group_tests_name("crawl_manners", tests, NULL, NULL);
}
