/*
 * wit_shards_import.h: samples that others have collected, taken into a collection: tar files of
 * webdataset and img2dataset, or folders of images with words beside them. docs/import.md says
 * every rule.
 *
 *     struct wit_shards_import_config cfg = wit_shards_import_config_default();
 *     const char *const tars[] = { "laion/00000.tar", "laion/00001.tar" };
 *     struct wit_shards_import_report report;
 *     cfg.sources = tars;
 *     cfg.source_count = 2;
 *     wit_shards_import("data", &cfg, &report, &err);   // then wit_shards_seal("data", ...)
 *
 * It fills a collector, so what holds of collecting holds here: killed anywhere and called again it
 * ends up with the same set; equal images become one sample at sealing; what was refused is counted
 * by reason and can be listed. The key of a sample is the hash of the bytes that the tar holds.
 */
#ifndef WIT_SHARDS_IMPORT_H
#define WIT_SHARDS_IMPORT_H

#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

enum wit_shards_import_from {
    WIT_SHARDS_IMPORT_WEBDATASET, /* tar files, plain or gzipped; of a folder those in it */
    WIT_SHARDS_IMPORT_FILES       /* folders, with those in them */
};

/* A source when its turn has come. */
struct wit_shards_imported {
    const char *source; /* as given; borrowed for the call */
    uint64_t samples;   /* stored and refused */
    bool kept;          /* an earlier run took all of it */
    const char *fault;  /* NULL, or why it could not be read to its end */
};

struct wit_shards_import_config {
    enum wit_shards_import_from from;
    const char *const *sources;
    size_t source_count;
    bool keep_without_words; /* an image alone is a sample with an empty caption; else refused */
    bool verify_decode;      /* refuse what does not decode */

    /* Called in the caller's thread: after each source, and after each sample. May be NULL. */
    void (*imported)(void *user, const struct wit_shards_imported *source);
    void (*progress)(void *user, uint64_t samples, uint64_t refused);
    void *user;
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};
struct wit_shards_import_config wit_shards_import_config_default(void); /* from webdataset */

struct wit_shards_import_report {
    uint64_t sources, kept, faults; /* kept: an earlier run took all of it */
    uint64_t samples, stored;       /* of the sources that were read now */
    uint64_t known;                 /* stored ones that were there before under the same URL */
    uint64_t refused;               /* no_image, no_caption, image_broken ... */
    uint64_t facts_broken;          /* samples whose .json is none: taken by their words alone */
    uint64_t facts_left_out;        /* samples whose .json is too long to be kept */
    uint64_t ignored;               /* members and files that are no part of a sample */
};

/**
 * Take the samples of all sources into DIR/collect and commit. What is wrong with one source
 * (missing, no tar, cut) is told to `imported` and counted; the samples before the fault stay.
 * @param report  untouched on failure
 * @return 0; WIT_EEXIST (another process collects into DIR, or its dataset lies in tar files),
 *         WIT_EINVAL, WIT_ENOSPC, WIT_EIO, WIT_ECANCELED, WIT_ENOMEM
 */
int wit_shards_import(const char *dir, const struct wit_shards_import_config *cfg,
                      struct wit_shards_import_report *report, struct wit_error *err);

/* ---- in place ------------------------------------------------------------------------------- */

struct wit_shards_index_config {
    unsigned threads;    /* 0: one per core */
    struct wit_str tool; /* program and version, stored as "wit" */
    /* Each sample that is refused, with the user of the import's config; may be NULL. */
    void (*refused)(void *user, const char *source, const char *key, const char *reason);
};

/**
 * Make DIR a dataset of the samples that the tars hold, which stay where they are: for each an
 * index under DIR/shards, read like a sealed shard afterwards (wit_shards_dataset_open). Which
 * samples and what they are is as importing has it; equal images within a tar are one sample, those
 * of several tars stay apart. The list is the whole dataset: tars that an earlier one named are
 * gone from it. An index of a tar that has not changed is kept. Callbacks come one at a time, in
 * any thread. docs/in-place.md, docs/formats/tar-index.md.
 * @param cfg    from webdataset
 * @param extra  may be NULL
 * @param report, dataset  untouched on failure; report->known: equal images within a tar;
 *                         dataset: totals and hash
 * @return 0; WIT_EEXIST (DIR holds a collection or a sealed dataset, or another process indexes
 * into it), otherwise as wit_shards_import
 */
int wit_shards_index(const char *dir, const struct wit_shards_import_config *cfg,
                     const struct wit_shards_index_config *extra,
                     struct wit_shards_import_report *report,
                     struct wit_shards_seal_report *dataset, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
