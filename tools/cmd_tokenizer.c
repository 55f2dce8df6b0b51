/* wit tokenizer */
#include "cli.h"

int cmd_tokenizer(int argc, char **argv) {
    return cli_usage_error("tokenizer", "not built yet");
}
