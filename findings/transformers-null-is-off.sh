#!/bin/sh
# transformers 5.23.0, numpy 2.4.6, Pillow 13.0.0 (4.57.1 does the same).
#
# Guess: "do_normalize": null in preprocessor_config.json is as good as no entry: the processor's own
# default, which is on.
# Seen: null switches the step off; a missing entry leaves it on.  So a tool that drops nulls when it
# rewrites a config switches normalisation, rescaling or resizing on again.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check transformers==5.23.0 numpy==2.4.6 pillow==13.0.0
cat >"$work/run.py" <<'PYTHON'
import json, pathlib, sys
import transformers
from PIL import Image

folder = pathlib.Path(sys.argv[1], "model")
folder.mkdir()
settings = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 8},
            "do_center_crop": False, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
for switch in ("do_normalize", "do_rescale", "do_resize"):
    for what, entry in (("absent", {}), ("null", {switch: None}), ("false", {switch: False})):
        (folder / "preprocessor_config.json").write_text(json.dumps({**settings, **entry}))
        processor = transformers.CLIPImageProcessor.from_pretrained(folder)
        pixels = processor(Image.new("RGB", (16, 16), "white"), return_tensors="np")["pixel_values"]
        print(switch, what, pixels.shape[-1], "pixels, white is", round(float(pixels.max()), 3))
PYTHON
TRANSFORMERS_VERBOSITY=error "$work/venv/bin/python" "$work/run.py" "$work" >"$work/seen" 2>/dev/null
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
do_normalize absent 8 pixels, white is 2.0
do_normalize null 8 pixels, white is 1.0
do_normalize false 8 pixels, white is 1.0
do_rescale absent 8 pixels, white is 2.0
do_rescale null 8 pixels, white is 1018.0
do_rescale false 8 pixels, white is 1018.0
do_resize absent 8 pixels, white is 2.0
do_resize null 16 pixels, white is 2.0
do_resize false 16 pixels, white is 2.0
SEEN
