/* queue.c: bounded queue of pointers: one lock, two conditions. */
#include "wit_base.h"

#include <pthread.h>
#include <stdlib.h>

struct wit_queue {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t not_full, not_empty;
    size_t capacity, head, count;
    bool closed;
    void *items[];
};

struct wit_queue *wit_queue_create(size_t capacity) {
    size_t bytes;
    if (capacity == 0 || wit_size_mul(capacity, sizeof(void *), &bytes) < 0 ||
        wit_size_add(bytes, sizeof(struct wit_queue), &bytes) < 0)
        return NULL;
    struct wit_queue *q = calloc(1, bytes);
    if (!q)
        return NULL;
    q->capacity = capacity;
    if (pthread_mutex_init(&q->lock, NULL) != 0)
        goto no_lock;
    if (pthread_cond_init(&q->not_full, NULL) != 0)
        goto no_full;
    if (pthread_cond_init(&q->not_empty, NULL) != 0)
        goto no_empty;
    return q;
no_empty:
    pthread_cond_destroy(&q->not_full);
no_full:
    pthread_mutex_destroy(&q->lock);
no_lock:
    free(q);
    return NULL;
}

void wit_queue_destroy(struct wit_queue *q) {
    if (!q)
        return;
    pthread_cond_destroy(&q->not_empty);
    pthread_cond_destroy(&q->not_full);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static int push(struct wit_queue *q, void *item, bool wait) {
    int st = 0;
    pthread_mutex_lock(&q->lock);
    while (wait && !q->closed && q->count == q->capacity)
        pthread_cond_wait(&q->not_full, &q->lock);
    if (q->closed) {
        st = WIT_ECANCELED;
    } else if (q->count == q->capacity) {
        st = WIT_EAGAIN;
    } else {
        q->items[(q->head + q->count++) % q->capacity] = item;
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->lock);
    return st;
}

static int pop(struct wit_queue *q, void **item, bool wait) {
    int st = 0;
    pthread_mutex_lock(&q->lock);
    while (wait && !q->closed && q->count == 0)
        pthread_cond_wait(&q->not_empty, &q->lock);
    if (q->count == 0) {
        st = q->closed ? WIT_ECANCELED : WIT_EAGAIN;
    } else {
        *item = q->items[q->head];
        q->head = (q->head + 1) % q->capacity;
        q->count--;
        pthread_cond_signal(&q->not_full);
    }
    pthread_mutex_unlock(&q->lock);
    return st;
}

int wit_queue_push(struct wit_queue *q, void *item) {
    return push(q, item, true);
}

int wit_queue_try_push(struct wit_queue *q, void *item) {
    return push(q, item, false);
}

int wit_queue_pop(struct wit_queue *q, void **item) {
    return pop(q, item, true);
}

int wit_queue_try_pop(struct wit_queue *q, void **item) {
    return pop(q, item, false);
}

void wit_queue_close(struct wit_queue *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->not_full);
    pthread_cond_broadcast(&q->not_empty);
    pthread_mutex_unlock(&q->lock);
}

size_t wit_queue_count(struct wit_queue *q) {
    pthread_mutex_lock(&q->lock);
    size_t count = q->count;
    pthread_mutex_unlock(&q->lock);
    return count;
}
