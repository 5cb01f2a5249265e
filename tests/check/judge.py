"""What the judges of this folder share: the program and the library of a build folder."""
import ctypes
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MINI = os.path.join(ROOT, "models", "clip-mini-fp8")
TINY = os.path.join(ROOT, "tests", "data", "tiny-clip")
PHOTOS = os.path.join(ROOT, "examples", "photos")


class Judge:
    """Counts what was judged; says what failed."""

    def __init__(self, name):
        self.name, self.judged, self.failed = name, 0, 0

    def check(self, right, *sentence):
        self.judged += 1
        if not right:
            self.failed += 1
            print("FAILED", *sentence)

    def end(self):
        print(f"{self.name}: {self.judged} judged, {self.failed} failed")
        sys.exit(1 if self.failed or not self.judged else 0)


def octavo(build, *arguments):
    """Runs the program; what it prints."""
    done = subprocess.run([os.path.join(build, "octavo"), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"octavo {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def find_compiler(build):
    """What compiles kernels here; None: nothing does."""
    def ask():
        compiler = json.loads(octavo(build, "doctor", "--json"))["kernel_compiler"]
        return compiler["about"] if compiler["available"] else None
    found = ask()
    for place in [] if found else sys.path:
        for path in sorted(glob.glob(os.path.join(place, "nvidia", "*", "lib", "libnvrtc.so.1?"))):
            os.environ["OCTAVO_NVRTC"] = path
            found = found or ask()
    return found


class EngineInfo(ctypes.Structure):
    """octavo_engine_info of octavo.h."""
    _fields_ = [(name, ctypes.c_int32) for name in
                ("towers", "image_size", "embed_dim", "tokens_max", "pad_id")] + \
               [("logit_scale", ctypes.c_float), ("name", ctypes.c_char_p),
                ("precision", ctypes.c_char_p)]


class Engine:
    """An engine opened through liboctavo.so."""

    def __init__(self, build, path):
        self.dll = ctypes.CDLL(os.path.join(build, "liboctavo.so"))
        self.dll.octavo_engine_describe.restype = ctypes.POINTER(EngineInfo)
        self.handle = ctypes.c_void_p()
        status = self.dll.octavo_engine_open(path.encode(), ctypes.byref(self.handle), None)
        if status != 0:
            sys.exit(f"octavo_engine_open({path}): status {status}")
        self.info = self.dll.octavo_engine_describe(self.handle).contents

    def tokenize(self, text):
        """Ids, and how many the uncut text has; text may be bytes."""
        data = text.encode() if isinstance(text, str) else text
        ids = (ctypes.c_int32 * self.info.tokens_max)()
        count, full = ctypes.c_int32(), ctypes.c_int32()
        status = self.dll.octavo_tokenize(self.handle, data, ctypes.c_size_t(len(data)), ids,
                                              ctypes.byref(count), ctypes.byref(full), None)
        return (list(ids[:count.value]), full.value) if status == 0 else (f"status {status}", 0)
