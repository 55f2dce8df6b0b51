/* random.c: counter-based random numbers and keyed permutations. */
#include "wit_base.h"

#include <math.h>

/* Philox4x32 constants: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011, table 2 and section 4.1.3. */
enum { PHILOX_ROUNDS = 10 };
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u

void wit_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void wit_random_init(struct wit_random *r, uint64_t seed, uint64_t stream, uint64_t index) {
    /* The key holds seed and stream, the counter's upper half the index; the lower half counts. */
    uint64_t key = wit_mix64(seed) ^ wit_mix64(stream + 0x632BE59BD9B4E019u);
    *r = (struct wit_random){ .key = { (uint32_t)key, (uint32_t)(key >> 32) },
                              .counter = { 0, 0, (uint32_t)index, (uint32_t)(index >> 32) },
                              .used = 4 };
}

uint32_t wit_random_u32(struct wit_random *r) {
    if (r->used == 4) {
        wit_philox(r->counter, r->key, r->block);
        if (++r->counter[0] == 0)
            r->counter[1]++;
        r->used = 0;
    }
    return r->block[r->used++];
}

uint64_t wit_random_u64(struct wit_random *r) {
    uint64_t hi = wit_random_u32(r);
    return hi << 32 | wit_random_u32(r);
}

double wit_random_unit(struct wit_random *r) {
    return (double)(wit_random_u64(r) >> 11) * 0x1p-53;
}

uint64_t wit_random_below(struct wit_random *r, uint64_t bound) {
    /* Numbers under 2^64 mod bound are drawn again: what is left divides evenly. */
    uint64_t reject_below = (0 - bound) % bound;
    uint64_t x;
    do
        x = wit_random_u64(r);
    while (x < reject_below);
    return x % bound;
}

double wit_random_normal(struct wit_random *r) {
    const double two_pi = 6.283185307179586476925286766559;
    double u = 1.0 - wit_random_unit(r); /* (0, 1]: its logarithm is finite */
    double v = wit_random_unit(r);
    return sqrt(-2.0 * log(u)) * cos(two_pi * v);
}

uint64_t wit_mix64(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* A balanced Feistel network over the smallest even number of bits that holds n, walked until the
 * value falls below n: a bijection for any n, in fewer than 4 steps on average. */
enum { FEISTEL_ROUNDS = 8 };

uint64_t wit_permute(uint64_t index, uint64_t n, uint64_t key) {
    unsigned half = 1;
    while (half < 32 && ((uint64_t)1 << (2 * half)) < n)
        half++;
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    uint64_t x = index;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint64_t round = 0; round < FEISTEL_ROUNDS; round++) {
            uint64_t f = wit_mix64(right + key + (round + 1) * 0x9E3779B97F4A7C15u) & mask;
            uint64_t next = left ^ f;
            left = right;
            right = next;
        }
        x = left << half | right;
    } while (x >= n);
    return x;
}
