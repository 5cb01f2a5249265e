"""The server over time: versions that come and fail, overload, clients that leave, and its end.

usage: test_operation.py OCTAVO
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

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
    text_log(folder)
    shutil.rmtree(folder)
    end()


if __name__ == "__main__":
    main()
