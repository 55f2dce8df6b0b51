/* match_ref.c: the definition of a match, word for word. For tests: 500,000 substring searches a
 * text. */
#include "filter_private.h"

#include <stdlib.h>

/* " text " with a space on both sides of each mark, and tab, LF, CR as spaces. */
static char *pad_text(struct wit_str text, size_t *padded_len) {
    char *padded = malloc(3 * text.len + 2);
    size_t n = 0;
    if (!padded)
        return NULL;
    padded[n++] = ' ';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool mark = filter_is_mark((unsigned char)c);
        if (mark)
            padded[n++] = ' ';
        padded[n++] = c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
        if (mark)
            padded[n++] = ' ';
    }
    padded[n++] = ' ';
    *padded_len = n;
    return padded;
}

int64_t filter_match_ref(const struct wit_filter_allowlist *l, struct wit_str text, uint32_t *ids) {
    char needle[WIT_FILTER_ENTRY_MAX_BYTES + 2];
    size_t padded_len;
    char *padded = pad_text(text, &padded_len);
    int64_t n = 0;
    if (!padded)
        return WIT_ENOMEM;
    for (uint32_t id = 0; id < l->n; id++) {
        struct wit_str entry = filter_entry(l, id);
        if (entry.len == 0 && !l->empty_is_entry)
            continue;
        needle[0] = ' ';
        if (entry.len)
            memcpy(needle + 1, entry.data, entry.len);
        needle[entry.len + 1] = ' ';
        if (memmem(padded, padded_len, needle, entry.len + 2))
            ids[n++] = id;
    }
    free(padded);
    return n;
}
