/*
 * collection.h: made-up collections for the tests of shards: images of random bytes, words, pages,
 * repeats, images under several URLs and URLs with several images. Everything follows from a seed.
 */
#ifndef TESTS_COLLECTION_H
#define TESTS_COLLECTION_H

#include "wit_shards.h"

struct collection {
    uint64_t seed;
    unsigned urls;       /* distinct image URLs */
    unsigned images;     /* distinct byte strings; fewer than urls: some are shared */
    unsigned candidates; /* offers, repeats included */
};

/* An operation that a crawl would do: 0 .. collection_steps() - 1. */
unsigned collection_steps(const struct collection *c);
/* Which URL step i is about; those from c->urls on have no image. */
unsigned collection_step_url(const struct collection *c, unsigned i);
/* Do step i of the collection. */
int collection_step(const struct collection *c, unsigned i, struct wit_shards_collector *to,
                    struct wit_error *err);
/* Steps [from, to) in an order that follows from `order`, commits in between and at the end. */
int collection_run(const struct collection *c, unsigned from, unsigned to, uint64_t order,
                   const char *dir, struct wit_error *err);

/* Two byte strings with one XXH3-128; a sorts first. */
void collide(uint8_t a[1200], uint8_t b[1200]);

/* A fresh empty folder under TMPDIR; remove it with scratch_remove. */
void scratch_make(char out[WIT_PATH_MAX]);
void scratch_remove(const char *dir);
/* Folders of tests that make thousands: in memory, where that is to be had and TMPDIR says nothing.
 */
void scratch_in_memory(void);

/* Seal with these threads and bits, everything else default. Returns the status. */
int seal_simple(const char *dir, unsigned threads, int bits, struct wit_shards_seal_report *report,
                struct wit_error *err);

#endif
