/*
 * import_sample.h: what the parts of a sample mean: its URL, its words, the facts beside it; or why
 * it is refused.
 */
#ifndef SHARDS_IMPORT_SAMPLE_H
#define SHARDS_IMPORT_SAMPLE_H

#include "import_source.h"

/* A URL under which the image is known. */
struct import_place {
    struct wit_str url, final_url, headers, rights;
    int64_t fetched_at_s;
};

/* Words that stood with it. */
struct import_words {
    struct wit_str text, page, extra, rights; /* as of struct wit_shards_candidate */
    enum wit_shards_source source;
    size_t place;
};

/* Views last until the next sample is made, and as long as the parts do. */
struct import_sample {
    const struct import_place *places; /* at least 1 */
    size_t place_count;
    const struct import_words *words; /* at least 1 unless it is refused */
    size_t word_count;
    const char *reason;     /* why it is refused, or NULL: then the image is one */
    struct wit_str image;   /* bytes */
    struct wit_hash128 key; /* their hash */
    struct wit_image_info info;
    bool facts_broken, facts_left_out;
};

struct import_maker; /* one thread */
int import_maker_create(const struct wit_shards_import_config *cfg, struct import_maker **out,
                        struct wit_error *err);
void import_maker_destroy(struct import_maker *m);

/**
 * @param source  path of the tar or folder; only its last part is kept
 * @return 0, refused or not; WIT_ENOMEM, WIT_EINTERNAL
 */
int import_sample_make(struct import_maker *m, const char *source, const struct import_parts *parts,
                       struct import_sample *out, struct wit_error *err);

#endif
