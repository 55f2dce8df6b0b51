/*
 * export_shard.h: one shard of an export while it is written: a tar file, a folder or a table that
 * takes its name when it is whole, and the statistics beside it that say so.
 */
#ifndef SHARDS_EXPORT_SHARD_H
#define SHARDS_EXPORT_SHARD_H

#include "table/wit_table.h"
#include "tar_writer.h"
#include "wit_shards_export.h"

enum { EXPORT_FILE_MOST = 32 };

struct export_shard {
    const char *out; /* borrowed */
    enum wit_shards_export_layout layout;
    uint64_t number, samples;
    uint64_t bytes;                              /* of the tar, or of all files */
    char file[EXPORT_FILE_MOST];                 /* "00000.tar", "00000", "00000.jsonl" ... */
    char path[WIT_PATH_MAX], part[WIT_PATH_MAX]; /* of it, and of what is not whole yet */
    char stats[WIT_PATH_MAX];                    /* "OUT/00000_stats.json" */
    struct tar_writer *tar;
    FILE *lines; /* of metadata */
    bool parquet;
    char table_path[WIT_PATH_MAX];  /* "OUT/00000.parquet" */
    struct wit_table_writer *table; /* NULL where none is wanted */
    struct wit_hash128 hash;        /* of the tar */
};

/* Names only. WIT_ELIMIT: a path is too long. */
int export_shard_init(struct export_shard *s, const struct wit_shards_export_config *cfg,
                      uint64_t number, uint64_t samples, struct wit_error *err);
/* 1: an earlier run wrote it whole (bytes is set); 0: it is to be written. */
int export_shard_is_whole(struct export_shard *s, struct wit_error *err);
/* Begin anew whatever lies there. */
int export_shard_begin(struct export_shard *s, struct wit_error *err);
int export_shard_put(struct export_shard *s, const char *name, struct wit_str data,
                     struct wit_error *err);
/* A line of metadata; the line feed is put. */
int export_shard_put_line(struct export_shard *s, struct wit_str line, struct wit_error *err);
/* To disk, to its name, then the statistics. */
int export_shard_commit(struct export_shard *s, struct wit_error *err);
/* What is not committed goes away; harmless after a commit, and where nothing was begun. */
void export_shard_finish(struct export_shard *s);

#endif
