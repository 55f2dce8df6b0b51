/* url_trap_properties.c: see url_trap_properties.h. */
#include "url_trap_properties.h"

#include "url_traps.h"

static bool is_known(const char *trap) {
    static const char *const names[] = { "trap_length", "trap_depth", "trap_repeats", "trap_cycle",
                                         "trap_parameters" };
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++)
        if (strcmp(trap, names[i]) == 0)
            return true;
    return false;
}

/* The URL with one parameter more. */
static int url_with(struct wit_url *out, const struct wit_url *url, const char *parameter) {
    struct wit_buf text = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    struct wit_str href = wit_url_href(url);
    ptrdiff_t hash = wit_str_find_byte(href, '#', 0);
    size_t end = hash < 0 ? href.len : (size_t)hash;
    if (end && href.data[end - 1] == '?') /* an empty query */
        end -= wit_url_query(url).len == 0;
    int st = wit_buf_append_str(&text, wit_str_slice(href, 0, end));
    if (st >= 0)
        st = wit_buf_printf(&text, "%s%s", wit_url_query(url).len ? "&" : "?", parameter);
    if (st >= 0 && hash >= 0)
        st = wit_buf_append_str(&text, wit_str_slice(href, (size_t)hash, href.len));
    if (st >= 0)
        st = wit_url_parse(out, wit_buf_view(&text), NULL, NULL);
    wit_buf_finish(&text);
    return st;
}

static const char *session_fault(struct wit_url *url, struct wit_url *other,
                                 struct wit_buf *scratch) {
    size_t before = wit_url_href(url).len;
    struct wit_buf origin = WIT_BUF_INIT(WIT_URL_MAX_BYTES),
                   after = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    const char *fault = NULL;
    wit_url_origin(url, &origin);
    int st = url_session_remove(url, scratch);
    wit_url_origin(url, &after);
    if (st < 0)
        fault = "sessions could not be taken out";
    else if (st == 1 ? wit_url_href(url).len >= before : wit_url_href(url).len != before)
        fault = "taking out does not say what it did";
    else if (!wit_str_eq(wit_buf_view(&origin), wit_buf_view(&after)))
        fault = "another origin";
    else if (url_session_remove(url, scratch) != 0)
        fault = "a session was left";
    else if (wit_url_is_http(url) && url_with(other, url, "PHPSESSID=0a") == 0 &&
             (url_session_remove(other, scratch) != 1 ||
              !wit_str_eq(wit_url_path(other), wit_url_path(url)) ||
              !wit_str_eq(wit_url_query(other), wit_url_query(url))))
        fault = "a session that was put in stays";
    wit_buf_finish(&origin);
    wit_buf_finish(&after);
    return fault;
}

const char *url_trap_fault(struct wit_str text) {
    struct wit_url url = WIT_URL_INIT, other = WIT_URL_INIT;
    struct wit_buf scratch = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    const char *fault = NULL;
    if (wit_url_parse(&url, text, NULL, NULL) == 0) {
        const char *trap = url_trap(&url);
        if (trap && !is_known(trap))
            fault = "a trap without a name";
        else if (trap && wit_url_is_http(&url) && url_with(&other, &url, "zz=1") == 0 &&
                 !url_trap(&other))
            fault = "a longer query leads out of a trap";
        else
            fault = session_fault(&url, &other, &scratch);
    }
    wit_buf_finish(&scratch);
    wit_url_finish(&other);
    wit_url_finish(&url);
    return fault;
}
