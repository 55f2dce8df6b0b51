/* collect_format.c: names, lengths and heads of what is collected. docs/formats/shard.md. */
#include "collect.h"

int collect_path(char out[WIT_PATH_MAX], const char *dir, const char *name, struct wit_error *err) {
    int n = snprintf(out, WIT_PATH_MAX, "%s/collect%s%s", dir, *name ? "/" : "", name);
    if (n < 0 || n >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    return 0;
}

int collect_images_path(char out[WIT_PATH_MAX], const char *dir, unsigned group,
                        struct wit_error *err) {
    char name[32];
    snprintf(name, sizeof name, "images-%x.log", group);
    return collect_path(out, dir, name, err);
}

void collect_commit_put(const struct collect_commit *c, uint8_t out[COLLECT_COMMIT_BYTES]) {
    wit_hash128_to_bytes(c->id, out);
    uint8_t *p = out + 16;
    wit_store_le64(p, c->candidates);
    for (unsigned g = 0; g < COLLECT_GROUPS; g++)
        wit_store_le64(p += 8, c->images[g]);
    wit_store_le64(p += 8, c->totals.candidates);
    wit_store_le64(p += 8, c->totals.images);
    wit_store_le64(p += 8, c->totals.refusals);
    wit_store_le64(p += 8, c->totals.image_bytes);
}

void collect_commit_get(const uint8_t in[COLLECT_COMMIT_BYTES], struct collect_commit *c) {
    c->id = wit_hash128_from_bytes(in);
    const uint8_t *p = in + 16;
    c->candidates = wit_load_le64(p);
    for (unsigned g = 0; g < COLLECT_GROUPS; g++)
        c->images[g] = wit_load_le64(p += 8);
    c->totals.candidates = wit_load_le64(p += 8);
    c->totals.images = wit_load_le64(p += 8);
    c->totals.refusals = wit_load_le64(p += 8);
    c->totals.image_bytes = wit_load_le64(p += 8);
}

/* The next `len` bytes of a head; false when they are not there. */
static bool take(struct wit_str head, size_t *at, uint64_t len, struct wit_str *out) {
    if (len > head.len - *at)
        return false;
    *out = wit_str_slice(head, *at, *at + (size_t)len);
    *at += (size_t)len;
    return true;
}

static bool too_long(struct wit_str field) {
    return field.len > WIT_SHARDS_MAX_FIELD_BYTES;
}

/* Which lengths stand behind those of url, text and page. */
enum {
    CANDIDATE_HAS_MORE = 1,  /* of extra and digest */
    CANDIDATE_HAS_RIGHTS = 2 /* and of rights */
};

int collect_candidate_encode(const struct wit_shards_candidate *c,
                             uint8_t head[COLLECT_CANDIDATE_HEAD_MOST]) {
    bool more = c->extra.len || c->digest.len;
    uint8_t *end = head + COLLECT_CANDIDATE_HEAD_BYTES;
    if (too_long(c->url) || too_long(c->text) || too_long(c->page) || too_long(c->extra) ||
        too_long(c->digest) || c->rights.len > WIT_SHARDS_MAX_RIGHTS_BYTES)
        return WIT_ELIMIT;
    wit_store_le16(head, (uint16_t)c->source);
    wit_store_le16(head + 2, (uint16_t)((more ? CANDIDATE_HAS_MORE : 0) |
                                        (c->rights.len ? CANDIDATE_HAS_RIGHTS : 0)));
    wit_store_le32(head + 4, (uint32_t)c->url.len);
    wit_store_le32(head + 8, (uint32_t)c->text.len);
    wit_store_le32(head + 12, (uint32_t)c->page.len);
    if (more) {
        wit_store_le32(end, (uint32_t)c->extra.len);
        wit_store_le32(end + 4, (uint32_t)c->digest.len);
        end += 8;
    }
    if (c->rights.len) {
        wit_store_le32(end, (uint32_t)c->rights.len);
        end += 4;
    }
    return (int)(end - head);
}

bool collect_candidate_complete(const struct wit_shards_candidate *c) {
    return c->url.len && (c->text.len || c->source == WIT_SHARDS_LIST);
}

int collect_candidate_decode(struct wit_str head, struct wit_shards_candidate *out,
                             struct wit_error *err) {
    struct wit_shards_candidate c = { .extra = { NULL, 0 } };
    const uint8_t *p = (const uint8_t *)head.data;
    if (head.len < COLLECT_CANDIDATE_HEAD_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "a candidate's head is cut short");
    uint16_t flags = wit_load_le16(p + 2);
    bool more = flags & CANDIDATE_HAS_MORE, rights = flags & CANDIDATE_HAS_RIGHTS;
    size_t rights_at = COLLECT_CANDIDATE_HEAD_BYTES + (more ? 8 : 0);
    size_t at = rights_at + (rights ? 4 : 0);
    if ((flags & ~(CANDIDATE_HAS_MORE | CANDIDATE_HAS_RIGHTS)) || head.len < at ||
        !take(head, &at, wit_load_le32(p + 4), &c.url) ||
        !take(head, &at, wit_load_le32(p + 8), &c.text) ||
        !take(head, &at, wit_load_le32(p + 12), &c.page) ||
        (more && (!take(head, &at, wit_load_le32(p + 16), &c.extra) ||
                  !take(head, &at, wit_load_le32(p + 20), &c.digest))) ||
        (rights && !take(head, &at, wit_load_le32(p + rights_at), &c.rights)) || at != head.len ||
        c.rights.len > WIT_SHARDS_MAX_RIGHTS_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "a candidate's lengths do not add up");
    c.source = (enum wit_shards_source)wit_load_le16(p);
    if (!collect_candidate_complete(&c))
        return wit_error_set(err, WIT_ECORRUPT, "a candidate without a URL or text");
    *out = c;
    return 0;
}

enum { FLAG_PROGRESSIVE = 1, FLAG_ALPHA = 2 };

int collect_image_encode(const struct collect_image *image, uint8_t head[COLLECT_IMAGE_HEAD_MOST]) {
    const struct wit_shards_fetched *f = &image->fetched;
    if (too_long(f->url) || too_long(f->final_url) || too_long(f->headers) || too_long(f->rights) ||
        f->bytes.len > WIT_SHARDS_MAX_IMAGE_BYTES)
        return WIT_ELIMIT;
    memset(head, 0, COLLECT_IMAGE_HEAD_MOST);
    wit_hash128_to_bytes(image->key, head);
    wit_store_le64(head + 16, (uint64_t)f->fetched_at_s);
    wit_store_le32(head + 24, f->info.width);
    wit_store_le32(head + 28, f->info.height);
    head[32] = (uint8_t)f->info.format;
    head[33] = f->info.orientation;
    head[34] = f->info.components;
    head[35] = f->info.bit_depth;
    head[36] =
        (uint8_t)((f->info.progressive ? FLAG_PROGRESSIVE : 0) | (f->info.alpha ? FLAG_ALPHA : 0));
    head[37] = f->changed;
    wit_store_le32(head + 40, (uint32_t)f->url.len);
    wit_store_le32(head + 44, (uint32_t)f->final_url.len);
    wit_store_le32(head + 48, (uint32_t)f->headers.len);
    wit_store_le32(head + 52, (uint32_t)f->rights.len);
    if (!f->changed)
        return COLLECT_IMAGE_HEAD_BYTES;
    wit_hash128_to_bytes(image->stored, head + 56);
    wit_store_le32(head + 72, f->fetched_width);
    wit_store_le32(head + 76, f->fetched_height);
    return COLLECT_IMAGE_HEAD_MOST;
}

int collect_image_decode(struct wit_str head, struct collect_image *out, struct wit_error *err) {
    struct collect_image image = { .key = { 0, 0 } };
    struct wit_shards_fetched *f = &image.fetched;
    size_t at = COLLECT_IMAGE_HEAD_BYTES;
    const uint8_t *p = (const uint8_t *)head.data;
    if (head.len < at)
        return wit_error_set(err, WIT_ECORRUPT, "an image's head is cut short");
    const bool changed = p[37] != 0;
    if (changed)
        at = COLLECT_IMAGE_HEAD_MOST;
    if ((p[37] & ~(WIT_SHARDS_TRANSCODED | WIT_SHARDS_RESIZED)) || head.len < at ||
        !take(head, &at, wit_load_le32(p + 40), &f->url) ||
        !take(head, &at, wit_load_le32(p + 44), &f->final_url) ||
        !take(head, &at, wit_load_le32(p + 48), &f->headers) ||
        !take(head, &at, wit_load_le32(p + 52), &f->rights) || at != head.len || f->url.len == 0)
        return wit_error_set(err, WIT_ECORRUPT, "an image's lengths do not add up");
    image.key = image.stored = wit_hash128_from_bytes(p);
    f->changed = p[37];
    if (changed) {
        image.stored = wit_hash128_from_bytes(p + 56);
        f->fetched_key = image.key;
        f->fetched_width = wit_load_le32(p + 72);
        f->fetched_height = wit_load_le32(p + 76);
    }
    f->fetched_at_s = (int64_t)wit_load_le64(p + 16);
    f->info = (struct wit_image_info){
        .format = (enum wit_image_format)p[32],
        .orientation = p[33],
        .components = p[34],
        .bit_depth = p[35],
        .progressive = p[36] & FLAG_PROGRESSIVE,
        .alpha = p[36] & FLAG_ALPHA,
        .width = wit_load_le32(p + 24),
        .height = wit_load_le32(p + 28),
    };
    *out = image;
    return 0;
}

enum { OUTCOME_STORED_BYTES = 1 + 16 + 4 * 4 };

size_t collect_outcome_encode(const struct wit_shards_outcome *o,
                              uint8_t out[COLLECT_OUTCOME_MOST_BYTES]) {
    out[0] = (uint8_t)o->status;
    if (o->status == COLLECT_STORED) {
        wit_hash128_to_bytes(o->key, out + 1);
        wit_store_le32(out + 17, o->width_px);
        wit_store_le32(out + 21, o->height_px);
        wit_store_le32(out + 25, o->fetched_width_px);
        wit_store_le32(out + 29, o->fetched_height_px);
        return OUTCOME_STORED_BYTES;
    }
    size_t len =
        o->reason.len < COLLECT_REASON_MOST_BYTES ? o->reason.len : COLLECT_REASON_MOST_BYTES;
    if (len)
        memcpy(out + 1, o->reason.data, len);
    return 1 + len;
}

void collect_outcome_decode(struct wit_str value, struct wit_shards_outcome *out) {
    const uint8_t *p = (const uint8_t *)value.data;
    *out = (struct wit_shards_outcome){ .status = value.len ? p[0] : 0 };
    if (out->status == COLLECT_STORED && value.len == OUTCOME_STORED_BYTES) {
        out->key = wit_hash128_from_bytes(p + 1);
        out->width_px = wit_load_le32(p + 17);
        out->height_px = wit_load_le32(p + 21);
        out->fetched_width_px = wit_load_le32(p + 25);
        out->fetched_height_px = wit_load_le32(p + 29);
    } else if (out->status == COLLECT_REFUSED) {
        out->reason = wit_str_slice(value, 1, value.len);
    }
}
