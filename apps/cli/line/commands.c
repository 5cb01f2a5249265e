/* commands.c - the table of commands and flags. */
#include "cli/line/commands.h"

#include <string.h>

#include "base/limits.h"
#include "base/status.h"

#define FIELD(name) offsetof(oc_cli_options, name)
#define SWITCH(name, field, text)                                                                  \
    { name, 0, false, OC_CLI_SWITCH, FIELD(field), NULL, 0, 0, text }
#define TEXT(name, field, value, text)                                                             \
    { name, 0, false, OC_CLI_TEXT, FIELD(field), value, 0, 0, text }
#define CHOICE(name, field, value, text)                                                           \
    { name, 0, false, OC_CLI_CHOICE, FIELD(field), value, 0, 0, text }
#define WORDS(name, field, value, text)                                                            \
    { name, 0, false, OC_CLI_WORDS, FIELD(field), value, 0, 0, text }
#define LIST(name, field, value, text)                                                             \
    { name, 0, false, OC_CLI_LIST, FIELD(field), value, 0, 0, text }
#define COUNT(name, field, min, max, text)                                                         \
    { name, 0, false, OC_CLI_COUNT, FIELD(field), "N", min, max, text }
#define NUMBER(name, field, value, min, max, text)                                                 \
    { name, 0, false, OC_CLI_NUMBER, FIELD(field), value, min, max, text }
#define MUST(name, field, value, text)                                                             \
    { name, 0, true, OC_CLI_TEXT, FIELD(field), value, 0, 0, text }
#define OUTPUT(value, text)                                                                        \
    { "output", 'o', true, OC_CLI_TEXT, FIELD(output), value, 0, 0, text }
#define END                                                                                        \
    { .name = NULL }

static const oc_cli_flag common_flags[] = {
    COUNT("threads", threads, 0, OC_LIMIT_THREADS,
          "threads; 0, the default: one for each core that this process may use"),
    TEXT("device", device, "auto|cpu|cuda|cuda:N|ref",
         "where to compute; cuda:all: on every card, where batches are many (embed, classify, "
         "search, eval, bench); cuda:N:mma: a Hopper card by the kernels that other cards run; "
         "ref: the plain, slow referee"),
    SWITCH("json", json, "print exactly one JSON object on stdout"),
    SWITCH("quiet", quiet, "no progress bars, notices or reports; results and errors only"),
    {"help", 'h', false, OC_CLI_SWITCH, FIELD(help), NULL, 0, 0, "show this help"},
    END,
};

static const oc_cli_flag session_flags[] = {
    TEXT(
        "tier", tier, "NAME",
        "a CPU tier, and so the CPU: amx, avx512, avx2 or portable, and behind a colon, if wanted, "
        "how FP8 products are made: bf16 (amx, avx512), i16 (avx512, avx2) or f32; default: the "
        "best here, which `octavo doctor` names"),
    WORDS("disable", disable, "NAME[,NAME...]",
          "leave out savings, which are exact in real numbers but not all to the last bit; `octavo "
          "explain` lists them"),
    END,
};

static const oc_cli_flag build_flags[] = {
    OUTPUT("E.octavo", "the engine file to write"),
    TEXT("precision", precision, "as-checkpoint|bf16|f16",
         "as-checkpoint, the default, keeps the type of each tensor; bf16 and f16 widen FP8; what "
         "makes FP8 is octavo quantize"),
    WORDS("keep", keep, "GLOB=f16[,...]", "pin the linear layers of these names to 16 bit"),
    SWITCH("strict", strict,
           "fail where anything falls back to another precision, or a tensor is not read"),
    SWITCH("verify", verify, "add whole-model canaries and run every canary on the written file"),
    TEXT("report", report, "FILE.json", "write the build report there too"),
    END,
};

static const oc_cli_flag quantize_flags[] = {
    OUTPUT("DIR", "the FP8 checkpoint folder to write"),
    TEXT("images", images, "DIR", "photographs to calibrate the image tower on"),
    TEXT("texts", texts_file, "FILE", "texts to calibrate the text tower on, one a line"),
    CHOICE("layout", layout, "modelopt|compressed-tensors", "of the folder; default: modelopt"),
    CHOICE("method", method, "absmax|percentile|mse",
           "how activation ranges are chosen; default: absmax"),
    WORDS("skip", skip, "GLOB[,GLOB...]", "leave these modules in 16 bit"),
    COUNT("limit", limit, 1, 1000000000, "use so many images and texts at most"),
    END,
};

static const oc_cli_flag widen_flags[] = {
    OUTPUT("DIR", "the 16-bit checkpoint folder to write"),
    CHOICE("precision", precision, "f16|bf16", "of what was FP8; default: f16"),
    END,
};

static const oc_cli_flag run_flags[] = {
    MUST("inputs", inputs, "IN.safetensors", "pixels or pixel_values, input_ids, attention_mask"),
    MUST("outputs", outputs, "OUT.safetensors", "the file to write"),
    SWITCH("dump-layers", dump_layers,
           "write vision.hidden.N and text.hidden.N too; savings that skip rows are off"),
    END,
};

static const oc_cli_flag embed_flags[] = {
    OUTPUT("OUT", ".npy, .safetensors or .jsonl, told by the suffix"),
    LIST("text", texts, "TEXT", "a text to embed; may be repeated"),
    TEXT("texts", texts_file, "FILE", "texts to embed, one a line"),
    COUNT("batch", batch, 1, OC_LIMIT_BATCH, "images or texts of one run; default: 16"),
    SWITCH("fail-fast", fail_fast, "stop at the first image that cannot be read"),
    END,
};

static const oc_cli_flag classify_flags[] = {
    WORDS("labels", labels, "A,B,C", "the labels, a comma between"),
    TEXT("labels-file", labels_file, "FILE", "the labels, one a line"),
    TEXT("templates", templates_file, "FILE",
         "sentences such as \"a photo of a {}.\", one a line; default: the label alone"),
    COUNT("top", top, 1, OC_LIMIT_LABELS, "labels shown for each image; default: 5"),
    COUNT("batch", batch, 1, OC_LIMIT_BATCH, "images or texts of one run; default: 16"),
    SWITCH("fail-fast", fail_fast, "stop at the first image that cannot be read"),
    END,
};

static const oc_cli_flag search_flags[] = {
    {"text", 0, true, OC_CLI_LIST, FIELD(texts), "SENTENCE", 0, 0,
     "what to look for; may be repeated: the closest of them counts"},
    COUNT("top", top, 1, 1000000000, "images shown; default: 5"),
    COUNT("batch", batch, 1, OC_LIMIT_BATCH, "images of one run; default: 16"),
    SWITCH("fail-fast", fail_fast, "stop at the first image that cannot be read"),
    END,
};

static const oc_cli_flag serve_flags[] = {
    TEXT(
        "listen", listen, "ADDR:PORT",
        "where to listen; default: 127.0.0.1:8000, which only this machine reaches; port 0 takes a "
        "free one"),
    TEXT("config", config, "FILE.json", "settings of the server; --print-config shows all"),
    TEXT("api-keys", api_keys, "FILE.json",
         "who may use what, by the SHA-256 of keys; without it anybody may do anything"),
    TEXT("tls-cert", tls_cert, "FILE.pem", "the certificate chain; with it TLS is spoken"),
    TEXT("tls-key", tls_key, "FILE.pem", "the certificate's private key"),
    SWITCH("print-config", print_config,
           "print what is in force, and from where each value comes, and start nothing"),
    END,
};

static const oc_cli_flag eval_flags[] = {
    MUST("data", data, "DIR", "a folder with a folder of images for each class"),
    TEXT("labels", labels_file, "FILE.json", "templates and classes; default: DIR/labels.json"),
    TEXT("against", against, "OTHER.octavo", "compare with this engine, image by image"),
    NUMBER(
        "max-drop", max_drop, "POINTS", 0, 100,
        "exit 1 where top-1 is more than so many percentage points below --against's, and that is "
        "no chance: McNemar's exact test, one-sided, p < 0.05"),
    TEXT("predictions", predictions, "FILE.json", "write the class of each file there"),
    COUNT("batch", batch, 1, OC_LIMIT_BATCH, "images of one run; default: 16"),
    END,
};

static const oc_cli_flag bench_flags[] = {
    CHOICE("preset", preset, "ViT-B-32|ViT-B-16|ViT-L-14|ViT-L-14-336",
           "measure a random FP8 model of this shape; no file is needed"),
    CHOICE("tower", tower, "image|text", "default: all that the engine has"),
    WORDS("batch", batches, "N[,N...]", "rows of one run; default: 1"),
    COUNT("tokens", tokens, 2, OC_LIMIT_TOKENS, "of each text; default: the longest it takes"),
    NUMBER("duration", duration, "S", 0.01, 3600, "seconds a measurement; default: 3"),
    NUMBER("warmup", warmup, "S", 0, 3600, "seconds of running before it; default: 0.5"),
    COUNT("streams", streams, 1, 64,
          "measure so many sessions at once too, each by a thread of its own, on each card of "
          "--device cuda:all"),
    NUMBER("max-spread", max_spread, "SHARE", 0, 1000,
           "exit 2 where (p90 - median) / median is more than this"),
    TEXT("compare", compare, "PEERS.json",
         "print ratios to what other engines took, as bench/peers/gpu.py and cpu.py note it"),
    SWITCH("profile", profile,
           "show where the time goes, step by step, and how much of its limit each step reaches"),
    TEXT("save-checkpoint", save_checkpoint, "DIR", "keep the random checkpoint of --preset"),
    TEXT("work", work, "DIR", "folder for the temporary files of --preset; default: $TMPDIR, /tmp"),
    END,
};

static const oc_cli_flag inspect_flags[] = {
    SWITCH("verify", verify, "read every byte against its checksum and run all canaries"),
    SWITCH("graph", graph, "print the graph"),
    SWITCH("tensors", tensors, "list the tensors"),
    END,
};

static const oc_cli_flag explain_flags[] = {
    CHOICE("tower", tower, "image|text", "default: all that the engine has"),
    COUNT("batch", batch, 1, OC_LIMIT_BATCH, "rows of one run; default: 8"),
    END,
};

static const oc_cli_flag calibrate_flags[] = {
    {"output", 'o', false, OC_CLI_TEXT, FIELD(output), "FILE", 0, 0,
     "write the calibrated engine there; default: in the place of E.octavo"},
    TEXT("images", images, "DIR|LIST",
         "a folder of images such as the model will meet, or a file with a path a line"),
    TEXT("texts", texts_file, "FILE", "texts such as the model will meet, one a line"),
    COUNT("limit", limit, 1, 1000000000, "use so many images and texts at most"),
    END,
};

static const oc_cli_flag drift_flags[] = {
    TEXT("images", images, "DIR|LIST", "images to compare: a folder, or a file with a path a line"),
    TEXT("texts", texts_file, "FILE", "texts to compare, one a line"),
    COUNT("limit", limit, 1, 1000000000, "use so many images and texts at most"),
    COUNT("window", window, 64, 1000000000,
          "compare the latest N at a time, as a server does; default: all from the first on"),
    NUMBER("tolerance", tolerance, "X", 0.01, 100, "times all thresholds; default: 1"),
    TEXT("plot", plot, "FILE.svg", "draw each statistic there"),
    END,
};

static const oc_cli_flag tune_flags[] = {
    {"output", 'o', false, OC_CLI_TEXT, FIELD(output), "FILE", 0, 0,
     "write the tuned engine there; default: in the place of E.octavo"},
    WORDS("batch", batches, "N[,N...]",
          "tune for sessions of so many rows, and what these run smaller batches by; default: "
          "1,4,8,16,32,64"),
    NUMBER("seconds", seconds, "S", 0.01, 60,
           "of measuring for each choice, beside what compiling takes; default: 0.2"),
    WORDS("disable", disable, "NAME[,NAME...]", "tune for sessions without these savings"),
    END,
};

static const oc_cli_flag kernels_flags[] = {
    WORDS("arch", architectures, "ARCH[,ARCH...]",
          "pack for cards of sm_80, sm_86, sm_89, sm_90a, sm_100 or sm_120"),
    {"output", 'o', false, OC_CLI_TEXT, FIELD(output), "FILE", 0, 0, "the pack to write"},
    WORDS("batch", batches, "N[,N...]",
          "pack for sessions of so many rows, and what these run smaller batches by; default: 1 to "
          "16"),
    WORDS("disable", disable, "NAME[,NAME...]", "pack for sessions without these savings"),
    CHOICE("preset", preset, "ViT-B-32|ViT-B-16|ViT-L-14|ViT-L-14-336",
           "pack for a random FP8 model of this shape; no file is needed"),
    TEXT("work", work, "DIR", "folder for the temporary files of --preset; default: $TMPDIR, /tmp"),
    END,
};

static const oc_cli_flag help_flags[] = {
    TEXT("man", man, "COMMAND", "print the man page of a command, or of octavo"),
    CHOICE("completion", completion, "bash", "print a completion script"),
    END,
};

static const oc_cli_flag doctor_flags[] = {
    TEXT("tier", tier, "NAME", "a CPU tier to ask for; default: what OCTAVO_TIER says"),
    END,
};

static const oc_cli_flag no_flags[] = {END};

const oc_cli_command oc_cli_commands[] = {
    {"build", "CKPT", 1, 1, "turn a checkpoint into an engine file", "cannot build the engine",
     "CKPT is a Hugging Face folder, a .safetensors file with its config.json beside it, or "
     "org/name found in the local hub cache (nothing is downloaded). The report says, for each "
     "tower, which operand types run, and what stayed in 16 bit or fell back, and why.\n\n"
     "The same checkpoint and flags give the same bytes. The file appears whole or not at all.",
     "octavo build clip-fp8/ -o clip.octavo\n"
     "octavo build org/clip -o clip.octavo --keep 'vision_model.encoder.layers.0.*=f16' --verify\n",
     build_flags, false, oc_cli_build},
    {"quantize", "CKPT", 1, 1, "write an FP8 checkpoint from a 16- or 32-bit one",
     "cannot quantize",
     "Runs the checkpoint over the photographs and texts given, notes the range of each linear "
     "layer's input, and writes an FP8 folder with these scales, which other tools read too.",
     "octavo quantize clip/ --images photos/ --texts captions.txt -o clip-fp8/\n", quantize_flags,
     false, oc_cli_quantize},
    {"widen", "CKPT", 1, 1, "write a 16-bit checkpoint from an FP8 one", "cannot widen",
     "FP8 weights become code times scale, rounded once; all other tensors stay as they are. For "
     "tools that read no FP8, and for quantizing anew.",
     "octavo widen models/clip-mini-fp8 -o clip-mini-f16\n", widen_flags, false, oc_cli_widen},
    {"run", "E.octavo", 1, 1, "run an engine on tensors from a file", "cannot run",
     "Inputs: pixel_values F32 [B,3,H,W] or pixels U8 [B,H,W,3], already resized; input_ids I64 "
     "or I32 [B,L]; attention_mask, optional. Tensors of other names are ignored with a notice.\n\n"
     "Outputs: image_embeds and text_embeds (L2-normalised), image_embeds_raw and "
     "text_embeds_raw, and logits_per_image where both are given; all F32.",
     "octavo run clip.octavo --inputs in.safetensors --outputs out.safetensors\n", run_flags, true,
     oc_cli_run},
    {"embed", "E.octavo [IMAGE...]", 1, INT32_MAX, "embed images and texts", "cannot embed",
     "IMAGE is a JPEG, PNG or WebP file, or a folder, which is walked in sorted order. Rows come "
     "in the order given, images first. An image that cannot be read is reported and skipped, "
     "and the exit code is 65.\n\n"
     ".npy holds float32 [rows, dim]; .safetensors holds \"embeddings\" F32 [rows, dim] and "
     "\"names\" U8, a JSON array with the file or text of each row; .jsonl holds an object with "
     "\"file\" or \"text\", and \"embedding\", a line.",
     "octavo embed clip.octavo photos/ --text 'a red bicycle' -o out.npy\n", embed_flags, true,
     oc_cli_embed},
    {"classify", "E.octavo IMAGE...", 2, INT32_MAX, "find the label that fits an image best",
     "cannot classify",
     "Zero-shot: each label becomes a text embedding (with --templates the mean over the "
     "sentences) and the scores are the softmax of the image's cosines, scaled as in training.",
     "octavo classify clip.octavo photo.jpg --labels rooster,pigeon,flamingo\n", classify_flags,
     true, oc_cli_classify},
    {"search", "E.octavo IMAGE...", 2, INT32_MAX, "find the images that fit a sentence",
     "cannot search", "Ranks the images by the cosine of their embedding to the sentence's.",
     "octavo search clip.octavo photos/ --text 'a bird with pink feathers' --top 3\n", search_flags,
     true, oc_cli_search},
    {"serve", "REPOSITORY", 1, 1, "serve models over HTTP and gRPC", "cannot serve",
     "REPOSITORY is a folder of NAME/1.octavo, NAME/2.octavo ..., of which the largest number is "
     "served, with an optional NAME/model.json; or one engine file, served under its name without "
     "the suffix. The Open Inference Protocol v2 is spoken at /v2 and by gRPC on the same port, "
     "OpenAI's embeddings at /v1; /metrics is Prometheus's.\n\n"
     "SIGHUP looks at the repository again: a new version takes over once its canaries come out "
     "right. SIGTERM and Ctrl-C end the server when what is in work is done.",
     "octavo serve clip.octavo\noctavo serve models/ --listen 127.0.0.1:0 --config server.json\n",
     serve_flags, true, oc_cli_serve},
    {"eval", "E.octavo", 1, 1, "measure zero-shot accuracy over folders of images",
     "cannot evaluate",
     "labels.json is {\"templates\":[\"a photo of a {}.\"],\"classes\":{\"folder\":\"label\"}}. "
     "Prints top-1 with its 95 % interval, top-5 and images a second; with --against also the "
     "agreement, cosines and McNemar's exact test of the two engines.",
     "octavo eval fp8.octavo --data photos/ --against f16.octavo --max-drop 0.6\n", eval_flags,
     true, oc_cli_eval},
    {"bench", "[E.octavo]", 0, 1, "measure speed", "cannot measure",
     "Runs a tower again and again on random input and prints percentiles of the wall time, the "
     "CPU time, the rate, and its share of the multiply-add peak that the same program measures "
     "on the same threads. Arithmetic is counted as a framework does it: savings show as speed. A "
     "measurement that other programs took time from is marked.\n\n"
     "On a GPU the wall time is from the call to float32 results in the host's memory, and its "
     "parts stand beside it: copies to the card, the card's own time, the way back. Clocks, "
     "power (that NVML averages over a second on some cards) and temperature are sampled "
     "meanwhile: the median, and the most where that is another.\n\n"
     "--profile: a step's time on a GPU is what the run takes longer for having it, in its place "
     "and with all overlap: graphs of the first 1, 2, 3 ... steps run in turn. Its limit is the "
     "larger of its multiply-adds at the rate of the tensor cores (of a CPU's peak) and its "
     "bytes, operands read once and results written once, at the rate of a large copy. What lies "
     "in a "
     "cache can come faster: over 100 %.",
     "octavo bench clip.octavo --tower image --batch 1,8\n"
     "octavo bench --preset ViT-L-14 --device cuda --batch 1,128 --compare peers.json\n"
     "octavo bench --preset ViT-B-32 --threads 1 --profile\n",
     bench_flags, true, oc_cli_bench},
    {"inspect", "E.octavo", 1, 1, "show what an engine file holds", "cannot inspect",
     "Shapes, types, sections with their checksums, canaries and records.",
     "octavo inspect clip.octavo --verify\n", inspect_flags, false, oc_cli_inspect},
    {"explain", "E.octavo", 1, 1, "show why each step runs as it does here", "cannot explain",
     "Opens the engine on the device and lists savings, and steps with their kernels and reasons. "
     "Steps that differ by their layer only share a row.",
     "octavo explain clip.octavo --tower text\n", explain_flags, true, oc_cli_explain},
    {"calibrate", "E.octavo", 1, 1, "add reference statistics to an engine, for watching drift",
     "cannot calibrate",
     "Runs images and texts such as the model will meet, and writes into the engine file what its "
     "embeddings, inputs and FP8 codes were like. octavo drift, and a server, compare what comes "
     "later with that. The weights stay as they are, and the file is replaced in one moment.\n\n"
     "Some hundreds of images and texts do, drawn as production draws them; 32 are the least.",
     "octavo calibrate clip.octavo --images photos/ --texts captions.txt\n", calibrate_flags, true,
     oc_cli_calibrate},
    {"drift", "E.octavo|LOG", 1, 1, "compare data with what an engine was calibrated on",
     "cannot compare",
     "Runs images and texts and holds their embeddings, inputs and FP8 codes against the reference "
     "that octavo calibrate left in the engine; or shows what a server noted: LOG is what it "
     "answers on /v2/models/M/drift, or a file with such objects, one a line.\n\n"
     "Of each statistic there is the distance, how much of it chance alone may explain, and what "
     "is "
     "sure; a warning and an alarm begin where so much is sure. docs/drift.md says what each "
     "means. The exit code is 1 where there is an alarm.",
     "octavo drift clip.octavo --images today/ --plot today.svg\n"
     "octavo drift drift.jsonl --plot week.svg\n",
     drift_flags, true, oc_cli_drift},
    {"tune", "E.octavo", 1, 1, "measure which GPU kernels are fastest, and keep that in the engine",
     "cannot tune",
     "A GPU can do most steps in several ways, which give the same bits: an engine chooses by a "
     "model of their times. tune measures those that the model likes best, on the card of --device "
     "(default: cuda), and writes the winners into the engine file, beside what other cards' "
     "tunings "
     "left there. The weights stay as they are, and the file is replaced in one moment; what is "
     "interrupted changes nothing.\n\n"
     "Cards of the same name, architecture and number of multiprocessors then use these choices "
     "for "
     "sessions of these sizes; `--disable tuned` leaves them out, `octavo explain` shows them, and "
     "`octavo kernels pack` packs their kernels.",
     "octavo tune clip.octavo --device cuda:0\n"
     "octavo tune clip.octavo --batch 64,128 -o clip-h200.octavo\n",
     tune_flags, false, oc_cli_tune},
    {"kernels", "pack|list|clear [FILE]", 1, 2, "pack, list and clear compiled GPU kernels",
     "cannot do that with kernels",
     "GPU kernels are compiled by NVIDIA's NVRTC where they are first needed, and kept in the "
     "user's "
     "cache, or in the folder that OCTAVO_KERNELS names.\n\n"
     "pack E.octavo compiles all that an engine needs on cards of an architecture into one file; "
     "no "
     "GPU is needed. Where OCTAVO_KERNELS names that file, no NVRTC is needed.\n\n"
     "list shows the kernels of a pack or a folder, or of what would be used here. clear removes "
     "those of the cache, and nothing else that lies there.",
     "octavo kernels pack clip.octavo --arch sm_90a,sm_89 -o clip.kernels\n"
     "OCTAVO_KERNELS=clip.kernels octavo bench clip.octavo --device cuda\n"
     "octavo kernels list clip.kernels\n",
     kernels_flags, false, oc_cli_kernels},
    {"doctor", "", 0, 0, "show what this machine offers", "cannot examine this machine",
     "CPU tiers, devices and libraries: what there is, what will be used, what is missing. Where "
     "what is asked for, or what OCTAVO_TIER says, cannot be had, the exit code is 78.",
     "octavo doctor\n", doctor_flags, false, oc_cli_doctor},
    {"help", "[COMMAND]", 0, 1, "show help", "cannot help", "Also prints man pages and completion.",
     "octavo help build\noctavo help --man build | man -l -\n", help_flags, false, oc_cli_help},
    {"version", "", 0, 0, "show the version", "cannot tell the version", "", "octavo version\n",
     no_flags, false, oc_cli_version},
    {.name = NULL},
};

const oc_cli_command *oc_cli_find(const char *name) {
    const oc_cli_command *command = oc_cli_commands;
    while (command->name && strcmp(command->name, name) != 0) {
        command++;
    }
    return command->name ? command : NULL;
}

const oc_cli_flag *oc_cli_flag_at(const oc_cli_command *command, int32_t index) {
    const oc_cli_flag *lists[] = {command->flags, command->runs ? session_flags : no_flags,
                                  common_flags};
    for (size_t i = 0; i < OC_COUNT(lists); i++) {
        for (const oc_cli_flag *flag = lists[i]; flag->name; flag++) {
            if (index-- == 0) {
                return flag;
            }
        }
    }
    return NULL;
}

void oc_cli_usage(const oc_cli_command *command, oc_buffer *out) {
    const oc_cli_flag *flag;
    oc_buffer_printf(out, "octavo %s", command->name);
    if (command->arguments[0]) {
        oc_buffer_printf(out, " %s", command->arguments);
    }
    for (int32_t i = 0; (flag = oc_cli_flag_at(command, i)); i++) {
        if (flag->required && flag->letter) {
            oc_buffer_printf(out, " -%c %s", flag->letter, flag->value);
        } else if (flag->required) {
            oc_buffer_printf(out, " --%s %s", flag->name, flag->value);
        }
    }
    oc_buffer_text(out, " [FLAG...]");
}
