"""Clients and origins that abuse HTTP/2: they lose their own connection, and nobody else notices."""
import struct

from http2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY,
                          PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, Code, block, frame, hpack, reset, settings, window)
from http2_peer import Setting
from support import SANITIZED, until
from test_http2 import Http2
from test_streaming import stalled

ALLOWED_GROWTH_KIB = 24 * 1024
LONGEST = 2**31 - 1  # of a window
WHOLE = END_HEADERS | END_STREAM
GIVEN_UP = tuple(f"goaway {code}" for code in ("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "INTERNAL_ERROR", "NO_ERROR"))


class Hostile(Http2):
    def setUp(self):
        super().setUp()
        self.guard(self.inspecting())

    def guard(self, proxy):
        """Watches over this proxy and a client that has done nothing wrong."""
        self.proxy = proxy
        self.bystander = self.connect(proxy)
        self.assertEqual(self.bystander.ask().status, 200)
        self.origin.requests.clear()
        self.before = proxy.status_kib("VmHWM")

    def assertUnharmed(self):
        self.assertEqual(self.bystander.ask().status, 200, "who was there before")
        self.assertEqual(self.connect(self.proxy).ask().status, 200, "who comes now")
        if not SANITIZED:
            self.assertLess(self.proxy.status_kib("VmHWM") - self.before, ALLOWED_GROWTH_KIB, "KiB of growth at the peak")

    def head(self, path="/", method="GET", **changed):
        """The pseudo-fields of a request; one that is None is left out."""
        fields = {":method": method, ":scheme": "https", ":authority": f"localhost:{self.origin.port}", ":path": path,
                  **{f":{name}": value for name, value in changed.items()}}
        return [(name, value) for name, value in fields.items() if value is not None]

    def begin(self, stream=1, path="/", end=True, flags=END_HEADERS):
        """A frame that begins an honest request."""
        return frame(HEADERS, flags | (END_STREAM if end else 0), stream, block(*self.head(path)))

    def promise(self, stream):
        """A frame that announces a push."""
        return frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack("!I", 2) + block(*self.head()))

    def begin_at(self, origin, stream, path):
        return frame(HEADERS, WHOLE, stream, block(*self.head(path, authority=f"localhost:{origin.port}")))


class FloodTest(Hostile):
    def flood(self, make, count=20_000, at_once=100, first=b"", wire=None):
        """Sends so many pieces, made by their number, and reads nothing meanwhile: how many went before the proxy closed."""
        wire = wire or self.wire(self.proxy)
        wire.send(first)
        for sent in range(0, count, at_once):
            if not wire.send(b"".join(map(make, range(sent, sent + at_once)))):
                return sent
        return count

    def assertEnded(self, *args, **kw):
        wire = self.wire(self.proxy)
        self.flood(*args, wire=wire, **kw)
        self.assertIn(wire.outcome(), ("closed", *GIVEN_UP))
        self.assertUnharmed()

    def test_streams_that_are_reset_at_once_end_the_connection(self):
        self.assertEnded(lambda n: self.begin(2 * n + 1) + reset(2 * n + 1))
        self.assertLess(len(self.origin.requests), 2_500)

    def test_streams_that_the_proxy_has_to_reset_end_the_connection(self):
        self.assertEnded(lambda n: self.begin(2 * n + 1, end=False) + window(2 * n + 1, 0))
        self.assertLess(len(self.origin.requests), 2_500)

    def test_a_head_without_an_end_ends_the_connection(self):
        junk = frame(CONTINUATION, 0, 1, block(("x", "y" * 10_000)))
        self.assertEnded(lambda _: junk, count=10_000, at_once=10, first=self.begin(flags=0))

    def test_empty_pieces_of_a_head_end_the_connection(self):
        self.assertEnded(lambda _: frame(CONTINUATION, 0, 1), count=100_000, at_once=1_000, first=self.begin(flags=0))

    def test_settings_without_end_end_the_connection(self):
        self.assertEnded(lambda _: settings((Setting.INITIAL_WINDOW_SIZE, 65535)), count=500_000, at_once=1_000)

    def test_pings_without_end_end_the_connection(self):
        self.assertEnded(lambda n: frame(PING, payload=struct.pack("!Q", n)), count=500_000, at_once=1_000)

    def test_frames_that_mean_nothing_harm_nobody(self):
        for what, piece in (("empty data", frame(DATA, 0, 1)), ("padding", frame(DATA, PADDED, 1, b"\x10" + bytes(16))),
                            ("priorities", frame(PRIORITY, 0, 1, struct.pack("!IB", 3, 1))),
                            ("new priorities of idle streams", frame(PRIORITY, 0, 99, struct.pack("!IB", 1, 1))),
                            ("small steps of the window", window(0, 1)), ("unknown frames", frame(0x42, 0xff, 1, b"x")),
                            ("acknowledgements", frame(SETTINGS, ACK)), ("answers to no ping", frame(PING, ACK, 0, bytes(8)))):
            with self.subTest(what):
                self.flood(lambda _, piece=piece: piece, at_once=1_000, first=self.begin(path="/upload", end=False))
                self.assertUnharmed()

    def test_a_small_head_that_unpacks_to_a_large_one_is_refused(self):
        bomb = hpack.Encoder().encode([*self.head(), ("x", "y" * 4_000)]) + b"\xbe" * 12_000  # each byte the same 4,000 again
        for origin in (self.origin, self.h2_origin()):
            wire = self.wire(self.proxy, origin)
            wire.send(frame(HEADERS, WHOLE, 1, bomb))
            self.assertIn(wire.outcome(1), ("status 431", *GIVEN_UP))
        self.flood(lambda n: frame(HEADERS, WHOLE, 2 * n + 1, bomb), count=60, at_once=10)
        self.assertEqual(self.origin.requests, [])
        self.assertUnharmed()

    def test_clients_that_hang_up_leave_nothing_behind(self):
        self.guard(self.inspecting(daemon={"workers": 1}))  # each would keep a connection of its own to an origin
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                self.connect(self.proxy, origin).ask()
                files = self.proxy.open_files()
                for _ in range(5):
                    wire = self.wire(self.proxy, origin)
                    count = len(origin.requests)
                    wire.send(b"".join(self.begin_at(origin, 2 * n + 1, "/wait") for n in range(40)))
                    until(lambda: len(origin.requests) == count + 40, "all are at the origin")
                    wire.close()
                # One more at most: another worker may keep an upstream connection of its own.
                until(lambda: self.proxy.open_files() <= files + 1, "all is closed")
        self.assertUnharmed()


class WindowTest(Hostile):
    MUCH = 64 << 20

    def test_clients_without_a_window_are_given_up_after_the_idle_time(self):
        self.guard(self.inspecting(daemon={"timeouts": {"idle": "500ms"}}))
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                wire = self.wire(self.proxy, origin)
                wire.send(settings((Setting.INITIAL_WINDOW_SIZE, 0)))
                wire.send(b"".join(self.begin_at(origin, 2 * n + 1, f"/bytes/{self.MUCH}") for n in range(20)))
                self.assertEndsUnread(wire)
                self.assertLess(origin.sent, 20 * self.MUCH // 4)
                self.assertUnharmed()

    def assertEndsUnread(self, wire):
        """The streams end though nothing of their bodies could be sent: one by one, or with their connection."""
        over = set()
        for kind, flags, stream, _ in wire.frames():
            if kind == RST_STREAM or kind in (HEADERS, DATA) and flags & END_STREAM:
                over.add(stream)
                if len(over) == 20:
                    return

    def test_a_client_that_takes_all_windows_and_reads_nothing_is_held_back(self):
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                wire = self.wire(self.proxy, origin)
                wire.send(settings((Setting.INITIAL_WINDOW_SIZE, LONGEST)) + window(0, LONGEST - 65535))
                wire.send(b"".join(self.begin_at(origin, 2 * n + 1, f"/bytes/{self.MUCH}") for n in range(10)))
                stalled(lambda: origin.sent)
                self.assertLess(origin.sent, 10 * self.MUCH // 4)
                self.assertUnharmed()

    def test_more_than_the_window_is_an_error(self):
        for kind, origin in (("http/1.1", self.origin), ("h2", self.h2_origin(reading=False))):
            with self.subTest(kind):
                wire = self.wire(self.proxy, origin)
                wire.request(1, *self.head("/upload", "POST", authority=f"localhost:{origin.port}"), end=False)
                for _ in range(self.MUCH // 16384):
                    if not wire.send(frame(DATA, 0, 1, bytes(16384))):
                        break
                self.assertIn(wire.outcome(1), ("goaway FLOW_CONTROL_ERROR", "reset FLOW_CONTROL_ERROR", "closed"))
                self.assertUnharmed()

    def test_a_head_that_does_not_come_is_waited_for_only_so_long(self):
        self.guard(self.inspecting(daemon={"timeouts": {"head": "400ms"}}))
        for what, first in (("half a preface", PREFACE[:10]), ("half a frame", PREFACE + settings() + self.begin()[:20]),
                            ("a head without its end", PREFACE + settings() + self.begin(flags=0))):
            with self.subTest(what):
                self.wire(self.proxy, greeting=first).outcome()  # which waits for the end
        self.assertEqual(self.origin.requests, [])
        self.bystander = self.connect(self.proxy)
        self.assertUnharmed()


class SlowBodyTest(Hostile):
    def setUp(self):
        super().setUp()
        # 1000 bytes in half a second.
        self.guard(self.inspecting(daemon={"limits": {"min_body_rate": 2000}, "timeouts": {"slow_body": "500ms"}}))

    def test_a_stream_whose_body_trickles_is_408_and_the_others_go_on(self):
        wire = self.wire(self.proxy)
        wire.request(1, *self.head("/upload", "POST"), end=False)
        wire.send(frame(DATA, 0, 1, b"x"))
        self.assertEqual(wire.outcome(1), "status 408")
        self.assertUnharmed()

    def test_a_stream_that_nobody_reads_is_reset(self):
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                wire = self.wire(self.proxy, origin)
                wire.send(self.begin_at(origin, 1, "/bytes/10000000"))
                self.assertTrue(any(kind == RST_STREAM and stream == 1 for kind, _, stream, _ in wire.frames()))
                self.assertUnharmed()


class ProtocolErrorTest(Hostile):
    def test_a_broken_frame_ends_the_connection_with_the_code_for_it(self):
        open_stream, open_head = self.begin(path="/wait", end=False), self.begin(flags=0)
        for code, what, sent in (
                ("PROTOCOL_ERROR", "data on no stream", frame(DATA, 0, 0, b"x")),
                ("PROTOCOL_ERROR", "a head on no stream", self.begin(0)),
                ("PROTOCOL_ERROR", "a stream of even number", self.begin(2)),
                ("PROTOCOL_ERROR", "data on an idle stream", frame(DATA, 0, 1, b"x")),
                ("PROTOCOL_ERROR", "a reset of an idle stream", reset(1)),
                ("PROTOCOL_ERROR", "a window for an idle stream", window(1, 1)),
                ("PROTOCOL_ERROR", "a window that does not grow", window(0, 0)),
                ("FLOW_CONTROL_ERROR", "a window beyond its limit", window(0, LONGEST)),
                ("PROTOCOL_ERROR", "push switched on by 2", settings((Setting.ENABLE_PUSH, 2))),
                ("FLOW_CONTROL_ERROR", "an initial window beyond the limit", settings((Setting.INITIAL_WINDOW_SIZE, 1 << 31))),
                ("PROTOCOL_ERROR", "frames too small", settings((Setting.MAX_FRAME_SIZE, 1))),
                ("PROTOCOL_ERROR", "frames too large", settings((Setting.MAX_FRAME_SIZE, 1 << 24))),
                ("PROTOCOL_ERROR", "settings of a stream", frame(SETTINGS, 0, 1)),
                ("FRAME_SIZE_ERROR", "half a setting", frame(SETTINGS, 0, 0, bytes(5))),
                ("FRAME_SIZE_ERROR", "an acknowledgement that says more", frame(SETTINGS, ACK, 0, bytes(6))),
                ("PROTOCOL_ERROR", "a ping of a stream", frame(PING, 0, 1, bytes(8))),
                ("FRAME_SIZE_ERROR", "a short ping", frame(PING, 0, 0, bytes(7))),
                ("FRAME_SIZE_ERROR", "a short reset", open_stream + frame(RST_STREAM, 0, 1, bytes(3))),
                ("FRAME_SIZE_ERROR", "a short window", open_stream + frame(WINDOW_UPDATE, 0, 1, bytes(3))),
                ("PROTOCOL_ERROR", "a goodbye on a stream", frame(GOAWAY, 0, 1, bytes(8))),
                ("PROTOCOL_ERROR", "more of no head", frame(CONTINUATION, END_HEADERS, 1, b"")),
                ("PROTOCOL_ERROR", "more of another head", open_head + frame(CONTINUATION, END_HEADERS, 3, b"")),
                ("PROTOCOL_ERROR", "data within a head", open_head + frame(DATA, 0, 1, b"x")),
                ("PROTOCOL_ERROR", "a ping within a head", open_head + frame(PING, payload=bytes(8))),
                ("PROTOCOL_ERROR", "a head within a head", open_head + self.begin(3)),
                ("PROTOCOL_ERROR", "a push", open_stream + self.promise(1)),
                ("FRAME_SIZE_ERROR", "a frame beyond the size allowed", open_stream + frame(DATA, 0, 1, bytes(16385))),
                ("PROTOCOL_ERROR", "data that is all padding and more", open_stream + frame(DATA, PADDED, 1, b"\x05abcd")),
                ("PROTOCOL_ERROR", "a head that is all padding and more", frame(HEADERS, PADDED | END_HEADERS, 1, b"\x05abcd")),
                ("COMPRESSION_ERROR", "field number 0", frame(HEADERS, WHOLE, 1, b"\x80")),
                ("COMPRESSION_ERROR", "a field that is not in the table", frame(HEADERS, WHOLE, 1, b"\xfe")),
                ("COMPRESSION_ERROR", "a table beyond its limit", frame(HEADERS, WHOLE, 1, b"\x3f\xff\xff\x7f")),
                ("COMPRESSION_ERROR", "half a field", frame(HEADERS, WHOLE, 1, b"\x40\x0aab")),
                ("COMPRESSION_ERROR", "a number without end", frame(HEADERS, WHOLE, 1, b"\xff" * 30))):
            with self.subTest(what):
                wire = self.wire(self.proxy)
                wire.send(sent)
                self.assertEqual(wire.outcome(), f"goaway {code}")
                wire.close()
        self.assertUnharmed()

    def test_what_is_no_http2_at_all_ends_the_connection(self):
        for what in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r" + bytes(50), b"\0" * 100,
                     PREFACE + self.begin(), PREFACE + frame(PING, payload=bytes(8))):
            with self.subTest(what[:20]):
                self.assertIn(self.wire(self.proxy, greeting=what).outcome(), ("goaway PROTOCOL_ERROR", "closed"))
        self.assertEqual(self.origin.requests, [])
        self.assertUnharmed()

    def test_a_stream_that_was_used_is_not_used_again(self):
        wire = self.wire(self.proxy)
        wire.send(self.begin(5))
        self.assertEqual(wire.outcome(5), "status 200")
        wire.send(self.begin(5, "/again") + self.begin(3, "/before") + frame(DATA, END_STREAM, 5, b"late"))
        wire.send(self.begin(7, "/next"))
        self.assertIn(wire.outcome(7), ("status 200", "goaway PROTOCOL_ERROR", "goaway STREAM_CLOSED"))
        self.assertFalse({"GET /again HTTP/1.1", "GET /before HTTP/1.1"} & set(self.origin.requests))
        self.assertUnharmed()


class MalformedTest(Hostile):
    """Requests that HTTP/1.1 could not say, or would say as something else: none reaches an origin."""

    def refused(self, wire, stream, *more):
        self.assertIn(wire.outcome(stream), ("status 400", "reset PROTOCOL_ERROR", *more))

    def test_a_request_that_is_none_is_refused_and_its_neighbours_are_served(self):
        head, at = self.head, f"localhost:{self.origin.port}"
        rows = [
            ("an upper-case name", [*head(), ("X-Up", "1")]),
            ("a space in a name", [*head(), ("x y", "1")]),
            ("a colon in a name", [*head(), ("x:y", "1")]),
            ("no name", [*head(), ("", "1")]),
            ("a NUL in a name", [*head(), ("x\0", "1")]),
            ("a line end in a name", [*head(), ("x: y\r\nz", "1")]),
            ("a line end in a value", [*head(), ("x", "a\r\ny: b")]),
            ("a line feed in a value", [*head(), ("x", "a\nb")]),
            ("a carriage return in a value", [*head(), ("x", "a\rb")]),
            ("a NUL in a value", [*head(), ("x", "a\0b")]),
            ("a space before a value", [*head(), ("x", " a")]),
            ("a space after a value", [*head(), ("x", "a ")]),
            ("connection", [*head(), ("connection", "close")]),
            ("keep-alive", [*head(), ("keep-alive", "1")]),
            ("proxy-connection", [*head(), ("proxy-connection", "close")]),
            ("upgrade", [*head(), ("upgrade", "h2c")]),
            ("a coding", [*head(method="POST"), ("transfer-encoding", "chunked")]),
            ("te", [*head(), ("te", "gzip")]),
            ("no method", head(method=None)),
            ("no scheme", head(scheme=None)),
            ("no path", head(path=None)),
            ("an empty path", head(path="")),
            ("two paths", [*head(), (":path", "/b")]),
            ("two methods", [*head(), (":method", "PUT")]),
            ("two authorities", [*head(), (":authority", at)]),
            ("a pseudo-field of nobody", [*head(), (":x", "1")]),
            ("a status", [*head(), (":status", "200")]),
            ("a late pseudo-field", [*head(path=None), ("x", "1"), (":path", "/")]),
            ("a protocol without CONNECT", head(protocol="websocket")),
            ("a path that does not begin", head("a")),
            ("a space in a path", head("/a b")),
            ("a line end in a path", head("/ HTTP/1.1\r\nx: y")),
            ("a NUL in a path", head("/\0")),
            ("a space in a method", head(method="GET /x")),
            ("an empty method", head(method="")),
            ("a line end in a method", head(method="GET / HTTP/1.1\r\nx: y\r\n\r\nGET")),
            ("a line end in an authority", head(authority=f"{at}\r\nx: y")),
            ("a length that is none", [*head(method="POST"), ("content-length", "5x")]),
            ("two lengths", [*head(method="POST"), ("content-length", "5"), ("content-length", "6")]),
            ("a length of nothing", [*head(method="POST"), ("content-length", "5")]),
        ]
        wire = self.wire(self.proxy)
        for number, (what, fields) in enumerate(rows):
            with self.subTest(what):
                wire.request(4 * number + 1, *fields)
                self.refused(wire, 4 * number + 1)
                wire.request(4 * number + 3, *head("/fine"))
                self.assertEqual(wire.outcome(4 * number + 3), "status 200")
        self.assertEqual(set(self.origin.requests), {"GET /fine HTTP/1.1"})
        self.assertUnharmed()

    def test_an_authority_in_two_minds_is_refused(self):
        at = f"localhost:{self.origin.port}"
        for what, fields in (("another host", [*self.head(), ("host", "other.test")]),
                             ("two hosts", [*self.head(authority=None), ("host", at), ("host", at)]),
                             ("none", self.head(authority=None)), ("an empty one", self.head(authority="")),
                             ("a user", self.head(authority=f"user@{at}")), ("a list", self.head(authority=f"{at},{at}"))):
            with self.subTest(what):
                wire = self.wire(self.proxy)
                wire.request(1, *fields)
                self.refused(wire, 1, "status 421")
        self.assertEqual(self.origin.requests, [])
        self.assertUnharmed()

    def test_a_body_that_is_not_what_its_head_says_is_no_whole_one(self):
        whole, length = [], ("content-length", "5")
        def take(request):
            body = b"".join(request.body())
            if len(body) == int(request.headers.get("Content-Length", len(body))):
                whole.append(body)
            request.reply(b"taken")
        self.pages["/body"] = take
        begun = frame(DATA, 0, 1, b"abc")
        def trailers(*fields, flags=WHOLE):
            return begun + frame(HEADERS, flags, 1, block(*fields))
        for what, fields, rest in (("too short", [length], frame(DATA, END_STREAM, 1, b"abc")),
                                   ("too long", [length], begun + frame(DATA, END_STREAM, 1, b"defg")),
                                   ("pseudo-fields at the end", [], trailers((":path", "/"))),
                                   ("connection at the end", [], trailers(("connection", "x"))),
                                   ("a line end at the end", [], trailers(("x", "a\r\nb: c"))),
                                   ("a second head", [], trailers(("x", "y"), flags=END_HEADERS))):
            with self.subTest(what):
                wire = self.wire(self.proxy)
                wire.request(1, *self.head("/body", "POST"), *fields, end=False)
                wire.send(rest)
                self.refused(wire, 1, "goaway PROTOCOL_ERROR")
        self.assertEqual(whole, [])
        self.assertUnharmed()

    def test_an_extended_connect_says_where_to_and_a_plain_one_does_not(self):
        for what, fields in (("without a path", self.head(path=None, method="CONNECT", protocol="websocket")),
                             ("without a scheme", self.head(scheme=None, method="CONNECT", protocol="websocket")),
                             ("plain with a path", self.head(method="CONNECT"))):
            with self.subTest(what):
                wire = self.wire(self.proxy)
                wire.request(1, *fields, end=False)
                self.refused(wire, 1, "status 405")
        self.assertUnharmed()


class HostileOriginTest(Hostile):
    """Origins that do the same to the proxy."""

    def misbehave(self, *answers):
        """Has an origin answer one request so, and the next one as it should."""
        for what, serve in answers:
            with self.subTest(what):
                origin = self.h2_origin(pages={"/bad": serve})
                client = self.connect(self.proxy, origin)
                self.assertEqual(client.ask("POST", "/bad").status, 502)
                self.assertEqual(client.ask().status, 200)
        self.assertUnharmed()

    def test_a_broken_frame_is_502_and_the_next_request_goes_elsewhere(self):
        def raw(data):
            return lambda stream: stream.peer.send_raw(data)
        self.misbehave(("data on no stream", raw(frame(DATA, 0, 0, b"x"))), ("a push", raw(self.promise(1))),
                       ("a window beyond its limit", raw(window(0, LONGEST))),
                       ("settings that are none", raw(settings((Setting.MAX_FRAME_SIZE, 1)))),
                       ("no frame", raw(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)),
                       ("a field that is not in the table", raw(frame(HEADERS, END_HEADERS, 1, b"\xfe"))),
                       ("a stream of its own", raw(frame(HEADERS, END_HEADERS, 2, block((":status", "200"))))))

    def test_a_head_that_has_no_end_or_unpacks_to_too_much_is_502(self):
        def endless(stream):
            stream.peer.send_raw(frame(HEADERS, 0, stream.number, block((":status", "200"))))
            while not stream.peer.closed:
                stream.peer.send_raw(frame(CONTINUATION, 0, stream.number, block(("x", "y" * 10_000))))
        def bomb(stream):
            packed = hpack.Encoder().encode([(":status", "200"), ("x", "y" * 4_000)]) + b"\xbe" * 12_000
            stream.peer.send_raw(frame(HEADERS, WHOLE, stream.number, packed))
        self.misbehave(("endless", endless), ("a bomb", bomb))

    def test_floods_of_an_origin_take_no_memory(self):
        def flood(piece):
            def serve(stream):
                for _ in range(500):
                    if stream.peer.closed:
                        return
                    stream.peer.send_raw(piece * 200)
                stream.cancel(Code.INTERNAL_ERROR)
            return serve
        self.misbehave(("pings", flood(frame(PING, payload=bytes(8)))),
                       ("settings", flood(settings((Setting.INITIAL_WINDOW_SIZE, 65535)))),
                       ("unknown frames", flood(frame(0x42, 0, 0, bytes(100)))))
