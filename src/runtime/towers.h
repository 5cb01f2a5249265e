/* towers.h - the towers that a model can have, and their programs: tables.
 *
 * A tower takes sequences of one kind, images or texts, and gives each an embedding.  src/runtime
 * and src/api tell one from another by its row here and nowhere else: another architecture whose
 * towers take pixels or ids is a recipe and, where its values have other names, a row.
 */
#ifndef OC_RUNTIME_TOWERS_H
#define OC_RUNTIME_TOWERS_H

#include <stdbool.h>

#include "base/status.h"
#include "device/step.h"

/* The programs of a model, each a plan for a batch. */
#define OC_PROGRAM_MAP(XX)                                                                         \
    XX(IMAGE_BYTES, "image")                                                                       \
    XX(IMAGE_VALUES, "image (values)")                                                             \
    XX(TEXT, "text")                                                                               \
    XX(LOGITS, "logits")

typedef enum oc_program_kind {
#define XX(name, text) OC_PROGRAM_##name,
    OC_PROGRAM_MAP(XX)
#undef XX
        OC_PROGRAM_COUNT
} oc_program_kind;

const char *oc_program_name(oc_program_kind kind);

/* As what sequences come in. */
typedef enum oc_form {
    OC_FORM_BYTES,  /* pixels U8 [sequences,S,S,3] */
    OC_FORM_VALUES, /* pixels F32 [sequences,3,S,S] */
    OC_FORM_IDS     /* I32 or I64 [sequences,L]; rows of any length, packed (texts.h) */
} oc_form;

/* A way into a tower, and the program that begins there. */
typedef struct oc_entry {
    const char *input; /* tensor of a run, value of the graph */
    oc_form form;
    oc_program_kind program;
} oc_entry;

enum { OC_TOWERS = 2, OC_ENTRIES_MAX = 2 };

typedef struct oc_tower {
    const char *name;                /* "image": in engines, reports, sentences */
    const char *plural;              /* what it takes: "images" */
    int32_t bit;                     /* of octavo_engine_info.towers */
    const char *prefix;              /* of its values' names: "vision." */
    const char *hidden;              /* before the number of a hidden state: "vision.hidden." */
    const char *embeds, *embeds_raw; /* a row a sequence: of length 1, and as projected */
    oc_rows tokens, sequences;       /* row sets */
    int64_t dim;                     /* that stands for the number of sequences: OC_DIM_... */
    const char *mask;                /* comes with its ids, if at all; NULL: never */
    int32_t entry_count;
    oc_entry entries[OC_ENTRIES_MAX]; /* the graph begins at the first */
} oc_tower;

extern const oc_tower oc_towers[OC_TOWERS];

/* Scaled products of the embeddings of two towers: a row a sequence of one, a column a sequence of
 * the other. */
typedef struct oc_pair {
    const char *output;
    oc_program_kind program;
    int32_t rows, columns; /* of oc_towers */
} oc_pair;

extern const oc_pair oc_logits;

/* -- finding rows: NULL, or -1, where there is none -------------------------------------------- */

const oc_tower *oc_tower_of_bit(int32_t bit);
const oc_tower *oc_tower_of_dim(int64_t dim);
const oc_tower *oc_tower_of_rows(oc_rows rows);
const oc_tower *oc_tower_of_form(oc_form form);
const oc_tower *oc_tower_of_program(oc_program_kind kind); /* logits are of none */

/* The tower's entry by name, or by its program. */
const oc_entry *oc_tower_entry(const oc_tower *tower, const char *input);
const oc_entry *oc_tower_program(const oc_tower *tower, oc_program_kind kind);

static inline int32_t oc_tower_index(const oc_tower *tower) {
    return (int32_t)(tower - oc_towers);
}

/* Whether its sequences have lengths of their own and lie packed, cut and without repetitions. */
static inline bool oc_tower_is_packed(const oc_tower *tower) {
    return tower->entries[0].form == OC_FORM_IDS;
}

/* Whether the row set has a row a token; else it has one a sequence. */
static inline bool oc_rows_are_tokens(oc_rows rows) {
    return oc_tower_of_rows(rows)->tokens == rows;
}

bool oc_tower_has_value(const oc_tower *tower, const char *name); /* by its prefix */

/* The bits of all rows; "1 (image), 2 (text)". */
int32_t oc_towers_all(void);
void oc_towers_list(char *text, size_t bytes);

#endif
