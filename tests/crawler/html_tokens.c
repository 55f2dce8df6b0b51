/* html_tokens.c: see html_tokens.h. */
#include "html_tokens.h"

#include <stdlib.h>

static void must(int st) {
    if (st < 0) {
        fprintf(stderr, "html_tokens: %s\n", wit_status_meaning(st));
        abort();
    }
}

void html_tokens_init(struct html_tokens *t) {
    *t = (struct html_tokens){ 0 };
    t->lines.max = t->run.max = t->text.max = t->scratch.max = HTML_TOKENS_MAX_BYTES;
}

void html_tokens_finish(struct html_tokens *t) {
    wit_buf_finish(&t->lines);
    wit_buf_finish(&t->run);
    wit_buf_finish(&t->text);
    wit_buf_finish(&t->scratch);
}

/* Decoded, and in lower case where the standard's tokenizer makes it so; until the next call. */
static struct wit_str decoded(struct html_tokens *t, struct wit_str raw, enum html_text_kind kind,
                              bool lower) {
    wit_buf_reset(&t->scratch);
    must(html_decode(raw, kind, &t->scratch));
    for (size_t i = 0; i < t->scratch.len && lower; i++)
        if (t->scratch.data[i] >= 'A' && t->scratch.data[i] <= 'Z')
            t->scratch.data[i] = (char)(t->scratch.data[i] | 0x20);
    return wit_buf_view(&t->scratch);
}

static void run_flush(struct html_tokens *t) {
    if (t->run.len)
        must(wit_buf_append_str(&t->text, decoded(t, wit_buf_view(&t->run), t->run_kind, false)));
    wit_buf_reset(&t->run);
}

static void line_begin(struct html_tokens *t, struct wit_json_writer *w, const char *kind) {
    wit_json_writer_init(w, &t->lines);
    wit_json_array_begin(w);
    wit_json_put_cstr(w, kind);
}

static void line_end(struct html_tokens *t, struct wit_json_writer *w) {
    wit_json_array_end(w);
    must(wit_json_writer_finish(w));
    must(wit_buf_append_byte(&t->lines, '\n'));
}

static void text_flush(struct html_tokens *t) {
    struct wit_json_writer w;
    run_flush(t);
    if (t->text.len == 0)
        return;
    line_begin(t, &w, "Character");
    wit_json_put_str(&w, wit_buf_view(&t->text));
    line_end(t, &w);
    wit_buf_reset(&t->text);
}

static void put_attributes(struct html_tokens *t, struct wit_json_writer *w,
                           const struct html_token *token) {
    wit_json_object_begin(w);
    for (size_t i = 0; i < token->attr_count; i++) {
        bool repeated = false;
        for (size_t j = 0; j < i && !repeated; j++)
            repeated = wit_str_eq_nocase(token->attrs[i].name, token->attrs[j].name);
        if (repeated)
            continue;
        decoded(t, token->attrs[i].name, HTML_TEXT_RAW, true);
        must(wit_buf_terminate(&t->scratch)); /* no NUL inside: it became U+FFFD */
        wit_json_key(w, t->scratch.data);
        wit_json_put_str(w, decoded(t, token->attrs[i].value, HTML_TEXT_ATTRIBUTE, false));
    }
    wit_json_object_end(w);
}

static void put_name(struct html_tokens *t, struct wit_json_writer *w, struct wit_str raw,
                     bool lower) {
    if (raw.data)
        wit_json_put_str(w, decoded(t, raw, HTML_TEXT_RAW, lower));
    else
        wit_json_put_null(w);
}

static void take_text(struct html_tokens *t, const struct html_token *token) {
    if (t->run_kind != token->text_kind || token->text.len == 0)
        run_flush(t);
    t->run_kind = token->text_kind;
    must(wit_buf_append_str(&t->run, token->text));
}

void html_tokens_take(void *user, const struct html_token *token) {
    struct html_tokens *t = user;
    struct wit_json_writer w;
    if (token->kind == HTML_TEXT) {
        take_text(t, token);
        return;
    }
    text_flush(t);
    struct html_doctype d;
    switch (token->kind) {
    case HTML_START_TAG:
        line_begin(t, &w, "StartTag");
        put_name(t, &w, token->name, true);
        put_attributes(t, &w, token);
        if (token->self_closing)
            wit_json_put_bool(&w, true);
        break;
    case HTML_END_TAG:
        line_begin(t, &w, "EndTag");
        put_name(t, &w, token->name, true);
        break;
    case HTML_COMMENT:
        line_begin(t, &w, "Comment");
        wit_json_put_str(&w, decoded(t, token->text, HTML_TEXT_RAW, false));
        break;
    default:
        d = html_doctype_parse(token);
        line_begin(t, &w, "DOCTYPE");
        put_name(t, &w, d.name, true);
        put_name(t, &w, d.public_id, false);
        put_name(t, &w, d.system_id, false);
        wit_json_put_bool(&w, !d.force_quirks);
        break;
    }
    if (token->cut)
        wit_json_put_cstr(&w, "cut");
    line_end(t, &w);
}

void html_tokens_end(struct html_tokens *t) {
    text_flush(t);
}

void html_tokens_feed(struct html_tokenizer *t, struct wit_str input, size_t (*next)(void *user),
                      void *user) {
    for (size_t at = 0; at < input.len;) {
        size_t piece = next ? next(user) : input.len;
        if (piece > input.len - at)
            piece = input.len - at;
        char *copy = malloc(piece ? piece : 1);
        if (!copy)
            abort();
        memcpy(copy, input.data + at, piece);
        must(html_tokenizer_feed(t, wit_str_of(copy, piece)));
        free(copy);
        at += piece;
    }
    must(html_tokenizer_end(t));
}
