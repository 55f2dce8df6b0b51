/*
 * html_tokens.h: what a tokenizer says, as text that can be compared. A line is a token in the form
 * of html5lib's test data, as ["StartTag","a",{"href":"x"}]; adjacent texts are one token.
 */
#ifndef HTML_TOKENS_H
#define HTML_TOKENS_H

#include "html_tokenizer.h"

enum { HTML_TOKENS_MAX_BYTES = 1 << 26 };

struct html_tokens {
    struct wit_buf lines;
    struct wit_buf run; /* raw text of the open run */
    enum html_text_kind run_kind;
    struct wit_buf text; /* decoded text since the last other token */
    struct wit_buf scratch;
};

void html_tokens_init(struct html_tokens *t);
void html_tokens_finish(struct html_tokens *t);
void html_tokens_take(void *user, const struct html_token *token); /* an html_token_fn */
void html_tokens_end(struct html_tokens *t);                       /* the last text comes out */

/* Feed the input in pieces of next(user) bytes (NULL: in one piece) and end it. Each piece has its
 * own memory, gone after the call, so that a sanitizer sees what reaches beyond it. Aborts when
 * memory is out. */
void html_tokens_feed(struct html_tokenizer *t, struct wit_str input, size_t (*next)(void *user),
                      void *user);

#endif
