/*
 * wit_table.h: tables in parquet files, in and out. Only builds with the option `arrow` have it
 * (Apache Arrow out of the pyarrow wheel); in others opening says so: WIT_EUNSUPPORTED.
 *
 *     const char *const columns[] = { "url", "caption" };
 *     struct wit_table_reader *r = NULL;
 *     struct wit_str row;
 *     int st = wit_table_reader_open("part-0.parquet", columns, 2, 1 << 20, &r, &err);
 *     while (st >= 0 && (st = wit_table_reader_next(r, &row, &err)) > 0)
 *         printf("%.*s\n", WIT_STR_FMT(row)); // {"url":"http://...","caption":null}
 *     wit_table_reader_close(r);
 */
#ifndef WIT_TABLE_H
#define WIT_TABLE_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

bool wit_table_is_supported(void);

/* ---- reading -------------------------------------------------------------------------------- */

/* What a reader holds at one time; a file whose pages take more is refused. */
#define WIT_TABLE_READER_BYTES ((size_t)1 << 30)

struct wit_table_reader; /* one thread at a time */

/**
 * Open a file and find columns in it; of two with one name the first counts. Only these are read,
 * page by page.
 * @param columns   names of top-level columns; borrowed for the reader's life
 * @param row_most  bytes of a row as JSON
 * @return 0; WIT_EUNSUPPORTED; WIT_ENOTFOUND, WIT_EIO; WIT_EFORMAT (no parquet, or a column is
 *         missing: err names those that there are); WIT_ELIMIT, WIT_ENOMEM
 */
int wit_table_reader_open(const char *path, const char *const *columns, size_t count,
                          size_t row_most, struct wit_table_reader **out, struct wit_error *err);
/* Go on behind `row` rows; before the first one only. 1, or 0: there are fewer. */
int wit_table_reader_seek(struct wit_table_reader *r, uint64_t row, struct wit_error *err);
/**
 * The next row as a JSON object of the columns in their order, valid until the next call. Text and
 * bytes are strings (what is not UTF-8 is U+FFFD), numbers and truth values themselves, lists and
 * structs arrays and objects, dates and all else strings as Arrow prints them.
 * @return 1 (of a row longer than row_most *row is empty); 0 at the end; WIT_EFORMAT (broken file),
 *         WIT_EIO, WIT_ELIMIT, WIT_ENOMEM
 */
int wit_table_reader_next(struct wit_table_reader *r, struct wit_str *row, struct wit_error *err);
void wit_table_reader_close(struct wit_table_reader *r); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
