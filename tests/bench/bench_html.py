#!/usr/bin/env python3
"""Extracting pages: wit beside libxml2's HTML parser with a SAX handler, on one core.

    python3 tests/bench/bench_html.py [--build build] [--pages DIR] [--rounds N]

Needs libxml2-dev (tools/setup --peers). Both are C programs that read all pages first: wit extracts
everything it does (pairs, links, rights; addresses resolved, no repeats), libxml2 tokenizes, decodes
and hands over img elements, whose src, alt and title are copied; no tree is built. Pages are those of
the GIMP manual (gimp-help-en) where no folder is given. Before anything is timed both must have found
the same number of images.
"""
import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from bench_common import alternate, hash_of  # noqa: E402

MANUAL = "/usr/share/gimp/2.0/help/en"


def build_peer(folder):
    program = os.path.join(folder, "peer_libxml2")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libxml-2.0"], capture_output=True,
                           text=True)
    if flags.returncode:
        sys.exit("libxml2-dev is absent: tools/setup --peers")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", program,
                    os.path.join(HERE, "peer_libxml2.c"), *shlex.split(flags.stdout)], check=True)
    return program


def run(program, pages, repeats):
    return json.loads(subprocess.run([program, pages, str(repeats)], check=True,
                                     stdout=subprocess.PIPE).stdout)


def side(program, pages, repeats):
    def once():
        out = run(program, pages, repeats)
        return out["bytes"] / 1e6, out["cpu_s"], out["wall_s"]
    return once


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--pages", default=MANUAL, help="a folder of HTML pages")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=20, help="passes over the pages in a run")
    args = parser.parse_args()
    paths = sorted(str(p) for p in pathlib.Path(args.pages).rglob("*.htm*") if p.is_file())
    if not paths:
        sys.exit(f"no pages in {args.pages}")
    with tempfile.TemporaryDirectory() as scratch:
        pages = os.path.join(scratch, "pages")
        pathlib.Path(pages).write_text("\n".join(paths) + "\n")
        programs = {"wit": os.path.join(args.build, "tests/bench/bench_html"),
                    "libxml2": build_peer(scratch)}
        first = {name: run(program, pages, 1) for name, program in programs.items()}
        if len({(out["pages"], out["bytes"], out["images"]) for out in first.values()}) != 1:
            sys.exit(f"they do not see the same: {first}")
        alternate("html.extract", "MB/s", {n: side(p, pages, args.repeats) for n, p in programs.items()},
                  rounds=args.rounds, inputs=f"{len(paths)} pages {hash_of(*paths)}")
        print(json.dumps({"bench": "html.extract", **{k: v for k, v in first["wit"].items()
                                                      if not k.endswith("_s")}}), flush=True)


if __name__ == "__main__":
    main()
