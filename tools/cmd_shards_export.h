/* cmd_shards_export.h: the verbs of `wit shards` that have files of their own. */
#ifndef WIT_CMD_SHARDS_EXPORT_H
#define WIT_CMD_SHARDS_EXPORT_H

/* `wit shards export DIR ...`: argv[0] is "export". */
int cmd_shards_export(int argc, char **argv);
/* `wit shards repair DIR ...` */
int cmd_shards_repair(int argc, char **argv);

#endif
