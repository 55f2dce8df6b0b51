/*
 * card_croissant.c: JSON-LD after the Croissant Format Specification 1.0 (mlcommons.org/croissant).
 *
 * An export is described so that a Croissant reader can load it: files with their SHA-256, one
 * record set of the facts, and of tars another one of the images, joined by key. Of the shards
 * themselves, which no such reader opens, only the files are named.
 */
#include "card.h"

static void put(struct wit_json_writer *w, const char *name, const char *value) {
    wit_json_key(w, name);
    wit_json_put_cstr(w, value);
}

static void put_given(struct wit_json_writer *w, const char *name, const char *value) {
    if (value && *value)
        put(w, name, value);
}

static void object(struct wit_json_writer *w, const char *name) {
    wit_json_key(w, name);
    wit_json_object_begin(w);
}

static void put_ref(struct wit_json_writer *w, const char *name, const char *id) {
    object(w, name);
    put(w, "@id", id);
    wit_json_object_end(w);
}

/* ---- the vocabulary ------------------------------------------------------------------------- */

static void put_typed(struct wit_json_writer *w, const char *name, const char *id,
                      const char *type) {
    object(w, name);
    put(w, "@id", id);
    put(w, "@type", type);
    wit_json_object_end(w);
}

static void put_context(struct wit_json_writer *w) {
    static const char *const terms[] = {
        "citeAs",      "column",        "extract",   "field",        "fileProperty",
        "fileObject",  "fileSet",       "format",    "samplingRate", "equivalentProperty",
        "includes",    "isLiveDataset", "jsonPath",  "key",          "md5",
        "parentField", "path",          "recordSet", "references",   "regex",
        "repeated",    "replace",       "separator", "source",       "subField",
        "transform"
    };
    char id[64];
    object(w, "@context");
    put(w, "@language", "en");
    put(w, "@vocab", "https://schema.org/");
    put(w, "sc", "https://schema.org/");
    put(w, "cr", "http://mlcommons.org/croissant/");
    put(w, "rai", "http://mlcommons.org/croissant/RAI/");
    put(w, "dct", "http://purl.org/dc/terms/");
    put(w, "conformsTo", "dct:conformsTo");
    put_typed(w, "data", "cr:data", "@json");
    put_typed(w, "dataType", "cr:dataType", "@vocab");
    put_typed(w, "examples", "cr:examples", "@json");
    for (size_t i = 0; i < WIT_COUNT_OF(terms); i++) {
        snprintf(id, sizeof id, "cr:%s", terms[i]);
        put(w, terms[i], id);
    }
    wit_json_object_end(w);
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *encoding_of(enum card_layout layout) {
    static const char *const names[] = { "application/octet-stream", "application/x-tar",
                                         "application/jsonlines", "application/x-parquet" };
    return names[layout];
}

static void put_file(struct wit_json_writer *w, const struct card_file *f, const char *encoding) {
    char size[32];
    snprintf(size, sizeof size, "%llu B", (unsigned long long)f->bytes);
    wit_json_object_begin(w);
    put(w, "@type", "cr:FileObject");
    put(w, "@id", f->name);
    put(w, "name", f->name);
    put(w, "contentUrl", f->name);
    put(w, "contentSize", size);
    put(w, "encodingFormat", encoding);
    put(w, "sha256", f->sha256);
    wit_json_object_end(w);
}

static void put_set(struct wit_json_writer *w, const char *id, const char *encoding,
                    const char *const *includes, size_t count, const struct card_file *in,
                    size_t in_count) {
    wit_json_object_begin(w);
    put(w, "@type", "cr:FileSet");
    put(w, "@id", id);
    put(w, "name", id);
    if (in_count) {
        wit_json_key(w, "containedIn");
        wit_json_array_begin(w);
        for (size_t i = 0; i < in_count; i++) {
            wit_json_object_begin(w);
            put(w, "@id", in[i].name);
            wit_json_object_end(w);
        }
        wit_json_array_end(w);
    }
    put(w, "encodingFormat", encoding);
    wit_json_key(w, "includes");
    wit_json_array_begin(w);
    for (size_t i = 0; i < count; i++)
        wit_json_put_cstr(w, includes[i]);
    wit_json_array_end(w);
    wit_json_object_end(w);
}

/* Readers look for a set without a container beside the metadata. */
static void put_distribution(struct wit_json_writer *w, enum card_layout layout,
                             const struct card_file *files, size_t count) {
    static const char *const json[] = { "*.json" }, *const words[] = { "*.txt" };
    static const char *const lines[] = { "*.jsonl" }, *const tables[] = { "*.parquet" };
    static const char *const images[] = { "*.jpg", "*.png", "*.webp", "*.gif" };
    wit_json_key(w, "distribution");
    wit_json_array_begin(w);
    for (size_t i = 0; i < count; i++) /* of shards the first is dataset.json */
        put_file(w, &files[i],
                 layout == CARD_SHARDS && i == 0 ? "application/json" : encoding_of(layout));
    if (layout == CARD_TARS) {
        put_set(w, "images", "image/*", images, WIT_COUNT_OF(images), files, count);
        put_set(w, "words", "text/plain", words, 1, files, count);
        put_set(w, "json", "application/json", json, 1, files, count);
    } else if (layout != CARD_SHARDS) {
        put_set(w, "facts", encoding_of(layout), layout == CARD_JSONL ? lines : tables, 1, NULL, 0);
    }
    wit_json_array_end(w);
}

/* ---- record sets ---------------------------------------------------------------------------- */

static const struct {
    const char *name, *type, *text;
} facts_fields[] = {
    { "key", "sc:Text", "Name of the sample in this export." },
    { "url", "sc:URL", "Address of the image." },
    { "caption", "sc:Text", "Words that stood with the image." },
    { "width", "sc:Integer", "Pixels, as stored." },
    { "height", "sc:Integer", "Pixels, as stored." },
    { "original_width", "sc:Integer", "Pixels, as fetched." },
    { "original_height", "sc:Integer", "Pixels, as fetched." },
    { "sha256", "sc:Text", "SHA-256 of the image, where it is stored as it was fetched." },
    { "wit_key", "sc:Text", "XXH3-128 of the image as fetched: names it in every dataset." },
    { "wit_hash", "sc:Text", "Hash of the sample, captions included." },
    { "page", "sc:URL", "Page on which the words stood." },
    { "source", "sc:Text", "Where on the page: alt, title, figcaption, list ..." },
};

static void field_begin(struct wit_json_writer *w, const char *set, const char *name,
                        const char *type, const char *text) {
    char id[96];
    snprintf(id, sizeof id, "%s/%s", set, name);
    wit_json_object_begin(w);
    put(w, "@type", "cr:Field");
    put(w, "@id", id);
    put(w, "name", name);
    put(w, "description", text);
    put(w, "dataType", type);
}

static void put_source(struct wit_json_writer *w, const char *set, const char *how,
                       const char *what) {
    object(w, "source");
    put_ref(w, "fileSet", set);
    object(w, "extract");
    put(w, how, what);
    wit_json_object_end(w);
}

static void set_begin(struct wit_json_writer *w, const char *id, const char *text) {
    char key[96];
    wit_json_object_begin(w);
    put(w, "@type", "cr:RecordSet");
    put(w, "@id", id);
    put(w, "name", id);
    put(w, "description", text);
    snprintf(key, sizeof key, "%s/key", id);
    put_ref(w, "key", key);
    wit_json_key(w, "field");
    wit_json_array_begin(w);
}

static void set_end(struct wit_json_writer *w) {
    wit_json_array_end(w);
    wit_json_object_end(w);
}

/* The sample's name in the name of its member: what stands before the dot. */
static void put_key_of(struct wit_json_writer *w, const char *member, const char *set) {
    object(w, member);
    put_ref(w, "fileSet", set);
    object(w, "extract");
    put(w, "fileProperty", "filename");
    wit_json_object_end(w);
    object(w, "transform");
    put(w, "regex", "^(?:.*/)?([^./]*)\\..*$");
    wit_json_object_end(w);
    wit_json_object_end(w);
}

static void put_content(struct wit_json_writer *w, const char *set, const char *name,
                        const char *type, const char *text, const char *files) {
    field_begin(w, set, name, type, text);
    put_source(w, files, "fileProperty", "content");
    wit_json_object_end(w);
    wit_json_object_end(w);
}

/* Members of tars are joined by their names; facts stay the text that they are, since readers do
 * not look into a JSON file of each sample. */
static void put_members(struct wit_json_writer *w) {
    static const struct {
        const char *set, *text, *files, *name, *type, *about;
    } sets[] = {
        { "pictures", "The images.", "images", "image", "sc:ImageObject", "An image, as stored." },
        { "captions", "Words that stood beside the images.", "words", "caption", "sc:Text",
          "The words." },
        { "facts", "What else is known of a sample: URL, sizes, page, hashes, all captions.",
          "json", "json", "sc:Text", "A JSON object; wit's docs/export.md says every member." },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(sets); i++) {
        set_begin(w, sets[i].set, sets[i].text);
        field_begin(w, sets[i].set, "key", "sc:Text", facts_fields[0].text);
        put_key_of(w, "source", sets[i].files);
        if (i > 0) {
            object(w, "references");
            put_ref(w, "field", "pictures/key");
            wit_json_object_end(w);
        }
        wit_json_object_end(w);
        put_content(w, sets[i].set, sets[i].name, sets[i].type, sets[i].about, sets[i].files);
        set_end(w);
    }
}

static void put_columns(struct wit_json_writer *w) {
    set_begin(w, "samples", "An image, by its address and hashes, and words that stood beside it.");
    for (size_t i = 0; i < WIT_COUNT_OF(facts_fields); i++) {
        field_begin(w, "samples", facts_fields[i].name, facts_fields[i].type, facts_fields[i].text);
        put_source(w, "facts", "column", facts_fields[i].name);
        wit_json_object_end(w);
        wit_json_object_end(w);
    }
    set_end(w);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void put_date(struct wit_json_writer *w, const char *name, int64_t at_s) {
    char text[32];
    if (at_s > 0 && card_date(at_s, text))
        put(w, name, text);
}

static void put_rai(struct wit_json_writer *w, const struct card_facts *f) {
    char text[256], from[32], to[32];
    put(w, "rai:dataCollectionType", f->was_crawled ? "Web Scraping" : "Others");
    if (f->first_fetched_s > 0 && card_date(f->first_fetched_s, from) &&
        card_date(f->last_fetched_s, to)) {
        wit_json_key(w, "rai:dataCollectionTimeframe");
        wit_json_array_begin(w);
        wit_json_put_cstr(w, from);
        wit_json_put_cstr(w, to);
        wit_json_array_end(w);
    }
    snprintf(text, sizeof text, "%llu of %llu URLs came with a rights signal, which is kept.",
             (unsigned long long)f->with_rights, (unsigned long long)f->origins);
    put(w, "rai:dataCollection", text);
}

int card_croissant(const struct card_facts *f, const struct card_words *words,
                   enum card_layout layout, const struct card_file *files, size_t count,
                   struct wit_buf *out, struct wit_error *err) {
    struct wit_json_writer w;
    char hash[WIT_HASH128_HEX], text[512];
    int64_t sealed = 0;
    (void)wit_json_int(wit_json_get(wit_json_get(f->manifest, "lineage"), "sealed_at_s"), &sealed);
    wit_hash128_to_hex(f->hash, hash);
    snprintf(text, sizeof text,
             "%llu images with %llu captions, %llu bytes of images; dataset hash %s.",
             (unsigned long long)f->samples, (unsigned long long)f->pairs,
             (unsigned long long)f->image_bytes, hash);
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    put_context(&w);
    put(&w, "@type", "sc:Dataset");
    put(&w, "conformsTo", "http://mlcommons.org/croissant/1.0");
    put(&w, "name", words->name);
    put(&w, "description", words->description && *words->description ? words->description : text);
    put(&w, "identifier", hash);
    put_given(&w, "license", words->license);
    put_given(&w, "url", words->url);
    put_given(&w, "version", words->version);
    if (words->creator && *words->creator) {
        object(&w, "creator");
        put(&w, "@type", "sc:Organization");
        put(&w, "name", words->creator);
        wit_json_object_end(&w);
    }
    put_date(&w, "datePublished", sealed);
    put_rai(&w, f);
    put_distribution(&w, layout, files, count);
    wit_json_key(&w, "recordSet");
    wit_json_array_begin(&w);
    if (layout == CARD_TARS)
        put_members(&w);
    else if (layout != CARD_SHARDS)
        put_columns(&w);
    wit_json_array_end(&w);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(out, '\n');
    return st < 0 ? wit_error_set(err, st, "cannot make the metadata: %s", wit_status_meaning(st))
                  : 0;
}
