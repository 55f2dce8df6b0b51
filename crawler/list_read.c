/*
 * list_read.c: from files to rows: opens one after the other, cuts them into records, names what is
 * bad and goes on behind it.
 *
 * A bad row ends at its line's end, also where an open quote would take in what follows; a file
 * that breaks off or is no list at all is left with a sentence, and the next one is begun.
 */
#include "list_state.h"
#include "text/wit_text.h"

enum { LINE_END_BYTES = 2 };

enum record { RECORD_NONE, RECORD_GOOD, RECORD_BAD }; /* what record_next found */

static bool is_delimited(enum wit_crawler_list_format format) {
    return format == WIT_CRAWLER_LIST_CSV || format == WIT_CRAWLER_LIST_TSV ||
           format == WIT_CRAWLER_LIST_WIT;
}

static char delimiter_of(enum wit_crawler_list_format format) {
    return format == WIT_CRAWLER_LIST_CSV ? ',' : '\t';
}

static const struct list_file *file_of(const struct wit_crawler_list *l) {
    return &l->files.items[l->file];
}

/* ---- records -------------------------------------------------------------------------------- */

static uint64_t lines_in(struct wit_str s) {
    uint64_t n = 0;
    for (ptrdiff_t at = -1; (at = wit_str_find_byte(s, '\n', (size_t)(at + 1))) >= 0;)
        n++;
    return n;
}

/* The record at hand is these bytes of the window. */
static void take(struct wit_crawler_list *l, size_t bytes) {
    struct wit_str window = list_source_window(&l->source);
    l->taken = bytes;
    l->next_line = l->line + lines_in(wit_str_slice(window, 0, bytes));
    if (bytes && window.data[bytes - 1] == '\r' && l->split.kind == LIST_SPLIT_DELIMITED)
        l->next_line++; /* a CR by itself */
}

static void give_back(struct wit_crawler_list *l) {
    list_source_skip(&l->source, l->taken);
    list_split_gone(&l->split, l->taken);
    l->line = l->next_line;
    l->taken = 0;
}

/* Skip the whole window: it belongs to a record that is too long to be held. The row stays that of
 * the line where it began. */
static void window_drop(struct wit_crawler_list *l, uint64_t *dropped_lines) {
    struct wit_str window = list_source_window(&l->source);
    *dropped_lines += lines_in(window);
    list_source_skip(&l->source, window.len);
}

/* Bytes up to and with the first line end of the window, which is what it is for the records: LF,
 * CRLF, and of rows a CR by itself. 0: it is not there, or may go on behind the window. */
static size_t line_bytes(const struct wit_crawler_list *l, struct wit_str window) {
    ptrdiff_t lf = wit_str_find_byte(window, '\n', 0), cr = -1;
    if (l->split.kind == LIST_SPLIT_DELIMITED)
        cr = wit_str_find_byte(lf < 0 ? window : wit_str_slice(window, 0, (size_t)lf), '\r', 0);
    if (cr < 0 || cr + 1 == lf)
        return (size_t)(lf + 1);
    return (size_t)cr + 1 < window.len ? (size_t)cr + 1 : 0;
}

/* Behind the end of the record's first line. */
static int line_skip(struct wit_crawler_list *l, struct wit_error *err) {
    for (;;) {
        struct wit_str window = list_source_window(&l->source);
        size_t bytes = line_bytes(l, window);
        if (bytes || l->source.ended) {
            take(l, bytes ? bytes : window.len);
            return 0;
        }
        if (window.len && window.data[window.len - 1] == '\r')
            window.len--; /* what follows it says which line end it is */
        list_source_skip(&l->source, window.len);
        list_split_gone(&l->split, window.len);
        int st = list_source_more(&l->source, err);
        if (st < 0)
            return st;
    }
}

static int file_fault(const struct wit_crawler_list *l, struct wit_error *err) {
    return wit_error_set(err, WIT_EFORMAT, "%s", l->split.fault);
}

/* Behind a value of an array that is longer than a row may be. */
static int value_skip(struct wit_crawler_list *l, struct wit_error *err) {
    uint64_t dropped = 0;
    for (;;) {
        enum list_split_found found =
            list_split_look(&l->split, list_source_window(&l->source), l->source.ended);
        if (found == LIST_SPLIT_RECORD) {
            take(l, l->split.at);
            l->next_line += dropped;
            return 0;
        }
        if (found != LIST_SPLIT_MORE)
            return file_fault(l, err);
        window_drop(l, &dropped);
        list_split_forget(&l->split);
        int st = list_source_more(&l->source, err);
        if (st < 0)
            return st;
    }
}

/* The record at hand is bad: end it where reading can go on. */
static int record_refuse(struct wit_crawler_list *l, const char *reason, const char *why,
                         struct wit_crawler_list_row *row, struct wit_error *err) {
    int st = 0;
    snprintf(l->maker.why, sizeof l->maker.why, "%s", why);
    *row = (struct wit_crawler_list_row){ .reason = reason };
    if (l->split.kind != LIST_SPLIT_ARRAY)
        st = line_skip(l, err);
    else if (l->split.to > l->split.from) /* its end is known */
        take(l, l->split.at);
    else
        st = value_skip(l, err);
    return st < 0 ? st : RECORD_BAD;
}

static int record_too_long(struct wit_crawler_list *l, struct wit_crawler_list_row *row,
                           struct wit_error *err) {
    char why[LIST_WHY_BYTES];
    snprintf(why, sizeof why, "it has more than %zu bytes%s", l->cfg.row_bytes_most,
             l->split.kind == LIST_SPLIT_DELIMITED ? ", or a quote without an end" : "");
    return record_refuse(l, "row_too_long", why, row, err);
}

/* White space between values of an array need not be held. */
static void space_drop(struct wit_crawler_list *l) {
    if (l->split.kind != LIST_SPLIT_ARRAY || l->split.from == 0)
        return;
    take(l, l->split.from);
    give_back(l);
    l->split.at -= l->split.from;
    if (l->split.to)
        l->split.to -= l->split.from;
    l->split.from = 0;
}

/* The next row of a parquet file, as text of JSON. Rows are counted as lines. */
static int table_next(struct wit_crawler_list *l, struct wit_str *record,
                      struct wit_crawler_list_row *row, struct wit_error *err) {
    int st = wit_table_reader_next(l->table, record, err);
    if (st <= 0)
        return st;
    l->line = ++l->table_rows;
    l->next_line = l->line + 1;
    if (record->data)
        return RECORD_GOOD;
    snprintf(l->maker.why, sizeof l->maker.why, "it has more than %zu bytes",
             l->cfg.row_bytes_most);
    *row = (struct wit_crawler_list_row){ .reason = "row_too_long" };
    return RECORD_BAD;
}

/* enum record, or what failed for the whole file. */
static int record_next(struct wit_crawler_list *l, struct wit_str *record,
                       struct wit_crawler_list_row *row, struct wit_error *err) {
    size_t most = l->cfg.row_bytes_most;
    if (l->table)
        return table_next(l, record, row, err);
    give_back(l);
    list_split_next(&l->split);
    for (;;) {
        enum list_split_found found =
            list_split_look(&l->split, list_source_window(&l->source), l->source.ended);
        space_drop(l);
        struct wit_str window = list_source_window(&l->source);
        if (found == LIST_SPLIT_END)
            return RECORD_NONE;
        if (found == LIST_SPLIT_FAULT)
            return list_split_in_quotes(&l->split)
                       ? record_refuse(l, "bad_row", l->split.fault, row, err)
                       : file_fault(l, err);
        if (found == LIST_SPLIT_RECORD && l->split.to - l->split.from <= most) {
            take(l, l->split.at);
            *record = wit_str_slice(window, l->split.from, l->split.to);
            return RECORD_GOOD;
        }
        if (found == LIST_SPLIT_RECORD || window.len > most + LINE_END_BYTES)
            return record_too_long(l, row, err);
        int st = list_source_more(&l->source, err);
        if (st < 0)
            return st;
    }
}

/* ---- files ---------------------------------------------------------------------------------- */

static int fields_split(struct wit_crawler_list *l, struct wit_str record, struct wit_error *err) {
    wit_buf_reset(&l->scratch);
    int st = wit_buf_reserve(&l->scratch, record.len + 1);
    if (st < 0)
        return wit_error_set(err, st, "no memory for a row");
    return list_split_fields(record, l->split.delimiter, l->scratch.data, l->fields,
                             WIT_CRAWLER_LIST_FIELDS);
}

static int column_missing(struct wit_crawler_list *l, const char *name, size_t count,
                          struct wit_error *err) {
    char has[400];
    size_t len = 0;
    for (size_t i = 0; i < count && len < sizeof has - 80; i++)
        len += (size_t)snprintf(has + len, sizeof has - len, "%s%.*s", i ? ", " : "",
                                (int)(l->fields[i].len < 60 ? l->fields[i].len : 60),
                                l->fields[i].data);
    has[len] = '\0';
    return wit_error_set(err, WIT_EFORMAT, "its first row names no column '%s', but %s", name, has);
}

static int header_read(struct wit_crawler_list *l, struct wit_error *err) {
    struct wit_crawler_list_row row = { .reason = NULL };
    struct wit_str record = { NULL, 0 };
    int found;
    do
        found = record_next(l, &record, &row, err);
    while (found == RECORD_GOOD && record.len == 0);
    if (found < 0)
        return found;
    if (found != RECORD_GOOD)
        return wit_error_set(err, WIT_EFORMAT, "it has no first row that names the columns");
    int count = fields_split(l, record, err);
    if (count == WIT_ELIMIT)
        return wit_error_set(err, WIT_EFORMAT, "its first row has more than %u columns",
                             WIT_CRAWLER_LIST_FIELDS);
    if (count < 0)
        return count;
    l->header_fields = (size_t)count;
    for (size_t slot = 0; slot < l->columns.count; slot++) {
        const char *name = l->columns.names[slot];
        size_t i = 0;
        while (name && i < l->header_fields && !wit_str_eq(l->fields[i], wit_str_from(name)))
            i++; /* of two columns with one name the first counts */
        if (name && i == l->header_fields)
            return column_missing(l, name, l->header_fields, err);
        l->field_of[slot] = i;
    }
    return 0;
}

/* Skip a byte order mark. */
static int mark_skip(struct wit_crawler_list *l, struct wit_error *err) {
    int st = 1;
    while (st > 0 && list_source_window(&l->source).len < 3)
        st = list_source_more(&l->source, err);
    if (st < 0)
        return st;
    struct wit_str window = list_source_window(&l->source);
    if (wit_str_starts_with(window, WIT_STR("\xEF\xBB\xBF")))
        list_source_skip(&l->source, 3);
    if (wit_str_starts_with(window, WIT_STR("\xFF\xFE")) ||
        wit_str_starts_with(window, WIT_STR("\xFE\xFF")))
        return wit_error_set(err, WIT_EFORMAT, "it is UTF-16, and only UTF-8 is read");
    return 0;
}

static int sought_is_lost(struct wit_error *err) {
    return wit_error_set(err, WIT_EFORMAT, "it is shorter than what was read of it before");
}

/* Go on where an earlier run stopped, if it was in this file. */
static int sought_reach(struct wit_crawler_list *l, struct wit_error *err) {
    if (l->sought.offset == 0 || l->sought.file != l->file)
        return 0;
    give_back(l);
    int st = list_source_seek(&l->source, l->sought.offset, err);
    if (st == 0)
        st = sought_is_lost(err);
    list_split_resume(&l->split);
    l->line = l->next_line = l->sought.line;
    l->sought.offset = 0;
    return st < 0 ? st : 0;
}

static int table_begin(struct wit_crawler_list *l, struct wit_error *err) {
    const char *names[LIST_SLOTS_MOST];
    size_t count = 0;
    for (size_t slot = 0; slot < l->columns.count; slot++)
        if (l->columns.names[slot])
            names[count++] = l->columns.names[slot];
    int st = wit_table_reader_open(file_of(l)->path, names, count, l->cfg.row_bytes_most, &l->table,
                                   err);
    l->open = st >= 0;
    l->table_rows = 0;
    l->line = l->next_line = 1;
    if (st < 0 || l->sought.offset == 0 || l->sought.file != l->file)
        return st;
    st = wit_table_reader_seek(l->table, l->sought.offset, err);
    l->table_rows = l->sought.offset;
    l->next_line = l->table_rows + 1;
    l->sought.offset = 0;
    return st == 0 ? sought_is_lost(err) : st < 0 ? st : 0;
}

static int file_begin(struct wit_crawler_list *l, struct wit_error *err) {
    enum wit_crawler_list_format format = file_of(l)->format;
    if (format == WIT_CRAWLER_LIST_PARQUET)
        return table_begin(l, err);
    size_t window_max = l->cfg.row_bytes_most + LINE_END_BYTES + 2 * l->cfg.chunk_bytes;
    l->taken = 0;
    l->line = l->next_line = 1;
    list_split_init(&l->split,
                    is_delimited(format)              ? LIST_SPLIT_DELIMITED
                    : format == WIT_CRAWLER_LIST_JSON ? LIST_SPLIT_ARRAY
                                                      : LIST_SPLIT_LINES,
                    delimiter_of(format));
    int st = list_source_open(&l->source, file_of(l)->path, l->cfg.chunk_bytes, window_max, err);
    l->open = st >= 0;
    if (st >= 0)
        st = mark_skip(l, err);
    if (st >= 0 && is_delimited(format))
        st = header_read(l, err);
    return st < 0 ? st : sought_reach(l, err);
}

static void file_close(struct wit_crawler_list *l) {
    list_source_close(&l->source);
    wit_table_reader_close(l->table);
    l->table = NULL;
    l->open = false;
    l->taken = 0;
}

void list_complain(const struct wit_crawler_list *l, uint64_t line, const char *why) {
    if (l->cfg.complain)
        l->cfg.complain(l->cfg.user, file_of(l)->path, line, why);
}

static void file_fail(struct wit_crawler_list *l, struct wit_crawler_list_place place,
                      const struct wit_error *why) {
    l->unreadable++;
    list_complain(l, 0, why->text);
    file_close(l);
    list_file_left(l, place);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Nothing but spaces, or a comment: no row. */
static bool is_blank(const struct wit_crawler_list *l, struct wit_str record) {
    enum wit_crawler_list_format format = file_of(l)->format;
    if (is_delimited(format)) {
        for (size_t i = 0; i < record.len; i++)
            if (record.data[i] == l->split.delimiter ||
                (record.data[i] != ' ' && record.data[i] != '\t'))
                return false;
        return true;
    }
    record = wit_str_trim(record);
    return record.len == 0 || (format == WIT_CRAWLER_LIST_TXT && record.data[0] == '#');
}

static int bad_row(struct wit_crawler_list *l, struct wit_crawler_list_row *row, const char *why) {
    snprintf(l->maker.why, sizeof l->maker.why, "%s", why);
    *row = (struct wit_crawler_list_row){ .reason = "bad_row" };
    return 0;
}

static int delimited_decode(struct wit_crawler_list *l, struct wit_str record,
                            struct wit_crawler_list_row *row, struct wit_error *err) {
    int count = fields_split(l, record, err);
    if (count < 0 && count != WIT_ELIMIT)
        return count;
    if (count < 0 || (size_t)count > l->header_fields) {
        char why[LIST_WHY_BYTES];
        snprintf(why, sizeof why, "it has more fields than the first row's %zu", l->header_fields);
        return bad_row(l, row, why);
    }
    for (size_t slot = 0; slot < l->columns.count; slot++) {
        size_t field = l->field_of[slot];
        bool there = l->columns.names[slot] && field < (size_t)count;
        l->values[slot] = (struct list_value){ .text = there ? l->fields[field] : WIT_STR("") };
    }
    return list_row_make(&l->maker, l->values, row, err);
}

static int json_decode(struct wit_crawler_list *l, struct wit_str record,
                       struct wit_crawler_list_row *row, struct wit_error *err) {
    struct wit_error why = WIT_ERROR_INIT;
    int st = 0;
    if (!wit_utf8_valid(record)) {
        wit_buf_reset(&l->scratch);
        st = wit_utf8_sanitize(record, &l->scratch);
        record = wit_buf_view(&l->scratch);
    }
    if (st >= 0)
        st = wit_json_parse(record, "its JSON", &l->object, &why);
    if (st == WIT_ENOMEM)
        return wit_error_set(err, st, "no memory for a row");
    if (st < 0)
        return bad_row(l, row, why.text);
    if (wit_json_type_of(l->object) != WIT_JSON_OBJECT)
        return bad_row(l, row, "it is no JSON object");
    for (size_t slot = 0; slot < l->columns.count; slot++)
        l->values[slot] = (struct list_value){
            .json = l->columns.names[slot] ? wit_json_get(l->object, l->columns.names[slot]) : NULL
        };
    return list_row_make(&l->maker, l->values, row, err);
}

static int record_decode(struct wit_crawler_list *l, struct wit_str record,
                         struct wit_crawler_list_row *row, struct wit_error *err) {
    enum wit_crawler_list_format format = file_of(l)->format;
    if (is_delimited(format))
        return delimited_decode(l, record, row, err);
    if (format != WIT_CRAWLER_LIST_TXT)
        return json_decode(l, record, row, err);
    l->values[LIST_URL] = (struct list_value){ .text = record };
    return list_row_make(&l->maker, l->values, row, err);
}

/* 1: a row; 0: the file is at its end; else what failed for the file, or WIT_ENOMEM. */
static int file_row(struct wit_crawler_list *l, struct wit_crawler_list_row *row,
                    struct wit_error *err) {
    struct wit_str record = { NULL, 0 };
    int found;
    do
        found = record_next(l, &record, row, err);
    while (found == RECORD_GOOD && is_blank(l, record));
    if (found <= RECORD_NONE)
        return found;
    int st = found == RECORD_GOOD ? record_decode(l, record, row, err) : 0;
    if (st < 0)
        return st;
    l->rows++;
    row->file = file_of(l)->path;
    row->line = l->line;
    if (row->reason && l->maker.why[0])
        list_complain(l, row->line, l->maker.why);
    return 1;
}

int wit_crawler_list_next(struct wit_crawler_list *l, struct wit_crawler_list_row *row,
                          struct wit_error *err) {
    while (l->file < l->files.count && !l->stopped) {
        const struct wit_crawler_list_place place = list_place(l); /* no row begins later */
        struct wit_error why = WIT_ERROR_INIT;
        wit_json_destroy(l->object);
        l->object = NULL;
        int st = l->open ? 0 : file_begin(l, &why);
        if (st >= 0)
            st = file_row(l, row, &why);
        if (st > 0)
            return 1;
        if (st == WIT_ENOMEM)
            return wit_error_set(err, st, "%s: %s", file_of(l)->path, why.text);
        if (st < 0) {
            file_fail(l, place, &why);
        } else {
            file_close(l);
            list_file_done(l);
        }
    }
    return 0;
}
