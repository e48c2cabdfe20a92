"""WebSockets over HTTP/2 (RFC 8441): an extended CONNECT on either side, an Upgrade of HTTP/1.1 on the other or on none."""
import base64

from http2_peer import Setting
from origins import websocket_accept
from test_http2 import Http2
from test_intercept import Hooked

KEY = base64.b64encode(b"sixteen bytes ok").decode()
VERSION = ("sec-websocket-version", "13")


class WebSocket(Http2):
    def offering(self):
        """An origin that insists on h2 and takes WebSockets there."""
        return self.h2_origin(alpn=["h2"], settings={Setting.ENABLE_CONNECT_PROTOCOL: 1})

    def open(self, client, path="/upgrade", protocol="websocket", fields=(VERSION,)):
        """An extended CONNECT, once it is answered: (stream, status)."""
        client.wait(lambda: client.settings.get(Setting.ENABLE_CONNECT_PROTOCOL), "the offer of extended CONNECT")
        stream = client.open([(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"),
                              (":authority", client.authority), (":path", path), *fields], end=False)
        self.assertTrue(stream.head(), f"an answer, not {stream.reset!r}")
        return stream, int(stream.get(":status"))

    def upgrade(self, client, origin, path="/upgrade"):
        """The same in HTTP/1.1."""
        fields = ["Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13"]
        return self.ask(client, path=path, fields=fields, host=f"localhost:{origin.port}")

    def assertEchoes(self, stream):
        said = b""
        for word in (b"\x81\x82\0\0\0\0hi", b"\x82\xfe" + b"x" * 70_000):
            said += word
            stream.send(word)
            self.assertEqual(stream.read(len(said)), said)


class WebSocketTest(WebSocket):
    def test_an_origin_of_http1_gets_an_upgrade(self):
        seen = {}
        def page(request):
            seen.update({name.lower(): value for name, value in request.headers.items()})
            request.serve_upgrade("")
        self.pages["/ws"] = page
        client = self.connect(self.inspecting())
        asked = [VERSION, ("origin", "https://page.test"), ("sec-websocket-protocol", "chat")]
        stream, status = self.open(client, "/ws", fields=asked)
        self.assertEqual(status, 200)
        self.assertEqual(self.origin.requests, ["GET /ws HTTP/1.1"])
        self.assertEqual((seen["upgrade"].lower(), seen["connection"].lower()), ("websocket", "upgrade"))
        self.assertEqual(seen["host"], client.authority)
        self.assertEqual([(name, seen[name]) for name, _ in asked], asked)
        self.assertEqual(len(base64.b64decode(seen["sec-websocket-key"])), 16)
        self.assertFalse({name for name, _ in stream.fields} & {"connection", "upgrade", "sec-websocket-accept"}, stream.fields)
        self.assertEchoes(stream)

    def test_an_origin_of_h2_gets_an_extended_connect(self):
        origin = self.offering()
        client = self.connect(self.inspecting(), origin)
        stream, status = self.open(client)
        self.assertEqual((status, origin.requests), (200, ["CONNECT /upgrade HTTP/2"]))
        self.assertEchoes(stream)
        self.assertEqual(client.ask().status, 200, "a stream like others")

    def test_a_client_of_http1_reaches_an_origin_that_insists_on_h2(self):
        origin = self.offering()
        client = self.tunnel(self.inspecting(), f"localhost:{origin.port}")
        answer = self.upgrade(client, origin)
        self.assertEqual(answer.status, 101, answer)
        self.assertEqual(answer.get("upgrade").lower(), "websocket")
        self.assertEqual(answer.get("sec-websocket-accept"), websocket_accept(KEY))
        self.assertEqual(origin.requests, ["CONNECT /upgrade HTTP/2"])
        client.send(b"\x81\x82\0\0\0\0hi")
        self.assertEqual(client.read(8), b"\x81\x82\0\0\0\0hi")

    def test_an_origin_of_h2_that_does_not_offer_it_is_an_error(self):
        origin = self.h2_origin(alpn=["h2"])
        proxy = self.inspecting()
        _, status = self.open(self.connect(proxy, origin))
        self.assertIn(status, (501, 502))
        self.assertIn(self.upgrade(self.tunnel(proxy, f"localhost:{origin.port}"), origin).status, (501, 502))
        self.assertNotIn("CONNECT /upgrade HTTP/2", origin.requests)

    def test_the_client_may_end_it(self):
        for kind, origin in (("http/1.1", self.origin), ("h2", self.offering())):
            with self.subTest(kind):
                stream, _ = self.open(self.connect(self.inspecting(), origin))
                stream.send(b"\x88\0", end=True)
                self.assertIsNone(stream.end(), "no reset")
                self.assertEqual(bytes(stream.body), b"\x88\0", "sent back before the end")

    def farewell(self, request):
        """An origin of HTTP/1.1 that switches protocols and says one word."""
        accept = websocket_accept(request.headers["Sec-WebSocket-Key"])
        request.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            b"Sec-WebSocket-Accept: %b\r\n\r\n\x88\0" % accept.encode())
        request.close_connection = True

    def test_the_origin_may_end_it(self):
        origin = self.offering()
        self.pages["/bye"] = lambda request: self.farewell(request) or request.end_upgrade()
        origin.pages["/bye"] = lambda stream: stream.send_fields([(":status", "200")]) or stream.send(b"\x88\0", end=True)
        for kind, at in (("http/1.1", self.origin), ("h2", origin)):
            with self.subTest(kind):
                stream, _ = self.open(self.connect(self.inspecting(), at), "/bye")
                self.assertIsNone(stream.end(), "no reset")
                self.assertEqual(bytes(stream.body), b"\x88\0")

    def test_what_came_before_an_abrupt_end_arrives(self):
        self.pages["/bye"] = self.farewell
        stream, _ = self.open(self.connect(self.inspecting()), "/bye")
        stream.end()
        self.assertEqual(bytes(stream.body), b"\x88\0")

    def test_an_origin_that_declines_is_heard(self):
        origin = self.offering()
        origin.pages["/no"] = lambda stream: origin.reply(stream, b"no", 403)
        self.pages["/no"] = lambda request: request.reply(b"no", 403)
        proxy = self.inspecting()
        for kind, at in (("http/1.1", self.origin), ("h2", origin)):
            with self.subTest(kind):
                stream, status = self.open(self.connect(proxy, at), "/no")
                self.assertEqual((status, stream.response().body), (403, b"no"))
        self.assertEqual(self.upgrade(self.tunnel(proxy, f"localhost:{origin.port}"), origin, "/no").status, 403)

    def test_an_upgrade_with_a_wrong_proof_is_none(self):
        def lie(request):
            request.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                b"Sec-WebSocket-Accept: bm90IHRoZSBwcm9vZiBhc2tlZA==\r\n\r\nraw")
        self.pages["/lie"] = lie
        self.assertEqual(self.open(self.connect(self.inspecting()), "/lie")[1], 502)

    def test_an_origin_that_answers_as_if_it_were_not_asked_is_no_websocket(self):
        self.pages["/page"] = lambda request: request.reply(b"a page")  # 200, which in HTTP/2 would say yes
        self.assertEqual(self.open(self.connect(self.inspecting()), "/page")[1], 502)

    def test_other_protocols_are_not_taken(self):
        client = self.connect(self.inspecting())
        self.assertIn(self.open(client, protocol="connect-udp")[1], (400, 405, 501))
        self.assertEqual(self.origin.requests, [])
        self.assertEqual(client.ask().status, 200)

    def test_limited_mode_ends_and_refuses_it(self):
        proxy = self.inspecting()
        client = self.connect(proxy)
        stream, status = self.open(client)
        self.assertEqual(status, 200)
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        client.wait(lambda: stream.over or client.closed, "the end of the WebSocket")
        refused = self.open(self.connect(proxy))[0].response()
        self.assertRefused(refused, "method_not_allowed")


class HookedWebSocketTest(WebSocket, Hooked):
    def test_a_hooked_host_takes_websockets_in_full_mode_where_a_hook_matches(self):
        self.pages["/repos/ws"] = lambda request: request.serve_upgrade("")
        proxy = self.hooked().start()
        for path, expected in (("/repos/ws", 200), ("/user", 403)):
            stream, status = self.open(self.connect(proxy), path)
            self.assertEqual(status, expected)
        self.assertRefused(stream.response(), "mitm_hook_denied")
        client = self.tunnel(proxy)
        self.assertEqual(self.upgrade(client, self.origin, "/repos/ws").status, 101)
        client.send(b"\x81\x82\0\0\0\0hi")
        self.assertEqual(client.read(8), b"\x81\x82\0\0\0\0hi")
