/* list_row.c: the columns of a list and what a row of them means. */
#include "list_row.h"

#include "text/wit_text.h"

#include <inttypes.h>

/* ---- columns -------------------------------------------------------------------------------- */

/* What tools that read such lists write beside them; img2dataset refuses the same. */
static const char *const reserved[] = {
    "key",    "caption",       "url",  "width", "height", "original_width", "original_height",
    "status", "error_message", "exif", "md5",   "sha1",   "sha256",         "sha512",
};

static const struct {
    const char *name, *column;
} wit_captions[] = {
    { "reference", "caption_reference_description" },
    { "attribution", "caption_attribution_description" },
    { "alt", "caption_alt_text_description" },
    { "context", "context_page_description" },
    { "section", "context_section_description" },
};
enum { WIT_CAPTIONS_DEFAULT = 3 };

static int wit_caption_find(const char *name, const char **out, struct wit_error *err) {
    for (size_t i = 0; i < WIT_COUNT_OF(wit_captions); i++)
        if (strcmp(wit_captions[i].name, name) == 0) {
            *out = wit_captions[i].column;
            return 0;
        }
    return wit_error_set(err, WIT_EINVAL,
                         "a caption of the wit format is reference, attribution, alt, context or "
                         "section, not '%s'",
                         name);
}

static int keep_check(const struct wit_crawler_list_config *cfg, size_t i, struct wit_error *err) {
    const char *name = cfg->keep_columns[i];
    for (size_t k = 0; k < WIT_COUNT_OF(reserved); k++)
        if (strcmp(reserved[k], name) == 0)
            return wit_error_set(err, WIT_EINVAL, "a kept column can't have the reserved name '%s'",
                                 name);
    for (size_t k = 0; k < i; k++)
        if (strcmp(cfg->keep_columns[k], name) == 0)
            return wit_error_set(err, WIT_EINVAL, "column '%s' is to be kept twice", name);
    return *name ? 0 : wit_error_set(err, WIT_EINVAL, "a kept column needs a name");
}

static int captions_make(const struct wit_crawler_list_config *cfg, struct list_columns *c,
                         struct wit_error *err) {
    bool wit = cfg->format == WIT_CRAWLER_LIST_WIT;
    int st = 0;
    c->caption_count = cfg->caption_count;
    for (size_t i = 0; i < cfg->caption_count && st >= 0; i++) {
        c->names[c->count] = cfg->caption_columns[i];
        if (wit)
            st = wit_caption_find(cfg->caption_columns[i], &c->names[c->count], err);
        c->count++;
    }
    if (wit && cfg->caption_count == 0) {
        c->caption_count = WIT_CAPTIONS_DEFAULT;
        for (size_t i = 0; i < WIT_CAPTIONS_DEFAULT; i++)
            c->names[c->count++] = wit_captions[i].column;
    }
    return st;
}

int list_columns_make(const struct wit_crawler_list_config *cfg, struct list_columns *out,
                      struct wit_error *err) {
    struct list_columns c = { .count = LIST_CAPTIONS };
    bool wit = cfg->format == WIT_CRAWLER_LIST_WIT;
    size_t captions = cfg->caption_count ? cfg->caption_count : wit ? WIT_CAPTIONS_DEFAULT : 0;
    if (captions > WIT_CRAWLER_LIST_COLUMNS ||
        cfg->keep_count > WIT_CRAWLER_LIST_COLUMNS - captions)
        return wit_error_set(err, WIT_EINVAL, "captions and kept columns are at most %u together",
                             WIT_CRAWLER_LIST_COLUMNS);
    if (cfg->language_count && !wit)
        return wit_error_set(err, WIT_EINVAL, "only the wit format has a language");
    if (wit && cfg->url_column)
        return wit_error_set(err, WIT_EINVAL, "the wit format has its own url column");
    c.names[LIST_URL] = wit ? "image_url" : cfg->url_column ? cfg->url_column : "url";
    c.names[LIST_HASH] = cfg->hash_column;
    c.names[LIST_LANGUAGE] = cfg->language_count ? "language" : NULL;
    c.names[LIST_PAGE] = wit ? "page_url" : NULL;
    int st = captions_make(cfg, &c, err);
    for (size_t i = 0; i < cfg->keep_count && st >= 0; i++) {
        st = keep_check(cfg, i, err);
        c.names[c.count++] = cfg->keep_columns[i];
    }
    if (st >= 0)
        *out = c;
    return st;
}

/* ---- rows ----------------------------------------------------------------------------------- */

void list_row_maker_init(struct list_row_maker *m, const struct wit_crawler_list_config *cfg,
                         const struct list_columns *columns) {
    *m = (struct list_row_maker){
        .cfg = cfg,
        .columns = columns,
        .extra = WIT_BUF_INIT(WIT_SHARDS_MAX_FIELD_BYTES),
        .url = WIT_BUF_INIT(4 * WIT_SHARDS_MAX_FIELD_BYTES),
    };
    for (size_t i = 0; i < WIT_COUNT_OF(m->repaired); i++)
        m->repaired[i].max = WIT_SHARDS_MAX_FIELD_BYTES;
}

void list_row_maker_finish(struct list_row_maker *m) {
    for (size_t i = 0; i < WIT_COUNT_OF(m->repaired); i++)
        wit_buf_finish(&m->repaired[i]);
    wit_buf_finish(&m->extra);
    wit_buf_finish(&m->url);
}

/* The row is left out for this reason; the sentence is in m->why. */
static int leave_out(struct wit_crawler_list_row *row, const char *reason) {
    row->reason = reason;
    return 0;
}

static int too_long(struct list_row_maker *m, struct wit_crawler_list_row *row, size_t slot) {
    snprintf(m->why, sizeof m->why, "column '%.100s' has more than %zu bytes",
             m->columns->names[slot], WIT_SHARDS_MAX_FIELD_BYTES);
    return leave_out(row, "row_too_long");
}

/* The value of a slot as text; what is not there is empty. False: it is no text, and the row bad.
 */
static bool text_of(struct list_row_maker *m, const struct list_value *values, size_t slot,
                    struct wit_str *out) {
    const struct wit_json *json = values[slot].json;
    int64_t number;
    *out = values[slot].text;
    if (!json || wit_json_type_of(json) == WIT_JSON_NULL || wit_json_string(json, out) == 0)
        return true;
    if (wit_json_int(json, &number) < 0) {
        snprintf(m->why, sizeof m->why, "column '%.100s' holds neither text nor a whole number",
                 m->columns->names[slot]);
        return false;
    }
    snprintf(m->numbers[slot], LIST_NUMBER_BYTES, "%" PRId64, number);
    *out = wit_str_from(m->numbers[slot]);
    return true;
}

static int language_check(struct list_row_maker *m, const struct list_value *values,
                          struct wit_crawler_list_row *row) {
    struct wit_str language;
    if (m->cfg->language_count == 0)
        return 0;
    if (!text_of(m, values, LIST_LANGUAGE, &language))
        return leave_out(row, "bad_row");
    for (size_t i = 0; i < m->cfg->language_count; i++)
        if (wit_str_eq(language, wit_str_from(m->cfg->languages[i])))
            return 0;
    m->why[0] = '\0'; /* as the user wants it: nothing to complain about */
    return leave_out(row, "other_language");
}

static int url_take(struct list_row_maker *m, const struct list_value *values,
                    struct wit_crawler_list_row *row) {
    struct wit_str url;
    if (!text_of(m, values, LIST_URL, &url))
        return leave_out(row, "bad_row");
    row->url = wit_str_trim(url);
    if (row->url.len == 0) {
        snprintf(m->why, sizeof m->why, "it has no URL");
        return leave_out(row, "bad_row");
    }
    return 0;
}

static bool is_hex(struct wit_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!((s.data[i] >= '0' && s.data[i] <= '9') || (s.data[i] >= 'a' && s.data[i] <= 'f') ||
              (s.data[i] >= 'A' && s.data[i] <= 'F')))
            return false;
    return true;
}

static int digest_take(struct list_row_maker *m, const struct list_value *values,
                       struct wit_crawler_list_row *row) {
    struct wit_str hex;
    if (!m->columns->names[LIST_HASH])
        return 0;
    if (!text_of(m, values, LIST_HASH, &hex))
        return leave_out(row, "bad_row");
    hex = wit_str_trim(hex);
    const char *kind = wit_digest_name(m->cfg->hash_kind);
    if (hex.len != 2 * wit_digest_bytes(m->cfg->hash_kind) || !is_hex(hex)) {
        snprintf(m->why, sizeof m->why, "column '%.100s' holds no %s of %zu hex digits",
                 m->columns->names[LIST_HASH], kind, 2 * wit_digest_bytes(m->cfg->hash_kind));
        return leave_out(row, "bad_row");
    }
    int n = snprintf(m->digest, sizeof m->digest, "%s:%.*s", kind, WIT_STR_FMT(hex));
    for (int i = 0; i < n; i++)
        if (m->digest[i] >= 'A' && m->digest[i] <= 'F')
            m->digest[i] = (char)(m->digest[i] + ('a' - 'A'));
    row->digest = wit_str_of(m->digest, (size_t)n);
    return 0;
}

static int captions_take(struct list_row_maker *m, const struct list_value *values,
                         struct wit_crawler_list_row *row, struct wit_error *err) {
    for (size_t i = 0; i < m->columns->caption_count; i++) {
        struct wit_str text;
        size_t slot = LIST_CAPTIONS + i;
        if (!text_of(m, values, slot, &text))
            return leave_out(row, "bad_row");
        if (wit_str_trim(text).len == 0)
            continue;
        if (!wit_utf8_valid(text)) {
            wit_buf_reset(&m->repaired[i]);
            int st = wit_utf8_sanitize(text, &m->repaired[i]);
            if (st == WIT_ELIMIT)
                return too_long(m, row, slot);
            if (st < 0)
                return wit_error_set(err, st, "no memory for a caption");
            text = wit_buf_view(&m->repaired[i]);
        }
        if (text.len > WIT_SHARDS_MAX_FIELD_BYTES)
            return too_long(m, row, slot);
        m->captions[row->caption_count++] = text;
    }
    row->captions = m->captions;
    if (row->caption_count == 0 && m->cfg->need_caption) {
        m->why[0] = '\0';
        return leave_out(row, "no_caption");
    }
    return 0;
}

static int extra_take(struct list_row_maker *m, const struct list_value *values,
                      struct wit_crawler_list_row *row, struct wit_error *err) {
    struct wit_json_writer w;
    size_t first = LIST_CAPTIONS + m->columns->caption_count;
    if (first == m->columns->count)
        return 0;
    wit_buf_reset(&m->extra);
    wit_json_writer_init(&w, &m->extra);
    wit_json_object_begin(&w);
    for (size_t slot = first; slot < m->columns->count; slot++) {
        wit_json_key(&w, m->columns->names[slot]);
        if (values[slot].text.data)
            wit_json_put_str(&w, values[slot].text);
        else
            wit_json_put_value(&w, values[slot].json);
    }
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st == WIT_ELIMIT)
        return too_long(m, row, first);
    if (st < 0)
        return wit_error_set(err, st, "no memory for the columns of a row");
    row->extra = wit_buf_view(&m->extra);
    return 0;
}

int list_row_make(struct list_row_maker *m, const struct list_value *values,
                  struct wit_crawler_list_row *row, struct wit_error *err) {
    struct wit_crawler_list_row made = { .reason = NULL };
    int st = language_check(m, values, &made);
    if (!made.reason)
        st = url_take(m, values, &made);
    if (!made.reason)
        st = digest_take(m, values, &made);
    if (!made.reason)
        st = captions_take(m, values, &made, err);
    if (st >= 0 && !made.reason)
        st = extra_take(m, values, &made, err);
    if (st >= 0 && !made.reason && m->columns->names[LIST_PAGE] &&
        !text_of(m, values, LIST_PAGE, &made.page))
        made.page = wit_str_of(NULL, 0);
    if (st >= 0)
        *row = made;
    return st;
}
