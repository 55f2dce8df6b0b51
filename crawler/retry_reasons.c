/* retry_reasons.c: see retry_reasons.h. */
#include "retry_reasons.h"

#include "net/wit_net.h"

static const char *const names[] = {
    /* no connection, or no whole answer */
    "dns_nxdomain", "dns_timeout", "dns_failed", "address_denied", "connect_refused",
    "connect_timeout", "connect_failed", "tls", "reset", "timeout", "too_slow", "too_big",
    "headers_too_big", "truncated", "bad_response", "too_many_redirects", "bad_redirect", "bad_url",
    "url_too_long",
    /* not allowed */
    "robots_denied", "robots_unreachable", "robots_other_agent", "host_gave_up", "host_rests",
    "removed", "noai", "noimageai", "noml", "tdm_reserved", "none", "noimageindex", "noindex",
    "content_usage", "content_signal",
    /* not what was wanted */
    "not_html", "bad_page", "not_a_sitemap", "not_an_image", "image_broken", "image_over_limits",
    "hash_mismatch", "image_undecodable", "image_too_small", "image_too_large", "image_aspect",
    "blocklist_failed"
};

static const struct wit_str may_heal = { "may-heal", 8 }, all = { "all", 3 };

static bool is_http_reason(struct wit_str s) {
    bool known = s.len == 8 && wit_str_starts_with(s, WIT_STR("http_"));
    for (size_t i = 5; i < s.len && known; i++)
        known = s.data[i] >= '0' && s.data[i] <= '9';
    return known;
}

static bool is_known(struct wit_str s) {
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++)
        if (wit_str_eq(s, wit_str_from(names[i])))
            return true;
    return is_http_reason(s) || wit_str_eq(s, may_heal) || wit_str_eq(s, all);
}

/* The next of the list; false behind the last. Start with *at = 0. */
static bool item_next(struct wit_str list, size_t *at, struct wit_str *item) {
    if (*at > list.len)
        return false;
    ptrdiff_t comma = wit_str_find_byte(list, ',', *at);
    size_t end = comma < 0 ? list.len : (size_t)comma;
    *item = wit_str_trim(wit_str_slice(list, *at, end));
    *at = end + 1;
    return true;
}

int retry_reasons_check(const char *wanted, struct wit_error *err) {
    struct wit_str item;
    for (size_t at = 0; item_next(wit_str_from(wanted), &at, &item);)
        if (!is_known(item))
            return wit_error_set(err, WIT_EINVAL,
                                 "no page and no image is refused for '%.*s': a reason such as "
                                 "http_503 or timeout is wanted, 'may-heal' or 'all'",
                                 WIT_STR_FMT(item));
    return 0;
}

static bool heals(struct wit_str reason) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", WIT_STR_FMT(reason));
    return wit_net_reason_heals(name) || wit_str_eq(reason, WIT_STR("robots_unreachable")) ||
           wit_str_eq(reason, WIT_STR("host_gave_up")) || wit_str_eq(reason, WIT_STR("host_rests"));
}

bool retry_reasons_want(const char *wanted, struct wit_str reason) {
    struct wit_str item;
    for (size_t at = 0; item_next(wit_str_from(wanted), &at, &item);)
        if (wit_str_eq(item, reason) || wit_str_eq(item, all) ||
            (wit_str_eq(item, may_heal) && heals(reason)))
            return true;
    return false;
}
