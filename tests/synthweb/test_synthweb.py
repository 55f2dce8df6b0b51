"""wit crawl on a synthetic web that is deterministic and misbehaves: 2,000 domains, some 100,000 URLs,
killed every few seconds. What it comes to must be what the web itself computes, and the web, which
notes each request, must not have seen an impolite one. Loopback only."""

import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(os.environ.get("WIT_SOURCE_ROOT") or pathlib.Path(__file__).parents[2]).resolve()
WIT = pathlib.Path(os.environ.get("WIT") or ROOT / "build/tools/wit").resolve()
SYNTHWEB = pathlib.Path(os.environ.get("SYNTHWEB") or ROOT / "build/tests/synthweb/synthweb").resolve()


class Web:
    """with Web(dir, ...) as web: a running synthweb; options as its own, without the dashes."""

    def __init__(self, folder, **options):
        self.seeds = folder / "seeds.txt"
        self.domains = options["domains"]
        args = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self.command = [str(SYNTHWEB), f"--seeds={self.seeds}", *args]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        info = json.loads(self.process.stdout.readline())
        self.port, self.dns, self.expected = info["port"], info["dns"], info["expected"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=60)

    def ask(self, path):
        """The ledger; /summary or /restart."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Host": "control.test"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


FAULTY_ONE_IN = 16  # synth_world.h


def crawl_command(web, out, delay_ms, *args):
    # Where answers fail the crawler would slow down for minutes, except at hosts that are our own.
    own = [f"--host=d{d}.test:{delay_ms}:1" for d in range(0, web.domains, FAULTY_ONE_IN)]
    return [str(WIT), "crawl", f"--seeds={web.seeds}", f"--out={out}", "--allow-net=127.0.0.0/8",
            f"--dns={web.dns}", f"--delay-ms={delay_ms}", "--retries=1", "--json",
            "--contact=https://example.org/wit-test", *own, *map(str, args)]


def by_reason(refused):
    return {(r["subject"], r["reason"]): r["count"] for r in refused}


class SynthWebTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="wit-synthweb-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def start(self, web, delay_ms, *args):
        return subprocess.Popen(crawl_command(web, self.dir / "data", delay_ms, *args),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    def compare(self, web, report):
        want = web.expected
        self.assertEqual(by_reason(report["refused"]), by_reason(want["refused"]))
        self.assertEqual((report["pages"], report["images"], report["pairs_found"],
                          report["pages_left"]),
                         (want["pages"], want["images"], want["pairs"], 0))

    def check_ledger(self, ledger, kills):
        print("ledger:", json.dumps(ledger), flush=True)
        self.assertEqual({k: n for k, n in ledger["breaches"].items() if n}, {})
        self.assertEqual((ledger["missing"], ledger["unexpected"]), (0, 0))
        self.assertLessEqual(ledger["repeated_most"], kills)
        if kills == 0:
            self.assertEqual(ledger["repeated"], 0)

    def test_whole_with_several_reactors(self):
        with Web(self.dir, domains=150, pages=16, delay_ms=50, slow_ms=100, seed=3) as web:
            p = self.start(web, 50, "--reactors", 3)
            out, _ = p.communicate(timeout=240)
            self.assertEqual(p.returncode, 0)
            self.compare(web, json.loads(out))
            self.check_ledger(web.ask("/summary"), 0)

    def run_killed(self, web, delay_ms, every_s, busy, *args):
        """Kill it for as long as it asks for `busy` URLs between two kills; when it only waits for
        what may heal, which a killed run forgets, let it end. Its report, and the kills."""
        kills = 0
        while True:
            before = web.ask("/summary")["requests"]
            p = self.start(web, delay_ms, *args)
            try:
                out, _ = p.communicate(timeout=every_s)
            except subprocess.TimeoutExpired:
                if web.ask("/summary")["requests"] - before < busy:
                    out, _ = p.communicate(timeout=400)
            if p.poll() is not None:
                self.assertEqual(p.returncode, 0)
                return json.loads(out), kills
            p.kill()
            p.communicate()
            kills += 1
            web.ask("/restart")

    def test_the_delay_outlives_a_kill(self):
        with Web(self.dir, domains=60, pages=16, delay_ms=1000) as web:
            for _ in range(3):
                p = self.start(web, 1000)
                time.sleep(3)
                p.kill()
                p.communicate()
                web.ask("/restart")
            ledger = web.ask("/summary")
            self.assertGreater(ledger["requests"], 200)
            self.assertEqual({k: n for k, n in ledger["breaches"].items() if n}, {})

    def test_who_is_held_up_stays_polite(self):
        # As on a machine that is busy: now the crawler, now the server waits for the processor.
        draw = random.Random(11)
        with Web(self.dir, domains=200, pages=40, delay_ms=100, seed=5) as web:
            p = self.start(web, 100)
            end = time.monotonic() + 8
            while time.monotonic() < end and p.poll() is None:
                held = draw.choice([p, p, web.process])
                held.send_signal(signal.SIGSTOP)
                time.sleep(draw.uniform(0.001, 0.08))
                held.send_signal(signal.SIGCONT)
                time.sleep(draw.choice([0.0005, 0.002, 0.02]))
            p.kill()
            p.communicate()
            ledger = web.ask("/summary")
            print("ledger:", json.dumps(ledger), flush=True)
            self.assertGreater(ledger["requests"], 1000)
            self.assertEqual({k: n for k, n in ledger["breaches"].items() if n}, {})

    def test_killed_every_five_seconds(self):
        delay_ms = 150
        with Web(self.dir, domains=2000, pages=21, delay_ms=delay_ms, slow_ms=200,
                 seed=7) as web:
            start = time.monotonic()
            report, kills = self.run_killed(web, delay_ms, 5, 1500)
            seconds = time.monotonic() - start
            ledger = web.ask("/summary")
            print(f"{web.expected['urls']} URLs, {kills} kills, {seconds:.1f} s, "
                  f"server {web.cpu_s():.1f} CPU s", flush=True)
            self.compare(web, report)
            self.assertGreaterEqual(kills, 3)
            self.assertGreater(web.expected["urls"], 100000)
            self.check_ledger(ledger, kills)


if __name__ == "__main__":
    unittest.main(verbosity=2)
