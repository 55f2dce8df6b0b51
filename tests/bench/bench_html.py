#!/usr/bin/env python3
"""Extracting pages: wit beside libxml2's HTML parser with a SAX handler and beside lexbor, on one core.

    .venv/bin/python tests/bench/bench_html.py [--build build] [--corpus manual|mixed|DIR] [--rounds N]

Needs what tools/setup --peers installs. All read pages in batches before their clock runs. wit extracts
everything it does (pairs, links, rights; addresses resolved, no repeats). libxml2 tokenizes, decodes and
hands over img elements, whose src, alt and title are copied; no tree is built. lexbor is the wheel of
selectolax: it builds a tree and is asked for the attributes of its img elements.

The corpora: "manual", the GIMP manual's pages (gimp-help-en); "mixed", the pages of several manuals
in several languages and of several makers (MIXED below), shuffled with a fixed seed and repeated up to
1 GB; or a folder. Before anything is timed all must have read the same bytes; the images each found are
printed, as libxml2 is no HTML5 parser and may differ on pages that are no XHTML.
"""
import argparse
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from bench_common import alternate, hash_of  # noqa: E402

MANUAL = ("/usr/share/gimp/2.0/help/en",)
CACHE = os.path.join(ROOT, ".cache/pages")
MIXED = (
    CACHE + "/python3.11-doc",         # Sphinx, English, long pages
    CACHE + "/postgresql-doc-15",      # DocBook, English, no images
    CACHE + "/libreoffice-help-de",    # its own, German
    CACHE + "/libreoffice-help-ja",    # its own, Japanese
    "/usr/share/debian-reference",     # DocBook, Japanese
    "/usr/share/doublecmd/doc/ru",     # written by hand, Russian
    *MANUAL,                           # DocBook, English
)
MIXED_BYTES = 10**9
LIBXML2_LEAST = 0.9  # of wit's images: it must have read the pages


def build_peer(folder):
    program = os.path.join(folder, "peer_libxml2")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libxml-2.0"], capture_output=True,
                           text=True)
    if flags.returncode:
        sys.exit("libxml2-dev is absent: tools/setup --peers")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", program,
                    os.path.join(HERE, "peer_libxml2.c"), *shlex.split(flags.stdout)], check=True)
    return [program]


def run(program, pages, wanted):
    return json.loads(subprocess.run([*program, pages, str(wanted)], check=True,
                                     stdout=subprocess.PIPE).stdout)


def side(program, pages, wanted):
    def once():
        out = run(program, pages, wanted)
        return out["bytes"] / 1e6, out["cpu_s"], out["wall_s"]
    return once


def pages_of(corpus):
    folders = {"manual": MANUAL, "mixed": MIXED}.get(corpus, (corpus,))
    paths = []
    for folder in folders:
        found = sorted(str(p) for p in pathlib.Path(folder).rglob("*.htm*") if p.is_file())
        if not found:
            sys.exit(f"no pages in {folder}: tools/setup --peers")
        paths += found
    if corpus == "mixed":
        random.Random(1).shuffle(paths)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--corpus", default="manual", help="manual, mixed or a folder of HTML pages")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bytes", type=int, help="of a run; mixed: 10^9, else 20 times the pages")
    args = parser.parse_args()
    paths = pages_of(args.corpus)
    total = sum(os.path.getsize(p) for p in paths)
    wanted = args.bytes or (MIXED_BYTES if args.corpus == "mixed" else 20 * total)
    with tempfile.TemporaryDirectory() as scratch:
        pages = os.path.join(scratch, "pages")
        pathlib.Path(pages).write_text("\n".join(paths) + "\n")
        programs = {"wit": [os.path.join(args.build, "tests/bench/bench_html")],
                    "libxml2": build_peer(scratch),
                    "lexbor": [sys.executable, os.path.join(HERE, "peer_lexbor.py")]}
        first = {name: run(program, pages, 0) for name, program in programs.items()}
        if len({(out["pages"], out["bytes"]) for out in first.values()}) != 1 or \
                first["libxml2"]["images"] < LIBXML2_LEAST * first["wit"]["images"]:
            sys.exit(f"they do not see the same: {first}")
        alternate("html.extract." + os.path.basename(args.corpus), "MB/s",
                  {n: side(p, pages, wanted) for n, p in programs.items()},
                  rounds=args.rounds, inputs=f"{len(paths)} pages {hash_of(*paths)}")
        print(json.dumps({"bench": "html.extract", "images": {n: out["images"] for n, out in first.items()},
                          **{k: v for k, v in first["wit"].items() if k in
                             ("bytes", "pages", "pairs", "links")}}), flush=True)


if __name__ == "__main__":
    main()
