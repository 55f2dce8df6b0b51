/*
 * wit_crawler_warc.h: archives of earlier crawls as input: WARC files and the WAT files made of
 * them, as Common Crawl publishes both.
 *
 * Records: a WARC 1.0 or 1.1 file (ISO 28500), plain or gzip, one record at a time, told and sought
 * by place. Pages: what the records of several files say about pages, as the crawler would have
 * read them:
 *
 *     const char *paths[] = { "CC-MAIN-0.warc.gz", "CC-MAIN-1.wat.gz" };
 *     struct wit_crawler_archive_config cfg = wit_crawler_archive_config_default();
 *     struct wit_crawler_archive *a = NULL;
 *     struct wit_crawler_archive_page p;
 *     int st;
 *     cfg.paths = paths;
 *     cfg.path_count = 2;
 *     if (wit_crawler_archive_open(&cfg, &a, &err) == 0)
 *         while ((st = wit_crawler_archive_next(a, &p, &err)) > 0)
 *             for (size_t i = 0; !p.reason && i < p.page.pair_count; i++)
 *                 printf("%.*s\n", WIT_STR_FMT(p.page.pairs[i].url));
 *     wit_crawler_archive_close(a);
 *
 * docs/warc.md says which records count, and what of a page a WAT holds. One thread at a time per
 * object.
 */
#ifndef WIT_CRAWLER_WARC_H
#define WIT_CRAWLER_WARC_H

#include "wit_crawler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- records -------------------------------------------------------------------------------- */

/* Ceilings of the header lines of one record, and of the HTTP message in it. */
#define WIT_CRAWLER_WARC_MAX_HEADER_BYTES (256u << 10)
#define WIT_CRAWLER_WARC_MAX_HEADER_LINES 1000u
/* A longer WAT record is refused: its JSON becomes a tree, up to 80 bytes for one of text. */
#define WIT_CRAWLER_WARC_MAX_JSON_BYTES (8u << 20)

/* Where a record stands: at `offset` of the file begins the gzip member that it is in, `inner`
 * bytes of that member's text before it. In a plain file offset alone says it. */
struct wit_crawler_warc_place {
    uint64_t offset, inner;
};

enum wit_crawler_warc_type {
    WIT_CRAWLER_WARC_OTHER, /* warcinfo, request, conversion, continuation, unknown ones */
    WIT_CRAWLER_WARC_RESPONSE,
    WIT_CRAWLER_WARC_RESOURCE,
    WIT_CRAWLER_WARC_METADATA,
    WIT_CRAWLER_WARC_REVISIT
};

/* Views live until the reader moves on. */
struct wit_crawler_warc_record {
    enum wit_crawler_warc_type type;
    struct wit_str target; /* WARC-Target-URI as written, without the <> that 1.0 has; or empty */
    /* "name: value\n" lines, names in lower case, folded lines joined. */
    struct wit_str headers;
    uint64_t block_bytes; /* Content-Length */
    struct wit_crawler_warc_place place;
};

struct wit_crawler_warc;

/* `stream` stays the caller's and must outlive the reader; it may be a pipe, which cannot be
 * sought. `name` is for sentences. WIT_ENOMEM, WIT_EIO; for a path also WIT_ENOTFOUND. *out stays
 * NULL on failure. */
int wit_crawler_warc_open(const char *path, struct wit_crawler_warc **out, struct wit_error *err);
int wit_crawler_warc_open_stream(FILE *stream, const char *name, struct wit_crawler_warc **out,
                                 struct wit_error *err);
void wit_crawler_warc_close(struct wit_crawler_warc *w); /* NULL is fine */

/**
 * The next record; what was not read of the one before is skipped.
 * @return 1; 0 at the end; WIT_EFORMAT: a record is broken, err says "name:offset: what", and the
 *         next call goes on at the next gzip member or line that begins a record, so that a damaged
 *         stretch is one failure; WIT_EIO, WIT_ENOMEM
 */
int wit_crawler_warc_next(struct wit_crawler_warc *w, struct wit_crawler_warc_record *out,
                          struct wit_error *err);

/* Gets the block in pieces. 0: go on; 1: enough, the rest is skipped; negative: stop with this. */
typedef int (*wit_crawler_warc_sink_fn)(void *user, struct wit_str bytes);

/* Hand the block of the current record to `sink`, once, and check that the record ends as its
 * headers and its gzip member say: 0, WIT_EFORMAT (as above: what the sink got is not to be
 * trusted), what the sink returned, WIT_EIO. */
int wit_crawler_warc_block(struct wit_crawler_warc *w, wit_crawler_warc_sink_fn sink, void *user,
                           struct wit_error *err);

/* Of the record or the failure that `next` gave last. */
struct wit_crawler_warc_place wit_crawler_warc_tell(const struct wit_crawler_warc *w);
/* The next record is that at a place told before, in the same file. WIT_EIO (a pipe), WIT_EFORMAT
 * (the place is not in the file). */
int wit_crawler_warc_seek(struct wit_crawler_warc *w, struct wit_crawler_warc_place place,
                          struct wit_error *err);

/* ---- pages ---------------------------------------------------------------------------------- */

struct wit_crawler_archive_config {
    const char *const *paths; /* WARC and WAT files, in any mixture; borrowed until close */
    size_t path_count;
    const char *agent;     /* our product token, for directives addressed to us; borrowed */
    unsigned ignore;       /* enum wit_crawler_ignore (wit_crawler.h) */
    size_t max_page_bytes; /* a longer page is cut there */
};
struct wit_crawler_archive_config wit_crawler_archive_config_default(void); /* witbot, 4 MiB */

/* What one record came to. Views live until the next call. */
struct wit_crawler_archive_page {
    /* Of the page, canonical; as it is written with "bad_url", and then any bytes; empty where a
     * record could not be read so far. */
    struct wit_str url;
    /* NULL: the pairs may be taken. Else why not: "http_404", "not_html", "revisit", "bad_url",
     * "bad_response", "bad_page", "bad_record", "content_encoding", "headers_too_big", or a right
     * ("noai"...): then `page` is filled all the same. */
    const char *reason;
    bool refused_by_rights;       /* reason is about the pairs, not about the record */
    struct wit_crawler_page page; /* its directives hold those of the headers too */
    struct wit_str rights;        /* what the headers say of use, "name: value\n" lines */
    const char *fault;            /* of "bad_record": the sentence, with file and offset */
};

struct wit_crawler_archive;

/* WIT_EINVAL (no paths), WIT_ENOMEM. Files are opened one after the other, when it is their turn.
 */
int wit_crawler_archive_open(const struct wit_crawler_archive_config *cfg,
                             struct wit_crawler_archive **out, struct wit_error *err);
void wit_crawler_archive_close(struct wit_crawler_archive *a); /* NULL is fine */

/* The next record that stands for a page, or that is broken: 1; 0 behind the last file;
 * WIT_ENOTFOUND, WIT_EIO (a file: err names it), WIT_ENOMEM. Records of other kinds are passed
 * over. */
int wit_crawler_archive_next(struct wit_crawler_archive *a, struct wit_crawler_archive_page *out,
                             struct wit_error *err);

/* Behind the last page, to be kept somewhere and sought by a later process with the same files
 * (more may stand behind them). WIT_EINVAL: the position is of other files; WIT_EFORMAT; WIT_EIO.
 */
#define WIT_CRAWLER_ARCHIVE_POSITION_BYTES 40
void wit_crawler_archive_tell(const struct wit_crawler_archive *a,
                              uint8_t out[WIT_CRAWLER_ARCHIVE_POSITION_BYTES]);
int wit_crawler_archive_seek(struct wit_crawler_archive *a,
                             const uint8_t position[WIT_CRAWLER_ARCHIVE_POSITION_BYTES],
                             struct wit_error *err);
/* Of the kind of input and the first file's name: a crawl goes on with files that were put behind
 * others, and the position says whether those are the same. */
struct wit_hash128 wit_crawler_archive_identity(const struct wit_crawler_archive *a);

/* ---- as a crawl's input --------------------------------------------------------------------- */

/* The pages as a feed of wit_crawler_run: an item for each pair, one for each page without any for
 * a reason; rows are records that stand for pages. The archive is borrowed, and read by nobody else
 * meanwhile. complain: told of each broken record; may be NULL. WIT_ENOMEM. */
int wit_crawler_archive_feed_create(struct wit_crawler_archive *archive,
                                    void (*complain)(void *user, const char *sentence), void *user,
                                    struct wit_crawler_feed **out, struct wit_error *err);
void wit_crawler_archive_feed_destroy(struct wit_crawler_feed *feed); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
