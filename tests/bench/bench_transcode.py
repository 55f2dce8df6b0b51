#!/usr/bin/env python3
"""What sealing progressive JPEGs sequential saves a loader.

    .venv/bin/python tests/bench/bench_transcode.py [--images 200] [--rounds 5] [--build build]

JPEGs of web-like sizes as bench_crawl.py makes them, saved progressive by Pillow (quality 90), through
tests/bench/bench_transcode of the build: CPU seconds to decode 1,000 of them, to decode the same as
sequential files, and to transcode them; bytes of both. Decoding is wit's exact mode, all pixels.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

from bench_common import commit, machine
from bench_crawl import generate

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    from PIL import Image
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", default=ROOT / "build")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made, progressive = pathlib.Path(folder, "made"), pathlib.Path(folder, "progressive")
        made.mkdir()
        progressive.mkdir()
        generate(made, args.images)
        for path in made.rglob("*.jpg"):
            Image.open(path).save(progressive / path.name, "JPEG", quality=90, progressive=True)
        print(json.dumps({"machine": machine(), "commit": commit(), "images": args.images}))
        program = os.path.join(args.build, "tests", "bench", "bench_transcode")
        print(subprocess.run([program, str(args.rounds), progressive], check=True,
                             capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
