"""A receiver of traces on the official classes of OpenTelemetry takes what a server built with the feature `otlp` sends.

usage: otlp.py MAPAE MAPAE_WITH_THE_FEATURE FOLDER FIRST_PORT
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status

PLAIN, TRACING, FOLDER, FIRST = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
PUBLIC, CONSOLE, METRICS, RECEIVER = FIRST, FIRST + 1, FIRST + 2, FIRST + 5
THEIRS = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{THEIRS}-b7ad6b7169203331-01"
# Every attribute that a span of ours may have, and what its values look like.
WORD = r"[a-z_]+"
ATTRIBUTES = {
    "http.request.method": r"GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|_OTHER",
    "http.route": r"(/([a-z0-9._-]+|\{\*?[a-z_]+\})?)+",
    "http.response.status_code": r"[1-5]\d\d",
    "error.type": rf"{WORD}|[45]\d\d",
    "server.address": r"localhost|127\.0\.0\.1",
    "server.port": r"\d+",
    "db.system.name": r"sqlite",
    "mapae.listener": r"public|console|metrics",
    "mapae.request_id": r"[0-9a-f]{16}",
    "mapae.store.waited_us": r"\d+",
    "mapae.store.worked_us": r"\d+",
    "mapae.store.committed_us": r"\d+",
    "mapae.store.outcome": r"committed|rolled_back",
}
LISTENERS = {"public", "console", "metrics"}


class Receiver:
    """Takes traces over HTTP until it is stopped."""

    def __init__(self, port):
        self.bodies, self.spans, self.services = [], [], set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                assert self.path == "/v1/traces", self.path
                assert self.headers["content-type"] == "application/x-protobuf", self.headers
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, body):
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = attributes(resource.resource)
            self.services.add((about["service.name"], about["telemetry.sdk.language"]))
            for scope in resource.scope_spans:
                assert scope.scope.name == "mapae", scope.scope
                self.spans.extend(scope.spans)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def attributes(of):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}


def settings(**more):
    folder = FOLDER / f"run-{time.monotonic_ns()}"
    folder.mkdir()
    given = {
        "MAPAE__PUBLIC__LISTEN": f"127.0.0.1:{PUBLIC}",
        "MAPAE__PUBLIC__BASE_URL": f"http://localhost:{PUBLIC}/",
        "MAPAE__CONSOLE__LISTEN": f"127.0.0.1:{CONSOLE}",
        "MAPAE__CONSOLE__BASE_URL": f"http://localhost:{CONSOLE}/",
        "MAPAE__METRICS__LISTEN": f"127.0.0.1:{METRICS}",
        "MAPAE__STORE__URL": f"sqlite:{folder}/mapae.db",
        "MAPAE__KEYS__FILE": f"{folder}/mapae.key",
        "MAPAE__LEDGER__FILE": f"{folder}/ledger.db",
        "MAPAE__TRACES__SAMPLE_RATIO": "1.0",
    }
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(("MAPAE__", "OTEL_"))}
    return theirs | given | more


def ask(port, path, method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


class Server:
    """`mapae serve` with its log in a file."""

    def __init__(self, **more):
        self.log = FOLDER / f"log-{time.monotonic_ns()}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([TRACING, "serve"], env=settings(**more), stderr=log)
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text()
            try:
                if ask(METRICS, "/healthz").status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server does not start")

    def stop(self):
        """Returns how many seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        return time.monotonic() - begun

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def check_every(receiver):
    """What holds for every span: known words only, and parents that are there."""
    known = {span.span_id: span for span in receiver.spans}
    assert len(known) == len(receiver.spans), "no span is sent twice"
    for span in receiver.spans:
        has = attributes(span)
        for key, value in has.items():
            assert key in ATTRIBUTES and re.fullmatch(ATTRIBUTES[key], str(value)), (span.name, key, value)
        assert not span.events and not span.links and not span.trace_state, span
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        parent = known.get(span.parent_span_id)
        if parent is None:
            remote = span.trace_id.hex() == THEIRS
            assert not span.parent_span_id or remote, f"{span.name} has a parent that was not sent"
        else:
            assert parent.trace_id == span.trace_id
            assert parent.start_time_unix_nano <= span.start_time_unix_nano
        if span.kind == Span.SPAN_KIND_SERVER:
            method = has["http.request.method"].replace("_OTHER", "HTTP")
            route = has.get("http.route")
            assert span.name == (f"{method} {route}" if route else method), span.name
            failed = has["http.response.status_code"] >= 500
            assert (span.status.code == Status.STATUS_CODE_ERROR) == failed, span
        elif span.name == "store unit":
            assert span.kind == Span.SPAN_KIND_CLIENT and parent is not None and has["db.system.name"] == "sqlite"
            assert has.keys() >= {"mapae.store.waited_us", "mapae.store.worked_us", "mapae.store.committed_us"}, has
        else:
            assert re.fullmatch(r"(GET|POST) [a-z ]+|(token|ledger) [a-z]+|carry [a-z_]+|anchor", span.name), span.name
    return known


def check_requests():
    """A few requests of a server that has nobody in it."""
    receiver = Receiver(RECEIVER)
    server = Server(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{RECEIVER}", OTEL_SERVICE_NAME="judged")
    ids = {}
    for name, port, path, method, headers in [
        ("ready", METRICS, "/readyz", "GET", {}),
        ("nowhere", PUBLIC, "/secret-4711/path?name=secret-4712", "GET", {"user-agent": "secret-4713"}),
        ("sign-in", CONSOLE, "/sign-in", "GET", {}),
        ("template", PUBLIC, "/status/secret-4714", "GET", {}),
        ("word", PUBLIC, "/portal/sign-in", "SECRET4715", {}),
        ("inside", CONSOLE, "/sign-in", "GET", {"traceparent": PARENT, "tracestate": "secret=4716"}),
        ("outside", PUBLIC, "/portal/sign-in", "GET", {"traceparent": PARENT, "baggage": "secret=4717"}),
    ]:
        ids[name] = ask(port, path, method, headers).headers["x-request-id"]
    took = server.stop()
    assert took < 5, f"it stopped after {took} s"
    receiver.stop()

    known = check_every(receiver)
    assert receiver.services == {("judged", "rust")}, receiver.services
    by_id = {attributes(span).get("mapae.request_id"): span for span in receiver.spans}
    found = {name: by_id[request_id] for name, request_id in ids.items()}
    names = {name: span.name for name, span in found.items()}
    assert names["ready"] == "GET /readyz" and names["nowhere"] == "GET" and names["sign-in"] == "GET /sign-in", names
    assert re.fullmatch(r"GET /status/\{[a-z_]+\}", names["template"]), names
    assert names["word"] == "HTTP /portal/sign-in" and names["outside"] == "GET /portal/sign-in", names
    nowhere = attributes(found["nowhere"])
    assert nowhere["http.response.status_code"] == 404 and "http.route" not in nowhere, nowhere
    inside, outside = found["inside"], found["outside"]
    assert inside.trace_id.hex() == THEIRS and inside.parent_span_id.hex() == "b7ad6b7169203331"
    assert outside.trace_id.hex() != THEIRS and not outside.parent_span_id, "a stranger's traceparent counts for nothing"
    assert all(span.kind == Span.SPAN_KIND_SERVER for span in found.values())
    raw = b"".join(receiver.bodies).lower()
    assert b"secret" not in raw and b"471" not in re.sub(rb"[0-9a-f]{16}", b"", raw)
    told = {line["request_id"]: line.get("trace_id") for line in server.lines() if "request_id" in line}
    for name, request_id in ids.items():
        assert told[request_id] == found[name].trace_id.hex(), f"the log line of {name} names its trace"
    print(f"otlp: {len(known)} spans of a few requests: names, attributes, parents and log lines fit; stopped in {took:.1f} s")


def texts(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def check_walk():
    """The whole walk from application to login: hundreds of spans, and nobody in them."""
    receiver = Receiver(RECEIVER)
    origin = f"http://localhost:{PUBLIC}"
    given = settings(
        MAPAE__TRACES__ENDPOINT=f"http://127.0.0.1:{RECEIVER}/",
        MAPAE__TRACES__CONTINUED_FROM='["console", "public"]',
        MAPAE__TRACES__CONTINUED_AT=json.dumps([origin]),
    )
    command = [TRACING, "demo", "--json", "--port", str(PUBLIC), "--data", str(FOLDER / "demo")]
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE) as demo:
        described = json.loads(demo.stdout.readline())
        answer = ask(CONSOLE, "/sign-in/badge")
        assert answer.status in (302, 303), answer.status
        asked = answer.headers["x-request-id"]
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(30) == 0
    receiver.stop()
    known = check_every(receiver)

    units = [span for span in receiver.spans if span.name == "store unit"]
    under = {known[span.parent_span_id].name for span in units}
    assert any(name.startswith("POST /") for name in under) and "carry sms" in under, under
    assert all(attributes(span)["mapae.store.outcome"] in ("committed", "rolled_back") for span in units)
    # The console asks its provider, which is this server's public listener: one trace over both.
    [console] = [span for span in receiver.spans if attributes(span).get("mapae.request_id") == asked]
    calls = [span for span in receiver.spans if span.parent_span_id == console.span_id and span.name == "GET provider"]
    assert calls and all(span.kind == Span.SPAN_KIND_CLIENT for span in calls), console
    answers = [span for span in receiver.spans if span.parent_span_id == calls[0].span_id]
    assert [span.name for span in answers] == ["GET /.well-known/openid-configuration"], answers

    raw = b"".join(receiver.bodies)
    assert not re.search(rb"[\xea-\xed][\x80-\xbf]{2}[\xea-\xed][\x80-\xbf]{2}", raw), "two syllables of Hangul"
    personal = {"badge", "login", "holder", "phone", "api_headers", "accounts", "standard_wallets"}
    sought = {text for key in personal & described.keys() for text in texts(described[key]) if len(text) >= 6}
    words = {"public", "console", "metrics"} | {name for span in receiver.spans for name in span.name.split("/")}
    for text in sought - words:
        assert text.encode() not in raw, f"{text!r} stands in the traces"
    assert not re.search(rb"01[016789]-?\d{3,4}-?\d{4}", raw), "a phone number"
    kinds = len({span.name for span in receiver.spans})
    print(f"otlp: {len(known)} spans of the walk, {kinds} names: {len(sought)} texts of its people sought, none found")


def check_away():
    """Nobody takes the spans: away altogether, or there and silent."""
    silent = socket.create_server(("127.0.0.1", 0), backlog=1)
    for what, port in [("away", RECEIVER), ("silent", silent.getsockname()[1])]:
        server = Server(MAPAE__TRACES__ENDPOINT=f"http://127.0.0.1:{port}")
        longest = 0
        for _ in range(3000):
            begun = time.monotonic()
            assert ask(METRICS, "/readyz").status == 200
            longest = max(longest, time.monotonic() - begun)
        assert longest < 1, f"a request took {longest} s"
        told = [line for line in server.lines() if "spans did not reach" in line.get("message", "")]
        assert len(told) <= 1, told
        took = server.stop()
        assert took < 5, f"it stopped after {took} s"
        print(f"otlp: receiver {what}: 3000 requests, none above {longest * 1000:.0f} ms; stopped in {took:.1f} s")


def check_plain():
    """The default build says what it lacks, and minds no variable of others."""
    given = settings(MAPAE__TRACES__ENDPOINT="http://127.0.0.1:4318")
    refused = subprocess.run([PLAIN, "config", "check"], env=given, capture_output=True, text=True)
    assert refused.returncode != 0 and "--features otlp" in refused.stderr, refused
    given = settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
    assert subprocess.run([PLAIN, "config", "check"], env=given, capture_output=True).returncode == 0
    print("otlp: the default build refuses an endpoint and says how to get it")


check_plain()
check_requests()
check_walk()
check_away()
