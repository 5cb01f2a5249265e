/* reader.h - what a reader of one architecture's config.json is, and what readers share.
 *
 * A reader knows which objects of the file describe a tower, and the architecture's defaults; a
 * table of fields then says where each key goes.  To add an architecture: a reader here, a line in
 * config.c, a recipe in src/recipes.
 */
#ifndef OC_CHECKPOINT_MODELS_READER_H
#define OC_CHECKPOINT_MODELS_READER_H

#include "base/json/json.h"
#include "checkpoint/config.h"

/* An object of config.json: its text, and where that begins in the file. */
typedef struct oc_config_part {
    oc_slice text; /* data NULL: absent or null */
    uint64_t offset;
} oc_config_part;

/* Fills *out, whose architecture and towers are set: geometry and parameters.  is_part: the file is
 * the config of the whole model that this one is a part of.  Errors: oc_model_config_read's. */
typedef octavo_status (*oc_config_reader)(oc_config_part file, bool is_part, oc_model_config *out,
                                          octavo_error *error);

typedef struct oc_architecture {
    const char *name, *model_type;
    const char *whole; /* model_type of a config that this one may be a part of; NULL: none */
    int32_t towers;
    oc_config_reader read;
} oc_architecture;

/* clip.c */
octavo_status oc_clip_read(oc_config_part file, bool is_part, oc_model_config *out,
                           octavo_error *error);

/* -- shared ------------------------------------------------------------------------------------ */

enum { OC_CONFIG_CHANNELS = 3 }; /* of every image that is read here */

/* What null means. */
typedef enum oc_config_null { OC_NULL_REFUSED, OC_NULL_NONE /* -1 */ } oc_config_null;

/* An integer entry of a tower: where it goes and what it may be. */
typedef struct oc_config_field {
    const char *key;
    size_t place; /* of an int32_t, in an oc_text_config or oc_vision_config */
    int32_t min, max, preset;
    oc_config_null null;
} oc_config_field;

/* A value that is an object, as a part; none where it is null. */
octavo_status oc_config_read_part(oc_json *json, oc_config_part *out, octavo_error *error);

/* Fills an oc_text_config or oc_vision_config at `out`: the fields, hidden_act and layer_norm_eps;
 * what the part lacks keeps its preset, act and eps what they were. */
octavo_status oc_config_read_tower(oc_config_part from, const oc_config_field *fields,
                                   size_t field_count, void *out, octavo_error *error);

/* The image has a patch, and no more patches than a tower may have tokens, one being left over. */
octavo_status oc_config_check_patches(oc_config_part from, const oc_vision_config *vision,
                                      octavo_error *error);

#endif
