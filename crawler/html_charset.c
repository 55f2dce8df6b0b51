/* html_charset.c: WHATWG HTML 13.2.3.2, the encoding sniffing algorithm's prescan. */
#include "html_charset.h"

struct scan {
    struct wit_str in;
    size_t at;
};

static int peek(const struct scan *s, size_t ahead) {
    return s->at + ahead < s->in.len ? (uint8_t)s->in.data[s->at + ahead] : -1;
}

static bool is_space(int c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_alpha(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool looking_at(const struct scan *s, const char *text) {
    size_t len = strlen(text);
    return s->in.len - s->at >= len &&
           wit_str_eq_nocase(wit_str_slice(s->in, s->at, s->at + len), wit_str_of(text, len));
}

const struct wit_charset *html_charset_as_meta(const struct wit_charset *c) {
    if (!c)
        return NULL;
    const char *name = wit_charset_name(c);
    if (strncmp(name, "utf-16", 6) == 0)
        return wit_charset_utf8();
    return strcmp(name, "x-user-defined") == 0 ? wit_charset_windows_1252() : c;
}

const struct wit_charset *html_charset_from_content(struct wit_str content) {
    struct scan s = { content, 0 };
    for (; s.at < s.in.len; s.at++) {
        if (!looking_at(&s, "charset"))
            continue;
        s.at += 7;
        while (is_space(peek(&s, 0)))
            s.at++;
        if (peek(&s, 0) != '=') {
            s.at--; /* look on from here */
            continue;
        }
        s.at++;
        while (is_space(peek(&s, 0)))
            s.at++;
        int quote = peek(&s, 0);
        size_t from = s.at;
        if (quote == '"' || quote == '\'') {
            ptrdiff_t end = wit_str_find_byte(s.in, (char)quote, from + 1);
            return end < 0 ? NULL : wit_charset_find(wit_str_slice(s.in, from + 1, (size_t)end));
        }
        while (peek(&s, 0) >= 0 && !is_space(peek(&s, 0)) && peek(&s, 0) != ';')
            s.at++;
        return wit_charset_find(wit_str_slice(s.in, from, s.at));
    }
    return NULL;
}

/* "get an attribute": false at the end of the tag. Values are raw; nobody writes references here.
 */
static bool next_attr(struct scan *s, struct wit_str *name, struct wit_str *value) {
    while (is_space(peek(s, 0)) || peek(s, 0) == '/')
        s->at++;
    *value = wit_str_of("", 0);
    if (peek(s, 0) < 0 || peek(s, 0) == '>')
        return false;
    size_t from = s->at;
    while (peek(s, 0) >= 0 && !(peek(s, 0) == '=' && s->at > from) && !is_space(peek(s, 0)) &&
           peek(s, 0) != '/' && peek(s, 0) != '>')
        s->at++;
    *name = wit_str_slice(s->in, from, s->at);
    if (peek(s, 0) == '/' || peek(s, 0) == '>')
        return true;
    while (is_space(peek(s, 0)))
        s->at++;
    if (peek(s, 0) != '=')
        return true;
    s->at++;
    while (is_space(peek(s, 0)))
        s->at++;
    int quote = peek(s, 0);
    from = s->at;
    if (quote == '"' || quote == '\'') {
        ptrdiff_t end = wit_str_find_byte(s->in, (char)quote, from + 1);
        size_t to = end < 0 ? s->in.len : (size_t)end;
        *value = wit_str_slice(s->in, from + 1, to);
        s->at = end < 0 ? to : to + 1;
        return end >= 0;
    }
    while (peek(s, 0) >= 0 && !is_space(peek(s, 0)) && peek(s, 0) != '>')
        s->at++;
    *value = wit_str_slice(s->in, from, s->at);
    return true;
}

/* Behind "<meta": what its attributes say, or NULL. */
static const struct wit_charset *scan_meta(struct scan *s) {
    bool seen_equiv = false, seen_content = false, seen_charset = false;
    bool pragma = false, need_pragma = false;
    const struct wit_charset *charset = NULL;
    struct wit_str name, value;
    while (next_attr(s, &name, &value)) {
        if (wit_str_eq_nocase(name, WIT_STR("http-equiv")) && !seen_equiv) {
            seen_equiv = true;
            pragma = wit_str_eq_nocase(value, WIT_STR("content-type"));
        } else if (wit_str_eq_nocase(name, WIT_STR("content")) && !seen_content) {
            seen_content = true;
            const struct wit_charset *c = html_charset_from_content(value);
            if (c && !charset && !seen_charset) {
                charset = c;
                need_pragma = true;
            }
        } else if (wit_str_eq_nocase(name, WIT_STR("charset")) && !seen_charset) {
            seen_charset = true;
            charset = wit_charset_find(value);
            need_pragma = false;
        }
    }
    if (peek(s, 0) < 0)
        return NULL; /* the bytes ran out inside the tag: it says nothing */
    return need_pragma && !pragma ? NULL : html_charset_as_meta(charset);
}

/* "get an XML encoding" */
static const struct wit_charset *scan_xml_declaration(struct wit_str head) {
    ptrdiff_t end = wit_str_find_byte(head, '>', 0);
    if (!wit_str_starts_with(head, WIT_STR("<?xml")) || end < 0)
        return NULL;
    struct scan s = { wit_str_slice(head, 0, (size_t)end), 0 };
    ptrdiff_t at = wit_str_find(s.in, WIT_STR("encoding"), 0);
    if (at < 0)
        return NULL;
    s.at = (size_t)at + 8;
    while (peek(&s, 0) >= 0 && peek(&s, 0) <= 0x20)
        s.at++;
    if (peek(&s, 0) != '=')
        return NULL;
    s.at++;
    while (peek(&s, 0) >= 0 && peek(&s, 0) <= 0x20)
        s.at++;
    int quote = peek(&s, 0);
    if (quote != '"' && quote != '\'')
        return NULL;
    ptrdiff_t close = wit_str_find_byte(s.in, (char)quote, s.at + 1);
    if (close < 0)
        return NULL;
    const struct wit_charset *c = wit_charset_find(wit_str_slice(s.in, s.at + 1, (size_t)close));
    return c && strncmp(wit_charset_name(c), "utf-16", 6) == 0 ? wit_charset_utf8() : c;
}

static void skip_past(struct scan *s, char stop) {
    ptrdiff_t end = wit_str_find_byte(s->in, stop, s->at);
    s->at = end < 0 ? s->in.len : (size_t)end + 1;
}

const struct wit_charset *html_charset_prescan(struct wit_str head) {
    if (head.len > HTML_CHARSET_PRESCAN_BYTES)
        head.len = HTML_CHARSET_PRESCAN_BYTES;
    if (wit_str_starts_with(head, WIT_STR("<\0?\0x\0")))
        return wit_charset_find(WIT_STR("utf-16le"));
    if (wit_str_starts_with(head, WIT_STR("\0<\0?\0x")))
        return wit_charset_find(WIT_STR("utf-16be"));
    struct scan s = { head, 0 };
    while (s.at < s.in.len) {
        if (looking_at(&s, "<!--")) {
            ptrdiff_t end = wit_str_find(s.in, WIT_STR("-->"), s.at + 2);
            s.at = end < 0 ? s.in.len : (size_t)end + 3;
        } else if (looking_at(&s, "<meta") && (is_space(peek(&s, 5)) || peek(&s, 5) == '/')) {
            s.at += 5;
            const struct wit_charset *c = scan_meta(&s);
            if (c)
                return c;
        } else if (peek(&s, 0) == '<' &&
                   (is_alpha(peek(&s, 1)) || (peek(&s, 1) == '/' && is_alpha(peek(&s, 2))))) {
            struct wit_str name, value;
            while (peek(&s, 0) >= 0 && !is_space(peek(&s, 0)) && peek(&s, 0) != '>')
                s.at++;
            while (next_attr(&s, &name, &value))
                continue;
        } else if (looking_at(&s, "<!") || looking_at(&s, "</") || looking_at(&s, "<?")) {
            skip_past(&s, '>');
        } else {
            s.at++;
            ptrdiff_t next = wit_str_find_byte(s.in, '<', s.at);
            s.at = next < 0 ? s.in.len : (size_t)next;
        }
    }
    return scan_xml_declaration(head);
}

/* The table of 13.2.3.2 is by language. Countries in which several are written on the web, or for
 * which it has nothing, are left to windows-1252. */
const struct wit_charset *html_charset_of_host(struct wit_str host) {
    static const struct {
        const char *label, *domains; /* a space on both sides of each */
    } defaults[] = {
        { "windows-1250", " cz hr sk " },
        { "windows-1251", " bg by kg kz mk rs ru su tj ua xn--90ais xn--j1amh xn--p1ai " },
        { "windows-1254", " az tr " },
        { "windows-1255", " il " },
        { "windows-1256", " ae eg iq ir jo kw om qa sa sy ye " },
        { "windows-1257", " ee lt lv " },
        { "windows-1258", " vn " },
        { "windows-874", " th " },
        { "iso-8859-2", " hu pl si " },
        { "iso-8859-7", " gr " },
        { "shift_jis", " jp " },
        { "euc-kr", " kr " },
        { "gbk", " cn " },
        { "big5", " hk mo tw " },
    };
    char word[16]; /* the last label with its spaces */
    while (host.len && host.data[host.len - 1] == '.')
        host.len--;
    size_t from = host.len;
    while (from && host.data[from - 1] != '.')
        from--;
    if (from == 0 || host.len - from + sizeof "  " > sizeof word)
        return wit_charset_windows_1252();
    snprintf(word, sizeof word, " %.*s ", WIT_STR_FMT(wit_str_slice(host, from, host.len)));
    for (size_t i = 0; i < WIT_COUNT_OF(defaults); i++)
        if (strstr(defaults[i].domains, word))
            return wit_charset_find(wit_str_from(defaults[i].label));
    return wit_charset_windows_1252();
}
