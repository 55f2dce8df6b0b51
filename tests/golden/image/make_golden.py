"""Makes the cases of this folder with Pillow; see ORIGIN. Run: python make_golden.py

images/NAME.jpg|png   an input
images/NAME.rgb       width * height * 3 bytes: Image.open(input).convert("RGB")
resize/cases.json     [{image, box, size, out}]: Image.resize(size, BICUBIC, box=box) of the RGB image
resize/NNN.rgb        the bytes of each
"""
import io
import json
import os
import struct
import zlib

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))


def picture(w, h, channels, seed, depth=8):
    """Smooth colour with some noise: exercises upsampling and every filter tap."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    planes = []
    for c in range(channels):
        wave = np.sin((x * (c + 1) + y * 2) / 5.0 + c) * 90 + 128 + rng.normal(0, 18, (h, w))
        planes.append(np.clip(wave, 0, 255))
    a = np.stack(planes, -1)
    return (a * 257).astype(np.uint16) if depth == 16 else a.astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(
        ">I", zlib.crc32(kind + data))


def png(w, h, depth, colour_type, rows, before=b"", after=b""):
    """A PNG by hand, filter 0, for the depths that Pillow doesn't write."""
    raw = b"".join(b"\0" + r for r in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(
        ">IIBBBBB", w, h, depth, colour_type, 0, 0, 0)) + before +
        chunk(b"IDAT", zlib.compress(raw)) + after + chunk(b"IEND", b""))


def pack_bits(row, depth):
    out = bytearray((len(row) * depth + 7) // 8)
    for i, v in enumerate(row):
        bit = i * depth
        out[bit // 8] |= int(v) << (8 - depth - bit % 8)
    return bytes(out)


def jpegs():
    def save(img, **kw):
        buf = io.BytesIO()
        img.save(buf, "JPEG", **kw)
        return buf.getvalue()

    rgb = Image.fromarray(picture(37, 29, 3, 1))
    for name, sub in (("444", 0), ("422", 1), ("420", 2)):
        yield name, save(rgb, quality=88, subsampling=sub)
    yield "progressive", save(rgb, quality=80, progressive=True)
    yield "restart", save(rgb, quality=75, restart_marker_blocks=2)
    yield "grey", save(rgb.convert("L"), quality=85)
    yield "one-wide", save(Image.fromarray(picture(1, 23, 3, 2)), quality=90)
    yield "one-high", save(Image.fromarray(picture(23, 1, 3, 3)), quality=90)
    yield "one-px", save(Image.fromarray(picture(1, 1, 3, 4)), quality=90)
    yield "cmyk", save(Image.fromarray(picture(21, 19, 4, 5), "CMYK"), quality=90)
    yield "low-quality", save(rgb, quality=3)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "orientation-6", save(rgb, quality=80, exif=exif)
    yield "trailing", save(rgb, quality=80) + b"bytes behind the end"


def pngs():
    def save(img, **kw):
        buf = io.BytesIO()
        img.save(buf, "PNG", **kw)
        return buf.getvalue()

    rgb = Image.fromarray(picture(31, 17, 3, 6))
    yield "rgb", save(rgb)
    yield "rgba", save(Image.fromarray(picture(19, 13, 4, 7), "RGBA"))
    yield "grey", save(rgb.convert("L"))
    yield "grey-alpha", save(Image.fromarray(picture(15, 14, 2, 8), "LA"))
    yield "palette", save(rgb.quantize(40))
    yield "palette-trns", save(rgb.quantize(16), transparency=bytes([0, 128, 255]))
    yield "rgb-trns", save(rgb, transparency=(1, 2, 3))
    yield "bilevel", save(rgb.convert("1"))
    for depth in (2, 4):
        v = np.random.default_rng(depth).integers(0, 1 << depth, (11, 13))
        rows = [pack_bits(r, depth) for r in v]
        yield f"grey-{depth}bit", png(13, 11, depth, 0, rows)
        palette = chunk(b"PLTE", bytes(range(3 << depth)))
        yield f"palette-{depth}bit", png(13, 11, depth, 3, rows, before=palette)
    g16 = np.random.default_rng(9).integers(0, 600, (9, 12)).astype(">u2")
    yield "grey-16bit", png(12, 9, 16, 0, [r.tobytes() for r in g16])
    c16 = picture(10, 9, 3, 10, depth=16).astype(">u2")
    yield "rgb-16bit", png(10, 9, 16, 2, [r.tobytes() for r in c16])
    ga16 = picture(10, 9, 2, 11, depth=16).astype(">u2")
    yield "grey-alpha-16bit", png(10, 9, 16, 4, [r.tobytes() for r in ga16])
    a16 = picture(10, 9, 4, 12, depth=16).astype(">u2")
    yield "rgba-16bit", png(10, 9, 16, 6, [r.tobytes() for r in a16])
    yield "one-wide", save(Image.fromarray(picture(1, 9, 3, 13)))
    # Adam7 by hand would be long: every pass of a 5x3 grey image is one small picture.
    v = np.random.default_rng(14).integers(0, 256, (3, 5)).astype(np.uint8)
    raw = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                           (1, 0, 2, 2), (0, 1, 1, 2)):
        part = v[y0::dy, x0::dx]
        if part.size:
            raw += b"".join(b"\0" + r.tobytes() for r in part)
    yield "interlaced", (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(
        ">IIBBBBB", 5, 3, 8, 0, 0, 0, 1)) + chunk(b"IDAT", zlib.compress(raw)) +
        chunk(b"IEND", b""))


RESIZES = [  # image, box or None, size
    ("jpeg-444", None, (16, 16)),
    ("jpeg-444", None, (37, 29)),
    ("jpeg-444", None, (80, 61)),
    ("jpeg-444", None, (37, 12)),
    ("jpeg-444", None, (12, 29)),
    ("jpeg-420", (3, 2, 30, 27), (16, 16)),
    ("jpeg-420", (3.3, 2.7, 30.1, 27.9), (9, 14)),
    ("jpeg-420", (5, 1, 25, 29), (7, 28)),
    ("jpeg-one-wide", None, (8, 8)),
    ("jpeg-one-high", None, (8, 8)),
    ("jpeg-one-px", None, (5, 3)),
    ("jpeg-low-quality", (10, 4, 12, 6), (31, 33)),
    ("png-rgb", None, (3, 2)),
    ("png-rgb", None, (30, 4)),
    ("png-one-wide", None, (1, 3)),
    ("png-one-wide", (0, 1, 1, 9), (1, 8)),
]


def main():
    for sub in ("images", "resize"):
        os.makedirs(os.path.join(HERE, sub), exist_ok=True)
    for kind, ext, cases in (("jpeg", "jpg", jpegs()), ("png", "png", pngs())):
        for name, data in cases:
            base = os.path.join(HERE, "images", f"{kind}-{name}")
            with open(f"{base}.{ext}", "wb") as f:
                f.write(data)
            with open(f"{base}.rgb", "wb") as f:
                f.write(Image.open(io.BytesIO(data)).convert("RGB").tobytes())
    cases = []
    for i, (name, box, size) in enumerate(RESIZES):
        ext = "jpg" if name.startswith("jpeg") else "png"
        image = Image.open(os.path.join(HERE, "images", f"{name}.{ext}")).convert("RGB")
        out = image.resize(size, Image.Resampling.BICUBIC, box=box)
        with open(os.path.join(HERE, "resize", f"{i:03}.rgb"), "wb") as f:
            f.write(out.tobytes())
        cases.append({"image": f"{name}.{ext}", "box": box or [0, 0, *image.size],
                      "size": list(size), "out": f"{i:03}.rgb"})
    with open(os.path.join(HERE, "resize", "cases.json"), "w") as f:
        f.write("[\n" + ",\n".join(" " + json.dumps(c) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
