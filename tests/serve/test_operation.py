"""The server over time: versions that come and fail, overload, clients that leave, and its end.

usage: test_operation.py OCTAVO
"""
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

import h2
from test_http2 import Link, body_of, ended
from server import PHOTOS, Server, check, end, expected, rows, run, text_request, workplace


def configuration(folder):
    """What is wrong in a file is told with line and column, before anything is opened."""
    models = os.path.join(folder, "wrong")
    os.makedirs(os.path.join(models, "a"))
    shutil.copy(os.path.join(folder, "tiny.octavo"), os.path.join(models, "a", "1.octavo"))
    about = os.path.join(models, "a", "model.json")
    cases = [('{"max_batch": 0}', "1:15", "max_batch"), ('{\n  "max_batsch": 4}', "2:3", "no such key"),
             ('{"instances": [\n {"device": "gpu"}]}', "2:13", "device"), ('{"instances": []}', "1:16", "empty"),
             ('{"max_batch": 8,\n"max_queue": 4}', "a/model.json", "more than"), ('{"max_batch": "x"}', "1:15", None),
             ('{', "1:2", None), ('[]', "1:1", None), ('{"max_batch": 4} x', "1:18", None),
             ('{"max_queue_delay_ms": 1e9}', "1:24", "from 0 to 10000"), ('{"max_batch":1,"max_batch":2}', "1:16", None),
             ('{"instances":[{"device":"cuda:0","tier":"avx2"}]}', "1:47", "is one of the CPU"),
             ('{"instances":[{"devise":"cpu"}]}', "1:16", "no such key"), ('{"instances":[{"count":65}]}', "1:24", None)]
    for text, place, sentence in cases:
        with open(about, "w", encoding="utf-8") as file:
            file.write(text)
        _, told = run("serve", models, "--listen", "127.0.0.1:0", code=78)
        check(place in told and (not sentence or sentence in told), text, told)
        check(told.startswith("octavo: wrong configuration (") and told.count("\n") == 1, text, told)
    os.remove(about)
    server = os.path.join(folder, "server.json")
    for text, place in (('{"reactors": 0}', "1:14"), ('{"frob": 1}', "1:2"), ('{"listen": 1}', "1:12"),
                        ('{"max_body_mb": 900, "memory_mb": 10}', "server.json"), ("", "1:1")):
        with open(server, "w", encoding="utf-8") as file:
            file.write(text)
        _, told = run("serve", models, "--config", server, code=78)
        check(place in told, text, told)
    out, _ = run("serve", models, "--print-config", "--listen", "[::1]:0")
    about = json.loads(out)
    check(about["settings"]["listen"] == {"value": "[::1]:0", "from": "--listen"}, about)
    check(about["settings"]["reactors"]["from"] == "default", about)
    check(about["models"]["a"]["max_batch"] == 16, about)
    for address in ("frob", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:80"):
        _, told = run("serve", models, "--listen", address, code=64)
        check("ADDR:PORT" in told, address, told)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _, told = run("serve", models, "--listen", f"127.0.0.1:{taken.getsockname()[1]}", code=74)
        check("in use" in told, told)
    run("serve", os.path.join(folder, "nowhere"), code=66)
    os.makedirs(os.path.join(folder, "empty"))
    run("serve", os.path.join(folder, "empty"), code=66)
    os.makedirs(os.path.join(models, "a b"))
    shutil.copy(os.path.join(folder, "tiny.octavo"), os.path.join(models, "a b", "1.octavo"))
    run("serve", models, code=64)


def versions(folder):
    """A new version takes over without a lost or wrong answer; one that fails leaves the old one."""
    models = os.path.join(folder, "models")
    one, two = os.path.join(folder, "tiny.octavo"), os.path.join(folder, "fp8.octavo")
    os.makedirs(os.path.join(models, "m"))
    shutil.copy(one, os.path.join(models, "m", "1.octavo"))
    right = {version: expected(engine, texts=["a koala"])
             for version, engine in (("1", one), ("2", two), ("4", one))}
    with Server(models) as server:
        seen, wrong, stop = set(), [], threading.Event()

        def client():
            while not stop.is_set():
                code, _, answer = server.ask("POST", "/v2/models/m/infer", text_request("a koala"))
                version = json.loads(answer).get("model_version")
                seen.add(version)
                if code != 200 or rows(answer) != right.get(version):
                    wrong.append((code, version, answer[:100]))
        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()

        def index():
            return [(m["version"], m["state"], m["reason"])
                    for m in json.loads(server.ask("POST", "/v2/repository/index")[2])]
        time.sleep(0.2)
        shutil.copy(two, os.path.join(models, "m", "2.tmp"))
        os.rename(os.path.join(models, "m", "2.tmp"), os.path.join(models, "m", "2.octavo"))
        server.signal(signal.SIGHUP)
        deadline = time.time() + 30
        while ("2", "READY", "") not in index() and time.time() < deadline:
            time.sleep(0.02)
        check(index() == [("2", "READY", "")], "version 2", index())

        with open(two, "rb") as file:
            data = bytearray(file.read())
        data[len(data) // 3] ^= 255 # some weight
        with open(os.path.join(models, "m", "3.octavo"), "wb") as file:
            file.write(data)
        server.signal(signal.SIGHUP)
        server.wait_for("load_failed")
        server.wait_for("kept")
        states = index()
        check(states[0] == ("2", "READY", "") and states[1][:2] == ("3", "UNAVAILABLE") and states[1][2],
              "version 3 fails", states)
        check(server.ask("GET", "/v2/models/m/versions/3/ready")[0] == 404, "version 3 is not served")
        code, _, answer = server.ask("POST", "/v2/repository/models/m/load")
        check(code == 400 and json.loads(answer)["error"], "loading it is an error", code, answer)

        shutil.copy(one, os.path.join(models, "m", "4.octavo"))
        code, _, _ = server.ask("POST", "/v2/repository/models/m/load")
        check(code == 200 and index() == [("4", "READY", "")], "version 4", code, index())
        with open(os.path.join(models, "m", "model.json"), "w", encoding="utf-8") as file:
            file.write('{"max_batch": nonsense}')
        code, _, answer = server.ask("POST", "/v2/repository/models/m/load")
        check(code == 400 and index() == [("4", "READY", "")], "wrong model.json", code, answer)
        os.remove(os.path.join(models, "m", "model.json"))
        stop.set()
        for thread in threads:
            thread.join()
        check(not wrong and seen == {"1", "2", "4"}, "answers meanwhile", seen, wrong[:3])

        os.makedirs(os.path.join(models, "other"))
        shutil.copy(one, os.path.join(models, "other", "1.octavo"))
        code, _, _ = server.ask("POST", "/v2/repository/models/other/load")
        check(code == 200 and server.ask("GET", "/v2/models/other/ready")[0] == 200, "a new model")
        code, _, _ = server.ask("POST", "/v2/repository/models/other/unload")
        check(code == 200 and server.ask("GET", "/v2/models/other/ready")[0] == 503, "unloaded")
        check(server.ask("GET", "/v2/health/ready")[0] == 200, "it is not missed")
        shutil.rmtree(os.path.join(models, "m"))
        server.signal(signal.SIGHUP)
        server.wait_for("gone")
        check(server.ask("GET", "/v2/models/m/ready")[0] == 404, "gone with its folder")
        for name in ("..", "...", "/", "%2e%2e", "m/../m", "x" * 500):
            code, _, _ = server.ask("POST", f"/v2/repository/models/{name}/load")
            check(code in (400, 404), "no path out", name, code)


def overload(folder):
    """What does not fit the queue is refused at once; what is accepted is answered."""
    models = os.path.join(folder, "full")
    os.makedirs(os.path.join(models, "m"))
    shutil.copy(os.path.join(folder, "fp8.octavo"), os.path.join(models, "m", "1.octavo"))
    with open(os.path.join(models, "m", "model.json"), "w", encoding="utf-8") as file:
        json.dump({"max_batch": 2, "max_queue": 64, "instances": [{"device": "ref"}]}, file)
    with open(os.path.join(PHOTOS, "koala.jpg"), "rb") as file:
        image = file.read()
    count = 32
    data = (struct.pack("<I", len(image)) + image) * count
    head = json.dumps({"inputs": [{"name": "images", "shape": [count], "datatype": "BYTES",
                                   "parameters": {"binary_data_size": len(data)}}]}).encode()
    codes, lock = [], threading.Lock()
    with Server(models) as server:
        def client():
            code, got, answer = server.ask("POST", "/v2/models/m/infer", head + data,
                                           {"Inference-Header-Content-Length": str(len(head))})
            with lock:
                codes.append((code, got.get("retry-after"), answer[:100]))
        threads = [threading.Thread(target=client) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = [c for c in codes if c[0] == 429]
        check(sorted({c[0] for c in codes}) == [200, 429], "overload", codes)
        check(all(c[1] for c in refused), "Retry-After", refused)
        code, _, answer = server.ask("POST", "/v2/models/m/infer",
                                     {"inputs": text_request(*["a"] * 65)["inputs"]})
        check(code == 400 and "max_queue" in json.loads(answer)["error"], "never fits", code, answer)

        # A client that leaves frees what it waited for.
        before = json.loads(server.ask("GET", "/v2/models/m/stats")[2])["model_stats"][0]
        with socket.create_connection((server.host, server.port)) as link:
            for _ in range(2):
                link.sendall(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n"
                             b"Inference-Header-Content-Length: %d\r\n\r\n" % (len(head) + len(data), len(head))
                             + head + data)
            time.sleep(0.05)
        deadline = time.time() + 30
        while time.time() < deadline:
            after = json.loads(server.ask("GET", "/v2/models/m/stats")[2])["model_stats"][0]
            if after["inference_stats"]["fail"]["count"] > before["inference_stats"]["fail"]["count"]:
                break
            time.sleep(0.05)
        else:
            check(False, "what nobody waits for is given up", before, after)

        # Requests that come together run together, and each gets its own answer.
        wanted = expected(os.path.join(folder, "fp8.octavo"), texts=[f"text {i}" for i in range(16)])
        got = {}

        def one(i):
            got[i] = rows(server.ask("POST", "/v2/models/m/infer", text_request(f"text {i}"))[2])[0]
        threads = [threading.Thread(target=one, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = json.loads(server.ask("GET", "/v2/models/m/stats")[2])["model_stats"][0]
        check(stats["execution_count"] < stats["inference_count"], "batches", stats)
        check(len(got) == 16 and len(set(got.values())) == 16, "answers of their own")
    with Server(os.path.join(folder, "fp8.octavo")) as server:
        one_by_one = [rows(server.ask("POST", "/v2/models/fp8/infer", text_request(f"text {i}"))[2])[0]
                      for i in range(16)]
        check(one_by_one == wanted, "one by one")

    # Connections over the limit are turned away, and the others live.
    with Server(models, config={"max_connections": 4}) as server:
        links = [socket.create_connection((server.host, server.port)) for _ in range(4)]
        time.sleep(0.3)
        check(server.raw(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n") == b"", "over max_connections")
        links.pop().close()
        time.sleep(0.3)
        check(server.ask("GET", "/v2")[0] == 200, "under max_connections again")
        for link in links:
            link.close()
        time.sleep(0.3)


def ending(folder):
    """SIGTERM: not ready at once, what is in work is answered, then the end with 0."""
    engine = os.path.join(folder, "fp8.octavo")
    with Server(engine, config={"drain_delay_s": 0.6}) as server:
        idle = socket.create_connection((server.host, server.port))
        codes, stop = [], threading.Event()

        def client():
            while not stop.is_set():
                try:
                    code, got, answer = server.ask("POST", "/v2/models/fp8/infer", text_request("a", "b"))
                except ConnectionRefusedError: # nobody listens any more: a proxy asks elsewhere
                    return
                codes.append((code, len(rows(answer)) if code == 200 else answer))
        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        check(server.ask("GET", "/v2/health/ready")[0] == 503, "not ready")
        check(server.ask("GET", "/v2/health/live")[0] == 200, "but alive")
        code = server.process.wait(30)
        stop.set()
        for thread in threads:
            thread.join()
        check(code == 0, "exit code", code)
        check(codes and all(c == (200, 2) for c in codes), "answers during the drain",
              [c for c in codes if c != (200, 2)][:3])
        idle.close()
    # A second Ctrl-C does not wait for anybody.
    with Server(engine, config={"drain_delay_s": 3600}) as server:
        server.signal(signal.SIGINT)
        time.sleep(0.2)
        server.signal(signal.SIGINT)
        check(server.process.wait(10) == 0, "a second SIGINT")


def access(folder):
    """API keys and their scopes; what is read again on SIGHUP."""
    models = os.path.join(folder, "guarded")
    for name in ("open", "closed"):
        os.makedirs(os.path.join(models, name))
        shutil.copy(os.path.join(folder, "tiny.octavo"), os.path.join(models, name, "1.octavo"))
    path = os.path.join(folder, "keys.json")

    def write(*keys):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"keys": [{"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), **rest}
                                for name, rest in keys]}, file)
    for text, place in (('{"keys": []}', "keys.json"), ('{"keys": [{"name": "a"}]}', "1:"),
                        ('{"keys": [{"name": "a", "sha256": "12"}]}', "1:35"), ('{"frob": 1}', "1:2"),
                        ('{"keys": [{"name": "a", "sha256": "%s", "models": []}]}' % ("0" * 64), "1:")):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        _, told = run("serve", models, "--api-keys", path, code=78)
        check(f"keys.json:{place}" in told or place in told, text, told)
    write(("reader", {"models": ["op*"]}), ("owner", {"admin": True}))
    with Server(models, "--api-keys", path) as server:
        def ask(key, method, where, body=None, header="authorization"):
            value = f"Bearer {key}" if header == "authorization" else key
            return server.ask(method, where, body, {header: value} if key else {})
        def texts(model):
            return ("POST", f"/v2/models/{model}/infer", text_request("a"))
        check(server.ask("GET", "/v2/health/ready")[0] == 200, "probes need no key")
        for key in (None, "nobody", ""):
            code, got, _ = ask(key, *texts("open"))
            check(code == 401 and got["www-authenticate"] == "Bearer", "no key", key, code)
            check(ask(key, "GET", "/metrics")[0] == 401, "metrics", key)
        check(ask("reader", *texts("open"))[0] == 200, "its model")
        check(ask("reader", *texts("open"), header="x-api-key")[0] == 200, "x-api-key")
        check(ask("reader", *texts("closed"))[0] == 404, "another's model is not there")
        check(ask("owner", *texts("closed"))[0] == 200, "all models")
        for where in ("/v2/models/closed", "/v2/models/closed/ready", "/v1/models/closed"):
            check(ask("reader", "GET", where)[0] == 404, where)
        for method, where in (("GET", "/v1/models"), ("POST", "/v2/repository/index"),
                              ("GET", "/v2/models/stats")):
            check(b"closed" not in ask("reader", method, where)[2] and
                  b"closed" in ask("owner", method, where)[2], where)
        check(ask("reader", "POST", "/v1/embeddings", {"input": "a"})[0] == 200, "its only model")
        check(ask("owner", "POST", "/v1/embeddings", {"input": "a"})[0] == 400, "one of several")
        check(ask("reader", "POST", "/v2/repository/models/open/unload")[0] == 403, "no admin")
        check(ask("owner", "POST", "/v2/repository/models/open/load")[0] == 200, "admin")
        link = Link(server)
        service = "/inference.GRPCInferenceService/"
        link.send(h2.grpc(1, service + "ServerReady", b""))
        link.send(h2.grpc(3, service + "ServerReady", b"", fields=(("authorization", "Bearer reader"),)))
        link.send(h2.grpc(5, "/grpc.health.v1.Health/Check", b""))
        link.send(h2.grpc(7, service + "ModelStreamInfer", b""))
        link.send(h2.grpc(9, service + "RepositoryModelLoad", b"\x12\4open",
                          fields=(("authorization", "Bearer reader"),)))
        got = link.until(lambda f: all(ended(f, n) for n in (1, 3, 5, 7, 9)))
        check([len(body_of(got, n)) for n in (1, 3, 5, 7, 9)] == [0, 7, 7, 0, 0], "gRPC with keys", got)
        link.close()
        write(("other", {}))
        server.signal(signal.SIGHUP)
        deadline = time.time() + 20
        while ask("other", *texts("open"))[0] != 200 and time.time() < deadline:
            time.sleep(0.02)
        check(ask("other", *texts("closed"))[0] == 200 and ask("owner", *texts("open"))[0] == 401, "new keys")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{")
        server.signal(signal.SIGHUP)
        server.wait_for("change_failed")
        check(ask("other", *texts("open"))[0] == 200, "a wrong file leaves the keys")


def certificate(folder, name, *flags):
    files = [os.path.join(folder, f"{name}.{kind}.pem") for kind in ("cert", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                    "-out", files[0], "-keyout", files[1], *flags], check=True, capture_output=True)
    return files


def encryption(folder):
    """TLS, both protocols over it, clients that must show who they are, and a certificate renewed."""
    if not shutil.which("openssl"):
        print("SKIPPED encryption: there is no openssl to make certificates with")
        return
    cert, key = certificate(folder, "server")
    client = certificate(folder, "client")
    engine = os.path.join(folder, "tiny.octavo")
    for flags in (["--tls-cert", cert], ["--tls-cert", cert, "--tls-key", cert],
                  ["--tls-cert", key, "--tls-key", key], ["--tls-cert", cert, "--tls-key", client[1]]):
        run("serve", engine, *flags, code=78)
    run("serve", engine, "--tls-cert", "nowhere.pem", "--tls-key", key, code=66)

    def ask(server, method="GET", path="/v2/health/ready", body=None, alpn=None, show=None):
        context = ssl.create_default_context(cafile=cert)
        if alpn:
            context.set_alpn_protocols(alpn)
        if show:
            context.load_cert_chain(*show)
        link = http.client.HTTPSConnection(server.host, server.port, timeout=20, context=context)
        try:
            link.request(method, path, body)
            chosen = link.sock.selected_alpn_protocol()
            answer = link.getresponse()
            return answer.status, answer.read(), chosen
        finally:
            link.close()
    with Server(engine, "--tls-cert", cert, "--tls-key", key, config={"header_timeout_s": 1}) as server:
        check(ask(server)[0] == 200, "https")
        check(ask(server, alpn=["http/1.1"])[2] == "http/1.1", "ALPN")
        many = text_request(*[f"text {i}" for i in range(400)])
        code, answer, _ = ask(server, "POST", "/v2/models/tiny/infer", json.dumps(many))
        check(code == 200 and rows(answer) == rows(server_less(folder, many)), "a large answer", code)
        context = ssl.create_default_context(cafile=cert)
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(socket.create_connection((server.host, server.port)),
                                 server_hostname="127.0.0.1") as link:
            check(link.selected_alpn_protocol() == "h2", "ALPN h2")
            link.sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) + h2.request(1, "/v2"))
            data = b""
            while not ended(h2.frames(data), 1):
                data += link.recv(65536)
            check(b"octavo" in body_of(h2.frames(data), 1), "HTTP/2 over TLS")
        check(server.raw(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n", seconds=5)[:4] != b"HTTP", "in the clear")
        begin = time.time()
        server.raw(b"\x16\x03\x01", seconds=15)
        check(time.time() - begin < 10, "a handshake that does not go on")
        old = ssl.get_server_certificate((server.host, server.port))
        certificate(folder, "server")
        server.signal(signal.SIGHUP)
        deadline = time.time() + 20
        while ssl.get_server_certificate((server.host, server.port)) == old and time.time() < deadline:
            time.sleep(0.05)
        check(ask(server)[0] == 200, "the new certificate")
    with Server(engine, "--tls-cert", cert, "--tls-key", key, config={"tls_client_ca": client[0]}) as server:
        check(ask(server, show=client)[0] == 200, "a client that shows its certificate")
        try:
            ask(server)
            check(False, "a client without one is served")
        except (OSError, http.client.HTTPException):
            check(True, "refused")


def server_less(folder, request):
    """The answer to the same request in the clear."""
    with Server(os.path.join(folder, "tiny.octavo")) as server:
        return server.ask("POST", "/v2/models/tiny/infer", request)[2]


def metrics(folder):
    """What Prometheus reads: families whole, counters that count."""
    with Server(os.path.join(folder, "tiny.octavo")) as server:
        server.ask("POST", "/v2/models/tiny/infer", text_request("a", "b"))
        server.ask("POST", "/v2/models/tiny/infer", text_request("not computed before", timeout=1))
        for accept in (None, "application/openmetrics-text; version=1.0.0"):
            code, got, text = server.ask("GET", "/metrics", headers={"accept": accept} if accept else {})
            lines = text.decode().splitlines()
            samples, seen, now = {}, set(), None
            for line in lines:
                if line.startswith("# TYPE"):
                    name, kind = line.split()[2:]
                    check(name not in seen, "one family", name)
                    seen.add(name)
                    now = name
                elif not line.startswith("#"):
                    name, value = line.rsplit(" ", 1)
                    check(name.startswith(now) and name not in samples, line)
                    samples[name] = float(value)
            check(code == 200 and (lines[-1] == "# EOF") == bool(accept), got, lines[-1])
            labels = 'model="tiny",version="1"'
            check(samples[f'octavo_requests_total{{{labels},outcome="success"}}'] == 1, "success")
            check(samples[f'octavo_requests_total{{{labels},outcome="expired"}}'] == 1, "expired")
            check(samples[f"nv_inference_count{{{labels}}}"] == 2, "rows")
            buckets = [value for name, value in samples.items()
                       if name.startswith("octavo_request_duration_seconds_bucket")]
            check(buckets == sorted(buckets) and buckets[-1] == 1, "buckets", buckets)
            if not accept and shutil.which("promtool"):
                ours = "\n".join(line for line in lines if "nv_inference" not in line) + "\n"
                done = subprocess.run(["promtool", "check", "metrics"], input=ours, text=True, capture_output=True)
                check(done.returncode == 0, "promtool", done.stdout, done.stderr)


def known_texts(folder):
    """Texts that come again are not computed again, and are the same to the bit."""
    models = os.path.join(folder, "cached")
    os.makedirs(os.path.join(models, "m"))
    shutil.copy(os.path.join(folder, "tiny.octavo"), os.path.join(models, "m", "1.octavo"))

    def stats(server):
        return json.loads(server.ask("GET", "/v2/models/m/stats")[2])["model_stats"][0]
    for entries in (0, 4096):
        with open(os.path.join(models, "m", "model.json"), "w", encoding="utf-8") as file:
            json.dump({"text_cache": entries}, file)
        with Server(models) as server:
            texts = [f"text {i}" for i in range(40)]
            wanted = expected(os.path.join(models, "m", "1.octavo"), texts=texts)
            for _ in range(3):
                check(rows(server.ask("POST", "/v2/models/m/infer", text_request(*texts))[2]) == wanted, "texts")
            check(rows(server.ask("POST", "/v2/models/m/infer", text_request(texts[7], texts[3]))[2])
                  == [wanted[7], wanted[3]], "in another order")
            got = stats(server)
            check(got["inference_count"] == (40 if entries else 122), entries, got)
            check(got["inference_stats"]["cache_hit"]["count"] == (3 if entries else 0), entries, got)
            raw = text_request(*texts, output="text_embeds_raw") # was not computed so far
            first = rows(server.ask("POST", "/v2/models/m/infer", raw)[2])
            check(rows(server.ask("POST", "/v2/models/m/infer", raw)[2]) == first and first != wanted, "raw")
            code, _, answer = server.ask("POST", "/v1/embeddings", {"input": texts[:2]})
            usage = json.loads(answer)["usage"]
            code, _, answer = server.ask("POST", "/v1/embeddings", {"input": texts[:2]})
            check(json.loads(answer)["usage"] == usage and usage["prompt_tokens"] > 2, "tokens", usage)


def drift(folder):
    """Traffic is held against the engine's reference: a state that changes is told in the log, the
    metrics and on request; an engine without a reference says what adds one."""
    engine, texts = os.path.join(folder, "watched.octavo"), os.path.join(folder, "texts.txt")
    words, dice = "a photo of dog cat red car tree house small big on near table street man".split(), random.Random(1)

    def usual(count):
        return [" ".join(dice.choices(words, k=dice.randint(3, 9))) for _ in range(count)]

    with open(texts, "w", encoding="utf-8") as file:
        file.write("\n".join(usual(400)))
    run("calibrate", os.path.join(folder, "fp8.octavo"), "--texts", texts, "-o", engine, "--quiet")
    with Server(engine) as server:
        def send(texts):
            for first in range(0, len(texts), 16):
                code, _, got = server.ask("POST", "/v1/embeddings", {"model": "watched",
                                                                     "input": texts[first:first + 16]})
                check(code == 200, code, got)

        def state():
            code, _, got = server.ask("GET", "/v2/models/watched/drift")
            check(code == 200, code, got)
            report = json.loads(got)
            return report["state"], sum(tower["rows_seen"] for tower in report["towers"])

        send(usual(600))
        check(state()[0] == "ok" and state()[1] >= 500, state()) # what the cache knows is not run
        number, began = 0, time.time() # a slow machine's budget lets some rows go by unseen
        while state()[0] != "alarm" and time.time() < began + 60:
            send([f"{i} ## zx" + " qv" * 8 for i in range(number, number + 160)])
            number += 160
        check(state()[0] == "alarm", state())
        told = [line["message"] for line in server.lines() if line.get("event") == "drift"]
        check(any(line.startswith("drift is alarm: text ") for line in told), told)
        _, _, got = server.ask("GET", "/v2/models/watched/versions/1/drift")
        check(json.loads(got)["state"] == "alarm", got[:200])
        _, _, got = server.ask("GET", "/metrics")
        check(b'octavo_drift_state{model="watched",version="1"} 2\n' in got, got[-2000:])
        check(b'tower="text",statistic="mmd"}' in got, got[-2000:])
    with Server(os.path.join(folder, "tiny.octavo")) as server:
        code, _, got = server.ask("GET", "/v2/models/tiny/drift")
        check(code == 404 and b"octavo calibrate adds one" in got, code, got)
        _, _, got = server.ask("GET", "/metrics")
        check(b"octavo_drift_state{" not in got, got[-2000:])


def text_log(folder):
    """Without --json people read on stderr what scripts wait for."""
    with subprocess.Popen([sys.argv[1], "serve", os.path.join(folder, "tiny.octavo"), "--listen",
                           "127.0.0.1:0", "--quiet"], stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline()
        check("listening on 127.0.0.1:" in line, line)
        process.send_signal(signal.SIGTERM)
        check(process.wait(30) == 0 and process.stderr.read() == "", "quiet")


def main():
    folder = workplace()
    configuration(folder)
    versions(folder)
    overload(folder)
    ending(folder)
    access(folder)
    encryption(folder)
    metrics(folder)
    known_texts(folder)
    drift(folder)
    text_log(folder)
    shutil.rmtree(folder)
    end()


if __name__ == "__main__":
    main()
