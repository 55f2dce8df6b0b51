"""How many copies wit shards dups finds, and how many strangers it takes for copies.

    python tests/bench/bench_dups.py [--build build] [--photos .cache/photos] [--crops-too]

300 photographs (bench_photos.py) and 4,700 crops of the wallpapers among them that share no pixel, so
that no two of these 5,000 images are copies (of crops that are equal in every pixel, one stays);
neighbours from the same sky are as alike as strangers get. Prints, for the area hash and for PDQ, the
share of copies within each distance for each way to make one (recall; images below the least quality
count as not found), and how many pairs of the 5,000 are within it (false pairs). --crops-too: recall of
the crops, too, which takes ten times as long. Photographs are 1,024 px at most. A JSON object a line.
Needs what tools/setup --peers installs.
"""

import argparse
import hashlib
import io
import json
import math
import os
import sys

import numpy as np
from PIL import Image

import bench_photos

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DISTANCES = (12, 16, 20, 24, 28, 31, 36, 40, 48)
QUALITIES = (0, 1, 5, 10, 20, 50)
DEFAULT_DISTANCE, DEFAULT_QUALITY = 36, 5
CROPS, SIDE_MOST = 4700, 1024


def encoded(form, quality):
    def copy(image):
        data = io.BytesIO()
        image.save(data, form, quality=quality)
        return Image.open(data).convert("RGB")
    return copy


def scaled(factor, way):
    def copy(image):
        size = [max(1, round(side * factor)) for side in image.size]
        return image.resize(size, way)
    return copy


def shifted(levels):
    return lambda image: Image.fromarray(
        np.clip(np.asarray(image).astype(np.int16) + levels, 0, 255).astype(np.uint8))


def brightened(factor):
    return lambda image: Image.fromarray(
        np.clip(np.asarray(image).astype(np.float32) * factor, 0, 255).astype(np.uint8))


COPIES = {
    "jpeg_30": encoded("JPEG", 30), "jpeg_50": encoded("JPEG", 50), "jpeg_70": encoded("JPEG", 70),
    "jpeg_90": encoded("JPEG", 90), "webp_30": encoded("WEBP", 30), "webp_75": encoded("WEBP", 75),
    "half": scaled(0.5, Image.BICUBIC), "three_quarters": scaled(0.75, Image.LANCZOS),
    "one_and_a_half": scaled(1.5, Image.BILINEAR), "double": scaled(2, Image.BICUBIC),
    "lighter_25": shifted(25), "darker_25": shifted(-25),
    "times_1.2": brightened(1.2), "times_0.8": brightened(0.8),
    "half_jpeg_50": lambda image: encoded("JPEG", 50)(scaled(0.5, Image.BICUBIC)(image)),
}


def crops_of(image, count):
    """`count` tiles of a grid over the image."""
    columns = math.ceil(math.sqrt(count * image.width / image.height))
    rows = math.ceil(count / columns)
    width, height = image.width // columns, image.height // rows
    for i in range(count):
        x, y = i % columns * width, i // columns * height
        yield image.crop((x, y, x + width, y + height))


def images_of(folder):
    paths, walls = bench_photos.photographs(folder)
    if len(paths) < 300:
        sys.exit(f"{len(paths)} photographs in {folder}: run tools/setup --peers first")
    photos, crops = [], []
    for i, path in enumerate(paths):
        image = bench_photos.load(path)
        if i < walls:
            share = CROPS * (i + 1) // walls - CROPS * i // walls
            crops += crops_of(image, share)
        image.thumbnail((SIDE_MOST, SIDE_MOST))
        photos.append(image)
    return photos, crops


def without_equals(images):
    first = {}
    for image in images:
        first.setdefault((image.size, hashlib.sha256(image.tobytes()).digest()), image)
    return list(first.values())


def hashes_of(phasher, images):
    pdq, area, quality = zip(*(phasher(image) for image in images))
    return {"pdq": np.array(pdq), "area": np.array(area), "quality": np.array(quality)}


def false_pairs(bits, quality):
    """{least quality: [pairs within each distance]} among the first of every pair of rows."""
    values = bits.astype(np.float32)
    ones = values.sum(1)
    found = {q: np.zeros(len(DISTANCES), int) for q in QUALITIES}
    for i in range(len(bits) - 1):
        distance = ones[i] + ones[i + 1:] - 2 * (values[i + 1:] @ values[i])
        least = np.minimum(quality[i], quality[i + 1:])
        near = distance <= DISTANCES[-1]
        for d, q in zip(distance[near], least[near]):
            for k, most in enumerate(DISTANCES):
                if d <= most:
                    for gate in QUALITIES:
                        found[gate][k] += q >= gate
    return found


def tell(**line):
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--photos", default=bench_photos.FOLDER)
    parser.add_argument("--crops-too", action="store_true")
    args = parser.parse_args()
    phasher = bench_photos.Phasher(args.build)
    photos, crops = images_of(args.photos)
    crops = without_equals(crops)
    all_of = hashes_of(phasher, photos + crops)
    pairs = len(photos + crops) * (len(photos + crops) - 1) // 2
    tell(bench="dups", photographs=len(photos), crops=len(crops), pairs=pairs,
         photographs_below_quality={q: int((all_of["quality"][:len(photos)] < q).sum())
                                    for q in QUALITIES},
         crops_below_quality={q: int((all_of["quality"][len(photos):] < q).sum())
                              for q in QUALITIES})
    for kind in ("area", "pdq"):
        for quality, found in false_pairs(all_of[kind], all_of["quality"]).items():
            tell(hash=kind, least_quality=quality,
                 false_pairs={d: int(n) for d, n in zip(DISTANCES, found)},
                 rate=float(f"{found[DISTANCES.index(DEFAULT_DISTANCE)] / pairs:.2g}"))
    worst = {}
    for name, copy in COPIES.items():
        for what, images, first in (("photographs", photos, 0), ("crops", crops, len(photos))):
            if what == "crops" and not args.crops_too:
                continue
            copies = hashes_of(phasher, [copy(image) for image in images])
            rows = slice(first, first + len(images))
            good = np.minimum(copies["quality"], all_of["quality"][rows]) >= DEFAULT_QUALITY
            for kind in ("area", "pdq"):
                distance = (copies[kind] != all_of[kind][rows]).sum(1)
                recall = {d: round(float(((distance <= d) & good).mean()), 4) for d in DISTANCES}
                tell(hash=kind, copy=name, of=what, recall=recall)
                key = (kind, what)
                worst[key] = min(worst.get(key, 1), recall[DEFAULT_DISTANCE])
    for (kind, what), recall in worst.items():
        tell(hash=kind, of=what, distance=DEFAULT_DISTANCE, least_quality=DEFAULT_QUALITY,
             worst_recall=recall)


if __name__ == "__main__":
    main()
