/* wit shards card: README.md and croissant.json of a dataset, or of an export of one. */
#include "cmd_shards_card.h"
#include "card.h"
#include "cli.h"

#include <getopt.h>
#include <stdlib.h>

static const char help[] =
    "usage: wit shards card DIR [--export FOLDER] [--name N] [--description T] [--license URL]\n"
    "                       [--url URL] [--creator N] [--version V] [--force]\n"
    "\n"
    "Writes croissant.json (Croissant 1.0, mlcommons.org/croissant) and README.md, a card with the\n"
    "numbers that the dataset has of itself and the questions that only its maker can answer, into\n"
    "DIR. Reads the whole dataset.\n"
    "\n"
    "  --export FOLDER  of this export of DIR (webdataset or metadata), into FOLDER: a Croissant\n"
    "                   reader can load what it describes\n"
    "  --name N         default: the name of DIR\n"
    "  --description T, --license URL, --url URL, --creator N, --version V   what is not counted\n"
    "  --force          write README.md anew where there is one\n"
    "  --help           this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted\n";

#define PAGE_MAX_BYTES ((size_t)1 << 30)
enum { HEAD_MOST_BYTES = 4096 };

struct options {
    const char *dir, *export;
    struct card_words words;
    char name[WIT_PATH_MAX];
    bool force, helped;
};

/* What the metadata describes. */
struct described {
    const char *folder;
    enum card_layout layout;
    struct card_file *files;
    size_t count, cap;
};

/* ---- files ---------------------------------------------------------------------------------- */

static int file_add(struct described *d, const char *name, struct wit_error *err) {
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    char path[WIT_PATH_MAX];
    if (d->count == d->cap) {
        size_t more = d->cap ? 2 * d->cap : 64;
        struct card_file *bigger = wit_realloc_array(d->files, more, sizeof *bigger);
        if (!bigger)
            return wit_error_set(err, WIT_ENOMEM, "no memory for a card");
        d->files = bigger;
        d->cap = more;
    }
    struct card_file *f = &d->files[d->count];
    if (wit_path_join(path, d->folder, name) < 0 ||
        snprintf(f->name, sizeof f->name, "%s", name) >= (int)sizeof f->name)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s/%s", d->folder, name);
    int st = wit_file_size(path, &f->bytes, err);
    if (st >= 0)
        st = wit_digest_file(WIT_DIGEST_SHA256, path, digest, err);
    if (st < 0)
        return st;
    wit_digest_to_hex(wit_str_of(digest, (size_t)st), f->sha256);
    d->count++;
    if (cli_interrupted())
        return wit_error_set(err, WIT_ECANCELED, "interrupted");
    return 0;
}

/* dataset.json, then the shards that it names. */
static int shards_describe(struct described *d, const char *dir, struct wit_error *err) {
    struct wit_shards_dataset *ds = NULL;
    char name[WIT_PATH_MAX];
    d->folder = dir;
    d->layout = CARD_SHARDS;
    int st = file_add(d, "dataset.json", err);
    if (st >= 0)
        st = wit_shards_dataset_open(dir, NULL, &ds, err);
    for (size_t i = 0; st >= 0 && i < wit_shards_dataset_shards(ds); i++) {
        struct wit_shards_shard_info info;
        wit_shards_shard_info(ds, i, &info);
        snprintf(name, sizeof name, "shards/%s", info.file);
        st = file_add(d, name, err);
    }
    wit_shards_dataset_close(ds);
    return st;
}

static int export_check(struct described *d, struct wit_hash128 hash, const char **suffix,
                        struct wit_error *err) {
    struct wit_json *head = NULL;
    struct wit_hash128 of = { 0, 0 };
    struct wit_str text = { NULL, 0 }, to = { NULL, 0 };
    char path[WIT_PATH_MAX];
    bool parquet = false;
    if (wit_path_join(path, d->folder, "export.json") < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", d->folder);
    int st = wit_json_load(path, HEAD_MOST_BYTES, &head, err);
    if (st < 0)
        return st;
    (void)wit_json_string(wit_json_get(head, "dataset"), &text);
    (void)wit_json_string(wit_json_get(head, "to"), &to);
    (void)wit_json_bool(wit_json_get(head, "parquet"), &parquet);
    if (wit_hash128_from_hex(text, &of) < 0 || !wit_hash128_eq(of, hash)) {
        st = wit_error_set(err, WIT_EINVAL, "%s is an export of another dataset", d->folder);
    } else if (wit_str_eq(to, WIT_STR("webdataset"))) {
        d->layout = CARD_TARS;
        *suffix = ".tar";
    } else if (wit_str_eq(to, WIT_STR("metadata"))) {
        d->layout = parquet ? CARD_PARQUET : CARD_JSONL;
        *suffix = parquet ? ".parquet" : ".jsonl";
    } else {
        st = wit_error_set(err, WIT_EUNSUPPORTED,
                           "%s is an export as '%.*s'; only webdataset and metadata are described",
                           d->folder, WIT_STR_FMT(to));
    }
    wit_json_destroy(head);
    return st;
}

static int export_describe(struct described *d, const char *folder, struct wit_hash128 hash,
                           struct wit_error *err) {
    struct wit_strings names = { NULL, 0 };
    const char *suffix = "";
    d->folder = folder;
    int st = export_check(d, hash, &suffix, err);
    if (st >= 0)
        st = wit_dir_list(folder, &names, err);
    for (size_t i = 0; i < names.count && st >= 0; i++)
        if (wit_str_ends_with(wit_str_from(names.items[i]), wit_str_from(suffix)))
            st = file_add(d, names.items[i], err);
    wit_strings_finish(&names);
    return st;
}

/* ---- writing -------------------------------------------------------------------------------- */

static int page_write(const char *folder, const char *name, struct wit_str text, bool anew,
                      struct wit_error *err) {
    char path[WIT_PATH_MAX];
    if (wit_path_join(path, folder, name) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", folder);
    if (!anew && wit_file_exists(path)) {
        fprintf(stderr, "wit shards: %s is there already and stays; --force writes it anew\n", path);
        return 0;
    }
    int st = wit_file_write_atomic(path, text, err);
    if (st >= 0)
        printf("%s\n", path);
    return st;
}

static int pages_write(const struct options *o, const struct card_facts *facts,
                       const struct described *d, struct wit_error *err) {
    struct wit_buf croissant = WIT_BUF_INIT(PAGE_MAX_BYTES), readme = WIT_BUF_INIT(PAGE_MAX_BYTES);
    int st =
        card_croissant(facts, &o->words, d->layout, d->files, d->count, &croissant, err);
    if (st >= 0)
        st = card_readme(facts, &o->words, d->layout, &readme, err);
    if (st >= 0)
        st = page_write(d->folder, "croissant.json", wit_buf_view(&croissant), true, err);
    if (st >= 0)
        st = page_write(d->folder, "README.md", wit_buf_view(&readme), o->force, err);
    wit_buf_finish(&croissant);
    wit_buf_finish(&readme);
    return st;
}

/* ---- the command ---------------------------------------------------------------------------- */

static const struct option longs[] = {
    { "export", required_argument, NULL, 'e' },
    { "name", required_argument, NULL, 'n' },
    { "description", required_argument, NULL, 'd' },
    { "license", required_argument, NULL, 'l' },
    { "url", required_argument, NULL, 'u' },
    { "creator", required_argument, NULL, 'c' },
    { "version", required_argument, NULL, 'v' },
    { "force", no_argument, NULL, 'f' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int option_take(int opt, struct options *o) {
    switch (opt) {
    case 'e':
        o->export = optarg;
        return CLI_DONE;
    case 'n':
        o->words.name = optarg;
        return CLI_DONE;
    case 'd':
        o->words.description = optarg;
        return CLI_DONE;
    case 'l':
        o->words.license = optarg;
        return CLI_DONE;
    case 'u':
        o->words.url = optarg;
        return CLI_DONE;
    case 'c':
        o->words.creator = optarg;
        return CLI_DONE;
    case 'v':
        o->words.version = optarg;
        return CLI_DONE;
    case 'f':
        o->force = true;
        return CLI_DONE;
    case 'h':
        o->helped = true;
        return cli_write_stdout("shards", WIT_STR(help));
    default:
        return CLI_USAGE;
    }
}

/* The last part of DIR's real path. */
static void name_find(struct options *o) {
    const char *slash = realpath(o->dir, o->name) ? strrchr(o->name, '/') : NULL;
    o->words.name = slash && slash[1] ? slash + 1 : "dataset";
}

static int options_parse(int argc, char **argv, struct options *o) {
    int code = CLI_DONE;
    optind = 1;
    for (int opt;
         code == CLI_DONE && !o->helped && (opt = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        code = option_take(opt, o);
    if (code != CLI_DONE || o->helped)
        return code;
    if (argc - optind != 1)
        return cli_usage_error("shards", "'card' takes one dataset");
    o->dir = argv[optind];
    if (!o->words.name || !*o->words.name)
        name_find(o);
    return CLI_DONE;
}

int cmd_shards_card(int argc, char **argv) {
    struct options o = { .dir = NULL };
    struct wit_error err = WIT_ERROR_INIT;
    struct described d = { .folder = NULL };
    struct wit_progress progress;
    struct card_facts facts;
    int code = options_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    cli_catch_interrupts();
    wit_progress_start(&progress, "card", "shards", 0, false);
    int st = card_facts_gather(o.dir, cli_interrupt_flag(), &progress, &facts, &err);
    wit_progress_finish(&progress, NULL);
    if (st >= 0)
        st = o.export ? export_describe(&d, o.export, facts.hash, &err)
                      : shards_describe(&d, o.dir, &err);
    if (st >= 0)
        st = pages_write(&o, &facts, &d, &err);
    card_facts_finish(&facts);
    free(d.files);
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    return st < 0 ? cli_fail("shards", &err) : flushed;
}
