#!/bin/sh
# ml_dtypes 0.6.0, onnx 1.23.2, numpy 2.4.6.
#
# Guess: what is too large for FP8 E4M3 becomes its largest value, 448, wherever it is converted.
# Seen: a cast in ml_dtypes (and so in NumPy and all that builds on it) makes NaN of everything that
# rounds beyond 448, 1000 and infinity alike; the limit is 464, not 448.  onnx's helper makes 448 of
# the same values, of infinity too.  Weights or activations that are quantized with a cast alone, with
# a scale a little too small, get NaN where another tool saturates.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check ml_dtypes==0.6.0 onnx==1.23.2 numpy==2.4.6
"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
import ml_dtypes, numpy as np
from onnx import TensorProto, helper, numpy_helper

values = np.array([448, 464, 465, 1000, -1000, np.inf], np.float32)
tensor = helper.make_tensor("it", TensorProto.FLOAT8E4M3FN, values.shape, values.tolist())
print("values   ", *values)
print("ml_dtypes", *values.astype(ml_dtypes.float8_e4m3fn).astype(np.float32))
print("onnx     ", *numpy_helper.to_array(tensor).astype(np.float32))
PYTHON
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
values    448.0 464.0 465.0 1000.0 -1000.0 inf
ml_dtypes 448.0 448.0 nan nan nan nan
onnx      448.0 448.0 448.0 448.0 -448.0 448.0
SEEN
