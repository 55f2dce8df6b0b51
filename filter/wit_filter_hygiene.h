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
    X(BLOCKED, "blocked")           /* holds an entry of the user's list */

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
};
struct wit_filter_hygiene_config wit_filter_hygiene_config_default(void);

struct wit_filter_hygiene; /* any number of threads may check at once */

/* WIT_EINVAL (a bit of no rule), WIT_ENOMEM. */
int wit_filter_hygiene_create(const struct wit_filter_hygiene_config *cfg,
                              struct wit_filter_hygiene **out, struct wit_error *err);
void wit_filter_hygiene_destroy(struct wit_filter_hygiene *h); /* NULL is fine */

/**
 * Is the caption refused, and by which rule?
 * @param text  any bytes; white space at its ends does not count
 * @param rule  out, when refused
 * @return 1 refused, 0 not; WIT_ENOMEM (of `blocked` alone). Time is linear in the text.
 */
int wit_filter_hygiene_check(struct wit_filter_hygiene *h, struct wit_str text,
                             enum wit_filter_rule *rule);

#ifdef __cplusplus
}
#endif
#endif
