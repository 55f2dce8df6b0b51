/*
 * wit_shards.h: what was collected, sealed into shards that can be trusted.
 *
 * Two tiers. A *collector* appends candidates (image URL + words) and fetched images to segment
 * logs under DIR/collect, resumable at every commit. *Sealing* joins, deduplicates, sorts and
 * writes immutable LMDB shards under DIR/shards with DIR/dataset.json beside them. A *dataset* is
 * opened read-only from there. Records are read into the caller's buffer, not mapped: a file that
 * is cut or fails under a reader ends in an error, never in a signal.
 *
 *     struct wit_shards_dataset *ds = NULL;
 *     struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
 *     wit_shards_dataset_open("data", NULL, &ds, &err);
 *     for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++)
 *         for (uint64_t i = 0; i < wit_shards_shard_samples(ds, s); i++) {
 *             struct wit_shards_sample sample;
 *             wit_shards_read(ds, s, i, &buf, &sample, &err);
 *             printf("%u captions, %zu bytes\n", sample.caption_count, sample.image.len);
 *         }
 *     wit_buf_finish(&buf);
 *     wit_shards_dataset_close(ds);
 *
 * docs/formats/shard.md says every byte. Design: the sample key is XXH3-128 of the image bytes as
 * fetched; sample hash = H(key, H(value)); dataset hash = H(format major, samples, sum of sample
 * hashes mod 2^128), so it does not depend on shards, threads, order or interruptions.
 */
#ifndef WIT_SHARDS_H
#define WIT_SHARDS_H

#include "base/wit_base.h"
#include "image/wit_image.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WIT_SHARDS_FORMAT_MAJOR 1u
#define WIT_SHARDS_FORMAT_MINOR 0u

/* Ceilings. A longer field or image is refused with WIT_ELIMIT when it is added. */
#define WIT_SHARDS_MAX_FIELD_BYTES ((size_t)1 << 20)   /* a URL, a text, headers, rights */
#define WIT_SHARDS_MAX_RIGHTS_BYTES 4096u              /* what a candidate's page said of rights */
#define WIT_SHARDS_MAX_IMAGE_BYTES ((size_t)256 << 20) /* one image */
/* Captions of one sample: the ones that sort first stay, so the set decides, not the order. */
#define WIT_SHARDS_MAX_CAPTIONS 65536u
#define WIT_SHARDS_MAX_CAPTION_BYTES                                                               \
    ((size_t)64 << 20) /* of one sample, together, with framing                                    \
                        */
#define WIT_SHARDS_MAX_RECORD_BYTES                                                                \
    (128 + WIT_SHARDS_MAX_CAPTION_BYTES + WIT_SHARDS_MAX_IMAGE_BYTES)
#define WIT_SHARDS_MAX_BITS 16 /* at most 65,536 prefixes */

/* Where a caption stood. Values are on disk: never renumber. */
enum wit_shards_source {
    WIT_SHARDS_ALT = 1,
    WIT_SHARDS_TITLE = 2,
    WIT_SHARDS_FIGCAPTION = 3,
    WIT_SHARDS_OG_DESCRIPTION = 4,
    WIT_SHARDS_LIST = 5,   /* a caption column of a url list */
    WIT_SHARDS_SITEMAP = 6 /* caption or title of the image extension of sitemaps */
};
const char *wit_shards_source_name(enum wit_shards_source s); /* "alt", ... "unknown" */

/* ---- collecting ----------------------------------------------------------------------------- */

/* One place where an image and words stood together. All views are borrowed for the call. */
struct wit_shards_candidate {
    struct wit_str url;  /* canonical absolute image URL, before any redirect, no fragment */
    struct wit_str text; /* UTF-8; empty only of WIT_SHARDS_LIST: a list that names images alone */
    enum wit_shards_source source;
    struct wit_str page;   /* URL of the page, or empty */
    struct wit_str extra;  /* a JSON object: what else a list says of it; or empty */
    struct wit_str digest; /* "sha256:<hex>": what the image's bytes must hash to; or empty */
    struct wit_str rights; /* what the page said of use: "name: value\n" lines; or empty */
};

/* How the bytes of an image differ from those that were fetched. On disk: never renumber. */
enum { WIT_SHARDS_TRANSCODED = 1, WIT_SHARDS_RESIZED = 2 };

/* An image that arrived. */
struct wit_shards_fetched {
    struct wit_str url;         /* the candidate's URL */
    struct wit_str final_url;   /* after redirects */
    struct wit_str bytes;       /* what is stored: the body as fetched, unless `changed` is set */
    struct wit_image_info info; /* of bytes */
    /* WIT_SHARDS_TRANSCODED, _RESIZED or both; 0: the bytes are as fetched and the next three have
     * no meaning. The sample's key is the hash of the bytes as fetched in any case. */
    uint8_t changed;
    struct wit_hash128 fetched_key;         /* of the bytes as fetched */
    uint32_t fetched_width, fetched_height; /* px, as coded */
    int64_t fetched_at_s;                   /* seconds since 1970 */
    struct wit_str headers; /* chosen response headers, "name: value\n" lines; may be empty */
    struct wit_str rights;  /* rights signals seen, same form; may be empty */
};

struct wit_shards_collector; /* one thread at a time; one collector per directory at a time */

/**
 * Open or create DIR/collect. Everything behind the last commit is cut off, so what a killed
 * process had appended since then is forgotten.
 * @return 0, WIT_EEXIST (another live process holds it: err says which), WIT_ECORRUPT, WIT_EIO ...
 */
int wit_shards_collector_open(const char *dir, struct wit_shards_collector **out,
                              struct wit_error *err);
/* Append; durable only after the next commit. Repeats are harmless: everything is a set at sealing.
 * WIT_EINVAL (empty URL, bytes, or text outside a list) and WIT_ELIMIT (a ceiling) add nothing and
 * the collector goes on. After any other failure (WIT_ENOSPC: the disk is full) it takes nothing
 * more: close it, and the same command resumes at the last commit. */
int wit_shards_collector_add_candidate(struct wit_shards_collector *c,
                                       const struct wit_shards_candidate *cand,
                                       struct wit_error *err);
int wit_shards_collector_add_image(struct wit_shards_collector *c,
                                   const struct wit_shards_fetched *image, struct wit_error *err);
/* ... Except for an image that was removed (wit_shards_removed.h), by its key or by where it came
 * from: it is not kept, and its URL ends with the reason "removed". */
struct wit_shards_removed;
/* What was removed when the collector was opened: the collector's. */
const struct wit_shards_removed *wit_shards_collector_removed(const struct wit_shards_collector *c);
/* A URL that ended without an image; reason is a counter name such as "http_404", of which the
 * first 63 bytes are kept. A later reason replaces it, a later image too; an image stays. */
int wit_shards_collector_add_refusal(struct wit_shards_collector *c, struct wit_str url,
                                     struct wit_str reason, struct wit_error *err);
/* A refused URL is as if it had never been asked for: 1; 0: it was not refused. */
int wit_shards_collector_forget_refusal(struct wit_shards_collector *c, struct wit_str url,
                                        struct wit_error *err);
/* How many URLs ended without an image for each reason, in byte order; uncommitted ones too. */
typedef void (*wit_shards_reason_fn)(void *user, struct wit_str reason, uint64_t urls);
int wit_shards_collector_reasons(struct wit_shards_collector *c, wit_shards_reason_fn fn,
                                 void *user, struct wit_error *err);
/* Known outcome of a URL: 1 image stored, 0 nothing known, 2 refused. Sees uncommitted ones too. */
int wit_shards_collector_find(struct wit_shards_collector *c, struct wit_str url);
/* Is this image the one that is stored for the URL? Sees uncommitted ones too. */
bool wit_shards_collector_holds(struct wit_shards_collector *c, struct wit_str url,
                                struct wit_hash128 key);
/* fsync the logs, then commit the index with their lengths. After 0 nothing appended so far is
 * lost. */
int wit_shards_collector_commit(struct wit_shards_collector *c, struct wit_error *err);
/* A random name of this collection, made with it and kept with its first commit: what else lies
 * beside the logs can tell whether it belongs to them. */
struct wit_hash128 wit_shards_collector_id(const struct wit_shards_collector *c);
/* Counts of everything in the logs (committed and not). */
struct wit_shards_collected {
    uint64_t candidates, images, refusals, image_bytes;
};
struct wit_shards_collected wit_shards_collector_totals(const struct wit_shards_collector *c);
void wit_shards_collector_close(struct wit_shards_collector *c); /* does not commit */
/* Does a live process, this one too, hold DIR/collect? */
bool wit_shards_collector_is_open(const char *dir);

/* Every committed candidate in log order (repeats included). fn returns 0 to go on; another value
 * stops and is returned. Usable while a collector is open on the same directory in this process. */
typedef int (*wit_shards_candidate_fn)(void *user, const struct wit_shards_candidate *cand,
                                       struct wit_error *err);
int wit_shards_candidates_each(const char *dir, wit_shards_candidate_fn fn, void *user,
                               struct wit_error *err);
/* The same from a position in the log: 0, or what an earlier call left there. It is moved behind
 * the last candidate that fn was called for. */
int wit_shards_candidates_from(const char *dir, uint64_t *position, wit_shards_candidate_fn fn,
                               void *user, struct wit_error *err);

/* What came of a candidate's image. */
struct wit_shards_outcome {
    int status; /* as wit_shards_collector_find: 1 stored, 2 refused, 0 not asked for yet */
    struct wit_str reason;  /* of a refused one */
    struct wit_hash128 key; /* of a stored one; zero if an earlier version stored it */
    uint32_t width_px, height_px, fetched_width_px, fetched_height_px; /* as stored, as it came */
};
typedef int (*wit_shards_outcome_fn)(void *user, const struct wit_shards_candidate *cand,
                                     const struct wit_shards_outcome *outcome,
                                     struct wit_error *err);
/**
 * Every committed candidate with what came of its image, in log order, each once: one that equals
 * an earlier one in URL, text, source, page and extra was read twice and is left out (told by
 * 64-bit hashes; 12 to 24 bytes of memory for each candidate). Only reads, also while another
 * process collects there: then the candidates are those of the last commit when it began, and an
 * outcome is that of this commit or a later one. fn returns 0 to go on; another value stops and is
 * returned. Views last for the call.
 * @return 0; WIT_ENOTFOUND (no DIR/collect), WIT_ECORRUPT, WIT_EAGAIN (commits come faster than
 *         it can be read), WIT_ENOMEM
 */
int wit_shards_outcomes_each(const char *dir, wit_shards_outcome_fn fn, void *user,
                             struct wit_error *err);

/* ---- sealing -------------------------------------------------------------------------------- */

/* What is done with images when they are sealed. */
enum wit_shards_transcode {
    WIT_SHARDS_TRANSCODE_NONE,    /* stored as they were collected */
    WIT_SHARDS_TRANSCODE_BASELINE /* progressive JPEGs as sequential ones, the same pixels: keys
                                   * stay, stored bytes and the dataset hash change
                                   * (wit_image_transcode.h) */
};

int wit_shards_transcode_parse(struct wit_str name, /* "none", "baseline"; WIT_EINVAL */
                               enum wit_shards_transcode *out);

struct wit_shards_seal_config {
    uint64_t shard_bytes; /* target size of a shard file; decides the number of prefixes */
    int shard_bits;       /* log2 of the number of prefixes; -1: from shard_bytes */
    unsigned threads;     /* 0: one per core */
    /* Bound on what joining images with words holds (three quarters of it at most; 256 KiB at the
     * least); what is more is sorted in temporary files in DIR/shards. The result is the same. */
    uint64_t memory_bytes;
    /* A later seal writes the new and changed samples of a prefix as a further run and hides their
     * old versions, unless it would have more than max_runs runs (1 to 255), or fresh or hidden
     * records are more than rewrite_percent of its bytes: then it is written anew, whole. */
    unsigned max_runs, rewrite_percent;
    enum wit_shards_transcode transcode;
    /* Does this pair stay? NULL keeps all. A failure ends the seal. May be called from several
     * threads at once. */
    int (*keep)(void *user, const struct wit_shards_candidate *cand, bool *keep,
                struct wit_error *err);
    void *user;
    /* JSON value stored in dataset.json as "recipe"; may be empty. It must name everything that
     * keep() depends on beside the logs: a seal whose logs and recipe are those of the last one is
     * taken as unchanged. */
    struct wit_str recipe;
    /* Refuse (WIT_EEXIST) to seal without a recipe what was sealed with one: every pair would come
     * back. */
    bool guard_recipe;
    struct wit_str tool;           /* program and version, stored as "wit" */
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};
struct wit_shards_seal_config wit_shards_seal_config_default(void); /* 1.5 GiB, -1, 0, 1 GiB, 8, 50, all */

struct wit_shards_seal_report {
    uint64_t samples, pairs, image_bytes, shards; /* of the whole dataset afterwards */
    uint64_t dropped_pairs;    /* distinct (url, text) with an image that keep() refused */
    uint64_t duplicate_images; /* URLs whose bytes were already there under another URL */
    uint64_t collisions;       /* URLs whose bytes lost to different ones under the same key, other
                                * than by being stored smaller */
    uint64_t captions_cut;     /* captions over WIT_SHARDS_MAX_CAPTIONS or _CAPTION_BYTES */
    uint64_t spilled_bytes;    /* written to temporary files on the way; 0: all fitted in memory */
    uint64_t removed_images;   /* fetches of the logs that tombstones keep out, and ... */
    uint64_t removed_pairs;    /* ... pairs with words that do (wit_shards_removed.h) */
    uint64_t transcoded;       /* images that are stored sequential and came progressive */
    uint64_t not_transcoded;   /* ones that were to be and are broken, or lack scans */
    bool changed;              /* false: nothing new since the last seal */
    struct wit_hash128 hash;   /* dataset hash */
};

/**
 * Turn DIR/collect into shards under DIR/shards and DIR/dataset.json. Idempotent: killed anywhere
 * and called again it gives the same dataset. The old dataset.json stays valid until the last
 * rename. A prefix whose content did not change keeps its files; the others get a further run or are
 * written anew (max_runs). With shard_bits -1 the number of prefixes stays until shards are twice
 * as large as asked for. A dataset with samples is never replaced by one without, nor by that of
 * another collection: remove its dataset.json first.
 * Memory: memory_bytes, and the texts of one prefix per thread (docs/formats/shard.md).
 * @return 0; WIT_ENOTFOUND (no DIR/collect, or no sample comes out of it where the dataset has
 *         some), WIT_EEXIST (a collector is open on DIR; guard_recipe; the dataset was not made from
 *         this collection), WIT_ENOSPC, WIT_ECORRUPT (names log and byte), WIT_ECANCELED,
 *         WIT_EINVAL (recipe is not JSON) ...; all leave the old dataset
 */
int wit_shards_seal(const char *dir, const struct wit_shards_seal_config *cfg,
                    struct wit_shards_seal_report *report, struct wit_error *err);

/* ---- reading --------------------------------------------------------------------------------- */

struct wit_shards_dataset; /* any number of threads may read */

struct wit_shards_open_options {
    bool skip_hashes; /* do not check a record's hash when it is read (benchmarks) */
};

/**
 * Read dataset.json, of a sealed dataset or one in place (wit_shards_index), and check that its
 * shards are there in the sizes it says; a shard is opened and checked (meta pages, page graph, key
 * order; this yields the ordinal table, 32 bytes a sample) at its first use. options may be NULL.
 * @return 0; WIT_ENOTFOUND, WIT_EFORMAT, WIT_ECORRUPT with the file and the fault in err
 */
int wit_shards_dataset_open(const char *dir, const struct wit_shards_open_options *options,
                            struct wit_shards_dataset **out, struct wit_error *err);
void wit_shards_dataset_close(struct wit_shards_dataset *ds);

uint64_t wit_shards_dataset_samples(const struct wit_shards_dataset *ds);
uint64_t wit_shards_dataset_pairs(const struct wit_shards_dataset *ds);
struct wit_hash128 wit_shards_dataset_hash(const struct wit_shards_dataset *ds);
size_t wit_shards_dataset_shards(const struct wit_shards_dataset *ds);

struct wit_shards_shard_info {
    const char *file; /* relative to DIR/shards; lives as long as the dataset */
    /* Where samples lie in tars file_bytes is that of the index, and prefix the tar's number. */
    uint64_t samples, pairs, file_bytes, image_bytes;
    uint64_t hidden;      /* further records of the file that are no part of the dataset */
    uint32_t prefix, run; /* a prefix may have several runs; each key is in one of them at most */
    struct wit_hash128 file_hash;
};
void wit_shards_shard_info(const struct wit_shards_dataset *ds, size_t shard,
                           struct wit_shards_shard_info *out);
uint64_t wit_shards_shard_samples(const struct wit_shards_dataset *ds, size_t shard);

struct wit_shards_caption {
    struct wit_str text;
    enum wit_shards_source source;
};

/* Views into the buffer given to wit_shards_read: valid until it changes. */
struct wit_shards_sample {
    struct wit_hash128 key;
    struct wit_hash128 hash; /* sample hash; zero under skip_hashes */
    struct wit_image_info info;
    uint8_t changed;      /* WIT_SHARDS_TRANSCODED, _RESIZED: the key is not the hash of `image` */
    struct wit_str image; /* bytes as stored */
    struct wit_str value; /* the whole record */
    uint32_t caption_count; /* >= 1 */
};

/**
 * Read record `index` of a shard (key order; where samples lie in tars, that of the tar) and check
 * its hashes.
 * @param buf  replaced by the record and kept by the caller; reuse it (one per thread) and nothing
 *             is allocated in the long run
 * @return 0; WIT_ECORRUPT or WIT_EIO names shard, index and fault; WIT_ELIMIT when buf's ceiling is
 *         lower than the record. Any thread.
 */
int wit_shards_read(struct wit_shards_dataset *ds, size_t shard, uint64_t index,
                    struct wit_buf *buf, struct wit_shards_sample *out, struct wit_error *err);
/* Caption i < caption_count, in stored order (bytes, then source); walks over those before it. */
struct wit_shards_caption wit_shards_sample_caption(const struct wit_shards_sample *s, uint32_t i);
/* All captions in stored order, one step each: while (wit_shards_caption_next(&it, &c)) ... */
struct wit_shards_caption_iter {
    const struct wit_shards_sample *sample;
    uint32_t next;
    size_t at;
};
struct wit_shards_caption_iter wit_shards_captions(const struct wit_shards_sample *s);
bool wit_shards_caption_next(struct wit_shards_caption_iter *it, struct wit_shards_caption *out);
/* The key of record `index` of a shard, without reading the record. WIT_EINVAL (no such record), or
 * what opening the shard says. Any thread. */
int wit_shards_key(struct wit_shards_dataset *ds, size_t shard, uint64_t index,
                   struct wit_hash128 *out, struct wit_error *err);
/* Where a key is; WIT_ENOTFOUND. */
int wit_shards_find(struct wit_shards_dataset *ds, struct wit_hash128 key, size_t *shard,
                    uint64_t *index, struct wit_error *err);
/* Origins of a sample, appended to out: one JSON object a line for each URL it came from, by URL:
 * {"url","final_url","fetched_at_s","headers","rights","seen":[{"caption","page"}],"seen_total"};
 * an entry of "seen" has "extra" and "rights" too where the candidate had them, and an image that
 * is not stored as it was fetched has "fetched":{"width","height"}.
 */
int wit_shards_origin(struct wit_shards_dataset *ds, struct wit_hash128 key, struct wit_buf *out,
                      struct wit_error *err);
/* Start reading records [from, from + count) from disk; a hint. */
void wit_shards_prefetch(struct wit_shards_dataset *ds, size_t shard, uint64_t from,
                         uint64_t count);
/* Close a shard that is not needed for now; it is opened again at its next use. Any thread. */
void wit_shards_shard_release(struct wit_shards_dataset *ds, size_t shard);

/* ---- checking ---------------------------------------------------------------------------------
 */

struct wit_shards_fault {
    const char *file; /* "dataset.json" or a shard file name */
    const char *text; /* what is wrong with it */
};

/* How much of a shard is looked at. */
enum wit_shards_verify_depth {
    WIT_SHARDS_VERIFY_FULL, /* every byte, every hash; nothing that is remembered is believed */
    WIT_SHARDS_VERIFY_FAST, /* size, meta pages, page graph, keys and their order; no values */
    WIT_SHARDS_VERIFY_NEW   /* fully what is not remembered as checked and untouched, else fast */
};

/* One shard when its turn has come: what could be read of it, and how many faults it has. */
struct wit_shards_checked {
    const char *file;
    uint64_t samples, pairs, bytes, bad; /* where it was not read in full: pairs as dataset.json has
                                          * them */
    bool full;                           /* every byte was read */
    /* When its hash was last found right, seconds since 1970, if the file has not been written to
     * since; 0: never, as far as is remembered. */
    int64_t checked_at_s;
};

/* The callbacks come in the thread of wit_shards_verify, shard by shard in order, faults first. */
struct wit_shards_verify_options {
    unsigned threads;                                                      /* 0: one per core */
    void (*fault)(void *user, const struct wit_shards_fault *fault);       /* may be NULL */
    void (*checked)(void *user, const struct wit_shards_checked *checked); /* may be NULL */
    void *user;
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
    enum wit_shards_verify_depth depth;
    /* Keep in DIR/shards/verified.json which files were read in full and found right, and how they
     * looked (size, times, inode); where that can't be written, nothing is kept. */
    bool remember;
};

struct wit_shards_verify_report {
    uint64_t samples, pairs, bytes; /* of what could be read */
    uint64_t bad;                   /* faults reported */
    uint64_t shards, full;          /* how many, and how many of them were read in full */
    uint64_t remembered;            /* of the others: whose hash was checked before */
};
/**
 * Check manifest, file sizes, page graphs, file hashes, every record hash, key order, prefixes,
 * image keys (hash of the bytes), origins, counts and the dataset hash. Goes on after a fault and
 * reports all (of one shard at most 100 in words). options->depth says less: a shard that is not
 * read in full may hold other bytes in its values than it should, and only what reads them (every
 * record is checked then) or a full verify will tell.
 * @param options  may be NULL
 * @return 0 all well, WIT_ECORRUPT at least one fault (err tells the first), others: could not
 * check
 */
int wit_shards_verify(const char *dir, const struct wit_shards_verify_options *options,
                      struct wit_shards_verify_report *report, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
