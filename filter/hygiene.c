/* hygiene.c: the rules one after the other, and the caption as they see it. */
#include "hygiene_private.h"
#include "language.h"
#include "text/wit_text.h"

#include <pthread.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

struct wit_filter_hygiene {
    struct wit_filter_hygiene_config cfg;
    pthread_mutex_t lock;               /* guards matcher */
    struct wit_filter_matcher *matcher; /* over the blocklist; NULL without one */
    bool has_langs;
    uint8_t langs[LANGUAGES_MOST / 8]; /* a bit for each language that passes */
};

const char *wit_filter_rule_name(enum wit_filter_rule rule) {
    static const char *const names[WIT_FILTER_RULES] = {
#define RULE_NAME(id, name) [WIT_FILTER_RULE_##id] = name,
        WIT_FILTER_RULES_EACH(RULE_NAME)
#undef RULE_NAME
    };
    return (unsigned)rule < WIT_FILTER_RULES ? names[rule] : "unknown";
}

int wit_filter_rule_find(struct wit_str name, enum wit_filter_rule *out) {
    for (int i = 0; i < WIT_FILTER_RULES; i++) {
        if (!wit_str_eq(name, wit_str_from(wit_filter_rule_name((enum wit_filter_rule)i))))
            continue;
        *out = (enum wit_filter_rule)i;
        return 0;
    }
    return WIT_ENOTFOUND;
}

struct wit_filter_hygiene_config wit_filter_hygiene_config_default(void) {
    return (struct wit_filter_hygiene_config){ .min_letters = 3,
                                               .max_bytes = 1000,
                                               .lang_letters = 20 };
}

bool wit_filter_language_is_supported(void) {
    return language_is_supported();
}

static int lang_add(struct wit_filter_hygiene *h, struct wit_str code, struct wit_error *err) {
    /* What cld2 calls otherwise than ISO 639 does today. */
    static const char *const names[][2] = {
        { "he", "iw" }, { "jv", "jw" }, { "nb", "no" }, { "fil", "tl" }
    };
    int language = language_find(code);
    for (size_t i = 0; i < WIT_COUNT_OF(names) && language < 0; i++)
        if (wit_str_eq(code, wit_str_from(names[i][0])))
            language = language_find(wit_str_from(names[i][1]));
    if (language < 0)
        return wit_error_set(err, WIT_EINVAL, "there is no language '%.*s' that cld2 knows",
                             WIT_STR_FMT(code));
    h->langs[language / 8] |= (uint8_t)(1u << language % 8);
    /* Chinese alone is two languages there, by its characters. */
    return wit_str_eq(code, WIT_STR("zh")) ? lang_add(h, WIT_STR("zh-Hant"), err) : 0;
}

static int langs_read(struct wit_filter_hygiene *h, const char *langs, struct wit_error *err) {
    int st = 0;
    if (!language_is_supported())
        return wit_error_set(err, WIT_EUNSUPPORTED,
                             "this build knows no languages (it has no cld2): it cannot let only "
                             "'%s' pass",
                             langs);
    h->has_langs = true;
    struct wit_str rest = wit_str_from(langs);
    do {
        ptrdiff_t comma = wit_str_find_byte(rest, ',', 0);
        size_t end = comma < 0 ? rest.len : (size_t)comma;
        st = lang_add(h, wit_str_trim(wit_str_slice(rest, 0, end)), err);
        rest = wit_str_slice(rest, comma < 0 ? end : end + 1, rest.len);
    } while (st >= 0 && rest.len);
    return st;
}

int wit_filter_hygiene_create(const struct wit_filter_hygiene_config *cfg,
                              struct wit_filter_hygiene **out, struct wit_error *err) {
    if (cfg->off >> WIT_FILTER_RULES)
        return wit_error_set(err, WIT_EINVAL, "there are %d rules to switch off, not %#x",
                             WIT_FILTER_RULES, cfg->off);
    struct wit_filter_hygiene *h = calloc(1, sizeof *h);
    if (!h || pthread_mutex_init(&h->lock, NULL) != 0) {
        free(h);
        return wit_error_set(err, WIT_ENOMEM, "no memory for the rules of captions");
    }
    h->cfg = *cfg;
    int st = cfg->blocklist ? wit_filter_matcher_create(cfg->blocklist, &h->matcher, err) : 0;
    h->cfg.langs = NULL; /* the caller's */
    if (st >= 0 && cfg->langs)
        st = langs_read(h, cfg->langs, err);
    if (st < 0)
        wit_filter_hygiene_destroy(h);
    else
        *out = h;
    return st;
}

void wit_filter_hygiene_destroy(struct wit_filter_hygiene *h) {
    if (!h)
        return;
    wit_filter_matcher_destroy(h->matcher);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* ---- a caption --------------------------------------------------------------------------------
 */

/* Written without spaces: a character says about as much as two letters elsewhere. */
static bool is_dense(uint32_t c) {
    if (c < 0x0E00)
        return false;
    UErrorCode code = U_ZERO_ERROR;
    UScriptCode script = uscript_getScript((UChar32)c, &code);
    return script == USCRIPT_HAN || script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA ||
           script == USCRIPT_HANGUL || script == USCRIPT_THAI || script == USCRIPT_LAO ||
           script == USCRIPT_MYANMAR || script == USCRIPT_KHMER || script == USCRIPT_TIBETAN;
}

static bool is_ascii_letter(uint32_t c) {
    return c < 0x80 && hygiene_is_alpha((char)c);
}

enum {
    ZERO_WIDTH_SPACE = 0x200B,
    ZERO_WIDTH_NON_JOINER = 0x200C,
    ZERO_WIDTH_JOINER = 0x200D,
    EMBEDDING_FIRST = 0x202A, /* LRE, RLE, PDF, LRO, RLO */
    EMBEDDING_LAST = 0x202E,
    WORD_JOINER = 0x2060,
    ISOLATE_FIRST = 0x2066, /* LRI, RLI, FSI, PDI */
    ISOLATE_LAST = 0x2069,
    BYTE_ORDER_MARK = 0xFEFF,
    TAG_FIRST = 0xE0000,
    TAG_LAST = 0xE007F,
    BLACK_FLAG = 0x1F3F4 /* tags behind it spell a region: a flag */
};

/* A character that nobody sees and that changes what is read. Joiners belong to many scripts and to
 * emoji; between two letters of ASCII they only break a word for machines. */
static bool is_hidden(uint32_t before, uint32_t c, uint32_t behind, bool in_flag) {
    if (c == ZERO_WIDTH_NON_JOINER || c == ZERO_WIDTH_JOINER)
        return is_ascii_letter(before) && is_ascii_letter(behind);
    if (c >= TAG_FIRST && c <= TAG_LAST)
        return !in_flag;
    return c == ZERO_WIDTH_SPACE ? is_ascii_letter(before) && is_ascii_letter(behind)
                                 : c == WORD_JOINER || c == BYTE_ORDER_MARK ||
                                       (c >= EMBEDDING_FIRST && c <= EMBEDDING_LAST) ||
                                       (c >= ISOLATE_FIRST && c <= ISOLATE_LAST);
}

static void ascii_count(struct hygiene_text *t, char c) {
    if (hygiene_is_alpha(c)) {
        t->letters++;
        t->weight++;
    } else if (hygiene_is_digit(c)) {
        t->digits++;
    } else if (c > ' ' && c < 0x7f) {
        t->marks++;
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
        t->has_control = true;
    }
}

static void other_count(struct hygiene_text *t, uint32_t c) {
    const uint32_t mask = U_GET_GC_MASK((UChar32)c);
    if (mask & (U_GC_L_MASK | U_GC_M_MASK)) {
        t->letters++;
        t->weight += is_dense(c) ? 2 : 1;
    } else if (mask & U_GC_N_MASK) {
        t->digits++;
    } else if (mask & (U_GC_P_MASK | U_GC_S_MASK)) {
        t->marks++;
    }
    t->has_control |= c >= 0x80 && c < 0xA0;
    t->has_replacement |= c == WIT_UTF8_REPLACEMENT;
}

static void characters_count(struct hygiene_text *t) {
    uint32_t before = 0, c = 0;
    bool in_flag = false;
    for (size_t at = 0; at < t->s.len; before = c) {
        c = wit_utf8_next(t->s, &at);
        if (c < 0x80) {
            ascii_count(t, (char)c);
            continue;
        }
        size_t peek = at;
        uint32_t behind = peek < t->s.len ? wit_utf8_next(t->s, &peek) : 0;
        in_flag = c == BLACK_FLAG || (in_flag && c >= TAG_FIRST && c <= TAG_LAST);
        t->has_hidden |= is_hidden(before, c, behind, in_flag);
        other_count(t, c);
    }
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static void words_cut(struct hygiene_text *t) {
    for (size_t at = 0; at < t->s.len;) {
        while (at < t->s.len && is_space(t->s.data[at]))
            at++;
        size_t start = at;
        while (at < t->s.len && !is_space(t->s.data[at]))
            at++;
        if (at == start)
            continue;
        if (t->word_count == HYGIENE_WORDS_MOST) {
            t->words_cut = true;
            return;
        }
        t->words[t->word_count++] = wit_str_slice(t->s, start, at);
    }
}

bool hygiene_text_read(struct wit_str s, struct hygiene_text *out) {
    out->s = wit_str_trim(s);
    out->word_count = out->letters = out->digits = out->marks = out->weight = 0;
    out->words_cut = out->has_control = out->has_replacement = out->has_hidden = false;
    if (!wit_utf8_valid(out->s))
        return false;
    characters_count(out);
    words_cut(out);
    return true;
}

/* ---- the rules --------------------------------------------------------------------------------
 */

static int is_blocked(struct wit_filter_hygiene *h, struct wit_str text) {
    const uint32_t *ids;
    size_t n = 0;
    if (!h->matcher || text.len > WIT_FILTER_TEXT_MAX_BYTES)
        return 0;
    pthread_mutex_lock(&h->lock);
    int st = wit_filter_match(h->matcher, text, &ids, &n, NULL);
    pthread_mutex_unlock(&h->lock);
    return st < 0 ? st : n > 0;
}

/* "Boeing 747-400" has as many digits as letters and is a caption: a third of letters is enough. */
static bool is_mostly_marks(const struct hygiene_text *t) {
    return 2 * t->weight < t->digits + t->marks;
}

static bool is_foreign(const struct wit_filter_hygiene *h, const struct hygiene_text *t) {
    if (!h->has_langs || t->weight < h->cfg.lang_letters)
        return false;
    int language = language_of(t->s);
    return language >= 0 && !(h->langs[language / 8] >> language % 8 & 1);
}

static bool falls_under(const struct wit_filter_hygiene *h, enum wit_filter_rule rule,
                        const struct hygiene_text *t) {
    switch (rule) {
    case WIT_FILTER_RULE_INVALID_UTF8:
        return t->has_control || t->has_replacement;
    case WIT_FILTER_RULE_HIDDEN:
        return t->has_hidden;
    case WIT_FILTER_RULE_TOO_LONG:
        return t->s.len > h->cfg.max_bytes;
    case WIT_FILTER_RULE_EMAIL:
        return hygiene_has_email(t);
    case WIT_FILTER_RULE_CARD:
        return hygiene_has_card(t);
    case WIT_FILTER_RULE_PHONE:
        return hygiene_has_phone(t);
    case WIT_FILTER_RULE_FILE_NAME:
        return hygiene_is_file_name(t);
    case WIT_FILTER_RULE_EXPOSURE:
        return hygiene_is_exposure(t);
    case WIT_FILTER_RULE_BARE_SIZE:
        return hygiene_is_bare_size(t);
    case WIT_FILTER_RULE_TOO_SHORT:
        return t->weight < h->cfg.min_letters;
    case WIT_FILTER_RULE_MARKUP:
        return hygiene_has_markup(t);
    case WIT_FILTER_RULE_REPEATED:
        return hygiene_is_repeated(t);
    case WIT_FILTER_RULE_MOSTLY_MARKS:
        return is_mostly_marks(t);
    case WIT_FILTER_RULE_LANGUAGE:
        return is_foreign(h, t);
    case WIT_FILTER_RULE_BLOCKED:     /* asked by the caller: it can fail */
    case WIT_FILTER_RULE_BOILERPLATE: /* takes the page, and counts */
    case WIT_FILTER_RULES:
        break;
    }
    return false;
}

int wit_filter_hygiene_check(struct wit_filter_hygiene *h, struct wit_str text,
                             enum wit_filter_rule *rule) {
    struct hygiene_text t;
    bool is_text = hygiene_text_read(text, &t);
    for (int i = 0; i < WIT_FILTER_RULES; i++) {
        enum wit_filter_rule r = (enum wit_filter_rule)i;
        if (h->cfg.off >> i & 1)
            continue;
        /* What is no text falls under the first rule, or, where that is off, under what counts
         * bytes. */
        int refused = r == WIT_FILTER_RULE_BLOCKED ? is_blocked(h, t.s)
                      : is_text || r == WIT_FILTER_RULE_TOO_LONG
                          ? falls_under(h, r, &t)
                          : r == WIT_FILTER_RULE_INVALID_UTF8;
        if (refused < 0)
            return refused;
        if (refused) {
            *rule = r;
            return 1;
        }
    }
    return 0;
}
