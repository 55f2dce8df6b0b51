/* removed_carry.c: requests from the log of one dataset to that of another. */
#include "removed_carry.h"
#include "workplace.h"

#include <stdlib.h>

#define REQUEST_MAX_BYTES ((size_t)4 << 30)

static int request_carry(struct removed_log *log, const struct wit_shards_removed_entry *request,
                         struct wit_hash128 hash, struct wit_error *err) {
    struct wit_shards_removed_entry e = *request;
    struct wit_arena *arena = wit_arena_create(REQUEST_MAX_BYTES);
    struct removed_set known = { .keys = NULL };
    uint64_t items = 0, known_items = 0;
    if (!arena)
        return wit_error_set(err, WIT_ENOMEM, "no memory for what was removed");
    if (!e.from.hi && !e.from.lo)
        e.from = hash;
    int st = removed_set_make(log, NULL, &known, err);
    if (st >= 0)
        st = removed_request_normal(&request->what, &known, arena, &e.what, &items, &known_items,
                                    err);
    if (st >= 0 && items)
        st = removed_log_add(log, &e, err);
    removed_set_finish(&known);
    wit_arena_destroy(arena);
    return st;
}

int removed_carry(struct removed_log *log, const char *dir, struct wit_hash128 hash,
                  struct wit_error *err) {
    struct removed_log other;
    int st = removed_log_load(dir, &other, err);
    if (st < 0)
        return st;
    for (size_t i = 0; i < other.count && st >= 0; i++)
        if (other.entries[i].kind == WIT_SHARDS_REMOVED_REQUEST && !other.entries[i].lifted_by)
            st = request_carry(log, &other.entries[i], hash, err);
    removed_log_finish(&other);
    return st;
}

int removed_carried(struct removed_log *log, const struct manifest *m,
                    const struct remake_counts *counts, const char *dir, struct wit_error *err) {
    struct wit_shards_removed_entry change = { .kind = WIT_SHARDS_REMOVED_CHANGE,
                                               .at_s = wit_clock_wall_s(),
                                               .request_count = log->count,
                                               .samples = counts->removed_samples,
                                               .pairs = counts->removed_pairs,
                                               .after = m->hash };
    if (log->count == 0)
        return 0;
    uint64_t *requests = wit_alloc_array(log->count, sizeof *requests);
    if (!requests)
        return wit_error_set(err, WIT_ENOMEM, "no memory for what was removed");
    for (size_t i = 0; i < log->count; i++)
        requests[i] = log->entries[i].number;
    change.requests = requests;
    int st = dataset_identity(m, &change.state, err);
    if (st >= 0)
        st = removed_log_add(log, &change, err);
    const struct wit_shards_removed_entry done = { .kind = WIT_SHARDS_REMOVED_DONE,
                                                   .at_s = change.at_s,
                                                   .refers = log->count };
    if (st >= 0)
        st = removed_log_add(log, &done, err);
    if (st >= 0)
        st = removed_log_save(dir, log, err);
    free(requests);
    return st;
}
