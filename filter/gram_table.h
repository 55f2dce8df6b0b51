/*
 * gram_table.h: counts words or pairs of words in so much memory and no more: a hash table that
 * becomes a sorted run on disk whenever it is full. Counts are exact, and the sum over all runs
 * does not depend on where they were cut.
 */
#ifndef FILTER_GRAM_TABLE_H
#define FILTER_GRAM_TABLE_H

#include "gram_runs.h"

/* Where full tables go: files "STEM.words.0", "STEM.pairs.0", ... Any thread (a lock inside). */
struct gram_spill;
/* The stem is copied. 0 or WIT_ENOMEM. */
int gram_spill_create(const char *stem, struct gram_spill **out, struct wit_error *err);
void gram_spill_destroy(struct gram_spill *s); /* the files stay; NULL is fine */
size_t gram_spill_count(struct gram_spill *s, enum gram_kind kind);
/* Name of run i: malloc'd, NULL: out of memory. */
char *gram_run_path(const char *stem, enum gram_kind kind, size_t i);

/* One thread. */
struct gram_table;
/* @param bytes  of memory at most; 64 KB are the least */
int gram_table_create(enum gram_kind kind, size_t bytes, struct gram_table **out,
                      struct wit_error *err);
void gram_table_destroy(struct gram_table *t); /* what was not flushed is lost; NULL is fine */
/* Where what it holds goes from now on; it is empty. Borrowed until the next call. */
void gram_table_spill_to(struct gram_table *t, struct gram_spill *s);
/* Ask for the memory that adding this key will need. */
void gram_table_prefetch(const struct gram_table *t, uint64_t key);
/* Add g->count to its count. 0, WIT_EIO, WIT_ENOSPC, WIT_ENOMEM. */
int gram_table_add(struct gram_table *t, const struct gram *g, struct wit_error *err);
/* Write what it holds; it is empty then. */
int gram_table_flush(struct gram_table *t, struct wit_error *err);

#endif
