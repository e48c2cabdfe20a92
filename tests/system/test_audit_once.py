"""Each decision is told once: in the audit trail, in /blocked and in the counters, by every way in."""
import socks_client as socks
from origins import Scripted
from recorded_decisions import GUARD, STATE, Recorded, allow, deny
from support import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


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
        self.assertEqual({(e["network.policy.decision"], e["network.policy.reason"]) for e in events},
                         {("deny", "denied")})
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
            answer = client.request(f"http://good.test:{self.plain.port}/upgrade",
                                    fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
            self.assertEqual(answer.status, 101)
            client.send(b"echo")
            self.assertEqual(client.read(4), b"echo")
            listed = self.proxy.admin("GET", "/connections")[2]["connections"]
            self.assertIn("http", [c["protocol"] for c in listed])
        self.check(allow("http", "GET"))

    def test_a_request_over_tls_is_shown_as_one(self):
        self.recording()
        client = self.own(self.proxy.client())
        client.send(f"GET {self.origin.at('good.test', '/wait')} HTTP/1.1\r\n"
                    f"Host: good.test:{self.origin.port}\r\n\r\n")
        until(lambda: self.origin.requests, "the request reaches the origin")
        listed = [c for c in self.proxy.admin("GET", "/connections")[2]["connections"] if c["host"] == "good.test"]
        self.assertEqual([(c["state"], c["protocol"]) for c in listed], [("request", "https")])
        self.origin.release.set()
        self.assertEqual(client.response().status, 200)
        refused = self.proxy.get("https://evil.test/")
        self.assertEqual(refused.json()["protocol"], "https")
        self.proxy.wait_for_line(r"msg=blocked host=evil\.test .* protocol=https method=GET")
