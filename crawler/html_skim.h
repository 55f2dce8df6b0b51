/*
 * html_skim.h: the fast path of the tokenizer: whole tags of ordinary markup, found with SIMD. It
 * says what the machine (html_machine.h) says, which is its reference; what it does not know it
 * leaves to the machine. Private to this folder and its tests.
 */
#ifndef HTML_SKIM_H
#define HTML_SKIM_H

#include "html_content.h"

struct html_tokenizer;

struct html_skim {
    const char *name;
    bool (*usable)(void); /* by this processor */
    /* In the data state, outside a token: takes tags that lie whole in the window, up to one that
     * it leaves to the machine (t->pos is then at its '<' or before) or to the window's last bytes.
     * NULL: the machine does everything. */
    void (*run)(struct html_tokenizer *t);
};

/* Best last; the first is the machine alone and always usable. Ends with NULL. */
extern const struct html_skim *const html_skims_all[];
extern const struct html_skim html_skim_none;
#if defined(__x86_64__)
extern const struct html_skim html_skim_ssse3, html_skim_avx2;
#endif

const struct html_skim *html_skim_best(void);

/* Tests choose; html_tokenizer_create takes the best usable one. */
void html_tokenizer_use(struct html_tokenizer *t, const struct html_skim *skim);

#endif
