/* counters.c: counts by reason. Few names, many increments: a short array under one lock. */
#include "wit_base.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_NAMES = 256 };

struct counter {
    const char *name;
    uint64_t n;
};

struct wit_counters {
    pthread_mutex_t lock; /* guards the rest */
    size_t count;
    struct counter items[MAX_NAMES]; /* sorted by name */
};

struct wit_counters *wit_counters_create(void) {
    struct wit_counters *c = calloc(1, sizeof *c);
    if (c && pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return NULL;
    }
    return c;
}

void wit_counters_destroy(struct wit_counters *c) {
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* Index of the name, or of where it belongs. */
static size_t find(const struct wit_counters *c, const char *name, bool *found) {
    size_t from = 0, to = c->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        int order = strcmp(c->items[middle].name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *found = false;
    return from;
}

void wit_counters_add(struct wit_counters *c, const char *name, uint64_t n) {
    bool found;
    pthread_mutex_lock(&c->lock);
    size_t i = find(c, name, &found);
    if (!found && c->count == MAX_NAMES) {
        i = find(c, "other", &found); /* names are literals: reached only by a programming error */
    } else if (!found) {
        memmove(&c->items[i + 1], &c->items[i], (c->count - i) * sizeof c->items[0]);
        c->items[i] = (struct counter){ name, 0 };
        c->count++;
        found = true;
    }
    if (found)
        c->items[i].n += n;
    pthread_mutex_unlock(&c->lock);
}

uint64_t wit_counters_get(struct wit_counters *c, const char *name) {
    bool found;
    pthread_mutex_lock(&c->lock);
    size_t i = find(c, name, &found);
    uint64_t n = found ? c->items[i].n : 0;
    pthread_mutex_unlock(&c->lock);
    return n;
}

void wit_counters_each(struct wit_counters *c, void (*fn)(void *user, const char *name, uint64_t n),
                       void *user) {
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->count; i++)
        fn(user, c->items[i].name, c->items[i].n);
    pthread_mutex_unlock(&c->lock);
}
