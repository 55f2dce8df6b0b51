"""A name server that lies, over UDP and TCP, in threads of its own: what the web server is busy with
delays no answer. A zone is a function: (name, "A" or "AAAA", how often it was asked) -> what it
says: a list of (type, data) records, the name of an error, or bytes sent as they are behind the
query's id."""

import ipaddress
import socket
import struct
import threading

TYPES = {"A": 1, "CNAME": 5, "TXT": 16, "AAAA": 28}
ERRORS = {"formerr": 1, "servfail": 2, "nxdomain": 3, "refused": 5}


def encode_name(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def decode_name(packet, at):
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), at + 1


def encode_data(kind, data):
    if isinstance(data, bytes):
        return data
    return encode_name(data) if kind == "CNAME" else ipaddress.ip_address(data).packed


def encode_records(records, owner):
    """Each of the name that the alias before it stands for, as servers send chains."""
    out, count = b"", 0
    for record in records:
        kind, data = record[:2]
        ttl = record[2] if len(record) > 2 else 60
        packed = encode_data(kind, data)
        out += owner + struct.pack(">HHIH", TYPES[kind], 1, ttl, len(packed)) + packed
        count += 1
        if kind == "CNAME" and not isinstance(data, bytes):
            owner = encode_name(data)
    return out, count


def answer(packet, zone, counts, tcp=False):
    """The packet to send back; empty: none."""
    name, end = decode_name(packet, 12)
    kind = {v: k for k, v in TYPES.items()}.get(struct.unpack(">H", packet[end:end + 2])[0], "?")
    counts[name, kind] = counts.get((name, kind), 0) + 1
    said = zone(name, kind, counts[name, kind])
    question = packet[12:end + 4]
    if isinstance(said, bytes):
        return packet[:2] + said
    if said == "silent":
        return b""
    ident, code, flags, records = packet[:2], 0, 0x84, []
    if said == "wrong_id":
        ident, records = bytes([packet[0] ^ 0x55, packet[1]]), [("A", "127.0.0.1")]
    elif said == "wrong_question":
        question, records = encode_name("other.test") + packet[end:end + 4], [("A", "127.0.0.1")]
    elif said == "truncated":
        flags = 0x84 if tcp else 0x86
        records = [("A", "127.0.0.1")] * 3000 if tcp and kind == "A" else []
    elif isinstance(said, str):
        code = ERRORS[said]
    else:
        records = said
    body, count = encode_records(records, b"\xc0\x0c")
    return ident + struct.pack(">BBHHHH", flags, 0x80 | code, 1, count, 0, 0) + question + body


class NameServer:
    """Serves until close. `seen` hears each name; zone and seen are called from threads."""

    def __init__(self, zone, seen, udp, tcp):
        self.zone, self.seen, self.udp, self.tcp, self.counts = zone, seen, udp, tcp, {}
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        tcp.listen(64)
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def serve_udp(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
                reply = self.answer(packet)
                if reply:
                    self.udp.sendto(reply, peer)
            except OSError:
                if self.udp.fileno() < 0:
                    return

    def serve_tcp(self):
        while True:
            try:
                peer, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_peer, args=(peer,), daemon=True).start()

    def serve_peer(self, peer):
        with peer, peer.makefile("rb") as stream:
            try:
                while len(size := stream.read(2)) == 2:
                    reply = self.answer(stream.read(struct.unpack(">H", size)[0]), tcp=True)
                    peer.sendall(struct.pack(">H", len(reply)) + reply)
            except OSError:
                pass

    def answer(self, packet, tcp=False):
        try:
            self.seen(decode_name(packet, 12)[0])
            return answer(packet, self.zone, self.counts, tcp)
        except (IndexError, struct.error):
            return b""  # not a query of ours

    def close(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # nobody is connected
            s.close()
