"""HTTP/2 that stalls: clients that take nothing, send too much or trickle are held back, or given up in time."""
from http2_frames import DATA, END_STREAM, HEADERS, PREFACE, RST_STREAM, frame, settings, window
from http2_hostile import LONGEST, Hostile
from http2_peer import Setting
from test_streaming import stalled


class WindowTest(Hostile):
    MUCH = 64 << 20

    def test_clients_without_a_window_are_given_up_after_the_idle_time(self):
        self.guard(self.inspecting(daemon={"timeouts": {"idle": "2s"}}))
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
        self.guard(self.inspecting(daemon={"timeouts": {"head": "2s"}}))
        wires = [(what, self.wire(self.proxy, greeting=first)) for what, first in (
            ("half a preface", PREFACE[:10]),
            ("half a frame", PREFACE + settings() + self.begin()[:20]),
            ("a head without its end", PREFACE + settings() + self.begin(flags=0)))]
        for what, wire in wires:
            with self.subTest(what):
                wire.outcome()  # which waits for the end
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
