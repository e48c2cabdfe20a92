"""What peers can make the proxy hold: little for each of them, and for all together no more than limits.memory."""
import contextlib
import socket
import unittest

from http2_frames import END_HEADERS, END_STREAM, HEADERS, PREFACE, block, frame, settings, window
from http2_peer import Setting
from origins import Origin
from support import SANITIZED, until
from test_http2 import Http2
from test_streaming import stalled

WHOLE = END_HEADERS | END_STREAM
LONGEST = 2**31 - 1


def head(origin, path, *more):
    return block((":method", "GET"), (":scheme", "https"), (":authority", f"localhost:{origin.port}"), (":path", path), *more)


class MemoryTest(Http2):
    def metric(self, proxy, name):
        text = proxy.admin("GET", "/metrics")[2]
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"codex_network_proxy_{name} "))

    def held(self, proxy):
        return self.metric(proxy, "memory_held_bytes")

    def assertFull(self, answer):
        self.assertEqual(answer.status, 503, answer)
        self.assertEqual(answer.get("retry-after"), "1")
        self.assertIn("memory", answer.text())

    @unittest.skipIf(SANITIZED, "measures memory")
    def test_a_client_that_does_not_read_costs_little(self):
        for kind, origin in self.both_origins():
            for what, greeting in (("no window", settings((Setting.INITIAL_WINDOW_SIZE, 0))),
                                   ("any window", settings((Setting.INITIAL_WINDOW_SIZE, LONGEST)) + window(0, LONGEST - 65535))):
                with self.subTest(f"{what}, {kind}"):
                    proxy = self.inspecting(daemon={"workers": 1})
                    self.connect(proxy, origin).ask()
                    before = proxy.status_kib("VmRSS")
                    for _ in range(2):
                        wire = self.wire(proxy, origin, greeting=PREFACE + greeting)
                        wire.send(b"".join(frame(HEADERS, WHOLE, 2 * n + 1, head(origin, f"/bytes/{1 << 20}"))
                                           for n in range(100)))
                    stalled(lambda: origin.sent, 120)  # 200 handshakes, with HTTP/1.1
                    # With HTTP/1.1, each stream has a connection and a TLS session of its own.
                    self.assertLess(proxy.status_kib("VmRSS") - before, 2 * 12 * 1024)
                    self.assertLess(self.held(proxy), 2 * 7 << 20)

    @unittest.skipIf(SANITIZED, "measures memory")
    def test_a_body_in_pieces_of_a_byte_costs_what_it_is(self):
        def crumbs(stream):
            stream.send_fields([(":status", "200")])
            for _ in range(20_000):
                stream.send(b"x")
                origin.sent += 1
        origin = self.h2_origin(pages={"/crumbs": crumbs})
        proxy = self.inspecting(daemon={"workers": 1})
        client = self.connect(proxy, origin)
        client.ask()
        before = self.held(proxy)
        wire = self.wire(proxy, origin, greeting=PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, 0)))
        wire.send(b"".join(frame(HEADERS, WHOLE, 2 * n + 1, head(origin, "/crumbs")) for n in range(10)))
        until(lambda: origin.sent == 10 * 20_000, "all is sent", 60)
        self.assertLess(self.held(proxy) - before, 800_000)

    def test_a_head_that_grows_is_not_taken_when_memory_is_short(self):
        proxy = self.start(allow=["localhost"], daemon={"workers": 1, "limits": {"memory": "2MiB"}})
        part = f"GET http://localhost:1/ HTTP/1.1\r\nHost: localhost:1\r\nX: {'y' * 50_000}".encode()
        near = self.own(Origin())
        with contextlib.ExitStack() as open_ones:
            for _ in range(100):
                sock = open_ones.enter_context(socket.create_connection(proxy.address(), 10))
                with contextlib.suppress(ConnectionError):
                    sock.sendall(part)
            until(lambda: self.metric(proxy, "requests_refused_total") >= 40, "some are turned away")
            self.assertLess(self.held(proxy), 3 << 20)
            self.assertFull(proxy.get(f"http://localhost:{near.port}/"))
        until(lambda: self.held(proxy) < 1 << 20, "all is given back")
        self.assertEqual(proxy.get(f"http://localhost:{near.port}/").status, 200)

    def test_streams_beyond_the_limit_are_told_so_and_are_served_later(self):
        origin = self.h2_origin()
        proxy = self.inspecting(daemon={"workers": 1, "limits": {"memory": "3MiB"}})
        patient = self.connect(proxy, origin)
        self.assertEqual(patient.ask().status, 200)
        stuck = self.connect(proxy, origin, reading=False)
        for _ in range(100):
            stuck.request("GET", f"/bytes/{1 << 20}")

        # What the stuck client's window takes is given back now and then, so room comes and goes for a while.
        def refused(ask):
            answer = ask()
            if answer.status == 503:
                self.assertFull(answer)
            return answer.status == 503

        def tunnel():
            client, answer = proxy.connect(f"localhost:{origin.port}")
            client.close()
            return answer

        until(lambda: refused(patient.ask), "a stream is told so")
        until(lambda: refused(tunnel), "a tunnel is told so")
        stuck.close()
        until(lambda: self.held(proxy) < 1 << 20, "all is given back")
        self.assertEqual(patient.ask().status, 200)

    def test_what_a_client_is_sent_keeps_its_pace(self):
        """A window that grows with its reader: as much as ever passes one stream in little time."""
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                client = self.connect(self.inspecting(), origin)
                client.widen()
                self.assertEqual(len(client.request("GET", f"/bytes/{50 << 20}").response(120).body), 50 << 20)

    def test_the_limit_is_shown_and_changed_by_a_reload(self):
        proxy = self.start(daemon={"limits": {"memory": "64MiB"}})
        self.assertEqual(self.metric(proxy, "memory_limit_bytes"), 64 << 20)
        proxy.configure(daemon={"limits": {"memory": "32MiB"}})
        self.assertEqual(proxy.reload()[0], 200)
        self.assertEqual(self.metric(proxy, "memory_limit_bytes"), 32 << 20)
        proxy.configure(daemon={"limits": {"memory": "0"}})
        self.assertEqual(proxy.reload()[0], 200)
        with open("/proc/meminfo") as told:
            machine = int(told.readline().split()[1]) * 1024
        limit = self.metric(proxy, "memory_limit_bytes")
        self.assertLessEqual(limit, machine / 4)
        self.assertGreater(limit, 0)

    def test_what_is_remembered_of_a_refusal_is_short(self):
        proxy = self.start()
        for _ in range(3):
            self.assertEqual(proxy.get("http://nobody.test/" + "x" * 30_000, method="X" * 64).status, 403)
        self.assertLess(len(str(proxy.blocked())), 3_000)

    def test_admin_connections_are_no_more_than_so_many(self):
        proxy = self.start()
        with contextlib.ExitStack() as open_ones:
            for _ in range(1200):
                with contextlib.suppress(ConnectionError):  # turned away already
                    open_ones.enter_context(socket.create_connection(proxy.address("admin"), 10))
            self.assertLess(proxy.open_files(), 1100)
        until(lambda: self.alive(proxy), "the admin API answers again")

    def alive(self, proxy):
        try:
            return proxy.admin("GET", "/health")[0] == 200
        except OSError:
            return False
