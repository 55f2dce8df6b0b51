/* cmd_shards_remake.h: the verbs of `wit shards` that make datasets of datasets, or compare them.
 */
#ifndef WIT_CMD_SHARDS_REMAKE_H
#define WIT_CMD_SHARDS_REMAKE_H

/* argv[0] is the verb. The exit code. */
int cmd_shards_merge(int argc, char **argv);
int cmd_shards_compact(int argc, char **argv);
int cmd_shards_split(int argc, char **argv);
int cmd_shards_diff(int argc, char **argv);

#endif
