/* publish.c: the order in which a dataset replaces another one. */
#include "publish.h"
#include "collect.h"
#include "look_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* A flock of the folder itself: nothing is left behind. */
static int folder_lock(const char *dir, int *out, struct wit_error *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open directory %s", dir);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *out = fd;
        return 0;
    }
    int st = errno == EWOULDBLOCK
                 ? wit_error_set(err, WIT_EEXIST, "another process makes the dataset in %s", dir)
                 : wit_error_errno(err, errno, "cannot lock %s", dir);
    close(fd);
    return st;
}

int dataset_lock(const char *dir, struct dataset_lock *out, struct wit_error *err) {
    struct dataset_lock lock = DATASET_LOCK_INIT;
    char path[WIT_PATH_MAX];
    int st = folder_lock(dir, &lock.folder, err);
    if (st >= 0)
        st = collect_path(path, dir, "index.lmdb", err);
    if (st >= 0 && wit_file_exists(path))
        st = lock.collect = collect_lock(dir, err);
    if (st < 0) {
        lock.collect = -1;
        dataset_unlock(&lock);
        return st;
    }
    *out = lock;
    return 0;
}

void dataset_unlock(struct dataset_lock *lock) {
    if (lock->folder >= 0)
        close(lock->folder);
    if (lock->collect >= 0)
        close(lock->collect);
    *lock = (struct dataset_lock)DATASET_LOCK_INIT;
}

void dataset_lock_collect_give(struct dataset_lock *lock) {
    if (lock->collect >= 0)
        close(lock->collect);
    lock->collect = -1;
}

static bool ends_with(const char *name, const char *end) {
    return wit_str_ends_with(wit_str_from(name), wit_str_from(end));
}

static bool is_file_of(const struct manifest_shard *s, const char *name) {
    char hidden[MANIFEST_FILE_MAX];
    manifest_hidden_name(s, hidden);
    return strcmp(name, s->file) == 0 || (s->hidden_count && strcmp(name, hidden) == 0) ||
           look_file_is_of(s->file, name);
}

/* Remove half-written files, and with `all` every shard that the manifest does not name. */
static int files_remove(const char *dir, const struct manifest *m, bool all,
                        struct wit_error *err) {
    static const char *const ours[] = { ".lmdb",     ".hidden",     ".phash",     ".tarx",
                                        ".lmdb.tmp", ".hidden.tmp", ".phash.tmp", ".tarx.tmp" };
    char path[WIT_PATH_MAX];
    struct wit_strings names = { NULL, 0 };
    int st = manifest_shard_path(path, dir, "", err);
    if (st < 0 || !wit_file_exists(path))
        return st;
    st = wit_dir_list(path, &names, err);
    for (size_t i = 0; i < names.count && st >= 0; i++) {
        const char *name = names.items[i];
        bool stray = false;
        for (size_t k = 0; k < WIT_COUNT_OF(ours) && !stray; k++)
            stray = ends_with(name, ours[k]) && (all || ends_with(name, ".tmp"));
        for (size_t k = 0; stray && m && k < m->count; k++)
            stray = !is_file_of(&m->shards[k], name);
        if (!stray)
            continue;
        st = manifest_shard_path(path, dir, name, err);
        if (st >= 0 && unlink(path) < 0 && errno != ENOENT)
            st = wit_error_errno(err, errno, "cannot remove %s", path);
    }
    wit_strings_finish(&names);
    return st;
}

int dataset_halves_remove(const char *dir, struct wit_error *err) {
    return files_remove(dir, NULL, false, err);
}

/* Who renamed dataset.json may have been killed before its name was safe: until then the files of
 * the dataset before it stay. */
int dataset_strays_remove(const char *dir, const struct manifest *m, struct wit_error *err) {
    int st = wit_dir_sync(dir, err);
    return st < 0 ? st : files_remove(dir, m, true, err);
}

static int manifest_write(const char *dir, const struct manifest *m, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_buf text = WIT_BUF_INIT(MANIFEST_MAX_BYTES);
    int st = manifest_path(path, dir, err);
    if (st < 0)
        return st;
    st = manifest_encode(m, &text);
    if (st < 0)
        wit_error_set(err, st, "cannot write %s: %s", path, wit_status_meaning(st));
    else
        st = wit_file_write_atomic(path, wit_buf_view(&text), err);
    wit_buf_finish(&text);
    return st;
}

int dataset_publish(const char *dir, const struct manifest *m, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = manifest_shard_path(path, dir, "", err);
    if (st >= 0)
        st = wit_dir_sync(path, err); /* the names before the file that names them */
    if (st >= 0)
        st = manifest_write(dir, m, err);
    return st < 0 ? st : dataset_strays_remove(dir, m, err);
}
