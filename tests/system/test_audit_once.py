"""Each decision is told once: in the audit trail, in /blocked and in the counters, by every way in and for every outcome."""
import json
import os
import re
import socket
import tempfile

import socks_client as socks
from name_server import NameServer
from origins import Authority, Origin, Scripted
from support import SystemTest, free_port, until
from test_http2 import Http2
from test_intercept import Hooked
from test_socks_udp import Echo

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HOST, GUARD, STATE = ("domain", "baseline_policy"), ("non_domain", "mode_guard"), ("non_domain", "proxy_state")


def allow(protocol, method, host="good.test"):
    return ("allow", "allow", *HOST, protocol, method, host)


def deny(protocol, method, reason, host="good.test", by=HOST):
    return ("deny", reason, *by, protocol, method, host)


class Recorded(Http2):
    """Compares what a daemon with one worker tells of what a test did. Names are answered by `names`:

    good.test leads to the origins, local.test to an address that is never allowed, net.test into a denied network,
    none.test nowhere; evil.test is denied and other.test not listed.
    """

    def setUp(self):
        super().setUp()
        self.plain = self.own(Origin())
        self.answers = {"good.test": ["127.0.0.1"], "local.test": ["169.254.169.254"], "net.test": ["127.9.9.9"],
                        "evil.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}
        self.names = self.own(NameServer(lambda name, *_: self.answers.get(name, "nxdomain")))
        self.closed = free_port()

    def tls(self):
        return self.authority.server("localhost", "127.0.0.1", "good.test", "flip.test")

    def recording(self, mode="full", network=None, daemon=None, **more):
        self.trail = os.path.join(tempfile.mkdtemp(dir=self.tmp), "audit.jsonl")
        names = ["good.test", "local.test", "net.test", "none.test", "evil.test", "flip.test", "hooked.test", "127.0.0.1"]
        self.proxy = self.intercepting(
            mode, more.pop("mitm", False), allow=names, deny=["evil.test", "127.9.0.0/16"],
            network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0", **(network or {})},
            daemon={"workers": 1, "audit": {"output": "file:" + self.trail}, **self.names.settings, **(daemon or {})}, **more)
        self.seen = self.told()
        return self.proxy

    def told(self):
        """All events so far, the number of refusals, and the counts of decisions."""
        # What is refused now is recorded behind everything else: there is one worker.
        marker = f"m{os.urandom(8).hex()}.test"
        self.proxy.get(f"http://{marker}/")
        def read():
            if not os.path.exists(self.trail):
                return None
            with open(self.trail) as trail:
                lines = [json.loads(line) for line in trail.read().splitlines()]
            return lines if lines and lines[-1]["server.address"] == marker else None
        events = [event for event in until(read, "the marker is written")
                  if event["event.name"] == "codex.network_proxy.policy_decision"  # what went wrong is another event
                  and not re.match(r"m[0-9a-f]{16}\.", event["server.address"])]
        blocked = [b for b in self.proxy.blocked()["blocked"] if not re.match(r"m[0-9a-f]{16}\.", b["host"])]
        counts = {}
        for decision, reason, count in re.findall(r'decisions_total\{decision="(\w+)",reason="(\w+)"\} (\d+)',
                                                  self.proxy.admin("GET", "/metrics")[2]):
            counts[decision, reason] = int(count)
        return events, blocked, counts

    def since(self):
        """(events, blocked entries, counts) since the last look."""
        events, blocked, counts = self.told()
        before, self.seen = self.seen, (events, blocked, counts)
        changed = {key: count - before[2].get(key, 0) for key, count in counts.items()}
        changed["deny", "not_allowed"] -= 1  # the marker
        return events[len(before[0]):], blocked[len(before[1]):], {key: n for key, n in changed.items() if n}

    def check(self, *expected, counted=None):
        """That exactly these were decided since the last look. `counted`: less than the events, where the mode guard adds one."""
        events, blocked, counts = self.since()
        def short(event):
            said = [event["network.policy." + key] for key in ("decision", "reason", "scope", "source")]
            return (*said, event["network.transport.protocol"], event["http.request.method"], event["server.address"])
        self.assertEqual([short(event) for event in events], list(expected))
        refused = [e for e in expected if e[0] != "allow"]
        self.assertEqual([(b["decision"], b["reason"], b["source"], b["protocol"], b["method"] or "none", b["host"]) for b in blocked],
                         [(e[0], e[1], e[3], e[4], e[5], e[6]) for e in refused])
        want = {}
        for e in counted if counted is not None else expected:
            key = (e[0], "policy_denied" if e[1] == "misdirected" else e[1])
            want[key] = want.get(key, 0) + 1
        self.assertEqual(counts, want)
        ids = [event["request.id"] for event in events if event["network.policy.decision"] != "allow"]
        self.assertEqual([b["request_id"] for b in blocked], ids)

    # Ways in: each returns what the client learned.

    def get(self, host="good.test", method="GET", port=None, **kw):
        return self.proxy.get(f"http://{host}:{port or self.plain.port}/", method=method, **kw).status

    def get_tls(self, host="good.test", method="GET", port=None):
        return self.proxy.get(f"https://{host}:{port or self.origin.port}/", method=method).status

    def connect_to(self, host="good.test", _=None, port=None):
        client, answer = self.proxy.connect(f"{host}:{port or self.plain.port}")
        client.close()
        return answer.status

    def socks_to(self, host="good.test", _=None, port=None):
        client = self.own(socks.SocksClient(self.proxy.address("socks")))
        client.greet()
        return client.ask(socks.CONNECT, host, port or self.plain.port)[0]


class WaysInTest(Recorded):
    def test_every_way_in_and_outcome(self):
        self.recording()
        ways = {"http": (self.get, "GET", 200, 403, 502), "https": (self.get_tls, "GET", 200, 403, 502),
                "https_connect": (self.connect_to, "CONNECT", 200, 403, 502),
                "socks5_tcp": (self.socks_to, "none", socks.SUCCESS, socks.NOT_ALLOWED, None)}
        for protocol, (ask, method, yes, no, fault) in ways.items():
            for name, status, expected in (
                    ("good.test", yes, allow(protocol, method)),
                    ("good.test", yes, allow(protocol, method)),  # by a kept connection, where there is one
                    ("evil.test", no, deny(protocol, method, "denied", "evil.test")),
                    ("other.test", no, deny(protocol, method, "not_allowed", "other.test")),
                    ("local.test", no, deny(protocol, method, "not_allowed_local", "local.test")),
                    ("net.test", no, deny(protocol, method, "denied", "net.test")),
                    ("169.254.169.254", no, deny(protocol, method, "not_allowed_local", "169.254.169.254")),
                    ("none.test", fault, allow(protocol, method, "none.test"))):
                with self.subTest(protocol, name=name):
                    told = ask(name)
                    if status is not None:
                        self.assertEqual(told, status)
                    self.check(expected)
            with self.subTest(protocol, name="nobody listens"):
                told = ask("good.test", port=self.closed)
                self.assertEqual(told, fault or socks.REFUSED)
                self.check(allow(protocol, method))

    def test_no_decision_is_no_event(self):
        self.recording()
        with self.proxy.client() as client:
            client.send("GET / HTTP/1.1\r\nHost: good.test\r\nBad Field: x\r\n\r\n")
            self.assertEqual(client.response().status, 400)
        with self.proxy.client() as client:
            client.send("CONNECT good.test HTTP/1.1\r\nHost: other.test:1\r\n\r\n")
            self.assertEqual(client.response().status, 400)
        with self.proxy.client() as client:
            client.send("GET http://good.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n")
            self.assertEqual(client.response().status, 400)
        client = self.own(socks.SocksClient(self.proxy.address("socks")))
        client.greet()
        self.assertEqual(client.ask(socks.BIND, "evil.test", 80)[0], socks.NO_COMMAND)
        self.proxy.admin("GET", "/explain?url=http://evil.test/")
        self.proxy.admin("GET", "/blocked")
        self.check()

    def test_what_the_proxy_answers_itself_is_decided_once(self):
        self.recording()
        url = f"http://good.test:{self.plain.port}/"
        with self.proxy.client() as client:
            self.assertEqual(client.request(url, "OPTIONS", [("Max-Forwards", "0")]).status, 200)
        self.check(allow("http", "OPTIONS"))
        with self.proxy.client() as client:
            self.assertEqual(client.request("http://evil.test/", "TRACE", [("Max-Forwards", "0")]).status, 403)
        self.check(deny("http", "TRACE", "denied", "evil.test"))
        self.assertEqual(self.plain.requests, [])

    def test_a_socket_path_is_refused_once(self):
        self.recording()
        path = [("x-unix-socket", "/x")]
        self.assertEqual(self.get(fields=path), 501)
        self.check(deny("http", "GET", "unix_socket_unsupported", "unix-socket", STATE))
        self.proxy.admin("POST", "/mode", '{"mode":"limited"}')
        self.assertEqual(self.get(method="POST", fields=path), 403)
        self.check(deny("http", "POST", "method_not_allowed", "unix-socket", GUARD))

    def test_limited_mode_judges_the_host_first_where_it_takes_the_way_in(self):
        self.recording("limited")
        for ask, protocol, method in ((self.get, "http", "POST"), (self.get_tls, "https", "POST")):
            with self.subTest(protocol):
                self.assertEqual(ask(method=method), 403)
                refused = deny(protocol, method, "method_not_allowed", by=GUARD)
                self.check(allow(protocol, method), refused, counted=[refused])
                self.assertEqual(ask("evil.test", method), 403)
                self.check(deny(protocol, method, "denied", "evil.test"))
        self.assertEqual(self.connect_to(), 403)
        refused = deny("https_connect", "CONNECT", "mitm_required", by=GUARD)
        self.check(allow("https_connect", "CONNECT"), refused, counted=[refused])
        self.assertEqual(self.socks_to(), socks.NOT_ALLOWED)
        self.check(deny("socks5_tcp", "none", "method_not_allowed", by=GUARD))
        self.assertEqual(self.get(), 200)
        self.check(allow("http", "GET"))

    def test_a_request_that_is_sent_again_is_decided_once(self):
        def one_answer(sock, _):  # then takes the next request of a kept connection, and closes without a word
            sock.sendall(OK)
            sock.recv(65536)
        origin = self.own(Scripted(serve=one_answer))
        self.recording()
        for _ in range(2):
            self.assertEqual(self.get(port=origin.port), 200)
        self.check(allow("http", "GET"), allow("http", "GET"))
        self.assertEqual(origin.connections, 2)

    def test_a_request_that_is_refused_while_it_waits_was_never_allowed(self):
        answers, self.answers = self.answers, {**self.answers, "good.test": "silent"}
        self.recording(daemon={"timeouts": {"dns": "10s"}})
        waiting = []
        for head in (f"GET http://good.test:{self.plain.port}/ HTTP/1.1\r\nHost: good.test:{self.plain.port}\r\n\r\n",
                     f"CONNECT good.test:{self.plain.port} HTTP/1.1\r\nHost: good.test:{self.plain.port}\r\n\r\n"):
            client = self.own(self.proxy.client())
            client.send(head)
            waiting.append(client)
        until(lambda: self.names.asked("good.test"), "the name is looked up")
        self.proxy.configure(deny=["good.test"])
        self.assertEqual(self.proxy.reload()[0], 200)
        self.answers = answers
        for client in waiting:
            self.assertEqual(client.response("GET").status, 403)
        events, blocked, counts = self.since()
        self.assertEqual({(e["network.policy.decision"], e["network.policy.reason"]) for e in events}, {("deny", "denied")})
        self.assertEqual((len(events), len(blocked), counts), (2, 2, {("deny", "denied"): 2}))

    def test_an_open_tunnel_that_a_new_policy_closes_is_one_more_decision(self):
        self.recording()
        client, answer = self.proxy.connect(f"good.test:{self.plain.port}")
        self.own(client)
        self.assertEqual(answer.status, 200)
        self.check(allow("https_connect", "CONNECT"))
        self.proxy.admin("POST", "/mode", '{"mode":"limited"}')
        self.assertTrue(client.closed())
        self.check(deny("https_connect", "CONNECT", "mitm_required", by=GUARD))

    def test_an_upgrade_is_one_decision(self):
        self.recording()
        with self.proxy.client() as client:
            answer = client.request(f"http://good.test:{self.plain.port}/upgrade", fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
            self.assertEqual(answer.status, 101)
            client.send(b"echo")
            self.assertEqual(client.read(4), b"echo")
            listed = self.proxy.admin("GET", "/connections")[2]["connections"]
            self.assertIn("http", [c["protocol"] for c in listed])
        self.check(allow("http", "GET"))

    def test_a_request_over_tls_is_shown_as_one(self):
        self.recording()
        client = self.own(self.proxy.client())
        client.send(f"GET {self.origin.at('good.test', '/wait')} HTTP/1.1\r\nHost: good.test:{self.origin.port}\r\n\r\n")
        until(lambda: self.origin.requests, "the request reaches the origin")
        listed = [c for c in self.proxy.admin("GET", "/connections")[2]["connections"] if c["host"] == "good.test"]
        self.assertEqual([(c["state"], c["protocol"]) for c in listed], [("request", "https")])
        self.origin.release.set()
        self.assertEqual(client.response().status, 200)
        refused = self.proxy.get("https://evil.test/")
        self.assertEqual(refused.json()["protocol"], "https")
        self.proxy.wait_for_line(r"msg=blocked host=evil\.test .* protocol=https method=GET")


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
        Hooked.write_hooks(self, self.proxy, [{"host": "good.test", "match": {"methods": ["GET"], "path_prefixes": ["/v1/"]}}])
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


class UdpTest(Recorded):
    def associate(self):
        control = self.own(socks.SocksClient(self.proxy.address("socks")))
        control.greet()
        code, relay = control.ask(socks.ASSOCIATE, "0.0.0.0", 0)
        self.assertEqual(code, socks.SUCCESS)
        return control, self.udp(relay)

    def udp(self, relay):
        sock = self.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.settimeout(20)
        sock.connect(relay)
        return sock

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
