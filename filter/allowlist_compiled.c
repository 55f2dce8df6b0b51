/*
 * allowlist_compiled.c: a list with its index as one file that is mapped, not read: opened in
 * milliseconds, and one copy in memory for all processes. docs/formats/allowlist.md has every byte.
 *
 * The file comes from outside: its hashes guard against damage, and since whoever writes a file can
 * write its hashes, every offset, id and chain in it is checked once before anything follows it.
 */
#include "filter_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 128, HASHED_BYTES = 120, ALIGN = 64, VERSION = 1 };
enum { EMPTY_IS_ENTRY = 1, HAS_REPEATS = 2 }; /* flags */
enum { TABLE_BITS_LEAST = 4, TABLE_BITS_MOST = 30, BLOOM_BITS_LEAST = 6 };
/* Entries and tables for the most entries there may be, with 64 bytes each. */
#define COMPILED_MAX_BYTES ((uint64_t)8 << 30)

/* Tables are in the machine's own order of bytes. */
static const uint32_t byte_order = 0x01020304;

static const char magic[8] = "WITALW\0\n";

/* ---- layout --------------------------------------------------------------------------------- */

enum section { OFFSETS, BYTES, SAME_NEXT, WORDS, EDGES, BLOOM, SECTIONS };

struct layout {
    uint64_t at[SECTIONS], bytes[SECTIONS], end;
};

/* Where the sections of a list with these numbers lie. Numbers are within their ceilings. */
static struct layout layout_of(const struct wit_filter_allowlist *l, uint64_t entry_bytes,
                               bool has_repeats) {
    struct layout out = { .bytes = {
                              [OFFSETS] = (l->n + 1) * sizeof *l->offsets,
                              [BYTES] = entry_bytes + FILTER_INLINE_BYTES,
                              [SAME_NEXT] = has_repeats ? l->n * sizeof *l->same_next : 0,
                              [WORDS] = sizeof *l->words << l->word_bits,
                              [EDGES] = sizeof *l->edges << l->edge_bits,
                              [BLOOM] = (UINT64_C(1) << l->bloom_bits) / 8,
                          } };
    uint64_t at = HEADER_BYTES;
    for (int s = 0; s < SECTIONS; s++) {
        out.at[s] = at;
        at = (at + out.bytes[s] + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
    }
    out.end = at;
    return out;
}

static void header_put(uint8_t *h, const struct wit_filter_allowlist *l, const struct layout *at,
                       struct wit_hash128 content) {
    memset(h, 0, HEADER_BYTES);
    memcpy(h, magic, sizeof magic);
    wit_store_le32(h + 8, VERSION);
    wit_store_le32(h + 12,
                   (l->empty_is_entry ? EMPTY_IS_ENTRY : 0) | (l->same_next ? HAS_REPEATS : 0));
    wit_store_le64(h + 16, l->n);
    wit_store_le64(h + 24, l->offsets[l->n]);
    wit_store_le64(h + 32, l->repeated);
    wit_store_le32(h + 40, l->n_words);
    wit_store_le32(h + 44, l->word_bits);
    wit_store_le32(h + 48, l->edge_bits);
    wit_store_le32(h + 52, l->bloom_bits);
    wit_store_le64(h + 56, at->end);
    wit_hash128_to_bytes(content, h + 64);
    memcpy(h + 80, &byte_order, sizeof byte_order);
    wit_store_le64(h + HASHED_BYTES, wit_hash64_of(h, HASHED_BYTES, 0));
}

/* ---- writing -------------------------------------------------------------------------------- */

int wit_filter_allowlist_compile(const struct wit_filter_allowlist *l, const char *path,
                                 struct wit_error *err) {
    const void *sections[SECTIONS] = { l->offsets, l->bytes, l->same_next,
                                       l->words,   l->edges, l->bloom };
    struct layout at = layout_of(l, l->offsets[l->n], l->same_next != NULL);
    uint8_t *file = calloc(1, (size_t)at.end);
    if (!file)
        return wit_error_set(err, WIT_ENOMEM, "no memory to compile %zu entries into %s", l->n,
                             path);
    for (int s = 0; s < SECTIONS; s++)
        if (at.bytes[s])
            memcpy(file + at.at[s], sections[s], (size_t)at.bytes[s]);
    header_put(file, l, &at, wit_hash128_of(file + HEADER_BYTES, (size_t)at.end - HEADER_BYTES));
    int st = wit_file_write_atomic(path, wit_str_of(file, (size_t)at.end), err);
    free(file);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

bool filter_is_compiled(struct wit_str bytes) {
    return bytes.len >= sizeof magic && memcmp(bytes.data, magic, sizeof magic) == 0;
}

static int bad(struct wit_error *err, const char *name, const char *what) {
    return wit_error_set(err, WIT_ECORRUPT, "%s: this compiled list %s", name, what);
}

static int header_read(const uint8_t *h, struct wit_str file, const char *name,
                       struct wit_filter_allowlist *l, struct layout *at, struct wit_error *err) {
    if (file.len < HEADER_BYTES || !filter_is_compiled(file))
        return bad(err, name, "was cut in its header");
    if (wit_load_le64(h + HASHED_BYTES) != wit_hash64_of(h, HASHED_BYTES, 0))
        return bad(err, name, "has a damaged header");
    if (memcmp(h + 80, &byte_order, sizeof byte_order) != 0)
        return bad(err, name, "is of a machine with another order of bytes: compile it again");
    if (wit_load_le32(h + 8) != VERSION)
        return wit_error_set(err, WIT_EUNSUPPORTED,
                             "%s: a compiled list of version %u, this program reads %d: compile it "
                             "again",
                             name, wit_load_le32(h + 8), VERSION);
    uint32_t flags = wit_load_le32(h + 12);
    uint64_t entry_bytes = wit_load_le64(h + 24), n = wit_load_le64(h + 16);
    l->word_bits = wit_load_le32(h + 44);
    l->edge_bits = wit_load_le32(h + 48);
    l->bloom_bits = wit_load_le32(h + 52);
    if (flags > (EMPTY_IS_ENTRY | HAS_REPEATS) || n > WIT_FILTER_ENTRIES_MAX ||
        entry_bytes > n * WIT_FILTER_ENTRY_MAX_BYTES || l->word_bits < TABLE_BITS_LEAST ||
        l->word_bits > TABLE_BITS_MOST || l->edge_bits < TABLE_BITS_LEAST ||
        l->edge_bits > TABLE_BITS_MOST || l->bloom_bits < BLOOM_BITS_LEAST ||
        l->bloom_bits > TABLE_BITS_MOST)
        return bad(err, name, "has numbers in its header that can't be");
    l->n = (size_t)n;
    l->empty_is_entry = flags & EMPTY_IS_ENTRY;
    l->repeated = wit_load_le64(h + 32);
    l->n_words = wit_load_le32(h + 40);
    *at = layout_of(l, entry_bytes, flags & HAS_REPEATS);
    if (at->end > COMPILED_MAX_BYTES || at->end != file.len || wit_load_le64(h + 56) != file.len)
        return bad(err, name, "is not as long as its header says");
    struct wit_hash128 content = wit_hash128_from_bytes(h + 64);
    if (!wit_hash128_eq(content, wit_hash128_of(h + HEADER_BYTES, file.len - HEADER_BYTES)))
        return bad(err, name, "is damaged: its bytes don't have the hash of its header");
    return 0;
}

static bool offsets_ascend(const struct wit_filter_allowlist *l, uint64_t entry_bytes) {
    bool good = l->offsets[0] == 0 && l->offsets[l->n] == entry_bytes;
    for (size_t i = 0; i < l->n; i++)
        good &= l->offsets[i] <= l->offsets[i + 1] &&
                l->offsets[i + 1] - l->offsets[i] <= WIT_FILTER_ENTRY_MAX_BYTES;
    return good;
}

static bool is_entry(const struct wit_filter_allowlist *l, uint32_t id) {
    return id < l->n || id == FILTER_NONE;
}

/* Chains lead onwards, so they end. */
static bool repeats_are_good(const struct wit_filter_allowlist *l) {
    bool good = true;
    for (uint32_t id = 0; l->same_next && id < l->n; id++)
        good &= is_entry(l, l->same_next[id]) && l->same_next[id] > id;
    return good;
}

/* A lookup ends at a free slot, so there must be one. */
static bool words_are_good(const struct wit_filter_allowlist *l, uint64_t entry_bytes) {
    bool good = true, has_free = false;
    for (uint64_t i = 0; i < UINT64_C(1) << l->word_bits; i++) {
        const struct filter_word *w = &l->words[i];
        bool is_free = w->len == FILTER_NONE;
        bool is_long = !is_free && w->len > FILTER_INLINE_BYTES;
        has_free |= is_free;
        good &= is_entry(l, w->entry);
        good &= !is_long || (w->hi <= entry_bytes && w->len <= entry_bytes - w->hi);
    }
    return good && has_free;
}

static bool edges_are_good(const struct wit_filter_allowlist *l) {
    bool good = true, has_free = false;
    for (uint64_t i = 0; i < UINT64_C(1) << l->edge_bits; i++) {
        has_free |= l->edges[i].key == FILTER_EDGE_EMPTY;
        good &= is_entry(l, l->edges[i].entry);
    }
    return good && has_free;
}

/* The list's tables are the file's bytes from here on. */
static int sections_adopt(struct wit_filter_allowlist *l, uint8_t *file, const struct layout *at,
                          const char *name, struct wit_error *err) {
    uint64_t entry_bytes = at->bytes[BYTES] - FILTER_INLINE_BYTES;
    l->offsets = (uint64_t *)(void *)(file + at->at[OFFSETS]);
    l->bytes = (char *)file + at->at[BYTES];
    l->same_next = at->bytes[SAME_NEXT] ? (uint32_t *)(void *)(file + at->at[SAME_NEXT]) : NULL;
    l->words = (struct filter_word *)(void *)(file + at->at[WORDS]);
    l->edges = (struct filter_edge *)(void *)(file + at->at[EDGES]);
    l->bloom = (uint64_t *)(void *)(file + at->at[BLOOM]);
    if (!offsets_ascend(l, entry_bytes))
        return bad(err, name, "has entries that overlap");
    if (!repeats_are_good(l) || !words_are_good(l, entry_bytes) || !edges_are_good(l))
        return bad(err, name, "has an index that leads out of it");
    filter_index_constants(l);
    return 0;
}

int filter_compiled_parse(struct wit_str file, const char *name, struct wit_filter_allowlist **out,
                          struct wit_error *err) {
    struct wit_filter_allowlist *l = calloc(1, sizeof *l);
    struct layout at;
    if (!l)
        return wit_error_set(err, WIT_ENOMEM, "%s: no memory for an allowlist", name);
    l->is_borrowed = true;
    int st = header_read((const uint8_t *)file.data, file, name, l, &at, err);
    if (st >= 0) /* never written to: maps are read-only, and so is every function of a list */
        st = sections_adopt(l, (uint8_t *)(uintptr_t)file.data, &at, name, err);
    if (st < 0)
        wit_filter_allowlist_destroy(l);
    else
        *out = l;
    return st;
}

int filter_compiled_load(const char *path, struct wit_filter_allowlist **out,
                         struct wit_error *err) {
    struct stat info;
    void *map = MAP_FAILED;
    int st = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", path);
    if (fstat(fd, &info) < 0)
        st = wit_error_errno(err, errno, "cannot stat %s", path);
    else if ((uint64_t)info.st_size > COMPILED_MAX_BYTES)
        st = wit_error_set(err, WIT_ELIMIT, "%s: %lld bytes are over the ceiling of a list", path,
                           (long long)info.st_size);
    if (st >= 0) {
        map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
        if (map == MAP_FAILED)
            st = wit_error_errno(err, errno, "cannot map %s", path);
    }
    close(fd);
    if (st < 0)
        return st;
    st = filter_compiled_parse(wit_str_of(map, (size_t)info.st_size), path, out, err);
    if (st < 0) {
        munmap(map, (size_t)info.st_size);
        return st;
    }
    (*out)->map = map;
    (*out)->map_bytes = (size_t)info.st_size;
    return 0;
}
