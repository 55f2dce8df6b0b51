/*
 * gram_table.c: the table is open addressing with linear probing, and a gram's home is its key
 * scaled to the number of slots. So walking the slots meets the keys almost in order, and a run is
 * sorted by a few exchanges between neighbours.
 */
#include "gram_table.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- where tables go ------------------------------------------------------------------------- */

struct gram_spill {
    char *stem;
    pthread_mutex_t lock; /* guards counts */
    size_t counts[2];     /* runs, by gram_kind */
};

int gram_spill_create(const char *stem, struct gram_spill **out, struct wit_error *err) {
    struct gram_spill *s = calloc(1, sizeof *s);
    char *copy = strdup(stem);
    if (!s || !copy) {
        free(s);
        free(copy);
        return wit_error_set(err, WIT_ENOMEM, "no memory to count");
    }
    s->stem = copy;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return 0;
}

void gram_spill_destroy(struct gram_spill *s) {
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->stem);
    free(s);
}

size_t gram_spill_count(struct gram_spill *s, enum gram_kind kind) {
    pthread_mutex_lock(&s->lock);
    size_t n = s->counts[kind];
    pthread_mutex_unlock(&s->lock);
    return n;
}

char *gram_run_path(const char *stem, enum gram_kind kind, size_t i) {
    static const char *const names[] = { [GRAM_WORDS] = "words", [GRAM_PAIRS] = "pairs" };
    char *path = NULL;
    return asprintf(&path, "%s.%s.%zu", stem, names[kind], i) < 0 ? NULL : path;
}

static char *next_path(struct gram_spill *s, enum gram_kind kind) {
    pthread_mutex_lock(&s->lock);
    size_t i = s->counts[kind]++;
    pthread_mutex_unlock(&s->lock);
    return gram_run_path(s->stem, kind, i);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* A free slot has count 0. */
struct slot {
    uint64_t key;
    uint64_t second; /* words: place in `text` << 8 | length */
    uint64_t count;
};

struct gram_table {
    enum gram_kind kind;
    struct gram_spill *spill;
    struct slot *slots;
    size_t homes; /* keys are spread over these; TAIL slots follow */
    size_t used, most;
    struct wit_buf text; /* words, one behind the other */
};

enum { TAIL = 512, LEAST_BYTES = 1 << 16 };

int gram_table_create(enum gram_kind kind, size_t bytes, struct gram_table **out,
                      struct wit_error *err) {
    struct gram_table *t = calloc(1, sizeof *t);
    if (!t)
        return wit_error_set(err, WIT_ENOMEM, "no memory to count");
    if (bytes < LEAST_BYTES)
        bytes = LEAST_BYTES;
    size_t text = kind == GRAM_WORDS ? bytes / 4 : 0;
    t->kind = kind;
    t->text = (struct wit_buf)WIT_BUF_INIT(text);
    t->homes = (bytes - text) / sizeof *t->slots - TAIL;
    if (t->homes > UINT32_MAX)
        t->homes = UINT32_MAX;
    t->most = t->homes - t->homes / 4;
    t->slots = wit_alloc_table(t->homes + TAIL, sizeof *t->slots);
    /* At once, not by doubling: twice the words would be there while they are copied. */
    if (!t->slots || (text && wit_buf_reserve(&t->text, text) < 0)) {
        gram_table_destroy(t);
        return wit_error_set(err, WIT_ENOMEM, "no memory for a table of %zu bytes", bytes);
    }
    *out = t;
    return 0;
}

void gram_table_destroy(struct gram_table *t) {
    if (!t)
        return;
    free(t->slots);
    wit_buf_finish(&t->text);
    free(t);
}

void gram_table_spill_to(struct gram_table *t, struct gram_spill *s) {
    t->spill = s;
}

static struct slot *home_of(const struct gram_table *t, uint64_t key) {
    return &t->slots[(key >> 32) * t->homes >> 32];
}

void gram_table_prefetch(const struct gram_table *t, uint64_t key) {
    __builtin_prefetch(home_of(t, key), 1);
}

static struct gram gram_of(const struct gram_table *t, const struct slot *s) {
    struct gram g = { .key = s->key, .second = s->second, .count = s->count };
    g.text = WIT_STR("");
    if (t->kind == GRAM_WORDS) {
        g.second = 0;
        g.text = wit_str_of(t->text.data + (s->second >> 8), s->second & 0xff);
    }
    return g;
}

static bool slot_is(const struct gram_table *t, const struct slot *s, const struct gram *g) {
    if (s->key != g->key)
        return false;
    if (t->kind == GRAM_PAIRS)
        return s->second == g->second;
    return (s->second & 0xff) == g->text.len &&
           memcmp(t->text.data + (s->second >> 8), g->text.data, g->text.len) == 0;
}

static int slot_take(struct gram_table *t, struct slot *s, const struct gram *g) {
    uint64_t second = g->second;
    if (t->kind == GRAM_WORDS) {
        second = (uint64_t)t->text.len << 8 | g->text.len;
        if (wit_buf_append_str(&t->text, g->text) < 0)
            return WIT_ELIMIT;
    }
    *s = (struct slot){ g->key, second, g->count };
    t->used++;
    return 0;
}

int gram_table_add(struct gram_table *t, const struct gram *g, struct wit_error *err) {
    for (;;) {
        struct slot *s = home_of(t, g->key), *end = t->slots + t->homes + TAIL;
        for (; s < end && s->count; s++) {
            if (slot_is(t, s, g)) {
                s->count += g->count;
                return 0;
            }
        }
        if (s < end && t->used < t->most && slot_take(t, s, g) == 0)
            return 0;
        int st = gram_table_flush(t, err);
        if (st < 0)
            return st;
    }
}

/* What is in the table, to its front and in order; almost in order already. */
static void compact(struct gram_table *t) {
    size_t n = 0;
    for (struct slot *s = t->slots; n < t->used; s++) {
        if (!s->count)
            continue;
        struct slot moved = *s;
        struct gram g = gram_of(t, &moved);
        size_t at = n++;
        for (; at > 0; at--) {
            struct gram before = gram_of(t, &t->slots[at - 1]);
            if (gram_cmp(&before, &g) <= 0)
                break;
            t->slots[at] = t->slots[at - 1];
        }
        t->slots[at] = moved;
    }
}

int gram_table_flush(struct gram_table *t, struct wit_error *err) {
    struct gram_writer *w = NULL;
    if (!t->used)
        return 0;
    char *path = next_path(t->spill, t->kind);
    if (!path)
        return wit_error_set(err, WIT_ENOMEM, "no memory to write counts");
    int st = gram_writer_open(path, t->kind, &w, err);
    free(path);
    if (st < 0)
        return st;
    compact(t);
    for (size_t i = 0; i < t->used && st >= 0; i++) {
        struct gram g = gram_of(t, &t->slots[i]);
        st = gram_writer_put(w, &g, err);
    }
    if (st >= 0)
        st = gram_writer_close(w, true, err);
    else
        gram_writer_abandon(w);
    memset(t->slots, 0, (t->homes + TAIL) * sizeof *t->slots);
    wit_buf_reset(&t->text);
    t->used = 0;
    return st;
}
