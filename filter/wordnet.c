/*
 * wordnet.c: names of synsets from WordNet's data files, as wndb(5WN) describes them:
 *
 *   synset_offset lex_filenum ss_type w_cnt word lex_id [word lex_id...] p_cnt ... | gloss
 *
 * with an 8-digit offset and a 2-digit hexadecimal w_cnt. Lines that begin with two spaces are the
 * licence. Only the first word is read.
 */
#include "filter_private.h"

enum { LEMMA_MAX_BYTES = 1024 };

static bool all_of(struct wit_str s, size_t len, const char *digits) {
    for (size_t i = 0; i < s.len; i++)
        if (!s.data[i] || !strchr(digits, s.data[i]))
            return false;
    return s.len == len;
}

/* The next column, up to one space, which is taken off too. */
static struct wit_str column(struct wit_str *line) {
    ptrdiff_t at = wit_str_find_byte(*line, ' ', 0);
    size_t end = at < 0 ? line->len : (size_t)at;
    struct wit_str s = wit_str_slice(*line, 0, end);
    *line = wit_str_slice(*line, at < 0 ? end : end + 1, line->len);
    return s;
}

/* The first word of a synset's line, as it is written there; false: no such line. */
static bool first_word(struct wit_str line, struct wit_str *word) {
    static const char decimal[] = "0123456789", hexadecimal[] = "0123456789abcdef";
    struct wit_str offset = column(&line), file = column(&line), type = column(&line);
    struct wit_str count = column(&line);
    if (!all_of(offset, 8, decimal) || !all_of(file, 2, decimal) || !all_of(type, 1, "nvasr") ||
        !all_of(count, 2, hexadecimal) || wit_str_eq(count, WIT_STR("00")))
        return false;
    *word = column(&line);
    return word->len > 0 && word->len <= LEMMA_MAX_BYTES && line.len > 0;
}

/* Where an adjective may stand: before its noun "(a)", in predicates "(p)", behind its noun "(ip)".
 */
static struct wit_str without_marker(struct wit_str word) {
    static const char *const markers[] = { "(a)", "(p)", "(ip)" };
    for (size_t i = 0; i < WIT_COUNT_OF(markers); i++) {
        struct wit_str marker = wit_str_from(markers[i]);
        if (wit_str_ends_with(word, marker))
            return wit_str_slice(word, 0, word.len - marker.len);
    }
    return word;
}

int wit_filter_wordnet_names(struct wit_str bytes, const char *name,
                             int (*fn)(void *user, struct wit_str lemma), void *user,
                             struct wit_error *err) {
    char lemma[LEMMA_MAX_BYTES];
    uint64_t number = 0;
    for (size_t from = 0; from < bytes.len;) {
        ptrdiff_t at = wit_str_find_byte(bytes, '\n', from);
        size_t end = at < 0 ? bytes.len : (size_t)at;
        struct wit_str line = wit_str_slice(bytes, from, end), word;
        size_t n = 0;
        from = end + 1;
        number++;
        if (wit_str_starts_with(line, WIT_STR("  ")))
            continue;
        if (!first_word(line, &word))
            return wit_error_set(err, WIT_EFORMAT, "%s:%llu: not a line of a WordNet data file",
                                 name, (unsigned long long)number);
        word = without_marker(word);
        for (size_t i = 0; i < word.len && word.data[i] != '.'; i++) {
            char c = word.data[i];
            if (c >= 'A' && c <= 'Z')
                c = (char)(c - 'A' + 'a'); /* WordNet is ASCII */
            lemma[n++] = c == '_' ? ' ' : c;
        }
        int st = fn(user, wit_str_of(lemma, n));
        if (st < 0)
            return st;
    }
    return 0;
}
