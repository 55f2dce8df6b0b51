/* dataset.c: a dataset open for reading. Shards are opened at their first use. */
#include "dataset.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

struct wit_shards_dataset {
    struct manifest manifest;
    bool skip_hashes;
    pthread_mutex_t lock;      /* guards files; held for opening a shard, never for reading it */
    struct shard_file **files; /* by shard; NULL until used and after a release */
    char dir[WIT_PATH_MAX];
};

/* Files that are missing or of another size are named before anything is read. */
static int files_check(const struct wit_shards_dataset *ds, struct wit_error *err) {
    for (size_t i = 0; i < ds->manifest.count; i++) {
        const struct manifest_shard *s = &ds->manifest.shards[i];
        char path[WIT_PATH_MAX];
        struct stat info;
        int st = manifest_shard_path(path, ds->dir, s->file, err);
        if (st < 0)
            return st;
        if (stat(path, &info) < 0)
            return wit_error_errno(err, errno, "cannot open shard %s", path);
        if ((uint64_t)info.st_size != s->file_bytes)
            return wit_error_set(err, WIT_ECORRUPT,
                                 "%s has %lld bytes, dataset.json says %" PRIu64
                                 ": it was cut or replaced",
                                 path, (long long)info.st_size, s->file_bytes);
    }
    return 0;
}

int wit_shards_dataset_open(const char *dir, const struct wit_shards_open_options *options,
                            struct wit_shards_dataset **out, struct wit_error *err) {
    struct wit_shards_dataset *ds = calloc(1, sizeof *ds);
    if (!ds || pthread_mutex_init(&ds->lock, NULL) != 0) {
        free(ds);
        return wit_error_set(err, WIT_ENOMEM, "no memory to open %s", dir);
    }
    ds->skip_hashes = options && options->skip_hashes;
    int st = snprintf(ds->dir, sizeof ds->dir, "%s", dir) < WIT_PATH_MAX
                 ? manifest_load(dir, &ds->manifest, err)
                 : wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    if (st >= 0)
        st = files_check(ds, err);
    if (st >= 0) {
        ds->files = wit_alloc_array(ds->manifest.count + 1, sizeof *ds->files);
        if (!ds->files)
            st = wit_error_set(err, WIT_ENOMEM, "no memory to open %s", dir);
    }
    if (st < 0)
        wit_shards_dataset_close(ds);
    else
        *out = ds;
    return st;
}

int dataset_sealed_open(const char *dir, struct wit_shards_dataset **out, struct wit_error *err) {
    struct wit_shards_dataset *ds = NULL;
    int st = wit_shards_dataset_open(dir, NULL, &ds, err);
    if (st >= 0 && ds->manifest.shard_bits == MANIFEST_IN_PLACE)
        st = wit_error_set(err, WIT_EUNSUPPORTED,
                           "%s is a dataset of samples that lie in tar files: import them first",
                           dir);
    if (st < 0)
        wit_shards_dataset_close(ds);
    else
        *out = ds;
    return st;
}

void wit_shards_dataset_close(struct wit_shards_dataset *ds) {
    if (!ds)
        return;
    for (size_t i = 0; ds->files && i < ds->manifest.count; i++)
        shard_file_unref(ds->files[i]);
    free(ds->files);
    manifest_finish(&ds->manifest);
    pthread_mutex_destroy(&ds->lock);
    free(ds);
}

uint64_t wit_shards_dataset_samples(const struct wit_shards_dataset *ds) {
    return ds->manifest.samples;
}

uint64_t wit_shards_dataset_pairs(const struct wit_shards_dataset *ds) {
    return ds->manifest.pairs;
}

struct wit_hash128 wit_shards_dataset_hash(const struct wit_shards_dataset *ds) {
    return ds->manifest.hash;
}

size_t wit_shards_dataset_shards(const struct wit_shards_dataset *ds) {
    return ds->manifest.count;
}

uint64_t wit_shards_shard_samples(const struct wit_shards_dataset *ds, size_t shard) {
    return ds->manifest.shards[shard].samples;
}

void wit_shards_shard_info(const struct wit_shards_dataset *ds, size_t shard,
                           struct wit_shards_shard_info *out) {
    const struct manifest_shard *s = &ds->manifest.shards[shard];
    *out = (struct wit_shards_shard_info){
        .file = s->file,
        .samples = s->samples,
        .pairs = s->pairs,
        .file_bytes = s->file_bytes,
        .image_bytes = s->image_bytes,
        .prefix = s->prefix,
        .run = s->run,
        .hidden = s->hidden_count,
        .file_hash = s->file_hash,
    };
}

const char *dataset_dir(const struct wit_shards_dataset *ds) {
    return ds->dir;
}

const struct manifest *dataset_manifest(const struct wit_shards_dataset *ds) {
    return &ds->manifest;
}

int dataset_file(struct wit_shards_dataset *ds, size_t shard, struct shard_file **out,
                 struct wit_error *err) {
    int st = 0;
    if (shard >= ds->manifest.count)
        return wit_error_set(err, WIT_EINVAL, "%s has no shard %zu", ds->dir, shard);
    const struct manifest_shard *s = &ds->manifest.shards[shard];
    pthread_mutex_lock(&ds->lock);
    if (!ds->files[shard])
        st = shard_file_open(ds->dir, s->file, s, ds->manifest.shard_bits, &ds->files[shard], err);
    if (st == WIT_ENOTFOUND) /* it was there when the dataset was opened */
        wit_error_wrap(err, "%s was sealed or compacted anew meanwhile, open it again", ds->dir);
    if (st >= 0)
        *out = shard_file_ref(ds->files[shard]);
    pthread_mutex_unlock(&ds->lock);
    return st;
}

int wit_shards_read(struct wit_shards_dataset *ds, size_t shard, uint64_t index,
                    struct wit_buf *buf, struct wit_shards_sample *out, struct wit_error *err) {
    struct shard_file *f = NULL;
    int st = dataset_file(ds, shard, &f, err);
    if (st < 0)
        return st;
    st = shard_file_read(f, index, !ds->skip_hashes, buf, out, err);
    shard_file_unref(f);
    return st;
}

int wit_shards_key(struct wit_shards_dataset *ds, size_t shard, uint64_t index,
                   struct wit_hash128 *out, struct wit_error *err) {
    struct shard_file *f = NULL;
    int st = dataset_file(ds, shard, &f, err);
    if (st < 0)
        return st;
    if (!shard_file_key(f, index, out))
        st = wit_error_set(err, WIT_EINVAL, "%s: shard %zu has no record %llu", ds->dir, shard,
                           (unsigned long long)index);
    shard_file_unref(f);
    return st;
}

size_t dataset_prefix_begin(const struct wit_shards_dataset *ds, uint32_t prefix) {
    size_t from = 0, to = ds->manifest.count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (ds->manifest.shards[mid].prefix < prefix)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

int wit_shards_find(struct wit_shards_dataset *ds, struct wit_hash128 key, size_t *shard,
                    uint64_t *index, struct wit_error *err) {
    char hex[WIT_HASH128_HEX];
    bool anywhere = ds->manifest.shard_bits == MANIFEST_IN_PLACE;
    uint32_t prefix = manifest_prefix(key, ds->manifest.shard_bits);
    for (size_t i = anywhere ? 0 : dataset_prefix_begin(ds, prefix);
         i < ds->manifest.count && (anywhere || ds->manifest.shards[i].prefix == prefix); i++) {
        struct shard_file *f = NULL;
        int st = dataset_file(ds, i, &f, err);
        if (st < 0)
            return st;
        int64_t at = shard_file_find(f, key);
        shard_file_unref(f);
        if (at < 0)
            continue;
        *shard = i;
        *index = (uint64_t)at;
        return 0;
    }
    wit_hash128_to_hex(key, hex);
    return wit_error_set(err, WIT_ENOTFOUND, "%s has no sample %s", ds->dir, hex);
}

int wit_shards_origin(struct wit_shards_dataset *ds, struct wit_hash128 key, struct wit_buf *out,
                      struct wit_error *err) {
    struct shard_file *f = NULL;
    uint64_t index;
    size_t shard;
    int st = wit_shards_find(ds, key, &shard, &index, err);
    if (st >= 0)
        st = dataset_file(ds, shard, &f, err);
    if (st < 0)
        return st;
    st = shard_file_origin(f, key, out, err);
    shard_file_unref(f);
    return st;
}

void wit_shards_prefetch(struct wit_shards_dataset *ds, size_t shard, uint64_t from,
                         uint64_t count) {
    struct shard_file *f = NULL;
    if (dataset_file(ds, shard, &f, NULL) < 0)
        return; /* a hint: reading will say what is wrong */
    shard_file_prefetch(f, from, count);
    shard_file_unref(f);
}

void wit_shards_shard_release(struct wit_shards_dataset *ds, size_t shard) {
    struct shard_file *f = NULL;
    if (shard >= ds->manifest.count)
        return;
    pthread_mutex_lock(&ds->lock);
    f = ds->files[shard];
    ds->files[shard] = NULL;
    pthread_mutex_unlock(&ds->lock);
    shard_file_unref(f);
}
