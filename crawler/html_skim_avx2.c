/* html_skim_avx2.c: the tokenizer's fast path with AVX2: 32 bytes at a time. */
#include "html_skim.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define SKIM __attribute__((target("avx2")))
#define SKIM_BYTES 32

typedef __m256i skim_vec;

static bool usable(void) {
    return __builtin_cpu_supports("avx2");
}

SKIM static inline skim_vec skim_load(const char *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

SKIM static inline uint32_t skim_is(skim_vec v, char c) {
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(c)));
}

/* A shuffle by v looks set[c & 15] up for each byte c below 0x80 and gives 0 for the others. */
SKIM static inline uint32_t skim_among(skim_vec v, const char set[16]) {
    const __m256i sets =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)set));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(sets, v)));
}

#include "html_skim_tmpl.h"

const struct html_skim html_skim_avx2 = { "avx2", usable, skim_run };

#else
typedef int html_skim_avx2_is_for_x86_64; /* ISO C wants a declaration in every file */
#endif
