/* runs.c: one shard file stands for several runs, in each of which other records are hidden. */
#include "runs.h"
#include "publish.h"
#include "shard_file.h"

#include <stdlib.h>

int runs_hide(const char *dir, int bits, struct manifest_shard *s, uint64_t rest, bool equal,
              struct wit_error *err) {
    struct shard_file *f = NULL;
    struct wit_hash128 key;
    struct hidden_keys hidden = { NULL, 0 };
    int st = shard_file_open(dir, s->file, NULL, bits, &f, err);
    if (st < 0)
        return st;
    hidden.keys = wit_alloc_array((size_t)shard_file_samples(f) + 1, sizeof *hidden.keys);
    if (!hidden.keys)
        abort();
    for (uint64_t i = 0; shard_file_key(f, i, &key); i++)
        if ((i % 3 == rest) == equal)
            hidden.keys[hidden.count++] = key;
    shard_file_unref(f);
    st = hidden_write(dir, s, &hidden, err);
    struct manifest_shard measured = *s;
    if (st >= 0)
        st = shard_file_measure(dir, s->file, bits, NULL, NULL, NULL, &measured, err);
    if (st >= 0)
        *s = measured;
    hidden_finish(&hidden);
    return st;
}

int runs_again(const char *dir, int bits, struct manifest_shard *s, struct wit_error *err) {
    char from[WIT_PATH_MAX], to[WIT_PATH_MAX];
    struct wit_buf bytes = WIT_BUF_INIT((size_t)1 << 30);
    int st = manifest_shard_path(from, dir, s->file, err);
    s->run = 1;
    s->hidden_count = 0;
    manifest_file_name(s, bits, s->file);
    if (st >= 0)
        st = manifest_shard_path(to, dir, s->file, err);
    if (st >= 0)
        st = wit_file_read(from, &bytes, err);
    if (st >= 0)
        st = wit_file_write_atomic(to, wit_buf_view(&bytes), err);
    wit_buf_finish(&bytes);
    return st;
}

int runs_publish(const char *dir, const struct manifest *like, struct manifest_shard *shards,
                 size_t count, struct wit_error *err) {
    struct manifest m = *like;
    m.shards = shards;
    m.count = count;
    m.next_run = 2;
    m.tool = WIT_STR("test");
    manifest_total(&m);
    return dataset_publish(dir, &m, err);
}

int runs_split(const char *dir, bool remove, struct wit_error *err) {
    struct manifest m;
    int st = manifest_load(dir, &m, err);
    if (st < 0)
        return st;
    struct manifest_shard *shards = wit_alloc_array(2 * m.count + 1, sizeof *shards);
    if (!shards)
        abort();
    size_t count = 0;
    for (size_t i = 0; i < m.count && st >= 0; i++) {
        struct manifest_shard *first = &shards[count++];
        *first = m.shards[i];
        if (first->samples < 3)
            continue;
        struct manifest_shard *second = &shards[count++];
        *second = m.shards[i];
        st = runs_again(dir, m.shard_bits, second, err);
        if (st >= 0)
            st = runs_hide(dir, m.shard_bits, second, 1, false, err);
        if (st >= 0) /* remainder 1, or all but 0 */
            st = runs_hide(dir, m.shard_bits, first, remove ? 0 : 1, !remove, err);
    }
    if (st >= 0)
        st = runs_publish(dir, &m, shards, count, err);
    free(shards);
    manifest_finish(&m);
    return st;
}
