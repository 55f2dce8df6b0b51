/* arena.c: a chain of blocks; allocation moves a pointer, reset forgets everything at once. */
#include "wit_base.h"

#include <stdlib.h>

/* Each block is twice the one before: a hundred thousand small arenas are small. */
enum { BLOCK_LEAST_BYTES = 256, BLOCK_MOST_BYTES = 64 * 1024 };

struct block {
    struct block *next;
    size_t size, used;
    max_align_t bytes[];
};

struct wit_arena {
    size_t max_bytes, used;
    size_t block_bytes; /* of the next block */
    struct block *first, *current;
};

struct wit_arena *wit_arena_create(size_t max_bytes) {
    struct wit_arena *a = calloc(1, sizeof *a);
    if (a) {
        a->max_bytes = max_bytes;
        a->block_bytes = BLOCK_LEAST_BYTES;
    }
    return a;
}

void wit_arena_destroy(struct wit_arena *a) {
    if (!a)
        return;
    for (struct block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static void *block_take(struct block *b, size_t size, size_t align) {
    uintptr_t base = (uintptr_t)b->bytes;
    uintptr_t at = (base + b->used + align - 1) & ~(uintptr_t)(align - 1);
    size_t offset = (size_t)(at - base);
    if (offset > b->size || size > b->size - offset)
        return NULL;
    b->used = offset + size;
    return (char *)b->bytes + offset;
}

void *wit_arena_alloc(struct wit_arena *a, size_t size, size_t align) {
    if (align == 0 || (align & (align - 1)) || size > a->max_bytes || a->used > a->max_bytes - size)
        return NULL;
    void *p = NULL;
    for (struct block *b = a->current; b && !p; b = b->next) {
        p = block_take(b, size, align);
        if (p)
            a->current = b;
    }
    if (!p) {
        size_t room = size > SIZE_MAX - align ? 0 : size + align;
        if (room < a->block_bytes)
            room = a->block_bytes;
        struct block *b = room > SIZE_MAX - sizeof *b ? NULL : malloc(sizeof *b + room);
        if (!b)
            return NULL;
        if (a->block_bytes < BLOCK_MOST_BYTES)
            a->block_bytes *= 2;
        *b = (struct block){ .next = NULL, .size = room };
        if (a->current) {
            b->next = a->current->next;
            a->current->next = b;
        } else {
            a->first = b;
        }
        a->current = b;
        p = block_take(b, size, align);
    }
    if (p)
        a->used += size;
    return p;
}

void *wit_arena_copy(struct wit_arena *a, const void *data, size_t len) {
    char *p = len == SIZE_MAX ? NULL : wit_arena_alloc(a, len + 1, 1);
    if (!p)
        return NULL;
    if (len)
        memcpy(p, data, len);
    p[len] = '\0';
    return p;
}

void wit_arena_reset(struct wit_arena *a) {
    for (struct block *b = a->first; b; b = b->next)
        b->used = 0;
    a->current = a->first;
    a->used = 0;
}

void wit_arena_trim(struct wit_arena *a, size_t keep_bytes) {
    struct block **link = &a->first;
    size_t kept = 0;
    for (struct block *b; (b = *link);) {
        if (b->size <= keep_bytes - kept) {
            kept += b->size;
            link = &b->next;
        } else {
            *link = b->next;
            free(b);
        }
    }
    wit_arena_reset(a);
}

size_t wit_arena_held(const struct wit_arena *a) {
    size_t held = 0;
    for (const struct block *b = a->first; b; b = b->next)
        held += b->size;
    return held;
}

size_t wit_arena_used(const struct wit_arena *a) {
    return a->used;
}
