/*
 * test_balance.c: draws, probabilities, and what the balancer promises: whatever is kept at the end
 * was wanted when offered, and what is kept depends on the set of offers alone. Replay a random
 * case with WIT_TEST_SEED=<printed seed>.
 */
#include "wit_filter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static uint64_t test_seed(void) {
    const char *given = getenv("WIT_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : wit_clock_ns();
    print_message("WIT_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void probabilities(void **state) {
    static const uint64_t counts[] = { 0, 20, 40, 100 };
    static const uint32_t ids[] = { 1, 2, 3 }, rare[] = { 2, 3 };
    assert_true(wit_filter_probability(0, 20) == 1.0);
    assert_true(wit_filter_probability(20, 20) == 1.0);
    assert_true(wit_filter_probability(21, 20) == 20.0 / 21.0);
    assert_true(wit_filter_keep_probability(counts, ids, 0, 20) == 0.0);
    assert_true(wit_filter_keep_probability(counts, ids, 3, 20) == 1.0);
    assert_true(wit_filter_keep_probability(counts, rare, 2, 20) == 1.0 - 0.5 * (1.0 - 20.0 / 100));
}

/* Fixed for ever: a set collected with one version is judged the same by the next. The values are
 * those of python-xxhash. */
static void keys_and_draws_are_pinned(void **state) {
    struct wit_hash128 key, other;
    char hex[WIT_HASH128_HEX];
    assert_int_equal(wit_filter_pair_key(WIT_STR("http://a.example/b.png"), WIT_STR("a red car"),
                                         &key, NULL),
                     0);
    wit_hash128_to_hex(key, hex);
    assert_string_equal(hex, "ae7e7140e1fae93c0e47ac5f7248420e");
    assert_true(wit_hash128_eq(key, wit_hash128_of("http://a.example/b.png\0a red car", 32)));
    assert_int_equal(wit_filter_pair_key(WIT_STR("http://a.example/b.png"), WIT_STR("a red ca"),
                                         &other, NULL),
                     0);
    assert_false(wit_hash128_eq(key, other));
    assert_true(wit_filter_draw(0, key, WIT_STR("car")) == 0x1.c25736492d46ep-2);
    assert_true(wit_filter_draw(7, key, WIT_STR("car")) == 0x1.2e2bee819c2dcp-1);
    assert_true(wit_filter_draw(0, key, WIT_STR("")) >= 0.0);
}

static void long_pairs_have_the_same_kind_of_key(void **state) {
    enum { LEN = 10000 };
    char *bytes = calloc(LEN + 2, 1);
    struct wit_hash128 key;
    assert_non_null(bytes);
    memset(bytes, 'u', 3);
    memset(bytes + 4, 't', LEN - 4);
    assert_int_equal(wit_filter_pair_key(wit_str_of(bytes, 3), wit_str_of(bytes + 4, LEN - 4), &key,
                                         NULL),
                     0);
    assert_true(wit_hash128_eq(key, wit_hash128_of(bytes, LEN)));
    free(bytes);
}

/* Draws fall evenly: 64 cells, chi-square with 63 degrees of freedom (99.9999 % below 135). */
static void draws_are_uniform(void **state) {
    enum { N = 200000, CELLS = 64 };
    uint32_t cells[CELLS] = { 0 };
    for (uint32_t i = 0; i < N; i++) {
        struct wit_hash128 key = { .hi = i / 8, .lo = 0 };
        char entry[8];
        int len = snprintf(entry, sizeof entry, "e%u", i % 8);
        double u = wit_filter_draw(3, key, wit_str_of(entry, (size_t)len));
        assert_true(u >= 0.0 && u < 1.0);
        cells[(int)(u * CELLS)]++;
    }
    double chi = 0, expected = (double)N / CELLS;
    for (int c = 0; c < CELLS; c++)
        chi += (cells[c] - expected) * (cells[c] - expected) / expected;
    assert_true(chi < 135.0);
}

/* ---- the balancer -------------------------------------------------------------------------- */

enum { WORDS = 30, PAIRS = 4000, T = 25 };

struct pair {
    char url[48], text[96];
};

static struct wit_filter_allowlist *zipf_list(void) {
    static char words[WORDS][8];
    struct wit_str entries[WORDS];
    struct wit_filter_allowlist *list = NULL;
    for (int i = 0; i < WORDS; i++)
        entries[i] = wit_str_of(words[i], (size_t)snprintf(words[i], sizeof words[i], "w%d", i));
    assert_int_equal(wit_filter_allowlist_create(entries, WORDS, &list, NULL), 0);
    return list;
}

/* Up to five words, low numbers far more often; some pairs come twice, some match nothing. */
static struct pair *random_pairs(struct wit_random *rng) {
    struct pair *pairs = calloc(PAIRS, sizeof *pairs);
    assert_non_null(pairs);
    for (int i = 0; i < PAIRS; i++) {
        if (i && wit_random_below(rng, 10) == 0) {
            pairs[i] = pairs[wit_random_below(rng, (uint64_t)i)];
            continue;
        }
        snprintf(pairs[i].url, sizeof pairs[i].url, "http://h.example/%d.jpg", i);
        for (uint64_t n = wit_random_below(rng, 6); n; n--) {
            double u = wit_random_unit(rng);
            sprintf(pairs[i].text + strlen(pairs[i].text), "w%d ", (int)(u * u * u * (WORDS + 2)));
        }
    }
    return pairs;
}

static bool offer(struct wit_filter_balancer *b, const struct pair *p) {
    bool want = false;
    assert_int_equal(wit_filter_balancer_offer(b, wit_str_from(p->url), wit_str_from(p->text),
                                               &want, NULL),
                     0);
    return want;
}

static bool keep(struct wit_filter_balancer *b, const struct pair *p) {
    bool kept = false;
    assert_int_equal(wit_filter_balancer_keep(b, wit_str_from(p->url), wit_str_from(p->text), &kept,
                                              NULL),
                     0);
    return kept;
}

static void shuffle(uint32_t *order, size_t n, struct wit_random *rng) {
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)wit_random_below(rng, i);
        uint32_t swap = order[k];
        order[k] = order[i - 1];
        order[i - 1] = swap;
    }
}

/* Some order of offers, killed several times: what was offered since the last commit is forgotten,
 * a new balancer is told the committed offers again, and the crawl goes on from there. */
static void one_pass_misses_nothing(void **state) {
    uint64_t seed = test_seed();
    struct wit_random rng;
    wit_random_init(&rng, seed, 1, 0);
    struct wit_filter_allowlist *list = zipf_list();
    struct pair *pairs = random_pairs(&rng);
    static bool first_kept[PAIRS], wanted[PAIRS];
    static uint32_t order[PAIRS];
    size_t n_kept = 0, n_wanted = 0;
    for (int run = 0; run < 12; run++) {
        struct wit_filter_balancer *b = NULL;
        assert_int_equal(wit_filter_balancer_create(list, T, seed, &b, NULL), 0);
        shuffle(order, PAIRS, &rng);
        memset(wanted, 0, sizeof wanted);
        for (size_t i = 0; i < PAIRS; i++) {
            wanted[order[i]] = offer(b, &pairs[order[i]]);
            if (run % 3 != 2 || wit_random_below(&rng, PAIRS / 4) != 0)
                continue;
            wit_filter_balancer_destroy(b);
            assert_int_equal(wit_filter_balancer_create(list, T, seed, &b, NULL), 0);
            size_t committed = (size_t)wit_random_below(&rng, i + 1);
            for (; i > committed; i--)
                wanted[order[i]] = false;
            for (size_t k = 0; k <= committed; k++)
                offer(b, &pairs[order[k]]);
        }
        for (size_t i = 0; i < PAIRS; i++) {
            bool kept = keep(b, &pairs[i]);
            if (run == 0) {
                first_kept[i] = kept;
                n_kept += kept;
                n_wanted += wanted[i];
            }
            assert_true(kept == first_kept[i]);
            /* A pair that comes twice is wanted the first time; then it is in the log. */
            if (kept && !wanted[i]) {
                bool as_another = false;
                for (size_t k = 0; k < PAIRS && !as_another; k++)
                    as_another = wanted[k] && memcmp(&pairs[k], &pairs[i], sizeof pairs[i]) == 0;
                assert_true(as_another);
            }
        }
        wit_filter_balancer_destroy(b);
    }
    /* The case is a real one: balancing bites, and the first pass fetches more than is kept. */
    assert_true(n_kept > 100 && n_kept < PAIRS / 2 && n_wanted > n_kept);
    free(pairs);
    wit_filter_allowlist_destroy(list);
}

static void statistics_add_up(void **state) {
    static const char *const texts[] = {
        "cat", "cat", "cat", "dog house", "nothing here", "cat dog"
    };
    struct wit_str entries[] = { WIT_STR("cat"), WIT_STR("dog") };
    struct wit_filter_allowlist *list = NULL;
    struct wit_filter_balancer *b = NULL;
    struct wit_filter_balancer_stat s;
    bool want;
    assert_int_equal(wit_filter_allowlist_create(entries, 2, &list, NULL), 0);
    assert_int_equal(wit_filter_balancer_create(list, 0, 1, &b, NULL), WIT_EINVAL);
    assert_int_equal(wit_filter_balancer_create(list, 1, 1, &b, NULL), 0);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < WIT_COUNT_OF(texts); i++) {
            char url[16];
            snprintf(url, sizeof url, "u%zu", i);
            assert_int_equal(wit_filter_balancer_offer(b, wit_str_from(url), wit_str_from(texts[i]),
                                                       &want, NULL),
                             0);
        }
    wit_filter_balancer_stat(b, &s);
    assert_int_equal(s.offered, 12);
    assert_int_equal(s.distinct, 6);
    assert_int_equal(s.unmatched, 1);
    assert_int_equal(s.wanted + s.denied, 5);
    assert_true(s.wanted >= 2); /* the first cat and the first dog, whatever the draws */
    const uint64_t *counts = wit_filter_balancer_counts(b);
    assert_int_equal(counts[0], 4);
    assert_int_equal(counts[1], 2);
    wit_filter_balancer_destroy(b);
    wit_filter_allowlist_destroy(list);
}

/* Each entry alone in its pairs: the number kept is binomial with p = t / count. */
static void shares_kept_are_within_binomial_bounds(void **state) {
    enum { ENTRIES = 12, N = 60000, T_SHARE = 700 };
    static char words[ENTRIES][8];
    struct wit_str entries[ENTRIES];
    struct wit_filter_allowlist *list = NULL;
    struct wit_filter_balancer *b = NULL;
    uint64_t seed = test_seed(), kept[ENTRIES] = { 0 };
    bool flag;
    char url[32];
    for (int i = 0; i < ENTRIES; i++)
        entries[i] = wit_str_of(words[i], (size_t)snprintf(words[i], sizeof words[i], "w%d", i));
    assert_int_equal(wit_filter_allowlist_create(entries, ENTRIES, &list, NULL), 0);
    assert_int_equal(wit_filter_balancer_create(list, T_SHARE, seed, &b, NULL), 0);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < N; i++) {
            int e = (int)((uint64_t)i * (uint64_t)i % 97 % ENTRIES);
            struct wit_str u = wit_str_of(url, (size_t)snprintf(url, sizeof url, "http://x/%d", i));
            if (pass == 0) {
                assert_int_equal(wit_filter_balancer_offer(b, u, entries[e], &flag, NULL), 0);
            } else {
                assert_int_equal(wit_filter_balancer_keep(b, u, entries[e], &flag, NULL), 0);
                kept[e] += flag;
            }
        }
    const uint64_t *counts = wit_filter_balancer_counts(b);
    for (int e = 0; e < ENTRIES; e++) {
        double p = wit_filter_probability(counts[e], T_SHARE), n = (double)counts[e];
        /* 6 standard deviations: one false alarm in 40 million runs */
        assert_true(fabs((double)kept[e] - n * p) <= 6 * sqrt(n * p * (1 - p)));
    }
    wit_filter_balancer_destroy(b);
    wit_filter_allowlist_destroy(list);
}

/* ---- threads ------------------------------------------------------------------------------- */

enum { THREADS = 4 };

struct worker {
    struct wit_filter_balancer *b;
    const struct pair *pairs;
    int first;
    bool keeping;
    bool *kept;
};

static void *work(void *user) {
    struct worker *w = user;
    for (int i = w->first; i < PAIRS; i += THREADS) {
        bool flag = false;
        struct wit_str url = wit_str_from(w->pairs[i].url), text = wit_str_from(w->pairs[i].text);
        int st = w->keeping ? wit_filter_balancer_keep(w->b, url, text, &flag, NULL)
                            : wit_filter_balancer_offer(w->b, url, text, &flag, NULL);
        w->kept[i] = st < 0 || flag;
    }
    return NULL;
}

static void run_threads(struct wit_filter_balancer *b, const struct pair *pairs, bool keeping,
                        bool *kept) {
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ b, pairs, i, keeping, kept };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void threads_keep_what_one_thread_keeps(void **state) {
    uint64_t seed = test_seed();
    struct wit_random rng;
    wit_random_init(&rng, seed, 2, 0);
    struct wit_filter_allowlist *list = zipf_list();
    struct pair *pairs = random_pairs(&rng);
    struct wit_filter_balancer *one = NULL, *many = NULL;
    static bool wanted[PAIRS], kept[PAIRS];
    assert_int_equal(wit_filter_balancer_create(list, T, seed, &one, NULL), 0);
    assert_int_equal(wit_filter_balancer_create(list, T, seed, &many, NULL), 0);
    run_threads(many, pairs, false, wanted);
    run_threads(many, pairs, true, kept);
    for (int i = 0; i < PAIRS; i++)
        offer(one, &pairs[i]);
    for (int i = 0; i < PAIRS; i++)
        assert_true(kept[i] == keep(one, &pairs[i]));
    assert_memory_equal(wit_filter_balancer_counts(one), wit_filter_balancer_counts(many),
                        WORDS * sizeof(uint64_t));
    wit_filter_balancer_destroy(one);
    wit_filter_balancer_destroy(many);
    wit_filter_allowlist_destroy(list);
    free(pairs);
}

/* By hand: 64 matches; cumulative 1 2 4 8 16 32 64. */
static void t_of_a_share_by_hand(void **state) {
    static const uint64_t counts[] = { 32, 0, 1, 16, 8, 1, 4, 2, 0 };
    static const struct {
        double share;
        uint64_t t;
    } rows[] = {
        { 0, 1 },         { 1.0 / 64, 1 }, { 4.0 / 64, 2 },   { 8.0 / 64, 4 }, { 0.25, 8 },
        { 24.0 / 64, 8 }, { 0.5, 16 },     { 48.0 / 64, 16 }, { 0.76, 32 },    { 1, 32 },
    }; /* 24 and 48 are as near to both sides: the smaller */
    struct wit_error err = WIT_ERROR_INIT;
    uint64_t t = 7;
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++) {
        assert_int_equal(wit_filter_t_of_share(counts, WIT_COUNT_OF(counts), rows[i].share, &t,
                                               &err),
                         0);
        assert_int_equal(t, rows[i].t);
    }
    assert_true(wit_filter_tail_share(counts, WIT_COUNT_OF(counts), 1) == 0);
    assert_true(wit_filter_tail_share(counts, WIT_COUNT_OF(counts), 2) == 2.0 / 64);
    assert_true(wit_filter_tail_share(counts, WIT_COUNT_OF(counts), 8) == 8.0 / 64);
    assert_true(wit_filter_tail_share(counts, WIT_COUNT_OF(counts), 33) == 1);
    assert_true(wit_filter_tail_share(counts, 0, 33) == 0);
    t = 7;
    assert_int_equal(wit_filter_t_of_share(counts, 2, 1.1, &t, &err), WIT_EINVAL);
    assert_int_equal(wit_filter_t_of_share(counts + 8, 1, 0.5, &t, &err), WIT_EINVAL);
    assert_int_equal(wit_filter_t_of_share(counts, 0, 0.5, &t, &err), WIT_EINVAL);
    assert_int_equal(t, 7);
}

/* Numbers of a few lines of Python: c = [i*i*7919 % 997 for i in range(200)]; tail share
 * sum(x for x in c if x < t) / sum(c); t the first of sorted(c), zeros left out, with the least
 * abs(cumulative / sum - share). */
static void t_of_a_share_as_python_has_it(void **state) {
    static const struct {
        double share;
        uint64_t t;
    } rows[] = { { 0, 4 },     { 0.01, 82 }, { 0.06, 232 }, { 0.25, 453 },
                 { 0.5, 706 }, { 0.9, 940 }, { 1, 996 } };
    uint64_t counts[200], t = 0;
    for (uint64_t i = 0; i < WIT_COUNT_OF(counts); i++)
        counts[i] = i * i * 7919 % 997;
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++) {
        assert_int_equal(wit_filter_t_of_share(counts, WIT_COUNT_OF(counts), rows[i].share, &t,
                                               NULL),
                         0);
        assert_int_equal(t, rows[i].t);
    }
    assert_true(wit_filter_tail_share(counts, 200, 100) == 0.01264291079028624);
    assert_true(wit_filter_tail_share(counts, 200, 500) == 0.27808144871901863);
    assert_true(wit_filter_tail_share(counts, 200, 900) == 0.7844967871150796);
}

static void counts_of_parts_add_up(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    uint64_t sum[] = { 1, UINT64_MAX - 2 };
    assert_int_equal(wit_filter_counts_add(sum, (uint64_t[]){ 4, 2 }, 2, &err), 0);
    assert_int_equal(sum[0], 5);
    assert_true(sum[1] == UINT64_MAX);
    assert_int_equal(wit_filter_counts_add(sum, (uint64_t[]){ 4, 1 }, 2, &err), WIT_ELIMIT);
    assert_int_equal(sum[0], 5);
}

static void a_set_of_pairs_knows_its_members(void **state) {
    struct wit_filter_pairs *s = wit_filter_pairs_create();
    assert_non_null(s);
    assert_false(wit_filter_pairs_has(s, (struct wit_hash128){ 0, 0 }));
    assert_false(wit_filter_pairs_has(s, (struct wit_hash128){ 1, 0 }));
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(wit_filter_pairs_add(s, (struct wit_hash128){ i % 2000, i % 2000 }),
                         i < 2000);
    assert_int_equal(wit_filter_pairs_count(s), 2000);
    assert_true(wit_filter_pairs_has(s, (struct wit_hash128){ 0, 0 }));
    assert_true(wit_filter_pairs_has(s, (struct wit_hash128){ 1999, 1999 }));
    assert_false(wit_filter_pairs_has(s, (struct wit_hash128){ 1999, 0 }));
    wit_filter_pairs_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probabilities),
        cmocka_unit_test(keys_and_draws_are_pinned),
        cmocka_unit_test(long_pairs_have_the_same_kind_of_key),
        cmocka_unit_test(draws_are_uniform),
        cmocka_unit_test(one_pass_misses_nothing),
        cmocka_unit_test(statistics_add_up),
        cmocka_unit_test(shares_kept_are_within_binomial_bounds),
        cmocka_unit_test(threads_keep_what_one_thread_keeps),
        cmocka_unit_test(t_of_a_share_by_hand),
        cmocka_unit_test(t_of_a_share_as_python_has_it),
        cmocka_unit_test(counts_of_parts_add_up),
        cmocka_unit_test(a_set_of_pairs_knows_its_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
