/* test_near.c: the search finds what comparing all with all finds, each pair once. */
#include "near.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 900 };

static struct wit_error err;

static struct wit_image_phash random_hash(struct wit_random *r) {
    struct wit_image_phash h;
    for (int i = 0; i < 4; i++)
        h.words[i] = wit_random_u64(r);
    return h;
}

/* Some alone, some a few bits (more and less than any distance asked for) from another one. */
static void hashes_make(struct wit_random *r, struct wit_image_phash *out, uint32_t count,
                        unsigned spread) {
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || wit_random_below(r, 4) == 0) {
            out[i] = random_hash(r);
            continue;
        }
        out[i] = out[wit_random_below(r, i)];
        for (uint64_t n = wit_random_below(r, spread); n; n--) {
            uint64_t bit = wit_random_below(r, 256);
            out[i].words[bit / 64] ^= 1ULL << (bit % 64);
        }
    }
}

struct seen {
    uint8_t *pairs; /* (count, count): how often, a < b */
    uint32_t count;
    const struct wit_image_phash *hashes;
    uint64_t total;
    int stop_at;
};

static int on_pair(void *user, uint32_t a, uint32_t b, unsigned distance) {
    struct seen *s = user;
    assert_true(a < b && b < s->count);
    assert_int_equal(distance, wit_image_phash_distance(&s->hashes[a], &s->hashes[b]));
    s->pairs[a * s->count + b]++;
    s->total++;
    return s->stop_at && s->total >= (uint64_t)s->stop_at ? 77 : 0;
}

static void check(uint64_t seed, unsigned distance, uint32_t count, bool with_split) {
    static struct wit_image_phash hashes[MOST];
    static uint8_t pairs[MOST * MOST];
    struct wit_random r;
    wit_random_init(&r, 11, distance, seed);
    hashes_make(&r, hashes, count, 2 * distance + 2);
    const uint32_t split = with_split ? 1 + (uint32_t)wit_random_below(&r, count - 1) : 0;
    struct seen seen = { pairs, count, hashes, 0, 0 };
    memset(pairs, 0, sizeof pairs);
    const struct near_search search = { .hashes = hashes,
                                        .count = count,
                                        .split = split,
                                        .distance = distance,
                                        .threads = 1 + (unsigned)(seed % 3),
                                        .found = on_pair,
                                        .user = &seen };
    assert_int_equal(near_pairs(&search, &err), 0);
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = a + 1; b < count; b++) {
            bool want = wit_image_phash_distance(&hashes[a], &hashes[b]) <= distance &&
                        (!split || (a < split && split <= b));
            if (pairs[a * count + b] != want)
                fail_msg("seed=%llu distance=%u split=%u: pair %u %u found %u times",
                         (unsigned long long)seed, distance, split, a, b, pairs[a * count + b]);
        }
}

static void every_pair_once(void **state) {
    const unsigned distances[] = { 0, 1, 2, 11, 12, 13, 24, 25, 26, 30, 31, 32, 47, 63 };
    for (size_t d = 0; d < WIT_COUNT_OF(distances); d++)
        for (uint64_t seed = 0; seed < 6; seed++)
            check(seed, distances[d], seed == 5 ? MOST : 2 + (uint32_t)seed * 60, seed % 2);
}

static void clusters_are_chains_of_pairs(void **state) {
    enum { COUNT = 500 };
    static struct wit_image_phash hashes[COUNT];
    static uint32_t group[COUNT], want[COUNT];
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct wit_random r;
        wit_random_init(&r, 12, 0, seed);
        hashes_make(&r, hashes, COUNT, 50);
        for (uint32_t i = 0; i < COUNT; i++)
            want[i] = i;
        for (bool changed = true; changed;) { /* the least label wanders along every pair */
            changed = false;
            for (uint32_t a = 0; a < COUNT; a++)
                for (uint32_t b = 0; b < COUNT; b++)
                    if (want[a] > want[b] &&
                        wit_image_phash_distance(&hashes[a], &hashes[b]) <= 31) {
                        want[a] = want[b];
                        changed = true;
                    }
        }
        assert_int_equal(near_groups(hashes, COUNT, 31, 2, NULL, group, &err), 0);
        for (uint32_t i = 0; i < COUNT; i++)
            if (group[i] != want[i])
                fail_msg("seed=%llu: %u is in cluster %u, not %u", (unsigned long long)seed, i,
                         group[i], want[i]);
    }
}

static void a_crowd_of_equal_hashes_is_one_cluster(void **state) {
    enum { CROWD = 200000 }; /* all with all would be 20,000 million comparisons */
    struct wit_image_phash *hashes = wit_alloc_array(CROWD, sizeof *hashes);
    uint32_t *group = wit_alloc_array(CROWD, sizeof *group);
    assert_true(hashes && group);
    assert_int_equal(near_groups(hashes, CROWD, 31, 1, NULL, group, &err), 0);
    for (uint32_t i = 0; i < CROWD; i++)
        assert_int_equal(group[i], 0);
    free(hashes);
    free(group);
}

static void it_stops_when_told(void **state) {
    static struct wit_image_phash hashes[100]; /* all equal */
    static uint8_t pairs[100 * 100];
    struct seen seen = { pairs, 100, hashes, 0, 10 };
    const volatile int interrupt = 1;
    struct near_search search = { .hashes = hashes,
                                  .count = 100,
                                  .distance = 31,
                                  .threads = 1,
                                  .found = on_pair,
                                  .user = &seen };
    assert_int_equal(near_pairs(&search, &err), 77);
    assert_int_equal(seen.total, 10);
    search.interrupt = &interrupt;
    assert_int_equal(near_pairs(&search, &err), WIT_ECANCELED);
    search.distance = NEAR_DISTANCE_MOST + 1;
    assert_int_equal(near_pairs(&search, &err), WIT_EINVAL);
    search.distance = 31;
    search.count = 0;
    assert_int_equal(near_pairs(&search, &err), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_once),
        cmocka_unit_test(clusters_are_chains_of_pairs),
        cmocka_unit_test(a_crowd_of_equal_hashes_is_one_cluster),
        cmocka_unit_test(it_stops_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
