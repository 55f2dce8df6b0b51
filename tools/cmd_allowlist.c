/* wit allowlist */
#include "cli.h"

int cmd_allowlist(int argc, char **argv) {
    return cli_usage_error("allowlist", "not built yet");
}
