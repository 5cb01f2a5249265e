"""The accuracy of engines over labelled images, against the framework's own predictions.

usage: check_accuracy.py BUILD

clip-mini in FP16: the framework's label for at least 99.8 % of 3,670 images.  In FP8, as Model
Optimizer exported it: no significant difference from the framework's FP8 predictions (McNemar over
all sets together, p > 0.01) and at most 0.6 points; and the statistics of docs/numerics.md over 1,298
images and the class embeddings, d being the framework's own distance to the unquantized model: 1.10 d
to the unquantized model, 0.8 d to the framework's FP8.

The images and predictions lie in ../shared; without them there is nothing to judge, and it says so.
"""
import json
import math
import os
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file

from judge import ROOT, Judge, octavo

SHARED = os.path.join(ROOT, "..", "shared")
MODEL = os.path.join(SHARED, "models", "clip-mini")
FP8 = os.path.join(SHARED, "fixtures", "clip-mini-fp8-modelopt")
SETS = ("caltech101", "clothing", "cifar10")


def predictions(build, engine, data, work):
    """{file: class folder}"""
    path = os.path.join(work, "predictions.json")
    octavo(build, "eval", engine, "--data", data, "--predictions", path, "--quiet", "--json")
    with open(path, encoding="utf-8") as file:
        return {row["file"]: row["predicted"] for row in json.load(file)["files"]}


def framework_predictions(folder, name):
    with open(os.path.join(folder, "predictions.json"), encoding="utf-8") as file:
        report = json.load(file)[name]
    classes = report.get("classes")
    if classes is None:
        with open(os.path.join(MODEL, "predictions.json"), encoding="utf-8") as file:
            classes = json.load(file)[name]["classes"]
    return {path: classes[number] for path, number in report["predictions"].items()}


def mcnemar(only_a, only_b):
    n = only_a + only_b
    tail = sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1)) / 2 ** n
    return min(1.0, 2 * tail)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def distance(a, b):
    return float(np.mean(1 - (unit(a) * unit(b)).sum(-1)))


def embeddings(build, engine, data, paths, work):
    """Of the images at `paths`, and of every class: templates averaged."""
    with open(os.path.join(data, "labels.json"), encoding="utf-8") as file:
        labels = json.load(file)
    texts = [template.replace("{}", label) for label in labels["classes"].values()
             for template in labels["templates"]]
    lines, out = os.path.join(work, "texts.txt"), os.path.join(work, "out.npy")
    with open(lines, "w", encoding="utf-8") as file:
        file.writelines(text + "\n" for text in texts)
    octavo(build, "embed", engine, *paths, "--texts", lines, "-o", out, "--quiet")
    rows = np.load(out).astype(np.float64)
    classes = unit(rows[len(paths):].reshape(len(labels["classes"]), -1, rows.shape[1]).mean(1))
    return rows[:len(paths)], classes


def main():
    def expect(right, sentence):
        print(sentence)
        judge.check(right, sentence)

    judge, build = Judge("accuracy"), sys.argv[1]
    if not os.path.isdir(os.path.join(SHARED, "eval")):
        print("SKIPPED: ../shared with the labelled images is not here; accuracy is not judged")
        return 0
    with tempfile.TemporaryDirectory() as work:
        engines = {"F16": os.path.join(work, "f16.octavo"), "FP8": os.path.join(work, "fp8.octavo")}
        octavo(build, "build", MODEL, "-o", engines["F16"], "--quiet")
        octavo(build, "build", FP8, "-o", engines["FP8"], "--quiet")
        images = equal = right = right_theirs = only_ours = only_theirs = 0
        for name in SETS:
            data = os.path.join(SHARED, "eval", name)
            ours, theirs = predictions(build, engines["F16"], data, work), framework_predictions(MODEL, name)
            equal += sum(ours[path] == theirs[path] for path in theirs)
            images += len(theirs)
            ours, theirs = predictions(build, engines["FP8"], data, work), framework_predictions(FP8, name)
            for path in theirs:
                a, b = (p[path] == path.split("/")[0] for p in (ours, theirs))
                right, right_theirs = right + a, right_theirs + b
                only_ours, only_theirs = only_ours + (a and not b), only_theirs + (b and not a)
        p, points = mcnemar(only_ours, only_theirs), 100 * abs(right - right_theirs) / images
        expect(equal >= 0.998 * images, f"F16: {equal} of {images} labels are the framework's")
        expect(p > 0.01, f"FP8: McNemar p {p:.3f}, only ours {only_ours}, only theirs {only_theirs}")
        expect(points <= 0.6, f"FP8: {points:.2f} points from the framework's FP8")

        data = os.path.join(SHARED, "eval", "caltech101")
        paths = [os.path.join(data, path) for path in framework_predictions(MODEL, "caltech101")]
        ours = embeddings(build, engines["FP8"], data, paths, work)
        plain, fp8 = (load_file(os.path.join(folder, "predictions.safetensors")) for folder in (MODEL, FP8))
        for kind, own in zip(("image", "class"), ours):
            key = f"caltech101.{kind}_embeds"
            parent, theirs = plain[key].astype(np.float64), fp8[key].astype(np.float64)
            d = distance(theirs, parent)
            to_parent, to_theirs = distance(own, parent) / d, distance(own, theirs) / d
            expect(to_parent <= 1.10, f"FP8, {kind}: {to_parent:.3f} d from the unquantized model")
            expect(to_theirs <= 0.8, f"FP8, {kind}: {to_theirs:.3f} d from the framework's FP8")
    judge.end()


if __name__ == "__main__":
    sys.exit(main())
