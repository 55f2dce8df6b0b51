/* gram_top.h: the best of many scored entries, in memory for twice as many as are wanted. */
#ifndef FILTER_GRAM_TOP_H
#define FILTER_GRAM_TOP_H

#include "base/wit_base.h"

struct gram_pick {
    double score;
    uint64_t count;
    uint64_t first, second; /* hashes of a bigram's words; else 0 */
    size_t at, len;         /* of `text`; len 0: not known yet */
};

/* Zero it, then set `most`. */
struct gram_top {
    size_t most; /* picks that are wanted, > 0 */
    struct gram_pick *picks;
    size_t n, cap;
    struct wit_buf text;
    uint64_t dropped; /* that were too many */
};

/* Order of a list: falling score, falling count, then bytes, then hashes. The text is copied. 0 or
 * WIT_ENOMEM. */
int gram_top_add(struct gram_top *t, const struct gram_pick *p, struct wit_str text);
void gram_top_sort(struct gram_top *t); /* and keep no more than are wanted */
struct wit_str gram_top_text(const struct gram_top *t, const struct gram_pick *p);
void gram_top_finish(struct gram_top *t);

#endif
