/*
 * usage_signals.c: what may be done with bytes, in two vocabularies.
 *
 * AIPREF (draft-ietf-aipref-vocab, -attach): Content-Usage is a Dictionary of RFC 9651 whose values
 * are the tokens y and n. A dictionary that does not parse says nothing at all; a member of another
 * type, or without a value, says nothing about its key; of a repeated key the last counts. The
 * drafts have renamed their categories several times, and sites keep what they once wrote, so every
 * name under which training was ever meant counts.
 *
 * Content-Signal (Cloudflare's policy, in robots.txt): "search=yes, ai-train=no". No grammar was
 * published, so it is read leniently.
 */
#include "wit_crawler_page.h"

/* ---- RFC 9651, section 4.2: parsing, as far as to know where a member ends ------------------- */

struct scan {
    struct wit_str s;
    size_t at;
};

static char peek(const struct scan *p) {
    return p->at < p->s.len ? p->s.data[p->at] : '\0';
}

static bool take(struct scan *p, char c) {
    bool there = p->at < p->s.len && p->s.data[p->at] == c;
    p->at += there;
    return there;
}

static void spaces_skip(struct scan *p, bool tabs_too) {
    while (peek(p) == ' ' || (tabs_too && peek(p) == '\t'))
        p->at++;
}

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_alpha(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_one_of(char c, const char *set) {
    return c && strchr(set, c);
}

static bool key_scan(struct scan *p, struct wit_str *key) {
    size_t from = p->at;
    if (!is_lower(peek(p)) && peek(p) != '*')
        return false;
    while (is_lower(peek(p)) || is_digit(peek(p)) || is_one_of(peek(p), "_-.*"))
        p->at++;
    *key = wit_str_slice(p->s, from, p->at);
    return true;
}

/* An integer of up to 15 digits, or a decimal of up to 12 and 3. */
static bool number_scan(struct scan *p) {
    size_t from, whole;
    take(p, '-');
    from = p->at;
    while (is_digit(peek(p)))
        p->at++;
    whole = p->at - from;
    if (whole == 0 || whole > 15 || !take(p, '.'))
        return whole > 0 && whole <= 15;
    from = p->at;
    while (is_digit(peek(p)))
        p->at++;
    return whole <= 12 && p->at - from >= 1 && p->at - from <= 3;
}

/* Up to and with the closing quote; in strings a backslash escapes itself and the quote, display
 * strings have %xx instead. */
static bool quoted_scan(struct scan *p, bool display) {
    while (p->at < p->s.len) {
        char c = p->s.data[p->at++];
        if (c == '"')
            return true;
        if (c < 0x20 || c > 0x7E)
            return false;
        if (!display && c == '\\' && !take(p, '"') && !take(p, '\\'))
            return false;
        for (int i = 0; display && c == '%' && i < 2; i++, p->at++)
            if (!is_digit(peek(p)) && !(peek(p) >= 'a' && peek(p) <= 'f'))
                return false;
    }
    return false;
}

static bool bytes_scan(struct scan *p) {
    while (is_alpha(peek(p)) || is_digit(peek(p)) || is_one_of(peek(p), "+/="))
        p->at++;
    return take(p, ':');
}

static bool token_scan(struct scan *p, struct wit_str *token) {
    size_t from = p->at;
    while (is_alpha(peek(p)) || is_digit(peek(p)) || is_one_of(peek(p), "!#$%&'*+-.^_`|~:/"))
        p->at++;
    *token = wit_str_slice(p->s, from, p->at);
    return true;
}

/* `token` is what stands there if it is one, else empty. */
static bool bare_item_scan(struct scan *p, struct wit_str *token) {
    char c = peek(p);
    *token = wit_str_of(NULL, 0);
    if (is_alpha(c) || c == '*')
        return token_scan(p, token);
    if (c == '-' || is_digit(c))
        return number_scan(p);
    p->at++;
    switch (c) {
    case '"':
        return quoted_scan(p, false);
    case '%':
        return take(p, '"') && quoted_scan(p, true);
    case ':':
        return bytes_scan(p);
    case '?':
        return take(p, '0') || take(p, '1');
    case '@':
        return number_scan(p);
    default:
        return false;
    }
}

static bool parameters_scan(struct scan *p) {
    struct wit_str ignored;
    while (take(p, ';')) {
        spaces_skip(p, false);
        if (!key_scan(p, &ignored) || (take(p, '=') && !bare_item_scan(p, &ignored)))
            return false;
    }
    return true;
}

/* Behind its opening parenthesis. */
static bool inner_list_scan(struct scan *p) {
    struct wit_str ignored;
    while (p->at < p->s.len) {
        spaces_skip(p, false);
        if (take(p, ')'))
            return true;
        if (!bare_item_scan(p, &ignored) || !parameters_scan(p) ||
            (peek(p) != ' ' && peek(p) != ')'))
            return false;
    }
    return false;
}

static bool member_scan(struct scan *p, struct wit_str *key, struct wit_str *token) {
    *token = wit_str_of(NULL, 0);
    if (!key_scan(p, key))
        return false;
    if (take(p, '=')) {
        if (!(take(p, '(') ? inner_list_scan(p) : bare_item_scan(p, token)))
            return false;
    }
    return parameters_scan(p);
}

/* ---- AIPREF --------------------------------------------------------------------------------- */

/* Bit i: labels[i] is said to be n. */
static const char *const labels[] = { "train-ai", "train-genai", "ai",  "genai",
                                      "tdm",      "ai-use",      "all", "bots" };

static void label_set(unsigned *reserved, struct wit_str key, struct wit_str token) {
    for (size_t i = 0; i < WIT_COUNT_OF(labels); i++) {
        if (!wit_str_eq(key, wit_str_from(labels[i])))
            continue;
        *reserved &= ~(1u << i); /* the last counts, also where it says nothing */
        if (wit_str_eq(token, WIT_STR("n")))
            *reserved |= 1u << i;
    }
}

unsigned wit_crawler_content_usage_parse(struct wit_str value) {
    struct scan p = { value, 0 };
    struct wit_str key, token;
    unsigned reserved = 0;
    spaces_skip(&p, false);
    while (p.at < p.s.len) {
        if (!member_scan(&p, &key, &token))
            return 0;
        label_set(&reserved, key, token);
        spaces_skip(&p, true);
        if (p.at == p.s.len)
            break;
        if (!take(&p, ','))
            return 0;
        spaces_skip(&p, true);
        if (p.at == p.s.len)
            return 0; /* a comma at the end */
    }
    return reserved ? WIT_CRAWLER_USAGE_RESERVED : 0;
}

/* ---- Content-Signal ------------------------------------------------------------------------- */

unsigned wit_crawler_content_signal_parse(struct wit_str value) {
    unsigned directives = 0;
    for (size_t at = 0; at < value.len;) {
        ptrdiff_t comma = wit_str_find_byte(value, ',', at);
        size_t end = comma < 0 ? value.len : (size_t)comma;
        struct wit_str item = wit_str_slice(value, at, end);
        ptrdiff_t equals = wit_str_find_byte(item, '=', 0);
        at = end + 1;
        if (equals < 0)
            continue;
        struct wit_str key = wit_str_trim(wit_str_slice(item, 0, (size_t)equals));
        struct wit_str said = wit_str_trim(wit_str_slice(item, (size_t)equals + 1, item.len));
        if (wit_str_eq_nocase(key, WIT_STR("ai-train")) && wit_str_eq_nocase(said, WIT_STR("no")))
            directives |= WIT_CRAWLER_SIGNAL_RESERVED;
    }
    return directives;
}
