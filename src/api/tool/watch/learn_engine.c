/* learn_engine.c - see learn_engine.h. */
#include "api/tool/watch/learn_engine.h"

#include <stdlib.h>
#include <string.h>

#include "watch/learn.h"

_Static_assert((int)OC_LEARN_ENGINE_LEAST == (int)OC_LEARN_ROWS_LEAST, "as src/watch has it");

/* Steps whose codes were counted. */
typedef struct code_book {
    const char **names; /* of the graph: borrowed from the engine */
    int32_t *towers;    /* of oc_towers */
    oc_code_sums *sums;
    int32_t count, capacity;
} code_book;

typedef struct learning {
    octavo_engine *engine;
    oc_learner learners[OC_TOWERS];
    code_book book;
    /* of the run at hand */
    int32_t tower, rows;
    bool is_out_of_memory;
} learning;

/* -- codes ---------------------------------------------------------------------------------- */

static bool grow(code_book *book) {
    int32_t capacity = book->capacity == 0 ? 64 : 2 * book->capacity;
    const char **names = realloc(book->names, (size_t)capacity * sizeof *names);
    book->names = names == NULL ? book->names : names;
    int32_t *towers = realloc(book->towers, (size_t)capacity * sizeof *towers);
    book->towers = towers == NULL ? book->towers : towers;
    oc_code_sums *sums = realloc(book->sums, (size_t)capacity * sizeof *sums);
    book->sums = sums == NULL ? book->sums : sums;
    book->capacity = names == NULL || towers == NULL || sums == NULL ? book->capacity : capacity;
    return book->capacity == capacity;
}

static void take_codes(void *user, const char *step, const oc_code_count *count) {
    learning *l = user;
    code_book *book = &l->book;
    int32_t at = 0;
    while (at < book->count && strcmp(book->names[at], step) != 0) {
        at++;
    }
    if (at == book->count && (at < book->capacity || grow(book))) {
        oc_value value = oc_graph_find(&l->engine->graph, step);
        if (value < 0) {
            return; /* a step that only a saving makes: devices name it each in its way */
        }
        book->names[at] = l->engine->graph.nodes[value].name;
        book->towers[at] = l->tower;
        book->sums[at] = (oc_code_sums){0};
        book->count++;
    }
    if (at < book->count) {
        oc_code_sums_add(&book->sums[at], count, l->rows);
    } else {
        l->is_out_of_memory = true;
    }
}

static octavo_status take(void *user, oc_session *session, const oc_tower *tower,
                          const float *embeddings, const float *scalars, int32_t rows,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    learning *l = user;
    oc_learner *learner = &l->learners[oc_tower_index(tower)];
    int32_t dim = l->engine->info.embed_dim;
    l->tower = oc_tower_index(tower);
    l->rows = rows;
    for (int32_t r = 0; r < rows; r++) {
        OC_TRY(oc_learner_add(learner, embeddings + (int64_t)r * dim,
                              scalars + (int64_t)r * OC_SCALAR_COUNT, error));
    }
    oc_take_codes(session, tower, take_codes, l);
    if (l->is_out_of_memory) {
        OC_NO_MEMORY(error, (size_t)l->book.capacity * sizeof(oc_code_sums));
    }
done:
    return status;
}

/* -- the reference -------------------------------------------------------------------------- */

static octavo_status list_quantizers(const learning *l, oc_arena *arena, oc_reference *out,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = ((size_t)l->book.count + 1) * sizeof(oc_quantizer_reference);
    oc_quantizer_reference *list = oc_arena_alloc(arena, bytes);
    if (list == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    for (int32_t q = 0; q < l->book.count; q++) {
        const oc_code_sums *sums = &l->book.sums[q];
        oc_quantizer_reference *to = &list[out->quantizer_count++];
        *to = (oc_quantizer_reference){
            .name = l->book.names[q],
            .tower = oc_reference_tower(out, oc_towers[l->book.towers[q]].name),
            .rows = sums->rows,
            .runs = sums->runs,
            .range = sums->range};
        to->saturated = oc_code_sums_saturated(sums, &to->saturated_variance);
        to->zeros = oc_code_sums_zeros(sums, &to->zeros_variance);
    }
    out->quantizers = list;
done:
    return status;
}

static octavo_status make_reference(learning *l, oc_arena *arena, oc_reference *out,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_learner *learners[OC_TOWERS];
    const char *names[OC_TOWERS];
    int32_t count = 0;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        if (l->learners[t].rows > 0) {
            learners[count] = &l->learners[t];
            names[count++] = oc_towers[t].name;
        }
    }
    OC_TRY(oc_learn_towers(learners, names, count, arena, out, error));
    OC_TRY(list_quantizers(l, arena, out, error));
done:
    return status;
}

octavo_status oc_learn_engine(octavo_engine *engine, const octavo_tool_watch_data *data,
                              const octavo_tool_listener *listener, oc_learned *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    learning l = {.engine = engine};
    oc_reference reference;
    oc_arena arena;
    oc_arena_init(&arena);
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        oc_learner_init(&l.learners[t], engine->info.embed_dim);
    }
    out->pass =
        (oc_pass){.engine = engine, .data = data, .listener = listener, .take = take, .user = &l};
    OC_TRY(oc_pass_run(&out->pass, error));
    OC_TRY(make_reference(&l, &arena, &reference, error));
    OC_TRY(oc_reference_write(&reference, &out->section, error));
    out->quantizers = reference.quantizer_count;
done:
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        oc_learner_free(&l.learners[t]);
    }
    free(l.book.names);
    free(l.book.towers);
    free(l.book.sums);
    oc_arena_free(&arena);
    return status;
}
