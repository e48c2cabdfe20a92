"""Streams that begin together: one dials their origin, the others wait for what it gets, and nobody waits for nothing."""
import threading

from http2_origin import Http2Origin, Server, hello
from support import until
from test_http2 import Http2


class GatedServer(Server):
    """Does not answer a TLS handshake before the test says so, and breaks off the first `broken` of them."""

    def finish_request(self, request, client_address):
        origin = self.origin
        if not hello(request):
            return
        with origin.lock:
            origin.handshakes += 1
            is_broken = origin.handshakes <= origin.broken
        origin.gate.wait(60)
        if not is_broken:
            super().finish_request(request, client_address)


class GatedOrigin(Http2Origin):
    server_type = GatedServer

    def __init__(self, *args, broken=0, **kw):
        self.gate, self.lock, self.handshakes, self.broken = threading.Event(), threading.Lock(), 0, broken
        super().__init__(*args, **kw)

    def close(self):
        self.gate.set()
        super().close()


class SharedDialTest(Http2):
    def begin(self, method="GET", **kw):
        """Three streams of one client: the first dials, the others wait for it."""
        self.far = self.own(GatedOrigin(self.tls(), **kw))
        self.proxy = self.inspecting(daemon={"workers": 1})
        self.client = self.connect(self.proxy, self.far)
        streams = [self.client.request(method, f"/{number}") for number in range(3)]
        # A stream behind them that is answered by the proxy itself: they are on their way.
        self.assertEqual(self.client.ask(authority="elsewhere.example").status, 421)
        until(lambda: self.far.handshakes == 1, "the first one dials")
        return streams

    def statuses(self, streams):
        return [stream.response().status for stream in streams]

    def test_an_origin_of_h2_is_dialled_once(self):
        streams = self.begin()
        self.far.gate.set()
        self.assertEqual(self.statuses(streams), [200] * 3)
        self.assertEqual((self.far.connections, self.far.spoken), (1, ["h2"]))

    def test_an_origin_of_http1_is_dialled_for_each(self):
        streams = self.begin(alpn=["http/1.1"])
        self.far.gate.set()
        self.assertEqual(self.statuses(streams), [200] * 3)
        self.assertLessEqual(set(self.far.spoken), {"http/1.1"})
        self.assertEqual(sorted(line.split()[1] for line in self.far.requests), ["/0", "/1", "/2"])

    def test_when_the_first_dial_fails_the_others_dial(self):
        streams = self.begin(broken=1)
        self.far.gate.set()
        self.assertEqual(self.statuses(streams), [502, 200, 200])

    def test_when_every_dial_fails_everybody_hears_of_it(self):
        streams = self.begin(broken=100)
        self.far.gate.set()
        self.assertEqual(self.statuses(streams), [502] * 3)
        self.assertEqual(self.far.handshakes, 3)

    def test_when_the_one_that_dials_is_cancelled_the_others_dial(self):
        first, *others = self.begin()
        first.cancel()
        until(lambda: self.far.handshakes > 1, "somebody else dials")
        self.far.gate.set()
        self.assertEqual(self.statuses(others), [200] * 2)
        self.assertEqual(sorted(line.split()[1] for line in self.far.requests), ["/1", "/2"])

    def test_one_that_is_cancelled_while_it_waits_is_missed_by_nobody(self):
        first, leaves, last = self.begin()
        leaves.cancel()
        self.assertEqual(self.client.ask(authority="elsewhere.example").status, 421)  # the proxy knows
        self.far.gate.set()
        self.assertEqual(self.statuses([first, last]), [200] * 2)
        self.assertEqual(sorted(line.split()[1] for line in self.far.requests), ["/0", "/2"])
        self.assertEqual(self.far.connections, 1)

    def test_a_reload_meanwhile_that_lets_them_pass_has_them_dial_anew(self):
        streams = self.begin()
        self.assertEqual(self.proxy.reload()[0], 200)
        self.far.gate.set()
        self.assertEqual(self.statuses(streams), [200] * 3)
        self.assertGreater(self.far.handshakes, 1, "the one of the old policy served nobody")

    def test_a_reload_meanwhile_that_refuses_them_leaves_nothing_to_the_origin(self):
        streams = self.begin("POST")
        self.proxy.configure(network={"mode": "limited"})
        self.assertEqual(self.proxy.reload()[0], 200)
        self.far.gate.set()
        self.assertEqual(self.statuses(streams), [403] * 3)
        self.assertEqual(self.far.requests, [])
