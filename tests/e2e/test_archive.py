"""WARC and WAT files of the GIMP manual give what crawling it gives: a WARC everything, a WAT what a
WAT can hold. Everything on loopback, in one temporary directory."""

import gzip
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_warc  # noqa: E402
import manual  # noqa: E402

SOURCES = {1: "alt", 2: "title", 3: "figcaption", 4: "og_description"}


def logged(folder):
    """(page, url, text, source) of a candidate log; docs/formats/shard.md has the format."""
    data, at, found = (folder / "collect" / "candidates.log").read_bytes(), 16, set()
    while at < len(data):
        _, head_bytes, body_bytes = struct.unpack_from("<IIQ", data, at)
        source, flags, url, text, page = struct.unpack_from("<HHIII", data, at + 32)
        if flags:
            raise AssertionError("only lists have candidates with more than these")
        words, start = [], at + 32 + 16
        for length in (url, text, page):
            words.append(data[start:start + length].decode())
            start += length
        found.add((words[2], words[0], words[1], SOURCES[source]))
        at += 32 + head_bytes + body_bytes
    return found


class WarcTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="wit-warc-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        server = manual.Manual(cls.dir / "server")
        cls.port = server.__enter__()
        cls.addClassCleanup(server.__exit__)
        (cls.dir / "seeds").write_text(f"http://127.0.0.1:{cls.port}/en/index.html\n")
        cls.crawl("crawled", "--seeds", cls.dir / "seeds",
                  "--scope", f"http://127.0.0.1:{cls.port}/en/")
        cls.found = logged(cls.dir / "crawled")
        cls.pages = cls.pages_of_log()

    @classmethod
    def run_wit(cls, *args):
        return subprocess.run([str(manual.WIT), *map(str, args)], capture_output=True, text=True,
                              timeout=300, stdin=subprocess.DEVNULL)

    @classmethod
    def command(cls, out, *args):
        return ("crawl", "--out", cls.dir / out, "--allow-net", "127.0.0.0/8",
                "--host", "127.0.0.1:0:16", "--host", "127.0.0.2:0:16",
                "--contact", "https://example.org/wit-test", "--json", *args)

    @classmethod
    def crawl(cls, out, *args, code=0):
        done = cls.run_wit(*cls.command(out, *args))
        if done.returncode != code:
            raise AssertionError(f"wit crawl: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    @classmethod
    def seal(cls, out):
        done = cls.run_wit("shards", "seal", cls.dir / out, "--json")
        if done.returncode != 0:
            raise AssertionError(f"wit shards seal: exit {done.returncode}: {done.stderr}")
        return json.loads((cls.dir / out / "dataset.json").read_text())["hash"]

    @classmethod
    def pages_of_log(cls):
        """What the crawl asked for and got, with the headers of the wire."""
        log = (cls.dir / "server" / "access.log").read_text()
        paths = dict.fromkeys(re.findall(r'"GET (/en/\S*\.html) HTTP/1.1" 200 ', log))
        pages = []
        for path in paths:
            url = f"http://127.0.0.1:{cls.port}{path}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                headers = [(k, v) for k, v in answer.getheaders() if k != "Content-Length"]
                pages.append(make_warc.Page(url, answer.read(), headers))
        return pages

    def archive(self, *files, code=0):
        """(page, url, text, source) and (page, reason) of files, in their order."""
        done = self.run_wit("crawl", "archive", *files)
        self.assertEqual(done.returncode, code, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return ([(x["page"], x["url"], x["text"], x["source"]) for x in lines if "url" in x],
                [(x["page"], x["refused"]) for x in lines if "refused" in x])

    # ---- the manual

    def test_a_warc_gives_what_crawling_gives(self):
        self.assertGreaterEqual(len(self.pages), 680)
        self.assertGreaterEqual(len(self.found), 4000)
        make_warc.write_warc(self.dir / "m.warc.gz", self.pages)
        pairs, refused = self.archive(self.dir / "m.warc.gz")
        self.assertEqual(set(pairs), self.found)
        self.assertEqual(refused, [])

    def test_wires_and_packings_do_not_matter(self):
        pages = self.pages[:40]
        make_warc.write_warc(self.dir / "a.warc", pages, how="plain")
        want = self.archive(self.dir / "a.warc")
        self.assertGreater(len(want[0]), 50)
        for how, wire in (("members", {"chunk": 1000}), ("whole", {"coding": "gzip"}),
                          ("members", {"coding": "deflate", "chunk": 77})):
            make_warc.write_warc(self.dir / "b.warc.gz", pages, how=how, **wire)
            self.assertEqual(self.archive(self.dir / "b.warc.gz"), want, (how, wire))

    def test_a_wat_gives_what_it_can_hold(self):
        make_warc.write_wat(self.dir / "m.wat.gz", self.pages)
        pairs, refused = self.archive(self.dir / "m.wat.gz")
        # This manual's images have nothing but src, alt and title.
        self.assertEqual(set(pairs), {f for f in self.found if f[3] in ("alt", "title")})
        self.assertGreaterEqual(len(pairs), 4000)
        self.assertEqual(refused, [])

    # ---- as the input of a crawl

    def test_a_crawl_of_archives_makes_the_same_dataset(self):
        make_warc.write_warc(self.dir / "c.warc.gz", self.pages[::2])
        make_warc.write_warc(self.dir / "d.warc.gz", self.pages[1::2], how="whole", chunk=5000)
        make_warc.write_wat(self.dir / "c.wat.gz", self.pages)
        want = self.seal("crawled")
        r = self.crawl("warc", "--warc", self.dir / "c.warc.gz", "--warc", self.dir / "d.warc.gz")
        self.assertEqual((r["rows"], r["pages"]), (len(self.pages), 0))
        self.assertEqual(logged(self.dir / "warc"), self.found)
        self.assertEqual(self.seal("warc"), want)
        r = self.crawl("wat", "--wat", self.dir / "c.wat.gz")
        self.assertEqual(r["rows"], len(self.pages))
        self.assertEqual(logged(self.dir / "wat"), self.found)  # alt and title are all it has
        self.assertEqual(self.seal("wat"), want)

    def test_killed_it_goes_on_where_it_was(self):
        seed = random.randrange(1 << 32)
        print(f"kills: seed {seed}", flush=True)
        r = random.Random(seed)
        gone = [make_warc.Page(f"http://h.org/{i}", b"x", status=404) for i in range(50)]
        make_warc.write_warc(self.dir / "k.warc.gz", [*self.pages[:300], *gone, *self.pages[300:]])
        args = self.command("killed", "--warc", self.dir / "k.warc.gz")
        for i in range(8):
            p = subprocess.Popen([str(manual.WIT), *map(str, args)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(r.uniform(0.02, 0.4))
            # An interrupt commits wherever it is; a kill loses what came since the last commit.
            p.send_signal(signal.SIGKILL if i % 2 else signal.SIGINT)
            p.wait(timeout=60)
        report = self.crawl("killed", "--warc", self.dir / "k.warc.gz")
        self.assertEqual(report["rows"], len(self.pages) + 50, f"seed {seed}")
        self.assertEqual([x for x in report["refused"] if x["subject"] == "row"],
                         [{"subject": "row", "reason": "http_404", "count": 50}])
        self.assertEqual(logged(self.dir / "killed"), self.found)
        again = self.crawl("killed", "--warc", self.dir / "k.warc.gz")  # nothing is left to do
        of_a_run = {"fetched_bytes": 0, "robots_txt": {}, "tdmrep_json": {}, "late_p50_ms": 0,
                    "late_p99_ms": 0, "late_most_ms": 0}
        self.assertEqual({**again, **of_a_run}, {**report, **of_a_run})

    def test_a_job_takes_archives(self):
        make_warc.write_warc(self.dir / "j.warc.gz", self.pages)
        (self.dir / "job.yaml").write_text("""
out: built
crawl:
  archives: [j.warc.gz]
  contact: "https://example.org/wit-test"
  allow_net: [127.0.0.1/32, 127.0.0.2/32]
  hosts: [{host: 127.0.0.1, delay_ms: 0, concurrency: 16}, {host: 127.0.0.2, delay_ms: 0, concurrency: 16}]
""")
        done = self.run_wit("build", self.dir / "job.yaml", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["hash"], self.seal("crawled"))

    def test_more_files_may_stand_behind(self):
        one, two = self.dir / "one.warc.gz", self.dir / "two.warc.gz"
        make_warc.write_warc(one, self.pages[:20])
        make_warc.write_warc(two, self.pages[20:50])
        self.assertEqual(self.crawl("grown", "--warc", one)["rows"], 20)
        r = self.crawl("grown", "--warc", one, "--warc", two)
        self.assertEqual(r["rows"], 50)
        read = {p.url for p in self.pages[:50]}
        self.assertEqual(logged(self.dir / "grown"), {f for f in self.found if f[0] in read})
        self.assertEqual(r["candidates"], sum(1 for f in self.found if f[0] in read))
        done = self.run_wit(*self.command("grown", "--warc", one, "--warc", one))
        self.assertEqual(done.returncode, 1)
        self.assertIn("not those of the run before", done.stderr)

    def test_a_crawl_counts_rights_and_damage(self):
        html = b"<img src=a alt=b><img src=c alt=d>"
        page = make_warc.Page("http://h.org/p", html, [("Content-Type", "text/html"),
                                                       ("X-Robots-Tag", "witbot: noai")])
        members = gzip.compress(b"".join(make_warc.warc_records([page])), mtime=0)
        (self.dir / "n.warc.gz").write_bytes(members + members[:-9])
        r = self.crawl("rights", "--warc", self.dir / "n.warc.gz", code=3)
        self.assertEqual([(x["reason"], x["count"]) for x in r["refused"]],
                         [("bad_record", 1), ("noai", 4)])
        self.assertEqual((r["rows"], r["candidates"]), (3, 0))
        lines = (self.dir / "rights" / "crawl" / "refused.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(x)["reason"] for x in lines], ["noai", "noai", "bad_record"])
        self.assertEqual(json.loads(lines[0])["url"], "http://h.org/p")

    def test_what_cannot_be_an_input_is_said(self):
        done = self.run_wit(*self.command("none", "--warc", self.dir / "absent.warc"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("absent.warc' is left out: No such file", done.stderr)
        self.assertFalse((self.dir / "none").exists())
        done = self.run_wit(*self.command("none", "--warc", __file__, "--list", __file__))
        self.assertEqual(done.returncode, 2)

    # ---- pages that a WAT cannot hold all of

    def test_a_wat_leaves_out_what_is_not_in_it(self):
        page = make_warc.Page("http://h.org/d/p.html", b"""
            <base href="/b/"><meta property=og:image content=o.png>
            <meta property=og:description content="The &quot;page&quot;">
            <img src=a.png alt="A &amp; B" title=" two
            words "><img src=small.png srcset="large.png 2x" alt=large>
            <img src=wait.gif data-src=lazy.png alt=lazy>
            <picture><source srcset=s.png><img src=i.png alt=pic></picture>
            <figure><img src=f.png alt=f><figcaption>Caption</figcaption></figure>""")
        make_warc.write_warc(self.dir / "p.warc", [page], how="plain")
        make_warc.write_wat(self.dir / "p.wat", [page], how="plain")
        warc, _ = self.archive(self.dir / "p.warc")
        wat, _ = self.archive(self.dir / "p.wat")

        def at(name, text, source):
            return ("http://h.org/d/p.html", f"http://h.org/b/{name}", text, source)
        both = {at("a.png", "A & B", "alt"), at("a.png", "two words", "title"),
                at("f.png", "f", "alt"), at("i.png", "pic", "alt"),
                at("o.png", 'The "page"', "og_description")}
        self.assertEqual(set(warc), both | {
            at("large.png", "large", "alt"), at("lazy.png", "lazy", "alt"),
            at("s.png", "pic", "alt"), at("f.png", "Caption", "figcaption")})
        self.assertEqual(set(wat), both | {  # what src stood for
            at("small.png", "large", "alt"), at("wait.gif", "lazy", "alt")})

    def test_rights_and_other_answers_have_reasons(self):
        html = b"<img src=a alt=b>"
        robots = ("X-Robots-Tag", "noai"), ("X-Robots-Tag", "nofollow")
        kind = ("Content-Type", "text/html")
        pages = [make_warc.Page("http://h.org/ai", html, [kind, *robots]),
                 make_warc.Page("http://h.org/tdm", html, [kind, ("TDM-Reservation", "1")]),
                 make_warc.Page("http://h.org/meta", b"<meta name=robots content=noml>" + html),
                 make_warc.Page("http://h.org/none", html, status=404, reason="Not Found"),
                 make_warc.Page("http://h.org/png", b"\x89PNG", [("Content-Type", "image/png")])]
        make_warc.write_warc(self.dir / "r.warc.gz", pages)
        make_warc.write_wat(self.dir / "r.wat.gz", pages)
        want = [("http://h.org/ai", "noai"), ("http://h.org/tdm", "tdm_reserved"),
                ("http://h.org/meta", "noml"), ("http://h.org/none", "http_404"),
                ("http://h.org/png", "not_html")]
        self.assertEqual(self.archive(self.dir / "r.warc.gz"), ([], want))
        self.assertEqual(self.archive(self.dir / "r.wat.gz"), ([], want))
        make_warc.write_warc(self.dir / "br.warc.gz", pages[:1], coding="br")
        self.assertEqual(self.archive(self.dir / "br.warc.gz"),
                         ([], [("http://h.org/ai", "content_encoding")]))

    # ---- damage

    def test_damage_costs_its_record(self):
        records = list(make_warc.warc_records(self.pages[:5]))
        members = [gzip.compress(r, mtime=0) for r in records]
        bad = bytearray(members[5])  # the second response
        bad[len(bad) // 2] ^= 0x10
        offset = sum(map(len, members[:5]))
        (self.dir / "d.warc.gz").write_bytes(b"".join([*members[:5], bytes(bad), *members[6:]]))
        done = self.run_wit("crawl", "archive", self.dir / "d.warc.gz")
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"d.warc.gz:{offset}: ", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        make_warc.write_warc(self.dir / "rest.warc.gz", [self.pages[0], *self.pages[2:5]])
        want, _ = self.archive(self.dir / "rest.warc.gz")
        self.assertEqual(self.archive(self.dir / "d.warc.gz", code=3), (want, [("", "bad_record")]))

    def test_what_is_wrong_is_said(self):
        self.assertEqual(self.run_wit("crawl", "archive").returncode, 2)
        self.assertEqual(self.run_wit("crawl", "archive", "--speed", "x").returncode, 2)
        done = self.run_wit("crawl", "archive", self.dir / "absent.warc")
        self.assertEqual(done.returncode, 1)
        self.assertIn("absent.warc", done.stderr)


if __name__ == "__main__":
    manual.need(training=False)
    unittest.main(verbosity=2)
