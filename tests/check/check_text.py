"""The tokenizer, id for id against the one of transformers (tokenizers library).

usage: check_text.py BUILD [RANDOM]

Texts: tests/data/tokens.jsonl and RANDOM (default 4000) made of pieces that tokenizers trip over:
combining marks, canonical decompositions, blocks of many scripts, end tokens and their lookalikes.
Tokenizers: the bundled model's, and those of the small checkpoints, added tokens included.
"""
import json
import os
import random
import sys
import tempfile
import unicodedata

from transformers import AutoTokenizer, logging

from judge import MINI, ROOT, TINY, Engine, Judge, octavo

MARKS = [c for c in range(0x110000) if unicodedata.combining(chr(c))]
DECOMPOSED = [c for c in range(0x110000) if unicodedata.decomposition(chr(c))]
BLOCKS = [(0x20, 0x7f), (0x80, 0x370), (0x370, 0x700), (0x900, 0x1200), (0x1c80, 0x2100),
          (0x2100, 0x2e00), (0x3000, 0x3400), (0xa640, 0xa800), (0xac00, 0xd7a4), (0xf900, 0xfb50),
          (0xfe00, 0x11400), (0x1d400, 0x1d800), (0x1f300, 0x1fb00), (0xe0000, 0xe0200)]
PIECES = ["<|startoftext|>", "<|endoftext|>", "<|ENDOFTEXT|>", "<extra_0>", "<EXTRA_1>", "<|", "|>",
          "'s", "'LL", "''", " ", "\t", "\u3000", "!!", "12", "\u0130", "\u01c5", "\u03a3", "\u1e9e",
          "e\u0301", "\u1112\u1161\u11ab", "\ufffd", "\x00", "a photo of a cat"]


def piece(generator):
    kind = generator.random()
    if kind < 0.3:
        return chr(generator.randrange(0x20, 0x7f))
    if kind < 0.5:
        return generator.choice(PIECES)
    if kind < 0.6:
        return chr(generator.choice(MARKS))
    if kind < 0.7:
        return chr(generator.choice(DECOMPOSED))
    return chr(generator.randrange(*generator.choice(BLOCKS)))


def random_text(generator, corpus):
    if generator.random() < 0.5:
        return "".join(piece(generator) for _ in range(generator.randint(0, 24)))
    letters = list(generator.choice(corpus)[:200])
    for _ in range(generator.randint(1, 5)):
        letters.insert(generator.randint(0, len(letters)), piece(generator))
    text = "".join(letters)
    return generator.choice([text, text.upper(), text.title(), unicodedata.normalize("NFD", text)])


def main():
    build = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    generator = random.Random(5)
    with open(os.path.join(ROOT, "tests", "data", "tokens.jsonl"), encoding="utf-8") as lines:
        corpus = [json.loads(line)["text"] for line in lines]
    judge = Judge("check_text")
    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as work:
        for folder in [MINI] + [os.path.join(TINY, name) for name in
                                ("f32", "extra-tokens-f32", "legacy-eos-f32", "geometry-f32")]:
            path = os.path.join(work, "e.octavo")
            octavo(build, "build", folder, "-o", path, "--quiet")
            engine = Engine(build, path)
            peer = AutoTokenizer.from_pretrained(folder)
            share = count if folder == MINI else count // 8
            texts = corpus + [random_text(generator, corpus) for _ in range(share)]
            limit = engine.info.tokens_max
            cut = peer(texts, truncation=True, max_length=limit)["input_ids"]
            whole = peer(texts)["input_ids"]
            for text, ids, full in zip(texts, cut, whole):
                got = engine.tokenize(text)
                judge.check(got == (ids, len(full)), os.path.basename(folder), ascii(text),
                            "\n  octavo:      ", got, "\n  transformers:", (ids, len(full)))
    judge.end()


if __name__ == "__main__":
    main()
