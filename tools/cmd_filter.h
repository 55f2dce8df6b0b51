/* cmd_filter.h: what the verbs of `wit filter` share: options, and the streams they work on. */
#ifndef WIT_CMD_FILTER_H
#define WIT_CMD_FILTER_H

#include "caption_lines.h"
#include "cli.h"
#include "wit_filter.h"
#include "wit_filter_hygiene.h"

struct filter_options {
    const char *allowlist, *counts, *blocklist, *boilerplate, *t_from;
    uint64_t per_query, seed;
    double tail_share;
    bool has_per_query, has_tail_share, explain, merge;
    struct wit_filter_hygiene_config hygiene;
    struct wit_filter_boilerplate_config boilerplate_rule;
    struct caption_format format;
    char *const *files; /* what is no option */
    size_t file_count;
    const char *svg, *unmatched, *refused; /* of report: files to write; NULL: none */
    bool json;
};

struct filter_job {
    const struct filter_options *opt;
    uint64_t t; /* pairs wanted per entry, after --tail-share or --t-from */
    struct wit_filter_allowlist *list;
    struct wit_filter_matcher *matcher;
    struct wit_filter_balancer *pairs; /* count: distinct pairs */
    uint64_t *counts;
    struct wit_filter_hygiene *hygiene; /* clean */
    struct wit_filter_boilerplate *boilerplate;
    uint64_t kept, refused[WIT_FILTER_RULES]; /* clean: lines */
    struct captions in;                       /* of standard input */
    struct wit_buf out;
};

/* One caption: writes what it gives to j->out. */
typedef int (*filter_caption_fn)(struct filter_job *j, const struct caption *c,
                                 struct wit_error *err);
/* Runs fn over standard input; keep_in_step: a line {"error"} stands for one that can't be used.
 * Then what is left is written. An exit code. */
int filter_each(struct filter_job *j, bool need_url, bool keep_in_step, filter_caption_fn fn);
int filter_finish(struct filter_job *j, int code);

/* Rules of the options and, where texts on pages are to be counted, their file. */
int filter_clean_open(struct filter_job *j, struct wit_error *err);
int filter_clean_run(struct filter_job *j);
/* Of a counts file, or of the candidates that a folder holds. An exit code. */
int filter_report_run(struct filter_job *j);
/* "email,phone" or "all": the bits of these rules. An exit code. */
int filter_rules_parse(const char *names, uint32_t *off);

#endif
