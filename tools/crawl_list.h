/*
 * crawl_list.h: lists of URLs as the commands set them up: names of files and columns as text, what
 * is left out told on stderr. `wit crawl` and `wit build` share it.
 */
#ifndef WIT_CRAWL_LIST_H
#define WIT_CRAWL_LIST_H

#include "wit_crawler_list.h"

enum crawl_list_names {
    CRAWL_LIST_FILES,
    CRAWL_LIST_CAPTIONS,
    CRAWL_LIST_KEEP,
    CRAWL_LIST_LANGUAGES,
    CRAWL_LIST_NAME_KINDS
};

struct crawl_list {
    const char *command; /* for sentences */
    struct wit_crawler_list_config cfg;
    struct crawl_list_array {
        const char **items;
        size_t count, cap;
    } names[CRAWL_LIST_NAME_KINDS];
    bool has_settings; /* something but files was set */
    struct wit_crawler_list *list;
    struct wit_crawler_feed *feed;
    uint64_t complaints;
};

void crawl_list_init(struct crawl_list *l, const char *command);
void crawl_list_finish(struct crawl_list *l);

/* One name, whole; it must outlive the list. */
int crawl_list_add(struct crawl_list *l, enum crawl_list_names kind, const char *name,
                   struct wit_error *err);
/* Names parted by commas; copies are made in `memory`. WIT_EINVAL: one is empty. */
int crawl_list_add_several(struct crawl_list *l, enum crawl_list_names kind, const char *names,
                           struct wit_arena *memory, struct wit_error *err);
int crawl_list_format(struct crawl_list *l, const char *name, struct wit_error *err);
/* "sha256_column:sha256"; the column is copied into `memory`. */
int crawl_list_hash(struct crawl_list *l, const char *text, struct wit_arena *memory,
                    struct wit_error *err);

/* The options of the command line that are about lists. */
enum { CRAWL_LIST_OPTIONS = 9 };
extern const struct crawl_list_option_name {
    const char *name; /* without dashes */
    bool has_value;
} crawl_list_options[CRAWL_LIST_OPTIONS];
/* Take option `index` of them. WIT_EINVAL with a sentence. */
int crawl_list_option(struct crawl_list *l, size_t index, const char *value,
                      struct wit_arena *memory, struct wit_error *err);

/* Open what was named: l->feed stays NULL where no file was. WIT_EINVAL, also for settings without
 * files. */
int crawl_list_open(struct crawl_list *l, struct wit_error *err);
/* Was something named that could not be read, or not to its end? */
bool crawl_list_is_partial(const struct crawl_list *l);

#endif
