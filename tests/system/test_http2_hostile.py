"""Clients and origins that wear the proxy out over HTTP/2: they lose their own connection, and nobody else notices."""
import struct

from http2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, HEADERS, PADDED, PING, PRIORITY, SETTINGS, Code, block,
                          frame, hpack, reset, settings, window)
from http2_hostile import GIVEN_UP, LONGEST, WHOLE, Hostile
from http2_peer import Setting
from support import until


class FloodTest(Hostile):
    def flood(self, make, count=20_000, at_once=100, first=b"", wire=None):
        """Sends so many pieces, made by their number, and reads nothing meanwhile.

        Returns how many went before the proxy closed.
        """
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
                            ("acknowledgements", frame(SETTINGS, ACK)),
                            ("answers to no ping", frame(PING, ACK, 0, bytes(8)))):
            with self.subTest(what):
                self.flood(lambda _, piece=piece: piece, at_once=1_000, first=self.begin(path="/upload", end=False))
                self.assertUnharmed()

    def test_a_small_head_that_unpacks_to_a_large_one_is_refused(self):
        # Each byte at the end the same 4,000 again.
        bomb = hpack.Encoder().encode([*self.head(), ("x", "y" * 4_000)]) + b"\xbe" * 12_000
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
