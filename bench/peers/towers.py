"""CLIP towers of the presets' shapes with random weights, for engines that octavo is held against:
as an ONNX file, written here (no package is needed), and as a torch module of the same weights.

Both are what an exporter makes of the usual implementation: q, k and v apart, attention as products
and a softmax (torch: its fused function), QuickGELU as x * sigmoid(1.702 x).
"""
import os
import struct

import numpy

SHAPES = {  # preset: image (width, layers, heads, patch), text (width, layers, heads), projection
    "ViT-B-32": ((768, 12, 12, 32), (512, 12, 8), 512),
    "ViT-B-16": ((768, 12, 12, 16), (512, 12, 8), 512),
    "ViT-L-14": ((1024, 24, 16, 14), (768, 12, 12), 768),
}
IMAGE, VOCABULARY, EPSILON = 224, 49408, 1e-5


class Tower:
    """tower: "image" or "text"; tokens: of a text."""

    def __init__(self, tower, preset, tokens=77):
        image, text, self.projection = SHAPES[preset]
        self.width, self.layers, self.heads = (image if tower == "image" else text)[:3]
        self.patch = image[3] if tower == "image" else 0
        self.tokens = (IMAGE // self.patch) ** 2 + 1 if self.patch else tokens
        self.rng = numpy.random.default_rng(0)
        self.weights = {}
        if self.patch:
            self._add("patches", self.width, 3, self.patch, self.patch)
            self._add("class", self.width)
            self._add_norm("before")
        else:
            self._add("table", VOCABULARY, self.width)
        self._add("positions", self.tokens, self.width)
        for i in range(self.layers):
            for name, n, k in (("q", 1, 1), ("k", 1, 1), ("v", 1, 1), ("out", 1, 1), ("fc1", 4, 1),
                               ("fc2", 1, 4)):
                self._add(f"{i}.{name}", k * self.width, n * self.width)  # as MatMul takes it
                self._add(f"{i}.{name}.bias", n * self.width)
            self._add_norm(f"{i}.norm1")
            self._add_norm(f"{i}.norm2")
        self._add_norm("after")
        self._add("projection", self.width, self.projection)

    def _add(self, name, *shape):
        values = self.rng.standard_normal(shape, dtype=numpy.float32)
        self.weights[name] = values * numpy.float32(0.02)

    def _add_norm(self, name):
        self._add(name + ".bias", self.width)
        self.weights[name] = 1 + self.weights[name + ".bias"][::-1]

    def sample(self, batch):
        rng = numpy.random.default_rng(7)
        if self.patch:
            return rng.standard_normal((batch, 3, IMAGE, IMAGE), dtype=numpy.float32)
        return rng.integers(1, VOCABULARY - 2, (batch, self.tokens))


# -- ONNX: protocol buffers by hand; numbers are those of onnx.proto ---------------------------------

def _varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def _int(field, value):
    return _varint(field << 3) + _varint(value)


def _bytes(field, *parts):
    data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _attribute(name, value):
    if isinstance(value, float):
        return _bytes(5, _bytes(1, name), _varint(2 << 3 | 5), struct.pack("<f", value), _int(20, 1))
    if isinstance(value, int):
        return _bytes(5, _bytes(1, name), _int(3, value), _int(20, 2))
    return _bytes(5, _bytes(1, name), *(_int(8, item) for item in value), _int(20, 7))


def _value(field, name, array_type, shape):
    dims = (_bytes(1, _int(1, size)) for size in shape)
    return _bytes(field, _bytes(1, name), _bytes(2, _bytes(1, _int(1, array_type), _bytes(2, *dims))))


class _Graph:
    def __init__(self):
        self.parts, self.count = [], 0

    def constant(self, array):
        self.count += 1
        name = f"c{self.count}"
        kind = 7 if array.dtype == numpy.int64 else 1
        self.parts.append(_bytes(5, *(_int(1, size) for size in array.shape), _int(2, kind),
                                 _bytes(8, name), _bytes(9, numpy.ascontiguousarray(array).tobytes())))
        return name

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        name = f"v{self.count}"
        inputs = [self.constant(x) if isinstance(x, numpy.ndarray) else x for x in inputs]
        self.parts.append(_bytes(1, *(_bytes(1, x) for x in inputs), _bytes(2, name),
                                 _bytes(3, f"{kind}{self.count}"), _bytes(4, kind),
                                 *(_attribute(*item) for item in attributes.items())))
        return name


def _ints(*values):
    return numpy.array(values, dtype=numpy.int64)


def write_onnx(tower, batch, path):
    """Writes `path` for batches of `batch`, unless it is there; input "x", output "y"."""
    if os.path.exists(path):
        return
    g, w, width, heads = _Graph(), tower.weights, tower.width, tower.heads
    size, tokens = width // heads, tower.tokens

    def norm(x, name):
        return g.op("LayerNormalization", x, w[name], w[name + ".bias"], axis=-1, epsilon=EPSILON)

    def linear(x, name):
        return g.op("Add", g.op("MatMul", x, w[name]), w[name + ".bias"])

    def split(x, order):
        x = g.op("Reshape", x, _ints(batch, tokens, heads, size))
        return g.op("Transpose", x, perm=order)

    if tower.patch:
        side = IMAGE // tower.patch
        x = g.op("Conv", "x", w["patches"], strides=[tower.patch] * 2, kernel_shape=[tower.patch] * 2)
        x = g.op("Transpose", g.op("Reshape", x, _ints(batch, width, side * side)), perm=[0, 2, 1])
        first = numpy.broadcast_to(w["class"], (batch, 1, width))
        x = g.op("Concat", g.constant(first), x, axis=1)
        x = norm(g.op("Add", x, w["positions"]), "before")
        mask = None
    else:
        x = g.op("Add", g.op("Gather", w["table"], "x", axis=0), w["positions"])
        mask = g.constant(numpy.triu(numpy.full((tokens, tokens), -3e38, numpy.float32), 1))
    scale = numpy.array(size ** -0.5, dtype=numpy.float32)
    for i in range(tower.layers):
        y = norm(x, f"{i}.norm1")
        q = split(g.op("Mul", linear(y, f"{i}.q"), scale), [0, 2, 1, 3])
        scores = g.op("MatMul", q, split(linear(y, f"{i}.k"), [0, 2, 3, 1]))
        scores = g.op("Add", scores, mask) if mask else scores
        y = g.op("MatMul", g.op("Softmax", scores, axis=-1),
                 split(linear(y, f"{i}.v"), [0, 2, 1, 3]))
        y = g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), _ints(batch, tokens, width))
        x = g.op("Add", x, linear(y, f"{i}.out"))
        y = linear(norm(x, f"{i}.norm2"), f"{i}.fc1")
        gate = g.op("Sigmoid", g.op("Mul", y, numpy.array(1.702, dtype=numpy.float32)))
        x = g.op("Add", x, linear(g.op("Mul", y, gate), f"{i}.fc2"))
    row = numpy.array(0 if tower.patch else tokens - 1, dtype=numpy.int64)
    y = g.op("MatMul", norm(g.op("Gather", x, row, axis=1), "after"), w["projection"])
    g.parts.append(_bytes(1, _bytes(1, y), _bytes(2, "y"), _bytes(4, "Identity")))
    shape = (batch, 3, IMAGE, IMAGE) if tower.patch else (batch, tokens)
    graph = _bytes(7, _bytes(2, "tower"), *g.parts, _value(11, "x", 1 if tower.patch else 7, shape),
                   _value(12, "y", 1, (batch, tower.projection)))
    with open(path + ".part", "wb") as file:
        file.write(_int(1, 8) + graph + _bytes(8, _bytes(1, ""), _int(2, 17)))
    os.replace(path + ".part", path)


# -- torch -----------------------------------------------------------------------------------------

def make_torch(tower, dtype):
    """A function from the sample, as a tensor, to the embeddings."""
    import torch
    from torch.nn import functional as f
    w = {}
    for name, array in tower.weights.items():
        tensor = torch.from_numpy(numpy.ascontiguousarray(array)).to(dtype)
        is_product = tensor.ndim == 2 and name not in ("table", "positions")
        w[name] = tensor.t().contiguous() if is_product else tensor
    width, heads = tower.width, tower.heads

    def norm(x, name):
        return f.layer_norm(x, (width,), w[name], w[name + ".bias"], EPSILON)

    def linear(x, name):
        return f.linear(x, w[name], w[name + ".bias"])

    def split(x):
        return x.view(x.shape[0], -1, heads, width // heads).transpose(1, 2)

    def embed(x):
        if tower.patch:
            x = f.conv2d(x.to(dtype), w["patches"], stride=tower.patch).flatten(2).transpose(1, 2)
            x = torch.cat([w["class"].expand(x.shape[0], 1, -1), x], 1) + w["positions"]
            x = norm(x, "before")
        else:
            x = f.embedding(x, w["table"]) + w["positions"]
        for i in range(tower.layers):
            y = norm(x, f"{i}.norm1")
            q, k, v = (split(linear(y, f"{i}.{part}")) for part in "qkv")
            y = f.scaled_dot_product_attention(q, k, v, is_causal=not tower.patch)
            x = x + linear(y.transpose(1, 2).flatten(2), f"{i}.out")
            y = linear(norm(x, f"{i}.norm2"), f"{i}.fc1")
            x = x + linear(y * torch.sigmoid(1.702 * y), f"{i}.fc2")
        return f.linear(norm(x[:, 0 if tower.patch else -1], "after"), w["projection"])

    return embed
