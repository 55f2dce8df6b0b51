/* words.c: cuts plain text into words by a table of 64 KB of classes. */
#include "words.h"

#include "text/wit_text.h"

#include <stdlib.h>

struct words_cutter {
    uint8_t classes[0x10000]; /* enum words_class */
};

struct words_cutter *words_cutter_create(void) {
    static const char white[] = " \t\f\r\v"; /* a line's end is a mark: it ends a bigram */
    struct words_cutter *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    for (unsigned b = 0; b < 0x80; b++) {
        bool letter = (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
        c->classes[b] = letter ? WORDS_LETTER : WORDS_MARK;
    }
    for (const char *w = white; *w; w++)
        c->classes[(unsigned char)*w] = WORDS_SPACE;
    c->classes['\''] = c->classes['-'] = WORDS_JOINER;
    for (size_t r = 0; r < words_ranges_count; r++)
        for (uint32_t u = words_ranges[r].first; u <= words_ranges[r].last && u < 0x10000; u++)
            c->classes[u] = words_ranges[r].kind;
    c->classes[0x2028] = c->classes[0x2029] = WORDS_MARK; /* ends of lines and paragraphs */
    return c;
}

void words_cutter_destroy(struct words_cutter *c) {
    free(c);
}

void words_list_finish(struct words_list *l) {
    free(l->items);
    *l = (struct words_list){ 0 };
}

static enum words_class class_of(const struct words_cutter *c, uint32_t u) {
    if (u < 0x10000)
        return (enum words_class)c->classes[u];
    size_t low = 0, high = words_ranges_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (words_ranges[mid].last < u)
            low = mid + 1;
        else
            high = mid;
    }
    return low < words_ranges_count && words_ranges[low].first <= u
               ? (enum words_class)words_ranges[low].kind
               : WORDS_LETTER;
}

/* Class of the character at *i, which moves behind it; a mark at the end of the text. */
static enum words_class next_class(const struct words_cutter *c, struct wit_str text, size_t *i) {
    if (*i >= text.len)
        return WORDS_MARK;
    uint8_t b = (uint8_t)text.data[*i];
    if (b < 0x80) {
        ++*i;
        return (enum words_class)c->classes[b];
    }
    return class_of(c, wit_utf8_next(text, i));
}

static bool in_word(enum words_class k) {
    return k == WORDS_LETTER || k == WORDS_INSIDE;
}

/* End of the word whose first letter ends at i. */
static size_t word_end(const struct words_cutter *c, struct wit_str text, size_t i) {
    for (;;) {
        while (i < text.len && (uint8_t)text.data[i] < 0x80 &&
               c->classes[(uint8_t)text.data[i]] == WORDS_LETTER)
            i++;
        size_t next = i;
        enum words_class k = next_class(c, text, &next);
        if (k == WORDS_JOINER && next_class(c, text, &next) != WORDS_LETTER)
            return i;
        if (k != WORDS_JOINER && !in_word(k))
            return i;
        i = next;
    }
}

static size_t alone_end(const struct words_cutter *c, struct wit_str text, size_t i) {
    for (size_t next = i; next_class(c, text, &next) == WORDS_INSIDE;)
        i = next;
    return i;
}

static int item_add(struct words_list *l, struct words_item item) {
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 4096;
        struct words_item *items = wit_realloc_array(l->items, cap, sizeof *items);
        if (!items)
            return WIT_ENOMEM;
        l->items = items;
        l->cap = cap;
    }
    l->items[l->count++] = item;
    return 0;
}

int words_cut(const struct words_cutter *c, struct wit_str text, struct words_list *out) {
    bool follows = false;
    out->count = 0;
    if (text.len > UINT32_MAX)
        return WIT_ELIMIT;
    for (size_t i = 0; i < text.len;) {
        size_t start = i;
        enum words_class k = next_class(c, text, &i);
        if (k == WORDS_SPACE)
            continue;
        if (k == WORDS_MARK || k == WORDS_JOINER) {
            follows = false;
            continue;
        }
        i = k == WORDS_ALONE ? alone_end(c, text, i) : word_end(c, text, i);
        if (i - start > WORDS_MAX_BYTES) {
            follows = false;
            continue;
        }
        struct words_item item = { (uint32_t)start, (uint8_t)(i - start), follows,
                                   k == WORDS_ALONE };
        if (item_add(out, item) < 0)
            return WIT_ENOMEM;
        follows = true;
    }
    return 0;
}

bool words_is_alone(const struct words_cutter *c, struct wit_str word) {
    size_t i = 0;
    return next_class(c, word, &i) == WORDS_ALONE;
}
