/*
 * wit_filter_hygiene.h: captions that say nothing about their image, by named rules.
 *
 * Much of what stands beside images on the web is no description: names that a camera gave,
 * exposure data, sizes, left-overs of markup, addresses of people. Each kind has a rule with a
 * name, which can be switched off; a caption is refused by the first rule, in the order below, that
 * it falls under, so that counts by rule add up. docs/filter.md has the reason of each with
 * examples.
 *
 *     struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
 *     struct wit_filter_hygiene *h = NULL;
 *     enum wit_filter_rule rule;
 *     if (wit_filter_hygiene_create(&cfg, &h, &err) < 0)
 *         return cli_fail("demo", &err);
 *     if (wit_filter_hygiene_check(h, WIT_STR("DSC_0042.JPG"), &rule))
 *         puts(wit_filter_rule_name(rule));                        // "file_name"
 *     wit_filter_hygiene_destroy(h);
 *
 * A verdict depends on the text and the configuration alone: never on order, threads or machines.
 */
#ifndef WIT_FILTER_HYGIENE_H
#define WIT_FILTER_HYGIENE_H

#include "wit_filter.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the order in which they are asked. Names are stable, numbers are not. */
#define WIT_FILTER_RULES_EACH(X)                                                                   \
    X(INVALID_UTF8, "invalid_utf8") /* bytes that are none, U+FFFD, control characters */          \
    X(HIDDEN, "hidden")             /* direction overrides, zero-width and tag characters */       \
    X(TOO_LONG, "too_long")         /* more than max_bytes */                                      \
    X(EMAIL, "email")               /* an address of somebody */                                   \
    X(CARD, "card")                 /* a number that a payment card could have */                  \
    X(PHONE, "phone")               /* a telephone number */                                       \
    X(FILE_NAME, "file_name")       /* of a camera, a phone, a screenshot; a bare file name */     \
    X(EXPOSURE, "exposure")         /* f/2.8 1/250s ISO 100 */                                     \
    X(BARE_SIZE, "bare_size")       /* extensions and sizes alone */                               \
    X(TOO_SHORT, "too_short")       /* fewer than min_letters letters */                           \
    X(MARKUP, "markup")             /* tags, references, templates, addresses of pages */          \
    X(REPEATED, "repeated")         /* the same word or character again and again */               \
    X(MOSTLY_MARKS, "mostly_marks") /* more digits and punctuation than letters */                 \
    X(BLOCKED, "blocked")           /* holds an entry of the user's list */                        \
    X(LANGUAGE, "language")         /* reliably in a language that is not asked for */             \
    X(BOILERPLATE, "boilerplate")   /* on many pages of a site: wit_filter_boilerplate_check */

enum wit_filter_rule {
#define WIT_FILTER_RULE_ENUM(id, name) WIT_FILTER_RULE_##id,
    WIT_FILTER_RULES_EACH(WIT_FILTER_RULE_ENUM)
#undef WIT_FILTER_RULE_ENUM
        WIT_FILTER_RULES /* how many there are */
};
const char *wit_filter_rule_name(enum wit_filter_rule rule); /* "file_name" ... "unknown" */
/* The rule of a name. WIT_ENOTFOUND: there is none. */
int wit_filter_rule_find(struct wit_str name, enum wit_filter_rule *out);

struct wit_filter_hygiene_config {
    uint32_t off; /* rules that are switched off, bits 1 << rule */
    /* too_short below it; a letter of a script without spaces counts two. 3 */
    uint32_t min_letters;
    uint32_t max_bytes; /* too_long above it. 1,000 */
    /* What `blocked` looks for, by the rule of wit_filter_match; borrowed, outlives the rules;
     * NULL: nothing. */
    const struct wit_filter_allowlist *blocklist;
    /* What `language` lets pass: codes parted by commas ("en,de"); borrowed for create. NULL: all.
     * zh stands for zh-Hant too. */
    const char *langs;
    /* A text with fewer letters (counted as for min_letters) is in no known language and passes.
     * 20 */
    uint32_t lang_letters;
};
struct wit_filter_hygiene_config wit_filter_hygiene_config_default(void);

struct wit_filter_hygiene; /* any number of threads may check at once */

bool wit_filter_language_is_supported(void); /* does this build have cld2? */

/* WIT_EINVAL (a bit of no rule, a code of no language), WIT_EUNSUPPORTED (langs in a build without
 * cld2), WIT_ENOMEM. */
int wit_filter_hygiene_create(const struct wit_filter_hygiene_config *cfg,
                              struct wit_filter_hygiene **out, struct wit_error *err);
void wit_filter_hygiene_destroy(struct wit_filter_hygiene *h); /* NULL is fine */

/**
 * Is the caption refused, and by which rule? Asks all but `boilerplate`.
 * @param text  any bytes; white space at its ends does not count
 * @param rule  out, when refused
 * @return 1 refused, 0 not; WIT_ENOMEM (of `blocked` alone). Time is linear in the text.
 */
int wit_filter_hygiene_check(struct wit_filter_hygiene *h, struct wit_str text,
                             enum wit_filter_rule *rule);

/* ---- boilerplate ----------------------------------------------------------------------------- */

/*
 * A text that stands on many pages of one registrable domain belongs to the site ("Logo", "Share on
 * Facebook"), not to an image. That takes counts over everything that was found: offer all places
 * first, then check. Pages are URLs without their fragment; repeats and order change nothing.
 */
struct wit_filter_boilerplate_config {
    uint32_t pages; /* on at least so many pages of the domain; 8 */
    double share;   /* and on more than this share of those seen, in [0, 1); 0.1 */
};
struct wit_filter_boilerplate_config wit_filter_boilerplate_config_default(void);

struct wit_filter_boilerplate; /* one thread at a time */

/* WIT_EINVAL (fewer than 2 pages, a share outside [0, 1)), WIT_ENOMEM. */
int wit_filter_boilerplate_create(const struct wit_filter_boilerplate_config *cfg,
                                  struct wit_filter_boilerplate **out, struct wit_error *err);
void wit_filter_boilerplate_destroy(struct wit_filter_boilerplate *b); /* NULL is fine */
/* The text stood on the page. WIT_EFORMAT, WIT_EINVAL (page is no URL): nothing is counted;
 * WIT_ENOMEM. Memory: 11 to 21 bytes for each distinct (domain, text, page) and each page, 16 to 32
 * for each (domain, text); a table that grows has its old half beside it. */
int wit_filter_boilerplate_offer(struct wit_filter_boilerplate *b, struct wit_str page,
                                 struct wit_str text, struct wit_error *err);
/* With the counts as they stand: 1 boilerplate, 0 not; WIT_EFORMAT, WIT_EINVAL, WIT_ENOMEM. */
int wit_filter_boilerplate_check(struct wit_filter_boilerplate *b, struct wit_str page,
                                 struct wit_str text, struct wit_error *err);
struct wit_filter_boilerplate_stat {
    uint64_t places, pages, texts, domains; /* distinct (domain, text, page); (domain, text) */
    uint64_t memory_bytes;
};
void wit_filter_boilerplate_stat(const struct wit_filter_boilerplate *b,
                                 struct wit_filter_boilerplate_stat *out);

#ifdef __cplusplus
}
#endif
#endif
