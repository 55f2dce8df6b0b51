/* Fuzz target: any bytes as a model's configuration; what is accepted is within the ceilings and
 * its table of parameters can be made. */
#include "model.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_json *root = NULL;
    struct wit_trainer_model shape;
    struct model m;
    if (wit_json_parse(wit_str_of(data, size), "input", &root, NULL) < 0)
        return 0;
    if (wit_trainer_model_parse(root, "input", &shape, NULL) == 0 &&
        model_create(&shape, &m, NULL) == 0) {
        if (m.slab > MODEL_MAX_PARAMETERS || m.numbers > m.slab)
            __builtin_trap();
        model_finish(&m);
    }
    wit_json_destroy(root);
    return 0;
}
