// links: backends_ref backends_cpu runtime
/* test_entries.c - graphs that verify but are no model that a session can run safely: towers mixed
 * up, inputs that no run has, embeddings of different widths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "backends/cpu/cpu.h"
#include "backends/ref/ref.h"
#include "runtime/session.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/random_graph.h"

/* The graph of a CLIP of one layer a tower (width 4, embeddings of 3, 8 pixels, 7 positions, 10
 * tokens), with `changes` made to its text: pairs of what stands there and what shall. */
static void make_graph(const char *const (*changes)[2], size_t count, oc_graph *out) {
    size_t bytes;
    char *text = oc_test_read(TEST_DATA "/corpus/graph/clip_f16", &bytes);
    for (size_t i = 0; i < count && changes[i][0] != NULL; i++) {
        for (char *at = text; (at = strstr(at, changes[i][0])) != NULL;) {
            size_t from = strlen(changes[i][0]), to = strlen(changes[i][1]);
            char *longer = calloc(1, strlen(text) + to + 1);
            assert_non_null(longer);
            memcpy(longer, text, (size_t)(at - text));
            strcpy(longer + (at - text), changes[i][1]);
            strcat(longer, at + from);
            at = longer + (at - text) + to;
            free(text);
            text = longer;
        }
    }
    oc_test_graph(text, out);
    free(text);
}

/* A session for two rows that alone holds its model. */
static octavo_status open_on(const oc_backend *backend, const oc_graph *graph, oc_savings savings,
                             bool keep_hidden, int32_t towers, oc_session **out,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_model_options load = {.backend = backend,
                             .threads = 1,
                             .savings = savings,
                             .towers = towers,
                             .keep_hidden = keep_hidden};
    oc_weight_source source = {oc_random_read, (void *)graph};
    oc_model *model = NULL;
    *out = NULL;
    oc_error_clear(error);
    OC_TRY(oc_model_load(graph, &source, &load, &model, error));
    OC_TRY(
        oc_session_create(model, &(oc_session_options){.batch_max = 2, .threads = 1}, out, error));
done:
    oc_model_release(model);
    return status;
}

static octavo_status make_session(const oc_graph *graph, bool keep_hidden, int32_t towers,
                                  oc_session **out, octavo_error *error) {
    return open_on(&oc_backend_ref, graph, OC_SAVINGS_ALL, keep_hidden, towers, out, error);
}

/* Runs two images and two texts through whatever the session has; outputs lie in guarded memory of
 * exactly their size. */
static void run_everything(oc_session *session, int32_t image_dim, int32_t text_dim) {
    octavo_error error;
    static uint8_t pixels[2 * 8 * 8 * 3];
    static const int32_t ids[] = {1, 2, 9, 0, 3, 9};
    float *image = malloc((size_t)(2 * image_dim) * sizeof *image);
    float *text = malloc((size_t)(2 * text_dim) * sizeof *text);
    octavo_argument in[] = {
        {.name = "pixels",
         .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {2, 8, 8, 3}, .data = pixels}},
        {.name = "input_ids",
         .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {2, 3}, .data = (void *)ids}}};
    octavo_argument out[] = {
        {.name = "image_embeds",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {2, image_dim}, .data = image}},
        {.name = "text_embeds",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {2, text_dim}, .data = text}}};
    assert_true(image != NULL && text != NULL);
    oc_error_clear(&error);
    if (oc_session_run(session, in, 2, out, 2, NULL, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    for (int32_t side = 0; side < 2; side++) { /* unit vectors */
        double sum = 0;
        for (int32_t i = 0; i < (side == 0 ? image_dim : text_dim); i++) {
            float x = side == 0 ? image[i] : text[i];
            sum += (double)x * (double)x;
        }
        assert_float_equal((float)sum, 1, 1e-5f);
    }
    free(image);
    free(text);
}

/* The graph as it is makes a session. */
static void sound_graph(void **state) {
    (void)state;
    oc_graph graph;
    oc_session *session = NULL;
    octavo_error error;
    make_graph(NULL, 0, &graph);
    assert_int_equal(make_session(&graph, false, 0, &session, &error), OCTAVO_OK);
    assert_int_equal(oc_model_savings(oc_session_model(session)),
                     OC_SAVINGS_ALL & ~OC_SAVING(TUNED));
    run_everything(session, 3, 3);
    oc_session_free(session);
    oc_graph_free(&graph);
}

/* What does not fit is refused, in a sentence, whatever it would do. */
static void unsound_graphs(void **state) {
    (void)state;
    static const struct {
        const char *const changes[4][2];
        const char *sentence;
    } cases[] = {
        {{{"\"pixels\"", "\"pictures\""}}, "pictures: this input does not fit what a run has"},
        {{{"\"input_ids\"", "\"ids\""}}, "ids: this input does not fit what a run has"},
        {{{"\"attention_mask\"", "\"mask\""}}, "mask: this input does not fit what a run has"},
        {{{"%49 heads", "%48 heads"}},
         "text.layers.0.attention: this attention does not fit what a run has"},
        {{{"end_of_text %48", "end_of_text %49"}},
         "text.end: this end_of_text does not fit what a run has"},
        {{{"embed_tokens %48", "embed_tokens %49"}}, "this embed_tokens does not fit"},
        {{{"\"pixel_values\"", "\"values\""}, {"\"vision.patch_embedding\"", "\"pixel_values\""}},
         "pixel_values: this patch_embed does not fit"},
        {{{"\"image_embeds\"", "\"other\""},
          {"\"text_embeds\"", "\"image_embeds\""},
          {"\"other\"", "\"text_embeds\""}},
         "logits_per_image: this logits does not fit"},
        {{{"\"image_embeds\"", "\"other\""},
          {"\"text_embeds\"", "\"image_embeds\""},
          {"\"other\"", "\"text_embeds\""},
          {"\"logits_per_image\"", "\"logits\""}},
         "the graph's embeddings are not one row for each image and each text"},
        {{{"\"vision.hidden.1\"", "\"image_embeds\""},
          {": F16[images,3] \"image_embeds\"\n", ": F16[images,3] \"i\"\n"},
          {"\"logits_per_image\"", "\"logits\""}},
         "the graph's embeddings are not one row"},
        {{{"output %47\n", "%92 = end_of_text %48 rule=1 eos=0 : I32[texts]\noutput %47\n"}},
         "lacks a token table, positions or one end-of-text rule"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_graph graph;
        oc_session *session = NULL;
        octavo_error error;
        make_graph(cases[i].changes, 4, &graph);
        octavo_status status = make_session(&graph, false, 0, &session, &error);
        if (status != OCTAVO_CORRUPT || strstr(error.message, cases[i].sentence) == NULL) {
            fail_msg("%s: %d, %s", cases[i].sentence, status, error.message);
        }
        assert_null(session);
        oc_graph_free(&graph);
    }
}

/* Towers whose embeddings are not of one width each get room for their own. */
static void embeddings_of_two_widths(void **state) {
    (void)state;
    static const char *const changes[][2] = {
        {"tensor \"vp\" F16[3,4]", "tensor \"vp\" F16[60,4]"},
        {"%45 = const tensor=25 : F16[3,4]", "%45 = const tensor=25 : F16[60,4]"},
        {"F16[images,3] \"image", "F16[images,60] \"image"},
        {"%91 = logits %47 %89 %90 : F16[images,texts] \"logits_per_image\"\n", ""},
        {"output %91\n", ""}};
    oc_graph graph;
    oc_session *session = NULL;
    octavo_error error;
    make_graph(changes, OC_COUNT(changes), &graph);
    if (make_session(&graph, false, 0, &session, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_null(oc_session_plan(session, OC_PROGRAM_LOGITS));
    run_everything(session, 60, 3);
    oc_session_free(session);
    oc_graph_free(&graph);
}

/* Of two token tables the smaller decides which ids there are, of two position tables the shorter
 * how long a text can be. */
static void the_smaller_table_counts(void **state) {
    (void)state;
    static const char *const changes[][2] = {
        {"output %47\n", "%92 = const tensor=27 : F16[7,4]\n"
                         "%93 = embed_tokens %48 %92 : F16[texts,tokens,4]\n"
                         "%94 = const tensor=4 : F16[5,4]\n"
                         "%95 = add_rows %93 %94 : F16[texts,tokens,4] \"text.hidden.9\"\n"
                         "output %47\n"}};
    static const int32_t ids[] = {1, 2, 6, 7, 1, 1};
    static float hidden[2 * 6 * 4];
    oc_graph graph;
    oc_session *session = NULL;
    octavo_error error;
    make_graph(changes, OC_COUNT(changes), &graph);
    assert_int_equal(make_session(&graph, true, 0, &session, &error), OCTAVO_OK);
    octavo_argument in = {
        .name = "input_ids",
        .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {1, 3}, .data = (void *)ids}};
    octavo_argument out = {
        .name = "text.hidden.9",
        .tensor = {.dtype = OCTAVO_F32, .rank = 3, .shape = {1, 3, 4}, .data = hidden}};
    assert_int_equal(oc_session_run(session, &in, 1, &out, 1, NULL, &error), OCTAVO_OK);
    in.tensor.data = (void *)(ids + 1);
    assert_int_equal(oc_session_run(session, &in, 1, &out, 1, NULL, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "token id 7 at row 0, place 2 is outside the vocabulary "
                                          "of 7"));
    in.tensor.shape[1] = 6;
    out.tensor.shape[1] = 6;
    oc_error_clear(&error);
    assert_int_equal(oc_session_run(session, &in, 1, &out, 1, NULL, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "rows of 6 tokens, the model has 5 positions"));
    oc_session_free(session);
    oc_graph_free(&graph);
}

/* Where attention looks ahead, what follows the end token matters: texts are not cut. */
static void only_causal_texts_are_cut(void **state) {
    (void)state;
    static const char *const changes[][2] = {{"causal=1 masked=1", "causal=0 masked=1"}};
    static const int32_t ids[2][4] = {{1, 2, 9, 3}, {1, 2, 9, 4}};
    float embeds[2][3];
    oc_graph graph;
    oc_session *session = NULL;
    octavo_error error;
    make_graph(changes, OC_COUNT(changes), &graph);
    assert_int_equal(make_session(&graph, false, OCTAVO_TEXT, &session, &error), OCTAVO_OK);
    assert_int_equal(oc_model_savings(oc_session_model(session)),
                     OC_SAVINGS_ALL & ~(OC_SAVING(CUT_TEXT) | OC_SAVING(TUNED)));
    for (int32_t i = 0; i < 2; i++) {
        octavo_argument in = {
            .name = "input_ids",
            .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {1, 4}, .data = (void *)ids[i]}};
        octavo_argument out = {
            .name = "text_embeds",
            .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, 3}, .data = embeds[i]}};
        assert_int_equal(oc_session_run(session, &in, 1, &out, 1, NULL, &error), OCTAVO_OK);
    }
    assert_memory_not_equal(embeds[0], embeds[1], sizeof embeds[0]);
    oc_session_free(session);
    oc_graph_free(&graph);
}

/* A value that is called a hidden state but has one row a text comes out as it is. */
static void odd_hidden_states(void **state) {
    (void)state;
    static const char *const changes[][2] = {{"\"text_embeds_raw\"", "\"text.hidden.7\""},
                                             {"\"image_embeds_raw\"", "\"vision.hidden.\""}};
    oc_graph graph;
    oc_session *session = NULL;
    octavo_error error;
    float row[3];
    static const int32_t ids[] = {1, 2};
    make_graph(changes, OC_COUNT(changes), &graph);
    assert_int_equal(make_session(&graph, true, 0, &session, &error), OCTAVO_OK);
    octavo_argument in = {
        .name = "input_ids",
        .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {1, 2}, .data = (void *)ids}};
    octavo_argument out = {
        .name = "text.hidden.7",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, 3}, .data = row}};
    assert_int_equal(oc_session_run(session, &in, 1, &out, 1, NULL, &error), OCTAVO_OK);
    run_everything(session, 3, 3);
    oc_session_free(session);
    oc_graph_free(&graph);
    /* one that is no rows at all is refused */
    static const char *const none[][2] = {{"\"text.end\"", "\"text.hidden.3\""}};
    make_graph(none, 1, &graph);
    assert_int_equal(make_session(&graph, true, 0, &session, &error), OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "text.hidden.3 is not an activation"));
    oc_graph_free(&graph);
}

/* -- models with a few things wrong ---------------------------------------------------------- */

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { MUTANTS = 3000 };
#else
enum { MUTANTS = 6000 };
#endif

/* Changes an operand, an attribute, a name or the operation of some nodes; false: no rule allows
 * the result. */
static bool mutate(oc_graph *graph, oc_rng *rng) {
    int32_t changes = 1 + (int32_t)oc_rng_below(rng, 3);
    for (int32_t i = 0; i < changes; i++) {
        oc_value value = (oc_value)oc_rng_below(rng, (uint64_t)graph->node_count);
        oc_node *node = &graph->nodes[value];
        oc_node *other = &graph->nodes[oc_rng_below(rng, (uint64_t)graph->node_count)];
        switch (oc_rng_below(rng, 5)) {
        case 0:
        case 1:
            if (node->input_count > 0) {
                node->inputs[oc_rng_below(rng, (uint64_t)node->input_count)] =
                    (oc_value)oc_rng_below(rng, (uint64_t)value);
            }
            break;
        case 2:
            node->i[oc_rng_below(rng, 4)] = (int64_t)oc_rng_below(rng, 6) - 1;
            break;
        case 3: {
            const char *name = node->name;
            node->name = other->name;
            other->name = name;
            break;
        }
        default:
            if (other->op != OC_OP_CONST && other->op != OC_OP_INPUT &&
                other->input_count == node->input_count) {
                node->op = other->op;
                memcpy(node->i, other->i, sizeof node->i);
                memcpy(node->f, other->f, sizeof node->f);
            }
            break;
        }
    }
    for (oc_value v = 0; v < graph->node_count; v++) {
        if (oc_infer(graph, v, NULL) != OCTAVO_OK) {
            return false;
        }
    }
    return oc_verify(graph, NULL) == OCTAVO_OK;
}

/* Runs what the session lists: every input, every output, in memory of exactly their size. */
static octavo_status run_all(oc_session *session, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_argument in[4], out[64];
    int32_t in_count = 0, out_count = 0;
    static const int64_t sizes[] = {0, 2, 2, 5}; /* images, texts, tokens */
    for (int32_t i = 0; i < oc_session_binding_count(session); i++) {
        const octavo_binding *binding = oc_session_binding(session, i);
        octavo_argument *to = binding->is_output ? &out[out_count++] : &in[in_count++];
        size_t elements = 1;
        assert_true(in_count <= 4 && out_count < 64);
        *to = (octavo_argument){
            .name = binding->name,
            .tensor = {.dtype = OCTAVO_F32, .rank = binding->rank, .shape = {0}, .data = NULL}};
        for (int32_t d = 0; d < binding->rank; d++) {
            int64_t dim = binding->shape[d];
            to->tensor.shape[d] = dim < 0 ? sizes[-dim] : dim;
            elements *= (size_t)to->tensor.shape[d];
        }
        to->tensor.dtype = (binding->dtypes >> OCTAVO_U8 & 1u) != 0    ? OCTAVO_U8
                           : (binding->dtypes >> OCTAVO_I32 & 1u) != 0 ? OCTAVO_I32
                                                                       : OCTAVO_F32;
        to->tensor.data = calloc(elements, oc_dtype_bytes(to->tensor.dtype));
        assert_non_null(to->tensor.data);
        for (size_t e = 0; to->tensor.dtype == OCTAVO_I32 && e < elements; e++) {
            ((int32_t *)to->tensor.data)[e] =
                strcmp(binding->name, "input_ids") == 0 ? (int32_t)(e % 4) : (int32_t)(e % 3 != 1);
        }
        if (strcmp(binding->name, "pixel_values") == 0) { /* pixels are given already */
            free(to->tensor.data);
            in_count--;
        }
    }
    status = oc_session_run(session, in, in_count, out, out_count, NULL, error);
    for (int32_t i = 0; i < in_count; i++) {
        free(in[i].tensor.data);
    }
    for (int32_t i = 0; i < out_count; i++) {
        free(out[i].tensor.data);
    }
    return status;
}

/* A model with some operands, attributes or names of others is refused, or runs within its memory.
 */
static void mutants_run_or_are_refused(void **state) {
    (void)state;
    static const char *const seeds[] = {"clip_f16", "clip_fp8", "text_two_layers", "scales_differ"};
    int32_t allowed = 0, made = 0;
    for (int32_t i = 0; i < MUTANTS; i++) {
        oc_graph graph;
        oc_rng rng;
        oc_session *session = NULL;
        octavo_error error;
        size_t bytes;
        char *text = oc_test_read(oc_test_path(TEST_DATA "/corpus/graph", seeds[i % 4]), &bytes);
        oc_test_graph(text, &graph);
        free(text);
        oc_rng_init(&rng, (uint64_t)i, 99);
        if (mutate(&graph, &rng)) {
            oc_savings savings = (oc_savings)oc_rng_bits(&rng) & OC_SAVINGS_ALL;
            bool keep_hidden = oc_rng_below(&rng, 2) == 0;
            const oc_backend *backend = i % 3 == 0 ? &oc_backend_ref : &oc_backend_cpu;
            allowed++;
            octavo_status status =
                open_on(backend, &graph, savings, keep_hidden, 0, &session, &error);
            if (status == OCTAVO_OK) {
                made++;
                if (run_all(session, &error) != OCTAVO_OK && /* a table became shorter */
                    strstr(error.message, "the vocabulary of") == NULL &&
                    strstr(error.message, "the model has") == NULL) {
                    fail_msg("mutant %d: %s", i, error.message);
                }
            } else {
                assert_true(status == OCTAVO_CORRUPT || status == OCTAVO_UNSUPPORTED ||
                            status == OCTAVO_INVALID_ARGUMENT);
                assert_true(error.message[0] != '\0');
            }
            oc_session_free(session);
        }
        oc_graph_free(&graph);
    }
    print_message("%d mutants, %d that verify, %d that run\n", MUTANTS, allowed, made);
    assert_true(made > MUTANTS / 20 && made < allowed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_graph),
        cmocka_unit_test(unsound_graphs),
        cmocka_unit_test(embeddings_of_two_widths),
        cmocka_unit_test(the_smaller_table_counts),
        cmocka_unit_test(only_causal_texts_are_cut),
        cmocka_unit_test(odd_hidden_states),
        cmocka_unit_test(mutants_run_or_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
