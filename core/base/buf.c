/* buf.c: growing buffers that are born with their ceiling. */
#include "wit_base.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 256 };

int wit_buf_reserve(struct wit_buf *b, size_t more) {
    if (more > b->max || b->len > b->max - more)
        return WIT_ELIMIT;
    size_t need = b->len + more;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : FIRST_CAPACITY;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > b->max)
        cap = b->max;
    char *data = realloc(b->data, cap);
    if (!data)
        return WIT_ENOMEM;
    b->data = data;
    b->cap = cap;
    return 0;
}

/* Most appends find room. */
static bool has_room(const struct wit_buf *b, size_t more) {
    return more <= b->cap - b->len;
}

int wit_buf_append(struct wit_buf *b, const void *data, size_t len) {
    int st = has_room(b, len) ? 0 : wit_buf_reserve(b, len);
    if (st < 0)
        return st;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}

int wit_buf_append_str(struct wit_buf *b, struct wit_str s) {
    return wit_buf_append(b, s.data, s.len);
}

int wit_buf_append_cstr(struct wit_buf *b, const char *s) {
    return wit_buf_append(b, s, strlen(s));
}

int wit_buf_append_byte(struct wit_buf *b, char c) {
    int st = has_room(b, 1) ? 0 : wit_buf_reserve(b, 1);
    if (st < 0)
        return st;
    b->data[b->len++] = c;
    return 0;
}

int wit_buf_printf(struct wit_buf *b, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        return WIT_EINVAL;
    /* vsnprintf wants room for its NUL, which does not count in len. */
    int st = wit_buf_reserve(b, (size_t)len + 1);
    if (st < 0)
        return st;
    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
    return 0;
}

int wit_buf_terminate(struct wit_buf *b) {
    int st = wit_buf_reserve(b, 1);
    if (st < 0)
        return st;
    b->data[b->len] = '\0';
    return 0;
}

void wit_buf_reset(struct wit_buf *b) {
    b->len = 0;
}

void wit_buf_finish(struct wit_buf *b) {
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}
