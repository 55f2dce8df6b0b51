/*
 * html_skim_tmpl.h: the fast path, for an instruction set that its includer describes:
 *
 *     SKIM                  attributes of functions that use it
 *     SKIM_BYTES            bytes in a vector
 *     skim_vec              a vector; skim_load(p) loads one
 *     skim_is(v, c)         a bit for each byte that is c
 *     skim_among(v, set)    a bit for each byte c that is set[c & 15], for c < 0x80
 *
 * A tag is read with local variables and one comparison of many bytes where the machine goes from
 * state to state and byte to byte. All of 13.2.5.6 to 13.2.5.8 and 13.2.5.32 to 13.2.5.40 is here
 * but for the end of the input: near the window's end the machine takes over.
 */
#include "html_machine.h"

struct skim_tag {
    const char *name;
    size_t name_len, attr_count;
    bool end_tag, self_closing;
};

/* The last place where a vector may be loaded; what reaches beyond is the machine's. */
typedef const char *skim_limit;

/* Bytes that end a name or a value. They differ in their low four bits, which are their places. */
static const char skim_name_ends[16] = {
    [0] = ' ', [9] = '\t', [10] = '\n', [12] = '\f', [13] = '\r', [14] = '>', [15] = '/'
};
static const char skim_value_ends[16] = {
    [0] = ' ', [9] = '\t', [10] = '\n', [12] = '\f', [13] = '\r', [14] = '>'
};

/* The next byte c from p on, or NULL: beyond the limit. */
SKIM static inline const char *find_byte(const char *p, skim_limit limit, char c) {
    for (; p <= limit; p += SKIM_BYTES) {
        uint32_t found = skim_is(skim_load(p), c);
        if (found)
            return p + __builtin_ctz(found);
    }
    return NULL;
}

/* The end of a tag's name or of an attribute's: white space, '/', '>' and, of an attribute's, '='.
 * Never behind the limit. */
SKIM static inline const char *find_name_end(const char *p, skim_limit limit, bool of_attribute) {
    for (; p <= limit; p += SKIM_BYTES) {
        skim_vec v = skim_load(p);
        uint32_t found = skim_among(v, skim_name_ends);
        if (of_attribute)
            found |= skim_is(v, '=');
        if (found) {
            p += __builtin_ctz(found);
            return p <= limit ? p : NULL;
        }
    }
    return NULL;
}

/* The end of a value without quotes: white space or '>'. */
SKIM static inline const char *find_unquoted_end(const char *p, skim_limit limit) {
    for (; p <= limit; p += SKIM_BYTES) {
        uint32_t found = skim_among(skim_load(p), skim_value_ends);
        if (found) {
            p += __builtin_ctz(found);
            return p <= limit ? p : NULL;
        }
    }
    return NULL;
}

SKIM static inline const char *skip_space(const char *p, skim_limit limit) {
    while (p <= limit && machine_is_space(*p))
        p++;
    return p <= limit ? p : NULL;
}

/* Behind '=': the value, and the place behind it. */
SKIM static inline const char *scan_value(const char *p, skim_limit limit, struct wit_str *value) {
    p = skip_space(p, limit);
    if (!p || *p == '>')
        return p; /* the value is missing */
    if (*p != '"' && *p != '\'') {
        const char *end = find_unquoted_end(p, limit);
        if (end)
            *value = wit_str_of(p, (size_t)(end - p));
        return end;
    }
    const char *end = find_byte(p + 1, limit, *p);
    if (!end)
        return NULL;
    *value = wit_str_of(p + 1, (size_t)(end - p - 1));
    return end + 1;
}

/* Attributes from behind the tag's name up to and with '>': the place behind it, or NULL when the
 * machine has to read the tag. */
SKIM static inline const char *scan_attributes(struct html_tokenizer *t, const char *p,
                                               skim_limit limit, struct skim_tag *tag) {
    for (;;) {
        if (p > limit)
            return NULL;
        if (*p == '>')
            return p + 1;
        if (machine_is_space(*p)) {
            p++;
            continue;
        }
        if (*p == '/') {
            tag->self_closing = p[1] == '>';
            p++;
            continue;
        }
        if (tag->attr_count == HTML_ATTRIBUTES_MAX)
            return NULL;
        struct html_attr *attr = &t->attrs[tag->attr_count++];
        const char *end = find_name_end(p + 1, limit, true); /* a first '=' is part of the name */
        if (!end)
            return NULL;
        attr->name = wit_str_of(p, (size_t)(end - p));
        attr->value = wit_str_of(end, 0);
        p = skip_space(end, limit);
        if (p && *p == '=')
            p = scan_value(p + 1, limit, &attr->value);
        if (!p)
            return NULL;
    }
}

/* The tag whose '<' is at p: the place behind it, or NULL as above. */
SKIM static inline const char *scan_tag(struct html_tokenizer *t, const char *p, skim_limit limit,
                                        struct skim_tag *tag) {
    const char *open = p++;
    if (p > limit)
        return NULL;
    *tag = (struct skim_tag){ .end_tag = *p == '/' };
    p += tag->end_tag;
    if (p > limit || !machine_is_alpha(*p))
        return NULL;
    tag->name = p;
    p = find_name_end(p, limit, false);
    if (!p)
        return NULL;
    tag->name_len = (size_t)(p - tag->name);
    p = scan_attributes(t, p, limit, tag);
    return p && (size_t)(p - open) <= t->max_token ? p : NULL;
}

SKIM static inline enum html_element skim_element(const struct skim_tag *tag) {
    uint64_t key;
    memcpy(&key, tag->name, sizeof key); /* before the limit, so these bytes are there */
    if (tag->name_len < sizeof key)
        key &= ((uint64_t)1 << (8 * tag->name_len)) - 1;
    return html_element_of_key(key, wit_str_of(tag->name, tag->name_len));
}

/* A tag that is wanted or may change what follows it. */
SKIM static inline enum state emit_tag(struct html_tokenizer *t, const struct skim_tag *tag,
                                       enum html_element element) {
    struct html_token token = {
        .kind = tag->end_tag ? HTML_END_TAG : HTML_START_TAG,
        .name = { tag->name, tag->name_len },
        .element = element,
        .attrs = t->attrs,
        .attr_count = tag->attr_count,
        .self_closing = tag->self_closing,
    };
    const enum state next = machine_tag_effect(t, &token);
    if (machine_wants_tag(t, tag->end_tag, token.element))
        t->fn(t->user, &token);
    return next;
}

/* What stands inside [t->pos, after) is a tag. */
SKIM static inline void take_tag(struct html_tokenizer *t, const struct skim_tag *tag,
                                 const char *after) {
    const enum html_element element = skim_element(tag);
    if (t->wants.text)
        machine_emit_text(t, t->pos, HTML_TEXT_DATA);
    if (t->content.depth || !html_element_is_inert(element) ||
        machine_wants_tag(t, tag->end_tag, element))
        t->state = emit_tag(t, tag, element);
    t->pos = t->text_start = (size_t)(after - t->window);
}

SKIM static void skim_run(struct html_tokenizer *t) {
    if (t->len < SKIM_BYTES)
        return;
    const skim_limit limit = t->window + (t->len - SKIM_BYTES);
    while (t->state == DATA) {
        struct skim_tag tag;
        const char *open = find_byte(t->window + t->pos, limit, '<');
        if (!open)
            return;
        t->pos = (size_t)(open - t->window);
        const char *after = scan_tag(t, open, limit, &tag);
        if (!after)
            return;
        take_tag(t, &tag, after);
    }
}
