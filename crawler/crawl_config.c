/* crawl_config.c: the settings of a crawl: what they are without a word, and what they may not be.
 */
#include "crawl_state.h"
#include "retry_reasons.h"

struct wit_crawler_config wit_crawler_config_default(void) {
    return (struct wit_crawler_config){
        .user_agent = "witbot",
        .version = "0.1",
        .delay_ms = 1000,
        .concurrency = 1,
        .sitemaps = true,
        .ip_delay_ms = WIT_CRAWLER_IP_DELAY_DEFAULT,
        .reactors = 1,
        .max_in_flight = 256,
        .max_depth = 1000,
        .max_domain_pages = 1000000, /* twelve days of one domain at a request a second */
        .max_barren_pages = 1000,
        .max_page_bytes = (size_t)4 << 20,
        .max_image_bytes = (size_t)32 << 20,
        .max_held_bytes = (size_t)128 << 20,
        .deadline_ms = 30000,
        .retries = 2,
        .retry_ms = 2000,
        .max_rests = 6,
        .max_wait_ms = 300000,
        .commit_ms = 2000,
        .images = wit_image_reencode_config_default(),
    };
}

static bool is_product_token(const char *s) {
    if (!s || !*s)
        return false;
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '-' || *s == '_'))
            return false;
    return true;
}

/* What goes into a header line. */
static bool is_header_text(const char *s) {
    for (; s && *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F)
            return false;
    return true;
}

int wit_crawler_config_check(const struct wit_crawler_config *cfg, struct wit_error *err) {
    if (!cfg->dir || !*cfg->dir)
        return wit_error_set(err, WIT_EINVAL, "a crawl needs a directory");
    if (!is_product_token(cfg->user_agent))
        return wit_error_set(err, WIT_EINVAL,
                             "user agent '%s' is not a product token: letters, '-' and '_' only",
                             cfg->user_agent ? cfg->user_agent : "");
    if (!is_header_text(cfg->contact) || !is_header_text(cfg->version))
        return wit_error_set(err, WIT_EINVAL, "contact and version go into a header line");
    if (cfg->reactors == 0 || cfg->concurrency == 0)
        return wit_error_set(err, WIT_EINVAL, "reactors and concurrency must be at least 1");
    if (cfg->max_in_flight < cfg->reactors)
        return wit_error_set(err, WIT_EINVAL, "%u reactors can't share %u requests at one time",
                             cfg->reactors, cfg->max_in_flight);
    for (size_t i = 0; i < cfg->host_count; i++)
        if (cfg->hosts[i].concurrency == 0)
            return wit_error_set(err, WIT_EINVAL, "host '%s': concurrency must be at least 1",
                                 cfg->hosts[i].name);
    for (size_t i = 0; i < cfg->obey_agent_count; i++)
        if (!cfg->obey_agents[i] || !*cfg->obey_agents[i])
            return wit_error_set(err, WIT_EINVAL, "an agent to obey has no name");
    for (size_t i = 0; i < cfg->scope_count; i++)
        if (wit_str_find_byte(cfg->scope[i], '/', WIT_STR("https://").len) < 0)
            return wit_error_set(err, WIT_EINVAL,
                                 "scope '%.*s' must reach to a '/' behind the host",
                                 WIT_STR_FMT(cfg->scope[i]));
    if (cfg->max_image_bytes > WIT_SHARDS_MAX_IMAGE_BYTES)
        return wit_error_set(err, WIT_EINVAL, "an image has at most %zu bytes, not %zu",
                             WIT_SHARDS_MAX_IMAGE_BYTES, cfg->max_image_bytes);
    int st = cfg->retry_failed ? retry_reasons_check(cfg->retry_failed, err) : 0;
    if (st >= 0 && cfg->dns_servers)
        st = wit_net_dns_check(cfg->dns_servers, err);
    return st < 0 ? st : wit_image_reencode_config_check(&cfg->images, err);
}
