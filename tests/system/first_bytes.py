"""What tests of tunnels that are to be read begin with: a client inside that has said nothing yet."""
import ssl

from client import Client
from origins import Origin
from support import until
from test_intercept import Hooked

INSPECT = {"enabled": True, "inspect": True}


class FirstBytes(Hooked):
    def setUp(self):
        super().setUp()
        self.plain = self.own(Origin())

    def inspecting(self, **more):
        return self.intercepting("full", INSPECT, **more)

    def open(self, proxy, port=None, name="localhost"):
        """A client inside a tunnel that has said nothing yet."""
        client, answer = proxy.connect(f"{name}:{port or self.origin.port}")
        self.assertEqual(answer.status, 200, answer)
        return self.own(client)

    def secure(self, proxy, client, name="localhost"):
        context = self.trust(proxy)
        context.check_hostname = False
        return self.own(Client(sock=context.wrap_socket(client.sock, server_hostname=name)))

    def hello(self, name="localhost"):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
        self.assertRaises(ssl.SSLWantReadError, session.do_handshake)
        return outgoing.read()

    def reasons(self, proxy):
        return [b["reason"] for b in proxy.blocked()["blocked"]]

    def tunnels(self, proxy):
        connections = proxy.admin("GET", "/connections")[2]["connections"]
        return [c for c in connections if c["state"] in ("tunnel", "intercepted")]

    def wait_silently(self, proxy, ms=1300):
        """Until all tunnels are so old."""
        until(lambda: all(c["age_ms"] > ms for c in self.tunnels(proxy)), f"tunnels are older than {ms} ms")
