/*
 * html_raw_states.c: WHATWG HTML, 13.2.5.9 to 13.2.5.31 and 13.2.5.69 to 13.2.5.71: which end tag
 * closes raw text, how a script is escaped, where a CDATA section ends.
 */
#include "html_machine.h"

static const char script_name[] = "script";

static bool is_raw_name(const struct html_tokenizer *t, const char *name, size_t len) {
    return wit_str_eq_nocase(machine_slice(t, t->name_start, t->pos), wit_str_of(name, len));
}

static void step_raw_less_than(struct html_tokenizer *t, char c) {
    if (c == '/') {
        t->state = RAW_END_TAG_OPEN;
        t->pos++;
    } else if (c == '!' && t->raw_state == SCRIPT) {
        t->state = SCRIPT_ESCAPE_START;
        t->pos++;
    } else if (machine_is_alpha(c) && t->raw_state == SCRIPT_ESCAPED) {
        t->state = SCRIPT_DOUBLE_START;
        t->name_start = t->pos;
    } else {
        machine_token_fail(t, t->raw_state);
    }
}

/* "appropriate end tag": only the name of the last start tag closes raw text. */
static void step_raw_end_tag_name(struct html_tokenizer *t, char c) {
    if (machine_is_alpha(c) && t->pos - t->name_start < RAW_NAME_MAX) {
        t->pos++;
        return;
    }
    bool ends = machine_is_space(c) || c == '/' || c == '>';
    if (!ends || t->last_start_tag_len == 0 ||
        !is_raw_name(t, t->last_start_tag, t->last_start_tag_len)) {
        machine_token_fail(t, t->raw_state);
        return;
    }
    machine_raw_end_tag(t, t->name_start);
}

/* Behind "<x" in an escaped script, or "</x" in a doubly escaped one: is x the word "script"? */
static void step_script_word(struct html_tokenizer *t, char c, enum state if_script,
                             enum state if_not) {
    size_t len = t->pos - t->name_start;
    if (machine_is_alpha(c) && len < sizeof script_name) {
        t->pos++;
    } else if (machine_is_space(c) || c == '/' || c == '>') {
        bool yes = is_raw_name(t, script_name, sizeof script_name - 1);
        t->pos++;
        machine_token_fail(t, yes ? if_script : if_not);
    } else {
        machine_token_fail(t, if_not);
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
        machine_token_begin(t, base == SCRIPT_ESCAPED ? RAW_LESS_THAN : SCRIPT_DOUBLE_LESS_THAN);
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
        machine_token_fail(t, SCRIPT);
        return;
    }
    t->pos++;
    if (t->state == SCRIPT_ESCAPE_START)
        t->state = SCRIPT_ESCAPE_START_DASH;
    else
        machine_token_fail(t, SCRIPT_ESCAPED_DASH_DASH);
}

static void step_script_double_less_than(struct html_tokenizer *t, char c) {
    if (c == '/') {
        t->pos++;
        t->state = SCRIPT_DOUBLE_END;
        t->name_start = t->pos;
    } else {
        machine_token_fail(t, SCRIPT_DOUBLE);
    }
}

/* "]]>" ends a CDATA section; any run of brackets may lead to it. */
static void step_cdata_end(struct html_tokenizer *t, char c) {
    if (c == '>') {
        machine_emit_text(t, t->pos - 2, HTML_TEXT_CDATA);
        t->pos++;
        machine_token_done(t, DATA);
    } else if (c == ']') {
        t->token_start++; /* the first bracket is text after all */
        t->pos++;
    } else {
        machine_token_fail(t, CDATA);
    }
}

void machine_step_script(struct html_tokenizer *t) {
    bool doubly = t->state >= SCRIPT_DOUBLE;
    enum state base = doubly ? SCRIPT_DOUBLE : SCRIPT_ESCAPED;
    if (t->state == base) /* nothing but these two bytes means anything */
        while (t->pos < t->len && t->window[t->pos] != '-' && t->window[t->pos] != '<')
            t->pos++;
    if (t->pos < t->len)
        step_script_dashes(t, t->window[t->pos], base);
}

void machine_step_raw(struct html_tokenizer *t, char c) {
    switch (t->state) {
    case RAW_LESS_THAN:
        step_raw_less_than(t, c);
        break;
    case RAW_END_TAG_OPEN:
        if (machine_is_alpha(c)) {
            t->state = RAW_END_TAG_NAME;
            t->name_start = t->pos;
        } else {
            machine_token_fail(t, t->raw_state);
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
            machine_token_fail(t, CDATA);
        }
        break;
    default: /* CDATA_END */
        step_cdata_end(t, c);
        break;
    }
}
