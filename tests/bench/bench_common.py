"""Run wit and a peer alternately and print what came out as JSON lines.

    alternate("loader.decode", "images/s", {"wit": run_wit, "webdataset": run_peer}, rounds=5)

Each side is a function that does one whole run and returns (amount, cpu_seconds, wall_seconds).
Rates are amount per CPU second unless per="wall", or both with per=("wall", "cpu"). Sides take turns within a round and the order
turns round between rounds, so that a slow minute of a shared machine hits both.
"""

import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import time


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release()}


def commit():
    root = os.path.dirname(os.path.abspath(__file__))
    out = subprocess.run(["git", "-C", root, "rev-parse", "--short", "HEAD"],
                         capture_output=True, text=True)
    return out.stdout.strip() or "unknown"


def hash_of(*paths):
    """One short hash over the bytes of the input files."""
    h = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as f:
            for block in iter(lambda: f.read(1 << 20), b""):
                h.update(block)
    return h.hexdigest()[:16]


def run_timed(argv, **kwargs):
    """Run a command; (cpu_seconds, wall_seconds, stdout)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    out = subprocess.run(argv, check=True, stdout=subprocess.PIPE, **kwargs).stdout
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, out


def spread_pct(values):
    middle = statistics.median(values)
    return 100.0 * (max(values) - min(values)) / middle if middle else 0.0


def alternate(name, unit, sides, rounds=5, inputs="", per="cpu", warmup=1):
    print(json.dumps({"bench": name, "machine": machine(), "commit": commit(), "input": inputs,
                      "per": per, "rounds": rounds}), flush=True)
    names = list(sides)
    runs = {side: [] for side in names}
    for i in range(-warmup, rounds):
        for side in names if i % 2 == 0 else reversed(names):
            run = sides[side]()
            if i >= 0:
                runs[side].append(run)
    for clock in (per,) if isinstance(per, str) else per:
        report(name, unit, runs, clock)


def report(name, unit, runs, per):
    names = list(runs)
    rates = {side: [amount / (cpu if per == "cpu" else wall) for amount, cpu, wall in runs[side]]
             for side in names}
    for side in names:
        values = rates[side]
        print(json.dumps({"bench": name, "side": side, "unit": unit, "per": per,
                          "best": round(max(values), 3),
                          "median": round(statistics.median(values), 3),
                          "spread_pct": round(spread_pct(values), 1), "n": len(values)}), flush=True)
    for side in names[1:]:
        ratios = [a / b for a, b in zip(rates[names[0]], rates[side])]
        print(json.dumps({"bench": name, "ratio": f"{names[0]}/{side}", "per": per,
                          "median": round(statistics.median(ratios), 3),
                          "least": round(min(ratios), 3), "most": round(max(ratios), 3)}),
              flush=True)
