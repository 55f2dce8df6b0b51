/*
 * export_sample.h: what stands beside an exported image: its words, and its facts under the names
 * that img2dataset gives them.
 */
#ifndef SHARDS_EXPORT_SAMPLE_H
#define SHARDS_EXPORT_SAMPLE_H

#include "wit_shards_export.h"

/* "jpg", "png", "webp", "gif", else "bin". */
const char *export_suffix(enum wit_image_format format);

/* Append the words. ELIMIT, ENOMEM. */
int export_caption(const struct wit_shards_sample *sample, enum wit_shards_export_captions which,
                   struct wit_buf *out);

/**
 * Append the facts as one JSON object. URL, page and kept columns are those of the place where the
 * first caption stood.
 * @param key      of the sample in the export
 * @param caption  as export_caption gave it
 * @param origins  as wit_shards_origin gives them
 * @return 0; WIT_EFORMAT (origins are not JSON), WIT_ELIMIT, WIT_ENOMEM
 */
int export_facts(const struct wit_shards_sample *sample, const char *key, struct wit_str caption,
                 struct wit_str origins, struct wit_buf *out, struct wit_error *err);

#endif
