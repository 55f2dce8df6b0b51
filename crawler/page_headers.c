/* page_headers.c: rights of an answer by its headers. */
#include "page_headers.h"

#include "net/wit_net.h"

unsigned page_headers_directives(struct wit_str headers, struct wit_str agent) {
    struct wit_str value;
    unsigned directives = 0;
    for (size_t at = 0; wit_net_header_next(headers, WIT_STR("x-robots-tag"), &at, &value);)
        directives |= wit_crawler_directives_parse(value, agent);
    for (size_t at = 0; wit_net_header_next(headers, WIT_STR("tdm-reservation"), &at, &value);)
        if (wit_str_eq(value, WIT_STR("1")))
            directives |= WIT_CRAWLER_TDM_RESERVED;
    return directives;
}
