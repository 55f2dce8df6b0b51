/*
 * export_sample.h: what stands beside an exported image: its words, and its facts under the names
 * that img2dataset gives them.
 */
#ifndef SHARDS_EXPORT_SAMPLE_H
#define SHARDS_EXPORT_SAMPLE_H

#include "table/wit_table.h"
#include "wit_shards_export.h"

/* "jpg", "png", "webp", "gif", else "bin". */
const char *export_suffix(enum wit_image_format format);

/* Append the words. ELIMIT, ENOMEM. */
int export_caption(const struct wit_shards_sample *sample, enum wit_shards_export_captions which,
                   struct wit_buf *out);

/* The facts of a sample; views of the sample, and of `origin`, which is freed at the end. */
struct export_facts {
    const struct wit_shards_sample *sample;
    const char *key;              /* in the export */
    struct wit_str caption;       /* as export_caption gave it */
    struct wit_str origins;       /* lines */
    struct wit_json *origin;      /* the one that the next three are of */
    struct wit_str url, page;     /* where the first caption stood; data NULL: not known */
    const struct wit_json *extra; /* columns that a list gave with it, or NULL */
    int64_t original_width, original_height;                  /* px, as fetched */
    char wit_key[WIT_HASH128_HEX], wit_hash[WIT_HASH128_HEX]; /* of the sample */
    char sha256[65];    /* "" where other bytes were fetched */
    const char *source; /* of the first caption */
};

/**
 * Gather the facts. URL, page and kept columns are those of the place where the first caption
 * stood.
 * @param origins  as wit_shards_origin gives them
 * @return 0; WIT_EFORMAT (origins are not JSON), WIT_ENOMEM, WIT_EUNSUPPORTED (no sha256)
 */
int export_facts_make(const struct wit_shards_sample *sample, const char *key,
                      struct wit_str caption, struct wit_str origins, struct export_facts *out,
                      struct wit_error *err);
void export_facts_finish(struct export_facts *f);

/* Append them as one JSON object. ELIMIT, ENOMEM. */
int export_facts_json(const struct export_facts *f, struct wit_buf *out, struct wit_error *err);

/* As a row of a table, without all captions and origins. `extra` is for the kept columns as text.
 */
#define EXPORT_COLUMNS 15
extern const struct wit_table_column export_columns[EXPORT_COLUMNS];
int export_facts_row(const struct export_facts *f, struct wit_table_writer *table,
                     struct wit_buf *extra, struct wit_error *err);

#endif
