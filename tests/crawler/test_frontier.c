/*
 * test_frontier.c: pages that are parked and come back: the frontier beside a plain list of pages,
 * with windows, shares and journals so small that everything is passed, and closed without a commit
 * at random moments, as by a kill; and the rules of turns one by one.
 */
#include "frontier_state.h"
#include "run_files.h"
#include "shards/collection.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wit_error err;
static char dir[WIT_PATH_MAX], crawl_dir[WIT_PATH_MAX];

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static int setup(void **state) {
    scratch_make(dir);
    must(wit_path_join(crawl_dir, dir, "crawl"));
    return 0;
}

static int teardown(void **state) {
    scratch_remove(dir);
    return 0;
}

static struct frontier *open_with(const struct frontier_context *context) {
    struct frontier *f = NULL;
    must(frontier_open(dir, context, &f, &err));
    return f;
}

static struct frontier *reopen(struct frontier *f, const struct frontier_context *context) {
    frontier_close(f);
    return open_with(context);
}

static int add(struct frontier *f, unsigned domain, unsigned number, uint32_t depth) {
    char name[16], url[64];
    snprintf(name, sizeof name, "d%u", domain);
    snprintf(url, sizeof url, "http://d%u/%u", domain, number);
    const struct frontier_page page = { .url = wit_str_from(url),
                                        .domain = wit_str_from(name),
                                        .depth = depth };
    int st = frontier_add(f, &page, &err);
    must(st);
    return st;
}

/* The domain of the page that was taken; -1: there was none. */
static int take(struct frontier *f, struct frontier_taken *out, char url[64]) {
    int st = frontier_take(f, 2, out, &err);
    must(st);
    if (st == 0)
        return -1;
    snprintf(url, 64, "%.*s", WIT_STR_FMT(out->url));
    return atoi(url + strlen("http://d"));
}

/* Take the next page and read it. */
static int take_and_read(struct frontier *f, bool new_pair) {
    struct frontier_taken page;
    char url[64];
    int domain = take(f, &page, url);
    if (domain >= 0) {
        must(frontier_yield(f, page.id, new_pair, &err));
        must(frontier_done(f, page.id, wit_str_from(url), NULL, &err));
    }
    return domain;
}

static size_t files(void) {
    struct wit_strings names;
    size_t n = 0;
    must(wit_dir_list(crawl_dir, &names, &err));
    for (size_t i = 0; i < names.count; i++)
        n += wit_str_starts_with(wit_str_from(names.items[i]), WIT_STR("parked-"));
    wit_strings_finish(&names);
    return n;
}

/* ---- beside a plain list ----------------------------------------------------------------------
 */

enum { DOMAINS = 24, PAGES = 4000, STEPS = 30000, DEPTHS = 6, MOST = 2 };
enum page_state { UNKNOWN, WAITING, TAKEN, LEFT, READ, REFUSED, REDIRECTED };

struct model {
    struct {
        uint8_t state, depth;
    } pages[PAGES];
    uint32_t known[DOMAINS], barren[DOMAINS];
};

struct trial {
    struct wit_random r;
    struct frontier *f;
    struct frontier_context context;
    struct frontier_limits limits;
    struct model now, committed;
    uint8_t ids[PAGES][FRONTIER_ID_BYTES];
    unsigned taken[DOMAINS]; /* and not left */
    size_t universe;         /* pages that may be found by now */
    size_t most_files, kills, parked, rounds;
};

static unsigned domain_of_page(unsigned page) { /* a few large ones, and a tail */
    uint64_t h = wit_mix64(page + 1);
    return (unsigned)(h % 3 ? (h >> 8) % 3 : (h >> 8) % DOMAINS);
}

static void url_of(unsigned page, char url[64]) {
    snprintf(url, 64, "http://d%u/%u", domain_of_page(page), page);
}

static uint64_t number_of(unsigned page) { /* in rounds */
    char url[64];
    url_of(page, url);
    return wit_hash64_of(url, strlen(url), 1);
}

static bool is_stopped(const struct trial *t, unsigned domain) {
    return t->context.barren_most && t->now.barren[domain] >= t->context.barren_most;
}

/* It waits, and neither its domain nor the limits are against it. */
static bool may_be_taken(const struct trial *t, unsigned page) {
    return t->now.pages[page].state == WAITING && !is_stopped(t, domain_of_page(page)) &&
           t->now.pages[page].depth <= t->limits.depth_most &&
           (!t->context.rounds || number_of(page) <= t->limits.number_most) &&
           t->limits.number_most;
}

static void trial_limit(struct trial *t, uint32_t depth_most, uint64_t number_most) {
    t->limits = (struct frontier_limits){ depth_most, number_most };
    must(frontier_limit(t->f, &t->limits, &err));
}

static void trial_open(struct trial *t, bool rounds) {
    static const uint32_t barrens[] = { 0, 3, 3, 6 };
    t->context = (struct frontier_context){
        .rounds = rounds,
        .domain_pages_most = wit_random_below(&t->r, 2) ? 400 : 0,
        .barren_most = barrens[wit_random_below(&t->r, 4)],
        .window = 1 + (uint32_t)wit_random_below(&t->r, wit_random_below(&t->r, 3) ? 6 : 40),
        .share = 1 + (uint32_t)wit_random_below(&t->r, wit_random_below(&t->r, 3) ? 20 : 500),
        .journal_most = 1 + wit_random_below(&t->r, 300),
    };
    must(frontier_open(dir, &t->context, &t->f, &err));
    for (unsigned i = 0; i < PAGES; i++)
        if (t->now.pages[i].state == TAKEN || t->now.pages[i].state == LEFT)
            t->now.pages[i].state = WAITING;
    memset(t->taken, 0, sizeof t->taken);
    trial_limit(t, UINT32_MAX, rounds ? 0 : UINT64_MAX);
}

static void trial_add(struct trial *t) {
    unsigned page = (unsigned)wit_random_below(&t->r, t->universe), d = domain_of_page(page);
    bool seed = wit_random_below(&t->r, 30) == 0;
    uint8_t depth = (uint8_t)wit_random_below(&t->r, DEPTHS);
    char url[64], name[16];
    url_of(page, url);
    snprintf(name, sizeof name, "d%u", d);
    const struct frontier_page p = { .url = wit_str_from(url),
                                     .domain = wit_str_from(name),
                                     .depth = depth };
    int st = seed ? frontier_add_again(t->f, &p, &err) : frontier_add(t->f, &p, &err);
    must(st);
    bool is_new = t->now.pages[page].state == UNKNOWN;
    bool full = t->context.domain_pages_most && t->now.known[d] >= t->context.domain_pages_most;
    bool again = seed && t->now.pages[page].state == REFUSED;
    assert_int_equal(st, !is_new && !again         ? FRONTIER_KNOWN
                         : is_new && full && !seed ? FRONTIER_FULL
                                                   : FRONTIER_WAITS);
    if (st != FRONTIER_WAITS)
        return;
    t->now.known[d] += is_new;
    t->now.pages[page].state = WAITING;
    t->now.pages[page].depth = depth;
}

static size_t trial_flying(const struct trial *t) {
    size_t n = 0;
    for (unsigned d = 0; d < DOMAINS; d++)
        n += t->taken[d];
    return n;
}

/* What is taken may be; and when nothing is on its way, nothing is kept back. */
static bool trial_take(struct trial *t) {
    struct frontier_taken out;
    int st = frontier_take(t->f, MOST, &out, &err);
    must(st);
    if (st == 0 && trial_flying(t) == 0)
        for (unsigned i = 0; i < PAGES; i++)
            assert_false(may_be_taken(t, i));
    if (st == 0)
        return false;
    char url[64];
    snprintf(url, sizeof url, "%.*s", WIT_STR_FMT(out.url));
    unsigned page = (unsigned)strtoul(strrchr(url, '/') + 1, NULL, 10), d = domain_of_page(page);
    url_of(page, url);
    assert_true(wit_str_eq(out.url, wit_str_from(url)));
    assert_true(may_be_taken(t, page));
    assert_int_equal(out.depth, t->now.pages[page].depth);
    assert_true(t->taken[d] < MOST);
    t->taken[d]++;
    t->now.pages[page].state = TAKEN;
    memcpy(t->ids[page], out.id, sizeof out.id);
    return true;
}

static void trial_land(struct trial *t) {
    unsigned page = (unsigned)wit_random_below(&t->r, PAGES);
    for (unsigned i = 0; i < PAGES && t->now.pages[page].state != TAKEN; i++)
        page = (page + 1) % PAGES;
    if (t->now.pages[page].state != TAKEN)
        return;
    unsigned d = domain_of_page(page);
    char url[64];
    url_of(page, url);
    uint64_t dice = wit_random_below(&t->r, 20);
    if (dice < 14) {
        bool novel = wit_random_below(&t->r, 1 + d % 4) == 0;
        bool was = is_stopped(t, d);
        if (!was)
            t->now.barren[d] = novel ? 0 : t->now.barren[d] + 1;
        int st = frontier_yield(t->f, t->ids[page], novel, &err);
        must(st);
        assert_int_equal(st, !was && is_stopped(t, d));
    }
    const char *reason = dice < 15 ? NULL : dice < 17 ? FRONTIER_REDIRECTED : "http_404";
    t->taken[d]--;
    if (dice == 19) {
        must(frontier_leave(t->f, t->ids[page], &err));
        t->now.pages[page].state = LEFT;
        return;
    }
    must(frontier_done(t->f, t->ids[page], wit_str_from(url), reason, &err));
    t->now.pages[page].state = !reason ? READ : dice < 17 ? REDIRECTED : REFUSED;
}

static int number_order(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The limits of the next round are those of the list, whatever is parked. */
static void trial_round(struct trial *t) {
    static uint64_t numbers[PAGES];
    struct frontier_limits got;
    uint64_t budget = 1 + wit_random_below(&t->r, wit_random_below(&t->r, 2) ? 10 : PAGES);
    uint32_t depth = UINT32_MAX;
    size_t n = 0;
    if (trial_flying(t))
        return;
    for (unsigned i = 0; i < PAGES; i++)
        if (t->now.pages[i].state == WAITING && !is_stopped(t, domain_of_page(i))) {
            if (t->now.pages[i].depth < depth) {
                depth = t->now.pages[i].depth;
                n = 0;
            }
            if (t->now.pages[i].depth == depth)
                numbers[n++] = number_of(i);
        }
    int st = frontier_round(t->f, budget, &got, &err);
    must(st);
    assert_int_equal(st, n > 0);
    if (n == 0)
        return;
    qsort(numbers, n, sizeof *numbers, number_order);
    assert_int_equal(got.depth_most, depth);
    assert_true(got.number_most == (n > budget ? numbers[budget - 1] : UINT64_MAX));
    trial_limit(t, got.depth_most, got.number_most);
    t->rounds++;
}

static int stops_count(void *user, enum wit_crawler_subject subject, struct wit_str reason,
                       uint64_t count) {
    if (subject == WIT_CRAWLER_DOMAIN && wit_str_eq(reason, WIT_STR(FRONTIER_NOT_NOVEL)))
        *(uint64_t *)user = count;
    return 0;
}

static void trial_compare(struct trial *t) {
    uint64_t waiting = 0, read = 0, refused = 0, stops = 0, stopped = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        waiting += t->now.pages[i].state == WAITING;
        read += t->now.pages[i].state == READ;
        refused += t->now.pages[i].state == REFUSED || t->now.pages[i].state == REDIRECTED;
    }
    for (unsigned d = 0; d < DOMAINS; d++)
        stopped += is_stopped(t, d);
    struct frontier_totals totals = frontier_totals(t->f);
    assert_int_equal(totals.waiting, waiting);
    assert_int_equal(totals.read, read);
    assert_int_equal(totals.refused, refused);
    must(frontier_reasons(t->f, stops_count, &stops, &err));
    assert_int_equal(stops, stopped);
    if (t->f->parked.file_count > t->most_files)
        t->most_files = t->f->parked.file_count;
    t->parked += t->f->parked.pages > 0;
}

static void trial_step(struct trial *t, bool rounds) {
    uint64_t dice = wit_random_below(&t->r, 1000);
    t->universe += t->universe < PAGES && dice % 10 == 0;
    if (dice < 400)
        trial_add(t);
    else if (dice < 650)
        trial_take(t);
    else if (dice < 960)
        trial_land(t);
    else if (dice < 975 && rounds)
        trial_round(t);
    else if (dice < 970)
        trial_limit(t, (uint32_t)wit_random_below(&t->r, DEPTHS), UINT64_MAX);
    else if (dice < 990) {
        must(frontier_commit(t->f, &err));
        t->committed = t->now;
    } else if (dice < 994) { /* killed */
        frontier_close(t->f);
        t->now = t->committed;
        t->kills++;
        trial_open(t, rounds);
        trial_compare(t);
    }
    if (dice % 50 == 0)
        trial_compare(t);
}

/* All that may be taken is, once. */
static void trial_drain(struct trial *t) {
    for (;;) {
        trial_limit(t, UINT32_MAX, UINT64_MAX);
        while (trial_take(t) || trial_flying(t))
            trial_land(t);
        for (unsigned i = 0; i < PAGES; i++) /* those that were left wait for another run */
            if (t->now.pages[i].state == LEFT)
                goto again;
        break;
    again:
        must(frontier_commit(t->f, &err));
        frontier_close(t->f);
        t->context.barren_most = 0;
        must(frontier_open(dir, &t->context, &t->f, &err));
        for (unsigned i = 0; i < PAGES; i++)
            if (t->now.pages[i].state == LEFT)
                t->now.pages[i].state = WAITING;
    }
    trial_compare(t);
    must(frontier_commit(t->f, &err));
    assert_int_equal(t->f->domain_count, 0); /* nothing stays in memory for what does not wait */
    assert_int_equal(files(), t->f->parked.file_count);
}

static void trial_run(bool rounds) {
    static struct trial t;
    const char *replay = getenv("WIT_SEED");
    uint64_t seed = replay ? strtoull(replay, NULL, 10) : wit_clock_ns();
    print_message("seed %llu (WIT_SEED replays it)\n", (unsigned long long)seed);
    memset(&t, 0, sizeof t);
    wit_random_init(&t.r, seed, 0, 0);
    t.universe = 50;
    trial_open(&t, rounds);
    must(frontier_commit(t.f, &err));
    for (int step = 0; step < STEPS; step++)
        trial_step(&t, rounds);
    t.context.barren_most = 0;
    must(frontier_commit(t.f, &err));
    t.f = reopen(t.f, &t.context);
    for (unsigned i = 0; i < PAGES; i++)
        if (t.now.pages[i].state == TAKEN || t.now.pages[i].state == LEFT)
            t.now.pages[i].state = WAITING;
    memset(t.taken, 0, sizeof t.taken);
    trial_drain(&t);
    frontier_close(t.f);
    assert_true(t.kills > 20 && t.parked > 20 && t.most_files > 2);
    assert_true(!rounds || t.rounds > 20);
}

static void the_frontier_is_a_list_of_pages(void **state) {
    trial_run(false);
}

static void rounds_are_exact_whatever_is_parked(void **state) {
    trial_run(true);
}

/* ---- the window -------------------------------------------------------------------------------
 */

static void as_many_domains_are_active_as_the_window_says(void **state) {
    enum { N = 300, EACH = 5 };
    const struct frontier_context context = { .window = 20, .journal_most = 100 };
    static unsigned first_turn[N], last_turn[N], turns[N];
    struct frontier *f = open_with(&context);
    memset(turns, 0, sizeof turns);
    for (unsigned i = 0; i < EACH; i++)
        for (unsigned d = 0; d < N; d++)
            add(f, d, i, 0);
    must(frontier_commit(f, &err));
    assert_int_equal(frontier_totals(f).waiting, N * EACH);
    assert_int_equal(f->active, 20);
    assert_int_equal(f->domain_count, 20); /* a parked domain takes no memory */
    assert_int_equal(files(), f->parked.file_count);
    int d;
    for (unsigned turn = 0; (d = take_and_read(f, true)) >= 0; turn++) {
        assert_true(f->active <= 20);
        if (turns[d]++ == 0)
            first_turn[d] = turn;
        last_turn[d] = turn;
        if (turn % 100 == 0)
            must(frontier_commit(f, &err));
    }
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(turns[i], EACH);
        /* its pages come within the time that the window's domains need */
        assert_true(last_turn[i] - first_turn[i] < 10 * 20 * EACH);
    }
    must(frontier_commit(f, &err));
    assert_int_equal(files(), 0);
    frontier_close(f);
}

/* Nothing is parked, nor written, while there is room. */
static void a_small_crawl_parks_nothing(void **state) {
    const struct frontier_context context = { .window = 20 };
    struct frontier *f = open_with(&context);
    for (unsigned i = 0; i < 100; i++)
        for (unsigned d = 0; d < 20; d++)
            add(f, d, i, i / 10);
    assert_int_equal(f->parked.pages, 0);
    while (take_and_read(f, true) >= 0)
        continue;
    must(frontier_commit(f, &err));
    assert_int_equal(files(), 0);
    assert_int_equal(frontier_totals(f).read, 2000);
    frontier_close(f);
}

static void a_domain_that_stays_long_makes_room(void **state) {
    enum { HOG = 0, HOG_PAGES = 1000, SHARE = 40 };
    const struct frontier_context context = { .window = 2, .share = SHARE, .journal_most = 100 };
    struct frontier *f = open_with(&context);
    unsigned before[5] = { 0 }, turn = 0, in_tree = 0;
    for (unsigned i = 0; i < HOG_PAGES; i++)
        add(f, HOG, i, 0);
    for (unsigned d = 1; d <= 4; d++)
        add(f, d, 0, 0);
    int d;
    for (; (d = take_and_read(f, true)) >= 0; turn++) {
        const struct domain *hog = domain_find(f, wit_hash64_of("d0", 2, 0));
        if (hog && hog->waiting > in_tree)
            in_tree = hog->waiting;
        if (d != HOG)
            before[d] = turn + 1;
    }
    assert_int_equal(turn, HOG_PAGES + 4);
    assert_true(in_tree <= SHARE);
    for (unsigned i = 1; i <= 4; i++)
        assert_in_range(before[i], 1, 6 * SHARE);
    frontier_close(f);
}

/* ---- who gets turns ---------------------------------------------------------------------------
 */

/* Half of the domains give new pairs, half don't: those get eight times the turns, and these some
 * all the time. */
static void domains_that_give_new_pairs_get_more_turns(void **state) {
    enum { N = 20, EACH = 2000, LEARN = 60 * N, COUNT = 9000 };
    const struct frontier_context context = { .window = 100 };
    struct frontier *f = open_with(&context);
    unsigned turns[N] = { 0 }, last[N] = { 0 }, longest = 0, novel = 0, barren = 0;
    for (unsigned i = 0; i < EACH; i++)
        for (unsigned d = 0; d < N; d++)
            add(f, d, i, 0);
    for (unsigned turn = 0; turn < LEARN + COUNT; turn++) {
        struct frontier_taken page;
        char url[64];
        int d = take(f, &page, url);
        assert_true(d >= 0);
        must(frontier_yield(f, page.id, d % 2 == 0, &err));
        must(frontier_done(f, page.id, wit_str_from(url), NULL, &err));
        if (turn < LEARN) {
            last[d] = LEARN;
            continue;
        }
        turns[d]++;
        longest = turn - last[d] > longest ? turn - last[d] : longest;
        last[d] = turn;
    }
    for (unsigned d = 0; d < N; d++)
        *(d % 2 ? &barren : &novel) += turns[d];
    assert_in_range(novel, 7.8 * barren, 8.2 * barren);
    for (unsigned d = 0; d < N; d++)
        assert_in_range(turns[d], COUNT / (d % 2 ? 100 : 12), COUNT / (d % 2 ? 80 : 10));
    assert_in_range(longest, 1, 8 * (N / 2) + N); /* eight ticks of all the others */
    frontier_close(f);
}

/* The same for what comes in: buckets whose domains give come first, and none waits for ever. */
static void buckets_that_give_come_back_more_often(void **state) {
    enum { BUCKETS = 16 };
    const struct frontier_context context = { .window = 4 };
    struct frontier *f = open_with(&context);
    unsigned came[BUCKETS] = { 0 };
    add(f, 0, 0, 0);
    for (unsigned b = 0; b < BUCKETS; b++)
        f->parked.buckets[b].novelty = b % 2 ? 65000 : 100;
    for (unsigned n = 0; n < 9 * BUCKETS / 2 * 10; n++) {
        for (unsigned b = 0; b < BUCKETS; b++)
            parked_call(f, (uint64_t)b << 54);
        f->parked.may_wait = true;
        must(parked_admit(f, 1, &err)); /* an empty bucket has come back whole in one step */
        for (unsigned b = 0; b < BUCKETS; b++)
            came[b] += !f->parked.buckets[b].in_files;
    }
    for (unsigned b = 0; b < BUCKETS; b++)
        assert_in_range(came[b], b % 2 ? 70 : 9, b % 2 ? 90 : 11);
    frontier_close(f);
}

static void novelty_is_remembered(void **state) {
    const struct frontier_context context = { .window = 4 };
    struct frontier *f = open_with(&context);
    for (unsigned i = 0; i < 100; i++)
        add(f, 7, i, 0);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(take_and_read(f, false), 7);
    uint64_t hash = wit_hash64_of("d7", 2, 0);
    uint16_t novelty = domain_find(f, hash)->novelty;
    assert_int_equal(novelty_class(novelty), 0);
    must(frontier_commit(f, &err));
    f = reopen(f, &context);
    assert_int_equal(domain_find(f, hash)->novelty, novelty);
    frontier_close(f);
}

/* ---- what is on disk --------------------------------------------------------------------------
 */

static void files_that_no_commit_knows_are_removed(void **state) {
    const struct frontier_context context = { .window = 1, .journal_most = 10 };
    struct frontier *f = open_with(&context);
    for (unsigned d = 0; d < 31; d++)
        add(f, d, 0, 0);
    assert_int_equal(files(), 3);
    f = reopen(f, &context); /* killed before it was committed */
    assert_int_equal(files(), 0);
    assert_int_equal(frontier_totals(f).waiting, 0);
    for (unsigned d = 0; d < 31; d++)
        assert_int_equal(add(f, d, 0, 0), FRONTIER_WAITS);
    must(frontier_commit(f, &err));
    while (take_and_read(f, true) >= 0)
        continue;
    assert_int_equal(f->parked.file_count, 0);
    f = reopen(f, &context); /* killed before the commit that no longer needs them */
    assert_int_equal(frontier_totals(f).waiting, 31);
    unsigned n = 0;
    while (take_and_read(f, true) >= 0)
        n++;
    assert_int_equal(n, 31);
    must(frontier_commit(f, &err));
    assert_int_equal(files(), 0);
    frontier_close(f);
}

/* ---- killed ---- */

enum { ADDED_A_COMMIT = 100, READ_A_COMMIT = 40, KILLED_DOMAINS = 60 };

/* Adds, reads and commits until it is killed; ends with 1 if anything fails. */
static void crawl_until_killed(const struct frontier_context *context) {
    struct frontier *f = NULL;
    struct frontier_taken page;
    char url[64];
    if (frontier_open(dir, context, &f, &err) < 0)
        _exit(1);
    for (;;) {
        struct frontier_totals t = frontier_totals(f);
        unsigned from = (unsigned)(t.waiting + t.read);
        for (unsigned i = from; i < from + ADDED_A_COMMIT; i++)
            if (add(f, i % KILLED_DOMAINS, i, i % 7) != FRONTIER_WAITS)
                _exit(1);
        for (unsigned i = 0; i < READ_A_COMMIT; i++)
            if (take(f, &page, url) < 0 ||
                frontier_done(f, page.id, wit_str_from(url), NULL, &err) < 0)
                _exit(1);
        if (frontier_commit(f, &err) < 0)
            _exit(1);
    }
}

/* Whatever the kill hit: all of a commit is there or nothing, and each page is read once. */
static void a_kill_brings_back_the_last_commit_whole(void **state) {
    enum { KILLS = 25 };
    const struct frontier_context context = { .window = 5, .share = 10, .journal_most = 230 };
    struct frontier_totals t;
    struct frontier *f;
    struct wit_random r;
    wit_random_init(&r, wit_clock_ns(), 0, 0);
    for (int i = 0; i < KILLS; i++) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            crawl_until_killed(&context);
        usleep(5000 + (useconds_t)wit_random_below(&r, 60000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        f = open_with(&context);
        t = frontier_totals(f);
        assert_int_equal((t.waiting + t.read) % ADDED_A_COMMIT, 0);
        assert_int_equal(t.read, (t.waiting + t.read) / ADDED_A_COMMIT * READ_A_COMMIT);
        frontier_close(f);
    }
    f = open_with(&context);
    bool *read = calloc(t.waiting + t.read, 1);
    assert_non_null(read);
    struct frontier_taken page;
    char url[64];
    for (size_t n = 0; n < t.waiting; n++) {
        assert_true(take(f, &page, url) >= 0);
        size_t which = strtoul(strrchr(url, '/') + 1, NULL, 10);
        assert_true(which < t.waiting + t.read && !read[which]);
        read[which] = true;
        must(frontier_done(f, page.id, wit_str_from(url), NULL, &err));
    }
    assert_int_equal(take(f, &page, url), -1);
    must(frontier_commit(f, &err));
    assert_int_equal(files(), 0);
    frontier_close(f);
    free(read);
}

static void write_byte(const char *path, long at, int change) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int was = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    fputc(was ^ change, file);
    fclose(file);
}

static void a_damaged_file_is_refused(void **state) {
    const struct frontier_context context = { .window = 1, .journal_most = 10 };
    struct frontier *f = open_with(&context);
    char path[WIT_PATH_MAX];
    for (unsigned d = 0; d < 11; d++)
        add(f, d, 0, 0);
    must(frontier_commit(f, &err));
    must(run_file_path(path, crawl_dir, PARKED_RUN_NAME, 1, &err));
    write_byte(path, -3, 1); /* in the last URL */
    int st = 0;
    struct frontier_taken page;
    while ((st = frontier_take(f, 2, &page, &err)) > 0) {
        char url[64];
        snprintf(url, sizeof url, "%.*s", WIT_STR_FMT(page.url));
        must(frontier_done(f, page.id, wit_str_from(url), NULL, &err));
    }
    assert_int_equal(st, WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "parked-00000001.run is damaged at byte "));
    frontier_close(f);
    f = NULL;
    write_byte(path, 30, 1); /* in the header */
    assert_int_equal(frontier_open(dir, &context, &f, &err), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "is not the file of waiting pages that it was"));
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(frontier_open(dir, &context, &f, &err), WIT_ECORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(frontier_open(dir, &context, &f, &err), WIT_ENOTFOUND);
}

static void put(struct frontier *f, MDB_dbi dbi, const void *k, size_t k_len, const void *v,
                size_t v_len) {
    MDB_val key = { k_len, (void *)(uintptr_t)k }, value = { v_len, (void *)(uintptr_t)v };
    assert_int_equal(mdb_put(f->txn, dbi, &key, &value, 0), 0);
}

/* A directory as version 3 left it: all pages in the tree, whole hashes of pairs in a database,
 * domains without novelty, nothing said about what is parked. */
static void a_frontier_of_version_3_goes_on(void **state) {
    const struct frontier_context context = { .window = 3, .barren_most = 2 };
    struct frontier *f = open_with(&context);
    for (unsigned d = 0; d < 3; d++)
        for (unsigned i = 0; i < 4; i++)
            add(f, d, i, i);
    must(frontier_commit(f, &err));
    must(frontier_begin(f, &err));
    MDB_dbi pairs;
    assert_int_equal(mdb_dbi_open(f->txn, "pairs", MDB_CREATE, &pairs), 0);
    const struct wit_hash128 pair = { 5, 6 };
    uint8_t hash[16], name[8], domain[13] = { 4 };
    wit_hash128_to_bytes(pair, hash);
    put(f, pairs, hash, sizeof hash, "", 0);
    for (unsigned d = 0; d < 3; d++) {
        char text[3] = { 'd', (char)('0' + d), 0 };
        wit_store_be64(name, wit_hash64_of(text, 2, 0));
        wit_store_le32(domain + 8, d == 1 ? 2 : 0);
        domain[12] = d == 1; /* it has stopped */
        put(f, f->domains_db, name, sizeof name, domain, sizeof domain);
    }
    put(f, f->reasons, "\5domain_not_novel", 17, "\1\0\0\0\0\0\0\0", 8);
    MDB_val key = { 5, (char[]){ "state" } }, value;
    uint8_t copy[60];
    assert_int_equal(mdb_get(f->txn, f->meta, &key, &value), 0);
    assert_int_equal(value.mv_size, sizeof copy);
    memcpy(copy, value.mv_data, sizeof copy);
    copy[0] = 3;
    put(f, f->meta, "state", 5, copy, sizeof copy);
    key = (MDB_val){ 6, (char[]){ "parked" } };
    assert_int_equal(mdb_del(f->txn, f->meta, &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(f->txn), 0);
    f->txn = NULL;

    f = reopen(f, &context);
    assert_int_equal(frontier_totals(f).waiting, 12);
    assert_int_equal(frontier_pair_add(f, pair, &err), 0); /* known */
    uint64_t stops = 0;
    must(frontier_reasons(f, stops_count, &stops, &err));
    assert_int_equal(stops, 1);
    unsigned turns[3] = { 0 };
    for (int d; (d = take_and_read(f, true)) >= 0;)
        turns[d]++;
    assert_true(turns[0] == 4 && turns[1] == 0 && turns[2] == 4);
    must(frontier_commit(f, &err));
    f = reopen(f, &context);
    assert_int_equal(frontier_totals(f).waiting, 4);
    assert_int_equal(frontier_pair_add(f, pair, &err), 0);
    frontier_close(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_frontier_is_a_list_of_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(rounds_are_exact_whatever_is_parked, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_domains_are_active_as_the_window_says, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_small_crawl_parks_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_domain_that_stays_long_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(domains_that_give_new_pairs_get_more_turns, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(buckets_that_give_come_back_more_often, setup, teardown),
        cmocka_unit_test_setup_teardown(novelty_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_no_commit_knows_are_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kill_brings_back_the_last_commit_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_frontier_of_version_3_goes_on, setup, teardown),
    };
    return cmocka_run_group_tests_name("frontier", tests, NULL, NULL);
}
