"""HTTP/2 and gRPC by frames as bytes: good ones, in pieces, and those of a client that means no good.

usage: test_http2.py OCTAVO
"""
import os
import shutil
import socket
import struct
import time

import h2
from server import Server, check, end, text_request, workplace

import json

SERVICE = "/inference.GRPCInferenceService/"


def status_of(got, stream):
    """The status that the server's headers begin with: 200 is a byte of HPACK's static table, others
    are texts."""
    for kind, _, number, payload in got:
        if kind == h2.HEADERS and number == stream:
            known = {0x88: 200, 0x89: 204, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500}
            if payload[0] in known:
                return known[payload[0]]
            digits = payload[2:2 + (payload[1] & 127)]
            return huffman_digits(digits) if payload[1] & 128 else int(digits)
    return None


def huffman_digits(data):
    """Digits in HPACK's Huffman code."""
    codes = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5",
             "011100": "6", "011101": "7", "011110": "8", "011111": "9"}
    bits, out, at = "".join(f"{byte:08b}" for byte in data), "", 0
    while at < len(bits):
        for length in (5, 6):
            if bits[at:at + length] in codes:
                out += codes[bits[at:at + length]]
                at += length
                break
        else:
            break
    return int(out)


def body_of(got, stream):
    return b"".join(payload for kind, _, number, payload in got if kind == h2.DATA and number == stream)


def ended(got, stream):
    return any(number == stream and flags & h2.END_STREAM
               for kind, flags, number, _ in got if kind in (h2.DATA, h2.HEADERS))


class Link:
    """A connection that collects frames."""

    def __init__(self, server, pieces=0):
        self.link = socket.create_connection((server.host, server.port), timeout=20)
        self.pieces, self.data = pieces, b""
        self.send(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0))

    def send(self, data):
        step = self.pieces or len(data) or 1
        for i in range(0, len(data), step):
            self.link.sendall(data[i:i + step])
            if self.pieces:
                time.sleep(0.001)

    def until(self, done, seconds=20):
        """Frames so far, when `done` holds of them or the server closed or is silent."""
        self.link.settimeout(0.2)
        deadline = time.time() + seconds
        while time.time() < deadline and not done(h2.frames(self.data)):
            try:
                more = self.link.recv(65536)
            except socket.timeout:
                continue
            except OSError:
                break
            if not more:
                break
            self.data += more
        return h2.frames(self.data)

    def close(self):
        self.link.close()


def good(server):
    for pieces in (0, 1, 7):
        link = Link(server, pieces)
        body = json.dumps(text_request("a koala")).encode()
        link.send(h2.request(1, "/v2/health/live"))
        link.send(h2.request(3, "/v2/models/tiny/infer", method="POST", body=body))
        link.send(h2.request(5, "/v2/nothing"))
        link.send(h2.grpc(7, SERVICE + "ServerLive", b""))
        got = link.until(lambda f: all(ended(f, s) for s in (1, 3, 5, 7)))
        check([status_of(got, s) for s in (1, 3, 5, 7)] == [200, 200, 404, 200], "status", pieces, got)
        check(json.loads(body_of(got, 3))["model_name"] == "tiny", "infer", body_of(got, 3)[:80])
        check(body_of(got, 7) == b"\0\0\0\0\2\x08\1", "ServerLive", body_of(got, 7))
        check(any(k == h2.SETTINGS and f & h2.ACK for k, f, _, _ in got), "settings are acknowledged")
        link.send(h2.frame(h2.PING, 0, 0, b"12345678"))
        got = link.until(lambda f: any(k == h2.PING for k, *_ in f))
        check((h2.PING, h2.ACK, 0, b"12345678") in got, "ping", got)
        link.close()


def calls(server):
    """gRPC's ends: statuses in trailers, or in the only headers."""
    def message(number, text):
        return bytes([number << 3 | 2, len(text)]) + text
    cases = [("ModelReady", [message(1, b"tiny")], b"0", b"\0\0\0\0\2\x08\1"),
             ("ModelReady", [message(1, b"none")], b"5", b""),
             ("ModelInfer", [message(1, b"none")], b"5", b""),
             ("ModelInfer", [b"\xff\xff"], b"3", b""), ("ModelInfer", [], b"3", b""),
             ("ModelInfer", [b"", b""], b"3", b""), ("ServerReady", [b""], b"0", b"\0\0\0\0\2\x08\1"),
             ("SystemSharedMemoryStatus", [b""], b"12", b""), ("Frob", [b""], b"12", b"")]
    link = Link(server)
    for i, (method, messages, status, body) in enumerate(cases):
        link.send(h2.grpc(1 + 2 * i, SERVICE + method, *messages))
    got = link.until(lambda f: all(ended(f, 1 + 2 * i) for i in range(len(cases))))
    for i, (method, messages, status, body) in enumerate(cases):
        stream = 1 + 2 * i
        last = [p for k, _, n, p in got if k == h2.HEADERS and n == stream][-1]
        check(status_of(got, stream) == 200 and body_of(got, stream) == body, method, messages)
        check(len(last) > 0 and ended(got, stream), method, "ends")
    link.close()
    # Many messages: answers to each, then the end.
    link = Link(server)
    text = message(1, b"tiny") + message(3, b"7") + \
        message(5, message(1, b"texts") + message(2, b"BYTES") + message(3, b"\1")) + \
        message(7, b"\1\0\0\0a")
    link.send(h2.grpc(1, SERVICE + "ModelStreamInfer", *[text, b"\xff"] * 40))
    got = link.until(lambda f: ended(f, 1))
    data, kinds = body_of(got, 1), []
    while data:
        length = struct.unpack(">I", data[1:5])[0]
        kinds.append(data[5] >> 3)
        data = data[5 + length:]
    check(kinds == [2, 1] * 40, "a stream's answers in order", kinds)
    link.close()


def bad(server):
    settings = h2.frame(h2.SETTINGS, 0, 0)
    big = h2.hpack((":method", "GET"), (":scheme", "http"), (":path", "/v2"), (":authority", "a"),
                   ("a", "b" * 9000))
    floods = {
        "a frame of no stream": h2.frame(h2.DATA, 0, 0, b"a"),
        "data before headers": h2.frame(h2.DATA, 0, 1, b"a"),
        "headers on an even stream": h2.request(2, "/v2"),
        "a continuation alone": h2.frame(h2.CONTINUATION, 0, 1, b""),
        "broken HPACK": h2.frame(h2.HEADERS, h2.END_HEADERS | 1, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        "settings of a wrong length": h2.frame(h2.SETTINGS, 0, 0, b"abc"),
        "a window over its limit": h2.frame(h2.WINDOW, 0, 0, struct.pack(">I", 0x7fffffff)),
        "a push": h2.frame(h2.PUSH, h2.END_HEADERS, 1, struct.pack(">I", 2)),
        "an overlong frame": struct.pack(">I", 1 << 20)[1:] + bytes([0, 0]) + struct.pack(">I", 1),
        "endless continuations": h2.frame(h2.HEADERS, 0, 1, h2.hpack((":method", "GET"))) +
                                 h2.frame(h2.CONTINUATION, 0, 1, b"") * 100,
        "resets without end": b"".join(h2.request(1 + 2 * i, "/v2/models/tiny/infer", method="POST", end=False,
                                                  body=b"") + h2.frame(h2.RST, 0, 1 + 2 * i, struct.pack(">I", 8))
                                       for i in range(600)),
        "pings without reading": h2.frame(h2.PING, 0, 0, b"12345678") * 5000,
        "settings without reading": settings * 5000,
    }
    for name, data in floods.items():
        link = Link(server)
        try:
            link.send(data)
        except OSError:
            pass # cut off meanwhile
        got = link.until(lambda f: any(k == h2.GOAWAY for k, *_ in f), seconds=3)
        tolerated = name.endswith("without reading")
        check(tolerated or any(k in (h2.GOAWAY, h2.RST) for k, *_ in got), name, [g[:3] for g in got][-5:])
        link.close()
        check(server.ask("GET", "/v2/health/live")[0] == 200, name, "and the server lives")
    # Too much of a head, or of a body, is an answer; the connection goes on.
    link = Link(server)
    link.send(h2.request(1, "/v2", *[(f"a{i}", "b") for i in range(120)]))
    link.send(h2.request(3, "/" + "a" * 9000))
    link.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 5, big[:16000]))
    link.send(h2.request(7, "/v2/models/tiny/infer", method="POST", body=b" " * (3 << 20), end=False)[:500000])
    link.send(h2.request(9, "/v2/health/live"))
    got = link.until(lambda f: ended(f, 9))
    check(status_of(got, 1) == 431 and status_of(got, 3) == 414, "heads", status_of(got, 1), status_of(got, 3))
    link.close()
    link = Link(server)
    link.send(h2.request(1, "/v2/models/tiny/infer", method="POST", end=False, body=b""))
    for _ in range(200): # as the window lets it
        try:
            link.send(h2.frame(h2.DATA, 0, 1, b" " * 16000))
            link.until(lambda f: True, seconds=0.001)
        except OSError:
            break
        if ended(h2.frames(link.data), 1):
            break
    check(status_of(h2.frames(link.data), 1) in (413, None), "a large body", h2.frames(link.data)[-3:])
    link.close()
    # A hundred streams at once, not more.
    link = Link(server)
    link.send(b"".join(h2.request(1 + 2 * i, "/v2/models/tiny/infer", method="POST", end=False, body=b"")
                       for i in range(150)))
    got = link.until(lambda f: sum(k == h2.RST for k, *_ in f) + sum(k == h2.GOAWAY for k, *_ in f) >= 1)
    check(any(k in (h2.RST, h2.GOAWAY) for k, *_ in got), "streams over the limit", got[-3:])
    link.close()


def slow(server):
    """Half a preface, half a request and silence are cut off."""
    for name, data in (("half a preface", h2.PREFACE[:10]), ("silence", h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0)),
                       ("half a request", h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) +
                        h2.request(1, "/v2/models/tiny/infer", method="POST", body=b"{", end=False))):
        begin = time.time()
        got = server.raw(data, seconds=15)
        check(time.time() - begin < 10, name, "is cut off", time.time() - begin, got[-50:])


def main():
    folder = workplace()
    engine = os.path.join(folder, "tiny.octavo")
    with Server(engine, config={"max_body_mb": 2}) as server:
        good(server)
        calls(server)
        bad(server)
    with Server(engine, config={"header_timeout_s": 0.5, "idle_timeout_s": 1}) as server:
        slow(server)
    # A drain: GOAWAY, and the connection ends by itself.
    with Server(engine) as server:
        link = Link(server)
        link.send(h2.request(1, "/v2/health/live"))
        link.until(lambda f: ended(f, 1))
        server.process.terminate()
        got = link.until(lambda f: False)
        goaway = [struct.unpack(">I", p[:4])[0] for k, _, _, p in got if k == h2.GOAWAY]
        check(goaway and goaway[0] == 0x7fffffff and goaway[-1] == 1, "GOAWAY twice", goaway)
        link.close()
    shutil.rmtree(folder)
    end()


if __name__ == "__main__":
    main()
