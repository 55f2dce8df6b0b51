/* refusal_table.h: how many were refused of what, for which reason. A few dozen rows. */
#ifndef CRAWLER_REFUSAL_TABLE_H
#define CRAWLER_REFUSAL_TABLE_H

#include "wit_crawler.h"

struct refusal_table {
    struct wit_crawler_refusal *rows;
    size_t count, cap;
};

/* n more, in a row of its own if it is the first. WIT_ENOMEM. */
int refusal_table_add(struct refusal_table *t, enum wit_crawler_subject subject,
                      struct wit_str reason, uint64_t n);
void refusal_table_sort_by_name(struct refusal_table *t);  /* subject, then reason */
void refusal_table_sort_by_count(struct refusal_table *t); /* most frequent first */
void refusal_table_finish(struct refusal_table *t);

#endif
