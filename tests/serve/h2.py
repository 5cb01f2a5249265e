"""Frames of HTTP/2 as bytes, for tests that send good ones and bad ones."""
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def hpack(*fields):
    """Literals without indexing, lengths of 7 bits and more."""
    def text(value):
        value = value if isinstance(value, bytes) else value.encode()
        if len(value) < 127:
            return bytes([len(value)]) + value
        out, rest = b"\x7f", len(value) - 127
        while rest >= 128:
            out, rest = out + bytes([rest & 127 | 128]), rest >> 7
        return out + bytes([rest]) + value
    return b"".join(b"\0" + text(name) + text(value) for name, value in fields)


def request(stream, path, *fields, method="GET", body=None, end=True):
    block = hpack((":method", method), (":scheme", "http"), (":path", path), (":authority", "a"), *fields)
    if body is None:
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)
    return frame(HEADERS, END_HEADERS, stream, block) + \
        b"".join(frame(DATA, 0, stream, body[i:i + 16384]) for i in range(0, len(body), 16384)) + \
        frame(DATA, END_STREAM if end else 0, stream)


def grpc(stream, path, *messages, end=True, fields=()):
    body = b"".join(b"\0" + struct.pack(">I", len(m)) + m for m in messages)
    return request(stream, path, ("content-type", "application/grpc"), ("te", "trailers"), *fields,
                   method="POST", body=body, end=end)


def frames(data):
    """What a server sent: (kind, flags, stream, payload) each."""
    out = []
    while len(data) >= 9:
        length = int.from_bytes(data[:3], "big")
        out.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9:9 + length]))
        data = data[9 + length:]
    return out
