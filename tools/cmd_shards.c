/* wit shards: look inside datasets, check them, make them from what was collected. */
#include "cli.h"
#include "cmd_shards_card.h"
#include "cmd_shards_export.h"
#include "cmd_shards_import.h"
#include "cmd_shards_near.h"
#include "cmd_shards_remake.h"
#include "cmd_shards_remove.h"
#include "json_line.h"
#include "wit_shards.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

/* One JSON line: a sample with every caption it may have, each byte as \u00XX at the worst. */
#define LINE_MAX_BYTES (8 * WIT_SHARDS_MAX_CAPTION_BYTES)
enum { CAPTION_SHOWN_BYTES = 60 };

struct options {
    const char *dir, *key, *image;
    uint64_t index, threads, shard_bytes, bits, memory, max_runs;
    enum wit_shards_transcode transcode;
    bool json, shards, has_index, has_bits;
    enum wit_shards_verify_depth depth;
};

static void usage(FILE *to) {
    fputs("usage: wit shards ls     DIR [--shards] [--json]\n"
          "       wit shards show   DIR KEY | --index N [--image FILE] [--json]\n"
          "       wit shards stat   DIR [--json]\n"
          "       wit shards verify DIR [--full|--new|--fast] [--threads N] [--json]\n"
          "       wit shards repair DIR [--out OUT] [--dry-run] [--salvage] ...\n"
          "       wit shards seal   DIR [--shard-bytes N | --bits N] [--transcode baseline]\n"
          "                         [--threads N] [--memory N] [--max-runs N] [--json]\n"
          "       wit shards export DIR --to webdataset|files|metadata --out OUT ...\n"
          "       wit shards merge A B ... --out C ...\n"
          "       wit shards compact DIR [--purge] [--dry-run] ...\n"
          "       wit shards split DIR --out OUT --share S,S... ...\n"
          "       wit shards diff A B [--totals] [--json]\n"
          "       wit shards dups   DIR... [--distance N] [--remove-to FILE] ...\n"
          "       wit shards overlap DIR --against EVALDIR [--predictions FILE] ...\n"
          "       wit shards remove DIR --reason TEXT --key K | --url U | --domain D | ...\n"
          "       wit shards removed DIR | restore DIR --entry N ... | purge DIR\n"
          "       wit shards import SRC... --from webdataset|files --out DIR ...\n"
          "       wit shards index  TAR... --out DIR ...\n"
          "       wit shards card   DIR [--export FOLDER] ...\n"
          "\n"
          "ls      the samples of a dataset, or its shards (the verb may be left out)\n"
          "show    one sample: captions and where they stood; its image into a file\n"
          "stat    totals, formats, sources of captions\n"
          "verify  read every byte and check it; exit 1 and a sentence for each fault\n"
          "seal    make DIR/dataset.json and its shards from DIR/collect, every pair kept\n"
          "repair  keep what is left of damaged shards, say what is lost: repair --help\n"
          "export  write img2dataset's layouts; has a page of its own: export --help\n"
          "merge   the union of datasets\n"
          "compact rewrite a dataset in place: one shard a prefix, nothing hidden\n"
          "split   several datasets out of one\n"
          "diff    what two datasets do not have in common; these four have pages of their own\n"
          "dups    images that look the same; has a page of its own: dups --help\n"
          "overlap images of an evaluation that are in the dataset; overlap --help\n"
          "remove  take samples and captions out and keep them out\n"
          "removed what was; restore: a request no longer holds; purge: the bytes too\n"
          "import  take such layouts in; has a page of its own: import --help\n"
          "index   make tar files a dataset where they lie; index --help\n"
          "card    write README.md and Croissant metadata; card --help\n"
          "\n"
          "  --full           of verify, the default: every byte\n"
          "  --new            every byte of files that were not checked as they stand\n"
          "  --fast           sizes, page graphs and keys, no values\n"
          "  --shards         list shard files instead of samples\n"
          "  --index N        the N-th sample of the dataset, from 0\n"
          "  --image FILE     write the image there, as stored\n"
          "  --threads N      default: one per core\n"
          "  --shard-bytes N  target size of a shard, default 1610612736\n"
          "  --bits N         number of prefixes as a power of two, 0 to 16\n"
          "  --memory N       for joining images with words, bytes; default 1073741824; more is\n"
          "                   sorted on disk\n"
          "  --max-runs N     runs of a prefix before it is written anew, default 8\n"
          "  --transcode baseline  progressive JPEGs are stored sequential: faster to load\n"
          "  --json           one JSON object a line\n"
          "  --help           this page\n",
          to);
}

/* ---- ls ------------------------------------------------------------------------------------- */

struct reading {
    struct wit_shards_dataset *ds;
    struct wit_buf buf;
    struct json_line line;
    bool json;
};

static int reading_open(struct reading *r, const struct options *o, struct wit_error *err) {
    *r = (struct reading){ .buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES),
                           .line = { .buf = WIT_BUF_INIT(LINE_MAX_BYTES) },
                           .json = o->json };
    return wit_shards_dataset_open(o->dir, NULL, &r->ds, err);
}

static void reading_close(struct reading *r) {
    wit_shards_dataset_close(r->ds);
    wit_buf_finish(&r->buf);
    wit_buf_finish(&r->line.buf);
}

static void put_captions(struct json_line *l, const struct wit_shards_sample *sample) {
    wit_json_key(&l->json, "captions");
    wit_json_array_begin(&l->json);
    struct wit_shards_caption_iter it = wit_shards_captions(sample);
    struct wit_shards_caption c;
    while (wit_shards_caption_next(&it, &c)) {
        wit_json_object_begin(&l->json);
        wit_json_key(&l->json, "text");
        wit_json_put_str(&l->json, c.text);
        json_line_text(l, "source", wit_shards_source_name(c.source));
        wit_json_object_end(&l->json);
    }
    wit_json_array_end(&l->json);
}

/* What became of an image before it was stored. */
static const char *stored_name(const struct wit_shards_sample *s) {
    if (s->changed & WIT_SHARDS_RESIZED)
        return "resized";
    return s->changed ? "transcoded" : "as fetched";
}

static void put_sample(struct json_line *l, const char *file, uint64_t index,
                       const struct wit_shards_sample *s) {
    json_line_key(l, "key", s->key);
    json_line_count(l, "index", index);
    json_line_text(l, "shard", file);
    json_line_text(l, "format", wit_image_format_name(s->info.format));
    json_line_count(l, "width", s->info.width);
    json_line_count(l, "height", s->info.height);
    json_line_count(l, "bytes", s->image.len);
    json_line_text(l, "stored", stored_name(s));
    json_line_key(l, "hash", s->hash);
    put_captions(l, s);
}

static int sample_list(struct reading *r, const char *file, uint64_t index,
                       const struct wit_shards_sample *s, struct wit_error *err) {
    char key[WIT_HASH128_HEX];
    if (r->json) {
        json_line_begin(&r->line, "wit.shards.sample/1");
        put_sample(&r->line, file, index, s);
        return json_line_end(&r->line, err);
    }
    wit_hash128_to_hex(s->key, key);
    struct wit_shards_caption first = wit_shards_sample_caption(s, 0);
    printf("%s  %-4s %5" PRIu32 "x%-5" PRIu32 " %9zu bytes  %3" PRIu32 "  ", key,
           wit_image_format_name(s->info.format), s->info.width, s->info.height, s->image.len,
           s->caption_count);
    json_line_print_plain(first.text, CAPTION_SHOWN_BYTES);
    putchar('\n');
    return 0;
}

/* Call fn for every sample of the dataset, in order. */
typedef int (*sample_fn)(struct reading *r, const char *file, uint64_t index,
                         const struct wit_shards_sample *s, struct wit_error *err);

static int samples_each(struct reading *r, sample_fn fn, struct wit_error *err) {
    uint64_t index = 0;
    int st = 0;
    for (size_t s = 0; s < wit_shards_dataset_shards(r->ds) && st >= 0; s++) {
        struct wit_shards_shard_info info;
        wit_shards_shard_info(r->ds, s, &info);
        for (uint64_t i = 0; i < info.samples && st >= 0; i++, index++) {
            struct wit_shards_sample sample;
            st = wit_shards_read(r->ds, s, i, &r->buf, &sample, err);
            if (st >= 0)
                st = fn(r, info.file, index, &sample, err);
            if (st >= 0 && cli_interrupted())
                st = wit_error_set(err, WIT_ECANCELED, "interrupted");
        }
        wit_shards_shard_release(r->ds, s);
    }
    return st;
}

static int shards_list(struct reading *r, struct wit_error *err) {
    int st = 0;
    for (size_t s = 0; s < wit_shards_dataset_shards(r->ds) && st >= 0; s++) {
        struct wit_shards_shard_info info;
        wit_shards_shard_info(r->ds, s, &info);
        if (!r->json) {
            printf("%-32s  %9" PRIu64 " samples  %9" PRIu64 " pairs  %13" PRIu64 " bytes\n",
                   info.file, info.samples, info.pairs, info.file_bytes);
            continue;
        }
        json_line_begin(&r->line, "wit.shards.shard/1");
        json_line_text(&r->line, "file", info.file);
        json_line_count(&r->line, "prefix", info.prefix);
        json_line_count(&r->line, "run", info.run);
        json_line_count(&r->line, "samples", info.samples);
        json_line_count(&r->line, "pairs", info.pairs);
        json_line_count(&r->line, "bytes", info.file_bytes);
        json_line_count(&r->line, "image_bytes", info.image_bytes);
        json_line_key(&r->line, "file_hash", info.file_hash);
        st = json_line_end(&r->line, err);
    }
    return st;
}

static int verb_ls(const struct options *o, struct wit_error *err) {
    struct reading r;
    int st = reading_open(&r, o, err);
    if (st >= 0)
        st = o->shards ? shards_list(&r, err) : samples_each(&r, sample_list, err);
    reading_close(&r);
    return st;
}

/* ---- show ----------------------------------------------------------------------------------- */

static int sample_find(struct reading *r, const struct options *o, size_t *shard, uint64_t *index,
                       uint64_t *global, struct wit_error *err) {
    uint64_t before = 0;
    if (!o->has_index) {
        struct wit_hash128 key;
        if (wit_hash128_from_hex(wit_str_from(o->key), &key) < 0)
            return wit_error_set(err, WIT_EINVAL, "'%s' is not a key of 32 hex digits", o->key);
        int st = wit_shards_find(r->ds, key, shard, index, err);
        if (st < 0)
            return st;
        for (size_t s = 0; s < *shard; s++)
            before += wit_shards_shard_samples(r->ds, s);
        *global = before + *index;
        return 0;
    }
    for (size_t s = 0; s < wit_shards_dataset_shards(r->ds); s++) {
        uint64_t samples = wit_shards_shard_samples(r->ds, s);
        if (o->index < before + samples) {
            *shard = s;
            *index = o->index - before;
            *global = o->index;
            return 0;
        }
        before += samples;
    }
    return wit_error_set(err, WIT_ENOTFOUND, "%s has %" PRIu64 " samples, --index counts from 0",
                         o->dir, before);
}

static int sample_show(struct reading *r, const char *file, uint64_t index,
                       const struct wit_shards_sample *s, struct wit_str origin,
                       struct wit_error *err) {
    if (r->json) {
        json_line_begin(&r->line, "wit.shards.show/1");
        put_sample(&r->line, file, index, s);
        wit_json_key(&r->line.json, "origin");
        wit_json_array_begin(&r->line.json);
        for (size_t at = 0; at < origin.len;) { /* lines are JSON objects already */
            ptrdiff_t end = wit_str_find_byte(origin, '\n', at);
            size_t to = end < 0 ? origin.len : (size_t)end;
            if (at > 0 && r->line.json.status == 0)
                r->line.json.status = wit_buf_append_byte(&r->line.buf, ',');
            if (r->line.json.status == 0)
                r->line.json.status =
                    wit_buf_append_str(&r->line.buf, wit_str_slice(origin, at, to));
            at = to + 1;
        }
        wit_json_array_end(&r->line.json);
        return json_line_end(&r->line, err);
    }
    char key[WIT_HASH128_HEX];
    struct wit_shards_caption_iter it = wit_shards_captions(s);
    struct wit_shards_caption c;
    wit_hash128_to_hex(s->key, key);
    printf("key      %s\nindex    %" PRIu64 " (%s)\nimage    %s, %" PRIu32 "x%" PRIu32
           ", %zu bytes, %s\n",
           key, index, file, wit_image_format_name(s->info.format), s->info.width, s->info.height,
           s->image.len, stored_name(s));
    while (wit_shards_caption_next(&it, &c)) {
        printf("caption  [%s] ", wit_shards_source_name(c.source));
        json_line_print_plain(c.text, SIZE_MAX);
        putchar('\n');
    }
    for (size_t at = 0; at < origin.len;) {
        ptrdiff_t end = wit_str_find_byte(origin, '\n', at);
        size_t to = end < 0 ? origin.len : (size_t)end;
        fputs("origin   ", stdout);
        json_line_print_plain(wit_str_slice(origin, at, to), SIZE_MAX);
        putchar('\n');
        at = to + 1;
    }
    return 0;
}

static int verb_show(const struct options *o, struct wit_error *err) {
    struct reading r;
    struct wit_buf origin = WIT_BUF_INIT((size_t)1 << 30);
    struct wit_shards_sample sample;
    struct wit_shards_shard_info info;
    uint64_t index, global = 0;
    size_t shard;
    int st = reading_open(&r, o, err);
    if (st >= 0)
        st = sample_find(&r, o, &shard, &index, &global, err);
    if (st >= 0)
        st = wit_shards_read(r.ds, shard, index, &r.buf, &sample, err);
    if (st >= 0)
        st = wit_shards_origin(r.ds, sample.key, &origin, err);
    if (st >= 0 && o->image)
        st = wit_file_write_atomic(o->image, sample.image, err);
    if (st >= 0) {
        wit_shards_shard_info(r.ds, shard, &info);
        st = sample_show(&r, info.file, global, &sample, wit_buf_view(&origin), err);
    }
    wit_buf_finish(&origin);
    reading_close(&r);
    return st;
}

/* ---- stat ----------------------------------------------------------------------------------- */

enum { FORMATS = WIT_IMAGE_GIF + 1, SOURCES = WIT_SHARDS_SITEMAP + 1 }; /* behind the last ones */

struct stat_user {
    struct reading reading; /* first: samples_each hands it back */
    uint64_t formats[FORMATS], sources[SOURCES];
    uint64_t captions_most, bytes_most, image_bytes;
};

static int sample_stat(struct reading *r, const char *file, uint64_t index,
                       const struct wit_shards_sample *s, struct wit_error *err) {
    struct stat_user *u = (struct stat_user *)r;
    struct wit_shards_caption_iter it = wit_shards_captions(s);
    struct wit_shards_caption c;
    u->formats[(unsigned)s->info.format < FORMATS ? s->info.format : WIT_IMAGE_UNKNOWN]++;
    while (wit_shards_caption_next(&it, &c))
        u->sources[(unsigned)c.source < SOURCES ? c.source : 0]++;
    u->image_bytes += s->image.len;
    if (s->caption_count > u->captions_most)
        u->captions_most = s->caption_count;
    if (s->image.len > u->bytes_most)
        u->bytes_most = s->image.len;
    return 0;
}

static int stat_json(struct stat_user *u, uint64_t file_bytes, struct wit_error *err) {
    struct reading *r = &u->reading;
    json_line_begin(&r->line, "wit.shards.stat/1");
    json_line_key(&r->line, "hash", wit_shards_dataset_hash(r->ds));
    json_line_count(&r->line, "samples", wit_shards_dataset_samples(r->ds));
    json_line_count(&r->line, "pairs", wit_shards_dataset_pairs(r->ds));
    json_line_count(&r->line, "shards", wit_shards_dataset_shards(r->ds));
    json_line_count(&r->line, "bytes", file_bytes);
    json_line_count(&r->line, "image_bytes", u->image_bytes);
    json_line_count(&r->line, "image_bytes_most", u->bytes_most);
    json_line_count(&r->line, "captions_most", u->captions_most);
    wit_json_key(&r->line.json, "formats");
    wit_json_object_begin(&r->line.json);
    for (unsigned f = 0; f < FORMATS; f++)
        if (u->formats[f])
            json_line_count(&r->line, wit_image_format_name((enum wit_image_format)f),
                            u->formats[f]);
    wit_json_object_end(&r->line.json);
    wit_json_key(&r->line.json, "sources");
    wit_json_object_begin(&r->line.json);
    for (unsigned s = 0; s < SOURCES; s++)
        if (u->sources[s])
            json_line_count(&r->line, wit_shards_source_name((enum wit_shards_source)s),
                            u->sources[s]);
    wit_json_object_end(&r->line.json);
    return json_line_end(&r->line, err);
}

static void stat_text(const struct stat_user *u, uint64_t file_bytes) {
    const struct wit_shards_dataset *ds = u->reading.ds;
    char hash[WIT_HASH128_HEX];
    wit_hash128_to_hex(wit_shards_dataset_hash(ds), hash);
    printf("hash       %s\nsamples    %" PRIu64 "\npairs      %" PRIu64 ", at most %" PRIu64
           " of one image\nshards     %zu, %" PRIu64 " bytes\nimages     %" PRIu64
           " bytes, the largest %" PRIu64 "\n",
           hash, wit_shards_dataset_samples(ds), wit_shards_dataset_pairs(ds), u->captions_most,
           wit_shards_dataset_shards(ds), file_bytes, u->image_bytes, u->bytes_most);
    for (unsigned f = 0; f < FORMATS; f++)
        if (u->formats[f])
            printf("format     %s %" PRIu64 "\n", wit_image_format_name((enum wit_image_format)f),
                   u->formats[f]);
    for (unsigned s = 0; s < SOURCES; s++)
        if (u->sources[s])
            printf("source     %s %" PRIu64 "\n", wit_shards_source_name((enum wit_shards_source)s),
                   u->sources[s]);
}

static int verb_stat(const struct options *o, struct wit_error *err) {
    struct stat_user u = { .image_bytes = 0 };
    uint64_t file_bytes = 0;
    int st = reading_open(&u.reading, o, err);
    if (st >= 0)
        st = samples_each(&u.reading, sample_stat, err);
    if (st >= 0) {
        for (size_t s = 0; s < wit_shards_dataset_shards(u.reading.ds); s++) {
            struct wit_shards_shard_info info;
            wit_shards_shard_info(u.reading.ds, s, &info);
            file_bytes += info.file_bytes;
        }
        if (o->json)
            st = stat_json(&u, file_bytes, err);
        else
            stat_text(&u, file_bytes);
    }
    reading_close(&u.reading);
    return st;
}

/* ---- verify --------------------------------------------------------------------------------- */

struct verify_user {
    struct json_line line;
    bool json;
};

static void on_fault(void *user, const struct wit_shards_fault *fault) {
    struct verify_user *u = user;
    if (!u->json) {
        if (strstr(fault->text, fault->file)) /* most sentences name it, with its folder */
            puts(fault->text);
        else
            printf("%s: %s\n", fault->file, fault->text);
        return;
    }
    json_line_begin(&u->line, "wit.shards.fault/1");
    json_line_text(&u->line, "file", fault->file);
    json_line_text(&u->line, "fault", fault->text);
    (void)json_line_end(&u->line, NULL); /* a broken stdout shows at the flush */
}

static void on_checked(void *user, const struct wit_shards_checked *c) {
    struct verify_user *u = user;
    if (!u->json)
        return;
    json_line_begin(&u->line, "wit.shards.verify/1");
    json_line_text(&u->line, "shard", c->file);
    json_line_count(&u->line, "samples", c->samples);
    json_line_count(&u->line, "pairs", c->pairs);
    json_line_count(&u->line, "bad", c->bad);
    json_line_count(&u->line, "bytes", c->bytes);
    json_line_text(&u->line, "depth", c->full ? "full" : "fast");
    wit_json_key(&u->line.json, "checked_at_s");
    if (c->checked_at_s)
        wit_json_put_int(&u->line.json, c->checked_at_s);
    else
        wit_json_put_null(&u->line.json);
    (void)json_line_end(&u->line, NULL);
}

/* What "all well" means: of which files every byte was read, now or before. */
static void verified_print(const struct wit_shards_verify_report *r) {
    printf("%" PRIu64 " samples, %" PRIu64 " pairs, %" PRIu64 " bytes: ", r->samples, r->pairs,
           r->bytes);
    if (r->full == r->shards)
        puts("all well");
    else
        printf("structure well; of %" PRIu64 " shards %" PRIu64 " read in full, %" PRIu64
               " checked before and not written to since, %" PRIu64 " never\n",
               r->shards, r->full, r->remembered, r->shards - r->full - r->remembered);
}

static int verb_verify(const struct options *o, struct wit_error *err) {
    struct verify_user u = { .line = { .buf = WIT_BUF_INIT((size_t)1 << 20) }, .json = o->json };
    struct wit_shards_verify_report report = { .bad = 0 };
    const struct wit_shards_verify_options options = { .threads = (unsigned)o->threads,
                                                       .fault = on_fault,
                                                       .checked = on_checked,
                                                       .user = &u,
                                                       .depth = o->depth,
                                                       .remember = true,
                                                       .interrupt = cli_interrupt_flag() };
    int st = wit_shards_verify(o->dir, &options, &report, err);
    if (o->json && (st >= 0 || st == WIT_ECORRUPT)) {
        json_line_begin(&u.line, "wit.shards.verified/1");
        json_line_count(&u.line, "samples", report.samples);
        json_line_count(&u.line, "pairs", report.pairs);
        json_line_count(&u.line, "bad", report.bad);
        json_line_count(&u.line, "bytes", report.bytes);
        json_line_count(&u.line, "shards", report.shards);
        json_line_count(&u.line, "full", report.full);
        json_line_count(&u.line, "remembered", report.remembered);
        (void)json_line_end(&u.line, NULL);
    } else if (st >= 0) {
        verified_print(&report);
    }
    wit_buf_finish(&u.line.buf);
    return st;
}

/* ---- seal ----------------------------------------------------------------------------------- */

static int verb_seal(const struct options *o, struct wit_error *err) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report report;
    struct json_line line = { .buf = WIT_BUF_INIT((size_t)1 << 20) };
    char hash[WIT_HASH128_HEX];
    cfg.shard_bytes = o->shard_bytes;
    cfg.shard_bits = o->has_bits ? (int)o->bits : -1;
    cfg.threads = (unsigned)o->threads;
    cfg.memory_bytes = o->memory;
    cfg.max_runs = (unsigned)o->max_runs;
    cfg.transcode = o->transcode;
    cfg.guard_recipe = true;
    cfg.tool = WIT_STR("wit " WIT_VERSION);
    cfg.interrupt = cli_interrupt_flag();
    int st = wit_shards_seal(o->dir, &cfg, &report, err);
    if (st >= 0 && o->json) {
        json_line_begin(&line, "wit.shards.seal/1");
        json_line_key(&line, "hash", report.hash);
        json_line_count(&line, "samples", report.samples);
        json_line_count(&line, "pairs", report.pairs);
        json_line_count(&line, "shards", report.shards);
        json_line_count(&line, "image_bytes", report.image_bytes);
        json_line_count(&line, "dropped_pairs", report.dropped_pairs);
        json_line_count(&line, "duplicate_images", report.duplicate_images);
        json_line_count(&line, "collisions", report.collisions);
        json_line_count(&line, "captions_cut", report.captions_cut);
        json_line_count(&line, "spilled_bytes", report.spilled_bytes);
        json_line_count(&line, "removed_images", report.removed_images);
        json_line_count(&line, "removed_pairs", report.removed_pairs);
        json_line_count(&line, "transcoded", report.transcoded);
        json_line_count(&line, "not_transcoded", report.not_transcoded);
        wit_json_key(&line.json, "changed");
        wit_json_put_bool(&line.json, report.changed);
        st = json_line_end(&line, err);
    } else if (st >= 0) {
        wit_hash128_to_hex(report.hash, hash);
        printf("%s  %" PRIu64 " samples, %" PRIu64 " pairs in %" PRIu64 " shards%s\n", hash,
               report.samples, report.pairs, report.shards,
               report.changed ? "" : ", nothing changed");
        if (report.transcoded || report.not_transcoded)
            printf("%" PRIu64 " progressive JPEGs are stored sequential, %" PRIu64
                   " broken or partial ones as they came\n",
                   report.transcoded, report.not_transcoded);
    }
    wit_buf_finish(&line.buf);
    return st;
}

/* ---- the command ---------------------------------------------------------------------------- */

/* Verbs with options and a page of their own. */
static const struct own_verb {
    const char *name;
    int (*run)(int argc, char **argv);
} own_verbs[] = {
    { "merge", cmd_shards_merge },
    { "compact", cmd_shards_compact },
    { "split", cmd_shards_split },
    { "diff", cmd_shards_diff },
    { "dups", cmd_shards_dups },
    { "overlap", cmd_shards_overlap },
    { "remove", cmd_shards_remove },
    { "removed", cmd_shards_removed },
    { "restore", cmd_shards_restore },
    { "purge", cmd_shards_purge },
    { "import", cmd_shards_import },
    { "index", cmd_shards_import },
    { "card", cmd_shards_card },
};

static const struct verb {
    const char *name;
    int (*run)(const struct options *o, struct wit_error *err);
    const char *flags; /* options it takes besides --json */
} verbs[] = {
    { "ls", verb_ls, "s" },
    { "show", verb_show, "ni" },
    { "stat", verb_stat, "" },
    { "verify", verb_verify, "tFNf" },
    { "seal", verb_seal, "tbBmrT" },
};

static const struct option longs[] = {
    { "json", no_argument, NULL, 'j' },
    { "shards", no_argument, NULL, 's' },
    { "index", required_argument, NULL, 'n' },
    { "image", required_argument, NULL, 'i' },
    { "threads", required_argument, NULL, 't' },
    { "shard-bytes", required_argument, NULL, 'b' },
    { "bits", required_argument, NULL, 'B' },
    { "memory", required_argument, NULL, 'm' },
    { "max-runs", required_argument, NULL, 'r' },
    { "transcode", required_argument, NULL, 'T' },
    { "full", no_argument, NULL, 'F' },
    { "new", no_argument, NULL, 'N' },
    { "fast", no_argument, NULL, 'f' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Note an option (its index in longs); CLI_USAGE after a sentence, else 0. */
static int option_take(const struct verb *verb, int opt, int which, struct options *o) {
    if (opt == '?')
        return CLI_USAGE;
    if (opt != 'j' && !strchr(verb->flags, opt))
        return cli_usage_error("shards", "'%s' does not take --%s", verb->name, longs[which].name);
    switch (opt) {
    case 'j':
        o->json = true;
        return 0;
    case 's':
        o->shards = true;
        return 0;
    case 'F':
        o->depth = WIT_SHARDS_VERIFY_FULL;
        return 0;
    case 'N':
        o->depth = WIT_SHARDS_VERIFY_NEW;
        return 0;
    case 'f':
        o->depth = WIT_SHARDS_VERIFY_FAST;
        return 0;
    case 'i':
        o->image = optarg;
        return 0;
    case 'n':
        o->has_index = true;
        return cli_parse_u64("shards", "--index", optarg, 0, INT64_MAX, &o->index);
    case 't':
        return cli_parse_u64("shards", "--threads", optarg, 1, 256, &o->threads);
    case 'm':
        return cli_parse_u64("shards", "--memory", optarg, 1 << 20, INT64_MAX, &o->memory);
    case 'r':
        return cli_parse_u64("shards", "--max-runs", optarg, 1, 255, &o->max_runs);
    case 'T':
        return wit_shards_transcode_parse(wit_str_from(optarg), &o->transcode) < 0
                   ? cli_usage_error("shards", "--transcode must be none or baseline, not '%s'",
                                     optarg)
                   : 0;
    case 'b':
        return cli_parse_u64("shards", "--shard-bytes", optarg, 1, INT64_MAX, &o->shard_bytes);
    default:
        o->has_bits = true;
        return cli_parse_u64("shards", "--bits", optarg, 0, WIT_SHARDS_MAX_BITS, &o->bits);
    }
}

static int options_parse(int argc, char **argv, const struct verb *verb, struct options *o) {
    int opt, which = 0;
    optind = 1;
    while ((opt = getopt_long(argc, argv, "", longs, &which)) != -1) {
        if (opt == 'h') {
            usage(stdout);
            exit(CLI_DONE);
        }
        if (option_take(verb, opt, which, o) != 0)
            return CLI_USAGE;
    }
    if (optind < argc)
        o->dir = argv[optind++];
    if (verb->run == verb_show && !o->has_index && optind < argc)
        o->key = argv[optind++];
    if (!o->dir || optind < argc)
        return cli_usage_error("shards", "'%s' takes one dataset", verb->name);
    if (verb->run == verb_show && !o->key && !o->has_index)
        return cli_usage_error("shards", "show needs a KEY or --index");
    return CLI_DONE;
}

int cmd_shards(int argc, char **argv) {
    const struct verb *verb = &verbs[0];
    const struct wit_shards_seal_config seal = wit_shards_seal_config_default();
    struct options o = { .shard_bytes = seal.shard_bytes,
                         .memory = seal.memory_bytes,
                         .max_runs = seal.max_runs };
    struct wit_error err = WIT_ERROR_INIT;
    if (argc < 2) {
        usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "export") == 0)
        return cmd_shards_export(argc - 1, argv + 1);
    for (size_t i = 0; i < WIT_COUNT_OF(own_verbs); i++)
        if (strcmp(argv[1], own_verbs[i].name) == 0)
            return own_verbs[i].run(argc - 1, argv + 1);
    if (strcmp(argv[1], "repair") == 0)
        return cmd_shards_repair(argc - 1, argv + 1);
    for (size_t i = 0; i < WIT_COUNT_OF(verbs); i++)
        if (strcmp(argv[1], verbs[i].name) == 0) {
            verb = &verbs[i];
            argv++;
            argc--;
            break;
        }
    /* Without a verb it is ls, of a folder that there should be. */
    if (verb == &verbs[0] && argv[1][0] != '-' && strcmp(argv[0], verbs[0].name) != 0 &&
        !wit_file_exists(argv[1]))
        return cli_usage_error("shards", "there is no verb and no dataset '%s'", argv[1]);
    if (options_parse(argc, argv, verb, &o) != CLI_DONE)
        return CLI_USAGE;
    cli_catch_interrupts();
    int st = verb->run(&o, &err);
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    return st < 0 ? cli_fail("shards", &err) : flushed;
}
