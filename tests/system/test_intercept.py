"""Intercepted HTTPS: what is read inside a tunnel, what of it is refused, and what is never looked at."""
import os
import signal
import socket
import ssl
import stat

from client import Client
from origins import Authority, Origin, Scripted
from support import SystemTest, free_port, until


def read(name):
    with open(name, "rb") as file:
        return file.read()


class Intercepting(SystemTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder("authority"))
        self.origin = self.own(Origin(tls=self.authority.server("localhost", "127.0.0.1")))

    def intercepting(self, mode="limited", mitm=True, **more):
        network = {"mode": mode, "mitm": mitm, **more.pop("network", {})}
        return self.start(allow=more.pop("allow", ["localhost", "127.0.0.1"]), network=network,
                          env={"SSL_CERT_FILE": self.authority.bundle}, **more)

    def trust(self, proxy, alpn=None):
        """What a client needs to believe the proxy, and nobody else."""
        context = ssl.create_default_context(cafile=os.path.join(proxy.folder, "proxy/ca.pem"))
        if alpn:
            context.set_alpn_protocols(alpn)
        return context

    def tunnel(self, proxy, authority=None, name="localhost", context=None):
        """A client inside an intercepted tunnel."""
        client, answer = proxy.connect(authority or f"localhost:{self.origin.port}")
        self.assertEqual(answer.status, 200, answer)
        context = context or self.trust(proxy)
        if name is None or not context.check_hostname:
            context.check_hostname = False
        return self.own(Client(sock=context.wrap_socket(client.sock, server_hostname=name)))

    def ask(self, client, method="GET", path="/", fields=(), body=b"", host=None):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'localhost:{self.origin.port}'}", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return client.response(method)


class InterceptTest(Intercepting):
    def test_limited_mode_lets_reads_pass_and_refuses_the_rest_inside_the_tunnel(self):
        proxy = self.intercepting()
        client = self.tunnel(proxy)
        answer = self.ask(client, path="/a?b=c")
        self.assertEqual((answer.status, answer.json()["target"]), (200, "/a?b=c"))
        self.assertEqual(self.ask(client, "HEAD").status, 200)
        refused = self.ask(client, "POST", body=b"x=1")
        self.assertRefused(refused, "method_not_allowed")
        self.assertEqual(refused.get("x-proxy-error"), "blocked-by-method-policy")
        self.assertEqual(self.ask(client, "OPTIONS").status, 200)  # the tunnel goes on
        self.assertEqual([line.split()[0] for line in self.origin.requests], ["GET", "HEAD", "OPTIONS"])
        blocked = proxy.blocked()["blocked"][-1]
        self.assertEqual((blocked["host"], blocked["method"], blocked["reason"]), ("localhost", "POST", "method_not_allowed"))

    def test_curl_needs_the_ca_and_nothing_else(self):
        proxy = self.intercepting()
        ca = os.path.join(proxy.folder, "proxy/ca.pem")
        self.assertEqual(stat.S_IMODE(os.stat(ca).st_mode), 0o644)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(proxy.folder, "proxy/ca.key")).st_mode), 0o600)
        for url in (self.origin.at("localhost", "/x"), self.origin.at("127.0.0.1", "/x")):
            told = self.run_tool("curl", "-sS", "-x", proxy.url, "--cacert", ca, url)
            self.assertEqual(told.returncode, 0, told.stderr)
            self.assertIn('"target": "/x"', told.stdout)
        told = self.run_tool("curl", "-sS", "-x", proxy.url, "--cacert", self.authority.bundle, self.origin.at("localhost"))
        self.assertEqual(told.returncode, 60, told.stderr)  # not the origin's certificate
        proxy.wait_for_line("msg=client_tls_failed host=localhost .*does not trust")

    def test_strict_clients_accept_the_chain(self):
        proxy = self.intercepting()
        context = self.trust(proxy)
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        self.assertEqual(self.ask(self.tunnel(proxy, context=context)).status, 200)

    def test_the_ca_is_kept_and_what_is_wrong_with_it_is_named(self):
        proxy = self.intercepting()
        files = [os.path.join(proxy.folder, "proxy", name) for name in ("ca.pem", "ca.key")]
        before = read(files[0])
        os.chmod(files[1], 0o644)
        status, answer = proxy.reload()
        self.assertEqual(status, 422)
        self.assertIn("ca.key", str(answer))
        self.assertEqual(self.ask(self.tunnel(proxy)).status, 200)  # the old policy is in force
        os.chmod(files[1], 0o600)
        self.assertEqual(proxy.reload()[0], 200)
        os.remove(files[1])
        self.assertEqual(proxy.reload()[0], 422)
        self.assertEqual(read(files[0]), before)
        self.assertFalse(os.path.exists(files[1]))

    def test_heads_larger_than_a_tls_record_pass(self):
        fields = [(f"X-Field-{i}", str(i % 10) * 1000) for i in range(50)]
        self.origin.pages["/large"] = lambda page: page.reply(b"done", fields=fields)
        client = self.tunnel(self.intercepting())
        answer = self.ask(client, path="/large", fields=[f"{name}: {value}" for name, value in fields])
        self.assertEqual((answer.status, answer.body), (200, b"done"))
        self.assertEqual([answer.get(name) for name, _ in fields], [value for _, value in fields])

    def test_names_that_disagree_are_answered_421_and_recorded(self):
        proxy = self.intercepting(allow=["localhost", "127.0.0.1"])
        client = self.tunnel(proxy)
        self.assertEqual(self.ask(client, host="other.test").status, 421)
        self.assertEqual(self.ask(client, path="https://other.test/", host="other.test").status, 421)
        self.assertEqual(self.ask(client, host="localhost").status, 200)  # the port is the tunnel's
        context = self.trust(proxy)
        context.check_hostname = False
        self.assertEqual(self.ask(self.tunnel(proxy, name="other.test", context=context)).status, 421)
        self.assertEqual([b["reason"] for b in proxy.blocked()["blocked"]], ["misdirected"] * 3)
        self.assertEqual(len(self.origin.requests), 1)

    def test_a_tunnel_inside_a_tunnel_is_no_request(self):
        client = self.tunnel(self.intercepting())
        answer = self.ask(client, "CONNECT", path="localhost:443", host="localhost:443")
        self.assertEqual((answer.status, bool(answer.get("allow"))), (405, True))

    def test_what_is_neither_tls_nor_http_is_refused_where_it_has_to_be_read(self):
        proxy = self.intercepting()
        for word in (b"SSH-2.0-x\r\n", b"\x05\x01\x00", b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"):
            client, answer = proxy.connect(f"localhost:{self.origin.port}")
            self.own(client)
            self.assertEqual(answer.status, 200)
            client.send(word)
            self.assertTrue(client.closed())
        self.assertEqual([b["reason"] for b in proxy.blocked()["blocked"]], ["mitm_required"] * 3)
        self.assertEqual(self.origin.requests, [])

    def test_a_hello_cut_anywhere_ends_the_tunnel_and_nothing_else(self):
        proxy = self.intercepting()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        self.assertRaises(ssl.SSLWantReadError, session.do_handshake)
        hello = outgoing.read()
        for size in [*range(0, 80), *range(80, len(hello), 37)]:
            client, answer = proxy.connect(f"localhost:{self.origin.port}")
            client.send(hello[:size])
            client.finish()
            self.assertTrue(client.closed(), size)
            client.close()
        client, _ = proxy.connect(f"localhost:{self.origin.port}")
        self.own(client)
        for byte in hello:  # whole, but a byte at a time
            client.send(bytes([byte]))
        self.assertEqual(client.read(3)[:2], b"\x16\x03")
        self.assertEqual(self.ask(self.tunnel(proxy)).status, 200)

    def test_an_upstream_that_cannot_be_believed_is_told_inside_the_tunnel(self):
        wrong = self.own(Origin(tls=self.authority.server("other.test")))
        stranger = self.own(Origin(tls=Authority(self.folder("stranger")).server("localhost")))
        proxy = self.intercepting()
        for port, words in ((wrong.port, "hostname"), (stranger.port, "issuer")):
            client = self.tunnel(proxy, f"localhost:{port}")
            answer = self.ask(client)
            self.assertEqual((answer.status, answer.get("x-proxy-error")), (502, ""), answer)
            self.assertIn("error=tls_certificate_error", answer.get("proxy-status"))
            self.assertIn("CN", answer.text())
            self.assertIn(words, answer.text().lower())
        self.assertEqual(wrong.requests + stranger.requests, [])

    def test_an_upstream_that_cannot_be_reached_is_what_connect_answers(self):
        proxy = self.intercepting()
        self.assertEqual(proxy.connect(f"localhost:{free_port()}")[1].status, 502)
        self.assertEqual(proxy.connect("denied.test:443")[1].status, 403)

    def test_full_mode_reads_nothing_unless_asked_to_inspect(self):
        proxy = self.intercepting("full")
        context = ssl.create_default_context(cafile=self.authority.bundle)
        self.assertEqual(self.ask(self.tunnel(proxy, context=context), "POST", body=b"x").status, 200)
        proxy.configure(network={"mitm": {"enabled": True, "inspect": True}})
        self.assertEqual(proxy.reload()[0], 200)
        answer = self.ask(self.tunnel(proxy), "POST", path="/p?secret=1", body=b"x" * 5000)
        self.assertEqual(answer.status, 200)
        proxy.wait_for_line("msg=inspected .*method=POST .*status=200 request_bytes=5000 request_truncated=true")
        self.assertNotIn("secret", proxy.log())
        self.assertNotIn("/p", proxy.log().rpartition("msg=inspected")[2], "sizes, and not what was asked for")

    def test_inspection_lets_other_protocols_pass_whoever_speaks_first(self):
        proxy = self.intercepting("full", {"enabled": True, "inspect": True})
        echo = self.own(Scripted(serve=lambda sock, head: sock.sendall(b"echo " + head)))
        client, _ = proxy.connect(f"127.0.0.1:{echo.port}")
        self.own(client).send(b"plain words\r\n\r\n")
        self.assertEqual(client.read(5), b"echo ")
        with socket.create_server(("127.0.0.1", 0)) as server:
            client, _ = proxy.connect("127.0.0.1:%d" % server.getsockname()[1])
            self.own(client)
            with server.accept()[0] as banner:
                banner.sendall(b"220 ready\r\n")
                self.assertEqual(client.line(), "220 ready")

    def test_websockets_work_in_full_mode_and_end_with_limited_mode(self):
        proxy = self.intercepting("full", {"enabled": True, "inspect": True})
        client = self.tunnel(proxy)
        fields = ["Connection: Upgrade", "Upgrade: websocket"]
        self.assertEqual(self.ask(client, path="/upgrade", fields=fields).status, 101)
        client.send(b"\x81\x02hi")
        self.assertEqual(client.read(4), b"\x81\x02hi")
        status, _, answer = proxy.admin("POST", "/mode", '{"mode":"limited"}')
        self.assertEqual((status, answer["mode"]), (200, "limited"))
        self.assertTrue(client.closed())
        self.assertRefused(self.ask(self.tunnel(proxy), path="/upgrade", fields=fields), "method_not_allowed")

    def test_a_reload_ends_tunnels_it_refuses_and_keeps_the_others(self):
        proxy = self.intercepting("full", {"enabled": True, "inspect": True})
        ended, kept = self.tunnel(proxy), self.tunnel(proxy, f"127.0.0.1:{self.origin.port}", name="127.0.0.1")
        at = f"127.0.0.1:{self.origin.port}"
        self.assertEqual(self.ask(kept, "POST", body=b"x", host=at).status, 200)
        proxy.configure(deny=["localhost"], network={"mode": "limited"})
        status, answer = proxy.reload()
        self.assertEqual((status, answer["closed_tunnels"]), (200, 1))
        self.assertTrue(ended.closed())
        self.assertRefused(self.ask(kept, "POST", body=b"x", host=at), "method_not_allowed")
        self.assertEqual(self.ask(kept, host=at).status, 200)

    def test_unread_tunnels_end_when_they_must_be_read(self):
        proxy = self.intercepting("full")
        client = self.tunnel(proxy, context=ssl.create_default_context(cafile=self.authority.bundle))
        self.assertEqual(self.ask(client).status, 200)
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertTrue(client.closed())

    def test_bodies_stream_both_ways_and_upstreams_are_reused(self):
        proxy = self.intercepting("full", {"enabled": True, "inspect": True}, daemon={"workers": 1})
        client = self.tunnel(proxy)
        self.assertEqual(len(self.ask(client, path="/bytes/3000000").body), 3000000)
        answer = self.ask(client, path="/chunked/300000")
        self.assertEqual((len(answer.body), answer.trailers), (300000, [("X-Check", "good")]))
        self.origin.release.set()
        self.assertEqual(self.ask(client, "POST", path="/upload", body=b"u" * 2000000).text(), "2000000")
        self.assertEqual(self.ask(self.tunnel(proxy)).status, 200)
        self.assertEqual(self.origin.connections, 1)

    def test_a_drain_lets_the_request_finish(self):
        proxy = self.intercepting()
        client = self.tunnel(proxy)
        client.send(f"GET /wait HTTP/1.1\r\nHost: localhost:{self.origin.port}\r\n\r\n")
        until(lambda: self.origin.requests, "the request has come to the origin")
        proxy.signal(signal.SIGTERM)
        proxy.wait_for_line("msg=draining")
        self.origin.release.set()
        self.assertEqual(client.response().status, 200)
        self.assertEqual(proxy.wait(), 0)


class Hooked(Intercepting):
    """A hooked host, `localhost`: GET and POST below /repos/ lose a cookie and get a secret."""

    SECRET = "s3cr3t-of-the-test"

    def hooked(self, mode="full", env=None, actions=None, **more):
        hook = {"host": "localhost", "match": {"methods": ["GET", "POST"], "path_prefixes": ["/repos/"]},
                "actions": actions or {"strip_request_headers": ["cookie"],
                                       "inject_request_headers": [{"name": "authorization", "prefix": "Bearer ",
                                                                   "secret_env_var": "TEST_TOKEN"}]}}
        proxy = self.prepare(allow=["localhost", "127.0.0.1"], network={"mode": mode, "mitm": True},
                             env={"SSL_CERT_FILE": self.authority.bundle, "TEST_TOKEN": self.SECRET, **(env or {})}, **more)
        self.write_hooks(proxy, [hook])
        return proxy

    def write_hooks(self, proxy, hooks):
        def inline(value):
            if isinstance(value, dict):
                return "{" + ", ".join(f'"{k}" = {inline(v)}' for k, v in value.items()) + "}"
            if isinstance(value, list):
                return "[" + ", ".join(map(inline, value)) + "]"
            return '"' + value + '"'
        proxy.configure()
        with open(proxy.config_file) as file:
            text = file.read()
        table = "[permissions.test.network]\n"
        self.assertIn(table, text)
        proxy.write(text.replace(table, f"{table}mitm_hooks = {inline(hooks)}\n"))

    def fields(self, answer):
        return {name.lower(): value for name, value in answer.json()["fields"]}


class HookTest(Hooked):
    """Hooked hosts: what a hook lets pass, what it adds, and what it keeps to itself."""

    def test_a_hook_adds_what_the_client_never_sees(self):
        proxy = self.hooked().start()
        client = self.tunnel(proxy)
        answer = self.ask(client, path="/repos/a", fields=["Cookie: c=1", "Authorization: Bearer dummy", "X-Other: 1"])
        told = self.fields(answer)
        self.assertEqual((told["authorization"], told["x-other"]), ("Bearer " + self.SECRET, "1"))
        self.assertNotIn("cookie", told)
        self.assertNotIn("authorization", answer.names())
        self.assertEqual(self.ask(client, "POST", path="/repos/a", body=b"x").status, 200)
        for shown in (proxy.log(), str(proxy.admin("GET", "/config")), str(proxy.admin("GET", "/connections"))):
            self.assertNotIn(self.SECRET, shown)

    def test_what_no_hook_matches_is_refused_in_every_mode(self):
        for mode in ("full", "limited"):
            client = self.tunnel(self.hooked(mode).start())
            for method, path in (("PUT", "/repos/a"), ("GET", "/user"), ("GET", "/repos/../user"), ("GET", "/repos/%2e%2e/user"),
                                 ("GET", "/repos%2fa"), ("GET", "/repos/%2fuser"), ("GET", "/repos/..%5cuser")):
                refused = self.ask(client, method, path=path)
                self.assertRefused(refused, "mitm_hook_denied")
                self.assertEqual(refused.get("x-proxy-error"), "blocked-by-mitm-hook")
            self.assertEqual(self.ask(client, path="/repos/x/../a").json()["target"], "/repos/a")  # forwarded as judged
        refused = self.ask(client, "POST", path="/repos/a")  # limited
        self.assertRefused(refused, "method_not_allowed")

    def test_a_hooked_host_is_never_reached_in_the_clear_or_unread(self):
        plain = self.own(Origin())
        proxy = self.hooked().start()
        answer = proxy.get(plain.at("localhost", "/repos/a"))
        self.assertRefused(answer, "mitm_required")
        self.assertIn("hooks", answer.json()["message"])
        self.assertNotIn("limited", answer.text())
        client, answer = proxy.connect(f"localhost:{plain.port}")
        self.assertRefused(self.ask(self.own(client), path="/repos/a"), "mitm_required")
        self.assertEqual(plain.requests, [])
        answer = proxy.get(self.origin.at("localhost", "/repos/a"))  # https in absolute form is read too
        self.assertEqual(self.fields(answer)["authorization"], "Bearer " + self.SECRET)
        self.assertRefused(proxy.get(self.origin.at("localhost", "/user")), "mitm_hook_denied")

    def test_other_hosts_are_not_read_in_full_mode(self):
        proxy = self.hooked().start()
        context = ssl.create_default_context(cafile=self.authority.bundle)
        at = f"127.0.0.1:{self.origin.port}"
        self.assertEqual(self.ask(self.tunnel(proxy, at, "127.0.0.1", context), "PUT", host=at).status, 200)

    def test_secrets_of_files_are_read_again_at_reload(self):
        secret = os.path.join(self.folder("secrets"), "token")
        with open(secret, "w") as file:
            file.write("first\n")
        proxy = self.hooked(actions={"inject_request_headers": [{"name": "x-token", "secret_file": secret}]}).start()
        client = self.tunnel(proxy)
        self.assertEqual(self.fields(self.ask(client, path="/repos/a"))["x-token"], "first")
        with open(secret, "w") as file:
            file.write("second\n")
        self.assertEqual(proxy.reload()[0], 200)
        self.assertEqual(self.fields(self.ask(client, path="/repos/a"))["x-token"], "second")
        os.remove(secret)
        status, answer = proxy.reload()
        self.assertEqual(status, 422)
        self.assertIn("failed to read secret file", str(answer))
        self.assertEqual(self.fields(self.ask(client, path="/repos/a"))["x-token"], "second")
        self.assertNotIn("second", proxy.log())

    def test_a_missing_secret_stops_the_start(self):
        proxy = self.hooked(actions={"inject_request_headers": [{"name": "x-token", "secret_env_var": "NOT_THERE"}]}).launch()
        self.assertEqual(proxy.wait(), 78)
        self.assertIn("missing required environment variable NOT_THERE", proxy.log())
        proxy.process = None

    def test_hooks_that_come_with_a_reload_hold_for_open_tunnels(self):
        proxy = self.start(allow=["localhost"], network={"mode": "full", "mitm": {"enabled": True, "inspect": True}},
                           env={"SSL_CERT_FILE": self.authority.bundle, "TEST_TOKEN": self.SECRET})
        client = self.tunnel(proxy)
        self.assertEqual(self.ask(client, path="/user").status, 200)
        self.write_hooks(proxy, [{"host": "localhost", "match": {"methods": ["GET"], "path_prefixes": ["/repos/"]}}])
        self.assertEqual(proxy.reload()[0], 200)
        self.assertRefused(self.ask(client, path="/user"), "mitm_hook_denied")
        self.assertEqual(self.ask(client, path="/repos/a").status, 200)
