/* wit crawl: collect image-text pairs from seed pages. The verbs are in cmd_crawl_verbs.c. */
#include "cmd_crawl_verbs.h"
#include "crawl_run.h"

#include <getopt.h>
#include <inttypes.h>

/* A literal may have 4,095 bytes. */
static const char *const help[] = {
    "usage: wit crawl --seeds FILE... --out DIR [options]\n"
    "       wit crawl --list FILE... --out DIR [options]\n"
    "       wit crawl --warc FILE... --wat FILE... --out DIR [options]\n"
    "       wit crawl status | pause | resume | outcomes | refused DIR\n"
    "       wit crawl url | robots | extract | archive ...   (see wit crawl url --help)\n"
    "\n"
    "Follow links from the seeds within the scope, obey robots.txt, take pairs of image and words\n"
    "out of the pages and fetch the images into DIR/collect. Run again it goes on. 'wit shards\n"
    "seal DIR' makes a dataset of it; 'wit build' does both and balances.\n"
    "\n",
    "What to read\n"
    "  --seeds FILE        a URL a line; - is standard input; may be repeated\n"
    "  --scope PREFIX      pages begin with it; may be repeated (default: the seeds' domains)\n"
    "  --no-sitemaps       don't ask for the sitemaps that a robots.txt names, read pages only\n"
    "  --list FILE         a list of image URLs, or a folder of them: .txt .csv .tsv .jsonl\n"
    "                      .json, each also .gz; may be repeated\n"
    "  --list-format F     txt, csv, tsv, jsonl, json, parquet or wit (default:\n"
    "                      by the name)\n"
    "  --url-col C         column of the list with the URL (default url)\n"
    "  --caption-col C     column with words; may be repeated (default: none)\n"
    "  --keep-cols C,C     further columns to keep with the pair\n"
    "  --wit-captions W,W  captions of the wit format: reference, attribution, alt, context,\n"
    "                      section (default the first three)\n"
    "  --lang L,L          languages of the wit format (default: all)\n"
    "  --need-caption      leave out rows without words\n"
    "  --verify-hash C:T   column with the md5, sha1, sha256 or sha512 of the image\n"
    "  --warc FILE         pages that were fetched before, plain or gzip; may be repeated\n"
    "  --wat FILE          what such pages hold, as Common Crawl has it; may be repeated\n"
    "\n",
    "What to keep\n"
    "  --out DIR           the directory; made if absent\n"
    "  --allowlist F       ask only for images whose words match an entry\n"
    "  --per-query N       pairs wanted for each entry (default 20000)\n"
    "  --seed N            of the draw (default 0)\n"
    "\n",
    "Manners\n"
    "  --user-agent NAME   product token that robots.txt is asked for (default witbot)\n"
    "  --contact URL       a page that tells site owners who you are\n"
    "  --delay-ms N        between two requests to a domain (default 1000)\n"
    "  --concurrency N     requests to a domain at one time (default 1)\n"
    "  --ip-delay-ms N     between two requests to one address (default 100)\n"
    "  --max-rate N        requests a second, all together (default 0: no limit)\n"
    "  --max-bandwidth N   bytes a second, all together (default 0: no limit)\n"
    "  --host H:MS:N       delay and concurrency of one domain, which is yours; may be repeated\n"
    "  --max-rests N       rests after which a domain is given up (default 6; 0: never)\n"
    "  --obey-agents LIST  obey what robots.txt says to these agents too, such as\n"
    "                      CCBot,GPTBot; 'ai' is a list of those that collect for training\n"
    "  --ignore LIST       signals that you take upon yourself to ignore: robots,\n"
    "                      x-robots-tag, meta, tdm, aipref, content-signal\n"
    "\n",
    "Network and limits\n"
    "  --allow-net CIDR    addresses that may be asked though they are special, such as\n"
    "                      127.0.0.0/8; may be repeated\n"
    "  --dns SERVERS       name servers, such as 192.0.2.53:53 (default: the system's)\n"
    "  --reactors N        event loops, a thread each (default 1)\n"
    "  --max-in-flight N   requests at one time (default 256)\n"
    "  --max-pages N       pages asked for, over all runs (default 0: no limit)\n"
    "  --max-depth N       links from a seed (default 1000)\n"
    "  --rounds            one depth after the other; where --max-pages cuts, the lowest URL "
    "hashes\n"
    "                      are asked for: a limited crawl of the same web finds the same\n"
    "  --max-pages-per-domain N  pages known of one domain, over all runs (default 1000000;\n"
    "                      0: no limit)\n"
    "  --max-barren-pages N  pages of a domain in a row without a new pair, then it is stopped\n"
    "                      (default 1000; 0: never)\n"
    "  --retries N         further tries of what may heal (default 2)\n"
    "\n",
    crawl_images_help,
    "Going on and looking\n"
    "  --retry-failed[=R]  ask again for what earlier runs refused: what may heal, or 'all', or\n"
    "                      reasons parted by commas\n"
    "  --metrics ADDR      serve numbers for Prometheus, such as at 127.0.0.1:9100\n"
    "  --json              the closing table as a JSON object, progress as JSON lines\n"
    "  --help              this page\n"
    "\n",
    "exit: 0 done | 1 failed | 2 bad usage | 3 done, but a seed, a list or a record of an archive\n"
    "      could not be read, or no page could\n"
    "      130 interrupted: the same command goes on\n",
};

struct options {
    struct crawl_run run;
    const char *allowlist;
    uint64_t per_query, seed;
    bool helped, has_seeds, has_draw;
};

/* "example.org:0:16"; an IPv6 address has brackets, so the last two colons part the numbers. */
static int host_parse(struct crawl_run *run, const char *text, struct wit_error *err) {
    char name[256];
    const char *last = strrchr(text, ':'), *middle = last;
    while (middle && middle > text && *--middle != ':')
        continue;
    uint64_t delay_ms, concurrency;
    if (!last || middle <= text || *middle != ':' || (size_t)(middle - text) >= sizeof name ||
        wit_str_to_u64(wit_str_of(middle + 1, (size_t)(last - middle) - 1), &delay_ms) < 0 ||
        wit_str_to_u64(wit_str_from(last + 1), &concurrency) < 0 || concurrency == 0 ||
        concurrency > 65536 || delay_ms > 86400000)
        return wit_error_set(err, WIT_EINVAL,
                             "--host '%s' is not DOMAIN:DELAY_MS:CONCURRENCY, such as "
                             "example.org:0:16",
                             text);
    snprintf(name, sizeof name, "%.*s", (int)(middle - text), text);
    return crawl_run_host(run, name, delay_ms, concurrency, err);
}

static int options_parse(int argc, char **argv, struct options *o, struct wit_error *err) {
    enum {
        SEEDS = 1,
        OUT,
        SCOPE,
        ALLOWLIST,
        AGENT,
        CONTACT,
        HOST,
        AGENTS,
        IGNORE,
        NET,
        DNS,
        NO_SITEMAPS,
        RETRY,
        METRICS,
        ROUNDS,
        ARCHIVE,
        JSON,
        HELP,
        NAMED,         /* HELP options, and a second name of one: what `longs` begins with */
        LISTS = NAMED, /* crawl_list_options */
        NUMBERS = LISTS + CRAWL_LIST_OPTIONS /* `numbers` below */
    };
    struct wit_crawler_config *cfg = &o->run.cfg;
    uint64_t delay = cfg->delay_ms, concurrency = cfg->concurrency, reactors = cfg->reactors,
             in_flight = cfg->max_in_flight, depth = cfg->max_depth, retries = cfg->retries,
             rests = cfg->max_rests, ip_delay = cfg->ip_delay_ms, rate = cfg->max_rate,
             barren = cfg->max_barren_pages;
    const struct {
        const char *name;
        uint64_t least, most, *value;
    } numbers[] = {
        { "per-query", 1, UINT64_C(1) << 40, &o->per_query },
        { "seed", 0, UINT64_MAX, &o->seed },
        { "delay-ms", 0, 86400000, &delay },
        { "concurrency", 1, 1024, &concurrency },
        { "reactors", 1, 256, &reactors },
        { "max-in-flight", 1, 65536, &in_flight },
        { "max-pages", 0, UINT64_MAX, &cfg->max_pages },
        { "max-depth", 0, 65535, &depth },
        { "max-pages-per-domain", 0, UINT64_MAX, &cfg->max_domain_pages },
        { "max-barren-pages", 0, UINT32_MAX, &barren },
        { "retries", 0, 100, &retries },
        { "max-rests", 0, 1000, &rests },
        { "ip-delay-ms", 0, 3600000, &ip_delay },
        { "max-rate", 0, 1000000, &rate },
        { "max-bandwidth", 0, UINT64_MAX, &cfg->max_bandwidth },
    };
    struct option longs[] = {
        { "seeds", required_argument, NULL, SEEDS },
        { "out", required_argument, NULL, OUT },
        { "scope", required_argument, NULL, SCOPE },
        { "allowlist", required_argument, NULL, ALLOWLIST },
        { "user-agent", required_argument, NULL, AGENT },
        { "contact", required_argument, NULL, CONTACT },
        { "host", required_argument, NULL, HOST },
        { "obey-agents", required_argument, NULL, AGENTS },
        { "ignore", required_argument, NULL, IGNORE },
        { "allow-net", required_argument, NULL, NET },
        { "dns", required_argument, NULL, DNS },
        { "no-sitemaps", no_argument, NULL, NO_SITEMAPS },
        { "retry-failed", optional_argument, NULL, RETRY },
        { "metrics", required_argument, NULL, METRICS },
        { "rounds", no_argument, NULL, ROUNDS },
        { "warc", required_argument, NULL, ARCHIVE },
        { "wat", required_argument, NULL, ARCHIVE }, /* the records say which it is */
        { "json", no_argument, NULL, JSON },
        { "help", no_argument, NULL, HELP },
        [NAMED + CRAWL_LIST_OPTIONS + CRAWL_IMAGES_OPTIONS + WIT_COUNT_OF(numbers)] = { NULL, 0,
                                                                                        NULL, 0 },
    };
    size_t count = NAMED;
    for (size_t i = 0; i < CRAWL_LIST_OPTIONS; i++)
        longs[count++] =
            (struct option){ crawl_list_options[i].name,
                             crawl_list_options[i].has_value ? required_argument : no_argument,
                             NULL, LISTS + (int)i };
    for (size_t i = 0; i < CRAWL_IMAGES_OPTIONS; i++)
        longs[count++] = crawl_images_longs[i];
    for (size_t i = 0; i < WIT_COUNT_OF(numbers); i++)
        longs[count++] =
            (struct option){ numbers[i].name, required_argument, NULL, NUMBERS + (int)i };
    int st = 0;
    for (int c; st >= 0 && (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c >= CRAWL_IMAGES_FIRST) {
            st = crawl_images_option(&o->run.images, cfg, c, optarg, err);
            continue;
        }
        switch (c) {
        case SEEDS:
            o->has_seeds = true;
            st = crawl_run_seed_file(&o->run, optarg, err);
            break;
        case OUT:
            cfg->dir = optarg;
            break;
        case SCOPE:
            st = crawl_run_scope(&o->run, optarg, err);
            break;
        case ALLOWLIST:
            o->allowlist = optarg;
            break;
        case AGENT:
            cfg->user_agent = optarg;
            break;
        case CONTACT:
            cfg->contact = optarg;
            break;
        case HOST:
            st = host_parse(&o->run, optarg, err);
            break;
        case AGENTS:
            st = crawl_run_obey_agents(&o->run, optarg, err);
            break;
        case IGNORE:
            st = wit_crawler_ignore_parse(wit_str_from(optarg), &cfg->ignore, err);
            break;
        case NET:
            st = crawl_run_allow_net(&o->run, optarg, err);
            break;
        case DNS:
            cfg->dns_servers = optarg;
            break;
        case NO_SITEMAPS:
            cfg->sitemaps = false;
            break;
        case RETRY:
            cfg->retry_failed = optarg ? optarg : "may-heal";
            break;
        case METRICS:
            o->run.metrics_address = optarg;
            break;
        case ROUNDS:
            cfg->rounds = true;
            break;
        case ARCHIVE:
            st = crawl_archive_add(&o->run.archive, optarg, err);
            break;
        case JSON:
            o->run.json = true;
            break;
        case HELP:
            o->helped = true;
            return cli_write_help("crawl", help, WIT_COUNT_OF(help));
        case '?':
            return cli_usage_error("crawl", "unknown option");
        default: {
            if (c < NUMBERS) {
                st = crawl_list_option(&o->run.list, (size_t)(c - LISTS), optarg, o->run.memory,
                                       err);
                break;
            }
            o->has_draw |= numbers[c - NUMBERS].value == &o->per_query ||
                           numbers[c - NUMBERS].value == &o->seed;
            char name[32];
            snprintf(name, sizeof name, "--%s", numbers[c - NUMBERS].name);
            if (cli_parse_u64("crawl", name, optarg, numbers[c - NUMBERS].least,
                              numbers[c - NUMBERS].most, numbers[c - NUMBERS].value) != CLI_DONE)
                return CLI_USAGE;
        }
        }
    }
    if (st < 0)
        return st == WIT_EINVAL || st == WIT_EFORMAT ? cli_usage_error("crawl", "%s", err->text)
                                                     : cli_fail("crawl", err);
    if (optind < argc)
        return cli_usage_error("crawl", "there is no verb or option '%s'", argv[optind]);
    bool has_list = o->run.list.names[CRAWL_LIST_FILES].count > 0;
    if (!cfg->dir || (!o->has_seeds && !has_list && o->run.archive.count == 0))
        return cli_usage_error("crawl", "--out and --seeds, --list, --warc or --wat are wanted");
    if (has_list && o->run.archive.count)
        return cli_usage_error("crawl", "--list and --warc or --wat are inputs of a run each");
    st = crawl_list_open(&o->run.list, err);
    if (st >= 0)
        st = crawl_archive_open(&o->run.archive, cfg, err);
    if (st < 0)
        return st == WIT_EINVAL ? cli_usage_error("crawl", "%s", err->text)
                                : cli_fail("crawl", err);
    if (o->has_draw && !o->allowlist)
        return cli_usage_error("crawl", "--per-query and --seed have no use without --allowlist");
    cfg->delay_ms = (uint32_t)delay;
    cfg->concurrency = (uint32_t)concurrency;
    cfg->reactors = (unsigned)reactors;
    cfg->max_in_flight = (uint32_t)in_flight;
    cfg->max_depth = (uint32_t)depth;
    cfg->retries = (uint32_t)retries;
    cfg->max_rests = (uint32_t)rests;
    cfg->ip_delay_ms = (uint32_t)ip_delay;
    cfg->max_rate = (uint32_t)rate;
    cfg->max_barren_pages = (uint32_t)barren;
    if (crawl_images_complete(&o->run.images, cfg, err) < 0 || crawl_run_check(&o->run, err) < 0)
        return cli_usage_error("crawl", "%s", err->text);
    return CLI_DONE;
}

static int report_write(const struct options *o, const struct wit_crawler_report *report,
                        const struct selection *selection) {
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    if (o->run.json) {
        struct wit_json_writer w;
        wit_json_writer_init(&w, &out);
        wit_json_object_begin(&w);
        wit_json_key(&w, "schema");
        wit_json_put_cstr(&w, "wit.crawl/1");
        crawl_report_put(report, selection, &w);
        wit_json_key(&w, "interrupted");
        wit_json_put_bool(&w, report->interrupted);
        wit_json_key(&w, "late_p50_ms");
        wit_json_put_u64(&w, report->late_p50_ms);
        wit_json_key(&w, "late_p99_ms");
        wit_json_put_u64(&w, report->late_p99_ms);
        wit_json_key(&w, "late_most_ms");
        wit_json_put_u64(&w, report->late_most_ms);
        wit_json_object_end(&w);
        wit_buf_append_byte(&out, '\n');
    } else {
        crawl_report_print(report, selection, &out);
        wit_buf_printf(&out, "collected    %s/collect\n", o->run.cfg.dir);
        if (report->interrupted)
            wit_buf_printf(&out, "interrupted  the same command goes on\n");
    }
    int code = cli_write_stdout("crawl", wit_buf_view(&out));
    wit_buf_finish(&out);
    return code;
}

static int crawl_main(struct options *o, struct wit_error *err) {
    struct wit_crawler_report report = WIT_CRAWLER_REPORT_INIT;
    struct selection selection;
    int code = CLI_FAILED;
    cli_catch_interrupts();
    struct selection_config cfg = selection_config_default();
    cfg.folder = o->run.cfg.dir;
    cfg.allowlist = o->allowlist;
    cfg.per_query = o->per_query;
    cfg.seed = o->seed;
    if (selection_open(&selection, &cfg, err) < 0)
        return cli_fail("crawl", err);
    int st = crawl_run(&o->run, &selection, &report, err);
    if (st >= 0 || report.interrupted)
        code = report_write(o, &report, &selection);
    if (st < 0)
        code = cli_fail("crawl", err);
    if (code == CLI_DONE && o->run.partial)
        code = CLI_PARTIAL;
    wit_crawler_report_finish(&report);
    selection_close(&selection);
    return code;
}

int cmd_crawl(int argc, char **argv) {
    cli_command_fn verb = cmd_crawl_verb_find(argc > 1 ? argv[1] : NULL);
    struct options o = { .per_query = 20000 };
    struct wit_error err = WIT_ERROR_INIT;
    if (verb)
        return verb(argc - 1, argv + 1);
    if (crawl_run_init(&o.run, "crawl", &err) < 0)
        return cli_fail("crawl", &err);
    int code = options_parse(argc, argv, &o, &err);
    if (code == CLI_DONE && !o.helped)
        code = crawl_main(&o, &err);
    crawl_run_finish(&o.run);
    return code;
}
