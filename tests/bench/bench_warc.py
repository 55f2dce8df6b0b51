#!/usr/bin/env python3
"""Pairs out of a WARC file: wit beside FastWARC with Resiliparse, on one core; and wit on a WAT.

    python3 tests/bench/bench_warc.py [--wit build/tools/wit] [--pages DIR] [--times N] [--rounds N]

Needs fastwarc and resiliparse (tools/setup --peers). The files are made of the pages of the GIMP manual
(gimp-help-en), so many times over, a gzip member for each record. wit does all that `wit crawl archive`
does: records and their checksums, HTTP, every pair, rights, addresses resolved, JSON lines written.
The peer reads records, parses HTTP and HTML (lexbor), and writes src and alt of every img that has
both, as they stand. Before anything is timed both must have found as many pairs. FastWARC alone, which
reads the bodies and looks at none, is there to tell what the records cost.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]
import make_warc  # noqa: E402
from bench_common import alternate, hash_of, run_timed  # noqa: E402

PEER = """
import json, sys
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.parse.html import HTMLTree
tree = sys.argv[2] == "tree"
with open(sys.argv[1], "rb") as f:
    for record in ArchiveIterator(f, record_types=WarcRecordType.response, parse_http=True):
        body = record.reader.read()
        if not tree or record.http_headers.status_code != 200:
            continue
        # A repeat on one page is one pair, as in wit.
        seen = dict.fromkeys((i.getattr("src"), i.getattr("alt"))
                             for i in HTMLTree.parse_from_bytes(body).body.get_elements_by_tag_name("img"))
        for src, alt in seen:
            if src and alt and alt.strip():
                print(json.dumps({"page": record.headers["WARC-Target-URI"], "url": src, "text": alt}))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wit", default=os.path.join(ROOT, "build", "tools", "wit"))
    parser.add_argument("--python", default=os.path.join(ROOT, ".venv", "bin", "python"))
    parser.add_argument("--pages", default="/usr/share/gimp/2.0/help/en")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    pages = make_warc.folder_pages(args.pages, "http://h.org/en/") * args.times
    if not pages:
        sys.exit(f"no pages in {args.pages}")
    with tempfile.TemporaryDirectory() as scratch:
        warc, wat = (os.path.join(scratch, name) for name in ("x.warc.gz", "x.wat.gz"))
        make_warc.write_warc(warc, pages)
        make_warc.write_wat(wat, pages)
        commands = {
            "wit": [args.wit, "crawl", "archive", warc],
            "wit, WAT": [args.wit, "crawl", "archive", wat],
            "fastwarc+resiliparse": [args.python, "-c", PEER, warc, "tree"],
            "fastwarc, records only": [args.python, "-c", PEER, warc, "records"],
        }
        found = {name: run_timed(c)[2].count(b"\n") for name, c in commands.items()}
        if len({found["wit"], found["wit, WAT"], found["fastwarc+resiliparse"]}) != 1:
            sys.exit(f"they do not find the same: {found}")

        def side(command):
            def once():
                cpu, wall, _ = run_timed(command)
                return len(pages), cpu, wall
            return once

        alternate("warc.pairs", "pages/s", {n: side(c) for n, c in commands.items()},
                  rounds=args.rounds, inputs=f"{len(pages)} pages {hash_of(warc)}")
        size = {name: pathlib.Path(p).stat().st_size for name, p in (("warc", warc), ("wat", wat))}
        print(json.dumps({"bench": "warc.pairs", "pairs": found["wit"],
                          **{f"{k}_bytes": v for k, v in size.items()}}), flush=True)


if __name__ == "__main__":
    main()
