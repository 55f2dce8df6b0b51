/*
 * crawl_run.h: a crawl as the commands set it up: seeds from files, hosts and networks from text,
 * the progress line, and what came of it as lines or JSON. `wit crawl` and `wit build` share it.
 */
#ifndef WIT_CRAWL_RUN_H
#define WIT_CRAWL_RUN_H

#include "cli.h"
#include "crawl_archive.h"
#include "crawl_images.h"
#include "crawl_list.h"
#include "metrics.h"
#include "selection.h"
#include "wit_crawler.h"

struct crawl_run {
    const char *command; /* "crawl", for sentences */
    struct wit_crawler_config cfg;
    struct wit_arena *memory; /* of every string below */
    struct crawl_run_list {
        void *items;
        size_t count, cap;
    } seeds, scope, hosts, allow, agents;
    struct crawl_list list; /* one of these two may be the feed */
    struct crawl_archive archive;
    struct crawl_images images;
    bool json;
    bool partial;        /* a seed or a file of seeds could not be read; a sentence was printed */
    uint64_t complaints; /* seeds that were left out */
    const char *metrics_address; /* NULL: no metrics */
    struct wit_progress progress;
    struct metrics *metrics; /* while it runs */
    bool pause_told;
    struct selection *selection; /* while it runs */
};

int crawl_run_init(struct crawl_run *run, const char *command, struct wit_error *err);
void crawl_run_finish(struct crawl_run *run);

/* A seed that is no http URL is named on stderr and left out. `where` is "file:12" or NULL. */
int crawl_run_seed(struct crawl_run *run, struct wit_str url, const char *where,
                   struct wit_error *err);
/* A URL a line; empty lines and those that begin with '#' are skipped. "-" is standard input. A
 * file that cannot be read is named on stderr. */
int crawl_run_seed_file(struct crawl_run *run, const char *path, struct wit_error *err);
/* WIT_EINVAL with a sentence. */
int crawl_run_scope(struct crawl_run *run, const char *prefix, struct wit_error *err);
int crawl_run_allow_net(struct crawl_run *run, const char *cidr, struct wit_error *err);
int crawl_run_host(struct crawl_run *run, const char *name, uint64_t delay_ms, uint64_t concurrency,
                   struct wit_error *err);

/* Product tokens parted by commas; "ai" stands for those of wit_crawler_ai_agents. */
int crawl_run_obey_agents(struct crawl_run *run, const char *names, struct wit_error *err);

/* Give the settings their lists and look at them, as crawl_run does: WIT_EINVAL with a sentence. */
int crawl_run_check(struct crawl_run *run, struct wit_error *err);

/* Crawl with the selection as judge. WIT_EINVAL: no seed is left and no list named. Where no page
 * or a list could not be read, that is said on stderr and `partial` is set. */
int crawl_run(struct crawl_run *run, struct selection *selection, struct wit_crawler_report *report,
              struct wit_error *err);

/* Lines of the closing table, and members of an open JSON object. */
void crawl_report_print(const struct wit_crawler_report *report, const struct selection *selection,
                        struct wit_buf *out);
void crawl_report_put(const struct wit_crawler_report *report, const struct selection *selection,
                      struct wit_json_writer *w);

#endif
