"""Through the upstream proxies that the environment names: what goes there, how, and under which policy."""
import json
import socket

from client import Client
from name_server import NameServer
from origins import Origin, Scripted, join
from socks_client import CONNECT, SUCCESS, SocksClient
from support import SystemTest, clean_env, free_port

PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.1"  # neither is ever connected to: the upstream proxy takes them


class ForwardProxy(Scripted):
    """A proxy that takes every name for one origin: CONNECT becomes a tunnel there, the rest gets an answer of its own."""

    def __init__(self, origin_port):
        self.origin_port = origin_port
        super().__init__(serve=self._forward)

    def _forward(self, sock, head):
        if not head.startswith(b"CONNECT "):
            return sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforward")
        with socket.create_connection(("127.0.0.1", self.origin_port)) as origin:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            join(sock, origin)

    def lines(self):
        """The request lines so far."""
        return [head.split(b"\r\n")[0].decode() for head in self.heads]


class UpstreamTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.names = self.own(NameServer({"public.test": [PUBLIC], "private.test": [PRIVATE], "direct.test": ["127.0.0.1"]}))
        self.origin = self.own(Origin())
        self.upstream = self.own(ForwardProxy(self.origin.port))

    def behind(self, variable="http://user:secret@127.0.0.1:%d", **more):
        """A daemon whose environment names the upstream proxy for everything but direct.test."""
        value = variable % self.upstream.port if "%d" in variable else variable
        network = {"allow_upstream_proxy": True, "allow_local_binding": False, **more.pop("network", {})}
        return self.start(allow=["*.test"], deny=["denied.test"], network=network, daemon=self.names.settings,
                          env={"HTTP_PROXY": value, "HTTPS_PROXY": value, "NO_PROXY": "direct.test"}, **more)

    def test_plain_requests_go_there_in_absolute_form_and_tunnels_by_connect(self):
        proxy = self.behind()
        self.assertEqual(proxy.get("http://public.test/path").text(), "forward")
        self.assertEqual(self.upstream.lines(), ["GET http://public.test/path HTTP/1.1"])
        self.assertIn(b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=", self.upstream.heads[0])
        client, answer = proxy.connect("hidden.test:443")
        with client:
            self.assertEqual(answer.status, 200)
            self.assertEqual(self.upstream.lines()[1:], ["CONNECT hidden.test:443 HTTP/1.1"])
            client.send("GET /inside HTTP/1.1\r\nHost: hidden.test\r\n\r\n")
            self.assertEqual(client.response().json()["target"], "/inside")

    def test_plain_http_inside_a_tunnel_that_is_read_stays_in_one(self):
        for mode, variables in (("limited", ("HTTPS_PROXY",)), ("limited", ("HTTP_PROXY", "HTTPS_PROXY")), ("full", ("ALL_PROXY",))):
            proxy = self.start(allow=["*.test"], daemon={**self.names.settings, "workers": 1}, network={
                "mode": mode, "mitm": {"enabled": True, "inspect": True}, "allow_upstream_proxy": True}, env={
                    name: f"http://user:secret@127.0.0.1:{self.upstream.port}" for name in variables})
            before = len(self.upstream.heads)
            for _ in range(2):
                client, answer = proxy.connect("hidden.test:80")
                with client:
                    self.assertEqual(answer.status, 200)
                    client.send("GET /inside HTTP/1.1\r\nHost: hidden.test\r\n\r\n")
                    told = client.response().json()
                    self.assertEqual(told["target"], "/inside")
                    self.assertNotIn("proxy-authorization", str(told["fields"]).lower())
            self.assertEqual(set(self.upstream.lines()[before:]), {"CONNECT hidden.test:80 HTTP/1.1"})

    def test_socks_goes_there_by_connect(self):
        for inspect in (False, True):
            before = len(self.upstream.heads)
            proxy = self.behind(network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0",
                                         "mitm": {"enabled": True, "inspect": inspect}})
            socks = self.own(SocksClient(proxy.address("socks")))
            self.assertEqual(socks.greet(), 0)
            self.assertEqual(socks.ask(CONNECT, "hidden.test", 80)[0], SUCCESS)
            client = self.own(Client(sock=socks.sock))
            client.send("GET /inside HTTP/1.1\r\nHost: hidden.test\r\n\r\n")
            self.assertEqual(client.response().json()["target"], "/inside")
            self.assertEqual(self.upstream.lines()[before:], ["CONNECT hidden.test:80 HTTP/1.1"])

    def test_a_tunnel_never_serves_a_request_that_is_written_for_the_proxy(self):
        proxy = self.behind()
        with proxy.client() as client:
            fields = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
            self.assertEqual(client.request("http://public.test/not-now", fields=fields).json()["target"], "/not-now")
            self.assertEqual(client.request("http://public.test/next").text(), "forward")
        self.assertEqual(self.origin.requests, ["GET /not-now HTTP/1.1"])

    def test_an_upgrade_of_a_plain_request_goes_through_a_tunnel(self):
        proxy = self.behind()
        with proxy.client() as client:
            answer = client.request("http://public.test/upgrade", fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
            self.assertEqual(answer.status, 101, answer)
            client.send(b"\x81\x05hello")
            self.assertEqual(client.read(7), b"\x81\x05hello")
        self.assertEqual(self.upstream.lines(), ["CONNECT public.test:80 HTTP/1.1"])
        self.assertEqual(self.origin.requests, ["GET /upgrade HTTP/1.1"], "in origin-form, as to an origin")

    def test_explain_and_the_live_proxy_say_the_same(self):
        proxy = self.behind()
        def told_by_both(url):
            env = clean_env(CODEX_HOME=proxy.folder, **{k: proxy.env[k] for k in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")})
            done = self.cli("--config", proxy.config_file, "explain", "--json", url, env=env)
            by_cli, by_admin = json.loads(done.stdout), proxy.admin("GET", f"/explain?url={url}")[2]
            self.assertNotIn("secret", done.stdout + done.stderr + json.dumps(by_admin))
            for told in (by_cli, by_admin):
                yield told, [step["outcome"] for step in told["steps"] if step["name"] == "upstream_proxy"]
        via = [f"via http://127.0.0.1:{self.upstream.port}"]
        for host, reason, status, steps in (("public.test", "allow", 200, via), ("hidden.test", "allow", 200, via),
                                            ("private.test", "not_allowed_local", 403, via), ("denied.test", "denied", 403, []),
                                            ("other.example", "not_allowed", 403, []), ("direct.test", "not_allowed_local", 403, [])):
            with self.subTest(host):
                live = proxy.get(f"http://{host}/")
                self.assertEqual(live.status, status, live)
                if status != 200:
                    self.assertRefused(live, reason)
                client, tunnel = proxy.connect(f"{host}:443")
                client.close()
                self.assertEqual(tunnel.status, status, tunnel)
                for url in (f"http://{host}/", f"https://{host}/"):
                    for told, said in told_by_both(url):
                        self.assertEqual((told["reason"], told["status"], said), (reason, status, steps), url)
        self.assertFalse([line for line in self.upstream.lines() if "private" in line or "denied" in line])

    def test_explain_knows_no_proxy_that_is_not_allowed(self):
        proxy = self.behind(network={"allow_upstream_proxy": False})
        told = proxy.admin("GET", "/explain?url=http://hidden.test/")[2]
        self.assertEqual((told["reason"], told["status"]), ("dns_error", 502))
        self.assertEqual(proxy.get("http://hidden.test/").status, 502)
        self.assertEqual(self.upstream.heads, [])


class AnswerTest(SystemTest):
    """What an upstream proxy says of itself is not the target's answer."""

    def behind(self, reply, login=""):
        self.upstream = self.own(Scripted(reply))
        url = f"http://{login}127.0.0.1:{self.upstream.port}"
        return self.start(allow=["93.184.216.34"], network={"allow_upstream_proxy": True, "allow_local_binding": False},
                          env={"HTTP_PROXY": url, "HTTPS_PROXY": url})

    def answers(self, proxy):
        client, answer = proxy.connect("93.184.216.34:443")
        client.close()
        return [proxy.get("http://93.184.216.34/"), answer]

    def test_that_it_wants_credentials_is_502_and_names_it(self):
        refusal = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"corp\"\r\nContent-Length: 6\r\n\r\nplease"
        for login, words in (("", "asks for credentials (407), and its URL has none"),
                             ("user:secret@", "does not take the credentials of its URL (407)")):
            for answer in self.answers(self.behind(refusal, login)):
                self.assertEqual(answer.status, 502, answer)
                self.assertIn("error=proxy_authentication_required", answer.get("proxy-status"))
                self.assertIn(f"upstream proxy http://127.0.0.1:{self.upstream.port}: {words}", answer.text())
                self.assertNotIn("secret", repr(answer))
                self.assertEqual((answer.get("proxy-authenticate"), answer.get("x-proxy-error")), ("", ""))

    def test_interim_responses_before_its_tunnel_are_read_over(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        client, answer = self.behind(interim + b"HTTP/1.1 200 OK\r\n\r\nhello").connect("93.184.216.34:443")
        with client:
            self.assertEqual((answer.status, client.read(5)), (200, b"hello"))
        for reply in (interim, interim * 20 + b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"):
            answer = self.answers(self.behind(reply))[1]
            self.assertEqual(answer.status, 502, answer)
            self.assertIn(f"http://127.0.0.1:{self.upstream.port}", answer.text())


class OwnAddressTest(SystemTest):
    """A proxy variable that names ourselves: whatever it is called, no request goes round in circles."""

    def setUp(self):
        super().setUp()
        self.origin = self.own(Origin())
        self.names = self.own(NameServer({"self.test": ["127.0.0.1"], "self6.test": ["::ffff:127.0.0.1"], "any.test": ["0.0.0.0"],
                                          "origin.test": ["127.0.0.1"]}))
        self.port = free_port()

    def started(self, name, **network):
        url = f"http://{name}:{self.port}"
        return self.start(allow=["origin.test"], daemon=self.names.settings, env={"HTTP_PROXY": url},
                          network={"allow_upstream_proxy": True, "proxy_url": f"http://127.0.0.1:{self.port}", **network})

    def test_an_address_of_ours_is_ignored_with_a_warning(self):
        for name in ("127.0.0.1", "localhost", "LOCALHOST.", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0"):
            with self.subTest(name):
                proxy = self.started(name)
                self.assertEqual(proxy.get(self.origin.at("origin.test", "/once")).json()["target"], "/once")
                self.assertRegex(proxy.log(), r"config_warning .*ignoring HTTP_PROXY: it names this proxy itself")
                proxy.close()
        for name in ("127.0.0.1", "127.8.8.8", "[::ffff:127.0.0.1]"):
            with self.subTest(name, bound="0.0.0.0"):
                proxy = self.started(name, proxy_url=f"http://0.0.0.0:{self.port}", dangerously_allow_non_loopback_proxy=True)
                self.assertEqual(proxy.get(self.origin.at("origin.test")).status, 200)
                self.assertIn("it names this proxy itself", proxy.log())
                proxy.close()

    def test_a_name_that_resolves_to_us_is_not_dialled(self):
        for name in ("self.test", "self6.test", "any.test"):
            with self.subTest(name):
                proxy = self.started(name)
                answer = proxy.get(self.origin.at("origin.test"))
                self.assertEqual(answer.status, 502, answer)
                self.assertIn("is this proxy itself", answer.text())
                self.assertEqual(self.origin.requests, [])
                self.assertIn("\ncodex_network_proxy_requests_total 1\n", proxy.admin("GET", "/metrics")[2])
                proxy.close()
