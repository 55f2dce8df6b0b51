/*
 * frontier_journal.c: where parked pages lie: the journal, which becomes files, and the list of the
 * files. How they come back is frontier_parked.c's.
 *
 * The journal is a database in the order of what came, so its pages fill one after the other. When
 * it is full, or nothing else may come in, it becomes up to three files (parked_run.h): pages that
 * may be taken, pages that are too deep now, pages of domains that have stopped. A file is durable
 * before the commit that lists it, and removed after the commit that does not: a kill leaves at
 * most files that nobody lists, which the next open removes.
 */
#include "frontier_state.h"

#include "run_files.h"

#include <stdlib.h>

enum {
    JOURNAL_MOST = 1 << 18, /* pages */
    JOURNAL_MOST_BYTES = 32 << 20,
    ENTRY_HEAD_BYTES = FRONTIER_ID_BYTES + 1,
    LIST_BYTES = 8 + 4 + 4 + PARKED_BUCKETS / 8
};

enum kind { OPEN, DEEP, HELD, KINDS };

/* ---- files ----------------------------------------------------------------------------------- */

static int pointers_reserve(struct parked_file ***files, size_t count, size_t *cap,
                            struct wit_error *err) {
    if (count < *cap)
        return 0;
    size_t more = *cap ? 2 * *cap : 16;
    struct parked_file **grown = realloc(*files, more * sizeof **files);
    if (!grown)
        return frontier_no_memory(err);
    *files = grown;
    *cap = more;
    return 0;
}

/* Opens it and puts it last; it is the frontier's, or freed. */
static int file_add(struct frontier *f, struct parked_file *file, struct wit_error *err) {
    struct parked *p = &f->parked;
    int st = pointers_reserve(&p->files, p->file_count, &p->file_cap, err);
    if (st >= 0)
        st = parked_run_open(&file->run, f->folder, err);
    if (st < 0) {
        free(file);
        return st;
    }
    file->live = 0;
    for (unsigned b = 0; b < PARKED_BUCKETS; b++)
        file->live += parked_file_has(file, b);
    p->files[p->file_count++] = file;
    return 0;
}

int parked_list_put(struct frontier *f, const struct parked_file *file, struct wit_error *err) {
    uint8_t number[8], bytes[LIST_BYTES];
    wit_store_be64(number, file->run.number);
    wit_store_le64(bytes, file->run.count);
    wit_store_le32(bytes + 8, file->depth_least);
    wit_store_le32(bytes + 12, file->held_in);
    memcpy(bytes + 16, file->emptied, sizeof file->emptied);
    MDB_val key = { sizeof number, number }, value = { sizeof bytes, bytes };
    int rc = mdb_put(f->txn, f->parked.list, &key, &value, 0);
    return rc ? frontier_fail(f, rc, "change", err) : 0;
}

static int list_entry_read(struct frontier *f, const MDB_val *key, const MDB_val *value,
                           struct wit_error *err) {
    const uint8_t *bytes = value->mv_data;
    if (key->mv_size != 8 || value->mv_size != LIST_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "%s has no list of parked pages", f->path);
    struct parked_file *file = calloc(1, sizeof *file);
    if (!file)
        return frontier_no_memory(err);
    uint64_t count = wit_load_le64(bytes);
    file->run.number = wit_load_be64(key->mv_data);
    file->depth_least = wit_load_le32(bytes + 8);
    file->held_in = wit_load_le32(bytes + 12);
    memcpy(file->emptied, bytes + 16, sizeof file->emptied);
    int st = file_add(f, file, err);
    if (st >= 0 && file->run.count != count)
        st = wit_error_set(err, WIT_ECORRUPT, "%s has another number of pages than it had",
                           file->run.path);
    return st;
}

static int list_read(struct frontier *f, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = 0, rc = mdb_cursor_open(f->txn, f->parked.list, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        st = list_entry_read(f, &key, &value, err);
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : frontier_fail(f, rc, "read", err);
}

static bool is_listed(void *user, uint64_t number) {
    const struct parked *p = user;
    for (size_t i = 0; i < p->file_count; i++)
        if (p->files[i]->run.number == number)
            return true;
    return false;
}

int parked_file_retire(struct frontier *f, size_t which, struct wit_error *err) {
    struct parked *p = &f->parked;
    uint8_t number[8];
    int st = pointers_reserve(&p->retired, p->retired_count, &p->retired_cap, err);
    if (st < 0)
        return st;
    wit_store_be64(number, p->files[which]->run.number);
    MDB_val key = { sizeof number, number };
    int rc = mdb_del(f->txn, p->list, &key, NULL);
    if (rc != 0)
        return frontier_fail(f, rc, "change", err);
    p->retired[p->retired_count++] = p->files[which];
    memmove(&p->files[which], &p->files[which + 1],
            (p->file_count - which - 1) * sizeof(struct parked_file *));
    p->file_count--;
    return 0;
}

/* ---- the journal ----------------------------------------------------------------------------- */

static int entry_read(const struct frontier *f, const MDB_val *value, struct parked_page *page,
                      bool *held, struct wit_error *err) {
    if (value->mv_size < ENTRY_HEAD_BYTES + 2)
        return wit_error_set(err, WIT_ECORRUPT, "%s holds a parked page without id or URL",
                             f->path);
    const uint8_t *bytes = value->mv_data;
    page->id = bytes;
    *held = bytes[FRONTIER_ID_BYTES] != 0;
    page->page = wit_str_of(bytes + ENTRY_HEAD_BYTES, value->mv_size - ENTRY_HEAD_BYTES);
    return 0;
}

/* fn returns 0 or a negative status. */
int parked_journal_each(struct frontier *f,
                        int (*fn)(struct frontier *f, void *user, const struct parked_page *page,
                                  bool held, struct wit_error *err),
                        void *user, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = 0, rc = mdb_cursor_open(f->txn, f->parked.journal, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct parked_page page;
        bool held = false;
        st = entry_read(f, &value, &page, &held, err);
        if (st >= 0)
            st = fn(f, user, &page, held, err);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : frontier_fail(f, rc, "read", err);
}

int parked_append(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], struct wit_str page,
                  bool held, bool fresh, struct wit_error *err) {
    struct parked *p = &f->parked;
    uint8_t number[8];
    wit_store_be64(number, p->next_entry++);
    MDB_val key = { sizeof number, number }, value = { ENTRY_HEAD_BYTES + page.len, NULL };
    int rc = mdb_put(f->txn, p->journal, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (rc != 0)
        return frontier_fail(f, rc, "change", err);
    uint8_t *bytes = value.mv_data;
    memcpy(bytes, id, FRONTIER_ID_BYTES);
    bytes[FRONTIER_ID_BYTES] = held;
    memcpy(bytes + ENTRY_HEAD_BYTES, page.data, page.len);
    p->pages++;
    f->totals.waiting++;
    p->journal_pages++;
    p->journal_bytes += ENTRY_HEAD_BYTES + page.len;
    if (fresh) {
        p->buckets[parked_bucket(frontier_id_domain(id))].in_journal = true;
        p->may_wait = true;
    }
    uint64_t most = f->context.journal_most ? f->context.journal_most : JOURNAL_MOST;
    bool full = p->journal_pages >= most || p->journal_bytes >= JOURNAL_MOST_BYTES;
    return full ? parked_seal(f, err) : 0;
}

/* ---- the journal becomes files --------------------------------------------------------------- */

struct gathering {
    enum kind kind;
    struct parked_page *pages;
    size_t count;
    uint32_t depth_least;
};

static int page_gather(struct frontier *f, void *user, const struct parked_page *page, bool held,
                       struct wit_error *err) {
    struct gathering *g = user;
    uint32_t depth = frontier_id_depth(page->id);
    enum kind kind = held ? HELD : depth > f->limits.depth_most ? DEEP : OPEN;
    (void)err;
    if (kind != g->kind)
        return 0;
    if (g->count == 0 || depth < g->depth_least)
        g->depth_least = depth;
    g->pages[g->count++] = *page;
    return 0;
}

static int page_order(const void *a, const void *b) {
    const struct parked_page *x = a, *y = b;
    return memcmp(x->id, y->id, FRONTIER_ID_BYTES);
}

static int kind_write(struct frontier *f, struct gathering *g, struct wit_error *err) {
    int st = parked_journal_each(f, page_gather, g, err);
    if (st < 0 || g->count == 0)
        return st;
    struct parked_file *file = calloc(1, sizeof *file);
    if (!file)
        return frontier_no_memory(err);
    file->run.number = f->parked.next_file++;
    file->depth_least = g->depth_least;
    file->held_in = g->kind == HELD ? f->parked.epoch : 0;
    qsort(g->pages, g->count, sizeof *g->pages, page_order);
    st = parked_run_write(f->folder, file->run.number, g->pages, g->count, err);
    if (st < 0) {
        free(file);
        return st;
    }
    st = file_add(f, file, err);
    return st < 0 ? st : parked_list_put(f, file, err);
}

int parked_seal(struct frontier *f, struct wit_error *err) {
    struct parked *p = &f->parked;
    struct parked_page *pages = wit_alloc_array(p->journal_pages + 1, sizeof *pages);
    int st = pages ? 0 : frontier_no_memory(err);
    for (enum kind kind = OPEN; kind < KINDS && st >= 0 && p->journal_pages; kind++) {
        struct gathering g = { .kind = kind, .pages = pages };
        st = kind_write(f, &g, err);
    }
    free(pages);
    if (st < 0)
        return st;
    int rc = mdb_drop(f->txn, p->journal, 0);
    p->journal_pages = p->journal_bytes = 0;
    for (unsigned b = 0; b < PARKED_BUCKETS; b++) {
        p->buckets[b].in_files |= p->buckets[b].in_journal;
        p->buckets[b].in_journal = false;
    }
    return rc ? frontier_fail(f, rc, "change", err) : 0;
}

/* ---- opening and committing ------------------------------------------------------------------ */

static int entry_count(struct frontier *f, void *user, const struct parked_page *page, bool held,
                       struct wit_error *err) {
    (void)user;
    (void)held;
    (void)err;
    f->parked.journal_pages++;
    f->parked.journal_bytes += ENTRY_HEAD_BYTES + page->page.len;
    return 0;
}

int parked_files_open(struct frontier *f, struct wit_error *err) {
    int st = list_read(f, err);
    if (st >= 0)
        st = run_files_remove_others(f->folder, PARKED_RUN_NAME, is_listed, &f->parked, err);
    return st < 0 ? st : parked_journal_each(f, entry_count, NULL, err);
}

static void files_free(struct parked_file **files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        parked_run_close(&files[i]->run);
        free(files[i]);
    }
}

void parked_commit_end(struct frontier *f) {
    struct parked *p = &f->parked;
    p->sealed_early = false;
    for (size_t i = 0; i < p->retired_count; i++)
        run_file_remove(f->folder, PARKED_RUN_NAME, p->retired[i]->run.number);
    files_free(p->retired, p->retired_count);
    p->retired_count = 0;
}

void parked_files_close(struct frontier *f) {
    struct parked *p = &f->parked;
    files_free(p->files, p->file_count);
    files_free(p->retired, p->retired_count);
    free(p->files);
    free(p->retired);
}
