/* rows_avx2.c: rows.h for avx2. */
#include "rows_tables.h"

#include <math.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#define ROWS_NAME "avx2"
#define ROWS_TABLE rows_avx2
#include "rows_impl.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
