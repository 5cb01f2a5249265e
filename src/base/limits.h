/* limits.h - every cap on what input can ask for, and why it has that value.
 * A loop or an allocation that input drives is bounded by one of these. */
#ifndef OC_BASE_LIMITS_H
#define OC_BASE_LIMITS_H

#include <stdint.h>

/* safetensors' own implementation refuses headers over 100 MB. */
#define OC_LIMIT_SAFETENSORS_HEADER (100u * 1000u * 1000u)
/* ViT-bigG CLIP has 1,700 tensors; FP8 adds two scales to each matrix. */
#define OC_LIMIT_TENSORS 65536u
/* Deepest module paths in known checkpoints are under 120 bytes. */
#define OC_LIMIT_TENSOR_NAME 512u
/* A sharded checkpoint of 1 TB in 4 GB pieces; each is kept open while it is used. */
#define OC_LIMIT_SHARDS 256u
/* config.json and its companions: the largest seen is 12 KB; vocabularies are capped apart. */
#define OC_LIMIT_CONFIG_BYTES (16u << 20)
/* tokenizer.json of a 250k-entry vocabulary is 17 MB. */
#define OC_LIMIT_TOKENIZER_BYTES (64u << 20)
/* Entries of a vocabulary: the largest in use have 256 thousand. */
#define OC_LIMIT_VOCABULARY (1u << 20)
/* Nesting in JSON: known files nest 8 deep; the reader keeps one bit a level. */
#define OC_LIMIT_JSON_DEPTH 64u
/* Geometry of a tower: ViT-22B has width 6144, 48 layers, 24,576 in the MLP. */
#define OC_LIMIT_WIDTH      16384
#define OC_LIMIT_LAYERS     256
#define OC_LIMIT_HEADS      256
#define OC_LIMIT_IMAGE_SIZE 2048
#define OC_LIMIT_TOKENS     8192
/* Nodes of a graph: about 30 a layer, two towers of OC_LIMIT_LAYERS. */
#define OC_LIMIT_NODES 32768u
/* Rows of one run: activations of a batch must fit in memory on any machine. */
#define OC_LIMIT_BATCH 4096
/* Threads of one session: one model is not spread over more cores than a large socket has. */
#define OC_LIMIT_THREADS 256
/* Images: 100 megapixels decode to 300 MB; larger is a decompression bomb or a mistake. */
#define OC_LIMIT_IMAGE_PIXELS (100u * 1000u * 1000u)
#define OC_LIMIT_IMAGE_SIDE   65500u
#define OC_LIMIT_IMAGE_BYTES  (256u << 20)
/* One text: the tokenizer cuts at 77 tokens or so; a megabyte is never a caption. */
#define OC_LIMIT_TEXT_BYTES (1u << 20)
/* Files of one folder walk: an image set of ten million has its own loader. */
#define OC_LIMIT_FILES 1000000u
/* Lists of labels, templates and texts on the command line or in a file. */
#define OC_LIMIT_LABELS     100000u
#define OC_LIMIT_LIST_BYTES (256u << 20)

/* Keys of a JSON document's open objects, compared for duplicates: a vocabulary at its cap, twice.
 */
#define OC_LIMIT_JSON_KEYS (1u << 21)
/* The exact decimal digits of a double fill at most 1,077 characters (the smallest one does). */
#define OC_LIMIT_NUMBER_BYTES 2048u
/* Files that one listing of a folder yields: ImageNet's training set has 1.3 million. */
#define OC_LIMIT_FOLDER_FILES (1u << 21)
/* An engine file without its weights is kept in memory: tables of 16 GB of weights have 15 MB,
 * a tokenizer up to 64 MB, canaries 1 % of the weights. */
#define OC_LIMIT_ENGINE_RECORDS (256u << 20)
/* Added tokens: textual-inversion collections have some hundreds, of a few dozen bytes each;
 * a block keeps their length in one byte. */
#define OC_LIMIT_ADDED_TOKENS      4096u
#define OC_LIMIT_ADDED_TOKEN_BYTES 255u
/* Dimensions of one tensor in a file; a convolution's weight has 4, block scales have 4. */
#define OC_LIMIT_TENSOR_RANK 8
/* Width of an MLP: four times the widest tower. */
#define OC_LIMIT_MLP 65536
/* Parameters that a config may ask for: the largest CLIP (EVA-CLIP-18B) has 18 billion. */
#define OC_LIMIT_PARAMETERS (UINT64_C(40) * 1000 * 1000 * 1000)
/* Text that an engine carries about its model: a card and a licence of 64 KB each. */
#define OC_LIMIT_CARD_BYTES (64u << 10)
/* Glob patterns of modules left unquantized; exporters write one a module at most. */
#define OC_LIMIT_PATTERNS 65536u
/* Matching them, in characters of pattern times characters of name: bigG with 200 patterns takes
 * a quarter of this, which is a second at most. */
#define OC_LIMIT_PATTERN_WORK (UINT64_C(1) << 30)
/* Scans of a progressive JPEG: encoders write 10, optimisers under 20; each scan walks all pixels.
 */
#define OC_LIMIT_JPEG_SCANS 64
/* Canaries of an engine: two a layer of both towers, and as many others; each is computed when a
 * model is loaded. */
#define OC_LIMIT_CANARIES (8 * OC_LIMIT_LAYERS)
/* Sequences of one canary's input: the largest one has 1,560 rows of 65 tokens each. */
#define OC_LIMIT_CANARY_SEQUENCES 64
/* Rows of one canary's input: they cross every border of the kernels' blocks at 1,560. */
#define OC_LIMIT_CANARY_ROWS 4096
/* Rows of its output that are held against the reference: 16 are in use. */
#define OC_LIMIT_CANARY_KEPT 256
/* Kernels of one pack: six architectures of ViT-L/14 have some hundreds. */
#define OC_LIMIT_KERNELS 4096u
/* Machine code of one kernel: the largest has 100 KB. */
#define OC_LIMIT_KERNEL_BYTES (64u << 20)
/* The #defines that a kernel is compiled with: the longest are under a KB. */
#define OC_LIMIT_KERNEL_TEXT 4096u
/* Runs of `octavo tune` that an engine keeps: some for each kind of card that it is used on. */
#define OC_LIMIT_TUNED_RUNS 64
/* Choices of all of them: ViT-L/14 has about 200 a card. */
#define OC_LIMIT_TUNED_CHOICES 8192
/* Steps with FP8 results that a reference tells of: five a layer of both towers. */
#define OC_LIMIT_QUANTIZERS (2 * 5 * OC_LIMIT_LAYERS)

/* Headers of one request, and their bytes with the target's: browsers send 20 headers in 2 KB, and
 * tokens of single sign-on reach 16 KB. */
#define OC_LIMIT_HTTP_HEADERS    100
#define OC_LIMIT_HTTP_HEAD_BYTES (32u << 10)
/* Target of a request: the longest path here has two names of models. */
#define OC_LIMIT_HTTP_TARGET_BYTES (8u << 10)
/* Chunk extensions of one request: they mean nothing here, and nobody is known to send any. */
#define OC_LIMIT_HTTP_CHUNK_EXTENSIONS (4u << 10)
/* Bytes of further requests that a connection may send ahead while one is answered. */
#define OC_LIMIT_HTTP_AHEAD_BYTES (320u << 10)
/* Streams of one HTTP/2 connection at once, as the standard recommends at least. */
#define OC_LIMIT_HTTP2_STREAMS 100
/* Streams of a connection that may be cancelled in a burst, and each second from then on. */
#define OC_LIMIT_HTTP2_RESETS          200
#define OC_LIMIT_HTTP2_RESETS_A_SECOND 50
/* Messages of one gRPC stream in work at once: they fill a batch; more wait unread. */
#define OC_LIMIT_GRPC_STREAM_WORK 16
/* Inputs, and outputs, of one inference request: a model has six and five. */
#define OC_LIMIT_OIP_TENSORS 8
/* Inputs, labels, or templates of one request of the OpenAI paths; max_queue caps what is computed.
 */
#define OC_LIMIT_OPENAI_INPUTS (1u << 16)
/* Models of a repository, and versions that lie there of each. */
#define OC_LIMIT_SERVED_MODELS   256
#define OC_LIMIT_SERVED_VERSIONS 64
/* Name of a served model. */
#define OC_LIMIT_SERVED_NAME 127
/* Kinds of instances of one model, and instances in all: eight cards with some each. */
#define OC_LIMIT_INSTANCE_KINDS 16
#define OC_LIMIT_INSTANCES      64
/* Rows that may wait for one model; each holds some KB at least. */
#define OC_LIMIT_QUEUE_ROWS (1 << 20)
/* API keys of a server, and names of models of one key. */
#define OC_LIMIT_API_KEYS       1024
#define OC_LIMIT_API_KEY_MODELS 64

#endif
