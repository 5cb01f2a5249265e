/* text_tools.h - a tokenizer small enough to change in a test, and what the tests of src/text
 * share. */
#ifndef TEXT_TOOLS_H
#define TEXT_TOOLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/bpe.h"
#include "text/packed.h"

#define assert_ok(call) assert_int_equal((call), OCTAVO_OK)

/* 256 bytes, 256 at the end of a word, "th" "the</w>" "<|startoftext|>" "<|endoftext|>", and what
 * a test adds. */
enum { SMALL_BEGIN = 514, SMALL_END = 515, SMALL_VOCABULARY = 516 };

static const oc_merge small_merges[] = {
    /* ids of 't' 'h' 'e</w>' in OpenAI's order */
    {'t' - 0x21, 'h' - 0x21, 512},
    {512, 256 + 'e' - 0x21, 513},
};

static inline oc_tokenizer small_tokenizer(void) {
    oc_tokenizer tokenizer = {
        .vocabulary = SMALL_VOCABULARY,
        .merges = small_merges,
        .merge_count = 2,
        .begin = SMALL_BEGIN,
        .end = SMALL_END,
        .padding = SMALL_END,
        .unknown = SMALL_END,
        .tokens_max = 77,
        .split_end_tokens = true,
    };
    for (uint32_t b = 0; b < 256; b++) {
        tokenizer.byte_ids[b] = oc_standard_byte_id((uint8_t)b);
        tokenizer.byte_ids[256 + b] = 256 + tokenizer.byte_ids[b];
    }
    return tokenizer;
}

static inline oc_bpe *make_bpe(const oc_tokenizer *tokenizer) {
    oc_buffer block;
    oc_bpe *bpe = NULL;
    oc_buffer_init(&block);
    assert_ok(oc_tokenizer_pack(tokenizer, &block, NULL));
    assert_ok(oc_bpe_create(block.data, block.size, &bpe, NULL));
    oc_buffer_free(&block);
    return bpe;
}

/* Checks the ids between begin and end token of a small tokenizer. */
static inline void check_ids(const oc_bpe *bpe, const char *text, size_t bytes, const int32_t *ids,
                             int32_t count) {
    int32_t got[64], got_count = 0, full = 0;
    assert_ok(oc_bpe_encode(bpe, text, bytes, got, 64, &got_count, &full, NULL));
    assert_int_equal(got_count, count + 2);
    assert_int_equal(full, count + 2);
    assert_int_equal(got[0], SMALL_BEGIN);
    assert_memory_equal(got + 1, ids, (size_t)count * sizeof *ids);
    assert_int_equal(got[count + 1], SMALL_END);
}

#endif
