// links: checkpoint
/* test_checkpoint.c - finding a checkpoint's files, and its tensors by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "checkpoint/card.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/files/safetensors_write.h"
#include "support/checkpoints.h"

#define TINY TEST_DATA "/tiny-clip"

static void expect_opens(const char *path, oc_checkpoint **out) {
    octavo_error error;
    oc_error_clear(&error);
    if (oc_checkpoint_open(path, out, &error)) {
        fail_msg("%s: %s", path, error.message);
    }
}

static void expect_refused(const char *path, octavo_status wanted, const char *part) {
    octavo_error error;
    oc_checkpoint *checkpoint;
    oc_error_clear(&error);
    octavo_status status = oc_checkpoint_open(path, &checkpoint, &error);
    if (status != wanted || !strstr(error.message, part)) {
        fail_msg("expected status %d and \"%s\", got %d: %s", wanted, part, status, error.message);
    }
    assert_null(checkpoint);
    assert_true(error.path[0] != 0);
}

/* Every accepted fixture opens as a folder, under its own name, all data within its file. */
static void test_opens_fixtures(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t tensors;
    } folders[] = {{"f32", 78},
                   {"f16", 78},
                   {"bf16", 78},
                   {"modelopt-fp8", 126},
                   {"modelopt-fp8-mixed", 100},
                   {"quick-gelu-f32", 78},
                   {"quick-gelu-modelopt-fp8", 126},
                   {"geometry-f32", 78},
                   {"geometry-modelopt-fp8", 126},
                   {"legacy-eos-f32", 78},
                   {"legacy-eos-modelopt-fp8", 126},
                   {"extra-tokens-f32", 78},
                   {"extra-tokens-modelopt-fp8", 126}};
    for (size_t i = 0; i < OC_COUNT(folders); i++) {
        oc_checkpoint *checkpoint;
        expect_opens(oc_test_path(TINY, folders[i].name), &checkpoint);
        assert_string_equal(checkpoint->title, folders[i].name);
        assert_int_equal(checkpoint->tensor_count, folders[i].tensors);
        assert_true(oc_checkpoint_has(checkpoint, "config.json"));
        assert_false(oc_checkpoint_has(checkpoint, "README.md"));
        const oc_ckpt_file *file = &checkpoint->files[0];
        for (int32_t t = 0; t < checkpoint->tensor_count; t++) {
            const oc_ckpt_tensor *tensor = &checkpoint->tensors[t];
            assert_ptr_equal(tensor->file, file);
            assert_true(tensor->offset + tensor->bytes <= file->file.size);
            assert_ptr_equal(oc_checkpoint_find(checkpoint, tensor->name), tensor);
        }
        oc_checkpoint_free(checkpoint);
    }
}

/* A single file opens too, with the companions in its folder; so does a folder with '/' behind. */
static void test_opens_file(void **state) {
    (void)state;
    oc_checkpoint *checkpoint;
    octavo_error error;
    size_t size;
    char *bytes;
    expect_opens(TINY "/f16/model.safetensors", &checkpoint);
    assert_string_equal(checkpoint->title, "f16");
    assert_true(oc_checkpoint_has(checkpoint, "config.json"));
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_load(checkpoint, "config.json", 1 << 20, &bytes, &size, &error),
                     OCTAVO_OK);
    assert_non_null(strstr(bytes, "CLIPModel"));
    free(bytes);
    assert_int_equal(oc_checkpoint_load(checkpoint, "config.json", 10, &bytes, &size, &error),
                     OCTAVO_UNSUPPORTED);
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_load(checkpoint, "absent", 10, &bytes, &size, &error),
                     OCTAVO_NOT_FOUND);
    oc_checkpoint_free(checkpoint);
    expect_opens(TINY "/f16/reference.safetensors", &checkpoint);
    assert_string_equal(checkpoint->title, "reference");
    oc_checkpoint_free(checkpoint);
    expect_opens(TINY "/f16/", &checkpoint);
    assert_string_equal(checkpoint->title, "f16");
    oc_checkpoint_free(checkpoint);
}

/* A tensor that is missing, has another shape or a useless dtype is named with what is wanted. */
static void test_require(void **state) {
    (void)state;
    oc_checkpoint *checkpoint;
    octavo_error error;
    const oc_ckpt_tensor *tensor;
    char folder[OC_TEST_PATH];
    int64_t shape[] = {128, 128};
    expect_opens(TINY "/f32", &checkpoint);
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_require(checkpoint,
                                           "vision_model.encoder.layers.0.self_attn.q_proj.weight",
                                           shape, 2, &tensor, &error),
                     OCTAVO_OK);
    assert_int_equal(tensor->dtype, OCTAVO_F32);
    assert_int_equal(oc_checkpoint_require(checkpoint, "vision_model.pre_layernorm.weight", shape,
                                           1, &tensor, &error),
                     OCTAVO_NOT_FOUND);
    assert_string_equal(error.message, "tensor vision_model.pre_layernorm.weight is missing; the "
                                       "most similar one is vision_model.pre_layrnorm.weight");
    assert_null(tensor);
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_require(checkpoint, "entirely_else", shape, 1, &tensor, &error),
                     OCTAVO_NOT_FOUND);
    assert_string_equal(error.message, "tensor entirely_else is missing");
    oc_error_clear(&error);
    shape[1] = 129;
    assert_int_equal(oc_checkpoint_require(checkpoint,
                                           "vision_model.encoder.layers.0.self_attn.q_proj.weight",
                                           shape, 2, &tensor, &error),
                     OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "has shape [128,128], config wants [128,129] (byte "));
    assert_non_null(strstr(error.path, "f32/model.safetensors"));
    assert_true(error.offset > 8000);
    oc_checkpoint_free(checkpoint);

    size_t size;
    oc_test_folder(folder);
    char *bytes = oc_test_safetensors(
        "{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, &size);
    const char *path = oc_test_path(folder, "model.safetensors");
    oc_test_write(path, bytes, size);
    free(bytes);
    expect_opens(path, &checkpoint);
    oc_error_clear(&error);
    shape[0] = 1;
    assert_int_equal(oc_checkpoint_require(checkpoint, "a", shape, 1, &tensor, &error),
                     OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "tensor a has dtype F64"));
    oc_checkpoint_free(checkpoint);
    oc_test_folder_remove(folder);
}

/* Saves those tensors of `from` whose index is `part` modulo `parts`, with `prefix` before their
 * names; where that is NULL, their towers' names are doubled. */
static void save_part(const oc_checkpoint *from, const char *path, int32_t part, int32_t parts,
                      const char *prefix) {
    octavo_error error;
    int32_t count = 0;
    octavo_argument *tensors = calloc((size_t)from->tensor_count, sizeof *tensors);
    char(*names)[600] = calloc((size_t)from->tensor_count, sizeof *names);
    assert_non_null(tensors);
    assert_non_null(names);
    for (int32_t i = part; i < from->tensor_count; i += parts, count++) {
        const oc_ckpt_tensor *tensor = &from->tensors[i];
        const char *dot = strchr(tensor->name, '.');
        bool twice = !prefix && dot && strstr(tensor->name, "_model.");
        snprintf(names[count], sizeof names[count], "%s%.*s%s", prefix ? prefix : "",
                 twice ? (int)(dot + 1 - tensor->name) : 0, tensor->name, tensor->name);
        tensors[count].name = names[count];
        tensors[count].tensor = (octavo_tensor){
            .dtype = tensor->dtype, .rank = tensor->rank, .data = oc_test_bytes_of(tensor)};
        memcpy(tensors[count].tensor.shape, tensor->shape, sizeof tensors[count].tensor.shape);
    }
    oc_error_clear(&error);
    assert_int_equal(oc_safetensors_save(path, tensors, count, NULL, 0, &error), OCTAVO_OK);
    for (int32_t i = 0; i < count; i++) {
        free(tensors[i].tensor.data);
    }
    free(names);
    free(tensors);
}

static void expect_equal(const oc_checkpoint *a, const oc_checkpoint *b) {
    assert_int_equal(a->tensor_count, b->tensor_count);
    for (int32_t i = 0; i < a->tensor_count; i++) {
        const oc_ckpt_tensor *other = oc_checkpoint_find(b, a->tensors[i].name);
        assert_non_null(other);
        assert_int_equal(other->bytes, a->tensors[i].bytes);
        void *x = oc_test_bytes_of(&a->tensors[i]), *y = oc_test_bytes_of(other);
        assert_memory_equal(x, y, other->bytes);
        free(x);
        free(y);
    }
}

/* Doubled prefixes read as plain ones; the same tensor in both spellings is refused. */
static void test_doubled_prefixes(void **state) {
    (void)state;
    oc_checkpoint *plain, *doubled;
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    const char *path = oc_test_path(folder, "model.safetensors");
    expect_opens(TINY "/quick-gelu-f32", &plain);
    save_part(plain, path, 0, 1, NULL);
    expect_opens(folder, &doubled);
    expect_equal(plain, doubled);
    const oc_ckpt_tensor *tensor =
        oc_checkpoint_find(doubled, "text_model.final_layer_norm.weight");
    assert_string_equal(tensor->file_name, "text_model.text_model.final_layer_norm.weight");
    oc_checkpoint_free(doubled);
    oc_checkpoint_free(plain);

    size_t size;
    char *bytes = oc_test_safetensors(
        "{\"text_model.a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
        "\"text_model.text_model.a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
        2, &size);
    oc_test_write(path, bytes, size);
    free(bytes);
    expect_refused(folder, OCTAVO_CORRUPT, "tensor text_model.a comes twice");
    oc_test_folder_remove(folder);
}

/* What wrappers put before all names is not a part of them, whatever else lies in the file; it is
 * noted, unless it is the model's own.  Where a part of the model is there without it, it is no
 * wrapper's. */
static void test_wrappers(void **state) {
    (void)state;
    static const struct {
        const char *prefix;
        int32_t notices;
    } cases[] = {{"clip.", 0},  {"module.", 1},           {"_orig_mod.", 1},
                 {"model.", 1}, {"base_model.model.", 1}, {"module._orig_mod.clip.", 1}};
    static const char stray[] =
        "{\"criterion.logit_scale\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}";
    static const char index[] =
        "{\"weight_map\":{\"x\":\"a.safetensors\",\"criterion.logit_scale\":"
        "\"b.safetensors\"}}";
    oc_checkpoint *plain, *wrapped;
    char folder[OC_TEST_PATH];
    size_t size;
    oc_test_folder(folder);
    expect_opens(TINY "/quick-gelu-f32", &plain);
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        const char *path = oc_test_path(folder, "model.safetensors");
        save_part(plain, path, 0, 1, cases[i].prefix);
        expect_opens(folder, &wrapped);
        assert_string_equal(wrapped->wrapper, cases[i].prefix);
        assert_int_equal(wrapped->notices.count, cases[i].notices);
        if (cases[i].notices) {
            assert_non_null(strstr(wrapped->notices.texts[0], cases[i].prefix));
        }
        expect_equal(plain, wrapped);
        oc_checkpoint_free(wrapped);
        assert_int_equal(unlink(path), 0);
    }
    save_part(plain, oc_test_path(folder, "a.safetensors"), 0, 1, "module.");
    char *bytes = oc_test_safetensors(stray, 4, &size);
    oc_test_write(oc_test_path(folder, "b.safetensors"), bytes, size);
    oc_test_write(oc_test_path(folder, "model.safetensors.index.json"), index, sizeof index - 1);
    expect_opens(folder, &wrapped);
    assert_string_equal(wrapped->wrapper, "module.");
    assert_non_null(oc_checkpoint_find(wrapped, "logit_scale"));
    assert_non_null(oc_checkpoint_find(wrapped, "criterion.logit_scale"));
    oc_checkpoint_free(wrapped);

    save_part(plain, oc_test_path(folder, "b.safetensors"), 0, 9, "");
    expect_opens(folder, &wrapped);
    assert_string_equal(wrapped->wrapper, "");
    oc_checkpoint_free(wrapped);
    oc_checkpoint_free(plain);
    free(bytes);
    oc_test_folder_remove(folder);
}

/* Writes the index of the shards made by save_part, but for tensor `skip`, in file `wrong` of the
 * last tensor; -1 and NULL for none. */
static void write_index(const oc_checkpoint *from, const char *path, int32_t skip,
                        const char *wrong, const char *more) {
    oc_buffer text;
    oc_buffer_init(&text);
    oc_buffer_text(&text, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    for (int32_t i = 0; i < from->tensor_count; i++) {
        const char *file = i % 2 ? "b.safetensors" : "a.safetensors";
        if (i != skip) {
            oc_buffer_printf(&text, "%s\"%s\":\"%s\"", i > (skip == 0) ? "," : "",
                             from->tensors[i].name,
                             wrong && i == from->tensor_count - 1 ? wrong : file);
        }
    }
    oc_buffer_printf(&text, "%s}}", more);
    oc_test_write(path, text.data, text.size);
    oc_buffer_free(&text);
}

/* Opens; there is one notice, with `part` in it, and all of `whole` is there. */
static void expect_noted(const char *folder, const oc_checkpoint *whole, const char *part) {
    oc_checkpoint *checkpoint;
    expect_opens(folder, &checkpoint);
    if (checkpoint->notices.count != 1 || !strstr(checkpoint->notices.texts[0], part)) {
        fail_msg("%d notices, the first: %s", checkpoint->notices.count,
                 checkpoint->notices.count ? checkpoint->notices.texts[0] : "");
    }
    expect_equal(whole, checkpoint);
    oc_checkpoint_free(checkpoint);
}

/* Shards open as one.  Where the index has a tensor more, less or elsewhere, that is noted, and a
 * tensor that is needed and absent is missed with the place it should be in; files stay in their
 * folder. */
static void test_shards(void **state) {
    (void)state;
    oc_checkpoint *whole, *sharded;
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    char *index = strdup(oc_test_path(folder, "model.safetensors.index.json"));
    assert_non_null(index);
    expect_opens(TINY "/quick-gelu-f32", &whole);
    save_part(whole, oc_test_path(folder, "a.safetensors"), 0, 2, "");
    save_part(whole, oc_test_path(folder, "b.safetensors"), 1, 2, "");
    write_index(whole, index, -1, NULL, "");
    expect_opens(folder, &sharded);
    assert_int_equal(sharded->file_count, 2);
    assert_int_equal(sharded->notices.count, 0);
    expect_equal(whole, sharded);
    oc_checkpoint_free(sharded);

    write_index(whole, index, 0, NULL, "");
    expect_noted(folder, whole, "the files hold 1 tensor that the index does not name: ");
    write_index(whole, index, -1, "a.safetensors", "");
    expect_noted(folder, whole, "1 tensor is in another file than the index says: ");
    write_index(whole, index, -1, NULL, ",\"x\":\"a.safetensors\",\"y\":\"a.safetensors\"");
    expect_noted(folder, whole, "the index names 2 tensors that no file holds: x and others");
    expect_opens(folder, &sharded);
    octavo_error error;
    const oc_ckpt_tensor *tensor;
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_require(sharded, "y", NULL, 0, &tensor, &error),
                     OCTAVO_NOT_FOUND);
    assert_string_equal(error.message, "tensor y is missing: the index places it in a.safetensors, "
                                       "which does not hold it");
    oc_checkpoint_free(sharded);
    write_index(whole, index, -1, NULL, ",\"x\":\"c.safetensors\"");
    expect_refused(folder, OCTAVO_NOT_FOUND, "c.safetensors");
    write_index(whole, index, -1, NULL, ",\"x\":\"../a.safetensors\"");
    expect_refused(folder, OCTAVO_CORRUPT, "is not the name of a .safetensors file");
    write_index(whole, index, -1, NULL, ",\"x\":\"/etc/passwd\"");
    expect_refused(folder, OCTAVO_CORRUPT, "is not the name of a .safetensors file");
    write_index(whole, index, -1, NULL, ",\"x\":1");
    expect_refused(folder, OCTAVO_CORRUPT, "weight_map.x");
    oc_test_write(index, "{\"weight_map\":{}}", 17);
    expect_refused(folder, OCTAVO_CORRUPT, "no tensors in its weight_map");
    oc_test_write(index, "{}", 2);
    expect_refused(folder, OCTAVO_CORRUPT, "no tensors in its weight_map");
    oc_checkpoint_free(whole);
    free(index);
    oc_test_folder_remove(folder);
}

/* What is no checkpoint is refused by what it is, with what to do instead; empty places, and those
 * where something can be named, are NOT_FOUND. */
static void test_refuses_other_files(void **state) {
    (void)state;
    static const struct {
        const char *name;
        octavo_status as_folder;
        const char *part;
    } cases[] = {
        {"modelopt_state.pth", OCTAVO_UNSUPPORTED, "export_hf_checkpoint"},
        {"pytorch_model.bin", OCTAVO_UNSUPPORTED, "a Python pickle"},
        {"clip.pt", OCTAVO_UNSUPPORTED, "save it as safetensors"},
        {"clip.onnx", OCTAVO_UNSUPPORTED, "is an ONNX file, a kind that is not read yet"},
        {"open_clip_model.safetensors", OCTAVO_UNSUPPORTED, "the model's transformers version"},
        {"open_clip_pytorch_model.bin", OCTAVO_UNSUPPORTED, "the model's transformers version"},
        {"adapter_model.safetensors", OCTAVO_UNSUPPORTED, "merge it into its base model"},
        {"model-00001-of-00002.safetensors", OCTAVO_UNSUPPORTED,
         "of which only model.safetensors.index.json says what they hold"},
        {"clip.gguf", OCTAVO_NOT_FOUND, "a checkpoint is a Hugging Face"},
    };
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    expect_refused(folder, OCTAVO_NOT_FOUND, "holds no weights");
    expect_refused(oc_test_path(folder, "a/b/c"), OCTAVO_NOT_FOUND, "no file or folder");
    const char *cache = oc_test_folders(folder, "models--me--clip");
    oc_test_folders(cache, "snapshots/abc");
    expect_refused(cache, OCTAVO_NOT_FOUND, "is the hub cache's");
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        const char *path = oc_test_path(folder, cases[i].name);
        oc_test_write(path, "x", 1);
        expect_refused(path, OCTAVO_UNSUPPORTED, cases[i].part);
        expect_refused(folder, cases[i].as_folder, cases[i].part);
        assert_int_equal(unlink(path), 0);
    }
    const char *parts = oc_test_path(folder, "modules.json");
    oc_test_write(parts, "[]", 2);
    expect_refused(folder, OCTAVO_UNSUPPORTED, "name the part that is the CLIP");
    oc_test_write(oc_test_path(folder, "tf_model.h5"), "x", 1);
    expect_refused(folder, OCTAVO_UNSUPPORTED, "its tf_model.h5 is for TensorFlow");
    /* the more telling one is named; exporters put ONNX files into a folder of their own */
    const char *onnx = oc_test_path(oc_test_folders(folder, "onnx"), "model.onnx");
    oc_test_write(onnx, "x", 1);
    expect_refused(folder, OCTAVO_UNSUPPORTED, "its model.onnx is an ONNX file");
    oc_test_write(oc_test_path(folder, "pytorch_model.bin"), "x", 1);
    expect_refused(folder, OCTAVO_UNSUPPORTED, "its pytorch_model.bin is a Python pickle");
    oc_test_write(oc_test_path(folder, "adapter_config.json"), "{}", 2);
    expect_refused(folder, OCTAVO_UNSUPPORTED, "its adapter_config.json is an adapter's");
    oc_test_copy(TINY "/f16/model.safetensors", oc_test_path(folder, "other.safetensors"));
    expect_refused(folder, OCTAVO_UNSUPPORTED, "its adapter_config.json is an adapter's");
    oc_test_write(oc_test_path(folder, "config.json"), "{}", 2);
    expect_refused(folder, OCTAVO_NOT_FOUND, "to read its other.safetensors, name that file");
    oc_test_write(oc_test_path(folder, "model.safetensors"), "", 0);
    expect_refused(folder, OCTAVO_CORRUPT, "the file is empty");
    oc_test_folder_remove(folder);
}

/* A link to nothing, as downloads that stopped leave it in the hub's cache, is not taken for a file
 * that nobody wanted: it is named with where it leads, be it weights or a file beside them. */
static void test_dead_links(void **state) {
    (void)state;
    char folder[OC_TEST_PATH];
    oc_checkpoint *checkpoint;
    octavo_error error;
    size_t size;
    char *bytes;
    oc_test_folder(folder);
    const char *path = oc_test_path(folder, "model.safetensors");
    assert_int_equal(symlink("../../blobs/gone", path), 0);
    expect_refused(folder, OCTAVO_CORRUPT,
                   "model.safetensors: it is a link to ../../blobs/gone, which is not there");
    expect_refused(path, OCTAVO_CORRUPT, "which is not there");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("gone", oc_test_path(folder, "model.safetensors.index.json")), 0);
    expect_refused(folder, OCTAVO_CORRUPT, "it is a link to gone, which is not there");
    oc_test_copy(TINY "/f16/model.safetensors", path);
    assert_int_equal(symlink("gone", oc_test_path(folder, "hf_quant_config.json")), 0);
    expect_opens(folder, &checkpoint);
    assert_true(oc_checkpoint_has(checkpoint, "hf_quant_config.json"));
    oc_error_clear(&error);
    assert_int_equal(
        oc_checkpoint_load(checkpoint, "hf_quant_config.json", 99, &bytes, &size, &error),
        OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "which is not there"));
    oc_checkpoint_free(checkpoint);
    oc_test_folder_remove(folder);
}

/* A pickle beside good weights is said to be left unread. */
static void test_notes_pickled_state(void **state) {
    (void)state;
    oc_checkpoint *checkpoint;
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    oc_test_copy(TINY "/f16/model.safetensors", oc_test_path(folder, "model.safetensors"));
    oc_test_write(oc_test_path(folder, "modelopt_state.pth"), "x", 1);
    expect_opens(folder, &checkpoint);
    assert_int_equal(checkpoint->notices.count, 1);
    assert_non_null(strstr(checkpoint->notices.texts[0], "modelopt_state.pth"));
    oc_checkpoint_free(checkpoint);
    oc_test_folder_remove(folder);
}

static void set_variables(const char *cache, const char *home, const char *xdg, const char *user) {
    setenv("HF_HUB_CACHE", cache, 1); /* an empty one counts as not set */
    setenv("HF_HOME", home, 1);
    setenv("XDG_CACHE_HOME", xdg, 1);
    setenv("HOME", user, 1);
}

/* org/name is found in the cache that the variables name, in their order; where it is not, the
 * error says where it was looked for; a revision cannot lead out of the cache. */
static void test_hub_cache(void **state) {
    (void)state;
    static const char *const caches[] = {"0", "1/hub", "2/huggingface/hub",
                                         "3/.cache/huggingface/hub"};
    oc_checkpoint *checkpoint;
    char root[OC_TEST_PATH];
    oc_test_folder(root);
    for (size_t i = 0; i < OC_COUNT(caches); i++) {
        char *base = strndup(oc_test_path(root, caches[i]), strlen(root) + 2);
        const char *cache = oc_test_folders(root, caches[i]);
        const char *refs = oc_test_folders(cache, "models--me--clip/refs");
        const char *files = oc_test_folders(cache, "models--me--clip/snapshots/abc123");
        assert_int_equal(
            symlink(TINY "/f16/model.safetensors", oc_test_path(files, "model.safetensors")), 0);
        char *revision = strdup(oc_test_path(refs, "main"));
        assert_non_null(base);
        assert_non_null(revision);
        oc_test_write(revision, "abc123\n", 7);
        set_variables(i == 0 ? base : "", i == 1 ? base : "", i <= 2 ? base : "", base);
        expect_opens("me/clip", &checkpoint);
        assert_string_equal(checkpoint->title, "me/clip");
        assert_int_equal(checkpoint->tensor_count, 78);
        oc_checkpoint_free(checkpoint);
        expect_refused("me/other", OCTAVO_NOT_FOUND, "models--me--other");
        oc_test_write(revision, "../../../etc", 12);
        expect_refused("me/clip", OCTAVO_CORRUPT, "does not hold the name of a revision");
        oc_test_write(revision, "def", 3);
        expect_refused("me/clip", OCTAVO_NOT_FOUND, "names the revision def");
        assert_int_equal(unlink(revision), 0);
        expect_refused("me/clip", OCTAVO_NOT_FOUND, "refs/main");
        free(revision);
        free(base);
    }
    set_variables("", "", "", "");
    expect_refused("me/clip", OCTAVO_NOT_FOUND, "has no folder to look in");
    expect_refused("../clip", OCTAVO_NOT_FOUND, "no file or folder ../clip");
    expect_refused("a/b/c", OCTAVO_NOT_FOUND, "no file or folder a/b/c");
    oc_test_folder_remove(root);
}

/* Card and licence are read, cut at the limit within no character, and made valid UTF-8. */
static void test_card(void **state) {
    (void)state;
    oc_checkpoint *checkpoint;
    oc_card card;
    octavo_error error;
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    oc_test_copy(TINY "/f16/model.safetensors", oc_test_path(folder, "model.safetensors"));
    expect_opens(folder, &checkpoint);
    oc_error_clear(&error);
    assert_int_equal(oc_card_load(checkpoint, &card, &error), OCTAVO_OK);
    assert_null(card.readme);
    assert_null(card.license);
    oc_card_free(&card);

    size_t size = OC_LIMIT_CARD_BYTES + 3;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    text[OC_LIMIT_CARD_BYTES - 2] = (char)0xe2; /* a euro sign over the limit */
    text[OC_LIMIT_CARD_BYTES - 1] = (char)0x82;
    text[OC_LIMIT_CARD_BYTES] = (char)0xac;
    oc_test_write(oc_test_path(folder, "README.md"), text, size);
    oc_test_write(oc_test_path(folder, "LICENSE.txt"), "MIT\xff\0!", 6);
    free(text);
    assert_int_equal(oc_card_load(checkpoint, &card, &error), OCTAVO_OK);
    assert_int_equal(strlen(card.readme), OC_LIMIT_CARD_BYTES - 2);
    assert_string_equal(card.license, "MIT\xef\xbf\xbd\xef\xbf\xbd!");
    assert_int_equal(checkpoint->notices.count, 1);
    assert_non_null(strstr(checkpoint->notices.texts[0], "README.md has 65539 bytes"));
    oc_card_free(&card);
    oc_checkpoint_free(checkpoint);
    oc_test_folder_remove(folder);
}

/* Notices beyond their number are counted, and none is needed to be there. */
static void test_notices(void **state) {
    (void)state;
    oc_notices notices = {0};
    oc_notice(NULL, "nobody listens");
    for (int i = 0; i < OC_NOTICES_MAX + 5; i++) {
        oc_notice(&notices, "notice %d", i);
    }
    assert_int_equal(notices.count, OC_NOTICES_MAX);
    assert_int_equal(notices.left_out, 5);
    assert_string_equal(notices.texts[31], "notice 31");
    oc_notices_free(&notices);
    assert_int_equal(notices.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_fixtures),
        cmocka_unit_test(test_opens_file),
        cmocka_unit_test(test_require),
        cmocka_unit_test(test_doubled_prefixes),
        cmocka_unit_test(test_wrappers),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_refuses_other_files),
        cmocka_unit_test(test_dead_links),
        cmocka_unit_test(test_notes_pickled_state),
        cmocka_unit_test(test_hub_cache),
        cmocka_unit_test(test_card),
        cmocka_unit_test(test_notices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
