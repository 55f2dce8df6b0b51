/*
 * robots_parse.c: the text of a robots.txt. Source: RFC 9309. Where it is silent the behaviour is
 * google/robotstxt's, as that is what site owners have been testing against: a missing colon is
 * forgiven when two words stand on the line, keys count by their beginning, common misspellings of
 * "disallow" count, lines are cut at 16,664 bytes, "allow: /x/index.html" allows "/x/" too.
 *
 * Difference on purpose, from the RFC: percent-encoded unreserved characters equal the plain ones
 * (2.2.2). A line cut off by the size limit is dropped, since half a rule says more than its author
 * did.
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

/* ---- text --------------------------------------------------------------------------------- */

static bool is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

struct wit_str robots_product_token(struct wit_str s) {
    size_t len = 0;
    while (len < s.len && is_token_char(s.data[len]))
        len++;
    return wit_str_slice(s, 0, len);
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

static int pattern_set(struct wit_crawler_robots *r, struct wit_str value,
                       struct robots_rule *rule) {
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
    struct robots_rule *rule =
        wit_arena_alloc(r->arena, sizeof *rule, _Alignof(struct robots_rule));
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
        struct robots_group *group =
            wit_arena_alloc(r->arena, sizeof *group, _Alignof(struct robots_group));
        if (!group)
            return WIT_ENOMEM;
        *group = (struct robots_group){ .next = r->groups, .delay_ms = -1 };
        r->groups = r->open = group;
        r->rules_seen = false;
    }
    bool star = value.len && value.data[0] == '*' &&
                (value.len == 1 || value.data[1] == ' ' || value.data[1] == '\t');
    struct wit_str token = robots_product_token(value);
    if (!star && token.len == 0)
        return 0; /* the group stays, addressed to nobody by this line */
    struct robots_agent *agent =
        wit_arena_alloc(r->arena, sizeof *agent, _Alignof(struct robots_agent));
    char *copy = wit_arena_copy(r->arena, token.data ? token.data : "", token.len);
    if (!agent || !copy)
        return WIT_ENOMEM;
    for (size_t i = 0; i < token.len; i++)
        copy[i] = robots_lower(copy[i]);
    *agent = (struct robots_agent){ r->listed, wit_str_of(copy, star ? 0 : token.len), r->open,
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
                          struct robots_line ***end) {
    struct robots_line *line =
        wit_arena_alloc(r->arena, sizeof *line, _Alignof(struct robots_line));
    char *copy = wit_arena_copy(r->arena, value.data ? value.data : "", value.len);
    if (!line || !copy)
        return WIT_ENOMEM;
    *line = (struct robots_line){ NULL, wit_str_of(copy, value.len) };
    **end = line;
    *end = &line->next;
    return 0;
}

/* "train-ai=n", or "/path train-ai=n" (draft-ietf-aipref-attach). No path is the whole site. */
static int statement_add(struct wit_crawler_robots *r, enum robots_statement_kind kind,
                         struct wit_str value, unsigned (*parse)(struct wit_str value)) {
    struct wit_str path = WIT_STR("/"), said = value;
    if (!r->open && kind == ROBOTS_USAGE)
        return 0;
    if (value.len && value.data[0] == '/') {
        size_t end = 0;
        while (end < value.len && value.data[end] != ' ' && value.data[end] != '\t')
            end++;
        path = wit_str_slice(value, 0, end);
        said = wit_str_trim(wit_str_slice(value, end, value.len));
    }
    struct robots_statement *s =
        wit_arena_alloc(r->arena, sizeof *s, _Alignof(struct robots_statement));
    char *copy = wit_arena_copy(r->arena, value.data ? value.data : "", value.len);
    if (!s || !copy || pattern_set(r, path, &s->paths) < 0)
        return WIT_ENOMEM;
    s->kind = kind;
    s->value = wit_str_of(copy, value.len);
    s->directives = parse(said);
    r->statement_count++;
    struct robots_statement **list = r->open ? &r->open->statements : &r->to_everybody;
    s->next = *list;
    *list = s;
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
        return statement_add(r, ROBOTS_USAGE, value, wit_crawler_content_usage_parse);
    }
    if (wit_str_eq_nocase(key, WIT_STR("content-signal")))
        return statement_add(r, ROBOTS_SIGNAL, value, wit_crawler_content_signal_parse);
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

/* Are the first two units of UTF-16 ASCII, with their NULs at `at`? */
static bool is_utf16(struct wit_str text, size_t at) {
    return text.len >= 4 && !text.data[at] && !text.data[at + 2] && text.data[1 - at] &&
           text.data[3 - at];
}

/* The RFC wants UTF-8, some editors write UTF-16. It has a mark, or else a NUL beside each of its
 * first letters; a NUL by itself is a stray byte, before which rules must not vanish. NULL: it is
 * neither. */
static const struct wit_charset *utf16_of(struct wit_str *text) {
    size_t bom_bytes = 0;
    const struct wit_charset *charset = wit_charset_from_bom(*text, &bom_bytes);
    *text = wit_str_slice(*text, bom_bytes, text->len);
    if (charset)
        return charset == wit_charset_utf8() ? NULL : charset;
    return is_utf16(*text, 1)   ? wit_charset_find(WIT_STR("utf-16le"))
           : is_utf16(*text, 0) ? wit_charset_find(WIT_STR("utf-16be"))
                                : NULL;
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
    const struct robots_rule *a = *(const struct robots_rule *const *)x,
                             *b = *(const struct robots_rule *const *)y;
    if (a->length != b->length)
        return a->length > b->length ? -1 : 1;
    return (int)b->allow - (int)a->allow;
}

static struct wit_str literal_of(const struct robots_rule *rule) {
    return wit_str_of(rule->pattern.data, rule->literal_len);
}

static int literal_order(const void *x, const void *y) {
    const struct robots_rule *a = *(const struct robots_rule *const *)x,
                             *b = *(const struct robots_rule *const *)y;
    int order = wit_str_cmp(literal_of(a), literal_of(b));
    if (order)
        return order;
    return a->whole != b->whole ? (int)a->whole - (int)b->whole : rule_order(x, y);
}

/* Of rules that say the same the first one counts. */
static size_t repeats_drop(struct robots_rule **rules, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || rules[kept - 1]->whole != rules[i]->whole ||
            !wit_str_eq(literal_of(rules[kept - 1]), literal_of(rules[i])))
            rules[kept++] = rules[i];
    return kept;
}

/* In their order each rule's chain is the stack of those that are still prefixes. */
static void plain_link(struct robots_rule **rules, size_t count) {
    const struct robots_rule *shorter = NULL;
    for (size_t i = 0; i < count; i++) {
        while (shorter && !wit_str_starts_with(literal_of(rules[i]), literal_of(shorter)))
            shorter = shorter->shorter;
        rules[i]->shorter = shorter;
        shorter = rules[i];
    }
}

static int agent_order(const void *x, const void *y) {
    const struct robots_agent *a = *(const struct robots_agent *const *)x,
                              *b = *(const struct robots_agent *const *)y;
    int order = wit_str_cmp(a->token, b->token);
    return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

static int rules_sort(struct wit_crawler_robots *r, struct robots_group *g) {
    if (g->listed_count == 0)
        return 0;
    g->rules =
        wit_arena_alloc(r->arena, g->listed_count * sizeof(struct robots_rule *), _Alignof(void *));
    if (!g->rules)
        return WIT_ENOMEM;
    size_t plain_at = g->listed_count;
    for (struct robots_rule *rule = g->listed; rule; rule = rule->next) {
        struct wit_str literal;
        bool plain = path_pattern_literal(rule->pattern, &literal, &rule->whole);
        rule->literal_len = (uint32_t)literal.len;
        g->rules[plain ? --plain_at : g->star_count++] = rule;
    }
    struct robots_rule **plain = g->rules + plain_at;
    qsort(g->rules, g->star_count, sizeof(struct robots_rule *), rule_order);
    qsort(plain, g->listed_count - plain_at, sizeof(struct robots_rule *), literal_order);
    g->plain_count = repeats_drop(plain, g->listed_count - plain_at);
    plain_link(plain, g->plain_count);
    g->plain = plain;
    return 0;
}

static int index_make(struct wit_crawler_robots *r) {
    for (struct robots_group *g = r->groups; g; g = g->next)
        if (rules_sort(r, g) < 0)
            return WIT_ENOMEM;
    if (r->agent_count == 0)
        return 0;
    r->agents = wit_arena_alloc(r->arena, r->agent_count * sizeof *r->agents, _Alignof(void *));
    if (!r->agents)
        return WIT_ENOMEM;
    size_t n = 0;
    for (const struct robots_agent *a = r->listed; a; a = a->next)
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

size_t wit_crawler_robots_bytes(const struct wit_crawler_robots *r) {
    enum { OVERHEAD_BYTES = 128 }; /* the arena itself, and of three allocations */
    return OVERHEAD_BYTES + sizeof *r + wit_arena_held(r->arena);
}
