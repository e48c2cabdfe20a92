"""Names without a dot: search domains as glibc has them, and what is said of name servers that fail."""
import contextlib
import json
import os
import shutil
import socket
import sys
import threading

import socks_client as socks
from name_server import NameServer
from origins import Origin
from support import BIN, SystemTest, until


class SearchTest(SystemTest):
    def serve(self, names, allow=("svc",), domains="a.test b.test", options="", dns=None, **kw):
        self.origin = self.own(Origin())
        self.names = self.own(NameServer(names))
        settings = self.names.settings["dns"] | {"cache_size": 0} | (dns or {})
        self.proxy = self.start(allow=allow, daemon={"dns": settings},
                                env={"LOCALDOMAIN": domains, "RES_OPTIONS": options}, **kw)
        return self.proxy

    def ask(self, name):
        return self.proxy.get(self.origin.at(name, "/status/200"))

    def ask_in_vain(self):
        with contextlib.suppress(OSError, EOFError):
            self.proxy.get("http://svc/")

    def test_a_name_is_served_under_its_search_domain(self):
        self.serve({"svc.b.test": ["127.0.0.1"]})
        self.assertEqual(self.ask("svc").status, 200)
        self.assertEqual([n for n, k in self.names.questions if k == "A"], ["svc.a.test", "svc.b.test"])
        client, answer = self.proxy.connect("svc:%d" % self.origin.port)
        self.own(client)
        self.assertEqual(answer.status, 200)

    def test_only_the_name_as_written_has_to_be_allowed(self):
        self.serve({"svc.a.test": ["127.0.0.1"], "other.a.test": ["127.0.0.1"]}, allow=("svc", "*.a.test"))
        self.assertEqual(self.ask("svc").status, 200)
        self.names.questions.clear()
        # A name that is not allowed as it is written is not looked up at all.
        self.assertRefused(self.ask("other"), "not_allowed")
        self.assertEqual(self.names.questions, [])

    def test_the_name_that_resolved_must_not_be_denied(self):
        self.serve({"svc.a.test": ["127.0.0.1"]}, deny=("**.a.test",),
                   network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0"})
        self.assertRefused(self.ask("svc"), "denied")
        client, answer = self.proxy.connect("svc:%d" % self.origin.port)
        self.own(client)
        self.assertRefused(answer, "denied")
        client = self.own(socks.SocksClient(self.proxy.address("socks")))
        client.greet()
        self.assertEqual(client.ask(socks.CONNECT, "svc", self.origin.port)[0], socks.NOT_ALLOWED)

    def test_a_look_up_that_half_failed_ends_with_its_channel(self):
        for how in ("reload", "end"):
            with self.subTest(how):
                self.serve(lambda name, kind, count: "servfail" if kind == "A" else "silent")
                asking = threading.Thread(target=self.ask_in_vain)
                asking.start()
                until(lambda: self.names.asked("svc.a.test", "AAAA") and self.names.asked("svc.a.test", "A"), "both are asked")
                if how == "reload":
                    self.proxy.configure(daemon={"dns": {"cache_size": 5}, "timeouts": {"dns": "500ms"}})
                    self.assertEqual(self.proxy.reload()[0], 200)
                    asking.join(60)
                    self.assertEqual(self.proxy.admin("GET", "/health")[0], 200)
                self.proxy.close()  # complains of a daemon that crashed
                asking.join(60)

    def test_a_whole_name_is_not_served_by_what_a_search_domain_found(self):
        self.serve({"svc.a.test": ["127.0.0.1"]})
        self.assertEqual(self.ask("svc.").status, 502)
        self.assertEqual(self.ask("svc").status, 200)
        for _ in range(4):
            self.assertEqual(self.ask("svc.").status, 502)

    def test_a_short_name_does_not_lead_round_hooks(self):
        hook = {"host": "api.a.test", "match": {"methods": ["GET"], "path_prefixes": ["/ok"]}}
        self.serve({"api.a.test": ["127.0.0.1"]}, allow=("api", "api.a.test"), network={"mitm": True, "mitm_hooks": [hook]})
        self.assertRefused(self.ask("api.a.test"), "mitm_required")
        self.assertRefused(self.ask("api"), "mitm_required")

    def test_a_tunnel_ends_when_the_name_that_resolved_is_denied(self):
        self.serve({"svc.a.test": ["127.0.0.1"]})
        client, answer = self.proxy.connect("svc:%d" % self.origin.port)
        self.own(client)
        self.assertEqual(answer.status, 200)
        self.proxy.configure(deny=["**.a.test"])
        status, told = self.proxy.reload()
        self.assertEqual((status, told["closed_tunnels"]), (200, 1))
        self.assertTrue(client.closed())

    def test_a_local_address_stays_refused(self):
        self.serve({"svc.a.test": ["127.0.0.1"]}, network={"allow_local_binding": False})
        self.assertRefused(self.ask("svc"), "not_allowed_local")

    def test_options_and_whole_names(self):
        self.serve({"svc": ["127.0.0.1"], "svc.a.test": ["127.0.0.2"]}, allow=("svc", "svc.x"), options="ndots:0")
        self.assertEqual(self.ask("svc").status, 200)
        self.assertEqual([n for n, k in self.names.questions if k == "A"], ["svc"])
        for name in ("svc.x", "svc.x."):  # with a dot nothing is added
            self.assertEqual(self.ask(name).status, 502)
        self.assertEqual({n for n, _ in self.names.questions}, {"svc", "svc.x"})

    def test_a_dot_at_the_end_makes_a_name_whole(self):
        self.serve({"svc.a.test": ["127.0.0.1"]})
        self.assertEqual(self.ask("svc.").status, 502)
        self.assertEqual({n for n, _ in self.names.questions}, {"svc"})

    def test_it_can_be_turned_off(self):
        self.serve({"svc.a.test": ["127.0.0.1"]}, dns={"search": False})
        self.assertEqual(self.ask("svc").status, 502)
        self.assertEqual({n for n, _ in self.names.questions}, {"svc"})
        self.proxy.configure(daemon={"dns": {"search": True}})
        self.assertEqual(self.proxy.reload()[0], 200)
        self.assertEqual(self.ask("svc").status, 200)

    def test_explain_says_which_name_resolved(self):
        self.serve({"svc.b.test": ["127.0.0.1"]})
        status, _, told = self.proxy.admin("GET", "/explain?url=http://svc/")
        self.assertEqual((status, told["decision"]), (200, "allow"))
        self.assertIn("svc.b.test", json.dumps(told["steps"]))
        out = self.run_tool(BIN, "--config", self.proxy.config_file, "explain", "http://svc/", env=self.proxy.env)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("svc.b.test", out.stdout)
        out = self.run_tool(BIN, "--config", self.proxy.config_file, "explain", "--resolve", "svc.a.test=10.0.0.1",
                            "http://svc/", env=self.proxy.env)
        self.assertIn("svc.a.test", out.stdout)

    def test_a_datagram_goes_the_same_way(self):
        self.serve({"svc.a.test": ["127.0.0.1"]}, deny=("svc.b.test",),
                   network={"enable_socks5": True, "socks_url": "http://127.0.0.1:0"})
        echo = self.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        echo.bind(("127.0.0.1", 0))
        echo.settimeout(20)
        control = self.own(socks.SocksClient(self.proxy.address("socks")))
        control.greet()
        code, relay = control.ask(socks.ASSOCIATE, "0.0.0.0", 0)
        self.assertEqual(code, socks.SUCCESS)
        client = self.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        client.settimeout(1)

        def arrives():
            client.sendto(b"\0\0\0" + socks.address("svc", echo.getsockname()[1]) + b"hello", relay)
            echo.settimeout(1)
            try:
                return echo.recv(100) == b"hello"
            except TimeoutError:
                return False
        until(arrives, "the datagram reaches what the search domain leads to")

    def test_a_name_that_only_ends_in_localhost_is_judged_by_its_address(self):
        self.serve({"mylocalhost": ["127.0.0.1"], "notlocalhost": ["1.1.1.1"]}, allow=("mylocalhost", "notlocalhost"),
                   domains="")
        self.assertEqual(self.ask("mylocalhost").status, 200)
        self.assertEqual(self.names.asked("mylocalhost", "A"), 1)
        self.proxy.configure(network={"allow_local_binding": False})
        self.assertEqual(self.proxy.reload()[0], 200)
        self.assertRefused(self.ask("mylocalhost"), "not_allowed_local")
        told = self.proxy.admin("GET", "/explain?url=http://notlocalhost/")[2]
        self.assertEqual((told["decision"], told["addresses"]), ("allow", ["1.1.1.1"]))

    def test_a_hosts_file_gives_such_a_name_its_address(self):
        hosts = os.path.join(self.tmp, "hosts")
        with open(hosts, "w") as out:
            out.write("127.0.0.1 mylocalhost\n1.1.1.1 publiclocalhost\n")
        self.serve({}, allow=("mylocalhost", "publiclocalhost"), dns={"hosts_file": hosts},
                   network={"allow_local_binding": False})
        self.assertRefused(self.ask("mylocalhost"), "not_allowed_local")
        told = self.proxy.admin("GET", "/explain?url=http://publiclocalhost/")[2]
        self.assertEqual((told["decision"], told["addresses"]), ("allow", ["1.1.1.1"]))
        self.assertEqual(self.names.questions, [])

    def test_what_name_servers_fail_with_is_told(self):
        answers = {"broken.test": "servfail", "refused.test": "refused", "none.test": "nxdomain", "empty.test": []}
        self.serve(answers, allow=("*.test",), domains="")
        for name, status, words in (("broken.test", 502, "SERVFAIL"), ("refused.test", 502, "REFUSED"),
                                    ("none.test", 502, "NXDOMAIN"), ("empty.test", 502, "NODATA")):
            with self.subTest(name):
                answer = self.ask(name)
                self.assertEqual(answer.status, status)
                self.assertIn("dns_error", answer.get("proxy-status"))
                self.assertIn(words, answer.text())
        self.proxy.configure(daemon={"dns": {"servers": ["127.0.0.1:1"]}})
        self.assertEqual(self.proxy.reload()[0], 200)
        answer = self.ask("any.test")
        self.assertEqual(answer.status, 502)
        self.assertIn("no name server can be reached: 127.0.0.1:1", answer.text())

    def test_a_silent_server_names_the_timeout(self):
        self.serve({"x.test": "silent"}, allow=("x.test",), domains="")
        self.proxy.configure(daemon={"timeouts": {"dns": "200ms"}})
        self.assertEqual(self.proxy.reload()[0], 200)
        answer = self.ask("x.test")
        self.assertEqual(answer.status, 504)
        self.assertIn("dns_timeout", answer.get("proxy-status"))
        self.assertIn("timeouts.dns = 200ms", answer.text())


class ResolvConfTest(SystemTest):
    def test_the_file_of_the_system_is_obeyed(self):
        if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
            self.skipTest("needs root, unshare and ip for namespaces of its own")
        proxy = self.prepare(allow=("svc",))
        env = {k: v for k, v in proxy.env.items() if k not in ("LOCALDOMAIN", "RES_OPTIONS")}
        here = os.path.dirname(os.path.abspath(__file__))
        out = self.run_tool("unshare", "-n", "-m", sys.executable, "-B", os.path.join(here, "resolv_conf_box.py"),
                            os.path.join(self.tmp, "resolv.conf"), BIN, proxy.config_file, env=env)
        if out.returncode == 77:
            self.skipTest("no namespaces here: " + out.stderr)
        first, second = out.stdout.split("----")
        self.assertIn("svc.ns.test", first, out.stderr)
        self.assertIn("svc.other.test", second, out.stderr)
