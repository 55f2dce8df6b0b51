/*
 * record.h: the value of one sample: a 64-byte header, tagged text fields, image bytes last.
 * docs/formats/shard.md says every byte. Little-endian; hashes in canonical (big-endian) form.
 */
#ifndef SHARDS_RECORD_H
#define SHARDS_RECORD_H

#include "wit_shards.h"

enum {
    RECORD_HEADER_BYTES = 64,
    RECORD_FIELD_BYTES = 8, /* u16 tag, u16 source, u32 length */
    RECORD_TAG_CAPTION = 1,
    RECORD_VERSION = 1,
    RECORD_ALIGN = 16, /* the image starts at a multiple of it */
};

struct record_caption {
    struct wit_str text;
    uint16_t source;
};

/* Order of captions in a record: bytes, then source. */
int record_caption_cmp(const struct record_caption *a, const struct record_caption *b);

/* The set of captions of a sample out of `count` gathered ones, in place: sorted, without repeats,
 * without an empty one beside others, the first up to the ceilings. How many; *cut: how many
 * distinct ones were over the ceilings. */
uint32_t record_captions_make(struct record_caption *captions, size_t count, size_t *cut);
/* Index of a caption in such a set; -1: it is empty and has no place; -2: it is not there. */
int64_t record_caption_find(const struct record_caption *captions, uint32_t count,
                            const struct record_caption *caption);

/* The image of a record, which is written behind its front. */
struct record_image {
    struct wit_image_info info;
    size_t bytes;
    struct wit_hash128 hash; /* of the bytes; the key unless `changed` */
    uint8_t changed;         /* WIT_SHARDS_TRANSCODED, _RESIZED */
};

/* Append header and text fields of a value to buf; the image bytes belong behind them. Captions
 * sorted, without repeats, at least one, within the ceilings of wit_shards.h. ELIMIT, ENOMEM. */
int record_front_encode(struct wit_hash128 key, const struct record_image *image,
                        const struct record_caption *captions, uint32_t count, struct wit_buf *buf);

/* A record without its image bytes. */
struct record_front {
    struct wit_shards_sample sample; /* hash is zero, image empty; value: header and text fields */
    struct record_image image;
};

/* Bytes of header and text fields of a value of `value_bytes`, from its first RECORD_HEADER_BYTES.
 * WIT_ECORRUPT with the fault. */
int record_front_length(struct wit_str header, uint64_t value_bytes, size_t *out,
                        struct wit_error *err);
/* Check header and text fields, as record_decode does, and their hash under the key. */
int record_front_decode(struct wit_hash128 key, struct wit_str front, uint64_t value_bytes,
                        struct record_front *out, struct wit_error *err);
/* Are these the image bytes that the front tells of? WIT_ECORRUPT. */
int record_body_verify(const struct record_front *front, struct wit_str body,
                       struct wit_error *err);

/* Check every length, tag and order and fill everything but key and hash of `out` with views.
 * WIT_ECORRUPT with the fault. Nothing is hashed here. */
int record_decode(struct wit_str value, struct wit_shards_sample *out, struct wit_error *err);

/* Check the hashes of a decoded record whose key has been filled in: front, image bytes, and the
 * key itself unless the record is flagged as not stored as fetched. Fills sample->hash.
 * WIT_ECORRUPT. */
int record_verify(struct wit_shards_sample *sample, struct wit_error *err);

/* H(key, H(value)), what a dataset's hash sums up. */
struct wit_hash128 record_sample_hash(struct wit_hash128 key, struct wit_str value);

#endif
