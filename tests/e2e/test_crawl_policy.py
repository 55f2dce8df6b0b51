"""What a site says, and what a user does about it on the command line: --obey-agents, --ignore,
--max-rests, --max-rate. A scripted server on loopback; Python's standard library only."""

import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

WIT = os.environ["WIT"]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082")
ROBOTS = """User-agent: *
Disallow: /closed
Content-Usage: /reserved train-ai=n

User-agent: GPTBot
Disallow: /gpt
"""
TDMREP = '[{"location": "/tdm", "tdm-reservation": 1}]'
PAGE = "<meta name=robots content=noarchive><a rel=license href='https://example.org/by'>by</a>"
PAGE += "".join(f"<img src='/{name}.png' alt='the {name} image'>"
               for name in ("open", "closed", "reserved", "gpt", "tdm", "noai"))


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((time.monotonic(), self.path, self.headers["User-Agent"]))
        answers = {"/robots.txt": ROBOTS, "/.well-known/tdmrep.json": TDMREP, "/start": PAGE}
        status, body = 200, answers.get(self.path, "").encode()
        if self.path.endswith(".png"):
            body = PNG + self.path.encode()
        if self.server.angry and self.path not in answers:
            status, body = 429, b"no"
        self.send_response(status)
        if self.path == "/start":
            self.send_header("Content-Type", "text/html")
            self.send_header("TDM-Policy", "https://example.org/tdm")
        if self.path == "/noai.png":
            self.send_header("X-Robots-Tag", "noai")
        if status == 429:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class CrawlPolicyTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="wit-policy-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        self.server.asked, self.server.angry = [], False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        (self.dir / "seeds").write_text(f"http://127.0.0.1:{self.server.server_port}/start\n")

    def crawl(self, *args, own=True):
        command = [WIT, "crawl", "--seeds", self.dir / "seeds", "--out", self.dir / "out",
                   "--allow-net", "127.0.0.0/8", "--contact", "https://example.org/bot",
                   "--user-agent", "policybot", "--json", *args]
        if own:
            command += ["--host", "127.0.0.1:0:4"]
        done = subprocess.run([str(a) for a in command], capture_output=True, text=True,
                              timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        report["by_reason"] = {r["reason"]: r["count"] for r in report["refused"]}
        return report

    def test_everything_is_obeyed_by_default(self):
        r = self.crawl()
        self.assertEqual(r["images"], 2)
        self.assertEqual(r["by_reason"], {"robots_denied": 1, "content_usage": 1,
                                          "tdm_reserved": 1, "noai": 1})
        self.assertEqual(r["ignored"], [])
        self.assertEqual(r["robots_txt"], {"read": 1, "absent": 0, "unreachable": 0})
        self.assertEqual(r["tdmrep_json"], {"read": 1, "absent": 0, "unreachable": 0})
        asked = [path for _, path, _ in self.server.asked]
        self.assertEqual(asked[:3], ["/robots.txt", "/.well-known/tdmrep.json", "/start"])
        self.assertFalse({"/closed.png", "/reserved.png"} & set(asked))
        for _, _, agent in self.server.asked:
            self.assertRegex(agent, r"^policybot/\S+ \(\+https://example\.org/bot\)$")

    def wit(self, *args):
        done = subprocess.run([WIT, *map(str, args)], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_what_a_page_said_stays_with_its_images(self):
        said = ("tdm-policy: https://example.org/tdm\nmeta.robots: noarchive\n"
                "page.license: https://example.org/by\n")
        self.crawl()
        out = self.dir / "out"
        self.wit("shards", "seal", out)
        self.wit("shards", "verify", out)
        for index in "01":
            shown = json.loads(self.wit("shards", "show", out, "--index", index, "--json"))
            seen = shown["origin"][0]["seen"]
            self.assertEqual([entry["rights"] for entry in seen], [said])
        self.wit("shards", "export", out, "--to", "files", "--out",
                 self.dir / "files")
        facts = [json.loads(p.read_text()) for p in (self.dir / "files").rglob("*.json")]
        exported = [entry["rights"] for f in facts if "origin" in f
                    for origin in f["origin"] for entry in origin["seen"]]
        self.assertEqual(exported, [said, said])

    def test_others_can_be_obeyed_and_signals_ignored(self):
        r = self.crawl("--obey-agents", "ai", "--ignore", "tdm,aipref", "--ignore", "x-robots-tag")
        self.assertEqual(r["images"], 4)
        self.assertEqual(r["by_reason"], {"robots_denied": 1, "robots_other_agent": 1})
        self.assertEqual(r["ignored"], ["x-robots-tag", "tdm", "aipref"])
        self.assertNotIn("/.well-known/tdmrep.json", [path for _, path, _ in self.server.asked])
        self.assertEqual(self.crawl()["ignored"], r["ignored"])  # the directory remembers

    def test_an_angry_domain_is_given_up(self):
        self.server.angry = True
        r = self.crawl("--max-rests", "2", "--delay-ms", "0", "--ip-delay-ms", "0", own=False)
        self.assertEqual(r["images"], 0)
        self.assertGreaterEqual(r["by_reason"]["host_gave_up"], 1)
        images = [at for at, path, _ in self.server.asked if path.endswith(".png")]
        self.assertEqual(len(images), 3)
        for before, after in zip(images, images[1:]):
            self.assertGreaterEqual(after - before, 0.95)  # Retry-After

    def test_a_rate_bounds_everything(self):
        self.crawl("--max-rate", "10")
        times = [at for at, _, _ in self.server.asked]
        self.assertGreaterEqual(times[-1] - times[0], (len(times) - 1) / 10 - 0.25)

    def test_what_is_no_signal_or_agent_is_named(self):
        for option, value, words in (("--ignore", "noai", "there is no signal 'noai'"),
                                     ("--obey-agents", "a b", "'a b' is not a product token")):
            done = subprocess.run([WIT, "crawl", "--seeds", str(self.dir / "seeds"), "--out",
                                   str(self.dir / "out"), option, value],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
