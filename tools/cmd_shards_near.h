/* cmd_shards_near.h: the verbs of `wit shards` that look for images that look the same. */
#ifndef WIT_CMD_SHARDS_NEAR_H
#define WIT_CMD_SHARDS_NEAR_H

#include "wit_shards_near.h"

/* 'd' --distance, 'q' --quality, 't' --threads into cfg; CLI_DONE, or CLI_USAGE after a sentence.
 */
int cli_near_option(int opt, const char *text, struct wit_shards_near_config *cfg);

/* `wit shards dups DIR... ...`: argv[0] is "dups". */
int cmd_shards_dups(int argc, char **argv);
/* `wit shards overlap DIR ...`: argv[0] is "overlap". */
int cmd_shards_overlap(int argc, char **argv);

#endif
