#!/usr/bin/env python3
"""Compare `wit crawl extract` with html5lib, which builds the whole tree. Run by hand:

    .venv/bin/python tests/parity/parity_html.py --wit build/tools/wit [--pages DIR] [--soups N]

Needs html5lib 1.1 (tools/setup --peers). On every page, the set of (absolute address, alt) of the
tree's img elements with words in alt must be what wit extracts from alt. Pages are those of a folder
(the GIMP manual of gimp-help-en where none is given) and made-up ones of broken markup. Only src is
looked at in the tree, so pages with srcset, picture or lazy attributes are no test. Prints each
difference and exits 1 when there is one.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import urllib.parse

import html5lib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANUAL = "/usr/share/gimp/2.0/help/en"
BASE = "http://manual.example/en/"
XHTML = "{http://www.w3.org/1999/xhtml}"
URL_SAFE = "!$&'()*+,;=:@/?%#[]~|^{}"  # what the URL Standard leaves alone in a path
SPACE = " \t\n\f\r"
# No select and frameset: html5lib 1.1 drops an img there, today's standard does not in a select.
PIECES = ("<p> </p> <div> </div> <b> </b> <i> </i> <a> </a> <a/href=x> <table> <tr> <td> </table> <ul> <li> "
          "</ul> <br> </br> <h1> </h1> <svg> </svg> <svg/> <math> </math> <mi> </mi> <desc> </desc> "
          "<foreignObject> </foreignObject> <title> </title> <style> </style> <script> </script> "
          "<textarea> </textarea> <xmp> </xmp> <iframe> </iframe> <noscript> </noscript> <noembed> "
          "</noembed> <!-- --> --!> <!> <!x <?y > </> </ < & &amp; &am p; &#x ' \" = <img <image </img> "
          "<![CDATA[ ]]> ]] <script><!-- <script> </script> --></script> <font> <font/color=x> <span> "
          "</span> <body> </body> <html> </html> <head> </head> <form> <button> </button> <object> "
          "</object> <pre> <nobr> <center> <template> </template> text \n \r").split(" ")


def tree_pairs(data, url):
    tree = html5lib.parse(data, treebuilder="etree", likely_encoding="windows-1252", useChardet=False)
    base = url
    for element in tree.iter(XHTML + "base"):
        if "href" in element.attrib:
            base = urllib.parse.urljoin(url, element.get("href").strip(SPACE))
            break
    pairs = set()
    for img in tree.iter(XHTML + "img"):
        alt = " ".join(w for w in img.get("alt", "").translate({ord(c): " " for c in SPACE}).split(" ") if w)
        src = img.get("src", "").strip(SPACE)
        if alt and src:
            address = urllib.parse.urljoin(base, src).split("#")[0]
            pairs.add((urllib.parse.quote(address, safe=URL_SAFE), alt))
    return pairs


def wit_pairs(wit, path, url):
    out = subprocess.run([wit, "crawl", "extract", str(path), "--base", url], check=True,
                         stdout=subprocess.PIPE).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    return {(line["url"], line["text"]) for line in lines if line["source"] == "alt"}


def check(job):
    wit, path, url = job
    data = pathlib.Path(path).read_bytes()
    got, want = wit_pairs(wit, path, url), tree_pairs(data, url)
    return str(path), data, len(want), sorted(got - want), sorted(want - got)


def make_soup(rng):
    pieces = []
    for i in range(rng.randrange(2, 14)):
        pieces.append(rng.choice(PIECES))
        if rng.random() < 0.5:
            pieces.append(f"<img src={i} alt={rng.choice(['a', 'b&amp;', chr(34) + ' c d' + chr(34)])}{i}>")
    return "".join(pieces).encode()


def jobs_of(args, scratch):
    folder = args.pages or (MANUAL if os.path.isdir(MANUAL) else None)
    if folder:
        for path in sorted(pathlib.Path(folder).rglob("*.htm*")):
            if path.is_file():
                yield args.wit, path, BASE + urllib.parse.quote(str(path.relative_to(folder)))
    else:
        print(f"{MANUAL} is absent: made-up pages only", file=sys.stderr)
    rng = random.Random(args.seed)
    for i in range(args.soups):
        path = pathlib.Path(scratch) / f"{i}.html"
        path.write_bytes(make_soup(rng))
        yield args.wit, path, BASE + "soup.html"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wit", default=os.path.join(ROOT, "build/tools/wit"))
    parser.add_argument("--pages", help="a folder of HTML pages")
    parser.add_argument("--soups", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    pages = pairs = differ = 0
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ProcessPoolExecutor(2) as pool:
        for path, data, count, extra, missing in pool.map(check, jobs_of(args, scratch), chunksize=8):
            pages += 1
            pairs += count
            if extra or missing:
                differ += 1
                print(f"{path}: only wit {extra}, only html5lib {missing}"
                      + (f": {data!r}" if len(data) < 1000 else ""))
    print(f"{pages} pages, {pairs} pairs, {differ} pages differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
