/* caption_lines.c: see caption_lines.h. */
#include "caption_lines.h"

#include "wit_filter.h"

enum { BAD_LINES_SHOWN = 20 };

/* Every byte of the longest text as \u00XX, and room for a URL and other members. */
#define LINE_MAX_BYTES (6 * (size_t)WIT_FILTER_TEXT_MAX_BYTES + (1u << 20))

static bool is_blank(struct wit_str line) {
    return wit_str_trim(line).len == 0;
}

/* Column `number` of a line of columns. */
static int column_take(const struct captions *s, struct wit_str line, unsigned number,
                       struct wit_str *out, struct wit_error *err) {
    for (unsigned i = 1;; i++) {
        ptrdiff_t tab = wit_str_find_byte(line, '\t', 0);
        if (i == number) {
            *out = wit_str_slice(line, 0, tab < 0 ? line.len : (size_t)tab);
            return 0;
        }
        if (tab < 0)
            return wit_error_set(err, WIT_EFORMAT, "%s:%llu: there is no column %u, only %u",
                                 s->name, (unsigned long long)s->line, number, i);
        line = wit_str_slice(line, (size_t)tab + 1, line.len);
    }
}

static int columns_read(const struct captions *s, struct caption *c, struct wit_error *err) {
    const struct caption_format *f = &s->format;
    c->has_url = f->url_column != 0;
    c->has_page = f->page_column != 0;
    int st = column_take(s, c->line, f->text_column, &c->text, err);
    if (st >= 0 && c->has_url)
        st = column_take(s, c->line, f->url_column, &c->url, err);
    if (st >= 0 && c->has_page)
        st = column_take(s, c->line, f->page_column, &c->page, err);
    return st;
}

/* Strings are borrowed from *root. */
static int object_read(const struct captions *s, struct wit_json **root, struct caption *c,
                       struct wit_error *err) {
    char where[WIT_PATH_MAX + 32];
    snprintf(where, sizeof where, "%s:%llu", s->name, (unsigned long long)s->line);
    int st = wit_json_parse(c->line, where, root, err);
    if (st < 0)
        return st;
    const struct wit_json *url = wit_json_get(*root, "url"), *page = wit_json_get(*root, "page");
    if (wit_json_string(wit_json_get(*root, "text"), &c->text) < 0)
        return wit_error_set(err, WIT_EFORMAT, "%s: there is no string \"text\"", where);
    c->has_url = url != NULL;
    if ((url || s->need_url) && wit_json_string(url, &c->url) < 0)
        return wit_error_set(err, WIT_EFORMAT, "%s: there is no string \"url\"", where);
    c->has_page = wit_json_string(page, &c->page) >= 0 && c->page.len;
    return 0;
}

static int caption_read(const struct captions *s, struct wit_json **root, struct caption *c,
                        struct wit_error *err) {
    int st = s->format.tsv ? columns_read(s, c, err) : object_read(s, root, c, err);
    if (st >= 0 && c->has_url && wit_str_find_byte(c->url, '\0', 0) >= 0)
        return wit_error_set(err, WIT_EFORMAT, "%s:%llu: a URL holds no NUL", s->name,
                             (unsigned long long)s->line);
    return st;
}

static int line_fault(struct captions *s, caption_bad_fn bad, void *user,
                      const struct wit_error *err) {
    if (s->bad++ < BAD_LINES_SHOWN)
        fprintf(stderr, "wit %s: %s\n", s->command, err->text);
    return bad ? bad(user, err) : 0;
}

int captions_each(struct captions *s, FILE *stream, caption_fn fn, caption_bad_fn bad, void *user,
                  struct wit_error *err) {
    struct wit_lines *lines = NULL;
    int st = wit_lines_open(stream, LINE_MAX_BYTES, &lines, err);
    while (st == 0) {
        struct caption c = { .has_url = false };
        struct wit_json *root = NULL;
        st = wit_lines_next(lines, &c.line, err);
        if (st == 0)
            break;
        s->line = wit_lines_number(lines);
        if (st > 0 && is_blank(c.line)) {
            st = 0;
            continue;
        }
        if (st > 0)
            st = caption_read(s, &root, &c, err);
        if (st >= 0)
            st = fn(user, &c, err);
        wit_json_destroy(root);
        if (st == WIT_EFORMAT || st == WIT_ELIMIT)
            st = line_fault(s, bad, user, err);
    }
    wit_lines_close(lines);
    return st;
}

void captions_finish(const struct captions *s) {
    if (s->bad > BAD_LINES_SHOWN)
        fprintf(stderr, "wit %s: %llu further lines could not be used\n", s->command,
                (unsigned long long)(s->bad - BAD_LINES_SHOWN));
}
