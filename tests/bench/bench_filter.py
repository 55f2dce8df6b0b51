"""Matching captions against 500,000 entries: wit beside daachorse's wheel, on one core.

    .venv/bin/python tests/bench/bench_filter.py [--build build] [--list FILE] [--lines N]

Both sides read the captions, find each caption's set of entries by MetaCLIP's rule and count them.
wit is bench_match (a C program over the library's batch call). daachorse gets padded entries and
blobs of 256 KiB of padded captions, its quickest form: a call for each caption costs it half its
speed. That both found the same sets is checked by the number of matches and the sum of their ids
before anything is timed. The list is the stand-in of 500,000 entries where it is there.
"""

import argparse
import gzip
import json
import lzma
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import daachorse
import numpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_common  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("WIT_SHARED", ROOT / ".." / "shared"))
BLOB_BYTES = 256 * 1024
DOCS = "/usr/share/doc"


def golden_captions():
    for name in ("filter", "tokenizer"):
        with open(SHARED / "golden" / name / "captions.jsonl") as f:
            for line in f:
                text = json.loads(line)["text"]
                yield text.encode("utf-8", "replace").replace(b"\n", b" ").replace(b"\r", b" ")


def docs_captions():
    """Lines of 20 to 200 bytes of the machine's own documentation, in a fixed order."""
    for path in sorted(pathlib.Path(DOCS).rglob("*")):
        if not path.is_file() or path.is_symlink() or path.name.startswith("copyright"):
            continue
        opened = gzip.open if path.suffix == ".gz" else open
        if path.suffix not in (".gz", ".txt", ".md", ".html", "") or path.stat().st_size > 1 << 20:
            continue
        try:
            with opened(path, "rb") as f:
                lines = f.read(1 << 20).split(b"\n")
        except OSError:
            continue
        for line in lines:
            line = line.strip()
            if 20 <= len(line) <= 200 and b"\r" not in line and b"\0" not in line:
                yield line


def make_captions(path, lines):
    """Golden captions are every fourth line, repeated as needed; documentation the other three."""
    golden = list(golden_captions())
    with open(path, "wb") as f:
        n = 0
        for doc in docs_captions():
            f.write(doc + b"\n")
            n += 1
            if n % 4 == 3:
                f.write(golden[n // 4 % len(golden)] + b"\n")
                n += 1
            if n >= lines:
                return n
        while n < lines:
            f.write(golden[n % len(golden)] + b"\n")
            n += 1
    return n


def make_list(path, given):
    source = pathlib.Path(given) if given else SHARED / "golden/filter/standin_metadata_500k.json.xz"
    opened = lzma.open if source.suffix == ".xz" else open
    with opened(source, "rb") as f:
        data = f.read()
    path.write_bytes(data)
    return json.loads(data)


class Daachorse:
    def __init__(self, entries, captions):
        self.n = len(entries)
        self.captions = captions
        start = time.process_time()
        self.automaton = daachorse.DoubleArrayAhoCorasick(
            [b" " + e.encode() + b" " for e in entries])
        self.load_cpu_s = time.process_time() - start

    def blob(self, texts):
        """One pass over some captions: pairs (caption, entry), each once, as one number each."""
        padded = b"\n".join([b" " + t + b" " for t in texts])
        for mark in b",.;:?!`":
            padded = padded.replace(bytes([mark]), b" " + bytes([mark]) + b" ")
        padded = padded.replace(b"\t", b" ").replace(b"\r", b" ")
        found = self.automaton.find_overlapping(padded)
        if not found:
            return numpy.empty(0, numpy.int64)
        flat = numpy.array(found, dtype=numpy.int64)
        ends = numpy.flatnonzero(numpy.frombuffer(padded, numpy.uint8) == 10)
        return numpy.unique(numpy.searchsorted(ends, flat[:, 0]) * self.n + flat[:, 2])

    def run(self):
        counts = numpy.zeros(self.n, numpy.int64)
        matches, n = 0, 0
        cpu, wall = time.process_time(), time.monotonic()
        with open(self.captions, "rb") as f:
            while True:
                texts = f.read(BLOB_BYTES)
                if not texts:
                    break
                texts = (texts + f.readline()).split(b"\n")
                if not texts[-1]:
                    texts.pop()
                pairs = self.blob(texts)
                matches += len(pairs)
                n += len(texts)
                numpy.add.at(counts, pairs % self.n, 1)
        self.matches, self.id_sum = matches, int((counts * numpy.arange(self.n)).sum())
        return n, time.process_time() - cpu, time.monotonic() - wall


class Wit:
    def __init__(self, build, list_path, captions, batch):
        self.argv = [str(build / "tests/bench/bench_match"), str(list_path), str(captions), batch]
        if not os.path.exists(self.argv[0]):
            self.argv[0] = str(build / "tests/bench_match")

    def run(self):
        out = json.loads(subprocess.run(self.argv, check=True, stdout=subprocess.PIPE).stdout)
        self.matches, self.id_sum, self.load_cpu_s = out["matches"], out["id_sum"], out["load_cpu_s"]
        return out["captions"], out["cpu_s"], out["wall_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--list", help="allowlist as JSON or JSON.xz; default: the stand-in")
    parser.add_argument("--lines", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", default="32", help="captions in one call of wit's matcher")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        list_path = pathlib.Path(scratch) / "list.json"
        captions = pathlib.Path(scratch) / "captions.txt"
        entries = make_list(list_path, args.list)
        make_captions(captions, args.lines)
        wit = Wit(pathlib.Path(args.build), list_path, captions, args.batch)
        peer = Daachorse(entries, captions)
        n_wit, n_peer = wit.run()[0], peer.run()[0]
        if (n_wit, wit.matches, wit.id_sum) != (n_peer, peer.matches, peer.id_sum):
            sys.exit(f"sets differ: wit {n_wit} captions, {wit.matches} matches; "
                     f"daachorse {n_peer}, {peer.matches}")
        bench_common.alternate("filter.match", "captions/s", {"wit": wit.run, "daachorse": peer.run},
                               rounds=args.rounds, inputs=bench_common.hash_of(list_path, captions))
        print(json.dumps({"bench": "filter.match", "captions": n_wit, "matches": wit.matches,
                          "entries": len(entries), "caption_bytes": captions.stat().st_size,
                          "wit_load_cpu_s": round(wit.load_cpu_s, 3),
                          "daachorse_build_cpu_s": round(peer.load_cpu_s, 3)}), flush=True)


if __name__ == "__main__":
    main()
