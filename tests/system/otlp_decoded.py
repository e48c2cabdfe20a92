"""Requests to a collector as decoders read them that are not ours: what `collector.py` reads by itself, these read again.

A decoder takes a `collector.Request` and returns its message as a dict with the names of OTLP's JSON, ids in hexadecimal. Fields that
have their default value may be left out, as protobuf does.
"""
import base64
import importlib.util
import json
import os
import shutil
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
IDS = {"traceId", "spanId", "parentSpanId"}
#: A folder with node_modules/ in it: `npm install --prefix DIR @opentelemetry/otlp-transformer@0.203.0`, the last that reads protobuf.
NPM_TOOLS = os.environ.get("PROXY_NPM_TOOLS", "")
TRANSFORMER = os.path.join(NPM_TOOLS, "node_modules/@opentelemetry/otlp-transformer/build/src/generated/root.js")


def with_ids(value, change):
    """The same message with other ids. OTLP's JSON has them in hexadecimal, protobuf's in base64."""
    if isinstance(value, list):
        return [with_ids(one, change) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: change(one) if name in IDS else with_ids(one, change) for name, one in value.items()}


def to_hex(text):
    return base64.b64decode(text, validate=True).hex()


def to_base64(text):
    return base64.b64encode(bytes.fromhex(text)).decode()


class Protobuf:
    """protoc and Python's protobuf, by `otlp.proto`: both encodings, and none of their fields may be unknown to it."""

    NAMES = {"/v1/logs": "Logs", "/v1/metrics": "Metrics", "/v1/traces": "Traces"}

    def __init__(self, folder):
        try:
            from google.protobuf import json_format
        except ImportError:
            raise unittest.SkipTest("no google.protobuf here: apt install python3-protobuf") from None
        if not shutil.which("protoc"):
            raise unittest.SkipTest("no protoc here: apt install protobuf-compiler")
        self.json_format = json_format
        subprocess.run(["protoc", f"--proto_path={HERE}", f"--python_out={folder}", "otlp.proto"], check=True)
        spec = importlib.util.spec_from_file_location("otlp_pb2", os.path.join(folder, "otlp_pb2.py"))
        self.messages = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.messages)

    def __call__(self, request):
        message = getattr(self.messages, self.NAMES[request.path])()
        if request.is_json:
            self.json_format.ParseDict(with_ids(json.loads(request.body), to_base64), message)
        else:
            self.parse(message, request.body)
        return with_ids(self.json_format.MessageToDict(message), to_hex)

    @staticmethod
    def parse(message, body):
        message.ParseFromString(body)
        size = message.ByteSize()
        message.DiscardUnknownFields()
        assert message.ByteSize() == size, "fields that otlp.proto does not have"


class Npm:
    """OpenTelemetry's own messages for JavaScript: protobuf alone."""

    def __init__(self, folder):
        if not NPM_TOOLS or not os.path.exists(TRANSFORMER):
            raise unittest.SkipTest("no otlp-transformer here: PROXY_NPM_TOOLS names a folder with "
                                    "node_modules/@opentelemetry/otlp-transformer 0.203.0 in it")
        if not shutil.which("node"):
            raise unittest.SkipTest("no node here: apt install nodejs")

    def __call__(self, request):
        done = subprocess.run(["node", os.path.join(HERE, "otlp_decode.js"), TRANSFORMER, request.path], input=request.body,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return with_ids(json.loads(done.stdout), to_hex)
