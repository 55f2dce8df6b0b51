/*
 * wit_filter.h: which captions are worth keeping, and how many of each kind.
 *
 * An allowlist is a list of entries (words and short phrases); an entry's id is its position. A
 * caption is matched against all entries at once, entries are counted, and frequent entries are
 * thinned so that every query contributes about t pairs ("balancing"). All of it is exact and
 * reproducible: the pairs kept depend on the set of candidates, t and the seed, never on order,
 * threads, machines or interruptions. docs/filter.md has the rules with examples and the proof.
 *
 *     struct wit_filter_allowlist *list = NULL;
 *     struct wit_filter_balancer *b = NULL;
 *     bool want, keep;
 *     if (wit_filter_allowlist_load("allowlist.txt", &list, &err) < 0 ||
 *         wit_filter_balancer_create(list, 20000, 1, &b, &err) < 0)
 *         return cli_fail("demo", &err);
 *     wit_filter_balancer_offer(b, url, text, &want, &err);   // for every candidate; fetch if want
 *     wit_filter_balancer_keep(b, url, text, &keep, &err);    // at the end, for what was fetched
 *     wit_filter_balancer_destroy(b);
 *     wit_filter_allowlist_destroy(list);
 *
 * Source of the rules: Xu et al. 2023, "Demystifying CLIP Data" (MetaCLIP), sections 3.1 to 3.3.
 */
#ifndef WIT_FILTER_H
#define WIT_FILTER_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- ceilings ------------------------------------------------------------------------------ */

#define WIT_FILTER_LIST_MAX_BYTES (1u << 30)   /* an allowlist file */
#define WIT_FILTER_ENTRIES_MAX (1u << 24)      /* entries of an allowlist */
#define WIT_FILTER_ENTRY_MAX_BYTES 4096u       /* one entry */
#define WIT_FILTER_TEXT_MAX_BYTES (4u << 20)   /* one caption */
#define WIT_FILTER_COUNTS_MAX_BYTES (1u << 30) /* a counts file */

/* ---- allowlists ---------------------------------------------------------------------------- */

/* Entries and the index that matches them. Immutable once made: any number of threads share it. */
struct wit_filter_allowlist;

/**
 * Load a list from a file, by one of two notations:
 *  - text: an entry a line, LF or CRLF; the id is the line number less one. A UTF-8 byte order mark
 *    before the first line is not part of it. An empty line keeps its id and matches nothing.
 *  - JSON: one array of strings; the id is the index. Strings may hold any character. Here "" is an
 *    entry like any other: by the definition it matches wherever two spaces meet.
 *  - compiled (wit_filter_allowlist_compile): the list with its index, mapped: milliseconds, and
 * one copy for all processes. Nobody may cut the file while it is open. The file is JSON when its
 * name ends in ".json", or when it is "[" followed by a string or "]" (white space between them
 * allowed) and then has to parse; else it is text. An entry repeated in the list has several ids
 * and all of them match.
 * @param out  the caller's on success (wit_filter_allowlist_destroy), untouched on failure
 * @return 0, WIT_ENOTFOUND, WIT_EIO, WIT_EFORMAT, WIT_ELIMIT (a ceiling above), WIT_ENOMEM;
 * compiled: WIT_ECORRUPT (cut, damaged or crafted), WIT_EUNSUPPORTED (of another version)
 */
int wit_filter_allowlist_load(const char *path, struct wit_filter_allowlist **out,
                              struct wit_error *err);
/**
 * Write the list and its index as one file for this machine's byte order
 * (docs/formats/allowlist.md), whole or not at all. The same list gives the same bytes.
 * @return 0, WIT_EIO, WIT_ENOSPC, WIT_ENOMEM
 */
int wit_filter_allowlist_compile(const struct wit_filter_allowlist *list, const char *path,
                                 struct wit_error *err);
/* The same as text or JSON from memory; `name` starts error sentences and decides by its ending as
 * a path does. */
int wit_filter_allowlist_parse(struct wit_str bytes, const char *name,
                               struct wit_filter_allowlist **out, struct wit_error *err);
/* The same from n entries, which are copied; n may be 0. */
int wit_filter_allowlist_create(const struct wit_str *entries, size_t n,
                                struct wit_filter_allowlist **out, struct wit_error *err);
void wit_filter_allowlist_destroy(struct wit_filter_allowlist *list); /* NULL is fine */

size_t wit_filter_allowlist_count(const struct wit_filter_allowlist *list);
/* Entry of an id below the count; borrowed from the list. */
struct wit_str wit_filter_allowlist_entry(const struct wit_filter_allowlist *list, uint32_t id);

struct wit_filter_allowlist_stat {
    uint64_t entries;
    uint64_t one_word, two_words, longer; /* by spaces in the entry; empty lines are in none */
    uint64_t empty;                       /* places in the list that match nothing */
    uint64_t repeated;                    /* entries whose bytes stood in the list before */
    uint64_t dead;          /* can never match: a tab, CR or LF; a wrapped mark glued to another
                             * character or just one space from another mark */
    uint64_t words;         /* distinct words */
    uint64_t longest_bytes; /* longest entry */
    uint64_t memory_bytes;  /* entries and index */
};
void wit_filter_allowlist_stat(const struct wit_filter_allowlist *list,
                               struct wit_filter_allowlist_stat *out);

/* ---- matching ------------------------------------------------------------------------------ */

/* Working memory and results of matching: one per thread, reused from call to call. */
struct wit_filter_matcher;

/* The list is borrowed and must outlive the matcher. */
int wit_filter_matcher_create(const struct wit_filter_allowlist *list,
                              struct wit_filter_matcher **out, struct wit_error *err);
void wit_filter_matcher_destroy(struct wit_filter_matcher *m); /* NULL is fine */

/**
 * The ids of all entries in a text, ascending, each once. The rule is MetaCLIP's: put a space
 * before and after the text and around each of `, . ; : ? !` and backtick; turn tab, LF and CR into
 * a space; entry e matches iff " e " is then a substring. Bytes of UTF-8: no folding of case, no
 * normal form, no collapsing of spaces.
 * @param text   any bytes, NUL included
 * @param ids    out: borrowed from the matcher until its next call; *count of them
 * @return 0, WIT_ELIMIT (text longer than WIT_FILTER_TEXT_MAX_BYTES), WIT_ENOMEM
 * Time: fields of the text times the longest phrase that the text follows; memory: 32 bytes a
 * field.
 */
int wit_filter_match(struct wit_filter_matcher *m, struct wit_str text, const uint32_t **ids,
                     size_t *count, struct wit_error *err);

/**
 * Several texts in one call, which hides the latency of the index behind the work on other texts:
 * 16 to 64 texts a call are quickest.
 * @param ids   out: ids of all texts, one text after the other; borrowed until the next call
 * @param ends  out, n items: ids of text i are ids[i ? ends[i - 1] : 0] up to ids[ends[i]]
 */
int wit_filter_match_batch(struct wit_filter_matcher *m, const struct wit_str *texts, size_t n,
                           const uint32_t **ids, size_t *ends, struct wit_error *err);

/* ---- counts and probabilities -------------------------------------------------------------- */

/* counts[id]: distinct pairs whose text holds entry id. Counts of disjoint sets of pairs add up. */

/* p = t / max(count, t): the share of an entry's pairs that is wanted. t > 0. */
double wit_filter_probability(uint64_t count, uint64_t t);
/* 1 - prod(1 - p) over the ids in the order given (ascending, so that every machine multiplies in
 * the same order); 0 for no ids. */
double wit_filter_keep_probability(const uint64_t *counts, const uint32_t *ids, size_t n,
                                   uint64_t t);

/**
 * Counts files: a header line "entry_id<TAB>count<TAB>prob(t=T)", then a line for each entry with a
 * count above 0, ascending ids, probabilities with 17 digits. Reading ignores the header's wording
 * and anything after the second column, which may be absent; an id twice, out of range, or a field
 * that is no number is WIT_EFORMAT with the line's number.
 * @param counts  n items; reading sets all of them on success (entries not named: 0)
 * @param t       writing: for the third column; 0 leaves the column out
 */
int wit_filter_counts_load(const char *path, uint64_t *counts, size_t n, struct wit_error *err);
int wit_filter_counts_parse(struct wit_str bytes, const char *name, uint64_t *counts, size_t n,
                            struct wit_error *err);
int wit_filter_counts_format(const uint64_t *counts, size_t n, uint64_t t, struct wit_buf *out,
                             struct wit_error *err);
int wit_filter_counts_save(const char *path, const uint64_t *counts, size_t n, uint64_t t,
                           struct wit_error *err); /* atomic: whole or not at all */

/* The counts of another list, of which nothing but the file is known: n becomes its largest id and
 * one more. *counts is the caller's to free. */
int wit_filter_counts_load_any(const char *path, uint64_t **counts, size_t *n,
                               struct wit_error *err);
/* sum[id] += part[id]: counts of disjoint sets of pairs. WIT_ELIMIT (a sum beyond 2^64 - 1): sum is
 * as it was. */
int wit_filter_counts_add(uint64_t *sum, const uint64_t *part, size_t n, struct wit_error *err);

/*
 * t of a language. A list for another language has other counts, so that the same t would thin
 * another share of its matches. The share of all matches that entries below t have is kept instead:
 *
 *     tail share P(t) = sum(count where count < t) / sum(count)
 *     t(P)            = the count, of those above 0 in ascending order, whose cumulative share
 *                       sum(counts up to it) / sum(count) is nearest P; of two as near the smaller
 *
 * P comes from the list whose t is given (English), t from P for each other list.
 * Source: Chuang et al. 2025, "Meta CLIP 2: A Worldwide Scaling Recipe".
 */
double wit_filter_tail_share(const uint64_t *counts, size_t n, uint64_t t); /* 0 of no matches */
/* WIT_EINVAL (share outside [0, 1], no count above 0), WIT_ENOMEM. */
int wit_filter_t_of_share(const uint64_t *counts, size_t n, double share, uint64_t *t,
                          struct wit_error *err);

/* ---- the keyed draw ------------------------------------------------------------------------ */

/* XXH3-128 of the canonical image URL, one NUL, and the text. A URL holds no NUL, so the two parts
 * can't be confused. Canonical: the href of the WHATWG URL parser; given as it is, not checked. */
int wit_filter_pair_key(struct wit_str url, struct wit_str text, struct wit_hash128 *out,
                        struct wit_error *err);
/* u in [0, 1): the upper 53 bits of XXH3-64, seeded with `seed`, over the 16 bytes of the pair key
 * (big-endian) followed by the entry's bytes. The same on every machine. */
double wit_filter_draw(uint64_t seed, struct wit_hash128 pair_key, struct wit_str entry);

/* Is the pair kept, given counts of the whole set? True iff some id has u < p. Balancers decide so.
 */
bool wit_filter_decide(const struct wit_filter_allowlist *list, const uint64_t *counts, uint64_t t,
                       uint64_t seed, struct wit_hash128 pair_key, const uint32_t *ids, size_t n);

/* ---- sets of pairs -------------------------------------------------------------------------- */

/* Distinct pairs by their keys: 16 bytes each at a load of 3/8 to 3/4 (21 to 43 bytes; three times
 * 21 for the moment of growing). One thread at a time; any number while nobody adds. */
struct wit_filter_pairs;
struct wit_filter_pairs *wit_filter_pairs_create(void);    /* NULL: out of memory */
void wit_filter_pairs_destroy(struct wit_filter_pairs *s); /* NULL is fine */
/* 1: the key is new and now a member; 0: it was one; WIT_ENOMEM: nothing changed. */
int wit_filter_pairs_add(struct wit_filter_pairs *s, struct wit_hash128 key);
bool wit_filter_pairs_has(const struct wit_filter_pairs *s, struct wit_hash128 key);
uint64_t wit_filter_pairs_count(const struct wit_filter_pairs *s);
uint64_t wit_filter_pairs_bytes(const struct wit_filter_pairs *s);

/* ---- balancing ----------------------------------------------------------------------------- */

/* Counts distinct pairs and decides. Memory: 8 bytes an entry, and a set of the pairs. */
struct wit_filter_balancer;

/**
 * @param t     wanted pairs per entry, > 0 (the paper: 20,000 for 400M pairs)
 * @param seed  of the draw: another seed keeps another sample
 * @return 0, WIT_EINVAL (t is 0), WIT_ENOMEM. The list is borrowed and must outlive the balancer.
 */
int wit_filter_balancer_create(const struct wit_filter_allowlist *list, uint64_t t, uint64_t seed,
                               struct wit_filter_balancer **out, struct wit_error *err);
void wit_filter_balancer_destroy(struct wit_filter_balancer *b); /* NULL is fine */

/**
 * Offer a candidate. A pair (url, text) seen for the first time is counted; *want tells whether it
 * is worth fetching now: some entry in its text has u < t / max(count so far with this pair, t).
 * Counts only grow, so whatever the final counts keep was wanted when it was offered, in any order
 * of offers and after any number of repeats. Any thread (a lock inside; matching is outside it).
 * @return 0, WIT_ELIMIT (text too long), WIT_ENOMEM; on failure nothing was counted
 */
int wit_filter_balancer_offer(struct wit_filter_balancer *b, struct wit_str url,
                              struct wit_str text, bool *want, struct wit_error *err);
/**
 * The decision, with the counts as they stand: final once all candidates have been offered. It
 * depends only on the set of pairs offered, t and the seed. Any thread; not while another offers.
 */
int wit_filter_balancer_keep(struct wit_filter_balancer *b, struct wit_str url, struct wit_str text,
                             bool *keep, struct wit_error *err);

struct wit_filter_balancer_stat {
    uint64_t offered;      /* calls of offer */
    uint64_t distinct;     /* pairs counted; offered - distinct were repeats */
    uint64_t unmatched;    /* distinct pairs without an entry */
    uint64_t denied;       /* distinct pairs with an entry, not wanted when first offered */
    uint64_t wanted;       /* distinct pairs wanted when first offered */
    uint64_t memory_bytes; /* counts and pair keys now */
};
void wit_filter_balancer_stat(struct wit_filter_balancer *b, struct wit_filter_balancer_stat *out);
/* The counts so far, one per entry; borrowed. Not while another thread offers. */
const uint64_t *wit_filter_balancer_counts(const struct wit_filter_balancer *b);

/* ---- building an allowlist ----------------------------------------------------------------- */

/* Where an entry came from, in the order in which origins are taken. */
enum wit_filter_origin {
    WIT_FILTER_WORDNET,
    WIT_FILTER_NUMBERS,
    WIT_FILTER_EXTRA,
    WIT_FILTER_WORDS,
    WIT_FILTER_BIGRAMS,
    WIT_FILTER_TITLES
};
#define WIT_FILTER_ORIGINS 6
const char *wit_filter_origin_name(enum wit_filter_origin origin); /* "wordnet" ... */

struct wit_filter_build_report {
    uint64_t entries;                       /* written */
    uint64_t by_origin[WIT_FILTER_ORIGINS]; /* of those */
    uint64_t repeated;                      /* stood in the list already */
    uint64_t punctuation;                   /* a single ASCII mark: dropped */
    uint64_t empty;                         /* nothing left: dropped */
    uint64_t over_size;     /* came after the list was full; of words, bigrams and titles also those
                             * that stood in it */
    unsigned wordnet_files; /* data files found, 0 to 4 */
    uint64_t pages, articles; /* of the dumps */
    uint64_t words_counted;   /* occurrences: N of the PMI */
    uint64_t distinct_words;  /* with case, before the threshold */
    uint64_t bad_lines;       /* of page views: no such line, passed over */
    uint64_t resumed;         /* input files that an earlier run had counted */
};

/* Which bigrams or titles are taken. */
enum wit_filter_cut_kind {
    WIT_FILTER_CUT_LEAST, /* those that reach `least` */
    WIT_FILTER_CUT_TOP,   /* the `top` best */
    WIT_FILTER_CUT_NONE   /* none; they are not counted either */
};
struct wit_filter_cut {
    enum wit_filter_cut_kind kind;
    double least;
    uint64_t top;
};

#define WIT_FILTER_BUILD_FILES_MAX 4096u         /* files of each kind */
#define WIT_FILTER_PROJECT_MAX_BYTES 256u        /* "en", "zh.m" */
#define WIT_FILTER_BUILD_MEMORY_LEAST (4u << 20) /* bytes */

struct wit_filter_build_config {
    const char *wordnet_dir;       /* holds data.noun, .verb, .adj, .adv; NULL: none */
    const char *const *extra;      /* files with an entry a line, in this order */
    size_t n_extra;                /* at least one source is needed */
    const char *const *wiki;       /* dumps of MediaWiki (pages-articles), bzip2 or plain XML */
    size_t n_wiki;                 /* their counts add up */
    uint64_t min_count;            /* of a word; default 100 */
    struct wit_filter_cut bigrams; /* by PMI in bits; default 30 at least */
    uint64_t bigram_count;         /* occurrences of a bigram at least; default 1 */
    const char *const *pageviews;  /* hourly files, gzip or plain */
    size_t n_pageviews;
    const char *project;          /* whose titles; default "en" */
    uint64_t hourly_views;        /* a title counts in hours with so many; default 50 */
    struct wit_filter_cut titles; /* by the sum of those views; default 70 at least */
    size_t size;                  /* entries at most; default 500,000 */
    const char *origins_path;     /* side file "id<TAB>origin<TAB>score<TAB>entry"; NULL: none */
    const char *work_dir;         /* for counts; NULL: the list's path and ".work" */
    unsigned threads;             /* default 0: one for each processor */
    size_t memory_bytes;          /* of tables; default 768 MB; threads add 10 MB each */
    const volatile int *cancel;   /* polled; NULL: never */
    /* Bytes of dumps and page views done, of all of them; on the caller's thread; NULL: none. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    struct wit_filter_build_report *report; /* out, on success; NULL: not wanted */
};
struct wit_filter_build_config wit_filter_build_config_default(void);

/**
 * Write an allowlist, an entry a line. Order, hence ids: WordNet's names (noun, verb, adj, adv,
 * each in file order); numbers 0 to 99 (they come with WordNet); the extra files as given; words by
 * falling count; bigrams by falling PMI = log2(c12 N / (c1 c2)), then count; titles by falling
 * views; equal ones by bytes. The first place of an entry counts. A WordNet file that is absent is
 * skipped and seen in the report; all four absent is WIT_ENOTFOUND. The same inputs and options
 * give the same bytes, whatever threads and memory. Counts of each finished input stay in the work
 * folder until the list is written, and a later call with the same inputs goes on behind them.
 * Source of rules and thresholds: Xu et al. 2023, section 3.1 and its published list.
 * @return number of entries, WIT_EINVAL (no source, size 0, a file given twice), WIT_ENOTFOUND,
 * WIT_EIO, WIT_EFORMAT (names file and line), WIT_ECORRUPT (a damaged dump), WIT_ELIMIT,
 * WIT_ENOMEM, WIT_ENOSPC, WIT_ECANCELED, WIT_EAGAIN (another build uses the work folder); an
 * existing list stays on failure
 */
int wit_filter_allowlist_build(const struct wit_filter_build_config *cfg, const char *out_path,
                               struct wit_error *err);

/**
 * Names of one WordNet data file (wndb(5WN)), one call of fn per synset: the first lemma in lower
 * case, its "(a)", "(p)" or "(ip)" off, cut at the first ".", "_" as space. The name is borrowed
 * for the call and may be empty. fn returns 0 or a negative status, which ends the walk.
 * @return 0, WIT_EFORMAT with name and line, or what fn returned
 */
int wit_filter_wordnet_names(struct wit_str bytes, const char *name,
                             int (*fn)(void *user, struct wit_str lemma), void *user,
                             struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
