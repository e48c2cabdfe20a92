"""HTTP/2 inside intercepted tunnels: each stream is a request, judged and carried as one of HTTP/1.1 is."""
import re
import shutil
import signal
import tempfile

from http2_frames import Wire
from http2_origin import Http2Origin
from http2_peer import Code, Peer
from origins import Authority, Origin
from support import SystemTest, until
from test_intercept import Hooked, Intercepting

INSPECT = {"enabled": True, "inspect": True}


class Http2(Intercepting):
    """Clients that speak HTTP/2 inside intercepted tunnels, and origins of each kind; one authority for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="proxy-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.authority = Authority(folder)

    def setUp(self):
        SystemTest.setUp(self)
        self.pages = {}
        self.origin = self.own(Origin(tls=self.tls(), pages=self.pages))  # speaks HTTP/1.1 alone

    def tls(self):
        return self.authority.server("localhost", "127.0.0.1")

    def h2_origin(self, **kw):
        return self.own(Http2Origin(self.tls(), **kw))

    def both_origins(self):
        return (("http/1.1", self.origin), ("h2", self.h2_origin()))

    def inspecting(self, **more):
        """A proxy that reads everything and lets every method pass."""
        return self.intercepting("full", INSPECT, **more)

    def tls_tunnel(self, proxy, origin=None, name="localhost"):
        """A socket inside a tunnel on which h2 was agreed."""
        context = self.trust(proxy, ["h2", "http/1.1"])
        sock = self.tunnel(proxy, f"{name}:{(origin or self.origin).port}", name, context).sock
        self.assertEqual(sock.selected_alpn_protocol(), "h2")
        return sock

    def connect(self, proxy, origin=None, name="localhost", **kw):
        """A client that speaks HTTP/2 to this origin."""
        return self.own(Peer(self.tls_tunnel(proxy, origin, name), f"{name}:{(origin or self.origin).port}", **kw).start())

    def wire(self, proxy, origin=None, **kw):
        return self.own(Wire(self.tls_tunnel(proxy, origin), **kw))

    def seen(self, answer):
        """What the echo of an origin tells: the request, its fields as a list of lower-case names and values."""
        self.assertEqual(answer.status, 200, answer)
        told = answer.json()
        told["fields"] = [(name.lower(), value) for name, value in told["fields"]]
        return told


class NegotiationTest(Http2):
    def test_a_client_gets_h2_when_it_asks_for_it_and_http1_otherwise(self):
        proxy = self.intercepting()
        for offered, agreed in ((["h2", "http/1.1"], "h2"), (["h2"], "h2"), (["http/1.1"], "http/1.1"), (None, None)):
            client = self.tunnel(proxy, context=self.trust(proxy, offered))
            self.assertEqual(client.sock.selected_alpn_protocol(), agreed)
            if agreed != "h2":
                self.assertEqual(self.seen(self.ask(client))["version"], "HTTP/1.1")

    def test_an_origin_that_knows_http1_alone_gets_the_request_in_it(self):
        client = self.connect(self.inspecting())
        fields = [("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("te", "trailers")]
        told = self.seen(client.ask("POST", "/a?b=c", fields, b"body"))
        self.assertEqual((told["version"], told["method"], told["target"], told["body"]), ("HTTP/1.1", "POST", "/a?b=c", "body"))
        fields = dict(told["fields"])
        self.assertEqual((fields["host"], fields["x-one"], fields["cookie"]), (client.authority, "1", "a=1; b=2"))
        self.assertEqual([name for name, _ in told["fields"] if name.startswith(":")], [])
        self.assertEqual([name for name, _ in told["fields"]].count("cookie"), 1, "HTTP/1.1 knows one Cookie field")

    def test_an_origin_that_knows_both_gets_h2_from_h2_clients(self):
        origin = self.h2_origin()
        client = self.connect(self.inspecting(), origin)
        told = self.seen(client.ask("POST", "/a?b=c", [("x-one", "1"), ("cookie", "a=1"), ("te", "trailers")], b"body"))
        self.assertEqual((told["version"], told["method"], told["target"], told["body"]), ("HTTP/2", "POST", "/a?b=c", "body"))
        self.assertEqual((told["scheme"], told["authority"]), ("https", client.authority))
        fields = dict(told["fields"])
        self.assertEqual((fields["x-one"], fields["cookie"], fields["te"]), ("1", "a=1", "trailers"))
        self.assertEqual(origin.spoken, ["h2"])

    def test_an_origin_that_knows_both_gets_http1_from_http1_clients(self):
        origin = self.h2_origin()
        client = self.tunnel(self.intercepting(), f"localhost:{origin.port}")
        self.assertEqual(self.seen(self.ask(client, host=f"localhost:{origin.port}"))["version"], "HTTP/1.1")
        self.assertEqual(origin.spoken, ["http/1.1"])

    def test_via_names_the_protocol_a_request_came_in(self):
        proxy = self.intercepting()
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                via = dict(self.seen(self.connect(proxy, origin).ask())["fields"])["via"]
                self.assertRegex(via, r"^2(\.0)? ")  # RFC 9110 §7.6.3

    def test_streams_of_many_clients_share_one_connection_to_their_origin(self):
        origin = self.h2_origin()
        proxy = self.intercepting(daemon={"workers": 1})
        self.connect(proxy, origin).ask()
        clients = [self.connect(proxy, origin) for _ in range(4)]
        streams = [client.request(path="/wait") for client in clients for _ in range(10)]
        until(lambda: len(origin.requests) == 41, "all requests are at the origin together")
        origin.release.set()
        self.assertEqual({stream.response().status for stream in streams}, {200})
        self.assertEqual((origin.spoken, origin.connections), (["h2"], 1))


class TranslatedTest(Http2):
    """Clients of HTTP/1.1 at an origin that insists on h2."""

    def setUp(self):
        super().setUp()
        self.origin = self.h2_origin(alpn=["h2"])
        self.origin.release.set()
        self.client = self.tunnel(self.inspecting(daemon={"workers": 1}))

    def test_an_origin_that_insists_is_dialled_again_with_h2(self):
        told = self.seen(self.ask(self.client, "POST", "/a?b=c", ["X-One: 1", "Connection: x-two", "X-Two: 2"], b"body"))
        self.assertEqual((told["version"], told["method"], told["target"], told["body"]), ("HTTP/2", "POST", "/a?b=c", "body"))
        self.assertEqual(told["authority"], f"localhost:{self.origin.port}")
        names = {name for name, _ in told["fields"]}
        self.assertIn("x-one", names)
        self.assertFalse(names & {"host", "connection", "x-two", "transfer-encoding"}, names)
        self.assertEqual(self.ask(self.client).status, 200)
        self.assertEqual((self.origin.insisted, self.origin.spoken), (1, ["h2"]), "once is enough")

    def test_bodies_and_trailers_pass_both_ways(self):
        self.assertEqual(len(self.ask(self.client, path="/bytes/3000000").body), 3000000)
        answer = self.ask(self.client, path="/chunked/300000")
        self.assertEqual((len(answer.body), answer.trailers), (300000, [("x-check", "good")]))
        self.assertEqual(self.ask(self.client, "POST", "/upload", body=b"u" * 2000000).text(), "2000000")
        self.client.send(f"POST / HTTP/1.1\r\nHost: localhost:{self.origin.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n")
        told = self.client.response().json()
        self.assertEqual((told["body"], told["trailers"]), ("hello", ["x-sum: 7"]))

    def test_https_in_absolute_form_reaches_it_too(self):
        told = self.seen(self.inspecting().get(self.origin.at("localhost", "/absolute")))
        self.assertEqual((told["version"], told["target"]), ("HTTP/2", "/absolute"))

    def test_responses_without_a_body_end_where_they_must(self):
        head = self.ask(self.client, "HEAD", "/bytes/1000")
        self.assertEqual((head.status, head.get("content-length")), (200, "1000"))
        self.assertEqual(self.ask(self.client, path="/status/204").status, 204)
        self.assertEqual(self.ask(self.client, path="/status/304").get("etag"), '"e"')
        self.client.send(f"GET /hints HTTP/1.1\r\nHost: localhost:{self.origin.port}\r\n\r\n")
        self.assertEqual([self.client.response().status for _ in range(2)], [103, 200])

    def test_a_response_that_is_cut_is_no_whole_one(self):
        def cut(stream):
            stream.send_fields([(":status", "200")])
            stream.send(b"half")
            stream.cancel(Code.INTERNAL_ERROR)
        self.origin.pages["/cut"] = cut
        with self.assertRaises((EOFError, ValueError)):
            self.ask(self.client, path="/cut")


class JudgementTest(Http2):
    def test_limited_mode_refuses_a_stream_and_serves_the_others(self):
        proxy = self.intercepting()
        client = self.connect(proxy)
        waiting = client.request(path="/wait")
        refused = client.ask("POST", "/b", body=b"x=1")
        self.assertRefused(refused, "method_not_allowed")
        self.assertEqual(refused.get("x-proxy-error"), "blocked-by-method-policy")
        told = refused.json()
        self.assertEqual((told["status"], told["reason"], told["host"], told["port"]),
                         ("blocked", "method_not_allowed", "localhost", self.origin.port))
        self.origin.release.set()
        self.assertEqual(waiting.response().status, 200)
        for method in ("HEAD", "OPTIONS"):
            self.assertEqual(client.ask(method).status, 200)
        self.assertEqual([line.split()[0] for line in self.origin.requests], ["GET", "HEAD", "OPTIONS"])
        blocked = proxy.blocked()["blocked"][-1]
        self.assertEqual((blocked["host"], blocked["method"], blocked["reason"]), ("localhost", "POST", "method_not_allowed"))

    def test_a_refusal_does_not_wait_for_the_body(self):
        client = self.connect(self.intercepting())
        upload = client.request("PUT", "/b", end=False)
        self.assertEqual(upload.head() and upload.get(":status"), "403")
        self.assertEqual(client.ask().status, 200)

    def test_names_that_disagree_are_answered_421_and_recorded(self):
        proxy = self.intercepting()
        client = self.connect(proxy)
        other = f"other.test:{self.origin.port}"
        self.assertEqual(client.ask(authority=other).status, 421)
        fields = [(":method", "GET"), (":scheme", "https"), (":path", "/"), ("host", other)]
        self.assertEqual(client.open(fields).response().status, 421, "Host stands for a missing :authority")
        self.assertEqual(client.ask(authority="localhost").status, 200, "the port is the tunnel's")
        self.assertEqual(client.open([*fields[:3], ("host", client.authority)]).response().status, 200)
        self.assertEqual([b["reason"] for b in proxy.blocked()["blocked"]], ["misdirected"] * 2)
        self.assertEqual(len(self.origin.requests), 2)

    def test_a_tunnel_inside_a_tunnel_is_no_request(self):
        client = self.connect(self.inspecting())
        answer = client.open([(":method", "CONNECT"), (":authority", client.authority)], end=False)
        self.assertEqual(answer.head() and answer.get(":status"), "405")
        self.assertTrue(answer.get("allow"))
        self.assertEqual(client.ask().status, 200)

    def test_a_head_beyond_the_limits_is_431_and_one_within_them_passes(self):
        origin = self.h2_origin()
        client = self.connect(self.intercepting(), origin)
        for what, path, fields, status in (("a long field", "/", [("x", "a" * 70_000)], 431),
                                           ("a long path", "/" + "a" * 70_000, [], 431),
                                           ("long in all", "/", [(f"x-{i}", "a" * 5_000) for i in range(15)], 431),
                                           ("many fields", "/", [("x", "y")] * 300, 431),
                                           ("as long as may be", "/", [("x", "a" * 60_000)], 200),
                                           ("as many as may be", "/", [("x", "y")] * 250, 200),
                                           ("cookies in pieces", "/", [("cookie", f"c{n}=1") for n in range(500)], 200)):
            with self.subTest(what):
                self.assertEqual(client.ask(path=path, fields=fields).status, status)
        self.assertEqual(len(origin.requests), 3)

    def test_inspection_tells_of_each_stream(self):
        proxy = self.inspecting()
        client = self.connect(proxy)
        self.assertEqual(client.ask("POST", "/p?secret=1", body=b"x" * 5000).status, 200)
        self.assertEqual(client.ask(path="/q").status, 200)
        line = proxy.wait_for_line("msg=inspected .*method=POST .*status=200 request_bytes=5000 request_truncated=true")
        self.assertNotIn("secret", line.string)
        proxy.wait_for_line("msg=inspected .*method=GET .*status=200 request_bytes=0")

    def test_a_stream_counts_as_a_request(self):
        def count(speak):
            proxy = self.inspecting()
            speak(proxy)
            return re.search(r"\ncodex_network_proxy_requests_total (\d+)\n", proxy.admin("GET", "/metrics")[2])[1]
        def http1(proxy):
            client = self.tunnel(proxy)
            for _ in range(5):
                self.ask(client)
        def http2(proxy):
            client = self.connect(proxy)
            for stream in [client.request() for _ in range(5)]:
                stream.response()
        self.assertEqual(count(http2), count(http1))


class Http2HookTest(Http2, Hooked):
    def test_a_hook_adds_to_a_stream_what_the_client_never_sees(self):
        proxy = self.hooked().start()
        for kind, origin in self.both_origins():
            with self.subTest(kind):
                client = self.connect(proxy, origin)
                fields = [("cookie", "c=1"), ("authorization", "Bearer dummy"), ("x-other", "1")]
                answer = client.ask(path="/repos/a", fields=fields)
                told = self.fields(answer)
                self.assertEqual((told["authorization"], told["x-other"]), ("Bearer " + self.SECRET, "1"))
                self.assertNotIn("cookie", told)
                self.assertNotIn("authorization", answer.names())
        self.assertNotIn(self.SECRET, proxy.log())

    def test_what_no_hook_matches_is_refused(self):
        client = self.connect(self.hooked().start())
        for method, path in (("PUT", "/repos/a"), ("GET", "/user"), ("GET", "/repos/../user"), ("GET", "/repos/%2e%2e/user"),
                             ("GET", "/repos%2fa"), ("GET", "/repos/..%5cuser")):
            with self.subTest(path):
                refused = client.ask(method, path)
                self.assertRefused(refused, "mitm_hook_denied")
                self.assertEqual(refused.get("x-proxy-error"), "blocked-by-mitm-hook")
        self.assertEqual(self.seen(client.ask(path="/repos/x/../a"))["target"], "/repos/a", "forwarded as judged")
        self.assertEqual(len(self.origin.requests), 1)


class ChangeTest(Http2):
    """What becomes of open connections when the policy changes, or the proxy ends."""

    def waiting(self, proxy, name="localhost"):
        """A client with a request that its origin has not answered yet."""
        client, count = self.connect(proxy, name=name), len(self.origin.requests)
        stream = client.request(path="/wait")
        until(lambda: len(self.origin.requests) > count, "the request is at the origin")
        return client, stream

    def test_a_reload_ends_the_streams_it_refuses_and_keeps_the_others(self):
        proxy = self.inspecting()
        ended, cut = self.waiting(proxy)
        kept, whole = self.waiting(proxy, "127.0.0.1")
        proxy.configure(deny=["localhost"], network={"mode": "limited"})
        status, answer = proxy.reload()
        self.assertEqual((status, answer["closed_tunnels"]), (200, 1))
        ended.ended()
        self.assertFalse(cut.ended)
        self.origin.release.set()
        self.assertEqual(whole.response().status, 200)
        self.assertRefused(kept.ask("POST", body=b"x"), "method_not_allowed")
        self.assertEqual(kept.ask().status, 200)

    def test_a_switch_of_modes_holds_for_the_next_stream(self):
        proxy = self.inspecting()
        client, waiting = self.waiting(proxy)
        self.assertEqual(client.ask("POST", body=b"x").status, 200)
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        self.assertRefused(client.ask("POST", body=b"x"), "method_not_allowed")
        self.origin.release.set()
        self.assertEqual(waiting.response().status, 200)

    def test_a_drain_lets_open_streams_finish(self):
        proxy = self.inspecting(daemon={"shutdown_grace": "30s"})
        client, waiting = self.waiting(proxy)
        talk = client.request("POST", "/chat", end=False)
        talk.send(b"before ")
        self.assertEqual(talk.read(7), b"before ")
        proxy.signal(signal.SIGTERM)
        client.wait(lambda: client.goaway, "GOAWAY")
        talk.send(b"after")
        self.assertEqual(talk.read(12), b"before after")
        talk.send(end=True)
        talk.response()
        self.origin.release.set()
        self.assertEqual(waiting.response().status, 200)
        self.assertEqual(client.ended(), Code.NO_ERROR)
        client.close()
        self.assertEqual(proxy.wait(), 0)

    def test_a_drain_waits_for_no_idle_connection(self):
        proxy = self.inspecting(daemon={"shutdown_grace": "10m"})
        client = self.connect(proxy)
        client.ask()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(client.ended(), Code.NO_ERROR)
        client.close()
        self.assertEqual(proxy.wait(), 0)

    def test_a_silent_connection_is_closed_after_its_time(self):
        client = self.connect(self.inspecting(daemon={"timeouts": {"keep_alive": "2s"}}))
        self.assertEqual(client.ask().status, 200)
        self.assertEqual(client.ended(), Code.NO_ERROR)

    def test_a_connection_with_a_waiting_stream_is_not_silent(self):
        proxy = self.inspecting(daemon={"timeouts": {"keep_alive": "2s"}})
        client, waiting = self.waiting(proxy)
        for _ in range(2):  # which takes twice the time
            idle = self.connect(proxy)
            idle.ask()
            idle.ended()
        self.origin.release.set()
        self.assertEqual(waiting.response().status, 200)
