/* wit filter clean: lines whose caption no rule refuses. */
#include "cmd_filter.h"

#include <errno.h>

int filter_rules_parse(const char *names, uint32_t *off) {
    if (strcmp(names, "all") == 0) {
        *off = (1u << WIT_FILTER_RULES) - 1;
        return CLI_DONE;
    }
    for (struct wit_str rest = wit_str_from(names); rest.len;) {
        enum wit_filter_rule rule;
        ptrdiff_t comma = wit_str_find_byte(rest, ',', 0);
        struct wit_str name = wit_str_slice(rest, 0, comma < 0 ? rest.len : (size_t)comma);
        if (wit_filter_rule_find(name, &rule) < 0)
            return cli_usage_error("filter", "--off: there is no rule '%.*s'", WIT_STR_FMT(name));
        *off |= 1u << rule;
        rest = wit_str_slice(rest, comma < 0 ? rest.len : (size_t)comma + 1, rest.len);
    }
    return CLI_DONE;
}

/* ---- the first pass: texts on pages ---------------------------------------------------------- */

/* A page that is no URL is the line's own fault. */
static int page_fault(int st) {
    return st == WIT_EINVAL ? WIT_EFORMAT : st;
}

static int place_offer(void *user, const struct caption *c, struct wit_error *err) {
    struct filter_job *j = user;
    return c->has_page
               ? page_fault(wit_filter_boilerplate_offer(j->boilerplate, c->page, c->text, err))
               : 0;
}

static int places_count(struct filter_job *j, struct wit_error *err) {
    struct captions in = { .command = "filter",
                           .name = j->opt->boilerplate,
                           .format = j->opt->format };
    FILE *f = fopen(in.name, "re");
    if (!f)
        return wit_error_errno(err, errno, "cannot open %s", in.name);
    int st = wit_filter_boilerplate_create(&j->opt->boilerplate_rule, &j->boilerplate, err);
    if (st >= 0)
        st = captions_each(&in, f, place_offer, NULL, j, err);
    captions_finish(&in);
    j->in.bad += in.bad;
    fclose(f);
    return st;
}

/* The list of a cleaning job is what it blocks. */
int filter_clean_open(struct filter_job *j, struct wit_error *err) {
    struct wit_filter_hygiene_config cfg = j->opt->hygiene;
    int st = j->opt->blocklist ? wit_filter_allowlist_load(j->opt->blocklist, &j->list, err) : 0;
    cfg.blocklist = j->list;
    if (st >= 0)
        st = wit_filter_hygiene_create(&cfg, &j->hygiene, err);
    if (st >= 0 && j->opt->boilerplate && !(cfg.off >> WIT_FILTER_RULE_BOILERPLATE & 1))
        st = places_count(j, err);
    return st;
}

/* ---- the second ------------------------------------------------------------------------------ */

static int explain_put(struct filter_job *j, bool refused, enum wit_filter_rule rule) {
    return refused ? wit_buf_printf(&j->out, "{\"rule\":\"%s\"}\n", wit_filter_rule_name(rule))
                   : wit_buf_append_cstr(&j->out, "{\"rule\":null}\n");
}

static int clean_caption(struct filter_job *j, const struct caption *c, struct wit_error *err) {
    enum wit_filter_rule rule = WIT_FILTER_RULES;
    int st = wit_filter_hygiene_check(j->hygiene, c->text, &rule);
    if (st < 0)
        return wit_error_set(err, st, "no memory to check a caption");
    if (st == 0 && j->boilerplate && c->has_page) {
        rule = WIT_FILTER_RULE_BOILERPLATE;
        st = page_fault(wit_filter_boilerplate_check(j->boilerplate, c->page, c->text, err));
    }
    if (st < 0)
        return st;
    j->kept += st == 0;
    if (st)
        j->refused[rule]++;
    if (j->opt->explain)
        return explain_put(j, st, rule);
    if (st)
        return 0;
    st = wit_buf_append_str(&j->out, c->line);
    return st < 0 ? st : wit_buf_append_byte(&j->out, '\n');
}

/* How many lines each rule refused: for the eyes. */
static void clean_report(const struct filter_job *j) {
    uint64_t all = j->kept;
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        all += j->refused[i];
    fprintf(stderr, "wit filter: kept %llu of %llu", (unsigned long long)j->kept,
            (unsigned long long)all);
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        if (j->refused[i])
            fprintf(stderr, ", %s %llu", wit_filter_rule_name((enum wit_filter_rule)i),
                    (unsigned long long)j->refused[i]);
    fputc('\n', stderr);
}

int filter_clean_run(struct filter_job *j) {
    int code = filter_finish(j, filter_each(j, false, j->opt->explain, clean_caption));
    clean_report(j);
    return code;
}
