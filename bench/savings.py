#!/usr/bin/env python3
"""savings.py PROGRAM - how far each saving moves embeddings, as docs/numerics.md tells.

The bundled model in FP8 and widened, on 512 crops of the bundled photographs and 512 texts of random
tokens, each text twice; with all savings and without one of them.  Needs numpy, Pillow, safetensors.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
program = os.path.abspath(sys.argv[1])
COUNT, SIDE, TOKENS, BEGIN, END = 512, 64, 77, 49406, 49407


def inputs():
    rng = np.random.default_rng(1)
    folder = os.path.join(root, "examples/photos")
    photos = [Image.open(os.path.join(folder, name)).convert("RGB")
              for name in sorted(os.listdir(folder)) if name.endswith(".jpg")]
    pixels = []
    for i in range(COUNT):
        photo = photos[i % len(photos)]
        width, height = photo.size
        side = int(rng.integers(min(width, height) // 3, min(width, height) + 1))
        x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
        crop = photo.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.BICUBIC)
        pixels.append(np.asarray(crop))
    ids = np.full((COUNT, TOKENS), END, np.int32)
    ids[:, 0] = BEGIN
    for row, length in enumerate(rng.integers(3, 40, COUNT)):
        ids[row, 1:length] = rng.integers(300, 40000, length - 1)
    ids[COUNT // 2:] = ids[:COUNT // 2]
    return {"pixels": np.stack(pixels), "input_ids": ids}


def run(engine, *flags):
    subprocess.run([program, "run", engine, "--inputs", "in.safetensors", "--outputs", "out.safetensors",
                    "--quiet", *flags], check=True)
    return load_file("out.safetensors")


work = tempfile.TemporaryDirectory()
os.chdir(work.name)
save_file(inputs(), "in.safetensors")
for precision in ("as-checkpoint", "f16"):
    subprocess.run([program, "build", os.path.join(root, "models/clip-mini-fp8"), "-o", "e.octavo",
                    "--precision", precision, "--quiet"], check=True)
    base = run("e.octavo")
    for flags in (*(("--disable", name) for name in ("last-row", "fold-scale", "merge-qkv", "fold-pixels",
                                                     "preadd", "cut-text", "dedup-text")),
                  ("--tier", "portable")):
        other = run("e.octavo", *flags)
        for kind in ("image_embeds", "text_embeds"):
            a, b = (values[kind].astype(np.float64) for values in (other, base))
            moved = np.linalg.norm(a - b, axis=1) / np.linalg.norm(b, axis=1)
            print(f"{precision:13} {flags[1]:11} {kind:12} rms {np.sqrt((moved ** 2).mean()):.3g} "
                  f"largest {moved.max():.3g} moved {(moved > 0).mean():.0%} "
                  f"1 - cosine {1 - (a * b).sum(1).mean():.2g}", flush=True)
