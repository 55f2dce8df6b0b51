/* look_file.c: header and entries, checked whole before anything is believed. */
#include "look_file.h"
#include "manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { HEADER_BYTES = 48, HASHED_BYTES = 32, ENTRY_BYTES = 104, VERSION = 1, DECODES = 1 };
#define FILE_MAX_BYTES (HEADER_BYTES + ((size_t)1 << 32) * ENTRY_BYTES)

static const char magic[8] = { 'W', 'I', 'T', 'P', 'H', 'A', 'S', 'H' };

void looks_finish(struct looks *l) {
    free(l->items);
    *l = (struct looks){ NULL, 0 };
}

static int order_key(const void *key, const void *look) {
    return wit_hash128_cmp(*(const struct wit_hash128 *)key,
                           ((const struct wit_shards_look *)look)->key);
}

const struct wit_shards_look *looks_find(const struct looks *l, struct wit_hash128 key) {
    return l->count ? bsearch(&key, l->items, (size_t)l->count, sizeof *l->items, order_key) : NULL;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void entry_encode(const struct wit_shards_look *l, uint8_t out[ENTRY_BYTES]) {
    memset(out, 0, ENTRY_BYTES);
    wit_hash128_to_bytes(l->key, out);
    wit_image_phash_to_bytes(&l->hashes.pdq, out + 16);
    wit_image_phash_to_bytes(&l->hashes.area, out + 48);
    out[80] = (uint8_t)l->hashes.quality;
    out[81] = l->decodes ? DECODES : 0;
    wit_store_le32(out + 84, l->width);
    wit_store_le32(out + 88, l->height);
    wit_store_le32(out + 92, l->image_bytes);
    wit_store_le32(out + 96, l->captions);
    wit_store_le32(out + 100, l->urls);
}

static bool entry_decode(const uint8_t in[ENTRY_BYTES], struct wit_shards_look *out) {
    *out = (struct wit_shards_look){ .key = wit_hash128_from_bytes(in),
                                     .hashes = { .pdq = wit_image_phash_from_bytes(in + 16),
                                                 .area = wit_image_phash_from_bytes(in + 48),
                                                 .quality = in[80] },
                                     .decodes = in[81] == DECODES,
                                     .width = wit_load_le32(in + 84),
                                     .height = wit_load_le32(in + 88),
                                     .image_bytes = wit_load_le32(in + 92),
                                     .captions = wit_load_le32(in + 96),
                                     .urls = wit_load_le32(in + 100) };
    return in[80] <= 100 && in[81] <= DECODES && in[82] == 0 && in[83] == 0;
}

/* Over all of the file but the hash itself. */
static struct wit_hash128 file_hash(const uint8_t *file, size_t len, struct wit_hasher *hasher) {
    wit_hasher_reset(hasher);
    wit_hasher_update(hasher, file, HASHED_BYTES);
    wit_hasher_update(hasher, file + HEADER_BYTES, len - HEADER_BYTES);
    return wit_hasher_digest(hasher);
}

int look_file_encode(const struct looks *l, struct wit_buf *out) {
    uint8_t bytes[ENTRY_BYTES] = { 0 };
    const size_t start = out->len;
    struct wit_hasher *hasher = wit_hasher_create();
    memcpy(bytes, magic, sizeof magic);
    wit_store_le32(bytes + 8, VERSION);
    wit_store_le32(bytes + 12, ENTRY_BYTES);
    wit_store_le64(bytes + 16, l->count);
    int st = hasher ? wit_buf_append(out, bytes, HEADER_BYTES) : WIT_ENOMEM;
    for (uint64_t i = 0; i < l->count && st >= 0; i++) {
        entry_encode(&l->items[i], bytes);
        st = wit_buf_append(out, bytes, ENTRY_BYTES);
    }
    if (st >= 0) {
        uint8_t *file = (uint8_t *)out->data + start;
        wit_hash128_to_bytes(file_hash(file, out->len - start, hasher), file + HASHED_BYTES);
    }
    wit_hasher_destroy(hasher);
    return st;
}

static int header_check(struct wit_str bytes, uint64_t *count, struct wit_error *err) {
    const uint8_t *b = (const uint8_t *)bytes.data;
    if (bytes.len < HEADER_BYTES || memcmp(b, magic, sizeof magic) != 0)
        return wit_error_set(err, WIT_ECORRUPT, "not a file of perceptual hashes");
    if (wit_load_le32(b + 8) != VERSION || wit_load_le32(b + 12) != ENTRY_BYTES)
        return wit_error_set(err, WIT_EUNSUPPORTED, "version %" PRIu32 " is not known here",
                             wit_load_le32(b + 8));
    *count = wit_load_le64(b + 16);
    if (*count != (bytes.len - HEADER_BYTES) / ENTRY_BYTES ||
        (bytes.len - HEADER_BYTES) % ENTRY_BYTES != 0 || wit_load_le64(b + 24) != 0)
        return wit_error_set(err, WIT_ECORRUPT, "%zu bytes are not %" PRIu64 " entries", bytes.len,
                             *count);
    struct wit_hasher *hasher = wit_hasher_create();
    if (!hasher)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a hash");
    bool same =
        wit_hash128_eq(file_hash(b, bytes.len, hasher), wit_hash128_from_bytes(b + HASHED_BYTES));
    wit_hasher_destroy(hasher);
    return same ? 0 : wit_error_set(err, WIT_ECORRUPT, "its bytes do not match its hash");
}

int look_file_decode(struct wit_str bytes, struct looks *out, struct wit_error *err) {
    struct looks l = { NULL, 0 };
    uint64_t count = 0;
    int st = header_check(bytes, &count, err);
    if (st < 0)
        return st;
    l.items = wit_alloc_array((size_t)count + 1, sizeof *l.items);
    if (!l.items)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %" PRIu64 " perceptual hashes", count);
    const uint8_t *at = (const uint8_t *)bytes.data + HEADER_BYTES;
    for (; l.count < count && st >= 0; l.count++, at += ENTRY_BYTES) {
        struct wit_shards_look *look = &l.items[l.count];
        if (!entry_decode(at, look) ||
            (l.count > 0 && wit_hash128_cmp(look[-1].key, look->key) >= 0))
            st = wit_error_set(err, WIT_ECORRUPT, "entry %" PRIu64 " can't be", l.count);
    }
    if (st < 0)
        looks_finish(&l);
    else
        *out = l;
    return st;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* How much of a shard's name stays. */
static size_t shard_stem(const char *shard) {
    const char *dot = strrchr(shard, '.');
    return dot ? (size_t)(dot - shard) : strlen(shard);
}

int look_file_path(char out[WIT_PATH_MAX], const char *dir, const char *shard,
                   struct wit_error *err) {
    int n = snprintf(out, WIT_PATH_MAX, "%s/shards/%.*s.phash", dir, (int)shard_stem(shard), shard);
    return n >= 0 && n < WIT_PATH_MAX ? 0
                                      : wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
}

bool look_file_is_of(const char *shard, const char *name) {
    const size_t stem = shard_stem(shard);
    return strncmp(shard, name, stem) == 0 && strcmp(name + stem, ".phash") == 0;
}

int look_file_read(const char *dir, const char *shard, struct looks *out, struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(FILE_MAX_BYTES);
    char path[WIT_PATH_MAX];
    int st = look_file_path(path, dir, shard, err);
    if (st >= 0)
        st = wit_file_read(path, &bytes, err);
    if (st >= 0 && (st = look_file_decode(wit_buf_view(&bytes), out, err)) < 0)
        wit_error_wrap(err, "%s", path);
    wit_buf_finish(&bytes);
    return st < 0 ? st : 0;
}

int look_file_write(const char *dir, const char *shard, const struct looks *l,
                    struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(FILE_MAX_BYTES);
    char path[WIT_PATH_MAX];
    int st = look_file_path(path, dir, shard, err);
    if (st >= 0 && (st = look_file_encode(l, &bytes)) < 0)
        wit_error_set(err, st, "cannot make %s: %s", path, wit_status_meaning(st));
    else if (st >= 0)
        st = wit_file_write_atomic(path, wit_buf_view(&bytes), err);
    wit_buf_finish(&bytes);
    return st;
}

/* Where a name ends so, how long it is without that; else 0. */
static size_t stem_of(const char *name, struct wit_str end) {
    const struct wit_str s = wit_str_from(name);
    return wit_str_ends_with(s, end) ? s.len - end.len : 0;
}

/* 1 where a sealed shard or the index of a tar has this stem, else 0. ELIMIT. */
static int shard_is_there(const char *dir, const char *name, size_t stem) {
    static const char *const endings[] = { ".lmdb", ".tarx" };
    char path[WIT_PATH_MAX];
    bool there = false;
    for (size_t i = 0; i < WIT_COUNT_OF(endings) && !there; i++) {
        int n = snprintf(path, sizeof path, "%s/shards/%.*s%s", dir, (int)stem, name, endings[i]);
        if (n < 0 || n >= WIT_PATH_MAX)
            return WIT_ELIMIT;
        there = wit_file_exists(path);
    }
    return there;
}

int look_file_strays_remove(const char *dir, struct wit_error *err) {
    char folder[WIT_PATH_MAX], path[WIT_PATH_MAX];
    struct wit_strings names = { NULL, 0 };
    int st = manifest_shard_path(folder, dir, "", err);
    if (st >= 0)
        st = wit_dir_list(folder, &names, err);
    for (size_t i = 0; i < names.count && st >= 0; i++) {
        const size_t half = stem_of(names.items[i], WIT_STR(".phash.tmp"));
        const size_t stem = half ? half : stem_of(names.items[i], WIT_STR(".phash"));
        if (stem == 0)
            continue;
        if (!half && shard_is_there(dir, names.items[i], stem) != 0)
            continue;
        st = manifest_shard_path(path, dir, names.items[i], err);
        if (st >= 0 && unlink(path) < 0 && errno != ENOENT)
            st = wit_error_errno(err, errno, "cannot remove %s", path);
    }
    wit_strings_finish(&names);
    return st;
}
