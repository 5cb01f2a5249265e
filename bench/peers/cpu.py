#!/usr/bin/env python3
"""Times octavo beside what a user would run instead on this processor, in turns, in one run.

    cpu.py OCTAVO [--cases image:ViT-B-32:1,...] [--threads 1,2] [--rounds 5] [--seconds 1.0]
           [--peers ort_fp32,ort_int8,openvino_fp32,openvino_bf16,torch_fp32,torch_bf16]
           [--tiers amx,avx2] [--busy] [--work DIR] [--out peers.json]

A case is TOWER:PRESET:BATCH[:TOKENS[:PADDED]].  octavo runs a seeded random FP8 engine of that
preset, on each tier of --tiers (default: the best); the peers run towers of the same shape with
random float32 weights (towers.py), in the arithmetic of their name, batch and length static.  With
PADDED the peers get rows of that many tokens, octavo the same text as it is.  Needs numpy, and of
onnxruntime, openvino and torch what --peers names; ort_int8 also onnx.  A peer that cannot be loaded
is noted and left out.

Peers live in a process each and are stopped (SIGSTOP) while it is not their turn; every turn is a
warm run and then runs for --seconds.  With --busy another process keeps one core busy all the time.
cpu_ms is process CPU time of a run: with one thread it is the fair figure on a shared machine; with
more, wall time is.  `foreign` is how many cores other processes used during the turns; `cosine` how
like the worst row is to the first peer's.  peers_file.py says what is in the file, which
`octavo bench --compare` reads; octavo's own rows are among its rows.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

from peers_file import PeersFile
from towers import Tower, make_torch, write_onnx

CASES = ("image:ViT-B-32:1,image:ViT-B-16:1,image:ViT-L-14:1,image:ViT-B-32:8,"
         "text:ViT-B-32:1:77,text:ViT-B-32:1:16,text:ViT-B-32:1:16:77")


# -- a peer, in a process of its own ------------------------------------------------------------

def load_ort(path, x, threads, small):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    if small:
        from onnxruntime.quantization import QuantType, quantize_dynamic
        whole, path = path, path[:-5] + "-int8.onnx"
        if not os.path.exists(path):
            quantize_dynamic(whole, path, per_channel=True, weight_type=QuantType.QInt8,
                             op_types_to_quantize=["MatMul", "Gemm"])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})[0]


def load_openvino(path, x, threads, precision):
    import openvino
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
               "INFERENCE_PRECISION_HINT": precision}
    request = openvino.compile_model(path, "CPU", options).create_infer_request()
    return lambda: request.infer([x], share_inputs=True)[0]


def load_torch(tower, x, threads, dtype):
    import torch
    torch.set_num_threads(threads)
    embed, given = make_torch(tower, getattr(torch, dtype)), torch.from_numpy(x)

    def run():
        with torch.inference_mode():
            return embed(given).float().numpy()
    return run


def load_peer(name, tower, preset, batch, tokens, threads, work):
    shape = Tower(tower, preset, tokens)
    x = shape.sample(batch)
    kind, precision = name.split("_")
    if kind == "torch":
        return load_torch(shape, x, threads, {"fp32": "float32", "bf16": "bfloat16"}[precision])
    path = os.path.join(work, f"{tower}-{preset}-{batch}-{tokens}.onnx")
    write_onnx(shape, batch, path)
    if kind == "ort":
        return load_ort(path, x, threads, precision == "int8")
    return load_openvino(path, x, threads, {"fp32": "f32", "bf16": "bf16"}[precision])


def resident_mb():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2 ** 20


def serve_peer(spec):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    first = os.path.join(spec["work"], "first.npy")
    run = load_peer(**spec)
    y = run()
    if not os.path.exists(first):
        numpy.save(first, y)
    like = numpy.load(first)
    cosine = (y * like).sum(-1) / numpy.linalg.norm(y, axis=-1) / numpy.linalg.norm(like, axis=-1)
    print(json.dumps({"cosine": float(cosine.min()), "rss_mb": resident_mb()}), file=out, flush=True)
    for line in sys.stdin:
        seconds = float(line)
        run()
        wall, start, cpu = [], time.perf_counter(), time.process_time()
        while len(wall) < 3 or time.perf_counter() - start < seconds:
            at = time.perf_counter()
            run()
            wall.append(1e3 * (time.perf_counter() - at))
        cpu = 1e3 * (time.process_time() - cpu) / len(wall)
        print(json.dumps({"ms": statistics.median(wall), "best_ms": min(wall), "cpu_ms": cpu}),
              file=out, flush=True)


class Peer:
    def __init__(self, work, **spec):
        command = [sys.executable, os.path.abspath(__file__), "--peer", json.dumps(dict(spec, work=work))]
        env = dict(os.environ, OMP_NUM_THREADS=str(spec["threads"]), CUDA_VISIBLE_DEVICES="")
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env=env)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise RuntimeError((self.errors.read().strip().splitlines() or ["no answer"])[-1][:300])
        self.about = json.loads(line)
        self.process.send_signal(signal.SIGSTOP)

    def turn(self, seconds):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.process.send_signal(signal.SIGSTOP)
        return dict(answer, **self.about)

    def pids(self):
        return [self.process.pid]

    def end(self):
        self.process.kill()
        self.process.wait()


# -- octavo ---------------------------------------------------------------------------------------

def make_engine(octavo, preset, work):
    path = os.path.join(work, f"{preset}.octavo")
    if not os.path.exists(path):
        folder = os.path.join(work, preset)
        subprocess.run([octavo, "bench", "--preset", preset, "--save-checkpoint", folder, "--tower",
                        "text", "--tokens", "8", "--duration", "0.01", "--warmup", "0", "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run([octavo, "build", folder, "-o", path, "--quiet"], check=True)
    return path


def octavo_turn(octavo, engine, tower, batch, tokens, threads, seconds, tier):
    command = [octavo, "bench", engine, "--tower", tower, "--batch", str(batch), "--threads",
               str(threads), "--duration", str(seconds), "--warmup", "0.2", "--json"]
    command += ["--tokens", str(tokens)] if tower == "text" else []
    command += ["--tier", tier] if tier else []
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    row = report["results"][0]
    return {"ms": row["latency_ms"]["median"], "best_ms": row["latency_ms"]["min"],
            "cpu_ms": row["cpu_ms"], "share_of_peak": row["share_of_peak"],
            "tflops": row["tflops"], "peak_tflops": row["peak_tflops"], "load_s": report["load_s"],
            "rss_mb": report["rss_mb"]}


# -- turns ------------------------------------------------------------------------------------------

def cpu_of(pids):
    tick, used = os.sysconf("SC_CLK_TCK"), 0.0
    for pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        used += (int(fields[11]) + int(fields[12])) / tick
    return used


def busy_elsewhere(pids):
    """CPU seconds used so far by all but this process, its ended children and `pids`."""
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system + cpu_of(pids)
    fields = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK") - own


def turn_of(run, pids):
    before, start = busy_elsewhere(pids), time.time()
    row = run()
    row["foreign"] = max(0.0, (busy_elsewhere(pids) - before) / (time.time() - start))
    return row


def run_case(args, case, threads, out):
    tower, preset, batch, *rest = case.split(":")
    batch, tokens = int(batch), int(rest[0]) if rest else 77
    padded = int(rest[1]) if len(rest) > 1 else tokens
    engine = make_engine(args.octavo, preset, args.work)
    engines = {"octavo" + (" " + tier if tier else ""): lambda tier=tier: octavo_turn(
        args.octavo, engine, tower, batch, tokens, threads, args.seconds, tier)
        for tier in args.tiers.split(",")}
    ours, peers = next(iter(engines)), {}
    if os.path.exists(os.path.join(args.work, "first.npy")):
        os.remove(os.path.join(args.work, "first.npy"))
    for name in filter(None, args.peers.split(",")):
        try:
            peers[name] = Peer(args.work, name=name, tower=tower, preset=preset, batch=batch,
                               tokens=padded, threads=threads)
        except RuntimeError as error:
            out.add("failed", {"case": f"{case} {threads} threads {name}", "error": str(error)})
            print(f"{case} {name}: {error}", file=sys.stderr)
    hog = None
    if args.busy:
        hog = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    rows = {name: [] for name in [*engines, *peers]}
    try:
        for _ in range(args.rounds):
            for name in rows:
                pids = peers[name].pids() if name in peers else []
                pids += [hog.pid] if hog else []
                run = engines.get(name) or (lambda name=name: peers[name].turn(args.seconds))
                rows[name].append(turn_of(run, pids))
    finally:
        for peer in peers.values():
            peer.end()
        if hog:
            hog.kill()
            hog.wait()
    figure = "cpu_ms" if threads == 1 and not args.busy else "ms"
    middle = {name: {key: statistics.median(t[key] for t in turns) for key in turns[0]}
              for name, turns in rows.items()}
    for name, row in middle.items():
        row = {"engine": name, "model": preset, "tower": tower, "batch": batch,
               "tokens": tokens if tower == "text" else None,
               "padded": padded if padded != tokens and name in peers else None,
               "threads": threads, "timed": "wall", "busy": bool(args.busy), **row,
               "rounds": args.rounds, "by": figure}
        if name != ours:
            row["octavo_is_faster"] = row[figure] / middle[ours][figure]
        out.add("rows", row)
        share = f"{row['share_of_peak']:7.1%}" if "share_of_peak" in row else " " * 7
        ratio = f"{row['octavo_is_faster']:6.2f}x" if name != ours else ""
        print(f"{case:28}{threads:2}T {name:14}{row['ms']:9.2f} ms{row['cpu_ms']:9.2f} cpu ms "
              f"{share} {row['foreign']:5.2f} foreign {ratio}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("octavo", nargs="?")
    parser.add_argument("--cases", default=CASES)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--peers", default="ort_fp32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--tiers", default="")
    parser.add_argument("--work", default=os.path.join(tempfile.gettempdir(), "octavo-peers"))
    parser.add_argument("--out", default="peers.json", help="the file to write")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return serve_peer(json.loads(args.peer))
    if not args.octavo:
        parser.error("the octavo program is needed")
    os.makedirs(args.work, exist_ok=True)
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown")
    flags = next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "").split()
    has = [f for f in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16") if f in flags]
    out = PeersFile(args.out, f"{model}, {os.cpu_count()} cores, {' '.join(has)}",
                    f"octavo, {args.peers}")
    for threads in args.threads.split(","):
        for case in args.cases.split(","):
            run_case(args, case, int(threads), out)


if __name__ == "__main__":
    main()
