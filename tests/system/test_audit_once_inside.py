"""Requests inside tunnels that are read, and datagrams of an association: each decision of theirs is told once, too."""
import re

import socks_client as socks
from recorded_decisions import GUARD, STATE, Recorded, allow, deny
from support import until
from test_intercept import Hooked
from test_socks_udp import Associating, Echo


class InsideTest(Recorded):
    """Requests inside tunnels that are read."""

    def tunnels(self, host="good.test", port=None):
        """An h1 and an h2 client in a tunnel each: (name, ask(method, path, host) -> status)."""
        authority = f"{host}:{port or self.origin.port}"
        h1 = self.tunnel(self.proxy, authority, host)
        yield "h1", lambda method="GET", path="/", to=authority: self.ask(h1, method, path, host=to).status
        h2 = self.connect(self.proxy, type("", (), {"port": port or self.origin.port}), host)
        yield "h2", lambda method="GET", path="/", to=authority: h2.ask(method, path, authority=to).status

    def inside(self, mode="full", **more):
        return self.recording(mode, mitm={"enabled": True, "inspect": True}, **more)

    def test_a_tunnel_and_each_request_inside_are_decisions_of_their_own(self):
        self.inside()
        for kind, ask in self.tunnels():
            with self.subTest(kind):
                self.check(allow("https_connect", "CONNECT"))
                for method in ("GET", "POST", "GET"):
                    self.assertEqual(ask(method), 200)
                    self.check(allow("https", method))
                self.assertEqual(ask(to="evil.test"), 421)
                self.check(deny("https", "GET", "misdirected", by=GUARD))

    def test_a_method_that_is_refused_inside(self):
        self.inside("limited")
        for kind, ask in self.tunnels():
            with self.subTest(kind):
                self.check(allow("https_connect", "CONNECT"))
                self.assertEqual(ask("POST"), 403)
                self.check(deny("https", "POST", "method_not_allowed", by=GUARD))
                self.assertEqual(ask("GET"), 200)
                self.check(allow("https", "GET"))

    def test_a_hook_that_refuses(self):
        self.inside()
        match = {"methods": ["GET"], "path_prefixes": ["/v1/"]}
        Hooked.write_hooks(self, self.proxy, [{"host": "good.test", "match": match}])
        self.assertEqual(self.proxy.reload()[0], 200)
        self.since()
        for kind, ask in self.tunnels():
            with self.subTest(kind):
                self.check(allow("https_connect", "CONNECT"))
                self.assertEqual(ask("GET", "/v2/"), 403)
                self.check(deny("https", "GET", "mitm_hook_denied"))
                self.assertEqual(ask("GET", "/v1/"), 200)
                self.check(allow("https", "GET"))
        self.assertEqual(self.get_tls(), 403)
        self.check(deny("https", "GET", "mitm_hook_denied"))
        self.assertEqual(self.get(), 403)
        refused = deny("http", "GET", "mitm_required", by=GUARD)
        self.check(allow("http", "GET"), refused, counted=[refused])
        self.assertEqual(self.socks_to(), socks.NOT_ALLOWED)

    def test_an_address_that_turns_bad_between_two_requests(self):
        for kind in ("h1", "h2"):
            with self.subTest(kind):
                self.answers["flip.test"] = ["127.0.0.1"]
                self.origin.pages["/last"] = lambda page: page.reply(b"x", fields=[("Connection", "close")])
                self.inside()
                ask = dict(self.tunnels("flip.test"))[kind]
                self.assertEqual(ask("GET", "/last"), 200)
                self.since()
                self.proxy.reload()  # empties the pool
                self.answers["flip.test"] = ["169.254.169.254"]
                self.assertEqual(ask(), 403)
                self.check(deny("https", "GET", "not_allowed_local", "flip.test"))

    def test_words_of_a_refusal_inside_say_https(self):
        self.inside("limited")
        client = self.tunnel(self.proxy, f"good.test:{self.origin.port}", "good.test")
        refused = self.ask(client, "POST", host="good.test")
        self.assertEqual(refused.json()["protocol"], "https")
        self.proxy.wait_for_line(r"msg=blocked host=good\.test .* protocol=https method=POST")


class UdpTest(Associating, Recorded):
    def dropped(self):
        return int(re.search(r'udp_dropped_total\{cause="refused"\} (\d+)', self.proxy.admin("GET", "/metrics")[2])[1])

    def send(self, sock, host, port, refused=False, times=3):
        """Some datagrams to one target, each relayed or refused."""
        head = b"\0\0\0" + socks.address(host, port)
        for i in range(times):
            before = self.dropped()
            sock.send(head + b"%d" % i)
            if refused:
                until(lambda: self.dropped() > before, "the datagram is dropped")
            else:
                self.assertEqual(sock.recv(100)[-1:], b"%d" % i)  # by the newest name of that address

    def test_each_target_is_decided_once_and_again_when_the_verdict_changes(self):
        echo, second = self.own(Echo()), self.own(Echo())
        self.recording()
        control, sock = self.associate()
        self.check()
        for host, reason in (("good.test", ""), ("evil.test", "denied"), ("other.test", "not_allowed"),
                             ("local.test", "not_allowed_local"), ("net.test", "denied"), ("127.0.0.1", "")):
            with self.subTest(host):
                self.send(sock, host, echo.port, bool(reason))
                self.check(deny("socks5_udp", "none", reason, host) if reason else allow("socks5_udp", "none", host))
        self.send(sock, "good.test", second.port)  # another port is another target
        self.check(allow("socks5_udp", "none"))
        self.send(sock, "evil.test", second.port, True)
        self.check(deny("socks5_udp", "none", "denied", "evil.test"))
        self.send(sock, "none.test", echo.port, True)
        self.check(allow("socks5_udp", "none", "none.test"))
        self.assertEqual(self.proxy.reload()[0], 200)  # that changes nothing
        self.send(sock, "good.test", echo.port)
        self.send(sock, "evil.test", echo.port, True)
        self.send(sock, "local.test", echo.port, True)
        self.check()
        self.proxy.configure(deny=["127.0.0.1"])
        self.assertEqual(self.proxy.reload()[0], 200)
        events = {event["server.address"]: event["network.policy.reason"] for event in self.since()[0]}
        self.assertEqual(events, {"good.test": "denied", "127.0.0.1": "denied"})
        self.send(sock, "good.test", echo.port, True)
        self.check()
        self.send(sock, "evil.test", echo.port, True)  # no longer denied by name, but by its address
        self.check()
        self.proxy.configure(deny=[])
        self.assertEqual(self.proxy.reload()[0], 200)
        self.send(sock, "good.test", echo.port)
        self.check(allow("socks5_udp", "none"))

    def test_targets_that_make_room_for_each_other_are_not_decided_again(self):
        echo = self.own(Echo())
        self.recording(daemon={"limits": {"max_udp_targets": 1}})
        _, sock = self.associate()
        for _ in range(3):
            self.send(sock, "good.test", echo.port, times=1)
            self.send(sock, "127.0.0.1", echo.port, times=1)
        self.check(allow("socks5_udp", "none"), allow("socks5_udp", "none", "127.0.0.1"))

    def test_an_association_that_is_refused_or_ended_is_one_decision(self):
        self.recording()
        control, _ = self.associate()
        self.check()
        self.proxy.admin("POST", "/mode", '{"mode":"limited"}')
        self.assertTrue(control.closed())
        ended = deny("socks5_udp", "none", "method_not_allowed", "0.0.0.0", GUARD)
        self.check(ended)
        self.assertEqual(self.ask_for_one(), socks.NOT_ALLOWED)
        self.check(ended)
        self.recording(network={"enable_socks5_udp": False})
        self.assertEqual(self.ask_for_one(), socks.NO_COMMAND)
        self.check(deny("socks5_udp", "none", "proxy_disabled", "0.0.0.0", STATE))

    def ask_for_one(self):
        control = self.own(socks.SocksClient(self.proxy.address("socks")))
        control.greet()
        return control.ask(socks.ASSOCIATE, "0.0.0.0", 0)[0]
