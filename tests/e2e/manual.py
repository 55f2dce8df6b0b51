"""The GIMP manual on loopback, for the tests that run whole commands on it."""

import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get("WIT_SOURCE_ROOT") or pathlib.Path(__file__).parents[2]).resolve()
WIT = pathlib.Path(os.environ.get("WIT") or ROOT / "build" / "tools" / "wit").resolve()
VOCAB = ROOT / ".cache" / "bpe_simple_vocab_16e6.txt.gz"
SKIP = 77


def need(training=True):
    """Skip, saying so, where the machine lacks what tools/setup installs."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for what, there in (
            ("nginx", shutil.which("nginx", path=path)),
            ("curl", shutil.which("curl")),
            ("gimp-help-en", os.access("/usr/share/gimp/2.0/help/en/index.html", os.R_OK)),
            ("wordnet-base", os.access("/usr/share/wordnet/data.noun", os.R_OK)),
            ("the vocabulary", not training or os.access(VOCAB, os.R_OK))):
        if not there:
            print(f"skipped: {what} is missing; tools/setup installs it")
            sys.exit(SKIP)


def free_port():
    """A port free on both hosts, below the range that outgoing connections take from."""
    for _ in range(100):
        port = random.randrange(20000, 32000)
        try:
            for host in ("127.0.0.1", "127.0.0.2"):
                with socket.socket() as s:
                    s.bind((host, port))
            return port
        except OSError:
            continue
    sys.exit("no free port on 127.0.0.1 and 127.0.0.2")


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
