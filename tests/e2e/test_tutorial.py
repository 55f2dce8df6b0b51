"""Run docs/tutorial.md: every `sh` block in order, what a `text` block expects looked for.

    WIT=build/tools/wit python3 tests/e2e/test_tutorial.py [--keep]

Blocks run with `set -eu` in one directory, empty at first, with `wit` first in PATH and the checkout
in $WIT_SOURCE. Each line of a `text` block has to stand in a line that the block before it printed, in
order; "..." stands for anything. The port of the page is replaced by a free one, in a copy of the
examples too. Exit: 0 passed, 1 failed, 77 skipped.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from manual import ROOT, WIT, free_port, need  # noqa: E402

PAGE = ROOT / "docs/tutorial.md"
PORT = "28461"
DEADLINE_S = 240
STOP_S = 15


class Failed(Exception):
    pass


def blocks(text):
    """[line number, script, expected lines] for each sh block of the page."""
    found, fence, body, start, follows = [], None, [], 0, False
    for number, line in enumerate(text.splitlines(), 1):
        if fence is None:
            if line.startswith("```"):
                fence, body, start = line[3:].strip(), [], number
            elif line.strip():
                follows = False
        elif line == "```":
            if fence == "sh":
                found.append([start, "\n".join(body) + "\n", []])
            elif fence == "text":
                if not follows:
                    raise Failed(f"{PAGE.name}:{start}: a text block without commands before it")
                found[-1][2].extend(body)
            follows, fence = fence == "sh", None
        else:
            body.append(line)
    if fence is not None:
        raise Failed(f"{PAGE.name}:{start}: a block without end")
    if not found:
        raise Failed(f"{PAGE.name}: nothing to run")
    return found


def run(argv, log, deadline, **kwargs):
    """Exit status; output to the file `log`. The whole group ends when time is up."""
    with open(log, "wb") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, start_new_session=True, **kwargs)
    try:
        return child.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise Failed("time is up") from None
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def check_output(expected, printed):
    lines = iter(printed.splitlines())
    for want in expected:
        pattern = re.compile(".*".join(re.escape(part) for part in want.split("...")))
        if not any(pattern.search(line) for line in lines):
            raise Failed(f"not printed, or not in this order: {want}")


def run_page(work, source, port):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    env.update(PATH=f"{WIT.parent}:{env.get('PATH', '/usr/bin:/bin')}", WIT_SOURCE=str(source),
               LC_ALL="C.UTF-8")
    deadline = time.monotonic() + DEADLINE_S
    log = source.parent / "output.txt"
    for number, script, expected in blocks(PAGE.read_text(encoding="utf-8").replace(PORT, port)):
        start = time.monotonic()
        try:
            status = run(["sh", "-euc", script], log, deadline, cwd=work, env=env)
            printed = log.read_text(encoding="utf-8", errors="replace")
            if status != 0:
                raise Failed(f"exit status {status}")
            check_output(expected, printed)
        except Failed as why:
            printed = log.read_text(encoding="utf-8", errors="replace")
            raise Failed(f"{PAGE.name}:{number}: {why}\n{script}--- printed:\n{printed[-4000:]}") from None
        print(f"{PAGE.name}:{number}: ok, {time.monotonic() - start:.1f} s", flush=True)


def copy_of_source(base, port):
    """A checkout with what the page uses; only the port in the examples differs."""
    source = base / "source"
    shutil.copytree(ROOT / "examples", source / "examples")
    for job in (source / "examples").glob("*.yaml"):
        job.write_text(job.read_text(encoding="utf-8").replace(PORT, port), encoding="utf-8")
    for name in ("tools", ".cache"):
        (source / name).symlink_to(ROOT / name)
    return source


def main():
    need()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that `finally` runs
    base = pathlib.Path(tempfile.mkdtemp(prefix="wit-tutorial-"))
    work = base / "work"
    work.mkdir()
    try:
        port = str(free_port())
        run_page(work, copy_of_source(base, port), port)
        return 0
    except Failed as why:
        print(why, file=sys.stderr)
        return 1
    finally:
        subprocess.run([ROOT / "tools/manual-server", "stop", work / "server"], timeout=STOP_S,
                       check=False)
        if "--keep" in sys.argv[1:]:
            print(f"kept: {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
