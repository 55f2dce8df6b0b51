/*
 * meta_directives.c: the words of X-Robots-Tag headers and robots meta elements, and the charset of
 * a Content-Type header. Rules of the families: Google's robots meta tag page (noindex, none...),
 * img2dataset's set (noai, noimageai, noml), which is what sites write for us.
 */
#include "wit_crawler_page.h"

static const struct {
    const char *word;
    unsigned bits;
} words[] = {
    { "noindex", WIT_CRAWLER_NOINDEX },
    { "nofollow", WIT_CRAWLER_NOFOLLOW },
    { "none", WIT_CRAWLER_NONE | WIT_CRAWLER_NOINDEX | WIT_CRAWLER_NOFOLLOW },
    { "noimageindex", WIT_CRAWLER_NOIMAGEINDEX },
    { "noai", WIT_CRAWLER_NOAI },
    { "noimageai", WIT_CRAWLER_NOIMAGEAI },
    { "noml", WIT_CRAWLER_NOML },
    { "noarchive", WIT_CRAWLER_NOARCHIVE },
};

/* RFC 9110, 5.6.2, as far as product tokens go. A date ("Wed, 25 Jun 2010 15:00:00 PST") has a
 * comma and colons too, but spaces before them. */
static bool is_token(struct wit_str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((uint8_t)s.data[i] <= ' ')
            return false;
    return s.len > 0;
}

/* Directives that carry a value behind a colon, so that the word before it is no product token. */
static bool takes_value(struct wit_str word) {
    static const char *const names[] = { "unavailable_after", "max-snippet", "max-image-preview",
                                         "max-video-preview" };
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++)
        if (wit_str_eq_nocase(word, wit_str_from(names[i])))
            return true;
    return false;
}

unsigned wit_crawler_directives_parse(struct wit_str value, struct wit_str agent) {
    unsigned bits = 0;
    bool for_us = true;
    for (size_t at = 0; at <= value.len;) {
        ptrdiff_t comma = wit_str_find_byte(value, ',', at);
        size_t end = comma < 0 ? value.len : (size_t)comma;
        struct wit_str item = wit_str_trim(wit_str_slice(value, at, end));
        at = end + 1;
        ptrdiff_t colon = wit_str_find_byte(item, ':', 0);
        if (colon >= 0) {
            struct wit_str token = wit_str_trim(wit_str_slice(item, 0, (size_t)colon));
            if (takes_value(token) || !is_token(token))
                continue;
            for_us = agent.len > 0 && wit_str_eq_nocase(token, agent);
            item = wit_str_trim(wit_str_slice(item, (size_t)colon + 1, item.len));
        }
        for (size_t i = 0; i < WIT_COUNT_OF(words) && for_us; i++)
            if (wit_str_eq_nocase(item, wit_str_from(words[i].word)))
                bits |= words[i].bits;
    }
    return bits;
}

unsigned wit_crawler_directives_combine(unsigned weaker, unsigned stronger) {
    const unsigned tdm = WIT_CRAWLER_TDM_RESERVED | WIT_CRAWLER_TDM_OPEN;
    return (stronger & tdm ? weaker & ~tdm : weaker) | stronger;
}

const char *wit_crawler_directives_refuse(unsigned directives) {
    static const struct {
        unsigned bit;
        const char *reason;
    } reasons[] = {
        { WIT_CRAWLER_NOAI, "noai" },
        { WIT_CRAWLER_NOIMAGEAI, "noimageai" },
        { WIT_CRAWLER_NOML, "noml" },
        { WIT_CRAWLER_TDM_RESERVED, "tdm_reserved" },
        { WIT_CRAWLER_NONE, "none" },
        { WIT_CRAWLER_NOIMAGEINDEX, "noimageindex" },
        { WIT_CRAWLER_NOINDEX, "noindex" },
        { WIT_CRAWLER_USAGE_RESERVED, "content_usage" },
        { WIT_CRAWLER_SIGNAL_RESERVED, "content_signal" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(reasons); i++)
        if (directives & reasons[i].bit)
            return reasons[i].reason;
    return NULL;
}

struct wit_str wit_crawler_content_type_charset(struct wit_str value) {
    static const struct wit_str name = { "charset=", 8 };
    for (ptrdiff_t semicolon = wit_str_find_byte(value, ';', 0); semicolon >= 0;) {
        size_t from = (size_t)semicolon + 1;
        semicolon = wit_str_find_byte(value, ';', from);
        size_t to = semicolon < 0 ? value.len : (size_t)semicolon;
        struct wit_str item = wit_str_trim(wit_str_slice(value, from, to));
        if (item.len <= name.len || !wit_str_eq_nocase(wit_str_slice(item, 0, name.len), name))
            continue;
        struct wit_str label = wit_str_trim(wit_str_slice(item, name.len, item.len));
        if (label.len >= 2 && label.data[0] == '"' && label.data[label.len - 1] == '"')
            label = wit_str_slice(label, 1, label.len - 1);
        return label;
    }
    return wit_str_of(NULL, 0);
}
