/* cmd_shards_export.h: the verb of `wit shards` that has a file of its own. */
#ifndef WIT_CMD_SHARDS_EXPORT_H
#define WIT_CMD_SHARDS_EXPORT_H

/* `wit shards export DIR ...`: argv[0] is "export". */
int cmd_shards_export(int argc, char **argv);

#endif
