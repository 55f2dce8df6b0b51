/*
 * loader_order.c: which sample stands at a stream position, by arithmetic alone.
 *
 * Of an epoch with N samples in S shards:
 *   1. shards are permuted and taken in pools of G;
 *   2. the M samples of a pool are numbered shard after shard (prefix sums);
 *   3. positions i of the pool are permuted within windows of `window_blocks` blocks;
 *   4. a position falls into block i / b; whole blocks are permuted, the rest of M / b stays last;
 *   5. the numbering is rotated by r, so that borders of blocks and the rest differ in each epoch.
 * Every permutation is a keyed bijection (wit_permute), so nothing is stored but the prefix sums.
 */
#include "wit_loader.h"

#include <stdlib.h>

/* Streams of wit_random_init; others are in loader_private.h. */
#define ORDER_STREAM UINT64_C(0x6f72646572)

struct epoch {
    uint64_t number; /* UINT64_MAX: not filled */
    uint64_t shard_key, window_key, block_key, shift_key;
    uint64_t *ends; /* (shards): samples up to and including shard position j */
};

struct wit_loader_order {
    struct wit_loader_order_config cfg;
    size_t shards, pool_shards;
    uint64_t samples;
    uint64_t *stored_ends;  /* (shards): as ends, in stored order */
    struct epoch epochs[2]; /* by epoch % 2: a batch and the read-ahead may be in different ones */
};

struct wit_loader_order_config wit_loader_order_config_default(void) {
    return (struct wit_loader_order_config){ .block_samples = 32, .window_blocks = 512 };
}

int wit_loader_order_create(const uint64_t *shard_samples, size_t shards,
                            const struct wit_loader_order_config *cfg,
                            struct wit_loader_order **out, struct wit_error *err) {
    const uint64_t most = UINT64_C(1) << 62;
    if (!cfg->block_samples || !cfg->window_blocks ||
        cfg->window_blocks > most / cfg->block_samples)
        return wit_error_set(err, WIT_EINVAL, "blocks of %llu samples, windows of %llu blocks",
                             (unsigned long long)cfg->block_samples,
                             (unsigned long long)cfg->window_blocks);
    struct wit_loader_order *order = calloc(1, sizeof *order);
    if (!order)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the order of %zu shards", shards);
    int st = 0;
    order->cfg = *cfg;
    order->shards = shards;
    order->pool_shards = cfg->pool_shards && cfg->pool_shards < shards ? cfg->pool_shards : shards;
    order->stored_ends = wit_alloc_array(shards + 1, sizeof *order->stored_ends);
    for (size_t e = 0; e < 2; e++) {
        order->epochs[e].number = UINT64_MAX;
        order->epochs[e].ends = wit_alloc_array(shards + 1, sizeof *order->epochs[e].ends);
    }
    if (!order->stored_ends || !order->epochs[0].ends || !order->epochs[1].ends) {
        st = wit_error_set(err, WIT_ENOMEM, "no memory for the order of %zu shards", shards);
        goto out;
    }
    for (size_t s = 0; s < shards; s++) {
        if (shard_samples[s] > most - order->samples) {
            st = wit_error_set(err, WIT_ELIMIT, "more than 2^62 samples");
            goto out;
        }
        order->samples += shard_samples[s];
        order->stored_ends[s] = order->samples;
    }
    if (!order->samples)
        st = wit_error_set(err, WIT_EINVAL, "there are no samples to put in order");
out:
    if (st < 0)
        wit_loader_order_destroy(order);
    else
        *out = order;
    return st;
}

void wit_loader_order_destroy(struct wit_loader_order *order) {
    if (!order)
        return;
    free(order->stored_ends);
    free(order->epochs[0].ends);
    free(order->epochs[1].ends);
    free(order);
}

uint64_t wit_loader_order_samples(const struct wit_loader_order *order) {
    return order->samples;
}

static void epoch_keys(const struct wit_loader_order *order, uint64_t number, struct epoch *e) {
    struct wit_random r;
    wit_random_init(&r, order->cfg.seed, ORDER_STREAM, number);
    e->number = number;
    e->shard_key = wit_random_u64(&r);
    e->window_key = wit_random_u64(&r);
    e->block_key = wit_random_u64(&r);
    e->shift_key = wit_random_u64(&r);
}

static uint64_t shard_size(const struct wit_loader_order *order, size_t shard) {
    return order->stored_ends[shard] - (shard ? order->stored_ends[shard - 1] : 0);
}

static const struct epoch *epoch_fill(struct wit_loader_order *order, uint64_t number) {
    struct epoch *e = &order->epochs[number % 2];
    if (e->number == number)
        return e;
    epoch_keys(order, number, e);
    uint64_t end = 0;
    for (size_t j = 0; j < order->shards; j++) {
        end += shard_size(order, (size_t)wit_permute(j, order->shards, e->shard_key));
        e->ends[j] = end;
    }
    return e;
}

/* The smallest j with ends[j] > n. */
static size_t find_end(const uint64_t *ends, size_t count, uint64_t n) {
    size_t from = 0, to = count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (ends[mid] <= n)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* Steps 3 to 5: position i of a pool of m samples to its number in the pool. */
static uint64_t pool_sample(const struct wit_loader_order *order, const struct epoch *e,
                            uint64_t pool, uint64_t m, uint64_t i) {
    const uint64_t block = order->cfg.block_samples;
    const uint64_t window = block * order->cfg.window_blocks;
    const uint64_t w = i / window, start = w * window;
    const uint64_t in_window = m - start < window ? m - start : window;
    i = start + wit_permute(i - start, in_window, wit_mix64(e->window_key + pool) + wit_mix64(w));
    const uint64_t whole = m / block;
    if (i / block < whole)
        i = wit_permute(i / block, whole, e->block_key + wit_mix64(pool)) * block + i % block;
    const uint64_t shift = wit_mix64(e->shift_key + wit_mix64(pool)) % m;
    return i >= m - shift ? i - (m - shift) : i + shift;
}

struct wit_loader_place wit_loader_order_locate(struct wit_loader_order *order, uint64_t position) {
    const uint64_t number = position / order->samples, i = position % order->samples;
    const struct epoch *e = epoch_fill(order, number);
    const size_t pool = find_end(e->ends, order->shards, i) / order->pool_shards;
    const size_t first = pool * order->pool_shards;
    const size_t last = order->shards - first > order->pool_shards ? first + order->pool_shards - 1
                                                                   : order->shards - 1;
    const uint64_t start = first ? e->ends[first - 1] : 0;
    const uint64_t n = start + pool_sample(order, e, pool, e->ends[last] - start, i - start);
    const size_t j = find_end(e->ends, order->shards, n);
    return (struct wit_loader_place){
        .shard = (size_t)wit_permute(j, order->shards, e->shard_key),
        .index = n - (j ? e->ends[j - 1] : 0),
        .epoch = number,
        .pool = pool,
    };
}

struct wit_loader_place wit_loader_order_nth(const struct wit_loader_order *order, uint64_t n) {
    const size_t s = find_end(order->stored_ends, order->shards, n);
    return (struct wit_loader_place){ .shard = s,
                                      .index = n - (s ? order->stored_ends[s - 1] : 0) };
}

size_t wit_loader_order_pool_shard(const struct wit_loader_order *order, uint64_t epoch,
                                   size_t pool, size_t k) {
    struct epoch e = { 0 };
    if (k >= order->pool_shards || pool > (order->shards - 1 - k) / order->pool_shards)
        return SIZE_MAX;
    epoch_keys(order, epoch, &e);
    return (size_t)wit_permute(pool * order->pool_shards + k, order->shards, e.shard_key);
}
