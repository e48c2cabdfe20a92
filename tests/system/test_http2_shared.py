"""Connections to origins that several clients share: what one of them does with its streams ends no request of another."""
import socket
import struct
import threading

from http2_frames import Code, DATA, END_HEADERS, END_STREAM, HEADERS, block, frame, reset, window
from support import until
from test_http2 import Http2

LONGEST = 2**31 - 1  # of a window
# Servers end a connection for a thousand streams cut short (nghttp2), for some hundreds, or for fewer.
MOST_RESETS = 100


class SharedTest(Http2):
    """A client with a request under way, and others that come and go."""

    def setUp(self):
        super().setUp()
        self.far = self.h2_origin(pages={"/later": self.later, "/early": self.early})
        self.answer_now = threading.Event()
        self.proxy = self.inspecting(daemon={"workers": 1})
        self.bystander = self.connect(self.proxy, self.far)
        self.assertEqual(self.bystander.ask().status, 200)
        self.waiting = self.bystander.request("GET", "/later")
        until(lambda: self.seen_of("/later") == 1, "the request is under way")

    def later(self, stream):
        self.answer_now.wait(60)
        self.far.reply(stream, b"late")

    def early(self, stream):
        """Answers before the body has come."""
        self.far.reply(stream, b"no", 403)

    def seen_of(self, path):
        return sum(path in line for line in list(self.far.requests))

    def begin(self, number, path="/wait", end=True, **fields):
        head = [(":method", "POST"), (":scheme", "https"), (":authority", f"localhost:{self.far.port}"), (":path", path),
                *fields.items()]
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), number, block(*head))

    def resets(self):
        """How many streams were cut short on each connection that the origin has seen."""
        return [sum(s.reset is not None for s in list(peer.streams.values())) for peer in self.far.peers]

    def ends(self, wire):
        """Whether the proxy has ended this connection, which shows before all is read that it sent."""
        return wire.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1  # TCP_ESTABLISHED

    def abuse(self, wire, cut, rounds=30, at_once=50, **begin):
        """Opens streams and ends each as `cut` says, wave by wave. Returns what the connection came to."""
        first = 1
        for _ in range(rounds):
            numbers = range(first, first + 2 * at_once, 2)
            first += 2 * at_once
            wanted = self.seen_of(begin.get("path", "/wait")) + at_once
            if not wire.send(b"".join(self.begin(n, **begin) for n in numbers)):
                break
            until(lambda: self.seen_of(begin.get("path", "/wait")) >= wanted or self.ends(wire), "the origin has the requests")
            if self.seen_of(begin.get("path", "/wait")) < wanted:
                break  # the proxy takes no more of them
            if not wire.send(b"".join(map(cut, numbers))):
                break

    def assertUnharmed(self):
        until(lambda: max(self.resets()) > 0, "something was cut short")
        self.assertLessEqual(max(self.resets()), MOST_RESETS)
        self.assertFalse(self.far.peers[0].closed, "the connection of who did no wrong")
        self.answer_now.set()
        self.assertEqual(self.waiting.response().text(), "late")
        self.assertEqual(self.bystander.ask().status, 200)

    def test_a_client_that_cuts_its_streams_short_is_sent_away(self):
        for code in (Code.CANCEL, Code.NO_ERROR, Code.CANCEL):
            wire = self.wire(self.proxy, self.far)
            self.abuse(wire, lambda number: reset(number, code))
            self.assertEqual(wire.outcome(), "goaway ENHANCE_YOUR_CALM")
        self.assertUnharmed()

    def test_a_client_that_makes_us_cut_its_streams_short_is_sent_away(self):
        """RST_STREAM is the proxy's then (CVE-2025-8671)."""
        for what, cut, begin in (("a window beyond its limit", lambda n: window(n, LONGEST), {}),
                                 ("more of a body than was said", lambda n: frame(DATA, 0, n, b"xx"), {"content-length": "1"})):
            with self.subTest(what):
                wire = self.wire(self.proxy, self.far)
                self.abuse(wire, cut, end=False, **begin)
                self.assertEqual(wire.outcome(), "goaway ENHANCE_YOUR_CALM")
        self.assertUnharmed()

    def test_clients_that_hang_up_with_open_streams_harm_nobody(self):
        for _ in range(8):
            wire = self.wire(self.proxy, self.far)
            self.abuse(wire, lambda n: b"", rounds=1, at_once=40)
            wire.close()
        self.assertUnharmed()

    def test_clients_that_each_cut_a_few_streams_short_harm_nobody(self):
        wires = [self.wire(self.proxy, self.far) for _ in range(10)]
        for wire in wires:
            self.abuse(wire, reset, rounds=2, at_once=20)
        self.assertUnharmed()
        for wire in wires:
            wire.send(self.begin(1001, "/status/200"))
            self.assertEqual(wire.outcome(1001), "status 200", "who stays within bounds is served")

    def test_bodies_that_never_come_whole_harm_nobody(self):
        """The origin answers early, and the proxy has to cut the request short there."""
        for _ in range(10):
            wire = self.wire(self.proxy, self.far)
            wire.send(b"".join(self.begin(n, "/early", end=False) for n in range(1, 80, 2)))
            self.assertEqual(wire.outcome(79), "status 403")
            wire.close()
        self.assertUnharmed()

    def test_a_client_of_http1_that_goes_away_harms_nobody(self):
        self.far = self.h2_origin(alpn=("h2",), pages={"/later": self.later})
        self.waiting = self.connect(self.proxy, self.far).request("GET", "/later")
        until(lambda: self.seen_of("/later") == 1, "the request is under way")
        context = self.trust(self.proxy, ["http/1.1"])
        for _ in range(6):
            count = self.seen_of("/wait")
            clients = [self.tunnel(self.proxy, f"localhost:{self.far.port}", "localhost", context) for _ in range(30)]
            for client in clients:
                client.sock.sendall(f"GET /wait HTTP/1.1\r\nHost: localhost:{self.far.port}\r\n\r\n".encode())
            until(lambda: self.seen_of("/wait") == count + 30, "the origin has the requests")
            for client in clients:
                client.close()
        until(lambda: sum(self.resets()) > 100, "the requests were cut short")
        self.assertUnharmed()


class OneSlowReaderTest(Http2):
    def test_streams_that_nobody_reads_hold_up_no_other_stream(self):
        far = self.h2_origin()
        proxy = self.inspecting(daemon={"workers": 1})
        stuck = self.connect(proxy, far, reading=False)
        streams = [stuck.request("GET", f"/bytes/{1 << 20}") for _ in range(60)]
        until(lambda: all(s.fields for s in streams), "all have begun")
        for size in (1000, 100_000, 20 << 20):
            answer = self.connect(proxy, far).request("GET", f"/bytes/{size}").response(120)
            self.assertEqual(len(answer.body), size)
