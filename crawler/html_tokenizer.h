/*
 * html_tokenizer.h: HTML to tokens, after the WHATWG tokenization chapter (HTML, 13.2.5).
 *
 * Bytes go in as they arrive, cut anywhere; tokens come out through a callback, as views into the
 * caller's bytes where a token lies in one piece. Nothing is decoded: character references,
 * carriage returns, NULs and letter case stay as they were, since none of them moves a token's
 * border; whoever needs a text calls html_decode on it. That is what makes skipping fast.
 *
 * Any encoding in which markup bytes are themselves will do (wit_charset_keeps_markup).
 */
#ifndef HTML_TOKENIZER_H
#define HTML_TOKENIZER_H

#include "html_content.h"

enum {
    HTML_ATTRIBUTES_MAX = 256,  /* of one tag; later ones are left out */
    HTML_TOKEN_LEAST_BYTES = 64 /* of a ceiling: what may still turn out to be text is shorter */
};

enum html_token_kind { HTML_TEXT, HTML_START_TAG, HTML_END_TAG, HTML_COMMENT, HTML_DOCTYPE };

/* Which rules decode a text. */
enum html_text_kind {
    HTML_TEXT_DATA,     /* references; NUL stays NUL */
    HTML_TEXT_RCDATA,   /* references; NUL is U+FFFD */
    HTML_TEXT_RAW,      /* no references; NUL is U+FFFD: raw text, script, plaintext, comments */
    HTML_TEXT_CDATA,    /* no references; NUL stays NUL */
    HTML_TEXT_ATTRIBUTE /* references by the attribute rule; NUL is U+FFFD */
};

struct html_attr {
    struct wit_str name, value; /* raw; of attributes with one name the first counts */
};

/* Views are valid during the callback. */
struct html_token {
    enum html_token_kind kind;
    struct wit_str name;       /* tags: raw name */
    enum html_element element; /* tags: HTML_OTHER for what nobody asks about */
    const struct html_attr *attrs;
    size_t attr_count;
    bool self_closing;
    struct wit_str text; /* text: one piece of a run, or empty: the run ends here (at "</>", which
                          * is no token); comment, doctype: what is inside */
    enum html_text_kind text_kind; /* of text */
    bool cut;                      /* longer than the ceiling: no attributes, no comment text */
    bool unclosed;                 /* a doctype or comment that the end of the input closed */
};

typedef void (*html_token_fn)(void *user, const struct html_token *token);

/* Which tokens the callback is to get; whatever else there is is read over, and faster. Bit e of a
 * set: tags whose element is e. */
struct html_wants {
    uint64_t start_tags, end_tags;
    bool text; /* texts, comments, doctypes */
};

struct html_tokenizer;

/* NULL: out of memory. max_token_bytes, at least HTML_TOKEN_LEAST_BYTES, bounds what is kept of a
 * tag, comment or doctype. */
struct html_tokenizer *html_tokenizer_create(size_t max_token_bytes, html_token_fn fn, void *user);
void html_tokenizer_destroy(struct html_tokenizer *t);
void html_tokenizer_reset(struct html_tokenizer *t); /* a new document */

/* Until this is called everything is wanted. The callback may call it: it counts from the next
 * token on. A reset leaves it as it is. */
void html_tokenizer_want(struct html_tokenizer *t, struct html_wants wants);

/* Start in another state, as if `last_start_tag` had just been seen; for fragments and tests. */
void html_tokenizer_set_text(struct html_tokenizer *t, enum html_text_mode mode,
                             struct wit_str last_start_tag);

/* 0 or WIT_ENOMEM; after a failure only reset and destroy may follow. */
int html_tokenizer_feed(struct html_tokenizer *t, struct wit_str bytes);
int html_tokenizer_end(struct html_tokenizer *t); /* the input is over */

/* First attribute of that (lower case) name, or NULL. */
const struct html_attr *html_token_attr(const struct html_token *token, struct wit_str name);

/* Append raw UTF-8 text as the standard's tokens hold it: newlines normalised, NULs and references
 * replaced. `raw` is a whole run (adjacent text tokens joined) or a whole value. 0, ELIMIT, ENOMEM.
 */
int html_decode(struct wit_str raw, enum html_text_kind kind, struct wit_buf *out);

/* What the inside of a doctype token says. */
struct html_doctype {
    struct wit_str name, public_id, system_id; /* raw; present when their data is not NULL */
    bool force_quirks;
};
struct html_doctype html_doctype_parse(const struct html_token *token);

#endif
