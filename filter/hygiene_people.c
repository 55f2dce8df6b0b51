/*
 * hygiene_people.c: what leads to a person: mail addresses, card and telephone numbers. A caption
 * is refused whole; nothing is masked. Numbers of other kinds (years, sizes, catalogue numbers,
 * ISBNs) are meant to pass, so a telephone number needs a sign of being one.
 */
#include "hygiene_private.h"

/* ---- mail --------------------------------------------------------------------------------------
 */

static bool is_mail_local(char c) {
    return hygiene_is_alnum(c) || memchr(".!#$%&'*+/=?^_`{|}~-", c, 20) != NULL;
}

/* Labels behind the @: at least two, the last of letters. Returns whether they stand there. */
static bool is_mail_domain(struct wit_str s, size_t at) {
    size_t dots = 0, label = 0, letters = 0;
    for (; at < s.len; at++) {
        char c = s.data[at];
        if (hygiene_is_alnum(c) || (c == '-' && label)) {
            label++;
            letters += hygiene_is_alpha(c);
        } else if (c == '.' && label && at + 1 < s.len && hygiene_is_alnum(s.data[at + 1])) {
            dots++;
            label = letters = 0;
        } else {
            break;
        }
    }
    return dots > 0 && label >= 2 && letters == label;
}

bool hygiene_has_email(const struct hygiene_text *t) {
    for (size_t i = 1; i + 3 < t->s.len; i++)
        if (t->s.data[i] == '@' && is_mail_local(t->s.data[i - 1]) && is_mail_domain(t->s, i + 1))
            return true;
    return false;
}

/* ---- runs of digits
 * ------------------------------------------------------------------------------ */

enum { DIGITS_MOST = 20 };

/* Digits with single separators between them. */
struct run {
    char digits[DIGITS_MOST + 1];
    size_t count;      /* DIGITS_MOST + 1: more than that */
    size_t start, end; /* in the text, without what stands around it */
    bool has_plus;     /* stands before it */
    bool is_bound;     /* no letter and no digit touches it */
};

static bool is_separator(char c) {
    return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/';
}

/* The next run at or behind *at. */
static bool run_next(struct wit_str s, size_t *at, struct run *out) {
    size_t i = *at;
    while (i < s.len && !hygiene_is_digit(s.data[i]))
        i++;
    if (i == s.len)
        return false;
    *out = (struct run){ .start = i };
    size_t lead = i;
    lead -= lead && s.data[lead - 1] == '(';
    out->has_plus = lead && s.data[lead - 1] == '+';
    lead -= out->has_plus;
    out->is_bound = lead == 0 || !(hygiene_is_alnum(s.data[lead - 1]) || s.data[lead - 1] == '+');
    size_t gap = 0;
    for (; i < s.len; i++) {
        char c = s.data[i];
        if (hygiene_is_digit(c)) {
            gap = 0;
            if (out->count <= DIGITS_MOST)
                out->digits[out->count < DIGITS_MOST ? out->count : DIGITS_MOST - 1] = c;
            out->count += out->count <= DIGITS_MOST;
            out->end = i + 1;
        } else if (is_separator(c) && gap < 2 && !(c == ' ' && gap && s.data[i - 1] == ' ')) {
            gap++;
        } else {
            break;
        }
    }
    out->is_bound &= out->end == s.len || !hygiene_is_alnum(s.data[out->end]);
    *at = out->end;
    return true;
}

/* ---- cards
 * --------------------------------------------------------------------------------------- */

static unsigned number_of(const char *digits, size_t n) {
    unsigned v = 0;
    for (size_t i = 0; i < n; i++)
        v = 10 * v + (unsigned)(digits[i] - '0');
    return v;
}

/* The issuers' ranges of ISO/IEC 7812 that cards in circulation have, with their lengths. */
static bool is_issued(const char *digits, size_t n) {
    unsigned two = number_of(digits, 2), four = number_of(digits, 4);
    if (digits[0] == '4')
        return n == 13 || n == 16 || n == 19;
    if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720))
        return n == 16;
    if (two == 34 || two == 37)
        return n == 15;
    if (two == 36 || two == 38 || (four >= 3000 && four <= 3059))
        return n == 14;
    if (four == 6011 || two == 65 || (four >= 3528 && four <= 3589))
        return n == 16;
    return false;
}

/* Luhn's check digit, ISO/IEC 7812-1 annex B. */
static bool has_check_digit(const char *digits, size_t n) {
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(digits[n - 1 - i] - '0');
        d <<= i % 2;
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

bool hygiene_has_card(const struct hygiene_text *t) {
    struct run r;
    for (size_t at = 0; run_next(t->s, &at, &r);)
        if (r.is_bound && r.count >= 13 && r.count <= 19 && is_issued(r.digits, r.count) &&
            has_check_digit(r.digits, r.count))
            return true;
    return false;
}

/* ---- telephones
 * ---------------------------------------------------------------------------------- */

/* The word that ends before *end, at most a few marks away; *end moves to its beginning. */
static struct wit_str word_before(struct wit_str s, size_t *end) {
    size_t to = *end, from;
    while (to > 0 && *end - to < 4 && !hygiene_is_alpha(s.data[to - 1]))
        to--;
    for (from = to; from > 0 && hygiene_is_alpha(s.data[from - 1]);)
        from--;
    *end = from;
    return wit_str_slice(s, from, to);
}

static bool ends_with_any(struct wit_str word, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(list[i]);
        if (word.len >= len &&
            wit_str_eq_nocase(wit_str_slice(word, word.len - len, word.len), wit_str_from(list[i])))
            return true;
    }
    return false;
}

/* Does the word before the number say that it is a telephone's? "Tel: 030", "phone no. 030". */
static bool has_sign(struct wit_str s, size_t start) {
    static const char *const signs[] = { "tel",  "phone",    "fone",    "telefon", "call", "fax",
                                         "cell", "whatsapp", "hotline", "mobile",  "handy" };
    static const char *const fillers[] = { "no", "nr", "number", "us", "at", "is", "on" };
    size_t end = start;
    struct wit_str word = word_before(s, &end);
    if (ends_with_any(word, fillers, WIT_COUNT_OF(fillers)))
        word = word_before(s, &end);
    return ends_with_any(word, signs, WIT_COUNT_OF(signs));
}

/* Three, three and four digits as North America writes them: (212) 555-0147, 212-555-0147. */
static bool is_north_american(struct wit_str s, const struct run *r) {
    size_t groups[4] = { 0 }, n = 0;
    bool in_digits = false;
    if (r->count != 10)
        return false;
    for (size_t i = r->start; i < r->end; i++) {
        bool digit = hygiene_is_digit(s.data[i]);
        if (digit && !in_digits && ++n > 3)
            return false;
        groups[digit ? n : 0]++;
        in_digits = digit;
    }
    return n == 3 && groups[1] == 3 && groups[2] == 3 && groups[3] == 4;
}

/* An area in brackets that begins with a 0, as much of Europe writes it: (030) 123 456 78. */
static bool has_trunk_prefix(struct wit_str s, const struct run *r) {
    if (r->start == 0 || s.data[r->start - 1] != '(' || r->digits[0] != '0' || r->count < 9)
        return false;
    size_t i = r->start;
    while (
        hygiene_is_digit(s.data[i])) /* the run ends behind a digit that is not in the brackets */
        i++;
    return s.data[i] == ')' && i - r->start >= 3 && i - r->start <= 6;
}

bool hygiene_has_phone(const struct hygiene_text *t) {
    struct run r;
    for (size_t at = 0; run_next(t->s, &at, &r);) {
        if (!r.is_bound || r.count < 7 || r.count > 15)
            continue;
        if ((r.has_plus && r.count >= 8) || has_sign(t->s, r.start) ||
            is_north_american(t->s, &r) || has_trunk_prefix(t->s, &r))
            return true;
    }
    return false;
}
