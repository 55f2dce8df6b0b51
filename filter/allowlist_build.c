/* allowlist_build.c: makes an allowlist from public word lists: the union of its sources in a fixed
 * order, each entry at its first place. */
#include "allowlist_grams.h"
#include "filter_private.h"

#include <stdlib.h>

/* Source of the defaults: Xu et al. 2023, the list of MetaCLIP 1. */
enum {
    SET_BITS_LEAST = 12,
    SIZE_DEFAULT = 500000,
    MIN_COUNT_DEFAULT = 100,
    PMI_DEFAULT = 30,
    VIEWS_DEFAULT = 70,
    HOURLY_VIEWS_DEFAULT = 50,
    MEMORY_DEFAULT = 768 << 20
};

#define SOURCE_MAX_BYTES (1u << 30)

struct list_writer {
    const struct wit_filter_build_config *cfg;
    struct wit_buf lines;   /* what will be the list: entries, an LF behind each */
    struct wit_buf origins; /* what will be the side file */
    uint64_t *places;       /* open addressing: offset in lines + 1 of an entry, 0 is free */
    unsigned bits;
    enum wit_filter_origin origin; /* of what is being added */
    double score;                  /* of it, where its origin has scores */
    struct wit_filter_build_report report;
};

const char *wit_filter_origin_name(enum wit_filter_origin origin) {
    static const char *const names[WIT_FILTER_ORIGINS] = { "wordnet", "numbers", "extra",
                                                           "words",   "bigrams", "titles" };
    return (unsigned)origin < WIT_FILTER_ORIGINS ? names[origin] : "unknown";
}

struct wit_filter_build_config wit_filter_build_config_default(void) {
    return (struct wit_filter_build_config){
        .size = SIZE_DEFAULT,
        .min_count = MIN_COUNT_DEFAULT,
        .bigrams = { .kind = WIT_FILTER_CUT_LEAST, .least = PMI_DEFAULT },
        .bigram_count = 1,
        .project = "en",
        .hourly_views = HOURLY_VIEWS_DEFAULT,
        .titles = { .kind = WIT_FILTER_CUT_LEAST, .least = VIEWS_DEFAULT },
        .memory_bytes = MEMORY_DEFAULT,
    };
}

static uint64_t *place_of(const struct list_writer *w, uint64_t *places, unsigned bits,
                          struct wit_str entry) {
    size_t mask = ((size_t)1 << bits) - 1;
    size_t at = wit_hash64_of(entry.data, entry.len, 0) & mask;
    for (; places[at]; at = (at + 1) & mask) {
        const char *there = w->lines.data + places[at] - 1;
        /* Entries hold no LF, so the one behind `there` ends it within the buffer. */
        if (w->lines.len - (places[at] - 1) > entry.len && there[entry.len] == '\n' &&
            memcmp(there, entry.data, entry.len) == 0)
            break;
    }
    return &places[at];
}

static int places_grow(struct list_writer *w) {
    unsigned bits = w->places ? w->bits + 1 : SET_BITS_LEAST;
    uint64_t *places = wit_alloc_array((size_t)1 << bits, sizeof *places);
    if (!places)
        return WIT_ENOMEM;
    for (size_t from = 0; from < w->lines.len;) {
        const char *start = w->lines.data + from;
        const char *end = memchr(start, '\n', w->lines.len - from);
        *place_of(w, places, bits, wit_str_of(start, (size_t)(end - start))) = from + 1;
        from += (size_t)(end - start) + 1;
    }
    free(w->places);
    w->places = places;
    w->bits = bits;
    return 0;
}

static bool is_single_mark(struct wit_str entry) {
    return entry.len == 1 &&
           memchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", entry.data[0], 32) != NULL;
}

/* A line of the side file, up to the entry: counts and views as they are, PMI in bits, "-" where an
 * origin has no score. */
static int origin_append(struct list_writer *w) {
    int st = wit_buf_printf(&w->origins, "%llu\t%s\t", (unsigned long long)w->report.entries,
                            wit_filter_origin_name(w->origin));
    if (st < 0)
        return st;
    switch (w->origin) {
    case WIT_FILTER_WORDS:
    case WIT_FILTER_TITLES:
        return wit_buf_printf(&w->origins, "%.0f\t", w->score);
    case WIT_FILTER_BIGRAMS:
        return wit_buf_printf(&w->origins, "%.4f\t", w->score);
    default:
        return wit_buf_append_cstr(&w->origins, "-\t");
    }
}

static int entry_append(struct list_writer *w, struct wit_str entry) {
    struct wit_filter_build_report *r = &w->report;
    size_t start = w->lines.len;
    int st = wit_buf_append_str(&w->lines, entry);
    if (st >= 0)
        st = wit_buf_append_byte(&w->lines, '\n');
    if (st >= 0 && w->cfg->origins_path)
        st = origin_append(w);
    if (st >= 0 && w->cfg->origins_path)
        st = wit_buf_append(&w->origins, w->lines.data + start, entry.len + 1);
    if (st < 0)
        return st;
    r->entries++;
    r->by_origin[w->origin]++;
    return 0;
}

static int entry_add(void *user, struct wit_str entry) {
    struct list_writer *w = user;
    struct wit_filter_build_report *r = &w->report;
    if (entry.len == 0) {
        r->empty++;
        return 0;
    }
    if (is_single_mark(entry)) {
        r->punctuation++;
        return 0;
    }
    if ((!w->places || 2 * r->entries >= UINT64_C(1) << w->bits) && places_grow(w) < 0)
        return WIT_ENOMEM;
    uint64_t *place = place_of(w, w->places, w->bits, entry);
    if (*place) {
        r->repeated++;
        return 0;
    }
    if (r->entries == w->cfg->size) {
        r->over_size++;
        return 0;
    }
    uint64_t start = w->lines.len;
    int st = entry_append(w, entry);
    if (st >= 0)
        *place = start + 1;
    return st;
}

/* A status without a sentence becomes one that names the source. */
static int explain(struct wit_error *err, int st, const char *source) {
    return wit_error_set(err, st, "%s: cannot add its entries: %s", source, wit_status_meaning(st));
}

static int add_wordnet(struct list_writer *w, struct wit_error *err) {
    static const char *const files[] = { "data.noun", "data.verb", "data.adj", "data.adv" };
    w->origin = WIT_FILTER_WORDNET;
    for (size_t i = 0; i < WIT_COUNT_OF(files); i++) {
        struct wit_buf bytes = WIT_BUF_INIT(SOURCE_MAX_BYTES);
        struct wit_error why = WIT_ERROR_INIT;
        char path[WIT_PATH_MAX];
        if (wit_path_join(path, w->cfg->wordnet_dir, files[i]) < 0)
            return wit_error_set(err, WIT_ELIMIT, "%s: the path is too long", w->cfg->wordnet_dir);
        if (!wit_file_exists(path))
            continue;
        int st = wit_file_read(path, &bytes, &why);
        if (st >= 0)
            st = wit_filter_wordnet_names(wit_buf_view(&bytes), path, entry_add, w, &why);
        wit_buf_finish(&bytes);
        if (st < 0)
            return why.status ? wit_error_set(err, st, "%s", why.text) : explain(err, st, path);
        w->report.wordnet_files++;
    }
    if (!w->report.wordnet_files)
        return wit_error_set(err, WIT_ENOTFOUND,
                             "'%s' holds none of data.noun, data.verb, data.adj, data.adv",
                             w->cfg->wordnet_dir);
    return 0;
}

static int add_numbers(struct list_writer *w, struct wit_error *err) {
    w->origin = WIT_FILTER_NUMBERS;
    for (int i = 0; i < 100; i++) {
        char digits[8];
        int len = snprintf(digits, sizeof digits, "%d", i);
        int st = entry_add(w, wit_str_of(digits, (size_t)len));
        if (st < 0)
            return explain(err, st, "numbers 0 to 99");
    }
    return 0;
}

static int add_extra(struct list_writer *w, const char *path, struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(SOURCE_MAX_BYTES);
    uint64_t number = 0;
    w->origin = WIT_FILTER_EXTRA;
    int st = wit_file_read(path, &bytes, err);
    if (st < 0)
        goto out;
    struct wit_str all = wit_buf_view(&bytes);
    size_t from = wit_str_starts_with(all, WIT_STR("\xef\xbb\xbf")) ? 3 : 0;
    while (from < all.len) {
        ptrdiff_t at = wit_str_find_byte(all, '\n', from);
        size_t end = at < 0 ? all.len : (size_t)at;
        struct wit_str entry = wit_str_trim(wit_str_slice(all, from, end));
        from = end + 1;
        number++;
        if (entry.len > WIT_FILTER_ENTRY_MAX_BYTES) {
            st = wit_error_set(err, WIT_ELIMIT, "%s:%llu: %zu bytes, an entry has at most %u", path,
                               (unsigned long long)number, entry.len, WIT_FILTER_ENTRY_MAX_BYTES);
            goto out;
        }
        st = entry_add(w, entry);
        if (st < 0) {
            explain(err, st, path);
            goto out;
        }
    }
out:
    wit_buf_finish(&bytes);
    return st;
}

static int add_counted(void *user, enum wit_filter_origin origin, struct wit_str entry,
                       double score) {
    struct list_writer *w = user;
    w->origin = origin;
    w->score = score;
    return entry_add(w, entry);
}

static int config_check(const struct wit_filter_build_config *cfg, struct wit_error *err) {
    const size_t files = WIT_FILTER_BUILD_FILES_MAX;
    if (!cfg->wordnet_dir && !cfg->n_extra && !cfg->n_wiki && !cfg->n_pageviews)
        return wit_error_set(err, WIT_EINVAL,
                             "an allowlist needs WordNet, a file of entries, a dump or page views");
    if (cfg->size == 0 || cfg->size > WIT_FILTER_ENTRIES_MAX)
        return wit_error_set(err, WIT_EINVAL, "an allowlist has 1 to %u entries, not %zu",
                             WIT_FILTER_ENTRIES_MAX, cfg->size);
    if (cfg->n_extra > files || cfg->n_wiki > files || cfg->n_pageviews > files)
        return wit_error_set(err, WIT_EINVAL,
                             "an allowlist is made from at most %zu files of a kind", files);
    if (cfg->memory_bytes < WIT_FILTER_BUILD_MEMORY_LEAST)
        return wit_error_set(err, WIT_EINVAL, "counting needs %u bytes of memory, not %zu",
                             WIT_FILTER_BUILD_MEMORY_LEAST, cfg->memory_bytes);
    if ((cfg->bigrams.kind == WIT_FILTER_CUT_TOP && !cfg->bigrams.top) ||
        (cfg->titles.kind == WIT_FILTER_CUT_TOP && !cfg->titles.top))
        return wit_error_set(err, WIT_EINVAL, "the best 0 are none");
    if (strlen(cfg->project) > WIT_FILTER_PROJECT_MAX_BYTES)
        return wit_error_set(err, WIT_EINVAL, "'%s' is no project of Wikimedia", cfg->project);
    return 0;
}

/* The sources in the order in which they are taken. */
static int add_all(struct list_writer *w, const char *out_path, struct grams **grams,
                   struct wit_error *err) {
    const struct wit_filter_build_config *cfg = w->cfg;
    int st = 0;
    if (cfg->wordnet_dir)
        st = add_wordnet(w, err);
    if (cfg->wordnet_dir && st >= 0)
        st = add_numbers(w, err);
    for (size_t i = 0; i < cfg->n_extra && st >= 0; i++)
        st = add_extra(w, cfg->extra[i], err);
    if (st < 0 || (!cfg->n_wiki && !cfg->n_pageviews))
        return st;
    st = grams_create(cfg, out_path, &w->report, grams, err);
    if (st < 0)
        return st;
    w->report.over_size += grams_over_size(*grams);
    st = grams_each(*grams, add_counted, w);
    return st < 0 ? explain(err, st, "counted entries") : 0;
}

int wit_filter_allowlist_build(const struct wit_filter_build_config *cfg, const char *out_path,
                               struct wit_error *err) {
    struct list_writer w = { .cfg = cfg,
                             .lines = WIT_BUF_INIT(WIT_FILTER_LIST_MAX_BYTES),
                             .origins = WIT_BUF_INIT((size_t)2 * WIT_FILTER_LIST_MAX_BYTES) };
    struct grams *grams = NULL;
    int st = config_check(cfg, err);
    if (st < 0)
        return st;
    st = add_all(&w, out_path, &grams, err);
    if (st >= 0 && cfg->origins_path)
        st = wit_file_write_atomic(cfg->origins_path, wit_buf_view(&w.origins), err);
    if (st >= 0) /* last: whoever finds a new list finds its origins too */
        st = wit_file_write_atomic(out_path, wit_buf_view(&w.lines), err);
    grams_destroy(grams, st >= 0);
    if (st >= 0) {
        st = (int)w.report.entries;
        if (cfg->report)
            *cfg->report = w.report;
    }
    free(w.places);
    wit_buf_finish(&w.lines);
    wit_buf_finish(&w.origins);
    return st;
}
