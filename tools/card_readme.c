/* card_readme.c: a README.md in the form that Hugging Face reads, with the numbers filled in and
 * the questions that no program can answer left open. */
#include "card.h"

#include "wit_crawler.h"

#include <inttypes.h>
#include <time.h>

enum { TOP_DOMAINS = 20, TOP_RIGHTS = 50 };

bool card_date(int64_t at_s, char out[32]) {
    time_t t = (time_t)at_s;
    struct tm utc;
    return gmtime_r(&t, &utc) && strftime(out, 32, "%Y-%m-%d", &utc) > 0;
}

/* The README grows in one buffer; the first failure stays. */
struct page {
    struct wit_buf *out;
    int st;
};

static void say(struct page *p, const char *fmt, ...) WIT_PRINTF(2, 3);
static void say(struct page *p, const char *fmt, ...) {
    char text[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (p->st >= 0)
        p->st = n < 0 || (size_t)n >= sizeof text ? WIT_ELIMIT
                                                  : wit_buf_append(p->out, text, (size_t)n);
}

/* Bytes from outside in a cell of a table. */
static void say_cell(struct page *p, struct wit_str s) {
    for (size_t i = 0; i < s.len && p->st >= 0; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c == '|' || c == '`' || c == '<' || c == '[' || c == '\\' || c == '*')
            p->st = wit_buf_append_byte(p->out, '\\');
        if (p->st >= 0)
            p->st = wit_buf_append_byte(p->out, c < 0x20 ? ' ' : (char)c);
    }
}

static const char *size_category(uint64_t n) {
    static const char *const names[] = { "n<1K",       "1K<n<10K",   "10K<n<100K", "100K<n<1M",
                                         "1M<n<10M",   "10M<n<100M", "100M<n<1B",  "1B<n<10B",
                                         "10B<n<100B", "100B<n<1T" };
    size_t i = 0;
    for (uint64_t most = 1000; n >= most && i < WIT_COUNT_OF(names) - 1; most *= 10)
        i++;
    return names[i];
}

static void head(struct page *p, const struct card_facts *f, const struct card_words *w) {
    struct wit_buf name = WIT_BUF_INIT(1 << 16);
    struct wit_json_writer json;
    wit_json_writer_init(&json, &name); /* a JSON string is one of YAML too */
    wit_json_put_cstr(&json, w->name);
    p->st = wit_json_writer_finish(&json);
    say(p, "---\npretty_name: %.*s\n", WIT_STR_FMT(wit_buf_view(&name)));
    if (w->license && *w->license) {
        wit_buf_reset(&name);
        wit_json_writer_init(&json, &name);
        wit_json_put_cstr(&json, w->license);
        say(p, "license: other\nlicense_link: %.*s\n", WIT_STR_FMT(wit_buf_view(&name)));
    }
    say(p, "size_categories:\n- %s\ntags:\n- image-text\n- croissant\n---\n\n# %s\n\n",
        size_category(f->samples), w->name);
    if (w->description && *w->description)
        say(p, "%s\n\n", w->description);
    wit_buf_finish(&name);
}

static void row(struct page *p, const char *name, uint64_t n) {
    if (n)
        say(p, "| %s | %" PRIu64 " |\n", name, n);
}

static void counts(struct page *p, const struct card_facts *f) {
    char hash[WIT_HASH128_HEX];
    wit_hash128_to_hex(f->hash, hash);
    say(p, "## What it holds\n\n| | |\n|---|---|\n| dataset hash | `%s` |\n", hash);
    row(p, "images", f->samples);
    row(p, "captions", f->pairs);
    row(p, "bytes of images", f->image_bytes);
    row(p, "bytes of captions", f->caption_bytes);
    row(p, "URLs under which they came", f->origins);
    row(p, "images stored without loss in another encoding, or anew", f->transcoded);
    row(p, "images stored smaller than they were fetched", f->resized);
    say(p, "\n| format | images |\n|---|---|\n");
    for (unsigned i = 0; i < CARD_FORMATS; i++)
        row(p, wit_image_format_name((enum wit_image_format)i), f->formats[i]);
    say(p, "\n| smaller side, px | images |\n|---|---|\n");
    for (unsigned i = 0; i < CARD_SIDES; i++)
        row(p, card_side_names[i], f->sides[i]);
    say(p, "\n| where the words stood | captions |\n|---|---|\n");
    for (unsigned i = 0; i < CARD_SOURCES; i++)
        row(p, wit_shards_source_name((enum wit_shards_source)i), f->sources[i]);
}

static void tally(struct page *p, const struct card_tally *t, size_t most, const char *title) {
    struct card_count top[TOP_RIGHTS];
    uint64_t rest = t->others;
    int n = t->count ? card_tally_top(t, most, top) : 0;
    if (n <= 0) {
        p->st = n < 0 && p->st >= 0 ? n : p->st;
        return;
    }
    say(p, "\n| %s | URLs |\n|---|---|\n", title);
    for (size_t i = 0; i < t->cap; i++)
        rest += t->slots[i].n;
    for (int i = 0; i < n; i++) {
        say(p, "| ");
        say_cell(p, top[i].name);
        say(p, " | %" PRIu64 " |\n", top[i].n);
        rest -= top[i].n;
    }
    if (rest)
        say(p, "| %zu others | %" PRIu64 " |\n", t->count - (size_t)n, rest);
}

static void sources(struct page *p, const struct card_facts *f) {
    char from[32], to[32];
    say(p, "\n## Where it comes from\n\n");
    if (f->first_fetched_s > 0 && card_date(f->first_fetched_s, from) &&
        card_date(f->last_fetched_s, to))
        say(p, "Fetched from %s to %s.\n", from, to);
    tally(p, &f->domains, TOP_DOMAINS, "registrable domain");
}

static void signals(struct page *p, const struct card_facts *f) {
    say(p, "\n## Rights\n\n");
    if (!f->was_crawled) {
        say(p,
            "It was not crawled in the folder that it lies in, so which signals were obeyed is not "
            "recorded there.");
    } else if (f->ignored == 0) {
        say(p,
            "Every rights signal that the crawler knows was obeyed: robots.txt, X-Robots-Tag, meta "
            "robots, TDM reservation, AIPREF, Content-Signal.");
    } else {
        say(p, "Rights signals were obeyed, but for these, which a run was told to ignore:");
        for (unsigned bit = 1; bit && bit <= f->ignored; bit <<= 1)
            if ((f->ignored & bit) && wit_crawler_ignore_name(bit))
                say(p, " %s", wit_crawler_ignore_name(bit));
        say(p, ".");
    }
    say(p, " %" PRIu64 " of %" PRIu64 " URLs came with a signal that is kept with the sample.\n",
        f->with_rights, f->origins);
    tally(p, &f->rights, TOP_RIGHTS, "signal seen");
}

static void lineage(struct page *p, const struct card_facts *f) {
    static const struct {
        const char *member, *text;
    } left_out[] = { { "dropped_pairs", "pairs that the recipe left out" },
                     { "duplicate_images", "URLs whose image was there already" },
                     { "collisions", "URLs whose bytes lost to others under one key" },
                     { "captions_cut", "captions over the ceilings" } };
    const struct wit_json *l = wit_json_get(f->manifest, "lineage");
    const struct wit_json *recipe = wit_json_get(f->manifest, "recipe");
    struct wit_str tool = { NULL, 0 };
    say(p, "\n## How it was made\n\n");
    if (wit_json_string(wit_json_get(f->manifest, "wit"), &tool) == 0 && tool.len) {
        say(p, "By ");
        say_cell(p, tool);
        say(p, ".\n");
    }
    say(p, "\n| left out | |\n|---|---|\n");
    for (size_t i = 0; i < WIT_COUNT_OF(left_out); i++) {
        int64_t n = 0;
        (void)wit_json_int(wit_json_get(l, left_out[i].member), &n);
        say(p, "| %s | %" PRId64 " |\n", left_out[i].text, n);
    }
    if (recipe && wit_json_type_of(recipe) != WIT_JSON_NULL && p->st >= 0) {
        struct wit_json_writer w;
        say(p, "\nRecipe:\n\n```json\n");
        wit_json_writer_init(&w, p->out);
        wit_json_put_value(&w, recipe);
        p->st = p->st < 0 ? p->st : wit_json_writer_finish(&w);
        say(p, "\n```\n");
    }
}

static void use(struct page *p, enum card_layout layout) {
    say(p, "\n## How to check and load it\n\n");
    if (layout == CARD_SHARDS)
        say(p, "`wit shards verify DIR` reads every byte and holds it against the hash above; `wit "
               "load DIR` streams batches.\n");
    else if (layout == CARD_TARS)
        say(p, "The tars are webdataset's. `wit shards import FOLDER --from webdataset --out DIR` "
               "makes "
               "a dataset of them, whose hash is the one above unless images are stored smaller or "
               "transcoded; `wit shards index` loads them in place. croissant.json has their "
               "SHA-256.\n");
    else
        say(p,
            "These are the facts without the images; croissant.json has the SHA-256 of the files. "
            "`wit_key` names an image in every copy of the dataset.\n");
}

static void questions(struct page *p, const struct card_words *w) {
    static const char *const open[] = {
        "Why was it made, by whom, and who paid for it?",
        "What may it be used for, and what not?",
        "Which people are in it, and what may their pictures and names reveal?",
        "What is wrong with it: biases, errors, what is missing?",
        "How can somebody have an image removed, and who answers?",
        "Who keeps it up, and how are versions announced?",
    };
    say(p, "\n## Open questions\n\nNot answered by whoever made this card:\n\n");
    if (!w->license || !*w->license)
        say(p, "- Under which licence is it given away? The images are their owners'.\n");
    for (size_t i = 0; i < WIT_COUNT_OF(open); i++)
        say(p, "- %s\n", open[i]);
}

int card_readme(const struct card_facts *f, const struct card_words *words, enum card_layout layout,
                struct wit_buf *out, struct wit_error *err) {
    struct page p = { .out = out };
    head(&p, f, words);
    counts(&p, f);
    sources(&p, f);
    signals(&p, f);
    lineage(&p, f);
    use(&p, layout);
    questions(&p, words);
    return p.st < 0 ? wit_error_set(err, p.st, "cannot make the card: %s", wit_status_meaning(p.st))
                    : 0;
}
