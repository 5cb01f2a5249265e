"""Image files to the pixels of a tower: Octavo beside Pillow, in turns, on one core.

usage: image_vs_pillow.py BENCH_IMAGE [--images N] [--edge N] [--turns N] [--quality N] [--files ...]

BENCH_IMAGE is the program made from bench_image.c.  Without --files, N JPEGs of one megapixel are
made, seeded, with the spectrum of photographs.  Prints medians and the ratios as JSON: by the clock,
and of processor time, which says more on a busy machine.
"""
import argparse
import io
import json
import os
import statistics
import subprocess
import tempfile
import time

import numpy as np
import PIL
from PIL import Image, features

SHAPES = ((1155, 866), (866, 1155), (1000, 1000), (1224, 816))


def photograph(seed):
    """Noise whose amplitude falls with frequency; channels correlated."""
    width, height = SHAPES[seed % len(SHAPES)]
    generator = np.random.default_rng(seed)
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    radius = np.sqrt(x * x + y * y)
    radius[0, 0] = 1
    fields = []
    for _ in range(3):
        shape = (height, width // 2 + 1)
        waves = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
        field = np.fft.irfft2(waves / radius ** 1.2, (height, width))
        fields.append((field - field.mean()) / field.std())
    light, red, blue = fields
    pixels = np.stack([light * 55 + red * 14, light * 55 - red * 5, light * 50 + blue * 14], -1)
    return Image.fromarray(np.clip(pixels + 120, 0, 255).astype(np.uint8))


def with_pillow(data, edge):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    if width <= height:
        size = (edge, int(edge * height / width))
    else:
        size = (int(edge * width / height), edge)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - edge) // 2, (size[1] - edge) // 2
    return image.crop((left, top, left + edge, top + edge)).tobytes()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench_image")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--edge", type=int, default=224)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--quality", type=int, default=85)
    parser.add_argument("--files", nargs="*")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        files = options.files or []
        for seed in range(0 if files else options.images):
            files.append(os.path.join(folder, f"{seed:03d}.jpg"))
            photograph(seed).save(files[-1], quality=options.quality)
        data = [open(name, "rb").read() for name in files]
        ours = subprocess.Popen([options.bench_image, str(options.edge), *files], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        times = {"octavo": [], "pillow": []}
        for turn in range(options.turns + 1):  # the first warms up
            print("", file=ours.stdin, flush=True)
            octavo = [int(word) * 1e-6 for word in ours.stdout.readline().split()]
            begin = time.perf_counter(), time.process_time()
            for item in data:
                with_pillow(item, options.edge)
            end = time.perf_counter(), time.process_time()
            if turn:
                times["octavo"].append(octavo)
                times["pillow"].append([(b - a) * 1e3 for a, b in zip(begin, end)])
        ours.stdin.close()
        ours.wait()
    result = {"images": len(data), "mean_kilobytes": round(sum(map(len, data)) / len(data) / 1e3),
              "edge": options.edge, "turns": options.turns, "pillow": PIL.__version__,
              "pillow_jpeg": features.version("libjpeg_turbo")}
    for i, clock in enumerate(("", "_cpu")):
        for name, values in times.items():
            result[f"{name}{clock}_ms"] = round(statistics.median(v[i] for v in values), 1)
        ratios = [p[i] / o[i] for p, o in zip(times["pillow"], times["octavo"])]
        result[f"times_faster{clock}"] = round(statistics.median(ratios), 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
