/* record.c: the bytes of one sample. */
#include "record.h"

#include <assert.h>
#include <stdlib.h>

const char *wit_shards_source_name(enum wit_shards_source s) {
    switch (s) {
    case WIT_SHARDS_ALT:
        return "alt";
    case WIT_SHARDS_TITLE:
        return "title";
    case WIT_SHARDS_FIGCAPTION:
        return "figcaption";
    case WIT_SHARDS_OG_DESCRIPTION:
        return "og_description";
    case WIT_SHARDS_LIST:
        return "list";
    case WIT_SHARDS_SITEMAP:
        return "sitemap";
    }
    return "unknown";
}

int record_caption_cmp(const struct record_caption *a, const struct record_caption *b) {
    int order = wit_str_cmp(a->text, b->text);
    return order ? order : (int)a->source - (int)b->source;
}

static int caption_order(const void *x, const void *y) {
    return record_caption_cmp(x, y);
}

/* How many captions at the front of the sorted ones say nothing beside others that do. */
static size_t without_words(const struct record_caption *captions, size_t count) {
    size_t empty = 0;
    while (empty < count && captions[empty].text.len == 0)
        empty++;
    return empty < count ? empty : 0;
}

uint32_t record_captions_make(struct record_caption *captions, size_t count, size_t *cut) {
    size_t distinct = 0, kept = 0, bytes = 0;
    bool full = false;
    if (count)
        qsort(captions, count, sizeof *captions, caption_order);
    for (size_t i = without_words(captions, count); i < count; i++) {
        /* kept <= i: a repeat is next to what was kept last, unless the ceiling was reached. */
        if (!full && kept && record_caption_cmp(&captions[kept - 1], &captions[i]) == 0)
            continue;
        distinct++;
        size_t more = RECORD_FIELD_BYTES + captions[i].text.len;
        full =
            full || kept == WIT_SHARDS_MAX_CAPTIONS || bytes + more > WIT_SHARDS_MAX_CAPTION_BYTES;
        if (full)
            continue;
        bytes += more;
        captions[kept++] = captions[i];
    }
    *cut = distinct - kept;
    return (uint32_t)kept;
}

int64_t record_caption_find(const struct record_caption *captions, uint32_t count,
                            const struct record_caption *caption) {
    const struct record_caption *found =
        bsearch(caption, captions, count, sizeof *captions, caption_order);
    return found ? found - captions : caption->text.len ? -2 : -1;
}

enum { IMAGE_PROGRESSIVE = 1, IMAGE_ALPHA = 2 };
enum { RECORD_FLAGS = WIT_SHARDS_TRANSCODED | WIT_SHARDS_RESIZED };

/* The front hash sits in the header itself; its own eight bytes and those behind it are left out.
 */
enum { IMAGE_HASH_AT = 32, FRONT_HASH_AT = 48, RESERVED_AT = 56 };

/* Of the header up to the hash and of the text fields, bound to the key: neither a flipped bit nor
 * a record under another's key goes unseen. */
static uint64_t front_hash(struct wit_hash128 key, const uint8_t *front, size_t bytes) {
    return wit_hash64_of(front + RECORD_HEADER_BYTES, bytes - RECORD_HEADER_BYTES,
                         wit_hash64_of(front, FRONT_HASH_AT, key.hi ^ key.lo));
}

static int fields_bytes(const struct record_caption *captions, uint32_t count, size_t *out) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        if (wit_size_add(bytes, RECORD_FIELD_BYTES, &bytes) < 0 ||
            wit_size_add(bytes, captions[i].text.len, &bytes) < 0)
            return WIT_ELIMIT;
    if (bytes > WIT_SHARDS_MAX_CAPTION_BYTES)
        return WIT_ELIMIT;
    *out = (bytes + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
    return 0;
}

int record_front_encode(struct wit_hash128 key, const struct record_image *image,
                        const struct record_caption *captions, uint32_t count,
                        struct wit_buf *buf) {
    const struct wit_image_info *info = &image->info;
    assert(count > 0 && !(image->changed & ~RECORD_FLAGS));
    static const char zeros[RECORD_ALIGN];
    uint8_t header[RECORD_HEADER_BYTES] = { 0 };
    size_t fields, start = buf->len;
    if (count > WIT_SHARDS_MAX_CAPTIONS || image->bytes > WIT_SHARDS_MAX_IMAGE_BYTES ||
        fields_bytes(captions, count, &fields) < 0)
        return WIT_ELIMIT;
    header[0] = RECORD_VERSION;
    header[1] = image->changed;
    header[2] = (uint8_t)info->format;
    header[3] = info->orientation;
    header[4] = info->components;
    header[5] = info->bit_depth;
    header[6] =
        (uint8_t)((info->progressive ? IMAGE_PROGRESSIVE : 0) | (info->alpha ? IMAGE_ALPHA : 0));
    wit_store_le32(header + 8, info->width);
    wit_store_le32(header + 12, info->height);
    wit_store_le32(header + 16, count);
    wit_store_le32(header + 20, (uint32_t)fields);
    wit_store_le64(header + 24, image->bytes);
    wit_hash128_to_bytes(image->hash, header + 32);

    int st = wit_buf_reserve(buf, sizeof header + fields);
    if (st < 0)
        return st;
    (void)wit_buf_append(buf, header, sizeof header); /* the room is there, here and below */
    for (uint32_t i = 0; i < count; i++) {
        uint8_t field[RECORD_FIELD_BYTES];
        wit_store_le16(field, RECORD_TAG_CAPTION);
        wit_store_le16(field + 2, captions[i].source);
        wit_store_le32(field + 4, (uint32_t)captions[i].text.len);
        (void)wit_buf_append(buf, field, sizeof field);
        (void)wit_buf_append_str(buf, captions[i].text);
    }
    (void)wit_buf_append(buf, zeros, start + sizeof header + fields - buf->len);
    uint8_t *front = (uint8_t *)buf->data + start;
    wit_store_le64(front + FRONT_HASH_AT, front_hash(key, front, sizeof header + fields));
    return 0;
}

/* One field at `at`; moves it behind the field. False: it does not fit before `end`. */
static bool field_next(struct wit_str value, size_t end, size_t *at, uint16_t *tag,
                       struct record_caption *caption) {
    if (end - *at < RECORD_FIELD_BYTES)
        return false;
    const uint8_t *p = (const uint8_t *)value.data + *at;
    size_t len = wit_load_le32(p + 4);
    if (len > end - *at - RECORD_FIELD_BYTES)
        return false;
    *tag = wit_load_le16(p);
    caption->source = wit_load_le16(p + 2);
    caption->text = wit_str_of(p + RECORD_FIELD_BYTES, len);
    *at += RECORD_FIELD_BYTES + len;
    return true;
}

static int captions_check(struct wit_str value, size_t end, uint32_t count, struct wit_error *err) {
    struct record_caption last = { .source = 0 }, caption;
    size_t at = RECORD_HEADER_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t tag;
        if (!field_next(value, end, &at, &tag, &caption))
            return wit_error_set(err, WIT_ECORRUPT, "caption %u runs over the text fields", i);
        if (tag != RECORD_TAG_CAPTION)
            return wit_error_set(err, WIT_ECORRUPT, "text field %u has the unknown tag %u", i, tag);
        if (i > 0 && record_caption_cmp(&last, &caption) >= 0)
            return wit_error_set(err, WIT_ECORRUPT, "caption %u is out of order", i);
        last = caption;
    }
    if (end - at >= RECORD_ALIGN)
        return wit_error_set(err, WIT_ECORRUPT, "the text fields have %zu bytes too many",
                             end - at);
    for (; at < end; at++)
        if (value.data[at] != 0)
            return wit_error_set(err, WIT_ECORRUPT, "padding behind the text fields is not zero");
    return 0;
}

int record_front_length(struct wit_str header, uint64_t value_bytes, size_t *out,
                        struct wit_error *err) {
    if (header.len < RECORD_HEADER_BYTES || value_bytes < header.len ||
        value_bytes > WIT_SHARDS_MAX_RECORD_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "a record of %llu bytes",
                             (unsigned long long)value_bytes);
    const uint8_t *h = (const uint8_t *)header.data;
    size_t fields = wit_load_le32(h + 20);
    uint64_t image_bytes = wit_load_le64(h + 24);
    uint64_t body = value_bytes - RECORD_HEADER_BYTES;
    if (h[0] != RECORD_VERSION)
        return wit_error_set(err, WIT_ECORRUPT, "record version %u, expected %d", h[0],
                             RECORD_VERSION);
    if ((h[1] & ~RECORD_FLAGS) || (h[6] & ~(IMAGE_PROGRESSIVE | IMAGE_ALPHA)) || h[7] ||
        wit_load_le64(h + RESERVED_AT) != 0)
        return wit_error_set(err, WIT_ECORRUPT, "reserved bits of a record are set");
    if (fields > body || image_bytes != body - fields)
        return wit_error_set(err, WIT_ECORRUPT,
                             "record lengths do not add up: 64 + %zu + %llu is not %llu", fields,
                             (unsigned long long)image_bytes, (unsigned long long)value_bytes);
    *out = RECORD_HEADER_BYTES + fields;
    return 0;
}

/* Everything of a record but its image bytes: `front` ends where they begin. */
static int front_take(struct wit_str front, struct wit_shards_sample *out, struct wit_error *err) {
    const uint8_t *h = (const uint8_t *)front.data;
    uint32_t count = wit_load_le32(h + 16);
    if (count == 0 || count > WIT_SHARDS_MAX_CAPTIONS)
        return wit_error_set(err, WIT_ECORRUPT, "a record with %u captions", count);
    int st = captions_check(front, front.len, count, err);
    if (st < 0)
        return st;
    out->info = (struct wit_image_info){
        .format = (enum wit_image_format)h[2],
        .orientation = h[3],
        .components = h[4],
        .bit_depth = h[5],
        .progressive = h[6] & IMAGE_PROGRESSIVE,
        .alpha = h[6] & IMAGE_ALPHA,
        .width = wit_load_le32(h + 8),
        .height = wit_load_le32(h + 12),
    };
    out->changed = h[1];
    out->value = front;
    out->caption_count = count;
    return 0;
}

int record_decode(struct wit_str value, struct wit_shards_sample *out, struct wit_error *err) {
    size_t front;
    struct wit_str header =
        wit_str_slice(value, 0, value.len < RECORD_HEADER_BYTES ? value.len : RECORD_HEADER_BYTES);
    int st = record_front_length(header, value.len, &front, err);
    if (st >= 0)
        st = front_take(wit_str_slice(value, 0, front), out, err);
    if (st < 0)
        return st;
    out->image = wit_str_slice(value, front, value.len);
    out->value = value;
    return 0;
}

static int front_verify(struct wit_hash128 key, struct wit_str front, struct wit_error *err) {
    const uint8_t *h = (const uint8_t *)front.data;
    if (front_hash(key, h, front.len) == wit_load_le64(h + FRONT_HASH_AT))
        return 0;
    return wit_error_set(err, WIT_ECORRUPT, "header and captions do not match their hash and key");
}

int record_front_decode(struct wit_hash128 key, struct wit_str front, uint64_t value_bytes,
                        struct record_front *out, struct wit_error *err) {
    struct record_front f = { .sample = { .key = key } };
    size_t length;
    int st = record_front_length(wit_str_slice(front, 0, RECORD_HEADER_BYTES), value_bytes, &length,
                                 err);
    assert(st < 0 || length == front.len);
    if (st >= 0)
        st = front_take(front, &f.sample, err);
    if (st >= 0)
        st = front_verify(key, front, err);
    if (st < 0)
        return st;
    f.image = (struct record_image){
        .info = f.sample.info,
        .bytes = (size_t)(value_bytes - front.len),
        .hash = wit_hash128_from_bytes((const uint8_t *)front.data + IMAGE_HASH_AT),
        .changed = f.sample.changed,
    };
    *out = f;
    return 0;
}

static int image_verify(struct wit_hash128 key, struct wit_hash128 said, uint8_t changed,
                        struct wit_str image, struct wit_error *err) {
    if (!wit_hash128_eq(said, wit_hash128_of(image.data, image.len)))
        return wit_error_set(err, WIT_ECORRUPT, "the image bytes do not match their hash");
    if (!changed && !wit_hash128_eq(said, key))
        return wit_error_set(err, WIT_ECORRUPT, "the key is not the hash of the image bytes");
    return 0;
}

int record_body_verify(const struct record_front *front, struct wit_str body,
                       struct wit_error *err) {
    return image_verify(front->sample.key, front->image.hash, front->image.changed, body, err);
}

struct wit_hash128 record_sample_hash(struct wit_hash128 key, struct wit_str value) {
    uint8_t bytes[32];
    wit_hash128_to_bytes(key, bytes);
    wit_hash128_to_bytes(wit_hash128_of(value.data, value.len), bytes + 16);
    return wit_hash128_of(bytes, sizeof bytes);
}

int record_verify(struct wit_shards_sample *sample, struct wit_error *err) {
    const uint8_t *h = (const uint8_t *)sample->value.data;
    size_t front = sample->value.len - sample->image.len;
    int st = front_verify(sample->key, wit_str_slice(sample->value, 0, front), err);
    if (st >= 0)
        st = image_verify(sample->key, wit_hash128_from_bytes(h + IMAGE_HASH_AT), h[1],
                          sample->image, err);
    if (st < 0)
        return st;
    sample->hash = record_sample_hash(sample->key, sample->value);
    return 0;
}

struct wit_shards_caption_iter wit_shards_captions(const struct wit_shards_sample *s) {
    return (struct wit_shards_caption_iter){ .sample = s, .at = RECORD_HEADER_BYTES };
}

bool wit_shards_caption_next(struct wit_shards_caption_iter *it, struct wit_shards_caption *out) {
    const struct wit_shards_sample *s = it->sample;
    struct record_caption caption;
    uint16_t tag;
    if (it->next == s->caption_count ||
        !field_next(s->value, s->value.len - s->image.len, &it->at, &tag, &caption))
        return false; /* record_decode has checked them all */
    it->next++;
    *out = (struct wit_shards_caption){ .text = caption.text,
                                        .source = (enum wit_shards_source)caption.source };
    return true;
}

struct wit_shards_caption wit_shards_sample_caption(const struct wit_shards_sample *s, uint32_t i) {
    struct wit_shards_caption_iter it = wit_shards_captions(s);
    struct wit_shards_caption caption = { .text = { NULL, 0 } };
    assert(i < s->caption_count);
    while (wit_shards_caption_next(&it, &caption) && it.next <= i)
        continue;
    return caption;
}
