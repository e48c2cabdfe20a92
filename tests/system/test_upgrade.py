"""Switching protocols: what is read switches to WebSocket alone, and nobody switches to what was not offered."""
from origins import Authority, Scripted
from support import SystemTest
from test_intercept import Hooked

CLEARTEXT_HTTP2 = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings\r\n"

#: Offers that a request which is read must not get through with.
OTHERS = [CLEARTEXT_HTTP2, "Upgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
          "Upgrade: foo/1\r\nConnection: Upgrade\r\n", "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n",
          "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n", "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
          "Upgrade: websocket, foo\r\nConnection: Upgrade\r\n", "Upgrade: websocket/13\r\nConnection: Upgrade\r\n",
          "Upgrade: TLS/1.2\r\nConnection: upgrade\r\n", "Upgrade: h2c-14\r\nConnection: upgrade\r\n"]


def upgrade_of(head):
    return [line.partition(b":")[2].strip().decode() for line in head.split(b"\r\n") if line.lower().startswith(b"upgrade:")]


class Switching(Scripted):
    """Switches to `to`, or to the first thing that is asked for; answers 200 where nothing is."""

    def __init__(self, tls=None, to=None):
        self.tls, self.to, self.after = tls, to, []
        super().__init__(serve=self.answer)

    def _serve(self, sock):
        try:
            super()._serve(self.tls.wrap_socket(sock, server_side=True) if self.tls else sock)
        except OSError:
            pass

    def answer(self, sock, head):
        asked = upgrade_of(head)
        to = self.to or (asked[0].split(",")[0] if asked else None)
        if not to:
            return sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        sock.sendall(f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {to}\r\n\r\n".encode())
        while data := sock.recv(65536):
            self.after.append(data)
            sock.sendall(data)


class ReadTest(Hooked):
    def begin(self, origin, **kw):
        self.port = origin.port
        return self.hooked(**kw).start()

    def ask_inside(self, proxy, fields):
        client = self.tunnel(proxy, f"localhost:{self.port}")
        client.send(f"GET /repos/x HTTP/1.1\r\nHost: localhost:{self.port}\r\n{fields}\r\n")
        return client, client.response()

    def ask_absolute(self, proxy, fields):
        client = self.own(proxy.client())
        client.send(f"GET https://localhost:{self.port}/repos/x HTTP/1.1\r\nHost: localhost:{self.port}\r\n{fields}\r\n")
        return client, client.response()

    def test_only_a_websocket_passes(self):
        for ask in (self.ask_inside, self.ask_absolute):
            for fields in OTHERS:
                with self.subTest(fields):
                    origin = self.own(Switching(self.authority.server("localhost")))
                    _, answer = ask(self.begin(origin), fields)
                    self.assertEqual((answer.status, answer.text()), (200, "ok"))
                    self.assertEqual(upgrade_of(origin.heads[0]), [])
                    self.assertNotIn(b"http2-settings", origin.heads[0].lower())
            origin = self.own(Switching(self.authority.server("localhost")))
            client, answer = ask(self.begin(origin), "Upgrade: WebSocket\r\nConnection: Upgrade\r\n")
            self.assertEqual(answer.status, 101)
            client.send(b"hi")
            self.assertEqual(client.read(2), b"hi")

    def test_a_switch_to_anything_else_is_a_fault(self):
        for fields in ("Upgrade: websocket\r\nConnection: Upgrade\r\n", ""):
            for to in ("h2c", "foo", "websocket, h2c", "websocket\r\nUpgrade: h2c"):
                for ask in (self.ask_inside, self.ask_absolute):
                    with self.subTest((fields, to)):
                        origin = self.own(Switching(self.authority.server("localhost"), to))
                        _, answer = ask(self.begin(origin), fields)
                        self.assertEqual(answer.status, 502, answer)
                        self.assertEqual(origin.after, [])

    def test_limited_mode_refuses_offers_but_not_that_of_cleartext_http2(self):
        for fields, status in ((CLEARTEXT_HTTP2, 200), ("Upgrade: websocket\r\nConnection: Upgrade\r\n", 403),
                               ("Upgrade: foo\r\nConnection: Upgrade\r\n", 403), ("Upgrade: h2c, foo\r\nConnection: Upgrade\r\n", 403)):
            for ask in (self.ask_inside, self.ask_absolute):
                with self.subTest(fields):
                    origin = self.own(Switching(self.authority.server("localhost")))
                    _, answer = ask(self.begin(origin, mode="limited"), fields)
                    self.assertEqual(answer.status, status, answer)


class UnreadTest(SystemTest):
    def ask(self, origin, fields, mode="full"):
        client = self.own(self.start(allow=["127.0.0.1"], network={"mode": mode}).client())
        client.send(f"GET {origin.url}/ HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n{fields}\r\n")
        return client, client.response()

    def test_offers_pass_but_that_of_cleartext_http2(self):
        for fields, passed in (("Upgrade: foo/1\r\nConnection: Upgrade\r\n", "foo/1"), (CLEARTEXT_HTTP2, None),
                               ("Upgrade: h2c, foo\r\nConnection: Upgrade\r\n", "foo"),
                               ("Upgrade: foo\r\nUpgrade: h2c\r\nUpgrade: bar\r\nConnection: Upgrade\r\n", "foo, bar")):
            with self.subTest(fields):
                origin = self.own(Switching())
                client, answer = self.ask(origin, fields)
                self.assertEqual(answer.status, 101 if passed else 200)
                self.assertEqual(upgrade_of(origin.heads[0]), [passed] if passed else [])
                self.assertNotIn(b"http2-settings", origin.heads[0].lower())

    def test_a_request_that_offers_cleartext_http2_alone_is_an_ordinary_one(self):
        origin = self.own(Switching())
        self.assertEqual(self.ask(origin, CLEARTEXT_HTTP2, "limited")[1].status, 200)

    def test_a_switch_to_what_was_not_offered_is_a_fault(self):
        for fields, to in (("Upgrade: foo\r\nConnection: Upgrade\r\n", "bar"), ("", "foo"), (CLEARTEXT_HTTP2, "h2c"),
                           ("Upgrade: websocket\r\nConnection: Upgrade\r\n", "websocket, bar"), ("Upgrade: foo\r\n", "foo")):
            with self.subTest((fields, to)):
                origin = self.own(Switching(to=to))
                _, answer = self.ask(origin, fields)
                self.assertEqual(answer.status, 502, answer)
                self.assertIn("not offered", answer.text())
                self.assertEqual(origin.after, [])
