#!/usr/bin/env python3
"""Copies the installed onnxruntime package and switches its AVX-512 kernels off, so that its AVX2
kernels can be timed on a processor that has both.

    ort_avx2.py FOLDER      then: PYTHONPATH=FOLDER cpu.py ...

The library asks the processor (xgetbv) which registers the system saves; the copy's probes answer
"SSE and AVX" instead.  Nothing else is touched.  For measurements only.
"""
import glob
import os
import shutil
import sys

import onnxruntime

PROBES = (  # xor ecx,ecx; xgetbv; ... -> the same length, answering 7
    # with edx:eax joined in rax and rdx: mov eax,7; xor edx,edx
    (bytes.fromhex("31c90f01d089c048c1e220"), bytes.fromhex("31c9b80700000031d26690")),
    # with eax alone looked at: mov al,7; nop
    (bytes.fromhex("31c90f01d0"), bytes.fromhex("31c9b00790")),
)


def main():
    folder = sys.argv[1]
    source = os.path.dirname(onnxruntime.__file__)
    shutil.copytree(source, os.path.join(folder, "onnxruntime"), dirs_exist_ok=True)
    changed = 0
    for path in glob.glob(os.path.join(folder, "onnxruntime", "capi", "onnxruntime_pybind11_state*.so")):
        with open(path, "rb") as file:
            code = file.read()
        for old, new in PROBES:
            changed += code.count(old)
            code = code.replace(old, new)
        with open(path, "wb") as file:
            file.write(code)
    print(f"{changed} probes changed in {folder}")
    return 0 if changed else 1


if __name__ == "__main__":
    sys.exit(main())
