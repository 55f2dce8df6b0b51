"""How a crawl fares with its size: memory, CPU, lateness and politeness on a synthetic web.

    python3 tests/bench/bench_scale.py [--domains 2000] [--pages 16] [--delay-ms 1000] [--build build]
                                       [--reactors 1] [--in-flight 1024] [--minutes 60]
                                       [--max-pages 0] [--dir /tmp]

A JSON line every 10 s: requests that the server answered, those of them for a robots.txt, seconds,
resident MiB of the crawler, its CPU seconds, MiB of its directory. At the end one line with the sums: CPU seconds for 1,000 URLs and
pages, MiB at each million URLs, how late domains got their turns, breaches of politeness, and
whether it came to what the web itself computes. A crawl longer than --minutes is interrupted;
such a one, and one that --max-pages ends, does not come to the whole. The load that domains offer is
their number through the delay: --max-pages ends it while all of them have something to ask for.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from bench_common import commit, machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE_S = 10


def options():
    p = argparse.ArgumentParser()
    for name, default in (("domains", 2000), ("pages", 16), ("delay-ms", 1000), ("reactors", 1),
                          ("in-flight", 1024), ("minutes", 60), ("max-pages", 0), ("seed", 1)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--build", default="build")
    p.add_argument("--dir", default=None)
    return p.parse_args()


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def anonymous_mib(pid):
    """Without pages of mapped files, which the system takes back when it needs them."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tree_mib(folder):
    return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file()) / 2**20


def sample(web, crawl, data, start):
    ledger = web.ask("/summary")
    return {"s": round(time.monotonic() - start, 1), "urls": ledger["requests"],
            "robots": ledger["robots"],
            "rss_mib": round(resident_mib(crawl.pid), 1),
            "anonymous_mib": round(anonymous_mib(crawl.pid), 1),
            "cpu_s": cpu_s(crawl.pid), "disk_mib": round(tree_mib(data), 1)}


def main():
    o = options()
    build = pathlib.Path(o.build).resolve()
    os.environ.update(WIT=str(build / "tools/wit"),
                      SYNTHWEB=str(build / "tests/synthweb/synthweb"))
    sys.path.insert(0, str(ROOT / "tests/synthweb"))
    import test_synthweb as synth
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wit-scale-", dir=o.dir))
    data = folder / "data"
    data.mkdir()
    samples = []
    try:
        with synth.Web(folder, domains=o.domains, pages=o.pages, delay_ms=o.delay_ms,
                       seed=o.seed) as web:
            print(json.dumps({"bench": "crawl.scale", "commit": commit(), **machine(), **vars(o),
                              "expected_urls": web.expected["urls"]}), flush=True)
            with open(folder / "stderr", "w") as err:
                start = time.monotonic()
                crawl = subprocess.Popen(
                    synth.crawl_command(web, data, o.delay_ms, f"--reactors={o.reactors}",
                                        f"--max-in-flight={o.in_flight}",
                                        f"--max-pages={o.max_pages}"),
                    stdout=subprocess.PIPE, stderr=err, text=True)
                while True:
                    try:
                        out, _ = crawl.communicate(timeout=SAMPLE_S)
                        break
                    except subprocess.TimeoutExpired:
                        samples.append(sample(web, crawl, data, start))
                        print(json.dumps(samples[-1]), flush=True)
                        if time.monotonic() - start > 60 * o.minutes:
                            crawl.send_signal(signal.SIGINT)
                seconds = time.monotonic() - start
            ledger, server_s = web.ask("/summary"), web.cpu_s()
            finish(web, crawl, json.loads(out) if out else None, seconds, samples, ledger, server_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def finish(web, crawl, report, seconds, samples, ledger, server_s):
    import test_synthweb as synth
    want, last = web.expected, samples[-1] if samples else {"cpu_s": 0.0, "urls": 0}
    millions = {}
    for s in samples:
        millions.setdefault(s["urls"] // 1000000, s["anonymous_mib"])
    result = {"exit": crawl.returncode, "s": round(seconds, 1), "urls": ledger["requests"],
              "urls_per_s": round(ledger["requests"] / seconds), "robots": ledger["robots"],
              "cpu_s_per_1000_urls": round(1000 * last["cpu_s"] / max(1, last["urls"]), 3),
              "server_cpu_s": server_s,
              "anonymous_mib_by_million_urls": millions,
              "most_anonymous_mib": max((s["anonymous_mib"] for s in samples), default=0),
              "least_margin_ms": ledger["least_margin_ms"],
              "breaches": sum(ledger["breaches"].values()), "repeated": ledger["repeated"],
              "missing": ledger["missing"], "unexpected": ledger["unexpected"]}
    if report:
        result |= {k: report[k] for k in ("pages", "images", "late_p50_ms", "late_p99_ms",
                                          "late_most_ms")}
        result["cpu_s_per_1000_pages"] = round(1000 * last["cpu_s"] / max(1, report["pages"]), 3)
        got, wanted = synth.by_reason(report["refused"]), synth.by_reason(want["refused"])
        result["other_counts"] = {" ".join(k): (wanted.get(k, 0), got.get(k, 0))
                                  for k in sorted(got.keys() | wanted.keys())
                                  if got.get(k) != wanted.get(k)}
        result["exact"] = (
            got == wanted and
            (report["pages"], report["images"], report["pairs_found"], report["pages_left"]) ==
            (want["pages"], want["images"], want["pairs"], 0))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
