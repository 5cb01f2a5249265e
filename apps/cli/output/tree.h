/* tree.h - a JSON report as a tree, for rendering.
 *
 * Reports come from octavo itself.  What a renderer asks for and does not find is NULL or the
 * fallback, and what it does not ask for does no harm, so that reports may grow.
 */
#ifndef OC_CLI_TREE_H
#define OC_CLI_TREE_H

#include "base/arena.h"
#include "base/json/json.h"

typedef struct oc_cli_node {
    oc_json_type type; /* OBJECT_BEGIN, ARRAY_BEGIN, STRING, NUMBER, TRUE, FALSE or NULL */
    const char *key;   /* of an object's member, else NULL */
    const char *text;  /* STRING: its value, printable; NUMBER: as written */
    double number;
    int32_t count; /* of children */
    struct oc_cli_node *parent, *first, *last, *next;
} oc_cli_node;

/* The tree lives in the arena. */
octavo_status oc_cli_tree(const char *json, oc_arena *arena, const oc_cli_node **out,
                          octavo_error *error);

/* The member of an object; NULL where there is none, or `node` is NULL or no object. */
const oc_cli_node *oc_cli_at(const oc_cli_node *node, const char *key);
/* A string's value; `fallback` where there is none. */
const char *oc_cli_text(const oc_cli_node *node, const char *key, const char *fallback);
double oc_cli_number(const oc_cli_node *node, const char *key, double fallback);
bool oc_cli_true(const oc_cli_node *node, const char *key);
/* The first child of a member; the others follow by `next`. */
const oc_cli_node *oc_cli_items(const oc_cli_node *node, const char *key);

#endif
