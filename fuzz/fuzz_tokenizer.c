// links: text
/* fuzz_tokenizer.c - tokenizer files, packed blocks and text, chosen by the first byte.
 *
 * What is read as files packs, what unpacks packs to a block that unpacks to the same, and every
 * tokenizer that comes of it encodes within its own limits, the same each time.
 */
#include <stdlib.h>

#include "text/bpe.h"
#include "text/files/tokenizer_files.h"
#include "text/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAPACITY = 32 };

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static void encode(const oc_bpe *bpe, const char *text, size_t bytes) {
    int32_t ids[2][CAPACITY], count[2], full[2];
    oc_bpe_info info = oc_bpe_describe(bpe);
    for (int i = 0; i < 2; i++) {
        octavo_status status =
            oc_bpe_encode(bpe, text, bytes, ids[i], CAPACITY, &count[i], &full[i], NULL);
        check(status == OCTAVO_OK);
    }
    check(count[0] == count[1] && full[0] == full[1]);
    check(memcmp(ids[0], ids[1], (size_t)count[0] * sizeof(int32_t)) == 0);
    check(count[0] == (full[0] < CAPACITY ? full[0] : CAPACITY));
    check(ids[0][0] == info.begin && ids[0][count[0] - 1] == info.end);
    for (int32_t i = 0; i < count[0]; i++) {
        check(ids[0][i] >= 0 && ids[0][i] < info.vocabulary);
    }
}

static void use_block(const void *block, size_t bytes) {
    oc_arena arena;
    oc_tokenizer tokenizer, same;
    oc_buffer again, third;
    oc_bpe *bpe = NULL;
    oc_arena_init(&arena);
    oc_buffer_init(&again);
    oc_buffer_init(&third);
    if (oc_tokenizer_unpack(block, bytes, &arena, &tokenizer, NULL) == OCTAVO_OK) {
        check(oc_tokenizer_pack(&tokenizer, &again, NULL) == OCTAVO_OK);
        check(oc_tokenizer_unpack(again.data, again.size, &arena, &same, NULL) == OCTAVO_OK);
        check(oc_tokenizer_pack(&same, &third, NULL) == OCTAVO_OK);
        check(again.size == third.size && memcmp(again.data, third.data, third.size) == 0);
    }
    if (oc_bpe_create(block, bytes, &bpe, NULL) == OCTAVO_OK) {
        check(again.size > 0);
        encode(bpe, "A photo of the cat's <x> e\xcc\x81t\xc3\xa9\xff", 30);
        oc_bpe_free(bpe);
    }
    oc_buffer_free(&again);
    oc_buffer_free(&third);
    oc_arena_free(&arena);
}

/* Six files, each ended by a zero byte; an empty one is not there. */
static void use_files(const char *text, size_t bytes) {
    oc_slice parts[6] = {{0}};
    oc_buffer block;
    oc_buffer_init(&block);
    for (int i = 0; i < 6 && bytes > 0; i++) {
        const char *zero = memchr(text, 0, bytes);
        size_t length = zero ? (size_t)(zero - text) : bytes;
        parts[i] = (oc_slice){length ? text : NULL, length};
        text += length + (zero ? 1 : 0);
        bytes -= length + (zero ? 1 : 0);
    }
    const oc_tokenizer_files files = {parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]};
    octavo_error error = {0};
    if (oc_tokenizer_read(&files, 77, &block, &error) == OCTAVO_OK) {
        check(block.size > 0);
        use_block(block.data, block.size);
    } else {
        check(block.size == 0 && error.message[0] != 0);
    }
    oc_buffer_free(&block);
}

/* 256 bytes, the same at the end of a word, "th" "the</w>", two end tokens, two added ones. */
static oc_bpe *built_in(void) {
    static const oc_merge merges[] = {{83, 71, 512}, {512, 324, 513}, {0, 0, 516}};
    static const oc_added_token added[] = {{{"<|startoftext|>", 15}, 514, false},
                                           {{"<|endoftext|>", 13}, 515, false},
                                           {{"<\xc3\xa9>", 4}, 517, true},
                                           {{"<\xc3\xa9", 3}, 518, true}};
    oc_tokenizer tokenizer = {.vocabulary = 519,
                              .merges = merges,
                              .merge_count = 3,
                              .added = added,
                              .added_count = 4,
                              .begin = 514,
                              .end = 515,
                              .padding = 515,
                              .unknown = 515,
                              .tokens_max = 77,
                              .split_end_tokens = true};
    oc_buffer block;
    oc_bpe *bpe = NULL;
    for (uint32_t b = 0; b < 512; b++) {
        tokenizer.byte_ids[b] = oc_standard_byte_id((uint8_t)b) + (b & 256);
    }
    oc_buffer_init(&block);
    check(oc_tokenizer_pack(&tokenizer, &block, NULL) == OCTAVO_OK);
    check(oc_bpe_create(block.data, block.size, &bpe, NULL) == OCTAVO_OK);
    oc_buffer_free(&block);
    return bpe;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const char *rest = (const char *)data + 1;
    if (data[0] % 3 == 0) {
        use_files(rest, size - 1);
    } else if (data[0] % 3 == 1) {
        use_block(rest, size - 1);
    } else {
        oc_bpe *bpe = built_in();
        encode(bpe, rest, size - 1);
        oc_bpe_free(bpe);
    }
    return 0;
}
