/*
 * list_split.h: where the records of a list begin and end: lines, delimited rows with quotes, the
 * values of a JSON array. Nothing here reads a file or knows a column.
 */
#ifndef CRAWLER_LIST_SPLIT_H
#define CRAWLER_LIST_SPLIT_H

#include "base/wit_base.h"

enum list_split_kind {
    LIST_SPLIT_LINES,     /* LF or CRLF */
    LIST_SPLIT_DELIMITED, /* rows of fields; LF, CRLF or CR; quotes may hold all of them */
    LIST_SPLIT_ARRAY      /* values of one JSON array */
};

enum list_split_found {
    LIST_SPLIT_MORE,   /* nothing yet: more of the file is wanted */
    LIST_SPLIT_RECORD, /* window[from, to); the next one is looked for behind `at` */
    LIST_SPLIT_END,
    LIST_SPLIT_FAULT /* `fault` says what; the file can't be read on behind it, except when a quote
                        is open */
};

struct list_split {
    enum list_split_kind kind;
    char delimiter;
    unsigned state;
    size_t at; /* bytes of the window that were looked at */
    size_t from, to;
    unsigned depth; /* of brackets, in an array */
    bool in_string, escaped;
    const char *fault;
    /* Rows: one that began before this window did not end in its first open_to bytes, behind which
     * it was in open_state. So at each line end before it was inside quotes, and a later row that
     * is too is one with it from there on: it need not be looked at again. */
    size_t open_to;
    unsigned open_state;
};

void list_split_init(struct list_split *s, enum list_split_kind kind, char delimiter);
/* The next record begins at the front of the window. */
void list_split_next(struct list_split *s);
/* Of an array: some values were read before the front of the window. */
void list_split_resume(struct list_split *s);
/* Look at what is new in the window, which begins where it began at the last call; `ended`: nothing
 * follows it. */
enum list_split_found list_split_look(struct list_split *s, struct wit_str window, bool ended);
/* What was looked at is gone from the window, though its record goes on. */
void list_split_forget(struct list_split *s);
/* So many bytes at the front of the window are gone. */
void list_split_gone(struct list_split *s, size_t bytes);
bool list_split_in_quotes(const struct list_split *s);

/**
 * The fields of a delimited row, as pandas' C parser reads them: a field that begins with '"' runs
 * to the next single '"', a doubled one stands for itself, and what follows the closing one belongs
 * to the field as it is; elsewhere a quote is a byte like any other.
 * @param scratch  room for as many bytes as the row has; the fields lie in it
 * @return their number, WIT_ELIMIT when there are more than `most`
 */
int list_split_fields(struct wit_str row, char delimiter, char *scratch, struct wit_str *fields,
                      size_t most);

#endif
