/* collection.c: what a crawl would hand to a collector, from a seed. */
#include "collection.h"

#include <stdlib.h>
#include <unistd.h>

enum { BYTES_MOST = 9000, COMMIT_EVERY = 37 };

static const char *const words[] = {
    "a red kite", "two boats", "the harbour at night", "Katze", "\xC3\xA9t\xC3\xA9", "IMG 0042",
    "menu",       "a",         "bridge over the river"
};

unsigned collection_steps(const struct collection *c) {
    return c->candidates + c->urls;
}

static int put_image(const struct collection *c, unsigned url, struct wit_shards_collector *to,
                     struct wit_error *err) {
    static uint8_t bytes[BYTES_MOST];
    char name[64], final[64];
    struct wit_random rng, body;
    wit_random_init(&rng, c->seed, 1, url);
    unsigned image = (unsigned)wit_random_below(&rng, c->images);
    wit_random_init(&body, c->seed, 2, image);
    size_t len = 1 + (size_t)wit_random_below(&body, image % 5 ? 900 : BYTES_MOST);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)wit_random_u32(&body);
    if (wit_random_below(&rng, 10) == 0)
        return wit_shards_collector_add_refusal(to, wit_str_from("http://x/refused"),
                                                WIT_STR("http_404"), err);
    snprintf(name, sizeof name, "http://x.test/%u.jpg", url);
    snprintf(final, sizeof final, "http://cdn.test/%u.jpg", url);
    const struct wit_shards_fetched f = {
        .url = wit_str_from(name),
        .final_url = wit_str_from(final),
        .bytes = wit_str_of(bytes, len),
        .info = { .format = WIT_IMAGE_JPEG,
                  .width = 1 + image % 700,
                  .height = 2 + image % 300,
                  .components = 3,
                  .bit_depth = 8,
                  .orientation = 1 },
        .fetched_at_s = 1700000000 + url,
        .headers = WIT_STR("content-type: image/jpeg\n"),
        .rights = url % 7 ? WIT_STR("") : WIT_STR("x-robots-tag: all\n"),
    };
    return wit_shards_collector_add_image(to, &f, err);
}

int collection_step(const struct collection *c, unsigned i, struct wit_shards_collector *to,
                    struct wit_error *err) {
    char url[64], text[96], page[64];
    struct wit_random rng;
    if (i < c->urls)
        return put_image(c, i, to, err);
    wit_random_init(&rng, c->seed, 3, i - c->urls);
    unsigned u = (unsigned)wit_random_below(&rng, c->urls + c->urls / 4 + 1);
    snprintf(url, sizeof url, "http://x.test/%u.jpg", u);
    snprintf(text, sizeof text, "%s%s", words[wit_random_below(&rng, WIT_COUNT_OF(words))],
             wit_random_below(&rng, 3) ? "" : " again");
    snprintf(page, sizeof page, "http://x.test/p%u.html", (unsigned)wit_random_below(&rng, 20));
    const struct wit_shards_candidate cand = {
        .url = wit_str_from(url),
        .text = wit_str_from(text),
        .source = wit_random_below(&rng, 4) ? WIT_SHARDS_ALT : WIT_SHARDS_TITLE,
        .page = wit_str_from(page),
    };
    return wit_shards_collector_add_candidate(to, &cand, err);
}

int collection_run(const struct collection *c, unsigned from, unsigned to, uint64_t order,
                   const char *dir, struct wit_error *err) {
    struct wit_shards_collector *collector = NULL;
    int st = wit_shards_collector_open(dir, &collector, err);
    for (unsigned k = 0; k < to - from && st >= 0; k++) {
        unsigned i = from + (unsigned)wit_permute(k, to - from, order);
        st = collection_step(c, i, collector, err);
        if (st >= 0 && k % COMMIT_EVERY == COMMIT_EVERY - 1)
            st = wit_shards_collector_commit(collector, err);
    }
    if (st >= 0)
        st = wit_shards_collector_commit(collector, err);
    wit_shards_collector_close(collector);
    return st;
}

void scratch_make(char out[WIT_PATH_MAX]) {
    const char *base = getenv("TMPDIR");
    snprintf(out, WIT_PATH_MAX, "%s/wit-shards-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(out))
        abort();
}

void scratch_remove(const char *dir) {
    (void)wit_dir_remove(dir, NULL);
}

int seal_simple(const char *dir, unsigned threads, int bits, struct wit_shards_seal_report *report,
                struct wit_error *err) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    cfg.threads = threads;
    cfg.shard_bits = bits;
    return wit_shards_seal(dir, &cfg, report, err);
}
