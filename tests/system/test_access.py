"""Users: every proxy listener asks who a client is, over HTTP and SOCKS5, and what it then does is on its account."""
import base64
import json
import threading
import time

import socks_client as socks
from client import Client
from name_server import NameServer
from origins import Origin
from support import until
from test_intercept import Intercepting


def basic(text):
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


ALICE, BOB = basic("alice:s3cret"), basic("bob:hunter22")


class AccessTest(Intercepting):
    def setUp(self):
        super().setUp()
        self.plain = self.own(Origin())

    def begin(self, network=None, daemon=None, users=("alice", "bob"), allow=("127.0.0.1", "localhost"), env=None):
        secrets = {"ALICE": "s3cret", "BOB": "hunter22", "SSL_CERT_FILE": self.authority.bundle}
        self.proxy = self.start(
            allow=allow, env={**secrets, **(env or {})},
            network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0", **(network or {})},
            daemon={"socks_users": {u: f"env:{u.upper()}" for u in users}, "log": {"access": True},
                    "audit": {"output": "stderr"}, **(daemon or {})})
        return self.proxy

    def users(self, *names):
        """Other users from now on."""
        self.proxy.daemon["socks_users"] = {u: f"env:{u.upper()}" for u in names}
        self.proxy.configure()
        self.assertEqual(self.proxy.reload()[0], 200)

    def client(self, listener="http"):
        return self.own(Client(self.proxy.address(listener)))

    def ask(self, client, head, *fields, method="GET"):
        client.send("\r\n".join([head, *fields, "", ""]))
        return client.response(method)

    def assertAsked(self, answer):
        self.assertEqual(answer.status, 407, answer)
        self.assertRegex(answer.get("proxy-authenticate"), '^Basic realm="')
        self.assertIn("client_required", answer.get("proxy-status"))
        self.assertEqual(answer.get("x-proxy-error"), "")
        self.assertEqual(answer.get("cache-control"), "no-store")
        self.assertTrue(answer.get("x-request-id"))

    def events(self):
        return [json.loads(line) for line in self.proxy.log().splitlines() if line.startswith('{"event.name"')]

    def test_every_form_of_request_is_asked_on_every_listener(self):
        self.begin(daemon={"mixed_listeners": True})
        at = f"127.0.0.1:{self.plain.port}"
        forms = [
            (f"GET http://{at}/ HTTP/1.1", [f"Host: {at}"]),
            (f"GET https://{at}/ HTTP/1.1", [f"Host: {at}"]),
            (f"POST http://{at}/ HTTP/1.1", [f"Host: {at}", "Content-Length: 0"]),
            ("GET http://refused.example/ HTTP/1.1", ["Host: refused.example"]),
            (f"GET http://{at}/ HTTP/1.1", [f"Host: {at}", "Connection: Upgrade", "Upgrade: websocket"]),
            (f"GET http://{at}/ HTTP/1.1", [f"Host: {at}", "Connection: Upgrade", "Upgrade: foo/1"]),
            (f"CONNECT {at} HTTP/1.1", [f"Host: {at}"]),
            ("CONNECT refused.example:443 HTTP/1.1", ["Host: refused.example:443"]),
            ("OPTIONS * HTTP/1.1", [f"Host: {at}"]),
            (f"OPTIONS http://{at} HTTP/1.1", [f"Host: {at}", "Max-Forwards: 0"]),
            (f"TRACE http://{at}/ HTTP/1.1", [f"Host: {at}", "Max-Forwards: 0"]),
            ("GET / HTTP/1.1", [f"Host: {at}"]),
            ("GET / HTTP/1.1", ["Host: x", "x-unix-socket: /run/x.sock"]),
            (f"GET ftp://{at}/ HTTP/1.1", [f"Host: {at}"]),
            (f"GET http://{at}/ HTTP/1.1", ["Host: other"]),
            (f"CONNECT {at} HTTP/1.0", []),
        ]
        for listener in ("http", "socks"):
            for head, fields in forms:
                with self.subTest(head, listener=listener, fields=fields):
                    self.assertAsked(self.ask(self.client(listener), head, *fields, method=head.split()[0]))
        answer = self.ask(self.client(), f"HEAD http://{at}/ HTTP/1.1", f"Host: {at}", method="HEAD")
        self.assertAsked(answer)
        self.assertEqual({b["reason"] for b in self.proxy.blocked()["blocked"]}, {"client_required"})
        self.assertEqual({e["network.policy.reason"] for e in self.events()}, {"client_required"})

    def test_listeners_of_one_protocol_ask_too(self):
        self.begin(daemon={"mixed_listeners": False})
        self.assertAsked(self.proxy.get(self.plain.url + "/"))
        client = self.own(socks.SocksClient(self.proxy.address("socks")))
        self.assertEqual(client.greet(b"\x00"), 0xff)
        self.proxy.configure(network={"enable_socks5": False})
        self.assertEqual(self.proxy.reload()[0], 200)
        self.assertAsked(self.proxy.get(self.plain.url + "/"))

    def test_each_request_says_it_for_itself(self):
        self.begin()
        url = self.plain.url + "/"
        with self.proxy.client() as client:
            for login, status in ((None, 407), (ALICE, 200), (None, 407), (BOB, 200), (ALICE, 200), (None, 407)):
                answer = client.request(url, fields=[("Proxy-Authorization", login)] if login else [])
                self.assertEqual(answer.status, status)
                if status == 200:
                    self.assertNotIn("proxy-authorization", answer.text().lower())
            answer = client.request(url, "POST", body=b"x" * 1000)
            self.assertAsked(answer)
            answer = client.request(url, "POST", body=b"x" * 1000, fields=[("Proxy-Authorization", ALICE)])
            self.assertEqual(answer.status, 200, "a small body leaves the connection usable")
        # A request that came in one piece with one that logs in, too.
        client = self.client()
        host = f"Host: 127.0.0.1:{self.plain.port}\r\n"
        client.send(f"GET {url} HTTP/1.1\r\n{host}Proxy-Authorization: {ALICE}\r\n\r\nGET {url} HTTP/1.1\r\n{host}\r\n")
        self.assertEqual([client.response().status, client.response().status], [200, 407])

    def test_wrong_and_differing_logins_are_nobodys_counted_and_late(self):
        self.begin()
        url = self.plain.url + "/"
        wrong = [[basic("alice:S3cret")], [basic("alice:s3cre")], [basic("alice:s3cret2")], [basic("alice:")],
                 [basic(":s3cret")], [basic("bob:s3cret")], [basic("alice")], ["Bearer s3cret"], ["Basic"],
                 ["Basic !!!"], [ALICE + "=="], [basic("alice:s3cret" + "x" * 300)], [ALICE, BOB], [ALICE, "Basic x"],
                 ["Negotiate YTpi"], [ALICE + ", " + ALICE]]
        for fields in wrong:
            with self.subTest(fields):
                began = time.monotonic()
                answer = self.proxy.get(url, fields=[("Proxy-Authorization", f) for f in fields])
                self.assertAsked(answer)
                self.assertGreaterEqual(time.monotonic() - began, 0.4)
        self.assertEqual(self.proxy.get(url, fields=[("Proxy-Authorization", ALICE)] * 2).status, 200)
        self.assertEqual(self.proxy.get(url, fields=[("PROXY-authorization", ALICE.replace("Basic", "bAsIc"))]).status, 200)
        metrics = self.proxy.admin("GET", "/metrics")[2]
        self.assertRegex(metrics, r'decisions_total\{decision="deny",reason="client_required",protocol="http",mode="full"\} %d\n' % len(wrong))
        refused = lambda: [e for e in self.events() if e["network.policy.decision"] == "deny"]
        until(lambda: len(refused()) >= len(wrong), "all are audited")
        self.assertEqual(len(refused()), len(wrong))
        self.assertEqual({(e["network.policy.reason"], e["network.policy.source"], e["network.policy.scope"], e.get("user.name"))
                          for e in refused()}, {("client_required", "proxy_state", "non_domain", None)})
        log = self.proxy.log() + json.dumps(self.proxy.admin("GET", "/config")[2])
        for secret in ("s3cret", "S3cret", "hunter22", ALICE.split()[1], BOB.split()[1]):
            self.assertNotIn(secret, log)

    def test_a_wrong_login_holds_nobody_else_up(self):
        self.begin(daemon={"workers": 1})
        url = self.plain.url + "/"
        slow = [self.client() for _ in range(50)]
        for client in slow:
            client.send(f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1:{self.plain.port}\r\nProxy-Authorization: {basic('a:b')}\r\n\r\n")
        began = time.monotonic()
        self.assertEqual(self.proxy.get(url, fields=[("Proxy-Authorization", ALICE)]).status, 200)
        self.assertLess(time.monotonic() - began, 10)  # one after the other, they would take 25 s
        self.assertEqual({client.response().status for client in slow}, {407})

    def test_who_it_was_is_told_everywhere(self):
        self.begin()
        at = f"127.0.0.1:{self.plain.port}"
        self.assertEqual(self.proxy.get(self.plain.url + "/", fields=[("Proxy-Authorization", ALICE)]).status, 200)
        self.assertEqual(self.proxy.get("http://no.example/", fields=[("Proxy-Authorization", BOB)]).status, 403)
        tunnel = self.client()
        self.assertEqual(self.ask(tunnel, f"CONNECT {at} HTTP/1.1", f"Host: {at}", f"Proxy-Authorization: {ALICE}",
                                  method="CONNECT").status, 200)
        sock = self.own(socks.SocksClient(self.proxy.address("socks")))
        sock.greet(b"\x02")
        self.assertEqual(sock.log_in(b"bob", b"hunter22"), 0)
        self.assertEqual(sock.ask(socks.CONNECT, "no.example", 443)[0], socks.NOT_ALLOWED)
        until(lambda: len(self.events()) >= 4, "all is audited")
        self.assertEqual([(e["server.address"], e["user.name"]) for e in self.events()],
                         [("127.0.0.1", "alice"), ("no.example", "bob"), ("127.0.0.1", "alice"), ("no.example", "bob")])
        self.assertEqual([(b["host"], b["user"]) for b in self.proxy.blocked()["blocked"]],
                         [("no.example", "bob"), ("no.example", "bob")])
        open_ones = self.proxy.admin("GET", "/connections")[2]["connections"]
        self.assertEqual([c.get("user") for c in open_ones if c["state"] == "tunnel"], ["alice"])
        self.proxy.wait_for_line(r'msg=blocked .*user="bob"')
        self.proxy.wait_for_line(r'msg=connection .*user="alice"')

    def test_socks_logins_are_counted_audited_and_late(self):
        self.begin()
        for user, password in ((b"alice", b"wrong"), (b"mallory", b"s3cret"), (b"alice", b"")):
            client = self.own(socks.SocksClient(self.proxy.address("socks")))
            self.assertEqual(client.greet(b"\x00\x02"), 2)
            began = time.monotonic()
            self.assertEqual(client.log_in(user, password), 1)
            self.assertGreaterEqual(time.monotonic() - began, 0.4)
            self.assertTrue(client.closed())
        self.assertEqual(self.own(socks.SocksClient(self.proxy.address("http"))).greet(b"\x00"), 0xff)
        blocked = self.proxy.blocked()["blocked"]
        self.assertEqual([(b["reason"], b["protocol"], b.get("user")) for b in blocked],
                         [("client_required", "socks5_tcp", None)] * 4)
        until(lambda: len(self.events()) == 4, "all is audited")

    def test_a_tunnel_keeps_its_client_and_an_inner_login_is_removed_unread(self):
        self.begin(network={"mitm": {"enabled": True, "inspect": True}})
        at = f"localhost:{self.origin.port}"
        client = self.client()
        self.assertEqual(self.ask(client, f"CONNECT {at} HTTP/1.1", f"Host: {at}", f"Proxy-Authorization: {ALICE}",
                                  method="CONNECT").status, 200)
        inner = self.own(Client(sock=self.trust(self.proxy).wrap_socket(client.sock, server_hostname="localhost")))
        for login in ((), ("Proxy-Authorization: " + BOB,), ("Proxy-Authorization: Basic !!!",)):
            answer = self.ask(inner, "GET /x HTTP/1.1", f"Host: {at}", *login)
            self.assertEqual(answer.status, 200)
            self.assertNotIn("proxy-authorization", answer.text().lower())
        out = self.run_tool("curl", "-sS", "--http2", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "--cacert",
                            self.proxy.folder + "/proxy/ca.pem", "-x", self.proxy.url.replace("//", "//alice:s3cret@"),
                            "-H", "Proxy-Authorization: " + BOB, f"https://{at}/x")
        self.assertEqual(out.stdout.split()[0], "200", out.stderr)
        until(lambda: self.events(), "it is audited")
        self.assertEqual({e.get("user.name") for e in self.events()}, {"alice"})

    def test_users_that_come_close_what_nobody_answers_for(self):
        self.begin(users=())
        at = f"127.0.0.1:{self.plain.port}"

        def tunnel(*fields):
            client = self.client()
            self.assertEqual(self.ask(client, f"CONNECT {at} HTTP/1.1", f"Host: {at}", *fields, method="CONNECT").status, 200)
            return client

        def associate(login=False):
            client = self.own(socks.SocksClient(self.proxy.address("socks")))
            client.greet(b"\x02" if login else b"\x00")
            if login:
                self.assertEqual(client.log_in(b"alice", b"s3cret"), 0)
            self.assertEqual(client.ask(socks.ASSOCIATE, "0.0.0.0", 0)[0], socks.SUCCESS)
            return client
        half = self.own(socks.SocksClient(self.proxy.address("socks")))
        self.assertEqual(half.greet(b"\x00"), 0)
        kept = self.client()
        self.assertEqual(kept.request(self.plain.url + "/").status, 200)
        old = [tunnel(), associate()]
        self.users("alice", "bob")
        for client in old:
            self.assertTrue(client.closed())
        self.assertEqual(half.ask(socks.CONNECT, "127.0.0.1", self.plain.port)[0], socks.NOT_ALLOWED)
        self.assertAsked(kept.request(self.plain.url + "/"))
        # One user goes, the other's goes on.
        alice, bob, udp = tunnel(f"Proxy-Authorization: {ALICE}"), tunnel(f"Proxy-Authorization: {BOB}"), associate(True)
        self.users("bob")
        self.assertTrue(alice.closed())
        self.assertTrue(udp.closed())
        self.users("alice", "bob")
        bob.send(f"GET /still HTTP/1.1\r\nHost: {at}\r\n\r\n")
        self.assertEqual(bob.response().status, 200)

    def test_another_password_closes_what_the_old_one_opened(self):
        key = self.tmp + "/password"

        def password(text):
            with open(key, "w") as file:
                file.write(text)
        password("first-one")
        self.begin(users=(), daemon={"socks_users": {"carol": "file:" + key}})
        at = f"127.0.0.1:{self.plain.port}"
        client = self.client()
        self.assertEqual(self.ask(client, f"CONNECT {at} HTTP/1.1", f"Host: {at}",
                                  f"Proxy-Authorization: {basic('carol:first-one')}", method="CONNECT").status, 200)
        self.assertEqual(self.proxy.reload()[0], 200)
        client.send(f"GET /still HTTP/1.1\r\nHost: {at}\r\n\r\n")
        self.assertEqual(client.response().status, 200)
        password("second-one")
        self.assertEqual(self.proxy.reload()[0], 200)
        self.assertTrue(client.closed())

    def test_users_that_come_while_a_request_waits_refuse_it(self):
        gate = threading.Event()
        self.addCleanup(gate.set)

        def slow(name, kind, count):
            gate.wait(20)
            return ["127.0.0.1"]
        names = self.own(NameServer(slow))
        self.begin(users=(), allow=["slow.test"], daemon=names.settings)
        at = f"slow.test:{self.plain.port}"
        waiting = []
        for head in (f"GET http://{at}/ HTTP/1.1", f"CONNECT {at} HTTP/1.1"):
            client = self.client()
            client.send(f"{head}\r\nHost: {at}\r\n\r\n")
            waiting.append(client)
        sock = self.own(socks.SocksClient(self.proxy.address("socks")))
        sock.greet(b"\x00")
        sock.send(socks.request(socks.CONNECT, "slow.test", self.plain.port))
        until(lambda: names.asked("slow.test") >= 1, "the name is asked for")
        until(lambda: self.proxy.admin("GET", "/connections")[2]["total"] >= 3, "all three wait")
        self.users("alice")
        gate.set()
        for client in waiting:
            self.assertEqual(client.response().status, 407)
        self.assertEqual(sock.reply()[0], socks.NOT_ALLOWED)

    def test_a_name_and_password_of_any_bytes(self):
        self.begin(users=("alice",), env={"ALICE": "pä ss:wörd%@/"})
        url = self.plain.url + "/"
        self.assertEqual(self.proxy.get(url, fields=[("Proxy-Authorization", basic("alice:pä ss:wörd%@/"))]).status, 200)
        out = self.run_tool("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-x", self.proxy.url, "-U", "alice:pä ss:wörd%@/", url)
        self.assertEqual(out.stdout, "200", out.stderr)
