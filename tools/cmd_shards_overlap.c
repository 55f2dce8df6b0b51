/*
 * wit shards overlap: which images of an evaluation are in the dataset that a model was trained on,
 * and what that does to its accuracy.
 *
 * Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
 * (2021), section 5: All is split into Overlap and Clean; accuracy on All less that on Clean is
 * what contamination is worth; a one-tailed binomial test asks whether Overlap does better than
 * Clean's accuracy as null hypothesis lets expect; a Clopper-Pearson interval of 99.5 % on Overlap
 * is a second look.
 */
#include "base/wit_binomial.h"
#include "cli.h"
#include "cmd_shards_near.h"
#include "json_line.h"
#include "predictions.h"
#include "wit_shards_near.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

static const char help[] =
    "usage: wit shards overlap DIR --against EVALDIR [--predictions FILE] [--to OUT]\n"
    "                          [--distance N] [--quality N] [--threads N] [--json]\n"
    "\n"
    "Which images of an evaluation look like one that is in the dataset DIR, and how the accuracy\n"
    "of a model differs with them and without.\n"
    "\n"
    "  --against EVALDIR   a folder of images (and folders), or another dataset\n"
    "  --predictions FILE  CSV with a header, or JSON lines: 'file' or 'key', and 'correct', 0 or "
    "1\n"
    "  --to OUT            write overlap.txt, clean.txt and all.txt into the folder OUT\n"
    "  --distance N        most bits of 256 that two images may differ in, 0 to 63, default 36\n"
    "  --quality N         images with less to compare overlap only with the same bytes; 0 to "
    "100,\n"
    "                      default 5\n"
    "  --threads N         default: one per core\n"
    "  --json              one JSON object\n"
    "  --help              this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted, resumable\n";

#define LIST_MAX_BYTES ((size_t)1 << 36)
static const double share_confidence = 0.95, accuracy_confidence = 0.995;

struct options {
    struct wit_shards_near_config near;
    const char *dir, *against, *predictions, *to;
    bool json, helped;
};

/* Of the images that have a prediction. */
struct score {
    uint64_t correct, count;
};

struct overlap {
    const struct options *o;
    struct wit_shards_look *trained;
    uint64_t trained_count;
    struct wit_shards_eval eval;
    uint32_t *nearest, *distance; /* of each image of eval; UINT32_MAX: clean */
    uint64_t overlaps, low_quality;
    struct score all, clean, overlap;
    uint64_t unknown; /* predictions that name no image */
    struct wit_progress progress;
};

static bool is_overlap(const struct overlap *v, uint32_t i) {
    return v->nearest[i] != UINT32_MAX;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static void on_progress(void *user, uint64_t done, uint64_t total) {
    struct wit_progress *p = user;
    p->total = total;
    wit_progress_update(p, done, 0, NULL);
}

static int compare(struct overlap *v, struct wit_error *err) {
    const struct options *o = v->o;
    const struct wit_shards_looks_options options = { .threads = o->near.threads,
                                                      .progress = on_progress,
                                                      .user = &v->progress,
                                                      .interrupt = cli_interrupt_flag() };
    wit_progress_start(&v->progress, "hash", "images", 0, false);
    int st = wit_shards_looks(o->dir, &options, &v->trained, &v->trained_count, err);
    if (st >= 0)
        st = wit_shards_eval_load(o->against, &options, &v->eval, err);
    wit_progress_finish(&v->progress, NULL);
    if (st < 0)
        return st;
    if (v->eval.count == 0)
        return wit_error_set(err, WIT_ENOTFOUND, "%s holds no image that decodes", o->against);
    v->nearest = wit_alloc_array(v->eval.count, sizeof *v->nearest);
    v->distance = wit_alloc_array(v->eval.count, sizeof *v->distance);
    if (!v->nearest || !v->distance)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %u images", v->eval.count);
    st = wit_shards_near_match(v->eval.looks, v->eval.count, v->trained, (uint32_t)v->trained_count,
                               &o->near, v->nearest, v->distance, err);
    for (uint32_t i = 0; i < v->eval.count && st >= 0; i++) {
        v->overlaps += is_overlap(v, i);
        v->low_quality += v->eval.looks[i].hashes.quality < o->near.quality;
    }
    return st;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static int name_put(struct wit_buf *out, const char *name) {
    const size_t from = out->len;
    int st = wit_buf_append_cstr(out, name);
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == '\n' || out->data[i] == '\r' || out->data[i] == '\t')
            out->data[i] = ' ';
    return st;
}

static int all_line(struct wit_buf *out, const struct overlap *v, uint32_t i) {
    char key[WIT_HASH128_HEX];
    int st = name_put(out, v->eval.names[i]);
    if (st < 0)
        return st;
    if (!is_overlap(v, i))
        return wit_buf_append_cstr(out, "\tclean\t\t\n");
    wit_hash128_to_hex(v->trained[v->nearest[i]].key, key);
    return wit_buf_printf(out, "\toverlap\t%u\t%s\n", v->distance[i], key);
}

static int plain_line(struct wit_buf *out, const char *name) {
    int st = name_put(out, name);
    return st < 0 ? st : wit_buf_append_byte(out, '\n');
}

static int list_write(const struct overlap *v, const char *name, const struct wit_buf *text,
                      struct wit_error *err) {
    char path[WIT_PATH_MAX];
    if (wit_path_join(path, v->o->to, name) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", v->o->to);
    return wit_file_write_atomic(path, wit_buf_view(text), err);
}

static int lists_write(const struct overlap *v, struct wit_error *err) {
    struct wit_buf all = WIT_BUF_INIT(LIST_MAX_BYTES), clean = WIT_BUF_INIT(LIST_MAX_BYTES),
                   overlap = WIT_BUF_INIT(LIST_MAX_BYTES);
    int st = 0;
    for (uint32_t i = 0; i < v->eval.count && st >= 0; i++) {
        st = all_line(&all, v, i);
        if (st >= 0)
            st = plain_line(is_overlap(v, i) ? &overlap : &clean, v->eval.names[i]);
    }
    if (st < 0)
        wit_error_set(err, st, "no memory for the lists");
    if (st >= 0)
        st = wit_dir_make(v->o->to, err);
    if (st >= 0)
        st = list_write(v, "all.txt", &all, err);
    if (st >= 0)
        st = list_write(v, "clean.txt", &clean, err);
    if (st >= 0)
        st = list_write(v, "overlap.txt", &overlap, err);
    wit_buf_finish(&all);
    wit_buf_finish(&clean);
    wit_buf_finish(&overlap);
    return st;
}

/* ---- predictions ---------------------------------------------------------------------------- */

/* What an image may be called: its path, or only the last part, with its suffix or without. */
struct alias {
    struct wit_str name;
    unsigned rank; /* a better name has a lower one */
    uint32_t image;
};

static int order_alias(const void *a, const void *b) {
    const struct alias *x = a, *y = b;
    int order = wit_str_cmp(x->name, y->name);
    if (order == 0)
        order = x->rank < y->rank ? -1 : x->rank > y->rank;
    return order ? order : x->image < y->image ? -1 : x->image > y->image;
}

static struct wit_str without_suffix(struct wit_str name) {
    for (size_t i = name.len; i > 1 && name.data[i - 1] != '/'; i--)
        if (name.data[i - 1] == '.')
            return wit_str_slice(name, 0, i - 1);
    return name;
}

static struct wit_str last_part(struct wit_str path) {
    size_t from = path.len;
    while (from > 0 && path.data[from - 1] != '/')
        from--;
    return wit_str_slice(path, from, path.len);
}

static struct alias *aliases_make(const struct overlap *v) {
    struct alias *all = wit_alloc_array(4 * (size_t)v->eval.count, sizeof *all);
    for (uint32_t i = 0; i < v->eval.count && all; i++) {
        const struct wit_str path = wit_str_from(v->eval.names[i]), last = last_part(path);
        all[4 * (size_t)i] = (struct alias){ path, 0, i };
        all[4 * (size_t)i + 1] = (struct alias){ without_suffix(path), 1, i };
        all[4 * (size_t)i + 2] = (struct alias){ last, 2, i };
        all[4 * (size_t)i + 3] = (struct alias){ without_suffix(last), 3, i };
    }
    if (all)
        qsort(all, 4 * (size_t)v->eval.count, sizeof *all, order_alias);
    return all;
}

/* The first alias of that name, or count. */
static size_t alias_find(const struct alias *all, size_t count, struct wit_str name) {
    size_t from = 0, to = count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (wit_str_cmp(all[mid].name, name) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from < count && wit_str_eq(all[from].name, name) ? from : count;
}

/* seen[image]: had a prediction before. */
static int prediction_count(struct overlap *v, const struct prediction *p, const struct alias *all,
                            uint8_t *seen, struct wit_error *err) {
    const size_t count = 4 * (size_t)v->eval.count;
    const size_t at = alias_find(all, count, wit_str_from(p->name));
    if (at == count) {
        v->unknown++;
        return 0;
    }
    if (at + 1 < count && wit_str_eq(all[at + 1].name, all[at].name) &&
        all[at + 1].rank == all[at].rank && all[at + 1].image != all[at].image)
        return wit_error_set(err, WIT_EFORMAT, "%s:%" PRIu64 ": '%s' names more than one image",
                             v->o->predictions, p->line, p->name);
    const uint32_t image = all[at].image;
    if (seen[image])
        return wit_error_set(err, WIT_EFORMAT, "%s:%" PRIu64 ": a second prediction for '%s'",
                             v->o->predictions, p->line, p->name);
    seen[image] = 1;
    struct score *score = is_overlap(v, image) ? &v->overlap : &v->clean;
    score->count++;
    score->correct += p->correct;
    v->all.count++;
    v->all.correct += p->correct;
    return 0;
}

static int predictions_count(struct overlap *v, struct wit_error *err) {
    struct predictions p = { NULL, 0 };
    int st = predictions_load(v->o->predictions, &p, err);
    if (st < 0)
        return st;
    struct alias *all = aliases_make(v);
    uint8_t *seen = wit_alloc_array(v->eval.count, 1);
    if (!all || !seen)
        st = wit_error_set(err, WIT_ENOMEM, "no memory for names of %u images", v->eval.count);
    for (size_t i = 0; i < p.count && st >= 0; i++)
        st = prediction_count(v, &p.items[i], all, seen, err);
    if (st >= 0 && v->all.count == 0)
        st = wit_error_set(err, WIT_ENOTFOUND, "%s names no image of %s", v->o->predictions,
                           v->o->against);
    free(all);
    free(seen);
    predictions_finish(&p);
    return st;
}

/* ---- printing ------------------------------------------------------------------------------- */

static double accuracy(const struct score *s) {
    return (double)s->correct / (double)s->count;
}

/* P(as many correct of Overlap, or more) if each were so with Clean's accuracy. */
static double chance(const struct overlap *v) {
    return wit_binomial_at_least(v->overlap.correct, v->overlap.count, accuracy(&v->clean));
}

static void score_put(struct json_line *l, const char *name, const struct score *s) {
    wit_json_key(&l->json, name);
    wit_json_object_begin(&l->json);
    json_line_count(l, "images", s->count);
    json_line_count(l, "correct", s->correct);
    wit_json_key(&l->json, "accuracy");
    if (s->count)
        wit_json_put_double(&l->json, accuracy(s));
    else
        wit_json_put_null(&l->json);
    wit_json_object_end(&l->json);
}

static void accuracy_put(struct json_line *l, const struct overlap *v) {
    score_put(l, "accuracy_all", &v->all);
    score_put(l, "accuracy_clean", &v->clean);
    score_put(l, "accuracy_overlap", &v->overlap);
    json_line_count(l, "unpredicted", v->eval.count - v->all.count);
    json_line_count(l, "unknown_names", v->unknown);
    if (v->clean.count == 0 || v->overlap.count == 0)
        return; /* nothing to compare */
    double low, high;
    wit_binomial_interval(v->overlap.correct, v->overlap.count, accuracy_confidence, &low, &high);
    json_line_double(l, "all_less_clean", accuracy(&v->all) - accuracy(&v->clean));
    json_line_double(l, "overlap_less_clean", accuracy(&v->overlap) - accuracy(&v->clean));
    json_line_double(l, "p_value", chance(v));
    json_line_double(l, "overlap_low", low);
    json_line_double(l, "overlap_high", high);
}

static int json_show(const struct overlap *v, double low, double high, struct wit_error *err) {
    struct json_line line;
    json_line_init(&line, (size_t)1 << 16);
    json_line_begin(&line, "wit.shards.overlap/1");
    json_line_count(&line, "trained", v->trained_count);
    json_line_count(&line, "all", v->eval.count);
    json_line_count(&line, "overlap", v->overlaps);
    json_line_count(&line, "clean", v->eval.count - v->overlaps);
    json_line_double(&line, "share", (double)v->overlaps / v->eval.count);
    json_line_double(&line, "share_low", low);
    json_line_double(&line, "share_high", high);
    json_line_count(&line, "distance", v->o->near.distance);
    json_line_count(&line, "low_quality", v->low_quality);
    json_line_count(&line, "undecodable", v->eval.undecodable);
    json_line_count(&line, "ignored", v->eval.ignored);
    if (v->o->predictions)
        accuracy_put(&line, v);
    int st = json_line_end(&line, err);
    json_line_finish(&line);
    return st;
}

static void score_print(const char *name, const struct score *s) {
    if (s->count)
        printf("accuracy on %-8s %6.2f %% (%" PRIu64 " of %" PRIu64 ")\n", name, 100 * accuracy(s),
               s->correct, s->count);
    else
        printf("accuracy on %-8s no image\n", name);
}

static void accuracy_print(const struct overlap *v) {
    double low, high;
    score_print("all", &v->all);
    score_print("clean", &v->clean);
    score_print("overlap", &v->overlap);
    if (v->all.count < v->eval.count || v->unknown)
        printf("%" PRIu64 " images have no prediction; %" PRIu64 " predictions name no image\n",
               v->eval.count - v->all.count, v->unknown);
    if (v->clean.count == 0 || v->overlap.count == 0)
        return;
    wit_binomial_interval(v->overlap.correct, v->overlap.count, accuracy_confidence, &low, &high);
    printf("all less clean %+.2f points, overlap less clean %+.2f points\n",
           100 * (accuracy(&v->all) - accuracy(&v->clean)),
           100 * (accuracy(&v->overlap) - accuracy(&v->clean)));
    printf("as good on overlap, or better, by chance at clean's accuracy: p = %.3g; 99.5 %% "
           "interval of overlap %.2f to %.2f %%\n",
           chance(v), 100 * low, 100 * high);
}

static int overlap_show(const struct overlap *v, struct wit_error *err) {
    double low, high;
    wit_binomial_interval(v->overlaps, v->eval.count, share_confidence, &low, &high);
    if (v->o->json)
        return json_show(v, low, high, err);
    printf("%" PRIu64 " of %u images look like one of %" PRIu64
           " trained on: %.2f %% (95 %% interval %.2f to %.2f)\n",
           v->overlaps, v->eval.count, v->trained_count,
           100.0 * (double)v->overlaps / v->eval.count, 100 * low, 100 * high);
    if (v->low_quality || v->eval.undecodable || v->eval.ignored)
        printf("%" PRIu64 " of them have too little in them to look like others; left out: %" PRIu64
               " images that do not decode, %" PRIu64 " other files\n",
               v->low_quality, v->eval.undecodable, v->eval.ignored);
    if (v->o->predictions)
        accuracy_print(v);
    return 0;
}

static int overlap_run(const struct options *o, struct wit_error *err) {
    struct overlap v = { .o = o };
    int st = compare(&v, err);
    if (st >= 0 && o->predictions)
        st = predictions_count(&v, err);
    if (st >= 0 && o->to)
        st = lists_write(&v, err);
    if (st >= 0)
        st = overlap_show(&v, err);
    wit_shards_eval_finish(&v.eval);
    free(v.trained);
    free(v.nearest);
    free(v.distance);
    return st;
}

/* ---- options -------------------------------------------------------------------------------- */

static const struct option longs[] = {
    { "against", required_argument, NULL, 'a' },
    { "predictions", required_argument, NULL, 'p' },
    { "to", required_argument, NULL, 'o' },
    { "distance", required_argument, NULL, 'd' },
    { "quality", required_argument, NULL, 'q' },
    { "threads", required_argument, NULL, 't' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int option_take(int opt, struct options *o) {
    switch (opt) {
    case 'a':
        o->against = optarg;
        return CLI_DONE;
    case 'p':
        o->predictions = optarg;
        return CLI_DONE;
    case 'o':
        o->to = optarg;
        return CLI_DONE;
    case 'd':
    case 'q':
    case 't':
        return cli_near_option(opt, optarg, &o->near);
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

static int options_parse(int argc, char **argv, struct options *o) {
    int code = CLI_DONE;
    optind = 1;
    for (int opt;
         code == CLI_DONE && !o->helped && (opt = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        code = option_take(opt, o);
    if (code != CLI_DONE || o->helped)
        return code;
    if (argc - optind != 1 || !o->against)
        return cli_usage_error("shards", "'overlap' takes one dataset, and --against EVALDIR");
    o->dir = argv[optind];
    return CLI_DONE;
}

int cmd_shards_overlap(int argc, char **argv) {
    struct options o = { .near = wit_shards_near_config_default() };
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    cli_catch_interrupts();
    o.near.interrupt = cli_interrupt_flag();
    int st = overlap_run(&o, &err);
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    return st < 0 ? cli_fail("shards", &err) : flushed;
}
