#!/bin/sh
# safetensors 0.8.0, numpy 2.4.6.
#
# Guess: safetensors.numpy.save writes the values of an array, whatever way it lies in memory.
# Seen: it writes the memory in its own order under the array's shape.  A transposed array comes back
# with the right shape and the wrong values, without a warning: [[0,3],[1,4],[2,5]] becomes
# [[0,1],[2,3],[4,5]]; every other column of an array becomes its first elements.  Weights that were
# transposed for another framework want numpy.ascontiguousarray first.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

table = np.arange(6, dtype=np.float32).reshape(2, 3)
for what, array in (("transposed", table.T), ("strided", table[:, ::2]),
                    ("made contiguous", np.ascontiguousarray(table.T))):
    back = load(save({"it": array}))["it"]
    print(what, array.tolist(), "->", back.tolist(), "equal" if (back == array).all() else "DIFFERENT")
PYTHON
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
transposed [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] -> [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]] DIFFERENT
strided [[0.0, 2.0], [3.0, 5.0]] -> [[0.0, 1.0], [2.0, 3.0]] DIFFERENT
made contiguous [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] -> [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] equal
SEEN
