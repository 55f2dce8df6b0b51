"""wit's loader beside webdataset + Pillow as open_clip uses them; images/s on one core.

    python tests/bench/bench_loader.py [--images 2000] [--rounds 5] [--build build] [--keep DIR]

Both read the same JPEGs (photo-like, 256-384 px on the short side, quality 95) and captions, wit from
a sealed dataset, webdataset from a tar, and make batches of 256: RandomResizedCrop(0.9-1.0) to 224
px, bicubic, normalised float32 NCHW, 77 token ids. Each side is pinned to one core and reads
everything once a round, files in the page cache. webdataset runs without worker processes, which
costs it least; neither its imports nor its first batch are counted, wit is timed whole.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time

from bench_common import alternate, hash_of, run_timed

BATCH, SIZE = 256, 224
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
WORDS = ("a photo of the old town with red roofs and two people walking dog beach sunset mountain "
         "lake in winter snow blue car parked near house garden flowers close up portrait woman "
         "man child kitchen table food bread city skyline night lights bridge river").split()


def photo(rng, w, h):
    """1/f noise in three correlated channels and a few edges: compresses as photographs do."""
    import numpy as np
    fy, fx = np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None, :]
    amplitude = 1.0 / np.maximum(np.sqrt(fx * fx + fy * fy), 1.0 / max(w, h)) ** 1.55
    planes = []
    shared = rng.normal(size=amplitude.shape) + 1j * rng.normal(size=amplitude.shape)
    for _ in range(3):
        own = rng.normal(size=amplitude.shape) + 1j * rng.normal(size=amplitude.shape)
        p = np.fft.irfft2((shared + 0.35 * own) * amplitude, s=(h, w))
        planes.append((p - p.mean()) / p.std() * 52 + rng.uniform(90, 160))
    image = np.stack(planes, -1)
    for _ in range(6):
        x, y = rng.integers(0, w - 20), rng.integers(0, h - 20)
        image[y:y + rng.integers(10, h), x:x + rng.integers(10, w)] += rng.normal(0, 25, 3)
    return np.clip(image, 0, 255).astype(np.uint8)


def generate(folder, count):
    import numpy as np
    from PIL import Image
    for i in range(count):
        rng = np.random.default_rng(i)
        short = int(rng.integers(256, 385))
        long = int(short * rng.choice([1.0, 1.25, 4 / 3, 1.5]))
        w, h = (short, long) if rng.integers(0, 3) == 0 else (long, short)
        Image.fromarray(photo(rng, w, h)).save(os.path.join(folder, f"{i:06}.jpg"), quality=95)
        with open(os.path.join(folder, f"{i:06}.txt"), "w") as f:
            f.write(" ".join(rng.choice(WORDS, int(rng.integers(4, 16)))))


def peer(tar, count):
    """Runs in a process of its own; prints images, CPU and wall seconds of all but batch one."""
    import torch
    import webdataset as wds
    import open_clip
    from open_clip.transform import AugmentationCfg, image_transform_v2, PreprocessCfg
    torch.set_num_threads(1)
    transform = image_transform_v2(PreprocessCfg(size=SIZE), is_train=True,
                                   aug_cfg=AugmentationCfg(scale=(0.9, 1.0)))
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    data = wds.DataPipeline(
        wds.SimpleShardList([tar]),
        wds.tarfile_to_samples(),
        wds.shuffle(bufsize=1000, initial=500),
        wds.decode("pilrgb"),
        wds.rename(image="jpg;png", text="txt"),
        wds.map_dict(image=transform, text=lambda text: tokenizer(text)[0]),
        wds.to_tuple("image", "text"),
        wds.batched(BATCH, partial=False))
    images = 0
    for images_f32, tokens in data:
        assert images_f32.shape[1:] == (3, SIZE, SIZE) and tokens.shape[1] == 77
        if not images:
            cpu, wall = time.process_time(), time.monotonic()
            images = 1
            continue
        images += len(images_f32)
    print(json.dumps([images - 1, time.process_time() - cpu, time.monotonic() - wall]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--keep", help="directory for the inputs, used again when it is there")
    parser.add_argument("--core", default="0")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args.peer, args.images)
    if args.images < 2 * BATCH:
        parser.error(f"--images must be at least {2 * BATCH}")
    with tempfile.TemporaryDirectory() as temporary:
        base = args.keep or temporary
        folder, tar, data = (os.path.join(base, n) for n in ("images", "images.tar", "dataset"))
        if not os.path.exists(tar):
            os.makedirs(folder, exist_ok=True)
            generate(folder, args.images)
            with tarfile.open(tar, "w") as f:
                for name in sorted(os.listdir(folder)):
                    f.add(os.path.join(folder, name), arcname=name)
            subprocess.run([os.path.join(args.build, "tests", "bench", "bench_dataset"), folder, data],
                           check=True)
        import open_clip
        vocab = os.path.join(os.path.dirname(open_clip.__file__), "bpe_simple_vocab_16e6.txt.gz")
        steps = args.images // BATCH
        pin = ["taskset", "-c", args.core]

        def wit(*options):
            cpu, wall, out = run_timed(pin + [
                os.path.join(args.build, "tools", "wit"), "load", data, "--bench", "--json",
                "--batch", str(BATCH), "--size", str(SIZE), "--steps", str(steps), "--threads", "1",
                "--verify", "never", "--vocab", vocab, *options])
            return json.loads(out)["samples"], cpu, wall

        def webdataset():
            _, _, out = run_timed(pin + [sys.executable, os.path.abspath(__file__), "--peer", tar,
                                         "--images", str(args.images)])
            return tuple(json.loads(out.splitlines()[-1]))

        alternate("loader.batches", "images/s", {"wit": wit, "webdataset": webdataset},
                  rounds=args.rounds, inputs=hash_of(tar), per="cpu")
    return 0


if __name__ == "__main__":
    sys.exit(main())
