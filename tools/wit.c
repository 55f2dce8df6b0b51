/* wit.c: the `wit` command: finds the noun and hands over. */
#include "cli.h"

#include <getopt.h>
#include <signal.h>
#include <unistd.h>

static const struct command {
    const char *name;
    cli_command_fn run;
    const char *about;
    bool long_job; /* outlives whoever reads what it prints */
} commands[] = {
    { "build", cmd_build, "the main job: crawl, filter, shards, train, from one YAML file", true },
    { "crawl", cmd_crawl,
      "collect image-text pairs from the web, lists, archives; status, outcomes", true },
    { "allowlist", cmd_allowlist, "build the list of queries that select pairs", false },
    { "filter", cmd_filter, "match captions against an allowlist", false },
    { "shards", cmd_shards,
      "look inside datasets: ls, show, stat, verify, diff; seal, merge, split", false },
    { "load", cmd_load, "what a trainer would see, and how fast; image", false },
    { "tokenizer", cmd_tokenizer, "encode captions as CLIP does", false },
    { "train", cmd_train, "train a CLIP model; check", true },
};

static void usage(FILE *to) {
    fputs("usage: wit <command> [verb] [options]\n\n", to);
    for (size_t i = 0; i < WIT_COUNT_OF(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].about);
    fputs("  help       this page, or 'wit help <command>'\n"
          "  version    the version of wit\n\n"
          "exit: 0 done | 1 failed | 2 bad usage | 3 done, something named could not be read | "
          "130 interrupted, resumable\n",
          to);
}

static const struct command *command_find(const char *name) {
    for (size_t i = 0; i < WIT_COUNT_OF(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        usage(stderr);
        return CLI_USAGE;
    }
    const char *first = argv[1];
    if (strcmp(first, "version") == 0 || strcmp(first, "--version") == 0) {
        printf("wit %s\n", WIT_VERSION);
        return CLI_DONE;
    }
    bool help =
        strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0;
    if (help && argc < 3) {
        usage(stdout);
        return CLI_DONE;
    }
    const struct command *cmd = command_find(help ? argv[2] : first);
    if (!cmd) {
        fprintf(stderr, "wit: there is no command '%s'; see 'wit help'\n", help ? argv[2] : first);
        return CLI_USAGE;
    }
    /* Into a closed pipe, `wit shards ls D | head` ends without a word, as other tools do. A job of
     * hours is not killed by it: there a closed stdout is an error with a sentence. */
    if (cmd->long_job)
        signal(SIGPIPE, SIG_IGN);
    optind = 1;
    if (help) {
        char name[32], flag[] = "--help";
        snprintf(name, sizeof name, "%s", cmd->name);
        char *help_argv[] = { name, flag, NULL };
        return cmd->run(2, help_argv);
    }
    return cmd->run(argc - 1, argv + 1);
}
