"""Resize and centre crop, bit for bit against Pillow.

usage: check_resize.py BUILD [CASES]

BUILD/tests/resize_tool is the program made from resize_tool.c.  Random sizes, all filters, both
kernel tiers; needs Pillow 13 (its order of the two passes) and numpy.
"""
import os
import random
import subprocess
import sys

import numpy as np
import PIL
from PIL import Image

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


class Tool:
    """The program, kept open: one request, one answer."""

    def __init__(self, build):
        path = os.path.join(build, "tests", "resize_tool")
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, line, data):
        self.process.stdin.write(line.encode() + b"\n" + data)
        self.process.stdin.flush()
        head = self.process.stdout.readline().decode(errors="replace").split(" ", 2)
        if head[0] != "ok":
            return head[1:]
        width, height = int(head[1]), int(head[2])
        pixels = self.process.stdout.read(width * height * 3)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def centre_crop(pixels, height, width):
    """transformers' center_crop for an array of rows, columns and channels."""
    rows, columns = pixels.shape[:2]
    top, left = (rows - height) // 2, (columns - width) // 2
    out = np.zeros((height, width, 3), np.uint8)
    y, x = max(top, 0), max(left, 0)
    part = pixels[y:min(top + height, rows), x:min(left + width, columns)]
    out[y - top:y - top + part.shape[0], x - left:x - left + part.shape[1]] = part
    return out


def picture(generator, width, height):
    kind = generator.integers(3)
    if kind == 0:
        return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == 1:  # hard edges: sums outside 0..255
        return generator.choice(np.array([0, 255], np.uint8), (height, width, 3))
    ramp = np.add.outer(np.arange(height), np.arange(width))[..., None] * np.array([1, 2, 3])
    return (ramp % 256).astype(np.uint8)


def side():
    return random.choice([random.randint(1, 12), random.randint(1, 300), random.randint(1, 1500)])


def main():
    tool = Tool(sys.argv[1])
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 600
    random.seed(7)
    generator = np.random.default_rng(7)
    failures = judged = 0
    for case in range(cases):
        name = random.choice(["bicubic", "bilinear", "lanczos"] * 3 + ["nearest", "box", "hamming"])
        width, height, to_width, to_height = side(), side(), side(), side()
        if case % 7 == 0:
            to_width = width
        if case % 11 == 0:
            to_height = height
        if case % 5 == 0:  # tall: the other order of passes
            width, height = max(width // 20, 1), height * 2
        if width * height > 2_000_000 or to_width * to_height > 1_000_000:
            continue
        judged += 1
        crop = (side(), side()) if case % 2 else (0, 0)
        tier = "portable" if case % 3 == 0 else "best"
        pixels = picture(generator, width, height)
        want = np.asarray(Image.fromarray(pixels).resize((to_width, to_height), FILTERS[name]))
        if crop[0]:
            want = centre_crop(want, crop[1], crop[0])
        line = (f"resize {width} {height} {to_width} {to_height} {FILTERS[name]} "
                f"{crop[0]} {crop[1]} {tier}")
        got = tool.ask(line, pixels.tobytes())
        if not isinstance(got, np.ndarray):
            failures += 1
            print(f"{line} ({name}): refused: {got}")
        elif not np.array_equal(got, want):
            failures += 1
            differ = np.abs(got.astype(int) - want.astype(int))
            print(f"{line} ({name}): {np.count_nonzero(differ)} bytes differ, by {differ.max()}")
    print(f"check_resize: {judged} cases against Pillow {PIL.__version__}, {failures} failed")
    return 1 if failures or not judged else 0


if __name__ == "__main__":
    sys.exit(main())
