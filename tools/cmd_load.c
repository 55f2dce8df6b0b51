/* wit load */
#include "cli.h"

int cmd_load(int argc, char **argv) {
    return cli_usage_error("load", "not built yet");
}
