/* workers.c: see workers.h. */
#include "workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MAX_THREADS = 1024 };

struct worker {
    struct workers *all;
    unsigned index;
    pthread_t thread;
};

struct workers {
    unsigned count; /* threads that run */
    struct worker *threads;
    void (*start)(void);
    pthread_mutex_t lock; /* guards what follows; `next` is also taken without it */
    pthread_cond_t work, done;
    uint64_t round; /* of work */
    unsigned busy;  /* threads that have not finished this round */
    bool stop;
    workers_fn fn;
    void *arg;
    int64_t tasks;
    _Atomic int64_t next;
};

static void *worker_main(void *arg) {
    struct worker *self = arg;
    struct workers *w = self->all;
    uint64_t seen = 0;
    if (w->start)
        w->start();
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->round == seen && !w->stop)
            pthread_cond_wait(&w->work, &w->lock);
        if (w->stop)
            break;
        seen = w->round;
        const workers_fn fn = w->fn;
        void *fn_arg = w->arg;
        const int64_t tasks = w->tasks;
        pthread_mutex_unlock(&w->lock);
        for (int64_t i; (i = atomic_fetch_add(&w->next, 1)) < tasks;)
            fn(fn_arg, i, self->index);
        pthread_mutex_lock(&w->lock);
        if (--w->busy == 0)
            pthread_cond_signal(&w->done);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static unsigned processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    const int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

int workers_create(unsigned threads, void (*start)(void), struct workers **out,
                   struct wit_error *err) {
    struct workers *w = calloc(1, sizeof(*w));
    if (threads == 0)
        threads = processors();
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    if (!w)
        return wit_error_set(err, WIT_ENOMEM, "no memory for threads");
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->done, NULL);
    atomic_init(&w->next, 0);
    w->start = start;
    w->threads = wit_alloc_array(threads, sizeof(*w->threads));
    if (!w->threads) {
        workers_destroy(w);
        return wit_error_set(err, WIT_ENOMEM, "no memory for %u threads", threads);
    }
    for (unsigned i = 0; i < threads; i++) {
        w->threads[i] = (struct worker){ .all = w, .index = i };
        const int e = pthread_create(&w->threads[i].thread, NULL, worker_main, &w->threads[i]);
        if (e != 0) {
            workers_destroy(w);
            return wit_error_errno(err, e, "cannot start thread %u of %u", i + 1, threads);
        }
        w->count++;
    }
    *out = w;
    return 0;
}

void workers_destroy(struct workers *w) {
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->count; i++)
        pthread_join(w->threads[i].thread, NULL);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->done);
    pthread_mutex_destroy(&w->lock);
    free(w->threads);
    free(w);
}

unsigned workers_count(const struct workers *w) {
    return w->count;
}

void workers_run(struct workers *w, int64_t tasks, workers_fn fn, void *arg) {
    if (tasks <= 0)
        return;
    pthread_mutex_lock(&w->lock);
    w->fn = fn;
    w->arg = arg;
    w->tasks = tasks;
    atomic_store(&w->next, 0);
    w->busy = w->count;
    w->round++;
    pthread_cond_broadcast(&w->work);
    while (w->busy > 0)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
}
