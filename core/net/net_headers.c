/* net_headers.c: reading the header lines that a response carries. */
#include "net_private.h"

bool wit_net_header_next(struct wit_str headers, struct wit_str name, size_t *from,
                         struct wit_str *value) {
    while (*from < headers.len) {
        ptrdiff_t end = wit_str_find_byte(headers, '\n', *from);
        size_t stop = end < 0 ? headers.len : (size_t)end;
        struct wit_str line = wit_str_slice(headers, *from, stop);
        *from = stop + 1;
        if (line.len > name.len && line.data[name.len] == ':' && wit_str_starts_with(line, name)) {
            *value = wit_str_trim(wit_str_slice(line, name.len + 1, line.len));
            return true;
        }
    }
    return false;
}

bool wit_net_retry_after(struct wit_str headers, int64_t now_wall_s, uint32_t *seconds) {
    struct wit_str value;
    size_t from = 0;
    uint64_t number;
    char date[64];
    if (!wit_net_header_next(headers, WIT_STR("retry-after"), &from, &value) || value.len == 0)
        return false;
    if (wit_str_to_u64(value, &number) == 0) {
        *seconds = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
        return true;
    }
    if (value.len >= sizeof date)
        return false;
    memcpy(date, value.data, value.len);
    date[value.len] = 0;
    time_t at = curl_getdate(date, NULL);
    if (at == -1)
        return false;
    int64_t wait = (int64_t)at - now_wall_s;
    *seconds = wait <= 0 ? 0 : wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
    return true;
}
