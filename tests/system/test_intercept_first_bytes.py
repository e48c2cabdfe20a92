"""Tunnels that are to be read: what the client says first decides, however late it comes."""
import os
import signal

from client import Client
from first_bytes import FirstBytes
from origins import Greeter
from socks_client import CONNECT, SUCCESS, SocksClient
from support import until

SSL2_HELLO = b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + b"\x00\x00\x2f" * 7 + b"c" * 16


class SilenceTest(FirstBytes):
    def test_a_hello_is_read_however_late_it_comes(self):
        proxy = self.inspecting(daemon={"timeouts": {"tls_handshake": "1s", "head": "1s"}})
        late, foreign = self.open(proxy), self.open(proxy)
        self.wait_silently(proxy)
        self.assertEqual(self.ask(self.secure(proxy, late), path="/late").status, 200)
        proxy.wait_for_line("msg=inspected .*method=GET ")
        inside = self.secure(proxy, foreign, "elsewhere.test")
        self.assertEqual(self.ask(inside, path="/hidden", host="elsewhere.test").status, 421)
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
        proxy = self.inspecting(daemon={"timeouts": {"tls_handshake": "2s", "head": "2s"}})
        words = (b"\x16\x03\x01\x02", self.hello()[:60], b"\x80", b"\x14", b"FETCH x")
        clients = []
        for word in words:
            clients.append(self.open(proxy, greeter.port))
            clients[-1].send(word)
        for client, word in zip(clients, words):
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
