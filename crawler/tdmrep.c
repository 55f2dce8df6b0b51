/*
 * tdmrep.c: /.well-known/tdmrep.json, by which an origin reserves text and data mining (TDM
 * Reservation Protocol, W3C community group report, 2024). An array of
 * {"location": pattern, "tdm-reservation": 0 or 1, "tdm-policy": URL}; the first location that
 * matches the path counts, in the order of the file. A value other than 0 and 1 is none.
 */
#include "path_pattern.h"
#include "wit_crawler_page.h"

#include <stdlib.h>

enum { ARENA_MAX_BYTES = 2 << 20, RULES_MOST = 4096 };

struct tdm_rule {
    struct wit_str pattern, policy;
    unsigned directive; /* TDM_RESERVED, TDM_OPEN or 0 */
};

struct wit_crawler_tdmrep {
    struct wit_arena *arena;
    struct tdm_rule *rules;
    size_t count, cap;
};

static unsigned reservation_of(const struct wit_json *v) {
    struct wit_str text;
    int64_t number = -1;
    if (wit_json_string(v, &text) == 0) /* some write it in quotes */
        number = wit_str_eq(text, WIT_STR("1")) ? 1 : wit_str_eq(text, WIT_STR("0")) ? 0 : -1;
    else
        (void)wit_json_int(v, &number);
    return number == 1 ? WIT_CRAWLER_TDM_RESERVED : number == 0 ? WIT_CRAWLER_TDM_OPEN : 0;
}

/* A location is a path: without its first '/' it still is. */
static int pattern_set(struct wit_crawler_tdmrep *t, struct wit_str location,
                       struct tdm_rule *rule) {
    bool rooted = location.len && (location.data[0] == '/' || location.data[0] == '*');
    char *pattern = wit_arena_alloc(t->arena, 3 * location.len + 1, 1);
    size_t length;
    if (!pattern)
        return WIT_ENOMEM;
    pattern[0] = '/';
    size_t len = path_pattern_normalise(location, pattern + !rooted, &length);
    rule->pattern = wit_str_of(pattern, len + !rooted);
    return 0;
}

/* What is no rule is passed over. */
static int rule_add(struct wit_crawler_tdmrep *t, const struct wit_json *v) {
    struct wit_str location, policy = { NULL, 0 };
    struct tdm_rule rule = { .directive = reservation_of(wit_json_get(v, "tdm-reservation")) };
    if (wit_json_string(wit_json_get(v, "location"), &location) < 0 || t->count == RULES_MOST)
        return 0;
    if (wit_json_string(wit_json_get(v, "tdm-policy"), &policy) == 0) {
        const char *copy = wit_arena_copy(t->arena, policy.data, policy.len);
        if (!copy)
            return WIT_ENOMEM;
        rule.policy = wit_str_of(copy, policy.len);
        if (wit_str_find_byte(policy, '\n', 0) >= 0)
            rule.policy.len = 0; /* a line of the record, not two */
    }
    if (pattern_set(t, location, &rule) < 0)
        return WIT_ENOMEM;
    t->rules[t->count++] = rule;
    return 0;
}

static int rules_read(struct wit_crawler_tdmrep *t, const struct wit_json *root) {
    size_t n = wit_json_size(root);
    int st = 0;
    t->cap = n < RULES_MOST ? n + 1 : RULES_MOST;
    t->rules = wit_alloc_array(t->cap, sizeof *t->rules);
    if (!t->rules)
        return WIT_ENOMEM;
    for (size_t i = 0; i < n && st == 0; i++)
        if (wit_json_type_of(wit_json_at(root, i)) == WIT_JSON_OBJECT)
            st = rule_add(t, wit_json_at(root, i));
    return st;
}

int wit_crawler_tdmrep_parse(const void *data, size_t size, struct wit_crawler_tdmrep **out,
                             struct wit_error *err) {
    struct wit_str text = wit_str_of(data, size);
    struct wit_json *root = NULL;
    struct wit_crawler_tdmrep *t = NULL;
    if (size > WIT_CRAWLER_TDMREP_MAX_BYTES)
        return wit_error_set(err, WIT_ELIMIT, "a tdmrep.json of %zu bytes", size);
    if (wit_str_starts_with(text, WIT_STR("\xEF\xBB\xBF")))
        text = wit_str_slice(text, 3, text.len);
    int st = wit_json_parse(text, "tdmrep.json", &root, err);
    if (st == 0 && wit_json_type_of(root) != WIT_JSON_ARRAY)
        st = wit_error_set(err, WIT_EFORMAT, "tdmrep.json is not an array");
    if (st == 0) {
        t = calloc(1, sizeof *t);
        st = t && (t->arena = wit_arena_create(ARENA_MAX_BYTES)) ? rules_read(t, root) : WIT_ENOMEM;
        if (st < 0)
            wit_error_set(err, st, "no memory for a tdmrep.json of %zu bytes", size);
    }
    wit_json_destroy(root);
    if (st == 0)
        *out = t;
    else
        wit_crawler_tdmrep_destroy(t);
    return st;
}

void wit_crawler_tdmrep_destroy(struct wit_crawler_tdmrep *t) {
    if (!t)
        return;
    if (t->arena)
        wit_arena_destroy(t->arena);
    free(t->rules);
    free(t);
}

size_t wit_crawler_tdmrep_bytes(const struct wit_crawler_tdmrep *t) {
    enum { OVERHEAD_BYTES = 128 }; /* the arena itself, and of four allocations */
    return OVERHEAD_BYTES + sizeof *t + wit_arena_held(t->arena) + t->cap * sizeof *t->rules;
}

static void rule_keep(const struct tdm_rule *rule, struct wit_buf *raw) {
    if (rule->directive)
        wit_buf_printf(raw, "tdmrep.tdm-reservation: %d\n",
                       rule->directive == WIT_CRAWLER_TDM_RESERVED);
    if (rule->policy.len)
        wit_buf_printf(raw, "tdmrep.tdm-policy: %.*s\n", WIT_STR_FMT(rule->policy));
}

unsigned wit_crawler_tdmrep_of(const struct wit_crawler_tdmrep *t, struct wit_str path,
                               struct wit_buf *raw) {
    uint64_t work = PATH_PATTERN_WORK_MOST / 2; /* half of what a robots.txt may cost */
    unsigned directive = 0;
    char *normal = malloc(3 * path.len + 1);
    if (!normal)
        return WIT_CRAWLER_TDM_RESERVED; /* when in doubt, leave it */
    struct wit_str subject = wit_str_of(normal, path_normalise(path, normal));
    for (size_t i = 0; i < t->count; i++) {
        if (path_pattern_matches(t->rules[i].pattern, subject, &work)) {
            directive = t->rules[i].directive;
            if (raw)
                rule_keep(&t->rules[i], raw);
            break;
        }
        if (work > PATH_PATTERN_WORK_MOST) {
            directive = WIT_CRAWLER_TDM_RESERVED;
            break;
        }
    }
    free(normal);
    return directive;
}
