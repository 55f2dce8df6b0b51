/* refusal_table.c: rows in an array; reasons are few, so a scan finds them. */
#include "refusal_table.h"

#include <stdlib.h>

static bool is_row(const struct wit_crawler_refusal *row, enum wit_crawler_subject subject,
                   struct wit_str reason) {
    return row->subject == subject && strlen(row->reason) == reason.len &&
           memcmp(row->reason, reason.data, reason.len) == 0;
}

int refusal_table_add(struct refusal_table *t, enum wit_crawler_subject subject,
                      struct wit_str reason, uint64_t n) {
    if (reason.len >= sizeof t->rows->reason)
        reason.len = sizeof t->rows->reason - 1;
    for (size_t i = 0; i < t->count; i++) {
        if (is_row(&t->rows[i], subject, reason)) {
            t->rows[i].count += n;
            return 0;
        }
    }
    if (t->count == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 32;
        struct wit_crawler_refusal *rows = wit_realloc_array(t->rows, cap, sizeof *rows);
        if (!rows)
            return WIT_ENOMEM;
        t->rows = rows;
        t->cap = cap;
    }
    struct wit_crawler_refusal *row = &t->rows[t->count++];
    *row = (struct wit_crawler_refusal){ .subject = subject, .count = n };
    memcpy(row->reason, reason.data, reason.len);
    return 0;
}

static int name_order(const void *x, const void *y) {
    const struct wit_crawler_refusal *a = x, *b = y;
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    return strcmp(a->reason, b->reason);
}

static int count_order(const void *x, const void *y) {
    const struct wit_crawler_refusal *a = x, *b = y;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return name_order(x, y);
}

void refusal_table_sort_by_name(struct refusal_table *t) {
    if (t->count)
        qsort(t->rows, t->count, sizeof *t->rows, name_order);
}

void refusal_table_sort_by_count(struct refusal_table *t) {
    if (t->count)
        qsort(t->rows, t->count, sizeof *t->rows, count_order);
}

void refusal_table_finish(struct refusal_table *t) {
    free(t->rows);
    *t = (struct refusal_table){ .rows = NULL };
}
