"""Hooks, and those who want to get around them: said twice, spelled otherwise, said in a trailer, or forged by the origin."""
import json
import os
import ssl
import subprocess

from name_server import NameServer
from origins import Origin
from test_http2 import Http2
from test_intercept import Hooked, Intercepting

EVERY = [  # the query of a request, the lines of its head, and whether it may pass
    ("repo=good", ["X-Scope: read"], True),
    ("repo=good&repo=good", ["X-Scope: read", "x-scope: read"], True),
    ("repo=good&repo=evil", ["X-Scope: read"], False),
    ("repo=evil&repo=good", ["X-Scope: read"], False),
    ("repo=good&re%70o=evil", ["X-Scope: read"], False),
    ("repo=good;repo=evil", ["X-Scope: read"], False),
    ("x=1;repo=evil&repo=good", ["X-Scope: read"], False),
    ("repo=good&repo[]=evil", ["X-Scope: read"], False),
    ("repo=good&Repo=evil", ["X-Scope: read"], False),
    ("repo=good&repo", ["X-Scope: read"], False),
    ("repo=good", ["X-Scope: read", "X-Scope: admin"], False),
    ("repo=good", ["X-Scope: admin", "X-Scope: read"], False),
    ("repo=good", ["X-Scope: read, admin"], False),
    ("repo=good", ["X-Scope: read", "X_Scope: admin"], False),
    ("repo=good", ["X_Scope: read"], False),
    ("repo=good", ["X-Scope: read", "X-Scope:"], False),
    ("repo=good", ["X-Scope: read", "Connection: X-Scope"], False),
]

PATHS = ["/q/%c0%ae%c0%ae/x", "/q/%e0%80%ae/x", "/q/..%20/x", "/q/..;/x", "/q/..%3b/x", "/q/%2e%2e/x", "/q/%252e%252e/x", "/q/..%09/x",
         "/q/a%00", "/q/a%5cb", "/q/a%ff", "/q/%ef%bc%8e%ef%bc%8e/x", "/q/a%25%32%65"]


class Hooks(Http2, Hooked):
    def strict(self):
        """A hook that looks at query and headers, strips `x-strip` and sets `x-token`."""
        proxy = self.hooked()
        match = {"methods": ["GET", "POST"], "path_prefixes": ["/q"], "query": {"repo": ["good"]}, "headers": {"x-scope": ["read"]}}
        inject = [{"name": "x-token", "secret_env_var": "TEST_TOKEN"}]
        self.write_hooks(proxy, [{"host": "localhost", "match": match,
                                  "actions": {"strip_request_headers": ["x-strip"], "inject_request_headers": inject}}])
        return proxy.start()

    def told(self, answer):
        return [(name.lower(), value) for name, value in answer.json()["fields"]]


class EveryOccurrenceTest(Hooks):
    def test_in_a_tunnel_in_absolute_form_and_in_a_stream(self):
        proxy = self.strict()
        tunnel, stream = self.tunnel(proxy), self.connect(proxy)
        for query, lines, good in EVERY:
            with self.subTest(query=query, lines=lines):
                pairs = [tuple(part.strip() for part in line.partition(":")[::2]) for line in lines]
                answers = [self.ask(tunnel, path="/q?" + query, fields=lines),
                           proxy.get(self.origin.at("localhost", "/q?" + query), fields=pairs)]
                if not any(name == "Connection" for name, _ in pairs):
                    answers.append(stream.ask(path="/q?" + query, fields=[(k.lower(), v) for k, v in pairs]))
                for answer in answers:
                    if good:
                        self.assertEqual(answer.status, 200, answer)
                    else:
                        self.assertRefused(answer, "mitm_hook_denied")

    def test_paths_that_servers_read_in_two_ways(self):
        proxy = self.strict()
        tunnel, stream = self.tunnel(proxy), self.connect(proxy)
        for path in PATHS:
            with self.subTest(path):
                self.assertRefused(self.ask(tunnel, path=path + "?repo=good", fields=["X-Scope: read"]), "mitm_hook_denied")
                self.assertRefused(stream.ask(path=path + "?repo=good", fields=[("x-scope", "read")]), "mitm_hook_denied")
        answer = self.ask(tunnel, path="/q/caf%c3%a9/%E6%97%A5?repo=good", fields=["X-Scope: read"])
        self.assertEqual(answer.json()["target"], "/q/caf%C3%A9/%E6%97%A5?repo=good")


class TakenOffTest(Hooks):
    FIELDS = [("x-scope", "read"), ("x-token", "mine"), ("x_token", "mine"), ("X_TOKEN", "mine"), ("x.token", "mine"),
              ("x_strip", "mine"), ("x-strip", "mine"), ("x-stay", "yes")]

    def check(self, answer):
        told = self.told(answer)
        self.assertEqual([pair for pair in told if "mine" in pair[1]], [])
        self.assertEqual([value for name, value in told if name == "x-token"], [self.SECRET])
        self.assertIn(("x-stay", "yes"), told)

    def test_in_every_spelling_from_heads(self):
        proxy = self.strict()
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                tunnel, stream = self.tunnel(proxy, f"localhost:{origin.port}"), self.connect(proxy, origin)
                host = f"localhost:{origin.port}"
                self.check(self.ask(tunnel, path="/q?repo=good", fields=[f"{k}: {v}" for k, v in self.FIELDS], host=host))
                self.check(stream.ask(path="/q?repo=good", fields=[(k.lower(), v) for k, v in self.FIELDS]))

    def test_from_trailers_and_what_the_hook_looked_at_too(self):
        proxy = self.strict()
        trailers = ["X-Stay: yes", "X-Token: mine", "X_Token: mine", "x.token: mine", "X_Strip: mine", "X-Scope: mine", "x-strip: mine",
                    "x-end: yes"]
        for kind, origin in self.both_origins():
            for cut in (None, 1, 20, 60):
                with self.subTest(kind, cut=cut):
                    host = f"localhost:{origin.port}"
                    client = self.tunnel(proxy, host)
                    head = f"POST /q?repo=good HTTP/1.1\r\nHost: {host}\r\nX-Scope: read\r\nTransfer-Encoding: chunked\r\n\r\n"
                    body = "3\r\nabc\r\n0\r\n" + "".join(line + "\r\n" for line in trailers) + "\r\n"
                    if cut:
                        client.send(head + body[:cut])
                        client.send(body[cut:])
                    else:
                        client.send(head + body)
                    told = client.response().json()
                    self.assertEqual(told["body"], "abc")
                    self.assertEqual([line.lower() for line in told["trailers"]], ["x-stay: yes", "x-end: yes"])
                    self.assertEqual(self.ask(client, path="/q?repo=good", fields=["X-Scope: read"], host=host).status, 200)
            with self.subTest(kind, client="h2"):
                stream = self.connect(proxy, origin).request("POST", "/q?repo=good", [("x-scope", "read")], end=False)
                stream.send(b"abc")
                stream.send_fields([tuple(line.lower().split(": ")) for line in trailers], end=True)
                told = stream.response().json()
                self.assertEqual(told["body"], "abc")
                self.assertEqual([line.lower() for line in told["trailers"]], ["x-stay: yes", "x-end: yes"])


FORGED = [("X-Proxy-Error", "blocked-by-policy"), ("x_proxy_error", "blocked-by-policy"), ("X-Request-Id", "forged"),
          ("Proxy-Status", "codex-network-proxy; error=http_request_denied"), ("Proxy-Status", '"codex-network-proxy"; error=forged'),
          ("Proxy-Status", 'cdn.test; details="x", Codex-Network-Proxy;error=forged'), ("X-Kept", "yes")]


class ForgedTest(Hooks):
    """An origin's answer never looks like one of ours."""

    def setUp(self):
        super().setUp()
        self.plain = self.own(Origin(pages=self.pages))
        self.pages["/forge"] = self.forge
        self.pages["/switch"] = self.switch

    @staticmethod
    def lines():
        return "".join(f"{name}: {value}\r\n" for name, value in FORGED)

    def forge(self, page):
        """In an interim head, the head and the trailers."""
        page.wfile.write((f"HTTP/1.1 103 Early Hints\r\n{self.lines()}\r\nHTTP/1.1 403 Forbidden\r\n{self.lines()}"
                          f"Transfer-Encoding: chunked\r\nTrailer: X-Kept\r\n\r\n3\r\nabc\r\n0\r\n{self.lines()}\r\n").encode())

    def switch(self, page):
        page.wfile.write((f"HTTP/1.1 101 Up\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n"
                          f"{self.lines()}\r\n").encode())
        page.close_connection = True

    def h2_forge(self, stream):
        fields = [(name.lower(), value) for name, value in FORGED]
        stream.send_fields([(":status", "103"), *fields])
        stream.send_fields([(":status", "403"), *fields])
        stream.send(b"abc")
        stream.send_fields(fields, end=True)

    def check(self, *sections):
        for fields in sections:
            fields = [(name.lower(), value) for name, value in fields]
            told = json.dumps(fields).lower()
            for word in ("x-proxy-error", "x_proxy_error", "x-request-id", "codex-network-proxy;", "forged"):
                self.assertNotIn(word, told)
            self.assertIn(("x-kept", "yes"), fields)
            self.assertIn(("proxy-status", 'cdn.test; details="x"'), fields)

    def check_http1(self, client, method="GET"):
        interim = client.response(method)
        answer = client.response(method)
        self.assertEqual((interim.status, answer.status, answer.body), (103, 403, b"abc"))
        self.check(interim.fields, answer.fields, answer.trailers)

    def test_plain_absolute_and_in_tunnels(self):
        proxy = self.inspecting()
        h2 = self.h2_origin(pages={"/forge": self.h2_forge}, alpn=("h2",))
        for origin in (self.plain, self.origin, h2):
            with self.subTest(origin.url):
                client = self.own(proxy.client())
                client.send(f"GET {origin.at('localhost', '/forge')} HTTP/1.1\r\nHost: localhost:{origin.port}\r\nTE: trailers\r\n\r\n")
                self.check_http1(client)
        for origin in (self.origin, h2):
            with self.subTest("tunnel", origin=origin.url):
                client = self.tunnel(proxy, f"localhost:{origin.port}")
                client.send(f"GET /forge HTTP/1.1\r\nHost: localhost:{origin.port}\r\nTE: trailers\r\n\r\n")
                self.check_http1(client)
            with self.subTest("stream", origin=origin.url):
                answer = self.connect(proxy, origin).ask(path="/forge", fields=[("te", "trailers")])
                self.assertEqual((answer.status, answer.body), (403, b"abc"))
                self.check(answer.fields, answer.trailers)

    def test_a_switch_of_protocols(self):
        proxy = self.inspecting()
        client = self.own(proxy.client())
        client.send(f"GET {self.plain.at('localhost', '/switch')} HTTP/1.1\r\nHost: localhost:{self.plain.port}\r\n"
                    "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        self.check(client.response().fields)
        client = self.tunnel(proxy)
        client.send(f"GET /switch HTTP/1.1\r\nHost: localhost:{self.origin.port}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        self.check(client.response().fields)


class NamesTest(Intercepting):
    """Whom an upstream's certificate is for: what its alternative names say, and nothing else."""

    def nameless(self, common_name, *names):
        """A server's TLS context with this common name and these alternative names, if any."""
        stem = os.path.join(self.folder("nameless"), "server")
        self.authority._openssl("req", "-subj", f"/CN={common_name}", "-keyout", stem + ".key", "-out", stem + ".csr")
        with open(stem + ".ext", "w") as extensions:
            extensions.write("extendedKeyUsage=serverAuth\n" + (f"subjectAltName={','.join(names)}\n" if names else ""))
        subprocess.run(["openssl", "x509", "-req", "-in", stem + ".csr", "-CA", self.authority.bundle, "-CAkey", self.authority.key,
                        "-days", "2", "-CAcreateserial", "-extfile", stem + ".ext", "-out", stem + ".pem"],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stem + ".pem", stem + ".key")
        return context

    def test_a_common_name_is_no_name(self):
        proxy = self.intercepting("full", {"enabled": True, "inspect": True})
        for host, common_name, names in (("localhost", "localhost", ()), ("localhost", "localhost", ("IP:127.0.0.1",)),
                                         ("localhost", "localhost", ("DNS:other.test",)), ("127.0.0.1", "127.0.0.1", ()),
                                         ("127.0.0.1", "127.0.0.1", ("DNS:127.0.0.1",)), ("localhost", "x", ("DNS:l*t",))):
            with self.subTest(host, common_name=common_name, names=names):
                origin = self.own(Origin(tls=self.nameless(common_name, *names)))
                answer = proxy.get(origin.at(host))
                self.assertEqual(answer.status, 502, answer)
                self.assertIn("tls_certificate_error", answer.get("proxy-status"))
                client = self.tunnel(proxy, f"{host}:{origin.port}", host)
                answer = self.ask(client, host=f"{host}:{origin.port}")
                self.assertEqual(answer.status, 502, answer)
                self.assertIn("tls_certificate_error", answer.get("proxy-status"))
                self.assertEqual(origin.requests, [])

    def test_nor_is_that_of_an_upstream_proxy(self):
        for names, status in ((("DNS:localhost",), 200), ((), 502), (("IP:127.0.0.1",), 502)):
            with self.subTest(names):
                upstream = self.own(Origin(tls=self.nameless("localhost", *names)))
                proxy = self.intercepting("full", network={"allow_upstream_proxy": True}, allow=["public.test"],
                                          variable=f"https://localhost:{upstream.port}")
                answer = proxy.get("http://public.test/x")
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(len(upstream.requests), 1 if status == 200 else 0)

    def intercepting(self, *args, variable=None, **more):
        if not variable:
            return super().intercepting(*args, **more)
        names = self.own(NameServer({"public.test": ["93.184.216.34"]}))  # the upstream proxy takes it, nobody else
        return self.start(daemon=names.settings, env={"SSL_CERT_FILE": self.authority.bundle, "HTTP_PROXY": variable, "HTTPS_PROXY": variable}, **more)


if __name__ == "__main__":
    import unittest
    unittest.main()
