/* tool.h - what only octavo's own programs need beside octavo.h.  Not installed.
 *
 * Reports are JSON text, to be freed with octavo_free; apps render them for people.
 * Ownership, errors and threads as in octavo.h.
 */
#ifndef OC_API_TOOL_H
#define OC_API_TOOL_H

#include "octavo.h"

/* -- looking ------------------------------------------------------------------------------ */

enum { OCTAVO_INSPECT_VERIFY = 1, OCTAVO_INSPECT_GRAPH = 2, OCTAVO_INSPECT_TENSORS = 4 };

/* What an engine file holds:
 * {"file","format":"1.0","bytes","name","precision","towers":["image","text"],"producer",
 *  "image":{"size","patch","width","layers","heads","tokens"},"text":{"width","layers","heads",
 *  "tokens","vocabulary","end_of_text"},"embed_dim","operands":[{"dtype","tensors","bytes"}...],
 *  "sections":[{"name","offset","bytes","checksum"}...],"canaries":{"part","model"},
 *  "tuned":[{"model","software","octavo","date","choices":N}...],
 *  "reference":{"towers":[{"tower","rows"}...],"quantizers"}|{"problem"}|null,
 *  "calibration":{...}|null,"card":"..."|null, "graph":"text" (with _GRAPH),
 *  "tensors":[{"name","dtype","shape","bytes"}...] (with _TENSORS), "verified":true (with _VERIFY)}
 * _VERIFY reads every weight byte against its checksum and runs all canaries. */
OCTAVO_CHECK octavo_status octavo_tool_inspect(const char *path, int32_t flags, char **out,
                                               octavo_error *error);

/* Why each step of a session runs as it does:
 * {"device":"cpu","about":"avx2, 2 threads","bytes","canary_share",
 *  "savings":[{"name","on":true,"text"}...],
 *  "programs":[{"name":"image","arena_bytes","scratch_bytes","seconds" (when profiling),
 *   "steps":[{"name","kind","kernel","what":"e4m3 x weight + bias ->
 * f32","why","operands":"F8_E4M3",
 *    "choice":{"by":"model","rows","chosen":{"text","name","microseconds"},"next":{...},"stale"},
 *    "seconds","flop","bytes","codes":{"saturated","zero","largest"}}...]}...]}
 * choice is there where the device can do the step in several ways: the one that is taken, and the
 * runner-up unless there is none.  by "model": times are what the device expects; stale: octavo
 * tune measured a way that this octavo lacks.  by "tuning": times were measured, and "octavo",
 * "software" and "date" say by which, with which driver, and when. A device that wants plans for
 * smaller runs too shows that of the largest; when profiling those that ran, each a program with
 * "rows_max": the images, or tokens of texts, that it holds. seconds, flop, bytes and codes are
 * there when profiling, summed over the runs; flop and bytes are the least work of the step: its
 * products, each operand read and each result written once; codes of steps whose results are FP8:
 * the shares of
 * +-448 and of zero, and the largest code's value (448 at most). */
OCTAVO_CHECK octavo_status octavo_tool_explain(const octavo_session *session, char **out,
                                               octavo_error *error);

/* Step times are summed, and codes counted, from now on (1) or no more (0). */
OCTAVO_CHECK octavo_status octavo_tool_profile(octavo_session *session, int32_t on,
                                               octavo_error *error);

/* What this machine offers and what will be used where this tier (NULL: the best) and so many
 * threads (0: one for each usable core) are asked for:
 * {"version","cpu":{"model","cores","usable_cores","tiers":[{"name","available","lacks","default"}...],
 *  "peaks":[{"name":"fp32","gflops"}...],"features":["avx2",...]},"will_use":"cpu (avx2, 2
 * threads)"|null,"problems":["..."],
 *  "gpus":[{"device":"cuda:0","available","about","tiers":[{"name","default"}...]}...],"libraries":{"libpng":"...",...},"environment":{...},"notes":["..."]}
 * What cannot be had is a problem in the report, and no error. */
OCTAVO_CHECK octavo_status octavo_tool_doctor(const char *tier, int32_t threads, char **out,
                                              octavo_error *error);

/* -- files -------------------------------------------------------------------------------- */

/* The tensors of a .safetensors file, in its order; data is aligned and writable.  One of a dtype
 * or rank that octavo does not compute with is named only: its dtype is 0, its data NULL. */
typedef struct octavo_tool_tensors {
    octavo_argument *items;
    const char **dtypes; /* as the file spells them */
    int32_t count;
    void *memory;
} octavo_tool_tensors;

OCTAVO_CHECK octavo_status octavo_tool_tensors_load(const char *path, octavo_tool_tensors *out,
                                                    octavo_error *error);
void octavo_tool_tensors_free(octavo_tool_tensors *tensors);
OCTAVO_CHECK octavo_status octavo_tool_tensors_save(const char *path, const octavo_argument *items,
                                                    int32_t count, octavo_error *error);

/* A list of texts or paths. */
typedef struct octavo_tool_list {
    const char **items;
    int32_t count;
    void *memory;
} octavo_tool_list;

/* The image files of a folder and its folders, sorted, as "folder/a/b.png": those whose names end
 * as an image's, links to nothing with them.  *others counts the other files. */
OCTAVO_CHECK octavo_status octavo_tool_find_images(const char *folder, octavo_tool_list *out,
                                                   int32_t *others, octavo_error *error);
/* The texts of a file in UTF-8: a line each, or a JSON array of strings.  Empty lines count only
 * where keep_empty is not 0. */
OCTAVO_CHECK octavo_status octavo_tool_read_texts(const char *path, int32_t keep_empty,
                                                  octavo_tool_list *out, octavo_error *error);
void octavo_tool_list_free(octavo_tool_list *list); /* a zeroed one is accepted */

/* -- embedding ---------------------------------------------------------------------------- */

/* Who hears what happens meanwhile; all on the caller's thread, each may be NULL. */
typedef struct octavo_tool_listener {
    octavo_progress progress;
    void (*notice)(void *user, const char *sentence);
    /* A file that cannot be used, and why.  Another answer than OK ends the call with that
     * error. */
    octavo_status (*left_out)(void *user, const char *file, const octavo_error *why);
    void *user; /* of all three */
} octavo_tool_listener;

/* Sessions of one engine, made with the same options: on one device, or on a card each.  They take
 * batches in turn and work side by side. */
typedef struct octavo_tool_sessions {
    octavo_session *const *items;
    int32_t count;
} octavo_tool_sessions;

/* Image files to out F32 [count, embed_dim], L2-normalised: *rows of them are written, in order;
 * items[row] is the index of the file.  Files are decoded by the first session's number of threads.
 * Where there are several sessions, the sentence of an error begins with the device. */
OCTAVO_CHECK octavo_status octavo_tool_embed_images(const octavo_engine *engine,
                                                    const octavo_tool_sessions *sessions,
                                                    const char *const *paths, int32_t count,
                                                    const octavo_tool_listener *listener,
                                                    float *out, int32_t *items, int32_t *rows,
                                                    octavo_error *error);
/* Texts to out F32 [count, embed_dim], L2-normalised.  Notices tell of texts that were cut. */
OCTAVO_CHECK octavo_status octavo_tool_embed_texts(const octavo_engine *engine,
                                                   const octavo_tool_sessions *sessions,
                                                   const char *const *texts, int32_t count,
                                                   const octavo_tool_listener *listener, float *out,
                                                   octavo_error *error);

/* -- zero-shot ---------------------------------------------------------------------------- */

/* Class embeddings: each label through each template (every "{}" is replaced; NULL templates: the
 * label alone), L2-normalised, averaged, normalised again.  A notice tells of equal labels.
 *   INVALID_ARGUMENT  a template without "{}"; no labels, or too many */
typedef struct octavo_tool_classes octavo_tool_classes;

/* INVALID_ARGUMENT for the first template without "{}". */
OCTAVO_CHECK octavo_status octavo_tool_check_templates(const char *const *templates, int32_t count,
                                                       octavo_error *error);

OCTAVO_CHECK octavo_status octavo_tool_classes_create(
    const octavo_engine *engine, octavo_session *session, const char *const *labels,
    int32_t label_count, const char *const *templates, int32_t template_count,
    const octavo_tool_listener *listener, octavo_tool_classes **out, octavo_error *error);
void octavo_tool_classes_free(octavo_tool_classes *classes);

/* embeds F32 [label_count, embed_dim] */
const float *octavo_tool_classes_embeds(const octavo_tool_classes *classes);

/* Softmax over labels of logit_scale * cosine; image F32 [embed_dim] -> scores [label_count]. */
void octavo_tool_classes_score(const octavo_tool_classes *classes, const float *image,
                               float *scores);

/* -- evaluation --------------------------------------------------------------------------- */

/* Zero-shot over class folders.  labels.json is {"templates":[...],"classes":{"folder":"label"}};
 * images: those of each folder as octavo_tool_find_images has them, folders in the order of
 * "classes".  Notices tell of files and folders that are not looked at. */
typedef struct octavo_tool_eval {
    int32_t images, classes, embed_dim;
    int32_t skipped;            /* images that could not be read */
    double top1, top5;          /* shares of images */
    double top1_ci95[2];        /* Wilson */
    double images_per_s;        /* decoding counted */
    int32_t *predicted, *truth; /* [images] class numbers */
    float *embeds;              /* [images, embed_dim] */
    float *class_embeds;        /* [classes, embed_dim] */
    char **files;               /* [images] relative to the data folder */
    char **class_names;         /* [classes] folders */
} octavo_tool_eval;

OCTAVO_CHECK octavo_status octavo_tool_eval_run(const octavo_engine *engine,
                                                const octavo_tool_sessions *sessions,
                                                const char *data, const char *labels,
                                                const octavo_tool_listener *listener,
                                                octavo_tool_eval *out, octavo_error *error);
void octavo_tool_eval_free(octavo_tool_eval *eval);

typedef struct octavo_tool_eval_delta {
    double agreement;               /* share of images with one prediction */
    double cosine_mean, cosine_min; /* of image embeddings */
    double delta_top1;              /* a - b, shares */
    int32_t only_a, only_b;         /* right in a only, in b only */
    double mcnemar_p;               /* exact, two-sided */
    double worse_p; /* one-sided: small where a is worse than b by more than chance */
} octavo_tool_eval_delta;

/*   INVALID_ARGUMENT  the two saw other images */
OCTAVO_CHECK octavo_status octavo_tool_eval_compare(const octavo_tool_eval *a,
                                                    const octavo_tool_eval *b,
                                                    octavo_tool_eval_delta *out,
                                                    octavo_error *error);

/* -- quantize ----------------------------------------------------------------------------- */

typedef struct octavo_tool_quantize_options {
    const char *images, *texts; /* a folder; a file with a text a line; either may be NULL if the
                                   checkpoint has no such tower, or none of it is quantized */
    const char *layout;         /* "modelopt" or "compressed-tensors"; NULL: modelopt */
    const char *method;         /* "absmax", "percentile", "mse"; NULL: absmax */
    const char *skip;           /* globs of modules left in 16 bit, comma between; NULL: none */
    int32_t limit;              /* images and texts at most; 0: all */
    int32_t threads;
    octavo_progress progress;
    void *progress_user;
    const char *device; /* that calibrates: "auto", "cpu", "ref"; NULL: auto */
} octavo_tool_quantize_options;

/* Writes the FP8 folder `out` (it appears whole or not at all).  FP8 become the linear modules of
 * all layers; embeddings, norms and projections never do.  Modules that are FP8 already stay.
 * report, unless NULL: {"checkpoint","folder","layout","method","seconds","images","texts",
 *  "reference":{"images","texts"},
 *  "modules":[{"name","amax","input_scale","range","saturated","weight_amax","weight_scale",
 *  "input_error","weight_error","error"}...],"excluded":["..."],"notices":["..."]}; amax is of the
 * module's input, range 448 * input_scale, saturated the share of inputs over it; errors are
 * relative rms: of the rounded input on the calibration data, of the rounded weight, and what is to
 * be expected of the product of both.
 *   INVALID_ARGUMENT  an option that is none; a skip glob that matches no module; nothing left to
 *                     quantize; a tower without data to calibrate it on
 *   NOT_FOUND         no such file or folder; no images in the folder; no tokenizer
 *   CORRUPT           none of the images can be read; no text in the file; weights or activations
 *                     that are not finite; a malformed checkpoint
 *   UNSUPPORTED       as octavo_build
 *   CANNOT_CREATE     out exists and is not an empty folder, or cannot be made
 *   IO                reading or writing failed, a full disk included */
OCTAVO_CHECK octavo_status octavo_tool_quantize(const char *checkpoint, const char *out,
                                                const octavo_tool_quantize_options *options,
                                                char **report, octavo_error *error);

/* Writes `out`, the checkpoint with its FP8 weights in 16 bit (OCTAVO_PRECISION_F16 or _BF16) and
 * without a word of quantization; it appears whole or not at all.  *modules: how many were FP8.
 *   INVALID_ARGUMENT  another precision; nothing in the checkpoint is FP8
 *   CANCELLED         progress said so
 *   CORRUPT           a weight that F16 cannot hold; a malformed checkpoint
 *   others            as octavo_tool_quantize */
OCTAVO_CHECK octavo_status octavo_tool_widen(const char *checkpoint, const char *out,
                                             octavo_precision precision, octavo_progress progress,
                                             void *user, int32_t *modules, octavo_error *error);

/* -- watching ----------------------------------------------------------------------------- */

/* What is run through an engine, to learn from or to compare. */
typedef struct octavo_tool_watch_data {
    const char *images; /* a folder, which is taken in a shuffled order, or a file with a path a
                           line, in its order; NULL: none */
    const char *texts;  /* a file with a text a line; NULL: none */
    int32_t limit;      /* images and texts at most; 0: all */
    int32_t threads;
    const char *device, *tier, *disable; /* as octavo_model_options */
} octavo_tool_watch_data;

/* Learns what embeddings, inputs and FP8 codes of an engine are like on this data, and writes
 * `out`: the engine with that as its section REFERENCE, in the place of the one that it had.  `out`
 * may be the engine itself: there is the old file or the new one at any time, and the old one after
 * an error. report, unless NULL: {"file","engine","device","seconds","images","texts","skipped",
 *  "quantizers","reference_bytes"}
 *   INVALID_ARGUMENT  no data; fewer than 32 images or texts
 *   NOT_FOUND         no such file or folder, or no image in it; no such tower; no tokenizer
 *   CORRUPT           none of the images can be read; there is no text in the file
 *   CANNOT_CREATE     out cannot be made
 *   CANCELLED         progress said so
 *   others            as octavo_engine_open, octavo_model_load and octavo_session_run */
OCTAVO_CHECK octavo_status octavo_tool_calibrate(const char *engine, const char *out,
                                                 const octavo_tool_watch_data *data,
                                                 const octavo_tool_listener *listener,
                                                 char **report, octavo_error *error);

/* Compares the traffic of a model with the reference of its engine while it runs; docs/drift.md
 * says how.  Holds the engine.  Memory is bounded, no input and no embedding is kept.
 * Threads: any, for all functions but create and free. */
typedef struct octavo_tool_watch octavo_tool_watch;

typedef struct octavo_tool_watch_options {
    double false_alarms; /* chance, at most, that one comparison of one statistic exceeds what it
                            allows for where nothing has changed; 0: 1e-6 */
    double tolerance;    /* times all thresholds; 0: 1 */
    double budget;  /* share of one core's time for looking at rows; 0: without limit.  A server
                       says 0.01. */
    int32_t window; /* rows that are compared; 0: 1000; below 0: all, from the first on */
} octavo_tool_watch_options;

/* options NULL: the defaults.
 *   INVALID_ARGUMENT  an option out of range
 *   NOT_FOUND         the engine has no reference
 *   CORRUPT, UNSUPPORTED  a reference that cannot be read: octavo calibrate makes a new one */
OCTAVO_CHECK octavo_status octavo_tool_watch_create(octavo_engine *engine,
                                                    const octavo_tool_watch_options *options,
                                                    octavo_tool_watch **out, octavo_error *error);
void octavo_tool_watch_free(octavo_tool_watch *watch); /* NULL is accepted */

/* Some of the session's runs count FP8 codes from now on, as octavo_tool_watch_run finds.  Without
 * this, saturation and underflow are not watched.  Ends octavo_tool_profile. */
OCTAVO_CHECK octavo_status octavo_tool_watch_session(octavo_session *session, octavo_error *error);

/* Looks at a run that has just ended, on the session's thread: its inputs (brightness; length of
 * texts), and image_embeds_raw or text_embeds_raw among its outputs, or else image_embeds or
 * text_embeds, which do not tell norms.  Tensors in a card's memory are not looked at.
 * sizes [images, 2]: width and height of the picture that each image was; NULL, or 0: not known.
 * About 10 us a row of 512 dimensions; it cannot fail. */
void octavo_tool_watch_run(octavo_tool_watch *watch, octavo_session *session,
                           const octavo_argument *inputs, int32_t input_count,
                           const octavo_argument *outputs, int32_t output_count,
                           const int32_t *sizes);

/* -1 nothing is known yet, 0 ok, 1 warning, 2 alarm: the worst of all statistics.  Costs nothing.
 */
int32_t octavo_tool_watch_state(const octavo_tool_watch *watch);

/* The latest comparison of one statistic; names are static, or live as long as the watch. */
typedef struct octavo_tool_watch_value {
    const char *tower, *name; /* "image", "mmd" */
    int32_t state;            /* 0 ok, 1 warning, 2 alarm */
    double distance, chance, sure;
    int64_t rows_watched; /* of the tower, so far */
} octavo_tool_watch_value;

enum { OCTAVO_WATCH_VALUES_MAX = 32 };

/* Those of all statistics that are known, at most `capacity`; returns how many. */
int32_t octavo_tool_watch_values(octavo_tool_watch *watch, octavo_tool_watch_value *out,
                                 int32_t capacity);

/* The object that docs/drift.md describes, on one line; history: with the latest 240 comparisons.
 */
OCTAVO_CHECK octavo_status octavo_tool_watch_report(octavo_tool_watch *watch, int32_t history,
                                                    char **out, octavo_error *error);

/* Compares this data with an engine's reference.  report: as octavo_tool_watch_report.
 * Errors: those of octavo_tool_calibrate and octavo_tool_watch_create. */
OCTAVO_CHECK octavo_status octavo_tool_drift(const char *engine, const octavo_tool_watch_data *data,
                                             const octavo_tool_watch_options *options,
                                             const octavo_tool_listener *listener, char **report,
                                             octavo_error *error);

/* Width and height of an image file in memory, as it is looked at; only its header is read.
 *   CORRUPT, UNSUPPORTED  as octavo_preprocess */
OCTAVO_CHECK octavo_status octavo_tool_image_size(const void *data, size_t bytes, int32_t *width,
                                                  int32_t *height, octavo_error *error);

/* -- GPU kernels -------------------------------------------------------------------------- */

typedef struct octavo_tool_pack_options {
    const char *architectures; /* "sm_90a", several with commas between */
    const char *batches;       /* rows of sessions, "16,64"; the smaller sizes that these run by
                                        themselves are with them; NULL: 1 to 16 */
    const char *disable;       /* as octavo_model_options.disable */
    int32_t threads;
    octavo_progress progress;
    void *progress_user;
} octavo_tool_pack_options;

/* Compiles all kernels that models and sessions of an engine need on cards of these architectures,
 * and writes them into one file, which OCTAVO_KERNELS then names.  No GPU is needed, but NVRTC is.
 * report, unless NULL: {"file","bytes","engine","batches":[1,...],"compiler","seconds",
 *  "architectures":[{"name","cards":["H100 PCIe"...],"kernels","bytes"}...]}
 *   INVALID_ARGUMENT  an architecture that is not known; a batch that is none
 *   UNAVAILABLE       there is no NVRTC
 *   others            as octavo_engine_open, octavo_model_load and octavo_session_create; files as
 *                     octavo_build */
OCTAVO_CHECK octavo_status octavo_tool_kernels_pack(const char *engine, const char *out,
                                                    const octavo_tool_pack_options *options,
                                                    char **report, octavo_error *error);

/* The compiled kernels of a pack, or of a folder; NULL: of all that a card here would be given,
 * OCTAVO_KERNELS or the user's cache, or both.
 * {"places":[{"path","pack":true,"bytes","damaged","kernels":[{"kernel","architecture","bytes",
 *  "made":"2026-11-27T09:30:00Z","current":true,"defines"}...]}...],"count","bytes"}
 * bytes of a kernel are its machine code's; of a place, its files'.  current: of this octavo.
 *   NOT_FOUND, CORRUPT, UNSUPPORTED  of a path that is given */
OCTAVO_CHECK octavo_status octavo_tool_kernels_list(const char *path, char **report,
                                                    octavo_error *error);

/* Removes what octavo keeps in its folder of compiled kernels, and nothing else; packs stay.
 * {"folder" (null where there is none to be had),"removed","bytes","left"}; left: files that are
 * none of octavo's.
 *   IO  a file cannot be removed */
OCTAVO_CHECK octavo_status octavo_tool_kernels_clear(char **report, octavo_error *error);

typedef struct octavo_tool_tune_options {
    const char *device;  /* as octavo_model_options.device; NULL and "auto": "cuda" */
    const char *batches; /* rows of sessions, "16,64"; the smaller sizes that these run by
                            themselves are with them; NULL: "1,4,8,16,32,64" */
    const char *disable; /* as octavo_model_options.disable */
    double seconds;      /* of measuring for each choice; 0: 0.2 */
    int32_t threads;
    octavo_progress progress;
    void *progress_user;
} octavo_tool_tune_options;

/* Measures which way of doing each step is the fastest on a device, and writes `out`: the engine
 * with these choices beside those that it had.  `out` may be the engine itself: there is the old
 * file or the new one at any time, and the old one after an error.  Where the device can do every
 * step in one way only, nothing is written.  Results of a tuned engine have the same bits.
 * report, unless NULL: {"file" (null: nothing is written),"engine","device":"NVIDIA H200, ...",
 *  "software","seconds","choices":[{"step","steps","what","rows","tried",
 *   "expected":{"text","name","expected_us","measured_us"},"best":{...},"next":{...}}...],
 *  "expected_us","best_us"}: of a choice, what the device expected to be the fastest, what is, and
 * the runner-up; steps: of one plan that are done so; at the end, sums over all steps.
 *   INVALID_ARGUMENT  a device that does each step in one way; a batch or a time that is none
 *   UNAVAILABLE       no card, no driver, no compiler
 *   CANNOT_CREATE     out cannot be made
 *   CANCELLED         progress said so
 *   others            as octavo_engine_open, octavo_model_load and octavo_session_create */
OCTAVO_CHECK octavo_status octavo_tool_tune(const char *engine, const char *out,
                                            const octavo_tool_tune_options *options, char **report,
                                            octavo_error *error);

/* -- measuring ---------------------------------------------------------------------------- */

/* Writes a seeded random FP8 checkpoint (ModelOpt layout) of a published shape: "ViT-B-32",
 * "ViT-B-16", "ViT-L-14", "ViT-L-14-336". */
OCTAVO_CHECK octavo_status octavo_tool_preset(const char *name, const char *folder,
                                              octavo_error *error);

/* Multiply-adds times two of one run's matrix products and attention, as a framework does them:
 * every row of every layer, `tokens` to a text.  tower OCTAVO_IMAGE or OCTAVO_TEXT. */
double octavo_tool_flop(const octavo_session *session, int32_t tower, int32_t batch,
                        int32_t tokens);

/* Seconds of the session's last run; -1: not told.  Times are taken from the first call on, which
 * has none to tell, and nowhere but on GPUs. */
typedef struct octavo_tool_times {
    double to_device;   /* copying what it was given to the device's memory */
    double device;      /* its kernels, from the first to the last */
    double from_device; /* copying its results back, and making float32 of them */
} octavo_tool_times;

octavo_tool_times octavo_tool_run_times(const octavo_session *session);

/* What the session's device does at most.  CPU: multiply-adds as octavo_tool_peak_gflops measures
 * them.  GPU: the data sheet's tensor rates at the card's highest
 * clock, and the rate of a large copy, measured now (about 0.1 s).  0: not known. */
typedef struct octavo_tool_ceilings {
    double f8_flops, f16_flops; /* a second, on FP8 codes and on 16-bit floats */
    double bytes_per_s;         /* of the device's memory, reading and writing taken together */
    char source[200];           /* how they came to be, in a sentence */
} octavo_tool_ceilings;

OCTAVO_CHECK octavo_status octavo_tool_measure_ceilings(octavo_session *session,
                                                        octavo_tool_ceilings *out,
                                                        octavo_error *error);

/* What the session's card does at this moment, as NVML tells; -1: not told. */
typedef struct octavo_tool_card_state {
    double sm_mhz, memory_mhz, watts, celsius;
    /* Why its clocks are below what they might be, as bits of octavo_tool_card_reason; 0: not, or
     * not told.  That it idles, or that its owner set them so, is no reason. */
    uint32_t throttled;
} octavo_tool_card_state;

/* Any thread, while the session runs for another too.
 *   UNAVAILABLE  the device is no GPU, NVML is not there, or it does not know the card */
OCTAVO_CHECK octavo_status octavo_tool_card(const octavo_session *session,
                                            octavo_tool_card_state *out, octavo_error *error);
/* "power cap": what bit `index` of throttled means; NULL behind the last. */
const char *octavo_tool_card_reason(int32_t index);

/* Cards that cuda:0, cuda:1 ... name; 0 without a driver. */
int32_t octavo_tool_cards(void);

/* Whether a device of this name can be there; opens none.
 *   UNAVAILABLE  a card that is not, or no driver */
OCTAVO_CHECK octavo_status octavo_tool_device(const char *device, octavo_error *error);

/* What the peak is counted in that speed is told as a share of: "bf16" where the session's tier
 * multiplies these faster than float32 and as exactly, "fp32"; NULL: the device is no CPU. */
const char *octavo_tool_peak_name(const octavo_session *session);
/* That peak in GFLOP/s, of the session's threads, measured now (about 0.1 s); 0 where the device
 * has no such measurement. */
double octavo_tool_peak_gflops(octavo_session *session);

/* Bytes the session holds: packed weights, activations, scratch. */
uint64_t octavo_tool_session_bytes(const octavo_session *session);

#endif
