/* eval_images.c: which files there are, then what they look like, on threads. */
#include "shard_workers.h"
#include "wit_shards_near.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEPTH_MOST = 64 };

void wit_shards_eval_finish(struct wit_shards_eval *e) {
    for (uint32_t i = 0; i < e->count; i++)
        free(e->names[i]);
    free(e->names);
    free(e->looks);
    *e = (struct wit_shards_eval){ .count = 0 };
}

/* ---- a folder's files ----------------------------------------------------------------------- */

struct files {
    const char *root;
    char **names; /* relative to root */
    size_t count, cap;
};

static void files_finish(struct files *f) {
    for (size_t i = 0; i < f->count; i++)
        free(f->names[i]);
    free(f->names);
}

static int file_add(struct files *f, const char *name, struct wit_error *err) {
    if (f->count == f->cap) {
        const size_t cap = f->cap ? 2 * f->cap : 1024;
        char **names = wit_realloc_array(f->names, cap, sizeof *names);
        if (!names)
            return wit_error_set(err, WIT_ENOMEM, "no memory for the files of %s", f->root);
        f->names = names;
        f->cap = cap;
    }
    char *copy = strdup(name);
    if (!copy)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the files of %s", f->root);
    f->names[f->count++] = copy;
    return 0;
}

/* A file stays, a folder goes on `below`, anything else is none of ours. */
static int entry_take(struct files *f, const char *relative, bool *is_folder,
                      struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct stat info;
    *is_folder = false;
    if (wit_path_join(path, f->root, relative) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s/%s", f->root, relative);
    if (lstat(path, &info) < 0)
        return wit_error_errno(err, errno, "cannot look at %s", path);
    if (S_ISDIR(info.st_mode)) {
        *is_folder = true;
        return 0;
    }
    if (S_ISLNK(info.st_mode) && stat(path, &info) < 0)
        return 0; /* leads nowhere */
    return S_ISREG(info.st_mode) ? file_add(f, relative, err) : 0;
}

/* Folders that wait are a stack of their own: the deepest path decides what it holds. */
struct folder {
    struct wit_strings names;
    size_t next;
    char path[WIT_PATH_MAX]; /* relative; empty: the root */
};

static int folder_open(struct files *f, struct folder *folder, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    folder->next = 0;
    folder->names = (struct wit_strings){ NULL, 0 };
    if (!folder->path[0])
        return wit_dir_list(f->root, &folder->names, err);
    if (wit_path_join(path, f->root, folder->path) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s/%s", f->root, folder->path);
    return wit_dir_list(path, &folder->names, err);
}

static int files_list(struct files *f, struct wit_error *err) {
    struct folder *stack = wit_alloc_array(DEPTH_MOST, sizeof *stack);
    if (!stack)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the folders of %s", f->root);
    size_t depth = 1;
    int st = folder_open(f, &stack[0], err);
    while (st >= 0 && depth > 0) {
        struct folder *at = &stack[depth - 1];
        char relative[WIT_PATH_MAX];
        bool is_folder = false;
        if (at->next == at->names.count) {
            wit_strings_finish(&at->names);
            depth--;
            continue;
        }
        const char *name = at->names.items[at->next++];
        int n =
            snprintf(relative, sizeof relative, "%s%s%s", at->path, at->path[0] ? "/" : "", name);
        if (n < 0 || n >= WIT_PATH_MAX)
            st = wit_error_set(err, WIT_ELIMIT, "path is too long: %s/%s", f->root, at->path);
        else
            st = entry_take(f, relative, &is_folder, err);
        if (st >= 0 && is_folder && depth == DEPTH_MOST)
            st = wit_error_set(err, WIT_ELIMIT, "%s has folders %d deep", f->root, DEPTH_MOST);
        else if (st >= 0 && is_folder) {
            snprintf(stack[depth].path, WIT_PATH_MAX, "%s", relative);
            st = folder_open(f, &stack[depth++], err);
        }
    }
    while (depth > 0)
        wit_strings_finish(&stack[--depth].names);
    free(stack);
    return st < 0 ? st : 0;
}

/* ---- what they look like -------------------------------------------------------------------- */

struct looking {
    const struct files *files;
    const struct wit_shards_looks_options *options;
    struct wit_shards_look *looks; /* of each file */
    uint8_t *is_image;
    atomic_size_t next;
    pthread_mutex_t lock; /* guards done, status, err, progress() */
    uint64_t done;
    int status;
    struct wit_error err;
};

static int file_look(struct looking *l, struct wit_shards_looker *looker, struct wit_buf *bytes,
                     size_t i, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    wit_buf_reset(bytes);
    int st = wit_path_join(path, l->files->root, l->files->names[i]); /* fitted before */
    if (st >= 0)
        st = wit_file_read(path, bytes, err);
    if (st == WIT_ELIMIT) /* larger than any image that is looked at */
        return 0;
    if (st < 0)
        return st;
    if (wit_image_sniff(wit_buf_view(bytes)) == WIT_IMAGE_UNKNOWN)
        return 0;
    l->is_image[i] = 1;
    return wit_shards_looker_look(looker, wit_buf_view(bytes), &l->looks[i], err);
}

static void *look_work(void *arg) {
    struct looking *l = arg;
    const struct wit_shards_looks_options *o = l->options;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf bytes = WIT_BUF_INIT(WIT_SHARDS_MAX_IMAGE_BYTES);
    struct wit_shards_looker *looker = wit_shards_looker_create();
    int st = looker ? 0 : wit_error_set(&err, WIT_ENOMEM, "no memory to hash images");
    for (bool over = false; !over;) {
        size_t i = st < 0 ? 0 : atomic_fetch_add(&l->next, 1);
        if (st >= 0 && i >= l->files->count)
            break;
        if (st >= 0 && o->interrupt && *o->interrupt)
            st = wit_error_set(&err, WIT_ECANCELED, "interrupted");
        if (st >= 0)
            st = file_look(l, looker, &bytes, i, &err);
        pthread_mutex_lock(&l->lock);
        if (st < 0 && l->status == 0) {
            l->status = st;
            l->err = err;
        }
        over = l->status < 0;
        if (!over && o->progress)
            o->progress(o->user, ++l->done, l->files->count);
        pthread_mutex_unlock(&l->lock);
    }
    wit_shards_looker_destroy(looker);
    wit_buf_finish(&bytes);
    return NULL;
}

/* Names and looks of the images move over; files has the other names afterwards. */
static int images_take(struct looking *l, struct files *f, struct wit_shards_eval *out,
                       struct wit_error *err) {
    out->names = wit_alloc_array(f->count + 1, sizeof *out->names);
    out->looks = wit_alloc_array(f->count + 1, sizeof *out->looks);
    if (!out->names || !out->looks)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the images of %s", f->root);
    for (size_t i = 0; i < f->count; i++) {
        if (!l->is_image[i]) {
            out->ignored++;
        } else if (!l->looks[i].decodes) {
            out->undecodable++;
        } else {
            out->names[out->count] = f->names[i];
            out->looks[out->count++] = l->looks[i];
            f->names[i] = NULL;
        }
    }
    return 0;
}

static int folder_load(const char *path, const struct wit_shards_looks_options *options,
                       struct wit_shards_eval *out, struct wit_error *err) {
    struct files files = { .root = path };
    struct looking l = { .files = &files, .options = options };
    int st = files_list(&files, err);
    if (st >= 0 && files.count >= UINT32_MAX)
        st = wit_error_set(err, WIT_ELIMIT, "%s has more files than can be compared", path);
    if (st < 0)
        goto out;
    l.looks = wit_alloc_array(files.count + 1, sizeof *l.looks);
    l.is_image = wit_alloc_array(files.count + 1, 1);
    if (!l.looks || !l.is_image || pthread_mutex_init(&l.lock, NULL) != 0) {
        st = wit_error_set(err, WIT_ENOMEM, "no memory for the images of %s", path);
        goto out;
    }
    shard_workers_run(options->threads, files.count, look_work, &l);
    pthread_mutex_destroy(&l.lock);
    st = l.status;
    if (st < 0 && err)
        *err = l.err;
    if (st >= 0)
        st = images_take(&l, &files, out, err);
out:
    files_finish(&files);
    free(l.looks);
    free(l.is_image);
    return st;
}

/* ---- a dataset ------------------------------------------------------------------------------ */

static int dataset_load(const char *dir, const struct wit_shards_looks_options *options,
                        struct wit_shards_eval *out, struct wit_error *err) {
    uint64_t count = 0, kept = 0;
    int st = wit_shards_looks(dir, options, &out->looks, &count, err);
    if (st < 0)
        return st;
    out->names = wit_alloc_array((size_t)count + 1, sizeof *out->names);
    for (uint64_t i = 0; i < count && out->names; i++) {
        if (!out->looks[i].decodes) {
            out->undecodable++;
            continue;
        }
        char *name = malloc(WIT_HASH128_HEX);
        if (!name)
            break;
        wit_hash128_to_hex(out->looks[i].key, name);
        out->looks[kept] = out->looks[i];
        out->names[kept++] = name;
        out->count = (uint32_t)kept;
    }
    if (!out->names || kept + out->undecodable < count)
        st = wit_error_set(err, WIT_ENOMEM, "no memory for the images of %s", dir);
    return st;
}

int wit_shards_eval_load(const char *path, const struct wit_shards_looks_options *options,
                         struct wit_shards_eval *out, struct wit_error *err) {
    static const struct wit_shards_looks_options none;
    struct wit_shards_eval e = { .count = 0 };
    char manifest[WIT_PATH_MAX];
    if (!options)
        options = &none;
    bool is_dataset =
        wit_path_join(manifest, path, "dataset.json") == 0 && wit_file_exists(manifest);
    int st =
        is_dataset ? dataset_load(path, options, &e, err) : folder_load(path, options, &e, err);
    if (st < 0)
        wit_shards_eval_finish(&e);
    else
        *out = e;
    return st;
}
