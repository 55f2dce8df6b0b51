/* workplace.c: whose folder it is, before anything is written to it. */
#include "workplace.h"

#include <errno.h>
#include <unistd.h>

#define NOTE_MAX_BYTES ((size_t)4096)
static const char note_name[] = "making.json";

int dataset_identity(const struct manifest *m, struct wit_hash128 *out, struct wit_error *err) {
    struct wit_hasher *h = wit_hasher_create();
    uint8_t bytes[48];
    if (!h)
        return wit_error_set(err, WIT_ENOMEM, "no memory to tell datasets apart");
    wit_hash128_to_bytes(m->hash, bytes);
    wit_hasher_update(h, bytes, 16);
    for (size_t i = 0; i < m->count; i++) {
        wit_hash128_to_bytes(m->shards[i].file_hash, bytes);
        wit_hash128_to_bytes(m->shards[i].hidden_hash, bytes + 16);
        wit_hasher_update(h, bytes, 32);
    }
    *out = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

/* ---- the note ------------------------------------------------------------------------------- */

static int note_path(const struct workplace *w, char out[WIT_PATH_MAX], struct wit_error *err) {
    if (wit_path_join(out, w->dir, note_name) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", w->dir);
    return 0;
}

static int note_make(struct wit_hash128 inputs, struct wit_buf *out, struct wit_error *err) {
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(inputs, hex);
    int st = wit_buf_printf(out, "{\"schema\":\"wit.making/1\",\"inputs\":\"%s\"}\n", hex);
    return st < 0 ? wit_error_set(err, st, "no memory for a note") : 0;
}

static int note_check(const struct workplace *w, const char *path, struct wit_str want,
                      struct wit_error *err) {
    struct wit_buf have = WIT_BUF_INIT(NOTE_MAX_BYTES);
    int st = wit_file_read(path, &have, err);
    if (st >= 0 && !wit_str_eq(wit_buf_view(&have), want))
        st = wit_error_set(err, WIT_EEXIST,
                           "%s holds the beginning of a dataset of other inputs or settings (%s): "
                           "name another folder, or remove it",
                           w->dir, path);
    wit_buf_finish(&have);
    return st;
}

/* Nothing in it but what a run that ended at its very start may have left. */
static int folder_is_free(const struct workplace *w, struct wit_error *err) {
    struct wit_strings names = { NULL, 0 };
    int st = wit_dir_list(w->dir, &names, err);
    for (size_t i = 0; i < names.count && st >= 0; i++)
        if (strncmp(names.items[i], note_name, sizeof note_name - 1) != 0)
            st = wit_error_set(err, WIT_EEXIST,
                               "%s holds '%s' and nothing that was begun here: name a folder of "
                               "its own",
                               w->dir, names.items[i]);
    wit_strings_finish(&names);
    return st;
}

static int note_write(struct workplace *w, struct wit_hash128 inputs, struct wit_error *err) {
    struct wit_buf note = WIT_BUF_INIT(NOTE_MAX_BYTES);
    char path[WIT_PATH_MAX];
    int st = note_path(w, path, err);
    if (st >= 0)
        st = note_make(inputs, &note, err);
    if (st >= 0 && wit_file_exists(path)) {
        st = note_check(w, path, wit_buf_view(&note), err);
    } else if (st >= 0) {
        st = folder_is_free(w, err);
        if (st >= 0)
            st = wit_file_write_atomic(path, wit_buf_view(&note), err);
    }
    wit_buf_finish(&note);
    return st;
}

static int note_remove(struct workplace *w, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = note_path(w, path, err);
    if (st < 0 || !wit_file_exists(path))
        return st;
    if (unlink(path) < 0 && errno != ENOENT)
        return wit_error_errno(err, errno, "cannot remove %s", path);
    return wit_dir_sync(w->dir, err);
}

/* ---- the folder ----------------------------------------------------------------------------- */

/* 1: the dataset that is there is the one to be made, all of its files too; 0: there is none, or
 * only a damaged one of these inputs. */
static int made_already(struct workplace *w, struct wit_hash128 inputs, struct manifest *made,
                        bool *ours, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_shards_dataset *ds = NULL;
    struct manifest m = { .shard_bits = 0 };
    *ours = false;
    int st = manifest_path(path, w->dir, err);
    if (st < 0 || !wit_file_exists(path))
        return st;
    st = manifest_load(w->dir, &m, err);
    if (st < 0)
        return st;
    if (!wit_hash128_eq(m.inputs, inputs)) {
        manifest_finish(&m);
        return wit_error_set(err, WIT_EEXIST,
                             "%s holds another dataset, or one of other inputs or settings: name "
                             "another folder, or remove it",
                             w->dir);
    }
    *ours = true;
    st = wit_shards_dataset_open(w->dir, NULL, &ds, NULL);
    wit_shards_dataset_close(ds);
    if (st < 0) { /* a shard is gone: it is made anew */
        manifest_finish(&m);
        return 0;
    }
    *made = m;
    return 1;
}

int workplace_open(struct workplace *w, const char *dir, struct wit_hash128 inputs,
                   struct manifest *made, struct wit_error *err) {
    char shards[WIT_PATH_MAX];
    bool ours = false;
    struct workplace place = WORKPLACE_INIT;
    int st = snprintf(place.dir, sizeof place.dir, "%s", dir) < WIT_PATH_MAX
                 ? wit_dir_make_synced(dir, err)
                 : wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    if (st >= 0)
        st = dataset_lock(dir, &place.lock, err);
    if (st >= 0)
        st = made_already(&place, inputs, made, &ours, err);
    if (st > 0) {
        st = note_remove(&place, err);
        if (st < 0)
            manifest_finish(made);
        else
            st = 1;
    } else if (st == 0) {
        if (!ours)
            st = note_write(&place, inputs, err);
        if (st >= 0)
            st = manifest_shard_path(shards, dir, "", err);
        if (st >= 0)
            st = wit_dir_make_synced(shards, err);
        if (st >= 0)
            st = dataset_halves_remove(dir, err);
    }
    if (st < 0)
        workplace_close(&place);
    else
        *w = place;
    return st;
}

int workplace_publish(struct workplace *w, const struct manifest *m, struct wit_error *err) {
    int st = dataset_publish(w->dir, m, err);
    return st < 0 ? st : note_remove(w, err);
}

void workplace_close(struct workplace *w) {
    dataset_unlock(&w->lock);
}
