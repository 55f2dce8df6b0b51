/*
 * robots.c: robots.txt. Source: RFC 9309. Where it is silent the behaviour is google/robotstxt's,
 * as that is what site owners have been testing against: a missing colon is forgiven when two words
 * stand on the line, keys count by their beginning, common misspellings of "disallow" count, lines
 * are cut at 16,664 bytes, "allow: /x/index.html" allows "/x/" too.
 *
 * Differences on purpose, both from the RFC: percent-encoded unreserved characters equal the plain
 * ones (2.2.2), and /robots.txt is always allowed (2.2.2). A line cut off by the size limit is
 * dropped, since half a rule says more than its author did.
 */
#include "wit_crawler_page.h"

#include <stdlib.h>

enum {
    LINE_MAX_BYTES = 2083 * 8,
    ARENA_MAX_BYTES = 16 << 20, /* 500 KiB of "a:" lines stay below */
    MAX_DELAY_S = 86400
};

struct rule {
    struct rule *next;
    struct wit_str pattern; /* normalised; a literal '$' is "%24" */
    size_t length;          /* octets that decide which match is the most specific */
    bool allow;
};

struct agent {
    struct agent *next;
    struct wit_str token; /* empty: "*" */
};

/* Consecutive user-agent lines and what follows them. */
struct group {
    struct group *next;
    struct agent *agents;
    struct rule *rules;
    int64_t delay_ms; /* -1: none */
};

struct sitemap {
    struct sitemap *next;
    struct wit_str url;
};

struct wit_crawler_robots {
    struct wit_arena *arena;
    struct group *groups, **groups_end;
    struct sitemap *sitemaps, **sitemaps_end;
    size_t sitemap_count;
    struct group *open; /* the group that lines belong to now */
    bool rules_seen;    /* the next user-agent line starts a new group */
};

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

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_unreserved(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static size_t put_escape(char *out, uint8_t byte) {
    static const char digits[] = "0123456789ABCDEF";
    out[0] = '%';
    out[1] = digits[byte >> 4];
    out[2] = digits[byte & 15];
    return 3;
}

/* One octet of a path or pattern in comparable form, up to three bytes; *at moves behind it. */
static size_t put_normal(struct wit_str s, size_t *at, char *out) {
    char c = s.data[*at];
    if (c == '%' && *at + 2 < s.len && hex_digit(s.data[*at + 1]) >= 0 &&
        hex_digit(s.data[*at + 2]) >= 0) {
        int byte = hex_digit(s.data[*at + 1]) << 4 | hex_digit(s.data[*at + 2]);
        *at += 3;
        if (is_unreserved(byte)) {
            out[0] = (char)byte;
            return 1;
        }
        return put_escape(out, (uint8_t)byte);
    }
    *at += 1;
    if ((uint8_t)c >= 0x80 || (uint8_t)c <= 0x20 || c == 0x7F)
        return put_escape(out, (uint8_t)c);
    out[0] = c;
    return 1;
}

/* ---- parsing ------------------------------------------------------------------------------ */

static int rule_add(struct wit_crawler_robots *r, struct wit_str value, bool allow) {
    if (!r->open)
        return 0; /* a rule before any user-agent line is addressed to nobody */
    r->rules_seen = true;
    struct rule *rule = wit_arena_alloc(r->arena, sizeof *rule, _Alignof(struct rule));
    char *pattern = wit_arena_alloc(r->arena, 3 * value.len + 1, 1);
    if (!rule || !pattern)
        return WIT_ENOMEM;
    size_t len = 0, length = 0;
    for (size_t at = 0; at < value.len;) {
        bool literal_dollar = value.data[at] == '$' && at + 1 < value.len;
        size_t from = len;
        if (literal_dollar) {
            len += put_escape(pattern + len, '$');
            at++;
            length++;
            continue;
        }
        len += put_normal(value, &at, pattern + len);
        length += len - from;
    }
    *rule = (struct rule){ r->open->rules, wit_str_of(pattern, len), length, allow };
    r->open->rules = rule;
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
        *group = (struct group){ .delay_ms = -1 };
        *r->groups_end = r->open = group;
        r->groups_end = &group->next;
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
    *agent =
        (struct agent){ r->open->agents, star ? wit_str_of("", 0) : wit_str_of(copy, token.len) };
    r->open->agents = agent;
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

static int sitemap_add(struct wit_crawler_robots *r, struct wit_str value) {
    struct sitemap *sitemap = wit_arena_alloc(r->arena, sizeof *sitemap, _Alignof(struct sitemap));
    char *copy = wit_arena_copy(r->arena, value.data ? value.data : "", value.len);
    if (!sitemap || !copy)
        return WIT_ENOMEM;
    *sitemap = (struct sitemap){ NULL, wit_str_of(copy, value.len) };
    *r->sitemaps_end = sitemap;
    r->sitemaps_end = &sitemap->next;
    r->sitemap_count++;
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
    if (starts_with_any(key, sitemap_keys, WIT_COUNT_OF(sitemap_keys)))
        return sitemap_add(r, value);
    if (starts_with_nocase(key, "crawl-delay"))
        delay_set(r, value);
    return 0;
}

int wit_crawler_robots_parse(const void *data, size_t size, struct wit_crawler_robots **out,
                             struct wit_error *err) {
    struct wit_str text = wit_str_of(data, size);
    int st = WIT_ENOMEM;
    struct wit_crawler_robots *r = calloc(1, sizeof *r);
    if (!r)
        goto out;
    r->groups_end = &r->groups;
    r->sitemaps_end = &r->sitemaps;
    r->arena = wit_arena_create(ARENA_MAX_BYTES);
    if (!r->arena)
        goto out;
    st = 0;
    if (text.len > WIT_CRAWLER_ROBOTS_MAX_BYTES) {
        text.len = WIT_CRAWLER_ROBOTS_MAX_BYTES;
        while (text.len && text.data[text.len - 1] != '\n' && text.data[text.len - 1] != '\r')
            text.len--;
    }
    if (wit_str_starts_with(text, WIT_STR("\xEF\xBB\xBF")))
        text = wit_str_slice(text, 3, text.len);
    for (size_t at = 0; at < text.len && st == 0;) {
        size_t end = at;
        while (end < text.len && text.data[end] != '\n' && text.data[end] != '\r')
            end++;
        st = parse_line(r, wit_str_slice(text, at, end));
        at = end + 1;
    }
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

static bool group_names(const struct group *group, struct wit_str token) {
    for (const struct agent *a = group->agents; a; a = a->next)
        if (wit_str_eq_nocase(a->token, token))
            return true;
    return false;
}

/* The token whose groups apply: the agent's own, or "" (that is "*") when nobody names it. */
static struct wit_str applicable_token(const struct wit_crawler_robots *r, struct wit_str agent) {
    struct wit_str token = product_token(agent);
    for (const struct group *g = r->groups; g && token.len; g = g->next)
        if (group_names(g, token))
            return token;
    return wit_str_of("", 0);
}

/* Pieces between stars are literal: the first stands at the start, each other one at its first
 * place behind the one before, an anchored last one at the end. Linear in path and pattern. */
static bool pattern_matches(struct wit_str pattern, struct wit_str path) {
    bool anchored = pattern.len && pattern.data[pattern.len - 1] == '$';
    if (anchored)
        pattern.len--;
    size_t at = 0; /* the path is matched up to here */
    for (size_t from = 0;;) {
        ptrdiff_t star = wit_str_find_byte(pattern, '*', from);
        size_t to = star < 0 ? pattern.len : (size_t)star;
        struct wit_str piece = wit_str_slice(pattern, from, to);
        if (from == 0) {
            if (!wit_str_starts_with(path, piece))
                return false;
            at = piece.len;
            if (star < 0)
                return !anchored || at == path.len;
        } else if (star < 0 && anchored) {
            return path.len - at >= piece.len && wit_str_ends_with(path, piece);
        } else {
            ptrdiff_t found = wit_str_find(path, piece, at);
            if (found < 0)
                return false;
            at = (size_t)found + piece.len;
            if (star < 0)
                return true;
        }
        from = to + 1;
    }
}

bool wit_crawler_robots_allows(const struct wit_crawler_robots *r, struct wit_str agent,
                               struct wit_str path) {
    ptrdiff_t hash = wit_str_find_byte(path, '#', 0);
    if (hash >= 0)
        path.len = (size_t)hash;
    if (path.len == 0)
        path = WIT_STR("/");
    char *normal = malloc(3 * path.len);
    if (!normal)
        return false; /* when in doubt, stay out */
    size_t len = 0;
    for (size_t at = 0; at < path.len;) {
        char c = path.data[at];
        if (c == '*' || c == '$') { /* what a pattern says with %2A and %24 */
            len += put_escape(normal + len, (uint8_t)c);
            at++;
        } else {
            len += put_normal(path, &at, normal + len);
        }
    }
    struct wit_str subject = wit_str_of(normal, len), token = applicable_token(r, agent);
    const struct rule *best = NULL;
    for (const struct group *g = r->groups; g; g = g->next) {
        if (!group_names(g, token))
            continue;
        for (const struct rule *rule = g->rules; rule; rule = rule->next) {
            bool better =
                rule->length > 0 && (!best || rule->length > best->length ||
                                     (rule->length == best->length && rule->allow && !best->allow));
            if (better && pattern_matches(rule->pattern, subject))
                best = rule;
        }
    }
    bool allowed = !best || best->allow || wit_str_eq(subject, WIT_STR("/robots.txt"));
    free(normal);
    return allowed;
}

int64_t wit_crawler_robots_crawl_delay_ms(const struct wit_crawler_robots *r,
                                          struct wit_str agent) {
    struct wit_str token = applicable_token(r, agent);
    int64_t delay = -1;
    for (const struct group *g = r->groups; g; g = g->next)
        if (group_names(g, token) && g->delay_ms > delay)
            delay = g->delay_ms;
    return delay;
}

size_t wit_crawler_robots_sitemap_count(const struct wit_crawler_robots *r) {
    return r->sitemap_count;
}

struct wit_str wit_crawler_robots_sitemap(const struct wit_crawler_robots *r, size_t index) {
    const struct sitemap *s = r->sitemaps;
    while (s && index-- > 0)
        s = s->next;
    return s ? s->url : wit_str_of(NULL, 0);
}
