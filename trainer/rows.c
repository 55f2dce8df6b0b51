/* rows.c: picks the loops for the machine; see rows.h. */
#include "rows_tables.h"

static const struct rows *usable(size_t index) {
    switch (index) {
    case 0:
        return &rows_base;
#if defined(__x86_64__)
    case 1:
        return __builtin_cpu_supports("avx2") ? &rows_avx2 : NULL;
    case 2:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
                   ? &rows_avx512
                   : NULL;
#endif
    default:
        return NULL;
    }
}

const struct rows *rows_at(size_t index) {
    return usable(index);
}

const struct rows *rows_find(void) {
    size_t best = 0;
    while (usable(best + 1))
        best++;
    return usable(best);
}
