/* removed_request.c: what people write, in the form in which it is compared. */
#include "removed_set.h"

#include "text/wit_text.h"

#include <stdlib.h>

int removed_url_normal(struct wit_str url, struct wit_buf *out, struct wit_error *err) {
    struct wit_url parsed = WIT_URL_INIT;
    struct wit_error why = WIT_ERROR_INIT;
    int st = url.len > WIT_SHARDS_REMOVAL_MAX_TEXT_BYTES ? WIT_ELIMIT
                                                         : wit_url_parse(&parsed, url, NULL, &why);
    wit_buf_reset(out);
    if (st >= 0 && !wit_url_is_http(&parsed))
        st = WIT_EINVAL;
    if (st >= 0)
        st = wit_url_remove_fragment(&parsed);
    if (st >= 0)
        st = wit_buf_append_str(out, wit_url_href(&parsed));
    wit_url_finish(&parsed);
    if (st >= 0)
        return 0;
    if (st == WIT_ENOMEM)
        return wit_error_set(err, st, "no memory for a URL");
    return wit_error_set(err, WIT_EINVAL, "'%.*s' is no URL of http or https",
                         url.len > 200 ? 200 : (int)url.len, url.data ? url.data : "");
}

int removed_domain_normal(struct wit_str domain, struct wit_buf *out, struct wit_error *err) {
    struct wit_url parsed = WIT_URL_INIT;
    struct wit_error why = WIT_ERROR_INIT;
    struct wit_buf text = WIT_BUF_INIT(8192);
    struct wit_str name = domain;
    if (wit_str_starts_with(name, WIT_STR("*.")))
        name = wit_str_slice(name, 2, name.len);
    while (name.len && name.data[name.len - 1] == '.')
        name.len--;
    wit_buf_reset(out);
    int st = wit_buf_printf(&text, "http://%.*s/", WIT_STR_FMT(name));
    if (st >= 0)
        st = wit_url_parse(&parsed, wit_buf_view(&text), NULL, &why);
    if (st >= 0 && (name.len == 0 || wit_url_port(&parsed) >= 0 || wit_url_username(&parsed).len ||
                    !wit_str_eq(wit_url_target(&parsed), WIT_STR("/")) ||
                    wit_str_find_byte(name, '*', 0) >= 0 ||
                    (name.data[0] != '[' && wit_str_find_byte(name, ':', 0) >= 0)))
        st = WIT_EINVAL;
    if (st >= 0)
        st = wit_buf_append_str(out, wit_url_host(&parsed));
    wit_buf_finish(&text);
    wit_url_finish(&parsed);
    if (st >= 0)
        return 0;
    if (st == WIT_ENOMEM)
        return wit_error_set(err, st, "no memory for a domain");
    return wit_error_set(err, WIT_EINVAL, "'%.*s' is no domain",
                         domain.len > 200 ? 200 : (int)domain.len, domain.data ? domain.data : "");
}

/* ---- requests -------------------------------------------------------------------------------- */

/* A request while it is put in order. */
struct sorting {
    const struct removed_set *known;
    struct wit_arena *arena;
    uint64_t items, known_items;
};

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for what is to be removed");
}

static int key_order(const void *a, const void *b) {
    return wit_hash128_cmp(*(const struct wit_hash128 *)a, *(const struct wit_hash128 *)b);
}

static int text_order(const void *a, const void *b) {
    return wit_str_cmp(*(const struct wit_str *)a, *(const struct wit_str *)b);
}

static int caption_order(const void *x, const void *y) {
    const struct wit_shards_removal_caption *a = x, *b = y;
    int order = wit_str_cmp(a->text, b->text);
    return order ? order : (int)a->fold_case - (int)b->fold_case;
}

/* Room for a list of `count` things; none at all is no failure. */
static int list_room(struct sorting *s, size_t count, size_t size, void **out,
                     struct wit_error *err) {
    *out = NULL;
    if (count > WIT_SHARDS_REMOVAL_MAX_ITEMS)
        return wit_error_set(err, WIT_ELIMIT, "%zu things in one request are more than %zu", count,
                             WIT_SHARDS_REMOVAL_MAX_ITEMS);
    *out = wit_arena_alloc(s->arena, count * size + 1, _Alignof(struct wit_hash128));
    return *out ? 0 : no_memory(err);
}

static bool counts(struct sorting *s, bool repeats, bool is_known) {
    s->known_items += !repeats && is_known;
    s->items += !repeats && !is_known;
    return !repeats && !is_known;
}

static int keys_take(struct sorting *s, const struct wit_shards_removal *what,
                     struct wit_shards_removal *out, struct wit_error *err) {
    struct wit_hash128 *keys;
    int st = list_room(s, what->key_count, sizeof *keys, (void **)&keys, err);
    if (st < 0 || what->key_count == 0)
        return st;
    memcpy(keys, what->keys, what->key_count * sizeof *keys);
    qsort(keys, what->key_count, sizeof *keys, key_order);
    struct wit_hash128 last = keys[0];
    for (size_t i = 0; i < what->key_count; i++) {
        const struct wit_hash128 key = keys[i];
        if (counts(s, i > 0 && wit_hash128_eq(last, key), removed_set_has_key(s->known, key)))
            keys[out->key_count++] = key;
        last = key;
    }
    out->keys = keys;
    return 0;
}

/* URLs or domains: in normal form, sorted, new ones. */
static int texts_take(struct sorting *s, const struct wit_str *texts, size_t count,
                      int (*normal)(struct wit_str text, struct wit_buf *out,
                                    struct wit_error *err),
                      bool (*names)(const struct removed_set *set, struct wit_str text),
                      const struct wit_str **out, size_t *out_count, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(4 * WIT_SHARDS_REMOVAL_MAX_TEXT_BYTES);
    struct wit_str *list;
    size_t kept = 0;
    int st = list_room(s, count, sizeof *list, (void **)&list, err);
    for (size_t i = 0; i < count && st >= 0; i++) {
        st = normal(texts[i], &text, err);
        const char *copy = st < 0 ? NULL : wit_arena_copy(s->arena, text.data, text.len);
        if (st >= 0 && !copy)
            st = no_memory(err);
        if (st >= 0)
            list[i] = wit_str_of(copy, text.len);
    }
    wit_buf_finish(&text);
    if (st < 0 || count == 0)
        return st;
    qsort(list, count, sizeof *list, text_order);
    struct wit_str last = list[0];
    for (size_t i = 0; i < count; i++) {
        const struct wit_str one = list[i];
        if (counts(s, i > 0 && wit_str_eq(last, one), names(s->known, one)))
            list[kept++] = one;
        last = one;
    }
    *out = list;
    *out_count = kept;
    return 0;
}

static int text_check(struct wit_str text, const char *what, bool may_be_empty,
                      struct wit_error *err) {
    if (text.len == 0 && !may_be_empty)
        return wit_error_set(err, WIT_EINVAL, "%s is empty", what);
    if (text.len > WIT_SHARDS_REMOVAL_MAX_TEXT_BYTES)
        return wit_error_set(err, WIT_ELIMIT, "%s has more than %zu bytes", what,
                             WIT_SHARDS_REMOVAL_MAX_TEXT_BYTES);
    if (!wit_utf8_valid(text) || wit_str_find_byte(text, '\0', 0) >= 0)
        return wit_error_set(err, WIT_EINVAL, "%s is not UTF-8", what);
    return 0;
}

static int captions_take(struct sorting *s, const struct wit_shards_removal *what,
                         struct wit_shards_removal *out, struct wit_error *err) {
    struct wit_shards_removal_caption *list;
    int st = list_room(s, what->caption_count, sizeof *list, (void **)&list, err);
    for (size_t i = 0; i < what->caption_count && st >= 0; i++) {
        list[i] = what->captions[i];
        st = text_check(list[i].text, "a pattern of captions", false, err);
    }
    if (st < 0 || what->caption_count == 0)
        return st;
    qsort(list, what->caption_count, sizeof *list, caption_order);
    struct wit_shards_removal_caption last = list[0];
    for (size_t i = 0; i < what->caption_count; i++) {
        const struct wit_shards_removal_caption one = list[i];
        if (counts(s, i > 0 && caption_order(&last, &one) == 0,
                   removed_set_names_caption(s->known, &one)))
            list[out->caption_count++] = one;
        last = one;
    }
    out->captions = list;
    return 0;
}

int removed_request_normal(const struct wit_shards_removal *what, const struct removed_set *known,
                           struct wit_arena *arena, struct wit_shards_removal *out, uint64_t *items,
                           uint64_t *known_items, struct wit_error *err) {
    struct sorting s = { .known = known, .arena = arena };
    struct wit_shards_removal r = { .reason = what->reason, .note = what->note };
    int st = text_check(what->reason, "the reason of a removal", false, err);
    if (st >= 0)
        st = text_check(what->note, "the note of a removal", true, err);
    if (st >= 0)
        st = keys_take(&s, what, &r, err);
    if (st >= 0)
        st = texts_take(&s, what->urls, what->url_count, removed_url_normal, removed_set_names_url,
                        &r.urls, &r.url_count, err);
    if (st >= 0)
        st = texts_take(&s, what->domains, what->domain_count, removed_domain_normal,
                        removed_set_names_domain, &r.domains, &r.domain_count, err);
    if (st >= 0)
        st = captions_take(&s, what, &r, err);
    if (st >= 0 && s.items + s.known_items == 0)
        st = wit_error_set(err, WIT_EINVAL, "nothing is named that is to be removed");
    if (st < 0)
        return st;
    *out = r;
    *items = s.items;
    *known_items = s.known_items;
    return 0;
}
