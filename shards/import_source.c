/* import_source.c: groups of members of a tar, groups of files of a folder. */
#include "import_source.h"
#include "tar_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FOLDERS_MOST = 64 /* one in another */ };

struct file {
    char *path;  /* from the source's folder */
    size_t stem; /* bytes of it before the last dot */
};

struct import_source {
    /* a tar */
    struct tar_reader *tar;
    struct tar_member member; /* read, and not the last sample's */
    bool has_member;
    /* a folder */
    char *root;         /* of a tar: its path */
    struct file *files; /* by stem, then suffix */
    size_t count, cap, next;
};

/* ---- parts ---------------------------------------------------------------------------------- */

static const struct {
    const char *suffix;
    size_t part; /* offset in struct import_parts */
} suffixes[] = {
    { "jpg", offsetof(struct import_parts, image) },
    { "jpeg", offsetof(struct import_parts, image) },
    { "png", offsetof(struct import_parts, image) },
    { "webp", offsetof(struct import_parts, image) },
    { "gif", offsetof(struct import_parts, image) },
    { "txt", offsetof(struct import_parts, words) },
    { "caption", offsetof(struct import_parts, words) },
    { "json", offsetof(struct import_parts, facts) },
};

void import_parts_init(struct import_parts *p) {
    *p = (struct import_parts){ .image.bytes = WIT_BUF_INIT(WIT_SHARDS_MAX_IMAGE_BYTES),
                                .words.bytes = WIT_BUF_INIT(WIT_SHARDS_MAX_FIELD_BYTES),
                                .facts.bytes = WIT_BUF_INIT(IMPORT_FACTS_MAX_BYTES) };
}

void import_parts_finish(struct import_parts *p) {
    wit_buf_finish(&p->image.bytes);
    wit_buf_finish(&p->words.bytes);
    wit_buf_finish(&p->facts.bytes);
}

static void part_reset(struct import_part *part) {
    wit_buf_reset(&part->bytes);
    part->is_there = part->is_too_large = false;
}

static void parts_reset(struct import_parts *p, struct wit_str key) {
    part_reset(&p->image);
    part_reset(&p->words);
    part_reset(&p->facts);
    p->ignored = 0;
    memcpy(p->key, key.data, key.len);
    p->key[key.len] = '\0';
}

/* The part that a suffix is for; NULL: none, or there is one already. */
static struct import_part *part_of(struct import_parts *p, struct wit_str suffix) {
    for (size_t i = 0; i < WIT_COUNT_OF(suffixes); i++)
        if (wit_str_eq_nocase(suffix, wit_str_from(suffixes[i].suffix))) {
            struct import_part *part = (struct import_part *)((char *)p + suffixes[i].part);
            return part->is_there ? NULL : part;
        }
    return NULL;
}

/* Room for a member of this length; false: it is over the part's ceiling and stays unread. */
static int part_begin(struct import_part *part, uint64_t length, struct wit_error *err) {
    part->is_there = true;
    part->length = length;
    part->is_too_large = length > part->bytes.max;
    if (part->is_too_large || length == 0)
        return 0;
    int st = wit_buf_reserve(&part->bytes, (size_t)length);
    return st < 0 ? wit_error_set(err, st, "no memory for a file of %llu bytes",
                                  (unsigned long long)length)
                  : 1;
}

/* ---- tars ----------------------------------------------------------------------------------- */

/* webdataset splits at the first dot behind the last slash; names without one are no sample's. */
static bool name_split(struct wit_str name, struct wit_str *key, struct wit_str *suffix) {
    size_t base = name.len;
    while (base > 0 && name.data[base - 1] != '/')
        base--;
    ptrdiff_t dot = wit_str_find_byte(name, '.', base);
    if (dot < 0 || (size_t)dot == base)
        return false;
    *key = wit_str_slice(name, 0, (size_t)dot);
    *suffix = wit_str_slice(name, (size_t)dot + 1, name.len);
    return true;
}

static int member_read(struct import_source *s, struct import_part *part, struct wit_error *err) {
    int st = part_begin(part, s->member.bytes, err);
    part->offset = s->member.offset;
    part->mtime_s = s->member.mtime_s;
    if (st <= 0)
        return st;
    st = tar_reader_read(s->tar, part->bytes.data, (size_t)part->length, err);
    if (st >= 0)
        part->bytes.len = (size_t)part->length;
    return st;
}

static int tar_next(struct import_source *s, struct import_parts *p, struct wit_error *err) {
    uint64_t ignored = 0;
    bool begun = false;
    for (;;) {
        struct wit_str key, suffix;
        int st = s->has_member ? 1 : tar_reader_next(s->tar, &s->member, err);
        if (st <= 0) {
            p->ignored = begun ? p->ignored + ignored : ignored;
            return st < 0 ? st : begun;
        }
        s->has_member = false;
        if (!s->member.is_file || !name_split(s->member.name, &key, &suffix)) {
            ignored += s->member.is_file;
            continue;
        }
        if (!begun) {
            parts_reset(p, key);
            begun = true;
        } else if (!wit_str_eq(key, wit_str_from(p->key))) {
            s->has_member = true; /* its name stays until the next one is asked for */
            p->ignored += ignored;
            return 1;
        }
        struct import_part *part = part_of(p, suffix);
        if (!part)
            ignored++;
        else if ((st = member_read(s, part, err)) < 0)
            return st;
    }
}

/* ---- folders -------------------------------------------------------------------------------- */

static int file_add(struct import_source *s, const char *path, struct wit_error *err) {
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(base, '.');
    if (s->count == s->cap) {
        size_t more = s->cap ? 2 * s->cap : 256;
        struct file *bigger = wit_realloc_array(s->files, more, sizeof *bigger);
        if (!bigger)
            return wit_error_set(err, WIT_ENOMEM, "no memory for the names of %s", s->root);
        s->files = bigger;
        s->cap = more;
    }
    char *copy = strdup(path);
    if (!copy)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the names of %s", s->root);
    s->files[s->count++] = (struct file){ copy, dot ? (size_t)(dot - path) : strlen(path) };
    return 0;
}

/* Files of DIR/<path> and of the folders in it; what begins with a dot is left alone, and a link to
 * a folder too. */
static int folder_walk(struct import_source *s, const char *path, unsigned depth,
                       struct wit_error *err) {
    char full[WIT_PATH_MAX], inner[WIT_PATH_MAX];
    struct wit_strings names = { NULL, 0 };
    struct stat info;
    int st = *path ? wit_path_join(full, s->root, path)
                   : (snprintf(full, sizeof full, "%s", s->root) < WIT_PATH_MAX ? 0 : WIT_ELIMIT);
    if (st < 0 || depth > FOLDERS_MOST)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s/%s", s->root, path);
    st = wit_dir_list(full, &names, err);
    for (size_t i = 0; i < names.count && st >= 0; i++) {
        const char *name = names.items[i];
        if (*name == '.')
            continue;
        if ((*path ? wit_path_join(inner, path, name)
                   : (snprintf(inner, sizeof inner, "%s", name) < WIT_PATH_MAX ? 0 : -1)) < 0 ||
            wit_path_join(full, s->root, inner) < 0 || strlen(inner) > IMPORT_KEY_MOST)
            st = wit_error_set(err, WIT_ELIMIT, "path is too long: %s/%s", s->root, name);
        else if (lstat(full, &info) == 0 && S_ISDIR(info.st_mode))
            st = folder_walk(s, inner, depth + 1, err);
        else if (stat(full, &info) == 0 && S_ISREG(info.st_mode))
            st = file_add(s, inner, err);
    }
    wit_strings_finish(&names);
    return st;
}

static int file_order(const void *x, const void *y) {
    const struct file *a = x, *b = y;
    int order = wit_str_cmp(wit_str_of(a->path, a->stem), wit_str_of(b->path, b->stem));
    return order ? order : strcmp(a->path + a->stem, b->path + b->stem);
}

static int file_read(struct import_source *s, const struct file *f, struct import_part *part,
                     struct wit_error *err) {
    char full[WIT_PATH_MAX];
    struct stat info;
    (void)wit_path_join(full, s->root, f->path); /* fitted before */
    if (stat(full, &info) < 0)
        return wit_error_errno(err, errno, "cannot read %s", full);
    part->mtime_s = (int64_t)info.st_mtime;
    part->offset = 0;
    int st = part_begin(part, (uint64_t)info.st_size, err);
    if (st <= 0)
        return st;
    st = wit_file_read(full, &part->bytes, err);
    if (st == WIT_ELIMIT) { /* it has grown */
        wit_buf_reset(&part->bytes);
        part->is_too_large = true;
        return 0;
    }
    return st;
}

/* Files of one stem; what has no image is no sample (statistics, notes). */
static int stem_read(struct import_source *s, struct import_parts *p, struct wit_error *err) {
    struct wit_str stem = wit_str_of(s->files[s->next].path, s->files[s->next].stem);
    uint64_t files = 0;
    int st = 0;
    parts_reset(p, stem);
    for (; s->next < s->count && st >= 0; s->next++, files++) {
        const struct file *f = &s->files[s->next];
        if (!wit_str_eq(wit_str_of(f->path, f->stem), stem))
            break;
        const char *suffix = f->path + f->stem;
        struct import_part *part = *suffix ? part_of(p, wit_str_from(suffix + 1)) : NULL;
        if (part)
            st = file_read(s, f, part, err);
        else
            p->ignored++;
    }
    if (st >= 0 && !p->image.is_there)
        p->ignored = files;
    return st;
}

static int folder_next(struct import_source *s, struct import_parts *p, struct wit_error *err) {
    uint64_t ignored = 0;
    int st = 0;
    while (s->next < s->count && st >= 0) {
        st = stem_read(s, p, err);
        ignored += p->ignored;
        if (st >= 0 && p->image.is_there) {
            p->ignored = ignored;
            return 1;
        }
    }
    p->ignored = ignored;
    return st;
}

/* ---- folders of tars ------------------------------------------------------------------------ */

static bool is_tar(const char *name) {
    struct wit_str s = wit_str_from(name);
    return wit_str_ends_with(s, WIT_STR(".tar")) || wit_str_ends_with(s, WIT_STR(".tar.gz")) ||
           wit_str_ends_with(s, WIT_STR(".tgz"));
}

int import_tars_each(const char *path,
                     int (*fn)(void *user, const char *path, struct wit_error *err), void *user,
                     struct wit_error *err) {
    struct wit_strings names = { NULL, 0 };
    struct stat info;
    char tar[WIT_PATH_MAX];
    size_t tars = 0;
    if (stat(path, &info) < 0 || !S_ISDIR(info.st_mode))
        return fn(user, path, err);
    int st = wit_dir_list(path, &names, err);
    for (size_t i = 0; i < names.count && st == 0; i++) {
        if (!is_tar(names.items[i]))
            continue;
        tars++;
        st = wit_path_join(tar, path, names.items[i]) < 0
                 ? wit_error_set(err, WIT_ELIMIT, "path is too long: %s", path)
                 : fn(user, tar, err);
    }
    wit_strings_finish(&names);
    return st == 0 && tars == 0 ? fn(user, path, err) : st;
}

/* ---- both ----------------------------------------------------------------------------------- */

int import_source_open(const char *path, enum wit_shards_import_from from,
                       struct import_source **out, struct wit_error *err) {
    struct import_source *s = calloc(1, sizeof *s);
    if (!s)
        return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", path);
    s->root = strdup(path);
    int st = s->root ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory to read %s", path);
    if (st >= 0 && from == WIT_SHARDS_IMPORT_WEBDATASET)
        st = tar_reader_open(path, &s->tar, err);
    else if (st >= 0)
        st = folder_walk(s, "", 0, err);
    if (st >= 0 && s->count)
        qsort(s->files, s->count, sizeof *s->files, file_order);
    if (st < 0)
        import_source_close(s);
    else
        *out = s;
    return st < 0 ? st : 0;
}

int import_source_next(struct import_source *s, struct import_parts *out, struct wit_error *err) {
    return s->tar ? tar_next(s, out, err) : folder_next(s, out, err);
}

bool import_source_was_ended(const struct import_source *s) {
    return !s->tar || tar_reader_was_ended(s->tar);
}

/* Size and time of a file are told to the hasher. */
static int stat_hash(struct wit_hasher *h, const char *path, struct wit_error *err) {
    struct stat info;
    uint8_t bytes[24];
    if (stat(path, &info) < 0)
        return wit_error_errno(err, errno, "cannot read %s", path);
    wit_store_le64(bytes, (uint64_t)info.st_size);
    wit_store_le64(bytes + 8, (uint64_t)info.st_mtim.tv_sec);
    wit_store_le64(bytes + 16, (uint64_t)info.st_mtim.tv_nsec);
    wit_hasher_update(h, bytes, sizeof bytes);
    return 0;
}

int import_source_mark(const struct import_source *s, struct wit_hash128 *out,
                       struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_hasher *h = wit_hasher_create();
    if (!h)
        return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", s->root);
    int st = realpath(s->root, path) ? 0 : wit_error_errno(err, errno, "cannot find %s", s->root);
    if (st >= 0)
        wit_hasher_update(h, path, strlen(path) + 1);
    if (st >= 0 && s->tar)
        st = stat_hash(h, path, err);
    for (size_t i = 0; i < s->count && st >= 0; i++) {
        wit_hasher_update(h, s->files[i].path, strlen(s->files[i].path) + 1);
        (void)wit_path_join(path, s->root, s->files[i].path); /* fitted before */
        st = stat_hash(h, path, err);
    }
    if (st >= 0)
        *out = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return st;
}

bool import_source_is_packed(const struct import_source *s) {
    return s->tar && tar_reader_is_packed(s->tar);
}

void import_source_close(struct import_source *s) {
    if (!s)
        return;
    tar_reader_close(s->tar);
    for (size_t i = 0; i < s->count; i++)
        free(s->files[i].path);
    free(s->files);
    free(s->root);
    free(s);
}
