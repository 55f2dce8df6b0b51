/*
 * removal_list.h: what a command line and its files ask to be removed, as one request. Digests of
 * images are looked for in the dataset, since it knows samples by keys of its own.
 */
#ifndef WIT_REMOVAL_LIST_H
#define WIT_REMOVAL_LIST_H

#include "wit_shards_removed.h"

struct removal_list;

int removal_list_create(struct removal_list **out, struct wit_error *err);
void removal_list_destroy(struct removal_list *l);

int removal_list_add_key(struct removal_list *l, struct wit_str key, struct wit_error *err);
int removal_list_add_url(struct removal_list *l, struct wit_str url, struct wit_error *err);
int removal_list_add_domain(struct removal_list *l, struct wit_str domain, struct wit_error *err);
int removal_list_add_caption(struct removal_list *l, struct wit_str text, bool fold_case,
                             struct wit_error *err);
/* A line of an opt-out list: a URL; a domain, with "*." before it or not; "key:", "sha256:",
 * "sha1:" or "md5:" and hex digits. WIT_EINVAL. */
int removal_list_add_any(struct removal_list *l, struct wit_str line, struct wit_error *err);
/* Each line of a file, or of stdin ("-"), that is not blank and does not begin with '#'.
 * WIT_ENOTFOUND, WIT_EIO: it can't be read; WIT_EINVAL names the line. */
int removal_list_add_file(struct removal_list *l, const char *path,
                          int (*add)(struct removal_list *l, struct wit_str line,
                                     struct wit_error *err),
                          struct wit_error *err);

/* Digests that were asked for, of which so many images of the dataset were found. */
struct removal_digests {
    uint64_t asked, found_samples, matched;
    uint64_t not_as_fetched; /* images whose own digests are not known: they were made smaller */
};
/* Read the images of a dataset and add the keys of those that a digest names. Nothing is read where
 * no digest was asked for. */
int removal_list_resolve(struct removal_list *l, const char *dir, const volatile int *interrupt,
                         struct removal_digests *out, struct wit_error *err);

/* The request; views into the list. Reason and note are the caller's to set. */
struct wit_shards_removal removal_list_request(const struct removal_list *l);

#endif
