"""What the commands say of inputs and settings that are not right, and with which status they end.
Image URLs on a loopback server of Python's standard library."""

import csv
import gzip
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

WIT = os.environ["WIT"]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082")


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        image = self.path.startswith("/i/")
        page = self.path == "/page"
        body = PNG + self.path.encode() if image else b"<img src=/i/p alt=words>" if page else b""
        if self.path == "/later":
            page, body = True, b"nothing"
        self.server.asked.append(self.path)
        if self.path in self.server.busy:
            body = b""
        self.send_response(500 if self.path in self.server.busy else 200 if body else 404)
        if page:
            self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class InputsTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="wit-inputs-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        self.server.asked, self.server.busy = [], set()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.at = f"http://127.0.0.1:{self.server.server_port}"

    def wit(self, *args, **more):
        return subprocess.run([WIT, *map(str, args)], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, **more)

    def crawl(self, *args, code=0, out="out", **more):
        done = self.wit("crawl", "--out", self.dir / out, "--allow-net", "127.0.0.0/8", "--host",
                        "127.0.0.1:0:4", "--contact", "https://example.org/bot", "--json", *args,
                        **more)
        self.assertEqual(done.returncode, code, done.stderr)
        done.report = json.loads(done.stdout) if done.stdout else None
        return done

    def urls(self, first, last):
        return "".join(f"{self.at}/i/{n}\n" for n in range(first, last)).encode()

    # ---- what can't be read

    def test_a_list_that_breaks_off_is_tried_again(self):
        whole = gzip.compress(self.urls(0, 400))
        broken, good = self.dir / "broken.txt.gz", self.dir / "good.txt"
        broken.write_bytes(whole[:len(whole) // 2])
        good.write_bytes(self.urls(5000, 5003))
        lists = ["--list", broken, "--list", good]
        first = self.crawl(*lists, code=3)
        self.assertIn("broken.txt.gz is left out, or what is left of it", first.stderr)
        again = self.crawl(*lists, code=3)  # it is still not done
        self.assertIn("broken.txt.gz is left out, or what is left of it", again.stderr)
        self.assertEqual(again.report["rows"], first.report["rows"])
        self.assertEqual(again.report["candidates"], first.report["candidates"])
        broken.write_bytes(whole)
        self.assertEqual(self.crawl(*lists).report["images"], 403)

    def test_what_is_missing_is_left_out_and_what_is_left_counts(self):
        """One rule for seeds, lists and archives: 3, and 1 where nothing could be read."""
        (self.dir / "seeds.txt").write_text(f"{self.at}/page\n")
        (self.dir / "list.txt").write_bytes(self.urls(0, 2))
        (self.dir / "p.warc").write_bytes(
            b"WARC/1.0\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:x:1>\r\n"
            b"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: text/html\r\n"
            b"WARC-Target-URI: http://h.test/\r\nContent-Length: 6\r\n\r\nnothing\r\n\r\n"
            .replace(b"nothing", b"<p>ok<"))
        for option, there in (("--seeds", "seeds.txt"), ("--list", "list.txt"),
                              ("--warc", "p.warc")):
            absent = self.dir / f"absent-{there}"
            done = self.crawl(option, absent, code=1, out=f"none{option}")
            self.assertRegex(done.stderr, rf"absent-{there}'? is left out")
            self.assertIsNone(done.report)
            done = self.crawl(option, absent, option, self.dir / there, code=3, out=option[2:])
            self.assertRegex(done.stderr, rf"absent-{there}'? is left out")
            self.assertEqual(done.report["rows"] + done.report["pages"],
                             {"--seeds": 1, "--list": 2, "--warc": 1}[option])
        both = self.wit("crawl", "archive", self.dir / "absent", self.dir / "p.warc")
        self.assertEqual(both.returncode, 3)
        self.assertEqual(self.wit("crawl", "archive", self.dir / "absent").returncode, 1)

    def test_a_build_of_nothing_is_no_dataset(self):
        (self.dir / "empty.txt").write_text("# nothing\n")
        (self.dir / "gone.txt").write_text(f"{self.at}/none\n")
        for name, code in (("empty.txt", 1), ("gone.txt", 1), ("absent.txt", 1)):
            job = self.dir / "job.yaml"
            job.write_text(f"crawl: {{list: {{files: [{name}]}}, allow_net: [127.0.0.0/8], "
                           f"delay_ms: 0, contact: x}}\n")
            done = self.wit("build", job, "--out", self.dir / name[:-4])
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn("none of the lists" if name == "absent.txt" else "nothing to seal",
                          done.stderr)
            self.assertFalse((self.dir / name[:-4] / "dataset.json").exists())

    # ---- the side table

    def test_outcomes_survive_their_cells_and_stand_once(self):
        captions = ["a\ttab", "two\nlines", "crlf\r\nin it", '"quoted" first', 'a "quote" inside',
                    "plain", "\rcr"]
        rows = [{"url": f"{self.at}/i/{i}", "caption": c, "id": c} for i, c in enumerate(captions)]
        jsonl = self.dir / "l.jsonl"
        jsonl.write_text("".join(json.dumps(r) + "\n" for r in rows))
        options = ["--list", jsonl, "--caption-col", "caption", "--keep-cols", "id"]
        self.crawl(*options)
        jsonl.write_text(jsonl.read_text() + json.dumps({"url": f"{self.at}/i/0", "caption": "new",
                                                         "id": "n"}) + "\n")
        self.assertEqual(self.crawl(*options).report["candidates"], 2 * len(rows) + 1)
        table = self.dir / "outcomes.tsv"
        with open(table, "wb") as f:
            subprocess.run([WIT, "crawl", "outcomes", str(self.dir / "out")], stdout=f, check=True,
                           timeout=60)
        with open(table, newline="") as f:
            read = list(csv.DictReader(f, delimiter="\t"))
        self.assertEqual([r["caption"] for r in read], captions + ["new"])
        self.assertEqual([json.loads(r["extra"])["id"] for r in read], captions + ["n"])
        try:
            import pandas
        except ImportError:
            pandas = None
        if pandas:
            frame = pandas.read_csv(table, sep="\t", keep_default_na=False)
            self.assertEqual(list(frame["caption"]), captions + ["new"])
        self.crawl("--list", table, "--caption-col", "caption", out="again")  # and wit itself
        again = self.wit("crawl", "outcomes", self.dir / "again", "--format", "jsonl").stdout
        self.assertEqual([json.loads(line)["caption"] for line in again.splitlines()],
                         captions + ["new"])

    # ---- what is refused

    def refused(self):
        done = self.wit("crawl", "refused", self.dir / "out")
        self.assertEqual(done.returncode, 0, done.stderr)
        return sorted((r["subject"], r["url"].replace(self.at, ""), r["reason"])
                      for r in map(json.loads, done.stdout.splitlines()))

    def test_what_healed_is_refused_no_more(self):
        (self.dir / "seeds").write_text(f"{self.at}/page\n{self.at}/later\n{self.at}/never\n")
        (self.dir / "l.txt").write_text(f"{self.at}/i/1\n{self.at}/none\nx\n{self.at}/i/2\n")
        args = ["--seeds", self.dir / "seeds", "--list", self.dir / "l.txt", "--retries", "0"]
        self.assertEqual(self.wit("crawl", "refused", self.dir / "out").returncode, 1)
        self.server.busy = {"/later", "/i/1", "/i/p"}
        self.crawl(*args)
        row = ("row", f"{self.dir}/l.txt:3", "bad_url")
        never, none = ("page", "/never", "http_404"), ("image", "/none", "http_404")
        busy = [("image", "/i/1", "http_500"), ("image", "/i/p", "http_500"),
                ("page", "/later", "http_500")]
        self.assertEqual(self.refused(), sorted([*busy, never, none, row]))
        self.server.busy = {"/i/1"}
        self.crawl(*args, "--retry-failed")
        self.assertEqual(self.refused(), sorted([busy[0], never, none, row]))
        self.server.busy = set()
        self.crawl(*args, "--retry-failed=http_500")
        self.assertEqual(self.refused(), sorted([never, none, row]))
        lines = (self.dir / "out" / "crawl" / "refused.jsonl").read_text()
        self.assertEqual(lines.count(f"{self.at}/i/1"), 4)

    # ---- what may be deleted

    def test_a_dataset_needs_nothing_beside_its_shards(self):
        (self.dir / "l.txt").write_bytes(self.urls(0, 5))
        out = self.dir / "out"
        self.crawl("--list", self.dir / "l.txt")
        self.assertEqual(self.wit("shards", "seal", out).returncode, 0)
        shutil.rmtree(out / "collect")
        done = self.crawl("--list", self.dir / "l.txt", code=1)
        self.assertIn("frontier.lmdb", done.stderr)
        shutil.rmtree(out / "collect")  # made by that try
        shutil.rmtree(out / "crawl")
        self.assertEqual(self.wit("shards", "verify", out).returncode, 0)
        self.assertEqual(self.wit("shards", "export", out, "--to", "files", "--out",
                                  self.dir / "files").returncode, 0)
        self.assertEqual(self.wit("shards", "seal", out).returncode, 1)
        self.assertEqual(self.wit("shards", "verify", out).returncode, 0)
        (self.dir / "l.txt").write_bytes(self.urls(5, 7))  # another collection: it does not replace
        self.crawl("--list", self.dir / "l.txt")
        sealed = self.wit("shards", "seal", out)
        self.assertEqual(sealed.returncode, 1)
        self.assertIn("was not made from", sealed.stderr)
        self.assertEqual(json.loads((out / "dataset.json").read_text())["samples"], 5)

    # ---- a full disk

    def test_a_disk_that_cuts_a_write_short_is_full(self):
        """LMDB calls a short write an I/O error."""
        preload = os.environ.get("WIT_FULL_DISK")
        if not preload:
            self.skipTest("WIT_FULL_DISK names no library to preload")
        (self.dir / "l.txt").write_bytes(self.urls(0, 200))
        self.crawl("--list", self.dir / "l.txt")
        ends = set()
        for kib in range(1, 100, 7):
            env = dict(os.environ, LD_PRELOAD=preload, WIT_DISK_BYTES=str(1024 * kib + 100),
                       WIT_DISK_SHORT="1")
            done = self.wit("shards", "seal", self.dir / "out", env=env)
            ends.add(done.returncode)
            if done.returncode:
                self.assertEqual(done.returncode, 1)
                self.assertIn("No space left on device", done.stderr)
                self.assertEqual([p.name for p in (self.dir / "out").rglob("*.probe")], [])
            shutil.rmtree(self.dir / "out" / "shards", ignore_errors=True)
            (self.dir / "out" / "dataset.json").unlink(missing_ok=True)
        self.assertIn(1, ends)
        self.wit("shards", "seal", self.dir / "out")
        self.assertEqual(self.wit("shards", "verify", self.dir / "out").returncode, 0)

    def test_a_crawl_whose_disk_cuts_a_write_short(self):
        preload = os.environ.get("WIT_FULL_DISK")
        if not preload:
            self.skipTest("WIT_FULL_DISK names no library to preload")
        (self.dir / "l.txt").write_bytes(self.urls(0, 50))
        out = self.dir / "short"
        ends = []
        for kib in (5, 21, 37, 53, 90, 150, 220):
            env = dict(os.environ, LD_PRELOAD=preload, WIT_DISK_BYTES=str(1024 * kib + 100),
                       WIT_DISK_SHORT="1")
            done = self.wit("crawl", "--list", self.dir / "l.txt", "--out", out, "--allow-net",
                            "127.0.0.0/8", "--host", "127.0.0.1:0:16", "--contact", "x", env=env)
            ends.append(done.returncode)
            if done.returncode:
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("No space left on device", done.stderr)
                self.assertEqual([p.name for p in out.rglob("*.probe")], [])
            shutil.rmtree(out, ignore_errors=True)
        self.assertGreaterEqual(ends.count(1), 3)

    # ---- jobs

    def test_a_job_has_what_the_options_have(self):
        (self.dir / "l.txt").write_bytes(self.urls(0, 1) + f"{self.at}/none\n".encode())
        job = self.dir / "job.yaml"
        text = ("crawl:\n  list: {files: [l.txt]}\n  allow_net: [127.0.0.0/8]\n  delay_ms: 0\n"
                "  contact: x\n")
        job.write_text(text)
        build = ["build", job, "--out", self.dir / "built", "--json", "--stop-after", "crawl"]
        self.assertEqual(self.wit(*build).returncode, 0)
        self.assertEqual(self.wit(*build).returncode, 0)
        self.assertEqual(self.server.asked.count("/none"), 1)
        job.write_text(text + "  retry_failed: http_404\n")
        self.assertEqual(self.wit(*build).returncode, 0)
        self.assertEqual(self.server.asked.count("/none"), 2)
        for line, words in (("retry_failed: soon", "'soon'"), ("dns: nowhere", "nowhere"),
                            ("metrics: nowhere", "nowhere"), ("delays: 3", "line 6: key "
                                                              "'crawl.delays': there is no such")):
            job.write_text(text + f"  {line}\n")
            done = self.wit(*build)
            self.assertEqual(done.returncode, 2, f"{line}: {done.stderr}")
            self.assertIn(words, done.stderr)

    # ---- settings

    def test_images_that_were_stored_otherwise_are_spoken_of(self):
        urls = self.dir / "l.txt"
        urls.write_bytes(self.urls(0, 3))
        self.assertNotIn("stored otherwise", self.crawl("--list", urls).stderr)
        self.assertNotIn("stored otherwise", self.crawl("--list", urls).stderr)
        resize = ["--resize", "64", "--resize-mode", "keep_ratio", "--resize-only-if-bigger"]
        said = self.crawl("--list", urls, *resize).stderr  # nothing new: nothing is stored so
        self.assertIn("stored otherwise (as fetched); they stay so", said)
        self.assertIn("at most 64 px (keep_ratio), jpeg of quality 95", said)
        self.assertNotIn("at most", self.crawl("--list", urls).stderr)
        urls.write_bytes(self.urls(0, 4))
        done = self.crawl("--list", urls, *resize)
        self.assertEqual((done.report["images"], len(set(self.server.asked))), (4, 6))
        said = self.crawl("--list", urls).stderr
        self.assertIn("stored otherwise (at most 64 px (keep_ratio), jpeg of quality 95)", said)
        self.assertEqual((self.dir / "out" / "crawl" / "stored").read_text(),
                         "as fetched\nat most 64 px (keep_ratio), jpeg of quality 95\n")

    def test_what_is_no_reason_to_retry_is_named(self):
        (self.dir / "l.txt").write_bytes(self.urls(0, 1))
        done = self.crawl("--list", self.dir / "l.txt", "--retry-failed=timeout,bogus", code=2)
        self.assertIn("'bogus'", done.stderr)
        self.assertFalse((self.dir / "out").exists())
        for option, value in (("--user-agent", "a b"), ("--contact", "a\nb"),
                              ("--scope", "nothing")):
            self.crawl("--list", self.dir / "l.txt", option, value,
                       code=2)


if __name__ == "__main__":
    unittest.main()
