/* rows_base.c: rows.h for whatever the compiler was told. */
#include "rows_tables.h"

#include <math.h>
#define ROWS_NAME "base"
#define ROWS_TABLE rows_base
#include "rows_impl.h"
