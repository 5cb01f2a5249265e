"""The file that gpu.py and cpu.py write and `octavo bench --compare` reads.

    {"machine": "...", "software": "...", "date": "2026-11-27",
     "rows": [{"engine": "torch fp8", "model": "ViT-L-14", "tower": "image", "batch": 128,
               "ms": 35.2, "timed": "device"}, ...],
     "kernels": [...], "failed": [{"case": "...", "error": "..."}, ...]}

model is a preset of octavo bench.  A text row has "tokens"; a row that holds for so many threads
only, "threads".  ms is a median: "device", the GPU's own time with inputs on the card, or "wall".
Further members of a row, and of the whole, are for people.  "kernels" are times of single kernels
and "failed" what could not be measured; octavo looks at neither.
"""
import json
import os
import time


class PeersFile:
    """Written anew with each figure, so that what was measured is kept whatever follows."""

    def __init__(self, path, machine, software):
        self.path = path
        self.report = {"machine": machine, "software": software, "date": time.strftime("%Y-%m-%d"),
                       "rows": [], "kernels": [], "failed": []}
        self.write()

    def write(self):
        with open(self.path + ".part", "w", encoding="utf-8") as file:
            json.dump(self.report, file, indent=1)
            file.write("\n")
        os.replace(self.path + ".part", self.path)

    def add(self, kind, row):
        """kind: "rows", "kernels" or "failed"."""
        self.report[kind].append({key: round(value, 4) if isinstance(value, float) else value
                                  for key, value in row.items() if value is not None})
        self.write()
