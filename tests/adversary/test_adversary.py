"""One `wit crawl` of a few hundred hostile sites at once (cases.py): each ends as its row says and
within its deadline, no forbidden address is touched, and memory stays below its ceiling.

    test_adversary.py [--no-memory] [--slow FACTOR] [NAME...]

--no-memory leaves the ceiling out, which no sanitizer keeps; --slow stretches deadlines. With names
only those cases are run."""

import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import server  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIT = os.environ.get("WIT") or str(ROOT / "build" / "tools" / "wit")
MEMORY_MOST_MB = 300
RUN_MOST_S, ENDING_S = 100, 20


def crawl(adversary, folder, rows, slow):
    """Exit code, report, peak of resident memory in MB, seconds."""
    port = adversary.port
    # A seed at a forbidden address puts it in scope, so that redirects to it are judged by address.
    seeds = [f"http://127.0.0.2:{port}/"] + [row.seed(port) for row in rows]
    (folder / "seeds.txt").write_text("\n".join(seeds) + "\n")
    command = [WIT, "crawl", "--seeds", str(folder / "seeds.txt"), "--out", str(folder / "data"),
               "--allow-net", "127.0.0.1/32", "--dns", f"127.0.0.1:{adversary.dns}",
               "--delay-ms", "0", "--retries", "0", "--max-in-flight", "100",
               "--max-pages-per-domain", str(cases.PAGES_MOST),
               "--max-barren-pages", str(cases.BARREN_MOST),
               "--contact", "https://example.org/wit-test", "--json"]
    start = time.monotonic()
    with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
        # meson sets this to fill what malloc gives, which makes memory resident that nobody wrote to.
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)
        memory_mb = wait(p, start + RUN_MOST_S * slow)
    seconds = time.monotonic() - start
    text = (folder / "out").read_text()
    return p.returncode, json.loads(text) if text else None, memory_mb, seconds


def wait(p, until):
    """Reap it, interrupted and then killed where it has not ended by then; its peak in MB. That is
    read while it runs: ru_maxrss would count what this process held when it forked."""
    endings, peak_mb = [signal.SIGINT, signal.SIGKILL], 0
    while p.poll() is None:
        peak_mb = max(peak_mb, memory(p.pid))
        if endings and time.monotonic() > until:
            p.send_signal(endings.pop(0))
            until += ENDING_S
        time.sleep(0.02)
    return peak_mb


def memory(pid):
    """High water of resident memory in MB."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return max((int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM:")),
                       default=0)
    except OSError:
        return 0


def refusals(folder):
    lines = (folder / "data" / "crawl" / "refused.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return {r["url"]: r["reason"] for r in rows if r["subject"] != "domain"}


def captions(folder):
    """The words of each image that was kept, after sealing."""
    subprocess.run([WIT, "shards", "seal", str(folder / "data")], check=True, timeout=120,
                   stdout=subprocess.DEVNULL)
    done = subprocess.run([WIT, "shards", "ls", str(folder / "data"), "--json"], check=True,
                          timeout=120, capture_output=True)
    return {c["text"] for line in done.stdout.splitlines() for c in json.loads(line)["captions"]}


def outcome(row, visit, port, refused, words):
    if row.kind == "image":
        reason = refused.get(f"http://{row.name}.test:{port}/i")
        return reason or ("kept" if f"words of {row.name}" in words else "lost")
    if row.kind == "address":
        at = [r for url, r in refused.items() if url.endswith("/" + row.name)]
        return at[0] if at else "kept" if f"words of {row.name}" in words else "absent"
    reason = refused.get(row.seed(port))
    return reason or ("read" if "/m.png" in visit.paths else "no pairs")


def faults(row, visit, port, refused, words, reasons, slow):
    """What is not as the row says."""
    if row.kind == "space":
        if row.expect != "few requests" and row.expect not in reasons:
            yield f"no '{row.expect}' in the report"
    else:
        got = outcome(row, visit, port, refused, words)
        if got != row.expect:
            yield f"{got}, not {row.expect}"
    if len(visit.paths) > row.requests:
        yield f"{len(visit.paths)} requests, not {row.requests} at most"
    if visit.first is None:
        yield "was never asked for"
    if visit.seconds() > row.seconds * slow:
        yield f"took {visit.seconds():.1f} s, not {row.seconds * slow} s at most"
    for url, reason in row.also.items():
        got = refused.get(url.replace("{PRT}", str(port)))
        if got != reason:
            yield f"{url}: {got}, not {reason}"
    for text in row.texts:
        if not any(text in w for w in words):
            yield f"nobody has the words '{text}'"
    for text in row.absent:
        if any(text in w for w in words):
            yield f"the words {text!r} came out"


def check(args, folder):
    rows = [c for c in cases.CASES if not args.names or c.name in args.names]
    failed = []
    with server.Adversary(rows) as adversary:
        code, report, memory_mb, seconds = crawl(adversary, folder, rows, args.slow)
    if code != 0:
        failed.append(f"wit crawl: exit {code}: {(folder / 'err').read_text()[-300:]}")
    refused, words = refusals(folder), captions(folder)
    reasons = {f"{r['subject']} {r['reason']}" for r in report["refused"]} if report else set()
    for row in rows:
        for fault in faults(row, adversary.visits[row.name], adversary.port, refused, words,
                            reasons, args.slow):
            failed.append(f"{row.name} ({row.does}): {fault}")
    failed += [f"a canary was touched: {c}" for c in adversary.canaries]
    failed += [f"asked for under a forbidden address: {h}" for h in adversary.strangers]
    if args.memory and memory_mb > MEMORY_MOST_MB:
        failed.append(f"{memory_mb:.0f} MB of memory, not {MEMORY_MOST_MB} at most")
    print(f"{len(rows)} cases, {len(failed)} faults, {seconds:.1f} s, {memory_mb:.0f} MB")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    parser.add_argument("--slow", type=float, default=1)
    parser.add_argument("--keep", help="a folder that stays, with what was crawled")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="wit-adversary-"))
    try:
        failed = check(args, folder)
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    for line in failed:
        print("FAILED", line)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
