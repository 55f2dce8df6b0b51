/*
 * refusal_list.c: the lines of refused.jsonl that still hold. The file is read twice: first for the
 * last line of each URL, then for those lines.
 */
#include "refusal_log.h"

#include <stdlib.h>

/* By hashes of subject and URL: the number of the last line, from 1, and whether it is a refusal.
 */
struct last {
    uint64_t hash, line; /* line 0: free */
    bool stands;
};

struct lasts {
    struct last *items; /* open addressing, at most two thirds full */
    size_t slots, used;
};

struct pass {
    struct lasts lasts;
    uint64_t line; /* at hand */
    int (*fn)(void *user, const struct wit_crawler_refused *refused, struct wit_error *err);
    void *user;
};

static struct last *last_find(const struct lasts *l, uint64_t hash) {
    size_t at = hash & (l->slots - 1);
    while (l->items[at].line && l->items[at].hash != hash)
        at = (at + 1) & (l->slots - 1);
    return &l->items[at];
}

static int lasts_grow(struct lasts *l, struct wit_error *err) {
    struct lasts bigger = { .slots = l->slots ? 2 * l->slots : 1024, .used = l->used };
    bigger.items = calloc(bigger.slots, sizeof *bigger.items);
    if (!bigger.items)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %zu refusals", l->used);
    for (size_t i = 0; i < l->slots; i++)
        if (l->items[i].line)
            *last_find(&bigger, l->items[i].hash) = l->items[i];
    free(l->items);
    *l = bigger;
    return 0;
}

static uint64_t hash_of(const struct refusal_line *line) {
    return wit_hash64_of(line->url.data ? line->url.data : "", line->url.len,
                         (uint64_t)line->subject);
}

static int last_note(void *user, const struct refusal_line *line, struct wit_error *err) {
    struct pass *p = user;
    p->line++;
    if (3 * (p->lasts.used + 1) > 2 * p->lasts.slots) {
        int st = lasts_grow(&p->lasts, err);
        if (st < 0)
            return st;
    }
    struct last *last = last_find(&p->lasts, hash_of(line));
    p->lasts.used += last->line == 0;
    *last = (struct last){ .hash = hash_of(line),
                           .line = p->line,
                           .stands = !wit_str_eq(line->reason, WIT_STR(REFUSAL_AGAIN)) };
    return 0;
}

static int last_give(void *user, const struct refusal_line *line, struct wit_error *err) {
    struct pass *p = user;
    const struct last *last = last_find(&p->lasts, hash_of(line));
    p->line++;
    if (last->line != p->line || !last->stands)
        return 0;
    const struct wit_crawler_refused refused = { line->subject, line->url, line->reason };
    return p->fn(p->user, &refused, err);
}

int wit_crawler_refused_each(const char *dir,
                             int (*fn)(void *user, const struct wit_crawler_refused *refused,
                                       struct wit_error *err),
                             void *user, struct wit_error *err) {
    struct pass p = { .fn = fn, .user = user };
    struct refusal_log log = REFUSAL_LOG_INIT;
    int st = refusal_log_path(&log, dir, err);
    if (st >= 0)
        st = refusal_log_each(&log, last_note, &p, err);
    p.line = 0;
    if (st >= 0 && p.lasts.used)
        st = refusal_log_each(&log, last_give, &p, err);
    free(p.lasts.items);
    return st;
}
