#!/bin/sh
# numpy 2.4.6, ml_dtypes 0.6.0.
#
# Guess: an array of FP8 values that went through numpy.save and numpy.load is an array of FP8 values,
# or numpy.save refuses it.
# Seen: numpy.save takes all of them.  E4M3 comes back as V1 and bfloat16 as V2, bytes without a
# meaning; and of E5M2 it writes a file that numpy.load then refuses, the two formats of FP8 not even
# sharing a fate.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check ml_dtypes==0.6.0 numpy==2.4.6
cd "$work"
venv/bin/python - >seen <<'PYTHON'
import ml_dtypes, numpy as np

for name in ("float8_e4m3fn", "float8_e5m2", "bfloat16"):
    array = np.array([0.5, -3.0]).astype(getattr(ml_dtypes, name))
    np.save("it.npy", array)
    try:
        print(array.dtype, array.tolist(), "->", np.load("it.npy").dtype)
    except ValueError as error:
        print(array.dtype, array.tolist(), "-> ValueError:", error)
PYTHON
cat seen
diff seen - <<'SEEN'
float8_e4m3fn [0.5, -3.0] -> |V1
float8_e5m2 [0.5, -3.0] -> ValueError: descr is not a valid dtype descriptor: '<f1'
bfloat16 [0.5, -3.0] -> |V2
SEEN
