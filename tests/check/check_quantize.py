"""`octavo quantize` against torch, transformers and compressed-tensors, and against Model Optimizer.

usage: check_quantize.py BUILD

tiny-clip in F32, F16 and BF16: scales and codes against torch's own conversion, input scales against
the largest inputs that transformers sees on the same pictures and texts, the engine's outputs on the
referee against transformers with fake quantization, and the compressed-tensors folder as
transformers itself reads it.  Two right implementations of FP8 drift apart (docs/numerics.md), so
outputs are judged loosely where a code may flip.

Where the checkpoints and labelled images in ../shared are at hand, clip-mini is judged too: its
scales and codes against the file that Model Optimizer made from the same pictures, its outputs by
the fixtures' own emulator, its accuracy by McNemar's test against Model Optimizer's predictions.
"""
import glob
import json
import math
import os
import random
import sys
import tempfile

os.environ["TQDM_DISABLE"] = "1"  # progress bars of the libraries below

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.numpy import load_file, save_file
from transformers import CLIPModel, CLIPProcessor, logging

from check_parity import E4M3, peer_of, peer_run, random_inputs, relative, tensors_of, worst_cosine
from judge import ROOT, TINY, Judge, octavo

SHARED = os.path.join(ROOT, "..", "shared")
PICTURES = os.path.join(ROOT, "tests", "data", "preprocess")
TEXTS = ["a photo of a cat.", "the dog", "a low resolution photo of the airplane, seen from below",
         "itap of my watch", "many ships on a bright day", "a"]
SETS = ("caltech101", "clothing", "cifar10")


def quantize(build, work, source, name, images, texts, *more):
    """An FP8 folder and its calibration record."""
    folder, lines = os.path.join(work, name), os.path.join(work, "texts.txt")
    with open(lines, "w", encoding="utf-8") as file:
        file.writelines(text + "\n" for text in texts)
    octavo(build, "quantize", source, "--images", images, "--texts", lines, "-o", folder, "--quiet", *more)
    with open(os.path.join(folder, "octavo_calibration.json"), encoding="utf-8") as file:
        return folder, json.load(file)


def judge_weights(judge, name, source, folder):
    """Scales are amax / 448, codes what torch makes of w / scale, all else as it was."""
    before, after, fp8 = tensors_of(source), tensors_of(folder), 0
    for key, tensor in before.items():
        if after[key].dtype != E4M3:
            judge.check(torch.equal(tensor, after[key]), name, key, "has changed")
            continue
        scale = after[key + "_scale"].reshape(())
        amax = tensor.float().abs().max()
        judge.check(torch.equal(scale, amax / 448), name, key, "scale", scale, "largest weight", amax)
        codes = (tensor.float() / scale).to(E4M3).view(torch.uint8)
        judge.check(torch.equal(codes, after[key].view(torch.uint8)), name, key, "codes differ:",
                    (codes != after[key].view(torch.uint8)).sum().item())
        fp8 += 1
    judge.check(len(after) == len(before) + 2 * fp8 and fp8 > 0, name, "has", len(after), "tensors")
    print(f"{name:28} {fp8} modules, scales and codes as torch's")


def largest_inputs(model, folder, files, texts):
    """Of every linear module, over pictures and the tokens of texts up to their end."""
    processor, largest, kept = CLIPProcessor.from_pretrained(folder), {}, [None]

    def hook(name):
        def watch(_, given):
            x = given[0].detach().abs()
            x = x if kept[0] is None or x.dim() != 3 else x[kept[0]]
            largest[name] = max(largest.get(name, 0.0), x.max().item())
        return watch

    hooks = [module.register_forward_pre_hook(hook(name)) for name, module in model.named_modules()
             if isinstance(module, torch.nn.Linear) and ".layers." in name]
    with torch.no_grad():
        for file in files:
            picture = ImageOps.exif_transpose(Image.open(file))
            pixels = processor(images=picture, return_tensors="pt")["pixel_values"]
            model.get_image_features(pixel_values=pixels)
        tower = model.config.text_config
        for text in texts:
            ids = processor(text=[text], return_tensors="pt", truncation=True,
                            max_length=tower.max_position_embeddings)["input_ids"]
            end = (ids == tower.eos_token_id).int().argmax(-1)
            kept[0] = torch.arange(ids.shape[1])[None] <= end[:, None]
            model.get_text_features(input_ids=ids)
    for handle in hooks:
        handle.remove()
    return largest


def judge_inputs(judge, name, folder, record, model, files, texts):
    """JPEG decoders differ in the last bit, so the largest input may a little."""
    want, worst = largest_inputs(model, folder, files, texts), 0
    scales = tensors_of(folder)
    for module in record["modules"]:
        scale = scales[module["name"] + ".input_scale"].item()
        off = abs(scale * 448 / want[module["name"]] - 1)
        worst = max(worst, off)
        judge.check(off < 1e-3, name, module["name"], "input scale * 448 is", scale * 448,
                    "transformers sees", want[module["name"]])
        judge.check(module["saturated"] == 0 and module["percentiles"]["99.99"] <= module["input_amax"],
                    name, module)
    judge.check(len(want) == len(record["modules"]), name, len(want), "modules, recorded",
                len(record["modules"]))
    print(f"{name:28} input scales off by {worst:.1e} at most")


def judge_outputs(judge, build, work, name, folder, inputs, want, limit):
    """The engine on the referee; inputs and wanted outputs by octavo's names."""
    engine = os.path.join(work, "e.octavo")
    octavo(build, "build", folder, "-o", engine, "--quiet")
    save_file(inputs, os.path.join(work, "in.safetensors"))
    octavo(build, "run", engine, "--inputs", os.path.join(work, "in.safetensors"), "--outputs",
           os.path.join(work, "out.safetensors"), "--device", "ref", "--quiet")
    got = load_file(os.path.join(work, "out.safetensors"))
    for key in ("image_embeds", "text_embeds"):
        judge.check(relative(got[key], want[key]) <= limit, name, key, "relative rms",
                    relative(got[key], want[key]), "limit", limit)
    print(f"{name:28} ref: relative rms {relative(got['image_embeds'], want['image_embeds']):.1e} "
          f"image, {relative(got['text_embeds'], want['text_embeds']):.1e} text")


@torch.no_grad()
def judge_reader(judge, name, folder, inputs, want, least):
    """The compressed-tensors folder as transformers opens it."""
    model, info = CLIPModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    judge.check(not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")),
                name, "transformers opens it with", info)
    result = model.eval()(**{k: torch.from_numpy(v) for k, v in inputs.items()})
    for key in ("image_embeds", "text_embeds"):
        cosine = worst_cosine(getattr(result, key).numpy(), want[key])
        judge.check(cosine >= least, name, key, "cosine", cosine, "least", least)
        print(f"{name:28} compressed-tensors: {key} cosine {cosine:.7f}")


def judge_tiny(judge, build, work):
    files = [file for file in sorted(glob.glob(os.path.join(PICTURES, "*")))
             if file.endswith((".jpg", ".png", ".webp"))]
    for dtype in ("f32", "f16", "bf16"):
        source, name = os.path.join(TINY, dtype), f"tiny-clip {dtype}"
        folder, record = quantize(build, work, source, dtype, PICTURES, TEXTS)
        judge.check(record["images"] == len(files) and record["texts"] == len(TEXTS), name, record)
        judge_weights(judge, name, source, folder)
        judge_inputs(judge, name, folder, record, peer_of(source, False), files, TEXTS)
        peer = peer_of(folder, True)
        inputs = random_inputs(peer, np.random.default_rng(5), 8)
        want = peer_run(peer, inputs)
        judge_outputs(judge, build, work, name, folder, inputs, want, 2e-2)
        other, _ = quantize(build, work, source, dtype + "-ct", PICTURES, TEXTS, "--layout",
                            "compressed-tensors")
        judge_reader(judge, name, other, inputs, want, 0.9999)


def captions(count, seed):
    """As the fixture was calibrated: prompts of the three sets with their class names."""
    generator, out, sets = random.Random(seed), [], []
    for name in SETS:
        with open(os.path.join(SHARED, "eval", name, "labels.json"), encoding="utf-8") as file:
            sets.append(json.load(file))
    while len(out) < count:
        one = generator.choice(sets)
        out.append(generator.choice(one["templates"]).format(generator.choice(list(one["classes"].values()))))
    return out


def judge_modelopt(judge, folder, fixture):
    """Model Optimizer calibrated in 16 bit, which moves the largest inputs by a rounding or two, and
    divided weights in 16 bit, which moves some codes."""
    ours, theirs = tensors_of(folder), tensors_of(fixture)
    judge.check(set(ours) == set(theirs), "clip-mini: other tensors:", set(ours) ^ set(theirs))
    inputs, moved, codes = [], 0, 0
    for key, tensor in theirs.items():
        if key.endswith(".weight_scale"):
            judge.check(abs(ours[key] / tensor - 1) < 1e-6, "clip-mini", key, ours[key], tensor)
        elif key.endswith(".input_scale"):
            inputs.append(abs(ours[key] / tensor - 1).item())
        elif tensor.dtype == E4M3:
            moved += (ours[key].view(torch.uint8) != tensor.view(torch.uint8)).sum().item()
            codes += tensor.numel()
    near = sum(off < 1e-3 for off in inputs)
    print(f"clip-mini                    beside Model Optimizer: {near} of {len(inputs)} input scales "
          f"within 1e-3, all within {max(inputs):.1e}; {100 * moved / codes:.2f} % of the codes differ")
    judge.check(near > 0.8 * len(inputs) and max(inputs) < 1e-2, "clip-mini: input scales off by", inputs)
    judge.check(moved < 0.01 * codes, "clip-mini:", moved, "of", codes, "codes differ")


def mcnemar(a, b):
    """Exact, two-sided."""
    few = sum(math.comb(a + b, i) for i in range(min(a, b) + 1))
    return min(1.0, 2 * few / 2 ** (a + b))


def judge_accuracy(judge, build, work, engine, fixture):
    """All images of all sets in one test: p over 0.01, at most 0.6 points lost or won."""
    with open(os.path.join(fixture, "predictions.json"), encoding="utf-8") as file:
        theirs = json.load(file)
    images = right = right_theirs = only_ours = only_theirs = 0
    for name in SETS:
        path = os.path.join(work, "predictions.json")
        octavo(build, "eval", engine, "--data", os.path.join(SHARED, "eval", name), "--predictions", path,
               "--quiet")
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)["files"]
        judge.check(len(rows) == theirs[name]["images"], name, "has", len(rows), "images")
        for row in rows:
            other = theirs[name]["classes"][theirs[name]["predictions"][row["file"]]]
            good, other_good = row["predicted"] == row["truth"], other == row["truth"]
            images, right, right_theirs = images + 1, right + good, right_theirs + other_good
            only_ours += good and not other_good
            only_theirs += other_good and not good
    p = mcnemar(only_ours, only_theirs)
    print(f"clip-mini                    top-1 {100 * right / images:.2f} %, Model Optimizer's "
          f"{100 * right_theirs / images:.2f} %, over {images} images; McNemar p = {p:.3f}")
    judge.check(p > 0.01 and abs(right - right_theirs) <= 0.006 * images, "accuracy differs: p =", p)


def judge_mini(judge, build, work):
    fixture = os.path.join(SHARED, "fixtures", "clip-mini-fp8-modelopt")
    source = os.path.join(SHARED, "models", "clip-mini")
    sys.path.insert(0, os.path.join(SHARED, "fixtures"))
    from emulator import Emulator
    images = os.path.join(SHARED, "eval", "calibration")
    folder, _ = quantize(build, work, source, "mini", images, captions(512, 5))
    judge_weights(judge, "clip-mini", source, folder)
    judge_modelopt(judge, folder, fixture)
    reference = load_file(os.path.join(source, "reference.safetensors"))
    inputs = {k: reference[k] for k in ("pixel_values", "input_ids", "attention_mask")}
    inputs["pixel_values"] = inputs["pixel_values"].astype(np.float32)
    want = Emulator(folder).run({k: torch.from_numpy(v) for k, v in inputs.items()})
    want = {k: v.numpy() for k, v in want.items()}
    judge_outputs(judge, build, work, "clip-mini", folder, inputs, want, 6e-2)
    other, _ = quantize(build, work, source, "mini-ct", images, captions(512, 5), "--layout",
                        "compressed-tensors")
    judge_reader(judge, "clip-mini", other, inputs, want, 0.997)
    judge_accuracy(judge, build, work, os.path.join(work, "e.octavo"), fixture)


def main():
    build = sys.argv[1]
    judge = Judge("check_quantize")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as work:
        judge_tiny(judge, build, work)
        if os.path.isdir(os.path.join(SHARED, "eval")):
            judge_mini(judge, build, work)
        else:
            print(f"SKIPPED: clip-mini beside Model Optimizer: there is no {SHARED}")
    judge.end()


if __name__ == "__main__":
    main()
