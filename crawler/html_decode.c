/* html_decode.c: what the raw bytes of a token mean. */
#include "html_tokenizer.h"
#include "text/wit_text.h"

/* Newlines normalised (13.2.3.5) and, where asked, NUL replaced. */
static int normalize(struct wit_str raw, bool keep_nul, struct wit_buf *out) {
    int st = 0;
    size_t plain = 0;
    for (size_t i = 0; i < raw.len && st == 0; i++) {
        char c = raw.data[i];
        if (c != '\r' && (c != '\0' || keep_nul))
            continue;
        st = wit_buf_append_str(out, wit_str_slice(raw, plain, i));
        plain = i + 1;
        if (st == 0 && c == '\0')
            st = wit_buf_append(out, "\xEF\xBF\xBD", 3);
        else if (st == 0 && !(plain < raw.len && raw.data[plain] == '\n'))
            st = wit_buf_append_byte(out, '\n');
    }
    if (st == 0)
        st = wit_buf_append_str(out, wit_str_slice(raw, plain, raw.len));
    return st;
}

int html_decode(struct wit_str raw, enum html_text_kind kind, struct wit_buf *out) {
    bool keep_nul = kind == HTML_TEXT_DATA || kind == HTML_TEXT_CDATA;
    bool references = kind != HTML_TEXT_RAW && kind != HTML_TEXT_CDATA;
    bool plain =
        wit_str_find_byte(raw, '\r', 0) < 0 && (keep_nul || wit_str_find_byte(raw, '\0', 0) < 0);
    if (plain && !references)
        return wit_buf_append_str(out, raw);
    if (plain)
        return wit_charref_decode(raw, kind == HTML_TEXT_ATTRIBUTE, out);
    if (!references)
        return normalize(raw, keep_nul, out);
    /* A reference may stand for a carriage return, which stays: so normalise first. */
    struct wit_buf text = WIT_BUF_INIT(3 * raw.len);
    int st = normalize(raw, keep_nul, &text);
    if (st == 0)
        st = wit_charref_decode(wit_buf_view(&text), kind == HTML_TEXT_ATTRIBUTE, out);
    wit_buf_finish(&text);
    return st;
}

/* ---- doctypes (13.2.5.53 to 13.2.5.68) ------------------------------------------------------ */

struct doctype_reader {
    struct wit_str in;
    size_t at;
};

static int doctype_peek(const struct doctype_reader *r) {
    return r->at < r->in.len ? (uint8_t)r->in.data[r->at] : -1;
}

static size_t doctype_skip_space(struct doctype_reader *r) {
    size_t from = r->at;
    while (r->at < r->in.len && strchr(" \t\n\f\r", r->in.data[r->at]) && r->in.data[r->at])
        r->at++;
    return r->at - from;
}

/* A quoted identifier; false: it does not begin with a quote, or its end is missing. */
static bool doctype_quoted(struct doctype_reader *r, struct wit_str *out) {
    int quote = doctype_peek(r);
    if (quote != '"' && quote != '\'')
        return false;
    ptrdiff_t end = wit_str_find_byte(r->in, (char)quote, r->at + 1);
    size_t to = end < 0 ? r->in.len : (size_t)end;
    *out = wit_str_slice(r->in, r->at + 1, to);
    r->at = end < 0 ? to : to + 1;
    return end >= 0;
}

struct html_doctype html_doctype_parse(const struct html_token *token) {
    struct html_doctype d = { .force_quirks = true };
    struct doctype_reader r = { token->text, 0 };
    doctype_skip_space(&r);
    size_t from = r.at;
    while (r.at < r.in.len && !(r.in.data[r.at] && strchr(" \t\n\f\r", r.in.data[r.at])))
        r.at++;
    if (r.at == from)
        return d;
    d.name = wit_str_slice(r.in, from, r.at);
    doctype_skip_space(&r);
    if (doctype_peek(&r) < 0) {
        d.force_quirks = token->unclosed;
        return d;
    }
    struct wit_str rest = wit_str_slice(r.in, r.at, r.in.len);
    struct wit_str keyword = wit_str_slice(rest, 0, rest.len < 6 ? rest.len : 6);
    bool is_public = wit_str_eq_nocase(keyword, WIT_STR("public"));
    if (!is_public && !wit_str_eq_nocase(keyword, WIT_STR("system")))
        return d; /* bogus doctype */
    r.at += 6;
    doctype_skip_space(&r);
    if (is_public) {
        if (!doctype_quoted(&r, &d.public_id))
            return d;
        doctype_skip_space(&r);
        if (doctype_peek(&r) < 0) {
            d.force_quirks = token->unclosed;
            return d;
        }
    }
    if (!doctype_quoted(&r, &d.system_id))
        return d;
    doctype_skip_space(&r);
    d.force_quirks = doctype_peek(&r) < 0 && token->unclosed; /* what follows is ignored */
    return d;
}
