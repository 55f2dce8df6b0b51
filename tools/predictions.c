/* predictions.c: lines to names and verdicts. */
#include "predictions.h"

#include <errno.h>
#include <stdlib.h>

enum { LINE_MOST_BYTES = 1 << 16, FIELDS_MOST = 64 };

struct reading {
    const char *name;
    struct wit_lines *lines;
    bool json;
    size_t name_field, correct_field; /* of CSV */
    size_t cap;
    struct predictions found;
};

void predictions_finish(struct predictions *p) {
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i].name);
    free(p->items);
    *p = (struct predictions){ NULL, 0 };
}

static int fault(const struct reading *r, const char *what, struct wit_error *err) {
    return wit_error_set(err, WIT_EFORMAT, "%s:%llu: %s", r->name,
                         (unsigned long long)wit_lines_number(r->lines), what);
}

static int prediction_add(struct reading *r, struct wit_str name, bool correct,
                          struct wit_error *err) {
    struct predictions *p = &r->found;
    if (name.len == 0 || wit_str_find_byte(name, '\0', 0) >= 0)
        return fault(r, "the name of the image is empty, or no name", err);
    if (p->count == r->cap) {
        const size_t cap = r->cap ? 2 * r->cap : 1024;
        struct prediction *items = wit_realloc_array(p->items, cap, sizeof *items);
        if (!items)
            return wit_error_set(err, WIT_ENOMEM, "no memory for the predictions of %s", r->name);
        p->items = items;
        r->cap = cap;
    }
    char *copy = strndup(name.data, name.len);
    if (!copy)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the predictions of %s", r->name);
    p->items[p->count++] = (struct prediction){ copy, wit_lines_number(r->lines), correct };
    return 0;
}

/* ---- CSV ------------------------------------------------------------------------------------ */

/* Fields of one line, which is written over: quotes go, doubled ones become one. WIT_EFORMAT: a
 * quote is open, something stands behind a closing one, or there are too many fields. */
static int fields_split(char *line, size_t len, struct wit_str fields[FIELDS_MOST]) {
    size_t count = 0, at = 0;
    do {
        const size_t from = at;
        size_t to = at;
        if (count == FIELDS_MOST)
            return WIT_EFORMAT;
        if (at < len && line[at] == '"') {
            bool closed = false;
            for (at++; at < len && !closed; at++) {
                closed = line[at] == '"' && (at + 1 == len || line[at + 1] != '"');
                at += line[at] == '"' && !closed;
                if (!closed)
                    line[to++] = line[at];
            }
            if (!closed || (at < len && line[at] != ','))
                return WIT_EFORMAT;
        } else {
            while (at < len && line[at] != ',')
                at++;
            to = at;
        }
        fields[count++] = wit_str_trim(wit_str_of(line + from, to - from));
    } while (at++ < len); /* over the comma; at the end of the line there is none */
    return (int)count;
}

static bool verdict_parse(struct wit_str text, bool *correct) {
    if (wit_str_eq(text, WIT_STR("1")) || wit_str_eq_nocase(text, WIT_STR("true")))
        *correct = true;
    else if (wit_str_eq(text, WIT_STR("0")) || wit_str_eq_nocase(text, WIT_STR("false")))
        *correct = false;
    else
        return false;
    return true;
}

static int header_read(struct reading *r, const struct wit_str *fields, size_t count,
                       struct wit_error *err) {
    r->name_field = r->correct_field = count;
    for (size_t i = 0; i < count; i++) {
        if (wit_str_eq(fields[i], WIT_STR("correct")))
            r->correct_field = i;
        if (r->name_field == count &&
            (wit_str_eq(fields[i], WIT_STR("file")) || wit_str_eq(fields[i], WIT_STR("key"))))
            r->name_field = i;
    }
    return r->name_field < count && r->correct_field < count
               ? 0
               : fault(r, "a header with 'file' or 'key' and 'correct' is wanted", err);
}

static int csv_line(struct reading *r, struct wit_str line, bool is_header, struct wit_error *err) {
    struct wit_str fields[FIELDS_MOST];
    bool correct;
    char *copy = malloc(line.len + 1);
    if (!copy)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a line of %s", r->name);
    memcpy(copy, line.data, line.len);
    copy[line.len] = '\0';
    int st = fields_split(copy, line.len, fields);
    const size_t count = st < 0 ? 0 : (size_t)st;
    if (st < 0)
        st = fault(r, "quotes that do not match, or more than 64 fields", err);
    else if (is_header)
        st = header_read(r, fields, count, err);
    else if (r->name_field >= count || r->correct_field >= count)
        st = fault(r, "fewer fields than the header", err);
    else if (!verdict_parse(fields[r->correct_field], &correct))
        st = fault(r, "'correct' is neither 0 nor 1", err);
    else
        st = prediction_add(r, fields[r->name_field], correct, err);
    free(copy);
    return st;
}

/* ---- JSON lines ----------------------------------------------------------------------------- */

static int json_line(struct reading *r, struct wit_str text, struct wit_error *err) {
    struct wit_json *line = NULL;
    struct wit_str name;
    int64_t number = -1;
    bool correct = false;
    if (wit_json_parse(text, r->name, &line, NULL) < 0)
        return fault(r, "not a JSON object", err);
    const struct wit_json *verdict = wit_json_get(line, "correct");
    int st = 0;
    if (wit_json_string(wit_json_get(line, "file"), &name) < 0 &&
        wit_json_string(wit_json_get(line, "key"), &name) < 0)
        st = fault(r, "no text under 'file' or 'key'", err);
    else if (wit_json_bool(verdict, &correct) < 0 &&
             (wit_json_int(verdict, &number) < 0 || (number != 0 && number != 1)))
        st = fault(r, "'correct' is neither 0 nor 1", err);
    else
        st = prediction_add(r, name, correct || number == 1, err);
    wit_json_destroy(line);
    return st;
}

/* ---- the file ------------------------------------------------------------------------------- */

static int lines_read(struct reading *r, struct wit_error *err) {
    struct wit_str line;
    bool is_first = true;
    int st;
    while ((st = wit_lines_next(r->lines, &line, err)) > 0) {
        line = wit_str_trim(line);
        if (line.len == 0)
            continue;
        if (is_first)
            r->json = line.data[0] == '{';
        st = r->json ? json_line(r, line, err) : csv_line(r, line, is_first, err);
        if (st < 0)
            return st;
        is_first = false;
    }
    if (st == WIT_ELIMIT)
        return fault(r, "a line is longer than 65536 bytes", err);
    if (st == 0 && r->found.count == 0)
        return wit_error_set(err, WIT_EFORMAT, "%s holds no prediction", r->name);
    return st;
}

int predictions_read(FILE *stream, const char *name, struct predictions *out,
                     struct wit_error *err) {
    struct reading r = { .name = name };
    int st = wit_lines_open(stream, LINE_MOST_BYTES, &r.lines, err);
    if (st >= 0)
        st = lines_read(&r, err);
    wit_lines_close(r.lines);
    if (st < 0)
        predictions_finish(&r.found);
    else
        *out = r.found;
    return st < 0 ? st : 0;
}

int predictions_load(const char *path, struct predictions *out, struct wit_error *err) {
    FILE *f = fopen(path, "r");
    if (!f)
        return wit_error_errno(err, errno, "cannot open the predictions %s", path);
    int st = predictions_read(f, path, out, err);
    fclose(f);
    return st;
}
