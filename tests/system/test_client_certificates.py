"""Origins that want to know who we are (mTLS): what they are shown, what they are not, and what a failure says."""
import os
import shutil
import ssl
import subprocess
import tempfile

from http2_origin import Http2Origin
from http2_peer import Peer
from origins import Authority, Origin
from support import BIN, SystemTest
from test_intercept import Intercepting

INSPECT = {"enabled": True, "inspect": True}


class Certified(Intercepting):
    """Origins that ask for a certificate of the authority `clients`, and two that it has certified."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="proxy-")
        cls.addClassCleanup(shutil.rmtree, folder)
        for name in ("servers", "clients", "strangers"):
            os.mkdir(os.path.join(folder, name))
        cls.authority = Authority(os.path.join(folder, "servers"))
        cls.clients = Authority(os.path.join(folder, "clients"))
        cls.strangers = Authority(os.path.join(folder, "strangers"))
        cls.alice, cls.bob = cls.certified(cls.clients, "alice"), cls.certified(cls.clients, "bob")
        cls.mallory = cls.certified(cls.strangers, "mallory")

    @staticmethod
    def certified(by, name):
        by.server(name)
        stem = os.path.join(by.folder, name)
        return {"cert": stem + ".pem", "key": stem + ".key"}

    def setUp(self):
        SystemTest.setUp(self)

    def tls(self, wanted=ssl.CERT_REQUIRED, version=None):
        context = self.authority.server("localhost", "127.0.0.1")
        context.verify_mode = wanted
        context.load_verify_locations(self.clients.bundle)
        if version:
            context.maximum_version = version
        return context

    def proxy_with(self, *certificates, **more):
        return self.intercepting("full", INSPECT, network={"client_certificates": list(certificates), **more.pop("network", {})}, **more)

    def asking(self, **kw):
        """An origin that tells whose certificate it was shown, at /who, over HTTP/1.1 or HTTP/2."""
        who = lambda connection: dict(x[0] for x in (connection.getpeercert() or {"subject": ()})["subject"]).get("commonName", "nobody")
        def page(exchange):
            if hasattr(exchange, "connection"):
                exchange.reply(who(exchange.connection).encode())
            else:
                origin.reply(exchange, who(exchange.peer.sock).encode())
        h2 = kw.pop("h2", False)
        origin = self.own((Http2Origin if h2 else Origin)(tls=self.tls(**kw), pages={"/who": page}))
        return origin

    def h2_client(self, proxy, origin, name="localhost"):
        context = self.trust(proxy, ["h2", "http/1.1"])
        sock = self.tunnel(proxy, f"{name}:{origin.port}", name, context).sock
        return self.own(Peer(sock, f"{name}:{origin.port}").start())

    def inside(self, proxy, origin, path="/who", name="localhost"):
        client = self.tunnel(proxy, f"{name}:{origin.port}", name)
        return self.ask(client, path=path, host=f"{name}:{origin.port}")


class ShownTest(Certified):
    def test_every_way_to_an_origin_shows_it(self):
        h1, h2 = self.asking(), self.asking(h2=True)
        proxy = self.proxy_with({"hosts": ["localhost"], **self.alice})
        for origin in (h1, h2):
            self.assertEqual(self.inside(proxy, origin).text(), "alice")
            self.assertEqual(proxy.get(origin.at("localhost", "/who")).text(), "alice")
            self.assertEqual(self.h2_client(proxy, origin).ask(path="/who").text(), "alice")
        switch = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        client = self.tunnel(proxy, f"localhost:{h1.port}")
        self.assertEqual(self.ask(client, path="/upgrade", fields=switch, host=f"localhost:{h1.port}").status, 101)

    def test_old_tls_shows_it_too(self):
        origin = self.asking(version=ssl.TLSVersion.TLSv1_2)
        proxy = self.proxy_with({"hosts": ["localhost"], **self.alice})
        self.assertEqual(proxy.get(origin.at("localhost", "/who")).text(), "alice")

    def test_absolute_form_needs_no_interception(self):
        origin = self.asking()
        proxy = self.start(allow=["localhost"], network={"client_certificates": [{"hosts": ["localhost"], **self.alice}]},
                           env={"SSL_CERT_FILE": self.authority.bundle})
        self.assertEqual(proxy.get(origin.at("localhost", "/who")).text(), "alice")

    def test_only_hosts_and_ports_that_fit_see_it_and_the_first_entry_counts(self):
        one, two = self.asking(wanted=ssl.CERT_OPTIONAL), self.asking(wanted=ssl.CERT_OPTIONAL)
        proxy = self.proxy_with({"hosts": [f"localhost:{one.port}"], **self.alice}, {"hosts": ["local*", "other.test"], **self.bob})
        expected = {(one, "localhost"): "alice", (two, "localhost"): "bob", (one, "127.0.0.1"): "nobody", (two, "127.0.0.1"): "nobody"}
        for _ in range(2):  # over new connections, then kept ones
            for (origin, name), who in expected.items():
                with self.subTest(name=name, who=who):
                    self.assertEqual(proxy.get(origin.at(name, "/who")).text(), who)
                    self.assertEqual(self.inside(proxy, origin, name=name).text(), who)

    def test_a_reload_picks_up_other_files_and_entries(self):
        folder = self.folder("mine")
        paths = {"cert": os.path.join(folder, "me.pem"), "key": os.path.join(folder, "me.key")}
        def put(which):
            for kind, path in paths.items():
                shutil.copyfile(which[kind], path)
                os.chmod(path, 0o600)
        origin = self.asking(wanted=ssl.CERT_OPTIONAL)
        put(self.alice)
        proxy = self.proxy_with({"hosts": ["localhost"], **paths})
        self.assertEqual(proxy.get(origin.at("localhost", "/who")).text(), "alice")
        put(self.bob)
        self.assertEqual(proxy.get(origin.at("localhost", "/who")).text(), "alice")
        self.assertEqual(proxy.reload()[0], 200)
        self.assertEqual(proxy.get(origin.at("localhost", "/who")).text(), "bob")
        shutil.copyfile(self.alice["key"], paths["key"])
        status, told = proxy.reload()
        self.assertNotEqual(status, 200)
        self.assertIn("does not match", str(told))
        self.assertEqual(proxy.get(origin.at("localhost", "/who")).text(), "bob")
        proxy.network["client_certificates"] = []
        proxy.configure()
        self.assertEqual(proxy.reload()[0], 200)
        self.assertEqual(proxy.get(origin.at("localhost", "/who")).text(), "nobody")


class FailureTest(Certified):
    def assertFault(self, answer, *words):
        self.assertEqual(answer.status, 502, answer)
        self.assertIn("tls_protocol_error", answer.get("proxy-status"))
        for word in words:
            self.assertIn(word, answer.text())

    def test_an_origin_that_wants_one_and_gets_none_is_told_so(self):
        proxy = self.proxy_with({"hosts": ["other.test"], **self.alice})
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for h2 in (False, True):
                with self.subTest(version=version, h2=h2):
                    origin = self.asking(version=version, h2=h2)
                    words = ("asks for a client certificate", "client_certificates has none for localhost")
                    self.assertFault(proxy.get(origin.at("localhost", "/who")), *words)
                    self.assertFault(self.inside(proxy, origin), *words)
                    self.assertFault(self.h2_client(proxy, origin).ask(path="/who"), *words)
                    with proxy.client() as client:
                        self.assertFault(client.request(origin.at("localhost", "/who"), method="POST", body=b"x" * 500_000), *words)

    def test_one_that_is_not_taken_is_named(self):
        proxy = self.proxy_with({"hosts": ["localhost"], **self.mallory})
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version=version):
                origin = self.asking(version=version)
                self.assertFault(proxy.get(origin.at("localhost", "/who")), "does not take the client certificate", self.mallory["cert"])

    def test_an_alert_behind_the_handshake_is_told(self):
        proxy = self.proxy_with()
        origin = self.asking(version=ssl.TLSVersion.TLSv1_3)
        self.assertFault(proxy.get(origin.at("localhost", "/who")), "alert: certificate required")


class CheckTest(Certified):
    def check(self, *certificates):
        proxy = self.prepare(network={"client_certificates": list(certificates)})
        return self.run_tool(BIN, "check", "--config", proxy.config_file, env=proxy.env)

    def test_what_fits_is_fine(self):
        done = self.check({"hosts": ["**.corp.test", "10.0.0.0/8", "a.test:8443"], **self.alice})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_one_whose_time_is_over_is_a_warning(self):
        stem = os.path.join(self.folder("old"), "old")
        for command in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=old",
                         "-keyout", stem + ".key", "-out", stem + ".csr"],
                        ["x509", "-req", "-in", stem + ".csr", "-signkey", stem + ".key", "-days", "-1", "-out", stem + ".pem"]):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        done = self.check({"hosts": ["a.test"], "cert": stem + ".pem", "key": stem + ".key"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("warning", done.stderr)
        self.assertIn("old.pem expired on ", done.stderr)

    def test_what_cannot_be_used_is_told_with_its_place(self):
        folder = self.folder("odd")
        open_key, no_pem, link = (os.path.join(folder, name) for name in ("open.key", "no.pem", "link.key"))
        shutil.copyfile(self.alice["key"], open_key)
        os.chmod(open_key, 0o644)
        with open(no_pem, "w") as out:
            out.write("hello\n")
        os.chmod(no_pem, 0o600)
        locked = os.path.join(folder, "locked.key")
        subprocess.run(["openssl", "ec", "-in", self.alice["key"], "-aes128", "-passout", "pass:secret", "-out", locked],
                       check=True, capture_output=True)
        os.chmod(locked, 0o600)
        hosts = {"hosts": ["a.test"]}
        for what, entry, words in (
                ("the key of another", {**hosts, "cert": self.alice["cert"], "key": self.bob["key"]}, "does not match"),
                ("no certificate", {**hosts, "cert": folder + "/none.pem", "key": self.alice["key"]}, "none.pem is missing"),
                ("no key", {**hosts, "cert": self.alice["cert"], "key": folder + "/none.key"}, "none.key is missing"),
                ("a key that others can read", {**hosts, "cert": self.alice["cert"], "key": open_key}, "chmod 600"),
                ("a certificate that is none", {**hosts, "cert": no_pem, "key": self.alice["key"]}, "no PEM certificate"),
                ("a key that is none", {**hosts, "cert": self.alice["cert"], "key": no_pem}, "failed to parse the client key"),
                ("a key with a password", {**hosts, "cert": self.alice["cert"], "key": locked}, "without a password"),
                ("no hosts", self.alice, "hosts: expected a list of host patterns"),
                ("empty hosts", {"hosts": [], **self.alice}, "hosts: expected a list of host patterns"),
                ("a bad pattern", {"hosts": ["*"], **self.alice}, '"*"'),
                ("no path", {**hosts, "cert": self.alice["cert"]}, "key: expected the path of a PEM file"),
                ("an unknown key", {**hosts, **self.alice, "crt": "x"}, "did you mean cert?")):
            with self.subTest(what):
                done = self.check(entry)
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertIn("client_certificates[0]", done.stderr)
                self.assertIn(words, done.stderr)
                self.assertRegex(done.stderr, r"config\.toml:\d+:\d+: ")
                self.assertNotIn("PRIVATE KEY", done.stderr)

    def test_the_configuration_that_is_shown_names_the_files(self):
        proxy = self.proxy_with({"hosts": ["localhost"], **self.alice})
        shown = proxy.admin("GET", "/config")[2]["permissions"]["test"]["network"]["client_certificates"]
        self.assertEqual(shown, [{"hosts": ["localhost"], **self.alice}])
