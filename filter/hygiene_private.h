/*
 * hygiene_private.h: what the files of the hygiene rules share: a caption cut into words and
 * counted once, for all rules. Rules are functions of that.
 */
#ifndef FILTER_HYGIENE_PRIVATE_H
#define FILTER_HYGIENE_PRIVATE_H

#include "wit_filter_hygiene.h"

/* Words that are looked at; a caption within max_bytes has no more that count. */
enum { HYGIENE_WORDS_MOST = 512 };

struct hygiene_text {
    struct wit_str s;                         /* trimmed, valid UTF-8 */
    struct wit_str words[HYGIENE_WORDS_MOST]; /* between white space */
    size_t word_count;
    bool words_cut; /* there are more */
    /* Characters by kind. */
    size_t letters, digits, marks; /* marks: punctuation and symbols */
    size_t weight;                 /* letters, those of scripts without spaces twice */
    bool has_control, has_replacement, has_hidden;
};

static inline bool hygiene_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool hygiene_is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool hygiene_is_alnum(char c) {
    return hygiene_is_digit(c) || hygiene_is_alpha(c);
}

/* Fill all but the words' meaning. False: not UTF-8. */
bool hygiene_text_read(struct wit_str s, struct hygiene_text *out);

/* hygiene_names.c */
bool hygiene_is_file_name(const struct hygiene_text *t);
bool hygiene_is_exposure(const struct hygiene_text *t);
bool hygiene_is_bare_size(const struct hygiene_text *t);

/* hygiene_people.c */
bool hygiene_has_email(const struct hygiene_text *t);
bool hygiene_has_card(const struct hygiene_text *t);
bool hygiene_has_phone(const struct hygiene_text *t);

/* hygiene_shape.c */
bool hygiene_has_markup(const struct hygiene_text *t);
bool hygiene_is_repeated(const struct hygiene_text *t);

#endif
