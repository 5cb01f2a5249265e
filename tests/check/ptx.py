"""PTX on numpy: runs the kernels of cards that are not there, one block of threads at a time.

The 32 lanes of a warp are one array; where they part, those that are furthest behind go on first.
Warps run one after the other from barrier to barrier, in any order.  Copies by cp.async arrive as
late as they may, when their group is waited for, or at once.  What reads memory that nothing was
written to, past its end or at an address that is no multiple of its width is an error.

Instructions are those that the kernels have, by the PTX ISA's tables; tensor cores add exactly and
round once.
"""
import re

import numpy

numpy.seterr(all="ignore")
LANES = numpy.arange(32)
UNSIGNED = {8: numpy.uint8, 16: numpy.uint16, 32: numpy.uint32, 64: numpy.uint64}
SIGNED = {8: numpy.int8, 16: numpy.int16, 32: numpy.int32, 64: numpy.int64}


def e4m3_values():
    code = numpy.arange(128)
    exponent, mantissa = code >> 3, code & 7
    value = numpy.where(exponent == 0, mantissa * 2.0**-9, (8 + mantissa) * 2.0**(exponent - 10))
    value[0x7f] = numpy.nan
    return numpy.concatenate([value, -value])


E4M3 = e4m3_values()


def e4m3_codes(x):
    """To nearest, ties to even, +-448 at most; NaN becomes 0x7f."""
    x = numpy.asarray(x, numpy.float64)
    size = numpy.minimum(abs(x), 448)
    high = numpy.clip(numpy.searchsorted(E4M3[:0x7f], size), 1, 0x7e)
    low = high - 1
    up, down = E4M3[high] - size, size - E4M3[low]
    code = numpy.where((up < down) | ((up == down) & (low % 2 == 1)), high, low)
    code = code | numpy.where(numpy.signbit(x), 0x80, 0)
    return numpy.where(numpy.isnan(x), 0x7f, code).astype(numpy.uint8)


class Memory:
    """Bytes from address `base` on; `known`: written or given."""

    def __init__(self, size, base):
        self.bytes, self.known = numpy.zeros(size, numpy.uint8), numpy.zeros(size, bool)
        self.base, self.end = base, 0

    def give(self, array):
        """An array of its own, with a gap before the next; its address."""
        data = numpy.frombuffer(numpy.ascontiguousarray(array).tobytes(), numpy.uint8)
        at = (self.end + 255) // 256 * 256
        self.bytes[at:at + len(data)], self.known[at:at + len(data)] = data, True
        self.end = at + len(data) + 256
        return self.base + at

    def take(self, address, like):
        at = address - self.base
        return self.bytes[at:at + like.nbytes].view(like.dtype).reshape(like.shape)

    def places(self, addresses, width):
        at = addresses.astype(numpy.int64) - self.base
        if (at < 0).any() or (at + width > len(self.bytes)).any() or (at % width).any():
            raise IndexError(f"addresses {at.tolist()} of {width} bytes")
        return at[:, None] + numpy.arange(width)

    def load(self, addresses, width):
        at = self.places(addresses, width)
        if not self.known[at].all():
            raise IndexError(f"nothing was written to {at[~self.known[at]][:8].tolist()}")
        return self.bytes[at]

    def store(self, addresses, data, only_known):
        at = self.places(addresses, data.shape[1])
        if only_known and not self.known[at].all():
            raise IndexError(f"{at[~self.known[at]][:8].tolist()} are nobody's")
        self.bytes[at], self.known[at] = data, True


def split(text, marks="{}[]"):
    """Operands: what commas part that stand in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in marks[0::2]) - (letter in marks[1::2])
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


class Program:
    """The instructions of a kernel, (negated, guard, words of the name, operands), and its labels."""

    def __init__(self, ptx):
        ptx = re.sub(r"//[^\n]*", "", ptx[ptx.index(".visible .entry"):])
        self.code, self.labels = [], {}
        for text in re.findall(r"[^;\n]+[;\n]", ptx[ptx.index("{"):ptx.rindex("}")]):
            text = text.strip("; \t\n")
            text = text[1:].strip() if text[:1] in ("{", "}") else text  # of a scope
            if text.endswith(":"):
                self.labels[text[:-1]] = len(self.code)
            elif text and not text.startswith("."):
                guard, name, operands = re.fullmatch(r"(@!?\S+\s+)?([a-z][\w.:]*)\s*(.*)",
                                                     text).groups()
                guard = (guard or "").strip("@ \t")
                self.code.append((guard.startswith("!"), guard.strip("!"), name.split("."),
                                  split(operands)))


class Warp:
    def __init__(self, block, number):
        self.block, self.number = block, number
        self.registers, self.at = {}, numpy.zeros(32, numpy.int64)
        self.groups = [[]]  # of copies; the last one is open
        self.waits = self.done = False

    # -- operands

    def bits(self, name, width=32):
        """A register or a constant as unsigned integers."""
        if name in self.registers:
            return self.registers[name]
        if name == "%tid.x":
            return (self.number * 32 + LANES).astype(numpy.uint32)
        if name == "%ctaid.x":
            return numpy.full(32, self.block.index, numpy.uint32)
        if name == "shared" or "_param_" in name:
            return numpy.zeros(32, UNSIGNED[width])
        if name.startswith("0f"):
            return numpy.full(32, int(name[2:], 16), numpy.uint32)
        return numpy.full(32, int(name.rstrip("U"), 0) & ((1 << width) - 1), UNSIGNED[width])

    def sized(self, name, width):
        return self.bits(name, width).astype(UNSIGNED[width])

    def floats(self, name):
        return self.bits(name).view(numpy.float32).astype(numpy.float64)

    def address(self, text):
        name, _, offset = text.strip("[] ").partition("+")
        return self.bits(name.strip(), 64).astype(numpy.int64) + int(offset or 0)

    def put(self, name, value, lanes):
        value = numpy.asarray(value)
        old = self.registers.get(name)
        if old is None or old.dtype != value.dtype:
            old = numpy.zeros(32, value.dtype)
        self.registers[name] = numpy.where(lanes, value, old)

    def put_floats(self, name, value, lanes):
        self.put(name, value.astype(numpy.float32).view(numpy.uint32), lanes)

    # -- running

    def run(self):
        """To the next barrier, or to the end."""
        code, labels = self.block.program.code, self.block.program.labels
        while not self.waits and not self.done:
            here = self.at[self.at < len(code)].min(initial=len(code))
            if here == len(code):
                self.done = True
                return
            lanes = self.at == here
            negated, guard, name, operands = code[here]
            self.at[lanes] += 1
            if guard:
                lanes = lanes & (self.bits(guard).astype(bool) != negated)
            if name[0] == "bra":
                self.at[lanes] = labels[operands[0]]
            elif name[0] == "ret":
                self.at[lanes] = len(code)
            elif name[:2] == ["bar", "sync"]:
                assert lanes.all(), "some lanes miss a barrier"
                self.waits = True
            elif lanes.any():
                try:
                    getattr(self, "do_" + name[0])(name, operands, lanes)
                except Exception as error:
                    raise RuntimeError(f"warp {self.number}, {'.'.join(name)} "
                                       f"{', '.join(operands)}: {error}") from error

    # -- moving

    def do_mov(self, name, operands, lanes):
        to, what = operands
        if to.startswith("{"):
            low, high = split(to.strip("{}"))
            self.put(low, (self.bits(what) & 0xffff).astype(numpy.uint16), lanes)
            self.put(high, (self.bits(what) >> numpy.uint32(16)).astype(numpy.uint16), lanes)
        elif what.startswith("{"):
            low, high = (self.sized(x, 16).astype(numpy.uint32) for x in split(what.strip("{}")))
            self.put(to, low | high << numpy.uint32(16), lanes)
        else:
            self.put(to, self.integers(name[-1], what), lanes)

    def memory(self, name):
        return self.block.shared if "shared" in name else self.block.memory

    def do_ld(self, name, operands, lanes):
        width = int(name[-1][1:]) // 8
        if name[1] == "param":
            at = int(self.address(operands[1])[0])
            value = numpy.frombuffer(self.block.parameters[at:at + width], UNSIGNED[8 * width])
            self.put(operands[0], numpy.full(32, value[0]), lanes)
            return
        names = split(operands[0].strip("{}"))
        data = self.memory(name).load(self.address(operands[1])[lanes], width * len(names))
        for i, to in enumerate(names):
            value = numpy.zeros(32, UNSIGNED[8 * width])
            part = numpy.ascontiguousarray(data[:, i * width:(i + 1) * width])
            value[lanes] = part.view(value.dtype)[:, 0]
            self.put(to, value, lanes)

    def do_st(self, name, operands, lanes):
        width = int(name[-1][1:])
        names = split(operands[1].strip("{}"))
        data = numpy.stack([self.sized(x, width)[lanes] for x in names], 1)
        self.memory(name).store(self.address(operands[0])[lanes], data.view(numpy.uint8),
                                "global" in name)

    def do_cp(self, name, operands, lanes):
        shared = self.block.shared
        if name[2] == "commit_group":
            self.groups.append([])
        elif name[2] == "wait_group":
            count = max(len(self.groups) - 1 - int(operands[0]), 0)
            for at, data in sum(self.groups[:count], []):
                shared.store(at, data, False)
            self.groups = self.groups[count:]
        else:
            to, real = self.address(operands[0])[lanes], self.bits(operands[3])[lanes] == 16
            data = numpy.zeros((len(to), 16), numpy.uint8)
            data[real] = self.block.memory.load(self.address(operands[1])[lanes][real], 16)
            if self.block.is_late:
                shared.known[shared.places(to, 16)] = False
                self.groups[-1].append((to, data))
            else:
                shared.store(to, data, False)

    def do_ldmatrix(self, name, operands, lanes):
        assert lanes.all()
        rows = self.address(operands[1])
        for i, to in enumerate(split(operands[0].strip("{}"))):
            self.put(to, self.block.shared.load(rows[8 * i:8 * i + 8], 16).view(numpy.uint32).ravel(),
                     lanes)

    def do_stmatrix(self, name, operands, lanes):
        assert lanes.all()
        rows = self.address(operands[0])
        for i, what in enumerate(split(operands[1].strip("{}"))):
            self.block.shared.store(rows[8 * i:8 * i + 8],
                                    self.bits(what).reshape(8, 4).view(numpy.uint8), False)

    def do_shfl(self, name, operands, lanes):
        assert lanes.all() and name[2] == "idx"
        self.put(operands[0].split("|")[0], self.bits(operands[1])[self.bits(operands[2]) & 31], lanes)

    def do_nothing(self, name, operands, lanes):
        pass

    do_prefetch = do_griddepcontrol = do_bar = do_nothing  # bar.warp: lanes are in step

    # -- tensor cores: m16n8k16 of 16-bit floats, m16n8k32 of codes

    def do_mma(self, name, operands, lanes):
        assert lanes.all()
        d, a, b, c = (split(x.strip("{}")) for x in operands)
        per_word = 4 if "e4m3" in name else 2
        g, q = LANES // 4, LANES % 4

        def values(register):
            if per_word == 4:
                return E4M3[self.bits(register).view(numpy.uint8).reshape(32, 4)]
            return self.bits(register).view(numpy.float16).astype(numpy.float64).reshape(32, 2)

        left, right = numpy.zeros((16, 8 * per_word)), numpy.zeros((8 * per_word, 8))
        for e in range(per_word):
            for i in range(4):
                left[g + 8 * (i % 2), i // 2 * 4 * per_word + per_word * q + e] = values(a[i])[:, e]
            for i in range(2):
                right[i * 4 * per_word + per_word * q + e, g] = values(b[i])[:, e]
        product = left @ right
        for i in range(4):
            self.put_floats(d[i], self.floats(c[i]) + product[g + 8 * (i // 2), 2 * q + i % 2], lanes)

    # -- converting

    def do_cvta(self, name, operands, lanes):
        self.put(operands[0], self.bits(operands[1], 64), lanes)

    def do_cvt(self, name, operands, lanes):
        to, of = name[-2:]
        what = [operands[0], *reversed(operands[1:])]  # of a pair the second is the lower
        if to == "e4m3x2":
            low, high = (e4m3_codes(self.floats(x)).astype(numpy.uint16) for x in what[1:])
            self.put(what[0], low | high << numpy.uint16(8), lanes)
        elif to == "f16x2" and of == "e4m3x2":
            codes = self.sized(what[1], 16).view(numpy.uint8)
            self.put(what[0], E4M3[codes].astype(numpy.float16).view(numpy.uint32), lanes)
        elif to == "f16x2":
            pair = numpy.stack([self.floats(x).astype(numpy.float16) for x in what[1:]], 1)
            self.put(what[0], numpy.ascontiguousarray(pair).view(numpy.uint32)[:, 0], lanes)
        elif (to, of) == ("f32", "f16"):
            self.put_floats(what[0], self.sized(what[1], 16).view(numpy.float16), lanes)
        elif (to, of) == ("s32", "f32"):
            assert "rni" in name
            whole = numpy.nan_to_num(numpy.rint(self.floats(what[1]))).clip(-2**31, 2**31 - 1)
            self.put(what[0], whole.astype(numpy.int32).view(numpy.uint32), lanes)
        else:
            width = int(of[1:])
            value = self.sized(what[1], width)
            value = value.view(SIGNED[width]) if of[0] == "s" else value
            self.put(what[0], value.astype(UNSIGNED[int(to[1:])]), lanes)

    # -- deciding

    def do_setp(self, name, operands, lanes):
        compare, kind = name[1], name[-1]
        if kind == "f32":
            a, b = self.floats(operands[1]), self.floats(operands[2])
        else:
            a, b = self.integers(kind, operands[1]), self.integers(kind, operands[2])
        unordered = numpy.isnan(a) | numpy.isnan(b) if kind == "f32" else False
        known = {"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}
        if compare == "nan":
            found = unordered
        elif len(compare) == 3:
            found = known[compare[:2]] | unordered
        else:
            found = known[compare] & ~numpy.asarray(unordered)
        self.put(operands[0], found, lanes)

    def do_selp(self, name, operands, lanes):
        width = int(name[-1][1:])
        self.put(operands[0], numpy.where(self.bits(operands[3]), self.sized(operands[1], width),
                                          self.sized(operands[2], width)), lanes)

    # -- computing

    def integers(self, kind, name):
        """As kind says: "s32", "u64", "b16", "pred"."""
        if kind == "pred":
            return self.bits(name).astype(bool)
        width = int(kind[1:])
        return self.sized(name, width).view((SIGNED if kind[0] == "s" else UNSIGNED)[width])

    def compute(self, name, operands, lanes):
        kind = name[-1]
        if kind == "f32":
            arguments = [self.floats(x) for x in operands[1:]]
            self.put_floats(operands[0], FLOATS[name[0]](*arguments), lanes)
        elif kind == "f16x2":
            a, b = (self.bits(x).view(numpy.float16) for x in operands[1:])
            self.put(operands[0], FLOATS[name[0]](a, b).view(numpy.uint32), lanes)
        else:
            arguments = [self.integers(kind, x) for x in operands[1:3]]
            if "wide" in name:
                wide = (SIGNED if kind[0] == "s" else UNSIGNED)[2 * int(kind[1:])]
                arguments = [x.astype(wide) for x in arguments]
            if name[0] == "rem":
                arguments[1] = numpy.where(lanes, arguments[1], 1)
            value = INTEGERS[name[0]](*arguments)
            if name[0] == "mad":
                value = value + self.sized(operands[3], 8 * value.itemsize).view(value.dtype)
            if value.dtype != bool:
                value = value.view(UNSIGNED[8 * value.itemsize])
            self.put(operands[0], value, lanes)

    do_add = do_sub = do_mul = do_fma = do_neg = do_abs = do_min = do_max = do_rem = do_mad = compute
    do_and = do_or = do_xor = do_not = do_copysign = do_ex2 = do_rcp = do_tanh = compute

    def do_shl(self, name, operands, lanes):
        width = int(name[-1][1:])
        by = self.bits(operands[2]).astype(numpy.uint64)
        value = self.sized(operands[1], width).astype(numpy.uint64) << by
        self.put(operands[0], numpy.where(by < width, value, 0).astype(UNSIGNED[width]), lanes)

    def do_shr(self, name, operands, lanes):
        by = numpy.minimum(self.bits(operands[2]), 63).astype(numpy.int64)
        value = self.integers(name[-1], operands[1])
        wide = value.astype(numpy.uint64) >> by.astype(numpy.uint64) if name[-1][0] != "s" else \
            value.astype(numpy.int64) >> by
        self.put(operands[0], wide.astype(UNSIGNED[8 * value.dtype.itemsize]), lanes)

    def do_prmt(self, name, operands, lanes):
        pool = numpy.stack([self.sized(x, 32) for x in operands[1:3]], 1).view(numpy.uint8)
        nibbles = self.sized(operands[3], 32)[:, None] >> numpy.arange(0, 16, 4, numpy.uint32) & 15
        assert (nibbles < 8).all()
        value = numpy.take_along_axis(pool, nibbles.astype(numpy.int64), 1)
        self.put(operands[0], numpy.ascontiguousarray(value).view(numpy.uint32)[:, 0], lanes)


FLOATS = {"add": numpy.add, "sub": numpy.subtract, "mul": numpy.multiply, "neg": numpy.negative,
          "fma": lambda a, b, c: a * b + c, "abs": abs, "min": numpy.fmin, "max": numpy.fmax,
          "copysign": lambda sign, size: numpy.copysign(size, sign), "ex2": numpy.exp2,
          "rcp": numpy.reciprocal, "tanh": numpy.tanh}
INTEGERS = {"add": numpy.add, "sub": numpy.subtract, "mul": numpy.multiply, "mad": numpy.multiply, "min": numpy.minimum,
            "max": numpy.maximum, "and": numpy.bitwise_and, "or": numpy.bitwise_or,
            "xor": numpy.bitwise_xor, "not": numpy.invert, "rem": numpy.fmod,
            "neg": numpy.negative, "abs": abs}


class Block:
    """A block of threads; `order` of its warps, between barriers."""

    def __init__(self, program, parameters, memory, shared_bytes, order, index, is_late):
        self.program, self.parameters, self.memory = program, parameters, memory
        self.shared, self.order, self.index, self.is_late = Memory(shared_bytes, 0), order, index, is_late

    def run(self):
        warps = [Warp(self, number) for number in range(len(self.order))]
        while not all(warp.done for warp in warps):
            for number in self.order:
                warps[number].run()
            assert len({warp.waits for warp in warps}) == 1, "some warps miss a barrier"
            for warp in warps:
                warp.waits = False
