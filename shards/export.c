/*
 * export.c: the samples of a dataset in their order, cut into shards of another layout.
 *
 * OUT/export.json is written first and says what the export is of: a folder with another one, or
 * with anything else, is left alone.
 */
#include "export_sample.h"
#include "export_shard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define FACTS_MOST_BYTES ((size_t)1 << 30)
enum { HEAD_MOST_BYTES = 4096, SHARD_DIGITS = 5, NAME_MOST = 48 };
static const char head_name[] = "export.json";

static const char *const layout_names[] = { "webdataset", "files", "metadata" };
static const char *const caption_names[] = { "first", "all", "join" };

struct exporter {
    const struct wit_shards_export_config *cfg;
    struct wit_shards_dataset *ds;
    int lock;               /* of the folder; -1 */
    size_t shard;           /* of the dataset, */
    uint64_t index;         /* and in it: the next sample */
    uint64_t done, samples; /* of the whole dataset */
    uint64_t key_step;      /* between the first keys of two shards */
    int key_digits;
    struct wit_buf record, origins, caption, facts, extra;
    struct wit_shards_export_report report;
};

struct wit_shards_export_config wit_shards_export_config_default(void) {
    return (struct wit_shards_export_config){ .per_shard = 10000 };
}

/* ---- the folder ----------------------------------------------------------------------------- */

static int head_make(const struct exporter *e, struct wit_buf *out, struct wit_error *err) {
    struct wit_hasher *files = wit_hasher_create();
    char hex[WIT_HASH128_HEX];
    struct wit_json_writer w;
    if (!files)
        return wit_error_set(err, WIT_ENOMEM, "no memory for an export");
    for (size_t s = 0; s < wit_shards_dataset_shards(e->ds); s++) {
        struct wit_shards_shard_info info;
        uint8_t hash[16];
        wit_shards_shard_info(e->ds, s, &info);
        wit_hash128_to_bytes(info.file_hash, hash);
        wit_hasher_update(files, hash, sizeof hash);
    }
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, "wit.export/1");
    wit_json_key(&w, "dataset");
    wit_hash128_to_hex(wit_shards_dataset_hash(e->ds), hex);
    wit_json_put_cstr(&w, hex);
    wit_json_key(&w, "files"); /* the dataset's hash does not cover origins, its files' hashes do */
    wit_hash128_to_hex(wit_hasher_digest(files), hex);
    wit_json_put_cstr(&w, hex);
    wit_json_key(&w, "samples");
    wit_json_put_u64(&w, e->samples);
    wit_json_key(&w, "to");
    wit_json_put_cstr(&w, layout_names[e->cfg->layout]);
    wit_json_key(&w, "per_shard");
    wit_json_put_u64(&w, e->cfg->per_shard);
    wit_json_key(&w, "captions");
    wit_json_put_cstr(&w, caption_names[e->cfg->captions]);
    wit_json_key(&w, "parquet");
    wit_json_put_bool(&w, e->cfg->parquet);
    wit_json_object_end(&w);
    wit_hasher_destroy(files);
    int st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(out, '\n');
    return st < 0 ? wit_error_set(err, st, "no memory for an export") : 0;
}

/* Nothing in it but what a run that ended at its very start may have left. */
static int folder_is_free(const char *out, struct wit_error *err) {
    struct wit_strings names = { NULL, 0 };
    int st = wit_dir_list(out, &names, err);
    for (size_t i = 0; i < names.count && st >= 0; i++)
        if (strncmp(names.items[i], head_name, sizeof head_name - 1) != 0)
            st = wit_error_set(err, WIT_EEXIST,
                               "%s holds '%s' and no export: name a folder of its own", out,
                               names.items[i]);
    wit_strings_finish(&names);
    return st;
}

static int head_check(const char *path, const char *out, struct wit_str want,
                      struct wit_error *err) {
    struct wit_buf have = WIT_BUF_INIT(HEAD_MOST_BYTES);
    int st = wit_file_read(path, &have, err);
    if (st >= 0 && !wit_str_eq(wit_buf_view(&have), want))
        st =
            wit_error_set(err, WIT_EEXIST,
                          "%s holds an export of another dataset or with other settings (%s): name "
                          "another folder, or remove it",
                          out, path);
    wit_buf_finish(&have);
    return st;
}

static int folder_lock(struct exporter *e, struct wit_error *err) {
    const char *out = e->cfg->out;
    e->lock = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (e->lock < 0)
        return wit_error_errno(err, errno, "cannot open directory %s", out);
    if (flock(e->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return wit_error_set(err, WIT_EEXIST, "another process exports into %s", out);
    return wit_error_errno(err, errno, "cannot lock %s", out);
}

static int folder_open(struct exporter *e, struct wit_error *err) {
    struct wit_buf head = WIT_BUF_INIT(HEAD_MOST_BYTES);
    char path[WIT_PATH_MAX];
    const char *out = e->cfg->out;
    int st = head_make(e, &head, err);
    if (st >= 0 && wit_path_join(path, out, head_name) < 0)
        st = wit_error_set(err, WIT_ELIMIT, "path is too long: %s", out);
    if (st >= 0)
        st = wit_dir_make(out, err);
    if (st >= 0)
        st = folder_lock(e, err);
    if (st >= 0 && wit_file_exists(path)) {
        st = head_check(path, out, wit_buf_view(&head), err);
    } else if (st >= 0) {
        st = folder_is_free(out, err);
        if (st >= 0)
            st = wit_file_write_atomic(path, wit_buf_view(&head), err);
    }
    wit_buf_finish(&head);
    return st;
}

/* ---- samples -------------------------------------------------------------------------------- */

/* Past `count` samples, unread. */
static void samples_skip(struct exporter *e, uint64_t count) {
    e->done += count;
    while (count) {
        uint64_t left = wit_shards_shard_samples(e->ds, e->shard) - e->index;
        uint64_t step = left < count ? left : count;
        e->index += step;
        count -= step;
        if (step == left) {
            wit_shards_shard_release(e->ds, e->shard++);
            e->index = 0;
        }
    }
}

static int member_put(struct export_shard *shard, const char *key, const char *suffix,
                      struct wit_str data, struct wit_error *err) {
    char name[NAME_MOST];
    snprintf(name, sizeof name, "%s.%s", key, suffix);
    return export_shard_put(shard, name, data, err);
}

/* An origin has no hash of its own: that it is damaged shows when it is read. */
static int origin_blame(const struct exporter *e, struct wit_hash128 key, int st,
                        struct wit_error *err) {
    struct wit_shards_shard_info info;
    char hex[WIT_HASH128_HEX];
    if (st != WIT_EFORMAT)
        return st;
    wit_shards_shard_info(e->ds, e->shard, &info);
    wit_hash128_to_hex(key, hex);
    wit_error_wrap(err, "%s: the origin of sample %s is damaged", info.file, hex);
    return WIT_ECORRUPT;
}

/* Image, words and facts of the next sample. */
static int sample_put(struct exporter *e, struct export_shard *shard, uint64_t index,
                      struct wit_error *err) {
    struct wit_shards_sample sample;
    struct export_facts facts = { .origin = NULL };
    char key[NAME_MOST - 8];
    snprintf(key, sizeof key, "%0*" PRIu64, e->key_digits, shard->number * e->key_step + index);
    wit_buf_reset(&e->origins);
    wit_buf_reset(&e->caption);
    wit_buf_reset(&e->facts);
    int st = wit_shards_read(e->ds, e->shard, e->index, &e->record, &sample, err);
    if (st >= 0)
        st = wit_shards_origin(e->ds, sample.key, &e->origins, err);
    if (st >= 0) {
        st = export_caption(&sample, e->cfg->captions, &e->caption);
        if (st < 0)
            wit_error_set(err, st, "cannot write the words of a sample: %s",
                          wit_status_meaning(st));
    }
    if (st >= 0)
        st = origin_blame(e, sample.key,
                          export_facts_make(&sample, key, wit_buf_view(&e->caption),
                                            wit_buf_view(&e->origins), &facts, err),
                          err);
    if (st >= 0)
        st = export_facts_json(&facts, &e->facts, err);
    if (st >= 0 && shard->table)
        st = export_facts_row(&facts, shard->table, &e->extra, err);
    bool bare = e->cfg->layout == WIT_SHARDS_EXPORT_METADATA;
    if (st >= 0 && bare && shard->lines)
        st = export_shard_put_line(shard, wit_buf_view(&e->facts), err);
    if (st >= 0 && !bare)
        st = member_put(shard, key, export_suffix(sample.info.format), sample.image, err);
    if (st >= 0 && !bare)
        st = member_put(shard, key, "txt", wit_buf_view(&e->caption), err);
    if (st >= 0 && !bare)
        st = member_put(shard, key, "json", wit_buf_view(&e->facts), err);
    export_facts_finish(&facts);
    return st;
}

static int shard_fill(struct exporter *e, struct export_shard *shard, struct wit_error *err) {
    const struct wit_shards_export_config *cfg = e->cfg;
    int st = export_shard_begin(shard, err);
    for (uint64_t i = 0; i < shard->samples && st >= 0; i++) {
        st = sample_put(e, shard, i, err);
        if (st < 0)
            break;
        samples_skip(e, 1);
        if (cfg->progress)
            cfg->progress(cfg->user, e->done, e->samples);
        if (cfg->interrupt && *cfg->interrupt)
            st = wit_error_set(err, WIT_ECANCELED,
                               "interrupted at shard %s; the same command goes on there",
                               shard->file);
    }
    if (st >= 0)
        st = export_shard_commit(shard, err);
    export_shard_finish(shard);
    return st;
}

static int shards_write(struct exporter *e, struct wit_error *err) {
    const struct wit_shards_export_config *cfg = e->cfg;
    int st = 0;
    for (uint64_t n = 0; e->done < e->samples && st >= 0; n++) {
        struct export_shard shard;
        uint64_t left = e->samples - e->done;
        st = export_shard_init(&shard, cfg, n, left < cfg->per_shard ? left : cfg->per_shard, err);
        int whole = st < 0 ? st : export_shard_is_whole(&shard, err);
        if (whole > 0)
            samples_skip(e, shard.samples);
        st = whole < 0 ? whole : whole ? 0 : shard_fill(e, &shard, err);
        if (st < 0)
            break;
        e->report.shards++;
        e->report.kept += whole > 0;
        e->report.samples += shard.samples;
        e->report.bytes += shard.bytes;
        const struct wit_shards_exported exported = {
            .file = shard.file, .samples = shard.samples, .bytes = shard.bytes, .kept = whole > 0
        };
        if (cfg->exported)
            cfg->exported(cfg->user, &exported);
    }
    return st;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* img2dataset's keys: shard * 10^d + index with d digits for the index, five more for the shard. */
static void keys_plan(struct exporter *e) {
    e->key_step = 1;
    e->key_digits = SHARD_DIGITS;
    for (; e->key_step < e->cfg->per_shard; e->key_step *= 10)
        e->key_digits++;
}

static int config_check(const struct wit_shards_export_config *cfg, struct wit_error *err) {
    if (!cfg->out || !*cfg->out)
        return wit_error_set(err, WIT_EINVAL, "an export needs a folder");
    if (cfg->per_shard < 1 || cfg->per_shard > WIT_SHARDS_EXPORT_PER_SHARD_MOST ||
        (unsigned)cfg->layout >= WIT_COUNT_OF(layout_names) ||
        (unsigned)cfg->captions >= WIT_COUNT_OF(caption_names))
        return wit_error_set(err, WIT_EINVAL, "an export can't have these settings");
    if (cfg->parquet && !wit_table_is_supported())
        return wit_error_set(err, WIT_EUNSUPPORTED,
                             "parquet is not written by this build, which has no Arrow");
    return 0;
}

int wit_shards_export(const char *dir, const struct wit_shards_export_config *cfg,
                      struct wit_shards_export_report *report, struct wit_error *err) {
    struct exporter e = { .cfg = cfg,
                          .lock = -1,
                          .record = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES),
                          .origins = WIT_BUF_INIT(FACTS_MOST_BYTES),
                          .caption = WIT_BUF_INIT(WIT_SHARDS_MAX_CAPTION_BYTES),
                          .facts = WIT_BUF_INIT(FACTS_MOST_BYTES),
                          .extra = WIT_BUF_INIT(FACTS_MOST_BYTES) };
    int st = config_check(cfg, err);
    if (st >= 0)
        st = wit_shards_dataset_open(dir, NULL, &e.ds, err);
    if (st < 0)
        goto out;
    e.samples = wit_shards_dataset_samples(e.ds);
    keys_plan(&e);
    st = folder_open(&e, err);
    if (st >= 0)
        st = shards_write(&e, err);
    if (st >= 0)
        *report = e.report;
out:
    if (e.lock >= 0)
        close(e.lock);
    wit_shards_dataset_close(e.ds);
    wit_buf_finish(&e.record);
    wit_buf_finish(&e.origins);
    wit_buf_finish(&e.caption);
    wit_buf_finish(&e.facts);
    wit_buf_finish(&e.extra);
    return st < 0 ? st : 0;
}
