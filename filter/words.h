/*
 * words.h: the words of plain text, for counting. Not how captions are matched (wit_filter.h),
 * which knows no words.
 *
 * A word is a run of characters that are neither white space nor punctuation nor symbols; an
 * apostrophe (' or U+2019) or a hyphen-minus between two of them belongs to it. Case stays; digits
 * are characters like any other; at most WORDS_MAX_BYTES. Of scripts that write no spaces between
 * words each character is a word, with the combining marks behind it. Two words make a bigram when
 * nothing but white space, and no line's end, is between them.
 */
#ifndef FILTER_WORDS_H
#define FILTER_WORDS_H

#include "base/wit_base.h"

#define WORDS_MAX_BYTES 255u

enum words_class {
    WORDS_LETTER, /* anything that no range names */
    WORDS_SPACE,
    WORDS_MARK,   /* punctuation, symbols, what is no UTF-8 */
    WORDS_JOINER, /* belongs to a word between two letters */
    WORDS_ALONE,  /* a word of its own */
    WORDS_INSIDE  /* belongs to what is before it */
};

struct words_range {
    uint32_t first, last;
    uint8_t kind; /* enum words_class */
};
/* Beyond ASCII, ascending; made by tools/scripts/make_word_marks.py. */
extern const struct words_range words_ranges[];
extern const size_t words_ranges_count;

struct words_item {
    uint32_t at;  /* byte of the text */
    uint8_t len;  /* bytes */
    bool follows; /* makes a bigram with the item before it */
    bool alone;   /* of a script without spaces */
};

/* Cuts texts; immutable once made, any number of threads share it. */
struct words_cutter;
struct words_cutter *words_cutter_create(void); /* NULL: out of memory */
void words_cutter_destroy(struct words_cutter *c);

struct words_list {
    struct words_item *items;
    size_t count, cap;
};
void words_list_finish(struct words_list *l);

/* Replace what is in the list by the words of a text below 4 GB. 0, WIT_ELIMIT, WIT_ENOMEM. */
int words_cut(const struct words_cutter *c, struct wit_str text, struct words_list *out);
/* Is it one character of a script without spaces, with its combining marks? */
bool words_is_alone(const struct words_cutter *c, struct wit_str word);

#endif
