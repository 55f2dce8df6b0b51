/* wit train */
#include "cli.h"

int cmd_train(int argc, char **argv) {
    return cli_usage_error("train", "not built yet");
}
