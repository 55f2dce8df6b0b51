/*
 * html_tag_states.c: WHATWG HTML, 13.2.5.6 to 13.2.5.8 and 13.2.5.32 to 13.2.5.40: tags and their
 * attributes.
 */
#include "html_machine.h"

/* ---- attributes in the making ---------------------------------------------------------------- */

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
        t->attrs[i] = (struct html_attr){ machine_slice(t, s->name_start, s->name_end),
                                          machine_slice(t, s->value_start, s->value_end) };
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
    const enum state next = machine_tag_effect(t, &token);
    if (machine_wants_tag(t, t->end_tag, token.element))
        t->fn(t->user, &token);
    t->pos++;
    machine_token_done(t, next);
}

/* ---- states of tags ------------------------------------------------------------------------- */

static void step_tag_open(struct html_tokenizer *t, char c) {
    if (machine_is_alpha(c)) {
        machine_token_confirm(t, TAG_NAME, HTML_TEXT_DATA);
        machine_tag_begin(t, false);
    } else if (c == '/') {
        t->state = END_TAG_OPEN;
        t->pos++;
    } else if (c == '!') {
        machine_token_confirm(t, MARKUP_DECLARATION, HTML_TEXT_DATA);
        t->pos++;
        t->inside_start = t->pos;
    } else if (c == '?') {
        machine_token_confirm(t, BOGUS_COMMENT, HTML_TEXT_DATA);
        t->inside_start = t->pos;
    } else {
        machine_token_fail(t, DATA);
    }
}

static void step_end_tag_open(struct html_tokenizer *t, char c) {
    if (machine_is_alpha(c)) {
        machine_token_confirm(t, TAG_NAME, HTML_TEXT_DATA);
        machine_tag_begin(t, true);
    } else if (c == '>') {
        machine_token_confirm(t, DATA, HTML_TEXT_DATA);
        t->pos++;
        const struct html_token border = { .kind = HTML_TEXT, .text_kind = HTML_TEXT_DATA };
        if (t->wants.text)
            t->fn(t->user, &border); /* "</>" is nothing, but no reference reaches across it */
        machine_token_done(t, DATA);
    } else {
        machine_token_confirm(t, BOGUS_COMMENT, HTML_TEXT_DATA);
        t->inside_start = t->pos;
    }
}

static void step_tag_name(struct html_tokenizer *t) {
    while (t->pos < t->len) {
        char c = t->window[t->pos];
        if (machine_is_space(c)) {
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
    if (machine_is_space(c)) {
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
        if (machine_is_space(c) || c == '/' || c == '>' || c == '=') {
            attr_mark(t, &t->pos, &t->pos, NULL);
            t->state = c == '=' ? BEFORE_ATTR_VALUE : AFTER_ATTR_NAME;
            t->pos += c == '=';
            return;
        }
        t->pos++;
    }
}

static void step_after_attr_name(struct html_tokenizer *t, char c) {
    if (machine_is_space(c)) {
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
    if (machine_is_space(c)) {
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
    t->pos = machine_seek(t, quote);
    if (t->pos == t->len)
        return;
    attr_mark(t, NULL, NULL, &t->pos);
    t->state = AFTER_ATTR_VALUE;
    t->pos++;
}

static void step_attr_value_unquoted(struct html_tokenizer *t) {
    while (t->pos < t->len) {
        char c = t->window[t->pos];
        if (machine_is_space(c) || c == '>') {
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
    if (machine_is_space(c)) {
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

void machine_raw_end_tag(struct html_tokenizer *t, size_t name_start) {
    machine_token_confirm(t, TAG_NAME, machine_text_kind(t));
    machine_tag_begin(t, true);
    t->name_start = name_start;
    step_tag_name(t);
}

void machine_step_tag(struct html_tokenizer *t, char c) {
    switch (t->state) {
    case TAG_OPEN:
        step_tag_open(t, c);
        break;
    case END_TAG_OPEN:
        step_end_tag_open(t, c);
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
    default: /* SELF_CLOSING */
        step_self_closing(t, c);
        break;
    }
}
