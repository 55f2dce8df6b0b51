/* verified.c: a cache of checked file hashes. */
#include "verified.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SCHEMA "wit.shards.verified_files/1"
#define VERIFIED_MAX_BYTES ((size_t)64 << 20) /* 65,536 shards take 20 MB */

static int64_t nanoseconds(struct timespec t) {
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int verified_look(const char *dir, const struct manifest_shard *shard, struct verified_file *out,
                  struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct stat info;
    int st = manifest_shard_path(path, dir, shard->file, err);
    if (st < 0)
        return st;
    if (stat(path, &info) < 0)
        return wit_error_errno(err, errno, "cannot stat %s", path);
    memcpy(out->file, shard->file, sizeof out->file);
    out->file_hash = shard->file_hash;
    out->bytes = (uint64_t)info.st_size;
    out->inode = (uint64_t)info.st_ino;
    out->mtime_ns = nanoseconds(info.st_mtim);
    out->ctime_ns = nanoseconds(info.st_ctim);
    return 0;
}

bool verified_same(const struct verified_file *a, const struct verified_file *b) {
    return strcmp(a->file, b->file) == 0 && wit_hash128_eq(a->file_hash, b->file_hash) &&
           a->bytes == b->bytes && a->inode == b->inode && a->mtime_ns == b->mtime_ns &&
           a->ctime_ns == b->ctime_ns;
}

int64_t verified_at(const struct verified *v, const struct verified_file *now) {
    for (size_t i = 0; i < v->count; i++)
        if (verified_same(&v->files[i], now))
            return v->files[i].checked_at_s;
    return 0;
}

void verified_finish(struct verified *v) {
    free(v->files);
    *v = (struct verified){ .files = NULL };
}

/* ---- the text ------------------------------------------------------------------------------- */

static bool number_get(const struct wit_json *v, const char *name, int64_t *out) {
    return wit_json_int(wit_json_get(v, name), out) >= 0 && *out >= 0;
}

static bool file_get(const struct wit_json *v, struct verified_file *out) {
    struct wit_str file, hash;
    int64_t bytes, inode;
    if (wit_json_string(wit_json_get(v, "file"), &file) < 0 || file.len >= sizeof out->file ||
        wit_json_string(wit_json_get(v, "file_hash"), &hash) < 0 ||
        wit_hash128_from_hex(hash, &out->file_hash) < 0 || !number_get(v, "bytes", &bytes) ||
        !number_get(v, "inode", &inode) || !number_get(v, "mtime_ns", &out->mtime_ns) ||
        !number_get(v, "ctime_ns", &out->ctime_ns) ||
        !number_get(v, "checked_at_s", &out->checked_at_s))
        return false;
    memcpy(out->file, file.data, file.len);
    out->file[file.len] = '\0';
    out->bytes = (uint64_t)bytes;
    out->inode = (uint64_t)inode;
    return true;
}

int verified_decode(struct wit_str text, struct verified *out, struct wit_error *err) {
    struct verified v = { .files = NULL };
    struct wit_json *root = NULL;
    struct wit_str schema;
    int st = wit_json_parse(text, "verified.json", &root, err);
    if (st < 0)
        return st == WIT_ENOMEM ? st : WIT_ECORRUPT;
    const struct wit_json *files = wit_json_get(root, "files");
    bool right = wit_json_string(wit_json_get(root, "schema"), &schema) >= 0 &&
                 wit_str_eq(schema, WIT_STR(SCHEMA)) && files &&
                 wit_json_type_of(files) == WIT_JSON_ARRAY;
    size_t count = right ? wit_json_size(files) : 0;
    v.files = wit_alloc_array(count + 1, sizeof *v.files);
    if (!v.files)
        st = wit_error_set(err, WIT_ENOMEM, "no memory for verified.json");
    for (size_t i = 0; st >= 0 && right && i < count; i++)
        right = file_get(wit_json_at(files, i), &v.files[v.count++]);
    if (st >= 0 && !right)
        st = wit_error_set(err, WIT_ECORRUPT, "verified.json is no list of checked files");
    wit_json_destroy(root);
    if (st < 0)
        verified_finish(&v);
    else
        *out = v;
    return st < 0 ? st : 0;
}

int verified_load(const char *dir, struct verified *out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_buf text = WIT_BUF_INIT(VERIFIED_MAX_BYTES);
    *out = (struct verified){ .files = NULL };
    int st = manifest_shard_path(path, dir, "verified.json", err);
    if (st >= 0)
        st = wit_file_read(path, &text, err);
    if (st >= 0)
        st = verified_decode(wit_buf_view(&text), out, err);
    wit_buf_finish(&text);
    return st == WIT_ENOMEM ? st : 0;
}

static void number_put(struct wit_json_writer *w, const char *name, int64_t v) {
    wit_json_key(w, name);
    wit_json_put_int(w, v);
}

int verified_save(const char *dir, const struct verified *v, struct wit_error *err) {
    char path[WIT_PATH_MAX], hex[WIT_HASH128_HEX];
    struct wit_buf text = WIT_BUF_INIT(VERIFIED_MAX_BYTES);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &text);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, SCHEMA);
    wit_json_key(&w, "files");
    wit_json_array_begin(&w);
    for (size_t i = 0; i < v->count; i++) {
        const struct verified_file *f = &v->files[i];
        wit_json_object_begin(&w);
        wit_json_key(&w, "file");
        wit_json_put_cstr(&w, f->file);
        wit_hash128_to_hex(f->file_hash, hex);
        wit_json_key(&w, "file_hash");
        wit_json_put_cstr(&w, hex);
        number_put(&w, "bytes", (int64_t)f->bytes);
        number_put(&w, "inode", (int64_t)f->inode);
        number_put(&w, "mtime_ns", f->mtime_ns);
        number_put(&w, "ctime_ns", f->ctime_ns);
        number_put(&w, "checked_at_s", f->checked_at_s);
        wit_json_object_end(&w);
    }
    wit_json_array_end(&w);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = manifest_shard_path(path, dir, "verified.json", err);
    if (st >= 0)
        st = wit_file_write_atomic(path, wit_buf_view(&text), err);
    wit_buf_finish(&text);
    return st;
}
