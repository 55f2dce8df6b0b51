/* hidden.c: lists of hidden keys, written whole and read whole. */
#include "hidden.h"

#include <stdlib.h>

enum { HEADER_BYTES = 24, KEY_BYTES = 16, VERSION = 1 };
#define HIDDEN_MAX_BYTES ((size_t)1 << 32) /* 268 million keys of one shard */

static const char magic[8] = "WITHID\0\n";

static int encode(const struct hidden_keys *h, struct wit_buf *out) {
    uint8_t header[HEADER_BYTES], key[KEY_BYTES];
    memcpy(header, magic, sizeof magic);
    wit_store_le32(header + 8, VERSION);
    wit_store_le32(header + 12, 0);
    wit_store_le64(header + 16, h->count);
    int st = wit_buf_append(out, header, sizeof header);
    for (uint64_t i = 0; i < h->count && st >= 0; i++) {
        wit_hash128_to_bytes(h->keys[i], key);
        st = wit_buf_append(out, key, sizeof key);
    }
    return st;
}

int hidden_write(const char *dir, struct manifest_shard *shard, const struct hidden_keys *keys,
                 struct wit_error *err) {
    char name[MANIFEST_FILE_MAX], path[WIT_PATH_MAX];
    struct wit_buf bytes = WIT_BUF_INIT(HIDDEN_MAX_BYTES);
    struct manifest_shard named = *shard;
    int st = encode(keys, &bytes);
    if (st < 0) {
        wit_error_set(err, st, "cannot list %llu hidden keys of %s",
                      (unsigned long long)keys->count, shard->file);
        goto out;
    }
    named.hidden_count = keys->count;
    named.hidden_hash = wit_hash128_of(bytes.data, bytes.len);
    manifest_hidden_name(&named, name);
    st = manifest_shard_path(path, dir, name, err);
    if (st >= 0)
        st = wit_file_write_atomic(path, wit_buf_view(&bytes), err);
    if (st >= 0)
        *shard = named;
out:
    wit_buf_finish(&bytes);
    return st < 0 ? st : 0;
}

int hidden_decode(struct wit_str bytes, struct hidden_keys *out, struct wit_error *err) {
    const uint8_t *p = (const uint8_t *)bytes.data;
    if (bytes.len < HEADER_BYTES || memcmp(p, magic, sizeof magic) != 0 ||
        wit_load_le32(p + 12) != 0)
        return wit_error_set(err, WIT_ECORRUPT, "is no list of hidden keys");
    if (wit_load_le32(p + 8) != VERSION)
        return wit_error_set(err, WIT_ECORRUPT, "is of version %u, this program reads %d",
                             wit_load_le32(p + 8), VERSION);
    uint64_t count = wit_load_le64(p + 16), room = (bytes.len - HEADER_BYTES) / KEY_BYTES;
    if (count != room || bytes.len != HEADER_BYTES + room * KEY_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "says %llu keys in %zu bytes",
                             (unsigned long long)count, bytes.len);
    struct hidden_keys h = { wit_alloc_array((size_t)count + 1, sizeof *h.keys), count };
    if (!h.keys)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %llu hidden keys",
                             (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++) {
        h.keys[i] = wit_hash128_from_bytes(p + HEADER_BYTES + i * KEY_BYTES);
        if (i > 0 && wit_hash128_cmp(h.keys[i - 1], h.keys[i]) >= 0) {
            hidden_finish(&h);
            return wit_error_set(err, WIT_ECORRUPT, "has key %llu out of order",
                                 (unsigned long long)i);
        }
    }
    *out = h;
    return 0;
}

int hidden_read(const char *dir, const struct manifest_shard *shard, struct hidden_keys *out,
                struct wit_error *err) {
    char name[MANIFEST_FILE_MAX], path[WIT_PATH_MAX];
    struct wit_buf bytes = WIT_BUF_INIT(HIDDEN_MAX_BYTES);
    struct hidden_keys h = { NULL, 0 };
    if (shard->hidden_count == 0) {
        *out = h;
        return 0;
    }
    manifest_hidden_name(shard, name);
    int st = manifest_shard_path(path, dir, name, err);
    if (st >= 0)
        st = wit_file_read(path, &bytes, err);
    if (st < 0)
        goto out;
    if (!wit_hash128_eq(wit_hash128_of(bytes.data, bytes.len), shard->hidden_hash))
        st = wit_error_set(err, WIT_ECORRUPT, "does not have the hash that dataset.json says");
    if (st >= 0)
        st = hidden_decode(wit_buf_view(&bytes), &h, err);
    if (st >= 0 && h.count != shard->hidden_count)
        st = wit_error_set(err, WIT_ECORRUPT, "hides %llu keys, dataset.json says %llu",
                           (unsigned long long)h.count, (unsigned long long)shard->hidden_count);
    if (st < 0) {
        wit_error_wrap(err, "%s", path);
        hidden_finish(&h);
    } else {
        *out = h;
    }
out:
    wit_buf_finish(&bytes);
    return st;
}

uint64_t hidden_bytes(uint64_t count) {
    return HEADER_BYTES + count * KEY_BYTES;
}

void hidden_finish(struct hidden_keys *h) {
    free(h->keys);
    *h = (struct hidden_keys){ NULL, 0 };
}

bool hidden_has(const struct hidden_keys *h, struct wit_hash128 key) {
    uint64_t from = 0, to = h->count;
    while (from < to) {
        uint64_t mid = from + (to - from) / 2;
        int order = wit_hash128_cmp(h->keys[mid], key);
        if (order == 0)
            return true;
        if (order < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return false;
}
