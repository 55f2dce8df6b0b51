/*
 * allowlist_grams.c: from dumps and page view files to entries: counts each input into the work
 * folder, then merges all counts and keeps the best of each origin.
 */
#include "allowlist_grams.h"

#include "gram_pmi.h"
#include "pageviews.h"
#include "wiki_count.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* Raised whenever the rule changes by which text is taken or words are cut: older counts are of no
 * use then. */
#define COUNT_RULE 1
#define ENTRY_MAX_CHARACTERS 256u

enum { THREADS_MAX = 64, POLL_EVERY = 1 << 16, MB = 1 << 20 };
/* What gram_input keeps of a dump and of page views. */
enum { PAGES, ARTICLES, WORDS, PAIRS, TITLES = PAGES, BAD_LINES = ARTICLES };

struct grams {
    const struct wit_filter_build_config *cfg;
    struct wit_filter_build_report *report;
    struct wit_error *err;
    struct gram_work *work;
    struct gram_input *wiki, *views; /* cfg->n_wiki, cfg->n_pageviews */
    struct words_cutter *cutter;
    struct gram_top words, bigrams, titles;
    struct gram_top *into; /* what a walk over counts fills */
    uint64_t least;        /* count that it takes */
    uint64_t walked;
    uint64_t done_bytes, total_bytes;
    /* The walk that finds the words of bigrams. */
    uint64_t *wanted; /* hashes, ascending, each once */
    size_t n_wanted, at_wanted;
    struct wit_buf found;     /* their words */
    size_t *places, *lengths; /* in found */
};

static bool wants_pairs(const struct grams *g) {
    return g->cfg->bigrams.kind != WIT_FILTER_CUT_NONE;
}

static int no_memory(struct grams *g, const char *what) {
    return wit_error_set(g->err, WIT_ENOMEM, "no memory for %s", what);
}

static int poll_cancel(struct grams *g) {
    if (++g->walked % POLL_EVERY == 0 && g->cfg->cancel && *g->cfg->cancel)
        return wit_error_set(g->err, WIT_ECANCELED, "interrupted while entries were chosen");
    return 0;
}

/* ---- counting -------------------------------------------------------------------------------- */

static int inputs_find(struct grams *g, const char *const *paths, size_t n, const char *how,
                       struct gram_input **out) {
    struct gram_input *in = wit_alloc_array(n, sizeof *in);
    int st = in || !n ? 0 : no_memory(g, "the names of inputs");
    *out = in;
    for (size_t i = 0; i < n && st >= 0; i++) {
        st = gram_work_find(g->work, paths[i], how, &in[i], g->err);
        for (size_t k = 0; k < i && st >= 0; k++)
            if (strcmp(in[k].stem, in[i].stem) == 0)
                st = wit_error_set(g->err, WIT_EINVAL, "'%s' and '%s' are the same file", paths[k],
                                   paths[i]);
        g->total_bytes += in[i].bytes;
    }
    return st;
}

static void progress(void *user, uint64_t done_bytes) {
    struct grams *g = user;
    if (g->cfg->progress)
        g->cfg->progress(g->cfg->user, g->done_bytes + done_bytes, g->total_bytes);
}

static void input_over(struct grams *g, const struct gram_input *in, bool resumed) {
    g->report->resumed += resumed;
    g->done_bytes += in->bytes;
    progress(g, 0);
}

/* Tables no larger than the inputs can fill: a word in four bytes of text, eight in a packed one.
 */
static size_t table_bytes(const struct grams *g, const struct gram_input *in, size_t n) {
    uint64_t bytes = MB;
    for (size_t i = 0; i < n; i++)
        if (!in[i].done && bytes < 64 * in[i].bytes)
            bytes = 64 * in[i].bytes + MB;
    return bytes < g->cfg->memory_bytes ? (size_t)bytes : g->cfg->memory_bytes;
}

static unsigned thread_count(const struct grams *g) {
    long cpus = g->cfg->threads ? (long)g->cfg->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return cpus < 1 ? 1 : cpus > THREADS_MAX ? THREADS_MAX : (unsigned)cpus;
}

static int wiki_count_one(struct grams *g, struct wiki_counter *counter, const char *path,
                          struct gram_input *in) {
    struct gram_spill *spill = NULL;
    struct wiki_counts counts;
    int st = gram_work_clear(g->work, in, g->err);
    if (st >= 0)
        st = gram_spill_create(in->stem, &spill, g->err);
    if (st >= 0)
        st = wiki_counter_run(counter, path, spill, &counts, g->err);
    if (st >= 0) {
        in->runs[GRAM_WORDS] = gram_spill_count(spill, GRAM_WORDS);
        in->runs[GRAM_PAIRS] = gram_spill_count(spill, GRAM_PAIRS);
        in->numbers[PAGES] = counts.pages;
        in->numbers[ARTICLES] = counts.articles;
        in->numbers[WORDS] = counts.words;
        in->numbers[PAIRS] = counts.pairs;
        st = gram_work_done(g->work, in, g->err);
    }
    gram_spill_destroy(spill);
    return st;
}

static int wiki_count_all(struct grams *g) {
    struct wiki_count_config cfg = { .threads = thread_count(g),
                                     .memory_bytes = table_bytes(g, g->wiki, g->cfg->n_wiki),
                                     .pairs = wants_pairs(g),
                                     .cancel = g->cfg->cancel,
                                     .progress = progress,
                                     .user = g };
    struct wiki_counter *counter = NULL;
    int st = 0;
    for (size_t i = 0; i < g->cfg->n_wiki && st >= 0; i++) {
        bool resumed = g->wiki[i].done;
        if (!resumed && !counter)
            st = wiki_counter_create(&cfg, &counter, g->err);
        if (!resumed && st >= 0)
            st = wiki_count_one(g, counter, g->cfg->wiki[i], &g->wiki[i]);
        if (st >= 0)
            input_over(g, &g->wiki[i], resumed);
        g->report->pages += g->wiki[i].numbers[PAGES];
        g->report->articles += g->wiki[i].numbers[ARTICLES];
        g->report->words_counted += g->wiki[i].numbers[WORDS];
    }
    wiki_counter_destroy(counter);
    return st;
}

static int views_count_one(struct grams *g, struct gram_table *table, const char *path,
                           struct gram_input *in) {
    struct gram_spill *spill = NULL;
    int st = gram_work_clear(g->work, in, g->err);
    if (st >= 0)
        st = gram_spill_create(in->stem, &spill, g->err);
    if (st >= 0) {
        gram_table_spill_to(table, spill);
        st = pageviews_count(path, wit_str_from(g->cfg->project), g->cfg->hourly_views,
                             g->cfg->cancel, table, &in->numbers[TITLES], &in->numbers[BAD_LINES],
                             g->err);
    }
    if (st >= 0)
        st = gram_table_flush(table, g->err);
    if (st >= 0) {
        in->runs[GRAM_WORDS] = gram_spill_count(spill, GRAM_WORDS);
        st = gram_work_done(g->work, in, g->err);
    }
    gram_spill_destroy(spill);
    return st;
}

static int views_count_all(struct grams *g) {
    struct gram_table *table = NULL;
    int st = 0;
    for (size_t i = 0; i < g->cfg->n_pageviews && st >= 0; i++) {
        bool resumed = g->views[i].done;
        if (!resumed && !table)
            st = gram_table_create(GRAM_WORDS, table_bytes(g, g->views, g->cfg->n_pageviews),
                                   &table, g->err);
        if (!resumed && st >= 0)
            st = views_count_one(g, table, g->cfg->pageviews[i], &g->views[i]);
        if (st >= 0)
            input_over(g, &g->views[i], resumed);
        g->report->bad_lines += g->views[i].numbers[BAD_LINES];
    }
    gram_table_destroy(table);
    return st;
}

/* ---- choosing -------------------------------------------------------------------------------- */

static int take_counted(void *user, const struct gram *counted) {
    struct grams *g = user;
    g->report->distinct_words += g->into == &g->words;
    if (counted->count < g->least)
        return poll_cancel(g);
    const struct gram_pick pick = { .score = (double)counted->count, .count = counted->count };
    if (gram_top_add(g->into, &pick, counted->text) < 0)
        return no_memory(g, "entries");
    return poll_cancel(g);
}

static size_t most_of(const struct grams *g, const struct wit_filter_cut *cut) {
    return cut->kind == WIT_FILTER_CUT_TOP && cut->top < g->cfg->size ? (size_t)cut->top
                                                                      : g->cfg->size;
}

static int choose(struct grams *g, struct gram_top *into, const struct gram_input *inputs, size_t n,
                  uint64_t least, size_t most) {
    g->into = into;
    g->least = least;
    into->most = most;
    int st = gram_work_merge(g->work, inputs, n, GRAM_WORDS, take_counted, g, g->err);
    gram_top_sort(into);
    return st;
}

static int hash_cmp(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Hashes of the words of all chosen bigrams. */
static int words_want(struct grams *g) {
    size_t n = 0, most = 2 * g->bigrams.n;
    g->found = (struct wit_buf)WIT_BUF_INIT(SIZE_MAX / 4);
    g->wanted = wit_alloc_array(most, sizeof *g->wanted);
    g->places = wit_alloc_array(most, sizeof *g->places);
    g->lengths = wit_alloc_array(most, sizeof *g->lengths);
    if (most && (!g->wanted || !g->places || !g->lengths))
        return no_memory(g, "the words of bigrams");
    for (size_t i = 0; i < g->bigrams.n; i++) {
        g->wanted[2 * i] = g->bigrams.picks[i].first;
        g->wanted[2 * i + 1] = g->bigrams.picks[i].second;
    }
    if (most)
        qsort(g->wanted, most, sizeof *g->wanted, hash_cmp);
    for (size_t i = 0; i < most; i++)
        if (!n || g->wanted[n - 1] != g->wanted[i])
            g->wanted[n++] = g->wanted[i];
    g->n_wanted = n;
    return 0;
}

static int word_find(void *user, const struct gram *w) {
    struct grams *g = user;
    size_t at = g->at_wanted;
    if (at < g->n_wanted && g->wanted[at] == w->key) {
        g->places[at] = g->found.len;
        g->lengths[at] = w->text.len;
        if (wit_buf_append_str(&g->found, w->text) < 0)
            return no_memory(g, "the words of bigrams");
        g->at_wanted++;
    }
    return poll_cancel(g);
}

static struct wit_str word_of(const struct grams *g, uint64_t hash) {
    const uint64_t *at = bsearch(&hash, g->wanted, g->n_wanted, sizeof *at, hash_cmp);
    size_t i = (size_t)(at - g->wanted);
    return wit_str_of(g->found.data + g->places[i], g->lengths[i]);
}

static size_t characters(struct wit_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((uint8_t)s.data[i] & 0xc0) != 0x80;
    return n;
}

/* Two words of scripts without spaces are written without one. */
static int bigrams_spell(struct grams *g) {
    struct gram_top spelled = { .most = g->bigrams.most };
    int st = 0;
    for (size_t i = 0; i < g->bigrams.n && st >= 0; i++) {
        const struct gram_pick *p = &g->bigrams.picks[i];
        struct wit_str first = word_of(g, p->first), second = word_of(g, p->second);
        bool close = words_is_alone(g->cutter, first) && words_is_alone(g->cutter, second);
        char text[2 * WORDS_MAX_BYTES + 1];
        size_t n = first.len;
        memcpy(text, first.data, first.len);
        if (!close)
            text[n++] = ' ';
        memcpy(text + n, second.data, second.len);
        n += second.len;
        if (characters(wit_str_of(text, n)) <= ENTRY_MAX_CHARACTERS)
            st = gram_top_add(&spelled, p, wit_str_of(text, n));
    }
    spelled.dropped = g->bigrams.dropped;
    gram_top_finish(&g->bigrams);
    g->bigrams = spelled;
    gram_top_sort(&g->bigrams);
    return st < 0 ? no_memory(g, "bigrams") : 0;
}

static int bigrams_choose(struct grams *g) {
    const struct wit_filter_cut *cut = &g->cfg->bigrams;
    const struct gram_pmi_config cfg = { .inputs = g->wiki,
                                         .n_inputs = g->cfg->n_wiki,
                                         .words = g->report->words_counted,
                                         .distinct = g->report->distinct_words,
                                         .least_bits = cut->kind == WIT_FILTER_CUT_LEAST
                                                           ? cut->least
                                                           : -INFINITY,
                                         .least_count = g->cfg->bigram_count,
                                         .memory_bytes = g->cfg->memory_bytes / 2,
                                         .cancel = g->cfg->cancel };
    g->bigrams.most = most_of(g, cut);
    int st = gram_pmi_pick(g->work, &cfg, &g->bigrams, g->err);
    gram_top_sort(&g->bigrams);
    if (st >= 0)
        st = words_want(g);
    if (st >= 0)
        st = gram_work_merge(g->work, g->wiki, g->cfg->n_wiki, GRAM_WORDS, word_find, g, g->err);
    if (st >= 0 && g->at_wanted != g->n_wanted)
        st = wit_error_set(g->err, WIT_ECORRUPT, "counts of bigrams and of words do not agree");
    return st < 0 ? st : bigrams_spell(g);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int work_open(struct grams *g, const char *out_path) {
    char dir[WIT_PATH_MAX];
    int n = g->cfg->work_dir ? snprintf(dir, sizeof dir, "%s", g->cfg->work_dir)
                             : snprintf(dir, sizeof dir, "%s.work", out_path);
    if (n < 0 || (size_t)n >= sizeof dir)
        return wit_error_set(g->err, WIT_ELIMIT, "'%s': the path is too long", out_path);
    return gram_work_open(dir, &g->work, g->err);
}

/* How an input is counted: counts of another rule are of no use. */
static int inputs_look(struct grams *g) {
    char how[512];
    snprintf(how, sizeof how, "wiki %d pairs %d", COUNT_RULE, wants_pairs(g));
    int st = inputs_find(g, g->cfg->wiki, g->cfg->n_wiki, how, &g->wiki);
    if (st < 0)
        return st;
    snprintf(how, sizeof how, "views %d %llu %s", COUNT_RULE,
             (unsigned long long)g->cfg->hourly_views, g->cfg->project);
    return inputs_find(g, g->cfg->pageviews, g->cfg->n_pageviews, how, &g->views);
}

static int choose_all(struct grams *g) {
    const struct wit_filter_build_config *cfg = g->cfg;
    int st = 0;
    if (cfg->n_wiki)
        st = choose(g, &g->words, g->wiki, cfg->n_wiki, cfg->min_count, cfg->size);
    if (st >= 0 && cfg->n_wiki && wants_pairs(g))
        st = bigrams_choose(g);
    if (st >= 0 && cfg->n_pageviews && cfg->titles.kind != WIT_FILTER_CUT_NONE) {
        bool least = cfg->titles.kind == WIT_FILTER_CUT_LEAST && cfg->titles.least > 0;
        st = choose(g, &g->titles, g->views, cfg->n_pageviews,
                    least ? (uint64_t)ceil(cfg->titles.least) : 0, most_of(g, &cfg->titles));
    }
    return st;
}

int grams_create(const struct wit_filter_build_config *cfg, const char *out_path,
                 struct wit_filter_build_report *report, struct grams **out,
                 struct wit_error *err) {
    struct grams *g = calloc(1, sizeof *g);
    if (!g)
        return wit_error_set(err, WIT_ENOMEM, "no memory to count");
    g->cfg = cfg;
    g->report = report;
    g->err = err;
    g->cutter = words_cutter_create();
    int st = g->cutter ? work_open(g, out_path) : no_memory(g, "counting");
    if (st >= 0)
        st = inputs_look(g);
    if (st >= 0)
        st = wiki_count_all(g);
    if (st >= 0)
        st = views_count_all(g);
    if (st >= 0)
        st = choose_all(g);
    if (st < 0) {
        grams_destroy(g, false);
        return st;
    }
    g->err = NULL;
    *out = g;
    return 0;
}

static int each(const struct gram_top *t, enum wit_filter_origin origin,
                int (*fn)(void *user, enum wit_filter_origin origin, struct wit_str entry,
                          double score),
                void *user) {
    int st = 0;
    for (size_t i = 0; i < t->n && st >= 0; i++) {
        double score = t->picks[i].score;
        if (origin == WIT_FILTER_BIGRAMS)
            score = log2(score);
        st = fn(user, origin, gram_top_text(t, &t->picks[i]), score);
    }
    return st;
}

int grams_each(struct grams *g,
               int (*fn)(void *user, enum wit_filter_origin origin, struct wit_str entry,
                         double score),
               void *user) {
    int st = each(&g->words, WIT_FILTER_WORDS, fn, user);
    if (st >= 0)
        st = each(&g->bigrams, WIT_FILTER_BIGRAMS, fn, user);
    if (st >= 0)
        st = each(&g->titles, WIT_FILTER_TITLES, fn, user);
    return st;
}

/* What passed the thresholds and was too much for the list's size, not for "top". */
static uint64_t too_many(const struct gram_top *t, const struct wit_filter_build_config *cfg) {
    return t->most == cfg->size ? t->dropped : 0;
}

uint64_t grams_over_size(const struct grams *g) {
    return too_many(&g->words, g->cfg) + too_many(&g->bigrams, g->cfg) +
           too_many(&g->titles, g->cfg);
}

void grams_destroy(struct grams *g, bool written) {
    if (!g)
        return;
    gram_work_close(g->work, written);
    words_cutter_destroy(g->cutter);
    gram_top_finish(&g->words);
    gram_top_finish(&g->bigrams);
    gram_top_finish(&g->titles);
    wit_buf_finish(&g->found);
    free(g->wanted);
    free(g->places);
    free(g->lengths);
    free(g->wiki);
    free(g->views);
    free(g);
}
