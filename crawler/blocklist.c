/* blocklist.c: digests of each file, sorted by kind, looked up by bisection; PDQ hashes, looked at
 * one after the other. */
#include "wit_crawler_blocklist.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

enum { LINE_MOST_BYTES = 4096 };

static const enum wit_digest_kind kinds[] = { WIT_DIGEST_MD5, WIT_DIGEST_SHA1, WIT_DIGEST_SHA256 };
enum { KINDS = 3 };

/* Digests of one kind, one behind the other. */
struct digests {
    uint8_t *bytes;
    size_t count, cap; /* digests */
};

struct perceptual {
    struct wit_image_phash *hashes;
    uint8_t *within; /* bits, of each */
    size_t count, cap;
};

struct list {
    char name[WIT_CRAWLER_BLOCKLIST_NAME_BYTES];
    struct digests digests[KINDS];
    struct perceptual perceptual;
};

struct wit_crawler_blocklist {
    struct list *lists[WIT_CRAWLER_BLOCKLISTS_MOST];
    unsigned count;
};

struct wit_crawler_blocklist *wit_crawler_blocklist_create(void) {
    return calloc(1, sizeof(struct wit_crawler_blocklist));
}

static void list_destroy(struct list *l) {
    if (!l)
        return;
    for (size_t k = 0; k < KINDS; k++)
        free(l->digests[k].bytes);
    free(l->perceptual.hashes);
    free(l->perceptual.within);
    free(l);
}

void wit_crawler_blocklist_destroy(struct wit_crawler_blocklist *list) {
    for (unsigned i = 0; list && i < list->count; i++)
        list_destroy(list->lists[i]);
    free(list);
}

const char *wit_crawler_blocklist_name(const struct wit_crawler_blocklist *list, unsigned index) {
    return index < list->count ? list->lists[index]->name : "";
}

/* ---- reading -------------------------------------------------------------------------------- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Which kind has digests of so many hex digits; KINDS: none. */
static size_t kind_of(size_t digits) {
    size_t k = 0;
    while (k < KINDS && 2 * wit_digest_bytes(kinds[k]) != digits)
        k++;
    return k;
}

/* Room for one more, zeroed. NULL: out of memory. */
static uint8_t *digests_grow(struct digests *d, size_t size) {
    if (d->count == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 1024;
        uint8_t *bytes = wit_realloc_array(d->bytes, cap, size);
        if (!bytes)
            return NULL;
        d->bytes = bytes;
        d->cap = cap;
    }
    return d->bytes + d->count * size;
}

/* WIT_EFORMAT, WIT_ENOMEM. */
static int digest_add(struct list *l, struct wit_str hex) {
    size_t k = kind_of(hex.len);
    if (k == KINDS)
        return WIT_EFORMAT;
    uint8_t *out = digests_grow(&l->digests[k], hex.len / 2);
    if (!out)
        return WIT_ENOMEM;
    for (size_t i = 0; i < hex.len / 2; i++) {
        int high = hex_value(hex.data[2 * i]), low = hex_value(hex.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return WIT_EFORMAT;
        out[i] = (uint8_t)(high << 4 | low);
    }
    l->digests[k].count++;
    return 0;
}

static int perceptual_grow(struct perceptual *p) {
    const size_t cap = p->cap ? 2 * p->cap : 1024;
    if (p->count < p->cap)
        return 0;
    struct wit_image_phash *hashes = wit_realloc_array(p->hashes, cap, sizeof *hashes);
    if (hashes)
        p->hashes = hashes;
    uint8_t *within = hashes ? wit_realloc_array(p->within, cap, sizeof *within) : NULL;
    if (!within)
        return WIT_ENOMEM;
    p->within = within;
    p->cap = cap;
    return 0;
}

/* "<64 hex>" or "<64 hex>,<distance>". WIT_EFORMAT, WIT_ENOMEM. */
static int perceptual_add(struct list *l, struct wit_str text) {
    struct perceptual *p = &l->perceptual;
    const ptrdiff_t comma = wit_str_find_byte(text, ',', 0);
    const size_t end = comma < 0 ? text.len : (size_t)comma;
    struct wit_image_phash hash;
    uint64_t within = WIT_IMAGE_PHASH_NEAR;
    if (wit_image_phash_from_hex(wit_str_slice(text, 0, end), &hash) < 0)
        return WIT_EFORMAT;
    if (comma >= 0 &&
        (wit_str_to_u64(wit_str_trim(wit_str_slice(text, end + 1, text.len)), &within) < 0 ||
         within > WIT_CRAWLER_BLOCKLIST_DISTANCE_MOST))
        return WIT_EFORMAT;
    if (perceptual_grow(p) < 0)
        return WIT_ENOMEM;
    p->hashes[p->count] = hash;
    p->within[p->count++] = (uint8_t)within;
    return 0;
}

static int hash_add(struct list *l, struct wit_str line) {
    static const struct wit_str pdq = { "pdq:", 4 };
    return wit_str_starts_with(line, pdq)
               ? perceptual_add(l, wit_str_slice(line, pdq.len, line.len))
               : digest_add(l, line);
}

static int order_16(const void *a, const void *b) {
    return memcmp(a, b, 16);
}

static int order_20(const void *a, const void *b) {
    return memcmp(a, b, 20);
}

static int order_32(const void *a, const void *b) {
    return memcmp(a, b, 32);
}

typedef int (*order_fn)(const void *, const void *);
static const order_fn orders[KINDS] = { order_16, order_20, order_32 };

/* And without the room that they grew into. */
static void digests_sort(struct digests *d, size_t size, order_fn order) {
    if (!d->count)
        return;
    qsort(d->bytes, d->count, size, order);
    uint8_t *less = wit_realloc_array(d->bytes, d->count, size);
    if (less) {
        d->bytes = less;
        d->cap = d->count;
    }
}

/* The number of hashes, or a failure. */
static int list_read(struct list *l, struct wit_lines *lines, const char *path,
                     struct wit_error *err) {
    struct wit_str line;
    uint64_t total = 0;
    int st;
    while ((st = wit_lines_next(lines, &line, err)) > 0) {
        line = wit_str_trim(line);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        st = hash_add(l, line);
        if (st == WIT_EFORMAT)
            return wit_error_set(err, st,
                                 "%s:%llu: not an MD5, SHA-1 or SHA-256 in hex, nor pdq: with 64 "
                                 "hex digits and a distance up to 63 (the line is not shown: lists "
                                 "are secret)",
                                 path, (unsigned long long)wit_lines_number(lines));
        if (st < 0)
            return wit_error_set(err, st, "no memory for the hashes of %s", path);
        total++;
    }
    if (st == WIT_ELIMIT)
        return wit_error_set(err, WIT_EFORMAT, "%s:%llu: a line is longer than any hash", path,
                             (unsigned long long)wit_lines_number(lines));
    if (st == 0 && total == 0)
        return wit_error_set(err, WIT_EFORMAT, "%s holds no hash", path);
    return st < 0 ? st : total > INT_MAX ? INT_MAX : (int)total;
}

int wit_crawler_blocklist_add_file(struct wit_crawler_blocklist *list, const char *path,
                                   const char *name, struct wit_error *err) {
    struct wit_lines *lines = NULL;
    if (list->count == WIT_CRAWLER_BLOCKLISTS_MOST)
        return wit_error_set(err, WIT_ELIMIT, "more than %d lists of blocked hashes",
                             WIT_CRAWLER_BLOCKLISTS_MOST);
    FILE *f = fopen(path, "r");
    if (!f)
        return wit_error_errno(err, errno, "cannot open the list of blocked hashes %s", path);
    struct list *l = calloc(1, sizeof *l);
    int st = l ? wit_lines_open(f, LINE_MOST_BYTES, &lines, err)
               : wit_error_set(err, WIT_ENOMEM, "no memory for the hashes of %s", path);
    if (st >= 0)
        st = list_read(l, lines, path, err);
    wit_lines_close(lines);
    fclose(f);
    if (st < 0) {
        list_destroy(l);
        return st;
    }
    snprintf(l->name, sizeof l->name, "%s", name);
    for (size_t k = 0; k < KINDS; k++)
        digests_sort(&l->digests[k], wit_digest_bytes(kinds[k]), orders[k]);
    list->lists[list->count++] = l;
    return st;
}

/* ---- looking -------------------------------------------------------------------------------- */

int wit_crawler_blocklist_find(const struct wit_crawler_blocklist *list, struct wit_str bytes,
                               struct wit_crawler_blocked *out, struct wit_error *err) {
    for (size_t k = 0; k < KINDS; k++) {
        uint8_t digest[WIT_DIGEST_MAX_BYTES];
        bool computed = false;
        for (unsigned i = 0; i < list->count; i++) {
            const struct digests *d = &list->lists[i]->digests[k];
            if (!d->count)
                continue;
            if (!computed) {
                int st = wit_digest_of(kinds[k], bytes, digest, err);
                if (st < 0)
                    return st;
                computed = true;
            }
            const size_t size = wit_digest_bytes(kinds[k]);
            if (bsearch(digest, d->bytes, d->count, size, orders[k])) {
                *out = (struct wit_crawler_blocked){ .list = i,
                                                     .kind = wit_digest_name(kinds[k]),
                                                     .hash_bytes = size };
                memcpy(out->hash, digest, size);
                return 1;
            }
        }
    }
    return 0;
}

bool wit_crawler_blocklist_has_perceptual(const struct wit_crawler_blocklist *list) {
    bool has = false;
    for (unsigned i = 0; i < list->count; i++)
        has = has || list->lists[i]->perceptual.count > 0;
    return has;
}

int wit_crawler_blocklist_find_perceptual(const struct wit_crawler_blocklist *list,
                                          const struct wit_image_phashes *hashes,
                                          struct wit_crawler_blocked *out) {
    if (hashes->quality < WIT_IMAGE_PHASH_QUALITY)
        return 0;
    for (unsigned i = 0; i < list->count; i++) {
        const struct perceptual *p = &list->lists[i]->perceptual;
        const size_t at = wit_image_phash_scan(&hashes->pdq, p->hashes, p->within, p->count);
        if (at == p->count)
            continue;
        *out = (struct wit_crawler_blocked){ .list = i,
                                             .kind = "pdq",
                                             .hash_bytes = WIT_IMAGE_PHASH_BYTES };
        wit_image_phash_to_bytes(&p->hashes[at], out->hash);
        return 1;
    }
    return 0;
}
