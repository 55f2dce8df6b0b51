/* wit shards remove, removed, restore, purge: what may not stay, and the record of it. */
#include "cmd_shards_remove.h"
#include "cli.h"
#include "json_line.h"
#include "removal_list.h"
#include "wit_shards_merge.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static const char help_remove[] =
    "usage: wit shards remove DIR --reason TEXT [--note TEXT] [--key K] [--keys FILE]\n"
    "                         [--url U] [--urls FILE] [--domain D] [--caption TEXT]\n"
    "                         [--caption-fold TEXT] [--opt-out FILE] [--dry-run]\n"
    "                         [--threads N] [--json]\n"
    "       wit shards remove DIR [--dry-run] [--json]\n"
    "\n"
    "Takes samples and captions out of a dataset and keeps them out: no crawl, seal or merge\n"
    "brings them back. A sample goes when its key is named or all its URLs are; it loses the\n"
    "captions of URLs that are named and those that match, and goes when none is left. The\n"
    "request is noted in DIR/removed.log first; the same command again ends an interrupted one.\n"
    "Readers see it at once; bytes leave the disk with 'wit shards purge'. Without names,\n"
    "everything that was ever asked for is carried out again.\n"
    "\n"
    "  --reason TEXT    why; stands in the log\n"
    "  --note TEXT      who asked, a ticket; stands in the log\n"
    "  --key K          a sample, by its key of 32 hex digits; repeatable, as those below\n"
    "  --keys FILE      a key a line; - is stdin; blank lines and those with # are skipped\n"
    "  --url U          an image's URL, as found or as redirects led there\n"
    "  --urls FILE      a URL a line\n"
    "  --domain D       images of this host and all below it\n"
    "  --caption TEXT   captions that hold TEXT, byte by byte\n"
    "  --caption-fold TEXT  the same, A to Z and a to z alike\n"
    "  --opt-out FILE   lines of URLs, domains (*.example.com too), key:HEX, sha256:HEX, "
    "sha1:HEX,\n"
    "                   md5:HEX; for digests all images are read\n"
    "  --dry-run        say what would go\n"
    "  --threads N      default: one per core\n"
    "  --json           one JSON object\n"
    "  --help           this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 3 a FILE can't be read, nothing was done\n"
    "      | 130 interrupted, resumable\n";

static const char help_removed[] =
    "usage: wit shards removed DIR [--json]\n"
    "\n"
    "What was asked to be removed from a dataset, what was lifted, and what each changed.\n"
    "\n"
    "  --json   one JSON object an entry, with everything that it names\n"
    "  --help   this page\n";

static const char help_restore[] =
    "usage: wit shards restore DIR --entry N --reason TEXT [--note TEXT]\n"
    "\n"
    "Lifts request N of 'wit shards removed': what it names may come back. The next seal brings\n"
    "back what DIR/collect still has; what was purged there has to be crawled again. The request\n"
    "and its lifting stay in the log.\n"
    "\n"
    "  --entry N      the request\n"
    "  --reason TEXT  why\n"
    "  --note TEXT    who asked, a ticket\n"
    "  --help         this page\n";

static const char help_purge[] =
    "usage: wit shards purge DIR [--threads N] [--json]\n"
    "\n"
    "Gets the bytes of what was removed off the disk: shards with hidden records are written\n"
    "anew (as 'wit shards compact --purge' does), and so is DIR/collect, without what was\n"
    "removed. Needs the room of what is written. The same command again ends an interrupted one.\n"
    "\n"
    "  --threads N  default: one per core\n"
    "  --json       one JSON object\n"
    "  --help       this page\n";

/* A request as JSON, longer than it is in the log. */
#define LINE_MOST_BYTES (2 * WIT_SHARDS_REMOVED_MAX_BYTES)

/* ---- options --------------------------------------------------------------------------------- */

struct options {
    const char *dir, *reason, *note;
    struct removal_list *list;
    uint64_t threads, entry;
    size_t names; /* options that name something */
    bool dry_run, json, helped;
};

static const struct option longs[] = {
    { "reason", required_argument, NULL, 'r' },
    { "note", required_argument, NULL, 'n' },
    { "key", required_argument, NULL, 'k' },
    { "keys", required_argument, NULL, 'K' },
    { "url", required_argument, NULL, 'u' },
    { "urls", required_argument, NULL, 'U' },
    { "domain", required_argument, NULL, 'd' },
    { "caption", required_argument, NULL, 'c' },
    { "caption-fold", required_argument, NULL, 'C' },
    { "opt-out", required_argument, NULL, 'o' },
    { "entry", required_argument, NULL, 'e' },
    { "dry-run", no_argument, NULL, 'D' },
    { "threads", required_argument, NULL, 't' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Something that is named, or a file of such. */
static int name_take(int opt, struct options *o) {
    struct wit_error err = WIT_ERROR_INIT;
    const struct wit_str text = wit_str_from(optarg);
    int st;
    o->names++;
    switch (opt) {
    case 'k':
        st = removal_list_add_key(o->list, text, &err);
        break;
    case 'u':
        st = removal_list_add_url(o->list, text, &err);
        break;
    case 'd':
        st = removal_list_add_domain(o->list, text, &err);
        break;
    case 'c':
    case 'C':
        st = removal_list_add_caption(o->list, text, opt == 'C', &err);
        break;
    default:
        st = removal_list_add_file(o->list, optarg,
                                   opt == 'K'   ? removal_list_add_key
                                   : opt == 'U' ? removal_list_add_url
                                                : removal_list_add_any,
                                   &err);
        if (st == WIT_ENOTFOUND || st == WIT_EIO) {
            (void)cli_fail("shards", &err);
            return CLI_PARTIAL;
        }
    }
    if (st == WIT_EINVAL && strchr("ku", opt))
        return cli_usage_error("shards", "%s", err.text);
    return st < 0 ? cli_fail("shards", &err) : CLI_DONE;
}

static int option_take(const char *verb, const char *flags, const char *help, int opt, int which,
                       struct options *o) {
    if (opt == '?')
        return CLI_USAGE;
    if (opt != 'h' && !strchr(flags, opt))
        return cli_usage_error("shards", "'%s' does not take --%s", verb, longs[which].name);
    switch (opt) {
    case 'r':
        o->reason = optarg;
        return CLI_DONE;
    case 'n':
        o->note = optarg;
        return CLI_DONE;
    case 'D':
        o->dry_run = true;
        return CLI_DONE;
    case 'j':
        o->json = true;
        return CLI_DONE;
    case 'e':
        return cli_parse_u64("shards", "--entry", optarg, 1, INT64_MAX, &o->entry);
    case 't':
        return cli_parse_u64("shards", "--threads", optarg, 1, 256, &o->threads);
    case 'h':
        o->helped = true;
        return cli_write_stdout("shards", wit_str_from(help));
    default:
        return name_take(opt, o);
    }
}

static int options_parse(int argc, char **argv, const char *flags, const char *help,
                         struct options *o) {
    int code = CLI_DONE, which = 0;
    optind = 1;
    for (int opt; code == CLI_DONE && !o->helped &&
                  (opt = getopt_long(argc, argv, "", longs, &which)) != -1;)
        code = option_take(argv[0], flags, help, opt, which, o);
    if (code != CLI_DONE || o->helped)
        return code;
    if (argc - optind != 1)
        return cli_usage_error("shards", "'%s' takes one dataset", argv[0]);
    o->dir = argv[optind];
    return CLI_DONE;
}

static int finish(int st, const struct wit_error *err) {
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    return st < 0 ? cli_fail("shards", err) : flushed;
}

/* ---- remove ---------------------------------------------------------------------------------- */

static int remove_print_json(const struct options *o, const struct wit_shards_removal_report *r,
                             const struct removal_digests *d, struct wit_error *err) {
    struct json_line line;
    json_line_init(&line, LINE_MOST_BYTES);
    json_line_begin(&line, "wit.shards.remove/1");
    json_line_bool(&line, "dry_run", o->dry_run);
    json_line_count(&line, "entry", r->entry);
    json_line_count(&line, "items", r->items);
    json_line_count(&line, "known_items", r->known_items);
    json_line_count(&line, "digests", d->asked);
    json_line_count(&line, "digests_found", d->matched);
    json_line_count(&line, "samples", r->samples);
    json_line_count(&line, "pairs", r->pairs);
    json_line_count(&line, "changed_samples", r->changed_samples);
    json_line_count(&line, "unsure_pairs", r->unsure_pairs);
    json_line_count(&line, "samples_left", r->samples_left);
    json_line_count(&line, "pairs_left", r->pairs_left);
    json_line_key(&line, "hash_before", r->before);
    if (!o->dry_run)
        json_line_key(&line, "hash", r->after);
    json_line_bool(&line, "changed", r->changed);
    int st = json_line_end(&line, err);
    json_line_finish(&line);
    return st;
}

static void digests_print(const struct removal_digests *d) {
    if (d->asked == 0)
        return;
    printf("%" PRIu64 " of %" PRIu64 " digests are images of the dataset", d->matched, d->asked);
    if (d->matched < d->asked)
        fputs("; keep the others out with 'wit crawl --block-hashes'", stdout);
    if (d->not_as_fetched)
        printf("; %" PRIu64 " images are not stored as they came, and have no digest here",
               d->not_as_fetched);
    putchar('\n');
}

static void remove_print(const struct options *o, const struct wit_shards_removal_report *r,
                         const struct removal_digests *d) {
    char hash[WIT_HASH128_HEX];
    digests_print(d);
    if (r->entry)
        printf("noted as entry %" PRIu64 ": %" PRIu64 " named", r->entry, r->items);
    else
        printf(o->dry_run ? "would note %" PRIu64 " named" : "%" PRIu64 " named", r->items);
    if (r->known_items)
        printf(", %" PRIu64 " named before", r->known_items);
    printf("\n%" PRIu64 " samples and %" PRIu64 " pairs %s; %" PRIu64
           " samples stay with fewer captions or places; %" PRIu64 " samples, %" PRIu64
           " pairs are left\n",
           r->samples, r->pairs, o->dry_run ? "would go" : "went", r->changed_samples,
           r->samples_left, r->pairs_left);
    if (r->unsure_pairs)
        printf("%" PRIu64 " of the pairs may have been seen elsewhere too: their places are not "
               "listed; the next seal brings those back\n",
               r->unsure_pairs);
    if (o->dry_run || (!r->after.hi && !r->after.lo))
        return;
    wit_hash128_to_hex(r->after, hash);
    printf("%s%s\n", hash,
           r->changed ? "; the bytes stay on the disk until 'wit shards purge'"
                      : "  nothing changed");
}

static int removal_check(const struct options *o) {
    if (o->names && !o->reason)
        return cli_usage_error("shards", "remove needs --reason: it stands in the log");
    if (!o->names && (o->reason || o->note))
        return cli_usage_error("shards", "remove names nothing: see --key, --url, --domain, "
                                         "--caption, --opt-out");
    return CLI_DONE;
}

static int removal_do(const struct options *o) {
    struct wit_shards_remove_config cfg = wit_shards_remove_config_default();
    struct wit_shards_removal_report report = { .changed = false };
    struct removal_digests digests = { .asked = 0 };
    struct wit_error err = WIT_ERROR_INIT;
    cfg.threads = (unsigned)o->threads;
    cfg.dry_run = o->dry_run;
    cfg.interrupt = cli_interrupt_flag();
    int st = removal_list_resolve(o->list, o->dir, cfg.interrupt, &digests, &err);
    struct wit_shards_removal what = removal_list_request(o->list);
    what.reason = wit_str_from(o->reason ? o->reason : "");
    what.note = wit_str_from(o->note ? o->note : "");
    const bool is_unknown =
        digests.asked && o->names &&
        what.key_count + what.url_count + what.domain_count + what.caption_count == 0;
    if (st >= 0 && !is_unknown)
        st = wit_shards_remove(o->dir, o->names ? &what : NULL, &cfg, &report, &err);
    if (st == WIT_EINVAL)
        return cli_usage_error("shards", "%s", err.text);
    if (st >= 0 && o->json)
        st = remove_print_json(o, &report, &digests, &err);
    else if (st >= 0 && is_unknown) /* nothing here has those digests */
        digests_print(&digests);
    else if (st >= 0)
        remove_print(o, &report, &digests);
    return finish(st, &err);
}

int cmd_shards_remove(int argc, char **argv) {
    struct options o = { .dir = NULL };
    struct wit_error err = WIT_ERROR_INIT;
    if (removal_list_create(&o.list, &err) < 0)
        return cli_fail("shards", &err);
    int code = options_parse(argc, argv, "rnkKuUdcCoDtj", help_remove, &o);
    if (code == CLI_DONE && !o.helped)
        code = removal_check(&o);
    if (code == CLI_DONE && !o.helped) {
        cli_catch_interrupts();
        code = removal_do(&o);
    }
    removal_list_destroy(o.list);
    return code;
}

/* ---- removed --------------------------------------------------------------------------------- */

static void put_strings(struct wit_json_writer *w, const char *name, const struct wit_str *s,
                        size_t count) {
    wit_json_key(w, name);
    wit_json_array_begin(w);
    for (size_t i = 0; i < count; i++)
        wit_json_put_str(w, s[i]);
    wit_json_array_end(w);
}

static void put_named(struct wit_json_writer *w, const struct wit_shards_removal *r) {
    char hex[WIT_HASH128_HEX];
    wit_json_key(w, "keys");
    wit_json_array_begin(w);
    for (size_t i = 0; i < r->key_count; i++) {
        wit_hash128_to_hex(r->keys[i], hex);
        wit_json_put_cstr(w, hex);
    }
    wit_json_array_end(w);
    put_strings(w, "urls", r->urls, r->url_count);
    put_strings(w, "domains", r->domains, r->domain_count);
    wit_json_key(w, "captions");
    wit_json_array_begin(w);
    for (size_t i = 0; i < r->caption_count; i++) {
        wit_json_object_begin(w);
        wit_json_key(w, "text");
        wit_json_put_str(w, r->captions[i].text);
        wit_json_key(w, "fold_case");
        wit_json_put_bool(w, r->captions[i].fold_case);
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}

static const char *kind_name(enum wit_shards_removed_kind kind) {
    static const char *const names[] = { "", "request", "lift", "change", "done" };
    return names[kind];
}

static int entry_print_json(const struct wit_shards_removed_entry *e, struct wit_error *err) {
    struct json_line line;
    json_line_init(&line, LINE_MOST_BYTES);
    json_line_begin(&line, "wit.shards.removed/1");
    json_line_count(&line, "entry", e->number);
    json_line_text(&line, "kind", kind_name(e->kind));
    wit_json_key(&line.json, "at_s");
    wit_json_put_int(&line.json, e->at_s);
    if (e->kind == WIT_SHARDS_REMOVED_REQUEST || e->kind == WIT_SHARDS_REMOVED_LIFT) {
        wit_json_key(&line.json, "reason");
        wit_json_put_str(&line.json, e->what.reason);
        wit_json_key(&line.json, "note");
        wit_json_put_str(&line.json, e->what.note);
    }
    if (e->kind == WIT_SHARDS_REMOVED_REQUEST) {
        put_named(&line.json, &e->what);
        json_line_count(&line, "done_by", e->done_by);
        json_line_count(&line, "lifted_by", e->lifted_by);
        if (e->from.hi || e->from.lo)
            json_line_key(&line, "from", e->from);
    } else if (e->kind == WIT_SHARDS_REMOVED_CHANGE) {
        wit_json_key(&line.json, "requests");
        wit_json_array_begin(&line.json);
        for (size_t i = 0; i < e->request_count; i++)
            wit_json_put_u64(&line.json, e->requests[i]);
        wit_json_array_end(&line.json);
        json_line_count(&line, "samples", e->samples);
        json_line_count(&line, "pairs", e->pairs);
        json_line_key(&line, "before", e->before);
        json_line_key(&line, "after", e->after);
    } else {
        json_line_count(&line, "refers", e->refers);
    }
    int st = json_line_end(&line, err);
    json_line_finish(&line);
    return st;
}

static void change_print(const struct wit_shards_removed_entry *e) {
    char before[WIT_HASH128_HEX], after[WIT_HASH128_HEX];
    wit_hash128_to_hex(e->before, before);
    wit_hash128_to_hex(e->after, after);
    printf("change for");
    for (size_t i = 0; i < e->request_count; i++)
        printf("%s %" PRIu64, i ? "," : "", e->requests[i]);
    printf(": %" PRIu64 " samples, %" PRIu64 " pairs; %s -> %s\n", e->samples, e->pairs, before,
           after);
}

static void entry_print(const struct wit_shards_removed_entry *e) {
    const struct wit_shards_removal *r = &e->what;
    char when[32] = "";
    const time_t at = (time_t)e->at_s;
    struct tm utc;
    if (gmtime_r(&at, &utc))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &utc);
    printf("%6" PRIu64 "  %s  ", e->number, when);
    switch (e->kind) {
    case WIT_SHARDS_REMOVED_REQUEST:
        printf("request: %zu keys, %zu URLs, %zu domains, %zu patterns; %s%s; \"%.*s\"",
               r->key_count, r->url_count, r->domain_count, r->caption_count,
               e->done_by ? "done" : "not done yet", e->lifted_by ? ", lifted" : "",
               WIT_STR_FMT(r->reason));
        printf(r->note.len ? " (%.*s)\n" : "%.*s\n", WIT_STR_FMT(r->note));
        return;
    case WIT_SHARDS_REMOVED_LIFT:
        printf("entry %" PRIu64 " lifted; \"%.*s\"\n", e->refers, WIT_STR_FMT(r->reason));
        return;
    case WIT_SHARDS_REMOVED_CHANGE:
        change_print(e);
        return;
    case WIT_SHARDS_REMOVED_DONE:
        printf("change %" PRIu64 " done\n", e->refers);
    }
}

int cmd_shards_removed(int argc, char **argv) {
    struct options o = { .dir = NULL };
    struct wit_shards_removed *removed = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, "j", help_removed, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    int st = wit_file_exists(o.dir)
                 ? wit_shards_removed_open(o.dir, &removed, &err)
                 : wit_error_set(&err, WIT_ENOTFOUND, "there is no dataset %s", o.dir);
    for (size_t i = 0; st >= 0 && i < wit_shards_removed_entries(removed); i++) {
        const struct wit_shards_removed_entry *e = wit_shards_removed_entry(removed, i);
        if (o.json)
            st = entry_print_json(e, &err);
        else
            entry_print(e);
    }
    wit_shards_removed_close(removed);
    return finish(st, &err);
}

/* ---- restore --------------------------------------------------------------------------------- */

int cmd_shards_restore(int argc, char **argv) {
    struct options o = { .dir = NULL };
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, "ern", help_restore, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    if (!o.entry || !o.reason)
        return cli_usage_error("shards", "restore needs --entry and --reason");
    int st = wit_shards_removed_lift(o.dir, o.entry, wit_str_from(o.reason),
                                     wit_str_from(o.note ? o.note : ""), &err);
    if (st >= 0)
        printf("entry %" PRIu64 " is lifted; the next seal brings back what %s/collect has\n",
               o.entry, o.dir);
    return finish(st, &err);
}

/* ---- purge ----------------------------------------------------------------------------------- */

static int purge_print(const struct options *o, const struct wit_shards_compacted *shards,
                       const struct wit_shards_purge_report *logs, struct wit_error *err) {
    struct json_line line;
    if (!o->json) {
        printf("%" PRIu64 " records left the shards; %" PRIu64 " images of %" PRIu64
               " bytes and %" PRIu64 " places left %s/collect\n",
               shards->hidden_gone, logs->images, logs->image_bytes, logs->candidates, o->dir);
        return 0;
    }
    json_line_init(&line, LINE_MOST_BYTES);
    json_line_begin(&line, "wit.shards.purge/1");
    json_line_count(&line, "records", shards->hidden_gone);
    json_line_count(&line, "images", logs->images);
    json_line_count(&line, "image_bytes", logs->image_bytes);
    json_line_count(&line, "candidates", logs->candidates);
    int st = json_line_end(&line, err);
    json_line_finish(&line);
    return st;
}

int cmd_shards_purge(int argc, char **argv) {
    struct options o = { .dir = NULL };
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_remove_config remove = wit_shards_remove_config_default();
    struct wit_shards_removal_report report;
    struct wit_shards_compacted shards = { .shards_gone = 0 };
    struct wit_shards_purge_report logs;
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, "tj", help_purge, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    cli_catch_interrupts();
    cfg.make.threads = remove.threads = (unsigned)o.threads;
    cfg.make.interrupt = remove.interrupt = cli_interrupt_flag();
    cfg.make.tool = WIT_STR("wit " WIT_VERSION);
    cfg.purge = true;
    /* What was asked for and not carried out would keep its bytes. */
    int st = wit_shards_remove(o.dir, NULL, &remove, &report, &err);
    if (st >= 0 && (report.before.hi || report.before.lo))
        st = wit_shards_compact(o.dir, &cfg, &shards, &err);
    if (st >= 0)
        st = wit_shards_collect_purge(o.dir, cfg.make.interrupt, &logs, &err);
    if (st >= 0)
        st = purge_print(&o, &shards, &logs, &err);
    return finish(st, &err);
}
