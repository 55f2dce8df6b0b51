/*
 * removed_log.h: the text of DIR/removed.log: a JSON object a line, each hashed with all before it.
 * The file is replaced whole, so there is never half a line at its end: whatever does not check is
 * damage. docs/formats/removed.md.
 */
#ifndef SHARDS_REMOVED_LOG_H
#define SHARDS_REMOVED_LOG_H

#include "wit_shards_removed.h"

struct removed_log {
    struct wit_arena *arena; /* what entries point to */
    struct wit_shards_removed_entry *entries;
    size_t count, cap;
    struct wit_buf text;      /* of the file */
    struct wit_hash128 chain; /* of the last line */
};

/* An empty one. WIT_ENOMEM. */
int removed_log_init(struct removed_log *log, struct wit_error *err);
void removed_log_finish(struct removed_log *log); /* zero bytes are allowed */
/* Parse and check the text of a log into an empty one. WIT_ECORRUPT (line and fault), WIT_ENOMEM.
 */
int removed_log_parse(struct removed_log *log, struct wit_str text, struct wit_error *err);
/* The log of a dataset; empty where there is none. */
int removed_log_load(const char *dir, struct removed_log *log, struct wit_error *err);
/* Append an entry: a copy, whose number is set. It lasts only after removed_log_save. */
int removed_log_add(struct removed_log *log, const struct wit_shards_removed_entry *entry,
                    struct wit_error *err);
/* Replace the file, durably. */
int removed_log_save(const char *dir, const struct removed_log *log, struct wit_error *err);

#endif
