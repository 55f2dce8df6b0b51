/* str.c: byte views, checked sizes and allocation of arrays. */
#include "wit_base.h"

#include <stdlib.h>
#include <sys/mman.h>

int wit_size_add(size_t a, size_t b, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return WIT_ELIMIT;
    *out = sum;
    return 0;
}

int wit_size_mul(size_t a, size_t b, size_t *out) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return WIT_ELIMIT;
    *out = product;
    return 0;
}

void *wit_alloc_array(size_t n, size_t size) {
    return calloc(n ? n : 1, size ? size : 1);
}

void *wit_alloc_table(size_t n, size_t size) {
    const size_t page_bytes = (size_t)2 << 20;
    size_t bytes;
    if (wit_size_mul(n, size, &bytes) < 0 || wit_size_add(bytes, page_bytes - 1, &bytes) < 0)
        return NULL;
    if (bytes < 2 * page_bytes)
        return wit_alloc_array(n, size);
    bytes &= ~(page_bytes - 1);
    void *table = aligned_alloc(page_bytes, bytes);
    if (!table)
        return NULL;
    (void)madvise(table, bytes, MADV_HUGEPAGE); /* where it can't, the pages are small */
    return memset(table, 0, bytes);
}

void *wit_realloc_array(void *old, size_t n, size_t size) {
    size_t bytes;
    if (wit_size_mul(n, size, &bytes) < 0)
        return NULL;
    return realloc(old, bytes ? bytes : 1);
}

int wit_str_cmp(struct wit_str a, struct wit_str b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static unsigned char ascii_lower(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool wit_str_eq_nocase(struct wit_str a, struct wit_str b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

bool wit_str_starts_with(struct wit_str s, struct wit_str prefix) {
    return s.len >= prefix.len && wit_str_eq(wit_str_slice(s, 0, prefix.len), prefix);
}

bool wit_str_ends_with(struct wit_str s, struct wit_str suffix) {
    return s.len >= suffix.len && wit_str_eq(wit_str_slice(s, s.len - suffix.len, s.len), suffix);
}

ptrdiff_t wit_str_find(struct wit_str s, struct wit_str needle, size_t from) {
    if (from > s.len || needle.len > s.len - from)
        return -1;
    if (needle.len == 0)
        return (ptrdiff_t)from;
    const char *at = memmem(s.data + from, s.len - from, needle.data, needle.len);
    return at ? at - s.data : -1;
}

ptrdiff_t wit_str_find_byte(struct wit_str s, char c, size_t from) {
    if (from >= s.len)
        return -1;
    const char *at = memchr(s.data + from, c, s.len - from);
    return at ? at - s.data : -1;
}

bool wit_str_line_next(struct wit_str text, size_t *at, struct wit_str *line) {
    if (*at >= text.len)
        return false;
    ptrdiff_t end = wit_str_find_byte(text, '\n', *at);
    size_t to = end < 0 ? text.len : (size_t)end;
    *line = wit_str_slice(text, *at, to);
    *at = to + 1;
    return true;
}

static bool is_ascii_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

struct wit_str wit_str_trim(struct wit_str s) {
    size_t from = 0, to = s.len;
    while (from < to && is_ascii_space(s.data[from]))
        from++;
    while (to > from && is_ascii_space(s.data[to - 1]))
        to--;
    return wit_str_slice(s, from, to);
}

int wit_str_to_u64(struct wit_str s, uint64_t *out) {
    uint64_t value = 0;
    if (s.len == 0)
        return WIT_EFORMAT;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return WIT_EFORMAT;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.data[i] - '0'), &value))
            return WIT_ELIMIT;
    }
    *out = value;
    return 0;
}

int wit_str_to_double(struct wit_str s, double *out) {
    char text[64], *end;
    if (s.len == 0 || s.len >= sizeof text || is_ascii_space(s.data[0]))
        return WIT_EFORMAT;
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    /* wit never calls setlocale; a host program that did would only change the decimal point. */
    double value = strtod(text, &end);
    if (end != text + s.len)
        return WIT_EFORMAT;
    *out = value;
    return 0;
}
