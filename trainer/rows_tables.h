/* rows_tables.h: the tables of rows.c; each stands in a file of its own instruction set. */
#ifndef TRAINER_ROWS_TABLES_H
#define TRAINER_ROWS_TABLES_H

#include "rows.h"

extern const struct rows rows_base;
#if defined(__x86_64__)
extern const struct rows rows_avx2;
extern const struct rows rows_avx512;
#endif

#endif
