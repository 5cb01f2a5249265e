"""octavo serve, by the clients that people have: tritonclient and openai, unmodified, on loopback.

usage: check_serve.py BUILD
"""
import base64
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading

import grpc
import numpy
import openai
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from judge import MINI, PHOTOS, Judge, octavo

TEXTS = ["a photo of a koala", "a pyramid in the desert"]


class Server:
    def __init__(self, build, repository):
        self.process = subprocess.Popen(
            [os.path.join(build, "octavo"), "serve", repository, "--listen", "127.0.0.1:0", "--json",
             "--quiet"], stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["listening"]

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)


def array(values):
    return numpy.array(values, dtype=numpy.object_)


def tensor(client, name, values, kind, binary=True):
    made = client.InferInput(name, list(values.shape), kind)
    made.set_data_from_numpy(values, **({} if binary else {"binary_data": False}))
    return made


def refused(judge, name, status, sentence, ask):
    try:
        ask()
    except InferenceServerException as error:
        judge.check(str(error.status()) == status and sentence in error.message(), name,
                    error.status(), error.message())
    else:
        judge.check(False, name, "is no error")


def check_descriptions(judge, client):
    judge.check(client.is_server_live() and client.is_server_ready(), "server is ready")
    judge.check(client.is_model_ready("clip") and client.is_model_ready("clip", "1"), "model is ready")
    judge.check(not client.is_model_ready("clip", "2") and not client.is_model_ready("none"), "ready")
    judge.check(client.get_server_metadata()["name"] == "octavo", "server metadata")
    about = client.get_model_metadata("clip")
    judge.check({p["name"] for p in about["inputs"]} == {"pixel_values", "pixels", "images",
                "input_ids", "attention_mask", "texts"}, "inputs", about)
    judge.check(client.get_model_config("clip")["name"] == "clip", "config")
    judge.check(client.get_model_repository_index()[0]["state"] == "READY", "index")
    refused(judge, "shared memory", "501", "shared memory", client.get_system_shared_memory_status)


def check_http(judge, url, files, wanted):
    client = triton.InferenceServerClient(url, concurrency=4)
    check_descriptions(judge, client)
    images = tensor(triton, "images", array([open(f, "rb").read() for f in files]), "BYTES")
    texts = tensor(triton, "texts", array([t.encode() for t in TEXTS]), "BYTES")
    result = client.infer("clip", [images, texts])
    judge.check(numpy.array_equal(result.as_numpy("image_embeds"), wanted[:len(files)]), "images")
    judge.check(numpy.array_equal(result.as_numpy("text_embeds"), wanted[len(files):]), "texts")
    judge.check(result.as_numpy("logits_per_image").shape == (len(files), len(TEXTS)), "logits")
    raw = result.as_numpy("image_embeds_raw")
    judge.check(numpy.allclose(raw / numpy.linalg.norm(raw, axis=1, keepdims=True),
                               wanted[:len(files)], atol=1e-6), "raw")

    values = numpy.random.default_rng(5).random((3, 3, 64, 64), dtype=numpy.float32)
    pixels = (values.transpose(0, 2, 3, 1) * 255).astype(numpy.uint8)
    ids = numpy.array([[49406, 320, 1125, 49407]], dtype=numpy.int64) % 8000
    reference = {}
    for binary_in in (True, False):
        for binary_out in (True, False):
            for coding in (None, "gzip", "deflate"):
                for name, data, kind, output in (
                        ("pixel_values", values, "FP32", "image_embeds"),
                        ("pixels", numpy.ascontiguousarray(pixels), "UINT8", "image_embeds"),
                        ("input_ids", ids, "INT64", "text_embeds"),
                        ("input_ids", ids.astype(numpy.int32), "INT32", "text_embeds")):
                    got = client.infer(
                        "clip", [tensor(triton, name, data, kind, binary_in)], request_id="seven",
                        outputs=[triton.InferRequestedOutput(output, binary_data=binary_out)],
                        request_compression_algorithm=coding, priority=3, timeout=60_000_000,
                        response_compression_algorithm=coding)
                    same = reference.setdefault(name, got.as_numpy(output))
                    judge.check(numpy.array_equal(got.as_numpy(output), same), name, binary_in,
                                binary_out, coding)
                    judge.check(got.get_response()["id"] == "seven", "id")
    futures = [client.async_infer("clip", [texts]) for _ in range(50)]
    judge.check(all(numpy.array_equal(f.get_result().as_numpy("text_embeds"), wanted[len(files):])
                    for f in futures), "async")

    poison = tensor(triton, "images", array([open(files[0], "rb").read(), b"poison"]), "BYTES")
    refused(judge, "poison", "400", "images[1]", lambda: client.infer("clip", [poison]))
    refused(judge, "deadline", "504", "deadline", lambda: client.infer("clip", [images], timeout=1))
    refused(judge, "no model", "404", "none", lambda: client.infer("none", [texts]))
    refused(judge, "load", "404", "none", lambda: client.load_model("none"))
    client.unload_model("clip")
    judge.check(not client.is_model_ready("clip"), "unloaded")
    refused(judge, "unloaded", "503", "not loaded", lambda: client.infer("clip", [texts]))
    client.load_model("clip")
    judge.check(client.is_model_ready("clip"), "loaded")
    result = client.infer("clip", [texts])
    judge.check(numpy.array_equal(result.as_numpy("text_embeds"), wanted[len(files):]), "reloaded")
    stats = client.get_inference_statistics("clip")["model_stats"][0]
    judge.check(stats["inference_stats"]["success"]["count"] == 1, "statistics", stats)


def check_openai(judge, url, files, wanted):
    client = openai.OpenAI(base_url=f"http://{url}/v1", api_key="none", max_retries=0)
    uris = ["data:image/jpeg;base64," + base64.b64encode(open(f, "rb").read()).decode() for f in files]
    images, texts = wanted[:len(files)], wanted[len(files):]

    def embed(expected, **arguments):
        got = client.embeddings.create(model="clip", **arguments)
        rows = numpy.array([d.embedding for d in got.data], dtype=numpy.float32)
        judge.check(numpy.array_equal(rows, expected), str(arguments)[:100])
        judge.check([d.index for d in got.data] == list(range(len(rows))), "index")
        return got

    judge.check(embed(texts, input=TEXTS).usage.prompt_tokens > 4, "usage")
    embed(texts[:1], input=TEXTS[0])
    embed(texts, input=TEXTS, encoding_format="float")
    embed(images, input=uris)
    embed(images[:1], input=uris[0], extra_body={"modality": "image"})
    embed(images[:1], input=uris[0].split(",")[1], extra_body={"modality": "image"})
    embed(numpy.stack([texts[0], images[3], images[2]]), input=[
        {"text": TEXTS[0]}, {"image": uris[3]}, {"image": uris[2].split(",")[1]}])
    embed(images[4:5], input=None, extra_body={"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": uris[4]}}]}]})
    short = client.embeddings.create(model="clip", input=TEXTS[0], dimensions=16).data[0].embedding
    part = texts[0][:16] / numpy.linalg.norm(texts[0][:16])
    judge.check(numpy.allclose(short, part, atol=1e-6), "dimensions")
    for status, sentence, arguments in (
            (404, "none", {"model": "none", "input": "a"}),
            (400, "address", {"model": "clip", "input": "https://example.org/a.png"}),
            (415, "not fetched", {"model": "clip", "input": [{"image": "https://example.org/a.png"}]}),
            (400, "no input", {"model": "clip", "input": []}),
            (400, "dimensions", {"model": "clip", "input": "a", "dimensions": 4096}),
            (400, "input[1]", {"model": "clip", "input": ["a", "data:image/png;base64,AAAA"]}),
            (400, "tokens", {"model": "clip", "input": ["a", [1, 2]]})):
        try:
            client.embeddings.create(**arguments)
            judge.check(False, arguments, "is no error")
        except openai.APIStatusError as error:
            judge.check(error.status_code == status and sentence in error.message, arguments,
                        error.status_code, error.message)
    judge.check([m.id for m in client.models.list()] == ["clip"], "models")
    judge.check(client.models.retrieve("clip").owned_by == "octavo", "model")


def check_grpc(judge, url, files, wanted):
    client = triton_grpc.InferenceServerClient(url)
    judge.check(client.is_server_live() and client.is_server_ready(), "gRPC server is ready")
    judge.check(client.is_model_ready("clip") and client.is_model_ready("clip", "1"), "gRPC ready")
    judge.check(client.get_server_metadata().name == "octavo", "gRPC server metadata")
    about = client.get_model_metadata("clip")
    judge.check({p.name: list(p.shape) for p in about.outputs}["image_embeds"] == [-1, 256], about)
    config = client.get_model_config("clip").config
    judge.check({p.name: p.data_type for p in config.input}["images"] == 13, "string", config)
    judge.check(client.get_model_repository_index().models[0].state == "READY", "gRPC index")
    images = tensor(triton_grpc, "images", array([open(f, "rb").read() for f in files]), "BYTES")
    texts = tensor(triton_grpc, "texts", array([t.encode() for t in TEXTS]), "BYTES")
    for coding in (None, "gzip", "deflate"):
        result = client.infer("clip", [images, texts], request_id="seven", compression_algorithm=coding,
                              priority=2, timeout=60_000_000)
        judge.check(numpy.array_equal(result.as_numpy("image_embeds"), wanted[:len(files)]), coding)
        judge.check(numpy.array_equal(result.as_numpy("text_embeds"), wanted[len(files):]), coding)
        judge.check(result.get_response().id == "seven", "id")
        judge.check(result.as_numpy("logits_per_image").shape == (len(files), 2), "logits")
    poison = tensor(triton_grpc, "images", array([open(files[0], "rb").read(), b"poison"]), "BYTES")
    for name, status, sentence, ask in (
            ("poison", "INVALID_ARGUMENT", "images[1]", lambda: client.infer("clip", [poison])),
            ("deadline", "DEADLINE_EXCEEDED", "", lambda: client.infer("clip", [images], timeout=1)),
            ("no model", "NOT_FOUND", "none", lambda: client.infer("none", [texts])),
            ("no version", "NOT_FOUND", "version 9", lambda: client.infer("clip", [texts], "9")),
            ("shared memory", "UNIMPLEMENTED", "", client.get_system_shared_memory_status),
            ("load", "NOT_FOUND", "none", lambda: client.load_model("none"))):
        refused(judge, name, f"StatusCode.{status}", sentence, ask)
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(60):
        client.async_stream_infer("clip", [poison if i % 7 == 0 else texts], request_id=str(i))
    for i in range(60):
        result, error = answers.get(timeout=60)
        if i % 7 == 0:
            judge.check(error is not None and "images[1]" in str(error), "stream", i, error)
        else:
            judge.check(result.get_response().id == str(i) and numpy.array_equal(
                result.as_numpy("text_embeds"), wanted[len(files):]), "stream", i, error)
    client.stop_stream()
    for _ in range(200):
        client.async_infer("clip", [texts], lambda result, error: answers.put((result, error)))
    judge.check(all(numpy.array_equal(answers.get(timeout=60)[0].as_numpy("text_embeds"),
                                      wanted[len(files):]) for _ in range(200)), "gRPC async")
    # A call that is cancelled, and one whose client has no time left.
    cancelled = client.async_infer("clip", [images], lambda result, error: answers.put((result, error)))
    cancelled.cancel()
    judge.check("ancel" in str(answers.get(timeout=60)[1]), "cancelled")
    # Typed contents, which tritonclient does not send, and the health service.
    channel = grpc.insecure_channel(url)
    stub = triton_grpc.service_pb2_grpc.GRPCInferenceServiceStub(channel)
    typed = triton_grpc.service_pb2.ModelInferRequest(model_name="clip")
    one = typed.inputs.add(name="texts", datatype="BYTES", shape=[2])
    one.contents.bytes_contents.extend(t.encode() for t in TEXTS)
    got = stub.ModelInfer(typed)
    judge.check(got.raw_output_contents[0] == wanted[len(files):].tobytes(), "typed contents")
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    judge.check(check(b"") == b"\x08\x01" and check(b"\x0a\x04clip") == b"\x08\x01", "health")
    try:
        check(b"\x0a\x04none")
        judge.check(False, "health of no service is no error")
    except grpc.RpcError as error:
        judge.check(error.code() == grpc.StatusCode.NOT_FOUND, "health", error)
    channel.close()
    client.close()


def main():
    build = sys.argv[1]
    judge = Judge("check_serve")
    files = [os.path.join(PHOTOS, n) for n in sorted(os.listdir(PHOTOS)) if n.endswith(".jpg")]
    with tempfile.TemporaryDirectory() as work:
        engine, out = os.path.join(work, "clip.octavo"), os.path.join(work, "out.npy")
        octavo(build, "build", MINI, "-o", engine, "--quiet")
        flags = [flag for text in TEXTS for flag in ("--text", text)]
        octavo(build, "embed", engine, *files, *flags, "-o", out, "--quiet")
        wanted = numpy.load(out)
        server = Server(build, engine)
        check_openai(judge, server.url, files, wanted)
        threads = [threading.Thread(target=check_openai, args=(judge, server.url, files, wanted))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check_grpc(judge, server.url, files, wanted)
        check_http(judge, server.url, files, wanted)
        judge.check(server.stop() == 0, "exit code")
    judge.end()


if __name__ == "__main__":
    main()
