/*
 * html_machine.h: the tokenizer's inside, shared by its sources.
 *
 *     html_tokenizer.c       objects; windows: the caller's bytes, or a token that they cut
 *     html_machine.c         the machine's loop and what it emits
 *     html_tag_states.c      states of tags and their attributes
 *     html_comment_states.c  states of comments, doctypes and markup declarations
 *     html_raw_states.c      states of raw text, scripts and CDATA
 *     html_skim_*.c          whole tags at once with SIMD; the machine is their reference
 *
 * The machine runs over a *window*: the caller's bytes, or, when a token was cut by their end, the
 * `hold` buffer, to which further bytes are added until the token is complete. Positions are
 * offsets into the window; they are rebased when a token moves into `hold`. Text is never held: a
 * run comes out in pieces, up to the '<' of a possible token. Every byte is looked at once.
 */
#ifndef HTML_MACHINE_H
#define HTML_MACHINE_H

#include "html_skim.h"
#include "html_tokenizer.h"

/* WHATWG HTML, 13.2.5.1 to 13.2.5.71. */
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

/* An attribute in the making: offsets into the window. */
struct span {
    size_t name_start, name_end, value_start, value_end;
};

struct html_tokenizer {
    html_token_fn fn;
    void *user;
    struct html_wants wants;
    const struct html_skim *skim;
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
    size_t inside_start; /* of a comment or doctype */
    struct html_attr attrs[HTML_ATTRIBUTES_MAX];
    char last_start_tag[RAW_NAME_MAX];
    size_t last_start_tag_len;
};

static inline bool machine_is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

static inline bool machine_is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline struct wit_str machine_slice(const struct html_tokenizer *t, size_t from, size_t to) {
    return wit_str_of(t->window + from, to - from);
}

/* First position from t->pos on of a byte, or the window's end. */
static inline size_t machine_seek(const struct html_tokenizer *t, char c) {
    const char *found = t->pos < t->len ? memchr(t->window + t->pos, c, t->len - t->pos) : NULL;
    return found ? (size_t)(found - t->window) : t->len;
}

/* ---- what the sources share ------------------------------------------------------------------ */

/* Until the window is used up or, if asked, until no token is open. */
void machine_run(struct html_tokenizer *t, bool stop_behind_token);

/* One step of a state that reads a token; c is the byte at t->pos. */
void machine_step_tag(struct html_tokenizer *t, char c);
void machine_step_comment(struct html_tokenizer *t, char c);
void machine_step_raw(struct html_tokenizer *t, char c);
void machine_step_script(struct html_tokenizer *t); /* text of an escaped script */
/* Behind the name of an end tag that closes raw text; the name began at name_start. */
void machine_raw_end_tag(struct html_tokenizer *t, size_t name_start);
/* The input ends behind "<!" or "<!-"... */
void machine_end_markup_declaration(struct html_tokenizer *t);

/* Text that has not come out yet and stands before `end`. */
void machine_emit_text(struct html_tokenizer *t, size_t end, enum html_text_kind kind);
/* How the text before t->pos or before the token in the making is decoded. */
enum html_text_kind machine_text_kind(const struct html_tokenizer *t);
/* A comment or doctype whose inside is [inside_start, end); t->pos stands behind the token. */
void machine_emit_inside(struct html_tokenizer *t, enum html_token_kind kind, size_t end,
                         bool unclosed);

/* What a tag does to what follows it: the state of the text behind it. Its element becomes
 * HTML_OTHER where it is not HTML's element of that name. */
enum state machine_tag_effect(struct html_tokenizer *t, struct html_token *tag);
enum state machine_state_of_mode(enum html_text_mode mode);
void machine_remember_start_tag(struct html_tokenizer *t, struct wit_str name);

static inline bool machine_wants_tag(const struct html_tokenizer *t, bool end_tag,
                                     enum html_element element) {
    return (end_tag ? t->wants.end_tags : t->wants.start_tags) >> element & 1;
}

/* A '<' that may open a token; the text before it can go. */
static inline void machine_token_begin(struct html_tokenizer *t, enum state next) {
    t->in_token = true;
    t->token_start = t->pos;
    t->state = next;
    t->pos++;
}

/* It opened none: its bytes are text of `back`, in which the current byte is read again. */
static inline void machine_token_fail(struct html_tokenizer *t, enum state back) {
    t->in_token = false;
    t->state = back;
}

/* It did: the text before it comes out first. */
static inline void machine_token_confirm(struct html_tokenizer *t, enum state next,
                                         enum html_text_kind before) {
    machine_emit_text(t, t->token_start, before);
    t->state = next;
}

/* The token ends before t->pos. */
static inline void machine_token_done(struct html_tokenizer *t, enum state next) {
    t->in_token = false;
    t->text_start = t->pos;
    t->state = next;
}

static inline void machine_tag_begin(struct html_tokenizer *t, bool end_tag) {
    t->end_tag = end_tag;
    t->self_closing = t->attrs_full = t->span_open = false;
    t->span_count = 0;
    t->name_start = t->pos;
    t->name_end = SIZE_MAX; /* not known yet */
}

#endif
