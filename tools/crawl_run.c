/* crawl_run.c: from text to a crawl, and from a crawl to text. */
#include "crawl_run.h"

#include "crawl_metrics.h"
#include "text/wit_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    MEMORY_MOST_BYTES = 1 << 30,
    COMPLAINTS_SHOWN = 20,
    SEED_SHOWN_BYTES = 120,
    REASONS_SHOWN = 3
};

int crawl_run_init(struct crawl_run *run, const char *command, struct wit_error *err) {
    *run = (struct crawl_run){ .command = command, .cfg = wit_crawler_config_default() };
    run->cfg.version = WIT_VERSION;
    crawl_list_init(&run->list, command);
    crawl_archive_init(&run->archive, command);
    run->memory = wit_arena_create(MEMORY_MOST_BYTES);
    return run->memory ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory for a crawl");
}

void crawl_run_finish(struct crawl_run *run) {
    crawl_list_finish(&run->list);
    crawl_archive_finish(&run->archive);
    crawl_images_finish(&run->images);
    free(run->seeds.items);
    free(run->scope.items);
    free(run->hosts.items);
    free(run->allow.items);
    free(run->agents.items);
    wit_arena_destroy(run->memory);
}

/* ---- settings ------------------------------------------------------------------------------- */

static int list_push(struct crawl_run_list *l, const void *item, size_t size,
                     struct wit_error *err) {
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        void *items = wit_realloc_array(l->items, cap, size);
        if (!items)
            return wit_error_set(err, WIT_ENOMEM, "no memory for the settings of a crawl");
        l->items = items;
        l->cap = cap;
    }
    memcpy((char *)l->items + l->count++ * size, item, size);
    return 0;
}

/* A copy that lives as long as the run, NUL behind it. */
static int keep(struct crawl_run *run, struct wit_str s, struct wit_str *out,
                struct wit_error *err) {
    const char *copy = wit_arena_copy(run->memory, s.data, s.len);
    if (!copy)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the settings of a crawl");
    *out = wit_str_of(copy, s.len);
    return 0;
}

/* Parse an http URL and keep what `part` takes from it. */
static int url_keep(struct crawl_run *run, struct wit_str text,
                    struct wit_str (*part)(const struct wit_url *url), struct wit_str *out,
                    struct wit_error *err) {
    struct wit_url url = WIT_URL_INIT;
    int st = wit_url_parse(&url, text, NULL, err);
    if (st >= 0 && !wit_url_is_http(&url))
        st = wit_error_set(err, WIT_EINVAL, "it is not an http or https URL");
    if (st >= 0)
        st = keep(run, part(&url), out, err);
    wit_url_finish(&url);
    return st;
}

/* Bytes from outside on one line of a terminal: what is no printable ASCII becomes '?'. */
static void print_clean(struct wit_str s) {
    for (size_t i = 0; i < s.len && i < SEED_SHOWN_BYTES; i++)
        fputc(s.data[i] >= 0x20 && s.data[i] < 0x7F ? s.data[i] : '?', stderr);
    if (s.len > SEED_SHOWN_BYTES)
        fputs("...", stderr);
}

static void seed_left_out(struct crawl_run *run, struct wit_str text, const char *where) {
    run->partial = true;
    if (run->complaints++ >= COMPLAINTS_SHOWN)
        return;
    fprintf(stderr, "wit %s: %s%sseed '", run->command, where ? where : "", where ? ": " : "");
    print_clean(text);
    fputs("' is left out: it is no http or https URL\n", stderr);
    if (run->complaints == COMPLAINTS_SHOWN)
        fprintf(stderr, "wit %s: further seeds that are left out are only counted\n", run->command);
}

int crawl_run_seed(struct crawl_run *run, struct wit_str text, const char *where,
                   struct wit_error *err) {
    struct wit_error why = WIT_ERROR_INIT;
    struct wit_str seed;
    int st = url_keep(run, text, wit_url_href, &seed, &why);
    if (st == WIT_ENOMEM)
        return wit_error_set(err, st, "%s", why.text);
    if (st < 0) {
        seed_left_out(run, text, where);
        return 0;
    }
    return list_push(&run->seeds, &seed, sizeof seed, err);
}

int crawl_run_seed_file(struct crawl_run *run, const char *path, struct wit_error *err) {
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "r");
    struct wit_lines *lines = NULL;
    struct wit_str line;
    int st = 0;
    if (!f) {
        fprintf(stderr, "wit %s: seeds file '%s' is left out: %s\n", run->command, path,
                strerror(errno));
        run->partial = true;
        return 0;
    }
    st = wit_lines_open(f, WIT_URL_MAX_BYTES, &lines, err);
    while (st >= 0 && (st = wit_lines_next(lines, &line, err)) != 0) {
        char where[WIT_PATH_MAX + 32];
        snprintf(where, sizeof where, "%s:%" PRIu64, path, wit_lines_number(lines));
        line = wit_str_trim(line);
        if (st == WIT_ELIMIT) {
            fprintf(stderr, "wit %s: %s: a line is longer than any URL and is left out\n",
                    run->command, where);
            run->partial = true;
            st = 0;
        } else if (st > 0 && line.len && line.data[0] != '#') {
            st = crawl_run_seed(run, line, where, err);
        }
    }
    wit_lines_close(lines);
    if (!standard)
        fclose(f);
    if (st == WIT_EIO) { /* a folder, or a disk that fails */
        fprintf(stderr, "wit %s: seeds file '%s' could not be read to its end: %s\n", run->command,
                path, err->text);
        run->partial = true;
        st = 0;
    }
    return st;
}

int crawl_run_scope(struct crawl_run *run, const char *prefix, struct wit_error *err) {
    struct wit_str kept;
    int st = url_keep(run, wit_str_from(prefix), wit_url_href, &kept, err);
    if (st < 0) {
        wit_error_wrap(err, "scope '%s'", prefix);
        return st;
    }
    return list_push(&run->scope, &kept, sizeof kept, err);
}

int crawl_run_allow_net(struct crawl_run *run, const char *cidr, struct wit_error *err) {
    struct wit_net_cidr net;
    int st = wit_net_cidr_parse(wit_str_from(cidr), &net, err);
    return st < 0 ? st : list_push(&run->allow, &net, sizeof net, err);
}

int crawl_run_host(struct crawl_run *run, const char *name, uint64_t delay_ms, uint64_t concurrency,
                   struct wit_error *err) {
    struct wit_buf url = WIT_BUF_INIT(1024);
    struct wit_str host;
    int st = wit_buf_printf(&url, "http://%s/", name);
    if (st >= 0)
        st = url_keep(run, wit_buf_view(&url), wit_url_host, &host, err);
    wit_buf_finish(&url);
    if (st < 0) {
        wit_error_wrap(err, "host '%s'", name);
        return st;
    }
    if (!wit_str_eq_nocase(host, wit_str_from(name)))
        return wit_error_set(err, WIT_EINVAL,
                             "host '%s' is not the name of a host alone: '%.*s' would be", name,
                             WIT_STR_FMT(host));
    struct wit_str domain = wit_domain_registrable(host);
    if (!wit_str_eq(domain, host))
        return wit_error_set(err, WIT_EINVAL,
                             "host '%s': limits are those of a registrable domain: say '%.*s'",
                             name, WIT_STR_FMT(domain));
    const struct wit_crawler_host item = { .name = host.data,
                                           .delay_ms = (uint32_t)delay_ms,
                                           .concurrency = (uint32_t)concurrency };
    return list_push(&run->hosts, &item, sizeof item, err);
}

static int agent_add(struct crawl_run *run, struct wit_str name, struct wit_error *err) {
    struct wit_str kept = { NULL, 0 };
    bool token = name.len > 0;
    for (size_t i = 0; i < name.len && token; i++) {
        char c = name.data[i];
        token = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
                (i && c >= '0' && c <= '9'); /* img2dataset */
    }
    if (!token)
        return wit_error_set(err, WIT_EINVAL, "agent '%.*s' is not a product token, such as CCBot",
                             WIT_STR_FMT(name));
    int st = keep(run, name, &kept, err);
    return st < 0 ? st : list_push(&run->agents, &kept.data, sizeof kept.data, err);
}

static int ai_agents_add(struct crawl_run *run, struct wit_error *err) {
    size_t count;
    const char *const *names = wit_crawler_ai_agents(&count);
    int st = 0;
    for (size_t i = 0; i < count && st >= 0; i++)
        st = agent_add(run, wit_str_from(names[i]), err);
    return st;
}

int crawl_run_obey_agents(struct crawl_run *run, const char *names, struct wit_error *err) {
    struct wit_str list = wit_str_from(names);
    int st = 0;
    for (size_t at = 0; at <= list.len && st >= 0;) {
        ptrdiff_t comma = wit_str_find_byte(list, ',', at);
        size_t end = comma < 0 ? list.len : (size_t)comma;
        struct wit_str name = wit_str_trim(wit_str_slice(list, at, end));
        st = wit_str_eq(name, WIT_STR("ai")) ? ai_agents_add(run, err) : agent_add(run, name, err);
        at = end + 1;
    }
    return st;
}

/* ---- running -------------------------------------------------------------------------------- */

/* Sockets are files: what the system lets us raise without asking. */
static void files_raise(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* ", http_404 12, dns_nxdomain 3": the most frequent reasons of this run. */
static void reasons_show(const struct wit_crawler_progress *p, struct wit_buf *out) {
    for (size_t i = 0; i < p->refusal_count && i < REASONS_SHOWN; i++)
        wit_buf_printf(out, ", %s %" PRIu64, p->refusals[i].reason, p->refusals[i].count);
}

static void progress_show(void *user, const struct wit_crawler_progress *p) {
    struct crawl_run *run = user;
    struct wit_buf note = WIT_BUF_INIT(512);
    uint64_t ended = p->run_pages + p->run_images + p->run_refused;
    if (run->cfg.feed)
        wit_buf_printf(&note, "%" PRIu64 " rows, ", p->rows);
    wit_buf_printf(&note,
                   "%s%" PRIu64 " pages, %" PRIu64 " images, %.1f MB, %" PRIu64 " hosts, %" PRIu64
                   " in flight, %" PRIu64 " queued",
                   p->paused ? "paused, " : "", p->pages, p->images, (double)p->image_bytes / 1e6,
                   p->hosts, p->in_flight, p->queued_pages);
    if (p->paused && !run->pause_told) {
        wit_log_warn("crawl", "the crawl is held; 'wit crawl resume %s' lets it go on",
                     run->cfg.dir);
        run->pause_told = true;
    }
    reasons_show(p, &note);
    /* What is known to be left; more may turn up. */
    run->progress.total = ended + p->in_flight + p->queued_pages;
    if (wit_buf_terminate(&note) == 0)
        wit_progress_update(&run->progress, ended, p->run_refused, note.data);
    if (run->metrics)
        crawl_metrics_set(run->metrics, p);
    wit_buf_finish(&note);
}

static int judge(void *user, const struct wit_shards_candidate *cand, bool *want,
                 struct wit_error *err) {
    struct crawl_run *run = user;
    return selection_judge(run->selection, cand, want, err);
}

/* What a table of numbers would not make anybody look at. */
static void blocked_tell(const struct crawl_run *run, uint64_t count) {
    fprintf(stderr,
            "wit %s: %" PRIu64 " images were on a list of blocked hashes and were not kept; "
            "%s/crawl/blocked.jsonl has a line for each. Where you live the law may oblige you to "
            "report them: ask counsel\n",
            run->command, count, run->cfg.dir);
}

static void outcome_tell(struct crawl_run *run, const struct wit_crawler_report *report) {
    bool no_page = run->seeds.count && report->pages == 0 && report->pages_left == 0;
    bool no_image = report->rows && report->images == 0;
    if (report->scope_changed)
        wit_log_warn("crawl", "the scope is not that of the run before: pages read then are not "
                              "read again for the links that it left out");
    if (report->feed_changed)
        wit_log_warn("crawl", "the list or archive is not that of the run before: it is read "
                              "from its beginning; what was fetched is not fetched again");
    for (size_t i = 0; i < report->refusal_count; i++) {
        const struct wit_crawler_refusal *r = &report->refusals[i];
        if (strcmp(r->reason, "blocked_hash") == 0)
            blocked_tell(run, r->count);
        if (strcmp(r->reason, "address_denied") == 0 && (no_page || no_image))
            fprintf(stderr,
                    "wit %s: addresses that are loopback, private or otherwise special are asked "
                    "only where allow_net names them (--allow-net 127.0.0.0/8)\n",
                    run->command);
    }
    if (no_page || no_image) {
        fprintf(stderr, "wit %s: no %s could be %s; %s/crawl/refused.jsonl says why\n",
                run->command, no_page ? "page" : "image", no_page ? "read" : "had", run->cfg.dir);
        run->partial = true;
    }
}

/* Images are fetched once: other settings don't reach those that are there. */
static int stored_tell(const struct crawl_run *run, struct wit_error *err) {
    struct wit_buf ours = WIT_BUF_INIT(1 << 10), others = WIT_BUF_INIT(16 << 10);
    int st = wit_crawler_stored(&run->cfg, &ours, &others, err);
    if (st > 0)
        fprintf(stderr,
                "wit %s: %s holds images that were stored otherwise (%.*s); they stay so, and only "
                "images that are new are stored as this run says (%.*s). To have all of them so, "
                "crawl into another folder\n",
                run->command, run->cfg.dir, WIT_STR_FMT(wit_buf_view(&others)),
                WIT_STR_FMT(wit_buf_view(&ours)));
    wit_buf_finish(&ours);
    wit_buf_finish(&others);
    return st < 0 ? st : 0;
}

int crawl_run_check(struct crawl_run *run, struct wit_error *err) {
    run->cfg.seeds = run->seeds.items;
    run->cfg.seed_count = run->seeds.count;
    run->cfg.scope = run->scope.items;
    run->cfg.scope_count = run->scope.count;
    run->cfg.hosts = run->hosts.items;
    run->cfg.host_count = run->hosts.count;
    run->cfg.allow_net = run->allow.items;
    run->cfg.allow_net_count = run->allow.count;
    run->cfg.obey_agents = run->agents.items;
    run->cfg.obey_agent_count = run->agents.count;
    int st = run->metrics_address ? metrics_check(run->metrics_address, err) : 0;
    return st < 0 ? st : wit_crawler_config_check(&run->cfg, err);
}

int crawl_run(struct crawl_run *run, struct selection *selection, struct wit_crawler_report *report,
              struct wit_error *err) {
    if (run->complaints > COMPLAINTS_SHOWN)
        fprintf(stderr, "wit %s: %" PRIu64 " seeds are left out\n", run->command, run->complaints);
    run->cfg.feed = run->list.feed ? run->list.feed : run->archive.feed;
    if (run->seeds.count == 0 && !run->cfg.feed)
        return wit_error_set(err, WIT_EINVAL, "there is no seed to begin with");
    if (run->seeds.count == 0 && run->list.list && wit_crawler_list_files(run->list.list) == 0)
        return wit_error_set(err, WIT_EINVAL, "there is no list to read");
    int st = crawl_run_check(run, err);
    if (st < 0)
        return st;
    run->cfg.interrupt = cli_interrupt_flag();
    run->cfg.judge = judge;
    run->cfg.progress = progress_show;
    run->cfg.user = run;
    run->selection = selection;
    if (!run->cfg.contact)
        wit_log_warn("crawl", "no contact is set (--contact URL, or contact in a job): sites that "
                              "mind this crawl can only block it");
    files_raise();
    st = stored_tell(run, err);
    if (st < 0)
        return st;
    st = run->metrics_address ? metrics_start(run->metrics_address, &run->metrics, err) : 0;
    if (st < 0)
        return st;
    wit_progress_start(&run->progress, "crawl", "urls", 0, run->json);
    st = wit_crawler_run(&run->cfg, report, err);
    wit_progress_finish(&run->progress, "");
    metrics_stop(run->metrics);
    run->metrics = NULL;
    int counted = selection_count(selection, st >= 0 ? err : NULL); /* of an interrupted run, too */
    st = st < 0 ? st : counted;
    bool list_left = crawl_list_is_partial(&run->list);
    run->partial |= list_left || crawl_archive_is_partial(&run->archive);
    if (st >= 0)
        outcome_tell(run, report);
    if (st >= 0 && list_left && report->rows == 0 && run->seeds.count == 0)
        return wit_error_set(err, WIT_ENOTFOUND, "none of the lists could be read");
    return st;
}

/* ---- reporting ------------------------------------------------------------------------------ */

static uint64_t pairs_unwanted(const struct selection *s,
                               const struct wit_filter_balancer_stat *stat) {
    return s->all ? 0 : stat->unmatched + stat->denied;
}

/* Names of the signals that some run ignored, one after another; NULL behind the last. */
static const char *ignored_next(unsigned ignored, unsigned *bit) {
    const char *name = NULL;
    for (; !name && *bit && *bit <= ignored; *bit <<= 1)
        if (ignored & *bit)
            name = wit_crawler_ignore_name(*bit);
    return name;
}

static void files_print(const char *name, const struct wit_crawler_files *f, struct wit_buf *out) {
    wit_buf_printf(out,
                   "%s %" PRIu64 " read, %" PRIu64 " absent, %" PRIu64 " unreachable, of origins "
                   "that this run asked\n",
                   name, f->read, f->absent, f->unreachable);
}

static void files_put(const char *name, const struct wit_crawler_files *f,
                      struct wit_json_writer *w) {
    wit_json_key(w, name);
    wit_json_object_begin(w);
    wit_json_key(w, "read");
    wit_json_put_u64(w, f->read);
    wit_json_key(w, "absent");
    wit_json_put_u64(w, f->absent);
    wit_json_key(w, "unreachable");
    wit_json_put_u64(w, f->unreachable);
    wit_json_object_end(w);
}

static void hygiene_print(const struct selection *s, struct wit_buf *out) {
    uint64_t refused = 0;
    if (!s->hygiene)
        return;
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        refused += s->refused[i];
    wit_buf_printf(out, "hygiene      %" PRIu64 " pairs refused by the rules\n", refused);
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        if (s->refused[i])
            wit_buf_printf(out, "  %-12s %" PRIu64 "\n",
                           wit_filter_rule_name((enum wit_filter_rule)i), s->refused[i]);
}

/* Absent where no rule is asked. */
static void hygiene_put(const struct selection *s, struct wit_json_writer *w) {
    if (!s->hygiene)
        return;
    wit_json_key(w, "hygiene");
    wit_json_object_begin(w);
    for (int i = 0; i < WIT_FILTER_RULES; i++) {
        if (!s->refused[i])
            continue;
        wit_json_key(w, wit_filter_rule_name((enum wit_filter_rule)i));
        wit_json_put_u64(w, s->refused[i]);
    }
    wit_json_object_end(w);
}

void crawl_report_print(const struct wit_crawler_report *report, const struct selection *selection,
                        struct wit_buf *out) {
    struct wit_filter_balancer_stat stat;
    wit_filter_balancer_stat(selection->balancer, &stat);
    if (report->rows)
        wit_buf_printf(out, "rows         %" PRIu64 " read\n", report->rows);
    wit_buf_printf(out, "pages        %" PRIu64 " read, %" PRIu64 " refused, %" PRIu64 " left\n",
                   report->pages, report->pages_refused, report->pages_left);
    if (report->sitemaps)
        wit_buf_printf(out, "sitemaps     %" PRIu64 " of the pages read\n", report->sitemaps);
    wit_buf_printf(out,
                   "candidates   %" PRIu64 " in the log, %" PRIu64 " distinct pairs, %" PRIu64
                   " of two words or more\n",
                   report->candidates, selection->distinct, selection->two_words);
    hygiene_print(selection, out);
    if (!selection->all)
        wit_buf_printf(out,
                       "allowlist    %" PRIu64 " pairs wanted when they were found, %" PRIu64
                       " without an entry, %" PRIu64 " over their share\n",
                       stat.wanted, stat.unmatched, stat.denied);
    wit_buf_printf(out, "images       %" PRIu64 " stored (%.1f MB), %" PRIu64 " refused\n",
                   report->images, (double)report->image_bytes / 1e6, report->images_refused);
    files_print("robots.txt  ", &report->robots, out);
    files_print("tdmrep.json ", &report->tdmrep, out);
    unsigned bit = 1;
    for (const char *name; (name = ignored_next(report->ignored, &bit));)
        wit_buf_printf(out, "  ignored    %s\n", name);
    for (size_t i = 0; i < report->refusal_count; i++)
        wit_buf_printf(out, "  refused    %s %s %" PRIu64 "\n",
                       wit_crawler_subject_name(report->refusals[i].subject),
                       report->refusals[i].reason, report->refusals[i].count);
}

void crawl_report_put(const struct wit_crawler_report *report, const struct selection *selection,
                      struct wit_json_writer *w) {
    struct wit_filter_balancer_stat stat;
    wit_filter_balancer_stat(selection->balancer, &stat);
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {
        { "rows", report->rows },
        { "pages", report->pages },
        { "sitemaps", report->sitemaps },
        { "pages_refused", report->pages_refused },
        { "pages_left", report->pages_left },
        { "candidates", report->candidates },
        { "pairs_found", selection->distinct },
        { "pairs_two_words", selection->two_words },
        { "pairs_unwanted", pairs_unwanted(selection, &stat) },
        { "images", report->images },
        { "images_refused", report->images_refused },
        { "image_bytes", report->image_bytes },
        { "fetched_bytes", report->fetched_bytes },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(counts); i++) {
        wit_json_key(w, counts[i].key);
        wit_json_put_u64(w, counts[i].value);
    }
    hygiene_put(selection, w);
    files_put("robots_txt", &report->robots, w);
    files_put("tdmrep_json", &report->tdmrep, w);
    unsigned bit = 1;
    wit_json_key(w, "ignored");
    wit_json_array_begin(w);
    for (const char *name; (name = ignored_next(report->ignored, &bit));)
        wit_json_put_cstr(w, name);
    wit_json_array_end(w);
    wit_json_key(w, "refused");
    wit_json_array_begin(w);
    for (size_t i = 0; i < report->refusal_count; i++) {
        wit_json_object_begin(w);
        wit_json_key(w, "subject");
        wit_json_put_cstr(w, wit_crawler_subject_name(report->refusals[i].subject));
        wit_json_key(w, "reason");
        wit_json_put_cstr(w, report->refusals[i].reason);
        wit_json_key(w, "count");
        wit_json_put_u64(w, report->refusals[i].count);
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}
