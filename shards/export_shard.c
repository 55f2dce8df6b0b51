/* export_shard.c: written under "<name>.part", synced, renamed; then the statistics. */
#include "export_shard.h"
#include "export_sample.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

enum { STATS_MOST_BYTES = 4096, MEMBERS = 3 /* of a sample: image, words, facts */ };

static int path_make(char path[WIT_PATH_MAX], const struct export_shard *s, const char *suffix,
                     struct wit_error *err) {
    int len = snprintf(path, WIT_PATH_MAX, "%s/%05" PRIu64 "%s", s->out, s->number, suffix);
    if (len < 0 || len >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", s->out);
    return 0;
}

int export_shard_init(struct export_shard *s, const struct wit_shards_export_config *cfg,
                      uint64_t number, uint64_t samples, struct wit_error *err) {
    const char *suffix = cfg->layout == WIT_SHARDS_EXPORT_WEBDATASET ? ".tar"
                         : cfg->layout == WIT_SHARDS_EXPORT_FILES    ? ""
                         : cfg->parquet                              ? ".parquet"
                                                                     : ".jsonl";
    char part[EXPORT_FILE_MOST];
    *s = (struct export_shard){
        .out = cfg->out,
        .layout = cfg->layout,
        .number = number,
        .samples = samples,
        .parquet = cfg->parquet,
    };
    snprintf(s->file, sizeof s->file, "%05" PRIu64 "%s", number, suffix);
    snprintf(part, sizeof part, "%s.part", suffix);
    int st = path_make(s->path, s, suffix, err);
    if (st >= 0)
        st = path_make(s->part, s, part, err);
    if (st >= 0)
        st = path_make(s->table_path, s, ".parquet", err);
    return st < 0 ? st : path_make(s->stats, s, "_stats.json", err);
}

/* ---- what an earlier run left --------------------------------------------------------------- */

static bool stats_read(struct export_shard *s) {
    struct wit_json *stats = NULL;
    int64_t samples = -1, bytes = -1;
    if (wit_json_load(s->stats, STATS_MOST_BYTES, &stats, NULL) < 0)
        return false;
    (void)wit_json_int(wit_json_get(stats, "successes"), &samples);
    (void)wit_json_int(wit_json_get(stats, "bytes"), &bytes);
    wit_json_destroy(stats);
    if (bytes < 0 || samples < 0 || (uint64_t)samples != s->samples)
        return false;
    s->bytes = (uint64_t)bytes;
    return true;
}

int export_shard_is_whole(struct export_shard *s, struct wit_error *err) {
    struct wit_strings names = { NULL, 0 };
    uint64_t bytes = 0;
    if (!stats_read(s) || (s->parquet && !wit_file_exists(s->table_path)))
        return 0;
    if (s->layout != WIT_SHARDS_EXPORT_FILES)
        return wit_file_size(s->path, &bytes, NULL) == 0 && bytes == s->bytes;
    int st = wit_dir_list(s->path, &names, err);
    bool whole = st >= 0 && names.count == MEMBERS * s->samples;
    wit_strings_finish(&names);
    return st == WIT_ENOMEM ? st : whole; /* a folder that can't be read is made anew */
}

/* ---- writing -------------------------------------------------------------------------------- */

static int absent(const char *path, struct wit_error *err) {
    if (unlink(path) < 0 && errno != ENOENT)
        return wit_error_errno(err, errno, "cannot remove %s", path);
    return 0;
}

int export_shard_begin(struct export_shard *s, struct wit_error *err) {
    s->bytes = 0;
    /* The statistics go first: without them the shard counts as not written. */
    int st = absent(s->stats, err);
    if (st >= 0 && s->parquet)
        st = wit_table_writer_open(s->table_path, export_columns, EXPORT_COLUMNS, &s->table, err);
    if (st >= 0 && s->layout == WIT_SHARDS_EXPORT_WEBDATASET)
        return tar_writer_open(s->part, &s->tar, err);
    if (st >= 0 && s->layout == WIT_SHARDS_EXPORT_METADATA)
        return s->parquet || (s->lines = fopen(s->part, "we"))
                   ? 0
                   : wit_error_errno(err, errno, "cannot create %s", s->part);
    if (st >= 0)
        st = wit_dir_remove(s->part, err);
    if (st >= 0)
        st = wit_dir_remove(s->path, err);
    return st < 0 ? st : wit_dir_make(s->part, err);
}

static int file_put(const char *path, struct wit_str data, struct wit_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot create %s", path);
    int st = wit_fd_write_all(fd, data.data, data.len, path, err);
    if (close(fd) < 0 && st >= 0)
        st = wit_error_errno(err, errno, "cannot close %s", path);
    return st;
}

int export_shard_put(struct export_shard *s, const char *name, struct wit_str data,
                     struct wit_error *err) {
    char path[WIT_PATH_MAX];
    if (s->tar)
        return tar_writer_add(s->tar, name, data, err);
    if (wit_path_join(path, s->part, name) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", s->part);
    int st = file_put(path, data, err);
    s->bytes += st < 0 ? 0 : data.len;
    return st;
}

int export_shard_put_line(struct export_shard *s, struct wit_str line, struct wit_error *err) {
    if (fwrite(line.data, 1, line.len, s->lines) != line.len || putc('\n', s->lines) == EOF)
        return wit_error_errno(err, errno, "cannot write %s", s->part);
    s->bytes += line.len + 1;
    return 0;
}

static int lines_finish(struct export_shard *s, struct wit_error *err) {
    if (fflush(s->lines) != 0)
        return wit_error_errno(err, errno, "cannot write %s", s->part);
    return wit_fd_sync(fileno(s->lines), s->part, err);
}

/* One call for thousands of small files, where a sync of each would take minutes. */
static int folder_sync(const char *path, struct wit_error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open directory %s", path);
    int st = syncfs(fd) < 0 ? wit_error_errno(err, errno, "cannot sync %s", path) : 0;
    close(fd);
    return st;
}

/* img2dataset's names; its times are left out, so that the same export is the same bytes. */
static int stats_write(const struct export_shard *s, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(STATS_MOST_BYTES);
    struct wit_json_writer w;
    char hash[WIT_HASH128_HEX];
    wit_json_writer_init(&w, &text);
    wit_json_object_begin(&w);
    wit_json_key(&w, "count");
    wit_json_put_u64(&w, s->samples);
    wit_json_key(&w, "successes");
    wit_json_put_u64(&w, s->samples);
    wit_json_key(&w, "failed_to_download");
    wit_json_put_u64(&w, 0);
    wit_json_key(&w, "failed_to_resize");
    wit_json_put_u64(&w, 0);
    wit_json_key(&w, "status_dict");
    wit_json_object_begin(&w);
    wit_json_key(&w, "success");
    wit_json_put_u64(&w, s->samples);
    wit_json_object_end(&w);
    wit_json_key(&w, "bytes");
    wit_json_put_u64(&w, s->bytes);
    if (s->layout == WIT_SHARDS_EXPORT_WEBDATASET) {
        wit_hash128_to_hex(s->hash, hash);
        wit_json_key(&w, "xxh128");
        wit_json_put_cstr(&w, hash);
    }
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(&text, '\n');
    if (st < 0)
        wit_error_set(err, st, "cannot make %s: %s", s->stats, wit_status_meaning(st));
    else
        st = wit_file_write_atomic(s->stats, wit_buf_view(&text), err);
    wit_buf_finish(&text);
    return st;
}

/* Bring what lies under `part` to disk. */
static int part_finish(struct export_shard *s, struct wit_error *err) {
    switch (s->layout) {
    case WIT_SHARDS_EXPORT_WEBDATASET:
        return tar_writer_finish(s->tar, &s->bytes, &s->hash, err);
    case WIT_SHARDS_EXPORT_FILES:
        return folder_sync(s->part, err);
    case WIT_SHARDS_EXPORT_METADATA:
        break;
    }
    return lines_finish(s, err);
}

int export_shard_commit(struct export_shard *s, struct wit_error *err) {
    bool table_alone = s->layout == WIT_SHARDS_EXPORT_METADATA && s->parquet;
    int st = table_alone ? 0 : part_finish(s, err);
    if (st >= 0 && !table_alone && rename(s->part, s->path) < 0)
        st = wit_error_errno(err, errno, "cannot rename %s to %s", s->part, s->path);
    if (st >= 0 && s->table)
        st = wit_table_writer_finish(s->table, table_alone ? &s->bytes : NULL, err);
    if (st >= 0) /* the names must not come to disk after the statistics */
        st = wit_dir_sync(s->out, err);
    return st < 0 ? st : stats_write(s, err);
}

void export_shard_finish(struct export_shard *s) {
    tar_writer_close(s->tar);
    s->tar = NULL;
    if (s->lines)
        (void)fclose(s->lines); /* what matters was flushed by the commit */
    s->lines = NULL;
    wit_table_writer_close(s->table);
    s->table = NULL;
    if (s->part[0])
        (void)wit_dir_remove(s->part, NULL);
}
