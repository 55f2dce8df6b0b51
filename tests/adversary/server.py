"""The adversary: an HTTP server on 127.0.0.1, a name server that sends all there, and canaries
at addresses that a crawler which may only visit 127.0.0.1 must not touch. A case is a domain
NAME.test; what it does is in its row of cases.py."""

import asyncio
import errno
import random
import socket
import threading
import time

import name_server

CANARIES = [*(f"127.0.0.{n}" for n in range(2, 10)), "::"]
HEAD_MOST = 65536
STEP = 1 << 18  # bytes of a body between two looks at the peer


class Visit:
    """What a case saw of the crawler."""

    def __init__(self):
        self.first = self.last = None
        self.paths = []

    def touch(self):
        self.last = time.monotonic()
        if self.first is None:
            self.first = self.last

    def seconds(self):
        return 0.0 if self.first is None else self.last - self.first


def case_of(host):
    """The name of the case that a host belongs to: the label before .test."""
    labels = host.lower().rstrip(".").split(".")
    return labels[-2] if len(labels) > 1 and labels[-1] == "test" else None


def bind(kind, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
    except OSError:
        s.close()
        raise
    return s


def bind_all():
    """One port, free at the server's address and at all canaries: {address: socket}. A machine
    without IPv6 has no canary there."""
    for _ in range(200):
        port, sockets = random.randrange(20000, 32000), {}
        try:
            for address in ("127.0.0.1", *CANARIES):
                try:
                    sockets[address] = bind(socket.SOCK_STREAM, address, port)
                except OSError as e:
                    if address != "::" or e.errno == errno.EADDRINUSE:
                        raise
            return port, sockets
        except OSError:
            for s in sockets.values():
                s.close()
    raise RuntimeError("no port is free at all addresses")


def bind_both():
    """A port, and sockets at it for UDP and TCP."""
    for _ in range(200):
        udp = bind(socket.SOCK_DGRAM, "127.0.0.1", 0)
        try:
            port = udp.getsockname()[1]
            return port, udp, bind(socket.SOCK_STREAM, "127.0.0.1", port)
        except OSError:
            udp.close()
    raise RuntimeError("no port is free for names")


class Adversary:
    """with Adversary(cases) as a: a.port, a.dns; afterwards a.visits, a.canaries."""

    def __init__(self, cases):
        self.cases = {c.name: c for c in cases}
        self.visits = {c.name: Visit() for c in cases}
        self.canaries = []  # "address: first bytes" of each connection to a forbidden address
        self.strangers = []  # hosts that the server was asked for and has no case of
        self.ready, self.loop = threading.Event(), None

    # ---- life

    def __enter__(self):
        self.port, self.sockets = bind_all()
        self.dns, udp, tcp = bind_both()
        self.names = name_server.NameServer(self.zone, self.asked, udp, tcp)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        if not self.ready.wait(20):
            raise RuntimeError("the adversary does not start")
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(20)
        self.names.close()
        for s in self.sockets.values():
            s.close()

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        self.loop.set_exception_handler(lambda loop, context: None)  # peers that are gone
        for address, s in self.sockets.items():
            visit = self.visitor if address == "127.0.0.1" else self.trespasser(address)
            await asyncio.start_server(visit, sock=s, limit=HEAD_MOST, backlog=1024)
        self.ready.set()
        await self.over.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    # ---- names

    def asked(self, name):
        visit = self.visits.get(case_of(name))
        if visit:
            visit.touch()

    def zone(self, name, kind, times):
        case = self.cases.get(case_of(name))
        if case and case.zone:
            return case.zone(name, kind, times)
        return [("A", "127.0.0.1")] if kind == "A" else []

    # ---- connections

    def trespasser(self, address):
        async def visit(reader, writer):
            data = b""
            try:
                data = await asyncio.wait_for(reader.read(200), 2)
            except (asyncio.TimeoutError, OSError):
                pass
            self.canaries.append(f"{address}: {data!r}")
            writer.close()
        return visit

    async def visitor(self, reader, writer):
        name = None
        try:
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS handshake: what a plain server says to that
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            head = first + await reader.readuntil(b"\r\n\r\n")
            head = head.decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            host = next(h[5:].strip() for h in head if h.lower().startswith("host:"))
            name = case_of(host.rsplit(":", 1)[0])
            if name not in self.cases:
                self.strangers.append(f"{host}{path}")
                return
            self.visits[name].touch()
            self.visits[name].paths.append(path)
            await self.send(writer, reader, self.cases[name].reply(path, host, self.port))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError,
                StopIteration):
            pass  # the peer is gone, or what it said is no request
        finally:
            if name in self.visits:
                self.visits[name].touch()
            writer.close()

    async def send(self, writer, reader, reply):
        """A body, or a stream until it ends or the peer goes."""
        if isinstance(reply, bytes):
            for at in range(0, len(reply), STEP):
                writer.write(reply[at:at + STEP])
                await writer.drain()
            return
        gone = asyncio.ensure_future(reader.read(1))
        stream = asyncio.ensure_future(self.pour(writer, reply()))
        _, left = await asyncio.wait({gone, stream}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(gone, stream, return_exceptions=True)

    async def pour(self, writer, stream):
        async for piece in stream:
            writer.write(piece)
            await writer.drain()
