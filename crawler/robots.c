/*
 * robots.c: robots.txt. Source: RFC 9309. Where it is silent the behaviour is google/robotstxt's,
 * as that is what site owners have been testing against: a missing colon is forgiven when two words
 * stand on the line, keys count by their beginning, common misspellings of "disallow" count, lines
 * are cut at 16,664 bytes, "allow: /x/index.html" allows "/x/" too.
 *
 * Differences on purpose, both from the RFC: percent-encoded unreserved characters equal the plain
 * ones (2.2.2), and /robots.txt is always allowed (2.2.2). A line cut off by the size limit is
 * dropped, since half a rule says more than its author did. And one for the sake of everybody
 * else's turn: a file whose patterns make one path cost more than PATH_PATTERN_WORK_MOST denies it.
 *
 * What a file says of use (Content-Usage, Content-Signal, License) is kept beside the rules.
 */
#include "robots.h"

#include "path_pattern.h"
#include "text/wit_text.h"

#include <stdlib.h>

enum {
    LINE_MAX_BYTES = 2083 * 8,
    ARENA_MAX_BYTES = 32 << 20, /* 500 KiB of "a:" lines stay below */
    MAX_DELAY_S = 86400,
    LICENSES_MOST = 16 /* License lines kept */
};

struct rule {
    struct rule *next;
    struct wit_str pattern; /* normalised; a literal '$' is "%24" */
    size_t length;          /* octets that decide which match is the most specific */
    bool allow;
};

/* A line about use: of the paths that the pattern matches. */
struct statement {
    struct statement *next;
    struct rule paths;
    const char *name; /* "robots.content-usage" */
    struct wit_str value;
    unsigned directives;
};

/* Consecutive user-agent lines and what follows them. */
struct group {
    struct group *next;
    struct rule *listed;       /* the last one first */
    const struct rule **rules; /* the most specific first, allow before disallow; empty ones out */
    size_t listed_count, rule_count;
    struct statement *statements;
    int64_t delay_ms; /* -1: none */
};

/* A user-agent line: whom the group is addressed to. */
struct agent {
    struct agent *next;
    struct wit_str token; /* lower case; empty: "*" */
    struct group *group;
    size_t order;
};

struct line_value { /* of a line that belongs to no group */
    struct line_value *next;
    struct wit_str text;
};

struct wit_crawler_robots {
    struct wit_arena *arena;
    struct group *groups;
    struct agent *listed;        /* the last one first */
    const struct agent **agents; /* by token, then as they were written */
    size_t agent_count;
    struct line_value *sitemaps, **sitemaps_end;
    struct line_value *licenses, **licenses_end;
    size_t sitemap_count, license_count, statement_count;
    struct group *open; /* the group that lines belong to now */
    bool rules_seen;    /* the next user-agent line starts a new group */
};

/* Statements are told apart by these addresses. */
static const char usage_name[] = "robots.content-usage";
static const char signal_name[] = "robots.content-signal";

/* ---- text --------------------------------------------------------------------------------- */

static bool is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* The product token at the start: "FooBot/1.2 (x)" is "FooBot". */
static struct wit_str product_token(struct wit_str s) {
    size_t len = 0;
    while (len < s.len && is_token_char(s.data[len]))
        len++;
    return wit_str_slice(s, 0, len);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool starts_with_nocase(struct wit_str s, const char *prefix) {
    size_t len = strlen(prefix);
    return s.len >= len && wit_str_eq_nocase(wit_str_slice(s, 0, len), wit_str_of(prefix, len));
}

static bool starts_with_any(struct wit_str s, const char *const *prefixes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (starts_with_nocase(s, prefixes[i]))
            return true;
    return false;
}

/* ---- parsing ------------------------------------------------------------------------------ */

static int pattern_set(struct wit_crawler_robots *r, struct wit_str value, struct rule *rule) {
    char *pattern = wit_arena_alloc(r->arena, 3 * value.len + 1, 1);
    if (!pattern)
        return WIT_ENOMEM;
    size_t len = path_pattern_normalise(value, pattern, &rule->length);
    rule->pattern = wit_str_of(pattern, len);
    return 0;
}

static int rule_add(struct wit_crawler_robots *r, struct wit_str value, bool allow) {
    if (!r->open)
        return 0; /* a rule before any user-agent line is addressed to nobody */
    r->rules_seen = true;
    if (value.len == 0)
        return 0; /* no rule */
    struct rule *rule = wit_arena_alloc(r->arena, sizeof *rule, _Alignof(struct rule));
    if (!rule || pattern_set(r, value, rule) < 0)
        return WIT_ENOMEM;
    rule->allow = allow;
    rule->next = r->open->listed;
    r->open->listed = rule;
    r->open->listed_count++;
    return 0;
}

/* "Allow: /x/index.html" also means the directory, and only it. */
static int rule_add_allow(struct wit_crawler_robots *r, struct wit_str value) {
    int st = rule_add(r, value, true);
    size_t slash = value.len;
    while (slash > 0 && value.data[slash - 1] != '/')
        slash--;
    if (st < 0 || slash == 0 ||
        !wit_str_starts_with(wit_str_slice(value, slash, value.len), WIT_STR("index.htm")))
        return st;
    char *directory = wit_arena_copy(r->arena, value.data, slash + 1);
    if (!directory)
        return WIT_ENOMEM;
    directory[slash] = '$';
    return rule_add(r, wit_str_of(directory, slash + 1), true);
}

static int agent_add(struct wit_crawler_robots *r, struct wit_str value) {
    if (!r->open || r->rules_seen) {
        struct group *group = wit_arena_alloc(r->arena, sizeof *group, _Alignof(struct group));
        if (!group)
            return WIT_ENOMEM;
        *group = (struct group){ .next = r->groups, .delay_ms = -1 };
        r->groups = r->open = group;
        r->rules_seen = false;
    }
    bool star = value.len && value.data[0] == '*' &&
                (value.len == 1 || value.data[1] == ' ' || value.data[1] == '\t');
    struct wit_str token = product_token(value);
    if (!star && token.len == 0)
        return 0; /* the group stays, addressed to nobody by this line */
    struct agent *agent = wit_arena_alloc(r->arena, sizeof *agent, _Alignof(struct agent));
    char *copy = wit_arena_copy(r->arena, token.data ? token.data : "", token.len);
    if (!agent || !copy)
        return WIT_ENOMEM;
    for (size_t i = 0; i < token.len; i++)
        copy[i] = lower(copy[i]);
    *agent = (struct agent){ r->listed, wit_str_of(copy, star ? 0 : token.len), r->open,
                             r->agent_count++ };
    r->listed = agent;
    return 0;
}

static void delay_set(struct wit_crawler_robots *r, struct wit_str value) {
    double seconds;
    if (!r->open || wit_str_to_double(value, &seconds) < 0 || !(seconds >= 0))
        return;
    if (seconds > MAX_DELAY_S)
        seconds = MAX_DELAY_S;
    int64_t ms = (int64_t)(seconds * 1000 + 0.5);
    if (ms > r->open->delay_ms)
        r->open->delay_ms = ms;
}

static int line_value_add(struct wit_crawler_robots *r, struct wit_str value,
                          struct line_value ***end) {
    struct line_value *line = wit_arena_alloc(r->arena, sizeof *line, _Alignof(struct line_value));
    char *copy = wit_arena_copy(r->arena, value.data ? value.data : "", value.len);
    if (!line || !copy)
        return WIT_ENOMEM;
    *line = (struct line_value){ NULL, wit_str_of(copy, value.len) };
    **end = line;
    *end = &line->next;
    return 0;
}

/* "train-ai=n", or "/path train-ai=n" (draft-ietf-aipref-attach). No path is the whole site. */
static int statement_add(struct wit_crawler_robots *r, const char *name, struct wit_str value,
                         unsigned (*parse)(struct wit_str value)) {
    struct wit_str path = WIT_STR("/"), said = value;
    if (!r->open)
        return 0;
    if (value.len && value.data[0] == '/') {
        size_t end = 0;
        while (end < value.len && value.data[end] != ' ' && value.data[end] != '\t')
            end++;
        path = wit_str_slice(value, 0, end);
        said = wit_str_trim(wit_str_slice(value, end, value.len));
    }
    struct statement *s = wit_arena_alloc(r->arena, sizeof *s, _Alignof(struct statement));
    char *copy = wit_arena_copy(r->arena, value.data ? value.data : "", value.len);
    if (!s || !copy || pattern_set(r, path, &s->paths) < 0)
        return WIT_ENOMEM;
    s->name = name;
    s->value = wit_str_of(copy, value.len);
    s->directives = parse(said);
    r->statement_count++;
    s->next = r->open->statements;
    r->open->statements = s;
    return 0;
}

/* "key: value", or "key value" where the colon was forgotten and nothing else stands on the line.
 */
static bool split_line(struct wit_str line, struct wit_str *key, struct wit_str *value) {
    ptrdiff_t colon = wit_str_find_byte(line, ':', 0);
    size_t key_end, value_start;
    if (colon >= 0) {
        key_end = (size_t)colon;
        value_start = key_end + 1;
    } else {
        key_end = 0;
        while (key_end < line.len && line.data[key_end] != ' ' && line.data[key_end] != '\t')
            key_end++;
        value_start = key_end;
    }
    *key = wit_str_trim(wit_str_slice(line, 0, key_end));
    *value = wit_str_trim(wit_str_slice(line, value_start, line.len));
    if (colon < 0)
        for (size_t i = 0; i < value->len; i++)
            if (value->data[i] == ' ' || value->data[i] == '\t')
                return false;
    return key->len > 0 && (colon >= 0 || value->len > 0);
}

static int parse_line(struct wit_crawler_robots *r, struct wit_str line) {
    static const char *const agent_keys[] = { "user-agent", "useragent", "user agent" };
    static const char *const disallow_keys[] = { "disallow", "dissallow", "dissalow",
                                                 "disalow",  "diasllow",  "disallaw" };
    static const char *const sitemap_keys[] = { "sitemap", "site-map" };
    if (line.len > LINE_MAX_BYTES)
        line.len = LINE_MAX_BYTES;
    ptrdiff_t hash = wit_str_find_byte(line, '#', 0);
    if (hash >= 0)
        line.len = (size_t)hash;
    struct wit_str key, value;
    if (!split_line(wit_str_trim(line), &key, &value))
        return 0;
    if (starts_with_any(key, agent_keys, WIT_COUNT_OF(agent_keys)))
        return agent_add(r, value);
    if (starts_with_nocase(key, "allow"))
        return rule_add_allow(r, value);
    if (starts_with_any(key, disallow_keys, WIT_COUNT_OF(disallow_keys)))
        return rule_add(r, value, false);
    if (starts_with_any(key, sitemap_keys, WIT_COUNT_OF(sitemap_keys))) {
        r->sitemap_count++;
        return line_value_add(r, value, &r->sitemaps_end);
    }
    if (wit_str_eq_nocase(key, WIT_STR("license")))
        return r->license_count++ < LICENSES_MOST ? line_value_add(r, value, &r->licenses_end) : 0;
    if (wit_str_eq_nocase(key, WIT_STR("content-usage"))) {
        r->rules_seen = true; /* a rule as Allow is; a Content-Signal line stands anywhere */
        return statement_add(r, usage_name, value, wit_crawler_content_usage_parse);
    }
    if (wit_str_eq_nocase(key, WIT_STR("content-signal")))
        return statement_add(r, signal_name, value, wit_crawler_content_signal_parse);
    if (starts_with_nocase(key, "crawl-delay"))
        delay_set(r, value);
    return 0;
}

static int text_parse(struct wit_crawler_robots *r, struct wit_str text) {
    int st = 0;
    for (size_t at = 0; at < text.len && st == 0;) {
        size_t end = at;
        while (end < text.len && text.data[end] != '\n' && text.data[end] != '\r')
            end++;
        st = parse_line(r, wit_str_slice(text, at, end));
        at = end + 1;
    }
    return st;
}

/* The RFC wants UTF-8, some editors write UTF-16. It has a mark, or else a NUL beside its first
 * letter. NULL: it is neither. */
static const struct wit_charset *utf16_of(struct wit_str *text) {
    size_t bom_bytes = 0;
    const struct wit_charset *charset = wit_charset_from_bom(*text, &bom_bytes);
    *text = wit_str_slice(*text, bom_bytes, text->len);
    if (charset || text->len < 2 || !text->data[0] == !text->data[1])
        return charset == wit_charset_utf8() ? NULL : charset;
    return wit_charset_find(text->data[0] ? WIT_STR("utf-16le") : WIT_STR("utf-16be"));
}

static int utf16_parse(struct wit_crawler_robots *r, struct wit_str text,
                       const struct wit_charset *charset) {
    struct wit_charset_decoder *decoder = NULL;
    struct wit_buf plain = WIT_BUF_INIT(2 * WIT_CRAWLER_ROBOTS_MAX_BYTES);
    int st = wit_charset_decoder_create(charset, &decoder, NULL);
    if (st == 0)
        st = wit_charset_decode(decoder, text, true, &plain);
    if (st >= 0)
        st = text_parse(r, wit_buf_view(&plain));
    wit_charset_decoder_destroy(decoder);
    wit_buf_finish(&plain);
    return st < 0 ? WIT_ENOMEM : 0;
}

/* ---- what makes asking quick ---------------------------------------------------------------- */

static int rule_order(const void *x, const void *y) {
    const struct rule *a = *(const struct rule *const *)x, *b = *(const struct rule *const *)y;
    if (a->length != b->length)
        return a->length > b->length ? -1 : 1;
    return (int)b->allow - (int)a->allow;
}

static int agent_order(const void *x, const void *y) {
    const struct agent *a = *(const struct agent *const *)x, *b = *(const struct agent *const *)y;
    int order = wit_str_cmp(a->token, b->token);
    return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

static int rules_sort(struct wit_crawler_robots *r, struct group *g) {
    if (g->listed_count == 0)
        return 0;
    g->rules = wit_arena_alloc(r->arena, g->listed_count * sizeof *g->rules, _Alignof(void *));
    if (!g->rules)
        return WIT_ENOMEM;
    for (const struct rule *rule = g->listed; rule; rule = rule->next)
        g->rules[g->rule_count++] = rule;
    qsort(g->rules, g->rule_count, sizeof *g->rules, rule_order);
    return 0;
}

static int index_make(struct wit_crawler_robots *r) {
    for (struct group *g = r->groups; g; g = g->next)
        if (rules_sort(r, g) < 0)
            return WIT_ENOMEM;
    if (r->agent_count == 0)
        return 0;
    r->agents = wit_arena_alloc(r->arena, r->agent_count * sizeof *r->agents, _Alignof(void *));
    if (!r->agents)
        return WIT_ENOMEM;
    size_t n = 0;
    for (const struct agent *a = r->listed; a; a = a->next)
        r->agents[n++] = a;
    qsort(r->agents, r->agent_count, sizeof *r->agents, agent_order);
    return 0;
}

int wit_crawler_robots_parse(const void *data, size_t size, struct wit_crawler_robots **out,
                             struct wit_error *err) {
    struct wit_str text = wit_str_of(data, size);
    int st = WIT_ENOMEM;
    struct wit_crawler_robots *r = calloc(1, sizeof *r);
    if (!r)
        goto out;
    r->sitemaps_end = &r->sitemaps;
    r->licenses_end = &r->licenses;
    r->arena = wit_arena_create(ARENA_MAX_BYTES);
    if (!r->arena)
        goto out;
    bool cut = text.len > WIT_CRAWLER_ROBOTS_MAX_BYTES;
    if (cut)
        text.len = WIT_CRAWLER_ROBOTS_MAX_BYTES;
    const struct wit_charset *utf16 = utf16_of(&text);
    while (cut && text.len && text.data[text.len - 1] != '\n' && text.data[text.len - 1] != '\r')
        text.len--;
    st = utf16 ? utf16_parse(r, text, utf16) : text_parse(r, text);
    if (st == 0)
        st = index_make(r);
out:
    if (st == 0)
        *out = r;
    else
        wit_crawler_robots_destroy(r);
    return st < 0 ? wit_error_set(err, st, "no memory for a robots.txt of %zu bytes", size) : 0;
}

void wit_crawler_robots_destroy(struct wit_crawler_robots *r) {
    if (!r)
        return;
    wit_arena_destroy(r->arena);
    free(r);
}

/* ---- asking ------------------------------------------------------------------------------- */

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
    struct wit_str token = product_token(agent);
    if (token.len > TOKEN_MOST_BYTES)
        token.len = 0;
    for (size_t i = 0; i < token.len; i++)
        out[i] = lower(token.data[i]);
    return wit_str_of(out, token.len);
}

/* The groups that apply to an agent: its own, or those of "*" when nobody names it. */
struct groups {
    const struct agent *const *at, *const *end;
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

static struct group *group_next(struct groups *g) {
    struct group *group = NULL;
    while (g->at < g->end && !group) {
        group = (*g->at)->group;
        g->at++;
        if (g->at < g->end && (*g->at)->group == group)
            group = NULL; /* named twice: its last line counts */
    }
    return group;
}

/* The most specific rule of the group for the path, if it beats `best`. */
static const struct rule *rules_match(const struct group *g, struct wit_str path,
                                      const struct rule *best, uint64_t *work) {
    for (size_t i = 0; i < g->rule_count && *work <= PATH_PATTERN_WORK_MOST; i++) {
        const struct rule *rule = g->rules[i];
        if (best && (rule->length < best->length ||
                     (rule->length == best->length && (best->allow || !rule->allow))))
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
    struct groups groups = groups_of(r, agent);
    const struct rule *best = NULL;
    for (const struct group *g; (g = group_next(&groups));)
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

/* The length of the most specific statement of that name for the path, 0: none. */
static size_t statement_length(struct groups groups, const char *name, struct wit_str path,
                               uint64_t *work) {
    size_t longest = 0;
    for (const struct group *g; (g = group_next(&groups));)
        for (const struct statement *s = g->statements; s && *work <= PATH_PATTERN_WORK_MOST;
             s = s->next)
            if (s->name == name && s->paths.length > longest &&
                path_pattern_matches(s->paths.pattern, path, work))
                longest = s->paths.length;
    return longest;
}

/* What the statements of that length say. */
static unsigned statements_read(struct groups groups, const char *name, size_t length,
                                struct wit_str path, struct wit_buf *raw, uint64_t *work) {
    unsigned directives = 0;
    for (const struct group *g; (g = group_next(&groups));)
        for (const struct statement *s = g->statements; s && *work <= PATH_PATTERN_WORK_MOST;
             s = s->next) {
            if (s->name != name || s->paths.length != length ||
                !path_pattern_matches(s->paths.pattern, path, work))
                continue;
            directives |= s->directives;
            if (raw)
                wit_buf_printf(raw, "%s: %.*s\n", name, WIT_STR_FMT(s->value));
        }
    return directives;
}

unsigned wit_crawler_robots_usage(const struct wit_crawler_robots *r, struct wit_str agent,
                                  struct wit_str path, struct wit_buf *raw) {
    static const struct {
        const char *name;
        unsigned in_doubt;
    } kinds[] = { { usage_name, WIT_CRAWLER_USAGE_RESERVED },
                  { signal_name, WIT_CRAWLER_SIGNAL_RESERVED } };
    struct groups groups = groups_of(r, agent);
    unsigned directives = 0;
    if (r->statement_count == 0 && r->license_count == 0)
        return 0; /* as most files */
    char *normal = malloc(3 * path.len + 1);
    if (!normal)
        return WIT_CRAWLER_USAGE_RESERVED; /* when in doubt, leave it */
    struct wit_str subject = wit_str_of(normal, path_normalise(path, normal));
    for (size_t i = 0; i < WIT_COUNT_OF(kinds); i++) {
        uint64_t work = 0;
        size_t length = statement_length(groups, kinds[i].name, subject, &work);
        if (length)
            directives |= statements_read(groups, kinds[i].name, length, subject, raw, &work);
        if (work > PATH_PATTERN_WORK_MOST)
            directives |= kinds[i].in_doubt;
    }
    free(normal);
    for (const struct line_value *l = r->licenses; l && raw; l = l->next)
        wit_buf_printf(raw, "robots.license: %.*s\n", WIT_STR_FMT(l->text));
    return directives;
}

int64_t wit_crawler_robots_crawl_delay_ms(const struct wit_crawler_robots *r,
                                          struct wit_str agent) {
    struct groups groups = groups_of(r, agent);
    int64_t delay = -1;
    for (const struct group *g; (g = group_next(&groups));)
        if (g->delay_ms > delay)
            delay = g->delay_ms;
    return delay;
}

size_t wit_crawler_robots_sitemap_count(const struct wit_crawler_robots *r) {
    return r->sitemap_count;
}

struct wit_str wit_crawler_robots_sitemap(const struct wit_crawler_robots *r, size_t index) {
    const struct line_value *s = r->sitemaps;
    while (s && index-- > 0)
        s = s->next;
    return s ? s->text : wit_str_of(NULL, 0);
}
