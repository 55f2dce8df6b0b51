/*
 * wiki_count.h: counts words and bigrams of the articles of one dump, by several threads in bounded
 * memory. What is counted depends on the dump alone.
 */
#ifndef FILTER_WIKI_COUNT_H
#define FILTER_WIKI_COUNT_H

#include "gram_table.h"
#include "wiki_text.h"

struct wiki_counts {
    uint64_t pages, articles;
    uint64_t words, pairs; /* occurrences */
};

struct wiki_count_config {
    unsigned threads;                                  /* > 0; the caller's is one of them */
    size_t memory_bytes;                               /* of all tables together */
    bool pairs;                                        /* bigrams too */
    const volatile int *cancel;                        /* polled; NULL: never */
    void (*progress)(void *user, uint64_t done_bytes); /* on the caller's thread; NULL: none */
    void *user;
};

/* Tables and threads' memory, kept from dump to dump. */
struct wiki_counter;
int wiki_counter_create(const struct wiki_count_config *cfg, struct wiki_counter **out,
                        struct wit_error *err);
void wiki_counter_destroy(struct wiki_counter *c); /* NULL is fine */

/**
 * Count a dump: everything ends up in runs of `spill`.
 * @return 0, WIT_ENOTFOUND, WIT_EIO, WIT_EFORMAT (no export of MediaWiki, cut off), WIT_ECORRUPT,
 * WIT_ELIMIT, WIT_ENOMEM, WIT_ENOSPC, WIT_ECANCELED; sentences name the file
 */
int wiki_counter_run(struct wiki_counter *c, const char *path, struct gram_spill *spill,
                     struct wiki_counts *out, struct wit_error *err);

#endif
