/* kernels.c: the list of backends. */
#include "kernels.h"

static const struct kernels *const backends[] = {
    &kernels_ref,
    &kernels_cpu,

};

const struct kernels *kernels_at(size_t index) {
    return index < WIT_COUNT_OF(backends) ? backends[index] : NULL;
}

const struct kernels *kernels_find(const char *name) {
    for (size_t i = 0; i < WIT_COUNT_OF(backends); i++) {
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    }
    return NULL;
}
