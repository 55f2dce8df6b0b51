/* crawl_list.c: from options to a feed of rows. */
#include "crawl_list.h"

#include <inttypes.h>
#include <stdlib.h>

enum { COMPLAINTS_SHOWN = 20, COMPLAINT_BYTES = 300 };

void crawl_list_init(struct crawl_list *l, const char *command) {
    *l = (struct crawl_list){ .command = command };
}

void crawl_list_finish(struct crawl_list *l) {
    wit_crawler_list_feed_destroy(l->feed);
    wit_crawler_list_close(l->list);
    for (size_t i = 0; i < CRAWL_LIST_NAME_KINDS; i++)
        free((void *)l->names[i].items);
}

/* ---- settings ------------------------------------------------------------------------------- */

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the settings of a list");
}

int crawl_list_add(struct crawl_list *l, enum crawl_list_names kind, const char *name,
                   struct wit_error *err) {
    struct crawl_list_array *a = &l->names[kind];
    if (a->count == a->cap) {
        size_t cap = a->cap ? 2 * a->cap : 8;
        const char **items = wit_realloc_array((void *)a->items, cap, sizeof *items);
        if (!items)
            return no_memory(err);
        a->items = items;
        a->cap = cap;
    }
    a->items[a->count++] = name;
    l->has_settings |= kind != CRAWL_LIST_FILES;
    return 0;
}

int crawl_list_add_several(struct crawl_list *l, enum crawl_list_names kind, const char *names,
                           struct wit_arena *memory, struct wit_error *err) {
    int st = 0;
    for (const char *end; st >= 0; names = end + 1) {
        end = names + strcspn(names, ",");
        if (end == names)
            return wit_error_set(err, WIT_EINVAL, "a name is missing before or behind a comma");
        const char *copy = wit_arena_copy(memory, names, (size_t)(end - names));
        st = copy ? crawl_list_add(l, kind, copy, err) : no_memory(err);
        if (!*end)
            break;
    }
    return st;
}

int crawl_list_format(struct crawl_list *l, const char *name, struct wit_error *err) {
    l->has_settings = true;
    return wit_crawler_list_format_find(wit_str_from(name), &l->cfg.format, err);
}

int crawl_list_hash(struct crawl_list *l, const char *text, struct wit_arena *memory,
                    struct wit_error *err) {
    const char *colon = strrchr(text, ':');
    l->has_settings = true;
    if (!colon || colon == text || wit_digest_find(wit_str_from(colon + 1), &l->cfg.hash_kind) < 0)
        return wit_error_set(err, WIT_EINVAL,
                             "'%s' is not COLUMN:TYPE with md5, sha1, sha256 or sha512", text);
    l->cfg.hash_column = wit_arena_copy(memory, text, (size_t)(colon - text));
    return l->cfg.hash_column ? 0 : no_memory(err);
}

/* ---- options ------------------------------------------------------------------------------- */

enum option { FILE_NAME, FORMAT, URL_COL, CAPTION_COL, KEEP_COLS, WIT_CAPTIONS, LANG, NEED, HASH };

const struct crawl_list_option_name crawl_list_options[CRAWL_LIST_OPTIONS] = {
    [FILE_NAME] = { "list", true },      [FORMAT] = { "list-format", true },
    [URL_COL] = { "url-col", true },     [CAPTION_COL] = { "caption-col", true },
    [KEEP_COLS] = { "keep-cols", true }, [WIT_CAPTIONS] = { "wit-captions", true },
    [LANG] = { "lang", true },           [NEED] = { "need-caption", false },
    [HASH] = { "verify-hash", true },
};

static int option_take(struct crawl_list *l, enum option option, const char *value,
                       struct wit_arena *memory, struct wit_error *err) {
    switch (option) {
    case FILE_NAME:
        return crawl_list_add(l, CRAWL_LIST_FILES, value, err);
    case FORMAT:
        return crawl_list_format(l, value, err);
    case URL_COL:
        l->cfg.url_column = value;
        return 0;
    case CAPTION_COL:
        return crawl_list_add(l, CRAWL_LIST_CAPTIONS, value, err);
    case KEEP_COLS:
        return crawl_list_add_several(l, CRAWL_LIST_KEEP, value, memory, err);
    case WIT_CAPTIONS:
        return crawl_list_add_several(l, CRAWL_LIST_CAPTIONS, value, memory, err);
    case LANG:
        return crawl_list_add_several(l, CRAWL_LIST_LANGUAGES, value, memory, err);
    case NEED:
        l->cfg.need_caption = true;
        return 0;
    case HASH:
        break;
    }
    return crawl_list_hash(l, value, memory, err);
}

int crawl_list_option(struct crawl_list *l, size_t index, const char *value,
                      struct wit_arena *memory, struct wit_error *err) {
    char name[64];
    int st = option_take(l, (enum option)index, value, memory, err);
    if (st == WIT_EINVAL) {
        snprintf(name, sizeof name, "--%s", crawl_list_options[index].name);
        wit_error_wrap(err, "%s", name);
    }
    return st;
}

/* ---- running -------------------------------------------------------------------------------- */

/* Sentences quote what lists hold: on a terminal only printable ASCII of it. */
static void print_clean(const char *s) {
    for (size_t i = 0; s[i] && i < COMPLAINT_BYTES; i++)
        fputc(s[i] >= 0x20 && s[i] < 0x7F ? s[i] : '?', stderr);
}

static void on_complaint(void *user, const char *file, uint64_t line, const char *why) {
    struct crawl_list *l = user;
    if (line && l->complaints++ >= COMPLAINTS_SHOWN)
        return;
    fprintf(stderr, "wit %s: %s", l->command, line ? "" : "list ");
    print_clean(file);
    if (line)
        fprintf(stderr, ":%" PRIu64 ": the row is left out: ", line);
    else
        fputs(" is left out, or what is left of it: ", stderr);
    print_clean(why);
    fputc('\n', stderr);
    if (line && l->complaints == COMPLAINTS_SHOWN)
        fprintf(stderr,
                "wit %s: further rows that are left out are not shown; "
                "refused.jsonl in the crawl folder names them\n",
                l->command);
}

int crawl_list_open(struct crawl_list *l, struct wit_error *err) {
    const struct crawl_list_array *names = l->names;
    if (names[CRAWL_LIST_FILES].count == 0)
        return l->has_settings || l->cfg.url_column || l->cfg.need_caption
                   ? wit_error_set(err, WIT_EINVAL, "settings of a list are given, but no list")
                   : 0;
    l->cfg.paths = names[CRAWL_LIST_FILES].items;
    l->cfg.path_count = names[CRAWL_LIST_FILES].count;
    l->cfg.caption_columns = names[CRAWL_LIST_CAPTIONS].items;
    l->cfg.caption_count = names[CRAWL_LIST_CAPTIONS].count;
    l->cfg.keep_columns = names[CRAWL_LIST_KEEP].items;
    l->cfg.keep_count = names[CRAWL_LIST_KEEP].count;
    l->cfg.languages = names[CRAWL_LIST_LANGUAGES].items;
    l->cfg.language_count = names[CRAWL_LIST_LANGUAGES].count;
    l->cfg.complain = on_complaint;
    l->cfg.user = l;
    int st = wit_crawler_list_open(&l->cfg, &l->list, err);
    return st < 0 ? st : wit_crawler_list_feed_create(l->list, &l->feed, err);
}

bool crawl_list_is_partial(const struct crawl_list *l) {
    return l->list && wit_crawler_list_unreadable(l->list) > 0;
}
