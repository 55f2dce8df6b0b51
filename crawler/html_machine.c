/*
 * html_machine.c: the tokenizer's loop over its states, and how texts, comments and doctypes come
 * out. The states of tokens are in html_*_states.c.
 */
#include "html_machine.h"

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

enum html_text_kind machine_text_kind(const struct html_tokenizer *t) {
    return text_kind(run_state(t));
}

void machine_emit_text(struct html_tokenizer *t, size_t end, enum html_text_kind kind) {
    if (end > t->text_start && t->wants.text) {
        struct html_token token = { .kind = HTML_TEXT,
                                    .text = machine_slice(t, t->text_start, end),
                                    .text_kind = kind };
        t->fn(t->user, &token);
    }
    t->text_start = end;
}

void machine_emit_inside(struct html_tokenizer *t, enum html_token_kind kind, size_t end,
                         bool unclosed) {
    if (!t->wants.text) {
        machine_token_done(t, DATA);
        return;
    }
    bool cut = t->dropping || t->pos - t->token_start > t->max_token;
    struct html_token token = { .kind = kind,
                                .text = cut ? wit_str_of(NULL, 0)
                                            : machine_slice(t, t->inside_start, end),
                                .text_kind = HTML_TEXT_RAW,
                                .cut = cut,
                                .unclosed = unclosed };
    t->fn(t->user, &token);
    machine_token_done(t, DATA);
}

enum state machine_state_of_mode(enum html_text_mode mode) {
    static const enum state states[] = {
        [HTML_MODE_DATA] = DATA,           [HTML_MODE_RCDATA] = RCDATA,
        [HTML_MODE_RAWTEXT] = RAWTEXT,     [HTML_MODE_SCRIPT] = SCRIPT,
        [HTML_MODE_PLAINTEXT] = PLAINTEXT, [HTML_MODE_CDATA] = CDATA
    };
    return states[mode];
}

void machine_remember_start_tag(struct html_tokenizer *t, struct wit_str name) {
    t->last_start_tag_len = name.len <= RAW_NAME_MAX ? name.len : 0;
    if (t->last_start_tag_len)
        memcpy(t->last_start_tag, name.data, name.len);
}

static bool has_attr(const struct html_token *tag, struct wit_str name) {
    return html_token_attr(tag, name) != NULL;
}

/* Does an annotation-xml hold HTML? Nobody writes references there. */
static bool is_html_annotation(const struct html_token *tag) {
    const struct html_attr *encoding = html_token_attr(tag, WIT_STR("encoding"));
    return encoding && (wit_str_eq_nocase(encoding->value, WIT_STR("text/html")) ||
                        wit_str_eq_nocase(encoding->value, WIT_STR("application/xhtml+xml")));
}

/* 13.2.6.5: what a start tag is in SVG or MathML depends on attributes in these two. */
static enum html_element foreign_element(const struct html_token *tag) {
    switch (tag->element) {
    case HTML_FONT:
        return has_attr(tag, WIT_STR("color")) || has_attr(tag, WIT_STR("face")) ||
                       has_attr(tag, WIT_STR("size"))
                   ? HTML_BREAKOUT
                   : HTML_FONT;
    case HTML_ANNOTATION_XML:
        return is_html_annotation(tag) ? HTML_ANNOTATION_XML : HTML_OTHER;
    default:
        return tag->element;
    }
}

enum state machine_tag_effect(struct html_tokenizer *t, struct html_token *tag) {
    if (tag->kind == HTML_END_TAG) {
        html_content_end(&t->content, tag->element);
        return DATA;
    }
    const bool foreign = html_content_is_foreign(&t->content);
    if (foreign)
        tag->element = foreign_element(tag);
    enum state next =
        machine_state_of_mode(html_content_start(&t->content, tag->element, tag->self_closing));
    if (next != DATA)
        machine_remember_start_tag(t, tag->name);
    /* SVG and MathML have elements of the same names; of those only links are asked for. */
    if (foreign && html_content_is_foreign(&t->content) && tag->element != HTML_A)
        tag->element = HTML_OTHER;
    return next;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void step_text(struct html_tokenizer *t) {
    switch (t->state) {
    case DATA:
        t->pos = machine_seek(t, '<');
        if (t->pos < t->len)
            machine_token_begin(t, TAG_OPEN);
        break;
    case RCDATA:
    case RAWTEXT:
    case SCRIPT:
        t->pos = machine_seek(t, '<');
        if (t->pos < t->len) {
            t->raw_state = t->state;
            machine_token_begin(t, RAW_LESS_THAN);
        }
        break;
    case PLAINTEXT:
        t->pos = t->len;
        break;
    case CDATA:
        t->pos = machine_seek(t, ']');
        if (t->pos < t->len)
            machine_token_begin(t, CDATA_BRACKET);
        break;
    default:
        machine_step_script(t);
        break;
    }
}

/* The states of a group stand together. */
static void step_token(struct html_tokenizer *t, char c) {
    if (t->state <= END_TAG_OPEN || (t->state >= TAG_NAME && t->state <= SELF_CLOSING))
        machine_step_tag(t, c);
    else if (t->state < TAG_NAME)
        machine_step_raw(t, c);
    else
        machine_step_comment(t, c);
}

void machine_run(struct html_tokenizer *t, bool stop_behind_token) {
    while (t->pos < t->len && (t->in_token || !stop_behind_token)) {
        if (t->in_token) {
            step_token(t, t->window[t->pos]);
            continue;
        }
        if (t->state == DATA && t->skim->run && !stop_behind_token)
            t->skim->run(t); /* it leaves at what it does not know */
        if (t->pos < t->len)
            step_text(t);
    }
}
