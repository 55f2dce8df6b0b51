/*
 * wit_crawler_list.h: lists of image URLs: txt, csv, tsv, jsonl, json, each also gzipped, parquet
 * in builds with Arrow, and the tsv of the Wikipedia-based Image Text dataset. docs/lists.md says
 * every rule.
 *
 *     const char *const paths[] = { "urls.csv.gz" }, *const captions[] = { "caption" };
 *     struct wit_crawler_list_config cfg = { .paths = paths, .path_count = 1,
 *                                            .caption_columns = captions, .caption_count = 1 };
 *     struct wit_crawler_list *list = NULL;
 *     struct wit_crawler_list_row row;
 *     int st = wit_crawler_list_open(&cfg, &list, &err);
 *     while (st >= 0 && (st = wit_crawler_list_next(list, &row, &err)) > 0)
 *         if (!row.reason)
 *             printf("%.*s\n", WIT_STR_FMT(row.url));
 *     wit_crawler_list_close(list);
 *
 * Files are read as a stream, in memory of a few rows, whatever their size. A bad row and a file
 * that can't be read are told to `complain`, counted, and left out; reading goes on. One thread at
 * a time.
 */
#ifndef WIT_CRAWLER_LIST_H
#define WIT_CRAWLER_LIST_H

#include "wit_crawler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- settings ------------------------------------------------------------------------------- */

enum wit_crawler_list_format {
    WIT_CRAWLER_LIST_AUTO, /* by the file's name, without ".gz" */
    WIT_CRAWLER_LIST_TXT,
    WIT_CRAWLER_LIST_CSV,
    WIT_CRAWLER_LIST_TSV,
    WIT_CRAWLER_LIST_JSONL,
    WIT_CRAWLER_LIST_JSON,
    WIT_CRAWLER_LIST_PARQUET, /* in builds with Arrow */
    WIT_CRAWLER_LIST_WIT      /* Google's Wikipedia tsv: columns by their names there */
};
/* "auto", "txt", ... "wit"; WIT_EINVAL for what is none, WIT_EUNSUPPORTED for parquet in builds
 * without Arrow. */
int wit_crawler_list_format_find(struct wit_str name, enum wit_crawler_list_format *out,
                                 struct wit_error *err);
const char *wit_crawler_list_format_name(enum wit_crawler_list_format format);

/* Ceilings: longer rows and rows of more fields are bad ones. */
#define WIT_CRAWLER_LIST_ROW_BYTES ((size_t)4 << 20)
#define WIT_CRAWLER_LIST_FIELDS 4096u
#define WIT_CRAWLER_LIST_COLUMNS 64u /* captions and kept columns together */

/* Zero bytes are the defaults. Everything is borrowed for the life of the list. */
struct wit_crawler_list_config {
    const char *const *paths; /* files, and folders whose files of one format are read in order */
    size_t path_count;
    enum wit_crawler_list_format format;

    const char *url_column;             /* NULL: "url" */
    const char *const *caption_columns; /* of wit: reference, attribution, alt, context, section */
    size_t caption_count;               /* 0: rows without captions (of wit: the first three) */
    const char *const *keep_columns;    /* stay with the row, see struct wit_shards_candidate */
    size_t keep_count;
    const char *hash_column; /* hex digits that the image's bytes must have; NULL: none */
    enum wit_digest_kind hash_kind;
    const char *const *languages; /* of wit: rows of these only; none given: of all */
    size_t language_count;
    bool need_caption; /* a row without words is left out */

    size_t row_bytes_most; /* 0: WIT_CRAWLER_LIST_ROW_BYTES */
    size_t chunk_bytes;    /* read at one time; 0: 64 KiB */

    /* What is left out and why; line 0 is the whole file. May be NULL. */
    void (*complain)(void *user, const char *file, uint64_t line, const char *why);
    void *user;
};

/* ---- reading -------------------------------------------------------------------------------- */

/* Views are valid until the next call. Texts are UTF-8: what was not is U+FFFD; any other byte may
 * be in them, NUL and line ends too. */
struct wit_crawler_list_row {
    const char *reason; /* NULL: a good row; else why it is left out, a counter's name */
    struct wit_str url; /* as in the list, ends trimmed; not parsed; not empty */
    const struct wit_str *captions; /* those with more than white space */
    size_t caption_count;
    struct wit_str page;   /* of wit: the article; else empty */
    struct wit_str extra;  /* a JSON object of the kept columns, or empty */
    struct wit_str digest; /* "sha256:<hex>", or empty */
    const char *file;
    uint64_t line; /* where the row begins, from 1 */
};

struct wit_crawler_list;

/**
 * Find the files and check the settings; nothing is read yet.
 * @return 0; WIT_EINVAL (no path, a column that the format can't have, a reserved or repeated name,
 *         a folder of several formats, a name that tells no format); WIT_EUNSUPPORTED (parquet,
 *         without Arrow); WIT_ENOMEM
 */
int wit_crawler_list_open(const struct wit_crawler_list_config *cfg, struct wit_crawler_list **out,
                          struct wit_error *err);
void wit_crawler_list_close(struct wit_crawler_list *list); /* NULL is fine */

/* 1 with a row, good or bad; 0 at the end of the last file; WIT_ENOMEM. */
int wit_crawler_list_next(struct wit_crawler_list *list, struct wit_crawler_list_row *row,
                          struct wit_error *err);

struct wit_crawler_list_place {
    uint64_t file;   /* index into the files, in their order */
    uint64_t offset; /* bytes, decompressed (of parquet: rows); 0: the file is not begun */
    uint64_t line;   /* of the next row */
};
/* Files that could not be read to their end, and are remembered: at one more reading stops. */
#define WIT_CRAWLER_LIST_LEFT 32u
/* Behind the row that was given last: what a later run seeks. */
struct wit_crawler_list_position {
    struct wit_crawler_list_place next; /* behind it, or where the list goes on after `left` */
    uint64_t rows;                      /* given so far, over all files */
    /* Where files were left that could not be read to their end. */
    struct wit_crawler_list_place left[WIT_CRAWLER_LIST_LEFT];
    size_t left_count;
};
struct wit_crawler_list_position wit_crawler_list_tell(const struct wit_crawler_list *list);
/* Go on there; before the first row only. Files that were left are tried again first, each from
 * where it was left; what still can't be read is told to `complain` and counted again. A position
 * of other files gives nonsense, not harm: compare identities first. WIT_EINVAL: rows were read
 * already. */
int wit_crawler_list_seek(struct wit_crawler_list *list, const struct wit_crawler_list_position *to,
                          struct wit_error *err);
/* Of names, sizes and times of change of the files and of every setting that decides what a row is. WIT_ENOMEM. */
int wit_crawler_list_identity(const struct wit_crawler_list *list, struct wit_hash128 *out,
                              struct wit_error *err);
/* Files that there are to read, and files or folders so far that could not be, or not to their end.
 */
size_t wit_crawler_list_files(const struct wit_crawler_list *list);
uint64_t wit_crawler_list_unreadable(const struct wit_crawler_list *list);

/* ---- as a crawl's input --------------------------------------------------------------------- */

/* The rows as a feed of wit_crawler_run: an item for each caption, or one without words. The list
 * is borrowed, and read by nobody else meanwhile. WIT_ENOMEM. */
int wit_crawler_list_feed_create(struct wit_crawler_list *list, struct wit_crawler_feed **out,
                                 struct wit_error *err);
void wit_crawler_list_feed_destroy(struct wit_crawler_feed *feed); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
