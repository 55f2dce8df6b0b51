/* test_order.c: the order of samples: complete, the same for every world size, resumable, mixed. */
#include "wit_loader.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_SHARDS = 40, PLANS = 2000 };

struct plan {
    uint64_t sizes[MAX_SHARDS], samples;
    size_t shards;
    struct wit_loader_order_config cfg;
    struct wit_loader_order *order;
};

static void plan_make(struct plan *p, uint64_t seed) {
    struct wit_random r;
    wit_random_init(&r, 77, 0, seed);
    *p = (struct plan){ .shards = 1 + wit_random_below(&r, MAX_SHARDS) };
    const uint64_t scale = wit_random_below(&r, 3) ? 60 : 700;
    for (size_t s = 0; s < p->shards; s++) {
        p->sizes[s] = wit_random_below(&r, 8) ? wit_random_below(&r, scale) : 0;
        p->samples += p->sizes[s];
    }
    if (!p->samples)
        p->sizes[0] = p->samples = 1;
    p->cfg = wit_loader_order_config_default();
    p->cfg.seed = seed;
    p->cfg.pool_shards = wit_random_below(&r, 2) ? 1 + wit_random_below(&r, p->shards) : 0;
    if (wit_random_below(&r, 2)) {
        p->cfg.block_samples = 1 + wit_random_below(&r, 40);
        p->cfg.window_blocks = 1 + wit_random_below(&r, 20);
    }
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_loader_order_create(p->sizes, p->shards, &p->cfg, &p->order, &err) < 0)
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
}

static uint64_t ordinal(const struct plan *p, struct wit_loader_place place) {
    uint64_t n = place.index;
    for (size_t s = 0; s < place.shard; s++)
        n += p->sizes[s];
    return n;
}

static void every_sample_once_an_epoch(void **state) {
    for (uint64_t seed = 0; seed < PLANS; seed++) {
        struct plan p;
        plan_make(&p, seed);
        uint8_t *seen = calloc(p.samples, 1);
        const uint64_t epoch = seed % 3 ? seed % 5 : UINT64_C(1) << 40;
        for (uint64_t i = 0; i < p.samples; i++) {
            struct wit_loader_place at = wit_loader_order_locate(p.order, epoch * p.samples + i);
            if (at.shard >= p.shards || at.index >= p.sizes[at.shard] || at.epoch != epoch)
                fail_msg("seed %llu: position %llu is nowhere", (unsigned long long)seed,
                         (unsigned long long)i);
            uint64_t n = ordinal(&p, at);
            if (seen[n]++)
                fail_msg("seed %llu: sample %llu comes twice", (unsigned long long)seed,
                         (unsigned long long)n);
        }
        free(seen);
        wit_loader_order_destroy(p.order);
    }
}

static void a_position_means_the_same_whenever_asked(void **state) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct plan p, q;
        struct wit_random r;
        plan_make(&p, seed);
        plan_make(&q, seed);
        wit_random_init(&r, 5, 0, seed);
        /* p walks, q jumps about between epochs; both must agree. */
        for (uint64_t i = 0; i < 3 * p.samples; i++)
            (void)wit_loader_order_locate(p.order, i);
        for (int k = 0; k < 60; k++) {
            uint64_t at = wit_random_below(&r, 6 * p.samples);
            struct wit_loader_place a = wit_loader_order_locate(p.order, at);
            struct wit_loader_place b = wit_loader_order_locate(q.order, at);
            assert_int_equal(a.shard, b.shard);
            assert_int_equal(a.index, b.index);
            assert_int_equal(a.pool, b.pool);
        }
        wit_loader_order_destroy(p.order);
        wit_loader_order_destroy(q.order);
    }
}

/* A pool's samples come from its shards and from no other. */
static void pools_keep_to_their_shards(void **state) {
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct plan p;
        plan_make(&p, seed);
        for (uint64_t i = 0; i < p.samples; i++) {
            struct wit_loader_place at = wit_loader_order_locate(p.order, 2 * p.samples + i);
            size_t k = 0, shard;
            while ((shard = wit_loader_order_pool_shard(p.order, 2, at.pool, k)) != at.shard) {
                if (shard == SIZE_MAX)
                    fail_msg("seed %llu: shard %zu is not of pool %zu", (unsigned long long)seed,
                             at.shard, at.pool);
                k++;
            }
        }
        wit_loader_order_destroy(p.order);
    }
}

static void stored_order_is_counted_through(void **state) {
    struct plan p;
    plan_make(&p, 11);
    for (uint64_t n = 0; n < p.samples; n++)
        assert_int_equal(ordinal(&p, wit_loader_order_nth(p.order, n)), n);
    assert_int_equal(wit_loader_order_samples(p.order), p.samples);
    wit_loader_order_destroy(p.order);
}

/* Epochs and seeds differ, and pairs that share a batch in one epoch are strangers in the next. */
static void epochs_are_mixed(void **state) {
    enum { N = 20000, B = 100 };
    const uint64_t sizes[] = { 7000, 1, 5999, 7000 };
    struct wit_loader_order_config cfg = wit_loader_order_config_default();
    struct wit_loader_order *order = NULL;
    cfg.seed = 3;
    assert_int_equal(wit_loader_order_create(sizes, WIT_COUNT_OF(sizes), &cfg, &order, NULL), 0);
    uint32_t *batch_of = malloc(N * sizeof *batch_of), *at = malloc(N * sizeof *at);
    const uint64_t starts[] = { 0, 7000, 7001, 13000 };
    for (uint64_t i = 0; i < N; i++) {
        struct wit_loader_place a = wit_loader_order_locate(order, i);
        at[i] = (uint32_t)(starts[a.shard] + a.index);
        struct wit_loader_place b = wit_loader_order_locate(order, N + i);
        batch_of[starts[b.shard] + b.index] = (uint32_t)(i / B);
    }
    uint64_t pairs = 0, again = 0, in_place = 0;
    for (uint64_t i = 0; i < N; i += B)
        for (uint64_t j = 0; j < B; j++) {
            in_place += batch_of[at[i + j]] == i / B;
            for (uint64_t k = 0; k < j; k++, pairs++)
                again += batch_of[at[i + j]] == batch_of[at[i + k]];
        }
    const double uniform = (B - 1.0) / (N - 1.0), share = (double)again / (double)pairs;
    print_message("pairs that share a batch again: %.5f, uniform shuffle %.5f\n", share, uniform);
    assert_true(share < 2.0 * uniform);
    assert_true(in_place < N / 50);
    free(batch_of);
    free(at);
    wit_loader_order_destroy(order);
}

static void bad_orders_are_refused(void **state) {
    struct wit_loader_order_config cfg = wit_loader_order_config_default();
    struct wit_loader_order *order = NULL;
    const uint64_t none[] = { 0, 0 }, huge[] = { UINT64_C(1) << 62, 1 };
    assert_int_equal(wit_loader_order_create(none, 2, &cfg, &order, NULL), WIT_EINVAL);
    assert_int_equal(wit_loader_order_create(none, 0, &cfg, &order, NULL), WIT_EINVAL);
    assert_int_equal(wit_loader_order_create(huge, 2, &cfg, &order, NULL), WIT_ELIMIT);
    cfg.block_samples = 0;
    assert_int_equal(wit_loader_order_create(huge, 1, &cfg, &order, NULL), WIT_EINVAL);
    assert_null(order);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_once_an_epoch),
        cmocka_unit_test(a_position_means_the_same_whenever_asked),
        cmocka_unit_test(pools_keep_to_their_shards),
        cmocka_unit_test(stored_order_is_counted_through),
        cmocka_unit_test(epochs_are_mixed),
        cmocka_unit_test(bad_orders_are_refused),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
