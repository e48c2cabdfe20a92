"""How a refusal reaches whoever has to read it: what it says to change, in a form that the asking program shows."""
import json
import os
import shutil
import ssl
import unittest

from client import Client
from name_server import NameServer
from origins import Authority, Origin
from support import BIN, SystemTest, audit_events, clean_env, free_port, toml, until
from test_http2_clients import python_with

GRPC_CALL = """
import grpc, sys
roots = open(sys.argv[2], "rb").read() if len(sys.argv) > 2 else None
channel = grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials(roots))
try: channel.unary_unary("/test/Echo")(b"hello", timeout=20)
except grpc.RpcError as error: print(error.code().name, error.details())
"""
PYTHON_REQUESTS = """
import requests, sys
reply = requests.get(sys.argv[1])
print(reply.status_code, reply.reason, reply.json()["remedy"])"""
PYTHON_HTTPX = """
import httpx, sys
reply = httpx.get(sys.argv[1])
print(reply.status_code, reply.reason_phrase, reply.json()["remedy"])"""
HTTPS_FETCH = """
const tls = require("tls"), http = require("http"), proxy = new URL(process.env.HTTPS_PROXY);
const login = "Basic " + Buffer.from(decodeURIComponent(proxy.username + ":" + proxy.password)).toString("base64");
http.request({host: proxy.hostname, port: proxy.port, method: "CONNECT", path: "refused.test:443",
              headers: {host: "refused.test:443", "proxy-authorization": login}})
  .on("connect", (_, socket) => {
    const secure = tls.connect({socket, servername: "refused.test"}, () =>
      secure.write("GET / HTTP/1.1\\r\\nHost: refused.test\\r\\n\\r\\n"));
    secure.on("data", part => process.stdout.write(part));
  }).end();"""


class RemedyTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.proxy = self.start(allow=["example.org", "*.corp.example"], deny=["bad.example"])
        with open(self.proxy.config_file) as text:
            self.lines = [line.partition(" ")[0] for line in text]

    def line_of(self, key):
        return self.lines.index(key) + 1

    def where(self, key):
        return f"{self.proxy.config_file} (line {self.line_of(key)})"

    def test_each_refusal_says_what_to_change_and_where(self):
        limited = lambda: self.proxy.admin("POST", "/mode", '{"mode":"limited"}')
        for url, method, words in (
                ("http://exampel.org/", "GET", ('add "exampel.org" to allowed_domains in ' + self.where("allowed_domains"),
                                                'did you mean "example.org"')),
                ("http://api.corp.exmple/", "GET", ('did you mean "api.corp.example"',)),
                ("http://corp.example/", "GET", ('"*.corp.example"', "does not cover")),
                ("http://bad.example/", "GET", ('take "bad.example" off denied_domains in ' + self.where("denied_domains"),)),
                ("http://[fd00:ec2::254]/", "GET", ('add "fd00:ec2::254" to allowed_domains',)),
                (limited, None, ()),
                ("http://example.org/", "POST", ('mode = "full"',))):
            if method is None:
                url()
                continue
            with self.subTest(url):
                told = self.proxy.get(url, method=method).json()
                for word in words:
                    self.assertIn(word, told["remedy"])
                self.assertNotRegex(told["remedy"], "(?i)no_proxy|bypass|unset|directly")
        self.proxy.admin("POST", "/mode", '{"mode":"full"}')
        client, answer = self.proxy.connect("exampel.org:443")
        self.own(client)
        text, facts, remedy, _ = answer.text().split("\n")
        self.assertEqual(text, "Domain not in allowlist.")
        self.assertTrue(facts.startswith("host=exampel.org reason=not_allowed "), facts)
        self.assertIn(f'remedy: add "exampel.org" to allowed_domains in {self.where("allowed_domains")}', remedy)

    def test_explain_says_the_same(self):
        live = self.proxy.get("http://exampel.org/").json()["remedy"]
        told = self.cli("explain", "--json", "--config", self.proxy.config_file, "http://exampel.org/")
        self.assertEqual(json.loads(told.stdout)["remedy"], live)
        self.assertIn("\nremedy    " + live, self.cli("explain", "--config", self.proxy.config_file, "http://exampel.org/").stdout)
        allowed = self.cli("explain", "--json", "--config", self.proxy.config_file, "--resolve", "example.org=93.184.216.34",
                           "http://example.org/")
        self.assertIsNone(json.loads(allowed.stdout)["remedy"])

    def test_the_status_line_says_it_in_one_line(self):
        for host in ("exampel.org", "a" * 60 + "." + "b" * 60 + ".test", "xn--e1aybc.test"):
            answer = self.proxy.get(f"http://{host}/")
            self.assertTrue(answer.reason.startswith("Blocked by policy: not_allowed " + host[:20]), answer.reason)
            self.assertLessEqual(len(answer.reason), 120)
            self.assertTrue(answer.reason.isascii() and answer.reason.isprintable(), answer.reason)

    def test_a_browser_gets_a_page(self):
        accept = [("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]
        self.proxy.configure(allow=["localhost"])
        self.proxy.reload()
        for url, status, words in (("http://exampel.org/", 403, "allowed_domains"),
                                   (f"http://localhost:{free_port()}/", 502, "connection_refused"),
                                   ("http://a:0x/", 400, "http_request_error")):
            answer = self.proxy.get(url, fields=accept)
            self.assertEqual((answer.status, answer.get("content-type")), (status, "text/html; charset=utf-8"))
            self.assertIn(words, answer.text())
        self.assertEqual(self.proxy.get("http://exampel.org/", fields=[("Accept", "*/*")]).get("content-type"), "application/json")
        head = self.proxy.get("http://exampel.org/", method="HEAD", fields=accept)
        self.assertEqual((head.status, head.body), (403, b""))

    def test_a_websocket_handshake_is_refused_with_a_body(self):
        fields = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                  ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
        answer = self.proxy.get("http://exampel.org/chat", fields=fields)
        self.assertRefused(answer, "not_allowed")
        self.assertIn("remedy", answer.json())

    def test_grpc_reads_it_in_fields(self):
        fields = [("Content-Type", "application/grpc"), ("TE", "trailers")]
        answer = self.proxy.get("http://exampel.org/test/Echo", method="POST", fields=fields, body=b"\0\0\0\0\0")
        self.assertEqual((answer.status, answer.get("content-type"), answer.get("grpc-status"), answer.body),
                         (200, "application/grpc", "7", b""))
        self.assertIn("Blocked by policy: not_allowed exampel.org", answer.get("grpc-message"))
        self.assertEqual(answer.get("x-proxy-error"), "blocked-by-allowlist")
        self.proxy.configure(allow=["localhost"])
        self.proxy.reload()
        answer = self.proxy.get(f"http://localhost:{free_port()}/test/Echo", method="POST", fields=fields, body=b"\0\0\0\0\0")
        self.assertEqual((answer.status, answer.get("grpc-status")), (200, "14"))
        self.assertIn("connection_refused", answer.get("grpc-message"))
        self.assertEqual(answer.get("x-proxy-error"), "")


class InsideTest(SystemTest):
    """A refused CONNECT that is answered inside the tunnel it asked for."""

    def setUp(self):
        super().setUp()
        self.names = self.own(NameServer({"refused.test": ["127.0.0.1"], "local.test": ["127.0.0.1"]}))
        self.audit = os.path.join(self.tmp, "audit.jsonl")

    def tearDown(self):
        self.assertEqual(self.names.asked("refused.test"), 0, "a refused name is never looked up")

    def inside(self, refusals="inside", daemon=None, env=None, **network):
        return self.start(env=env, allow=["allowed.test", "local.test"], network={"mitm": True, "refusals": refusals, **network},
                          daemon={**self.names.settings, "log": {"access": True}, "audit": {"output": "file:" + self.audit},
                                  **(daemon or {})})

    def events(self):
        return audit_events(self.audit)

    def trust(self, proxy, alpn=()):
        context = ssl.create_default_context(cafile=os.path.join(proxy.folder, "proxy/ca.pem"))
        context.set_alpn_protocols(list(alpn))
        return context

    def tunnel(self, proxy, authority="refused.test:443", name="refused.test", context=None):
        client, answer = proxy.connect(authority)
        self.assertEqual(answer.status, 200, answer)
        context = context or self.trust(proxy)
        return self.own(Client(sock=context.wrap_socket(client.sock, server_hostname=name)))

    def test_the_refusal_is_the_answer_to_the_request_inside(self):
        proxy = self.inside()
        client = self.tunnel(proxy)
        client.send("GET /path HTTP/1.1\r\nHost: refused.test\r\n\r\n")
        answer = client.response()
        self.assertRefused(answer, "not_allowed")
        told = answer.json()
        self.assertEqual((told["host"], told["port"], told["reason"]), ("refused.test", 443, "not_allowed"))
        self.assertIn('add "refused.test" to allowed_domains', told["remedy"])
        self.assertEqual((answer.reason, answer.get("x-proxy-error")),
                         ("Blocked by policy: not_allowed refused.test", "blocked-by-allowlist"))
        self.assertTrue(client.closed(), "the next CONNECT is judged anew")
        blocked = proxy.blocked()
        self.assertEqual((blocked["total"], blocked["blocked"][0]["protocol"], blocked["blocked"][0]["request_id"]),
                         (1, "https_connect", answer.get("x-request-id")))
        events = until(self.events, "the event")
        self.assertEqual([(e["event.name"], e["request.id"], e["http.request.method"]) for e in events],
                         [("codex.network_proxy.policy_decision", answer.get("x-request-id"), "CONNECT")])
        proxy.wait_for_line("msg=connection .*target=refused.test:443 .*end=refused")

    def test_plain_http_is_answered_in_plain(self):
        proxy = self.inside()
        client, answer = proxy.connect("refused.test:80")
        self.own(client)
        self.assertEqual(answer.status, 200)
        client.send("POST / HTTP/1.1\r\nHost: other.test\r\nContent-Length: 3\r\n\r\nabc")
        self.assertRefused(client.response(), "not_allowed")

    def test_bytes_that_come_with_connect_are_the_tunnels_first(self):
        proxy = self.inside()
        client = self.own(proxy.client())
        client.send("CONNECT refused.test:80 HTTP/1.1\r\nHost: refused.test:80\r\n\r\nGET / HTTP/1.1\r\nHost: refused.test\r\n\r\n")
        self.assertEqual(client.response("CONNECT").status, 200)
        self.assertRefused(client.response(), "not_allowed")

    def test_the_server_name_is_not_compared(self):
        proxy = self.inside()
        context = self.trust(proxy)
        context.check_hostname = False
        for name in ("other.test", None):
            client = self.tunnel(proxy, name=name, context=context)
            client.send("GET / HTTP/1.1\r\nHost: another.test\r\n\r\n")
            answer = client.response()
            self.assertRefused(answer, "not_allowed")
            self.assertEqual(answer.json()["host"], "refused.test")

    def test_addresses_that_are_refused_after_a_look_up_are_told_inside_too(self):
        proxy = self.inside(allow_local_binding=False)
        client = self.tunnel(proxy, "local.test:443", "local.test")
        client.send("GET / HTTP/1.1\r\nHost: local.test\r\n\r\n")
        answer = client.response()
        self.assertRefused(answer, "not_allowed_local")
        self.assertIn("allow_local_binding", answer.json()["remedy"])
        literal = self.tunnel(proxy, "127.0.0.1:443", "127.0.0.1")
        literal.send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        self.assertRefused(literal.response(), "not_allowed_local")

    def test_a_browser_and_git_see_theirs(self):
        proxy = self.inside()
        for field, content_type in (("Accept: text/html", "text/html; charset=utf-8"), ("User-Agent: git/2.39", "text/plain")):
            client = self.tunnel(proxy)
            client.send(f"GET / HTTP/1.1\r\nHost: refused.test\r\n{field}\r\n\r\n")
            answer = client.response()
            self.assertEqual((answer.status, answer.get("content-type")), (403, content_type))

    def test_a_client_that_says_nothing_is_cut_off(self):
        proxy = self.inside(daemon={"timeouts": {"head": "2s"}})
        silent, _ = proxy.connect("refused.test:443")
        half, _ = proxy.connect("refused.test:443")
        half.send(b"\x16\x03\x01")
        for client in (silent, half):
            self.assertTrue(self.own(client).closed())
        other, _ = proxy.connect("refused.test:443")
        other.send(b"SSH-2.0-client\r\n")
        self.assertTrue(self.own(other).closed())
        proxy.wait_for_line("msg=refusal_not_seen host=refused.test port=443 reason=not_allowed .*said nothing")
        proxy.wait_for_line("msg=refusal_not_seen host=refused.test .*neither HTTP nor TLS")

    def test_a_client_that_does_not_trust_us_is_explained_in_the_log(self):
        proxy = self.inside()
        client, _ = proxy.connect("refused.test:443")
        with self.assertRaises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(client.sock, server_hostname="refused.test")
        client.close()
        proxy.wait_for_line("msg=refusal_not_seen host=refused.test .*reason=not_allowed cause=\".*trust")

    def test_who_has_to_say_who_it_is_is_asked_at_connect(self):
        proxy = self.inside(daemon={"socks_users": {"me": "env:A"}}, env={"A": "secret"})
        client, answer = proxy.connect("refused.test:443")
        self.own(client)
        self.assertEqual(answer.status, 407)

    def test_connect_answers_where_it_has_to(self):
        for proxy in (self.inside("connect"), self.inside("auto"), self.start(network={"refusals": "inside"})):
            client, answer = proxy.connect("refused.test:443")
            self.own(client)
            self.assertRefused(answer, "not_allowed")

    def test_so_many_certificates_are_made_for_one_client(self):
        proxy = self.inside(daemon={"workers": 1})
        answers = []
        for n in range(200):
            client, answer = proxy.connect(f"h{n}.test:443")
            answers.append(answer.status)
            client.close()
            if answer.status != 200:
                break
        self.assertGreater(len(answers), 20)
        self.assertEqual(answers[-1], 403, "the client has asked for many")
        self.assertRefused(answer, "not_allowed")

    def test_nothing_that_is_allowed_is_touched(self):
        origin = self.own(Origin())
        proxy = self.inside()
        proxy.configure(allow=["127.0.0.1"])
        proxy.reload()
        client, answer = proxy.connect(origin.authority)
        self.own(client)
        client.send(f"GET /x HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        self.assertEqual(client.response().json()["target"], "/x")

    def test_a_reload_that_allows_a_host_holds_from_the_next_tunnel_on(self):
        origin = self.own(Origin())
        proxy = self.inside()
        waiting, answer = proxy.connect(origin.authority)
        self.own(waiting)
        self.assertEqual(answer.status, 200)
        proxy.configure(allow=["127.0.0.1"])
        proxy.reload()
        waiting.send(f"GET /x HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        self.assertRefused(waiting.response(), "not_allowed")
        client, _ = proxy.connect(origin.authority)
        self.own(client)
        client.send(f"GET /x HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        self.assertEqual(client.response().status, 200)


class RunTest(SystemTest):
    """`run` makes the environment of its child, so the refusal is what the child's programs are answered."""

    def setUp(self):
        super().setUp()
        self.home = self.folder("home")
        self.config = os.path.join(self.home, "config.toml")
        network = {"enabled": True, "mitm": True, "allow_upstream_proxy": False, "allowed_domains": ["allowed.test"]}
        with open(self.config, "w") as out:
            out.write(toml({"default_permissions": "test", "permissions": {"test": {"network": network}}}))
        self.ca = os.path.join(self.home, "proxy/ca.pem")

    def run_child(self, *command, **more):
        return self.run_tool(BIN, "run", "--config", self.config, "--", *command,
                             env=clean_env(CODEX_HOME=self.home, HOME=self.home, GIT_TERMINAL_PROMPT="0", **more))

    def test_programs_show_the_refusal(self):
        python = python_with("requests")
        httpx = python_with("httpx")
        grpc = python_with("grpc")
        rows = [("curl", ["curl", "-sS", "https://refused.test/"], '"remedy":"add \\"refused.test\\" to allowed_domains'),
                ("curl over HTTP/1.1", ["curl", "-sS", "--http1.1", "-i", "https://refused.test/"],
                 "403 Blocked by policy: not_allowed refused.test"),
                ("wget", ["wget", "-O-", "--tries=1", "https://refused.test/"], "403 Blocked by policy: not_allowed refused.test"),
                ("git", ["git", "ls-remote", "https://refused.test/repo"], 'remote: remedy: add "refused.test" to allowed_domains'),
                ("node", ["node", "-e", HTTPS_FETCH], "403 Blocked by policy: not_allowed refused.test")]
        if python:
            rows.append(("requests", [python, "-c", PYTHON_REQUESTS, "https://refused.test/"],
                         '403 Blocked by policy: not_allowed refused.test add "refused.test" to allowed_domains'))
        if httpx:
            rows.append(("httpx", [httpx, "-c", PYTHON_HTTPX, "https://refused.test/"],
                         '403 Blocked by policy: not_allowed refused.test add "refused.test" to allowed_domains'))
        if grpc:
            rows.append(("gRPC", [grpc, "-c", GRPC_CALL, "refused.test:443", self.ca],
                         "PERMISSION_DENIED Blocked by policy: not_allowed refused.test; add \"refused.test\" to allowed_domains"))
        for name, command, words in rows:
            with self.subTest(name):
                if not shutil.which(command[0]):
                    self.skipTest(f"{command[0]} is not installed")
                done = self.run_child(*command)
                self.assertIn(words, done.stdout + done.stderr)
                self.assertIn("1 x CONNECT refused.test:443 not_allowed", done.stderr, "one event for each CONNECT")

    def test_other_ports_are_answered_at_connect(self):
        done = self.run_child("curl", "-sS", "https://refused.test:8443/")
        self.assertIn("403", done.stderr)
        self.assertEqual(done.returncode, 56, done.stderr)

    def test_a_child_that_trusts_somebody_else_is_told_why(self):
        authority = Authority(self.folder("authority"))
        done = self.run_child("curl", "-sS", "--cacert", authority.bundle, "https://refused.test/")
        self.assertEqual(done.returncode, 60, done.stderr)
        self.assertRegex(done.stderr, "msg=refusal_not_seen host=refused.test .*trust")

    def test_without_interception_connect_answers(self):
        with open(self.config) as text:
            changed = text.read().replace("mitm = true", "mitm = false")
        with open(self.config, "w") as out:
            out.write(changed)
        done = self.run_child("curl", "-sS", "https://refused.test/")
        self.assertEqual(done.returncode, 56, done.stderr)


if __name__ == "__main__":
    unittest.main()
