"""Tunnels that are to be read: what the client says first decides, however late it comes."""
import os
import signal
import ssl
import threading

from client import Client
from name_server import NameServer
from origins import Greeter, Origin, Scripted
from socks_client import CONNECT, SUCCESS, SocksClient, request
from support import until
from test_intercept import Hooked

INSPECT = {"enabled": True, "inspect": True}
SSL2_HELLO = b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + b"\x00\x00\x2f" * 7 + b"c" * 16


class FirstBytes(Hooked):
    def setUp(self):
        super().setUp()
        self.plain = self.own(Origin())

    def inspecting(self, **more):
        return self.intercepting("full", INSPECT, **more)

    def open(self, proxy, port=None, name="localhost"):
        """A client inside a tunnel that has said nothing yet."""
        client, answer = proxy.connect(f"{name}:{port or self.origin.port}")
        self.assertEqual(answer.status, 200, answer)
        return self.own(client)

    def secure(self, proxy, client, name="localhost"):
        context = self.trust(proxy)
        context.check_hostname = False
        return self.own(Client(sock=context.wrap_socket(client.sock, server_hostname=name)))

    def hello(self, name="localhost"):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
        self.assertRaises(ssl.SSLWantReadError, session.do_handshake)
        return outgoing.read()

    def reasons(self, proxy):
        return [b["reason"] for b in proxy.blocked()["blocked"]]

    def tunnels(self, proxy):
        return [c for c in proxy.admin("GET", "/connections")[2]["connections"] if c["state"] in ("tunnel", "intercepted")]

    def wait_silently(self, proxy, ms=1300):
        """Until all tunnels are so old."""
        until(lambda: all(c["age_ms"] > ms for c in self.tunnels(proxy)), f"tunnels are older than {ms} ms")


class SilenceTest(FirstBytes):
    def test_a_hello_is_read_however_late_it_comes(self):
        proxy = self.inspecting(daemon={"timeouts": {"tls_handshake": "1s", "head": "1s"}})
        late, foreign = self.open(proxy), self.open(proxy)
        self.wait_silently(proxy)
        self.assertEqual(self.ask(self.secure(proxy, late), path="/late").status, 200)
        proxy.wait_for_line("msg=inspected .*method=GET ")
        self.assertEqual(self.ask(self.secure(proxy, foreign, "elsewhere.test"), path="/hidden", host="elsewhere.test").status, 421)
        self.assertEqual(self.reasons(proxy), ["misdirected"])
        self.assertNotIn("/hidden", str(self.origin.requests))

    def test_a_hello_in_pieces_is_read_when_it_is_whole(self):
        proxy = self.inspecting()
        hello = self.hello()
        many = b"".join(b"\x16\x03\x01" + len(p).to_bytes(2, "big") + p
                        for p in (hello[5:][i:i + 50] for i in range(0, len(hello) - 5, 50)))
        for pieces in ([hello[:1], hello[1:]], [hello[:5], hello[5:]], [hello[:6], hello[6:100], hello[100:]],
                       [many[:55], many[55:]], [bytes([b]) for b in many]):
            client = self.open(proxy)
            for piece in pieces:
                client.send(piece)
            self.assertEqual(client.read(2), b"\x16\x03")
        self.assertEqual(self.reasons(proxy), [])

    def test_what_looks_like_tls_and_cannot_be_understood_is_refused(self):
        greeter = self.own(Greeter(b""))
        hello = self.hello()
        words = [b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00",  # a server's hello
                 b"\x16\x03\x01\x00\x05hello",
                 b"\x16GET / HTTP/1.1\r\n\r\n",
                 b"\x16\xfe\xfd\x00\x00\x00",
                 b"\x16\x03\x01\x00\x00" + hello,  # an empty record
                 b"\x16\x03\x01\x7f\xff\x01",  # a record beyond any
                 b"\x16\x03\x01\x40\x00\x01\x01\x00\x00" + b"\x03" * 100,  # a hello of 64 KiB
                 b"\x14\x03\x03\x00\x01\x01" + hello,  # what OpenSSL skips
                 b"\x15\x03\x01\x00\x02\x01\x00" + hello,
                 b"\x17\x03\x03\x00\x01x" + hello,
                 hello.replace(b"localhost", b"local\x00ost"),
                 hello[:5] + b"\x01\xff\xff\xff" + hello[9:],
                 b"".join(b"\x16\x03\x01\x00\x01" + bytes([b]) for b in hello[5:]),  # too many records
                 SSL2_HELLO,
                 SSL2_HELLO[:4],
                 b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + hello,
                 b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + b"\x00" * 12 + hello]
        for proxy in (self.inspecting(), self.intercepting()):
            for word in words:
                client = self.open(proxy, greeter.port)
                client.send(word)
                self.assertTrue(client.closed(), word[:20])
            self.assertEqual(self.reasons(proxy), ["mitm_required"] * len(words))
        self.assertEqual(greeter.heard, b"")

    def test_a_beginning_that_never_ends_is_refused(self):
        greeter = self.own(Greeter(b""))
        proxy = self.inspecting(daemon={"timeouts": {"tls_handshake": "200ms", "head": "200ms"}})
        for word in (b"\x16\x03\x01\x02", self.hello()[:60], b"\x80", b"\x14", b"FETCH x"):
            client = self.open(proxy, greeter.port)
            client.send(word)
            self.assertTrue(client.closed(), word)
        self.assertEqual(self.reasons(proxy), ["mitm_required"] * 5)
        self.assertEqual(greeter.heard, b"")

    def test_a_client_that_is_never_heard_ends_as_any_idle_tunnel(self):
        for proxy in (self.inspecting(daemon={"timeouts": {"idle": "300ms"}}),
                      self.intercepting(daemon={"timeouts": {"tls_handshake": "300ms"}})):
            self.assertTrue(self.open(proxy).closed())
            until(lambda: not self.tunnels(proxy), "the tunnel is over")
            self.assertEqual(self.reasons(proxy), [])

    def test_a_drain_ends_silent_tunnels(self):
        proxy = self.inspecting(daemon={"shutdown_grace": "30s"})
        client = self.open(proxy)
        proxy.signal(signal.SIGTERM)
        self.assertTrue(client.closed())
        self.assertEqual(proxy.wait(), 0)

    def test_silent_tunnels_cost_little(self):
        proxy = self.inspecting(daemon={"workers": 1})
        count = 400
        self.open(proxy)
        before = proxy.status_kib("VmRSS")
        for _ in range(count):
            self.open(proxy)
        if not os.environ.get("PROXY_SANITIZED"):
            self.assertLess((proxy.status_kib("VmRSS") - before) / count, 8)


class ServerFirstTest(FirstBytes):
    def test_servers_that_speak_first_are_heard(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter())
        client = self.open(proxy, greeter.port)
        self.assertEqual(client.line(), "220 ready")
        self.wait_silently(proxy)
        client.send(b"EHLO a.test\r\n")
        self.assertEqual(client.line(), "heard EHLO a.test")
        client.send(b"GET /unread HTTP/1.1\r\n")  # the tunnel has been told what it is
        self.assertEqual(client.line(), "heard GET /unread HTTP/1.1")
        self.assertEqual(greeter.connections, 1)

    def test_a_greeting_may_come_late_and_long(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter(b"g" * 8_000_000 + b"\r\n"))
        greeter.release.clear()
        client = self.open(proxy, greeter.port)
        self.wait_silently(proxy)
        greeter.release.set()
        self.assertEqual(client.read(8_000_002), b"g" * 8_000_000 + b"\r\n")
        client.send(b"SSH-2.0-x\r\n")
        self.assertEqual(client.line(), "heard SSH-2.0-x")

    def test_a_client_that_speaks_while_it_has_not_taken_all_loses_nothing(self):
        proxy = self.inspecting()
        size = 16_000_000  # more than sockets hold
        greeter = self.own(Greeter(b"g" * size))
        client = self.open(proxy, greeter.port)
        self.assertEqual(client.read(1), b"g")
        client.send(b"SSH-2.0-x\r\n")
        self.assertEqual(client.read(size - 1), b"g" * (size - 1))
        self.assertEqual(client.line(), "heard SSH-2.0-x")

    def test_ends_are_passed_on_both_ways(self):
        proxy = self.inspecting()
        client = self.open(proxy, self.own(greeter := Greeter()).port)
        client.finish()  # and never a word
        self.assertEqual(client.line(), "220 ready")
        until(lambda: greeter.ended, "the server has heard the end")
        self.assertTrue(client.closed())
        first = self.own(Greeter(end=True))
        client = self.open(proxy, first.port)
        self.assertEqual(client.rest(), b"220 ready\r\n")
        client.send(b"thanks\r\n")
        client.finish()
        until(lambda: first.ended, "the server has heard the end")
        self.assertEqual(first.heard, b"thanks\r\n")
        self.assertEqual(self.reasons(proxy), [])

    def test_where_our_side_has_ended_nothing_readable_passes(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter(end=True))
        for word in (self.hello(), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            client = self.open(proxy, greeter.port)
            self.assertEqual(client.rest(), b"220 ready\r\n")
            client.send(word)
            until(lambda: self.reasons(proxy), "it is refused")
        until(lambda: len(self.reasons(proxy)) == 2, "both are refused")
        self.assertEqual((greeter.heard, set(self.reasons(proxy))), (b"", {"mitm_required"}))

    def test_a_hello_behind_a_greeting_is_read_on_a_connection_of_its_own(self):
        """Nothing of it reaches the connection on which the server has spoken."""
        proxy = self.inspecting()
        greeter = self.own(Greeter())
        for greeted in (True, False):
            greeter.release.set() if greeted else greeter.release.clear()
            client = self.open(proxy, greeter.port)
            if greeted:
                self.assertEqual(client.line(), "220 ready")
            inside = self.secure(proxy, client)
            greeter.release.set()
            self.assertEqual(self.ask(inside, path="/in").status, 502)  # it speaks no TLS
        self.assertEqual(greeter.heard.count(b"/in"), 0)

    def test_a_request_behind_a_greeting_is_judged(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter())
        client = self.open(proxy, greeter.port)
        self.assertEqual(client.line(), "220 ready")
        client.send(b"GET / HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n")
        self.assertEqual(client.response().status, 421)
        self.assertEqual(greeter.heard, b"")


class PlainTest(FirstBytes):
    def test_plain_http_is_read_and_judged(self):
        for mode, mitm, post in (("limited", True, 403), ("full", INSPECT, 200)):
            plain = self.own(Origin())
            proxy = self.intercepting(mode, mitm)
            client = self.open(proxy, plain.port)
            answer = self.ask(client, path="/a?b=c", host=f"localhost:{plain.port}")
            self.assertEqual((answer.status, answer.json()["target"]), (200, "/a?b=c"))
            self.assertIn(["Host", f"localhost:{plain.port}"], [[n.title(), v] for n, v in answer.json()["fields"]])
            self.assertEqual(self.ask(client, path="/", host="elsewhere.test").status, 421)
            self.assertEqual(self.ask(client, path="http://elsewhere.test/", host="elsewhere.test").status, 421)
            self.assertEqual(self.ask(client, path="http://localhost/abs", host="localhost").json()["target"], "/abs")
            self.assertEqual(self.ask(client, "POST", body=b"x=1").status, post)
            self.assertEqual(self.ask(client, "CONNECT", path="localhost:443", host="localhost:443").status, 405)
            self.assertEqual(self.ask(client, path="/end").status, 200)
            self.assertEqual(plain.connections, 1)  # which CONNECT has made
            blocked = proxy.blocked()["blocked"]
            self.assertEqual([b["reason"] for b in blocked][:2], ["misdirected"] * 2)
            self.assertEqual({(b["protocol"], b["host"], b["port"]) for b in blocked}, {("http", "localhost", plain.port)})
            if post == 403:
                self.assertEqual((blocked[2]["reason"], blocked[2]["method"]), ("method_not_allowed", "POST"))
                self.assertEqual(len(blocked), 3)
        proxy.wait_for_line("msg=inspected .*method=POST status=200 request_bytes=3")

    def test_an_https_address_in_a_plain_tunnel_is_no_request(self):
        client = self.open(self.inspecting(), self.plain.port)
        self.assertEqual(self.ask(client, path=f"https://localhost:{self.plain.port}/").status, 400)
        self.assertEqual(self.plain.requests, [])

    def test_plain_http_never_uses_a_connection_of_https(self):
        proxy = self.inspecting(daemon={"workers": 1})
        self.assertEqual(self.ask(self.tunnel(proxy)).status, 200)
        client = self.open(proxy)
        self.assertIn(self.ask(client, path="/plain").status, (400, 502))  # it speaks TLS only
        self.assertNotIn("/plain", str(self.origin.requests))

    def test_connections_of_plain_http_are_shared_with_requests_in_absolute_form(self):
        proxy = self.inspecting(daemon={"workers": 1})
        for _ in range(2):
            self.assertEqual(proxy.get(self.plain.at("localhost")).status, 200)
            client = self.open(proxy, self.plain.port)
            self.assertEqual(self.ask(client).status, 200)
            client.close()
        self.assertLess(self.plain.connections, 4)

    def test_what_comes_near_http_is_not_relayed(self):
        greeter = self.own(Greeter(b""))
        proxy = self.inspecting(daemon={"timeouts": {"head": "300ms", "tls_handshake": "300ms"}})
        for word in (b"GET /\r\n", b"\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\rHost: localhost\r\r",
                     b" GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET\x0b/\x0bHTTP/1.1\r\nHost: localhost\r\n\r\n", b"get / http/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\nHost: localhost\n\n",
                     b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9, b"GET /" + b"x" * 70000, b"A" * 20000, b"GET / HTTP/1.1\r\nHost:"):
            client = self.open(proxy, greeter.port)
            client.send(word)
            answer = client.rest()
            self.assertRegex(answer, rb"^HTTP/1.1 (4\d\d|501|505) ", word[:40])
        self.assertEqual(greeter.heard, b"")

    def test_out_of_an_unread_tunnel_comes_no_http(self):
        """Whatever a server takes for a request: an answer in HTTP tells that it was one."""
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", b"http/1.0 200 OK\r\n\r\nsecret"):
            def serve(sock, _, answer=answer):
                for byte in answer:
                    sock.sendall(bytes([byte]))
                sock.recv(1)
            origin = self.own(Scripted(serve=serve))
            proxy = self.inspecting()
            client = self.open(proxy, origin.port)
            client.send(b"whatever it is\r\n\r\n")
            self.assertNotIn(b"secret", client.rest())
            self.assertEqual(self.reasons(proxy), ["mitm_required"])

    def test_after_http_nothing_but_http_comes(self):
        greeter = self.own(Greeter(b""))
        proxy = self.inspecting()
        for word in (self.hello(), b"\x05\x01\x00", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x05", b"\x00\x00\x00"):
            client = self.open(proxy, self.plain.port)
            self.assertEqual(self.ask(client).status, 200)
            client.send(word)
            self.assertRegex(client.rest(), b"^HTTP/1.1 400 |^$")
        self.assertEqual(len(self.plain.requests), 5)

    def test_requests_one_after_the_other_are_all_judged(self):
        proxy = self.intercepting()
        client = self.open(proxy, self.plain.port)
        head = "{} /{} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.send("".join(head.format(*w) for w in (("GET", 1), ("DELETE", 2), ("GET", 3))))
        self.assertEqual([client.response().status for _ in range(3)], [200, 403, 200])
        self.assertEqual([r.split()[1] for r in self.plain.requests], ["/1", "/3"])

    def test_websockets_without_tls_work_in_full_mode_and_end_with_limited_mode(self):
        proxy = self.inspecting()
        client = self.open(proxy, self.plain.port)
        fields = ["Connection: Upgrade", "Upgrade: websocket"]
        self.assertEqual(self.ask(client, path="/upgrade", fields=fields).status, 101)
        client.send(b"\x81\x02hi")
        self.assertEqual(client.read(4), b"\x81\x02hi")
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertTrue(client.closed())
        client = self.open(proxy, self.plain.port)
        self.assertRefused(self.ask(client, path="/upgrade", fields=fields), "method_not_allowed")

    def test_a_hooked_host_never_gets_its_secret_in_the_clear(self):
        for mode in ("full", "limited"):
            proxy = self.hooked(mode).start()
            client = self.open(proxy, self.plain.port)
            for path in ("/repos/a", "/user"):
                self.assertRefused(self.ask(client, path=path), "mitm_required")
            self.assertEqual(self.reasons(proxy), ["mitm_required"] * 2)
        self.assertEqual(self.plain.requests, [])

    def test_an_unreachable_server_is_what_connect_answers_and_one_that_leaves_is_told_inside(self):
        gone = self.own(Scripted(b""))
        client = self.open(self.intercepting(), gone.port)
        self.assertEqual(self.ask(client).status, 502)

    def test_curl_sends_plain_http_through_a_tunnel(self):
        told = self.run_tool("curl", "-sS", "-p", "-x", self.intercepting().url, self.plain.at("localhost", "/x"))
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn('"target": "/x"', told.stdout)


class MeanwhileTest(FirstBytes):
    def test_a_mode_or_a_hook_that_comes_while_the_client_is_silent_holds_for_what_it_says(self):
        def limited(proxy):
            self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)

        def hooked(proxy):
            self.write_hooks(proxy, [{"host": "localhost", "match": {"methods": ["GET"], "path_prefixes": ["/repos/"]}}])
            self.assertEqual(proxy.reload()[0], 200)

        for change, refused in ((limited, "method_not_allowed"), (hooked, "mitm_hook_denied")):
            proxy = self.inspecting()
            clients = [self.open(proxy) for _ in range(3)]
            change(proxy)
            inside = self.secure(proxy, clients[0])
            self.assertRefused(self.ask(inside, "POST", path="/repos/a", body=b"x"), refused)
            self.assertEqual(self.ask(inside, path="/repos/a").status, 200)
            clients[1].send(b"SSH-2.0-x\r\n")
            self.assertTrue(clients[1].closed())
            self.assertEqual(self.reasons(proxy)[-1], "mitm_required")
            greeter = self.own(Greeter())
            silent = self.open(proxy, greeter.port)
            silent.send(b"EHLO a\r\n")
            self.assertTrue(silent.closed())  # not a word of the server
            self.assertEqual(greeter.heard, b"")

    def test_a_greeting_that_comes_after_the_change_is_not_passed_on(self):
        proxy = self.inspecting(daemon={"timeouts": {"tls_handshake": "500ms"}})
        greeter = self.own(Greeter())
        greeter.release.clear()
        client = self.open(proxy, greeter.port)
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        greeter.release.set()
        self.assertTrue(client.closed())

    def test_a_tunnel_whose_server_has_spoken_ends_when_it_has_to_be_read(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter())
        client = self.open(proxy, greeter.port)
        self.assertEqual(client.line(), "220 ready")
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertTrue(client.closed())
        self.assertEqual(self.reasons(proxy), ["mitm_required"])

    def test_a_reload_that_denies_the_host_or_its_address_ends_silent_tunnels(self):
        for deny, allow in ((["localhost"], None), (["127.0.0.0/8"], None)):
            proxy = self.inspecting()
            client = self.open(proxy)
            proxy.configure(deny=deny)
            status, answer = proxy.reload()
            self.assertEqual((status, answer["closed_tunnels"]), (200, 1))
            self.assertTrue(client.closed())
            self.assertEqual(self.reasons(proxy), ["denied"])

    def test_inspection_that_comes_while_a_tunnel_is_dialled_reads_it(self):
        asked, go = threading.Event(), threading.Event()

        def answer(*_):
            asked.set()
            go.wait(20)
            return ["127.0.0.1"]

        for socks in (False, True):
            asked.clear(), go.clear()
            names = self.own(NameServer(answer))
            proxy = self.intercepting("full", True, allow=["local.test"], daemon=names.settings, network={
                "allow_local_binding": True, "enable_socks5": True, "socks_url": "http://127.0.0.1:0"})
            if socks:
                client = self.own(SocksClient(proxy.address("socks")))
                self.assertEqual(client.greet(), 0)
                client.send(request(CONNECT, "local.test", self.origin.port))
            else:
                client = self.own(proxy.client())
                client.send(f"CONNECT local.test:{self.origin.port} HTTP/1.1\r\nHost: local.test:{self.origin.port}\r\n\r\n")
            self.assertTrue(asked.wait(20))
            proxy.configure(network={"mitm": INSPECT})
            self.assertEqual(proxy.reload()[0], 200)
            go.set()
            if socks:
                self.assertEqual(client.reply()[0], SUCCESS)
            else:
                self.assertEqual(client.response("CONNECT").status, 200)
            self.assertEqual(self.ask(self.secure(proxy, client, "elsewhere.test"), host="elsewhere.test").status, 421)

    def test_what_is_no_longer_inspected_goes_on_unread(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter())
        clients = [self.open(proxy) for _ in range(2)]
        proxy.configure(network={"mitm": {"enabled": True, "inspect": False}})
        self.assertEqual(proxy.reload()[0], 200)
        context = ssl.create_default_context(cafile=self.authority.bundle)
        inside = self.own(Client(sock=context.wrap_socket(clients[0].sock, server_hostname="localhost")))
        self.assertEqual(self.ask(inside).status, 200)
        proxy.configure(network={"mitm": False})
        self.assertEqual(proxy.reload()[0], 200)
        inside = self.own(Client(sock=context.wrap_socket(clients[1].sock, server_hostname="localhost")))
        self.assertEqual(self.ask(inside).status, 200)
        self.assertNotIn("msg=inspected", proxy.log())


class SocksTest(FirstBytes):
    def inspecting(self):
        return super().inspecting(network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0"})

    def socks(self, proxy, port, name="localhost"):
        client = self.own(SocksClient(proxy.address("socks")))
        self.assertEqual(client.greet(), 0)
        code, bound = client.ask(CONNECT, name, port)
        self.assertEqual(code, SUCCESS)
        self.assertNotEqual(bound[1], 0)
        return self.own(Client(sock=client.sock))

    def test_inspection_reads_socks_tunnels(self):
        proxy = self.inspecting()
        context = self.trust(proxy)
        for _ in range(2):  # the second finds a kept connection
            client = self.socks(proxy, self.origin.port)
            inside = self.own(Client(sock=context.wrap_socket(client.sock, server_hostname="localhost")))
            self.assertEqual(self.ask(inside, "POST", path="/s", body=b"x").status, 200)
            self.assertEqual(self.ask(inside, path="/", host="elsewhere.test").status, 421)
        proxy.wait_for_line("msg=inspected .*method=POST ")
        client = self.socks(proxy, self.plain.port)
        self.assertEqual(self.ask(client, path="/p").json()["target"], "/p")
        self.assertEqual(self.ask(client, path="/", host="elsewhere.test").status, 421)
        client.send(b"\x05\x01\x00")
        self.assertRegex(client.rest(), b"^HTTP/1.1 400 |^$")
        proxy.wait_for_line(rf"msg=inspected .*port={self.plain.port} method=GET ")

    def test_other_protocols_pass_whoever_speaks_first(self):
        proxy = self.inspecting()
        greeter = self.own(Greeter())
        client = self.socks(proxy, greeter.port)
        self.assertEqual(client.line(), "220 ready")
        client.send(b"EHLO a\r\n")
        self.assertEqual(client.line(), "heard EHLO a")
        client = self.socks(proxy, greeter.port)
        client.send(SSL2_HELLO)
        self.assertRegex(client.rest(), b"^(220 ready\r\n)?$")
        self.assertEqual(self.reasons(proxy), ["mitm_required"])

    def test_socks_ends_with_limited_mode(self):
        proxy = self.inspecting()
        client = self.socks(proxy, self.origin.port)
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertTrue(client.closed())
