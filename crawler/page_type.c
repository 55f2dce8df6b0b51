/* page_type.c: see page_type.h. */
#include "page_type.h"

#include "net/wit_net.h"
#include "wit_crawler_page.h"

static bool is_any(struct wit_str type, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (wit_str_eq_nocase(type, wit_str_from(names[i])))
            return true;
    return false;
}

static bool ends_nocase(struct wit_str s, const char *end) {
    struct wit_str tail = wit_str_from(end);
    return s.len >= tail.len && wit_str_eq_nocase(wit_str_slice(s, s.len - tail.len, s.len), tail);
}

static bool is_named_sitemap(struct wit_str target) {
    static const char *const ends[] = { ".xml", ".xml.gz", ".txt", ".txt.gz" };
    ptrdiff_t query = wit_str_find_byte(target, '?', 0);
    struct wit_str path = wit_str_slice(target, 0, query < 0 ? target.len : (size_t)query);
    for (size_t i = 0; i < WIT_COUNT_OF(ends); i++)
        if (ends_nocase(path, ends[i]))
            return true;
    return false;
}

/* Nothing said counts as HTML, unless the name says otherwise: extraction finds nothing in what is
 * not. Types that say little of the content count where the name is a sitemap's. */
enum page_type page_type_of(struct wit_str headers, struct wit_str target,
                            struct wit_str *charset) {
    static const char *const html[] = { "text/html", "application/xhtml+xml" };
    static const char *const xml[] = { "application/xml", "text/xml", "application/rss+xml",
                                       "application/atom+xml" };
    static const char *const vague[] = { "",
                                         "text/plain",
                                         "application/gzip",
                                         "application/x-gzip",
                                         "application/octet-stream",
                                         "binary/octet-stream" };
    struct wit_str value = { NULL, 0 }, parameter = { NULL, 0 };
    size_t at = 0;
    if (wit_net_header_next(headers, WIT_STR("content-type"), &at, &value))
        parameter = wit_crawler_content_type_charset(value);
    if (charset)
        *charset = parameter;
    ptrdiff_t end = wit_str_find_byte(value, ';', 0);
    struct wit_str type = wit_str_trim(wit_str_slice(value, 0, end < 0 ? value.len : (size_t)end));
    if (is_any(type, html, WIT_COUNT_OF(html)))
        return PAGE_TYPE_HTML;
    if (is_any(type, xml, WIT_COUNT_OF(xml)) ||
        (is_any(type, vague, WIT_COUNT_OF(vague)) && is_named_sitemap(target)))
        return PAGE_TYPE_SITEMAP;
    return type.len == 0 ? PAGE_TYPE_HTML : PAGE_TYPE_OTHER;
}
