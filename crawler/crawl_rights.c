/* crawl_rights.c: signals of answers, the names of switches, whom else a site may mean. */
#include "crawl_rights.h"

enum { NOTE_MAX_BYTES = 4096, USAGE_MAX_BYTES = 64 << 10 };

/* ---- switches ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned bit;
} switches[] = {
    { "robots", WIT_CRAWLER_IGNORE_ROBOTS },
    { "x-robots-tag", WIT_CRAWLER_IGNORE_X_ROBOTS_TAG },
    { "meta", WIT_CRAWLER_IGNORE_META },
    { "tdm", WIT_CRAWLER_IGNORE_TDM },
    { "aipref", WIT_CRAWLER_IGNORE_AIPREF },
    { "content-signal", WIT_CRAWLER_IGNORE_CONTENT_SIGNAL },
};

const char *wit_crawler_ignore_name(unsigned bit) {
    for (size_t i = 0; i < WIT_COUNT_OF(switches); i++)
        if (switches[i].bit == bit)
            return switches[i].name;
    return NULL;
}

static unsigned switch_of(struct wit_str name) {
    for (size_t i = 0; i < WIT_COUNT_OF(switches); i++)
        if (wit_str_eq(name, wit_str_from(switches[i].name)))
            return switches[i].bit;
    return 0;
}

int wit_crawler_ignore_parse(struct wit_str names, unsigned *ignore, struct wit_error *err) {
    unsigned bits = 0;
    for (size_t at = 0; at <= names.len;) {
        ptrdiff_t comma = wit_str_find_byte(names, ',', at);
        size_t end = comma < 0 ? names.len : (size_t)comma;
        struct wit_str name = wit_str_trim(wit_str_slice(names, at, end));
        unsigned bit = switch_of(name);
        if (!bit)
            return wit_error_set(
                err, WIT_EINVAL,
                "there is no signal '%.*s': robots, x-robots-tag, meta, tdm, aipref "
                "and content-signal can be ignored",
                WIT_STR_FMT(name));
        bits |= bit;
        at = end + 1;
    }
    *ignore |= bits;
    return 0;
}

int crawl_rights_note(const char *dir, unsigned ignore, unsigned *all, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(NOTE_MAX_BYTES);
    char folder[WIT_PATH_MAX], path[WIT_PATH_MAX];
    unsigned before = 0;
    int st = 0;
    if (wit_path_join(folder, dir, "crawl") < 0 || wit_path_join(path, folder, "ignored") < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    if (wit_file_exists(path)) {
        st = wit_file_read(path, &text, err);
        struct wit_str names = wit_str_trim(wit_buf_view(&text));
        if (st >= 0 && names.len)
            st = wit_crawler_ignore_parse(names, &before, err);
        if (st < 0)
            wit_error_wrap(err, "%s", path);
    }
    wit_buf_reset(&text);
    for (size_t i = 0; i < WIT_COUNT_OF(switches) && st >= 0; i++)
        if ((before | ignore) & switches[i].bit)
            st = wit_buf_printf(&text, "%s%s", text.len ? "," : "", switches[i].name);
    if (st >= 0 && (ignore & ~before)) {
        st = wit_buf_append_byte(&text, '\n');
        if (st >= 0)
            st = wit_file_write_atomic(path, wit_buf_view(&text), err);
    }
    wit_buf_finish(&text);
    if (st >= 0)
        *all = before | ignore;
    return st < 0 ? st : 0;
}

/* ---- other agents --------------------------------------------------------------------------- */

const char *const *wit_crawler_ai_agents(size_t *count) {
    /* Those that collect for training, and tokens without a crawler that say "not for training". */
    static const char *const names[] = { "AI2Bot",
                                         "Amazonbot",
                                         "anthropic-ai",
                                         "Applebot-Extended",
                                         "Bytespider",
                                         "CCBot",
                                         "ClaudeBot",
                                         "cohere-training-data-crawler",
                                         "Diffbot",
                                         "FacebookBot",
                                         "FriendlyCrawler",
                                         "Google-Extended",
                                         "GPTBot",
                                         "ImagesiftBot",
                                         "imageSpider",
                                         "img2dataset",
                                         "LAIONDownloader",
                                         "laion-huggingface-processor",
                                         "meta-externalagent",
                                         "omgili",
                                         "PanguBot",
                                         "Timpibot",
                                         "Webzio-Extended" };
    *count = WIT_COUNT_OF(names);
    return names;
}

/* ---- signals -------------------------------------------------------------------------------- */

static const unsigned tdm_bits = WIT_CRAWLER_TDM_RESERVED | WIT_CRAWLER_TDM_OPEN;

static unsigned tdm_of_headers(struct wit_str headers) {
    struct wit_str value;
    unsigned directives = 0;
    for (size_t at = 0; wit_net_header_next(headers, WIT_STR("tdm-reservation"), &at, &value);)
        directives |= wit_str_eq(value, WIT_STR("1"))   ? WIT_CRAWLER_TDM_RESERVED
                      : wit_str_eq(value, WIT_STR("0")) ? WIT_CRAWLER_TDM_OPEN
                                                        : 0;
    return directives;
}

/* The lines of a field are one value, joined by commas (RFC 9110, 5.3). */
static unsigned usage_of_headers(struct wit_str headers) {
    struct wit_buf joined = WIT_BUF_INIT(USAGE_MAX_BYTES);
    struct wit_str value;
    unsigned directives = 0;
    int st = 0;
    for (size_t at = 0;
         st >= 0 && wit_net_header_next(headers, WIT_STR("content-usage"), &at, &value);)
        st = wit_buf_printf(&joined, "%s%.*s", joined.len ? ", " : "", WIT_STR_FMT(value));
    directives = st < 0 ? WIT_CRAWLER_USAGE_RESERVED /* when in doubt, leave it */
                        : wit_crawler_content_usage_parse(wit_buf_view(&joined));
    wit_buf_finish(&joined);
    return directives;
}

unsigned crawl_rights_of_headers(struct wit_str headers, struct wit_str agent, unsigned ignore) {
    struct wit_str value;
    unsigned directives = 0;
    if (!(ignore & WIT_CRAWLER_IGNORE_X_ROBOTS_TAG))
        for (size_t at = 0; wit_net_header_next(headers, WIT_STR("x-robots-tag"), &at, &value);)
            directives |= wit_crawler_directives_parse(value, agent);
    if (!(ignore & WIT_CRAWLER_IGNORE_TDM))
        directives |= tdm_of_headers(headers);
    if (!(ignore & WIT_CRAWLER_IGNORE_AIPREF))
        directives |= usage_of_headers(headers);
    if (!(ignore & WIT_CRAWLER_IGNORE_CONTENT_SIGNAL))
        for (size_t at = 0; wit_net_header_next(headers, WIT_STR("content-signal"), &at, &value);)
            directives |= wit_crawler_content_signal_parse(value);
    return directives;
}

unsigned crawl_rights_of_page(unsigned directives, unsigned ignore) {
    if (ignore & WIT_CRAWLER_IGNORE_TDM)
        directives &= ~tdm_bits;
    if (ignore & WIT_CRAWLER_IGNORE_META)
        directives &= tdm_bits;
    return directives;
}

unsigned crawl_rights_of_robots(unsigned directives, unsigned ignore) {
    if (ignore & WIT_CRAWLER_IGNORE_AIPREF)
        directives &= ~(unsigned)WIT_CRAWLER_USAGE_RESERVED;
    if (ignore & WIT_CRAWLER_IGNORE_CONTENT_SIGNAL)
        directives &= ~(unsigned)WIT_CRAWLER_SIGNAL_RESERVED;
    return directives;
}

void crawl_headers_keep(struct wit_str headers, struct wit_str name, struct wit_buf *out) {
    struct wit_str value = { NULL, 0 };
    for (size_t at = 0; wit_net_header_next(headers, name, &at, &value);)
        wit_buf_printf(out, "%.*s: %.*s\n", WIT_STR_FMT(name), WIT_STR_FMT(value));
}

void crawl_rights_keep(struct wit_str headers, struct wit_buf *out) {
    static const char *const names[] = { "x-robots-tag", "tdm-reservation", "tdm-policy",
                                         "content-usage", "content-signal" };
    struct wit_str value;
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++)
        crawl_headers_keep(headers, wit_str_from(names[i]), out);
    for (size_t at = 0; wit_net_header_next(headers, WIT_STR("link"), &at, &value);)
        if (wit_str_find(value, WIT_STR("license"), 0) >= 0)
            wit_buf_printf(out, "link: %.*s\n", WIT_STR_FMT(value));
}
