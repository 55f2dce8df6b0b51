/* job.c: libcyaml's schema of the job file. With job_complaint.c and job_place.c the only place
 * that knows libcyaml.
 */
#include "job.h"

#include "job_complaint.h"
#include "job_place.h"
#include "wit_shards.h"

#include <stdlib.h>

/* Those of YAML 1.1. */
static const cyaml_strval_t bool_words[] = { { "true", 1 },  { "yes", 1 }, { "on", 1 },
                                             { "false", 0 }, { "no", 0 },  { "off", 0 } };

static const cyaml_schema_value_t string_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, WIT_PATH_MAX),
};

#define OPTIONAL_STRING(key, type, member)                                                         \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1,         \
                           WIT_PATH_MAX)
#define OPTIONAL_STRINGS(key, type, member)                                                        \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member,              \
                         &string_schema, 0, JOB_MAX_LIST)
#define OPTIONAL_UINT(key, type, member)                                                           \
    CYAML_FIELD_UINT_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member)
/* A BOOL of libcyaml takes every word that it does not know for true. */
#define OPTIONAL_BOOL(key, type, member)                                                           \
    CYAML_FIELD_ENUM_PTR(key,                                                                      \
                         CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT |            \
                             CYAML_FLAG_CASE_INSENSITIVE,                                          \
                         type, member, bool_words, CYAML_ARRAY_LEN(bool_words))
#define OPTIONAL_REAL(key, type, member)                                                           \
    CYAML_FIELD_FLOAT_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member)

static const cyaml_schema_field_t host_fields[] = {
    CYAML_FIELD_STRING_PTR("host", CYAML_FLAG_POINTER, struct job_host, host, 1, 255),
    OPTIONAL_UINT("delay_ms", struct job_host, delay_ms),
    OPTIONAL_UINT("concurrency", struct job_host, concurrency),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t host_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct job_host, host_fields),
};

static const cyaml_schema_field_t list_fields[] = {
    CYAML_FIELD_SEQUENCE("files", CYAML_FLAG_POINTER, struct job_list, files, &string_schema, 1,
                         JOB_MAX_LIST),
    OPTIONAL_STRING("format", struct job_list, format),
    OPTIONAL_STRING("url_col", struct job_list, url_col),
    OPTIONAL_STRINGS("caption_cols", struct job_list, caption_cols),
    OPTIONAL_STRINGS("keep_cols", struct job_list, keep_cols),
    OPTIONAL_STRINGS("lang", struct job_list, lang),
    OPTIONAL_BOOL("need_caption", struct job_list, need_caption),
    OPTIONAL_STRING("verify_hash", struct job_list, verify_hash),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t images_fields[] = {
    OPTIONAL_STRING("resize", struct job_images, resize),
    OPTIONAL_STRING("resize_mode", struct job_images, resize_mode),
    OPTIONAL_BOOL("resize_only_if_bigger", struct job_images, resize_only_if_bigger),
    OPTIONAL_STRING("encode", struct job_images, encode),
    OPTIONAL_STRING("encode_quality", struct job_images, encode_quality),
    OPTIONAL_BOOL("skip_reencode", struct job_images, skip_reencode),
    OPTIONAL_STRING("min_image_size", struct job_images, min_image_size),
    OPTIONAL_STRING("max_image_area", struct job_images, max_image_area),
    OPTIONAL_STRING("max_aspect_ratio", struct job_images, max_aspect_ratio),
    OPTIONAL_STRING("verify", struct job_images, verify),
    OPTIONAL_STRING("image_threads", struct job_images, image_threads),
    OPTIONAL_STRINGS("block_hashes", struct job_images, block_hashes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t crawl_fields[] = {
    OPTIONAL_STRINGS("seeds", struct job_crawl, seeds),
    OPTIONAL_STRINGS("seed_files", struct job_crawl, seed_files),
    CYAML_FIELD_MAPPING_PTR("list", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct job_crawl,
                            list, list_fields),
    OPTIONAL_STRINGS("archives", struct job_crawl, archives),
    CYAML_FIELD_MAPPING_PTR("images", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct job_crawl,
                            images, images_fields),
    OPTIONAL_STRINGS("scope", struct job_crawl, scope),
    OPTIONAL_STRINGS("allow_net", struct job_crawl, allow_net),
    CYAML_FIELD_SEQUENCE("hosts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct job_crawl, hosts,
                         &host_schema, 0, JOB_MAX_LIST),
    OPTIONAL_STRINGS("obey_agents", struct job_crawl, obey_agents),
    OPTIONAL_STRINGS("ignore", struct job_crawl, ignore),
    OPTIONAL_STRING("user_agent", struct job_crawl, user_agent),
    OPTIONAL_STRING("contact", struct job_crawl, contact),
    OPTIONAL_STRING("dns", struct job_crawl, dns),
    OPTIONAL_STRING("metrics", struct job_crawl, metrics),
    OPTIONAL_STRING("retry_failed", struct job_crawl, retry_failed),
    OPTIONAL_UINT("reactors", struct job_crawl, reactors),
    OPTIONAL_UINT("delay_ms", struct job_crawl, delay_ms),
    OPTIONAL_UINT("concurrency", struct job_crawl, concurrency),
    OPTIONAL_UINT("max_pages", struct job_crawl, max_pages),
    OPTIONAL_UINT("max_depth", struct job_crawl, max_depth),
    OPTIONAL_UINT("max_in_flight", struct job_crawl, max_in_flight),
    OPTIONAL_BOOL("sitemaps", struct job_crawl, sitemaps),
    OPTIONAL_UINT("max_pages_per_domain", struct job_crawl, max_pages_per_domain),
    OPTIONAL_UINT("max_barren_pages", struct job_crawl, max_barren_pages),
    OPTIONAL_UINT("ip_delay_ms", struct job_crawl, ip_delay_ms),
    OPTIONAL_UINT("max_rate", struct job_crawl, max_rate),
    OPTIONAL_UINT("max_bandwidth", struct job_crawl, max_bandwidth),
    OPTIONAL_UINT("max_rests", struct job_crawl, max_rests),
    OPTIONAL_UINT("retries", struct job_crawl, retries),
    OPTIONAL_BOOL("rounds", struct job_crawl, rounds),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t hygiene_fields[] = {
    OPTIONAL_STRINGS("off", struct job_hygiene, off),
    OPTIONAL_UINT("min_letters", struct job_hygiene, min_letters),
    OPTIONAL_UINT("max_bytes", struct job_hygiene, max_bytes),
    OPTIONAL_STRING("blocklist", struct job_hygiene, blocklist),
    OPTIONAL_STRING("langs", struct job_hygiene, langs),
    OPTIONAL_UINT("lang_letters", struct job_hygiene, lang_letters),
    OPTIONAL_UINT("boilerplate_pages", struct job_hygiene, boilerplate_pages),
    OPTIONAL_REAL("boilerplate_share", struct job_hygiene, boilerplate_share),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t filter_fields[] = {
    OPTIONAL_STRING("allowlist", struct job_filter, allowlist),
    OPTIONAL_STRING("wordnet", struct job_filter, wordnet),
    OPTIONAL_STRINGS("words", struct job_filter, words),
    OPTIONAL_UINT("size", struct job_filter, size),
    OPTIONAL_UINT("per_query", struct job_filter, per_query),
    OPTIONAL_UINT("seed", struct job_filter, seed),
    CYAML_FIELD_MAPPING_PTR("hygiene", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct job_filter,
                            hygiene, hygiene_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t shards_fields[] = {
    OPTIONAL_UINT("shard_bytes", struct job_shards, shard_bytes),
    OPTIONAL_UINT("bits", struct job_shards, bits),
    OPTIONAL_UINT("threads", struct job_shards, threads),
    OPTIONAL_STRING("transcode", struct job_shards, transcode),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t train_fields[] = {
    OPTIONAL_STRING("model", struct job_train, model),
    OPTIONAL_STRING("vocab", struct job_train, vocab),
    OPTIONAL_UINT("batch", struct job_train, batch),
    OPTIONAL_UINT("steps", struct job_train, steps),
    OPTIONAL_UINT("warmup", struct job_train, warmup),
    OPTIONAL_UINT("seed", struct job_train, seed),
    OPTIONAL_UINT("threads", struct job_train, threads),
    OPTIONAL_REAL("lr", struct job_train, lr),
    OPTIONAL_REAL("weight_decay", struct job_train, weight_decay),
    CYAML_FIELD_END,
};

#define PART(key, member, flags, type, fields)                                                     \
    CYAML_FIELD_MAPPING_PTR(key, CYAML_FLAG_POINTER | (flags), struct job, member, fields)

static const cyaml_schema_field_t job_fields[] = {
    OPTIONAL_STRING("out", struct job, out),
    PART("crawl", crawl, CYAML_FLAG_DEFAULT, struct job_crawl, crawl_fields),
    PART("filter", filter, CYAML_FLAG_OPTIONAL, struct job_filter, filter_fields),
    PART("shards", shards, CYAML_FLAG_OPTIONAL, struct job_shards, shards_fields),
    PART("train", train, CYAML_FLAG_OPTIONAL, struct job_train, train_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t job_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct job, job_fields),
};

static cyaml_config_t config_of(struct job_complaint *complaint) {
    return (cyaml_config_t){
        .log_fn = job_complaint_note,
        .log_ctx = complaint,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS, /* aliases can make a small file grow without end */
    };
}

struct range {
    const char *key;
    const uint64_t *value; /* NULL: absent */
    uint64_t least, most;
};

/* The text of a job, for what is wrong with it. */
struct source {
    struct wit_str yaml;
    const char *name;
};

/* libcyaml reads "-1" as 2^64 - 1, so the upper ends also catch negative numbers. `entry`: of a
 * sequence on the way to the keys. */
static int ranges_check(const struct range *ranges, size_t count, const struct source *from,
                        unsigned entry, struct wit_error *err) {
    for (size_t i = 0; i < count; i++) {
        const struct range *r = &ranges[i];
        if (r->value && (*r->value < r->least || *r->value > r->most))
            return wit_error_set(
                err, WIT_EFORMAT,
                "%s: line %llu: key '%s': it must be a whole number from %llu to %llu, not %lld",
                from->name, (unsigned long long)job_place_line(from->yaml, r->key, entry), r->key,
                (unsigned long long)r->least, (unsigned long long)r->most, (long long)*r->value);
    }
    return 0;
}

#define DAY_MS ((uint64_t)24 * 60 * 60 * 1000)
#define ANY ((uint64_t)INT64_MAX)

static int numbers_check(const struct job *job, const struct source *from, struct wit_error *err) {
    static const struct job_filter no_filter;
    static const struct job_hygiene no_hygiene;
    static const struct job_shards no_shards;
    static const struct job_train no_train;
    const struct job_crawl *crawl = job->crawl;
    const struct job_filter *filter = job->filter ? job->filter : &no_filter;
    const struct job_hygiene *hygiene = filter->hygiene ? filter->hygiene : &no_hygiene;
    const struct job_shards *shards = job->shards ? job->shards : &no_shards;
    const struct job_train *train = job->train ? job->train : &no_train;
    const struct range ranges[] = {
        { "crawl.reactors", crawl->reactors, 1, 256 },
        { "crawl.delay_ms", crawl->delay_ms, 0, DAY_MS },
        { "crawl.concurrency", crawl->concurrency, 1, 1024 },
        { "crawl.max_pages", crawl->max_pages, 1, ANY },
        { "crawl.max_depth", crawl->max_depth, 0, 65535 },
        { "crawl.max_in_flight", crawl->max_in_flight, 1, 65536 },
        { "crawl.max_pages_per_domain", crawl->max_pages_per_domain, 0, ANY },
        { "crawl.max_barren_pages", crawl->max_barren_pages, 0, UINT32_MAX },
        { "crawl.ip_delay_ms", crawl->ip_delay_ms, 0, 3600000 },
        { "crawl.max_rate", crawl->max_rate, 0, 1000000 },
        { "crawl.max_bandwidth", crawl->max_bandwidth, 0, ANY },
        { "crawl.max_rests", crawl->max_rests, 0, 1000 },
        { "crawl.retries", crawl->retries, 0, 100 },
        { "filter.size", filter->size, 1, 4000000 },
        { "filter.per_query", filter->per_query, 1, ANY },
        { "filter.seed", filter->seed, 0, ANY },
        { "filter.hygiene.min_letters", hygiene->min_letters, 0, UINT32_MAX },
        { "filter.hygiene.max_bytes", hygiene->max_bytes, 1, UINT32_MAX },
        { "filter.hygiene.lang_letters", hygiene->lang_letters, 0, UINT32_MAX },
        { "filter.hygiene.boilerplate_pages", hygiene->boilerplate_pages, 2, UINT32_MAX },
        { "shards.shard_bytes", shards->shard_bytes, 1 << 16, (uint64_t)1 << 40 },
        { "shards.bits", shards->bits, 0, 16 },
        { "shards.threads", shards->threads, 0, 1024 },
        { "train.batch", train->batch, 2, 1 << 20 },
        { "train.steps", train->steps, 1, ANY },
        { "train.warmup", train->warmup, 0, ANY },
        { "train.seed", train->seed, 0, ANY },
        { "train.threads", train->threads, 0, 1024 },
    };
    int st = ranges_check(ranges, WIT_COUNT_OF(ranges), from, 0, err);
    for (unsigned i = 0; i < crawl->hosts_count && st >= 0; i++) {
        const struct range host[] = {
            { "crawl.hosts.delay_ms", crawl->hosts[i].delay_ms, 0, DAY_MS },
            { "crawl.hosts.concurrency", crawl->hosts[i].concurrency, 1, 65536 },
        };
        st = ranges_check(host, WIT_COUNT_OF(host), from, i, err);
    }
    return st;
}

static int job_check(const struct job *job, const struct source *from, struct wit_error *err) {
    const char *name = from->name;
    const struct job_crawl *crawl = job->crawl;
    if (crawl->seeds_count + crawl->seed_files_count + crawl->archives_count == 0 && !crawl->list)
        return wit_error_set(err, WIT_EFORMAT,
                             "%s: crawl: neither seeds, seed_files, archives nor a list are given",
                             name);
    if (crawl->archives_count && crawl->list)
        return wit_error_set(err, WIT_EFORMAT,
                             "%s: crawl: archives and a list are inputs of a job each", name);
    const struct job_filter *filter = job->filter;
    if (filter && filter->allowlist && (filter->wordnet || filter->words_count))
        return wit_error_set(
            err, WIT_EFORMAT,
            "%s: filter: allowlist names a finished list, so wordnet and words have "
            "no use beside it",
            name);
    if (filter && !job_has_list(job) && !filter->hygiene)
        return wit_error_set(err, WIT_EFORMAT,
                             "%s: filter: give allowlist, or wordnet and words to build one from, "
                             "or hygiene",
                             name);
    if (filter && !job_has_list(job) && (filter->size || filter->per_query || filter->seed))
        return wit_error_set(err, WIT_EFORMAT,
                             "%s: filter: size, per_query and seed have no use without a list",
                             name);
    const double *share = filter && filter->hygiene ? filter->hygiene->boilerplate_share : NULL;
    if (share && !(*share >= 0 && *share < 1))
        return wit_error_set(err, WIT_EFORMAT,
                             "%s: key 'filter.hygiene.boilerplate_share': it must be 0 or more and "
                             "below 1, not %g",
                             name, *share);
    enum wit_shards_transcode transcode;
    if (job->shards && job->shards->transcode &&
        wit_shards_transcode_parse(wit_str_from(job->shards->transcode), &transcode) < 0)
        return wit_error_set(err, WIT_EFORMAT,
                             "%s: shards: transcode: '%s' is not none or baseline", name,
                             job->shards->transcode);
    return numbers_check(job, from, err);
}

int job_parse(struct wit_str yaml, const char *name, struct job **out, struct wit_error *err) {
    struct job_complaint complaint = { .what = "" };
    cyaml_config_t config = config_of(&complaint);
    struct job *job = NULL;
    if (yaml.len == 0 || yaml.len > JOB_MAX_BYTES)
        return wit_error_set(err, WIT_EFORMAT, "%s: a job file has 1 to %zu bytes, this has %zu",
                             name, JOB_MAX_BYTES, yaml.len);
    cyaml_err_t failed = cyaml_load_data((const uint8_t *)yaml.data, yaml.len, &config, &job_schema,
                                         (cyaml_data_t **)&job, NULL);
    if (failed != CYAML_OK)
        return job_complaint_tell(&complaint, failed, name, yaml, err);
    if (!job)
        return wit_error_set(err, WIT_EFORMAT, "%s: the job file is empty", name);
    const struct source from = { yaml, name };
    int st = job_check(job, &from, err);
    if (st < 0)
        job_destroy(job);
    else
        *out = job;
    return st;
}

int job_load(const char *path, struct job **out, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(JOB_MAX_BYTES);
    int st = wit_file_read(path, &text, err);
    if (st >= 0)
        st = job_parse(wit_buf_view(&text), path, out, err);
    wit_buf_finish(&text);
    return st;
}

void job_destroy(struct job *job) {
    struct job_complaint ignored = { .what = "" };
    cyaml_config_t config = config_of(&ignored);
    if (job)
        cyaml_free(&config, &job_schema, job, 0);
}
