/*
 * html_tokenizer.c: the states of WHATWG HTML 13.2.5.1 to 13.2.5.71; see html_tokenizer.h.
 *
 * The machine runs over a *window*: the caller's bytes, or, when a token was cut by their end, the
 * `hold` buffer, to which further bytes are added until the token is complete. Positions are
 * offsets into the window; they are rebased when a token moves into `hold`. Text is never held: a
 * run comes out in pieces, up to the '<' of a possible token. Every byte is looked at once.
 *
 * Two simplifications that change no token: all doctype states end at the first '>', so the doctype
 * is cut out there and read by html_doctype_parse; character references never move a border, so
 * their states live in wit_charref_parse.
 */
#include "html_tokenizer.h"

#include <assert.h>
#include <stdlib.h>

enum state {
    /* text */
    DATA,
    RCDATA,
    RAWTEXT,
    SCRIPT,
    PLAINTEXT,
    CDATA,
    SCRIPT_ESCAPED,
    SCRIPT_ESCAPED_DASH,
    SCRIPT_ESCAPED_DASH_DASH,
    SCRIPT_DOUBLE,
    SCRIPT_DOUBLE_DASH,
    SCRIPT_DOUBLE_DASH_DASH,
    /* text that may turn out to be a token: token_start is set */
    TAG_OPEN,
    END_TAG_OPEN,
    RAW_LESS_THAN,
    RAW_END_TAG_OPEN,
    RAW_END_TAG_NAME,
    SCRIPT_ESCAPE_START,
    SCRIPT_ESCAPE_START_DASH,
    SCRIPT_DOUBLE_START,
    SCRIPT_DOUBLE_LESS_THAN,
    SCRIPT_DOUBLE_END,
    CDATA_BRACKET,
    CDATA_END,
    /* tokens */
    TAG_NAME,
    BEFORE_ATTR_NAME,
    ATTR_NAME,
    AFTER_ATTR_NAME,
    BEFORE_ATTR_VALUE,
    ATTR_VALUE_DOUBLE,
    ATTR_VALUE_SINGLE,
    ATTR_VALUE_UNQUOTED,
    AFTER_ATTR_VALUE,
    SELF_CLOSING,
    BOGUS_COMMENT,
    MARKUP_DECLARATION,
    COMMENT_START,
    COMMENT_START_DASH,
    COMMENT,
    COMMENT_END_DASH,
    COMMENT_END,
    COMMENT_END_BANG,
    DOCTYPE
};

enum {
    RAW_NAME_MAX = 32,    /* of an end tag that may close raw text */
    HOLD_FIRST_PIECE = 64 /* bytes first added to a held token; grows with it */
};

static_assert(RAW_NAME_MAX + 3 <= HTML_TOKEN_LEAST_BYTES, "a failed end tag is held as a whole");

static const char script_name[] = "script";

/* An attribute in the making: offsets into the window. */
struct span {
    size_t name_start, name_end, value_start, value_end;
};

struct html_tokenizer {
    html_token_fn fn;
    void *user;
    size_t max_token;
    enum state state;
    enum state raw_state; /* where a failed end tag goes back to */
    struct html_content content;

    const char *window;
    size_t len, pos;
    size_t text_start;  /* text from here to token_start or pos has not been emitted */
    bool in_token;      /* token_start is set */
    size_t token_start; /* its '<' (or the ']' that may end CDATA) */
    struct wit_buf hold;
    bool dropping; /* the held token passed max_token: its bytes are no longer kept */

    bool end_tag, self_closing, attrs_full;
    size_t name_start, name_end;
    struct span spans[HTML_ATTRIBUTES_MAX];
    size_t span_count; /* finished attributes; the one in the making is spans[span_count] */
    bool span_open;
    size_t inside_start, inside_end; /* comment, doctype */
    struct html_attr attrs[HTML_ATTRIBUTES_MAX];
    char last_start_tag[RAW_NAME_MAX];
    size_t last_start_tag_len;
};

/* ---- bytes --------------------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

static bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct wit_str window_slice(const struct html_tokenizer *t, size_t from, size_t to) {
    return wit_str_of(t->window + from, to - from);
}

/* First position from t->pos on of a byte, or the window's end. */
static size_t seek(const struct html_tokenizer *t, char c) {
    const char *found = t->pos < t->len ? memchr(t->window + t->pos, c, t->len - t->pos) : NULL;
    return found ? (size_t)(found - t->window) : t->len;
}

/* ---- emitting ------------------------------------------------------------------------------ */

static enum html_text_kind text_kind(enum state s) {
    switch (s) {
    case DATA:
    case TAG_OPEN:
    case END_TAG_OPEN:
        return HTML_TEXT_DATA;
    case RCDATA:
        return HTML_TEXT_RCDATA;
    case CDATA:
    case CDATA_BRACKET:
    case CDATA_END:
        return HTML_TEXT_CDATA;
    default:
        return HTML_TEXT_RAW;
    }
}

/* The state a text belongs to is that of the run, not of a possible token behind it. */
static enum state run_state(const struct html_tokenizer *t) {
    switch (t->state) {
    case RAW_LESS_THAN:
    case RAW_END_TAG_OPEN:
    case RAW_END_TAG_NAME:
        return t->raw_state;
    case SCRIPT_ESCAPE_START:
    case SCRIPT_ESCAPE_START_DASH:
    case SCRIPT_DOUBLE_START:
    case SCRIPT_DOUBLE_LESS_THAN:
    case SCRIPT_DOUBLE_END:
        return SCRIPT;
    case CDATA_BRACKET:
    case CDATA_END:
        return CDATA;
    default:
        return t->state >= TAG_NAME ? DATA : t->state;
    }
}

static void emit_text(struct html_tokenizer *t, size_t end, enum html_text_kind kind) {
    if (end > t->text_start) {
        struct html_token token = { .kind = HTML_TEXT,
                                    .text = window_slice(t, t->text_start, end),
                                    .text_kind = kind };
        t->fn(t->user, &token);
    }
    t->text_start = end;
}

/* A '<' that may open a token; the text before it can go. */
static void token_begin(struct html_tokenizer *t, enum state next) {
    t->in_token = true;
    t->token_start = t->pos;
    t->state = next;
    t->pos++;
}

/* It opened none: its bytes are text of `back`, in which the current byte is read again. */
static void token_fail(struct html_tokenizer *t, enum state back) {
    t->in_token = false;
    t->state = back;
}

/* It did: the text before it comes out first. */
static void token_confirm(struct html_tokenizer *t, enum state next, enum html_text_kind before) {
    emit_text(t, t->token_start, before);
    t->state = next;
}

/* The token ends before t->pos. */
static void token_done(struct html_tokenizer *t, enum state next) {
    t->in_token = false;
    t->text_start = t->pos;
    t->state = next;
}

static void tag_begin(struct html_tokenizer *t, bool end_tag) {
    t->end_tag = end_tag;
    t->self_closing = t->attrs_full = t->span_open = false;
    t->span_count = 0;
    t->name_start = t->pos;
    t->name_end = SIZE_MAX; /* not known yet */
}

static void name_finish(struct html_tokenizer *t) {
    t->name_end = t->dropping ? t->name_start : t->pos; /* a name over the ceiling is nobody's */
}

/* The attribute in the making is complete; its value may be absent (empty). */
static void attr_finish(struct html_tokenizer *t) {
    if (t->span_open && t->span_count < HTML_ATTRIBUTES_MAX)
        t->span_count++;
    t->span_open = false;
}

static void attr_begin(struct html_tokenizer *t) {
    attr_finish(t);
    t->state = ATTR_NAME;
    if (t->span_count == HTML_ATTRIBUTES_MAX) {
        t->attrs_full = true;
        return; /* read on, keep nothing */
    }
    t->spans[t->span_count] = (struct span){ t->pos, t->pos, t->pos, t->pos };
    t->span_open = true;
}

/* Set a border of the attribute in the making, if one is kept. */
static void attr_mark(struct html_tokenizer *t, size_t *name_end, size_t *value_start,
                      size_t *value_end) {
    if (!t->span_open)
        return;
    struct span *s = &t->spans[t->span_count];
    if (name_end)
        s->name_end = *name_end;
    if (value_start)
        s->value_start = s->value_end = *value_start;
    if (value_end)
        s->value_end = *value_end;
}

static enum state state_of_mode(enum html_text_mode mode) {
    static const enum state states[] = {
        [HTML_MODE_DATA] = DATA,           [HTML_MODE_RCDATA] = RCDATA,
        [HTML_MODE_RAWTEXT] = RAWTEXT,     [HTML_MODE_SCRIPT] = SCRIPT,
        [HTML_MODE_PLAINTEXT] = PLAINTEXT, [HTML_MODE_CDATA] = CDATA
    };
    return states[mode];
}

static void remember_start_tag(struct html_tokenizer *t, struct wit_str name) {
    t->last_start_tag_len = name.len <= RAW_NAME_MAX ? name.len : 0;
    if (t->last_start_tag_len)
        memcpy(t->last_start_tag, name.data, name.len);
}

/* At the '>' of a tag: t->pos stands on it. */
static void emit_tag(struct html_tokenizer *t) {
    bool cut = t->dropping || t->pos + 1 - t->token_start > t->max_token;
    /* While dropping, the name is still at the start of what was held. */
    const char *base = t->dropping ? t->hold.data : t->window;
    struct wit_str name = wit_str_of(base + t->name_start, t->name_end - t->name_start);
    if (t->name_end - (t->dropping ? 0 : t->token_start) > t->max_token)
        name.len = 0;
    attr_finish(t);
    size_t count = cut ? 0 : t->span_count;
    for (size_t i = 0; i < count; i++) {
        const struct span *s = &t->spans[i];
        t->attrs[i] = (struct html_attr){ window_slice(t, s->name_start, s->name_end),
                                          window_slice(t, s->value_start, s->value_end) };
    }
    struct html_token token = {
        .kind = t->end_tag ? HTML_END_TAG : HTML_START_TAG,
        .name = name,
        .element = html_element_find(name),
        .attrs = t->attrs,
        .attr_count = count,
        .self_closing = t->self_closing,
        .cut = cut || t->attrs_full,
    };
    enum state next = DATA;
    bool foreign = html_content_is_foreign(&t->content);
    if (t->end_tag) {
        html_content_end(&t->content, token.element);
    } else {
        next = state_of_mode(html_content_start(&t->content, token.element, t->self_closing));
        remember_start_tag(t, name);
        /* SVG and MathML have elements of the same names; of those only links are asked for. */
        if (foreign && html_content_is_foreign(&t->content) && token.element != HTML_A)
            token.element = HTML_OTHER;
    }
    t->fn(t->user, &token);
    t->pos++;
    token_done(t, next);
}

/* A comment or doctype whose inside is [inside_start, end); t->pos stands behind the token. */
static void emit_inside(struct html_tokenizer *t, enum html_token_kind kind, size_t end,
                        bool unclosed) {
    bool cut = t->dropping || t->pos - t->token_start > t->max_token;
    struct html_token token = { .kind = kind,
                                .text = cut ? wit_str_of(NULL, 0)
                                            : window_slice(t, t->inside_start, end),
                                .text_kind = HTML_TEXT_RAW,
                                .cut = cut,
                                .unclosed = unclosed };
    t->fn(t->user, &token);
    token_done(t, DATA);
}

/* ---- states of tags ------------------------------------------------------------------------- */

static void step_tag_open(struct html_tokenizer *t, char c) {
    if (is_alpha(c)) {
        token_confirm(t, TAG_NAME, HTML_TEXT_DATA);
        tag_begin(t, false);
    } else if (c == '/') {
        t->state = END_TAG_OPEN;
        t->pos++;
    } else if (c == '!') {
        token_confirm(t, MARKUP_DECLARATION, HTML_TEXT_DATA);
        t->pos++;
        t->inside_start = t->pos;
    } else if (c == '?') {
        token_confirm(t, BOGUS_COMMENT, HTML_TEXT_DATA);
        t->inside_start = t->pos;
    } else {
        token_fail(t, DATA);
    }
}

static void step_end_tag_open(struct html_tokenizer *t, char c) {
    if (is_alpha(c)) {
        token_confirm(t, TAG_NAME, HTML_TEXT_DATA);
        tag_begin(t, true);
    } else if (c == '>') {
        token_confirm(t, DATA, HTML_TEXT_DATA);
        t->pos++;
        const struct html_token border = { .kind = HTML_TEXT, .text_kind = HTML_TEXT_DATA };
        t->fn(t->user, &border); /* "</>" is nothing at all, but no reference reaches across it */
        token_done(t, DATA);
    } else {
        token_confirm(t, BOGUS_COMMENT, HTML_TEXT_DATA);
        t->inside_start = t->pos;
    }
}

static void step_tag_name(struct html_tokenizer *t) {
    while (t->pos < t->len) {
        char c = t->window[t->pos];
        if (is_space(c)) {
            name_finish(t);
            t->state = BEFORE_ATTR_NAME;
            t->pos++;
            return;
        }
        if (c == '/') {
            name_finish(t);
            t->state = SELF_CLOSING;
            t->pos++;
            return;
        }
        if (c == '>') {
            name_finish(t);
            emit_tag(t);
            return;
        }
        t->pos++;
    }
}

static void step_before_attr_name(struct html_tokenizer *t, char c) {
    if (is_space(c)) {
        t->pos++;
    } else if (c == '/' || c == '>') {
        t->state = AFTER_ATTR_NAME;
    } else {
        attr_begin(t);
        t->pos++; /* whatever it is, '=' too, it belongs to the name */
        attr_mark(t, &t->pos, NULL, NULL);
    }
}

static void step_attr_name(struct html_tokenizer *t) {
    while (t->pos < t->len) {
        char c = t->window[t->pos];
        if (is_space(c) || c == '/' || c == '>' || c == '=') {
            attr_mark(t, &t->pos, &t->pos, NULL);
            t->state = c == '=' ? BEFORE_ATTR_VALUE : AFTER_ATTR_NAME;
            t->pos += c == '=';
            return;
        }
        t->pos++;
    }
}

static void step_after_attr_name(struct html_tokenizer *t, char c) {
    if (is_space(c)) {
        t->pos++;
    } else if (c == '/') {
        t->state = SELF_CLOSING;
        t->pos++;
    } else if (c == '=') {
        t->state = BEFORE_ATTR_VALUE;
        t->pos++;
    } else if (c == '>') {
        emit_tag(t);
    } else {
        attr_begin(t);
    }
}

static void step_before_attr_value(struct html_tokenizer *t, char c) {
    if (is_space(c)) {
        t->pos++;
        return;
    }
    if (c == '>') {
        emit_tag(t);
        return;
    }
    t->state = c == '"' ? ATTR_VALUE_DOUBLE : c == '\'' ? ATTR_VALUE_SINGLE : ATTR_VALUE_UNQUOTED;
    t->pos += c == '"' || c == '\'';
    attr_mark(t, NULL, &t->pos, NULL);
}

static void step_attr_value_quoted(struct html_tokenizer *t, char quote) {
    t->pos = seek(t, quote);
    if (t->pos == t->len)
        return;
    attr_mark(t, NULL, NULL, &t->pos);
    t->state = AFTER_ATTR_VALUE;
    t->pos++;
}

static void step_attr_value_unquoted(struct html_tokenizer *t) {
    while (t->pos < t->len) {
        char c = t->window[t->pos];
        if (is_space(c) || c == '>') {
            attr_mark(t, NULL, NULL, &t->pos);
            if (c == '>') {
                emit_tag(t);
                return;
            }
            t->state = BEFORE_ATTR_NAME;
            t->pos++;
            return;
        }
        t->pos++;
    }
}

static void step_after_attr_value(struct html_tokenizer *t, char c) {
    if (is_space(c)) {
        t->state = BEFORE_ATTR_NAME;
        t->pos++;
    } else if (c == '/') {
        t->state = SELF_CLOSING;
        t->pos++;
    } else if (c == '>') {
        emit_tag(t);
    } else {
        t->state = BEFORE_ATTR_NAME;
    }
}

static void step_self_closing(struct html_tokenizer *t, char c) {
    if (c == '>') {
        t->self_closing = true;
        emit_tag(t);
    } else {
        t->state = BEFORE_ATTR_NAME;
    }
}

/* ---- states of comments and doctypes --------------------------------------------------------- */

/* "--", "doctype" or "[CDATA[" behind "<!": waits for as many bytes as it takes to know. */
static void step_markup_declaration(struct html_tokenizer *t, bool at_end) {
    static const struct {
        struct wit_str text;
        enum state next;
    } openers[] = { { { "--", 2 }, COMMENT_START },
                    { { "doctype", 7 }, DOCTYPE },
                    { { "[CDATA[", 7 }, CDATA } };
    struct wit_str rest = window_slice(t, t->inside_start, t->len);
    for (size_t i = 0; i < WIT_COUNT_OF(openers); i++) {
        struct wit_str want = openers[i].text;
        bool is_cdata = openers[i].next == CDATA;
        size_t common = rest.len < want.len ? rest.len : want.len;
        struct wit_str have = wit_str_slice(rest, 0, common), part = wit_str_slice(want, 0, common);
        if (is_cdata ? !wit_str_eq(have, part) : !wit_str_eq_nocase(have, part))
            continue;
        if (common < want.len) {
            if (at_end)
                break;
            t->pos = t->len; /* not enough to tell */
            return;
        }
        t->pos = t->inside_start + want.len;
        if (!is_cdata) {
            t->state = openers[i].next;
            t->inside_start = t->pos;
            return;
        }
        if (html_content_is_foreign(&t->content)) {
            token_done(t, CDATA);
            return;
        }
        break;
    }
    t->state = BOGUS_COMMENT;
    t->pos = t->inside_start;
}

/* Up to '>': bogus comments and doctypes. */
static void step_until_greater(struct html_tokenizer *t, enum html_token_kind kind) {
    t->pos = seek(t, '>');
    if (t->pos == t->len)
        return;
    size_t end = t->pos++;
    emit_inside(t, kind, end, false);
}

static void comment_close(struct html_tokenizer *t, size_t delimiter_bytes) {
    size_t end = t->pos - delimiter_bytes; /* t->pos stands on the '>' */
    t->pos++;
    emit_inside(t, HTML_COMMENT, end, false);
}

/* The "<!", "<!-" and "--!>" dances inside comments only raise parse errors, but for the closing.
 */
static void step_comment(struct html_tokenizer *t, char c) {
    switch (t->state) {
    case COMMENT_START:
        if (c == '-') {
            t->state = COMMENT_START_DASH;
            t->pos++;
        } else if (c == '>') {
            comment_close(t, 0);
        } else {
            t->state = COMMENT;
        }
        break;
    case COMMENT_START_DASH:
        if (c == '-') {
            t->state = COMMENT_END;
            t->pos++;
        } else if (c == '>') {
            comment_close(t, 1);
        } else {
            t->state = COMMENT;
        }
        break;
    case COMMENT:
        t->pos = seek(t, '-');
        if (t->pos < t->len) {
            t->state = COMMENT_END_DASH;
            t->pos++;
        }
        break;
    case COMMENT_END_DASH:
        t->state = c == '-' ? COMMENT_END : COMMENT;
        t->pos += c == '-';
        break;
    case COMMENT_END:
        if (c == '>') {
            comment_close(t, 2);
        } else if (c == '!') {
            t->state = COMMENT_END_BANG;
            t->pos++;
        } else if (c == '-') {
            t->pos++;
        } else {
            t->state = COMMENT;
        }
        break;
    default: /* COMMENT_END_BANG */
        if (c == '>') {
            comment_close(t, 3);
        } else {
            t->state = c == '-' ? COMMENT_END_DASH : COMMENT;
            t->pos += c == '-';
        }
        break;
    }
}

/* ---- states of raw text ---------------------------------------------------------------------- */

static bool is_raw_name(const struct html_tokenizer *t, const char *name, size_t len) {
    return wit_str_eq_nocase(window_slice(t, t->name_start, t->pos), wit_str_of(name, len));
}

static void step_raw_less_than(struct html_tokenizer *t, char c) {
    if (c == '/') {
        t->state = RAW_END_TAG_OPEN;
        t->pos++;
    } else if (c == '!' && t->raw_state == SCRIPT) {
        t->state = SCRIPT_ESCAPE_START;
        t->pos++;
    } else if (is_alpha(c) && t->raw_state == SCRIPT_ESCAPED) {
        t->state = SCRIPT_DOUBLE_START;
        t->name_start = t->pos;
    } else {
        token_fail(t, t->raw_state);
    }
}

/* "appropriate end tag": only the name of the last start tag closes raw text. */
static void step_raw_end_tag_name(struct html_tokenizer *t, char c) {
    if (is_alpha(c) && t->pos - t->name_start < RAW_NAME_MAX) {
        t->pos++;
        return;
    }
    bool ends = is_space(c) || c == '/' || c == '>';
    if (!ends || t->last_start_tag_len == 0 ||
        !is_raw_name(t, t->last_start_tag, t->last_start_tag_len)) {
        token_fail(t, t->raw_state);
        return;
    }
    size_t name_start = t->name_start;
    token_confirm(t, TAG_NAME, text_kind(t->raw_state));
    tag_begin(t, true);
    t->name_start = name_start;
    step_tag_name(t);
}

/* Behind "<x" in an escaped script, or "</x" in a doubly escaped one: is x the word "script"? */
static void step_script_word(struct html_tokenizer *t, char c, enum state if_script,
                             enum state if_not) {
    size_t len = t->pos - t->name_start;
    if (is_alpha(c) && len < sizeof script_name) {
        t->pos++;
    } else if (is_space(c) || c == '/' || c == '>') {
        bool yes = is_raw_name(t, script_name, sizeof script_name - 1);
        t->pos++;
        token_fail(t, yes ? if_script : if_not);
    } else {
        token_fail(t, if_not);
    }
}

/* Dashes in an escaped script: "-->" ends the escape. */
static void step_script_dashes(struct html_tokenizer *t, char c, enum state base) {
    static const enum state dash[] = {
        [SCRIPT_ESCAPED] = SCRIPT_ESCAPED_DASH, [SCRIPT_DOUBLE] = SCRIPT_DOUBLE_DASH
    };
    static const enum state dash_dash[] = {
        [SCRIPT_ESCAPED] = SCRIPT_ESCAPED_DASH_DASH, [SCRIPT_DOUBLE] = SCRIPT_DOUBLE_DASH_DASH
    };
    if (c == '<') {
        t->raw_state = base;
        token_begin(t, base == SCRIPT_ESCAPED ? RAW_LESS_THAN : SCRIPT_DOUBLE_LESS_THAN);
        return;
    }
    if (c == '-')
        t->state = t->state == base ? dash[base] : dash_dash[base];
    else
        t->state = c == '>' && t->state == dash_dash[base] ? SCRIPT : base;
    t->pos++;
}

/* Behind "<!" and "<!-" in a script: "<!--" escapes it. */
static void step_script_escape(struct html_tokenizer *t, char c) {
    if (c != '-') {
        token_fail(t, SCRIPT);
        return;
    }
    t->pos++;
    if (t->state == SCRIPT_ESCAPE_START)
        t->state = SCRIPT_ESCAPE_START_DASH;
    else
        token_fail(t, SCRIPT_ESCAPED_DASH_DASH);
}

static void step_script_double_less_than(struct html_tokenizer *t, char c) {
    if (c == '/') {
        t->pos++;
        t->state = SCRIPT_DOUBLE_END;
        t->name_start = t->pos;
    } else {
        token_fail(t, SCRIPT_DOUBLE);
    }
}

/* "]]>" ends a CDATA section; any run of brackets may lead to it. */
static void step_cdata_end(struct html_tokenizer *t, char c) {
    if (c == '>') {
        emit_text(t, t->pos - 2, HTML_TEXT_CDATA);
        t->pos++;
        token_done(t, DATA);
    } else if (c == ']') {
        t->token_start++; /* the first bracket is text after all */
        t->pos++;
    } else {
        token_fail(t, CDATA);
    }
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void step_text(struct html_tokenizer *t) {
    switch (t->state) {
    case DATA:
        t->pos = seek(t, '<');
        if (t->pos < t->len)
            token_begin(t, TAG_OPEN);
        break;
    case RCDATA:
    case RAWTEXT:
    case SCRIPT:
        t->pos = seek(t, '<');
        if (t->pos < t->len) {
            t->raw_state = t->state;
            token_begin(t, RAW_LESS_THAN);
        }
        break;
    case PLAINTEXT:
        t->pos = t->len;
        break;
    case CDATA:
        t->pos = seek(t, ']');
        if (t->pos < t->len)
            token_begin(t, CDATA_BRACKET);
        break;
    case SCRIPT_ESCAPED:
    case SCRIPT_ESCAPED_DASH:
    case SCRIPT_ESCAPED_DASH_DASH:
        step_script_dashes(t, t->window[t->pos], SCRIPT_ESCAPED);
        break;
    default:
        step_script_dashes(t, t->window[t->pos], SCRIPT_DOUBLE);
        break;
    }
}

static void step_token(struct html_tokenizer *t, char c) {
    switch (t->state) {
    case TAG_OPEN:
        step_tag_open(t, c);
        break;
    case END_TAG_OPEN:
        step_end_tag_open(t, c);
        break;
    case RAW_LESS_THAN:
        step_raw_less_than(t, c);
        break;
    case RAW_END_TAG_OPEN:
        if (is_alpha(c)) {
            t->state = RAW_END_TAG_NAME;
            t->name_start = t->pos;
        } else {
            token_fail(t, t->raw_state);
        }
        break;
    case RAW_END_TAG_NAME:
        step_raw_end_tag_name(t, c);
        break;
    case SCRIPT_ESCAPE_START:
    case SCRIPT_ESCAPE_START_DASH:
        step_script_escape(t, c);
        break;
    case SCRIPT_DOUBLE_START:
        step_script_word(t, c, SCRIPT_DOUBLE, SCRIPT_ESCAPED);
        break;
    case SCRIPT_DOUBLE_LESS_THAN:
        step_script_double_less_than(t, c);
        break;
    case SCRIPT_DOUBLE_END:
        step_script_word(t, c, SCRIPT_ESCAPED, SCRIPT_DOUBLE);
        break;
    case CDATA_BRACKET:
        if (c == ']') {
            t->state = CDATA_END;
            t->pos++;
        } else {
            token_fail(t, CDATA);
        }
        break;
    case CDATA_END:
        step_cdata_end(t, c);
        break;
    case TAG_NAME:
        step_tag_name(t);
        break;
    case BEFORE_ATTR_NAME:
        step_before_attr_name(t, c);
        break;
    case ATTR_NAME:
        step_attr_name(t);
        break;
    case AFTER_ATTR_NAME:
        step_after_attr_name(t, c);
        break;
    case BEFORE_ATTR_VALUE:
        step_before_attr_value(t, c);
        break;
    case ATTR_VALUE_DOUBLE:
        step_attr_value_quoted(t, '"');
        break;
    case ATTR_VALUE_SINGLE:
        step_attr_value_quoted(t, '\'');
        break;
    case ATTR_VALUE_UNQUOTED:
        step_attr_value_unquoted(t);
        break;
    case AFTER_ATTR_VALUE:
        step_after_attr_value(t, c);
        break;
    case SELF_CLOSING:
        step_self_closing(t, c);
        break;
    case MARKUP_DECLARATION:
        step_markup_declaration(t, false);
        break;
    case BOGUS_COMMENT:
        step_until_greater(t, HTML_COMMENT);
        break;
    case DOCTYPE:
        step_until_greater(t, HTML_DOCTYPE);
        break;
    default:
        step_comment(t, c);
        break;
    }
}

/* Until the window is used up or, if asked, until no token is open. */
static void run(struct html_tokenizer *t, bool stop_behind_token) {
    while (t->pos < t->len && (t->in_token || !stop_behind_token)) {
        if (t->in_token)
            step_token(t, t->window[t->pos]);
        else
            step_text(t);
    }
}

/* ---- windows --------------------------------------------------------------------------------- */

/* All offsets move left: what stood at `by` now stands at 0. */
static void rebase(struct html_tokenizer *t, size_t by) {
    t->pos -= by;
    t->token_start -= by;
    t->text_start -= by;
    t->name_start -= by;
    if (t->name_end != SIZE_MAX)
        t->name_end -= by;
    t->inside_start -= by;
    for (size_t i = 0; i < t->span_count + t->span_open; i++) {
        struct span *s = &t->spans[i];
        s->name_start -= by;
        s->name_end -= by;
        s->value_start -= by;
        s->value_end -= by;
    }
}

/* The caller's bytes end inside a token: keep it. Of one over the ceiling only the beginning, for
 * the sake of its name. */
static int hold_token(struct html_tokenizer *t) {
    emit_text(t, t->token_start, text_kind(run_state(t)));
    size_t len = t->len - t->token_start;
    t->dropping = len > t->max_token;
    wit_buf_reset(&t->hold);
    int st = wit_buf_append(&t->hold, t->window + t->token_start, t->dropping ? t->max_token : len);
    if (st < 0)
        return st;
    rebase(t, t->token_start);
    return 0;
}

/* Text may have come to stand before the token (brackets in CDATA): out with it. */
static void hold_trim(struct html_tokenizer *t) {
    if (t->token_start == 0)
        return;
    size_t by = t->token_start;
    t->window = t->hold.data;
    emit_text(t, by, text_kind(run_state(t)));
    memmove(t->hold.data, t->hold.data + by, t->hold.len - by);
    t->hold.len -= by;
    rebase(t, by);
}

/* Go on with a held token; *taken: how many of these bytes it took. */
static int hold_continue(struct html_tokenizer *t, struct wit_str bytes, size_t *taken) {
    hold_trim(t);
    t->dropping = t->dropping || t->hold.len > t->max_token;
    if (t->dropping) {
        t->window = bytes.data;
        t->len = bytes.len;
        t->pos = t->token_start = 0;
        run(t, true);
        *taken = t->pos;
        return 0;
    }
    size_t before = t->hold.len, piece = before < HOLD_FIRST_PIECE ? HOLD_FIRST_PIECE : before;
    if (piece > bytes.len)
        piece = bytes.len;
    int st = wit_buf_append(&t->hold, bytes.data, piece);
    if (st < 0)
        return st;
    t->window = t->hold.data;
    t->len = t->hold.len;
    run(t, true);
    *taken = t->pos - before;
    return 0;
}

int html_tokenizer_feed(struct html_tokenizer *t, struct wit_str bytes) {
    while (bytes.len) {
        int st = 0;
        size_t taken = bytes.len;
        if (t->in_token) {
            st = hold_continue(t, bytes, &taken);
            if (st == 0 && !t->in_token && !t->dropping)
                emit_text(t, t->pos, text_kind(run_state(t)));
        } else {
            t->window = bytes.data;
            t->len = bytes.len;
            t->pos = t->text_start = 0;
            run(t, false);
            if (t->in_token)
                st = hold_token(t);
            else
                emit_text(t, t->len, text_kind(run_state(t)));
        }
        if (st < 0)
            return st;
        if (!t->in_token)
            t->dropping = false;
        bytes = wit_str_slice(bytes, taken, bytes.len);
    }
    return 0;
}

/* The end of the input inside a token: tags vanish, comments close, the rest was text. */
int html_tokenizer_end(struct html_tokenizer *t) {
    if (!t->in_token)
        return 0;
    t->window = t->dropping ? NULL : t->hold.data;
    t->len = t->dropping ? 0 : t->hold.len;
    t->pos = t->len;
    if (t->state == MARKUP_DECLARATION)
        step_markup_declaration(t, true);
    t->pos = t->len;
    switch (t->state) {
    case BOGUS_COMMENT:
    case COMMENT_START:
    case COMMENT:
    case DOCTYPE:
        emit_inside(t, t->state == DOCTYPE ? HTML_DOCTYPE : HTML_COMMENT, t->len, true);
        break;
    case COMMENT_START_DASH:
    case COMMENT_END_DASH:
        emit_inside(t, HTML_COMMENT, t->len - 1, true);
        break;
    case COMMENT_END:
        emit_inside(t, HTML_COMMENT, t->len - 2, true);
        break;
    case COMMENT_END_BANG:
        emit_inside(t, HTML_COMMENT, t->len - 3, true);
        break;
    default:
        if (t->state < TAG_NAME) {
            t->in_token = false;
            emit_text(t, t->len, text_kind(run_state(t)));
        }
        break;
    }
    t->in_token = t->dropping = false;
    t->state = DATA;
    return 0;
}

/* ---- objects --------------------------------------------------------------------------------- */

struct html_tokenizer *html_tokenizer_create(size_t max_token_bytes, html_token_fn fn, void *user) {
    assert(max_token_bytes >= HTML_TOKEN_LEAST_BYTES);
    struct html_tokenizer *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->fn = fn;
    t->user = user;
    t->max_token = max_token_bytes;
    /* A held token may pass its ceiling by one piece, which is no longer than what was held. */
    t->hold = (struct wit_buf)WIT_BUF_INIT(2 * max_token_bytes + HOLD_FIRST_PIECE);
    return t;
}

void html_tokenizer_destroy(struct html_tokenizer *t) {
    if (!t)
        return;
    wit_buf_finish(&t->hold);
    free(t);
}

void html_tokenizer_reset(struct html_tokenizer *t) {
    t->state = DATA;
    t->in_token = t->dropping = false;
    t->text_start = 0;
    t->last_start_tag_len = 0;
    t->content.depth = 0;
    wit_buf_reset(&t->hold);
}

void html_tokenizer_set_text(struct html_tokenizer *t, enum html_text_mode mode,
                             struct wit_str last_start_tag) {
    t->state = state_of_mode(mode);
    remember_start_tag(t, last_start_tag);
}

const struct html_attr *html_token_attr(const struct html_token *token, const char *name) {
    struct wit_str want = wit_str_from(name);
    for (size_t i = 0; i < token->attr_count; i++)
        if (wit_str_eq_nocase(token->attrs[i].name, want))
            return &token->attrs[i];
    return NULL;
}
