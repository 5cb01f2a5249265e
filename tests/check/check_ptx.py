"""gemm_mma.cu without a card: its PTX for cards that never ran it, run on numpy (ptx.py).

usage: check_ptx.py BUILD

Every tile that gemm_mma.c chooses from, every epilogue, codes and 16-bit floats, edges of rows,
columns and k, for sm_80 (codes widened bit by bit), sm_89 (FP8 products) and sm_90 (codes widened by
conversions, stmatrix), against a plain product in float64.  What stands where a kernel must not
read is NaN, what it must not write is looked at afterwards.  NVRTC compiles; without it, this says
so and judges nothing.
"""
import ctypes
import glob
import math
import os
import random
import re
import struct
import sys

import numpy

import ptx
from judge import ROOT, Judge, find_compiler

KERNELS = os.path.join(ROOT, "src", "backends", "cuda", "kernels")
GEMM = os.path.join(KERNELS, "gemm")
ARCHITECTURES = ("compute_80", "compute_89", "compute_90")
CODES, HALF, FLOAT, NONE = range(4)  # TYPE_ of gemm.cuh
DTYPES = (numpy.uint8, numpy.float16, numpy.float32)
ERF, SIGMOID, TANH = 1, 2, 3  # oc_activation
PERIOD, FACTOR, GUARD = 5, 0.5, 3

# of out, of the residual, activation, scale, bias, scales of rows, table, residual in place
EPILOGUES = (
    (HALF, HALF, 0, 1, 1, 0, 0, True), (HALF, NONE, SIGMOID, 1, 1, 0, 0, False),
    (CODES, NONE, SIGMOID, 1, 1, 0, 0, False), (CODES, NONE, ERF, 1, 1, 0, 0, False),
    (CODES, NONE, TANH, 1, 0, 0, 0, False), (FLOAT, FLOAT, 0, 1, 1, 1, 1, False),
    (FLOAT, HALF, 0, 0, 1, 0, 1, False), (CODES, HALF, SIGMOID, 1, 1, 0, 1, False),
    (CODES, FLOAT, 0, 1, 1, 1, 0, False), (HALF, FLOAT, TANH, 1, 1, 0, 1, False),
    (FLOAT, NONE, SIGMOID, 1, 0, 0, 0, False))
SHAPES = ((33, 72, 300), (17, 24, 64), (5, 56, 259), (15, 40, 83))
LARGE = (70, 136, 260)  # rows, columns, k


class Compiler:
    """NVRTC, for PTX."""

    def __init__(self, path):
        self.dll = ctypes.CDLL(path)
        self.headers = {os.path.basename(name): open(name, "rb").read()
                        for pattern in ("*/*.cuh", "args.h")
                        for name in glob.glob(os.path.join(KERNELS, pattern))}

    def ptx(self, source, architecture):
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        count = len(self.headers)
        texts = (ctypes.c_char_p * count)(*self.headers.values())
        names = (ctypes.c_char_p * count)(*(name.encode() for name in self.headers))
        options = (ctypes.c_char_p * 2)(f"--gpu-architecture={architecture}".encode(), b"--std=c++17")
        self.dll.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"gemm_mma.cu", count,
                                    texts, names)
        if self.dll.nvrtcCompileProgram(program, 2, options):
            self.dll.nvrtcGetProgramLogSize(program, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            self.dll.nvrtcGetProgramLog(program, log)
            sys.exit(log.value.decode())
        self.dll.nvrtcGetPTXSize(program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        self.dll.nvrtcGetPTX(program, text)
        self.dll.nvrtcDestroyProgram(ctypes.byref(program))
        return text.value.decode()


def up(x, to):
    return (x + to - 1) // to * to


def padded(rows, columns, fill, more_rows=0):
    """The rows in a buffer whose rows are `columns` long."""
    out = numpy.full((len(rows) + more_rows, columns), fill, rows.dtype)
    out[:len(rows), :rows.shape[1]] = rows
    return out


def packed(rows, columns):
    """A weight as constants.h says."""
    out = numpy.zeros((up(len(rows), 16), columns), rows.dtype)
    for n, row in enumerate(rows):
        quad, of = n % 16 // 4, n % 4
        out[n - n % 16 + 2 * quad + (of if of < 2 else 6 + of), :rows.shape[1]] = row
    return out


def activate(x, act):
    if act == ERF:
        return 0.5 * x * (1 + numpy.vectorize(math.erf)(x / math.sqrt(2)))
    if act == SIGMOID:
        return x / (1 + numpy.exp(-1.702 * x))
    if act == TANH:
        return 0.5 * x * (1 + numpy.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x


class Case:
    """A product, its operands and what it must give."""

    def __init__(self, shape, is_half, terms, epilogue, tile, seed):
        self.rows, self.n, self.k = shape
        self.is_half, self.terms, self.epilogue, self.tile, self.seed = \
            is_half, terms, epilogue, tile, seed
        random_ = numpy.random.default_rng(seed)
        out, residual, act, scale, bias, row_scales, table, _ = epilogue
        normal = lambda *size: random_.standard_normal(size)
        if is_half:
            self.a, self.w = (normal(x, self.k).astype(numpy.float16) for x in (self.rows, self.n))
            self.second = (1e-3 * normal(self.n, self.k)).astype(numpy.float16) * (terms - 1)
            y = self.a.astype(float) @ (self.w.astype(float) + self.second).T
        else:
            codes = numpy.concatenate([numpy.arange(0x7f), numpy.arange(0x80, 0xff)])
            self.a, self.w = (random_.choice(codes, (x, self.k)).astype(numpy.uint8)
                              for x in (self.rows, self.n))
            if seed % 3 == 0:  # NaN stays in its row and column
                self.a[1, 2], self.w[3, self.k - 1] = 0x7f, 0xff
            y = ptx.E4M3[self.a] @ ptx.E4M3[self.w].T
        size = numpy.nanstd(y)
        self.scale = (random_.random(self.n) + 0.5).astype(numpy.float32) / numpy.float32(size)
        self.bias = normal(self.n).astype(numpy.float32)
        self.row_scale = (random_.random((self.rows, 4)) + 0.5).astype(numpy.float32)
        self.table = normal(PERIOD, self.n).astype(numpy.float32)
        y = y * self.row_scale[:, :1] if row_scales else y
        y = y * (self.scale * FACTOR) if scale else y
        y = activate(y + self.bias if bias else y, act)
        if residual != NONE:
            self.residual = (normal(self.rows, self.n) * (1 if scale else size)).astype(DTYPES[residual])
            y = y + self.residual
        self.want = y + self.table[numpy.arange(self.rows) % PERIOD] if table else y
        self.inverse = 16.0

    def __str__(self):
        return f"{self.rows}x{self.n}x{self.k} {'halves' if self.is_half else 'codes'} " \
               f"terms {self.terms} epilogue {self.epilogue} tile {self.tile} seed {self.seed}"

    def source(self):
        out, residual, act, scale, bias, row_scales, table, _ = self.epilogue
        fragments, columns, warps_m, warps_n, stages = self.tile
        defines = dict(N=self.n, K=self.k, TERMS=self.terms, IN_F16=int(self.is_half), OUT=out,
                       RESIDUAL=residual, ACT=act, HAS_SCALE=scale, HAS_BIAS=bias,
                       HAS_ROW_SCALE=row_scales, HAS_TABLE=table, FRAGMENTS=fragments,
                       COLUMNS=columns, WARPS_M=warps_m, WARPS_N=warps_n, STAGES=stages)
        with open(os.path.join(GEMM, "gemm_mma.cu")) as file:
            return "".join(f"#define {key} {value}\n" for key, value in defines.items()) + file.read()

    def run(self, program):
        """What the kernel leaves of out, and of what lies beside it."""
        out, residual, _, _, _, _, _, in_place = self.epilogue
        fragments, columns, warps_m, warps_n, stages = self.tile
        memory = ptx.Memory(1 << 20, 1 << 30)
        unit, nothing = (8, numpy.nan) if self.is_half else (16, 0x7f)
        a = padded(self.a, up(self.k, unit) + self.seed % 2 * unit, nothing)
        if self.terms == 2:
            w = numpy.concatenate([packed(self.w, up(self.k, 64)), packed(self.second, up(self.k, 64))], 1)
        else:
            w = packed(self.w, up(self.k, 16))
        result = padded(numpy.full((self.rows, self.n), 77, DTYPES[out]),
                        up(self.n, 16 // DTYPES[out](0).nbytes), 77, GUARD)
        beside, at_residual = None, 0
        if residual != NONE:
            beside = padded(self.residual, up(self.n, 16) + 16, numpy.nan, GUARD)
            at_residual = memory.give(beside)
        if in_place:
            result, at_out = beside, at_residual
        else:
            at_out = memory.give(result)
        parameters = struct.pack(  # oc_gemm_mma_args
            "<9Q5qiff", memory.give(numpy.int32([self.rows])), memory.give(a), memory.give(w),
            memory.give(self.scale), memory.give(self.bias), memory.give(self.row_scale), at_residual,
            memory.give(self.table), at_out, a.shape[1], w.shape[1], self.row_scale.shape[1],
            0 if beside is None else beside.shape[1], result.shape[1], PERIOD, FACTOR, self.inverse)
        tile_m, tile_n = 16 * fragments * warps_m, columns * warps_n
        down = (self.rows + tile_m - 1) // tile_m + self.seed % 2  # a plan may be for more rows
        for index in range(down * ((self.n + tile_n - 1) // tile_n)):
            order = list(range(warps_m * warps_n))
            random.Random(self.seed + index).shuffle(order)
            ptx.Block(program, parameters, memory, stages * (tile_m + tile_n) * 128 + 8 * tile_n,
                      order, index, self.seed % 2 == 0).run()
        return memory.take(at_out, result), result

    def judge(self, judge, architecture, program):
        out = self.epilogue[0]
        try:
            left, before = self.run(program)
        except RuntimeError as error:
            judge.check(False, architecture, self, error)
            return
        got = left[:self.rows, :self.n]
        beside = numpy.ones(left.shape, bool)
        beside[:self.rows, :self.n] = False
        judge.check(left[beside].tobytes() == before[beside].tobytes(), architecture, self,
                    "writes beside its result")
        size = numpy.sqrt(numpy.nanmean(self.want**2))
        if out == CODES:
            got, want = ptx.E4M3[got], ptx.E4M3[ptx.e4m3_codes(self.want * self.inverse)]
            error = abs(got - want) / numpy.maximum(abs(want), 2.0**-5)
            right = (numpy.nan_to_num(error) > 0).mean() < 0.02 and numpy.nanmax(error) < 0.15
        else:
            want = self.want
            error = abs(got - want) / size
            right = numpy.nanmax(error) < (4e-3 if out == HALF else 3e-6)
        judge.check(right and (numpy.isnan(got) == numpy.isnan(want)).all(), architecture, self,
                    f"is off by {numpy.nanmax(error):.3g}")


def tiles():
    """Those of gemm_mma.c."""
    with open(os.path.join(GEMM, "gemm_mma.c")) as file:
        text = re.search(r"candidates\[\] = \{(.*?)\};", file.read(), re.S)[1]
    return [tuple(map(int, re.findall(r"\d+", one))) for one in re.findall(r"\{([^}]*)\}", text)]


def cases():
    """The small tiles share the epilogues; each large one has two."""
    small = [tile for tile in tiles() if 16 * tile[0] * tile[2] < 64]
    large = [tile for tile in tiles() if tile not in small]
    seed = 0
    for is_half in (False, True):
        for epilogue in EPILOGUES:
            seed += 1
            yield Case(SHAPES[seed % 4], is_half, 1, epilogue, small[seed % len(small)], seed)
        for tile in large:
            seed += 1
            yield Case(LARGE, is_half, 1, EPILOGUES[seed % 3], tile, seed)
    yield Case((20, 40, 150), True, 2, EPILOGUES[-1], small[0], seed + 1)


def main():
    judge = Judge("ptx")
    compiler = find_compiler(sys.argv[1])
    if not compiler:
        print("SKIPPED ptx: there is no NVRTC, neither the system's nor from PyPI")
        return
    compile_ = Compiler(compiler.split(", ", 1)[1])
    for case in cases():
        for architecture in ARCHITECTURES:
            program = ptx.Program(compile_.ptx(case.source(), architecture))
            case.judge(judge, architecture, program)
    judge.end()


main()
