"""HTTP/1.1 and the Open Inference Protocol by plain bytes: what is answered, and how what is wrong
is refused.

usage: test_protocol.py OCTAVO
"""
import gzip
import json
import os
import shutil
import struct
import time
import zlib

from server import PHOTOS, Server, check, end, expected, photos, rows, text_request, workplace

TEXTS = ["a photo of a koala", "a pyramid", "", "\u00e9t\u00e9 \U0001f600"]


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def results(server, engine):
    """Answers are bit for bit what the program computes, in every form."""
    images = photos()
    wanted = expected(engine, images, TEXTS[:2])
    code, _, answer = server.ask("POST", "/v2/models/tiny/infer", text_request(*TEXTS[:2]))
    check(code == 200 and rows(answer) == wanted[len(images):], "texts as JSON", code)

    files = [open(path, "rb").read() for path in images]
    data = b"".join(struct.pack("<I", len(file)) + file for file in files)
    head = json.dumps({"id": "seven", "inputs": [
        {"name": "images", "shape": [len(files), 1], "datatype": "BYTES",
         "parameters": {"binary_data_size": len(data)}}],
        "outputs": [{"name": "image_embeds", "parameters": {"binary_data": True}}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    code, got, answer = server.ask("POST", "/v2/models/tiny/infer", head + data, headers)
    size = int(got["inference-header-content-length"])
    about = json.loads(answer[:size])
    check(code == 200 and about["id"] == "seven", "images as bytes", code, about)
    check(answer[size:] == b"".join(wanted[:len(images)]), "images as bytes: other numbers")
    check(got["octavo-precision"].startswith("F32"), "precision", got)

    for coding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        code, got, answer = server.ask(
            "POST", "/v2/models/tiny/infer", pack(json.dumps(text_request(*TEXTS[:2])).encode()),
            {"Content-Encoding": coding, "Accept-Encoding": coding})
        check(code == 200 and got["content-encoding"] == coding, coding, code, got)
        plain = gzip.decompress(answer) if coding == "gzip" else zlib.decompress(answer)
        check(rows(plain) == wanted[len(images):], coding)

    code, _, answer = server.ask("POST", "/v2/models/tiny/infer",
                                 {"inputs": text_request(*TEXTS)["inputs"]})
    names = [output["name"] for output in json.loads(answer)["outputs"]]
    check(code == 200 and names == ["text_embeds", "text_embeds_raw"], "all outputs", names)


def wrong_requests(server):
    """Each is the client's fault, and a sentence says which."""
    def infer(body, headers=None):
        code, _, answer = server.ask("POST", "/v2/models/tiny/infer", body, headers)
        return code, json.loads(answer)["error"]

    def tensor(**changes):
        return {"inputs": [{"name": "input_ids", "shape": [1, 2], "datatype": "INT64",
                            "data": [1, 2], **changes}]}

    cases = [
        ("", None), ("{", None), ("[]", "object"), ("{}", "no inputs"),
        ('{"inputs":[]}', "no inputs"), ('{"inputs":[{"name":"pixels"}]}', "no datatype"),
        (tensor(name="nothing"), 'no input "nothing"'),
        (tensor(datatype="FP64"), "FP64"), (tensor(datatype="FP32", data=[1.0, 2.0]), "FP32"),
        (tensor(shape=[1, 3]), "3"), (tensor(shape=[1, 1]), "more elements"),
        (tensor(shape=[1, -2]), None), (tensor(shape=[1, 2, 1], data=[[[1], [2]]]), "dimensions"),
        (tensor(data=[[1], [2]]), None), (tensor(data=[[1, [2]]]), None),
        (tensor(data=[1, 1.5]), "whole number"), (tensor(data=["a", "b"]), "whole number"),
        (tensor(data=[1, 1 << 40]), "no token"), (tensor(data=[1, 1 << 30]), "vocabulary"),
        (tensor(shape=[2 ** 31 - 1] * 4, data=[1]), None),
        (tensor(parameters={"binary_data_size": 8}), "both data and binary"),
        (tensor(parameters={"shared_memory_region": "x"}), "shared_memory_region"),
        ({"inputs": [{"name": "images", "shape": [1], "datatype": "BYTES", "data": ["%%"]}]},
         "no base64"),
        ({"inputs": [{"name": "pixels", "shape": [1, 4, 4, 3], "datatype": "UINT8",
                      "data": [0] * 48}]}, "the model takes"),
        ({"inputs": [text_request("a")["inputs"][0]] * 2}, "texts already"),
        (text_request("a", output="image_embeds"), "nothing that makes it"),
        (text_request("a", output="frob"), 'no output "frob"'),
        ('{"inputs":[{"name":"pixel_values","shape":[1],"datatype":"FP32","data":[NaN]}]}', "NaN"),
        ('{"inputs":[{"name":"pixel_values","shape":[1],"datatype":"FP32","data":[-Infinity]}]}',
         "NaN and Infinity"),
    ]
    for body, sentence in cases:
        code, error = infer(body)
        wanted = 501 if sentence == "shared_memory_region" else 400
        check(code == wanted and (not sentence or sentence in error), body, code, error)
    for length in ("x", "-1", "999", "1"):
        code, error = infer(json.dumps(text_request("a")),
                            {"Inference-Header-Content-Length": length})
        check(code == 400, "Inference-Header-Content-Length", length, code, error)
    head = json.dumps({"inputs": [{"name": "texts", "shape": [2], "datatype": "BYTES",
                                   "parameters": {"binary_data_size": 10}}]}).encode()
    for tail in (b"\1\0\0\0a\xff\xff\xff\xffb", b"\1\0\0\0a\2\0\0\0b", b"", b"x" * 11):
        code, error = infer(head + tail, {"Inference-Header-Content-Length": str(len(head))})
        check(code == 400, "BYTES", tail, code, error)
    code, error = infer(b"\x1f\x8bnonsense", {"Content-Encoding": "gzip"})
    check(code == 400 and "Content-Encoding" in error, "bad gzip", code, error)
    code, error = infer(gzip.compress(bytes(3 << 20)), {"Content-Encoding": "gzip"})
    check(code == 400 and "max_body_mb" in error, "gzip bomb", code, error)
    code, error = infer("x", {"Content-Encoding": "br"})
    check(code == 415, "unknown coding", code, error)
    for path, wanted in (("/v2/models/none/infer", 404), ("/v2/models/tiny/versions/2/infer", 404),
                         ("/v2/models/tiny/versions/x/infer", 404), ("/v2/frob", 404),
                         ("/v2/models/..%2f..%2fetc/infer", 404), ("/../etc/passwd", 404)):
        code, _, answer = server.ask("POST", path, text_request("a"))
        check(code == wanted and json.loads(answer)["error"], path, code)
    code, got, _ = server.ask("DELETE", "/v2/models/tiny/infer")
    check(code == 405 and got["allow"] == "POST", "405", code, got)
    code, error = infer(text_request("not computed before", timeout=1))
    check(code == 504 and "deadline" in error, "deadline", code, error)


def poison(server):
    """One bad image is its own request's error, by its index, whatever runs beside it."""
    good = open(os.path.join(PHOTOS, "koala.jpg"), "rb").read()
    for bad in (b"no image", good[:500], b"\x89PNG\r\n\x1a\n" + bytes(40), b""):
        files = [good, good, bad, good]
        data = b"".join(struct.pack("<I", len(file)) + file for file in files)
        head = json.dumps({"inputs": [{"name": "images", "shape": [4], "datatype": "BYTES",
                                       "parameters": {"binary_data_size": len(data)}}]}).encode()
        code, _, answer = server.ask("POST", "/v2/models/tiny/infer", head + data,
                                     {"Inference-Header-Content-Length": str(len(head))})
        check(code == 400 and "images[2]" in json.loads(answer)["error"], bad[:20], code, answer)


def http_syntax(server):
    live = b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n"
    close = b"Connection: close\r\n\r\n"
    body = json.dumps(text_request("a")).encode()
    infer = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: a\r\n"
    good = {
        "plain": live + close,
        "HTTP/1.0": b"GET /v2/health/live HTTP/1.0\r\n\r\n",
        "HEAD": b"HEAD /v2 HTTP/1.1\r\nHost: a\r\n" + close,
        "an offer to upgrade": live + b"Upgrade: h2c\r\nConnection: close, Upgrade\r\n\r\n",
        "chunks": infer + b"Transfer-Encoding: chunked\r\n" + close +
                  b"%x;name=value\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        "two requests": live + b"\r\n" + live + close,
        "an empty value": live + b"X-Empty:\r\n" + close,
    }
    for name, data in good.items():
        answer = server.raw(data)
        check(status(answer) == 200, name, answer[:200])
        byte_by_byte = server.raw(None, pieces=[data[i:i + 40] for i in range(0, len(data), 40)])
        check(status(byte_by_byte) == 200, name, "in pieces", byte_by_byte[:200])
    check(server.raw(good["two requests"]).count(b"HTTP/1.1 200") == 2, "pipelined")
    check(server.raw(good["HEAD"]).endswith(b"\r\n\r\n"), "HEAD has no body")
    bad = {
        "no Host": (b"GET /v2 HTTP/1.1\r\n\r\n", 400),
        "two Hosts": (live + b"Host: b\r\n\r\n", 400),
        "length and chunks": (infer + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                              b"0\r\n\r\n", 400),
        "two lengths": (infer + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
        "a length that is none": (infer + b"Content-Length: 3x\r\n\r\nabc", 400),
        "a folded header": (live + b"A: b\r\n c\r\n\r\n", 400),
        "a name with a space": (live + b"A b: c\r\n\r\n", 400),
        "no name": (live + b": c\r\n\r\n", 400),
        "a bare line feed": (b"GET /v2 HTTP/1.1\nHost: a\n\n", None),
        "HTTP/3.7": (b"GET /v2 HTTP/3.7\r\nHost: a\r\n\r\n", None),
        "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        "a long target": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        "a long header": (live + b"A: " + b"b" * 40000 + b"\r\n\r\n", 431),
        "many headers": (live + b"A: b\r\n" * 120 + b"\r\n", 431),
        "a large body": (infer + b"Content-Length: 9999999\r\n\r\n", 413),
        "a large body in chunks": (infer + b"Transfer-Encoding: chunked\r\n\r\n" +
                                   (b"80000\r\n" + b" " * 0x80000 + b"\r\n") * 5, 413),
        "expecting the impossible": (infer + b"Expect: miracles\r\nContent-Length: 3\r\n\r\n", 417),
        "an overlong chunk extension": (infer + b"Transfer-Encoding: chunked\r\n\r\n1;" +
                                        b"a" * 60000 + b"\r\n \r\n0\r\n\r\n", 400),
    }
    for name, (data, wanted) in bad.items():
        answer = server.raw(data, seconds=5)
        code = status(answer)
        check(code == wanted if wanted else code is None or 400 <= code < 600, name, answer[:200])
        if code and code >= 400:
            check(b"connection: close" in answer, name, "the connection ends", answer[:200])
    answer = server.raw(infer + b"Content-Length: %d\r\nExpect: 100-continue\r\n" % len(body) + close,
                        seconds=1)
    check(answer == b"HTTP/1.1 100 Continue\r\n\r\n", "100-continue", answer)
    check(server.ask("GET", "/v2/health/live")[0] == 200, "it lives on")


def slow_clients(server):
    """A client that sends too slowly is cut off; one that is silent is too."""
    for name, start in (("head", b"GET /v2 HTTP/1.1\r\nHo"),
                        ("body", b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: a\r\n"
                                 b"Content-Length: 100\r\n\r\nab"), ("nothing", b"")):
        begin = time.time()
        server.raw(start, seconds=20)
        check(time.time() - begin < 10, "slow", name, time.time() - begin)


def main():
    folder = workplace()
    engine = os.path.join(folder, "tiny.octavo")
    with Server(engine, config={"max_body_mb": 2, "reactors": 2}) as server:
        results(server, engine)
        wrong_requests(server)
        poison(server)
        http_syntax(server)
    with Server(engine, config={"header_timeout_s": 0.5, "idle_timeout_s": 0.5}) as server:
        slow_clients(server)
    shutil.rmtree(folder)
    end()


if __name__ == "__main__":
    main()
