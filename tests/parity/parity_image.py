"""Decode and resize beside Pillow on generated images: equal in every byte, or the case is printed.

    python tests/parity/parity_image.py [--wit build/tools/wit] [--cases 400] [--seed 1]

Needs Pillow 12 or newer and NumPy (tools/setup --peers). Says which Pillow it ran beside and follows
its pass order. Exit 1 when anything differs.
"""

import argparse
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib

import numpy as np
import PIL

try:
    import cv2  # writes the samplings that Pillow doesn't: 4:1:1 and 4:4:0
except ImportError:
    cv2 = None
from PIL import Image, ImageFile

warnings.simplefilter("ignore")
ImageFile.MAXBLOCK = 1 << 22  # noise at high quality is larger than Pillow expects


def pillow_order():
    version = tuple(int(p) for p in PIL.__version__.split(".")[:2])
    return "13.0" if version >= (13, 0) else "12.3" if version >= (12, 2) else "12.1"


def picture(rng, w, h, channels):
    kind = rng.integers(0, 3)
    if kind == 0:
        return rng.integers(0, 256, (h, w, channels)).astype(np.uint8)
    y, x = np.mgrid[0:h, 0:w]
    planes = [np.sin(x * rng.uniform(0.01, 0.6) + y * rng.uniform(0.01, 0.6) + c) * 110 + 128 +
              rng.normal(0, 12 if kind == 1 else 0, (h, w)) for c in range(channels)]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def size(rng):
    shape = rng.integers(0, 6)
    if shape == 0:
        return int(rng.integers(1, 4)), int(rng.integers(1, 200))
    if shape == 1:
        return int(rng.integers(1, 200)), int(rng.integers(1, 4))
    if shape == 2:
        return int(rng.integers(1, 20)), int(rng.integers(1, 20))
    return int(rng.integers(20, 420)), int(rng.integers(20, 420))


def rare_sampling(rng, w, h):
    name = str(rng.choice(["411", "440"]))
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{name}")
    good, data = cv2.imencode(".jpg", picture(rng, w, h, 3),
                              [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(5, 100)),
                               cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor,
                               cv2.IMWRITE_JPEG_PROGRESSIVE, int(rng.integers(0, 2))])
    assert good
    return f"jpeg sampling {name}", data.tobytes()


def jpeg(rng, w, h):
    if cv2 and rng.integers(0, 5) == 0:
        return rare_sampling(rng, w, h)
    mode = rng.choice(["RGB", "RGB", "RGB", "L", "CMYK"])
    image = Image.fromarray(picture(rng, w, h, {"RGB": 3, "L": 1, "CMYK": 4}[mode]).squeeze(-1)
                            if mode == "L" else picture(rng, w, h, {"RGB": 3, "CMYK": 4}[mode]),
                            mode=mode)
    options = {"quality": int(rng.integers(1, 100)), "progressive": bool(rng.integers(0, 2)),
               "optimize": bool(rng.integers(0, 2))}
    if mode == "RGB":
        if rng.integers(0, 6) == 0:
            options["keep_rgb"] = True
        else:
            options["subsampling"] = int(rng.integers(0, 3))
    if rng.integers(0, 4) == 0:
        options["restart_marker_blocks"] = int(rng.integers(1, 9))
    if rng.integers(0, 4) == 0:
        exif = Image.Exif()
        exif[0x0112] = int(rng.integers(1, 9))
        options["exif"] = exif
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return f"jpeg {mode} {options}", out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(row, depth):
    bits = "".join(format(int(v), f"0{depth}b") for v in row)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def filtered(rng, rows, step):
    """Rows behind one of PNG's five filters each."""
    out, before = b"", bytes(len(rows[0])) if rows else b""
    for row in rows:
        kind = int(rng.integers(0, 5))
        line = bytearray()
        for i, v in enumerate(row):
            a = row[i - step] if i >= step else 0
            b = before[i]
            c = before[i - step] if i >= step else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line.append((v - (0, a, b, (a + b) // 2, paeth)[kind]) & 255)
        out += bytes([kind]) + bytes(line)
        before = row
    return out


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))


def png(rng, w, h):
    """By hand: every colour type and depth, interlaced or not, with and without tRNS."""
    w, h = min(w, 90), min(h, 90)
    colour, depth = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4),
                     (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)][rng.integers(0, 15)]
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    entries = int(rng.integers(1, (1 << depth) + 1)) if colour == 3 else 0
    top = entries if colour == 3 else 1 << depth
    if colour == 0 and depth == 16 and rng.integers(0, 2):
        top = 700
    values = rng.integers(0, top, (h, w, channels))
    interlaced = bool(rng.integers(0, 3) == 0)

    def rows(part):
        if depth == 16:
            return [r.reshape(-1).astype(">u2").tobytes() for r in part]
        if depth == 8:
            return [r.reshape(-1).astype(np.uint8).tobytes() for r in part]
        return [pack(r.reshape(-1), depth) for r in part]

    step = max(1, channels * depth // 8)
    raw = b""
    for x0, y0, dx, dy in PASSES if interlaced else ((0, 0, 1, 1),):
        part = values[y0::dy, x0::dx]
        if part.shape[0] and part.shape[1]:
            raw += filtered(rng, rows(part), step)
    extra = b""
    if colour == 3:
        extra = chunk(b"PLTE", rng.integers(0, 256, 3 * entries).astype(np.uint8).tobytes())
    transparent = colour in (0, 2, 3) and rng.integers(0, 3) == 0
    if transparent:
        extra += chunk(b"tRNS", {0: struct.pack(">H", int(values[0, 0, 0])),
                                 2: struct.pack(">HHH", *[int(v) for v in values[0, 0][:3]])
                                 if colour == 2 else b"",
                                 3: bytes([0, 128, 255][:entries])}[colour])
    data = zlib.compress(raw)
    cut = int(rng.integers(0, len(data) + 1))
    body = chunk(b"IDAT", data[:cut]) + chunk(b"IDAT", data[cut:])
    header = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced))
    return (f"png colour={colour} depth={depth} interlaced={interlaced} tRNS={bool(transparent)}",
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + body + chunk(b"IEND", b""))


def webp(rng, w, h):
    alpha = bool(rng.integers(0, 2))
    options = {"lossless": bool(rng.integers(0, 2)), "quality": int(rng.integers(1, 100)),
               "method": int(rng.integers(0, 5)), "exact": bool(rng.integers(0, 2))}
    mode = "RGBA" if alpha else "RGB"
    image = Image.fromarray(picture(rng, w, h, len(mode)), mode)
    if rng.integers(0, 4) == 0:
        options["save_all"] = True
        options["append_images"] = [Image.fromarray(picture(rng, w, h, len(mode)), mode)]
    out = io.BytesIO()
    image.save(out, "WEBP", **options)
    return f"webp {mode} {options}", out.getvalue()


def gif(rng, w, h):
    w, h = min(w, 200), min(h, 200)
    kind = rng.choice(["palette", "L", "1"])
    image = Image.fromarray(picture(rng, w, h, 3))
    image = image.quantize(int(rng.integers(1, 257))) if kind == "palette" else image.convert(kind)
    options = {"interlace": bool(rng.integers(0, 2)), "optimize": bool(rng.integers(0, 2))}
    if rng.integers(0, 3) == 0:
        options["transparency"] = int(rng.integers(0, 2))
    if rng.integers(0, 4) == 0:
        other = Image.fromarray(picture(rng, w, h, 3)).quantize(16)
        options.update(save_all=True, append_images=[other], disposal=int(rng.integers(0, 4)))
    out = io.BytesIO()
    image.save(out, "GIF", **options)
    data = bytearray(out.getvalue())
    if rng.integers(0, 3) == 0:  # a screen larger than its frame, or smaller
        struct.pack_into("<HH", data, 6, int(rng.integers(1, 2 * w + 1)), int(rng.integers(1, 2 * h + 1)))
    return f"gif {kind} {options}", bytes(data)


MAKERS = (jpeg, jpeg, png, png, webp, gif)


def wit_image(args, path, out, *options):
    done = subprocess.run([args.wit, "load", "image", path, "--out", out, "--pillow",
                           pillow_order(), *options], capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip()
    return np.load(out), json.loads(done.stdout)


def eval_pillow(image, n):
    """torchvision's Resize(n) and CenterCrop(n) on a Pillow image."""
    w, h = image.size
    short, long = min(w, h), max(w, h)
    if short != n:
        scaled = int(n * long / short)
        image = image.resize((n, scaled) if w <= h else (scaled, n), Image.Resampling.BICUBIC)
    w, h = image.size
    top, left = int(round((h - n) / 2.0)), int(round((w - n) / 2.0))
    return image.crop((left, top, left + n, top + n))


def check(args, rng, what, data, folder):
    path, out = os.path.join(folder, "in"), os.path.join(folder, "out.npy")
    with open(path, "wb") as f:
        f.write(data)
    image = Image.open(path).convert("RGB")
    got, said = wit_image(args, path, out, "--transform", "none")
    if got is None:
        return f"{what}: refused: {said}"
    if not np.array_equal(got, np.asarray(image)):
        worst = np.abs(got.astype(int) - np.asarray(image).astype(int))
        return f"{what} {image.size}: decode differs, up to {worst.max()} in {(worst > 0).mean():.2%}"
    n = int(rng.integers(1, 300))
    w, h = image.size
    if max(w, h) / min(w, h) < 40:
        got, said = wit_image(args, path, out, "--transform", "eval", "--size", str(n))
        if got is None or not np.array_equal(got, np.asarray(eval_pillow(image, n))):
            return f"{what} {image.size}: eval to {n} differs {said}"
    got, said = wit_image(args, path, out, "--transform", "train", "--size", str(n), "--seed",
                          str(int(rng.integers(0, 1 << 30))))
    if got is None:
        return f"{what}: train refused: {said}"
    x, y, bw, bh = said["box"]
    want = image.crop((x, y, x + bw, y + bh)).resize((n, n), Image.Resampling.BICUBIC)
    if not np.array_equal(got, np.asarray(want)):
        return f"{what} {image.size}: train box {said['box']} to {n} differs"
    return None


def main():
    parser = argparse.ArgumentParser()
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser.add_argument("--wit", default=os.path.join(root, "build", "tools", "wit"))
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.cases):
            rng = np.random.default_rng([args.seed, i])
            random.seed(i)
            w, h = size(rng)
            what, data = MAKERS[rng.integers(0, len(MAKERS))](rng, w, h)
            fault = check(args, rng, what, data, folder)
            if fault:
                bad += 1
                print(f"case {i}: {fault}")
    print(f"{args.cases} images beside Pillow {PIL.__version__}, order {pillow_order()}: "
          f"{bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
