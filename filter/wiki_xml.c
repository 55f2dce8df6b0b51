/*
 * wiki_xml.c: the few elements that count of a MediaWiki export. No general XML: an export has
 * neither comments nor CDATA nor entities of its own, and every "<" of a text is written "&lt;", so
 * the tags can be looked for as bytes.
 */
#include "text/wit_text.h"
#include "wiki_text.h"

#include <stdlib.h>

enum { NAMES_MAX_BYTES = 4096 };

/* What stands between `open` and `close` behind *at, which moves behind `close`. */
static bool element(struct wit_str xml, size_t *at, struct wit_str open, struct wit_str close,
                    struct wit_str *inner) {
    ptrdiff_t from = wit_str_find(xml, open, *at);
    if (from < 0)
        return false;
    ptrdiff_t to = wit_str_find(xml, close, (size_t)from + open.len);
    if (to < 0)
        return false;
    *inner = wit_str_slice(xml, (size_t)from + open.len, (size_t)to);
    *at = (size_t)to + close.len;
    return true;
}

static int name_add(struct wiki_names *n, struct wit_str name) {
    int st = 0;
    if (!n->names.len)
        st = wit_buf_append_byte(&n->names, '\n');
    for (size_t i = 0; i < name.len && st >= 0; i++) {
        char c = name.data[i];
        st = wit_buf_append_byte(&n->names, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
    return st < 0 ? st : wit_buf_append_byte(&n->names, '\n');
}

int wiki_names_read(struct wiki_names *n, struct wit_str head) {
    static const char *const known[] = { "file", "image", "media", "category" };
    static const char *const keys[] = { "key=\"6\"", "key=\"-2\"", "key=\"14\"" };
    struct wit_str item;
    size_t at = 0;
    int st = 0;
    n->names = (struct wit_buf)WIT_BUF_INIT(NAMES_MAX_BYTES);
    for (size_t i = 0; i < WIT_COUNT_OF(known) && st >= 0; i++)
        st = name_add(n, wit_str_from(known[i]));
    while (st >= 0 && element(head, &at, WIT_STR("<namespace "), WIT_STR("</namespace>"), &item)) {
        ptrdiff_t last = -1; /* an empty one, "<namespace key="0" />", may stand before */
        for (ptrdiff_t i = 0; (i = wit_str_find(item, WIT_STR("<namespace "), (size_t)i)) >= 0; i++)
            last = i;
        if (last >= 0)
            item = wit_str_slice(item, (size_t)last, item.len);
        ptrdiff_t end = wit_str_find_byte(item, '>', 0);
        for (size_t k = 0; k < WIT_COUNT_OF(keys) && end >= 0 && st >= 0; k++) {
            ptrdiff_t key = wit_str_find(item, wit_str_from(keys[k]), 0);
            if (key >= 0 && key < end)
                st = name_add(n, wit_str_slice(item, (size_t)end + 1, item.len));
        }
    }
    return st;
}

void wiki_names_finish(struct wiki_names *n) {
    wit_buf_finish(&n->names);
}

/* What stands in front of the text, where the elements are looked for. */
static bool is_article(struct wit_str head) {
    struct wit_str ns, model;
    size_t at = 0;
    if (!element(head, &at, WIT_STR("<ns>"), WIT_STR("</ns>"), &ns) ||
        !wit_str_eq(ns, WIT_STR("0")) || wit_str_find(head, WIT_STR("<redirect"), 0) >= 0)
        return false;
    at = 0;
    return !element(head, &at, WIT_STR("<model>"), WIT_STR("</model>"), &model) ||
           wit_str_eq(model, WIT_STR("wikitext"));
}

bool wiki_page_next(struct wit_str xml, size_t *at, struct wiki_page *page) {
    struct wit_str whole, title;
    size_t inner = 0;
    if (!element(xml, at, WIT_STR("<page>"), WIT_STR("</page>"), &whole))
        return false;
    *page = (struct wiki_page){ 0 };
    ptrdiff_t text = wit_str_find(whole, WIT_STR("<text"), 0);
    struct wit_str head = wit_str_slice(whole, 0, text < 0 ? whole.len : (size_t)text);
    if (element(head, &inner, WIT_STR("<title>"), WIT_STR("</title>"), &title))
        page->title = title;
    page->article = is_article(head);
    if (text < 0)
        return true;
    ptrdiff_t tag_end = wit_str_find_byte(whole, '>', (size_t)text);
    if (tag_end < 0 || whole.data[tag_end - 1] == '/')
        return true;
    ptrdiff_t end = wit_str_find(whole, WIT_STR("</text>"), (size_t)tag_end);
    if (end >= 0)
        page->text = wit_str_slice(whole, (size_t)tag_end + 1, (size_t)end);
    return true;
}

/* ---- character references -------------------------------------------------------------------- */

/* Length of the reference at s, which begins with '&', and what it stands for; 0: plain text. */
static size_t reference(struct wit_str s, uint32_t *c) {
    static const struct {
        const char *name;
        char c;
    } named[] = {
        { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&quot;", '"' }, { "&apos;", '\'' }
    };
    for (size_t i = 0; i < WIT_COUNT_OF(named); i++) {
        struct wit_str name = wit_str_from(named[i].name);
        if (wit_str_starts_with(s, name)) {
            *c = (uint8_t)named[i].c;
            return name.len;
        }
    }
    struct wit_charref ref;
    if (s.len < 3 || s.data[1] != '#' || !wit_charref_parse(s, false, &ref) || ref.count != 1)
        return 0;
    *c = ref.code_points[0];
    return ref.consumed;
}

int wiki_xml_decode(struct wit_str s, struct wit_buf *out) {
    int st = wit_buf_reserve(out, s.len + 4); /* no reference is shorter than what it stands for */
    if (st < 0)
        return st;
    char *to = out->data + out->len;
    for (size_t i = 0; i < s.len;) {
        const char *amp = memchr(s.data + i, '&', s.len - i);
        size_t n = amp ? (size_t)(amp - s.data) - i : s.len - i;
        memcpy(to, s.data + i, n);
        to += n;
        i += n;
        if (!amp)
            break;
        uint32_t c = '&';
        size_t len = reference(wit_str_slice(s, i, s.len), &c);
        to += wit_utf8_encode(c, to);
        i += len ? len : 1;
    }
    out->len = (size_t)(to - out->data);
    return 0;
}
