"""Configs in every form against transformers: what null, a stale file and a side file come to.

usage: check_configs.py BUILD

Image processors: a picture through `octavo embed` against transformers' pixel_values through `octavo
run` of the plain engine.  Tokenizers: ids.  What transformers refuses must not be read silently:
octavo refuses it, or says how it reads it.  What octavo refuses though transformers does it is listed
here, with a word of the sentence.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file
from transformers import AutoImageProcessor, AutoTokenizer, logging

from judge import ROOT, TINY, Engine, Judge, octavo

PLAIN = os.path.join(TINY, "f32")
PICTURE = os.path.join(ROOT, "tests", "data", "preprocess", "size_640x97.jpg")

IMAGES = {  # a change of preprocessor_config.json, and a word of octavo's refusal
    **{f"{key} null": ({key: None}, None) for key in (
        "do_normalize", "do_convert_rgb", "default_to_square", "image_processor_type", "do_pad",
        "use_square_size", "size", "image_mean", "image_std")},
    "crop_size null": ({"crop_size": None}, "images of 224x224 pixels"),
    "do_rescale null": ({"do_rescale": None}, "do_rescale false"),
    "do_resize null": ({"do_resize": None}, "do_resize false"),
    "do_center_crop null": ({"do_center_crop": None}, "no squares"),
    "resample null": ({"resample": None}, "resample is null"),
    "rescale_factor null": ({"rescale_factor": None}, "rescale_factor is null"),
    "a number": ({"size": 32}, None),
    "a number, square": ({"size": 32, "default_to_square": True}, None),
    "a number, not square": ({"size": 32, "default_to_square": False}, None),
    "square, not cropped": ({"size": 32, "default_to_square": True, "do_center_crop": None}, None),
    "a list": ({"size": [32, 32]}, None),
    "a list to crop": ({"crop_size": [32, 32]}, None),
    "a number to crop": ({"crop_size": 32, "default_to_square": False}, None),
    "longest edge null": ({"size": {"shortest_edge": 40, "longest_edge": None}}, None),
    "bilinear": ({"resample": 2}, None),
    "not normalised": ({"do_normalize": False}, None),
}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file)


def folder_of(work, files, leave=(), source=PLAIN):
    """A copy of a checkpoint with these files in place of its own; None: without."""
    folder = os.path.join(work, "checkpoint")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in os.listdir(source):
        if name not in leave and name not in files and name != "reference.safetensors":
            shutil.copy(os.path.join(source, name), folder)
    for name, value in files.items():
        if value is not None:
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(value if isinstance(value, str) else json.dumps(value))
    return folder


def build_engine(build, folder, engine):
    """What building printed; exit code first."""
    done = subprocess.run([os.path.join(build, "octavo"), "build", folder, "-o", engine, "--json"],
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def peer_pixels(folder):
    try:
        processor = AutoImageProcessor.from_pretrained(folder)
        return processor(images=Image.open(PICTURE), return_tensors="np")["pixel_values"]
    except Exception:  # whatever it is: it cannot be done
        return None


def judge_images(judge, build, work):
    base = read(PLAIN, "preprocessor_config.json")
    plain, engine = os.path.join(work, "plain.octavo"), os.path.join(work, "e.octavo")
    octavo(build, "build", PLAIN, "-o", plain, "--quiet")
    cases = {name: ({"preprocessor_config.json": {**base, **change}}, refusal)
             for name, (change, refusal) in IMAGES.items()}
    newer = {**base, "size": [32, 32], "image_mean": [.5] * 3, "image_std": [.5] * 3, "resample": 2}
    cases["a stale file"] = ({"processor_config.json": {"image_processor": newer}}, None)
    cases["an empty newer one"] = ({"processor_config.json": {"image_processor": None}}, None)
    cases["no older one"] = ({"processor_config.json": {"image_processor": newer},
                              "preprocessor_config.json": None}, None)
    for name, (files, refusal) in cases.items():
        folder = folder_of(work, files)
        code, said = build_engine(build, folder, engine)
        want = peer_pixels(folder)
        if refusal:
            judge.check(code == 65 and refusal in said, name, "is not refused:", said)
            continue
        judge.check(code == 0, name, "is refused:", said)
        if code != 0 or want is None:
            judge.check("is null" in said, name, "is read without a word")
            continue
        save_file({"pixel_values": want.astype(np.float32)}, os.path.join(work, "in.safetensors"))
        octavo(build, "run", plain, "--inputs", os.path.join(work, "in.safetensors"), "--outputs",
               os.path.join(work, "out.safetensors"), "--quiet")
        octavo(build, "embed", engine, PICTURE, "-o", os.path.join(work, "out.npy"), "--quiet")
        ours = np.load(os.path.join(work, "out.npy"))[0]
        theirs = load_file(os.path.join(work, "out.safetensors"))["image_embeds"][0]
        judge.check(ours @ theirs > 0.99999, name, "cosine", ours @ theirs)


TEXTS = ["hello!", "a photo of a cat", "! two ! words", "<|startoftext|> x <|endoftext|> y",
         "<X> and <x>", "\"<|EndOfText|>\"", "None unk <pad>"]
CONFIG = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 32, "bos_token": "<|startoftext|>",
          "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}


def token(text, **flags):
    return {"content": text, "lstrip": False, "normalized": False, "rstrip": False,
            "single_word": False, **flags}


DECODER = {"1022": token("<|startoftext|>", special=True), "1023": token("<|endoftext|>", special=True)}

TOKENIZERS = {  # changes of tokenizer_config.json; special_tokens_map.json; added_tokens.json
    "plain": ({}, None, None),
    "the map overrides": ({}, {"pad_token": "!"}, None),
    "the map overrides, as an object": ({}, {"pad_token": token("!")}, None),
    "the map takes away": ({"pad_token": "!"}, {"pad_token": None}, None),
    "the map shortens": ({}, {"model_max_length": 20}, None),
    "a decoder against the map": ({"added_tokens_decoder": DECODER}, {"pad_token": "!"}, None),
    "an empty decoder": ({"added_tokens_decoder": {}}, {"pad_token": "!"}, None),
    "a decoder in the map": ({}, {"added_tokens_decoder": DECODER, "pad_token": "!"}, None),
    "a decoder adds": ({"added_tokens_decoder": {**DECODER, "1024": token("<x>", normalized=True)}},
                       None, None),
    "added tokens": ({}, None, {"<x>": 1024}),
    "added tokens, special": ({"additional_special_tokens": ["<x>"]}, None, {"<x>": 1024}),
    "added tokens against a decoder": ({"added_tokens_decoder": DECODER}, None, {"<x>": 1024}),
    "special by a list": ({"additional_special_tokens": ["!"]}, None, None),
    "special by the map's list": ({}, {"additional_special_tokens": ["!"]}, None),
    "special by a name": ({"extra_special_tokens": {"shout": "!"}}, None, None),
    "special by another name": ({"shout_token": "!"}, None, None),
    **{f"{key}": ({key: "!"}, None, None) for key in ("cls_token", "sep_token", "mask_token")},
    **{f"{key} null": ({key: None}, None, None) for key in (
        "pad_token", "unk_token", "cls_token", "tokenizer_class", "model_max_length",
        "additional_special_tokens", "extra_special_tokens")},
    "its own class": ({"tokenizer_class": "PreTrainedTokenizerFast"}, {"pad_token": "!"}, None),
    "split_special_tokens": ({"split_special_tokens": True}, None, None),
    "a decoder that is null": ({"added_tokens_decoder": None}, None, None),
    "padding_side null": ({"padding_side": None}, None, None),
}
REFUSED = {"split_special_tokens": "split_special_tokens"}


def roomy_checkpoint(work):
    """The plain checkpoint with a token table that has room for added tokens."""
    to = os.path.join(work, "roomy")
    shutil.copytree(PLAIN, to)
    tensors = load_file(os.path.join(to, "model.safetensors"))
    table = "text_model.embeddings.token_embedding.weight"
    tensors[table] = np.concatenate([tensors[table], tensors[table][:6]])
    save_file(tensors, os.path.join(to, "model.safetensors"))
    config = read(to, "config.json")
    config["text_config"]["vocab_size"] += 6
    with open(os.path.join(to, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    return to


def judge_tokenizers(judge, build, work):
    engine, roomy = os.path.join(work, "e.octavo"), roomy_checkpoint(work)
    for name, (change, special, added) in TOKENIZERS.items():
        for older in (False, True):
            if older and change.get("tokenizer_class") == "PreTrainedTokenizerFast":
                continue  # transformers wants tokenizer.json for it
            folder = folder_of(work, {"tokenizer_config.json": {**CONFIG, **change},
                                      "special_tokens_map.json": special, "added_tokens.json": added},
                               ["tokenizer.json"] if older else ["vocab.json", "merges.txt"], roomy)
            code, said = build_engine(build, folder, engine)
            try:
                peer = AutoTokenizer.from_pretrained(folder)
                want = [peer(text)["input_ids"] for text in TEXTS]
            except Exception:
                judge.check(code != 0, name, "is read, but not by transformers")
                continue
            if name in REFUSED:
                judge.check(code == 65 and REFUSED[name] in said, name, "is not refused:", said)
                continue
            judge.check(code == 0, name, "is refused:", said)
            if code == 0:
                opened = Engine(build, engine)
                got = [opened.tokenize(text)[0] for text in TEXTS]
                limit = opened.info.tokens_max
                judge.check(limit == min(peer.model_max_length, 32), name, "length", limit)
                judge.check(got == want, name, "\n  octavo:      ", got, "\n  transformers:", want)


def main():
    build = sys.argv[1]
    judge = Judge("check_configs")
    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as work:
        judge_images(judge, build, work)
        judge_tokenizers(judge, build, work)
    judge.end()


if __name__ == "__main__":
    main()
