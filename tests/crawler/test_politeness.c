/*
 * test_politeness.c: the pace of a domain, and politeness under random schedules with a simulated
 * clock: what must hold whatever comes. A failure names the seed.
 */
#include "polite_notes.h"
#include "politeness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* ---- the pace ------------------------------------------------------------------------------- */

static const struct pace_limits plain = { .floor_ms = 1000,
                                          .rest_first_ms = 30000,
                                          .rest_most_ms = 300000 };

static void slow_answers_slow_us_down(void **state) {
    struct pace p = { 0 };
    assert_int_equal(pace_delay_ms(&p, &plain), 1000);
    pace_took(&p, 300);
    assert_int_equal(pace_delay_ms(&p, &plain), 1000); /* the floor */
    for (int i = 0; i < 40; i++)
        pace_took(&p, 4000);
    assert_in_range(pace_delay_ms(&p, &plain), 7900, 8000);
    for (int i = 0; i < 40; i++)
        pace_took(&p, 100000);
    assert_int_equal(pace_delay_ms(&p, &plain), 30000); /* at most */
    const struct pace_limits own = { .floor_ms = 10, .own = true };
    assert_int_equal(pace_delay_ms(&p, &own), 10);
    for (int i = 0; i < 60; i++)
        pace_took(&p, 0);
    assert_int_equal(pace_delay_ms(&p, &plain), 1000);
}

static void refusals_count_in_bursts(void **state) {
    struct pace p = { 0 };
    uint64_t now_ms = 1000;
    /* one of three is the way of some sites */
    for (int i = 0; i < 300; i++, now_ms += 1000)
        pace_answered(&p, &plain, i % 3 ? PACE_FINE : PACE_FORBIDDEN, 0, now_ms);
    assert_int_equal(p.rests, 0);
    assert_int_equal(pace_delay_ms(&p, &plain), 1000);
    /* every other is too much */
    for (int i = 0; i < 10 && p.rests == 0; i++, now_ms += 1000)
        pace_answered(&p, &plain, i % 2 ? PACE_FINE : PACE_FORBIDDEN, 0, now_ms);
    assert_int_equal(p.rests, 1);
    assert_int_equal(p.rest_end_ms, now_ms - 1000 + 30000);
    assert_int_equal(pace_delay_ms(&p, &plain), 2000);
    /* what left before the rest adds nothing */
    for (int i = 0; i < 8; i++)
        pace_answered(&p, &plain, PACE_FORBIDDEN, 0, now_ms);
    assert_int_equal(p.rests, 1);
}

static void rests_double_and_are_forgiven_slowly(void **state) {
    struct pace p = { 0 };
    uint64_t now_ms = 1000;
    static const uint64_t lengths_ms[] = { 30000, 60000, 120000, 240000, 300000, 300000 };
    static const uint32_t delays_ms[] = { 2000, 3000, 5000, 9000, 17000, 33000 };
    for (size_t i = 0; i < WIT_COUNT_OF(lengths_ms); i++) {
        pace_answered(&p, &plain, PACE_OVERLOADED, 0, now_ms);
        assert_int_equal(p.rest_end_ms - now_ms, lengths_ms[i]);
        assert_int_equal(pace_delay_ms(&p, &plain), delays_ms[i]);
        now_ms = p.rest_end_ms;
    }
    pace_answered(&p, &plain, PACE_OVERLOADED, 7000, now_ms); /* what it asks for goes before */
    assert_int_equal(p.rest_end_ms - now_ms, 7000);
    pace_answered(&p, &plain, PACE_OVERLOADED, 9000, now_ms + 1); /* and may be raised */
    assert_int_equal(p.rest_end_ms, now_ms + 9001);
    assert_int_equal(p.rests, 7);
    struct pace asked = p;
    pace_answered(&asked, &plain, PACE_OVERLOADED, 7200000,
                  now_ms + 2); /* for as long as it asks */
    assert_int_equal(asked.rest_end_ms, now_ms + 2 + 7200000);
    pace_answered(&asked, &plain, PACE_OVERLOADED, UINT64_MAX, now_ms + 3); /* within a day */
    assert_int_equal(asked.rest_end_ms, now_ms + 3 + PACE_ASKED_MOST_MS);
    assert_int_equal(pace_delay_ms(&p, &plain), 61000); /* a minute more is the most */
    now_ms = p.rest_end_ms;
    for (int i = 0; i < 29; i++)
        pace_answered(&p, &plain, PACE_FINE, 0, now_ms);
    assert_int_equal(p.rests, 7);
    pace_answered(&p, &plain, PACE_FINE, 0, now_ms);
    assert_int_equal(p.rests, 3);
    assert_int_equal(pace_delay_ms(&p, &plain), 31000);
    for (int i = 0; i < 300; i++)
        pace_answered(&p, &plain, PACE_FINE, 0, now_ms);
    assert_int_equal(p.rests, 0);
    assert_int_equal(pace_delay_ms(&p, &plain), 1000);
}

static void failures_slow_down_once_a_delay(void **state) {
    struct pace p = { 0 };
    uint64_t now_ms = 100000;
    for (int i = 0; i < 4; i++) /* a burst of them is one */
        pace_answered(&p, &plain, PACE_FAILED, 0, now_ms);
    assert_int_equal(pace_delay_ms(&p, &plain), 2000);
    assert_int_equal(p.rests, 0);
    pace_answered(&p, &plain, PACE_FAILED, 0, now_ms);
    assert_int_equal(p.rests, 1);
    struct pace own = { 0 };
    const struct pace_limits limits = {
        .floor_ms = 0, .own = true, .rest_first_ms = 30000, .rest_most_ms = 300000
    };
    for (int i = 0; i < 40; i++)
        pace_answered(&own, &limits, PACE_FAILED, 0, now_ms);
    assert_int_equal(own.rest_end_ms, 0);
    pace_answered(&own, &limits, PACE_OVERLOADED, 0, now_ms);
    assert_int_equal(own.rest_end_ms, now_ms + 30000);
    assert_int_equal(pace_delay_ms(&own, &limits), 0);
}

/* ---- random schedules ----------------------------------------------------------------------- */

enum { DOMAINS = 4, FLIGHTS_MOST = 16, DAY_MS = 24 * 3600 * 1000, ORIGINS = 2 * DOMAINS };

/* What the test knows of an origin and of a domain, by itself. */
struct known_origin {
    bool has_robots, has_tdmrep;
    uint64_t robots_ms, tdmrep_ms; /* when they came */
};
struct known_domain {
    uint64_t floor_ms, rest_end_ms, last_ms;
    uint64_t arrived_ms; /* the last request, at the server */
    unsigned active, concurrency, unheard;
    bool asked, rested, arrived;
};
/* A request is at the server at some instant between its start and the first byte of the answer,
 * or its end without one, which only the server knows. */
struct flight {
    uint64_t start_ms, floor_ms; /* the delay that the site might rely on then */
    bool heard;
    enum polite_step step;
    struct crawl_task *task;
    struct polite_origin *origin;
    unsigned number; /* of the origin: domain * 2 + subdomain */
};
struct schedule {
    struct wit_random random;
    struct wit_crawler_config cfg;
    struct wit_crawler_host host;
    struct polite *p;
    struct known_domain domains[DOMAINS];
    struct known_origin origins[ORIGINS];
    struct flight flights[FLIGHTS_MOST];
    unsigned flight_count;
    size_t pushed, back;
    uint64_t now_ms;
    unsigned seed;
    bool gave_up;
};

#define HOLDS(s, what)                                                                             \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("seed %u: %s at %llu ms", (s)->seed, #what, (unsigned long long)(s)->now_ms); \
    } while (0)

static uint64_t below(struct schedule *s, uint64_t n) {
    return wit_random_below(&s->random, n);
}

static unsigned origin_number(struct wit_str name) { /* "http://s1.d2.test" */
    return 2 * (unsigned)(name.data[11] - '0') + (unsigned)(name.data[8] - '0');
}

static void schedule_push(struct schedule *s) {
    static const char *const paths[] = { "a", "b?c", "closed/x", "d" };
    char url[64];
    snprintf(url, sizeof url, "http://s%u.d%u.test/%s", (unsigned)below(s, 2),
             (unsigned)below(s, DOMAINS), paths[below(s, 4)]);
    struct crawl_task *t =
        crawl_task_create(below(s, 2) ? WIT_CRAWLER_IMAGE : WIT_CRAWLER_PAGE, wit_str_from(url));
    assert_non_null(t);
    must(polite_push(s->p, t, s->now_ms));
    s->pushed++;
}

static bool is_own(const struct flight *f) { /* domain 0 is the user's own */
    return f->number / 2 == 0;
}

static void check_start(struct schedule *s, struct flight *f) {
    struct known_domain *d = &s->domains[f->number / 2];
    const struct known_origin *o = &s->origins[f->number];
    HOLDS(s, d->active < d->concurrency);
    HOLDS(s, !d->asked || s->now_ms - d->last_ms >= d->floor_ms);
    HOLDS(s, !d->rested || s->now_ms >= d->rest_end_ms);
    HOLDS(s, is_own(f) || d->floor_ms == 0 || d->unheard == 0);
    f->start_ms = s->now_ms;
    f->floor_ms = d->floor_ms;
    if (f->step != POLITE_ROBOTS)
        HOLDS(s, o->has_robots && s->now_ms - o->robots_ms < DAY_MS);
    if (f->step == POLITE_FETCH) {
        HOLDS(s, o->has_tdmrep && s->now_ms - o->tdmrep_ms < DAY_MS);
        struct wit_str url = crawl_task_address(f->task);
        HOLDS(s, wit_str_find(url, WIT_STR("/closed/"), 0) < 0);
    }
    d->active++;
    d->unheard++;
    d->asked = true;
    d->last_ms = s->now_ms;
}

/* The server answers, or it is known that it won't. When it had the request is drawn now. */
static void flight_heard(struct schedule *s, struct flight *f) {
    struct known_domain *d = &s->domains[f->number / 2];
    uint64_t span_ms = s->now_ms - f->start_ms, dice = below(s, 8), arrived_ms = s->now_ms;
    if (f->heard)
        return;
    f->heard = true;
    d->unheard--;
    if (dice == 0) { /* it never left */
        polite_heard(s->p, f->origin, f->task, 0);
        return;
    }
    if (dice < 4) /* at once, or as late as can be */
        arrived_ms = f->start_ms;
    else if (dice < 6)
        arrived_ms = f->start_ms + below(s, span_ms + 1);
    HOLDS(s, is_own(f) || !d->arrived || arrived_ms >= d->arrived_ms + f->floor_ms);
    d->arrived = true;
    d->arrived_ms = arrived_ms;
    if (dice != 7) /* 7: what ends it says so */
        polite_heard(s->p, f->origin, f->task, s->now_ms);
}

static void schedule_start(struct schedule *s) {
    while (s->flight_count < FLIGHTS_MOST) {
        struct polite_turn turn;
        enum polite_step step = polite_next(s->p, s->now_ms, &turn);
        if (step == POLITE_NOTHING)
            break;
        if (step == POLITE_REFUSED) {
            struct wit_str url = crawl_task_address(turn.task);
            s->gave_up |= strcmp(turn.reason, "host_gave_up") == 0;
            if (strcmp(turn.reason, "host_rests") == 0) {
                const struct known_domain *d =
                    &s->domains[origin_number(polite_origin_name(turn.origin)) / 2];
                HOLDS(s, d->rested && d->rest_end_ms > s->now_ms + s->cfg.max_wait_ms);
            }
            HOLDS(s, strcmp(turn.reason, "robots_denied") != 0 ||
                         wit_str_find(url, WIT_STR("/closed/"), 0) > 0);
            crawl_task_destroy(turn.task);
            s->back++;
            continue;
        }
        struct flight *f = &s->flights[s->flight_count++];
        *f = (struct flight){ .step = step,
                              .task = turn.task,
                              .origin = turn.origin,
                              .number = origin_number(polite_origin_name(turn.origin)) };
        check_start(s, f);
    }
}

/* Answers with a random mood; returns it. */
static enum pace_answer answer_random(struct schedule *s, struct known_domain *d,
                                      uint64_t *retry_after_ms) {
    uint64_t dice = below(s, 40);
    enum pace_answer answer = dice < 2   ? PACE_OVERLOADED
                              : dice < 5 ? PACE_FORBIDDEN
                              : dice < 7 ? PACE_FAILED
                                         : PACE_FINE;
    uint64_t asked_ms = 1 + below(s, below(s, 8) ? 20000 : 4000000); /* some beyond max_wait_ms */
    *retry_after_ms = answer == PACE_OVERLOADED ? below(s, 2) * asked_ms : 0;
    if (answer == PACE_OVERLOADED && *retry_after_ms) {
        uint64_t end_ms = s->now_ms + *retry_after_ms;
        if (!d->rested || end_ms > d->rest_end_ms)
            d->rest_end_ms = end_ms;
        d->rested = true;
    }
    return answer;
}

static void answer_robots(struct schedule *s, struct flight *f) {
    static const char text[] = "User-agent: *\nDisallow: /closed/\nCrawl-delay: 3\n";
    struct known_domain *d = &s->domains[f->number / 2];
    struct known_origin *o = &s->origins[f->number];
    struct wit_crawler_robots *robots = NULL;
    must(wit_crawler_robots_parse(text, sizeof text - 1, &robots, &err));
    polite_robots_allow(s->p, f->origin, robots, s->now_ms);
    o->has_robots = true;
    o->robots_ms = s->now_ms;
    if (!is_own(f) && d->floor_ms < 3000)
        d->floor_ms = 3000;
}

static void schedule_answer(struct schedule *s) {
    unsigned i = (unsigned)below(s, s->flight_count);
    if (below(s, 3) == 0) { /* a first byte, and the rest later */
        flight_heard(s, &s->flights[i]);
        return;
    }
    flight_heard(s, &s->flights[i]);
    struct flight f = s->flights[i];
    struct known_domain *d = &s->domains[f.number / 2];
    uint64_t retry_after_ms, dice = below(s, 10);
    s->flights[i] = s->flights[--s->flight_count];
    d->active--;
    enum pace_answer answer = answer_random(s, d, &retry_after_ms);
    polite_took(s->p, f.origin, (uint32_t)below(s, 2000));
    if (f.step == POLITE_FETCH) {
        polite_done(s->p, f.task, answer, retry_after_ms, s->now_ms);
        crawl_task_destroy(f.task);
        s->back++;
        return;
    }
    polite_robots_answered(s->p, f.origin, answer, retry_after_ms, s->now_ms);
    if (dice < 2) {
        polite_robots_retry(s->p, f.origin, below(s, 5000), s->now_ms);
    } else if (f.step == POLITE_ROBOTS) {
        answer_robots(s, &f);
    } else {
        polite_tdmrep(s->p, f.origin, NULL, true, s->now_ms);
        s->origins[f.number].has_tdmrep = true;
        s->origins[f.number].tdmrep_ms = s->now_ms;
    }
}

/* Time goes on: to when something is due, or by some steps, or over a night. */
static void schedule_wait(struct schedule *s) {
    uint64_t due_ms = polite_due_ms(s->p);
    uint64_t dice = below(s, 200);
    HOLDS(s, due_ms != UINT64_MAX || s->flight_count || s->pushed == s->back);
    if (dice == 0)
        s->now_ms += DAY_MS / 2;
    else if (dice < 100 && due_ms != UINT64_MAX && due_ms > s->now_ms)
        s->now_ms = due_ms;
    else
        s->now_ms += below(s, 3000);
}

static void schedule_run(unsigned seed) {
    struct schedule s = { .seed = seed, .cfg = wit_crawler_config_default() };
    wit_random_init(&s.random, seed, 0, 0);
    s.now_ms = below(&s, 100000);
    s.cfg.delay_ms = (uint32_t)below(&s, 2000);
    s.cfg.concurrency = 1 + (uint32_t)below(&s, 3);
    s.cfg.max_rests = below(&s, 2) ? 0 : 4;
    s.host = (struct wit_crawler_host){ "d0.test", (uint32_t)below(&s, 300), 4 };
    s.cfg.hosts = &s.host;
    s.cfg.host_count = 1;
    for (unsigned i = 0; i < DOMAINS; i++) {
        s.domains[i].floor_ms = i ? s.cfg.delay_ms : s.host.delay_ms;
        s.domains[i].concurrency = i ? s.cfg.concurrency : s.host.concurrency;
    }
    must(polite_create(&s.cfg, &s.p, &err));
    for (int step = 0; step < 3000; step++) {
        uint64_t dice = below(&s, 4);
        if (dice == 0)
            schedule_push(&s);
        else if (dice == 1 && s.flight_count)
            schedule_answer(&s);
        else
            schedule_wait(&s);
        schedule_start(&s);
    }
    while (s.back < s.pushed) { /* everything comes back */
        if (s.flight_count)
            schedule_answer(&s);
        else
            schedule_wait(&s);
        schedule_start(&s);
    }
    HOLDS(&s, s.cfg.max_rests || !s.gave_up);
    while (s.flight_count)
        schedule_answer(&s);
    polite_destroy(s.p);
}

static void random_schedules_stay_polite(void **state) {
    const char *replay = getenv("WIT_TEST_SEED");
    if (replay) {
        schedule_run((unsigned)strtoul(replay, NULL, 10));
        return;
    }
    for (unsigned seed = 1; seed <= 150; seed++)
        schedule_run(seed);
}

/* ---- what is forgotten ---------------------------------------------------------------------- */

enum { NOTES = 64, SECOND_MS = 1000, HOURS_MS = 7200000 };

static void a_running_delay_is_never_replaced(void **state) {
    struct polite_notes n = { NULL, 0 };
    struct polite_note note = { .hash = 0 }, out;
    uint64_t kept = 0;
    assert_int_equal(polite_notes_init(&n, NOTES), 0);
    for (uint64_t i = 1; i <= 100 * NOTES; i++) { /* of which some find no place */
        note = (struct polite_note){ .hash = i, .next_ms = 5000 + i };
        assert_true(polite_note_matters(&note, 1000));
        kept += polite_notes_keep(&n, &note, 1000);
    }
    assert_in_range(kept, NOTES, NOTES + 8); /* every place was found */
    for (uint64_t i = 1; i <= 100 * NOTES; i++)
        if (polite_notes_take(&n, i, &out)) {
            assert_int_equal(out.next_ms, 5000 + i);
            assert_false(polite_notes_take(&n, i, &out));
            kept--;
        }
    assert_int_equal(kept, 0);
    polite_notes_finish(&n);
}

static void who_struggled_is_remembered_longest(void **state) {
    struct polite_notes n = { NULL, 0 };
    struct polite_note out, rested = { .hash = 1, .next_ms = 1000, .rests = 2, .extra_ms = 3000 },
                            gone = { .hash = 2, .gave_up = true };
    assert_int_equal(polite_notes_init(&n, 0), 0); /* one set */
    assert_true(polite_note_matters(&rested, 5000));
    assert_true(polite_note_matters(&gone, 5000));
    assert_true(polite_notes_keep(&n, &rested, 5000));
    assert_true(polite_notes_keep(&n, &gone, 5000));
    for (uint64_t i = 3; i < 100; i++) { /* their delays are over when the next one comes */
        const struct polite_note note = { .hash = i, .next_ms = 5000 * i + 1 };
        assert_true(polite_note_matters(&note, 5000 * i));
        assert_false(polite_note_matters(&note, 5000 * (i + 1)));
        assert_true(polite_notes_keep(&n, &note, 5000 * i));
    }
    assert_true(polite_notes_take(&n, 1, &out));
    assert_int_equal(out.rests, 2);
    assert_int_equal(out.extra_ms, 3000);
    assert_true(polite_notes_take(&n, 2, &out));
    assert_true(out.gave_up);
    polite_notes_finish(&n);
}

struct visit {
    struct polite *p;
    struct polite_turn turn;
    uint64_t now_ms;
};

static void visit_push(struct visit *v, const char *url) {
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_PAGE, wit_str_from(url));
    assert_non_null(t);
    must(polite_push(v->p, t, v->now_ms));
}

static void visit_rules(struct visit *v, const char *text) {
    struct wit_crawler_robots *robots = NULL;
    must(wit_crawler_robots_parse(text, strlen(text), &robots, &err));
    polite_robots_allow(v->p, v->turn.origin, robots, v->now_ms);
}

/* The tasks that queue are fetched, whatever must be asked for before; what it is about is not the
 * order. `text` is the robots.txt of all origins. */
static void visit_all(struct visit *v, const char *text) {
    for (; polite_due_ms(v->p) != UINT64_MAX; v->now_ms = polite_due_ms(v->p))
        for (enum polite_step step; (step = polite_next(v->p, v->now_ms, &v->turn));) {
            if (step == POLITE_ROBOTS) {
                visit_rules(v, text);
            } else if (step == POLITE_TDMREP) {
                polite_tdmrep(v->p, v->turn.origin, NULL, true, v->now_ms);
            } else {
                assert_int_equal(step, POLITE_FETCH);
                polite_done(v->p, v->turn.task, PACE_FINE, 0, v->now_ms);
                crawl_task_destroy(v->turn.task);
            }
            if (polite_due_ms(v->p) == UINT64_MAX)
                return;
        }
}

static void strangers_come_and_go(struct visit *v, unsigned from, unsigned to, const char *text) {
    enum { AT_ONE_TIME = 500 };
    for (unsigned i = from; i < to; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://www.d%u.test/a", i);
        visit_push(v, url);
        if ((i + 1) % AT_ONE_TIME == 0)
            visit_all(v, text);
    }
}

/* The rest of a busy domain and the delay of one with a long Crawl-delay outlast what else is known
 * of them. */
static void memory_does_not_grow_with_domains(void **state) {
    enum { ALL = 200000, FULL = 40000, MORE_BYTES = 2 << 20, IDLE_BYTES = 16 << 20 };
    static const char plain_rules[] = "User-agent: *\nDisallow: /private/\n";
    struct wit_crawler_config cfg = wit_crawler_config_default();
    struct visit v = { .now_ms = 1000 };
    must(polite_create(&cfg, &v.p, &err));
    visit_push(&v, "http://busy.test/a");
    assert_int_equal(polite_next(v.p, v.now_ms, &v.turn), POLITE_ROBOTS);
    polite_robots_answered(v.p, v.turn.origin, PACE_OVERLOADED, HOURS_MS, v.now_ms);
    polite_robots_deny(v.p, v.turn.origin, "robots_unreachable", v.now_ms);
    const uint64_t busy_ms = v.now_ms + HOURS_MS;
    assert_int_equal(polite_next(v.p, v.now_ms, &v.turn), POLITE_REFUSED);
    crawl_task_destroy(v.turn.task);
    visit_push(&v, "http://slow.test/a");
    visit_all(&v, "User-agent: *\nCrawl-delay: 300\n");
    const uint64_t slow_ms = v.now_ms + 300 * SECOND_MS;
    strangers_come_and_go(&v, 0, FULL, plain_rules);
    const struct polite_totals full = polite_totals(v.p);
    assert_in_range(full.idle_bytes, IDLE_BYTES - 4096, IDLE_BYTES + MORE_BYTES);
    assert_true(full.domains < FULL / 2);
    assert_true(v.now_ms < slow_ms - SECOND_MS);
    const size_t used = mallinfo2().uordblks;

    /* both were forgotten but for a note: their rules are asked for again, at their time */
    visit_push(&v, "http://slow.test/b");
    assert_int_equal(polite_due_ms(v.p), slow_ms);
    assert_int_equal(polite_next(v.p, slow_ms - 1, &v.turn), POLITE_NOTHING);
    assert_int_equal(polite_next(v.p, slow_ms, &v.turn), POLITE_ROBOTS);
    polite_robots_deny(v.p, v.turn.origin, "robots_unreachable", slow_ms);
    assert_int_equal(polite_next(v.p, slow_ms + SECOND_MS, &v.turn), POLITE_REFUSED);
    crawl_task_destroy(v.turn.task);
    v.now_ms = slow_ms + SECOND_MS;
    visit_push(&v, "http://busy.test/b");
    assert_int_equal(polite_next(v.p, v.now_ms, &v.turn), POLITE_REFUSED);
    assert_string_equal(v.turn.reason, "host_rests");
    crawl_task_destroy(v.turn.task);

    strangers_come_and_go(&v, FULL, ALL, plain_rules);
    const struct polite_totals end = polite_totals(v.p);
    assert_in_range(end.idle_bytes, IDLE_BYTES - 4096, IDLE_BYTES + MORE_BYTES);
    assert_true(end.domains <= full.domains + full.domains / 10);
    assert_true(mallinfo2().uordblks <= used + MORE_BYTES); /* where it counts at all */
    assert_true(v.now_ms < busy_ms - SECOND_MS);
    v.now_ms = busy_ms - SECOND_MS;
    visit_push(&v, "http://busy.test/c");
    assert_int_equal(polite_due_ms(v.p), busy_ms);
    assert_int_equal(polite_next(v.p, busy_ms, &v.turn), POLITE_ROBOTS);
    polite_destroy(v.p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_answers_slow_us_down),
        cmocka_unit_test(refusals_count_in_bursts),
        cmocka_unit_test(rests_double_and_are_forgiven_slowly),
        cmocka_unit_test(failures_slow_down_once_a_delay),
        cmocka_unit_test(random_schedules_stay_polite),
        cmocka_unit_test(a_running_delay_is_never_replaced),
        cmocka_unit_test(who_struggled_is_remembered_longest),
        cmocka_unit_test(memory_does_not_grow_with_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
