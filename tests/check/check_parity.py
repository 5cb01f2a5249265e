"""Whole models against transformers' CLIPModel in float32, on inputs that no fixture has.

usage: check_parity.py BUILD

Unquantized engines, on the referee and on every CPU tier: embeddings, logits and every hidden layer
at unmasked positions, within the limit `end_to_end,f32` of tests/tolerances.csv and with cosines of
0.99999 at least.  FP8 engines: transformers' linear layers get their input through
e4m3(x / input_scale) * input_scale, as Model Optimizer's fake quantization does.  Two right
implementations of that drift apart (docs/numerics.md), so shallow models are judged loosely and the
bundled one by statistics over many pictures.  `octavo embed` is judged from files and texts against
transformers' own processor and tokenizer.
"""
import csv
import glob
import json
import os
import sys
import tempfile

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from transformers import CLIPConfig, CLIPModel, CLIPProcessor, logging

from judge import MINI, PHOTOS, ROOT, TINY, Judge, octavo

E4M3 = torch.float8_e4m3fn


def tensors_of(folder):
    with safe_open(os.path.join(folder, "model.safetensors"), "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def peer_of(folder, quantized, wide=torch.float32):
    """transformers' model with the file's weights: FP8 multiplied out and rounded to `wide`."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    config.pop("quantization_config", None)
    config.pop("dtype", None)
    model = CLIPModel(CLIPConfig.from_dict(config)).float()
    model.set_attn_implementation("eager")
    stored, values, scales = tensors_of(folder), {}, {}
    for name, tensor in stored.items():
        if tensor.dtype == E4M3:
            module = name.removesuffix(".weight")
            values[name] = (tensor.float() * stored[module + ".weight_scale"].float()).to(wide).float()
            scales[module] = stored[module + ".input_scale"].float()
        elif not name.endswith(("weight_scale", "input_scale")):
            values[name] = tensor.float()
    missing, unexpected = model.load_state_dict(values, strict=False)
    unknown = [n for n in [*missing, *unexpected] if not n.endswith("position_ids")]
    if unknown:
        sys.exit(f"{folder}: transformers and the file disagree about {unknown[:3]}")
    for module, scale in scales.items() if quantized else ():
        def rounded(_, given, scale=scale):
            return ((given[0] / scale).clamp(-448, 448).to(E4M3).float() * scale,)
        model.get_submodule(module).register_forward_pre_hook(rounded)
    return model.eval()


@torch.no_grad()
def peer_run(model, inputs):
    """Outputs by octavo's names; hidden states are taken where they pass."""
    out, hooks = {}, []
    for tower, part in (("vision", model.vision_model), ("text", model.text_model)):
        layers = part.encoder.layers
        hooks.append(layers[0].register_forward_pre_hook(
            lambda _, args, kwargs, t=tower: out.update(
                {f"{t}.hidden.0": args[0] if args else kwargs["hidden_states"]}), with_kwargs=True))
        for number, layer in enumerate(layers, 1):
            hooks.append(layer.register_forward_hook(
                lambda _, __, y, t=tower, n=number: out.update(
                    {f"{t}.hidden.{n}": y[0] if isinstance(y, tuple) else y})))
    result = model(**{k: torch.from_numpy(v) for k, v in inputs.items()})
    for hook in hooks:
        hook.remove()
    out.update(image_embeds=result.image_embeds, text_embeds=result.text_embeds,
               logits_per_image=result.logits_per_image)
    return {k: v.numpy() for k, v in out.items()}


def random_inputs(model, generator, rows):
    """Pixels like normalised photographs; texts of all lengths, padded and masked."""
    config, length = model.config, model.config.text_config.max_position_embeddings
    text, size = config.text_config, config.vision_config.image_size
    ids = generator.integers(3, text.vocab_size - 8, (rows, length))
    mask = np.zeros((rows, length), np.int64)
    legacy = text.eos_token_id == 2
    for row in range(rows):
        end = generator.integers(1, length)
        ids[row, end] = text.vocab_size - 1 if legacy else text.eos_token_id
        ids[row, :end][ids[row, :end] == ids[row, end]] = 3
        ids[row, end + 1:] = text.pad_token_id or 0
        mask[row, :end + 1] = 1
    return {"pixel_values": generator.standard_normal((rows, 3, size, size)).astype(np.float32),
            "input_ids": ids, "attention_mask": mask}


def relative(got, want):
    return np.linalg.norm(got - want) / np.linalg.norm(want)


def worst_cosine(got, want):
    got, want = got.astype(np.float64), want.astype(np.float64)
    lengths = np.linalg.norm(got, axis=-1) * np.linalg.norm(want, axis=-1)
    return ((got * want).sum(-1) / lengths).min()


def runs(build):
    """Flags of everything that this machine can compute with."""
    tiers = json.loads(octavo(build, "doctor", "--json"))["cpu"]["tiers"]
    return [["--tier", t["name"]] for t in tiers if t["available"]] + [["--device", "ref"]]


def judge_run(judge, build, work, folder, engine, model, limits, rows):
    """Random inputs through `octavo run`, hidden layers included."""
    inputs = random_inputs(model, np.random.default_rng(3), rows)
    want = peer_run(model, inputs)
    save_file(inputs, os.path.join(work, "in.safetensors"))
    name = os.path.basename(folder)
    mask = inputs["attention_mask"] == 1
    for run in runs(build):
        octavo(build, "run", engine, "--inputs", os.path.join(work, "in.safetensors"), "--outputs",
               os.path.join(work, "out.safetensors"), "--dump-layers", "--quiet", *run)
        got = load_file(os.path.join(work, "out.safetensors"))
        worst = 0
        for key, value in want.items():
            there = (got[key][mask], value[mask]) if key.startswith("text.hidden") else (got[key], value)
            worst = max(worst, relative(*there))
            judge.check(relative(*there) <= limits[0], name, *run, key, "relative rms",
                        relative(*there), "limit", limits[0])
            if key.endswith("embeds"):
                judge.check(worst_cosine(*there) >= limits[1], name, *run, key, "cosine",
                            worst_cosine(*there), "least", limits[1])
        print(f"{name:28} {' '.join(run):16} {len(want)} tensors, worst relative rms {worst:.1e}")


def embed(build, work, engine, arguments):
    path = os.path.join(work, "out.npy")
    octavo(build, "embed", engine, *arguments, "-o", path, "--quiet")
    return np.load(path)


def judge_embed(judge, build, work, engine, model):
    """Files and texts, all the way: decoding, EXIF, resizing, tokenizing."""
    processor = CLIPProcessor.from_pretrained(MINI)
    files = sorted(glob.glob(os.path.join(PHOTOS, "*.jpg"))
                   + glob.glob(os.path.join(ROOT, "tests/data/preprocess/*.jpg"))
                   + glob.glob(os.path.join(ROOT, "tests/data/preprocess/*.png"))
                   + glob.glob(os.path.join(ROOT, "tests/data/preprocess/*.webp")))
    with open(os.path.join(ROOT, "tests/data/tokens.jsonl"), encoding="utf-8") as lines:
        texts = [t for t in (json.loads(line)["text"] for line in lines) if t.strip("\n")]
    texts = [t for t in texts if "\n" not in t and "\r" not in t and "\0" not in t][::7]
    with open(os.path.join(work, "texts.txt"), "w", encoding="utf-8", newline="\n") as file:
        file.writelines(text + "\n" for text in texts)
    with torch.no_grad():
        pixels = torch.cat([processor(images=ImageOps.exif_transpose(Image.open(file)),
                                      return_tensors="pt")["pixel_values"] for file in files])
        images = model.get_image_features(pixel_values=pixels)
        ids = processor(text=texts, return_tensors="pt", padding=True, truncation=True, max_length=77)
        words = model.get_text_features(**ids)
    for what, got, want in (("files", embed(build, work, engine, files), images),
                            ("texts", embed(build, work, engine, ["--texts", work + "/texts.txt"]), words)):
        want = (want if torch.is_tensor(want) else want.pooler_output).numpy()
        judge.check(len(got) == len(want), "embed gives", len(got), "rows for", len(want), what)
        judge.check(worst_cosine(got, want) >= 0.99999, "embed,", what, "cosine",
                    worst_cosine(got, want))
        print(f"embed: {len(got)} {what}, least cosine {worst_cosine(got, want):.7f}")


def judge_statistics(judge, build, work, engine, folder):
    """The bundled FP8 engine over crops of all photographs here (docs/numerics.md).

    The unquantized parent is not at hand; its place takes the file's own weights with activations
    left alone.  So d lacks what rounding the weights did, and the limit for the distance between two
    right implementations, 0.8 of a whole d, is 1.0 of this one.
    """
    generator = np.random.default_rng(9)
    pixels = []
    for path in sorted(glob.glob(os.path.join(PHOTOS, "*.jpg"))
                       + glob.glob(os.path.join(ROOT, "tests/data/preprocess/real_*.jpg"))):
        picture = Image.open(path).convert("RGB")
        for _ in range(20):
            side = int(min(picture.size) * generator.uniform(0.3, 1))
            x, y = (int(generator.integers(0, s - side + 1)) for s in picture.size)
            crop = picture.crop((x, y, x + side, y + side)).resize((64, 64), Image.Resampling.BICUBIC)
            pixels.append(np.asarray(crop))
    pixels = np.stack(pixels)
    with open(os.path.join(folder, "preprocessor_config.json"), encoding="utf-8") as file:
        config = json.load(file)
    values = ((pixels / 255 - config["image_mean"]) / config["image_std"]).astype(np.float32)
    save_file({"pixels": pixels}, os.path.join(work, "in.safetensors"))
    octavo(build, "run", engine, "--inputs", os.path.join(work, "in.safetensors"), "--outputs",
           os.path.join(work, "out.safetensors"), "--quiet")
    got = load_file(os.path.join(work, "out.safetensors"))["image_embeds"]

    def embeds(quantized):
        with torch.no_grad():
            out = peer_of(folder, quantized).get_image_features(
                pixel_values=torch.from_numpy(values.transpose(0, 3, 1, 2).copy()))
        out = (out if torch.is_tensor(out) else out.pooler_output).numpy()
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    def distance(a, b):
        return float(1 - (a.astype(np.float64) * b).sum(1).mean())

    plain, quantized = embeds(False), embeds(True)
    d = distance(quantized, plain)
    own, between = distance(got, plain) / d, distance(got, quantized) / d
    print(f"FP8 over {len(pixels)} crops: d = {d:.3e}; octavo to unquantized {own:.3f} d, "
          f"octavo to transformers {between:.3f} d")
    judge.check(own <= 1.10, "distance to the unquantized model is", own, "d, limit 1.10")
    judge.check(between <= 1.0, "distance to transformers is", between, "d, limit 1.0")


def main():
    build = sys.argv[1]
    judge = Judge("check_parity")
    logging.set_verbosity_error()
    torch.manual_seed(0)
    with open(os.path.join(ROOT, "tests", "tolerances.csv"), encoding="utf-8") as file:
        limit = next(float(row["limit"]) for row in csv.DictReader(file)
                     if (row["op"], row["kernel"]) == ("end_to_end", "f32"))
    with tempfile.TemporaryDirectory() as work:
        engine = os.path.join(work, "e.octavo")
        for folder in sorted(glob.glob(os.path.join(TINY, "*"))):
            quantized = "fp8" in folder
            octavo(build, "build", folder, "-o", engine, "--quiet")
            limits = (2e-2, 0.999) if quantized else (limit, 0.99999)
            judge_run(judge, build, work, folder, engine, peer_of(folder, quantized), limits, 6)
        octavo(build, "build", MINI, "-o", engine, "--precision", "f16", "--quiet")
        wide = peer_of(MINI, False, torch.float16)
        judge_run(judge, build, work, MINI, engine, wide, (limit, 0.99999), 2)
        judge_embed(judge, build, work, engine, wide)
        octavo(build, "build", MINI, "-o", engine, "--quiet")
        judge_statistics(judge, build, work, engine, MINI)
    judge.end()


if __name__ == "__main__":
    main()
