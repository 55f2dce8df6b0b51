/*
 * robots.c: asking a robots.txt. The longest match decides, allow on ties, and /robots.txt itself
 * is always allowed (RFC 9309, 2.2.2; google/robotstxt knows no such exception). Rules are sorted,
 * so that the first with stars that matches is it, and plain ones are found by bisection. For the
 * sake of everybody else's turn a file whose patterns make one path cost more than
 * PATH_PATTERN_WORK_MOST denies it.
 */
#include "robots.h"

#include "path_pattern.h"

#include <stdlib.h>

/* Its first line in the index; agent_count: nobody names it. */
static size_t agent_find(const struct wit_crawler_robots *r, struct wit_str token) {
    size_t low = 0, high = r->agent_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (wit_str_cmp(r->agents[middle]->token, token) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool there = low < r->agent_count && wit_str_eq(r->agents[low]->token, token);
    return there ? low : r->agent_count;
}

enum { TOKEN_MOST_BYTES = 256 };

/* In lower case. An agent with a longer token than that is named by nobody. */
static struct wit_str token_of(struct wit_str agent, char out[TOKEN_MOST_BYTES]) {
    struct wit_str token = robots_product_token(agent);
    if (token.len > TOKEN_MOST_BYTES)
        token.len = 0;
    for (size_t i = 0; i < token.len; i++)
        out[i] = robots_lower(token.data[i]);
    return wit_str_of(out, token.len);
}

/* The groups that apply to an agent: its own, or those of "*" when nobody names it. */
struct groups {
    const struct robots_agent *const *at, *const *end;
};

static struct groups groups_of(const struct wit_crawler_robots *r, struct wit_str agent) {
    char lowered[TOKEN_MOST_BYTES];
    struct wit_str token = token_of(agent, lowered);
    size_t at = token.len ? agent_find(r, token) : r->agent_count;
    if (at == r->agent_count) {
        token = wit_str_of("", 0);
        at = agent_find(r, token);
    }
    size_t end = at;
    while (end < r->agent_count && wit_str_eq(r->agents[end]->token, token))
        end++;
    return r->agents ? (struct groups){ r->agents + at, r->agents + end }
                     : (struct groups){ NULL, NULL };
}

static struct robots_group *group_next(struct groups *g) {
    struct robots_group *group = NULL;
    while (g->at < g->end && !group) {
        group = (*g->at)->group;
        g->at++;
        if (g->at < g->end && (*g->at)->group == group)
            group = NULL; /* named twice: its last line counts */
    }
    return group;
}

/* The longest match decides, allow on ties. */
static bool beats(const struct robots_rule *rule, const struct robots_rule *best) {
    return !best || rule->length > best->length ||
           (rule->length == best->length && rule->allow && !best->allow);
}

/* How many plain rules stand before or at the path, in the order of octets. */
static size_t plain_until(const struct robots_group *g, struct wit_str path, uint64_t *work) {
    enum { STEP_WORK = 16, OCTETS_LOG2 = 4 };
    size_t low = 0, high = g->plain_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct robots_rule *rule = g->plain[middle];
        struct wit_str literal = wit_str_of(rule->pattern.data, rule->literal_len);
        *work += STEP_WORK + (literal.len >> OCTETS_LOG2);
        if (wit_str_cmp(literal, path) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The best of the plain rules of the group, if it beats `best`. All that are prefixes of the path
 * are prefixes of the last one before it, too. */
static const struct robots_rule *plain_match(const struct robots_group *g, struct wit_str path,
                                             const struct robots_rule *best, uint64_t *work) {
    enum { LINK_WORK = 4 };
    size_t until = plain_until(g, path, work), common = 0;
    const struct robots_rule *rule = until ? g->plain[until - 1] : NULL;
    while (rule && common < rule->literal_len && common < path.len &&
           rule->pattern.data[common] == path.data[common])
        common++;
    *work += common;
    for (; rule && *work <= PATH_PATTERN_WORK_MOST; rule = rule->shorter) {
        *work += LINK_WORK;
        bool matches =
            rule->literal_len <= common && (!rule->whole || rule->literal_len == path.len);
        if (matches && beats(rule, best))
            best = rule;
    }
    return best;
}

/* The most specific rule of the group for the path, if it beats `best`. */
static const struct robots_rule *rules_match(const struct robots_group *g, struct wit_str path,
                                             const struct robots_rule *best, uint64_t *work) {
    best = plain_match(g, path, best, work);
    for (size_t i = 0; i < g->star_count && *work <= PATH_PATTERN_WORK_MOST; i++) {
        const struct robots_rule *rule = g->rules[i];
        if (!beats(rule, best))
            break; /* nor does any behind it */
        if (path_pattern_matches(rule->pattern, path, work))
            return rule;
    }
    return best;
}

bool robots_decide(const struct wit_crawler_robots *r, struct wit_str agent, struct wit_str path,
                   uint64_t *work) {
    char *normal = malloc(3 * path.len + 1);
    if (!normal)
        return false; /* when in doubt, stay out */
    struct wit_str subject = wit_str_of(normal, path_normalise(path, normal));
    *work += path.len; /* for that */
    struct groups groups = groups_of(r, agent);
    const struct robots_rule *best = NULL;
    for (const struct robots_group *g; (g = group_next(&groups));)
        best = rules_match(g, subject, best, work);
    bool allowed = *work <= PATH_PATTERN_WORK_MOST && (!best || best->allow);
    if (wit_str_eq(subject, WIT_STR("/robots.txt")))
        allowed = true;
    free(normal);
    return allowed;
}

bool wit_crawler_robots_allows(const struct wit_crawler_robots *r, struct wit_str agent,
                               struct wit_str path) {
    uint64_t work = 0;
    return robots_decide(r, agent, path, &work);
}

bool wit_crawler_robots_names(const struct wit_crawler_robots *r, struct wit_str agent) {
    char lowered[TOKEN_MOST_BYTES];
    struct wit_str token = token_of(agent, lowered);
    return token.len && agent_find(r, token) < r->agent_count;
}

/* Statements that apply: those to everybody, then those of the groups. */
struct statements {
    const struct robots_statement *next;
    struct groups groups;
};

static const struct robots_statement *statement_next(struct statements *all) {
    const struct robots_statement *s = all->next;
    while (!s) {
        const struct robots_group *group = group_next(&all->groups);
        if (!group)
            return NULL;
        s = group->statements;
    }
    all->next = s->next;
    return s;
}

static bool statement_is_of(const struct robots_statement *s, enum robots_statement_kind kind,
                            struct wit_str path, uint64_t *work) {
    return s->kind == kind && *work <= PATH_PATTERN_WORK_MOST &&
           path_pattern_matches(s->paths.pattern, path, work);
}

/* The length of the most specific statement of that kind for the path, 0: none. */
static size_t statement_length(struct statements all, enum robots_statement_kind kind,
                               struct wit_str path, uint64_t *work) {
    size_t longest = 0;
    for (const struct robots_statement *s; (s = statement_next(&all));)
        if (s->paths.length > longest && statement_is_of(s, kind, path, work))
            longest = s->paths.length;
    return longest;
}

/* What the statements of that length say. */
static unsigned statements_read(struct statements all, enum robots_statement_kind kind,
                                size_t length, struct wit_str path, struct wit_buf *raw,
                                uint64_t *work) {
    static const char *const names[] = {
        [ROBOTS_USAGE] = "robots.content-usage", [ROBOTS_SIGNAL] = "robots.content-signal"
    };
    unsigned directives = 0;
    for (const struct robots_statement *s; (s = statement_next(&all));) {
        if (s->paths.length != length || !statement_is_of(s, kind, path, work))
            continue;
        directives |= s->directives;
        if (raw)
            wit_buf_printf(raw, "%s: %.*s\n", names[kind], WIT_STR_FMT(s->value));
    }
    return directives;
}

unsigned wit_crawler_robots_usage(const struct wit_crawler_robots *r, struct wit_str agent,
                                  struct wit_str path, struct wit_buf *raw) {
    static const unsigned in_doubt[] = {
        [ROBOTS_USAGE] = WIT_CRAWLER_USAGE_RESERVED, [ROBOTS_SIGNAL] = WIT_CRAWLER_SIGNAL_RESERVED
    };
    const struct statements all = { r->to_everybody, groups_of(r, agent) };
    unsigned directives = 0;
    if (r->statement_count == 0 && r->license_count == 0)
        return 0; /* as most files */
    char *normal = malloc(3 * path.len + 1);
    if (!normal)
        return WIT_CRAWLER_USAGE_RESERVED; /* when in doubt, leave it */
    struct wit_str subject = wit_str_of(normal, path_normalise(path, normal));
    for (enum robots_statement_kind kind = ROBOTS_USAGE; kind <= ROBOTS_SIGNAL; kind++) {
        uint64_t work = PATH_PATTERN_WORK_MOST / 2; /* half of what rules may cost */
        size_t length = statement_length(all, kind, subject, &work);
        if (length)
            directives |= statements_read(all, kind, length, subject, raw, &work);
        if (work > PATH_PATTERN_WORK_MOST)
            directives |= in_doubt[kind];
    }
    free(normal);
    for (const struct robots_line *l = r->licenses; l && raw; l = l->next)
        wit_buf_printf(raw, "robots.license: %.*s\n", WIT_STR_FMT(l->text));
    return directives;
}

int64_t wit_crawler_robots_crawl_delay_ms(const struct wit_crawler_robots *r,
                                          struct wit_str agent) {
    struct groups groups = groups_of(r, agent);
    int64_t delay = -1;
    for (const struct robots_group *g; (g = group_next(&groups));)
        if (g->delay_ms > delay)
            delay = g->delay_ms;
    return delay;
}

size_t wit_crawler_robots_sitemap_count(const struct wit_crawler_robots *r) {
    return r->sitemap_count;
}

struct wit_str wit_crawler_robots_sitemap(const struct wit_crawler_robots *r, size_t index) {
    const struct robots_line *s = r->sitemaps;
    while (s && index-- > 0)
        s = s->next;
    return s ? s->text : wit_str_of(NULL, 0);
}
