/* wit crawl */
#include "cli.h"

int cmd_crawl(int argc, char **argv) {
    return cli_usage_error("crawl", "not built yet");
}
