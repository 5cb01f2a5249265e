"""The accuracy of engines over labelled images, against the framework's own predictions.

usage: check_accuracy.py BUILD [--device DEVICE] [--shared DIR]

clip-mini in FP16: the framework's label for at least 99.8 % of 3,670 images.  In FP8, as Model
Optimizer exported it: no significant difference from the framework's FP8 predictions (McNemar over
all sets together, p > 0.01) and at most 0.6 points; and the statistics of docs/numerics.md over 1,298
images and the class embeddings, d being the framework's own distance to the unquantized model: 1.10 d
to the unquantized model, 0.8 d to the framework's FP8.

The images and predictions lie in DIR, by default ../shared: eval/SET, models/clip-mini and
fixtures/clip-mini-fp8-modelopt.  Without them there is nothing to judge, and it says so.  Any device
is judged alike.
"""
import argparse
import json
import math
import os
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file

import judge
from judge import ROOT

SETS = ("caltech101", "clothing", "cifar10")


def predictions(octavo, engine, data, work):
    """{file: class folder}"""
    path = os.path.join(work, "predictions.json")
    octavo("eval", engine, "--data", data, "--predictions", path, "--quiet", "--json")
    with open(path, encoding="utf-8") as file:
        return {row["file"]: row["predicted"] for row in json.load(file)["files"]}


def framework_predictions(folder, name, model):
    """Those of `folder`; where it does not name the classes, `model` does."""
    with open(os.path.join(folder, "predictions.json"), encoding="utf-8") as file:
        report = json.load(file)[name]
    classes = report.get("classes")
    if classes is None:
        with open(os.path.join(model, "predictions.json"), encoding="utf-8") as file:
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


def embeddings(octavo, engine, data, paths, work):
    """Of the images at `paths`, and of every class: templates averaged."""
    with open(os.path.join(data, "labels.json"), encoding="utf-8") as file:
        labels = json.load(file)
    texts = [template.replace("{}", label) for label in labels["classes"].values()
             for template in labels["templates"]]
    lines, out = os.path.join(work, "texts.txt"), os.path.join(work, "out.npy")
    with open(lines, "w", encoding="utf-8") as file:
        file.writelines(text + "\n" for text in texts)
    octavo("embed", engine, *paths, "--texts", lines, "-o", out, "--quiet")
    rows = np.load(out).astype(np.float64)
    classes = unit(rows[len(paths):].reshape(len(labels["classes"]), -1, rows.shape[1]).mean(1))
    return rows[:len(paths)], classes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build")
    parser.add_argument("--device", default="cpu", help="that computes, as octavo's --device")
    parser.add_argument("--shared", default=os.path.join(ROOT, "..", "shared"))
    args = parser.parse_args()
    judged = judge.Judge(f"accuracy on {args.device}")
    model = os.path.join(args.shared, "models", "clip-mini")
    fp8 = os.path.join(args.shared, "fixtures", "clip-mini-fp8-modelopt")

    def expect(right, sentence):
        print(sentence)
        judged.check(right, sentence)

    def octavo(command, *arguments):
        device = [] if command == "build" else ["--device", args.device]
        return judge.octavo(args.build, command, *arguments, *device)

    if not os.path.isdir(os.path.join(args.shared, "eval")):
        print(f"SKIPPED: {args.shared} with the labelled images is not here; accuracy is not judged")
        return 0
    with tempfile.TemporaryDirectory() as work:
        engines = {"F16": os.path.join(work, "f16.octavo"), "FP8": os.path.join(work, "fp8.octavo")}
        octavo("build", model, "-o", engines["F16"], "--quiet")
        octavo("build", fp8, "-o", engines["FP8"], "--quiet")
        images = equal = right = right_theirs = only_ours = only_theirs = 0
        for name in SETS:
            data = os.path.join(args.shared, "eval", name)
            ours = predictions(octavo, engines["F16"], data, work)
            theirs = framework_predictions(model, name, model)
            equal += sum(ours[path] == theirs[path] for path in theirs)
            images += len(theirs)
            ours = predictions(octavo, engines["FP8"], data, work)
            theirs = framework_predictions(fp8, name, model)
            for path in theirs:
                a, b = (p[path] == path.split("/")[0] for p in (ours, theirs))
                right, right_theirs = right + a, right_theirs + b
                only_ours, only_theirs = only_ours + (a and not b), only_theirs + (b and not a)
        p, points = mcnemar(only_ours, only_theirs), 100 * abs(right - right_theirs) / images
        expect(equal >= 0.998 * images, f"F16: {equal} of {images} labels are the framework's")
        expect(p > 0.01, f"FP8: McNemar p {p:.3f}, only ours {only_ours}, only theirs {only_theirs}")
        expect(points <= 0.6, f"FP8: {points:.2f} points from the framework's FP8")

        data = os.path.join(args.shared, "eval", "caltech101")
        paths = [os.path.join(data, path)
                 for path in framework_predictions(model, "caltech101", model)]
        ours = embeddings(octavo, engines["FP8"], data, paths, work)
        plain, theirs = (load_file(os.path.join(folder, "predictions.safetensors"))
                         for folder in (model, fp8))
        for kind, own in zip(("image", "class"), ours):
            key = f"caltech101.{kind}_embeds"
            parent, peer = plain[key].astype(np.float64), theirs[key].astype(np.float64)
            d = distance(peer, parent)
            to_parent, to_peer = distance(own, parent) / d, distance(own, peer) / d
            expect(to_parent <= 1.10, f"FP8, {kind}: {to_parent:.3f} d from the unquantized model")
            expect(to_peer <= 0.8, f"FP8, {kind}: {to_peer:.3f} d from the framework's FP8")
    return judged.end()


if __name__ == "__main__":
    sys.exit(main())
