/*
 * html_comment_states.c: WHATWG HTML, 13.2.5.41 to 13.2.5.71: comments, doctypes and what else
 * begins with "<!".
 *
 * Two simplifications that change no token: all doctype states end at the first '>', so the doctype
 * is cut out there and read by html_doctype_parse; character references never move a border, so
 * their states live in wit_charref_parse.
 */
#include "html_machine.h"

/* "--", "doctype" or "[CDATA[" behind "<!": waits for as many bytes as it takes to know. */
static void step_markup_declaration(struct html_tokenizer *t, bool at_end) {
    static const struct {
        struct wit_str text;
        enum state next;
    } openers[] = { { { "--", 2 }, COMMENT_START },
                    { { "doctype", 7 }, DOCTYPE },
                    { { "[CDATA[", 7 }, CDATA } };
    struct wit_str rest = machine_slice(t, t->inside_start, t->len);
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
            machine_token_done(t, CDATA);
            return;
        }
        break;
    }
    t->state = BOGUS_COMMENT;
    t->pos = t->inside_start;
}

/* Up to '>': bogus comments and doctypes. */
static void step_until_greater(struct html_tokenizer *t, enum html_token_kind kind) {
    t->pos = machine_seek(t, '>');
    if (t->pos == t->len)
        return;
    size_t end = t->pos++;
    machine_emit_inside(t, kind, end, false);
}

static void comment_close(struct html_tokenizer *t, size_t delimiter_bytes) {
    size_t end = t->pos - delimiter_bytes; /* t->pos stands on the '>' */
    t->pos++;
    machine_emit_inside(t, HTML_COMMENT, end, false);
}

/* The "<!", "<!-" and "--!>" dances inside comments only raise parse errors, but for the closing.
 */
static void step_comment_text(struct html_tokenizer *t, char c) {
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
        t->pos = machine_seek(t, '-');
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

void machine_end_markup_declaration(struct html_tokenizer *t) {
    step_markup_declaration(t, true);
}

void machine_step_comment(struct html_tokenizer *t, char c) {
    switch (t->state) {
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
        step_comment_text(t, c);
        break;
    }
}
