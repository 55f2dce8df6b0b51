/* wit shards diff: what two datasets do not have in common. */
#include "cli.h"
#include "cli_line.h"
#include "cmd_shards_remake.h"
#include "wit_shards_merge.h"

#include <getopt.h>
#include <inttypes.h>

static const char help[] =
    "usage: wit shards diff A B [--totals] [--json]\n"
    "\n"
    "Compares two datasets by key, captions and hashes of images; image bytes are not read.\n"
    "\n"
    "  < KEY           only in A\n"
    "  > KEY           only in B\n"
    "  ! KEY captions  in both, with other captions; likewise image, or captions,image\n"
    "\n"
    "  --totals        the numbers alone\n"
    "  --json          a JSON object for each difference, and one at the end\n"
    "  --help          this page\n"
    "\n"
    "exit: 0 equal | 1 they differ | 2 bad usage | 3 one could not be read | 130 interrupted\n";

enum { DIFF_EQUAL = 0, DIFF_DIFFERENT = 1 };

struct showing {
    bool json, totals;
};

static const char *what_differs(const struct wit_shards_difference *d) {
    if (d->captions && d->image)
        return " captions,image";
    return d->captions ? " captions" : d->image ? " image" : "";
}

static int on_difference(void *user, const struct wit_shards_difference *d, struct wit_error *err) {
    const struct showing *s = user;
    char hex[WIT_HASH128_HEX];
    struct cli_line line;
    if (s->totals)
        return 0;
    if (!s->json) {
        wit_hash128_to_hex(d->key, hex);
        printf("%c %s%s\n", !d->in_b ? '<' : !d->in_a ? '>' : '!', hex, what_differs(d));
        return 0;
    }
    cli_line_begin(&line, "wit.shards.diff/1");
    cli_line_hash(&line, "key", d->key);
    cli_line_text(&line, "in", !d->in_b ? "a" : !d->in_a ? "b" : "both");
    cli_line_bool(&line, "captions", d->captions);
    cli_line_bool(&line, "image", d->image);
    cli_line_print(&line);
    return 0;
}

static void report_print(const struct showing *s, const struct wit_shards_diff_report *r) {
    struct cli_line line;
    if (!s->json) {
        printf("%" PRIu64 " samples only in the first, %" PRIu64 " only in the second, %" PRIu64
               " of both differ (%" PRIu64 " in captions, %" PRIu64 " in images), %" PRIu64
               " are the same\n",
               r->only_a, r->only_b, r->differ, r->captions, r->image, r->same);
        return;
    }
    cli_line_begin(&line, "wit.shards.diffed/1");
    cli_line_count(&line, "only_a", r->only_a);
    cli_line_count(&line, "only_b", r->only_b);
    cli_line_count(&line, "differ", r->differ);
    cli_line_count(&line, "captions", r->captions);
    cli_line_count(&line, "image", r->image);
    cli_line_count(&line, "same", r->same);
    cli_line_print(&line);
}

static const struct option longs[] = {
    { "totals", no_argument, NULL, 't' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

int cmd_shards_diff(int argc, char **argv) {
    struct showing s = { .json = false };
    struct wit_shards_diff_report r;
    struct wit_error err = WIT_ERROR_INIT;
    optind = 1;
    for (int opt; (opt = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (opt == 'h')
            return cli_write_stdout("shards", WIT_STR(help));
        if (opt == '?')
            return CLI_USAGE;
        s.json |= opt == 'j';
        s.totals |= opt == 't';
    }
    if (argc - optind != 2)
        return cli_usage_error("shards", "'diff' takes two datasets");
    cli_catch_interrupts();
    int st = wit_shards_diff(argv[optind], argv[optind + 1], on_difference, &s,
                             cli_interrupt_flag(), &r, &err);
    if (st == 0)
        report_print(&s, &r);
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    if (st < 0) { /* 1 says that they differ, so a failure has to be another number */
        int code = cli_fail("shards", &err);
        return code == CLI_FAILED ? CLI_PARTIAL : code;
    }
    if (flushed != CLI_DONE)
        return CLI_PARTIAL;
    return r.only_a || r.only_b || r.differ ? DIFF_DIFFERENT : DIFF_EQUAL;
}
