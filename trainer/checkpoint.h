/*
 * checkpoint.h: a run's state in a directory:
 *
 *     OUT/step-00000600/model.safetensors        parameters, open_clip's names
 *                       open_clip_config.json    the model's shape
 *                       optimizer.safetensors    AdamW's moments: "m/<name>", "v/<name>"
 *                       state.json               where the run stands and how it was set
 *
 * Written as OUT/.attempt-..., synced, renamed: a directory of this name is whole.
 */
#ifndef TRAINER_CHECKPOINT_H
#define TRAINER_CHECKPOINT_H

#include "trainer_state.h"

enum { CHECKPOINT_EDGE = 10, CHECKPOINT_HASH_MAX = 65 };

/* What a run is, and where it stands. */
struct checkpoint_state {
    /* The same in every checkpoint of a run. */
    char dataset_hash[CHECKPOINT_HASH_MAX];
    uint64_t batch, steps, warmup, seed;
    double lr, beta1, beta2, epsilon, weight_decay;
    /* As of this one. */
    uint64_t step, position;       /* steps done; stream position of the next batch */
    double first[CHECKPOINT_EDGE]; /* losses of the first steps */
    double last[CHECKPOINT_EDGE];  /* and of the last: of step s at s % CHECKPOINT_EDGE */
};

/* Save as the step that `state` names, then delete all but the newest `keep`. `path` gets the
 * checkpoint's directory. One that exists already stays as it is. */
int checkpoint_save(const char *out, const struct wit_trainer *t,
                    const struct checkpoint_state *state, unsigned keep, char path[WIT_PATH_MAX],
                    struct wit_error *err);
/* The newest, into t and state. 1; 0: there is none. The model's shape must be t's: WIT_EINVAL. */
int checkpoint_load_newest(const char *out, struct wit_trainer *t, struct checkpoint_state *state,
                           char path[WIT_PATH_MAX], struct wit_error *err);
/* Delete attempts that an earlier run left. */
int checkpoint_clean(const char *out, struct wit_error *err);

#endif
