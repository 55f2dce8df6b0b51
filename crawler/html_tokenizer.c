/*
 * html_tokenizer.c: the tokenizer as an object, and the windows that its machine runs over: see
 * html_tokenizer.h and html_machine.h.
 */
#include "html_machine.h"

#include <assert.h>
#include <stdlib.h>

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
    machine_emit_text(t, t->token_start, machine_text_kind(t));
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
    machine_emit_text(t, by, machine_text_kind(t));
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
        machine_run(t, true);
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
    machine_run(t, true);
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
                machine_emit_text(t, t->pos, machine_text_kind(t));
        } else {
            t->window = bytes.data;
            t->len = bytes.len;
            t->pos = t->text_start = 0;
            machine_run(t, false);
            if (t->in_token)
                st = hold_token(t);
            else
                machine_emit_text(t, t->len, machine_text_kind(t));
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
        machine_end_markup_declaration(t);
    t->pos = t->len;
    switch (t->state) {
    case BOGUS_COMMENT:
    case COMMENT_START:
    case COMMENT:
    case DOCTYPE:
        machine_emit_inside(t, t->state == DOCTYPE ? HTML_DOCTYPE : HTML_COMMENT, t->len, true);
        break;
    case COMMENT_START_DASH:
    case COMMENT_END_DASH:
        machine_emit_inside(t, HTML_COMMENT, t->len - 1, true);
        break;
    case COMMENT_END:
        machine_emit_inside(t, HTML_COMMENT, t->len - 2, true);
        break;
    case COMMENT_END_BANG:
        machine_emit_inside(t, HTML_COMMENT, t->len - 3, true);
        break;
    default:
        if (t->state < TAG_NAME) {
            t->in_token = false;
            machine_emit_text(t, t->len, machine_text_kind(t));
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
    t->skim = html_skim_best();
    t->wants = (struct html_wants){ UINT64_MAX, UINT64_MAX, true };
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
    t->state = machine_state_of_mode(mode);
    machine_remember_start_tag(t, last_start_tag);
}

void html_tokenizer_want(struct html_tokenizer *t, struct html_wants wants) {
    t->wants = wants;
}

void html_tokenizer_use(struct html_tokenizer *t, const struct html_skim *skim) {
    t->skim = skim;
}

/* Nearly all names differ in length or in the first letter. */
static bool is_named(const struct html_attr *attr, struct wit_str name) {
    return attr->name.len == name.len && (attr->name.data[0] | 0x20) == name.data[0] &&
           wit_str_eq_nocase(attr->name, name);
}

const struct html_attr *html_token_attr(const struct html_token *token, struct wit_str name) {
    for (size_t i = 0; i < token->attr_count; i++)
        if (is_named(&token->attrs[i], name))
            return &token->attrs[i];
    return NULL;
}
