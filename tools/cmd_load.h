/* cmd_load.h: the verbs of `wit load` that have files of their own. */
#ifndef WIT_CMD_LOAD_H
#define WIT_CMD_LOAD_H

#include "wit_loader.h"

/* `wit load image F ...`: argv[0] is "image". */
int cmd_load_image(int argc, char **argv);

/* "12.1", "12.3" or "13.0"; 0 or CLI_USAGE after printing. */
int load_parse_pillow(const char *text, enum wit_image_pillow *out);

#endif
