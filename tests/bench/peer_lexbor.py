"""bench_html's peer: lexbor, by the wheel of selectolax: a tree, then the attributes of every img.

    .venv/bin/python tests/bench/peer_lexbor.py LIST [BYTES]

Takes and prints what bench_html does. A page goes through in two calls, so Python itself costs
little; without a tree this wheel has no interface.
"""
import itertools
import json
import os
import sys
import time

from selectolax.lexbor import LexborHTMLParser

BATCH_BYTES = 32 << 20


def batches(paths, wanted):
    """Pages over and over until `wanted` bytes have come, in batches."""
    batch, size = [], 0
    for path in itertools.cycle(paths):
        with open(path, "rb") as f:
            batch.append(f.read())
        size += len(batch[-1])
        wanted -= len(batch[-1])
        if size >= BATCH_BYTES or wanted <= 0:
            yield batch
            batch, size = [], 0
        if wanted <= 0:
            return


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        paths = f.read().splitlines()
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    images = pages = done = 0
    cpu = wall = 0.0
    for batch in batches(paths, wanted or sum(os.path.getsize(p) for p in paths)):
        cpu -= time.process_time()
        wall -= time.monotonic()
        for html in batch:
            for img in LexborHTMLParser(html).css("img"):
                img.attributes  # a dict, as libxml2's handler copies them
                images += 1
        cpu += time.process_time()
        wall += time.monotonic()
        pages += len(batch)
        done += sum(map(len, batch))
    print(json.dumps({"bytes": done, "pages": pages, "images": images, "cpu_s": cpu, "wall_s": wall}))


if __name__ == "__main__":
    main()
