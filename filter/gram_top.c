/* gram_top.c: keeps the best of many by sorting whenever twice as many as wanted are there. */
#include "gram_top.h"

#include <stdlib.h>

struct wit_str gram_top_text(const struct gram_top *t, const struct gram_pick *p) {
    return wit_str_of(t->text.data + p->at, p->len);
}

static int compare(const void *a, const void *b, void *user) {
    const struct gram_pick *x = a, *y = b;
    const struct gram_top *t = user;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    int order = wit_str_cmp(gram_top_text(t, x), gram_top_text(t, y));
    if (order)
        return order;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->second < y->second ? -1 : x->second > y->second;
}

/* Texts of picks that are gone. */
static int text_trim(struct gram_top *t) {
    struct wit_buf kept = WIT_BUF_INIT(SIZE_MAX / 4);
    for (size_t i = 0; i < t->n; i++) {
        size_t at = kept.len;
        if (wit_buf_append_str(&kept, gram_top_text(t, &t->picks[i])) < 0) {
            wit_buf_finish(&kept);
            return WIT_ENOMEM;
        }
        t->picks[i].at = at;
    }
    wit_buf_finish(&t->text);
    t->text = kept;
    return 0;
}

void gram_top_sort(struct gram_top *t) {
    if (t->n)
        qsort_r(t->picks, t->n, sizeof *t->picks, compare, t);
    if (t->n > t->most) {
        t->dropped += t->n - t->most;
        t->n = t->most;
    }
}

static int make_room(struct gram_top *t) {
    if (t->n / 2 >= t->most && t->n >= 1024) {
        gram_top_sort(t);
        return t->text.len ? text_trim(t) : 0;
    }
    size_t cap = t->cap ? 2 * t->cap : 1024;
    struct gram_pick *picks = wit_realloc_array(t->picks, cap, sizeof *picks);
    if (!picks)
        return WIT_ENOMEM;
    t->picks = picks;
    t->cap = cap;
    return 0;
}

int gram_top_add(struct gram_top *t, const struct gram_pick *p, struct wit_str text) {
    if (t->n == t->cap && make_room(t) < 0)
        return WIT_ENOMEM;
    if (!t->text.max)
        t->text.max = SIZE_MAX / 4;
    struct gram_pick *pick = &t->picks[t->n];
    *pick = *p;
    pick->at = t->text.len;
    pick->len = text.len;
    if (text.len && wit_buf_append_str(&t->text, text) < 0)
        return WIT_ENOMEM;
    t->n++;
    return 0;
}

void gram_top_finish(struct gram_top *t) {
    free(t->picks);
    wit_buf_finish(&t->text);
    *t = (struct gram_top){ 0 };
}
