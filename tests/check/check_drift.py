"""Whether drifts of photographs are told, and clean traffic is not.

usage: check_drift.py BUILD [--shared DIR] [--requests N]

clip-mini in FP8 is calibrated on the photographs of Caltech's training part.  Of 100,000 requests
drawn from 1,298 other photographs of Caltech none may be under an alarm; blurred, inverted, darkened
ones, ones with swapped channels or another normalisation, and photographs of clothing must each
raise an alarm within 1,000 requests (tests/check/drift_proof.c).

The images and the checkpoint lie in DIR, by default ../shared.  Without them there is nothing to
judge, and it says so.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

from judge import ROOT


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build")
    parser.add_argument("--shared", default=os.path.join(ROOT, "..", "shared"))
    parser.add_argument("--requests", type=int, default=100000)
    args = parser.parse_args()
    octavo = os.path.join(args.build, "octavo")
    data = os.path.join(args.shared, "eval")
    learned = sorted(glob.glob(os.path.join(data, "calibration", "caltech_*.jpg")))
    if not learned:
        print(f"SKIPPED: {data} with the photographs is not here; drift is not judged")
        return
    with tempfile.TemporaryDirectory() as work:
        engine = os.path.join(work, "mini.octavo")
        with open(os.path.join(data, "caltech101", "labels.json"), encoding="utf-8") as file:
            labels = json.load(file)
        templates, classes = labels["templates"], list(labels["classes"].values()) * 3
        texts, images = os.path.join(work, "texts.txt"), os.path.join(work, "images.txt")
        with open(texts, "w", encoding="utf-8") as file:
            file.writelines(templates[i % len(templates)].format(name) + "\n" for i, name in enumerate(classes))
        with open(images, "w", encoding="utf-8") as file:
            file.writelines(path + "\n" for path in learned)
        checkpoint = os.path.join(args.shared, "fixtures", "clip-mini-fp8-modelopt")
        subprocess.run([octavo, "build", checkpoint, "-o", engine, "--quiet"], check=True)
        subprocess.run([octavo, "calibrate", engine, "--images", images, "--texts", texts], check=True)
        proof = os.path.join(args.build, "tests", "drift_proof")
        sys.exit(subprocess.run([proof, engine, os.path.join(data, "caltech101"), os.path.join(data, "clothing"),
                                 str(args.requests)], check=False).returncode)


if __name__ == "__main__":
    main()
