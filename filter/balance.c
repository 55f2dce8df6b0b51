/*
 * balance.c: counts distinct pairs and decides which of them are kept.
 *
 * Why one pass is enough: a pair is kept iff for some matched entry u < t / max(C, t), C being the
 * entry's final count. When the pair was offered the count was c <= C, so u < t / max(c, t) held
 * too: it was wanted. Hence fetching what offer wants never misses a pair that keep wants, and keep
 * reads nothing but final counts, the seed and the pair.
 */
#include "filter_private.h"

#include <pthread.h>
#include <stdlib.h>

struct wit_filter_balancer {
    const struct wit_filter_allowlist *list;
    uint64_t t, seed;
    pthread_mutex_t lock; /* of everything below but the contents of a matcher that is lent */
    uint64_t *counts;
    struct wit_filter_pairs *pairs;
    struct wit_filter_balancer_stat stat;
    struct spare {
        struct spare *next;
        struct wit_filter_matcher *matcher;
    } * spares; /* one for each thread that was inside at once */
};

/* ---- life ---------------------------------------------------------------------------------- */

int wit_filter_balancer_create(const struct wit_filter_allowlist *list, uint64_t t, uint64_t seed,
                               struct wit_filter_balancer **out, struct wit_error *err) {
    if (t == 0)
        return wit_error_set(err, WIT_EINVAL, "pairs per query must be above 0");
    struct wit_filter_balancer *b = calloc(1, sizeof *b);
    uint64_t *counts = wit_alloc_array(list->n ? list->n : 1, sizeof *counts);
    struct wit_filter_pairs *pairs = wit_filter_pairs_create();
    if (!b || !counts || !pairs) {
        free(b);
        free(counts);
        wit_filter_pairs_destroy(pairs);
        return wit_error_set(err, WIT_ENOMEM, "no memory to balance %zu entries", list->n);
    }
    b->list = list;
    b->t = t;
    b->seed = seed;
    b->counts = counts;
    b->pairs = pairs;
    pthread_mutex_init(&b->lock, NULL);
    *out = b;
    return 0;
}

void wit_filter_balancer_destroy(struct wit_filter_balancer *b) {
    if (!b)
        return;
    for (struct spare *s = b->spares; s;) {
        struct spare *next = s->next;
        wit_filter_matcher_destroy(s->matcher);
        free(s);
        s = next;
    }
    pthread_mutex_destroy(&b->lock);
    wit_filter_pairs_destroy(b->pairs);
    free(b->counts);
    free(b);
}

static struct spare *spare_take(struct wit_filter_balancer *b, struct wit_error *err) {
    pthread_mutex_lock(&b->lock);
    struct spare *s = b->spares;
    if (s)
        b->spares = s->next;
    pthread_mutex_unlock(&b->lock);
    if (s)
        return s;
    s = calloc(1, sizeof *s);
    if (!s) {
        wit_error_set(err, WIT_ENOMEM, "no memory for a matcher");
        return NULL;
    }
    if (wit_filter_matcher_create(b->list, &s->matcher, err) < 0) {
        free(s);
        return NULL;
    }
    return s;
}

static void spare_give(struct wit_filter_balancer *b, struct spare *s) {
    pthread_mutex_lock(&b->lock);
    s->next = b->spares;
    b->spares = s;
    pthread_mutex_unlock(&b->lock);
}

/* ---- decisions ----------------------------------------------------------------------------- */

static int offer_locked(struct wit_filter_balancer *b, struct wit_hash128 key, const uint32_t *ids,
                        size_t n, bool *want) {
    int is_new = wit_filter_pairs_add(b->pairs, key);
    if (is_new < 0)
        return is_new;
    b->stat.offered++;
    for (size_t i = 0; is_new && i < n; i++)
        b->counts[ids[i]]++;
    *want = wit_filter_decide(b->list, b->counts, b->t, b->seed, key, ids, n);
    if (is_new) {
        b->stat.distinct++;
        b->stat.unmatched += n == 0;
        b->stat.wanted += *want;
        b->stat.denied += n && !*want;
    }
    return 0;
}

int wit_filter_balancer_offer(struct wit_filter_balancer *b, struct wit_str url,
                              struct wit_str text, bool *want, struct wit_error *err) {
    struct wit_hash128 key;
    const uint32_t *ids;
    size_t n;
    struct spare *s = spare_take(b, err);
    if (!s)
        return WIT_ENOMEM;
    int st = wit_filter_pair_key(url, text, &key, err);
    if (st < 0)
        goto out;
    st = wit_filter_match(s->matcher, text, &ids, &n, err);
    if (st < 0)
        goto out;
    pthread_mutex_lock(&b->lock);
    st = offer_locked(b, key, ids, n, want);
    pthread_mutex_unlock(&b->lock);
    if (st < 0)
        wit_error_set(err, st, "no memory for the key of pair %llu",
                      (unsigned long long)wit_filter_pairs_count(b->pairs) + 1);
out:
    spare_give(b, s);
    return st;
}

int wit_filter_balancer_keep(struct wit_filter_balancer *b, struct wit_str url, struct wit_str text,
                             bool *keep, struct wit_error *err) {
    struct wit_hash128 key;
    const uint32_t *ids;
    size_t n;
    struct spare *s = spare_take(b, err);
    if (!s)
        return WIT_ENOMEM;
    int st = wit_filter_pair_key(url, text, &key, err);
    if (st >= 0)
        st = wit_filter_match(s->matcher, text, &ids, &n, err);
    if (st >= 0)
        *keep = wit_filter_decide(b->list, b->counts, b->t, b->seed, key, ids, n);
    spare_give(b, s);
    return st;
}

void wit_filter_balancer_stat(struct wit_filter_balancer *b, struct wit_filter_balancer_stat *out) {
    pthread_mutex_lock(&b->lock);
    *out = b->stat;
    out->memory_bytes = b->list->n * sizeof *b->counts + wit_filter_pairs_bytes(b->pairs);
    pthread_mutex_unlock(&b->lock);
}

const uint64_t *wit_filter_balancer_counts(const struct wit_filter_balancer *b) {
    return b->counts;
}
