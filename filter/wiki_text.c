/*
 * wiki_text.c: wikitext to plain text in one pass. Text is written as it comes; when something that
 * is no text closes, what was written since it opened is taken back. So nothing is looked ahead for
 * but the ends of tags whose inside is not wikitext, and these once.
 *
 * Source of the notation: mediawiki.org, Help:Formatting, Help:Links, Help:Tables, Help:Templates,
 * and the list of extension tags there.
 */
#include "wiki_text.h"

#include "text/wit_text.h"

enum {
    OPEN_MAX = 256,       /* nesting; deeper openings are read as text */
    TAG_MAX_BYTES = 1024, /* "<...>" */
    PREFIX_MAX_BYTES = 64 /* "Category:" */
};

enum open_kind { TEMPLATE, TABLE, LINK, OUTER_LINK };

struct open_item {
    enum open_kind kind;
    size_t at;    /* where its text begins in the output */
    bool dropped; /* LINK: a file or a category */
    bool foreign; /* LINK: has a prefix that may be a language */
    bool piped;   /* LINK: the target is over */
};

enum tag_kind { TAG_BREAK, TAG_DROP, TAG_VERBATIM };

struct tag {
    const char *name;
    enum tag_kind kind;
};

/* TAG_BREAK ends a line; TAG_DROP is left out with its inside; TAG_VERBATIM has an inside without
 * markup. All other tags vanish, and what they enclose stays. */
/* clang-format off */
static const struct tag tags[] = {
    { "ref", TAG_DROP }, { "math", TAG_DROP }, { "chem", TAG_DROP }, { "ce", TAG_DROP },
    { "gallery", TAG_DROP }, { "timeline", TAG_DROP }, { "score", TAG_DROP },
    { "source", TAG_DROP }, { "syntaxhighlight", TAG_DROP }, { "code", TAG_DROP },
    { "pre", TAG_DROP }, { "imagemap", TAG_DROP }, { "graph", TAG_DROP }, { "hiero", TAG_DROP },
    { "templatedata", TAG_DROP }, { "inputbox", TAG_DROP }, { "mapframe", TAG_DROP },
    { "maplink", TAG_DROP }, { "indicator", TAG_DROP }, { "style", TAG_DROP },
    { "script", TAG_DROP }, { "templatestyles", TAG_DROP }, { "categorytree", TAG_DROP },
    { "nowiki", TAG_VERBATIM },
    { "br", TAG_BREAK }, { "p", TAG_BREAK }, { "div", TAG_BREAK }, { "li", TAG_BREAK },
    { "ul", TAG_BREAK }, { "ol", TAG_BREAK }, { "dl", TAG_BREAK }, { "dt", TAG_BREAK },
    { "dd", TAG_BREAK }, { "hr", TAG_BREAK }, { "tr", TAG_BREAK }, { "td", TAG_BREAK },
    { "th", TAG_BREAK }, { "table", TAG_BREAK }, { "blockquote", TAG_BREAK },
    { "center", TAG_BREAK }, { "h1", TAG_BREAK }, { "h2", TAG_BREAK }, { "h3", TAG_BREAK },
    { "h4", TAG_BREAK }, { "h5", TAG_BREAK }, { "h6", TAG_BREAK },
};
/* clang-format on */
enum { TAG_REF = 0 };

struct plain {
    struct wit_str in;
    size_t i;
    char *to; /* output; never more than twice the input */
    size_t n;
    const struct wiki_names *names;
    struct open_item open[OPEN_MAX];
    unsigned depth;
    bool line_start;
    size_t heading;                        /* where a heading's text begins + 1; 0: none */
    bool never_closed[WIT_COUNT_OF(tags)]; /* no closing tag from here to the end */
};

static char peek(const struct plain *p, size_t ahead) {
    return p->i + ahead < p->in.len ? p->in.data[p->i + ahead] : 0;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t run_of(const struct plain *p, char c) {
    size_t n = 0;
    while (peek(p, n) == c && p->i + n < p->in.len)
        n++;
    return n;
}

static void put(struct plain *p, char c) {
    p->to[p->n++] = c;
}

/* ---- what is open ---------------------------------------------------------------------------- */

static struct open_item *top(struct plain *p) {
    return p->depth ? &p->open[p->depth - 1] : NULL;
}

static bool top_is(struct plain *p, enum open_kind kind) {
    return p->depth && p->open[p->depth - 1].kind == kind;
}

static struct open_item *push(struct plain *p, enum open_kind kind) {
    if (p->depth == OPEN_MAX)
        return NULL;
    struct open_item *o = &p->open[p->depth++];
    *o = (struct open_item){ .kind = kind, .at = p->n };
    return o;
}

/* Close the innermost template, or the innermost table where no template is inside it: its text
 * goes, and a line's end stands for what is not known. */
static bool close_block(struct plain *p, enum open_kind kind) {
    for (unsigned d = p->depth; d-- > 0;) {
        if (p->open[d].kind == kind) {
            p->n = p->open[d].at;
            p->depth = d;
            p->heading = p->heading > p->n ? 0 : p->heading;
            put(p, '\n');
            return true;
        }
        if (p->open[d].kind == TEMPLATE)
            break;
    }
    return false;
}

/* ---- links ----------------------------------------------------------------------------------- */

static bool name_is_dropped(const struct wiki_names *names, struct wit_str name) {
    char key[PREFIX_MAX_BYTES + 2];
    size_t n = 0;
    name = wit_str_trim(name);
    key[n++] = '\n';
    for (size_t i = 0; i < name.len; i++)
        key[n++] = name.data[i] == '_' ? ' ' : to_lower(name.data[i]);
    key[n++] = '\n';
    return name.len > 0 && wit_str_find(wit_buf_view(&names->names), wit_str_of(key, n), 0) >= 0;
}

/* "fr", "zh-min-nan": what a link to another language begins with. */
static bool may_be_language(struct wit_str name) {
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] != '-' && (name.data[i] < 'a' || name.data[i] > 'z'))
            return false;
    return name.len >= 2 && name.len <= 12;
}

static void link_open(struct plain *p) {
    p->i += 2;
    struct open_item *o = push(p, LINK);
    if (!o)
        return;
    size_t n = 0;
    if (peek(p, 0) == ':') { /* a link to a category, not a place in it */
        p->i++;
        return;
    }
    while (n < PREFIX_MAX_BYTES && peek(p, n) && !strchr(":|[]{}\n", peek(p, n)))
        n++;
    if (n == PREFIX_MAX_BYTES || peek(p, n) != ':')
        return;
    struct wit_str prefix = wit_str_slice(p->in, p->i, p->i + n);
    o->dropped = name_is_dropped(p->names, prefix);
    o->foreign = may_be_language(prefix);
}

/* A scheme and "//" at the input's next bytes: the length of it, or 0. */
static size_t scheme(const struct plain *p, size_t ahead) {
    static const char *const known[] = { "http://", "https://", "ftp://", "//", "mailto:" };
    struct wit_str rest = wit_str_slice(p->in, p->i + ahead, p->in.len);
    for (size_t i = 0; i < WIT_COUNT_OF(known); i++)
        if (wit_str_starts_with(rest, wit_str_from(known[i])))
            return strlen(known[i]);
    return 0;
}

static void address_skip(struct plain *p) {
    while (p->i < p->in.len && !strchr(" \t\n[]<>{}|\"", p->in.data[p->i]))
        p->i++;
}

static void bracket_open(struct plain *p) {
    if (peek(p, 1) == '[') {
        link_open(p);
    } else if (scheme(p, 1)) {
        p->i++;
        address_skip(p);
        p->i += peek(p, 0) == ' ';
        push(p, OUTER_LINK);
    } else {
        put(p, '[');
        p->i++;
    }
}

static void bracket_close(struct plain *p) {
    if (top_is(p, OUTER_LINK)) {
        p->depth--;
        p->i++;
        return;
    }
    if (!top_is(p, LINK) || peek(p, 1) != ']') {
        put(p, ']');
        p->i++;
        return;
    }
    struct open_item *o = top(p);
    if (o->dropped || (o->foreign && !o->piped))
        p->n = o->at;
    p->depth--;
    p->i += 2;
}

static void bar(struct plain *p) {
    struct open_item *o = top(p);
    p->i++;
    if (o && o->kind == LINK && !o->piped) {
        p->n = o->at; /* the target, which is not shown */
        o->piped = true;
    } else {
        put(p, '|');
    }
}

/* "scheme://..." in running text: the scheme is written already. */
static void colon(struct plain *p) {
    size_t least = p->depth ? top(p)->at : 0;
    bool address =
        peek(p, 1) == '/' && peek(p, 2) == '/' && p->n > least && is_letter(p->to[p->n - 1]);
    if (!address) {
        put(p, ':');
        p->i++;
        return;
    }
    while (p->n > least && is_letter(p->to[p->n - 1]))
        p->n--;
    address_skip(p);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* "|}", also before "}}", which ends a template; "|}}" is a template's empty parameter. */
static bool table_ends(const struct plain *p) {
    size_t braces = 0;
    while (peek(p, 1 + braces) == '}')
        braces++;
    return braces % 2 == 1;
}

/* What markup begins a line: lists, headings, rules, tables. */
static void line_begin(struct plain *p) {
    p->line_start = false;
    if (peek(p, 0) == '-' && run_of(p, '-') >= 4)
        p->i += run_of(p, '-');
    while (peek(p, 0) && strchr("*#:; \t", peek(p, 0)))
        p->i++;
    if (peek(p, 0) == '{' && peek(p, 1) == '|') {
        push(p, TABLE);
        p->i += 2;
    } else if (peek(p, 0) == '|' && table_ends(p) && close_block(p, TABLE)) {
        p->i += 2;
    } else if (peek(p, 0) == '=') {
        p->i += run_of(p, '=');
        while (peek(p, 0) == ' ')
            p->i++;
        p->heading = p->n + 1;
    }
}

/* The marks behind a heading are no text. */
static void heading_end(struct plain *p) {
    if (!p->heading)
        return;
    size_t least = p->depth && top(p)->at >= p->heading ? top(p)->at : p->heading - 1;
    while (p->n > least && strchr("= \t", p->to[p->n - 1]))
        p->n--;
    p->heading = 0;
}

static void line_end(struct plain *p) {
    while (top_is(p, OUTER_LINK))
        p->depth--;
    if (peek(p, 1) == '\n') /* links do not go beyond their paragraph */
        while (top_is(p, LINK) || top_is(p, OUTER_LINK))
            p->depth--;
    heading_end(p);
    put(p, '\n');
    p->i++;
    p->line_start = true;
}

/* ---- tags ------------------------------------------------------------------------------------ */

/* Where "</name" stands at or behind `from`; in.len and a note when it does not. */
static size_t closing_tag(struct plain *p, size_t tag, size_t from) {
    struct wit_str name = wit_str_from(tags[tag].name);
    if (p->never_closed[tag])
        return p->in.len;
    for (ptrdiff_t at; (at = wit_str_find(p->in, WIT_STR("</"), from)) >= 0;) {
        size_t end = (size_t)at + 2 + name.len;
        if (end > p->in.len)
            break;
        if (wit_str_eq_nocase(wit_str_slice(p->in, (size_t)at + 2, end), name) &&
            (end == p->in.len || !is_letter(p->in.data[end])))
            return (size_t)at;
        from = (size_t)at + 2;
    }
    p->never_closed[tag] = true;
    return p->in.len;
}

static void reference(struct plain *p) {
    struct wit_charref ref;
    if (!wit_charref_parse(wit_str_slice(p->in, p->i, p->in.len), false, &ref)) {
        put(p, '&');
        p->i++;
        return;
    }
    for (unsigned k = 0; k < ref.count; k++)
        p->n += wit_utf8_encode(ref.code_points[k], p->to + p->n);
    p->i += ref.consumed;
}

static void verbatim(struct plain *p, size_t end) {
    while (p->i < end) {
        if (p->in.data[p->i] == '&')
            reference(p);
        else
            put(p, p->in.data[p->i++]);
    }
}

/* Leaves a tag with its inside out, or writes it as it is. The next byte is behind "<name ...>". */
static void inside(struct plain *p, size_t tag) {
    size_t end = closing_tag(p, tag, p->i);
    if (end == p->in.len)
        return; /* never closed: only the tag itself goes */
    if (tags[tag].kind == TAG_VERBATIM)
        verbatim(p, end);
    else if (tag != TAG_REF) /* it stands for something */
        put(p, '\n');
    ptrdiff_t close = wit_str_find_byte(p->in, '>', end);
    p->i = close < 0 ? p->in.len : (size_t)close + 1;
}

static void comment(struct plain *p) {
    ptrdiff_t end = wit_str_find(p->in, WIT_STR("-->"), p->i + 4);
    p->i = end < 0 ? p->in.len : (size_t)end + 3;
}

static size_t tag_find(struct wit_str name) {
    for (size_t t = 0; t < WIT_COUNT_OF(tags); t++)
        if (wit_str_eq_nocase(name, wit_str_from(tags[t].name)))
            return t;
    return WIT_COUNT_OF(tags);
}

static void angle(struct plain *p) {
    if (wit_str_starts_with(wit_str_slice(p->in, p->i, p->in.len), WIT_STR("<!--"))) {
        comment(p);
        return;
    }
    size_t name = p->i + 1 + (peek(p, 1) == '/'), end = name;
    while (end < p->in.len && (is_letter(p->in.data[end]) ||
                               (p->in.data[end] >= '0' && end > name && p->in.data[end] <= '9')))
        end++;
    size_t close = end;
    while (close < p->in.len && close - p->i < TAG_MAX_BYTES && p->in.data[close] != '>' &&
           p->in.data[close] != '<')
        close++;
    if (end == name || close == p->in.len || p->in.data[close] != '>') {
        put(p, '<');
        p->i++;
        return;
    }
    size_t tag = tag_find(wit_str_slice(p->in, name, end));
    bool opens = name == p->i + 1 && p->in.data[close - 1] != '/';
    p->i = close + 1;
    if (tag == WIT_COUNT_OF(tags))
        return;
    if (tags[tag].kind == TAG_BREAK)
        put(p, '\n');
    else if (opens)
        inside(p, tag);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void brace_open(struct plain *p) {
    if (peek(p, 1) == '{') {
        push(p, TEMPLATE);
        p->i += 2;
    } else {
        put(p, '{');
        p->i++;
    }
}

static void brace_close(struct plain *p) {
    if (peek(p, 1) == '}' && close_block(p, TEMPLATE)) {
        p->i += 2;
    } else {
        put(p, '}');
        p->i++;
    }
}

static void apostrophe(struct plain *p) {
    size_t n = run_of(p, '\'');
    if (n == 1)
        put(p, '\'');
    p->i += n;
}

/* "__NOTOC__" */
static void underscore(struct plain *p) {
    size_t n = 2;
    if (peek(p, 1) == '_') {
        while (n < 40 && peek(p, n) >= 'A' && peek(p, n) <= 'Z')
            n++;
        if (n > 2 && peek(p, n) == '_' && peek(p, n + 1) == '_') {
            p->i += n + 2;
            return;
        }
    }
    put(p, '_');
    p->i++;
}

typedef void (*markup_fn)(struct plain *p);

static markup_fn markup_of(unsigned char c) {
    switch (c) {
    case '<':
        return angle;
    case '&':
        return reference;
    case '{':
        return brace_open;
    case '}':
        return brace_close;
    case '[':
        return bracket_open;
    case ']':
        return bracket_close;
    case '|':
        return bar;
    case '\'':
        return apostrophe;
    case ':':
        return colon;
    case '_':
        return underscore;
    case '\n':
        return line_end;
    default:
        return NULL;
    }
}

int wiki_text_append(struct wit_str text, const struct wiki_names *names, struct wit_buf *out) {
    struct plain p = { .in = text, .names = names, .line_start = true };
    bool special[256] = { false };
    size_t room;
    if (wit_size_mul(text.len, 2, &room) < 0 || wit_size_add(room, 16, &room) < 0)
        return WIT_ELIMIT;
    int st = wit_buf_reserve(out, room);
    if (st < 0)
        return st;
    for (unsigned c = 0; c < 256; c++)
        special[c] = markup_of((unsigned char)c) != NULL;
    p.to = out->data + out->len;
    while (p.i < text.len) {
        if (p.line_start) {
            line_begin(&p);
            continue;
        }
        size_t i = p.i;
        while (i < text.len && !special[(unsigned char)text.data[i]])
            i++;
        memcpy(p.to + p.n, text.data + p.i, i - p.i);
        p.n += i - p.i;
        p.i = i;
        if (i < text.len)
            markup_of((unsigned char)text.data[i])(&p);
    }
    heading_end(&p);
    out->len += p.n;
    return 0;
}
