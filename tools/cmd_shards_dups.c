/* wit shards dups: clusters of images that look the same, the largest first. */
#include "cli.h"
#include "cmd_shards_near.h"
#include "json_line.h"
#include "wit_shards_near.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

static const char help[] =
    "usage: wit shards dups DIR... [--distance N] [--quality N] [--urls] [--remove-to FILE]\n"
    "                       [--threads N] [--json]\n"
    "\n"
    "Lists clusters of images that look the same, the largest first; of each image key, size,\n"
    "distance and first caption. Nothing is removed. Several datasets are compared as one.\n"
    "Every image is decoded once; what that gave is kept beside the shards.\n"
    "\n"
    "  --distance N      most bits of 256 that two images may differ in, 0 to 63, default 36\n"
    "  --quality N       images with less to compare are left out, 0 to 100, default 5\n"
    "  --urls            the URLs of each image, too\n"
    "  --remove-to FILE  write the keys of all but the best of each cluster there, one a line, "
    "for\n"
    "                    'wit shards remove --keys FILE'; takes one dataset\n"
    "  --threads N       default: one per core\n"
    "  --json            a JSON object for each cluster, and one at the end\n"
    "  --help            this page\n"
    "\n"
    "The best: most pixels, then most bytes, then the lowest key.\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted, resumable\n";

/* One line: a cluster whose every member may have a caption and URLs. */
#define LINE_MAX_BYTES ((size_t)1 << 31)
#define ORIGINS_MAX_BYTES ((size_t)1 << 30)
enum { CAPTION_SHOWN_BYTES = 60, DATASETS_MOST = 64 };

struct options {
    struct wit_shards_near_config near;
    const char *remove_to;
    char **dirs;
    int dir_count;
    bool urls, json, helped;
};

struct dups {
    const struct options *o;
    struct wit_shards_dataset *datasets[DATASETS_MOST];
    uint32_t ends[DATASETS_MOST];  /* looks of dataset d end here */
    struct wit_shards_look *looks; /* of all datasets */
    uint32_t count;
    uint32_t *cluster; /* least index of the cluster of each */
    uint32_t *members; /* of clusters of two and more, cluster by cluster, the largest first */
    uint32_t member_count;
    struct json_line line;
    struct wit_buf record, origins, removals;
    struct wit_progress progress;
};

/* ---- hashes --------------------------------------------------------------------------------- */

static void on_progress(void *user, uint64_t done, uint64_t total) {
    struct wit_progress *p = user;
    p->total = total;
    wit_progress_update(p, done, 0, NULL);
}

static int looks_add(struct dups *d, int index, struct wit_error *err) {
    const struct wit_shards_looks_options options = { .threads = d->o->near.threads,
                                                      .progress = on_progress,
                                                      .user = &d->progress,
                                                      .interrupt = cli_interrupt_flag() };
    const char *dir = d->o->dirs[index];
    struct wit_shards_look *more = NULL;
    uint64_t count = 0;
    int st = wit_shards_looks(dir, &options, &more, &count, err);
    if (st < 0)
        return st;
    struct wit_shards_look *all = NULL;
    if (count + d->count >= UINT32_MAX)
        st = wit_error_set(err, WIT_ELIMIT, "more samples than can be compared, with %s", dir);
    else if (!(all = wit_realloc_array(d->looks, d->count + (size_t)count + 1, sizeof *all)))
        st = wit_error_set(err, WIT_ENOMEM, "no memory for the hashes of %s", dir);
    if (all) {
        d->looks = all;
        memcpy(all + d->count, more, (size_t)count * sizeof *more);
        d->count += (uint32_t)count;
        d->ends[index] = d->count;
        st = wit_shards_dataset_open(dir, NULL, &d->datasets[index], err);
    }
    free(more);
    return st;
}

static int dataset_of(const struct dups *d, uint32_t i) {
    int index = 0;
    while (i >= d->ends[index])
        index++;
    return index;
}

/* ---- clusters ------------------------------------------------------------------------------- */

struct order {
    const uint32_t *cluster, *sizes;
    const struct wit_shards_look *looks;
};

/* Large clusters first, of equal size the one that begins first; the best member first. */
static int order_member(const void *a, const void *b, void *user) {
    const struct order *o = user;
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const uint32_t x = o->cluster[i], y = o->cluster[j];
    if (x != y)
        return o->sizes[x] != o->sizes[y] ? (o->sizes[x] > o->sizes[y] ? -1 : 1) : (x < y ? -1 : 1);
    if (wit_shards_look_is_better(&o->looks[i], &o->looks[j]))
        return -1;
    if (wit_shards_look_is_better(&o->looks[j], &o->looks[i]))
        return 1;
    return i < j ? -1 : i > j;
}

static int clusters_make(struct dups *d, struct wit_error *err) {
    uint32_t *sizes = wit_alloc_array((size_t)d->count + 1, sizeof *sizes);
    d->cluster = wit_alloc_array((size_t)d->count + 1, sizeof *d->cluster);
    d->members = wit_alloc_array((size_t)d->count + 1, sizeof *d->members);
    int st = sizes && d->cluster && d->members
                 ? 0
                 : wit_error_set(err, WIT_ENOMEM, "no memory for clusters of %u images", d->count);
    if (st >= 0)
        st = wit_shards_near_clusters(d->looks, d->count, &d->o->near, d->cluster, err);
    for (uint32_t i = 0; i < d->count && st >= 0; i++)
        sizes[d->cluster[i]]++;
    for (uint32_t i = 0; i < d->count && st >= 0; i++)
        if (sizes[d->cluster[i]] > 1)
            d->members[d->member_count++] = i;
    struct order order = { d->cluster, sizes, d->looks };
    if (st >= 0)
        qsort_r(d->members, d->member_count, sizeof *d->members, order_member, &order);
    free(sizes);
    return st;
}

/* ---- printing ------------------------------------------------------------------------------- */

/* The first caption, in d->record, and with --urls the origins, in d->origins. */
static int member_read(struct dups *d, uint32_t i, struct wit_str *caption, struct wit_error *err) {
    struct wit_shards_dataset *ds = d->datasets[dataset_of(d, i)];
    struct wit_shards_sample sample;
    size_t shard;
    uint64_t index;
    int st = wit_shards_find(ds, d->looks[i].key, &shard, &index, err);
    if (st >= 0)
        st = wit_shards_read(ds, shard, index, &d->record, &sample, err);
    if (st >= 0)
        *caption = wit_shards_sample_caption(&sample, 0).text;
    wit_buf_reset(&d->origins);
    if (st >= 0 && d->o->urls)
        st = wit_shards_origin(ds, d->looks[i].key, &d->origins, err);
    return st;
}

/* Calls back with each URL of the origins that were read. */
static int urls_each(const struct dups *d, void (*fn)(void *user, struct wit_str url), void *user,
                     struct wit_error *err) {
    const struct wit_str lines = wit_buf_view(&d->origins);
    struct wit_str text, url;
    for (size_t at = 0; wit_str_line_next(lines, &at, &text);) {
        struct wit_json *line = NULL;
        int st = wit_json_parse(text, "an origin", &line, err);
        if (st < 0)
            return st;
        if (wit_json_string(wit_json_get(line, "url"), &url) == 0)
            fn(user, url);
        wit_json_destroy(line);
    }
    return 0;
}

static void url_put(void *user, struct wit_str url) {
    wit_json_put_str(user, url);
}

static void url_print(void *user, struct wit_str url) {
    fputs("      ", stdout);
    json_line_print_plain(url, SIZE_MAX);
    putchar('\n');
}

static int member_json(struct dups *d, uint32_t i, uint32_t best, struct wit_str caption,
                       struct wit_error *err) {
    const struct wit_shards_look *look = &d->looks[i];
    struct wit_json_writer *w = &d->line.json;
    int st = 0;
    wit_json_object_begin(w);
    if (d->o->dir_count > 1)
        json_line_text(&d->line, "dataset", d->o->dirs[dataset_of(d, i)]);
    json_line_key(&d->line, "key", look->key);
    json_line_count(&d->line, "width", look->width);
    json_line_count(&d->line, "height", look->height);
    json_line_count(&d->line, "bytes", look->image_bytes);
    json_line_count(&d->line, "quality", (uint64_t)look->hashes.quality);
    json_line_count(&d->line, "distance",
                    wit_image_phash_distance(&look->hashes.area, &d->looks[best].hashes.area));
    json_line_bool(&d->line, "best", i == best);
    json_line_count(&d->line, "captions", look->captions);
    json_line_count(&d->line, "urls", look->urls);
    json_line_str(&d->line, "caption", caption);
    if (d->o->urls) {
        wit_json_key(w, "url_list");
        wit_json_array_begin(w);
        st = urls_each(d, url_put, w, err);
        wit_json_array_end(w);
    }
    wit_json_object_end(w);
    return st;
}

static int member_print(struct dups *d, uint32_t i, uint32_t best, struct wit_str caption,
                        struct wit_error *err) {
    const struct wit_shards_look *look = &d->looks[i];
    char key[WIT_HASH128_HEX];
    wit_hash128_to_hex(look->key, key);
    printf("%c %s  %5" PRIu32 "x%-5" PRIu32 " %9" PRIu32 " bytes  %3u bits  ",
           i == best ? '*' : ' ', key, look->width, look->height, look->image_bytes,
           wit_image_phash_distance(&look->hashes.area, &d->looks[best].hashes.area));
    if (d->o->dir_count > 1)
        printf("%s  ", d->o->dirs[dataset_of(d, i)]);
    json_line_print_plain(caption, CAPTION_SHOWN_BYTES);
    putchar('\n');
    return urls_each(d, url_print, NULL, err);
}

/* The key of one that is not the best: once, where equal keys stand side by side. */
static int removal_add(struct dups *d, uint32_t i, struct wit_error *err) {
    char key[WIT_HASH128_HEX];
    wit_hash128_to_hex(d->looks[i].key, key);
    int st = wit_buf_printf(&d->removals, "%s\n", key);
    return st < 0 ? wit_error_set(err, st, "no memory for the list of removals") : 0;
}

static int cluster_show(struct dups *d, uint64_t number, uint32_t from, uint32_t to,
                        struct wit_error *err) {
    const uint32_t best = d->members[from];
    int st = 0;
    if (d->o->json) {
        json_line_begin(&d->line, "wit.shards.dups/1");
        json_line_count(&d->line, "cluster", number);
        json_line_count(&d->line, "size", to - from);
        wit_json_key(&d->line.json, "samples");
        wit_json_array_begin(&d->line.json);
    } else {
        printf("cluster %" PRIu64 ": %u images\n", number, to - from);
    }
    for (uint32_t m = from; m < to && st >= 0; m++) {
        const uint32_t i = d->members[m];
        struct wit_str caption;
        st = member_read(d, i, &caption, err);
        if (st >= 0)
            st = d->o->json ? member_json(d, i, best, caption, err)
                            : member_print(d, i, best, caption, err);
        if (st >= 0 && d->o->remove_to && i != best)
            st = removal_add(d, i, err);
        if (st >= 0 && cli_interrupted())
            st = wit_error_set(err, WIT_ECANCELED, "interrupted");
    }
    if (d->o->json && st >= 0) {
        wit_json_array_end(&d->line.json);
        st = json_line_end(&d->line, err);
    }
    return st;
}

/* What there is beside clusters: the same bytes found again under other URLs or with other words,
 * which sealing has made one sample already. */
struct totals {
    uint64_t undecodable, left_out, clusters, several_urls, more_urls, several_captions,
        more_captions;
};

static struct totals totals_of(const struct dups *d) {
    struct totals t = { 0 };
    for (uint32_t i = 0; i < d->count; i++) {
        const struct wit_shards_look *l = &d->looks[i];
        t.undecodable += !l->decodes;
        t.left_out += l->decodes && l->hashes.quality < d->o->near.quality;
        t.several_urls += l->urls > 1;
        t.more_urls += l->urls > 1 ? l->urls - 1 : 0;
        t.several_captions += l->captions > 1;
        t.more_captions += l->captions > 1 ? l->captions - 1 : 0;
    }
    return t;
}

static int totals_show(struct dups *d, const struct totals *t, struct wit_error *err) {
    const uint64_t more = d->member_count - t->clusters;
    if (!d->o->json) {
        printf("%u images: %" PRIu64 " clusters of %u, so %" PRIu64 " look like another one\n",
               d->count, t->clusters, d->member_count, more);
        printf("same bytes: %" PRIu64 " images came from several URLs (%" PRIu64 " more), %" PRIu64
               " have several captions (%" PRIu64 " more)\n",
               t->several_urls, t->more_urls, t->several_captions, t->more_captions);
        if (t->undecodable || t->left_out)
            printf("not compared: %" PRIu64 " do not decode, %" PRIu64 " are of quality below %d\n",
                   t->undecodable, t->left_out, d->o->near.quality);
        return 0;
    }
    json_line_begin(&d->line, "wit.shards.dups_total/1");
    json_line_count(&d->line, "samples", d->count);
    json_line_count(&d->line, "distance", d->o->near.distance);
    json_line_count(&d->line, "quality", (uint64_t)d->o->near.quality);
    json_line_count(&d->line, "clusters", t->clusters);
    json_line_count(&d->line, "in_clusters", d->member_count);
    json_line_count(&d->line, "duplicates", more);
    json_line_count(&d->line, "several_urls", t->several_urls);
    json_line_count(&d->line, "more_urls", t->more_urls);
    json_line_count(&d->line, "several_captions", t->several_captions);
    json_line_count(&d->line, "more_captions", t->more_captions);
    json_line_count(&d->line, "undecodable", t->undecodable);
    json_line_count(&d->line, "low_quality", t->left_out);
    return json_line_end(&d->line, err);
}

static int dups_show(struct dups *d, struct wit_error *err) {
    struct totals t = totals_of(d);
    int st = 0;
    for (uint32_t from = 0, to; from < d->member_count && st >= 0; from = to) {
        for (to = from + 1;
             to < d->member_count && d->cluster[d->members[to]] == d->cluster[d->members[from]];)
            to++;
        st = cluster_show(d, ++t.clusters, from, to, err);
    }
    return st < 0 ? st : totals_show(d, &t, err);
}

static int dups_run(const struct options *o, struct wit_error *err) {
    struct dups d = { .o = o,
                      .record = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES),
                      .origins = WIT_BUF_INIT(ORIGINS_MAX_BYTES),
                      .removals = WIT_BUF_INIT((size_t)UINT32_MAX * WIT_HASH128_HEX) };
    int st = 0;
    json_line_init(&d.line, LINE_MAX_BYTES);
    wit_progress_start(&d.progress, "hash", "images", 0, false);
    for (int i = 0; i < o->dir_count && st >= 0; i++)
        st = looks_add(&d, i, err);
    wit_progress_finish(&d.progress, NULL);
    if (st >= 0)
        st = clusters_make(&d, err);
    if (st >= 0)
        st = dups_show(&d, err);
    if (st >= 0 && o->remove_to)
        st = wit_file_write_atomic(o->remove_to, wit_buf_view(&d.removals), err);
    for (int i = 0; i < o->dir_count; i++)
        wit_shards_dataset_close(d.datasets[i]);
    json_line_finish(&d.line);
    wit_buf_finish(&d.record);
    wit_buf_finish(&d.origins);
    wit_buf_finish(&d.removals);
    free(d.looks);
    free(d.cluster);
    free(d.members);
    return st;
}

/* ---- options -------------------------------------------------------------------------------- */

static const struct option longs[] = {
    { "distance", required_argument, NULL, 'd' }, { "quality", required_argument, NULL, 'q' },
    { "urls", no_argument, NULL, 'u' },           { "remove-to", required_argument, NULL, 'r' },
    { "threads", required_argument, NULL, 't' },  { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },           { NULL, 0, NULL, 0 },
};

static int option_take(int opt, struct options *o) {
    switch (opt) {
    case 'd':
    case 'q':
    case 't':
        return cli_near_option(opt, optarg, &o->near);
    case 'u':
        o->urls = true;
        return CLI_DONE;
    case 'r':
        o->remove_to = optarg;
        return CLI_DONE;
    case 'j':
        o->json = true;
        return CLI_DONE;
    case 'h':
        o->helped = true;
        return cli_write_stdout("shards", WIT_STR(help));
    default:
        return CLI_USAGE;
    }
}

int cli_near_option(int opt, const char *text, struct wit_shards_near_config *cfg) {
    uint64_t v = 0;
    int code = CLI_USAGE;
    if (opt == 'd' && (code = cli_parse_u64("shards", "--distance", text, 0, 63, &v)) == CLI_DONE)
        cfg->distance = (unsigned)v;
    if (opt == 'q' && (code = cli_parse_u64("shards", "--quality", text, 0, 100, &v)) == CLI_DONE)
        cfg->quality = (int)v;
    if (opt == 't' && (code = cli_parse_u64("shards", "--threads", text, 1, 256, &v)) == CLI_DONE)
        cfg->threads = (unsigned)v;
    return code;
}

static int options_parse(int argc, char **argv, struct options *o) {
    int code = CLI_DONE;
    optind = 1;
    for (int opt;
         code == CLI_DONE && !o->helped && (opt = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        code = option_take(opt, o);
    if (code != CLI_DONE || o->helped)
        return code;
    o->dirs = argv + optind;
    o->dir_count = argc - optind;
    if (o->dir_count < 1 || o->dir_count > DATASETS_MOST)
        return cli_usage_error("shards", "'dups' takes 1 to %d datasets", DATASETS_MOST);
    if (o->remove_to && o->dir_count > 1)
        return cli_usage_error("shards", "--remove-to takes one dataset: keys do not say of which "
                                         "of several they are");
    return CLI_DONE;
}

int cmd_shards_dups(int argc, char **argv) {
    struct options o = { .near = wit_shards_near_config_default() };
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    cli_catch_interrupts();
    o.near.interrupt = cli_interrupt_flag();
    int st = dups_run(&o, &err);
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    return st < 0 ? cli_fail("shards", &err) : flushed;
}
