/* html_skim.c: which fast paths there are, and the one to take. */
#include "html_skim.h"

static bool always(void) {
    return true;
}

const struct html_skim html_skim_none = { "none", always, NULL };

const struct html_skim *const html_skims_all[] = {
    &html_skim_none,
#if defined(__x86_64__)
    &html_skim_ssse3,
    &html_skim_avx2,
#endif
    NULL,
};

const struct html_skim *html_skim_best(void) {
    const struct html_skim *best = NULL;
    for (size_t i = 0; html_skims_all[i]; i++)
        if (html_skims_all[i]->usable())
            best = html_skims_all[i];
    return best;
}
