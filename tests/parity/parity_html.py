#!/usr/bin/env python3
"""Compare `wit crawl extract` with html5lib, which builds the whole tree.

    python3 tests/parity/parity_html.py [--wit build/tools/wit] [--pages DIR]... [--soups N]

Needs html5lib 1.1 (python3-html5lib; tools/setup installs it and the manuals). Of every page of three
manuals in three languages the list of (absolute address, words, alt or title) of the tree's img
elements, in the tree's order and without repeats, must be what wit extracts from alt and title. Of
made-up pages of broken markup the same, but as a set: a tree moves an img that stands between a table's
rows before the table, wit leaves it where it stood.

What differs by design is kept out of the made-up pages or undone before comparing (docs/extraction.md):
wit reads inside `template`, which a tree keeps apart, and inside `noscript`, which html5lib does too. Only
src is looked at in the tree, so pages with srcset, picture or lazy attributes are no test. Prints each
difference and exits 1 when there is one; 77 when html5lib or a manual is absent.
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

try:
    import html5lib
except ImportError:
    print("html5lib is absent: tools/setup", file=sys.stderr)
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANUALS = ("/usr/share/gimp/2.0/help/en",  # English
           "/usr/share/debian-reference",  # Japanese
           "/usr/share/doublecmd/doc/ru")  # Russian
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
          "<annotation-xml> <annotation-xml/encoding=text/html> </annotation-xml> "
          "</span> <body> </body> <html> </html> <head> </head> <form> <button> </button> <object> "
          "</object> <pre> <nobr> <center> <template> </template> text \n \r").split(" ")


def words_of(value):
    return " ".join(w for w in value.translate({ord(c): " " for c in SPACE}).split(" ") if w)


def tree_pairs(data, url):
    tree = html5lib.parse(data, treebuilder="etree", likely_encoding="windows-1252", useChardet=False)
    base = url
    for element in tree.iter(XHTML + "base"):
        if "href" in element.attrib:
            base = urllib.parse.urljoin(url, element.get("href").strip(SPACE))
            break
    pairs = {}  # keeps its order
    for img in tree.iter(XHTML + "img"):
        src = img.get("src", "").strip(SPACE)
        address = urllib.parse.quote(urllib.parse.urljoin(base, src).split("#")[0], safe=URL_SAFE)
        for source in ("alt", "title"):
            words = words_of(img.get(source, ""))
            if words and src:
                pairs[address, words, source] = True
    return list(pairs)


def wit_pairs(wit, path, url):
    out = subprocess.run([wit, "crawl", "extract", str(path), "--base", url], check=True,
                         stdout=subprocess.PIPE).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    return [(line["url"], line["text"], line["source"]) for line in lines
            if line["source"] in ("alt", "title")]


def check(job):
    wit, path, url, ordered = job
    data = pathlib.Path(path).read_bytes()
    got, want = wit_pairs(wit, path, url), tree_pairs(data, url)
    if not ordered:
        got, want = sorted(got), sorted(want)
    extra, missing = sorted(set(got) - set(want)), sorted(set(want) - set(got))
    problem = None
    if extra or missing:
        problem = f"only wit {extra}, only html5lib {missing}"
    elif got != want:
        problem = "the same pairs in another order"
    return str(path), data, len(want), problem


def make_soup(rng):
    pieces = []
    for i in range(rng.randrange(2, 14)):
        pieces.append(rng.choice(PIECES))
        if rng.random() < 0.5:
            pieces.append(f"<img src={i} alt={rng.choice(['a', 'b&amp;', chr(34) + ' c d' + chr(34)])}{i}>")
    return "".join(pieces).encode()


def manual_jobs(wit, folder):
    for path in sorted(pathlib.Path(folder).rglob("*.htm*")):
        if path.is_file():
            yield wit, path, BASE + urllib.parse.quote(str(path.relative_to(folder))), True


def soup_jobs(wit, count, seed, scratch):
    rng = random.Random(seed)
    for i in range(count):
        path = pathlib.Path(scratch) / f"{i}.html"
        path.write_bytes(make_soup(rng))
        yield wit, path, BASE + "soup.html", False


def compare(pool, name, jobs):
    """Compare all pages of a kind; how many there were and how many differ."""
    pages = pairs = differ = 0
    for path, data, count, problem in pool.map(check, jobs, chunksize=8):
        pages += 1
        pairs += count
        if problem:
            differ += 1
            print(f"{path}: {problem}" + (f": {data!r}" if len(data) < 1000 else ""))
    print(f"{name}: {pages} pages, {pairs} pairs, {differ} pages differ", flush=True)
    return pages, differ


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wit", default=os.environ.get("WIT", os.path.join(ROOT, "build/tools/wit")))
    parser.add_argument("--pages", action="append", help="a folder of HTML pages, any number of times")
    parser.add_argument("--soups", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    absent, differ = [], 0
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ProcessPoolExecutor(2) as pool:
        for folder in args.pages or MANUALS:
            pages, wrong = compare(pool, folder, manual_jobs(args.wit, folder))
            differ += wrong
            if not pages:
                absent.append(folder)
        pages, wrong = compare(pool, "made up", soup_jobs(args.wit, args.soups, args.seed, scratch))
        differ += wrong
    if absent:
        print(f"absent: {', '.join(absent)}: tools/setup", file=sys.stderr)
    return 1 if differ else 77 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
