/* wit shards */
#include "cli.h"

int cmd_shards(int argc, char **argv) {
    return cli_usage_error("shards", "not built yet");
}
