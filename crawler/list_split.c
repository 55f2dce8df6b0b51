/*
 * list_split.c: the state machines behind list_split.h. They look at each byte once, however the
 * file comes in pieces, and of a row whose quote has no end at its line once more.
 *
 *   rows    START -> PLAIN | QUOTED;  PLAIN -> START (delimiter), AFTER_CR, end
 *           QUOTED -> CLOSING -> QUOTED ("") | PLAIN (anything else)
 *   arrays  OPEN -> FIRST -> VALUE -> AFTER -> NEXT -> VALUE ...;  FIRST, AFTER -> CLOSED
 */
#include "list_split.h"

enum { ROW_START, ROW_PLAIN, ROW_QUOTED, ROW_CLOSING, ROW_AFTER_CR };
enum { ARRAY_OPEN, ARRAY_FIRST, ARRAY_NEXT, ARRAY_VALUE, ARRAY_AFTER, ARRAY_CLOSED };

void list_split_init(struct list_split *s, enum list_split_kind kind, char delimiter) {
    *s = (struct list_split){ .kind = kind, .delimiter = delimiter };
}

void list_split_next(struct list_split *s) {
    s->at = s->from = s->to = 0;
    if (s->kind == LIST_SPLIT_DELIMITED)
        s->state = ROW_START;
}

void list_split_resume(struct list_split *s) {
    if (s->kind == LIST_SPLIT_ARRAY)
        s->state = ARRAY_AFTER;
}

void list_split_forget(struct list_split *s) {
    s->at = s->from = 0;
}

void list_split_gone(struct list_split *s, size_t bytes) {
    s->open_to -= bytes < s->open_to ? bytes : s->open_to;
}

bool list_split_in_quotes(const struct list_split *s) {
    return s->kind == LIST_SPLIT_DELIMITED && s->state == ROW_QUOTED;
}

static enum list_split_found fault(struct list_split *s, const char *what) {
    s->fault = what;
    return LIST_SPLIT_FAULT;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static enum list_split_found line_look(struct list_split *s, struct wit_str window, bool ended) {
    ptrdiff_t end = wit_str_find_byte(window, '\n', s->at);
    s->at = end < 0 ? window.len : (size_t)end + 1;
    if (end < 0 && !ended)
        return LIST_SPLIT_MORE;
    if (s->at == 0)
        return LIST_SPLIT_END;
    s->to = end < 0 ? window.len : (size_t)end;
    if (s->to && window.data[s->to - 1] == '\r')
        s->to--;
    return LIST_SPLIT_RECORD;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* One byte that ends no row. True: a CR before it did, and it is the next row's. */
static bool row_step(struct list_split *s, char c) {
    if (s->state == ROW_AFTER_CR)
        return true;
    if (s->state == ROW_QUOTED) {
        if (c == '"')
            s->state = ROW_CLOSING;
    } else if (c == '"' && s->state == ROW_START) {
        s->state = ROW_QUOTED;
    } else if (c == '"' && s->state == ROW_CLOSING) {
        s->state = ROW_QUOTED;
    } else {
        s->state = c == s->delimiter ? ROW_START : c == '\r' ? ROW_AFTER_CR : ROW_PLAIN;
    }
    return false;
}

/* At this line end, was a row that began before in quotes too? Of the last byte that it looked at
 * only an LF tells: a CR may have ended it. */
static bool was_quoted_at(const struct list_split *s, char c) {
    return c == '\n' ? s->at < s->open_to : c == '\r' && s->at + 1 < s->open_to;
}

static enum list_split_found row_look(struct list_split *s, struct wit_str window, bool ended) {
    while (s->at < window.len) {
        char c = window.data[s->at];
        if (c == '\n' && s->state != ROW_QUOTED) {
            if (s->state != ROW_AFTER_CR)
                s->to = s->at;
            s->at++;
            return LIST_SPLIT_RECORD;
        }
        if (s->state == ROW_QUOTED && was_quoted_at(s, c)) {
            s->at = s->open_to;
            s->state = s->open_state;
            if (s->state == ROW_AFTER_CR)
                s->to = s->at - 1;
            continue;
        }
        bool was_cr = s->state == ROW_AFTER_CR;
        if (row_step(s, c))
            return LIST_SPLIT_RECORD;
        if (!was_cr && s->state == ROW_AFTER_CR)
            s->to = s->at;
        s->at++;
    }
    s->open_to = s->at;
    s->open_state = s->state;
    if (!ended)
        return LIST_SPLIT_MORE;
    if (s->at == 0)
        return LIST_SPLIT_END;
    if (s->state == ROW_QUOTED)
        return fault(s, "a quoted field has no end");
    if (s->state != ROW_AFTER_CR)
        s->to = s->at;
    return LIST_SPLIT_RECORD;
}

/* Write one field to *to; returns where the row goes on: behind the delimiter, or past its end. */
static size_t field_read(struct wit_str row, size_t at, char delimiter, char **to) {
    if (at < row.len && row.data[at] == '"') {
        at++;
        while (at < row.len) {
            if (row.data[at] == '"') {
                at++;
                if (at == row.len || row.data[at] != '"')
                    break; /* that was the closing one */
            }
            *(*to)++ = row.data[at++];
        }
    }
    for (; at < row.len && row.data[at] != delimiter; at++)
        *(*to)++ = row.data[at];
    return at + 1;
}

int list_split_fields(struct wit_str row, char delimiter, char *scratch, struct wit_str *fields,
                      size_t most) {
    size_t count = 0, at = 0;
    while (at <= row.len) { /* at == row.len: an empty field behind the last delimiter */
        if (count == most)
            return WIT_ELIMIT;
        char *begin = scratch;
        at = field_read(row, at, delimiter, &scratch);
        fields[count++] = wit_str_of(begin, (size_t)(scratch - begin));
    }
    return (int)count;
}

/* ---- arrays --------------------------------------------------------------------------------- */

static bool is_json_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One byte of a value. True: the value is whole; *take: this byte is its last one. */
static bool value_step(struct list_split *s, char c, bool *take) {
    *take = true;
    if (s->in_string) {
        bool closes = c == '"' && !s->escaped;
        s->escaped = c == '\\' && !s->escaped;
        s->in_string = !closes;
        return closes && s->depth == 0;
    }
    if (c == '"') {
        s->in_string = true;
    } else if (c == '{' || c == '[') {
        s->depth++;
    } else if (s->depth && (c == '}' || c == ']')) {
        return --s->depth == 0;
    } else if (s->depth == 0 && (c == ',' || c == '}' || c == ']' || is_json_space(c))) {
        *take = false;
        return true;
    }
    return false;
}

static enum list_split_found array_look(struct list_split *s, struct wit_str window, bool ended) {
    for (; s->at < window.len; s->at++) {
        char c = window.data[s->at];
        bool take;
        if (s->state != ARRAY_VALUE && is_json_space(c))
            continue;
        switch (s->state) {
        case ARRAY_OPEN:
            if (c != '[')
                return fault(s, "it is no JSON array; of objects one a line the format is jsonl");
            s->state = ARRAY_FIRST;
            continue;
        case ARRAY_AFTER:
            if (c != ',' && c != ']')
                return fault(s, "there is no ',' between two values of its array");
            s->state = c == ',' ? ARRAY_NEXT : ARRAY_CLOSED;
            continue;
        case ARRAY_CLOSED:
            return fault(s, "something stands behind its array");
        case ARRAY_FIRST:
        case ARRAY_NEXT:
            if (c == ']') {
                if (s->state == ARRAY_NEXT)
                    return fault(s, "a ',' ends its array");
                s->state = ARRAY_CLOSED;
                continue;
            }
            s->state = ARRAY_VALUE;
            s->from = s->at;
            s->depth = 0;
            s->in_string = s->escaped = false;
            break;
        default:
            break;
        }
        if (value_step(s, c, &take)) {
            s->at += take;
            s->to = s->at;
            s->state = ARRAY_AFTER;
            return LIST_SPLIT_RECORD;
        }
    }
    if (s->state != ARRAY_VALUE)
        s->from = s->at;
    if (!ended)
        return LIST_SPLIT_MORE;
    return s->state == ARRAY_CLOSED ? LIST_SPLIT_END : fault(s, "it ends within its array");
}

enum list_split_found list_split_look(struct list_split *s, struct wit_str window, bool ended) {
    switch (s->kind) {
    case LIST_SPLIT_LINES:
        return line_look(s, window, ended);
    case LIST_SPLIT_DELIMITED:
        return row_look(s, window, ended);
    case LIST_SPLIT_ARRAY:
        break;
    }
    return array_look(s, window, ended);
}
