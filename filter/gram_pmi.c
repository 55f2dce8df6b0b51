/*
 * gram_pmi.c: joins the counts of bigrams with those of their words. The words' counts are held in
 * memory as far as they go, by rising hash; a pass over the bigrams fills in what is known by then,
 * and where words are left, another pass follows.
 */
#include "gram_pmi.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 64, POLL_EVERY = 1 << 16, LEAST_WORDS = 1024 };

struct word_count {
    uint64_t hash, count;
};

/* Counts of the words with hashes in [low, high]. */
struct word_index {
    struct word_count *words;
    uint32_t *starts; /* first word of each bucket: the hash's upper bits */
    unsigned bits;
    size_t n, most;
    uint64_t low, high;
    bool more; /* words above `high` are left */
    bool all;  /* of the walk: words below `low` are known */
};

struct bigram {
    uint64_t key, second, count;
    uint64_t c1, c2; /* 0: not known yet */
};

struct join {
    const struct gram_pmi_config *cfg;
    struct gram_top *top;
    struct word_index index;
    double least; /* ratio */
    struct bigram batch[BATCH];
    size_t n;
    FILE *out;        /* bigrams for the next pass; NULL: this is the last */
    const char *path; /* of out */
    uint64_t walked;
    struct wit_error *err;
};

static int poll_cancel(struct join *j) {
    if (++j->walked % POLL_EVERY == 0 && j->cfg->cancel && *j->cfg->cancel)
        return wit_error_set(j->err, WIT_ECANCELED, "interrupted while bigrams were chosen");
    return 0;
}

/* ---- counts of words ------------------------------------------------------------------------- */

static int index_create(struct word_index *x, const struct gram_pmi_config *cfg,
                        struct wit_error *err) {
    x->most = cfg->memory_bytes / (sizeof *x->words + sizeof *x->starts);
    if (x->most > cfg->distinct)
        x->most = (size_t)cfg->distinct;
    if (x->most < LEAST_WORDS)
        x->most = LEAST_WORDS;
    if (x->most > UINT32_MAX - 1)
        x->most = UINT32_MAX - 1;
    for (x->bits = 1; (size_t)2 << x->bits <= x->most; x->bits++)
        ;
    x->words = malloc(x->most * sizeof *x->words); /* pages come as they are used */
    x->starts = malloc((((size_t)1 << x->bits) + 1) * sizeof *x->starts);
    if (!x->words || !x->starts)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the counts of %zu words", x->most);
    return 0;
}

static int index_add(void *user, const struct gram *g) {
    struct join *j = user;
    struct word_index *x = &j->index;
    if (x->more || (x->all && g->key < x->low))
        return poll_cancel(j);
    if (x->n == x->most)
        x->more = true;
    else
        x->words[x->n++] = (struct word_count){ g->key, g->count };
    return poll_cancel(j);
}

/* The words behind those of the last pass. */
static int index_fill(struct join *j, struct gram_work *work) {
    struct word_index *x = &j->index;
    x->all = x->n > 0;
    x->low = x->all ? x->high + 1 : 0;
    x->n = 0;
    x->more = false;
    int st =
        gram_work_merge(work, j->cfg->inputs, j->cfg->n_inputs, GRAM_WORDS, index_add, j, j->err);
    if (st < 0)
        return st;
    x->high = x->more ? x->words[x->n - 1].hash : UINT64_MAX;
    size_t at = 0, buckets = (size_t)1 << x->bits;
    for (size_t b = 0; b < buckets; b++) {
        while (at < x->n && x->words[at].hash >> (64 - x->bits) < b)
            at++;
        x->starts[b] = (uint32_t)at;
    }
    x->starts[buckets] = (uint32_t)x->n;
    return 0;
}

static uint64_t index_find(const struct word_index *x, uint64_t hash) {
    size_t b = (size_t)(hash >> (64 - x->bits));
    for (size_t at = x->starts[b], end = x->starts[b + 1]; at < end; at++)
        if (x->words[at].hash == hash)
            return x->words[at].count;
    return 0;
}

/* ---- bigrams --------------------------------------------------------------------------------- */

static uint64_t first_of(const struct bigram *b) {
    return gram_pair_key(b->key, b->second); /* exclusive or with the same bits: its own inverse */
}

static bool in_pass(const struct word_index *x, uint64_t hash) {
    return hash >= x->low && hash <= x->high;
}

static int bigram_judge(struct join *j, const struct bigram *b) {
    if (!b->c1 || !b->c2)
        return wit_error_set(j->err, WIT_ECORRUPT, "counts of bigrams and of words do not agree");
    double ratio = (double)b->count * (double)j->cfg->words / ((double)b->c1 * (double)b->c2);
    if (ratio < j->least)
        return 0;
    struct gram_pick pick = { ratio, b->count, first_of(b), b->second, 0, 0 };
    return gram_top_add(j->top, &pick, WIT_STR("")) < 0
               ? wit_error_set(j->err, WIT_ENOMEM, "no memory for %zu bigrams", j->top->n)
               : 0;
}

/* Stages over the whole batch, so that the memory of one is on its way while others are looked at.
 */
static int batch_join(struct join *j) {
    struct word_index *x = &j->index;
    int st = 0;
    for (size_t i = 0; i < j->n; i++) {
        __builtin_prefetch(&x->starts[first_of(&j->batch[i]) >> (64 - x->bits)]);
        __builtin_prefetch(&x->starts[j->batch[i].second >> (64 - x->bits)]);
    }
    for (size_t i = 0; i < j->n; i++) {
        __builtin_prefetch(&x->words[x->starts[first_of(&j->batch[i]) >> (64 - x->bits)]]);
        __builtin_prefetch(&x->words[x->starts[j->batch[i].second >> (64 - x->bits)]]);
    }
    for (size_t i = 0; i < j->n && st >= 0; i++) {
        struct bigram *b = &j->batch[i];
        if (in_pass(x, first_of(b)))
            b->c1 = index_find(x, first_of(b));
        if (in_pass(x, b->second))
            b->c2 = index_find(x, b->second);
        if (!j->out)
            st = bigram_judge(j, b);
        else if (fwrite(b, sizeof *b, 1, j->out) != 1)
            st = wit_error_errno(j->err, errno, "cannot write '%s'", j->path);
    }
    j->n = 0;
    return st;
}

static int bigram_add(struct join *j, const struct bigram *b) {
    j->batch[j->n++] = *b;
    int st = j->n == BATCH ? batch_join(j) : 0;
    return st < 0 ? st : poll_cancel(j);
}

static int pair_add(void *user, const struct gram *g) {
    struct join *j = user;
    if (g->count < j->cfg->least_count)
        return poll_cancel(j);
    /* c1 and c2 are at least c12, so the ratio is at most N / c12. */
    if ((double)j->cfg->words / (double)g->count < j->least)
        return poll_cancel(j);
    const struct bigram b = { g->key, g->second, g->count, 0, 0 };
    return bigram_add(j, &b);
}

static int walk_file(struct join *j, const char *path) {
    struct bigram b;
    int st = 0;
    FILE *in = fopen(path, "rbe");
    if (!in)
        return wit_error_errno(j->err, errno, "cannot read '%s'", path);
    while (st >= 0 && fread(&b, sizeof b, 1, in) == 1)
        st = bigram_add(j, &b);
    if (st >= 0 && ferror(in))
        st = wit_error_errno(j->err, errno, "cannot read '%s'", path);
    fclose(in);
    return st;
}

/* One walk over the bigrams: from the runs, or from what the pass before wrote. */
static int pass(struct join *j, struct gram_work *work, const char *from) {
    int st = from ? walk_file(j, from)
                  : gram_work_merge(work, j->cfg->inputs, j->cfg->n_inputs, GRAM_PAIRS, pair_add, j,
                                    j->err);
    if (st >= 0)
        st = batch_join(j);
    if (j->out && fclose(j->out) != 0 && st >= 0)
        st = wit_error_errno(j->err, errno, "cannot write '%s'", j->path);
    j->out = NULL;
    if (from)
        (void)unlink(from);
    return st;
}

int gram_pmi_pick(struct gram_work *work, const struct gram_pmi_config *cfg, struct gram_top *top,
                  struct wit_error *err) {
    struct join j = { .cfg = cfg, .top = top, .least = exp2(cfg->least_bits), .err = err };
    char paths[2][WIT_PATH_MAX];
    unsigned side = 0;
    const char *from = NULL;
    int st = gram_work_path(work, "bigrams.0", paths[0]);
    if (st >= 0)
        st = gram_work_path(work, "bigrams.1", paths[1]);
    if (st < 0)
        return wit_error_set(err, st, "the work folder's path is too long");
    st = index_create(&j.index, cfg, err);
    do {
        if (st >= 0)
            st = index_fill(&j, work);
        if (st >= 0 && j.index.more) {
            j.path = paths[side];
            j.out = fopen(j.path, "wbe");
            if (!j.out)
                st = wit_error_errno(err, errno, "cannot write '%s'", j.path);
        }
        if (st >= 0)
            st = pass(&j, work, from);
        from = paths[side];
        side = !side;
    } while (st >= 0 && j.index.more);
    free(j.index.words);
    free(j.index.starts);
    return st;
}
