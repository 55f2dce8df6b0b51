"""Bytes that the adversary sends: responses in order and out of it, images whole and broken."""

import asyncio
import gzip
import pathlib
import struct
import zlib

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "image" / "images"


# ---- responses: bytes, sent as they are; the connection is closed behind them

def response(body=b"", kind="text/html; charset=utf-8", status=200, headers=(), length=None):
    if isinstance(body, str):
        body = body.encode()
    lines = [f"HTTP/1.1 {status} Adversary", *headers, "Connection: close"]
    if kind:
        lines.append(f"Content-Type: {kind}")
    if length is not False:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def image(body, kind="image/png", **kwargs):
    return response(body, kind, **kwargs)


def redirect(to, status=302):
    return response(status=status, headers=[f"Location: {to}"])


def zipped(body, kind="text/html", encoding="gzip", packed=None):
    return response(gzip.compress(body) if packed is None else packed, kind,
                    headers=[f"Content-Encoding: {encoding}"])


def chunked(*chunks, end=b"0\r\n\r\n", kind="text/html", headers=()):
    head = response(b"", kind, headers=["Transfer-Encoding: chunked", *headers], length=False)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + end


# ---- streams: functions that give an async generator of bytes

def forever(head, piece, pause_s=0.0):
    async def stream():
        yield head
        while True:
            yield piece
            if pause_s:
                await asyncio.sleep(pause_s)
    return stream


def after(seconds, answer):
    async def stream():
        await asyncio.sleep(seconds)
        yield answer
    return stream


def silence():
    async def stream():
        await asyncio.sleep(3600)
        yield b""
    return stream


# ---- images

def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(name=b"", width=1, height=1, before=b"", data=None, mark=b"\x89PNG\r\n\x1a\n"):
    """One grey pixel, whatever it says of its size; `name` in a tEXt chunk makes it its own."""
    if isinstance(name, str):
        name = name.encode()
    return (mark + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + before +
            chunk(b"tEXt", b"Title\0" + name) +
            chunk(b"IDAT", zlib.compress(b"\0\0") if data is None else data) + chunk(b"IEND", b""))


def jpeg(which="jpeg-grey"):
    return (GOLDEN / f"{which}.jpg").read_bytes()


def jpeg_segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg_of_size(width, height):
    """A JPEG whose frame header says another size."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5:at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_scans(count):
    """A progressive JPEG whose last scan stands `count` times."""
    data = jpeg("jpeg-progressive")
    scan = data.rindex(b"\xff\xda")
    return data[:scan] + count * data[scan:-2] + data[-2:]
