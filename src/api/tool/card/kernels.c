/* kernels.c - compiled GPU kernels: packing those of an engine, listing, clearing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/objects.h"
#include "api/require.h"
#include "api/tool.h"
#include "api/tool/batches.h"
#include "backends/cuda/cache.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/cuda.h"
#include "backends/cuda/pack/paper.h"
#include "base/json/json_write.h"
#include "base/limits.h"
#include "base/sys/clock.h"
#include "base/sys/temporary.h"

/* What commands make sessions for, at most, where they are not told. */
#define BATCHES "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"

/* -- packing ------------------------------------------------------------------------------- */

/* Whether "a,b,c" has the word. */
static bool lists(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = words; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strcspn(at, ",") == length && strncmp(at, word, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Every word must be an architecture. */
static octavo_status check_architectures(const char *words, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_paper_card *card;
    char known[256] = "";
    for (int32_t i = 0; (card = oc_paper_card_at(i)) != NULL; i++) {
        size_t used = strlen(known);
        if (!lists(known, card->architecture)) {
            snprintf(known + used, sizeof known - used, "%s%s", used == 0 ? "" : ",",
                     card->architecture);
        }
    }
    for (const char *at = words; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        char word[32];
        size_t length = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1),
                 at);
        if (length >= sizeof word || !lists(known, word)) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "there is no architecture \"%s\"; there are %s", word, known);
        }
    }
done:
    return status;
}

/* Makes a model on a card of paper, and sessions of all sizes. */
static octavo_status pack_card(const octavo_engine *engine, oc_paper *paper,
                               const octavo_tool_pack_options *options, const oc_batches *batches,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_model *model = NULL;
    oc_session *session = NULL;
    const oc_paper_card *card = oc_paper_card_at(paper->card);
    oc_weight_source source = oc_engine_source(engine);
    oc_model_options load = {.backend = &oc_backend_cuda,
                             .threads = options->threads,
                             .canaries = engine->canaries,
                             .canary_count = engine->canary_count,
                             .paper = paper,
                             .tuned = &engine->tuned};
    OC_TRY(oc_savings_parse(options->disable, &load.savings, error));
    OC_TRY(oc_progress(options->progress, options->progress_user, card->architecture, 0,
                       (uint64_t)batches->count, error));
    OC_TRY(oc_model_load(&engine->graph, &source, &load, &model, error));
    for (int32_t size = 1, done = 0; size <= OC_LIMIT_BATCH; size++) {
        oc_session_options one = {.batch_max = size, .threads = 1};
        if (batches->has[size]) {
            OC_TRY(oc_session_create(model, &one, &session, error));
            oc_session_free(session);
            session = NULL;
            OC_TRY(oc_progress(options->progress, options->progress_user, card->architecture,
                               (uint64_t)++done, (uint64_t)batches->count, error));
        }
    }
done:
    oc_session_free(session);
    oc_model_release(model);
    return status;
}

/* For cards that were never tuned for, and for each that was. */
static octavo_status pack_cards(const octavo_engine *engine, oc_paper *paper,
                                const octavo_tool_pack_options *options, const oc_batches *batches,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tuned *tuned = &engine->tuned;
    paper->model = NULL;
    OC_TRY(pack_card(engine, paper, options, batches, error));
    for (int32_t i = 0; i < tuned->count; i++) {
        const char *model = tuned->runs[i].model;
        bool is_first = !oc_tuned_has(&(oc_tuned){tuned->runs, i}, model);
        if (is_first && oc_paper_card_stands_for(oc_paper_card_at(paper->card), model)) {
            paper->model = model;
            OC_TRY(pack_card(engine, paper, options, batches, error));
        }
    }
done:
    return status;
}

static void write_architectures(oc_json_writer *json, const oc_pack_list *list, const char *asked) {
    const oc_paper_card *card;
    const char *last = "";
    oc_json_write_key(json, "architectures");
    oc_json_write_array(json);
    for (int32_t i = 0; (card = oc_paper_card_at(i)) != NULL; i++) {
        const char *name = card->architecture;
        uint64_t count = 0, bytes = 0;
        if (!lists(asked, name) || strcmp(name, last) == 0) {
            continue;
        }
        last = name;
        oc_json_write_object(json);
        oc_json_write_text_member(json, "name", name);
        oc_json_write_key(json, "cards");
        oc_json_write_array(json);
        for (int32_t j = i; (card = oc_paper_card_at(j)) != NULL; j++) {
            if (strcmp(card->architecture, name) == 0) {
                oc_json_write_text(json, card->name);
            }
        }
        oc_json_write_end(json);
        for (uint32_t k = 0; k < list->count; k++) {
            bool is_of = strcmp(list->kernels[k].architecture, name) == 0;
            count += is_of;
            bytes += is_of ? list->kernels[k].bytes : 0;
        }
        oc_json_write_int_member(json, "kernels", (int64_t)count);
        oc_json_write_int_member(json, "bytes", (int64_t)bytes);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

static octavo_status report_pack(const oc_pack_list *list, const char *engine, const char *out,
                                 const char *architectures, const oc_batches *batches,
                                 uint64_t start_ns, char **report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char compiler[256];
    struct stat info;
    oc_json_writer json;
    oc_buffer text;
    oc_buffer_init(&text);
    oc_cuda_compiler_describe(compiler, sizeof compiler);
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "file", out);
    oc_json_write_int_member(&json, "bytes", stat(out, &info) == 0 ? (int64_t)info.st_size : 0);
    oc_json_write_text_member(&json, "engine", engine);
    oc_json_write_key(&json, "batches");
    oc_json_write_array(&json);
    for (int32_t size = 1; size <= OC_LIMIT_BATCH; size++) {
        if (batches->has[size]) {
            oc_json_write_int(&json, size);
        }
    }
    oc_json_write_end(&json);
    oc_json_write_text_member(&json, "compiler", compiler);
    oc_json_write_key(&json, "seconds");
    uint64_t milliseconds = (oc_clock_ns() - start_ns) / 1000000;
    oc_json_write_double(&json, (double)milliseconds / 1000);
    write_architectures(&json, list, architectures);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, report, error));
done:
    oc_buffer_free(&text);
    return status;
}

octavo_status octavo_tool_kernels_pack(const char *engine, const char *out,
                                       const octavo_tool_pack_options *options, char **report,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start_ns = oc_clock_ns();
    octavo_engine *opened = NULL;
    const oc_paper_card *card;
    oc_paper paper = {.card = 0};
    oc_batches batches;
    oc_error_clear(error);
    oc_pack_list_init(&paper.kernels);
    if (report != NULL) {
        *report = NULL;
    }
    OC_REQUIRE(error, engine);
    OC_REQUIRE(error, out);
    OC_REQUIRE(error, options);
    OC_REQUIRE(error, options->architectures);
    OC_TRY(check_architectures(options->architectures, error));
    OC_TRY(oc_batches_read(options->batches == NULL ? BATCHES : options->batches, &batches, error));
    OC_TRY(octavo_engine_open(engine, &opened, error));
    for (; (card = oc_paper_card_at(paper.card)) != NULL; paper.card++) {
        if (lists(options->architectures, card->architecture)) {
            OC_TRY(pack_cards(opened, &paper, options, &batches, error));
        }
    }
    OC_TRY(oc_pack_save(&paper.kernels, out, error));
    if (report != NULL) {
        OC_TRY(report_pack(&paper.kernels, engine, out, options->architectures, &batches, start_ns,
                           report, error));
    }
done:
    oc_pack_list_free(&paper.kernels);
    octavo_engine_free(opened);
    return status;
}

/* -- listing ------------------------------------------------------------------------------- */

/* An entry of a pack as JSON. */
static void write_kernel(oc_json_writer *json, const oc_pack *pack, const oc_pack_entry *entry,
                         const struct stat *info) {
    char made[32];
    struct tm when;
    const char *defines = oc_pack_defines(pack, entry);
    oc_cuda_key key = oc_cuda_key_of(entry->kernel, defines, entry->architecture);
    gmtime_r(&info->st_mtime, &when);
    strftime(made, sizeof made, "%Y-%m-%dT%H:%M:%SZ", &when);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "kernel", entry->kernel);
    oc_json_write_text_member(json, "architecture", entry->architecture);
    oc_json_write_int_member(json, "bytes", (int64_t)entry->bytes);
    oc_json_write_text_member(json, "made", made);
    oc_json_write_key(json, "current");
    oc_json_write_bool(json, memcmp(&key, &entry->key, sizeof key) == 0);
    oc_json_write_text_member(json, "defines", defines);
    oc_json_write_end(json);
}

/* The kernels of a pack. */
static octavo_status write_file(oc_json_writer *json, const char *path, uint64_t *count,
                                uint64_t *bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pack pack = {.memory = NULL};
    struct stat info = {.st_size = 0};
    OC_TRY(oc_pack_open(path, &pack, error));
    (void)fstat(pack.file.fd, &info);
    for (uint32_t i = 0; i < pack.count; i++) {
        write_kernel(json, &pack, &pack.entries[i], &info);
    }
    *count += pack.count;
    *bytes += pack.file.size;
done:
    oc_pack_close(&pack);
    return status;
}

static octavo_status write_folder(oc_json_writer *json, const char *folder, uint64_t *count,
                                  uint64_t *bytes, uint64_t *damaged, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_listing listing = {.count = 0};
    OC_TRY(oc_folder_list(folder, 0, OC_LIMIT_FOLDER_FILES, &listing, error));
    for (uint32_t i = 0; i < listing.count; i++) {
        if (oc_cuda_cache_is_entry(listing.paths[i])) {
            char *path = oc_path_join(folder, listing.paths[i]);
            if (path == NULL) {
                OC_NO_MEMORY(error, strlen(folder));
            }
            *damaged += write_file(json, path, count, bytes, NULL) != OCTAVO_OK;
            free(path);
        }
    }
done:
    oc_listing_free(&listing);
    return status;
}

/* A pack or a folder; a folder that is not there has no kernels. */
static octavo_status write_place(oc_json_writer *json, const char *path, bool may_miss,
                                 uint64_t *count, uint64_t *bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t here = 0, damaged = 0;
    bool is_folder = oc_is_folder(path);
    oc_json_write_object(json);
    oc_json_write_text_member(json, "path", path);
    oc_json_write_key(json, "pack");
    oc_json_write_bool(json, !is_folder && !may_miss);
    oc_json_write_key(json, "kernels");
    oc_json_write_array(json);
    if (is_folder) {
        OC_TRY(write_folder(json, path, count, &here, &damaged, error));
    } else if (!may_miss) {
        OC_TRY(write_file(json, path, count, &here, error));
    }
    oc_json_write_end(json);
    oc_json_write_int_member(json, "bytes", (int64_t)here);
    oc_json_write_int_member(json, "damaged", (int64_t)damaged);
    oc_json_write_end(json);
    *bytes += here;
done:
    return status;
}

octavo_status octavo_tool_kernels_list(const char *path, char **report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t count = 0, bytes = 0;
    char *folder = path == NULL ? oc_cuda_cache_folder() : NULL;
    const char *pack = path == NULL ? oc_cuda_pack_path() : path;
    oc_json_writer json;
    oc_buffer text;
    oc_error_clear(error);
    oc_buffer_init(&text);
    OC_REQUIRE(error, report);
    *report = NULL;
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "places");
    oc_json_write_array(&json);
    if (pack != NULL) {
        OC_TRY(write_place(&json, pack, false, &count, &bytes, error));
    }
    if (folder != NULL) {
        OC_TRY(write_place(&json, folder, true, &count, &bytes, error));
    }
    oc_json_write_end(&json);
    oc_json_write_int_member(&json, "count", (int64_t)count);
    oc_json_write_int_member(&json, "bytes", (int64_t)bytes);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, report, error));
done:
    oc_buffer_free(&text);
    free(folder);
    return status;
}

/* -- clearing ------------------------------------------------------------------------------ */

/* is_rest: what a killed process left, or one writes right now, which stays. */
static octavo_status remove_file(const char *folder, const char *name, bool is_rest,
                                 uint64_t *bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    struct stat info;
    int held = -1;
    char *path = oc_path_join(folder, name);
    if (path == NULL) {
        OC_NO_MEMORY(error, strlen(folder));
    }
    if ((is_rest && (held = oc_temporary_claim(path)) < 0) || lstat(path, &info) != 0) {
        goto done;
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        oc_error_path(error, path);
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "%s cannot be removed: %s", path,
                strerror(errno));
    }
    *bytes += (uint64_t)info.st_size;
done:
    if (held >= 0) {
        close(held);
    }
    free(path);
    return status;
}

octavo_status octavo_tool_kernels_clear(char **report, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t removed = 0, bytes = 0, left = 0;
    char *folder = oc_cuda_cache_folder();
    oc_listing listing = {.count = 0};
    oc_json_writer json;
    oc_buffer text;
    oc_error_clear(error);
    oc_buffer_init(&text);
    OC_REQUIRE(error, report);
    *report = NULL;
    if (folder != NULL && oc_is_folder(folder)) {
        OC_TRY(oc_folder_list(folder, OC_LIST_DANGLING, OC_LIMIT_FOLDER_FILES, &listing, error));
    }
    for (uint32_t i = 0; i < listing.count; i++) {
        const char *name = listing.paths[i];
        bool is_entry = oc_cuda_cache_is_entry(name), is_rest = oc_cuda_cache_is_rest(name);
        if (is_entry || is_rest) {
            OC_TRY(remove_file(folder, name, is_rest, &bytes, error));
        }
        removed += is_entry;
        left += !is_entry && !is_rest;
    }
    oc_json_write_open(&json, &text, true);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "folder", folder);
    oc_json_write_int_member(&json, "removed", (int64_t)removed);
    oc_json_write_int_member(&json, "bytes", (int64_t)bytes);
    oc_json_write_int_member(&json, "left", (int64_t)left);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_take(&json, report, error));
done:
    oc_buffer_free(&text);
    oc_listing_free(&listing);
    free(folder);
    return status;
}
