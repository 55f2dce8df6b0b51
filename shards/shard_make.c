/* shard_make.c: from a plan to a shard that dataset.json may name. */
#include "shard_make.h"
#include "shard_file.h"

int shard_plan_digest(const struct shard_writer_record *records, uint64_t count,
                      struct wit_hash128 *out, struct wit_error *err) {
    struct wit_hasher *h = wit_hasher_create();
    if (!h)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the plan of a shard");
    for (uint64_t i = 0; i < count; i++) {
        const struct shard_writer_record *r = &records[i];
        uint8_t head[32];
        wit_hash128_to_bytes(r->key, head);
        wit_store_be64(head + 16, r->front.len);
        wit_store_be64(head + 24, r->origin.len);
        wit_hasher_update(h, head, sizeof head);
        wit_hasher_update(h, r->front.data, r->front.len);
        wit_hasher_update(h, r->origin.data, r->origin.len);
    }
    *out = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

/* Read a shard back, every byte of it: what goes into dataset.json is what lies on the disk. */
static int measure(const char *dir, int shard_bits, const struct shard_writer_input *input,
                   const struct manifest_shard *want, struct manifest_shard *out,
                   struct wit_error *err) {
    struct manifest_shard is = *want;
    int st = shard_file_measure(dir, is.file, shard_bits, input->interrupt, NULL, NULL, &is, err);
    if (st >= 0 && (is.samples != input->count || is.pairs != want->pairs ||
                    is.image_bytes != want->image_bytes))
        st = wit_error_set(err, WIT_ECORRUPT, "%s/shards/%s does not hold what was written to it",
                           dir, is.file);
    if (st >= 0)
        *out = is;
    return st;
}

int shard_make(const char *dir, int shard_bits, const struct shard_writer_input *input,
               struct manifest_shard *shard, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_error why = WIT_ERROR_INIT;
    struct manifest_shard want = *shard;
    manifest_file_name(&want, shard_bits, want.file);
    int st = manifest_shard_path(path, dir, want.file, err);
    if (st < 0)
        return st;
    if (wit_file_exists(path)) { /* left by an interrupted job; the digest in its name is ours */
        st = measure(dir, shard_bits, input, &want, shard, &why);
        if (st >= 0)
            return 0;
        if (st == WIT_ECANCELED || st == WIT_ENOMEM) {
            if (err)
                *err = why;
            return st;
        }
    }
    st = shard_write(dir, want.file, input, err);
    return st < 0 ? st : measure(dir, shard_bits, input, &want, shard, err);
}
