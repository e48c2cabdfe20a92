"""What the policy keeps closed, tried the way an attacker would: odd spellings, the proxy's own ports, hostile DNS."""
from name_server import NameServer
from origins import Origin
from support import SystemTest, free_port

# Public by every registry, announced by nobody: dialling them reaches no one.
NOWHERE = ["25.0.0.1", "3ffe::1"]

LOOPBACK = ["127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "017700000001",
            "0177.0.0.1", "127.0.0.1.", "0.0.0.0", "0", "localhost", "LOCALHOST", "localhost.", "sub.localhost", "[::1]",
            "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
            "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]"]

NON_PUBLIC = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "169.254.1.1", "192.0.0.1",
              "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
              "[fc00::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]", "[fd00:ec2::254]"]


class LocalTest(SystemTest):
    """Without allow_local_binding nothing local is reached, whatever it is called."""

    def check_refused(self, proxy, hosts, port):
        for host in hosts:
            with self.subTest(host):
                self.assertRefused(proxy.get(f"http://{host}:{port}/"), "not_allowed_local")
                client, answer = proxy.connect(f"{host}:{port}")
                client.close()
                self.assertRefused(answer, "not_allowed_local")

    def test_every_spelling_of_a_local_address_is_refused(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["**.example.com", "0.0.0.0/0", "::/0"], network={"allow_local_binding": False})
        self.check_refused(proxy, LOOPBACK + NON_PUBLIC, origin.port)
        self.assertEqual(origin.connections, 0)

    def test_full_width_digits_are_the_address_they_read_as(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["**.example.com"], network={"allow_local_binding": False})
        with proxy.client() as client:
            authority = f"１２７.０.０.１:{origin.port}"
            client.send(f"GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
            answer = client.response()
        self.assertIn(answer.status, (400, 403), answer)
        self.assertEqual(origin.connections, 0)

    def test_a_listed_literal_opens_that_address_only(self):
        origin, other = self.own(Origin()), self.own(Origin("127.0.0.2"))
        proxy = self.start(allow=["127.0.0.1"], network={"allow_local_binding": False})
        self.assertEqual(proxy.get(origin.url).status, 200)
        self.assertEqual(proxy.get(f"http://0x7f.1:{origin.port}/").status, 200, "judged as the address it is")
        self.assertRefused(proxy.get(other.url), "not_allowed_local")
        self.assertRefused(proxy.get(origin.at("localhost")), "not_allowed_local")

    def test_a_local_cidr_opens_its_addresses_and_a_public_one_opens_nothing_local(self):
        origin = self.own(Origin("127.0.0.2"))
        self.assertEqual(self.start(allow=["127.0.0.0/8"], network={"allow_local_binding": False}).get(origin.url).status, 200)
        wide = self.start(allow=["0.0.0.0/0"], network={"allow_local_binding": False})
        self.assertRefused(wide.get(origin.url), "not_allowed_local")

    def test_localhost_listed_is_reached_without_dns(self):
        origin = self.own(Origin())
        names = self.own(NameServer({}))
        proxy = self.start(allow=["localhost"], network={"allow_local_binding": False}, daemon=names.settings)
        self.assertEqual(proxy.get(origin.at("localhost")).status, 200)
        self.assertEqual(names.questions, [])

    def test_an_ipv6_origin_is_reached_by_its_literal(self):
        origin = self.own(Origin("::1"))
        proxy = self.start(allow=["::1"])
        self.assertEqual(proxy.get(origin.url).json()["target"], "/")
        self.assertEqual(proxy.get(f"http://[0:0::0:1]:{origin.port}/").status, 200)


class OwnListenersTest(SystemTest):
    def test_the_proxy_never_relays_to_itself(self):
        names = self.own(NameServer({"me.test": ["127.0.0.1"]}))
        proxy = self.start(allow=["127.0.0.1", "localhost", "me.test", "127.0.0.0/8"], daemon=names.settings)
        for listener in ("http", "admin"):
            _, port = proxy.address(listener)
            for host in ("127.0.0.1", "localhost", "0x7f.1", "me.test", "[::ffff:127.0.0.1]"):
                with self.subTest(listener=listener, host=host):
                    self.assertRefused(proxy.get(f"http://{host}:{port}/health"), "not_allowed_local")
                    client, answer = proxy.connect(f"{host}:{port}")
                    client.close()
                    self.assertRefused(answer, "not_allowed_local")


class ListsTest(SystemTest):
    def test_deny_beats_allow_and_names_its_rule(self):
        origin = self.own(Origin())
        names = self.own(NameServer(lambda name, *_: ["127.0.0.1"]))
        proxy = self.start(allow=["**.test"], deny=["*.evil.test", f"port.test:{origin.port}"], daemon=names.settings)
        self.assertEqual(proxy.get(origin.at("good.test")).status, 200)
        self.assertEqual(proxy.get(origin.at("evil.test")).status, 200, "*.x does not cover x")
        for host in ("a.evil.test", "a.b.EVIL.test.", "port.test"):
            with self.subTest(host):
                answer = proxy.get(origin.at(host))
                self.assertRefused(answer, "denied")
                self.assertEqual(answer.get("x-proxy-error"), "blocked-by-denylist")
                self.assertEqual(answer.json()["message"], "Domain denied by the sandbox policy.")
        self.assertIn("*.evil.test", proxy.get(origin.at("a.evil.test")).json()["rule"])
        self.assertEqual(names.asked("a.evil.test"), 0, "a denied name is never looked up")

    def test_a_denied_cidr_holds_for_what_a_name_resolves_to(self):
        origin = self.own(Origin("127.0.0.2"))
        names = self.own(NameServer({"name.test": ["127.0.0.2"]}))
        proxy = self.start(allow=["name.test"], deny=["127.0.0.2/32"], daemon=names.settings)
        self.assertRefused(proxy.get(origin.at("name.test")), "denied")
        self.assertEqual(origin.connections, 0)

    def test_a_host_that_is_none_is_400(self):
        proxy = self.start(allow=["**.test"])
        for host in ("a..test", ".test", "-" * 64 + ".test", "a b.test", "a_b!.test", "x." * 127 + "test", "a%00.test"):
            with self.subTest(host):
                self.assertEqual(proxy.get(f"http://{host}/").status, 400)

    def test_limited_mode_reads_only(self):
        origin = self.own(Origin())
        proxy = self.start(allow=["127.0.0.1"], network={"mode": "limited"})
        for method, status in (("GET", 200), ("HEAD", 200), ("OPTIONS", 200), ("POST", 403), ("get", 403), ("DELETE", 403)):
            with self.subTest(method):
                self.assertEqual(proxy.get(origin.url, method=method).status, status)
        self.assertRefused(proxy.get(origin.url, method="PUT", body=b"x"), "method_not_allowed")
        upgrade = proxy.get(origin.url + "/upgrade", fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
        self.assertRefused(upgrade, "method_not_allowed")
        client, answer = proxy.connect(origin.authority)
        client.close()
        self.assertRefused(answer, "mitm_required")
        self.assertEqual(answer.get("x-proxy-error"), "blocked-by-mitm-required")
        self.assertEqual(len(origin.requests), 3)


class HostileDnsTest(SystemTest):
    def test_an_answer_that_turns_private_is_never_dialled(self):
        origin = self.own(Origin())
        names = self.own(NameServer(lambda name, kind, count: NOWHERE if count == 0 else ["127.0.0.1"]))
        proxy = self.start(allow=["rebind.test"], network={"allow_local_binding": False},
                           daemon={**names.settings, "timeouts": {"connect": "1s"}})
        first = proxy.get(origin.at("rebind.test"))
        self.assertIn(first.status, (502, 504), first)
        for kind in ("A", "AAAA"):
            self.assertLessEqual(names.asked("rebind.test", kind), 1, "one question per request: what is judged is dialled")
        self.assertRefused(proxy.get(origin.at("rebind.test")), "not_allowed_local")
        self.assertEqual(origin.connections, 0)

    def test_only_the_judged_address_is_dialled(self):
        good, denied = self.own(Origin("127.0.0.3")), self.own(Origin("127.0.0.2"))
        names = self.own(NameServer(lambda name, kind, count: ["127.0.0.3"] if count == 0 else ["127.0.0.2"]))
        proxy = self.start(allow=["swap.test"], deny=["127.0.0.2"], daemon=names.settings)
        self.assertEqual(proxy.get(good.at("swap.test")).status, 200)
        self.assertRefused(proxy.get(denied.at("swap.test")), "denied")
        self.assertEqual(denied.connections, 0)

    def test_one_private_address_among_public_ones_refuses_all(self):
        origin = self.own(Origin())
        answers = {"mixed.test": [*NOWHERE, "127.0.0.1"], "six.test": ["25.0.0.1", "::1"], "mapped.test": ["::ffff:127.0.0.1"],
                   "nat64.test": ["64:ff9b::7f00:1"], "zero.test": ["0.0.0.0"], "metadata.test": ["169.254.169.254"]}
        names = self.own(NameServer(answers, late_a=True))  # one answer alone is judged when the other is late
        proxy = self.start(allow=["**.test"], network={"allow_local_binding": False}, daemon=names.settings)
        for name in answers:
            with self.subTest(name):
                self.assertRefused(proxy.get(origin.at(name)), "not_allowed_local")
        self.assertEqual(origin.connections, 0)

    def test_metadata_stays_closed_even_with_local_binding(self):
        names = self.own(NameServer({"cloud.test": ["169.254.169.254"], "six.test": ["fd00:ec2::254"]}))
        proxy = self.start(allow=["**.test", "169.254.0.0/16"], daemon=names.settings)
        for host in ("cloud.test", "six.test", "169.254.169.254"):
            with self.subTest(host):
                self.assertRefused(proxy.get(f"http://{host}/latest/meta-data/"), "not_allowed_local")

    def test_dns_faults_are_not_verdicts(self):
        names = self.own(NameServer({"refused.test": "refused", "failed.test": "servfail", "empty.test": [],
                                     "silent.test": "silent"}))
        proxy = self.start(allow=["**.test"], daemon=names.settings)
        for host, status, error in (("refused.test", 502, "dns_error"), ("failed.test", 502, "dns_error"),
                                    ("empty.test", 502, "dns_error"), ("unknown.test", 502, "dns_error"),
                                    ("silent.test", 504, "dns_timeout")):
            with self.subTest(host):
                if error == "dns_timeout":  # the others have all the time there is
                    proxy.configure(daemon={"timeouts": {"dns": "1s"}})
                    self.assertEqual(proxy.reload()[0], 200)
                answer = proxy.get(f"http://{host}/")
                self.assertEqual(answer.status, status, answer)
                self.assertIn(error, answer.get("proxy-status"))
                self.assertIn(error, answer.text())
                client, answer = proxy.connect(f"{host}:443")
                client.close()
                self.assertEqual(answer.status, status, answer)
        self.assertEqual(proxy.blocked()["total"], 0)

    def test_nobody_listening_is_502(self):
        proxy = self.start(allow=["127.0.0.1"])
        port = free_port()
        client, tunnel = proxy.connect(f"127.0.0.1:{port}")
        client.close()
        for answer in (proxy.get(f"http://127.0.0.1:{port}/"), tunnel):
            self.assertEqual(answer.status, 502, answer)
            self.assertIn("connection_refused", answer.get("proxy-status"))
