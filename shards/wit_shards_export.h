/*
 * wit_shards_export.h: a sealed dataset in the layouts that img2dataset's users read: tar files for
 * webdataset, or plain files. docs/export.md says every name and field.
 *
 *     struct wit_shards_export_config cfg = wit_shards_export_config_default();
 *     struct wit_shards_export_report report;
 *     cfg.out = "tars";
 *     wit_shards_export("data", &cfg, &report, &err);   // tars/00000.tar, 00000_stats.json, ...
 *
 * Samples stand in key order. What is written follows from the dataset and the settings alone.
 */
#ifndef WIT_SHARDS_EXPORT_H
#define WIT_SHARDS_EXPORT_H

#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

enum wit_shards_export_layout {
    WIT_SHARDS_EXPORT_WEBDATASET, /* OUT/NNNNN.tar */
    WIT_SHARDS_EXPORT_FILES,      /* OUT/NNNNN/ */
    WIT_SHARDS_EXPORT_METADATA    /* the facts alone: OUT/NNNNN.jsonl, or .parquet */
};

/* What the text beside an image holds. Stored order is that of the captions' bytes. */
enum wit_shards_export_captions {
    WIT_SHARDS_EXPORT_FIRST, /* the first caption as it is */
    WIT_SHARDS_EXPORT_ALL,   /* a line each; line ends in them become spaces */
    WIT_SHARDS_EXPORT_JOIN   /* all in one line, a space between */
};

#define WIT_SHARDS_EXPORT_PER_SHARD_MOST 1000000000u

/* A shard of the export that is whole on disk. */
struct wit_shards_exported {
    const char *file; /* "00000.tar", "00000" ... in OUT; borrowed for the call */
    uint64_t samples, bytes;
    bool kept; /* an earlier run wrote it */
};

struct wit_shards_export_config {
    const char *out; /* a folder, made where it is missing */
    enum wit_shards_export_layout layout;
    enum wit_shards_export_captions captions;
    uint64_t per_shard; /* samples, 1 to WIT_SHARDS_EXPORT_PER_SHARD_MOST */
    /* The facts as OUT/NNNNN.parquet too, of metadata instead of .jsonl; WIT_EUNSUPPORTED without
     * Arrow. */
    bool parquet;

    /* Called in the caller's thread: after each shard, and after each sample. May be NULL. */
    void (*exported)(void *user, const struct wit_shards_exported *shard);
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};
struct wit_shards_export_config wit_shards_export_config_default(void); /* tars, first, 10000 */

struct wit_shards_export_report {
    uint64_t samples, shards, bytes; /* of the whole export */
    uint64_t kept;                   /* shards that were there already */
};

/**
 * Write every sample of DIR into OUT. A shard takes its name when it is whole and on disk, its
 * statistics after it: stopped anywhere and called again with the same settings it keeps the shards
 * that have both, in the size that is noted, and gives the same bytes.
 * @param report  untouched on failure
 * @return 0; WIT_EEXIST (OUT holds something else, an export of another dataset or with other
 *         settings, or another process writes there); WIT_EINVAL, WIT_ENOSPC, WIT_EIO,
 *         WIT_ECANCELED; what reading the dataset says
 */
int wit_shards_export(const char *dir, const struct wit_shards_export_config *cfg,
                      struct wit_shards_export_report *report, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
