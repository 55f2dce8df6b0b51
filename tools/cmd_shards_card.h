/* cmd_shards_card.h: a verb of `wit shards` that has a file of its own. */
#ifndef WIT_CMD_SHARDS_CARD_H
#define WIT_CMD_SHARDS_CARD_H

/* `wit shards card DIR ...`: argv[0] is "card". */
int cmd_shards_card(int argc, char **argv);

#endif
