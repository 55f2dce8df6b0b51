/* cmd_shards_remove.h: the verbs of `wit shards` that take out what may not stay. */
#ifndef WIT_CMD_SHARDS_REMOVE_H
#define WIT_CMD_SHARDS_REMOVE_H

/* argv[0] is the verb. The exit code. */
int cmd_shards_remove(int argc, char **argv);
int cmd_shards_removed(int argc, char **argv);
int cmd_shards_restore(int argc, char **argv);
int cmd_shards_purge(int argc, char **argv);

#endif
