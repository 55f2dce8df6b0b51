/* refusal_log.c: lines gather in memory and are appended. */
#include "refusal_log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { LINES_WRITTEN_AT_BYTES = 1 << 20 };
#define LINES_MOST_BYTES ((size_t)4 << 20) /* a line is at most a URL, each byte as \\u00XX */

int refusal_log_path(struct refusal_log *log, const char *dir, struct wit_error *err) {
    char folder[WIT_PATH_MAX];
    if (wit_path_join(folder, dir, "crawl") < 0 ||
        wit_path_join(log->path, folder, "refused.jsonl") < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    return 0;
}

int refusal_log_open(struct refusal_log *log, const char *dir, struct wit_error *err) {
    log->lines = (struct wit_buf)WIT_BUF_INIT(LINES_MOST_BYTES);
    int st = refusal_log_path(log, dir, err);
    if (st < 0)
        return st;
    log->fd = open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log->fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", log->path);
    char last = '\n'; /* a line that was cut must not swallow the next one */
    off_t end = lseek(log->fd, 0, SEEK_END);
    if (end > 0 && pread(log->fd, &last, 1, end - 1) == 1 && last != '\n')
        return wit_buf_append_byte(&log->lines, '\n');
    return 0;
}

static int lines_write(struct refusal_log *log, struct wit_error *err) {
    int st = wit_fd_write_all(log->fd, log->lines.data, log->lines.len, log->path, err);
    if (st >= 0)
        wit_buf_reset(&log->lines);
    return st;
}

int refusal_log_add(struct refusal_log *log, const struct refusal_line *line,
                    struct wit_error *err) {
    struct wit_json_writer w;
    wit_json_writer_init(&w, &log->lines);
    wit_json_object_begin(&w);
    wit_json_key(&w, "subject");
    wit_json_put_cstr(&w, wit_crawler_subject_name(line->subject));
    wit_json_key(&w, "url");
    wit_json_put_str(&w, line->url);
    if (line->subject == WIT_CRAWLER_PAGE) {
        wit_json_key(&w, "depth");
        wit_json_put_u64(&w, line->depth);
    }
    wit_json_key(&w, "reason");
    wit_json_put_str(&w, line->reason);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(&log->lines, '\n');
    if (st < 0)
        return wit_error_set(err, st, "no memory for a line of %s", log->path);
    return log->lines.len >= LINES_WRITTEN_AT_BYTES ? lines_write(log, err) : 0;
}

int refusal_log_sync(struct refusal_log *log, struct wit_error *err) {
    int st = log->lines.len ? lines_write(log, err) : 0;
    return st < 0 ? st : wit_fd_sync(log->fd, log->path, err);
}

void refusal_log_close(struct refusal_log *log) {
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
    wit_buf_finish(&log->lines);
}

/* ---- reading back --------------------------------------------------------------------------- */

static int subject_find(struct wit_str name, enum wit_crawler_subject *out) {
    for (int s = WIT_CRAWLER_PAGE; s <= WIT_CRAWLER_DOMAIN; s++)
        if (wit_str_eq(name, wit_str_from(wit_crawler_subject_name((enum wit_crawler_subject)s)))) {
            *out = (enum wit_crawler_subject)s;
            return 0;
        }
    return WIT_EFORMAT;
}

/* WIT_EFORMAT: not a line of ours, or half of one. The views are the tree's. */
static int line_parse(const struct wit_json *root, struct refusal_line *out) {
    struct wit_str subject;
    int64_t depth = 0;
    *out = (struct refusal_line){ .subject = WIT_CRAWLER_IMAGE };
    if (wit_json_string(wit_json_get(root, "subject"), &subject) < 0 ||
        wit_json_string(wit_json_get(root, "url"), &out->url) < 0 ||
        wit_json_string(wit_json_get(root, "reason"), &out->reason) < 0)
        return WIT_EFORMAT;
    if (subject_find(subject, &out->subject) < 0)
        return WIT_EFORMAT;
    if (wit_json_int(wit_json_get(root, "depth"), &depth) == 0 && depth > 0 && depth <= UINT32_MAX)
        out->depth = (uint32_t)depth;
    return 0;
}

int refusal_log_each(const struct refusal_log *log,
                     int (*fn)(void *user, const struct refusal_line *line, struct wit_error *err),
                     void *user, struct wit_error *err) {
    FILE *f = fopen(log->path, "r");
    struct wit_lines *lines = NULL;
    struct wit_str text;
    if (!f)
        return wit_error_errno(err, errno, "cannot open %s", log->path);
    int st = wit_lines_open(f, LINES_MOST_BYTES, &lines, err);
    while (st >= 0 && (st = wit_lines_next(lines, &text, err)) > 0) {
        struct wit_json *root = NULL;
        struct refusal_line line;
        st = wit_json_parse(text, log->path, &root, NULL);
        if (st >= 0)
            st = line_parse(root, &line);
        st = st == 0 ? fn(user, &line, err) : st == WIT_ENOMEM ? st : 0;
        wit_json_destroy(root);
        if (st != 0)
            break;
    }
    wit_lines_close(lines);
    fclose(f);
    return st;
}
