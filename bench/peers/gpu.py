#!/usr/bin/env python3
"""What a user would run instead of octavo on an NVIDIA GPU: CLIP towers in torch, compiled, in a
CUDA graph, with FP8 products (torch._scaled_mm, static scales) or in bf16.

    gpu.py [--cases image:ViT-L-14:fp8:128,text:ViT-L-14:fp8:1,gemm,attention] [--ms 600]
           [--out peers.json]

A case is TOWER:PRESET:PRECISION:BATCH with PRECISION fp8 | bf16; texts have 77 tokens.  Weights are
random, inputs too; times are medians of CUDA events around graph replays, inputs on the card.
`octavo bench --compare peers.json` shows them beside its own (peers_file.py says what is in the
file); gemm and attention are times of single kernels.  Needs torch and transformers.
"""
import argparse
import statistics
import sys
import time

import torch
from torch import nn

from peers_file import PeersFile

SHAPES = {  # preset: image (width, layers, heads, patch), text (width, layers, heads), projection
    "ViT-B-32": ((768, 12, 12, 32), (512, 12, 8), 512),
    "ViT-B-16": ((768, 12, 12, 16), (512, 12, 8), 512),
    "ViT-L-14": ((1024, 24, 16, 14), (768, 12, 12), 768),
}
TOKENS = {"ViT-B-32": 50, "ViT-B-16": 197, "ViT-L-14": 257}
TEXT_TOKENS = 77


def median_ms(run, budget_ms):
    for _ in range(5):
        run()
    torch.cuda.synchronize()
    times = []
    began = time.time()
    while len(times) < 10 or (time.time() - began) * 1e3 < budget_ms:
        first, last = torch.cuda.Event(True), torch.cuda.Event(True)
        first.record()
        run()
        last.record()
        last.synchronize()
        times.append(first.elapsed_time(last))
    return statistics.median(times), min(times)


def in_graph(run):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


class Fp8Linear(nn.Module):
    """A linear layer with static per-tensor scales: quantize, multiply, bias."""

    def __init__(self, linear, fast):
        super().__init__()
        weight = linear.weight.data.float()
        scale = weight.abs().max() / 448
        self.register_buffer("codes", (weight / scale).to(torch.float8_e4m3fn))
        self.register_buffer("scale", scale.clone())
        self.register_buffer("x_scale", torch.tensor(0.02, device=weight.device))
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.data.bfloat16())
        self.fast = fast

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        codes = (rows.float() / self.x_scale).clamp(-448, 448).to(torch.float8_e4m3fn)
        y = torch._scaled_mm(codes, self.codes.t(), self.x_scale, self.scale, bias=self.bias,
                             out_dtype=torch.bfloat16, use_fast_accum=self.fast)
        return y.reshape(*x.shape[:-1], -1)


def to_fp8(module, fast=True):
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear) and "projection" not in name:
            setattr(module, name, Fp8Linear(child, fast))
        else:
            to_fp8(child, fast)
    return module


def build(tower, preset):
    import transformers as t
    image, text, projection = SHAPES[preset]
    if tower == "image":
        width, layers, heads, patch = image
        config = t.CLIPVisionConfig(
            hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
            num_attention_heads=heads, image_size=224, patch_size=patch, projection_dim=projection)
        kind = t.CLIPVisionModelWithProjection
    else:
        width, layers, heads = text
        config = t.CLIPTextConfig(
            hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
            num_attention_heads=heads, projection_dim=projection)
        kind = t.CLIPTextModelWithProjection
    return kind._from_config(config, attn_implementation="sdpa").to("cuda", torch.bfloat16).eval()


def tower_case(tower, preset, precision, batch, budget_ms):
    torch._dynamo.reset()
    model = build(tower, preset)
    if precision == "fp8":
        to_fp8(model)
    if tower == "image":
        x = torch.randn(batch, 3, 224, 224, device="cuda", dtype=torch.bfloat16)

        def embed(pixels):
            y = model(pixel_values=pixels).image_embeds
            return y / y.norm(dim=-1, keepdim=True)
    else:
        x = torch.randint(1, 49000, (batch, TEXT_TOKENS), device="cuda")
        x[:, -1] = 49407

        def embed(ids):
            y = model(input_ids=ids).text_embeds
            return y / y.norm(dim=-1, keepdim=True)
    began = time.time()
    with torch.inference_mode():
        compiled = torch.compile(embed)
        compiled(x)
        compiled(x)
        replay = in_graph(lambda: compiled(x))
        built = time.time() - began
        ms, best = median_ms(replay, budget_ms)
    return {"engine": f"torch.compile {precision}, CUDA graph", "model": preset, "tower": tower,
            "batch": batch, "tokens": TEXT_TOKENS if tower == "text" else None, "ms": ms,
            "timed": "device", "best_ms": best, "build_s": round(built, 1)}


def gemm_cases(budget_ms):
    """cuBLASLt's FP8 products by way of torch, results in FP8 and in bf16, promoted and fast."""
    one = torch.tensor(1.0, device="cuda")
    for preset, width in (("ViT-L-14", 1024), ("ViT-B-32", 768)):
        for batch in ((1, 8, 128) if preset == "ViT-L-14" else (128,)):
            rows = (TOKENS[preset] * batch + 15) // 16 * 16
            for name, n, k in (("qkv", 3 * width, width), ("out", width, width),
                               ("fc1", 4 * width, width), ("fc2", width, 4 * width)):
                a = [torch.randn(rows, k, device="cuda").to(torch.float8_e4m3fn) for _ in range(3)]
                w = [torch.randn(n, k, device="cuda").to(torch.float8_e4m3fn) for _ in range(3)]
                row = {"kernel": f"gemm:{preset}:{name}:{batch}"}
                for fast in (False, True):
                    for out in (torch.float8_e4m3fn, torch.bfloat16):
                        replay = in_graph(lambda: [
                            torch._scaled_mm(a[i % 3], w[i % 3].t(), one, one, out_dtype=out,
                                             use_fast_accum=fast) for i in range(12)])
                        ms, _ = median_ms(replay, budget_ms / 8)
                        key = f"us_{'fast' if fast else 'promoted'}_{'fp8' if out != torch.bfloat16 else 'bf16'}"
                        row[key] = round(1e3 * ms / 12, 2)
                yield row


def attention_cases(budget_ms):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    kinds = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION,
             "memory_efficient": SDPBackend.EFFICIENT_ATTENTION}
    shapes = [("ViT-L-14", 128, 16, 257, False), ("ViT-L-14", 8, 16, 257, False),
              ("ViT-L-14", 1, 16, 257, False), ("ViT-B-32", 128, 12, 50, False),
              ("ViT-B-16", 128, 12, 197, False), ("ViT-L-14-336", 8, 16, 577, False),
              ("text", 128, 12, 77, True)]
    for name, batch, heads, tokens, causal in shapes:
        row = {"kernel": f"attention:{name}:{batch}"}
        qkv = [torch.randn(batch, tokens, 3, heads, 64, device="cuda", dtype=torch.float16)
               for _ in range(3)]
        for kind, backend in kinds.items():
            def run():
                for i in range(12):
                    q, k, v = (qkv[i % 3][:, :, j].transpose(1, 2) for j in range(3))
                    nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            try:
                with sdpa_kernel(backend):
                    ms, _ = median_ms(in_graph(run), budget_ms / 8)
                row[f"us_{kind}"] = round(1e3 * ms / 12, 2)
            except RuntimeError as error:
                row[f"us_{kind}"] = str(error)[:80]
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", default="image:ViT-L-14:fp8:128,image:ViT-L-14:fp8:1,gemm,attention")
    parser.add_argument("--ms", type=float, default=600, help="of measuring a figure")
    parser.add_argument("--out", default="peers.json", help="the file to write")
    args = parser.parse_args()
    card = torch.cuda.get_device_properties(0)
    out = PeersFile(args.out, card.name, f"torch {torch.__version__}")
    kernels = {"gemm": gemm_cases, "attention": attention_cases}
    for case in args.cases.split(","):
        try:
            if case in kernels:
                for row in kernels[case](args.ms):
                    out.add("kernels", row)
            else:
                tower, preset, precision, batch = case.split(":")
                row = tower_case(tower, preset, precision, int(batch), args.ms)
                out.add("rows", row)
                print(f"{case}: {row['ms']:.3f} ms", file=sys.stderr, flush=True)
        except Exception as error:  # one case that fails leaves the others
            out.add("failed", {"case": case, "error": repr(error)[:300]})
            print(f"{case}: {error!r}"[:300], file=sys.stderr, flush=True)
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
