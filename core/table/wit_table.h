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
 *
 * A written table depends on its rows alone: no time is in it.
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

/* ---- writing -------------------------------------------------------------------------------- */

enum wit_table_kind { WIT_TABLE_TEXT, WIT_TABLE_INT };

struct wit_table_column {
    const char *name;
    enum wit_table_kind kind; /* UTF-8 of any length; 32 bits */
};

struct wit_table_writer; /* one thread at a time */

/* Write a file under `path`.tmp. The columns are borrowed for the call. WIT_EUNSUPPORTED, WIT_EIO,
 * WIT_ENOMEM. */
int wit_table_writer_open(const char *path, const struct wit_table_column *columns, size_t count,
                          struct wit_table_writer **out, struct wit_error *err);
/* The next cell of the row, in the order of the columns and of their kinds. A failure shows at the
 * row's end. Text whose data is NULL is null; what is not UTF-8 becomes U+FFFD. */
void wit_table_put_text(struct wit_table_writer *w, struct wit_str text);
void wit_table_put_int(struct wit_table_writer *w, int32_t v);
void wit_table_put_null(struct wit_table_writer *w);
int wit_table_row_end(struct wit_table_writer *w, struct wit_error *err);
/* Bring the whole file to disk and give it its name: then *bytes (may be NULL) are its size. */
int wit_table_writer_finish(struct wit_table_writer *w, uint64_t *bytes, struct wit_error *err);
/* NULL is fine; a file that was not finished goes away. */
void wit_table_writer_close(struct wit_table_writer *w);

#ifdef __cplusplus
}
#endif
#endif
