"""Logins that hold for a connection (NTLM, Negotiate): nobody else is ever that user."""
import base64
import re

from http2_origin import Http2Origin
from origins import Authority, Scripted
from support import SystemTest
from test_http2 import Http2
from test_intercept import Intercepting


def read_head(reader):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            return None
        head += line
    return head


def serve_logins(sock, head, offer):
    """What servers of this kind do: the second message logs the connection in, and who comes on it later is that user."""
    user, challenged = None, False
    reader = sock.makefile("rb")
    while head:
        shown = re.search(rb"(?i)\r\nauthorization: (?:NTLM|Negotiate) (\S+)", head)
        if user is None and shown and challenged:
            user = shown[1]
        fields, status = b"", b"200 OK"
        if user is None:
            status = b"401 Unauthorized"
            fields = b"WWW-Authenticate: " + offer + (b" more" if shown else b"") + b"\r\n"
            challenged = bool(shown)
        body = b"page of " + (user or b"nobody")
        sock.sendall(b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(body), body))
        head = read_head(reader)


class Logins(Scripted):
    def __init__(self, tls=None, offer=b"NTLM"):
        self.tls, self.offer = tls, offer
        super().__init__()

    def _serve(self, sock):
        try:
            with (self.tls.wrap_socket(sock, server_side=True) if self.tls else sock) as ready:
                ready.settimeout(60)
                head = read_head(ready.makefile("rb", buffering=0))
                if head:
                    serve_logins(ready, head, self.offer)
        except OSError:
            pass


def field(value):
    return [("Authorization", value)] if value else []


class PlainLoginTest(SystemTest):
    def log_in(self, client, url, scheme="NTLM"):
        self.assertEqual(client.request(url).status, 401)
        self.assertEqual(client.request(url, fields=field(scheme + " one")).status, 401)
        return client.request(url, fields=field(scheme + " alice"))

    def test_the_login_of_one_client_serves_no_other(self):
        for scheme, offer in (("NTLM", b"NTLM"), ("Negotiate", b'Basic realm="a, b", Negotiate'), ("negotiate", b"NEGOTIATE, NTLM")):
            with self.subTest(scheme):
                origin = self.own(Logins(offer=offer))
                proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1})
                with proxy.client() as alice, proxy.client() as bob:
                    self.assertEqual(self.log_in(alice, origin.url, scheme).text(), "page of alice")
                    # Without credentials of its own: it is the connection that has them.
                    self.assertEqual(alice.request(origin.url).text(), "page of alice")
                    self.assertEqual(bob.request(origin.url).text(), "page of nobody")
                    self.assertEqual(alice.request(origin.url).text(), "page of alice")
                with proxy.client() as later:
                    self.assertEqual(later.request(origin.url).text(), "page of nobody")

    def test_a_client_keeps_its_login_beside_other_origins(self):
        origins = [self.own(Logins()) for _ in range(3)]
        proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1})
        with proxy.client() as client:
            for origin in origins:
                self.assertEqual(self.log_in(client, origin.url).text(), "page of alice")
            for origin in origins:
                self.assertEqual(client.request(origin.url).text(), "page of alice")
                self.assertLessEqual(origin.connections, 1)

    def test_an_offer_alone_keeps_a_connection_out_of_the_pool(self):
        origin = self.own(Logins())
        proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1})
        for count in (1, 2, 3):
            self.assertEqual(proxy.get(origin.url).status, 401)
            self.assertEqual(origin.connections, count)

    def test_a_login_ends_with_the_policy_that_it_was_made_under(self):
        origin = self.own(Logins())
        proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1})
        with proxy.client() as client:
            self.log_in(client, origin.url)
            self.assertEqual(proxy.reload()[0], 200)
            self.assertEqual(client.request(origin.url).text(), "page of nobody")

    def test_credentials_of_a_request_leave_the_connection_to_all(self):
        origin = self.own(Logins(offer=b'Basic realm="x"'))
        proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1})
        for value in ("Basic YTpi", "Bearer NTLM", 'Digest username="Negotiate"'):
            self.assertEqual(proxy.get(origin.url, fields=field(value)).status, 401)
        self.assertEqual(origin.connections, 1)


class UsersTest(SystemTest):
    def test_the_login_of_one_user_serves_no_other_on_the_same_connection(self):
        def user(name):
            return [("Proxy-Authorization", "Basic " + base64.b64encode(f"{name}:{name}-password".encode()).decode())]
        origin = self.own(Logins())
        proxy = self.start(allow=["127.0.0.1"], daemon={"workers": 1, "socks_users": {"alice": "env:A", "bob": "env:B"}},
                           env={"A": "alice-password", "B": "bob-password"})
        with proxy.client() as client:
            for value in (None, "NTLM one", "NTLM alice"):
                answer = client.request(origin.url, fields=user("alice") + field(value))
            self.assertEqual(answer.text(), "page of alice")
            self.assertEqual(client.request(origin.url, fields=user("bob")).text(), "page of nobody")
            self.assertEqual(client.request(origin.url, fields=user("alice")).text(), "page of alice")


class TunnelLoginTest(Intercepting):
    def test_the_login_inside_one_tunnel_serves_no_other(self):
        origin = self.own(Logins(self.authority.server("localhost"), b"Negotiate"))
        proxy = self.intercepting("full", {"enabled": True, "inspect": True}, daemon={"workers": 1})
        def ask(client, *fields):
            return self.ask(client, fields=fields, host=f"localhost:{origin.port}").text()
        alice, bob = (self.tunnel(proxy, f"localhost:{origin.port}") for _ in range(2))
        ask(alice)
        ask(alice, "Authorization: Negotiate one")
        self.assertEqual(ask(alice, "Authorization: Negotiate alice"), "page of alice")
        self.assertEqual(ask(bob), "page of nobody")
        self.assertEqual(ask(alice), "page of alice")
        with proxy.client() as absolute:
            self.assertEqual(absolute.request(f"https://localhost:{origin.port}/").text(), "page of nobody")


class Http2LoginTest(Http2):
    def test_streams_of_one_client_share_its_login_and_nobody_else_does(self):
        origin = self.own(Logins(self.tls(), b"Negotiate"))
        proxy = self.inspecting(daemon={"workers": 1})
        alice, bob = self.connect(proxy, origin), self.connect(proxy, origin)
        alice.ask()
        alice.ask(fields=[("authorization", "Negotiate one")])
        self.assertEqual(alice.ask(fields=[("authorization", "Negotiate alice")]).text(), "page of alice")
        self.assertEqual(bob.ask().text(), "page of nobody")
        self.assertEqual(alice.ask().text(), "page of alice")

    def test_a_login_never_goes_over_a_shared_link(self):
        for alpn, spoken in ((("h2", "http/1.1"), ["h2", "http/1.1", "h2"]), (("h2",), ["h2", "h2", "h2"])):
            with self.subTest(alpn):
                origin = self.own(Http2Origin(self.tls(), alpn=alpn))
                proxy = self.inspecting(daemon={"workers": 1})
                alice, bob = self.connect(proxy, origin), self.connect(proxy, origin)
                self.assertEqual(alice.ask().status, 200)
                self.assertEqual(alice.ask(fields=[("authorization", "Negotiate abc")]).status, 200)
                self.assertEqual(origin.spoken, spoken[:2])
                self.assertEqual(bob.ask().status, 200)
                self.assertEqual(origin.spoken, spoken[:2])  # the link that was shared before
