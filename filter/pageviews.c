/*
 * pageviews.c: hourly files of page views. Format: wikitech.wikimedia.org, Analytics/Data
 * Lake/Traffic/Pageviews, "legacy" files: a line for each project and title, four columns parted by
 * single spaces, "_" for spaces in titles.
 */
#include "pageviews.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

enum { READ_BYTES = 1 << 18 };

bool pageviews_line_parse(struct wit_str line, struct pageviews_line *out) {
    ptrdiff_t first = wit_str_find_byte(line, ' ', 0);
    ptrdiff_t second = first < 0 ? -1 : wit_str_find_byte(line, ' ', (size_t)first + 1);
    if (second < 0)
        return false;
    ptrdiff_t third = wit_str_find_byte(line, ' ', (size_t)second + 1);
    struct wit_str views =
        wit_str_slice(line, (size_t)second + 1, third < 0 ? line.len : (size_t)third);
    out->project = wit_str_slice(line, 0, (size_t)first);
    out->title = wit_str_slice(line, (size_t)first + 1, (size_t)second);
    return out->project.len > 0 && out->title.len > 0 && wit_str_to_u64(views, &out->views) >= 0;
}

struct reader {
    const char *path;
    gzFile file;
    struct wit_buf bytes; /* the rest of a line, and what was read behind it */
    struct wit_str project;
    uint64_t hourly, titles, bad, lines;
    struct gram_table *table;
};

static int title_add(struct reader *r, const struct pageviews_line *l, struct wit_error *err) {
    char title[WORDS_MAX_BYTES];
    for (size_t i = 0; i < l->title.len; i++)
        title[i] = l->title.data[i] == '_' ? ' ' : l->title.data[i];
    struct gram g = { .count = l->views };
    g.text = wit_str_trim(wit_str_of(title, l->title.len));
    if (!g.text.len)
        return 0;
    g.key = wit_hash64_of(g.text.data, g.text.len, 0);
    r->titles++;
    return gram_table_add(r->table, &g, err);
}

static int line_add(struct reader *r, struct wit_str line, struct wit_error *err) {
    struct pageviews_line l;
    r->lines++;
    if (!pageviews_line_parse(line, &l)) {
        r->bad++;
        return 0;
    }
    if (l.views == 0 || l.views < r->hourly || l.title.len > WORDS_MAX_BYTES ||
        !wit_str_eq(l.project, r->project) || wit_str_find_byte(l.title, ':', 0) >= 0)
        return 0;
    return title_add(r, &l, err);
}

/* Whole lines of what was read, at the end also the last one; the rest stays. */
static int lines_add(struct reader *r, bool end, struct wit_error *err) {
    struct wit_str all = wit_buf_view(&r->bytes);
    size_t from = 0;
    int st = 0;
    for (ptrdiff_t at; st >= 0 && (at = wit_str_find_byte(all, '\n', from)) >= 0;) {
        st = line_add(r, wit_str_slice(all, from, (size_t)at), err);
        from = (size_t)at + 1;
    }
    if (st >= 0 && end && from < all.len) {
        st = line_add(r, wit_str_slice(all, from, all.len), err);
        from = all.len;
    }
    if (st >= 0 && all.len - from > PAGEVIEWS_LINE_MAX_BYTES)
        return wit_error_set(err, WIT_EFORMAT, "'%s' holds a line of more than %u bytes", r->path,
                             PAGEVIEWS_LINE_MAX_BYTES);
    if (from) {
        memmove(r->bytes.data, r->bytes.data + from, all.len - from);
        r->bytes.len = all.len - from;
    }
    return st;
}

static int file_read(struct reader *r, const volatile int *cancel, struct wit_error *err) {
    for (;;) {
        if (cancel && *cancel)
            return wit_error_set(err, WIT_ECANCELED, "interrupted in '%s'", r->path);
        int st = wit_buf_reserve(&r->bytes, READ_BYTES);
        if (st < 0)
            return wit_error_set(err, st, "'%s': no memory to read it", r->path);
        int n = gzread(r->file, r->bytes.data + r->bytes.len, READ_BYTES), rc = Z_OK;
        const char *why = gzerror(r->file, &rc);
        if (n < 0 && rc == Z_ERRNO)
            return wit_error_errno(err, errno, "cannot read '%s'", r->path);
        if (n < 0 || rc < 0) /* a stream that is cut off gives what it has, then an error */
            return wit_error_set(err, WIT_ECORRUPT, "'%s': the gzip file is cut off or damaged: %s",
                                 r->path, why);
        r->bytes.len += (size_t)n;
        st = lines_add(r, n == 0, err);
        if (st < 0 || n == 0)
            return st;
    }
}

int pageviews_count(const char *path, struct wit_str project, uint64_t hourly,
                    const volatile int *cancel, struct gram_table *t, uint64_t *titles,
                    uint64_t *bad, struct wit_error *err) {
    struct reader r = { .path = path, .project = project, .hourly = hourly, .table = t };
    r.bytes = (struct wit_buf)WIT_BUF_INIT(4 * READ_BYTES);
    errno = 0;
    r.file = gzopen(path, "rbe");
    if (!r.file)
        return errno ? wit_error_errno(err, errno, "cannot open '%s'", path)
                     : wit_error_set(err, WIT_ENOMEM, "cannot open '%s': no memory", path);
    (void)gzbuffer(r.file, READ_BYTES);
    int st = file_read(&r, cancel, err);
    gzclose(r.file);
    wit_buf_finish(&r.bytes);
    if (st >= 0 && r.lines && r.bad == r.lines)
        st = wit_error_set(err, WIT_EFORMAT, "'%s' holds no line of page views", path);
    if (st >= 0) {
        *titles = r.titles;
        *bad = r.bad;
    }
    return st;
}
