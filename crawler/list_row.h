/*
 * list_row.h: which columns of a list are wanted, and from their values to a row. Whatever the
 * format, a row's values come here as text or as JSON.
 */
#ifndef CRAWLER_LIST_ROW_H
#define CRAWLER_LIST_ROW_H

#include "wit_crawler_list.h"

/* Slots of values: these, then captions, then kept columns. */
enum { LIST_URL, LIST_HASH, LIST_LANGUAGE, LIST_PAGE, LIST_CAPTIONS };
enum { LIST_SLOTS_MOST = LIST_CAPTIONS + WIT_CRAWLER_LIST_COLUMNS };

struct list_columns {
    const char *names[LIST_SLOTS_MOST]; /* NULL: nobody asks for it */
    size_t caption_count, count;        /* slots in all */
};

/* WIT_EINVAL with a sentence. */
int list_columns_make(const struct wit_crawler_list_config *cfg, struct list_columns *out,
                      struct wit_error *err);

struct list_value {
    struct wit_str text;         /* of a delimited row */
    const struct wit_json *json; /* of an object; NULL: not there, or the row is delimited */
};

enum { LIST_WHY_BYTES = 256, LIST_NUMBER_BYTES = 24 };

/* What a row's views lie in; one for a list. */
struct list_row_maker {
    const struct wit_crawler_list_config *cfg;
    const struct list_columns *columns;
    struct wit_str captions[WIT_CRAWLER_LIST_COLUMNS];
    struct wit_buf repaired[WIT_CRAWLER_LIST_COLUMNS]; /* captions that were not UTF-8 */
    char numbers[LIST_SLOTS_MOST][LIST_NUMBER_BYTES];  /* integers of JSON as text */
    struct wit_buf extra, url;
    char digest[16 + 2 * WIT_DIGEST_MAX_BYTES];
    char why[LIST_WHY_BYTES]; /* of a bad row */
};

void list_row_maker_init(struct list_row_maker *m, const struct wit_crawler_list_config *cfg,
                         const struct list_columns *columns);
void list_row_maker_finish(struct list_row_maker *m);

/* Fill all of *row but file and line; with row->reason, m->why says more. 0, or WIT_ENOMEM. */
int list_row_make(struct list_row_maker *m, const struct list_value *values,
                  struct wit_crawler_list_row *row, struct wit_error *err);

/* Tell cfg.complain of a row (line 0: of the file that is being read). In list_read.c. */
void list_complain(const struct wit_crawler_list *l, uint64_t line, const char *why);

#endif
