"""Looking at a crawl from outside: status, pause, resume, metrics, outcomes, and asking again. The
GIMP manual from nginx on loopback; Python's standard library only."""

import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import manual  # noqa: E402


class CrawlLookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="wit-look-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        server = manual.Manual(cls.dir / "server")
        cls.port = server.__enter__()
        cls.addClassCleanup(server.__exit__)
        (cls.dir / "seeds").write_text(f"http://127.0.0.1:{cls.port}/en/index.html\n")

    def wit(self, *args):
        return subprocess.run([str(manual.WIT), *map(str, args)], capture_output=True, text=True,
                              timeout=300, stdin=subprocess.DEVNULL)

    def command(self, out, *args, delay_ms=0):
        return [str(manual.WIT), "crawl", "--seeds", str(self.dir / "seeds"), "--out",
                str(self.dir / out), "--allow-net", "127.0.0.0/8", "--contact",
                "https://example.org/wit-test", "--host", f"127.0.0.1:{delay_ms}:16",
                "--host", "127.0.0.2:0:16", "--json", *map(str, args)]

    def status(self, out):
        done = self.wit("crawl", "status", self.dir / out, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def wait_for(self, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return
            time.sleep(0.05)
        self.fail("waited in vain")

    def test_a_running_crawl_can_be_looked_at_held_and_killed(self):
        port = manual.free_port()
        crawl = subprocess.Popen(
            self.command("slow", "--metrics", f"127.0.0.1:{port}", delay_ms=10),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: crawl.poll() is None and crawl.kill())
        self.wait_for(lambda: (self.status("slow") or {}).get("pages", 0) > 0)
        self.assertEqual(self.status("slow")["state"], "running")
        self.assertEqual(self.status("slow")["pid"], crawl.pid)

        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            numbers = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines()
                           if not line.startswith("#"))
        self.assertGreater(int(numbers["wit_crawl_pages"]), 0)
        self.assertIn(int(numbers["wit_crawl_hosts"]), (1, 2))  # one of pages, one of images

        self.assertEqual(self.wit("crawl", "pause", self.dir / "slow").returncode, 0)
        self.wait_for(lambda: self.status("slow")["state"] == "paused")
        time.sleep(1)
        held = self.status("slow")
        time.sleep(1)
        self.assertEqual(self.status("slow")["images"], held["images"])
        self.assertGreater(held["pages_queued"] + held["in_flight"], 0)
        text = self.wit("crawl", "status", self.dir / "slow").stdout
        self.assertIn("paused", text)
        self.assertIn("queued", text)
        beside = self.wit("crawl", "outcomes", self.dir / "slow", "--format", "jsonl")
        self.assertEqual(beside.returncode, 0, beside.stderr)
        rows = [json.loads(line) for line in beside.stdout.splitlines()]
        self.assertGreaterEqual(len({r["url"] for r in rows if r["status"] == "success"}),
                                held["images"])

        self.assertEqual(self.wit("crawl", "resume", self.dir / "slow").returncode, 0)
        self.wait_for(lambda: self.status("slow")["images"] > held["images"])
        crawl.kill()
        crawl.wait()
        self.assertEqual(self.status("slow")["state"], "killed")

        done = subprocess.run(self.command("slow"), capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(self.status("slow")["state"], "done")
        runs = [json.loads(line) for line in
                (self.dir / "slow" / "crawl" / "runs.jsonl").read_text().splitlines()]
        self.assertEqual([run["state"] for run in runs], ["killed", "done"])
        self.assertEqual(runs[1]["images"], report["images"])
        self.outcomes(report)

    def outcomes(self, report):
        """Both formats say the same of every candidate, and add up to the report."""
        folder = self.dir / "slow"
        rows = list(csv.DictReader(self.wit("crawl", "outcomes", folder).stdout.splitlines(),
                                   delimiter="\t"))
        objects = [json.loads(line) for line in
                   self.wit("crawl", "outcomes", folder, "--format", "jsonl").stdout.splitlines()]
        self.assertLessEqual(len(rows), report["candidates"])  # a kill may log some twice
        self.assertEqual(len({tuple(r.values()) for r in rows}), len(rows))
        self.assertEqual([r["url"] for r in rows], [o["url"] for o in objects])
        self.assertEqual([r["status"] for r in rows], [o["status"] for o in objects])
        stored = {r["url"]: r for r in rows if r["status"] == "success"}
        failed = {r["url"]: r for r in rows if r["status"].startswith("failed")}
        self.assertEqual(len(stored), report["images"])
        self.assertEqual(len(failed), report["images_refused"])
        self.assertTrue(all(len(r["key"]) == 32 and int(r["width"]) > 0 for r in stored.values()))
        self.assertTrue(all(r["error_message"] and not r["key"] for r in failed.values()))
        self.assertFalse([r for r in rows if r["status"] == "pending"])

    def test_an_interrupted_crawl_reports(self):
        for name in (signal.SIGINT, signal.SIGTERM):
            out = f"interrupted-{int(name)}"
            crawl = subprocess.Popen(self.command(out, delay_ms=100), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(lambda: crawl.poll() is None and crawl.kill())
            self.wait_for(lambda: (self.status(out) or {}).get("pages", 0) > 0)
            crawl.send_signal(name)
            stdout, stderr = crawl.communicate(timeout=60)
            self.assertEqual(crawl.returncode, 130, stderr)
            self.assertIn("the same command goes on", stderr)
            report = json.loads(stdout)
            self.assertIs(report["interrupted"], True)
            self.assertGreater(report["pages"], 0)
            self.assertGreater(report["pages_left"], 0)
            status = self.status(out)
            self.assertEqual(status["state"], "interrupted")
            self.assertEqual((status["pages"], status["images"]),
                             (report["pages"], report["images"]))
        done = subprocess.run(self.command(out), capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIs(json.loads(done.stdout)["interrupted"], False)

    def test_what_failed_is_asked_for_again(self):
        """The server is away for the first run: nothing but the seed's refusal remains of it."""
        gone = self.dir / "gone-seeds"
        port = manual.free_port()
        gone.write_text(f"http://127.0.0.1:{port}/index.html\n")
        args = ["crawl", "--seeds", gone, "--out", self.dir / "gone", "--allow-net", "127.0.0.0/8",
                "--host", "127.0.0.1:0:1", "--retries", "0", "--json"]
        first = self.wit(*args)
        self.assertEqual(first.returncode, 3)
        self.assertEqual(json.loads(first.stdout)["refused"],
                         [{"subject": "page", "reason": "connect_refused", "count": 1}])
        gone.write_text(f"http://127.0.0.1:{self.port}/nothing-there\n")
        again = self.wit(*args, "--retry-failed")
        self.assertEqual({(r["reason"], r["count"]) for r in json.loads(again.stdout)["refused"]},
                         {("connect_refused", 1), ("http_404", 1)})
        lines = (self.dir / "gone" / "crawl" / "refused.jsonl").read_text().splitlines()
        self.assertEqual(len([line for line in lines if "connect_refused" in line]), 2)

    def test_where_there_is_no_crawl(self):
        for verb in ["status", "pause", "resume", "outcomes"]:
            done = self.wit("crawl", verb, self.dir / "nowhere")
            self.assertEqual(done.returncode, 1, verb)
            self.assertIn("nowhere", done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertEqual(self.wit("crawl", verb).returncode, 2)
        for verb, *option in [["outcomes", "--json"], ["pause", "--json"], ["resume", "--format=tsv"],
                              ["status", "--format=jsonl"]]:
            self.assertEqual(self.wit("crawl", verb, self.dir, *option).returncode, 2, verb)
        self.assertEqual(self.wit("crawl", "outcomes", self.dir, "--format", "x").returncode, 2)
        done = subprocess.run(self.command("m", "--metrics", "somewhere"), capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("is not an address with a port", done.stderr)


if __name__ == "__main__":
    manual.need()
    unittest.main(verbosity=2)
