/* cmd_shards_import.h: verbs of `wit shards` that have a file of their own. */
#ifndef WIT_CMD_SHARDS_IMPORT_H
#define WIT_CMD_SHARDS_IMPORT_H

/* `wit shards import SRC... --out DIR ...`: argv[0] is "import"; `wit shards index TAR... --out
 * DIR ...`: "index". */
int cmd_shards_import(int argc, char **argv);

#endif
