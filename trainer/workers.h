/*
 * workers.h: threads that share out numbered tasks. Which thread takes which task is chance; tasks
 * write to different places, so results don't depend on it.
 */
#ifndef TRAINER_WORKERS_H
#define TRAINER_WORKERS_H

#include "base/wit_base.h"

struct workers;

/* `worker` is 0 .. threads - 1: for memory that a worker has to itself. */
typedef void (*workers_fn)(void *arg, int64_t task, unsigned worker);

/* threads 0: one for each processor that the process may run on. `start` (may be NULL) is called
 * once in each thread. WIT_ENOMEM, WIT_EIO (a thread can't be started). */
int workers_create(unsigned threads, void (*start)(void), struct workers **out,
                   struct wit_error *err);
void workers_destroy(struct workers *w);
unsigned workers_count(const struct workers *w);
/* Run fn for 0 .. tasks - 1, lower numbers first, and wait. One caller at a time. */
void workers_run(struct workers *w, int64_t tasks, workers_fn fn, void *arg);

#endif
