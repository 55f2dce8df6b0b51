"""Makes the cases of this folder with Pillow; see ORIGIN. Run: python make_golden.py

images/NAME.jpg|png|webp|gif   an input
images/NAME.rgb       width * height * 3 bytes: Image.open(input).convert("RGB")
white/NAME.rgb        the same over white, of inputs with alpha
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


def webps():
    def save(img, **kw):
        buf = io.BytesIO()
        img.save(buf, "WEBP", **kw)
        return buf.getvalue()

    rgb = Image.fromarray(picture(33, 27, 3, 20))
    rgba = Image.fromarray(picture(21, 18, 4, 21), "RGBA")
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "lossy", save(rgb, quality=70)
    yield "lossless", save(rgb, lossless=True)
    yield "lossy-alpha", save(rgba, quality=80)
    yield "lossless-alpha", save(rgba, lossless=True, exact=True)
    yield "one-px", save(rgb.crop((0, 0, 1, 1)), quality=90)
    yield "orientation-6", save(rgb, quality=60, exif=exif)
    yield "trailing", save(rgb, quality=60) + b"bytes behind the end"
    other = Image.fromarray(picture(33, 27, 3, 22))
    yield "animated", save(rgb, save_all=True, append_images=[other], quality=60)
    # By hand, since encoders give a first frame the whole canvas: 20x14 at (8, 10) of 40x30.
    image = save(rgb.crop((0, 0, 20, 14)), lossless=True)[12:]
    frame = le24(4, 5, 19, 13, 100) + b"\0" + image
    yield "animated-inset", riff(
        (b"VP8X", b"\2\0\0\0" + le24(39, 29)), (b"ANIM", bytes(6)), (b"ANMF", frame))


def le24(*values):
    return b"".join(v.to_bytes(3, "little") for v in values)


def riff(*chunks):
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)
                              for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def lzw(values, bits):
    """Data of a GIF without compression: a clear code before every code keeps codes at one size."""
    clear, size = 1 << bits, bits + 1
    codes = [c for v in values for c in (clear, int(v))] + [clear + 1]
    word = sum(c << (i * size) for i, c in enumerate(codes))
    data = word.to_bytes((len(codes) * size + 7) // 8, "little")
    blocks = [data[i:i + 255] for i in range(0, len(data), 255)]
    return bytes([bits]) + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"


def gif(screen, table, frames):
    """A GIF by hand: frames are (x, y, w, h, flags, table, transparent or None, values, bits)."""
    def packed(t):
        return 0x80 | (len(t) // 3).bit_length() - 2 if t else 0

    out = b"GIF89a" + struct.pack("<HHBBB", *screen, packed(table), 0, 0) + table
    for x, y, w, h, flags, local, transparent, values, bits in frames:
        if transparent is not None:
            out += b"\x21\xf9\4\1\0\0" + bytes([transparent]) + b"\0"
        out += b"," + struct.pack("<HHHHB", x, y, w, h, flags | packed(local)) + local
        out += lzw(values, bits)
    return out + b";"


def gifs():
    def save(img, **kw):
        buf = io.BytesIO()
        img.save(buf, "GIF", **kw)
        return buf.getvalue()

    rgb = Image.fromarray(picture(31, 22, 3, 30))
    yield "palette", save(rgb.quantize(60), interlace=False)
    yield "grey", save(rgb.convert("L"))
    yield "bilevel", save(rgb.convert("1"))
    yield "interlaced", save(rgb.quantize(128), interlace=True)
    yield "transparent", save(rgb.quantize(16), transparency=3)
    yield "animated", save(rgb.quantize(32), save_all=True, append_images=[
        Image.fromarray(picture(31, 22, 3, 31)).quantize(32)], duration=100)
    yield "trailing", save(rgb.quantize(8)) + b"behind"
    rng = np.random.default_rng(32)
    table = rng.integers(0, 256, 3 << 2).astype(np.uint8).tobytes()
    local = rng.integers(0, 256, 3 << 3).astype(np.uint8).tobytes()
    small, large = rng.integers(0, 4, 7 * 5), rng.integers(0, 8, 7 * 5)
    yield "inset", gif((12, 9), table, [(3, 2, 7, 5, 0, b"", None, small, 2)])
    yield "inset-transparent", gif((12, 9), table, [(3, 2, 7, 5, 0, b"", 2, small, 2)])
    yield "local-table", gif((7, 5), table, [(0, 0, 7, 5, 0, local, None, large, 3)])
    yield "beyond-screen", gif((4, 4), table, [(1, 1, 7, 5, 0, b"", None, small, 2)])
    yield "no-table", gif((7, 5), b"", [(0, 0, 7, 5, 0, b"", 1, large, 3)])
    yield "past-table", gif((7, 5), table, [(0, 0, 7, 5, 0, b"", None, large, 3)])
    identity = bytes(i for i in range(4) for _ in range(3))
    yield "identity-table", gif((9, 5), identity, [(1, 0, 7, 5, 0, b"", 7, large, 3)])
    yield "two-px-high-interlaced", gif((7, 2), table, [(0, 0, 7, 2, 64, b"", None, small[:14], 2)])


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


WHITE = {"jpg": [], "png": ["rgba", "grey-alpha", "palette-trns", "rgb-trns", "rgba-16bit"],
         "webp": ["lossy-alpha", "lossless-alpha", "animated-inset"],
         "gif": ["transparent", "inset-transparent"]}


def main():
    for sub in ("images", "resize", "white"):
        os.makedirs(os.path.join(HERE, sub), exist_ok=True)
    for kind, ext, cases in (("jpeg", "jpg", jpegs()), ("png", "png", pngs()),
                             ("webp", "webp", webps()), ("gif", "gif", gifs())):
        for name, data in cases:
            base = os.path.join(HERE, "images", f"{kind}-{name}")
            with open(f"{base}.{ext}", "wb") as f:
                f.write(data)
            with open(f"{base}.rgb", "wb") as f:
                f.write(Image.open(io.BytesIO(data)).convert("RGB").tobytes())
            if name in WHITE[ext]:
                image = Image.open(io.BytesIO(data)).convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                with open(os.path.join(HERE, "white", f"{kind}-{name}.rgb"), "wb") as f:
                    f.write(Image.alpha_composite(white, image).convert("RGB").tobytes())
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
