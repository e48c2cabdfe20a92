"""What was pooled, waited for or dialled ahead under an older policy begins nothing under the new one; what was admitted
is judged again with all that it was admitted by."""
import base64
import threading

from client import Client
from http2_origin import Http2Origin
from http2_peer import Gone
from name_server import NameServer
from origins import Origin
from socks_client import CONNECT, SUCCESS, SocksClient
from support import until
from test_http2 import Http2
from test_intercept import Hooked

KEY = base64.b64encode(b"sixteen bytes ok").decode()
WEBSOCKET = ["Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13"]
INSPECT = {"enabled": True, "inspect": True}
PUBLIC = {"host": "localhost", "match": {"methods": ["GET"], "path_prefixes": ["/public/"]}}


class LateOrigin(Http2Origin):
    """An origin whose TLS handshake is quick and whose first HTTP/2 frame waits for `gate`."""

    def __init__(self, *args, **kw):
        self.gate, self.secured = threading.Event(), threading.Event()
        super().__init__(*args, **kw)

    def serve(self, sock):
        self.secured.set()
        self.gate.wait(60)
        super().serve(sock)

    def close(self):
        self.gate.set()
        super().close()


class Cut:
    def assertCut(self, client):
        """Nothing more comes but the end, and that before the client loses patience."""
        try:
            self.assertEqual(client.rest().strip(b"\r\n"), b"")
        except TimeoutError:
            self.fail("the connection stays open")
        except OSError:
            pass  # a reset, or an end that TLS did not announce


class SharedLinkTest(Http2):
    def begin(self, origin):
        self.names = self.own(NameServer({"far.test": ["127.0.0.1"]}))
        return self.start(allow=["far.test"], network={"mode": "full", "mitm": INSPECT, "allow_local_binding": True},
                          env={"SSL_CERT_FILE": self.authority.bundle}, daemon={**self.names.settings, "workers": 1})

    def refuse_by_address(self, proxy):
        """By name it stays allowed: only a connection that was vetted before could get through."""
        proxy.configure(deny=["127.0.0.1/32"])
        self.assertEqual(proxy.reload()[0], 200)

    def test_a_link_that_comes_to_life_after_the_reload_is_shared_with_nobody(self):
        origin = self.own(LateOrigin(self.authority.server("far.test")))
        proxy = self.begin(origin)
        client = self.connect(proxy, origin, "far.test")
        first = client.request(path="/first")
        self.assertTrue(origin.secured.wait(20))
        self.refuse_by_address(proxy)
        origin.gate.set()
        self.assertIn("denied", first.response().text())
        for path in ("/second", "/third"):
            client, answer = proxy.connect(f"far.test:{origin.port}")
            with client:
                self.assertRefused(answer, "denied")
        self.assertEqual(origin.requests, [])

    def test_streams_that_waited_for_one_that_dialled_are_judged_anew(self):
        origin = self.own(LateOrigin(self.authority.server("far.test")))
        proxy = self.begin(origin)
        client = self.connect(proxy, origin, "far.test")
        streams = [client.request(path=f"/{i}") for i in range(5)]
        self.assertTrue(origin.secured.wait(20))
        self.refuse_by_address(proxy)
        origin.gate.set()
        for stream in streams:
            self.assertIn("denied", stream.response().text())
        self.assertEqual(origin.requests, [])

    def test_a_reload_that_refuses_nothing_loses_no_request_that_is_dialled(self):
        origin = self.own(LateOrigin(self.authority.server("far.test")))
        proxy = self.begin(origin)
        client = self.connect(proxy, origin, "far.test")
        streams = [client.request(path=f"/{i}") for i in range(5)]
        self.assertTrue(origin.secured.wait(20))
        for _ in range(3):
            self.assertEqual(proxy.reload()[0], 200)
        origin.gate.set()
        self.assertEqual([stream.response().status for stream in streams], [200] * 5)

    def test_nothing_passes_once_a_reload_has_been_answered(self):
        origin = self.own(Http2Origin(self.authority.server("far.test")))
        proxy = self.begin(origin)
        closed, wrong, stop = 0, [], threading.Event()  # `closed`: the number of the window, 0 while all passes

        def ask():
            while not stop.is_set():
                try:
                    client = self.connect(proxy, origin, "far.test")
                    for _ in range(5):
                        before = closed
                        status = client.ask().status
                        if status == 200 and before and closed == before:  # the same one
                            wrong.append(status)
                    client.close()
                except (AssertionError, OSError, Gone):
                    pass  # refused, or closed by the reload

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        for window in range(1, 16):
            self.refuse_by_address(proxy)
            closed = window
            seen = len(origin.requests)
            until(lambda: proxy.blocked()["total"], "something is refused")
            closed = 0
            self.assertLessEqual(len(origin.requests), seen + 4)  # what was on its way to the origin already
            proxy.configure(deny=[])
            self.assertEqual(proxy.reload()[0], 200)
            until(lambda: len(origin.requests) > seen + 8, "requests pass again")
        stop.set()
        for asker in askers:
            asker.join()
        self.assertEqual(wrong, [])


    def test_a_stream_that_waits_is_judged_with_its_tunnel(self):
        for change in ({"allow": ["other.test"]}, {"deny": ["far.test"]}):
            with self.subTest(change):
                gate, asked, armed = threading.Event(), threading.Event(), threading.Event()
                self.addCleanup(gate.set)

                def answer(*_):
                    if armed.is_set():
                        asked.set()
                        gate.wait(10)
                    return ["127.0.0.1"]
                names = self.own(NameServer(answer))
                origin = self.own(Origin(tls=self.authority.server("far.test")))
                proxy = self.start(allow=["far.test"], network={"mode": "full", "mitm": INSPECT},
                                   env={"SSL_CERT_FILE": self.authority.bundle},
                                   daemon={**names.settings, "workers": 1, "timeouts": {"dns": "9s"}})
                client = self.connect(proxy, origin, "far.test")
                self.assertEqual(client.ask().status, 200)
                armed.set()
                client.request(path="/wait")  # takes the connection that is kept
                until(lambda: len(origin.requests) == 2, "it is at the origin")
                client.request(path="/late")
                self.assertTrue(asked.wait(10))
                proxy.configure(**change)
                self.assertEqual(proxy.reload()[0], 200)
                gate.set()
                self.assertEqual(self.asked_after(proxy, origin), ["GET / HTTP/1.1", "GET /wait HTTP/1.1"])

    def asked_after(self, proxy, origin):
        """What has come to the origin once the proxy has had the time to send more."""
        for _ in range(20):
            proxy.admin("GET", "/health")
        until(lambda: proxy.blocked()["total"] >= 2, "tunnel and stream are refused")
        return origin.requests


class WaitingTest(Hooked):
    """A request waits for the resolver while the policy changes."""

    def begin(self, **network):
        self.gate, self.asked = threading.Event(), threading.Event()
        self.addCleanup(self.gate.set)
        self.plain = self.own(Origin())

        def answer(*_):
            self.asked.set()
            self.gate.wait(10)
            return ["127.0.0.1"]
        names = self.own(NameServer(answer))
        tls = self.authority.server("far.test")
        self.far = self.own(Origin(tls=tls))
        proxy = self.prepare(allow=["far.test"], network={"mitm": True, **network},
                             env={"SSL_CERT_FILE": self.authority.bundle},
                             daemon={**names.settings, "timeouts": {"dns": "9s"}})
        self.write_hooks(proxy, [])
        return proxy.start()

    def change(self, proxy, hooks=(), **kw):
        self.assertTrue(self.asked.wait(10))
        proxy.configure(**kw)
        self.write_hooks(proxy, list(hooks))
        self.assertEqual(proxy.reload()[0], 200)
        self.gate.set()

    def test_a_hook_that_comes_meanwhile_judges_https_in_absolute_form(self):
        proxy = self.begin()
        with proxy.client() as client:
            client.send(f"DELETE {self.far.at('far.test', '/admin')} HTTP/1.1\r\nHost: far.test:{self.far.port}\r\n\r\n")
            self.change(proxy, [{**PUBLIC, "host": "far.test"}])
            self.assertRefused(client.response(), "mitm_hook_denied")
        self.assertEqual(self.far.requests, [])

    def test_what_the_hook_that_came_lets_pass_goes_on_as_the_hook_says(self):
        proxy = self.begin()
        hook = {**PUBLIC, "host": "far.test", "actions": {"strip_request_headers": ["x-mine"]}}
        with proxy.client() as client:
            client.send(f"GET {self.far.at('far.test', '/public/./a')} HTTP/1.1\r\nHost: far.test:{self.far.port}\r\nX-Mine: 1\r\n\r\n")
            self.change(proxy, [hook])
            told = client.response().json()
        self.assertEqual(told["target"], "/public/a")
        self.assertNotIn("x-mine", {name.lower() for name, _ in told["fields"]})

    def test_a_hook_that_comes_meanwhile_refuses_plain_http_and_websockets(self):
        for fields in ("", "\r\n".join(WEBSOCKET) + "\r\n"):
            with self.subTest(fields):
                proxy = self.begin()
                with proxy.client() as client:
                    client.send(f"GET {self.plain.at('far.test', '/upgrade')} HTTP/1.1\r\nHost: far.test:{self.plain.port}\r\n{fields}\r\n")
                    self.change(proxy, [{**PUBLIC, "host": "far.test"}])
                    self.assertRefused(client.response(), "mitm_required")
                self.assertEqual(self.plain.requests, [])

    def test_a_tunnel_that_has_to_be_read_meanwhile_is_read(self):
        for change in ({"hooks": [{**PUBLIC, "host": "far.test"}]}, {"network": {"mode": "limited"}},
                       {"network": {"mitm": INSPECT}}):
            with self.subTest(change):
                proxy = self.begin()
                client = self.own(proxy.client())
                client.send(f"CONNECT far.test:{self.far.port} HTTP/1.1\r\nHost: far.test:{self.far.port}\r\n\r\n")
                self.change(proxy, **change)
                self.assertEqual(client.response("CONNECT").status, 200)
                sock = self.trust(proxy).wrap_socket(client.sock, server_hostname="far.test")  # our CA's leaf, or this fails
                sock.close()

    def test_a_tunnel_that_need_not_be_read_any_more_is_not(self):
        proxy = self.begin(mitm=INSPECT)
        client = self.own(proxy.client())
        client.send(f"CONNECT far.test:{self.far.port} HTTP/1.1\r\nHost: far.test:{self.far.port}\r\n\r\n")
        self.change(proxy, network={"mitm": False})
        self.assertEqual(client.response("CONNECT").status, 200)

    def test_a_name_that_is_denied_meanwhile_is_not_reached(self):
        for target, fields in ((lambda: self.plain.at("far.test"), ""), (lambda: self.far.at("far.test"), "")):
            proxy = self.begin()
            with proxy.client() as client:
                client.send(f"GET {target()} HTTP/1.1\r\nHost: {target().split('/')[2]}\r\n{fields}\r\n")
                self.change(proxy, deny=["far.test"])
                self.assertRefused(client.response(), "denied")
            self.assertEqual(self.plain.requests + self.far.requests, [])


class OpenTest(Cut, Hooked):
    """A WebSocket is open, or a response is on its way, while the policy changes."""

    def begin(self, hooks):
        self.plain = self.own(Origin())
        proxy = self.prepare(allow=["localhost"], network={"mitm": INSPECT}, env={"SSL_CERT_FILE": self.authority.bundle})
        self.write_hooks(proxy, hooks)
        return proxy.start()

    def websockets(self, proxy):
        """One inside a tunnel, and one by https in absolute form."""
        inside = self.tunnel(proxy)
        answers = [self.ask(inside, path="/upgrade", fields=WEBSOCKET)]
        absolute = self.own(proxy.client())
        absolute.send("\r\n".join([f"GET {self.origin.at('localhost', '/upgrade')} HTTP/1.1",
                                   f"Host: localhost:{self.origin.port}", *WEBSOCKET]) + "\r\n\r\n")
        answers.append(absolute.response())
        self.assertEqual([answer.status for answer in answers], [101, 101])
        return [inside, absolute]

    def reload(self, proxy, hooks, **kw):
        proxy.configure(**kw)
        self.write_hooks(proxy, hooks)
        status, answer = proxy.reload()
        self.assertEqual(status, 200)
        return answer

    def assertAlive(self, clients, alive):
        for client in clients:
            if alive:
                client.send(b"ping")
                self.assertEqual(client.read(4), b"ping")
            else:
                self.assertTrue(client.closed())

    def test_open_websockets_end_when_new_hooks_refuse_their_path(self):
        everything = {"host": "localhost", "match": {"methods": ["GET"], "path_prefixes": ["/"]}}
        for before in ([], [everything]):
            with self.subTest(before):
                proxy = self.begin(before)
                clients = self.websockets(proxy)
                self.assertAlive(clients, True)
                self.assertEqual(self.reload(proxy, [PUBLIC])["closed_tunnels"], 2)
                self.assertAlive(clients, False)
                self.assertEqual({b["reason"] for b in proxy.blocked()["blocked"]}, {"mitm_hook_denied"})

    def test_open_websockets_stay_when_new_hooks_let_their_path_pass(self):
        proxy = self.begin([])
        clients = self.websockets(proxy)
        hook = {"host": "localhost", "match": {"methods": ["GET"], "path_prefixes": ["/upgrade"]}}
        self.assertEqual(self.reload(proxy, [hook])["closed_tunnels"], 0)
        self.assertAlive(clients, True)

    def test_open_websockets_end_when_a_hook_wants_a_field_that_they_lack(self):
        proxy = self.begin([])
        clients = self.websockets(proxy)
        hook = {"host": "localhost", "match": {"methods": ["GET"], "path_prefixes": ["/"], "headers": {"x-scope": ["read"]}}}
        self.assertEqual(self.reload(proxy, [hook])["closed_tunnels"], 2)
        self.assertAlive(clients, False)

    def test_a_response_inside_a_tunnel_ends_when_its_request_is_refused_now(self):
        proxy = self.begin([])
        client = self.tunnel(proxy)
        client.send(f"GET /wait HTTP/1.1\r\nHost: localhost:{self.origin.port}\r\n\r\n")
        until(lambda: self.origin.requests, "the request is at the origin")
        self.reload(proxy, [PUBLIC])
        self.assertTrue(client.closed())
        self.assertEqual(proxy.blocked()["blocked"][-1]["reason"], "mitm_hook_denied")


    def uploads(self, proxy):
        """Requests whose bodies are open: inside a tunnel, by https in absolute form, and in the clear."""
        def begin(client, target, port):
            client.send(f"POST {target} HTTP/1.1\r\nHost: localhost:{port}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            told = b""
            while b"hello" not in told:
                byte = client.read(1)
                self.assertTrue(byte, told)
                told += byte
            return client
        return [begin(self.tunnel(proxy), "/chat", self.origin.port),
                begin(self.own(proxy.client()), self.origin.at("localhost", "/chat"), self.origin.port),
                begin(self.own(proxy.client()), self.plain.at("localhost", "/chat"), self.plain.port)]

    def test_open_uploads_end_when_their_host_address_or_method_is_refused(self):
        for change in ({"deny": ["localhost"]}, {"deny": ["127.0.0.0/8", "::1"]}, {"network": {"mode": "limited"}}):
            with self.subTest(change):
                proxy = self.begin([])
                proxy.configure(allow=["localhost", "127.0.0.1"])
                clients = self.uploads(proxy)
                self.reload(proxy, [], **change)
                for client in clients:
                    with self.subTest(clients.index(client)):
                        self.assertCut(client)

    def test_a_request_under_way_outlives_a_smaller_limit_on_heads(self):
        proxy = self.begin([])
        client = self.tunnel(proxy)
        client.send(f"GET /wait HTTP/1.1\r\nHost: localhost:{self.origin.port}\r\nX-Long: {'x' * 3000}\r\n\r\n")
        until(lambda: self.origin.requests, "the request is at the origin")
        self.reload(proxy, [], daemon={"limits": {"max_head_bytes": 1024}})
        self.origin.release.set()
        self.assertEqual(client.response().status, 200)


class SocksTest(Cut, Hooked):
    def test_a_websocket_inside_a_socks_tunnel_ends_with_socks(self):
        proxy = self.intercepting("full", INSPECT, network={"enable_socks5": True, "socks_url": "socks5://127.0.0.1:0"})
        socks = self.own(SocksClient(proxy.address("socks")))
        self.assertEqual(socks.greet(), 0)
        self.assertEqual(socks.ask(CONNECT, "localhost", self.origin.port)[0], SUCCESS)
        client = self.own(Client(sock=self.trust(proxy).wrap_socket(socks.sock, server_hostname="localhost")))
        self.assertEqual(self.ask(client, path="/upgrade", fields=WEBSOCKET).status, 101)
        proxy.configure(network={"enable_socks5": False})
        self.assertEqual(proxy.reload()[0], 200)
        self.assertCut(client)


class StreamsTest(Http2):
    def test_streams_and_websockets_of_http2_are_judged_one_by_one(self):
        pages = {"/public/wait": lambda request: request.serve_wait("")}
        self.pages.update(pages)
        proxy = self.inspecting()
        client = self.connect(proxy)
        client.wait(lambda: client.settings.get(8), "the offer of extended CONNECT")
        socket = client.open([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                              (":authority", client.authority), (":path", "/upgrade"), ("sec-websocket-version", "13")], end=False)
        self.assertTrue(socket.head())
        fine, refused = client.request(path="/public/wait"), client.request(path="/wait")
        until(lambda: len(self.origin.requests) == 3, "all are at the origin")
        Hooked.write_hooks(self, proxy, [PUBLIC])
        self.assertEqual(proxy.reload()[0], 200)
        self.assertIsNotNone(socket.end())
        self.assertIsNotNone(refused.end())
        self.origin.release.set()
        self.assertEqual(fine.response().status, 200)
