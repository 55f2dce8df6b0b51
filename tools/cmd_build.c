/*
 * wit build: the main job from one YAML file: allowlist, crawl, seal, train. Each stage resumes by
 * itself, so a run that was killed is simply run again.
 */
#include "crawl_run.h"
#include "job.h"
#include "wit_loader.h"
#include "wit_trainer.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <math.h>
#include <unistd.h>

static const char help[] =
    "usage: wit build JOB.yaml [--out DIR] [--reactors N] [--threads N] [--stop-after STAGE]\n"
    "                 [--json]\n"
    "\n"
    "Run the stages of a job in order, each from where it was left: build the allowlist, crawl,\n"
    "seal shards, train. The closing table says what came of it and where everything is. The man\n"
    "page wit-build(1) has the keys of the job file; examples/gimp-manual.yaml is one.\n"
    "\n"
    "  --out DIR           directory of the dataset (default: out of the job)\n"
    "  --reactors N        event loops of the crawl (default: the job's, else 1)\n"
    "  --threads N         of sealing, decoding and training; 0: one for each core\n"
    "  --stop-after STAGE  crawl, seal or train (default: the last one that the job has)\n"
    "  --json              the closing table as a JSON object, progress as JSON lines\n"
    "  --help              this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage, or a job that is wrong\n"
    "      3 done, but a seed, a list or an archive, or any page, could not be read\n"
    "      130 interrupted: the same command goes on\n";

enum stage { STAGE_CRAWL, STAGE_SEAL, STAGE_TRAIN };
static const char *const stage_names[] = { "crawl", "seal", "train" };

struct build {
    const char *job_path, *out_option;
    char folder[WIT_PATH_MAX]; /* of the job file: its paths begin there */
    char out[WIT_PATH_MAX], allowlist[WIT_PATH_MAX], checkpoints[WIT_PATH_MAX];
    struct job *job;
    enum stage last, done; /* the last to run; the last that ran */
    bool has_last, has_done, json;
    const char *stopped_in; /* the stage that failed or was interrupted */
    bool interrupted;
    bool is_wrong;              /* what failed is what the job says: bad usage */
    uint64_t reactors, threads; /* UINT64_MAX: as the job says */

    uint64_t entries;
    struct selection selection;
    struct crawl_run crawl;
    struct wit_crawler_report crawled;
    struct wit_shards_seal_report sealed;
    struct wit_trainer_run_report trained;
    struct wit_progress progress;
};

/* ---- paths ---------------------------------------------------------------------------------- */

/* A path of the job file, as seen from here. */
static int path_of(const struct build *b, const char *path, char out[WIT_PATH_MAX],
                   struct wit_error *err) {
    int n = path[0] == '/' ? snprintf(out, WIT_PATH_MAX, "%s", path)
                           : snprintf(out, WIT_PATH_MAX, "%s/%s", b->folder, path);
    return n < WIT_PATH_MAX ? 0 : wit_error_set(err, WIT_ELIMIT, "path is too long: %s", path);
}

static int paths_make(struct build *b, struct wit_error *err) {
    char copy[WIT_PATH_MAX];
    snprintf(copy, sizeof copy, "%s", b->job_path);
    snprintf(b->folder, sizeof b->folder, "%s", dirname(copy));
    if (!b->out_option && !b->job->out)
        return wit_error_set(err, WIT_EINVAL, "%s: out is not given, and neither is --out",
                             b->job_path);
    int st = b->out_option ? snprintf(b->out, sizeof b->out, "%s", b->out_option)
                           : path_of(b, b->job->out, b->out, err);
    if (st < 0)
        return st;
    if (st >= WIT_PATH_MAX || wit_path_join(b->allowlist, b->out, "allowlist.txt") < 0 ||
        wit_path_join(b->checkpoints, b->out, "checkpoints") < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", b->out);
    return wit_dir_make(b->out, err);
}

/* A file of the job, by a name that lives as long as the crawl. */
static int path_keep(struct build *b, const char *name, const char **out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = path_of(b, name, path, err);
    if (st >= 0)
        *out = wit_arena_copy(b->crawl.memory, path, strlen(path));
    return st < 0 || *out ? st : wit_error_set(err, WIT_ENOMEM, "no memory for names of files");
}

/* Is it the job that is wrong, or the world? */
static int settings_failed(struct build *b, int st) {
    b->is_wrong |= st == WIT_EINVAL || st == WIT_EFORMAT;
    return st;
}

/* ---- allowlist ------------------------------------------------------------------------------ */

static int words_list(struct build *b, const struct job_filter *filter,
                      struct wit_filter_build_config *cfg, struct wit_arena *memory,
                      struct wit_error *err) {
    char path[WIT_PATH_MAX];
    const char **words =
        wit_arena_alloc(memory, (filter->words_count + 1) * sizeof *words, sizeof(void *));
    int st = words ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory for the names of files");
    for (unsigned i = 0; i < filter->words_count && st >= 0; i++) {
        st = path_of(b, filter->words[i], path, err);
        if (st >= 0 && !(words[i] = wit_arena_copy(memory, path, strlen(path))))
            st = wit_error_set(err, WIT_ENOMEM, "no memory for the names of files");
    }
    cfg->extra = words;
    cfg->n_extra = filter->words_count;
    return st;
}

/* Made anew in each run: it takes a second, and the same inputs give the same bytes. */
static int allowlist_make(struct build *b, const struct job_filter *filter, struct wit_error *err) {
    struct wit_filter_build_config cfg = wit_filter_build_config_default();
    char wordnet[WIT_PATH_MAX];
    int st = 0;
    if (filter->allowlist)
        return path_of(b, filter->allowlist, b->allowlist, err);
    if (filter->wordnet) {
        st = path_of(b, filter->wordnet, wordnet, err);
        cfg.wordnet_dir = wordnet;
    }
    if (st >= 0)
        st = words_list(b, filter, &cfg, b->crawl.memory, err);
    cfg.size = job_uint(filter->size, cfg.size);
    return st < 0 ? st : wit_filter_allowlist_build(&cfg, b->allowlist, err);
}

/* The job's rules of captions. */
static int hygiene_take(struct build *b, const struct job_hygiene *job,
                        struct selection_config *cfg, struct wit_error *err) {
    struct wit_filter_hygiene_config *rules = &cfg->hygiene;
    cfg->has_hygiene = true;
    for (unsigned i = 0; i < job->off_count; i++) {
        enum wit_filter_rule rule;
        if (wit_filter_rule_find(wit_str_from(job->off[i]), &rule) < 0)
            return wit_error_set(err, WIT_EINVAL, "%s: filter: hygiene: off: there is no rule '%s'",
                                 b->job_path, job->off[i]);
        rules->off |= 1u << rule;
    }
    rules->min_letters = (uint32_t)job_uint(job->min_letters, rules->min_letters);
    rules->max_bytes = (uint32_t)job_uint(job->max_bytes, rules->max_bytes);
    rules->langs = job->langs;
    rules->lang_letters = (uint32_t)job_uint(job->lang_letters, rules->lang_letters);
    cfg->boilerplate.pages = (uint32_t)job_uint(job->boilerplate_pages, cfg->boilerplate.pages);
    cfg->boilerplate.share = job_real(job->boilerplate_share, cfg->boilerplate.share);
    return job->blocklist ? path_keep(b, job->blocklist, &cfg->blocklist, err) : 0;
}

static int stage_allowlist(struct build *b, struct wit_error *err) {
    const struct job_filter *filter = b->job->filter;
    struct selection_config cfg = selection_config_default();
    cfg.folder = b->out;
    int st = 0;
    if (filter && filter->hygiene)
        st = hygiene_take(b, filter->hygiene, &cfg, err);
    if (st < 0)
        return settings_failed(b, st);
    if (job_has_list(b->job)) {
        st = allowlist_make(b, filter, err);
        cfg.allowlist = b->allowlist;
        cfg.per_query = job_uint(filter->per_query, 20000);
        cfg.seed = job_uint(filter->seed, 0);
    }
    if (st >= 0)
        st = selection_open(&b->selection, &cfg, err);
    b->is_wrong |= st == WIT_EINVAL; /* a language that is none */
    if (st >= 0)
        b->entries = wit_filter_allowlist_count(b->selection.list);
    return st;
}

/* ---- crawl ---------------------------------------------------------------------------------- */

static int crawl_lists(struct build *b, const struct job_crawl *job, struct wit_error *err) {
    struct crawl_run *run = &b->crawl;
    char path[WIT_PATH_MAX];
    int st = 0;
    for (unsigned i = 0; i < job->seeds_count && st >= 0; i++)
        st = crawl_run_seed(run, wit_str_from(job->seeds[i]), b->job_path, err);
    for (unsigned i = 0; i < job->seed_files_count && st >= 0; i++) {
        st = path_of(b, job->seed_files[i], path, err);
        if (st >= 0)
            st = crawl_run_seed_file(run, path, err);
    }
    for (unsigned i = 0; i < job->scope_count && st >= 0; i++)
        st = crawl_run_scope(run, job->scope[i], err);
    for (unsigned i = 0; i < job->allow_net_count && st >= 0; i++)
        st = crawl_run_allow_net(run, job->allow_net[i], err);
    for (unsigned i = 0; i < job->obey_agents_count && st >= 0; i++)
        st = crawl_run_obey_agents(run, job->obey_agents[i], err);
    for (unsigned i = 0; i < job->ignore_count && st >= 0; i++)
        st = wit_crawler_ignore_parse(wit_str_from(job->ignore[i]), &run->cfg.ignore, err);
    for (unsigned i = 0; i < job->hosts_count && st >= 0; i++)
        st = crawl_run_host(run, job->hosts[i].host,
                            job_uint(job->hosts[i].delay_ms, run->cfg.delay_ms),
                            job_uint(job->hosts[i].concurrency, run->cfg.concurrency), err);
    return st;
}

static int names_add(struct crawl_list *l, enum crawl_list_names kind, char *const *names,
                     unsigned count, struct wit_error *err) {
    int st = 0;
    for (unsigned i = 0; i < count && st >= 0; i++)
        st = crawl_list_add(l, kind, names[i], err);
    return st;
}

static int archives_open(struct build *b, const struct job_crawl *job, struct wit_error *err) {
    struct crawl_archive *a = &b->crawl.archive;
    const char *path = NULL;
    int st = 0;
    for (unsigned i = 0; i < job->archives_count && st >= 0; i++) {
        st = path_keep(b, job->archives[i], &path, err);
        if (st >= 0)
            st = crawl_archive_add(a, path, err);
    }
    return st < 0 ? st : crawl_archive_open(a, &b->crawl.cfg, err);
}

static int list_open(struct build *b, const struct job_list *job, struct wit_error *err) {
    struct crawl_list *l = &b->crawl.list;
    struct wit_arena *memory = b->crawl.memory;
    const char *path = NULL;
    int st = 0;
    for (unsigned i = 0; i < job->files_count && st >= 0; i++) {
        st = path_keep(b, job->files[i], &path, err);
        if (st >= 0)
            st = crawl_list_add(l, CRAWL_LIST_FILES, path, err);
    }
    if (st >= 0 && job->format)
        st = crawl_list_format(l, job->format, err);
    if (st >= 0)
        st = names_add(l, CRAWL_LIST_CAPTIONS, job->caption_cols, job->caption_cols_count, err);
    if (st >= 0)
        st = names_add(l, CRAWL_LIST_KEEP, job->keep_cols, job->keep_cols_count, err);
    if (st >= 0)
        st = names_add(l, CRAWL_LIST_LANGUAGES, job->lang, job->lang_count, err);
    if (st >= 0 && job->verify_hash)
        st = crawl_list_hash(l, job->verify_hash, memory, err);
    l->cfg.url_column = job->url_col;
    l->cfg.need_caption = job->need_caption && *job->need_caption;
    return st < 0 ? st : crawl_list_open(l, err);
}

static int images_take(struct build *b, const struct job_images *job, struct wit_error *err) {
    struct crawl_images *images = &b->crawl.images;
    struct wit_crawler_config *cfg = &b->crawl.cfg;
    const bool bigger = job->resize_only_if_bigger && *job->resize_only_if_bigger;
    const bool skip = job->skip_reencode && *job->skip_reencode;
    const struct {
        int option;
        const char *value; /* NULL: not given */
    } given[] = {
        { CRAWL_IMAGES_RESIZE, job->resize },           { CRAWL_IMAGES_MODE, job->resize_mode },
        { CRAWL_IMAGES_BIGGER, bigger ? "" : NULL },    { CRAWL_IMAGES_ENCODE, job->encode },
        { CRAWL_IMAGES_QUALITY, job->encode_quality },  { CRAWL_IMAGES_SKIP, skip ? "" : NULL },
        { CRAWL_IMAGES_LEAST, job->min_image_size },    { CRAWL_IMAGES_AREA, job->max_image_area },
        { CRAWL_IMAGES_ASPECT, job->max_aspect_ratio }, { CRAWL_IMAGES_VERIFY, job->verify },
        { CRAWL_IMAGES_THREADS, job->image_threads }
    };
    int st = 0;
    for (size_t i = 0; i < WIT_COUNT_OF(given) && st >= 0; i++)
        if (given[i].value)
            st = crawl_images_option(images, cfg, given[i].option, given[i].value, err);
    for (unsigned i = 0; i < job->block_hashes_count && st >= 0; i++) {
        char path[WIT_PATH_MAX];
        st = path_of(b, job->block_hashes[i], path, err);
        if (st >= 0)
            st = crawl_images_option(images, cfg, CRAWL_IMAGES_BLOCK, path, err);
    }
    return st < 0 ? st : crawl_images_complete(images, cfg, err);
}

static void numbers_take(struct build *b, const struct job_crawl *job) {
    struct wit_crawler_config *cfg = &b->crawl.cfg;
    cfg->delay_ms = (uint32_t)job_uint(job->delay_ms, cfg->delay_ms);
    cfg->concurrency = (uint32_t)job_uint(job->concurrency, cfg->concurrency);
    cfg->max_pages = job_uint(job->max_pages, cfg->max_pages);
    cfg->max_depth = (uint32_t)job_uint(job->max_depth, cfg->max_depth);
    cfg->max_in_flight = (uint32_t)job_uint(job->max_in_flight, cfg->max_in_flight);
    cfg->max_domain_pages = job_uint(job->max_pages_per_domain, cfg->max_domain_pages);
    cfg->max_barren_pages = (uint32_t)job_uint(job->max_barren_pages, cfg->max_barren_pages);
    cfg->reactors = (unsigned)(b->reactors == UINT64_MAX ? job_uint(job->reactors, cfg->reactors)
                                                         : b->reactors);
    cfg->ip_delay_ms = (uint32_t)job_uint(job->ip_delay_ms, cfg->ip_delay_ms);
    cfg->max_rate = (uint32_t)job_uint(job->max_rate, cfg->max_rate);
    cfg->max_bandwidth = job_uint(job->max_bandwidth, cfg->max_bandwidth);
    cfg->max_rests = (uint32_t)job_uint(job->max_rests, cfg->max_rests);
    cfg->retries = (uint32_t)job_uint(job->retries, cfg->retries);
}

static int stage_crawl(struct build *b, struct wit_error *err) {
    const struct job_crawl *job = b->job->crawl;
    struct wit_crawler_config *cfg = &b->crawl.cfg;
    b->crawl.json = b->json;
    cfg->dir = b->out;
    numbers_take(b, job);
    if (job->sitemaps)
        cfg->sitemaps = *job->sitemaps;
    if (job->rounds)
        cfg->rounds = *job->rounds;
    if (job->user_agent)
        cfg->user_agent = job->user_agent;
    cfg->contact = job->contact;
    cfg->dns_servers = job->dns;
    cfg->retry_failed = job->retry_failed;
    b->crawl.metrics_address = job->metrics;
    int st = crawl_lists(b, job, err);
    if (st >= 0 && job->list)
        st = list_open(b, job->list, err);
    if (st >= 0)
        st = archives_open(b, job, err);
    if (st >= 0 && job->images)
        st = images_take(b, job->images, err);
    if (st >= 0)
        st = crawl_run_check(&b->crawl, err);
    if (st < 0) {
        wit_error_wrap(err, "%s: crawl", b->job_path);
        return settings_failed(b, st);
    }
    return crawl_run(&b->crawl, &b->selection, &b->crawled, err);
}

/* ---- seal ----------------------------------------------------------------------------------- */

static unsigned threads_of(const struct build *b, const uint64_t *of_job) {
    return (unsigned)(b->threads == UINT64_MAX ? job_uint(of_job, 0) : b->threads);
}

static int stage_seal(struct build *b, struct wit_error *err) {
    const struct job_shards *job = b->job->shards;
    if (b->crawled.images == 0) /* a dataset of nothing would look like one */
        return wit_error_set(err, WIT_ENOTFOUND,
                             "there is nothing to seal: %" PRIu64 " rows and %" PRIu64
                             " pages were read, with %" PRIu64
                             " candidates, and no image is stored",
                             b->crawled.rows, b->crawled.pages, b->crawled.candidates);
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    cfg.threads = threads_of(b, job ? job->threads : NULL);
    if (job) {
        cfg.shard_bytes = job_uint(job->shard_bytes, cfg.shard_bytes);
        cfg.shard_bits = job->bits ? (int)*job->bits : cfg.shard_bits;
    }
    if (job && job->transcode) /* checked with the job */
        (void)wit_shards_transcode_parse(wit_str_from(job->transcode), &cfg.transcode);
    cfg.tool = WIT_STR("wit " WIT_VERSION);
    cfg.interrupt = cli_interrupt_flag();
    int st = selection_review(&b->selection, b->out, cfg.interrupt, err);
    if (st < 0)
        return st;
    selection_seal(&b->selection, &cfg);
    return wit_shards_seal(b->out, &cfg, &b->sealed, err);
}

/* ---- train ---------------------------------------------------------------------------------- */

static void train_progress(void *user, const struct wit_trainer_progress *p) {
    struct build *b = user;
    char note[80];
    snprintf(note, sizeof note, "loss %.4f, %.1f samples/s", p->loss, p->samples_per_s);
    wit_progress_update(&b->progress, p->step, 0, note);
}

/* Model and vocabulary of the job. */
static int train_inputs(const struct build *b, struct wit_trainer_model *model,
                        char vocab[WIT_PATH_MAX], struct wit_error *err) {
    const struct job_train *job = b->job->train;
    char name[WIT_PATH_MAX];
    int st = 0;
    snprintf(name, sizeof name, "%s", job->model ? job->model : "demo");
    if (strchr(name, '/') || wit_str_ends_with(wit_str_from(name), WIT_STR(".json")))
        st = path_of(b, job->model, name, err);
    if (st >= 0)
        st = wit_trainer_model_find(name, model, err);
    if (st >= 0)
        st = job->vocab
                 ? path_of(b, job->vocab, vocab, err)
                 : wit_error_set(err, WIT_EINVAL, "%s: train: vocab is not given", b->job_path);
    if (st >= 0 && access(vocab, R_OK) < 0)
        st = wit_error_errno(err, errno, "%s: train: cannot open vocab %s", b->job_path, vocab);
    return st < 0 ? st : 0;
}

/* What is wrong with them is said before the crawl, not after. */
static int train_check(const struct build *b, struct wit_error *err) {
    struct wit_trainer_run_config cfg = wit_trainer_run_config_default();
    char vocab[WIT_PATH_MAX];
    return train_inputs(b, &cfg.trainer.model, vocab, err);
}

static int stage_train(struct build *b, struct wit_error *err) {
    const struct job_train *job = b->job->train;
    if (b->sealed.samples == 0)
        return wit_error_set(err, WIT_ENOTFOUND,
                             "there is nothing to train on: of %" PRIu64
                             " candidates no pair was kept",
                             b->crawled.candidates);
    struct wit_trainer_run_config cfg = wit_trainer_run_config_default();
    char vocab[WIT_PATH_MAX] = "";
    int st = train_inputs(b, &cfg.trainer.model, vocab, err);
    if (st < 0)
        return st;
    cfg.dataset = b->out;
    cfg.vocab = vocab;
    cfg.out = b->checkpoints;
    cfg.trainer.batch = (int64_t)job_uint(job->batch, (uint64_t)cfg.trainer.batch);
    cfg.trainer.threads = threads_of(b, job->threads);
    cfg.trainer.weight_decay = job_real(job->weight_decay, cfg.trainer.weight_decay);
    cfg.steps = job_uint(job->steps, cfg.steps);
    cfg.warmup = job_uint(job->warmup, cfg.warmup);
    cfg.seed = job_uint(job->seed, cfg.seed);
    cfg.lr = job_real(job->lr, cfg.lr);
    cfg.save_every = cfg.steps / 10 ? cfg.steps / 10 : 1;
    cfg.resume = true;
    cfg.interrupt = cli_interrupt_flag();
    cfg.progress = train_progress;
    cfg.user = b;
    wit_progress_start(&b->progress, "train", "steps", cfg.steps, b->json);
    st = wit_trainer_run(&cfg, &b->trained, err);
    wit_progress_finish(&b->progress, "");
    return st;
}

/* ---- the closing table ---------------------------------------------------------------------- */

static double ln_batch(const struct build *b) {
    return log((double)job_uint(b->job->train->batch, 64));
}

static void table_print(const struct build *b, struct wit_buf *out) {
    char hex[WIT_HASH128_HEX];
    crawl_report_print(&b->crawled, &b->selection, out);
    if (b->done >= STAGE_SEAL) {
        wit_hash128_to_hex(b->sealed.hash, hex);
        wit_buf_printf(out,
                       "dataset      %" PRIu64 " samples, %" PRIu64 " pairs, %.1f MB of images in "
                       "%" PRIu64 " shard%s%s\n",
                       b->sealed.samples, b->sealed.pairs, (double)b->sealed.image_bytes / 1e6,
                       b->sealed.shards, b->sealed.shards == 1 ? "" : "s",
                       b->sealed.changed ? "" : " (nothing changed)");
        wit_buf_printf(out,
                       "  left out   %" PRIu64 " pairs over their share in the end, %" PRIu64
                       " images whose bytes are another's\n",
                       b->sealed.dropped_pairs, b->sealed.duplicate_images);
        wit_buf_printf(out, "dataset hash %s\n", hex);
    }
    if (b->done >= STAGE_TRAIN) {
        const struct wit_trainer_run_report *t = &b->trained;
        wit_buf_printf(out, "training     %" PRIu64 " steps of %" PRIu64 " pairs, ", t->steps,
                       job_uint(b->job->train->batch, 64));
        if (t->samples)
            wit_buf_printf(out, "%.1f samples/s\n", t->samples_per_s);
        else
            wit_buf_printf(out, "done before\n");
        wit_buf_printf(
            out, "loss         %.4f first, %.4f last, means of %zu steps (ln of the batch: %.4f)\n",
            t->first_loss, t->last_loss, t->edge_steps, ln_batch(b));
    }
    wit_buf_printf(out, "where        %s/collect\n", b->out);
    if (job_has_list(b->job))
        wit_buf_printf(out, "             %s (%" PRIu64 " entries)\n", b->allowlist, b->entries);
    if (b->done >= STAGE_SEAL)
        wit_buf_printf(out, "             %s/dataset.json\n             %s/shards\n", b->out,
                       b->out);
    if (b->done >= STAGE_TRAIN)
        wit_buf_printf(out, "             %s\n", b->trained.checkpoint);
    if (b->stopped_in)
        wit_buf_printf(out, "stopped      in %s; the same command goes on\n", b->stopped_in);
}

static void put_count(struct wit_json_writer *w, const char *key, uint64_t n) {
    wit_json_key(w, key);
    wit_json_put_u64(w, n);
}

static void put_real(struct wit_json_writer *w, const char *key, double v) {
    wit_json_key(w, key);
    wit_json_put_double(w, v);
}

static void put_text(struct wit_json_writer *w, const char *key, const char *text) {
    wit_json_key(w, key);
    wit_json_put_cstr(w, text);
}

static void table_put(const struct build *b, struct wit_json_writer *w) {
    char hex[WIT_HASH128_HEX];
    put_text(w, "schema", "wit.build/1");
    put_text(w, "out", b->out);
    wit_json_key(w, "interrupted");
    wit_json_put_bool(w, b->interrupted);
    wit_json_key(w, "stopped_in");
    if (b->stopped_in)
        wit_json_put_cstr(w, b->stopped_in);
    else
        wit_json_put_null(w);
    put_count(w, "entries", b->entries);
    crawl_report_put(&b->crawled, &b->selection, w);
    if (b->done >= STAGE_SEAL) {
        wit_hash128_to_hex(b->sealed.hash, hex);
        put_text(w, "hash", hex);
        put_count(w, "samples", b->sealed.samples);
        put_count(w, "pairs", b->sealed.pairs);
        put_count(w, "shards", b->sealed.shards);
        put_count(w, "dropped_pairs", b->sealed.dropped_pairs);
        put_count(w, "duplicate_images", b->sealed.duplicate_images);
        put_count(w, "sample_bytes", b->sealed.image_bytes);
        wit_json_key(w, "changed");
        wit_json_put_bool(w, b->sealed.changed);
    }
    if (b->done >= STAGE_TRAIN) {
        put_count(w, "steps", b->trained.steps);
        put_real(w, "samples_per_s", b->trained.samples_per_s);
        put_real(w, "first_loss", b->trained.first_loss);
        put_real(w, "last_loss", b->trained.last_loss);
        put_real(w, "ln_batch", ln_batch(b));
        put_text(w, "checkpoint", b->trained.checkpoint);
    }
}

static int table_write(const struct build *b) {
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    if (b->json) {
        struct wit_json_writer w;
        wit_json_writer_init(&w, &out);
        wit_json_object_begin(&w);
        table_put(b, &w);
        wit_json_object_end(&w);
        wit_buf_append_byte(&out, '\n');
    } else {
        table_print(b, &out);
    }
    int code = cli_write_stdout("build", wit_buf_view(&out));
    wit_buf_finish(&out);
    return code;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int stage_parse(struct build *b, const char *name) {
    for (size_t i = 0; i < WIT_COUNT_OF(stage_names); i++)
        if (strcmp(stage_names[i], name) == 0) {
            b->last = (enum stage)i;
            b->has_last = true;
            return CLI_DONE;
        }
    return cli_usage_error("build", "--stop-after takes crawl, seal or train, not '%s'", name);
}

/* CLI_DONE, or -1 after --help, or CLI_USAGE. */
static int options_parse(int argc, char **argv, struct build *b) {
    static const struct option longs[] = { { "out", required_argument, NULL, 'o' },
                                           { "reactors", required_argument, NULL, 'r' },
                                           { "threads", required_argument, NULL, 't' },
                                           { "stop-after", required_argument, NULL, 's' },
                                           { "json", no_argument, NULL, 'j' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    int code = CLI_DONE;
    for (int c; code == CLI_DONE && (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'o':
            b->out_option = optarg;
            break;
        case 'r':
            code = cli_parse_u64("build", "--reactors", optarg, 1, 256, &b->reactors);
            break;
        case 't':
            code =
                cli_parse_u64("build", "--threads", optarg, 0, WIT_LOADER_MAX_THREADS, &b->threads);
            break;
        case 's':
            code = stage_parse(b, optarg);
            break;
        case 'j':
            b->json = true;
            break;
        case 'h':
            return cli_write_stdout("build", WIT_STR(help)) == CLI_DONE ? -1 : CLI_FAILED;
        default:
            return cli_usage_error("build", "unknown option");
        }
    }
    if (code == CLI_DONE && argc - optind != 1)
        return cli_usage_error("build", "which job? One YAML file is wanted");
    if (code == CLI_DONE)
        b->job_path = argv[optind];
    return code;
}

static int last_stage(struct build *b, struct wit_error *err) {
    enum stage most = b->job->train ? STAGE_TRAIN : STAGE_SEAL;
    if (!b->has_last)
        b->last = most;
    if (b->last > most)
        return wit_error_set(err, WIT_EINVAL, "%s: --stop-after train, but the job has no train",
                             b->job_path);
    return 0;
}

static int stages_run(struct build *b, struct wit_error *err) {
    static int (*const stages[])(struct build * b,
                                 struct wit_error * err) = { stage_crawl, stage_seal, stage_train };
    int st = job_load(b->job_path, &b->job, err);
    if (st >= 0)
        st = last_stage(b, err);
    if (st >= 0)
        st = paths_make(b, err);
    if (st >= 0 && b->last == STAGE_TRAIN)
        st = train_check(b, err);
    if (st < 0)
        return settings_failed(b, st);
    st = stage_allowlist(b, err);
    for (int stage = STAGE_CRAWL; stage <= (int)b->last && st >= 0; stage++) {
        st = stages[stage](b, err);
        if (st >= 0) {
            b->done = (enum stage)stage;
            b->has_done = true;
        } else {
            b->stopped_in = stage_names[stage];
            b->interrupted = st == WIT_ECANCELED;
        }
    }
    if (b->interrupted)
        wit_error_wrap(err, "%s", b->stopped_in);
    return st;
}

int cmd_build(int argc, char **argv) {
    struct build b = { .reactors = UINT64_MAX,
                       .threads = UINT64_MAX,
                       .crawled = WIT_CRAWLER_REPORT_INIT };
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, &b);
    if (code != CLI_DONE)
        return code < 0 ? CLI_DONE : code;
    cli_catch_interrupts();
    bool failed = crawl_run_init(&b.crawl, "build", &err) < 0 || stages_run(&b, &err) < 0;
    if (b.has_done || b.crawled.interrupted) /* what it came to, also where a later stage failed */
        code = table_write(&b);
    if (failed)
        code = cli_fail("build", &err);
    if (failed && b.is_wrong)
        code = CLI_USAGE;
    if (code == CLI_DONE && b.crawl.partial)
        code = CLI_PARTIAL;
    wit_crawler_report_finish(&b.crawled);
    selection_close(&b.selection);
    crawl_run_finish(&b.crawl);
    job_destroy(b.job);
    return code;
}
