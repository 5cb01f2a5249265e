"""What the tests of this folder share: the program as a server on loopback, and plain clients."""
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TINY = os.path.join(ROOT, "tests", "data", "tiny-clip")
PHOTOS = os.path.join(ROOT, "examples", "photos")

os.environ.setdefault("TSAN_OPTIONS", "suppressions=" + os.path.join(ROOT, "tests", "serve", "tsan.supp"))

failures, checks = [], 0


def check(right, *sentence):
    global checks
    checks += 1
    if not right:
        failures.append(sentence)
        print("FAILED", *sentence, flush=True)


def end():
    print(f"{os.path.basename(sys.argv[0])}: {checks} checks, {len(failures)} failed")
    sys.exit(1 if failures or not checks else 0)


def run(*arguments, code=0):
    """Runs the program that the test is given; what it prints."""
    done = subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True)
    check(done.returncode == code, "octavo", *arguments, "exit code", done.returncode, done.stderr)
    return done.stdout, done.stderr


def workplace():
    """A folder of the test's own with tiny.octavo (float32) and fp8.octavo."""
    folder = tempfile.mkdtemp()
    run("build", os.path.join(TINY, "f32"), "-o", os.path.join(folder, "tiny.octavo"), "--quiet")
    run("build", os.path.join(TINY, "modelopt-fp8"), "-o", os.path.join(folder, "fp8.octavo"),
        "--quiet")
    return folder


def photos():
    return [os.path.join(PHOTOS, name) for name in sorted(os.listdir(PHOTOS))
            if name.endswith(".jpg")]


class Server:
    """octavo serve on a free port; `with` ends it by SIGTERM, which must end it with 0."""

    def __init__(self, repository, *flags, config=None):
        self.folder = tempfile.mkdtemp()
        flags = list(flags)
        if config is not None:
            path = os.path.join(self.folder, "server.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(config, file)
            flags += ["--config", path]
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.argv[1], "serve", repository, "--listen", "127.0.0.1:0", "--json",
             "--threads", "1", *flags], stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            sys.exit(f"the server did not start: {self.log.read()}")
        self.host, port = json.loads(line)["listening"].rsplit(":", 1)
        self.port = int(port)
        self.url = f"{self.host}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        code = self.process.wait(60)
        check(code == 0, "the server ends with", code, self.lines()[-20:])
        self.log.close()
        shutil.rmtree(self.folder)

    def lines(self):
        """What it logged so far."""
        with open(self.log.name, encoding="utf-8") as file:
            return [json.loads(line) if line.startswith("{") else line for line in file]

    def wait_for(self, event, seconds=30):
        end_time = time.time() + seconds
        while time.time() < end_time:
            if any(isinstance(line, dict) and line["event"] == event for line in self.lines()):
                return True
            time.sleep(0.02)
        check(False, "the log never told", event, self.lines())
        return False

    def ask(self, method, path, body=None, headers=None, seconds=60):
        """Status, headers and bytes of an answer, on a connection of its own."""
        link = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            link.request(method, path, body, headers or {})
            answer = link.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            link.close()

    def raw(self, data, seconds=30, pieces=None):
        """Everything that comes back for these bytes until the server closes, or stops talking."""
        with socket.create_connection((self.host, self.port), timeout=seconds) as link:
            for piece in pieces or [data]:
                link.sendall(piece)
                if pieces:
                    time.sleep(0.02)
            got = b""
            try:
                while True:
                    more = link.recv(65536)
                    if not more:
                        return got
                    got += more
            except (socket.timeout, ConnectionResetError):
                return got


def text_request(*texts, output="text_embeds", **parameters):
    request = {"inputs": [{"name": "texts", "shape": [len(texts)], "datatype": "BYTES",
                           "data": list(texts)}], "outputs": [{"name": output}]}
    if parameters:
        request["parameters"] = parameters
    return request


def rows(answer):
    """The first output of an answer, as lists of floats rounded to float32's bytes."""
    output = json.loads(answer)["outputs"][0]
    count, width = output["shape"]
    data = struct.pack(f"<{count * width}f", *output["data"])
    return [data[i * width * 4:(i + 1) * width * 4] for i in range(count)]


def npy_rows(path):
    """The rows of a .npy file of float32, as bytes."""
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    shape = eval(data[10:start])["shape"]
    return [data[start + i * shape[1] * 4:start + (i + 1) * shape[1] * 4] for i in range(shape[0])]


def expected(engine, images=(), texts=()):
    """What `octavo embed` says to these, as bytes a row."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.npy")
        flags = [flag for text in texts for flag in ("--text", text)]
        run("embed", engine, *images, *flags, "-o", out, "--quiet")
        return npy_rows(out)
