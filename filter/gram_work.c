/* gram_work.c: the folder of a build: keys of inputs, what is done, merging of many runs. */
#include "gram_work.h"

#include "gram_table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 1 << 16 };

static const char lock_name[] = "lock", merged_name[] = "merged";

struct gram_work {
    char dir[WIT_PATH_MAX];
    int lock;
};

int gram_work_path(const struct gram_work *w, const char *name, char out[WIT_PATH_MAX]) {
    return wit_path_join(out, w->dir, name);
}

int gram_work_open(const char *dir, struct gram_work **out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct gram_work *w = calloc(1, sizeof *w);
    if (!w)
        return wit_error_set(err, WIT_ENOMEM, "no memory to count");
    w->lock = -1;
    int st = wit_path_join(path, dir, lock_name);
    if (st < 0) {
        wit_error_set(err, st, "'%s': the path is too long", dir);
        goto out;
    }
    memcpy(w->dir, dir, strlen(dir) + 1);
    st = wit_dir_make(dir, err);
    if (st < 0)
        goto out;
    w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (w->lock < 0)
        st = wit_error_errno(err, errno, "cannot write '%s'", path);
    else if (flock(w->lock, LOCK_EX | LOCK_NB) < 0)
        st = errno == EWOULDBLOCK
                 ? wit_error_set(err, WIT_EAGAIN, "another build counts in '%s'", dir)
                 : wit_error_errno(err, errno, "cannot lock '%s'", path);
out:
    if (st < 0)
        gram_work_close(w, false);
    else
        *out = w;
    return st;
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Is a name in the folder one that a build gives? */
static bool is_ours(const char *name) {
    size_t n = 0;
    while (is_hex(name[n]))
        n++;
    return strcmp(name, lock_name) == 0 ||
           strncmp(name, merged_name, sizeof merged_name - 1) == 0 ||
           strcmp(name, "bigrams.0") == 0 || strcmp(name, "bigrams.1") == 0 ||
           (n == WIT_HASH128_HEX - 1 &&
            (strncmp(name + n, ".words.", 7) == 0 || strncmp(name + n, ".pairs.", 7) == 0 ||
             strncmp(name + n, ".done", 5) == 0));
}

/* Remove the files of ours whose name begins so. */
static int remove_files(const struct gram_work *w, const char *prefix, struct wit_error *err) {
    struct wit_strings names = { 0 };
    char path[WIT_PATH_MAX];
    int st = wit_dir_list(w->dir, &names, err);
    for (size_t i = 0; st >= 0 && i < names.count; i++) {
        const char *name = names.items[i];
        if (!is_ours(name) || strncmp(name, prefix, strlen(prefix)) != 0 ||
            wit_path_join(path, w->dir, name) < 0)
            continue;
        if (unlink(path) < 0 && errno != ENOENT)
            st = wit_error_errno(err, errno, "cannot remove '%s'", path);
    }
    wit_strings_finish(&names);
    return st;
}

void gram_work_close(struct gram_work *w, bool remove) {
    if (!w)
        return;
    if (remove) { /* the list is written: what can't be removed does no harm */
        (void)remove_files(w, "", NULL);
        (void)rmdir(w->dir);
    }
    if (w->lock >= 0)
        close(w->lock);
    free(w);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static int key_of(const char *path, const char *how, char key[WIT_HASH128_HEX], uint64_t *bytes,
                  struct wit_error *err) {
    struct stat s;
    char facts[128];
    struct wit_hasher *h = NULL;
    char *head = malloc(HEAD_BYTES);
    int st = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) < 0) {
        st = wit_error_errno(err, errno, "cannot open '%s'", path);
        goto out;
    }
    if (!S_ISREG(s.st_mode)) {
        st = wit_error_set(err, WIT_EINVAL, "'%s' is not a regular file", path);
        goto out;
    }
    h = wit_hasher_create();
    if (!h || !head) {
        st = wit_error_set(err, WIT_ENOMEM, "no memory to count '%s'", path);
        goto out;
    }
    size_t n = s.st_size < HEAD_BYTES ? (size_t)s.st_size : HEAD_BYTES;
    st = wit_fd_read_at(fd, head, n, 0, path, err);
    if (st < 0)
        goto out;
    int len = snprintf(facts, sizeof facts, "%jd %jd.%09ld ", (intmax_t)s.st_size,
                       (intmax_t)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    wit_hasher_update(h, facts, (size_t)len);
    wit_hasher_update(h, how, strlen(how) + 1);
    wit_hasher_update(h, head, n);
    wit_hash128_to_hex(wit_hasher_digest(h), key);
    *bytes = (uint64_t)s.st_size;
out:
    wit_hasher_destroy(h);
    free(head);
    if (fd >= 0)
        close(fd);
    return st;
}

static void done_path(const struct gram_input *in, char out[WIT_PATH_MAX + 8]) {
    snprintf(out, WIT_PATH_MAX + 8, "%s.done", in->stem);
}

/* What "KEY.done" says; anything else in it counts as not done. */
static bool done_read(struct gram_input *in) {
    char path[WIT_PATH_MAX + 8];
    struct wit_buf text = WIT_BUF_INIT(4096);
    int end = 0;
    done_path(in, path);
    bool ok =
        wit_file_read(path, &text, NULL) >= 0 && wit_buf_terminate(&text) >= 0 &&
        sscanf(text.data,
               "wit.allowlist.work/1 %zu %zu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " .\n%n",
               &in->runs[GRAM_WORDS], &in->runs[GRAM_PAIRS], &in->numbers[0], &in->numbers[1],
               &in->numbers[2], &in->numbers[3], &end) == 6 &&
        end > 0;
    wit_buf_finish(&text);
    return ok;
}

int gram_work_find(struct gram_work *w, const char *path, const char *how, struct gram_input *out,
                   struct wit_error *err) {
    char key[WIT_HASH128_HEX];
    struct gram_input in = { .done = false };
    int st = key_of(path, how, key, &in.bytes, err);
    if (st >= 0 && wit_path_join(in.stem, w->dir, key) < 0)
        st = wit_error_set(err, WIT_ELIMIT, "'%s': the path is too long", w->dir);
    if (st < 0)
        return st;
    in.done = done_read(&in);
    *out = in;
    return 0;
}

int gram_work_clear(struct gram_work *w, const struct gram_input *in, struct wit_error *err) {
    return remove_files(w, strrchr(in->stem, '/') + 1, err);
}

int gram_work_done(struct gram_work *w, struct gram_input *in, struct wit_error *err) {
    char path[WIT_PATH_MAX + 8], text[512];
    int len =
        snprintf(text, sizeof text,
                 "wit.allowlist.work/1 %zu %zu %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " .\n",
                 in->runs[GRAM_WORDS], in->runs[GRAM_PAIRS], in->numbers[0], in->numbers[1],
                 in->numbers[2], in->numbers[3]);
    done_path(in, path);
    int st = wit_dir_sync(w->dir, err); /* names of the runs before the word that they are there */
    if (st >= 0)
        st = wit_file_write_atomic(path, wit_str_of(text, (size_t)len), err);
    in->done = st >= 0;
    return st;
}

/* ---- merging --------------------------------------------------------------------------------- */

struct paths {
    char **items;
    size_t from, n; /* those before `from` went into a merged run */
};

static int paths_add(struct paths *p, char *path) {
    char **items = path ? wit_realloc_array(p->items, p->n + 1, sizeof *items) : NULL;
    if (!items) {
        free(path);
        return WIT_ENOMEM;
    }
    p->items = items;
    p->items[p->n++] = path;
    return 0;
}

struct rewriter {
    struct gram_writer *out;
    struct wit_error *err;
};

static int rewrite(void *user, const struct gram *g) {
    struct rewriter *r = user;
    return gram_writer_put(r->out, g, r->err);
}

/* The first GRAM_FAN_IN of the paths become one behind the others. */
static int paths_join(const struct gram_work *w, struct paths *p, enum gram_kind kind,
                      struct wit_error *err) {
    char stem[WIT_PATH_MAX];
    struct rewriter r = { .err = err };
    int st = gram_work_path(w, merged_name, stem);
    char *path = st < 0 ? NULL : gram_run_path(stem, kind, p->n);
    if (!path)
        return wit_error_set(err, WIT_ENOMEM, "no memory to merge counts");
    st = gram_writer_open(path, kind, &r.out, err);
    if (st >= 0)
        st = gram_merge(p->items + p->from, GRAM_FAN_IN, kind, rewrite, &r, err);
    if (st >= 0)
        st = gram_writer_close(r.out, false, err);
    else
        gram_writer_abandon(r.out);
    if (st < 0) {
        free(path);
        return st;
    }
    p->from += GRAM_FAN_IN;
    return paths_add(p, path) < 0 ? wit_error_set(err, WIT_ENOMEM, "no memory to merge counts") : 0;
}

int gram_work_merge(struct gram_work *w, const struct gram_input *inputs, size_t n,
                    enum gram_kind kind, int (*fn)(void *user, const struct gram *g), void *user,
                    struct wit_error *err) {
    struct paths p = { 0 };
    int st = 0;
    for (size_t i = 0; i < n && st >= 0; i++)
        for (size_t run = 0; run < inputs[i].runs[kind] && st >= 0; run++)
            st = paths_add(&p, gram_run_path(inputs[i].stem, kind, run));
    if (st < 0)
        wit_error_set(err, st, "no memory to merge counts");
    while (st >= 0 && p.n - p.from > GRAM_FAN_IN)
        st = paths_join(w, &p, kind, err);
    if (st >= 0)
        st = gram_merge(p.items + p.from, p.n - p.from, kind, fn, user, err);
    for (size_t i = 0; i < p.n; i++)
        free(p.items[i]);
    free(p.items);
    (void)remove_files(w, merged_name, NULL);
    return st;
}
