"""GPU kernels by their machine code: is what was promised in it, for every architecture?

usage: check_kernels.py BUILD

Packs the kernels that clip-mini, ViT-B/32 and ViT-L/14 need (octavo kernels pack: no GPU is used)
and reads the machine code: which tensor instructions it has; that no kernel has a stack frame, so
that nothing is spilled; how many registers a thread takes.  NVRTC is the system's, or the one that
came with the judges; without any, this says so and judges nothing.
"""
import concurrent.futures
import glob
import os
import re
import struct
import sys
import tempfile
import time

from judge import MINI, ROOT, Judge, find_compiler, octavo

ARCHITECTURES = ("sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120")
KERNELS = os.path.join(ROOT, "src", "backends", "cuda", "kernels")

# The low 12 bits of an instruction, learnt from kernels of one instruction each.
TENSOR = {0x9f3: "QGMMA", 0xdf3: "QGMMA", 0x9f0: "HGMMA", 0xdf0: "HGMMA", 0x9f1: "IGMMA",
          0x23c: "HMMA", 0x237: "IMMA", 0x27a: "QMMA"}
LOCAL = {0x983: "LDL", 0x387: "STL"}  # loads and stores of local memory: spills, arrays on a stack

# Attributes of a kernel in .nv.info
FRAME_SIZE, REGISTERS, THREADS = 0x11, 0x2f, 0x05
REGISTERS_OF_A_PROCESSOR = 65536

# Whose mma.sync multiplies codes; on the others the compiler would make it of 16-bit ones.
CODES = {"sm_89", "sm_120"}
# kernel: the tensor instructions that its machine code has, by architecture and its #defines; a
# kernel that is not here has none.
PROMISED = {
    "gemm_wgmma.cu": lambda a, d: {"HGMMA" if d["IN_F16"] else "QGMMA"},
    "gemm_mma.cu": lambda a, d: {"QMMA" if a in CODES and not d["IN_F16"] else "HMMA"},
    "attention_wgmma.cu": lambda a, d: {"HGMMA", "HMMA"} if d["TAIL"] else {"HGMMA"},
    "attention_mma.cu": lambda a, d: {"HMMA"},
}
# kernel: registers of a thread that it may take, where that is less than its launch bounds allow:
# the most that any takes with NVRTC 13.0, rounded up to a multiple of 8.  More is a change to look at.
PLANNED = {"attention_mma.cu": 152, "attention_row.cu": 128, "count.cu": 40, "gemm_mma.cu": 224,
           "logits.cu": 40, "norm.cu": 128, "patches.cu": 48, "pick.cu": 24, "tokens.cu": 32}
# kernel: why no model here needs it
UNUSED = {"attention_plain.cu": "heads are multiples of 16 columns, up to 128",
          "gemm_plain.cu": "columns are multiples of 8, and scales those of tensors",
          "pointwise.cu": "what it does is taken in by its neighbours"}


def read_pack(path):
    """(architecture, kernel, #defines, machine code) of a pack: src/backends/cuda/pack/pack.h."""
    with open(path, "rb") as file:
        data = file.read()
    magic, version, count = struct.unpack_from("<8sII", data)
    assert magic == b"\x8fOCKERN\n" and version == 1, path
    texts = 64 + 112 * count
    for i in range(count):
        architecture, kernel, offset, size, text, text_size = struct.unpack_from(
            "<16s40s32xQQII", data, 64 + 112 * i)
        yield (architecture.rstrip(b"\0").decode(), kernel.rstrip(b"\0").decode(),
               data[texts + text:texts + text + text_size].decode(), data[offset:offset + size])


def sections(elf):
    """(name, bytes) of a 64-bit ELF file."""
    offset, = struct.unpack_from("<Q", elf, 40)
    size, count, names = struct.unpack_from("<HHH", elf, 58)
    heads = [struct.unpack_from("<IIQQQQ", elf, offset + i * size) for i in range(count)]
    at = heads[names][4]
    for head in heads:
        name = elf[at + head[0]:elf.index(b"\0", at + head[0])].decode()
        yield name, elf[head[4]:head[4] + head[5]] if head[1] != 8 else b""


def attributes(info):
    """(attribute, payload) of .nv.info: a format, an attribute, a value or the size of a payload."""
    at = 0
    while at + 4 <= len(info):
        form, attribute, value = struct.unpack_from("<BBH", info, at)
        at += 4
        yield attribute, info[at:at + value] if form == 4 else b""
        at += value if form == 4 else 0


class Kernel:
    """What machine code says of itself."""

    def __init__(self, architecture, name, defines, elf):
        self.architecture, self.name, self.text = architecture, name, defines
        self.defines = {key: int(value) for key, value in
                        re.findall(r"#define (\w+) (-?\d+)$", defines, re.M)}
        self.tensor, self.local, self.frame, self.registers, self.threads = set(), set(), 0, 0, 1024
        for section, data in sections(elf):
            if section.startswith(".text."):
                for at in range(0, len(data), 16):
                    code = data[at] | (data[at + 1] & 0xf) << 8
                    self.tensor |= {TENSOR[code]} if code in TENSOR else set()
                    self.local |= {LOCAL[code]} if code in LOCAL else set()
            elif section.startswith(".nv.info"):
                self.read_info(data)

    def read_info(self, data):
        for attribute, payload in attributes(data):
            if attribute == FRAME_SIZE:
                self.frame = max(self.frame, struct.unpack("<II", payload)[1])
            elif attribute == REGISTERS:
                self.registers = max(self.registers, struct.unpack("<II", payload)[1])
            elif attribute == THREADS:
                x, y, z = struct.unpack("<III", payload)
                self.threads = x * y * z

    def __str__(self):
        return f"{self.name} for {self.architecture} ({' '.join(self.text.split())})"


def judge_kernel(judge, kernel):
    promised = PROMISED.get(kernel.name, lambda a, d: set())(kernel.architecture, kernel.defines)
    judge.check(kernel.tensor == promised, kernel, f"has {sorted(kernel.tensor) or 'no'} tensor "
                f"instructions, promised are {sorted(promised) or 'none'}")
    judge.check(kernel.frame == 0 and not kernel.local, kernel,
                f"has a stack frame of {kernel.frame} bytes, {sorted(kernel.local)}")
    allowed = min(255, REGISTERS_OF_A_PROCESSOR // kernel.threads // 8 * 8)
    planned = min(allowed, PLANNED.get(kernel.name, allowed))
    judge.check(0 < kernel.registers <= planned, kernel, f"takes {kernel.registers} registers a "
                f"thread, {planned} are planned; {kernel.threads} threads could have {allowed}")


def pack(build, work, model):
    """The pack of one model for all architectures, and the seconds that it took."""
    start = time.monotonic()
    path = os.path.join(work, f"{model}.kernels")
    what = ["--preset", model, "--work", work]
    if model == "clip-mini":
        engine = os.path.join(work, "mini.octavo")
        octavo(build, "build", MINI, "-o", engine, "--quiet")
        what = [engine]
    octavo(build, "kernels", "pack", *what, "--arch", ",".join(ARCHITECTURES), "--batch", "16",
           "-o", path, "--quiet")
    return path, time.monotonic() - start


def table(kernels):
    """One line for each kernel and architecture: how many, and their registers."""
    groups = {}
    for kernel in kernels:
        groups.setdefault((kernel.name, kernel.architecture), []).append(kernel)
    for (name, architecture), group in sorted(groups.items()):
        registers = [kernel.registers for kernel in group]
        tensor = sorted(set().union(*(kernel.tensor for kernel in group)))
        print(f"  {name:20} {architecture:7} {len(group):4}  registers {min(registers):3} to "
              f"{max(registers):3}  {' '.join(tensor)}")


def main():
    build = sys.argv[1]
    judge = Judge("kernels")
    compiler = find_compiler(build)
    if not compiler:
        print("SKIPPED kernels: there is no NVRTC, neither the system's nor from PyPI")
        return
    kernels = []
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {model: pool.submit(pack, build, work, model)
                for model in ("ViT-L-14", "ViT-B-32", "clip-mini")}
        for model, job in jobs.items():
            path, seconds = job.result()
            mine = [Kernel(*entry) for entry in read_pack(path)]
            kernels += mine
            print(f"{model}: {len(mine)} kernels, {os.path.getsize(path)} bytes, {seconds:.0f} s")
            for architecture in ARCHITECTURES:
                judge.check(any(kernel.architecture == architecture for kernel in mine),
                            f"{model} has no kernel for {architecture}")
    for kernel in kernels:
        judge_kernel(judge, kernel)
    for path in sorted(glob.glob(os.path.join(KERNELS, "*", "*.cu"))):
        name = os.path.basename(path)
        judge.check((name in UNUSED) != any(kernel.name == name for kernel in kernels),
                    f"{name} is compiled for no model, or is said not to be")
    table(kernels)
    print(f"compiled by {compiler}")
    judge.end()


main()
