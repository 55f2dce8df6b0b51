/* job_complaint.c: see job_complaint.h. The sentences are those of libcyaml 1.3; of others the
 * words stand as they are. */
#include "job_complaint.h"

#include <inttypes.h>

/* What stands between two marks, or to the end without the second. */
static struct wit_str between(struct wit_str s, const char *from, const char *to) {
    ptrdiff_t at = wit_str_find(s, wit_str_from(from), 0);
    if (at < 0)
        return wit_str_of(NULL, 0);
    s = wit_str_slice(s, (size_t)at + strlen(from), s.len);
    ptrdiff_t end = to ? wit_str_find(s, wit_str_from(to), 0) : -1;
    return end < 0 ? s : wit_str_slice(s, 0, (size_t)end);
}

/* "in mapping field 'delay_ms' (line: 3, column: 13)" */
static void note_place(struct job_complaint *c, struct wit_str text) {
    struct wit_str key = between(text, "in mapping field '", "' (line: ");
    uint64_t line;
    if (c->line == 0 && wit_str_to_u64(between(text, "(line: ", ","), &line) == 0) {
        c->line = line;
        c->begins_field = key.len > 0;
        (void)wit_str_to_u64(between(text, "column: ", ")"), &c->column);
    }
    if (key.len && c->key_count < JOB_COMPLAINT_KEYS)
        snprintf(c->keys[c->key_count++], JOB_COMPLAINT_KEY_BYTES, "%.*s",
                 (int)(key.len < JOB_COMPLAINT_KEY_BYTES ? key.len : JOB_COMPLAINT_KEY_BYTES - 1),
                 key.data);
}

void job_complaint_note(cyaml_log_t level, void *ctx, const char *fmt, va_list args) {
    struct job_complaint *c = ctx;
    char line[sizeof c->what];
    if (level < CYAML_LOG_ERROR)
        return;
    int n = vsnprintf(line, sizeof line, fmt, args);
    struct wit_str text = wit_str_of(line, n < 0 ? 0 : strnlen(line, sizeof line));
    if (wit_str_starts_with(text, WIT_STR("Load: ")))
        text = wit_str_slice(text, 6, text.len);
    text = wit_str_trim(text);
    if (wit_str_starts_with(text, WIT_STR("in ")))
        note_place(c, text);
    else if (!c->what[0] && !wit_str_eq(text, WIT_STR("Backtrace:")))
        snprintf(c->what, sizeof c->what, "%.*s", WIT_STR_FMT(text));
}

/* What it calls kinds of values, and what is there instead. */
static const char *kind_words(struct wit_str name) {
    static const struct {
        const char *name, *words;
    } kinds[] = {
        { "MAPPING", "a mapping such as {key: value}" },
        { "MAPPING_START", "a mapping such as {key: value}" },
        { "SEQUENCE", "a sequence such as [a, b]" },
        { "SEQUENCE_START", "a sequence" },
        { "STRING", "a text" },
        { "SCALAR", "a single value" },
        { "UINT", "a whole number" },
        { "INT", "a whole number" },
        { "FLOAT", "a number" },
        { "BOOL", "true or false" },
        { "ALIAS", "an alias" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(kinds); i++)
        if (wit_str_eq(name, wit_str_from(kinds[i].name)))
            return kinds[i].words;
    return "something else";
}

/* A sentence of libcyaml, and what becomes of it: of_mapping: it is about the mapping around the
 * place, and names a key of it. %.*s is what follows the sentence's beginning. */
static const struct {
    const char *begins, *words;
    bool of_mapping;
} sentences[] = {
    { "Unexpected key: ", "there is no such key", true },
    { "Missing required mapping field: ", "it is missing", true },
    { "Mapping field already seen: ", "it stands there twice", true },
    { "Invalid uint64_t value: ", "%.*s is no whole number", false },
    { "Invalid UINT value: ", "%.*s is no whole number", false },
    { "Invalid INT value: ", "%.*s is no whole number", false },
    { "Invalid ENUM value:", "'%.*s' is neither true nor false", false },
    { "Invalid FLOAT value: ", "'%.*s' is no number", false },
    { "FLOAT overflow", "the number is too large", false },
    { "FLOAT underflow", "the number is too small", false },
    { "STRING length < ", "it is empty", false },
    { "STRING length > ", "it is too long", false },
    { "Insufficient entries ", "it has no entry", false },
    { "Excessive entries ", "it has too many entries", false },
    { "libyaml: ", "it is no YAML from there on: %.*s", false },
};

static void words_put(const struct job_complaint *c, cyaml_err_t failed, struct wit_buf *out) {
    struct wit_str what = wit_str_from(c->what);
    for (size_t i = 0; i < WIT_COUNT_OF(sentences); i++) {
        struct wit_str begins = wit_str_from(sentences[i].begins), rest;
        if (!wit_str_starts_with(what, begins))
            continue;
        rest = wit_str_trim(wit_str_slice(what, begins.len, what.len));
        const char *hole = strstr(sentences[i].words, "%.*s");
        int before = hole ? (int)(hole - sentences[i].words) : (int)strlen(sentences[i].words);
        wit_buf_printf(out, "%.*s", before, sentences[i].words);
        if (hole)
            wit_buf_printf(out, "%.*s%s", WIT_STR_FMT(rest), hole + 4);
        return;
    }
    if (wit_str_starts_with(what, WIT_STR("Expecting ")))
        wit_buf_printf(out, "%s is wanted, not %s", kind_words(between(what, "Expecting ", ",")),
                       kind_words(between(what, "got event: ", NULL)));
    else if (failed == CYAML_ERR_ALIAS)
        wit_buf_printf(out, "anchors and aliases are not read");
    else
        wit_buf_printf(out, "%s%s%s", cyaml_strerror(failed), what.len ? ": " : "", c->what);
}

/* Of a sentence about a mapping the key that it names; else empty. */
static struct wit_str own_key(const struct job_complaint *c) {
    struct wit_str what = wit_str_from(c->what);
    for (size_t i = 0; i < WIT_COUNT_OF(sentences); i++)
        if (sentences[i].of_mapping && wit_str_starts_with(what, wit_str_from(sentences[i].begins)))
            return wit_str_slice(what, strlen(sentences[i].begins), what.len);
    return wit_str_of(NULL, 0);
}

/* The path of keys, outermost first, dots in between. */
static void key_put(const struct job_complaint *c, struct wit_buf *out) {
    struct wit_str own = own_key(c);
    /* With an own one, the innermost is the field that was read last, in the same mapping. */
    size_t from = own.len && c->begins_field;
    for (size_t i = c->key_count; i-- > from;)
        wit_buf_printf(out, "%s%s", out->len ? "." : "", c->keys[i]);
    if (own.len)
        wit_buf_printf(out, "%s%.*s", out->len ? "." : "", WIT_STR_FMT(own));
}

static bool is_key_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Does a key end there? */
static bool is_before_colon(struct wit_str yaml, size_t at) {
    while (at < yaml.len && (yaml.data[at] == ' ' || yaml.data[at] == '"' || yaml.data[at] == '\''))
        at++;
    return at < yaml.len && yaml.data[at] == ':';
}

/* Where the innermost place is libcyaml means the value that it read last: the key that it minds
 * stands behind that. */
static uint64_t line_of(const struct job_complaint *c, struct wit_str yaml) {
    struct wit_str own = own_key(c), text;
    uint64_t line = 1;
    size_t at = 0;
    if (!own.len || c->line == 0 || wit_str_starts_with(wit_str_from(c->what), WIT_STR("Missing")))
        return c->line;
    while (line < c->line && wit_str_line_next(yaml, &at, &text))
        line++;
    at += c->column ? (size_t)c->column - 1 : 0;
    for (ptrdiff_t found; (found = wit_str_find(yaml, own, at)) >= 0; at = (size_t)found + 1)
        if ((found == 0 || !is_key_byte(yaml.data[found - 1])) &&
            is_before_colon(yaml, (size_t)found + own.len)) {
            line = 1;
            for (ptrdiff_t i = 0; i < found; i++)
                line += yaml.data[i] == '\n';
            return line;
        }
    return c->line;
}

int job_complaint_tell(const struct job_complaint *c, cyaml_err_t failed, const char *name,
                       struct wit_str yaml, struct wit_error *err) {
    const uint64_t at_line = line_of(c, yaml);
    struct wit_buf key = WIT_BUF_INIT(1024), words = WIT_BUF_INIT(1024);
    char line[32] = "";
    if (failed == CYAML_ERR_OOM)
        return wit_error_set(err, WIT_ENOMEM, "%s: no memory for the job", name);
    if (at_line)
        snprintf(line, sizeof line, "line %" PRIu64 ": ", at_line);
    key_put(c, &key);
    words_put(c, failed, &words);
    struct wit_str k = wit_buf_view(&key), w = wit_buf_view(&words);
    if (k.len)
        wit_error_set(err, WIT_EFORMAT, "%s: %skey '%.*s': %.*s", name, line, WIT_STR_FMT(k),
                      WIT_STR_FMT(w));
    else
        wit_error_set(err, WIT_EFORMAT, "%s: %s%.*s", name, line, WIT_STR_FMT(w));
    wit_buf_finish(&key);
    wit_buf_finish(&words);
    return WIT_EFORMAT;
}
