"""No way leads round to the proxy itself: not by an address that came later, not through others, not by translated addresses."""
import contextlib
import ctypes
import shutil
import socket
import subprocess
import threading

import socks_client as socks
from client import Client
from http2_peer import Peer
from name_server import NameServer
from origins import Origin, Scripted
from support import SystemTest, free_port, until
from test_intercept import Intercepting

CLONE_NEWNET = 0x40000000


def own_network(test):
    """Moves the test, with all that it starts from now on, into a network of its own that has a loopback interface alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = open("/proc/thread-self/ns/net")
    test.addCleanup(before.close)
    if libc.unshare(CLONE_NEWNET) != 0:
        test.skipTest("needs root: makes a network namespace")
    test.addCleanup(lambda: libc.setns(before.fileno(), CLONE_NEWNET))
    ip("link", "set", "lo", "up")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class OwnNetwork(SystemTest):
    def setUp(self):
        super().setUp()
        own_network(self)

    def wild(self, host="0.0.0.0", admin=False, **more):
        """A proxy on every address of the machine."""
        network = {"proxy_url": f"http://{host}:0", "enable_socks5": True, "socks_url": f"http://{host}:0",
                   "dangerously_allow_non_loopback_proxy": True, **more.pop("network", {})}
        daemon = {"workers": 2, **more.pop("daemon", {})}
        if admin:
            daemon.update(admin_url=f"http://{host}:0", dangerously_allow_non_loopback_admin=True)
        proxy = self.start(allow=["**.test", "10.9.0.0/16", "fd00::/16", "127.0.0.0/8"], network=network, daemon=daemon, **more)
        proxy.address = self.local(proxy.address, "::1" if ":" in host else "127.0.0.1")
        return proxy

    @staticmethod
    def local(address, host):
        return lambda listener="http": (host, address(listener)[1])

    def moves(self, proxy, count):
        proxy.wait_for_line("msg=addresses_changed generation=", count)

    def generation(self, proxy):
        return proxy.reload()[1]["generation"]


class NewAddressTest(OwnNetwork):
    def ways_to(self, proxy, host, port):
        """What each way in answers for this target: a status, or a SOCKS code."""
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        yield "http", lambda: proxy.get(f"http://{authority}/").status, 403
        def connect():
            client, answer = proxy.connect(authority)
            client.close()
            return answer.status
        yield "CONNECT", connect, 403
        yield "Upgrade", lambda: proxy.get(f"http://{authority}/", fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")]).status, 403
        def over_socks():
            client = self.own(socks.SocksClient(proxy.address("socks")))
            client.greet()
            return client.ask(socks.CONNECT, host, port)[0]
        yield "SOCKS", over_socks, socks.NOT_ALLOWED

    def assertRefusedEverywhere(self, proxy, hosts):
        for host in hosts:
            for listener in ("http", "socks", "admin"):
                port = proxy.address(listener)[1]
                for way, ask, refused in self.ways_to(proxy, host, port):
                    with self.subTest(f"{way} to {host}, {listener}"):
                        self.assertEqual(ask(), refused)

    def test_an_address_that_comes_is_ours_at_once(self):
        names = self.own(NameServer({"came.test": ["10.9.0.1"], "both.test": ["10.9.0.9", "10.9.0.1"]}))
        for via in (True, False):
            proxy = self.wild(admin=True, daemon={"via": via, **names.settings})
            ip("addr", "add", "10.9.0.1/32", "dev", "lo")
            self.moves(proxy, 1)
            self.assertRefusedEverywhere(proxy, ["10.9.0.1", "::ffff:10.9.0.1", "came.test", "both.test", "0.0.0.0", "127.0.0.1", "127.8.8.8"])
            self.assertEqual({b["reason"] for b in proxy.blocked()["blocked"]}, {"not_allowed_local"})
            self.assertNotIn("loop_detected", proxy.log())
            ip("addr", "del", "10.9.0.1/32", "dev", "lo")
            self.moves(proxy, 2)
            self.assertNotEqual(proxy.get(f"http://10.9.0.1:{proxy.address()[1]}/").status, 403)  # anybody's again
            proxy.close()

    def test_the_same_in_version_6(self):
        proxy = self.wild("[::]")
        for address in ("fd00::9", "fe80::9"):
            ip("addr", "add", f"{address}/64", "dev", "lo", "nodad")
        until(lambda: proxy.get(f"http://[fd00::9]:{proxy.address()[1]}/").status == 403, "the address is known")
        for host in ("fd00::9", "::", "::1"):
            for way, ask, refused in self.ways_to(proxy, host, proxy.address()[1]):
                with self.subTest(f"{way} to {host}"):
                    self.assertEqual(ask(), refused)
        client, scoped = proxy.connect(f"[fe80::9%25lo]:{proxy.address()[1]}")
        client.close()
        self.assertEqual(scoped.status, 403, scoped)

    def test_many_at_once_are_all_known_and_few_generations(self):
        proxy = self.wild()
        before = self.generation(proxy)
        batch = "".join(f"addr add 10.9.1.{n}/32 dev lo\n" for n in range(1, 201))
        subprocess.run(["ip", "-batch", "-"], input=batch.encode(), check=True)
        port = proxy.address()[1]
        for n in (200, 1, 100):
            until(lambda: proxy.get(f"http://10.9.1.{n}:{port}/").status == 403, "the address is known")
        self.assertLess(self.generation(proxy) - before, 30)

    def test_nothing_but_the_addresses_changes(self):
        proxy = self.wild()
        self.assertEqual(proxy.admin("POST", "/mode", '{"mode":"limited"}')[0], 200)
        with open(proxy.config_file) as file:
            good = file.read()
        for text in (good.replace("**.test", "other.test"), "mode = = broken"):
            proxy.write(text)
            ip("addr", "add", f"10.9.2.{len(text) % 250}/32", "dev", "lo")
            self.moves(proxy, 1 if text != "mode = = broken" else 2)
            self.assertEqual(proxy.get("http://a.test/", method="POST").status, 403)
            self.assertEqual(proxy.blocked()["blocked"][-1]["reason"], "method_not_allowed")
            self.assertIn("**.test", proxy.admin("GET", "/patterns")[2]["allowed"])
        self.assertNotIn("reload_refused", proxy.log())

    def test_listeners_with_addresses_of_their_own_do_not_care(self):
        proxy = self.start(allow=["10.9.0.1"])
        ip("addr", "add", "10.9.0.1/32", "dev", "lo")
        origin = self.own(Origin("10.9.0.1"))
        self.assertEqual(proxy.get(origin.url).status, 200)
        self.assertEqual(self.generation(proxy), 2)
        self.assertNotIn("addresses_changed", proxy.log())

    def test_requests_under_way_are_not_lost(self):
        origin = self.own(Origin())
        proxy = self.wild()
        with proxy.client() as client, contextlib.closing(proxy.connect(origin.authority)[0]) as tunnel:
            waiting = threading.Thread(target=lambda: answers.append(client.request(origin.url + "/wait").status))
            answers = []
            waiting.start()
            until(lambda: origin.requests, "the request is under way")
            ip("addr", "add", "10.9.0.1/32", "dev", "lo")
            self.moves(proxy, 1)
            origin.release.set()
            waiting.join(20)
            self.assertEqual(answers, [200])
            tunnel.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(tunnel.response().status, 200)

    def test_a_variable_that_names_us_since_then_is_ignored(self):
        origin = self.own(Origin())
        port = free_port()
        proxy = self.wild(env={"HTTP_PROXY": f"http://10.9.0.1:{port}", "HTTPS_PROXY": f"http://10.9.0.1:{port}"},
                          network={"proxy_url": f"http://0.0.0.0:{port}", "allow_upstream_proxy": True})
        ip("addr", "add", "10.9.0.1/32", "dev", "lo")
        self.moves(proxy, 1)
        proxy.wait_for_line("config_warning .*ignoring HTTP_PROXY: it names this proxy itself")


class UnknownAddressTest(OwnNetwork):
    """Addresses that lead here though no interface has them."""

    def setUp(self):
        super().setUp()
        ip("route", "add", "local", "10.9.0.0/16", "dev", "lo")

    def test_a_connection_of_our_own_is_not_served(self):
        for via in (True, False):
            proxy = self.wild(admin=True, daemon={"via": via})
            for n in range(5):
                self.assertEqual(proxy.get(f"http://10.9.9.{n}:{proxy.address()[1]}/").status, 508)
            host = "10.9.9.9"
            self.assertEqual(proxy.get(f"http://{host}:{proxy.address('admin')[1]}/health").status, 508)
            for listener in ("http", "socks", "admin"):
                client, answer = proxy.connect(f"{host}:{proxy.address(listener)[1]}")
                self.assertEqual(answer.status, 200, "it cannot be known before something comes round")
                with client:
                    if listener == "socks":
                        client.send(b"\x05\x01\0")
                        self.assertEqual(client.read(2), b"\x05\0")
                        client.send(socks.request(socks.CONNECT, "127.0.0.1", proxy.address("admin")[1]))
                        self.assertEqual(client.read(2), b"\x05\x01")
                    else:
                        client.send("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                        self.assertEqual(client.response().status, 508)
            control = self.own(socks.SocksClient(proxy.address("socks")))
            control.greet()
            self.assertEqual(control.ask(socks.CONNECT, host, proxy.address()[1])[0], socks.SUCCESS)
            control.send(f"CONNECT {host}:{proxy.address()[1]} HTTP/1.1\r\nHost: {host}:{proxy.address()[1]}\r\n\r\n".encode())
            self.assertTrue(control.read(12).endswith(b"508"))
            proxy.wait_for_line("msg=loop_detected")
            self.assertLess(len(proxy.admin("GET", "/connections")[2]["connections"]), 10)
            proxy.close()

    def test_a_client_that_has_an_end_with_the_same_port_is_served(self):
        """Only the very address and port of a connection of ours is refused."""
        origin = self.own(Origin("10.9.3.3"))
        proxy = self.wild(daemon={"via": False})
        with proxy.client() as client:
            self.assertEqual(client.request(origin.url).status, 200)  # and is kept: from 10.9.x or 127.0.0.1, and some port
            links = subprocess.run(["ss", "-tnH", "dst", origin.authority], capture_output=True, text=True, check=True).stdout
            here = next(line.split()[3] for line in links.splitlines() if line.split()[4] == origin.authority)
            with socket.socket() as same_port:
                same_port.bind(("127.7.7.7", int(here.rpartition(":")[2])))
                same_port.connect(proxy.address())
                other = Client(sock=same_port)
                self.assertEqual(other.request(origin.url).status, 200)

    def test_a_client_that_shares_its_port_with_a_connection_of_ours_is_served(self):
        """The kernel gives one port to several connections as long as they lead to different places."""
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], daemon={"via": False, "workers": 1})
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as range_of_ports:
            range_of_ports.write("40000 40003")
        clients = [self.own(proxy.client()) for _ in range(4)]  # all ports there are
        self.assertEqual({c.sock.getsockname()[1] for c in clients}, set(range(40000, 40004)))
        for _ in range(2):
            for client in clients:
                self.assertEqual(client.request(origin.url).status, 200)
        self.assertNotIn("loop_detected", proxy.log())

    def test_those_ends_are_forgotten_with_their_connections(self):
        origin = self.own(Origin())
        proxy = self.wild(daemon={"via": False})
        for _ in range(50):  # each leaves its port behind, the next clients may get them
            self.assertEqual(proxy.get(origin.url, fields=[("Connection", "close")]).status, 200)
            with proxy.connect(origin.authority)[0] as client:
                client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                self.assertEqual(client.response().status, 200)
        self.assertNotIn("loop_detected", proxy.log())


class TranslatedAddressTest(OwnNetwork):
    """The kernel sends what is meant for somebody else back to us."""

    def setUp(self):
        super().setUp()
        if not shutil.which("nft"):
            self.skipTest("needs nft: translates addresses")
        ip("route", "add", "local", "10.9.0.0/16", "dev", "lo")

    def redirect(self, port):
        for rule in ("add table ip t", "add chain ip t out { type nat hook output priority -100; }",
                     f"add rule ip t out ip daddr 10.9.0.0/16 tcp dport 80 redirect to :{port}"):
            subprocess.run(["nft", rule], check=True)

    def test_a_request_goes_round_once(self):
        for via in (True, False):
            with self.subTest(via=via):
                proxy = self.start(allow=["10.9.0.0/16"], daemon={"via": via})
                self.redirect(proxy.address()[1])
                for method in ("GET", "POST", "OPTIONS"):
                    answer = proxy.get("http://10.9.0.1/", method=method)
                    self.assertEqual(answer.status, 508, answer)
                answer = proxy.get("http://10.9.0.1/", fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
                self.assertEqual(answer.status, 508, answer)
                self.assertIn("\ncodex_network_proxy_requests_total 8\n", proxy.admin("GET", "/metrics")[2])
                proxy.close()
                subprocess.run(["nft", "delete table ip t"], check=True)


class ViaTest(Intercepting):
    """Two proxies, or one and somebody that leads back to it."""

    def via(self, proxy):
        """What this proxy calls itself."""
        fields = dict((name.lower(), value) for name, value in proxy.get(self.plain.url).json()["fields"])
        return fields["via"].split()[-1]

    def setUp(self):
        super().setUp()
        self.plain = self.own(Origin())

    def test_every_process_has_a_name_of_its_own(self):
        names = {self.via(self.start(allow=["127.0.0.1"])) for _ in range(2)}
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertRegex(name, r"^codex-network-proxy-[0-9a-f]{16}$")

    def test_a_request_that_names_us_in_via_is_refused(self):
        proxy = self.intercepting("full", {"enabled": True, "inspect": True})
        us = self.via(proxy)
        before = len(self.plain.requests)
        for field in (f"1.1 {us}", f"1.0 other, 1.1 {us} (comment)", f"HTTP/2.0 {us}, 1.1 last"):
            for name in ("Via", "vIA"):
                with self.subTest(field, name=name):
                    answer = proxy.get(self.plain.url, fields=[("Via", "1.1 first"), (name, field), ("Connection", "Via")])
                    self.assertEqual(answer.status, 508, answer)
                    self.assertIn("codex-network-proxy; error=proxy_loop_detected", answer.get("proxy-status"))
        with proxy.client() as client:
            client.send(f"CONNECT {self.plain.authority} HTTP/1.1\r\nHost: {self.plain.authority}\r\nVia: 1.1 {us}\r\n\r\n")
            self.assertEqual(client.response("CONNECT").status, 508)
        tunnel = self.tunnel(proxy)
        self.assertEqual(self.ask(tunnel, fields=[f"Via: 1.1 {us}"]).status, 508)
        self.assertEqual(self.ask(tunnel).status, 200, "the connection goes on")
        streams = self.own(Peer(self.tunnel(proxy, context=self.trust(proxy, ["h2"])).sock, f"localhost:{self.origin.port}").start())
        self.assertEqual(streams.ask(fields=[("via", f"2.0 {us}")]).status, 508)
        self.assertEqual(streams.ask().status, 200)
        answer = proxy.get(self.plain.url, fields=[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Via", f"1.1 {us}")])
        self.assertEqual(answer.status, 508)
        self.assertEqual(len(self.plain.requests), before)

    def test_others_of_our_product_are_others(self):
        proxy = self.start(allow=["127.0.0.1"])
        for field in ("1.1 codex-network-proxy", "1.1 codex-network-proxy-0123456789abcdef", "1.1 x (codex-network-proxy)"):
            self.assertEqual(proxy.get(self.plain.url, fields=[("Via", field)]).status, 200)

    def chained(self, names, upstream_port, port=0, **more):
        url = f"http://127.0.0.1:{upstream_port}"
        return self.start(allow=["**.test"], daemon=names.settings, env={"HTTP_PROXY": url, "HTTPS_PROXY": url},
                          network={"allow_upstream_proxy": True, "proxy_url": f"http://127.0.0.1:{port}", **more})

    def test_two_in_a_row_work(self):
        names = self.own(NameServer({"origin.test": ["127.0.0.1"]}))
        second = self.start(allow=["**.test"], daemon=names.settings)
        first = self.chained(names, second.address()[1], enable_socks5=True, socks_url="http://127.0.0.1:0")
        url = self.plain.at("origin.test", "/two")
        answer = first.get(url)
        self.assertEqual(answer.status, 200, answer)
        names_seen = [v.split()[1] for k, values in answer.json()["fields"] if k.lower() == "via" for v in values.split(", ")]
        self.assertEqual(len(set(names_seen)), 2)
        client, answer = first.connect(f"origin.test:{self.plain.port}")
        with client:
            self.assertEqual(answer.status, 200)
            client.send("GET /two HTTP/1.1\r\nHost: origin.test\r\n\r\n")
            self.assertEqual(client.response().status, 200)
        client = self.own(socks.SocksClient(first.address("socks")))
        client.greet()
        self.assertEqual(client.ask(socks.CONNECT, "origin.test", self.plain.port)[0], socks.SUCCESS)
        client.send(b"GET /two HTTP/1.1\r\nHost: origin.test\r\n\r\n")
        self.assertEqual(client.read(12), b"HTTP/1.1 200")

    def test_two_that_are_each_others_upstream_do_not_spin(self):
        names = self.own(NameServer({}))
        port = free_port()
        second = self.chained(names, port)
        first = self.chained(names, second.address()[1], port, enable_socks5=True, socks_url="http://127.0.0.1:0")
        answer = first.get("http://origin.test/")
        self.assertEqual(answer.status, 508, answer)
        answer = first.get("http://origin.test/", fields=[("Upgrade", "websocket"), ("Connection", "Upgrade")])
        self.assertEqual(answer.status, 502, answer)
        answer = first.get("https://origin.test/")
        self.assertEqual(answer.status, 502, answer)
        client, answer = first.connect("origin.test:443")
        client.close()
        self.assertEqual(answer.status, 502, answer)
        client = self.own(socks.SocksClient(first.address("socks")))
        client.greet()
        self.assertEqual(client.ask(socks.CONNECT, "origin.test", 443)[0], socks.FAILURE)
        for proxy, count in ((first, 10), (second, 5)):
            self.assertIn(f"\ncodex_network_proxy_requests_total {count}\n", proxy.admin("GET", "/metrics")[2])
        first.wait_for_line("msg=loop_detected", 5)

    def test_somebody_who_hands_everything_back(self):
        proxy = None
        def back(sock, head):
            with socket.create_connection(proxy.address()) as again:
                again.sendall(head)
                while data := again.recv(65536):
                    sock.sendall(data)
        relay = self.own(Scripted(serve=back))
        proxy = self.start(allow=["127.0.0.1"])
        answer = proxy.get(relay.url + "/", fields=[("Connection", "close")])
        self.assertEqual(answer.status, 508, answer)
        self.assertEqual(relay.connections, 1)


class AssociationTest(SystemTest):
    """A datagram to where clients of ours send to would be unwrapped and sent on, as often as it is wrapped."""

    def associate(self, proxy):
        control = self.own(socks.SocksClient(proxy.address("socks")))
        control.greet()
        code, relay = control.ask(socks.ASSOCIATE, "0.0.0.0", 0)
        self.assertEqual(code, socks.SUCCESS)
        sock = self.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.settimeout(20)
        sock.connect(relay)
        return sock, relay

    def test_no_datagram_goes_to_an_association(self):
        proxy = self.start(allow=["127.0.0.0/8", "localhost", "0.0.0.0", "::ffff:127.0.0.1"], network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0"})
        one, here = self.associate(proxy)
        _, there = self.associate(proxy)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.bind(("127.0.0.1", 0))
            end.settimeout(20)
            wrapped = b"\0\0\0" + socks.address(*end.getsockname()) + b"in"
            for host in ("127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"):
                for _, port in (here, there):
                    one.send(b"\0\0\0" + socks.address(host, port) + wrapped)
            one.send(wrapped)
            self.assertEqual(end.recvfrom(100)[0], b"in")
            end.setblocking(False)
            self.assertRaises(BlockingIOError, end.recvfrom, 100)
        blocked = proxy.blocked()["blocked"]
        self.assertEqual({(b["reason"], b["protocol"]) for b in blocked}, {("not_allowed_local", "socks5_udp")})
        self.assertEqual({b["host"] for b in blocked}, {"127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"})
