/* wit crawl */
#include "cli.h"
#include "cmd_crawl_verbs.h"

int cmd_crawl(int argc, char **argv) {
    cli_command_fn verb = cmd_crawl_verb_find(argc > 1 ? argv[1] : NULL);
    if (verb)
        return verb(argc - 1, argv + 1);
    return cli_usage_error("crawl", "not built yet");
}
