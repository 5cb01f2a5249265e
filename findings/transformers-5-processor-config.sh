#!/bin/sh
# transformers 4.57.1 and 5.23.0, numpy 2.4.6, Pillow 13.0.0.
#
# Guess: a folder with preprocessor_config.json means the same to both; that file is the image
# processor's own.
# Seen: version 5 saves the image processor in processor_config.json, and where that file is there,
# it wins over preprocessor_config.json; version 4 reads preprocessor_config.json only.  A folder that
# version 5 saved over an older one has both, and the two disagree on every pixel without a word.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in 4.57.1 5.23.0; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install -q --disable-pip-version-check \
        transformers==$version numpy==2.4.6 pillow==13.0.0
    TRANSFORMERS_VERBOSITY=error "$work/$version/bin/python" - "$work" <<'PYTHON' 2>/dev/null
import json, pathlib, sys
import transformers
from PIL import Image

folder = pathlib.Path(sys.argv[1], "model")
folder.mkdir(exist_ok=True)
settings = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 8},
            "crop_size": {"height": 8, "width": 8}, "image_std": [0.5, 0.5, 0.5]}
(folder / "preprocessor_config.json").write_text(json.dumps({**settings, "image_mean": [0.5, 0.5, 0.5]}))
(folder / "processor_config.json").write_text(json.dumps(
    {"processor_class": "CLIPProcessor", "image_processor": {**settings, "image_mean": [0.1, 0.1, 0.1]}}))
processor = transformers.CLIPImageProcessor.from_pretrained(folder)
pixels = processor(Image.new("RGB", (8, 8), "white"), return_tensors="np")["pixel_values"]
print(transformers.__version__, "mean", processor.image_mean[0], "white is", round(float(pixels.max()), 3))
PYTHON
done >"$work/seen"
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
4.57.1 mean 0.5 white is 1.0
5.23.0 mean 0.1 white is 1.8
SEEN
