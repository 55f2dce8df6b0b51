/* disk_history.c: events of a folder, replayed with losses. Small folders: everything is a scan. */
#include "disk_history.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum event_kind { E_LINK, E_UNLINK, E_RENAME, E_WRITE, E_CUT, E_SYNC, E_SYNC_FAILED, E_PROMISE };
enum { NAME_MAX_BYTES = 96, SECTOR = 512, PATH_DEEP = 8, FILE_MAX_BYTES = 64 << 20 };

struct event {
    enum event_kind kind;
    int node, parent, to; /* to: the other folder of a rename */
    char name[NAME_MAX_BYTES], new_name[NAME_MAX_BYTES];
    uint64_t at; /* write: offset; cut: length; promise: value */
    uint8_t *bytes;
    size_t len;
    bool safe;
};

struct name {
    int parent, node;
    char name[NAME_MAX_BYTES];
};

/* Who is called what; a node without a name is gone. */
struct names {
    struct name *items;
    size_t count, cap;
};

struct disk {
    struct event *events;
    size_t count, cap;
    struct names now;
    bool *folders; /* by node */
    int nodes, node_cap;
};

static void *grown(void *items, size_t count, size_t *cap, size_t size) {
    if (count < *cap)
        return items;
    *cap = *cap ? 2 * *cap : 64;
    items = realloc(items, *cap * size);
    if (!items)
        abort();
    return items;
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct name *names_find(const struct names *n, int parent, const char *name) {
    for (size_t i = 0; i < n->count; i++)
        if (n->items[i].parent == parent && strcmp(n->items[i].name, name) == 0)
            return &n->items[i];
    return NULL;
}

static void names_put(struct names *n, int parent, const char *name, int node) {
    struct name *there = names_find(n, parent, name);
    if (!there) {
        n->items = grown(n->items, n->count, &n->cap, sizeof *n->items);
        there = &n->items[n->count++];
        *there = (struct name){ .parent = parent };
        snprintf(there->name, sizeof there->name, "%s", name);
    }
    there->node = node;
}

/* Of this node only: another may have got the name while this event was lost. */
static void names_drop(struct names *n, int parent, const char *name, int node) {
    struct name *there = names_find(n, parent, name);
    if (there && there->node == node)
        *there = n->items[--n->count];
}

static void names_apply(struct names *n, const struct event *e) {
    if (e->kind == E_LINK)
        names_put(n, e->parent, e->name, e->node);
    if (e->kind == E_UNLINK || e->kind == E_RENAME)
        names_drop(n, e->parent, e->name, e->node);
    if (e->kind == E_RENAME)
        names_put(n, e->to, e->new_name, e->node);
}

/* ---- events --------------------------------------------------------------------------------- */

static struct event *event_add(struct disk *d, enum event_kind kind, int node) {
    d->events = grown(d->events, d->count, &d->cap, sizeof *d->events);
    struct event *e = &d->events[d->count++];
    *e = (struct event){ .kind = kind, .node = node };
    return e;
}

static int node_add(struct disk *d, bool folder) {
    size_t cap = (size_t)d->node_cap;
    d->folders = grown(d->folders, (size_t)d->nodes, &cap, sizeof *d->folders);
    d->node_cap = (int)cap;
    d->folders[d->nodes] = folder;
    return d->nodes++;
}

struct disk *disk_create(void) {
    struct disk *d = calloc(1, sizeof *d);
    if (d)
        (void)node_add(d, true);
    return d;
}

void disk_rewind(struct disk *d, size_t length) {
    while (d->count > length)
        free(d->events[--d->count].bytes);
    d->now.count = 0;
    for (size_t i = 0; i < d->count; i++)
        names_apply(&d->now, &d->events[i]);
}

void disk_destroy(struct disk *d) {
    if (!d)
        return;
    disk_rewind(d, 0);
    free(d->events);
    free(d->now.items);
    free(d->folders);
    free(d);
}

size_t disk_length(const struct disk *d) {
    return d->count;
}

void disk_promise(struct disk *d, unsigned kind, int64_t value) {
    event_add(d, E_PROMISE, (int)kind)->at = (uint64_t)value;
}

int64_t disk_promised(const struct disk *d, size_t length, unsigned kind) {
    int64_t most = -1;
    for (size_t i = 0; i < length; i++)
        if (d->events[i].kind == E_PROMISE && d->events[i].node == (int)kind &&
            (int64_t)d->events[i].at > most)
            most = (int64_t)d->events[i].at;
    return most;
}

int disk_find(const struct disk *d, const char *path, int *parent, const char **name) {
    int node = DISK_ROOT;
    *parent = DISK_NONE;
    *name = "";
    while (*path) {
        char part[NAME_MAX_BYTES];
        size_t len = strcspn(path, "/");
        if (len && !(len == 1 && *path == '.')) {
            assert(len < sizeof part);
            snprintf(part, sizeof part, "%.*s", (int)len, path);
            assert(strcmp(part, "..") != 0);
            if (node == DISK_NONE)
                return DISK_NONE; /* in a folder that is not there: the call will say so */
            const struct name *there = names_find(&d->now, node, part);
            *parent = node;
            *name = path; /* the last part: nothing follows it but slashes */
            node = there ? there->node : DISK_NONE;
        }
        path += len;
        path += strspn(path, "/");
    }
    return node;
}

void disk_link(struct disk *d, int parent, const char *name, int node) {
    struct event *e = event_add(d, E_LINK, node);
    e->parent = parent;
    snprintf(e->name, sizeof e->name, "%s", name);
    names_apply(&d->now, e);
}

int disk_add(struct disk *d, int parent, const char *name, bool folder) {
    int node = node_add(d, folder);
    disk_link(d, parent, name, node);
    return node;
}

void disk_unlink(struct disk *d, int parent, const char *name) {
    const struct name *there = names_find(&d->now, parent, name);
    assert(there);
    struct event *e = event_add(d, E_UNLINK, there->node);
    e->parent = parent;
    snprintf(e->name, sizeof e->name, "%s", name);
    names_apply(&d->now, e);
}

void disk_rename(struct disk *d, int from, const char *name, int to, const char *new_name) {
    const struct name *there = names_find(&d->now, from, name);
    assert(there);
    struct event *e = event_add(d, E_RENAME, there->node);
    e->parent = from;
    e->to = to;
    snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->new_name, sizeof e->new_name, "%s", new_name);
    names_apply(&d->now, e);
}

void disk_write(struct disk *d, int node, uint64_t at, const void *bytes, size_t len, bool safe) {
    struct event *e = event_add(d, E_WRITE, node);
    e->at = at;
    e->len = len;
    e->safe = safe;
    e->bytes = malloc(len + 1);
    assert(e->bytes && at + len < FILE_MAX_BYTES);
    memcpy(e->bytes, bytes, len);
}

void disk_cut(struct disk *d, int node, uint64_t length) {
    event_add(d, E_CUT, node)->at = length;
}

void disk_sync(struct disk *d, int node, bool failed) {
    (void)event_add(d, failed ? E_SYNC_FAILED : E_SYNC, node);
}

/* ---- losses --------------------------------------------------------------------------------- */

const char *disk_loss_name(enum disk_loss loss) {
    static const char *const names[] = { "nothing lost", "all lost",   "data lost",  "zeros",
                                         "names lost",   "torn write", "random loss" };
    return names[loss];
}

static bool is_name(const struct event *e) {
    return e->kind == E_LINK || e->kind == E_UNLINK || e->kind == E_RENAME;
}

static bool is_data(const struct event *e) {
    return e->kind == E_WRITE || e->kind == E_CUT;
}

/* PENDING: not on the disk for certain. LOST: nor will a later sync bring it there. */
enum standing { PENDING, SAFE, LOST };

/* Of every event among the first `length`. The caller frees it. */
static uint8_t *standings(const struct disk *d, size_t length) {
    uint8_t *s = calloc(length + 1, 1);
    assert(s);
    for (size_t i = 0; i < length; i++) {
        const struct event *e = &d->events[i];
        s[i] = e->safe ? SAFE : PENDING;
        if (e->kind != E_SYNC && e->kind != E_SYNC_FAILED)
            continue;
        for (size_t k = 0; k < i; k++) {
            const struct event *before = &d->events[k];
            bool covered =
                d->folders[e->node]
                    ? is_name(before) && (before->parent == e->node ||
                                          (before->kind == E_RENAME && before->to == e->node))
                    : is_data(before) && before->node == e->node;
            if (!covered || s[k] != PENDING)
                continue;
            if (e->kind == E_SYNC)
                s[k] = SAFE;
            else if (!d->folders[e->node])
                s[k] = LOST;
        }
    }
    return s;
}

struct cut {
    const struct disk *d;
    size_t length, last_write; /* the torn one */
    enum disk_loss loss;
    uint64_t seed;
    uint8_t *standing;
    struct names names;
};

static bool coin(const struct cut *c, size_t event, uint64_t sector) {
    struct wit_random rng;
    wit_random_init(&rng, c->seed, event, sector);
    return wit_random_below(&rng, 2);
}

static bool name_stays(const struct cut *c, size_t event) {
    if (c->standing[event] == SAFE)
        return true;
    if (c->loss == LOSS_RANDOM)
        return coin(c, event, UINT64_MAX);
    return c->loss != LOSS_ALL && c->loss != LOSS_NAMES;
}

static bool sector_stays(const struct cut *c, size_t event, uint64_t sector) {
    if (c->standing[event] == SAFE)
        return true;
    if (c->loss == LOSS_RANDOM)
        return coin(c, event, sector);
    if (c->loss == LOSS_TORN && event == c->last_write)
        return sector * SECTOR < c->d->events[event].at + c->d->events[event].len / 2;
    return c->loss == LOSS_NOTHING || c->loss == LOSS_NAMES || c->loss == LOSS_TORN;
}

static void write_apply(const struct cut *c, size_t event, struct wit_buf *file) {
    static const char zeros[SECTOR];
    const struct event *e = &c->d->events[event];
    for (uint64_t from = e->at, to; from < e->at + e->len; from = to) {
        uint64_t sector = from / SECTOR;
        to = (sector + 1) * SECTOR < e->at + e->len ? (sector + 1) * SECTOR : e->at + e->len;
        bool stays = sector_stays(c, event, sector);
        if (!stays && c->loss != LOSS_ZEROS)
            continue;
        while (file->len < to) {
            size_t gap = (size_t)(to - file->len);
            if (wit_buf_append(file, zeros, gap < SECTOR ? gap : SECTOR) < 0)
                abort();
        }
        if (stays)
            memcpy(file->data + from, e->bytes + (from - e->at), (size_t)(to - from));
    }
}

static void file_replay(const struct cut *c, int node, struct wit_buf *file) {
    wit_buf_reset(file);
    for (size_t i = 0; i < c->length; i++) {
        const struct event *e = &c->d->events[i];
        if (e->node != node)
            continue;
        if (e->kind == E_WRITE)
            write_apply(c, i, file);
        if (e->kind != E_CUT || !sector_stays(c, i, 0))
            continue;
        while (file->len < e->at)
            if (wit_buf_append_byte(file, '\0') < 0)
                abort();
        file->len = (size_t)e->at;
    }
}

static int name_order(const void *a, const void *b) {
    return strcmp(((const struct name *)a)->name, ((const struct name *)b)->name);
}

static void file_put(const char *path, const struct wit_buf *file) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || wit_fd_write_all(fd, file->data, file->len, path, NULL) < 0 || close(fd) < 0)
        abort();
}

static void hash_entry(struct wit_hasher *h, const char *name, bool folder, size_t len) {
    uint8_t head[9] = { folder };
    wit_store_le64(head + 1, len);
    wit_hasher_update(h, name, strlen(name) + 1);
    wit_hasher_update(h, head, sizeof head);
}

/* Into `into`, or nowhere when it is NULL. */
static void folder_make(const struct cut *c, int folder, const char *into, struct wit_buf *file,
                        struct wit_hasher *h) {
    for (size_t i = 0; i < c->names.count; i++) {
        const struct name *n = &c->names.items[i];
        char path[WIT_PATH_MAX] = "";
        if (n->parent != folder)
            continue;
        if (into && wit_path_join(path, into, n->name) < 0)
            abort();
        if (c->d->folders[n->node]) {
            hash_entry(h, n->name, true, 0);
            if (into && mkdir(path, 0777) < 0)
                abort();
            folder_make(c, n->node, into ? path : NULL, file, h);
            hash_entry(h, "", true, 1);
            continue;
        }
        file_replay(c, n->node, file);
        hash_entry(h, n->name, false, file->len);
        wit_hasher_update(h, file->data, file->len);
        if (into)
            file_put(path, file);
    }
}

struct wit_hash128 disk_make(const struct disk *d, size_t length, enum disk_loss loss,
                             uint64_t seed, const char *into) {
    struct cut c = { .d = d, .length = length, .loss = loss, .seed = seed };
    struct wit_buf file = WIT_BUF_INIT(FILE_MAX_BYTES);
    struct wit_hasher *h = wit_hasher_create();
    c.standing = standings(d, length);
    assert(h && length <= d->count);
    for (size_t i = 0; i < length; i++) {
        if (d->events[i].kind == E_WRITE && c.standing[i] != SAFE)
            c.last_write = i;
        if (is_name(&d->events[i]) && name_stays(&c, i))
            names_apply(&c.names, &d->events[i]);
    }
    if (c.names.count)
        qsort(c.names.items, c.names.count, sizeof *c.names.items, name_order);
    folder_make(&c, DISK_ROOT, into, &file, h);
    struct wit_hash128 hash = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    wit_buf_finish(&file);
    free(c.names.items);
    free(c.standing);
    return hash;
}

struct wit_hash128 disk_hash(const struct disk *d, size_t length, enum disk_loss loss,
                             uint64_t seed) {
    return disk_make(d, length, loss, seed, NULL);
}

static void folder_hash(const char *dir, struct wit_hasher *h) {
    struct wit_strings names;
    if (wit_dir_list(dir, &names, NULL) < 0)
        abort();
    for (size_t i = 0; i < names.count; i++) {
        struct wit_buf file = WIT_BUF_INIT(FILE_MAX_BYTES);
        char path[WIT_PATH_MAX];
        struct stat info;
        if (wit_path_join(path, dir, names.items[i]) < 0 || stat(path, &info) < 0)
            abort();
        if (S_ISDIR(info.st_mode)) {
            hash_entry(h, names.items[i], true, 0);
            folder_hash(path, h);
            hash_entry(h, "", true, 1);
            continue;
        }
        if (wit_file_read(path, &file, NULL) < 0)
            abort();
        hash_entry(h, names.items[i], false, file.len);
        wit_hasher_update(h, file.data, file.len);
        wit_buf_finish(&file);
    }
    wit_strings_finish(&names);
}

struct wit_hash128 disk_hash_folder(const char *dir) {
    struct wit_hasher *h = wit_hasher_create();
    assert(h);
    folder_hash(dir, h);
    struct wit_hash128 hash = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return hash;
}
