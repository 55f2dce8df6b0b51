"""The GIMP manual on loopback, for the tests that run whole commands on it."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get("WIT_SOURCE_ROOT", pathlib.Path(__file__).resolve().parents[2]))
WIT = os.environ.get("WIT", str(ROOT / "build" / "tools" / "wit"))
VOCAB = ROOT / ".cache" / "bpe_simple_vocab_16e6.txt.gz"
SKIP = 77


def need():
    """Skip, saying so, where the machine lacks what tools/setup installs."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name, there in (
        ("nginx", shutil.which("nginx", path=path)),
        ("gimp-help-en", os.path.exists("/usr/share/gimp/2.0/help/en/index.html")),
        ("wordnet-base", os.path.exists("/usr/share/wordnet/data.noun")),
        ("the vocabulary", VOCAB.exists())) if not there]
    if missing:
        print("skipped: not here: " + ", ".join(missing) + "; run tools/setup")
        sys.exit(SKIP)


def free_port():
    """A port that is free on both hosts of the manual."""
    for _ in range(50):
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            port = a.getsockname()[1]
            try:
                b.bind(("127.0.0.2", port))
            except OSError:
                continue
            return port
    raise SystemExit("no free port on 127.0.0.1 and 127.0.0.2")


class Manual:
    """with Manual(dir) as port: pages on 127.0.0.1:port, images on 127.0.0.2:port."""

    def __init__(self, folder):
        self.folder = str(folder)

    def call(self, *args):
        # In a session of its own: nginx must not hold the pipes that the test runner waits for.
        subprocess.run([str(ROOT / "tools" / "manual-server"), *args], check=True, timeout=60,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def __enter__(self):
        port = free_port()
        self.call("start", self.folder, str(port))
        return port

    def __exit__(self, *_):
        self.call("stop", self.folder)
