/*
 * list_state.h: what the files of a list's reader share: list_read.c goes from bytes to rows,
 * list_open.c begins, ends and goes on.
 */
#ifndef CRAWLER_LIST_STATE_H
#define CRAWLER_LIST_STATE_H

#include "list_files.h"
#include "list_row.h"
#include "list_source.h"
#include "list_split.h"
#include "table/wit_table.h"

struct wit_crawler_list {
    struct wit_crawler_list_config cfg;
    struct list_columns columns;
    struct list_files files;
    struct list_source source;      /* of files.items[file], when `open` */
    struct wit_table_reader *table; /* instead of it where the file is parquet */
    uint64_t table_rows;            /* given of it */
    struct list_split split;
    struct list_row_maker maker;
    struct wit_json *object; /* of the row at hand */
    struct wit_buf scratch;  /* its fields, or its text made valid */
    struct wit_str *fields;
    size_t header_fields;
    size_t field_of[LIST_SLOTS_MOST]; /* slot -> field of a delimited row */
    struct list_value values[LIST_SLOTS_MOST];
    size_t file;
    bool open;
    size_t taken;             /* bytes of the window that belong to the record at hand */
    uint64_t line, next_line; /* where it begins, and where the next one does */
    uint64_t rows, unreadable;
    struct wit_crawler_list_place sought; /* of `file`, until it is open */
    /* Files that were left before their end, by earlier runs or by this one. */
    struct wit_crawler_list_place left[WIT_CRAWLER_LIST_LEFT];
    size_t left_count;
    size_t again;   /* so many of them, the first, are still to be tried again */
    bool goes_back; /* `file` is one of those, taken out of `left` */
    struct wit_crawler_list_place next; /* where the list goes on behind them */
    bool stopped;                       /* `left` is full */
};

/* Behind the row that was given last, in the file at hand. */
struct wit_crawler_list_place list_place(const struct wit_crawler_list *l);
/* The position as it is when `place` is where the file at hand was read to, after so many rows. */
struct wit_crawler_list_position list_position(const struct wit_crawler_list *l,
                                               struct wit_crawler_list_place place, uint64_t rows);

/* ---- which file is read next (list_open.c) ---- */

/* The file at hand is at its end, and closed. */
void list_file_done(struct wit_crawler_list *l);
/* It could not be read beyond this place, and is closed. */
void list_file_left(struct wit_crawler_list *l, struct wit_crawler_list_place place);

#endif
