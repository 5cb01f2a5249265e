/*
 * octavo.h - turn CLIP checkpoints into engine files, and run them.
 *
 *   checkpoint --octavo_build--> engine file --octavo_engine_open--> engine
 *   engine --octavo_model_load--> model --octavo_session_create--> session
 *   session --octavo_session_run--> tensors
 *
 * An engine is a loaded description: graph, tokenizer, image processor.  A
 * model is that engine on one device: its weights, packed once, and the verdict
 * of its canaries.  A session runs a model: activations, threads, nothing else,
 * so that a second session costs little.  Running a session allocates nothing.
 *
 * Ownership.  octavo_engine_open, octavo_model_load and octavo_session_create
 * give the caller one object, to be freed with the matching *_free (NULL is
 * accepted).  A session holds its model and a model its engine: they may be
 * freed in any order, and are gone when the last holder is.  Strings handed out
 * through `char **` are freed with octavo_free.  All other pointers returned are
 * borrowed and live as long as the object that was asked.
 *
 * Errors.  Every function that can fail returns octavo_status and takes an
 * octavo_error as its last argument (NULL if unwanted).  On failure every out
 * argument is NULL or zero.  Invalid input of any kind is an error, never an
 * abort; the library never prints and never exits.  A NULL where a pointer is
 * wanted is INVALID_ARGUMENT and the sentence names it; functions that cannot
 * fail accept it and answer NULL or zero.
 *
 * Growing.  Structs that the caller fills begin with struct_size and grow at
 * their end; those that travel in arrays have reserved members, which must be
 * zero.  Structs that octavo hands out by pointer grow at their end.
 *
 * Threads.  An engine or a model may be used by any number of threads at once.
 * A session runs for one thread at a time: a second one is refused with
 * BAD_STATE.  Different sessions, of one model too, run at the same time.
 */
#ifndef OCTAVO_H
#define OCTAVO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCTAVO_VERSION_MAJOR 0
#define OCTAVO_VERSION_MINOR 2
#define OCTAVO_VERSION_PATCH 0

#if defined(__GNUC__)
#define OCTAVO_API   __attribute__((visibility("default")))
#define OCTAVO_CHECK __attribute__((warn_unused_result))
#else
#define OCTAVO_API
#define OCTAVO_CHECK
#endif

/* ---- status and error --------------------------------------------------- */

/* name, value, HTTP status (see octavo_error_http), meaning.  Values up to 16 are the gRPC codes.
 * Values are never reused or renumbered. */
#define OCTAVO_STATUS_MAP(XX)                                                                      \
    XX(OK, 0, 200, "success")                                                                      \
    XX(CANCELLED, 1, 499, "cancelled by the caller")                                               \
    XX(INVALID_ARGUMENT, 3, 400, "the call itself is wrong; do not retry")                         \
    XX(DEADLINE_EXCEEDED, 4, 504, "not done in the time allowed")                                  \
    XX(NOT_FOUND, 5, 404, "no such file, tensor, input or model")                                  \
    XX(EXHAUSTED, 8, 429, "memory, or a queue, is full")                                           \
    XX(BAD_STATE, 9, 409, "right call, wrong moment")                                              \
    XX(UNSUPPORTED, 12, 501, "valid, but not implemented here")                                    \
    XX(INTERNAL, 13, 500, "a bug in octavo")                                                       \
    XX(UNAVAILABLE, 14, 503, "device or driver missing or busy; may retry")                        \
    XX(CORRUPT, 15, 500, "a file or a device holds or gives damaged data")                         \
    XX(IO, 17, 500, "the operating system failed to read or write")                                \
    XX(CANNOT_CREATE, 18, 500, "an output file or folder cannot be created")

typedef enum octavo_status {
#define XX(name, value, http, text) OCTAVO_##name = value,
    OCTAVO_STATUS_MAP(XX)
#undef XX
        OCTAVO_STATUS_MAX_ = 0x7fffffff /* keeps the enum 32 bits wide */
} octavo_status;

/* A finer reason where a caller may want to tell cases of one status apart. */
typedef enum octavo_cause {
    OCTAVO_CAUSE_NONE = 0,
    OCTAVO_CAUSE_CANARY = 1, /* CORRUPT: the device computed a wrong answer */
    OCTAVO_CAUSE_INPUT = 2,  /* what one request brought is at fault: an image, a text, a tensor;
                              * not an engine, a checkpoint or the machine */
    OCTAVO_CAUSE_MAX_ = 0x7fffffff
} octavo_cause;

#define OCTAVO_NO_OFFSET UINT64_MAX

/* What went wrong, where in the input, and where in octavo.  Plain data, owned
 * by the caller, never allocated.  Filled once, by the function that detects
 * it. */
typedef struct octavo_error {
    octavo_status status;
    octavo_cause cause;
    uint64_t offset;    /* byte in the input file; OCTAVO_NO_OFFSET if none */
    const char *source; /* octavo source file that reports it; static */
    int32_t line;       /* line in that source file */
    int32_t reserved;
    char path[256];    /* the file at fault, or "" */
    char message[736]; /* one sentence, with the values that disagree */
} octavo_error;

OCTAVO_API const char *octavo_status_name(octavo_status status); /* "NOT_FOUND"; NULL: no status */

/* The HTTP status for an error: that of OCTAVO_STATUS_MAP, but where the request is at fault
 * (cause INPUT) 415 for UNSUPPORTED and 400 for CORRUPT.  NULL: 200. */
OCTAVO_API int32_t octavo_error_http(const octavo_error *error);

OCTAVO_API uint32_t octavo_version(void); /* major << 16 | minor << 8 | patch */

/* Frees a string that octavo handed out through `char **`.  NULL is accepted. */
OCTAVO_API void octavo_free(void *pointer);

/* ---- tensors -------------------------------------------------------------- */

/* name, value, safetensors spelling, bytes an element */
#define OCTAVO_DTYPE_MAP(XX)                                                                       \
    XX(F32, 1, "F32", 4)                                                                           \
    XX(F16, 2, "F16", 2)                                                                           \
    XX(BF16, 3, "BF16", 2)                                                                         \
    XX(F8_E4M3, 4, "F8_E4M3", 1) /* OCP e4m3fn: largest 448, no infinity */                        \
    XX(F8_E5M2, 5, "F8_E5M2", 1)                                                                   \
    XX(F8_E8M0, 6, "F8_E8M0", 1)                                                                   \
    XX(U8, 7, "U8", 1)                                                                             \
    XX(I32, 8, "I32", 4)                                                                           \
    XX(I64, 9, "I64", 8)

typedef enum octavo_dtype {
#define XX(name, value, text, bytes) OCTAVO_##name = value,
    OCTAVO_DTYPE_MAP(XX)
#undef XX
        OCTAVO_DTYPE_MAX_ = 0x7fffffff
} octavo_dtype;

OCTAVO_API const char *octavo_dtype_name(octavo_dtype dtype); /* "F8_E4M3"; NULL: no dtype */
OCTAVO_API size_t octavo_dtype_bytes(octavo_dtype dtype);     /* of an element; 0: no dtype */

#define OCTAVO_MAX_RANK 4

/* Where a tensor's memory lies. */
typedef enum octavo_memory {
    OCTAVO_MEMORY_HOST = 0,
    OCTAVO_MEMORY_CUDA = 1, /* of card `device`: a session there takes it as it lies */
    OCTAVO_MEMORY_MAX_ = 0x7fffffff
} octavo_memory;

/* A view of memory; owns nothing.  shape[0] is the slowest dimension.  strides are in elements;
 * all zero: dense, row-major, which is what this version takes.  The data are aligned to the
 * element size at least.  Those of an input are only read: set const_data. */
typedef struct octavo_tensor {
    octavo_dtype dtype;
    int32_t rank;
    int64_t shape[OCTAVO_MAX_RANK];
    union {
        void *data;
        const void *const_data;
    };
    int64_t strides[OCTAVO_MAX_RANK];
    octavo_memory memory;
    int32_t device;       /* number of the device whose memory it is; 0 for the host's */
    uint32_t flags;       /* 0 */
    uint32_t reserved[5]; /* 0 */
} octavo_tensor;

/* ---- build: checkpoint -> engine file ------------------------------------- */

typedef enum octavo_precision {
    OCTAVO_AS_CHECKPOINT = 0, /* what the checkpoint says, tensor by tensor */
    OCTAVO_PRECISION_F16 = 1, /* every FP8 weight widened to F16, activations not quantized */
    OCTAVO_PRECISION_BF16 = 2,
    OCTAVO_PRECISION_MAX_ = 0x7fffffff
} octavo_precision;

/* Called now and then with done of total units of work (bytes or items), by the thread that
 * called octavo.  Returns 0 to go on; anything else cancels: the function ends with CANCELLED and
 * leaves nothing half-written. */
typedef int32_t (*octavo_progress)(void *user, const char *what, uint64_t done, uint64_t total);

typedef struct octavo_build_options {
    size_t struct_size; /* sizeof(octavo_build_options) */
    octavo_precision precision;
    int32_t strict;   /* 1: anything that falls back, or is not read, is UNSUPPORTED */
    int32_t threads;  /* 0: one for each usable core */
    int32_t verify;   /* 1: add whole-model canaries and run every canary on the written file */
    const char *keep; /* "GLOB=f16[,GLOB=f16...]": linear layers pinned to 16 bit; NULL: none */
    octavo_progress progress;
    void *progress_user;
} octavo_build_options;

/* Reads the checkpoint at `checkpoint` (a Hugging Face folder, a .safetensors
 * file with its config.json beside it, or `org/name` found in the local hub
 * cache) and writes the engine file `engine` (temporary name, sync, rename: a
 * reader sees all of it or nothing).  Deterministic: the same input, options
 * and octavo version give the same bytes.  options may be NULL.  report, unless
 * NULL, receives the build report as JSON text (octavo_free).
 *   INVALID_ARGUMENT  an option out of range, or a glob in `keep` that matches no linear layer
 *   NOT_FOUND      no such checkpoint, or a tensor that the config asks for is missing
 *   CORRUPT        a malformed file; error->offset says where
 *   UNSUPPORTED    an architecture, layout or dtype that is not read here, named
 *   CANNOT_CREATE  the engine file cannot be created
 *   CANCELLED      progress said so
 *   IO             reading or writing failed: a full disk, a file cut short meanwhile */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_build(const char *checkpoint, const char *engine,
                                                   const octavo_build_options *options,
                                                   char **report, octavo_error *error);

/* ---- engine ---------------------------------------------------------------- */

typedef struct octavo_engine octavo_engine;

enum { OCTAVO_IMAGE = 1, OCTAVO_TEXT = 2 }; /* towers */

typedef struct octavo_engine_info {
    int32_t towers;        /* OCTAVO_IMAGE | OCTAVO_TEXT */
    int32_t image_size;    /* pixels a side that the image tower takes; 0 without one */
    int32_t embed_dim;     /* width of the embeddings */
    int32_t tokens_max;    /* longest text in tokens, both ends counted; 0 without a text tower */
    int32_t pad_id;        /* token id that fills short rows of input_ids */
    float logit_scale;     /* exp(logit_scale): multiplies cosines into logits */
    const char *name;      /* as the checkpoint calls it, or its folder's name */
    const char *precision; /* "FP8 (per tensor, static)", "F16", ... */
} octavo_engine_info;

/* Opens and checks an engine file; weights are not read yet.
 *   NOT_FOUND    no such file
 *   CORRUPT      not an engine file, truncated, or a checksum differs
 *   UNSUPPORTED  written by a newer octavo: both versions are named */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_engine_open(const char *path, octavo_engine **out,
                                                         octavo_error *error);

/* The same from memory: the bytes of an engine file, borrowed until the engine is gone.  `name`
 * stands for the path in errors; NULL: "(memory)". */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_engine_open_memory(const void *data, size_t bytes,
                                                                const char *name,
                                                                octavo_engine **out,
                                                                octavo_error *error);
OCTAVO_API void octavo_engine_free(octavo_engine *engine);
OCTAVO_API const octavo_engine_info *octavo_engine_describe(const octavo_engine *engine);

/* Text to token ids, exactly as the checkpoint's own tokenizer: begin token,
 * BPE, end token; longer texts are cut to tokens_max with the end token kept.
 * `text` is UTF-8, `bytes` long (invalid sequences become U+FFFD).  ids holds
 * tokens_max entries; *count receives how many were written and *full_count
 * (unless NULL) how many the uncut text has.
 *   NOT_FOUND  the engine has no text tower or no tokenizer */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_tokenize(const octavo_engine *engine, const char *text,
                                                      size_t bytes, int32_t *ids, int32_t *count,
                                                      int32_t *full_count, octavo_error *error);

/* An image file (JPEG, PNG or WebP, told by its content) to the pixels that the
 * model takes: decoded, turned by its EXIF orientation, converted to RGB,
 * resized and cropped exactly as the checkpoint's image processor does.
 * pixels receives image_size * image_size * 3 bytes, rows first, RGB.
 *   NOT_FOUND, IO  the file; the engine has no image tower
 *   CORRUPT        truncated or malformed
 *   UNSUPPORTED    not one of the three formats, or larger than the limits of docs/limits.md */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_preprocess_file(const octavo_engine *engine,
                                                             const char *path, uint8_t *pixels,
                                                             octavo_error *error);
/* The same from memory. */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_preprocess(const octavo_engine *engine,
                                                        const void *data, size_t bytes,
                                                        uint8_t *pixels, octavo_error *error);

/* ---- model -------------------------------------------------------------------- */

typedef struct octavo_model octavo_model;

/* model flag: sessions can be asked for vision.hidden.N and text.hidden.N */
enum { OCTAVO_KEEP_HIDDEN = 1 };

typedef struct octavo_model_options {
    size_t struct_size;  /* sizeof(octavo_model_options) */
    const char *device;  /* "auto", "cpu", "cuda", "cuda:N", "cuda:N:mma" or "ref"; NULL: auto */
    const char *tier;    /* CPU tier by name, such as "avx2"; NULL: the best this machine has */
    const char *disable; /* names of savings to leave out, comma between; NULL: none */
    int32_t towers;      /* OCTAVO_IMAGE, OCTAVO_TEXT or both; 0: all that the engine has */
    int32_t threads;     /* that pack the weights; 0: one for each usable core */
    int32_t flags;       /* OCTAVO_KEEP_HIDDEN */
    int32_t reserved;    /* 0 */
    octavo_progress progress; /* NULL: none */
    void *progress_user;
} octavo_model_options;

/* Reads the weights once, straight into the device's packed layout, checks them and runs the
 * canaries on the device.  options may be NULL.
 *   INVALID_ARGUMENT  an option that disagrees with the engine; unknown names are listed
 *   UNAVAILABLE       no such device or tier on this machine
 *   EXHAUSTED         not enough memory
 *   CANCELLED         progress said so
 *   CORRUPT           a checksum differs; cause CANARY: a wrong answer, by how much */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_model_load(octavo_engine *engine,
                                                        const octavo_model_options *options,
                                                        octavo_model **out, octavo_error *error);
OCTAVO_API void octavo_model_free(octavo_model *model);

typedef struct octavo_model_info {
    int32_t towers;           /* OCTAVO_IMAGE | OCTAVO_TEXT */
    int32_t flags;            /* OCTAVO_KEEP_HIDDEN */
    uint64_t weight_bytes;    /* packed weights and canaries, shared by all sessions */
    double canary_share;      /* how far the worst canary was off, of what it may: 0.3 is 30 % */
    const char *device;       /* "cpu" */
    const char *device_about; /* "avx2" */
} octavo_model_info;

OCTAVO_API const octavo_model_info *octavo_model_describe(const octavo_model *model);

/* ---- session ---------------------------------------------------------------- */

typedef struct octavo_session octavo_session;

typedef struct octavo_session_options {
    size_t struct_size; /* sizeof(octavo_session_options) */
    int32_t batch_max;  /* rows of one run; 0: 8 */
    int32_t tokens_max; /* text tokens of one run in all; 0: batch_max times the engine's */
    int32_t threads;    /* 0: one for each usable core */
    int32_t towers;     /* of the model's, those that this session runs; 0: all of them */
} octavo_session_options;

/* Activations and threads for running a model.  options may be NULL.
 *   INVALID_ARGUMENT  an option that disagrees with the model
 *   EXHAUSTED         not enough memory */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_session_create(octavo_model *model,
                                                            const octavo_session_options *options,
                                                            octavo_session **out,
                                                            octavo_error *error);
OCTAVO_API void octavo_session_free(octavo_session *session);

typedef struct octavo_session_info {
    int32_t towers;     /* OCTAVO_IMAGE | OCTAVO_TEXT */
    int32_t batch_max;  /* images, and texts, of one run at most */
    int32_t tokens_max; /* text tokens of one run in all at most, as they are computed */
    int32_t threads;
    uint64_t bytes; /* of activations and scratch: what this session adds to its model */
} octavo_session_info;

OCTAVO_API const octavo_session_info *octavo_session_describe(const octavo_session *session);

/* One input or output by name.  In shape, -1 is the number of images, -2 the
 * number of texts, -3 the row length of input_ids. */
typedef struct octavo_binding {
    const char *name;
    int32_t is_output;
    int32_t rank;
    int64_t shape[OCTAVO_MAX_RANK];
    uint32_t dtypes; /* bit (1u << octavo_dtype) set for each dtype accepted */
} octavo_binding;

OCTAVO_API int32_t octavo_session_binding_count(const octavo_session *session);
OCTAVO_API const octavo_binding *octavo_session_binding(const octavo_session *session, int32_t i);

typedef struct octavo_argument {
    const char *name;
    octavo_tensor tensor;
    uint64_t reserved[2]; /* 0 */
} octavo_argument;

typedef struct octavo_run_options {
    size_t struct_size; /* sizeof(octavo_run_options) */
    int64_t timeout_us; /* microseconds from the call on; 0: as long as it takes */
    /* A CUstream of the session's card whose work so far the run waits for before it reads or
     * writes a tensor there (1: the legacy default stream, 2: that of the thread, as in DLPack);
     * NULL: what the caller does with those tensors is over. */
    void *stream;
} octavo_run_options;

/* Runs once and waits.  options may be NULL.
 *
 * Inputs: pixels U8 [B,S,S,3] or pixel_values F32 [B,3,S,S]; input_ids I32 or I64 [B,L],
 * attention_mask I32 or I64 [B,L] (optional).
 * Outputs, each written in full, F32: image_embeds, text_embeds [B,D] (L2-normalised),
 * image_embeds_raw, text_embeds_raw, logits_per_image [images, texts]; with OCTAVO_KEEP_HIDDEN
 * also vision.hidden.N and text.hidden.N [B,T,W].
 * An image-only or a text-only call on a two-tower session is normal.  The bits of a row do not
 * depend on the other rows, nor on the number of threads.
 *
 * Tensors lie in the host's memory.  Those of a session on a card may also lie in the memory of
 * that card (OCTAVO_MEMORY_CUDA): pixels and pixel_values are read there, and embeddings and logits
 * written there, without a copy on the host; dense, as all are, and of its primary context.
 * input_ids and attention_mask are the host's, where texts are cut and repetitions found before a
 * run begins, and so are hidden states, which are widened there.  When the call returns, what it
 * wrote is there for every stream.  Host memory that is pinned is uploaded as it lies; other memory
 * is copied by several of the session's threads first, which costs little where there are eight.
 *
 *   INVALID_ARGUMENT   a tensor disagrees with its binding, or does not lie where it says; a token
 *                      id is outside the vocabulary, an output lacks its input, or rows exceed
 *                      batch_max
 *   BAD_STATE          another thread is running this session
 *   DEADLINE_EXCEEDED  not done within timeout_us; the outputs are undefined, and inputs in a
 * card's or in pinned memory may be read until the session's next run ends */
OCTAVO_API OCTAVO_CHECK octavo_status
octavo_session_run(octavo_session *session, const octavo_argument *inputs, int32_t input_count,
                   const octavo_argument *outputs, int32_t output_count,
                   const octavo_run_options *options, octavo_error *error);

/* Begins a run, as octavo_session_run does, and returns; octavo_session_wait ends it.  A device
 * with threads of its own works meanwhile: two sessions of one model keep it busy, one uploading
 * while the other computes.  The CPU has done the work when this returns, and so has a call that
 * asks for several towers.  Tensors and the arrays of arguments are borrowed until the wait is
 * over; one run of a session at a time.
 *
 *   BAD_STATE  this session is running, or has a run that was not waited for
 *   ...        octavo_session_run's */
OCTAVO_API OCTAVO_CHECK octavo_status
octavo_session_submit(octavo_session *session, const octavo_argument *inputs, int32_t input_count,
                      const octavo_argument *outputs, int32_t output_count,
                      const octavo_run_options *options, octavo_error *error);

/* Returns when that run is done and its outputs are written, at the latest after timeout_us
 * microseconds (0: as long as it takes).  Any thread, one at a time.
 *
 *   DEADLINE_EXCEEDED  not done; it goes on, and may be waited for again
 *   BAD_STATE          nothing was submitted, or another thread waits for it
 *   ...                octavo_session_run's */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_session_wait(octavo_session *session,
                                                          int64_t timeout_us, octavo_error *error);

/* Runs the canaries of the session's towers once more, on this session's threads and memory, but
 * for those of many rows: whether the device still computes what the engine was built for.  A
 * server's readiness asks this.  Allocates nothing.  Sessions of one model take turns.
 *   CORRUPT    cause CANARY: a wrong answer, by how much
 *   BAD_STATE  another thread is running this session */
OCTAVO_API OCTAVO_CHECK octavo_status octavo_session_check(octavo_session *session,
                                                           octavo_error *error);

#ifdef __cplusplus
}
#endif
#endif /* OCTAVO_H */
