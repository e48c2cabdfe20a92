"""Clients that break HTTP/2, or ask what HTTP/1.1 could not say: they are told so, and nobody else notices."""
from http2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE,
                          RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, reset, settings, window)
from http2_hostile import LONGEST, WHOLE, Hostile
from http2_peer import Setting


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
                ("FLOW_CONTROL_ERROR", "an initial window beyond the limit",
                 settings((Setting.INITIAL_WINDOW_SIZE, 1 << 31))),
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
                ("PROTOCOL_ERROR", "data that is all padding and more",
                 open_stream + frame(DATA, PADDED, 1, b"\x05abcd")),
                ("PROTOCOL_ERROR", "a head that is all padding and more",
                 frame(HEADERS, PADDED | END_HEADERS, 1, b"\x05abcd")),
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
        for what in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r" + bytes(50),
                     b"\0" * 100, PREFACE + self.begin(), PREFACE + frame(PING, payload=bytes(8))):
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
                             ("a user", self.head(authority=f"user@{at}")),
                             ("a list", self.head(authority=f"{at},{at}"))):
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
