/* loader_private.h: one sample from record to batch slot; shared by the loader's sources. */
#ifndef WIT_LOADER_PRIVATE_H
#define WIT_LOADER_PRIVATE_H

#include "wit_loader.h"

#include <stdatomic.h>

/* Streams of wit_random_init; the index is the stream position of the sample. */
#define CROP_STREAM UINT64_C(0x63726f70)
#define CAPTION_STREAM UINT64_C(0x63617074)
#define REPLACE_STREAM UINT64_C(0x7265706c)

/* What all workers share and none changes. */
struct sample_source {
    const struct wit_loader_config *cfg;
    struct wit_shards_dataset *dataset;
    const struct wit_loader_order *order; /* only wit_loader_order_nth is called */
    _Atomic uint64_t *failures;           /* decode failures so far, for the log's limit */
    float normalised[3][256];             /* (x / 255 - mean) / std of each channel and byte */
};

/* Where the parts of a sample go: places inside a batch slot. NULL: not wanted. */
struct sample_target {
    uint8_t *image_u8;
    float *image_f32;
    int32_t *tokens, *length;
    struct wit_hash128 *key;
    struct wit_buf *caption;
};

struct sample_counts {
    uint64_t bytes, failed_format, failed_limit, failed_unsupported;
};

struct sample_worker; /* buffers of one thread: record, decoder, pixels, resizer, tokenizer */
int sample_worker_create(const struct sample_source *source,
                         const struct wit_loader_tokenizer *tokenizer, struct sample_worker **out,
                         struct wit_error *err);
void sample_worker_destroy(struct sample_worker *w);

void sample_source_init(struct sample_source *source);

/* Read, decode, transform, tokenise the sample at `place`, or its replacements. counts are added
 * to. Fails only where the stream must end. */
int sample_load(struct sample_worker *w, struct wit_loader_place place, uint64_t position,
                const struct sample_target *to, struct sample_counts *counts,
                struct wit_error *err);

#endif
