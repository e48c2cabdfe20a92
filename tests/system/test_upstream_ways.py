"""Every way in, directly and through each kind of upstream proxy: what that proxy sees, and that bytes arrive."""
import base64
import os
import shutil
import socket
import ssl
import tempfile
import threading

import socks_client as socks
from client import Client
from http2_origin import Http2Origin
from http2_peer import Peer
from name_server import NameServer
from origins import Authority, Origin, Raw, Scripted, join, read_head
from support import SystemTest, free_port, until

CLIENTS = "Basic Y2xpZW50OnNlY3JldA=="  # client:secret
OURS = "Basic " + base64.b64encode(b"user:pa:ss").decode()
PUBLIC = {"name": "public.test", "v4": "93.184.216.34", "v6": "2606:2800::1"}  # not dialled: the upstream proxy knows better
LOCAL = {"name": "public.test", "v4": "127.0.0.1", "v6": "::1"}


class ForwardProxy(Raw):
    """A proxy, inside TLS or not, that takes every target for the origin on its port here, and notes the heads it is sent."""

    def __init__(self, tls=None):
        self.tls = tls
        super().__init__(serve=self._relayed)

    def _relayed(self, sock):
        try:
            with (self.tls.wrap_socket(sock, server_side=True) if self.tls else sock) as client:
                head = read_head(client)
                self.heads.append(head)
                self._forward(client, head)
        except ValueError:
            pass  # no head at all: a client that left, or asked for another way

    def _forward(self, client, head):
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        authority, path = (target, "") if method == "CONNECT" else target.removeprefix("http://").split("/", 1)
        address = ("::1" if authority.startswith("[") else "127.0.0.1", int(authority.rpartition(":")[2]))
        with socket.create_connection(address) as origin:
            if method == "CONNECT":
                # An interim response and a field that mean nothing here.
                client.sendall(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 Connection established\r\nContent-Length: 0\r\n\r\n")
            else:
                lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"proxy-authorization:")]
                origin.sendall(b"\r\n".join(lines).replace(target.encode(), b"/" + path.encode(), 1))
            join(client, origin)


class Ways(SystemTest):
    """The ways in. Each takes (proxy, hosts) and returns what came back: the target that the origin saw, or an echo."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="proxy-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.authority = Authority(folder)

    def setUp(self):
        super().setUp()
        self.names = self.own(NameServer({"public.test": [PUBLIC["v4"], PUBLIC["v6"]]}))
        self.origin, self.tls_origin = self.own(Origin()), self.own(Origin(tls=self.tls()))
        self.v6_origin, self.h2_origin = self.own(Origin("::1")), self.own(Http2Origin(self.tls()))

    def tls(self):
        return self.authority.server("public.test")

    def started(self, url="", mitm=False, **more):
        """A daemon behind the upstream proxy of this URL; inspecting or not."""
        local = not url
        network = {"enable_socks5": True, "socks_url": "http://127.0.0.1:0", "allow_upstream_proxy": True, "allow_local_binding": local,
                   "mitm": {"enabled": True, "inspect": True} if mitm else False}
        daemon = {"workers": 1, "shutdown_grace": "100ms", **self.names.settings, **more.pop("daemon", {})}
        env = {"SSL_CERT_FILE": self.authority.bundle, **({"HTTP_PROXY": url, "HTTPS_PROXY": url} if url else {})}
        return self.start(allow=[*PUBLIC.values(), *LOCAL.values()], network=network, daemon=daemon, env=env, **more)

    def ways(self):
        """(name, needs interception, function, target as the upstream proxy must name it, None for absolute-form)."""
        plain, tls, v6 = self.origin.port, self.tls_origin.port, self.v6_origin.port
        def over_socks(kind, port, text=None, inside=self.ask_plain):
            return lambda proxy, hosts: inside(self.socks_tunnel(proxy, text(hosts) if text else hosts[kind], port), hosts["name"])
        return (
            ("http", False, self.absolute(self.origin), None),
            ("https in absolute form", False, self.absolute(self.tls_origin), f"name:{tls}"),
            ("CONNECT", False, lambda p, h: self.ask_plain(self.tunnel(p, f"{h['name']}:{plain}"), h["name"]), f"name:{plain}"),
            ("CONNECT, v4", False, lambda p, h: self.ask_plain(self.tunnel(p, f"{h['v4']}:{plain}"), h["name"]), f"v4:{plain}"),
            ("CONNECT, v6", False, lambda p, h: self.ask_plain(self.tunnel(p, f"[{h['v6']}]:{v6}"), h["name"]), f"v6:{v6}"),
            ("CONNECT, TLS inside", False, lambda p, h: self.ask_tls(self.tunnel(p, f"{h['name']}:{tls}"), h["name"]), f"name:{tls}"),
            ("Upgrade", False, self.upgrade, f"name:{plain}"),
            ("SOCKS, name", False, over_socks("name", plain), f"name:{plain}"),
            ("SOCKS, TLS inside", False, over_socks("name", tls, inside=self.ask_tls), f"name:{tls}"),
            ("SOCKS, v4", False, over_socks("v4", plain), f"v4:{plain}"),
            ("SOCKS, v6", False, over_socks("v6", v6), f"v6:{v6}"),
            ("SOCKS, v6 as a name", False, over_socks("v6", v6, lambda h: f"[{h['v6']}]"), f"v6:{v6}"),
            ("SOCKS, intercepted", True, lambda p, h: self.ask_tls(self.socks_tunnel(p, h["name"], tls), h["name"], p), f"name:{tls}"),
            ("HTTP in an intercepted tunnel", True,
             lambda p, h: self.ask_plain(self.tunnel(p, f"{h['name']}:{plain}"), h["name"]), f"name:{plain}"),
            ("intercepted h1", True, lambda p, h: self.ask_tls(self.tunnel(p, f"{h['name']}:{tls}"), h["name"], p), f"name:{tls}"),
            ("intercepted h2 to h1", True, lambda p, h: self.ask_h2(p, h["name"], tls), f"name:{tls}"),
            ("intercepted h2", True, lambda p, h: self.ask_h2(p, h["name"], self.h2_origin.port), f"name:{self.h2_origin.port}"),
            ("intercepted WebSocket", True, lambda p, h: self.websocket(
                self.secured(self.tunnel(p, f"{h['name']}:{tls}"), h["name"], p), f"{h['name']}:{tls}"), f"name:{tls}"),
        )

    def absolute(self, origin):
        def ask(proxy, hosts):
            answer = proxy.get(origin.at(hosts["name"], "/way"), fields=[("Proxy-Authorization", CLIENTS)])
            return self.echoed(answer)
        return ask

    def echoed(self, answer):
        if answer.status != 200:
            return answer
        fields = [name.lower() for name, _ in answer.json()["fields"]]
        self.assertNotIn("proxy-authorization", fields, "an origin is sent nobody's credentials")
        return answer.json()["target"]

    def tunnel(self, proxy, authority):
        client = self.own(proxy.client())
        client.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: {CLIENTS}\r\n\r\n")
        answer = client.response("CONNECT")
        return client if answer.status == 200 else answer

    def socks_tunnel(self, proxy, host, port):
        client = self.own(socks.SocksClient(proxy.address("socks")))
        self.assertEqual(client.greet(), 0)
        code, _ = client.ask(socks.CONNECT, host, port)
        return Client(sock=client.sock) if code == socks.SUCCESS else (code, client.closed())

    def secured(self, client, name, proxy=None, alpn=None):
        """TLS inside a tunnel: to the origin, or to the proxy that reads it."""
        if not isinstance(client, Client):
            return client
        context = ssl.create_default_context(cafile=os.path.join(proxy.folder, "proxy/ca.pem") if proxy else self.authority.bundle)
        if alpn:
            context.set_alpn_protocols(alpn)
        return self.own(Client(sock=context.wrap_socket(client.sock, server_hostname=name)))

    def ask_plain(self, client, name):
        if not isinstance(client, Client):
            return client
        client.send(f"GET /way HTTP/1.1\r\nHost: {name}\r\n\r\n")
        return self.echoed(client.response())

    def ask_tls(self, client, name, proxy=None):
        return self.ask_plain(self.secured(client, name, proxy), name)

    def ask_h2(self, proxy, name, port):
        client = self.secured(self.tunnel(proxy, f"{name}:{port}"), name, proxy, ["h2"])
        if not isinstance(client, Client):
            return client
        peer = self.own(Peer(client.sock, f"{name}:{port}").start())
        return self.echoed(peer.ask(path="/way"))

    def websocket(self, client, host, fields=""):
        if not isinstance(client, Client):
            return client
        key = base64.b64encode(b"sixteen bytes ok").decode()
        client.send(f"GET {fields or '/upgrade'} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    f"Proxy-Authorization: {CLIENTS}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n")
        answer = client.response()
        if answer.status != 101:
            return answer
        client.send(b"\x81\x82\0\0\0\0hi")
        return "/way" if client.read(8) == b"\x81\x82\0\0\0\0hi" else "no echo"

    def upgrade(self, proxy, hosts):
        host = f"{hosts['name']}:{self.origin.port}"
        return self.websocket(self.own(proxy.client()), host, f"http://{host}/upgrade")


class WaysTest(Ways):
    def each(self, url, hosts, check):
        for mitm in (False, True):
            proxy = self.started(url, mitm)
            for name, reads, run, target in self.ways():
                if reads == mitm:
                    with self.subTest(name):
                        proxy.reload()  # nothing is kept of the way before
                        check(proxy, run, hosts, target)
            proxy.close()

    def test_directly(self):
        self.names.answer = lambda *_: ["127.0.0.1"]
        def check(proxy, run, hosts, _):
            self.assertEqual(run(proxy, hosts), "/way")
        self.each("", LOCAL, check)

    def through(self, scheme, credentials):
        upstream = self.own(ForwardProxy(self.authority.server("localhost") if scheme == "https" else None))
        def check(proxy, run, hosts, target):
            upstream.heads.clear()
            self.assertEqual(run(proxy, hosts), "/way")
            absolute = f"GET http://public.test:{self.origin.port}/way HTTP/1.1"
            lines = {absolute}
            if target:
                kind, port = target.split(":")
                host = f"[{hosts[kind]}]" if kind == "v6" else hosts[kind]
                lines = {f"CONNECT {host}:{port} HTTP/1.1"}
            self.assertEqual({head.split(b"\r\n")[0].decode() for head in upstream.heads}, lines)
            for head in upstream.heads:
                fields = [field.partition(": ") for field in head.decode("latin-1").split("\r\n")[1:] if field]
                shown = [value for name, _, value in fields if name.lower() == "proxy-authorization"]
                self.assertEqual(shown, [OURS] if credentials else [])
                self.assertNotIn(CLIENTS.encode(), head)
                line = head.split(b"\r\n")[0].decode()
                tunnel = line.startswith("CONNECT ")
                self.assertEqual([value for name, _, value in fields if name == "Host"], [line.split()[1] if tunnel else line.split("/")[2]])
                if tunnel:
                    self.assertLessEqual({name.lower() for name, _, _ in fields}, {"host", "proxy-authorization", "via"}, "no field of the client's")
        self.each(f"{scheme}://{'user:pa%3Ass@' if credentials else ''}localhost:{upstream.port}", PUBLIC, check)

    def test_through_an_http_proxy(self):
        self.through("http", False)

    def test_through_an_http_proxy_with_credentials(self):
        self.through("http", True)

    def test_through_an_https_proxy(self):
        self.through("https", False)

    def test_through_an_https_proxy_with_credentials(self):
        self.through("https", True)

    def test_no_plain_request_takes_a_tunnel_that_an_upgrade_left(self):
        upstream = self.own(ForwardProxy())
        proxy = self.started(f"http://user:pa%3Ass@localhost:{upstream.port}")
        url = self.origin.at("public.test", "/way")
        answer = proxy.get(url, fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
        self.assertEqual(self.echoed(answer), "/way")  # the origin does not switch: its connection stays open
        self.assertEqual(self.echoed(proxy.get(url)), "/way")
        self.assertEqual([head.split(b" ")[0] for head in upstream.heads], [b"CONNECT", b"GET"])

    def test_a_server_that_speaks_first_comes_along_with_the_answer(self):
        def serve(sock, head):
            sock.sendall(b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 200 Established\r\n\r\n220 " + b"x" * 10_000 + b"\r\n")
            while data := sock.recv(65536):
                sock.sendall(data)
        upstream = self.own(Scripted(serve=serve))
        client = self.tunnel(self.started(f"http://localhost:{upstream.port}"), "public.test:25")
        self.assertEqual(client.read(10_006), b"220 " + b"x" * 10_000 + b"\r\n")
        client.send(b"EHLO\r\n")
        self.assertEqual(client.read(6), b"EHLO\r\n")

    def test_nothing_comes_before_the_handshake_in_a_tunnel_for_tls(self):
        upstream = self.own(Scripted(reply=b"HTTP/1.1 200 Established\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        answer = self.started(f"http://localhost:{upstream.port}").get("https://public.test/")
        self.assertEqual(answer.status, 502)
        self.assertIn("sends bytes before the TLS handshake", answer.get("proxy-status"))

    def test_a_client_that_leaves_takes_its_wait_along(self):
        waiting = threading.Event()
        upstream = self.own(Scripted(serve=lambda sock, head: (waiting.set(), sock.recv(1))))
        proxy = self.started(f"http://localhost:{upstream.port}")
        client = proxy.client()
        client.send("CONNECT public.test:443 HTTP/1.1\r\nHost: public.test:443\r\n\r\n")
        self.assertTrue(waiting.wait(20))
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        client.close()
        until(lambda: proxy.admin("GET", "/connections")[2]["connections"] == [], "the connection is over")


class FailuresTest(Ways):
    """An upstream proxy that does not do its part: each way in says so in its own words."""

    # What it answers, HTTP status of tunnels, of plain requests, SOCKS reply.
    table = (("403", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 502, 403, 1),
             ("407", b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno", 502, 502, 1),
             ("502", b"HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nno", 502, 502, 1),
             ("302", b"HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\nContent-Length: 2\r\n\r\nno", 502, 302, 1),
             ("101", b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 502, 502, 1),
             ("only interim", b"HTTP/1.1 102 Processing\r\n\r\n" * 40, 502, 102, 1),
             ("closes", b"", 502, 502, 1),
             ("half a head", b"HTTP/1.1 200 OK\r\nA: b", 502, 502, 1),
             ("nonsense", b"SSH-2.0-x\r\n\r\n", 502, 502, 1),
             ("endless", b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000, 502, 502, 1),
             ("TLS", b"\x15\x03\x03\x00\x02\x02\x28", 502, 502, 1),
             ("silence", None, 504, 504, 4))

    def answered(self, run, proxy, is_socks, expected, code, ours=True):
        got = run(proxy, PUBLIC)
        if is_socks:
            return self.assertEqual(got, (code, True), "a reply, and an end")
        self.assertFalse(isinstance(got, (str, tuple)), got)
        self.assertEqual(got.status, expected, got)
        if ours:
            self.assertIn("codex-network-proxy; error=", got.get("proxy-status"))
            self.assertIn("upstream proxy http://localhost:", got.get("proxy-status")) if expected == 502 else None
        self.assertNotIn("proxy-authenticate", got.names())

    def test_each_way_says_so(self):
        silence = threading.Event()
        self.addCleanup(silence.set)
        for kind, reply, tunnel, plain, code in self.table:
            serve = (lambda sock, head: silence.wait(60)) if reply is None else None
            # Short for silence alone: an answer must come before the time is over.
            daemon = {"timeouts": {"connect": "500ms", "response": "500ms"}} if reply is None else {}
            upstream = self.own(Scripted(reply=reply or b"", serve=serve))
            for mitm in (False, True):
                proxy = self.started(f"http://localhost:{upstream.port}", mitm, daemon=daemon)
                for name, reads, run, target in self.ways():
                    if reads != mitm:
                        continue
                    with self.subTest(kind, way=name):
                        upstream.heads.clear()
                        ours = bool(target) or plain == 504 or kind == "407"
                        self.answered(run, proxy, name.startswith("SOCKS"), tunnel if target else plain, code, ours)
                        for head in upstream.heads:
                            self.assertEqual(head.split(b" ")[0], b"CONNECT" if target else b"GET")
                proxy.close()

    def test_one_that_is_not_there(self):
        for mitm in (False, True):
            proxy = self.started(f"http://localhost:{free_port()}", mitm)
            for name, reads, run, _ in self.ways():
                if reads == mitm:
                    with self.subTest(name):
                        self.answered(run, proxy, name.startswith("SOCKS"), 502, socks.REFUSED)

    def test_one_without_a_name(self):
        proxy = self.started("http://nobody.test:3128")
        for name, reads, run, _ in self.ways():
            if not reads:
                with self.subTest(name):
                    got = run(proxy, PUBLIC)
                    if name.startswith("SOCKS"):
                        self.assertEqual(got, (4, True))
                    else:
                        self.assertEqual(got.status, 502)
                        self.assertIn("upstream proxy http://nobody.test:3128", got.get("proxy-status"))

    def test_one_whose_certificate_does_not_hold(self):
        upstream = self.own(ForwardProxy(self.authority.server("other.test")))
        proxy = self.started(f"https://localhost:{upstream.port}")
        for name, reads, run, _ in self.ways():
            if not reads:
                with self.subTest(name):
                    got = run(proxy, PUBLIC)
                    if name.startswith("SOCKS"):
                        self.assertEqual(got, (1, True))
                    else:
                        self.assertEqual(got.status, 502)
                        self.assertIn("error=tls_certificate_error", got.get("proxy-status"))
        self.assertEqual(upstream.heads, [])
