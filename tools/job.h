/*
 * job.h: the YAML file of `wit build`, read into a struct. Unknown keys, wrong types and numbers
 * out of range are errors with a sentence; what is absent keeps the default of the part it belongs
 * to. docs/man/wit-build.1.scd describes every key.
 */
#ifndef WIT_JOB_H
#define WIT_JOB_H

#include "base/wit_base.h"

#define JOB_MAX_BYTES ((size_t)1 << 20)
#define JOB_MAX_LIST 100000u

struct job_host {
    char *host;            /* registrable domain or IP literal */
    uint64_t *delay_ms;    /* NULL: as `delay_ms` of crawl */
    uint64_t *concurrency; /* NULL: as `concurrency` of crawl */
};

struct job_list {
    char **files; /* lists of image URLs, and folders of them */
    unsigned files_count;
    char *format; /* as --list-format */
    char *url_col;
    char **caption_cols; /* of the wit format: reference, attribution, ... */
    unsigned caption_cols_count;
    char **keep_cols;
    unsigned keep_cols_count;
    char **lang;
    unsigned lang_count;
    bool *need_caption;
    char *verify_hash; /* COLUMN:TYPE */
};

/* As the options of `wit crawl` with these names, and as text like them. */
struct job_images {
    char *resize, *resize_mode, *encode, *encode_quality, *min_image_size, *max_image_area,
        *max_aspect_ratio, *verify, *image_threads;
    bool *resize_only_if_bigger, *skip_reencode;
    char **block_hashes; /* files */
    unsigned block_hashes_count;
};

struct job_crawl {
    char **seeds; /* URLs of pages to begin with */
    unsigned seeds_count;
    char **seed_files; /* files with a URL a line */
    unsigned seed_files_count;
    char **scope; /* URL prefixes that pages must begin with; none: the hosts of the seeds */
    unsigned scope_count;
    char **allow_net; /* CIDRs that the address policy lets through */
    unsigned allow_net_count;
    char **obey_agents; /* product tokens, or "ai" */
    unsigned obey_agents_count;
    char **ignore; /* signals, as --ignore of wit crawl */
    unsigned ignore_count;
    struct job_list *list; /* NULL: none */
    char **archives;       /* WARC and WAT files */
    unsigned archives_count;
    struct job_images *images; /* NULL: stored as fetched */
    struct job_host *hosts;
    unsigned hosts_count;
    char *user_agent, *contact;
    char *dns, *metrics, *retry_failed; /* as --dns, --metrics, --retry-failed=... */
    uint64_t *reactors, *delay_ms, *concurrency, *max_pages, *max_depth, *max_in_flight;
    bool *sitemaps, *rounds;
    uint64_t *max_pages_per_domain, *max_barren_pages;
    uint64_t *ip_delay_ms, *max_rate, *max_bandwidth, *max_rests, *retries;
};

/* Rules of captions, as the options of `wit filter clean`. */
struct job_hygiene {
    char **off; /* names of rules */
    unsigned off_count;
    uint64_t *min_letters, *max_bytes, *lang_letters, *boilerplate_pages;
    double *boilerplate_share;
    char *blocklist; /* a list, as allowlist takes */
    char *langs;     /* codes parted by commas */
};

struct job_filter {
    char *allowlist; /* a file: text or JSON list; or built from the keys below */
    char *wordnet;   /* directory with WordNet's data files */
    char **words;    /* files with an entry a line */
    unsigned words_count;
    uint64_t *size, *per_query, *seed;
    struct job_hygiene *hygiene; /* NULL: no rule is asked */
};

struct job_shards {
    uint64_t *shard_bytes, *bits, *threads;
    char *transcode; /* "none", "baseline" */
};

struct job_train {
    char *model; /* a preset's name or a config file */
    char *vocab; /* bpe_simple_vocab_16e6.txt.gz */
    uint64_t *batch, *steps, *warmup, *seed, *threads;
    double *lr, *weight_decay;
};

struct job {
    char *out; /* directory of the dataset */
    struct job_crawl *crawl;
    struct job_filter *filter; /* NULL: everything is kept */
    struct job_shards *shards; /* NULL: defaults */
    struct job_train *train;   /* NULL: stop after sealing */
};

/* Parse YAML text; name (a path) begins the sentence of an error. *out is freed by job_destroy.
 * WIT_EFORMAT, WIT_ENOMEM. */
int job_parse(struct wit_str yaml, const char *name, struct job **out, struct wit_error *err);
int job_load(const char *path, struct job **out, struct wit_error *err);
void job_destroy(struct job *job);

/* Is there a list of queries, or what one is built from? */
static inline bool job_has_list(const struct job *job) {
    return job->filter &&
           (job->filter->allowlist || job->filter->wordnet || job->filter->words_count);
}

static inline uint64_t job_uint(const uint64_t *value, uint64_t otherwise) {
    return value ? *value : otherwise;
}
static inline double job_real(const double *value, double otherwise) {
    return value ? *value : otherwise;
}

#endif
