#!/usr/bin/env python3
"""Training samples per second: wit's cpu backend beside open_clip on torch, float32.

    .venv/bin/python tests/bench/bench_trainer.py [--build build] [--rounds 5] [--quick]

Both train the same model on a batch of the same shape held in memory: forward, loss, backward, AdamW.
Loading and set-up are not timed; the first step is not either. "whole" captions fill the context;
"words 20" have 20 tokens, of which wit computes 20 and open_clip the whole context. Wall time counts.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from bench_common import alternate, hash_of  # noqa: E402

TEXT = {"context_length": 77, "vocab_size": 49408}
MODELS = {
    "demo": {"embed_dim": 128, "quick_gelu": True,
             "vision_cfg": {"image_size": 64, "patch_size": 8, "width": 192, "layers": 4, "head_width": 64},
             "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 3}},
    "tiny-112": {"embed_dim": 256, "quick_gelu": True,
                 "vision_cfg": {"image_size": 112, "patch_size": 16, "width": 256, "layers": 6, "head_width": 64},
                 "text_cfg": dict(TEXT, width=256, heads=4, layers=4)},
    "ViT-B-32": {"embed_dim": 512, "quick_gelu": True,
                 "vision_cfg": {"image_size": 224, "patch_size": 32, "width": 768, "layers": 12, "head_width": 64},
                 "text_cfg": dict(TEXT, width=512, heads=8, layers=12)},
}


def wit_side(program, config, batch, steps, threads, words):
    def run():
        out = subprocess.run([program, config, str(batch), str(steps), str(threads), str(words)],
                             check=True, stdout=subprocess.PIPE).stdout
        r = json.loads(out)
        return r["samples"], r["cpu_s"], r["wall_s"]
    return run


def open_clip_side(config, batch, steps, threads, words):
    import torch
    from open_clip.loss import ClipLoss
    from open_clip.model import CLIP
    torch.manual_seed(1)
    model = CLIP(**config)
    model.train()
    loss_of = ClipLoss()
    decay = [p for n, p in model.named_parameters() if p.ndim >= 2]
    rest = [p for n, p in model.named_parameters() if p.ndim < 2]
    opt = torch.optim.AdamW([{"params": rest, "weight_decay": 0.0}, {"params": decay, "weight_decay": 0.2}],
                            lr=1e-4, betas=(0.9, 0.98), eps=1e-6)
    size, context = config["vision_cfg"]["image_size"], config["text_cfg"]["context_length"]
    vocab = config["text_cfg"]["vocab_size"]
    images = torch.randn(batch, 3, size, size)
    tokens = torch.zeros(batch, context, dtype=torch.long)
    n = words if words >= 2 else context
    tokens[:, :n] = torch.randint(1, vocab - 2, (batch, n))
    tokens[:, 0], tokens[:, n - 1] = vocab - 2, vocab - 1

    def step():
        opt.zero_grad(set_to_none=True)
        image, text, scale = model(images, tokens)
        loss_of(image, text, scale).backward()
        opt.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, 4.605170185988092)

    def run():
        torch.set_num_threads(threads)
        step()
        cpu, wall = time.process_time(), time.monotonic()
        for _ in range(steps):
            step()
        return batch * steps, time.process_time() - cpu, time.monotonic() - wall
    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="the small models only")
    args = parser.parse_args()
    program = os.path.join(args.build, "tests", "bench_train")
    if not os.path.exists(program):
        program = os.path.join(args.build, "tests", "bench", "bench_train")
    cases = [("demo", 64, 4, 2, 0), ("tiny-112", 64, 2, 1, 0), ("tiny-112", 64, 2, 2, 0),
             ("tiny-112", 64, 2, 2, 20)]
    if not args.quick:
        cases += [("ViT-B-32", 16, 1, 1, 0), ("ViT-B-32", 16, 1, 2, 0), ("ViT-B-32", 16, 1, 2, 20)]
    for name, batch, steps, threads, words in cases:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump(MODELS[name], f)
            f.flush()
            label = f"trainer.{name}.batch{batch}.threads{threads}." + (f"words{words}" if words else "whole")
            alternate(label, "samples/s",
                      {"wit": wit_side(program, f.name, batch, steps, threads, words),
                       "open_clip": open_clip_side(MODELS[name], batch, steps, threads, words)},
                      rounds=args.rounds, inputs=hash_of(f.name), per="wall")


if __name__ == "__main__":
    main()
