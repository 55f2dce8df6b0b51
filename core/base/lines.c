/* lines.c: lines of a stream with a ceiling for each. */
#include "wit_base.h"

#include <errno.h>
#include <stdlib.h>

struct wit_lines {
    FILE *stream;
    size_t max_line_bytes;
    uint64_t number;
    char *line; /* getdelim would grow without bound: the buffer is our own */
    size_t len, cap;
    char chunk[64 * 1024];
    size_t from, to; /* unread part of the chunk */
};

int wit_lines_open(FILE *stream, size_t max_line_bytes, struct wit_lines **out,
                   struct wit_error *err) {
    struct wit_lines *l = calloc(1, sizeof *l);
    if (!l)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a line reader");
    l->stream = stream;
    l->max_line_bytes = max_line_bytes;
    *out = l;
    return 0;
}

void wit_lines_close(struct wit_lines *l) {
    if (l)
        free(l->line);
    free(l);
}

uint64_t wit_lines_number(const struct wit_lines *l) {
    return l->number;
}

static int line_append(struct wit_lines *l, const char *data, size_t len, struct wit_error *err) {
    if (len > l->cap - l->len) {
        size_t cap = l->cap ? l->cap : 4096;
        while (cap - l->len < len)
            cap *= 2;
        char *line = realloc(l->line, cap);
        if (!line)
            return wit_error_set(err, WIT_ENOMEM, "no memory for line %llu",
                                 (unsigned long long)l->number);
        l->line = line;
        l->cap = cap;
    }
    if (len) /* else there may be no line yet to point into */
        memcpy(l->line + l->len, data, len);
    l->len += len;
    return 0;
}

int wit_lines_next(struct wit_lines *l, struct wit_str *line, struct wit_error *err) {
    bool too_long = false, any = false, ended = false;
    l->len = 0;
    while (!ended) {
        if (l->from == l->to) {
            l->from = 0;
            l->to = fread(l->chunk, 1, sizeof l->chunk, l->stream);
            if (l->to == 0 && ferror(l->stream))
                return wit_error_errno(err, errno, "cannot read line %llu",
                                       (unsigned long long)l->number + 1);
            if (l->to == 0)
                break;
        }
        if (!any)
            l->number++;
        any = true;
        const char *start = l->chunk + l->from;
        const char *newline = memchr(start, '\n', l->to - l->from);
        size_t len = newline ? (size_t)(newline - start) : l->to - l->from;
        ended = newline != NULL;
        l->from += len + (newline ? 1 : 0);
        if (too_long || len > l->max_line_bytes - l->len) {
            too_long = true;
            continue;
        }
        int st = line_append(l, start, len, err);
        if (st < 0)
            return st;
    }
    if (!any)
        return 0;
    if (too_long)
        return wit_error_set(err, WIT_ELIMIT, "line %llu is longer than %zu bytes",
                             (unsigned long long)l->number, l->max_line_bytes);
    if (l->len && l->line[l->len - 1] == '\r')
        l->len--;
    *line = wit_str_of(l->line, l->len);
    return 1;
}
