/* towers.c - the tables; see towers.h. */
#include "runtime/towers.h"

#include <stdio.h>
#include <string.h>

#include "ir/graph.h"

const oc_tower oc_towers[OC_TOWERS] = {
    {.name = "image",
     .plural = "images",
     .bit = OCTAVO_IMAGE,
     .prefix = "vision.",
     .hidden = "vision.hidden.",
     .embeds = "image_embeds",
     .embeds_raw = "image_embeds_raw",
     .tokens = OC_ROWS_IMAGE_TOKENS,
     .sequences = OC_ROWS_IMAGES,
     .dim = OC_DIM_IMAGES,
     .entry_count = 2,
     .entries = {{"pixels", OC_FORM_BYTES, OC_PROGRAM_IMAGE_BYTES},
                 {"pixel_values", OC_FORM_VALUES, OC_PROGRAM_IMAGE_VALUES}}},
    {.name = "text",
     .plural = "texts",
     .bit = OCTAVO_TEXT,
     .prefix = "text.",
     .hidden = "text.hidden.",
     .embeds = "text_embeds",
     .embeds_raw = "text_embeds_raw",
     .tokens = OC_ROWS_TEXT_TOKENS,
     .sequences = OC_ROWS_TEXTS,
     .dim = OC_DIM_TEXTS,
     .mask = "attention_mask",
     .entry_count = 1,
     .entries = {{"input_ids", OC_FORM_IDS, OC_PROGRAM_TEXT}}},
};

const oc_pair oc_logits = {"logits_per_image", OC_PROGRAM_LOGITS, 0, 1};

static const char *const program_names[] = {
#define XX(name, text) text,
    OC_PROGRAM_MAP(XX)
#undef XX
};

const char *oc_program_name(oc_program_kind kind) {
    return program_names[kind];
}

/* The first row of which the condition holds. */
#define FIND(condition)                                                                            \
    for (const oc_tower *tower = oc_towers; tower < oc_towers + OC_TOWERS; tower++) {              \
        if (condition) {                                                                           \
            return tower;                                                                          \
        }                                                                                          \
    }                                                                                              \
    return NULL

const oc_tower *oc_tower_of_bit(int32_t bit) {
    FIND(tower->bit == bit);
}

const oc_tower *oc_tower_of_dim(int64_t dim) {
    FIND(tower->dim == dim);
}

const oc_tower *oc_tower_of_rows(oc_rows rows) {
    FIND(tower->tokens == rows || tower->sequences == rows);
}

static bool takes(const oc_tower *tower, oc_form form) {
    bool found = false;
    for (int32_t i = 0; i < tower->entry_count; i++) {
        found = found || tower->entries[i].form == form;
    }
    return found;
}

const oc_tower *oc_tower_of_form(oc_form form) {
    FIND(takes(tower, form));
}

const oc_tower *oc_tower_of_program(oc_program_kind kind) {
    FIND(oc_tower_program(tower, kind) != NULL);
}

const oc_entry *oc_tower_entry(const oc_tower *tower, const char *input) {
    for (int32_t i = 0; i < tower->entry_count; i++) {
        if (strcmp(tower->entries[i].input, input) == 0) {
            return &tower->entries[i];
        }
    }
    return NULL;
}

const oc_entry *oc_tower_program(const oc_tower *tower, oc_program_kind kind) {
    for (int32_t i = 0; i < tower->entry_count; i++) {
        if (tower->entries[i].program == kind) {
            return &tower->entries[i];
        }
    }
    return NULL;
}

bool oc_tower_has_value(const oc_tower *tower, const char *name) {
    return strncmp(name, tower->prefix, strlen(tower->prefix)) == 0;
}

int32_t oc_towers_all(void) {
    int32_t all = 0;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        all |= oc_towers[t].bit;
    }
    return all;
}

void oc_towers_list(char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (int32_t t = 0; t < OC_TOWERS && used < bytes; t++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s%d (%s)", t == 0 ? "" : ", ",
                                 oc_towers[t].bit, oc_towers[t].name);
    }
}
