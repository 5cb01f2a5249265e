/* peers.c - see peers.h. */
#include "cli/bench/peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/limits.h"
#include "base/sys/io.h"

enum { NAME_BYTES = 256 };

/* One of two words; *out tells which. */
static octavo_status read_word(oc_json *json, const char *const words[2], int32_t *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice text;
    OC_TRY(oc_json_string(json, &text, error));
    *out = oc_slice_is(text, words[0]) ? 0 : oc_slice_is(text, words[1]) ? 1 : -1;
    if (*out < 0) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "it must be \"%s\" or \"%s\"", words[0],
                     words[1]);
    }
done:
    return status;
}

static octavo_status read_member(oc_json *json, oc_slice key, oc_arena *arena, oc_cli_peer *out,
                                 octavo_error *error) {
    static const char *const tower_words[] = {"image", "text"};
    static const char *const time_words[] = {"wall", "device"};
    octavo_status status = OCTAVO_OK;
    int32_t word;
    if (oc_slice_is(key, "engine")) {
        OC_TRY(oc_json_text(json, NAME_BYTES, arena, &out->engine, error));
    } else if (oc_slice_is(key, "model")) {
        OC_TRY(oc_json_text(json, NAME_BYTES, arena, &out->model, error));
    } else if (oc_slice_is(key, "tower")) {
        OC_TRY(read_word(json, tower_words, &word, error));
        out->tower = word == 0 ? OCTAVO_IMAGE : OCTAVO_TEXT;
    } else if (oc_slice_is(key, "timed")) {
        OC_TRY(read_word(json, time_words, &word, error));
        out->is_device = word == 1;
    } else if (oc_slice_is(key, "batch")) {
        OC_TRY(oc_json_int32(json, 1, OC_LIMIT_BATCH, &out->batch, error));
    } else if (oc_slice_is(key, "tokens")) {
        OC_TRY(oc_json_int32(json, 1, OC_LIMIT_TOKENS, &out->tokens, error));
    } else if (oc_slice_is(key, "threads")) {
        OC_TRY(oc_json_int32(json, 1, OC_LIMIT_THREADS, &out->threads, error));
    } else if (oc_slice_is(key, "ms")) {
        OC_TRY(oc_json_double(json, &out->ms, error));
        if (out->ms <= 0) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a time must be above 0, this is %g",
                         out->ms);
        }
    } else {
        OC_TRY(oc_json_skip(json, NULL, error));
    }
done:
    return status;
}

static octavo_status read_row(oc_json *json, oc_arena *arena, oc_cli_peer *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    *out = (oc_cli_peer){.engine = NULL};
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(read_member(json, key, arena, out, error));
    }
    const char *missing = !out->engine      ? "engine"
                          : !out->model     ? "model"
                          : !out->tower     ? "tower"
                          : out->batch == 0 ? "batch"
                          : out->ms <= 0    ? "ms"
                                            : NULL;
    if (missing) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT,
                     "a row needs engine, model, tower, batch and ms; this one has no %s", missing);
    }
done:
    return status;
}

static octavo_status read_rows(oc_json *json, oc_cli_peers *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more = true;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        size_t bytes = ((size_t)out->count + 1) * sizeof *out->items;
        oc_cli_peer *items = realloc(out->items, bytes);
        if (!items) {
            OC_NO_MEMORY(error, bytes);
        }
        out->items = items;
        OC_TRY(read_row(json, &out->arena, &items[out->count], error));
        out->count++;
    }
done:
    return status;
}

octavo_status oc_cli_peers_read(const char *path, oc_cli_peers *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    char *bytes = NULL;
    size_t size;
    oc_slice key;
    bool has_rows = false;
    *out = (oc_cli_peers){.count = 0};
    oc_arena_init(&out->arena);
    OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &bytes, &size, error));
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "rows")) {
            has_rows = true;
            OC_TRY(read_rows(&json, out, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
    if (!has_rows) {
        OC_JSON_FAIL(&json, error, OCTAVO_CORRUPT,
                     "there are no \"rows\": this is no file of bench/peers");
    }
    OC_TRY(oc_json_finish(&json, error));
done:
    oc_json_close(&json);
    free(bytes);
    if (status) {
        oc_error_path(error, path);
    }
    return status;
}

void oc_cli_peers_free(oc_cli_peers *peers) {
    free(peers->items);
    oc_arena_free(&peers->arena);
    *peers = (oc_cli_peers){.count = 0};
}

bool oc_cli_peer_fits(const oc_cli_peer *peer, const oc_cli_bench_run *of,
                      const oc_cli_result *row) {
    return strcmp(peer->model, of->name) == 0 && peer->tower == row->tower &&
           peer->batch == row->batch &&
           (peer->tokens == 0 || row->tokens == 0 || peer->tokens == row->tokens) &&
           (peer->threads == 0 || peer->threads == of->model.threads) &&
           (!peer->is_device || row->timing.device.median_s >= 0);
}

double oc_cli_peer_ratio(const oc_cli_peer *peer, const oc_cli_result *row) {
    const oc_cli_timing *timing = &row->timing;
    return peer->ms / (1e3 * (peer->is_device ? timing->device.median_s : timing->median_s));
}
