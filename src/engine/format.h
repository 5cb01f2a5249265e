/* format.h - the .octavo file, byte by byte.  This header is the specification;
 * docs/engine-format.md tells the same in prose.
 *
 * An engine file holds a model's graph, weights and records, and no machine code.
 * All numbers are little-endian, all strings UTF-8, all hashes XXH3-64 with seed 0.
 * There is one way to lay out given contents: every byte below is determined, and
 * a reader refuses a file in which any differs.
 *
 *     byte 0            the front: header, section table, seal (oc_format_front)
 *     byte 1024         the first section
 *     ...               the others, in the table's order
 *
 * Sections follow one another without overlap.  Each starts at the next multiple of
 * 64 after the one before; the bytes between are zero.  The last one ends the file.
 * None is empty, and no type occurs twice.  WEIGHTS comes first where a writer
 * streams it, but any order is valid.
 *
 * What a reader checks, in this order: magic, version, seal, file size, table, the
 * padding, the checksum of each section that it knows.  WEIGHTS is checked chunk by
 * chunk as it is read (see TENSORS), so that opening does not read the weights.
 *
 * Versions.  A reader of version M.m takes files of major M and a minor up to m, from
 * OC_FORMAT_MINOR_LEAST on; what is older is to be built again from its checkpoint.
 * Adding a section that old readers may ignore needs no new version; anything else
 * that they would misread raises the minor; moving what is here raises the major.
 */
#ifndef OC_ENGINE_FORMAT_H
#define OC_ENGINE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "octavo.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the structs below are the file's bytes on little-endian machines only"
#endif

enum {
    OC_FORMAT_MAJOR = 1,
    OC_FORMAT_MINOR = 1,
    OC_FORMAT_MINOR_LEAST = 1, /* 1.0 had another CANARIES, which noticed too little */
    OC_FORMAT_ALIGNMENT = 64,  /* of sections in the file and of tensors in WEIGHTS */
    OC_FORMAT_SECTIONS_MAX = 30,
    OC_FORMAT_CHUNK_BYTES = 16384, /* see oc_format_chunk_rows */
};

/* The first byte keeps the file from passing for text, the last shows line-end conversion. */
#define OC_FORMAT_MAGIC "\x8fOCTAVO\n"

/* -- the front: bytes 0 .. 1023 -------------------------------------------------------- */

typedef struct oc_format_header {
    uint8_t magic[8];
    uint32_t major, minor;
    uint64_t file_bytes; /* the whole file */
    uint32_t section_count;
    uint32_t zero;
} oc_format_header;

typedef struct oc_format_section {
    uint32_t type;   /* oc_section_type */
    uint32_t flags;  /* OC_FORMAT_IGNORABLE or 0 */
    uint64_t offset; /* from the start of the file */
    uint64_t bytes;
    uint64_t checksum; /* of the section's bytes; WEIGHTS: of TENSORS' array of chunk hashes */
} oc_format_section;

/* A reader that does not know the section's type skips it; without this flag it
 * refuses the file. */
enum { OC_FORMAT_IGNORABLE = 1 };

typedef struct oc_format_front {
    oc_format_header header;
    oc_format_section sections[OC_FORMAT_SECTIONS_MAX]; /* those behind the last are zero */
    uint8_t zero[24];
    uint64_t seal; /* hash of the 1016 bytes before it */
} oc_format_front;

_Static_assert(sizeof(oc_format_header) == 32, "the header is 32 bytes");
_Static_assert(sizeof(oc_format_section) == 32, "a table entry is 32 bytes");
_Static_assert(sizeof(oc_format_front) == 1024, "the front is 1024 bytes");
_Static_assert(offsetof(oc_format_front, seal) == 1016, "the seal ends the front");

/* -- sections -------------------------------------------------------------------------- */

/* name, type, flags, must be there, what it holds */
#define OC_SECTION_MAP(XX)                                                                         \
    XX(META, 1, 0, 1, "what the model is and where it came from: JSON (engine/meta.h)")            \
    XX(GRAPH, 2, 0, 1, "the graph's text form (docs/graph-text.md)")                               \
    XX(TENSORS, 3, 0, 1, "names, types, shapes, places and chunk hashes of the weights")           \
    XX(WEIGHTS, 4, 0, 1, "the tensors' bytes, row-major")                                          \
    XX(TOKENIZER, 5, 0, 0, "the tokenizer, packed by src/text")                                    \
    XX(PROCESSOR, 6, 0, 0, "image processor and text parameters: JSON")                            \
    XX(CALIBRATION, 7, OC_FORMAT_IGNORABLE, 0, "statistics of the calibration data: JSON")         \
    XX(CARD, 8, OC_FORMAT_IGNORABLE, 0, "licence and model card: text")                            \
    XX(CANARIES, 9, 0, 0, "inputs with their reference outputs (below)")                           \
    XX(TUNED, 10, OC_FORMAT_IGNORABLE, 0, "ways of doing steps, measured: JSON (device/tuned.h)")  \
    XX(REFERENCE, 11, OC_FORMAT_IGNORABLE, 0,                                                      \
       "what traffic is held against: JSON (watch/reference.h)")

typedef enum oc_section_type {
#define XX(name, type, flags, required, text) OC_SECTION_##name = type,
    OC_SECTION_MAP(XX)
#undef XX
} oc_section_type;

/* Known types are 1 .. OC_SECTION_KNOWN. */
enum {
#define XX(name, type, flags, required, text) +1
    OC_SECTION_KNOWN = 0 OC_SECTION_MAP(XX)
#undef XX
};

/* -- TENSORS and WEIGHTS ----------------------------------------------------------------
 *
 *     oc_format_tensors
 *     oc_format_tensor   [count]
 *     uint64_t           [chunk_count]   chunk hashes, tensor after tensor
 *     names              [names_bytes]   in tensor order, each ended by a zero byte
 *
 * Names are unique, 1 to OC_LIMIT_TENSOR_NAME bytes of printable ASCII without space.
 * Tensors lie in WEIGHTS in the table's order, each at the next multiple of 64 after
 * the one before, zeros between; the last one ends the section.
 *
 * A tensor of rank 2 and above has shape[0] rows; below that it is one row.  Its
 * bytes are hashed in chunks of oc_format_chunk_rows rows, the last chunk shorter,
 * so that any range of rows can be read and checked alone, from any thread.
 */
typedef struct oc_format_tensors {
    uint32_t count;
    uint32_t names_bytes;
    uint64_t chunk_count;
} oc_format_tensors;

typedef struct oc_format_tensor {
    uint32_t dtype;                 /* octavo_dtype */
    uint32_t rank;                  /* 0 .. OCTAVO_MAX_RANK */
    int64_t shape[OCTAVO_MAX_RANK]; /* positive; zero from `rank` on */
    uint64_t offset;                /* in WEIGHTS */
    uint64_t bytes;                 /* elements times the dtype's size */
} oc_format_tensor;

_Static_assert(sizeof(oc_format_tensors) == 16, "the head of TENSORS is 16 bytes");
_Static_assert(sizeof(oc_format_tensor) == 56, "a tensor's record is 56 bytes");

/* Rows of one chunk: the largest power of two that keeps a chunk within 16 KiB, at least 1.
 * (16 rows of a [N,1024] FP8 matrix are one chunk, the panel that CPU kernels pack; it
 * stays in the L1 cache while it is read, hashed and packed.  A chunk of several rows has more
 * than 8 KiB unless it is the tensor's last, so that hashes add less than 0.1 %.) */
static inline int64_t oc_format_chunk_rows(uint64_t row_bytes) {
    uint64_t rows = OC_FORMAT_CHUNK_BYTES;
    while (rows > 1 && row_bytes > OC_FORMAT_CHUNK_BYTES / rows) {
        rows /= 2;
    }
    return (int64_t)rows;
}

/* -- CANARIES ------------------------------------------------------------------------------
 *
 *     oc_format_canaries
 *     for each canary:
 *         oc_format_canary
 *         oc_format_sequence [sequence_count]
 *         oc_format_kept     [kept_count]
 *         input's name, zero byte, output's name, zero byte, zeros up to a multiple of 8
 *         the given tensor's bytes, zeros up to a multiple of 8   (kind 2 only)
 *         the expected tensor's bytes, zeros up to a multiple of 8
 *
 * What the fields mean, and which types and shapes go together: engine/records/canary_record.h.
 */
typedef struct oc_format_canaries {
    uint32_t count;
    uint32_t zero;
} oc_format_canaries;

typedef struct oc_format_value {
    uint32_t dtype, rank;
    int64_t shape[OCTAVO_MAX_RANK]; /* as in oc_format_tensor */
} oc_format_value;

typedef struct oc_format_sequence {
    int32_t length, like, flip, hide;
} oc_format_sequence;

typedef struct oc_format_kept {
    int32_t sequence, place;
} oc_format_kept;

typedef struct oc_format_canary {
    uint32_t kind;   /* oc_canary_kind */
    uint32_t tower;  /* OCTAVO_IMAGE or OCTAVO_TEXT */
    float limits[2]; /* float32 storage, 16-bit storage; finite, positive */
    uint32_t flags;  /* OC_CANARY_ADDS, OC_CANARY_ONCE */
    uint32_t seed;
    uint32_t sequence_count, kept_count;
    oc_format_value given; /* kind 1: zeros */
    oc_format_value expected;
} oc_format_canary;

_Static_assert(sizeof(oc_format_canaries) == 8, "the head of CANARIES is 8 bytes");
_Static_assert(sizeof(oc_format_canary) == 112, "a canary's record is 112 bytes");
_Static_assert(sizeof(oc_format_sequence) == 16, "a canary's sequence is 16 bytes");

#endif
