"""PDQ beside Meta's implementation (pdqhash on PyPI), on the same pixels of real photographs.

    python tests/parity/parity_phash.py [--build build] [--photos .cache/photos]

Needs what tools/setup --peers installs. Prints the distances that occur. Exit 1 when a distance is
over 10 bits where the quality is at least 50 (the publishers ask that of other implementations at 80),
or a quality differs by more than one.
"""

import argparse
import collections
import os
import sys

import numpy as np
import pdqhash

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "bench"))
import bench_photos  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--photos", default=bench_photos.FOLDER)
    args = parser.parse_args()
    phasher = bench_photos.Phasher(args.build)
    paths, _ = bench_photos.photographs(args.photos)
    if not paths:
        sys.exit("no photographs: run tools/setup --peers first")
    distances, qualities, bad = collections.Counter(), collections.Counter(), 0
    for path in paths:
        image = bench_photos.load(path)
        image.thumbnail((1600, 1600))
        own, _, quality = phasher(image)
        bits, peer_quality = pdqhash.compute(np.asarray(image))
        # theirs begin with the highest bit
        distance = int((own != np.asarray(bits)[::-1]).sum())
        distances[distance] += 1
        qualities[quality - peer_quality] += 1
        if (distance > 10 and quality >= 50) or abs(quality - peer_quality) > 1:
            bad += 1
            print(f"{path}: {distance} bits, quality {quality} and {peer_quality}")
    print(f"{len(paths)} photographs; distance: images {dict(sorted(distances.items()))}; "
          f"difference of quality: images {dict(sorted(qualities.items()))}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
