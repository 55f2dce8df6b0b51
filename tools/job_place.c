/* job_place.c: see job_place.h. libcyaml tells places only of what it minds itself, so the text is
 * gone through by libyaml, which it reads with. */
#include "job_place.h"

#include <yaml.h>

struct walk {
    yaml_parser_t parser;
    const char *key; /* what is left of it */
    unsigned index;
    uint64_t line;
};

static bool event_next(struct walk *w, yaml_event_t *event) {
    return yaml_parser_parse(&w->parser, event) && event->type != YAML_STREAM_END_EVENT;
}

/* Past the rest of what began with the event. */
static bool value_skip(struct walk *w, yaml_event_type_t began) {
    int depth = began == YAML_MAPPING_START_EVENT || began == YAML_SEQUENCE_START_EVENT;
    bool more = true;
    while (depth && more) {
        yaml_event_t event;
        more = event_next(w, &event);
        if (more) {
            depth +=
                event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT;
            depth -= event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
            yaml_event_delete(&event);
        }
    }
    return more;
}

/* The event is the beginning of a mapping's key, or not: is it the next of ours? Then that much of
 * ours is done. */
static bool key_take(struct walk *w, const yaml_event_t *event) {
    size_t len = strcspn(w->key, ".");
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.length != len ||
        memcmp(event->data.scalar.value, w->key, len) != 0)
        return false;
    w->key += len + (w->key[len] == '.');
    return true;
}

/* One step into what the event begins, or past it; false: there is nothing more to look at. */
static bool step(struct walk *w, yaml_event_type_t *in, const yaml_event_t *event) {
    yaml_event_t value;
    if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT)
        return false;
    if (*in == YAML_SEQUENCE_START_EVENT) {
        if (w->index--)
            return value_skip(w, event->type);
        *in = event->type;
        return true;
    }
    if (*in != YAML_MAPPING_START_EVENT) { /* the text, the document, the outermost mapping */
        *in = event->type;
        return event->type != YAML_SCALAR_EVENT;
    }
    bool ours = key_take(w, event);
    if (!value_skip(w, event->type) || !event_next(w, &value))
        return false;
    yaml_event_type_t began = value.type;
    if (ours && !*w->key)
        w->line = value.start_mark.line + 1;
    yaml_event_delete(&value);
    if (ours)
        *in = began;
    return ours ? *w->key && began != YAML_SCALAR_EVENT : value_skip(w, began);
}

uint64_t job_place_line(struct wit_str yaml, const char *key, unsigned index) {
    struct walk w = { .key = key, .index = index };
    yaml_event_type_t in = YAML_NO_EVENT;
    yaml_event_t event;
    if (!yaml_parser_initialize(&w.parser))
        return 0;
    yaml_parser_set_input_string(&w.parser, (const unsigned char *)yaml.data, yaml.len);
    for (bool more = true; more && event_next(&w, &event);) {
        more = step(&w, &in, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&w.parser);
    return w.line;
}
