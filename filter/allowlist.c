/* allowlist.c: the list itself: loading, checking, asking. The index over it is in match_index.c.
 */
#include "filter_private.h"

#include <stdlib.h>
#include <sys/mman.h>

void wit_filter_allowlist_destroy(struct wit_filter_allowlist *list) {
    if (!list)
        return;
    if (!list->is_borrowed) {
        filter_index_finish(list);
        free(list->bytes);
        free(list->offsets);
    }
    if (list->map)
        munmap(list->map, list->map_bytes);
    free(list);
}

/* Copies the entries; `name` and `first_line` make the sentence of an entry over its ceiling. */
static int list_create(const struct wit_str *entries, size_t n, bool empty_is_entry,
                       const char *name, struct wit_filter_allowlist **out, struct wit_error *err) {
    struct wit_filter_allowlist *l = NULL;
    size_t total = 0;
    int st = 0;
    if (n > WIT_FILTER_ENTRIES_MAX)
        return wit_error_set(err, WIT_ELIMIT, "%s: %zu entries, at most %u are allowed", name, n,
                             WIT_FILTER_ENTRIES_MAX);
    for (size_t i = 0; i < n; i++) {
        if (entries[i].len > WIT_FILTER_ENTRY_MAX_BYTES)
            return wit_error_set(err, WIT_ELIMIT,
                                 "%s: entry %zu has %zu bytes, at most %u are allowed", name, i,
                                 entries[i].len, WIT_FILTER_ENTRY_MAX_BYTES);
        total += entries[i].len;
    }
    l = calloc(1, sizeof *l);
    if (!l)
        goto no_memory;
    l->n = n;
    l->empty_is_entry = empty_is_entry;
    /* 16 bytes more: words are loaded 16 bytes at a time. */
    l->bytes = calloc(total + FILTER_INLINE_BYTES, 1);
    l->offsets = wit_alloc_array(n + 1, sizeof *l->offsets);
    if (!l->bytes || !l->offsets)
        goto no_memory;
    for (size_t i = 0; i < n; i++) {
        if (entries[i].len)
            memcpy(l->bytes + l->offsets[i], entries[i].data, entries[i].len);
        l->offsets[i + 1] = l->offsets[i] + entries[i].len;
    }
    st = filter_index_build(l, err);
    if (st < 0)
        goto out;
    *out = l;
    l = NULL;
    goto out;
no_memory:
    st = wit_error_set(err, WIT_ENOMEM, "%s: no memory for an allowlist of %zu entries", name, n);
out:
    wit_filter_allowlist_destroy(l);
    return st;
}

int wit_filter_allowlist_create(const struct wit_str *entries, size_t n,
                                struct wit_filter_allowlist **out, struct wit_error *err) {
    return list_create(entries, n, true, "allowlist", out, err);
}

static size_t skip_space(struct wit_str s, size_t at) {
    while (at < s.len && memchr(" \t\r\n", s.data[at], 4))
        at++;
    return at;
}

/* "[" and then a string or "]": a list in JSON. A text list may well have "[" as an entry. */
static bool looks_like_json(struct wit_str bytes, const char *name) {
    if (wit_str_ends_with(wit_str_from(name), WIT_STR(".json")))
        return true;
    size_t at = skip_space(bytes, 0);
    if (at == bytes.len || bytes.data[at] != '[')
        return false;
    at = skip_space(bytes, at + 1);
    if (at == bytes.len)
        return false;
    /* An empty list is only that when nothing follows: "[]" may be a text list's first entry. */
    return bytes.data[at] == '"' ||
           (bytes.data[at] == ']' && skip_space(bytes, at + 1) == bytes.len);
}

static int parse_json(struct wit_str bytes, const char *name, struct wit_filter_allowlist **out,
                      struct wit_error *err) {
    struct wit_json *root = NULL;
    struct wit_str *entries = NULL;
    size_t n = 0;
    int st = wit_json_parse(bytes, name, &root, err);
    if (st < 0)
        goto out;
    if (wit_json_type_of(root) != WIT_JSON_ARRAY) {
        st = wit_error_set(err, WIT_EFORMAT, "%s: an allowlist in JSON is an array of strings",
                           name);
        goto out;
    }
    n = wit_json_size(root);
    entries = wit_alloc_array(n ? n : 1, sizeof *entries);
    if (!entries) {
        st = wit_error_set(err, WIT_ENOMEM, "%s: no memory for %zu entries", name, n);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        st = wit_json_string(wit_json_at(root, i), &entries[i]);
        if (st < 0) {
            st = wit_error_set(err, WIT_EFORMAT, "%s: item %zu of the list is not a string", name,
                               i);
            goto out;
        }
    }
    st = list_create(entries, n, true, name, out, err);
out:
    free(entries);
    wit_json_destroy(root);
    return st;
}

/* Next line of *rest without its LF or CRLF; false at the end. A last line needs no newline. */
static bool next_line(struct wit_str *rest, struct wit_str *line) {
    if (rest->len == 0)
        return false;
    const char *newline = memchr(rest->data, '\n', rest->len);
    size_t len = newline ? (size_t)(newline - rest->data) : rest->len;
    *line = wit_str_slice(*rest, 0, len && rest->data[len - 1] == '\r' ? len - 1 : len);
    *rest = wit_str_slice(*rest, newline ? len + 1 : len, rest->len);
    return true;
}

static int parse_text(struct wit_str bytes, const char *name, struct wit_filter_allowlist **out,
                      struct wit_error *err) {
    struct wit_str *entries = NULL;
    struct wit_str rest, line;
    size_t n = 0, i = 0;
    int st;
    if (wit_str_starts_with(bytes, WIT_STR("\xef\xbb\xbf")))
        bytes = wit_str_slice(bytes, 3, bytes.len);
    for (rest = bytes; next_line(&rest, &line);)
        n++;
    entries = wit_alloc_array(n ? n : 1, sizeof *entries);
    if (!entries)
        return wit_error_set(err, WIT_ENOMEM, "%s: no memory for %zu entries", name, n);
    for (rest = bytes; next_line(&rest, &line);)
        entries[i++] = line;
    st = list_create(entries, n, false, name, out, err);
    free(entries);
    return st;
}

int wit_filter_allowlist_parse(struct wit_str bytes, const char *name,
                               struct wit_filter_allowlist **out, struct wit_error *err) {
    if (bytes.len > WIT_FILTER_LIST_MAX_BYTES)
        return wit_error_set(err, WIT_ELIMIT, "%s: %zu bytes, at most %u are allowed", name,
                             bytes.len, WIT_FILTER_LIST_MAX_BYTES);
    return looks_like_json(bytes, name) ? parse_json(bytes, name, out, err)
                                        : parse_text(bytes, name, out, err);
}

/* A file that can't be opened is none; whoever reads it next says why. */
static bool begins_compiled(const char *path) {
    char begin[8];
    FILE *f = fopen(path, "rb");
    size_t len = f ? fread(begin, 1, sizeof begin, f) : 0;
    if (f)
        fclose(f);
    return filter_is_compiled(wit_str_of(begin, len));
}

int wit_filter_allowlist_load(const char *path, struct wit_filter_allowlist **out,
                              struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(WIT_FILTER_LIST_MAX_BYTES);
    if (begins_compiled(path))
        return filter_compiled_load(path, out, err);
    int st = wit_file_read(path, &bytes, err);
    if (st >= 0)
        st = wit_filter_allowlist_parse(wit_buf_view(&bytes), path, out, err);
    wit_buf_finish(&bytes);
    return st;
}

size_t wit_filter_allowlist_count(const struct wit_filter_allowlist *list) {
    return list->n;
}

struct wit_str wit_filter_allowlist_entry(const struct wit_filter_allowlist *list, uint32_t id) {
    return filter_entry(list, id);
}

/* No text has such fields: marks stand alone, each with its own space on both sides (so two of them
 * are two spaces apart), and tab, LF, CR have become spaces. */
static bool entry_is_dead(struct wit_str entry) {
    const char *e = entry.data;
    for (size_t i = 0; i < entry.len; i++) {
        if (e[i] == '\t' || e[i] == '\n' || e[i] == '\r')
            return true;
        if (filter_is_mark((unsigned char)e[i]) &&
            ((i && e[i - 1] != ' ') || (i + 1 < entry.len && e[i + 1] != ' ') ||
             (i + 2 < entry.len && filter_is_mark((unsigned char)e[i + 2]))))
            return true;
    }
    return false;
}

void wit_filter_allowlist_stat(const struct wit_filter_allowlist *list,
                               struct wit_filter_allowlist_stat *out) {
    struct wit_filter_allowlist_stat s = { .entries = list->n, .repeated = list->repeated };
    for (uint32_t id = 0; id < list->n; id++) {
        struct wit_str entry = filter_entry(list, id);
        size_t spaces = 0;
        if (entry.len == 0 && !list->empty_is_entry) {
            s.empty++;
            continue;
        }
        for (size_t i = 0; i < entry.len; i++)
            spaces += entry.data[i] == ' ';
        s.one_word += spaces == 0;
        s.two_words += spaces == 1;
        s.longer += spaces > 1;
        s.dead += entry_is_dead(entry);
        if (entry.len > s.longest_bytes)
            s.longest_bytes = entry.len;
    }
    s.words = list->n_words;
    s.memory_bytes = sizeof *list + list->offsets[list->n] + FILTER_INLINE_BYTES +
                     (list->n + 1) * sizeof *list->offsets + filter_index_bytes(list);
    *out = s;
}
