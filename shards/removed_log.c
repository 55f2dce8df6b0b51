/* removed_log.c: entries to JSON lines and back. */
#include "removed_log.h"

#include <stdlib.h>

#define ARENA_MAX_BYTES (4 * WIT_SHARDS_REMOVED_MAX_BYTES)

static const char *const kind_names[] = { NULL, "request", "lift", "change", "done" };

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the log of what was removed");
}

int removed_log_init(struct removed_log *log, struct wit_error *err) {
    *log = (struct removed_log){ .arena = wit_arena_create(ARENA_MAX_BYTES),
                                 .text = WIT_BUF_INIT(WIT_SHARDS_REMOVED_MAX_BYTES) };
    return log->arena ? 0 : no_memory(err);
}

void removed_log_finish(struct removed_log *log) {
    wit_arena_destroy(log->arena);
    free(log->entries);
    wit_buf_finish(&log->text);
    *log = (struct removed_log){ .count = 0 };
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_hash(struct wit_json_writer *w, const char *name, struct wit_hash128 h) {
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(h, hex);
    if (name)
        wit_json_key(w, name);
    wit_json_put_cstr(w, hex);
}

static void put_strings(struct wit_json_writer *w, const char *name, const struct wit_str *s,
                        size_t count) {
    wit_json_key(w, name);
    wit_json_array_begin(w);
    for (size_t i = 0; i < count; i++)
        wit_json_put_str(w, s[i]);
    wit_json_array_end(w);
}

static void put_why(struct wit_json_writer *w, const struct wit_shards_removal *r) {
    wit_json_key(w, "reason");
    wit_json_put_str(w, r->reason);
    wit_json_key(w, "note");
    wit_json_put_str(w, r->note);
}

static void put_request(struct wit_json_writer *w, const struct wit_shards_removed_entry *e) {
    const struct wit_shards_removal *r = &e->what;
    put_why(w, r);
    if (e->from.hi || e->from.lo)
        put_hash(w, "from", e->from);
    wit_json_key(w, "keys");
    wit_json_array_begin(w);
    for (size_t i = 0; i < r->key_count; i++)
        put_hash(w, NULL, r->keys[i]);
    wit_json_array_end(w);
    put_strings(w, "urls", r->urls, r->url_count);
    put_strings(w, "domains", r->domains, r->domain_count);
    wit_json_key(w, "captions");
    wit_json_array_begin(w);
    for (size_t i = 0; i < r->caption_count; i++) {
        wit_json_object_begin(w);
        wit_json_key(w, "text");
        wit_json_put_str(w, r->captions[i].text);
        wit_json_key(w, "fold_case");
        wit_json_put_bool(w, r->captions[i].fold_case);
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}

static void put_change(struct wit_json_writer *w, const struct wit_shards_removed_entry *e) {
    wit_json_key(w, "requests");
    wit_json_array_begin(w);
    for (size_t i = 0; i < e->request_count; i++)
        wit_json_put_u64(w, e->requests[i]);
    wit_json_array_end(w);
    wit_json_key(w, "samples");
    wit_json_put_u64(w, e->samples);
    wit_json_key(w, "pairs");
    wit_json_put_u64(w, e->pairs);
    put_hash(w, "before", e->before);
    put_hash(w, "after", e->after);
    put_hash(w, "state", e->state);
}

/* The request that a lift lifts, or that is done. */
static void refers_put(struct wit_json_writer *w, const struct wit_shards_removed_entry *e) {
    wit_json_key(w, "refers");
    wit_json_put_u64(w, e->refers);
}

static int entry_write(const struct wit_shards_removed_entry *e, struct wit_buf *out) {
    struct wit_json_writer w;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "entry");
    wit_json_put_u64(&w, e->number);
    wit_json_key(&w, "at_s");
    wit_json_put_int(&w, e->at_s);
    wit_json_key(&w, "kind");
    wit_json_put_cstr(&w, kind_names[e->kind]);
    switch (e->kind) {
    case WIT_SHARDS_REMOVED_REQUEST:
        put_request(&w, e);
        break;
    case WIT_SHARDS_REMOVED_CHANGE:
        put_change(&w, e);
        break;
    case WIT_SHARDS_REMOVED_LIFT:
        put_why(&w, &e->what);
        refers_put(&w, e);
        break;
    case WIT_SHARDS_REMOVED_DONE:
        refers_put(&w, e);
    }
    wit_json_object_end(&w);
    return wit_json_writer_finish(&w);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One line while it is taken apart; the first thing missing or wrong ends it. */
struct line {
    const struct wit_json *json;
    struct wit_arena *arena;
    int status;
};

static void wrong(struct line *l, int status) {
    if (l->status == 0)
        l->status = status;
}

static struct wit_str text_keep(struct line *l, const struct wit_json *v) {
    struct wit_str s = { NULL, 0 };
    if (l->status < 0 || wit_json_string(v, &s) < 0) {
        wrong(l, WIT_ECORRUPT);
        return wit_str_of(NULL, 0);
    }
    const char *copy = wit_arena_copy(l->arena, s.data, s.len);
    if (!copy)
        wrong(l, WIT_ENOMEM);
    return wit_str_of(copy, copy ? s.len : 0);
}

static struct wit_hash128 hash_take(struct line *l, const struct wit_json *v) {
    struct wit_hash128 h = { 0, 0 };
    struct wit_str s;
    if (wit_json_string(v, &s) < 0 || wit_hash128_from_hex(s, &h) < 0)
        wrong(l, WIT_ECORRUPT);
    return h;
}

static uint64_t count_take(struct line *l, const struct wit_json *v) {
    int64_t n;
    if (wit_json_int(v, &n) < 0 || n < 0) {
        wrong(l, WIT_ECORRUPT);
        return 0;
    }
    return (uint64_t)n;
}

/* Room for the items of a list of the line; NULL where it is empty or wrong. */
static void *list_room(struct line *l, const char *name, size_t size, size_t align,
                       const struct wit_json **list, size_t *count) {
    *count = 0;
    *list = wit_json_get(l->json, name);
    if (!*list || wit_json_type_of(*list) != WIT_JSON_ARRAY) {
        wrong(l, WIT_ECORRUPT);
        return NULL;
    }
    size_t n = wit_json_size(*list);
    if (n == 0 || l->status < 0)
        return NULL;
    void *room = wit_arena_alloc(l->arena, n * size, align);
    if (room)
        *count = n;
    else
        wrong(l, WIT_ENOMEM);
    return room;
}

static const struct wit_str *strings_take(struct line *l, const char *name, size_t *count) {
    const struct wit_json *list;
    struct wit_str *s = list_room(l, name, sizeof *s, _Alignof(struct wit_str), &list, count);
    for (size_t i = 0; i < *count; i++)
        s[i] = text_keep(l, wit_json_at(list, i));
    return s;
}

static void why_take(struct line *l, struct wit_shards_removal *r) {
    r->reason = text_keep(l, wit_json_get(l->json, "reason"));
    r->note = text_keep(l, wit_json_get(l->json, "note"));
}

static void request_take(struct line *l, struct wit_shards_removed_entry *e) {
    struct wit_shards_removal *r = &e->what;
    const struct wit_json *list, *from = wit_json_get(l->json, "from");
    why_take(l, r);
    if (from)
        e->from = hash_take(l, from);
    struct wit_hash128 *keys =
        list_room(l, "keys", sizeof *keys, _Alignof(struct wit_hash128), &list, &r->key_count);
    for (size_t i = 0; i < r->key_count; i++)
        keys[i] = hash_take(l, wit_json_at(list, i));
    r->keys = keys;
    r->urls = strings_take(l, "urls", &r->url_count);
    r->domains = strings_take(l, "domains", &r->domain_count);
    struct wit_shards_removal_caption *captions =
        list_room(l, "captions", sizeof *captions, _Alignof(struct wit_shards_removal_caption),
                  &list, &r->caption_count);
    for (size_t i = 0; i < r->caption_count; i++) {
        const struct wit_json *c = wit_json_at(list, i);
        captions[i].text = text_keep(l, wit_json_get(c, "text"));
        if (wit_json_bool(wit_json_get(c, "fold_case"), &captions[i].fold_case) < 0 ||
            captions[i].text.len == 0)
            wrong(l, WIT_ECORRUPT);
    }
    r->captions = captions;
}

static void change_take(struct line *l, struct wit_shards_removed_entry *e) {
    const struct wit_json *list;
    uint64_t *requests =
        list_room(l, "requests", sizeof *requests, _Alignof(uint64_t), &list, &e->request_count);
    for (size_t i = 0; i < e->request_count; i++)
        requests[i] = count_take(l, wit_json_at(list, i));
    e->requests = requests;
    e->samples = count_take(l, wit_json_get(l->json, "samples"));
    e->pairs = count_take(l, wit_json_get(l->json, "pairs"));
    e->before = hash_take(l, wit_json_get(l->json, "before"));
    e->after = hash_take(l, wit_json_get(l->json, "after"));
    e->state = hash_take(l, wit_json_get(l->json, "state"));
}

static void kind_take(struct line *l, struct wit_shards_removed_entry *e) {
    struct wit_str name;
    if (wit_json_string(wit_json_get(l->json, "kind"), &name) < 0) {
        wrong(l, WIT_ECORRUPT);
        return;
    }
    for (size_t i = 1; i < WIT_COUNT_OF(kind_names); i++)
        if (wit_str_eq(name, wit_str_from(kind_names[i])))
            e->kind = (enum wit_shards_removed_kind)i;
    switch (e->kind) {
    case WIT_SHARDS_REMOVED_REQUEST:
        request_take(l, e);
        return;
    case WIT_SHARDS_REMOVED_CHANGE:
        change_take(l, e);
        return;
    case WIT_SHARDS_REMOVED_LIFT:
        why_take(l, &e->what);
        e->refers = count_take(l, wit_json_get(l->json, "refers"));
        return;
    case WIT_SHARDS_REMOVED_DONE:
        e->refers = count_take(l, wit_json_get(l->json, "refers"));
        return;
    }
    wrong(l, WIT_ECORRUPT);
}

/* ---- the log --------------------------------------------------------------------------------- */

static struct wit_shards_removed_entry *entry_at(struct removed_log *log, uint64_t number,
                                                 enum wit_shards_removed_kind kind) {
    if (number == 0 || number > log->count || log->entries[number - 1].kind != kind)
        return NULL;
    return &log->entries[number - 1];
}

/* What an entry says of earlier ones. */
static int entry_link(struct removed_log *log, const struct wit_shards_removed_entry *e) {
    struct wit_shards_removed_entry *other;
    if (e->kind == WIT_SHARDS_REMOVED_LIFT) {
        other = entry_at(log, e->refers, WIT_SHARDS_REMOVED_REQUEST);
        if (!other || other->lifted_by)
            return WIT_ECORRUPT;
        other->lifted_by = e->number;
    }
    for (size_t i = 0; i < e->request_count; i++)
        if (!entry_at(log, e->requests[i], WIT_SHARDS_REMOVED_REQUEST))
            return WIT_ECORRUPT;
    if (e->kind != WIT_SHARDS_REMOVED_DONE)
        return 0;
    const struct wit_shards_removed_entry *change =
        entry_at(log, e->refers, WIT_SHARDS_REMOVED_CHANGE);
    for (size_t i = 0; change && i < change->request_count; i++)
        log->entries[change->requests[i] - 1].done_by = change->number;
    return change ? 0 : WIT_ECORRUPT;
}

static int entry_keep(struct removed_log *log, const struct wit_shards_removed_entry *e,
                      struct wit_error *err) {
    if (log->count == log->cap) {
        size_t cap = log->cap ? 2 * log->cap : 16;
        void *more = wit_realloc_array(log->entries, cap, sizeof *log->entries);
        if (!more)
            return no_memory(err);
        log->entries = more;
        log->cap = cap;
    }
    int st = entry_link(log, e);
    if (st < 0)
        return wit_error_set(err, st, "entry %llu refers to an entry that is not there",
                             (unsigned long long)e->number);
    log->entries[log->count++] = *e;
    return 0;
}

static struct wit_hash128 chain_next(struct wit_hash128 chain, struct wit_str body) {
    const struct wit_hash128 hash = wit_hash128_of(body.data, body.len);
    uint8_t both[32];
    wit_hash128_to_bytes(chain, both);
    wit_hash128_to_bytes(hash, both + 16);
    return wit_hash128_of(both, sizeof both);
}

#define CHAIN_KEY ",\"chain\":\""
enum { CHAIN_BYTES = sizeof CHAIN_KEY - 1 + 32 + 2 /* the quote and the brace */ };

/* Body, a comma, the chain and a brace: of a body that is an object, its last brace is that. */
static bool chain_check(struct wit_str line, struct wit_hash128 *chain) {
    struct wit_hash128 said;
    if (line.len < CHAIN_BYTES)
        return false;
    struct wit_str body = wit_str_slice(line, 0, line.len - CHAIN_BYTES);
    struct wit_str tail = wit_str_slice(line, body.len, line.len);
    struct wit_str hex = wit_str_slice(tail, sizeof CHAIN_KEY - 1, tail.len - 2);
    if (!wit_str_starts_with(tail, WIT_STR(CHAIN_KEY)) ||
        !wit_str_ends_with(tail, WIT_STR("\"}")) || wit_hash128_from_hex(hex, &said) < 0)
        return false;
    *chain = chain_next(*chain, body);
    return wit_hash128_eq(*chain, said);
}

static int line_parse(struct removed_log *log, struct wit_str text, struct wit_error *err) {
    struct wit_shards_removed_entry e = { .number = log->count + 1 };
    struct wit_json *json = NULL;
    int64_t number;
    if (!chain_check(text, &log->chain))
        return wit_error_set(err, WIT_ECORRUPT, "is not as it was written");
    int st = wit_json_parse(text, "removed.log", &json, err);
    if (st < 0)
        return st == WIT_EFORMAT ? wit_error_set(err, WIT_ECORRUPT, "is no JSON object") : st;
    struct line l = { .json = json, .arena = log->arena };
    if (wit_json_int(wit_json_get(json, "entry"), &number) < 0 || (uint64_t)number != e.number ||
        wit_json_int(wit_json_get(json, "at_s"), &e.at_s) < 0)
        wrong(&l, WIT_ECORRUPT);
    else
        kind_take(&l, &e);
    wit_json_destroy(json);
    if (l.status == WIT_ENOMEM)
        return no_memory(err);
    if (l.status < 0)
        return wit_error_set(err, l.status, "is no entry of a log of what was removed");
    return entry_keep(log, &e, err);
}

int removed_log_parse(struct removed_log *log, struct wit_str text, struct wit_error *err) {
    for (size_t at = 0; at < text.len;) {
        ptrdiff_t end = wit_str_find_byte(text, '\n', at);
        int st = end < 0 ? wit_error_set(err, WIT_ECORRUPT, "is cut off")
                         : line_parse(log, wit_str_slice(text, at, (size_t)end), err);
        if (st < 0)
            return wit_error_wrap(err, "removed.log:%zu", log->count + 1), st;
        at = (size_t)end + 1;
    }
    int st = wit_buf_append_str(&log->text, text);
    return st < 0 ? wit_error_set(err, st, "no room for the log of what was removed") : 0;
}

int removed_log_load(const char *dir, struct removed_log *log, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(WIT_SHARDS_REMOVED_MAX_BYTES);
    char path[WIT_PATH_MAX];
    int st = removed_log_init(log, err);
    if (st >= 0 && (st = wit_path_join(path, dir, "removed.log")) < 0)
        wit_error_set(err, st, "path is too long: %s", dir);
    if (st >= 0 && wit_file_exists(path)) {
        st = wit_file_read(path, &text, err);
        if (st >= 0)
            st = removed_log_parse(log, wit_buf_view(&text), err);
        if (st == WIT_ECORRUPT)
            wit_error_wrap(err, "%s", dir);
    }
    wit_buf_finish(&text);
    if (st < 0)
        removed_log_finish(log);
    return st < 0 ? st : 0;
}

int removed_log_add(struct removed_log *log, const struct wit_shards_removed_entry *entry,
                    struct wit_error *err) {
    struct wit_shards_removed_entry e = *entry;
    struct wit_buf line = WIT_BUF_INIT(WIT_SHARDS_REMOVED_MAX_BYTES);
    struct wit_hash128 chain = log->chain;
    size_t start = log->text.len;
    char hex[WIT_HASH128_HEX];
    e.number = log->count + 1;
    int st = entry_write(&e, &line);
    if (st >= 0) { /* the closing brace comes behind the chain */
        line.len--;
        chain = chain_next(chain, wit_buf_view(&line));
        wit_hash128_to_hex(chain, hex);
        st = wit_buf_printf(&line, CHAIN_KEY "%s\"}\n", hex);
    }
    if (st >= 0)
        st = wit_buf_append_str(&log->text, wit_buf_view(&line));
    if (st < 0) {
        wit_error_set(err, st, "no room for an entry of removed.log");
    } else { /* read back, so that nothing is written that can't be read */
        line.len--;
        st = line_parse(log, wit_buf_view(&line), err);
        if (st < 0)
            log->text.len = start;
    }
    wit_buf_finish(&line);
    return st < 0 ? st : 0;
}

int removed_log_save(const char *dir, const struct removed_log *log, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = wit_path_join(path, dir, "removed.log");
    if (st < 0)
        return wit_error_set(err, st, "path is too long: %s", dir);
    return wit_file_write_atomic(path, wit_buf_view(&log->text), err);
}
