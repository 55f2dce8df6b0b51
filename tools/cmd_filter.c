/* wit filter */
#include "cli.h"

int cmd_filter(int argc, char **argv) {
    return cli_usage_error("filter", "not built yet");
}
