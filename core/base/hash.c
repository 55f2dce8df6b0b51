/* hash.c: XXH3 behind wit's own types. */
#include "wit_base.h"

#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h> /* the same functions, for the instructions of this machine */
#endif

static struct wit_hash128 from_xxh(XXH128_hash_t h) {
    return (struct wit_hash128){ .hi = h.high64, .lo = h.low64 };
}

struct wit_hash128 wit_hash128_of(const void *data, size_t len) {
    return from_xxh(XXH3_128bits(data, len));
}

uint64_t wit_hash64_of(const void *data, size_t len, uint64_t seed) {
    return XXH3_64bits_withSeed(data, len, seed);
}

struct wit_hash128 wit_hash128_add(struct wit_hash128 a, struct wit_hash128 b) {
    uint64_t lo = a.lo + b.lo;
    return (struct wit_hash128){ .hi = a.hi + b.hi + (lo < a.lo), .lo = lo };
}

struct wit_hash128 wit_hash128_sub(struct wit_hash128 a, struct wit_hash128 b) {
    return (struct wit_hash128){ .hi = a.hi - b.hi - (a.lo < b.lo), .lo = a.lo - b.lo };
}

void wit_hash128_to_bytes(struct wit_hash128 h, uint8_t out[16]) {
    wit_store_be64(out, h.hi);
    wit_store_be64(out + 8, h.lo);
}

struct wit_hash128 wit_hash128_from_bytes(const uint8_t in[16]) {
    return (struct wit_hash128){ .hi = wit_load_be64(in), .lo = wit_load_be64(in + 8) };
}

void wit_hash128_to_hex(struct wit_hash128 h, char out[WIT_HASH128_HEX]) {
    snprintf(out, WIT_HASH128_HEX, "%016llx%016llx", (unsigned long long)h.hi,
             (unsigned long long)h.lo);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int wit_hash128_from_hex(struct wit_str hex, struct wit_hash128 *out) {
    uint64_t half[2] = { 0, 0 };
    if (hex.len != 32)
        return WIT_EFORMAT;
    for (size_t i = 0; i < 32; i++) {
        int digit = hex_digit(hex.data[i]);
        if (digit < 0)
            return WIT_EFORMAT;
        half[i / 16] = half[i / 16] << 4 | (uint64_t)digit;
    }
    *out = (struct wit_hash128){ .hi = half[0], .lo = half[1] };
    return 0;
}

struct wit_hasher *wit_hasher_create(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state)
        XXH3_128bits_reset(state);
    return (struct wit_hasher *)state;
}

void wit_hasher_destroy(struct wit_hasher *h) {
    XXH3_freeState((XXH3_state_t *)h);
}

void wit_hasher_reset(struct wit_hasher *h) {
    XXH3_128bits_reset((XXH3_state_t *)h);
}

void wit_hasher_update(struct wit_hasher *h, const void *data, size_t len) {
    XXH3_128bits_update((XXH3_state_t *)h, data, len);
}

struct wit_hash128 wit_hasher_digest(const struct wit_hasher *h) {
    return from_xxh(XXH3_128bits_digest((const XXH3_state_t *)h));
}
