/* shard_workers.h: the same function on several threads until it is done everywhere. */
#ifndef SHARDS_SHARD_WORKERS_H
#define SHARDS_SHARD_WORKERS_H

#include <stddef.h>

/* Run fn(arg) on `threads` threads (0: one per core, at most 256 and at most `jobs`) and join them.
 * fn takes job numbers from a counter in arg. Where no thread can be had it runs in this one. */
void shard_workers_run(unsigned threads, size_t jobs, void *(*fn)(void *arg), void *arg);

#endif
