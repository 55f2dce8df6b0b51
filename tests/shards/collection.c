/* collection.c: what a crawl would hand to a collector, from a seed. */
#include "collection.h"

#include <malloc.h>
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

unsigned collection_step_url(const struct collection *c, unsigned i) {
    struct wit_random rng;
    if (i < c->urls)
        return i;
    wit_random_init(&rng, c->seed, 3, i - c->urls);
    return (unsigned)wit_random_below(&rng, c->urls + c->urls / 4 + 1);
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

/*
 * Two byte strings with one XXH3-128. In XXH3's long form a stripe multiplies the halves of
 * (data ^ secret) lane by lane: where the low half is 0 the product is 0 whatever the high half is,
 * and the data itself only enters a sum. Two such lanes can trade their high halves.
 */
void collide(uint8_t a[1200], uint8_t b[1200]) {
    /* The first bytes of XXH3's fixed secret: for stripe 0, and 8 further on for stripe 1. */
    static const uint8_t secret[16] = { 0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe,
                                        0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c };
    for (unsigned i = 0; i < 1200; i++)
        a[i] = (uint8_t)(i * 7);
    memcpy(a, secret, 4);
    memcpy(a + 64, secret + 8, 4);
    wit_store_le32(a + 4, 1000);
    wit_store_le32(a + 64 + 4, 5000);
    memcpy(b, a, 1200);
    wit_store_le32(b + 4, 1001);
    wit_store_le32(b + 64 + 4, 4999);
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

void scratch_in_memory(void) {
    /* meson has malloc fill what it gives and takes, megabytes of LMDB's each time; the sanitizers
     * watch these tests. */
    (void)mallopt(M_PERTURB, 0);
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 1);
}

int seal_simple(const char *dir, unsigned threads, int bits, struct wit_shards_seal_report *report,
                struct wit_error *err) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    cfg.threads = threads;
    cfg.shard_bits = bits;
    return wit_shards_seal(dir, &cfg, report, err);
}
