/*
 * card.h: what a dataset knows of itself, as a card for people (README.md) and as Croissant
 * metadata for machines (mlcommons.org/croissant, 1.0). Every number is counted from the dataset;
 * what it cannot know stays open.
 */
#ifndef WIT_CARD_H
#define WIT_CARD_H

#include "wit_shards.h"

/* Names with counts. */
struct card_tally {
    struct wit_arena *names;
    struct card_count {
        struct wit_str name;
        uint64_t n;
    } * slots; /* open addressing; n 0: free */
    size_t cap, count;
    uint64_t others; /* of names beyond CARD_NAMES_MOST */
};
enum { CARD_NAMES_MOST = 1 << 22 };

enum { CARD_FORMATS = WIT_IMAGE_GIF + 1, CARD_SOURCES = WIT_SHARDS_SITEMAP + 1, CARD_SIDES = 7 };

struct card_facts {
    struct wit_hash128 hash;
    uint64_t samples, pairs, shards, file_bytes, image_bytes, caption_bytes;
    uint64_t formats[CARD_FORMATS], sources[CARD_SOURCES];
    uint64_t sides[CARD_SIDES]; /* by the smaller side; card_side_names */
    uint64_t transcoded, resized;
    uint64_t origins; /* URLs under which images came */
    uint64_t with_rights;
    int64_t first_fetched_s, last_fetched_s; /* 0: not known */
    struct card_tally domains, rights;
    unsigned ignored;          /* enum wit_crawler_ignore */
    bool was_crawled;          /* DIR/crawl is there */
    struct wit_json *manifest; /* dataset.json */
};
extern const char *const card_side_names[CARD_SIDES];

/* Read the whole dataset. WIT_ECANCELED, and what reading says; finish it in any case. */
int card_facts_gather(const char *dir, const volatile int *interrupt, struct wit_progress *progress,
                      struct card_facts *out, struct wit_error *err);
void card_facts_finish(struct card_facts *f);
/* The names with the highest counts, those first; of equal counts by name. How many; WIT_ENOMEM. */
int card_tally_top(const struct card_tally *t, size_t most, struct card_count *out);

/* What only the user knows; "" or NULL: not given. */
struct card_words {
    const char *name, *description, *license, *url, *creator, *version;
};

/* A file that the Croissant metadata describes. */
struct card_file {
    char name[96]; /* from the folder of croissant.json */
    uint64_t bytes;
    char sha256[65];
};

bool card_date(int64_t at_s, char out[32]); /* "2026-11-27" */

enum card_layout { CARD_SHARDS, CARD_TARS, CARD_JSONL, CARD_PARQUET };

int card_croissant(const struct card_facts *f, const struct card_words *words,
                   enum card_layout layout, const struct card_file *files, size_t count,
                   struct wit_buf *out, struct wit_error *err);
int card_readme(const struct card_facts *f, const struct card_words *words, enum card_layout layout,
                struct wit_buf *out, struct wit_error *err);

#endif
