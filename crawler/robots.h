/*
 * robots.h: what a robots.txt says, between robots_parse.c, which reads it, and robots.c, which is
 * asked. Immutable once it is parsed.
 */
#ifndef CRAWLER_ROBOTS_H
#define CRAWLER_ROBOTS_H

#include "wit_crawler_page.h"

struct robots_rule {
    struct robots_rule *next;
    struct wit_str pattern; /* normalised; a literal '$' is "%24" */
    size_t length;          /* octets that decide which match is the most specific */
    bool allow;
    /* Of a plain one (path_pattern_literal): what it says without its end, and the next plain rule
     * that is a prefix of it: all prefixes of a path are in one such chain. */
    bool whole;
    uint32_t literal_len;
    const struct robots_rule *shorter;
};

enum robots_statement_kind { ROBOTS_USAGE, ROBOTS_SIGNAL }; /* Content-Usage, Content-Signal */

/* A line about use: of the paths that the pattern matches. */
struct robots_statement {
    struct robots_statement *next;
    struct robots_rule paths;
    enum robots_statement_kind kind;
    struct wit_str value;
    unsigned directives;
};

/* Consecutive user-agent lines and what follows them. */
struct robots_group {
    struct robots_group *next;
    struct robots_rule *listed; /* the last one first */
    /* Empty ones left out. First those with stars inside, the most specific first, allow before
     * disallow; then the plain ones in the order of their literal octets. */
    struct robots_rule **rules, **plain; /* plain: into rules */
    size_t listed_count, star_count, plain_count;
    struct robots_statement *statements;
    int64_t delay_ms; /* -1: none */
};

/* A user-agent line: whom the group is addressed to. */
struct robots_agent {
    struct robots_agent *next;
    struct wit_str token; /* lower case; empty: "*" */
    struct robots_group *group;
    size_t order;
};

/* A line that belongs to no group. */
struct robots_line {
    struct robots_line *next;
    struct wit_str text;
};

struct wit_crawler_robots {
    struct wit_arena *arena;
    struct robots_group *groups;
    struct robots_agent *listed;        /* the last one first */
    const struct robots_agent **agents; /* by token, then as they were written */
    size_t agent_count;
    struct robots_line *sitemaps, **sitemaps_end;
    struct robots_line *licenses, **licenses_end;
    size_t sitemap_count, license_count, statement_count;
    struct robots_statement *to_everybody; /* Content-Signal lines before any user-agent line */
    /* While it is parsed. */
    struct robots_group *open; /* the group that lines belong to now */
    bool rules_seen;           /* the next user-agent line starts a new group */
};

/* The product token at the start: "FooBot/1.2 (x)" is "FooBot". */
struct wit_str robots_product_token(struct wit_str s);

static inline char robots_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* wit_crawler_robots_allows, and *work grows by the octets looked at. When PATH_PATTERN_WORK_MOST
 * is spent the answer is no. */
bool robots_decide(const struct wit_crawler_robots *r, struct wit_str agent, struct wit_str path,
                   uint64_t *work);

#endif
