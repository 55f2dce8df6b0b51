/* hygiene_shape.c: left-overs of markup, and words that come again and again. */
#include "hygiene_private.h"

/* ---- markup
 * -------------------------------------------------------------------------------------- */

static bool begins(struct wit_str s, size_t at, const char *what) {
    size_t len = strlen(what);
    return s.len - at >= len &&
           wit_str_eq_nocase(wit_str_slice(s, at, at + len), wit_str_from(what));
}

/* "<br>", "</a", "<!--", "<?php": a less-than sign between words is none. */
static bool is_tag(struct wit_str s, size_t at) {
    if (s.data[at] != '<' || at + 1 == s.len)
        return false;
    size_t i = at + 1;
    if (s.data[i] == '!' || s.data[i] == '?' || s.data[i] == '%')
        return true;
    i += s.data[i] == '/';
    if (i == s.len || !hygiene_is_alpha(s.data[i]))
        return false;
    while (i < s.len && s.data[i] != '<' && s.data[i] != '>')
        i++;
    return (i < s.len && s.data[i] == '>') || s.data[at + 1] == '/' || begins(s, at, "<a href") ||
           begins(s, at, "<img");
}

/* "&amp;" that is still there, "&#39;": a bare ampersand is none. */
static bool is_reference(struct wit_str s, size_t at) {
    if (s.data[at] != '&')
        return false;
    size_t i = at + 1;
    bool number = i < s.len && s.data[i] == '#';
    i += number;
    size_t start = i;
    while (i < s.len && i - start < 10 && hygiene_is_alnum(s.data[i]))
        i++;
    return i < s.len && s.data[i] == ';' && i - start >= 2;
}

static bool is_hex(char c) {
    return hygiene_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Two of "%20" in one caption, or one of "\u00e9". */
static bool is_escape(struct wit_str s, size_t at) {
    if (begins(s, at, "\\u") && s.len - at >= 6)
        return is_hex(s.data[at + 2]) && is_hex(s.data[at + 3]) && is_hex(s.data[at + 4]) &&
               is_hex(s.data[at + 5]);
    return false;
}

static bool is_percent(struct wit_str s, size_t at) {
    return s.data[at] == '%' && s.len - at >= 3 && is_hex(s.data[at + 1]) &&
           is_hex(s.data[at + 2]) && (s.data[at + 1] >= '2');
}

bool hygiene_has_markup(const struct hygiene_text *t) {
    static const char *const leads[] = { "{{",        "}}",      "[[",       "]]",  "[caption",
                                         "[/",        "<%",      "${",       "{%",  "javascript:",
                                         "function(", "http://", "https://", "www." };
    size_t percents = 0;
    for (size_t i = 0; i < t->s.len; i++) {
        char c = t->s.data[i];
        percents += is_percent(t->s, i);
        if (is_tag(t->s, i) || is_reference(t->s, i) || is_escape(t->s, i))
            return true;
        if (!memchr("{}[]<$jfhwJFHW", c, 14))
            continue;
        bool inside = i && hygiene_is_alnum(t->s.data[i - 1]) && hygiene_is_alpha(c);
        for (size_t k = 0; k < WIT_COUNT_OF(leads) && !inside; k++)
            if (begins(t->s, i, leads[k]))
                return true;
    }
    return percents >= 2;
}

/* ---- repeats
 * -------------------------------------------------------------------------------------- */

enum {
    RUN_MOST = 8,       /* the same character: more than any word of a language has */
    WORDS_LEAST = 4,    /* fewer say nothing about repeats */
    SHARE_OF_WORDS = 3, /* distinct words are less than one in so many: repeated */
    SAME_MOST = 2       /* one word has more than one in so many of six words and more: repeated */
};

static bool has_run(struct wit_str s) {
    size_t run = 0;
    for (size_t i = 1; i < s.len; i++) {
        bool counts = s.data[i] != ' ' && !hygiene_is_digit(s.data[i]);
        run = counts && s.data[i] == s.data[i - 1] ? run + 1 : 0;
        if (run + 1 > RUN_MOST && (uint8_t)s.data[i] < 0x80)
            return true;
    }
    return false;
}

bool hygiene_is_repeated(const struct hygiene_text *t) {
    uint8_t slots[2 * HYGIENE_WORDS_MOST] = {
        0
    }; /* how often the word of this slot came, up to 255 */
    uint16_t words[2 * HYGIENE_WORDS_MOST];
    size_t distinct = 0, most = 0;
    if (has_run(t->s))
        return true;
    for (size_t i = 0; i < t->word_count; i++) {
        struct wit_str w = t->words[i];
        size_t at = wit_hash64_of(w.data, w.len, 0) % WIT_COUNT_OF(slots);
        while (slots[at] && !wit_str_eq(t->words[words[at]], w))
            at = (at + 1) % WIT_COUNT_OF(slots);
        distinct += slots[at] == 0;
        words[at] = (uint16_t)i;
        slots[at] += slots[at] < UINT8_MAX;
        most = slots[at] > most ? slots[at] : most;
    }
    if (t->word_count < WORDS_LEAST)
        return false;
    return distinct * SHARE_OF_WORDS <= t->word_count ||
           (t->word_count >= 6 && most * SAME_MOST > t->word_count);
}
