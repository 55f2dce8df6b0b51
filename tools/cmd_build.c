/* wit build */
#include "cli.h"

int cmd_build(int argc, char **argv) {
    return cli_usage_error("build", "not built yet");
}
