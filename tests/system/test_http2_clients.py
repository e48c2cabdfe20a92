"""Programs that speak HTTP/2 through an intercepting proxy, with the variables that `env` prints and no others."""
import json
import os
import shutil
import subprocess
import sys

from http2_origin import Http2Origin
from name_server import NameServer
from origins import Authority, Origin
from support import SystemTest, clean_env
from test_intercept_clients import Intercepted

HERE = os.path.dirname(os.path.abspath(__file__))


def python_with(module):
    """A Python that has this module, or None."""
    for python in (sys.executable, "/usr/bin/python3"):
        if shutil.which(python) and subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0:
            return python


class Http2ClientsTest(Intercepted, SystemTest):
    """Names resolve in the proxy alone: a client that went round it could not reach `allowed.test` at all."""

    def setUp(self):
        super().setUp()
        self.names = self.own(NameServer({"allowed.test": ["127.0.0.1"]}))
        self.authority = Authority(self.tmp)
        self.proxy = self.start_proxy()
        self.env = clean_env(HOME=self.tmp, **self.client_env())

    def tls(self):
        return self.authority.server("allowed.test")

    def tool(self, *command):
        done = self.run_tool(*command, env=self.env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def serve(self, *command):
        """Starts a server that tells its port on its first line: `allowed.test:port`."""
        self.tls()
        stem = os.path.join(self.tmp, "allowed.test")
        server = subprocess.Popen([*command[:2], "serve", stem + ".pem", stem + ".key", *command[2:]], env=clean_env(),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        return "allowed.test:" + server.stdout.readline().strip()

    def assertRead(self, method, port):
        """The proxy has read a request, in a tunnel."""
        self.proxy.wait_for_line(f"msg=inspected .*port={port} method={method} ")


class CurlTest(Http2ClientsTest):
    def setUp(self):
        super().setUp()
        self.origins = [self.own(Origin(tls=self.tls())), self.own(Http2Origin(self.tls()))]
        for origin in self.origins:
            origin.release.set()

    def curl(self, *args):
        """What curl says of its transfer, then the body."""
        body, _, said = self.tool("curl", "-sS", "--http2", "-w", "\n%{http_version} %{http_code}", *args).rpartition("\n")
        return said, body

    def test_requests_of_every_kind(self):
        for origin in self.origins:
            url = origin.at("allowed.test", "/curl")
            with self.subTest(url):
                said, body = self.curl(url)
                self.assertEqual((said, json.loads(body)["target"]), ("2 200", "/curl"))
                self.assertRead("GET", origin.port)
                said, body = self.curl("-X", "PUT", "--data-binary", "x" * 100_000, url)
                self.assertEqual((said, len(json.loads(body)["body"])), ("2 200", 100_000))
                said, head = self.curl("-I", origin.at("allowed.test", "/bytes/1000"))
                self.assertEqual((said, "content-length: 1000" in head), ("2 200", True))
                said, body = self.curl(origin.at("allowed.test", "/bytes/5000000"))
                self.assertEqual((said, len(body)), ("2 200", 5_000_000))

    def test_an_upload_from_a_pipe(self):
        big = os.path.join(self.tmp, "big")
        with open(big, "wb") as file:
            file.truncate(4_000_000)
        for origin in self.origins:
            with self.subTest(origin.url):
                self.assertEqual(self.curl("-T", big, origin.at("allowed.test", "/upload")), ("2 200", "4000000"))

    def test_many_at_once_over_one_connection(self):
        for origin in self.origins:
            with self.subTest(origin.url):
                url = origin.at("allowed.test", "/[1-40]")
                told = self.tool("curl", "-sS", "--http2", "--parallel", "--parallel-max", "40", "-o", os.devnull,
                                 "-w", "%{http_version} %{http_code} %{num_connects}\n", url).split("\n")[:-1]
                self.assertEqual([line.rsplit(" ", 1)[0] for line in told], ["2 200"] * 40)
                self.assertLess(sum(int(line.rsplit(" ", 1)[1]) for line in told), 10)

    def test_a_refusal_says_why(self):
        self.assertEqual(self.proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        for _ in range(8):  # the body may be sent before, with or after the refusal
            said, shown = self.curl("-i", "-d", "x", self.origins[0].at("allowed.test", "/curl"))
            self.assertEqual(said, "2 403")
            self.assertIn("x-proxy-error: blocked-by-method-policy", shown)
            self.assertIn('"reason":"method_not_allowed"', shown.replace(": ", ":"))

    def test_http1_reaches_an_origin_that_insists_on_h2(self):
        origin = self.own(Http2Origin(self.tls(), alpn=["h2"]))
        said, body = self.curl("--http1.1", origin.at("allowed.test", "/one"))
        self.assertEqual((said, json.loads(body)["version"]), ("1.1 200", "HTTP/2"))


class NodeTest(Http2ClientsTest):
    def node(self, *args):
        return ["node", os.path.join(HERE, "http2_node.js"), *args]

    def test_node_talks_to_itself(self):
        for manner in ("insist", "both"):
            with self.subTest(manner):
                at = self.serve(*self.node(manner))
                seen = json.loads(self.tool(*self.node("ask", "%s:%d" % self.proxy.address(), at)))
                told = {name: json.loads(seen[name]["body"]) for name in ("get", "post")}
                self.assertEqual(told["get"], {"version": "2.0", "method": "GET", "target": "/get", "size": 0})
                self.assertEqual(told["post"], {"version": "2.0", "method": "POST", "target": "/post", "size": 1 << 20})
                self.assertEqual((seen["get"]["trailers"].get("x-check"), seen["head"]["body"]), ("good", ""))
                self.assertEqual([json.loads(one["body"])["target"] for one in seen["many"]], [f"/{n}" for n in range(60)])
                self.assertEqual((seen["websocket"]["status"], seen["websocket"]["body"]), (200, "echo"))
                self.assertRead("POST", at.rpartition(":")[2])

    def test_curl_reaches_it_in_http1(self):
        for manner, version in (("insist", "2.0"), ("both", "1.1")):
            with self.subTest(manner):
                told = self.tool("curl", "-sS", "--http1.1", "-d", "hello", f"https://{self.serve(*self.node(manner))}/curl")
                self.assertEqual(json.loads(told), {"version": version, "method": "POST", "target": "/curl", "size": 5})


class GrpcTest(Http2ClientsTest):
    def test_calls_of_every_shape(self):
        python = python_with("grpc")
        if not python:
            self.skipTest("no Python here has the module grpc (package python3-grpcio)")
        script = [python, os.path.join(HERE, "http2_grpc.py")]
        at = self.serve(*script)
        seen = json.loads(self.tool(*script, "call", at))
        self.assertEqual((seen["echo"], seen["large"], seen["join"]), ("hello", 3_000_000, "a b c"))
        self.assertEqual(seen["count"], [str(n) for n in range(500)])
        self.assertEqual((seen["begin"], seen["chat"]), ("yes", [f"WORD {n}" for n in range(20)]))
        seen["/test/Fail"][2].pop("via")
        self.assertEqual(seen["/test/Fail"], ["FAILED_PRECONDITION", "not now", {"x-detail": "why"}])
        self.assertEqual(seen["/test/Nothing"][0], "UNIMPLEMENTED")
        self.assertEqual(seen["after"], "still here")
        self.assertRead("POST", at.rpartition(":")[2])


class WebSocketClientTest(Http2ClientsTest):
    def start_proxy(self):
        """In full mode `allowed.test` is read because it is hooked."""
        proxy = self.prepare(allow=["allowed.test"], daemon=self.names.settings, network={"mitm": True, "mitm_hooks": []},
                             env={"SSL_CERT_FILE": self.authority.bundle})
        with open(proxy.config_file) as file:
            text = file.read()
        hook = '[{host = "allowed.test", match = {methods = ["GET"], path_prefixes = ["/ws/"]}}]'
        self.assertIn("mitm_hooks = []", text)
        proxy.write(text.replace("mitm_hooks = []", f"mitm_hooks = {hook}"))
        return proxy.start()

    def test_a_conversation_with_a_hooked_host(self):
        python = python_with("websockets")
        if not python:
            self.skipTest("no Python here has the module websockets (package python3-websockets)")
        script = [python, os.path.join(HERE, "websocket_peer.py")]
        call = [*script, "call", "%s:%d" % self.proxy.address(), self.serve(*script)]
        self.assertEqual(json.loads(self.tool(*call, "/ws/chat")), {"text": 5, "binary": 1_000_000, "closed": 1000})
        self.assertEqual(json.loads(self.tool(*call, "/other")), {"status": 403, "error": "blocked-by-mitm-hook"})
