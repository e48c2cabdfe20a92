"""A collector of telemetry (OTLP over HTTP) that stores what comes, and fails as it is told.

Bodies are kept as they came; `items` reads those in JSON, and those in protobuf by field numbers of the public .proto files.
"""
import gzip
import http.server
import json
import socket
import ssl
import struct
import threading

LISTS = {"/v1/logs": ("resourceLogs", "scopeLogs", "logRecords"), "/v1/metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
         "/v1/traces": ("resourceSpans", "scopeSpans", "spans")}


class Request:
    """One request: path, headers and body, taken out of its gzip."""

    def __init__(self, path, headers, body):
        self.path, self.headers = path, headers
        self.is_gzip = headers.get("content-encoding") == "gzip"
        self.body = gzip.decompress(body) if self.is_gzip else body
        self.is_json = headers.get("content-type") == "application/json"

    def message(self):
        """The whole message as a dict, with the names of OTLP's JSON."""
        if self.is_json:
            return json.loads(self.body)
        return decode(self.body, {"/v1/logs": LOGS, "/v1/metrics": METRICS, "/v1/traces": TRACES}[self.path])

    def items(self):
        """Log records, metrics or spans, in order."""
        resources, scopes, items = LISTS[self.path]
        return [item for r in self.message().get(resources, ()) for s in r.get(scopes, ()) for item in s.get(items, ())]

    def resource(self):
        """The attributes of the (only) resource."""
        return attributes(self.message()[LISTS[self.path][0]][0]["resource"])

    def scope(self):
        """The (only) scope."""
        resources, scopes, _ = LISTS[self.path]
        return self.message()[resources][0][scopes][0]["scope"]


# -- protobuf: {field number: (name, kind)}; a list around a kind is a repeated field --

VALUE = {1: ("stringValue", "text"), 2: ("boolValue", "bool"), 3: ("intValue", "int"), 4: ("doubleValue", "double")}
ATTRIBUTE = {1: ("key", "text"), 2: ("value", VALUE)}
VALUE[5] = ("arrayValue", {1: ("values", [VALUE])})
RESOURCE = {1: ("attributes", [ATTRIBUTE])}
SCOPE = {1: ("name", "text"), 2: ("version", "text")}
RECORD = {1: ("timeUnixNano", "fixed"), 11: ("observedTimeUnixNano", "fixed"), 2: ("severityNumber", "int"), 3: ("severityText", "text"),
          5: ("body", VALUE), 6: ("attributes", [ATTRIBUTE]), 9: ("traceId", "hex"), 10: ("spanId", "hex"), 8: ("flags", "fixed32"),
          12: ("eventName", "text")}
POINT = {7: ("attributes", [ATTRIBUTE]), 2: ("startTimeUnixNano", "fixed"), 3: ("timeUnixNano", "fixed"), 4: ("asDouble", "double"),
         6: ("asInt", "fixed")}
GAUGE = {1: ("dataPoints", [POINT])}
SUM = {1: ("dataPoints", [POINT]), 2: ("aggregationTemporality", "int"), 3: ("isMonotonic", "bool")}
METRIC = {1: ("name", "text"), 2: ("description", "text"), 3: ("unit", "text"), 5: ("gauge", GAUGE), 7: ("sum", SUM),
          9: ("histogram", {1: ("dataPoints", [{}])})}
SPAN = {1: ("traceId", "hex"), 2: ("spanId", "hex"), 4: ("parentSpanId", "hex"), 5: ("name", "text"), 6: ("kind", "int"),
        7: ("startTimeUnixNano", "fixed"), 8: ("endTimeUnixNano", "fixed"), 9: ("attributes", [ATTRIBUTE])}


def wrapped(resources, scopes, items, item):
    scope = {1: ("scope", SCOPE), 2: (items, [item])}
    return {1: (resources, [{1: ("resource", RESOURCE), 2: (scopes, [scope])}])}


LOGS = wrapped(*LISTS["/v1/logs"], RECORD)
METRICS = wrapped(*LISTS["/v1/metrics"], METRIC)
TRACES = wrapped(*LISTS["/v1/traces"], SPAN)


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """(number, value) of each field; bytes for those that have a length."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size, at = (8, at) if kind == 1 else (4, at) if kind == 5 else varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size, "a field is cut off"
        yield key >> 3, value


READ = {"text": bytes.decode, "hex": bytes.hex, "bool": bool, "int": lambda v: v - (1 << 64) if v >> 63 else v,
        "fixed": lambda v: int.from_bytes(v, "little"), "fixed32": lambda v: int.from_bytes(v, "little"),
        "double": lambda v: struct.unpack("<d", v)[0]}


def decode(data, schema):
    """A message as a dict; fields that the schema does not name are left out."""
    out = {}
    for number, value in fields(data):
        if number not in schema:
            continue
        name, kind = schema[number]
        if isinstance(kind, list):
            out.setdefault(name, []).append(decode(value, kind[0]))
        else:
            out[name] = decode(value, kind) if isinstance(kind, dict) else READ[kind](value)
    return out


def attributes(holder):
    """Attributes as a dict of Python values."""
    def plain(value):
        (kind, inner), = value.items()
        return int(inner) if kind == "intValue" else inner
    return {one["key"]: plain(one["value"]) for one in holder.get("attributes", ())}


# -- the receiver --

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = Request(self.path, self.headers, body)
        fault = self.server.owner.take(request)
        if fault is None:
            return self.answer(200, b"{}" if request.is_json else b"")
        return fault(self)

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def status(code, **headers):
    """A fault: this answer."""
    return lambda handler: handler.answer(code, b"no", **headers)


def garbage(handler):
    handler.wfile.write(b"what is that?\r\n\r\n")
    handler.close_connection = True


def hang_up(handler):
    handler.close_connection = True


class Collector:
    """Listens at a free port. `faults` are what becomes of the next requests, one each; what fails is not stored in `requests`."""

    def __init__(self, tls=None, port=0):
        self.requests, self.refused, self.faults = [], [], []
        self.always = None  # a fault for all requests
        self.gate = threading.Event()
        self.gate.set()  # a collector that is slow is one whose gate is shut
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler, bind_and_activate=False)
        self.server.daemon_threads = True
        self.server.allow_reuse_address = True
        self.server.server_bind()
        self.server.server_activate()
        self.server.owner = self
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.handle_error = lambda *args: None  # a client that leaves
        self.port = self.server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def take(self, request):
        self.gate.wait()
        with self.lock:
            fault = self.faults.pop(0) if self.faults else self.always
            (self.refused if fault else self.requests).append(request)
            return fault

    def of(self, path):
        with self.lock:
            return [r for r in self.requests if r.path == path]

    def records(self):
        """All log records so far, as dicts of their attributes."""
        return [attributes(item) for r in self.of("/v1/logs") for item in r.items()]

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


def mutual(context, authority):
    """A server's TLS context that takes clients of the authority alone."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.bundle)
    return context


class HangsUp:
    """Takes connections and closes them at once: in the middle of a TLS handshake."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "https://127.0.0.1:%d" % self.socket.getsockname()[1]
        self.count = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            one.recv(1)
            one.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
