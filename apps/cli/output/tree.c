/* tree.c - see tree.h. */
#include "cli/output/tree.h"

#include <string.h>

#include "cli/output/render.h"

static octavo_status fill(oc_cli_node *node, const oc_json_event *event, oc_arena *arena,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    node->type = event->type;
    node->number = event->number;
    if (event->type == OC_JSON_STRING || event->type == OC_JSON_NUMBER) {
        char *text = oc_arena_text(arena, event->text.data, event->text.length);
        if (!text) {
            OC_NO_MEMORY(error, event->text.length);
        }
        oc_cli_clean(text, true);
        node->text = text;
    }
done:
    return status;
}

octavo_status oc_cli_tree(const char *text, oc_arena *arena, const oc_cli_node **out,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_node *open = NULL; /* the container that is being filled */
    const char *key = NULL;
    oc_json json;
    oc_json_event event;
    *out = NULL;
    oc_json_open(&json, text, strlen(text), 0, 0);
    for (;;) {
        OC_TRY(oc_json_next(&json, &event, error));
        if (event.type == OC_JSON_END) {
            break;
        }
        if (event.type == OC_JSON_KEY) {
            key = oc_arena_text(arena, event.text.data, event.text.length);
            if (!key) {
                OC_NO_MEMORY(error, event.text.length);
            }
            continue;
        }
        if (event.type == OC_JSON_OBJECT_END || event.type == OC_JSON_ARRAY_END) {
            open = open ? open->parent : NULL;
            continue;
        }
        oc_cli_node *node = oc_arena_alloc(arena, sizeof *node);
        if (!node) {
            OC_NO_MEMORY(error, sizeof *node);
        }
        OC_TRY(fill(node, &event, arena, error));
        node->key = key;
        key = NULL;
        node->parent = open;
        if (!open) {
            *out = node;
        } else {
            *(open->last ? &open->last->next : &open->first) = node;
            open->last = node;
            open->count++;
        }
        if (event.type == OC_JSON_OBJECT_BEGIN || event.type == OC_JSON_ARRAY_BEGIN) {
            open = node;
        }
    }
done:
    oc_json_close(&json);
    return status;
}

const oc_cli_node *oc_cli_at(const oc_cli_node *node, const char *key) {
    if (!node || node->type != OC_JSON_OBJECT_BEGIN) {
        return NULL;
    }
    const oc_cli_node *child = node->first;
    while (child && strcmp(child->key, key) != 0) {
        child = child->next;
    }
    return child;
}

const char *oc_cli_text(const oc_cli_node *node, const char *key, const char *fallback) {
    const oc_cli_node *child = oc_cli_at(node, key);
    return child && child->type == OC_JSON_STRING ? child->text : fallback;
}

double oc_cli_number(const oc_cli_node *node, const char *key, double fallback) {
    const oc_cli_node *child = oc_cli_at(node, key);
    return child && child->type == OC_JSON_NUMBER ? child->number : fallback;
}

bool oc_cli_true(const oc_cli_node *node, const char *key) {
    const oc_cli_node *child = oc_cli_at(node, key);
    return child && child->type == OC_JSON_TRUE;
}

const oc_cli_node *oc_cli_items(const oc_cli_node *node, const char *key) {
    const oc_cli_node *child = oc_cli_at(node, key);
    return child ? child->first : NULL;
}
