/* url_traps.c: see url_traps.h. Paths are short once their depth is judged, so all pairs of
 * segments are compared. */
#include "url_traps.h"

/* ---- parts ---------------------------------------------------------------------------------- */

/* The part of `s` at *at, up to the separator, and *at moved behind that; false at the end. */
static bool part_next(struct wit_str s, char separator, size_t *at, struct wit_str *part) {
    if (*at > s.len)
        return false;
    ptrdiff_t end = wit_str_find_byte(s, separator, *at);
    size_t stop = end < 0 ? s.len : (size_t)end;
    *part = wit_str_slice(s, *at, stop);
    *at = stop + 1;
    return true;
}

/* Up to `most` parts into `parts`; returns how many there are, an empty one at the end left out. */
static size_t parts_of(struct wit_str s, char separator, struct wit_str *parts, size_t most) {
    struct wit_str part = { NULL, 0 };
    size_t count = 0;
    for (size_t at = 0; part_next(s, separator, &at, &part); count++)
        if (count < most)
            parts[count] = part;
    return part.len ? count : count - 1;
}

/* ---- traps ---------------------------------------------------------------------------------- */

static bool has_repeats(const struct wit_str *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t same = 1;
        for (size_t j = i + 1; j < count; j++)
            same += wit_str_eq(parts[i], parts[j]);
        if (same > URL_TRAP_SAME_MOST)
            return true;
    }
    return false;
}

/* Is each of `count` parts the same as the one `period` before it? */
static bool is_periodic(const struct wit_str *parts, size_t count, size_t period) {
    for (size_t i = period; i < count; i++)
        if (!wit_str_eq(parts[i], parts[i - period]))
            return false;
    return true;
}

static bool has_cycle(const struct wit_str *parts, size_t count) {
    for (size_t period = 2; URL_TRAP_CYCLE_LEAST * period <= count; period++)
        for (size_t i = 0; i + URL_TRAP_CYCLE_LEAST * period <= count; i++)
            if (is_periodic(parts + i, URL_TRAP_CYCLE_LEAST * period, period))
                return true;
    return false;
}

const char *url_trap(const struct wit_url *url) {
    struct wit_str segments[URL_TRAP_SEGMENTS_MOST], parameters[URL_TRAP_PARAMETERS_MOST];
    struct wit_str path = wit_url_path(url);
    if (wit_url_href(url).len > URL_TRAP_BYTES_MOST)
        return "trap_length";
    size_t first = path.len && path.data[0] == '/';
    size_t depth =
        parts_of(wit_str_slice(path, first, path.len), '/', segments, URL_TRAP_SEGMENTS_MOST);
    if (depth > URL_TRAP_SEGMENTS_MOST)
        return "trap_depth";
    size_t count = parts_of(wit_url_query(url), '&', parameters, URL_TRAP_PARAMETERS_MOST);
    size_t compared = count < URL_TRAP_PARAMETERS_MOST ? count : URL_TRAP_PARAMETERS_MOST;
    if (has_repeats(segments, depth) || has_repeats(parameters, compared))
        return "trap_repeats";
    if (has_cycle(segments, depth))
        return "trap_cycle";
    return count > URL_TRAP_PARAMETERS_MOST ? "trap_parameters" : NULL;
}

/* ---- session ids ---------------------------------------------------------------------------- */

enum { ID_LEAST_BYTES = 16 }; /* shorter values of ambiguous names are words or numbers */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Long, of letters and digits and with both: no word, no number, no date. */
static bool is_id(struct wit_str value) {
    bool digit = false, letter = false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (!is_digit(c) && !is_letter(c) && c != '-' && c != '_' && c != ',')
            return false;
        digit |= is_digit(c);
        letter |= is_letter(c);
    }
    return value.len >= ID_LEAST_BYTES && digit && letter;
}

static bool is_name_in(struct wit_str name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (wit_str_eq_nocase(name, wit_str_from(names[i])))
            return true;
    return false;
}

/* "name=value" of a session. */
static bool is_session(struct wit_str parameter) {
    static const char *const sure[] = { "phpsessid",         "jsessionid", "cfid", "cftoken",
                                        "asp.net_sessionid", "oscsid",     "zenid" };
    static const char *const perhaps[] = { "sid",        "sess",      "sessid",    "session",
                                           "session_id", "sessionid", "sessionkey" };
    struct wit_str asp = WIT_STR("aspsessionid"); /* and letters that vary */
    ptrdiff_t equals = wit_str_find_byte(parameter, '=', 0);
    if (equals < 0)
        return false;
    struct wit_str name = wit_str_slice(parameter, 0, (size_t)equals);
    struct wit_str value = wit_str_slice(parameter, (size_t)equals + 1, parameter.len);
    return is_name_in(name, sure, WIT_COUNT_OF(sure)) ||
           (name.len > asp.len && wit_str_eq_nocase(wit_str_slice(name, 0, asp.len), asp)) ||
           (is_name_in(name, perhaps, WIT_COUNT_OF(perhaps)) && is_id(value));
}

/* "(S(x))", where ASP.NET keeps the session of who takes no cookies. */
static bool is_session_segment(struct wit_str segment) {
    return segment.len > 5 && (segment.data[1] == 'S' || segment.data[1] == 's') &&
           segment.data[0] == '(' && segment.data[2] == '(' &&
           wit_str_ends_with(segment, WIT_STR("))"));
}

/* Append the parts of `s` that are no session, with the separators between them. */
static int parts_keep(struct wit_str s, char separator, struct wit_buf *out) {
    struct wit_str part;
    bool later = false;
    int st = 0;
    for (size_t at = 0; st >= 0 && part_next(s, separator, &at, &part);) {
        if (is_session(part))
            continue;
        if (later)
            st = wit_buf_append_byte(out, separator);
        if (st >= 0)
            st = wit_buf_append_str(out, part);
        later = true;
    }
    return st;
}

static int path_keep(struct wit_str path, struct wit_buf *out) {
    struct wit_str segment;
    int st = 0;
    size_t first = path.len && path.data[0] == '/';
    for (size_t at = first; st >= 0 && part_next(path, '/', &at, &segment);) {
        size_t mark = out->len;
        st = wit_buf_append_byte(out, '/');
        if (st >= 0)
            st = parts_keep(segment, ';', out);
        if (st >= 0 && is_session_segment(wit_str_slice(wit_buf_view(out), mark + 1, out->len)))
            out->len = mark;
    }
    return st;
}

int url_session_remove(struct wit_url *url, struct wit_buf *scratch) {
    struct wit_str href = wit_url_href(url), path = wit_url_path(url), query = wit_url_query(url);
    if (!wit_url_is_http(url))
        return 0;
    size_t path_at = (size_t)(path.data - href.data);
    wit_buf_reset(scratch);
    int st = wit_buf_append_str(scratch, wit_str_slice(href, 0, path_at));
    if (st >= 0)
        st = path_keep(path, scratch);
    size_t mark_at = scratch->len, kept_at = mark_at + 1;
    if (st >= 0 && query.len)
        st = wit_buf_append_byte(scratch, '?');
    if (st >= 0 && query.len)
        st = parts_keep(query, '&', scratch);
    if (st >= 0 && query.len && scratch->len == kept_at)
        scratch->len = mark_at; /* nothing is left behind the question mark */
    if (st < 0)
        return st;
    size_t tail_at = path_at + path.len + (query.len ? 1 + query.len : 0);
    if (scratch->len == tail_at) /* leaving out shortens */
        return 0;
    st = wit_buf_append_str(scratch, wit_str_slice(href, tail_at, href.len));
    if (st >= 0)
        st = wit_url_parse(url, wit_buf_view(scratch), NULL, NULL);
    return st < 0 ? st : 1;
}
