/* shard_workers.c: threads for sealing and verifying. */
#include "shard_workers.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS_MOST = 256 };

void shard_workers_run(unsigned threads, size_t jobs, void *(*fn)(void *arg), void *arg) {
    pthread_t ids[THREADS_MOST];
    unsigned started = 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (threads == 0)
        threads = (unsigned)(cores > 0 ? cores : 1);
    if (threads > THREADS_MOST)
        threads = THREADS_MOST;
    while (started < threads && started < jobs && pthread_create(&ids[started], NULL, fn, arg) == 0)
        started++;
    if (started == 0)
        (void)fn(arg);
    for (unsigned i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
}
